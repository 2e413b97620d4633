/*
 * Written text to spoken text: "On 3/15 it cost $3.50" becomes "On March fifteenth it cost three dollars
 * fifty", "2024年有2个" becomes "二零二四年有两个". For every speech engine; the rules are in docs/speech.md.
 *
 * Numbers, dates, times, sums of money, units, telephone numbers, addresses, abbreviations and acronyms are
 * written out in English or Chinese. All that is said for one token carries the token's bytes, so that
 * "$3.50" is one word of the subtitles. What is neither English nor Chinese is left to the engine.
 */
#ifndef AC_TTS_SPOKEN_H
#define AC_TTS_SPOKEN_H

#include "tts/text.h"

/*
 * Appends to `out` what is said for `in` (as ac_tts_clean gave it). lang: BCP 47 tag of the sentence; "" or
 * "auto": by the script of the letters. In a Chinese sentence an English clause is said in English, and in
 * an English one a number among Chinese characters in Chinese. 0; AC_EEMPTY when nothing can be said (out is
 * as it was). No global state; any thread.
 */
int ac_tts_spoken(struct ac_tts_text *out, const struct ac_tts_text *in, const char *lang);

#endif
