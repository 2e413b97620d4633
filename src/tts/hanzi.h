/*
 * Chinese text to pinyin with tone digits, which eSpeak NG's voice cmn-latn-pinyin reads: "银行两个" →
 * "yin2hang2 liang3ge4". Numbers must be in characters already (spoken.h); a digit that is left is read
 * alone.
 *
 * Characters of several readings are resolved by a table of words, 一 and 不 change their tone by what
 * follows, and the syllables of a word are written together, so that they are said together.
 */
#ifndef AC_TTS_HANZI_H
#define AC_TTS_HANZI_H

#include "tts/text.h"

/* Loads ICU's readings on first use (0.2 s); each acquire needs a release. AC_EMODEL when ICU lacks them. */
int ac_hanzi_acquire(void);
void ac_hanzi_release(void);

/* Appends the pinyin of bytes [at, at + len) of in. Any thread between acquire and release. */
void ac_hanzi_to_pinyin(struct ac_tts_text *out, const struct ac_tts_text *in, size_t at, size_t len);

/* A word with the pinyin of its characters, "yin2 hang2". */
struct ac_hanzi_word {
    const char *word, *pinyin;
};
/* All words of the table; n gets their number. Constant. */
const struct ac_hanzi_word *ac_hanzi_words(size_t *n);

#endif
