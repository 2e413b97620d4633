/*
 * Who may do what, on the wire: each refusal with its status and its sentence, tokens, proxies, limits of one
 * address, requests that take too long, headers that guard browsers, and that no secret is ever told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_TOKEN "client-token-0123456789"
#define ADMIN_TOKEN  "admin-token-0123456789"
#define VIA          "X-Forwarded-For: 192.0.2.7\r\n"
#define BEARER(t)    "Authorization: Bearer " t "\r\n"

struct refused {
    const char *method, *path, *headers;
    int status;
    const char *sentence; /* a part of it; NULL: it is let in */
};

static void check_refused(int port, const struct refused *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct refused *c = &cases[i];
        struct http_response r;
        if (!http_request_to(port, c->method, c->path, c->headers, &r))
            fail_msg("no answer to %s %s", c->method, c->path);
        if (r.status != c->status || (c->sentence && !strstr(r.body, c->sentence)))
            fail_msg("case %zu, %s %s: %d %s", i, c->method, c->path, r.status, r.body);
        if (c->sentence)
            assert_string_equal(http_header(&r, "content-type"), "application/problem+json");
        assert_string_equal(http_header(&r, "www-authenticate"), c->status == 401 ? "Bearer" : "");
        assert_string_equal(http_header(&r, "retry-after"), c->status == 429 ? "1" : "");
        http_free(&r);
    }
}

/* ---- without tokens ---- */

static void test_without_tokens(void **state)
{
    struct world *w = *state;
    static const char remedy[] = "AVATAR_CHAT_ADMIN_TOKEN";
    static const struct refused cases[] = {
        {"GET", "/api/sessions", NULL, 200, NULL},
        {"GET", "/api/monitor", NULL, 200, NULL},
        {"GET", "/metrics", NULL, 200, NULL},
        {"GET", "/api/sessions", VIA, 403, remedy},
        {"GET", "/api/sessions", "Forwarded: for=127.0.0.1\r\n", 403, remedy},
        {"GET", "/api/sessions", "X-Real-IP: 127.0.0.1\r\n", 403, remedy},
        {"GET", "/api/sessions", "X-Forwarded-Proto: https\r\n", 403, remedy},
        {"GET", "/api/sessions", "x-FORWARDED-host: a\r\n", 403, remedy},
        {"GET", "/api/sessions", "Via: 1.1 proxy\r\n", 403, remedy},
        {"GET", "/api/sessions/abc", VIA, 403, remedy},
        {"DELETE", "/api/sessions/abc", VIA, 403, remedy},
        {"GET", "/api/config", VIA, 403, remedy},
        {"PUT", "/api/config", VIA, 403, remedy},
        {"GET", "/api/monitor", VIA, 403, remedy},
        {"GET", "/api/logs", VIA, 403, remedy},
        {"GET", "/metrics", VIA, 403, remedy},
        {"GET", "/api/sessions", BEARER(ADMIN_TOKEN) VIA, 403,
         remedy}, /* no token is right where there is none */
        {"GET", "/api/status", VIA, 200, NULL},
        {"GET", "/healthz", VIA, 200, NULL},
        {"GET", "/api/voices", VIA, 200, NULL},
        {"POST", "/api/sessions", VIA, 201, NULL},
        {"PUT", "/api/config", "Origin: https://evil.example\r\n", 403, "pages of other sites"},
        {"DELETE", "/api/sessions/abc", "Origin: null\r\n", 403, "pages of other sites"},
        {"POST", "/api/sessions", "Origin: https://evil.example\r\n", 403, "server.allowed_origins"},
        {"OPTIONS", "/api/config", "Origin: https://evil.example\r\n", 403, "server.allowed_origins"},
    };
    check_refused(w->port, cases, sizeof cases / sizeof *cases);
}

/* A page whose own name was made to lead to 127.0.0.1 is of the same origin as the server. */
static void test_rebinding(void **state)
{
    struct world *w = *state;
    static const char *const hosts[] = {"evil.example", "evil.example:8000", "127.0.0.1.evil.example",
                                        "localhost.evil.example", ""};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct http_response r;
        char *text = ac_asprintf("GET /api/config HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\n\r\n",
                                 hosts[i], hosts[i]);
        if (http_raw(w->port, text, strlen(text), &r)) {
            if (r.status != 403 && r.status != 400)
                fail_msg("Host %s: %d", hosts[i], r.status);
            assert_null(strstr(r.body, "options"));
            http_free(&r);
        }
        free(text);
    }
}

static void test_headers(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *method, *path;
    } cases[] = {{"GET", "/"},
                 {"GET", "/assets/index-B1x_2cD4.js"},
                 {"GET", "/nothing.js"},
                 {"GET", "/api/status"},
                 {"GET", "/api/nothing"},
                 {"GET", "/api/voices"},
                 {"GET", "/healthz"},
                 {"GET", "/metrics"},
                 {"GET", "/openapi.json"},
                 {"GET", "/ws"},
                 {"DELETE", "/api/status"},
                 {"HEAD", "/"},
                 {"GET", "/clip.mp4"},
                 {"GET", "/api/avatars/fake/poster.jpg?size=256"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_response r;
        assert_true(http_request_to(w->port, cases[i].method, cases[i].path, NULL, &r));
        assert_string_equal(http_header(&r, "x-content-type-options"), "nosniff");
        assert_string_equal(http_header(&r, "referrer-policy"), "same-origin");
        assert_string_equal(http_header(&r, "x-frame-options"), "SAMEORIGIN");
        assert_non_null(strstr(http_header(&r, "permissions-policy"), "microphone=(self)"));
        assert_string_equal(http_header(&r, "strict-transport-security"), ""); /* no TLS */
        assert_string_equal(http_header(&r, "access-control-allow-origin"), "");
        const char *csp = http_header(&r, "content-security-policy");
        bool data = strstr(csp, "default-src 'none'") != NULL;
        if (!data && !strstr(csp, "script-src 'self';"))
            fail_msg("%s: %s", cases[i].path, csp);
        assert_null(strstr(csp, "unsafe-eval"));
        assert_non_null(strstr(csp, "frame-ancestors"));
        http_free(&r);
    }
}

static void test_traversal(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {
        "/api/../../etc/passwd",
        "/api/sessions/../config",
        "/api/sessions/..%2fconfig",
        "/api/sessions/%2e%2e",
        "/api/sessions/a%00b",
        "/api/conversations/..%2f..%2fetc",
        "/api/avatars/..%2f..%2f..%2fetc%2fpasswd/poster.jpg",
        "/api/avatars/%2e%2e%2f/idle.mp4",
        "/docs/../../../etc/passwd",
        "/docs/%2e%2e/%2e%2e/CMakeLists.txt",
        "/%2e%2e%5c%2e%2e%5cetc%5cpasswd",
        "/....//....//etc/passwd",
        "/assets/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "/assets/..;/..;/etc/passwd",
        "/file:///etc/passwd",
        "/\\..\\..\\etc\\passwd",
        "/.git/config",
        "/assets//etc/passwd",
        "/proc/self/environ",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_response r;
        if (!http_request_to(w->port, "GET", paths[i], NULL, &r))
            continue; /* closed without an answer */
        if (r.status == 200 && !strstr(http_header(&r, "content-type"), "text/html") &&
            !strstr(paths[i], "config")) /* another way to write /api/config */
            fail_msg("%s: 200 %s", paths[i], http_header(&r, "content-type"));
        assert_null(strstr(r.body, "root:"));
        assert_null(strstr(r.body, "cmake_minimum"));
        assert_null(strstr(r.body, "repositoryformatversion"));
        assert_null(strstr(r.body, "PATH="));
        http_free(&r);
    }
}

/* ---- with tokens ---- */

static void test_with_tokens(void **state)
{
    struct world *w = *state;
    static const char wants[] = "send Authorization: Bearer", wrong[] = "the token is not";
    static const struct refused cases[] = {
        /* open to all */
        {"GET", "/api/status", NULL, 200, NULL},
        {"GET", "/healthz", NULL, 200, NULL},
        {"GET", "/", NULL, 200, NULL},
        {"GET", "/api/avatars/fake/poster.jpg?size=256", NULL, 200, NULL}, /* an <img> can send no token */
        /* clients */
        {"POST", "/api/sessions", NULL, 401, wants},
        {"POST", "/api/sessions", BEARER("client-token-012345678x"), 401, wrong},
        {"POST", "/api/sessions", BEARER("client-token-01234567890"), 401, wrong},
        {"POST", "/api/sessions", BEARER(""), 401, wrong},
        {"POST", "/api/sessions", "Authorization: Basic " CLIENT_TOKEN "\r\n", 401, wants},
        {"POST", "/api/sessions?token=" CLIENT_TOKEN, NULL, 401, wants}, /* in URLs of WebSockets only */
        {"POST", "/api/sessions", BEARER(CLIENT_TOKEN), 201, NULL},
        {"POST", "/api/sessions", BEARER(ADMIN_TOKEN), 201, NULL},
        {"GET", "/api/conversations", NULL, 401, wants},
        {"GET", "/api/conversations/abc/export", NULL, 401, wants},
        {"GET", "/ws", NULL, 401, wants},
        /* administrators; being on this machine does not help any more */
        {"GET", "/api/sessions", NULL, 401, "this is for administrators"},
        {"GET", "/api/sessions", BEARER(CLIENT_TOKEN), 401, "not the administrator's"},
        {"GET", "/api/sessions", BEARER(ADMIN_TOKEN "0"), 401, "not the administrator's"},
        {"GET", "/api/sessions", BEARER(ADMIN_TOKEN), 200, NULL},
        {"GET", "/api/sessions", BEARER(ADMIN_TOKEN) VIA, 200, NULL},
        {"GET", "/api/config", BEARER(CLIENT_TOKEN), 401, "not the administrator's"},
        {"GET", "/api/monitor", NULL, 401, "this is for administrators"},
        {"GET", "/api/logs", NULL, 401, "this is for administrators"},
        {"DELETE", "/api/sessions/abc", NULL, 401, "this is for administrators"},
        {"GET", "/api/sessions/abc/history", NULL, 401, wants},
        {"GET", "/metrics", NULL, 200, NULL}, /* from here it is open */
        {"GET", "/metrics", VIA, 401, "this is for administrators"},
        {"GET", "/metrics", VIA BEARER(ADMIN_TOKEN), 200, NULL},
    };
    check_refused(w->port, cases, sizeof cases / sizeof *cases);
}

static void test_token_of_websocket(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *path, *headers;
        int status;
    } cases[] = {
        {"/ws", NULL, 401},
        {"/ws?token=" CLIENT_TOKEN, NULL, 101},
        {"/ws/one?a=b&token=" CLIENT_TOKEN, NULL, 101},
        {"/ws?token=" CLIENT_TOKEN "x", NULL, 401},
        {"/ws?token=", NULL, 401},
        {"/ws", BEARER(CLIENT_TOKEN), 101},
        {"/ws", BEARER(ADMIN_TOKEN), 101},
        {"/ws", BEARER("wrong-token-0123456789"), 401},
        {"/ws", "Sec-WebSocket-Protocol: avatar-chat, token." CLIENT_TOKEN "\r\n", 101},
        {"/ws", "Sec-WebSocket-Protocol: avatar-chat, token.wrong-token-0123456789\r\n", 401},
        {"/ws", "Sec-WebSocket-Protocol: avatar-chat\r\n", 401},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ws_client c;
        int status = ws_connect(&c, w->port, cases[i].path, cases[i].headers);
        if (status != cases[i].status)
            fail_msg("case %zu: %d", i, status);
        if (status == 101)
            expect(&c, "session_ready", 0);
        ws_drop(&c);
    }
}

static void test_other_origins(void **state)
{
    struct world *w = *state;
    static const char page[] = "Origin: https://portal.example\r\n",
                      other[] = "Origin: https://other.example\r\n";
    struct http_response r;
    struct ws_client c;
    assert_true(http_request_to(w->port, "OPTIONS", "/api/sessions", page, &r));
    assert_int_equal(r.status, 204);
    assert_string_equal(http_header(&r, "access-control-allow-origin"), "https://portal.example");
    assert_non_null(strstr(http_header(&r, "access-control-allow-methods"), "POST"));
    assert_non_null(strstr(http_header(&r, "access-control-allow-headers"), "Authorization"));
    http_free(&r);
    assert_true(http_request_to(w->port, "GET", "/api/voices", page, &r));
    assert_string_equal(http_header(&r, "access-control-allow-origin"), "https://portal.example");
    assert_string_equal(http_header(&r, "x-frame-options"), ""); /* the newer header names who may */
    http_free(&r);
    assert_true(http_request_to(w->port, "GET", "/", page, &r));
    assert_non_null(
        strstr(http_header(&r, "content-security-policy"), "frame-ancestors 'self' https://portal.example"));
    http_free(&r);
    assert_true(http_request_to(w->port, "GET", "/api/voices", other, &r));
    assert_string_equal(http_header(&r, "access-control-allow-origin"), "");
    http_free(&r);
    assert_int_equal(ws_connect(&c, w->port, "/ws?token=" CLIENT_TOKEN, page), 101);
    ws_drop(&c);
    assert_int_equal(ws_connect(&c, w->port, "/ws?token=" CLIENT_TOKEN, other), 403);
    ws_drop(&c);
}

static void test_behind_proxy(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *host, *headers;
        bool hsts;
    } cases[] = {{"chat.example", "X-Forwarded-Proto: https\r\n" VIA, true},
                 {"chat.example", "X-Forwarded-Proto: http\r\n" VIA, false},
                 {"localhost", "X-Forwarded-Proto: https\r\n" VIA, false},
                 {"chat.example", "", false}};
    struct http_response r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text =
            ac_asprintf("GET /api/status HTTP/1.1\r\nHost: %s\r\n%s\r\n", cases[i].host, cases[i].headers);
        assert_true(http_raw(w->port, text, strlen(text), &r));
        assert_int_equal(*http_header(&r, "strict-transport-security") != '\0', cases[i].hsts);
        http_free(&r);
        free(text);
    }
    struct ws_client c; /* the client's address is told, not the proxy's */
    assert_int_equal(
        ws_connect(&c, w->port, "/ws/proxied?token=" CLIENT_TOKEN, "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n"),
        101);
    expect(&c, "session_ready", 0);
    assert_true(http_request_to(w->port, "GET", "/api/sessions/proxied", BEARER(ADMIN_TOKEN), &r));
    assert_non_null(strstr(r.body, "\"address\":\"192.0.2.7\""));
    http_free(&r);
    ws_close(&c);
}

/* Neither the configuration nor the log nor the metrics hold a token, whatever was asked before. */
static void test_secrets_are_kept(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {"/api/config", "/api/logs?limit=2000", "/api/monitor",
                                        "/metrics",    "/api/sessions",        "/openapi.json"};
    struct ws_client c;
    ws_connect(&c, w->port, "/ws?token=" CLIENT_TOKEN "-wrong", "Origin: https://other.example\r\n");
    ws_drop(&c);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_response r;
        assert_true(http_request_to(w->port, "GET", paths[i], BEARER(ADMIN_TOKEN), &r));
        assert_int_equal(r.status, 200);
        assert_null(strstr(r.body, "token-0123456789"));
        http_free(&r);
    }
}

/* ---- limits ---- */

static void test_requests_of_an_address(void **state)
{
    struct world *w = *state;
    int refused = 0;
    for (int i = 0; i < 12; i++) {
        struct http_response r;
        assert_true(http_request_to(w->port, "GET", "/healthz", "X-Forwarded-For: 192.0.2.8\r\n", &r));
        if (r.status == 429) {
            refused++;
            assert_non_null(strstr(r.body, "max_requests_per_s_per_address"));
            assert_string_equal(http_header(&r, "retry-after"), "1");
        }
        http_free(&r);
    }
    assert_true(refused > 0);
    static const struct refused other[] = {
        {"GET", "/healthz", "X-Forwarded-For: 192.0.2.9\r\n", 200, NULL},
        {"GET", "/healthz", "X-Forwarded-For: 2001:db8::1\r\n", 200, NULL}};
    check_refused(w->port, other, 2);
}

static void test_connections_of_an_address(void **state)
{
    struct world *w = *state;
    struct ws_client c[3], one;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ws_connect(&c[i], w->port, "/ws", "X-Forwarded-For: 192.0.2.20\r\n"), 101);
    assert_int_equal(ws_connect(&one, w->port, "/ws", "X-Forwarded-For: 192.0.2.20\r\n"), 429);
    ws_drop(&one);
    assert_int_equal(ws_connect(&one, w->port, "/ws", "X-Forwarded-For: 192.0.2.21\r\n"), 101);
    ws_drop(&one);
    ws_close(&c[0]);
    int status = 429;
    for (int i = 0; i < 200 && status == 429; i++) { /* as soon as the server knows */
        status = ws_connect(&one, w->port, "/ws", "X-Forwarded-For: 192.0.2.20\r\n");
        ws_drop(&one);
        ac_sleep_us(250000);
    }
    assert_int_equal(status, 101);
    for (int i = 1; i < 3; i++)
        ws_drop(&c[i]);
}

static int tcp_connect(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    return fd;
}

static void test_direct_connections(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.max_connections_per_address=4", NULL};
    static const struct ac_server_tuning tuning = {.limit_loopback = true};
    enum { MORE = 40 };
    struct world w;
    struct http_response r;
    int fds[MORE];
    char buf[2048];
    world_open(&w, sets, &tuning);
    for (int i = 0; i < 4; i++)
        fds[i] = tcp_connect(w.port);
    assert_true(http_request_to(w.port, "GET", "/healthz", NULL, &r));
    assert_int_equal(r.status, 429);
    assert_non_null(strstr(r.body, "max_connections_per_address"));
    assert_string_equal(http_header(&r, "connection"), "close");
    http_free(&r);
    for (int i = 4; i < MORE; i++) /* far too many: closed without a word */
        fds[i] = tcp_connect(w.port);
    assert_true(recv(fds[MORE - 1], buf, sizeof buf, 0) <= 0);
    for (int i = 0; i < MORE; i++)
        close(fds[i]);
    int status = 429;
    for (int i = 0; i < 500 && status == 429; i++) {
        ac_sleep_us(10000);
        if (!http_request_to(w.port, "GET", "/healthz", NULL, &r))
            continue;
        status = r.status;
        http_free(&r);
    }
    assert_int_equal(status, 200);
    world_close(&w);
}

/* Sends the beginning, then a byte again and again; what the server says before it closes. */
static void drip(int port, const char *begin, const char *more, char *answer, size_t size)
{
    int fd = tcp_connect(port);
    size_t n = 0;
    assert_true(send(fd, begin, strlen(begin), MSG_NOSIGNAL) > 0);
    for (int i = 0; i < 150; i++) {
        ssize_t k = recv(fd, answer + n, size - 1 - n, MSG_DONTWAIT);
        if (k == 0)
            break;
        n += k > 0 ? (size_t)k : 0;
        if (*more)
            send(fd, more, strlen(more), MSG_NOSIGNAL);
        ac_sleep_us(100000);
        if (i == 149)
            fail_msg("it is still open: %s", begin);
    }
    answer[n] = '\0';
    close(fd);
}

static void test_slow_requests(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.request_timeout_s=1", NULL};
    static const struct {
        const char *begin, *more, *answer;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n", ""},
        {"GET / HT", "", ""},
        {"PUT /api/config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n{", " ", "408"},
        {"PUT /api/config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n{", "", ""},
        {"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n", "x", "200"},
        {"PUT /api/config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n{", "x", "413"},
    };
    struct world w;
    world_open(&w, sets, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char answer[4096];
        drip(w.port, cases[i].begin, cases[i].more, answer, sizeof answer);
        if (*cases[i].answer ? strncmp(answer, "HTTP/1.1 ", 9) || strncmp(answer + 9, cases[i].answer, 3)
                             : *answer)
            fail_msg("%s: %s", cases[i].begin, answer);
    }
    world_close(&w);
}

/* ---- what cannot start ---- */

static void test_wrong_options(void **state)
{
    (void)state;
    static const struct {
        const char *set, *sentence;
    } cases[] = {
        {"server.trusted_proxies=proxy.example", "server.trusted_proxies: 'proxy.example' is no address"},
        {"server.allowed_origins=chat.example", "server.allowed_origins: 'chat.example' is no origin"},
        {"server.frame_ancestors=*", "server.frame_ancestors: '*' is no origin"},
        {"server.client_tokens_file=/nowhere/tokens", "/nowhere/tokens cannot be read: it does not exist"},
        {"server.admin_token_file=/nowhere/token", "/nowhere/token cannot be read: it does not exist"},
        {"server.tls_cert=/nowhere/cert.pem", "TLS needs both server.tls_cert and server.tls_key"},
        {"server.tls_key=/nowhere/key.pem", "TLS needs both server.tls_cert and server.tls_key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_config *cfg = NULL;
        struct ac_hub *hub = NULL;
        struct ac_server *server = NULL;
        char reason[256] = "";
        struct ac_str errors = {0};
        const char *sets[] = {cases[i].set, "server.port=0", "history.store=none"};
        assert_int_equal(ac_config_load(&cfg, NULL, sets, 3, &errors), 0);
        assert_int_equal(ac_hub_new(&hub, cfg), 0);
        assert_int_equal(ac_server_start(&server, hub, NULL, reason), AC_ECONFIG);
        assert_null(server);
        if (!strstr(reason, cases[i].sentence))
            fail_msg("%s: %s", cases[i].set, reason);
        ac_hub_free(hub, 1000);
        ac_config_free(cfg);
        ac_str_free(&errors);
    }
}

/* ---- worlds ---- */

static struct world shared;

static int open_plain(void **state)
{
    world_open(&shared, NULL, NULL);
    *state = &shared;
    return 0;
}

static int open_with_tokens(void **state)
{
    static const char *const sets[] = {"server.trusted_proxies=127.0.0.0/8, 10.0.0.0/8",
                                       "server.allowed_origins=https://portal.example",
                                       "server.frame_ancestors=https://portal.example", NULL};
    setenv("AVATAR_CHAT_CLIENT_TOKENS", CLIENT_TOKEN, 1);
    setenv("AVATAR_CHAT_ADMIN_TOKEN", ADMIN_TOKEN, 1);
    world_open(&shared, sets, NULL);
    unsetenv("AVATAR_CHAT_CLIENT_TOKENS");
    unsetenv("AVATAR_CHAT_ADMIN_TOKEN");
    *state = &shared;
    return 0;
}

static int open_with_limits(void **state)
{
    static const char *const sets[] = {"server.trusted_proxies=127.0.0.1",
                                       "server.max_requests_per_s_per_address=6",
                                       "server.max_connections_per_address=3", NULL};
    world_open(&shared, sets, NULL);
    *state = &shared;
    return 0;
}

static int close_shared(void **state)
{
    world_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(test_without_tokens),
        cmocka_unit_test(test_rebinding),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_traversal),
    };
    const struct CMUnitTest tokens[] = {
        cmocka_unit_test(test_with_tokens),      cmocka_unit_test(test_token_of_websocket),
        cmocka_unit_test(test_other_origins),    cmocka_unit_test(test_behind_proxy),
        cmocka_unit_test(test_secrets_are_kept),
    };
    const struct CMUnitTest limits[] = {
        cmocka_unit_test(test_requests_of_an_address),
        cmocka_unit_test(test_connections_of_an_address),
    };
    const struct CMUnitTest own[] = {
        cmocka_unit_test(test_direct_connections),
        cmocka_unit_test(test_slow_requests),
        cmocka_unit_test(test_wrong_options),
    };
    int failed = cmocka_run_group_tests(plain, open_plain, close_shared);
    failed += cmocka_run_group_tests(tokens, open_with_tokens, close_shared);
    failed += cmocka_run_group_tests(limits, open_with_limits, close_shared);
    return failed + cmocka_run_group_tests(own, NULL, NULL);
}
