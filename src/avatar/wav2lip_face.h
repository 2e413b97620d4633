/*
 * Between pictures and Wav2Lip's tensors: the face is cut out and scaled, the generated lower half is scaled
 * back and laid over the picture. Scaling is bilinear with pixel centres at one half, as OpenCV's
 * INTER_LINEAR (which the published code uses) does it. No state; any thread.
 */
#ifndef AC_AVATAR_WAV2LIP_FACE_H
#define AC_AVATAR_WAV2LIP_FACE_H

#include "avatarchat/frame.h"
#include "media/rgb.h"

/* Whole pixels of a picture. */
struct ac_w2l_box {
    int x, y, width, height;
};

/* Where such a box comes to lie in a scaled picture: pixels and parts of them, or a face that moves trembles.
 */
struct ac_w2l_place {
    double x, y, width, height;
};

/* The box's pixels, scaled to side × side, as B, G, R. The box lies inside of the picture. */
void ac_w2l_face_cut(const struct ac_rgb *pic, const struct ac_w2l_box *box, int side, uint8_t *bgr);
/*
 * The six input planes, each side × side, 0 … 1: B, G, R with the lower half blank, then B, G, R whole.
 */
void ac_w2l_face_planes(const uint8_t *bgr, int side, float *planes);
/* Three planes of `rows` rows, 0 … 1, become B, G, R bytes (cut, not rounded, as the published code does). */
void ac_w2l_face_bytes(const float *planes, int rows, int side, uint8_t *bgr);

/*
 * Lays a generated lower half (side / 2 rows of side pixels) over the lower half of the place in a YUV
 * picture, beyond which it may reach. mask: mask_side × mask_side weights that span the whole place, 0 keep …
 * 255 replace; what lies above its middle does not count. No sample changes where all weights are 0. match:
 * B, G, R to add to the generated pixels, so that they have the template's colour at the seam. strength 0 …
 * 1: 0 leaves the picture as it is (to fade). A chroma sample belongs to four pixels and goes as far as each
 * of them goes.
 */
struct ac_w2l_mouth {
    const uint8_t *bgr;
    int side; /* at least 2 */
    const uint8_t *mask;
    int mask_side; /* at least 2 */
    float match[3];
    float strength;
};
void ac_w2l_face_paste(struct ac_picture *pic, const struct ac_w2l_place *place,
                       const struct ac_w2l_mouth *mouth);
/*
 * The difference between template and generated face (B, G, R, each at most ±40) where the lower half of the
 * mask is between keep and replace and both show the same skin; what a third of that strip shows otherwise
 * (hair, an open jaw) does not count. face: the template's cut-out, side × side. match and strength of mouth
 * do not matter.
 */
void ac_w2l_face_match(const uint8_t *face, const struct ac_w2l_mouth *mouth, float match[3]);

#endif
