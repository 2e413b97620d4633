/*
 * The speaker: the back half of a turn. Sentences go in, fragments of talking video come out, in order.
 *
 *     sentence queue ─[tts strand]─> SPEECH queue ─[render strand]─> lip sync → avatar → H.264+AAC → fragment
 *
 * Speech of the next sentence is made while the current one is rendered. Rendering goes in slices of one
 * fragment (five frames), each posted with the time it must be played by as its deadline, and waits when it
 * is lead_ms ahead of playing. Where rendering falls behind, pictures are left out, step by step (every
 * second one is shown twice as long, then one a fragment, then the last one stays), so that sound is never
 * late; they come back when the lead does. Interrupting takes effect within one slice: nothing is given to
 * the sink after ac_speaker_stop has returned.
 *
 * Used by the session (paced) and by `say` and the benchmarks (unpaced). All calls from any thread.
 */
#ifndef AC_CORE_SPEAKER_H
#define AC_CORE_SPEAKER_H

#include "base/cancel.h"
#include "base/pool.h"
#include "base/str.h"
#include "core/config.h"
#include "core/load.h"
#include "core/models.h"
#include "core/sentence.h"

enum ac_delivery {
    AC_DELIVERY_STREAM = 1 /* init segment + fragments */,
    AC_DELIVERY_CLIP /* one MP4 a sentence */
};

struct ac_fragment {
    const char *data; /* borrowed for the call */
    size_t size;
    uint32_t turn;
    uint32_t seq;     /* sentence it belongs to */
    uint32_t chunk;   /* running number in the turn, from 0 */
    bool init;        /* data begins with the initialisation segment */
    bool first, last; /* first or last fragment of its sentence */
    int64_t start_us; /* on the turn's media clock */
    int64_t duration_us;
    int64_t idle_us; /* idle phase at the end of the fragment */
    const char *mime, *codecs;
    const char *text; /* the sentence */
};

struct ac_speaker_times {
    int64_t sentence_us, first_audio_us, first_frame_us, first_fragment_us; /* monotonic; 0 = not yet */
    int64_t render_cpu_us, encode_cpu_us, tts_cpu_us;                       /* sums */
    uint64_t frames;
};

/* Called on the speaker's strands, one at a time; must not block. */
struct ac_speaker_sink {
    void *arg;
    /*
     * A sentence's speech is known: words for subtitles. start_us: where it begins on the turn's media clock.
     * Called again with all words so far when more of them are known. duration_us: 0 where the engine does
     * not tell before it has said all.
     */
    void (*sentence)(void *arg, uint32_t turn, uint32_t seq, const char *text, const struct ac_word *words,
                     size_t n, int64_t start_us, int64_t duration_us);
    /* Non-zero: the reader is gone; the speaker stops the turn. */
    int (*fragment)(void *arg, const struct ac_fragment *f);
    /* What the fragment that was just given out has cost; shown: frames that each of its pictures stands for.
     * May be NULL. */
    void (*slice)(void *arg, const struct ac_slice *s, int shown);
    /* A sentence or the turn failed (AC_E…); the speaker goes on with the next sentence. */
    void (*error)(void *arg, uint32_t turn, int err, const char *reason);
    /* An engine was replaced by the next of the list. */
    void (*degraded)(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason);
    /* All sentences of a finished turn were delivered (not called after stop). */
    void (*done)(void *arg, uint32_t turn, const struct ac_speaker_times *times);
};

struct ac_speaker_config {
    enum ac_delivery delivery;
    bool paced;
    struct ac_prefs prefs;
    float rate, pitch; /* 0 = 1 */
};

struct ac_speaker;

int ac_speaker_new(struct ac_speaker **sp, struct ac_pool *pool, struct ac_models *models,
                   const struct ac_config *cfg, const struct ac_speaker_config *scfg,
                   const struct ac_speaker_sink *sink);
/* Opens engines and encoder ahead of the first sentence. idle_us: phase of the idle motion now. cancel is
 * referenced. */
int ac_speaker_begin(struct ac_speaker *sp, uint32_t turn, struct ac_cancel *cancel, int64_t idle_us);
/* Queues a sentence (text copied). AC_EFULL when too many wait (text pushes back: try again after a
 * fragment). */
int ac_speaker_say(struct ac_speaker *sp, const struct ac_sentence *sentence, uint32_t seq);
/* No more sentences in this turn: `done` follows when all is delivered. */
void ac_speaker_end(struct ac_speaker *sp);
/* Stops the turn: cancels, clears, resets. After it returns nothing of the turn reaches the sink. */
void ac_speaker_stop(struct ac_speaker *sp);
/* The sink that gave AC_EFULL takes fragments again: tries now instead of in a moment. */
void ac_speaker_retry(struct ac_speaker *sp);
/*
 * How soon a turn that begins from now on is wanted to be heard (half a second): where many begin at once,
 * those that speak already must not suffer.
 */
void ac_speaker_begin_within(struct ac_speaker *sp, int64_t us);
/* Another configuration (borrowed until the end), used from the next turn on. */
void ac_speaker_configure(struct ac_speaker *sp, const struct ac_config *cfg);
/* New choices, used from the next turn on. */
void ac_speaker_set(struct ac_speaker *sp, const struct ac_speaker_config *scfg);
/* How long the engine call in progress has been running; 0 when none is. A watchdog asks. */
int64_t ac_speaker_busy_us(struct ac_speaker *sp);
/* Ends it in the background: stops at once (as ac_speaker_stop), done(arg) follows when no strand of it runs
 * any more. */
void ac_speaker_free(struct ac_speaker *sp, ac_task_fn *done, void *arg);

#endif
