/* Many people at once: limits and lines, memory, reloading, what is counted and what is left out. */
#include "fake/fake_engines.h"
#include "many.h"

/* ---- the line of those who want a session ---- */

static void test_line(void **state)
{
    static const char *const more[] = {"server.max_sessions=1", "server.max_queue=2", NULL};
    struct fake_world w;
    struct fake_client c[4];

    (void)state;
    world_open(&w, more);
    fake_client_open(&c[0], w.hub, "0");
    fake_client_open(&c[1], w.hub, "1");
    fake_client_open(&c[2], w.hub, "2");
    assert_int_equal(fake_client_try(&c[3], w.hub, "3"), AC_ELIMIT);
    fake_client_free(&c[3]);
    const struct fake_message *busy = wait_for(&c[2], "error", 0);
    assert_string_equal(fake_string(busy, "code"), "busy");
    assert_int_equal((int)fake_number(busy, "queue_position"), 2);
    assert_int_equal((int)fake_number(wait_for(&c[1], "queued", 0), "position"), 1);
    assert_int_equal(info_of(w.hub, "1").state, AC_SESSION_QUEUED);
    assert_int_equal(ac_hub_status(w.hub).queued, 2);
    /* what is asked meanwhile is answered when there is room */
    ask(&c[1], "echo I waited.");
    fake_client_send(&c[1], "{\"type\":\"ping\",\"data\":{\"n\":7}}");
    wait_for(&c[1], "pong", 0);
    assert_int_equal(fake_client_count(&c[1], "session_ready", 0), 0);
    assert_int_equal(ac_session_binary(c[1].session, "12345678", 8), 0);
    fake_client_close(&c[0]);
    wait_for(&c[1], "session_ready", 0);
    assert_string_equal(fake_string(wait_for(&c[1], "text_done", 0), "text"), "I waited.");
    wait_for(&c[1], "turn_done", 0);
    fake_client_close(&c[2]); /* gives up */
    assert_int_equal(ac_hub_status(w.hub).queued, 0);
    fake_client_close(&c[1]);
    world_close(&w);
}

static void test_line_too_long(void **state)
{
    static const char *const more[] = {"server.max_sessions=1", "server.queue_wait_s=1", NULL};
    struct fake_world w;
    struct fake_client a, b;

    (void)state;
    world_open(&w, more);
    fake_client_open(&a, w.hub, "a");
    fake_client_open(&b, w.hub, "b");
    assert_int_equal(fake_client_wait_end(&b), AC_END_WAITED);
    assert_non_null(strstr(b.end_message, "max_sessions"));
    fake_client_close(&b);
    fake_client_close(&a);
    assert_int_equal(ac_metrics_count(ac_hub_metrics(w.hub), AC_COUNT_REFUSED_WAITED), 1);
    world_close(&w);
}

/* Who has lost the connection does not keep others out. */
static void test_detached_makes_room(void **state)
{
    static const char *const more[] = {"server.max_sessions=2", NULL};
    struct fake_world w;
    struct fake_client a, b, c;

    (void)state;
    world_open(&w, more);
    fake_client_open(&a, w.hub, "a");
    answer(&a, "echo Words.");
    fake_client_lose(&a);
    fake_client_open(&b, w.hub, "b");
    fake_client_open(&c, w.hub, "c");
    wait_for(&c, "session_ready", 0);
    assert_false(ac_session_exists(w.hub, "a"));
    fake_client_free(&a);
    fake_client_close(&b);
    fake_client_close(&c);
    world_close(&w);
}

static void test_draining(void **state)
{
    struct fake_world w;
    struct fake_client a, b;
    struct ac_str why = {0};

    (void)state;
    world_open(&w, NULL);
    fake_client_open(&a, w.hub, "a");
    answer(&a, "echo Words.");
    assert_true(ac_hub_ready(w.hub, &why));
    ac_hub_drain(w.hub);
    assert_int_equal(fake_client_try(&b, w.hub, "b"), AC_ECLOSED);
    fake_client_free(&b);
    assert_false(ac_hub_ready(w.hub, &why));
    assert_non_null(strstr(why.p, "about to end"));
    ac_str_free(&why);
    answer(&a, "echo More words.");
    fake_client_close(&a);
    world_close(&w);
}

/* ---- the line of those who want to talk ---- */

static void test_talk_line(void **state)
{
    static const char *const more[] = {"server.max_talking=1", NULL};
    struct fake_world w;
    struct fake_client a, b, c;

    (void)state;
    world_open(&w, more);
    fake_client_open(&a, w.hub, "a");
    fake_client_open(&b, w.hub, "b");
    fake_client_open(&c, w.hub, "c");
    size_t at_a = ask(&a, "slow Words that take their time and more of it, so that the others have to wait.");
    wait_for(&a, "text_chunk", at_a);
    size_t at_b = ask(&b, "echo I waited.");
    wait_for(&b, "state", at_b);
    size_t at_c = ask(&c, "echo I did not.");
    const struct fake_message *q = wait_for(&c, "queued", at_c);
    assert_int_equal((int)fake_number(q, "position"), 2);
    assert_true(fake_number(q, "waiting_ms") >= 200);
    assert_int_equal(info_of(w.hub, "c").state, AC_SESSION_THINKING);
    fake_client_send(&c, "{\"type\":\"interrupt\"}");
    wait_for(&c, "interrupted", at_c);
    assert_int_equal(fake_client_count(&b, "text_chunk", at_b), 0);
    wait_for(&b, "turn_done", at_b);
    wait_for(&a, "turn_done", at_a);
    assert_int_equal(fake_client_count(&c, "turn_done", at_c), 0);
    assert_int_equal(ac_hub_status(w.hub).waiting_turns, 0);
    assert_true(ac_metrics_count(ac_hub_metrics(w.hub), AC_COUNT_TURNS_WAITED) >= 2);
    /* history: the question that was interrupted while it waited stands in it, without an answer */
    answer(&c, "echo Now.");
    assert_int_equal(info_of(w.hub, "c").history, 3);
    fake_client_close(&a);
    fake_client_close(&b);
    fake_client_close(&c);
    world_close(&w);
}

static void wait_count(int (*count)(void))
{
    for (int i = 0; i < 4000 && !count(); i++)
        ac_sleep_us(5000);
    assert_true(count() > 0);
}

/* The one who talks goes, or is stuck: the floor goes to the next. */
static void test_talk_line_moves(void **state)
{
    static const char *const more[] = {"server.max_talking=1", NULL};
    struct fake_world w;
    struct fake_client a, b;

    (void)state;
    world_open(&w, more);
    fake_client_open(&a, w.hub, "a");
    fake_client_open(&b, w.hub, "b");
    ask(&a, "hang");
    wait_count(fake_hang_count);
    size_t at = ask(&b, "echo I waited.");
    wait_for(&b, "queued", at);
    fake_client_close(&a);
    wait_for(&b, "turn_done", at);
    fake_client_open(&a, w.hub, "a");
    ask(&a, "echo ttsstuck");
    wait_count(fake_stuck_count);
    at = ask(&b, "echo I waited again.");
    wait_for(&b, "turn_done", at);
    fake_client_close(&b);
    fake_client_close(&a);
    world_close(&w);
}

/* ---- memory ---- */

static void test_memory_soft(void **state)
{
    static const char *const more[] = {"server.memory_soft_mb=1", "server.memory_hard_mb=100000", NULL};
    struct fake_world w;
    struct fake_client a, b;

    (void)state;
    world_open(&w, more);
    fake_client_open(&a, w.hub, "a");
    fake_client_open(&b, w.hub, "b");
    answer(&a, "echo Words.");
    fake_client_lose(&a);
    wait_gone(w.hub, "a"); /* long before resume_s */
    assert_int_equal(ac_hub_status(w.hub).memory, AC_MEMORY_SOFT);
    assert_true(ac_metrics_count(ac_hub_metrics(w.hub), AC_COUNT_ENDED_MEMORY) >= 1);
    answer(&b, "echo I am still here.");
    fake_client_free(&a);
    fake_client_close(&b);
    world_close(&w);
}

static void test_memory_hard(void **state)
{
    static const char *const more[] = {"server.memory_soft_mb=1", "server.memory_hard_mb=1", NULL};
    struct fake_world w;
    struct fake_client a;

    (void)state;
    world_open(&w, more);
    for (int i = 0; i < 1000 && ac_hub_status(w.hub).memory != AC_MEMORY_HARD; i++)
        ac_sleep_us(5000);
    assert_int_equal(fake_client_try(&a, w.hub, "a"), AC_ENOMEM);
    assert_non_null(strstr(ac_session_refusal(AC_ENOMEM), "memory"));
    fake_client_free(&a);
    assert_int_equal(ac_metrics_count(ac_hub_metrics(w.hub), AC_COUNT_REFUSED_MEMORY), 1);
    world_close(&w);
}

/* ---- the configuration ---- */

static int reload(struct ac_hub *hub, const char *set, struct ac_config_change *change)
{
    return ac_hub_reload(hub, &set, 1, change);
}

static void test_reload(void **state)
{
    struct fake_world w;
    struct fake_client c;
    struct ac_config_change change;
    static const char *const two[] = {"server.max_text_chars=10", "server.port=1"};

    (void)state;
    world_open(&w, NULL);
    fake_client_open(&c, w.hub, "one");
    answer(&c, "echo Words of mine that are long.");
    assert_int_equal(reload(w.hub, "server.max_text_chars=12", &change), 0);
    assert_string_equal(change.changed.p, "server.max_text_chars\n");
    ac_config_change_free(&change);
    const struct fake_message *m = wait_for(&c, "error", ask(&c, "echo Words of mine that are long."));
    assert_string_equal(fake_string(m, "code"), "limit_exceeded");
    answer(&c, "echo Words.");
    /* all or nothing */
    assert_int_equal(ac_hub_reload(w.hub, two, 2, &change), AC_ENOTSUP);
    assert_string_equal(change.restart.p, "server.port\n");
    ac_config_change_free(&change);
    assert_int_equal(ac_config_server(ac_hub_config(w.hub))->max_text_chars, 12);
    assert_int_equal(reload(w.hub, "server.max_text_chars=0", &change), AC_ECONFIG);
    assert_non_null(strstr(change.errors.p, "max_text_chars"));
    ac_config_change_free(&change);
    /* what was set stays */
    assert_int_equal(reload(w.hub, "server.resume_s=5", &change), 0);
    ac_config_change_free(&change);
    assert_int_equal(ac_config_server(ac_hub_config(w.hub))->max_text_chars, 12);
    assert_int_equal(ac_hub_reload(w.hub, NULL, 0, &change), 0);
    assert_null(change.changed.p);
    ac_config_change_free(&change);
    fake_client_close(&c);
    world_close(&w);
}

static void *talk_main(void *arg)
{
    struct fake_client *c = arg;

    for (int i = 0; i < 4; i++)
        answer(c, "echo Words of mine. And others.");
    return NULL;
}

/* While people talk. */
static void test_reload_while_talking(void **state)
{
    struct fake_world w;
    struct fake_client c[3];
    pthread_t threads[3];
    char id[2] = "a", set[64];

    (void)state;
    world_open(&w, NULL);
    for (int i = 0; i < 3; i++, id[0]++) {
        fake_client_open(&c[i], w.hub, id);
        pthread_create(&threads[i], NULL, talk_main, &c[i]);
    }
    for (int i = 0; i < 20; i++) {
        struct ac_config_change change;
        struct ac_session_info *list;
        snprintf(set, sizeof set, "video.lead_ms=%d", 900 + i);
        assert_int_equal(reload(w.hub, set, &change), 0);
        ac_config_change_free(&change);
        assert_int_equal(ac_hub_sessions(w.hub, &list), 3);
        free(list);
        ac_sleep_us(20000);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        fake_client_close(&c[i]);
    }
    world_close(&w);
}

/* ---- metrics ---- */

static void test_metrics(void **state)
{
    struct fake_world w;
    struct fake_client c;
    struct ac_str text = {0};

    (void)state;
    world_open(&w, NULL);
    fake_client_open(&c, w.hub, "one");
    answer(&c, "echo Words of mine.");
    answer(&c, "fail"); /* the second engine answers */
    struct ac_metrics *m = ac_hub_metrics(w.hub);
    ac_metrics_write(m, &text);
    assert_non_null(strstr(text.p, "\navatar_chat_sessions 1\n"));
    assert_non_null(strstr(text.p, "\navatar_chat_turns_total{result=\"done\"} 2\n"));
    assert_non_null(
        strstr(text.p, "\navatar_chat_degraded_total{stage=\"llm\",from=\"fake\",to=\"fake2\"} 1\n"));
    assert_non_null(strstr(text.p, "\navatar_chat_model_loads_total{engine=\"tts.fake\"} 1\n"));
    assert_non_null(strstr(text.p, "\navatar_chat_turn_mark_seconds_count{mark=\"first_fragment\"} 2\n"));
    assert_true(ac_metrics_count(m, AC_COUNT_FRAMES_RENDERED) > 10);
    assert_true(ac_metrics_count(m, AC_COUNT_BYTES_OUT) > 1000);
    assert_int_equal(ac_metrics_percentiles(m, AC_TIME_FIRST_FRAGMENT).n, 2);
    ac_str_free(&text);
    fake_client_close(&c);
    world_close(&w);
}

/* A picture that takes longer than it is shown: some are left out, sound and time go on. */
static void test_pictures_left_out(void **state)
{
    static const char *const more[] = {"avatar.fake.picture_ms=60", NULL};
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, more);
    fake_client_open(&c, w.hub, "one");
    size_t at =
        ask(&c, "echo Words of mine that go on and on for quite a while, since there is a lot to say.");
    wait_for(&c, "turn_done", at);
    double end = 0;
    for (size_t i = at; i < fake_client_total(&c); i++) {
        if (strcmp(c.messages[i].type, "video_chunk_meta") != 0)
            continue;
        assert_true(fake_number(&c.messages[i], "start_ms") == end);
        end += fake_number(&c.messages[i], "duration_ms");
    }
    assert_true(end > 3000);
    assert_true(ac_metrics_count(ac_hub_metrics(w.hub), AC_COUNT_FRAMES_DROPPED) > 10);
    fake_client_close(&c);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_too_long),
        cmocka_unit_test(test_detached_makes_room),
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_talk_line),
        cmocka_unit_test(test_talk_line_moves),
        cmocka_unit_test(test_memory_soft),
        cmocka_unit_test(test_memory_hard),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_reload_while_talking),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_pictures_left_out),
    };

    ac_log_setup(getenv("AC_TEST_LOG") ? AC_LOG_INFO : 0, AC_LOG_LOGFMT, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
