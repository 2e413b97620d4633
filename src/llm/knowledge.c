/*
 * Reads knowledge files (format in knowledge.h). A line at a time; hard-wrapped paragraphs are joined, so
 * that the answer reads the same however the author wrapped it; lists, code and tables keep their lines.
 */
#include "llm/knowledge.h"

#include "avatarchat/err.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct parser {
    struct ac_knowledge *k;
    struct ac_entry *entry; /* being read */
    struct ac_str answer;
    char lang[16];
    int line;
    bool in_answer, in_code;
    bool joinable; /* the answer ends in a line of a paragraph */
    char *reason;
    size_t reason_size;
};

static void entry_free(struct ac_entry *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_questions; i++)
        free(e->questions[i]);
    for (size_t i = 0; i < e->n_answers; i++)
        free(e->answers[i]);
    free(e->questions);
    free(e->answers);
    free(e->keywords);
    free(e->topic);
    free(e);
}

void ac_knowledge_free(struct ac_knowledge *k)
{
    for (size_t i = 0; i < k->n; i++)
        entry_free(k->entries[i]);
    free(k->entries);
    *k = (struct ac_knowledge){0};
}

bool ac_entry_is_unknown(const struct ac_entry *e)
{
    return !strcmp(e->questions[0], "*");
}

static void list_add(char ***list, size_t *n, char *item)
{
    *list = ac_realloc_array(*list, *n + 1, sizeof **list);
    (*list)[(*n)++] = item;
}

static char *trimmed(const char *s, size_t n)
{
    while (n && strchr(" \t\r", s[n - 1]))
        n--;
    while (n && strchr(" \t", *s))
        s++, n--;
    return ac_strndup(s, n);
}

static int fail(struct parser *p, int line, const char *what)
{
    snprintf(p->reason, p->reason_size, "line %d: %s", line, what);
    return AC_ECONFIG;
}

static void answer_done(struct parser *p)
{
    while (p->answer.len && strchr(" \n", p->answer.p[p->answer.len - 1]))
        p->answer.p[--p->answer.len] = 0;
    if (p->answer.len)
        list_add(&p->entry->answers, &p->entry->n_answers, ac_strdup(p->answer.p));
    ac_str_clear(&p->answer);
    p->joinable = false;
}

static int entry_done(struct parser *p)
{
    struct ac_entry *e = p->entry;
    if (!e)
        return 0;
    if (p->in_code)
        return fail(p, e->line,
                    "a code block in this answer is not closed; end it with a line of the same marks");
    answer_done(p);
    if (!e->n_answers)
        return fail(p, e->line, "this question has no answer; write one below it, or take the heading away");
    p->k->entries = ac_realloc_array(p->k->entries, p->k->n + 1, sizeof *p->k->entries);
    p->k->entries[p->k->n++] = e;
    p->entry = NULL;
    return 0;
}

static int question(struct parser *p, const char *s, size_t n)
{
    int err = 0;
    if (p->in_answer && (err = entry_done(p)))
        return err;
    char *q = trimmed(s, n);
    if (!*q) {
        free(q);
        return fail(p, p->line, "a question heading (##) without words");
    }
    if (!*p->lang) {
        free(q);
        return fail(p, p->line,
                    "no language: put the file into a folder like en/ or zh-CN/, or begin it with ---, lang: "
                    "en, ---");
    }
    if (!p->entry) {
        p->entry = ac_zalloc(sizeof *p->entry);
        snprintf(p->entry->lang, sizeof p->entry->lang, "%s", p->lang);
        p->entry->line = p->line;
        p->entry->keywords = ac_strdup("");
    }
    p->in_answer = false;
    list_add(&p->entry->questions, &p->entry->n_questions, q);
    return 0;
}

/* "topic: …" and "keywords: …" between the headings and the answer. */
static bool attribute(struct parser *p, const char *s, size_t n)
{
    static const char *const names[] = {"topic:", "keywords:"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(names[i]);
        if (n < len || strncasecmp(s, names[i], len))
            continue;
        char **field = i ? &p->entry->keywords : &p->entry->topic;
        free(*field);
        *field = trimmed(s + len, n - len);
        return true;
    }
    return false;
}

static bool starts_block(const char *s, size_t n)
{
    if (!n || strchr("-*+>|#", *s) || !strncmp(s, "\xE2\x80\xA2", 3))
        return !(n > 1 && *s == '*' && s[1] == '*') && !(n > 1 && *s == '-' && s[1] >= '0' && s[1] <= '9');
    size_t d = strspn(s, "0123456789");
    return d && d < n && (s[d] == '.' || s[d] == ')');
}

/* True where a space belongs between the answer so far and the next line: not in Chinese, not beside a wide
 * mark. */
static bool spaced(const char *before, size_t n, const char *after, size_t n_after)
{
    const char *p = before + n, *q = after;
    do
        p--;
    while (p > before && (*p & 0xC0) == 0x80);
    uint32_t a = ac_utf8_next(&p, before + n), b = ac_utf8_next(&q, after + n_after);
    bool mark = (a >= 0x3001 && a <= 0x303F) || (a >= 0xFF01 && a <= 0xFF65);
    return !mark && !(ac_cp_is_cjk(a) && ac_cp_is_cjk(b));
}

static void answer_line(struct parser *p, const char *s, size_t n)
{
    bool fence = n >= 3 && (!strncmp(s, "```", 3) || !strncmp(s, "~~~", 3));
    if (p->in_code || fence) {
        if (p->answer.len && p->answer.p[p->answer.len - 1] != '\n')
            ac_str_add(&p->answer, "\n");
        ac_str_add_n(&p->answer, s, n);
        ac_str_add(&p->answer, "\n");
        p->in_code = fence ? !p->in_code : p->in_code;
        p->joinable = false;
        return;
    }
    size_t indent = strspn(s, " \t");
    indent = indent > n ? n : indent;
    if (indent == n) { /* blank: a new paragraph */
        if (p->answer.len)
            ac_str_add(&p->answer, p->answer.p[p->answer.len - 1] == '\n' ? "\n" : "\n\n");
        p->joinable = false;
        return;
    }
    if (n - indent == 3 && !strncmp(s + indent, "***", 3)) {
        answer_done(p);
        return;
    }
    bool block = starts_block(s + indent, n - indent);
    if (p->answer.len && p->joinable && !block) {
        if (spaced(p->answer.p, p->answer.len, s + indent, n - indent))
            ac_str_add(&p->answer, " ");
        s += indent;
        n -= indent;
    } else if (p->answer.len && p->answer.p[p->answer.len - 1] != '\n') {
        ac_str_add(&p->answer, "\n");
    }
    ac_str_add_n(&p->answer, s, n);
    p->joinable = s[0] != '|' && !(n > indent && s[indent] == '|');
}

static int one_line(struct parser *p, const char *s, size_t n)
{
    while (n && strchr(" \t\r", s[n - 1]))
        n--;
    if (!p->in_code && n >= 2 && s[0] == '#' && s[1] == '#' && (n == 2 || s[2] == ' ' || s[2] == '\t'))
        return question(p, s + 2, n - 2);
    if (!p->in_code && n >= 2 && s[0] == '#' && s[1] == ' ') { /* a title between entries, for people */
        int err = entry_done(p);
        p->in_answer = false;
        return err;
    }
    if (!p->entry)
        return 0; /* text before the first question is for people too */
    if (!p->in_answer) {
        if (!n || attribute(p, s, n))
            return 0;
        p->in_answer = true;
    }
    answer_line(p, s, n);
    return 0;
}

/* "---" lines around "name: value" lines; gives the length. */
static int front_matter(struct parser *p, const char *text, size_t len, size_t *used)
{
    *used = 0;
    if (len < 4 || (strncmp(text, "---\n", 4) && strncmp(text, "---\r\n", 5)))
        return 0;
    int line = 0;
    for (size_t pos = 0; pos < len;) {
        const char *s = text + pos, *nl = memchr(s, '\n', len - pos);
        size_t n = nl ? (size_t)(nl - s) : len - pos;
        pos += n + (nl != NULL);
        char *t = trimmed(s, n);
        bool end = line++ && !strcmp(t, "---");
        if (!strncasecmp(t, "lang:", 5)) {
            char *v = trimmed(t + 5, strlen(t) - 5);
            snprintf(p->lang, sizeof p->lang, "%s", v);
            free(v);
        }
        free(t);
        if (end) {
            *used = pos;
            p->line = line;
            return 0;
        }
    }
    return fail(p, 1, "the front matter (---) is not closed with a second line ---");
}

int ac_knowledge_parse(struct ac_knowledge *k, const char *text, size_t len, const char *lang, char *reason,
                       size_t reason_size)
{
    struct ac_knowledge own = {0};
    struct parser p = {.k = &own, .reason = reason, .reason_size = reason_size};
    snprintf(p.lang, sizeof p.lang, "%s", lang);
    if (!ac_utf8_valid(text, len)) {
        snprintf(reason, reason_size, "it is not UTF-8 text; save it as UTF-8");
        return AC_EUTF8;
    }
    if (len >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
        text += 3, len -= 3;
    size_t pos;
    int err = front_matter(&p, text, len, &pos);
    while (!err && pos < len) {
        const char *s = text + pos, *nl = memchr(s, '\n', len - pos);
        size_t n = nl ? (size_t)(nl - s) : len - pos;
        pos += n + (nl != NULL);
        p.line++;
        err = one_line(&p, s, n);
    }
    if (!err)
        err = entry_done(&p);
    if (!err && !own.n)
        err = fail(&p, 1, "there is no question in it; a question is a line that begins with ##");
    entry_free(p.entry);
    ac_str_free(&p.answer);
    if (err) {
        ac_knowledge_free(&own);
        return err;
    }
    k->entries = ac_realloc_array(k->entries, k->n + own.n, sizeof *k->entries);
    memcpy(k->entries + k->n, own.entries, own.n * sizeof *own.entries);
    k->n += own.n;
    free(own.entries);
    return 0;
}
