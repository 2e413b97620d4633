/*
 * Worker pool and strands.
 *
 * The pool has one worker a core and runs the ready task with the earliest deadline (EDF), so that many
 * talking sessions share the cores without stutter. Tasks are short (a slice of a few frames, a sentence's
 * speech); nothing here pre-empts. A strand is a sequence of tasks that never overlap: code on one
 * strand needs no locks against itself. Tasks may also start at a later time (pacing, time-outs).
 *
 * Work that waits on the outside (AC_HANDLER_WAITS) goes on a strand with `waits` set: it runs on a thread
 * of a second, elastic set (up to max_waiting), so it never holds a core's worker.
 *
 * A worker stuck in one task for longer than stall_ms is reported in the log once and a spare worker is
 * started in its place (at most as many spares as workers), so that one engine that ignores its cancel
 * token cannot stop the others.
 *
 * Threads: all functions from any thread. fn runs with no lock held.
 */
#ifndef AC_BASE_POOL_H
#define AC_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ac_pool;
struct ac_strand;
typedef void ac_task_fn(void *arg);

struct ac_pool_config {
    int workers;     /* 0 = one a core */
    int max_waiting; /* threads for tasks that wait; 0 = 100 */
    int stall_ms;    /* 0 = 2000 */
};

struct ac_pool_stats {
    int workers, spares, waiting_threads;
    size_t ready, delayed; /* tasks */
    uint64_t done, stalls;
    int64_t busy_us; /* time that the workers (not those that wait) have spent in tasks, up to now */
};

/* How many cores this process may use, at least 1. */
int ac_cores(void);

int ac_pool_new(struct ac_pool **pool, const struct ac_pool_config *cfg);
/*
 * Runs what is ready, drops delayed tasks, joins the workers. Strands must be freed before. Waits at most
 * grace_ms for a stuck worker, then leaves it (and leaks the pool, which must not be freed again) and
 * returns AC_EBUSY. Not to be called from a task.
 */
int ac_pool_free(struct ac_pool *pool, int grace_ms);
struct ac_pool_stats ac_pool_stats(const struct ac_pool *pool);

/* name is for the log and is copied. waits: see above. */
struct ac_strand *ac_strand_new(struct ac_pool *pool, const char *name, bool waits);
/*
 * Posts fn(arg): not before start_us (0 = now), by deadline_us (earliest first among ready tasks; 0 = last,
 * after all that have one). Tasks of a strand whose start has come run in the order of their posts.
 * AC_ECLOSED after ac_strand_close.
 */
int ac_strand_post(struct ac_strand *s, int64_t start_us, int64_t deadline_us, ac_task_fn *fn, void *arg);
/* Refuses new posts and drops those not started (their arg stays whoever owns it). What runs goes on. */
void ac_strand_close(struct ac_strand *s);
/*
 * Drops the caller's hold; memory goes when the running task has ended. `done(arg)` (may be NULL) is called
 * exactly once, when no task of the strand runs or will run: on the worker that ends the last task, or
 * within this call. Implies close. May be called from a task of the strand itself.
 */
void ac_strand_free(struct ac_strand *s, ac_task_fn *done, void *arg);
/* True while called from a task of this strand. */
bool ac_strand_is_current(const struct ac_strand *s);

#endif
