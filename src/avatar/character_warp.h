/*
 * Warping the still picture: every output pixel is taken from the source at its own place plus a small,
 * smooth displacement. The displacements are given at the nodes of a coarse grid (a node every AC_CHAR_CELL
 * pixels) and are linear between nodes. Cells outside of the moving area are plain copies, bit for bit.
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
    /* moving cells of each row of cells: from first[r] to before end[r]; others are copied */
    const int16_t *first, *end;
};

struct ac_char_plane {
    uint8_t *dst;
    const uint8_t
        *src; /* the pixel that belongs to dst[0]; AC_CHAR_PAD (>> shift) valid ones beyond each side */
    int dst_stride, src_stride;
};

/* n planes of width × height pixels each. shift: 0 luma, 1 chroma (half the cells, half the displacement). */
void ac_char_warp(const struct ac_char_plane *planes, int n, int width, int height,
                  const struct ac_char_grid *grid, int shift);

#endif
