/*
 * Wav2Lip's generator computed from its weights by plain loops: what ONNX Runtime's results, on any form of
 * the model, are compared with. One 96-pixel picture takes one or two seconds.
 */
#ifndef AC_TEST_FAKE_WAV2LIP_FORWARD_H
#define AC_TEST_FAKE_WAV2LIP_FORWARD_H

#include "avatar/wav2lip_weights.h"

/*
 * mel: 80 × 16. face: 6 × side × side. picture: 3 × side × side, from 0 to 1. maps: NULL, or where the face
 * encoder's maps go, each malloc'ed (w->n_face of them; maps[i] has as many planes as face[i] has outputs).
 */
void wav2lip_forward(const struct ac_w2l_weights *w, const float *mel, const float *face, float *picture,
                     float **maps);

/* A map: planes × height × width numbers, malloc'ed. */
struct wav2lip_map {
    int planes, height, width;
    float *v;
};
/* One convolution with what follows it (addition, ReLU). Gives a new map; in stays as it is. */
struct wav2lip_map wav2lip_conv(const struct ac_w2l_conv *c, const struct wav2lip_map *in);

#endif
