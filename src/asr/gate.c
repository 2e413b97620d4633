/* A counting gate (gate.h). */
#include "asr/gate.h"

#include <time.h>

enum { LOOK_NS = 10000000 };

void ac_gate_init(struct ac_gate *g, int places)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&g->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&g->left, &attr);
    pthread_condattr_destroy(&attr);
    g->free = places;
}

void ac_gate_destroy(struct ac_gate *g)
{
    pthread_cond_destroy(&g->left);
    pthread_mutex_destroy(&g->lock);
}

int ac_gate_enter(struct ac_gate *g, const struct ac_cancel *cancel)
{
    int err = 0;

    pthread_mutex_lock(&g->lock);
    while (g->free == 0 && !(err = ac_cancelled(cancel) ? AC_ECANCELED : 0)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&g->left, &g->lock, &until);
    }
    if (!err)
        g->free--;
    pthread_mutex_unlock(&g->lock);
    return err;
}

void ac_gate_leave(struct ac_gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->free++;
    pthread_cond_signal(&g->left);
    pthread_mutex_unlock(&g->lock);
}
