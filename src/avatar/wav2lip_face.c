/*
 * See wav2lip_face.h. Cutting works in whole numbers, with OpenCV's 11-bit weights and its rounding, so that
 * the network sees the same bytes. Pasting works in floats, a row of planes at a time (B, G, R, weight),
 * which compilers make vector code of: rows of the generated face are stretched to the box's width once each,
 * two neighbours are mixed for a row of the picture.
 */
#include "avatar/wav2lip_face.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLOURS = 3, COEF_BITS = 11, COEF_ONE = 1 << COEF_BITS };

/* ---- cutting ---- */

struct tap {
    int at[2], weight[2]; /* of two neighbours, in COEF_ONE */
};

/* Where each of `to` pixels of a stretch lies among `from` ones. */
static void taps(struct tap *t, int from, int to)
{
    double scale = (double)from / to;

    for (int i = 0; i < to; i++) {
        float at = (float)((i + 0.5) * scale - 0.5), low = floorf(at), part = at - low;
        int first = (int)low;
        t[i].at[0] = first > 0 ? first : 0;
        t[i].at[1] = first < from - 1 ? first + 1 : from - 1;
        t[i].weight[0] = (int)lrintf((1 - part) * COEF_ONE);
        t[i].weight[1] = (int)lrintf(part * COEF_ONE);
    }
}

void ac_w2l_face_cut(const struct ac_rgb *pic, const struct ac_w2l_box *box, int side, uint8_t *bgr)
{
    struct tap *across = ac_alloc(2 * (size_t)side * sizeof *across), *down = across + side;

    taps(across, box->width, side);
    taps(down, box->height, side);
    for (int y = 0; y < side; y++) {
        const struct tap *v = &down[y];
        const uint8_t *row[2];
        for (int k = 0; k < 2; k++)
            row[k] = pic->data + (size_t)(box->y + v->at[k]) * pic->stride + (size_t)box->x * COLOURS;
        for (int x = 0; x < side; x++) {
            const struct tap *h = &across[x];
            for (int c = 0; c < COLOURS; c++) {
                int sum[2];
                for (int k = 0; k < 2; k++)
                    sum[k] = row[k][COLOURS * h->at[0] + c] * h->weight[0] +
                             row[k][COLOURS * h->at[1] + c] * h->weight[1];
                /* the bits that OpenCV drops on the way */
                int value = (v->weight[0] * (sum[0] >> 4) >> 16) + (v->weight[1] * (sum[1] >> 4) >> 16) + 2;
                *(bgr + COLOURS - 1 - c) = (uint8_t)(value >> 2);
            }
            bgr += COLOURS;
        }
    }
    free(across);
}

/* ---- tensors ---- */

void ac_w2l_face_planes(const uint8_t *bgr, int side, float *planes)
{
    size_t pixels = (size_t)side * (size_t)side, upper = (size_t)side * (size_t)(side / 2);
    float *whole = planes + COLOURS * pixels;

    for (size_t c = 0; c < COLOURS; c++) {
        for (size_t i = 0; i < pixels; i++)
            whole[c * pixels + i] = (float)bgr[COLOURS * i + c] / 255;
        memcpy(planes + c * pixels, whole + c * pixels, upper * sizeof *planes);
        memset(planes + c * pixels + upper, 0, (pixels - upper) * sizeof *planes);
    }
}

void ac_w2l_face_bytes(const float *planes, int rows, int side, uint8_t *bgr)
{
    size_t pixels = (size_t)rows * (size_t)side;

    for (size_t c = 0; c < COLOURS; c++)
        for (size_t i = 0; i < pixels; i++) {
            float v = planes[c * pixels + i] * 255;
            v = v > 0 ? v : 0; /* not a number: 0 */
            bgr[COLOURS * i + c] = (uint8_t)(v < 255 ? v : 255);
        }
}

/* ---- pasting ---- */

/* Rows of bytes, stretched to the columns of a picture. */
struct stretch {
    const uint8_t *data;
    int side, rows, channels;
    int n;          /* columns */
    int *left;      /* of each column: its left neighbour … */
    float *part;    /* … and how far it is to the next */
    float *done[2]; /* two rows, channels × n each … */
    int which[2];   /* … and their numbers */
};

/* One block of memory for the tables and rows of a stretch. first: of the columns, counted from the place's
 * left; width: the place's. */
static void stretch_init(struct stretch *s, double first, int n, double width)
{
    size_t row = (size_t)s->channels * (size_t)n;

    s->n = n;
    s->part = ac_alloc(((size_t)n + 2 * row) * sizeof *s->part + (size_t)n * sizeof *s->left);
    s->done[0] = s->part + n;
    s->done[1] = s->done[0] + row;
    s->left = (int *)(s->done[1] + row);
    s->which[0] = s->which[1] = -1;
    for (int i = 0; i < n; i++) {
        double at = (first + i + 0.5) * s->side / width - 0.5;
        at = fmin(fmax(at, 0), s->side - 1);
        s->left[i] = (int)fmin(at, s->side - 2);
        s->part[i] = (float)(at - s->left[i]);
    }
}

static const float *stretched(struct stretch *s, int row)
{
    int slot = row & 1, step = s->channels;
    float *out = s->done[slot];

    if (s->which[slot] == row)
        return out;
    s->which[slot] = row;
    for (int c = 0; c < step; c++) {
        const uint8_t *in = s->data + (size_t)row * (size_t)(s->side * step) + c;
        for (int i = 0; i < s->n; i++) {
            float a = in[s->left[i] * step], b = in[s->left[i] * step + step];
            *out++ = a + (b - a) * s->part[i];
        }
    }
    return s->done[slot];
}

/* The row at a height between rows (0 = middle of the first): channels × n. */
static void stretch_row(struct stretch *s, double at, float *restrict out)
{
    at = fmin(fmax(at, 0), s->rows - 1);
    int upper = (int)at, n = s->channels * s->n;
    float part = (float)(at - upper);
    const float *a = stretched(s, upper), *b = stretched(s, upper < s->rows - 1 ? upper + 1 : upper);

    for (int i = 0; i < n; i++)
        out[i] = a[i] + (b[i] - a[i]) * part;
}

/* What pasting needs on the way: rows of n columns, an even number from an even one on. */
struct paste {
    struct ac_picture *pic;
    const struct ac_w2l_place *place;
    const struct ac_w2l_mouth *mouth;
    int first, n;   /* columns of the picture */
    int outside[2]; /* columns at the left and right that are not in it (0 or 1) */
    struct stretch face, mask;
    float *colour, *weight; /* of a row: 3 × n, n */
    float *sum;             /* of two rows: weight, weight × Cb, weight × Cr, each n */
};

/* Adds to n values, and keeps them in 0 … 255. */
static void shift(float *values, int n, float by)
{
    for (int i = 0; i < n; i++) {
        float v = values[i] + by;
        v = v > 0 ? v : 0;
        values[i] = v < 255 ? v : 255;
    }
}

/* B, G, R (0 … 255) become Y, Cb, Cr of BT.709, limited range, in place. */
static void to_yuv(float *restrict c0, float *restrict c1, float *restrict c2, int n)
{
    const float scale_y = 219.0F / 255, scale_b = 224.0F / 255 / 1.8556F, scale_r = 224.0F / 255 / 1.5748F;

    for (int i = 0; i < n; i++) {
        float b = c0[i], r = c2[i], y = 0.0722F * b + 0.7152F * c1[i] + 0.2126F * r;
        c0[i] = 16 + scale_y * y;
        c1[i] = 128 + scale_b * (b - y);
        c2[i] = 128 + scale_r * (r - y);
    }
}

static void paste_luma(uint8_t *restrict to, const float *restrict y, const float *restrict weight, int n)
{
    for (int i = 0; i < n; i++) {
        float old = to[i];
        to[i] = (uint8_t)(int)(old + (y[i] - old) * weight[i] + 0.5F);
    }
}

static void add_chroma(float *restrict sum, const float *restrict colour, const float *restrict weight, int n)
{
    const float *cb = colour + n, *cr = cb + n;
    float *restrict sum_b = sum + n, *restrict sum_r = sum + 2 * (ptrdiff_t)n;

    for (int i = 0; i < n; i++) {
        sum[i] += weight[i];
        sum_b[i] += weight[i] * cb[i];
        sum_r[i] += weight[i] * cr[i];
    }
}

/* A chroma sample belongs to four pixels and goes as far as each of them goes. */
static void paste_chroma(uint8_t *restrict to, const float *restrict weight, const float *restrict sum, int n)
{
    for (int i = 0; i < n / 2; i++) {
        float w = weight[2 * i] + weight[2 * i + 1], old = to[i];
        to[i] = (uint8_t)(int)(old + (sum[2 * i] + sum[2 * i + 1] - w * old) * 0.25F + 0.5F);
    }
}

/* Row y of the picture: its luma is changed, its chroma added up. */
static void paste_row(struct paste *p, int y)
{
    const struct ac_w2l_mouth *m = p->mouth;
    double at = (y - p->place->y + 0.5) / p->place->height;
    float strength = m->strength / 255;
    size_t n = (size_t)p->n;

    stretch_row(&p->mask, at * m->mask_side - 0.5, p->weight);
    for (int i = 0; i < p->n; i++)
        p->weight[i] *= strength;
    if (p->outside[0])
        p->weight[0] = 0;
    if (p->outside[1])
        p->weight[p->n - 1] = 0;
    stretch_row(&p->face, at * m->side - 0.5 - p->face.rows, p->colour);
    for (int c = 0; c < COLOURS; c++)
        shift(p->colour + (size_t)c * n, p->n, m->match[c]);
    to_yuv(p->colour, p->colour + n, p->colour + 2 * n, p->n);
    paste_luma(p->pic->data[0] + (ptrdiff_t)y * p->pic->stride[0] + p->first, p->colour, p->weight, p->n);
    add_chroma(p->sum, p->colour, p->weight, p->n);
}

static void paste_rows(struct paste *p, int first, int end)
{
    size_t n = (size_t)p->n;

    for (int y = first & ~1; y < end; y += 2) {
        memset(p->sum, 0, 3 * n * sizeof *p->sum);
        for (int k = 0; k < 2; k++)
            if (y + k >= first && y + k < end)
                paste_row(p, y + k);
        for (int c = 1; c < 3; c++)
            paste_chroma(p->pic->data[c] + (ptrdiff_t)(y / 2) * p->pic->stride[c] + p->first / 2, p->sum,
                         p->sum + (size_t)c * n, p->n);
    }
}

/* The first of n pixels whose middle is not before a line. */
static int first_from(double line, int n)
{
    return (int)fmin(fmax(ceil(line - 0.5), 0), n);
}

void ac_w2l_face_paste(struct ac_picture *pic, const struct ac_w2l_place *place,
                       const struct ac_w2l_mouth *mouth)
{
    int left = first_from(place->x, pic->width), right = first_from(place->x + place->width, pic->width),
        top = first_from(place->y + place->height / 2, pic->height),
        bottom = first_from(place->y + place->height, pic->height);

    if (left >= right || top >= bottom || !(mouth->strength > 0))
        return;

    struct paste p = {
        .pic = pic,
        .place = place,
        .mouth = mouth,
        .first = left & ~1,
        .n = ((right + 1) & ~1) - (left & ~1),
        .outside = {left & 1, right & 1},
        .face = {.data = mouth->bgr, .side = mouth->side, .rows = mouth->side / 2, .channels = COLOURS},
        .mask = {.data = mouth->mask, .side = mouth->mask_side, .rows = mouth->mask_side, .channels = 1}};
    stretch_init(&p.face, p.first - place->x, p.n, place->width);
    stretch_init(&p.mask, p.first - place->x, p.n, place->width);
    p.colour = ac_alloc(7 * (size_t)p.n * sizeof *p.colour);
    p.weight = p.colour + COLOURS * (size_t)p.n;
    p.sum = p.weight + p.n;
    paste_rows(&p, top, bottom);
    free(p.colour);
    free(p.face.part);
    free(p.mask.part);
}

/* ---- the colour at the seam ---- */

enum { STEPS = 511, ZERO = 255, MAX_MATCH = 40 };

/* How much a pixel of the face says about the seam: where the mask is halfway, both are skin. */
static float seam(const struct ac_w2l_mouth *m, int x, int y)
{
    int column = (2 * x + 1) * m->mask_side / (2 * m->side), row = (2 * y + 1) * m->mask_side / (2 * m->side);
    float w = m->mask[row * m->mask_side + column];

    return w * (255 - w);
}

/* The mean of the middle third of a histogram: hair or an open mouth in up to a third do not count. */
static float middle(const float histogram[STEPS])
{
    float total = 0, below = 0, sum = 0;

    for (int i = 0; i < STEPS; i++)
        total += histogram[i];
    if (!(total > 0))
        return 0;
    for (int i = 0; i < STEPS; i++) {
        float from = fmaxf(below, total / 3), to = fminf(below + histogram[i], total * 2 / 3);
        if (to > from)
            sum += (to - from) * (float)(i - ZERO);
        below += histogram[i];
    }
    return sum / (total / 3);
}

void ac_w2l_face_match(const uint8_t *face, const struct ac_w2l_mouth *mouth, float match[3])
{
    float histogram[COLOURS][STEPS] = {{0}};
    int side = mouth->side, half = side / 2;

    for (int y = half; y < side; y++)
        for (int x = 0; x < side; x++) {
            float weight = seam(mouth, x, y);
            if (weight <= 0)
                continue;
            const uint8_t *is = face + (ptrdiff_t)COLOURS * (y * side + x);
            const uint8_t *made = mouth->bgr + (ptrdiff_t)COLOURS * ((y - half) * side + x);
            for (int c = 0; c < COLOURS; c++)
                histogram[c][is[c] - made[c] + ZERO] += weight;
        }
    for (int c = 0; c < COLOURS; c++)
        match[c] = fminf(fmaxf(middle(histogram[c]), -MAX_MATCH), MAX_MATCH);
}
