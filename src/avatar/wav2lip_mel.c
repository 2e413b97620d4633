/*
 * See wav2lip_mel.h. What is kept is the sound; a column is computed when a window first asks for it, so that
 * the work is spread over the pictures however the sound comes in. The last columns stay, since windows
 * overlap.
 */
#include "avatar/wav2lip_mel.h"

#include "avatarchat/frame.h"
#include "base/mem.h"
#include "media/bands.h"

#include <kiss_fftr.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_FFT = 800,
    N_BINS = N_FFT / 2 + 1,
    HOP = 200,
    RATE_COLUMNS = AC_LISTEN_RATE_HZ / HOP,
    BEFORE = N_FFT / 2 + 1, /* samples that a column needs before its middle, one for pre-emphasis */
    KEPT_COLUMNS = 64,      /* a power of two */
    SPARE = AC_LISTEN_RATE_HZ,
};

static const float pre_emphasis = 0.97F;
static const float quietest = 1e-5F; /* magnitude */
static const float limit = 4;

struct ac_w2l_mel {
    void *fft; /* kissfft's, with its scratch */
    float hann[N_FFT];
    struct ac_bands bands;
    int16_t *pcm;
    size_t first, n, room; /* number in the sentence of pcm[0]; how many are there; space */
    bool ended;
    int64_t number[KEPT_COLUMNS]; /* of each column, -1 = none */
    float column[KEPT_COLUMNS][AC_W2L_BANDS];
};

/* Slaney's scale: linear below 1 kHz, logarithmic above. */
static double mel_to_hz(double mel)
{
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

static double hz_to_mel(double hz)
{
    return hz < 1000 ? hz * 3 / 200 : 15 + log(hz / 1000) * 27 / log(6.4);
}

/* Triangles of equal area between neighbouring centres. */
static double weight(const void *arg, size_t i, size_t k)
{
    double bottom = hz_to_mel(55), step = (hz_to_mel(7600) - bottom) / (AC_W2L_BANDS + 1), edge[3];
    double hz = (double)k * AC_LISTEN_RATE_HZ / N_FFT;

    (void)arg;
    for (size_t e = 0; e < 3; e++)
        edge[e] = mel_to_hz(bottom + step * (double)(i + e));
    double up = (hz - edge[0]) / (edge[1] - edge[0]), down = (edge[2] - hz) / (edge[2] - edge[1]);
    return fmax(0, fmin(up, down)) * 2 / (edge[2] - edge[0]);
}

struct ac_w2l_mel *ac_w2l_mel_new(void)
{
    struct ac_w2l_mel *m = ac_zalloc(sizeof *m);

    m->fft = kiss_fftr_alloc(N_FFT, 0, NULL, NULL);
    if (!m->fft)
        abort(); /* as ac_alloc */
    for (int i = 0; i < N_FFT; i++)
        m->hann[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / N_FFT));
    ac_bands_init(&m->bands, AC_W2L_BANDS, N_BINS, weight, NULL);
    ac_w2l_mel_begin(m);
    return m;
}

void ac_w2l_mel_free(struct ac_w2l_mel *m)
{
    if (!m)
        return;
    kiss_fftr_free(m->fft);
    ac_bands_free(&m->bands);
    free(m->pcm);
    free(m);
}

void ac_w2l_mel_begin(struct ac_w2l_mel *m)
{
    m->first = m->n = 0;
    m->ended = false;
    for (int i = 0; i < KEPT_COLUMNS; i++)
        m->number[i] = -1;
}

void ac_w2l_mel_add(struct ac_w2l_mel *m, const int16_t *pcm, size_t n)
{
    if (n == 0)
        return;
    if (m->n + n > m->room) {
        m->room = m->n + n + SPARE;
        m->pcm = ac_realloc_array(m->pcm, m->room, sizeof *m->pcm);
    }
    memcpy(m->pcm + m->n, pcm, n * sizeof *pcm);
    m->n += n;
}

void ac_w2l_mel_end(struct ac_w2l_mel *m)
{
    m->ended = true;
}

size_t ac_w2l_mel_columns(const struct ac_w2l_mel *m)
{
    size_t total = m->first + m->n;

    if (m->ended)
        return SIZE_MAX;
    return total < BEFORE ? 0 : (total - N_FFT / 2) / HOP + 1; /* column 0 mirrors one sample more */
}

static float sample(const struct ac_w2l_mel *m, size_t at)
{
    return at >= m->first && at < m->first + m->n ? m->pcm[at - m->first] * (1 / 32768.0F) : 0;
}

static float emphasised(const struct ac_w2l_mel *m, size_t at)
{
    return at ? sample(m, at) - pre_emphasis * sample(m, at - 1) : sample(m, 0);
}

static void compute(struct ac_w2l_mel *m, int64_t number, float *column)
{
    float in[N_FFT], magnitude[N_BINS];
    kiss_fft_cpx out[N_BINS];
    int64_t start = number * HOP - N_FFT / 2;

    for (int i = 0; i < N_FFT; i++)
        in[i] = emphasised(m, (size_t)llabs(start + i)) * m->hann[i];
    kiss_fftr(m->fft, in, out);
    for (int k = 0; k < N_BINS; k++)
        magnitude[k] = sqrtf(out[k].r * out[k].r + out[k].i * out[k].i);
    for (size_t b = 0; b < AC_W2L_BANDS; b++) {
        float level = 20 * log10f(fmaxf(ac_bands_energy(&m->bands, b, magnitude), quietest)) - 20;
        column[b] = fminf(fmaxf((level + 100) * (2 * limit / 100) - limit, -limit), limit);
    }
}

static const float *column(struct ac_w2l_mel *m, int64_t number)
{
    size_t slot = (size_t)number & (KEPT_COLUMNS - 1);

    if (m->number[slot] != number) {
        compute(m, number, m->column[slot]);
        m->number[slot] = number;
    }
    return m->column[slot];
}

/* Lets go of sound that lies too far before a column. */
static void forget(struct ac_w2l_mel *m, int64_t number)
{
    int64_t keep = (number - (int64_t)AC_W2L_MEL_BACK) * HOP - BEFORE, drop = keep - (int64_t)m->first;

    if (drop < SPARE) /* seldom, since what stays is moved */
        return;
    drop = drop < (int64_t)m->n ? drop : (int64_t)m->n;
    m->n -= (size_t)drop;
    m->first += (size_t)drop;
    memmove(m->pcm, m->pcm + drop, m->n * sizeof *m->pcm);
}

bool ac_w2l_mel_window(struct ac_w2l_mel *m, int64_t frame, int fps, int offset, float out[AC_W2L_WINDOW])
{
    int64_t at = frame * RATE_COLUMNS, first = at / fps - (at % fps < 0) + offset,
            end = first + AC_W2L_COLUMNS;
    int64_t oldest = m->first ? ((int64_t)m->first + BEFORE + HOP - 1) / HOP : 0;

    if ((end > 0 && (size_t)end > ac_w2l_mel_columns(m)) || (first >= 0 && first < oldest))
        return false;
    for (int64_t c = 0; c < AC_W2L_COLUMNS; c++) {
        const float *value = first + c >= 0 ? column(m, first + c) : NULL;
        for (size_t b = 0; b < AC_W2L_BANDS; b++)
            out[b * AC_W2L_COLUMNS + (size_t)c] = value ? value[b] : -limit;
    }
    forget(m, first);
    return true;
}

bool ac_w2l_mel_silent(const float window[AC_W2L_WINDOW])
{
    enum { GROUP = 8 }; /* bands: a hiss fills that many, a voice more */
    const float threshold = -1.5F;

    for (size_t b = 0; b < AC_W2L_BANDS; b += GROUP)
        for (size_t c = 0; c < AC_W2L_COLUMNS; c++) {
            float sum = 0;
            for (size_t i = 0; i < GROUP; i++)
                sum += window[(b + i) * AC_W2L_COLUMNS + c];
            if (sum > threshold * GROUP)
                return false;
        }
    return true;
}
