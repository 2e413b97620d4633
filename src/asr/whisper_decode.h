/*
 * What a piece of sound says: Whisper's decoding loop, greedy, over the encoder's output. It ends at the
 * model's end of text, when the text runs in circles, and at a cap.
 */
#ifndef AC_ASR_WHISPER_DECODE_H
#define AC_ASR_WHISPER_DECODE_H

#include "asr/whisper_model.h"

struct ac_whisper_ask {
    int lang;          /* index of the language, -1 = find out (or: the model has one only) */
    int lang_guess;    /* what it probably is, where it is to be found out: a right guess saves a step */
    bool timestamps;   /* the text in pieces with their times */
    size_t max_tokens; /* AC_WHISPER_MAX_TOKENS, and half of the model's longest text, are limits too */
};

struct ac_whisper_heard {
    int lang;                              /* index of the language, -1 in a model of one language */
    float no_speech;                       /* probability that nobody speaks */
    float logprob;                         /* mean of the tokens */
    int32_t tokens[AC_WHISPER_MAX_TOKENS]; /* text and timestamps */
    size_t n;
    bool repeated; /* it ran in circles; the text ends after the first round */
};

/* r holds the encoder's output. Errors as ac_whisper_step; AC_ECANCELED. One thread a run. */
int ac_whisper_decode(const struct ac_whisper *w, struct ac_whisper_run *r, const struct ac_whisper_ask *ask,
                      struct ac_whisper_heard *heard, struct ac_cancel *cancel, struct ac_env *env);

#endif
