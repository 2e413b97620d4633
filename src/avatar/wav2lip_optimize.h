/*
 * Making a Wav2Lip export quick on this machine: cut in two graphs (wav2lip_graph.h), in 8 bits where that
 * is near enough to the network in floats, and kept in a folder beside the export (wav2lip_folder.h).
 *
 * How near is measured on the user's own faces and on speech (wav2lip_calibrate.h). "auto" begins with every
 * part in 8 bits; while the result is farther from the original than it may be, the part whose floats gain
 * the most decibels for a millisecond goes back to floats. "int8" is every part in 8 bits, whatever the
 * result; "fp32" needs neither faces nor speech.
 */
#ifndef AC_AVATAR_WAV2LIP_OPTIMIZE_H
#define AC_AVATAR_WAV2LIP_OPTIMIZE_H

#include "avatar/wav2lip_samples.h"

/*
 * ac_handler_info.optimize. Some minutes at most, on the calling thread. AC_EMODEL no such generator; as
 * ac_w2l_samples_make; AC_EINVAL another precision; AC_EIO; AC_ECANCELED. Nothing half-made is left.
 */
int ac_w2l_optimize(struct ac_env *env, const struct ac_optimize *how, struct ac_cancel *cancel);
/* The same with samples at hand, of the export's side; NULL for "fp32". */
int ac_w2l_optimize_with(struct ac_env *env, const struct ac_optimize *how,
                         const struct ac_w2l_samples *samples, struct ac_cancel *cancel);

#endif
