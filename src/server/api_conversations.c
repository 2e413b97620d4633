/*
 * REST about past conversations (docs/protocol.md): list, read, rename, delete, export. Each call is a job on
 * a strand that may wait for the disk. Whose conversations they are says the header X-Client-Id.
 */
#include "base/mem.h"
#include "core/protocol.h"
#include "server/private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_NAME_CHARS = 80 };

/* ---- what jobs do ---- */

static struct ac_store *store_of(struct job *job)
{
    return ac_hub_store(job->server->hub);
}

/* The work is done, with this result. */
static void note(struct job *job, int err)
{
    struct ac_store_state state;
    job->err = err;
    if (err == AC_ENOENT) {
        snprintf(job->reason, sizeof job->reason, "there is no such conversation");
    } else if (err == AC_EINVAL || err == AC_EUTF8) {
        job->err = AC_EINVAL;
        snprintf(job->reason, sizeof job->reason, "`title` must have 1 to %d characters", AC_TITLE_MAX_CHARS);
    } else if (err) {
        ac_store_state(store_of(job), &state);
        snprintf(job->reason, sizeof job->reason, "%s", state.reason);
    }
}

static json_t *head_of(const struct ac_stored_conversation *c)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I}", "id", c->id, "title", c->title, "created_ms",
                     (json_int_t)c->created_ms, "updated_ms", (json_int_t)c->updated_ms, "turns",
                     (json_int_t)c->turns);
}

static json_t *whole(const struct ac_stored_conversation *c)
{
    json_t *j = head_of(c);
    json_object_set_new(j, "messages", ac_messages_data(c));
    return j;
}

static void list_all(struct job *job)
{
    const struct ac_history_config *cfg = ac_config_history(ac_hub_config(job->server->hub));
    struct ac_stored_conversation *list;
    size_t n;
    note(job, ac_store_list(store_of(job), job->client, (size_t)cfg->keep_conversations, &list, &n));
    if (job->err)
        return;
    json_t *j = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(j, head_of(&list[i]));
    ac_stored_list_free(list, n);
    api_job_json(job, j, JSON_COMPACT);
}

static void read_one(struct job *job)
{
    struct ac_stored_conversation c;
    note(job, ac_store_load(store_of(job), job->client, job->conversation, &c));
    if (!job->err)
        api_job_json(job, whole(&c), JSON_COMPACT);
    ac_stored_clear(&c);
}

static void rename_one(struct job *job)
{
    note(job, ac_store_rename(store_of(job), job->client, job->conversation, job->title));
    job->nothing = true;
}

static void delete_one(struct job *job)
{
    note(job, ac_store_delete(store_of(job), job->client, job->conversation));
    job->nothing = true;
}

static void delete_all(struct job *job)
{
    size_t n;
    note(job, ac_store_delete_client(store_of(job), job->client, &n));
    if (!job->err)
        api_job_json(job, json_pack("{s:I}", "deleted", (json_int_t)n), JSON_COMPACT);
}

/* ---- export ---- */

static void add_time(struct ac_str *s, int64_t ms)
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    char text[32] = "";
    if (gmtime_r(&t, &tm))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
    ac_str_add(s, text);
}

/* Each line behind "> ". */
static void add_quoted(struct ac_str *s, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        ac_str_add(s, "> ");
        ac_str_add_n(s, text, n);
        ac_str_add(s, "\n");
        text += n + (text[n] == '\n');
    }
}

/* Questions as quotations, answers as they are: they are Markdown already. */
static char *as_markdown(const struct ac_stored_conversation *c)
{
    struct ac_str s = {0};
    uint32_t turn = 0;
    ac_str_addf(&s, "# %s\n\n", c->title);
    add_time(&s, c->created_ms);
    ac_str_add(&s, "\n");
    for (size_t i = 0; i < c->n_messages; i++) {
        const struct ac_stored_message *m = &c->messages[i];
        if (m->turn != turn) {
            ac_str_addf(&s, "\n## %u · ", m->turn);
            add_time(&s, m->at_ms);
            ac_str_add(&s, "\n");
        }
        turn = m->turn;
        ac_str_add(&s, "\n");
        if (!strcmp(m->role, "user"))
            add_quoted(&s, m->text);
        else
            ac_str_addf(&s, "%s%s\n", m->text, m->interrupted ? " *(interrupted)*" : "");
    }
    return ac_str_steal(&s);
}

/* Neither a path nor anything that a shell, a file system or a header minds. */
static bool safe_in_name(uint32_t cp)
{
    return cp > 0x20 && cp != 0x7F && !(cp >= 0x80 && cp < 0xA0) && !(cp >= 0x200B && cp <= 0x200F) &&
           !(cp >= 0x2028 && cp <= 0x202E) && !(cp >= 0x2066 && cp <= 0x2069) &&
           (cp >= 0x80 || !strchr("\"'*/:;<>?\\|`$&%#{}~^", (int)cp));
}

/* The title as a file's name: what is not safe becomes '-', a run of it one. ascii: all else too. */
static char *name_of(const char *title, bool ascii)
{
    const char *p = title, *end = title + strlen(title);
    struct ac_str s = {0};
    for (size_t n = 0; p < end && n < MAX_NAME_CHARS; n++) {
        uint32_t cp = ac_utf8_next(&p, end);
        bool leading = !s.len && (cp == '.' || cp == '-');
        if (!leading && safe_in_name(cp) && (!ascii || cp < 0x80))
            ac_utf8_add(&s, cp);
        else if (s.len && s.p[s.len - 1] != '-')
            ac_str_add(&s, "-");
    }
    while (s.len && (s.p[s.len - 1] == '-' || s.p[s.len - 1] == '.'))
        s.p[--s.len] = '\0';
    if (!s.len)
        ac_str_add(&s, "conversation");
    return ac_str_steal(&s);
}

/* RFC 6266 and 8187: a name in ASCII for old readers, the whole one in UTF-8 for the others. */
static char *disposition(const char *title, const char *ending)
{
    char *plain = name_of(title, true), *full = name_of(title, false);
    struct ac_str s = {0};
    ac_str_addf(&s, "attachment; filename=\"%s.%s\"; filename*=UTF-8''", plain, ending);
    for (const char *p = full; *p; p++) {
        bool attr = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._", *p);
        ac_str_addf(&s, attr ? "%c" : "%%%02X", (unsigned char)*p);
    }
    ac_str_addf(&s, ".%s", ending);
    free(plain);
    free(full);
    return ac_str_steal(&s);
}

static void export_one(struct job *job)
{
    struct ac_stored_conversation c;
    note(job, ac_store_load(store_of(job), job->client, job->conversation, &c));
    if (!job->err) {
        job->type = job->markdown ? "text/markdown; charset=utf-8" : "application/json";
        job->file_name = disposition(c.title, job->markdown ? "md" : "json");
        if (job->markdown)
            job->text = as_markdown(&c);
        else
            api_job_json(job, whole(&c), JSON_INDENT(2));
    }
    ac_stored_clear(&c);
}

/* ---- requests ---- */

static int refuse_unkept(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    const char *reason = ac_hub_store_reason(s->hub);
    if (!*reason)
        return http_send_problem(wsi, pss, 404, NULL,
                                 "conversations are not kept here (history.store is none)");
    return http_send_problem(wsi, pss, 503, NULL, "conversations are not kept: %s", reason);
}

/* The export's format; false where it is none. */
static bool read_format(struct lws *wsi, struct job *job)
{
    char buf[32];
    const char *format = lws_get_urlarg_by_name(wsi, "format=", buf, sizeof buf);
    job->markdown = !format || !*format || !strcmp(format, "markdown");
    return job->markdown || !strcmp(format, "json");
}

int api_rename_body(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    int result = 0;
    json_t *j = api_body_object(wsi, pss, &result);
    if (!j)
        return result;
    const char *title = json_string_value(json_object_get(j, "title"));
    if (!title) {
        json_decref(j);
        return http_send_problem(wsi, pss, 400, NULL, "the body must be an object with a `title`");
    }
    struct job *job = pss->req->draft;
    pss->req->draft = NULL;
    job->title = ac_strdup(title);
    json_decref(j);
    return api_post_job(s, wsi, pss, s->conversations, job);
}

/* A job for the client that the request names; NULL: it was answered with *result. */
static struct job *new_job(struct ac_server *s, struct lws *wsi, struct pss *pss, void (*work)(struct job *),
                           int *result)
{
    static const char header[] = "x-client-id:";
    if (!ac_hub_store(s->hub)) {
        *result = refuse_unkept(s, wsi, pss);
        return NULL;
    }
    struct job *job = api_new_job(pss, work);
    lws_strncpy(job->conversation, pss->req->id, sizeof job->conversation);
    int n = lws_hdr_custom_copy(wsi, job->client, sizeof job->client, header, sizeof header - 1);
    if (n >= 0 && ac_client_id_valid(job->client))
        return job;
    api_free_job(job);
    *result = http_send_problem(wsi, pss, 400, NULL,
                                "the header X-Client-Id must name the client: 16 to 64 of A-Z a-z 0-9 _ -");
    return NULL;
}

int api_conversations(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    struct request *r = pss->req;
    bool one = r->id[0] != '\0', delete = r->method == LWSHUMETH_DELETE;
    int result = 0;
    if (one && !ac_conversation_id_valid(r->id))
        return http_send_problem(wsi, pss, 404, NULL, "there is no such conversation");
    void (*work)(struct job *) = r->method == LWSHUMETH_PATCH ? rename_one
                                 : delete                     ? one ? delete_one : delete_all
                                 : one                        ? read_one
                                                              : list_all;
    struct job *job = new_job(s, wsi, pss, work, &result);
    if (!job)
        return result;
    if (r->method == LWSHUMETH_PATCH)
        return http_await_body(wsi, pss, job, MAX_BODY_BYTES);
    return api_post_job(s, wsi, pss, s->conversations, job);
}

int api_export_conversation(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    int result = 0;
    if (!ac_conversation_id_valid(pss->req->id))
        return http_send_problem(wsi, pss, 404, NULL, "there is no such conversation");
    struct job *job = new_job(s, wsi, pss, export_one, &result);
    if (!job)
        return result;
    if (read_format(wsi, job))
        return api_post_job(s, wsi, pss, s->conversations, job);
    api_free_job(job);
    return http_send_problem(wsi, pss, 400, NULL, "format is markdown or json");
}
