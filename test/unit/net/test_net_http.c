/* Requests over the one thread: what is sent, how answers stream in, connections, redirects, cancelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "fake/fake_http.h"
#include "net/http.h"

static int get(const char *url, struct ac_http_answer *a)
{
    const struct ac_http_request r = {.url = url, .max_bytes = 1000};

    return ac_http_run(&r, a, NULL);
}

/* ---- the end of the process; the first test: it forks, and threads do not survive that ---- */

static void *run_for_ever(void *url)
{
    struct ac_http_answer a;

    get(url, &a);
    ac_http_answer_free(&a);
    return NULL;
}

static void test_exit_during_a_transfer(void **state)
{
    const struct fake_reply slow = {.status = 200, .body = "late", .delay_ms = 20000};
    int status;

    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct fake_http *s = fake_http_start(&slow, 1);
        pthread_t thread;
        pthread_create(&thread, NULL, run_for_ever, (void *)(uintptr_t)fake_http_url(s));
        pthread_detach(thread);
        while (fake_http_count(s) == 0)
            ac_sleep_us(1000);
        exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- what is sent ---- */

static void test_methods(void **state)
{
    static const struct {
        const char *method, *body, *line;
    } cases[] = {
        {NULL, NULL, "GET / HTTP/1.1\r\n"},    {NULL, "{}", "POST / HTTP/1.1\r\n"},
        {"POST", NULL, "POST / HTTP/1.1\r\n"}, {"PUT", "{}", "PUT / HTTP/1.1\r\n"},
        {"GET", "{}", "GET / HTTP/1.1\r\n"},   {"DELETE", NULL, "DELETE / HTTP/1.1\r\n"},
        {"HEAD", NULL, "HEAD / HTTP/1.1\r\n"}, {"GET", NULL, "GET / HTTP/1.1\r\n"},
    };
    const char *const headers[] = {"Content-Type: application/json", "X-One: two", NULL};
    const struct fake_reply reply = {.status = 200, .body = "yes", .keep = true};
    struct fake_http *s = fake_http_start(&reply, 1);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_http_request r = {.url = fake_http_url(s),
                                    .method = cases[i].method,
                                    .headers = headers,
                                    .body = cases[i].body,
                                    .body_len = cases[i].body ? 2 : 0,
                                    .max_bytes = 100};
        struct ac_http_answer a;
        size_t len;
        assert_int_equal(ac_http_run(&r, &a, NULL), 0);
        assert_int_equal(a.status, 200);
        bool head = cases[i].method && strcmp(cases[i].method, "HEAD") == 0;
        assert_int_equal(a.body.len, head ? 0 : 3);
        const char *sent = fake_http_request(s, i, &len);
        assert_memory_equal(sent, cases[i].line, strlen(cases[i].line));
        assert_non_null(strstr(sent, "\r\nX-One: two\r\n"));
        assert_null(strcasestr(sent, "\r\nExpect:"));
        if (cases[i].body) {
            assert_non_null(strstr(sent, "\r\nContent-Type: application/json\r\n"));
            assert_string_equal(strstr(sent, "\r\n\r\n"), "\r\n\r\n{}");
        }
        ac_http_answer_free(&a);
    }
    fake_http_stop(s);
}

static void test_large_bodies_arrive(void **state)
{
    enum { LEN = 3 << 20 };
    const struct fake_reply reply = {.status = 200, .body = "yes"};
    struct fake_http *s = fake_http_start(&reply, 1);
    char *body = ac_alloc(LEN);
    size_t len;

    (void)state;
    for (size_t i = 0; i < LEN; i++)
        body[i] = (char)(i * 7 % 251);
    struct ac_http_request r = {.url = fake_http_url(s), .body = body, .body_len = LEN, .max_bytes = 100};
    struct ac_http_answer a;
    assert_int_equal(ac_http_run(&r, &a, NULL), 0);
    const char *sent = fake_http_request(s, 0, &len);
    assert_memory_equal(sent + len - LEN, body, LEN);
    ac_http_answer_free(&a);
    free(body);
    fake_http_stop(s);
}

/* ---- connections ---- */

static void test_connections_are_kept(void **state)
{
    const struct fake_reply script[] = {{.status = 200, .body = "a", .keep = true},
                                        {.status = 404, .body = "b", .keep = true},
                                        {.status = 200, .body = "c", .chunked = true, .keep = true},
                                        {.status = 200, .body = "d"},
                                        {.status = 200, .body = "e", .keep = true}};
    struct fake_http *s = fake_http_start(script, 5);

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct ac_http_answer a;
        assert_int_equal(get(fake_http_url(s), &a), 0);
        assert_int_equal(a.body.p[0], "abcdee"[i]);
        assert_int_equal(fake_http_connections(s), i < 4 ? 1 : 2);
        ac_http_answer_free(&a);
    }
    fake_http_stop(s);
}

/* The server closed it meanwhile: another one is made, and nobody notices. */
static void test_a_dead_connection_is_replaced(void **state)
{
    const struct fake_reply script[] = {
        {.status = 200, .body = "a", .keep = true}, {.status = 0}, {.status = 200, .body = "b"}};
    struct fake_http *s = fake_http_start(script, 3);
    struct ac_http_answer a;

    (void)state;
    assert_int_equal(get(fake_http_url(s), &a), 0);
    ac_http_answer_free(&a);
    assert_int_equal(get(fake_http_url(s), &a), 0);
    assert_string_equal(a.body.p, "b");
    ac_http_answer_free(&a);
    fake_http_stop(s);
}

/* ---- streaming ---- */

struct reader {
    struct ac_str got;
    int takes, fail_at, sleep_ms;
    size_t largest;
    int64_t total, first_us, last_us;
    struct ac_cancel *cancel;
};

static int take(void *arg, long status, int64_t total, const char *data, size_t n)
{
    struct reader *r = arg;

    assert_true(status == 200 || status == 206);
    assert_true(n > 0);
    r->last_us = ac_now_us();
    if (!r->takes++)
        r->first_us = r->last_us;
    r->total = total;
    r->largest = n > r->largest ? n : r->largest;
    ac_str_add_n(&r->got, data, n);
    if (r->sleep_ms)
        ac_sleep_us((int64_t)r->sleep_ms * 1000);
    if (r->cancel)
        ac_cancel_trigger(r->cancel);
    return r->takes == r->fail_at ? AC_EPROTO : 0;
}

static const struct fake_piece timed[] = {{0, "one ", 0}, {150, "two ", 0}, {150, "three", 0}};

static void test_pieces_arrive_as_they_are_sent(void **state)
{
    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        const struct fake_reply reply = {
            .status = 200, .pieces = timed, .n_pieces = 3, .chunked = chunked, .keep = true};
        struct fake_http *s = fake_http_start(&reply, 1);
        struct reader reader = {0};
        struct ac_http_request r = {
            .url = fake_http_url(s), .body = "{}", .body_len = 2, .take = take, .arg = &reader};
        struct ac_http_answer a;
        int64_t begun_us = ac_now_us();
        assert_int_equal(ac_http_run(&r, &a, NULL), 0);
        assert_string_equal(reader.got.p, "one two three");
        assert_true(a.taken && a.body.len == 0);
        assert_int_equal(reader.total, chunked ? -1 : 13);
        assert_true(a.first_byte_us >= begun_us && a.first_byte_us <= reader.first_us);
        assert_true(ac_now_us() - a.first_byte_us >= 250000); /* the rest came later */
        ac_str_free(&reader.got);
        ac_http_answer_free(&a);
        fake_http_stop(s);
    }
}

/* Only successful answers are streamed; what else comes is text about the error. */
static void test_errors_are_not_streamed(void **state)
{
    const struct fake_reply reply = {.status = 429, .head = "Retry-After: 3\r\n", .body = "slow\n down"};
    struct fake_http *s = fake_http_start(&reply, 1);
    struct reader reader = {0};
    struct ac_http_request r = {.url = fake_http_url(s), .take = take, .arg = &reader, .max_bytes = 100};
    struct ac_http_answer a;
    char text[16];

    (void)state;
    assert_int_equal(ac_http_run(&r, &a, NULL), 0);
    assert_int_equal(a.status, 429);
    assert_int_equal(a.retry_after_s, 3);
    assert_int_equal(reader.takes, 0);
    assert_false(a.taken);
    ac_http_excerpt(&a, text, sizeof text);
    assert_string_equal(text, "slow down");
    ac_http_answer_free(&a);
    fake_http_stop(s);
}

/* A reader that is slow gets all of it, without more than a bounded part waiting in memory. */
static void test_slow_readers(void **state)
{
    enum { LEN = 6 << 20 };
    char *body = ac_alloc(LEN);

    (void)state;
    for (size_t i = 0; i < LEN; i++)
        body[i] = (char)(i * 31 % 241);
    for (int chunked = 0; chunked < 2; chunked++) {
        const struct fake_reply reply = {.status = 200, .body = body, .len = LEN, .chunked = chunked};
        struct fake_http *s = fake_http_start(&reply, 1);
        struct reader reader = {.sleep_ms = 20};
        struct ac_http_request r = {.url = fake_http_url(s), .take = take, .arg = &reader};
        struct ac_http_answer a;
        assert_int_equal(ac_http_run(&r, &a, NULL), 0);
        assert_int_equal(reader.got.len, LEN);
        assert_memory_equal(reader.got.p, body, LEN);
        assert_true(reader.largest >= 128 << 10 && reader.largest < 320 << 10);
        ac_str_free(&reader.got);
        ac_http_answer_free(&a);
        fake_http_stop(s);
    }
    free(body);
}

/* The limit for all of it ends a stream that never pauses. */
static void test_an_endless_stream_ends_in_time(void **state)
{
    enum { LEN = 1 << 20 };
    char *block = ac_zalloc(LEN);
    struct fake_piece endless[64];

    (void)state;
    for (size_t i = 0; i < 64; i++)
        endless[i] = (struct fake_piece){0, block, LEN};
    const struct fake_reply reply = {.status = 200, .pieces = endless, .n_pieces = 64, .chunked = true};
    struct fake_http *s = fake_http_start(&reply, 1);
    struct reader reader = {.sleep_ms = 20};
    struct ac_http_request r = {.url = fake_http_url(s), .take = take, .arg = &reader, .total_ms = 150};
    struct ac_http_answer a;
    assert_int_equal(ac_http_run(&r, &a, NULL), AC_ETIMEDOUT);
    assert_true(a.taken && reader.got.len < 60 << 20);
    assert_non_null(strstr(a.reason, "not complete within 150 ms"));
    ac_str_free(&reader.got);
    ac_http_answer_free(&a);
    fake_http_stop(s);
    free(block);
}

static void test_the_reader_ends_it(void **state)
{
    const struct fake_piece endless[] = {{0, "one", 0}, {30, "two", 0}, {20000, "three", 0}};
    const struct fake_reply reply = {.status = 200, .pieces = endless, .n_pieces = 3};
    struct fake_http *s = fake_http_start(&reply, 1);
    struct reader reader = {.fail_at = 2};
    struct ac_http_request r = {.url = fake_http_url(s), .take = take, .arg = &reader};
    struct ac_http_answer a;

    (void)state;
    assert_int_equal(ac_http_run(&r, &a, NULL), AC_EPROTO);
    assert_string_equal(reader.got.p, "onetwo");
    assert_true(a.taken);
    ac_str_free(&reader.got);
    ac_http_answer_free(&a);
    fake_http_stop(s);
}

static void test_broken_off(void **state)
{
    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        const struct fake_reply reply = {
            .status = 200, .body = "one two three", .break_at = 7, .chunked = chunked};
        struct fake_http *s = fake_http_start(&reply, 1);
        struct reader reader = {0};
        struct ac_http_request r = {.url = fake_http_url(s), .take = take, .arg = &reader};
        struct ac_http_answer a;
        assert_int_equal(ac_http_run(&r, &a, NULL), AC_EIO);
        assert_string_equal(reader.got.p, "one two");
        assert_true(a.taken && a.cut);
        assert_non_null(strstr(a.reason, "broke"));
        assert_true(ac_http_retryable(AC_EIO, &a));
        ac_str_free(&reader.got);
        ac_http_answer_free(&a);
        fake_http_stop(s);
    }
}

/* ---- cancelling ---- */

static void *trigger_soon(void *cancel)
{
    ac_sleep_us(60000);
    ac_cancel_trigger(cancel);
    return NULL;
}

/* Before the answer, between two pieces, from within take, before the start. */
static void test_cancel(void **state)
{
    const struct fake_piece slow[] = {{0, "one", 0}, {20000, "two", 0}};
    const struct fake_reply script[] = {{.status = 200, .body = "late", .delay_ms = 20000},
                                        {.status = 200, .pieces = slow, .n_pieces = 2},
                                        {.status = 200, .pieces = slow, .n_pieces = 2},
                                        {.status = 200, .body = "well", .keep = true}};
    struct fake_http *s = fake_http_start(script, 4);
    struct ac_http_answer a;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct ac_cancel *cancel = ac_cancel_new(NULL);
        struct reader reader = {.cancel = i == 2 ? cancel : NULL};
        struct ac_http_request r = {.url = fake_http_url(s), .take = take, .arg = &reader};
        pthread_t thread;
        if (i < 2)
            pthread_create(&thread, NULL, trigger_soon, cancel);
        if (i == 3)
            ac_cancel_trigger(cancel);
        int64_t begun_us = ac_now_us();
        assert_int_equal(ac_http_run(&r, &a, cancel), AC_ECANCELED);
        assert_true(ac_now_us() - begun_us < 10000000); /* not as long as the server takes */
        assert_int_equal(a.taken, i == 1 || i == 2);
        if (i < 2)
            pthread_join(thread, NULL);
        ac_str_free(&reader.got);
        ac_http_answer_free(&a);
        ac_cancel_unref(cancel);
    }
    assert_int_equal(fake_http_connections(s), 3); /* none for what was canceled before; none used again */
    assert_int_equal(get(fake_http_url(s), &a), 0);
    assert_string_equal(a.body.p, "well");
    ac_http_answer_free(&a);
    fake_http_stop(s);
}

static void test_deadline_of_the_token(void **state)
{
    const struct fake_reply slow = {.status = 200, .body = "late", .delay_ms = 20000};
    struct fake_http *s = fake_http_start(&slow, 1);
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    struct ac_http_request r = {.url = fake_http_url(s), .max_bytes = 10};
    struct ac_http_answer a;

    (void)state;
    ac_cancel_set_deadline(cancel, ac_now_us() + 50000);
    assert_int_equal(ac_http_run(&r, &a, cancel), AC_ETIMEDOUT);
    ac_http_answer_free(&a);
    ac_cancel_unref(cancel);
    fake_http_stop(s);
}

/* ---- redirects ---- */

static void test_redirects(void **state)
{
    const struct fake_reply end = {.status = 200, .body = "there"};
    struct fake_http *other = fake_http_start(&end, 1);
    char away[128];
    const char *const headers[] = {"X-Key: secret", NULL};

    (void)state;
    snprintf(away, sizeof away, "Location: %s/x\r\n", fake_http_url(other));
    const struct {
        const char *head;
        bool with_headers, no_redirect;
        int err;
        long status;
        size_t asked_other;
    } cases[] = {
        {"Location: /x\r\n", true, false, 0, 200, 0},
        {away, false, false, 0, 200, 1},
        {away, true, false, AC_EIO, 0, 0},
        {away, true, true, 0, 302, 0},
        {"Location: /x\r\n", false, true, 0, 302, 0},
        {"Location: ftp://127.0.0.1/x\r\n", false, false, AC_EINVAL, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fake_reply script[] = {
            {.status = 302, .head = cases[i].head, .body = "moved", .keep = true}, end};
        struct fake_http *s = fake_http_start(script, 2);
        struct ac_http_request r = {.url = fake_http_url(s),
                                    .headers = cases[i].with_headers ? headers : NULL,
                                    .no_redirect = cases[i].no_redirect,
                                    .max_bytes = 100};
        struct ac_http_answer a;
        char to[256];
        size_t before = fake_http_count(other);
        int err = ac_http_run(&r, &a, NULL);
        if (err != cases[i].err || (!err && a.status != cases[i].status))
            fail_msg("case %zu: %s, HTTP %ld, %s", i, ac_err_name(err), a.status, a.reason);
        assert_int_equal(fake_http_count(other) - before, cases[i].asked_other);
        if (cases[i].no_redirect) {
            bool relative = cases[i].head[10] == '/';
            snprintf(to, sizeof to, "%s/x", fake_http_url(relative ? s : other));
            assert_string_equal(a.location, to);
            assert_string_equal(a.body.p, "moved");
        } else if (!err) {
            assert_string_equal(a.body.p, "there");
            assert_string_equal(a.location, "");
        } else if (err == AC_EIO) {
            assert_non_null(strstr(a.reason, "redirects to another server"));
        }
        ac_http_answer_free(&a);
        fake_http_stop(s);
    }
    fake_http_stop(other);
}

/* ---- many at once ---- */

static void *work(void *url)
{
    unsigned seed = (unsigned)(uintptr_t)&seed;

    for (int i = 0; i < 20; i++) {
        struct ac_cancel *cancel = ac_cancel_new(NULL);
        struct reader reader = {0};
        struct ac_http_request r = {.url = url, .take = take, .arg = &reader};
        struct ac_http_answer a;
        bool short_lived = i % 4 == 3;
        if (short_lived)
            ac_cancel_set_deadline(cancel, ac_now_us() + rand_r(&seed) % 6000);
        int err = ac_http_run(&r, &a, cancel);
        assert_true(err == 0 || (short_lived && err == AC_ETIMEDOUT));
        if (!err)
            assert_string_equal(reader.got.p, "one two three");
        ac_str_free(&reader.got);
        ac_http_answer_free(&a);
        ac_cancel_unref(cancel);
    }
    return NULL;
}

static void test_many_at_once(void **state)
{
    const struct fake_piece quick[] = {{0, "one ", 0}, {2, "two ", 0}, {1, "three", 0}};
    const struct fake_reply reply = {
        .status = 200, .pieces = quick, .n_pieces = 3, .chunked = true, .keep = true};
    struct fake_http *s = fake_http_start(&reply, 1);
    pthread_t threads[24];

    (void)state;
    for (size_t i = 0; i < 24; i++)
        pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)fake_http_url(s));
    for (size_t i = 0; i < 24; i++)
        pthread_join(threads[i], NULL);
    assert_true(fake_http_connections(s) <= fake_http_count(s));
    fake_http_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_during_a_transfer),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_large_bodies_arrive),
        cmocka_unit_test(test_connections_are_kept),
        cmocka_unit_test(test_a_dead_connection_is_replaced),
        cmocka_unit_test(test_pieces_arrive_as_they_are_sent),
        cmocka_unit_test(test_errors_are_not_streamed),
        cmocka_unit_test(test_slow_readers),
        cmocka_unit_test(test_an_endless_stream_ends_in_time),
        cmocka_unit_test(test_the_reader_ends_it),
        cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_deadline_of_the_token),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_many_at_once),
    };

    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
