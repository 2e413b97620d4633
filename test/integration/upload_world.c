/* See upload_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "integration/upload_world.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char data[] = "/tmp/avatar-chat-upload-XXXXXX";
struct world world;

/* ---- the folder ---- */

void upload_path(char path[200], const char *name)
{
    snprintf(path, 200, "%s/avatars/%s", data, name);
}

/* How many names are in the folder, hidden ones too. */
size_t upload_files(void)
{
    char path[200];
    size_t n = 0;
    upload_path(path, "");
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return n;
}

void upload_clear(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s/avatars'", data);
    assert_int_equal(system(command), 0);
}

bool upload_begin_all(void)
{
    return mkdtemp(data) && !setenv("AVATAR_CHAT_DATA", data, 1);
}

void upload_end_all(void)
{
    rmdir(data);
}

/* ---- requests ---- */

json_t *ask(const char *method, const char *path, const char *headers, int status)
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

void tell(const char *method, const char *path, const char *headers, int status)
{
    json_decref(ask(method, path, headers, status));
}

const char *member(json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));
    return text ? text : "";
}

/* Uploads; the answer's body, its status in *status, its Retry-After checked. */
json_t *upload(const char *path, const char *headers, const char *bytes, size_t len, int *status)
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
void begin(const char *path, const char *headers, const char *text, char job[96])
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
void refused(const char *path, const char *headers, const char *text, int want, const char *code)
{
    int status;
    json_t *j = upload(path, headers, text, strlen(text), &status);
    if (status != want || strcmp(member(j, "code"), code) != 0 || strlen(member(j, "detail")) < 20)
        fail_msg("%s: %d %s: %s", path, status, member(j, "code"), member(j, "detail"));
    json_decref(j);
}

/* Waits until the job is in the state. */
json_t *wait_job(const char *job, const char *headers, const char *state)
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

void await_job(const char *job, const char *state)
{
    json_decref(wait_job(job, NULL, state));
}

/* The avatar's entry in the list, or NULL. */
json_t *listed(const char *id, const char *headers)
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

int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)world.port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

void put(int fd, const char *text)
{
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0);
}

const char upload_half[] =
    "POST " GOOD "Half HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\nface ";

/* Reads until the server closes; the status, 0 without an answer. */
int read_status(int fd)
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

size_t upload_settle(void)
{
    for (int i = 0; i < 200 && upload_files(); i++)
        ac_sleep_us(10000);
    return upload_files();
}

/* Waits until the upload is an avatar. */
void await_listed(const char *id)
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

/* ---- worlds ---- */

int upload_open_behind_proxy(void **state)
{
    static const char *const sets[] = {"server.trusted_proxies=127.0.0.1", "server.avatar_uploads=clients",
                                       NULL};
    (void)state;
    world_open(&world, sets, NULL);
    return 0;
}

int upload_open_plain(void **state)
{
    (void)state;
    world_open(&world, NULL, NULL);
    return 0;
}

int upload_close(void **state)
{
    (void)state;
    world_close(&world);
    upload_clear();
    return 0;
}

int upload_cleared(void **state)
{
    (void)state;
    upload_clear();
    return 0;
}
