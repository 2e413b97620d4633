/*
 * Records of one size, each made once and then read again and again: a video's pictures at a session's size,
 * what the generator needs of each face. Few bytes stay in memory; more go to a temporary file that has no
 * name (the disk's cache keeps what is used, the process does not grow, and nothing is left behind).
 *
 * Threads: any. Two that make the same record at the same time must make it alike.
 */
#ifndef AC_AVATAR_WAV2LIP_STORE_H
#define AC_AVATAR_WAV2LIP_STORE_H

#include <stdbool.h>
#include <stddef.h>

struct ac_w2l_store;

/* n records of so many bytes. Never NULL: without room for them none is ever found. */
struct ac_w2l_store *ac_w2l_store_new(size_t n, size_t bytes);
void ac_w2l_store_free(struct ac_w2l_store *s); /* NULL is fine */
/* Copies record i to out; false when it was not put in (or cannot be read any more). */
bool ac_w2l_store_get(struct ac_w2l_store *s, size_t i, void *out);
void ac_w2l_store_put(struct ac_w2l_store *s, size_t i, const void *record);

#endif
