/*
 * A photo's life: periodic, without a jump, small; the face moves as a stiff body, what is far from the
 * person not at all. And the stores that pictures are kept in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avatar/wav2lip_life.h"
#include "avatar/wav2lip_store.h"
#include "avatarchat/handler.h"
#include "base/mem.h"

#include <math.h>

enum { STEP_US = 40000 };

static const struct {
    int width, height;
    struct ac_w2l_box face;
} SIZES[] = {
    {512, 512, {190, 120, 140, 180}}, {360, 640, {100, 180, 160, 210}}, {1280, 720, {560, 150, 150, 190}}};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES };

/* A dot of light every `apart` pixels, soft, so that its place can be measured to a fraction of a pixel. */
static struct ac_frame *dots(int width, int height, int apart)
{
    struct ac_frame *f = ac_frame_new_picture(width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int half = apart / 2;
            double dx = x % apart - half, dy = y % apart - half;
            f->picture.data[0][y * f->picture.stride[0] + x] =
                (uint8_t)lrint(40 + 180 * exp(-(dx * dx + dy * dy) / 8));
        }
    for (int p = 1; p < 3; p++)
        for (int y = 0; y < height / 2; y++)
            for (int x = 0; x < width / 2; x++)
                f->picture.data[p][y * f->picture.stride[p] + x] = (uint8_t)(100 + p * 20 + x % 16);
    return f;
}

/* Where the dot whose middle was (x, y) is now. */
static void find_dot(const struct ac_picture *pic, int x, int y, double *fx, double *fy)
{
    double sum = 0, sx = 0, sy = 0;
    for (int j = -9; j <= 9; j++)
        for (int i = -9; i <= 9; i++) {
            double v = pic->data[0][(y + j) * pic->stride[0] + x + i] - 40.0;
            sum += v;
            sx += v * i;
            sy += v * j;
        }
    *fx = sx / sum;
    *fy = sy / sum;
}

struct scene {
    struct ac_w2l_life *life;
    void *scratch;
    struct ac_frame *still, *out;
};

static void open_scene(struct scene *s, size_t k)
{
    s->life = ac_w2l_life_new(SIZES[k].width, SIZES[k].height, &SIZES[k].face);
    s->scratch = ac_zalloc(ac_w2l_life_scratch(s->life));
    s->still = dots(SIZES[k].width, SIZES[k].height, 24);
    s->out = ac_frame_new_picture(SIZES[k].width, SIZES[k].height);
}

static void close_scene(struct scene *s)
{
    ac_w2l_life_free(s->life);
    free(s->scratch);
    ac_frame_unref(s->still);
    ac_frame_unref(s->out);
}

static const struct ac_picture *show(struct scene *s, int64_t us)
{
    ac_w2l_life_show(s->life, &s->still->picture, us, s->scratch, &s->out->picture);
    return &s->out->picture;
}

/* The dot at or before a place. */
static int dot_at(int v)
{
    return v / 24 * 24 + 12;
}

static void test_face_is_stiff(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SIZES; k++) {
        const struct ac_w2l_box *b = &SIZES[k].face;
        struct scene s;
        double most = 0, swing_lo = 9, swing_hi = -9;
        open_scene(&s, k);
        for (int64_t us = 0; us < AC_IDLE_PERIOD_US; us += 480000) {
            const struct ac_picture *pic = show(&s, us);
            int x0 = dot_at(b->x + 24), x1 = dot_at(b->x + b->width - 24), y0 = dot_at(b->y + 24),
                y1 = dot_at(b->y + b->height - 24);
            double a[2], c[2], d[2];
            find_dot(pic, x0, y0, &a[0], &a[1]);
            find_dot(pic, x1, y0, &c[0], &c[1]);
            find_dot(pic, x0, y1, &d[0], &d[1]);
            /* stiff up to the scale of under half a percent: both sides' lean and length agree */
            double lean_x = (c[1] - a[1]) / (x1 - x0), lean_y = -(d[0] - a[0]) / (y1 - y0);
            assert_true(fabs(lean_x - lean_y) < 0.003);
            double long_x = (c[0] - a[0]) / (x1 - x0), long_y = (d[1] - a[1]) / (y1 - y0);
            assert_true(fabs(long_x) < 0.008 && fabs(long_y) < 0.008);
            most = fmax(most, hypot(d[0], d[1]));
            swing_lo = fmin(swing_lo, d[0]);
            swing_hi = fmax(swing_hi, d[0]);
        }
        assert_true(most < 0.01 * SIZES[k].width && most < 0.03 * b->width);
        assert_true(swing_hi - swing_lo > 0.006 * b->width); /* it does move */
        close_scene(&s);
    }
}

static void test_far_is_still(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SIZES; k++) {
        const struct ac_w2l_box *b = &SIZES[k].face;
        struct scene s;
        size_t still = 0;
        open_scene(&s, k);
        for (int64_t us = 0; us < AC_IDLE_PERIOD_US; us += 800000) {
            const struct ac_picture *pic = show(&s, us), *was = &s.still->picture;
            for (int p = 0; p < 3; p++)
                for (int y = 0; y < pic->height >> (p > 0); y++)
                    for (int x = 0; x < pic->width >> (p > 0); x++) {
                        int lx = x << (p > 0), ly = y << (p > 0);
                        bool beside = abs(lx - b->x - b->width / 2) > 2.2 * b->width + 32;
                        bool above = ly < b->y - 1.6 * b->height - 32;
                        if (!beside && !above)
                            continue;
                        assert_int_equal(pic->data[p][y * pic->stride[p] + x],
                                         was->data[p][y * was->stride[p] + x]);
                        still++;
                    }
        }
        if (SIZES[k].width == 1280)
            assert_true(still > 100000);
        close_scene(&s);
    }
}

static double difference(const struct ac_picture *a, const struct ac_picture *b)
{
    double sum = 0;
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++)
            sum += abs(a->data[0][y * a->stride[0] + x] - b->data[0][y * b->stride[0] + x]);
    return sum / a->width / a->height;
}

static void copy(struct ac_picture *to, const struct ac_picture *from)
{
    for (int p = 0; p < 3; p++)
        memcpy(to->data[p], from->data[p], (size_t)from->stride[p] * (size_t)(from->height >> (p > 0)));
}

static void test_loop(void **state)
{
    struct scene s;
    double most = 0;
    (void)state;
    open_scene(&s, 0);
    struct ac_frame *first = ac_frame_new_picture(512, 512), *last = ac_frame_new_picture(512, 512);
    copy(&first->picture, show(&s, 0));
    copy(&last->picture, &first->picture);
    for (int64_t us = STEP_US; us < AC_IDLE_PERIOD_US; us += STEP_US) {
        const struct ac_picture *pic = show(&s, us);
        most = fmax(most, difference(pic, &last->picture));
        copy(&last->picture, pic);
    }
    assert_true(most > 0.01);
    assert_true(difference(&last->picture, &first->picture) <= most + 1e-9);
    assert_true(difference(show(&s, AC_IDLE_PERIOD_US), &first->picture) == 0);
    ac_frame_unref(first);
    ac_frame_unref(last);
    close_scene(&s);
}

static void test_store(void **state)
{
    static const struct {
        size_t n, bytes;
    } CASES[] = {{1, 1000}, {300, 4000}, {200, 100000} /* a file */};
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        struct ac_w2l_store *s = ac_w2l_store_new(CASES[k].n, CASES[k].bytes);
        uint8_t *record = ac_zalloc(CASES[k].bytes), *got = ac_zalloc(CASES[k].bytes);
        for (size_t i = CASES[k].n; i-- > 0;) {
            assert_false(ac_w2l_store_get(s, i, got));
            memset(record, (int)(i * 7 + 1), CASES[k].bytes);
            ac_w2l_store_put(s, i, record);
        }
        for (size_t i = 0; i < CASES[k].n; i++) {
            memset(record, (int)(i * 7 + 1), CASES[k].bytes);
            assert_true(ac_w2l_store_get(s, i, got));
            assert_memory_equal(got, record, CASES[k].bytes);
        }
        free(record);
        free(got);
        ac_w2l_store_free(s);
    }
}

/* Where nothing can be kept, nothing is found; nothing else happens. */
static void test_store_without_room(void **state)
{
    struct ac_w2l_store *s = ac_w2l_store_new(1 << 20, 1 << 20);
    uint8_t *record = ac_zalloc(1 << 20);
    (void)state;
    ac_w2l_store_put(s, 3, record);
    assert_false(ac_w2l_store_get(s, 3, record));
    free(record);
    ac_w2l_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_face_is_stiff),
        cmocka_unit_test(test_far_is_still),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_store_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
