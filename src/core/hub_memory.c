/*
 * The watch over memory, once a second. Above the soft limit what can be had again goes: models that nobody
 * uses, then sessions that were not used for longest, those without a client first. Above the hard limit no
 * session is opened.
 */
#include "core/session_private.h"

#include "base/cgroup.h"
#include "base/log.h"
#include "base/mem.h"

#include <malloc.h>

enum {
    SOFT_PERCENT = 70,
    HARD_PERCENT = 85,
    MODEL_IDLE_US = 5000000,    /* a model that was used a moment ago would be wanted again in a moment */
    SESSION_IDLE_US = 30000000, /* the same of a session with a client */
    SESSIONS_AT_ONCE = 16,
};
static const uint64_t MB = 1 << 20;

uint64_t hub_soft_bytes(struct ac_hub *hub)
{
    uint64_t mb = (uint64_t)ac_config_server(hub->cfg)->memory_soft_mb;

    return mb ? mb * MB : ac_memory_bytes() / 100 * SOFT_PERCENT;
}

uint64_t hub_hard_bytes(struct ac_hub *hub)
{
    uint64_t mb = (uint64_t)ac_config_server(hub->cfg)->memory_hard_mb;

    return mb ? mb * MB : ac_memory_bytes() / 100 * HARD_PERCENT;
}

const char *ac_memory_state_name(enum ac_memory_state state)
{
    return state == AC_MEMORY_HARD ? "hard" : state == AC_MEMORY_SOFT ? "soft" : "ok";
}

/* Notes what is taken now; gives the state. */
static enum ac_memory_state measure(struct ac_hub *hub)
{
    uint64_t rss = ac_rss_bytes();
    enum ac_memory_state now = rss >= hub_hard_bytes(hub)   ? AC_MEMORY_HARD
                               : rss >= hub_soft_bytes(hub) ? AC_MEMORY_SOFT
                                                            : AC_MEMORY_OK;

    pthread_mutex_lock(&hub->lock);
    enum ac_memory_state before = hub->memory;
    hub->memory = now;
    hub->rss_bytes = rss;
    pthread_mutex_unlock(&hub->lock);
    if (now != before)
        ac_log_warn("hub", "memory", AC_S("state", ac_memory_state_name(now)), AC_I("rss_bytes", rss),
                    AC_I("soft_bytes", hub_soft_bytes(hub)), AC_I("hard_bytes", hub_hard_bytes(hub)));
    return now;
}

bool hub_memory_hard(struct ac_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    bool hard = hub->memory == AC_MEMORY_HARD;
    pthread_mutex_unlock(&hub->lock);
    return hard && measure(hub) == AC_MEMORY_HARD;
}

/* Ends the session that was used least recently; false: there is none that may go. */
static bool end_one(struct ac_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    struct ac_session *s = hub_oldest(hub, false, 0), *ours = s;
    if (s)
        hub_forget_locked(hub, s);
    else if ((s = hub_oldest(hub, true, SESSION_IDLE_US)) &&
             !session_end(
                 s, AC_END_MEMORY,
                 "the server is short of memory and ended a session that was not used: open it again"))
        s = NULL;
    pthread_mutex_unlock(&hub->lock);
    if (s)
        ac_metrics_add(hub->metrics, AC_COUNT_ENDED_MEMORY, 1);
    if (ours)
        session_finish(ours);
    return s != NULL;
}

void hub_watch_memory(struct ac_hub *hub)
{
    if (measure(hub) == AC_MEMORY_OK)
        return;
    ac_models_trim(hub->models, MODEL_IDLE_US);
    malloc_trim(0);
    if (measure(hub) == AC_MEMORY_OK)
        return;
    for (int i = 0; i < SESSIONS_AT_ONCE && end_one(hub); i++)
        ;
}
