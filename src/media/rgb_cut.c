/*
 * Cutting and scaling: a triangle filter in each direction, as wide as the reduction (so that nothing
 * flickers or shines through) and one pixel where the picture is enlarged, which is bilinear. Pixel centres
 * are at one half.
 */
#include "media/rgb.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Which pixels of a row (or column) a pixel of the result is made of. */
struct taps {
    int first, n;
    const float *weight;
};

struct axis {
    struct taps *taps;
    float *weights;
};

static void axis_free(struct axis *a)
{
    free(a->taps);
    free(a->weights);
}

/* length pixels from start on, of side pixels in all, become n. */
static int axis_make(struct axis *a, double start, double length, int side, int n)
{
    double scale = length / n, reach = scale > 1 ? scale : 1;
    size_t most = (size_t)(2 * reach) + 3;

    *a = (struct axis){.taps = ac_try_alloc((size_t)n * sizeof *a->taps),
                       .weights = ac_try_alloc((size_t)n * most * sizeof *a->weights)};
    if (!a->taps || !a->weights)
        return AC_ENOMEM;
    for (int i = 0; i < n; i++) {
        double centre = start + (i + 0.5) * scale, sum = 0;
        float *w = a->weights + (size_t)i * most;
        double first = fmin(fmax(floor(centre - reach), 0), side - 1);
        double last = fmax(fmin(ceil(centre + reach), side - 1), first);
        int count = (int)(last - first) + 1;

        count = count > (int)most ? (int)most : count;
        for (int k = 0; k < count; k++) {
            double d = fabs(first + k + 0.5 - centre) / reach;
            w[k] = d < 1 ? (float)(1 - d) : 0;
            sum += (double)w[k];
        }
        if (sum <= 0) { /* outside: the edge goes on */
            memset(w, 0, (size_t)count * sizeof *w);
            w[centre > first ? count - 1 : 0] = 1;
            sum = 1;
        }
        for (int k = 0; k < count; k++)
            w[k] = (float)((double)w[k] / sum);
        a->taps[i] = (struct taps){(int)first, count, w};
    }
    return AC_OK;
}

/* Adds a row, filtered along x, to the sums of a row of the result. */
static void add_row(const struct ac_rgb *pic, int y, float weight, const struct axis *x, int n, float *sums)
{
    for (int i = 0; i < n; i++) {
        const struct taps *t = &x->taps[i];
        const uint8_t *p = ac_rgb_at(pic, t->first, y);
        float r = 0, g = 0, b = 0;

        for (int k = 0; k < t->n; k++, p += 3) {
            r += t->weight[k] * p[0];
            g += t->weight[k] * p[1];
            b += t->weight[k] * p[2];
        }
        sums[3 * i] += weight * r;
        sums[3 * i + 1] += weight * g;
        sums[3 * i + 2] += weight * b;
    }
}

int ac_rgb_cut(const struct ac_rgb *pic, double x, double y, double width, double height,
               const struct ac_rgb *out)
{
    struct axis across = {0}, down = {0};
    size_t n = 3 * (size_t)out->width;
    float *sums = ac_try_alloc(n * sizeof *sums);
    int err = sums && width > 0 && height > 0 ? AC_OK : AC_ENOMEM;

    if (!err)
        err = axis_make(&across, x, width, pic->width, out->width);
    if (!err)
        err = axis_make(&down, y, height, pic->height, out->height);
    for (int i = 0; !err && i < out->height; i++) {
        const struct taps *t = &down.taps[i];
        uint8_t *to = out->data + (size_t)i * out->stride;

        memset(sums, 0, n * sizeof *sums);
        for (int k = 0; k < t->n; k++) {
            if (t->weight[k] > 0)
                add_row(pic, t->first + k, t->weight[k], &across, out->width, sums);
        }
        for (size_t k = 0; k < n; k++)
            to[k] = (uint8_t)(sums[k] + 0.5f);
    }
    axis_free(&across);
    axis_free(&down);
    free(sums);
    return err;
}
