/* What sphinx.c (decoding) and sphinx_pool.c (who has which decoder) share. */
#ifndef AC_ASR_SPHINX_PRIVATE_H
#define AC_ASR_SPHINX_PRIVATE_H

#include "asr/sphinx.h"

#include <pocketsphinx.h>
#include <pthread.h>

struct ac_sphinx_decoder {
    struct ac_sphinx *pool;
    ps_decoder_t *ps;
    bool in_utterance; /* its user's: ps_start_utt without ps_end_utt */
    bool taken;        /* lock */
};

/* Decoders that are alike. */
struct ac_sphinx_kind {
    cmd_ln_t *config;                    /* immutable */
    int max;                             /* immutable */
    int n;                               /* lock */
    bool opening;                        /* lock: one more is being opened */
    struct ac_sphinx_decoder **decoders; /* lock; of max */
};

struct ac_sphinx {
    struct ac_sphinx_kind whole, live;
    pthread_mutex_t lock;
    pthread_cond_t freed;
};

/* ---- sphinx_pool.c ---- */

/* For a whole utterance: waits for a decoder, or opens one more. AC_EMODEL, or what cancel says. */
int ac_sphinx_take(struct ac_sphinx *s, struct ac_cancel *cancel, struct ac_sphinx_decoder **d);
/* For following an utterance: one that is free, else NULL. */
struct ac_sphinx_decoder *ac_sphinx_take_live(struct ac_sphinx *s);
void ac_sphinx_give(struct ac_sphinx_decoder *d);

#endif
