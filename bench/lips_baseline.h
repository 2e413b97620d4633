/*
 * What lip sync from the sound did before networks, to compare with: loudness, spectral centroid, zero
 * crossings and the first two formants (linear prediction) of each video frame, with the best linear map to
 * the mouth and the best Gaussian classifier of visemes that a set of training voices gives. It sees the
 * whole sentence, so it knows the loudest frame.
 *
 * Source of the linear prediction: J. Makhoul, "Linear Prediction: A Tutorial Review" (1975).
 */
#ifndef BENCH_LIPS_BASELINE_H
#define BENCH_LIPS_BASELINE_H

#include "lips_say.h"

enum { LIPS_FEATURES = 8, LIPS_MOUTH = 9 };

struct lips_baseline {
    /* sums over the training voices */
    double cov[LIPS_FEATURES][LIPS_FEATURES], cross[LIPS_FEATURES][LIPS_MOUTH];
    double sum[AC_VIS_COUNT][LIPS_FEATURES], squares[AC_VIS_COUNT][LIPS_FEATURES];
    size_t n[AC_VIS_COUNT], n_frames;
    /* what is fitted */
    double map[LIPS_FEATURES][LIPS_MOUTH];
    double threshold; /* of press, above which the lips count as closed */
};

/* Learns from a clip with its truth; fit() once all are added. */
void lips_baseline_add(struct lips_baseline *b, const struct lips_clip *c, int fps);
/* Least squares, and the threshold of `press` that gives the best F1 on the clips. */
void lips_baseline_fit(struct lips_baseline *b, const struct lips_clip *clips, size_t n, int fps);
/* The mouth and viseme of each row of the clip, in the form of its rows; the caller frees. */
float *lips_baseline_run(const struct lips_baseline *b, const struct lips_clip *c, int fps);

#endif
