/*
 * From a service's sound to SPEECH frames, while it arrives: what engines that speak over the network share.
 *
 * Sound is passed on as soon as there are 40 ms of it. Silence before the first sound is cut to 60 ms, since
 * somebody waits for it; of silence after the last one, 200 ms are left; pauses in between stay. Words may
 * come before or after their sound; they go with the next piece, on the clock of what is given out.
 *
 * Used by one process() call, on its stack.
 */
#ifndef AC_TTS_REMOTE_H
#define AC_TTS_REMOTE_H

#include "avatarchat/handler.h"
#include "tts/out.h"
#include "tts/text.h"

struct ac_tts_remote {
    struct ac_sink *sink;
    struct ac_cancel *cancel;
    const struct ac_frame *in; /* TEXT: seq, emotion, turn */
    int rate_hz;               /* 0 = nothing came yet */
    int64_t n_in;              /* samples that came */
    int64_t cut;               /* of them, cut at the beginning */
    int64_t next_sample;       /* start_sample of buf */
    bool began;                /* the first sound was there */
    int16_t *buf;
    size_t n_buf, cap_buf;
    size_t n_quiet;        /* at the end of buf, and of what was pushed before it: silence */
    struct ac_words words; /* to go with the next piece, times of the sound that came */
    bool pushed;           /* something was pushed */
};

/* The language of a sentence: the one that was asked for, else by its script. */
const char *ac_tts_remote_language(const char *asked, const struct ac_tts_text *clean);

void ac_tts_remote_init(struct ac_tts_remote *o, struct ac_sink *sink, const struct ac_frame *in,
                        struct ac_cancel *cancel);
/* The time at the end of the sound that came, on its own clock. */
int64_t ac_tts_remote_pos_us(const struct ac_tts_remote *o);
/* A word with times on the clock of the sound that came. */
void ac_tts_remote_word(struct ac_tts_remote *o, const struct ac_word *w);
/* The next samples. AC_ECANCELED, AC_EENGINE (the rate changes), AC_ELIMIT (too long), or what push gave. */
int ac_tts_remote_pcm(struct ac_tts_remote *o, const int16_t *pcm, size_t n, int rate_hz);
/* Pushes the last piece. AC_EENGINE when no sound came. */
int ac_tts_remote_finish(struct ac_tts_remote *o);
void ac_tts_remote_free(struct ac_tts_remote *o);

#endif
