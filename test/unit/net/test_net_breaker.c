/* The breaker: when it opens, that one call tries it again, and that waits grow. Times are lower bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "net/breaker.h"

enum { OPEN_MS = 40 };

static struct ac_breaker b;
static int wait_ms;

static void call(enum ac_breaker_result result)
{
    assert_true(ac_breaker_allow(&b, &wait_ms));
    ac_breaker_report(&b, result);
}

/* Waits until it lets a call through; how long it was refused at least, in ms. */
static int64_t refused_ms(void)
{
    int64_t begun_us = ac_now_us();

    while (!ac_breaker_allow(&b, &wait_ms)) {
        assert_true(wait_ms > 0);
        ac_sleep_us(1000);
    }
    return (ac_now_us() - begun_us) / 1000;
}

static void test_opens_after_failures_in_a_row(void **state)
{
    (void)state;
    ac_breaker_init(&b, 3, 60000);
    for (int i = 0; i < 5; i++) {
        call(AC_BREAKER_FAILED);
        call(AC_BREAKER_FAILED);
        call(AC_BREAKER_UNKNOWN);
        call(AC_BREAKER_OK);
    }
    call(AC_BREAKER_FAILED);
    call(AC_BREAKER_FAILED);
    call(AC_BREAKER_FAILED);
    assert_false(ac_breaker_allow(&b, &wait_ms));
    assert_true(wait_ms > 50000 && wait_ms <= 60000);
    ac_breaker_destroy(&b);
}

static void test_one_trial(void **state)
{
    (void)state;
    ac_breaker_init(&b, 1, OPEN_MS);
    call(AC_BREAKER_FAILED);
    refused_ms(); /* lets the trial through */
    for (int i = 0; i < 3; i++)
        assert_false(ac_breaker_allow(&b, &wait_ms));
    ac_breaker_report(&b, AC_BREAKER_UNKNOWN); /* canceled: another may try at once */
    assert_true(ac_breaker_allow(&b, NULL));
    assert_false(ac_breaker_allow(&b, NULL));
    ac_breaker_report(&b, AC_BREAKER_OK);
    assert_true(ac_breaker_allow(&b, NULL) && ac_breaker_allow(&b, NULL));
    ac_breaker_destroy(&b);
}

static void test_waits_grow_and_end(void **state)
{
    static const int times[] = {1, 2, 4, 8, 8};

    (void)state;
    ac_breaker_init(&b, 1, OPEN_MS);
    assert_true(ac_breaker_allow(&b, NULL));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        ac_breaker_report(&b, AC_BREAKER_FAILED);
        assert_false(ac_breaker_allow(&b, &wait_ms));
        assert_true(wait_ms <= OPEN_MS * times[i]);
        assert_true(refused_ms() >= OPEN_MS * times[i] - 5);
    }
    ac_breaker_report(&b, AC_BREAKER_OK);
    call(AC_BREAKER_FAILED); /* begins at the shortest again */
    assert_false(ac_breaker_allow(&b, &wait_ms));
    assert_true(wait_ms <= OPEN_MS);
    ac_breaker_destroy(&b);
}

/* Calls that began before it opened do not lengthen the wait; one that succeeds shows that all is well. */
static void test_late_reports(void **state)
{
    (void)state;
    ac_breaker_init(&b, 1, 60000);
    for (int i = 0; i < 4; i++)
        assert_true(ac_breaker_allow(&b, NULL));
    for (int i = 0; i < 3; i++)
        ac_breaker_report(&b, AC_BREAKER_FAILED);
    assert_false(ac_breaker_allow(&b, &wait_ms));
    assert_true(wait_ms <= 60000);
    ac_breaker_report(&b, AC_BREAKER_OK);
    assert_true(ac_breaker_allow(&b, NULL));
    ac_breaker_destroy(&b);
}

static atomic_int let_through;

static void *ask(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        if (ac_breaker_allow(&b, NULL))
            atomic_fetch_add(&let_through, 1);
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];

    (void)state;
    ac_breaker_init(&b, 1, 1);
    call(AC_BREAKER_FAILED);
    ac_sleep_us(2000);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, ask, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&let_through), 1);
    ac_breaker_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_after_failures_in_a_row),
        cmocka_unit_test(test_one_trial),
        cmocka_unit_test(test_waits_grow_and_end),
        cmocka_unit_test(test_late_reports),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
