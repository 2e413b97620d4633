/* Conversion by libswscale: area averages when it makes smaller, else only the change of format. */
#include "media/av_rgb.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

/* Sets the converter up for frames like f; to is the format it makes. */
static int set_up(struct ac_av_rgb *c, const AVFrame *f, int fallback, const struct ac_rgb *out,
                  enum AVPixelFormat to)
{
    int matrix = f->colorspace == AVCOL_SPC_UNSPECIFIED ? fallback : (int)f->colorspace;
    int full = f->color_range == AVCOL_RANGE_JPEG;
    const int key[] = {f->width, f->height, f->format, matrix, full, out->width, out->height};
    bool smaller = out->width < f->width || out->height < f->height;

    if (c->sws && memcmp(key, c->key, sizeof key) == 0)
        return AC_OK;
    sws_freeContext(c->sws);
    c->sws = sws_getContext(f->width, f->height, f->format, out->width, out->height, to,
                            (smaller ? SWS_AREA : SWS_BICUBIC) | SWS_FULL_CHR_H_INT | SWS_ACCURATE_RND, NULL,
                            NULL, NULL);
    if (!c->sws)
        return AC_ENOTSUP;
    memcpy(c->key, key, sizeof key);
    /* Refused for formats that have no matrix: nothing is to be set there. */
    sws_setColorspaceDetails(c->sws, sws_getCoefficients(matrix), full, sws_getCoefficients(SWS_CS_DEFAULT),
                             1, 0, 1 << 16, 1 << 16);
    return AC_OK;
}

static void lay_over_white(const uint8_t *rgba, const struct ac_rgb *out)
{
    for (int y = 0; y < out->height; y++) {
        uint8_t *to = out->data + (size_t)y * out->stride;
        for (int x = 0; x < out->width; x++, rgba += 4, to += 3)
            for (int k = 0; k < 3; k++)
                to[k] = (uint8_t)((rgba[k] * rgba[3] + 255 * (255 - rgba[3]) + 127) / 255);
    }
}

int ac_av_rgb(struct ac_av_rgb *c, const AVFrame *f, int fallback, const struct ac_rgb *out)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(f->format);

    if (!desc || !sws_isSupportedInput(f->format))
        return AC_ENOTSUP;
    bool alpha = desc->flags & (AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL);
    int err = set_up(c, f, fallback, out, alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24);
    if (err)
        return err;
    uint8_t *rgba = NULL;
    if (alpha && !(rgba = ac_try_alloc(4 * (size_t)out->width * (size_t)out->height + 64)))
        return AC_ENOMEM;
    uint8_t *const planes[4] = {alpha ? rgba : out->data};
    const int strides[4] = {alpha ? 4 * out->width : (int)out->stride};
    if (sws_scale(c->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes, strides) < 0)
        err = AC_ENOTSUP;
    else if (alpha)
        lay_over_white(rgba, out);
    free(rgba);
    return err;
}

void ac_av_rgb_free(struct ac_av_rgb *c)
{
    sws_freeContext(c->sws);
    *c = (struct ac_av_rgb){0};
}
