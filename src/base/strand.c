/*
 * Strands and tasks: the order in which things run.
 *
 * A task is in the pool's heap of delayed tasks until its start, then in its strand's ready list, in the
 * order of the posts. A strand that has ready tasks and does not run is in its lane's heap, keyed by the
 * earliest deadline among its ready tasks: an urgent task behind a patient one of the same strand pulls
 * that one forward, since it cannot overtake it.
 */
#include <stdlib.h>

#include "avatarchat/err.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool_private.h"

static _Thread_local struct ac_strand *current_strand;

struct ac_strand *ac_strand_new(struct ac_pool *pool, const char *name, bool waits)
{
    struct ac_strand *s = ac_zalloc(sizeof *s);
    s->pool = pool;
    s->lane = waits ? &pool->waits : &pool->cpu;
    s->name = ac_strdup(name ? name : "");
    TAILQ_INIT(&s->ready);
    TAILQ_INIT(&s->delayed);
    pthread_mutex_lock(&pool->lock);
    pool->n_strands++;
    pthread_mutex_unlock(&pool->lock);
    return s;
}

/* Puts the strand where it belongs in its lane after its ready list changed. */
static void update_turn(struct ac_strand *s)
{
    struct ac_task *first = TAILQ_FIRST(&s->ready), *t;
    if (s->running || !first) {
        ac_heap_remove(&s->lane->ready, &s->turn);
        return;
    }
    s->turn.seq = first->due.seq;
    s->turn.key = INT64_MAX;
    TAILQ_FOREACH(t, &s->ready, link)
    if (t->deadline_us < s->turn.key)
        s->turn.key = t->deadline_us;
    if (s->turn.pos)
        ac_heap_moved(&s->lane->ready, &s->turn);
    else
        ac_heap_push(&s->lane->ready, &s->turn);
}

static void make_ready(struct ac_task *t)
{
    struct ac_strand *s = t->strand;
    struct ac_task *after = TAILQ_LAST(&s->ready, ac_task_list);
    while (after && after->due.seq > t->due.seq)
        after = TAILQ_PREV(after, ac_task_list, link);
    if (after)
        TAILQ_INSERT_AFTER(&s->ready, after, t, link);
    else
        TAILQ_INSERT_HEAD(&s->ready, t, link);
    s->pool->n_ready++;

    bool was_waiting = s->turn.pos != 0;
    update_turn(s);
    if (!was_waiting && s->turn.pos)
        ac_lane_wake(s->pool, s->lane);
}

void ac_pool_move_due(struct ac_pool *pool, int64_t now_us)
{
    struct ac_task *t;
    while ((t = (struct ac_task *)ac_heap_top(&pool->delayed)) && t->due.key <= now_us) {
        ac_heap_remove(&pool->delayed, &t->due);
        TAILQ_REMOVE(&t->strand->delayed, t, link);
        make_ready(t);
    }
}

static void drop_delayed(struct ac_pool *pool, struct ac_task *t)
{
    ac_heap_remove(&pool->delayed, &t->due);
    TAILQ_REMOVE(&t->strand->delayed, t, link);
    free(t);
}

void ac_pool_drop_delayed(struct ac_pool *pool)
{
    struct ac_task *t;
    while ((t = (struct ac_task *)ac_heap_top(&pool->delayed)))
        drop_delayed(pool, t);
}

int ac_strand_post(struct ac_strand *s, int64_t start_us, int64_t deadline_us, ac_task_fn *fn, void *arg)
{
    struct ac_pool *pool = s->pool;
    struct ac_task *t = ac_zalloc(sizeof *t);
    t->strand = s;
    t->deadline_us = deadline_us > 0 ? deadline_us : INT64_MAX;
    t->fn = fn;
    t->arg = arg;
    t->due.key = start_us;
    int64_t now_us = ac_now_us();

    pthread_mutex_lock(&pool->lock);
    if (s->closed || pool->stopping) {
        pthread_mutex_unlock(&pool->lock);
        free(t);
        return AC_ECLOSED;
    }
    t->due.seq = ++pool->posts;
    if (start_us > now_us) {
        TAILQ_INSERT_TAIL(&s->delayed, t, link);
        ac_heap_push(&pool->delayed, &t->due);
        if (ac_heap_top(&pool->delayed) == &t->due)
            pthread_cond_signal(&pool->tick);
    } else {
        make_ready(t);
    }
    pthread_mutex_unlock(&pool->lock);
    return AC_OK;
}

static void close_locked(struct ac_strand *s)
{
    struct ac_task *t;
    s->closed = true;
    while ((t = TAILQ_FIRST(&s->delayed)))
        drop_delayed(s->pool, t); // NOLINT(clang-analyzer-unix.Malloc): it does not follow tqe_prev
    while ((t = TAILQ_FIRST(&s->ready))) {
        TAILQ_REMOVE(&s->ready, t, link);
        s->pool->n_ready--;
        free(t);
    }
    update_turn(s);
}

void ac_strand_close(struct ac_strand *s)
{
    pthread_mutex_lock(&s->pool->lock);
    close_locked(s);
    pthread_mutex_unlock(&s->pool->lock);
}

/* The pool may be freed by whoever learns from done() that the strand is gone: nothing after it. */
static void destroy(struct ac_strand *s)
{
    ac_task_fn *done = s->done;
    void *arg = s->done_arg;

    pthread_mutex_lock(&s->pool->lock);
    s->pool->n_strands--;
    pthread_mutex_unlock(&s->pool->lock);
    free(s->name);
    free(s);
    if (done)
        done(arg);
}

void ac_strand_free(struct ac_strand *s, ac_task_fn *done, void *arg)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->pool->lock);
    close_locked(s);
    s->freed = true;
    s->done = done;
    s->done_arg = arg;
    bool running = s->running;
    pthread_mutex_unlock(&s->pool->lock);
    /* while it runs, the worker destroys it afterwards; else no one else knows the strand any more */
    if (!running)
        destroy(s);
}

bool ac_strand_is_current(const struct ac_strand *s)
{
    return s && current_strand == s;
}

/* Called without the lock, for a task that was reported as stuck and has come back. */
static void report_return(const struct ac_strand *s, int64_t took_us)
{
    ac_log_warn("pool", "stuck task ended", AC_S("strand", s->name), AC_I("took_ms", took_us / 1000));
}

bool ac_worker_run_one(struct ac_worker *w)
{
    struct ac_pool *pool = w->pool;
    struct ac_strand *s = (struct ac_strand *)ac_heap_top(&w->lane->ready);
    if (!s)
        return false;
    struct ac_task *t = TAILQ_FIRST(&s->ready);
    TAILQ_REMOVE(&s->ready, t, link);
    pool->n_ready--;
    s->running = true;
    update_turn(s);
    w->strand = s;
    w->since_us = ac_now_us();
    pthread_mutex_unlock(&pool->lock);

    current_strand = s;
    t->fn(t->arg);
    current_strand = NULL;
    free(t);

    pthread_mutex_lock(&pool->lock);
    bool stalled = w->stalled;
    if (stalled) {
        w->stalled = false;
        w->lane->stalled--;
    }
    w->strand = NULL;
    pool->done++;
    if (w->lane == &pool->cpu)
        pool->busy_us += ac_now_us() - w->since_us;
    if (stalled) {
        /* still marked as running, so nobody else can free the strand meanwhile */
        pthread_mutex_unlock(&pool->lock);
        report_return(s, ac_now_us() - w->since_us);
        pthread_mutex_lock(&pool->lock);
    }
    s->running = false;
    if (s->freed) {
        pthread_mutex_unlock(&pool->lock);
        destroy(s);
        pthread_mutex_lock(&pool->lock);
    } else {
        update_turn(s); /* no wake: this worker looks at the lane next */
    }
    return true;
}
