/*
 * English speech by flite's clustergen voices, for the flite engine and for English words inside of other
 * languages. The voices are constant data; registering them is counted. Speaking is thread-safe: every call
 * has its own utterance.
 */
#ifndef AC_TTS_FLITE_SYNTH_H
#define AC_TTS_FLITE_SYNTH_H

#include "tts/out.h"
#include "tts/text.h"

enum ac_flite_voice { AC_FLITE_SLT = 0 /* female */, AC_FLITE_RMS /* male */, AC_FLITE_VOICES };

/* Registers the voices on first use; each acquire needs a release. AC_EMODEL when a voice is missing or of
 * another model format than that of flite 2.2. */
int ac_flite_acquire(void);
void ac_flite_release(void);

/*
 * Speaks bytes [at, at + len) of the text as one run of `out`. rate and pitch: 1 = normal, 0.5 to 2. 0,
 * AC_ECANCELED, AC_EENGINE, or what out's push returned. A part without words gives no run.
 */
int ac_flite_say(enum ac_flite_voice voice, const struct ac_tts_text *text, size_t at, size_t len, float rate,
                 float pitch, int tail_ms, struct ac_tts_out *out);

#endif
