/* See character_face.h: the frame's order of drawing, and the tiles. */
#include "avatar/character_face.h"

#include <math.h>
#include <string.h>

enum {
    MAX_ROWS = AC_CHAR_MAX_SIDE / AC_CHAR_CELL + 1,
    MAX_NODES = (AC_CHAR_MAX_SIDE / AC_CHAR_CELL + 1) * (AC_CHAR_MAX_SIDE / AC_CHAR_CELL + 1),
    MAX_TILE = AC_CHAR_MAX_SIDE,
};

static float in_range(float v, float lo, float hi)
{
    if (!isfinite(v))
        return 0;
    return v < lo ? lo : v > hi ? hi : v;
}

struct ac_mouth ac_char_mouth_clamp(const struct ac_mouth *m)
{
    return (struct ac_mouth){
        .jaw = in_range(m->jaw, 0, 1),
        .width = in_range(m->width, -1, 1),
        .round = in_range(m->round, 0, 1),
        .upper = in_range(m->upper, 0, 1),
        .lower = in_range(m->lower, 0, 1),
        .press = in_range(m->press, 0, 1),
        .bite = in_range(m->bite, 0, 1),
        .teeth = in_range(m->teeth, 0, 1),
        .tongue = in_range(m->tongue, 0, 1),
    };
}

/* ---- the warp ---- */

static void add_field(float *nodes, const float *field, float k, int n)
{
    if (k == 0)
        return;
    for (int i = 0; i < n; i++)
        nodes[i] += k * field[i];
}

/* To the warp's numbers, within its limits. */
static void to_fixed(int16_t *out, const float *nodes, int n)
{
    const float most = AC_CHAR_MAX_SHIFT * AC_CHAR_ONE;
    for (int i = 0; i < n; i++) {
        float v = nodes[i] * AC_CHAR_ONE;
        v = v < -most ? -most : v > most ? most : v;
        out[i] = (int16_t)(v + (v < 0 ? -0.5f : 0.5f));
    }
}

static float at_node(const struct ac_char_sheet *s, const float *nodes, float x, float y)
{
    float fx = in_range(x / AC_CHAR_CELL, 0, (float)(s->cols - 2) + 0.999f);
    float fy = in_range(y / AC_CHAR_CELL, 0, (float)(s->rows - 2) + 0.999f);
    int i = (int)fx, j = (int)fy;
    const float *p = nodes + j * s->cols + i;
    float u = fx - (float)i, v = fy - (float)j;
    return (p[0] * (1 - u) + p[1] * u) * (1 - v) + (p[s->cols] * (1 - u) + p[s->cols + 1] * u) * v;
}

/* The patch's place, from the rigid motion at its middle: a shift and the field's slope there. */
static struct ac_char_place place(const struct ac_char_sheet *s, const struct ac_char_patch *p,
                                  const float *dx, const float *dy)
{
    float mx = (p->box.x + p->box.w / 2 - s->origin_x) * s->unit;
    float my = (p->box.y + p->box.h / 2 - s->origin_y) * s->unit;
    float ex = p->box.w * s->unit / 2, ey = p->box.h * s->unit / 2;
    float sx = at_node(s, dx, mx, my), sy = at_node(s, dy, mx, my);
    float xx = (at_node(s, dx, mx + ex, my) - at_node(s, dx, mx - ex, my)) / (2 * ex);
    float xy = (at_node(s, dx, mx, my + ey) - at_node(s, dx, mx, my - ey)) / (2 * ey);
    float yx = (at_node(s, dy, mx + ex, my) - at_node(s, dy, mx - ex, my)) / (2 * ex);
    float yy = (at_node(s, dy, mx, my + ey) - at_node(s, dy, mx, my - ey)) / (2 * ey);
    const float k = AC_CHAR_OVERSAMPLE;
    float left = (s->origin_x - p->box.x) * p->texels, top = (s->origin_y - p->box.y) * p->texels;
    return (struct ac_char_place){
        .xx = k * (1 + xx),
        .xy = k * xy,
        .x0 = left + k * (sx - xx * mx - xy * my),
        .yx = k * yx,
        .yy = k * (1 + yy),
        .y0 = top + k * (sy - yx * mx - yy * my),
    };
}

/* ---- tiles ---- */

struct span {
    int x0, y0, x1, y1;
};

/* The even-sized rectangle of pixels that the patch covers. */
static struct span covered(const struct ac_picture *pic, const struct ac_char_patch *p,
                           const struct ac_char_place *at)
{
    float det = at->xx * at->yy - at->xy * at->yx;
    float lo_x = 1e9f, lo_y = 1e9f, hi_x = -1e9f, hi_y = -1e9f;
    for (int c = 0; c < 4; c++) {
        float tx = (c & 1 ? (float)p->w : 0) - at->x0, ty = (c & 2 ? (float)p->h : 0) - at->y0;
        float x = (at->yy * tx - at->xy * ty) / det, y = (at->xx * ty - at->yx * tx) / det;
        lo_x = fminf(lo_x, x);
        hi_x = fmaxf(hi_x, x);
        lo_y = fminf(lo_y, y);
        hi_y = fmaxf(hi_y, y);
    }
    struct span s = {
        (int)in_range(lo_x, 0, (float)pic->width) & ~1,
        (int)in_range(lo_y, 0, (float)pic->height) & ~1,
        ((int)in_range(hi_x, 0, (float)pic->width - 1) + 2) & ~1,
        ((int)in_range(hi_y, 0, (float)pic->height - 1) + 2) & ~1,
    };
    return s;
}

void ac_char_tile_draw(struct ac_picture *pic, const struct ac_char_patch *patch,
                       const struct ac_char_place *at, ac_char_shade_fn *shade, const void *shader)
{
    uint8_t u[2][MAX_TILE], v[2][MAX_TILE];
    struct span s = covered(pic, patch, at);
    int n = s.x1 - s.x0;
    const float fix = 65536;

    for (int y = s.y0; y < s.y1; y += 2) {
        uint8_t *pu = pic->data[1] + (intptr_t)(y / 2) * pic->stride[1] + s.x0 / 2;
        uint8_t *pv = pic->data[2] + (intptr_t)(y / 2) * pic->stride[2] + s.x0 / 2;
        for (int i = 0; i < n; i++) {
            u[0][i] = u[1][i] = pu[i / 2];
            v[0][i] = v[1][i] = pv[i / 2];
        }
        for (int k = 0; k < 2; k++) {
            float x0 = (float)s.x0 + 0.5f, yy = (float)(y + k) + 0.5f;
            struct ac_char_row row = {
                .n = n,
                .tx = (int)((at->xx * x0 + at->xy * yy + at->x0) * fix),
                .ty = (int)((at->yx * x0 + at->yy * yy + at->y0) * fix),
                .step_x = (int)(at->xx * fix),
                .step_y = (int)(at->yx * fix),
                .y = pic->data[0] + (intptr_t)(y + k) * pic->stride[0] + s.x0,
                .u = u[k],
                .v = v[k],
            };
            shade(shader, &row);
        }
        for (int i = 0; i < n; i += 2) {
            pu[i / 2] = (uint8_t)((u[0][i] + u[0][i + 1] + u[1][i] + u[1][i + 1] + 2) >> 2);
            pv[i / 2] = (uint8_t)((v[0][i] + v[0][i + 1] + v[1][i] + v[1][i + 1] + 2) >> 2);
        }
    }
}

/* ---- the frame ---- */

/* Adds the cells that the patch covers in the picture. */
static void add_patch(int16_t *first, int16_t *end, const struct ac_picture *pic,
                      const struct ac_char_patch *p, const struct ac_char_place *at)
{
    struct span s = covered(pic, p, at);
    int x0 = s.x0 / AC_CHAR_CELL, x1 = (s.x1 + AC_CHAR_CELL - 1) / AC_CHAR_CELL;

    for (int r = s.y0 / AC_CHAR_CELL; r * AC_CHAR_CELL < s.y1; r++) {
        first[r] = (int16_t)(x0 < first[r] ? x0 : first[r]);
        end[r] = (int16_t)(x1 > end[r] ? x1 : end[r]);
    }
}

/* before: what to copy where nothing is warped, NULL for the still picture. */
static void warp(const struct ac_char_sheet *s, const struct ac_char_grid *grid, struct ac_picture *pic,
                 const struct ac_picture *before)
{
    struct ac_char_plane planes[3];

    for (int p = 0; p < 3; p++)
        planes[p] =
            before ? (struct ac_char_plane){pic->data[p], before->data[p], pic->stride[p], before->stride[p]}
                   : (struct ac_char_plane){pic->data[p], s->plane[p], pic->stride[p], s->width >> (p > 0)};
    ac_char_warp_luma(planes, &s->luma, s->width, s->height, grid);
    ac_char_warp_chroma(planes + 1, &s->chroma, s->width / 2, s->height / 2, grid);
}

void ac_char_face_draw(const struct ac_char_sheet *s, const struct ac_char_face *face, struct ac_picture *pic,
                       const struct ac_picture *before)
{
    float dx[MAX_NODES], dy[MAX_NODES];
    int16_t fx[MAX_NODES], fy[MAX_NODES], first[MAX_ROWS], end[MAX_ROWS];
    int n = s->cols * s->rows;
    const struct ac_char_patch *patch[] = {&s->eye[0], &s->eye[1], &s->mouth};
    struct ac_char_grid grid = {s->cols, s->rows, fx, fy, s->first, s->end};
    struct ac_char_place at[3];
    float motion[AC_CHAR_FIELDS];

    memcpy(motion, face->motion, sizeof motion);
    ac_char_mouth_motion(s->rig, face, &motion[AC_CHAR_JAW], &motion[AC_CHAR_WIDE]);
    memset(dx, 0, (size_t)n * sizeof *dx);
    memset(dy, 0, (size_t)n * sizeof *dy);
    for (int f = 0; f < AC_CHAR_FIELDS; f++) {
        for (int i = 0; i < 3 && f == AC_CHAR_RIGID; i++)
            at[i] = place(s, patch[i], dx, dy);
        add_field(dx, s->field[f], motion[f], n);
        add_field(dy, s->field[f] + n, motion[f], n);
    }
    to_fixed(fx, dx, n);
    to_fixed(fy, dy, n);
    if (before) {
        memcpy(first, s->face_first, (size_t)s->rows * sizeof *first);
        memcpy(end, s->face_end, (size_t)s->rows * sizeof *end);
        for (int i = 0; i < 3; i++)
            add_patch(first, end, pic, patch[i], &at[i]);
        grid.first = first;
        grid.end = end;
    }
    warp(s, &grid, pic, before);
    for (int i = 0; i < 2; i++)
        ac_char_eye_draw(pic, s, i, face, &at[i]);
    ac_char_mouth_draw(pic, s, face, &at[2]);
}
