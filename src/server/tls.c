/*
 * TLS: certificate and key are read and checked here, so that what is wrong with them can be said, and then
 * given to the context that the library made. A reload gives it others; connections that are open keep
 * theirs.
 */
#include "base/log.h"
#include "base/mem.h"
#include "server/private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SOON_DAYS = 14 };

struct tls_files {
    SSL_CTX *holder; /* with certificate, chain and key */
};

void tls_free(struct tls_files *tls)
{
    if (tls)
        SSL_CTX_free(tls->holder);
    free(tls);
}

/* The library would ask at the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag;
    *(bool *)arg = true;
    return -1;
}

/* "OPTION: FILE: why" */
static int fail(char *reason, const char *option, const char *path, const char *why)
{
    snprintf(reason, AC_ACCESS_REASON, "%s: %.120s: %.100s", option, path, why);
    return AC_ECONFIG;
}

static int check_readable(char *reason, const char *option, const char *path)
{
    FILE *f = fopen(path, "re");

    if (!f)
        return fail(reason, option, path, strerror(errno));
    fclose(f);
    return 0;
}

static const char *library_reason(void)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    return why ? why : "it is not PEM";
}

/* Tells of a certificate that is over, or soon is: it is used all the same, browsers say the rest. */
static void check_dates(SSL_CTX *ctx, const char *path)
{
    int days = 0, seconds = 0;
    X509 *cert = SSL_CTX_get0_certificate(ctx);

    if (!cert || !ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
        return;
    if (days < 0 || seconds < 0)
        ac_log_warn("server", "certificate_expired", AC_S("file", path), AC_S("remedy", "renew it"));
    else if (days < SOON_DAYS)
        ac_log_warn("server", "certificate_expires", AC_S("file", path), AC_I("days", days));
}

static int load(SSL_CTX *ctx, const char *cert, const char *key, char *reason)
{
    bool encrypted = false;

    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, &encrypted);
    ERR_clear_error();
    if (check_readable(reason, "server.tls_cert", cert) || check_readable(reason, "server.tls_key", key))
        return AC_ECONFIG;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return fail(reason, "server.tls_cert", cert, library_reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return fail(reason, "server.tls_key", key,
                    encrypted ? "the key has a passphrase: give one without (openssl pkey -in KEY -out NEW)"
                              : library_reason());
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fail(reason, "server.tls_key", key, "it is not the key of the certificate");
    check_dates(ctx, cert);
    return 0;
}

int tls_load(const struct ac_server_config *cfg, struct tls_files **out, char *reason)
{
    const char *cert = cfg->tls_cert ? cfg->tls_cert : "", *key = cfg->tls_key ? cfg->tls_key : "";

    *out = NULL;
    if (!*cert && !*key)
        return 0;
    if (!*cert || !*key) {
        snprintf(reason, AC_ACCESS_REASON, "TLS needs both server.tls_cert and server.tls_key");
        return AC_ECONFIG;
    }
    struct tls_files *tls = ac_zalloc(sizeof *tls);
    tls->holder = SSL_CTX_new(TLS_server_method());
    int err = tls->holder ? load(tls->holder, cert, key, reason) : AC_ENOMEM;
    if (err)
        tls_free(tls);
    else
        *out = tls;
    return err;
}

int tls_use(SSL_CTX *ssl, const struct tls_files *tls, char *reason)
{
    STACK_OF(X509) *chain = NULL;

    SSL_CTX_get0_chain_certs(tls->holder, &chain);
    if (SSL_CTX_use_cert_and_key(ssl, SSL_CTX_get0_certificate(tls->holder),
                                 SSL_CTX_get0_privatekey(tls->holder), chain, 1) != 1) {
        snprintf(reason, AC_ACCESS_REASON, "the certificate cannot be used: %.150s", library_reason());
        return AC_ECONFIG;
    }
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    return 0;
}
