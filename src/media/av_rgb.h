/* Frames of libav become RGB, scaled on the way. Internal to src/media. */
#ifndef AC_MEDIA_AV_RGB_H
#define AC_MEDIA_AV_RGB_H

#include "media/rgb.h"

#include <libavutil/frame.h>

struct SwsContext;

/* A converter keeps its tables while the frames stay alike. Start from {0}, end with ac_av_rgb_free. */
struct ac_av_rgb {
    struct SwsContext *sws;
    int key[7];
};

/*
 * The frame as RGB, scaled to the size of out, which is allocated. What is transparent is laid over white.
 * fallback: the matrix of a YUV frame that does not say (AVCOL_SPC_…). AC_ENOTSUP: libswscale cannot read its
 * pixels. AC_ENOMEM.
 */
int ac_av_rgb(struct ac_av_rgb *c, const AVFrame *f, int fallback, const struct ac_rgb *out);
void ac_av_rgb_free(struct ac_av_rgb *c);

#endif
