/*
 * The real program with its real engines, as a child process: questions in two languages, the person's
 * pictures, stopping in mid-sentence, clients that vanish. Its log is searched for sanitizer reports when it
 * ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct program program;

static int setup(void **state)
{
    (void)state;
    static const char *const args[] = {"--set", "server.web_dir=test/data/page", "--set", "server.resume_s=1",
                                       NULL};
    if (!program_exists()) {
        print_error("AVATAR_CHAT_BIN must name the program: build the target avatar-chat\n");
        return -1;
    }
    return program_start(&program, args) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return program_stop(&program, SIGTERM); /* 0 = it ended well */
}

static json_t *get_json(const char *path)
{
    struct http_response r;
    assert_true(http_request_to(program.port, "GET", path, NULL, &r));
    assert_int_equal(r.status, 200);
    json_t *j = json_loads(r.body, 0, NULL);
    assert_non_null(j);
    http_free(&r);
    return j;
}

static int status_number(const char *key)
{
    json_t *j = get_json("/api/status");
    int n = (int)json_integer_value(json_object_get(j, key));
    json_decref(j);
    return n;
}

/* One turn after a message; gives the index of its turn_done. */
static size_t run_turn(struct ws_client *c, const char *message, bool clip)
{
    size_t from = c->n;
    ws_frame(c, 1, true, message, strlen(message));
    size_t done = (size_t)expect(c, "turn_done", from);
    assert_string_equal(ws_string(&c->messages[expect(c, "state", done)], "state"), "idle");
    check_media(c, from, done, clip);
    json_t *marks = json_object_get(c->messages[done].data, "marks");
    print_message("first_fragment %.1f ms, done %.1f ms: %s\n",
                  json_number_value(json_object_get(marks, "first_fragment")),
                  json_number_value(json_object_get(marks, "done")), message);
    assert_int_equal(ws_count(c, "error", from), 0);
    return done;
}

static void test_questions(void **state)
{
    (void)state;
    static const struct {
        const char *hello, *question;
        bool clip;
    } cases[] = {
        {"{\"type\":\"hello\",\"language\":\"en\"}",
         "{\"type\":\"text\",\"text\":\"Hello\",\"idle_ms\":4000}", false},
        {"{\"type\":\"hello\",\"language\":\"zh-CN\"}", "{\"type\":\"text\",\"data\":{\"text\":\"你好\"}}",
         false},
        {"{\"type\":\"config\",\"delivery\":\"clip\",\"language\":\"auto\"}",
         "{\"type\":\"text\",\"text\":\"What can you do?\"}", true},
    };
    struct ws_client c;
    open_client(&c, program.port, "/ws/questions");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t from = c.n;
        ws_frame(&c, 1, true, cases[i].hello, strlen(cases[i].hello));
        expect(&c, "session_ready", from);
        from = c.n;
        size_t done = run_turn(&c, cases[i].question, cases[i].clip);
        assert_true(ws_count(&c, "text_chunk", from) > 1); /* it streams */
        const char *text = ws_string(&c.messages[expect(&c, "text_done", from)], "text");
        assert_true(strlen(text) > 20);
        const struct ws_message *s = &c.messages[expect(&c, "sentence", from)];
        json_t *words = json_object_get(s->data, "words");
        assert_true(json_array_size(words) > 0);
        assert_true(done > from);
    }
    ws_close(&c);
}

static void test_say(void **state)
{
    (void)state;
    static const struct {
        const char *text, *spoken;
    } cases[] = {
        {"Hello there.", "Hello there."},
        {"<speak><break time=\\\"1s\\\"/>hi</speak>", "hi"},
        {"你好，世界。", "你好，世界。"},
        {"Well \xF0\x9F\x98\x80 done!", "Well done!"},
    };
    struct ws_client c;
    open_client(&c, program.port, "/ws");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t from = c.n;
        char *message = ac_asprintf("{\"type\":\"say\",\"text\":\"%s\"}", cases[i].text);
        run_turn(&c, message, false);
        free(message);
        assert_string_equal(ws_string(&c.messages[expect(&c, "sentence", from)], "text"), cases[i].spoken);
    }
    size_t from = c.n;
    ws_text(&c, "{\"type\":\"say\",\"text\":\"\xF0\x9F\x98\x80\xF0\x9F\x91\x8D\"}");
    expect_error(&c, "nothing_to_say", from);
    check_alive(&c);
    ws_close(&c);
}

static void test_interrupt(void **state)
{
    (void)state;
    struct ws_client c;
    open_client(&c, program.port, "/ws");
    for (int i = 0; i < 5; i++) {
        size_t from = c.n;
        ws_text(&c, "{\"type\":\"say\",\"text\":\"%s\"}",
                "This is quite a long sentence that takes a good while to speak. And another one comes after "
                "it.");
        int chunk = expect(&c, "video_chunk_meta", from);
        ws_read_for(&c, i * 120);
        int64_t asked = ac_now_us();
        ws_text(&c, "{\"type\":\"interrupt\"}");
        int at = expect(&c, "interrupted", (size_t)chunk);
        int64_t took = c.messages[at].at_us - asked;
        print_message("interrupted after %.1f ms\n", (double)took / 1000);
        assert_true(took < 2000000);
        ws_read_for(&c, 400);
        assert_int_equal(ws_count(&c, "video_chunk_meta", (size_t)at), 0);
        assert_int_equal(ws_count(&c, "", (size_t)at), 0);
        assert_int_equal(ws_count(&c, "turn_done", (size_t)at), 0);
    }
    ws_close(&c);
}

static void test_lists_and_pictures(void **state)
{
    (void)state;
    struct http_response r;
    json_t *voices = get_json("/api/voices"), *avatars = get_json("/api/avatars");
    bool en = false, zh = false;
    for (size_t i = 0; i < json_array_size(voices); i++) {
        const char *lang = json_string_value(json_object_get(json_array_get(voices, i), "lang"));
        en |= !strncmp(lang, "en", 2);
        zh |= !strncmp(lang, "zh", 2) || !strncmp(lang, "cmn", 3);
    }
    assert_true(en);
    assert_true(zh);
    assert_true(json_array_size(avatars) > 0);
    for (size_t i = 0; i < json_array_size(avatars); i++) {
        json_t *a = json_array_get(avatars, i);
        assert_true(
            http_request_to(program.port, "GET", json_string_value(json_object_get(a, "poster")), NULL, &r));
        assert_int_equal(r.status, 200);
        assert_string_equal(http_header(&r, "content-type"), "image/jpeg");
        assert_memory_equal(r.body, "\xff\xd8\xff", 3);
        http_free(&r);
        assert_true(
            http_request_to(program.port, "GET", json_string_value(json_object_get(a, "idle")), NULL, &r));
        assert_int_equal(r.status, 200);
        assert_string_equal(http_header(&r, "content-type"), "video/mp4");
        assert_string_equal(http_header(&r, "x-idle-ms"), "12000");
        assert_memory_equal(r.body + 4, "ftyp", 4);
        http_free(&r);
    }
    json_decref(voices);
    json_decref(avatars);
    static const char *const topics[] = {"/api/topics?lang=en", "/api/topics?lang=zh-CN"};
    for (size_t i = 0; i < 2; i++) {
        json_t *j = get_json(topics[i]);
        assert_true(json_array_size(j) > 0);
        const char *first = json_string_value(json_array_get(j, 0));
        assert_int_equal((first[0] & 0x80) != 0, i == 1); /* in the language asked for */
        json_decref(j);
    }
    assert_true(http_request_to(program.port, "GET", "/api/avatars/nobody/poster.jpg", NULL, &r));
    assert_int_equal(r.status, 404);
    http_free(&r);
}

static void test_vanishing(void **state)
{
    (void)state;
    struct ws_client c;
    for (int i = 0; i < 10; i++) {
        open_client(&c, program.port, "/ws");
        ws_text(&c, "{\"type\":\"text\",\"text\":\"What can you do?\"}");
        if (i % 2)
            expect(&c, "video_chunk_meta", 0);
        ws_drop(&c);
    }
    for (int i = 0; i < 500 && (status_number("sessions") || status_number("talking")); i++)
        ac_sleep_us(20000);
    assert_int_equal(status_number("sessions"), 0);
    assert_int_equal(status_number("talking"), 0);
}

static void test_stop_while_talking(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    static const char *const args[] = {"--set", "server.web_dir=test/data/page", NULL};
    for (size_t i = 0; i < 2; i++) {
        struct program p;
        struct ws_client c;
        assert_true(program_start(&p, args));
        open_client(&c, p.port, "/ws");
        ws_text(&c, "{\"type\":\"text\",\"text\":\"What can you do?\"}");
        expect(&c, "video_chunk_meta", 0);
        int64_t asked = ac_now_us();
        assert_int_equal(program_stop(&p, signals[i]), 0);
        print_message("ended after %.0f ms\n", (double)(ac_now_us() - asked) / 1000);
        assert_true(ws_wait_closed(&c, WAIT));
        assert_int_equal(c.close_code, 1001);
        ws_drop(&c);
    }
}

static void test_port_in_use(void **state)
{
    (void)state;
    char port[32];
    struct program p = {0};
    snprintf(port, sizeof port, "server.port=%d", program.port);
    const char *args[] = {"--set", port, NULL};
    assert_int_equal(program_run(&p, args), 1);
    char *log = program_log(&p);
    snprintf(port, sizeof port, "port %d", program.port);
    assert_non_null(strstr(log, port));
    assert_non_null(strstr(log, "--port"));
    free(log);
    unlink(p.log_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),   cmocka_unit_test(test_say),
        cmocka_unit_test(test_interrupt),   cmocka_unit_test(test_lists_and_pictures),
        cmocka_unit_test(test_vanishing),   cmocka_unit_test(test_stop_while_talking),
        cmocka_unit_test(test_port_in_use),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
