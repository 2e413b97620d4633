/* WAV files for the tests: good and bad ones. */
#ifndef AC_TEST_WAV_H
#define AC_TEST_WAV_H

#include "base/str.h"

struct wav_form {
    int bits; /* 8, 16, 24, 32; -32: float */
    int channels;
    int rate_hz;      /* as the header says; a multiple of the 16 kHz of the sound repeats its samples */
    size_t claimed_n; /* samples that the header promises; 0: as many as there are */
};

/* Appends a WAV file of the sound (16 kHz mono), the same in every channel. */
void wav_write(struct ac_str *out, const struct wav_form *form, const int16_t *pcm, size_t n);

#endif
