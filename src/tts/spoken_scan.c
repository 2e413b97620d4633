/* Normaliser: looking at the text and saying a token. See spoken_private.h. */
#include "tts/spoken_private.h"

#include <string.h>

bool spoken_is_han(uint32_t cp)
{
    return (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0x3400 && cp <= 0x4dbf) || cp == 0x3007 ||
           (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x20000 && cp <= 0x3ffff);
}

size_t spoken_is(const struct spoken *s, size_t i, const char *text)
{
    const char *end = text + strlen(text);
    size_t n = 0;

    while (text < end)
        if (ac_utf8_next(&text, end) != spoken_at(s, i + n++))
            return 0;
    return n;
}

size_t spoken_is_word(const struct spoken *s, size_t i, const char *text)
{
    size_t n = spoken_is(s, i, text);

    return n && !spoken_is_alnum(spoken_at(s, i + n)) ? n : 0;
}

bool spoken_in(uint32_t cp, const char *set)
{
    const char *end = set + strlen(set);

    while (set < end)
        if (ac_utf8_next(&set, end) == cp)
            return true;
    return false;
}

size_t spoken_digits(const struct spoken *s, size_t i)
{
    size_t n = 0;

    while (n < SPOKEN_DIGITS && spoken_is_digit(spoken_at(s, i + n)))
        n++;
    return n;
}

int spoken_value(const struct spoken *s, size_t i, size_t n)
{
    int value = 0;

    for (size_t k = 0; k < n && k < 9; k++)
        value = value * 10 + (int)(spoken_at(s, i + k) - '0');
    return value;
}

static void take(const struct spoken *s, size_t i, size_t n, char *to, size_t *len)
{
    for (size_t k = 0; k < n && *len < SPOKEN_DIGITS; k++)
        to[(*len)++] = (char)spoken_at(s, i + k);
}

bool spoken_number_at(const struct spoken *s, size_t i, struct spoken_number *num)
{
    size_t n = spoken_digits(s, i);

    *num = (struct spoken_number){.end = i + n};
    if (!n && spoken_at(s, i) != '.')
        return false;
    take(s, i, n, num->whole, &num->n_whole);
    while (n && n <= 3 && spoken_at(s, num->end) == ',' && spoken_digits(s, num->end + 1) == 3 &&
           num->whole[0] != '0') {
        take(s, num->end + 1, 3, num->whole, &num->n_whole);
        num->end += 4;
        num->grouped = true;
    }
    size_t part = spoken_at(s, num->end) == '.' ? spoken_digits(s, num->end + 1) : 0;
    if (part) {
        take(s, num->end + 1, part, num->part, &num->n_part);
        num->end += 1 + part;
    }
    if (!n && part)
        num->whole[num->n_whole++] = '0'; /* .5 */
    return n || part;
}

bool spoken_equation_near(const struct spoken *s, size_t i)
{
    for (size_t k = i > 20 ? i - 20 : 0; k < i + 20 && k < s->n; k++)
        if (s->c[k] == '=')
            return true;
    return false;
}

bool spoken_is_one(const struct spoken_number *num)
{
    return num->n_whole == 1 && num->whole[0] == '1' && !num->n_part;
}

void spoken_word_at(const struct spoken *s, size_t i, char word[SPOKEN_WORD])
{
    size_t n = 0;

    while (spoken_is_letter(spoken_at(s, i + n)) && n < SPOKEN_WORD - 1) {
        word[n] = (char)(spoken_at(s, i + n) | 0x20);
        n++;
    }
    word[spoken_is_letter(spoken_at(s, i + n)) ? 0 : n] = '\0';
}

void spoken_word_before(const struct spoken *s, size_t i, char word[SPOKEN_WORD])
{
    if (i && spoken_in(spoken_at(s, i - 1), "(（\"“'"))
        i--;
    if (i && spoken_at(s, i - 1) == ' ')
        i--;
    size_t start = i;
    while (start && spoken_is_letter(spoken_at(s, start - 1)) && i - start < SPOKEN_WORD)
        start--;
    word[0] = '\0';
    if (start < i)
        spoken_word_at(s, start, word);
}

/* The next of the blank-separated words from *list on; NULL at the end. */
static const char *next_listed(const char **list, size_t *n)
{
    const char *word = *list;

    while (*word == ' ')
        word++;
    *n = strcspn(word, " ");
    *list = word + *n;
    return *n ? word : NULL;
}

bool spoken_listed(const char *word, const char *list)
{
    size_t n, len = strlen(word);

    for (const char *w; len && (w = next_listed(&list, &n));)
        if (n == len && !memcmp(w, word, n))
            return true;
    return false;
}

size_t spoken_any(const struct spoken *s, size_t i, const char *list)
{
    size_t n;

    for (const char *w; (w = next_listed(&list, &n));) {
        const char *end = w + n;
        size_t k = 0;
        bool same = true;
        while (same && w < end)
            same = ac_utf8_next(&w, end) == spoken_at(s, i + k++);
        if (same)
            return k;
    }
    return 0;
}

bool spoken_cue(const struct spoken *s, size_t i, size_t reach, const char *list)
{
    for (size_t back = 1; back <= reach && back <= i; back++) {
        uint32_t cp = spoken_at(s, i - back);
        if (spoken_in(cp, "，。；！？,;!?"))
            return false;
        if (spoken_any(s, i - back, list))
            return true;
    }
    return false;
}

/* ---- saying ---- */

static bool ends_word(const struct ac_tts_text *t)
{
    return t->s.len && spoken_is_alnum((unsigned char)t->s.p[t->s.len - 1]);
}

size_t spoken_say(struct spoken *s, size_t from, size_t to, struct ac_str *words)
{
    struct ac_tts_span span = {s->map[from].start, s->map[to - 1].end};
    const char *p = words->len ? words->p : "", *end = p + words->len;

    if (words->len && *p == ' ' && (!s->out->s.len || s->out->s.p[s->out->s.len - 1] == ' '))
        p++;
    else if (words->len && ends_word(s->out) && spoken_is_alnum((unsigned char)*p))
        ac_tts_text_add(s->out, ' ', span);
    while (p < end)
        ac_tts_text_add(s->out, ac_utf8_next(&p, end), span);
    ac_str_free(words);
    s->joint = true;
    return to;
}

size_t spoken_say_text(struct spoken *s, size_t from, size_t to, const char *words)
{
    struct ac_str w = {0};

    ac_str_add(&w, words);
    return spoken_say(s, from, to, &w);
}
