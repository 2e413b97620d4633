/*
 * What is told of a session to those who look after the server: its choices, its counters, and a time-line of
 * its last turns. Texts of people are no part of it.
 */
#include "core/session_private.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

const char *ac_session_state_name(enum ac_session_state state)
{
    static const char *const names[] = {"",         "idle",     "listening", "thinking",
                                        "speaking", "detached", "queued"};

    return names[state];
}

const char *ac_turn_result_name(enum ac_turn_result result)
{
    static const char *const names[] = {"running", "done", "interrupted", "failed"};

    return names[result];
}

void session_note_choices(struct ac_session *s)
{
    const struct ac_prefs *p = &s->choices.prefs;

    pthread_mutex_lock(&s->out_lock);
    snprintf(s->profile.language, sizeof s->profile.language, "%s", s->language);
    snprintf(s->profile.avatar, sizeof s->profile.avatar, "%s", p->avatar);
    snprintf(s->profile.voice, sizeof s->profile.voice, "%s", p->voice);
    pthread_mutex_unlock(&s->out_lock);
}

void session_note_client(struct ac_session *s, const char *client)
{
    pthread_mutex_lock(&s->out_lock);
    snprintf(s->profile.client, sizeof s->profile.client, "%s", client);
    pthread_mutex_unlock(&s->out_lock);
}

static size_t count_chars(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

void session_note_turn(struct ac_session *s, uint32_t turn, const char *question)
{
    struct ac_turn_info t = {.turn = turn, .question_chars = count_chars(question)};

    pthread_mutex_lock(&s->out_lock);
    t.started_ms = ac_unix_ms() - (ac_now_us() - s->marks.begin) / 1000;
    s->profile.turns[s->profile.n_turns++ % AC_TIMELINE_TURNS] = t;
    pthread_mutex_unlock(&s->out_lock);
}

static enum ac_counter counter_of(enum ac_turn_result result)
{
    return result == AC_TURN_DONE          ? AC_COUNT_TURNS_DONE
           : result == AC_TURN_INTERRUPTED ? AC_COUNT_TURNS_INTERRUPTED
                                           : AC_COUNT_TURNS_FAILED;
}

void session_note_end(struct ac_session *s, enum ac_turn_result result, const int64_t marks_us[AC_TURN_MARKS])
{
    struct ac_metrics *m = s->hub->metrics;

    pthread_mutex_lock(&s->out_lock);
    struct profile *p = &s->profile;
    struct ac_turn_info *t = p->n_turns ? &p->turns[(p->n_turns - 1) % AC_TIMELINE_TURNS] : NULL;
    int64_t begin = s->marks.begin;
    if (t && t->result == AC_TURN_RUNNING) {
        t->result = result;
        for (int i = 0; i < AC_TURN_MARKS; i++) {
            t->has_mark[i] = marks_us[i] != 0;
            t->marks[i] = marks_us[i] ? (double)(marks_us[i] - begin) / 1000 : 0;
        }
    }
    pthread_mutex_unlock(&s->out_lock);
    atomic_fetch_add(&s->turns, 1);
    ac_metrics_add(m, counter_of(result), 1);
    for (int i = 0; i < AC_TURN_MARKS; i++)
        if (marks_us[i] && result == AC_TURN_DONE)
            ac_metrics_observe(m, (enum ac_timing)i, marks_us[i] - begin);
    ac_metrics_observe(m, AC_TIME_TURN, ac_now_us() - begin);
}

/* out_lock held. */
static enum ac_session_state state_of(const struct ac_session *s)
{
    if (s->queued)
        return AC_SESSION_QUEUED;
    if (s->detached)
        return AC_SESSION_DETACHED;
    if (s->turn_runs)
        return s->marks.first_fragment ? AC_SESSION_SPEAKING : AC_SESSION_THINKING;
    return atomic_load(&s->mic_on) ? AC_SESSION_LISTENING : AC_SESSION_IDLE;
}

void session_inform(struct ac_session *s, struct ac_session_info *info, struct ac_turn_info *turns,
                    size_t *n_turns)
{
    int shown = atomic_load(&s->shown);
    const struct profile *p = &s->profile;

    *info = (struct ac_session_info){
        .opened_ms = s->opened_ms,
        .idle_ms = ac_session_idle_us(s) / 1000,
        .waiting_ms = s->queued ? (ac_now_us() - s->came_us) / 1000 : 0,
        .turns = atomic_load(&s->turns),
        .bytes_in = atomic_load(&s->bytes_in),
        .bytes_out = atomic_load(&s->bytes_out),
        .frames = atomic_load(&s->frames),
        .late_frames = atomic_load(&s->late_frames),
        .fps = (double)ac_config_video(s->hub->cfg)->fps / (shown ? shown : 1),
        .history = ac_history_size(s->history),
    };
    memcpy(info->id, s->id, sizeof info->id);
    pthread_mutex_lock(&s->out_lock);
    info->state = state_of(s);
    memcpy(info->language, p->language, sizeof info->language);
    memcpy(info->avatar, p->avatar, sizeof info->avatar);
    memcpy(info->voice, p->voice, sizeof info->voice);
    memcpy(info->address, p->address, sizeof info->address);
    memcpy(info->client, p->client, sizeof info->client);
    if (p->n_turns)
        info->turn = p->turns[(p->n_turns - 1) % AC_TIMELINE_TURNS].turn;
    if (turns) {
        size_t n = p->n_turns < AC_TIMELINE_TURNS ? p->n_turns : AC_TIMELINE_TURNS;
        for (size_t i = 0; i < n; i++)
            turns[i] = p->turns[(p->n_turns - n + i) % AC_TIMELINE_TURNS];
        *n_turns = n;
    }
    pthread_mutex_unlock(&s->out_lock);
}
