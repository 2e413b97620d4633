/*
 * Which token comes next in Whisper's greedy decoding, and when a text runs in circles. Source: the decoding
 * rules of the published code (SuppressBlank, SuppressTokens, ApplyTimestampRules). Pure; any thread.
 */
#ifndef AC_ASR_WHISPER_RULES_H
#define AC_ASR_WHISPER_RULES_H

#include "asr/whisper_model.h"

/*
 * The likeliest token allowed behind the n tokens picked so far; *logprob gets its log-probability among the
 * allowed. Without timestamps only text and the end are allowed; with them they come in pairs and in order.
 * logits (n_vocab values) are changed.
 */
int32_t ac_whisper_pick(const struct ac_whisper_spec *s, float *logits, const int32_t *tokens, size_t n,
                        bool timestamps, float *logprob);
/* The probability of one token among all, untouched, values. */
float ac_whisper_probability(const float *logits, size_t n_vocab, int32_t token);
/* Index into lang_token of the likeliest language. */
int ac_whisper_likeliest_lang(const struct ac_whisper_spec *s, const float *logits);
/*
 * Where the last tokens repeat themselves (three times or more, and nine tokens or more): how many tokens
 * to keep, which is up to the end of the first time; else n. Timestamps count as equal.
 */
size_t ac_whisper_unrepeated(const struct ac_whisper_spec *s, const int32_t *tokens, size_t n);

#endif
