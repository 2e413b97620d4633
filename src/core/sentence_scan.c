/*
 * The constructs of the markup filter that must be seen whole: tags, links, URLs. Each looks at the front of
 * the raw characters, within a bounded stretch, and gives the length, 0 (none) or CP_MORE (cannot tell yet).
 */
#include "core/sentence_private.h"

#include <string.h>

enum { MAX_TAG = 600, MAX_LINK_TEXT = 300, MAX_LINK_URL = 2000, MAX_URL = 2000 };

static bool is_line_end(uint32_t cp)
{
    return cp == '\n' || cp == '\r' || cp == CP_END;
}

static size_t comment_or_declaration(const struct markup *m)
{
    bool comment = markup_peek(m, 2) == '-' && markup_peek(m, 3) == '-';
    for (size_t i = 2; i < MAX_TAG; i++) {
        uint32_t c = markup_peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (c == CP_END)
            return 0;
        if (c == '>' &&
            (!comment || (i >= 6 && markup_peek(m, i - 1) == '-' && markup_peek(m, i - 2) == '-')))
            return i + 1;
    }
    return 0;
}

/*
 * "<name>", "</name>", "<name/>", "<name a="b" …>". Text like "a<b and c>d" is no tag: with anything behind
 * the name there must be an = or a quote among it.
 */
size_t markup_tag(const struct markup *m, char *name, size_t size, bool *closing, bool *empty)
{
    size_t i = 1, n = 0;
    name[0] = 0;
    *closing = *empty = false;
    uint32_t c = markup_peek(m, i);
    if (c == '!' || c == '?')
        return comment_or_declaration(m);
    if (c == '/') {
        *closing = true;
        c = markup_peek(m, ++i);
    }
    if (c == CP_MORE)
        return CP_MORE;
    if (!(c < 0x80 && cp_is_ascii_alnum(c)) || (c >= '0' && c <= '9'))
        return 0;
    for (; n < size - 1; c = markup_peek(m, ++i)) {
        if (!cp_is_ascii_alnum(c) && c != '-' && c != ':' && c != '_')
            break;
        name[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        name[n] = 0;
        if (c == ':' && (markup_peek(m, i + 1) == '/' || !strcmp(name, "mailto:")))
            return 0; /* an autolink: the name tells */
    }
    if (n == size - 1)
        return 0;
    bool attribute = false;
    uint32_t quote = 0;
    for (size_t start = i; i < MAX_TAG; c = markup_peek(m, ++i)) {
        if (c == CP_MORE)
            return CP_MORE;
        if (c == CP_END || (c == '<' && !quote))
            return 0;
        if (quote) {
            quote = c == quote ? 0 : quote;
            continue;
        }
        if (c == '>') {
            *empty = markup_peek(m, i - 1) == '/';
            return i - *empty == start || attribute ? i + 1 : (i - *empty == start + 1 ? i + 1 : 0);
        }
        if (i == start && !cp_is_space(c) && c != '/' && c != '\n')
            return 0;
        if (c == '=')
            attribute = true;
        else if ((c == '"' || c == '\'') && attribute)
            quote = c;
    }
    return 0;
}

/* [text](target), the [ at `at`. Length from the [ on; *text_len is the length between the brackets. */
size_t markup_link(const struct markup *m, size_t at, size_t *text_len)
{
    size_t i, depth = 0;
    for (i = at;; i++) {
        uint32_t c = markup_peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (is_line_end(c) || i - at > MAX_LINK_TEXT)
            return 0;
        depth += c == '[';
        if (c == ']' && !--depth)
            break;
    }
    *text_len = i - at - 1;
    if (markup_peek(m, ++i) == CP_MORE)
        return CP_MORE;
    if (markup_peek(m, i) != '(')
        return 0;
    depth = 0;
    for (size_t start = i;; i++) {
        uint32_t c = markup_peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (is_line_end(c) || i - start > MAX_LINK_URL)
            return 0;
        depth += c == '(';
        if (c == ')' && !--depth)
            return i + 1 - at;
    }
}

/* ---- formulas and tables ---- */

enum { MAX_INLINE_FORMULA = 60, MAX_ROW = 400 };

/* Length of `want` if the raw text has it at `at`; 0 no, CP_MORE maybe. */
size_t markup_literal(const struct markup *m, size_t at, const char *want)
{
    size_t i = 0;
    for (; want[i]; i++) {
        uint32_t c = markup_peek(m, at + i);
        if (c != (uint32_t)want[i])
            return c == CP_MORE ? CP_MORE : 0;
    }
    return i;
}

/* A second $$ stands in this line, and what is between them looks like a formula: "$$" also means dear. */
static size_t closed_in_line(const struct markup *m, size_t at)
{
    bool formula = !cp_is_space(markup_peek(m, at));
    for (size_t i = at; i < at + MAX_ROW; i++) {
        uint32_t c = markup_peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (is_line_end(c))
            return 0;
        formula = formula || (c < 0x80 && strchr("\\=^_{", (int)c));
        if (c == '$' && markup_peek(m, i + 1) == CP_MORE)
            return CP_MORE;
        if (c == '$' && markup_peek(m, i + 1) == '$')
            return formula && i > at;
    }
    return 0;
}

size_t markup_formula(const struct markup *m, char *end)
{
    bool line_start = m->line_start;
    if (markup_peek(m, 0) == '$') {
        size_t n = markup_literal(m, 0, "$$");
        *end = '$';
        if (!n || n == CP_MORE || line_start)
            return n;
        if (markup_peek(m, 2) == CP_MORE)
            return CP_MORE;
        if (is_line_end(markup_peek(m, 2)))
            return markup_peek(m, 2) == CP_END ? 0 : n;
        size_t closed = closed_in_line(m, 2);
        return closed == CP_MORE ? CP_MORE : closed ? n : 0;
    }
    size_t n = markup_literal(m, 0, "\\[");
    *end = ']';
    if (n == CP_MORE)
        return CP_MORE;
    if (n) {
        uint32_t next = markup_peek(m, 2);
        if (line_start || next == CP_MORE)
            return line_start ? n : CP_MORE;
        return next == ' ' || next == '\n' || next == '\r' ? n : 0;
    }
    *end = 'e';
    return line_start ? markup_literal(m, 0, "\\begin{") : 0;
}

size_t markup_inline_formula(const struct markup *m)
{
    uint32_t c = markup_peek(m, 1);
    if (c == CP_MORE)
        return CP_MORE;
    if (c == '$' || (c >= '0' && c <= '9') || cp_is_space(c) || is_line_end(c))
        return 0;
    for (size_t i = 2; i < MAX_INLINE_FORMULA; i++) {
        c = markup_peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (is_line_end(c))
            return 0;
        if (c != '$')
            continue;
        if (markup_peek(m, i + 1) == CP_MORE)
            return CP_MORE;
        return cp_is_space(markup_peek(m, i - 1)) || cp_is_ascii_alnum(markup_peek(m, i + 1)) ? 0 : i;
    }
    return 0;
}

size_t markup_table_row(const struct markup *m)
{
    uint32_t next = markup_peek(m, 1), last = 0;
    if (next == CP_MORE)
        return CP_MORE;
    if (m->in_table || cp_is_space(next) || next == '-' || next == ':')
        return 1;
    for (size_t i = 1; i < MAX_ROW; i++) {
        uint32_t c = markup_peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (is_line_end(c))
            return last == '|';
        if (!cp_is_space(c))
            last = c;
    }
    return 1;
}

/* ---- URLs ---- */

/* Length of the prefix if the raw text starts with it in any case; 0 no, CP_MORE maybe. */
static size_t prefix(const struct markup *m, const char *want)
{
    size_t i = 0;
    for (; want[i]; i++) {
        uint32_t c = markup_peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (c >= 'A' && c <= 'Z')
            c += 32;
        if (c != (uint32_t)want[i])
            return 0;
    }
    return i;
}

static bool ends_url(uint32_t c)
{
    return c <= ' ' || c >= 0x80 || c == '<' || c == '>' || c == '"' || c == '`' || c == ']' || c == '|' ||
           c == '\\';
}

/* A bare URL and where its host (with a port) stands in it. */
size_t markup_url(const struct markup *m, size_t *host_start, size_t *host_len)
{
    static const char *const prefixes[] = {"https://", "http://", "www."};
    size_t start = 0;
    for (size_t k = 0; k < 3 && !start; k++)
        start = prefix(m, prefixes[k]);
    if (start == 0 || start == CP_MORE)
        return start;
    size_t end = start, depth = 0;
    for (uint32_t c; end < MAX_URL; end++) {
        c = markup_peek(m, end);
        if (c == CP_MORE)
            return CP_MORE;
        if (ends_url(c))
            break;
        if (c == '(')
            depth++;
        else if (c == ')' && !depth--)
            break;
    }
    while (end > start && strchr(".,!?;:'*_~", (int)markup_peek(m, end - 1)))
        end--;
    if (end == start || !cp_is_ascii_alnum(markup_peek(m, start)))
        return 0;
    size_t host = start, stop = start;
    for (; stop < end && markup_peek(m, stop) != '/' && markup_peek(m, stop) != '?' &&
           markup_peek(m, stop) != '#';
         stop++)
        if (markup_peek(m, stop) == '@')
            host = stop + 1;
    if (stop - host > 4 && markup_peek(m, host) == 'w' && markup_peek(m, host + 1) == 'w' &&
        markup_peek(m, host + 2) == 'w' && markup_peek(m, host + 3) == '.')
        host += 4;
    *host_start = host;
    *host_len = stop - host;
    return end;
}
