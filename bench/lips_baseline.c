/* Loudness and formants to a mouth. See lips_baseline.h. */
#include "lips_baseline.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 640, ORDER = 14, GRID = 80, PRESS = 5 };

/* Reflection by reflection (Levinson, Durbin); a[0] = 1. */
static void predict(const double *x, double *a)
{
    double r[ORDER + 1], error;

    for (int k = 0; k <= ORDER; k++) {
        r[k] = 0;
        for (int i = k; i < WINDOW; i++)
            r[k] += x[i] * x[i - k];
    }
    memset(a, 0, (ORDER + 1) * sizeof *a);
    a[0] = 1;
    error = r[0] * 1.0001 + 1e-9;
    for (int i = 1; i <= ORDER; i++) {
        double k = -r[i], old[ORDER + 1];
        for (int j = 1; j < i; j++)
            k -= a[j] * r[i - j];
        k /= error;
        memcpy(old, a, sizeof old);
        for (int j = 1; j < i; j++)
            a[j] = old[j] + k * old[i - j];
        a[i] = k;
        error *= 1 - k * k;
    }
}

/* The first two peaks of the prediction's spectrum in 200 … 3,400 Hz, in kHz. */
static void formants(const double *a, double *f1, double *f2)
{
    double level[GRID + 2];
    int found = 0;

    *f1 = 0.5;
    *f2 = 1.5;
    for (int g = 0; g < GRID + 2; g++) {
        double w = 2 * M_PI * (200 + 40.0 * g) / AC_LISTEN_RATE_HZ, re = 0, im = 0;
        for (int k = 0; k <= ORDER; k++) {
            re += a[k] * cos(w * k);
            im -= a[k] * sin(w * k);
        }
        level[g] = -log(re * re + im * im + 1e-12);
    }
    for (int g = 1; g <= GRID && found < 2; g++)
        if (level[g] > level[g - 1] && level[g] >= level[g + 1])
            *(found++ ? f2 : f1) = (200 + 40.0 * g) / 1000;
}

static double loudness_db(const int16_t *pcm, size_t n, int64_t from)
{
    double sum = 1;

    for (int64_t i = from; i < from + WINDOW; i++)
        sum += i >= 0 && i < (int64_t)n ? (double)pcm[i] * pcm[i] / WINDOW : 0;
    return 10 * log10(sum);
}

/* Share of the energy's differences: 0 low … 1 high frequencies, and how often the sign changes. */
static void colour(const double *x, double *centroid, double *crossings)
{
    double slope = 0, energy = 1e-9;

    *crossings = 0;
    for (int i = 1; i < WINDOW; i++) {
        slope += (x[i] - x[i - 1]) * (x[i] - x[i - 1]);
        energy += x[i] * x[i];
        *crossings += (x[i] > 0) != (x[i - 1] > 0);
    }
    *centroid = sqrt(slope / energy);
    *crossings /= WINDOW;
}

static double *features(const struct lips_clip *c, int fps)
{
    const int16_t *pcm = (const int16_t *)(const void *)c->pcm.p;
    size_t n = c->pcm.len / sizeof *pcm;
    double *out = ac_zalloc((c->n_rows + 1) * LIPS_FEATURES * sizeof *out), peak = 0;

    for (size_t r = 0; r < c->n_rows; r++) {
        double *f = out + r * LIPS_FEATURES, x[WINDOW], a[ORDER + 1], last = 0;
        int64_t from = (int64_t)((2 * r + 1) * AC_LISTEN_RATE_HZ / (2 * (size_t)fps)) - WINDOW / 2;
        for (int64_t i = 0; i < WINDOW; i++) {
            double v = from + i >= 0 && from + i < (int64_t)n ? pcm[from + i] / 32768.0 : 0;
            x[i] = (v - 0.95 * last) * (0.54 - 0.46 * cos(2 * M_PI * (double)i / WINDOW));
            last = v;
        }
        predict(x, a);
        f[0] = 1;
        f[1] = loudness_db(pcm, n, from);
        peak = fmax(peak, f[1]);
        colour(x, &f[2], &f[3]);
        formants(a, &f[4], &f[5]);
        f[6] = loudness_db(pcm, n, from + WINDOW) - loudness_db(pcm, n, from - WINDOW); /* rises */
    }
    for (size_t r = 0; r < c->n_rows; r++) {
        double *f = out + r * LIPS_FEATURES;
        f[1] = fmax(0, (f[1] - peak + 45) / 45);
        f[6] /= 45;
        f[7] = f[1] * f[4];
    }
    return out;
}

void lips_baseline_add(struct lips_baseline *b, const struct lips_clip *c, int fps)
{
    const float *rows = (const float *)(const void *)c->rows.p;
    double *all = features(c, fps);

    for (size_t r = 0; r < c->n_rows; r++) {
        const double *f = all + r * LIPS_FEATURES;
        int v = (int)rows[r * LIPS_VALUES];
        b->n[v]++;
        b->n_frames++;
        for (int i = 0; i < LIPS_FEATURES; i++) {
            b->sum[v][i] += f[i];
            b->squares[v][i] += f[i] * f[i];
            for (int k = 0; k < LIPS_FEATURES; k++)
                b->cov[i][k] += f[i] * f[k];
            for (int m = 0; m < LIPS_MOUTH; m++)
                b->cross[i][m] += f[i] * (double)rows[r * LIPS_VALUES + 1 + (size_t)m];
        }
    }
    free(all);
}

/* Gauss and Jordan, with a little on the diagonal. */
static void solve(struct lips_baseline *b)
{
    double a[LIPS_FEATURES][LIPS_FEATURES + LIPS_MOUTH];

    for (int i = 0; i < LIPS_FEATURES; i++) {
        memcpy(a[i], b->cov[i], sizeof b->cov[i]);
        memcpy(a[i] + LIPS_FEATURES, b->cross[i], sizeof b->cross[i]);
        a[i][i] += 1e-3;
    }
    for (int p = 0; p < LIPS_FEATURES; p++) {
        for (int i = 0; i < LIPS_FEATURES; i++) {
            double k = a[i][p] / a[p][p];
            for (int j = 0; j < LIPS_FEATURES + LIPS_MOUTH && i != p; j++)
                a[i][j] -= k * a[p][j];
        }
    }
    for (int i = 0; i < LIPS_FEATURES; i++)
        for (int m = 0; m < LIPS_MOUTH; m++)
            b->map[i][m] = a[i][LIPS_FEATURES + m] / a[i][i];
}

static int classify(const struct lips_baseline *b, const double *f)
{
    double best = -INFINITY;
    int which = 0;

    for (int v = 0; v < AC_VIS_COUNT; v++) {
        double n = (double)b->n[v], score = log((n + 1) / (double)b->n_frames);
        for (int i = 1; i < LIPS_FEATURES && n > 10; i++) {
            double mean = b->sum[v][i] / n, var = b->squares[v][i] / n - mean * mean + 1e-4;
            score -= 0.5 * (log(var) + (f[i] - mean) * (f[i] - mean) / var);
        }
        if (n > 10 && score > best) {
            best = score;
            which = v;
        }
    }
    return which;
}

float *lips_baseline_run(const struct lips_baseline *b, const struct lips_clip *c, int fps)
{
    float *out = ac_zalloc((c->n_rows + 1) * LIPS_VALUES * sizeof *out);
    double *all = features(c, fps);

    for (size_t r = 0; r < c->n_rows; r++) {
        const double *f = all + r * LIPS_FEATURES;
        out[r * LIPS_VALUES] = (float)classify(b, f);
        for (int m = 0; m < LIPS_MOUTH; m++) {
            double v = 0;
            for (int i = 0; i < LIPS_FEATURES; i++)
                v += f[i] * b->map[i][m];
            out[r * LIPS_VALUES + 1 + (size_t)m] = (float)fmin(1, fmax(m == 1 ? -1 : 0, v));
        }
    }
    free(all);
    return out;
}

static double f1_at(const struct lips_clip *clips, float *const *runs, size_t n, double threshold)
{
    double hit = 0, wrong = 0;

    for (size_t i = 0; i < n; i++) {
        const float *rows = (const float *)(const void *)clips[i].rows.p;
        for (size_t r = 0; r < clips[i].n_rows; r++) {
            bool truth = rows[r * LIPS_VALUES + 1 + PRESS] > 0.5F;
            bool said = (double)runs[i][r * LIPS_VALUES + 1 + PRESS] > threshold;
            hit += truth && said;
            wrong += truth != said;
        }
    }
    return 2 * hit / fmax(1, 2 * hit + wrong);
}

void lips_baseline_fit(struct lips_baseline *b, const struct lips_clip *clips, size_t n, int fps)
{
    float **runs = ac_alloc((n + 1) * sizeof(float *));
    double best = -1, best_threshold = 0.5;

    solve(b);
    for (size_t i = 0; i < n; i++)
        runs[i] = lips_baseline_run(b, &clips[i], fps);
    for (double t = 0.02; t < 0.9; t += 0.02) {
        double f1 = f1_at(clips, runs, n, t);
        if (f1 > best) {
            best = f1;
            best_threshold = t;
        }
    }
    b->threshold = best_threshold;
    for (size_t i = 0; i < n; i++)
        free(runs[i]);
    free(runs);
}
