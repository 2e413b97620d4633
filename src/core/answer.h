/*
 * The answer: the front half of a turn. A conversation goes in; the language model's text comes out as it
 * streams, and, cut from it, the sentences to speak.
 *
 * Runs on a strand of its own (one that may wait, where a configured engine does). Engines are tried in
 * fall-back order, the next one only while no text has come; that one is replaced is told once, until it
 * works again. After ac_answer_stop has returned nothing of the
 * turn reaches the sink. Calls from any thread.
 */
#ifndef AC_CORE_ANSWER_H
#define AC_CORE_ANSWER_H

#include "base/cancel.h"
#include "base/pool.h"
#include "core/models.h"
#include "core/sentence.h"

enum { AC_ANSWER_MAX_BYTES = 64 * 1024 /* of one answer; more is cut off with an error */ };

/* Called on the answer's strand, one at a time; must not block. */
struct ac_answer_sink {
    void *arg;
    void (*chunk)(void *arg, uint32_t turn, const char *text, size_t len);
    void (*sentence)(void *arg, uint32_t turn, const struct ac_sentence *s, uint32_t seq);
    void (*error)(void *arg, uint32_t turn, int err, const char *reason);
    void (*degraded)(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason);
    /* The answer is complete (or ended by an error); text is the whole of it. Not called after stop. */
    void (*done)(void *arg, uint32_t turn, const char *text);
};

struct ac_answer;

int ac_answer_new(struct ac_answer **a, struct ac_pool *pool, struct ac_models *models,
                  const struct ac_config *cfg, const struct ac_answer_sink *sink);
/* Another configuration (borrowed until the end), used from the next question on. */
void ac_answer_configure(struct ac_answer *a, const struct ac_config *cfg);
/* Begins a turn; chat (type CHAT) is taken over, cancel referenced. A turn in progress is stopped. */
void ac_answer_ask(struct ac_answer *a, uint32_t turn, struct ac_cancel *cancel, struct ac_frame *chat,
                   const struct ac_prefs *prefs);
void ac_answer_stop(struct ac_answer *a);
/*
 * A question is likely to come soon: the first engine prepares for it in the background (a connection). A
 * question that comes meanwhile ends it. Does nothing while a turn runs. cancel is referenced.
 */
void ac_answer_warm(struct ac_answer *a, struct ac_cancel *cancel, const struct ac_prefs *prefs);
/* How long the engine call in progress has been running; 0 when none is. */
int64_t ac_answer_busy_us(struct ac_answer *a);
/* Ends it in the background; done(arg) follows when its strand runs nothing any more. */
void ac_answer_free(struct ac_answer *a, ac_task_fn *done, void *arg);

#endif
