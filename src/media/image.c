/*
 * JPEG from a picture. Pictures are BT.709 in limited range; a JPEG file (JFIF) is BT.601 in full range and
 * says nothing else, so the planes are converted first: per pixel, with the nearest chroma, in the
 * colour-difference domain, where the change of matrix is Y += a·Cb + b·Cr and a 2×2 mix of the two chroma
 * planes.
 */
#include "media/image.h"
#include "avatarchat/err.h"
#include "base/mem.h"
#include "media/av_glue.h"
#include <libavcodec/avcodec.h>
#include <math.h>

/* Luma weights of red and blue. */
#define KR_709 0.2126
#define KB_709 0.0722
#define KR_601 0.299
#define KB_601 0.114

/* 709 limited → 601 full, all on a scale of 0…255 with chroma centred on 0. */
struct conversion {
    double y_scale, y_cb, y_cr;
    double cb_cb, cb_cr, cr_cb, cr_cr;
};

static struct conversion make_conversion(void)
{
    const double kg = 1 - KR_709 - KB_709, kg_to = 1 - KR_601 - KB_601;
    /* R, G, B minus Y, from Cb and Cr of BT.709 (limited: 224 steps) */
    const double chroma = 255.0 / 224.0;
    const double r_cr = 2 * (1 - KR_709) * chroma, b_cb = 2 * (1 - KB_709) * chroma;
    const double g_cr = -r_cr * KR_709 / kg, g_cb = -b_cb * KB_709 / kg;
    struct conversion c;

    c.y_scale = 255.0 / 219.0;
    c.y_cb = kg_to * g_cb + KB_601 * b_cb;
    c.y_cr = KR_601 * r_cr + kg_to * g_cr;
    c.cb_cb = (b_cb - c.y_cb) / (2 * (1 - KB_601));
    c.cb_cr = (0 - c.y_cr) / (2 * (1 - KB_601));
    c.cr_cb = (0 - c.y_cb) / (2 * (1 - KR_601));
    c.cr_cr = (r_cr - c.y_cr) / (2 * (1 - KR_601));
    return c;
}

static uint8_t clamp(double v)
{
    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)lrint(v);
}

static void convert(AVFrame *to, const struct ac_picture *pic)
{
    const struct conversion c = make_conversion();

    for (int y = 0; y < pic->height; y++) {
        const uint8_t *luma = pic->data[0] + (ptrdiff_t)y * pic->stride[0];
        const uint8_t *u = pic->data[1] + (ptrdiff_t)(y / 2) * pic->stride[1];
        const uint8_t *v = pic->data[2] + (ptrdiff_t)(y / 2) * pic->stride[2];
        uint8_t *out = to->data[0] + (ptrdiff_t)y * to->linesize[0];
        uint8_t *out_u = to->data[1] + (ptrdiff_t)(y / 2) * to->linesize[1];
        uint8_t *out_v = to->data[2] + (ptrdiff_t)(y / 2) * to->linesize[2];

        for (int x = 0; x < pic->width; x++) {
            int cx = x / 2;
            double cb = u[cx] - 128, cr = v[cx] - 128;

            out[x] = clamp((luma[x] - 16) * c.y_scale + cb * c.y_cb + cr * c.y_cr);
            if ((x | y) & 1)
                continue;
            out_u[cx] = clamp(128 + cb * c.cb_cb + cr * c.cb_cr);
            out_v[cx] = clamp(128 + cb * c.cr_cb + cr * c.cr_cr);
        }
    }
}

static int open_encoder(AVCodecContext **ctx, const struct ac_picture *pic, int quality)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *c;

    if (!codec)
        return AC_ENOTSUP;
    *ctx = c = avcodec_alloc_context3(codec);
    if (!c)
        return AC_ENOMEM;
    c->width = pic->width;
    c->height = pic->height;
    c->pix_fmt = AV_PIX_FMT_YUVJ420P;
    c->color_range = AVCOL_RANGE_JPEG;
    c->colorspace = AVCOL_SPC_BT470BG;
    c->time_base = (AVRational){1, 25};
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_QSCALE;
    c->global_quality = FF_QP2LAMBDA * (2 + (100 - quality) * 29 / 99); /* the scale is 2 (best) to 31 */
    return ac_av_error(avcodec_open2(c, codec, NULL), "open the JPEG encoder");
}

int ac_image_jpeg(const struct ac_picture *pic, int quality, struct ac_str *out)
{
    AVCodecContext *ctx = NULL;
    AVFrame *frame = NULL;
    AVPacket *pkt = NULL;
    int err;

    if (quality < 1 || quality > 100 || pic->width <= 0 || pic->height <= 0)
        return AC_EINVAL;
    ac_av_setup();
    err = open_encoder(&ctx, pic, quality);
    if (err)
        goto out;
    err = AC_ENOMEM;
    frame = av_frame_alloc();
    pkt = av_packet_alloc();
    if (!frame || !pkt)
        goto out;
    frame->format = ctx->pix_fmt;
    frame->width = pic->width;
    frame->height = pic->height;
    frame->quality = ctx->global_quality;
    if (av_frame_get_buffer(frame, 0) < 0)
        goto out;
    convert(frame, pic);
    err = ac_av_error(avcodec_send_frame(ctx, frame), "encode a JPEG");
    if (!err)
        err = ac_av_error(avcodec_receive_packet(ctx, pkt), "encode a JPEG");
    if (!err)
        ac_str_add_n(out, (const char *)pkt->data, (size_t)pkt->size);
out:
    av_packet_free(&pkt);
    av_frame_free(&frame);
    avcodec_free_context(&ctx);
    return err;
}
