/*
 * What Wav2Lip's graphs are measured with (wav2lip_calibrate.h): faces of the user's own templates and
 * windows of speech. One thread.
 */
#ifndef AC_AVATAR_WAV2LIP_SAMPLES_H
#define AC_AVATAR_WAV2LIP_SAMPLES_H

#include "avatar/wav2lip_calibrate.h"

/*
 * ids: NULL-terminated, templates in avatars/; pcm: n samples at 16 kHz. Silence is left out: nothing is
 * generated for it. AC_ENOENT, AC_ECONFIG … no such template, AC_EINVAL no id, or no speech in the sound.
 */
int ac_w2l_samples_make(struct ac_w2l_samples *s, int side, const char *const *ids, const int16_t *pcm,
                        size_t n, struct ac_cancel *cancel, struct ac_env *env);
void ac_w2l_samples_free(struct ac_w2l_samples *s);

#endif
