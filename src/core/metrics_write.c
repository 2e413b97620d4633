/*
 * The metrics in Prometheus' text format 0.0.4, and what /proc/self tells of the process.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#include "core/metrics_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "core/registry.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "avatar_chat_"

struct row_text {
    const char *name, *labels, *help;
};

static const struct row_text counters[AC_COUNTER_COUNT] = {
#define X(sym, name, labels, help) [sym] = {name, labels, help},
    AC_COUNTER_MAP(X)
#undef X
};

static const struct row_text gauges[AC_GAUGE_COUNT] = {
#define X(sym, name, labels, help) [sym] = {name, labels, help},
    AC_GAUGE_MAP(X)
#undef X
};

struct timing_text {
    const char *name, *label, *value, *help;
};

static const struct timing_text timings[AC_TIMING_COUNT] = {
#define X(sym, name, label, value, help) [sym] = {name, label, value, help},
    AC_TIMING_MAP(X)
#undef X
};

static const struct {
    const char *name, *help, *label[3];
} tables[METRICS_TABLES] = {
    [METRICS_DEGRADED] = {"degraded_total",
                          "Engines that were replaced by the next of their list.",
                          {"stage", "from", "to"}},
    [METRICS_MODEL_LOADS] = {"model_loads_total", "Models that were loaded.", {"engine"}},
    [METRICS_CACHE_HITS] = {"cache_hits_total", "What was found in a cache.", {"cache"}},
    [METRICS_CACHE_MISSES] = {"cache_misses_total", "What had to be made.", {"cache"}},
    [METRICS_REQUESTS] = {"http_requests_total", "HTTP requests.", {"path", "status"}},
};

static void head(struct ac_str *out, const char *name, const char *type, const char *help)
{
    ac_str_addf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

/* label="value", escaped as the format wants it. */
static void add_label(struct ac_str *out, const char *label, const char *value)
{
    ac_str_addf(out, "%s=\"", label);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            ac_str_addf(out, "\\%c", *p);
        else if (*p == '\n')
            ac_str_add(out, "\\n");
        else
            ac_str_add_n(out, p, 1);
    }
    ac_str_add(out, "\"");
}

/* Seconds with microseconds, whatever the locale. */
static void add_seconds(struct ac_str *out, uint64_t us)
{
    ac_str_addf(out, "%" PRIu64 ".%06u", us / 1000000, (unsigned)(us % 1000000));
}

static bool in_seconds(const char *name)
{
    static const char end[] = "_seconds_total";
    size_t n = strlen(name);

    return n > sizeof end && !strcmp(name + n - (sizeof end - 1), end);
}

static void add_name(struct ac_str *out, const struct row_text *r)
{
    ac_str_addf(out, PREFIX "%s%s%s%s ", r->name, *r->labels ? "{" : "", r->labels, *r->labels ? "}" : "");
}

static void write_counters(const struct ac_metrics *m, struct ac_str *out)
{
    for (int i = 0; i < AC_COUNTER_COUNT; i++) {
        const struct row_text *r = &counters[i];
        uint64_t n = ac_metrics_count(m, (enum ac_counter)i);
        if (!i || strcmp(r->name, counters[i - 1].name) != 0)
            head(out, r->name, "counter", r->help);
        add_name(out, r);
        if (in_seconds(r->name))
            add_seconds(out, n);
        else
            ac_str_addf(out, "%" PRIu64, n);
        ac_str_add(out, "\n");
    }
}

static void write_gauges(const struct ac_metrics *m, struct ac_str *out)
{
    for (int i = 0; i < AC_GAUGE_COUNT; i++) {
        const struct row_text *r = &gauges[i];
        if (!i || strcmp(r->name, gauges[i - 1].name) != 0)
            head(out, r->name, "gauge", r->help);
        add_name(out, r);
        ac_str_addf(out, "%" PRId64 "\n", ac_metrics_gauge(m, (enum ac_gauge)i));
    }
}

static void write_stages(const struct ac_metrics *m, struct ac_str *out)
{
    head(out, "stage_busy_seconds_total", "counter", "Time in calls of the engines.");
    for (int i = AC_STAGE_INVALID + 1; i < AC_STAGE_COUNT; i++) {
        ac_str_addf(out, PREFIX "stage_busy_seconds_total{stage=\"%s\"} ", ac_stage_name((enum ac_stage)i));
        add_seconds(out, atomic_load(&m->busy_us[i]));
        ac_str_add(out, "\n");
    }
}

static void write_errors(const struct ac_metrics *m, struct ac_str *out)
{
    head(out, "errors_total", "counter", "Errors that clients were told.");
#define X(sym, num, name, text, retry)                                                                       \
    ac_str_addf(out, PREFIX "errors_total{code=\"%s\"} %" PRIu64 "\n", name, ac_metrics_errors(m, sym));
    AC_ERR_MAP(X)
#undef X
}

static void write_tables(struct ac_metrics *m, struct ac_str *out)
{
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < METRICS_TABLES; i++) {
        const struct metrics_table *t = &m->tables[i];
        head(out, tables[i].name, "counter", tables[i].help);
        for (size_t k = 0; k < t->n; k++) {
            ac_str_addf(out, PREFIX "%s{", tables[i].name);
            for (int l = 0; l < 3 && tables[i].label[l]; l++) {
                ac_str_add(out, l ? "," : "");
                add_label(out, tables[i].label[l], t->rows[k].label[l]);
            }
            ac_str_addf(out, "} %" PRIu64 "\n", t->rows[k].n);
        }
    }
    pthread_mutex_unlock(&m->lock);
}

static void write_timing(const struct metrics_timing *t, const struct timing_text *text, struct ac_str *out)
{
    char label[64] = "";
    uint64_t n = 0;

    if (text->label)
        snprintf(label, sizeof label, "%s=\"%s\"", text->label, text->value);
    for (int k = 0; k <= METRICS_BOUNDS; k++) {
        n += t->buckets[k];
        ac_str_addf(out, PREFIX "%s_bucket{%s%sle=\"", text->name, label, *label ? "," : "");
        if (k == METRICS_BOUNDS) {
            ac_str_add(out, "+Inf");
        } else { /* thousandths are enough for the bounds, and need no locale */
            char bound[16];
            int ms = (int)(ac_metrics_bounds[k] * 1000 + 0.5);
            int len = snprintf(bound, sizeof bound, "%d.%03d", ms / 1000, ms % 1000);
            while (bound[len - 1] == '0')
                len--;
            ac_str_add_n(out, bound, (size_t)(bound[len - 1] == '.' ? len - 1 : len));
        }
        ac_str_addf(out, "\"} %" PRIu64 "\n", n);
    }
    const char *open = *label ? "{" : "", *close = *label ? "}" : "";
    ac_str_addf(out, PREFIX "%s_sum%s%s%s ", text->name, open, label, close);
    add_seconds(out, (uint64_t)t->sum_us);
    ac_str_addf(out, "\n" PREFIX "%s_count%s%s%s %" PRIu64 "\n", text->name, open, label, close, t->n);
}

static void write_timings(struct ac_metrics *m, struct ac_str *out)
{
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < AC_TIMING_COUNT; i++) {
        if (!i || strcmp(timings[i].name, timings[i - 1].name) != 0)
            head(out, timings[i].name, "histogram", timings[i].help);
        write_timing(&m->timings[i], &timings[i], out);
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- the process ---- */

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = -3; /* ".", ".." and the one it is read with */

    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Fields of /proc/self/stat behind the name, which may hold blanks and brackets; see proc(5). */
enum { STAT_THREADS = 20, STAT_START = 22 };

static long long stat_field(const char *stat, int field)
{
    const char *p = strrchr(stat, ')');

    for (int i = 2; p && i < field; i++)
        p = strchr(p + 1, ' ');
    return p ? atoll(p + 1) : 0;
}

static double boot_time_s(void)
{
    struct timespec real, boot;

    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return (double)(real.tv_sec - boot.tv_sec) + (double)(real.tv_nsec - boot.tv_nsec) / 1e9;
}

struct ac_process_stats ac_process_stats(void)
{
    struct ac_process_stats p = {
        .rss_bytes = ac_rss_bytes(), .cpu_s = (double)ac_process_cpu_us() / 1e6, .fds = count_fds()};
    char *stat = NULL;
    size_t len;

    if (!ac_read_file("/proc/self/stat", 4096, &stat, &len)) {
        p.threads = (int)stat_field(stat, STAT_THREADS);
        p.start_time_s = boot_time_s() + (double)stat_field(stat, STAT_START) / (double)sysconf(_SC_CLK_TCK);
    }
    free(stat);
    return p;
}

static void process_metric(struct ac_str *out, const char *name, const char *type, const char *help,
                           double value)
{
    uint64_t ms = value > 0 ? (uint64_t)(value * 1000 + 0.5) : 0;

    ac_str_addf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %" PRIu64, name, help, name,
                type, name, ms / 1000);
    if (ms % 1000)
        ac_str_addf(out, ".%03u", (unsigned)(ms % 1000));
    ac_str_add(out, "\n");
}

static void write_process(struct ac_str *out)
{
    struct ac_process_stats p = ac_process_stats();

    process_metric(out, "resident_memory_bytes", "gauge", "Resident memory.", (double)p.rss_bytes);
    process_metric(out, "cpu_seconds_total", "counter", "CPU time, user and system.", p.cpu_s);
    process_metric(out, "open_fds", "gauge", "Open file descriptors.", p.fds);
    process_metric(out, "threads", "gauge", "Threads.", p.threads);
    process_metric(out, "start_time_seconds", "gauge", "When the process started, Unix time.",
                   p.start_time_s);
}

void ac_metrics_write(struct ac_metrics *m, struct ac_str *out)
{
    head(out, "info", "gauge", "The version that runs.");
    ac_str_add(out, PREFIX "info{");
    add_label(out, "version", AC_VERSION);
    ac_str_add(out, "} 1\n");
    write_gauges(m, out);
    write_counters(m, out);
    write_stages(m, out);
    write_errors(m, out);
    write_tables(m, out);
    write_timings(m, out);
    write_process(out);
}
