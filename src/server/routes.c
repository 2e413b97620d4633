/*
 * Which path is whose: the one table of everything but the page's files. docs/openapi.json describes the same
 * rows; a test compares the two.
 */
#include "server/private.h"

#include <string.h>

static int get_description(struct ac_server *s, struct lws *wsi, struct pss *pss);
static int get_docs(struct ac_server *s, struct lws *wsi, struct pss *pss);
static int want_upgrade(struct ac_server *s, struct lws *wsi, struct pss *pss);

static const struct route routes[] = {
    {"GET", "/api/status", ACCESS_OPEN, api_get_status, NULL},
    {"GET", "/api/avatars", ACCESS_OPEN, api_get_avatars, NULL},
    {"POST", "/api/avatars", ACCESS_AVATARS, api_post_avatar, NULL},
    {"GET", "/api/avatars/jobs/{id}", ACCESS_AVATARS, api_get_making, NULL},
    {"DELETE", "/api/avatars/jobs/{id}", ACCESS_AVATARS, api_delete_making, NULL},
    {"DELETE", "/api/avatars/{id}", ACCESS_AVATARS, api_delete_avatar, NULL},
    {"GET", "/api/avatars/{id}/preview.jpg", ACCESS_OPEN, api_get_preview, NULL},
    {"GET", "/api/avatars/{id}/poster.jpg", ACCESS_OPEN, api_get_poster, NULL},
    {"GET", "/api/avatars/{id}/idle.mp4", ACCESS_OPEN, api_get_idle, NULL},
    {"GET", "/api/voices", ACCESS_OPEN, api_get_voices, NULL},
    {"GET", "/api/topics", ACCESS_OPEN, api_get_topics, NULL},
    {"GET", "/api/conversations", ACCESS_CLIENT, api_conversations, NULL},
    {"DELETE", "/api/conversations", ACCESS_CLIENT, api_conversations, NULL},
    {"GET", "/api/conversations/{id}", ACCESS_CLIENT, api_conversations, NULL},
    {"PATCH", "/api/conversations/{id}", ACCESS_CLIENT, api_conversations, api_rename_body},
    {"DELETE", "/api/conversations/{id}", ACCESS_CLIENT, api_conversations, NULL},
    {"GET", "/api/conversations/{id}/export", ACCESS_CLIENT, api_export_conversation, NULL},
    {"GET", "/api/sessions", ACCESS_ADMIN, api_get_sessions, NULL},
    {"POST", "/api/sessions", ACCESS_CLIENT, api_post_session, api_post_session_body},
    {"GET", "/api/sessions/{id}", ACCESS_ADMIN, api_get_session, NULL},
    {"DELETE", "/api/sessions/{id}", ACCESS_ADMIN, api_delete_session, NULL},
    {"GET", "/api/sessions/{id}/history", ACCESS_OWNER, api_get_session_history, NULL},
    {"GET", "/api/config", ACCESS_ADMIN, api_get_config, NULL},
    {"PUT", "/api/config", ACCESS_ADMIN, api_put_config, api_put_config_body},
    {"GET", "/api/monitor", ACCESS_ADMIN, api_get_monitor, NULL},
    {"GET", "/api/logs", ACCESS_ADMIN, api_get_logs, NULL},
    {"GET", "/metrics", ACCESS_METRICS, api_get_metrics, NULL},
    {"GET", "/healthz", ACCESS_OPEN, api_get_health, NULL},
    {"GET", "/readyz", ACCESS_OPEN, api_get_ready, NULL},
    {"GET", "/openapi.json", ACCESS_OPEN, get_description, NULL},
    {"GET", "/docs", ACCESS_OPEN, get_docs, NULL},
    {"GET", "/ws", ACCESS_CLIENT, want_upgrade, NULL},
    {"GET", "/ws/{id}", ACCESS_CLIENT, want_upgrade, NULL},
};
enum { N_ROUTES = sizeof routes / sizeof *routes };

const struct route *server_routes(size_t *n)
{
    *n = N_ROUTES;
    return routes;
}

/* Whether the path is of the pattern; id gets what {…} is. */
static bool matches(const char *pattern, const char *path, char id[65])
{
    const char *open = strchr(pattern, '{');
    size_t before = open ? (size_t)(open - pattern) : strlen(pattern);

    id[0] = '\0';
    if (strncmp(pattern, path, before) != 0)
        return false;
    path += before;
    if (!open)
        return !*path;
    size_t n = strcspn(path, "/");
    if (n >= 65)
        return false;
    memcpy(id, path, n);
    id[n] = '\0';
    return ac_session_id_valid(id) && !strcmp(path + n, strchr(open, '}') + 1);
}

static bool takes(const struct route *r, int method)
{
    switch (method) {
    case LWSHUMETH_GET:
    case LWSHUMETH_HEAD:
        return !strcmp(r->method, "GET");
    case LWSHUMETH_POST:
        return !strcmp(r->method, "POST");
    case LWSHUMETH_PUT:
        return !strcmp(r->method, "PUT");
    case LWSHUMETH_PATCH:
        return !strcmp(r->method, "PATCH");
    case LWSHUMETH_DELETE:
        return !strcmp(r->method, "DELETE");
    default:
        return false;
    }
}

const struct route *route_find(const char *path, int method, char id[65])
{
    for (size_t i = 0; i < N_ROUTES; i++)
        if (takes(&routes[i], method) && matches(routes[i].pattern, path, id))
            return &routes[i];
    id[0] = '\0';
    return NULL;
}

bool route_methods(const char *path, char methods[64])
{
    char id[65];
    size_t n = 0;

    methods[0] = '\0';
    for (size_t i = 0; i < N_ROUTES; i++)
        if (matches(routes[i].pattern, path, id))
            n += (size_t)snprintf(methods + n, 64 - n, "%s%s", n ? ", " : "",
                                  !strcmp(routes[i].method, "GET") ? "GET, HEAD" : routes[i].method);
    return n > 0;
}

/* ---- the short ones ---- */

static int get_description(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return http_send_content(wsi, pss, &s->description, NULL, NULL, NULL);
}

/* Swagger UI, which the page's build places beside the page. */
static int get_docs(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    const struct ac_content *c = s->assets ? ac_assets_find(s->assets, "/docs/index.html") : NULL;

    if (!c)
        return http_send_problem(wsi, pss, 404, NULL,
                                 "the folder of the page has no docs/index.html (`make web` builds it); "
                                 "/openapi.json is the description itself");
    return http_send_content(wsi, pss, c, NULL, NULL, NULL);
}

static int want_upgrade(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    (void)s;
    return http_send_problem(wsi, pss, 426, NULL, "this path speaks WebSocket");
}
