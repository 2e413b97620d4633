/*
 * A sheet: one person drawn for one picture size. The still picture as padded YUV planes, the parts that move
 * on their own as textures, and the fields that say how each motion displaces the picture. Made once with
 * librsvg, about a third of a second; read-only afterwards and shared by all sessions.
 *
 * Threads: a finished sheet from any thread. Ownership: ac_char_sheet_new's caller; counted by the cache in
 * character.c.
 */
#ifndef AC_AVATAR_CHARACTER_SHEET_H
#define AC_AVATAR_CHARACTER_SHEET_H

#include "avatar/character_rig.h"
#include "avatar/character_warp.h"

/*
 * A texel is one uint32_t: y | u << 8 | v << 16 | a << 24, the colour premultiplied by the coverage a
 * (0…255), so that two channels can be blended with one multiplication.
 */

/*
 * A feature's textures. They share one grid of texels, AC_CHAR_OVERSAMPLE a pixel and filtered to a pixel's
 * width, so that they can be read without interpolation.
 */
enum { AC_CHAR_OVERSAMPLE = 3 };
enum { AC_CHAR_EYE_OPEN, AC_CHAR_EYE_CLOSED, AC_CHAR_EYE_LOW, AC_CHAR_EYE_CREASE, AC_CHAR_LINES };
enum { AC_CHAR_LIP_TOP, AC_CHAR_LIP_LINE, AC_CHAR_LIP_LOW };
struct ac_char_patch {
    struct ac_char_box box; /* in drawing units */
    float texels;           /* a drawing unit */
    int w, h;
    float *line[AC_CHAR_LINES];    /* w each: the rig's contours at every column of texels, in texels from the
                                      top */
    uint32_t *part[AC_CHAR_PARTS]; /* w × h each, NULL for parts of other features */
    int16_t
        *first[AC_CHAR_PARTS]; /* w each: the topmost row of the column that is not empty, h when none is */
    int16_t *last[AC_CHAR_PARTS]; /* and the lowest one, -1 when none is */
};

/* The motions that displace the picture. Those before AC_CHAR_RIGID carry eyes and mouth along. */
enum ac_char_field {
    AC_CHAR_SHIFT_X = 0, /* the head, in drawing units */
    AC_CHAR_SHIFT_Y,
    AC_CHAR_ROLL,   /* radians, positive leans to the viewer's right */
    AC_CHAR_YAW,    /* radians, positive turns to the viewer's right */
    AC_CHAR_PITCH,  /* radians, positive looks down */
    AC_CHAR_BREATH, /* drawing units that the chest rises */
    AC_CHAR_RIGID,
    AC_CHAR_JAW = AC_CHAR_RIGID, /* drawing units that the chin drops */
    AC_CHAR_SMILE,               /* 0 … 1 */
    AC_CHAR_WIDE,                /* -1 … 1, corners of the mouth outwards */
    AC_CHAR_BROW_L,              /* -1 … 1, up */
    AC_CHAR_BROW_R,
    AC_CHAR_BROW_IN, /* -1 … 1, inner ends up */
    AC_CHAR_FIELDS
};

struct ac_char_sheet {
    const struct ac_char_rig *rig; /* borrowed */
    int width, height;
    float unit;                         /* pixels a drawing unit */
    float origin_x, origin_y;           /* drawing coordinates of the picture's top left corner */
    int16_t *block;                     /* of the sources */
    struct ac_char_source luma, chroma; /* the still picture with AC_CHAR_PAD more around */
    uint8_t *plane[3];                  /* the still picture alone; width × height, chroma half of each */
    int cols, rows;                     /* nodes */
    float *field[AC_CHAR_FIELDS];       /* cols × rows dx, then as many dy: pixels for a parameter of 1 */
    int16_t *first, *end;               /* moving cells of each row */
    int16_t *face_first, *face_end;     /* those that the face moves (visibly) while the head is still */
    struct ac_char_patch eye[2], mouth;
};

/* 0, AC_ENOMEM, AC_ENOENT (no drawing), AC_ECONFIG (a broken one; reason through env). */
int ac_char_sheet_new(struct ac_char_sheet **sheet, const struct ac_char_rig *rig, int width, int height,
                      struct ac_env *env);
void ac_char_sheet_free(struct ac_char_sheet *sheet); /* NULL is fine */

/* Fills the fields of a sheet whose sizes are set (character_fields.c). */
void ac_char_fields_fill(struct ac_char_sheet *sheet);

/* Limited-range BT.709 of a colour 0xRRGGBB, opaque. */
uint32_t ac_char_texel_rgb(uint32_t rgb);

#endif
