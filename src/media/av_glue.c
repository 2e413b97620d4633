/* Glue between avatar-chat and libav*; see the header. */
#include "media/av_glue.h"
#include "avatarchat/err.h"
#include "base/log.h"
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* One block for libav at most: a picture of 8K has 50 MB, but a forged header asks for gigabytes. */
enum { MAX_ALLOC_BYTES = 256 << 20 };

static _Thread_local bool quiet;

static void forward_log(void *ctx, int level, const char *fmt, va_list args)
{
    char line[512];
    int print_prefix = 1;

    /* x264 and the muxer report their set-up as info: that is of use to nobody who runs a server. */
    if (level > AV_LOG_WARNING || ((level > AV_LOG_ERROR || quiet) && !ac_log_enabled(AC_LOG_DEBUG)))
        return;
    av_log_format_line(ctx, level, fmt, args, line, sizeof line, &print_prefix);
    line[strcspn(line, "\r\n")] = '\0';
    if (level <= AV_LOG_ERROR && !quiet)
        ac_log_warn("media", "libav_error", AC_S("text", line));
    else
        ac_log_debug("media", "libav_warning", AC_S("text", line));
}

void ac_av_quiet(bool be_quiet)
{
    quiet = be_quiet;
}

static void set_up(void)
{
    av_log_set_callback(forward_log);
    av_max_alloc(MAX_ALLOC_BYTES);
}

void ac_av_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_up);
}

int ac_av_error(int averror, const char *what)
{
    char text[AV_ERROR_MAX_STRING_SIZE];

    if (averror >= 0)
        return AC_OK;
    if (averror == AVERROR(ENOMEM))
        return AC_ENOMEM;
    av_make_error_string(text, sizeof text, averror);
    ac_log_warn("media", "failed", AC_S("what", what), AC_S("reason", text));
    return averror == AVERROR_ENCODER_NOT_FOUND || averror == AVERROR_MUXER_NOT_FOUND ? AC_ENOTSUP
                                                                                      : AC_EINTERNAL;
}

static void leave_alone(void *opaque, uint8_t *data)
{
    (void)opaque;
    (void)data;
}

int ac_av_borrow_picture(AVFrame *f, const struct ac_picture *pic)
{
    size_t size = (size_t)pic->stride[0] * (size_t)pic->height;

    /* libav copies a frame that has no buffer; one that frees nothing makes it borrow. */
    f->buf[0] = av_buffer_create(pic->data[0], size, leave_alone, NULL, AV_BUFFER_FLAG_READONLY);
    if (!f->buf[0])
        return AC_ENOMEM;
    for (int i = 0; i < 3; i++) {
        f->data[i] = pic->data[i];
        f->linesize[i] = pic->stride[i];
    }
    f->format = AV_PIX_FMT_YUV420P;
    f->width = pic->width;
    f->height = pic->height;
    f->color_range = AVCOL_RANGE_MPEG;
    f->color_primaries = AVCOL_PRI_BT709;
    f->color_trc = AVCOL_TRC_BT709;
    f->colorspace = AVCOL_SPC_BT709;
    return AC_OK;
}
