/*
 * Filter bank features as SenseVoice (and Paraformer) hear them: Kaldi's 80 log-mel energies of 25 ms frames
 * every 10 ms (samples in ±32768, mean taken off, pre-emphasis 0.97, Hamming window, bands over 20 Hz … 8
 * kHz, whole frames only), then seven neighbouring frames stacked every sixth, and normalised. Source:
 * Kaldi's compute-fbank-feats (D. Povey et al., 2011); stacking: G. Pundak and T. N. Sainath, "Lower Frame
 * Rate Neural Network Acoustic Models" (2016), with the edges repeated as in the model's training (FunASR's
 * WavFrontend).
 *
 * Threads: the tables are read only once made; any number of threads may compute with them.
 */
#ifndef AC_ASR_FBANK_H
#define AC_ASR_FBANK_H

#include "avatarchat/handler.h"

#include <stdint.h>

enum { AC_FBANK_BANDS = 80, AC_FBANK_HOP = 160 /* samples a frame */ };

struct ac_fbank;

struct ac_fbank *ac_fbank_new(void);    /* never NULL */
void ac_fbank_free(struct ac_fbank *f); /* NULL is fine */
/* How many frames n samples give: 0 below 25 ms. */
size_t ac_fbank_frames(size_t n_samples);
/* out: ac_fbank_frames(n) rows of AC_FBANK_BANDS. AC_ECANCELED; AC_ENOMEM. */
int ac_fbank_compute(const struct ac_fbank *f, const int16_t *pcm, size_t n, float *out,
                     const struct ac_cancel *cancel);

/* How frames are stacked, and what is added to and multiplied with each value of a stack. */
struct ac_lfr {
    size_t window, shift;         /* frames */
    float *neg_mean, *inv_stddev; /* window * AC_FBANK_BANDS each */
};
/* How many stacks n_frames frames give. */
size_t ac_lfr_frames(const struct ac_lfr *l, size_t n_frames);
/* out: ac_lfr_frames(n_frames) rows of window * AC_FBANK_BANDS; the middle of row i is frame i * shift. */
void ac_lfr_stack(const struct ac_lfr *l, const float *frames, size_t n_frames, float *out);

#endif
