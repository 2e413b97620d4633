/*
 * Markup filter of the sentence splitter: leaves out what is written but not said.
 *
 * A machine over the raw characters that consumes from the front only what it can decide. A construct that
 * needs to be seen whole (a tag, a link, a URL) is looked for by sentence_scan.c within a bounded stretch;
 * until that much has arrived, the filter waits. What comes out is characters and events
 * (sentence_private.h).
 *
 * Left out: marks of emphasis, headings, quotes and list bullets; rules, HTML and SSML tags; <think> and its
 * like with their content; emoji; citations like [1]. Said: the text of links, images and inline code, the
 * host of a URL. Of a block of code, a table and a displayed formula one event is left.
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

static void drop(struct markup *m, size_t n)
{
    cps_drop(&m->raw, n);
    m->consumed += n;
}

void markup_emit(struct markup *m, uint32_t item)
{
    cps_add(&m->clean, item);
    m->last = item;
}

/* Passes n raw characters on as they are. */
bool markup_pass(struct markup *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        markup_emit(m, markup_peek(m, i));
    drop(m, n);
    return true;
}

bool markup_leave_out(struct markup *m, size_t n)
{
    drop(m, n);
    return true;
}

bool markup_newline(struct markup *m)
{
    if (markup_peek(m, 0) == '\r') {
        if (markup_peek(m, 1) == CP_MORE)
            return false;
        if (markup_peek(m, 1) == '\n')
            drop(m, 1);
    }
    drop(m, 1);
    markup_emit(m, m->block_line || m->line_start ? EV_BREAK : EV_LINE);
    m->line_start = true;
    m->block_line = m->in_code = m->in_autolink = m->in_formula = false;
    return true;
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
        return markup_leave_out(m, 1);
    }
    if (!len)
        return markup_pass(m, 1);
    if (!closing && !empty && listed(name, whole)) {
        m->skip = SKIP_TAG;
        snprintf(m->skip_tag, sizeof m->skip_tag, "%.15s", name);
        if (!strcmp(name, "table") || !strcmp(name, "pre") || !strcmp(name, "math"))
            markup_emit_block(m, *name == 't' ? EV_TABLE : *name == 'p' ? EV_CODE : EV_FORMULA);
        else
            markup_emit(m, EV_BREAK);
    } else if (listed(name, blocks) || listed(name, whole)) {
        markup_emit(m, EV_BREAK);
    }
    return markup_leave_out(m, len);
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
        while (name[i] && markup_peek(m, 1 + i) == (uint32_t)name[i])
            i++;
        if (!name[i]) {
            markup_emit(m, table[e].cp);
            return markup_leave_out(m, 1 + i);
        }
        if (markup_peek(m, 1 + i) == CP_MORE)
            return false;
    }
    return markup_pass(m, 1);
}

/* [happy], [1], [^2], [text](url), or a bracket. */
static bool step_bracket(struct markup *m)
{
    char word[12];
    size_t n = 0;
    for (uint32_t c; n < sizeof word - 1; n++) {
        c = markup_peek(m, 1 + n);
        if (c == CP_MORE)
            return false;
        if (!cp_is_ascii_alnum(c) && c != '^')
            break;
        word[n] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    word[n] = 0;
    if (markup_peek(m, 1 + n) == ']') {
        int emotion = n ? ac_emotion_from_name(word) : -1;
        if (emotion >= 0) {
            markup_emit(m, EV_EMOTION + (uint32_t)emotion);
            return markup_leave_out(m, n + 2);
        }
        if (markup_peek(m, n + 2) == CP_MORE)
            return false;
        if (markup_peek(m, n + 2) != '(' && n && (word[0] == '^' || strspn(word, "0123456789") == n)) {
            markup_emit(m, EV_GAP);
            return markup_leave_out(m, n + 2);
        }
    }
    size_t text_len, len = markup_link(m, 0, &text_len);
    if (len == CP_MORE)
        return false;
    if (!len || m->link_end)
        return markup_pass(m, 1);
    m->link_end = m->consumed + 1 + text_len;
    m->link_tail = len - 1 - text_len;
    return markup_leave_out(m, 1);
}

static bool step_image(struct markup *m)
{
    if (markup_peek(m, 1) == CP_MORE)
        return false;
    if (markup_peek(m, 1) != '[')
        return markup_pass(m, 1);
    size_t text_len, len = markup_link(m, 1, &text_len);
    if (len == CP_MORE)
        return false;
    if (!len)
        return markup_pass(m, 1);
    if (!text_len || m->link_end) {
        markup_emit(m, EV_GAP);
        return markup_leave_out(m, len + 1);
    }
    m->after_image = m->last == EV_BREAK || m->last == EV_LINE;
    if (!m->after_image)
        markup_emit(m, EV_GAP);
    m->link_end = m->consumed + 2 + text_len;
    m->link_tail = len - 1 - text_len;
    return markup_leave_out(m, 2);
}

/* $x$ loses its marks; other dollars are dollars. */
static bool step_dollar(struct markup *m)
{
    int done = markup_step_formula(m);
    if (done)
        return done > 0;
    if (m->in_formula) {
        m->in_formula = false;
        return markup_leave_out(m, 1);
    }
    size_t n = markup_inline_formula(m);
    if (n == CP_MORE)
        return false;
    m->in_formula = n > 0;
    return n ? markup_leave_out(m, 1) : markup_pass(m, 1);
}

static bool step_url(struct markup *m)
{
    size_t start, n, len = markup_url(m, &start, &n);
    if (len == CP_MORE)
        return false;
    if (!len)
        return markup_pass(m, 1);
    for (size_t i = 0; i < n; i++)
        markup_emit(m, markup_peek(m, start + i));
    return markup_leave_out(m, len);
}

/* Marks of emphasis go; a lone * or _ between letters or between spaces is a character. */
static bool step_emphasis(struct markup *m, uint32_t c)
{
    size_t n = markup_run_of(m, 0, c);
    uint32_t next = markup_peek(m, n);
    if (next == CP_MORE)
        return false;
    bool before = cp_is_ascii_alnum(m->last), after = cp_is_ascii_alnum(next);
    bool spaced =
        (cp_is_space(m->last) || m->last >= EV_BREAK) && (cp_is_space(next) || markup_ends_line(next));
    bool keep = c == '_' ? (before && after) : c == '~' ? n == 1 : n == 1 && (spaced || (before && after));
    return keep ? markup_pass(m, n) : markup_leave_out(m, n);
}

static bool step_escape(struct markup *m)
{
    uint32_t next = markup_peek(m, 1);
    if (next == CP_MORE)
        return false;
    if (next < 0x80 && next > ' ' && next != 0x7F && !cp_is_ascii_alnum(next)) {
        markup_emit(m, next);
        return markup_leave_out(m, 2);
    }
    return markup_pass(m, 1);
}

/* Emoji and signs without sound. 1, 0, -1 as line_construct. */
static int picture(struct markup *m)
{
    uint32_t c = markup_peek(m, 0);
    if ((c >= '0' && c <= '9') || c == '#' || c == '*') { /* keycaps: 1 + selector + U+20E3 */
        size_t n = 1;
        if (markup_peek(m, n) == 0xFE0F)
            n++;
        if (markup_peek(m, n) == CP_MORE)
            return -1;
        if (markup_peek(m, n) != 0x20E3)
            return 0;
        markup_emit(m, EV_GAP);
        return markup_leave_out(m, n + 1);
    }
    if (c == 0x203C || c == 0x2049) { /* ‼ ⁉ */
        markup_emit(m, c == 0x203C ? '!' : '?');
        return markup_leave_out(m, 1);
    }
    if (cp_is_emoji(c)) {
        markup_emit(m, EV_GAP);
        return markup_leave_out(m, 1);
    }
    if (cp_is_ignorable(c)) {
        bool joins =
            (c == 0x200C || c == 0x200D) && m->last >= 0x600 && m->last <= 0x1FFF; /* Persian, Indic */
        if (joins)
            markup_emit(m, c);
        return markup_leave_out(m, 1);
    }
    return 0;
}

static bool step_inline(struct markup *m)
{
    uint32_t c = markup_peek(m, 0);
    if (m->link_end && m->consumed >= m->link_end) {
        size_t over = (size_t)(m->consumed - m->link_end); /* a tag or escape reached into it */
        m->link_end = 0;
        if (m->after_image)
            markup_emit(m, EV_BREAK);
        m->after_image = false;
        return markup_leave_out(m, m->link_tail > over ? m->link_tail - over : 0);
    }
    if (cp_is_newline(c)) {
        if (m->link_end)
            return markup_leave_out(m, 1);
        return markup_newline(m);
    }
    int done = picture(m);
    if (done)
        return done > 0;
    if (c == '`') {
        size_t n = markup_run_of(m, 0, c);
        if (markup_peek(m, n) == CP_MORE)
            return false;
        m->in_code = !m->in_code;
        return markup_leave_out(m, n);
    }
    if ((c == 'h' || c == 'H' || c == 'w' || c == 'W') && !cp_is_ascii_alnum(m->last))
        return step_url(m);
    if (m->in_code)
        return markup_pass(m, 1);
    switch (c) {
    case '\\':
        done = markup_step_formula(m);
        return done ? done > 0 : step_escape(m);
    case '$':
        return step_dollar(m);
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
            return markup_pass(m, 1);
        m->in_autolink = false;
        return markup_leave_out(m, 1);
    case '&':
        return step_entity(m);
    }
    return markup_pass(m, 1);
}

void markup_run(struct markup *m)
{
    bool go = true;
    while (go && m->raw.pos < m->raw.n)
        go = m->skip ? markup_step_skip(m) : m->line_start ? markup_step_line_start(m) : step_inline(m);
}
