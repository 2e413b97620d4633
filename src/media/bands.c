/* Sparse triangular bands (bands.h): each keeps the run of bins in which its weight is not zero. */
#include "media/bands.h"

#include "base/mem.h"

#include <stdlib.h>

void ac_bands_init(struct ac_bands *b, size_t n, size_t n_bins, ac_band_weight_fn *weight, const void *arg)
{
    b->n = n;
    b->band = ac_zalloc(n * sizeof *b->band);
    for (size_t i = 0; i < n; i++) {
        struct ac_band *band = &b->band[i];
        size_t end = 0;
        for (size_t k = 0; k < n_bins; k++) {
            if (weight(arg, i, k) <= 0)
                continue;
            if (end == 0)
                band->first = k;
            end = k + 1;
        }
        band->len = end - (end ? band->first : 0);
        band->weight = ac_alloc((band->len + 1) * sizeof *band->weight);
        for (size_t k = 0; k < band->len; k++)
            band->weight[k] = (float)weight(arg, i, band->first + k);
    }
}

void ac_bands_free(struct ac_bands *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->band[i].weight);
    free(b->band);
    *b = (struct ac_bands){0};
}

float ac_bands_energy(const struct ac_bands *b, size_t i, const float *power)
{
    const struct ac_band *band = &b->band[i];
    float sum = 0;

    for (size_t k = 0; k < band->len; k++)
        sum += band->weight[k] * power[band->first + k];
    return sum;
}
