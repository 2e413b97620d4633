/*
 * The mouth. Four contours are computed for the shape to be shown: the lips' outer edges and, between them,
 * the edges of the opening. The drawn lips are stretched between their two edges, column by column; the
 * opening shows, from back to front, its depth, the tongue, the lower and the upper teeth, and the shadows of
 * lips and corners on all of it. Upper teeth stay with the skull, lower teeth and tongue go with the jaw.
 * Vertical measures are 1/16 texel.
 */
#include "avatar/character_face.h"

#include <math.h>
#include <string.h>

enum {
    MAX_W = 512 * AC_CHAR_OVERSAMPLE * 2,
    SOFT = 16 * AC_CHAR_OVERSAMPLE,
    SHADOWS = 128,
};

/* The mouth's shape in numbers, lengths in drawing units. */
struct shape {
    float half;    /* half width, as a share of the resting one */
    float up, low; /* how far the opening reaches above and below the lips' meeting */
    float power;   /* of the opening's outline: 1 parabola, 0.5 ellipse */
    float thick_up, thick_low;
    float corner; /* rise of the corners */
    float drop;   /* of the lower teeth */
    float pucker; /* 0 … 1 */
    float tongue; /* rise of the tongue from where the jaw holds it */
};

struct mouth {
    const struct ac_char_patch *patch;
    int drop, tongue_drop; /* 1/16 texel */
    uint32_t dark, deep, seam;
    uint8_t shadow[SHADOWS], seam_at[SHADOWS]; /* by texels from the upper edge; from the seam */
    /* by column: the four edges; the drawing's column, its edges, the stretch of its lips (1/256); shade of
     * the corners and strength of the seam, 0…256 */
    int16_t top[MAX_W], up[MAX_W], down[MAX_W], low[MAX_W];
    int16_t from[MAX_W], from_top[MAX_W], from_low[MAX_W], k_up[MAX_W], k_low[MAX_W];
    int16_t side[MAX_W], line[MAX_W];
    int16_t reach_up[MAX_W], reach_down[MAX_W]; /* what the column reaches at all */
};

static int clamp_int(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static float maxf(float v)
{
    return v > 0 ? v : 0;
}

static struct shape shape_of(const struct ac_char_rig *rig, const struct ac_char_face *face)
{
    const struct ac_mouth *m = &face->mouth;
    float o = rig->mouth.open, shut = 1 - m->press, jaw = m->jaw * shut, spread = maxf(m->width);
    float smile = maxf(face->smile);
    struct shape s = {
        .half = 1 + 0.13f * m->width - 0.34f * m->round - 0.06f * jaw + 0.12f * smile,
        .up = (0.13f * jaw + 0.15f * m->upper + 0.10f * m->bite + 0.05f * m->teeth) * o * shut,
        .low =
            (0.80f * jaw + 0.16f * m->lower * (1 - m->bite) + 0.02f * m->bite + 0.06f * m->teeth) * o * shut,
        .power = 0.80f - 0.26f * m->round - 0.06f * jaw,
        .thick_up = 1 - 0.12f * jaw - 0.2f * m->upper + 0.16f * m->round - 0.42f * m->press - 0.12f * spread -
                    0.14f * smile,
        .thick_low = 1 - 0.06f * jaw + 0.14f * m->round - 0.36f * m->press - 0.12f * spread - 0.08f * smile -
                     0.5f * m->bite,
        .pucker = m->round,
        .corner = 11 * face->smile - 1.5f * m->round - 2 * jaw,
    };
    float drop = 0.68f * jaw * o;
    s.drop = drop * (1 - 0.9f * m->teeth) + 0.02f * o;
    s.tongue = 0.30f * jaw * o + (0.38f * jaw * o + 6) * m->tongue;
    return s;
}

void ac_char_mouth_motion(const struct ac_char_rig *rig, const struct ac_char_face *face, float *jaw,
                          float *wide)
{
    struct shape s = shape_of(rig, face);
    *jaw = 0.68f * rig->mouth.open * face->mouth.jaw * (1 - 0.75f * face->mouth.press) - 3 * face->mouth.bite;
    *wide = fminf(fmaxf((s.half - 1) / 0.13f, -2), 1.5f);
}

/* ---- shading ---- */

static uint32_t inside_at(const struct mouth *m, int x, int fy)
{
    const struct ac_char_patch *p = m->patch;
    int from_up = (fy - m->up[x]) >> 4;
    uint32_t c = ac_char_over(m->deep, m->dark, (uint32_t)clamp_int(160 - ((m->down[x] - fy) >> 2), 0, 160));
    c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_TONGUE, x, (fy - m->tongue_drop) >> 4), 256);
    c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_TEETH_LOWER, x, (fy - m->drop) >> 4), 256);
    c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_TEETH_UPPER, x, fy >> 4), 256);
    c = ac_char_over(c, m->deep, m->shadow[clamp_int(from_up, 0, SHADOWS - 1)]);
    return ac_char_over(c, m->deep, (uint32_t)m->side[x]);
}

static uint32_t lips_at(const struct mouth *m, int x, int fy, uint32_t c)
{
    const struct ac_char_patch *p = m->patch;
    if (fy < m->up[x] + SOFT / 2) {
        int in = fy - m->top[x], drawn = m->from_top[x] + (in < 0 ? in : in * m->k_up[x] >> 8);
        int cover = clamp_int((m->up[x] + SOFT / 2 - fy) * 256 / SOFT, 0, 256);
        c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_LIP_UPPER, m->from[x], drawn >> 4), (uint32_t)cover);
    }
    if (fy > m->down[x] - SOFT / 2) {
        int in = m->low[x] - fy, drawn = m->from_low[x] - (in < 0 ? in : in * m->k_low[x] >> 8);
        int cover = clamp_int((fy - m->down[x] + SOFT / 2) * 256 / SOFT, 0, 256);
        c = ac_char_over(c, ac_char_fetch(p, AC_CHAR_LIP_LOWER, m->from[x], drawn >> 4), (uint32_t)cover);
    }
    return c;
}

static void shade_row(const void *shader, const struct ac_char_row *r)
{
    const struct mouth *m = shader;
    const struct ac_char_patch *p = m->patch;
    int tx = r->tx, ty = r->ty;

    for (int i = 0; i < r->n; i++, tx += r->step_x, ty += r->step_y) {
        int x = tx >> 16, fy = ty >> 12;
        if ((unsigned)x >= (unsigned)p->w || fy < m->reach_up[x] || fy > m->reach_down[x])
            continue;
        int gap = m->down[x] - m->up[x], seam = (m->up[x] + m->down[x]) >> 1;
        uint32_t c = lips_at(m, x, fy, ac_char_row_get(r, i));
        int above = fy - m->up[x], below = m->down[x] - fy, inside = above < below ? above : below;
        if (gap > 0 && inside > -SOFT / 2) {
            int cover = clamp_int((inside + SOFT / 2) * 256 / SOFT, 0, 256);
            c = ac_char_mix(c, inside_at(m, x, fy), (uint32_t)(gap < SOFT ? cover * gap / SOFT : cover));
        }
        if (gap < 2 * SOFT) {
            int dist = clamp_int((fy < seam ? seam - fy : fy - seam) >> 4, 0, SHADOWS - 1);
            int fade = clamp_int(256 - gap * 128 / SOFT, 0, 256) * m->line[x] >> 8;
            c = ac_char_over(c, m->seam, (uint32_t)(m->seam_at[dist] * fade >> 8));
        }
        ac_char_row_set(r, i, c);
    }
}

/* ---- contours ---- */

static int16_t sixteenth(float texels)
{
    return (int16_t)fminf(fmaxf(texels * 16, -32000), 32000);
}

static int16_t stretch(float drawn, float shown)
{
    return (int16_t)(256 * fminf(fmaxf(drawn, 0.5f) / fmaxf(shown, 0.5f), 100));
}

static void fill_columns(struct mouth *m, const struct ac_char_rig *rig, const struct shape *s)
{
    const struct ac_char_patch *p = m->patch;
    const float *top = p->line[AC_CHAR_LIP_TOP], *line = p->line[AC_CHAR_LIP_LINE],
                *low = p->line[AC_CHAR_LIP_LOW];
    const struct ac_char_contour *c = &rig->mouth.line;
    float left = (c->x[0] - p->box.x) * p->texels, right = (c->x[c->n - 1] - p->box.x) * p->texels;
    float mid = (left + right) / 2, rest = (right - left) / 2, k = p->texels;

    float mid_y = p->line[AC_CHAR_LIP_LINE][clamp_int((int)mid, 0, p->w - 1)], most_up = 0, most_low = 0;
    float parted = fminf((s->up + s->low) / 10, 1);
    for (int x = 0; x < p->w; x++) {
        most_up = fmaxf(most_up, line[x] - top[x]);
        most_low = fmaxf(most_low, low[x] - line[x]);
    }
    for (int x = 0; x < p->w; x++) {
        float off = (float)x - mid, u = off / (rest * s->half);
        int f = clamp_int((int)lrintf(mid + off / s->half), 0, p->w - 1);
        float a = fminf(fabsf(u), 1), bulge = 1 - a * a, gape = powf(bulge, s->power);
        float bend = -s->corner * k * a * a;
        /* parted lips lose the shape that they press into each other, rounded ones their bow */
        float end_y = u < 0 ? line[0] : line[p->w - 1];
        float soft = line[f] + (end_y + (mid_y - end_y) * bulge - line[f]) * parted;
        float up = line[f] + (soft - line[f]) * 0.5f + bend - s->up * k * gape,
              down = soft + bend + s->low * k * gape;
        float rim = sqrtf(bulge), thick_up = line[f] - top[f], thick_low = low[f] - line[f];
        float t = up - (thick_up + (0.9f * most_up * rim - thick_up) * 0.7f * s->pucker) * s->thick_up;
        float l = down + (thick_low + (0.95f * most_low * rim - thick_low) * 0.7f * s->pucker) * s->thick_low;
        m->from[x] = (int16_t)f;
        m->from_top[x] = sixteenth(top[f]);
        m->from_low[x] = sixteenth(low[f]);
        m->top[x] = sixteenth(t);
        m->up[x] = sixteenth(up);
        m->down[x] = sixteenth(down);
        m->low[x] = sixteenth(l);
        m->k_up[x] = stretch(line[f] - top[f], up - t);
        m->k_low[x] = stretch(low[f] - line[f], l - down);
        float dim = fminf(fmaxf((a - 0.45f) / 0.55f, 0), 1);
        m->side[x] = (int16_t)(fminf(200 * dim * dim + 90 * s->pucker, 240));
        int first = p->first[AC_CHAR_LIP_UPPER][f] * 16, last = (p->last[AC_CHAR_LIP_LOWER][f] + 1) * 16;
        int reach_up = m->top[x] + first - m->from_top[x], reach_down = m->low[x] + last - m->from_low[x];
        m->reach_up[x] = (int16_t)clamp_int(reach_up, 0, m->up[x] - SOFT);
        m->reach_down[x] = (int16_t)clamp_int(reach_down, m->down[x] + SOFT, p->h * 16 - 1);
        m->line[x] = (int16_t)(256 * fminf(fmaxf((1.04f - fabsf(u)) / 0.12f, 0), 1));
    }
}

void ac_char_mouth_draw(struct ac_picture *pic, const struct ac_char_sheet *s,
                        const struct ac_char_face *face, const struct ac_char_place *at)
{
    struct mouth m;
    const struct ac_char_patch *p = &s->mouth;
    struct shape shape = shape_of(s->rig, face);

    m.patch = p;
    m.drop = sixteenth(shape.drop * p->texels);
    m.tongue_drop = sixteenth((shape.drop - shape.tongue) * p->texels);
    m.dark = ac_char_texel_rgb(s->rig->mouth.dark);
    m.deep = ac_char_texel_rgb(s->rig->mouth.deep);
    m.seam = ac_char_texel_rgb(s->rig->mouth.seam);
    for (int i = 0; i < SHADOWS; i++) {
        float d = (float)i / p->texels;
        m.shadow[i] = (uint8_t)(170 * expf(-d / 6));
        m.seam_at[i] = (uint8_t)(190 * expf(-0.5f * d * d / (1.3f * 1.3f)));
    }
    fill_columns(&m, s->rig, &shape);
    ac_char_tile_draw(pic, p, at, shade_row, &m);
}
