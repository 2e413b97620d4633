/*
 * The rig of a drawn person: what avatars/ID/avatar.yaml says about the drawing beside it (which layers,
 * where the eyes and the mouth are, how far things move). docs/avatar.md describes every key.
 *
 * Ownership: plain data, made by ac_char_rig_load, freed by ac_char_rig_free, read-only between; then any
 * thread.
 */
#ifndef AC_AVATAR_CHARACTER_RIG_H
#define AC_AVATAR_CHARACTER_RIG_H

#include "avatarchat/handler.h"

enum {
    AC_CHAR_MAX_LAYERS = 24, /* of the still picture */
    AC_CHAR_MAX_POINTS = 64, /* of a contour */
};

/* A line from left to right: y as a function of x, in drawing units. */
struct ac_char_contour {
    int n;
    float x[AC_CHAR_MAX_POINTS], y[AC_CHAR_MAX_POINTS];
};

struct ac_char_box {
    float x, y, w, h;
};

struct ac_char_eye_rig {
    struct ac_char_box box; /* all that the eye ever covers */
    float iris_x, iris_y, iris_r;
    float brow_x, brow_y, brow_r;                     /* centre and half width of the brow above */
    struct ac_char_contour open, closed, low, crease; /* upper lid open and closed, lower lid, lid fold */
};

struct ac_char_mouth_rig {
    struct ac_char_box box;
    struct ac_char_contour top, line, low; /* upper edge of the upper lip, lips' meeting, lower edge */
    float open;                            /* widest opening in speech */
    uint32_t dark, deep;                   /* 0xRRGGBB of the inside, front and back */
    uint32_t seam;                         /* of the line between closed lips */
};

/* Layers that move on their own, in the order of drawing; each one element of the SVG, by its id. */
enum ac_char_part {
    AC_CHAR_EYEBALL = 0,
    AC_CHAR_IRIS,
    AC_CHAR_SHINE,
    AC_CHAR_LID,
    AC_CHAR_LASH_UPPER,
    AC_CHAR_LASH_LOWER,
    AC_CHAR_TONGUE,
    AC_CHAR_TEETH_LOWER,
    AC_CHAR_TEETH_UPPER,
    AC_CHAR_LIP_UPPER,
    AC_CHAR_LIP_LOWER,
    AC_CHAR_PARTS
};

struct ac_char_rig {
    char *id, *name, *gender, *detail;      /* name in both languages: "Lin 林" */
    char *drawing;                          /* path of the SVG */
    float frame_x, frame_y, frame_size;     /* the square of the drawing that a square picture shows */
    float head_x, head_y, head_rx, head_ry; /* ellipse of the head with its hair */
    float face_rx, face_ry; /* of the face alone, same centre as the eyes' middle and the nose */
    float face_x, face_y;
    float pivot_x, pivot_y; /* the head tilts about it: base of the neck */
    float chin_y, neck_y;   /* below neck_y nothing follows the head */
    float breath_y;         /* middle of the chest's rise */
    float liveliness;       /* scale of all head motion, 1 = usual */
    int n_base;
    char *base[AC_CHAR_MAX_LAYERS]; /* layers of the still picture, back to front */
    char *part[AC_CHAR_PARTS];
    struct ac_char_eye_rig eye[2]; /* the viewer's left, right */
    struct ac_char_mouth_rig mouth;
};

/*
 * Reads folder/avatar.yaml. 0, AC_ENOENT, AC_EIO, AC_ECONFIG (reason with file and line through env). On
 * failure *rig is NULL.
 */
int ac_char_rig_load(struct ac_char_rig **rig, const char *folder, const char *id, struct ac_env *env);
void ac_char_rig_free(struct ac_char_rig *rig); /* NULL is fine */

/* y of a contour at x: linear between points, the end values beyond the ends. */
float ac_char_contour_y(const struct ac_char_contour *c, float x);

/* The layer's key in avatar.yaml ("eyeball"). */
const char *ac_char_part_name(enum ac_char_part part);

#endif
