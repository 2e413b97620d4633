/*
 * Coming and going: a session is let in at once or waits in the hub's line, its client may lose the
 * connection and come back with the token, and it ends by its owner, or by the hub where it has none.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void session_random_name(char name[AC_TOKEN_SIZE])
{
    char id[AC_CONVERSATION_ID_MAX + 1];

    ac_store_new_id(id);
    memcpy(name, id, AC_TOKEN_SIZE);
    name[AC_TOKEN_SIZE - 1] = '\0';
}

static struct ac_session *new_session(struct ac_hub *hub, const char *id, const struct ac_port *port)
{
    struct ac_session *s = ac_zalloc(sizeof *s);

    s->hub = hub;
    snprintf(s->id, sizeof s->id, "%s", id);
    session_random_name(s->token);
    s->port = *port;
    s->port.address = NULL;
    snprintf(s->profile.address, sizeof s->profile.address, "%s", port->address ? port->address : "");
    s->port_open = true;
    s->opened_ms = ac_unix_ms();
    s->cancel = ac_cancel_new(hub->cancel);
    s->strand = ac_strand_new(hub->pool, s->id, false);
    s->history = ac_history_new(ac_config_session(hub->cfg)->history_turns);
    s->choices.delivery = AC_DELIVERY_STREAM;
    s->choices.paced = true;
    session_set_language(s, ac_config_session(hub->cfg)->language);
    pthread_mutex_init(&s->out_lock, NULL);
    atomic_init(&s->parts, 1); /* the strand */
    atomic_init(&s->used_us, ac_now_us());
    session_history_open(s);
    return s;
}

/* What nobody knows yet. */
static void discard(struct ac_session *s)
{
    session_history_close(s);
    ac_strand_free(s->strand, NULL, NULL);
    ac_cancel_unref(s->cancel);
    ac_history_free(s->history);
    pthread_mutex_destroy(&s->out_lock);
    free(s);
}

int ac_session_open(struct ac_session **out, struct ac_hub *hub, const char *id, const struct ac_port *port)
{
    struct ac_session *s = new_session(hub, id, port);
    int err = hub_take_in(hub, s);

    if (err) {
        discard(s);
        ac_log_info("session", "refused", AC_S("session", id), AC_S("error", ac_err_name(err)));
        return err;
    }
    *out = s;
    return 0;
}

const char *ac_session_refusal(int err)
{
    switch (err) {
    case AC_ELIMIT:
        return "max_sessions: no free session, try again later";
    case AC_ENOMEM:
        return "memory_hard_mb: the server is short of memory, try again later";
    case AC_EBUSY:
    case AC_EDENIED:
        return "a session of this id exists: `hello` with its resume token takes it over";
    case AC_ECLOSED:
        return "the server is about to end";
    case AC_ENOENT:
        return "the session has ended: open a new one";
    default:
        return ac_err_text(err);
    }
}

void session_admit(void *arg)
{
    struct ac_session *s = arg;
    struct session_task *in_order = NULL;

    session_open_engines(s);
    session_open_listener(s);
    s->opened = true;
    ac_hub_warm_up(s->hub);
    ac_log_info("session", "opened", AC_S("session", s->id));
    session_note_choices(s);
    session_send_ready(s);
    while (s->kept) {
        struct session_task *t = s->kept;
        s->kept = t->kept;
        t->kept = in_order;
        in_order = t;
    }
    while (in_order) {
        struct session_task *t = in_order;
        in_order = t->kept;
        session_handle_kept(t);
    }
}

void session_send_busy(struct ac_session *s, size_t position)
{
    json_t *data = ac_error_data(AC_EBUSY, "every session is taken: this one waits in line", 0);

    json_object_set_new(data, "queue_position", json_integer((json_int_t)position));
    session_send(s, "error", data);
}

int64_t ac_session_idle_us(struct ac_session *s)
{
    int64_t us = ac_now_us() - atomic_load(&s->used_us);

    return atomic_load(&s->busy) || us < 0 ? 0 : us;
}

/* ---- losing the client and having it back ---- */

static void detach_task(void *arg)
{
    struct ac_session *s = arg;

    session_stop_turn(s, NULL);
    session_mic_off(s);
    ac_log_info("session", "detached", AC_S("session", s->id));
}

void ac_session_detach(struct ac_session *s)
{
    if (!s)
        return;
    struct ac_hub *hub = s->hub;
    bool wait = ac_config_server(hub->cfg)->resume_s && atomic_load(&s->worth);

    if (wait) {
        pthread_mutex_lock(&hub->lock);
        pthread_mutex_lock(&s->out_lock);
        s->port_open = false;
        pthread_mutex_unlock(&s->out_lock);
        wait = !hub->draining && !s->queued;
        if (wait) {
            s->detached = true;
            s->detached_us = ac_now_us();
            hub->detached++;
            session_post(s, detach_task, s);
        }
        pthread_mutex_unlock(&hub->lock);
    }
    if (!wait)
        ac_session_close(s);
}

static void resume_task(void *arg)
{
    struct ac_session *s = arg;

    session_stop_turn(s, NULL); /* of a connection that was still there: its page has what was sent */
    session_mic_off(s);
    s->resumed = true;
    ac_log_info("session", "resumed", AC_S("session", s->id));
}

/* In constant time: how much is right must not show. */
static bool same_token(const char *a, const char *b)
{
    size_t n = strlen(b);
    int differs = n != AC_TOKEN_SIZE - 1;

    for (size_t i = 0; i < AC_TOKEN_SIZE - 1; i++)
        differs |= a[i] ^ (i < n ? b[i] : 0);
    return !differs;
}

/* Gives it the port. The hub's lock is held. */
static void attach(struct ac_session *s, const struct ac_port *port)
{
    session_end(s, AC_END_REPLACED, "this session was opened by another connection");
    pthread_mutex_lock(&s->out_lock);
    s->port = *port;
    s->port.address = NULL;
    snprintf(s->profile.address, sizeof s->profile.address, "%s", port->address ? port->address : "");
    s->port_open = true;
    s->ending = false;
    pthread_mutex_unlock(&s->out_lock);
    s->hub->detached -= s->detached;
    s->detached = false;
    atomic_store(&s->used_us, ac_now_us());
    ac_metrics_add(s->hub->metrics, AC_COUNT_SESSIONS_RESUMED, 1);
    session_post(s, resume_task, s);
}

int ac_session_resume(struct ac_session **out, struct ac_hub *hub, const char *id, const char *hello,
                      size_t len, const struct ac_port *port)
{
    struct ac_client_message m;
    char why[WHY_SIZE];
    int err = ac_client_parse(hello, len, &m, why);
    const char *token = !err && m.type == AC_CLIENT_HELLO && m.choices.resume ? m.choices.resume : "";

    pthread_mutex_lock(&hub->lock);
    struct ac_session *s = hub_find(hub, id);
    if (!s)
        err = AC_ENOENT;
    else if (!same_token(s->token, token))
        err = AC_EDENIED;
    else
        err = 0;
    if (!err)
        attach(s, port);
    pthread_mutex_unlock(&hub->lock);
    ac_client_clear(&m);
    if (err == AC_EDENIED)
        ac_metrics_add(hub->metrics, AC_COUNT_REFUSED_TOKEN, 1);
    if (err)
        return err;
    *out = s;
    ac_session_message(s, hello, len);
    return 0;
}

/* ---- the end ---- */

bool session_end(struct ac_session *s, enum ac_end why, const char *message)
{
    pthread_mutex_lock(&s->out_lock);
    bool end = s->port_open && !s->ending && s->port.end;
    if (end) {
        s->ending = true;
        s->port.end(s->port.arg, why, message);
    }
    pthread_mutex_unlock(&s->out_lock);
    return end;
}

static void close_task(void *arg)
{
    struct ac_session *s = arg;
    struct ac_strand *strand = s->strand;

    session_stop_turn(s, NULL);
    session_history_close(s);
    hub_listen_forget(s->hub, s);
    if (s->opened) {
        ac_answer_free(s->answer, session_part_gone, s);
        ac_speaker_free(s->speaker, session_part_gone, s);
        ac_listener_free(s->listener, session_part_gone, s);
    }
    if (s->summarizer)
        ac_summarizer_free(s->summarizer, session_part_gone, s);
    ac_strand_free(strand, session_part_gone, s);
}

void session_finish(struct ac_session *s)
{
    pthread_mutex_lock(&s->out_lock);
    s->port_open = false;
    pthread_mutex_unlock(&s->out_lock);
    ac_cancel_trigger(s->cancel);
    session_post(s, close_task, s);
}

void ac_session_close(struct ac_session *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->out_lock);
    s->port_open = false;
    pthread_mutex_unlock(&s->out_lock);
    hub_forget(s->hub, s);
    session_finish(s);
}
