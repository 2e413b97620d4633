/*
 * The displacement fields: how far each node of the grid moves for one unit of each motion. All are products
 * and sums of smooth bumps, made from the rig's few measures, so the skin stretches like skin and nothing
 * tears. A field says where an output pixel comes from, hence the minus signs: what moves up is taken from
 * below.
 */
#include "avatar/character_sheet.h"

#include <math.h>

static float smooth(float lo, float hi, float v)
{
    float t = (v - lo) / (hi - lo);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

static float bump(float x, float y, float cx, float cy, float rx, float ry)
{
    float u = (x - cx) / rx, v = (y - cy) / ry;
    return expf(-0.5f * (u * u + v * v));
}

/* 1 on head and hair, falling to 0 in the background and down the neck. */
static float head_mask(const struct ac_char_rig *rig, float x, float y)
{
    float u = (x - rig->head_x) / rig->head_rx, v = (y - rig->head_y) / rig->head_ry;
    float r = v < 0 ? sqrtf(u * u + v * v) : fabsf(u);
    return (1 - smooth(1.0f, 1.45f, r)) *
           (1 - smooth(rig->chin_y - 0.3f * (rig->neck_y - rig->chin_y), rig->neck_y, y));
}

/* How near a point of the face is to the viewer, 1 at the nose, a little below 0 at the back of the hair. */
static float depth(const struct ac_char_rig *rig, float x, float y)
{
    float u = (x - rig->face_x) / rig->face_rx, v = (y - rig->face_y) / rig->face_ry;
    return expf(-0.9f * (u * u + v * v)) - 0.12f;
}

/*
 * What hangs on the jaw: from the lips' meeting down to the chin, fading down the neck. Towards the ears it
 * begins higher and grows slowly, so that the cheeks' outline lengthens without a bulge.
 */
static float jaw_mask(const struct ac_char_rig *rig, float x, float y)
{
    const struct ac_char_mouth_rig *m = &rig->mouth;
    float mid = m->line.x[m->line.n / 2], line = m->line.y[m->line.n / 2], low = m->low.y[m->low.n / 2];
    float u = (x - mid) / rig->face_rx, reach = rig->neck_y - rig->chin_y;
    float across = expf(-2.2f * u * u * u * u), side = smooth(0.25f, 0.9f, fabsf(u));
    return across * smooth(line - 6 - 90 * side, low + 22 + 50 * side, y) *
           (1 - smooth(rig->chin_y - 4, rig->chin_y + 0.75f * reach, y));
}

static void smile_at(const struct ac_char_rig *rig, float x, float y, float *dx, float *dy)
{
    const struct ac_char_mouth_rig *m = &rig->mouth;
    for (int side = -1; side <= 1; side += 2) {
        float cx = side < 0 ? m->line.x[0] : m->line.x[m->line.n - 1];
        float cy = side < 0 ? m->line.y[0] : m->line.y[m->line.n - 1];
        float corner = bump(x, y, cx + (float)side * 8, cy - 4, 30, 26);
        float cheek = bump(x, y, rig->face_x + (float)side * 0.55f * rig->face_rx, cy - 88, 52, 34);
        *dx -= (float)side * (7 * corner + 2 * cheek);
        *dy += 11 * corner + 8 * cheek;
    }
}

static void wide_at(const struct ac_char_rig *rig, float x, float y, float *dx)
{
    const struct ac_char_mouth_rig *m = &rig->mouth;
    for (int side = -1; side <= 1; side += 2) {
        float cx = side < 0 ? m->line.x[0] : m->line.x[m->line.n - 1];
        float cy = side < 0 ? m->line.y[0] : m->line.y[m->line.n - 1];
        *dx -= (float)side * 8 * bump(x, y, cx + (float)side * 4, cy, 32, 34);
    }
}

/* Displacement in drawing units of the point for one unit of the motion. */
static void displace(const struct ac_char_rig *rig, enum ac_char_field f, float x, float y, float *dx,
                     float *dy)
{
    const struct ac_char_eye_rig *l = &rig->eye[0], *r = &rig->eye[1];
    float head = head_mask(rig, x, y);
    switch (f) {
    case AC_CHAR_SHIFT_X:
        *dx = -head;
        break;
    case AC_CHAR_SHIFT_Y:
        *dy = -head;
        break;
    case AC_CHAR_ROLL:
        *dx = head * (y - rig->pivot_y);
        *dy = -head * (x - rig->pivot_x);
        break;
    case AC_CHAR_YAW:
        *dx = -head * rig->face_rx * depth(rig, x, y);
        break;
    case AC_CHAR_PITCH:
        *dy = -head * rig->face_ry * depth(rig, x, y);
        break;
    case AC_CHAR_BREATH: {
        float chest = smooth(rig->chin_y, rig->breath_y, y);
        *dy = chest + 0.45f * head * (1 - chest);
        *dx = -0.35f * chest * (x - rig->pivot_x) / 300;
        break;
    }
    case AC_CHAR_JAW:
        *dy = -jaw_mask(rig, x, y);
        break;
    case AC_CHAR_SMILE:
        smile_at(rig, x, y, dx, dy);
        break;
    case AC_CHAR_WIDE:
        wide_at(rig, x, y, dx);
        break;
    case AC_CHAR_BROW_L:
        *dy = 15 * bump(x, y, l->brow_x, l->brow_y - 6, 0.75f * l->brow_r, 21);
        break;
    case AC_CHAR_BROW_R:
        *dy = 15 * bump(x, y, r->brow_x, r->brow_y - 6, 0.75f * r->brow_r, 21);
        break;
    case AC_CHAR_BROW_IN: {
        float li = bump(x, y, l->brow_x + 0.62f * l->brow_r, l->brow_y - 2, 0.5f * l->brow_r, 19);
        float ri = bump(x, y, r->brow_x - 0.62f * r->brow_r, r->brow_y - 2, 0.5f * r->brow_r, 19);
        float lo = bump(x, y, l->brow_x - 0.6f * l->brow_r, l->brow_y, 0.5f * l->brow_r, 19);
        float ro = bump(x, y, r->brow_x + 0.6f * r->brow_r, r->brow_y, 0.5f * r->brow_r, 19);
        *dy = 13 * (li + ri) - 5 * (lo + ro);
        *dx = -3 * li + 3 * ri;
        break;
    }
    case AC_CHAR_FIELDS:
        break;
    }
}

/* How far a field moves a node at most, in pixels. */
static float reach(const struct ac_char_sheet *s, int f, int node)
{
    const float *dx = s->field[f], *dy = dx + s->cols * s->rows;
    float most = f == AC_CHAR_JAW ? s->rig->mouth.open : f < AC_CHAR_RIGID ? 1 : 2;
    return most * fmaxf(fabsf(dx[node]), fabsf(dy[node]));
}

/* The cells of row j of which a corner is moved further than `least` pixels by a field from first_field on.
 */
static void find_cells(const struct ac_char_sheet *s, int j, int first_field, float least, int16_t *first,
                       int16_t *end)
{
    *first = (int16_t)(s->cols - 1);
    *end = 0;
    for (int i = 0; i < s->cols; i++) {
        bool moves = false;
        for (int f = first_field; f < AC_CHAR_FIELDS && !moves; f++)
            moves = reach(s, f, j * s->cols + i) > least || reach(s, f, (j + 1) * s->cols + i) > least;
        if (!moves)
            continue;
        int16_t from = (int16_t)(i ? i - 1 : 0), to = (int16_t)(i + 1 < s->cols ? i + 1 : i);
        *first = from < *first ? from : *first;
        *end = to > *end ? to : *end;
    }
}

void ac_char_fields_fill(struct ac_char_sheet *s)
{
    const float quiet = 0.02f; /* pixels: a node that no motion moves further stays put */
    const float seen = 0.1f;   /* pixels: less than that nobody sees for the time of a frame */
    int nodes = s->cols * s->rows;
    for (int j = 0; j < s->rows; j++) {
        for (int i = 0; i < s->cols; i++) {
            float x = s->origin_x + (float)(i * AC_CHAR_CELL) / s->unit;
            float y = s->origin_y + (float)(j * AC_CHAR_CELL) / s->unit;
            for (int f = 0; f < AC_CHAR_FIELDS; f++) {
                float dx = 0, dy = 0;
                displace(s->rig, (enum ac_char_field)f, x, y, &dx, &dy);
                float *at = s->field[f] + j * s->cols + i;
                at[0] = fabsf(dx) * s->unit < quiet ? 0 : dx * s->unit;
                at[nodes] = fabsf(dy) * s->unit < quiet ? 0 : dy * s->unit;
            }
        }
    }
    for (int j = 0; j + 1 < s->rows; j++) {
        find_cells(s, j, 0, 0, &s->first[j], &s->end[j]);
        find_cells(s, j, AC_CHAR_RIGID, seen, &s->face_first[j], &s->face_end[j]);
    }
}
