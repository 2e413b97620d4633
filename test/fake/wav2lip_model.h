/*
 * Wav2Lip generators with random weights, as ONNX: the exact topology, in the forms in which exporters write
 * it. The real weights may not be given away, and how long a model takes does not depend on them. Activations
 * neither die nor explode, the picture is not saturated, and it changes with mel and face alike.
 *
 * The topology is written down here a second time, on purpose: src/avatar's is tested against it.
 */
#ifndef AC_TEST_FAKE_WAV2LIP_MODEL_H
#define AC_TEST_FAKE_WAV2LIP_MODEL_H

#include "infer/onnx_graph.h"

/* Forms; a form changes nothing in what the model computes, but for WAV2LIP_HALF's rounding. */
enum {
    WAV2LIP_BN = 1,          /* normalisation beside every convolution: nothing folded */
    WAV2LIP_TORCH = 2,       /* only beside the transposed ones, as PyTorch's exporter leaves it */
    WAV2LIP_SWAPPED = 4,     /* the face before the mel, and other names */
    WAV2LIP_CONSTANTS = 8,   /* weights in Constant nodes */
    WAV2LIP_IDENTITIES = 16, /* biases behind Identity nodes */
    WAV2LIP_HALF = 32,       /* weights of half precision behind Cast nodes */
    WAV2LIP_FIXED = 64,      /* batch size 1 instead of any */
    WAV2LIP_EMPTY = 128,     /* weights all 0 and shared: quick, for what only looks at the graph */
};

/* side: 96 or 256. The same seed gives the same weights in every form. Free with ac_onnx_free. */
struct ac_onnx *wav2lip_model(int side, unsigned form, uint32_t seed);
/* The same as a file (145 or 214 MB). As ac_onnx_write. */
int wav2lip_model_write(const char *path, int side, unsigned form, uint32_t seed, struct ac_env *env);

#endif
