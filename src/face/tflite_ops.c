/*
 * The loops. The innermost one runs over channels, which lie side by side: compilers turn it into vector code
 * without changing the order of any addition.
 */
#include "face/tflite_ops.h"

#include <math.h>
#include <string.h>

/* y += W x, a row of W an input. */
static void add_product(float *restrict y, const float *restrict w, const float *restrict x, size_t n_x,
                        size_t n_y)
{
    size_t i = 0;

    for (; i + 4 <= n_x; i += 4) {
        const float *w0 = w + i * n_y, *w1 = w0 + n_y, *w2 = w1 + n_y, *w3 = w2 + n_y;
        float x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
        for (size_t k = 0; k < n_y; k++)
            y[k] += w0[k] * x0 + w1[k] * x1 + w2[k] * x2 + w3[k] * x3;
    }
    for (; i < n_x; i++) {
        const float *row = w + i * n_y;
        for (size_t k = 0; k < n_y; k++)
            y[k] += row[k] * x[i];
    }
}

static void add_scaled(float *restrict y, const float *restrict w, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += w[i] * x[i];
}

static void raise_to(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > x[i] ? y[i] : x[i];
}

/* The pixel that tap (ky, kx) of the window of output (oy, ox) lies on; NULL outside of the picture. */
static const float *pixel(const struct ac_tflite_window *g, const float *x, int oy, int ox, int ky, int kx)
{
    int y = oy * g->stride_h - g->top + ky * g->dilation_h,
        column = ox * g->stride_w - g->left + kx * g->dilation_w;

    if (y < 0 || y >= g->in_h || column < 0 || column >= g->in_w)
        return NULL;
    return x + ((size_t)y * (size_t)g->in_w + (size_t)column) * (size_t)g->in_c;
}

void ac_tflite_conv(const struct ac_tflite_window *g, const float *x, const float *w, const float *bias,
                    float *y)
{
    size_t n_x = (size_t)g->in_c, n_y = (size_t)g->out_c;

    for (int oy = 0; oy < g->out_h; oy++)
        for (int ox = 0; ox < g->out_w; ox++, y += n_y) {
            const float *taps = w;
            memcpy(y, bias, n_y * sizeof *y);
            for (int ky = 0; ky < g->k_h; ky++)
                for (int kx = 0; kx < g->k_w; kx++, taps += n_x * n_y) {
                    const float *p = pixel(g, x, oy, ox, ky, kx);
                    if (p)
                        add_product(y, taps, p, n_x, n_y);
                }
        }
}

void ac_tflite_depthwise(const struct ac_tflite_window *g, const float *x, const float *w, const float *bias,
                         float *y)
{
    size_t n = (size_t)g->out_c;

    for (int oy = 0; oy < g->out_h; oy++)
        for (int ox = 0; ox < g->out_w; ox++, y += n) {
            const float *taps = w;
            memcpy(y, bias, n * sizeof *y);
            for (int ky = 0; ky < g->k_h; ky++)
                for (int kx = 0; kx < g->k_w; kx++, taps += n) {
                    const float *p = pixel(g, x, oy, ox, ky, kx);
                    if (p)
                        add_scaled(y, taps, p, n);
                }
        }
}

void ac_tflite_max_pool(const struct ac_tflite_window *g, const float *x, float *y)
{
    size_t n = (size_t)g->out_c;

    for (int oy = 0; oy < g->out_h; oy++)
        for (int ox = 0; ox < g->out_w; ox++, y += n) {
            int seen = 0;
            for (int ky = 0; ky < g->k_h; ky++)
                for (int kx = 0; kx < g->k_w; kx++) {
                    const float *p = pixel(g, x, oy, ox, ky, kx);
                    if (p && seen++)
                        raise_to(y, p, n);
                    else if (p)
                        memcpy(y, p, n * sizeof *y);
                }
            if (!seen)
                memset(y, 0, n * sizeof *y);
        }
}

void ac_tflite_prelu(const float *x, const float *slope, size_t n, size_t n_c, float *y)
{
    for (size_t i = 0; i < n; i += n_c)
        for (size_t c = 0; c < n_c; c++)
            y[i + c] = x[i + c] < 0 ? x[i + c] * slope[c] : x[i + c];
}

void ac_tflite_clip(float *y, size_t n, float low, float high)
{
    for (size_t i = 0; i < n; i++) {
        float v = y[i] < low ? low : y[i];
        y[i] = v > high ? high : v;
    }
}

void ac_tflite_add(const float *a, const float *b, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

void ac_tflite_pad(const float *x, const int in[4], const int before[4], const int after[4], float *y)
{
    size_t out[4], row = (size_t)in[3];

    for (int d = 0; d < 4; d++)
        out[d] = (size_t)before[d] + (size_t)in[d] + (size_t)after[d];
    memset(y, 0, out[0] * out[1] * out[2] * out[3] * sizeof *y);
    for (size_t a = 0; a < (size_t)in[0]; a++)
        for (size_t b = 0; b < (size_t)in[1]; b++)
            for (size_t c = 0; c < (size_t)in[2]; c++, x += row) {
                size_t to = ((a + (size_t)before[0]) * out[1] + b + (size_t)before[1]) * out[2] + c +
                            (size_t)before[2];
                memcpy(y + to * out[3] + before[3], x, row * sizeof *y);
            }
}
