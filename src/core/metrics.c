/*
 * Counters, gauges, durations and the samples of the last half hour; see metrics.h. What is written for
 * Prometheus is in metrics_write.c.
 *
 * The histogram of the last ten minutes is a ring of slices, a minute each; a slice is cleared when its
 * minute comes round again. Durations are observed a few times a turn, so one lock does for them.
 */
#include "core/metrics_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "core/registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLICE_US = 60000000, FIRST_BOUND_US = 100 };

/* Upper bounds of the buckets that Prometheus sees, in seconds. */
const double ac_metrics_bounds[METRICS_BOUNDS] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                                  2.5,   5,    10,    30,   60,  120,  300};

static const char *const timing_names[AC_TIMING_COUNT] = {
#define X(sym, name, label, value, help) [sym] = value,
    AC_TIMING_MAP(X)
#undef X
};

const char *ac_timing_name(enum ac_timing t)
{
    return timing_names[t];
}

struct ac_metrics *ac_metrics_new(void)
{
    struct ac_metrics *m = ac_zalloc(sizeof *m);

    pthread_mutex_init(&m->lock, NULL);
    m->sampled_us = ac_now_us();
    m->sampled_cpu_us = ac_process_cpu_us();
    return m;
}

static void table_free(struct metrics_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        for (int k = 0; k < 3; k++)
            free(t->rows[i].label[k]);
    free(t->rows);
}

void ac_metrics_free(struct ac_metrics *m)
{
    if (!m)
        return;
    for (int i = 0; i < METRICS_TABLES; i++)
        table_free(&m->tables[i]);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- counters and gauges ---- */

void ac_metrics_add(struct ac_metrics *m, enum ac_counter c, uint64_t n)
{
    if (m)
        atomic_fetch_add_explicit(&m->counters[c], n, memory_order_relaxed);
}

uint64_t ac_metrics_count(const struct ac_metrics *m, enum ac_counter c)
{
    return m ? atomic_load_explicit(&m->counters[c], memory_order_relaxed) : 0;
}

void ac_metrics_set(struct ac_metrics *m, enum ac_gauge g, int64_t value)
{
    if (m)
        atomic_store_explicit(&m->gauges[g], value, memory_order_relaxed);
}

void ac_metrics_change(struct ac_metrics *m, enum ac_gauge g, int64_t by)
{
    if (m)
        atomic_fetch_add_explicit(&m->gauges[g], by, memory_order_relaxed);
}

int64_t ac_metrics_gauge(const struct ac_metrics *m, enum ac_gauge g)
{
    return m ? atomic_load_explicit(&m->gauges[g], memory_order_relaxed) : 0;
}

void ac_metrics_busy(struct ac_metrics *m, enum ac_stage stage, int64_t us)
{
    if (m)
        atomic_fetch_add_explicit(&m->busy_us[stage], (uint64_t)us, memory_order_relaxed);
}

void ac_metrics_error(struct ac_metrics *m, int err)
{
    int n = err < 0 && -err < METRICS_ERRORS ? -err : -AC_EINTERNAL;

    if (m)
        atomic_fetch_add_explicit(&m->errors[n], 1, memory_order_relaxed);
}

uint64_t ac_metrics_errors(const struct ac_metrics *m, int err)
{
    return m && err < 0 && -err < METRICS_ERRORS ? atomic_load(&m->errors[-err]) : 0;
}

/* ---- tables with labels that come up while running ---- */

static bool same_labels(const struct metrics_row *row, const char *const label[3])
{
    for (int k = 0; k < 3; k++)
        if (strcmp(row->label[k], label[k]) != 0)
            return false;
    return true;
}

static struct metrics_row *find_row(struct metrics_table *t, const char *const label[3])
{
    for (size_t i = 0; i < t->n; i++)
        if (same_labels(&t->rows[i], label))
            return &t->rows[i];
    return NULL;
}

static void count_row(struct ac_metrics *m, enum metrics_table_id id, const char *a, const char *b,
                      const char *c)
{
    const char *label[3] = {a, b, c};
    const char *const other[3] = {"other", *b ? "other" : "", *c ? "other" : ""};

    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    struct metrics_table *t = &m->tables[id];
    struct metrics_row *row = find_row(t, label);
    if (!row && t->n >= METRICS_ROWS - 1) { /* the last row is for all that comes too late */
        memcpy(label, other, sizeof label);
        row = find_row(t, label);
    }
    if (!row) {
        t->rows = ac_realloc_array(t->rows, t->n + 1, sizeof *t->rows);
        row = &t->rows[t->n++];
        row->n = 0;
        for (int k = 0; k < 3; k++)
            row->label[k] = ac_strdup(label[k]);
    }
    row->n++;
    pthread_mutex_unlock(&m->lock);
}

void ac_metrics_degraded(struct ac_metrics *m, enum ac_stage stage, const char *from, const char *to)
{
    count_row(m, METRICS_DEGRADED, ac_stage_name(stage), from, to);
}

void ac_metrics_model_load(struct ac_metrics *m, const char *engine)
{
    count_row(m, METRICS_MODEL_LOADS, engine, "", "");
}

void ac_metrics_cache(struct ac_metrics *m, const char *cache, bool hit)
{
    count_row(m, hit ? METRICS_CACHE_HITS : METRICS_CACHE_MISSES, cache, "", "");
}

void ac_metrics_request(struct ac_metrics *m, const char *path, int status)
{
    char text[12];

    snprintf(text, sizeof text, "%d", status);
    count_row(m, METRICS_REQUESTS, path, text, "");
}

void ac_metrics_each_degraded(struct ac_metrics *m,
                              void (*fn)(void *arg, const char *stage, const char *from, const char *to,
                                         uint64_t n),
                              void *arg)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    const struct metrics_table *t = &m->tables[METRICS_DEGRADED];
    for (size_t i = 0; i < t->n; i++)
        fn(arg, t->rows[i].label[0], t->rows[i].label[1], t->rows[i].label[2], t->rows[i].n);
    pthread_mutex_unlock(&m->lock);
}

uint64_t ac_metrics_model_loads(struct ac_metrics *m, const char *engine)
{
    const char *const label[3] = {engine, "", ""};

    if (!m)
        return 0;
    pthread_mutex_lock(&m->lock);
    const struct metrics_row *row = find_row(&m->tables[METRICS_MODEL_LOADS], label);
    uint64_t n = row ? row->n : 0;
    pthread_mutex_unlock(&m->lock);
    return n;
}

/* ---- durations ---- */

/* Bucket k holds what is longer than FIRST_BOUND_US × 1.1^(k-1) and not longer than × 1.1^k. */
static int fine_bucket(int64_t us)
{
    if (us <= FIRST_BOUND_US)
        return 0;
    int k = (int)ceil(log((double)us / FIRST_BOUND_US) / log(1.1));
    return k < METRICS_FINE ? k : METRICS_FINE - 1;
}

/* The slice of this minute, cleared when it is that of an earlier hour. Lock held. */
static struct metrics_slice *slice_now(struct metrics_timing *t)
{
    int64_t minute = ac_now_us() / SLICE_US;
    struct metrics_slice *s = &t->slices[minute % METRICS_SLICES];

    if (s->minute != minute) {
        memset(s, 0, sizeof *s);
        s->minute = minute;
    }
    return s;
}

void ac_metrics_observe(struct ac_metrics *m, enum ac_timing which, int64_t us)
{
    int k = 0;

    if (!m)
        return;
    if (us < 0)
        us = 0;
    while (k < METRICS_BOUNDS && (double)us / 1e6 > ac_metrics_bounds[k])
        k++;
    pthread_mutex_lock(&m->lock);
    struct metrics_timing *t = &m->timings[which];
    t->buckets[k]++;
    t->n++;
    t->sum_us += us;
    struct metrics_slice *s = slice_now(t);
    s->buckets[fine_bucket(us)]++;
    if (us > s->max_us)
        s->max_us = us;
    pthread_mutex_unlock(&m->lock);
}

/* Milliseconds below which the share lies, interpolated within its bucket. */
static double percentile(const uint64_t sum[METRICS_FINE], uint64_t n, double share, double max_ms)
{
    double want = share * (double)n, before = 0;

    for (int k = 0; k < METRICS_FINE; k++) {
        if (before + (double)sum[k] < want || !sum[k]) {
            before += (double)sum[k];
            continue;
        }
        double high = FIRST_BOUND_US * pow(1.1, k), low = k ? high / 1.1 : 0;
        double ms = (low + (high - low) * (want - before) / (double)sum[k]) / 1000;
        return ms < max_ms ? ms : max_ms;
    }
    return max_ms;
}

struct ac_percentiles ac_metrics_percentiles(struct ac_metrics *m, enum ac_timing which)
{
    struct ac_percentiles p = {0};
    uint64_t sum[METRICS_FINE] = {0};
    int64_t minute = ac_now_us() / SLICE_US, max_us = 0;

    if (!m)
        return p;
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < METRICS_SLICES; i++) {
        const struct metrics_slice *s = &m->timings[which].slices[i];
        if (s->minute <= minute - METRICS_SLICES)
            continue;
        if (s->max_us > max_us)
            max_us = s->max_us;
        for (int k = 0; k < METRICS_FINE; k++) {
            sum[k] += s->buckets[k];
            p.n += s->buckets[k];
        }
    }
    pthread_mutex_unlock(&m->lock);
    if (!p.n)
        return p;
    p.max = (double)max_us / 1000;
    p.p50 = percentile(sum, p.n, 0.5, p.max);
    p.p90 = percentile(sum, p.n, 0.9, p.max);
    p.p99 = percentile(sum, p.n, 0.99, p.max);
    return p;
}

/* ---- the last half hour ---- */

void ac_metrics_tick(struct ac_metrics *m)
{
    int64_t now = ac_now_us();

    if (!m || now - m->sampled_us < AC_METRICS_SAMPLE_US)
        return;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t cpu = ac_process_cpu_us(), us = now - m->sampled_us;
    uint64_t turns = ac_metrics_count(m, AC_COUNT_TURNS_DONE) +
                     ac_metrics_count(m, AC_COUNT_TURNS_INTERRUPTED) +
                     ac_metrics_count(m, AC_COUNT_TURNS_FAILED);
    struct ac_metrics_sample s = {
        .t_ms = t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000,
        .talking = (int)ac_metrics_gauge(m, AC_GAUGE_TALKING),
        .sessions = (int)ac_metrics_gauge(m, AC_GAUGE_SESSIONS),
        .rss_bytes = ac_rss_bytes(),
        .cpu = (double)(cpu - m->sampled_cpu_us) / (double)us,
        .turns_per_min = (double)(turns - m->sampled_turns) * 60e6 / (double)us,
        .first_fragment_p50 = ac_metrics_percentiles(m, AC_TIME_FIRST_FRAGMENT).p50,
    };
    m->sampled_us = now;
    m->sampled_cpu_us = cpu;
    m->sampled_turns = turns;
    pthread_mutex_lock(&m->lock);
    m->samples[m->n_samples++ % AC_METRICS_SAMPLES] = s;
    pthread_mutex_unlock(&m->lock);
}

size_t ac_metrics_samples(struct ac_metrics *m, struct ac_metrics_sample *samples, size_t max)
{
    if (!m)
        return 0;
    pthread_mutex_lock(&m->lock);
    size_t n = m->n_samples < AC_METRICS_SAMPLES ? m->n_samples : AC_METRICS_SAMPLES;
    if (n > max)
        n = max;
    for (size_t i = 0; i < n; i++)
        samples[i] = m->samples[(m->n_samples - n + i) % AC_METRICS_SAMPLES];
    pthread_mutex_unlock(&m->lock);
    return n;
}
