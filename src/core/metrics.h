/*
 * Metrics: what the server has done and how it goes, for Prometheus (GET /metrics) and for the panel.
 *
 * Counters and gauges are atomics in fixed tables, written by one macro row each; a few small tables with
 * labels that come up while running (engines, paths) are guarded by a lock, with a bound on their size.
 * Durations are kept twice: as a Prometheus histogram since the start, and as a finer one of the last ten
 * minutes, a slice a minute, from which percentiles come (buckets grow by 10 %, so a percentile is right
 * within 5 %). A ring of samples, one a 5 s for half an hour, is the panel's history.
 *
 * Threads: everything from any thread, nothing waits for long. m may be NULL everywhere: nothing is counted.
 */
#ifndef AC_CORE_METRICS_H
#define AC_CORE_METRICS_H

#include "avatarchat/handler.h"
#include "base/str.h"

struct ac_metrics;

/*
 * X(symbol, name without prefix, labels, help): rows of one name follow each other. Counters in microseconds
 * have a name that ends in _seconds_total and are shown in seconds.
 */
#define AC_COUNTER_MAP(X)                                                                                    \
    X(AC_COUNT_SESSIONS_OPENED, "sessions_opened_total", "", "Sessions that were opened.")                   \
    X(AC_COUNT_SESSIONS_RESUMED, "sessions_resumed_total", "",                                               \
      "Sessions that went on after a lost connection.")                                                      \
    X(AC_COUNT_REFUSED_FULL, "sessions_refused_total", "reason=\"max_sessions\"", "Sessions refused.")       \
    X(AC_COUNT_REFUSED_WAITED, "sessions_refused_total", "reason=\"queue_wait\"", "")                        \
    X(AC_COUNT_REFUSED_MEMORY, "sessions_refused_total", "reason=\"out_of_memory\"", "")                     \
    X(AC_COUNT_REFUSED_TOKEN, "sessions_refused_total", "reason=\"token\"", "")                              \
    X(AC_COUNT_REFUSED_DRAINING, "sessions_refused_total", "reason=\"draining\"", "")                        \
    X(AC_COUNT_ENDED_MEMORY, "sessions_ended_total", "reason=\"out_of_memory\"",                             \
      "Sessions that the server ended by itself.")                                                           \
    X(AC_COUNT_ENDED_IDLE, "sessions_ended_total", "reason=\"idle\"", "")                                    \
    X(AC_COUNT_ENDED_ADMIN, "sessions_ended_total", "reason=\"admin\"", "")                                  \
    X(AC_COUNT_TURNS_DONE, "turns_total", "result=\"done\"", "Turns that ended.")                            \
    X(AC_COUNT_TURNS_INTERRUPTED, "turns_total", "result=\"interrupted\"", "")                               \
    X(AC_COUNT_TURNS_FAILED, "turns_total", "result=\"failed\"", "")                                         \
    X(AC_COUNT_TURNS_WAITED, "turns_waited_total", "", "Turns that waited in line for room to talk.")        \
    X(AC_COUNT_FRAMES_RENDERED, "frames_total", "result=\"rendered\"",                                       \
      "Frames of video: drawn, ready after their time, left out.")                                           \
    X(AC_COUNT_FRAMES_LATE, "frames_total", "result=\"late\"", "")                                           \
    X(AC_COUNT_FRAMES_DROPPED, "frames_total", "result=\"dropped\"", "")                                     \
    X(AC_COUNT_RENDER_US, "render_seconds_total", "", "CPU time for drawing.")                               \
    X(AC_COUNT_ENCODE_US, "encode_seconds_total", "", "CPU time for H.264 and AAC.")                         \
    X(AC_COUNT_BYTES_IN, "bytes_total", "direction=\"in\"", "Bytes of WebSocket messages.")                  \
    X(AC_COUNT_BYTES_OUT, "bytes_total", "direction=\"out\"", "")                                            \
    X(AC_COUNT_MESSAGES_IN, "messages_total", "direction=\"in\"", "WebSocket messages.")                     \
    X(AC_COUNT_MESSAGES_OUT, "messages_total", "direction=\"out\"", "")                                      \
    X(AC_COUNT_DROPPED_MICROPHONE, "queue_dropped_total", "queue=\"microphone\"",                            \
      "What a full queue refused or dropped.")                                                               \
    X(AC_COUNT_DROPPED_MESSAGES, "queue_dropped_total", "queue=\"messages\"", "")                            \
    X(AC_COUNT_DROPPED_SENTENCES, "queue_dropped_total", "queue=\"sentences\"", "")                          \
    X(AC_COUNT_DROPPED_VIDEO, "queue_dropped_total", "queue=\"video\"", "")

enum ac_counter {
#define X(sym, name, labels, help) sym,
    AC_COUNTER_MAP(X)
#undef X
        AC_COUNTER_COUNT
};

/* The same for gauges. */
#define AC_GAUGE_MAP(X)                                                                                      \
    X(AC_GAUGE_SESSIONS, "sessions", "",                                                                     \
      "Open sessions, with those that wait for their client to come back.")                                  \
    X(AC_GAUGE_TALKING, "sessions_talking", "", "Sessions in a turn.")                                       \
    X(AC_GAUGE_DETACHED, "sessions_detached", "", "Sessions whose client has lost its connection.")          \
    X(AC_GAUGE_QUEUED, "sessions_queued", "", "Connections that wait for a session.")                        \
    X(AC_GAUGE_TALK_LIMIT, "talking_limit", "", "How many may talk at once, as measured or configured.")     \
    X(AC_GAUGE_QUEUE_SESSIONS, "queue_depth", "queue=\"sessions\"", "What waits.")                           \
    X(AC_GAUGE_QUEUE_TURNS, "queue_depth", "queue=\"turns\"", "")                                            \
    X(AC_GAUGE_QUEUE_TASKS, "queue_depth", "queue=\"tasks\"", "")                                            \
    X(AC_GAUGE_QUEUE_MICROPHONE, "queue_depth", "queue=\"microphone\"", "")                                  \
    X(AC_GAUGE_QUEUE_RECOGNIZER, "queue_depth", "queue=\"recognizer\"", "")                                  \
    X(AC_GAUGE_QUEUE_SENTENCES, "queue_depth", "queue=\"sentences\"", "")                                    \
    X(AC_GAUGE_MODELS_OPEN, "models_open", "", "Models in memory.")                                          \
    X(AC_GAUGE_HISTORY_PENDING, "history_pending", "", "Messages not yet written to the store.")             \
    X(AC_GAUGE_MEMORY_STATE, "memory_state", "", "0: enough, 1: above the soft limit, 2: above the hard one.")

enum ac_gauge {
#define X(sym, name, labels, help) sym,
    AC_GAUGE_MAP(X)
#undef X
        AC_GAUGE_COUNT
};

/* Durations. The marks are those of `turn_done`; the rest has no label. */
#define AC_TIMING_MAP(X)                                                                                     \
    X(AC_TIME_ENDPOINT, "turn_mark_seconds", "mark", "endpoint",                                             \
      "From the question (of speech: its end) to each step of the answer.")                                  \
    X(AC_TIME_ASR_FINAL, "turn_mark_seconds", "mark", "asr_final", "")                                       \
    X(AC_TIME_FIRST_TOKEN, "turn_mark_seconds", "mark", "first_token", "")                                   \
    X(AC_TIME_FIRST_SENTENCE, "turn_mark_seconds", "mark", "first_sentence", "")                             \
    X(AC_TIME_FIRST_AUDIO, "turn_mark_seconds", "mark", "first_audio", "")                                   \
    X(AC_TIME_FIRST_FRAME, "turn_mark_seconds", "mark", "first_frame", "")                                   \
    X(AC_TIME_FIRST_FRAGMENT, "turn_mark_seconds", "mark", "first_fragment", "")                             \
    X(AC_TIME_DONE, "turn_mark_seconds", "mark", "done", "")                                                 \
    X(AC_TIME_TURN, "turn_seconds", NULL, "turn", "Length of a turn.")                                       \
    X(AC_TIME_QUEUED, "turn_wait_seconds", NULL, "queued", "How long turns that had to wait in line did.")   \
    X(AC_TIME_LOOP_DELAY, "event_loop_delay_seconds", NULL, "loop_delay",                                    \
      "How late the loop thread comes to its work.")

enum ac_timing {
#define X(sym, name, label, value, help) sym,
    AC_TIMING_MAP(X)
#undef X
        AC_TIMING_COUNT
};

struct ac_metrics *ac_metrics_new(void);
void ac_metrics_free(struct ac_metrics *m);

void ac_metrics_add(struct ac_metrics *m, enum ac_counter c, uint64_t n);
uint64_t ac_metrics_count(const struct ac_metrics *m, enum ac_counter c);
void ac_metrics_set(struct ac_metrics *m, enum ac_gauge g, int64_t value);
void ac_metrics_change(struct ac_metrics *m, enum ac_gauge g, int64_t by);
int64_t ac_metrics_gauge(const struct ac_metrics *m, enum ac_gauge g);
/* Negative durations (a mark that lies before the question) count as 0. */
void ac_metrics_observe(struct ac_metrics *m, enum ac_timing t, int64_t us);
/* stage_busy_seconds_total */
void ac_metrics_busy(struct ac_metrics *m, enum ac_stage stage, int64_t us);
/* errors_total{code}; err is AC_E… */
void ac_metrics_error(struct ac_metrics *m, int err);
/* degraded_total{stage,from,to}, model_loads_total{engine} ("tts.flite"), cache_hits_total,
 * _misses_total{cache}, http_requests_total{path,status}: the labels are copied. path is the pattern
 * ("/api/sessions/{id}"), never what a client wrote. A table takes 256 different rows; what comes then is
 * counted under "other". */
void ac_metrics_degraded(struct ac_metrics *m, enum ac_stage stage, const char *from, const char *to);
void ac_metrics_model_load(struct ac_metrics *m, const char *engine);
void ac_metrics_cache(struct ac_metrics *m, const char *cache, bool hit);
void ac_metrics_request(struct ac_metrics *m, const char *path, int status);

/* The last ten minutes, in milliseconds; n 0: nothing was observed, the rest is 0. */
struct ac_percentiles {
    double p50, p90, p99, max;
    uint64_t n;
};
struct ac_percentiles ac_metrics_percentiles(struct ac_metrics *m, enum ac_timing t);
/* The mark's name ("first_audio"; "turn", "queued", "loop_delay" for the others). */
const char *ac_timing_name(enum ac_timing t);

/* Rows of the tables whose labels came up while running, for the panel. fn's strings are borrowed. */
void ac_metrics_each_degraded(struct ac_metrics *m,
                              void (*fn)(void *arg, const char *stage, const char *from, const char *to,
                                         uint64_t n),
                              void *arg);
uint64_t ac_metrics_errors(const struct ac_metrics *m, int err); /* of one code */
uint64_t ac_metrics_model_loads(struct ac_metrics *m, const char *engine);

/* One sample of the history. */
struct ac_metrics_sample {
    int64_t t_ms; /* Unix time */
    int talking, sessions;
    uint64_t rss_bytes;
    double cpu; /* 0 … number of cores */
    double turns_per_min;
    double first_fragment_p50; /* ms, of the last ten minutes; 0 = no turn */
};
enum { AC_METRICS_SAMPLE_US = 5000000, AC_METRICS_SAMPLES = 360 };
/* Takes a sample where 5 s have passed since the last; called about once a second by one thread. */
void ac_metrics_tick(struct ac_metrics *m);
/* The samples, oldest first, at most max; returns how many. */
size_t ac_metrics_samples(struct ac_metrics *m, struct ac_metrics_sample *samples, size_t max);

/* Text format 0.0.4 of Prometheus, with process_* from /proc/self. */
void ac_metrics_write(struct ac_metrics *m, struct ac_str *out);

/* What the process takes, from /proc/self; 0 where it is unknown. */
struct ac_process_stats {
    uint64_t rss_bytes;
    double cpu_s, start_time_s; /* start: Unix time */
    int fds, threads;
};
struct ac_process_stats ac_process_stats(void);

#endif
