/*
 * PocketSphinx decoders, shared: a bounded pool of them (about 100 MB each), taken for one call at a time.
 *
 * The features are made here and their cepstral mean is taken off over the whole utterance before the search,
 * which then runs in steps of a few frames. So a result is as good as PocketSphinx's own whole-utterance
 * mode, and yet a decode can be ended in the middle; only the search's second pass, the last tenth of the
 * work, is one piece.
 *
 * A live decode follows an utterance while it is spoken. It has decoders of its own, so that no result ever
 * waits for one.
 *
 * Threads: the pool from any; one live decode by one thread at a time.
 */
#ifndef AC_ASR_SPHINX_H
#define AC_ASR_SPHINX_H

#include "avatarchat/handler.h"
#include "base/str.h"

struct ac_sphinx_config {
    const char *acoustic; /* folder of the acoustic model */
    const char *lm;       /* language model, .lm.bin or ARPA */
    const char *dict;     /* pronunciations */
    int decoders;         /* for whole utterances, 1 or more */
    int live_decoders;    /* for following what is being said, 0 = none */
};

struct ac_sphinx;

/* Opens the first decoder of each kind (0.4 s each). AC_EMODEL with why (at least 256 bytes). */
int ac_sphinx_open(struct ac_sphinx **out, const struct ac_sphinx_config *cfg, char *why);
void ac_sphinx_close(struct ac_sphinx *s); /* nobody may use it any more; NULL is fine */

/* One word of a result; times from the start of the sound, how sure 0 … 1. */
typedef void ac_sphinx_word_fn(void *arg, const char *word, int64_t start_us, int64_t end_us, float sure);

/*
 * Recognises a whole utterance at AC_LISTEN_RATE_HZ and tells its words. Waits for a decoder. AC_ECANCELED,
 * AC_ETIMEDOUT (by cancel), AC_ENOMEM, AC_EMODEL a further decoder does not open, AC_EENGINE.
 */
int ac_sphinx_recognise(struct ac_sphinx *s, const int16_t *pcm, size_t n, struct ac_cancel *cancel,
                        ac_sphinx_word_fn *fn, void *arg);

struct ac_sphinx_live;

struct ac_sphinx_live *ac_sphinx_live_new(struct ac_sphinx *s);
void ac_sphinx_live_free(struct ac_sphinx_live *l); /* NULL is fine */
/*
 * Goes on with the utterance, of which n samples have been heard, for at most budget_us of the processor.
 * True when what has been searched of it says something else than before: *text (replaced) is that. Does
 * nothing while no decoder is free.
 */
bool ac_sphinx_live_run(struct ac_sphinx_live *l, const int16_t *pcm, size_t n, int64_t budget_us,
                        struct ac_cancel *cancel, struct ac_str *text);
/* Gives the decoder back; the next run begins with another utterance. */
void ac_sphinx_live_stop(struct ac_sphinx_live *l);

#endif
