/*
 * Answers: status, headers, bodies in chunks. What form of a content is sent is decided in rules.c.
 */
#include "base/mem.h"
#include "server/private.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 6144, SEND_TIMEOUT_S = 30 };

/* Nothing of an interface's answer is to be run or shown as a page. */
static const char api_csp[] = "default-src 'none'; frame-ancestors 'none'";

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

/* What keeps a browser from being used against its person (docs/security.md). */
static void add_security(struct head *h, const struct request *r, const char *type)
{
    const struct guard *g = &r->server->guard;
    bool data = !type || !strncmp(type, "application/", 12);

    head_add(h, "x-content-type-options:", "nosniff");
    head_add(h, "referrer-policy:", "same-origin");
    head_add(h, "permissions-policy:",
             "microphone=(self), camera=(self), geolocation=(), payment=(), usb=(), serial=(), bluetooth=()");
    head_add(h, "content-security-policy:", data ? api_csp : g->csp);
    head_add(h, "x-frame-options:", g->x_frame_options);
    if (*r->origin) {
        head_add(h, "access-control-allow-origin:", r->origin);
        head_add(h, "access-control-expose-headers:", "X-Idle-Ms, Content-Disposition, Retry-After");
        head_add(h, "vary:", "Origin");
    }
    if (r->hsts)
        head_add(h, "strict-transport-security:", "max-age=31536000");
}

static void head_begin(struct head *h, const struct request *r, struct lws *wsi, int status, const char *type)
{
    h->wsi = wsi;
    h->p = h->buf + LWS_PRE;
    h->end = h->buf + sizeof h->buf;
    h->failed = lws_add_http_header_status(wsi, (unsigned)status, &h->p, h->end) != 0;
    head_add(h, "content-type:", type);
    add_security(h, r, type);
    if (r->close)
        head_add(h, "connection:", "close");
    ac_metrics_request(r->server->metrics, r->route ? r->route->pattern : "(page)", status);
}

/* The answer is out: ready for the next request on this connection. */
static int finish(struct lws *wsi, struct pss *pss)
{
    bool close = pss->req->close;
    http_closed(pss);
    return close || lws_http_transaction_completed(wsi) ? -1 : 0;
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
    if (r->upload)
        upload_ended(r->upload);
    api_free_job(r->draft);
    json_decref(r->extra);
    ac_str_free(&r->given);
    free(r->owned);
    ac_idle_media_unref(r->media);
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
    head_begin(&h, r, wsi, reply.status, c->type);
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

int http_send_text(struct lws *wsi, struct pss *pss, int status, const char *type, char *owned_text)
{
    struct head h;
    pss->req->owned = owned_text;
    head_begin(&h, pss->req, wsi, status, type);
    head_add(&h, "cache-control:", "no-store");
    return head_send(&h, pss, status, owned_text, strlen(owned_text));
}

int http_send_file(struct lws *wsi, struct pss *pss, const char *type, const char *disposition,
                   char *owned_text)
{
    struct head h;
    pss->req->owned = owned_text;
    head_begin(&h, pss->req, wsi, 200, type);
    head_add(&h, "cache-control:", "no-store");
    head_add(&h, "content-disposition:", disposition);
    return head_send(&h, pss, 200, owned_text, strlen(owned_text));
}

int http_send_nothing(struct lws *wsi, struct pss *pss)
{
    struct head h;
    head_begin(&h, pss->req, wsi, 204, NULL);
    return head_send(&h, pss, 204, NULL, 0);
}

const char *http_status_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {{400, "Bad Request"},       {401, "Unauthorized"},          {403, "Forbidden"},
                  {404, "Not Found"},         {405, "Method Not Allowed"},    {408, "Request Timeout"},
                  {409, "Conflict"},          {411, "Length Required"},       {413, "Content Too Large"},
                  {414, "URI Too Long"},      {422, "Unprocessable Content"}, {426, "Upgrade Required"},
                  {429, "Too Many Requests"}, {503, "Service Unavailable"},   {415, "Unsupported Media Type"},
                  {501, "Not Implemented"},   {507, "Insufficient Storage"}};

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Internal Server Error";
}

int http_send_problem(struct lws *wsi, struct pss *pss, int status, const char *allow, const char *fmt, ...)
{
    char detail[512];
    struct head h;
    va_list args;
    va_start(args, fmt);
    vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    if (!ac_utf8_valid(detail, strlen(detail))) /* it quotes bytes of the request, or is cut in a character */
        for (char *c = detail; *c; c++)
            if ((unsigned char)*c >= 0x80)
                *c = '?';
    json_t *j = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", http_status_title(status),
                          "status", status, "detail", detail);
    if (pss->req->extra)
        json_object_update_missing(j, pss->req->extra);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    if (!text) /* memory is short */
        text = ac_asprintf("{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d}",
                           http_status_title(status), status);
    pss->req->owned = text;
    head_begin(&h, pss->req, wsi, status, "application/problem+json");
    head_add(&h, "cache-control:", "no-store");
    head_add(&h, "allow:", allow);
    if (status == 426)
        head_add(&h, "upgrade:", "websocket");
    if (status == 401)
        head_add(&h, "www-authenticate:", "Bearer");
    if (status == 503 || status == 429)
        head_add(&h, "retry-after:", status == 503 ? "2" : "1");
    return head_send(&h, pss, status, text, strlen(text));
}

int http_send_preflight(struct lws *wsi, struct pss *pss, const char *methods)
{
    struct head h;
    head_begin(&h, pss->req, wsi, 204, NULL);
    head_add(&h, "access-control-allow-methods:", methods);
    head_add(&h, "access-control-allow-headers:", "Authorization, Content-Type, X-Client-Id");
    head_add(&h, "access-control-max-age:", "600");
    return head_send(&h, pss, 204, NULL, 0);
}
