/*
 * The mel spectrogram as Wav2Lip hears it, made while the speech comes in: 16 kHz, pre-emphasis 0.97, frames
 * of 800 samples every 200 (80 a second), periodic Hann window, centred with reflection at the ends,
 * magnitude, 80 Slaney bands from 55 to 7600 Hz, 20 log10 − 20 dB, scaled to −4 … 4. Source: K R Prajwal et
 * al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the Wild" (2020), and the audio.py
 * and hparams.py of its published code.
 *
 * One instance, one thread at a time.
 */
#ifndef AC_AVATAR_WAV2LIP_MEL_H
#define AC_AVATAR_WAV2LIP_MEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AC_W2L_BANDS = 80,
    AC_W2L_COLUMNS = 16,
    AC_W2L_WINDOW = AC_W2L_BANDS * AC_W2L_COLUMNS,
    AC_W2L_MEL_BACK = 160, /* columns (2 s) before the last window's first that can still be asked for */
};

struct ac_w2l_mel;

struct ac_w2l_mel *ac_w2l_mel_new(void); /* never NULL */
void ac_w2l_mel_free(struct ac_w2l_mel *m);
/* Forgets everything: a sentence begins. */
void ac_w2l_mel_begin(struct ac_w2l_mel *m);
/*
 * The next n samples at 16 kHz; how they are cut into pieces does not matter. Nothing is computed here (a
 * window costs up to 16 transforms, the next one three or four). Kept are 32 kB for a second of sound from 2
 * s before the last window on: what was spoken long ago takes no memory.
 */
void ac_w2l_mel_add(struct ac_w2l_mel *m, const int16_t *pcm, size_t n);
/* No more comes: silence goes on for ever. */
void ac_w2l_mel_end(struct ac_w2l_mel *m);
/* Columns that are final: the first 1 + (n - 400) / 200 of n samples; after the end SIZE_MAX. */
size_t ac_w2l_mel_columns(const struct ac_w2l_mel *m);
/*
 * The window of the picture that is shown `frame` pictures after the sentence's start: columns from
 * floor(frame · 80 / fps) + offset on, band by band (out[band · 16 + column]). Columns before the start are
 * silence. frame may be negative. False, and out is left alone, when one of them is not final yet or was
 * forgotten (AC_W2L_MEL_BACK).
 */
bool ac_w2l_mel_window(struct ac_w2l_mel *m, int64_t frame, int fps, int offset, float out[AC_W2L_WINDOW]);
/*
 * Whether the window holds nothing that moves a mouth: no inference is needed for it. White noise of −57 dBFS
 * is silence, and an old recording's hum and hiss of −41 dBFS; an s of −52 dBFS is not.
 */
bool ac_w2l_mel_silent(const float window[AC_W2L_WINDOW]);

#endif
