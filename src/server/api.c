/*
 * REST (docs/protocol.md): the state of the server, what it offers, pictures. What may take time or wait for
 * a model is a job (api_jobs.c).
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

static void list_topics(struct job *job)
{
    struct topics t = {.list = json_array(), .lang = job->lang};
    ac_models_list(ac_hub_models(job->server->hub), AC_STAGE_LLM, add_topic, &t);
    api_job_json(job, t.list, JSON_COMPACT);
}

static void finish_picture(struct job *job, const char *type)
{
    if (job->err)
        return;
    job->content = (struct ac_content){
        .type = type, .data = job->media->data, .len = job->media->len, .cache = "no-cache"};
    ac_content_tag(&job->content);
}

static void make_poster(struct job *job)
{
    job->err = ac_idle_poster(job->server->idle, job->avatar, job->size, &job->media, job->reason);
    finish_picture(job, "image/jpeg");
}

static void make_idle(struct job *job)
{
    job->idle = true;
    job->err = ac_idle_clip(job->server->idle, job->avatar, job->size, &job->media, job->reason);
    finish_picture(job, "video/mp4");
}

/* ---- handlers ---- */

/* How conversations are kept. */
static json_t *history_status(struct ac_server *s)
{
    struct ac_store *store = ac_hub_store(s->hub);
    static const char *const names[] = {"sqlite", "redis", "none"};
    int kind = ac_config_history(ac_hub_config(s->hub))->store;
    struct ac_store_state state = {0};
    if (store)
        ac_store_state(store, &state);
    const char *reason = store ? state.reason : ac_hub_store_reason(s->hub);
    return json_pack("{s:s, s:b, s:s, s:I, s:I}", "store", names[kind], "ok",
                     kind == AC_STORE_NONE || (store && !state.err), "reason", reason, "conversations",
                     (json_int_t)state.conversations, "pending", (json_int_t)state.pending);
}

/* The engines of each stage, in the order in which they are tried. */
static json_t *engines_json(const struct ac_config *cfg)
{
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
    return engines;
}

json_t *api_memory_json(const struct ac_hub_status *st)
{
    return json_pack("{s:I, s:I, s:I, s:s}", "rss_bytes", (json_int_t)st->rss_bytes, "soft_bytes",
                     (json_int_t)st->soft_bytes, "hard_bytes", (json_int_t)st->hard_bytes, "state",
                     ac_memory_state_name(st->memory));
}

void api_read_status(struct job *job)
{
    struct ac_server *s = job->server;
    struct ac_hub_status st = ac_hub_status(s->hub);
    api_job_json(job,
                 json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:{s:i, s:i}, s:o, s:b, s:o}",
                           "status", st.draining ? "draining" : "ok", "version", AC_VERSION, "uptime_s",
                           (json_int_t)((ac_now_us() - s->start_us) / 1000000), "sessions",
                           (json_int_t)st.sessions, "talking", (json_int_t)st.talking, "turns",
                           (json_int_t)ac_hub_stats(s->hub).turns, "rss_bytes", (json_int_t)ac_rss_bytes(),
                           "engines", engines_json(ac_hub_config(s->hub)), "history", history_status(s),
                           "limits", "max_sessions", st.max_sessions, "max_talking", st.max_talking, "memory",
                           api_memory_json(&st), "draining", st.draining, "uploads", api_uploads_json(job)),
                 JSON_COMPACT);
}

void api_query(struct lws *wsi, const char *name, char *buf, int size)
{
    const char *value = lws_get_urlarg_by_name(wsi, name, buf, size);
    if (!value)
        buf[0] = '\0';
    else if (value != buf)
        memmove(buf, value, strlen(value) + 1);
}

static int get_list(struct ac_server *s, struct lws *wsi, struct pss *pss, void (*work)(struct job *))
{
    struct job *job = api_new_job(pss, work);
    api_query(wsi, "lang=", job->lang, sizeof job->lang);
    return api_post_job(s, wsi, pss, s->lists, job);
}

int api_get_voices(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return get_list(s, wsi, pss, list_voices);
}

int api_get_topics(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return get_list(s, wsi, pss, list_topics);
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
    char size[32];
    struct job *job = api_new_job(pss, work);
    api_query(wsi, "size=", size, sizeof size);
    job->size = *size ? atoi(size) : default_size;
    lws_strncpy(job->avatar, pss->req->id, sizeof job->avatar);
    if (!size_offered(s, job->size)) {
        api_free_job(job);
        return http_send_problem(wsi, pss, 400, NULL, "size is one of 256, 360, 512, 720, 1080");
    }
    return api_post_job(s, wsi, pss, s->pictures, job);
}

int api_get_poster(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return get_picture(s, wsi, pss, make_poster, 512);
}

int api_get_idle(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return get_picture(s, wsi, pss, make_idle, ac_config_video(ac_hub_config(s->hub))->width);
}
