/*
 * Normaliser: the walk over the text. See spoken.h, spoken_private.h and docs/speech.md.
 *
 * The text is cut where Chinese characters or marks meet the rest; for each stretch the language is decided.
 * Then the recognisers are asked at each place where a token can begin; what none of them takes is copied.
 */
#include "tts/spoken_private.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum lang { OTHER, EN, ZH };

/* ---- languages ---- */

static bool tag_is(const char *tag, const char *primary)
{
    size_t n = strlen(primary);

    return !strncmp(tag, primary, n) && (!tag[n] || tag[n] == '-' || tag[n] == '_');
}

static bool is_chinese_mark(uint32_t cp)
{
    return (cp >= 0x3001 && cp <= 0x3002) || (cp >= 0x3008 && cp <= 0x3011) || cp == 0xff0c || cp == 0xff01 ||
           cp == 0xff1f || cp == 0xff1b || cp == 0xff1a || cp == 0xff08 || cp == 0xff09;
}

/* What the letters of a text are. */
struct letters {
    size_t han, words, latin, other; /* words: Latin ones */
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
    if (tag_is(tag, "zh") || tag_is(tag, "cmn"))
        return ZH;
    if (tag_is(tag, "en"))
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

/* ---- single signs ---- */

struct sign {
    uint32_t cp;
    const char *en, *zh;
};

static const struct sign signs[] = {
    {'%', "percent", "百分号"},
    {'&', "and", "和"},
    {'=', "equals", "等于"},
    {0xd7, "times", "乘"},
    {0xf7, "divided by", "除以"},
    {0x2260, "is not equal to", "不等于"},
    {0x2248, "is approximately", "约等于"},
    {0x2264, "is less than or equal to", "小于等于"},
    {0x2265, "is greater than or equal to", "大于等于"},
    {0xb1, "plus or minus", "正负"},
    {0x2212, "minus", "减"},
    {0x221a, "the square root of", "根号"},
    {0x221e, "infinity", "无穷大"},
    {0xb0, "degrees", "度"},
    {0x2103, "degrees Celsius", "摄氏度"},
    {0x2109, "degrees Fahrenheit", "华氏度"},
    {0xa7, "section", "第"},
    {0x20ac, "euros", "欧元"},
    {0xa3, "pounds", "英镑"},
    {0x2030, "per thousand", "千分号"},
    {0x2190, " ", " "},
    {0x2192, "to", "到"},
    {0x2211, "the sum of", "求和"},
    {0x2206, "delta", "德尔塔"},
    {0x221d, "is proportional to", "正比于"},
    {0x2208, "in", "属于"},
    {0xff1c, "is less than", "小于"},
    {0xff1e, "is greater than", "大于"},
    {'*', " ", " "},
    {'_', " ", " "},
    {'`', " ", " "},
    {'^', " ", " "},
    {'~', " ", " "},
    {'\\', " ", " "},
    {'{', " ", " "},
    {'}', " ", " "},
    {0xae, " ", " "},
    {0xa9, " ", " "},
    {0x2122, " ", " "},
};

static const struct sign greek[] = {
    {0x3b1, "alpha", "阿尔法"}, {0x3b2, "beta", "贝塔"},     {0x3b3, "gamma", "伽马"},
    {0x3b4, "delta", "德尔塔"}, {0x394, "delta", "德尔塔"},  {0x3b5, "epsilon", "艾普西龙"},
    {0x3b8, "theta", "西塔"},   {0x3bb, "lambda", "拉姆达"}, {0x3bc, "mu", "缪"},
    {0xb5, "micro", "微"},      {0x3c0, "pi", "派"},         {0x3c3, "sigma", "西格马"},
    {0x3a3, "sigma", "西格马"}, {0x3c6, "phi", "斐"},        {0x3c9, "omega", "欧米伽"},
    {0x3a9, "omega", "欧米伽"},
};

static const char *find_sign(const struct spoken *s, const struct sign *table, size_t n, uint32_t cp)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].cp == cp)
            return s->zh ? table[i].zh : table[i].en;
    return NULL;
}

static size_t say_sign(struct spoken *s, size_t i, size_t n, const char *en, const char *zh)
{
    return spoken_say_text(s, i, i + n, s->zh ? zh : en);
}

/* The nearest character that is no blank: -1 before i, +1 behind. */
static uint32_t beside(const struct spoken *s, size_t i, int step)
{
    if (step > 0)
        return spoken_at(s, spoken_past_blank(s, i + 1));
    if (i && spoken_at(s, i - 1) == ' ')
        i--;
    return i ? spoken_at(s, i - 1) : 0;
}

static bool is_operand(uint32_t cp, bool before)
{
    return spoken_is_alnum(cp) || cp == (before ? ')' : '(') || (cp >= 0xb2 && cp <= 0xb3) ||
           spoken_is_han(cp);
}

/* - and its like between two things. */
static size_t dash(struct spoken *s, size_t i)
{
    uint32_t before = i ? spoken_at(s, i - 1) : 0, next = spoken_at(s, i + 1);
    size_t len;
    bool number = spoken_is_digit(next) || spoken_money_at(s, i + 1, true, &len) ||
                  (next == '-' && spoken_is_digit(spoken_at(s, i + 2)));

    bool minus = spoken_at(s, i) == '-' && spoken_equation_near(s, i);
    if (s->joint && s->number && before != ' ' && number && !minus)
        return say_sign(s, i, 1, "to", "到");
    if (s->zh && spoken_is_digit(next) &&
        spoken_in(before, "年月日号点时分秒元万亿个天岁度层楼级页章节米號點時萬億個歲層樓級頁節"))
        return say_sign(s, i, 1, "to", "到");
    bool digits = spoken_is_digit(beside(s, i, -1)) && spoken_is_digit(beside(s, i, 1));
    if (spoken_at(s, i) == 0x2212 || (before == ' ' && next == ' ' && spoken_equation_near(s, i)))
        return is_operand(beside(s, i, -1), true) || spoken_at(s, i) == 0x2212
                   ? say_sign(s, i, 1, "minus", "减")
                   : 0;
    if (spoken_equation_near(s, i) && spoken_at(s, i) == '-' && digits)
        return say_sign(s, i, 1, "minus", "减");
    return 0;
}

static size_t power(struct spoken *s, size_t i)
{
    struct ac_str w = {0};
    size_t brace = spoken_at(s, i + 1) == '(', minus = spoken_at(s, i + 1 + brace) == '-';
    size_t at = i + 1 + brace + minus, n = spoken_digits(s, at);
    bool letter = !n && spoken_is_letter(spoken_at(s, at)) && !spoken_is_letter(spoken_at(s, at + 1));

    if (!i || !is_operand(spoken_at(s, i - 1), true) || (!letter && (!n || n > 4)))
        return 0;
    size_t end = at + (letter ? 1 : n);
    if (brace && spoken_at(s, end) != ')')
        return 0;
    int value = letter ? 0 : spoken_value(s, at, n);
    char one[2] = {(char)spoken_at(s, at), '\0'};
    if (!s->zh && !minus && (value == 2 || value == 3) && !letter)
        return spoken_say_text(s, i, end + brace, value == 2 ? "squared" : "cubed");
    if (s->zh) {
        ac_str_add(&w, minus ? "的负" : "的");
        if (letter)
            ac_str_add(&w, one);
        else
            spoken_zh_int(&w, value);
        ac_str_add(&w, "次方");
    } else {
        spoken_en_add(&w, minus ? "to the power of minus" : "to the power of");
        if (letter)
            spoken_en_add(&w, one);
        else
            spoken_en_int(&w, value);
    }
    return spoken_say(s, i, end + brace, &w);
}

/* -1: no superscript; 10: minus. */
static int superscript_at(const struct spoken *s, size_t i)
{
    static const uint32_t marks[] = {0x2070, 0xb9,   0xb2,   0xb3,   0x2074, 0x2075,
                                     0x2076, 0x2077, 0x2078, 0x2079, 0x207b};

    for (int k = 0; k < 11; k++)
        if (marks[k] == spoken_at(s, i))
            return k;
    return -1;
}

/* x², 10⁻³ */
static size_t superscript(struct spoken *s, size_t i)
{
    struct ac_str w = {0};
    bool minus = superscript_at(s, i) == 10;
    size_t at = i + minus;
    int value = 0, digit;

    for (; at < i + 5 && (digit = superscript_at(s, at)) >= 0 && digit < 10; at++)
        value = value * 10 + digit;
    if (at == i + minus)
        return 0;
    if (!minus && (value == 2 || value == 3))
        return say_sign(s, i, at - i, value == 2 ? "squared" : "cubed", value == 2 ? "的平方" : "的立方");
    if (s->zh) {
        ac_str_add(&w, minus ? "的负" : "的");
        spoken_zh_int(&w, value);
        ac_str_add(&w, "次方");
    } else {
        spoken_en_add(&w, minus ? "to the minus" : "to the power of");
        spoken_en_int(&w, value);
    }
    return spoken_say(s, i, at, &w);
}

static size_t hash_or_at(struct spoken *s, size_t i)
{
    uint32_t before = i ? spoken_at(s, i - 1) : 0, next = spoken_at(s, i + 1);
    bool name = spoken_is_letter(next) || spoken_is_han(next) || next == '_';

    if (spoken_is_alnum(before) && spoken_at(s, i) == '#')
        return say_sign(s, i, 1, "sharp", "井");
    if (spoken_at(s, i) == '@')
        return say_sign(s, i, 1, "at", "艾特");
    if (spoken_is_digit(next))
        return say_sign(s, i, 1, "number", "第");
    if (name)
        return say_sign(s, i, 1, "hashtag", "话题");
    return spoken_say_text(s, i, i + 1, " ");
}

static size_t operator_sign(struct spoken *s, size_t i)
{
    uint32_t c = spoken_at(s, i), before = beside(s, i, -1), next = beside(s, i, 1);
    bool between = is_operand(before, true) && is_operand(next, false);
    bool digits = spoken_is_digit(before) && spoken_is_digit(next);

    if (c == '+')
        return say_sign(s, i, 1, "plus", "加");
    if (c == '*' && between && (digits || spoken_at(s, i + 1) == ' '))
        return say_sign(s, i, 1, "times", "乘");
    if (c == '/' && digits)
        return say_sign(s, i, 1, "divided by", "除以");
    if (c == '/' && s->joint && s->number && (spoken_is_letter(next) || spoken_is_han(next)))
        return say_sign(s, i, 1, "per", "每"); /* $5/month */
    if (c == '/' && s->zh && spoken_is_han(before) && spoken_is_han(next))
        return spoken_say_text(s, i, i + 1, spoken_in(before, "元块") ? "每" : "或");
    if (c == '/' && !spoken_is_han(before))
        return spoken_say_text(s, i, i + 1, " ");
    return 0;
}

/* "1920x1080": the x between two numbers. */
static size_t by(struct spoken *s, size_t i)
{
    uint32_t c = spoken_at(s, i);

    if (((c | 0x20) != 'x' && c != 0xd7) || !s->joint || !i || !spoken_is_digit(s->c[i - 1]) ||
        !spoken_is_digit(spoken_at(s, i + 1)) ||
        (s->c[i - 1] == '0' && (i < 2 || !spoken_is_digit(s->c[i - 2])))) /* 0x1F */
        return 0;
    return say_sign(s, i, 1, c == 0xd7 && spoken_digits(s, i + 1) < 3 ? "times" : "by", "乘");
}

size_t spoken_sign(struct spoken *s, size_t i)
{
    uint32_t c = spoken_at(s, i), before = i ? spoken_at(s, i - 1) : 0;
    const char *said;
    size_t end;

    if (spoken_is_dash(c) && (end = dash(s, i)))
        return end;
    if ((end = by(s, i)))
        return end;
    if (c == '#' || c == '@')
        return hash_or_at(s, i);
    if (c == '^' && (end = power(s, i)))
        return end;
    if ((end = operator_sign(s, i)) || (end = superscript(s, i)))
        return end;
    if (c >= 0x2460 && c <= 0x2473) { /* ① … ⑳ */
        struct ac_str w = {0};
        if (s->zh)
            spoken_zh_int(&w, (int)(c - 0x245f));
        else
            spoken_en_int(&w, (int)(c - 0x245f));
        ac_str_add(&w, s->zh ? "，" : ", ");
        return spoken_say(s, i, spoken_past_blank(s, i + 1), &w);
    }
    if (c == '=' && spoken_at(s, i + 1) == '=')
        return say_sign(s, i, 2, "equals", "等于");
    said = find_sign(s, greek, sizeof greek / sizeof *greek, c);
    if (said) {
        bool alone =
            ac_tts_script(before) != AC_SCRIPT_GREEK && ac_tts_script(spoken_at(s, i + 1)) != AC_SCRIPT_GREEK;
        return alone ? spoken_say_text(s, i, i + 1, said) : 0;
    }
    said = find_sign(s, signs, sizeof signs / sizeof *signs, c);
    return said ? spoken_say_text(s, i, i + 1, said) : 0;
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
