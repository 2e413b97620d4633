/*
 * What the engine's pictures show: idle life is a function of the phase alone, the mouth follows its
 * parameters, a blink hides the iris, the background stays bit for bit, and nothing depends on the thread.
 */
#include "puppet.h"

#include <math.h>
#include <pthread.h>

#include "avatar/character_face.h"

enum { SIDE = 512, CALM_US = 480000 /* neither blink nor glance */ };

static const char *const PEOPLE[] = {"lin", "david"};

static const struct ac_pose REST = {.idle_us = CALM_US};

static struct ac_pose with_mouth(struct ac_mouth mouth)
{
    struct ac_pose pose = REST;
    pose.mouth = mouth;
    return pose;
}

/* Luma at a point of the drawing. */
static int luma_at(const struct ac_picture *pic, const struct ac_char_rig *rig, float x, float y)
{
    float unit = (float)pic->width / rig->frame_size;
    int px = (int)((x - rig->frame_x) * unit), py = (int)((y - rig->frame_y) * unit);
    return pic->data[0][py * pic->stride[0] + px];
}

/* Pixels between the mouth's corners that are as dark as its inside. */
static int dark_pixels(const struct ac_picture *pic, const struct ac_char_rig *rig)
{
    const struct ac_char_mouth_rig *m = &rig->mouth;
    float unit = (float)pic->width / rig->frame_size;
    int x0 = (int)((m->line.x[0] - rig->frame_x) * unit),
        x1 = (int)((m->line.x[m->line.n - 1] - rig->frame_x) * unit);
    int y0 = (int)((m->box.y - rig->frame_y) * unit), y1 = (int)((m->box.y + m->box.h - rig->frame_y) * unit);
    int n = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            n += pic->data[0][y * pic->stride[0] + x] < 50;
    return n;
}

static double mean_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += abs(a[i] - b[i]);
    return sum / (double)n;
}

static void test_picture(void **state)
{
    static const struct {
        int width, height, want_width, want_height;
    } CASES[] = {{0, 0, 512, 512},     {256, 256, 256, 256}, {720, 720, 720, 720},
                 {480, 640, 480, 640}, {640, 360, 640, 360}, {100, 100, 100, 100}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct puppet p;
        assert_int_equal(puppet_open(&p, NULL, "", CASES[i].width, CASES[i].height, NULL), 0);
        struct ac_pose pose = REST;
        pose.frame = 17;
        const struct ac_picture *pic = puppet_show(&p, &pose);
        assert_non_null(pic);
        assert_int_equal(p.pushed, 1);
        assert_int_equal(pic->frame, 17);
        assert_int_equal(pic->width, CASES[i].want_width);
        assert_int_equal(pic->height, CASES[i].want_height);
        int lo = 255, hi = 0;
        for (int y = 0; y < pic->height; y++) {
            for (int x = 0; x < pic->width; x++) {
                int v = pic->data[0][y * pic->stride[0] + x];
                lo = v < lo ? v : lo;
                hi = v > hi ? v : hi;
            }
        }
        assert_in_range(lo, 16, 60); /* limited range, with dark hair and light skin in it */
        assert_in_range(hi, 190, 235);
        puppet_close(&p);
    }
}

static void test_idle_is_a_function_of_phase(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct puppet p, fresh;
        assert_int_equal(puppet_open(&p, NULL, PEOPLE[i], SIDE, SIDE, NULL), 0);
        assert_int_equal(puppet_open(&fresh, p.model, PEOPLE[i], SIDE, SIDE, NULL), 0);
        uint64_t first = puppet_hash(puppet_show(&p, &REST));
        assert_true(puppet_hash(puppet_show(&p, &REST)) == first);
        struct ac_pose later = REST;
        later.idle_us += 2 * (int64_t)AC_IDLE_PERIOD_US;
        assert_true(puppet_hash(puppet_show(&p, &later)) == first);
        later.idle_us = CALM_US + 900000;
        assert_false(puppet_hash(puppet_show(&p, &later)) == first);
        /* after wild speech, ten frames of rest give exactly what a new instance shows */
        for (int k = 0; k < 30; k++) {
            struct ac_pose wild = with_mouth((struct ac_mouth){.jaw = 0.7f, .round = 0.5f});
            wild.emotion = (enum ac_emotion)(k / 6);
            wild.speaking = true;
            wild.stress = wild.energy = 1;
            wild.idle_us = 40000 * k;
            puppet_show(&p, &wild);
        }
        for (int k = 0; k < 10; k++) {
            struct ac_pose rest = REST;
            rest.idle_us = 1200000 + 40000 * k;
            uint64_t now = puppet_hash(puppet_show(&p, &rest)),
                     idle = puppet_hash(puppet_show(&fresh, &rest));
            if (k == 0)
                assert_false(now == idle);
            if (k == 9)
                assert_true(now == idle);
        }
        puppet_close(&fresh);
        puppet_close(&p);
    }
}

static void test_idle_loop_has_no_jump(void **state)
{
    enum { STEPS = AC_IDLE_PERIOD_US / 40000, PIXELS = 256 * 256 };
    struct puppet p;
    (void)state;
    assert_int_equal(puppet_open(&p, NULL, "lin", 256, 256, NULL), 0);
    uint8_t *last = ac_alloc(PIXELS), *first = ac_alloc(PIXELS), *now = ac_alloc(PIXELS);
    double most = 0;
    for (int k = 0; k < STEPS; k++) {
        struct ac_pose pose = {.idle_us = (int64_t)k * 40000};
        const struct ac_picture *pic = puppet_show(&p, &pose);
        for (int y = 0; y < 256; y++)
            memcpy(now + y * 256, pic->data[0] + y * pic->stride[0], 256);
        if (k == 0)
            memcpy(first, now, PIXELS);
        else
            most = fmax(most, mean_difference(now, last, PIXELS));
        memcpy(last, now, PIXELS);
    }
    assert_true(most > 0.02); /* it does move */
    assert_true(mean_difference(last, first, PIXELS) <= most);
    free(last);
    free(first);
    free(now);
    puppet_close(&p);
}

static void test_mouth_opens_with_the_jaw(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ac_char_rig *rig = puppet_rig(PEOPLE[i]);
        struct puppet p;
        assert_int_equal(puppet_open(&p, NULL, PEOPLE[i], SIDE, SIDE, NULL), 0);
        int rest = dark_pixels(puppet_show(&p, &REST), rig), last = rest;
        assert_in_range(rest, 0, 60); /* the seam at most */
        for (int step = 1; step <= 8; step++) {
            struct ac_pose pose = with_mouth((struct ac_mouth){.jaw = (float)step / 8});
            int n = dark_pixels(puppet_show(&p, &pose), rig);
            assert_true(n >= last);
            last = n;
        }
        assert_true(last > rest + 300);
        /* press closes whatever else is asked */
        static const struct ac_mouth PRESSED[] = {
            {.press = 1},
            {.press = 1, .jaw = 1},
            {.press = 1, .jaw = 0.5f, .upper = 1, .lower = 1, .teeth = 1, .width = 1},
            {.press = 1, .jaw = 0.7f, .round = 1, .tongue = 1},
        };
        for (size_t k = 0; k < sizeof PRESSED / sizeof *PRESSED; k++) {
            struct ac_pose pose = with_mouth(PRESSED[k]);
            const struct ac_picture *pic = puppet_show(&p, &pose);
            assert_true(dark_pixels(pic, rig) <= rest + 12);
        }
        ac_char_rig_free(rig);
        puppet_close(&p);
    }
}

static void test_background_never_changes(void **state)
{
    static const struct ac_pose POSES[] = {
        {.idle_us = 3000000},
        {.idle_us = 9000000, .mouth = {.jaw = 1}},
        {.idle_us = 6000000, .emotion = AC_EMOTION_SURPRISED, .speaking = true, .stress = 1, .energy = 1},
    };
    struct puppet p;
    (void)state;
    assert_int_equal(puppet_open(&p, NULL, "david", SIDE, SIDE, NULL), 0);
    enum { EDGE = 40 };
    uint8_t want[EDGE * EDGE];
    for (size_t i = 0; i < sizeof POSES / sizeof *POSES; i++) {
        const struct ac_picture *pic = NULL;
        for (int k = 0; k < 12; k++)
            pic = puppet_show(&p, &POSES[i]);
        for (int y = 0; y < EDGE; y++)
            for (int x = 0; x < EDGE; x++) {
                uint8_t v = pic->data[0][y * pic->stride[0] + x];
                if (i == 0)
                    want[y * EDGE + x] = v;
                assert_int_equal(v, want[y * EDGE + x]);
            }
    }
    puppet_close(&p);
}

static void test_blink_covers_the_iris(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ac_char_rig *rig = puppet_rig(PEOPLE[i]);
        struct puppet p;
        assert_int_equal(puppet_open(&p, NULL, PEOPLE[i], SIDE, SIDE, NULL), 0);
        int darkest[2] = {255, 255}, lightest[2] = {0, 0};
        for (int k = 0; k < AC_IDLE_PERIOD_US / 40000; k++) {
            struct ac_pose pose = {.idle_us = (int64_t)k * 40000};
            const struct ac_picture *pic = puppet_show(&p, &pose);
            for (int e = 0; e < 2; e++) {
                int v = luma_at(pic, rig, rig->eye[e].iris_x, rig->eye[e].iris_y);
                darkest[e] = v < darkest[e] ? v : darkest[e];
                lightest[e] = v > lightest[e] ? v : lightest[e];
            }
        }
        for (int e = 0; e < 2; e++) {
            assert_in_range(darkest[e], 0, 60);     /* the pupil */
            assert_in_range(lightest[e], 130, 235); /* the lid's skin */
        }
        ac_char_rig_free(rig);
        puppet_close(&p);
    }
}

static void test_poses_out_of_range(void **state)
{
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f};
    struct puppet p;
    (void)state;
    assert_int_equal(puppet_open(&p, NULL, "lin", SIDE, SIDE, NULL), 0);
    struct ac_pose most = with_mouth((struct ac_mouth){1, 1, 1, 1, 1, 1, 1, 1, 1});
    uint64_t limit = puppet_hash(puppet_show(&p, &most)), rest = puppet_hash(puppet_show(&p, &REST));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float v = bad[i];
        struct ac_pose pose = with_mouth((struct ac_mouth){v, v, v, v, v, v, v, v, v});
        uint64_t got = puppet_hash(puppet_show(&p, &pose));
        if (v == 1e30f)
            assert_true(got == limit);
        if (isnan(v))
            assert_true(got == rest);
        pose.stress = pose.energy = v;
        pose.speaking = true;
        pose.emotion = (enum ac_emotion)99;
        pose.idle_us = i % 2 ? INT64_MAX : INT64_MIN;
        assert_non_null(puppet_show(&p, &pose));
    }
    puppet_close(&p);
}

static void test_cancel_and_end(void **state)
{
    struct puppet p;
    (void)state;
    assert_int_equal(puppet_open(&p, NULL, "lin", 256, 256, NULL), 0);
    assert_int_equal(ac_handler_avatar_character.process(p.inst, NULL, &p.sink, p.cancel), 0);
    assert_int_equal(p.pushed, 0);
    uint64_t first = puppet_hash(puppet_show(&p, &REST));
    struct ac_pose talk = {.idle_us = CALM_US, .speaking = true, .stress = 1, .emotion = AC_EMOTION_HAPPY};
    puppet_show(&p, &talk);
    ac_handler_avatar_character.reset(p.inst);
    assert_true(puppet_hash(puppet_show(&p, &REST)) == first);
    ac_cancel_trigger(p.cancel);
    struct ac_frame *in = ac_frame_new(AC_FRAME_POSE);
    assert_int_equal(ac_handler_avatar_character.process(p.inst, in, &p.sink, p.cancel), AC_ECANCELED);
    ac_frame_unref(in);
    puppet_close(&p);
}

struct job {
    struct puppet puppet;
    uint64_t sum;
};

static void *talk(void *arg)
{
    struct job *job = arg;
    for (int k = 0; k < 60; k++) {
        struct ac_pose pose = {.idle_us = 40000 * k, .speaking = true, .stress = (float)(k % 9) / 9};
        pose.mouth.jaw = 0.5f + 0.5f * sinf((float)k);
        job->sum = job->sum * 31 + puppet_hash(puppet_show(&job->puppet, &pose));
    }
    return NULL;
}

/* A picture of which only the face is drawn anew, upon the one before, beside the same drawn as a whole. */
static void test_upon_the_picture_before(void **state)
{
    const struct ac_mouth wide_open = {.jaw = 1, .width = -1}, rounded = {.jaw = 0.3f, .round = 1};
    const struct ac_char_face before = {.motion = {[AC_CHAR_YAW] = 0.05f, [AC_CHAR_ROLL] = 0.03f}};
    struct ac_char_face now[3] = {before, before, before};
    struct ac_env env = {.log_name = "test"};
    (void)state;
    now[0].mouth = wide_open;
    now[1].mouth = rounded;
    now[1].lid[0] = now[1].lid[1] = 1;
    now[2].motion[AC_CHAR_BROW_L] = now[2].motion[AC_CHAR_BROW_IN] = 1.3f;
    now[2].motion[AC_CHAR_SMILE] = now[2].smile = 1;
    for (size_t i = 0; i < sizeof PEOPLE / sizeof *PEOPLE; i++) {
        struct ac_char_rig *rig = puppet_rig(PEOPLE[i]);
        struct ac_char_sheet *sheet = NULL;
        assert_int_equal(ac_char_sheet_new(&sheet, rig, SIDE, SIDE, &env), 0);
        for (size_t k = 0; k < sizeof now / sizeof *now; k++) {
            struct ac_frame *old = ac_frame_new_picture(SIDE, SIDE),
                            *whole = ac_frame_new_picture(SIDE, SIDE),
                            *upon = ac_frame_new_picture(SIDE, SIDE);
            ac_char_face_draw(sheet, &before, &old->picture, NULL);
            ac_char_face_draw(sheet, &now[k], &whole->picture, NULL);
            ac_char_face_draw(sheet, &now[k], &upon->picture, &old->picture);
            int moved = 0, worst = 0;
            for (int p = 0; p < 3; p++) {
                for (int y = 0; y < SIDE >> (p > 0); y++) {
                    for (int x = 0; x < SIDE >> (p > 0); x++) {
                        int at = y * whole->picture.stride[p] + x, v = whole->picture.data[p][at];
                        moved = abs(v - old->picture.data[p][at]) > moved ? abs(v - old->picture.data[p][at])
                                                                          : moved;
                        worst = abs(v - upon->picture.data[p][at]) > worst
                                    ? abs(v - upon->picture.data[p][at])
                                    : worst;
                    }
                }
            }
            assert_true(moved > 60);
            assert_true(worst <= 6); /* a tenth of a pixel, at the sharpest edge */
            ac_frame_unref(old);
            ac_frame_unref(whole);
            ac_frame_unref(upon);
        }
        ac_char_sheet_free(sheet);
        ac_char_rig_free(rig);
    }
}

static void test_threads(void **state)
{
    struct job jobs[3] = {0};
    pthread_t threads[2];
    (void)state;
    assert_int_equal(puppet_open(&jobs[0].puppet, NULL, "lin", 256, 256, NULL), 0);
    for (int i = 1; i < 3; i++)
        assert_int_equal(puppet_open(&jobs[i].puppet, jobs[0].puppet.model, "lin", 256, 256, NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk, &jobs[i + 1]), 0);
    talk(&jobs[0]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(jobs[1].sum == jobs[0].sum);
    assert_true(jobs[2].sum == jobs[0].sum);
    for (int i = 2; i >= 0; i--)
        puppet_close(&jobs[i].puppet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picture),
        cmocka_unit_test(test_idle_is_a_function_of_phase),
        cmocka_unit_test(test_idle_loop_has_no_jump),
        cmocka_unit_test(test_mouth_opens_with_the_jaw),
        cmocka_unit_test(test_background_never_changes),
        cmocka_unit_test(test_blink_covers_the_iris),
        cmocka_unit_test(test_poses_out_of_range),
        cmocka_unit_test(test_cancel_and_end),
        cmocka_unit_test(test_upon_the_picture_before),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
