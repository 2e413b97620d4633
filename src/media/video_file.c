/*
 * Demux, decode, choose by time, scale, turn: libavformat over the file → libavcodec → a picture is held
 * until the next one comes, and given for each tick that lies before that one.
 */
#include "media/video_file.h"

#include "base/mem.h"
#include "media/av_glue.h"
#include "media/av_rgb.h"

#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 65536, MAX_BAD_PACKETS = 1000, MAX_RATE = 250, MAX_STREAMS = 64 };

/* Containers that carry video; no playlists, no text, nothing that opens further files. */
#define CONTAINERS "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg"
/* What cameras, phones and browsers write. */
#define DECODERS                                                                                             \
    "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1,mpeg4,h263,mpeg2video,mpeg1video,mjpeg,"    \
    "theora,prores,dnxhd,vc1,wmv3,wmv2,msmpeg4,msmpeg4v2,flv,vp6f,ffv1,rawvideo,png"

struct reader {
    const struct ac_video_wish *wish;
    ac_video_frame_fn *fn;
    void *arg;
    struct ac_cancel *cancel;
    char *reason;
    int fd;
    int read_errno;
    AVIOContext *pb;
    AVFormatContext *demux;
    AVCodecContext *codec;
    AVPacket *pkt;
    AVFrame *frame, *held; /* held: the picture that is seen until the next one comes */
    const AVStream *stream;
    int orientation;
    struct ac_av_rgb converter;
    struct ac_rgb pic;
    bool pic_is_held; /* pic shows the held frame already */
    double start_s, held_s;
    size_t number; /* of the next picture that is given */
    int64_t n_decoded;
    int width, height, out_width, out_height; /* as seen; before it is turned */
    int bad_packets;
    bool damaged;
};

static int fail(struct reader *r, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct reader *r, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r->reason, AC_VIDEO_REASON, fmt, ap);
    va_end(ap);
    return err;
}

/* ---- bytes ---- */

static int read_bytes(void *opaque, uint8_t *data, int size)
{
    struct reader *r = opaque;
    ssize_t n;

    do
        n = read(r->fd, data, (size_t)size);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        r->read_errno = errno;
        return AVERROR_EXIT;
    }
    return n > 0 ? (int)n : AVERROR_EOF;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct reader *r = opaque;
    struct stat st;

    if (whence & AVSEEK_SIZE)
        return fstat(r->fd, &st) == 0 ? st.st_size : AVERROR(errno);
    off_t to = lseek(r->fd, offset, whence & ~AVSEEK_FORCE);
    return to < 0 ? AVERROR(errno) : to;
}

/* A container that wants to open something else does not get it. */
static int open_nothing(AVFormatContext *s, AVIOContext **pb, const char *url, int flags, AVDictionary **opts)
{
    (void)s, (void)pb, (void)url, (void)flags, (void)opts;
    return AVERROR(EACCES);
}

static int is_cancelled(void *arg)
{
    return ac_cancelled(arg);
}

/* ---- opening ---- */

static int open_demuxer(struct reader *r)
{
    AVDictionary *opts = NULL;
    uint8_t *buffer = av_malloc(READ_BYTES);

    r->pb = buffer ? avio_alloc_context(buffer, READ_BYTES, 0, r, read_bytes, NULL, seek_bytes) : NULL;
    if (!r->pb)
        av_free(buffer);
    r->demux = avformat_alloc_context();
    if (!r->pb || !r->demux)
        return AC_ENOMEM;
    r->demux->pb = r->pb;
    r->demux->flags |= AVFMT_FLAG_CUSTOM_IO;
    r->demux->io_open = open_nothing;
    r->demux->interrupt_callback = (AVIOInterruptCB){is_cancelled, r->cancel};
    r->demux->max_streams = MAX_STREAMS;
    av_dict_set(&opts, "format_whitelist", CONTAINERS, 0);
    av_dict_set(&opts, "codec_whitelist", DECODERS, 0);
    int av = avformat_open_input(&r->demux, NULL, NULL, &opts);
    av_dict_free(&opts);
    if (av >= 0)
        av = avformat_find_stream_info(r->demux, NULL);
    if (ac_cancelled(r->cancel))
        return AC_ECANCELED;
    if (r->read_errno)
        return fail(r, AC_EIO, "reading failed: %s", strerror(r->read_errno));
    /* also where memory was short: a damaged header asks for more than there can be */
    if (av < 0)
        return fail(r, AC_EINVAL,
                    "it is no video file of a known kind (MP4, WebM, MKV, MOV …), or its header is "
                    "damaged");
    return AC_OK;
}

static const int32_t *display_matrix(const AVStream *st)
{
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVPacketSideData *side = av_packet_side_data_get(
        st->codecpar->coded_side_data, st->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);

    return side && side->size >= 9 * sizeof(int32_t) ? (const int32_t *)(const void *)side->data : NULL;
#else
    size_t size = 0;
    const uint8_t *side = av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, &size);

    return side && size >= 9 * sizeof(int32_t) ? (const int32_t *)(const void *)side : NULL;
#endif
}

/* EXIF's number for what the matrix does to a picture; turns that are not right angles go to the nearest. */
static int orientation_of(const int32_t *m)
{
    if (!m)
        return 1;
    /* a point (x, y) goes to (m0 x + m3 y, m1 x + m4 y) */
    double straight = fabs((double)m[0]) + fabs((double)m[4]),
           across = fabs((double)m[1]) + fabs((double)m[3]);
    if (straight >= across)
        return m[0] < 0 ? (m[4] < 0 ? 3 : 2) : (m[4] < 0 ? 4 : 1);
    return m[3] < 0 ? (m[1] < 0 ? 7 : 6) : (m[1] < 0 ? 8 : 5);
}

/* As the headers say; 0 = they do not. What begins late counts that time in some containers: it is no
 * picture. */
static double length_s(const struct reader *r)
{
    const double unit = 1.0 / AV_TIME_BASE;
    double all = r->demux->duration > 0 ? (double)r->demux->duration * unit : 0;
    double start = r->demux->start_time > 0 ? (double)r->demux->start_time * unit : 0;
    double own = r->stream->duration > 0 ? (double)r->stream->duration * av_q2d(r->stream->time_base) : 0;

    all = start > 0 && all > start ? all - start : all;
    return own > 0 && own < all ? own : all;
}

static int check_stream(struct reader *r)
{
    const AVCodecParameters *par = r->stream->codecpar;
    int max_pixels = r->wish->max_pixels ? r->wish->max_pixels : AC_VIDEO_MAX_PIXELS;
    double seconds = length_s(r);

    if ((int64_t)par->width * par->height > max_pixels)
        return fail(
            r, AC_ELIMIT,
            "its pictures have %d x %d pixels, more than the %.1f million that are allowed; make them "
            "smaller",
            par->width, par->height, max_pixels / 1e6);
    if (seconds > r->wish->max_s + 1)
        return fail(r, AC_ELIMIT, "it is %.0f seconds long, %d are allowed; cut the best part out of it",
                    seconds, r->wish->max_s);
    if (par->color_trc == AVCOL_TRC_SMPTE2084 || par->color_trc == AVCOL_TRC_ARIB_STD_B67)
        return fail(r, AC_ENOTSUP,
                    "it is an HDR video (%s); record or export it in SDR, the usual range of brightness",
                    par->color_trc == AVCOL_TRC_SMPTE2084 ? "PQ" : "HLG");
    return AC_OK;
}

static int open_codec(struct reader *r)
{
    const AVCodec *codec = NULL;
    int i = av_find_best_stream(r->demux, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);

    if (i == AVERROR_DECODER_NOT_FOUND)
        return fail(r, AC_ENOTSUP,
                    "its video is of a kind that cannot be decoded; convert it to H.264 in MP4");
    if (i < 0 || r->demux->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC)
        return fail(r, AC_EINVAL, "there is no video in it, only sound or other data");
    for (unsigned k = 0; k < r->demux->nb_streams; k++)
        r->demux->streams[k]->discard = (int)k == i ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    r->stream = r->demux->streams[i];
    int err = check_stream(r);
    if (err)
        return err;
    r->codec = avcodec_alloc_context3(codec);
    if (!r->codec || avcodec_parameters_to_context(r->codec, r->stream->codecpar) < 0)
        return AC_ENOMEM;
    r->codec->pkt_timebase = r->stream->time_base;
    r->codec->thread_count = r->wish->threads > 0 ? r->wish->threads : 1;
    r->codec->max_pixels = r->wish->max_pixels ? r->wish->max_pixels : AC_VIDEO_MAX_PIXELS;
    r->codec->max_pixels += 128 * 4096; /* libav counts its alignment, too */
    AVDictionary *opts = NULL;
    av_dict_set(&opts, "codec_whitelist", DECODERS, 0);
    int av = avcodec_open2(r->codec, codec, &opts);
    av_dict_free(&opts);
    if (av < 0)
        return fail(r, AC_ENOTSUP, "its video (%s) cannot be decoded; convert it to H.264 in MP4",
                    codec->name);
    r->orientation = orientation_of(display_matrix(r->stream));
    return AC_OK;
}

/* ---- pictures ---- */

/* The sizes, once the first frame tells them. */
static int set_sizes(struct reader *r)
{
    const AVFrame *f = r->held;
    AVRational sar = av_guess_sample_aspect_ratio(r->demux, (AVStream *)(uintptr_t)r->stream, r->held);
    double w = f->width, h = f->height, ratio = sar.num > 0 && sar.den > 0 ? av_q2d(sar) : 1;

    ratio = ratio < 0.25 || ratio > 4 ? 1 : ratio;
    w = ratio > 1 ? w * ratio : w;
    h = ratio < 1 ? h / ratio : h;
    double side = fmax(w, h),
           scale = r->wish->max_side && side > r->wish->max_side ? r->wish->max_side / side : 1;
    bool lies = r->orientation >= 5;
    r->width = (int)lrint(lies ? h : w);
    r->height = (int)lrint(lies ? w : h);
    r->out_width = (int)fmax(lrint(w * scale), 1);
    r->out_height = (int)fmax(lrint(h * scale), 1);
    return AC_OK;
}

static int convert_held(struct reader *r)
{
    int fallback = r->held->height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    int err = AC_OK;

    if (r->pic_is_held)
        return AC_OK;
    if (!r->width)
        err = set_sizes(r);
    ac_rgb_free(&r->pic);
    if (!err)
        err = ac_rgb_new(&r->pic, r->out_width, r->out_height);
    if (!err)
        err = ac_av_rgb(&r->converter, r->held, fallback, &r->pic);
    if (err == AC_ENOTSUP)
        return fail(r, err, "its pixels are of a rare kind that cannot be read; convert it to H.264 in MP4");
    if (!err)
        err = ac_rgb_turn(&r->pic, r->orientation);
    r->pic_is_held = !err;
    return err;
}

/* Gives the held picture for every tick before `until`. */
static int give(struct reader *r, double until_s)
{
    double length = length_s(r), total = length > 0 ? length : r->wish->max_s;
    const double slack_s = 0.001; /* time stamps of milliseconds round down */
    int err = AC_OK;

    for (; !err && (double)r->number / r->wish->fps < until_s - slack_s; r->number++) {
        double at_s = (double)r->number / r->wish->fps;
        if (at_s >= r->wish->max_s + 1)
            return fail(r, AC_ELIMIT,
                        "it is longer than the %d seconds that are allowed; cut the best part out "
                        "of it",
                        r->wish->max_s);
        if (ac_cancelled(r->cancel))
            return AC_ECANCELED;
        err = convert_held(r);
        if (!err)
            err = r->fn(r->arg, &(struct ac_video_frame){.pic = &r->pic,
                                                         .number = r->number,
                                                         .width = r->width,
                                                         .height = r->height,
                                                         .done = fmin(at_s / total, 1)});
    }
    return err;
}

/* How long a picture is seen where nothing follows it. */
static double duration_s(const struct reader *r)
{
    AVRational rate = r->stream->avg_frame_rate.num > 0 ? r->stream->avg_frame_rate : r->stream->r_frame_rate;

    return rate.num > 0 && rate.den > 0 ? fmin(fmax(av_q2d(av_inv_q(rate)), 0.001), 1) : 0.04;
}

static int take_frame(struct reader *r)
{
    AVFrame *f = r->frame;
    double at_s = f->best_effort_timestamp == AV_NOPTS_VALUE
                      ? r->held_s + duration_s(r) + r->start_s
                      : (double)f->best_effort_timestamp * av_q2d(r->stream->time_base);
    int err = AC_OK;

    r->damaged = r->damaged || f->decode_error_flags || f->flags & AV_FRAME_FLAG_CORRUPT;
    if (++r->n_decoded > (int64_t)(r->wish->max_s + 2) * MAX_RATE)
        return fail(r, AC_ELIMIT, "it has more than %d pictures a second; convert it to 25 or 30", MAX_RATE);
    if (r->n_decoded == 1)
        r->start_s = f->best_effort_timestamp == AV_NOPTS_VALUE ? 0 : at_s;
    else
        err = give(r, at_s - r->start_s);
    if (err)
        return err;
    /* time does not run backwards, whatever the file says */
    r->held_s = r->n_decoded == 1 ? 0 : fmax(at_s - r->start_s, r->held_s);
    av_frame_unref(r->held);
    av_frame_move_ref(r->held, f);
    r->pic_is_held = false;
    return AC_OK;
}

static int receive(struct reader *r)
{
    int err = AC_OK;

    while (!err) {
        int av = avcodec_receive_frame(r->codec, r->frame);
        if (av == AVERROR(EAGAIN) || av == AVERROR_EOF)
            break;
        if (av < 0) {
            r->damaged = true;
            err = ++r->bad_packets > MAX_BAD_PACKETS ? fail(r, AC_EINVAL,
                                                            "it is damaged; record or export it "
                                                            "again")
                                                     : AC_OK;
            continue;
        }
        err = take_frame(r);
        av_frame_unref(r->frame);
    }
    return err;
}

static int read_all(struct reader *r)
{
    int err = AC_OK, av = 0;

    while (!err && (av = av_read_frame(r->demux, r->pkt)) >= 0) {
        if (ac_cancelled(r->cancel))
            err = AC_ECANCELED;
        else if (r->pkt->stream_index == r->stream->index) {
            int sent = avcodec_send_packet(r->codec, r->pkt);
            if (sent < 0 && ++r->bad_packets > MAX_BAD_PACKETS)
                err = fail(r, AC_EINVAL, "it is damaged; record or export it again");
            r->damaged = r->damaged || sent < 0;
            if (!err)
                err = receive(r);
        }
        av_packet_unref(r->pkt);
    }
    if (!err && ac_cancelled(r->cancel))
        err = AC_ECANCELED;
    if (!err && r->read_errno)
        err = fail(r, AC_EIO, "reading failed: %s", strerror(r->read_errno));
    r->damaged = r->damaged || (!err && av != AVERROR_EOF);
    if (!err && avcodec_send_packet(r->codec, NULL) >= 0)
        err = receive(r);
    if (!err && r->n_decoded > 0)
        err = give(r, r->held_s + duration_s(r));
    if (!err && r->number == 0)
        err = fail(r, AC_EINVAL, "no picture of it can be decoded: it is damaged or ends after its header");
    return err;
}

static void close_reader(struct reader *r)
{
    avformat_close_input(&r->demux);
    if (r->pb)
        av_freep(&r->pb->buffer);
    avio_context_free(&r->pb);
    avcodec_free_context(&r->codec);
    av_packet_free(&r->pkt);
    av_frame_free(&r->frame);
    av_frame_free(&r->held);
    ac_av_rgb_free(&r->converter);
    ac_rgb_free(&r->pic);
    if (r->fd >= 0)
        close(r->fd);
}

static int open_file(struct reader *r, const char *path)
{
    struct stat st;

    r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (r->fd < 0)
        return fail(r, errno == ENOENT ? AC_ENOENT : AC_EIO, "%s", strerror(errno));
    if (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return fail(r, AC_EIO, "it is no file; name a video");
    return AC_OK;
}

int ac_video_file_read(const char *path, const struct ac_video_wish *wish, ac_video_frame_fn *fn, void *arg,
                       struct ac_cancel *cancel, bool *damaged, char *reason)
{
    char unused[AC_VIDEO_REASON];
    struct reader r = {.wish = wish,
                       .fn = fn,
                       .arg = arg,
                       .cancel = cancel,
                       .reason = reason ? reason : unused,
                       .fd = -1,
                       .pkt = av_packet_alloc(),
                       .frame = av_frame_alloc(),
                       .held = av_frame_alloc()};

    r.reason[0] = '\0';
    ac_av_setup();
    ac_av_quiet(true); /* the reason says it; a stranger's bad file is no event of the program */
    int err = r.pkt && r.frame && r.held ? open_file(&r, path) : AC_ENOMEM;
    if (!err)
        err = open_demuxer(&r);
    if (!err)
        err = open_codec(&r);
    if (!err)
        err = read_all(&r);
    close_reader(&r);
    ac_av_quiet(false);
    if (damaged)
        *damaged = r.damaged;
    if (err == AC_VIDEO_ENOUGH)
        err = AC_OK;
    if (err && !r.reason[0])
        snprintf(r.reason, AC_VIDEO_REASON, "%s", ac_err_text(err));
    return err;
}
