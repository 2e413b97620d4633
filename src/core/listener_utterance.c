/*
 * Utterances of the listener: begun and ended by the end points or by the button, given to the recogniser
 * while they are being said, delivered in their order. A watch looks after them: a microphone that stops
 * sending ends the utterance, and a recogniser that does not come back is left behind.
 */
#include "core/listener_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_WAITING = 4, /* utterances that wait for their text; the oldest is given up past it */
    WATCH_US = 100000,
    BUSY_GRACE_US = 2000000 /* past its deadline an engine that ignores it is given up */
};

/* ---- the recogniser ---- */

static void on_partial(void *arg, uint32_t utterance, const struct ac_transcript *t)
{
    struct ac_listener *l = arg;

    pthread_mutex_lock(&l->sink_lock);
    if (!l->silenced)
        l->sink.partial(l->sink.arg, utterance, t->text, t->lang);
    pthread_mutex_unlock(&l->sink_lock);
}

static void on_degraded(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason)
{
    listener_tell_degraded(arg, stage, from, to, reason);
}

static void on_ready(void *arg)
{
    listener_kick(arg);
}

void utterance_open_recognizer(struct ac_listener *l)
{
    const struct ac_recognizer_sink sink = {
        .arg = l, .partial = on_partial, .degraded = on_degraded, .ready = on_ready};

    atomic_fetch_add(&l->parts, 1);
    l->recognizer = ac_recognizer_new(l->pool, l->models, l->cfg, l->cancel, &sink);
}

/* ---- results ---- */

static struct ac_listened listened(const struct utterance *u, const struct ac_recognized *r)
{
    return (struct ac_listened){
        .utterance = u->number,
        .transcript = r->frame ? &r->frame->transcript : NULL,
        .engine = r->engine ? r->engine : "",
        .duration_us = (int64_t)u->samples * 1000000 / AC_LISTEN_RATE_HZ,
        .cut = u->cut,
        .voice_end_us = u->voice_end_us,
        .endpoint_us = u->endpoint_us,
        .final_us = r->at_us > u->endpoint_us ? r->at_us : u->endpoint_us,
    };
}

static void tell_result(struct ac_listener *l, const struct utterance *u, const struct ac_recognized *r)
{
    struct ac_listened out = listened(u, r);

    if (r->err)
        listener_tell_error(l, r->err, r->reason);
    pthread_mutex_lock(&l->sink_lock);
    if (!l->silenced)
        l->sink.result(l->sink.arg, &out);
    pthread_mutex_unlock(&l->sink_lock);
}

/* The first utterance has its result: it is told and forgotten. */
static void deliver_first(struct ac_listener *l, const struct ac_recognized *r)
{
    struct utterance *u = l->utterances;

    l->utterances = u->next;
    ac_recognizer_drop(l->recognizer, u->number);
    tell_result(l, u, r);
    free(u);
}

/* At "silence?": tells what the recogniser has made on trial. */
static void guess(struct ac_listener *l)
{
    struct utterance *u = l->open;
    struct ac_recognized r;

    if (!u || u->guessed || l->endpoint.state != AC_ENDPOINT_MAYBE_SILENCE || u != l->utterances ||
        !ac_recognizer_take(l->recognizer, u->number, &r))
        return;
    u->guessed = true;
    u->voice_end_us = l->voice_end_us;
    if (r.frame) {
        struct ac_listened out = listened(u, &r);
        pthread_mutex_lock(&l->sink_lock);
        if (!l->silenced)
            l->sink.guess(l->sink.arg, &out);
        pthread_mutex_unlock(&l->sink_lock);
    }
    ac_frame_unref(r.frame);
}

static void unguess(struct ac_listener *l)
{
    if (!l->open->guessed)
        return;
    l->open->guessed = false;
    pthread_mutex_lock(&l->sink_lock);
    if (!l->silenced)
        l->sink.unguess(l->sink.arg, l->open->number);
    pthread_mutex_unlock(&l->sink_lock);
}

void utterance_deliver(struct ac_listener *l)
{
    struct ac_recognized r;

    while (l->utterances && l->utterances->ended &&
           ac_recognizer_take(l->recognizer, l->utterances->number, &r)) {
        deliver_first(l, &r);
        ac_frame_unref(r.frame);
    }
    guess(l);
}

static void fail_first(struct ac_listener *l, int err, const char *reason)
{
    struct ac_recognized r = {.err = err, .at_us = ac_now_us()};

    snprintf(r.reason, sizeof r.reason, "%s", reason);
    deliver_first(l, &r);
}

void utterance_clear(struct ac_listener *l)
{
    for (struct utterance *u = l->utterances, *next; u; u = next) {
        next = u->next;
        free(u);
    }
    l->utterances = l->open = NULL;
}

/* ---- the watch ---- */

/* Ends the utterance of a microphone that has fallen silent altogether. */
static void watch_stall(struct ac_listener *l, int64_t now)
{
    const struct ac_listen_config *c = ac_config_listen(l->cfg);

    pthread_mutex_lock(&l->lock);
    bool waiting = l->first != NULL;
    pthread_mutex_unlock(&l->lock);
    if (!l->open || waiting || now - l->arrival_us < c->stall_ms * INT64_C(1000))
        return;
    ac_log_info("listener", "microphone_stalled", AC_I("utterance", l->open->number));
    l->deaf = !l->open->by_voice; /* until the button is pressed again */
    utterance_end(l);
}

static void watch_recognizer(struct ac_listener *l)
{
    int64_t limit_s = ac_config_session(l->cfg)->stage_timeout_s;
    char reason[REASON_SIZE];

    if (ac_recognizer_busy_us(l->recognizer) <= limit_s * INT64_C(1000000) + BUSY_GRACE_US)
        return;
    snprintf(reason, sizeof reason, "the recogniser did not come back within %d s (session.stage_timeout_s)",
             (int)limit_s);
    utterance_end(l);
    while (l->utterances)
        fail_first(l, AC_ETIMEDOUT, reason);
    ac_recognizer_free(l->recognizer, listener_part_gone, l);
    utterance_open_recognizer(l);
}

static void watch_task(void *arg)
{
    struct ac_listener *l = arg;

    watch_stall(l, ac_now_us());
    watch_recognizer(l);
    l->watching = l->utterances != NULL;
    if (l->watching)
        ac_strand_post(l->strand, ac_now_us() + WATCH_US, 1, watch_task, l);
}

/* ---- beginning and end ---- */

static void tell_speech(struct ac_listener *l, uint32_t number, bool on, int64_t at)
{
    pthread_mutex_lock(&l->sink_lock);
    if (!l->silenced)
        l->sink.speech(l->sink.arg, number, on, ac_listen_ms(at - l->stream_at));
    pthread_mutex_unlock(&l->sink_lock);
}

void utterance_begin(struct ac_listener *l, int64_t start, bool by_voice)
{
    struct utterance *u = ac_zalloc(sizeof *u), **end = &l->utterances;
    int64_t past = l->at - (int64_t)(l->past.len / sizeof(int16_t));
    struct ac_prefs prefs = {.lang = ""};
    size_t waiting = 0;

    for (; *end; end = &(*end)->next)
        waiting++;
    u->number = ++l->last_utterance;
    u->by_voice = by_voice;
    *end = l->open = u;
    if (waiting >= MAX_WAITING)
        fail_first(l, AC_EFULL, "an utterance was left out: too many wait to be recognised");
    pthread_mutex_lock(&l->lock);
    snprintf(prefs.lang, sizeof prefs.lang, "%s", l->lang);
    pthread_mutex_unlock(&l->lock);
    ac_recognizer_begin(l->recognizer, u->number, &prefs);
    tell_speech(l, u->number, true, start);
    if (start < past)
        start = past;
    if (start < l->at)
        utterance_add(l, (const int16_t *)l->past.p + (start - past), (size_t)(l->at - start));
    if (!l->watching) {
        l->watching = true;
        ac_strand_post(l->strand, ac_now_us() + WATCH_US, 1, watch_task, l);
    }
}

/* The open one is over: the recogniser makes its result, or has it already. */
static void close_open(struct ac_listener *l, bool cut)
{
    struct utterance *u = l->open;

    l->open = NULL;
    u->ended = true;
    u->cut = cut;
    u->endpoint_us = ac_now_us();
    u->voice_end_us = cut || !u->by_voice ? l->arrival_us : l->voice_end_us;
    ac_recognizer_finish(l->recognizer, u->number);
    tell_speech(l, u->number, false, l->at);
    utterance_deliver(l);
}

void utterance_end(struct ac_listener *l)
{
    if (l->open && l->open->by_voice)
        ac_endpoint_finish(&l->endpoint); /* comes back with AC_ENDPOINT_END */
    else if (l->open)
        close_open(l, false);
}

void utterance_add(struct ac_listener *l, const int16_t *pcm, size_t n)
{
    size_t max = (size_t)ac_config_listen(l->cfg)->max_utterance_s * AC_LISTEN_RATE_HZ;

    l->open->samples += n;
    ac_recognizer_add(l->recognizer, l->open->number, pcm, n);
    if (!l->open->by_voice && l->open->samples > max) {
        l->deaf = true;
        close_open(l, true);
    }
}

void utterance_on_endpoint(void *arg, const struct ac_endpoint_event *e)
{
    struct ac_listener *l = arg;

    switch (e->type) {
    case AC_ENDPOINT_SPEECH:
        utterance_begin(l, e->start_sample, true);
        break;
    case AC_ENDPOINT_PAUSE:
        ac_recognizer_finish(l->recognizer, l->open->number);
        break;
    case AC_ENDPOINT_RESUME:
        ac_recognizer_resume(l->recognizer, l->open->number);
        unguess(l);
        break;
    case AC_ENDPOINT_END:
        close_open(l, e->cut);
        break;
    default:
        break;
    }
}
