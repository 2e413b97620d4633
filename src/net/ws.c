/* The callers' half of the WebSocket client (ws.h): life of a connection, its two queues, waiting. */
#include "net/ws_private.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_US = 20000, CONNECT_MS = 10000, MAX_BYTES = 4 << 20, WRITE_PADDING = 16 };

/* ---- life ---- */

struct ac_ws *ws_ref(struct ac_ws *ws)
{
    atomic_fetch_add(&ws->refs, 1);
    return ws;
}

void ws_packet_free(struct ws_packet *p)
{
    if (p)
        free(p->data);
    free(p);
}

struct ws_packet *ws_take(struct ws_packets *list)
{
    struct ws_packet *p = list->first;

    if (p) {
        list->first = p->next;
        list->bytes -= p->len;
        if (!list->first)
            list->last = NULL;
    }
    return p;
}

void ws_append(struct ws_packets *list, struct ws_packet *p)
{
    p->next = NULL;
    if (list->last)
        list->last->next = p;
    else
        list->first = p;
    list->last = p;
    list->bytes += p->len;
}

void ws_unref(struct ac_ws *ws)
{
    if (atomic_fetch_sub(&ws->refs, 1) != 1)
        return;
    for (struct ws_packet *p; (p = ws_take(&ws->in));)
        ws_packet_free(p);
    for (struct ws_packet *p; (p = ws_take(&ws->out));)
        ws_packet_free(p);
    ws_packet_free(ws->part);
    for (char **h = ws->headers; h && *h; h++)
        free(*h);
    free(ws->headers);
    free(ws->host);
    free(ws->host_header);
    free(ws->path);
    free(ws->ca_file);
    pthread_cond_destroy(&ws->changed);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}

static struct ac_ws *ws_new(const struct ac_ws_request *r)
{
    struct ac_ws *ws = ac_zalloc(sizeof *ws);
    pthread_condattr_t attr;
    size_t n = 0;

    atomic_init(&ws->refs, 1);
    ws->state = WS_CONNECTING;
    ws->max_bytes = r->max_bytes ? r->max_bytes : MAX_BYTES;
    ws->ca_file = ac_strdup(r->ca_file ? r->ca_file : "");
    while (r->headers && r->headers[n])
        n++;
    ws->headers = ac_zalloc((n + 1) * sizeof *ws->headers);
    for (size_t i = 0; i < n; i++)
        ws->headers[i] = ac_strdup(r->headers[i]);
    pthread_mutex_init(&ws->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&ws->changed, &attr);
    pthread_condattr_destroy(&attr);
    return ws;
}

void ws_finish(struct ac_ws *ws, int err, const char *reason)
{
    pthread_mutex_lock(&ws->lock);
    if (ws->state != WS_OVER) {
        if (ws->state == WS_CONNECTING && !ws->refusal.reason[0])
            snprintf(ws->refusal.reason, sizeof ws->refusal.reason, "%s", reason);
        ws->state = WS_OVER;
        ws->err = err;
    }
    pthread_cond_broadcast(&ws->changed);
    pthread_mutex_unlock(&ws->lock);
}

/* ---- connecting ---- */

static void *resolve(void *arg)
{
    struct ac_ws *ws = arg;
    const char *name = ws->proxy.port ? ws->proxy.host : ws->host;
    struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char reason[sizeof ws->refusal.reason];

    int bad = getaddrinfo(name, NULL, &hints, &list);
    if (bad) { /* a machine with nothing but its loopback has no address to be configured for */
        hints.ai_flags = 0;
        bad = getaddrinfo(name, NULL, &hints, &list);
    }
    pthread_mutex_lock(&ws->lock);
    for (struct addrinfo *a = bad ? NULL : list; a && ws->n_addresses < WS_MAX_ADDRESSES; a = a->ai_next) {
        char *to = ws->address[ws->n_addresses];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, to, sizeof ws->address[0], NULL, 0, NI_NUMERICHOST) == 0)
            ws->n_addresses++;
    }
    bool found = ws->n_addresses > 0;
    pthread_mutex_unlock(&ws->lock);
    if (list)
        freeaddrinfo(list);
    snprintf(reason, sizeof reason, "the name '%.100s' cannot be resolved: %s", name,
             bad ? gai_strerror(bad) : "it has no address");
    if (!found)
        ws_finish(ws, AC_EIO, reason);
    else if (ws_post(ws) != 0)
        ws_finish(ws, AC_ENOMEM, "there is no memory for the thread that connections run on");
    ws_unref(ws);
    return NULL;
}

static int start_resolving(struct ac_ws *ws)
{
    pthread_t thread;
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int bad = pthread_create(&thread, &attr, resolve, ws_ref(ws));
    pthread_attr_destroy(&attr);
    if (!bad)
        return 0;
    atomic_fetch_sub(&ws->refs, 1); /* the resolver's, which does not run */
    return AC_ENOMEM;
}

/* Waits for a change, at most until the time and never longer than until the next look at the token. */
static void wait_changed(struct ac_ws *ws, int64_t until_us)
{
    int64_t at = ac_now_us() + LOOK_US;

    at = at < until_us ? at : until_us;
    struct timespec ts = {.tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000};
    pthread_cond_timedwait(&ws->changed, &ws->lock, &ts);
}

static int wait_open(struct ac_ws *ws, int connect_ms, struct ac_cancel *cancel)
{
    int64_t until_us = ac_now_us() + (int64_t)connect_ms * 1000;
    int err = 0;

    pthread_mutex_lock(&ws->lock);
    while (ws->state == WS_CONNECTING && !err) {
        err = ac_cancel_reason(cancel);
        if (!err && ac_now_us() >= until_us) {
            err = AC_ETIMEDOUT;
            snprintf(ws->refusal.reason, sizeof ws->refusal.reason, "no connection within %d ms", connect_ms);
        }
        if (!err)
            wait_changed(ws, until_us);
    }
    if (!err && !ws->was_open) /* one that is over already may have left messages */
        err = ws->err;
    pthread_mutex_unlock(&ws->lock);
    return err;
}

int ac_ws_connect(struct ac_ws **out, const struct ac_ws_request *r, struct ac_ws_refusal *refusal,
                  struct ac_cancel *cancel)
{
    struct ac_ws *ws = ws_new(r);
    int err = 0;

    *out = NULL;
    if (!ws_parse_url(ws, r->url)) {
        snprintf(ws->refusal.reason, sizeof ws->refusal.reason,
                 "the address '%.100s' is none of a WebSocket, as wss://host/path", r->url);
        err = AC_EINVAL;
    }
    if (!err)
        err = ws_find_proxy(ws, r->proxy);
    if (!err)
        err = start_resolving(ws);
    if (!err)
        err = wait_open(ws, r->connect_ms ? r->connect_ms : CONNECT_MS, cancel);
    pthread_mutex_lock(&ws->lock);
    *refusal = ws->refusal;
    pthread_mutex_unlock(&ws->lock);
    if (err && !refusal->reason[0])
        snprintf(refusal->reason, sizeof refusal->reason, "%s", ac_err_text(err));
    if (err)
        ac_ws_close(ws);
    else
        *out = ws;
    return err;
}

/* ---- messages ---- */

int ac_ws_send(struct ac_ws *ws, const char *text, size_t len)
{
    struct ws_packet *p = ac_zalloc(sizeof *p);

    p->data = ac_alloc(WRITE_PADDING + len);
    memcpy(p->data + WRITE_PADDING, text, len);
    p->len = len;
    pthread_mutex_lock(&ws->lock);
    bool open = ws->state == WS_OPEN;
    if (open)
        ws_append(&ws->out, p);
    pthread_mutex_unlock(&ws->lock);
    if (!open) {
        ws_packet_free(p);
        return AC_ECLOSED;
    }
    return ws_post(ws);
}

int ac_ws_receive(struct ac_ws *ws, struct ac_ws_message *m, int wait_ms, struct ac_cancel *cancel)
{
    int64_t until_us = ac_now_us() + (int64_t)wait_ms * 1000;
    struct ws_packet *p = NULL;
    int err = ac_cancel_reason(cancel);

    pthread_mutex_lock(&ws->lock);
    while (!err && !(p = ws_take(&ws->in))) {
        if (ws->state == WS_OVER)
            err = ws->err;
        else if (ac_now_us() >= until_us)
            err = AC_ETIMEDOUT;
        else
            wait_changed(ws, until_us);
        if (!err)
            err = ac_cancel_reason(cancel);
    }
    pthread_mutex_unlock(&ws->lock);
    if (err)
        return err;
    *m = (struct ac_ws_message){p->binary, p->data, p->len};
    free(p);
    return 0;
}

bool ac_ws_is_open(struct ac_ws *ws)
{
    pthread_mutex_lock(&ws->lock);
    bool open = ws->state == WS_OPEN;
    pthread_mutex_unlock(&ws->lock);
    return open;
}

void ac_ws_close(struct ac_ws *ws)
{
    if (!ws)
        return;
    pthread_mutex_lock(&ws->lock);
    ws->closing = true;
    bool known = ws->n_addresses > 0; /* else the thread has never heard of it */
    pthread_mutex_unlock(&ws->lock);
    if (known)
        ws_post(ws);
    ws_unref(ws);
}
