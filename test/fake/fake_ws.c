/* Sockets, TLS by OpenSSL, and as much of RFC 6455 as a server in a test needs (fake_ws.h). */
#include "fake/fake_ws.h"

#include "base/clock.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PEERS = 256, MAX_HEAD = 16384, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct fake_ws_peer {
    struct fake_ws *server;
    int fd;
    SSL *ssl;
    pthread_t thread;
};

struct fake_ws {
    struct fake_ws_config cfg;
    int fd, port;
    SSL_CTX *tls;
    char ca_file[64];
    pthread_t thread;
    pthread_mutex_t lock;
    struct fake_ws_peer peers[MAX_PEERS]; /* each its thread's */
    size_t n_peers;                       /* the accepting thread's */
    size_t open, most;                    /* lock */
    bool stop;                            /* lock */
};

/* ---- bytes ---- */

static bool stopped(struct fake_ws *s)
{
    pthread_mutex_lock(&s->lock);
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return stop;
}

bool fake_ws_sleep(struct fake_ws_peer *p, int ms)
{
    for (int64_t until = ac_now_us() + (int64_t)ms * 1000; ac_now_us() < until && !stopped(p->server);)
        ac_sleep_us(2000);
    return !stopped(p->server);
}

static ssize_t read_some(struct fake_ws_peer *p, void *data, size_t n)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = p->fd, .events = POLLIN};
        if (stopped(p->server))
            return -1;
        if ((p->ssl && SSL_pending(p->ssl)) || poll(&poll_fd, 1, 20) > 0)
            return p->ssl ? SSL_read(p->ssl, data, (int)n) : recv(p->fd, data, n, 0);
    }
}

static bool read_all(struct fake_ws_peer *p, void *data, size_t n)
{
    while (n) {
        ssize_t got = read_some(p, data, n);
        if (got <= 0)
            return false;
        data = (char *)data + got;
        n -= (size_t)got;
    }
    return true;
}

void fake_ws_raw(struct fake_ws_peer *p, const void *data, size_t len)
{
    while (len) {
        ssize_t sent = p->ssl ? SSL_write(p->ssl, data, (int)len) : send(p->fd, data, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data = (const char *)data + sent;
        len -= (size_t)sent;
    }
}

/* ---- frames ---- */

static void write_frame(struct fake_ws_peer *p, int first, const void *data, size_t len)
{
    struct ac_str s = {0};
    char head[4] = {(char)first, (char)(len < 126 ? len : len < 65536 ? 126 : 127)};

    ac_str_add_n(&s, head, 2);
    for (int shift = len < 126 ? -8 : len < 65536 ? 8 : 56; shift >= 0; shift -= 8)
        ac_str_add_n(&s, &(char){(char)(len >> shift)}, 1);
    ac_str_add_n(&s, data, len);
    fake_ws_raw(p, s.p, s.len);
    ac_str_free(&s);
}

void fake_ws_write(struct fake_ws_peer *p, bool text, const void *data, size_t len)
{
    write_frame(p, 0x80 | (text ? TEXT : BINARY), data, len);
}

void fake_ws_write_split(struct fake_ws_peer *p, bool text, const void *data, size_t len, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t from = len * i / n, to = len * (i + 1) / n;
        int first = (i == 0 ? (text ? TEXT : BINARY) : 0) | (i + 1 == n ? 0x80 : 0);
        write_frame(p, first, (const char *)data + from, to - from);
    }
}

void fake_ws_ping(struct fake_ws_peer *p)
{
    write_frame(p, 0x80 | PING, "alive?", 6);
}

void fake_ws_say_close(struct fake_ws_peer *p, int code)
{
    char body[2] = {(char)(code >> 8), (char)code};

    write_frame(p, 0x80 | CLOSE, body, sizeof body);
}

/* One frame, unmasked; gives its opcode, or -1. Client's frames must be masked, and are whole messages. */
static int read_frame(struct fake_ws_peer *p, struct ac_str *message)
{
    uint8_t head[2], more[8], mask[4];

    if (!read_all(p, head, 2) || !(head[1] & 0x80) || !(head[0] & 0x80))
        return -1;
    uint64_t len = head[1] & 0x7f;
    size_t n = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (n) {
        len = 0;
        if (!read_all(p, more, n))
            return -1;
        for (size_t i = 0; i < n; i++)
            len = len << 8 | more[i];
    }
    if (!read_all(p, mask, 4) || len > 1 << 24)
        return -1;
    char *data = ac_alloc(len + 1);
    bool ok = read_all(p, data, len);
    for (size_t i = 0; i < len; i++)
        data[i] ^= (char)mask[i % 4];
    ac_str_clear(message);
    ac_str_add_n(message, data, ok ? len : 0);
    free(data);
    return ok ? head[0] & 0x0f : -1;
}

bool fake_ws_read(struct fake_ws_peer *p, struct ac_str *message, bool *text)
{
    for (;;) {
        int opcode = read_frame(p, message);
        *text = opcode == TEXT;
        if (opcode == TEXT || opcode == BINARY)
            return true;
        if (opcode == CLOSE) {
            write_frame(p, 0x80 | CLOSE, message->p, message->len);
            return false;
        }
        if (opcode == PING)
            write_frame(p, 0x80 | PONG, message->p, message->len);
        else if (opcode != PONG)
            return false;
    }
}

/* ---- connections ---- */

static bool read_head(struct fake_ws_peer *p, struct ac_str *head)
{
    char c;

    while (head->len < MAX_HEAD && read_all(p, &c, 1)) {
        ac_str_add_n(head, &c, 1);
        if (head->len >= 4 && memcmp(head->p + head->len - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static void upgrade(struct fake_ws_peer *p, const char *head)
{
    const char *key = strcasestr(head, "\r\nsec-websocket-key: ");
    struct ac_str s = {0};
    unsigned char digest[EVP_MAX_MD_SIZE], text[64];
    unsigned n = 0;

    if (!key)
        return;
    ac_str_addf(&s, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 21);
    EVP_Digest(s.p, s.len, digest, &n, EVP_sha1(), NULL);
    EVP_EncodeBlock(text, digest, (int)n);
    ac_str_clear(&s);
    ac_str_addf(&s,
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Accept: %s\r\n\r\n",
                text);
    fake_ws_raw(p, s.p, s.len);
    ac_str_free(&s);
}

static void count(struct fake_ws *s, bool opens)
{
    pthread_mutex_lock(&s->lock);
    s->open += opens ? 1 : (size_t)-1;
    if (s->open > s->most)
        s->most = s->open;
    pthread_mutex_unlock(&s->lock);
}

static void *serve(void *arg)
{
    struct fake_ws_peer *p = arg;
    struct fake_ws *s = p->server;
    struct ac_str head = {0}, refusal = {0};

    if (s->tls) {
        p->ssl = SSL_new(s->tls);
        SSL_set_fd(p->ssl, p->fd);
    }
    if ((!p->ssl || SSL_accept(p->ssl) == 1) && read_head(p, &head)) {
        if (s->cfg.accept)
            s->cfg.accept(s->cfg.arg, head.p, &refusal);
        if (refusal.len) {
            fake_ws_raw(p, refusal.p, refusal.len);
        } else {
            upgrade(p, head.p);
            count(s, true);
            s->cfg.talk(s->cfg.arg, p);
            count(s, false);
        }
    }
    ac_str_free(&head);
    ac_str_free(&refusal);
    if (p->ssl) {
        SSL_shutdown(p->ssl);
        SSL_free(p->ssl);
    }
    shutdown(p->fd, SHUT_RDWR);
    close(p->fd);
    return NULL;
}

static void *run(void *arg)
{
    struct fake_ws *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0 || stopped(s) || s->n_peers == MAX_PEERS) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct fake_ws_peer *p = &s->peers[s->n_peers];
        *p = (struct fake_ws_peer){.server = s, .fd = fd};
        if (pthread_create(&p->thread, NULL, serve, p) == 0)
            s->n_peers++;
        else
            close(fd);
    }
}

/* ---- TLS ---- */

static void add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX c;

    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    if (!e || !X509_add_ext(x, e, -1))
        abort();
    X509_EXTENSION_free(e);
}

/* A certificate that vouches for itself, for the name. */
static void set_up_tls(struct fake_ws *s, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    char *alt = ac_asprintf("DNS:%s", name);

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                               -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x, NID_subject_alt_name, alt);
    free(alt);
    X509_sign(x, key, EVP_sha256());
    s->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(s->tls, x);
    SSL_CTX_use_PrivateKey(s->tls, key);
    snprintf(s->ca_file, sizeof s->ca_file, "/tmp/fake-ws-XXXXXX");
    int fd = mkstemp(s->ca_file);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f || !PEM_write_X509(f, x) || fclose(f) != 0)
        abort();
    X509_free(x);
    EVP_PKEY_free(key);
}

struct fake_ws *fake_ws_start(const struct fake_ws_config *cfg)
{
    struct fake_ws *s = ac_zalloc(sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    s->cfg = *cfg;
    pthread_mutex_init(&s->lock, NULL);
    if (cfg->tls)
        set_up_tls(s, cfg->name ? cfg->name : "localhost");
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->fd, 64) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&a, &len) != 0 || pthread_create(&s->thread, NULL, run, s) != 0)
        abort();
    s->port = ntohs(a.sin_port);
    return s;
}

void fake_ws_stop(struct fake_ws *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    shutdown(s->fd, SHUT_RDWR); /* wakes accept */
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (size_t i = 0; i < s->n_peers; i++)
        pthread_join(s->peers[i].thread, NULL);
    SSL_CTX_free(s->tls);
    if (s->ca_file[0])
        unlink(s->ca_file);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int fake_ws_port(const struct fake_ws *s)
{
    return s->port;
}

const char *fake_ws_ca_file(const struct fake_ws *s)
{
    return s->ca_file;
}

size_t fake_ws_open_now(struct fake_ws *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->open;
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t fake_ws_open_most(struct fake_ws *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->most;
    pthread_mutex_unlock(&s->lock);
    return n;
}
