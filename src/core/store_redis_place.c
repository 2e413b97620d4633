/* The URL of a Redis server. See store_redis.h. */
#include "core/store_redis.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORT = 6379, MAX_DB = 1000000 };

static int wrong(char *reason, const char *what)
{
    snprintf(reason, AC_STORE_REASON,
             "history.redis_url: %s; write redis://[user:password@]host[:port][/database]", what);
    return AC_ECONFIG;
}

/* A whole number in [0, max]; -1 where it is none. */
static int number(const char *text, size_t n, int max)
{
    int value = 0;

    if (!n || strspn(text, "0123456789") < n)
        return -1;
    for (size_t i = 0; i < n; i++) {
        value = value * 10 + (text[i] - '0');
        if (value > max)
            return -1;
    }
    return value;
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef",
               *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* With %XX as bytes; NULL where that is malformed. */
static char *decode(const char *text, size_t n)
{
    struct ac_str s = {0};

    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '%') {
            int hi = i + 2 < n ? hex(text[i + 1]) : -1, lo = hi < 0 ? -1 : hex(text[i + 2]);
            if (lo < 0 || (!hi && !lo)) { /* a NUL would end the text */
                ac_str_free(&s);
                return NULL;
            }
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        ac_str_add_n(&s, &c, 1);
    }
    return ac_str_steal(&s);
}

static int parse_login(struct redis_place *p, const char *text, size_t n, char *reason)
{
    const char *colon = memchr(text, ':', n);
    size_t user = colon ? (size_t)(colon - text) : n;

    if (user)
        p->user = decode(text, user);
    if (colon)
        p->password = decode(colon + 1, n - user - 1);
    if ((user && !p->user) || (colon && !p->password))
        return wrong(reason, "a % in user or password is not followed by two hex digits");
    return 0;
}

static int parse_host(struct redis_place *p, const char *text, size_t n, char *reason)
{
    const char *end = text + n, *port;

    if (n && *text == '[') { /* an IPv6 address */
        const char *close = memchr(text, ']', n);
        if (!close || (close + 1 < end && close[1] != ':'))
            return wrong(reason, "the address in brackets is not closed");
        p->host = ac_strndup(text + 1, (size_t)(close - text) - 1);
        port = close + 1;
    } else {
        port = memchr(text, ':', n);
        if (!port)
            port = end;
        p->host = ac_strndup(text, (size_t)(port - text));
    }
    if (!p->host[0])
        return wrong(reason, "the host is missing");
    p->port = port < end ? number(port + 1, (size_t)(end - port) - 1, 65535) : DEFAULT_PORT;
    return p->port > 0 ? 0 : wrong(reason, "the port is no number from 1 to 65535");
}

int redis_place_parse(struct redis_place *p, const char *url, char *reason)
{
    static const char scheme[] = "redis://";
    int err = 0;

    memset(p, 0, sizeof *p);
    if (!strncmp(url, "rediss://", 9))
        return wrong(reason, "TLS (rediss://) is not built in: let a TLS tunnel (stunnel, say) run on this "
                             "machine and name it");
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return wrong(reason, "it does not begin with redis://");
    url += sizeof scheme - 1;
    size_t n = strcspn(url, "/?#");
    const char *at = memrchr(url, '@', n), *host = at ? at + 1 : url, *path = url + n;
    if (at)
        err = parse_login(p, url, (size_t)(at - url), reason);
    if (!err)
        err = parse_host(p, host, (size_t)(path - host), reason);
    if (!err && *path == '/' && path[1]) {
        p->db = number(path + 1, strlen(path + 1), MAX_DB);
        if (p->db < 0)
            err = wrong(reason, "what follows the host is no number of a database");
    } else if (!err && *path && *path != '/') {
        err = wrong(reason, "nothing may follow the database");
    }
    if (err)
        redis_place_clear(p);
    return err;
}

void redis_place_clear(struct redis_place *p)
{
    free(p->host);
    free(p->user);
    free(p->password);
    memset(p, 0, sizeof *p);
}
