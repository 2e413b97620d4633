/*
 * Strings: a growable buffer, UTF-8, nearest name, whole-file reading. No global state; any thread.
 */
#ifndef AC_BASE_STR_H
#define AC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growable bytes, always NUL-terminated once something was added. Start from {0}, end with ac_str_free. */
struct ac_str {
    char *p;
    size_t len, cap;
};

void ac_str_add(struct ac_str *s, const char *text);
void ac_str_add_n(struct ac_str *s, const char *bytes, size_t n);
void ac_str_addf(struct ac_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ac_str_clear(struct ac_str *s);
void ac_str_free(struct ac_str *s);
char *ac_str_steal(struct ac_str *s); /* gives the buffer to the caller (never NULL), leaves {0} */

/* True where the bytes are well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool ac_utf8_valid(const char *s, size_t n);
/*
 * Decodes the code point at *p (p < end), moves *p past it. A malformed byte gives U+FFFD and moves by
 * one.
 */
uint32_t ac_utf8_next(const char **p, const char *end);
/* Appends the code point as UTF-8. */
void ac_utf8_add(struct ac_str *s, uint32_t cp);
/* Han, Hiragana, Katakana, Hangul and the full-width punctuation. */
bool ac_cp_is_cjk(uint32_t cp);

/* The name nearest to `name` among n of them by edit distance, NULL when none is near. */
const char *ac_nearest(const char *name, const char *const *names, size_t n);

/*
 * Reads a whole file of at most max bytes; *data is malloc'ed and NUL-terminated past len.
 * AC_ENOENT, AC_EIO, AC_ELIMIT (larger), AC_ENOMEM.
 */
int ac_read_file(const char *path, size_t max, char **data, size_t *len);

#endif
