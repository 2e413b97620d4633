/*
 * Warping the still picture: every output pixel is taken from the source at its own place plus a small,
 * smooth displacement. The displacements are given at the nodes of a coarse grid (a node every AC_CHAR_CELL
 * pixels) and are linear between nodes. Cells that are not to be warped are plain copies, bit for bit.
 *
 * A plane is done in two passes a row, first along columns, then along rows, each a linear interpolation with
 * its own weight a pixel; both passes load whole vectors (no gathers), since neighbours have nearly the same
 * displacement. No state but the scratch row on the stack; any thread.
 */
#ifndef AC_AVATAR_CHARACTER_WARP_H
#define AC_AVATAR_CHARACTER_WARP_H

#include <stdint.h>

enum {
    AC_CHAR_CELL = 16,       /* luma pixels between nodes */
    AC_CHAR_MAX_SIDE = 2048, /* of a picture */
    AC_CHAR_PAD = 48,        /* source pixels beyond each edge, luma; half of it for chroma */
    AC_CHAR_ONE = 128,       /* a pixel, in the grid's numbers */
    AC_CHAR_MAX_SHIFT = 40,  /* longest displacement in luma pixels; larger ones are cut */
};

/* Displacements in 1/AC_CHAR_ONE luma pixels. cols × rows nodes, cols = ceil(width / 16) + 1, rows alike. */
struct ac_char_grid {
    int cols, rows;
    const int16_t *dx, *dy;
    /* cells that are warped in each row of cells: from first[r] to before end[r]; the rest is copied */
    const int16_t *first, *end;
};

/*
 * What is warped, 0…255 in 16 bits each, which saves widening them at every reading. The pixel that belongs
 * to dst[0]; AC_CHAR_PAD (chroma: half of it) valid ones beyond each side. Chroma: u, v, u, v …
 */
struct ac_char_source {
    const int16_t *pixels;
    int stride; /* in values */
};

struct ac_char_plane {
    uint8_t *dst;
    const uint8_t *still; /* what is copied where nothing is warped */
    int dst_stride, still_stride;
};

/* width × height are the plane's: chroma has half the picture's, half the cells, half the displacement. */
void ac_char_warp_luma(const struct ac_char_plane *plane, const struct ac_char_source *src, int width,
                       int height, const struct ac_char_grid *grid);
void ac_char_warp_chroma(const struct ac_char_plane planes[2], const struct ac_char_source *src, int width,
                         int height, const struct ac_char_grid *grid);

#endif
