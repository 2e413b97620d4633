/*
 * A template made ready for one size of picture: the part of its pictures that is shown, those pictures as
 * YUV, the boxes where they come to lie; for a photo also its life. And apart from the size: the faces that
 * the generator sees. Everything is made when it is first wanted and kept in stores (wav2lip_store.h); all
 * sessions share it.
 *
 * Threads: any, once made. A decoder belongs to one thread at a time.
 */
#ifndef AC_AVATAR_WAV2LIP_STAGE_H
#define AC_AVATAR_WAV2LIP_STAGE_H

#include "avatar/template.h"
#include "avatar/wav2lip_life.h"
#include "avatar/wav2lip_net.h"
#include "avatar/wav2lip_store.h"
#include "media/rgb_picture.h"

/* The template's picture that was decoded last, for all who want it meanwhile. */
struct ac_w2l_decoder {
    const struct ac_template *t;
    bool have;
    size_t i;
    struct ac_rgb rgb;
};

void ac_w2l_decoder_clear(struct ac_w2l_decoder *d);

/* The box of template picture i in whole pixels, inside of the picture: what is cut out for the generator. */
struct ac_w2l_box ac_w2l_whole_box(const struct ac_template *t, size_t i);

struct ac_w2l_stage {
    struct ac_template *t;
    int width, height;
    struct ac_rgb_part part; /* of the template's pictures that is shown */
    struct ac_w2l_store *stills;
    struct ac_w2l_life *life; /* NULL: a video moves by itself */
};

/*
 * Reads the template. The largest part of the shape width:height is shown, with the face in the middle;
 * AC_EINVAL where a mouth would lie outside of it. AC_ENOMEM and what ac_template_load gives.
 */
int ac_w2l_stage_new(struct ac_w2l_stage **stage, const char *folder, const char *id, int width, int height,
                     struct ac_env *env);
void ac_w2l_stage_free(struct ac_w2l_stage *s); /* NULL is fine */
/* Template picture i, as a new frame that is the caller's. */
int ac_w2l_stage_still(const struct ac_w2l_stage *s, struct ac_w2l_decoder *d, size_t i,
                       struct ac_frame **still, struct ac_env *env);
/* Where the face that was cut out lies in it; its upper half may reach beyond the picture. */
void ac_w2l_stage_place(const struct ac_w2l_stage *s, size_t i, struct ac_w2l_place *place);
/* The same in whole pixels. */
void ac_w2l_stage_box(const struct ac_w2l_stage *s, size_t i, struct ac_w2l_box *box);

/* A template's faces for one generator, both borrowed. */
struct ac_w2l_faces {
    const struct ac_template *t;
    struct ac_w2l_net *net;
    struct ac_w2l_store *faces, *maps;
};

void ac_w2l_faces_open(struct ac_w2l_faces *f, const struct ac_template *t, struct ac_w2l_net *net);
void ac_w2l_faces_close(struct ac_w2l_faces *f);
/* The face of picture i, side × side pixels, B, G, R. */
int ac_w2l_faces_face(struct ac_w2l_faces *f, struct ac_w2l_decoder *d, size_t i, uint8_t *bgr,
                      struct ac_env *env);
/* What the generator makes of that face (ac_w2l_net_face). */
int ac_w2l_faces_maps(struct ac_w2l_faces *f, size_t i, const uint8_t *bgr, void *maps,
                      struct ac_cancel *cancel, struct ac_env *env);

#endif
