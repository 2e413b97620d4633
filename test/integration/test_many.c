/* Many people at once: the session manager tells about sessions, ends and reserves them, and has them back.
 */
#include "many.h"

/* ---- telling ---- */

static void test_inspect(void **state)
{
    struct fake_world w;
    struct fake_client a, b;
    struct ac_session_info *list, info;
    struct ac_turn_info turns[AC_TIMELINE_TURNS];
    struct ac_said *said;
    size_t n;

    (void)state;
    world_open(&w, NULL);
    fake_client_open(&a, w.hub, "anna");
    fake_client_open(&b, w.hub, "ben");
    fake_client_send(&a, "{\"type\":\"hello\",\"language\":\"en\"}");
    answer(&a, "echo Words of mine.");
    answer(&a, "echo More words.");
    answer(&b, "fail");
    assert_int_equal(ac_hub_sessions(w.hub, &list), 2);
    assert_string_equal(list[0].id, "anna");
    assert_string_equal(list[1].id, "ben");
    free(list);
    n = 99;
    assert_int_equal(ac_hub_session(w.hub, "anna", &info, turns, &n), 0);
    assert_int_equal(info.state, AC_SESSION_IDLE);
    assert_string_equal(info.language, "en");
    assert_string_equal(info.address, "192.0.2.7");
    assert_int_equal(info.turn, 2);
    assert_int_equal(info.turns, 2);
    assert_true(info.bytes_out > 1000 && info.bytes_in > 50 && info.frames > 10);
    assert_true(info.opened_ms > INT64_C(1600000000000));
    assert_int_equal(info.history, 4);
    assert_int_equal(n, 2);
    assert_int_equal(turns[0].turn, 1);
    assert_int_equal(turns[0].question_chars, strlen("echo Words of mine."));
    assert_int_equal(turns[0].result, AC_TURN_DONE);
    assert_true(turns[1].has_mark[AC_TIME_FIRST_FRAGMENT] && turns[1].marks[AC_TIME_FIRST_FRAGMENT] > 0);
    assert_true(turns[1].marks[AC_TIME_DONE] >= turns[1].marks[AC_TIME_FIRST_FRAGMENT]);
    assert_false(turns[1].has_mark[AC_TIME_ENDPOINT]);
    assert_int_equal(ac_hub_session_history(w.hub, "anna", &said, &n), 0);
    assert_int_equal(n, 4);
    assert_string_equal(said[2].role, "user");
    assert_string_equal(said[2].text, "echo More words.");
    assert_int_equal(said[3].turn, 2);
    ac_said_free(said, n);
    assert_int_equal(ac_hub_session(w.hub, "carl", &info, NULL, NULL), AC_ENOENT);
    assert_int_equal(ac_hub_session_history(w.hub, "carl", &said, &n), AC_ENOENT);
    fake_client_close(&a);
    fake_client_close(&b);
    world_close(&w);
}

static void test_timeline_ring(void **state)
{
    static const char *const more[] = {"llm.use=fake2", NULL};
    struct fake_world w;
    struct fake_client c;
    struct ac_session_info info;
    struct ac_turn_info turns[AC_TIMELINE_TURNS];
    size_t n;

    (void)state;
    world_open(&w, more);
    fake_client_open(&c, w.hub, "one");
    for (int i = 0; i < AC_TIMELINE_TURNS + 2; i++) {
        size_t at = ask(&c, "slow Words and words.");
        wait_for(&c, "state", at);
        fake_client_send(&c, "{\"type\":\"interrupt\"}");
        wait_for(&c, "interrupted", at);
    }
    assert_int_equal(ac_hub_session(w.hub, "one", &info, turns, &n), 0);
    assert_int_equal(n, AC_TIMELINE_TURNS);
    assert_int_equal(turns[0].turn, 3);
    assert_int_equal(turns[n - 1].turn, AC_TIMELINE_TURNS + 2);
    assert_int_equal(turns[n - 1].result, AC_TURN_INTERRUPTED);
    fake_client_close(&c);
    world_close(&w);
}

static void test_close_by_id(void **state)
{
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL);
    fake_client_open(&c, w.hub, "one");
    wait_for(&c, "session_ready", 0);
    assert_int_equal(ac_hub_close_session(w.hub, "two"), AC_ENOENT);
    assert_int_equal(ac_hub_close_session(w.hub, "one"), 0);
    assert_int_equal(fake_client_wait_end(&c), AC_END_ADMIN);
    fake_client_close(&c);
    fake_client_open(&c, w.hub, "one");
    answer(&c, "echo Words.");
    fake_client_lose(&c);
    assert_int_equal(ac_hub_close_session(w.hub, "one"), 0); /* nobody is there to close it */
    assert_false(ac_session_exists(w.hub, "one"));
    fake_client_free(&c);
    world_close(&w);
}

static void test_reserve(void **state)
{
    struct fake_world w;
    struct fake_client c;
    char id[AC_TOKEN_SIZE], token[AC_TOKEN_SIZE], id2[AC_TOKEN_SIZE], given[AC_TOKEN_SIZE], why[256];
    const struct ac_reserve choices = {.language = "de"}, bad = {.avatar = "nobody"},
                            worse = {.language = "Deutsch, bitte"};

    (void)state;
    world_open(&w, NULL);
    assert_int_equal(ac_hub_reserve(w.hub, &choices, id, token, why), 0);
    assert_int_equal(ac_hub_reserve(w.hub, NULL, id2, given, why), 0);
    assert_string_not_equal(id, id2);
    assert_string_not_equal(token, given);
    assert_int_equal(ac_hub_reserve(w.hub, &bad, id2, given, why), AC_ENOENT);
    assert_non_null(strstr(why, "nobody"));
    assert_int_equal(ac_hub_reserve(w.hub, &worse, id2, given, why), AC_EINVAL);
    fake_client_open(&c, w.hub, id);
    token_of(&c, given);
    assert_string_equal(given, token);
    assert_string_equal(fake_string(wait_for(&c, "session_ready", 0), "language"), "de");
    assert_string_equal(info_of(w.hub, id).language, "de");
    fake_client_close(&c);
    world_close(&w);
}

/* ---- coming back ---- */

static void test_resume(void **state)
{
    struct fake_world w;
    struct fake_client c, thief;
    char token[AC_TOKEN_SIZE];

    (void)state;
    world_open(&w, NULL);
    fake_client_open(&c, w.hub, "one");
    token_of(&c, token);
    answer(&c, "echo Words of mine.");
    fake_client_lose(&c);
    wait_state(w.hub, "one", AC_SESSION_DETACHED);
    assert_int_equal(ac_hub_status(w.hub).detached, 1);
    assert_int_equal(fake_client_resume(&thief, w.hub, "one", "0123456789abcdef0123456789abcdef"),
                     AC_EDENIED);
    fake_client_free(&thief);
    assert_int_equal(fake_client_resume(&thief, w.hub, "one", ""), AC_EDENIED);
    fake_client_free(&thief);
    assert_int_equal(fake_client_resume(&thief, w.hub, "two", token), AC_ENOENT);
    fake_client_free(&thief);
    assert_int_equal(fake_client_try(&thief, w.hub, "one"), AC_EBUSY);
    fake_client_free(&thief);
    fake_client_free(&c);
    assert_int_equal(fake_client_resume(&c, w.hub, "one", token), 0);
    const struct fake_message *ready = wait_for(&c, "session_ready", 0);
    assert_true(json_is_true(json_object_get(ready->data, "resumed")));
    assert_int_equal(ac_hub_status(w.hub).detached, 0);
    size_t at = ask(&c, "recall");
    assert_string_equal(fake_string(wait_for(&c, "text_done", at), "text"), "Words of mine.");
    wait_for(&c, "turn_done", at);
    fake_client_close(&c);
    world_close(&w);
}

/* The connection breaks in the middle of an answer: it is kept as heard. */
static void test_lost_while_talking(void **state)
{
    struct fake_world w;
    struct fake_client c;
    struct ac_said *said;
    char token[AC_TOKEN_SIZE];
    size_t n;

    (void)state;
    world_open(&w, NULL);
    fake_client_open(&c, w.hub, "one");
    token_of(&c, token);
    size_t at =
        ask(&c, "echo The first sentence is heard. The second one is long, long, long, long, long, long. "
                "The third one is not.");
    wait_for(&c, "video_chunk_meta", at);
    fake_client_send(&c, "{\"type\":\"playback\",\"turn\":1,\"heard_ms\":250}");
    fake_client_send(&c, "{\"type\":\"ping\"}");
    wait_for(&c, "pong", at);
    fake_client_lose(&c);
    wait_state(w.hub, "one", AC_SESSION_DETACHED);
    for (int i = 0; i < 400 && ac_hub_status(w.hub).talking; i++)
        ac_sleep_us(5000);
    assert_int_equal(ac_hub_status(w.hub).talking, 0);
    assert_int_equal(ac_hub_session_history(w.hub, "one", &said, &n), 0);
    assert_int_equal(n, 2);
    assert_non_null(strstr(said[1].text, "first"));
    assert_null(strstr(said[1].text, "third"));
    ac_said_free(said, n);
    fake_client_free(&c);
    assert_int_equal(fake_client_resume(&c, w.hub, "one", token), 0);
    wait_for(&c, "session_ready", 0);
    assert_int_equal(fake_client_count(&c, "video_chunk_meta", 0), 0);
    answer(&c, "echo Again.");
    fake_client_close(&c);
    world_close(&w);
}

/* A second connection with the token takes the session from the first. */
static void test_replaced(void **state)
{
    struct fake_world w;
    struct fake_client a, b;
    char token[AC_TOKEN_SIZE];

    (void)state;
    world_open(&w, NULL);
    fake_client_open(&a, w.hub, "one");
    token_of(&a, token);
    answer(&a, "echo Words of mine.");
    size_t at = ask(&a, "slow Many words that take their time and more time.");
    wait_for(&a, "state", at);
    assert_int_equal(fake_client_resume(&b, w.hub, "one", token), 0);
    assert_int_equal(fake_client_wait_end(&a), AC_END_REPLACED);
    wait_for(&b, "session_ready", 0);
    at = ask(&b, "count");
    wait_for(&b, "turn_done", at);
    assert_int_equal(fake_client_count(&b, "session_ready", 0), 1);
    fake_client_close(&a);
    fake_client_close(&b);
    world_close(&w);
}

static void test_not_resumed(void **state)
{
    static const char *const more[] = {"server.resume_s=1", NULL}, *const never[] = {"server.resume_s=0",
                                                                                     NULL};
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, more);
    fake_client_open(&c, w.hub, "unused");
    wait_for(&c, "session_ready", 0);
    fake_client_lose(&c);
    assert_false(ac_session_exists(w.hub, "unused"));
    fake_client_free(&c);
    fake_client_open(&c, w.hub, "one");
    answer(&c, "echo Words.");
    fake_client_lose(&c);
    assert_true(ac_session_exists(w.hub, "one"));
    wait_gone(w.hub, "one");
    fake_client_free(&c);
    world_close(&w);
    world_open(&w, never);
    fake_client_open(&c, w.hub, "one");
    answer(&c, "echo Words.");
    fake_client_lose(&c);
    assert_false(ac_session_exists(w.hub, "one"));
    fake_client_free(&c);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inspect),     cmocka_unit_test(test_timeline_ring),
        cmocka_unit_test(test_close_by_id), cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_resume),      cmocka_unit_test(test_lost_while_talking),
        cmocka_unit_test(test_replaced),    cmocka_unit_test(test_not_resumed),
    };

    ac_log_setup(getenv("AC_TEST_LOG") ? AC_LOG_INFO : 0, AC_LOG_LOGFMT, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
