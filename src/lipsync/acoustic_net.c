/*
 * The network, a step at a time. Weights lie a row an input, so that the inner loops run over outputs: sums
 * of rows, which compilers turn into vector code without changing the order of any addition.
 */
#include "lipsync/acoustic_net.h"

#include "avatarchat/err.h"
#include "base/mem.h"
#include "lipsync/acoustic_weights.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN = AC_ACOUSTIC_IN,
    FRONT = AC_ACOUSTIC_FRONT,
    FIRST = AC_ACOUSTIC_FIRST,
    SECOND = AC_ACOUSTIC_SECOND,
    N_MOUTH = 9,
    STRESS = AC_VIS_COUNT + N_MOUTH,
    OUT = STRESS + 1,
    N_HEADER = 6,
    N_WEIGHTS = IN * FRONT + FRONT + 3 * FIRST * (FRONT + FIRST + 2) + 3 * SECOND * (FIRST + SECOND + 2) +
                (FIRST + SECOND) * OUT + OUT
};

/* IEEE 754 half precision; the file holds no infinities. */
static float from_half(uint16_t h)
{
    float magnitude = (float)(h & 0x3ff);
    int exponent = h >> 10 & 0x1f;

    magnitude = exponent ? ldexpf(magnitude + 1024, exponent - 25) : ldexpf(magnitude, -24);
    return h & 0x8000 ? -magnitude : magnitude;
}

static const float *cut(const float **at, size_t n)
{
    const float *here = *at;

    *at += n;
    return here;
}

/* In the order of tools/lips_train.py. */
static void share_out(struct ac_acoustic_net *n)
{
    const float *at = n->weights;

    n->front.w = cut(&at, (size_t)IN * FRONT);
    n->front.b = cut(&at, FRONT);
    n->first.wx = cut(&at, (size_t)3 * FRONT * FIRST);
    n->first.wh = cut(&at, (size_t)3 * FIRST * FIRST);
    n->first.bx = cut(&at, (size_t)3 * FIRST);
    n->first.bh = cut(&at, (size_t)3 * FIRST);
    n->second.wx = cut(&at, (size_t)3 * FIRST * SECOND);
    n->second.wh = cut(&at, (size_t)3 * SECOND * SECOND);
    n->second.bx = cut(&at, (size_t)3 * SECOND);
    n->second.bh = cut(&at, (size_t)3 * SECOND);
    n->head.w = cut(&at, (size_t)(FIRST + SECOND) * OUT);
    n->head.b = cut(&at, OUT);
}

int ac_acoustic_net_load(struct ac_acoustic_net *n)
{
    static const int32_t header[N_HEADER] = {IN, FRONT, FIRST, SECOND, OUT, AC_ACOUSTIC_DELAY_STEPS};
    const unsigned char *file = ac_acoustic_weights;
    size_t size = (size_t)(ac_acoustic_weights_end - ac_acoustic_weights), head = 8 + sizeof header;

    if (size != head + 2 * N_WEIGHTS || memcmp(file, "ACLIPS01", 8) != 0)
        return AC_EMODEL;
    for (int i = 0; i < N_HEADER; i++) {
        const unsigned char *p = file + 8 + 4 * i;
        if ((int32_t)(p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24) != header[i])
            return AC_EMODEL;
    }
    n->weights = ac_alloc(N_WEIGHTS * sizeof *n->weights);
    for (size_t i = 0; i < N_WEIGHTS; i++)
        n->weights[i] = from_half((uint16_t)(file[head + 2 * i] | file[head + 2 * i + 1] << 8));
    share_out(n);
    return 0;
}

void ac_acoustic_net_free(struct ac_acoustic_net *n)
{
    free(n->weights);
    *n = (struct ac_acoustic_net){0};
}

/* y += W x; n_x is a multiple of 4. */
static void add_product(float *restrict y, const float *restrict w, const float *restrict x, size_t n_x,
                        size_t n_y)
{
    for (size_t i = 0; i < n_x; i += 4) {
        const float *w0 = w + i * n_y, *w1 = w0 + n_y, *w2 = w1 + n_y, *w3 = w2 + n_y;
        float x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
        for (size_t k = 0; k < n_y; k++)
            y[k] += w0[k] * x0 + w1[k] * x1 + w2[k] * x2 + w3[k] * x3;
    }
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

static void gru(const struct ac_acoustic_gru *g, const float *x, size_t n_x, float *h, size_t n)
{
    float gx[3 * FIRST], gh[3 * FIRST]; /* FIRST is the larger layer */

    memcpy(gx, g->bx, 3 * n * sizeof *gx);
    memcpy(gh, g->bh, 3 * n * sizeof *gh);
    add_product(gx, g->wx, x, n_x, 3 * n);
    add_product(gh, g->wh, h, n, 3 * n);
    for (size_t i = 0; i < n; i++) {
        float r = sigmoid(gx[i] + gh[i]), z = sigmoid(gx[n + i] + gh[n + i]);
        float fresh = tanhf(gx[2 * n + i] + r * gh[2 * n + i]);
        h[i] = fresh + z * (h[i] - fresh);
    }
}

static void answer(const float *raw, struct ac_acoustic_out *out)
{
    const float *m = raw + AC_VIS_COUNT;
    float most = raw[0], sum = 0;

    for (int i = 1; i < AC_VIS_COUNT; i++)
        most = fmaxf(most, raw[i]);
    for (int i = 0; i < AC_VIS_COUNT; i++)
        sum += out->viseme[i] = expf(raw[i] - most);
    for (int i = 0; i < AC_VIS_COUNT; i++)
        out->viseme[i] /= sum;
    out->mouth = (struct ac_mouth){.jaw = m[0],
                                   .width = m[1],
                                   .round = m[2],
                                   .upper = m[3],
                                   .lower = m[4],
                                   .press = sigmoid(m[5]),
                                   .bite = sigmoid(m[6]),
                                   .teeth = m[7],
                                   .tongue = m[8]};
    out->stress = sigmoid(raw[STRESS]);
}

void ac_acoustic_net_step(const struct ac_acoustic_net *n, struct ac_acoustic_state *s, const float *in,
                          struct ac_acoustic_out *out)
{
    float front[FRONT], raw[OUT];

    memcpy(front, n->front.b, sizeof front);
    add_product(front, n->front.w, in, IN, FRONT);
    for (int i = 0; i < FRONT; i++)
        front[i] = fmaxf(front[i], 0);
    gru(&n->first, front, FRONT, s->first, FIRST);
    gru(&n->second, s->first, FIRST, s->second, SECOND);
    memcpy(raw, n->head.b, sizeof raw);
    add_product(raw, n->head.w, s->first, FIRST, OUT);
    add_product(raw, n->head.w + (size_t)FIRST * OUT, s->second, SECOND, OUT);
    answer(raw, out);
}
