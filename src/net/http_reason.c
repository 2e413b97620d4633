/*
 * Addresses, and why there is no answer, in words that say what to do (http_private.h). An address, a proxy
 * and what libcurl says of them can hold passwords, so none of these is shown whole.
 */
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/http_private.h"

int ac_http_fail(struct ac_http_call *c, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(c->answer->reason, sizeof c->answer->reason, fmt, args);
    va_end(args);
    return err;
}

/* ---- addresses ---- */

struct place {
    CURLU *url;
    char *scheme, *host, *port;
};

static bool parse(struct place *p, const char *url, unsigned flags)
{
    *p = (struct place){.url = curl_url()};
    return p->url && curl_url_set(p->url, CURLUPART_URL, url, flags) == CURLUE_OK &&
           curl_url_get(p->url, CURLUPART_SCHEME, &p->scheme, 0) == CURLUE_OK &&
           curl_url_get(p->url, CURLUPART_HOST, &p->host, 0) == CURLUE_OK &&
           curl_url_get(p->url, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
}

static void forget(struct place *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_url_cleanup(p->url);
}

char *ac_http_host(const char *url, char *out, size_t size)
{
    struct place p;

    if (parse(&p, url, 0)) {
        bool usual = strcmp(p.port, strcmp(p.scheme, "https") == 0 ? "443" : "80") == 0;
        snprintf(out, size, "%.80s%s%s", p.host, usual ? "" : ":", usual ? "" : p.port);
    } else {
        snprintf(out, size, "the service");
    }
    forget(&p);
    return out;
}

bool ac_http_same_server(const char *from, const char *to)
{
    struct place a, b;
    bool known_a = parse(&a, from, CURLU_GUESS_SCHEME), known_b = parse(&b, to, CURLU_GUESS_SCHEME);
    bool same = known_a && known_b && strcasecmp(a.host, b.host) == 0;

    if (same && strcmp(a.scheme, b.scheme) == 0)
        same = strcmp(a.port, b.port) == 0;
    else if (same) /* from http to https, where both are at their usual places */
        same = strcmp(a.port, "80") == 0 && strcmp(b.port, "443") == 0;
    forget(&a);
    forget(&b);
    return same;
}

bool ac_http_proxy_valid(const char *proxy)
{
    static const char *const schemes[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
    CURLU *url = curl_url();
    char *scheme = NULL;
    bool valid = false;

    if (url && curl_url_set(url, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) == 0 &&
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == 0) {
        for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
            valid = valid || strcmp(scheme, schemes[i]) == 0;
    }
    curl_free(scheme);
    curl_url_cleanup(url);
    return valid;
}

/* ---- reasons ---- */

/* What libcurl says. Never with an '@': what stands before it may be a password. */
static const char *said(const struct ac_http_call *c)
{
    return c->error[0] && !strchr(c->error, '@') ? c->error : curl_easy_strerror(c->code);
}

static int untrusted(struct ac_http_call *c, const char *host)
{
    long why = X509_V_OK;

    c->answer->untrusted = true;
    curl_easy_getinfo(c->job.easy, CURLINFO_SSL_VERIFYRESULT, &why);
    switch (why) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return ac_http_fail(c, AC_EIO,
                            "the certificate of %s is %s: if the server is to be trusted, set ca_file to the "
                            "PEM file of its authority",
                            host,
                            why == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
                                ? "self-signed"
                                : "from an authority that is not known here");
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return ac_http_fail(c, AC_EIO,
                            "the certificate of %s has expired: it must be renewed there, or this machine's "
                            "clock is wrong",
                            host);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return ac_http_fail(c, AC_EIO,
                            "the certificate of %s is not valid yet: is this machine's clock wrong?", host);
    case X509_V_OK:              /* a true one, but libcurl compares the name itself, */
    case X509_V_ERR_UNSPECIFIED: /* before it notes the result */
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return ac_http_fail(
            c, AC_EIO,
            "the certificate of %s is of another name: use the name that it was made for in the address",
            host);
    default:
        return ac_http_fail(c, AC_EIO, "the certificate of %s cannot be trusted: %.100s", host, said(c));
    }
}

static int not_connected(struct ac_http_call *c, const char *host)
{
    const struct ac_http_request *r = c->request;
    const char *env = strncasecmp(r->url, "https", 5) == 0 ? "https_proxy" : "http_proxy";

    if (c->code == CURLE_COULDNT_RESOLVE_HOST)
        return ac_http_fail(c, AC_EIO,
                            "the name of %s cannot be resolved: check the address, and the network", host);
    if (c->code == CURLE_COULDNT_RESOLVE_PROXY)
        return ac_http_fail(c, AC_EIO, "the name of the proxy cannot be resolved: check %s",
                            r->proxy && *r->proxy ? "the proxy's address" : env);
    if (c->code == CURLE_PROXY)
        return ac_http_fail(c, AC_EIO, "the proxy does not connect to %s: %.120s", host, said(c));
    return ac_http_fail(c, AC_EIO, "no connection to %s (%.100s): is it running, are address%s right?", host,
                        said(c), r->proxy && *r->proxy ? ", port and proxy" : " and port");
}

static int broke(struct ac_http_call *c, const char *host)
{
    long proxy_status = 0;

    curl_easy_getinfo(c->job.easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (!c->answer->status && proxy_status >= 300)
        return ac_http_fail(c, AC_EIO, "the proxy does not connect to %s (HTTP %ld): %s", host, proxy_status,
                            proxy_status == 407
                                ? "give its user and password in its address, http://user:password@proxy:port"
                                : "does it allow that address?");
    c->answer->cut = c->answer->status != 0;
    return ac_http_fail(c, AC_EIO, "the connection to %s broke: %.120s", host, said(c));
}

int ac_http_judge(struct ac_http_call *c)
{
    const struct ac_http_request *r = c->request;
    char host[104];

    if (c->too_large)
        return ac_http_fail(c, AC_ELIMIT, "the answer is larger than is allowed");
    if (c->code == CURLE_OK)
        return 0;
    ac_http_host(r->url, host, sizeof host);
    if (c->strayed)
        return ac_http_fail(c, AC_EIO,
                            "%s redirects to another server, which is not to see the key: set the address to "
                            "where the service really is",
                            host);
    switch (c->code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ac_http_fail(c, AC_EINVAL, "the address '%.*s' is not a web address",
                            strchr(r->url, '@') ? 0 : (int)strcspn(r->url, "?"), r->url);
    case CURLE_OPERATION_TIMEDOUT: /* libcurl is given this one limit alone */
        return ac_http_fail(c, AC_ETIMEDOUT,
                            "no connection to %s within %d ms: is it reachable, or is the limit too short?",
                            host, r->connect_ms ? r->connect_ms : AC_HTTP_CONNECT_MS);
    case CURLE_TOO_MANY_REDIRECTS:
        return ac_http_fail(c, AC_EIO, "%s redirects again and again: check the address", host);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
        return not_connected(c, host);
    case CURLE_PEER_FAILED_VERIFICATION:
        return untrusted(c, host);
    case CURLE_SSL_CACERT_BADFILE:
        return ac_http_fail(c, AC_EINVAL, "no certificates in ca_file '%.100s': it must be a PEM file",
                            r->ca_file ? r->ca_file : "");
    case CURLE_SSL_CONNECT_ERROR:
        return ac_http_fail(c, AC_EIO, "no TLS with %s (%.120s): does it speak https at that port?", host,
                            said(c));
    case CURLE_ABORTED_BY_CALLBACK:
        return ac_http_fail(c, AC_ECLOSED, "the program ends");
    case CURLE_FAILED_INIT:
    case CURLE_OUT_OF_MEMORY:
        return ac_http_fail(c, AC_ENOMEM, "%s", ac_err_text(AC_ENOMEM));
    default:
        return broke(c, host);
    }
}
