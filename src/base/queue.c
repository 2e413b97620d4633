/*
 * The bounded queue: a linked list under one lock. What a frame counts for is noted when it is pushed,
 * so that the sums stay right; frames are dropped outside of the lock.
 */
#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "avatarchat/err.h"
#include "base/mem.h"

struct item {
    struct item *next;
    struct ac_frame *frame;
    size_t bytes;
    int64_t duration_us;
};

struct ac_queue {
    struct ac_queue_limits limits; /* immutable */
    pthread_mutex_t lock;          /* for what follows */
    struct item *head, **tail;
    struct ac_queue_stats stats;
    bool closed;
};

struct ac_queue *ac_queue_new(const struct ac_queue_limits *limits)
{
    struct ac_queue *q = ac_zalloc(sizeof *q);
    q->limits = *limits;
    if (q->limits.policy == 0)
        q->limits.policy = AC_QUEUE_REFUSE;
    pthread_mutex_init(&q->lock, NULL);
    q->tail = &q->head;
    return q;
}

static void free_items(struct item *it)
{
    while (it) {
        struct item *next = it->next;
        ac_frame_unref(it->frame);
        free(it);
        it = next;
    }
}

void ac_queue_free(struct ac_queue *q)
{
    if (!q)
        return;
    free_items(q->head);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

/* The pthread calls need a lock that is not const; the readers below change nothing else. */
static pthread_mutex_t *lock_of(const struct ac_queue *q)
{
    return &((struct ac_queue *)(uintptr_t)q)->lock;
}

static struct item *take_head(struct ac_queue *q)
{
    struct item *it = q->head;
    if (!it)
        return NULL;
    q->head = it->next;
    if (!q->head)
        q->tail = &q->head;
    it->next = NULL;
    q->stats.items--;
    q->stats.bytes -= it->bytes;
    q->stats.duration_us -= it->duration_us;
    return it;
}

static bool fits(const struct ac_queue *q, size_t bytes, int64_t duration_us)
{
    const struct ac_queue_limits *l = &q->limits;
    if (!q->head)
        return true;
    return (!l->max_items || q->stats.items < l->max_items) &&
           (!l->max_bytes || q->stats.bytes + bytes <= l->max_bytes) &&
           (!l->max_duration_us || q->stats.duration_us + duration_us <= l->max_duration_us);
}

int ac_queue_push(struct ac_queue *q, struct ac_frame *f)
{
    struct item *dropped = NULL, **dropped_tail = &dropped;
    struct item *it = ac_zalloc(sizeof *it);
    it->frame = f;
    it->bytes = ac_frame_bytes(f);
    it->duration_us = ac_frame_duration_us(f);
    int err = AC_OK;

    pthread_mutex_lock(&q->lock);
    if (q->closed) {
        err = AC_ECLOSED;
        goto out;
    }
    while (!fits(q, it->bytes, it->duration_us)) {
        if (q->limits.policy == AC_QUEUE_REFUSE) {
            q->stats.refused++;
            err = AC_EFULL;
            goto out;
        }
        *dropped_tail = take_head(q);
        dropped_tail = &(*dropped_tail)->next;
        q->stats.dropped++;
    }
    *q->tail = it;
    q->tail = &it->next;
    q->stats.items++;
    q->stats.bytes += it->bytes;
    q->stats.duration_us += it->duration_us;
    q->stats.pushed++;
out:
    pthread_mutex_unlock(&q->lock);
    if (err)
        free(it);
    free_items(dropped);
    return err;
}

struct ac_frame *ac_queue_pop(struct ac_queue *q)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = take_head(q);
    pthread_mutex_unlock(&q->lock);
    struct ac_frame *f = it ? it->frame : NULL;
    free(it);
    return f;
}

bool ac_queue_full(const struct ac_queue *q)
{
    pthread_mutex_lock(lock_of(q));
    bool full = !fits(q, 1, 1);
    pthread_mutex_unlock(lock_of(q));
    return full;
}

void ac_queue_clear(struct ac_queue *q)
{
    pthread_mutex_lock(&q->lock);
    struct item *all = q->head;
    q->head = NULL;
    q->tail = &q->head;
    q->stats.items = q->stats.bytes = 0;
    q->stats.duration_us = 0;
    pthread_mutex_unlock(&q->lock);
    free_items(all);
}

void ac_queue_close(struct ac_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_mutex_unlock(&q->lock);
}

struct ac_queue_stats ac_queue_stats(const struct ac_queue *q)
{
    pthread_mutex_lock(lock_of(q));
    struct ac_queue_stats stats = q->stats;
    pthread_mutex_unlock(lock_of(q));
    return stats;
}
