/*
 * The logger. A line is built in memory and leaves in one write(2). Text from outside (user agents, file
 * names) can hold anything: control characters are escaped in both formats and malformed UTF-8 becomes
 * U+FFFD, so that a log line is always one line and never drives a terminal.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

static _Atomic(enum ac_log_level) max_level = AC_LOG_INFO;
/* set once before threads start */
static enum ac_log_format line_format = AC_LOG_LOGFMT;
static int out_fd = 2;

/* lines that could not be written since the last that could; shown by the next one */
static atomic_ulong lost_lines;

static const char *const level_names[] = {"off", "error", "warn", "info", "debug"};

void ac_log_setup(enum ac_log_level level, enum ac_log_format format, int fd)
{
    max_level = level;
    line_format = format;
    out_fd = fd;
}

void ac_log_set_level(enum ac_log_level level)
{
    max_level = level;
}

const char *ac_log_level_name(enum ac_log_level level)
{
    return level_names[level];
}

bool ac_log_enabled(enum ac_log_level level)
{
    return level <= max_level;
}

static bool is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029;
}

/* The inside of a JSON string; logfmt's quoted values take the same escapes. */
static void add_escaped(struct ac_str *line, const char *s)
{
    const char *end = s + strlen(s);
    while (s < end) {
        uint32_t cp = ac_utf8_next(&s, end);
        switch (cp) {
        case '"':
            ac_str_add(line, "\\\"");
            break;
        case '\\':
            ac_str_add(line, "\\\\");
            break;
        case '\n':
            ac_str_add(line, "\\n");
            break;
        case '\r':
            ac_str_add(line, "\\r");
            break;
        case '\t':
            ac_str_add(line, "\\t");
            break;
        default:
            if (is_control(cp))
                ac_str_addf(line, "\\u%04" PRIx32, cp);
            else
                ac_utf8_add(line, cp);
        }
    }
}

static bool needs_quotes(const char *s)
{
    const char *end = s + strlen(s);
    if (s == end)
        return true;
    while (s < end) {
        uint32_t cp = ac_utf8_next(&s, end);
        if (cp == ' ' || cp == '"' || cp == '=' || cp == '\\' || cp == 0xfffd || is_control(cp))
            return true;
    }
    return false;
}

static void add_string(struct ac_str *line, const char *s, bool json)
{
    if (!s) {
        ac_str_add(line, json ? "null" : "");
    } else if (json || needs_quotes(s)) {
        ac_str_add(line, "\"");
        add_escaped(line, s);
        ac_str_add(line, "\"");
    } else {
        ac_str_add(line, s);
    }
}

static void add_float(struct ac_str *line, double f, bool json)
{
    char text[40];
    if (!isfinite(f) && json) {
        ac_str_add(line, "null"); /* JSON has no name for it */
        return;
    }
    snprintf(text, sizeof text, "%.9g", f);
    for (char *p = text; *p; p++) /* a library may have set a locale */
        if (*p == ',')
            *p = '.';
    ac_str_add(line, text);
}

static void add_key(struct ac_str *line, const char *key, bool json)
{
    if (json) {
        ac_str_add(line, line->len ? ",\"" : "{\"");
        add_escaped(line, key);
        ac_str_add(line, "\":");
    } else {
        if (line->len)
            ac_str_add(line, " ");
        ac_str_add(line, key);
        ac_str_add(line, "=");
    }
}

static void add_field(struct ac_str *line, const struct ac_log_field *f, bool json)
{
    add_key(line, f->key, json);
    switch (f->type) {
    case AC_LOG_STR:
        add_string(line, f->s, json);
        break;
    case AC_LOG_INT:
        ac_str_addf(line, "%" PRId64, f->i);
        break;
    case AC_LOG_FLOAT:
        add_float(line, f->f, json);
        break;
    case AC_LOG_BOOL:
        ac_str_add(line, f->i ? "true" : "false");
        break;
    }
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return false; /* full pipe, closed: never wait for a log reader */
        }
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* ---- what is kept ---- */

struct kept_line {
    int64_t at_ms;
    enum ac_log_level level;
    char *at, *event, *fields, *text;
};

static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept_line kept[AC_LOG_KEPT]; /* kept_lock: line seq is at seq % AC_LOG_KEPT */
static uint64_t last_seq;                  /* kept_lock */

static char *copy_of(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

static void free_line(struct kept_line *l)
{
    free(l->at);
    free(l->event);
    free(l->fields);
    free(l->text);
}

static void keep(enum ac_log_level level, const char *at, const char *event,
                 const struct ac_log_field *fields, size_t n)
{
    struct ac_str json = {0}, text = {0};
    struct timespec now;
    for (size_t i = 0; i < n; i++) {
        add_field(&json, &fields[i], true);
        add_field(&text, &fields[i], false);
    }
    ac_str_add(&json, n ? "}" : "{}");
    ac_str_add(&text, "");
    clock_gettime(CLOCK_REALTIME, &now);
    struct kept_line l = {.at_ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000,
                          .level = level,
                          .at = copy_of(at),
                          .event = copy_of(event),
                          .fields = ac_str_steal(&json),
                          .text = ac_str_steal(&text)};
    pthread_mutex_lock(&kept_lock);
    struct kept_line *place = &kept[++last_seq % AC_LOG_KEPT], old = *place;
    *place = l;
    pthread_mutex_unlock(&kept_lock);
    free_line(&old);
}

uint64_t ac_log_lines(uint64_t since, enum ac_log_level level, size_t max, ac_log_line_fn *fn, void *arg)
{
    pthread_mutex_lock(&kept_lock);
    uint64_t first = last_seq > AC_LOG_KEPT ? last_seq - AC_LOG_KEPT + 1 : 1;
    uint64_t seq = since + 1 > first ? since + 1 : first;
    for (size_t given = 0; seq <= last_seq && given < max; seq++) {
        const struct kept_line *k = &kept[seq % AC_LOG_KEPT];
        if (k->level > level || !k->at || !k->event)
            continue;
        const struct ac_log_line line = {seq, k->at_ms, k->level, k->at, k->event, k->fields, k->text};
        fn(arg, &line);
        given++;
    }
    uint64_t next = since > last_seq ? last_seq : seq - 1;
    pthread_mutex_unlock(&kept_lock);
    return next;
}

/* ---- writing ---- */

void ac_log_write(enum ac_log_level level, const char *at, const char *event,
                  const struct ac_log_field *fields, size_t n)
{
    struct ac_str line = {0};
    char time[32];
    int keep_errno = errno;
    bool as_json = line_format == AC_LOG_JSON;

    if (level <= AC_LOG_INFO)
        keep(level, at, event, fields, n);
    add_field(&line, &AC_S("time", ac_time_rfc3339(time, sizeof time)), as_json);
    add_field(&line, &AC_S("level", level_names[level]), as_json);
    add_field(&line, &AC_S("at", at), as_json);
    add_field(&line, &AC_S("event", event), as_json);
    for (size_t i = 0; i < n; i++)
        add_field(&line, &fields[i], as_json);
    unsigned long lost = atomic_exchange(&lost_lines, 0);
    if (lost)
        add_field(&line, &AC_I("lost_lines", lost), as_json);
    ac_str_add(&line, as_json ? "}\n" : "\n");
    if (!write_all(out_fd, line.p, line.len))
        atomic_fetch_add(&lost_lines, lost + 1);
    ac_str_free(&line);
    errno = keep_errno;
}
