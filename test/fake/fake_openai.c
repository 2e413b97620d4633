/* The server: connections, requests, routes (fake_openai.h). What a chat request is answered is in
 * fake_openai_answer.c. */
#include "fake/fake_openai.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake/fake_openai_private.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 256, MAX_REQUESTS = 4096, MAX_BODY = 16 << 20 };

struct fake_openai {
    struct fake_openai_config config;
    int fd;
    char origin[64], url[72];
    pthread_t thread;
    pthread_mutex_t lock;
    /* lock */
    bool stop;
    pthread_t threads[MAX_CONNECTIONS];
    int fds[MAX_CONNECTIONS];
    size_t n_connections, n_requests, n_chats;
    struct {
        char *head, *body;
        size_t connection;
    } requests[MAX_REQUESTS];
};

/* ---- a connection ---- */

bool fake_conn_stopping(struct fake_conn *c)
{
    pthread_mutex_lock(&c->server->lock);
    bool stop = c->server->stop;
    pthread_mutex_unlock(&c->server->lock);
    return stop;
}

bool fake_conn_wait(struct fake_conn *c, int ms)
{
    for (int64_t until = ac_now_us() + ms * INT64_C(1000), now; (now = ac_now_us()) < until;) {
        struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};
        int left = (int)((until - now + 999) / 1000);
        if (fake_conn_stopping(c) || poll(&p, 1, left < 20 ? left : 20) > 0)
            return false;
    }
    return true;
}

bool fake_conn_send(struct fake_conn *c, const char *data, size_t n)
{
    while (n > 0 && !c->broken) {
        ssize_t sent = send(c->fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            c->broken = true;
            break;
        }
        data += sent;
        n -= (size_t)sent;
    }
    return !c->broken;
}

void fake_conn_reply(struct fake_conn *c, int status, const char *type, const char *head, const char *body)
{
    struct ac_str s = {0};

    ac_str_addf(&s, "HTTP/1.1 %d Scripted\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                type, strlen(body), head ? head : "", body);
    fake_conn_send(c, s.p, s.len);
    ac_str_free(&s);
}

/* Reads the next request; head and body are malloc'ed. What follows it stays in `in`. */
static bool read_request(struct fake_conn *c, struct ac_str *in, char **head, char **body)
{
    char block[16384];
    size_t head_len = 0, need = 0;

    while (!need || in->len < need) {
        char *end = head_len || !in->len ? NULL : strstr(in->p, "\r\n\r\n");
        if (end) {
            const char *length = strcasestr(in->p, "\r\ncontent-length:");
            head_len = (size_t)(end - in->p) + 4;
            need = head_len + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
            continue;
        }
        ssize_t got = in->len < MAX_BODY ? recv(c->fd, block, sizeof block, 0) : 0;
        if (got <= 0)
            return false;
        ac_str_add_n(in, block, (size_t)got);
    }
    *head = ac_strndup(in->p, head_len);
    *body = ac_strndup(in->p + head_len, need - head_len);
    memmove(in->p, in->p + need, in->len - need + 1);
    in->len -= need;
    return true;
}

/* ---- answering ---- */

static bool has_key(const char *head, const char *key)
{
    char bearer[256], azure[256];

    snprintf(bearer, sizeof bearer, "\r\nAuthorization: Bearer %s\r\n", key);
    snprintf(azure, sizeof azure, "\r\napi-key: %s\r\n", key);
    return strcasestr(head, bearer) || strcasestr(head, azure);
}

static bool has_model(const char *body, const char *model)
{
    json_t *root = json_loads(body, 0, NULL);
    const char *asked = json_string_value(json_object_get(root, "model"));
    bool same = asked && strcmp(asked, model) == 0;

    json_decref(root);
    return same;
}

static void answer_chat(struct fake_conn *c, const char *head, const char *body, size_t i)
{
    const struct fake_openai_config *f = &c->server->config;
    static const struct fake_openai_reply echo = {0};
    const struct fake_openai_reply *r = &echo;

    if (f->key && !has_key(head, f->key)) {
        fake_conn_reply(c, 401, "application/json", NULL,
                        "{\"error\": {\"message\": \"Incorrect API key provided\", \"type\": "
                        "\"invalid_request_error\", \"code\": \"invalid_api_key\"}}");
        return;
    }
    if (f->model && !has_model(body, f->model)) {
        fake_conn_reply(
            c, 404, "application/json", NULL,
            "{\"error\": {\"message\": \"The model does not exist or you do not have access to it.\", "
            "\"type\": \"invalid_request_error\", \"code\": \"model_not_found\"}}");
        return;
    }
    if (f->choose)
        r = f->choose(f->arg, i, body);
    else if (f->n)
        r = &f->replies[i < f->n ? i : f->n - 1];
    fake_openai_answer(c, r, body, i);
}

static void answer(struct fake_conn *c, const char *head, const char *body, size_t chat)
{
    const struct fake_openai_config *f = &c->server->config;
    const struct fake_openai_route *r = NULL;
    char models[256];

    for (size_t i = 0; i < f->n_routes && !r; i++)
        if (strncmp(head, f->routes[i].request, strlen(f->routes[i].request)) == 0)
            r = &f->routes[i];
    snprintf(models, sizeof models,
             "{\"object\": \"list\", \"data\": [{\"id\": \"%s\", \"object\": \"model\"}]}",
             f->model ? f->model : "test");
    if (r) {
        if (fake_conn_wait(c, r->delay_ms))
            fake_conn_reply(c, r->status ? r->status : 200, "application/json", r->head,
                            r->body ? r->body : "");
    } else if (chat != SIZE_MAX) {
        answer_chat(c, head, body, chat);
    } else if (strncmp(head, "GET ", 4) == 0 && strstr(head, "/models")) {
        fake_conn_reply(c, 200, "application/json", NULL, models);
    } else {
        fake_conn_reply(c, 404, "application/json", NULL, "{\"detail\": \"Not Found\"}");
    }
}

/* Remembers the request; its number among the chat requests, SIZE_MAX where it is none. */
static size_t note(struct fake_conn *c, char *head, char *body)
{
    struct fake_openai *s = c->server;
    const char *line_end = strstr(head, "\r\n"), *path = strstr(head, "/chat/completions");
    bool is_chat = strncmp(head, "POST ", 5) == 0 && path && path < line_end;

    pthread_mutex_lock(&s->lock);
    if (s->n_requests == MAX_REQUESTS)
        abort();
    s->requests[s->n_requests].head = head;
    s->requests[s->n_requests].body = body;
    s->requests[s->n_requests++].connection = c->number;
    size_t i = is_chat ? s->n_chats++ : SIZE_MAX;
    pthread_mutex_unlock(&s->lock);
    return i;
}

static void *serve(void *arg)
{
    struct fake_conn *c = arg;
    struct ac_str in = {0};
    char *head, *body;

    while (!c->broken && read_request(c, &in, &head, &body)) {
        size_t chat = note(c, head, body);
        answer(c, head, body, chat);
    }
    ac_str_free(&in);
    shutdown(c->fd, SHUT_RDWR); /* closed at the stop, so that the number is nobody else's until then */
    free(c);
    return NULL;
}

static void *run(void *arg)
{
    struct fake_openai *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL), one = 1;
        pthread_mutex_lock(&s->lock);
        bool stop = s->stop || fd < 0;
        if (!stop) {
            struct fake_conn *c = ac_zalloc(sizeof *c);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            if (s->n_connections == MAX_CONNECTIONS)
                abort();
            *c = (struct fake_conn){.server = s, .fd = fd, .number = s->n_connections};
            s->fds[s->n_connections] = fd;
            if (pthread_create(&s->threads[s->n_connections++], NULL, serve, c) != 0)
                abort();
        }
        pthread_mutex_unlock(&s->lock);
        if (stop) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
    }
}

/* ---- from outside ---- */

struct fake_openai *fake_openai_start(const struct fake_openai_config *config)
{
    struct fake_openai *s = ac_zalloc(sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)config->port)};
    socklen_t len = sizeof a;
    int one = 1;

    s->config = *config;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->fd, 64) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&a, &len) != 0) {
        close(s->fd);
        free(s);
        return NULL;
    }
    snprintf(s->origin, sizeof s->origin, "http://127.0.0.1:%d", ntohs(a.sin_port));
    snprintf(s->url, sizeof s->url, "%s/v1", s->origin);
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        abort();
    return s;
}

void fake_openai_stop(struct fake_openai *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    shutdown(s->fd, SHUT_RDWR); /* wakes accept */
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (size_t i = 0; i < s->n_connections; i++)
        shutdown(s->fds[i], SHUT_RDWR);
    for (size_t i = 0; i < s->n_connections; i++) {
        pthread_join(s->threads[i], NULL);
        close(s->fds[i]);
    }
    for (size_t i = 0; i < s->n_requests; i++) {
        free(s->requests[i].head);
        free(s->requests[i].body);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *fake_openai_url(const struct fake_openai *s)
{
    return s->url;
}

const char *fake_openai_origin(const struct fake_openai *s)
{
    return s->origin;
}

/* The i-th request that begins so, or how many there are where out is NULL. */
static size_t look(struct fake_openai *s, const char *request, size_t i, struct fake_openai_request *out)
{
    size_t n = 0;

    pthread_mutex_lock(&s->lock);
    for (size_t k = 0; k < s->n_requests; k++) {
        if (strncmp(s->requests[k].head, request, strlen(request)) != 0)
            continue;
        if (out && n == i)
            *out = (struct fake_openai_request){s->requests[k].head, s->requests[k].body,
                                                s->requests[k].connection};
        n++;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t fake_openai_count(struct fake_openai *s, const char *request)
{
    return look(s, request, 0, NULL);
}

bool fake_openai_get(struct fake_openai *s, const char *request, size_t i, struct fake_openai_request *out)
{
    return look(s, request, i, out) > i;
}
