/*
 * The recogniser: sound of utterances in, their texts out. The second half of listening (core/listener.h).
 *
 * It runs on a strand of its own (a thread that may wait), so that voice activity goes on while it decodes.
 * Utterances are worked on in the order of their beginning. Sound is given to the engine as it comes; what
 * came meanwhile goes in one piece, so a slow engine is never asked for more than it can do. `finish` may be
 * a guess: after `resume` the engine hears the utterance again from its start and goes on. Engines are tried
 * in fall-back order: AC_ENOTSUP (another language) passes on in silence, a failure is told.
 *
 * Calls from any thread; none blocks on an engine.
 */
#ifndef AC_CORE_RECOGNIZER_H
#define AC_CORE_RECOGNIZER_H

#include "base/cancel.h"
#include "base/pool.h"
#include "core/models.h"

/* Called on the recogniser's strand; must not block. */
struct ac_recognizer_sink {
    void *arg;
    /* The text so far; each replaces the one before. At most ten a second. */
    void (*partial)(void *arg, uint32_t utterance, const struct ac_transcript *t);
    void (*degraded)(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason);
    /* An utterance has got its result (ac_recognizer_take). */
    void (*ready)(void *arg);
};

struct ac_recognized {
    struct ac_frame *frame; /* TRANSCRIPT, the taker's; NULL on failure */
    const char *engine;     /* that made it */
    int err;
    char reason[256];
    int64_t at_us; /* when it was ready, monotonic */
};

struct ac_recognizer;

/* cancel: parent of all its work, referenced. */
struct ac_recognizer *ac_recognizer_new(struct ac_pool *pool, struct ac_models *models,
                                        const struct ac_config *cfg, struct ac_cancel *cancel,
                                        const struct ac_recognizer_sink *sink);
/* Another configuration (borrowed until the end), used from the next step on. */
void ac_recognizer_configure(struct ac_recognizer *r, const struct ac_config *cfg);
/* An utterance begins. Of prefs only the language matters. */
void ac_recognizer_begin(struct ac_recognizer *r, uint32_t utterance, const struct ac_prefs *prefs);
/* More of its sound, at AC_LISTEN_RATE_HZ; copied. */
void ac_recognizer_add(struct ac_recognizer *r, uint32_t utterance, const int16_t *pcm, size_t n);
/* What was added may be all: make the result. */
void ac_recognizer_finish(struct ac_recognizer *r, uint32_t utterance);
/* It was not all: result and work towards it are void. */
void ac_recognizer_resume(struct ac_recognizer *r, uint32_t utterance);
/* The result, once it is there (true; the frame is the caller's). The utterance stays until it is dropped. */
bool ac_recognizer_take(struct ac_recognizer *r, uint32_t utterance, struct ac_recognized *result);
/* The utterance is not wanted any more. */
void ac_recognizer_drop(struct ac_recognizer *r, uint32_t utterance);
/*
 * Somebody is about to speak: the first engine is opened now, so that its model is there by then. Engines
 * that failed are tried again.
 */
void ac_recognizer_prepare(struct ac_recognizer *r);
/* How long the engine call in progress has been running; 0 when none is. */
int64_t ac_recognizer_busy_us(struct ac_recognizer *r);
/* Ends it in the background; done(arg) follows when its strand runs nothing any more. */
void ac_recognizer_free(struct ac_recognizer *r, ac_task_fn *done, void *arg);

#endif
