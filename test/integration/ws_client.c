/* HTTP and WebSocket client for tests. See ws_client.h. */
#include "integration/ws_client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 20000 };

static int connect_to(int port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* Bytes read, 0 at the end, -1 after the time. */
static ssize_t read_some(int fd, char *buf, size_t n, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) <= 0)
        return -1;
    ssize_t k = recv(fd, buf, n, 0);
    return k < 0 ? 0 : k;
}

/* ---- HTTP ---- */

static bool body_complete(const struct ac_str *in, size_t head_len)
{
    const char *p = strcasestr(in->p, "\r\ncontent-length:");
    if (!strncmp(in->p, "HTTP/1.1 304", 12) || !strncmp(in->p, "HTTP/1.1 204", 12))
        return true;
    return p && (size_t)(p - in->p) < head_len && in->len >= head_len + (size_t)atoll(p + 17);
}

bool http_raw(int port, const char *bytes, size_t len, struct http_response *r)
{
    struct ac_str in = {0};
    bool head_only = !strncmp(bytes, "HEAD ", 5), to_end = strcasestr(bytes, "connection: close") != NULL;
    int64_t until = ac_now_us() + TIMEOUT_MS * 1000LL;
    memset(r, 0, sizeof *r);
    int fd = connect_to(port);
    if (fd < 0)
        return false;
    send_all(fd, bytes, len); /* may be cut short by an early refusal */
    const char *end = NULL;
    while (ac_now_us() < until) {
        char buf[16384];
        ssize_t n = read_some(fd, buf, sizeof buf, TIMEOUT_MS);
        if (n <= 0)
            break;
        ac_str_add_n(&in, buf, (size_t)n);
        end = strstr(in.p, "\r\n\r\n");
        if (!to_end && end && (head_only || body_complete(&in, (size_t)(end + 4 - in.p))))
            break;
    }
    close(fd);
    end = in.p ? strstr(in.p, "\r\n\r\n") : NULL;
    if (!end || sscanf(in.p, "HTTP/1.%*d %d", &r->status) != 1) {
        ac_str_free(&in);
        return false;
    }
    size_t head_len = (size_t)(end + 4 - in.p);
    r->head = ac_strndup(in.p, head_len);
    r->len = in.len - head_len;
    r->body = ac_alloc(r->len + 1);
    memcpy(r->body, in.p + head_len, r->len);
    r->body[r->len] = '\0';
    ac_str_free(&in);
    return true;
}

bool http_request_to(int port, const char *method, const char *path, const char *headers,
                     struct http_response *r)
{
    char *text = ac_asprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", method, path, port,
                             headers ? headers : "");
    bool ok = http_raw(port, text, strlen(text), r);
    free(text);
    return ok;
}

const char *http_header(const struct http_response *r, const char *name)
{
    static char value[1024];
    char *key = ac_asprintf("\r\n%s:", name);
    const char *p = strcasestr(r->head, key);
    value[0] = '\0';
    if (p) {
        p += strlen(key);
        p += strspn(p, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(p, "\r"), p);
    }
    free(key);
    return value;
}

void http_free(struct http_response *r)
{
    free(r->head);
    free(r->body);
    memset(r, 0, sizeof *r);
}

/* ---- WebSocket ---- */

int ws_connect(struct ws_client *c, int port, const char *path, const char *headers)
{
    memset(c, 0, sizeof *c);
    c->fd = connect_to(port);
    if (c->fd < 0)
        return -1;
    char *text = ac_asprintf(
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        path, port, headers ? headers : "");
    send_all(c->fd, text, strlen(text));
    free(text);
    c->cap = 1 << 16;
    c->buf = ac_alloc(c->cap);
    char *end = NULL;
    while (!end && c->len < c->cap - 1) {
        ssize_t n = read_some(c->fd, c->buf + c->len, c->cap - 1 - c->len, TIMEOUT_MS);
        if (n <= 0)
            break;
        c->len += (size_t)n;
        c->buf[c->len] = '\0';
        end = strstr(c->buf, "\r\n\r\n");
    }
    c->status = -1;
    if (end && sscanf(c->buf, "HTTP/1.%*d %d", &c->status) == 1) {
        /* the key's answer as RFC 6455 section 1.3 gives it for this key */
        if (c->status == 101 && !strcasestr(c->buf, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            c->status = -1;
        size_t used = (size_t)(end + 4 - c->buf);
        memmove(c->buf, c->buf + used, c->len - used);
        c->len -= used;
    }
    return c->status;
}

void ws_drop(struct ws_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    for (size_t i = 0; i < c->n; i++) {
        json_decref(c->messages[i].data);
        free(c->messages[i].bytes);
    }
    free(c->messages);
    free(c->buf);
    memset(c, 0, sizeof *c);
    c->fd = -1;
}

void ws_close(struct ws_client *c)
{
    ws_frame(c, 8, true, "\x03\xe8", 2);
    ws_wait_closed(c, 5000);
    ws_drop(c);
}

bool ws_frame(struct ws_client *c, int opcode, bool fin, const char *bytes, size_t len)
{
    static const unsigned char mask[4] = {0x12, 0xa4, 0x5b, 0x7f};
    unsigned char *f = ac_alloc(len + 14);
    size_t h = 2;
    f[0] = (unsigned char)((fin ? 0x80 : 0) | opcode);
    if (len < 126) {
        f[1] = (unsigned char)(0x80 | len);
    } else if (len < 65536) {
        f[1] = 0x80 | 126;
        f[2] = (unsigned char)(len >> 8);
        f[3] = (unsigned char)len;
        h = 4;
    } else {
        f[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            f[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
        h = 10;
    }
    memcpy(f + h, mask, 4);
    h += 4;
    for (size_t i = 0; i < len; i++)
        f[h + i] = (unsigned char)bytes[i] ^ mask[i & 3];
    bool ok = send_all(c->fd, (char *)f, h + len);
    free(f);
    return ok;
}

void ws_text(struct ws_client *c, const char *fmt, ...)
{
    char *text;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    ws_frame(c, 1, true, text, strlen(text));
    free(text);
}

static void record(struct ws_client *c, bool binary, const char *p, size_t n)
{
    if (c->n == c->cap_messages) {
        c->cap_messages = c->cap_messages ? 2 * c->cap_messages : 64;
        c->messages = ac_realloc_array(c->messages, c->cap_messages, sizeof *c->messages);
    }
    struct ws_message *m = &c->messages[c->n++];
    memset(m, 0, sizeof *m);
    m->at_us = ac_now_us();
    m->len = n;
    if (binary) {
        m->bytes = ac_alloc(n + 1);
        memcpy(m->bytes, p, n);
        return;
    }
    json_t *root = json_loadb(p, n, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "type"));
    snprintf(m->type, sizeof m->type, "%s", type ? type : "(not JSON)");
    m->data = json_incref(json_object_get(root, "data"));
    json_decref(root);
}

/* Decodes one frame from the buffer; false when it is not whole. The server sends no fragments. */
static bool decode(struct ws_client *c)
{
    const unsigned char *b = (const unsigned char *)c->buf;
    size_t h = 2;
    if (c->len < 2)
        return false;
    uint64_t n = b[1] & 0x7f;
    if (n == 126) {
        h = 4;
        n = c->len < h ? 0 : (uint64_t)b[2] << 8 | b[3];
    } else if (n == 127) {
        h = 10;
        n = 0;
        for (int i = 0; c->len >= h && i < 8; i++)
            n = n << 8 | b[2 + i];
    }
    if (c->len < h || c->len < h + n)
        return false;
    int opcode = b[0] & 15;
    const char *p = c->buf + h;
    if (opcode == 1 || opcode == 2) {
        record(c, opcode == 2, p, (size_t)n);
    } else if (opcode == 9 && !c->mute) {
        ws_frame(c, 10, true, p, (size_t)n);
    } else if (opcode == 8) {
        c->closed = true;
        c->close_code = n >= 2 ? (unsigned char)p[0] << 8 | (unsigned char)p[1] : 1005;
        ws_frame(c, 8, true, p, n >= 2 ? 2 : 0);
    }
    size_t used = h + (size_t)n;
    memmove(c->buf, c->buf + used, c->len - used);
    c->len -= used;
    return true;
}

/* Reads once; false after the time or at the end. */
static bool read_more(struct ws_client *c, int timeout_ms)
{
    if (c->cap - c->len < 65536) {
        c->cap *= 2;
        c->buf = ac_realloc_array(c->buf, c->cap, 1);
    }
    ssize_t n = read_some(c->fd, c->buf + c->len, c->cap - c->len, timeout_ms);
    if (n == 0)
        c->closed = true;
    if (n <= 0)
        return false;
    c->len += (size_t)n;
    while (!c->closed && decode(c))
        ;
    return true;
}

static int left_ms(int64_t until)
{
    int64_t left = (until - ac_now_us()) / 1000;
    return left > 0 ? (int)left : 0;
}

int ws_wait(struct ws_client *c, const char *type, size_t from, int timeout_ms)
{
    int64_t until = ac_now_us() + timeout_ms * 1000LL;
    while (!c->closed && decode(c)) /* what came with the handshake */
        ;
    for (;;) {
        for (; from < c->n; from++)
            if (!strcmp(c->messages[from].type, type))
                return (int)from;
        if (c->closed || !read_more(c, left_ms(until)))
            return -1;
    }
}

bool ws_wait_closed(struct ws_client *c, int timeout_ms)
{
    int64_t until = ac_now_us() + timeout_ms * 1000LL;
    while (!c->closed && read_more(c, left_ms(until)))
        ;
    return c->closed;
}

void ws_read_for(struct ws_client *c, int ms)
{
    int64_t until = ac_now_us() + ms * 1000LL;
    while (!c->closed && read_more(c, left_ms(until)))
        ;
}

size_t ws_count(const struct ws_client *c, const char *type, size_t from)
{
    size_t n = 0;
    for (size_t i = from; i < c->n; i++)
        n += !strcmp(c->messages[i].type, type);
    return n;
}

const char *ws_string(const struct ws_message *m, const char *key)
{
    const char *s = json_string_value(json_object_get(m->data, key));
    return s ? s : "";
}

double ws_number(const struct ws_message *m, const char *key)
{
    return json_number_value(json_object_get(m->data, key));
}

bool ws_bool(const struct ws_message *m, const char *key)
{
    return json_is_true(json_object_get(m->data, key));
}
