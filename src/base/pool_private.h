/*
 * What pool.c (threads) and strand.c (tasks and their order) share. Everything here is protected by
 * the pool's lock unless marked immutable.
 */
#ifndef AC_BASE_POOL_PRIVATE_H
#define AC_BASE_POOL_PRIVATE_H

#include <pthread.h>
#include <sys/queue.h>

#include "base/heap.h"
#include "base/pool.h"

struct ac_task {
    struct ac_heap_node due;   /* first; key = start_us, seq = number of the post */
    TAILQ_ENTRY(ac_task) link; /* in its strand's ready or delayed list */
    struct ac_strand *strand;
    int64_t deadline_us; /* INT64_MAX = none */
    ac_task_fn *fn;
    void *arg;
};
TAILQ_HEAD(ac_task_list, ac_task);

struct ac_strand {
    struct ac_heap_node turn;    /* first; key = earliest deadline among the ready tasks, seq of the first */
    struct ac_pool *pool;        /* immutable */
    struct ac_lane *lane;        /* immutable */
    char *name;                  /* immutable */
    struct ac_task_list ready;   /* in the order of their posts */
    struct ac_task_list delayed; /* also in pool->delayed */
    bool running, closed, freed;
    ac_task_fn *done; /* once freed and not running */
    void *done_arg;
};

/* One set of threads and the strands that are ready for them: a strand is in `ready` or runs or is idle. */
struct ac_lane {
    struct ac_heap ready;
    pthread_cond_t wake;
    int limit;    /* immutable; threads wanted, or at most allowed where elastic */
    bool elastic; /* immutable */
    int threads, idle, stalled;
};

struct ac_worker {
    LIST_ENTRY(ac_worker) link; /* in pool->live, then pool->ended */
    struct ac_pool *pool;       /* immutable */
    struct ac_lane *lane;       /* immutable */
    pthread_t thread;
    struct ac_strand *strand; /* whose task it runs, NULL = none */
    int64_t since_us;
    bool stalled; /* longer than stall_us in that task, and reported */
};
LIST_HEAD(ac_worker_list, ac_worker);

struct ac_pool {
    pthread_mutex_t lock;
    int64_t stall_us; /* immutable */
    struct ac_lane cpu, waits;
    struct ac_heap delayed; /* tasks by start */
    struct ac_worker_list live, ended;
    pthread_cond_t worker_ended;
    pthread_t timekeeper;
    pthread_cond_t tick; /* wakes the timekeeper */
    bool stopping, quit; /* no new posts; the timekeeper ends */
    uint64_t posts;      /* numbers the posts */
    size_t n_ready, n_strands;
    uint64_t done, stalls;
    int64_t busy_us; /* in tasks that have ended, of the cpu lane */
};

/* ---- pool.c, lock held ---- */

/* A strand was added to lane->ready: wakes or starts a thread for it. */
void ac_lane_wake(struct ac_pool *pool, struct ac_lane *lane);

/* ---- strand.c, lock held ---- */

/* Moves the tasks whose start has come to their strands. */
void ac_pool_move_due(struct ac_pool *pool, int64_t now_us);
/* Drops all delayed tasks of the pool. */
void ac_pool_drop_delayed(struct ac_pool *pool);
/*
 * Runs the first task of the lane's most urgent strand on this worker, with the lock given up meanwhile.
 * False when none is ready.
 */
bool ac_worker_run_one(struct ac_worker *w);

#endif
