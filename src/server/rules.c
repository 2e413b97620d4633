/*
 * Conditional requests, ranges, codings, ids, origins. See rules.h.
 */
#include "server/rules.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Next element of a comma-separated list, trimmed; false at its end. */
static bool next_element(const char **p, const char **start, size_t *len)
{
    while (**p == ',' || is_space(**p))
        (*p)++;
    if (!**p)
        return false;
    *start = *p;
    while (**p && **p != ',')
        (*p)++;
    const char *end = *p;
    while (end > *start && is_space(end[-1]))
        end--;
    *len = (size_t)(end - *start);
    return true;
}

/* The quality of a coding in Accept-Encoding: -1 not named. */
static double coding_quality(const char *header, const char *coding)
{
    const char *p = header, *e;
    size_t n, name = strlen(coding);
    while (next_element(&p, &e, &n)) {
        if (n < name || strncasecmp(e, coding, name) != 0)
            continue;
        size_t i = name;
        while (i < n && is_space(e[i]))
            i++;
        if (i == n)
            return 1;
        if (e[i] != ';')
            continue;
        for (i++; i < n && is_space(e[i]);)
            i++;
        return i + 2 <= n && (e[i] == 'q' || e[i] == 'Q') && e[i + 1] == '=' ? strtod(e + i + 2, NULL) : 1;
    }
    return -1;
}

static bool accepts_gzip(const char *header)
{
    double q = coding_quality(header, "gzip");
    return q > 0 || (q < 0 && coding_quality(header, "*") > 0);
}

/* If-None-Match compares weakly: a W/ before a tag does not matter. */
static bool tag_listed(const char *header, const char *tag)
{
    const char *p = header, *e;
    size_t n, len = strlen(tag);
    while (next_element(&p, &e, &n)) {
        if (n == 1 && *e == '*')
            return true;
        if (n > 2 && e[0] == 'W' && e[1] == '/') {
            e += 2;
            n -= 2;
        }
        if (n == len && !memcmp(e, tag, n))
            return true;
    }
    return false;
}

/* A number of digits only; false on anything else or overflow. */
static bool digits(const char **p, uint64_t *value)
{
    const char *s = *p;
    uint64_t v = 0;
    while (*s >= '0' && *s <= '9') {
        if (v > (UINT64_MAX - 9) / 10)
            return false;
        v = v * 10 + (uint64_t)(*s++ - '0');
    }
    if (s == *p)
        return false;
    *p = s;
    *value = v;
    return true;
}

enum range { RANGE_IGNORED, RANGE_OK, RANGE_OUTSIDE };

/* One range "bytes=a-b", "bytes=a-", "bytes=-n". Several, or anything else, is ignored as the RFC allows. */
static enum range parse_range(const char *h, uint64_t len, uint64_t *first, uint64_t *last)
{
    uint64_t a, b;
    if (strncasecmp(h, "bytes=", 6) != 0)
        return RANGE_IGNORED;
    h += 6;
    if (*h == '-') {
        h++;
        if (!digits(&h, &b) || *h)
            return RANGE_IGNORED;
        if (!b || !len)
            return RANGE_OUTSIDE;
        *first = b < len ? len - b : 0;
        *last = len - 1;
        return RANGE_OK;
    }
    if (!digits(&h, &a) || *h++ != '-')
        return RANGE_IGNORED;
    if (*h) {
        if (!digits(&h, &b) || *h || b < a)
            return RANGE_IGNORED;
    } else {
        b = UINT64_MAX;
    }
    if (a >= len)
        return RANGE_OUTSIDE;
    *first = a;
    *last = b < len - 1 ? b : len - 1;
    return RANGE_OK;
}

void ac_reply_choose(const struct ac_content *c, const struct ac_conditions *when, struct ac_reply *r)
{
    bool ranged = *when->range && !when->head;
    *r = (struct ac_reply){.status = 200, .body = c->data, .len = c->len};
    r->gzip = c->gzip && !ranged && accepts_gzip(when->accept_encoding);
    if (r->gzip) {
        r->body = c->gzip;
        r->len = c->gzip_len;
    }
    snprintf(r->tag, sizeof r->tag, "\"%s%s\"", c->tag, r->gzip ? "-gz" : "");
    if (*when->if_none_match && tag_listed(when->if_none_match, r->tag)) {
        r->status = 304;
        r->body = NULL;
        r->len = 0;
        return;
    }
    if (!ranged || (*when->if_range && strcmp(when->if_range, r->tag) != 0))
        return;
    uint64_t first = 0, last = 0;
    switch (parse_range(when->range, c->len, &first, &last)) {
    case RANGE_IGNORED:
        break;
    case RANGE_OUTSIDE:
        r->status = 416;
        r->body = NULL;
        r->len = 0;
        snprintf(r->content_range, sizeof r->content_range, "bytes */%zu", c->len);
        break;
    case RANGE_OK:
        r->status = 206;
        r->body = c->data + first;
        r->len = (size_t)(last - first + 1);
        snprintf(r->content_range, sizeof r->content_range, "bytes %llu-%llu/%zu", (unsigned long long)first,
                 (unsigned long long)last, c->len);
        break;
    }
}

bool ac_session_id_valid(const char *id)
{
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return n >= 1 && n <= 64 && !id[n];
}

void ac_session_id_random(char id[33])
{
    unsigned char bits[16];
    size_t got = 0;
    while (got < sizeof bits) {
        ssize_t n = getrandom(bits + got, sizeof bits - got, 0);
        if (n < 0 && errno != EINTR)
            abort(); /* guessable ids would let others into a conversation */
        if (n > 0)
            got += (size_t)n;
    }
    for (size_t i = 0; i < sizeof bits; i++)
        snprintf(id + 2 * i, 3, "%02x", bits[i]);
}

/* The name of "name", "name:port" or "[v6]:port", without the port. */
static size_t host_name(const char *s, const char **name)
{
    if (*s == '[') {
        *name = s + 1;
        return strcspn(s + 1, "]");
    }
    *name = s;
    return strcspn(s, ":/");
}

static bool is_loopback(const char *s, size_t n)
{
    return (n == 9 && !strncasecmp(s, "localhost", 9)) || (n == 3 && !strncmp(s, "::1", 3)) ||
           (n > 4 && !strncmp(s, "127.", 4) && strspn(s, "0123456789.") >= n);
}

bool ac_origin_allowed(const char *origin, const char *host)
{
    const char *o, *h;
    if (!*origin)
        return true;
    const char *scheme = strstr(origin, "://");
    if (!scheme)
        return false;
    size_t on = host_name(scheme + 3, &o), hn = host_name(host, &h);
    if (!on || !hn)
        return false;
    return (on == hn && !strncasecmp(o, h, on)) || (is_loopback(o, on) && is_loopback(h, hn));
}
