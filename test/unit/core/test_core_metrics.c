/* Metrics: the text format, percentiles, tables with an end. */
#include "core/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *written(struct ac_metrics *m)
{
    struct ac_str out = {0};

    ac_metrics_write(m, &out);
    return ac_str_steal(&out);
}

static void expect(struct ac_metrics *m, const char *line)
{
    char *text = written(m), with_breaks[256];

    snprintf(with_breaks, sizeof with_breaks, "\n%s\n", line);
    if (!strstr(text, with_breaks))
        fail_msg("'%s' is not in:\n%s", line, text);
    free(text);
}

static void test_counting(void **state)
{
    struct ac_metrics *m = ac_metrics_new();

    (void)state;
    ac_metrics_add(m, AC_COUNT_TURNS_DONE, 3);
    ac_metrics_add(m, AC_COUNT_RENDER_US, 1234567);
    ac_metrics_set(m, AC_GAUGE_TALKING, 7);
    ac_metrics_change(m, AC_GAUGE_TALKING, -2);
    ac_metrics_busy(m, AC_STAGE_TTS, 50000);
    ac_metrics_error(m, AC_ETIMEDOUT);
    ac_metrics_error(m, 12345); /* none of ours: an internal one */
    assert_int_equal(ac_metrics_errors(m, AC_ETIMEDOUT), 1);
    expect(m, "avatar_chat_turns_total{result=\"done\"} 3");
    expect(m, "avatar_chat_turns_total{result=\"failed\"} 0");
    expect(m, "avatar_chat_render_seconds_total 1.234567");
    expect(m, "avatar_chat_sessions_talking 5");
    expect(m, "avatar_chat_stage_busy_seconds_total{stage=\"tts\"} 0.050000");
    expect(m, "avatar_chat_errors_total{code=\"timed_out\"} 1");
    expect(m, "avatar_chat_errors_total{code=\"internal_error\"} 1");
    expect(m, "avatar_chat_info{version=\"" AC_VERSION "\"} 1");
    ac_metrics_free(m);
}

static void test_nowhere(void **state)
{
    (void)state;
    ac_metrics_add(NULL, AC_COUNT_TURNS_DONE, 1);
    ac_metrics_observe(NULL, AC_TIME_DONE, 1);
    ac_metrics_cache(NULL, "x", true);
    ac_metrics_tick(NULL);
    assert_int_equal(ac_metrics_count(NULL, AC_COUNT_TURNS_DONE), 0);
    assert_int_equal(ac_metrics_percentiles(NULL, AC_TIME_DONE).n, 0);
}

/* Every name has one HELP and one TYPE, before its samples, which stand together; every line is well-formed.
 */
static void test_format(void **state)
{
    struct ac_metrics *m = ac_metrics_new();
    char *text, *save = NULL, name[128] = "";
    size_t types = 0, samples = 0;

    (void)state;
    ac_metrics_request(m, "/api/status", 200);
    ac_metrics_observe(m, AC_TIME_DONE, 1000);
    text = written(m);
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char word[128];
        if (sscanf(line, "# TYPE %127s", word) == 1) {
            assert_string_not_equal(word, name);
            snprintf(name, sizeof name, "%s", word);
            types++;
        } else if (line[0] != '#') {
            assert_int_equal(strncmp(line, name, strlen(name)), 0);
            const char *value = strrchr(line, ' ');
            assert_true(value && strspn(value + 1, "0123456789.") == strlen(value + 1));
            samples++;
        }
    }
    assert_true(types > 25 && samples > 100);
    free(text);
    ac_metrics_free(m);
}

static void test_labels(void **state)
{
    struct ac_metrics *m = ac_metrics_new();
    char engine[32];

    (void)state;
    ac_metrics_model_load(m, "a\"b\\c\nd");
    ac_metrics_degraded(m, AC_STAGE_LLM, "one", "two");
    ac_metrics_degraded(m, AC_STAGE_LLM, "one", "two");
    expect(m, "avatar_chat_model_loads_total{engine=\"a\\\"b\\\\c\\nd\"} 1");
    expect(m, "avatar_chat_degraded_total{stage=\"llm\",from=\"one\",to=\"two\"} 2");
    for (int i = 0; i < 1000; i++) { /* what comes from outside must not fill the memory */
        snprintf(engine, sizeof engine, "engine%d", i);
        ac_metrics_model_load(m, engine);
    }
    assert_int_equal(ac_metrics_model_loads(m, "engine1"), 1);
    assert_int_equal(ac_metrics_model_loads(m, "engine999"), 0);
    assert_true(ac_metrics_model_loads(m, "other") > 700);
    ac_metrics_free(m);
}

static void test_durations(void **state)
{
    struct ac_metrics *m = ac_metrics_new();

    (void)state;
    assert_int_equal(ac_metrics_percentiles(m, AC_TIME_FIRST_FRAGMENT).n, 0);
    for (int i = 1; i <= 1000; i++)
        ac_metrics_observe(m, AC_TIME_FIRST_FRAGMENT, i * 1000);
    ac_metrics_observe(m, AC_TIME_FIRST_TOKEN, -5000); /* it was there before the question */
    struct ac_percentiles p = ac_metrics_percentiles(m, AC_TIME_FIRST_FRAGMENT);
    assert_int_equal(p.n, 1000);
    assert_true(p.p50 > 470 && p.p50 < 530);
    assert_true(p.p90 > 850 && p.p90 < 950);
    assert_true(p.p99 > 940 && p.p99 <= 1000);
    assert_true(p.max > 999.9 && p.max < 1000.1);
    expect(m, "avatar_chat_turn_mark_seconds_bucket{mark=\"first_fragment\",le=\"0.005\"} 5");
    expect(m, "avatar_chat_turn_mark_seconds_bucket{mark=\"first_fragment\",le=\"0.25\"} 250");
    expect(m, "avatar_chat_turn_mark_seconds_bucket{mark=\"first_fragment\",le=\"2.5\"} 1000");
    expect(m, "avatar_chat_turn_mark_seconds_bucket{mark=\"first_fragment\",le=\"+Inf\"} 1000");
    expect(m, "avatar_chat_turn_mark_seconds_sum{mark=\"first_fragment\"} 500.500000");
    expect(m, "avatar_chat_turn_mark_seconds_count{mark=\"first_token\"} 1");
    expect(m, "avatar_chat_event_loop_delay_seconds_count 0");
    ac_metrics_observe(m, AC_TIME_DONE, INT64_C(9999999999)); /* longer than any bucket */
    assert_true(ac_metrics_percentiles(m, AC_TIME_DONE).p50 > 800000);
    ac_metrics_free(m);
}

static void test_samples(void **state)
{
    struct ac_metrics *m = ac_metrics_new();
    struct ac_metrics_sample s[4];

    (void)state;
    ac_metrics_tick(m);
    assert_int_equal(ac_metrics_samples(m, s, 4), 0); /* 5 s have not passed */
    ac_metrics_free(m);
}

static void test_process(void **state)
{
    struct ac_process_stats p = ac_process_stats();

    (void)state;
    assert_true(p.rss_bytes > 100000);
    assert_true(p.fds >= 3 && p.threads >= 1);
    assert_true(p.start_time_s > 1.6e9 && p.start_time_s < 1e11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counting), cmocka_unit_test(test_nowhere),   cmocka_unit_test(test_format),
        cmocka_unit_test(test_labels),   cmocka_unit_test(test_durations), cmocka_unit_test(test_samples),
        cmocka_unit_test(test_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
