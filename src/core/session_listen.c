/*
 * The session's microphone: audio messages go to the listener, what was said becomes a question, and speech
 * interrupts the avatar.
 *
 * Sound takes the same way as messages (the session's strand), so that it stays in order with `audio_start`
 * and `audio_end`. The listener's results are sent or posted from its strands, as those of answer and
 * speaker.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_WAITING_AUDIO = 2 << 20, /* bytes of binary messages on their way to the listener */
    BUSY_GRACE_US = 2000000,     /* as for other engines */
    MAX_UNANSWERED_BYTES = 8000  /* of what is said while somebody goes on speaking */
};

/* ---- what comes from the listener, on its strands ---- */

/* A result posted to the session's strand. */
struct listen_task {
    struct session_task head;
    uint32_t number; /* utterance or stream */
    bool on;
    struct ac_listened heard; /* without the transcript */
    char lang[16];
    double confidence;
    char text[];
};

static struct listen_task *listen_task(struct ac_session *s, uint32_t number, const char *text)
{
    struct listen_task *t = session_task_new(s, sizeof *t + strlen(text) + 1);

    t->number = number;
    memcpy(t->text, text, strlen(text) + 1);
    return t;
}

static enum ac_ears on_ears(void *arg)
{
    struct ac_session *s = arg;
    bool barge_in = ac_config_listen(s->hub->cfg)->barge_in;

    pthread_mutex_lock(&s->out_lock);
    bool heard = ac_now_us() < s->audible.until_us, busy = heard || s->turn_runs;
    pthread_mutex_unlock(&s->out_lock);
    if (busy && !barge_in)
        return AC_EARS_CLOSED;
    return heard ? AC_EARS_STRICT : AC_EARS_OPEN;
}

static void speech_task(void *arg)
{
    struct listen_task *t = arg;
    struct ac_session *s = t->head.s;

    if (t->on)
        s->speaking_now = t->number;
    else if (s->speaking_now == t->number)
        s->speaking_now = 0;
    if (t->on && (s->running || session_is_audible(s)))
        session_stop_turn(s, "speech");
    if (t->on) /* a question comes in a moment */
        ac_answer_warm(s->answer, s->cancel, &s->choices.prefs);
    session_task_free(t);
}

static void on_speech(void *arg, uint32_t utterance, bool on, int64_t at_ms)
{
    struct ac_session *s = arg;
    struct listen_task *t = listen_task(s, utterance, "");

    t->on = on;
    session_send(
        s, "vad",
        json_pack("{s:b, s:i, s:I}", "speech", on, "utterance", (int)utterance, "at_ms", (json_int_t)at_ms));
    session_post(s, speech_task, t);
}

static void on_partial(void *arg, uint32_t utterance, const char *text, const char *lang)
{
    session_send(arg, "asr_partial",
                 json_pack("{s:i, s:s, s:s, s:b}", "utterance", (int)utterance, "text", text, "lang", lang,
                           "final", 0));
}

/* What the person has said and not been told about, with this. */
static char *whole_question(const struct ac_session *s, const char *text)
{
    const char *before = s->unanswered;

    if (before && strlen(before) + strlen(text) > MAX_UNANSWERED_BYTES)
        before = NULL; /* only the newest of a very long speech */
    return ac_asprintf("%s%s%s", before ? before : "", before && text[0] ? " " : "", text);
}

static void guess_task(void *arg)
{
    struct listen_task *t = arg;
    struct ac_session *s = t->head.s;
    char *question = whole_question(s, t->text);

    if (t->on && question[0] && s->speaking_now == t->number && !s->running && !session_is_audible(s) &&
        hub_floor_free(s->hub))
        session_guess_turn(s, question, &t->heard);
    else if (!t->on)
        session_drop_held(s);
    free(question);
    session_task_free(t);
}

static void result_task(void *arg)
{
    struct listen_task *t = arg;
    struct ac_session *s = t->head.s;
    const struct ac_listened *h = &t->heard;
    char *question = whole_question(s, t->text);
    bool guessed = s->held_question && !s->speaking_now && !strcmp(s->held_question, question);

    free(s->unanswered);
    s->unanswered = NULL;
    if (!guessed)
        session_drop_held(s);

    session_send(s, "asr_result",
                 json_pack("{s:i, s:s, s:s, s:f, s:b, s:s, s:I, s:I, s:I, s:b}", "utterance",
                           (int)h->utterance, "text", t->text, "lang", t->lang, "confidence", t->confidence,
                           "final", 1, "engine", h->engine, "duration_ms",
                           (json_int_t)(h->duration_us / 1000), "endpoint_ms",
                           (json_int_t)((h->endpoint_us - h->voice_end_us) / 1000), "asr_ms",
                           (json_int_t)((h->final_us - h->endpoint_us) / 1000), "cut", h->cut));
    if (guessed) {
        session_release_turn(s, h);
    } else if (!question[0]) {
        if (!s->running)
            session_rest(s);
    } else if (s->speaking_now) { /* it goes on: answered as a whole */
        s->unanswered = question;
        question = NULL;
    } else {
        session_begin_turn(s, question, false, h);
    }
    free(question);
    session_task_free(t);
}

static struct listen_task *heard_task(struct ac_session *s, const struct ac_listened *heard)
{
    const struct ac_transcript *tr = heard->transcript;
    const char *text = tr ? tr->text + strspn(tr->text, " \t\r\n") : "";
    struct listen_task *t = listen_task(s, heard->utterance, text);

    t->heard = *heard;
    t->heard.transcript = NULL;
    snprintf(t->lang, sizeof t->lang, "%s", tr ? tr->lang : "");
    t->confidence = tr && tr->confidence >= 0 && tr->confidence <= 1 ? (double)tr->confidence : 0;
    return t;
}

static void on_result(void *arg, const struct ac_listened *heard)
{
    session_post(arg, result_task, heard_task(arg, heard));
}

static void on_guess(void *arg, const struct ac_listened *heard)
{
    struct ac_session *s = arg;
    struct listen_task *t = heard_task(s, heard);

    on_partial(s, heard->utterance, t->text, t->lang);
    t->on = ac_config_listen(s->hub->cfg)->think_ahead;
    session_post(s, guess_task, t);
}

static void on_unguess(void *arg, uint32_t utterance)
{
    session_post(arg, guess_task, listen_task(arg, utterance, ""));
}

static void on_error(void *arg, int err, const char *reason)
{
    session_error(arg, err, reason, 0);
}

static void on_degraded(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason)
{
    session_send(arg, "degraded", session_degraded_data(arg, stage, from, to, reason));
}

static void off_task(void *arg)
{
    struct listen_task *t = arg;
    struct ac_session *s = t->head.s;

    if (s->mic.mode && s->mic.id == t->number) {
        s->mic.mode = 0;
        atomic_store(&s->mic_on, false);
        if (!s->running)
            session_rest(s);
    }
    session_task_free(t);
}

static void on_off(void *arg, uint32_t stream)
{
    session_post(arg, off_task, listen_task(arg, stream, ""));
}

/* ---- what comes from the client; the session's strand ---- */

void session_open_listener(struct ac_session *s)
{
    const struct ac_listener_sink sink = {
        .arg = s,
        .ears = on_ears,
        .speech = on_speech,
        .partial = on_partial,
        .guess = on_guess,
        .unguess = on_unguess,
        .result = on_result,
        .error = on_error,
        .degraded = on_degraded,
        .off = on_off,
    };

    atomic_fetch_add(&s->parts, 1);
    s->listener = ac_listener_new(s->hub->pool, s->hub->models, s->hub->cfg, s->cancel, &sink);
    session_use_language(s, 0);
}

void session_use_language(struct ac_session *s, double threshold)
{
    if (threshold > 0)
        s->threshold = threshold;
    ac_listener_set(s->listener, s->choices.prefs.lang, s->threshold);
}

void session_audio_start(struct ac_session *s, const struct ac_client_message *m)
{
    uint32_t id = s->mic.id + 1;

    session_set_idle(s, m->idle_ms);
    s->mic = m->stream;
    s->mic.id = id;
    s->told_no_mic = false;
    atomic_store(&s->mic_on, true);
    ac_listener_configure(s->listener, s->hub->cfg);
    ac_listener_start(s->listener, &s->mic);
    if (!s->running)
        session_rest(s);
}

void session_audio_end(struct ac_session *s)
{
    bool on = s->mic.mode != 0;

    session_mic_off(s);
    if (on && !s->running)
        session_rest(s);
}

void session_mic_off(struct ac_session *s)
{
    s->mic.mode = 0;
    atomic_store(&s->mic_on, false);
    if (s->opened)
        ac_listener_stop(s->listener);
}

void session_audio_whole(struct ac_session *s, const struct ac_client_message *m)
{
    session_set_idle(s, m->idle_ms);
    ac_listener_whole(s->listener, m->stream.format, m->stream.rate_hz, m->audio, m->audio_len);
}

/*
 * A voice activity engine that does not come back is left behind with its listener; the page has to begin the
 * stream again.
 */
void session_watch_listener(struct ac_session *s)
{
    int64_t limit_s = ac_config_session(s->hub->cfg)->stage_timeout_s;

    if (ac_listener_busy_us(s->listener) <= limit_s * INT64_C(1000000) + BUSY_GRACE_US)
        return;
    ac_listener_free(s->listener, session_part_gone, s);
    session_open_listener(s);
    s->mic.mode = 0;
    atomic_store(&s->mic_on, false);
    s->speaking_now = 0;
    session_error(
        s, AC_ETIMEDOUT,
        "listening did not come back within session.stage_timeout_s: switch the microphone on again", 0);
    if (!s->running)
        session_rest(s);
}

/* ---- sound ---- */

struct audio_task {
    struct session_task head;
    size_t len;
    char bytes[];
};

static void audio_task(void *arg)
{
    struct audio_task *t = arg;
    struct ac_session *s = t->head.s;
    const char *wrong = NULL;

    if (session_defer(s, audio_task, t))
        return;
    atomic_fetch_sub(&s->audio_waiting, sizeof *t + t->len);
    if (!s->opened) { /* what was said while it waits in line is of no use later */
        session_task_free(t);
        return;
    }
    atomic_store(&s->used_us, ac_now_us());
    session_watch_listener(s);
    if (atomic_exchange(&s->audio_lost, false))
        session_error(s, AC_EFULL, "sound came much faster than it could be taken: a part of it was dropped",
                      0);
    if (!s->mic.mode)
        wrong = "sound came without `audio_start`";
    else if (s->mic.format == AC_AUDIO_PCM_S16LE && t->len % sizeof(int16_t))
        wrong = "pcm_s16le comes in whole samples of two bytes";
    if (!wrong)
        ac_listener_audio(s->listener, t->bytes, t->len);
    else if (!s->told_no_mic) /* once: a microphone sends fifty a second */
        session_error(s, AC_EPROTO, wrong, 0);
    s->told_no_mic |= wrong != NULL;
    session_task_free(t);
}

int ac_session_binary(struct ac_session *s, const char *data, size_t len)
{
    struct audio_task *t;
    size_t size = sizeof *t + len;

    ac_metrics_add(s->hub->metrics, AC_COUNT_BYTES_IN, len);
    ac_metrics_add(s->hub->metrics, AC_COUNT_MESSAGES_IN, 1);
    atomic_fetch_add(&s->bytes_in, len);
    if (atomic_fetch_add(&s->audio_waiting, size) > MAX_WAITING_AUDIO) {
        atomic_fetch_sub(&s->audio_waiting, size);
        atomic_store(&s->audio_lost, true);
        ac_metrics_add(s->hub->metrics, AC_COUNT_DROPPED_MICROPHONE, 1);
        return 0; /* told by the next one that is taken: an error for each would be a flood itself */
    }
    t = session_task_new(s, size);
    t->len = len;
    memcpy(t->bytes, data, len);
    session_post(s, audio_task, t);
    return 0;
}
