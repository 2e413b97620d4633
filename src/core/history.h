/*
 * The history of one session in memory: who said what, what a language model is given of it, and of an
 * interrupted answer only what was heard. One thread at a time, except where said: a lock is held over
 * changes, for those who look from outside.
 *
 * A model is given as much as fits its budget: the system prompt, a summary of what lies far back, the latest
 * turns. What no longer fits is folded: the oldest half is summed up (by a model, in the background) and
 * replaced by the summary; where no model can do that it is dropped.
 */
#ifndef AC_CORE_HISTORY_H
#define AC_CORE_HISTORY_H

#include "avatarchat/frame.h"
#include "base/str.h"

struct ac_history;

/* max_turns: pairs of question and answer that are given to a model (at least 1). */
struct ac_history *ac_history_new(int max_turns);
void ac_history_free(struct ac_history *h);
/* Begins anew, behind `folded` turns of which only the summary is known (NULL = none). */
void ac_history_restart(struct ac_history *h, const char *summary, uint32_t folded);
/* Adds a message; role "user" or "assistant". Text is copied; an empty text is not added. */
void ac_history_add(struct ac_history *h, const char *role, const char *text);
/*
 * Of the last message, where it is an answer, only this much was heard ("" = nothing: the message goes).
 */
void ac_history_amend(struct ac_history *h, const char *heard);
size_t ac_history_count(const struct ac_history *h);
/*
 * From any thread: how many messages there are; a copy of them (a CHAT frame), *turn: the number of the last
 * turn before the first of them.
 */
size_t ac_history_size(struct ac_history *h);
struct ac_frame *ac_history_copy(struct ac_history *h, uint32_t *turn);
/* Questions so far, with those that were folded; folded: those alone. */
uint32_t ac_history_turns(const struct ac_history *h);
uint32_t ac_history_folded(const struct ac_history *h);

struct ac_ask {
    const char *lang;   /* as in ac_chat; NULL = "" */
    const char *system; /* the system prompt; NULL or "" = none */
    size_t max_tokens;  /* of everything, estimated; 0 = no limit */
};

/*
 * A CHAT frame: system prompt and summary in one system message (chat templates take one, at the beginning),
 * the latest turns that fit, and the question, which is not added to the history. The question and the prompt
 * are given in any case.
 */
struct ac_frame *ac_history_ask(const struct ac_history *h, const struct ac_ask *ask, const char *question);

/*
 * How many of the oldest messages are to be folded, so that half of the limits is free again; 0 = none yet
 * (three quarters of max_tokens, and max_turns, are not passed).
 */
size_t ac_history_excess(const struct ac_history *h, size_t max_tokens);
/* The oldest n messages as a CHAT frame to be summed up, the summary so far before them. */
struct ac_frame *ac_history_to_fold(const struct ac_history *h, size_t n, const char *lang);
/* Replaces the oldest n messages by the summary; NULL: they are dropped, the summary so far stays. */
void ac_history_fold(struct ac_history *h, size_t n, const char *summary);

/*
 * Tokens of a text by rule of thumb: one a CJK character, one for four ASCII bytes, two for three other
 * characters. Within a third of what the tokenisers of today's models count for prose. Any thread.
 */
size_t ac_estimate_tokens(const char *text);

/* The sentences of an answer with the media time at which each begins. */
struct ac_heard {
    struct heard_sentence {
        int64_t start_us;
        char *text;
    } * list;
    size_t n, cap;
};

void ac_heard_add(struct ac_heard *h, int64_t start_us, const char *text);
void ac_heard_clear(struct ac_heard *h);
/* The sentences that had begun by heard_us, joined; malloc'ed, "" when none. */
char *ac_heard_text(const struct ac_heard *h, int64_t heard_us);

#endif
