/* The lines of the log that are kept in memory. */
#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    size_t n;
    uint64_t first, last;
    char at[32], event[32], fields[256], text[256];
    enum ac_log_level level;
};

static void see(void *arg, const struct ac_log_line *l)
{
    struct seen *s = arg;

    if (!s->n++)
        s->first = l->seq;
    assert_true(s->last < l->seq);
    s->last = l->seq;
    s->level = l->level;
    assert_true(l->at_ms > INT64_C(1600000000000));
    snprintf(s->at, sizeof s->at, "%s", l->at);
    snprintf(s->event, sizeof s->event, "%s", l->event);
    snprintf(s->fields, sizeof s->fields, "%s", l->fields);
    snprintf(s->text, sizeof s->text, "%s", l->text);
}

static void test_line(void **state)
{
    struct seen s = {0};

    (void)state;
    uint64_t since = ac_log_lines(0, AC_LOG_DEBUG, 0, see, &s);
    ac_log_warn("here", "happened", AC_S("what", "a \"b\"\n"), AC_I("n", 7), AC_B("yes", true));
    uint64_t next = ac_log_lines(since, AC_LOG_DEBUG, 10, see, &s);
    assert_int_equal(s.n, 1);
    assert_int_equal(next, s.last);
    assert_string_equal(s.at, "here");
    assert_string_equal(s.event, "happened");
    assert_string_equal(s.fields, "{\"what\":\"a \\\"b\\\"\\n\",\"n\":7,\"yes\":true}");
    assert_string_equal(s.text, "what=\"a \\\"b\\\"\\n\" n=7 yes=true");
    assert_int_equal(s.level, AC_LOG_WARN);
    ac_log_info("here", "nothing");
    s = (struct seen){0};
    next = ac_log_lines(next, AC_LOG_INFO, 10, see, &s);
    assert_string_equal(s.fields, "{}");
    assert_string_equal(s.text, "");
}

static void test_levels(void **state)
{
    struct seen s = {0};

    (void)state;
    uint64_t since = ac_log_lines(UINT64_MAX / 2, AC_LOG_DEBUG, 10, see, &s);
    ac_log_set_level(AC_LOG_DEBUG);
    ac_log_debug("here", "said", AC_S("text", "what a person says"));
    ac_log_info("here", "seen");
    ac_log_error("here", "broken");
    ac_log_set_level(AC_LOG_ERROR);
    ac_log_info("here", "unseen");
    ac_log_set_level(AC_LOG_INFO);
    ac_log_lines(since, AC_LOG_DEBUG, 10, see, &s);
    assert_int_equal(s.n, 2); /* debug may hold what people say */
    s = (struct seen){0};
    ac_log_lines(since, AC_LOG_WARN, 10, see, &s);
    assert_int_equal(s.n, 1);
    assert_string_equal(s.event, "broken");
}

static void test_ring(void **state)
{
    struct seen s = {0};

    (void)state;
    for (int i = 0; i < AC_LOG_KEPT + 50; i++)
        ac_log_info("here", "again", AC_I("i", i));
    uint64_t next = ac_log_lines(0, AC_LOG_INFO, AC_LOG_KEPT + 100, see, &s);
    assert_int_equal(s.n, AC_LOG_KEPT);
    assert_int_equal(s.last - s.first, AC_LOG_KEPT - 1);
    assert_int_equal(next, s.last);
    s = (struct seen){0};
    next = ac_log_lines(next - 100, AC_LOG_INFO, 40, see, &s); /* page by page */
    assert_int_equal(s.n, 40);
    s = (struct seen){0};
    next = ac_log_lines(next, AC_LOG_INFO, 100, see, &s);
    assert_int_equal(s.n, 60);
    assert_int_equal(ac_log_lines(next, AC_LOG_INFO, 100, see, &s), next);
}

static void *write_lines(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++)
        ac_log_info("thread", "line", AC_S("text", "some text"));
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];
    struct seen s = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_lines, NULL);
    for (int i = 0; i < 50; i++) {
        s = (struct seen){0};
        ac_log_lines(0, AC_LOG_INFO, AC_LOG_KEPT, see, &s);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    s = (struct seen){0};
    ac_log_lines(0, AC_LOG_INFO, AC_LOG_KEPT, see, &s);
    assert_int_equal(s.n, AC_LOG_KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_line), cmocka_unit_test(test_levels),
                                       cmocka_unit_test(test_ring), cmocka_unit_test(test_threads)};
    FILE *nowhere = fopen("/dev/null", "w");

    ac_log_setup(AC_LOG_INFO, AC_LOG_LOGFMT, fileno(nowhere));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fclose(nowhere);
    return failed;
}
