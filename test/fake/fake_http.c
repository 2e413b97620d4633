/* One thread that serves one connection after the other (fake_http.h). */
#include "fake/fake_http.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_REQUESTS = 32 };

struct fake_http {
    const struct fake_reply *script;
    size_t n;
    int fd;
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock;
    struct ac_str requests[MAX_REQUESTS]; /* lock */
    size_t n_requests;                    /* lock */
    bool stop;                            /* lock */
};

static bool send_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Reads one request, head and announced body. */
static bool read_request(int fd, struct ac_str *r)
{
    char block[4096];
    size_t need = 0;

    while (!need || r->len < need) {
        ssize_t got = recv(fd, block, sizeof block, 0);
        if (got <= 0)
            return false;
        ac_str_add_n(r, block, (size_t)got);
        const char *end = need ? NULL : strstr(r->p, "\r\n\r\n");
        if (!end)
            continue;
        const char *length = strcasestr(r->p, "\r\ncontent-length:");
        need = (size_t)(end - r->p) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        if (strcasestr(r->p, "\r\nexpect: 100") && !send_all(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25))
            return false;
    }
    return true;
}

static void reply(int fd, const struct fake_reply *r, const char *request)
{
    size_t len = r->len ? r->len : r->body ? strlen(r->body) : 0, from = 0;
    const char *range = r->ranges ? strcasestr(request, "\r\nrange: bytes=") : NULL;
    struct ac_str head = {0};
    int status = r->status;

    if (status == 0)
        return;
    if (range) {
        from = strtoul(range + 15, NULL, 10);
        status = from < len ? 206 : 416;
    }
    size_t rest = status == 416 ? 0 : len - from, send_now = rest;
    if (r->break_at && r->break_at < rest)
        send_now = r->break_at;
    ac_str_addf(&head, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\nConnection: close\r\n%s", status, rest,
                r->head ? r->head : "");
    if (status == 206)
        ac_str_addf(&head, "Content-Range: bytes %zu-%zu/%zu\r\n", from, len - 1, len);
    ac_str_add(&head, "\r\n");
    if (send_all(fd, head.p, head.len) && send_now)
        send_all(fd, r->body + from, send_now);
    ac_str_free(&head);
}

static void serve(struct fake_http *s, int fd)
{
    struct ac_str request = {0};

    if (!read_request(fd, &request)) {
        ac_str_free(&request);
        return;
    }
    pthread_mutex_lock(&s->lock);
    size_t i = s->n_requests;
    if (i < MAX_REQUESTS)
        s->requests[s->n_requests++] = request;
    pthread_mutex_unlock(&s->lock);
    const struct fake_reply *r = &s->script[i < s->n ? i : s->n - 1];
    if (r->delay_ms)
        ac_sleep_us((int64_t)r->delay_ms * 1000);
    reply(fd, r, request.p);
    if (i >= MAX_REQUESTS)
        ac_str_free(&request);
}

static void *run(void *arg)
{
    struct fake_http *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        pthread_mutex_lock(&s->lock);
        bool stop = s->stop;
        pthread_mutex_unlock(&s->lock);
        if (fd >= 0 && !stop)
            serve(s, fd);
        if (fd >= 0) {
            shutdown(fd, SHUT_WR);
            close(fd);
        }
        if (stop || fd < 0)
            return NULL;
    }
}

struct fake_http *fake_http_start(const struct fake_reply *script, size_t n)
{
    struct fake_http *s = ac_zalloc(sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    s->script = script;
    s->n = n;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_mutex_init(&s->lock, NULL);
    if (bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->fd, 8) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&a, &len) != 0 || pthread_create(&s->thread, NULL, run, s) != 0)
        abort();
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(a.sin_port));
    return s;
}

void fake_http_stop(struct fake_http *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    shutdown(s->fd, SHUT_RDWR); /* wakes accept */
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (size_t i = 0; i < s->n_requests; i++)
        ac_str_free(&s->requests[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *fake_http_url(const struct fake_http *s)
{
    return s->url;
}

size_t fake_http_count(struct fake_http *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n_requests;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const char *fake_http_request(struct fake_http *s, size_t i, size_t *len)
{
    const char *p = NULL;

    pthread_mutex_lock(&s->lock);
    if (i < s->n_requests) {
        p = s->requests[i].p;
        *len = s->requests[i].len;
    }
    pthread_mutex_unlock(&s->lock);
    return p;
}
