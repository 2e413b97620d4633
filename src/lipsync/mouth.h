/*
 * The mouth at a point of time, from the phonemes around it: coarticulation by dominance functions. Pure
 * functions, no state; any thread. Method and tables: docs/lipsync.md.
 *
 * Source: M. M. Cohen, D. W. Massaro, "Modeling coarticulation in synthetic visual speech", Models and
 * Techniques in Computer Animation, Springer 1993.
 */
#ifndef AC_LIPSYNC_MOUTH_H
#define AC_LIPSYNC_MOUTH_H

#include "avatarchat/frame.h"

/* A phoneme has no effect on the mouth further away than this. */
#define AC_MOUTH_REACH_US 250000

struct ac_mouth_track {
    const struct ac_phone *phones; /* in order of time */
    size_t n;
    bool complete;    /* no more phones follow */
    int64_t rest_us;  /* complete: time of the last pose, where the mouth is at rest */
    int64_t frame_us; /* time between poses */
    float strength;   /* how far the mouth moves, 1 = natural */
};

/*
 * The mouth at t_us; energy (0 … 1) of the sound there opens it a little more or less. first: index of the
 * first phone that may reach t_us. Depends on phones within AC_MOUTH_REACH_US of t_us only.
 */
void ac_mouth_at(const struct ac_mouth_track *track, size_t first, int64_t t_us, float energy,
                 struct ac_mouth *mouth);

/* 0 … 1: how much t_us is on a stressed vowel; a smooth bump over each. */
float ac_mouth_stress(const struct ac_mouth_track *track, size_t first, int64_t t_us);

#endif
