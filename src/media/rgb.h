/* A picture of 8-bit RGB triples in rows, as photos and frames of videos come in. Plain data, no state. */
#ifndef AC_MEDIA_RGB_H
#define AC_MEDIA_RGB_H

#include <stddef.h>
#include <stdint.h>

struct ac_rgb {
    int width, height;
    size_t stride; /* bytes from row to row, at least 3 * width */
    uint8_t *data; /* R, G, B, R, G, B … */
};

/* Memory for width × height pixels (each at least 1); AC_ENOMEM. Freed by ac_rgb_free. */
int ac_rgb_new(struct ac_rgb *pic, int width, int height);
void ac_rgb_free(struct ac_rgb *pic); /* a zeroed one is fine; zeroes it */

#endif
