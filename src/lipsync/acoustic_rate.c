/*
 * Output sample m lies at m · in_hz / 16000 of the input. There are as many phases as the ratio of the rates
 * has (24 kHz: 2, 22.05 kHz: 320); odd rates with more than MAX_PHASES get the nearest before.
 */
#include "lipsync/acoustic_rate.h"

#include "avatarchat/frame.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CROSSINGS = 10, MAX_PHASES = 640 };

static const double pass = 0.94; /* of the lower rate's band */

static int64_t gcd(int64_t a, int64_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* Low-pass at `cut` (1 = half the input rate), Hann window. x in input samples. */
static double kernel(double x, double cut, double half)
{
    double arg = M_PI * cut * x;

    if (fabs(x) >= half)
        return 0;
    return cut * (fabs(arg) < 1e-9 ? 1 : sin(arg) / arg) * (0.5 + 0.5 * cos(M_PI * x / half));
}

static void make_taps(struct ac_acoustic_rate *r)
{
    double cut = pass * fmin(1, (double)AC_LISTEN_RATE_HZ / r->in_hz);

    r->half = (int64_t)ceil(CROSSINGS / cut);
    r->n_phases = AC_LISTEN_RATE_HZ / gcd(AC_LISTEN_RATE_HZ, r->in_hz);
    r->n_phases = r->n_phases > MAX_PHASES ? MAX_PHASES : r->n_phases;
    r->taps = ac_alloc((size_t)(r->n_phases * 2 * r->half) * sizeof *r->taps);
    for (int64_t p = 0; p < r->n_phases; p++) {
        float *row = r->taps + p * 2 * r->half;
        double sum = 0;
        for (int64_t k = 0; k < 2 * r->half; k++)
            sum += kernel((double)(k - r->half + 1) - (double)p / (double)r->n_phases, cut, (double)r->half);
        for (int64_t k = 0; k < 2 * r->half; k++)
            row[k] = (float)(kernel((double)(k - r->half + 1) - (double)p / (double)r->n_phases, cut,
                                    (double)r->half) /
                             sum);
    }
}

/* The last n places of the history, new. */
static float *make_room(struct ac_acoustic_rate *r, size_t n)
{
    if (r->n_hist + n > r->cap_hist) {
        r->cap_hist = 2 * (r->n_hist + n);
        r->hist = ac_realloc_array(r->hist, r->cap_hist, sizeof *r->hist);
    }
    r->n_hist += n;
    return r->hist + r->n_hist - n;
}

void ac_acoustic_rate_start(struct ac_acoustic_rate *r, int in_hz)
{
    if (in_hz != r->in_hz) {
        free(r->taps);
        r->taps = NULL;
        r->half = 0;
        r->in_hz = in_hz;
        if (in_hz != AC_LISTEN_RATE_HZ)
            make_taps(r);
    }
    r->n_hist = 0;
    r->next = 0;
    r->first = -r->half;
    if (r->half) /* silence before the signal */
        memset(make_room(r, (size_t)r->half), 0, (size_t)r->half * sizeof *r->hist);
}

/* Drops what no output to come needs. */
static void forget(struct ac_acoustic_rate *r)
{
    int64_t keep = (r->taps ? r->next * r->in_hz / AC_LISTEN_RATE_HZ - r->half + 1 : r->next) - r->first;

    if (keep <= 0)
        return;
    r->n_hist -= (size_t)keep;
    r->first += keep;
    memmove(r->hist, r->hist + keep, r->n_hist * sizeof *r->hist);
}

void ac_acoustic_rate_add(struct ac_acoustic_rate *r, const int16_t *pcm, size_t n)
{
    forget(r);
    float *at = make_room(r, n);

    for (size_t k = 0; k < n; k++)
        at[k] = pcm ? (float)pcm[k] / 32768 : 0;
}

/* The output whose place is `at` and a phase. */
static float sample(const struct ac_acoustic_rate *r, int64_t at, int64_t phase)
{
    const float *x = r->hist + (at - r->half + 1 - r->first), *w = r->taps + phase * 2 * r->half;
    float sum = 0;

    for (int64_t k = 0; k < 2 * r->half; k++)
        sum += x[k] * w[k];
    return sum;
}

size_t ac_acoustic_rate_take(struct ac_acoustic_rate *r, float *out, size_t max)
{
    int64_t end = r->first + (int64_t)r->n_hist;
    size_t n = 0;

    for (; n < max; n++, r->next++) {
        int64_t at = r->taps ? r->next * r->in_hz / AC_LISTEN_RATE_HZ : r->next;
        if (at + r->half >= end)
            break;
        out[n] = r->taps
                     ? sample(r, at, r->next * r->in_hz % AC_LISTEN_RATE_HZ * r->n_phases / AC_LISTEN_RATE_HZ)
                     : r->hist[at - r->first];
    }
    return n;
}

void ac_acoustic_rate_free(struct ac_acoustic_rate *r)
{
    free(r->taps);
    free(r->hist);
    *r = (struct ac_acoustic_rate){0};
}
