/*
 * Markup filter of the sentence splitter: leaves out what is written but not said.
 *
 * A machine over the raw characters that consumes from the front only what it can decide. A construct that
 * needs to be seen whole (a tag, a link, a URL) is looked for by sentence_scan.c within a bounded stretch;
 * until that much has arrived, the filter waits. What comes out is characters and events
 * (sentence_private.h).
 *
 * Left out: marks of emphasis, headings, quotes and list bullets; code fences, tables, rules, HTML and SSML
 * tags; <think> and its like with their content; images; emoji; citations like [1]. Said: the text of links
 * and inline code, the host of a URL.
 */
#include "core/sentence_private.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cps_add(struct cps *a, uint32_t cp)
{
    if (a->n == a->cap) {
        if (a->pos > a->n / 2) { /* room at the front first */
            memmove(a->p, a->p + a->pos, (a->n - a->pos) * sizeof *a->p);
            a->n -= a->pos;
            a->pos = 0;
        } else {
            a->cap = a->cap ? a->cap * 2 : 256;
            a->p = ac_realloc_array(a->p, a->cap, sizeof *a->p);
        }
    }
    a->p[a->n++] = cp;
}

void cps_drop(struct cps *a, size_t n)
{
    a->pos += n;
    if (a->pos >= a->n)
        a->pos = a->n = 0;
}

void markup_init(struct markup *m)
{
    memset(m, 0, sizeof *m);
    m->line_start = true;
    m->last = EV_BREAK;
}

void markup_free(struct markup *m)
{
    free(m->raw.p);
    free(m->clean.p);
}

static uint32_t peek(const struct markup *m, size_t i)
{
    return cps_at(&m->raw, i, m->finished);
}

static void drop(struct markup *m, size_t n)
{
    cps_drop(&m->raw, n);
    m->consumed += n;
}

static void emit(struct markup *m, uint32_t item)
{
    cps_add(&m->clean, item);
    m->last = item;
}

/* Passes n raw characters on as they are. */
static bool pass(struct markup *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        emit(m, peek(m, i));
    drop(m, n);
    return true;
}

static bool leave_out(struct markup *m, size_t n)
{
    drop(m, n);
    return true;
}

static bool is_newline(uint32_t cp)
{
    return cp == '\n' || cp == '\r' || cp == 0x0B || cp == 0x0C || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
}

static bool ends_line(uint32_t cp)
{
    return is_newline(cp) || cp == CP_END;
}

static size_t run_of(const struct markup *m, size_t at, uint32_t cp)
{
    size_t n = 0;
    while (peek(m, at + n) == cp)
        n++;
    return n;
}

static bool newline(struct markup *m)
{
    if (peek(m, 0) == '\r') {
        if (peek(m, 1) == CP_MORE)
            return false;
        if (peek(m, 1) == '\n')
            drop(m, 1);
    }
    drop(m, 1);
    emit(m, m->block_line || m->line_start ? EV_BREAK : EV_LINE);
    m->line_start = true;
    m->block_line = m->in_code = m->in_autolink = false;
    return true;
}

/* ---- at the start of a line ---- */

/* A line of nothing but -, =, *, _, |, : and spaces: a rule, the underline of a heading, the middle of a
 * table. */
static size_t rule_line(const struct markup *m)
{
    size_t i = 0, marks = 0;
    for (; i < 400; i++) {
        uint32_t c = peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (ends_line(c))
            return marks >= 3 ? i : 0;
        if (c == '-' || c == '=' || c == '*' || c == '_' || c == '|' || c == ':' || c == '+')
            marks++;
        else if (c != ' ' && c != '\t')
            return 0;
    }
    return 0;
}

static bool start_skip_line(struct markup *m)
{
    emit(m, EV_BREAK);
    m->block_line = true;
    m->line_start = false;
    m->skip = SKIP_LINE;
    return true;
}

static bool start_fence(struct markup *m, uint32_t cp, size_t len)
{
    emit(m, EV_BREAK);
    m->skip = SKIP_FENCE;
    m->fence_char = cp;
    m->fence_len = len;
    m->line_start = false; /* the rest of the opening line goes too */
    return leave_out(m, len);
}

/* "- ", "* ", "• " … and a check box behind it. */
static bool bullet(struct markup *m, size_t len)
{
    if (peek(m, len) == '[') {
        for (size_t i = 1; i <= 3; i++)
            if (peek(m, len + i) == CP_MORE)
                return false;
        uint32_t box = peek(m, len + 1);
        if ((box == ' ' || box == 'x' || box == 'X') && peek(m, len + 2) == ']' && peek(m, len + 3) == ' ')
            len += 4;
    } else if (peek(m, len) == CP_MORE) {
        return false;
    }
    emit(m, EV_BREAK);
    return leave_out(m, len); /* still at the start: "- # x", "- 1. x" */
}

/* "12. " or "3) ": an item of its own; the number is said. */
static int numbered(struct markup *m)
{
    size_t n = 0;
    while (n < 4 && peek(m, n) >= '0' && peek(m, n) <= '9')
        n++;
    if (peek(m, n) == CP_MORE)
        return -1;
    if (n > 3 || (peek(m, n) != '.' && peek(m, n) != ')'))
        return 0;
    if (peek(m, n + 1) == CP_MORE)
        return -1;
    if (!cp_is_space(peek(m, n + 1)))
        return 0;
    emit(m, EV_BREAK);
    m->line_start = false;
    pass(m, n + 1);
    return 1;
}

static bool heading(struct markup *m, size_t marks)
{
    emit(m, EV_BREAK);
    m->block_line = true;
    m->line_start = false;
    return leave_out(m, marks);
}

/* Looks for a construct that only the start of a line may have. 1: done something, 0: nothing here, -1: must
 * wait. */
static int line_construct(struct markup *m)
{
    uint32_t c = peek(m, 0), next = peek(m, 1);
    size_t n;
    switch (c) {
    case '`':
    case '~':
        n = run_of(m, 0, c);
        if (n >= 3 && peek(m, n) != CP_MORE)
            return start_fence(m, c, n);
        return peek(m, n) == CP_MORE ? -1 : 0;
    case '#':
        n = run_of(m, 0, c);
        if (peek(m, n) == CP_MORE)
            return -1;
        return n <= 6 && (cp_is_space(peek(m, n)) || ends_line(peek(m, n))) ? heading(m, n) : 0;
    case '>':
        return leave_out(m, 1);
    case '|':
        return start_skip_line(m);
    case '-':
    case '*':
    case '_':
    case '=':
    case '+':
        if (next == CP_MORE)
            return -1;
        n = rule_line(m);
        if (n == CP_MORE)
            return -1;
        if (n)
            return start_skip_line(m);
        return c != '_' && c != '=' && cp_is_space(next) ? (bullet(m, 2) ? 1 : -1) : 0;
    case 0x2022: /* • */
    case 0x25CF: /* ● */
    case 0x25AA: /* ▪ */
    case 0x25E6: /* ◦ */
    case 0x25A0: /* ■ */
        return bullet(m, 1) ? 1 : -1;
    default:
        return c >= '0' && c <= '9' ? numbered(m) : 0;
    }
}

static bool step_line_start(struct markup *m)
{
    uint32_t c = peek(m, 0);
    if (is_newline(c))
        return newline(m);
    if (cp_is_space(c))
        return leave_out(m, 1);
    int done = line_construct(m);
    if (!done)
        m->line_start = false;
    return done >= 0;
}

/* ---- what is skipped whole ---- */

static bool step_fence(struct markup *m)
{
    uint32_t c = peek(m, 0);
    if (is_newline(c)) {
        m->line_start = true;
        return leave_out(m, 1);
    }
    if (m->line_start && c == m->fence_char) {
        size_t n = run_of(m, 0, c);
        if (peek(m, n) == CP_MORE)
            return false;
        if (n >= m->fence_len && (ends_line(peek(m, n)) || cp_is_space(peek(m, n)))) {
            m->skip = SKIP_LINE; /* up to the end of the closing line */
            m->block_line = true;
            m->line_start = false;
            return leave_out(m, n);
        }
    }
    if (!cp_is_space(c))
        m->line_start = false;
    return leave_out(m, 1);
}

static bool step_skip(struct markup *m)
{
    if (m->skip == SKIP_FENCE)
        return step_fence(m);
    if (m->skip == SKIP_LINE) {
        if (!is_newline(peek(m, 0)))
            return leave_out(m, 1);
        m->skip = SKIP_NONE;
        return newline(m);
    }
    if (peek(m, 0) != '<')
        return leave_out(m, 1);
    char name[24];
    bool closing, empty;
    size_t len = markup_tag(m, name, sizeof name, &closing, &empty);
    if (len == CP_MORE)
        return false;
    if (len && closing && !strcmp(name, m->skip_tag)) {
        m->skip = SKIP_NONE;
        emit(m, EV_BREAK);
        m->line_start = true;
        return leave_out(m, len);
    }
    return leave_out(m, 1);
}

/* ---- within a line ---- */

static bool listed(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(name, *list))
            return true;
    return false;
}

static bool step_tag(struct markup *m)
{
    static const char *const whole[] = {"think",  "thinking", "thought", "reasoning", "analysis",
                                        "script", "style",    "pre",     "table",     "tool_call",
                                        "svg",    "math",     NULL};
    static const char *const blocks[] = {"p",  "br", "div",        "li",    "ul", "ol", "h1",
                                         "h2", "h3", "h4",         "h5",    "h6", "hr", "tr",
                                         "dd", "dt", "blockquote", "break", NULL};
    static const char *const schemes[] = {"http:", "https:", "mailto:", NULL};
    char name[24];
    bool closing, empty;
    size_t len = markup_tag(m, name, sizeof name, &closing, &empty);
    if (len == CP_MORE)
        return false;
    if (listed(name, schemes)) {
        m->in_autolink = true;
        return leave_out(m, 1);
    }
    if (!len)
        return pass(m, 1);
    if (!closing && !empty && listed(name, whole)) {
        m->skip = SKIP_TAG;
        snprintf(m->skip_tag, sizeof m->skip_tag, "%.15s", name);
        emit(m, EV_BREAK);
    } else if (listed(name, blocks) || listed(name, whole)) {
        emit(m, EV_BREAK);
    }
    return leave_out(m, len);
}

static bool step_entity(struct markup *m)
{
    static const struct {
        const char *name;
        uint32_t cp;
    } table[] = {{"amp;", '&'},      {"lt;", '<'},       {"gt;", '>'},   {"quot;", '"'},
                 {"nbsp;", ' '},     {"apos;", '\''},    {"#39;", '\''}, {"mdash;", 0x2014},
                 {"ndash;", 0x2013}, {"hellip;", 0x2026}};
    for (size_t e = 0; e < sizeof table / sizeof *table; e++) {
        const char *name = table[e].name;
        size_t i = 0;
        while (name[i] && peek(m, 1 + i) == (uint32_t)name[i])
            i++;
        if (!name[i]) {
            emit(m, table[e].cp);
            return leave_out(m, 1 + i);
        }
        if (peek(m, 1 + i) == CP_MORE)
            return false;
    }
    return pass(m, 1);
}

/* [happy], [1], [^2], [text](url), or a bracket. */
static bool step_bracket(struct markup *m)
{
    char word[12];
    size_t n = 0;
    for (uint32_t c; n < sizeof word - 1; n++) {
        c = peek(m, 1 + n);
        if (c == CP_MORE)
            return false;
        if (!cp_is_ascii_alnum(c) && c != '^')
            break;
        word[n] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    word[n] = 0;
    if (peek(m, 1 + n) == ']') {
        int emotion = n ? ac_emotion_from_name(word) : -1;
        if (emotion >= 0) {
            emit(m, EV_EMOTION + (uint32_t)emotion);
            return leave_out(m, n + 2);
        }
        if (peek(m, n + 2) == CP_MORE)
            return false;
        if (peek(m, n + 2) != '(' && n && (word[0] == '^' || strspn(word, "0123456789") == n)) {
            emit(m, EV_GAP);
            return leave_out(m, n + 2);
        }
    }
    size_t text_len, len = markup_link(m, 0, &text_len);
    if (len == CP_MORE)
        return false;
    if (!len || m->link_end)
        return pass(m, 1);
    m->link_end = m->consumed + 1 + text_len;
    m->link_tail = len - 1 - text_len;
    return leave_out(m, 1);
}

static bool step_image(struct markup *m)
{
    if (peek(m, 1) == CP_MORE)
        return false;
    if (peek(m, 1) != '[')
        return pass(m, 1);
    size_t text_len, len = markup_link(m, 1, &text_len);
    if (len == CP_MORE)
        return false;
    if (!len)
        return pass(m, 1);
    emit(m, EV_GAP);
    return leave_out(m, len + 1);
}

static bool step_url(struct markup *m)
{
    size_t start, n, len = markup_url(m, &start, &n);
    if (len == CP_MORE)
        return false;
    if (!len)
        return pass(m, 1);
    for (size_t i = 0; i < n; i++)
        emit(m, peek(m, start + i));
    return leave_out(m, len);
}

/* Marks of emphasis go; a lone * or _ between letters or between spaces is a character. */
static bool step_emphasis(struct markup *m, uint32_t c)
{
    size_t n = run_of(m, 0, c);
    uint32_t next = peek(m, n);
    if (next == CP_MORE)
        return false;
    bool before = cp_is_ascii_alnum(m->last), after = cp_is_ascii_alnum(next);
    bool spaced = (cp_is_space(m->last) || m->last >= EV_BREAK) && (cp_is_space(next) || ends_line(next));
    bool keep = c == '_' ? (before && after) : c == '~' ? n == 1 : n == 1 && (spaced || (before && after));
    return keep ? pass(m, n) : leave_out(m, n);
}

static bool step_escape(struct markup *m)
{
    uint32_t next = peek(m, 1);
    if (next == CP_MORE)
        return false;
    if (next < 0x80 && next > ' ' && next != 0x7F && !cp_is_ascii_alnum(next)) {
        emit(m, next);
        return leave_out(m, 2);
    }
    return pass(m, 1);
}

/* Emoji and signs without sound. 1, 0, -1 as line_construct. */
static int picture(struct markup *m)
{
    uint32_t c = peek(m, 0);
    if ((c >= '0' && c <= '9') || c == '#' || c == '*') { /* keycaps: 1 + selector + U+20E3 */
        size_t n = 1;
        if (peek(m, n) == 0xFE0F)
            n++;
        if (peek(m, n) == CP_MORE)
            return -1;
        if (peek(m, n) != 0x20E3)
            return 0;
        emit(m, EV_GAP);
        return leave_out(m, n + 1);
    }
    if (c == 0x203C || c == 0x2049) { /* ‼ ⁉ */
        emit(m, c == 0x203C ? '!' : '?');
        return leave_out(m, 1);
    }
    if (cp_is_emoji(c)) {
        emit(m, EV_GAP);
        return leave_out(m, 1);
    }
    if (cp_is_ignorable(c)) {
        bool joins =
            (c == 0x200C || c == 0x200D) && m->last >= 0x600 && m->last <= 0x1FFF; /* Persian, Indic */
        if (joins)
            emit(m, c);
        return leave_out(m, 1);
    }
    return 0;
}

static bool step_inline(struct markup *m)
{
    uint32_t c = peek(m, 0);
    if (m->link_end && m->consumed >= m->link_end) {
        m->link_end = 0;
        return leave_out(m, m->link_tail);
    }
    if (is_newline(c)) {
        if (m->link_end)
            return leave_out(m, 1);
        return newline(m);
    }
    int done = picture(m);
    if (done)
        return done > 0;
    if (c == '`') {
        size_t n = run_of(m, 0, c);
        if (peek(m, n) == CP_MORE)
            return false;
        m->in_code = !m->in_code;
        return leave_out(m, n);
    }
    if ((c == 'h' || c == 'H' || c == 'w' || c == 'W') && !cp_is_ascii_alnum(m->last))
        return step_url(m);
    if (m->in_code)
        return pass(m, 1);
    switch (c) {
    case '\\':
        return step_escape(m);
    case '*':
    case '_':
    case '~':
        return step_emphasis(m, c);
    case '!':
        return step_image(m);
    case '[':
        return step_bracket(m);
    case '<':
        return step_tag(m);
    case '>':
        if (!m->in_autolink)
            return pass(m, 1);
        m->in_autolink = false;
        return leave_out(m, 1);
    case '&':
        return step_entity(m);
    }
    return pass(m, 1);
}

void markup_run(struct markup *m)
{
    bool go = true;
    while (go && m->raw.pos < m->raw.n)
        go = m->skip ? step_skip(m) : m->line_start ? step_line_start(m) : step_inline(m);
}
