/*
 * Where an utterance begins and ends: a state machine over the probabilities of a voice activity detector.
 *
 *     silent ──▶ speech? ──(speech_ms of voice)──▶ speech ──(pause_ms of quiet)──▶ silence? ──(silence_ms)──▶
 * silent ◀──(quiet)──┘                               ◀──────────(voice)──────────────┘
 *
 * Two thresholds (hysteresis): voice begins at `threshold` and lasts while it stays above `threshold_low`.
 * While the avatar is heard a stricter set holds: `threshold_speaking`, for `barge_in_ms`. An utterance
 * begins preroll_ms before its first voice, so that its first syllable is whole, and is cut at
 * max_utterance_s; the next one then begins where the cut was. "silence?" is where work on the utterance may
 * begin on trial.
 *
 * Pure: no clock, no memory of its own; time is counted in samples at AC_LISTEN_RATE_HZ. One thread at a
 * time.
 */
#ifndef AC_CORE_ENDPOINT_H
#define AC_CORE_ENDPOINT_H

#include "core/config.h"

/* How the stream is listened to while a piece of it comes in. */
enum ac_ears {
    AC_EARS_OPEN = 1,
    AC_EARS_STRICT, /* the avatar is heard */
    AC_EARS_CLOSED, /* whatever comes counts as silence */
};

enum ac_endpoint_type {
    AC_ENDPOINT_ONSET = 1, /* speech?: some voice */
    AC_ENDPOINT_DISMISS,   /* it was too short */
    AC_ENDPOINT_SPEECH,    /* an utterance has begun, at start_sample */
    AC_ENDPOINT_PAUSE,     /* silence?: it may be over */
    AC_ENDPOINT_RESUME,    /* it was not */
    AC_ENDPOINT_END,       /* it ended at end_sample; or it was cut there */
};

struct ac_endpoint_event {
    enum ac_endpoint_type type;
    int64_t start_sample; /* of the utterance, with its pre-roll */
    int64_t onset_sample; /* its first voice */
    int64_t end_sample;   /* behind its last voice so far */
    int64_t at_sample;    /* how far the stream was known at the decision */
    bool cut;             /* END: it was too long, not over */
};

/* Called within ac_endpoint_feed and ac_endpoint_finish; e is borrowed. */
typedef void ac_endpoint_fn(void *arg, const struct ac_endpoint_event *e);

enum ac_endpoint_state {
    AC_ENDPOINT_SILENT = 0,
    AC_ENDPOINT_MAYBE_SPEECH,
    AC_ENDPOINT_IN_SPEECH,
    AC_ENDPOINT_MAYBE_SILENCE,
};

struct ac_endpoint {
    struct ac_listen_config cfg;
    ac_endpoint_fn *fn;
    void *arg;
    enum ac_endpoint_state state;
    int64_t start, onset; /* of the utterance */
    int64_t voice_end;    /* behind the last voice */
    int64_t floor;        /* the next utterance does not begin before this */
    int64_t voiced;       /* speech?: samples of voice so far */
    int64_t at;           /* how far the stream is known */
};

/* cfg is copied. */
void ac_endpoint_init(struct ac_endpoint *e, const struct ac_listen_config *cfg, ac_endpoint_fn *fn,
                      void *arg);
/* Other thresholds and times from now on; the state stays. */
void ac_endpoint_configure(struct ac_endpoint *e, const struct ac_listen_config *cfg);
/* The next piece of the stream; pieces follow each other. Long ones are taken in steps of 32 ms. */
void ac_endpoint_feed(struct ac_endpoint *e, const struct ac_voice *voice, enum ac_ears ears);
/* The stream ends, or pauses for unknown reasons: an utterance in progress ends here. */
void ac_endpoint_finish(struct ac_endpoint *e);

static inline int64_t ac_listen_samples(int64_t ms)
{
    return ms * (AC_LISTEN_RATE_HZ / 1000);
}

static inline int64_t ac_listen_ms(int64_t samples)
{
    return samples / (AC_LISTEN_RATE_HZ / 1000);
}

#endif
