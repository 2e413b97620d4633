/*
 * Texts of language-model services: JSON that a strict parser refuses is made good, halves of surrogate pairs
 * are carried from one JSON text to the next. No state; any thread.
 */
#ifndef AC_LLM_CHAT_TEXT_H
#define AC_LLM_CHAT_TEXT_H

#include "base/str.h"

/*
 * Adds a copy of a JSON text that parses: a lone half of a surrogate pair (\ud83d, \ude00) stands in it as a
 * code point from the end of plane 16 that ac_chat_join knows, \u0000 and malformed UTF-8 as U+FFFD.
 */
void ac_chat_repair(const char *json, size_t len, struct ac_str *out);
/*
 * Adds a text that was parsed from such JSON, halves joined. *held is a first half at the end of the text
 * before, and then of this one; 0 = none.
 */
void ac_chat_join(const char *text, size_t len, uint32_t *held, struct ac_str *out);

#endif
