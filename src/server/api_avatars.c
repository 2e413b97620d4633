/*
 * REST about avatars (docs/protocol.md): the list, making one of a photo or a video that somebody uploads,
 * and removing such a one. Who may is the setting server.avatar_uploads; the body itself is in uploads.c.
 */
#include "base/mem.h"
#include "server/private.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* ---- who ---- */

/* Whose an avatar is: what the client calls itself is a password, so a digest of it is kept. */
static void owner_of(const char *client, char owner[AC_STUDIO_OWNER])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    owner[0] = '\0';
    if (!*client || !EVP_Digest(client, strlen(client), digest, &n, EVP_sha256(), NULL))
        return;
    for (unsigned i = 0; i < n && i < 32; i++)
        snprintf(owner + 2 * i, 3, "%02x", digest[i]);
}

static void copy_client(struct lws *wsi, char *client, int size)
{
    static const char header[] = "x-client-id:";
    if (lws_hdr_custom_copy(wsi, client, size, header, sizeof header - 1) < 0 || !ac_client_id_valid(client))
        client[0] = '\0';
}

static bool may_make(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    bool admin;
    return !guard_access(s, wsi, &pss->req->who, ACCESS_AVATARS, &admin).status;
}

/* ---- the list ---- */

struct avatars {
    json_t *list;
    struct job *job;
    const char *engine;
    char owner[AC_STUDIO_OWNER]; /* who asks */
    bool have_default;
};

static json_t *avatar_json(const char *id, const char *name, const char *gender)
{
    char *poster = ac_asprintf("/api/avatars/%s/poster.jpg", id);
    char *idle = ac_asprintf("/api/avatars/%s/idle.mp4", id);
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", id, "name", name, "gender", gender, "poster",
                          poster, "idle", idle);
    free(poster);
    free(idle);
    return j;
}

static void add_upload(json_t *j, const char *id, bool removable)
{
    char *preview = ac_asprintf("/api/avatars/%s/preview.jpg", id);
    json_object_set_new(j, "preview", json_string(preview));
    json_object_set_new(j, "removable", json_boolean(removable));
    free(preview);
}

static void add_avatar(void *arg, const struct ac_item *item)
{
    struct avatars *a = arg;
    char owner[AC_STUDIO_OWNER];
    if (!ac_session_id_valid(item->id))
        return; /* could not be part of a path */
    json_t *j = avatar_json(item->id, item->name, item->gender);
    json_object_set_new(j, "detail", json_string(item->detail));
    json_object_set_new(j, "engine", json_string(a->engine));
    json_object_set_new(j, "note", json_string(item->note ? item->note : ""));
    if (ac_studio_uploaded(a->job->server->studio, item->id, owner))
        add_upload(j, item->id, a->job->may_make && (a->job->admin || (*owner && !strcmp(owner, a->owner))));
    if (item->is_default && !a->have_default) /* who is shown where a session names nobody heads the list */
        json_array_insert_new(a->list, 0, j);
    else
        json_array_append_new(a->list, j);
    a->have_default |= item->is_default;
}

static void list_avatars(struct job *job)
{
    struct avatars a = {.list = json_array(), .job = job};
    struct ac_hub *hub = job->server->hub;
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(ac_hub_config(hub), AC_STAGE_AVATAR, &engines);
    owner_of(job->client, a.owner);
    for (size_t i = 0; i < n; i++) {
        a.engine = engines[i]->name;
        ac_models_list_engine(ac_hub_models(hub), engines[i], add_avatar, &a);
    }
    api_job_json(job, a.list, JSON_COMPACT);
}

int api_get_avatars(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    struct job *job = api_new_job(pss, list_avatars);
    copy_client(wsi, job->client, sizeof job->client);
    job->may_make = may_make(s, wsi, pss);
    return api_post_job(s, wsi, pss, s->lists, job);
}

json_t *api_uploads_json(const struct job *job)
{
    struct ac_server *s = job->server;
    return json_pack("{s:b, s:I}", "allowed", job->may_make && ac_studio_able(s->studio), "max_bytes",
                     (json_int_t)server_config(s)->max_upload_mb * 1000000);
}

int api_get_status(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    struct job *job = api_new_job(pss, api_read_status);
    job->may_make = may_make(s, wsi, pss);
    return api_post_job(s, wsi, pss, s->admin, job);
}

/* ---- jobs of the studio ---- */

static int problem_status(int err)
{
    switch (err) {
    case AC_EINVAL:
    case AC_ELIMIT:
    case AC_ETIMEDOUT:
        return 422;
    case AC_EBUSY:
        return 409;
    case AC_ENOTSUP:
        return 501;
    default:
        return err == AC_EINTERNAL ? 500 : 503;
    }
}

static json_t *problem_json(const struct ac_studio_job *m)
{
    if (m->state != AC_MAKING_FAILED)
        return json_null();
    int status = *m->code ? 422 : problem_status(m->err); /* a refusal of the file has a code */
    return json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title", http_status_title(status),
                     "status", status, "detail", m->reason, "code", *m->code ? m->code : ac_err_name(m->err));
}

void api_look_making(struct job *job)
{
    struct ac_studio_job m;
    if (!ac_studio_look(job->server->studio, job->session, &m)) {
        job->err = AC_ENOENT;
        snprintf(job->reason, sizeof job->reason, "there is no such job (any more)");
        return;
    }
    json_t *found = json_array(), *avatar = json_null();
    for (size_t i = 0; i < m.n_found; i++)
        json_array_append_new(found, json_string(m.found[i]));
    if (m.state == AC_MAKING_DONE) {
        avatar = avatar_json(m.avatar, m.name, m.gender);
        add_upload(avatar, m.avatar, true);
    }
    api_job_json(job,
                 json_pack("{s:s, s:s, s:s, s:f, s:s, s:o, s:o, s:o}", "job", job->session, "state",
                           ac_making_name(m.state), "id", m.avatar, "progress", m.progress, "step", m.step,
                           "found", found, "avatar", avatar, "problem", problem_json(&m)),
                 JSON_COMPACT | JSON_REAL_PRECISION(4));
}

int api_get_making(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, api_look_making));
}

static void cancel_making(struct job *job)
{
    job->nothing = true;
    if (!ac_studio_cancel(job->server->studio, job->session)) {
        job->err = AC_ENOENT;
        snprintf(job->reason, sizeof job->reason, "there is no such job (any more)");
    }
}

int api_delete_making(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, cancel_making));
}

/* ---- uploads ---- */

/* Characters of a text that is fit to be shown in one line; 0 where it is not. */
static size_t count_characters(const char *text)
{
    const char *end = text + strlen(text);
    size_t n = 0;
    if (!ac_utf8_valid(text, strlen(text)))
        return 0;
    for (const char *p = text; p < end; n++) {
        uint32_t cp = ac_utf8_next(&p, end);
        if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
            return 0;
    }
    return n;
}

static bool is_blank(const char *text)
{
    return !text[strspn(text, " ")];
}

struct fields {
    struct ac_studio_wish wish;
    bool consent;
};

static struct upload_refusal wrong(const char *code, const char *detail)
{
    return (struct upload_refusal){422, code, detail};
}

/* Takes one "name=value" of the query. */
static struct upload_refusal take_field(struct fields *f, char *pair)
{
    char *value = strchr(pair, '=');
    struct upload_refusal fine = {0, NULL, NULL};
    if (value)
        *value++ = '\0';
    else
        value = pair + strlen(pair);
    if (!strcmp(pair, "name")) {
        size_t n = count_characters(value);
        if (!n || n > AC_STUDIO_CHARS || is_blank(value))
            return wrong("name", "`name` is what the person is called, 1 to 40 characters");
        lws_strncpy(f->wish.name, value, sizeof f->wish.name);
    } else if (!strcmp(pair, "id")) {
        if (*value && !ac_studio_id_valid(value))
            return wrong("id", "`id` is 1 to 63 of a-z 0-9 _ -, not a - first");
        lws_strncpy(f->wish.id, value, sizeof f->wish.id);
    } else if (!strcmp(pair, "licence")) {
        if (strlen(value) >= sizeof f->wish.licence || (*value && !count_characters(value)))
            return wrong("licence", "`licence` is one line of at most 400 bytes");
        lws_strncpy(f->wish.licence, value, sizeof f->wish.licence);
    } else if (!strcmp(pair, "gender")) {
        if (*value && strcmp(value, "female") != 0 && strcmp(value, "male") != 0)
            return wrong("gender", "`gender` is female, male or empty");
        lws_strncpy(f->wish.gender, value, sizeof f->wish.gender);
    } else if (!strcmp(pair, "consent")) {
        f->consent = !strcmp(value, "true");
    } else {
        return (struct upload_refusal){400, "field",
                                       "the query may have name, id, gender, licence and consent"};
    }
    return fine;
}

static struct upload_refusal take_fields(struct lws *wsi, struct fields *f)
{
    struct upload_refusal no = {0, NULL, NULL};
    char pair[1024];
    memset(f, 0, sizeof *f);
    for (int i = 0; !no.status; i++) {
        int n = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n <= 0)
            break;
        if (lws_hdr_copy_fragment(wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i) < 0)
            return wrong("field", "a value of the query is longer than any may be");
        no = take_field(f, pair);
    }
    if (!no.status && !*f->wish.name)
        no = wrong("name", "`name` is missing: what the person is called");
    if (!no.status && !f->consent)
        no = wrong("consent",
                   "`consent=true` is missing: it says that you may use this face, as the person has agreed");
    return no;
}

static bool is_form(struct lws *wsi)
{
    char type[128];
    http_copy_header(wsi, type, sizeof type, WSI_TOKEN_HTTP_CONTENT_TYPE);
    return !strncasecmp(type, "multipart/", 10);
}

int api_post_avatar(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    struct fields f;
    char client[AC_CLIENT_ID_MAX + 1];
    struct upload_refusal no = take_fields(wsi, &f);
    if (is_form(wsi))
        no = (struct upload_refusal){
            415, "form",
            "the body must be the file itself, not a form (curl -T FILE), the fields are "
            "in the query"};
    copy_client(wsi, client, sizeof client);
    owner_of(client, f.wish.owner);
    return upload_begin(s, wsi, pss, &f.wish, &no);
}

/* ---- one avatar ---- */

static void no_upload(struct job *job)
{
    job->err = AC_ENOENT;
    snprintf(job->reason, sizeof job->reason, "there is no avatar '%.60s' that was uploaded", job->session);
}

static void read_preview(struct job *job)
{
    size_t len = 0;
    job->err = ac_studio_preview(job->server->studio, job->session, &job->bytes, &len);
    if (job->err) {
        no_upload(job);
        return;
    }
    job->content =
        (struct ac_content){.type = "image/jpeg", .data = job->bytes, .len = len, .cache = "no-cache"};
    ac_content_tag(&job->content);
}

int api_get_preview(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->lists, api_new_job(pss, read_preview));
}

static void note_first(void *arg, const struct ac_item *item)
{
    char *first = arg;
    if (!*first)
        lws_strncpy(first, item->id, 65);
}

static bool is_shown(struct ac_hub *hub, const char *id)
{
    struct ac_session_info *list;
    size_t n = ac_hub_sessions(hub, &list);
    char first[65] = ""; /* who is shown to those that name nobody */
    bool shown = false;
    ac_models_list(ac_hub_models(hub), AC_STAGE_AVATAR, note_first, first);
    for (size_t i = 0; i < n; i++)
        shown |= list[i].state != AC_SESSION_QUEUED && !strcmp(*list[i].avatar ? list[i].avatar : first, id);
    free(list);
    return shown;
}

static void refuse_removal(struct job *job, int status, const char *code, const char *why)
{
    job->err = AC_EDENIED;
    job->status = status;
    job->extra = json_pack("{s:s}", "code", code);
    snprintf(job->reason, sizeof job->reason, "%s", why);
}

static void remove_avatar(struct job *job)
{
    struct ac_server *s = job->server;
    char owner[AC_STUDIO_OWNER], asks[AC_STUDIO_OWNER];
    owner_of(job->client, asks);
    job->nothing = true;
    if (!ac_studio_uploaded(s->studio, job->session, owner))
        no_upload(job);
    else if (!job->admin && (!*owner || strcmp(owner, asks) != 0))
        refuse_removal(job, 403, "not_yours",
                       "only who has uploaded it, or the administrator, may remove it");
    else if (is_shown(s->hub, job->session))
        refuse_removal(job, 409, "shown", "somebody is talking with it now: try again later");
    else
        job->err = ac_studio_remove(s->studio, job->session);
    if (job->err)
        return;
    ac_idle_forget(s->idle, job->session);
    ac_log_info("avatars", "removed", AC_S("avatar", job->session));
}

int api_delete_avatar(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    struct job *job = api_new_job(pss, remove_avatar);
    copy_client(wsi, job->client, sizeof job->client);
    /* where idle clips are made, which is waited for: lists are not to wait with it */
    return api_post_job(s, wsi, pss, s->pictures, job);
}
