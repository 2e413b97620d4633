/*
 * Inside of the sentence splitter: what its three files share.
 *
 *     bytes ─decode─> raw characters ─[sentence_markup.c]─> clean items ─[sentence.c]─> sentences
 *
 * The markup filter takes marks, code, tags and emoji out and leaves characters and a few events. The
 * segmenter cuts the items. Both decide from the text alone: where they need to see more they wait for it, so
 * the result does not depend on how the text was cut when it was fed. sentence_rules.c knows characters,
 * abbreviations and languages.
 */
#ifndef AC_CORE_SENTENCE_PRIVATE_H
#define AC_CORE_SENTENCE_PRIVATE_H

#include "core/sentence.h"

#include <stdint.h>

/* Values above Unicode: answers of a look ahead, and events among the clean items. */
enum {
    CP_MORE = 0x110000, /* not there yet */
    CP_END,             /* the text ends here */
    EV_BREAK,           /* a piece ends here, whatever follows */
    EV_LINE,            /* end of a line */
    EV_GAP,             /* something was left out: separates words */
    EV_CODE,            /* such a block stood here; breaks stand around it */
    EV_TABLE,
    EV_FORMULA,
    EV_EMOTION, /* + enum ac_emotion */
};

/* Growable array of code points, read from the front. */
struct cps {
    uint32_t *p;
    size_t n, cap;
    size_t pos; /* first unread */
};

void cps_add(struct cps *a, uint32_t cp);
/* The i-th unread one; CP_MORE or CP_END past the end. */
static inline uint32_t cps_at(const struct cps *a, size_t i, bool finished)
{
    return a->pos + i < a->n ? a->p[a->pos + i] : finished ? CP_END : CP_MORE;
}
/* Takes n from the front. */
void cps_drop(struct cps *a, size_t n);

bool cp_is_newline(uint32_t cp);

/* ---- markup filter ---- */

enum markup_skip { SKIP_NONE = 0, SKIP_LINE, SKIP_FENCE, SKIP_TAG, SKIP_FORMULA };

struct markup {
    struct cps raw;
    struct cps clean;
    bool finished;     /* no more raw text will come */
    bool line_start;   /* at the first character of a line */
    bool block_line;   /* this line is a heading or the like: its end is a break */
    bool in_code;      /* between backticks */
    bool in_autolink;  /* after the < of <https://…> */
    bool in_table;     /* the line before was a row */
    bool after_image;  /* the link that is open is an image of its own: its end is a break */
    bool in_formula;   /* after the first $ of $x$ */
    bool empty_line;   /* SKIP_FORMULA: nothing in this line so far */
    uint32_t last;     /* last clean item */
    uint64_t consumed; /* raw characters so far */
    uint64_t link_end; /* where the ] of the current link stands (in `consumed` terms), 0 = no link */
    size_t link_tail;  /* how many characters from that ] to after the link's ) */
    enum markup_skip skip;
    uint32_t fence_char; /* SKIP_FENCE */
    size_t fence_len;
    char skip_tag[16]; /* SKIP_TAG: until </skip_tag> */
    char formula_end;  /* SKIP_FORMULA: until $$, \\] or \\end{…} */
};

void markup_init(struct markup *m);
void markup_free(struct markup *m);
/* Moves all that can be decided from raw to clean. */
void markup_run(struct markup *m);

/* The i-th raw character that is not consumed. */
static inline uint32_t markup_peek(const struct markup *m, size_t i)
{
    return cps_at(&m->raw, i, m->finished);
}
static inline bool markup_ends_line(uint32_t cp)
{
    return cp_is_newline(cp) || cp == CP_END;
}
/* How many of it stand from `at` on. */
static inline size_t markup_run_of(const struct markup *m, size_t at, uint32_t cp)
{
    size_t n = 0;
    while (markup_peek(m, at + n) == cp)
        n++;
    return n;
}
/* Steps of it; true where something was done, false where more must come first. */
void markup_emit(struct markup *m, uint32_t item);
bool markup_pass(struct markup *m, size_t n); /* n raw characters as they are */
bool markup_leave_out(struct markup *m, size_t n);
bool markup_newline(struct markup *m);
void markup_emit_block(struct markup *m, uint32_t event);
bool markup_step_line_start(struct markup *m);
bool markup_step_skip(struct markup *m); /* within what is skipped whole */
/* A displayed formula that may begin here. 1: done something, 0: none, -1: must wait. */
int markup_step_formula(struct markup *m);
/* The parts of it that look for one construct at the front of raw; the length is 0 where it is none, CP_MORE
 * where that cannot be told yet. */
size_t markup_tag(const struct markup *m, char *name, size_t size, bool *closing, bool *empty);
size_t markup_url(const struct markup *m, size_t *host_start, size_t *host_len);
size_t markup_link(const struct markup *m, size_t at, size_t *text_len);
/* Length of the ASCII text `want` if it stands at `at`. */
size_t markup_literal(const struct markup *m, size_t at, const char *want);
/* A displayed formula that begins here ($$, \\[, \\begin{…}): the length of its opening, and what ends it. */
size_t markup_formula(const struct markup *m, char *end);
/* The $ here opens $x$ in the line: the length up to the other $. */
size_t markup_inline_formula(const struct markup *m);
/* A row of a table: 1, else 0. */
size_t markup_table_row(const struct markup *m);

/* ---- rules ---- */

enum abbreviation {
    ABBR_NONE = 0,
    ABBR_NEVER,   /* never ends a sentence: "Dr." */
    ABBR_NUMBER,  /* not before a number: "No. 5" */
    ABBR_CAPITAL, /* not before a number or a small letter: "etc.", "Jan. 3" */
    ABBR_STARTER, /* ends one before a word that usually opens a sentence: "U.S. The" */
};

bool cp_is_space(uint32_t cp);
bool cp_is_lower(uint32_t cp);
bool cp_is_upper(uint32_t cp);
bool cp_is_ascii_alnum(uint32_t cp);
bool cp_is_digit(uint32_t cp);
bool cp_is_ideographic(uint32_t cp); /* Han, kana, Hangul: letters, no punctuation */
bool cp_is_wide_punct(uint32_t cp);  /* CJK and full-width punctuation */
bool cp_is_speakable(uint32_t cp);   /* letters and digits of any script */
bool cp_is_emoji(uint32_t cp);       /* pictures and symbols that are shown, not said */
bool cp_is_ignorable(uint32_t cp);   /* joiners, selectors, controls, U+FFFD */
bool cp_is_open(uint32_t cp);        /* opening bracket or quote (not the ASCII quote) */
bool cp_is_close(uint32_t cp);
/* word: the characters before the full stop, back to the last space or opening mark */
enum abbreviation abbreviation_of(const uint32_t *word, size_t n);
/* A word that usually opens a sentence ("The", "It", …). */
bool is_starter(const uint32_t *word, size_t n);
/* What is said in place of a block: EV_CODE … EV_FORMULA. */
const char *block_text(uint32_t event, bool zh);
/* Writes the language that the script tells, or "". */
void guess_lang(const char *text, char lang[16]);

#endif
