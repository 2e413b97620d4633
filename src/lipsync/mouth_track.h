/*
 * From phonemes to the movement of the mouth: targets by viseme, coarticulation by dominance functions,
 * closures that really close. Pure functions; any thread.
 *
 * Method: M. M. Cohen, D. W. Massaro, "Modeling coarticulation in synthetic visual speech", in Models and
 * Techniques in Computer Animation, Springer 1993. Each phoneme pulls every mouth parameter towards its
 * target with a dominance that falls off exponentially before and after it; what is seen is the weighted
 * mean. A phoneme that does not care for a parameter (the width for "k") has little dominance there, so its
 * neighbours show through.
 */
#ifndef AC_LIPSYNC_MOUTH_TRACK_H
#define AC_LIPSYNC_MOUTH_TRACK_H

#include "avatarchat/frame.h"

/*
 * Fills mouth[0 … n_frames) for a sentence of n phonemes that lasts total_us; frame i is seen from i / fps on
 * and stands for the middle of that interval. The last frame is at rest. stress (n_frames, may be NULL) gets
 * a smooth 0 … 1 around stressed vowels. Jaw, width, round, upper, lower, teeth and tongue move by at most
 * AC_MOUTH_MAX_STEP a frame at 25 fps (the jaw faster into a closure); press and bite may jump: closures are
 * that fast.
 */
void ac_mouth_track(const struct ac_phone *phones, size_t n, int64_t total_us, int fps,
                    struct ac_mouth *mouth, float *stress, size_t n_frames);

#define AC_MOUTH_MAX_STEP 0.4f

#endif
