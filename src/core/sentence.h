/*
 * Sentence splitter: cuts a streamed answer into pieces to speak, as early as it is safe.
 *
 * Fed with text in any pieces (whole UTF-8 characters or not), it gives sentences in order. The first piece
 * of a turn may end at a comma once it has first_words words or first_cjk CJK characters. "3.14", "Dr.",
 * "e.g.", URLs, ellipses and closing quotes do not end a sentence. Markdown marks, emoji and
 * <think>…</think> are left out of the spoken text. A block of code, a table and a displayed formula become
 * one short sentence each ("The code is shown on screen."), in the language of most of what came before. An
 * image is its alternative text. [happy]-style tags set the emotion of what follows and are not spoken.
 *
 * One instance a turn, one thread at a time.
 */
#ifndef AC_CORE_SENTENCE_H
#define AC_CORE_SENTENCE_H

#include "avatarchat/frame.h"
#include "base/str.h"

struct ac_splitter;

struct ac_splitter_config {
    int first_words; /* 0 = 6 */
    int first_cjk;   /* 0 = 12 */
    int max_chars;   /* a longer piece is cut at the best place; 0 = 220 */
    char lang[16];   /* of the session: of what is said before the text tells; "" = English */
};

/* One piece to speak. text is malloc'ed (the caller's), plain, trimmed, never empty, valid UTF-8. */
struct ac_sentence {
    char *text;
    enum ac_emotion emotion;
    char lang[16]; /* guessed from the script and, between Latin languages, "" */
    bool aside;    /* said meanwhile, no part of the answer (never from the splitter) */
};

struct ac_splitter *ac_splitter_new(const struct ac_splitter_config *cfg);
void ac_splitter_free(struct ac_splitter *s);
/* Adds text. Malformed UTF-8 is replaced by U+FFFD, never spoken. */
void ac_splitter_feed(struct ac_splitter *s, const char *text, size_t n);
/* No more text follows: what is left becomes the last sentence. */
void ac_splitter_finish(struct ac_splitter *s);
/* Takes the next piece; false when there is none yet. */
bool ac_splitter_next(struct ac_splitter *s, struct ac_sentence *out);

/*
 * The text as it is shown: streams it through unchanged but for the emotion tags, which it leaves out with
 * the space behind them. At most the beginning of a possible tag is held back. Start from {0}; what comes out
 * is added to `out`.
 */
struct ac_shown {
    char held[16];
    size_t n_held;
    bool after_tag, in_line;
};

void ac_shown_feed(struct ac_shown *s, const char *text, size_t n, struct ac_str *out);
void ac_shown_finish(struct ac_shown *s, struct ac_str *out);

#endif
