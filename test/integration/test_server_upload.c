/*
 * Avatars by upload, on the wire: the whole way with a maker that does what the file says (test/fake), what
 * is refused and with which words, bodies that lie, stop or trickle, who may, one at a time, cancelling,
 * time-outs, removing, and that nothing half-made is left in the folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake/fake_engines.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENT_TOKEN "client-token-0123456789"
#define ADMIN_TOKEN  "admin-token-0123456789"
#define BEARER(t)    "Authorization: Bearer " t "\r\n"
#define FROM(a)      "X-Forwarded-For: " a "\r\n"
#define ME           "X-Client-Id: 0123456789abcdef-mine\r\n"
#define HER          "X-Client-Id: 0123456789abcdef-hers\r\n"
#define GOOD         "/api/avatars?consent=true&name="

static char data[] = "/tmp/avatar-chat-upload-XXXXXX";
static struct world world;

/* ---- the folder ---- */

static void path_of(char path[200], const char *name)
{
    snprintf(path, 200, "%s/avatars/%s", data, name);
}

/* How many names are in the folder, hidden ones too. */
static size_t count_files(void)
{
    char path[200];
    size_t n = 0;
    path_of(path, "");
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return n;
}

static void clear(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s/avatars'", data);
    assert_int_equal(system(command), 0);
}

/* ---- requests ---- */

static json_t *ask(const char *method, const char *path, const char *headers, int status)
{
    struct http_response r;
    if (!http_request_to(world.port, method, path, headers, &r))
        fail_msg("no answer to %s %s", method, path);
    if (r.status != status)
        fail_msg("%s %s: %d %s", method, path, r.status, r.body);
    json_t *j = json_loads(r.body, 0, NULL);
    http_free(&r);
    return j;
}

static void tell(const char *method, const char *path, const char *headers, int status)
{
    json_decref(ask(method, path, headers, status));
}

static const char *member(json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));
    return text ? text : "";
}

/* Uploads; the answer's body, its status in *status, its Retry-After checked. */
static json_t *upload(const char *path, const char *headers, const char *bytes, size_t len, int *status)
{
    struct ac_str text = {0};
    struct http_response r;
    ac_str_addf(&text, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Length: %zu\r\n\r\n", path,
                headers ? headers : "", len);
    ac_str_add_n(&text, bytes, len);
    if (!http_raw(world.port, text.p, text.len, &r))
        fail_msg("no answer to the upload %s", path);
    ac_str_free(&text);
    *status = r.status;
    if (r.status != 202)
        assert_string_equal(http_header(&r, "content-type"), "application/problem+json");
    bool later = r.status == 429 || r.status == 503;
    assert_int_equal(atoi(http_header(&r, "retry-after")) > 0, later);
    json_t *j = json_loads(r.body, 0, NULL);
    if (!j)
        fail_msg("not JSON: %s", r.body);
    http_free(&r);
    return j;
}

/* One that must be accepted; the job's path. */
static void begin(const char *path, const char *headers, const char *text, char job[96])
{
    int status;
    json_t *j = upload(path, headers, text, strlen(text), &status);
    if (status != 202)
        fail_msg("%s: %d %s", path, status, member(j, "detail"));
    snprintf(job, 96, "/api/avatars/jobs/%s", member(j, "job"));
    assert_int_equal(strlen(member(j, "job")), 32);
    json_decref(j);
}

/* One that must be refused with the code. */
static void refused(const char *path, const char *headers, const char *text, int want, const char *code)
{
    int status;
    json_t *j = upload(path, headers, text, strlen(text), &status);
    if (status != want || strcmp(member(j, "code"), code) != 0 || strlen(member(j, "detail")) < 20)
        fail_msg("%s: %d %s: %s", path, status, member(j, "code"), member(j, "detail"));
    json_decref(j);
}

/* Waits until the job is in the state. */
static json_t *wait_job(const char *job, const char *headers, const char *state)
{
    for (int i = 0; i < 3000; i++) {
        json_t *j = ask("GET", job, headers, 200);
        if (!strcmp(member(j, "state"), state))
            return j;
        bool ended = strcmp(member(j, "state"), "waiting") != 0 && strcmp(member(j, "state"), "running") != 0;
        if (ended)
            fail_msg("%s: %s (%s) and not %s", job, member(j, "state"),
                     member(json_object_get(j, "problem"), "detail"), state);
        json_decref(j);
        ac_sleep_us(5000);
    }
    fail_msg("%s never was %s", job, state);
    return NULL;
}

static void await(const char *job, const char *state)
{
    json_decref(wait_job(job, NULL, state));
}

/* The avatar's entry in the list, or NULL. */
static json_t *listed(const char *id, const char *headers)
{
    json_t *list = ask("GET", "/api/avatars", headers, 200), *one, *found = NULL;
    size_t i;
    json_array_foreach(list, i, one)
    {
        if (!strcmp(member(one, "id"), id))
            found = json_incref(one);
    }
    json_decref(list);
    return found;
}

/* ---- a part of a request ---- */

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)world.port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0);
}

static const char half[] =
    "POST " GOOD "Half HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\nface ";

/* Reads until the server closes; the status, 0 without an answer. */
static int read_status(int fd)
{
    char buf[4096];
    size_t n = 0;
    struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (ssize_t k; n < sizeof buf - 1 && (k = recv(fd, buf + n, sizeof buf - 1 - n, 0)) > 0;)
        n += (size_t)k;
    buf[n] = '\0';
    close(fd);
    return n > 12 ? atoi(buf + 9) : 0;
}

/* ---- the whole way ---- */

static unsigned sum_of(const char *bytes, size_t len)
{
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + (unsigned char)bytes[i];
    return sum;
}

static void test_whole_way(void **state)
{
    (void)state;
    char job[96], line[64];
    begin(GOOD "Eileen%20Collins&gender=female&licence=Public%20domain%2C%20NASA", ME, "face of a person",
          job);
    json_t *j = wait_job(job, NULL, "done"), *avatar = json_object_get(j, "avatar");
    assert_string_equal(member(j, "id"), "eileen-collins");
    assert_string_equal(member(avatar, "id"), "eileen-collins");
    assert_string_equal(member(avatar, "name"), "Eileen Collins");
    assert_string_equal(member(avatar, "preview"), "/api/avatars/eileen-collins/preview.jpg");
    assert_true(json_is_null(json_object_get(j, "problem")));
    assert_float_equal(json_real_value(json_object_get(j, "progress")), 1, 0);
    snprintf(line, sizeof line, "16 bytes, sum %u", sum_of("face of a person", 16));
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "found"), 0)), line);
    json_decref(j);

    json_t *one = listed("eileen-collins", ME);
    assert_non_null(one);
    assert_string_equal(member(one, "engine"), "fake");
    assert_string_equal(member(one, "gender"), "female");
    assert_string_equal(member(one, "note"), "");
    assert_true(json_is_true(json_object_get(one, "removable")));
    json_decref(one);

    struct http_response r;
    assert_true(http_request_to(world.port, "GET", "/api/avatars/eileen-collins/preview.jpg", NULL, &r));
    assert_int_equal(r.status, 200);
    assert_string_equal(http_header(&r, "content-type"), "image/jpeg");
    assert_int_equal(r.len, 15);
    http_free(&r);
    tell("GET", "/api/avatars/eileen-collins/poster.jpg?size=256", NULL, 200);
    tell("GET", "/api/avatars/fake/preview.jpg", NULL, 404); /* it was not uploaded */
    tell("GET", "/api/avatars/nobody/preview.jpg", NULL, 404);

    tell("DELETE", "/api/avatars/eileen-collins", NULL, 204);
    assert_null(listed("eileen-collins", NULL));
    tell("DELETE", "/api/avatars/eileen-collins", NULL, 404);
    tell("GET", "/api/avatars/eileen-collins/preview.jpg", NULL, 404);
    assert_int_equal(count_files(), 0);
}

/* Far more than is held at a time: every byte arrives, in order. */
static void test_large_file(void **state)
{
    (void)state;
    enum { LEN = 30000000 };
    char *bytes = ac_alloc(LEN), line[64];
    unsigned x = 7;
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    memcpy(bytes, "face ", 5);
    int status;
    json_t *j = upload(GOOD "Large", NULL, bytes, LEN, &status);
    assert_int_equal(status, 202);
    char job[96];
    snprintf(job, sizeof job, "/api/avatars/jobs/%s", member(j, "job"));
    json_decref(j);
    j = wait_job(job, NULL, "done");
    snprintf(line, sizeof line, "%d bytes, sum %u", LEN, sum_of(bytes, LEN));
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "found"), 0)), line);
    json_decref(j);
    free(bytes);
}

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *query, *id, *name;
    } cases[] = {
        {"Ann%20%26%20Bob%3D2", "ann-bob-2", "Ann & Bob=2"},
        {"ANN+BOB%3D2", "ann-bob-2-2", NULL},
        {"%E6%9F%AF%E6%9E%97%E6%96%AF", "avatar", "\xe6\x9f\xaf\xe6\x9e\x97\xe6\x96\xaf"},
        {"%E6%9D%8E", "avatar-2", NULL},
        {"fake", "fake-2", "fake"}, /* one that is no upload */
        {"..%2F..%2Fetc", "etc", "../../etc"},
        {"X&id=my_own-1", "my_own-1", "X"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = ac_asprintf(GOOD "%s", cases[i].query), job[96];
        begin(path, NULL, "face", job);
        json_t *j = wait_job(job, NULL, "done"), *avatar = json_object_get(j, "avatar");
        assert_string_equal(member(avatar, "id"), cases[i].id);
        if (cases[i].name)
            assert_string_equal(member(avatar, "name"), cases[i].name);
        json_decref(j);
        free(path);
    }
    refused(GOOD "X&id=my_own-1", NULL, "face", 409, "id_taken");
    refused(GOOD "X&id=fake", NULL, "face", 409, "id_taken");
}

/* ---- refusals ---- */

static void test_fields(void **state)
{
    (void)state;
    char *long_name = ac_asprintf(GOOD "%041d", 0), *long_value = ac_asprintf(GOOD "X&licence=%0600d", 0),
         *huge_value = ac_asprintf(GOOD "X&licence=%02000d", 0),
         *huge_field = ac_asprintf(GOOD "X&%01500d=1", 0);
    const struct {
        const char *path, *headers;
        int status;
        const char *code;
    } cases[] = {
        {"/api/avatars", NULL, 422, "name"},
        {"/api/avatars?consent=true", NULL, 422, "name"},
        {GOOD, NULL, 422, "name"},
        {GOOD "%20%20", NULL, 422, "name"},
        {GOOD "a%09b", NULL, 422, "name"},
        {GOOD "%FF%FE", NULL, 422, "name"},
        {long_name, NULL, 422, "name"},
        {"/api/avatars?name=X", NULL, 422, "consent"},
        {"/api/avatars?name=X&consent=false", NULL, 422, "consent"},
        {"/api/avatars?name=X&consent", NULL, 422, "consent"},
        {GOOD "X&gender=other", NULL, 422, "gender"},
        {GOOD "X&id=..", NULL, 422, "id"},
        {GOOD "X&id=A", NULL, 422, "id"},
        {GOOD "X&id=-a", NULL, 422, "id"},
        {GOOD "X&licence=a%7Fb", NULL, 422, "licence"},
        {long_value, NULL, 422, "licence"},
        {huge_value, NULL, 422, "field"},
        {huge_field, NULL, 422, "field"},
        {GOOD "X&colour=red", NULL, 400, "field"},
        {GOOD "X", "Content-Type: multipart/form-data; boundary=x\r\n", 415, "form"},
        {GOOD "X", "Content-Type: Multipart/Form-Data\r\n", 415, "form"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].path, cases[i].headers, "face", cases[i].status, cases[i].code);
    refused(GOOD "X", NULL, "", 400, "empty");
    free(long_name);
    free(long_value);
    free(huge_value);
    free(huge_field);
    tell("POST", "/api/avatars?name=X&consent=true", "Transfer-Encoding: chunked\r\n", 411);
    tell("POST", "/api/avatars?name=X&consent=true", "Origin: https://evil.example\r\nContent-Length: 4\r\n",
         403);
    assert_int_equal(count_files(), 0);
}

static void test_maker_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
        const char *code, *sentence;
    } cases[] = {
        {"nobody here", 422, "face_none", "there is no face"},
        {"break", 503, "engine_failed", "told to break"},
    };
    for (size_t i = 0; i < 2; i++) {
        char job[96];
        begin(GOOD "X", NULL, cases[i].text, job);
        json_t *j = wait_job(job, NULL, "failed"), *p = json_object_get(j, "problem");
        assert_int_equal(json_integer_value(json_object_get(p, "status")), cases[i].status);
        assert_string_equal(member(p, "code"), cases[i].code);
        assert_non_null(strstr(member(p, "detail"), cases[i].sentence));
        assert_true(json_is_null(json_object_get(j, "avatar")));
        json_decref(j);
        tell("DELETE", job, NULL, 204); /* forgotten */
        tell("GET", job, NULL, 404);
        assert_null(listed("x", NULL));
    }
    assert_int_equal(count_files(), 0);
}

static void test_progress_and_cancel(void **state)
{
    (void)state;
    char job[96];
    double before = 0;
    begin(GOOD "Slow", NULL, "slow", job);
    json_decref(wait_job(job, NULL, "running"));
    for (int i = 0; i < 10; i++) {
        json_t *j = ask("GET", job, NULL, 200);
        double now = json_real_value(json_object_get(j, "progress"));
        assert_true(now >= before && now <= 1);
        if (!strcmp(member(j, "state"), "running") && now > 0)
            assert_true(strlen(member(j, "step")) > 0);
        before = now;
        json_decref(j);
        ac_sleep_us(20000);
    }
    assert_true(before > 0);
    json_decref(wait_job(job, NULL, "done"));
    tell("DELETE", "/api/avatars/slow", NULL, 204);

    begin(GOOD "Hang", NULL, "hang", job);
    await(job, "running");
    refused(GOOD "Second", NULL, "face", 429, "one_at_a_time");
    tell("DELETE", job, NULL, 204);
    await(job, "cancelled");
    assert_null(listed("hang", NULL));
    tell("DELETE", "/api/avatars/jobs/0123456789abcdef0123456789abcdef", NULL, 404);
    assert_int_equal(count_files(), 0);
}

/* ---- bodies that are not as announced ---- */

static size_t settle(void)
{
    for (int i = 0; i < 200 && count_files(); i++)
        ac_sleep_us(10000);
    return count_files();
}

/* Waits until the upload is an avatar. */
static void await_listed(const char *id)
{
    for (int i = 0;; i++) {
        json_t *one = listed(id, NULL);
        bool there = one && json_object_get(one, "preview");
        json_decref(one);
        if (there)
            return;
        assert_true(i < 1000);
        ac_sleep_us(10000);
    }
}

static void test_cut_off(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) { /* more than may be under way */
        int fd = dial();
        put(fd, half);
        ac_sleep_us(20000);
        close(fd);
    }
    for (int i = 0;; i++) { /* the server sees the ends in its own time */
        int status;
        json_decref(upload(GOOD "After", NULL, "face", 4, &status));
        if (status == 202)
            break;
        assert_true(status == 429 && i < 200);
        ac_sleep_us(10000);
    }
    await_listed("after");
    tell("DELETE", "/api/avatars/after", NULL, 204);
    assert_int_equal(settle(), 0);
}

static int open_quick(void **state)
{
    static const char *const sets[] = {"server.request_timeout_s=1", "server.upload_timeout_s=2",
                                       "server.max_upload_mb=1", NULL};
    static const struct ac_server_tuning tuning = {.make_s = 1};
    (void)state;
    world_open(&world, sets, &tuning);
    return 0;
}

/* Half an upload, and then a byte at a time until there is an answer; its status, 0 where it was lost. */
static int trickle(void)
{
    char c;
    int fd = dial();
    put(fd, half);
    for (int i = 0; i < 60 && recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0; i++) {
        ac_sleep_us(200000);
        if (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
            send(fd, "x", 1, MSG_NOSIGNAL);
    }
    return read_status(fd);
}

static void test_slow_and_large(void **state)
{
    (void)state;
    int fd = dial();
    put(fd, half); /* and then nothing: closed */
    assert_int_equal(read_status(fd), 0);

    /* a byte now and then: told, when the whole has taken too long, unless a byte crosses the answer */
    int status = 0;
    for (int i = 0; status != 408 && i < 5; i++)
        status = trickle();
    assert_int_equal(status, 408);

    fd = dial(); /* refused for what is announced, before it comes */
    put(fd, "POST " GOOD "X HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000001\r\n\r\n");
    assert_int_equal(read_status(fd), 413);
    fd = dial();
    put(fd, "POST " GOOD "X HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n");
    assert_int_equal(read_status(fd), 413);
    fd = dial();
    put(fd, "POST " GOOD "X HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n");
    status = read_status(fd);
    assert_true(status == 400 || status == 413 || status == 0);

    fd = dial(); /* more comes than was announced: that is another request, and no good one */
    put(fd, "POST " GOOD "Exact HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nfaceGARBAGE\r\n\r\n");
    assert_int_equal(read_status(fd), 202);
    await_listed("exact");
    tell("DELETE", "/api/avatars/exact", NULL, 204);
    assert_int_equal(settle(), 0);
}

static void test_made_too_slowly(void **state)
{
    (void)state;
    char job[96];
    begin(GOOD "Hang", NULL, "hang", job);
    json_t *j = wait_job(job, NULL, "failed"), *p = json_object_get(j, "problem");
    assert_string_equal(member(p, "code"), "slow");
    assert_non_null(strstr(member(p, "detail"), "within 1 s"));
    json_decref(j);
}

/* ---- who ---- */

static int open_behind_proxy(void **state)
{
    static const char *const sets[] = {"server.trusted_proxies=127.0.0.1", "server.avatar_uploads=clients",
                                       NULL};
    (void)state;
    world_open(&world, sets, NULL);
    return 0;
}

/* One at a time of each, and few of all. */
static void test_how_many(void **state)
{
    (void)state;
    static const char *const from[] = {FROM("192.0.2.1"), FROM("192.0.2.2"), FROM("192.0.2.3"),
                                       FROM("192.0.2.4"), FROM("192.0.2.5")};
    char job[4][96];
    for (size_t i = 0; i < 4; i++)
        begin(GOOD "X", from[i], "hang", job[i]);
    refused(GOOD "X", from[0], "face", 429, "one_at_a_time");
    refused(GOOD "X", from[4], "face", 503, "busy");
    json_decref(wait_job(job[0], NULL, "running"));
    json_t *j = ask("GET", job[2], NULL, 200);
    assert_string_equal(member(j, "state"), "waiting");
    json_decref(j);
    tell("DELETE", job[2], from[2], 204); /* it never began */
    tell("GET", job[2], NULL, 404);
    for (size_t i = 0; i < 4; i++)
        if (i != 2)
            tell("DELETE", job[i], NULL, 204);
    json_decref(wait_job(job[0], NULL, "cancelled"));
}

/* Whose it is: another client may look, but not remove. */
static void test_whose(void **state)
{
    (void)state;
    char job[96];
    begin(GOOD "Mine", FROM("192.0.2.1") ME, "face", job);
    await(job, "done");
    json_t *one = listed("mine", FROM("192.0.2.2") HER);
    assert_true(json_is_false(json_object_get(one, "removable")));
    json_decref(one);
    one = listed("mine", FROM("192.0.2.2") ME); /* the name counts, not the place */
    assert_true(json_is_true(json_object_get(one, "removable")));
    json_decref(one);
    json_t *j = ask("DELETE", "/api/avatars/mine", FROM("192.0.2.2") HER, 403);
    assert_string_equal(member(j, "code"), "not_yours");
    json_decref(j);
    tell("DELETE", "/api/avatars/mine", FROM("192.0.2.1"), 403);
    tell("DELETE", "/api/avatars/fake", FROM("192.0.2.1") ME, 404);

    char path[200];
    path_of(path, "mine/upload.json"); /* the name itself is told to nobody */
    char *text;
    size_t len;
    assert_int_equal(ac_read_file(path, 4096, &text, &len), 0);
    assert_null(strstr(text, "mine"));
    free(text);

    struct ws_client c; /* not while it is shown */
    open_client(&c, world.port, "/ws/shown");
    size_t from = c.n;
    ws_text(&c, "{\"type\":\"hello\",\"avatar\":\"mine\"}");
    expect(&c, "session_ready", from);
    j = ask("DELETE", "/api/avatars/mine", FROM("192.0.2.1") ME, 409);
    assert_string_equal(member(j, "code"), "shown");
    json_decref(j);
    ws_close(&c);
    for (int i = 0;; i++) {
        struct http_response r;
        assert_true(http_request_to(world.port, "DELETE", "/api/avatars/mine", FROM("192.0.2.1") ME, &r));
        int status = r.status;
        http_free(&r);
        if (status == 204)
            break;
        assert_true(status == 409 && i < 200);
        ac_sleep_us(10000);
    }
}

struct right {
    const char *setting;
    bool tokens;
    const char *headers;
    int status;
};

static void test_rights(void **state)
{
    (void)state;
    static const struct right cases[] = {
        {"server.avatar_uploads=admin", false, "", 202},
        {"server.avatar_uploads=admin", false, FROM("192.0.2.1"), 403},
        {"server.avatar_uploads=clients", false, FROM("192.0.2.1"), 202},
        {"server.avatar_uploads=none", false, "", 403},
        {"server.avatar_uploads=admin", true, "", 401},
        {"server.avatar_uploads=admin", true, BEARER(CLIENT_TOKEN), 401},
        {"server.avatar_uploads=admin", true, BEARER(ADMIN_TOKEN), 202},
        {"server.avatar_uploads=clients", true, "", 401},
        {"server.avatar_uploads=clients", true, BEARER(CLIENT_TOKEN), 202},
        {"server.avatar_uploads=clients", true, BEARER(ADMIN_TOKEN), 202},
        {"server.avatar_uploads=none", true, BEARER(ADMIN_TOKEN), 403},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct right *c = &cases[i];
        const char *sets[] = {c->setting, "server.trusted_proxies=127.0.0.1", NULL};
        if (c->tokens) {
            setenv("AVATAR_CHAT_CLIENT_TOKENS", CLIENT_TOKEN, 1);
            setenv("AVATAR_CHAT_ADMIN_TOKEN", ADMIN_TOKEN, 1);
        }
        world_open(&world, sets, NULL);
        unsetenv("AVATAR_CHAT_CLIENT_TOKENS");
        unsetenv("AVATAR_CHAT_ADMIN_TOKEN");
        json_t *s = ask("GET", "/api/status", c->headers, 200), *u = json_object_get(s, "uploads");
        assert_int_equal(json_is_true(json_object_get(u, "allowed")), c->status == 202);
        assert_int_equal(json_integer_value(json_object_get(u, "max_bytes")), 100000000);
        json_decref(s);
        int status;
        json_t *j = upload(GOOD "X", c->headers, "face", 4, &status);
        if (status != c->status)
            fail_msg("case %zu: %d", i, status);
        if (status != 202)
            tell("DELETE", "/api/avatars/fake", c->headers, c->status);
        if (status != 202)
            tell("GET", "/api/avatars/jobs/x", c->headers, c->status);
        json_decref(j);
        world_close(&world);
        clear();
    }
}

/* ---- ends ---- */

static void test_stop_in_between(void **state)
{
    (void)state;
    char job[96], path[200];
    open_behind_proxy(NULL);
    begin(GOOD "A", FROM("192.0.2.1"), "hang", job);
    await(job, "running");
    begin(GOOD "B", FROM("192.0.2.2"), "face", job);
    int fd = dial();
    put(fd, half);
    ac_sleep_us(50000);
    world_close(&world);
    close(fd);
    assert_int_equal(count_files(), 0);
    /* and what a killed server left is gone after the next start */
    path_of(path, ".removed-x-1");
    assert_int_equal(mkdir(path, 0755), 0);
    path_of(path, ".removed-x-1/a.jpg");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    open_behind_proxy(NULL);
    assert_int_equal(count_files(), 0);
    world_close(&world);
}

static void test_folder_cannot_be(void **state)
{
    (void)state;
    char path[200];
    clear();
    snprintf(path, sizeof path, "%s/avatars", data);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    world_open(&world, NULL, NULL);
    int status;
    json_t *j = upload(GOOD "X", NULL, "face", 4, &status);
    assert_int_equal(status, 503);
    assert_non_null(strstr(member(j, "detail"), "Not a directory"));
    json_decref(j);
    world_close(&world);
    unlink(path);
}

/* ---- worlds ---- */

static int open_plain(void **state)
{
    (void)state;
    world_open(&world, NULL, NULL);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    clear();
    return 0;
}

static int clear_folder(void **state)
{
    (void)state;
    clear();
    return 0;
}

#define CLEARED(test) cmocka_unit_test_teardown(test, clear_folder)

int main(void)
{
    const struct CMUnitTest plain[] = {
        CLEARED(test_whole_way), CLEARED(test_large_file),    CLEARED(test_ids),
        CLEARED(test_fields),    CLEARED(test_maker_refuses), CLEARED(test_progress_and_cancel),
        CLEARED(test_cut_off),
    };
    const struct CMUnitTest quick[] = {CLEARED(test_slow_and_large), CLEARED(test_made_too_slowly)};
    const struct CMUnitTest proxied[] = {CLEARED(test_how_many), CLEARED(test_whose)};
    const struct CMUnitTest own[] = {CLEARED(test_rights), CLEARED(test_stop_in_between),
                                     CLEARED(test_folder_cannot_be)};
    if (!mkdtemp(data))
        return 1;
    setenv("AVATAR_CHAT_DATA", data, 1);
    int failed = cmocka_run_group_tests(plain, open_plain, close_world);
    failed += cmocka_run_group_tests(quick, open_quick, close_world);
    failed += cmocka_run_group_tests(proxied, open_behind_proxy, close_world);
    failed += cmocka_run_group_tests(own, NULL, NULL);
    rmdir(data);
    return failed;
}
