/* The logger: both formats, escaping (JSON is read back by jansson), levels, whole lines from many threads.
 */
#include "wait.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static int fds[2];

static void open_log(enum ac_log_level level, enum ac_log_format format)
{
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    ac_log_setup(level, format, fds[1]);
}

static void close_log(void)
{
    ac_log_setup(AC_LOG_INFO, AC_LOG_LOGFMT, 2);
    close(fds[0]);
    close(fds[1]);
}

/* What was logged since, NUL-terminated. */
static const char *logged(void)
{
    static char buf[60000];
    ssize_t n = read(fds[0], buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = '\0';
    return buf;
}

static const struct {
    const char *value, *logfmt;
} strings[] = {
    {"plain", "plain"},
    {"a/b:c,d", "a/b:c,d"},
    {"two words", "\"two words\""},
    {"say \"hi\"", "\"say \\\"hi\\\"\""},
    {"k=v", "\"k=v\""},
    {"back\\slash", "\"back\\\\slash\""},
    {"", "\"\""},
    {NULL, ""},
    {"line\nbreak\r\t", "\"line\\nbreak\\r\\t\""},
    {"\x1b[31mred\x7f", "\"\\u001b[31mred\\u007f\""},
    {"\xc2\x9b", "\"\\u009b\""},
    {"\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd"},
    {"bad\xff", "\"bad\xef\xbf\xbd\""},
    {"\xe2\x80\xa8", "\"\\u2028\""},
};

static void test_logfmt_strings(void **state)
{
    (void)state;
    open_log(AC_LOG_INFO, AC_LOG_LOGFMT);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        char want[200];
        ac_log_info("test", "event", AC_S("v", strings[i].value), AC_I("end", 1));
        const char *line = logged(), *level = strstr(line, " level=");
        snprintf(want, sizeof want, " level=info at=test event=event v=%s end=1\n", strings[i].logfmt);
        assert_true(strncmp(line, "time=20", 7) == 0);
        assert_non_null(level);
        assert_string_equal(level, want);
    }
    close_log();
}

static void test_json_strings(void **state)
{
    (void)state;
    open_log(AC_LOG_INFO, AC_LOG_JSON);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        json_error_t err;
        ac_log_warn("test", "an \"event\"", AC_S("v", strings[i].value));
        const char *line = logged();
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1); /* one line */
        json_t *j = json_loads(line, 0, &err);
        assert_non_null(j);
        assert_string_equal(json_string_value(json_object_get(j, "level")), "warn");
        assert_string_equal(json_string_value(json_object_get(j, "at")), "test");
        assert_string_equal(json_string_value(json_object_get(j, "event")), "an \"event\"");
        json_t *v = json_object_get(j, "v");
        if (!strings[i].value)
            assert_true(json_is_null(v));
        else if (strcmp(strings[i].value, "bad\xff") == 0)
            assert_string_equal(json_string_value(v), "bad\xef\xbf\xbd");
        else
            assert_string_equal(json_string_value(v), strings[i].value);
        json_decref(j);
    }
    close_log();
}

static void test_numbers(void **state)
{
    (void)state;
    open_log(AC_LOG_INFO, AC_LOG_LOGFMT);
    ac_log_info("test", "n", AC_I("min", INT64_MIN), AC_F("f", 0.25), AC_F("big", 1234567.5), AC_B("yes", 7),
                AC_B("no", 0), AC_F("nan", NAN));
    assert_non_null(
        strstr(logged(), " min=-9223372036854775808 f=0.25 big=1234567.5 yes=true no=false nan="));
    close_log();

    open_log(AC_LOG_INFO, AC_LOG_JSON);
    ac_log_info("test", "n", AC_I("i", 12), AC_F("f", -0.5), AC_B("b", true), AC_F("nan", NAN),
                AC_F("inf", INFINITY));
    json_t *j = json_loads(logged(), 0, NULL);
    assert_non_null(j);
    assert_int_equal(json_integer_value(json_object_get(j, "i")), 12);
    assert_true(json_real_value(json_object_get(j, "f")) == -0.5);
    assert_true(json_is_true(json_object_get(j, "b")));
    assert_true(json_is_null(json_object_get(j, "nan")));
    assert_true(json_is_null(json_object_get(j, "inf")));
    json_decref(j);
    close_log();
}

static int evaluated;

static const char *costly(void)
{
    evaluated++;
    return "x";
}

static void test_levels(void **state)
{
    (void)state;
    open_log(AC_LOG_WARN, AC_LOG_LOGFMT);
    ac_log_info("test", "hidden", AC_S("v", costly()));
    ac_log_debug("test", "hidden", AC_S("v", costly()));
    assert_int_equal(evaluated, 0);
    assert_string_equal(logged(), "");
    ac_log_warn("test", "shown", AC_S("v", costly()));
    assert_non_null(strstr(logged(), "level=warn"));
    ac_log_error("test", "shown");
    assert_non_null(strstr(logged(), "level=error at=test event=shown\n"));
    assert_int_equal(evaluated, 1);
    assert_false(ac_log_enabled(AC_LOG_INFO));
    assert_true(ac_log_enabled(AC_LOG_ERROR));
    close_log();
}

/* A reader that does not read costs lines, not time; the next line that gets through says how many. */
static void test_full_pipe_counts_losses(void **state)
{
    (void)state;
    open_log(AC_LOG_INFO, AC_LOG_LOGFMT);
    char filler[3000];
    memset(filler, 'f', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    for (int i = 0; i < 100; i++)
        ac_log_info("test", "fill", AC_S("v", filler));
    while (*logged())
        ;
    ac_log_info("test", "after");
    const char *lost = strstr(logged(), " lost_lines=");
    assert_non_null(lost);
    assert_in_range(atoi(lost + strlen(" lost_lines=")), 70, 99);
    ac_log_info("test", "again");
    assert_null(strstr(logged(), "lost_lines"));
    close_log();
}

enum { THREADS = 4, LINES = 300 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        ac_log_info("thread", "line", AC_S("text", arg), AC_I("i", i));
    return NULL;
}

static void test_lines_do_not_mix(void **state)
{
    (void)state;
    char path[] = "/tmp/avatar-chat-test-XXXXXX", line[400];
    static char *const texts[THREADS] = {"aaaaaaaaaaaaaaaa", "bb bb", "\"c\"", "d"};
    pthread_t threads[THREADS];
    int n = 0, fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
    ac_log_setup(AC_LOG_INFO, AC_LOG_JSON, fd);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, texts[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ac_log_setup(AC_LOG_INFO, AC_LOG_LOGFMT, 2);
    FILE *f = fdopen(fd, "r");
    assert_non_null(f);
    rewind(f);
    while (fgets(line, sizeof line, f)) {
        json_t *j = json_loads(line, 0, NULL);
        assert_non_null(j);
        json_decref(j);
        n++;
    }
    fclose(f);
    assert_int_equal(n, THREADS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logfmt_strings),
        cmocka_unit_test(test_json_strings),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_full_pipe_counts_losses),
        cmocka_unit_test(test_lines_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
