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

enum { AC_W2L_BANDS = 80, AC_W2L_COLUMNS = 16, AC_W2L_WINDOW = AC_W2L_BANDS * AC_W2L_COLUMNS };

struct ac_w2l_mel;

struct ac_w2l_mel *ac_w2l_mel_new(void); /* never NULL */
void ac_w2l_mel_free(struct ac_w2l_mel *m);
/* Forgets everything: a sentence begins. */
void ac_w2l_mel_begin(struct ac_w2l_mel *m);
/* The next n samples at 16 kHz. After the last ones silence goes on for ever. */
void ac_w2l_mel_add(struct ac_w2l_mel *m, const int16_t *pcm, size_t n);
void ac_w2l_mel_end(struct ac_w2l_mel *m);
/* Columns that are final. */
size_t ac_w2l_mel_columns(const struct ac_w2l_mel *m);
/*
 * The window of the picture that is shown `frame` pictures after the sentence's start: columns from
 * floor(frame · 80 / fps) + offset on, band by band (out[band · 16 + column]). Columns before the start are
 * silence. False when one of them is not final yet.
 */
bool ac_w2l_mel_window(struct ac_w2l_mel *m, int64_t frame, int fps, int offset, float out[AC_W2L_WINDOW]);
/* Whether the window holds nothing that moves a mouth: no inference is needed for it. */
bool ac_w2l_mel_silent(const float window[AC_W2L_WINDOW]);

#endif
