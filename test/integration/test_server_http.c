/*
 * HTTP: the page's files (entity tags, codings, ranges, fall-back, paths that must not work), REST and its
 * problem documents, the page that stands in when none is built.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "integration/server_world.h"
#include "integration/ws_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static struct world world;
static char *page, *script, *clip;
static size_t page_len, script_len, clip_len;

static void read_data(const char *path, char **data, size_t *len)
{
    assert_int_equal(ac_read_file(path, 1 << 20, data, len), 0);
}

static int setup(void **state)
{
    (void)state;
    read_data("test/data/page/index.html", &page, &page_len);
    read_data("test/data/page/assets/index-B1x_2cD4.js", &script, &script_len);
    read_data("test/data/page/clip.mp4", &clip, &clip_len);
    world_open(&world, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    free(page);
    free(script);
    free(clip);
    return 0;
}

static void get(const char *path, const char *headers, struct http_response *r)
{
    assert_true(http_request_to(world.port, "GET", path, headers, r));
}

static void test_files(void **state)
{
    (void)state;
    static const struct {
        const char *path, *type, *cache, *data;
    } cases[] = {
        {"/", "text/html; charset=utf-8", "no-cache", "test/data/page/index.html"},
        {"/index.html", "text/html; charset=utf-8", "no-cache", "test/data/page/index.html"},
        {"/?a=b", "text/html; charset=utf-8", "no-cache", "test/data/page/index.html"},
        {"/settings", "text/html; charset=utf-8", "no-cache", "test/data/page/index.html"},
        {"/some/where", "text/html; charset=utf-8", "no-cache", "test/data/page/index.html"},
        {"/assets/dots.css", "text/css; charset=utf-8", "no-cache", "test/data/page/assets/dots.css"},
        {"/assets/index-B1x_2cD4.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable",
         "test/data/page/assets/index-B1x_2cD4.js"},
        {"/clip.mp4", "video/mp4", "no-cache", "test/data/page/clip.mp4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_response r;
        char *data;
        size_t len;
        read_data(cases[i].data, &data, &len);
        get(cases[i].path, NULL, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(http_header(&r, "content-type"), cases[i].type);
        assert_string_equal(http_header(&r, "cache-control"), cases[i].cache);
        assert_string_equal(http_header(&r, "x-content-type-options"), "nosniff");
        assert_string_equal(http_header(&r, "content-encoding"), "");
        assert_int_equal(atoi(http_header(&r, "content-length")), len);
        assert_int_equal(r.len, len);
        assert_memory_equal(r.body, data, len);
        assert_non_null(strstr(http_header(&r, "content-security-policy"), "media-src 'self' blob:"));
        http_free(&r);
        free(data);
    }
}

static void test_head(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/", "/assets/index-B1x_2cD4.js", "/clip.mp4", "/healthz", "/api/status", "/x.js"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_response g, h;
        get(paths[i], NULL, &g);
        assert_true(http_request_to(world.port, "HEAD", paths[i], NULL, &h));
        assert_int_equal(h.status, g.status);
        assert_int_equal(h.len, 0);
        char *type = ac_strdup(http_header(&g, "content-type"));
        assert_string_equal(http_header(&h, "content-type"), type);
        free(type);
        assert_true(atoi(http_header(&h, "content-length")) > 0);
        http_free(&g);
        http_free(&h);
    }
}

static void test_pipelined(void **state)
{
    (void)state;
    /* two requests at once on one connection: the first leaves nothing behind and the second is answered */
    static const char both[] = "HEAD /clip.mp4 HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct http_response r;
    assert_true(http_raw(world.port, both, sizeof both - 1, &r));
    assert_int_equal(r.status, 200);
    assert_string_equal(http_header(&r, "content-length"), "5000");
    assert_int_equal(strncmp(r.body, "HTTP/1.1 200", 12), 0);
    assert_non_null(strstr(r.body, "\r\n\r\nok\n"));
    http_free(&r);
}

static void test_etag(void **state)
{
    (void)state;
    struct http_response r;
    get("/assets/index-B1x_2cD4.js", NULL, &r);
    char *tag = ac_strdup(http_header(&r, "etag"));
    http_free(&r);
    assert_true(strlen(tag) > 2 && tag[0] == '"' && tag[strlen(tag) - 1] == '"');
    const struct {
        const char *fmt;
        int status;
    } cases[] = {
        {"If-None-Match: %s\r\n", 304},        {"If-None-Match: W/%s\r\n", 304},
        {"If-None-Match: \"a\", %s\r\n", 304}, {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"other\"\r\n", 200}, {"If-None-Match: %s\r\nAccept-Encoding: gzip\r\n", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *headers = ac_asprintf(cases[i].fmt, tag);
        get("/assets/index-B1x_2cD4.js", headers, &r);
        assert_int_equal(r.status, cases[i].status);
        if (r.status == 304) {
            assert_int_equal(r.len, 0);
            assert_string_equal(http_header(&r, "etag"), tag);
        }
        http_free(&r);
        free(headers);
    }
    free(tag);
}

static void test_gzip(void **state)
{
    (void)state;
    struct http_response r;
    static const struct {
        const char *accept;
        bool gzip;
    } cases[] = {{"gzip", true},      {"gzip, deflate, br", true}, {"br, gzip;q=0.5", true}, {"*", true},
                 {"gzip;q=0", false}, {"identity", false},         {"*, gzip;q=0", false},   {"", false},
                 {"GZIP", true},      {"x-gzipped", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *headers = ac_asprintf("Accept-Encoding: %s\r\n", cases[i].accept);
        get("/assets/index-B1x_2cD4.js", headers, &r);
        free(headers);
        assert_int_equal(r.status, 200);
        assert_string_equal(http_header(&r, "vary"), "Accept-Encoding");
        assert_string_equal(http_header(&r, "content-encoding"), cases[i].gzip ? "gzip" : "");
        if (cases[i].gzip) {
            unsigned char *out = ac_alloc(script_len + 16);
            z_stream z = {.next_in = (unsigned char *)r.body,
                          .avail_in = (uInt)r.len,
                          .next_out = out,
                          .avail_out = (uInt)script_len + 16};
            assert_true(r.len < script_len);
            assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
            assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
            assert_int_equal(z.total_out, script_len);
            assert_memory_equal(out, script, script_len);
            inflateEnd(&z);
            free(out);
        } else {
            assert_int_equal(r.len, script_len);
        }
        http_free(&r);
    }
    get("/clip.mp4", "Accept-Encoding: gzip\r\n", &r); /* video does not compress */
    assert_string_equal(http_header(&r, "content-encoding"), "");
    http_free(&r);
}

static void test_range(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        int status;
        size_t first, len;
        const char *content_range;
    } cases[] = {
        {"bytes=0-0", 206, 0, 1, "bytes 0-0/5000"},
        {"bytes=0-", 206, 0, 5000, "bytes 0-4999/5000"},
        {"bytes=100-199", 206, 100, 100, "bytes 100-199/5000"},
        {"bytes=4990-9999", 206, 4990, 10, "bytes 4990-4999/5000"},
        {"bytes=-10", 206, 4990, 10, "bytes 4990-4999/5000"},
        {"bytes=-9000", 206, 0, 5000, "bytes 0-4999/5000"},
        {"bytes=5000-", 416, 0, 0, "bytes */5000"},
        {"bytes=-0", 416, 0, 0, "bytes */5000"},
        {"bytes=9-3", 200, 0, 5000, ""},
        {"bytes=0-1,5-6", 200, 0, 5000, ""},
        {"bytes=", 200, 0, 5000, ""},
        {"bytes=-", 200, 0, 5000, ""},
        {"bytes=x-y", 200, 0, 5000, ""},
        {"lines=0-1", 200, 0, 5000, ""},
        {"bytes=99999999999999999999999-", 200, 0, 5000, ""},
    };
    struct http_response r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *headers = ac_asprintf("Range: %s\r\nAccept-Encoding: gzip\r\n", cases[i].range);
        get("/clip.mp4", headers, &r);
        free(headers);
        assert_int_equal(r.status, cases[i].status);
        assert_string_equal(http_header(&r, "content-range"), cases[i].content_range);
        assert_int_equal(r.len, cases[i].len);
        assert_memory_equal(r.body, clip + cases[i].first, cases[i].len);
        http_free(&r);
    }
    get("/clip.mp4", "Range: bytes=1-2\r\nIf-Range: \"old\"\r\n", &r); /* the file has changed: all of it */
    assert_int_equal(r.status, 200);
    http_free(&r);
}

static void check_problem(struct http_response *r, int status)
{
    assert_int_equal(r->status, status);
    assert_string_equal(http_header(r, "content-type"), "application/problem+json");
    json_t *j = json_loads(r->body, 0, NULL);
    assert_non_null(j);
    assert_int_equal(json_integer_value(json_object_get(j, "status")), status);
    assert_true(json_string_length(json_object_get(j, "title")) > 0);
    assert_true(json_string_length(json_object_get(j, "detail")) > 0);
    json_decref(j);
}

static void test_paths_that_must_not_work(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/../CMakeLists.txt",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/../../../../CMakeLists.txt",
        "/assets/..%5c..%5cCMakeLists.txt",
        "//etc/passwd",
        "/.gitignore",
        "/assets/.hidden.txt",
        "/index.html/",
        "/clip.mp4%00.html",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_response r;
        if (!http_request_to(world.port, "GET", paths[i], NULL, &r))
            continue; /* closed without an answer */
        /* an error, or the page itself: never another file */
        if (r.status == 200) {
            assert_int_equal(r.len, page_len);
            assert_memory_equal(r.body, page, page_len);
        } else {
            assert_in_range(r.status, 400, 499);
        }
        assert_null(strstr(r.body, "root:"));
        assert_null(strstr(r.body, "cmake_minimum"));
        http_free(&r);
    }
}

static void test_problems(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *headers;
        int status;
        const char *allow;
    } cases[] = {
        {"GET", "/missing.js", NULL, 404, ""},
        {"GET", "/api", NULL, 404, ""},
        {"GET", "/api/", NULL, 404, ""},
        {"GET", "/api/nothing", NULL, 404, ""},
        {"GET", "/api/avatars/anna/secret", NULL, 404, ""},
        {"GET", "/api/avatars/../poster.jpg", NULL, 404, ""},
        {"GET", "/api/avatars/a%2fb/poster.jpg", NULL, 404, ""},
        {"POST", "/api/nothing", "Content-Length: 0\r\n", 404, ""},
        {"POST", "/api/status", "Content-Length: 2\r\n\r\n{}", 405, "GET, HEAD"},
        {"PUT", "/api/voices", "Content-Length: 0\r\n", 405, "GET, HEAD"},
        {"DELETE", "/api/avatars", NULL, 405, "GET, HEAD, POST"},
        {"POST", "/", "Content-Length: 0\r\n", 405, "GET, HEAD"},
        {"GET", "/ws", NULL, 426, ""},
        {"GET", "/ws/abc", NULL, 426, ""},
        {"GET", "/api/avatars/anna/poster.jpg?size=511", NULL, 400, ""},
        {"GET", "/api/avatars/anna/idle.mp4?size=-1", NULL, 400, ""},
        {"GET", "/api/avatars/anna/idle.mp4?size=big", NULL, 400, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_response r;
        if (!http_request_to(world.port, cases[i].method, cases[i].path, cases[i].headers, &r))
            fail_msg("no answer to %s %s", cases[i].method, cases[i].path);
        if (r.status != cases[i].status)
            fail_msg("%s %s: %d", cases[i].method, cases[i].path, r.status);
        check_problem(&r, cases[i].status);
        assert_string_equal(http_header(&r, "allow"), cases[i].allow);
        http_free(&r);
    }
}

static void test_long_path(void **state)
{
    (void)state;
    struct http_response r;
    char path[2001];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    get(path, NULL, &r);
    check_problem(&r, 414);
    http_free(&r);
}

static void test_status(void **state)
{
    (void)state;
    struct http_response r;
    get("/healthz", NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "ok\n");
    http_free(&r);
    get("/api/status", NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(http_header(&r, "content-type"), "application/json");
    json_t *j = json_loads(r.body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(j, "status")), "ok");
    assert_string_equal(json_string_value(json_object_get(j, "version")), AC_VERSION);
    assert_int_equal(json_integer_value(json_object_get(j, "sessions")), 0);
    assert_true(json_integer_value(json_object_get(j, "rss_bytes")) > 1 << 20);
    json_t *tts = json_object_get(json_object_get(j, "engines"), "tts");
    assert_string_equal(json_string_value(json_array_get(tts, 0)), "fake");
    json_decref(j);
    http_free(&r);
}

static json_t *get_list(const char *path)
{
    struct http_response r;
    get(path, NULL, &r);
    assert_int_equal(r.status, 200);
    json_t *j = json_loads(r.body, 0, NULL);
    assert_true(json_is_array(j));
    http_free(&r);
    return j;
}

static void test_lists(void **state)
{
    (void)state;
    json_t *j = get_list("/api/voices"), *item = json_array_get(j, 0);
    static const char *const keys[] = {"id", "name", "lang", "gender", "engine"};
    assert_true(json_array_size(j) > 0);
    for (size_t k = 0; k < 5; k++)
        assert_true(json_is_string(json_object_get(item, keys[k])));
    assert_string_equal(json_string_value(json_object_get(item, "engine")), "fake");
    json_decref(j);

    j = get_list("/api/avatars");
    item = json_array_get(j, 0);
    assert_string_equal(json_string_value(json_object_get(item, "id")), "fake");
    assert_string_equal(json_string_value(json_object_get(item, "poster")), "/api/avatars/fake/poster.jpg");
    assert_string_equal(json_string_value(json_object_get(item, "idle")), "/api/avatars/fake/idle.mp4");
    json_decref(j);

    static const struct {
        const char *path;
        bool any;
    } topics[] = {{"/api/topics", true},
                  {"/api/topics?lang=en", true},
                  {"/api/topics?lang=en-GB", true},
                  {"/api/topics?lang=zh-CN", false}};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        j = get_list(topics[i].path);
        assert_int_equal(json_array_size(j) > 0, topics[i].any);
        json_decref(j);
    }
}

static void test_pictures(void **state)
{
    (void)state;
    struct http_response r;
    get("/api/avatars/fake/poster.jpg?size=256", NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(http_header(&r, "content-type"), "image/jpeg");
    assert_memory_equal(r.body, "\xff\xd8\xff", 3);
    http_free(&r);

    get("/api/avatars/fake/idle.mp4?size=256", NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(http_header(&r, "content-type"), "video/mp4");
    assert_string_equal(http_header(&r, "x-idle-ms"), "12000");
    assert_memory_equal(r.body + 4, "ftyp", 4);
    char *tag = ac_asprintf("If-None-Match: %s\r\n", http_header(&r, "etag"));
    size_t len = r.len;
    http_free(&r);

    get("/api/avatars/fake/idle.mp4?size=256", tag, &r);
    assert_int_equal(r.status, 304);
    http_free(&r);
    free(tag);
    get("/api/avatars/fake/idle.mp4?size=256", "Range: bytes=4-7\r\n", &r);
    assert_int_equal(r.status, 206);
    assert_string_equal(r.body, "ftyp");
    char whole[64];
    snprintf(whole, sizeof whole, "bytes 4-7/%zu", len);
    assert_string_equal(http_header(&r, "content-range"), whole);
    http_free(&r);

    get("/api/avatars/none/poster.jpg?size=256", NULL, &r); /* the fake refuses this one */
    assert_in_range(r.status, 404, 503);
    assert_string_equal(http_header(&r, "content-type"), "application/problem+json");
    http_free(&r);
}

static void test_no_page(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.web_dir=test/data/nowhere", NULL};
    struct world w;
    struct http_response r;
    world_open(&w, sets, NULL);
    assert_true(http_request_to(w.port, "GET", "/", NULL, &r));
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "make web"));
    http_free(&r);
    assert_true(http_request_to(w.port, "GET", "/assets/x.js", NULL, &r));
    check_problem(&r, 404);
    http_free(&r);
    world_close(&w);
}

static void test_broken_requests(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: foo\r\nConnection: Upgrade\r\nHost: x\r\n\r\n",
        ("GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: "
         "AAMAAABkAAQAAP__\r\nHost: x\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /api/status HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\nRange: bytes=1-\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /* TLS */
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct http_response r;
        char *text = ac_asprintf("%s", requests[i]);
        if (strlen(text) > 12 && http_raw(world.port, text, strlen(text), &r))
            http_free(&r);
        free(text);
    }
    struct http_response r;
    get("/healthz", NULL, &r); /* it lives */
    assert_int_equal(r.status, 200);
    http_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_etag),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_paths_that_must_not_work),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_broken_requests),
    };
    const struct CMUnitTest own[] = {cmocka_unit_test(test_no_page)};
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    return failed + cmocka_run_group_tests(own, NULL, NULL);
}
