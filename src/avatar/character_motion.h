/*
 * From poses to faces. Two sources are added up:
 *
 * - idle life, a pure function of the phase: breath, sway, gaze shifts that return, blinks. It repeats every
 *   AC_IDLE_PERIOD_US without a jump.
 * - what the speech adds, with memory: nods and brows on stressed syllables, liveliness, expressions. Each
 * eases in and, once poses rest, fades to exactly nothing within AC_CHAR_FADE_US, so that any phase of the
 * idle clip can follow.
 *
 * The head moves with every second frame only, unless it is fast: at 25 frames a second nobody sees that of
 * steps below a pixel, and a picture that shows the same head again costs a fraction to draw and to encode.
 * Mouth, lids and gaze move with every frame.
 *
 * Ownership: the caller's struct; start from zero. One thread at a time.
 */
#ifndef AC_AVATAR_CHARACTER_MOTION_H
#define AC_AVATAR_CHARACTER_MOTION_H

#include "avatar/character_face.h"

enum { AC_CHAR_FADE_US = 360000 };

struct ac_char_motion {
    float speaking;                  /* each 0 … 1, moved by at most a step a frame */
    float emotion[AC_EMOTION_COUNT]; /* [AC_EMOTION_NEUTRAL] stays 0 */
    float nod, brow, energy;
    int64_t cell; /* of two frames, from 1 */
    float held[AC_CHAR_RIGID];
    int64_t frame; /* of the last pose */
};

/* Advances by one frame of frame_us and gives the face to draw. */
void ac_char_motion_step(struct ac_char_motion *m, const struct ac_char_rig *rig, const struct ac_pose *pose,
                         int frame_us, struct ac_char_face *face);

#endif
