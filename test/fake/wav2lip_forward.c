/*
 * Wav2Lip's generator by plain loops (wav2lip_forward.h).
 *
 * The innermost loop runs along a row and adds the share of a row of weights, in single precision: with the
 * padding written around each plane and, for transposed convolutions, the output taken apart by its column's
 * remainder, it needs no conditions.
 */
#include "fake/wav2lip_forward.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct wav2lip_map make_map(int planes, int height, int width)
{
    size_t n = (size_t)planes * (size_t)height * (size_t)width;

    return (struct wav2lip_map){planes, height, width, ac_zalloc(n * sizeof(float))};
}

static size_t plane_size(const struct wav2lip_map *m)
{
    return (size_t)m->height * (size_t)m->width;
}

/* Adds the share of a row of n_taps weights to a row of n. Three at once, the most frequent, are quicker. */
static void add_row(float *restrict to, const float *restrict from, const float *k, int n_taps, int n,
                    int step)
{
    if (n_taps == 3 && step == 1) {
        float a = k[0], b = k[1], c = k[2];
        for (int x = 0; x < n; x++)
            to[x] += a * from[x] + b * from[x + 1] + c * from[x + 2];
        return;
    }
    for (int t = 0; t < n_taps; t++) {
        for (int x = 0; x < n; x++)
            to[x] += k[t] * from[x * step + t];
    }
}

/* The map with zeros around it. */
static struct wav2lip_map pad(const struct wav2lip_map *in, int rows, int columns)
{
    struct wav2lip_map out = make_map(in->planes, in->height + 2 * rows, in->width + 2 * columns);

    for (int p = 0; p < in->planes; p++) {
        for (int y = 0; y < in->height; y++)
            memcpy(out.v + ((size_t)p * (size_t)out.height + (size_t)(y + rows)) * (size_t)out.width +
                       columns,
                   in->v + ((size_t)p * (size_t)in->height + (size_t)y) * (size_t)in->width,
                   (size_t)in->width * sizeof(float));
    }
    return out;
}

static struct wav2lip_map plain(const struct ac_w2l_conv *c, const struct wav2lip_map *in)
{
    struct wav2lip_map padded = pad(in, c->pad[0], c->pad[1]);
    int height = (padded.height - c->kernel[0]) / c->stride[0] + 1;
    int width = (padded.width - c->kernel[1]) / c->stride[1] + 1, taps = c->kernel[0] * c->kernel[1];
    struct wav2lip_map out = make_map(c->out, height, width);

    for (int o = 0; o < c->out; o++) {
        for (int y = 0; y < height; y++) {
            float *row = out.v + ((size_t)o * (size_t)height + (size_t)y) * (size_t)width;
            for (int i = 0; i < c->in; i++) {
                const float *plane = padded.v + (size_t)i * plane_size(&padded);
                const float *k = c->w + ((size_t)o * (size_t)c->in + (size_t)i) * (size_t)taps;
                for (int ky = 0; ky < c->kernel[0]; ky++)
                    add_row(row, plane + (size_t)(y * c->stride[0] + ky) * (size_t)padded.width,
                            k + ky * c->kernel[1], c->kernel[1], width, c->stride[1]);
            }
        }
    }
    free(padded.v);
    return out;
}

/*
 * in(y, x) w(ky, kx) is added at (y s + ky - p, x s + kx - p). Columns are first gathered by remainder: those
 * at u s + r stand beside each other at u, and all are put in order at the end.
 */
static void scatter(const struct ac_w2l_conv *c, const struct wav2lip_map *in, int o, struct wav2lip_map *out)
{
    int s = c->stride[1], full = (in->width - 1) * s + c->kernel[1], per = (full + s - 1) / s;
    int rows = (in->height - 1) * c->stride[0] + c->kernel[0];
    float *sums = ac_zalloc((size_t)rows * (size_t)s * (size_t)per * sizeof *sums);

    for (int i = 0; i < c->in; i++) {
        const float *k =
            c->w + ((size_t)i * (size_t)c->out + (size_t)o) * (size_t)(c->kernel[0] * c->kernel[1]);
        for (int y = 0; y < in->height; y++) {
            const float *from = in->v + ((size_t)i * (size_t)in->height + (size_t)y) * (size_t)in->width;
            for (int ky = 0; ky < c->kernel[0]; ky++) {
                float *row = sums + (size_t)(y * c->stride[0] + ky) * (size_t)s * (size_t)per;
                for (int kx = 0; kx < c->kernel[1]; kx++)
                    add_row(row + (size_t)(kx % s) * (size_t)per + kx / s, from, &k[ky * c->kernel[1] + kx],
                            1, in->width, 1);
            }
        }
    }
    for (int y = 0; y < out->height; y++) {
        for (int x = 0; x < out->width; x++) {
            int row = y + c->pad[0], column = x + c->pad[1];
            bool inside = row < rows && column < full;
            out->v[((size_t)o * (size_t)out->height + (size_t)y) * (size_t)out->width + (size_t)x] =
                inside ? sums[((size_t)row * (size_t)s + (size_t)(column % s)) * (size_t)per +
                              (size_t)(column / s)]
                       : 0;
        }
    }
    free(sums);
}

static struct wav2lip_map transposed(const struct ac_w2l_conv *c, const struct wav2lip_map *in)
{
    int height = (in->height - 1) * c->stride[0] - 2 * c->pad[0] + c->kernel[0] + c->out_pad[0];
    int width = (in->width - 1) * c->stride[1] - 2 * c->pad[1] + c->kernel[1] + c->out_pad[1];
    struct wav2lip_map out = make_map(c->out, height, width);

    for (int o = 0; o < c->out; o++)
        scatter(c, in, o, &out);
    return out;
}

struct wav2lip_map wav2lip_conv(const struct ac_w2l_conv *c, const struct wav2lip_map *in)
{
    struct wav2lip_map out = c->transposed ? transposed(c, in) : plain(c, in);
    size_t n = plane_size(&out);

    for (int o = 0; o < c->out; o++) {
        for (size_t i = (size_t)o * n; i < (size_t)(o + 1) * n; i++) {
            out.v[i] += c->b[o] + (c->residual ? in->v[i] : 0);
            if (c->relu && out.v[i] < 0)
                out.v[i] = 0;
        }
    }
    return out;
}

/* in is the caller's. */
static struct wav2lip_map run_block(const struct ac_w2l_block *b, struct wav2lip_map in)
{
    struct wav2lip_map value = wav2lip_conv(&b->conv[0], &in);

    for (int i = 1; i < b->n; i++) {
        struct wav2lip_map next = wav2lip_conv(&b->conv[i], &value);
        free(value.v);
        value = next;
    }
    return value;
}

/* Frees a, not b. */
static struct wav2lip_map join(struct wav2lip_map a, const struct wav2lip_map *b)
{
    struct wav2lip_map out = make_map(a.planes + b->planes, a.height, a.width);
    size_t n = plane_size(&a);

    memcpy(out.v, a.v, (size_t)a.planes * n * sizeof(float));
    memcpy(out.v + (size_t)a.planes * n, b->v, (size_t)b->planes * n * sizeof(float));
    free(a.v);
    return out;
}

void wav2lip_forward(const struct ac_w2l_weights *w, const float *mel, const float *face, float *picture,
                     float **maps)
{
    struct wav2lip_map encoded[AC_W2L_MAX_BLOCKS], value, next;

    value = (struct wav2lip_map){6, w->side, w->side, (float *)face}; /* only read */
    for (int i = 0; i < w->n_face; i++)
        value = encoded[i] = run_block(&w->face[i], value);
    value = run_block(&w->audio, (struct wav2lip_map){1, 80, 16, (float *)mel});
    for (int i = 0; i < w->n_decoder; i++) {
        next = run_block(&w->decoder[i], value);
        free(value.v);
        value = join(next, &encoded[w->n_face - 1 - i]);
    }
    next = run_block(&w->output, value);
    for (size_t i = 0; i < 3 * plane_size(&next); i++)
        picture[i] = 1 / (1 + expf(-next.v[i]));
    free(value.v);
    free(next.v);
    for (int i = 0; i < w->n_face; i++) {
        if (maps)
            maps[i] = encoded[i].v;
        else
            free(encoded[i].v);
    }
}
