/*
 * Faces in pictures: where they are, their 468 landmarks, which way they look.
 *
 * Detection is MediaPipe's BlazeFace (short range), landmarks are MediaPipe's Face Mesh; both run in C from
 * their .tflite files (tools/fetch_models.sh puts them into models/). A face counts when the mesh says that
 * it is one: the detector alone takes a cat's for one too.
 *
 * Positions are in pixels of the picture, 0 being the outer edge of the first one: the middle of the first
 * pixel is at 0.5.
 *
 * Threads: a finder is used by one thread at a time.
 */
#ifndef AC_FACE_FACE_H
#define AC_FACE_FACE_H

#include "avatarchat/handler.h"
#include "media/rgb.h"

enum { AC_FACE_POINTS = 468, AC_FACE_MAX = 8 };

struct ac_face {
    float score;    /* of the detector, 0 … 1 */
    float presence; /* that it is a face, says the mesh, 0 … 1 */
    float point[AC_FACE_POINTS]
               [3];            /* x, y in pixels of the picture, z in pixels, towards the viewer negative */
    float x, y, width, height; /* box of all points: forehead to chin, ear to ear */
    /*
     * Radians; 0 = looks straight into the camera, upright. Positive: turned to the picture's right, raised,
     * tilted clockwise as the picture shows it.
     */
    float yaw, pitch, roll;
};

struct ac_faces; /* a finder: both models and their scratch memory */

/* AC_EMODEL: a model is missing or damaged, with the remedy in env. AC_ENOMEM. */
int ac_faces_open(struct ac_faces **f, struct ac_env *env);
void ac_faces_close(struct ac_faces *f); /* NULL is fine */
/*
 * All faces, the largest first, at most max. 0 also when there is none (*n 0). Found are faces from about 6 %
 * of the picture's shorter side on (in strips longer than 3 : 1, of a third of the longer). AC_ECANCELED,
 * AC_ENOMEM.
 */
int ac_faces_find(struct ac_faces *f, const struct ac_rgb *pic, struct ac_face *faces, size_t max, size_t *n,
                  struct ac_cancel *cancel);
/*
 * The face of the picture before, looked for where it was (landmarks give the region); when the mesh says
 * that it is gone, by detection around there and in the whole picture. *found false: no face here, and face
 * is as it was. face: in the last one, out this one; a zeroed one stands for none yet. AC_ECANCELED.
 */
int ac_faces_follow(struct ac_faces *f, const struct ac_rgb *pic, struct ac_face *face, bool *found,
                    struct ac_cancel *cancel);
/*
 * Takes the trembling out of a track of n faces (a filter without delay, both directions), in place; pictures
 * without a face (presence 0) are filled in from their neighbours, and keep presence 0. A track without any
 * face stays as it is.
 */
void ac_face_smooth(struct ac_face *faces, size_t n);

#endif
