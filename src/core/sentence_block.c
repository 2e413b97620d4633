/*
 * The part of the markup filter that looks at whole lines: what a line begins with (headings, lists, quotes),
 * and blocks that are shown, not said (code, tables, formulas, <think>), which leave one event at most.
 */
#include "core/sentence_private.h"

#include <string.h>

/* ---- at the start of a line ---- */

/* A line of nothing but -, =, *, _, |, : and spaces: a rule, the underline of a heading, the middle of a
 * table. */
static size_t rule_line(const struct markup *m)
{
    size_t i = 0, marks = 0;
    for (; i < 400; i++) {
        uint32_t c = markup_peek(m, i);
        if (c == CP_MORE)
            return CP_MORE;
        if (markup_ends_line(c))
            return marks >= 3 ? i : 0;
        if (c == '-' || c == '=' || c == '*' || c == '_' || c == '|' || c == ':' || c == '+')
            marks++;
        else if (c != ' ' && c != '\t')
            return 0;
    }
    return 0;
}

void markup_emit_block(struct markup *m, uint32_t event)
{
    markup_emit(m, EV_BREAK);
    markup_emit(m, event);
    markup_emit(m, EV_BREAK);
}

static bool start_skip_line(struct markup *m)
{
    markup_emit(m, EV_BREAK);
    m->block_line = true;
    m->line_start = false;
    m->skip = SKIP_LINE;
    return true;
}

/* A line of a table; the first of them is told. */
static int table_row(struct markup *m)
{
    size_t row = markup_table_row(m);
    if (row == CP_MORE)
        return -1;
    if (!row)
        return 0;
    if (!m->in_table)
        markup_emit_block(m, EV_TABLE);
    m->in_table = true;
    return start_skip_line(m);
}

static bool start_formula(struct markup *m, size_t len, char end)
{
    markup_emit_block(m, EV_FORMULA);
    m->skip = SKIP_FORMULA;
    m->formula_end = end;
    m->line_start = m->empty_line = false;
    return markup_leave_out(m, len);
}

/* 1, 0, -1 as line_construct. */
int markup_step_formula(struct markup *m)
{
    char end;
    size_t n = markup_formula(m, &end);
    if (n == CP_MORE)
        return -1;
    return n ? start_formula(m, n, end) : 0;
}

static bool start_fence(struct markup *m, uint32_t cp, size_t len)
{
    markup_emit_block(m, EV_CODE);
    m->skip = SKIP_FENCE;
    m->fence_char = cp;
    m->fence_len = len;
    m->line_start = false; /* the rest of the opening line goes too */
    return markup_leave_out(m, len);
}

/* "- ", "* ", "• " … and a check box behind it. */
static bool bullet(struct markup *m, size_t len)
{
    if (markup_peek(m, len) == '[') {
        for (size_t i = 1; i <= 3; i++)
            if (markup_peek(m, len + i) == CP_MORE)
                return false;
        uint32_t box = markup_peek(m, len + 1);
        if ((box == ' ' || box == 'x' || box == 'X') && markup_peek(m, len + 2) == ']' &&
            markup_peek(m, len + 3) == ' ')
            len += 4;
    } else if (markup_peek(m, len) == CP_MORE) {
        return false;
    }
    markup_emit(m, EV_BREAK);
    return markup_leave_out(m, len); /* still at the start: "- # x", "- 1. x" */
}

/* "12. " or "3) ": an item of its own; the number is said. */
static int numbered(struct markup *m)
{
    size_t n = 0;
    while (n < 4 && markup_peek(m, n) >= '0' && markup_peek(m, n) <= '9')
        n++;
    if (markup_peek(m, n) == CP_MORE)
        return -1;
    if (n > 3 || (markup_peek(m, n) != '.' && markup_peek(m, n) != ')'))
        return 0;
    if (markup_peek(m, n + 1) == CP_MORE)
        return -1;
    if (!cp_is_space(markup_peek(m, n + 1)))
        return 0;
    markup_emit(m, EV_BREAK);
    m->line_start = false;
    markup_pass(m, n + 1);
    return 1;
}

static bool heading(struct markup *m, size_t marks)
{
    markup_emit(m, EV_BREAK);
    m->block_line = true;
    m->line_start = false;
    return markup_leave_out(m, marks);
}

/* Looks for a construct that only the start of a line may have. 1: done something, 0: nothing here, -1: must
 * wait. */
static int line_construct(struct markup *m)
{
    uint32_t c = markup_peek(m, 0), next = markup_peek(m, 1);
    size_t n;
    switch (c) {
    case '`':
    case '~':
        n = markup_run_of(m, 0, c);
        if (n >= 3 && markup_peek(m, n) != CP_MORE)
            return start_fence(m, c, n);
        return markup_peek(m, n) == CP_MORE ? -1 : 0;
    case '#':
        n = markup_run_of(m, 0, c);
        if (markup_peek(m, n) == CP_MORE)
            return -1;
        return n <= 6 && (cp_is_space(markup_peek(m, n)) || markup_ends_line(markup_peek(m, n)))
                   ? heading(m, n)
                   : 0;
    case '>':
        return markup_leave_out(m, 1);
    case '|':
        return table_row(m);
    case '\\':
        n = markup_literal(m, 0, "\\end{"); /* of an environment in an environment */
        if (n)
            return n == CP_MORE ? -1 : start_skip_line(m);
        return markup_step_formula(m);
    case '$':
        return markup_step_formula(m);
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

bool markup_step_line_start(struct markup *m)
{
    uint32_t c = markup_peek(m, 0);
    if (cp_is_newline(c)) {
        m->in_table = false;
        return markup_newline(m);
    }
    if (cp_is_space(c))
        return markup_leave_out(m, 1);
    bool was_table = m->in_table;
    int done = line_construct(m);
    if (done >= 0 && c != '|' && was_table)
        m->in_table = false;
    if (!done)
        m->line_start = false;
    return done >= 0;
}

/* ---- what is skipped whole ---- */

static bool step_fence(struct markup *m)
{
    uint32_t c = markup_peek(m, 0);
    if (cp_is_newline(c)) {
        m->line_start = true;
        return markup_leave_out(m, 1);
    }
    if (m->line_start && c == m->fence_char) {
        size_t n = markup_run_of(m, 0, c);
        if (markup_peek(m, n) == CP_MORE)
            return false;
        if (n >= m->fence_len && (markup_ends_line(markup_peek(m, n)) || cp_is_space(markup_peek(m, n)))) {
            m->skip = SKIP_LINE; /* up to the end of the closing line */
            m->block_line = true;
            m->line_start = false;
            return markup_leave_out(m, n);
        }
    }
    if (!cp_is_space(c))
        m->line_start = false;
    return markup_leave_out(m, 1);
}

/* Up to the closing mark, or to an empty line, lest a forgotten mark swallows the answer. */
static bool step_formula(struct markup *m)
{
    uint32_t c = markup_peek(m, 0);
    if (cp_is_newline(c)) {
        bool ends = m->empty_line && c != '\r';
        m->empty_line = m->empty_line || c != '\r';
        if (ends) {
            m->skip = SKIP_NONE;
            m->line_start = true;
        }
        return markup_leave_out(m, 1);
    }
    m->empty_line = m->empty_line && cp_is_space(c);
    static const char *const ends[] = {"$$", "\\]", "\\end{"};
    const char *end = ends[m->formula_end == '$' ? 0 : m->formula_end == ']' ? 1 : 2];
    size_t n = markup_literal(m, 0, end);
    if (n == CP_MORE)
        return false;
    if (n && m->formula_end == 'e') { /* the rest of the line is its name */
        m->skip = SKIP_LINE;
        m->block_line = true;
    } else if (n) {
        m->skip = SKIP_NONE;
    }
    return markup_leave_out(m, n ? n : 1);
}

bool markup_step_skip(struct markup *m)
{
    if (m->skip == SKIP_FENCE)
        return step_fence(m);
    if (m->skip == SKIP_FORMULA)
        return step_formula(m);
    if (m->skip == SKIP_LINE) {
        if (!cp_is_newline(markup_peek(m, 0)))
            return markup_leave_out(m, 1);
        m->skip = SKIP_NONE;
        return markup_newline(m);
    }
    if (markup_peek(m, 0) != '<')
        return markup_leave_out(m, 1);
    char name[24];
    bool closing, empty;
    size_t len = markup_tag(m, name, sizeof name, &closing, &empty);
    if (len == CP_MORE)
        return false;
    if (len && closing && !strcmp(name, m->skip_tag)) {
        m->skip = SKIP_NONE;
        markup_emit(m, EV_BREAK);
        m->line_start = true;
        return markup_leave_out(m, len);
    }
    return markup_leave_out(m, 1);
}
