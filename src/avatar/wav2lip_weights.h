/*
 * The weights of a Wav2Lip generator, taken out of any export of it: the graph is walked, batch normalisation
 * is folded into the convolution before it, and what is left is compared with the known topology
 * (wav2lip_topology.c). An export that is something else is refused with the first difference.
 *
 * How the parts are joined: face[i] reads face[i - 1], face[0] the six planes; decoder[0] reads the audio's
 * last map, decoder[i] what decoder[i - 1] gives with the map of face[n_face - i] appended; the output block
 * reads the last decoder's with that of face[0], and a Sigmoid follows it.
 *
 * Threads: read-only once loaded.
 */
#ifndef AC_AVATAR_WAV2LIP_WEIGHTS_H
#define AC_AVATAR_WAV2LIP_WEIGHTS_H

#include "avatarchat/handler.h"

struct ac_onnx; /* infer/onnx_graph.h */

enum { AC_W2L_MAX_CONVS = 16, AC_W2L_MAX_BLOCKS = 10 };

/* One convolution with its bias; w: [out][in][kh][kw], transposed: [in][out][kh][kw]; b: [out]. */
struct ac_w2l_conv {
    int in, out;
    int kernel[2], stride[2], pad[2], out_pad[2]; /* height, width */
    bool transposed, residual /* the input is added before ReLU */, relu;
    float *w, *b;
};

struct ac_w2l_block {
    int n;
    struct ac_w2l_conv conv[AC_W2L_MAX_CONVS];
};

struct ac_w2l_weights {
    int side;              /* 96, 256 */
    int n_face, n_decoder; /* blocks: 7 and 7 (96), 8 and 8 (256) */
    struct ac_w2l_block face[AC_W2L_MAX_BLOCKS];
    struct ac_w2l_block audio; /* all its convolutions */
    struct ac_w2l_block decoder[AC_W2L_MAX_BLOCKS];
    struct ac_w2l_block output; /* 3×3 with ReLU, 1×1 without; Sigmoid follows */
    char sha256[65];            /* of the file */
};

/* remedy as in ac_infer_open. AC_EMODEL: missing, damaged, another model. */
int ac_w2l_weights_load(struct ac_w2l_weights **w, const char *path, const char *remedy, struct ac_env *env);
/* The same from a graph, whose nodes' inputs are changed; sha256 stays empty. why: as the end of a sentence.
 */
int ac_w2l_weights_take(struct ac_w2l_weights **w, struct ac_onnx *g, char *why, size_t why_size);
void ac_w2l_weights_free(struct ac_w2l_weights *w); /* NULL is fine */

/* The sizes of all convolutions of the generator for faces of `side` pixels (96, 256), without weights. */
void ac_w2l_topology(struct ac_w2l_weights *w, int side);

#endif
