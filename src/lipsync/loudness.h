/*
 * How loud the sound of each video frame is, gathered sample by sample as the pieces of a sentence pass;
 * their sound is not kept. One owner, one thread at a time.
 */
#ifndef AC_LIPSYNC_LOUDNESS_H
#define AC_LIPSYNC_LOUDNESS_H

#include "avatarchat/frame.h"

struct ac_loudness {
    int fps;
    int64_t covered; /* frames whose sound is complete */
    int64_t total;   /* frames that have sound */
    struct ac_loudness_sum {
        double sum;
        uint32_t n;
    } * frames;
    size_t cap;
};

/* Adds the sound of a piece (its rate_hz > 0). */
void ac_loudness_add(struct ac_loudness *l, const struct ac_speech *s);
/* 0 at -45 dB of full scale and below, 1 at -12 dB, about what vowels have; 0 for a frame without sound. */
float ac_loudness_at(const struct ac_loudness *l, int64_t frame);
/* Time of a frame's middle, in microseconds: what its pose shows. */
int64_t ac_loudness_time_us(const struct ac_loudness *l, int64_t frame);
/* Ready for the next sentence; the memory stays. */
void ac_loudness_reset(struct ac_loudness *l);
void ac_loudness_free(struct ac_loudness *l);

#endif
