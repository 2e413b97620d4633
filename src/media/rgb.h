/* A picture of 8-bit RGB triples in rows, as photos and frames of videos come in. Plain data, no state. */
#ifndef AC_MEDIA_RGB_H
#define AC_MEDIA_RGB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ac_rgb {
    int width, height;
    size_t stride; /* bytes from row to row, at least 3 * width */
    uint8_t *data; /* R, G, B, R, G, B … */
};

/* Memory for width × height pixels (1 to 65536 each); AC_EINVAL, AC_ENOMEM. Freed by ac_rgb_free. */
int ac_rgb_new(struct ac_rgb *pic, int width, int height);
void ac_rgb_free(struct ac_rgb *pic); /* a zeroed one is fine; zeroes it */

static inline uint8_t *ac_rgb_at(const struct ac_rgb *pic, int x, int y)
{
    return pic->data + (size_t)y * pic->stride + 3 * (size_t)x;
}

/*
 * Turns and mirrors the picture upright; orientation as EXIF's tag 0x0112 numbers it: 1 is upright, 2 to 4
 * mirrored and upside down, 5 to 8 with rows and columns exchanged (6: lies on its left side, to be turned
 * clockwise). Other numbers leave it as it is. AC_ENOMEM leaves it, too.
 */
int ac_rgb_turn(struct ac_rgb *pic, int orientation);

/*
 * The part of pic at (x, y), scaled to the size of out, which is allocated: each pixel is the mean of what it
 * covers (bilinear where it is enlarged). The part may be fractional; beyond the edges the edge goes on.
 * AC_ENOMEM.
 */
int ac_rgb_cut(const struct ac_rgb *pic, double x, double y, double width, double height,
               const struct ac_rgb *out);

#endif
