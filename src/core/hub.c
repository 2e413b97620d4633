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

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t model_idle_us(const struct ac_hub *hub)
{
    return ac_config_server(hub->cfg)->model_idle_s * INT64_C(1000000);
}

/* Closes models that have been idle for long, again and again as long as the strand takes it. */
static void close_idle_models(void *arg)
{
    struct ac_hub *hub = arg;

    if (ac_models_trim(hub->models, model_idle_us(hub)))
        malloc_trim(0); /* what is freed is scattered; the system gets it back only when asked to take it */
    ac_strand_post(hub->keeper, ac_now_us() + model_idle_us(hub) / 4, 0, close_idle_models, hub);
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

    pthread_mutex_lock(&hub->lock);
    bool known = hub->avatars != NULL;
    pthread_mutex_unlock(&hub->lock);
    if (known || !ac_models_list(hub->models, AC_STAGE_AVATAR, add_avatar_name, &names))
        return;
    pthread_mutex_lock(&hub->lock);
    hub->avatars = names;
    pthread_mutex_unlock(&hub->lock);
}

void hub_avatar_name(struct ac_hub *hub, const char *id, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%s", id[0] ? id : "Avatar");
    pthread_mutex_lock(&hub->lock);
    for (const struct avatar_name *a = hub->avatars; a; a = a->next) {
        if (id[0] && strcmp(a->id, id) != 0)
            continue;
        snprintf(name, NAME_SIZE, "%s", a->name[0] ? a->name : a->id);
        break;
    }
    pthread_mutex_unlock(&hub->lock);
}

/* Loads what the first answer needs while the person is still asking. That one fails is told when it is
 * needed. */
static void open_models(void *arg)
{
    static const enum ac_stage stages[] = {AC_STAGE_LLM, AC_STAGE_TTS};
    struct ac_hub *hub = arg;
    struct ac_prefs prefs = {.lang = ""};

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        const struct ac_handler_info *const *list;
        size_t n = ac_config_use(hub->cfg, stages[i], &list);
        for (size_t k = 0; k < n && !ac_cancelled(hub->cancel); k++) {
            struct ac_instance *inst;
            if (!ac_instance_open(&inst, hub->models, list[k], &prefs, NULL))
                ac_instance_close(inst); /* the model stays for a while */
        }
    }
    learn_names(hub);
}

void hub_warm_up(struct ac_hub *hub)
{
    ac_strand_post(hub->probe, 0, 0, open_models, hub);
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
    hub->cfg = cfg;
    hub->models = ac_models_new(cfg);
    hub->cancel = ac_cancel_new(NULL);
    hub->probe = ac_strand_new(hub->pool, "probe", true);
    hub->keeper = ac_strand_new(hub->pool, "keeper", true);
    if (model_idle_us(hub))
        ac_strand_post(hub->keeper, ac_now_us() + model_idle_us(hub) / 4, 0, close_idle_models, hub);
    hub_history_open(hub);
    pthread_mutex_init(&hub->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&hub->idle, &attr);
    pthread_condattr_destroy(&attr);
    *out = hub;
    return 0;
}

void ac_hub_free(struct ac_hub *hub, int grace_ms)
{
    struct timespec until;

    if (!hub)
        return;
    ac_cancel_trigger(hub->cancel);
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
    ac_strand_free(hub->probe, NULL, NULL);
    ac_strand_free(hub->keeper, NULL, NULL);
    if (hub->history)
        ac_strand_free(hub->history, NULL, NULL);
    if (left || ac_pool_free(hub->pool, grace_ms)) {
        /* an engine that ignores its cancel token still runs in there: its memory must outlive it */
        ac_log_warn("hub", "left_running", AC_I("parts", left));
        return;
    }
    ac_store_close(hub->store);
    ac_models_free(hub->models);
    hub_listen_free(hub);
    free_names(hub->avatars);
    ac_cancel_unref(hub->cancel);
    pthread_cond_destroy(&hub->idle);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
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
