/*
 * A turn begun on trial: while the end of speech is not yet decided, its likely question is already answered.
 *
 * Everything of such a turn is as usual but for its way out: messages wait in a list, fragments are refused
 * as by a slow reader (the speaker keeps the first one and stops there). When the question is confirmed the
 * list is sent and the turn is one like any other; else it is stopped and nobody has seen it. It is not in
 * the history before.
 */
#include "core/session_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void session_send_of_turn(struct ac_session *s, const char *type, json_t *data)
{
    pthread_mutex_lock(&s->out_lock);
    if (s->held)
        json_array_append_new(s->held, json_pack("[s, o]", type, data));
    else
        session_send_locked(s, type, data);
    pthread_mutex_unlock(&s->out_lock);
}

void session_guess_turn(struct ac_session *s, const char *question, const struct ac_listened *heard)
{
    s->held_question = ac_strdup(question);
    s->held_done = false;
    pthread_mutex_lock(&s->out_lock);
    s->marks = (struct marks){.begin = heard->voice_end_us};
    s->turn_failed = false;
    s->held = json_array();
    ac_heard_clear(&s->heard);
    s->n_asides = 0;
    pthread_mutex_unlock(&s->out_lock);
    s->confirmed = ac_cancel_new(NULL);
    session_run_turn(s, question, false);
}

void session_release_turn(struct ac_session *s, const struct ac_listened *heard)
{
    json_t *message;
    size_t i;

    atomic_fetch_add(&s->hub->turns, 1);
    ac_cancel_trigger(s->confirmed);
    ac_history_add(s->history, "user", s->held_question);
    session_remember_question(s, s->held_question);
    pthread_mutex_lock(&s->out_lock);
    s->marks.begin = heard->voice_end_us;
    s->marks.endpoint = heard->endpoint_us;
    s->marks.asr_final = heard->final_us;
    s->audible.media_us = 0;
    s->audible.stopped = false;
    s->turn_runs = true;
    session_send_locked(s, "state", json_pack("{s:s, s:i}", "state", "thinking", "turn", (int)s->turn));
    json_array_foreach(s->held, i, message)
    {
        session_send_locked(s, json_string_value(json_array_get(message, 0)),
                            json_incref(json_array_get(message, 1)));
    }
    json_decref(s->held);
    s->held = NULL;
    pthread_mutex_unlock(&s->out_lock);
    session_note_turn(s, s->turn, s->held_question);
    free(s->held_question);
    s->held_question = NULL;
    ac_speaker_retry(s->speaker);
    if (s->held_done)
        session_turn_done(s, &s->held_times);
}

void session_drop_held(struct ac_session *s)
{
    if (!s->held_question)
        return;
    ac_log_debug("turn", "void", AC_S("session", s->id), AC_I("turn", s->turn));
    ac_cancel_trigger(s->turn_cancel);
    ac_answer_stop(s->answer);
    ac_speaker_stop(s->speaker);
    free(s->held_question);
    s->held_question = NULL;
    pthread_mutex_lock(&s->out_lock);
    json_decref(s->held);
    s->held = NULL;
    pthread_mutex_unlock(&s->out_lock);
    session_end_turn(s);
}
