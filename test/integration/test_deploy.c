/*
 * Real programs as they are deployed: two servers behind nginx with deploy/nginx/avatar-chat.conf, their
 * conversations in Redis, Prometheus with deploy/prometheus/. A server is killed while it talks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "integration/server_world.h"
#include "integration/service.h"
#include "integration/turn_checks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SERVERS = 2 };

static struct service nginx, redis, prometheus; /* nginx.port: 3000; its folder holds the page too */
static struct program servers[SERVERS];
static int https_port, http_port, monitor_port;

/* ---- starting ---- */

static char *with_port(char *text, const char *fmt, int from, int to)
{
    char *a = ac_asprintf(fmt, from), *b = ac_asprintf(fmt, to);

    text = service_replace(text, a, b);
    free(a);
    free(b);
    return text;
}

static void make_page(void)
{
    char *assets = ac_asprintf("%s/assets", nginx.folder);

    assert_int_equal(mkdir(assets, 0755), 0);
    free(assets);
    service_file(&nginx, "index.html", "<!doctype html><title>page</title>");
    service_file(&nginx, "assets/app-Ab12Cd34.js", "export const answer = 42;\n");
}

static void make_certificate(void)
{
    char *key = ac_asprintf("%s/privkey.pem", nginx.folder),
         *cert = ac_asprintf("%s/fullchain.pem", nginx.folder);
    const char *argv[] = {service_program("openssl"),
                          "req",
                          "-x509",
                          "-newkey",
                          "rsa:2048",
                          "-nodes",
                          "-days",
                          "1",
                          "-subj",
                          "/CN=chat.example",
                          "-keyout",
                          key,
                          "-out",
                          cert,
                          NULL};

    assert_int_equal(service_run(argv), 0);
    free(key);
    free(cert);
}

/* The file that is deployed, with ports and paths of the test. */
static void start_nginx(void)
{
    char *site = service_source("deploy/nginx/avatar-chat.conf"), *first, *second;

    first = ac_asprintf("server 127.0.0.1:%d max_fails", servers[0].port);
    second = ac_asprintf("    server 127.0.0.1:%d max_fails", servers[1].port);
    site = service_replace(site, "    #server 127.0.0.1:8001 max_fails", second); /* first: it may be 8001 */
    site = service_replace(site, "server 127.0.0.1:8000 max_fails", first);
    site = with_port(site, "listen %d;", 80, http_port);
    site = with_port(site, "listen [::]:%d;", 80, http_port);
    site = with_port(site, "listen %d ssl", 443, https_port);
    site = with_port(site, "listen [::]:%d ssl", 443, https_port);
    site = with_port(site, "listen %d;", 3000, nginx.port);
    site = with_port(site, "listen [::]:%d;", 3000, nginx.port);
    site = with_port(site, "listen 127.0.0.1:%d;", 3001, monitor_port);
    site = with_port(site, "http://127.0.0.1:%d/", 9090, prometheus.port);
    site = service_replace(site, "/etc/avatar-chat/tls", nginx.folder);
    site = service_replace(site, "/usr/share/avatar-chat/web", nginx.folder);
    site = service_replace(site, "/var/log/nginx", nginx.folder);
    service_file(&nginx, "site.conf", site);
    char *conf = ac_asprintf(
             "%spid %s/nginx.pid;\nerror_log stderr warn;\ndaemon off;\nworker_processes 1;\n"
             "events {}\nhttp {\n    types { application/javascript js; }\n    include %s/site.conf;\n}\n",
             geteuid() ? "" : "user root;\n", nginx.folder, nginx.folder),
         *path = ac_asprintf("%s/nginx.conf", nginx.folder);
    service_file(&nginx, "nginx.conf", conf);
    const char *test[] = {service_program("nginx"), "-t", "-c", path, NULL};
    assert_int_equal(service_run(test), 0);
    const char *run[] = {service_program("nginx"), "-c", path, NULL};
    service_start(&nginx, run);
    free(conf);
    free(path);
    free(site);
    free(first);
    free(second);
}

static void start_server(int i)
{
    char url[64], web[96];

    snprintf(url, sizeof url, "history.redis_url=redis://127.0.0.1:%d", redis.port);
    snprintf(web, sizeof web, "server.web_dir=%s", nginx.folder);
    const char *args[] = {"--set", "history.store=redis",
                          "--set", url,
                          "--set", web,
                          "--set", "server.trusted_proxies=127.0.0.1",
                          NULL};
    assert_true(program_start(&servers[i], args));
}

static int open_world(void **state)
{
    (void)state;
    service_prepare(&redis);
    service_start_redis(&redis, NULL);
    service_prepare(&prometheus);
    service_prepare(&nginx);
    https_port = service_free_port();
    http_port = service_free_port();
    monitor_port = service_free_port();
    make_page();
    make_certificate();
    for (int i = 0; i < SERVERS; i++)
        start_server(i);
    start_nginx();
    return 0;
}

static int close_world(void **state)
{
    int status = 0;

    (void)state;
    service_clean(&prometheus);
    service_stop(&nginx, SIGTERM);
    for (int i = 0; i < SERVERS; i++)
        status |= servers[i].pid ? program_stop(&servers[i], SIGTERM) : 0;
    service_clean(&nginx);
    service_clean(&redis);
    return status;
}

/* ---- helpers ---- */

static json_t *get_json(int port, const char *path)
{
    char *text = ac_asprintf("GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);
    struct http_response r; /* 1.0: whole, not in chunks */

    assert_true(http_raw(port, text, strlen(text), &r));
    free(text);
    assert_int_equal(r.status, 200);
    json_t *j = json_loads(r.body, 0, NULL);
    assert_non_null(j);
    http_free(&r);
    return j;
}

static int status_of(int port, const char *path)
{
    struct http_response r;

    assert_true(http_request_to(port, "GET", path, "Connection: close\r\n", &r));
    int status = r.status;
    http_free(&r);
    return status;
}

/* How often a header is there. */
static int times(const struct http_response *r, const char *name)
{
    int n = 0;

    for (const char *p = r->head; (p = strcasestr(p, name)); p += strlen(name))
        n++;
    return n;
}

/* A turn that is spoken; the index of its end. */
static size_t ask(struct ws_client *c, const char *question)
{
    size_t from = c->n;

    ws_text(c, "{\"type\":\"text\",\"text\":\"%s\"}", question);
    size_t done = (size_t)expect(c, "turn_done", from);
    check_media(c, from, done, false);
    return done;
}

/* ---- nginx ---- */

static void test_http(void **state)
{
    static const char *const once[] = {
        "\nx-content-type-options:", "\nreferrer-policy:", "\ncontent-security-policy:",
        "\npermissions-policy:", "\ncache-control:"};
    struct http_response r;

    (void)state;
    assert_int_equal(status_of(nginx.port, "/healthz"), 200);
    assert_true(http_request_to(nginx.port, "GET", "/", "Connection: close\r\n", &r));
    assert_int_equal(r.status, 200);
    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        assert_int_equal(times(&r, once[i]), 1);
    http_free(&r);
    assert_true(http_request_to(nginx.port, "GET", "/assets/app-Ab12Cd34.js", "Connection: close\r\n", &r));
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "export const answer = 42;\n");
    assert_string_equal(http_header(&r, "cache-control"), "public, max-age=31536000, immutable");
    assert_string_equal(http_header(&r, "x-content-type-options"), "nosniff");
    assert_int_equal(times(&r, "\ncache-control:"), 1);
    http_free(&r);
    assert_int_equal(status_of(nginx.port, "/assets/none-Ab12Cd34.js"), 404); /* the server's word */
    assert_true(http_request_to(http_port, "GET", "/x?y=1", "Connection: close\r\n", &r));
    assert_int_equal(r.status, 301);
    assert_non_null(strstr(http_header(&r, "location"), "https://127.0.0.1/x?y=1"));
    http_free(&r);
    assert_int_equal(status_of(monitor_port, "/"), 302);
    assert_int_equal(status_of(monitor_port, "/healthz"), 200);
    assert_int_equal(status_of(monitor_port, "/ws"), 404);
}

/* TLS ends at nginx; the server knows, and asks browsers to stay with it. */
static void test_https(void **state)
{
    char *url = ac_asprintf("https://127.0.0.1:%d/", https_port), *out = ac_asprintf("%s/head", nginx.folder);
    const char *argv[] = {service_program("curl"),
                          "-skSf",
                          "-H",
                          "Host: chat.example",
                          "-D",
                          out,
                          "-o",
                          "/dev/null",
                          url,
                          NULL};
    char *head;
    size_t len;

    (void)state;
    assert_int_equal(service_run(argv), 0);
    assert_int_equal(ac_read_file(out, 1 << 16, &head, &len), 0);
    assert_non_null(strcasestr(head, "strict-transport-security:"));
    free(head);
    free(url);
    free(out);
}

/* Who comes through the proxy is not this machine itself, whatever it claims. */
static void test_admin(void **state)
{
    struct http_response r;

    (void)state;
    assert_int_equal(status_of(servers[0].port, "/api/sessions"), 200);
    assert_int_equal(status_of(monitor_port, "/api/sessions"), 403);
    assert_int_equal(status_of(nginx.port, "/metrics"), 403);
    assert_true(http_request_to(nginx.port, "GET", "/api/sessions",
                                "X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n"
                                "Connection: close\r\n",
                                &r));
    assert_int_equal(r.status, 403);
    http_free(&r);
}

static void test_chat(void **state)
{
    struct ws_client c;
    char *path = ac_asprintf("%s/avatar-chat.log", nginx.folder), *log;
    size_t len;

    (void)state;
    open_client(&c, nginx.port, "/ws/through-nginx?token=never-in-a-log");
    for (int i = 0; i < 2; i++)
        ask(&c, "Hello");
    ws_close(&c);
    ac_sleep_us(200000);
    assert_int_equal(ac_read_file(path, 1 << 24, &log, &len), 0);
    assert_non_null(strstr(log, "/ws/through-nginx"));
    assert_null(strstr(log, "never-in-a-log"));
    free(log);
    free(path);
}

/* Ids are spread over the servers, and one id always comes to the same. */
static void test_sticky(void **state)
{
    struct ws_client c[12];
    int64_t n[SERVERS], again[SERVERS];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 12; i++) {
            char *path = ac_asprintf("/ws/sticky-%d", i);
            open_client(&c[i], nginx.port, path);
            free(path);
        }
        for (int s = 0; s < SERVERS; s++) {
            json_t *j = get_json(servers[s].port, "/api/status");
            (round ? again : n)[s] = json_integer_value(json_object_get(j, "sessions"));
            json_decref(j);
        }
        for (int i = 0; i < 12; i++)
            ws_close(&c[i]);
        ac_sleep_us(300000);
    }
    assert_true(n[0] > 0 && n[1] > 0);
    assert_int_equal(n[0] + n[1], 12);
    assert_int_equal(n[0], again[0]);
}

/* ---- Prometheus ---- */

static void start_prometheus(void)
{
    char *conf = service_source("deploy/prometheus/prometheus.yml"),
         *rules = service_source("deploy/prometheus/avatar-chat.rules.yml"),
         *targets = ac_asprintf("\"127.0.0.1:%d\", \"127.0.0.1:%d\"", servers[0].port, servers[1].port);

    conf = service_replace(conf, "\"127.0.0.1:8000\"", targets);
    conf = service_replace(conf, "interval: 15s", "interval: 1s");
    conf = with_port(conf, "127.0.0.1:%d", 9090, prometheus.port);
    service_file(&prometheus, "prometheus.yml", conf);
    service_file(&prometheus, "avatar-chat.rules.yml", rules);
    char *file = ac_asprintf("--config.file=%s/prometheus.yml", prometheus.folder),
         *data = ac_asprintf("--storage.tsdb.path=%s/data", prometheus.folder),
         *listen = ac_asprintf("--web.listen-address=127.0.0.1:%d", prometheus.port);
    const char *argv[] = {service_program("prometheus"), file, data, listen, NULL};
    service_start(&prometheus, argv);
    for (int i = 0; i < 600 && status_of(prometheus.port, "/-/ready") != 200; i++)
        ac_sleep_us(100000);
    free(conf);
    free(rules);
    free(targets);
    free(file);
    free(data);
    free(listen);
}

/* Value of an instant query that gives one number; -1 while it gives none. */
static double query(const char *what)
{
    char *path = ac_asprintf("/api/v1/query?query=%s", what);
    double value = -1;

    json_t *j = get_json(prometheus.port, path),
           *result = json_object_get(json_object_get(j, "data"), "result"),
           *pair = json_object_get(json_array_get(result, 0), "value");
    if (pair)
        value = atof(json_string_value(json_array_get(pair, 1)));
    json_decref(j);
    free(path);
    return value;
}

static void wait_query(const char *what, double least)
{
    int64_t until = ac_now_us() + WAIT * 1000LL;

    while (query(what) < least) {
        if (ac_now_us() > until)
            fail_msg("%s is %g", what, query(what));
        ac_sleep_us(200000);
    }
}

/* Every metric that an alert asks for is one that the server has. */
static void check_names(const char *metrics)
{
    char *rules = service_source("deploy/prometheus/avatar-chat.rules.yml");
    static const char prefix[] = "avatar_chat_";
    int n = 0;

    for (char *p = rules; (p = strstr(p, prefix)); n++) {
        size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz_");
        char *name = ac_strndup(p, len), *bucket = strstr(name, "_bucket");
        if (bucket)
            *bucket = '\0';
        char *type = ac_asprintf("# TYPE %s ", name);
        if (!strstr(metrics, type))
            fail_msg("the server has no %s", name);
        free(type);
        free(name);
        p += len;
    }
    assert_true(n > 10);
    free(rules);
}

static void test_prometheus(void **state)
{
    struct http_response r;

    (void)state;
    assert_true(http_request_to(servers[0].port, "GET", "/metrics", "Connection: close\r\n", &r));
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "process_start_time_seconds"));
    check_names(r.body);
    http_free(&r);
    start_prometheus();
    wait_query("sum(up%7Bjob=%22avatar-chat%22%7D)", SERVERS);
    wait_query("sum(avatar_chat_turns_total%7Bresult=%22done%22%7D)", 2);
    wait_query("sum(avatar_chat_turn_mark_seconds_count%7Bmark=%22first_fragment%22%7D)", 2);
    json_t *j = get_json(prometheus.port, "/api/v1/rules"),
           *groups = json_object_get(json_object_get(j, "data"), "groups"),
           *rules = json_object_get(json_array_get(groups, 0), "rules");
    assert_true(json_array_size(rules) >= 13);
    for (size_t i = 0; i < json_array_size(rules); i++)
        assert_string_not_equal(json_string_value(json_object_get(json_array_get(rules, i), "health")),
                                "err");
    json_decref(j);
    j = get_json(monitor_port, "/prometheus/api/v1/query?query=up"); /* as the panel asks */
    assert_string_equal(json_string_value(json_object_get(j, "status")), "success");
    json_decref(j);
}

/* ---- a server that is killed ---- */

/* The server that has the only session. */
static int server_of_session(void)
{
    for (int i = 0; i < SERVERS; i++) {
        if (!servers[i].pid)
            continue;
        json_t *j = get_json(servers[i].port, "/api/sessions");
        size_t n = json_array_size(json_object_get(j, "sessions"));
        for (size_t k = 0; k < n; k++) {
            const json_t *one = json_array_get(json_object_get(j, "sessions"), k);
            if (!strcmp(json_string_value(json_object_get(one, "id")), "killed")) {
                json_decref(j);
                return i;
            }
        }
        json_decref(j);
    }
    fail_msg("no server has the session");
    return -1;
}

static void kill_server(int i)
{
    kill(servers[i].pid, SIGKILL);
    program_stop(&servers[i], SIGKILL);
}

#define CLIENT "\"client\":\"a-browser-that-nobody-guesses\""

static void go_on_elsewhere(struct ws_client *c, const char *conversation)
{
    size_t from = c->n;

    ws_text(c, "{\"type\":\"hello\"," CLIENT ",\"conversation\":\"%s\"}", conversation);
    json_t *data = c->messages[expect(c, "conversation", from)].data,
           *all = json_object_get(data, "messages");
    assert_string_equal(json_string_value(json_object_get(data, "id")), conversation);
    assert_true(json_array_size(all) >= 3); /* question, answer, question, and perhaps what was heard */
    const char *const texts[] = {"What can you do?", NULL, "Who are you?"};
    for (size_t i = 0; i < 3; i++)
        if (texts[i])
            assert_string_equal(json_string_value(json_object_get(json_array_get(all, i), "text")), texts[i]);
    ask(c, "And now?");
}

static void test_killed(void **state)
{
    struct ws_client c;

    (void)state;
    open_client(&c, nginx.port, "/ws/killed");
    ws_text(&c, "{\"type\":\"hello\"," CLIENT ",\"language\":\"en\"}");
    expect(&c, "session_ready", 1);
    ask(&c, "What can you do?");
    char *conversation = ac_strdup(ws_string(&c.messages[expect(&c, "conversation", 0)], "id"));
    size_t from = c.n;
    ws_text(&c, "{\"type\":\"text\",\"text\":\"Who are you?\"}");
    expect(&c, "video_chunk_meta", from);
    int dead = server_of_session();
    kill_server(dead);
    assert_true(ws_wait_closed(&c, WAIT));
    ws_drop(&c);
    open_client(&c, nginx.port, "/ws/killed"); /* to the other one, which does not know the session */
    go_on_elsewhere(&c, conversation);
    free(conversation);
    assert_int_equal(server_of_session(), !dead);
    ws_close(&c);
    start_server(dead); /* on another port: nginx must be told, so only that it starts again is seen here */
}

/* While Redis is away the server talks, and tells its state. */
static void test_redis_away(void **state)
{
    struct ws_client c;
    json_t *history;

    (void)state;
    service_stop(&redis, SIGKILL);
    open_client(&c, servers[0].port, "/ws/no-redis");
    ws_text(&c, "{\"type\":\"hello\",\"client\":\"another-browser-of-somebody\"}");
    ask(&c, "Hello");
    for (int i = 0; i < 100; i++, ac_sleep_us(100000)) {
        json_t *j = get_json(servers[0].port, "/api/status");
        history = json_incref(json_object_get(j, "history"));
        json_decref(j);
        if (!json_is_true(json_object_get(history, "ok")))
            break;
        json_decref(history);
    }
    assert_string_equal(json_string_value(json_object_get(history, "store")), "redis");
    assert_true(json_is_false(json_object_get(history, "ok")));
    assert_non_null(strstr(json_string_value(json_object_get(history, "reason")), "Redis at 127.0.0.1"));
    assert_true(json_integer_value(json_object_get(history, "pending")) >= 2);
    json_decref(history);
    assert_int_equal(ws_count(&c, "error", 0), 0);
    ws_close(&c);
}

/* The last: more than nginx lets one address ask for. */
static void test_rate(void **state)
{
    int refused = 0;

    (void)state;
    for (int i = 0; i < 2000 && !refused; i++)
        refused += status_of(nginx.port, "/assets/app-Ab12Cd34.js") == 429;
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http),   cmocka_unit_test(test_https),      cmocka_unit_test(test_admin),
        cmocka_unit_test(test_chat),   cmocka_unit_test(test_sticky),     cmocka_unit_test(test_prometheus),
        cmocka_unit_test(test_killed), cmocka_unit_test(test_redis_away), cmocka_unit_test(test_rate),
    };

    service_program("nginx");
    service_program("redis-server");
    service_program("prometheus");
    service_program("curl");
    if (!program_exists()) {
        print_error("AVATAR_CHAT_BIN must name the program: build the target avatar-chat\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, open_world, close_world);
}
