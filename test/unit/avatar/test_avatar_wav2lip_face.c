/*
 * Cutting and pasting faces: against the reference values of tools/wav2lip_reference.py (whose scaling equals
 * OpenCV's to the bit), against plain implementations in double precision, and at the edges of pictures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatar/wav2lip_face.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 96, PIXELS = SIDE * SIDE };

/* The reference's picture, as R, G, B or as B, G, R. */
static void pattern(uint8_t *out, int width, int height, int seed, bool rgb)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                out[3 * (y * width + x) + (rgb ? 2 - c : c)] =
                    (uint8_t)((7 * x * x + 3 * y * y + 5 * x * y + 91 * c +
                               (131 * x + 71 * y + 37 * c + seed) % 97) %
                              256);
}

/* Bytes at a place between pixel centres, beyond the sides those of the side. */
static double bilinear(const uint8_t *p, size_t step, size_t stride, int width, int height, double x,
                       double y)
{
    x = fmin(fmax(x, 0), width - 1);
    y = fmin(fmax(y, 0), height - 1);
    size_t x0 = (size_t)x, y0 = (size_t)y;
    size_t x1 = x0 + 1 < (size_t)width ? x0 + 1 : x0, y1 = y0 + 1 < (size_t)height ? y0 + 1 : y0;
    double u = x - (double)x0, v = y - (double)y0;
    double upper = p[y0 * stride + x0 * step] * (1 - u) + p[y0 * stride + x1 * step] * u;
    double lower = p[y1 * stride + x0 * step] * (1 - u) + p[y1 * stride + x1 * step] * u;
    return upper * (1 - v) + lower * v;
}

/* ---- cutting ---- */

static void test_cut_reference(void **state)
{
    static const struct {
        struct ac_w2l_box box;
        int side;
    } cuts[] = {{{10, 5, 60, 70}, 24}, {{3, 3, 8, 9}, 24},   {{0, 0, 100, 120}, 32}, {{17, 20, 48, 48}, 24},
                {{99, 119, 1, 1}, 8},  {{0, 0, 24, 24}, 24}, {{20, 30, 75, 80}, 96}};
    static uint8_t pixels[120 * 100 * 3], face[PIXELS * 3];
    struct ac_rgb pic = {100, 120, 300, pixels};
    char *expected;
    size_t size, at = 0;

    (void)state;
    pattern(pixels, 100, 120, 5, true);
    assert_int_equal(ac_read_file("test/data/wav2lip/cuts.bgr", 1 << 20, &expected, &size), 0);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        size_t n = (size_t)cuts[i].side * (size_t)cuts[i].side * 3;
        ac_w2l_face_cut(&pic, &cuts[i].box, cuts[i].side, face);
        assert_true(at + n <= size);
        assert_memory_equal(face, expected + at, n);
        at += n;
    }
    assert_int_equal(at, size);
    free(expected);
}

/* Any box, in rows with a margin: within the bits that are dropped. */
static void test_cut_boxes(void **state)
{
    enum { WIDTH = 203, HEIGHT = 151, STRIDE = 640 };
    uint8_t *pixels = ac_zalloc((size_t)STRIDE * HEIGHT), face[64 * 64 * 3];
    struct ac_rgb pic = {WIDTH, HEIGHT, STRIDE, pixels};

    (void)state;
    for (size_t i = 0; i < (size_t)STRIDE * HEIGHT; i++)
        pixels[i] = (uint8_t)(i * 2654435761U >> 13);
    for (int n = 0; n < 40; n++) {
        struct ac_w2l_box b = {n * 5 % 101, n * 7 % 67, 1 + n * n * 3 % 103, 1 + n * 17 % 85};
        int side = 8 + n % 57;
        ac_w2l_face_cut(&pic, &b, side, face);
        for (int i = 0; i < side * side * 3; i++) {
            int column = i / 3 % side, row = i / 3 / side;
            double x = (column + 0.5) * b.width / side - 0.5, y = (row + 0.5) * b.height / side - 0.5;
            const uint8_t *corner = pixels + (ptrdiff_t)b.y * STRIDE + (ptrdiff_t)b.x * 3 + 2 - i % 3;
            double expected = bilinear(corner, 3, STRIDE, b.width, b.height, x, y);
            assert_true(fabs(face[i] - expected) < 1);
        }
    }
    free(pixels);
}

/* ---- tensors ---- */

static void test_planes(void **state)
{
    static uint8_t face[PIXELS * 3], back[PIXELS * 3];
    static float planes[6 * PIXELS];

    (void)state;
    pattern(face, SIDE, SIDE, 7, false);
    ac_w2l_face_planes(face, SIDE, planes);
    for (int i = 0; i < PIXELS; i++)
        for (int c = 0; c < 3; c++) {
            double value = face[3 * i + c] / 255.0;
            assert_true(fabs(planes[(3 + c) * PIXELS + i] - value) < 1e-7);
            assert_true(planes[c * PIXELS + i] == (i < PIXELS / 2 ? planes[(3 + c) * PIXELS + i] : 0));
        }
    for (int i = 0; i < 3 * PIXELS; i++)
        planes[i] = planes[3 * PIXELS + i] + 0.5F / 255; /* cut, not rounded: the same bytes again */
    ac_w2l_face_bytes(planes, SIDE, SIDE, back);
    assert_memory_equal(back, face, sizeof face);
}

static void test_bytes(void **state)
{
    static const float values[] = {0,     1,    0.99999F, 0.5F,     128 / 255.0F, 127.9F / 255,
                                   -0.2F, 1.7F, NAN,      INFINITY, -INFINITY,    1e-9F};
    static const uint8_t expected[] = {0, 255, 254, 127, 128, 127, 0, 255, 0, 255, 0, 0};
    float planes[3 * 2 * 6];
    uint8_t bgr[3 * 2 * 6];

    (void)state;
    for (int i = 0; i < 36; i++)
        planes[i] = values[(i + i / 12) % 12];
    ac_w2l_face_bytes(planes, 2, 6, bgr);
    for (int i = 0; i < 36; i++)
        assert_int_equal(bgr[i % 12 * 3 + i / 12], expected[(i + i / 12) % 12]);
}

/* ---- pasting ---- */

static void bgr_to_yuv(const double bgr[3], double yuv[3])
{
    double y = 0.2126 * bgr[2] + 0.7152 * bgr[1] + 0.0722 * bgr[0];

    yuv[0] = 16 + 219 * y / 255;
    yuv[1] = 128 + 224 * (bgr[0] - y) / (2 * (1 - 0.0722)) / 255;
    yuv[2] = 128 + 224 * (bgr[2] - y) / (2 * (1 - 0.2126)) / 255;
}

/* What goes over a pixel of the picture: its weight, 0 … 1, and Y, Cb, Cr. */
static double pasted(const struct ac_w2l_place *b, const struct ac_w2l_mouth *m, int x, int y, double yuv[3])
{
    double bgr[3], u = (x - b->x + 0.5) / b->width, v = (y - b->y + 0.5) / b->height;
    int half = m->side / 2, k = m->mask_side;

    if (u < 0 || u >= 1 || v < 0.5 || v >= 1)
        return 0;
    for (int c = 0; c < 3; c++) {
        bgr[c] = bilinear(m->bgr + c, 3, 3 * (size_t)m->side, m->side, half, u * m->side - 0.5,
                          v * m->side - 0.5 - half);
        bgr[c] = fmin(fmax(bgr[c] + m->match[c], 0), 255);
    }
    bgr_to_yuv(bgr, yuv);
    return m->strength * bilinear(m->mask, 1, (size_t)k, k, k, u * k - 0.5, v * k - 0.5) / 255;
}

/* A sample of plane c as it should be; *touched: whether anything went over it. */
static double expected_sample(const struct ac_frame *old, const struct ac_w2l_place *b,
                              const struct ac_w2l_mouth *m, int c, int x, int y, bool *touched)
{
    const struct ac_picture *p = &old->picture;
    double was = p->data[c][y * p->stride[c] + x], sum = 0, yuv[3];
    int size = c ? 2 : 1;

    *touched = false;
    for (int k = 0; k < size * size; k++) {
        double w = pasted(b, m, x * size + k % 2, y * size + k / 2, yuv);
        *touched |= w > 0;
        sum += w > 0 ? w * (yuv[c] - was) : 0;
    }
    return was + sum / (size * size);
}

static struct ac_frame *grey_noise(int width, int height)
{
    struct ac_frame *f = ac_frame_new_picture(width, height);
    uint32_t seed = 3;

    for (int c = 0; c < 3; c++)
        for (int i = 0; i < f->picture.stride[c] * (c ? height / 2 : height); i++) {
            seed = seed * 1664525 + 1013904223;
            f->picture.data[c][i] = (uint8_t)(16 + (seed >> 24) % 220);
        }
    return f;
}

/* A soft ellipse in the lower half, or with edge true one that covers all, sharply. */
static void fill_mask(uint8_t *mask, int side, bool whole)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            double u = (x + 0.5) / side - 0.5, v = ((y + 0.5) / side - 0.75) * 2;
            mask[y * side + x] = whole ? 255 : (uint8_t)fmin(fmax(2500 * (0.2 - u * u - v * v), 0), 255);
        }
}

static void assert_pasted(int width, int height, struct ac_w2l_place box, const struct ac_w2l_mouth *mouth)
{
    struct ac_frame *old = grey_noise(width, height), *new = grey_noise(width, height);
    size_t samples = 0, off = 0, changed = 0;

    ac_w2l_face_paste(&new->picture, &box, mouth);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < (c ? height / 2 : height); y++)
            for (int x = 0; x < old->picture.stride[c]; x++) {
                int at = y * old->picture.stride[c] + x, is = new->picture.data[c][at];
                bool touched = false;
                double expected = x < (c ? width / 2 : width)
                                      ? expected_sample(old, &box, mouth, c, x, y, &touched)
                                      : old->picture.data[c][at];
                if (!touched)
                    assert_int_equal(is, old->picture.data[c][at]);
                assert_true(fabs(is - expected) < 0.6);
                samples += touched;
                off += touched && fabs(is - expected) > 0.502;
                changed += is != old->picture.data[c][at];
            }
    assert_true(off * 1000 <= samples);
    assert_true(mouth->strength > 0 ? changed > 0 || samples < 30 : changed == 0);
    ac_frame_unref(old);
    ac_frame_unref(new);
}

static void test_paste(void **state)
{
    static const struct ac_w2l_place boxes[] = {
        {40.3, 30.7, 80.25, 99.9},
        {7.51, 3.49, 33.5, 70},
        {-3.2, 80.1, 44.4, 60.6},
        {120.6, -9.5, 60, 125.01},
        {40, 30, 80, 100},
        {41, 31, 81, 101},
        {40, 31, 79, 96},
        {0, 0, 160, 120},
        {1, 1, 159, 119},
        {0, 60, 61, 60},
        {99, 59, 61, 61},
        {152, 112, 8, 8},
        {0, 112, 8, 8},
        {75, 55, 8, 9},
        {-20, -10, 90, 99},
        {100, 70, 97, 88},
        {-40, -40, 240, 240},
        {50, 50, 1, 2},
        {120, -50, 30, 61},
        {60, 118, 20, 3},
        {159, 100, 9, 19},
    };
    static uint8_t face[256 * 128 * 3], mask[96 * 96];

    (void)state;
    pattern(face, 256, 128, 11, false);
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        for (int k = 0; k < 6; k++) {
            struct ac_w2l_mouth m = {.bgr = face,
                                     .side = k % 2 ? 256 : 96,
                                     .mask = mask,
                                     .mask_side = k % 3 == 2 ? 48 : 96,
                                     .match = {(float)(k * 9), -20.5F, (float)(-k * 7)},
                                     .strength = k == 0   ? 1
                                                 : k == 5 ? 0
                                                          : (float)k * 0.2F};
            fill_mask(mask, m.mask_side, k < 2 || boxes[i].width < 10 || boxes[i].y < -30);
            assert_pasted(160, 120, boxes[i], &m);
        }
    /* nothing of the box's lower half is in the picture */
    struct ac_w2l_mouth m = {face, 96, mask, 96, {0}, 1};
    struct ac_frame *old = grey_noise(32, 16), *new = grey_noise(32, 16);
    fill_mask(mask, 96, true);
    for (int i = 0; i < 5; i++) {
        struct ac_w2l_place out[] = {
            {-30, 0, 30, 16}, {32, 0, 9, 9}, {0, 10, 30, 40}, {0, -40, 30, 40}, {4, 2, 0, 0}};
        ac_w2l_face_paste(&new->picture, &out[i], &m);
        assert_memory_equal(new->picture.data[0], old->picture.data[0],
                            (size_t)(new->picture.stride[0] * 16));
    }
    ac_frame_unref(old);
    ac_frame_unref(new);
}

/* With a full mask: what the published way gives, which scales bytes to bytes and puts them over the box. */
static void test_paste_reference(void **state)
{
    static const int pastes[][3] = {{1, 61, 71}, {2, 8, 8}, {3, 24, 24}, {4, 90, 17}};
    uint8_t face[24 * 24 * 3], mask[24 * 24];
    char *expected;
    size_t size, at = 0;

    (void)state;
    fill_mask(mask, 24, true);
    assert_int_equal(ac_read_file("test/data/wav2lip/pasted.bgr", 1 << 20, &expected, &size), 0);
    for (size_t i = 0; i < 4; i++) {
        int width = pastes[i][1], height = pastes[i][2];
        struct ac_frame *f = grey_noise(96, 80);
        struct ac_w2l_place box = {3, 5, width, height};
        struct ac_w2l_mouth m = {face + 12 * 24 * 3, 24, mask, 24, {0}, 1};
        pattern(face, 24, 24, pastes[i][0], false);
        ac_w2l_face_paste(&f->picture, &box, &m);
        /* from where the upper half, which is not generated, has no part */
        for (int y = (height * 25 + 47) / 48; y < height; y++)
            for (int x = 0; x < width; x++) {
                double bgr[3], yuv[3];
                for (int c = 0; c < 3; c++)
                    bgr[c] = (uint8_t)expected[at + (size_t)(3 * (y * width + x) + c)];
                bgr_to_yuv(bgr, yuv);
                assert_true(fabs(f->picture.data[0][(y + 5) * f->picture.stride[0] + x + 3] - yuv[0]) < 1.4);
            }
        at += (size_t)(width * height * 3);
        ac_frame_unref(f);
    }
    assert_int_equal(at, size);
    free(expected);
}

/* ---- the colour at the seam ---- */

/* A smooth face, R, G, B at a pixel. */
static uint8_t skin(int x, int y, int c)
{
    static const double colour[] = {200, 160, 140};

    return (uint8_t)(colour[c] + 30 * sin(x * 0.05 + c) + 20 * cos(y * 0.06));
}

/*
 * A face that is cut out, comes back in other colours and is pasted where it was: with the colours matched
 * nobody sees it, nor any shift between cutting and pasting.
 */
static void test_there_and_back(void **state)
{
    enum { WIDTH = 320, HEIGHT = 300 };
    static uint8_t pixels[WIDTH * HEIGHT * 3], face[PIXELS * 3], mask[96 * 96];
    struct ac_rgb pic = {WIDTH, HEIGHT, WIDTH * 3, pixels};

    (void)state;
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        pixels[i] = skin(i / 3 % WIDTH, i / 3 / WIDTH, i % 3);
    fill_mask(mask, 96, false);
    for (int k = 0; k < 4; k++) {
        struct ac_w2l_box box = {31 + k, 17, 240 - 47 * k, 270 - 51 * k};
        struct ac_frame *f = grey_noise(WIDTH, HEIGHT);
        uint8_t made[PIXELS * 3 / 2];
        struct ac_w2l_mouth m = {made, SIDE, mask, 96, {0}, 1};
        double bgr[3], yuv[3], worst = 0;
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                for (int c = 0; c < 3; c++)
                    bgr[c] = skin(x, y, 2 - c);
                bgr_to_yuv(bgr, yuv);
                f->picture.data[0][y * f->picture.stride[0] + x] = (uint8_t)lrint(yuv[0]);
            }
        ac_w2l_face_cut(&pic, &box, SIDE, face);
        for (size_t i = 0; i < sizeof made; i++)
            made[i] = (uint8_t)(face[sizeof made + i] + (i % 3 == 0 ? 14 : i % 3 == 1 ? -11 : 6));
        ac_w2l_face_match(face, &m, m.match);
        ac_w2l_face_paste(&f->picture, &(struct ac_w2l_place){box.x, box.y, box.width, box.height}, &m);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                for (int c = 0; c < 3; c++)
                    bgr[c] = skin(x, y, 2 - c);
                bgr_to_yuv(bgr, yuv);
                worst = fmax(worst, fabs(f->picture.data[0][y * f->picture.stride[0] + x] - yuv[0]));
            }
        assert_true(worst < 1.6); /* without the match 6; a pixel beside 2.2 */
        ac_frame_unref(f);
    }
}

static void test_match(void **state)
{
    static uint8_t face[256 * 256 * 3], made[256 * 128 * 3], mask[96 * 96];

    (void)state;
    for (int side = 96; side <= 256; side += 160) {
        struct ac_w2l_mouth m = {made, side, mask, 96, {0}, 1};
        static const int offset[] = {10, -7, 3};
        float match[3];
        size_t half = (size_t)(side * side / 2);
        fill_mask(mask, 96, false);
        for (size_t i = 0; i < 2 * half * 3; i++)
            face[i] = (uint8_t)(60 + i * 2654435761U % 101);
        for (size_t i = 0; i < half * 3; i++)
            made[i] = (uint8_t)(face[half * 3 + i] - offset[i % 3]);
        ac_w2l_face_match(face, &m, match);
        for (int c = 0; c < 3; c++)
            assert_true(fabsf(match[c] - (float)offset[c]) < 1e-3F);
        /* an open mouth and a fifth of the seam that is hair do not count for much */
        for (size_t i = 0; i < half; i++) {
            int x = (int)(i % (size_t)side) * 96 / side, y = (int)(i / (size_t)side) * 96 / side;
            if ((abs(x - 48) < 15 && abs(y - 24) < 10) || x < 24)
                memset(made + 3 * i, 0, 3);
        }
        ac_w2l_face_match(face, &m, match);
        for (int c = 0; c < 3; c++)
            assert_true(fabsf(match[c] - (float)offset[c]) < 1.5F);
        memset(made, 255, sizeof made);
        memset(face, 0, sizeof face);
        ac_w2l_face_match(face, &m, match);
        assert_true(match[0] == -40 && match[1] == -40 && match[2] == -40);
        fill_mask(mask, 96, true); /* no seam */
        ac_w2l_face_match(face, &m, match);
        assert_true(match[0] == 0 && match[1] == 0 && match[2] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_reference),  cmocka_unit_test(test_cut_boxes),
        cmocka_unit_test(test_planes),         cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_paste),          cmocka_unit_test(test_paste_reference),
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_match),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
