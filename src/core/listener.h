/*
 * The listener: sound of a microphone in, what was said out. The ear of a session.
 *
 *     bytes ─▶ queue ─[strand]─▶ decode, 16 kHz ─▶ voice activity ─▶ end points ─▶ utterance ─▶ recogniser ─▶
 * text
 *
 * It has a strand that may wait; the recogniser has another, so voice activity goes on while it decodes.
 * Sound waits in a queue of listen.queue_ms; past it the oldest is dropped, counted and told once.
 * Hands-free, voice activity finds where utterances begin and end (core/endpoint.h); at "silence?" the
 * recogniser makes its result on trial, which is used when the end is decided and void when speech goes on.
 * Push to talk, an utterance is what comes between start and stop. Every utterance ends in exactly one
 * result, in their order.
 *
 * VAD and ASR engines are tried in fall-back order; a replacement is told as `degraded`. One that does not
 * come back at all is left behind with its thread.
 *
 * Calls from any thread; none blocks on work.
 */
#ifndef AC_CORE_LISTENER_H
#define AC_CORE_LISTENER_H

#include "base/cancel.h"
#include "base/pool.h"
#include "core/endpoint.h"
#include "core/models.h"

enum ac_listen_mode { AC_LISTEN_HANDS_FREE = 1, AC_LISTEN_PUSH_TO_TALK };

enum ac_audio_format {
    AC_AUDIO_PCM_S16LE = 1, /* mono, little endian */
    AC_AUDIO_WEBM,          /* as MediaRecorder sends it, cut anywhere */
    AC_AUDIO_FILE,          /* a whole file of a kind that libav reads */
};

struct ac_audio_stream {
    enum ac_listen_mode mode;
    enum ac_audio_format format;
    int rate_hz; /* of PCM */
    uint32_t id; /* comes back with `off` */
};

/* What was said. Borrowed for the call. */
struct ac_listened {
    uint32_t utterance;                     /* number, from 1 */
    const struct ac_transcript *transcript; /* NULL: it failed, which was told as an error */
    const char *engine;
    int64_t duration_us;
    bool cut; /* it was too long, not over */
    /* monotonic µs: the last voice came in, its end was decided, the text was there */
    int64_t voice_end_us, endpoint_us, final_us;
};

/* Called on the strands of listener and recogniser, one at a time; must not block. */
struct ac_listener_sink {
    void *arg;
    /* How to listen now. */
    enum ac_ears (*ears)(void *arg);
    /* An utterance has begun, or has ended: its result follows. at_ms: on the clock of the stream. */
    void (*speech)(void *arg, uint32_t utterance, bool on, int64_t at_ms);
    void (*partial)(void *arg, uint32_t utterance, const char *text, const char *lang);
    /*
     * At "silence?": this will be the result if the utterance is over (endpoint_us is 0); and, if it was not:
     * that was wrong. Neither comes for push to talk.
     */
    void (*guess)(void *arg, const struct ac_listened *l);
    void (*unguess)(void *arg, uint32_t utterance);
    void (*result)(void *arg, const struct ac_listened *l);
    void (*error)(void *arg, int err, const char *reason);
    void (*degraded)(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason);
    /* The stream ended by itself: by a fault that was told as an error, or because its format says so. */
    void (*off)(void *arg, uint32_t stream);
};

struct ac_listener;

/* cancel: parent of all its work, referenced. */
struct ac_listener *ac_listener_new(struct ac_pool *pool, struct ac_models *models,
                                    const struct ac_config *cfg, struct ac_cancel *cancel,
                                    const struct ac_listener_sink *sink);
/* Language of what is spoken from the next utterance on; threshold (listen.threshold; 0: the configured one).
 */
void ac_listener_set(struct ac_listener *l, const char *lang, double threshold);
/* Another configuration (borrowed until the end), used from the next stream on. */
void ac_listener_configure(struct ac_listener *l, const struct ac_config *cfg);
/* The microphone is on; a stream that was on ends first. */
void ac_listener_start(struct ac_listener *l, const struct ac_audio_stream *stream);
/* Bytes of the stream, copied. PCM comes in whole samples. */
void ac_listener_audio(struct ac_listener *l, const char *bytes, size_t len);
/* The microphone is off: what is being said ends here. */
void ac_listener_stop(struct ac_listener *l);
/* One utterance at once. */
void ac_listener_whole(struct ac_listener *l, enum ac_audio_format format, int rate_hz, const char *bytes,
                       size_t len);
/* How long the work on a piece of sound has been going on; 0 when none is. */
int64_t ac_listener_busy_us(struct ac_listener *l);
/*
 * Ends it in the background: nothing reaches the sink after it returns; done(arg) follows when no strand of
 * it runs any more.
 */
void ac_listener_free(struct ac_listener *l, ac_task_fn *done, void *arg);

#endif
