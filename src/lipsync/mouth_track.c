/* Visemes to mouth movement; see mouth_track.h. docs/lipsync.md has the table in words. */
#include "lipsync/mouth_track.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The parameters of struct ac_mouth in its order, so that they can be looped over. */
enum { JAW, WIDTH, ROUND, UPPER, LOWER, PRESS, BITE, TEETH, TONGUE, N_PARAMS };
_Static_assert(sizeof(struct ac_mouth) == N_PARAMS * sizeof(float), "struct ac_mouth is N_PARAMS floats");

struct shape {
    float target[N_PARAMS];
    float weight[N_PARAMS]; /* how much the viseme cares */
};

/*
 * Consonants. Vowels are made from openness and rounding (vowel_shape), since every language has its own.
 *                     jaw    width  round  upper  lower  press bite  teeth  tongue
 */
static const struct shape shapes[AC_VIS_COUNT] = {
    [AC_VIS_SIL] = {{0, 0, 0, 0, 0, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    [AC_VIS_PP] = {{0, 0, 0.05f, 0, 0, 1, 0, 0, 0}, {3, 0.4f, 0.4f, 2, 2, 4, 2, 0.6f, 0.2f}},
    [AC_VIS_FF] = {{0.1f, 0.1f, 0, 0.35f, 0, 0, 1, 0, 0}, {2, 0.5f, 0.5f, 1.5f, 2, 2, 4, 0.6f, 0.2f}},
    [AC_VIS_TH] = {{0.2f, 0.15f, 0, 0.15f, 0.25f, 0, 0, 0.3f, 1}, {1, 0.4f, 0.4f, 0.6f, 0.8f, 1, 1, 1, 3}},
    [AC_VIS_DD] = {{0.15f, 0.12f, 0, 0.12f, 0.2f, 0, 0, 0.5f, 0.8f},
                   {0.9f, 0.3f, 0.3f, 0.5f, 0.6f, 1, 1, 1, 2}},
    [AC_VIS_KK] = {{0.22f, 0.05f, 0, 0.1f, 0.15f, 0, 0, 0.1f, 0.1f},
                   {0.6f, 0.2f, 0.2f, 0.3f, 0.3f, 1, 1, 0.5f, 1}},
    [AC_VIS_CH] = {{0.14f, -0.25f, 0.6f, 0.3f, 0.35f, 0, 0, 0.9f, 0.2f},
                   {1.4f, 1, 1.3f, 0.9f, 0.9f, 1, 1, 2, 1}},
    [AC_VIS_SS] = {{0.1f, 0.3f, 0, 0.2f, 0.3f, 0, 0, 0.95f, 0.2f},
                   {1.6f, 0.7f, 0.5f, 0.7f, 0.7f, 1, 1, 2.5f, 1}},
    [AC_VIS_NN] = {{0.16f, 0.1f, 0, 0.1f, 0.18f, 0, 0, 0.35f, 0.85f},
                   {0.8f, 0.3f, 0.3f, 0.4f, 0.5f, 1, 1, 1, 2}},
    [AC_VIS_RR] = {{0.18f, -0.15f, 0.35f, 0.15f, 0.2f, 0, 0, 0.3f, 0.3f},
                   {0.7f, 0.6f, 0.8f, 0.4f, 0.4f, 1, 1, 0.8f, 1}},
};

static const float vowel_weight[N_PARAMS] = {1.3f, 1.1f, 1.2f, 0.9f, 0.9f, 1, 1, 0.8f, 0.8f};

/* Fall-off of dominance, ms: before (anticipation) and after the phoneme. Rounding begins early. */
static const float lead_ms[N_PARAMS] = {55, 70, 95, 55, 55, 18, 24, 40, 40};
static const float lag_ms[N_PARAMS] = {50, 60, 65, 50, 50, 16, 22, 40, 40};

enum { REACH_US = 400000, SILENCE_CLOSE_US = 110000, SILENCE_OPEN_US = 60000, END_CLOSE_US = 110000 };

static bool is_vowel(enum ac_viseme v)
{
    return v >= AC_VIS_AA && v < AC_VIS_COUNT;
}

static void vowel_shape(const struct ac_phone *p, struct shape *s)
{
    float open = fminf(fmaxf(p->openness, 0), 1), round = fminf(fmaxf(p->rounding, 0), 1);
    float spread = (1 - round) * (1 - 0.6f * open);

    memcpy(s->weight, vowel_weight, sizeof s->weight);
    memset(s->target, 0, sizeof s->target);
    s->target[JAW] = 0.16f + 0.62f * open;
    s->target[WIDTH] = 0.55f * spread - 0.55f * round;
    s->target[ROUND] = round;
    s->target[UPPER] = 0.12f + 0.28f * open + 0.1f * spread;
    s->target[LOWER] = 0.12f + 0.38f * open + 0.1f * spread;
    s->target[TONGUE] = 0.25f * spread;
    /* a weak vowel gives way to its neighbours */
    if (!p->stressed)
        for (int k = 0; k < N_PARAMS; k++)
            s->weight[k] *= 0.8f;
}

static void shape_of(const struct ac_phone *p, struct shape *s)
{
    if (is_vowel(p->viseme))
        vowel_shape(p, s);
    else
        *s = shapes[p->viseme < AC_VIS_COUNT ? p->viseme : AC_VIS_SIL];
}

/* The weighted mean of all phonemes near t. */
static void blend(const struct ac_phone *phones, size_t n, size_t *first, int64_t t_us, float *out)
{
    float sum[N_PARAMS] = {0}, weight[N_PARAMS];

    for (int k = 0; k < N_PARAMS; k++)
        weight[k] = 1e-4f; /* rest, where nothing is near */
    while (*first < n && phones[*first].end_us < t_us - REACH_US)
        ++*first;
    for (size_t i = *first; i < n && phones[i].start_us < t_us + REACH_US; i++) {
        struct shape s;
        shape_of(&phones[i], &s);
        /* dominance is full in the middle half of the phoneme */
        float mid = (float)(phones[i].start_us + phones[i].end_us) / 2;
        float quarter = (float)(phones[i].end_us - phones[i].start_us) / 4;
        float ms = ((float)t_us - mid) / 1000, past = fmaxf(fabsf(ms) - quarter / 1000, 0);
        bool silence = phones[i].viseme == AC_VIS_SIL; /* nobody gets ready for it */
        for (int k = 0; k < N_PARAMS; k++) {
            float fall = silence ? 30 : ms < 0 ? lead_ms[k] : lag_ms[k];
            float d = s.weight[k] * expf(-past / fall);
            sum[k] += d * s.target[k];
            weight[k] += d;
        }
    }
    for (int k = 0; k < N_PARAMS; k++)
        out[k] = sum[k] / weight[k];
}

static size_t frame_at(int64_t us, int fps, size_t n_frames)
{
    int64_t i = us * fps / 1000000;

    if (i < 0)
        i = 0;
    return (size_t)i < n_frames ? (size_t)i : n_frames - 1;
}

/* p, b, m close and f, v bite on every frame whose middle lies in them, and on the one nearest to their
 * middle. */
static void close_lips(const struct ac_phone *phones, size_t n, int fps, float (*track)[N_PARAMS],
                       bool *closed, size_t n_frames)
{
    for (size_t i = 0; i < n; i++) {
        const struct ac_phone *p = &phones[i];
        if (p->viseme != AC_VIS_PP && p->viseme != AC_VIS_FF)
            continue;
        size_t from = frame_at(p->start_us + 500000 / fps, fps, n_frames);
        size_t to = frame_at(p->end_us - 500000 / fps, fps, n_frames);
        size_t mid = frame_at((p->start_us + p->end_us) / 2, fps, n_frames);
        if (from > mid)
            from = mid;
        if (to < mid)
            to = mid;
        for (size_t f = from; f <= to; f++) {
            bool lips = p->viseme == AC_VIS_PP;
            track[f][lips ? PRESS : BITE] = 1;
            track[f][lips ? BITE : PRESS] = 0;
            track[f][JAW] = fminf(track[f][JAW], lips ? 0.04f : 0.14f);
            track[f][LOWER] = 0;
            if (lips)
                track[f][UPPER] = 0;
            closed[f] = true;
        }
    }
}

/* Silence is a closed mouth: it closes within SILENCE_CLOSE_US and opens shortly before the next sound. */
static void quiet(const struct ac_phone *phones, size_t n, int64_t total_us, int64_t t_us, float *mouth)
{
    float keep = 1;

    for (size_t i = 0; i < n; i++) {
        const struct ac_phone *p = &phones[i];
        if (p->viseme != AC_VIS_SIL || t_us < p->start_us || t_us >= p->end_us)
            continue;
        float closing = i ? 1 - (float)(t_us - p->start_us) / SILENCE_CLOSE_US : 0;
        float opening = i + 1 < n ? 1 - (float)(p->end_us - t_us) / SILENCE_OPEN_US : 0;
        keep = fmaxf(fmaxf(closing, opening), 0);
    }
    if (n && t_us < phones[0].start_us)
        keep = fmaxf(1 - (float)(phones[0].start_us - t_us) / SILENCE_OPEN_US, 0);
    keep = fminf(keep, fmaxf((float)(total_us - t_us) / END_CLOSE_US, 0));
    for (int k = 0; k < N_PARAMS; k++)
        mouth[k] *= keep;
}

/* No jump is larger than max: what would jump starts earlier (backward pass) or later (forward pass). */
static void limit_steps(float (*track)[N_PARAMS], const bool *closed, size_t n_frames, float max)
{
    for (int k = 0; k < N_PARAMS; k++) {
        if (k == PRESS || k == BITE)
            continue;
        for (size_t i = n_frames - 1; i-- > 0;) /* come down in time for what follows */
            if (track[i][k] > track[i + 1][k] + max && !closed[i])
                track[i][k] = track[i + 1][k] + max;
        for (size_t i = 1; i < n_frames; i++) {
            float lo = track[i - 1][k] - max, hi = track[i - 1][k] + max;
            if (!closed[i])
                track[i][k] = fminf(fmaxf(track[i][k], lo), hi);
        }
    }
}

static void fill_stress(const struct ac_phone *phones, size_t n, int fps, float *stress, size_t n_frames)
{
    enum { SIGMA_US = 70000 };

    memset(stress, 0, n_frames * sizeof *stress);
    for (size_t i = 0; i < n; i++) {
        if (!phones[i].stressed)
            continue;
        int64_t mid = (phones[i].start_us + (int64_t)phones[i].end_us) / 2;
        size_t from = frame_at(mid - 3 * SIGMA_US, fps, n_frames),
               to = frame_at(mid + 3 * SIGMA_US, fps, n_frames);
        for (size_t f = from; f <= to; f++) {
            float d = (float)((int64_t)(2 * f + 1) * 500000 / fps - mid) / SIGMA_US;
            stress[f] = fmaxf(stress[f], expf(-d * d / 2));
        }
    }
}

void ac_mouth_track(const struct ac_phone *phones, size_t n, int64_t total_us, int fps,
                    struct ac_mouth *mouth, float *stress, size_t n_frames)
{
    float(*track)[N_PARAMS] = (float(*)[N_PARAMS])mouth;
    size_t first = 0;

    if (!n_frames)
        return;
    bool *closed = ac_zalloc(n_frames * sizeof *closed);
    for (size_t i = 0; i < n_frames; i++) {
        int64_t t = (int64_t)(2 * i + 1) * 500000 / fps;
        blend(phones, n, &first, t, track[i]);
        quiet(phones, n, total_us, t, track[i]);
    }
    close_lips(phones, n, fps, track, closed, n_frames);
    limit_steps(track, closed, n_frames, AC_MOUTH_MAX_STEP * 25 / (float)fps);
    memset(track[n_frames - 1], 0, sizeof track[0]);
    if (stress)
        fill_stress(phones, n, fps, stress, n_frames);
    free(closed);
}
