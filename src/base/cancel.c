/*
 * Cancel tokens. Asking walks from the token up to its root (the tree is three or four deep); nothing
 * has to be told to children, so triggering takes no lock and a token needs no list of children.
 *
 * Memory orders: `triggered` is stored with release and loaded with acquire, so that what the triggering
 * thread wrote before is seen by whoever saw the trigger. A deadline carries nothing but its value:
 * relaxed. Reference counts: relaxed up (the caller holds one), release down, acquire before the free.
 */
#include "base/cancel.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

struct ac_cancel {
    struct ac_cancel *parent; /* immutable, holds a reference */
    atomic_uint refs;
    atomic_bool triggered;
    _Atomic int64_t deadline_us; /* 0 = none */
};

struct ac_cancel *ac_cancel_new(struct ac_cancel *parent)
{
    struct ac_cancel *c = ac_zalloc(sizeof *c);
    c->parent = parent ? ac_cancel_ref(parent) : NULL;
    atomic_init(&c->refs, 1);
    atomic_init(&c->triggered, false);
    atomic_init(&c->deadline_us, 0);
    return c;
}

struct ac_cancel *ac_cancel_ref(struct ac_cancel *c)
{
    if (c)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void ac_cancel_unref(struct ac_cancel *c)
{
    while (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) {
        struct ac_cancel *parent = c->parent;
        free(c);
        c = parent;
    }
}

void ac_cancel_trigger(struct ac_cancel *c)
{
    atomic_store_explicit(&c->triggered, true, memory_order_release);
}

void ac_cancel_set_deadline(struct ac_cancel *c, int64_t at_us)
{
    atomic_store_explicit(&c->deadline_us, at_us, memory_order_relaxed);
}

int ac_cancel_reason(const struct ac_cancel *c)
{
    int64_t earliest_us = 0;
    for (; c; c = c->parent) {
        if (atomic_load_explicit(&c->triggered, memory_order_acquire))
            return AC_ECANCELED;
        int64_t at_us = atomic_load_explicit(&c->deadline_us, memory_order_relaxed);
        if (at_us && (!earliest_us || at_us < earliest_us))
            earliest_us = at_us;
    }
    return earliest_us && ac_now_us() >= earliest_us ? AC_ETIMEDOUT : AC_OK;
}

bool ac_cancelled(const struct ac_cancel *c)
{
    return ac_cancel_reason(c) != AC_OK;
}
