/*
 * One photo through libavcodec: header (photo_header.h) → limits → decoder → RGB in the wanted size
 * (av_rgb.h) → upright. The decoder gets the whole file as one packet; no demuxer is involved.
 */
#include "media/photo.h"

#include "avatarchat/err.h"
#include "base/str.h"
#include "media/av_glue.h"
#include "media/av_rgb.h"
#include "media/photo_header.h"

#include <libavcodec/avcodec.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Decoded: libav gives no larger block (av_glue.c). */
enum { MAX_DECODED_BYTES = 240 << 20 };

static int fail(char *reason, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(char *reason, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (reason)
        vsnprintf(reason, AC_PHOTO_REASON, fmt, ap);
    va_end(ap);
    return err;
}

static int check(const struct ac_photo_header *h, int64_t max_pixels, char *reason)
{
    double pixels = (double)h->width * (double)h->height;

    if (h->width < 1 || h->height < 1)
        return fail(reason, AC_EINVAL, "its header is damaged; save it again with another program");
    if (pixels > (double)max_pixels || h->width > 65500 || h->height > 65500)
        return fail(reason, AC_ELIMIT,
                    "it has %lld x %lld pixels, more than the %.0f million that are allowed; make it smaller",
                    (long long)h->width, (long long)h->height, (double)max_pixels / 1e6);
    if (pixels * h->bits / 8 > MAX_DECODED_BYTES)
        return fail(reason, AC_ELIMIT,
                    "it has %lld x %lld pixels of %d bits, too much to decode; make it smaller or save it "
                    "with 8 bits a colour",
                    (long long)h->width, (long long)h->height, h->bits);
    if (h->cut)
        return fail(reason, AC_EINVAL, "it ends in the middle: the file is cut off; copy it again");
    if (h->animated && h->kind == AC_PHOTO_WEBP)
        return fail(reason, AC_ENOTSUP, "it is an animated WebP; save one picture of it as JPEG or PNG");
    return AC_OK;
}

static int open_decoder(AVCodecContext **ctx, const struct ac_photo_header *h, char *reason)
{
    static const enum AVCodecID ids[] = {[AC_PHOTO_JPEG] = AV_CODEC_ID_MJPEG,
                                         [AC_PHOTO_PNG] = AV_CODEC_ID_PNG,
                                         [AC_PHOTO_WEBP] = AV_CODEC_ID_WEBP};
    const AVCodec *codec = avcodec_find_decoder(ids[h->kind]);

    if (!codec)
        return fail(reason, AC_ENOTSUP, "libavcodec was built without its decoder; save it as another kind");
    *ctx = avcodec_alloc_context3(codec);
    if (!*ctx)
        return AC_ENOMEM;
    (*ctx)->thread_count = 1;
    /* No other size than the header's, which was checked; libav counts its alignment, too. */
    (*ctx)->max_pixels = (h->width + 128) * (h->height + 128);
    (*ctx)->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
    (*ctx)->skip_frame = AVDISCARD_DEFAULT;
    return ac_av_error(avcodec_open2(*ctx, codec, NULL), "open the decoder of a photo");
}

static int decode(AVFrame *frame, const struct ac_photo_header *h, const uint8_t *data, size_t len,
                  char *reason)
{
    AVCodecContext *ctx = NULL;
    AVPacket *pkt = av_packet_alloc();
    int err = pkt ? open_decoder(&ctx, h, reason) : AC_ENOMEM, av = 0;

    if (!err && av_new_packet(pkt, (int)len) < 0)
        err = AC_ENOMEM;
    if (!err) {
        memcpy(pkt->data, data, len); /* libav wants zeroes behind its packets */
        pkt->flags |= AV_PKT_FLAG_KEY;
        av = avcodec_send_packet(ctx, pkt);
        if (av >= 0)
            av = avcodec_send_packet(ctx, NULL);
        if (av >= 0)
            av = avcodec_receive_frame(ctx, frame);
    }
    if (av == AVERROR(ENOMEM))
        err = fail(reason, AC_ENOMEM, "memory is short for so large a picture; make it smaller");
    else if (av == AVERROR_PATCHWELCOME)
        err = fail(reason, AC_ENOTSUP,
                   "it is of a rare kind that cannot be read; save it as a usual JPEG or PNG");
    else if (av < 0 || (!err && (frame->decode_error_flags || frame->flags & AV_FRAME_FLAG_CORRUPT)))
        err = fail(reason, AC_EINVAL, "it is damaged and cannot be decoded; copy it again or save it anew");
    av_packet_free(&pkt);
    avcodec_free_context(&ctx);
    return err;
}

static int to_rgb(const AVFrame *frame, int max_side, struct ac_rgb *out, char *reason)
{
    int side = frame->width > frame->height ? frame->width : frame->height;
    double scale = max_side && side > max_side ? (double)max_side / side : 1;
    struct ac_av_rgb converter = {0};
    int err = ac_rgb_new(out, (int)fmax(lrint(frame->width * scale), 1),
                         (int)fmax(lrint(frame->height * scale), 1));

    if (!err)
        err = ac_av_rgb(&converter, frame, AVCOL_SPC_BT470BG, out);
    ac_av_rgb_free(&converter);
    if (err == AC_ENOTSUP)
        fail(reason, err,
             "its pixels are of a rare kind that cannot be read; save it as a usual JPEG or PNG");
    return err;
}

static int read_photo(const uint8_t *data, size_t len, const struct ac_photo_limits *limits,
                      struct ac_rgb *out, char *reason)
{
    static const struct ac_photo_limits none;
    const struct ac_photo_limits *l = limits ? limits : &none;
    int64_t max_pixels = l->max_pixels ? l->max_pixels : AC_PHOTO_MAX_PIXELS;
    const char *name;
    enum ac_photo_kind kind = ac_photo_sniff(data, len, &name);
    struct ac_photo_header h;

    if (kind == AC_PHOTO_OTHER)
        return fail(reason, AC_ENOTSUP, "it is %s %s file; save it as JPEG, PNG or WebP",
                    *name == 'A' ? "an" : "a", name);
    if (kind == AC_PHOTO_UNKNOWN)
        return fail(reason, AC_EINVAL, "it is no photo: JPEG, PNG and WebP can be read");
    if (len > AC_PHOTO_MAX_BYTES)
        return fail(reason, AC_ELIMIT, "it has %zu MB, more than the %d MB that are allowed; make it smaller",
                    len >> 20, AC_PHOTO_MAX_BYTES >> 20);
    if (!ac_photo_header_read(&h, data, len, kind))
        return fail(reason, AC_EINVAL, "its header is damaged, or the file is cut off; copy it again");
    int err = check(&h, max_pixels, reason);
    if (err)
        return err;
    AVFrame *frame = av_frame_alloc();
    err = frame ? decode(frame, &h, data, len, reason) : AC_ENOMEM;
    if (!err)
        err = to_rgb(frame, l->max_side, out, reason);
    av_frame_free(&frame);
    return err ? err : ac_rgb_turn(out, h.orientation);
}

int ac_photo_memory(const void *data, size_t len, const struct ac_photo_limits *limits, struct ac_rgb *out,
                    char *reason)
{
    *out = (struct ac_rgb){0};
    if (reason)
        reason[0] = '\0';
    ac_av_setup();
    ac_av_quiet(true); /* the reason says it; a stranger's bad file is no event of the program */
    int err = read_photo(data, len, limits, out, reason);
    ac_av_quiet(false);
    if (err)
        ac_rgb_free(out);
    if (err && reason && !reason[0])
        snprintf(reason, AC_PHOTO_REASON, "%s", ac_err_text(err));
    return err;
}

int ac_photo_file(const char *path, const struct ac_photo_limits *limits, struct ac_rgb *out, char *reason)
{
    struct stat st;
    char *data = NULL;
    size_t len = 0;
    int err;

    *out = (struct ac_rgb){0};
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return fail(reason, AC_EIO, "it is no file; name a photo");
    err = ac_read_file(path, AC_PHOTO_MAX_BYTES, &data, &len);
    if (err == AC_ELIMIT)
        return fail(reason, err, "it has more than the %d MB that are allowed; make it smaller",
                    AC_PHOTO_MAX_BYTES >> 20);
    if (err)
        return fail(reason, err, "%s", ac_err_text(err));
    err = ac_photo_memory(data, len, limits, out, reason);
    free(data);
    return err;
}
