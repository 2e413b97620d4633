/* Clocks: they advance, sleeping sleeps at least as long, RFC 3339. */
#include "wait.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void test_monotonic(void **state)
{
    (void)state;
    int64_t last = ac_now_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now = ac_now_us();
        assert_true(now >= last);
        last = now;
    }
}

static void test_sleep_is_not_shorter(void **state)
{
    (void)state;
    int64_t start = ac_now_us();
    ac_sleep_us(20000);
    assert_true(ac_now_us() - start >= 20000);
    ac_sleep_us(0);
    ac_sleep_us(-5);
}

static void test_cpu_time(void **state)
{
    (void)state;
    int64_t thread = ac_thread_cpu_us(), process = ac_process_cpu_us();
    volatile unsigned long sum = 1;            /* so that the work is not left out */
    while (ac_thread_cpu_us() < thread + 2000) /* ends only when the clock counts work */
        sum = sum * 31 + 7;
    assert_true(ac_process_cpu_us() >= process + 1000);
}

static void test_rfc3339(void **state)
{
    (void)state;
    char buf[32];
    struct tm tm;
    time_t before = time(NULL);
    assert_ptr_equal(ac_time_rfc3339(buf, sizeof buf), buf);
    time_t after = time(NULL);
    assert_int_equal(strlen(buf), strlen("2026-01-02T03:04:05.678Z"));
    memset(&tm, 0, sizeof tm);
    const char *rest = strptime(buf, "%Y-%m-%dT%H:%M:%S", &tm);
    assert_non_null(rest);
    assert_true(rest[0] == '.' && rest[4] == 'Z');
    assert_in_range(timegm(&tm), before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_sleep_is_not_shorter),
        cmocka_unit_test(test_cpu_time),
        cmocka_unit_test(test_rfc3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
