/*
 * Speech with its true mouth movements, for training and judging lipsync/acoustic: speaks with the built-in
 * voices and lets lipsync/phoneme move the mouth. One thread.
 */
#ifndef BENCH_LIPS_SAY_H
#define BENCH_LIPS_SAY_H

#include "avatarchat/handler.h"
#include "base/str.h"

/* An engine with its defaults, outside of the framework. */
struct lips_engine {
    const struct ac_handler_info *info;
    struct ac_env env;
    void *cfg, *model, *inst;
};
int lips_engine_open(struct lips_engine *e, const struct ac_handler_info *info, int fps);
void lips_engine_close(struct lips_engine *e);

struct lips_mouths {
    struct lips_engine flite, espeak, phoneme;
    int fps;
};
/* Prints what is wrong. */
int lips_mouths_open(struct lips_mouths *m, int fps);
void lips_mouths_close(struct lips_mouths *m);

enum { LIPS_VALUES = 11 };

struct lips_clip {
    struct ac_str pcm;  /* int16_t at AC_LISTEN_RATE_HZ */
    struct ac_str rows; /* a pose: viseme, the nine values of struct ac_mouth, stress: float[LIPS_VALUES] */
    size_t n_rows;
};

/*
 * voice: slt, rms, espeak:LANG+VARIANT (as the speech engines name them), flite:awb, flite:kal, flite:kal16
 * (voices of flite that speak here only), or file:PATH: sound spoken by another program, with PATH.phones
 * beside it: a line "END_SECONDS STRESSED IPA" a phoneme; the text is not read. Prints what is wrong.
 */
int lips_say(struct lips_mouths *m, const char *voice, const char *lang, float rate, float pitch,
             const char *text, struct lips_clip *out);
void lips_clip_free(struct lips_clip *c);

#endif
