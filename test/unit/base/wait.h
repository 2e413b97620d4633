/*
 * A counter that tests wait on: threads bump it, the test waits until it has reached a number. The wait
 * fails the test after 30 s instead of hanging it; nothing here asserts how long anything takes.
 */
#ifndef TEST_UNIT_BASE_WAIT_H
#define TEST_UNIT_BASE_WAIT_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

struct counter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n;
};

#define COUNTER_INIT                                                                                         \
    {                                                                                                        \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                               \
    }

static inline void counter_add(struct counter *c, int by)
{
    pthread_mutex_lock(&c->lock);
    c->n += by;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static inline int counter_get(struct counter *c)
{
    pthread_mutex_lock(&c->lock);
    int n = c->n;
    pthread_mutex_unlock(&c->lock);
    return n;
}

static inline bool counter_reaches(struct counter *c, int n)
{
    struct timespec until;
    int err = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&c->lock);
    while (c->n < n && err != ETIMEDOUT)
        err = pthread_cond_timedwait(&c->changed, &c->lock, &until);
    bool reached = c->n >= n;
    pthread_mutex_unlock(&c->lock);
    return reached;
}

#define counter_wait(c, want) assert_true(counter_reaches(c, want))

#endif
