/*
 * The two lines: connections that wait for a session (max_sessions), and turns that wait for room to talk
 * (max_talking, or as many as the machine can draw; core/load.h). First come, first served.
 *
 * While somebody waits, a task looks after both four times a second: lets in, tells places and gives up those
 * who have waited too long. Who need not wait longer than that is told nothing.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"

enum { LOOK_US = 250000, TELL_US = 2000000 };

/* ---- sessions; the lock is held ---- */

static void let_in(struct ac_hub *hub, struct ac_session *s)
{
    TAILQ_REMOVE(&hub->line, s, in_line);
    hub->n_line--;
    s->queued = false;
    hub->open++;
    s->told_us = 0;
    s->told_position = 0;
    atomic_store(&s->used_us, ac_now_us());
    ac_metrics_add(hub->metrics, AC_COUNT_SESSIONS_OPENED, 1);
    session_post(s, session_admit, s);
}

void hub_admit(struct ac_hub *hub)
{
    size_t max = (size_t)ac_config_server(hub->cfg)->max_sessions;
    struct ac_session *s;

    while (hub->open < max && (s = TAILQ_FIRST(&hub->line)))
        let_in(hub, s);
}

/* Tells the place in a line where it has changed, or a while has passed. */
static void tell_place(struct ac_session *s, size_t position, int64_t now)
{
    if (position == s->told_position && now - s->told_us < TELL_US)
        return;
    if (s->queued && !s->told_us)
        session_send_busy(s, position);
    s->told_position = position;
    s->told_us = now;
    session_send(s, "queued",
                 json_pack("{s:I, s:I, s:s}", "position", (json_int_t)position, "waiting_ms",
                           (json_int_t)((now - s->came_us) / 1000), "for", s->queued ? "session" : "turn"));
}

static void look_at_sessions(struct ac_hub *hub)
{
    int64_t now = ac_now_us(), wait_us = ac_config_server(hub->cfg)->queue_wait_s * INT64_C(1000000);
    struct ac_session *s, *next;
    size_t position = 0;

    hub_admit(hub);
    for (s = TAILQ_FIRST(&hub->line); s; s = next) {
        next = TAILQ_NEXT(s, in_line);
        if (now - s->came_us <= wait_us)
            tell_place(s, ++position, now);
        else if (session_end(s, AC_END_WAITED, ac_session_refusal(AC_ELIMIT)))
            ac_metrics_add(hub->metrics, AC_COUNT_REFUSED_WAITED, 1);
    }
}

/* ---- turns ---- */

int hub_talk_limit(struct ac_hub *hub)
{
    int max = ac_config_server(hub->cfg)->max_talking;

    return max ? max : ac_load_limit(hub->load, ac_config_video(hub->cfg)->fps);
}

/* Lock held. */
static bool has_room(struct ac_hub *hub)
{
    int max = ac_config_server(hub->cfg)->max_talking;

    return max ? hub->talkers < (size_t)max
               : ac_load_room(hub->load, ac_config_video(hub->cfg)->fps, hub->talkers);
}

/* Lets those talk whose turn it is. Lock held. */
static void give_floor(struct ac_hub *hub)
{
    struct ac_session *s;

    while ((s = TAILQ_FIRST(&hub->talk_line)) && has_room(hub)) {
        TAILQ_REMOVE(&hub->talk_line, s, in_talk_line);
        hub->n_talk_line--;
        hub->talkers++;
        s->floor = FLOOR_HELD;
        ac_metrics_observe(hub->metrics, AC_TIME_QUEUED, ac_now_us() - s->came_us);
        session_post(s, session_floor_given, s);
    }
}

static void look_at_turns(struct ac_hub *hub)
{
    struct ac_session *s;
    size_t position = 0;
    int64_t now = ac_now_us();

    give_floor(hub);
    TAILQ_FOREACH(s, &hub->talk_line, in_talk_line)
    if (now - s->came_us >= LOOK_US)
        tell_place(s, ++position, now);
}

static void look(void *arg)
{
    struct ac_hub *hub = arg;

    pthread_mutex_lock(&hub->lock);
    hub->lines_watched = false;
    look_at_sessions(hub);
    look_at_turns(hub);
    if (hub->n_line || hub->n_talk_line)
        hub_watch_lines(hub);
    pthread_mutex_unlock(&hub->lock);
}

void hub_watch_lines(struct ac_hub *hub)
{
    if (hub->lines_watched)
        return;
    hub->lines_watched = true;
    ac_strand_post(hub->lines, ac_now_us() + LOOK_US, 1, look, hub);
}

bool hub_floor_free(struct ac_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    bool room = !hub->n_talk_line && has_room(hub);
    pthread_mutex_unlock(&hub->lock);
    return room;
}

bool hub_floor_take(struct ac_hub *hub, struct ac_session *s)
{
    pthread_mutex_lock(&hub->lock);
    bool room = !hub->n_talk_line && has_room(hub);
    if (room) {
        hub->talkers++;
        s->floor = FLOOR_HELD;
    } else {
        s->floor = FLOOR_WAITS;
        s->came_us = ac_now_us();
        s->told_us = 0;
        s->told_position = 0;
        TAILQ_INSERT_TAIL(&hub->talk_line, s, in_talk_line);
        hub->n_talk_line++;
        ac_metrics_add(hub->metrics, AC_COUNT_TURNS_WAITED, 1);
        hub_watch_lines(hub);
    }
    pthread_mutex_unlock(&hub->lock);
    return room;
}

void hub_floor_give(struct ac_hub *hub, struct ac_session *s)
{
    pthread_mutex_lock(&hub->lock);
    if (s->floor == FLOOR_WAITS) {
        TAILQ_REMOVE(&hub->talk_line, s, in_talk_line);
        hub->n_talk_line--;
    } else if (s->floor == FLOOR_HELD) {
        hub->talkers--;
    }
    s->floor = FLOOR_NONE;
    give_floor(hub);
    pthread_mutex_unlock(&hub->lock);
}
