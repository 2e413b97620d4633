/*
 * The summariser: has a language model sum up the oldest turns of a conversation, in the background, so that
 * a long conversation keeps fitting its budget.
 *
 * A strand of its own, with an instance that is open only while it works. Calls from any thread.
 */
#ifndef AC_CORE_SUMMARIZER_H
#define AC_CORE_SUMMARIZER_H

#include "base/cancel.h"
#include "base/pool.h"
#include "core/models.h"

struct ac_summarizer;

/*
 * Called on its strand, once for each start: the summary, or why there is none (err, AC_E…; text is the
 * reason). tag is that of the start. Must not block. Not called after ac_summarizer_free.
 */
typedef void ac_summary_fn(void *arg, uint64_t tag, int err, const char *text);

/* Is an engine configured that can do it? */
bool ac_summarizer_possible(const struct ac_config *cfg);
struct ac_summarizer *ac_summarizer_new(struct ac_pool *pool, struct ac_models *models,
                                        const struct ac_config *cfg, struct ac_cancel *cancel,
                                        ac_summary_fn *fn, void *arg);
/* Sums up; chat (CHAT with `summarize`) is taken over. One at a time: a start while one runs replaces it. */
void ac_summarizer_start(struct ac_summarizer *z, uint64_t tag, struct ac_frame *chat,
                         const struct ac_prefs *prefs);
/* Ends it in the background; done(arg) follows when its strand runs nothing any more. */
void ac_summarizer_free(struct ac_summarizer *z, ac_task_fn *done, void *arg);

#endif
