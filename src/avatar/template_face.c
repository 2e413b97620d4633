/*
 * Box, mask and fitness of a face. Points are named by their number in MediaPipe's canonical face model; left
 * and right are the viewer's.
 */
#include "avatar/template_face.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHIN = 152,
    NOSE_TIP = 1,
    LIP_TOP = 0,
    INNER_TOP = 13,
    INNER_LOW = 14,
    MOUTH_LEFT = 61,
    MOUTH_RIGHT = 291,
    MIN_FACE = 80, /* pixels: the generator sees 96 */
    GRAIN = 96,    /* side at which sharpness is measured */
};

/* ---- the box ---- */

static float mean_y(const struct ac_face *f, const int *points, size_t n)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += f->point[points[i]][1];
    return sum / (float)n;
}

static float top_lip_y(const struct ac_face *f)
{
    static const int upper[] = {0, 37, 267, 39, 269, MOUTH_LEFT, MOUTH_RIGHT};
    float y = f->point[LIP_TOP][1];

    for (size_t i = 0; i < sizeof upper / sizeof *upper; i++)
        y = fminf(y, f->point[upper[i]][1]);
    return y;
}

void ac_template_face_box(const struct ac_face *f, struct ac_template_box *box)
{
    static const int brows[] = {70, 63, 105, 66, 107, 300, 293, 334, 296, 336};
    static const int jaw[] = {CHIN, 148, 176, 377, 400};
    /*
     * S3FD's boxes end at the chin and begin at about the middle of the forehead, a good quarter of the
     * distance from brow to chin above the brow. The published code adds 10 pixels below, on faces of some
     * 250.
     */
    const float above = 0.28f, below = 0.10f, margin = 0.06f;
    float chin = f->point[CHIN][1], brow = mean_y(f, brows, sizeof brows / sizeof *brows);

    for (size_t i = 0; i < sizeof jaw / sizeof *jaw; i++)
        chin = fmaxf(chin, f->point[jaw[i]][1]);
    float face = chin - brow, bottom = chin + below * face, height = face * (1 + above + below);
    /* The lower half, which is generated, begins above the mouth, with a margin. */
    height = fmaxf(height, (bottom - top_lip_y(f)) / (0.5f - margin));
    *box = (struct ac_template_box){.x = f->x, .y = bottom - height, .width = f->width, .height = height};
}

/* ---- the mask ---- */

/* Round the part that is replaced, in order: along the jaw from left to right, then below the nose back. */
static const int OUTLINE[] = {132, 58,  172, 136, 150, 149, 176, 148, CHIN, 377, 400, 378, 379,
                              365, 397, 288, 361, 425, 423, 327, 326, 2,    97,  98,  203, 205};
enum { OUTLINE_N = sizeof OUTLINE / sizeof *OUTLINE, JAW_N = 17 };

static float smooth(float lo, float hi, float v)
{
    float t = (v - lo) / (hi - lo);

    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

static float to_segment(float x, float y, const float a[2], const float b[2])
{
    float dx = b[0] - a[0], dy = b[1] - a[1], len = dx * dx + dy * dy;
    float t = len > 0 ? ((x - a[0]) * dx + (y - a[1]) * dy) / len : 0;

    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypotf(x - a[0] - t * dx, y - a[1] - t * dy);
}

/* Distance from the outline, positive inside. */
static float inside_by(float x, float y, float outline[OUTLINE_N][2])
{
    float near = 1e9f;
    bool in = false;

    for (int i = 0, k = OUTLINE_N - 1; i < OUTLINE_N; k = i++) {
        const float *a = outline[k], *b = outline[i];
        near = fminf(near, to_segment(x, y, a, b));
        if ((a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0])
            in = !in;
    }
    return in ? near : -near;
}

void ac_template_face_mask(const struct ac_face *f, const struct ac_template_box *box,
                           uint8_t mask[AC_TEMPLATE_MASK_BYTES])
{
    const float feather = 7, seam = 6, border = 5, jaw_drop = 0.09f * AC_TEMPLATE_MASK;
    const float side = AC_TEMPLATE_MASK, half = side / 2;
    float outline[OUTLINE_N][2];

    for (int i = 0; i < OUTLINE_N; i++) {
        const float *p = f->point[OUTLINE[i]];
        outline[i][0] = (p[0] - box->x) / box->width * side;
        outline[i][1] = (p[1] - box->y) / box->height * side;
        /* An opened jaw: the chin goes down, the jaw's corners stay. */
        if (i < JAW_N)
            outline[i][1] += jaw_drop * smooth(0, 1, 1 - fabsf((float)i / (JAW_N - 1) * 2 - 1));
    }
    for (int row = 0; row < AC_TEMPLATE_MASK; row++) {
        for (int col = 0; col < AC_TEMPLATE_MASK; col++) {
            float x = (float)col + 0.5f, y = (float)row + 0.5f;
            float edge = fminf(fminf(x, side - x), side - y) - 1; /* the outermost pixel is never touched */
            float w = smooth(0, feather, inside_by(x, y, outline)) * smooth(0, border, edge);
            w *= smooth(half - 0.5f, half + seam, y);
            mask[row * AC_TEMPLATE_MASK + col] = row < AC_TEMPLATE_MASK / 2 ? 0 : (uint8_t)lrintf(255 * w);
        }
    }
}

/* ---- measures ---- */

float ac_template_face_open(const struct ac_face *f)
{
    const float *top = f->point[INNER_TOP], *low = f->point[INNER_LOW], *l = f->point[MOUTH_LEFT],
                *r = f->point[MOUTH_RIGHT];
    float width = hypotf(r[0] - l[0], r[1] - l[1]);

    return width > 0 ? hypotf(low[0] - top[0], low[1] - top[1]) / width : 0;
}

int ac_template_face_sharpness(const struct ac_rgb *pic, const struct ac_face *f, float *sharpness)
{
    struct ac_rgb small;
    float luma[GRAIN][GRAIN];
    double sum = 0, squares = 0, fine = 0;
    int err = ac_rgb_new(&small, GRAIN, GRAIN);

    *sharpness = 0;
    if (!err)
        err = ac_rgb_cut(pic, (double)f->x, (double)f->y, (double)f->width, (double)f->height, &small);
    for (int y = 0; !err && y < GRAIN; y++) {
        for (int x = 0; x < GRAIN; x++) {
            const uint8_t *p = ac_rgb_at(&small, x, y);
            luma[y][x] = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
            sum += (double)luma[y][x];
            squares += (double)(luma[y][x] * luma[y][x]);
        }
    }
    ac_rgb_free(&small);
    if (err)
        return err;
    for (int y = 1; y < GRAIN - 1; y++) {
        for (int x = 1; x < GRAIN - 1; x++) {
            float v = 4 * luma[y][x] - luma[y - 1][x] - luma[y + 1][x] - luma[y][x - 1] - luma[y][x + 1];
            fine += (double)(v * v);
        }
    }
    const double pixels = GRAIN * GRAIN;
    double variance = squares / pixels - sum * sum / pixels / pixels;
    *sharpness = (float)(sqrt(fine / ((GRAIN - 2) * (GRAIN - 2))) / fmax(sqrt(fmax(variance, 0)), 1));
    return 0;
}

void ac_template_face_move(struct ac_face *f, double x, double y, double scale)
{
    float s = (float)scale, dx = (float)x, dy = (float)y;

    for (int i = 0; i < AC_FACE_POINTS; i++) {
        f->point[i][0] = (f->point[i][0] - dx) * s;
        f->point[i][1] = (f->point[i][1] - dy) * s;
        f->point[i][2] *= s;
    }
    f->x = (f->x - dx) * s;
    f->y = (f->y - dy) * s;
    f->width *= s;
    f->height *= s;
}

/* ---- judging ---- */

static const float MAX_YAW = 35, MAX_PITCH = 30, MAX_ROLL = 25; /* degrees */
static const float MIN_SHARPNESS = 0.12f;
static const float RIVAL = 1 / 3.0f; /* of the first face's width */
static const float SURE = 0.8f;      /* of the mesh's answer; faces have 0.97 and more, others up to 0.65 */

size_t ac_template_face_sure(struct ac_face *faces, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (faces[i].presence < SURE)
            continue;
        if (kept != i)
            faces[kept] = faces[i];
        kept++;
    }
    return kept;
}

size_t ac_template_face_rivals(const struct ac_face *faces, size_t n)
{
    size_t rivals = 0;

    for (size_t i = 1; i < n; i++)
        rivals += faces[i].width > RIVAL * faces[0].width;
    return rivals;
}

static float degrees(float radians)
{
    return fabsf(radians) * 180 / (float)M_PI;
}

static const char *edge_that_cuts(const struct ac_face *f, int width, int height)
{
    struct ac_template_box b;
    const float slack = 0.02f; /* of the box: landmarks are not exact */

    ac_template_face_box(f, &b);
    return b.x < -slack * b.width                              ? "left"
           : b.y < -slack * b.height                           ? "upper"
           : b.x + b.width > (float)width + slack * b.width    ? "right"
           : b.y + b.height > (float)height + slack * b.height ? "lower"
                                                               : NULL;
}

#define REFUSE(refusal, name, ...)                                                                           \
    do {                                                                                                     \
        (refusal)->code = (name);                                                                            \
        snprintf((refusal)->why, sizeof(refusal)->why, __VA_ARGS__);                                         \
    } while (0)

void ac_template_face_judge(const struct ac_face *faces, size_t n, int width, int height, double scale,
                            float sharpness, struct ac_template_refusal *r)
{
    const struct ac_face *f = faces;
    size_t rivals = n ? ac_template_face_rivals(faces, n) : 0;
    const char *edge = n ? edge_that_cuts(f, width, height) : NULL;

    *r = (struct ac_template_refusal){0};
    if (n == 0)
        REFUSE(
            r, "face_none",
            "there is no face in it: one person's face must be seen from the front, at least %d pixels wide",
            MIN_FACE);
    else if (rivals > 0)
        REFUSE(
            r, "face_many",
            "there are %zu faces in it, the largest %.0f and %.0f pixels wide: show one person only, or cut "
            "the others off",
            rivals + 1, f->width * scale, faces[1].width * scale);
    else if (f->width * scale < MIN_FACE)
        REFUSE(
            r, "face_small",
            "the face is %.0f pixels wide, at least %d are needed: use a larger picture, or one taken closer",
            f->width * scale, MIN_FACE);
    else if (edge)
        REFUSE(r, "face_cut",
               "the %s edge of the picture cuts the face: the whole face from forehead to chin must be in it",
               edge);
    else if (degrees(f->yaw) > MAX_YAW)
        REFUSE(r, "face_turned",
               "the face is turned %.0f degrees to the side, more than %.0f: use a picture that is looked at "
               "from the front",
               (double)degrees(f->yaw), (double)MAX_YAW);
    else if (degrees(f->pitch) > MAX_PITCH)
        REFUSE(r, "face_turned",
               "the face is turned %.0f degrees %s, more than %.0f: the person should look into the camera",
               (double)degrees(f->pitch), f->pitch > 0 ? "up" : "down", (double)MAX_PITCH);
    else if (degrees(f->roll) > MAX_ROLL)
        REFUSE(r, "face_turned", "the head leans %.0f degrees, more than %.0f: turn the picture upright",
               (double)degrees(f->roll), (double)MAX_ROLL);
    else if (sharpness < MIN_SHARPNESS)
        REFUSE(
            r, "face_blurred",
            "the face is blurred (sharpness %.2f, at least %.2f is needed): use a picture that is in focus",
            (double)sharpness, (double)MIN_SHARPNESS);
}
