/*
 * Outbox: what waits for one WebSocket, bounded in bytes.
 *
 * Workers put whole messages in, the loop thread takes them out one at a time. A media message is a text and
 * the bytes that belong to it; the two go in together, so nothing can come between. Past the soft limit media
 * is refused (AC_EFULL) and text still goes in; past the hard limit, or when the reader stays behind the soft
 * one for too long, the outbox is overrun: the owner says goodbye and closes.
 *
 * Threads: all functions from any thread, but for take, which is the loop thread's.
 */
#ifndef AC_SERVER_OUTBOX_H
#define AC_SERVER_OUTBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room before the bytes that the WebSocket library writes its frame header to. */
enum { AC_OUTBOX_PRE = 32 };

struct ac_outbox_item {
    struct ac_outbox_item *next;
    bool binary;
    size_t len;
    unsigned char *data; /* AC_OUTBOX_PRE bytes of room lie before it */
};

struct ac_outbox {
    pthread_mutex_t lock;
    struct ac_outbox_item *head, *tail;
    size_t bytes, soft_bytes, hard_bytes;
    int64_t behind_since_us; /* 0 = it keeps up */
    bool refused;            /* media was refused and the room has not been announced yet */
    bool closed;             /* nothing more goes in */
    bool overrun;
};

void ac_outbox_init(struct ac_outbox *o, size_t soft_bytes, size_t hard_bytes);
void ac_outbox_destroy(struct ac_outbox *o);
/*
 * Copies a message in; binary may be NULL. AC_EFULL: media past the soft limit; AC_ECLOSED after close or
 * overrun. A message past the hard limit makes the outbox overrun. *fell_behind (may be NULL) is set when
 * this call is the first to be refused since the reader kept up.
 */
int ac_outbox_put(struct ac_outbox *o, const char *text, size_t text_len, const char *binary,
                  size_t binary_len, bool *fell_behind);
/*
 * Takes the oldest message, NULL when empty; freed with ac_outbox_item_free. *room is set once when media had
 * been refused and now less than half of the soft limit waits.
 */
struct ac_outbox_item *ac_outbox_take(struct ac_outbox *o, bool *room);
void ac_outbox_item_free(struct ac_outbox_item *item);
bool ac_outbox_empty(struct ac_outbox *o);
size_t ac_outbox_bytes(struct ac_outbox *o);
/* True when overrun, or behind for longer than slow_us (which makes it overrun). */
bool ac_outbox_overrun(struct ac_outbox *o, int64_t now_us, int64_t slow_us);
/*
 * Nothing more goes in but this last text (NULL: none). drop: forget what waits, except for bytes whose
 * announcing text has gone already.
 */
void ac_outbox_close(struct ac_outbox *o, const char *text, size_t text_len, bool drop);

#endif
