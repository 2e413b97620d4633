/*
 * Token tables: what each number a recogniser gives stands for. One line a token, its text and its number, as
 * in the k2-fsa exports: for Whisper the text is base64 of bytes (a character may be cut between tokens), for
 * SenseVoice it is a SentencePiece piece ("▁the", "你", "<|zh|>", "<0xE4>").
 *
 * Threads: read only once opened.
 */
#ifndef AC_ASR_TOKENS_H
#define AC_ASR_TOKENS_H

#include "avatarchat/handler.h"
#include "base/str.h"

enum ac_tokens_kind { AC_TOKENS_BASE64, AC_TOKENS_PIECES };

struct ac_tokens;

/*
 * Reads a file of at most n_max tokens. AC_EMODEL with the reason (file, line and remedy) in env: not there,
 * larger than any such file, a line that does not fit. remedy as in ac_infer_open.
 */
int ac_tokens_open(struct ac_tokens **t, const char *path, enum ac_tokens_kind kind, size_t n_max,
                   const char *remedy, struct ac_env *env);
void ac_tokens_free(struct ac_tokens *t); /* NULL is fine */
/* The bytes of a token, not NUL-terminated; NULL and 0 where the number has none. */
const char *ac_tokens_bytes(const struct ac_tokens *t, size_t id, size_t *len);
/* The number of a token by its bytes, -1 when there is none. Slow: for the few that are looked up once. */
long ac_tokens_find(const struct ac_tokens *t, const char *bytes);

/*
 * Appends the well-formed part of n bytes to s: what a decoder cuts in the middle of a character is left out.
 */
void ac_tokens_add_utf8(struct ac_str *s, const char *bytes, size_t n);

#endif
