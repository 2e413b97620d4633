/* One thread that serves one connection after the other, with OpenSSL (fake_tls.h). */
#include "fake/fake_tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

struct fake_tls {
    SSL_CTX *ctx;
    int fd;
    char url[64];
    pthread_t thread;
    atomic_bool stop;
};

static X509 *make_certificate(EVP_PKEY *key, const char *names, int from_s, int until_s)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509V3_CTX ctx;

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), until_s);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, names);
    if (!e || !X509_add_ext(x, e, -1) || !X509_sign(x, key, EVP_sha256()))
        abort();
    X509_EXTENSION_free(e);
    return x;
}

static SSL_CTX *make_context(const char *names, int from_s, int until_s, const char *pem_path)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make_certificate(key, names, from_s, until_s);
    FILE *f = fopen(pem_path, "w");

    if (!f || !PEM_write_X509(f, x) || fclose(f) != 0 || SSL_CTX_use_certificate(ctx, x) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1)
        abort();
    X509_free(x);
    EVP_PKEY_free(key);
    return ctx;
}

static void serve(struct fake_tls *s, int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nover TLS";
    SSL *ssl = SSL_new(s->ctx);
    char block[4096];

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, block, sizeof block) > 0 &&
        SSL_write(ssl, answer, sizeof answer - 1) > 0)
        SSL_shutdown(ssl);
    SSL_free(ssl);
}

static void *run(void *arg)
{
    struct fake_tls *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        if (!atomic_load(&s->stop))
            serve(s, fd);
        close(fd);
    }
}

struct fake_tls *fake_tls_start(const char *names, int from_s, int until_s, const char *pem_path)
{
    struct fake_tls *s = ac_zalloc(sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    s->ctx = make_context(names, from_s, until_s, pem_path);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->fd, 8) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&a, &len) != 0 || pthread_create(&s->thread, NULL, run, s) != 0)
        abort();
    snprintf(s->url, sizeof s->url, "https://127.0.0.1:%d", ntohs(a.sin_port));
    return s;
}

void fake_tls_stop(struct fake_tls *s)
{
    atomic_store(&s->stop, true);
    shutdown(s->fd, SHUT_RDWR); /* wakes accept */
    pthread_join(s->thread, NULL);
    close(s->fd);
    SSL_CTX_free(s->ctx);
    free(s);
}

const char *fake_tls_url(const struct fake_tls *s)
{
    return s->url;
}
