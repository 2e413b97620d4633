/*
 * From a synthesiser's sound to SPEECH frames: trims silence, cuts pieces, keeps the sentence's clock over
 * runs of different engines and rates. Used by one process() call; lives on its stack.
 *
 *     ac_tts_out_begin_run (phones and words of the run) → ac_tts_out_pcm … → ac_tts_out_end_run
 *     … more runs …
 *     ac_tts_out_finish
 *
 * A run lasts a multiple of 20 ms, which is whole samples at 16,000 and 22,050 Hz alike, so the pieces of a
 * sentence meet without gap though their rates may differ.
 */
#ifndef AC_TTS_OUT_H
#define AC_TTS_OUT_H

#include "avatarchat/handler.h"

/* Growable list of phones; ac_words likewise. */
struct ac_phones {
    struct ac_phone *v;
    size_t n, cap;
};
struct ac_words {
    struct ac_word *v;
    size_t n, cap;
};
struct ac_phone *ac_phones_add(struct ac_phones *list); /* zeroed */
struct ac_word *ac_words_add(struct ac_words *list);

struct ac_tts_out {
    struct ac_sink *sink;
    struct ac_cancel *cancel;
    const struct ac_frame *in; /* TEXT: seq, emotion, turn */
    int64_t pos_us;            /* end of all finished runs */
    /* the run */
    int rate_hz;
    int64_t skip, left;      /* samples still to drop, samples still to give */
    int64_t next_sample;     /* start_sample of what is in buf */
    struct ac_phones phones; /* to go with the next piece; sentence time */
    struct ac_words words;
    int16_t *buf;
    size_t n_buf, cap_buf;
    size_t piece; /* samples that make the next piece */
    bool any;     /* something was pushed */
};

void ac_tts_out_init(struct ac_tts_out *o, struct ac_sink *sink, const struct ac_frame *in,
                     struct ac_cancel *cancel);
/*
 * Begins a run with its phones and words (times from the run's start; contents copied). More than 30 ms
 * of silence before the first phone and more than tail_ms after the last one will be cut from the sound.
 */
void ac_tts_out_begin_run(struct ac_tts_out *o, int rate_hz, const struct ac_phones *phones,
                          const struct ac_words *words, int tail_ms);
/* The first n samples of the run will not come: silence that would be cut. */
void ac_tts_out_skip(struct ac_tts_out *o, size_t n);
/* n samples of the run; pushes pieces as they fill. AC_ECANCELED, or what push returned. */
int ac_tts_out_pcm(struct ac_tts_out *o, const int16_t *pcm, size_t n);
/* True once the run needs no more sound (the rest would be trimmed). */
bool ac_tts_out_full(const struct ac_tts_out *o);
/* Pads the run to its length and moves the clock on. */
int ac_tts_out_end_run(struct ac_tts_out *o);
/* Pushes the last piece (marked so). */
int ac_tts_out_finish(struct ac_tts_out *o);
void ac_tts_out_free(struct ac_tts_out *o); /* after success or failure */

#endif
