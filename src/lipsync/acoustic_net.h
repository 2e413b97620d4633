/*
 * The network of lipsync/acoustic: 20 ms of features in, what the mouth does out, a fixed delay later. A
 * dense layer, two layers of gated recurrent units and a dense layer on both; about 110,000 weights, kept as
 * 16-bit floats in acoustic.weights, which tools/lips_train.py makes and the program carries in itself.
 *
 * Source of the units: K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for
 * Statistical Machine Translation" (2014), in PyTorch's variant.
 *
 * Threads: a network is read only once loaded; a state has one owner, one thread at a time.
 */
#ifndef AC_LIPSYNC_ACOUSTIC_NET_H
#define AC_LIPSYNC_ACOUSTIC_NET_H

#include "avatarchat/frame.h"
#include "lipsync/acoustic_mel.h"

enum {
    AC_ACOUSTIC_STEP = 2 * AC_ACOUSTIC_HOP, /* samples */
    AC_ACOUSTIC_DELAY_STEPS = 4,            /* its answer is for 80 ms before the end of what it heard */
    AC_ACOUSTIC_IN = 2 * AC_ACOUSTIC_BANDS,
    AC_ACOUSTIC_FRONT = 80,
    AC_ACOUSTIC_FIRST = 112,
    AC_ACOUSTIC_SECOND = 64,
};

/* One answer. */
struct ac_acoustic_out {
    float viseme[AC_VIS_COUNT]; /* probabilities */
    struct ac_mouth
        mouth; /* press and bite: probabilities of contact; the rest may leave its range a little */
    float stress;
};

struct ac_acoustic_net {
    float *weights; /* all of them; the pointers point into it */
    struct ac_acoustic_dense {
        const float *w, *b; /* a row of outputs an input */
    } front, head;
    struct ac_acoustic_gru {
        const float *wx, *wh, *bx, *bh; /* 3 * units outputs: reset, update, new */
    } first, second;
};

struct ac_acoustic_state {
    float first[AC_ACOUSTIC_FIRST], second[AC_ACOUSTIC_SECOND];
};

/* Reads the weights that are built in. AC_EMODEL when they are not what this program expects. */
int ac_acoustic_net_load(struct ac_acoustic_net *n);
void ac_acoustic_net_free(struct ac_acoustic_net *n);
/* in: two rows of features, the earlier one first. A new state is all zero. */
void ac_acoustic_net_step(const struct ac_acoustic_net *n, struct ac_acoustic_state *s, const float *in,
                          struct ac_acoustic_out *out);

#endif
