/* The warp against a plain bilinear interpolation in double precision, and its promises about pixels that
 * stay. */
#include "puppet.h"

#include <math.h>

#include "avatar/character_warp.h"

enum {
    W = 160,
    H = 128,
    STRIDE = W + 2 * AC_CHAR_PAD,
    COLS = W / AC_CHAR_CELL + 1,
    ROWS = H / AC_CHAR_CELL + 1
};

static uint8_t plane[(H + 2 * AC_CHAR_PAD) * STRIDE];
static uint8_t *const SRC = plane + AC_CHAR_PAD * STRIDE + AC_CHAR_PAD;
/* the same as the warp wants it; the second of a pair is the first's negative */
static int16_t wide[(H + 2 * AC_CHAR_PAD) * STRIDE + 32], pairs[2 * ((H + 2 * AC_CHAR_PAD) * STRIDE + 32)];
static const struct ac_char_source WIDE = {wide + AC_CHAR_PAD * STRIDE + AC_CHAR_PAD, STRIDE};
static const struct ac_char_source PAIRS = {pairs + 2 * (AC_CHAR_PAD * STRIDE + AC_CHAR_PAD), 2 * STRIDE};
static int16_t dx[COLS * ROWS], dy[COLS * ROWS], first[ROWS], end[ROWS];
static const struct ac_char_grid GRID = {COLS, ROWS, dx, dy, first, end};

static void fill(void)
{
    for (int y = -AC_CHAR_PAD; y < H + AC_CHAR_PAD; y++)
        for (int x = -AC_CHAR_PAD; x < W + AC_CHAR_PAD; x++)
            SRC[y * STRIDE + x] = (uint8_t)(128 + 60 * sin(x * 0.11) + 50 * cos(y * 0.13 + x * 0.02));
    for (size_t i = 0; i < sizeof plane; i++) {
        wide[i] = pairs[2 * i] = plane[i];
        pairs[2 * i + 1] = (int16_t)(255 - plane[i]);
    }
    for (int j = 0; j < ROWS; j++) {
        first[j] = 0;
        end[j] = COLS - 1;
    }
}

/* Displacement in luma pixels at a pixel, linear between nodes, beyond the sides that of the side. */
static double at(const int16_t *nodes, double x, double y)
{
    x = fmin(fmax(x, 0), W - 1e-6);
    int i = (int)(x / AC_CHAR_CELL), j = (int)(y / AC_CHAR_CELL);
    double u = x / AC_CHAR_CELL - i, v = y / AC_CHAR_CELL - j;
    const int16_t *p = nodes + j * COLS + i;
    return ((p[0] * (1 - u) + p[1] * u) * (1 - v) + (p[COLS] * (1 - u) + p[COLS + 1] * u) * v) / AC_CHAR_ONE;
}

static double bilinear(double x, double y)
{
    int i = (int)floor(x), j = (int)floor(y);
    double u = x - i, v = y - j;
    const uint8_t *p = SRC + j * STRIDE + i;
    return (p[0] * (1 - u) + p[1] * u) * (1 - v) + (p[STRIDE] * (1 - u) + p[STRIDE + 1] * u) * v;
}

static void test_against_bilinear(void **state)
{
    static const struct {
        double shift_x, shift_y, turn, wave; /* pixels; radians; pixels */
    } CASES[] = {{0.5, 0, 0, 0},   {0, 0.5, 0, 0},        {-3.25, 2.75, 0, 0}, {0, 0, 0.03, 0},
                 {0, 0, -0.03, 3}, {7.3, -11.9, 0.02, 2}, {-20, 20, 0.0, 4},   {38, -38, 0, 0}};
    static uint8_t out[H * W], second[H * W];
    (void)state;
    fill();
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        for (int j = 0; j < ROWS; j++)
            for (int i = 0; i < COLS; i++) {
                double x = i * AC_CHAR_CELL - W / 2, y = j * AC_CHAR_CELL - H / 2;
                double wave = CASES[c].wave * sin(x * 0.05) * cos(y * 0.06);
                dx[j * COLS + i] =
                    (int16_t)lrint((CASES[c].shift_x - CASES[c].turn * y + wave) * AC_CHAR_ONE);
                dy[j * COLS + i] =
                    (int16_t)lrint((CASES[c].shift_y + CASES[c].turn * x - wave) * AC_CHAR_ONE);
            }
        for (int shift = 0; shift < 2; shift++) {
            int w = W >> shift, h = H >> shift, s = 1 << shift;
            const struct ac_char_plane planes[] = {{out, SRC, w, STRIDE}, {second, SRC, w, STRIDE}};
            if (shift)
                ac_char_warp_chroma(planes, &PAIRS, w, h, &GRID);
            else
                ac_char_warp_luma(planes, &WIDE, w, h, &GRID);
            for (int i = 0; shift && i < w * h; i++)
                assert_true(abs(second[i] - (255 - out[i])) <= 2);
            double worst = 0;
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    double gx = at(dx, x * s, y * s) / s, gy = at(dy, (x + gx) * s, y * s) / s;
                    worst = fmax(worst, fabs(out[y * w + x] - bilinear(x + gx, y + gy)));
                }
            /* two roundings to whole numbers, two to 1/128 pixel on slopes of at most 12 a pixel */
            if (worst > 2.0)
                fail_msg("case %zu, shift %d: %.2f", c, shift, worst);
        }
    }
}

static void test_still_cells_are_copies(void **state)
{
    static uint8_t out[H * W];
    const struct ac_char_plane planes[] = {{out, SRC, W, STRIDE}};
    (void)state;
    fill();
    for (int i = 0; i < COLS * ROWS; i++)
        dx[i] = dy[i] = 0;
    ac_char_warp_luma(planes, &WIDE, W, H, &GRID);
    for (int y = 0; y < H; y++)
        assert_memory_equal(out + y * W, SRC + y * STRIDE, W);
    for (int i = 0; i < COLS * ROWS; i++)
        dx[i] = 300;
    for (int j = 0; j < ROWS; j++) {
        first[j] = j < 4 ? 3 : 2;
        end[j] = j < 4 ? 3 : 5;
    }
    ac_char_warp_luma(planes, &WIDE, W, H, &GRID);
    for (int y = 0; y < H; y++) {
        int from = y < 4 * AC_CHAR_CELL ? W : 2 * AC_CHAR_CELL;
        assert_memory_equal(out + y * W, SRC + y * STRIDE, (size_t)from);
        if (from < W) {
            assert_memory_not_equal(out + y * W + from, SRC + y * STRIDE + from, 3 * AC_CHAR_CELL);
            assert_memory_equal(out + y * W + 5 * AC_CHAR_CELL, SRC + y * STRIDE + 5 * AC_CHAR_CELL,
                                W - 5 * AC_CHAR_CELL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_bilinear),
        cmocka_unit_test(test_still_cells_are_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
