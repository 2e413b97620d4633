/*
 * A session's turns: question → answer → sentences → speaker → fragments, watched and cancellable.
 *
 * A turn ends in one of two ways. Done: the answer is complete and all its fragments are sent. Stopped: by
 * `interrupt`, a new question, the end of the session, or the watchdog. Stopping ends the sinks first, so
 * nothing of the turn is sent after `interrupted`, whatever the engines still do.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AUDIBLE_SLACK_US = 300000, /* the page plays later than the server sends */
    HUSH_US = 150000,          /* an interrupted page falls silent */
    PAGE_DELAY_US = 80000,     /* a page shows what came that long ago */
    WATCH_US = 250000,
    BEGIN_US = 300000,      /* so soon a turn wants to be heard … */
    BEGIN_EACH_US = 150000, /* … and so much later for each other that begins at the same time */
    BUSY_GRACE_US = 2000000 /* past its deadline an engine that ignores it is given up */
};

/* ---- what comes from answer and speaker, on their strands ---- */

/* A result posted to the session's strand. */
struct turn_task {
    struct session_task head;
    uint32_t turn;
    struct ac_speaker_times times;
    char text[]; /* the whole answer */
};

static struct turn_task *turn_task(struct ac_session *s, uint32_t turn, const char *text)
{
    struct turn_task *t = session_task_new(s, sizeof *t + strlen(text) + 1);

    t->turn = turn;
    memcpy(t->text, text, strlen(text) + 1);
    return t;
}

static void on_chunk(void *arg, uint32_t turn, const char *text, size_t len)
{
    struct ac_session *s = arg;

    pthread_mutex_lock(&s->out_lock);
    if (!s->marks.first_token)
        s->marks.first_token = ac_now_us();
    pthread_mutex_unlock(&s->out_lock);
    session_send_of_turn(s, "text_chunk", json_pack("{s:i, s:s%}", "turn", (int)turn, "chunk", text, len));
}

static void on_sentence_text(void *arg, uint32_t turn, const struct ac_sentence *sentence, uint32_t seq)
{
    struct ac_session *s = arg;

    pthread_mutex_lock(&s->out_lock);
    if (!s->marks.first_sentence)
        s->marks.first_sentence = ac_now_us();
    if (sentence->aside && s->n_asides < MAX_ASIDES)
        s->asides[s->n_asides++] = seq;
    pthread_mutex_unlock(&s->out_lock);
    int err = ac_speaker_say(s->speaker, sentence, seq);
    if (err && err != AC_ECANCELED)
        session_error(s, err, "a sentence was left out: too many wait to be spoken", turn);
}

static void on_error(void *arg, uint32_t turn, int err, const char *reason)
{
    session_error(arg, err, reason, turn);
}

static void on_degraded(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason)
{
    session_send_of_turn(arg, "degraded", session_degraded_data(arg, stage, from, to, reason));
}

static void on_spoken_sentence(void *arg, uint32_t turn, uint32_t seq, const char *text,
                               const struct ac_word *words, size_t n, int64_t start_us, int64_t duration_us)
{
    struct ac_session *s = arg;

    bool aside = false;

    pthread_mutex_lock(&s->out_lock);
    for (size_t i = 0; i < s->n_asides; i++)
        aside |= s->asides[i] == seq;
    if (!aside)
        ac_heard_add(&s->heard, start_us, text);
    pthread_mutex_unlock(&s->out_lock);
    session_send_of_turn(s, "sentence", ac_sentence_data(turn, seq, text, words, n, start_us, duration_us));
}

/* Something of the turn is heard, or it is over. out_lock held. */
static void started(struct ac_session *s)
{
    if (s->starting)
        atomic_fetch_sub(&s->hub->starting, 1);
    s->starting = false;
}

/*
 * A fragment was sent: it is played behind the one before, or, after a dry spell, as soon as it comes. Under
 * out_lock.
 */
static void note_fragment(struct ac_session *s, const struct ac_fragment *f)
{
    struct audible *a = &s->audible;
    int64_t now = ac_now_us(), begin = now + PAGE_DELAY_US;

    started(s);
    if (!s->marks.first_fragment)
        s->marks.first_fragment = now;
    else if (a->play_us > begin)
        begin = a->play_us;
    a->play_us = begin + f->duration_us;
    a->until_us = a->play_us + AUDIBLE_SLACK_US;
    a->media_us = f->start_us + f->duration_us;
    a->idle_us = f->idle_us;
    a->idle_at_us = a->play_us;
}

static int on_fragment(void *arg, const struct ac_fragment *f)
{
    struct ac_session *s = arg;
    size_t len;

    pthread_mutex_lock(&s->out_lock);
    bool held = s->held != NULL;
    pthread_mutex_unlock(&s->out_lock);
    if (held)
        return AC_EFULL;
    if (!f->chunk)
        session_send(s, "state", json_pack("{s:s, s:i}", "state", "speaking", "turn", (int)f->turn));
    char *text = ac_server_message("video_chunk_meta", ac_fragment_data(f), &len);
    pthread_mutex_lock(&s->out_lock);
    int err = session_port_send(s, text, len, f->data, f->size);
    if (!err)
        note_fragment(s, f);
    else if (err == AC_EFULL)
        ac_metrics_add(s->hub->metrics, AC_COUNT_DROPPED_VIDEO, 1);
    pthread_mutex_unlock(&s->out_lock);
    free(text);
    return err;
}

static void on_slice(void *arg, const struct ac_slice *slice, int shown)
{
    struct ac_session *s = arg;
    struct ac_metrics *m = s->hub->metrics;
    int dropped = slice->frames - slice->pictures;

    atomic_store(&s->shown, shown);
    atomic_fetch_add(&s->frames, (unsigned)slice->frames);
    atomic_fetch_add(&s->late_frames, (unsigned)slice->late);
    ac_metrics_add(m, AC_COUNT_FRAMES_RENDERED, (uint64_t)slice->pictures);
    ac_metrics_add(m, AC_COUNT_FRAMES_LATE, (uint64_t)slice->late);
    ac_metrics_add(m, AC_COUNT_FRAMES_DROPPED, dropped > 0 ? (uint64_t)dropped : 0);
    ac_metrics_add(m, AC_COUNT_RENDER_US, (uint64_t)slice->render_cpu_us);
    ac_metrics_add(m, AC_COUNT_ENCODE_US, (uint64_t)slice->encode_cpu_us);
    ac_load_note(s->hub->load, slice);
}

/* ---- the end of a turn ---- */

static json_t *mark(int64_t begin, int64_t at)
{
    return at ? json_real((double)(at - begin) / 1000) : json_null();
}

void session_end_turn(struct ac_session *s)
{
    s->running = s->answering = s->speaking = false;
    atomic_fetch_sub(&s->hub->talking, 1);
    hub_floor_give(s->hub, s);
    free(s->floor_text);
    s->floor_text = NULL;
    ac_frame_unref(s->floor_chat);
    s->floor_chat = NULL;
    atomic_store(&s->used_us, ac_now_us());
    atomic_store(&s->busy, false);
    atomic_store(&s->shown, 1);
    ac_cancel_unref(s->turn_cancel);
    s->turn_cancel = NULL;
    ac_cancel_unref(s->confirmed);
    s->confirmed = NULL;
    free(s->answer_text);
    s->answer_text = NULL;
    pthread_mutex_lock(&s->out_lock);
    started(s);
    s->turn_runs = false;
    pthread_mutex_unlock(&s->out_lock);
}

void session_turn_done(struct ac_session *s, const struct ac_speaker_times *times)
{
    if (s->held_question) { /* told when it is released */
        s->held_done = true;
        s->held_times = *times;
        return;
    }
    pthread_mutex_lock(&s->out_lock);
    struct marks m = s->marks;
    bool failed = s->turn_failed && !m.first_fragment;
    pthread_mutex_unlock(&s->out_lock);
    int64_t now = ac_now_us();
    const int64_t marks[AC_TURN_MARKS] = {
        [AC_TIME_ENDPOINT] = m.endpoint,
        [AC_TIME_ASR_FINAL] = m.asr_final,
        [AC_TIME_FIRST_TOKEN] = m.first_token,
        [AC_TIME_FIRST_SENTENCE] = m.first_sentence,
        [AC_TIME_FIRST_AUDIO] = times->first_audio_us,
        [AC_TIME_FIRST_FRAME] = times->first_frame_us,
        [AC_TIME_FIRST_FRAGMENT] = m.first_fragment,
        [AC_TIME_DONE] = now,
    };

    session_note_end(s, failed ? AC_TURN_FAILED : AC_TURN_DONE, marks);
    if (!s->verbatim) {
        ac_history_add(s->history, "assistant", s->answer_text);
        session_remember_answer(s, s->turn, s->answer_text, false);
    }
    s->in_history = !s->verbatim && s->answer_text && s->answer_text[0];
    session_send(s, "turn_done",
                 json_pack("{s:i, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}}", "turn", (int)s->turn, "marks",
                           "endpoint", mark(m.begin, m.endpoint), "asr_final", mark(m.begin, m.asr_final),
                           "first_token", mark(m.begin, m.first_token), "first_sentence",
                           mark(m.begin, m.first_sentence), "first_audio",
                           mark(m.begin, times->first_audio_us), "first_frame",
                           mark(m.begin, times->first_frame_us), "first_fragment",
                           mark(m.begin, m.first_fragment), "done", mark(m.begin, now)));
    ac_log_info("turn", "done", AC_S("session", s->id), AC_I("turn", s->turn),
                AC_F("first_fragment_ms", m.first_fragment ? (double)(m.first_fragment - m.begin) / 1000 : 0),
                AC_F("total_ms", (double)(now - m.begin) / 1000), AC_I("frames", times->frames),
                AC_F("render_ms", (double)times->render_cpu_us / 1000),
                AC_F("encode_ms", (double)times->encode_cpu_us / 1000));
    atomic_fetch_add(&s->hub->turns_done, 1);
    session_end_turn(s);
    session_rest(s);
    session_shorten(s);
}

static void answer_done_task(void *arg)
{
    struct turn_task *t = arg;
    struct ac_session *s = t->head.s;

    if (s->running && s->turn == t->turn) {
        s->answering = false;
        free(s->answer_text);
        s->answer_text = ac_strdup(t->text);
        if (!s->speaking) /* the speaker gave up before the answer was complete */
            session_turn_done(s, &t->times);
    }
    session_task_free(t);
}

static void on_answer_done(void *arg, uint32_t turn, const char *text)
{
    struct ac_session *s = arg;
    struct turn_task *t = turn_task(s, turn, text);

    session_send_of_turn(s, "text_done", json_pack("{s:i, s:s}", "turn", (int)turn, "text", text));
    session_post(s, answer_done_task, t);
    ac_speaker_end(s->speaker);
}

static void speaker_done_task(void *arg)
{
    struct turn_task *t = arg;
    struct ac_session *s = t->head.s;

    if (s->running && s->turn == t->turn) {
        s->speaking = false;
        if (!s->answering)
            session_turn_done(s, &t->times);
    }
    session_task_free(t);
}

static void on_speaker_done(void *arg, uint32_t turn, const struct ac_speaker_times *times)
{
    struct turn_task *t = turn_task(arg, turn, "");

    t->times = *times;
    session_post(arg, speaker_done_task, t);
}

/* ---- engines ---- */

static void open_answer(struct ac_session *s)
{
    const struct ac_answer_sink sink = {
        .arg = s,
        .chunk = on_chunk,
        .sentence = on_sentence_text,
        .error = on_error,
        .degraded = on_degraded,
        .done = on_answer_done,
    };

    atomic_fetch_add(&s->parts, 1);
    ac_answer_new(&s->answer, s->hub->pool, s->hub->models, s->hub->cfg, &sink);
}

static void open_speaker(struct ac_session *s)
{
    const struct ac_speaker_sink sink = {
        .arg = s,
        .sentence = on_spoken_sentence,
        .fragment = on_fragment,
        .error = on_error,
        .slice = on_slice,
        .degraded = on_degraded,
        .done = on_speaker_done,
    };

    atomic_fetch_add(&s->parts, 1);
    ac_speaker_new(&s->speaker, s->hub->pool, s->hub->models, s->hub->cfg, &s->choices, &sink);
}

int session_open_engines(struct ac_session *s)
{
    open_answer(s);
    open_speaker(s);
    return 0;
}

/* ---- stopping ---- */

bool session_is_audible(struct ac_session *s)
{
    pthread_mutex_lock(&s->out_lock);
    bool audible = !s->audible.stopped && ac_now_us() < s->audible.until_us;
    pthread_mutex_unlock(&s->out_lock);
    return audible;
}

void session_heard(struct ac_session *s, uint32_t turn, int64_t heard_us)
{
    struct audible *a = &s->audible;

    if (turn != s->turn)
        return;
    pthread_mutex_lock(&s->out_lock);
    bool stopped = a->stopped;
    if (s->marks.first_fragment && !stopped) {
        int64_t left = a->media_us - heard_us;
        a->play_us = ac_now_us() + (left > 0 ? left : 0);
        a->until_us = a->play_us + AUDIBLE_SLACK_US;
    }
    pthread_mutex_unlock(&s->out_lock);
    if (stopped)
        session_heard_less(s, turn, heard_us);
}

void session_set_idle(struct ac_session *s, double idle_ms)
{
    if (idle_ms < 0)
        return;
    pthread_mutex_lock(&s->out_lock);
    s->audible.idle_us = (int64_t)(idle_ms * 1000);
    s->audible.idle_at_us = ac_now_us();
    pthread_mutex_unlock(&s->out_lock);
}

/* Where the page's idle motion is now, as far as is known. */
static int64_t idle_now(struct ac_session *s)
{
    pthread_mutex_lock(&s->out_lock);
    const struct audible *a = &s->audible;
    int64_t us = a->idle_at_us ? a->idle_us + ac_now_us() - a->idle_at_us : 0;
    pthread_mutex_unlock(&s->out_lock);
    us %= AC_IDLE_PERIOD_US;
    return us < 0 ? us + AC_IDLE_PERIOD_US : us;
}

/*
 * What of the answer the person has heard: what the client reported, else by the clock. *all: whatever was
 * sent.
 */
static char *heard_text(struct ac_session *s, bool *all)
{
    pthread_mutex_lock(&s->out_lock);
    int64_t now = ac_now_us(), left_us = s->audible.play_us - now;
    int64_t heard_us = s->marks.first_fragment ? s->audible.media_us - (left_us > 0 ? left_us : 0) : 0;
    char *text = ac_heard_text(&s->heard, heard_us);
    s->audible.until_us = left_us > 0 ? now + HUSH_US : 0;
    s->audible.stopped = true;
    *all = left_us <= 0;
    pthread_mutex_unlock(&s->out_lock);
    return text;
}

void session_rest(struct ac_session *s)
{
    session_state(s, s->mic.mode ? "listening" : "idle");
}

static void note_stopped(struct ac_session *s, enum ac_turn_result result)
{
    pthread_mutex_lock(&s->out_lock);
    const int64_t marks[AC_TURN_MARKS] = {
        [AC_TIME_ENDPOINT] = s->marks.endpoint,
        [AC_TIME_ASR_FINAL] = s->marks.asr_final,
        [AC_TIME_FIRST_TOKEN] = s->marks.first_token,
        [AC_TIME_FIRST_SENTENCE] = s->marks.first_sentence,
        [AC_TIME_FIRST_FRAGMENT] = s->marks.first_fragment,
    };
    pthread_mutex_unlock(&s->out_lock);
    session_note_end(s, result, marks);
}

void session_stop_turn(struct ac_session *s, const char *reason)
{
    session_drop_held(s);
    bool running = s->running, audible = session_is_audible(s);

    if (running) {
        ac_cancel_trigger(s->turn_cancel);
        ac_answer_stop(s->answer);
        ac_speaker_stop(s->speaker);
    }
    if (running || audible) {
        bool all, cut = running;
        char *text = heard_text(s, &all);
        if (running && !s->verbatim)
            ac_history_add(s->history, "assistant", text);
        else if (s->in_history && (cut = !all)) /* else it was as good as over */
            ac_history_amend(s->history, text);
        if (cut && !s->verbatim)
            session_remember_answer(s, s->turn, text, true);
        free(text);
        s->in_history = false;
    }
    if (running) {
        note_stopped(s, reason && !strcmp(reason, "timed_out") ? AC_TURN_FAILED : AC_TURN_INTERRUPTED);
        atomic_fetch_add(&s->hub->turns_interrupted, 1);
        session_end_turn(s);
        ac_log_info("turn", "stopped", AC_S("session", s->id), AC_I("turn", s->turn), AC_S("reason", reason));
    }
    if (!reason)
        return;
    session_send(s, "interrupted",
                 json_pack("{s:o, s:s}", "turn", running || audible ? json_integer(s->turn) : json_null(),
                           "reason", reason));
    if (running)
        session_rest(s);
}

/*
 * An engine that does not come back is left behind with its strand, and the session goes on with fresh ones:
 * the old ones end when the engine does.
 */
static void watch_task(void *arg)
{
    struct turn_task *t = arg;
    struct ac_session *s = t->head.s;
    const struct ac_session_config *sc = ac_config_session(s->hub->cfg);
    char why[WHY_SIZE] = "";

    if (!s->running || s->turn != t->turn) {
        session_task_free(t);
        return;
    }
    int64_t speaker_us = ac_speaker_busy_us(s->speaker), answer_us = ac_answer_busy_us(s->answer);
    if (speaker_us > sc->stage_timeout_s * INT64_C(1000000) + BUSY_GRACE_US)
        snprintf(why, sizeof why, "speech or picture did not come within %d s (session.stage_timeout_s)",
                 sc->stage_timeout_s);
    else if (ac_now_us() - s->marks.begin > sc->turn_timeout_s * INT64_C(1000000))
        snprintf(why, sizeof why, "the turn was ended after %d s (session.turn_timeout_s)",
                 sc->turn_timeout_s);
    if (!why[0]) {
        ac_strand_post(s->strand, ac_now_us() + WATCH_US, 1, watch_task, t);
        return;
    }
    session_error(s, AC_ETIMEDOUT, why, s->turn);
    session_stop_turn(s, "timed_out");
    if (speaker_us) {
        ac_speaker_free(s->speaker, session_part_gone, s);
        open_speaker(s);
    }
    if (answer_us) {
        ac_answer_free(s->answer, session_part_gone, s);
        open_answer(s);
    }
    session_task_free(t);
}

/* ---- beginning ---- */

/* Cuts text that is to be said as it is, and gives it to the speaker. AC_EEMPTY when nothing in it can be
 * said. */
static int say_verbatim(struct ac_session *s, const char *text)
{
    const struct ac_session_config *sc = ac_config_session(s->hub->cfg);
    struct ac_splitter_config cfg = {.first_words = sc->first_clause_words,
                                     .first_cjk = sc->first_clause_cjk};
    snprintf(cfg.lang, sizeof cfg.lang, "%s", s->choices.prefs.lang);
    struct ac_splitter *sp = ac_splitter_new(&cfg);
    struct ac_sentence sentence;
    uint32_t seq = 0;
    int err = 0;

    ac_splitter_feed(sp, text, strlen(text));
    ac_splitter_finish(sp);
    while (ac_splitter_next(sp, &sentence)) {
        if (!err)
            err = ac_speaker_say(s->speaker, &sentence, seq++);
        free(sentence.text);
    }
    ac_splitter_free(sp);
    ac_speaker_end(s->speaker);
    return err || seq ? err : AC_EEMPTY;
}

/* Each that begins is given the time that those before it need: so no deadline is set that cannot be kept. */
static void be_patient(struct ac_session *s)
{
    pthread_mutex_lock(&s->out_lock);
    int before = atomic_fetch_add(&s->hub->starting, 1);
    s->starting = true;
    pthread_mutex_unlock(&s->out_lock);
    ac_speaker_begin_within(s->speaker, BEGIN_US + before * (int64_t)BEGIN_EACH_US);
}

/* The turn has leave to talk. chat (what the language model is asked) is taken over; NULL: text is said. */
static void start_turn(struct ac_session *s, const char *text, struct ac_frame *chat)
{
    ac_answer_configure(s->answer, s->hub->cfg);
    ac_speaker_configure(s->speaker, s->hub->cfg);
    be_patient(s);
    ac_speaker_begin(s->speaker, s->turn, s->turn_cancel, idle_now(s));
    if (chat) {
        ac_answer_ask(s->answer, s->turn, s->turn_cancel, chat, &s->choices.prefs);
        return;
    }
    int err = say_verbatim(s, text);
    if (err && err != AC_ECANCELED) /* ended before all was given to it: that has been told */
        session_error(s, err, err == AC_EEMPTY ? "nothing in this text can be spoken" : NULL, s->turn);
}

void session_run_turn(struct ac_session *s, const char *text, bool verbatim)
{
    s->turn++;
    s->running = s->speaking = true;
    s->answering = !verbatim;
    s->verbatim = verbatim;
    s->in_history = false;
    s->turn_cancel = ac_cancel_new(s->cancel);
    atomic_store(&s->busy, true);
    atomic_store(&s->worth, true);
    atomic_fetch_add(&s->hub->talking, 1);
    struct ac_frame *chat = verbatim ? NULL : session_ask(s, text);
    if (hub_floor_take(s->hub, s)) {
        start_turn(s, text, chat);
    } else {
        s->floor_text = ac_strdup(text);
        s->floor_chat = chat;
    }
    ac_strand_post(s->strand, ac_now_us() + WATCH_US, 1, watch_task, turn_task(s, s->turn, ""));
}

void session_floor_given(void *arg)
{
    struct ac_session *s = arg;
    char *text = s->floor_text;
    struct ac_frame *chat = s->floor_chat;

    if (!text) /* it was stopped meanwhile */
        return;
    s->floor_text = NULL;
    s->floor_chat = NULL;
    start_turn(s, text, chat);
    free(text);
}

void session_begin_turn(struct ac_session *s, const char *text, bool verbatim,
                        const struct ac_listened *heard)
{
    session_drop_held(s);
    if (s->running)
        session_stop_turn(s, "question");
    atomic_fetch_add(&s->hub->turns, 1);
    pthread_mutex_lock(&s->out_lock);
    s->marks = (struct marks){.begin = ac_now_us()};
    if (heard)
        s->marks = (struct marks){
            .begin = heard->voice_end_us, .endpoint = heard->endpoint_us, .asr_final = heard->final_us};
    s->audible.media_us = 0;
    s->audible.stopped = false;
    s->turn_runs = true;
    s->turn_failed = false;
    ac_heard_clear(&s->heard);
    s->n_asides = 0;
    session_send_locked(s, "state", json_pack("{s:s, s:i}", "state", "thinking", "turn", (int)s->turn + 1));
    pthread_mutex_unlock(&s->out_lock);
    session_note_turn(s, s->turn + 1, text);
    session_run_turn(s, text, verbatim);
    if (verbatim)
        return;
    ac_history_add(s->history, "user", text);
    session_remember_question(s, text);
}
