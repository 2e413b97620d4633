/*
 * Demux, decode, mix to one channel, resample: libavformat over the caller's bytes → libavcodec →
 * libswresample (sample format and channels only) → libsoxr (media/resample.h).
 */
#include "media/decode_run.h"
#include "avatarchat/err.h"
#include "avatarchat/frame.h"
#include "base/mem.h"
#include "media/av_glue.h"
#include "media/resample.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 16384, MAX_CHANNELS = 32, MIN_HZ = 4000, MAX_HZ = 192000, MAX_BAD_PACKETS = 1000 };

/* Containers that carry sound; no playlists, no text, nothing that opens further files. */
#define CONTAINERS                                                                                           \
    "wav,w64,aiff,au,caf,flac,mp3,aac,ogg,matroska,mov,asf,avi,mpegts,mpeg,flv,amr,ac3,eac3,ape,wv,tta,voc," \
    "gsm,xwma,sox,loas,nut"

struct decoder {
    struct ac_decode_run *run;
    AVIOContext *pb;
    AVFormatContext *demux;
    AVCodecContext *codec;
    AVPacket *pkt;
    AVFrame *frame;
    int stream;
    /* what the converter is set up for */
    SwrContext *swr;
    int rate_hz, channels, format;
    struct ac_resampler *resampler;
    struct ac_str out; /* int16_t, before it goes to the reader */
    int64_t n_out;
    int read_err; /* of the caller's read, which libav cannot carry */
    int bad_packets;
};

static int fail(struct decoder *d, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct decoder *d, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(d->run->reason, sizeof d->run->reason, fmt, ap);
    va_end(ap);
    return err;
}

static int read_bytes(void *opaque, uint8_t *data, int size)
{
    struct decoder *d = opaque;
    int n = d->run->read(d->run->arg, data, size);

    if (n < 0) {
        d->read_err = n;
        return AVERROR_EXIT;
    }
    return n > 0 ? n : AVERROR_EOF;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct decoder *d = opaque;

    return d->run->seek(d->run->arg, offset, whence & ~AVSEEK_FORCE);
}

/* A container that wants to open something else does not get it. */
static int open_nothing(AVFormatContext *s, AVIOContext **pb, const char *url, int flags, AVDictionary **opts)
{
    (void)s, (void)pb, (void)url, (void)flags, (void)opts;
    return AVERROR(EACCES);
}

/* ---- opening ---- */

static char *sound_decoders; /* their names, for libav: it must not look into pictures on the way */

static void list_sound_decoders(void)
{
    struct ac_str names = {0};
    const AVCodec *codec;
    void *at = NULL;

    while ((codec = av_codec_iterate(&at))) {
        if (codec->type == AVMEDIA_TYPE_AUDIO && av_codec_is_decoder(codec))
            ac_str_addf(&names, "%s%s", names.len ? "," : "", codec->name);
    }
    sound_decoders = ac_str_steal(&names);
}

static int open_demuxer(struct decoder *d)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const AVInputFormat *format = NULL;
    AVDictionary *opts = NULL;
    uint8_t *buffer = av_malloc(READ_BYTES);

    d->pb = buffer ? avio_alloc_context(buffer, READ_BYTES, 0, d, read_bytes, NULL,
                                        d->run->seek ? seek_bytes : NULL)
                   : NULL;
    if (!d->pb)
        av_free(buffer);
    d->demux = avformat_alloc_context();
    if (!d->pb || !d->demux)
        return AC_ENOMEM;
    d->demux->pb = d->pb;
    d->demux->flags |= AVFMT_FLAG_CUSTOM_IO;
    d->demux->io_open = open_nothing;
    pthread_once(&once, list_sound_decoders);
    av_dict_set(&opts, "codec_whitelist", sound_decoders, 0);
    if (d->run->format) {
        format = av_find_input_format(d->run->format);
        if (!format) {
            av_dict_free(&opts);
            return fail(d, AC_ENOTSUP, "libavformat was built without its container '%s'", d->run->format);
        }
    } else {
        av_dict_set(&opts, "format_whitelist", CONTAINERS, 0);
    }
    int err = avformat_open_input(&d->demux, NULL, format, &opts);
    av_dict_free(&opts);
    /* A stream's headers say all; looking further would hold its first packets back. */
    if (err >= 0 && !format)
        err = avformat_find_stream_info(d->demux, NULL);
    /* also where memory was short: a damaged header asks for more than there can be */
    if (err < 0 && !d->read_err)
        return fail(d, AC_EINVAL, "it is no audio file of a known format, or its header is damaged");
    return d->read_err;
}

static int open_codec(struct decoder *d)
{
    const AVCodec *codec = NULL;

    d->stream = av_find_best_stream(d->demux, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
    if (d->stream == AVERROR_DECODER_NOT_FOUND)
        return fail(d, AC_ENOTSUP, "libavcodec was built without the decoder of its sound");
    if (d->stream < 0)
        return fail(d, AC_EINVAL, "there is no sound in it");
    for (unsigned i = 0; i < d->demux->nb_streams; i++)
        d->demux->streams[i]->discard = (int)i == d->stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    const AVStream *st = d->demux->streams[d->stream];
    d->codec = avcodec_alloc_context3(codec);
    if (!d->codec || avcodec_parameters_to_context(d->codec, st->codecpar) < 0)
        return AC_ENOMEM;
    d->codec->pkt_timebase = st->time_base;
    d->codec->thread_count = 1;
    d->codec->request_sample_fmt = AV_SAMPLE_FMT_S16;
    if (avcodec_open2(d->codec, codec, NULL) < 0)
        return fail(d, AC_EINVAL, "its header names impossible parameters (%d Hz, %d channels)",
                    st->codecpar->sample_rate, st->codecpar->ch_layout.nb_channels);
    return AC_OK;
}

/* ---- samples ---- */

/* Hands over what the resampler made. */
static int deliver(struct decoder *d)
{
    size_t n = d->out.len / sizeof(int16_t);
    int64_t limit = (int64_t)d->run->max_s * d->run->rate_hz;
    int err = AC_OK;

    if (n > 0)
        err = d->run->pcm(d->run->arg, (const int16_t *)(const void *)d->out.p, n);
    ac_str_clear(&d->out);
    d->n_out += (int64_t)n;
    if (!err && limit && d->n_out > limit)
        err = fail(d, AC_ELIMIT, "it is longer than the %d seconds that are allowed; cut it into parts",
                   d->run->max_s);
    return err;
}

/* What the resampler holds back, before the parameters change and at the end. */
static int drain(struct decoder *d)
{
    if (!d->resampler)
        return AC_OK;
    int err = ac_resampler_run(d->resampler, NULL, 0, &d->out);
    ac_resampler_close(d->resampler);
    d->resampler = NULL;
    return err ? err : deliver(d);
}

/* Sets the converter up for frames like f; its channels are averaged. */
static int set_converter(struct decoder *d, const AVFrame *f)
{
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    AVChannelLayout from = {.order = AV_CHANNEL_ORDER_NATIVE, .nb_channels = f->ch_layout.nb_channels};
    double mean[MAX_CHANNELS];
    int err = drain(d);

    if (err)
        return err;
    d->rate_hz = f->sample_rate;
    d->channels = f->ch_layout.nb_channels;
    d->format = f->format;
    if (d->channels < 1 || d->channels > MAX_CHANNELS)
        return fail(d, AC_ENOTSUP, "it has %d channels, 1 to %d can be read", d->channels, MAX_CHANNELS);
    if (d->rate_hz < MIN_HZ || d->rate_hz > MAX_HZ)
        return fail(d, AC_ENOTSUP, "its sample rate is %d Hz, %d to %d can be read", d->rate_hz, MIN_HZ,
                    MAX_HZ);
    for (int i = 0; i < d->channels; i++)
        mean[i] = 1.0 / d->channels;
    /* Which speaker a channel belongs to plays no part, but libswresample wants a name for each. */
    from.u.mask = d->channels == 1 ? AV_CH_LAYOUT_MONO : (UINT64_C(1) << d->channels) - 1;
    swr_free(&d->swr);
    if (swr_alloc_set_opts2(&d->swr, &mono, AV_SAMPLE_FMT_S16, d->rate_hz, &from, d->format, d->rate_hz, 0,
                            NULL) < 0 ||
        swr_set_matrix(d->swr, mean, d->channels) < 0 || swr_init(d->swr) < 0)
        return fail(d, AC_ENOTSUP, "libswresample cannot mix its %d channels", d->channels);
    return ac_resampler_open(&d->resampler, d->rate_hz, d->run->rate_hz);
}

static int take_frame(struct decoder *d)
{
    AVFrame *f = d->frame;
    int err = AC_OK;

    if (!d->resampler || f->sample_rate != d->rate_hz || f->ch_layout.nb_channels != d->channels ||
        f->format != d->format)
        err = set_converter(d, f);
    if (!err && f->nb_samples > 0) {
        int16_t *mono = ac_try_alloc((size_t)f->nb_samples * sizeof *mono);
        uint8_t *to = (uint8_t *)mono;
        int n =
            mono ? swr_convert(d->swr, &to, f->nb_samples, (const uint8_t **)f->extended_data, f->nb_samples)
                 : AVERROR(ENOMEM);
        err = n < 0 ? AC_ENOMEM : ac_resampler_run(d->resampler, mono, (size_t)n, &d->out);
        free(mono);
    }
    av_frame_unref(f);
    return err ? err : deliver(d);
}

/* Decodes d->pkt (NULL data: the end). A packet that does not decode is left out. */
static int take_packet(struct decoder *d, const AVPacket *pkt)
{
    int sent = avcodec_send_packet(d->codec, pkt), got, err = AC_OK;

    if (sent < 0 && sent != AVERROR_EOF) {
        d->run->damaged = true;
        return ++d->bad_packets < MAX_BAD_PACKETS
                   ? AC_OK
                   : fail(d, AC_EINVAL, "its sound is damaged: nothing of it can be decoded any more");
    }
    while (!err && (got = avcodec_receive_frame(d->codec, d->frame)) >= 0)
        err = take_frame(d);
    if (!err && got < 0 && got != AVERROR(EAGAIN) && got != AVERROR_EOF) {
        d->run->damaged = true;
        d->bad_packets++;
    }
    return err;
}

static int decode_all(struct decoder *d)
{
    int got, err = AC_OK;

    while (!err && (got = av_read_frame(d->demux, d->pkt)) >= 0) {
        if (d->pkt->stream_index == d->stream)
            err = take_packet(d, d->pkt);
        av_packet_unref(d->pkt);
    }
    if (err)
        return err;
    if (d->read_err)
        return d->read_err;
    if (got != AVERROR_EOF)
        d->run->damaged = true;
    err = take_packet(d, NULL);
    if (!err)
        err = drain(d);
    if (!err && d->n_out == 0)
        err = fail(d, AC_EINVAL,
                   d->run->damaged ? "its sound is damaged: nothing of it can be decoded"
                                   : "there is no sound in it: it ends after its header");
    return err;
}

/* A header that promises much more than came: the end is missing. */
static void look_for_end(struct decoder *d)
{
    const AVStream *st = d->demux->streams[d->stream];

    if (d->run->format || st->duration == AV_NOPTS_VALUE ||
        d->demux->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
        return;
    int64_t promised = av_rescale_q(st->duration, st->time_base, (AVRational){1, d->run->rate_hz});
    if (promised - d->n_out > d->run->rate_hz / 2 + promised / 50)
        d->run->damaged = true;
}

static void decoder_free(struct decoder *d)
{
    avformat_close_input(&d->demux);
    if (d->pb)
        av_freep(&d->pb->buffer);
    avio_context_free(&d->pb);
    avcodec_free_context(&d->codec);
    av_packet_free(&d->pkt);
    av_frame_free(&d->frame);
    swr_free(&d->swr);
    ac_resampler_close(d->resampler);
    ac_str_free(&d->out);
}

int ac_decode_run(struct ac_decode_run *r)
{
    struct decoder d = {.run = r, .pkt = av_packet_alloc(), .frame = av_frame_alloc()};
    int err = d.pkt && d.frame ? AC_OK : AC_ENOMEM;

    ac_av_setup();
    ac_av_quiet(true); /* the reason says it; a stranger's bad file is no event of the program */
    r->reason[0] = '\0';
    r->rate_hz = r->rate_hz ? r->rate_hz : AC_LISTEN_RATE_HZ;
    if (!err)
        err = open_demuxer(&d);
    if (!err)
        err = open_codec(&d);
    if (!err)
        err = decode_all(&d);
    if (!err)
        look_for_end(&d);
    decoder_free(&d);
    ac_av_quiet(false);
    if (err && !r->reason[0])
        snprintf(r->reason, sizeof r->reason, "%s", ac_err_text(err));
    return err;
}
