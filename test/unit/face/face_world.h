/* What the face tests share: pictures and reference values from test/data/face, turned and scaled copies. */
#ifndef TEST_UNIT_FACE_FACE_WORLD_H
#define TEST_UNIT_FACE_FACE_WORLD_H

#include "base/mem.h"
#include "base/str.h"
#include "face/face.h"

#include <libavcodec/avcodec.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FACE_DATA "test/data/face/"

static inline float *read_floats(const char *path, size_t n)
{
    char *data;
    size_t size;

    if (ac_read_file(path, 1 << 20, &data, &size) != 0)
        fail_msg("%s cannot be read", path);
    if (n && size != n * sizeof(float))
        fail_msg("%s has %zu bytes", path, size);
    return (float *)data; /* little-endian, as the machines are that this runs on */
}

static inline struct ac_rgb new_picture(int width, int height, uint8_t fill)
{
    struct ac_rgb pic = {.width = width, .height = height, .stride = 3 * (size_t)width};

    pic.data = ac_alloc(pic.stride * (size_t)height);
    memset(pic.data, fill, pic.stride * (size_t)height);
    return pic;
}

static inline uint8_t to_byte(float v)
{
    return (uint8_t)fminf(fmaxf(v + 0.5F, 0), 255);
}

/* A JPEG file, full range. */
static inline struct ac_rgb read_jpeg(const char *path)
{
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
    AVPacket *packet = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    char *data;
    size_t size;

    if (ac_read_file(path, 1 << 20, &data, &size) != 0 || av_new_packet(packet, (int)size) < 0)
        fail_msg("%s cannot be read", path);
    memcpy(packet->data, data, size);
    free(data);
    if (avcodec_open2(decoder, NULL, NULL) < 0 || avcodec_send_packet(decoder, packet) < 0 ||
        avcodec_receive_frame(decoder, f) < 0)
        fail_msg("%s cannot be decoded", path);
    int shift = f->format == AV_PIX_FMT_YUVJ420P ? 1 : 0;
    assert_true(shift || f->format == AV_PIX_FMT_YUVJ444P);
    struct ac_rgb pic = new_picture(f->width, f->height, 0);
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            uint8_t *to = pic.data + (size_t)y * pic.stride + 3 * x;
            float luma = f->data[0][y * f->linesize[0] + x];
            float cb = (float)f->data[1][(y >> shift) * f->linesize[1] + (x >> shift)] - 128;
            float cr = (float)f->data[2][(y >> shift) * f->linesize[2] + (x >> shift)] - 128;
            to[0] = to_byte(luma + 1.402F * cr);
            to[1] = to_byte(luma - 0.344136F * cb - 0.714136F * cr);
            to[2] = to_byte(luma + 1.772F * cb);
        }
    av_frame_free(&f);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    return pic;
}

/* How a copy is made: point p of the source comes to scale · turned(p mirrored) + (x, y). */
struct placing {
    float x, y, scale, angle;
    bool mirrored;
};

static inline void place(const struct placing *p, float x, float y, float *to_x, float *to_y)
{
    float c = cosf(p->angle) * p->scale, s = sinf(p->angle) * p->scale;

    x = p->mirrored ? -x : x;
    *to_x = x * c - y * s + p->x;
    *to_y = x * s + y * c + p->y;
}

/* Draws the source into a picture; what it does not cover stays. 3 × 3 samples a pixel, the nearest value
 * each. */
static inline void draw(struct ac_rgb *to, const struct ac_rgb *from, const struct placing *p)
{
    float c = cosf(p->angle) / p->scale, s = sinf(p->angle) / p->scale;

    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++) {
            uint8_t *pixel = to->data + (size_t)y * to->stride + 3 * x;
            int sum[3] = {0};
            for (int k = 0; k < 9; k++) {
                float dx = (float)x + (float)(2 * (k % 3) + 1) / 6 - p->x,
                      dy = (float)y + (float)(2 * (k / 3 % 3) + 1) / 6 - p->y;
                float u = dx * c + dy * s, v = dy * c - dx * s;
                u = floorf(p->mirrored ? -u : u);
                v = floorf(v);
                bool in = u >= 0 && v >= 0 && u < (float)from->width && v < (float)from->height;
                const uint8_t *source = in ? from->data + (size_t)v * from->stride + 3 * (size_t)u : pixel;
                for (int i = 0; i < 3; i++)
                    sum[i] += source[i];
            }
            for (int i = 0; i < 3; i++)
                pixel[i] = (uint8_t)((sum[i] + 4) / 9);
        }
}

static inline void free_picture(struct ac_rgb *pic)
{
    free(pic->data);
    *pic = (struct ac_rgb){0};
}

#endif
