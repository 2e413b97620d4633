/* Still images from RGB and grey values; a JPEG file (JFIF) is BT.601 in full range. */
#include "media/image.h"

#include "avatarchat/err.h"
#include "media/av_glue.h"

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include <string.h>

/* A frame with memory, ready to be filled and encoded. */
static int new_frame(AVFrame **frame, enum AVPixelFormat format, int width, int height)
{
    *frame = av_frame_alloc();
    if (!*frame)
        return AC_ENOMEM;
    (*frame)->format = format;
    (*frame)->width = width;
    (*frame)->height = height;
    (*frame)->color_range = AVCOL_RANGE_JPEG;
    return av_frame_get_buffer(*frame, 0) < 0 ? AC_ENOMEM : AC_OK;
}

/* quality 0: the codec has none. */
static int encode(AVFrame *frame, enum AVCodecID id, int quality, struct ac_str *out)
{
    const AVCodec *codec = avcodec_find_encoder(id);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    AVPacket *pkt = av_packet_alloc();
    int err = !codec ? AC_ENOTSUP : c && pkt ? AC_OK : AC_ENOMEM;

    if (!err) {
        c->width = frame->width;
        c->height = frame->height;
        c->pix_fmt = frame->format;
        c->color_range = AVCOL_RANGE_JPEG;
        c->time_base = (AVRational){1, 25};
        c->thread_count = 1;
        if (quality) {
            c->flags |= AV_CODEC_FLAG_QSCALE;
            c->global_quality = FF_QP2LAMBDA * (2 + (100 - quality) * 29 / 99); /* 2 (best) to 31 */
            frame->quality = c->global_quality;
        }
        err = ac_av_error(avcodec_open2(c, codec, NULL), "open the encoder of an image");
    }
    if (!err)
        err = ac_av_error(avcodec_send_frame(c, frame), "encode an image");
    if (!err)
        err = ac_av_error(avcodec_receive_packet(c, pkt), "encode an image");
    if (!err)
        ac_str_add_n(out, (const char *)pkt->data, (size_t)pkt->size);
    av_packet_free(&pkt);
    avcodec_free_context(&c);
    return err;
}

int ac_image_jpeg_rgb(const struct ac_rgb *pic, int quality, bool full_colour, struct ac_str *out)
{
    enum AVPixelFormat format = full_colour ? AV_PIX_FMT_YUVJ444P : AV_PIX_FMT_YUVJ420P;
    const uint8_t *const rows[4] = {pic->data};
    const int stride[4] = {(int)pic->stride};
    struct SwsContext *sws = NULL;
    AVFrame *frame = NULL;

    if (quality < 1 || quality > 100 || pic->width <= 0 || pic->height <= 0)
        return AC_EINVAL;
    ac_av_setup();
    ac_av_quiet(true); /* libswscale calls the format of JPEG "deprecated" */
    int err = new_frame(&frame, format, pic->width, pic->height);
    if (!err)
        sws = sws_getContext(pic->width, pic->height, AV_PIX_FMT_RGB24, pic->width, pic->height, format,
                             SWS_AREA | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP, NULL, NULL, NULL);
    if (!err && (!sws || sws_scale(sws, rows, stride, 0, pic->height, frame->data, frame->linesize) < 0))
        err = AC_ENOMEM;
    if (!err)
        err = encode(frame, AV_CODEC_ID_MJPEG, quality, out);
    ac_av_quiet(false);
    sws_freeContext(sws);
    av_frame_free(&frame);
    return err;
}

int ac_image_png_grey(const uint8_t *grey, int width, int height, struct ac_str *out)
{
    AVFrame *frame = NULL;

    if (width <= 0 || height <= 0)
        return AC_EINVAL;
    ac_av_setup();
    int err = new_frame(&frame, AV_PIX_FMT_GRAY8, width, height);
    for (int y = 0; !err && y < height; y++)
        memcpy(frame->data[0] + (ptrdiff_t)y * frame->linesize[0], grey + (ptrdiff_t)y * width,
               (size_t)width);
    if (!err)
        err = encode(frame, AV_CODEC_ID_PNG, 0, out);
    av_frame_free(&frame);
    return err;
}
