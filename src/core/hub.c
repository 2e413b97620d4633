/*
 * What all sessions share: worker pool, model cache, configuration, the root of the cancel tree, counters.
 *
 * Shutdown order: cancel every turn → wait for the sessions that the transport has closed, and for what they
 * leave to the store → pool → store, models.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEEP_US = 1000000 };

static int64_t model_idle_us(const struct ac_hub *hub)
{
    return ac_config_server(hub->cfg)->model_idle_s * INT64_C(1000000);
}

/* Closes models that have been idle for long. */
static void close_idle_models(struct ac_hub *hub)
{
    int64_t idle_us = model_idle_us(hub), now = ac_now_us();

    if (!idle_us || now - hub->trimmed_us < idle_us / 4)
        return;
    hub->trimmed_us = now;
    if (ac_models_trim(hub->models, idle_us))
        malloc_trim(0); /* what is freed is scattered; the system gets it back only when asked to take it */
}

/* Looks after the whole once a second. */
static void keep(void *arg)
{
    struct ac_hub *hub = arg;

    ac_hub_metrics(hub);
    ac_metrics_tick(hub->metrics);
    hub_expire(hub);
    hub_watch_memory(hub);
    close_idle_models(hub);
    ac_strand_post(hub->keeper, ac_now_us() + KEEP_US, 0, keep, hub);
}

static void add_avatar_name(void *arg, const struct ac_item *item)
{
    struct avatar_name **end = arg, *a = ac_zalloc(sizeof *a);

    while (*end)
        end = &(*end)->next;
    snprintf(a->id, sizeof a->id, "%s", item->id);
    snprintf(a->name, sizeof a->name, "%s", item->name);
    *end = a;
}

static void free_names(struct avatar_name *a)
{
    while (a) {
        struct avatar_name *next = a->next;
        free(a);
        a = next;
    }
}

/* How the avatars are called, for the language model's persona. */
static void learn_names(struct ac_hub *hub)
{
    struct avatar_name *names = NULL;

    if (!ac_models_list(hub->models, AC_STAGE_AVATAR, add_avatar_name, &names))
        return;
    pthread_mutex_lock(&hub->lock);
    struct avatar_name *old = hub->avatars;
    hub->avatars = names;
    pthread_mutex_unlock(&hub->lock);
    free_names(old);
}

static bool find_name(struct ac_hub *hub, const char *id, char name[NAME_SIZE])
{
    pthread_mutex_lock(&hub->lock);
    const struct avatar_name *a = hub->avatars;
    while (a && id[0] && strcmp(a->id, id) != 0)
        a = a->next;
    if (a)
        snprintf(name, NAME_SIZE, "%s", a->name[0] ? a->name : a->id);
    pthread_mutex_unlock(&hub->lock);
    return a != NULL;
}

void hub_avatar_name(struct ac_hub *hub, const char *id, char name[NAME_SIZE])
{
    if (find_name(hub, id, name))
        return;
    learn_names(hub); /* nobody has asked yet, or it was made since */
    if (!find_name(hub, id, name))
        snprintf(name, NAME_SIZE, "%s", id[0] ? id : "Avatar");
}

/* Loads what the first answer needs while the person is still asking. That one fails is told when it is
 * needed. */
static void open_models(void *arg)
{
    static const enum ac_stage stages[] = {AC_STAGE_LLM, AC_STAGE_TTS};
    struct ac_hub *hub = arg;
    struct ac_prefs prefs = {.lang = ""};
    char name[NAME_SIZE];

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        const struct ac_handler_info *const *list;
        size_t n = ac_config_use(hub->cfg, stages[i], &list);
        for (size_t k = 0; k < n && !ac_cancelled(hub->cancel); k++) {
            struct ac_instance *inst;
            if (!ac_instance_open(&inst, hub->models, list[k], &prefs, NULL))
                ac_instance_close(inst); /* the model stays for a while */
        }
    }
    if (!find_name(hub, "", name))
        learn_names(hub);
}

void ac_hub_warm_up(struct ac_hub *hub)
{
    ac_strand_post(hub->probe, 0, 0, open_models, hub);
}

bool ac_hub_ready(struct ac_hub *hub, struct ac_str *reasons)
{
    static const enum ac_stage stages[] = {AC_STAGE_LLM, AC_STAGE_TTS, AC_STAGE_AVATAR};
    struct ac_model_info *infos;
    size_t n_infos = ac_models_infos(hub->models, &infos);
    bool all = true;

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        const struct ac_handler_info *const *list;
        size_t n = ac_config_use(hub->cfg, stages[i], &list);
        const struct ac_model_info *tried = NULL, *good = NULL;
        for (size_t k = 0; k < n * n_infos && !good; k++) {
            const struct ac_model_info *m = &infos[k % n_infos];
            if (m->engine != list[k / n_infos] || !m->tried)
                continue;
            tried = tried ? tried : m;
            good = m->err ? NULL : m;
        }
        all &= good != NULL;
        if (!good && reasons)
            ac_str_addf(reasons, "%s: %s%s%s\n", ac_stage_name(stages[i]), tried ? tried->name : "",
                        tried ? ": " : "",
                        tried ? tried->reason
                        : n   ? "its engine is not loaded yet"
                              : "no engine is configured");
    }
    free(infos);
    pthread_mutex_lock(&hub->lock);
    bool draining = hub->draining;
    pthread_mutex_unlock(&hub->lock);
    if (draining && reasons)
        ac_str_add(reasons, "the server is about to end\n");
    return all && !draining;
}

int ac_hub_new(struct ac_hub **out, const struct ac_config *cfg)
{
    struct ac_hub *hub = ac_zalloc(sizeof *hub);
    struct ac_pool_config pc = {.workers = ac_config_server(cfg)->workers,
                                .stall_ms = ac_config_session(cfg)->stage_timeout_s * 1000 / 2};
    pthread_condattr_t attr;
    int err = ac_pool_new(&hub->pool, &pc);

    if (err) {
        free(hub);
        return err;
    }
    atomic_init(&hub->cfg, cfg);
    hub->metrics = ac_metrics_new();
    hub->load = ac_load_new(ac_pool_stats(hub->pool).workers);
    TAILQ_INIT(&hub->all);
    TAILQ_INIT(&hub->line);
    TAILQ_INIT(&hub->talk_line);
    hub->models = ac_models_new(cfg);
    ac_models_set_metrics(hub->models, hub->metrics);
    hub->cancel = ac_cancel_new(NULL);
    hub->probe = ac_strand_new(hub->pool, "probe", true);
    hub->keeper = ac_strand_new(hub->pool, "keeper", true);
    hub->lines = ac_strand_new(hub->pool, "lines", false);
    hub->trimmed_us = ac_now_us();
    hub_history_open(hub);
    pthread_mutex_init(&hub->lock, NULL);
    pthread_mutex_init(&hub->reload_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&hub->idle, &attr);
    pthread_condattr_destroy(&attr);
    ac_strand_post(hub->keeper, ac_now_us() + KEEP_US, 0, keep, hub);
    *out = hub;
    return 0;
}

/* Waits for all sessions to end; gives what is left. */
static size_t wait_for_sessions(struct ac_hub *hub, int grace_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += grace_ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&hub->lock);
    while ((hub->sessions || hub->history_tasks) &&
           pthread_cond_timedwait(&hub->idle, &hub->lock, &until) != ETIMEDOUT)
        ;
    size_t left = hub->sessions + hub->history_tasks;
    pthread_mutex_unlock(&hub->lock);
    return left;
}

static void free_loaded(struct ac_hub *hub)
{
    while (hub->loaded) {
        struct old_config *o = hub->loaded;
        hub->loaded = o->next;
        ac_config_free(o->cfg);
        free(o);
    }
}

bool ac_hub_free(struct ac_hub *hub, int grace_ms)
{
    if (!hub)
        return true;
    ac_hub_drain(hub);
    hub_expire(hub);
    ac_cancel_trigger(hub->cancel);
    size_t left = wait_for_sessions(hub, grace_ms);
    ac_strand_free(hub->probe, NULL, NULL);
    ac_strand_free(hub->keeper, NULL, NULL);
    ac_strand_free(hub->lines, NULL, NULL);
    if (hub->history)
        ac_strand_free(hub->history, NULL, NULL);
    if (left || ac_pool_free(hub->pool, grace_ms)) {
        /* an engine that ignores its cancel token still runs in there: its memory must outlive it */
        ac_log_warn("hub", "left_running", AC_I("parts", left));
        return false;
    }
    ac_store_close(hub->store);
    ac_models_free(hub->models);
    hub_listen_free(hub);
    free_names(hub->avatars);
    hub_forget_reservations(hub);
    ac_load_free(hub->load);
    ac_metrics_free(hub->metrics);
    free_loaded(hub);
    ac_cancel_unref(hub->cancel);
    pthread_cond_destroy(&hub->idle);
    pthread_mutex_destroy(&hub->reload_lock);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
    return true;
}

struct ac_pool *ac_hub_pool(struct ac_hub *hub)
{
    return hub->pool;
}

struct ac_models *ac_hub_models(struct ac_hub *hub)
{
    return hub->models;
}

const struct ac_config *ac_hub_config(struct ac_hub *hub)
{
    return hub->cfg;
}

struct ac_session_stats ac_hub_stats(struct ac_hub *hub)
{
    struct ac_session_stats st = {
        .talking = atomic_load(&hub->talking),
        .turns = atomic_load(&hub->turns),
        .turns_done = atomic_load(&hub->turns_done),
        .turns_interrupted = atomic_load(&hub->turns_interrupted),
        .errors = atomic_load(&hub->errors),
    };

    pthread_mutex_lock(&hub->lock);
    st.sessions = hub->open;
    pthread_mutex_unlock(&hub->lock);
    return st;
}

struct ac_metrics *ac_hub_metrics(struct ac_hub *hub)
{
    struct ac_metrics *m = hub->metrics;
    struct ac_store_state kept = {0};
    int limit = hub_talk_limit(hub);

    if (hub->store)
        ac_store_state(hub->store, &kept);
    pthread_mutex_lock(&hub->lock);
    ac_metrics_set(m, AC_GAUGE_SESSIONS, (int64_t)hub->open);
    ac_metrics_set(m, AC_GAUGE_DETACHED, (int64_t)hub->detached);
    ac_metrics_set(m, AC_GAUGE_QUEUED, (int64_t)hub->n_line);
    ac_metrics_set(m, AC_GAUGE_QUEUE_SESSIONS, (int64_t)hub->n_line);
    ac_metrics_set(m, AC_GAUGE_QUEUE_TURNS, (int64_t)hub->n_talk_line);
    ac_metrics_set(m, AC_GAUGE_HISTORY_PENDING, (int64_t)(hub->history_tasks + kept.pending));
    ac_metrics_set(m, AC_GAUGE_MEMORY_STATE, (int64_t)hub->memory);
    pthread_mutex_unlock(&hub->lock);
    ac_metrics_set(m, AC_GAUGE_TALKING, (int64_t)atomic_load(&hub->talking));
    ac_metrics_set(m, AC_GAUGE_TALK_LIMIT, limit);
    ac_metrics_set(m, AC_GAUGE_QUEUE_TASKS, (int64_t)ac_pool_stats(hub->pool).ready);
    return m;
}

struct ac_hub_status ac_hub_status(struct ac_hub *hub)
{
    struct ac_hub_status st = {
        .talking = atomic_load(&hub->talking),
        .max_sessions = ac_config_server(hub->cfg)->max_sessions,
        .max_talking = hub_talk_limit(hub),
        .soft_bytes = hub_soft_bytes(hub),
        .hard_bytes = hub_hard_bytes(hub),
    };

    pthread_mutex_lock(&hub->lock);
    st.sessions = hub->open;
    st.detached = hub->detached;
    st.queued = hub->n_line;
    st.waiting_turns = hub->n_talk_line;
    st.rss_bytes = hub->rss_bytes;
    st.memory = hub->memory;
    st.draining = hub->draining;
    pthread_mutex_unlock(&hub->lock);
    return st;
}

void ac_hub_drain(struct ac_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->draining = true;
    pthread_mutex_unlock(&hub->lock);
}
