/*
 * Landmarks: MediaPipe's Face Mesh (Kartynnik et al. 2019, https://arxiv.org/abs/1907.06724). The net sees a
 * square of 192 × 192 pixels, upright by the line of the eyes and half as large again as the face, and gives
 * 468 points in it, with depth, and how sure it is that they are a face's.
 */
#include "face/face_private.h"

#include <math.h>

#define MIN_PRESENCE 0.5F
#define AROUND       1.5F /* the region's side, in faces */

enum { EYE_LEFT = 33, EYE_RIGHT = 263 }; /* outer corners, on the picture's left and right */

struct ac_face_region ac_face_region_of_box(const struct ac_face_box *b)
{
    return (struct ac_face_region){
        .x = (b->left + b->right) / 2,
        .y = (b->top + b->bottom) / 2,
        .side = AROUND * fmaxf(b->right - b->left, b->bottom - b->top),
        .angle = atan2f(b->eye[1][1] - b->eye[0][1], b->eye[1][0] - b->eye[0][0]),
    };
}

/* Box of the points along the line of the eyes: it does not grow when the head is tilted. */
struct ac_face_region ac_face_region_of_points(const struct ac_face *face)
{
    const float *a = face->point[EYE_LEFT], *b = face->point[EYE_RIGHT];
    float angle = atan2f(b[1] - a[1], b[0] - a[0]), c = cosf(angle), s = sinf(angle);
    float low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};

    for (int i = 0; i < AC_FACE_POINTS; i++) {
        const float *p = face->point[i], turned[2] = {p[0] * c + p[1] * s, p[1] * c - p[0] * s};
        for (int k = 0; k < 2; k++) {
            low[k] = fminf(low[k], turned[k]);
            high[k] = fmaxf(high[k], turned[k]);
        }
    }
    float u = (low[0] + high[0]) / 2, v = (low[1] + high[1]) / 2;
    return (struct ac_face_region){
        .x = u * c - v * s,
        .y = u * s + v * c,
        .side = AROUND * fmaxf(high[0] - low[0], high[1] - low[1]),
        .angle = angle,
    };
}

bool ac_face_mesh(struct ac_faces *f, const struct ac_rgb *pic, const struct ac_face_region *region,
                  struct ac_face *face)
{
    const float side = AC_FACE_MESH_SIDE, scale = region->side / side, c = cosf(region->angle) * scale,
                s = sinf(region->angle) * scale;
    struct ac_face found = {.score = face->score};

    if (!(region->side >= 1)) /* nothing to see; also not a number */
        return false;
    ac_face_crop(pic, region, AC_FACE_MESH_SIDE, 0, 1, false, ac_tflite_input(f->mesh)->data);
    ac_tflite_run(f->mesh);
    const float *raw = ac_tflite_output(f->mesh, f->out_points)->data;
    found.presence = 1 / (1 + expf(-ac_tflite_output(f->mesh, f->out_presence)->data[0]));
    if (!(found.presence >= MIN_PRESENCE))
        return false;
    for (int i = 0; i < AC_FACE_POINTS; i++, raw += 3) {
        float u = raw[0] - side / 2, v = raw[1] - side / 2;
        found.point[i][0] = region->x + u * c - v * s;
        found.point[i][1] = region->y + u * s + v * c;
        found.point[i][2] = raw[2] * scale;
    }
    if (!ac_face_measure(&found))
        return false;
    *face = found;
    return true;
}
