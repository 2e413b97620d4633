/* Still images from pictures: JPEG through libav. One call, no state; any thread. */
#ifndef AC_MEDIA_IMAGE_H
#define AC_MEDIA_IMAGE_H

#include "avatarchat/frame.h"
#include "base/str.h"

/* Encodes the picture as JPEG (quality 1…100) and appends it to out. AC_ENOTSUP, AC_ENOMEM, AC_EINTERNAL. */
int ac_image_jpeg(const struct ac_picture *pic, int quality, struct ac_str *out);

#endif
