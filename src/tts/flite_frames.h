/*
 * flite's clustergen synthesis with the parameters predicted while the sound plays, not before. Takes the
 * place of flite's own cg_synth(), which predicts a whole utterance before its first sample; the sound is the
 * same, but the first of it comes after a few milliseconds however long the sentence is.
 *
 * Method: A. Black, "CLUSTERGEN: A Statistical Parametric Synthesizer using Trajectory Modeling", Interspeech
 * 2006; smoothing (MLPG) and vocoder (MLSA) are flite's. No shared state; any thread, one utterance a thread.
 */
#ifndef AC_TTS_FLITE_FRAMES_H
#define AC_TTS_FLITE_FRAMES_H

#include <flite/flite.h>
#include <stdbool.h>

/* True where the voice's model is of the form that is read here; slt and rms of flite 2.2 are. */
bool ac_flite_frames_fit(const cst_voice *voice);

/*
 * The utterance's "wave_synth_func": durations of all phones first (Segment's "end"), then sound through the
 * feature "streaming_info", which must be set with a min_buffsize of at most 5 frames. Its callback ends the
 * synthesis early by CST_AUDIO_STREAM_STOP. Of the leading silence only the last 60 ms are made: the feature
 * "samples_left_out" says how many samples of it are missing. Features of single tokens (local_gain,
 * local_f0_mean, local_f0_range, local_duration_stretch: SSML) are not looked at.
 */
cst_utterance *ac_flite_frames_synth(cst_utterance *u);

#endif
