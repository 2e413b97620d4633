/*
 * HTTP: routing, headers, bodies in chunks. What form of a content is sent is decided in rules.c, REST is in
 * api.c.
 */
#include "base/log.h"
#include "base/mem.h"
#include "server/private.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 2048, SEND_TIMEOUT_S = 30 };

/*
 * Scripts only from here; styles also in line, since the page's components bring theirs at run time; media
 * from blobs, since the player feeds the video element through Media Source Extensions.
 */
static const char csp[] = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
                          "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; "
                          "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
                          "form-action 'self'; frame-ancestors 'self'";

struct head {
    struct lws *wsi;
    unsigned char buf[LWS_PRE + HEADER_BYTES], *p, *end;
    bool failed;
};

static void head_add(struct head *h, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    if (lws_add_http_header_by_name(h->wsi, (const unsigned char *)name, (const unsigned char *)value,
                                    (int)strlen(value), &h->p, h->end))
        h->failed = true;
}

static void head_begin(struct head *h, struct lws *wsi, int status, const char *type)
{
    h->wsi = wsi;
    h->p = h->buf + LWS_PRE;
    h->end = h->buf + sizeof h->buf;
    h->failed = lws_add_http_header_status(wsi, (unsigned)status, &h->p, h->end) != 0;
    head_add(h, "content-type:", type);
    head_add(h, "x-content-type-options:", "nosniff");
    head_add(h, "referrer-policy:", "same-origin");
    if (type && !strncmp(type, "text/html", 9))
        head_add(h, "content-security-policy:", csp);
}

/* The answer is out: ready for the next request on this connection. */
static int finish(struct lws *wsi, struct pss *pss)
{
    http_closed(pss);
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* Sends the header; the body (of len bytes, none for HEAD) follows when the socket is writable. */
static int head_send(struct head *h, struct pss *pss, int status, const char *body, size_t len)
{
    struct request *r = pss->req;
    if (status != 304 && status != 204 && lws_add_http_header_content_length(h->wsi, len, &h->p, h->end))
        h->failed = true;
    if (h->failed || lws_finalize_write_http_header(h->wsi, h->buf + LWS_PRE, &h->p, h->end))
        return -1;
    if (r->head || !body || !len)
        return finish(h->wsi, pss);
    r->body = body;
    r->left = len;
    lws_set_timeout(h->wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_TIMEOUT_S);
    lws_callback_on_writable(h->wsi);
    return 0;
}

int http_body(struct lws *wsi, struct pss *pss, const char *bytes, size_t len)
{
    struct request *r = pss->req;
    if (!r || !r->draft)
        return 0; /* of a request that was answered without it */
    ac_str_add_n(&r->given, bytes, len);
    if (r->given.len <= MAX_BODY_BYTES)
        return 0;
    api_free_job(r->draft);
    r->draft = NULL;
    return http_send_problem(wsi, pss, 413, NULL, "the body is longer than %d bytes", MAX_BODY_BYTES);
}

int http_body_complete(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return pss->req && pss->req->draft ? api_conversation_body(s, wsi, pss) : 0;
}

int http_writable(struct lws *wsi, struct pss *pss)
{
    struct request *r = pss->req;
    if (!r || !r->left)
        return 0;
    size_t n = r->left < CHUNK_BYTES ? r->left : CHUNK_BYTES;
    /* the library may write in front of what it is given, so assets are sent from a copy */
    unsigned char *chunk = r->server->chunk + LWS_PRE;
    memcpy(chunk, r->body, n);
    bool last = n == r->left;
    if (lws_write(wsi, chunk, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n)
        return -1;
    r->body += n;
    r->left -= n;
    if (last)
        return finish(wsi, pss);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_TIMEOUT_S);
    lws_callback_on_writable(wsi);
    return 0;
}

void http_closed(struct pss *pss)
{
    struct request *r = pss->req;
    if (!r)
        return;
    pss->req = NULL;
    if (r->job)
        api_forget(r->job);
    api_free_job(r->draft);
    ac_str_free(&r->given);
    free(r->owned);
    free(r);
}

int http_send_content(struct lws *wsi, struct pss *pss, const struct ac_content *c, const char *extra_name,
                      const char *extra_value, char *owned)
{
    struct request *r = pss->req;
    struct ac_reply reply;
    struct head h;
    struct ac_conditions when = {r->if_none_match, r->range, r->if_range, r->accept_encoding, r->head};
    r->owned = owned;
    ac_reply_choose(c, &when, &reply);
    head_begin(&h, wsi, reply.status, c->type);
    head_add(&h, "etag:", reply.tag);
    head_add(&h, "cache-control:", c->cache);
    head_add(&h, "accept-ranges:", "bytes");
    head_add(&h, "content-range:", reply.content_range);
    if (c->gzip)
        head_add(&h, "vary:", "Accept-Encoding");
    if (reply.gzip)
        head_add(&h, "content-encoding:", "gzip");
    if (extra_name)
        head_add(&h, extra_name, extra_value);
    return head_send(&h, pss, reply.status, reply.body, reply.len);
}

int http_send_text(struct lws *wsi, struct pss *pss, const char *type, char *owned_text)
{
    struct head h;
    pss->req->owned = owned_text;
    head_begin(&h, wsi, 200, type);
    head_add(&h, "cache-control:", "no-store");
    return head_send(&h, pss, 200, owned_text, strlen(owned_text));
}

int http_send_file(struct lws *wsi, struct pss *pss, const char *type, const char *disposition,
                   char *owned_text)
{
    struct head h;
    pss->req->owned = owned_text;
    head_begin(&h, wsi, 200, type);
    head_add(&h, "cache-control:", "no-store");
    head_add(&h, "content-disposition:", disposition);
    return head_send(&h, pss, 200, owned_text, strlen(owned_text));
}

int http_send_nothing(struct lws *wsi, struct pss *pss)
{
    struct head h;
    head_begin(&h, wsi, 204, NULL);
    return head_send(&h, pss, 204, NULL, 0);
}

static const char *status_title(int status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 426:
        return "Upgrade Required";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

int http_send_problem(struct lws *wsi, struct pss *pss, int status, const char *allow, const char *fmt, ...)
{
    char detail[512];
    struct head h;
    va_list args;
    va_start(args, fmt);
    vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    json_t *j = json_pack("{s:s, s:s, s:i, s:s+}", "type", "about:blank", "title", status_title(status),
                          "status", status, "detail", detail, "");
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    if (!text) /* the detail quoted bytes that are not UTF-8 */
        text = ac_asprintf("{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d}", status_title(status),
                           status);
    pss->req->owned = text;
    head_begin(&h, wsi, status, "application/problem+json");
    head_add(&h, "cache-control:", "no-store");
    head_add(&h, "allow:", allow);
    if (status == 426)
        head_add(&h, "upgrade:", "websocket");
    if (status == 503)
        head_add(&h, "retry-after:", "2");
    return head_send(&h, pss, status, text, strlen(text));
}

static void copy_header(struct lws *wsi, char *buf, int size, enum lws_token_indexes token)
{
    if (lws_hdr_copy(wsi, buf, size, token) < 0)
        buf[0] = '\0'; /* absent, or longer than any that could match */
}

static struct request *request_new(struct ac_server *s, struct lws *wsi, const char *path, int method)
{
    struct request *r = ac_zalloc(sizeof *r);
    r->server = s;
    r->method = method;
    r->head = method == LWSHUMETH_HEAD;
    lws_strncpy(r->path, path, sizeof r->path);
    copy_header(wsi, r->if_none_match, sizeof r->if_none_match, WSI_TOKEN_HTTP_IF_NONE_MATCH);
    copy_header(wsi, r->range, sizeof r->range, WSI_TOKEN_HTTP_RANGE);
    copy_header(wsi, r->if_range, sizeof r->if_range, WSI_TOKEN_HTTP_IF_RANGE);
    copy_header(wsi, r->accept_encoding, sizeof r->accept_encoding, WSI_TOKEN_HTTP_ACCEPT_ENCODING);
    return r;
}

static bool is_ws_path(const char *path)
{
    return !strcmp(path, "/ws") || !strncmp(path, "/ws/", 4);
}

/* A path without a file's ending: the page's own router knows it. */
static bool is_page_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !strchr(slash ? slash : path, '.');
}

static int send_file(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    const char *path = pss->req->path;
    const struct ac_content *c = s->assets ? ac_assets_find(s->assets, path) : NULL;
    if (!c && is_page_path(path))
        c = s->assets ? ac_assets_find(s->assets, "/") : &s->no_page;
    if (!c && !s->assets && !strcmp(path, "/index.html"))
        c = &s->no_page;
    if (!c)
        return http_send_problem(wsi, pss, 404, NULL, "there is no file %s", path);
    return http_send_content(wsi, pss, c, NULL, NULL, NULL);
}

static bool takes(const char *methods, int method)
{
    switch (method) {
    case LWSHUMETH_GET:
    case LWSHUMETH_HEAD: /* wherever there is a GET */
        return strstr(methods, "GET") != NULL;
    case LWSHUMETH_PATCH:
        return strstr(methods, "PATCH") != NULL;
    case LWSHUMETH_DELETE:
        return strstr(methods, "DELETE") != NULL;
    default:
        return false;
    }
}

/* Why a page may not use this server; NULL: it may. */
static const char *wrong_origin(struct lws *wsi)
{
    char origin[256], host[256];
    copy_header(wsi, host, sizeof host, WSI_TOKEN_HOST);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) >= (int)sizeof origin)
        return "the Origin header is too long";
    copy_header(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN);
    if (ac_origin_allowed(origin, host))
        return NULL;
    ac_log_warn("server", "origin_refused", AC_S("origin", origin), AC_S("host", host));
    return "pages of other sites may not do this: Origin and Host name different hosts "
           "(a proxy in front must pass the Host header on)";
}

int http_request(struct ac_server *s, struct lws *wsi, struct pss *pss, const char *path)
{
    char *uri;
    int uri_len;
    int method = lws_http_get_uri_and_method(wsi, &uri, &uri_len);
    http_closed(pss);
    pss->req = request_new(s, wsi, path, method);
    if (strlen(path) >= sizeof pss->req->path)
        return http_send_problem(wsi, pss, 414, NULL, "the path is longer than %zu bytes",
                                 sizeof pss->req->path - 1);
    bool api = !strncmp(path, "/api/", 5) || !strcmp(path, "/api");
    const char *methods = api ? api_methods(path) : "GET, HEAD";
    if (!methods)
        return http_send_problem(wsi, pss, 404, NULL, "there is no %s; docs/protocol.md lists the paths",
                                 path);
    if (!takes(methods, method))
        return http_send_problem(wsi, pss, 405, methods, "this path takes %s only", methods);
    const char *wrong = method == LWSHUMETH_GET || method == LWSHUMETH_HEAD ? NULL : wrong_origin(wsi);
    if (wrong)
        return http_send_problem(wsi, pss, 403, NULL, "%s", wrong);
    if (api)
        return api_request(s, wsi, pss);
    if (!strcmp(path, "/healthz"))
        return http_send_text(wsi, pss, "text/plain; charset=utf-8", ac_strdup("ok\n"));
    if (is_ws_path(path))
        return http_send_problem(wsi, pss, 426, NULL, "this path speaks WebSocket");
    return send_file(s, wsi, pss);
}

/* Answers in one go, before the connection is closed: it never became a WebSocket. */
static int refuse_upgrade(struct ac_server *s, struct lws *wsi, int status, const char *detail)
{
    struct pss pss = {.req = request_new(s, wsi, "", LWSHUMETH_GET)}; /* the library has made none yet */
    struct request *r = pss.req;
    if (http_send_problem(wsi, &pss, status, NULL, "%s", detail)) {
        http_closed(&pss);
        return -1;
    }
    memcpy(s->chunk + LWS_PRE, r->body, r->left);
    int sent = lws_write(wsi, s->chunk + LWS_PRE, r->left, LWS_WRITE_HTTP_FINAL);
    http_closed(&pss);
    return sent < 0 ? -1 : 1; /* 1: the library ends the transaction */
}

int http_check_upgrade(struct ac_server *s, struct lws *wsi)
{
    char upgrade[16], path[128];
    copy_header(wsi, upgrade, sizeof upgrade, WSI_TOKEN_UPGRADE);
    if (strcasecmp(upgrade, "websocket") != 0)
        return -1;
    copy_header(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
    if (!is_ws_path(path))
        return refuse_upgrade(s, wsi, 404, "WebSockets are at /ws and /ws/ID");
    if (strlen(path) > 4 && !ac_session_id_valid(path + 4))
        return refuse_upgrade(s, wsi, 400, "a session id is 1 to 64 of A-Z a-z 0-9 _ -");
    const char *wrong = wrong_origin(wsi);
    return wrong ? refuse_upgrade(s, wsi, 403, wrong) : 0;
}
