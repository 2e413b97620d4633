/*
 * The hub's sessions: let in by the limits, found by id, told about, ended from outside; ids reserved. See
 * hub.h.
 *
 * A session without client (detached) holds its place until resume_s is over or somebody else needs it.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RESERVED = 1000 };

/* ---- the lists; the lock is held ---- */

static struct session_bucket *bucket(struct ac_hub *hub, const char *id)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 16777619u;
    return &hub->buckets[h % BUCKETS];
}

struct ac_session *hub_find(struct ac_hub *hub, const char *id)
{
    struct ac_session *s;

    LIST_FOREACH(s, bucket(hub, id), in_bucket)
    if (!strcmp(s->id, id))
        return s;
    return NULL;
}

static void insert(struct ac_hub *hub, struct ac_session *s)
{
    TAILQ_INSERT_TAIL(&hub->all, s, in_all);
    LIST_INSERT_HEAD(bucket(hub, s->id), s, in_bucket);
    hub->sessions++;
    if (s->queued) {
        s->came_us = ac_now_us();
        TAILQ_INSERT_TAIL(&hub->line, s, in_line);
        hub->n_line++;
        hub_watch_lines(hub);
    } else {
        hub->open++;
        ac_metrics_add(hub->metrics, AC_COUNT_SESSIONS_OPENED, 1);
        session_post(s, session_admit, s);
    }
}

void hub_forget_locked(struct ac_hub *hub, struct ac_session *s)
{
    TAILQ_REMOVE(&hub->all, s, in_all);
    LIST_REMOVE(s, in_bucket);
    hub->detached -= s->detached;
    if (s->queued) {
        TAILQ_REMOVE(&hub->line, s, in_line);
        hub->n_line--;
    } else {
        hub->open--;
        hub_admit(hub);
    }
}

void hub_forget(struct ac_hub *hub, struct ac_session *s)
{
    pthread_mutex_lock(&hub->lock);
    hub_forget_locked(hub, s);
    pthread_mutex_unlock(&hub->lock);
}

struct ac_session *hub_oldest(struct ac_hub *hub, bool attached, int64_t idle_us)
{
    struct ac_session *s, *oldest = NULL;

    TAILQ_FOREACH(s, &hub->all, in_all)
    if (!s->queued && (attached || s->detached) && ac_session_idle_us(s) >= idle_us &&
        (!oldest || s->detached > oldest->detached ||
         (s->detached == oldest->detached && atomic_load(&s->used_us) < atomic_load(&oldest->used_us))))
        oldest = s;
    return oldest;
}

/* ---- reservations; the lock is held ---- */

static void drop_old_reservations(struct ac_hub *hub)
{
    int64_t now = ac_now_us();

    for (struct reservation **at = &hub->reserved; *at;) {
        struct reservation *r = *at;
        if (r->until_us > now) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        free(r);
        hub->n_reserved--;
    }
}

void hub_forget_reservations(struct ac_hub *hub)
{
    for (struct reservation *r = hub->reserved, *next; r; r = next) {
        next = r->next;
        free(r);
    }
}

/* The session comes that this id was promised to. */
static void use_reservation(struct ac_hub *hub, struct ac_session *s)
{
    drop_old_reservations(hub);
    for (struct reservation **at = &hub->reserved; *at; at = &(*at)->next) {
        struct reservation *r = *at;
        if (strcmp(r->id, s->id) != 0)
            continue;
        memcpy(s->token, r->token, sizeof s->token);
        snprintf(s->choices.prefs.avatar, sizeof s->choices.prefs.avatar, "%s", r->avatar);
        snprintf(s->choices.prefs.voice, sizeof s->choices.prefs.voice, "%s", r->voice);
        if (r->language[0])
            session_set_language(s, r->language);
        *at = r->next;
        free(r);
        hub->n_reserved--;
        return;
    }
}

/* ---- coming ---- */

static int refuse(struct ac_hub *hub, enum ac_counter c, int err)
{
    ac_metrics_add(hub->metrics, c, 1);
    return err;
}

/* Lock held. *out: a session whose place was taken, to be ended. */
static int take_in(struct ac_hub *hub, struct ac_session *s, struct ac_session **out)
{
    const struct ac_server_config *c = ac_config_server(hub->cfg);

    if (hub->draining)
        return refuse(hub, AC_COUNT_REFUSED_DRAINING, AC_ECLOSED);
    if (hub_find(hub, s->id))
        return refuse(hub, AC_COUNT_REFUSED_TOKEN, AC_EBUSY);
    if (hub->open >= (size_t)c->max_sessions) {
        struct ac_session *old = hub->n_line ? NULL : hub_oldest(hub, false, 0);
        if (old) {
            hub_forget_locked(hub, old);
            *out = old;
        } else if (hub->n_line < (size_t)c->max_queue && c->queue_wait_s) {
            s->queued = true;
        } else {
            return refuse(hub, AC_COUNT_REFUSED_FULL, AC_ELIMIT);
        }
    }
    use_reservation(hub, s);
    insert(hub, s);
    return 0;
}

int hub_take_in(struct ac_hub *hub, struct ac_session *s)
{
    struct ac_session *out = NULL;

    if (hub_memory_hard(hub))
        return refuse(hub, AC_COUNT_REFUSED_MEMORY, AC_ENOMEM);
    pthread_mutex_lock(&hub->lock);
    int err = take_in(hub, s, &out);
    pthread_mutex_unlock(&hub->lock);
    if (out)
        session_finish(out);
    return err;
}

bool ac_session_exists(struct ac_hub *hub, const char *id)
{
    pthread_mutex_lock(&hub->lock);
    bool found = hub_find(hub, id) != NULL;
    pthread_mutex_unlock(&hub->lock);
    return found;
}

void hub_expire(struct ac_hub *hub)
{
    struct session_list over = TAILQ_HEAD_INITIALIZER(over);
    struct ac_session *s, *next;
    int64_t wait_us = ac_config_server(hub->cfg)->resume_s * INT64_C(1000000), now = ac_now_us();

    pthread_mutex_lock(&hub->lock);
    drop_old_reservations(hub);
    for (s = TAILQ_FIRST(&hub->all); s; s = next) {
        next = TAILQ_NEXT(s, in_all);
        if (!s->detached || (!hub->draining && now - s->detached_us < wait_us))
            continue;
        hub_forget_locked(hub, s);
        TAILQ_INSERT_TAIL(&over, s, in_all);
    }
    pthread_mutex_unlock(&hub->lock);
    while ((s = TAILQ_FIRST(&over))) {
        TAILQ_REMOVE(&over, s, in_all);
        session_finish(s);
    }
}

/* ---- telling ---- */

size_t ac_hub_sessions(struct ac_hub *hub, struct ac_session_info **list)
{
    struct ac_session *s;
    size_t n = 0;

    pthread_mutex_lock(&hub->lock);
    *list = ac_zalloc((hub->open + hub->n_line + 1) * sizeof **list);
    TAILQ_FOREACH(s, &hub->all, in_all)
    if (!s->queued)
        session_inform(s, &(*list)[n++], NULL, NULL);
    TAILQ_FOREACH(s, &hub->line, in_line)
    session_inform(s, &(*list)[n++], NULL, NULL);
    pthread_mutex_unlock(&hub->lock);
    return n;
}

int ac_hub_session(struct ac_hub *hub, const char *id, struct ac_session_info *info,
                   struct ac_turn_info *turns, size_t *n_turns)
{
    pthread_mutex_lock(&hub->lock);
    struct ac_session *s = hub_find(hub, id);
    if (s)
        session_inform(s, info, turns, n_turns);
    pthread_mutex_unlock(&hub->lock);
    return s ? 0 : AC_ENOENT;
}

int ac_hub_session_history(struct ac_hub *hub, const char *id, struct ac_said **list, size_t *n)
{
    uint32_t turn;

    pthread_mutex_lock(&hub->lock);
    struct ac_session *s = hub_find(hub, id);
    struct ac_frame *chat = s ? ac_history_copy(s->history, &turn) : NULL;
    pthread_mutex_unlock(&hub->lock);
    if (!s)
        return AC_ENOENT;
    *n = chat->chat.n_messages;
    *list = ac_zalloc((*n + 1) * sizeof **list);
    for (size_t i = 0; i < *n; i++) {
        struct ac_message *m = &chat->chat.messages[i];
        turn += !strcmp(m->role, "user");
        (*list)[i] = (struct ac_said){.role = m->role, .text = m->text, .turn = turn};
    }
    chat->chat.n_messages = 0; /* the strings are the list's now */
    ac_frame_unref(chat);
    return 0;
}

void ac_said_free(struct ac_said *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].role);
        free(list[i].text);
    }
    free(list);
}

int ac_hub_close_session(struct ac_hub *hub, const char *id)
{
    pthread_mutex_lock(&hub->lock);
    struct ac_session *s = hub_find(hub, id), *ours = NULL;
    if (s) {
        ac_metrics_add(hub->metrics, AC_COUNT_ENDED_ADMIN, 1);
        if (!session_end(s, AC_END_ADMIN, "an administrator closed this session") && s->detached) {
            hub_forget_locked(hub, s);
            ours = s;
        }
    }
    pthread_mutex_unlock(&hub->lock);
    if (ours)
        session_finish(ours);
    return s ? 0 : AC_ENOENT;
}

/* ---- reserving ---- */

struct find_item {
    const char *id;
    bool found;
    struct ac_str known;
};

static void match_item(void *arg, const struct ac_item *item)
{
    struct find_item *f = arg;

    f->found |= !strcmp(item->id, f->id);
    if (f->known.len < 120)
        ac_str_addf(&f->known, "%s%s", f->known.len ? ", " : "", item->id);
}

int hub_check_item(struct ac_hub *hub, enum ac_stage stage, const char *what, const char *id, char *why)
{
    struct find_item f = {.id = id};

    if (!id || !id[0])
        return 0;
    ac_models_list(hub->models, stage, match_item, &f);
    if (!f.found)
        snprintf(why, WHY_SIZE, "no %s \"%.60s\"; there are %.150s", what, id,
                 f.known.p ? f.known.p : "none");
    ac_str_free(&f.known);
    return f.found ? 0 : AC_ENOENT;
}

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

int ac_hub_reserve(struct ac_hub *hub, const struct ac_reserve *choices, char id[AC_TOKEN_SIZE],
                   char token[AC_TOKEN_SIZE], char *reason)
{
    static const struct ac_reserve none;
    const struct ac_reserve *c = choices ? choices : &none;
    int err = 0;

    if (c->language && c->language[0] && !session_language_valid(c->language)) {
        snprintf(reason, WHY_SIZE, "`language` must be \"auto\" or a tag like \"en\" or \"zh-CN\"");
        return AC_EINVAL;
    }
    err = hub_check_item(hub, AC_STAGE_AVATAR, "avatar", c->avatar, reason);
    if (!err)
        err = hub_check_item(hub, AC_STAGE_TTS, "voice", c->voice, reason);
    if (err)
        return err;
    struct reservation *r = ac_zalloc(sizeof *r);
    session_random_name(r->id);
    session_random_name(r->token);
    copy(r->language, sizeof r->language, c->language);
    copy(r->avatar, sizeof r->avatar, c->avatar);
    copy(r->voice, sizeof r->voice, c->voice);
    r->until_us = ac_now_us() + AC_RESERVE_S * INT64_C(1000000);
    memcpy(id, r->id, AC_TOKEN_SIZE);
    memcpy(token, r->token, AC_TOKEN_SIZE);
    pthread_mutex_lock(&hub->lock);
    drop_old_reservations(hub);
    bool room = hub->n_reserved < MAX_RESERVED;
    if (room) {
        r->next = hub->reserved;
        hub->reserved = r;
        hub->n_reserved++;
    }
    pthread_mutex_unlock(&hub->lock);
    if (room)
        return 0;
    free(r);
    snprintf(reason, WHY_SIZE,
             "too many sessions are reserved that nobody has opened: try again in a minute");
    return AC_EFULL;
}
