/* Where a WebSocket connection goes: the parts of its address, and the proxy that leads there. */
#include "net/ws_private.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "host", "host:port", "[v6]:port" of len bytes. */
static bool parse_host(const char *text, size_t len, char *host, size_t size, int *port)
{
    const char *end = text + len, *colon = NULL;

    if (len && *text == '[') {
        const char *close = memchr(text, ']', len);
        if (!close || (close + 1 < end && close[1] != ':'))
            return false;
        if (close + 1 < end)
            colon = close + 1;
        text++;
        len = (size_t)(close - text);
    } else {
        colon = memchr(text, ':', len);
        len = colon ? (size_t)(colon - text) : len;
    }
    if (len == 0 || len >= size)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (!colon)
        return true;
    char *stop;
    long n = strtol(colon + 1, &stop, 10);
    if (stop != end || n < 1 || n > 65535)
        return false;
    *port = (int)n;
    return true;
}

static bool is_plain(const char *s)
{
    for (; *s; s++) {
        if (*s <= ' ' || *s > '~')
            return false;
    }
    return true;
}

bool ws_parse_url(struct ac_ws *ws, const char *url)
{
    char host[WS_MAX_HOST];

    ws->tls = strncasecmp(url, "wss://", 6) == 0;
    if ((!ws->tls && strncasecmp(url, "ws://", 5) != 0) || !is_plain(url))
        return false;
    const char *authority = url + (ws->tls ? 6 : 5), *path = authority + strcspn(authority, "/?#");
    int usual = ws->tls ? 443 : 80;
    ws->port = usual;
    if (memchr(authority, '@', (size_t)(path - authority)) ||
        !parse_host(authority, (size_t)(path - authority), host, sizeof host, &ws->port))
        return false;
    ws->host = ac_strdup(host);
    const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
    if (ws->port == usual)
        ws->host_header = ac_asprintf("%s%s%s", open, host, close);
    else
        ws->host_header = ac_asprintf("%s%s%s:%d", open, host, close, ws->port);
    ws->path = ac_asprintf("%s%.*s", *path == '/' ? "" : "/", (int)strcspn(path, "#"), path);
    return true;
}

/* ---- proxies ---- */

static const char *env_any(const char *a, const char *b)
{
    const char *v = getenv(a);

    if (!v || !*v)
        v = b ? getenv(b) : NULL;
    return v && *v ? v : NULL;
}

/* no_proxy: names, each for itself and all below it, parted by commas or blanks; * = all. */
static bool is_excepted(const char *host)
{
    const char *p = env_any("no_proxy", "NO_PROXY");
    size_t len = strlen(host);

    while (p && *p) {
        p += strspn(p, ", \t");
        size_t n = strcspn(p, ", \t");
        const char *name = *p == '.' ? p + 1 : p;
        size_t m = n - (size_t)(name - p);
        if (n == 1 && *p == '*')
            return true;
        if (m && m <= len && strncasecmp(host + len - m, name, m) == 0 &&
            (m == len || host[len - m - 1] == '.'))
            return true;
        p += n;
    }
    return false;
}

static bool parse_proxy(const char *url, struct ws_proxy *proxy)
{
    const char *p = strncasecmp(url, "http://", 7) == 0 ? url + 7 : url;
    size_t len = strcspn(p, "/");
    const char *at = memrchr(p, '@', len);

    if (strstr(p, "://") || !is_plain(url))
        return false;
    if (at) {
        if ((size_t)(at - p) >= sizeof proxy->auth)
            return false;
        memcpy(proxy->auth, p, (size_t)(at - p));
        len -= (size_t)(at + 1 - p);
        p = at + 1;
    }
    proxy->port = 1080; /* as libcurl has it */
    if (parse_host(p, len, proxy->host, sizeof proxy->host, &proxy->port))
        return true;
    proxy->port = 0;
    return false;
}

int ws_find_proxy(struct ac_ws *ws, const char *named)
{
    const char *url = named && *named ? named : NULL;

    if (!url && is_excepted(ws->host))
        return 0;
    if (!url) /* HTTP_PROXY is left out, as everywhere: a web server sets it from a request's header */
        url = ws->tls ? env_any("https_proxy", "HTTPS_PROXY") : env_any("http_proxy", NULL);
    if (!url)
        url = env_any("all_proxy", "ALL_PROXY");
    if (!url || parse_proxy(url, &ws->proxy))
        return 0;
    snprintf(ws->refusal.reason, sizeof ws->refusal.reason,
             "the proxy %s cannot be used: WebSockets go through HTTP proxies only, as http://host:port",
             named && *named ? "that is configured" : "of the environment");
    return AC_ENOTSUP;
}
