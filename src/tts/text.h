/*
 * Text on its way to a synthesiser. Whatever is cleaned, spelled out or transliterated keeps a map back to
 * the sentence, so that word times name bytes of what the person wrote.
 *
 * No global state; any thread.
 */
#ifndef AC_TTS_TEXT_H
#define AC_TTS_TEXT_H

#include "base/str.h"

/* Where a code point of the spoken text comes from: bytes [start, end) of the sentence. */
struct ac_tts_span {
    uint32_t start, end;
};

/* Spoken text (UTF-8) with one span a code point. Start from {0}, end with ac_tts_text_free. */
struct ac_tts_text {
    struct ac_str s;
    struct ac_tts_span *map;
    size_t n, cap; /* code points */
};

void ac_tts_text_free(struct ac_tts_text *t);
void ac_tts_text_add(struct ac_tts_text *t, uint32_t cp, struct ac_tts_span from);
void ac_tts_text_add_ascii(struct ac_tts_text *t, const char *ascii, struct ac_tts_span from);
/* Appends bytes [at, at + len) of src with their spans. Both ends must be character borders. */
void ac_tts_text_add_part(struct ac_tts_text *t, const struct ac_tts_text *src, size_t at, size_t len);
/* What code points [first, first + n) come from; clipped to the text. */
struct ac_tts_span ac_tts_text_span(const struct ac_tts_text *t, size_t first, size_t n);

/*
 * Cleans a sentence: control and invisible characters go, white space becomes one blank, full-width letters
 * and digits become plain, angle brackets and vertical bars become blanks (never markup; a bracket between
 * blanks or digits becomes its full-width form, which is said), unbroken strings are cut every 60 characters.
 * AC_EUTF8 for malformed input, AC_EEMPTY when nothing can be spoken.
 */
int ac_tts_clean(struct ac_tts_text *out, const char *text, size_t len);

enum ac_script {
    AC_SCRIPT_NONE = 0, /* digits, punctuation, blanks: goes with what is before it */
    AC_SCRIPT_LATIN,
    AC_SCRIPT_HAN,
    AC_SCRIPT_KANA,
    AC_SCRIPT_HANGUL,
    AC_SCRIPT_CYRILLIC,
    AC_SCRIPT_GREEK,
    AC_SCRIPT_ARABIC,
    AC_SCRIPT_HEBREW,
    AC_SCRIPT_DEVANAGARI,
    AC_SCRIPT_THAI,
    AC_SCRIPT_OTHER, /* letters of any other script */
    AC_SCRIPT_COUNT
};
enum ac_script ac_tts_script(uint32_t cp);

/* A run of one script: bytes [at, at + len) of the text's string. */
struct ac_tts_run {
    size_t at, len;
    enum ac_script script;
};

/*
 * The next run of the text from *at on, at most max_bytes long (cut after a sentence, else after a clause,
 * else at a blank, else anywhere between characters). Neutral characters stay with the run before them,
 * except that digits and opening marks right before a Latin letter go with the letter. False at the end.
 * `merge`: Kana and Han are one script (Japanese).
 */
bool ac_tts_next_run(const struct ac_tts_text *t, size_t *at, size_t max_bytes, bool merge,
                     struct ac_tts_run *run);

/*
 * Latin text for an English synthesiser that knows ASCII: diacritics are dropped, typographic marks and
 * currency signs become what one would type or say.
 */
void ac_tts_to_ascii(struct ac_tts_text *out, const struct ac_tts_text *in, size_t at, size_t len);

#endif
