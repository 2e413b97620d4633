/*
 * H.264 + AAC in MP4, in process, into memory.
 *
 *     picture ─> libx264 ─┐
 *                         ├─> mp4 muxer ─> memory ─> fragment (or, with faststart, one file)
 *     PCM ─────> AAC ─────┘
 *
 * The pictures' planes are lent to libx264 (which copies them itself). Packets go straight into the muxer,
 * which keeps them until a fragment is asked for; each track has its own run in it, so no interleaving is
 * needed.
 *
 * The AAC coder's first packet holds what comes before the first sample and has a negative time. Fragments
 * have no edit list to say so (the muxer would move it to 0 and the sound would be 43 ms late), so it is left
 * out of them; an ordinary file has one and keeps it.
 */
#include "media/fmp4.h"
#include "avatarchat/err.h"
#include "base/mem.h"
#include "media/av_glue.h"
#include "media/mem_io.h"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_SIZE = 64, MAX_SIZE = 1920, MAX_FPS = 120, GOP_FRAMES = 250, AAC_FRAME = 1024 };

struct ac_fmp4 {
    struct ac_fmp4_config cfg;
    AVCodecContext *video, *audio; /* audio NULL: silent */
    AVFormatContext *mux;
    AVStream *video_stream, *audio_stream;
    AVFrame *picture; /* shell of a borrowed picture */
    AVFrame *samples; /* AAC_FRAME floats, filled so far: */
    int n_samples;
    AVPacket *pkt;
    struct ac_mem_io io;
    struct ac_str init_segment;
    char codecs[48];
    int64_t next_picture, next_sample;
    int shown;            /* frames that the picture at hand stands for */
    int pictures_waiting; /* since the last fragment */
    bool header_written, finished;
};

static int open_video(struct ac_fmp4 *m)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    AVCodecContext *c;

    if (!codec)
        return AC_ENOTSUP;
    m->video = c = avcodec_alloc_context3(codec);
    if (!c)
        return AC_ENOMEM;
    c->width = m->cfg.width;
    c->height = m->cfg.height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, m->cfg.fps};
    c->framerate = (AVRational){m->cfg.fps, 1};
    c->sample_aspect_ratio = (AVRational){1, 1};
    c->gop_size = GOP_FRAMES;
    c->max_b_frames = 0;
    c->thread_count = 1;
    c->color_range = AVCOL_RANGE_MPEG;
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_BT709;
    c->colorspace = AVCOL_SPC_BT709;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_opt_set(c->priv_data, "preset", "ultrafast", 0);
    av_opt_set(c->priv_data, "tune", "zerolatency", 0);
    av_opt_set(c->priv_data, "forced-idr", "1", 0);
    av_opt_set_double(c->priv_data, "crf", m->cfg.crf, 0);
    return ac_av_error(avcodec_open2(c, codec, NULL), "open libx264");
}

static int open_audio(struct ac_fmp4 *m)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("aac");
    AVCodecContext *c;

    if (!codec)
        return AC_ENOTSUP;
    m->audio = c = avcodec_alloc_context3(codec);
    if (!c)
        return AC_ENOMEM;
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    c->sample_rate = AC_FMP4_AUDIO_RATE;
    c->time_base = (AVRational){1, AC_FMP4_AUDIO_RATE};
    c->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    c->bit_rate = m->cfg.audio_kbps * 1000;
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_opt_set(c->priv_data, "aac_coder", "fast", 0);
    int err = ac_av_error(avcodec_open2(c, codec, NULL), "open the AAC encoder");
    if (err)
        return err;

    m->samples->format = AV_SAMPLE_FMT_FLTP;
    m->samples->sample_rate = AC_FMP4_AUDIO_RATE;
    m->samples->nb_samples = AAC_FRAME;
    if (av_channel_layout_copy(&m->samples->ch_layout, &c->ch_layout) < 0)
        return AC_ENOMEM;
    return av_frame_get_buffer(m->samples, 0) < 0 ? AC_ENOMEM : AC_OK;
}

static int add_stream(struct ac_fmp4 *m, const AVCodecContext *c, AVStream **stream)
{
    AVStream *s = avformat_new_stream(m->mux, NULL);

    if (!s || avcodec_parameters_from_context(s->codecpar, c) < 0)
        return AC_ENOMEM;
    s->time_base = c->time_base;
    *stream = s;
    return AC_OK;
}

/* Muxer and header; what the header wrote is the initialisation segment. */
static int open_muxer(struct ac_fmp4 *m)
{
    const char *flags =
        m->cfg.faststart ? "faststart" : "frag_custom+empty_moov+default_base_moof+skip_trailer";
    AVDictionary *opts = NULL;
    int err;

    if (avformat_alloc_output_context2(&m->mux, NULL, "mp4", NULL) < 0)
        return AC_ENOTSUP;
    err = ac_mem_io_attach(&m->io, m->mux, m->cfg.faststart);
    if (!err)
        err = add_stream(m, m->video, &m->video_stream);
    if (!err && m->audio)
        err = add_stream(m, m->audio, &m->audio_stream);
    if (err)
        return err;
    m->mux->flags |= AVFMT_FLAG_BITEXACT; /* no version of libav in the file */
    av_dict_set(&opts, "movflags", flags, 0);
    err = ac_av_error(avformat_write_header(m->mux, &opts), "write the MP4 header");
    av_dict_free(&opts);
    if (err)
        return err;
    m->header_written = true;
    if (!m->cfg.faststart)
        ac_mem_io_take(&m->io, &m->init_segment);
    return AC_OK;
}

/* RFC 6381: profile, constraints and level from the SPS, the AAC object type from its configuration. */
static int name_codecs(struct ac_fmp4 *m)
{
    const uint8_t *p = m->video->extradata, *end = p + m->video->extradata_size;

    while (end - p >= 7 && !(p[0] == 0 && p[1] == 0 && p[2] == 1 && (p[3] & 0x1f) == 7))
        p++;
    if (end - p < 7)
        return AC_ENOTSUP;
    int n = snprintf(m->codecs, sizeof m->codecs, "avc1.%02X%02X%02X", p[4], p[5], p[6]);
    if (!m->audio)
        return AC_OK;
    if (m->audio->extradata_size < 2)
        return AC_ENOTSUP;
    snprintf(m->codecs + n, sizeof m->codecs - (size_t)n, ", mp4a.40.%d", m->audio->extradata[0] >> 3);
    return AC_OK;
}

static bool config_ok(const struct ac_fmp4_config *c)
{
    return c->width >= MIN_SIZE && c->width <= MAX_SIZE && c->height >= MIN_SIZE && c->height <= MAX_SIZE &&
           c->width % 2 == 0 && c->height % 2 == 0 && c->fps >= 1 && c->fps <= MAX_FPS && c->crf >= 0 &&
           c->crf <= 51 && (c->silent || (c->audio_kbps >= 8 && c->audio_kbps <= 256));
}

int ac_fmp4_open(struct ac_fmp4 **out, const struct ac_fmp4_config *cfg)
{
    struct ac_fmp4 *m;
    int err;

    if (!config_ok(cfg))
        return AC_EINVAL;
    ac_av_setup();
    m = ac_zalloc(sizeof *m);
    m->cfg = *cfg;
    m->picture = av_frame_alloc();
    m->samples = av_frame_alloc();
    m->pkt = av_packet_alloc();
    err = m->picture && m->samples && m->pkt ? AC_OK : AC_ENOMEM;
    if (!err)
        err = open_video(m);
    if (!err && !cfg->silent)
        err = open_audio(m);
    if (!err)
        err = open_muxer(m);
    if (!err)
        err = name_codecs(m);
    if (err)
        ac_fmp4_close(m);
    else
        *out = m;
    return err;
}

void ac_fmp4_close(struct ac_fmp4 *m)
{
    if (!m)
        return;
    avformat_free_context(m->mux);
    ac_mem_io_detach(&m->io);
    avcodec_free_context(&m->video);
    avcodec_free_context(&m->audio);
    av_frame_free(&m->picture);
    av_frame_free(&m->samples);
    av_packet_free(&m->pkt);
    ac_str_free(&m->init_segment);
    free(m);
}

/* Hands a frame (NULL: no more) to a coder and what comes out of it to the muxer. */
static int encode(struct ac_fmp4 *m, AVCodecContext *c, AVStream *stream, const AVFrame *frame)
{
    int ret = avcodec_send_frame(c, frame);

    while (ret >= 0) {
        ret = avcodec_receive_packet(c, m->pkt);
        if (ret == AVERROR(EAGAIN) || ret == AVERROR_EOF)
            return AC_OK;
        if (ret < 0)
            break;
        if (m->pkt->pts < 0 && !m->cfg.faststart) {
            av_packet_unref(m->pkt);
            continue;
        }
        m->pkt->stream_index = stream->index;
        if (c == m->video)
            m->pkt->duration = m->shown; /* else the last picture has none */
        av_packet_rescale_ts(m->pkt, c->time_base, stream->time_base);
        ret = av_write_frame(m->mux, m->pkt);
        av_packet_unref(m->pkt);
    }
    return ac_av_error(ret, "encode and mux");
}

int ac_fmp4_video(struct ac_fmp4 *m, const struct ac_picture *pic, bool key)
{
    return ac_fmp4_video_long(m, pic, key, 1);
}

int ac_fmp4_video_long(struct ac_fmp4 *m, const struct ac_picture *pic, bool key, int frames)
{
    int err;

    if (frames < 1 || m->finished || pic->width != m->cfg.width || pic->height != m->cfg.height)
        return AC_EINVAL;
    err = ac_av_borrow_picture(m->picture, pic);
    if (err)
        return err;
    m->shown = frames;
    m->picture->pts = m->next_picture;
    m->picture->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    err = encode(m, m->video, m->video_stream, m->picture);
    av_frame_unref(m->picture);
    if (err)
        return err;
    m->next_picture += frames;
    m->pictures_waiting++;
    return AC_OK;
}

static int encode_samples(struct ac_fmp4 *m)
{
    m->samples->nb_samples = m->n_samples;
    m->samples->pts = m->next_sample;
    m->next_sample += m->n_samples;
    m->n_samples = 0;
    return encode(m, m->audio, m->audio_stream, m->samples);
}

int ac_fmp4_audio(struct ac_fmp4 *m, const int16_t *pcm, size_t n)
{
    if (m->finished || !m->audio)
        return AC_EINVAL;
    while (n > 0) {
        if (m->n_samples == 0 && av_frame_make_writable(m->samples) < 0)
            return AC_ENOMEM;
        float *to = (float *)m->samples->data[0] + m->n_samples;
        size_t take = (size_t)(AAC_FRAME - m->n_samples);

        if (take > n)
            take = n;
        for (size_t i = 0; i < take; i++)
            to[i] = pcm[i] * (1.0f / 32768);
        pcm += take;
        n -= take;
        m->n_samples += (int)take;
        if (m->n_samples == AAC_FRAME) {
            int err = encode_samples(m);

            if (err)
                return err;
        }
    }
    return AC_OK;
}

int ac_fmp4_flush(struct ac_fmp4 *m, struct ac_str *out)
{
    int err;

    if (m->cfg.faststart)
        return AC_EINVAL;
    if (m->pictures_waiting == 0)
        return AC_OK;
    err = ac_av_error(av_write_frame(m->mux, NULL), "write a fragment");
    if (err)
        return err;
    m->pictures_waiting = 0;
    ac_mem_io_take(&m->io, out);
    return AC_OK;
}

int ac_fmp4_finish(struct ac_fmp4 *m, struct ac_str *out)
{
    int err = AC_OK;

    if (m->finished)
        return AC_EINVAL;
    m->finished = true;
    if (m->n_samples > 0)
        err = encode_samples(m);
    if (!err && m->audio)
        err = encode(m, m->audio, m->audio_stream, NULL);
    if (!err)
        err = encode(m, m->video, m->video_stream, NULL);
    if (!err)
        err = ac_av_error(av_write_trailer(m->mux), "write the end of the MP4");
    if (!err)
        ac_mem_io_take(&m->io, out);
    return err;
}

const char *ac_fmp4_init_segment(const struct ac_fmp4 *m, size_t *len)
{
    *len = m->init_segment.len;
    return m->init_segment.p;
}

const char *ac_fmp4_codecs(const struct ac_fmp4 *m)
{
    return m->codecs;
}
