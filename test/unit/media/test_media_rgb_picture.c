/*
 * RGB to YUV: colours by the formulas of BT.709, the right part at the right place, chroma in the middle of
 * its pixels, nothing outside of the planes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "avatarchat/err.h"
#include "base/mem.h"
#include "media/rgb_picture.h"

#include <math.h>

static struct ac_rgb rgb_new(int width, int height, size_t more)
{
    struct ac_rgb rgb = {.width = width, .height = height, .stride = 3 * (size_t)width + more};
    rgb.data = ac_zalloc(rgb.stride * (size_t)height);
    return rgb;
}

static void set(struct ac_rgb *rgb, int x, int y, const int colour[3])
{
    for (int c = 0; c < 3; c++)
        rgb->data[(size_t)y * rgb->stride + 3 * (size_t)x + (size_t)c] = (uint8_t)colour[c];
}

static void expect(const int colour[3], double want[3])
{
    double r = colour[0] / 255.0, g = colour[1] / 255.0, b = colour[2] / 255.0;
    double y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    want[0] = 16 + 219 * y;
    want[1] = 128 + 224 * (b - y) / 1.8556;
    want[2] = 128 + 224 * (r - y) / 1.5748;
}

static int at(const struct ac_picture *p, int plane, int x, int y)
{
    return p->data[plane][y * p->stride[plane] + x];
}

static void test_colours(void **state)
{
    static const int COLOURS[][3] = {{0, 0, 0},   {255, 255, 255}, {255, 0, 0},     {0, 255, 0},
                                     {0, 0, 255}, {128, 128, 128}, {224, 172, 138}, {12, 200, 99}};
    (void)state;
    for (size_t k = 0; k < sizeof COLOURS / sizeof *COLOURS; k++) {
        struct ac_rgb rgb = rgb_new(50, 40, 7);
        for (int y = 0; y < 40; y++)
            for (int x = 0; x < 50; x++)
                set(&rgb, x, y, COLOURS[k]);
        struct ac_frame *f = ac_frame_new_picture(66, 34);
        assert_int_equal(ac_rgb_to_picture(&f->picture, &rgb, &(struct ac_rgb_part){1, 2, 48, 37}), 0);
        double want[3];
        expect(COLOURS[k], want);
        for (int p = 0; p < 3; p++)
            for (int y = 0; y < 34 >> (p > 0); y++)
                for (int x = 0; x < 66 >> (p > 0); x++)
                    assert_true(fabs(at(&f->picture, p, x, y) - want[p]) <= 1.01);
        ac_frame_unref(f);
        free(rgb.data);
    }
}

/* A step in the source stays where it was: half of the part is dark, half is bright. */
static void test_part(void **state)
{
    static const struct {
        int width, height, to_width, to_height;
        struct ac_rgb_part part;
    } CASES[] = {{200, 100, 100, 50, {0, 0, 200, 100}},
                 {300, 200, 128, 128, {50, 20, 160, 160}},
                 {90, 90, 256, 256, {10, 10, 64, 64}},
                 {128, 128, 128, 128, {0, 0, 128, 128}}};
    static const int DARK[3] = {0, 0, 0}, BRIGHT[3] = {255, 255, 255};
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        struct ac_rgb rgb = rgb_new(CASES[k].width, CASES[k].height, 0);
        const struct ac_rgb_part *part = &CASES[k].part;
        for (int y = 0; y < rgb.height; y++)
            for (int x = 0; x < rgb.width; x++)
                set(&rgb, x, y, x < part->x + part->width / 2 ? DARK : BRIGHT);
        struct ac_frame *f = ac_frame_new_picture(CASES[k].to_width, CASES[k].to_height);
        assert_int_equal(ac_rgb_to_picture(&f->picture, &rgb, part), 0);
        int w = CASES[k].to_width, last = CASES[k].to_height - 1;
        for (int y = 0; y <= last; y += last) {
            double bright = 0; /* columns, so the step's place to a fraction of a pixel */
            for (int x = 0; x < w; x++)
                bright += (at(&f->picture, 0, x, y) - 16) / 219.0;
            assert_true(fabs(bright - w / 2.0) < 0.2);
        }
        ac_frame_unref(f);
        free(rgb.data);
    }
}

/* A thin red line's chroma is centred where its luma is. */
static void test_chroma_place(void **state)
{
    static const int RED[3] = {255, 0, 0};
    struct ac_rgb rgb = rgb_new(64, 64, 0);
    (void)state;
    for (int y = 0; y < 64; y++)
        for (int x = 30; x < 34; x++)
            set(&rgb, x, y, RED);
    struct ac_frame *f = ac_frame_new_picture(64, 64);
    assert_int_equal(ac_rgb_to_picture(&f->picture, &rgb, &(struct ac_rgb_part){0, 0, 64, 64}), 0);
    double sum = 0, moment = 0;
    for (int x = 0; x < 32; x++) {
        double v = at(&f->picture, 2, x, 10) - 128;
        sum += v;
        moment += v * (2 * x + 1); /* the middle of two pixels */
    }
    assert_true(sum > 100);
    assert_true(fabs(moment / sum - 32) < 0.1); /* 30 … 34 */
    ac_frame_unref(f);
    free(rgb.data);
}

static void test_refused(void **state)
{
    static const struct ac_rgb_part PARTS[] = {{-1, 0, 10, 10}, {0, -1, 10, 10}, {0, 0, 0, 10}, {0, 0, 10, 0},
                                               {55, 0, 10, 10}, {0, 55, 10, 10}, {0, 0, 65, 64}};
    struct ac_rgb rgb = rgb_new(64, 64, 0);
    struct ac_frame *f = ac_frame_new_picture(32, 32);
    (void)state;
    for (size_t k = 0; k < sizeof PARTS / sizeof *PARTS; k++)
        assert_int_equal(ac_rgb_to_picture(&f->picture, &rgb, &PARTS[k]), AC_EINVAL);
    ac_frame_unref(f);
    free(rgb.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_chroma_place),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
