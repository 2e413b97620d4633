/* What face*.c share. */
#ifndef AC_FACE_FACE_PRIVATE_H
#define AC_FACE_FACE_PRIVATE_H

#include "face/face.h"
#include "face/tflite.h"

enum { AC_FACE_DETECT_SIDE = 128, AC_FACE_MESH_SIDE = 192, AC_FACE_ANCHORS = 896, AC_FACE_RAW = 16 };

/* A square of the picture, turned clockwise around its middle by angle (radians). */
struct ac_face_region {
    float x, y; /* the middle */
    float side, angle;
};

/* A detection, in pixels of the picture. */
struct ac_face_box {
    float score, left, top, right, bottom;
    float eye[2][2]; /* x, y; the one on the picture's left first */
};

struct ac_face_boxes {
    struct ac_face_box *list;
    size_t n;
};

struct ac_faces {
    struct ac_tflite *detector, *mesh;
    size_t out_boxes, out_scores, out_points, out_presence; /* which output of its net */
};

/*
 * The region as side × side pixels of R, G, B, 0 … 255 becoming low … high; what is outside of the picture is
 * black, or continues the picture's edge.
 */
void ac_face_crop(const struct ac_rgb *pic, const struct ac_face_region *region, int side, float low,
                  float high, bool black, float *out);

/* Adds what the detector finds in an upright square; overlapping findings are merged. */
void ac_face_detect(struct ac_faces *f, const struct ac_rgb *pic, const struct ac_face_region *square,
                    struct ac_face_boxes *boxes);
/*
 * Adds what it finds in the whole picture and, with tiles, in overlapping parts of it; merged, the surest
 * first. AC_ECANCELED.
 */
int ac_face_detect_all(struct ac_faces *f, const struct ac_rgb *pic, bool tiles, struct ac_face_boxes *boxes,
                       struct ac_cancel *cancel);

/*
 * The mesh on a region: points, box, presence and angles of face (all but the score). False: no face there,
 * and face is as it was.
 */
bool ac_face_mesh(struct ac_faces *f, const struct ac_rgb *pic, const struct ac_face_region *region,
                  struct ac_face *face);
struct ac_face_region ac_face_region_of_box(const struct ac_face_box *box);
struct ac_face_region ac_face_region_of_points(const struct ac_face *face);

/* Box and angles from the points. False: the points are no face's shape. */
bool ac_face_measure(struct ac_face *face);

#endif
