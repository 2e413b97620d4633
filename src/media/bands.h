/*
 * Triangular bands over a power spectrum, kept sparse: what the front ends of recognition and lip sync share.
 */
#ifndef AC_MEDIA_BANDS_H
#define AC_MEDIA_BANDS_H

#include <stddef.h>

struct ac_bands {
    size_t n;
    struct ac_band {
        size_t first, len; /* bins of the spectrum */
        float *weight;     /* len of them */
    } * band;
};

/* The weight of spectrum bin k in band i, 0 outside of it. */
typedef double ac_band_weight_fn(const void *arg, size_t i, size_t k);

/* Fills b with n bands over n_bins bins. */
void ac_bands_init(struct ac_bands *b, size_t n, size_t n_bins, ac_band_weight_fn *weight, const void *arg);
void ac_bands_free(struct ac_bands *b);
/* The energy of band i. */
float ac_bands_energy(const struct ac_bands *b, size_t i, const float *power);

#endif
