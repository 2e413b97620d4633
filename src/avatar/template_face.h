/*
 * What a template needs to know of a face: Wav2Lip's box, the mask of what may change, whether the face is
 * fit to be used. All from the 468 landmarks of face/face.h. No state; any thread.
 */
#ifndef AC_AVATAR_TEMPLATE_FACE_H
#define AC_AVATAR_TEMPLATE_FACE_H

#include "avatar/template.h"
#include "face/face.h"

/*
 * The box that Wav2Lip wants: as its detector (S3FD) draws it, from the middle of the forehead to the chin
 * and from cheek to cheek, with the pad below the chin that the published code adds. The whole mouth lies in
 * its lower half. May reach beyond the picture.
 */
void ac_template_face_box(const struct ac_face *face, struct ac_template_box *box);
/*
 * The weights of the generated pixels over the box: the face below the nose between the jaw's sides, and what
 * the chin reaches when the mouth opens; feathered, 0 in the upper half and all along the box's border.
 */
void ac_template_face_mask(const struct ac_face *face, const struct ac_template_box *box,
                           uint8_t mask[AC_TEMPLATE_MASK_BYTES]);
/* How far the lips are apart, in widths of the mouth: 0 closed, about 0.05 lips parted, 0.2 … 0.8 open. */
float ac_template_face_open(const struct ac_face *face);
enum { AC_TEMPLATE_CLOSED_PERMILLE = 60 /* up to here a mouth counts as closed */ };
/*
 * How sharp the face is: the energy of its finest details at 96 pixels a face, compared with its contrast.
 * AC_ENOMEM.
 */
int ac_template_face_sharpness(const struct ac_rgb *pic, const struct ac_face *face, float *sharpness);
/* The face in a picture whose origin lies at (x, y) and whose pixels are `scale` to one of this one. */
void ac_template_face_move(struct ac_face *face, double x, double y, double scale);

/* A face that cannot be used: a word for programs (see ac_make.refused) and a sentence for people. */
struct ac_template_refusal {
    const char *code; /* NULL: nothing to refuse */
    char why[200];
};
/*
 * Judges the faces of a picture of width × height, the largest first; sharpness is that of the first.
 * scale: how many pixels of the file are one of the picture (a video is looked at in small).
 */
void ac_template_face_judge(const struct ac_face *faces, size_t n, int width, int height, double scale,
                            float sharpness, struct ac_template_refusal *refusal);
/*
 * Leaves out, in place, those of n faces that may be none: what the mesh is half sure of (a patch of clothes,
 * a face upside down) must not refuse a good picture, nor become an avatar. Returns how many are left.
 */
size_t ac_template_face_sure(struct ac_face *faces, size_t n);
/* How many of them count as persons beside the first: a tiny face in the background does not. */
size_t ac_template_face_rivals(const struct ac_face *faces, size_t n);

#endif
