/*
 * From RGB to what is encoded: a part of an RGB picture, scaled to a YUV 4:2:0 picture (BT.709, limited
 * range, as frame.h says) with libswscale. No state; any thread.
 */
#ifndef AC_MEDIA_RGB_PICTURE_H
#define AC_MEDIA_RGB_PICTURE_H

#include "avatarchat/frame.h"
#include "media/rgb.h"

/* Whole pixels of a picture. */
struct ac_rgb_part {
    int x, y, width, height;
};

/* Fills all of `to` (both sides even) with the part, which lies inside of `from`. AC_EINVAL, AC_ENOMEM. */
int ac_rgb_to_picture(struct ac_picture *to, const struct ac_rgb *from, const struct ac_rgb_part *part);

#endif
