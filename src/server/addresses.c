/*
 * Addresses of the internet, prefixes of them, and what a proxy says. See access.h.
 */
#include "server/access.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char v4_head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* The bytes of a plain IPv4 or IPv6 address. */
static bool parse_plain(const char *text, unsigned char address[AC_ADDRESS_BYTES])
{
    if (inet_pton(AF_INET, text, address + sizeof v4_head) == 1) {
        memcpy(address, v4_head, sizeof v4_head);
        return true;
    }
    return inet_pton(AF_INET6, text, address) == 1;
}

bool ac_address_parse(const char *text, size_t len, unsigned char address[AC_ADDRESS_BYTES])
{
    char buf[AC_ADDRESS_TEXT];
    const char *end;

    if (len && *text == '[') { /* [v6] or [v6]:port */
        end = memchr(text, ']', len);
        if (!end)
            return false;
        len = (size_t)(end - text) - 1;
        text++;
    } else if ((end = memchr(text, ':', len)) && !memchr(end + 1, ':', len - (size_t)(end + 1 - text))) {
        len = (size_t)(end - text); /* v4:port */
    }
    end = memchr(text, '%', len);
    if (end)
        len = (size_t)(end - text);
    if (!len || len >= sizeof buf)
        return false;
    memcpy(buf, text, len);
    buf[len] = '\0';
    return parse_plain(buf, address);
}

void ac_address_print(const unsigned char address[AC_ADDRESS_BYTES], char text[AC_ADDRESS_TEXT])
{
    if (!memcmp(address, v4_head, sizeof v4_head))
        inet_ntop(AF_INET, address + sizeof v4_head, text, AC_ADDRESS_TEXT);
    else
        inet_ntop(AF_INET6, address, text, AC_ADDRESS_TEXT);
}

bool ac_address_loopback(const unsigned char address[AC_ADDRESS_BYTES])
{
    static const unsigned char v6[AC_ADDRESS_BYTES] = {[15] = 1};

    return (!memcmp(address, v4_head, sizeof v4_head) && address[12] == 127) ||
           !memcmp(address, v6, sizeof v6);
}

/* ---- prefixes ---- */

struct prefix {
    unsigned char address[AC_ADDRESS_BYTES];
    int bits; /* of 128 */
};
struct ac_prefixes {
    struct prefix *list;
    size_t n;
};

void ac_prefixes_free(struct ac_prefixes *p)
{
    if (p)
        free(p->list);
    free(p);
}

/* One address or address/bits. */
static bool parse_prefix(const char *text, size_t len, struct prefix *p)
{
    const char *slash = memchr(text, '/', len);
    size_t n = slash ? (size_t)(slash - text) : len;
    bool v4 = !memchr(text, ':', n);
    int most = v4 ? 32 : 128, bits = most;

    if (slash) {
        char *end;
        if (slash[1] < '0' || slash[1] > '9')
            return false;
        long value = strtol(slash + 1, &end, 10);
        if (end != text + len || value > most)
            return false;
        bits = (int)value;
    }
    p->bits = v4 ? bits + 96 : bits;
    return memchr(text, '[', n) == NULL && ac_address_parse(text, n, p->address);
}

int ac_prefixes_parse(struct ac_prefixes **out, const char *list, char *reason)
{
    struct ac_prefixes *all = ac_zalloc(sizeof *all);

    for (const char *p = list; *p;) {
        struct prefix one;
        p += strspn(p, ", \t");
        size_t n = strcspn(p, ", \t");
        if (n && !parse_prefix(p, n, &one)) {
            snprintf(reason, AC_ACCESS_REASON,
                     "'%.*s' is no address: write 192.0.2.1, 10.0.0.0/8 or fd00::/8, between commas",
                     (int)(n < 100 ? n : 100), p);
            ac_prefixes_free(all);
            return AC_ECONFIG;
        }
        if (n) {
            all->list = ac_realloc_array(all->list, all->n + 1, sizeof *all->list);
            all->list[all->n++] = one;
        }
        p += n;
    }
    *out = all;
    return 0;
}

static bool within(const struct prefix *p, const unsigned char address[AC_ADDRESS_BYTES])
{
    size_t whole = (size_t)p->bits / 8;
    int rest = p->bits % 8;

    return !memcmp(p->address, address, whole) &&
           (!rest || (p->address[whole] ^ address[whole]) >> (8 - rest) == 0);
}

bool ac_prefixes_match(const struct ac_prefixes *prefixes, const unsigned char address[AC_ADDRESS_BYTES])
{
    for (size_t i = 0; i < prefixes->n; i++)
        if (within(&prefixes->list[i], address))
            return true;
    return false;
}

void ac_forwarded_peer(const struct ac_prefixes *proxies, const char *x_forwarded_for,
                       unsigned char peer[AC_ADDRESS_BYTES])
{
    const char *end = x_forwarded_for + strlen(x_forwarded_for);

    while (end > x_forwarded_for && ac_prefixes_match(proxies, peer)) {
        unsigned char address[AC_ADDRESS_BYTES];
        const char *begin = end;
        while (begin > x_forwarded_for && begin[-1] != ',')
            begin--;
        const char *p = begin + strspn(begin, " \t");
        size_t n = p < end ? strcspn(p, ", \t") : 0;
        if (!ac_address_parse(p, n, address))
            return;
        memcpy(peer, address, AC_ADDRESS_BYTES);
        end = begin > x_forwarded_for ? begin - 1 : begin;
    }
}
