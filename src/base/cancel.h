/*
 * Cancel tokens: a tree (process → session → turn). Triggering one triggers all below it; a token may
 * also have a deadline. Asking is two atomic loads a level (and a look at the clock where there is a
 * deadline), so that compute loops can ask often. NULL counts as a token that is never triggered.
 *
 * Threads: everything from any thread. Ownership: reference-counted; a child holds its parent.
 */
#ifndef AC_BASE_CANCEL_H
#define AC_BASE_CANCEL_H

#include "avatarchat/handler.h"

/* New token below parent (NULL: a root), not triggered. Never NULL. */
struct ac_cancel *ac_cancel_new(struct ac_cancel *parent);
struct ac_cancel *ac_cancel_ref(struct ac_cancel *c);
void ac_cancel_unref(struct ac_cancel *c);
void ac_cancel_trigger(struct ac_cancel *c);
/* After this monotonic time (ac_now_us) the token counts as triggered; 0 takes the deadline away. */
void ac_cancel_set_deadline(struct ac_cancel *c, int64_t at_us);
/* Why: AC_OK not triggered, AC_ECANCELED triggered here or above, AC_ETIMEDOUT past a deadline. */
int ac_cancel_reason(const struct ac_cancel *c);

#endif
