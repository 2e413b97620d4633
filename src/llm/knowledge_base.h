/*
 * The knowledge files of some folders as one index that several sessions share: locked, and built anew when a
 * file was changed. Used by the built-in responder, and by `openai` for the facts it gives a language model.
 *
 * Threads: any; what is found lives until the unlock.
 */
#ifndef AC_LLM_KNOWLEDGE_BASE_H
#define AC_LLM_KNOWLEDGE_BASE_H

#include "avatarchat/handler.h"
#include "base/str.h"
#include "llm/faq_index.h"

struct ac_knowledge_base;

struct ac_knowledge_base_options {
    const char *path, *extra_path; /* folders; "" or NULL: "knowledge", and none */
    const char *path_option;       /* "llm.faq.path", for messages */
};

/* AC_ENOENT, AC_EMODEL and what the index gives, each with ac_env_fail. env->log_name must outlive it. */
int ac_knowledge_base_open(struct ac_knowledge_base **base, const struct ac_knowledge_base_options *options,
                           struct ac_env *env);
void ac_knowledge_base_close(struct ac_knowledge_base *base); /* NULL is fine */
/* The index, until the unlock nobody else's. Looks for changed files where the last look is check_ms ago. */
struct ac_faq_index *ac_knowledge_base_lock(struct ac_knowledge_base *base, int check_ms);
void ac_knowledge_base_unlock(struct ac_knowledge_base *base);
/*
 * Adds the entries that fit the question best, at most max, the best first, as text for a language model:
 * "## question", empty line, answer. Returns how many. Locks.
 */
size_t ac_knowledge_base_search(struct ac_knowledge_base *base, int check_ms, const char *question,
                                size_t max, struct ac_str *out);

#endif
