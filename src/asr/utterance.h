/*
 * An utterance as the recognisers that hear it whole (Whisper, SenseVoice) collect it: the sound until it is
 * complete, or until it fills the recogniser's window; then it is cut at its quietest place near the end, the
 * first part is recognised at once and given as a partial result. So memory is bounded and nothing is lost,
 * however long somebody speaks.
 *
 * One thread at a time.
 */
#ifndef AC_ASR_UTTERANCE_H
#define AC_ASR_UTTERANCE_H

#include "avatarchat/handler.h"
#include "base/str.h"

struct ac_utterance {
    int16_t *pcm; /* what is not recognised yet */
    size_t n, cap;
    int64_t done;   /* samples recognised before */
    char asked[16]; /* language asked for, "" = find out */
    /* what is recognised so far */
    bool joint; /* the next piece of text comes from another part of the sound than the one before */
    struct ac_str text;
    struct ac_word *words;
    size_t n_words;
    char lang[16];
    double certain; /* sum of confidence over the recognised samples */
};

/*
 * Recognises n samples and tells what they say by ac_utterance_say. Errors as process in handler.h.
 */
typedef int ac_recognise_fn(void *arg, struct ac_utterance *u, const int16_t *pcm, size_t n,
                            struct ac_cancel *cancel);

/*
 * The process of a recogniser: an AUDIO frame or NULL in, TRANSCRIPT frames out. window: the longest sound
 * (samples, more than a second) that fn takes.
 */
int ac_utterance_process(struct ac_utterance *u, const struct ac_frame *in, size_t window,
                         ac_recognise_fn *fn, void *arg, struct ac_sink *out, struct ac_cancel *cancel);
/* Adds a piece of text; times from the start of the samples given to fn, both 0 = not known. */
void ac_utterance_say(struct ac_utterance *u, const char *text, size_t len, int64_t start_us, int64_t end_us);
/* How sure the recogniser is (0 … 1) of what it said about n samples, and in which language ("" = not known).
 */
void ac_utterance_judge(struct ac_utterance *u, size_t n, float confidence, const char *lang);
/* True for a character of a script that has no blanks between words: CJK, but not Hangul. */
bool ac_asr_is_dense(uint32_t cp);
void ac_utterance_reset(struct ac_utterance *u); /* forgets everything, keeps the memory */
void ac_utterance_free(struct ac_utterance *u);

#endif
