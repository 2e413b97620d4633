/*
 * A person's drawing: an SVG, read once with librsvg, of which single layers (elements, by their ids) are
 * drawn at any scale. What librsvg's blurs and masks cost grows with the surface that is drawn on, however
 * small the shape, so a layer is best drawn on no more than it covers; ac_char_drawing_bounds tells.
 *
 * One thread at a time. Ownership: the opener's, who closes it as soon as the layers are drawn: an opened
 * drawing takes several megabytes.
 */
#ifndef AC_AVATAR_CHARACTER_DRAWING_H
#define AC_AVATAR_CHARACTER_DRAWING_H

#include "avatar/character_rig.h"

#include <cairo.h>

struct ac_char_drawing;

/* Where on a surface, in whole pixels. */
struct ac_char_area {
    int x, y, w, h;
};

/* 0, AC_ENOENT and the like (no file), AC_ECONFIG (a broken one); reason through env, which is kept for the
 * later calls. */
int ac_char_drawing_open(struct ac_char_drawing **drawing, const char *path, struct ac_env *env);
void ac_char_drawing_close(struct ac_char_drawing *drawing); /* NULL is fine */

/*
 * What a layer covers, in drawing units, to within a hundredth of the drawing's width (never too small).
 * Before the first ac_char_drawing_layer. 0, AC_ENOMEM, AC_ECONFIG (no such layer).
 */
int ac_char_drawing_bounds(struct ac_char_drawing *drawing, const char *layer, struct ac_char_box *box);

/*
 * Draws a layer over an area of an ARGB32 surface, nothing beyond it: drawing point (x, y) comes to pixel
 * ((x - origin_x) · unit, (y - origin_y) · unit) of the surface. Quicker when the area is the last call's.
 * 0, AC_ECONFIG (no such layer, or one that cannot be drawn).
 */
int ac_char_drawing_layer(struct ac_char_drawing *drawing, const char *layer, cairo_surface_t *surface,
                          const struct ac_char_area *area, double origin_x, double origin_y, double unit);

#endif
