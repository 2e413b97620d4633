/*
 * Trying Wav2Lip's graphs on samples: finding the ranges of their tensors, and measuring how far a plan is
 * from the network in floats and how long it takes.
 *
 * Ranges: every tensor's values are counted over half of the samples (a histogram), and it is cut off where
 * the sum of the squared errors of rounding and cutting is smallest. The other half of the samples tells the
 * error, as the peak signal-to-noise ratio of the lower half of the face, 0 … 1, against floats.
 *
 * Weights have 7 bits where the processor would cut off a sum of two products at 16 bits (x86 without VNNI).
 *
 * Threads: one. Files are written to a folder of the caller's.
 */
#ifndef AC_AVATAR_WAV2LIP_CALIBRATE_H
#define AC_AVATAR_WAV2LIP_CALIBRATE_H

#include "avatar/wav2lip_graph.h"

/* Faces and windows of mel, paired: window i belongs to face i % n_faces. */
struct ac_w2l_samples {
    int side;
    size_t n_faces, n_windows; /* at least 1 and 2 */
    float *planes;             /* n_faces times 6 × side × side */
    float *windows;            /* n_windows times AC_W2L_WINDOW */
};

/* What a plan comes to. */
struct ac_w2l_trial {
    double psnr_db;
    double ms;    /* for a mouth, on one thread: the quickest */
    size_t bytes; /* of both files */
};

struct ac_w2l_tests;

/* 127, or 63 on a processor that needs it. */
int ac_w2l_weight_max(void);

/*
 * Runs the network in floats over the samples; ranges go into the plan (NULL: none are wanted). folder:
 * exists, for face.onnx and mouth.onnx. weights and samples are borrowed until ac_w2l_tests_free. done: told
 * how far it is, 0 … 1.
 */
int ac_w2l_tests_new(struct ac_w2l_tests **t, const struct ac_w2l_weights *weights,
                     const struct ac_w2l_samples *samples, const char *folder, struct ac_w2l_plan *plan,
                     void (*done)(void *arg, double share), void *arg, struct ac_cancel *cancel,
                     struct ac_env *env);
void ac_w2l_tests_free(struct ac_w2l_tests *t);
/* Leaves the plan's two files in the folder. */
int ac_w2l_tests_try(struct ac_w2l_tests *t, const struct ac_w2l_plan *plan, struct ac_w2l_trial *trial,
                     struct ac_cancel *cancel, struct ac_env *env);

#endif
