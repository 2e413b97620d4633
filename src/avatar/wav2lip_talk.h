/*
 * One session's mouth: speech in, and for each picture what is to be laid over the template's face.
 *
 * Speech is brought to 16 kHz and heard as mel (wav2lip_mel.h). A window that holds nothing needs no
 * inference: the mouth fades to the template's own within some pictures, and back when speech comes (a window
 * looks 200 ms ahead, so it is back in time). Where time is to be saved, every second mouth is the mean of
 * its neighbours: the one after it is made a picture early, so nothing is shown late.
 *
 * One instance, one thread at a time.
 */
#ifndef AC_AVATAR_WAV2LIP_TALK_H
#define AC_AVATAR_WAV2LIP_TALK_H

#include "avatar/wav2lip_stage.h"

/*
 * How far speech has to be known beyond a picture: a window's 212.5 ms, libsoxr's 40 (it works in blocks),
 * and a picture more for those that are made early.
 */
enum { AC_W2L_HEAR_AHEAD_MS = 300 };

struct ac_w2l_talk;

/* faces: borrowed. av_offset: pictures that the speech is heard later (negative: earlier). Never NULL. */
struct ac_w2l_talk *ac_w2l_talk_new(struct ac_w2l_faces *faces, int fps, int av_offset);
void ac_w2l_talk_free(struct ac_w2l_talk *t); /* NULL is fine */
/* Forgets speech and mouth; gives memory back. */
void ac_w2l_talk_reset(struct ac_w2l_talk *t);
/* The next piece of speech; start_sample 0 begins a sentence. */
int ac_w2l_talk_hear(struct ac_w2l_talk *t, const struct ac_speech *speech, struct ac_env *env);
/*
 * What to lay over the picture of the pose, over the face of template picture i; strength 0: nothing. next:
 * the template's picture after it. mouth->mask is the caller's and is set before; the rest lives until the
 * next call.
 */
int ac_w2l_talk_show(struct ac_w2l_talk *t, const struct ac_pose *pose, size_t i, size_t next,
                     struct ac_w2l_decoder *d, struct ac_w2l_mouth *mouth, struct ac_cancel *cancel,
                     struct ac_env *env);

#endif
