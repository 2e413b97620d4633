/* Inside of the metrics, shared by metrics.c (counting) and metrics_write.c (Prometheus, /proc). */
#ifndef AC_CORE_METRICS_PRIVATE_H
#define AC_CORE_METRICS_PRIVATE_H

#include "core/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    METRICS_BOUNDS = 15,
    METRICS_FINE = 170,  /* buckets of 10 %: 0.1 ms to 900 s */
    METRICS_SLICES = 10, /* minutes */
    METRICS_ROWS = 256,
    METRICS_ERRORS = 32,
};
extern const double ac_metrics_bounds[METRICS_BOUNDS];

enum metrics_table_id {
    METRICS_DEGRADED,
    METRICS_MODEL_LOADS,
    METRICS_CACHE_HITS,
    METRICS_CACHE_MISSES,
    METRICS_REQUESTS,
    METRICS_TABLES
};

struct metrics_row {
    char *label[3];
    uint64_t n;
};

struct metrics_table {
    struct metrics_row *rows;
    size_t n;
};

struct metrics_slice {
    int64_t minute; /* of the monotonic clock */
    int64_t max_us;
    uint32_t buckets[METRICS_FINE];
};

struct metrics_timing {
    uint64_t buckets[METRICS_BOUNDS + 1], n; /* since the start */
    int64_t sum_us;
    struct metrics_slice slices[METRICS_SLICES];
};

struct ac_metrics {
    _Atomic uint64_t counters[AC_COUNTER_COUNT];
    _Atomic int64_t gauges[AC_GAUGE_COUNT];
    _Atomic uint64_t busy_us[AC_STAGE_COUNT];
    _Atomic uint64_t errors[METRICS_ERRORS];

    pthread_mutex_t lock;
    struct metrics_table tables[METRICS_TABLES];          /* lock */
    struct metrics_timing timings[AC_TIMING_COUNT];       /* lock */
    struct ac_metrics_sample samples[AC_METRICS_SAMPLES]; /* lock: a ring */
    size_t n_samples;                                     /* lock: ever taken */

    /* who calls ac_metrics_tick */
    int64_t sampled_us, sampled_cpu_us;
    uint64_t sampled_turns;
};

#endif
