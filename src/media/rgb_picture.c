/*
 * See rgb_picture.h. Bicubic, which libswscale widens when it makes smaller; a chroma sample lies in the
 * middle of its four pixels.
 */
#include "media/rgb_picture.h"

#include "avatarchat/err.h"
#include "media/av_glue.h"

#include <libavutil/opt.h>
#include <libswscale/swscale.h>

enum { CENTRE = 128 /* of two pixels, in 1/256 */ };

static struct SwsContext *open_scaler(const struct ac_rgb_part *part, const struct ac_picture *to)
{
    static const struct {
        const char *name;
        int64_t value;
    } FIXED[] = {{"src_format", AV_PIX_FMT_RGB24},
                 {"dst_format", AV_PIX_FMT_YUV420P},
                 {"src_range", 1},
                 {"dst_range", 0},
                 {"dst_h_chr_pos", CENTRE},
                 {"dst_v_chr_pos", CENTRE},
                 {"sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT}};
    struct SwsContext *c = sws_alloc_context();
    int err = c ? 0 : -1;

    for (size_t i = 0; !err && i < sizeof FIXED / sizeof *FIXED; i++)
        err = av_opt_set_int(c, FIXED[i].name, FIXED[i].value, 0);
    if (!err)
        err = av_opt_set_int(c, "srcw", part->width, 0) | av_opt_set_int(c, "srch", part->height, 0) |
              av_opt_set_int(c, "dstw", to->width, 0) | av_opt_set_int(c, "dsth", to->height, 0);
    if (!err && sws_init_context(c, NULL, NULL) < 0)
        err = -1;
    if (!err) {
        const int *bt709 = sws_getCoefficients(SWS_CS_ITU709);
        sws_setColorspaceDetails(c, bt709, 1, bt709, 0, 0, 1 << 16, 1 << 16);
    }
    if (err) {
        sws_freeContext(c);
        c = NULL;
    }
    return c;
}

int ac_rgb_to_picture(struct ac_picture *to, const struct ac_rgb *from, const struct ac_rgb_part *part)
{
    if (part->x < 0 || part->y < 0 || part->width < 1 || part->height < 1 ||
        part->width > from->width - part->x || part->height > from->height - part->y || to->width % 2 ||
        to->height % 2)
        return AC_EINVAL;
    ac_av_setup();
    struct SwsContext *c = open_scaler(part, to);
    if (!c)
        return AC_ENOMEM;
    const uint8_t *source[4] = {from->data + (size_t)part->y * from->stride + 3 * (size_t)part->x};
    const int source_stride[4] = {(int)from->stride};
    uint8_t *planes[4] = {to->data[0], to->data[1], to->data[2]};
    const int strides[4] = {to->stride[0], to->stride[1], to->stride[2]};
    int rows = sws_scale(c, source, source_stride, 0, part->height, planes, strides);
    sws_freeContext(c);
    return rows == to->height ? 0 : AC_EINTERNAL;
}
