/* See character_warp.h. Displacements are fixed-point here: 1/128 pixel, weights 0…128, so sums stay below
 * 2^15. */
#include "avatar/character_warp.h"

#include <string.h>

/* The sanitisers' start-up code cannot run before the choice of a clone is made. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CLONES
#endif

enum { LANES = 16, PAD_CELLS = AC_CHAR_PAD / AC_CHAR_CELL, MAX_NODES = AC_CHAR_MAX_SIDE / AC_CHAR_CELL + 3 };

typedef int16_t vec_i16 __attribute__((vector_size(2 * LANES)));
typedef uint8_t vec_u8 __attribute__((vector_size(LANES)));

static const int16_t LANE_NUMBER[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/*
 * Sixteen pixels, each between taps `step` bytes apart, displaced by `at_` 1/128 steps from src; at_ goes
 * from d0 to d1 over 1 << width_log2 pixels. Where all of them fall between the same two taps that is one
 * multiplication; else every tap that any of them needs is added with a hat-shaped weight.
 */
#define INTERPOLATE(dst, src, step, d0, d1, width_log2)                                                      \
    do {                                                                                                     \
        int lo_ = ((d0) < (d1) ? (d0) : (d1)) >> 7, hi_ = ((d0) > (d1) ? (d0) : (d1)) >> 7;                  \
        vec_i16 at_ = lanes * (int16_t)((d1) - (d0));                                                        \
        at_ = (at_ >> (width_log2)) + (int16_t)((d0)-lo_ * AC_CHAR_ONE);                                     \
        const uint8_t *p_ = (src) + (intptr_t)lo_ * (step);                                                  \
        vec_u8 in_, out_;                                                                                    \
        vec_i16 sum_;                                                                                        \
        memcpy(&in_, p_, LANES);                                                                             \
        if (lo_ == hi_) {                                                                                    \
            vec_i16 a_ = __builtin_convertvector(in_, vec_i16);                                              \
            memcpy(&in_, p_ + (step), LANES);                                                                \
            sum_ = (__builtin_convertvector(in_, vec_i16) - a_) * at_ + ((a_ << 7) + AC_CHAR_ONE / 2);       \
        } else {                                                                                             \
            sum_ = (at_ ^ at_) + AC_CHAR_ONE / 2;                                                            \
            for (int k_ = lo_;;) {                                                                           \
                vec_i16 far_ = at_ < 0;                                                                      \
                far_ = (at_ ^ far_) - far_;                                                                  \
                vec_i16 weight_ = AC_CHAR_ONE - far_;                                                        \
                weight_ &= weight_ > 0;                                                                      \
                sum_ += weight_ * __builtin_convertvector(in_, vec_i16);                                     \
                if (k_++ > hi_)                                                                              \
                    break;                                                                                   \
                at_ -= AC_CHAR_ONE;                                                                          \
                p_ += (step);                                                                                \
                memcpy(&in_, p_, LANES);                                                                     \
            }                                                                                                \
        }                                                                                                    \
        out_ = __builtin_convertvector(sum_ >> 7, vec_u8);                                                   \
        memcpy((dst), &out_, LANES);                                                                         \
    } while (0)

/* One row of 16-pixel pieces: n pieces of 1 << width_log2 pixels each, displaced by d[0…n]. */
CLONES static void row_pass(uint8_t *dst, const uint8_t *src, int step, const int16_t *d, int n,
                            int width_log2)
{
    vec_i16 lanes;
    memcpy(&lanes, LANE_NUMBER, sizeof lanes);
    int width = 1 << width_log2;
    for (int c = 0; c < n; c++)
        INTERPOLATE(dst + c * width, src + c * width, step, d[c], d[c + 1], width_log2);
}

/* The pad at one side of a row, displaced like the row's end. */
static void beside(uint8_t *dst, const uint8_t *src, int step, int16_t d, int width_log2)
{
    const int16_t same[PAD_CELLS + 1] = {d, d, d, d};

    if (d == 0)
        memcpy(dst, src, (size_t)PAD_CELLS << width_log2);
    else
        row_pass(dst, src, step, same, PAD_CELLS, width_log2);
}

/* The displacements of one row, t of 1 << cell_log2 rows from the nodes a to the nodes b. */
CLONES static void lerp_nodes(int16_t *restrict out, const int16_t *restrict a, const int16_t *restrict b,
                              int n, int t, int cell_log2, int shift)
{
    for (int i = 0; i < n; i++)
        out[i] = (int16_t)((a[i] * (1 << cell_log2) + (b[i] - a[i]) * t) >> (cell_log2 + shift));
}

/* One row of one plane: first to end are the moving cells, displaced by dx and dy at their nodes. */
static void warp_row(uint8_t *out, const uint8_t *in, int step, int width, int first, int end,
                     const int16_t *dx, const int16_t *dy, int cell_log2)
{
    uint8_t buffer[AC_CHAR_MAX_SIDE + 4 * AC_CHAR_PAD + 2 * LANES], line[AC_CHAR_MAX_SIDE + 2 * LANES];
    uint8_t *mid = buffer + 2 * AC_CHAR_PAD;
    int n = end - first, x0 = first << cell_log2, x1 = end << cell_log2, pad = PAD_CELLS << cell_log2;

    beside(mid + x0 - pad, in + x0 - pad, step, dy[0], cell_log2);
    row_pass(mid + x0, in + x0, step, dy, n, cell_log2);
    beside(mid + x1, in + x1, step, dy[n], cell_log2);
    row_pass(line, mid + x0, 1, dx, n, cell_log2);
    x1 = x1 < width ? x1 : width;
    memcpy(out, in, (size_t)x0);
    memcpy(out + x0, line, (size_t)(x1 - x0));
    memcpy(out + x1, in + x1, (size_t)(width - x1));
}

void ac_char_warp(const struct ac_char_plane *planes, int n, int width, int height,
                  const struct ac_char_grid *grid, int shift)
{
    int16_t dx[MAX_NODES], dy[MAX_NODES];
    int cell_log2 = 4 - shift;

    for (int y = 0; y < height; y++) {
        int r = y >> cell_log2, first = grid->first[r], end = grid->end[r];
        if (first < end) {
            const int16_t *ax = grid->dx + r * grid->cols + first, *ay = grid->dy + r * grid->cols + first;
            int t = y & ((1 << cell_log2) - 1);
            lerp_nodes(dx, ax, ax + grid->cols, end - first + 1, t, cell_log2, shift);
            lerp_nodes(dy, ay, ay + grid->cols, end - first + 1, t, cell_log2, shift);
        }
        for (int p = 0; p < n; p++) {
            uint8_t *out = planes[p].dst + (intptr_t)y * planes[p].dst_stride;
            const uint8_t *in = planes[p].src + (intptr_t)y * planes[p].src_stride;
            if (first < end)
                warp_row(out, in, planes[p].src_stride, width, first, end, dx, dy, cell_log2);
            else
                memcpy(out, in, (size_t)width);
        }
    }
}
