/*
 * The logger. A line is built in memory and leaves in one write(2). Text from outside (user agents, file
 * names) can hold anything: control characters are escaped in both formats and malformed UTF-8 becomes
 * U+FFFD, so that a log line is always one line and never drives a terminal.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

/* set once before threads start */
static enum ac_log_level max_level = AC_LOG_INFO;
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

static void add_string(struct ac_str *line, const char *s)
{
    bool json = line_format == AC_LOG_JSON;
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

static void add_float(struct ac_str *line, double f)
{
    char text[40];
    if (!isfinite(f) && line_format == AC_LOG_JSON) {
        ac_str_add(line, "null"); /* JSON has no name for it */
        return;
    }
    snprintf(text, sizeof text, "%.9g", f);
    for (char *p = text; *p; p++) /* a library may have set a locale */
        if (*p == ',')
            *p = '.';
    ac_str_add(line, text);
}

static void add_key(struct ac_str *line, const char *key)
{
    if (line_format == AC_LOG_JSON) {
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

static void add_field(struct ac_str *line, const struct ac_log_field *f)
{
    add_key(line, f->key);
    switch (f->type) {
    case AC_LOG_STR:
        add_string(line, f->s);
        break;
    case AC_LOG_INT:
        ac_str_addf(line, "%" PRId64, f->i);
        break;
    case AC_LOG_FLOAT:
        add_float(line, f->f);
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

void ac_log_write(enum ac_log_level level, const char *at, const char *event,
                  const struct ac_log_field *fields, size_t n)
{
    struct ac_str line = {0};
    char time[32];
    int keep_errno = errno;

    add_field(&line, &AC_S("time", ac_time_rfc3339(time, sizeof time)));
    add_field(&line, &AC_S("level", level_names[level]));
    add_field(&line, &AC_S("at", at));
    add_field(&line, &AC_S("event", event));
    for (size_t i = 0; i < n; i++)
        add_field(&line, &fields[i]);
    unsigned long lost = atomic_exchange(&lost_lines, 0);
    if (lost)
        add_field(&line, &AC_I("lost_lines", lost));
    ac_str_add(&line, line_format == AC_LOG_JSON ? "}\n" : "\n");
    if (!write_all(out_fd, line.p, line.len))
        atomic_fetch_add(&lost_lines, lost + 1);
    ac_str_free(&line);
    errno = keep_errno;
}
