/*
 * Mouth shapes of phonemes: flite's US English names and the phonetic alphabet (IPA) in which eSpeak NG names
 * its own. Constant tables; any thread.
 */
#ifndef AC_TTS_SHAPES_H
#define AC_TTS_SHAPES_H

#include "tts/out.h"

/* A phoneme has one shape, or two in sequence (diphthongs, syllabic consonants with a vowel before them). */
struct ac_shape {
    enum ac_viseme viseme;
    float openness, rounding;
};
struct ac_shapes {
    int n; /* 0: unknown name */
    struct ac_shape v[2];
    bool vowel;
};

struct ac_shapes ac_shapes_flite(const char *name);
/* ipa: at most max bytes, may lack the NUL. An empty name is a pause. */
struct ac_shapes ac_shapes_ipa(const char *ipa, size_t max);

/* Appends the phoneme with its shapes; one of two shapes takes 55 % of the time, the other the rest. */
void ac_shapes_add(struct ac_phones *list, const struct ac_shapes *shapes, const char *name, int32_t start_us,
                   int32_t end_us, bool stressed);

#endif
