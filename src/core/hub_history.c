/*
 * The store of conversations in the hub: opened at the start, written to on a strand of its own, pruned every
 * hour. Where it cannot be opened all goes on without.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const int64_t prune_every_us = INT64_C(3600) * 1000000;

/* What is posted; counted, so that the hub does not end before it is done. */
struct history_task {
    struct ac_hub *hub;
    ac_task_fn *fn;
    void *arg;
};

static void history_task(void *arg)
{
    struct history_task *t = arg;
    struct ac_hub *hub = t->hub;

    t->fn(t->arg);
    free(t);
    pthread_mutex_lock(&hub->lock);
    hub->history_tasks--;
    pthread_cond_broadcast(&hub->idle);
    pthread_mutex_unlock(&hub->lock);
}

void hub_history_post(struct ac_hub *hub, ac_task_fn *fn, void *arg)
{
    struct history_task *t = ac_zalloc(sizeof *t);

    *t = (struct history_task){.hub = hub, .fn = fn, .arg = arg};
    pthread_mutex_lock(&hub->lock);
    hub->history_tasks++;
    pthread_mutex_unlock(&hub->lock);
    ac_strand_post(hub->history, 0, 0, history_task, t);
}

static void prune(void *arg)
{
    struct ac_hub *hub = arg;
    size_t n;

    if (!ac_store_prune(hub->store, &n) && n) /* a failure is logged there */
        ac_log_info("history", "pruned", AC_I("conversations", n));
    ac_strand_post(hub->history, ac_now_us() + prune_every_us, 0, prune, hub);
}

void hub_history_open(struct ac_hub *hub)
{
    const struct ac_history_config *cfg = ac_config_history(hub->cfg);
    struct ac_store_state state;

    if (cfg->store == AC_STORE_NONE)
        return;
    if (ac_store_open(&hub->store, cfg, hub->store_reason)) {
        ac_log_warn("history", "not_kept", AC_S("reason", hub->store_reason));
        return;
    }
    ac_store_state(hub->store, &state);
    ac_log_info("history", "opened", AC_S("store", ac_store_where(hub->store)),
                AC_I("conversations", state.conversations));
    hub->history = ac_strand_new(hub->pool, "history", true);
    ac_strand_post(hub->history, ac_now_us() + prune_every_us, 0, prune, hub);
}

struct ac_store *ac_hub_store(struct ac_hub *hub)
{
    return hub->store;
}

const char *ac_hub_store_reason(struct ac_hub *hub)
{
    return hub->store_reason;
}
