/*
 * Inside of the listener, shared by listener.c (life, queue, formats), listener_vad.c (voice activity
 * engines) and listener_utterance.c (utterances and their results).
 *
 * What comes in are items, handled in their order on the strand; what comes from the recogniser are kicks, on
 * which the strand looks for results. Locks: sink_lock is held over every call of the sink; `lock` guards
 * what is marked so and is never held over one.
 */
#ifndef AC_CORE_LISTENER_PRIVATE_H
#define AC_CORE_LISTENER_PRIVATE_H

#include "base/str.h"
#include "core/listener.h"
#include "core/recognizer.h"
#include "media/decode.h"
#include "media/resample.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    MAX_ENGINES = 8,
    REASON_SIZE = 256,
    PIECE = 512, /* samples listened to at once: 32 ms */
};

enum item_kind {
    ITEM_START = 1, /* stream */
    ITEM_BYTES,     /* of the stream */
    ITEM_STOP,
    ITEM_WHOLE,   /* stream.format, stream.rate_hz; bytes */
    ITEM_DECODED, /* int16_t at AC_LISTEN_RATE_HZ, from the decoder */
    ITEM_OVER,    /* the decoder has ended: err, bytes = reason */
};

struct item {
    struct item *next;
    enum item_kind kind;
    int64_t arrival_us;
    int64_t queue_us; /* of sound, where it counts against the queue */
    struct ac_audio_stream stream;
    unsigned epoch; /* of the decoder that gave it */
    int err;
    size_t len;
    char bytes[];
};

struct utterance {
    struct utterance *next;
    uint32_t number;
    bool by_voice; /* begun and ended by the end points, not by a button */
    bool ended, cut;
    bool guessed; /* its result on trial was told */
    size_t samples;
    int64_t voice_end_us, endpoint_us;
};

struct vad {
    struct ac_instance *inst[MAX_ENGINES];
    bool failed[MAX_ENGINES];
    size_t used;
    bool none;       /* no engine works */
    int64_t base;    /* stream sample at which the engine's clock is 0 */
    int64_t covered; /* how far the engine has judged */
};

struct ac_listener {
    struct ac_pool *pool;
    struct ac_models *models;
    _Atomic(const struct ac_config *) cfg;
    struct ac_cancel *cancel;
    struct ac_listener_sink sink;
    struct ac_strand *strand;
    _Atomic int64_t busy_us;
    atomic_int parts; /* strand and recognisers that still run something */
    ac_task_fn *done;
    void *done_arg;

    pthread_mutex_t sink_lock;
    bool silenced; /* sink_lock: nothing reaches the sink any more */

    pthread_mutex_t lock;
    pthread_cond_t room;       /* lock: the queue has become shorter, or nobody wants more */
    struct item *first, *last; /* lock */
    int64_t queued_us;         /* lock: of sound */
    size_t queued_bytes;       /* lock: of streams to decode */
    int64_t dropped_us;        /* lock: in this stream */
    bool posted, closing;      /* lock */
    struct ac_audio_stream in; /* lock: what ac_listener_audio gives; mode 0 = nothing */
    char lang[16];             /* lock */
    double threshold;          /* lock */
    unsigned epoch;            /* lock: of the decoder that may give something */
    unsigned decoder_epoch;    /* lock: of the decoder that is open */

    /* strand */
    struct ac_audio_stream stream; /* mode 0: the microphone is off */
    bool told_dropped;
    bool deaf; /* push to talk: the utterance was cut, the rest is not heard */
    struct ac_resampler *resampler;
    struct ac_decode_stream *decoder;
    struct ac_str pcm;    /* at AC_LISTEN_RATE_HZ, not yet listened to (less than a piece) */
    struct ac_str past;   /* what was listened to last, for the pre-roll */
    int64_t at;           /* samples listened to: the end of `past` */
    int64_t stream_at;    /* where the stream began */
    int64_t arrival_us;   /* of what is listened to */
    int64_t voice_end_us; /* when the last voice had come in */
    struct vad vad;
    struct ac_endpoint endpoint;
    struct ac_recognizer *recognizer;
    struct utterance *utterances; /* without a result yet, in their order */
    struct utterance *open;       /* the last of them, while it is being said */
    uint32_t last_utterance;
    bool watching;
};

/* ---- listener.c ---- */
void listener_kick(struct ac_listener *l);
struct item *listener_item(enum item_kind kind, const void *bytes, size_t len);
/* Puts an item into the queue, which owns it then. `lock` is held. */
void listener_append(struct ac_listener *l, struct item *i);
void listener_tell_error(struct ac_listener *l, int err, const char *reason);
void listener_tell_degraded(struct ac_listener *l, enum ac_stage stage, const char *from, const char *to,
                            const char *reason);
void listener_part_gone(void *arg);

/* ---- listener_stream.c ---- */
void listener_handle(struct ac_listener *l, const struct item *i);
/* What the decoder gives from now on is not wanted; its thread ends. */
void listener_close_decoder(struct ac_listener *l);

/* ---- listener_vad.c ---- */
/* A new stream begins at l->at. */
void vad_begin(struct ac_listener *l);
/* Judges the piece that ends at l->at (n samples at pcm), or what is held back (pcm NULL). Feeds the
 * endpoint. */
void vad_hear(struct ac_listener *l, const int16_t *pcm, size_t n);
void vad_close(struct ac_listener *l);

/* ---- listener_utterance.c ---- */
void utterance_open_recognizer(struct ac_listener *l);
void utterance_on_endpoint(void *arg, const struct ac_endpoint_event *e);
/* Begins one with what was heard since the sample. */
void utterance_begin(struct ac_listener *l, int64_t start_sample, bool by_voice);
/* A piece was heard. */
void utterance_add(struct ac_listener *l, const int16_t *pcm, size_t n);
/* The open one, if any, is over, whatever the end points think. */
void utterance_end(struct ac_listener *l);
/* Gives out what the recogniser has ready. */
void utterance_deliver(struct ac_listener *l);
/* Frees all, without results. */
void utterance_clear(struct ac_listener *l);

#endif
