/* Rules of HTTP without sockets: forms of a content, ids, origins, hashed names, types, gzip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/err.h"
#include "server/rules.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const struct ac_content content = {.type = "text/plain",
                                          .data = "0123456789",
                                          .len = 10,
                                          .gzip = "gz",
                                          .gzip_len = 2,
                                          .tag = "00000000deadbeef"};

static void test_choose(void **state)
{
    (void)state;
    static const char tag[] = "\"00000000deadbeef\"", gz[] = "\"00000000deadbeef-gz\"";
    static const struct {
        struct ac_conditions when;
        int status;
        const char *body; /* NULL: none */
        const char *tag, *range;
    } cases[] = {
        {{"", "", "", "", false}, 200, "0123456789", tag, ""},
        {{"", "", "", "gzip", false}, 200, "gz", gz, ""},
        {{"", "", "", "deflate", false}, 200, "0123456789", tag, ""},
        {{"", "", "", "gzip; q=0.0", false}, 200, "0123456789", tag, ""},
        {{"", "", "", " br , gzip ; q=0.1 ", false}, 200, "gz", gz, ""},
        {{"", "", "", "gzip;level=9", false}, 200, "gz", gz, ""},
        {{tag, "", "", "", false}, 304, NULL, tag, ""},
        {{tag, "", "", "gzip", false}, 200, "gz", gz, ""},
        {{gz, "", "", "gzip", false}, 304, NULL, gz, ""},
        {{"W/\"00000000deadbeef\"", "", "", "", false}, 304, NULL, tag, ""},
        {{"\"x\" ,\t\"00000000deadbeef\"", "", "", "", false}, 304, NULL, tag, ""},
        {{"*", "", "", "", false}, 304, NULL, tag, ""},
        {{"00000000deadbeef", "", "", "", false}, 200, "0123456789", tag, ""},
        {{",,,", "", "", "", false}, 200, "0123456789", tag, ""},
        {{"", "bytes=2-4", "", "gzip", false}, 206, "234", tag, "bytes 2-4/10"},
        {{"", "Bytes=9-", "", "", false}, 206, "9", tag, "bytes 9-9/10"},
        {{"", "bytes=-3", "", "", false}, 206, "789", tag, "bytes 7-9/10"},
        {{"", "bytes=10-", "", "", false}, 416, NULL, tag, "bytes */10"},
        {{"", "bytes=0-1", tag, "", false}, 206, "01", tag, "bytes 0-1/10"},
        {{"", "bytes=0-1", "\"old\"", "", false}, 200, "0123456789", tag, ""},
        {{tag, "bytes=0-1", "", "", false}, 304, NULL, tag, ""},
        {{"", "bytes=0-1", "", "", true}, 200, "0123456789", tag, ""},
        {{"", "bytes=4-2", "", "", false}, 200, "0123456789", tag, ""},
        {{"", "bytes= 1-2", "", "", false}, 200, "0123456789", tag, ""},
        {{"", "bytes=1-2x", "", "", false}, 200, "0123456789", tag, ""},
        {{"", "bytes=0-18446744073709551615", "", "", false}, 200, "0123456789", tag, ""},
        {{"", "bytes=0-1844674407370955161", "", "", false}, 206, "0123456789", tag, "bytes 0-9/10"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_reply r;
        ac_reply_choose(&content, &cases[i].when, &r);
        if (r.status != cases[i].status)
            fail_msg("case %zu: %d", i, r.status);
        assert_string_equal(r.tag, cases[i].tag);
        assert_string_equal(r.content_range, cases[i].range);
        if (cases[i].body) {
            assert_int_equal(r.len, strlen(cases[i].body));
            assert_memory_equal(r.body, cases[i].body, r.len);
            assert_int_equal(r.gzip, !strcmp(cases[i].body, "gz"));
        } else {
            assert_int_equal(r.len, 0);
            assert_null(r.body);
        }
    }
}

static void test_empty_content(void **state)
{
    (void)state;
    static const struct ac_content empty = {.type = "text/plain", .data = "", .len = 0};
    static const char *const ranges[] = {"bytes=0-", "bytes=-1", "bytes=0-0"};
    for (size_t i = 0; i < 3; i++) {
        struct ac_conditions when = {"", ranges[i], "", "", false};
        struct ac_reply r;
        ac_reply_choose(&empty, &when, &r);
        assert_int_equal(r.status, 416);
        assert_string_equal(r.content_range, "bytes */0");
    }
}

static void test_ids(void **state)
{
    (void)state;
    char a[33], b[33], longest[66];
    memset(longest, 'x', 65);
    longest[65] = '\0';
    assert_false(ac_session_id_valid(longest));
    assert_true(ac_session_id_valid(longest + 1));
    assert_true(ac_session_id_valid("a"));
    assert_true(ac_session_id_valid("AZaz09_-"));
    static const char *const bad[] = {"", "a b", "a.b", "a/b", "\xc3\xa9", "a\n", ".."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ac_session_id_valid(bad[i]));
    ac_session_id_random(a);
    ac_session_id_random(b);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_true(ac_session_id_valid(a));
    assert_string_not_equal(a, b);
}

static void test_origins(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *host;
        bool ok;
    } cases[] = {
        {"", "example.org", true},
        {"https://example.org", "example.org", true},
        {"https://example.org:8443", "EXAMPLE.org:80", true},
        {"http://localhost:3000", "127.0.0.1:8000", true},
        {"http://127.0.0.1:8000", "localhost:8000", true},
        {"http://[::1]:8000", "localhost:8000", true},
        {"http://[::1]:8000", "[::1]:8000", true},
        {"http://[2001:db8::1]", "[2001:db8::1]:8000", true},
        {"https://evil.example", "example.org", false},
        {"https://example.org.evil.example", "example.org", false},
        {"https://example.or", "example.org", false},
        {"http://127.0.0.1.evil.example", "localhost:8000", false},
        {"http://127.evil.example", "127.0.0.1", false},
        {"http://localhost.evil", "localhost", false},
        {"http://localhost", "192.168.1.5:8000", false},
        {"null", "localhost", false},
        {"localhost", "localhost", false},
        {"http://", "localhost", false},
        {"http://localhost", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ac_origin_allowed(cases[i].origin, cases[i].host) != cases[i].ok)
            fail_msg("%s at %s", cases[i].origin, cases[i].host);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool hashed;
    } cases[] = {
        {"/assets/index-B1x_2cD4.js", true},
        {"/assets/index-BxYz-cD4.css", true},
        {"/panel/assets/index-B1x_2cD4.js", true},
        {"/panel/index-B1x_2cD4.js", false},
        {"/assets/a-12345678.woff2", true},
        {"/assets/-12345678.js", false},
        {"/assets/index-short1.js", false},
        {"/assets/some-handlers.js", false},
        {"/index-B1x_2cD4.js", false},
        {"/assets/index.js", false},
        {"/assets/index-B1x_2cD4", false},
        {"/assets/index-B1x 2cD4.js", false},
        {"/assets/", false},
        {"", false},
        {"/assets/12345678.js", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ac_path_is_hashed(cases[i].path) != cases[i].hashed)
            fail_msg("%s", cases[i].path);
    assert_string_equal(ac_mime_type("/a/b.JS"), "text/javascript; charset=utf-8");
    assert_string_equal(ac_mime_type("/a.b/c"), "application/octet-stream");
    assert_string_equal(ac_mime_type("x.mp4"), "video/mp4");
    assert_string_equal(ac_mime_type("x.woff2"), "font/woff2");
    assert_string_equal(ac_mime_type(""), "application/octet-stream");
}

static void test_gzip(void **state)
{
    (void)state;
    char text[4000], back[4100], noise[4000];
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 7);
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (char)(seed >> 24);
    }
    size_t n = 0;
    char *gz = ac_gzip(text, sizeof text, &n);
    assert_non_null(gz);
    z_stream z = {.next_in = (unsigned char *)gz,
                  .avail_in = (uInt)n,
                  .next_out = (unsigned char *)back,
                  .avail_out = sizeof back};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, sizeof text);
    assert_memory_equal(back, text, sizeof text);
    inflateEnd(&z);
    free(gz);
    assert_null(ac_gzip(noise, sizeof noise, &n)); /* would not be smaller */
}

static void test_tags(void **state)
{
    (void)state;
    /* FNV-1a, 64 bit: the published test vectors */
    struct ac_content a = {.data = "", .len = 0}, b = {.data = "foobar", .len = 6};
    ac_content_tag(&a);
    ac_content_tag(&b);
    assert_string_equal(a.tag, "cbf29ce484222325");
    assert_string_equal(b.tag, "85944171f73967e8");
}

static void test_load(void **state)
{
    (void)state;
    struct ac_assets *a = NULL;
    char reason[256] = "";
    assert_int_equal(ac_assets_load(&a, "test/data/page", reason), 0);
    assert_int_equal(ac_assets_count(a), 5);
    assert_ptr_equal(ac_assets_find(a, "/"), ac_assets_find(a, "/index.html"));
    assert_non_null(ac_assets_find(a, "/assets/dots.css"));
    assert_non_null(ac_assets_find(a, "/panel"));
    assert_ptr_equal(ac_assets_find(a, "/panel"), ac_assets_find(a, "/panel/index.html"));
    assert_ptr_equal(ac_assets_find(a, "/panel/"), ac_assets_find(a, "/panel/index.html"));
    assert_null(ac_assets_find(a, "/panel//"));
    assert_null(ac_assets_find(a, "/assets"));
    assert_null(ac_assets_find(a, "assets/dots.css"));
    assert_null(ac_assets_find(a, "/../page/index.html"));
    assert_null(ac_assets_find(a, ""));
    assert_non_null(ac_assets_find(a, "/assets/index-B1x_2cD4.js")->gzip);
    assert_null(ac_assets_find(a, "/clip.mp4")->gzip);
    assert_null(ac_assets_find(a, "/assets/dots.css")->gzip); /* too small to gain */
    ac_assets_free(a);

    assert_int_equal(ac_assets_load(&a, "test/data/nowhere", reason), AC_ENOENT);
    assert_non_null(strstr(reason, "test/data/nowhere"));
    assert_int_equal(ac_assets_load(&a, "test/data/page/assets", reason), AC_ENOENT);
    assert_non_null(strstr(reason, "index.html"));
    assert_int_equal(ac_assets_load(&a, "test/data/page/index.html", reason), AC_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose),  cmocka_unit_test(test_empty_content), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_origins), cmocka_unit_test(test_names),         cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_tags),    cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
