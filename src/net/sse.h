/*
 * Server-Sent Events, parsed while they arrive, however the bytes are cut.
 *
 * Follows the WHATWG standard (HTML, "Server-sent events"): lines end in CR, LF or CRLF, a byte-order mark at
 * the start is skipped, lines that begin with a colon are comments, `data` lines of one event are joined with
 * LF, an empty line ends the event, an event without data is none. Differing from it, an event that the end
 * of the stream cuts off is given too (ac_sse_finish): servers leave the last empty line out.
 *
 * One instance a stream, one thread at a time. Start from {0} with max_bytes set.
 */
#ifndef AC_NET_SSE_H
#define AC_NET_SSE_H

#include "base/str.h"

/* One event; event is its name, of which 31 bytes are kept, "" = none. data is NUL-terminated. Non-zero ends
 * the parsing with it. */
typedef int ac_sse_fn(void *arg, const char *event, const char *data, size_t len);

struct ac_sse {
    size_t max_bytes; /* longest line, and longest data of one event */
    struct ac_str line, data;
    char event[32];
    bool after_cr, began, has_data;
};

/* AC_ELIMIT for a line or event longer than max_bytes, or what fn gave; then nothing more may be fed. */
int ac_sse_feed(struct ac_sse *s, const char *bytes, size_t n, ac_sse_fn *fn, void *arg);
int ac_sse_finish(struct ac_sse *s, ac_sse_fn *fn, void *arg);
void ac_sse_free(struct ac_sse *s);

#endif
