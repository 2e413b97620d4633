/* Why there is no answer: time limits, addresses, certificates, proxies; keys; what is worth repeating. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "fake/fake_http.h"
#include "fake/fake_tls.h"
#include "net/http.h"

static const char PEM[] = "/tmp/ac-test-net.pem", KEY[] = "/tmp/ac-test-net.key";

static void expect(const struct ac_http_request *r, int err, const char *said)
{
    struct ac_http_answer a;
    int got = ac_http_run(r, &a, NULL);

    if (got != err || !strstr(a.reason, said))
        fail_msg("%s: %s, not %s, '%s', not '%s'", r->url, ac_err_name(got), ac_err_name(err), a.reason,
                 said);
    if (strstr(a.reason, "secret"))
        fail_msg("%s: a secret is in '%s'", r->url, a.reason);
    ac_http_answer_free(&a);
}

/* ---- time ---- */

static int take(void *arg, long status, int64_t total, const char *data, size_t n)
{
    (void)arg, (void)status, (void)total, (void)data, (void)n;
    return 0;
}

static void test_limits(void **state)
{
    static const struct fake_piece halting[] = {{0, "one", 0}, {20000, "two", 0}},
                                   steady[] = {{0, "a", 0},  {80, "b", 0}, {80, "c", 0}, {80, "d", 0},
                                               {80, "e", 0}, {80, "f", 0}, {80, "g", 0}, {80, "h", 0}};
    static const struct {
        struct fake_reply reply;
        int first_ms, total_ms, stall_ms, err;
        const char *said;
    } cases[] = {
        {{.status = 200, .body = "x", .delay_ms = 20000},
         100,
         0,
         0,
         AC_ETIMEDOUT,
         "no answer began within 100 ms"},
        {{.status = 200, .body = "x", .delay_ms = 20000},
         0,
         100,
         0,
         AC_ETIMEDOUT,
         "no answer came in time, within 100 ms"},
        {{.status = 200, .body = "x", .delay_ms = 20000},
         0,
         0,
         100,
         AC_ETIMEDOUT,
         "nothing came any more for 100 ms"},
        {{.status = 200, .pieces = halting, .n_pieces = 2},
         10000,
         0,
         100,
         AC_ETIMEDOUT,
         "nothing came any more for 100 ms"},
        {{.status = 200, .pieces = halting, .n_pieces = 2},
         10000,
         150,
         0,
         AC_ETIMEDOUT,
         "was not complete within 150 ms"},
        /* the limit for the first byte is of no matter afterwards, and what goes on is not stalled */
        {{.status = 200, .pieces = steady, .n_pieces = 8}, 400, 0, 400, 0, ""},
        /* before the first byte its own limit counts, not that of a stall */
        {{.status = 200, .body = "x", .delay_ms = 300}, 10000, 0, 100, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_http *s = fake_http_start(&cases[i].reply, 1);
        expect(&(struct ac_http_request){.url = fake_http_url(s),
                                         .first_ms = cases[i].first_ms,
                                         .total_ms = cases[i].total_ms,
                                         .stall_ms = cases[i].stall_ms,
                                         .take = take},
               cases[i].err, cases[i].said);
        fake_http_stop(s);
    }
}

static void test_too_large(void **state)
{
    const struct fake_reply reply = {.status = 200, .body = "12345678901"};
    struct fake_http *s = fake_http_start(&reply, 1);

    (void)state;
    expect(&(struct ac_http_request){.url = fake_http_url(s), .max_bytes = 10}, AC_ELIMIT, "larger than");
    expect(&(struct ac_http_request){.url = fake_http_url(s), .max_bytes = 11}, 0, "");
    fake_http_stop(s);
}

/* A server whose queue of connections is full: those that come later are neither taken nor refused. */
static void test_no_connection_in_time(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int full = socket(AF_INET, SOCK_STREAM, 0), clients[4];
    char url[64];

    (void)state;
    assert_int_equal(bind(full, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(full, 0), 0);
    assert_int_equal(getsockname(full, (struct sockaddr *)&a, &len), 0);
    for (size_t i = 0; i < 4; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(clients[i], (struct sockaddr *)&a, sizeof a);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(a.sin_port));
    expect(&(struct ac_http_request){.url = url, .connect_ms = 150}, AC_ETIMEDOUT, "within 150 ms");
    for (size_t i = 0; i < 4; i++)
        close(clients[i]);
    close(full);
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
    static const struct {
        const char *url;
        int err;
        const char *said;
    } cases[] = {
        {"http://127.0.0.1:9/", AC_EIO, "no connection to 127.0.0.1:9 (Failed to connect"},
        {"http://user:secret@127.0.0.1:9/", AC_EIO, "is it running, are address and port right?"},
        {"https://127.0.0.1:9/", AC_EIO, "no connection to 127.0.0.1:9"},
        /* a label longer than names may have: the resolver says no without asking anybody */
        {"http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test/", AC_EIO,
         "cannot be resolved: check the address"},
        {"ftp://127.0.0.1/", AC_EINVAL, "'ftp://127.0.0.1/' is not a web address"},
        {"http://[::1/?key=secret", AC_EINVAL, "'http://[::1/' is not a web address"},
        {"ftp://user:secret@127.0.0.1/", AC_EINVAL, "is not a web address"},
        {"", AC_EINVAL, "is not a web address"},
    };
    const struct fake_reply text = {.status = 200, .body = "not TLS"};
    struct fake_http *s = fake_http_start(&text, 1);
    char url[80];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(&(struct ac_http_request){.url = cases[i].url, .connect_ms = 5000}, cases[i].err,
               cases[i].said);
    snprintf(url, sizeof url, "https%s", fake_http_url(s) + 4);
    expect(&(struct ac_http_request){.url = url}, AC_EIO, "does it speak https at that port?");
    fake_http_stop(s);
}

static void test_redirects_without_end(void **state)
{
    const struct fake_reply round = {.status = 302, .head = "Location: /\r\n", .keep = true};
    struct fake_http *s = fake_http_start(&round, 1);

    (void)state;
    expect(&(struct ac_http_request){.url = fake_http_url(s)}, AC_EIO, "redirects again and again");
    fake_http_stop(s);
}

/* ---- certificates ---- */

static void test_certificates(void **state)
{
    static const struct {
        const char *names;
        int from_s, until_s;
        bool trusted;
        int err;
        const char *said;
    } cases[] = {
        {"IP:127.0.0.1", -60, 3600, false, AC_EIO,
         "is self-signed: if the server is to be trusted, set ca_file"},
        {"IP:127.0.0.1", -60, 3600, true, 0, ""},
        {"IP:127.0.0.1,DNS:localhost", -60, 3600, true, 0, ""},
        {"DNS:example.org", -60, 3600, true, AC_EIO, "is of another name"},
        {"IP:127.0.0.1", -3600, -60, true, AC_EIO, "has expired"},
        {"IP:127.0.0.1", 3600, 7200, true, AC_EIO, "is not valid yet"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_tls *s = fake_tls_start(cases[i].names, cases[i].from_s, cases[i].until_s, PEM);
        struct ac_http_request r = {
            .url = fake_tls_url(s), .max_bytes = 100, .ca_file = cases[i].trusted ? PEM : NULL};
        struct ac_http_answer a;
        int err = ac_http_run(&r, &a, NULL);
        if (err != cases[i].err || !strstr(a.reason, cases[i].said))
            fail_msg("case %zu: %s, '%s'", i, ac_err_name(err), a.reason);
        assert_int_equal(a.untrusted, err != 0);
        if (err)
            assert_false(ac_http_retryable(err, &a));
        else
            assert_string_equal(a.body.p, "over TLS");
        ac_http_answer_free(&a);
        fake_tls_stop(s);
    }
    unlink(PEM);
}

static void test_files_of_certificates(void **state)
{
    const char *url = "https://127.0.0.1:9/";
    FILE *f = fopen(PEM, "w");

    (void)state;
    expect(&(struct ac_http_request){.url = url, .ca_file = "/nowhere.pem"}, AC_EINVAL,
           "ca_file '/nowhere.pem' cannot be read");
    fputs("hello", f);
    fclose(f);
    expect(&(struct ac_http_request){.url = url, .ca_file = PEM}, AC_EINVAL, "must be a PEM file");
    unlink(PEM);
}

/* ---- proxies ---- */

static void test_proxies(void **state)
{
    const struct fake_reply fine = {.status = 200, .body = "by proxy"}, refuses = {.status = 407};
    struct fake_http *s = fake_http_start(&fine, 1);
    struct ac_http_request r = {.url = "http://example.test/x", .proxy = fake_http_url(s), .max_bytes = 100};
    struct ac_http_answer a;
    char proxy[100];
    size_t len;

    (void)state;
    assert_int_equal(ac_http_run(&r, &a, NULL), 0);
    assert_string_equal(a.body.p, "by proxy");
    assert_memory_equal(fake_http_request(s, 0, &len), "GET http://example.test/x HTTP/1.1\r\n", 36);
    ac_http_answer_free(&a);
    setenv("http_proxy", fake_http_url(s), 1);
    r.proxy = "";
    assert_int_equal(ac_http_run(&r, &a, NULL), 0);
    assert_string_equal(a.body.p, "by proxy");
    ac_http_answer_free(&a);
    unsetenv("http_proxy");
    fake_http_stop(s);

    r.proxy = "http://user:secret@127.0.0.1:9";
    expect(&r, AC_EIO, "are address, port and proxy right?");
    r.proxy = "gopher://user:secret@127.0.0.1:9";
    expect(&r, AC_EINVAL, "the proxy's address is none");
    s = fake_http_start(&refuses, 1);
    snprintf(proxy, sizeof proxy, "http://user:secret@%s", fake_http_url(s) + 7);
    expect(&(struct ac_http_request){.url = "https://example.test/", .proxy = proxy}, AC_EIO,
           "the proxy does not connect to example.test (HTTP 407): give its user");
    fake_http_stop(s);
}

/* ---- around requests ---- */

static void test_repeating(void **state)
{
    static const long again[] = {408, 429, 500, 502, 503, 504}, never[] = {200, 400, 401, 404, 413, 501};
    struct ac_http_answer a = {0};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        a.status = again[i];
        assert_true(ac_http_retryable(0, &a));
        a.status = never[i];
        assert_false(ac_http_retryable(0, &a));
    }
    assert_true(ac_http_retryable(AC_EIO, &a) && ac_http_retryable(AC_ETIMEDOUT, &a));
    assert_false(ac_http_retryable(AC_EINVAL, &a) || ac_http_retryable(AC_ECANCELED, &a));
    a.untrusted = true;
    assert_false(ac_http_retryable(AC_EIO, &a));
    for (int i = 1; i < 12; i++) {
        int most = i < 6 ? 250 << (i - 1) : 8000, ms = ac_http_backoff_ms(i, -1);
        assert_true(ms >= most / 2 && ms <= most);
    }
    assert_int_equal(ac_http_backoff_ms(9, 3), 3000);
    assert_int_equal(ac_http_backoff_ms(1, 3600), 8000);
}

static void test_waiting(void **state)
{
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    int64_t begun_us = ac_now_us();

    (void)state;
    assert_int_equal(ac_http_wait(45, cancel), 0);
    assert_true(ac_now_us() - begun_us >= 45000);
    ac_cancel_set_deadline(cancel, ac_now_us() + 20000);
    assert_int_equal(ac_http_wait(60000, cancel), AC_ETIMEDOUT);
    ac_cancel_trigger(cancel);
    assert_int_equal(ac_http_wait(60000, cancel), AC_ECANCELED);
    ac_cancel_unref(cancel);
}

static void test_keys(void **state)
{
    static const struct {
        const char *file, *variable; /* contents; NULL = none */
        int err;
        const char *key; /* or what is said */
    } cases[] = {
        {NULL, NULL, 0, NULL},
        {NULL, "", 0, NULL},
        {NULL, "sk-1", 0, "sk-1"},
        {"sk-2\n", "sk-1", 0, "sk-2"},
        {"sk-2\r\nmore", NULL, 0, "sk-2"},
        {"\n", "sk-1", 0, NULL},
        {"two secret\n", NULL, AC_ECONFIG, "the key in /tmp/ac-test-net.key has characters"},
        {NULL, "a\nsecret", AC_ECONFIG, "the key in TEST_NET_KEY has characters"},
        {"missing", NULL, AC_ECONFIG, "llm.openai.api_key_file '/tmp/ac-test-net.key' cannot be read"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_env env = {.log_name = "test"};
        char *key;
        unlink(KEY);
        if (cases[i].file && strcmp(cases[i].file, "missing") != 0) {
            FILE *f = fopen(KEY, "w");
            fputs(cases[i].file, f);
            fclose(f);
        }
        unsetenv("TEST_NET_KEY");
        if (cases[i].variable)
            setenv("TEST_NET_KEY", cases[i].variable, 1);
        assert_int_equal(ac_http_find_key("llm.openai", cases[i].file ? KEY : "", "TEST_NET_KEY", &env, &key),
                         cases[i].err);
        if (cases[i].err) {
            assert_null(key);
            assert_non_null(strstr(env.reason, cases[i].key));
            assert_null(strstr(env.reason, "secret"));
        } else if (cases[i].key) {
            assert_string_equal(key, cases[i].key);
        } else {
            assert_null(key);
        }
        free(key);
    }
    unlink(KEY);
    unsetenv("TEST_NET_KEY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_no_connection_in_time),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_redirects_without_end),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_files_of_certificates),
        cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_repeating),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_keys),
    };

    for (size_t i = 0; i < 5; i++)
        unsetenv((const char *[]){"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
