/*
 * Knowledge files: Markdown in, entries out. The format is described in docs/knowledge.md:
 *
 *     ## What is your name?          one or more headings: ways to ask the same thing
 *     ## Who are you?
 *     topic: who I am                optional: offered as a suggestion, named when nothing fits
 *     keywords: name, called         optional: further words that people use
 *
 *     I am Lin. …                    the answer; a line *** parts alternatives that are given in turn
 *
 * The heading "## *" makes the answer for what is not known ({topics} stands for the topics).
 */
#ifndef AC_LLM_KNOWLEDGE_H
#define AC_LLM_KNOWLEDGE_H

#include <stdbool.h>
#include <stddef.h>

struct ac_entry {
    char lang[16];
    int line; /* of the first heading */
    char **questions;
    size_t n_questions;
    char **answers;
    size_t n_answers;
    char *keywords; /* "" when none */
    char *topic;    /* NULL when none */
};

/* A set of entries, in the order of the files. Start from {0}. */
struct ac_knowledge {
    struct ac_entry **entries;
    size_t n;
};

/*
 * Adds the entries of one file's text (NUL-terminated past len; anything but UTF-8 is refused). lang: of the
 * folder, "" when unknown; front matter
 * ("lang: xx" between two --- lines) overrides it. All or nothing: on failure AC_EUTF8 or AC_ECONFIG, no
 * entry is added and reason says what is wrong and where.
 */
int ac_knowledge_parse(struct ac_knowledge *k, const char *text, size_t len, const char *lang, char *reason,
                       size_t reason_size);
/* True for the entry "## *". */
bool ac_entry_is_unknown(const struct ac_entry *e);
void ac_knowledge_free(struct ac_knowledge *k); /* what is in it; leaves {0} */

#endif
