/*
 * HTTP requests: who asks, which route it is, whether that may be, its body. Answers are in answer.c, REST is
 * in api*.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/private.h"

#include <stdlib.h>
#include <string.h>

void http_copy_header(struct lws *wsi, char *buf, int size, enum lws_token_indexes token)
{
    if (lws_hdr_copy(wsi, buf, size, token) < 0)
        buf[0] = '\0';
}

/* ---- bodies ---- */

int http_await_body(struct lws *wsi, struct pss *pss, struct job *job, size_t max)
{
    char length[24] = "";
    int got = lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    long long n = got > 0 ? atoll(length) : 0;
    int status = 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        status = http_send_problem(wsi, pss, 411, NULL, "the body needs a Content-Length");
    else if (got < 0 || n > (long long)max)
        status = http_send_problem(wsi, pss, 413, NULL, "the body is longer than %zu bytes", max);
    else if (n <= 0)
        status = http_send_problem(wsi, pss, 400, NULL, "the body must be a JSON object");
    else {
        pss->req->draft = job;
        pss->req->max_body = max;
        return 0;
    }
    api_free_job(job);
    return status;
}

static int refuse_body(struct lws *wsi, struct pss *pss, int status, const char *detail)
{
    struct request *r = pss->req;
    api_free_job(r->draft);
    r->draft = NULL;
    return http_send_problem(wsi, pss, status, NULL, "%s", detail);
}

int http_body(struct lws *wsi, struct pss *pss, const char *bytes, size_t len)
{
    struct request *r = pss->req;
    if (r && r->upload)
        return upload_body(r->upload, bytes, len);
    if (!r || !r->draft)
        return 0; /* of a request that was answered without it */
    ac_str_add_n(&r->given, bytes, len);
    if (r->given.len > r->max_body)
        return refuse_body(wsi, pss, 413, "the body is longer than it may be");
    if (ac_now_us() - r->start_us > r->server->cfg->request_timeout_s * INT64_C(1000000))
        return refuse_body(wsi, pss, 408, "request_timeout_s: the body came too slowly");
    return 0;
}

int http_body_complete(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    struct request *r = pss->req;
    if (r && r->upload)
        return upload_complete(s, wsi, pss);
    if (!r || !r->draft)
        return 0;
    r->close = false;
    int result = r->route->body(s, wsi, pss);
    if (r->draft) { /* it was refused: what comes behind the body is not for it */
        api_free_job(r->draft);
        r->draft = NULL;
    }
    return result;
}

/* Whether the library goes on reading a body: one that is announced, or that the method may have. */
static bool has_body(struct lws *wsi, int method)
{
    char length[24];
    bool may = method == LWSHUMETH_POST || method == LWSHUMETH_PUT || method == LWSHUMETH_PATCH;
    http_copy_header(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    return (*length ? strcmp(length, "0") != 0 : may) ||
           lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
}

/* ---- requests ---- */

static struct request *request_new(struct ac_server *s, struct lws *wsi, const char *path, int method)
{
    struct request *r = ac_zalloc(sizeof *r);
    char host[256];
    r->server = s;
    r->method = method;
    r->head = method == LWSHUMETH_HEAD;
    r->start_us = ac_now_us();
    r->close = has_body(wsi, method); /* an answer without it does not wait for it */
    lws_strncpy(r->path, path, sizeof r->path);
    guard_identify(s, wsi, &r->who);
    http_copy_header(wsi, r->if_none_match, sizeof r->if_none_match, WSI_TOKEN_HTTP_IF_NONE_MATCH);
    http_copy_header(wsi, r->range, sizeof r->range, WSI_TOKEN_HTTP_RANGE);
    http_copy_header(wsi, r->if_range, sizeof r->if_range, WSI_TOKEN_HTTP_IF_RANGE);
    http_copy_header(wsi, r->accept_encoding, sizeof r->accept_encoding, WSI_TOKEN_HTTP_ACCEPT_ENCODING);
    http_copy_header(wsi, r->origin, sizeof r->origin, WSI_TOKEN_ORIGIN);
    if (!ac_origin_listed(s->cfg->allowed_origins, r->origin))
        r->origin[0] = '\0';
    http_copy_header(wsi, host, sizeof host, WSI_TOKEN_HOST);
    r->hsts =
        r->who.secure && *host && !ac_host_is_loopback(host); /* all of localhost would have to have TLS */
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

/* A page of an allowed origin asks whether it may send what it wants to send. */
static int allow_cross_origin(struct lws *wsi, struct pss *pss)
{
    static const char methods[] = "GET, HEAD, POST, PUT, PATCH, DELETE";
    return *pss->req->origin ? http_send_preflight(wsi, pss, methods)
                             : http_send_problem(wsi, pss, 403, NULL,
                                                 "pages of this origin may not use the server "
                                                 "(server.allowed_origins)");
}

static int refuse(struct lws *wsi, struct pss *pss, const struct refusal *no)
{
    return http_send_problem(wsi, pss, no->status, NULL, "%s", no->detail);
}

/* No route takes it: a file of the page, or a problem. */
static int without_route(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    const char *path = pss->req->path;
    int method = pss->req->method;
    char methods[64];
    bool known = route_methods(path, methods);
    if (!known && (!strncmp(path, "/api/", 5) || !strcmp(path, "/api")))
        return http_send_problem(wsi, pss, 404, NULL, "there is no %s; /docs lists the paths", path);
    if (!known && is_ws_path(path))
        return http_send_problem(wsi, pss, 400, NULL, "a session id is 1 to 64 of A-Z a-z 0-9 _ -");
    if (method == LWSHUMETH_OPTIONS && lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0)
        return allow_cross_origin(wsi, pss);
    if (known || (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD)) {
        const char *allow = known ? methods : "GET, HEAD";
        return http_send_problem(wsi, pss, 405, allow, "this path takes %s only", allow);
    }
    return send_file(s, wsi, pss);
}

int http_request(struct ac_server *s, struct lws *wsi, struct pss *pss, const char *path)
{
    char *uri;
    int uri_len;
    int method = lws_http_get_uri_and_method(wsi, &uri, &uri_len);
    http_closed(pss);
    struct request *r = pss->req = request_new(s, wsi, path, method);
    struct refusal no = guard_visit(s, wsi, &r->who);
    if (no.status) {
        r->close = true;
        return refuse(wsi, pss, &no);
    }
    if (strlen(path) >= sizeof r->path)
        return http_send_problem(wsi, pss, 414, NULL, "the path is longer than %zu bytes",
                                 sizeof r->path - 1);
    r->route = route_find(path, method, r->id);
    if (!r->route)
        return without_route(s, wsi, pss);
    if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD)
        no = guard_origin(s, wsi);
    if (!no.status)
        no = guard_access(s, wsi, &r->who, r->route->access, &r->admin);
    return no.status ? refuse(wsi, pss, &no) : r->route->handle(s, wsi, pss);
}

/* ---- upgrades ---- */

/* Answers in one go, before the connection is closed: it never became a WebSocket. */
static int refuse_upgrade(struct ac_server *s, struct lws *wsi, struct request *r, const struct refusal *no)
{
    struct pss pss = {.req = r}; /* the library has made none yet */
    r->close = true;
    if (http_send_problem(wsi, &pss, no->status, NULL, "%s", no->detail)) {
        http_closed(&pss);
        return -1;
    }
    memcpy(s->chunk + LWS_PRE, r->body, r->left);
    int sent = lws_write(wsi, s->chunk + LWS_PRE, r->left, LWS_WRITE_HTTP_FINAL);
    http_closed(&pss);
    return sent < 0 ? -1 : 1; /* 1: the library ends the transaction */
}

static struct refusal check_upgrade(struct ac_server *s, struct lws *wsi, struct request *r)
{
    struct refusal no = guard_visit(s, wsi, &r->who);
    if (no.status)
        return no;
    if (!is_ws_path(r->path))
        return (struct refusal){404, "WebSockets are at /ws and /ws/ID"};
    if (strlen(r->path) > 4 && !ac_session_id_valid(r->path + 4))
        return (struct refusal){400, "a session id is 1 to 64 of A-Z a-z 0-9 _ -"};
    no = guard_origin(s, wsi);
    if (!no.status)
        no = guard_access(s, wsi, &r->who, ACCESS_CLIENT, &r->admin);
    if (!no.status)
        guard_proxied(s, &r->who, &no);
    return no;
}

int http_check_upgrade(struct ac_server *s, struct lws *wsi)
{
    char upgrade[16], path[128];
    http_copy_header(wsi, upgrade, sizeof upgrade, WSI_TOKEN_UPGRADE);
    if (strcasecmp(upgrade, "websocket") != 0)
        return -1;
    http_copy_header(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
    struct request *r = request_new(s, wsi, path, LWSHUMETH_GET);
    struct refusal no = check_upgrade(s, wsi, r);
    r->route = route_find(path, LWSHUMETH_GET, r->id);
    if (no.status)
        return refuse_upgrade(s, wsi, r, &no);
    struct pss pss = {.req = r};
    http_closed(&pss);
    return 0;
}
