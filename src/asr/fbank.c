/* Kaldi's filter bank and the stacking of its frames (fbank.h), the spectrum by kissfft. */
#include "asr/fbank.h"

#include "base/mem.h"
#include "media/bands.h"

#include <float.h>
#include <kiss_fftr.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 400, /* 25 ms */
    N_FFT = 512,
    N_BINS = N_FFT / 2, /* Kaldi leaves the last one out */
    CANCEL_FRAMES = 512,
};

struct ac_fbank {
    float window[WINDOW];
    struct ac_bands bands;
};

static double hz_to_mel(double hz)
{
    return 1127 * log(1 + hz / 700);
}

/* Triangles of height 1, straight on the mel scale. */
static double weight(const void *arg, size_t i, size_t k)
{
    double low = hz_to_mel(20), step = (hz_to_mel(AC_LISTEN_RATE_HZ / 2.0) - low) / (AC_FBANK_BANDS + 1);
    double at = (hz_to_mel((double)k * AC_LISTEN_RATE_HZ / N_FFT) - low) / step - (double)i;

    (void)arg;
    return fmax(0, fmin(at, 2 - at));
}

struct ac_fbank *ac_fbank_new(void)
{
    struct ac_fbank *f = ac_zalloc(sizeof *f);

    for (int i = 0; i < WINDOW; i++)
        f->window[i] = (float)(0.54 - 0.46 * cos(2 * M_PI * i / (WINDOW - 1)));
    ac_bands_init(&f->bands, AC_FBANK_BANDS, N_BINS, weight, NULL);
    return f;
}

void ac_fbank_free(struct ac_fbank *f)
{
    if (!f)
        return;
    ac_bands_free(&f->bands);
    free(f);
}

size_t ac_fbank_frames(size_t n_samples)
{
    return n_samples < WINDOW ? 0 : 1 + (n_samples - WINDOW) / AC_FBANK_HOP;
}

static void spectrum(const struct ac_fbank *f, kiss_fftr_cfg fft, const int16_t *pcm, float *power)
{
    static const float emphasis = 0.97F;
    float in[N_FFT] = {0}, mean = 0;
    kiss_fft_cpx out[N_FFT / 2 + 1];

    for (int i = 0; i < WINDOW; i++)
        mean += pcm[i];
    mean /= WINDOW;
    for (int i = 0; i < WINDOW; i++) {
        float before = (float)pcm[i ? i - 1 : 0] - mean;
        in[i] = ((float)pcm[i] - mean - emphasis * before) * f->window[i];
    }
    kiss_fftr(fft, in, out);
    for (int k = 0; k < N_BINS; k++)
        power[k] = out[k].r * out[k].r + out[k].i * out[k].i;
}

int ac_fbank_compute(const struct ac_fbank *f, const int16_t *pcm, size_t n, float *out,
                     const struct ac_cancel *cancel)
{
    float power[N_BINS];
    size_t n_frames = ac_fbank_frames(n);
    kiss_fftr_cfg fft = kiss_fftr_alloc(N_FFT, 0, NULL, NULL); /* holds scratch: one a thread */
    int err = fft ? 0 : AC_ENOMEM;

    for (size_t t = 0; t < n_frames && !err; t++) {
        if (t % CANCEL_FRAMES == 0 && ac_cancelled(cancel)) {
            err = AC_ECANCELED;
            break;
        }
        spectrum(f, fft, pcm + t * AC_FBANK_HOP, power);
        for (size_t b = 0; b < AC_FBANK_BANDS; b++)
            out[t * AC_FBANK_BANDS + b] = logf(fmaxf(ac_bands_energy(&f->bands, b, power), FLT_EPSILON));
    }
    kiss_fftr_free(fft);
    return err;
}

size_t ac_lfr_frames(const struct ac_lfr *l, size_t n_frames)
{
    return (n_frames + l->shift - 1) / l->shift;
}

void ac_lfr_stack(const struct ac_lfr *l, const float *frames, size_t n_frames, float *out)
{
    size_t before = (l->window - 1) / 2; /* the first frame is repeated in front, the last one at the end */

    for (size_t i = 0; i < ac_lfr_frames(l, n_frames); i++) {
        for (size_t w = 0; w < l->window; w++) {
            size_t at = i * l->shift + w;
            at = at < before ? 0 : at - before;
            at = at < n_frames ? at : n_frames - 1;
            for (size_t b = 0; b < AC_FBANK_BANDS; b++) {
                size_t k = w * AC_FBANK_BANDS + b;
                *out++ = (frames[at * AC_FBANK_BANDS + b] + l->neg_mean[k]) * l->inv_stddev[k];
            }
        }
    }
}
