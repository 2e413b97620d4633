/*
 * Normaliser: the walk over the text. See spoken.h, spoken_private.h and docs/speech.md.
 *
 * The text is cut where Chinese characters or marks meet the rest; for each stretch the language is decided.
 * Then the recognisers are asked at each place where a token can begin; what none of them takes is copied.
 */
#include "tts/spoken_private.h"

#include "avatarchat/err.h"
#include "base/mem.h"
#include "tts/voices.h"

#include <stdlib.h>
#include <string.h>

enum lang { OTHER, EN, ZH };

/* ---- languages ---- */

static bool is_chinese_mark(uint32_t cp)
{
    return (cp >= 0x3001 && cp <= 0x3002) || (cp >= 0x3008 && cp <= 0x3011) || cp == 0xff0c || cp == 0xff01 ||
           cp == 0xff1f || cp == 0xff1b || cp == 0xff1a || cp == 0xff08 || cp == 0xff09;
}

/* What the letters of a text are. */
struct letters {
    size_t han, words, latin, other; /* words: Latin ones */
    size_t upper, lower;
    bool kana;
};

static struct letters count_letters(const struct spoken *s)
{
    struct letters l = {0};
    bool in_word = false;

    for (size_t i = 0; i < s->n; i++) {
        uint32_t cp = s->c[i];
        enum ac_script script = spoken_is_han(cp) ? AC_SCRIPT_HAN : ac_tts_script(cp);
        l.han += script == AC_SCRIPT_HAN;
        l.upper += spoken_is_upper(cp);
        l.lower += spoken_is_lower(cp);
        l.kana = l.kana || script == AC_SCRIPT_KANA;
        l.latin += script == AC_SCRIPT_LATIN;
        l.words += script == AC_SCRIPT_LATIN && !in_word;
        l.other += script != AC_SCRIPT_NONE && script != AC_SCRIPT_LATIN && script != AC_SCRIPT_HAN &&
                   script != AC_SCRIPT_GREEK;
        in_word = script == AC_SCRIPT_LATIN || (in_word && cp == '\'');
    }
    return l;
}

/* The language of what neither script tells: digits, signs, and whether Latin letters are English. */
static enum lang base_lang(const struct letters *l, const char *tag)
{
    if (ac_tts_lang_is(tag, "zh") || ac_tts_lang_is(tag, "cmn"))
        return ZH;
    if (ac_tts_lang_is(tag, "en"))
        return EN;
    if (*tag && strcmp(tag, "auto") != 0)
        return OTHER;
    if (l->kana || l->other > l->latin + l->han)
        return OTHER;
    return l->han && l->han >= l->words ? ZH : EN;
}

/* Whole words in small letters of [from, to), as a clause has them. */
static size_t small_words(const struct spoken *s, size_t from, size_t to)
{
    size_t words = 0;

    for (size_t i = from; i < to;) {
        size_t n = 0;
        while (i + n < to && spoken_is_lower(s->c[i + n]))
            n++;
        bool whole = (i == from || spoken_in(s->c[i - 1], " (\"“")) &&
                     (i + n == to || spoken_in(spoken_at(s, i + n), " ,!?')\"”") ||
                      (s->c[i + n] == '.' && (i + n + 1 == to || s->c[i + n + 1] == ' ')));
        words += whole && n >= 3;
        i += n ? n : 1;
    }
    return words;
}

/* The language of the stretch [from, to), in which there is no Chinese character. */
static enum lang stretch_lang(const struct spoken *s, const struct letters *l, enum lang base, size_t from,
                              size_t to)
{
    bool latin = false,
         han_near = spoken_is_han(from ? s->c[from - 1] : 0) || spoken_is_han(spoken_at(s, to));

    for (size_t i = from; i < to && !latin; i++)
        latin = spoken_is_letter(s->c[i]);
    if (base == ZH && !l->han)
        return small_words(s, from, to) ? EN : ZH;
    if (base == ZH)
        return small_words(s, from, to) >= 2 ? EN : ZH;
    return !latin && han_near && !l->kana ? ZH : base;
}

/* ---- the walk ---- */

/* A wide or lowered form as the plain one where it stands among digits. */
static uint32_t plain(const uint32_t *raw, size_t n, size_t i)
{
    uint32_t c = raw[i];
    bool digit_before = i && spoken_is_digit(raw[i - 1]),
         digit_after = i + 1 < n && spoken_is_digit(raw[i + 1]);

    if (c < 0x80)
        return c;
    if (c >= 0x2080 && c <= 0x2089)
        return '0' + c - 0x2080;
    if ((c == 0xff1a || c == 0xff0f) && digit_before && digit_after)
        return c - 0xfee0;
    if (c == 0xff5e || c == 0x301c)
        return digit_after ? '~' : c;
    if (c == 0xff0d)
        return '-';
    if (c == 0xff04 || c == 0xff03 || c == 0xff20 || c == 0xff06 || c == 0xff1d)
        return c - 0xfee0;
    return c;
}

/* Says the token that begins at i, if one does. */
static size_t find_token(struct spoken *s, size_t i)
{
    uint32_t c = spoken_at(s, i), before = i ? spoken_at(s, i - 1) : 0;
    size_t end, len;

    if (spoken_is_letter(c)) {
        if ((end = spoken_sign(s, i)))
            return end;
        if (spoken_is_letter(before) && !s->joint)
            return 0;
        return (end = spoken_web(s, i)) ? end : spoken_word(s, i);
    }
    if (spoken_is_digit(c)) {
        if ((end = spoken_web(s, i)) || (end = spoken_date(s, i)) || (end = spoken_phone(s, i)) ||
            (end = spoken_time(s, i)) || (end = spoken_dotted(s, i)) || (end = spoken_slash(s, i)) ||
            (end = spoken_code(s, i)))
            return end;
        return spoken_amount(s, i);
    }
    if ((c == '+' || c == '(') && (end = spoken_phone(s, i)))
        return end;
    if (c == '.' && spoken_is_digit(spoken_at(s, i + 1)) && !spoken_is_alnum(before))
        return spoken_amount(s, i);
    if (c == '.' && spoken_is(s, i, ".NET") && !spoken_is_alnum(before))
        return spoken_say_text(s, i, i + 4, "dot NET");
    if ((c == '-' || c == '+' || c == '~' || c == 0x2212 || c == 0xb1 || c == 0x2248) &&
        !(s->joint && s->number) && (end = spoken_amount(s, i)))
        return end;
    if (c != ' ' && spoken_money_at(s, i, true, &len) && (end = spoken_amount(s, i)))
        return end;
    if (c > 0x7f && (end = spoken_slash(s, i)))
        return end;
    return spoken_sign(s, i);
}

static size_t token(struct spoken *s, size_t i)
{
    uint32_t c = spoken_at(s, i);
    size_t end = find_token(s, i);

    if (end)
        s->number = spoken_is_digit(c) || (end > i + 1 && !spoken_is_letter(c));
    return end;
}

/* A sign that says nothing in any language. */
static uint32_t cleaned(uint32_t cp)
{
    return cp == 0xff1c || cp == 0xff1e || cp == '*' || cp == '_' || cp == '`' || cp == '^' || cp == '{' ||
                   cp == '}' || cp == '\\'
               ? ' '
               : cp;
}

static void put(struct spoken *s, uint32_t cp, size_t i)
{
    bool blank = s->out->s.len && s->out->s.p[s->out->s.len - 1] == ' ';

    if (cp == ' ' && (blank || !s->out->s.len))
        return;
    if (s->joint && s->out->s.len && spoken_is_alnum(cp) &&
        spoken_is_alnum((unsigned char)s->out->s.p[s->out->s.len - 1]))
        ac_tts_text_add(s->out, ' ', s->map[i]);
    ac_tts_text_add(s->out, cp, s->map[i]);
    s->joint = false;
}

/* Says [from, to), all of one language; gives where it ended, as a token may go past the border. */
static size_t walk(struct spoken *s, const uint32_t *raw, enum lang lang, size_t from, size_t to)
{
    size_t i = from;

    s->zh = lang == ZH;
    while (i < to) {
        size_t end = lang == OTHER ? 0 : token(s, i);
        if (end) {
            i = end;
            continue;
        }
        put(s, lang == OTHER ? cleaned(raw[i]) : raw[i], i);
        i++;
    }
    return i;
}

static bool can_be_said(const struct ac_tts_text *t)
{
    const char *p = t->s.p, *end = p + t->s.len;

    while (p < end) {
        uint32_t cp = ac_utf8_next(&p, end);
        if (spoken_is_alnum(cp) || (cp >= 0x80 && ac_tts_script(cp) != AC_SCRIPT_NONE))
            return true;
    }
    return false;
}

static void say_all(struct spoken *s, const uint32_t *raw, const char *lang)
{
    struct letters l = count_letters(s);
    enum lang base = base_lang(&l, lang);

    s->shouted = l.upper > 12 && l.upper > 2 * (l.lower + l.han);

    for (size_t i = 0; i < s->n;) {
        size_t end = i;
        while (end < s->n && !spoken_is_han(s->c[end]) && !is_chinese_mark(s->c[end]))
            end++;
        if (end > i)
            i = walk(s, raw, stretch_lang(s, &l, base, i, end), i, end);
        while (i < s->n && (spoken_is_han(s->c[i]) || is_chinese_mark(s->c[i]))) {
            put(s, raw[i], i);
            i++;
        }
    }
}

int ac_tts_spoken(struct ac_tts_text *out, const struct ac_tts_text *in, const char *lang)
{
    uint32_t *raw = ac_alloc((in->n + 1) * sizeof *raw), *c = ac_alloc((in->n + 1) * sizeof *c);
    const char *p = in->s.p, *end = p + in->s.len;
    struct spoken s = {.c = c, .map = in->map, .n = in->n, .out = out};

    for (size_t i = 0; i < in->n; i++)
        raw[i] = p < end ? ac_utf8_next(&p, end) : ' ';
    for (size_t i = 0; i < in->n; i++)
        c[i] = plain(raw, in->n, i);
    say_all(&s, raw, lang);
    free(raw);
    free(c);
    return can_be_said(out) ? 0 : AC_EEMPTY;
}
