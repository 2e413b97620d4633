/*
 * What lip sync hears: 40 log-mel energies of the last 25 ms every 10 ms, less each band's running mean over
 * what is loud enough to be speech, so that voice, room, microphone and loudness matter little. Looks into
 * the past only. tools/lips_data.py (`features`) is the same in Python and what the weights were trained
 * with.
 *
 * Threads: the tables are read only once made; a state has one owner, one thread at a time.
 */
#ifndef AC_LIPSYNC_ACOUSTIC_MEL_H
#define AC_LIPSYNC_ACOUSTIC_MEL_H

#include "media/bands.h"

#include <stddef.h>

enum { AC_ACOUSTIC_HOP = 160, AC_ACOUSTIC_WINDOW = 400, AC_ACOUSTIC_BANDS = 40 };

struct ac_acoustic_tables {
    float window[AC_ACOUSTIC_WINDOW];
    struct ac_bands bands;
};

struct ac_acoustic_mel {
    void *fft;                       /* kissfft's, with its scratch */
    float sound[AC_ACOUSTIC_WINDOW]; /* the last 25 ms */
    float mean[AC_ACOUSTIC_BANDS];
    float peak; /* loudest of late */
    int seen;   /* frames that the mean is of */
};

void ac_acoustic_tables_init(struct ac_acoustic_tables *t);
void ac_acoustic_tables_free(struct ac_acoustic_tables *t);

int ac_acoustic_mel_open(struct ac_acoustic_mel *m); /* AC_ENOMEM */
void ac_acoustic_mel_reset(struct ac_acoustic_mel *m);
void ac_acoustic_mel_close(struct ac_acoustic_mel *m);
/* The next AC_ACOUSTIC_HOP samples (±1, 16 kHz) give a row of AC_ACOUSTIC_BANDS values. */
void ac_acoustic_mel_step(struct ac_acoustic_mel *m, const struct ac_acoustic_tables *t, const float *sound,
                          float *row);

#endif
