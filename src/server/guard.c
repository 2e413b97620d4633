/*
 * Who may: the rules of access.h applied to connections and requests. docs/security.md tells them.
 *
 * Direct requests from this machine itself are not limited and, where no admin token is configured, may
 * administer. A request counts as such when its peer is a loopback address, it names this machine by a
 * loopback name (or a page of another site could reach it under a name of its own, resolved to 127.0.0.1),
 * and nothing says that a proxy has passed it on.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/private.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_EXTRA = 16 }; /* connections past the limit that are still told so */

static const char csp_format[] =
    /* Scripts only from here; styles also in line, since the page's components bring theirs at run time;
     * media from blobs, since the player feeds the video element through Media Source Extensions. */
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors %s";

/* Tells which option is wrong; what is wrong stands in reason. */
static int name_option(char *reason, const char *option)
{
    char why[AC_ACCESS_REASON];

    memcpy(why, reason, sizeof why);
    snprintf(reason, AC_ACCESS_REASON, "%s: %.200s", option, why);
    return AC_ECONFIG;
}

int guard_open(struct ac_server *s, char *reason)
{
    const struct ac_server_config *cfg = s->cfg;
    struct guard *g = &s->guard;
    char sources[600];

    if (ac_token_set_load(&g->tokens, cfg, reason))
        return AC_ECONFIG;
    if (ac_prefixes_parse(&g->proxies, cfg->trusted_proxies, reason))
        return name_option(reason, "server.trusted_proxies");
    if (ac_origins_check(cfg->allowed_origins, reason))
        return name_option(reason, "server.allowed_origins");
    if (ac_frame_rule(cfg->frame_ancestors, sources, sizeof sources, &g->x_frame_options, reason))
        return name_option(reason, "server.frame_ancestors");
    snprintf(g->csp, sizeof g->csp, csp_format, sources);
    g->visitors = ac_visitors_new(s->max_descriptors + 4096);
    if (!ac_token_set_for_admin(g->tokens))
        ac_log_info("server", "no_admin_token",
                    AC_S("effect", "only this machine itself may administer the server"));
    return 0;
}

void guard_close(struct ac_server *s)
{
    ac_token_set_free(s->guard.tokens);
    ac_prefixes_free(s->guard.proxies);
    ac_visitors_free(s->guard.visitors);
}

/* ---- connections ---- */

static bool peer_of(int fd, unsigned char address[AC_ADDRESS_BYTES])
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;

    memset(address, 0, AC_ADDRESS_BYTES);
    if (getpeername(fd, (struct sockaddr *)&a, &len))
        return false;
    if (a.ss_family == AF_INET6) {
        memcpy(address, &((struct sockaddr_in6 *)&a)->sin6_addr, AC_ADDRESS_BYTES);
    } else if (a.ss_family == AF_INET) {
        address[10] = address[11] = 0xff;
        memcpy(address + 12, &((struct sockaddr_in *)&a)->sin_addr, 4);
    }
    return a.ss_family == AF_INET || a.ss_family == AF_INET6;
}

static bool is_limited(const struct ac_server *s, const unsigned char address[AC_ADDRESS_BYTES])
{
    return s->tuning.limit_loopback || !ac_address_loopback(address);
}

struct ac_visitor *guard_accept(struct ac_server *s, int fd, bool *drop)
{
    unsigned char address[AC_ADDRESS_BYTES];

    *drop = false;
    if (!peer_of(fd, address) || !is_limited(s, address) || ac_prefixes_match(s->guard.proxies, address))
        return NULL;
    struct ac_visitor *one = ac_visitors_find(s->guard.visitors, address);
    *drop =
        !one || ac_visitor_connections(one) >= server_config(s)->max_connections_per_address + ANSWER_EXTRA;
    if (one && !*drop)
        ac_visitor_join(one);
    return *drop ? NULL : one;
}

/* ---- who asks ---- */

static bool has_header(struct lws *wsi, const char *name)
{
    return lws_hdr_custom_length(wsi, name, (int)strlen(name)) >= 0;
}

/* Anything that only proxies send. */
static bool is_forwarded(struct lws *wsi)
{
    static const char *const names[] = {
        "forwarded:",          "x-forwarded-host:",   "x-forwarded-proto:", "x-forwarded-port:",
        "x-forwarded-server:", "x-forwarded-prefix:", "x-forwarded:",       "x-forwarded-by:",
        "x-forwarded-scheme:", "x-forwarded-ssl:",    "x-original-host:",   "x-client-ip:"};

    if (lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0 ||
        lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_X_REAL_IP) > 0 ||
        lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_VIA) > 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has_header(wsi, names[i]))
            return true;
    return false;
}

static void tell_untrusted(struct ac_server *s, const char *address)
{
    if (s->guard.told_proxy)
        return;
    s->guard.told_proxy = true;
    ac_log_warn("server", "proxy_not_trusted", AC_S("address", address),
                AC_S("remedy", "name it in server.trusted_proxies, or its clients count as one"));
}

void guard_identify(struct ac_server *s, struct lws *wsi, struct who *who)
{
    static const char proto_header[] = "x-forwarded-proto:";
    char host[256], list[512], proto[16] = "";
    bool forwarded = is_forwarded(wsi), known = peer_of(lws_get_socket_fd(wsi), who->peer);

    who->secure = s->ssl != NULL;
    http_copy_header(wsi, host, sizeof host, WSI_TOKEN_HOST);
    who->local = known && ac_address_loopback(who->peer) && !forwarded && ac_host_is_loopback(host);
    who->proxied = forwarded && ac_prefixes_match(s->guard.proxies, who->peer);
    if (who->proxied) {
        http_copy_header(wsi, list, sizeof list, WSI_TOKEN_X_FORWARDED_FOR);
        ac_forwarded_peer(s->guard.proxies, list, who->peer);
        lws_hdr_custom_copy(wsi, proto, sizeof proto, proto_header, sizeof proto_header - 1);
        who->secure |= !strcasecmp(proto, "https");
    }
    ac_address_print(who->peer, who->address);
    who->limited = known && is_limited(s, who->peer);
    if (forwarded && !who->proxied)
        tell_untrusted(s, who->address);
}

/* ---- limits ---- */

static const struct refusal too_many_connections = {
    429, "max_connections_per_address: your address has too many connections"};

struct refusal guard_visit(struct ac_server *s, struct lws *wsi, const struct who *who)
{
    const struct ac_server_config *cfg = server_config(s);
    struct ac_visitor *connected = lws_get_opaque_user_data(wsi);

    if (connected && ac_visitor_connections(connected) > cfg->max_connections_per_address)
        return too_many_connections;
    struct ac_visitor *one = who->limited ? ac_visitors_find(s->guard.visitors, who->peer) : NULL;
    if (one && !ac_visitor_request(one, cfg->max_requests_per_s_per_address, ac_now_us()))
        return (struct refusal){429, "max_requests_per_s_per_address: too many requests from your address"};
    return (struct refusal){0, NULL};
}

struct ac_visitor *guard_proxied(struct ac_server *s, const struct who *who, struct refusal *no)
{
    struct ac_visitor *one =
        who->proxied && who->limited ? ac_visitors_find(s->guard.visitors, who->peer) : NULL;

    *no = (struct refusal){0, NULL};
    if (one && ac_visitor_connections(one) >= server_config(s)->max_connections_per_address) {
        *no = too_many_connections;
        return NULL;
    }
    return one;
}

/* ---- origin and tokens ---- */

struct refusal guard_origin(struct ac_server *s, struct lws *wsi)
{
    char origin[256], host[256];

    http_copy_header(wsi, host, sizeof host, WSI_TOKEN_HOST);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) >= (int)sizeof origin)
        return (struct refusal){403, "the Origin header is too long"};
    http_copy_header(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN);
    if (ac_origin_allowed(origin, host) || ac_origin_listed(s->cfg->allowed_origins, origin))
        return (struct refusal){0, NULL};
    ac_log_warn("server", "origin_refused", AC_S("origin", origin), AC_S("host", host));
    return (struct refusal){403, "pages of other sites may not do this: Origin and Host name different hosts "
                                 "(a proxy in front must pass the Host header on; server.allowed_origins "
                                 "names other pages that may)"};
}

/* The token that came: in Authorization, or, of a WebSocket, in the URL or among the subprotocols. */
static bool given_token(struct lws *wsi, char *token, size_t size)
{
    char text[1024], buf[512];
    const char *bearer, *arg;

    http_copy_header(wsi, text, sizeof text, WSI_TOKEN_HTTP_AUTHORIZATION);
    bearer = ac_bearer(text);
    if (bearer) {
        lws_strncpy(token, bearer, size);
        return true;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) <= 0)
        return false;
    arg = lws_get_urlarg_by_name(wsi, "token=", buf, sizeof buf);
    if (arg && *arg) {
        lws_strncpy(token, arg, size);
        return true;
    }
    http_copy_header(wsi, text, sizeof text, WSI_TOKEN_PROTOCOL);
    return ac_protocol_token(text, token, size);
}

static struct refusal refuse_admin(struct ac_server *s, bool token)
{
    if (!ac_token_set_for_admin(s->guard.tokens))
        return (struct refusal){403, "this is for administrators: without an admin token only this machine "
                                     "itself may, directly (set AVATAR_CHAT_ADMIN_TOKEN or "
                                     "server.admin_token_file on the server, and send it as Authorization: "
                                     "Bearer TOKEN)"};
    return (struct refusal){401, token ? "the token is not the administrator's"
                                       : "this is for administrators: send Authorization: Bearer TOKEN"};
}

struct refusal guard_access(struct ac_server *s, struct lws *wsi, const struct who *who, enum access access,
                            bool *admin)
{
    const struct ac_token_set *t = s->guard.tokens;
    char token[512];
    bool given = given_token(wsi, token, sizeof token);
    struct refusal fine = {0, NULL};

    bool by_token = given && ac_token_set_admin(t, token);
    *admin = ac_token_set_for_admin(t) ? by_token : who->local;
    bool client = by_token || !ac_token_set_for_clients(t) || (given && ac_token_set_client(t, token));
    switch (access) {
    case ACCESS_OPEN:
        return fine;
    case ACCESS_METRICS:
        return *admin || who->local || server_config(s)->metrics_open ? fine : refuse_admin(s, given);
    case ACCESS_AVATARS:
        if (server_config(s)->avatar_uploads == AC_UPLOADS_NONE)
            return (struct refusal){403, "server.avatar_uploads: avatars cannot be uploaded here"};
        if (*admin || server_config(s)->avatar_uploads == AC_UPLOADS_CLIENTS)
            break;
        return refuse_admin(s, given);
    case ACCESS_ADMIN:
        return *admin ? fine : refuse_admin(s, given);
    case ACCESS_CLIENT:
    case ACCESS_OWNER:
        break;
    }
    if (client)
        return fine;
    return (struct refusal){401, given ? "the token is not one of this server's"
                                       : "this server wants a token: send Authorization: Bearer TOKEN, or on "
                                         "a WebSocket ?token=TOKEN"};
}
