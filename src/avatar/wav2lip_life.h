/*
 * Life for a photo: the head sways, leans and comes a little nearer, the chest breathes. Every displacement
 * is smooth and below one hundredth of the picture; what is away from the person stays bit for bit. It is a
 * function of the phase alone, with the period AC_IDLE_PERIOD_US.
 *
 * The finished picture is displaced (character_warp.h), so that a mouth laid over it moves with the head.
 *
 * Threads: read-only once made; any.
 */
#ifndef AC_AVATAR_WAV2LIP_LIFE_H
#define AC_AVATAR_WAV2LIP_LIFE_H

#include "avatar/wav2lip_face.h"

struct ac_w2l_life;

/* For pictures of this size (at most AC_CHAR_MAX_SIDE) with the face (brow to chin) in the box. Never NULL.
 */
struct ac_w2l_life *ac_w2l_life_new(int width, int height, const struct ac_w2l_box *face);
void ac_w2l_life_free(struct ac_w2l_life *l); /* NULL is fine */
/* Bytes of scratch memory that ac_w2l_life_show needs. */
size_t ac_w2l_life_scratch(const struct ac_w2l_life *l);
/* The still picture as it is at the phase. */
void ac_w2l_life_show(const struct ac_w2l_life *l, const struct ac_picture *still, int64_t idle_us,
                      void *scratch, struct ac_picture *out);

#endif
