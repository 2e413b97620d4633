/* What the face tests share: pictures and reference values from test/data/face, turned and scaled copies. */
#ifndef TEST_UNIT_FACE_FACE_WORLD_H
#define TEST_UNIT_FACE_FACE_WORLD_H

#include "base/mem.h"
#include "base/str.h"
#include "face/face.h"
#include "media/photo.h"

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
    struct ac_rgb pic;

    assert_int_equal(ac_rgb_new(&pic, width, height), 0);
    memset(pic.data, fill, pic.stride * (size_t)height);
    return pic;
}

static inline struct ac_rgb read_photo(const char *path)
{
    struct ac_rgb pic;
    char reason[AC_PHOTO_REASON];

    if (ac_photo_file(path, NULL, &pic, reason) != 0)
        fail_msg("%s: %s", path, reason);
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

#endif
