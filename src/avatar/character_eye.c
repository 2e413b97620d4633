/*
 * The eyes. From back to front: the eyeball with its shading, the iris where the gaze puts it, the upper
 * lid's shadow on both, the catch light, the lower lid's edge with its lashes, the upper lid's skin, the
 * upper lashes.
 *
 * The upper lid's edge runs from its open to its closed contour. The lid's skin is drawn as it looks closed
 * and is squeezed, column by column, into the room between its fold and the edge. Lashes ride on the edge and
 * tip over as it comes down. All vertical measures in the shader are 1/16 texel.
 */
#include "avatar/character_face.h"

#include <math.h>
#include <string.h>

enum {
    MAX_W = 512 * AC_CHAR_OVERSAMPLE * 2,
    SOFT = 16 * AC_CHAR_OVERSAMPLE, /* a pixel: how far an edge is spread */
    SHADOWS = 64,                   /* entries of the lid shadow's table, by texels below the edge */
};

struct eye {
    const struct ac_char_patch *patch;
    int gaze_x, gaze_y, shine_x, shine_y; /* texels */
    int lash_scale; /* 1/256: texels of the lash drawing a texel of the picture, < 0 tipped over */
    uint8_t shadow[SHADOWS];
    uint32_t dark;
    /* by column: edges, fold; stretch of the lid's skin (1/256), of its drawing */
    int16_t top[MAX_W], low[MAX_W], fold[MAX_W], open[MAX_W], low_rest[MAX_W], skin[MAX_W];
    int16_t from[MAX_W], to[MAX_W]; /* what the column reaches at all */
};

static int clamp_int(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static uint32_t ball_at(const struct eye *e, int x, int fy)
{
    const struct ac_char_patch *p = e->patch;
    int row = fy >> 4, depth = (fy - e->top[x]) >> 4;
    uint32_t c = ac_char_fetch(p, AC_CHAR_EYEBALL, x, row);
    c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_IRIS, x - e->gaze_x, row - e->gaze_y), 256);
    c = ac_char_over(c, e->dark, e->shadow[clamp_int(depth, 0, SHADOWS - 1)]);
    return ac_char_over(c, ac_char_fetch(p, AC_CHAR_SHINE, x - e->shine_x, row - e->shine_y), 256);
}

static void shade_row(const void *shader, const struct ac_char_row *r)
{
    const struct eye *e = shader;
    const struct ac_char_patch *p = e->patch;
    int tx = r->tx, ty = r->ty;

    for (int i = 0; i < r->n; i++, tx += r->step_x, ty += r->step_y) {
        int x = tx >> 16, fy = ty >> 12;
        if ((unsigned)x >= (unsigned)p->w || fy < e->from[x] || fy > e->to[x])
            continue;
        uint32_t c = ac_char_row_get(r, i);
        int below = fy - e->top[x], above = e->low[x] - fy, inside = below < above ? below : above;
        int gap = e->low[x] - e->top[x];
        if (inside > -SOFT / 2 && gap > 0) {
            int cover = clamp_int((inside + SOFT / 2) * 256 / SOFT, 0, 256);
            c = ac_char_mix(c, ball_at(e, x, fy), (uint32_t)(gap < SOFT ? cover * gap / SOFT : cover));
        }
        int drawn = fy - e->low[x] + e->low_rest[x];
        c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_LASH_LOWER, x, drawn >> 4), 256);
        if (below < SOFT / 2) {
            int cover = clamp_int((SOFT / 2 - below) * 256 / SOFT, 0, 256), from_fold = fy - e->fold[x];
            drawn = from_fold < 0 ? fy : e->fold[x] + (from_fold * e->skin[x] >> 8);
            c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_LID, x, drawn >> 4), (uint32_t)cover);
        }
        drawn = e->open[x] + (below * e->lash_scale >> 8);
        c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_LASH_UPPER, x, drawn >> 4), 256);
        ac_char_row_set(r, i, c);
    }
}

static int16_t sixteenth(float texels)
{
    return (int16_t)fminf(fmaxf(texels * 16, -32000), 32000);
}

static void find_reach(struct eye *e, int x)
{
    const struct ac_char_patch *p = e->patch;
    int from = p->first[AC_CHAR_LID][x] * 16, to = e->low[x] + SOFT;
    int low = (p->last[AC_CHAR_LASH_LOWER][x] + 1) * 16 + e->low[x] - e->low_rest[x];
    int up = (p->first[AC_CHAR_LASH_UPPER][x] * 16 - e->open[x]) * 256 / e->lash_scale + e->top[x];
    int down = ((p->last[AC_CHAR_LASH_UPPER][x] + 1) * 16 - e->open[x]) * 256 / e->lash_scale + e->top[x];

    if (p->last[AC_CHAR_LASH_UPPER][x] >= 0) {
        from = up < from ? up : from;
        from = down < from ? down : from;
        to = up > to ? up : to;
        to = down > to ? down : to;
    }
    to = low > to ? low : to;
    e->from[x] = (int16_t)clamp_int(from, 0, e->top[x] - SOFT);
    e->to[x] = (int16_t)clamp_int(to, 0, p->h * 16 - 1);
}

static void fill_columns(struct eye *e, const struct ac_char_patch *p, const struct ac_char_contour *edge,
                         float lid, float low_lid)
{
    const float *open = p->line[AC_CHAR_EYE_OPEN], *closed = p->line[AC_CHAR_EYE_CLOSED];
    const float *low = p->line[AC_CHAR_EYE_LOW], *crease = p->line[AC_CHAR_EYE_CREASE];

    float first = (edge->x[0] - p->box.x) * p->texels, last = (edge->x[edge->n - 1] - p->box.x) * p->texels;

    for (int x = 0; x < p->w; x++) {
        float raised = low[x] + (closed[x] - low[x]) * 0.55f * low_lid;
        float top = open[x] + (closed[x] - open[x]) * lid;
        float bottom = raised + (closed[x] - raised) * fmaxf(lid, 0);
        if (top > bottom)
            top = bottom;
        if ((float)x < first || (float)x > last) /* beyond the corners there is no opening */
            bottom = top;
        float fold = fminf(crease[x] + fminf(lid, 0) * -0.3f * (open[x] - closed[x]), top - 1);
        e->top[x] = sixteenth(top);
        e->low[x] = sixteenth(bottom);
        e->fold[x] = sixteenth(fold);
        e->open[x] = sixteenth(open[x]);
        e->low_rest[x] = sixteenth(low[x]);
        float stretch = fmaxf(closed[x] - crease[x], 1) / fmaxf(top - fold, 1);
        e->skin[x] = (int16_t)(256 * fminf(stretch, 100));
        find_reach(e, x);
    }
}

void ac_char_eye_draw(struct ac_picture *pic, const struct ac_char_sheet *s, int side,
                      const struct ac_char_face *face, const struct ac_char_place *at)
{
    struct eye e;
    const struct ac_char_patch *p = &s->eye[side];
    float lid = face->lid[side], tip = 1 - 1.9f * fmaxf(lid, 0);

    e.patch = p;
    e.gaze_x = (int)lrintf(face->gaze_x * p->texels);
    e.gaze_y = (int)lrintf(face->gaze_y * p->texels);
    e.shine_x = (int)lrintf(face->gaze_x * p->texels * 0.35f);
    e.shine_y = (int)lrintf(face->gaze_y * p->texels * 0.35f);
    if (fabsf(tip) < 0.3f)
        tip = tip < 0 ? -0.3f : 0.3f;
    e.lash_scale = (int)(256 / tip);
    e.dark = ac_char_texel_rgb(0x2a1512);
    for (int i = 0; i < SHADOWS; i++)
        e.shadow[i] = (uint8_t)(150 * expf(-(float)i / (4.5f * p->texels)));
    fill_columns(&e, p, &s->rig->eye[side].open, fminf(fmaxf(lid, -0.4f), 1),
                 fminf(fmaxf(face->low_lid, 0), 1));
    ac_char_tile_draw(pic, p, at, shade_row, &e);
}
