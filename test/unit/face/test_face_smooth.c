/* Smoothing a track: trembling goes, motion stays and does not lag, gaps are filled in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "face_world.h"

enum { N = 40, CHIN = 152, LIP = 14 };

static struct ac_face track[N];
static float *points; /* of a real face */
static float width;

static int setup(void **state)
{
    float left = INFINITY, right = 0;

    (void)state;
    points = read_floats(FACE_DATA "astronaut.f32", (size_t)AC_FACE_POINTS * 3);
    for (int i = 0; i < AC_FACE_POINTS; i++) {
        left = fminf(left, points[3 * i]);
        right = fmaxf(right, points[3 * i]);
    }
    width = right - left;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(points);
    return 0;
}

/* The face in each picture, moved by step pixels from one to the next. */
static void lay_track(float step)
{
    memset(track, 0, sizeof track);
    for (int t = 0; t < N; t++) {
        track[t].presence = track[t].score = 1;
        track[t].width = width;
        for (int i = 0; i < AC_FACE_POINTS; i++)
            for (int k = 0; k < 3; k++)
                track[t].point[i][k] = points[3 * i + k] + (k == 0 ? step * (float)t : 0);
    }
}

static float off_course(int t, int i, float step)
{
    return hypotf(track[t].point[i][0] - points[3 * i] - step * (float)t,
                  track[t].point[i][1] - points[3 * i + 1]);
}

static void test_trembling(void **state)
{
    float before = 0, after = 0;
    unsigned seed = 3;

    (void)state;
    lay_track(0.2F);
    for (int t = 0; t < N; t++)
        for (int i = 0; i < AC_FACE_POINTS; i++)
            for (int k = 0; k < 2; k++)
                track[t].point[i][k] += ((float)(rand_r(&seed) % 1001) / 1000 - 0.5F) * 0.006F * width;
    for (int t = 4; t < N - 4; t++)
        for (int i = 0; i < AC_FACE_POINTS; i++)
            before += off_course(t, i, 0.2F);
    ac_face_smooth(track, N);
    for (int t = 4; t < N - 4; t++)
        for (int i = 0; i < AC_FACE_POINTS; i++)
            after += off_course(t, i, 0.2F);
    assert_true(after < 0.5F * before);
}

/* A steady motion is not slowed down, not even at the ends. */
static void test_motion(void **state)
{
    static const float steps[] = {0, 0.3F, 2, 15};

    (void)state;
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        lay_track(steps[s]);
        ac_face_smooth(track, N);
        for (int t = 0; t < N; t++) {
            for (int i = 0; i < AC_FACE_POINTS; i++)
                assert_true(off_course(t, i, steps[s]) < 0.01F);
            assert_true(fabsf(track[t].width - width) < 0.01F && fabsf(track[t].yaw) < 0.1F);
        }
    }
}

/* A lip that opens within one picture does so afterwards. */
static void test_quick(void **state)
{
    float open = 0.06F * width;

    (void)state;
    lay_track(0);
    for (int t = N / 2; t < N; t++)
        track[t].point[LIP][1] += open;
    ac_face_smooth(track, N);
    assert_true(off_course(N / 2 - 1, LIP, 0) < 0.03F * open);
    assert_true(fabsf(off_course(N / 2, LIP, 0) - open) < 0.03F * open);
}

static void test_gaps(void **state)
{
    static const int empty[] = {0, 1, 10, 20, 21, 22, N - 1};

    (void)state;
    lay_track(1);
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        memset(&track[empty[i]], 0, sizeof track[empty[i]]);
    ac_face_smooth(track, N);
    for (int t = 2; t < N - 1; t++) /* between two faces: on the way from one to the other */
        assert_true(off_course(t, CHIN, 1) < 0.35F);
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        assert_true(track[empty[i]].presence == 0);
        assert_true(fabsf(track[empty[i]].width - width) < 0.01F);
    }
    assert_true(fabsf(track[0].x - track[2].x) < 0.5F); /* before the first: as the first */
    assert_true(fabsf(track[N - 1].x - track[N - 2].x) < 0.5F);
}

static void test_little(void **state)
{
    struct ac_face *none = ac_zalloc(2 * sizeof *none);

    (void)state;
    ac_face_smooth(NULL, 0);
    ac_face_smooth(none, 2);
    for (int i = 0; i < AC_FACE_POINTS; i++)
        assert_true(none[1].point[i][0] == 0);
    free(none);
    lay_track(0);
    ac_face_smooth(track, 1);
    assert_true(off_course(0, CHIN, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trembling), cmocka_unit_test(test_motion), cmocka_unit_test(test_quick),
        cmocka_unit_test(test_gaps),      cmocka_unit_test(test_little),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
