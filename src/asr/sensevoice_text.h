/*
 * From SenseVoice's output to text: the tags in front, then greedy CTC (A. Graves et al., 2006): the
 * likeliest token of each frame, equal neighbours are one, blanks are nothing. Pure; any thread.
 */
#ifndef AC_ASR_SENSEVOICE_TEXT_H
#define AC_ASR_SENSEVOICE_TEXT_H

#include "asr/tokens.h"
#include "asr/utterance.h"

enum { AC_SENSEVOICE_TAGS = 4 /* frames in front: language, emotion, event, text norm */ };

struct ac_sensevoice_output {
    const float *logits; /* n_frames rows of n_vocab */
    size_t n_frames, n_vocab;
    int32_t blank;
    int64_t frame_us; /* what a frame behind the tags covers */
};

/*
 * Says what n samples of an utterance mean, word by word with their times (a word is what stands between
 * blanks, or one character of a script without blanks), its language and how sure the model is of the tokens.
 * Nothing, where the language's tag is "nospeech".
 */
void ac_sensevoice_say(const struct ac_sensevoice_output *o, const struct ac_tokens *tokens, size_t n,
                       struct ac_utterance *u);

#endif
