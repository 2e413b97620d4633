/*
 * Who is here, by address: connections that are open and requests that may come now. A bounded table; what
 * was quiet for longest makes room. Addresses of IPv6 count by their /64, which is what one customer has.
 *
 * Threads: the loop thread.
 */
#ifndef AC_SERVER_VISITORS_H
#define AC_SERVER_VISITORS_H

#include "server/access.h"

struct ac_visitors;
struct ac_visitor;

/* max: entries; those with a connection are never given up, so it must be larger than what can connect. */
struct ac_visitors *ac_visitors_new(size_t max);
void ac_visitors_free(struct ac_visitors *v);
/*
 * The entry of an address; stays valid while it has a connection, else until the next call. NULL: every entry
 * has a connection.
 */
struct ac_visitor *ac_visitors_find(struct ac_visitors *v, const unsigned char address[AC_ADDRESS_BYTES]);
size_t ac_visitors_count(const struct ac_visitors *v);

/* One more or one less connection. */
void ac_visitor_join(struct ac_visitor *one);
void ac_visitor_leave(struct ac_visitor *one);
int ac_visitor_connections(const struct ac_visitor *one);
/* One request; false when more than rate a second came lately (a second's worth may come at once). */
bool ac_visitor_request(struct ac_visitor *one, int rate, int64_t now_us);

/* A bucket of tokens that fills at `rate` a second, up to a second's worth. */
struct ac_bucket {
    double tokens;
    int64_t at_us;
};
bool ac_bucket_take(struct ac_bucket *b, int rate, int64_t now_us);

#endif
