/*
 * The pool's threads.
 *
 * Two lanes: `cpu` with one worker a core, `waits` with as many threads as tasks that wait, up to a limit;
 * those end after a while without work. One more thread, the timekeeper, moves delayed tasks to their
 * strands when their start has come (busy workers do that too, between tasks), looks for stuck workers and
 * joins ended threads. A worker that comes back from a stuck task while a spare has its place ends.
 *
 * One lock for all: it is held for microseconds, a task for milliseconds.
 */
#include "base/pool.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "avatarchat/err.h"
#include "base/cgroup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool_private.h"

enum { DEFAULT_MAX_WAITING = 100, DEFAULT_STALL_MS = 2000, LINGER_US = 5000000 };

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* False when the time has passed. */
static bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_us)
{
    struct timespec t = {.tv_sec = (time_t)(until_us / 1000000),
                         .tv_nsec = (long)(until_us % 1000000) * 1000};
    return pthread_cond_timedwait(cond, lock, &t) != ETIMEDOUT;
}

/* ---- workers ---- */

static bool is_surplus(const struct ac_lane *lane)
{
    return lane->threads - lane->stalled > lane->limit;
}

static void *worker_main(void *arg)
{
    struct ac_worker *w = arg;
    struct ac_pool *pool = w->pool;
    struct ac_lane *lane = w->lane;
    bool expired = false;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        ac_pool_move_due(pool, ac_now_us());
        if (ac_worker_run_one(w)) {
            expired = false;
            if (is_surplus(lane))
                break;
            continue;
        }
        if (pool->stopping || expired)
            break;
        lane->idle++;
        if (lane->elastic)
            expired = !cond_wait_until(&lane->wake, &pool->lock, ac_now_us() + LINGER_US);
        else
            pthread_cond_wait(&lane->wake, &pool->lock);
        lane->idle--;
    }
    lane->threads--;
    if (lane->ready.n && lane->idle)
        pthread_cond_signal(&lane->wake);
    LIST_REMOVE(w, link);
    LIST_INSERT_HEAD(&pool->ended, w, link);
    pthread_cond_signal(&pool->worker_ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Threads of the pool take no signals: those are for the main thread. */
static int start_thread(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!err)
        pthread_setname_np(*thread, name);
    return err;
}

/* Lock held. */
static int start_worker(struct ac_pool *pool, struct ac_lane *lane)
{
    struct ac_worker *w = ac_zalloc(sizeof *w);
    w->pool = pool;
    w->lane = lane;
    int err = start_thread(&w->thread, lane->elastic ? "ac-waits" : "ac-worker", worker_main, w);
    if (err) {
        free(w);
        ac_log_error("pool", "no thread", AC_S("reason", strerror(err)),
                     AC_S("remedy", "raise the limit of processes (ulimit -u) or add memory"));
        return AC_ENOMEM;
    }
    LIST_INSERT_HEAD(&pool->live, w, link);
    lane->threads++;
    return AC_OK;
}

void ac_lane_wake(struct ac_pool *pool, struct ac_lane *lane)
{
    if (lane->idle)
        pthread_cond_signal(&lane->wake);
    /* idle counts threads that are woken but have not run yet, hence the comparison with all that is ready */
    if (lane->elastic && lane->ready.n > (size_t)lane->idle && lane->threads < lane->limit)
        start_worker(pool, lane);
}

/* Joins the threads that have ended. Lock held, given up meanwhile. */
static void reap(struct ac_pool *pool)
{
    struct ac_worker *w;
    while ((w = LIST_FIRST(&pool->ended))) {
        LIST_REMOVE(w, link);
        pthread_mutex_unlock(&pool->lock);
        pthread_join(w->thread, NULL);
        free(w);
        pthread_mutex_lock(&pool->lock);
    }
}

/* ---- timekeeper ---- */

/* Marks one worker that is newly stuck; false when there is none. Lock held, given up for the log. */
static bool report_stall(struct ac_pool *pool, int64_t now_us)
{
    struct ac_worker *w;
    LIST_FOREACH(w, &pool->live, link)
    {
        if (w->lane->elastic || !w->strand || w->stalled || now_us - w->since_us < pool->stall_us)
            continue;
        w->stalled = true;
        w->lane->stalled++;
        pool->stalls++;
        char *name = ac_strdup(w->strand->name);
        int64_t for_ms = (now_us - w->since_us) / 1000;
        int stuck = w->lane->stalled;
        pthread_mutex_unlock(&pool->lock);
        ac_log_warn("pool", "task stuck", AC_S("strand", name), AC_I("for_ms", for_ms),
                    AC_I("workers_stuck", stuck));
        free(name);
        pthread_mutex_lock(&pool->lock);
        return true;
    }
    return false;
}

static void fill_lanes(struct ac_pool *pool)
{
    struct ac_lane *cpu = &pool->cpu, *waits = &pool->waits;
    while (cpu->threads - cpu->stalled < cpu->limit && cpu->threads < 2 * cpu->limit)
        if (start_worker(pool, cpu))
            return;
    /* only where starting one failed before */
    while (waits->ready.n > (size_t)waits->idle && waits->threads < waits->limit)
        if (start_worker(pool, waits))
            return;
}

static void *timekeeper_main(void *arg)
{
    struct ac_pool *pool = arg;
    int64_t period_us = pool->stall_us / 4 + 1;
    int64_t check_us = ac_now_us() + period_us;

    pthread_mutex_lock(&pool->lock);
    while (!pool->quit) {
        int64_t now_us = ac_now_us();
        ac_pool_move_due(pool, now_us);
        if (now_us >= check_us) {
            while (report_stall(pool, now_us))
                ;
            if (!pool->stopping || pool->cpu.ready.n)
                fill_lanes(pool);
            reap(pool);
            check_us = now_us + period_us;
            if (pool->quit)
                break;
        }
        struct ac_heap_node *next = ac_heap_top(&pool->delayed);
        int64_t until_us = next && next->key < check_us ? next->key : check_us;
        cond_wait_until(&pool->tick, &pool->lock, until_us);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- life ---- */

int ac_cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    int allowed = ac_cgroup_cpus();
    if (allowed && allowed < n)
        n = allowed;
    return n > 0 ? n : 1;
}

/* Waits until the workers are gone, at most until then. Lock held. */
static bool wait_for_workers(struct ac_pool *pool, int64_t until_us)
{
    pool->stopping = true;
    ac_pool_drop_delayed(pool);
    pthread_cond_broadcast(&pool->cpu.wake);
    pthread_cond_broadcast(&pool->waits.wake);
    while (!LIST_EMPTY(&pool->live))
        if (!cond_wait_until(&pool->worker_ended, &pool->lock, until_us))
            return LIST_EMPTY(&pool->live);
    return true;
}

static void destroy(struct ac_pool *pool)
{
    ac_heap_free(&pool->cpu.ready);
    ac_heap_free(&pool->waits.ready);
    ac_heap_free(&pool->delayed);
    pthread_cond_destroy(&pool->cpu.wake);
    pthread_cond_destroy(&pool->waits.wake);
    pthread_cond_destroy(&pool->worker_ended);
    pthread_cond_destroy(&pool->tick);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int ac_pool_new(struct ac_pool **out, const struct ac_pool_config *cfg)
{
    static const struct ac_pool_config defaults;
    if (!cfg)
        cfg = &defaults;
    if (cfg->workers < 0 || cfg->max_waiting < 0 || cfg->stall_ms < 0)
        return AC_EINVAL;

    struct ac_pool *pool = ac_zalloc(sizeof *pool);
    int err = AC_OK;
    pthread_mutex_init(&pool->lock, NULL);
    cond_init(&pool->cpu.wake);
    cond_init(&pool->waits.wake);
    cond_init(&pool->worker_ended);
    cond_init(&pool->tick);
    LIST_INIT(&pool->live);
    LIST_INIT(&pool->ended);
    pool->stall_us = (int64_t)(cfg->stall_ms ? cfg->stall_ms : DEFAULT_STALL_MS) * 1000;
    pool->cpu.limit = cfg->workers ? cfg->workers : ac_cores();
    pool->waits.limit = cfg->max_waiting ? cfg->max_waiting : DEFAULT_MAX_WAITING;
    pool->waits.elastic = true;

    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < pool->cpu.limit && !err; i++)
        err = start_worker(pool, &pool->cpu);
    if (!err && start_thread(&pool->timekeeper, "ac-time", timekeeper_main, pool))
        err = AC_ENOMEM;
    if (err) {
        wait_for_workers(pool, INT64_MAX / 2); /* they have nothing to do: at once */
        reap(pool);
        pthread_mutex_unlock(&pool->lock);
        destroy(pool);
        return err;
    }
    pthread_mutex_unlock(&pool->lock);
    *out = pool;
    return AC_OK;
}

int ac_pool_free(struct ac_pool *pool, int grace_ms)
{
    if (!pool)
        return AC_OK;
    pthread_mutex_lock(&pool->lock);
    bool all_gone = wait_for_workers(pool, ac_now_us() + (int64_t)grace_ms * 1000);
    pool->quit = true;
    pthread_cond_signal(&pool->tick);
    pthread_mutex_unlock(&pool->lock);
    pthread_join(pool->timekeeper, NULL);

    pthread_mutex_lock(&pool->lock);
    reap(pool);
    size_t strands = pool->n_strands;
    /* a spare may have been started after the wait and ended by now */
    all_gone = all_gone && LIST_EMPTY(&pool->live);
    struct ac_worker *w;
    LIST_FOREACH(w, &pool->live, link)
    pthread_detach(w->thread); /* nobody will be there to join it */
    pthread_mutex_unlock(&pool->lock);
    if (!all_gone) {
        ac_log_error("pool", "workers are stuck", AC_I("grace_ms", grace_ms),
                     AC_S("remedy", "an engine ignores its cancel token; see the strand named before"));
        return AC_EBUSY;
    }
    if (strands)
        ac_log_error("pool", "strands are not freed", AC_I("strands", strands));
    destroy(pool);
    return AC_OK;
}

struct ac_pool_stats ac_pool_stats(const struct ac_pool *pool)
{
    struct ac_pool *p = (struct ac_pool *)(uintptr_t)pool; /* for the lock alone */
    pthread_mutex_lock(&p->lock);
    int spares = p->cpu.threads - p->cpu.limit;
    int64_t now = ac_now_us(), busy_us = p->busy_us;
    const struct ac_worker *w;
    LIST_FOREACH(w, &p->live, link)
    if (w->lane == &p->cpu && w->strand)
        busy_us += now - w->since_us;
    struct ac_pool_stats stats = {
        .workers = p->cpu.limit,
        .spares = spares > 0 ? spares : 0,
        .waiting_threads = p->waits.threads,
        .ready = p->n_ready,
        .delayed = p->delayed.n,
        .done = p->done,
        .stalls = p->stalls,
        .busy_us = busy_us,
    };
    pthread_mutex_unlock(&p->lock);
    return stats;
}
