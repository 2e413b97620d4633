/*
 * Losing the connection and coming back, on the wire: only who has the token gets a session, and nobody else
 * by its id alone; lines, and the ends that the server decides on, with their close codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/hub.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void wait_detached(const struct world *w, size_t n)
{
    for (int i = 0; ac_hub_status(w->hub).detached != n && i < 1000; i++)
        ac_sleep_us(10000);
    assert_int_equal(ac_hub_status(w->hub).detached, n);
}

static void token_of(struct ws_client *c, char token[64])
{
    int at = expect(c, "session_ready", 0);
    snprintf(token, 64, "%s", ws_string(&c->messages[at], "resume_token"));
    assert_int_equal(strlen(token), 32);
}

static void talk(struct ws_client *c, const char *text)
{
    size_t from = c->n;
    ws_text(c, "{\"type\":\"text\",\"text\":\"echo %s\"}", text);
    expect(c, "turn_done", from);
}

static void check_denied(struct ws_client *c)
{
    expect_error(c, "not_allowed", 0);
    assert_true(ws_wait_closed(c, WAIT));
    assert_int_equal(c->close_code, 1008);
    assert_int_equal(ws_count(c, "session_ready", 0), 0); /* nothing of the session was told */
    ws_drop(c);
}

static void test_comes_back(void **state)
{
    struct world *w = *state;
    struct ws_client c;
    char token[64], other[64];
    open_client(&c, w->port, "/ws/traveller");
    token_of(&c, token);
    talk(&c, "Remember this.");
    ws_drop(&c);
    wait_detached(w, 1);
    assert_int_equal(ws_connect(&c, w->port, "/ws/traveller", NULL), 101);
    ws_text(&c, "{\"type\":\"hello\",\"data\":{\"resume\":\"%s\",\"language\":\"en\"}}", token);
    int at = expect(&c, "session_ready", 0);
    assert_true(ws_bool(&c.messages[at], "resumed"));
    assert_string_equal(ws_string(&c.messages[at], "session_id"), "traveller");
    snprintf(other, sizeof other, "%s", ws_string(&c.messages[at], "resume_token"));
    talk(&c, "And this.");
    struct ac_said *said;
    size_t n;
    assert_int_equal(ac_hub_session_history(w->hub, "traveller", &said, &n), 0);
    assert_int_equal(n, 4); /* two questions, two answers: it is the same conversation */
    ac_said_free(said, n);
    ws_drop(&c); /* and once more, with what was told last */
    wait_detached(w, 1);
    assert_int_equal(ws_connect(&c, w->port, "/ws/traveller", NULL), 101);
    ws_text(&c, "{\"type\":\"hello\",\"data\":{\"resume\":\"%s\"}}", other);
    expect(&c, "session_ready", 0);
    ws_close(&c);
    for (int i = 0; i < 1000 && ac_session_exists(w->hub, "traveller"); i++)
        ac_sleep_us(5000);
    assert_false(ac_session_exists(w->hub, "traveller")); /* a goodbye ends it */
}

static void test_interrupted_by_the_loss(void **state)
{
    struct world *w = *state;
    struct ws_client c;
    char token[64];
    open_client(&c, w->port, "/ws/cut");
    token_of(&c, token);
    ws_text(&c,
            "{\"type\":\"text\",\"text\":\"slow A long answer begins here. It goes on and on. And on.\"}");
    expect(&c, "video_chunk_meta", 0);
    ws_drop(&c);
    wait_detached(w, 1);
    assert_int_equal(ws_connect(&c, w->port, "/ws/cut", NULL), 101);
    ws_text(&c, "{\"type\":\"hello\",\"resume\":\"%s\"}", token);
    expect(&c, "session_ready", 0);
    size_t from = c.n;
    talk(&c, "Here I am again.");
    for (size_t i = from; i < c.n; i++) /* nothing of the old turn comes */
        if (!strcmp(c.messages[i].type, "video_chunk_meta"))
            assert_int_equal((int)ws_number(&c.messages[i], "turn"), 2);
    ws_close(&c);
}

static void test_taken_over_by_nobody(void **state)
{
    static const char *const first[] = {
        "{\"type\":\"hello\"}",
        "{\"type\":\"hello\",\"resume\":\"\"}",
        "{\"type\":\"hello\",\"resume\":\"00000000000000000000000000000000\"}",
        "{\"type\":\"hello\",\"resume\":7}",
        "{\"type\":\"text\",\"text\":\"Who were you talking to?\"}",
        "{\"type\":\"config\",\"resume\":\"00000000000000000000000000000000\"}",
        "{\"type\":\"ping\"}",
        "rubbish",
        "",
    };
    struct world *w = *state;
    struct ws_client owner, thief;
    char token[64];
    for (int lost = 0; lost < 2; lost++) { /* while its client is there, and while it is not */
        open_client(&owner, w->port, "/ws/mine");
        token_of(&owner, token);
        talk(&owner, "This is mine.");
        if (lost) {
            ws_drop(&owner);
            wait_detached(w, 1);
        }
        for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
            assert_int_equal(ws_connect(&thief, w->port, "/ws/mine", NULL), 101);
            assert_true(ws_frame(&thief, 1, true, first[i], strlen(first[i])));
            check_denied(&thief);
        }
        assert_int_equal(ws_connect(&thief, w->port, "/ws/mine", NULL), 101);
        assert_true(ws_frame(&thief, 2, true, token, 32)); /* binary */
        check_denied(&thief);
        if (lost) {
            assert_int_equal(ws_connect(&owner, w->port, "/ws/mine", NULL), 101);
            ws_text(&owner, "{\"type\":\"hello\",\"resume\":\"%s\"}", token);
            expect(&owner, "session_ready", 0);
        }
        check_alive(&owner);
        ws_close(&owner);
        wait_detached(w, 0);
    }
}

static void test_says_nothing(void **state)
{
    (void)state;
    static const struct ac_server_tuning tuning = {.hello_s = 1};
    struct world w;
    struct ws_client owner, thief;
    world_open(&w, NULL, &tuning);
    open_client(&owner, w.port, "/ws/mine");
    assert_int_equal(ws_connect(&thief, w.port, "/ws/mine", NULL), 101);
    check_denied(&thief);
    check_alive(&owner);
    ws_close(&owner);
    world_close(&w);
}

static void test_replaced(void **state)
{
    struct world *w = *state;
    struct ws_client old, new;
    char token[64];
    open_client(&old, w->port, "/ws/moves");
    token_of(&old, token);
    assert_int_equal(ws_connect(&new, w->port, "/ws/moves", NULL), 101);
    ws_text(&new, "{\"type\":\"hello\",\"resume\":\"%s\"}", token);
    expect(&new, "session_ready", 0);
    expect_error(&old, "closed", 0);
    assert_true(ws_wait_closed(&old, WAIT));
    assert_int_equal(old.close_code, 4001);
    ws_drop(&old);
    talk(&new, "It is here now.");
    ws_close(&new);
}

static void test_too_late(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.resume_s=1", NULL};
    struct world w;
    struct ws_client c;
    char token[64];
    world_open(&w, sets, NULL);
    open_client(&c, w.port, "/ws/late");
    token_of(&c, token);
    talk(&c, "Soon forgotten.");
    ws_drop(&c);
    wait_detached(&w, 1);
    wait_detached(&w, 0);
    assert_int_equal(ws_connect(&c, w.port, "/ws/late", NULL), 101); /* a new one of the same name */
    ws_text(&c, "{\"type\":\"hello\",\"resume\":\"%s\"}", token);
    int at = expect(&c, "session_ready", 0);
    assert_false(ws_bool(&c.messages[at], "resumed"));
    assert_string_not_equal(ws_string(&c.messages[at], "resume_token"), token);
    ws_close(&c);
    world_close(&w);
}

/* POST /api/sessions promises an id; its token is that of the session. */
static void test_reserved(void **state)
{
    struct world *w = *state;
    struct http_response r;
    struct ws_client c;
    char path[80], token[64];
    assert_true(http_request_to(w->port, "POST", "/api/sessions", NULL, &r));
    assert_int_equal(r.status, 201);
    json_t *j = json_loads(r.body, 0, NULL);
    snprintf(path, sizeof path, "/ws/%s", json_string_value(json_object_get(j, "session_id")));
    open_client(&c, w->port, path);
    token_of(&c, token);
    assert_string_equal(token, json_string_value(json_object_get(j, "resume_token")));
    json_decref(j);
    http_free(&r);
    ws_close(&c);
}

static void test_line(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.max_sessions=1", "server.max_queue=1", "server.queue_wait_s=2",
                                       NULL};
    struct world w;
    struct ws_client a, b, c;
    world_open(&w, sets, NULL);
    open_client(&a, w.port, "/ws");
    assert_int_equal(ws_connect(&b, w.port, "/ws", NULL), 101);
    int at = expect(&b, "error", 0);
    assert_string_equal(ws_string(&b.messages[at], "code"), "busy");
    assert_int_equal((int)ws_number(&b.messages[at], "queue_position"), 1);
    assert_int_equal((int)ws_number(&b.messages[expect(&b, "queued", 0)], "position"), 1);
    assert_int_equal(ws_connect(&c, w.port, "/ws", NULL), 101); /* the line is full */
    expect_error(&c, "limit_exceeded", 0);
    assert_true(ws_wait_closed(&c, WAIT));
    assert_int_equal(c.close_code, 1013);
    ws_drop(&c);
    assert_true(ws_wait_closed(&b, WAIT)); /* it waited for too long */
    assert_int_equal(b.close_code, 1013);
    ws_drop(&b);
    assert_int_equal(ws_connect(&b, w.port, "/ws", NULL), 101);
    ws_text(&b, "{\"type\":\"text\",\"text\":\"echo Said while waiting.\"}");
    expect(&b, "queued", 0);
    ws_close(&a);
    expect(&b, "session_ready", 0); /* its turn has come */
    expect(&b, "turn_done", 0);
    ws_close(&b);
    world_close(&w);
}

static void test_closed_by_admin(void **state)
{
    struct world *w = *state;
    struct http_response r;
    struct ws_client c;
    open_client(&c, w->port, "/ws/unwanted");
    assert_true(http_request_to(w->port, "DELETE", "/api/sessions/unwanted", "Connection: close\r\n", &r));
    assert_int_equal(r.status, 204);
    http_free(&r);
    int at = expect(&c, "error", 0);
    assert_string_equal(ws_string(&c.messages[at], "code"), "closed");
    assert_true(ws_wait_closed(&c, WAIT));
    assert_int_equal(c.close_code, 1008);
    ws_drop(&c);
    assert_true(http_request_to(w->port, "DELETE", "/api/sessions/unwanted", NULL, &r));
    assert_int_equal(r.status, 404);
    http_free(&r);
}

static struct world shared;

static int setup(void **state)
{
    world_open(&shared, NULL, NULL);
    *state = &shared;
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_interrupted_by_the_loss),
        cmocka_unit_test(test_taken_over_by_nobody),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_closed_by_admin),
    };
    const struct CMUnitTest own[] = {
        cmocka_unit_test(test_says_nothing),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_line),
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    return failed + cmocka_run_group_tests(own, NULL, NULL);
}
