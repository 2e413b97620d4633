/*
 * Chinese text to pinyin with tone digits, which eSpeak NG's voice cmn-latn-pinyin reads: "银行2个" →
 * "yin2hang2 liang3ge4".
 *
 * Numbers are said in Chinese, characters of several readings are resolved by a table of words, 一 and 不
 * change their tone by what follows, and the syllables of a word are written together, so that they are said
 * together.
 */
#ifndef AC_TTS_HANZI_H
#define AC_TTS_HANZI_H

#include "tts/text.h"

/* Loads ICU's readings on first use (0.2 s); each acquire needs a release. AC_EMODEL when ICU lacks them. */
int ac_hanzi_acquire(void);
void ac_hanzi_release(void);

/* Appends the pinyin of bytes [at, at + len) of in. Any thread between acquire and release. */
void ac_hanzi_to_pinyin(struct ac_tts_text *out, const struct ac_tts_text *in, size_t at, size_t len);

/* One character with its place in the sentence. */
struct ac_hanzi {
    uint32_t cp;
    struct ac_tts_span span;
    bool plain_one; /* 一 that keeps its tone: said digit by digit */
};
/* Growable list. */
struct ac_hanzi_list {
    struct ac_hanzi *v;
    size_t n, cap;
};
void ac_hanzi_add(struct ac_hanzi_list *list, uint32_t cp, struct ac_tts_span span, bool plain_one);

/*
 * Writes the number, time, date, percentage or sum of money that begins at in->v[i] in Chinese characters to
 * out and gives how many characters of `in` that took; 0 when no number begins there.
 */
size_t ac_hanzi_number(const struct ac_hanzi_list *in, size_t i, struct ac_hanzi_list *out);

/* A word with the pinyin of its characters, "yin2 hang2". */
struct ac_hanzi_word {
    const char *word, *pinyin;
};
/* All words of the table; n gets their number. Constant. */
const struct ac_hanzi_word *ac_hanzi_words(size_t *n);

#endif
