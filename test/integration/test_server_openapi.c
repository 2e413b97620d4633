/*
 * docs/openapi.json against the server: every row of the route table is in it and the other way round, every
 * $ref leads somewhere, and real answers, good and bad, are as its schemas say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "integration/json_schema.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"
#include "server/private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char client[] = "X-Client-Id: 0123456789abcdef0123\r\n";
static char store[] = "/tmp/avatar-chat-openapi-XXXXXX";
static struct world world;
static json_t *doc;

static int setup(void **state)
{
    (void)state;
    char path[64];
    assert_non_null(mkdtemp(store));
    snprintf(path, sizeof path, "history.path=%s/history.db", store);
    setenv("AVATAR_CHAT_DATA", store, 1); /* uploaded avatars go there */
    const char *sets[] = {"history.store=sqlite", path, NULL};
    world_open(&world, sets, NULL);
    json_error_t e;
    doc = json_load_file("docs/openapi.json", JSON_REJECT_DUPLICATES, &e);
    if (!doc)
        print_error("docs/openapi.json:%d: %s\n", e.line, e.text);
    return doc ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"history.db", "history.db-wal", "history.db-shm"};
    world_close(&world);
    json_decref(doc);
    for (size_t i = 0; i < 3; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s/%s", store, files[i]);
        unlink(path);
    }
    char avatars[64];
    snprintf(avatars, sizeof avatars, "%s/avatars", store);
    rmdir(avatars);
    return rmdir(store);
}

static void lower(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; from[n] && n + 1 < size; n++)
        to[n] = (char)tolower((unsigned char)from[n]);
    to[n] = '\0';
}

static json_t *operation(const char *pattern, const char *method)
{
    char name[16];
    lower(name, sizeof name, method);
    return json_object_get(json_object_get(json_object_get(doc, "paths"), pattern), name);
}

static void test_same_routes(void **state)
{
    (void)state;
    size_t n, described = 0;
    const struct route *r = server_routes(&n);
    const char *path;
    json_t *item;
    for (size_t i = 0; i < n; i++)
        if (!operation(r[i].pattern, r[i].method))
            fail_msg("docs/openapi.json lacks %s %s", r[i].method, r[i].pattern);
    json_object_foreach(json_object_get(doc, "paths"), path, item)
    {
        const char *method;
        json_t *op;
        json_object_foreach(item, method, op)
        {
            bool found = false;
            for (size_t i = 0; i < n; i++) {
                char name[16];
                lower(name, sizeof name, r[i].method);
                found |= !strcmp(r[i].pattern, path) && !strcmp(name, method);
            }
            if (!found)
                fail_msg("the server has no %s %s", method, path);
            described++;
        }
    }
    assert_int_equal(described, n);
}

/* Who may, as the document says and as the table says. */
static void test_same_access(void **state)
{
    (void)state;
    size_t n, k;
    const struct route *r = server_routes(&n);
    for (size_t i = 0; i < n; i++) {
        json_t *security = json_object_get(operation(r[i].pattern, r[i].method), "security"), *one;
        bool admin = false, clients = false, open = json_array_size(security) == 0;
        json_array_foreach(security, k, one)
        {
            admin |= json_object_get(one, "admin") != NULL;
            clients |= json_object_get(one, "client") != NULL;
        }
        bool same = r[i].access == ACCESS_OPEN                                     ? open
                    : r[i].access == ACCESS_CLIENT                                 ? clients && !admin
                    : r[i].access == ACCESS_OWNER || r[i].access == ACCESS_AVATARS ? clients && admin
                                                                                   : admin && !clients;
        if (!same)
            fail_msg("%s %s: another security than the server's", r[i].method, r[i].pattern);
    }
}

static void check_refs(json_t *value)
{
    const char *key;
    size_t i;
    json_t *one;
    if (json_is_object(value) && !schema_resolve(doc, value))
        fail_msg("$ref %s", json_string_value(json_object_get(value, "$ref")));
    if (json_is_array(value))
        json_array_foreach(value, i, one) check_refs(one);
    json_object_foreach(value, key, one) check_refs(one);
}

static void test_document(void **state)
{
    (void)state;
    assert_string_equal(json_string_value(json_object_get(doc, "openapi")), "3.1.0");
    assert_string_equal(json_string_value(json_object_get(json_object_get(doc, "info"), "version")),
                        AC_VERSION);
    check_refs(doc);
    const char *path, *method;
    json_t *item, *op, *parameter;
    size_t i;
    json_object_foreach(json_object_get(doc, "paths"), path, item)
    {
        json_object_foreach(item, method, op)
        {
            bool named = false; /* {id} is described where the path has it */
            json_array_foreach(json_object_get(op, "parameters"), i, parameter)
            {
                named |= !strcmp(json_string_value(json_object_get(parameter, "in")), "path");
            }
            if (named != (strchr(path, '{') != NULL) || !json_object_get(op, "summary") ||
                !json_object_size(json_object_get(op, "responses")))
                fail_msg("%s %s is not described well", method, path);
        }
    }
}

/* The answer's schema; fails where the document does not know this status or this type. */
static json_t *schema_of(const char *pattern, const char *method, const struct http_response *r)
{
    char status[8], type[64];
    snprintf(status, sizeof status, "%d", r->status);
    snprintf(type, sizeof type, "%.*s", (int)strcspn(http_header(r, "content-type"), ";"),
             http_header(r, "content-type"));
    json_t *answers = json_object_get(operation(pattern, method), "responses");
    json_t *answer = schema_resolve(doc, json_object_get(answers, status));
    if (!answer)
        fail_msg("%s %s: status %d is not described", method, pattern, r->status);
    json_t *schema = json_object_get(json_object_get(json_object_get(answer, "content"), type), "schema");
    if (!schema && *type)
        fail_msg("%s %s: %s is not described for %d", method, pattern, type, r->status);
    return schema;
}

/* One request; the answer must have the status and be as described. Gives its JSON, or NULL. */
static json_t *checked(const char *method, const char *pattern, const char *path, const char *headers,
                       const char *body, int status)
{
    struct http_response r;
    char length[48] = "";
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    char *text =
        ac_asprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s%s\r\n%s", method, path, headers ? headers : "",
                    length, status == 204 ? "Connection: close\r\n" : "", body ? body : "");
    if (!http_raw(world.port, text, strlen(text), &r))
        fail_msg("no answer to %s %s", method, path);
    if (r.status != status)
        fail_msg("%s %s: %d %s", method, path, r.status, r.body);
    json_t *schema = schema_of(pattern, method, &r), *v = NULL;
    if (strstr(http_header(&r, "content-type"), "json")) {
        char why[SCHEMA_WHY];
        v = json_loads(r.body, JSON_DECODE_ANY, NULL);
        assert_non_null(v);
        if (!schema_check(doc, schema, v, why))
            fail_msg("%s %s: %s", method, path, why);
    }
    http_free(&r);
    free(text);
    return v;
}

static void check(const char *method, const char *pattern, const char *path, const char *headers,
                  const char *body, int status)
{
    json_decref(checked(method, pattern, path, headers, body, status));
}

/* A session with a turn behind it, so that there is something to tell; and a kept conversation. */
static void talk(struct ws_client *c)
{
    open_client(c, world.port, "/ws/described");
    ws_text(c, "{\"type\":\"text\",\"text\":\"echo Something was said.\"}");
    expect(c, "turn_done", 0);
}

static void test_answers(void **state)
{
    (void)state;
    struct ws_client c;
    talk(&c);
    static const struct {
        const char *method, *pattern, *path, *headers, *body;
        int status;
    } cases[] = {
        {"GET", "/api/status", "/api/status", NULL, NULL, 200},
        {"GET", "/api/avatars", "/api/avatars", NULL, NULL, 200},
        {"GET", "/api/avatars/{id}/poster.jpg", "/api/avatars/fake/poster.jpg?size=256", NULL, NULL, 200},
        {"GET", "/api/avatars/{id}/poster.jpg", "/api/avatars/fake/poster.jpg?size=1", NULL, NULL, 400},
        {"GET", "/api/avatars/{id}/idle.mp4", "/api/avatars/fake/idle.mp4?size=256", NULL, NULL, 200},
        {"GET", "/api/avatars/{id}/idle.mp4", "/api/avatars/fake/idle.mp4?size=256", "Range: bytes=0-9\r\n",
         NULL, 206},
        {"POST", "/api/avatars", "/api/avatars?name=X", NULL, "face", 422},
        {"POST", "/api/avatars", "/api/avatars?colour=red", NULL, "face", 400},
        {"POST", "/api/avatars", "/api/avatars?name=X&consent=true&id=fake", NULL, "face", 409},
        {"POST", "/api/avatars", "/api/avatars?name=X&consent=true", "X-Forwarded-For: 192.0.2.1\r\n", "face",
         403},
        {"POST", "/api/avatars", "/api/avatars?name=X&consent=true", "Content-Type: multipart/form-data\r\n",
         "face", 415},
        {"GET", "/api/avatars/jobs/{id}", "/api/avatars/jobs/x", NULL, NULL, 404},
        {"DELETE", "/api/avatars/jobs/{id}", "/api/avatars/jobs/x", NULL, NULL, 404},
        {"DELETE", "/api/avatars/{id}", "/api/avatars/fake", NULL, NULL, 404},
        {"GET", "/api/avatars/{id}/preview.jpg", "/api/avatars/fake/preview.jpg", NULL, NULL, 404},
        {"GET", "/api/voices", "/api/voices", NULL, NULL, 200},
        {"GET", "/api/topics", "/api/topics?lang=en", NULL, NULL, 200},
        {"GET", "/api/conversations", "/api/conversations", client, NULL, 200},
        {"GET", "/api/conversations", "/api/conversations", NULL, NULL, 400},
        {"DELETE", "/api/conversations", "/api/conversations", client, NULL, 200},
        {"GET", "/api/conversations/{id}", "/api/conversations/0123", client, NULL, 404},
        {"PATCH", "/api/conversations/{id}", "/api/conversations/0123456789abcdef0123456789abcdef", client,
         "{\"title\":\"New\"}", 404},
        {"PATCH", "/api/conversations/{id}", "/api/conversations/0123456789abcdef0123456789abcdef", client,
         "{}", 400},
        {"DELETE", "/api/conversations/{id}", "/api/conversations/0123456789abcdef0123456789abcdef",
         "Origin: https://evil.example\r\n", NULL, 403},
        {"GET", "/api/conversations/{id}/export",
         "/api/conversations/0123456789abcdef0123456789abcdef/export?format=pdf", client, NULL, 400},
        {"GET", "/api/sessions", "/api/sessions", NULL, NULL, 200},
        {"POST", "/api/sessions", "/api/sessions", NULL, NULL, 201},
        {"POST", "/api/sessions", "/api/sessions", NULL, "{\"language\":\"en\",\"avatar\":\"fake\"}", 201},
        {"POST", "/api/sessions", "/api/sessions", NULL, "{\"avatar\":\"nobody\"}", 422},
        {"POST", "/api/sessions", "/api/sessions", NULL, "{\"language\":\"?\"}", 400},
        {"POST", "/api/sessions", "/api/sessions", NULL, "{\"colour\":\"red\"}", 400},
        {"POST", "/api/sessions", "/api/sessions", NULL, "[]", 400},
        {"POST", "/api/sessions", "/api/sessions", NULL, "{\"avatar\":", 400},
        {"GET", "/api/sessions/{id}", "/api/sessions/described", NULL, NULL, 200},
        {"GET", "/api/sessions/{id}", "/api/sessions/nobody", NULL, NULL, 404},
        {"GET", "/api/sessions/{id}/history", "/api/sessions/described/history", NULL, NULL, 200},
        {"GET", "/api/config", "/api/config", NULL, NULL, 200},
        {"PUT", "/api/config", "/api/config", NULL, "{\"set\":{\"session.history_turns\":7}}", 200},
        {"PUT", "/api/config", "/api/config", NULL, "{\"set\":{\"server.port\":7}}", 409},
        {"PUT", "/api/config", "/api/config", NULL, "{\"set\":{\"session.history_turns\":\"many\"}}", 422},
        {"PUT", "/api/config", "/api/config", NULL, "{\"set\":{\"session.history_turns\":[7]}}", 400},
        {"PUT", "/api/config", "/api/config", NULL, "{\"set\":{}}", 400},
        {"PUT", "/api/config", "/api/config", "X-Forwarded-For: 192.0.2.1\r\n", "{}", 403},
        {"GET", "/api/monitor", "/api/monitor", NULL, NULL, 200},
        {"GET", "/api/logs", "/api/logs?limit=20", NULL, NULL, 200},
        {"GET", "/api/logs", "/api/logs?level=loud", NULL, NULL, 400},
        {"GET", "/api/logs", "/api/logs?limit=2001", NULL, NULL, 400},
        {"GET", "/api/logs", "/api/logs?since=-1", NULL, NULL, 400},
        {"GET", "/metrics", "/metrics", NULL, NULL, 200},
        {"GET", "/metrics", "/metrics", "X-Real-IP: 192.0.2.1\r\n", NULL, 403},
        {"GET", "/healthz", "/healthz", NULL, NULL, 200},
        {"GET", "/openapi.json", "/openapi.json", NULL, NULL, 200},
        {"GET", "/docs", "/docs", NULL, NULL, 404}, /* the tests' page has none */
        {"GET", "/ws", "/ws", NULL, NULL, 426},
        {"GET", "/ws/{id}", "/ws/abc", NULL, NULL, 426},
        {"DELETE", "/api/sessions/{id}", "/api/sessions/described", NULL, NULL, 204},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].method, cases[i].pattern, cases[i].path, cases[i].headers, cases[i].body,
              cases[i].status);
    assert_true(ws_wait_closed(&c, WAIT));
    assert_int_equal(c.close_code, 1008);
    ws_drop(&c);
}

/* Has an avatar made of the text, as the fake maker reads it; the job's path. */
static void make(const char *text, const char *end, char path[96])
{
    json_t *j = checked("POST", "/api/avatars", "/api/avatars?name=Made&consent=true", client, text, 202);
    snprintf(path, 96, "/api/avatars/jobs/%s", json_string_value(json_object_get(j, "job")));
    json_decref(j);
    for (int i = 0;; i++) {
        j = checked("GET", "/api/avatars/jobs/{id}", path, NULL, NULL, 200);
        bool over = !strcmp(json_string_value(json_object_get(j, "state")), end);
        json_decref(j);
        if (over)
            return;
        assert_true(i < 1000);
        usleep(10000);
    }
}

/* The whole life of an uploaded avatar, and of one that could not be. */
static void test_uploaded(void **state)
{
    (void)state;
    char path[96];
    make("face", "done", path);
    check("GET", "/api/avatars", "/api/avatars", client, NULL, 200);
    check("GET", "/api/avatars/{id}/preview.jpg", "/api/avatars/made/preview.jpg", NULL, NULL, 200);
    check("DELETE", "/api/avatars/jobs/{id}", path, NULL, NULL, 204);
    check("DELETE", "/api/avatars/{id}", "/api/avatars/made", client, NULL, 204);
    make("nobody", "failed", path);
    check("DELETE", "/api/avatars/jobs/{id}", path, NULL, NULL, 204);
}

/* What the answers say, beyond their form. */
static void test_session_told(void **state)
{
    (void)state;
    struct ws_client c;
    struct http_response r;
    talk(&c);
    assert_true(http_request_to(world.port, "GET", "/api/sessions/described", NULL, &r));
    json_t *j = json_loads(r.body, 0, NULL), *timeline = json_object_get(j, "timeline"),
           *turn = json_array_get(timeline, 0);
    assert_string_equal(json_string_value(json_object_get(j, "address")), "127.0.0.1");
    assert_int_equal(json_integer_value(json_object_get(j, "turns")), 1);
    assert_int_equal(json_array_size(timeline), 1);
    assert_string_equal(json_string_value(json_object_get(turn, "result")), "done");
    assert_int_equal(json_integer_value(json_object_get(turn, "question_chars")), 24);
    assert_true(json_is_null(json_object_get(json_object_get(turn, "marks"), "endpoint")));
    assert_true(json_is_real(json_object_get(json_object_get(turn, "marks"), "first_fragment")));
    assert_null(strstr(r.body, "Something")); /* what was said is in the history only */
    json_decref(j);
    http_free(&r);
    assert_true(http_request_to(world.port, "GET", "/api/sessions/described/history", NULL, &r));
    assert_non_null(strstr(r.body, "Something was said."));
    http_free(&r);
    ws_close(&c);
}

/* What was said is for the administrator and for the client itself. */
static void test_history_is_its_own(void **state)
{
    (void)state;
    static const char mine[] = "0123456789abcdef-mine";
    static const struct {
        const char *header;
        int status;
    } cases[] = {{"X-Client-Id: 0123456789abcdef-mine\r\nX-Forwarded-For: 192.0.2.1\r\n", 200},
                 {"X-Client-Id: 0123456789abcdef-hers\r\nX-Forwarded-For: 192.0.2.1\r\n", 403},
                 {"X-Client-Id: \r\nX-Forwarded-For: 192.0.2.1\r\n", 403},
                 {"X-Forwarded-For: 192.0.2.1\r\n", 403},
                 {"", 200}}; /* this machine may administer */
    struct ws_client c;
    struct http_response r;
    open_client(&c, world.port, "/ws/own");
    size_t from = c.n;
    ws_text(&c, "{\"type\":\"hello\",\"client\":\"%s\"}", mine);
    expect(&c, "session_ready", from);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(http_request_to(world.port, "GET", "/api/sessions/own/history", cases[i].header, &r));
        if (r.status != cases[i].status)
            fail_msg("case %zu: %d", i, r.status);
        http_free(&r);
    }
    assert_true(http_request_to(world.port, "GET", "/api/sessions/own", NULL, &r));
    assert_null(strstr(r.body, mine)); /* it opens conversations: not even the administrator is told */
    http_free(&r);
    ws_close(&c);
    /* without a name nobody's is right */
    talk(&c);
    assert_true(http_request_to(world.port, "GET", "/api/sessions/described/history",
                                "X-Client-Id: \r\nX-Forwarded-For: 192.0.2.1\r\n", &r));
    assert_int_equal(r.status, 403);
    http_free(&r);
    ws_close(&c);
}

static void test_config_takes_effect(void **state)
{
    (void)state;
    static const char body[] = "{\"set\":{\"server.max_sessions\":\"11\"}}";
    struct http_response r;
    char *put = ac_asprintf("PUT /api/config HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
                            sizeof body - 1, body);
    assert_true(http_raw(world.port, put, strlen(put), &r));
    free(put);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "{\"changed\":[\"server.max_sessions\"]}");
    http_free(&r);
    assert_true(http_request_to(world.port, "GET", "/api/status", NULL, &r));
    assert_non_null(strstr(r.body, "\"max_sessions\":11"));
    http_free(&r);
}

static void test_served_as_it_is(void **state)
{
    (void)state;
    struct http_response r;
    char *text;
    size_t len;
    assert_int_equal(ac_read_file("docs/openapi.json", 1 << 20, &text, &len), 0);
    assert_true(http_request_to(world.port, "GET", "/openapi.json", NULL, &r));
    assert_int_equal(r.len, len);
    assert_memory_equal(r.body, text, len);
    http_free(&r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_routes),        cmocka_unit_test(test_same_access),
        cmocka_unit_test(test_document),           cmocka_unit_test(test_answers),
        cmocka_unit_test(test_uploaded),           cmocka_unit_test(test_session_told),
        cmocka_unit_test(test_history_is_its_own), cmocka_unit_test(test_config_takes_effect),
        cmocka_unit_test(test_served_as_it_is),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
