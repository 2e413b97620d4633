/*
 * The history of one session in memory: who said what, the oldest turns dropped past a limit, and of an
 * interrupted answer only what was heard. One thread at a time, except where said.
 */
#ifndef AC_CORE_HISTORY_H
#define AC_CORE_HISTORY_H

#include "avatarchat/frame.h"
#include "base/str.h"

struct ac_history;

/* max_turns: pairs of question and answer that are kept (at least 1). */
struct ac_history *ac_history_new(int max_turns);
void ac_history_free(struct ac_history *h);
/* Adds a message; role "user" or "assistant". Text is copied; an empty text is not added. */
void ac_history_add(struct ac_history *h, const char *role, const char *text);
/*
 * Of the last message, where it is an answer, only this much was heard ("" = nothing: the message goes).
 */
void ac_history_amend(struct ac_history *h, const char *heard);
size_t ac_history_count(const struct ac_history *h);
/* A CHAT frame with everything so far. lang: as in ac_chat. */
struct ac_frame *ac_history_chat(const struct ac_history *h, const char *lang);

/* The same with one question more, which is not added. */
struct ac_frame *ac_history_ask(const struct ac_history *h, const char *lang, const char *question);

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
