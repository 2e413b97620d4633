/* Whisper's log-mel spectrogram (mel.h), its spectrum by kissfft. */
#include "asr/mel.h"

#include "base/mem.h"
#include "media/bands.h"

#include <kiss_fftr.h>
#include <math.h>
#include <stdlib.h>

enum {
    N_FFT = 400,
    N_BINS = N_FFT / 2 + 1,
    CANCEL_FRAMES = 512, /* a few milliseconds */
};

struct ac_mel {
    float window[N_FFT];
    struct ac_bands bands;
};

/* Slaney's scale: linear below 1 kHz, logarithmic above. */
static double mel_to_hz(double mel)
{
    static const double hz_per_mel = 200.0 / 3, knee_mel = 15;

    return mel < knee_mel ? mel * hz_per_mel : 1000 * exp((mel - knee_mel) * log(6.4) / 27);
}

static double hz_to_mel(double hz)
{
    return hz < 1000 ? hz * 3 / 200 : 15 + log(hz / 1000) * 27 / log(6.4);
}

/* Triangles of equal area between neighbouring centres. arg: how many bands there are. */
static double weight(const void *arg, size_t i, size_t k)
{
    double step = hz_to_mel(AC_LISTEN_RATE_HZ / 2.0) / (double)(*(const size_t *)arg + 1);
    double low = mel_to_hz(step * (double)i), mid = mel_to_hz(step * (double)(i + 1)),
           high = mel_to_hz(step * (double)(i + 2));
    double hz = (double)k * AC_LISTEN_RATE_HZ / N_FFT;

    return fmax(0, fmin((hz - low) / (mid - low), (high - hz) / (high - mid))) * 2 / (high - low);
}

struct ac_mel *ac_mel_new(size_t n_bands)
{
    struct ac_mel *m = ac_zalloc(sizeof *m);

    for (int i = 0; i < N_FFT; i++)
        m->window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / N_FFT));
    ac_bands_init(&m->bands, n_bands, N_BINS, weight, &n_bands);
    return m;
}

void ac_mel_free(struct ac_mel *m)
{
    if (!m)
        return;
    ac_bands_free(&m->bands);
    free(m);
}

/* The sample at place i: the start is mirrored, the end is silence. */
static float sample(const int16_t *pcm, size_t n, ptrdiff_t i)
{
    size_t at = (size_t)(i < 0 ? -i : i);

    return at < n ? (float)pcm[at] / 32768 : 0;
}

static void spectrum(const struct ac_mel *m, kiss_fftr_cfg fft, const int16_t *pcm, size_t n, size_t frame,
                     float *power)
{
    float in[N_FFT];
    kiss_fft_cpx out[N_BINS];
    ptrdiff_t start = (ptrdiff_t)(frame * AC_MEL_HOP) - N_FFT / 2;

    for (int i = 0; i < N_FFT; i++)
        in[i] = sample(pcm, n, start + i) * m->window[i];
    kiss_fftr(fft, in, out);
    for (int k = 0; k < N_BINS; k++)
        power[k] = out[k].r * out[k].r + out[k].i * out[k].i;
}

int ac_mel_compute(const struct ac_mel *m, const int16_t *pcm, size_t n, size_t n_frames, float *out,
                   const struct ac_cancel *cancel)
{
    float power[N_BINS], loudest = -INFINITY;
    kiss_fftr_cfg fft = kiss_fftr_alloc(N_FFT, 0, NULL, NULL); /* holds scratch: one a thread */

    if (!fft)
        return AC_ENOMEM;
    for (size_t t = 0; t < n_frames; t++) {
        if (t % CANCEL_FRAMES == 0 && ac_cancelled(cancel)) {
            kiss_fftr_free(fft);
            return AC_ECANCELED;
        }
        spectrum(m, fft, pcm, n, t, power);
        for (size_t b = 0; b < m->bands.n; b++) {
            float level = log10f(fmaxf(ac_bands_energy(&m->bands, b, power), 1e-10F));
            loudest = fmaxf(loudest, level);
            out[b * n_frames + t] = level;
        }
    }
    kiss_fftr_free(fft);
    for (size_t i = 0; i < m->bands.n * n_frames; i++)
        out[i] = (fmaxf(out[i], loudest - 8) + 4) / 4;
    return 0;
}
