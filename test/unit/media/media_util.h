/* For the tests of src/media: test pictures and tones, measuring them, and decoding an MP4 with libav. */
#ifndef TEST_MEDIA_UTIL_H
#define TEST_MEDIA_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avatarchat/frame.h"
#include "base/str.h"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <math.h>

#define UTIL static __attribute__((unused))

/* A smooth coloured picture that moves with n. */
UTIL struct ac_frame *make_picture(int width, int height, int n)
{
    struct ac_frame *f = ac_frame_new_picture(width, height);
    struct ac_picture *p = &f->picture;

    for (int c = 0; c < 3; c++) {
        int w = c ? width / 2 : width, h = c ? height / 2 : height;

        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                double u = 6.28 * x / w, v = 6.28 * y / h, t = 0.05 * n;
                double wave = sin(u + t + c) * cos(v - 0.5 * t + 2 * c);

                p->data[c][(ptrdiff_t)y * p->stride[c] + x] = (uint8_t)lrint(128 + (c ? 40 : 80) * wave);
            }
    }
    return f;
}

/* Mean square error of a plane, in dB below the full scale. */
UTIL double psnr(const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b, ptrdiff_t b_stride, int w, int h)
{
    double sum = 0;

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double d = (double)a[y * a_stride + x] - b[y * b_stride + x];

            sum += d * d;
        }
    return sum == 0 ? 99 : 10 * log10(255.0 * 255.0 * w * h / sum);
}

UTIL int16_t *make_tone(size_t n, int rate_hz, double hz, double amplitude)
{
    int16_t *pcm = malloc(n * sizeof *pcm + 1);

    assert_non_null(pcm);
    for (size_t i = 0; i < n; i++)
        pcm[i] = (int16_t)lrint(amplitude * sin(2 * M_PI * hz * (double)i / rate_hz));
    return pcm;
}

/* Amplitude of the sine of frequency hz in x (Hann window, so neighbours leak little). */
UTIL double tone_level(const float *x, size_t n, int rate_hz, double hz)
{
    double re = 0, im = 0, weight = 0;

    for (size_t i = 0; i < n; i++) {
        double w = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n), a = 2 * M_PI * hz * (double)i / rate_hz;

        re += w * x[i] * cos(a);
        im += w * x[i] * sin(a);
        weight += w;
    }
    return 2 * sqrt(re * re + im * im) / weight;
}

/* Frequency by counting upward zero crossings, between the first and the last of them. */
UTIL double crossing_hz(const float *x, size_t n, int rate_hz)
{
    size_t first = 0, last = 0, count = 0;

    for (size_t i = 1; i < n; i++)
        if (x[i - 1] < 0 && x[i] >= 0) {
            if (count++ == 0)
                first = i;
            last = i;
        }
    return count < 2 ? 0 : (double)(count - 1) * rate_hz / (double)(last - first);
}

/* ---- decoding ---- */

enum { MAX_DECODED = 400 };

struct decoded {
    int width, height, streams, rate_hz;
    double fps;
    enum AVPixelFormat pix_fmt;
    enum AVColorRange range;
    enum AVColorSpace space;
    enum AVColorPrimaries primaries;
    enum AVColorTransferCharacteristic trc;
    AVFrame *pictures[MAX_DECODED];
    double picture_s[MAX_DECODED]; /* presentation times */
    size_t n_pictures, n_keys;
    int keys[MAX_DECODED];           /* numbers of the sync samples */
    double video_end_s, audio_end_s; /* of the packets, by their times and durations */
    float *audio;                    /* by presentation time: audio[0] is at 0 s */
    size_t n_audio;
    double audio_start_s;
};

struct reader {
    const char *p;
    size_t len, pos;
};

UTIL int reader_read(void *opaque, uint8_t *to, int n)
{
    struct reader *r = opaque;

    if (r->pos == r->len)
        return AVERROR_EOF;
    if ((size_t)n > r->len - r->pos)
        n = (int)(r->len - r->pos);
    memcpy(to, r->p + r->pos, (size_t)n);
    r->pos += (size_t)n;
    return n;
}

UTIL int64_t reader_seek(void *opaque, int64_t to, int whence)
{
    struct reader *r = opaque;

    if (whence & AVSEEK_SIZE)
        return (int64_t)r->len;
    if (whence == SEEK_CUR)
        to += (int64_t)r->pos;
    if (whence == SEEK_END)
        to += (int64_t)r->len;
    if (to < 0 || to > (int64_t)r->len)
        return -1;
    r->pos = (size_t)to;
    return to;
}

UTIL void keep_frame(struct decoded *d, AVFrame *f, AVRational tb, bool video)
{
    double at = (double)f->pts * av_q2d(tb);

    if (video) {
        assert_true(d->n_pictures < MAX_DECODED);
        if (d->n_pictures == 0) {
            d->pix_fmt = (enum AVPixelFormat)f->format;
            d->range = f->color_range;
            d->space = f->colorspace;
            d->primaries = f->color_primaries;
            d->trc = f->color_trc;
        }
        d->picture_s[d->n_pictures] = at;
        d->pictures[d->n_pictures++] = av_frame_clone(f);
        return;
    }
    assert_int_equal(f->format, AV_SAMPLE_FMT_FLTP);
    if (d->n_audio == 0)
        d->audio_start_s = at;
    if (at < 0)
        return;
    size_t from = (size_t)lrint(at * f->sample_rate), end = from + (size_t)f->nb_samples;
    if (end > d->n_audio) {
        d->audio = realloc(d->audio, end * sizeof *d->audio);
        assert_non_null(d->audio);
        memset(d->audio + d->n_audio, 0, (end - d->n_audio) * sizeof *d->audio);
        d->n_audio = end;
    }
    memcpy(d->audio + from, f->data[0], (size_t)f->nb_samples * sizeof(float));
}

UTIL void drain(struct decoded *d, AVCodecContext *c, AVFrame *f, AVRational tb)
{
    while (avcodec_receive_frame(c, f) >= 0) {
        keep_frame(d, f, tb, c->codec_type == AVMEDIA_TYPE_VIDEO);
        av_frame_unref(f);
    }
}

UTIL void note_packet(struct decoded *d, const AVPacket *pkt, const AVStream *s)
{
    double end = (double)(pkt->pts + pkt->duration) * av_q2d(s->time_base);

    if (s->codecpar->codec_type == AVMEDIA_TYPE_AUDIO) {
        d->audio_end_s = fmax(d->audio_end_s, end);
        return;
    }
    if (pkt->flags & AV_PKT_FLAG_KEY)
        d->keys[d->n_keys++] = (int)lrint((double)pkt->pts * av_q2d(s->time_base) * d->fps);
    d->video_end_s = fmax(d->video_end_s, end);
}

/* Demuxes and decodes all of an MP4; any failure fails the test. End with decoded_free. */
UTIL void decode_mp4(struct decoded *d, const char *bytes, size_t len)
{
    struct reader r = {bytes, len, 0};
    AVIOContext *pb = avio_alloc_context(av_malloc(4096), 4096, 0, &r, reader_read, NULL, reader_seek);
    AVFormatContext *in = avformat_alloc_context();
    AVCodecContext *codec[2] = {NULL};
    AVPacket *pkt = av_packet_alloc();
    AVFrame *f = av_frame_alloc();

    memset(d, 0, sizeof *d);
    in->pb = pb;
    assert_int_equal(avformat_open_input(&in, NULL, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(in, NULL) >= 0);
    d->streams = (int)in->nb_streams;
    assert_in_range(d->streams, 1, 2);
    for (int i = 0; i < d->streams; i++) {
        AVStream *s = in->streams[i];

        codec[i] = avcodec_alloc_context3(avcodec_find_decoder(s->codecpar->codec_id));
        assert_true(avcodec_parameters_to_context(codec[i], s->codecpar) >= 0);
        codec[i]->pkt_timebase = s->time_base;
        assert_int_equal(avcodec_open2(codec[i], NULL, NULL), 0);
        if (s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO) {
            d->width = s->codecpar->width;
            d->height = s->codecpar->height;
            d->fps = av_q2d(s->avg_frame_rate);
        } else {
            d->rate_hz = s->codecpar->sample_rate;
        }
    }
    while (av_read_frame(in, pkt) >= 0) {
        int i = pkt->stream_index;

        note_packet(d, pkt, in->streams[i]);
        assert_int_equal(avcodec_send_packet(codec[i], pkt), 0);
        drain(d, codec[i], f, in->streams[i]->time_base);
        av_packet_unref(pkt);
    }
    for (int i = 0; i < d->streams; i++) {
        avcodec_send_packet(codec[i], NULL);
        drain(d, codec[i], f, in->streams[i]->time_base);
        avcodec_free_context(&codec[i]);
    }
    av_frame_free(&f);
    av_packet_free(&pkt);
    avformat_close_input(&in);
    av_freep(&pb->buffer);
    avio_context_free(&pb);
}

UTIL void decoded_free(struct decoded *d)
{
    for (size_t i = 0; i < d->n_pictures; i++)
        av_frame_free(&d->pictures[i]);
    free(d->audio);
}

/* ---- boxes ---- */

UTIL uint32_t be32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The types of the boxes on the top level, as "ftyp moov "; fails the test where sizes do not add up. */
UTIL void box_types(const char *p, size_t len, struct ac_str *out)
{
    while (len > 0) {
        assert_true(len >= 8);
        uint32_t size = be32(p);

        assert_in_range(size, 8, len);
        ac_str_add_n(out, p + 4, 4);
        ac_str_add(out, " ");
        p += size;
        len -= size;
    }
}

/* Content of the first box on a path like "moov/trak/mdia" in [p, p+len), NULL when there is none. */
UTIL const char *box_find(const char *p, size_t len, const char *path, size_t *size)
{
    while (len >= 8) {
        uint32_t n = be32(p);

        if (n < 8 || n > len)
            return NULL;
        if (memcmp(p + 4, path, 4) == 0) {
            *size = n - 8;
            return path[4] == '/' ? box_find(p + 8, n - 8, path + 5, size) : p + 8;
        }
        p += n;
        len -= n;
    }
    return NULL;
}

#endif
