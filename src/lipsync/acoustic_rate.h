/*
 * Any sample rate to 16 kHz with a delay of one or two milliseconds, for listening only: media/resample
 * (soxr) sounds better, but holds back 37 to 115 ms, most of what lip sync may look ahead. A windowed sinc of
 * ten zero crossings a side, one set of taps a phase. One instance, one thread at a time.
 */
#ifndef AC_LIPSYNC_ACOUSTIC_RATE_H
#define AC_LIPSYNC_ACOUSTIC_RATE_H

#include <stddef.h>
#include <stdint.h>

enum { AC_ACOUSTIC_MIN_HZ = 4000, AC_ACOUSTIC_MAX_HZ = 192000 };

struct ac_acoustic_rate {
    int in_hz;              /* 0: not set */
    float *taps;            /* n_phases rows of 2 * half; NULL: the rates are equal */
    int64_t n_phases, half; /* half: samples a side */
    float *hist;            /* input from sample `first` on */
    size_t n_hist, cap_hist;
    int64_t first, next; /* next: output sample */
};

/* Begins a signal at in_hz (AC_ACOUSTIC_MIN_HZ … MAX_HZ); the taps are kept where the rate is as before. */
void ac_acoustic_rate_start(struct ac_acoustic_rate *r, int in_hz);
/* Adds n samples (pcm NULL: silence); a few thousand at a time, taken between, keep it small. */
void ac_acoustic_rate_add(struct ac_acoustic_rate *r, const int16_t *pcm, size_t n);
/* Takes up to max output samples (±1) that are known by now. */
size_t ac_acoustic_rate_take(struct ac_acoustic_rate *r, float *out, size_t max);
void ac_acoustic_rate_free(struct ac_acoustic_rate *r);

#endif
