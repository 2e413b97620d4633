/*
 * Log-mel spectrogram as Whisper hears it: 16 kHz, frames of 25 ms every 10 ms, centred on their time,
 * periodic Hann window, power, 80 or 128 Slaney mel bands over 0 … 8 kHz, log10 no more than 8 below the
 * loudest, then (x + 4) / 4. Source: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak
 * Supervision" (2022), section 2.2, and the log_mel_spectrogram of its published code; mel scale: M. Slaney,
 * "Auditory Toolbox" (1998).
 *
 * Threads: the tables are read only once made; any number of threads may compute with them.
 */
#ifndef AC_ASR_MEL_H
#define AC_ASR_MEL_H

#include "avatarchat/handler.h"

#include <stdint.h>

enum { AC_MEL_HOP = 160 /* samples a frame */ };

struct ac_mel;

struct ac_mel *ac_mel_new(size_t n_bands); /* never NULL */
void ac_mel_free(struct ac_mel *m);        /* NULL is fine */
/*
 * n samples, followed by silence up to n_frames frames (n is at most n_frames * AC_MEL_HOP). out: n_bands
 * rows of n_frames values. AC_ECANCELED; AC_ENOMEM.
 */
int ac_mel_compute(const struct ac_mel *m, const int16_t *pcm, size_t n, size_t n_frames, float *out,
                   const struct ac_cancel *cancel);

#endif
