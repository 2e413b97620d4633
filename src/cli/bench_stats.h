/* Measured values and what is told of them: least, median, 90 of 100. One thread. */
#ifndef AC_CLI_BENCH_STATS_H
#define AC_CLI_BENCH_STATS_H

#include <jansson.h>
#include <stddef.h>

/* Start from {0}, end with ac_samples_free. */
struct ac_samples {
    double *v;
    size_t n, cap;
};

void ac_samples_add(struct ac_samples *s, double value);
/* The value that the share q (0…1) of the samples does not exceed, by nearest rank; 0 without samples. Sorts.
 */
double ac_samples_quantile(struct ac_samples *s, double q);
/* {"min":…, "median":…, "p90":…}, rounded to three decimals. */
json_t *ac_samples_json(struct ac_samples *s);
void ac_samples_free(struct ac_samples *s);

#endif
