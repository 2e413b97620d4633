/* Still images from pictures: JPEG and PNG through libav. One call, no state; any thread. */
#ifndef AC_MEDIA_IMAGE_H
#define AC_MEDIA_IMAGE_H

#include "avatarchat/frame.h"
#include "base/str.h"
#include "media/rgb.h"

/* Encodes the picture as JPEG (quality 1…100) and appends it to out. AC_ENOTSUP, AC_ENOMEM, AC_EINTERNAL. */
int ac_image_jpeg(const struct ac_picture *pic, int quality, struct ac_str *out);
/*
 * The same for RGB. full_colour: colour in every pixel (4:4:4), else in every second row and column (4:2:0),
 * which decodes faster.
 */
int ac_image_jpeg_rgb(const struct ac_rgb *pic, int quality, bool full_colour, struct ac_str *out);
/* Encodes grey values, row after row, as PNG and appends it to out. Errors as above. */
int ac_image_png_grey(const uint8_t *grey, int width, int height, struct ac_str *out);

#endif
