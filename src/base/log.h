/*
 * Log: one line an event, to stderr, as logfmt or JSON.
 *
 *     ac_log_info("session", "opened", AC_S("id", id), AC_I("sessions", n));
 *     time=2026-01-02T03:04:05.678Z level=info at=session event=opened id=ab12 sessions=3
 *
 * Levels: error = should not happen; warn = handled but the operator wants to know; info = a step in the
 * life of server, session or turn; debug = for finding faults, never per frame. The level is tested
 * before the fields are evaluated. A line is one write(2), so lines of threads do not mix.
 * Secrets and what people say are not logged above debug. Any thread.
 */
#ifndef AC_BASE_LOG_H
#define AC_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ac_log_level { AC_LOG_ERROR = 1, AC_LOG_WARN, AC_LOG_INFO, AC_LOG_DEBUG };
enum ac_log_format { AC_LOG_LOGFMT = 1, AC_LOG_JSON };

struct ac_log_field {
    const char *key;
    enum { AC_LOG_STR = 1, AC_LOG_INT, AC_LOG_FLOAT, AC_LOG_BOOL } type;
    union {
        const char *s; /* NULL prints as an empty value */
        int64_t i;
        double f;
    };
};

#define AC_S(k, v) ((struct ac_log_field){.key = (k), .type = AC_LOG_STR, .s = (v)})
#define AC_I(k, v) ((struct ac_log_field){.key = (k), .type = AC_LOG_INT, .i = (int64_t)(v)})
#define AC_F(k, v) ((struct ac_log_field){.key = (k), .type = AC_LOG_FLOAT, .f = (double)(v)})
#define AC_B(k, v) ((struct ac_log_field){.key = (k), .type = AC_LOG_BOOL, .i = (v) ? 1 : 0})

/* Set once at start, before threads. fd: where lines go (default 2). */
void ac_log_setup(enum ac_log_level level, enum ac_log_format format, int fd);
/* Any thread, at any time. */
void ac_log_set_level(enum ac_log_level level);
bool ac_log_enabled(enum ac_log_level level);
void ac_log_write(enum ac_log_level level, const char *at, const char *event,
                  const struct ac_log_field *fields, size_t n);

/*
 * The last lines in memory, for those who look after the server from afar: at most AC_LOG_KEPT of info and
 * above (debug may hold what people say). Strings are borrowed for the call.
 */
enum { AC_LOG_KEPT = 2000 };
struct ac_log_line {
    uint64_t seq;  /* from 1 */
    int64_t at_ms; /* Unix time */
    enum ac_log_level level;
    const char *at, *event;
    const char *fields; /* a JSON object */
    const char *text;   /* the fields as logfmt */
};
typedef void ac_log_line_fn(void *arg, const struct ac_log_line *line);
/*
 * Calls fn for the lines after `since` that are at least as grave as level, oldest first, at most max; fn
 * must not log. Gives what `since` is next time.
 */
uint64_t ac_log_lines(uint64_t since, enum ac_log_level level, size_t max, ac_log_line_fn *fn, void *arg);
const char *ac_log_level_name(enum ac_log_level level);

#define AC_LOG(level, at, event, ...)                                                                        \
    do {                                                                                                     \
        if (ac_log_enabled(level)) {                                                                         \
            const struct ac_log_field ac_log_f_[] = {{.key = NULL}, ##__VA_ARGS__};                          \
            ac_log_write(level, at, event, ac_log_f_ + 1, sizeof ac_log_f_ / sizeof *ac_log_f_ - 1);         \
        }                                                                                                    \
    } while (0)
#define ac_log_error(at, event, ...) AC_LOG(AC_LOG_ERROR, at, event, ##__VA_ARGS__)
#define ac_log_warn(at, event, ...)  AC_LOG(AC_LOG_WARN, at, event, ##__VA_ARGS__)
#define ac_log_info(at, event, ...)  AC_LOG(AC_LOG_INFO, at, event, ##__VA_ARGS__)
#define ac_log_debug(at, event, ...) AC_LOG(AC_LOG_DEBUG, at, event, ##__VA_ARGS__)

#endif
