/* Minimum, median and p90 of measured values, and their JSON form. */
#include "cli/bench_stats.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void ac_samples_add(struct ac_samples *s, double value)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->v = ac_realloc_array(s->v, s->cap, sizeof *s->v);
    }
    s->v[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

double ac_samples_quantile(struct ac_samples *s, double q)
{
    if (s->n == 0)
        return 0;
    qsort(s->v, s->n, sizeof *s->v, compare);
    double rank = ceil(q * (double)s->n);

    return s->v[rank < 1 ? 0 : (size_t)rank - 1];
}

static json_t *rounded(double v)
{
    return json_real(round(v * 1000) / 1000);
}

json_t *ac_samples_json(struct ac_samples *s)
{
    return json_pack("{s:o, s:o, s:o}", "min", rounded(ac_samples_quantile(s, 0)), "median",
                     rounded(ac_samples_quantile(s, 0.5)), "p90", rounded(ac_samples_quantile(s, 0.9)));
}

void ac_samples_free(struct ac_samples *s)
{
    free(s->v);
    memset(s, 0, sizeof *s);
}
