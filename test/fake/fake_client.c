/* A recording client for session tests; see fake_client.h. */
#include "fake/fake_client.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int port_send(void *arg, const char *text, size_t text_len, const char *binary, size_t binary_len)
{
    struct fake_client *c = arg;
    int err = 0;

    pthread_mutex_lock(&c->lock);
    if (c->gone)
        err = AC_ECLOSED;
    else if (c->full && binary)
        err = AC_EFULL;
    if (!err) {
        json_t *root = json_loadb(text, text_len, 0, NULL);
        if (c->n == c->cap) {
            c->cap = c->cap ? c->cap * 2 : 64;
            c->messages = ac_realloc_array(c->messages, c->cap, sizeof *c->messages);
        }
        struct fake_message *m = &c->messages[c->n++];
        memset(m, 0, sizeof *m);
        snprintf(m->type, sizeof m->type, "%s", json_string_value(json_object_get(root, "type")));
        m->data = json_incref(json_object_get(root, "data"));
        m->binary_len = binary_len;
        if (binary_len >= sizeof m->binary_head)
            memcpy(m->binary_head, binary, sizeof m->binary_head);
        m->at_us = ac_now_us();
        json_decref(root);
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return err;
}

static void port_end(void *arg, enum ac_end why, const char *message)
{
    struct fake_client *c = arg;

    pthread_mutex_lock(&c->lock);
    c->ended = why;
    snprintf(c->end_message, sizeof c->end_message, "%s", message);
    if (why == AC_END_REPLACED)
        c->session = NULL;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static struct ac_port new_port(struct fake_client *c)
{
    pthread_condattr_t attr;

    memset(c, 0, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attr);
    pthread_condattr_destroy(&attr);
    return (struct ac_port){.arg = c, .send = port_send, .end = port_end, .address = "192.0.2.7"};
}

int fake_client_try(struct fake_client *c, struct ac_hub *hub, const char *id)
{
    struct ac_port port = new_port(c);
    struct ac_session *s = NULL;
    int err = ac_session_open(&s, hub, id, &port);

    c->session = s;
    return err;
}

int fake_client_resume(struct fake_client *c, struct ac_hub *hub, const char *id, const char *token)
{
    struct ac_port port = new_port(c);
    struct ac_session *s = NULL;
    char hello[256];
    int n = snprintf(hello, sizeof hello, "{\"type\":\"hello\",\"data\":{\"resume\":\"%s\"}}", token);
    int err = ac_session_resume(&s, hub, id, hello, (size_t)n, &port);

    c->session = s;
    return err;
}

void fake_client_open(struct fake_client *c, struct ac_hub *hub, const char *id)
{
    if (fake_client_try(c, hub, id))
        abort();
}

void fake_client_lose(struct fake_client *c)
{
    ac_session_detach(c->session);
    c->session = NULL;
}

void fake_client_free(struct fake_client *c)
{
    for (size_t i = 0; i < c->n; i++)
        json_decref(c->messages[i].data);
    free(c->messages);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
}

void fake_client_close(struct fake_client *c)
{
    ac_session_close(c->session);
    fake_client_free(c);
}

enum ac_end fake_client_wait_end(struct fake_client *c)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&c->lock);
    while (!c->ended && pthread_cond_timedwait(&c->changed, &c->lock, &until) != ETIMEDOUT)
        ;
    enum ac_end ended = c->ended;
    pthread_mutex_unlock(&c->lock);
    return ended;
}

int fake_client_send(struct fake_client *c, const char *fmt, ...)
{
    char text[8192];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return ac_session_message(c->session, text, (size_t)n);
}

int fake_client_wait(struct fake_client *c, const char *type, size_t from)
{
    struct timespec until;
    int found = -1;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        for (size_t i = from; i < c->n && found < 0; i++)
            if (!strcmp(c->messages[i].type, type))
                found = (int)i;
        if (found >= 0 || pthread_cond_timedwait(&c->changed, &c->lock, &until) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

size_t fake_client_count(struct fake_client *c, const char *type, size_t from)
{
    size_t n = 0;

    pthread_mutex_lock(&c->lock);
    for (size_t i = from; i < c->n; i++)
        n += !strcmp(c->messages[i].type, type);
    pthread_mutex_unlock(&c->lock);
    return n;
}

size_t fake_client_total(struct fake_client *c)
{
    pthread_mutex_lock(&c->lock);
    size_t n = c->n;
    pthread_mutex_unlock(&c->lock);
    return n;
}

void fake_client_set(struct fake_client *c, bool full, bool gone)
{
    pthread_mutex_lock(&c->lock);
    c->full = full;
    c->gone = gone;
    pthread_mutex_unlock(&c->lock);
}

const char *fake_string(const struct fake_message *m, const char *key)
{
    const char *s = json_string_value(json_object_get(m->data, key));

    return s ? s : "";
}

double fake_number(const struct fake_message *m, const char *key)
{
    return json_number_value(json_object_get(m->data, key));
}
