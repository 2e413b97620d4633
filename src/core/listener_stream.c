/*
 * What the listener does with what comes in: streams of PCM or WebM and whole recordings become pieces of
 * 16 kHz mono, which are listened to. All on the strand, but for the two calls of the decoder's thread.
 */
#include "core/listener_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)REASON_SIZE >= (int)AC_DECODE_REASON, "room for the decoder's reason");

static void tell_off(struct ac_listener *l, uint32_t stream)
{
    pthread_mutex_lock(&l->sink_lock);
    if (!l->silenced)
        l->sink.off(l->sink.arg, stream);
    pthread_mutex_unlock(&l->sink_lock);
}

/* ---- hearing ---- */

/* Keeps as much of what was heard as an utterance may reach back when it is decided. */
static void remember(struct ac_listener *l, const int16_t *pcm, size_t n)
{
    const struct ac_listen_config *c = ac_config_listen(l->cfg);
    int64_t ms = c->preroll_ms + 2 * (c->speech_ms > c->barge_in_ms ? c->speech_ms : c->barge_in_ms) + 1000;
    size_t keep = (size_t)ac_listen_samples(ms) * sizeof *pcm;

    ac_str_add_n(&l->past, (const char *)pcm, n * sizeof *pcm);
    if (l->past.len > 2 * keep) {
        memmove(l->past.p, l->past.p + l->past.len - keep, keep);
        l->past.len = keep;
    }
}

static void hear_piece(struct ac_listener *l, const int16_t *pcm, size_t n)
{
    bool hands_free = l->stream.mode == AC_LISTEN_HANDS_FREE;

    l->at += (int64_t)n;
    if (hands_free)
        remember(l, pcm, n);
    if (l->open)
        utterance_add(l, pcm, n);
    if (hands_free && !l->vad.none)
        vad_hear(l, pcm, n);
}

/* Listens to what stands in l->pcm, in whole pieces unless it is all. */
static void hear(struct ac_listener *l, bool all)
{
    const int16_t *pcm = (const int16_t *)l->pcm.p;
    size_t n = l->pcm.len / sizeof *pcm, at = 0;

    if (l->deaf)
        at = n;
    for (; n - at >= PIECE || (all && at < n); at += n - at < PIECE ? n - at : PIECE)
        hear_piece(l, pcm + at, n - at < PIECE ? n - at : PIECE);
    if (at)
        memmove(l->pcm.p, l->pcm.p + at * sizeof *pcm, (n - at) * sizeof *pcm);
    l->pcm.len = (n - at) * sizeof *pcm;
}

/* ---- streams ---- */

void listener_close_decoder(struct ac_listener *l)
{
    pthread_mutex_lock(&l->lock);
    l->epoch++;
    pthread_cond_broadcast(&l->room);
    pthread_mutex_unlock(&l->lock);
    ac_decode_stream_close(l->decoder);
    l->decoder = NULL;
}

/* The stream has come to its end: the rest is listened to, what is being said is over. */
static void end_stream(struct ac_listener *l)
{
    if (!l->stream.mode)
        return;
    listener_close_decoder(l);
    if (l->resampler)
        ac_resampler_run(l->resampler, NULL, 0, &l->pcm);
    hear(l, true);
    if (l->stream.mode == AC_LISTEN_HANDS_FREE && !l->vad.none)
        vad_hear(l, NULL, 0);
    utterance_end(l);
    ac_resampler_close(l->resampler);
    l->resampler = NULL;
    l->stream = (struct ac_audio_stream){0};
    ac_str_free(&l->pcm);
    ac_str_free(&l->past);
}

/* The stream ends by a fault. */
static void fail_stream(struct ac_listener *l, int err, const char *reason)
{
    uint32_t id = l->stream.id;

    listener_tell_error(l, err, reason);
    end_stream(l);
    tell_off(l, id);
}

static int on_decoded(void *arg, const int16_t *pcm, size_t n)
{
    struct ac_listener *l = arg;
    int64_t limit_us = ac_config_listen(l->cfg)->queue_ms * INT64_C(1000);
    struct item *i = listener_item(ITEM_DECODED, pcm, n * sizeof *pcm);

    i->queue_us = (int64_t)n * 1000000 / AC_LISTEN_RATE_HZ;
    pthread_mutex_lock(&l->lock);
    i->epoch = l->decoder_epoch;
    while (l->queued_us > limit_us && l->epoch == i->epoch && !l->closing)
        pthread_cond_wait(&l->room, &l->lock);
    bool wanted = l->epoch == i->epoch && !l->closing;
    if (wanted)
        listener_append(l, i);
    pthread_mutex_unlock(&l->lock);
    if (!wanted)
        free(i);
    return wanted ? 0 : AC_ECANCELED;
}

static void on_decoder_done(void *arg, int err, const char *reason)
{
    struct ac_listener *l = arg;
    struct item *i = listener_item(ITEM_OVER, reason, reason ? strlen(reason) : 0);

    i->err = err;
    pthread_mutex_lock(&l->lock);
    i->epoch = l->decoder_epoch;
    listener_append(l, i);
    pthread_mutex_unlock(&l->lock);
}

static int open_decoder(struct ac_listener *l)
{
    const struct ac_decode_sink sink = {.arg = l, .pcm = on_decoded, .done = on_decoder_done};

    pthread_mutex_lock(&l->lock);
    l->decoder_epoch = l->epoch;
    pthread_mutex_unlock(&l->lock);
    return ac_decode_stream_open(&l->decoder, "webm", 0, &sink);
}

static void begin_stream(struct ac_listener *l, const struct item *i)
{
    int err;

    end_stream(l);
    l->stream = i->stream;
    l->stream_at = l->at;
    l->told_dropped = l->deaf = false;
    if (i->stream.format == AC_AUDIO_PCM_S16LE)
        err = ac_resampler_open(&l->resampler, i->stream.rate_hz, AC_LISTEN_RATE_HZ);
    else
        err = open_decoder(l);
    vad_begin(l);
    ac_recognizer_configure(l->recognizer, l->cfg);
    ac_recognizer_prepare(l->recognizer);
    ac_endpoint_init(&l->endpoint, ac_config_listen(l->cfg), utterance_on_endpoint, l);
    l->endpoint.at = l->endpoint.floor = l->at;
    if (err)
        fail_stream(l, err, NULL);
    else if (l->stream.mode == AC_LISTEN_PUSH_TO_TALK)
        utterance_begin(l, l->at, false);
}

/* The session's own threshold, where it has one. */
static void use_threshold(struct ac_listener *l)
{
    struct ac_listen_config c = *ac_config_listen(l->cfg);

    pthread_mutex_lock(&l->lock);
    double threshold = l->threshold > 0 ? l->threshold : c.threshold;
    pthread_mutex_unlock(&l->lock);
    if (threshold != l->endpoint.cfg.threshold) {
        c.threshold_low *= threshold / c.threshold;
        c.threshold = threshold;
        ac_endpoint_configure(&l->endpoint, &c);
    }
}

static void hear_bytes(struct ac_listener *l, const struct item *i)
{
    int err;

    if (!l->stream.mode)
        return; /* came behind a fault that was told */
    if (l->stream.format == AC_AUDIO_PCM_S16LE) {
        err = ac_resampler_run(l->resampler, (const int16_t *)(const void *)i->bytes,
                               i->len / sizeof(int16_t), &l->pcm);
        if (!err)
            hear(l, false);
    } else {
        err = ac_decode_stream_write(l->decoder, i->bytes, i->len);
        if (err == AC_ECLOSED) /* its own end or fault is on its way */
            err = 0;
    }
    if (err)
        fail_stream(l, err,
                    err == AC_EFULL ? "too much sound waits to be decoded: send it as it is recorded" : NULL);
}

static void hear_decoded(struct ac_listener *l, const struct item *i)
{
    pthread_mutex_lock(&l->lock);
    bool current = i->epoch == l->epoch;
    pthread_mutex_unlock(&l->lock);
    if (!current || !l->stream.mode)
        return;
    if (i->kind == ITEM_DECODED) {
        ac_str_add_n(&l->pcm, i->bytes, i->len);
        hear(l, false);
    } else if (i->err) {
        fail_stream(l, i->err, i->bytes);
    } else {
        uint32_t id = l->stream.id;
        end_stream(l);
        tell_off(l, id);
    }
}

static void stop_stream(struct ac_listener *l)
{
    if (l->decoder)
        ac_decode_stream_end(l->decoder); /* ITEM_OVER follows behind the rest */
    else
        end_stream(l);
}

/* ---- one utterance at once ---- */

static int decode_whole(struct ac_listener *l, const struct item *i, struct ac_str *pcm, char *reason)
{
    int max_s = ac_config_listen(l->cfg)->max_utterance_s;
    struct ac_pcm decoded = {0};
    struct ac_resampler *r;

    if (i->stream.format != AC_AUDIO_PCM_S16LE) {
        int err = ac_decode_memory(i->bytes, i->len, max_s, &decoded, reason);
        if (!err)
            ac_str_add_n(pcm, (const char *)decoded.samples, decoded.n * sizeof *decoded.samples);
        free(decoded.samples);
        return err;
    }
    if (i->len / sizeof(int16_t) > (size_t)max_s * (size_t)i->stream.rate_hz) {
        snprintf(reason, REASON_SIZE, "the recording is longer than %d s (listen.max_utterance_s)", max_s);
        return AC_ELIMIT;
    }
    int err = ac_resampler_open(&r, i->stream.rate_hz, AC_LISTEN_RATE_HZ);
    if (err)
        return err;
    err = ac_resampler_run(r, (const int16_t *)(const void *)i->bytes, i->len / sizeof(int16_t), pcm);
    if (!err)
        err = ac_resampler_run(r, NULL, 0, pcm);
    ac_resampler_close(r);
    return err;
}

static void hear_whole(struct ac_listener *l, const struct item *i)
{
    char reason[REASON_SIZE] = "";
    struct ac_str pcm = {0};
    int err = decode_whole(l, i, &pcm, reason);

    utterance_end(l);
    if (err) {
        listener_tell_error(l, err, reason);
    } else {
        bool deaf = l->deaf;
        utterance_begin(l, l->at, false);
        utterance_add(l, (const int16_t *)(const void *)pcm.p, pcm.len / sizeof(int16_t));
        utterance_end(l);
        l->deaf = deaf;
    }
    ac_str_free(&pcm);
}

void listener_handle(struct ac_listener *l, const struct item *i)
{
    atomic_store(&l->busy_us, ac_now_us());
    l->arrival_us = i->arrival_us;
    use_threshold(l);
    switch (i->kind) {
    case ITEM_START:
        begin_stream(l, i);
        break;
    case ITEM_BYTES:
        hear_bytes(l, i);
        break;
    case ITEM_STOP:
        stop_stream(l);
        break;
    case ITEM_WHOLE:
        hear_whole(l, i);
        break;
    case ITEM_DECODED:
    case ITEM_OVER:
        hear_decoded(l, i);
        break;
    }
    atomic_store(&l->busy_us, 0);
}
