/* Features of the sound, causal. See acoustic_mel.h; the constants are those of tools/lips_data.py. */
#include "lipsync/acoustic_mel.h"

#include "avatarchat/err.h"
#include "avatarchat/frame.h"

#include <kiss_fftr.h>
#include <math.h>
#include <string.h>

enum {
    N_FFT = 512,
    N_BINS = N_FFT / 2 + 1,
    LOW_HZ = 60,
    HIGH_HZ = 7600,
    PRIOR_FRAMES = 30, /* how much the mean before anything was heard weighs */
    MEAN_FRAMES = 200  /* how many frames the mean remembers */
};

static const float floor_energy = 1e-4f; /* keeps silence finite and quiet noise small */
static const float prior = -1;           /* mean of a band before anything was heard */
static const float gate = 3;             /* frames that much below the peak are pauses … */
static const float least = -8;           /* … and those below this in any case */
static const float decay = 0.01f;        /* of the peak, a frame */
static const float scale = 0.25f;

static double hz_to_mel(double hz)
{
    return 1127 * log(1 + hz / 700);
}

/* Triangles of height 1, straight on the mel scale. */
static double weight(const void *arg, size_t i, size_t k)
{
    double low = hz_to_mel(LOW_HZ), step = (hz_to_mel(HIGH_HZ) - low) / (AC_ACOUSTIC_BANDS + 1);
    double at = (hz_to_mel((double)k * AC_LISTEN_RATE_HZ / N_FFT) - low) / step - (double)i;

    (void)arg;
    return fmax(0, fmin(at, 2 - at));
}

void ac_acoustic_tables_init(struct ac_acoustic_tables *t)
{
    for (int i = 0; i < AC_ACOUSTIC_WINDOW; i++)
        t->window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / AC_ACOUSTIC_WINDOW));
    ac_bands_init(&t->bands, AC_ACOUSTIC_BANDS, N_BINS, weight, NULL);
}

void ac_acoustic_tables_free(struct ac_acoustic_tables *t)
{
    ac_bands_free(&t->bands);
}

int ac_acoustic_mel_open(struct ac_acoustic_mel *m)
{
    m->fft = kiss_fftr_alloc(N_FFT, 0, NULL, NULL);
    ac_acoustic_mel_reset(m);
    return m->fft ? 0 : AC_ENOMEM;
}

void ac_acoustic_mel_reset(struct ac_acoustic_mel *m)
{
    memset(m->sound, 0, sizeof m->sound);
    for (int b = 0; b < AC_ACOUSTIC_BANDS; b++)
        m->mean[b] = prior;
    m->peak = least;
    m->seen = PRIOR_FRAMES;
}

void ac_acoustic_mel_close(struct ac_acoustic_mel *m)
{
    kiss_fftr_free(m->fft);
    m->fft = NULL;
}

static void log_mel(const struct ac_acoustic_mel *m, const struct ac_acoustic_tables *t, float *row)
{
    float in[N_FFT] = {0}, power[N_BINS];
    kiss_fft_cpx out[N_BINS];

    for (int i = 0; i < AC_ACOUSTIC_WINDOW; i++)
        in[i] = m->sound[i] * t->window[i];
    kiss_fftr(m->fft, in, out);
    for (int k = 0; k < N_BINS; k++)
        power[k] = out[k].r * out[k].r + out[k].i * out[k].i;
    for (size_t b = 0; b < AC_ACOUSTIC_BANDS; b++)
        row[b] = logf(ac_bands_energy(&t->bands, b, power) + floor_energy);
}

void ac_acoustic_mel_step(struct ac_acoustic_mel *m, const struct ac_acoustic_tables *t, const float *sound,
                          float *row)
{
    float level = 0;

    memmove(m->sound, m->sound + AC_ACOUSTIC_HOP, (AC_ACOUSTIC_WINDOW - AC_ACOUSTIC_HOP) * sizeof *m->sound);
    memcpy(m->sound + AC_ACOUSTIC_WINDOW - AC_ACOUSTIC_HOP, sound, AC_ACOUSTIC_HOP * sizeof *sound);
    log_mel(m, t, row);
    for (int b = 0; b < AC_ACOUSTIC_BANDS; b++)
        level += row[b] / AC_ACOUSTIC_BANDS;
    m->peak = fmaxf(level, m->peak - decay);
    if (level > m->peak - gate && level > least) {
        m->seen = m->seen < MEAN_FRAMES ? m->seen + 1 : MEAN_FRAMES;
        for (int b = 0; b < AC_ACOUSTIC_BANDS; b++)
            m->mean[b] += (row[b] - m->mean[b]) / (float)m->seen;
    }
    for (int b = 0; b < AC_ACOUSTIC_BANDS; b++)
        row[b] = (row[b] - m->mean[b]) * scale;
}
