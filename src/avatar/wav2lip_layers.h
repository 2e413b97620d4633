/*
 * Single layers of Wav2Lip's graphs, in floats or in 8 bits (wav2lip_graph.h). Private to wav2lip_graph.c and
 * wav2lip_layers.c.
 */
#ifndef AC_AVATAR_WAV2LIP_LAYERS_H
#define AC_AVATAR_WAV2LIP_LAYERS_H

#include "avatar/wav2lip_graph.h"

/* A tensor of the graph that is being made: [1, channels, rows, columns], in bytes or floats. */
struct ac_w2l_value {
    const char *name;
    bool bytes;
    int point; /* its range */
    int channels, rows, columns;
};

struct ac_w2l_builder {
    struct ac_onnx *g;
    const struct ac_w2l_plan *plan;
    const char **points; /* AC_W2L_MAX_POINTS names */
    int n_points, n_names;
    bool int8; /* the part that is being made */
};

/* A new name. */
const char *ac_w2l_fresh(struct ac_w2l_builder *b, const char *stem);
/* Takes a tensor of floats into the plan as the next point, and makes it bytes where the part is in 8 bits.
 */
void ac_w2l_point(struct ac_w2l_builder *b, struct ac_w2l_value *v);
/* The name of the value in floats. */
const char *ac_w2l_floats(struct ac_w2l_builder *b, const struct ac_w2l_value *v);
/* The value in the form of the part that is being made: bytes or floats. */
struct ac_w2l_value ac_w2l_enter(struct ac_w2l_builder *b, const struct ac_w2l_value *v);

/* A convolution as the published code has it; pad_top: rows of zeros above. v is replaced by the output. */
void ac_w2l_conv(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, int pad_top, struct ac_w2l_value *v);
/*
 * A transposed convolution over two inputs joined (v's channels first; other: NULL when there is one input
 * alone). Its input is one pixel, or its stride 2.
 */
void ac_w2l_up(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, const struct ac_w2l_value *other,
               struct ac_w2l_value *v);
/* A convolution over two inputs joined. */
void ac_w2l_conv_joined(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, int pad_top,
                        const struct ac_w2l_value *other, struct ac_w2l_value *v);
/* Leaves out the first rows. */
void ac_w2l_drop_rows(struct ac_w2l_builder *b, int rows, struct ac_w2l_value *v);

#endif
