/*
 * Past conversations by REST: every path and method, whose they are, bodies and their limits, other origins,
 * the files to save, servers that keep nothing; and the real program, killed in mid-answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/session.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"
#include "integration/ws_client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANNA    "anna-anna-anna-anna"
#define BEN     "ben_ben_ben_ben_ben_ben"
#define AS_ANNA "X-Client-Id: " ANNA "\r\n"
#define AS_BEN  "X-Client-Id: " BEN "\r\n"

static char folder[64];
static char path_set[128];
static struct world world;

static void new_folder(void)
{
    strcpy(folder, "/tmp/avatar-chat-rest-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path_set, sizeof path_set, "history.path=%s/history.db", folder);
}

static void remove_folder(void)
{
    char *command = ac_asprintf("rm -rf %s", folder);

    assert_int_equal(system(command), 0);
    free(command);
}

static int setup(void **state)
{
    (void)state;
    new_folder();
    world_open(&world, (const char *const[]){"history.store=sqlite", path_set, NULL}, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    remove_folder();
    return 0;
}

/* Asks and checks the status; gives the JSON of the body, NULL where it is none. */
static json_t *ask(int port, const char *method, const char *path, const char *headers, int status)
{
    struct http_response r;

    if (!http_request_to(port, method, path, headers, &r))
        fail_msg("no answer to %s %s", method, path);
    if (r.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, path, r.status, status, r.body);
    json_t *j = json_loads(r.body, JSON_DECODE_ANY, NULL);
    if (status >= 400) {
        assert_string_equal(http_header(&r, "content-type"), "application/problem+json");
        if (json_integer_value(json_object_get(j, "status")) != status)
            fail_msg("%s %s: no problem document: %s", method, path, r.body);
        assert_true(strlen(json_string_value(json_object_get(j, "detail"))) > 10);
    }
    if (status == 204)
        assert_int_equal(r.len, 0);
    http_free(&r);
    return j;
}

static void ask_problem(const char *method, const char *path, const char *headers, int status,
                        const char *detail)
{
    json_t *j = ask(world.port, method, path, headers, status);
    const char *got = json_string_value(json_object_get(j, "detail"));

    if (!strstr(got, detail))
        fail_msg("%s %s: '%s' is not in '%s'", method, path, detail, got);
    json_decref(j);
}

static void ask_nothing(const char *method, const char *path, const char *headers)
{
    assert_null(ask(world.port, method, path, headers, 204));
}

static const char *string(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));

    return s ? s : "";
}

/* A conversation of two turns; gives its path. */
static char *make(const char *client, const char *question)
{
    struct ac_store *st = ac_hub_store(world.hub);
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct ac_stored_message m[] = {
        {.role = "user", .text = (char *)question, .turn = 1, .at_ms = ac_unix_ms()},
        {.role = "assistant", .text = "It is **ten**.\nOr so.", .turn = 1, .at_ms = ac_unix_ms()},
        {.role = "user", .text = "And\nnow?", .turn = 2, .at_ms = ac_unix_ms()},
        {.role = "assistant", .text = "Later", .turn = 2, .at_ms = ac_unix_ms(), .interrupted = true},
    };

    ac_store_new_id(id);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ac_store_add(st, client, id, &m[i]), 0);
    return ac_asprintf("/api/conversations/%s", id);
}

static char *body(const char *as, const char *text)
{
    return ac_asprintf("%sContent-Length: %zu\r\n\r\n%s", as, strlen(text), text);
}

/* ---- reading ---- */

static void test_list(void **state)
{
    (void)state;
    json_t *j = ask(world.port, "GET", "/api/conversations", AS_ANNA, 200);
    assert_int_equal(json_array_size(j), 0);
    json_decref(j);
    char *first = make(ANNA, "First question"), *second = make(ANNA, "Second question");
    free(make(BEN, "Ben's"));
    j = ask(world.port, "GET", "/api/conversations", AS_ANNA, 200);
    assert_int_equal(json_array_size(j), 2);
    json_t *c = json_array_get(j, 0);
    assert_string_equal(string(c, "title"), "Second question");
    assert_string_equal(string(c, "id"), strrchr(second, '/') + 1);
    assert_int_equal(json_integer_value(json_object_get(c, "turns")), 2);
    assert_true(json_integer_value(json_object_get(c, "created_ms")) > INT64_C(1600000000000));
    assert_true(json_integer_value(json_object_get(c, "updated_ms")) >=
                json_integer_value(json_object_get(c, "created_ms")));
    assert_null(json_object_get(c, "messages"));
    json_decref(j);
    struct http_response r;
    assert_true(http_request_to(world.port, "HEAD", "/api/conversations", AS_ANNA, &r));
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 0);
    http_free(&r);
    free(first);
    free(second);
}

static void test_read(void **state)
{
    (void)state;
    char *path = make(ANNA, "What time is it?");
    json_t *j = ask(world.port, "GET", path, AS_ANNA, 200), *messages = json_object_get(j, "messages");
    assert_string_equal(string(j, "title"), "What time is it?");
    assert_int_equal(json_array_size(messages), 4);
    assert_string_equal(string(json_array_get(messages, 0), "role"), "user");
    assert_string_equal(string(json_array_get(messages, 1), "role"), "assistant");
    assert_string_equal(string(json_array_get(messages, 3), "text"), "Later");
    assert_true(json_is_true(json_object_get(json_array_get(messages, 3), "interrupted")));
    assert_true(json_is_false(json_object_get(json_array_get(messages, 1), "interrupted")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(messages, 3), "turn")), 2);
    json_decref(j);
    free(path);
}

static void test_whose(void **state)
{
    (void)state;
    char *path = make(ANNA, "A secret"), *change = body(AS_BEN, "{\"title\":\"Mine\"}");
    ask_problem("GET", path, AS_BEN, 404, "no such conversation");
    ask_problem("PATCH", path, change, 404, "no such conversation");
    ask_problem("DELETE", path, AS_BEN, 404, "no such conversation");
    json_decref(ask(world.port, "GET", path, AS_ANNA, 200));
    ask_problem("GET", path, NULL, 400, "X-Client-Id");
    ask_problem("GET", "/api/conversations", "X-Client-Id: short\r\n", 400, "X-Client-Id");
    ask_problem("GET", "/api/conversations", "X-Client-Id: 0123456789abcdef/../x\r\n", 400, "X-Client-Id");
    ask_problem("DELETE", "/api/conversations", NULL, 400, "X-Client-Id");
    char *longer = ac_asprintf("X-Client-Id: %0*d\r\n", 65, 0);
    ask_problem("GET", "/api/conversations", longer, 400, "X-Client-Id");
    free(longer);
    free(change);
    free(path);
}

/* ---- changing ---- */

static void test_rename(void **state)
{
    (void)state;
    char *path = make(ANNA, "Old"), *change = body(AS_ANNA, "{\"title\":\"  A new \\n title 你好 \"}");
    ask_nothing("PATCH", path, change);
    json_t *j = ask(world.port, "GET", path, AS_ANNA, 200);
    assert_string_equal(string(j, "title"), "A new title 你好");
    json_decref(j);
    free(change);
    free(path);
}

static void test_bad_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
        const char *detail;
    } cases[] = {
        {"", 400, "JSON object"},
        {"{", 400, "not JSON"},
        {"[1]", 400, "JSON object"},
        {"\"title\"", 400, "not JSON"},
        {"{}", 400, "`title`"},
        {"{\"title\":5}", 400, "`title`"},
        {"{\"title\":\"\"}", 400, "1 to 120"},
        {"{\"title\":\" \\n \"}", 400, "1 to 120"},
        {"{\"title\":\"a\xFF\"}", 400, "not JSON"},
    };
    char *path = make(ANNA, "Title");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *change = body(AS_ANNA, cases[i].text);
        ask_problem("PATCH", path, change, cases[i].status, cases[i].detail);
        free(change);
    }
    char *text = ac_asprintf("{\"title\":\"%0*d\"}", 121, 0), *change = body(AS_ANNA, text);
    ask_problem("PATCH", path, change, 400, "1 to 120");
    free(change);
    free(text);
    text = ac_asprintf("{\"title\":\"x\",\"more\":\"%0*d\"}", 4000, 0); /* as much as is taken */
    change = body(AS_ANNA, text);
    ask_nothing("PATCH", path, change);
    free(change);
    free(text);
    for (int size = 4097; size < 3000000; size *= 9) { /* in one packet, and in many */
        text = ac_asprintf("%0*d", size, 0);
        change = body(AS_ANNA, text);
        ask_problem("PATCH", path, change, 413, "4096 bytes");
        free(change);
        free(text);
    }
    ask_problem("PATCH", path, AS_ANNA "Content-Length: 99999999999999999999999999\r\n", 413, "4096 bytes");
    ask_problem("PATCH", path, AS_ANNA "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", 411,
                "Content-Length");
    ask_problem("PATCH", path, AS_ANNA, 400, "JSON object");
    json_t *j = ask(world.port, "GET", path, AS_ANNA, 200);
    assert_string_equal(string(j, "title"), "x");
    json_decref(j);
    free(path);
}

/* A body in two pieces, and another request behind it on the same connection. */
static void test_one_connection(void **state)
{
    (void)state;
    char *path = make(ANNA, "Title");
    char *bytes = ac_asprintf("PATCH %s HTTP/1.1\r\nHost: x\r\n" AS_ANNA "Content-Length: 15\r\n\r\n"
                              "{\"title\":\"Two\"}"
                              "GET %s HTTP/1.1\r\nHost: x\r\n" AS_ANNA "Connection: close\r\n\r\n",
                              path, path);
    struct http_response r;
    assert_true(http_raw(world.port, bytes, strlen(bytes), &r));
    assert_int_equal(r.status, 204);
    assert_non_null(strstr(r.body, "HTTP/1.1 200"));
    assert_non_null(strstr(r.body, "\"title\":\"Two\""));
    http_free(&r);
    free(bytes);
    /* one that is refused ends the connection: nobody reads its body */
    bytes = ac_asprintf("POST %s HTTP/1.1\r\nHost: x\r\n" AS_ANNA "Content-Length: 15\r\n\r\n"
                        "{\"title\":\"Bad\"}"
                        "GET %s HTTP/1.1\r\nHost: x\r\n" AS_ANNA "Connection: close\r\n\r\n",
                        path, path);
    assert_true(http_raw(world.port, bytes, strlen(bytes), &r));
    assert_int_equal(r.status, 405);
    assert_string_equal(http_header(&r, "connection"), "close");
    assert_null(strstr(r.body, "HTTP/1.1"));
    http_free(&r);
    free(bytes);
    free(path);
}

static void test_delete(void **state)
{
    (void)state;
    char *one = make(ANNA, "One"), *bens = make(BEN, "Ben's");
    free(make(ANNA, "Two"));
    free(make(ANNA, "Three"));
    ask_nothing("DELETE", one, AS_ANNA);
    ask_problem("DELETE", one, AS_ANNA, 404, "no such conversation");
    ask_problem("GET", one, AS_ANNA, 404, "no such conversation");
    json_t *j = ask(world.port, "DELETE", "/api/conversations", AS_ANNA, 200);
    assert_int_equal(json_integer_value(json_object_get(j, "deleted")), 2);
    json_decref(j);
    j = ask(world.port, "DELETE", "/api/conversations", AS_ANNA, 200);
    assert_int_equal(json_integer_value(json_object_get(j, "deleted")), 0);
    json_decref(j);
    json_decref(ask(world.port, "GET", bens, AS_BEN, 200));
    free(one);
    free(bens);
}

static void test_methods(void **state)
{
    (void)state;
    char *one = make(ANNA, "One"), *export = ac_asprintf("%s/export", one);
    const struct {
        const char *method, *path;
        const char *allow;
    } cases[] = {
        {"POST", "/api/conversations", "GET, HEAD, DELETE"},
        {"PATCH", "/api/conversations", "GET, HEAD, DELETE"},
        {"OPTIONS", "/api/conversations", "GET, HEAD, DELETE"},
        {"PUT", one, "GET, HEAD, PATCH, DELETE"},
        {"OPTIONS", one, "GET, HEAD, PATCH, DELETE"},
        {"DELETE", export, "GET, HEAD"},
        {"PATCH", "/api/status", "GET, HEAD"},
        {"PATCH", "/", "GET, HEAD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_response r;
        assert_true(
            http_request_to(world.port, cases[i].method, cases[i].path, AS_ANNA "Content-Length: 0\r\n", &r));
        assert_int_equal(r.status, 405);
        assert_string_equal(http_header(&r, "allow"), cases[i].allow);
        http_free(&r);
    }
    ask_problem("GET", "/api/conversations/", AS_ANNA, 404, "/docs lists the paths");
    ask_problem("GET", "/api/conversations/abc", AS_ANNA, 404, "");
    ask_problem("GET", "/api/conversationsx", AS_ANNA, 404, "");
    char *more = ac_asprintf("%s/more", one);
    ask_problem("GET", more, AS_ANNA, 404, "");
    free(more);
    free(export);
    free(one);
}

static void test_origin(void **state)
{
    (void)state;
    static const char foreign[] = AS_ANNA "Origin: http://evil.example\r\n";
    char *path = make(ANNA, "Title"), *change = body(foreign, "{\"title\":\"Evil\"}");
    char *own = body(AS_ANNA "Origin: http://localhost:5173\r\n", "{\"title\":\"Own\"}");
    ask_problem("PATCH", path, change, 403, "other sites");
    ask_problem("DELETE", path, foreign, 403, "other sites");
    ask_problem("DELETE", "/api/conversations", foreign, 403, "other sites");
    json_t *j = ask(world.port, "GET", path, AS_ANNA, 200);
    assert_string_equal(string(j, "title"), "Title");
    json_decref(j);
    ask_nothing("PATCH", path, own);
    ask_nothing("DELETE", path, AS_ANNA "Origin: http://127.0.0.1:1\r\n");
    free(own);
    free(change);
    free(path);
}

/* ---- files ---- */

static void export_to(struct http_response *r, const char *path, const char *format)
{
    char *export = ac_asprintf("%s/export%s", path, format);

    assert_true(http_request_to(world.port, "GET", export, AS_ANNA, r));
    assert_int_equal(r->status, 200);
    free(export);
}

static void test_export(void **state)
{
    (void)state;
    char *path = make(ANNA, "What time is it?"), *wrong = ac_asprintf("%s/export?format=pdf", path);
    struct http_response r;
    for (int i = 0; i < 2; i++) {
        export_to(&r, path, i ? "?format=markdown" : "");
        assert_string_equal(http_header(&r, "content-type"), "text/markdown; charset=utf-8");
        assert_string_equal(http_header(&r, "cache-control"), "no-store");
        assert_int_equal(strncmp(r.body, "# What time is it?\n\n20", 22), 0);
        assert_non_null(strstr(r.body, "\n## 1 · 20"));
        assert_non_null(strstr(r.body, "\n> What time is it?\n\nIt is **ten**.\nOr so.\n"));
        assert_non_null(strstr(r.body, "\n> And\n> now?\n\nLater *(interrupted)*\n"));
        http_free(&r);
    }
    export_to(&r, path, "?format=json");
    assert_string_equal(http_header(&r, "content-type"), "application/json");
    assert_string_equal(
        http_header(&r, "content-disposition"),
        "attachment; filename=\"What-time-is-it.json\"; filename*=UTF-8''What-time-is-it.json");
    json_t *j = json_loads(r.body, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(j, "messages")), 4);
    json_decref(j);
    http_free(&r);
    ask_problem("GET", wrong, AS_ANNA, 400, "markdown or json");
    free(wrong);
    free(path);
}

/* Titles as names of files: nothing gets out of the folder or the header. */
static void test_file_names(void **state)
{
    (void)state;
    static const struct {
        const char *title, *disposition;
    } cases[] = {
        {"../../etc/passwd", "attachment; filename=\"etc-passwd.md\"; filename*=UTF-8''etc-passwd.md"},
        {"a\"b\\c;d=%41", "attachment; filename=\"a-b-c-d=-41.md\"; filename*=UTF-8''a-b-c-d%3D-41.md"},
        {"你好", "attachment; filename=\"conversation.md\"; filename*=UTF-8''%E4%BD%A0%E5%A5%BD.md"},
        {"Caf\xC3\xA9 au lait",
         "attachment; filename=\"Caf-au-lait.md\"; filename*=UTF-8''Caf%C3%A9-au-lait.md"},
        {"...", "attachment; filename=\"conversation.md\"; filename*=UTF-8''conversation.md"},
        {"x\xE2\x80\xAEgpj", "attachment; filename=\"x-gpj.md\"; filename*=UTF-8''x-gpj.md"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = make(ANNA, cases[i].title);
        struct http_response r;
        export_to(&r, path, "?format=markdown");
        assert_string_equal(http_header(&r, "content-disposition"), cases[i].disposition);
        http_free(&r);
        free(path);
    }
    /* the longest one there can be, four bytes a character, fits into the header */
    char *path = make(ANNA, "x");
    struct ac_str longest = {0};
    for (int i = 0; i < AC_TITLE_MAX_CHARS; i++)
        ac_str_add(&longest, "😀");
    assert_int_equal(ac_store_rename(ac_hub_store(world.hub), ANNA, strrchr(path, '/') + 1, longest.p), 0);
    struct http_response r;
    export_to(&r, path, "?format=markdown");
    http_free(&r);
    ac_str_free(&longest);
    free(path);
}

/* ---- servers that keep nothing ---- */

static json_t *history_status(int port)
{
    json_t *j = ask(port, "GET", "/api/status", NULL, 200), *h = json_incref(json_object_get(j, "history"));

    json_decref(j);
    return h;
}

static void test_status(void **state)
{
    (void)state;
    free(make(ANNA, "One"));
    json_t *h = history_status(world.port);
    assert_string_equal(string(h, "store"), "sqlite");
    assert_true(json_is_true(json_object_get(h, "ok")));
    assert_string_equal(string(h, "reason"), "");
    assert_int_equal(json_integer_value(json_object_get(h, "conversations")), 1);
    json_decref(h);
}

static void test_kept_nowhere(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, NULL);
    json_t *h = history_status(w.port);
    assert_string_equal(string(h, "store"), "none");
    assert_true(json_is_true(json_object_get(h, "ok")));
    json_decref(h);
    json_decref(ask(w.port, "GET", "/api/conversations", AS_ANNA, 404));
    world_close(&w);
}

/* The store cannot be opened: everything else works, and it is said why. */
static void test_broken(void **state)
{
    (void)state;
    struct world w;
    struct ws_client c;
    world_open(&w, (const char *const[]){"history.store=sqlite", "history.path=/proc/none/history.db", NULL},
               NULL);
    json_t *h = history_status(w.port);
    assert_string_equal(string(h, "store"), "sqlite");
    assert_true(json_is_false(json_object_get(h, "ok")));
    assert_non_null(strstr(string(h, "reason"), "/proc/none"));
    json_decref(h);
    json_decref(ask(w.port, "GET", "/api/conversations", AS_ANNA, 503));
    open_client(&c, w.port, "/ws/one");
    ws_text(&c, "{\"type\":\"hello\",\"client\":\"" ANNA "\"}");
    ws_text(&c, "{\"type\":\"text\",\"text\":\"echo Hello.\"}");
    expect(&c, "turn_done", 0);
    assert_int_equal(ws_count(&c, "conversation", 0), 0);
    assert_int_equal(ws_count(&c, "error", 0), 0);
    ws_close(&c);
    world_close(&w);
}

/* ---- the real program ---- */

static void hello(struct ws_client *c, int port, const char *conversation)
{
    open_client(c, port, "/ws");
    ws_text(c, "{\"type\":\"hello\",\"language\":\"en\",\"client\":\"" ANNA "\",\"conversation\":\"%s\"}",
            conversation);
}

/* Killed in mid-answer: after a restart everything but that answer is there, and the conversation goes on. */
static void test_killed(void **state)
{
    (void)state;
    const char *const args[] = {"--set", "server.web_dir=test/data/page",
                                "--set", "history.store=sqlite",
                                "--set", path_set,
                                "--set", "llm.use=faq",
                                "--set", "video.width=128",
                                "--set", "video.height=128",
                                NULL};
    struct program p;
    struct ws_client c;
    char id[AC_CONVERSATION_ID_MAX + 1];
    if (!program_exists())
        fail_msg("AVATAR_CHAT_BIN must name the program: build the target avatar-chat");
    assert_true(program_start(&p, args));
    hello(&c, p.port, "new");
    ws_text(&c, "{\"type\":\"text\",\"text\":\"Hello\"}");
    expect(&c, "turn_done", 0);
    snprintf(id, sizeof id, "%s", ws_string(&c.messages[expect(&c, "conversation", 0)], "id"));
    char *answer = ac_strdup(ws_string(&c.messages[expect(&c, "text_done", 0)], "text"));
    size_t from = c.n;
    ws_text(&c, "{\"type\":\"text\",\"text\":\"What can you do?\"}");
    expect(&c, "video_chunk_meta", from);
    kill(p.pid, SIGKILL);
    waitpid(p.pid, NULL, 0);
    unlink(p.log_path);
    ws_drop(&c);
    assert_true(program_start(&p, args));
    char *path = ac_asprintf("/api/conversations/%s", id);
    json_t *j = ask(p.port, "GET", path, AS_ANNA, 200), *messages = json_object_get(j, "messages");
    assert_int_equal(json_array_size(messages), 3);
    assert_string_equal(string(json_array_get(messages, 0), "text"), "Hello");
    assert_string_equal(string(json_array_get(messages, 1), "text"), answer);
    assert_string_equal(string(json_array_get(messages, 2), "text"), "What can you do?");
    json_decref(j);
    hello(&c, p.port, id);
    ws_text(&c, "{\"type\":\"text\",\"text\":\"Hello\"}");
    expect(&c, "turn_done", 0);
    expect(&c, "listen", 0); /* what was being loaded is there: it can end well */
    ws_close(&c);
    j = ask(p.port, "GET", path, AS_ANNA, 200);
    messages = json_object_get(j, "messages");
    assert_int_equal(json_array_size(messages), 5);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(messages, 4), "turn")), 3);
    json_decref(j);
    assert_int_equal(program_stop(&p, SIGTERM), 0);
    free(path);
    free(answer);
}

static int folder_setup(void **state)
{
    (void)state;
    new_folder();
    return 0;
}

static int folder_teardown(void **state)
{
    (void)state;
    remove_folder();
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_list),
        T(test_read),
        T(test_whose),
        T(test_rename),
        T(test_bad_bodies),
        T(test_one_connection),
        T(test_delete),
        T(test_methods),
        T(test_origin),
        T(test_export),
        T(test_file_names),
        T(test_status),
        cmocka_unit_test(test_kept_nowhere),
        cmocka_unit_test(test_broken),
        cmocka_unit_test_setup_teardown(test_killed, folder_setup, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
