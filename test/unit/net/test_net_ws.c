/* The WebSocket client against a server that behaves and misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "fake/fake_ws.h"
#include "net/ws.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 5000, BIG = 300000 };

/* ---- the other side ---- */

struct seen {
    pthread_mutex_t lock;
    struct ac_str head; /* lock: of the last request */
};

static void note_head(void *arg, const char *head, struct ac_str *refusal)
{
    struct seen *s = arg;

    pthread_mutex_lock(&s->lock);
    ac_str_clear(&s->head);
    ac_str_add(&s->head, head);
    pthread_mutex_unlock(&s->lock);
    if (strstr(head, "GET /refused"))
        ac_str_add(refusal, "HTTP/1.1 403 Forbidden\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                            "Content-Length: 0\r\nConnection: close\r\n\r\n");
    else if (strstr(head, "GET /busy"))
        ac_str_add(refusal, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 3\r\n\r\nno!");
    else if (strstr(head, "GET /page"))
        ac_str_add(refusal, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    else if (strstr(head, "GET /elsewhere"))
        ac_str_add(refusal, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
}

/* Does what it is told by the texts that it gets. */
static void obey(void *arg, struct fake_ws_peer *p)
{
    struct ac_str m = {0};
    bool text, go = true;

    (void)arg;
    while (go && fake_ws_read(p, &m, &text)) {
        if (strcmp(m.p, "big") == 0) {
            char *big = ac_alloc(BIG);
            for (size_t i = 0; i < BIG; i++)
                big[i] = (char)(i * 7);
            fake_ws_write_split(p, false, big, BIG, 9);
            free(big);
        } else if (strcmp(m.p, "close") == 0) {
            fake_ws_write(p, true, "last", 4);
            fake_ws_say_close(p, 1001);
            go = false;
        } else if (strcmp(m.p, "break") == 0) {
            go = false;
        } else if (strcmp(m.p, "nonsense") == 0) {
            fake_ws_raw(p, "\xff\xff\xff\xff\xff\xff", 6);
        } else if (strcmp(m.p, "silence") == 0) {
            go = fake_ws_sleep(p, 60000);
        } else if (strcmp(m.p, "flood") == 0) {
            for (int i = 0; i < 200; i++)
                fake_ws_write(p, false, m.p, 5);
        } else {
            fake_ws_ping(p);
            fake_ws_write(p, text, m.p, m.len);
        }
    }
    ac_str_free(&m);
}

struct world {
    struct fake_ws *server;
    struct seen seen;
};

static void start_named(struct world *w, bool tls, const char *name)
{
    *w = (struct world){0};
    pthread_mutex_init(&w->seen.lock, NULL);
    w->server = fake_ws_start(&(struct fake_ws_config){
        .tls = tls, .name = name, .accept = note_head, .talk = obey, .arg = &w->seen});
}

static void start(struct world *w, bool tls)
{
    start_named(w, tls, NULL);
}

static void stop(struct world *w)
{
    fake_ws_stop(w->server);
    ac_str_free(&w->seen.head);
    pthread_mutex_destroy(&w->seen.lock);
}

static int connect_to(struct world *w, const char *scheme, const char *path, const char *ca_file,
                      struct ac_ws **ws, struct ac_ws_refusal *refusal)
{
    static const char *const headers[] = {"User-Agent: test", "Cookie: muid=1;", NULL};
    char url[128];

    snprintf(url, sizeof url, "%s://localhost:%d%s", scheme, fake_ws_port(w->server), path);
    return ac_ws_connect(
        ws,
        &(struct ac_ws_request){.url = url, .headers = headers, .connect_ms = WAIT_MS, .ca_file = ca_file},
        refusal, NULL);
}

/* ---- tests ---- */

static void expect(struct ac_ws *ws, bool binary, const char *text)
{
    struct ac_ws_message m;

    assert_int_equal(ac_ws_receive(ws, &m, WAIT_MS, NULL), 0);
    assert_int_equal(m.binary, binary);
    assert_int_equal(m.len, strlen(text));
    assert_string_equal(m.data, text);
    free(m.data);
}

static void talk(bool tls)
{
    struct world w;
    struct ac_ws *ws;
    struct ac_ws_refusal refusal;
    struct ac_ws_message m;

    start(&w, tls);
    int err =
        connect_to(&w, tls ? "wss" : "ws", "/a/b?c=d", tls ? fake_ws_ca_file(w.server) : NULL, &ws, &refusal);
    if (err)
        fail_msg("%s", refusal.reason);
    pthread_mutex_lock(&w.seen.lock);
    assert_memory_equal(w.seen.head.p, "GET /a/b?c=d HTTP/1.1\r\n", 23);
    assert_non_null(strstr(w.seen.head.p, "\r\nUser-Agent: test\r\n"));
    assert_non_null(strstr(w.seen.head.p, "\r\nCookie: muid=1;\r\n"));
    assert_non_null(strstr(w.seen.head.p, "\r\nHost: localhost:"));
    assert_non_null(strstr(w.seen.head.p, "\r\nSec-WebSocket-Version: 13\r\n"));
    pthread_mutex_unlock(&w.seen.lock);
    assert_int_equal(ac_ws_send(ws, "one", 3), 0);
    assert_int_equal(ac_ws_send(ws, "two, 二", strlen("two, 二")), 0);
    expect(ws, false, "one");
    expect(ws, false, "two, 二");
    assert_int_equal(ac_ws_send(ws, "big", 3), 0);
    assert_int_equal(ac_ws_receive(ws, &m, WAIT_MS, NULL), 0);
    assert_true(m.binary);
    assert_int_equal(m.len, BIG);
    for (size_t i = 0; i < BIG; i++)
        assert_int_equal(m.data[i], (char)(i * 7));
    free(m.data);
    char *large = ac_zalloc(BIG + 1);
    memset(large, 'x', BIG);
    assert_int_equal(ac_ws_send(ws, large, BIG), 0);
    expect(ws, false, large);
    free(large);
    assert_int_equal(ac_ws_send(ws, "close", 5), 0);
    expect(ws, false, "last");
    assert_int_equal(ac_ws_receive(ws, &m, WAIT_MS, NULL), AC_ECLOSED);
    assert_false(ac_ws_is_open(ws));
    assert_int_equal(ac_ws_send(ws, "late", 4), AC_ECLOSED);
    ac_ws_close(ws);
    stop(&w);
}

static void test_talk(void **state)
{
    (void)state;
    talk(false);
}

static void test_talk_tls(void **state)
{
    (void)state;
    talk(true);
}

static void test_refused(void **state)
{
    static const struct {
        const char *path, *date;
        int status;
    } cases[] = {{"/refused", "Sun, 06 Nov 1994 08:49:37 GMT", 403},
                 {"/busy", "", 429},
                 {"/page", "", 200},
                 {"/elsewhere", "", 302}};
    struct world w;

    (void)state;
    start(&w, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_ws *ws;
        struct ac_ws_refusal r;
        assert_int_equal(connect_to(&w, "ws", cases[i].path, NULL, &ws, &r), AC_EIO);
        assert_null(ws);
        assert_int_equal(r.status, cases[i].status);
        assert_string_equal(r.date, cases[i].date);
        assert_false(r.untrusted);
        assert_non_null(strstr(r.reason, "instead of opening"));
    }
    stop(&w);
}

static void test_certificates(void **state)
{
    struct world w, other;
    struct ac_ws *ws;
    struct ac_ws_refusal r;

    (void)state;
    start(&w, true);
    assert_int_equal(connect_to(&w, "wss", "/", NULL, &ws, &r), AC_EIO);
    assert_true(r.untrusted);
    assert_non_null(strstr(r.reason, "ca_file"));
    assert_int_equal(connect_to(&w, "wss", "/", "/nonexistent.pem", &ws, &r), AC_EIO);
    assert_non_null(strstr(r.reason, "ca_file"));
    /* The system's authorities, where OpenSSL looks for them, count beside those of ca_file. */
    setenv("SSL_CERT_FILE", fake_ws_ca_file(w.server), 1);
    assert_int_equal(connect_to(&w, "wss", "/", "/dev/null", &ws, &r), 0);
    ac_ws_close(ws);
    unsetenv("SSL_CERT_FILE");
    start_named(&other, true, "elsewhere.example");
    assert_int_equal(connect_to(&other, "wss", "/", fake_ws_ca_file(other.server), &ws, &r), AC_EIO);
    assert_true(r.untrusted);
    stop(&other);
    assert_int_equal(connect_to(&w, "ws", "/", NULL, &ws, &r), AC_EIO); /* plain to a TLS port */
    assert_false(r.untrusted);
    stop(&w);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *url;
        int err;
        const char *said;
    } cases[] = {
        {"http://localhost/", AC_EINVAL, "none of a WebSocket"},
        {"ws://", AC_EINVAL, "none of a WebSocket"},
        {"ws://host:0/", AC_EINVAL, "none of a WebSocket"},
        {"ws://host:99999/", AC_EINVAL, "none of a WebSocket"},
        {"ws://host/a b", AC_EINVAL, "none of a WebSocket"},
        {"ws://host/\r\nX: y", AC_EINVAL, "none of a WebSocket"},
        {"ws://name.invalid/", AC_EIO, "cannot be resolved"},
        {"ws://127.0.0.1:1/", AC_EIO, "no connection to 127.0.0.1:1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_ws *ws;
        struct ac_ws_refusal r;
        assert_int_equal(ac_ws_connect(&ws, &(struct ac_ws_request){.url = cases[i].url}, &r, NULL),
                         cases[i].err);
        if (!strstr(r.reason, cases[i].said))
            fail_msg("%s: %s", cases[i].url, r.reason);
    }
}

static void *trigger_soon(void *cancel)
{
    ac_sleep_us(60000);
    ac_cancel_trigger(cancel);
    return NULL;
}

static void test_waiting(void **state)
{
    struct world w;
    struct ac_ws *ws;
    struct ac_ws_refusal r;
    struct ac_ws_message m;
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    pthread_t thread;

    (void)state;
    start(&w, false);
    assert_int_equal(connect_to(&w, "ws", "/", NULL, &ws, &r), 0);
    assert_int_equal(ac_ws_send(ws, "silence", 7), 0);
    assert_int_equal(ac_ws_receive(ws, &m, 30, NULL), AC_ETIMEDOUT);
    assert_int_equal(pthread_create(&thread, NULL, trigger_soon, cancel), 0);
    assert_int_equal(ac_ws_receive(ws, &m, 60000, cancel), AC_ECANCELED);
    pthread_join(thread, NULL);
    ac_ws_close(ws);
    assert_int_equal(ac_ws_connect(&ws, &(struct ac_ws_request){.url = "ws://localhost/"}, &r, cancel),
                     AC_ECANCELED);
    ac_cancel_unref(cancel);
    stop(&w);
}

/* Nobody answers: the port listens, and that is all. */
static void test_connect_deadline(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct ac_ws *ws;
    struct ac_ws_refusal r;
    char url[64];

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", ntohs(a.sin_port));
    assert_int_equal(ac_ws_connect(&ws, &(struct ac_ws_request){.url = url, .connect_ms = 100}, &r, NULL),
                     AC_ETIMEDOUT);
    assert_non_null(strstr(r.reason, "within 100 ms"));
    close(fd);
}

static void test_breaks(void **state)
{
    static const struct {
        const char *order;
        int err;
    } cases[] = {{"break", AC_EIO}, {"nonsense", AC_EIO}, {"flood", AC_ELIMIT}, {"big", AC_ELIMIT}};
    struct world w;

    (void)state;
    start(&w, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_ws *ws;
        struct ac_ws_refusal r;
        struct ac_ws_message m;
        char url[64];
        int err;
        snprintf(url, sizeof url, "ws://127.0.0.1:%d/", fake_ws_port(w.server));
        assert_int_equal(ac_ws_connect(&ws, &(struct ac_ws_request){.url = url, .max_bytes = 500}, &r, NULL),
                         0);
        assert_int_equal(ac_ws_send(ws, cases[i].order, strlen(cases[i].order)), 0);
        while (ac_ws_is_open(ws))
            ac_sleep_us(1000);
        while ((err = ac_ws_receive(ws, &m, WAIT_MS, NULL)) == 0)
            free(m.data);
        assert_int_equal(err, cases[i].err);
        ac_ws_close(ws);
    }
    stop(&w);
}

/* ---- proxies ---- */

struct proxy {
    int fd, target;
    char head[2048];
};

static void copy_some(int from, int to, bool *open)
{
    char block[4096];
    ssize_t n = recv(from, block, sizeof block, MSG_DONTWAIT);

    if (n == 0)
        *open = false;
    if (n > 0)
        send(to, block, (size_t)n, MSG_NOSIGNAL);
}

/* Takes one CONNECT and carries bytes both ways. */
static void *serve_proxy(void *arg)
{
    struct proxy *p = arg;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)p->target)};
    int from = accept(p->fd, NULL, NULL), to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = connect(to, (struct sockaddr *)&a, sizeof a) == 0;

    for (size_t n = 0; n < sizeof p->head - 1 && !strstr(p->head, "\r\n\r\n"); n++) {
        if (recv(from, p->head + n, 1, 0) != 1)
            break;
    }
    send(from, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
    while (open) {
        copy_some(from, to, &open);
        copy_some(to, from, &open);
        ac_sleep_us(1000);
    }
    close(from);
    close(to);
    return NULL;
}

static void through_proxy(struct world *w, const char *variable, bool tls)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct proxy p = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                      .target = fake_ws_port(w->server)};
    struct ac_ws *ws;
    struct ac_ws_refusal r;
    pthread_t thread;
    char url[96], want[96];

    assert_int_equal(bind(p.fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(p.fd, 4), 0);
    assert_int_equal(getsockname(p.fd, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve_proxy, &p), 0);
    snprintf(url, sizeof url, "http://user:secret@localhost:%d", ntohs(a.sin_port));
    setenv(variable, url, 1);
    int err = connect_to(w, tls ? "wss" : "ws", "/", tls ? fake_ws_ca_file(w->server) : NULL, &ws, &r);
    unsetenv(variable);
    if (err)
        fail_msg("%s: %s", variable, r.reason);
    snprintf(want, sizeof want, "CONNECT localhost:%d ", p.target);
    assert_memory_equal(p.head, want, strlen(want));
    assert_non_null(strcasestr(p.head, "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ="));
    assert_int_equal(ac_ws_send(ws, "hello", 5), 0);
    expect(ws, false, "hello");
    ac_ws_close(ws);
    pthread_join(thread, NULL);
    close(p.fd);
}

static void test_proxy(void **state)
{
    struct world w;
    struct ac_ws *ws;
    struct ac_ws_refusal r;

    (void)state;
    start(&w, false);
    through_proxy(&w, "http_proxy", false);
    through_proxy(&w, "ALL_PROXY", false);
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* nothing is there */
    assert_int_equal(connect_to(&w, "ws", "/", NULL, &ws, &r), AC_EIO);
    assert_non_null(strstr(r.reason, "through the proxy"));
    setenv("no_proxy", "example.org, .localhost", 1);
    assert_int_equal(connect_to(&w, "ws", "/", NULL, &ws, &r), 0);
    ac_ws_close(ws);
    unsetenv("no_proxy");
    setenv("http_proxy", "socks5://127.0.0.1:1", 1);
    assert_int_equal(connect_to(&w, "ws", "/", NULL, &ws, &r), AC_ENOTSUP);
    unsetenv("http_proxy");
    stop(&w);
    start(&w, true);
    through_proxy(&w, "https_proxy", true);
    stop(&w);
}

/* ---- many at once ---- */

static void *many(void *arg)
{
    struct world *w = arg;

    for (int i = 0; i < 10; i++) {
        struct ac_ws *ws;
        struct ac_ws_refusal r;
        struct ac_ws_message m;
        if (connect_to(w, "wss", "/", fake_ws_ca_file(w->server), &ws, &r) != 0)
            return "no connection";
        ac_ws_send(ws, "hello", 5);
        if (i % 3 != 0) { /* else it goes at once */
            if (ac_ws_receive(ws, &m, WAIT_MS, NULL) != 0 || strcmp(m.data, "hello") != 0)
                return "no answer";
            free(m.data);
        }
        ac_ws_close(ws);
    }
    return NULL;
}

static void test_many(void **state)
{
    struct world w;
    pthread_t threads[8];

    (void)state;
    start(&w, true);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many, &w), 0);
    for (size_t i = 0; i < 8; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        if (bad)
            fail_msg("%s", (char *)bad);
    }
    stop(&w);
}

int main(void)
{
    static const char *const variables[] = {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY",
                                            "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk),         cmocka_unit_test(test_talk_tls),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_certificates), cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_breaks),       cmocka_unit_test(test_connect_deadline),
        cmocka_unit_test(test_proxy),        cmocka_unit_test(test_many),
    };

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
