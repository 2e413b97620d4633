/*
 * Takes a turned square out of a picture. Each pixel of the result is the mean of up to 4 × 4 samples, spread
 * evenly over its area, each interpolated between four pixels: fine detail of a large picture does not
 * become noise in the small one.
 */
#include "face/face_private.h"

#include <math.h>

enum { MAX_SAMPLES = 4 };

static const uint8_t *pixel(const struct ac_rgb *pic, int x, int y)
{
    x = x < 0 ? 0 : x >= pic->width ? pic->width - 1 : x;
    y = y < 0 ? 0 : y >= pic->height ? pic->height - 1 : y;
    return pic->data + (size_t)y * pic->stride + 3 * (size_t)x;
}

/* Adds the picture at (x, y) to sum. */
static void sample(const struct ac_rgb *pic, float x, float y, bool black, float sum[3])
{
    if (black && (x < 0 || y < 0 || x > (float)pic->width || y > (float)pic->height))
        return;
    /* a region may lie anywhere: what is far outside looks like the edge */
    x = fminf(fmaxf(x - 0.5F, -1), (float)pic->width);
    y = fminf(fmaxf(y - 0.5F, -1), (float)pic->height);
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    float fx = x - (float)x0, fy = y - (float)y0;
    const uint8_t *a = pixel(pic, x0, y0), *b = pixel(pic, x0 + 1, y0), *c = pixel(pic, x0, y0 + 1),
                  *d = pixel(pic, x0 + 1, y0 + 1);
    for (int i = 0; i < 3; i++) {
        float upper = (float)a[i] + fx * (float)(b[i] - a[i]),
              lower = (float)c[i] + fx * (float)(d[i] - c[i]);
        sum[i] += upper + fy * (lower - upper);
    }
}

void ac_face_crop(const struct ac_rgb *pic, const struct ac_face_region *region, int side, float low,
                  float high, bool black, float *out)
{
    float step = region->side / (float)side, dx = cosf(region->angle) * step,
          dy = sinf(region->angle) * step; /* from a pixel of the result to its right neighbour */
    int n = step < MAX_SAMPLES ? (int)ceilf(step) : MAX_SAMPLES;
    float scale = (high - low) / 255 / (float)(n * n);

    for (int row = 0; row < side; row++)
        for (int column = 0; column < side; column++, out += 3) {
            float sum[3] = {0};
            for (int s = 0; s < n * n; s++) {
                int sx = s % n, sy = s / n;
                float u = (float)column + ((float)sx + 0.5F) / (float)n - (float)side / 2,
                      v = (float)row + ((float)sy + 0.5F) / (float)n - (float)side / 2;
                sample(pic, region->x + u * dx - v * dy, region->y + u * dy + v * dx, black, sum);
            }
            for (int i = 0; i < 3; i++)
                out[i] = low + sum[i] * scale;
        }
}
