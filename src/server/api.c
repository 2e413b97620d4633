/*
 * REST (docs/protocol.md) but for conversations, which are in api_conversations.c. What may take time or wait
 * for a model (lists, pictures) is a job (api_jobs.c).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "core/registry.h"
#include "server/private.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TOPICS = 12 };

/* ---- what jobs do ---- */

struct voices {
    json_t *list;
    const char *engine;
};

static void add_voice(void *arg, const struct ac_item *item)
{
    struct voices *v = arg;
    json_array_append_new(v->list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", item->id, "name",
                                             item->name, "lang", item->lang, "gender", item->gender, "detail",
                                             item->detail, "engine", v->engine));
}

static void add_avatar(void *arg, const struct ac_item *item)
{
    if (!ac_session_id_valid(item->id))
        return; /* could not be part of a path */
    char *poster = ac_asprintf("/api/avatars/%s/poster.jpg", item->id);
    char *idle = ac_asprintf("/api/avatars/%s/idle.mp4", item->id);
    json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", item->id, "name", item->name,
                                         "gender", item->gender, "detail", item->detail, "poster", poster,
                                         "idle", idle));
    free(poster);
    free(idle);
}

struct topics {
    json_t *list;
    const char *lang;
};

static bool same_language(const char *tag, const char *want)
{
    size_t n = strcspn(want, "-");
    return !*want || !*tag || (strcspn(tag, "-") == n && !strncasecmp(tag, want, n));
}

static void add_topic(void *arg, const struct ac_item *item)
{
    struct topics *t = arg;
    if (json_array_size(t->list) < MAX_TOPICS && same_language(item->lang, t->lang))
        json_array_append_new(t->list, json_string(item->id));
}

static void list_voices(struct job *job)
{
    struct voices v = {.list = json_array()};
    struct ac_hub *hub = job->server->hub;
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(ac_hub_config(hub), AC_STAGE_TTS, &engines);
    for (size_t i = 0; i < n; i++) {
        v.engine = engines[i]->name;
        ac_models_list_engine(ac_hub_models(hub), engines[i], add_voice, &v);
    }
    api_job_json(job, v.list, JSON_COMPACT);
}

static void list_avatars(struct job *job)
{
    json_t *list = json_array();
    ac_models_list(ac_hub_models(job->server->hub), AC_STAGE_AVATAR, add_avatar, list);
    api_job_json(job, list, JSON_COMPACT);
}

static void list_topics(struct job *job)
{
    struct topics t = {.list = json_array(), .lang = job->lang};
    ac_models_list(ac_hub_models(job->server->hub), AC_STAGE_LLM, add_topic, &t);
    api_job_json(job, t.list, JSON_COMPACT);
}

static void finish_picture(struct job *job, const char *type, const char *data, size_t len)
{
    if (job->err)
        return;
    job->content = (struct ac_content){.type = type, .data = data, .len = len, .cache = "no-cache"};
    ac_content_tag(&job->content);
}

static void make_poster(struct job *job)
{
    const char *data = NULL;
    size_t len = 0;
    job->err = ac_idle_poster(job->server->idle, job->avatar, job->size, &data, &len, job->reason);
    finish_picture(job, "image/jpeg", data, len);
}

static void make_idle(struct job *job)
{
    const char *data = NULL;
    size_t len = 0;
    job->idle = true;
    job->err = ac_idle_clip(job->server->idle, job->avatar, job->size, &data, &len, job->reason);
    finish_picture(job, "video/mp4", data, len);
}

/* ---- routes ---- */

/* How conversations are kept. */
static json_t *history_status(struct ac_server *s)
{
    struct ac_store *store = ac_hub_store(s->hub);
    bool none = ac_config_history(ac_hub_config(s->hub))->store == AC_STORE_NONE;
    struct ac_store_state state = {0};
    if (store)
        ac_store_state(store, &state);
    const char *reason = store ? state.reason : ac_hub_store_reason(s->hub);
    return json_pack("{s:s, s:b, s:s, s:I}", "store", none ? "none" : "sqlite", "ok",
                     none || (store && !state.err), "reason", reason, "conversations",
                     (json_int_t)state.conversations);
}

static int get_status(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    const struct ac_config *cfg = ac_hub_config(s->hub);
    struct ac_session_stats st = ac_hub_stats(s->hub);
    json_t *engines = json_object();
    for (int stage = AC_STAGE_INVALID + 1; stage < AC_STAGE_COUNT; stage++) {
        const struct ac_handler_info *const *use;
        size_t n = ac_config_use(cfg, (enum ac_stage)stage, &use);
        json_t *names = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(names, json_string(use[i]->name));
        if (n)
            json_object_set_new(engines, ac_stage_name((enum ac_stage)stage), names);
        else
            json_decref(names);
    }
    json_t *j =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "status", "ok", "version", AC_VERSION,
                  "uptime_s", (json_int_t)((ac_now_us() - s->start_us) / 1000000), "sessions",
                  (json_int_t)st.sessions, "talking", (json_int_t)st.talking, "turns", (json_int_t)st.turns,
                  "rss_bytes", (json_int_t)ac_rss_bytes(), "engines", engines, "history", history_status(s));
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    if (!text)
        return http_send_problem(wsi, pss, 500, NULL, "memory is short");
    return http_send_text(wsi, pss, "application/json", text);
}

static int get_list(struct ac_server *s, struct lws *wsi, struct pss *pss, void (*work)(struct job *))
{
    struct job *job = ac_zalloc(sizeof *job);
    job->work = work;
    const char *lang = lws_get_urlarg_by_name(wsi, "lang=", job->lang, sizeof job->lang);
    if (lang && lang != job->lang)
        memmove(job->lang, lang, strlen(lang) + 1);
    return api_post_job(s, wsi, pss, s->lists, job);
}

/* Pictures are kept for every size asked for, so only a few sizes are to be had. */
static bool size_offered(struct ac_server *s, int size)
{
    static const int sizes[] = {256, 360, 512, 720, 1080};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (size == sizes[i])
            return true;
    return size == ac_config_video(ac_hub_config(s->hub))->width;
}

static int get_picture(struct ac_server *s, struct lws *wsi, struct pss *pss, void (*work)(struct job *),
                       int default_size)
{
    char buf[32];
    const char *id = pss->req->path + strlen("/api/avatars/");
    const char *size = lws_get_urlarg_by_name(wsi, "size=", buf, sizeof buf);
    struct job *job = ac_zalloc(sizeof *job);
    job->work = work;
    job->size = size && *size ? atoi(size) : default_size;
    lws_strnncpy(job->avatar, id, strcspn(id, "/"), sizeof job->avatar);
    if (!size_offered(s, job->size)) {
        api_free_job(job);
        return http_send_problem(wsi, pss, 400, NULL, "size is one of 256, 360, 512, 720, 1080");
    }
    return api_post_job(s, wsi, pss, s->pictures, job);
}

enum route { NONE, STATUS, AVATARS, VOICES, TOPICS, POSTER, IDLE };

static enum route find_route(const char *path)
{
    static const char avatars[] = "/api/avatars/";
    if (!strcmp(path, "/api/status"))
        return STATUS;
    if (!strcmp(path, "/api/avatars"))
        return AVATARS;
    if (!strcmp(path, "/api/voices"))
        return VOICES;
    if (!strcmp(path, "/api/topics"))
        return TOPICS;
    if (strncmp(path, avatars, strlen(avatars)) != 0)
        return NONE;
    char id[65];
    const char *p = path + strlen(avatars);
    size_t n = strcspn(p, "/");
    if (n >= sizeof id)
        return NONE;
    memcpy(id, p, n);
    id[n] = '\0';
    if (!ac_session_id_valid(id)) /* ids of avatars have the same letters */
        return NONE;
    return !strcmp(p + n, "/poster.jpg") ? POSTER : !strcmp(p + n, "/idle.mp4") ? IDLE : NONE;
}

const char *api_methods(const char *path)
{
    const char *methods = api_conversation_methods(path);
    return methods ? methods : find_route(path) != NONE ? "GET, HEAD" : NULL;
}

int api_request(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    if (api_conversation_methods(pss->req->path))
        return api_conversation_request(s, wsi, pss);
    switch (find_route(pss->req->path)) {
    case STATUS:
        return get_status(s, wsi, pss);
    case AVATARS:
        return get_list(s, wsi, pss, list_avatars);
    case VOICES:
        return get_list(s, wsi, pss, list_voices);
    case TOPICS:
        return get_list(s, wsi, pss, list_topics);
    case POSTER:
        return get_picture(s, wsi, pss, make_poster, 512);
    case IDLE:
        return get_picture(s, wsi, pss, make_idle, ac_config_video(ac_hub_config(s->hub))->width);
    case NONE:
        break;
    }
    return -1;
}
