/*
 * Which engines listen, for `session_ready`: found out when the first session opens, on a thread of its own,
 * since it means loading models. Every configured recogniser is tried for the languages it knows and closed
 * again: who only types does not pay for ears.
 */
#include "core/session_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_language(void *arg, const struct ac_item *item)
{
    json_t *list = arg, *tag;
    size_t i;

    if (!item->lang || !item->lang[0])
        return;
    json_array_foreach(list, i, tag)
    {
        if (!strcmp(json_string_value(tag), item->lang))
            return;
    }
    json_array_append_new(list, json_string(item->lang));
}

/* The first engine of the stage that opens, by name; "" and the reason of the last one where none does. */
static void probe_stage(struct ac_hub *hub, enum ac_stage stage, json_t *languages, char name[32],
                        char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(hub->cfg, stage, &list);
    struct ac_prefs prefs = {.lang = ""};
    char why[WHY_SIZE];

    if (!n)
        snprintf(reason, WHY_SIZE, "no engine is configured (%s.use)", stage == AC_STAGE_VAD ? "vad" : "asr");
    for (size_t i = 0; i < n && !ac_cancelled(hub->cancel) && (languages || !name[0]); i++) {
        struct ac_instance *inst = NULL;
        if (ac_instance_open(&inst, hub->models, list[i], &prefs, why)) {
            ac_log_info("listen", "not_available", AC_S("engine", list[i]->name), AC_S("reason", why));
            snprintf(reason, WHY_SIZE, "%.30s: %.220s", list[i]->name, why);
            continue;
        }
        if (languages)
            ac_models_list_engine(hub->models, list[i], add_language, languages);
        ac_instance_close(inst);
        ac_models_close_unused(hub->models, list[i]);
        if (!name[0])
            snprintf(name, 32, "%s", list[i]->name);
    }
}

static json_t *info_data(const struct listen_info *i)
{
    const char *reason = !i->known ? "the recogniser is being loaded" : i->available ? "" : i->reason;

    return json_pack("{s:b, s:b, s:o, s:s, s:s, s:s}", "available", i->available, "loading", !i->known,
                     "languages", json_deep_copy(i->languages), "vad", i->vad, "asr", i->asr, "reason",
                     reason);
}

static void probe_task(void *arg)
{
    struct ac_hub *hub = arg;
    struct listen_info i = {.known = true, .languages = json_array()};
    char vad_reason[WHY_SIZE] = "";

    probe_stage(hub, AC_STAGE_ASR, i.languages, i.asr, i.reason);
    probe_stage(hub, AC_STAGE_VAD, NULL, i.vad, vad_reason);
    malloc_trim(0); /* what is freed is scattered; the system gets it back only when asked to take it */
    i.available = i.asr[0] && i.vad[0];
    if (i.asr[0] && !i.vad[0])
        snprintf(i.reason, sizeof i.reason, "%s", vad_reason);
    ac_log_info("listen", i.available ? "available" : "unavailable", AC_S("vad", i.vad), AC_S("asr", i.asr),
                AC_S("reason", i.available ? "" : i.reason));
    pthread_mutex_lock(&hub->lock);
    json_decref(hub->listen.languages);
    hub->listen = i;
    /* sent under the lock: a session that closes takes itself off the list under it */
    while (hub->waiters) {
        struct listen_waiter *w = hub->waiters;
        hub->waiters = w->next;
        session_send(w->s, "listen", info_data(&hub->listen));
        free(w);
    }
    pthread_mutex_unlock(&hub->lock);
}

json_t *hub_listen_info(struct ac_hub *hub, struct ac_session *waiter, char vad[32], char asr[32])
{
    pthread_mutex_lock(&hub->lock);
    if (!hub->listen.languages)
        hub->listen.languages = json_array();
    if (!hub->probing) {
        hub->probing = true;
        ac_strand_post(hub->probe, 0, 0, probe_task, hub);
    }
    bool waits = false;
    for (const struct listen_waiter *w = hub->waiters; w; w = w->next)
        waits |= w->s == waiter;
    if (!hub->listen.known && waiter && !waits) {
        struct listen_waiter *w = ac_zalloc(sizeof *w);
        w->s = waiter;
        w->next = hub->waiters;
        hub->waiters = w;
    }
    snprintf(vad, 32, "%s", hub->listen.vad);
    snprintf(asr, 32, "%s", hub->listen.asr);
    json_t *data = info_data(&hub->listen);
    pthread_mutex_unlock(&hub->lock);
    return data;
}

void hub_listen_forget(struct ac_hub *hub, struct ac_session *waiter)
{
    pthread_mutex_lock(&hub->lock);
    for (struct listen_waiter **at = &hub->waiters; *at;) {
        struct listen_waiter *w = *at;
        if (w->s != waiter) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        free(w);
    }
    pthread_mutex_unlock(&hub->lock);
}

void hub_listen_free(struct ac_hub *hub)
{
    json_decref(hub->listen.languages);
}
