/*
 * See wav2lip_life.h. The head is a weight that is 1 on the whole face and falls to 0 around it; it moves as
 * a stiff body (shift, lean about the base of the neck, scale about the face) by that weight. The chest is
 * another weight, below the chin. A field says where an output pixel comes from, hence the minus signs.
 */
#include "avatar/wav2lip_life.h"

#include "avatar/character_warp.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static const float TAU = 6.28318531f;

struct ac_w2l_life {
    int width, height, cols, rows;
    float x, y, size, pivot; /* middle of the face, its width; y about which the head leans */
    float *head, *chest;     /* weights at the nodes */
    int16_t *first, *end;    /* cells of each row that move at all */
    int stride;              /* of the source, in values */
};

static float smooth(float lo, float hi, float v)
{
    float t = (v - lo) / (hi - lo);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

static void fill_weights(struct ac_w2l_life *l, const struct ac_w2l_box *face)
{
    float w = (float)face->width, h = (float)face->height, chin = (float)(face->y + face->height);

    for (int j = 0; j < l->rows; j++) {
        for (int i = 0; i < l->cols; i++) {
            float x = (float)(i * AC_CHAR_CELL), y = (float)(j * AC_CHAR_CELL);
            float u = (x - l->x) / (0.8f * w), v = (y - l->y + 0.12f * h) / (0.9f * h);
            float across = (x - l->x) / (2.2f * w);
            l->head[j * l->cols + i] = 1 - smooth(1.0f, 2.1f, sqrtf(u * u + v * v));
            l->chest[j * l->cols + i] =
                smooth(chin, chin + 0.7f * h, y) * (1 - smooth(0.5f, 1, fabsf(across)));
        }
    }
}

/* A cell moves when one of its corners does. */
static void find_moving(struct ac_w2l_life *l)
{
    for (int j = 0; j + 1 < l->rows; j++) {
        int first = l->cols, end = 0;
        for (int i = 0; i + 1 < l->cols; i++) {
            const float *h = l->head + j * l->cols + i, *c = l->chest + j * l->cols + i;
            if (h[0] + h[1] + h[l->cols] + h[l->cols + 1] + c[0] + c[1] + c[l->cols] + c[l->cols + 1] <= 0)
                continue;
            first = i < first ? i : first;
            end = i + 1;
        }
        l->first[j] = (int16_t)(first < end ? first : 0);
        l->end[j] = (int16_t)end;
    }
}

struct ac_w2l_life *ac_w2l_life_new(int width, int height, const struct ac_w2l_box *face)
{
    struct ac_w2l_life *l = ac_zalloc(sizeof *l);

    l->width = width;
    l->height = height;
    l->cols = (width + AC_CHAR_CELL - 1) / AC_CHAR_CELL + 1;
    l->rows = (height + AC_CHAR_CELL - 1) / AC_CHAR_CELL + 1;
    l->x = (float)face->x + 0.5f * (float)face->width;
    l->y = (float)face->y + 0.5f * (float)face->height;
    l->size = (float)face->width;
    l->pivot = (float)face->y + 1.4f * (float)face->height;
    l->stride = (width + 2 * AC_CHAR_PAD + 31) / 16 * 16; /* a vector more than the picture is wide */
    size_t nodes = (size_t)l->cols * (size_t)l->rows;
    l->head = ac_zalloc(nodes * sizeof *l->head);
    l->chest = ac_zalloc(nodes * sizeof *l->chest);
    l->first = ac_zalloc((size_t)l->rows * sizeof *l->first);
    l->end = ac_zalloc((size_t)l->rows * sizeof *l->end);
    fill_weights(l, face);
    find_moving(l);
    return l;
}

void ac_w2l_life_free(struct ac_w2l_life *l)
{
    if (!l)
        return;
    free(l->head);
    free(l->chest);
    free(l->first);
    free(l->end);
    free(l);
}

/* ---- the source of the warp ---- */

static size_t luma_values(const struct ac_w2l_life *l)
{
    return (size_t)l->stride * (size_t)(l->height + 2 * AC_CHAR_PAD);
}

static size_t node_bytes(const struct ac_w2l_life *l)
{
    return ((size_t)l->cols * (size_t)l->rows * sizeof(int16_t) + 63) / 64 * 64;
}

size_t ac_w2l_life_scratch(const struct ac_w2l_life *l)
{
    return 2 * node_bytes(l) + (luma_values(l) + luma_values(l) / 2 + 16) * sizeof(int16_t);
}

static void pad_sides(int16_t *row, int n, int pad, int end, int step)
{
    for (int i = -pad; i < 0; i++)
        row[i] = row[(i + pad) % step];
    for (int i = n; i < end; i++)
        row[i] = row[n - step + (i - n) % step];
}

static void widen(int16_t *restrict out, const uint8_t *restrict in, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = in[i];
}

static void widen_pairs(int16_t *restrict out, const uint8_t *restrict u, const uint8_t *restrict v, int n)
{
    for (int i = 0; i < n; i++) {
        out[2 * i] = u[i];
        out[2 * i + 1] = v[i];
    }
}

/* The rows of the picture with AC_CHAR_PAD more around, as the edge is. */
static void fill_source(const struct ac_w2l_life *l, const struct ac_picture *pic, int16_t *luma,
                        int16_t *chroma)
{
    const int pad = AC_CHAR_PAD, end = l->stride - pad;

    for (int y = -pad; y < l->height + pad; y++) {
        int from = y < 0 ? 0 : y >= l->height ? l->height - 1 : y;
        int16_t *row = luma + (intptr_t)y * l->stride;
        widen(row, pic->data[0] + (intptr_t)from * pic->stride[0], l->width);
        pad_sides(row, l->width, pad, end, 1);
    }
    for (int y = -pad / 2; y < (l->height + pad) / 2; y++) {
        int from = y < 0 ? 0 : y >= l->height / 2 ? l->height / 2 - 1 : y;
        int16_t *row = chroma + (intptr_t)y * l->stride;
        widen_pairs(row, pic->data[1] + (intptr_t)from * pic->stride[1],
                    pic->data[2] + (intptr_t)from * pic->stride[2], l->width / 2);
        pad_sides(row, l->width, pad, end, 2);
    }
}

/* ---- the motion ---- */

struct motion {
    float x, y, lean, nearer, breath;
};

static float wave(double phase, int cycles, float offset)
{
    return sinf((float)(phase * (double)TAU * cycles) + offset * TAU);
}

static struct motion motion_at(const struct ac_w2l_life *l, int64_t idle_us)
{
    double phase = (double)(idle_us % AC_IDLE_PERIOD_US) / AC_IDLE_PERIOD_US;
    float breath = 0.5f - 0.5f * wave(phase, 3, 0.25f);

    return (struct motion){
        .x = l->size * (0.008f * wave(phase, 1, 0.1f) + 0.0025f * wave(phase, 3, 0.4f)),
        .y = l->size * (0.004f * wave(phase, 2, 0.3f) - 0.004f * breath),
        .lean = 0.0045f * wave(phase, 1, 0.35f) + 0.0015f * wave(phase, 2, 0.8f),
        .nearer = 0.004f * wave(phase, 1, 0.6f),
        .breath = l->size * 0.008f * breath,
    };
}

static int16_t fixed(float v)
{
    v = v < -AC_CHAR_MAX_SHIFT ? -AC_CHAR_MAX_SHIFT : v > AC_CHAR_MAX_SHIFT ? AC_CHAR_MAX_SHIFT : v;
    return (int16_t)lrintf(v * AC_CHAR_ONE);
}

static void fill_grid(const struct ac_w2l_life *l, const struct motion *m, int16_t *dx, int16_t *dy)
{
    for (int j = 0; j < l->rows; j++) {
        for (int i = 0; i < l->cols; i++) {
            int k = j * l->cols + i;
            float x = (float)(i * AC_CHAR_CELL) - l->x, y = (float)(j * AC_CHAR_CELL);
            float head = l->head[k];
            dx[k] = fixed(-head * (m->x - m->lean * (y - l->pivot) + m->nearer * x));
            dy[k] = fixed(-head * (m->y + m->lean * x + m->nearer * (y - l->y)) + l->chest[k] * m->breath);
        }
    }
}

void ac_w2l_life_show(const struct ac_w2l_life *l, const struct ac_picture *still, int64_t idle_us,
                      void *scratch, struct ac_picture *out)
{
    struct motion m = motion_at(l, idle_us);
    uint8_t *bytes = scratch;
    int16_t *dx = (int16_t *)bytes, *dy = (int16_t *)(bytes + node_bytes(l));
    int16_t *block = (int16_t *)(bytes + 2 * node_bytes(l));
    struct ac_char_source luma = {block + (intptr_t)AC_CHAR_PAD * l->stride + AC_CHAR_PAD, l->stride};
    struct ac_char_source chroma = {
        block + luma_values(l) + (intptr_t)(AC_CHAR_PAD / 2) * l->stride + AC_CHAR_PAD, l->stride};
    struct ac_char_grid grid = {l->cols, l->rows, dx, dy, l->first, l->end};
    struct ac_char_plane planes[3];

    fill_grid(l, &m, dx, dy);
    fill_source(l, still, (int16_t *)(uintptr_t)luma.pixels, (int16_t *)(uintptr_t)chroma.pixels);
    for (int p = 0; p < 3; p++)
        planes[p] = (struct ac_char_plane){out->data[p], still->data[p], out->stride[p], still->stride[p]};
    ac_char_warp_luma(planes, &luma, l->width, l->height, &grid);
    ac_char_warp_chroma(planes + 1, &chroma, l->width / 2, l->height / 2, &grid);
}
