/*
 * Terms: what the index and the questions are compared by.
 *
 * Text is folded (case, width, compatibility forms; traditional Chinese to simplified), runs of Chinese,
 * Japanese and Korean characters are cut into single characters and pairs, and SQLite's own tokenizer (porter
 * over unicode61) finds and stems the words, so that our terms are exactly those of the FTS5 table.
 *
 * One object serves one thread at a time and lives shorter than its database connection.
 */
#ifndef AC_LLM_TERMS_H
#define AC_LLM_TERMS_H

#include "base/str.h"

#include <sqlite3.h>

/* FTS5 tokenizer that the terms are made with. */
#define AC_TERMS_TOKENIZE "porter unicode61 remove_diacritics 2"

enum ac_term_class {
    AC_TERM_WORD = 0,
    AC_TERM_STOP,      /* says next to nothing: the, 的 */
    AC_TERM_ASK,       /* question words: who, 为什么 */
    AC_TERM_CHAR,      /* single CJK character, a pair holds it too */
    AC_TERM_PAIR,      /* two CJK characters */
    AC_TERM_PAIR_STOP, /* a pair with a stop character */
};

struct ac_term {
    char *text;    /* stemmed */
    char *surface; /* as in the folded text: what to ask FTS5 for */
    enum ac_term_class kind;
};

struct ac_term_list {
    struct ac_term *terms;
    size_t n;
};

struct ac_terms;

/* AC_EENGINE where SQLite lacks FTS5 or ICU its data; *reason (a constant) says so. */
int ac_terms_new(struct ac_terms **t, sqlite3 *db, const char **reason);
void ac_terms_free(struct ac_terms *t); /* NULL is fine */
/* Folds and segments text: what goes into the FTS5 table. Malformed UTF-8 is replaced. */
int ac_terms_segment(struct ac_terms *t, const char *text, struct ac_str *out);
/* The terms of a text, each once, at most max of them. */
int ac_terms_split(struct ac_terms *t, const char *text, size_t max, struct ac_term_list *list);
void ac_term_list_free(struct ac_term_list *list);

/* "zh-CN", "ja", "ko" where such characters dominate the text, else "". */
const char *ac_terms_script_lang(const char *text);

#endif
