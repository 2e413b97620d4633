/*
 * WebSockets, in this process with the fake engines: the protocol as a client sees it on the wire, and
 * clients that misbehave: malformed, too much, too slow, gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int sessions(const struct world *w)
{
    return (int)ac_hub_stats(w->hub).sessions;
}

static void wait_sessions(const struct world *w, int n)
{
    for (int i = 0; sessions(w) != n && i < 1000; i++)
        ac_sleep_us(10000);
    assert_int_equal(sessions(w), n);
}

static void check_turn(struct ws_client *c, size_t from, const char *answer, bool clip)
{
    size_t done = (size_t)expect(c, "turn_done", from);
    int end = expect(c, "state", done);
    char text[256] = "";
    assert_string_equal(ws_string(&c->messages[end], "state"), "idle");
    assert_true(ws_count(c, "text_chunk", from) > 0);
    for (size_t i = from; i < done; i++)
        if (!strcmp(c->messages[i].type, "text_chunk"))
            strncat(text, ws_string(&c->messages[i], "chunk"), sizeof text - strlen(text) - 1);
    assert_string_equal(text, answer);
    assert_string_equal(ws_string(&c->messages[expect(c, "text_done", from)], "text"), answer);
    assert_true(expect(c, "sentence", from) < (int)done);
    check_media(c, from, done, clip);
    json_t *marks = json_object_get(c->messages[done].data, "marks");
    static const char *const names[] = {"first_token", "first_sentence", "first_audio",
                                        "first_frame", "first_fragment", "done"};
    double before = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *mark = json_object_get(marks, names[i]);
        assert_true(json_is_number(mark));
        assert_true(json_number_value(mark) >= before);
        before = json_number_value(mark);
    }
}

static void test_turns(void **state)
{
    static const char *const answers[] = {"Hello there. How are you today?", "你好。今天天气很好。"};
    struct world *w = *state;
    struct ws_client c;
    open_client(&c, w->port, "/ws/turns-1");
    assert_string_equal(ws_string(&c.messages[expect(&c, "session_ready", 0)], "session_id"), "turns-1");
    for (size_t i = 0; i < 2; i++) {
        size_t from = c.n;
        ws_text(&c, "{\"type\":\"text\",\"text\":\"echo %s\"}", answers[i]);
        check_turn(&c, from, answers[i], false);
    }
    size_t from = c.n;
    ws_text(&c, "{\"type\":\"hello\",\"data\":{\"delivery\":\"clip\",\"language\":\"en\"}}");
    assert_string_equal(ws_string(&c.messages[expect(&c, "session_ready", from)], "delivery"), "clip");
    from = c.n;
    ws_text(&c, "{\"type\":\"text\",\"data\":{\"text\":\"echo %s\",\"idle_ms\":1200}}", answers[0]);
    check_turn(&c, from, answers[0], true);
    ws_close(&c);
    wait_sessions(w, 0);
}

static void test_say(void **state)
{
    struct world *w = *state;
    struct ws_client c;
    open_client(&c, w->port, "/ws");
    size_t from = c.n;
    ws_text(&c, "{\"type\":\"say\",\"text\":\"One. Two.\"}");
    size_t done = (size_t)expect(&c, "turn_done", from);
    check_media(&c, from, done, false);
    assert_int_equal(ws_count(&c, "text_chunk", from), 0);
    ws_close(&c);
}

static void test_interrupt(void **state)
{
    struct world *w = *state;
    struct ws_client c;
    open_client(&c, w->port, "/ws");
    ws_text(&c, "{\"type\":\"interrupt\"}"); /* nothing runs */
    int none = expect(&c, "interrupted", 0);
    assert_true(json_is_null(json_object_get(c.messages[none].data, "turn")));
    size_t from = c.n;
    ws_text(
        &c, "{\"type\":\"text\",\"text\":\"slow %s\"}",
        "This is a rather long answer. It goes on and on. There is always more of it. Until it is stopped.");
    int chunk = expect(&c, "video_chunk_meta", from);
    int turn = (int)ws_number(&c.messages[chunk], "turn");
    int64_t asked = ac_now_us();
    ws_text(&c, "{\"type\":\"interrupt\"}");
    int at = expect(&c, "interrupted", (size_t)chunk);
    int64_t took_ms = (c.messages[at].at_us - asked) / 1000;
    print_message("interrupted after %lld ms\n", (long long)took_ms);
    assert_true(took_ms < 2000);
    assert_int_equal((int)ws_number(&c.messages[at], "turn"), turn);
    ws_read_for(&c, 700);
    for (size_t i = (size_t)at + 1; i < c.n; i++) {
        assert_string_not_equal(c.messages[i].type, "");
        assert_string_not_equal(c.messages[i].type, "turn_done");
        assert_string_not_equal(c.messages[i].type, "text_chunk");
        assert_string_not_equal(c.messages[i].type, "video_chunk_meta");
    }
    from = c.n;
    ws_text(&c, "{\"type\":\"text\",\"text\":\"echo Next.\"}");
    check_turn(&c, from, "Next.", false);
    ws_close(&c);
}

static void test_bad_messages(void **state)
{
    static const struct {
        const char *message, *code;
    } cases[] = {
        {"", "bad_message"},
        {"hello", "bad_message"},
        {"{\"type\":", "bad_message"},
        {"[1,2,3]", "bad_message"},
        {"null", "bad_message"},
        {"{}", "bad_message"},
        {"{\"type\":5}", "bad_message"},
        {"{\"type\":\"dance\"}", "bad_message"},
        {"{\"type\":\"text\"}", "bad_message"},
        {"{\"type\":\"text\",\"text\":7}", "bad_message"},
        {"{\"type\":\"text\",\"text\":[\"a\"]}", "bad_message"},
        {"{\"type\":\"text\",\"data\":\"hi\"}", "bad_message"},
        {"{\"type\":\"text\",\"text\":\"hi\",\"idle_ms\":\"x\"}", "bad_message"},
        {"{\"type\":\"hello\",\"rate\":9}", "invalid_argument"},
        {"{\"type\":\"hello\",\"delivery\":\"pigeon\"}", "invalid_argument"},
        {"{\"type\":\"text\",\"text\":\"\"}", "invalid_argument"},
        {"{\"type\":\"text\",\"text\":\"  \\n\\t \"}", "invalid_argument"},
        {"{\"type\":\"say\",\"text\":\"\xF0\x9F\x98\x80\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD\"}",
         "nothing_to_say"},
        {"{\"type\":\"text\",\"text\":\"\xff\xfe\"}", "invalid_utf8"},
        {"{\"type\":\"text\",\"text\":\"\xed\xa0\x80\"}", "invalid_utf8"},
        {"\xc3", "invalid_utf8"},
    };
    struct world *w = *state;
    struct ws_client c;
    open_client(&c, w->port, "/ws");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t from = c.n;
        assert_true(ws_frame(&c, 1, true, cases[i].message, strlen(cases[i].message)));
        int at = expect(&c, "error", from);
        if (strcmp(ws_string(&c.messages[at], "code"), cases[i].code) != 0)
            fail_msg("%s: %s, not %s", cases[i].message, ws_string(&c.messages[at], "code"), cases[i].code);
        check_alive(&c);
    }
    ws_close(&c);
}

static char *repeat(const char *before, const char *piece, size_t n, const char *after)
{
    struct ac_str s = {0};
    ac_str_add(&s, before);
    for (size_t i = 0; i < n; i++)
        ac_str_add(&s, piece);
    ac_str_add(&s, after);
    return ac_str_steal(&s);
}

static void test_large_messages(void **state)
{
    struct world *w = *state;
    struct ws_client c;
    open_client(&c, w->port, "/ws");

    char *text = repeat("{\"type\":\"text\",\"text\":\"", "0123456789", 10000, "\"}"); /* 100 kB */
    size_t from = c.n;
    ws_frame(&c, 1, true, text, strlen(text));
    expect_error(&c, "limit_exceeded", from);
    assert_non_null(strstr(ws_string(&c.messages[expect(&c, "error", from)], "message"), "max_text_chars"));
    free(text);
    check_alive(&c);

    text = repeat("{\"type\":\"ping\",\"data\":", "[", 100000, ""); /* deep nesting */
    from = c.n;
    ws_frame(&c, 1, true, text, strlen(text));
    expect_error(&c, "bad_message", from);
    free(text);
    check_alive(&c);

    text = repeat("", "0123456789", 1000000, ""); /* 10 MB */
    from = c.n;
    ws_frame(&c, 1, true, text, strlen(text));
    free(text);
    expect_error(&c, "limit_exceeded", from);
    assert_true(ws_wait_closed(&c, WAIT));
    assert_int_equal(c.close_code, 1009);
    ws_drop(&c);

    open_client(&c, w->port, "/ws"); /* the same in fragments that are each small enough */
    text = repeat("", "0123456789", 10000, "");
    bool ok = ws_frame(&c, 1, false, text, strlen(text));
    for (int i = 0; ok && i < 40; i++)
        ok = ws_frame(&c, 0, false, text, strlen(text));
    free(text);
    expect_error(&c, "limit_exceeded", 0);
    assert_true(ws_wait_closed(&c, WAIT));
    assert_int_equal(c.close_code, 1009);
    ws_drop(&c);
    wait_sessions(w, 0);
}

static void test_fragments(void **state)
{
    struct world *w = *state;
    struct ws_client c;
    static const char text[] = "{\"type\":\"ping\",\"data\":{\"word\":\"\xe4\xbd\xa0\xe5\xa5\xbd\"}}";
    open_client(&c, w->port, "/ws");
    for (size_t cut = 1; cut < sizeof text - 1; cut++) { /* also in the middle of a character */
        size_t from = c.n;
        ws_frame(&c, 1, false, text, cut);
        ws_frame(&c, 9, true, "x", 1);
        ws_frame(&c, 0, false, "", 0);
        ws_frame(&c, 0, true, text + cut, sizeof text - 1 - cut);
        int at = expect(&c, "pong", from);
        assert_string_equal(ws_string(&c.messages[at], "word"), "\xe4\xbd\xa0\xe5\xa5\xbd");
    }
    ws_close(&c);
}

static void test_not_websocket(void **state)
{
    static const struct {
        const char *path, *headers;
        int status;
    } cases[] = {
        {"/nowhere", NULL, 404},
        {"/api/status", NULL, 404},
        {"/ws/a%20b", NULL, 400},
        {"/ws/a.b", NULL, 400},
        {"/ws/%2e%2e", NULL, 404},
        {"/ws/a/b", NULL, 400},
        {"/ws/0123456789012345678901234567890123456789012345678901234567890123x", NULL, 400},
        {"/ws", "Origin: https://evil.example\r\n", 403},
        {"/ws", "Origin: null\r\n", 403},
        {"/ws", "Origin: http://127.0.0.1.evil.example\r\n", 403},
        {"/ws", "Origin: http://127.0.0.1:3000\r\n", 101},
        {"/ws", "Origin: http://localhost\r\n", 101},
        {"/ws/", NULL, 101},
        {"/ws/0123456789012345678901234567890123456789012345678901234567890123", NULL, 101},
        {"/ws", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", 101},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ws_client c;
        int status = ws_connect(&c, w->port, cases[i].path, cases[i].headers);
        if (status != cases[i].status)
            fail_msg("%s %s: %d", cases[i].path, cases[i].headers ? cases[i].headers : "", status);
        if (status == 101)
            check_alive(&c);
        ws_drop(&c);
    }
    wait_sessions(w, 0);
}

static void test_ids(void **state)
{
    struct world *w = *state;
    struct ws_client a, b;
    open_client(&a, w->port, "/ws");
    open_client(&b, w->port, "/ws");
    const char *id_a = ws_string(&a.messages[0], "session_id"),
               *id_b = ws_string(&b.messages[0], "session_id");
    assert_int_equal(strlen(id_a), 32);
    assert_int_equal(strlen(id_b), 32);
    assert_string_not_equal(id_a, id_b);
    ws_close(&b);

    open_client(&b, w->port, "/ws/twin");
    ws_drop(&a);
    /* the newer one wins, with the token */
    const char *token = ws_string(&b.messages[expect(&b, "session_ready", 0)], "resume_token");
    assert_int_equal(ws_connect(&a, w->port, "/ws/twin", NULL), 101);
    ws_text(&a, "{\"type\":\"hello\",\"resume\":\"%s\"}", token);
    int ready = expect(&a, "session_ready", 0);
    assert_true(ws_bool(&a.messages[ready], "resumed"));
    expect_error(&b, "closed", 0);
    assert_true(ws_wait_closed(&b, WAIT));
    assert_int_equal(b.close_code, 4001);
    check_alive(&a);
    ws_drop(&b);
    check_alive(&a);
    ws_close(&a);
    wait_sessions(w, 0);
}

static void test_vanishing(void **state)
{
    struct world *w = *state;
    struct ws_client c, other;
    open_client(&other, w->port, "/ws");
    for (int i = 0; i < 5; i++) {
        char path[16];
        snprintf(path, sizeof path, "/ws/ghost%d", i);
        open_client(&c, w->port, path);
        ws_text(&c,
                "{\"type\":\"text\",\"text\":\"slow I am going to be gone before this is said. Or that.\"}");
        if (i)
            expect(&c, i < 3 ? "text_chunk" : "video_chunk_meta", 0);
        ws_drop(&c);
    }
    size_t from = other.n;
    ws_text(&other, "{\"type\":\"text\",\"text\":\"echo Still here.\"}");
    check_turn(&other, from, "Still here.", false);
    wait_sessions(w, 1);
    ws_close(&other);
    wait_sessions(w, 0);
}

static int world_setup(void **state)
{
    static const char *const sets[] = {"server.resume_s=0", NULL};
    static struct world w;
    world_open(&w, sets, NULL);
    *state = &w;
    return 0;
}

static int world_teardown(void **state)
{
    world_close(*state);
    return 0;
}

/* ---- worlds of their own ---- */

static void test_rate_limit(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.max_messages_per_s=10", NULL};
    struct world w;
    struct ws_client c;
    world_open(&w, sets, NULL);
    open_client(&c, w.port, "/ws");
    for (int i = 0; i < 100; i++)
        ws_text(&c, "{\"type\":\"ping\"}");
    expect_error(&c, "limit_exceeded", 0);
    assert_non_null(strstr(ws_string(&c.messages[expect(&c, "error", 0)], "message"), "max_messages_per_s"));
    ws_read_for(&c, 1200);
    size_t pongs = ws_count(&c, "pong", 0);
    assert_in_range(pongs, 10, 60);
    check_alive(&c);
    ws_close(&c);
    world_close(&w);
}

static void test_session_limit(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.max_sessions=2", "server.queue_wait_s=0", NULL};
    struct world w;
    struct ws_client a, b, c;
    world_open(&w, sets, NULL);
    open_client(&a, w.port, "/ws");
    open_client(&b, w.port, "/ws");
    assert_int_equal(ws_connect(&c, w.port, "/ws", NULL), 101);
    expect_error(&c, "limit_exceeded", 0);
    assert_true(ws_wait_closed(&c, WAIT));
    assert_int_equal(c.close_code, 1013);
    ws_drop(&c);
    check_alive(&a);
    ws_close(&b);
    wait_sessions(&w, 1);
    open_client(&c, w.port, "/ws");
    check_alive(&c);
    ws_close(&c);
    ws_close(&a);
    world_close(&w);
}

static void test_idle_timeout(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.idle_timeout_s=1", NULL};
    struct world w;
    struct ws_client c;
    world_open(&w, sets, NULL);
    open_client(&c, w.port, "/ws");
    expect_error(&c, "limit_exceeded", 0);
    assert_true(ws_wait_closed(&c, WAIT));
    assert_int_equal(c.close_code, 1001);
    ws_drop(&c);
    wait_sessions(&w, 0);
    world_close(&w);
}

static void test_no_sign_of_life(void **state)
{
    (void)state;
    static const struct ac_server_tuning tuning = {.ping_s = 1, .hangup_s = 2};
    struct world w;
    struct ws_client dead, live;
    world_open(&w, NULL, &tuning);
    open_client(&dead, w.port, "/ws");
    open_client(&live, w.port, "/ws");
    dead.mute = true;
    for (int i = 0; i < 40 && !dead.closed; i++) {
        ws_read_for(&dead, 50);
        ws_read_for(&live, 50);
    }
    wait_sessions(&w, 1);
    ws_read_for(&live, 2500);
    check_alive(&live);
    ws_drop(&dead);
    ws_close(&live);
    world_close(&w);
}

enum { PING_KB = 1024, OWED = 30 };

/* Asks for n answers of 1 MB each and reads none: the server owes more than the sockets can hold. */
static void fall_behind(struct ws_client *c, int n)
{
    char *ping = repeat("{\"type\":\"ping\",\"data\":\"", "0123456789abcdef", PING_KB * 64, "\"}");
    for (int i = 0; i < n; i++)
        if (!ws_frame(c, 1, true, ping, strlen(ping)))
            break;
    free(ping);
}

static void test_never_reads(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.out_soft_kb=256", "server.out_hard_kb=4096",
                                       "server.max_message_kb=2048", "server.max_messages_per_s=10000", NULL};
    struct world w;
    struct ws_client slow, other;
    world_open(&w, sets, NULL);
    open_client(&slow, w.port, "/ws/slow");
    open_client(&other, w.port, "/ws/other");
    for (int i = 0; i < 100 && sessions(&w) == 2; i++) {
        fall_behind(&slow, 1);
        check_alive(&other); /* nobody else notices */
    }
    wait_sessions(&w, 1);
    size_t from = other.n;
    ws_text(&other, "{\"type\":\"text\",\"text\":\"echo All is well.\"}");
    check_turn(&other, from, "All is well.", false);
    /* what it had coming is still read, and says why it ends */
    ws_wait_closed(&slow, WAIT);
    assert_int_equal(slow.close_code, 1013);
    assert_true(slow.n > 0);
    assert_string_equal(slow.messages[slow.n - 1].type, "error");
    assert_string_equal(ws_string(&slow.messages[slow.n - 1], "code"), "limit_exceeded");
    ws_drop(&slow);
    ws_close(&other);
    world_close(&w);
}

static void test_catches_up(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.out_soft_kb=256", "server.out_hard_kb=1000000",
                                       "server.max_message_kb=2048", "server.max_messages_per_s=10000", NULL};
    static const struct ac_server_tuning tuning = {.slow_s = 60, .ping_s = 100, .hangup_s = 200};
    struct world w;
    struct ws_client slow, other;
    world_open(&w, sets, &tuning);
    open_client(&slow, w.port, "/ws/slow");
    open_client(&other, w.port, "/ws/other");
    fall_behind(&slow, OWED);
    ws_text(&slow, "{\"type\":\"text\",\"text\":\"echo First. Second. Third.\"}");
    ws_text(&other, "{\"type\":\"text\",\"text\":\"echo All is well.\"}");
    check_turn(&other, 0, "All is well.", false);
    for (int i = 0; ac_hub_stats(w.hub).turns < 2 && i < 1000; i++)
        ac_sleep_us(10000);
    ac_sleep_us(400000);                                  /* its media is refused for now */
    check_turn(&slow, 0, "First. Second. Third.", false); /* reads at last: nothing is missing */
    int done = expect(&slow, "turn_done", 0);
    assert_true(json_number_value(
                    json_object_get(json_object_get(slow.messages[done].data, "marks"), "done")) >= 400);
    assert_int_equal(ws_count(&slow, "pong", 0), OWED);
    check_alive(&slow);
    ws_close(&slow);
    ws_close(&other);
    world_close(&w);
}

static void test_too_slow_for_too_long(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.out_soft_kb=256", "server.out_hard_kb=1000000",
                                       "server.max_message_kb=2048", "server.max_messages_per_s=10000", NULL};
    static const struct ac_server_tuning tuning = {.slow_s = 1};
    struct world w;
    struct ws_client slow;
    world_open(&w, sets, &tuning);
    open_client(&slow, w.port, "/ws/slow");
    fall_behind(&slow, OWED);
    ws_text(&slow, "{\"type\":\"text\",\"text\":\"echo Media falls behind.\"}");
    wait_sessions(&w, 0);
    assert_true(ws_wait_closed(&slow, WAIT));
    ws_drop(&slow);
    world_close(&w);
}

static void test_stop_while_talking(void **state)
{
    (void)state;
    struct world w;
    struct ws_client a, b;
    world_open(&w, NULL, NULL);
    open_client(&a, w.port, "/ws/a");
    open_client(&b, w.port, "/ws/b");
    ws_text(
        &a,
        "{\"type\":\"text\",\"text\":\"slow This goes on for quite some time. And then some more of it.\"}");
    expect(&a, "video_chunk_meta", 0);
    ac_server_stop(w.server);
    assert_true(ws_wait_closed(&a, WAIT));
    assert_int_equal(a.close_code, 1001);
    assert_true(ws_wait_closed(&b, WAIT));
    assert_int_equal(b.close_code, 1001);
    ws_drop(&a);
    ws_drop(&b);
    world_close(&w);
}

static void test_port_in_use(void **state)
{
    (void)state;
    struct world w;
    struct ac_config *cfg = NULL;
    struct ac_hub *hub = NULL;
    struct ac_server *second = NULL;
    char reason[256] = "", port[40];
    struct ac_str errors = {0};
    world_open(&w, NULL, NULL);
    snprintf(port, sizeof port, "server.port=%d", w.port);
    const char *sets[] = {port, "history.store=none"};
    assert_int_equal(ac_config_load(&cfg, NULL, sets, 2, &errors), 0);
    assert_int_equal(ac_hub_new(&hub, cfg), 0);
    assert_int_equal(ac_server_start(&second, hub, NULL, reason), AC_EADDRINUSE);
    assert_null(second);
    snprintf(port, sizeof port, "port %d", w.port);
    assert_non_null(strstr(reason, port));
    assert_non_null(strstr(reason, "--port"));
    ac_hub_free(hub, 1000);
    ac_config_free(cfg);
    ac_str_free(&errors);
    world_close(&w);
}

static void test_unknown_host(void **state)
{
    (void)state;
    static const char *const hosts[] = {"server.host=192.0.2.1", "server.host=no such host"};
    for (size_t i = 0; i < 2; i++) {
        struct ac_config *cfg = NULL;
        struct ac_hub *hub = NULL;
        struct ac_server *server = NULL;
        char reason[256] = "";
        struct ac_str errors = {0};
        const char *sets[] = {hosts[i], "server.port=0", "history.store=none"};
        assert_int_equal(ac_config_load(&cfg, NULL, sets, 3, &errors), 0);
        assert_int_equal(ac_hub_new(&hub, cfg), 0);
        assert_int_equal(ac_server_start(&server, hub, NULL, reason), AC_EINVAL);
        assert_non_null(strstr(reason, hosts[i] + 12));
        ac_hub_free(hub, 1000);
        ac_config_free(cfg);
        ac_str_free(&errors);
    }
}

int main(void)
{
    const struct CMUnitTest shared[] = {
        cmocka_unit_test(test_turns),         cmocka_unit_test(test_say),
        cmocka_unit_test(test_interrupt),     cmocka_unit_test(test_bad_messages),
        cmocka_unit_test(test_fragments),     cmocka_unit_test(test_large_messages),
        cmocka_unit_test(test_not_websocket), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_vanishing),
    };
    const struct CMUnitTest own[] = {
        cmocka_unit_test(test_rate_limit),
        cmocka_unit_test(test_session_limit),
        cmocka_unit_test(test_idle_timeout),
        cmocka_unit_test(test_no_sign_of_life),
        cmocka_unit_test(test_never_reads),
        cmocka_unit_test(test_catches_up),
        cmocka_unit_test(test_too_slow_for_too_long),
        cmocka_unit_test(test_stop_while_talking),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_unknown_host),
    };
    int failed = cmocka_run_group_tests(shared, world_setup, world_teardown);
    return failed + cmocka_run_group_tests(own, NULL, NULL);
}
