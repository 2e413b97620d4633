/*
 * The graphs that Wav2Lip's generator is cut into: a face encoder, run once a template picture, and a mouth
 * generator, run for every picture, in 32-bit floats or 8-bit integers, part by part.
 *
 * What is saved against the published graph, with the same result:
 * - The face encoder's maps depend on the template picture alone.
 * - Only the lower half of the face is used. Going back from it, a convolution needs one row more above, a
 *   transposed one half as many; from the decoder's third level on there are rows that nobody needs.
 * In 8 bits (what is measured and by how much it differs: wav2lip_optimize.h):
 * - Activations are unsigned bytes with a scale a tensor, weights signed bytes with a scale an output
 *   channel, sums and biases 32 bits. ReLU costs nothing: what is below the smallest value is cut off.
 * - There is no 8-bit transposed convolution in ONNX Runtime. With stride 2, each of the four outputs that
 *   grow out of one input is an ordinary convolution of it and its neighbours; they are interleaved after.
 * - Two tensors that are joined need not have one scale: the ratio is put into the weights that follow.
 *
 * No state; any thread.
 */
#ifndef AC_AVATAR_WAV2LIP_GRAPH_H
#define AC_AVATAR_WAV2LIP_GRAPH_H

#include "avatar/wav2lip_weights.h"
#include "infer/onnx_graph.h"

enum {
    AC_W2L_MAX_PARTS = AC_W2L_MAX_BLOCKS + 2, /* the audio encoder, the decoder's blocks, the output block */
    AC_W2L_MAX_POINTS = 128,
    AC_W2L_PART_NAME = 24,
    AC_W2L_FACE_PLANES = 6,
    AC_W2L_COLOURS = 3
};

/* The smallest and largest value that a tensor takes. */
struct ac_w2l_range {
    float lo, hi;
};

/*
 * How the graphs are made. A point is a tensor that is stored in 8 bits where its part is in 8 bits; they are
 * numbered in the graph's order, the same for every plan.
 */
struct ac_w2l_plan {
    bool int8[AC_W2L_MAX_PARTS];
    int weight_max; /* of a signed weight's size: 127, or 63 (wav2lip_calibrate.h) */
    bool whole;     /* the whole face is made, not its lower half: to see what that costs */
    bool watch;     /* every point is an output of the mouth graph too (all parts in floats) */
    struct ac_w2l_range range[AC_W2L_MAX_POINTS]; /* of the points; needed where a part is in 8 bits */
};

struct ac_w2l_graphs {
    struct ac_onnx *face, *mouth;
    size_t n_points;
    const char *point[AC_W2L_MAX_POINTS]; /* names; the mouth graph's outputs where the plan says `watch` */
};

size_t ac_w2l_parts(const struct ac_w2l_weights *w);
/* "audio", "d0" …, "output". */
void ac_w2l_part_name(const struct ac_w2l_weights *w, size_t part, char name[AC_W2L_PART_NAME]);

/*
 * Face: input "face" [1, 6, side, side]; outputs "map0" … , what the mouth needs of the encoder's maps.
 * Mouth: inputs "mel" [1, 1, 80, 16] and "map0" …; output "mouth" [1, 3, side / 2, side], the lower half
 * (plan.whole: [1, 3, side, side]).
 * The weights are borrowed until ac_w2l_graphs_free.
 */
void ac_w2l_graphs_make(struct ac_w2l_graphs *graphs, const struct ac_w2l_weights *w,
                        const struct ac_w2l_plan *plan);
void ac_w2l_graphs_free(struct ac_w2l_graphs *graphs);

#endif
