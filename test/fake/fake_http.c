/* A thread that accepts, and one for each connection (fake_http.h). */
#include "fake/fake_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

enum { MAX_REQUESTS = 32, MAX_CONNECTIONS = 512, LOOK_US = 20000, TLS_HELLO = 0x16 };

struct connection {
    struct fake_http *server;
    int fd;
    pthread_t thread;
};

struct fake_http {
    const struct fake_reply *script;
    size_t n;
    int fd;
    char url[64];
    pthread_t thread;
    struct connection connections[MAX_CONNECTIONS]; /* the accepting thread's, and the stop's after it */
    pthread_mutex_t lock;                           /* for what follows */
    struct ac_str requests[MAX_REQUESTS];
    size_t n_requests, n_connections;
    bool stop;
};

static bool stopped(struct fake_http *s)
{
    pthread_mutex_lock(&s->lock);
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return stop;
}

/* Sleeps, but not longer than the server lives. */
static void rest(struct fake_http *s, int ms)
{
    int64_t left_us, until_us = ac_now_us() + (int64_t)ms * 1000;

    while ((left_us = until_us - ac_now_us()) > 0 && !stopped(s))
        ac_sleep_us(left_us < LOOK_US ? left_us : LOOK_US);
}

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
        if (r->p[0] == TLS_HELLO)
            return true; /* the other side waits for an answer to that */
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

/* ---- replies ---- */

static size_t piece_len(const struct fake_piece *p)
{
    return p->len ? p->len : p->data ? strlen(p->data) : 0;
}

static bool send_piece(struct connection *c, const struct fake_piece *p, bool chunked)
{
    char size[24];
    size_t len = piece_len(p);

    rest(c->server, p->after_ms);
    if (!chunked)
        return send_all(c->fd, p->data, len);
    if (len == 0)
        return true; /* an empty chunk would be the last */
    snprintf(size, sizeof size, "%zx\r\n", len);
    return send_all(c->fd, size, strlen(size)) && send_all(c->fd, p->data, len) && send_all(c->fd, "\r\n", 2);
}

/* At most `most` bytes of the pieces. False when the connection is of no use any more. */
static bool send_pieces(struct connection *c, const struct fake_reply *r, const struct fake_piece *pieces,
                        size_t n, size_t most)
{
    for (size_t i = 0; i < n; i++) {
        struct fake_piece p = pieces[i];
        p.len = piece_len(&p);
        bool last = p.len > most;
        if (last)
            p.len = most;
        most -= p.len;
        if ((p.len || !last) && !send_piece(c, &p, r->chunked))
            return false;
        if (last)
            return false;
    }
    return !r->chunked || send_all(c->fd, "0\r\n\r\n", 5);
}

static bool reply(struct connection *c, const struct fake_reply *r, const char *request)
{
    struct fake_piece whole = {.data = r->body, .len = r->len};
    const struct fake_piece *pieces = r->n_pieces ? r->pieces : &whole;
    size_t n = r->n_pieces ? r->n_pieces : 1, len = 0, from = 0;
    const char *range = r->ranges ? strcasestr(request, "\r\nrange: bytes=") : NULL;
    struct ac_str head = {0};
    int status = r->status;

    if (status == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        len += piece_len(&pieces[i]);
    if (range) {
        from = strtoul(range + 15, NULL, 10);
        status = from < len ? 206 : 416;
    }
    whole.len = status == 416 ? 0 : len - from;
    whole.data = whole.len ? whole.data + from : NULL;
    ac_str_addf(&head, "HTTP/1.1 %d Scripted\r\n%s%s", status, r->keep ? "" : "Connection: close\r\n",
                r->head ? r->head : "");
    if (r->chunked)
        ac_str_add(&head, "Transfer-Encoding: chunked\r\n");
    else
        ac_str_addf(&head, "Content-Length: %zu\r\n", status == 416 ? 0 : len - from);
    if (status == 206)
        ac_str_addf(&head, "Content-Range: bytes %zu-%zu/%zu\r\n", from, len - 1, len);
    ac_str_add(&head, "\r\n");
    bool sent = send_all(c->fd, head.p, head.len);
    if (sent && strncmp(request, "HEAD ", 5) != 0)
        sent = send_pieces(c, r, pieces, n, r->break_at ? r->break_at : (size_t)-1);
    ac_str_free(&head);
    return sent && r->keep;
}

/* One request and its reply. False when the connection is to be closed. */
static bool serve(struct connection *c)
{
    struct fake_http *s = c->server;
    struct ac_str request = {0};

    if (!read_request(c->fd, &request)) {
        ac_str_free(&request);
        return false;
    }
    pthread_mutex_lock(&s->lock);
    size_t i = s->n_requests++;
    if (i < MAX_REQUESTS)
        s->requests[i] = request;
    pthread_mutex_unlock(&s->lock);
    const struct fake_reply *r = &s->script[i < s->n ? i : s->n - 1];
    rest(s, r->delay_ms);
    bool keep = reply(c, r, request.p);
    if (i >= MAX_REQUESTS)
        ac_str_free(&request);
    return keep;
}

static void *run_connection(void *arg)
{
    struct connection *c = arg;

    while (!stopped(c->server) && serve(c)) {
    }
    shutdown(c->fd, SHUT_WR);
    return NULL;
}

/* ---- start and stop ---- */

static void *run(void *arg)
{
    struct fake_http *s = arg;

    for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
        struct connection *c = &s->connections[i];
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        *c = (struct connection){.server = s, .fd = fd};
        pthread_mutex_lock(&s->lock);
        s->n_connections++; /* before its first request is counted */
        pthread_mutex_unlock(&s->lock);
        if (pthread_create(&c->thread, NULL, run_connection, c) != 0)
            abort();
    }
    fprintf(stderr, "fake_http: more than %d connections\n", MAX_CONNECTIONS);
    abort();
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
    if (bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->fd, 64) != 0 ||
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
    for (size_t i = 0; i < s->n_connections; i++) {
        shutdown(s->connections[i].fd, SHUT_RDWR);
        pthread_join(s->connections[i].thread, NULL);
        close(s->connections[i].fd);
    }
    for (size_t i = 0; i < s->n_requests && i < MAX_REQUESTS; i++)
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

size_t fake_http_connections(struct fake_http *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n_connections;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const char *fake_http_request(struct fake_http *s, size_t i, size_t *len)
{
    const char *p = NULL;

    pthread_mutex_lock(&s->lock);
    if (i < s->n_requests && i < MAX_REQUESTS) {
        p = s->requests[i].p;
        *len = s->requests[i].len;
    }
    pthread_mutex_unlock(&s->lock);
    return p;
}
