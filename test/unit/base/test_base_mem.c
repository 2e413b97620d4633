/* Memory wrappers: contents, and that they abort instead of giving NULL. */
#include "wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static void test_alloc(void **state)
{
    (void)state;
    unsigned char *p = ac_zalloc(1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    memset(p, 7, 1000);
    p = ac_realloc_array(p, 500, 4);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 7);
    free(p);
    void *empty[] = {ac_alloc(0), ac_zalloc(0), ac_try_alloc(0), ac_realloc_array(NULL, 0, 8)};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        assert_non_null(empty[i]);
        free(empty[i]);
    }
}

static void test_strings(void **state)
{
    (void)state;
    assert_null(ac_strdup(NULL));
    assert_null(ac_strndup(NULL, 3));
    char *s[] = {ac_strdup("hello"), ac_strndup("hello", 3), ac_strndup("hi", 30), ac_strndup("", 0),
                 ac_asprintf("%s-%d", "x", 42)};
    const char *expected[] = {"hello", "hel", "hi", "", "x-42"};
    for (size_t i = 0; i < sizeof s / sizeof *s; i++) {
        assert_string_equal(s[i], expected[i]);
        free(s[i]);
    }
}

/* In a child: an overflowing product must abort, not wrap round. */
static void test_overflow_aborts(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        volatile size_t n = SIZE_MAX / 4 + 2;
        free(ac_realloc_array(NULL, n, 4));
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void test_rss(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20 };
    size_t before = ac_rss_bytes();
    assert_true(before > 0);
    char *p = ac_alloc(BYTES);
    memset(p, 1, BYTES);
    size_t after = ac_rss_bytes();
    assert_true(p[BYTES / 2] == 1);
    free(p);
    assert_true(after >= before + BYTES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_overflow_aborts),
        cmocka_unit_test(test_rss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
