/*
 * The one bounded queue: of frames, limited in items, bytes and time, with a declared policy for when it
 * is full. Never blocks; whoever waits for room or items is woken by its own means (a strand post).
 *
 * Policies: AC_QUEUE_REFUSE gives AC_EFULL back and leaves the frame with the caller (text pushes back);
 * AC_QUEUE_DROP_OLDEST makes room at the head and counts what it drops (microphone).
 * Threads: any. Ownership: a successful push takes the caller's reference, pop gives it.
 */
#ifndef AC_BASE_QUEUE_H
#define AC_BASE_QUEUE_H

#include "avatarchat/frame.h"

enum ac_queue_policy { AC_QUEUE_REFUSE = 1, AC_QUEUE_DROP_OLDEST };

struct ac_queue_limits {
    size_t max_items; /* 0 = none of its kind */
    size_t max_bytes;
    int64_t max_duration_us; /* of speech */
    enum ac_queue_policy policy;
};

struct ac_queue_stats {
    size_t items, bytes;
    int64_t duration_us;
    uint64_t pushed, refused, dropped;
};

struct ac_queue;

struct ac_queue *ac_queue_new(const struct ac_queue_limits *limits);
void ac_queue_free(struct ac_queue *q); /* drops what is in it; NULL is fine */
/*
 * 0, AC_EFULL (REFUSE: frame stays the caller's), AC_ECLOSED. A single frame over the byte or time limit
 * is taken by an empty queue, so that nothing is stuck for ever.
 */
int ac_queue_push(struct ac_queue *q, struct ac_frame *f);
struct ac_frame *ac_queue_pop(struct ac_queue *q); /* NULL when empty */
bool ac_queue_full(const struct ac_queue *q);
void ac_queue_clear(struct ac_queue *q); /* drops all items */
void ac_queue_close(struct ac_queue *q); /* later pushes give AC_ECLOSED; items stay */
struct ac_queue_stats ac_queue_stats(const struct ac_queue *q);

#endif
