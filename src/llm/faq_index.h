/*
 * Index over a knowledge base: finds the entry that answers a question.
 *
 * An FTS5 table in memory (question, keywords, answer; BM25 with the question weighing most) gives the
 * candidates. Because BM25 has no natural zero, a candidate is then rated between 0 and 1 by how much of the
 * question's information it covers: terms weigh by their rarity, stop words next to nothing, words that the
 * knowledge base has never seen weigh most, so that an unknown question is known as such. Misspelt words are
 * taken as the nearest known one.
 *
 * One thread at a time (the owner locks). Built once, not changed.
 */
#ifndef AC_LLM_FAQ_INDEX_H
#define AC_LLM_FAQ_INDEX_H

#include "llm/knowledge.h"

struct ac_faq_index;

struct ac_faq_hit {
    const struct ac_entry *entry; /* lives as long as the index */
    double score;                 /* 0 … 1 */
};

/* Takes the entries over (knowledge becomes {0}), also when it fails. *reason: a constant that says why. */
int ac_faq_index_new(struct ac_faq_index **index, struct ac_knowledge *knowledge, const char **reason);
void ac_faq_index_free(struct ac_faq_index *index); /* NULL is fine */
/*
 * The best entry among those of a language ("" = of every language that is not written in CJK characters; "*"
 * = of all). hit->entry is NULL when nothing has a word in common. The text may be anything.
 */
int ac_faq_index_find(struct ac_faq_index *index, const char *question, const char *lang,
                      struct ac_faq_hit *hit);
/* The same for the best entries, at most max, the best first; *n = how many. */
int ac_faq_index_find_all(struct ac_faq_index *index, const char *question, const char *lang,
                          struct ac_faq_hit *hits, size_t max, size_t *n);
/* How many words with a meaning of their own the question has (stop words and the like not counted). */
size_t ac_faq_index_weight(struct ac_faq_index *index, const char *question);
const struct ac_knowledge *ac_faq_index_knowledge(const struct ac_faq_index *index);

#endif
