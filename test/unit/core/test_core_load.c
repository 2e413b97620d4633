/* What talking costs, and how many may talk. */
#include "core/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* 200 ms of video: five pictures of so many µs, and so much for the rest. */
static void note(struct ac_load *l, int64_t picture_us, int64_t other_us, int late)
{
    const struct ac_slice s = {.frames = 5,
                               .pictures = 5,
                               .late = late,
                               .media_us = 200000,
                               .picture_us = 5 * picture_us,
                               .other_us = other_us};

    ac_load_note(l, &s);
}

static void test_limit(void **state)
{
    struct ac_load *l = ac_load_new(2);

    (void)state;
    assert_int_equal(ac_load_limit(l, 25), 8); /* a guess */
    for (int i = 0; i < 200; i++)
        note(l, 1600, 4000, 0);
    /* 12.5 pictures a second and 20 ms take 40 ms of a second: 85 % of two workers are enough for 42 */
    assert_int_equal(ac_load_limit(l, 25), 42);
    assert_true(ac_load_limit(l, 50) < 42);
    assert_true(ac_load_room(l, 25, 41));
    assert_false(ac_load_room(l, 25, 42));
    for (int i = 0; i < 200; i++)
        note(l, 160000, 4000, 0); /* slower than life: one a worker may talk even so */
    assert_int_equal(ac_load_limit(l, 25), 2);
    for (int i = 0; i < 200; i++)
        note(l, 1600, 4000, 0); /* it forgets */
    assert_int_equal(ac_load_limit(l, 25), 42);
    ac_load_free(l);
}

static void test_outlier(void **state)
{
    struct ac_load *l = ac_load_new(2);

    (void)state;
    note(l, 900000, 900000, 0); /* an engine was loaded */
    for (int i = 0; i < 30; i++)
        note(l, 1600, 4000, 0);
    assert_true(ac_load_limit(l, 25) > 35);
    ac_load_free(l);
}

static void test_late(void **state)
{
    struct ac_load *l = ac_load_new(2);

    (void)state;
    for (int i = 0; i < 50; i++)
        note(l, 1600, 4000, 0);
    assert_true(ac_load_room(l, 25, 20));
    note(l, 1600, 4000, 3);
    assert_false(ac_load_room(l, 25, 20));
    assert_true(ac_load_room(l, 25, 1)); /* somebody may always talk */
    ac_load_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limit), cmocka_unit_test(test_outlier),
                                       cmocka_unit_test(test_late)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
