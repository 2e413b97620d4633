/* Line by line: a line is gathered until its end has come, whatever pieces it came in (sse.h). */
#include "net/sse.h"

#include <stdio.h>
#include <string.h>

#include "avatarchat/err.h"

static int end_event(struct ac_sse *s, ac_sse_fn *fn, void *arg)
{
    int err = 0;

    if (s->has_data)
        err = fn(arg, s->event, s->data.p ? s->data.p : "", s->data.len);
    ac_str_clear(&s->data);
    s->has_data = false;
    s->event[0] = '\0';
    return err;
}

static int add_data(struct ac_sse *s, const char *value, size_t n)
{
    if (s->data.len + s->has_data + n > s->max_bytes)
        return AC_ELIMIT;
    if (s->has_data)
        ac_str_add_n(&s->data, "\n", 1);
    ac_str_add_n(&s->data, value, n);
    s->has_data = true;
    return 0;
}

static int end_line(struct ac_sse *s, ac_sse_fn *fn, void *arg)
{
    const char *line = s->line.p ? s->line.p : "";
    size_t n = s->line.len;
    int err = 0;

    if (!s->began && n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3, n -= 3;
    s->began = true;
    const char *colon = memchr(line, ':', n);
    size_t name = colon ? (size_t)(colon - line) : n, skip = colon ? name + 1 : n;
    if (skip < n && line[skip] == ' ')
        skip++;
    if (n == 0)
        err = end_event(s, fn, arg);
    else if (name == 4 && memcmp(line, "data", 4) == 0)
        err = add_data(s, line + skip, n - skip);
    else if (name == 5 && memcmp(line, "event", 5) == 0)
        snprintf(s->event, sizeof s->event, "%.*s", (int)(n - skip), line + skip);
    ac_str_clear(&s->line);
    return err;
}

int ac_sse_feed(struct ac_sse *s, const char *bytes, size_t n, ac_sse_fn *fn, void *arg)
{
    const char *end = bytes + n;

    while (bytes < end) {
        const char *from = bytes;
        int err = 0;
        if (s->after_cr && *bytes == '\n')
            from = ++bytes;
        s->after_cr = false;
        while (bytes < end && *bytes != '\n' && *bytes != '\r')
            bytes++;
        if (s->line.len + (size_t)(bytes - from) > s->max_bytes)
            return AC_ELIMIT;
        if (bytes > from)
            ac_str_add_n(&s->line, from, (size_t)(bytes - from));
        if (bytes < end) {
            s->after_cr = *bytes++ == '\r';
            err = end_line(s, fn, arg);
        }
        if (err)
            return err;
    }
    return 0;
}

int ac_sse_finish(struct ac_sse *s, ac_sse_fn *fn, void *arg)
{
    int err = s->line.len ? end_line(s, fn, arg) : 0;

    return err ? err : end_event(s, fn, arg);
}

void ac_sse_free(struct ac_sse *s)
{
    ac_str_free(&s->line);
    ac_str_free(&s->data);
}
