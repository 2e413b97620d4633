/*
 * Drawing one frame: the still picture warped by the face's motions, then eyes and mouth drawn onto it, each
 * as a small tile that follows the warp.
 *
 * A tile is shaded row by row in texels of its patch. Eyes and lips are not stored picture by picture: their
 * contours are computed for the face to be shown, and each texel column of the drawn parts is shifted and
 * stretched between them. So every opening of lids and lips is continuous, and the resting face is the
 * drawing itself.
 *
 * No state; any thread, for different pictures at the same time.
 */
#ifndef AC_AVATAR_CHARACTER_FACE_H
#define AC_AVATAR_CHARACTER_FACE_H

#include "avatar/character_sheet.h"

/* All that a frame shows. */
struct ac_char_face {
    float motion[AC_CHAR_FIELDS]; /* JAW and WIDE are set from the mouth by ac_char_face_draw */
    float lid[2];                 /* 0 open, 1 closed, to -0.4 wide open */
    float low_lid;                /* 0 rest … 1 raised, as in a laugh */
    float gaze_x, gaze_y;         /* drawing units that the irises move right, down */
    float smile;                  /* of the lips: -1 corners down … 1 up */
    struct ac_mouth mouth;        /* in range, see ac_char_mouth_clamp */
};

/*
 * Draws the whole of pic, which has the sheet's size. before: a picture drawn with the same motion below
 * AC_CHAR_RIGID, of which all that only the head moves is taken over (a third of the work), or NULL.
 */
void ac_char_face_draw(const struct ac_char_sheet *sheet, const struct ac_char_face *face,
                       struct ac_picture *pic, const struct ac_picture *before);

/* Brings every value into its range; what is no number becomes 0. */
struct ac_mouth ac_char_mouth_clamp(const struct ac_mouth *mouth);

/* ---- between character_face.c, character_eye.c and character_mouth.c ---- */

/* One row of a tile. Texel coordinates are 16.16 fixed-point, of the first pixel and from pixel to pixel. */
struct ac_char_row {
    int n;
    int tx, ty, step_x, step_y;
    uint8_t *y, *u, *v; /* n each, one chroma value a pixel */
};
typedef void ac_char_shade_fn(const void *shader, const struct ac_char_row *row);

/* Where a patch lies in the picture: texel = a·pixel + b. */
struct ac_char_place {
    float xx, xy, x0, yx, yy, y0;
};
void ac_char_tile_draw(struct ac_picture *pic, const struct ac_char_patch *patch,
                       const struct ac_char_place *at, ac_char_shade_fn *shade, const void *shader);

void ac_char_eye_draw(struct ac_picture *pic, const struct ac_char_sheet *sheet, int side,
                      const struct ac_char_face *face, const struct ac_char_place *at);
void ac_char_mouth_draw(struct ac_picture *pic, const struct ac_char_sheet *sheet,
                        const struct ac_char_face *face, const struct ac_char_place *at);
/* What the mouth's shape does to the skin around it: drop of the chin, spread of the corners. */
void ac_char_mouth_motion(const struct ac_char_rig *rig, const struct ac_char_face *face, float *jaw,
                          float *wide);

/* The texel, nothing outside of the patch. */
static inline uint32_t ac_char_fetch(const struct ac_char_patch *p, enum ac_char_part part, int x, int y)
{
    return (unsigned)x < (unsigned)p->w && (unsigned)y < (unsigned)p->h ? p->part[part][y * p->w + x] : 0;
}

/* The texel over the colour below, its coverage scaled by cover (0…256). */
static inline uint32_t ac_char_over(uint32_t below, uint32_t texel, uint32_t cover)
{
    const uint32_t even = 0x00ff00ff;
    if (!texel)
        return below;
    uint32_t a = (texel >> 24) * cover >> 8, keep = 256 - a - (a >> 7);
    uint32_t yv = ((texel & even) * cover + (below & even) * keep) >> 8 & even;
    uint32_t ua = ((texel >> 8 & even) * cover + (below >> 8 & even) * keep) & ~even;
    return yv | ua;
}

/* share (0…256) of b, the rest of a. */
static inline uint32_t ac_char_mix(uint32_t a, uint32_t b, uint32_t share)
{
    const uint32_t even = 0x00ff00ff;
    uint32_t yv = ((b & even) * share + (a & even) * (256 - share)) >> 8 & even;
    return yv | (((b >> 8 & even) * share + (a >> 8 & even) * (256 - share)) & ~even);
}

static inline uint32_t ac_char_row_get(const struct ac_char_row *r, int i)
{
    return (uint32_t)r->y[i] | (uint32_t)r->u[i] << 8 | (uint32_t)r->v[i] << 16;
}

static inline void ac_char_row_set(const struct ac_char_row *r, int i, uint32_t colour)
{
    r->y[i] = (uint8_t)colour;
    r->u[i] = (uint8_t)(colour >> 8);
    r->v[i] = (uint8_t)(colour >> 16);
}

#endif
