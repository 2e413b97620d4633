/*
 * Takes a turned square out of a picture. Each pixel of the result is the mean of up to 4 × 4 samples, spread
 * evenly over its area, each interpolated between four pixels: fine detail of a large picture does not
 * become noise in the small one.
 */
#include "face/face_private.h"

#include <math.h>

enum { MAX_SAMPLES = 4 };
#define SAMPLE_REACH 1.5F /* pixels that a sample stands for, each way: it mixes two */

static const uint8_t *pixel(const struct ac_rgb *pic, int x, int y)
{
    x = x < 0 ? 0 : x >= pic->width ? pic->width - 1 : x;
    y = y < 0 ? 0 : y >= pic->height ? pic->height - 1 : y;
    return pic->data + (size_t)y * pic->stride + 3 * (size_t)x;
}

/* Adds what lies between the pixels a, b in one row and c, d in the next to sum. */
static inline void mix(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, float fx,
                       float fy, float sum[3])
{
    for (int i = 0; i < 3; i++) {
        float upper = (float)a[i] + fx * (float)(b[i] - a[i]),
              lower = (float)c[i] + fx * (float)(d[i] - c[i]);
        sum[i] += upper + fy * (lower - upper);
    }
}

/* Adds the picture at (x, y) to sum. */
static inline void sample(const struct ac_rgb *pic, float x, float y, bool black, float sum[3])
{
    float u = x - 0.5F, v = y - 0.5F;

    if (u >= 0 && v >= 0 && u < (float)(pic->width - 1) && v < (float)(pic->height - 1)) {
        int x0 = (int)u, y0 = (int)v;
        const uint8_t *a = pic->data + (size_t)y0 * pic->stride + 3 * (size_t)x0, *c = a + pic->stride;
        mix(a, a + 3, c, c + 3, u - (float)x0, v - (float)y0, sum);
        return;
    }
    if (black && (x < 0 || y < 0 || x > (float)pic->width || y > (float)pic->height))
        return;
    /* a region may lie anywhere: what is far outside looks like the edge */
    u = fminf(fmaxf(u, -1), (float)pic->width);
    v = fminf(fmaxf(v, -1), (float)pic->height);
    int x0 = (int)floorf(u), y0 = (int)floorf(v);
    mix(pixel(pic, x0, y0), pixel(pic, x0 + 1, y0), pixel(pic, x0, y0 + 1), pixel(pic, x0 + 1, y0 + 1),
        u - (float)x0, v - (float)y0, sum);
}

void ac_face_crop(const struct ac_rgb *pic, const struct ac_face_region *region, int side, float low,
                  float high, bool black, float *out)
{
    float step = region->side / (float)side, dx = cosf(region->angle) * step,
          dy = sinf(region->angle) * step; /* from a pixel of the result to its right neighbour */
    int n = step < MAX_SAMPLES * SAMPLE_REACH ? (int)ceilf(step / SAMPLE_REACH) : MAX_SAMPLES;
    float scale = (high - low) / 255 / (float)(n * n), part = 1 / (float)n;

    for (int row = 0; row < side; row++)
        for (int column = 0; column < side; column++, out += 3) {
            float sum[3] = {0}, v = (float)row - (float)side / 2 + part / 2;
            for (int sy = 0; sy < n; sy++, v += part) {
                float u = (float)column - (float)side / 2 + part / 2;
                for (int sx = 0; sx < n; sx++, u += part)
                    sample(pic, region->x + u * dx - v * dy, region->y + u * dy + v * dx, black, sum);
            }
            for (int i = 0; i < 3; i++)
                out[i] = low + sum[i] * scale;
        }
}
