/* Server-Sent Events: what the standard says, and that the way in which a stream is cut makes no difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "avatarchat/err.h"
#include "net/sse.h"

/* Events as text: "name|data;" each. */
static int note(void *arg, const char *event, const char *data, size_t len)
{
    struct ac_str *seen = arg;

    assert_int_equal(data[len], 0);
    ac_str_addf(seen, "%s|", event);
    ac_str_add_n(seen, data, len);
    ac_str_add(seen, ";");
    return 0;
}

/* Feeds the stream in pieces that end at the places given (ascending). */
static void parse_cut(const char *stream, size_t n, const size_t *cuts, size_t n_cuts, struct ac_str *seen)
{
    struct ac_sse s = {.max_bytes = 1000};
    size_t from = 0;

    ac_str_clear(seen);
    ac_str_add(seen, "");
    for (size_t i = 0; i <= n_cuts; i++) {
        size_t to = i < n_cuts ? cuts[i] : n;
        char *piece = malloc(to - from); /* exact, for the sanitizers */
        if (to > from)
            memcpy(piece, stream + from, to - from);
        assert_int_equal(ac_sse_feed(&s, piece, to - from, note, seen), 0);
        free(piece);
        from = to;
    }
    assert_int_equal(ac_sse_finish(&s, note, seen), 0);
    ac_sse_free(&s);
}

static const struct {
    const char *stream, *events;
} cases[] = {
    {"", ""},
    {"data: a\n\n", "|a;"},
    {"data:a\n\ndata:  b\n\n", "|a;| b;"},
    {"data: a\r\ndata: b\r\n\r\n", "|a\nb;"},
    {"data: a\rdata: b\r\rdata: c\r\r", "|a\nb;|c;"},
    {"data: a\r\n\ndata: b\n\r\n", "|a;|b;"},
    {"data: a\n\r\ndata: b\r\n\r", "|a;|b;"},
    {"event: x\ndata: a\n\ndata: b\n\n", "x|a;|b;"},
    {"event: x\n\ndata: a\n\n", "|a;"},
    {"data: a\nevent: later\n\n", "later|a;"},
    {"data\n\ndata\ndata\n\ndata:", "|;|\n;|;"},
    {": comment\n\n:\n\nid: 1\nretry: 5\n\n", ""},
    {"data: a\nid: 7\n:x\ndata: b\n\n", "|a\nb;"},
    {"\xef\xbb\xbf"
     "data: a\n\n\xef\xbb\xbf"
     "data: b\n\n",
     "|a;"},
    {"datum: a\n\ndata a\n\nDATA: a\n\n data: a\n\n", ""},
    {"data: {\"a\": \"b: c\"}\n\ndata: [DONE]\n\n", "|{\"a\": \"b: c\"};|[DONE];"},
    {"data: \xe4\xbd\xa0\xe5\xa5\xbd\n\n", "|\xe4\xbd\xa0\xe5\xa5\xbd;"},
    {"data: cut", "|cut;"},
    {"data: cut\n", "|cut;"},
    {"data: a\n\nevent: x", "|a;"},
    {"event: a name that is longer than the parser keeps it\ndata: a\n\n",
     "a name that is longer than the |a;"},
    {"\n\n\r\r\n\ndata: a\n\n\n\n", "|a;"},
};

static void check(size_t i, const struct ac_str *seen, const char *how)
{
    if (strcmp(seen->p, cases[i].events) != 0)
        fail_msg("case %zu %s: got '%s', not '%s'", i, how, seen->p, cases[i].events);
}

static void test_standard(void **state)
{
    struct ac_str seen = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parse_cut(cases[i].stream, strlen(cases[i].stream), NULL, 0, &seen);
        check(i, &seen, "whole");
    }
    ac_str_free(&seen);
}

static void test_any_cut(void **state)
{
    struct ac_str seen = {0};
    size_t cuts[200];
    unsigned seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *stream = cases[i].stream;
        size_t n = strlen(stream);
        for (size_t at = 0; at <= n; at++) {
            cuts[at] = at;
            parse_cut(stream, n, &cuts[at], 1, &seen);
            check(i, &seen, "in two");
        }
        parse_cut(stream, n, cuts, n, &seen);
        check(i, &seen, "bytewise");
        for (int round = 0; round < 50; round++) {
            size_t n_cuts = 0;
            for (size_t at = 0; at < n; at++) {
                if (rand_r(&seed) % 4 == 0)
                    cuts[n_cuts++] = at;
            }
            parse_cut(stream, n, cuts, n_cuts, &seen);
            check(i, &seen, "at random");
        }
    }
    ac_str_free(&seen);
}

static void test_zero_bytes_are_data(void **state)
{
    static const char stream[] = "data: a\0b\n\n";
    struct ac_str seen = {0};

    (void)state;
    parse_cut(stream, sizeof stream - 1, NULL, 0, &seen);
    assert_int_equal(seen.len, 5);
    assert_memory_equal(seen.p, "|a\0b;", 5);
    ac_str_free(&seen);
}

static void test_limits(void **state)
{
    static const struct {
        const char *stream;
        int err;
    } limits[] = {
        {"data: 1234567890\n\n", 0}, /* a line of the 16 bytes that are allowed */
        {"data: 12345678901", AC_ELIMIT},
        {":23456789012345678", AC_ELIMIT},
        {"data: 12345678\ndata: 1234567\n\n", 0}, /* an event of 16 */
        {"data: 12345678\ndata: 12345678\n\n", AC_ELIMIT},
        {"data: 12345678\n\ndata: 12345678\n\ndata: 12345678\n\n", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        for (size_t piece = 1; piece < 40; piece += 38) {
            struct ac_sse s = {.max_bytes = 16};
            struct ac_str seen = {0};
            const char *p = limits[i].stream;
            int err = 0;
            for (size_t n = strlen(p); n > 0 && !err;) {
                size_t now = n < piece ? n : piece;
                err = ac_sse_feed(&s, p, now, note, &seen);
                p += now;
                n -= now;
            }
            assert_int_equal(err, limits[i].err);
            ac_str_free(&seen);
            ac_sse_free(&s);
        }
    }
}

static int refuse_second(void *arg, const char *event, const char *data, size_t len)
{
    int *calls = arg;

    (void)event, (void)data, (void)len;
    return ++*calls == 2 ? AC_ECANCELED : 0;
}

static void test_reader_ends_it(void **state)
{
    static const char stream[] = "data: a\n\ndata: b\n\ndata: c\n\n";
    struct ac_sse s = {.max_bytes = 100};
    int calls = 0;

    (void)state;
    assert_int_equal(ac_sse_feed(&s, stream, sizeof stream - 1, refuse_second, &calls), AC_ECANCELED);
    assert_int_equal(calls, 2);
    ac_sse_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard),
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_zero_bytes_are_data),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_reader_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
