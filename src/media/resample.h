/*
 * Sample-rate conversion of mono PCM (libsoxr), streaming, to AC_FMP4_AUDIO_RATE or any other rate.
 * One instance, one thread at a time.
 */
#ifndef AC_MEDIA_RESAMPLE_H
#define AC_MEDIA_RESAMPLE_H

#include "base/str.h"
#include <stdint.h>

struct ac_resampler;

/* Rates 4,000…192,000 Hz, else AC_EINVAL. Equal rates pass through. */
int ac_resampler_open(struct ac_resampler **r, int in_hz, int out_hz);
void ac_resampler_close(struct ac_resampler *r);
/* Converts n samples (pcm NULL, n 0: end of the signal, drains). Output is appended to out as int16_t. */
int ac_resampler_run(struct ac_resampler *r, const int16_t *pcm, size_t n, struct ac_str *out);
/* Forgets the signal; ready for another. */
void ac_resampler_reset(struct ac_resampler *r);

#endif
