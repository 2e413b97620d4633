/*
 * A gate lets so many threads in at a time: what keeps recognitions, each with megabytes of scratch and
 * threads of its own, from piling up. Whoever waits looks at its cancel token every 10 ms.
 */
#ifndef AC_ASR_GATE_H
#define AC_ASR_GATE_H

#include "avatarchat/handler.h"

#include <pthread.h>

struct ac_gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    int free; /* lock */
};

void ac_gate_init(struct ac_gate *g, int places);
void ac_gate_destroy(struct ac_gate *g);
/* 0, or AC_ECANCELED; after 0 ac_gate_leave must follow. */
int ac_gate_enter(struct ac_gate *g, const struct ac_cancel *cancel);
void ac_gate_leave(struct ac_gate *g);

#endif
