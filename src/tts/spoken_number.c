/*
 * Normaliser: fractions; amounts, which are a sign, a currency, a number or a range of two, a scale and a
 * unit in this order, most of them missing. See spoken_private.h.
 */
#include "tts/spoken_private.h"

#include <string.h>

/* ---- fractions ---- */

static const struct {
    uint32_t cp;
    int over, under;
} vulgar[] = {{0xbd, 1, 2},   {0xbc, 1, 4},   {0xbe, 3, 4},   {0x2153, 1, 3}, {0x2154, 2, 3},
              {0x2155, 1, 5}, {0x2156, 2, 5}, {0x2157, 3, 5}, {0x2158, 4, 5}, {0x2159, 1, 6},
              {0x215a, 5, 6}, {0x215b, 1, 8}, {0x215c, 3, 8}, {0x215d, 5, 8}, {0x215e, 7, 8}};

static void say_fraction(struct spoken *s, struct ac_str *w, int over, int under)
{
    if (s->zh) {
        spoken_zh_int(w, under);
        ac_str_add(w, "分之");
        spoken_zh_int(w, over);
        return;
    }
    spoken_en_int(w, over);
    if (under == 2)
        spoken_en_add(w, over == 1 ? "half" : "halve");
    else if (under == 4)
        spoken_en_add(w, "quarter");
    else
        spoken_en_int_ordinal(w, under);
    if (over != 1)
        spoken_en_plural(w);
}

/* Says "1 1/2" with the whole part [from, from + n), or the fraction alone (n = 0). */
static size_t say_mixed(struct spoken *s, size_t from, size_t n, size_t end, int over, int under)
{
    struct ac_str w = {0};

    if (n && s->zh) {
        spoken_zh_int(&w, spoken_value(s, from, n));
        ac_str_add(&w, "又");
    } else if (n) {
        spoken_en_int(&w, spoken_value(s, from, n));
        spoken_en_add(&w, "and");
        if (over == 1 && (under == 2 || under == 4)) {
            spoken_en_add(&w, under == 2 ? "a half" : "a quarter");
            return spoken_say(s, from, end, &w);
        }
    }
    say_fraction(s, &w, over, under);
    return spoken_say(s, from, end, &w);
}

/* ½ or 3/4 at i: its length, 0 when there is none or it is no proper fraction. */
static size_t fraction_at(const struct spoken *s, size_t i, int *over, int *under)
{
    for (size_t k = 0; k < sizeof vulgar / sizeof *vulgar; k++) {
        if (vulgar[k].cp == spoken_at(s, i)) {
            *over = vulgar[k].over;
            *under = vulgar[k].under;
            return 1;
        }
    }
    size_t n = spoken_digits(s, i), m = spoken_at(s, i + n) == '/' ? spoken_digits(s, i + n + 1) : 0;
    uint32_t next = spoken_at(s, i + n + 1 + m);
    if (!n || !m || n > 4 || m > 4 || next == '/' || spoken_is_letter(next) ||
        (next == '.' && spoken_is_digit(spoken_at(s, i + n + m + 2))))
        return 0;
    *over = spoken_value(s, i, n);
    *under = spoken_value(s, i + n + 1, m);
    return *under > 1 && (*over < *under || s->zh) && *over ? n + 1 + m : 0;
}

/* "4.5/5", "10/10", "24/7" */
static size_t out_of(struct spoken *s, size_t i)
{
    struct spoken_number a, b;
    struct ac_str w = {0};

    if (!spoken_number_at(s, i, &a) || spoken_at(s, a.end) != '/' ||
        !spoken_is_digit(spoken_at(s, a.end + 1)) || !spoken_number_at(s, a.end + 1, &b) ||
        spoken_at(s, b.end) == '/' || spoken_is_letter(spoken_at(s, b.end)))
        return 0;
    if (spoken_equation_near(s, i))
        return 0;
    if (s->zh) {
        spoken_zh_number(&w, &b);
        ac_str_add(&w, "分之");
        spoken_zh_number(&w, &a);
        return spoken_say(s, i, b.end, &w);
    }
    spoken_en_number(&w, &a);
    bool more = a.n_whole > b.n_whole || (a.n_whole == b.n_whole && memcmp(a.whole, b.whole, a.n_whole) > 0);
    spoken_en_add(&w, more ? "over" : "out of");
    spoken_en_number(&w, &b);
    return spoken_say(s, i, b.end, &w);
}

size_t spoken_slash(struct spoken *s, size_t i)
{
    int over, under;
    size_t digits = spoken_digits(s, i), gap = spoken_past_blank(s, i + digits), n;
    char before[SPOKEN_WORD];

    if (digits && digits <= 4 && (n = fraction_at(s, gap, &over, &under)) && (gap > i + digits || n == 1) &&
        over < under && (under <= 16 || n == 1))
        return say_mixed(s, i, digits, gap + n, over, under);
    if (spoken_is_word(s, i, "24/7"))
        return spoken_say_text(s, i, i + 4, s->zh ? "全天候" : "twenty-four seven");
    if (spoken_is_word(s, i, "50/50"))
        return spoken_say_text(s, i, i + 5, s->zh ? "五十比五十" : "fifty-fifty");
    if (spoken_is_word(s, i, "9/11"))
        return spoken_say_text(s, i, i + 4, s->zh ? "九一一" : "nine eleven");
    n = fraction_at(s, i, &over, &under);
    if (n > 1 && over >= under && spoken_equation_near(s, i))
        return 0; /* a division */
    spoken_word_before(s, i, before);
    if (n > 1 && !s->zh && over <= 12 && under <= 31 && !strcmp(before, "on")) {
        static const char *const months[] = {"January",   "February", "March",    "April",
                                             "May",       "June",     "July",     "August",
                                             "September", "October",  "November", "December"};
        struct ac_str w = {0};
        spoken_en_add(&w, months[over - 1]);
        spoken_en_int_ordinal(&w, under);
        return spoken_say(s, i, i + n, &w);
    }
    return n ? say_mixed(s, i, 0, i + n, over, under) : digits ? out_of(s, i) : 0;
}

/* ---- amounts ---- */

enum sign { NO_SIGN, MINUS, PLUS, PLUS_MINUS };

struct amount {
    size_t from, end;
    enum sign sign;
    bool about, range, hyphen; /* hyphen: 5-km */
    struct spoken_number a, b;
    int scale; /* power of ten that was written as a letter or word */
    const struct spoken_money *money;
    const struct spoken_unit *unit;
    bool am_pm, pm;
};

/* Where a sign may stand: not within a word or behind a number. */
static bool may_sign(const struct spoken *s, size_t i)
{
    uint32_t before = i ? spoken_at(s, i - 1) : 0;

    if (spoken_is_han(before))
        return spoken_in(before, "是为到至零约达和或从在低");
    return !spoken_is_alnum(before) && before != ')' && before != '/' && before != '%' && before != '_' &&
           (s->joint || !spoken_is_dash(before)) && before != 0xb0 && before != 0x2103;
}

/* Signs and currency before the number; the index of its first digit, or 0. */
static size_t read_front(const struct spoken *s, size_t i, struct amount *a)
{
    size_t at = i, len;

    for (int k = 0; k < 4; k++) {
        uint32_t c = spoken_at(s, at), next = spoken_at(s, at + 1);
        bool more = spoken_is_digit(next) || (next == '.' && spoken_is_digit(spoken_at(s, at + 2)));
        if (spoken_is_digit(c) || (c == '.' && spoken_is_digit(next)))
            return at;
        if (!a->money && (a->money = spoken_money_at(s, at, true, &len))) {
            at += len + (spoken_is_letter(spoken_at(s, at + len - 1)) && spoken_at(s, at + len) == ' ');
            continue;
        }
        more = more || spoken_money_at(s, at + 1, true, &len);
        bool han_degree = false;
        if ((c == '-' || c == 0x2212) && spoken_is_han(at ? spoken_at(s, at - 1) : 0) &&
            spoken_is_digit(next)) {
            struct spoken_number num;
            spoken_number_at(s, at + 1, &num);
            const struct spoken_unit *u = spoken_unit_at(s, num.end, &len);
            han_degree = (u && (spoken_unit_is_degree(u) || spoken_at(s, num.end) == '%')) ||
                         spoken_at(s, num.end) == 0x5ea6;
        }
        if (!more || !(may_sign(s, at) || at > i || han_degree))
            return 0;
        if ((c == '-' || c == 0x2212) && a->sign == NO_SIGN)
            a->sign = MINUS;
        else if (c == '+' && a->sign == NO_SIGN)
            a->sign = PLUS;
        else if (c == 0xb1 && a->sign == NO_SIGN)
            a->sign = PLUS_MINUS;
        else if ((c == '~' || c == 0x2248) && !a->about)
            a->about = true;
        else
            return 0;
        at++;
    }
    return 0;
}

/* "–5" behind the first number. */
static void read_range(const struct spoken *s, struct amount *a)
{
    size_t at = spoken_past_blank(s, a->a.end), blank = at - a->a.end;
    uint32_t dash = spoken_at(s, at);

    if (!spoken_is_dash(dash) || (blank && spoken_at(s, at + 1) != ' ') ||
        ((blank || dash == '-') && spoken_equation_near(s, at)))
        return;
    at += 1 + blank;
    if (!spoken_is_digit(spoken_at(s, at)) || !spoken_number_at(s, at, &a->b))
        return;
    uint32_t next = spoken_at(s, a->b.end);
    if ((next == '-' || next == ':' || next == '/') && spoken_is_digit(spoken_at(s, a->b.end + 1)))
        return;
    a->range = true;
    a->end = a->b.end;
}

static int scale_word(const struct spoken *s, size_t i, size_t *len)
{
    static const struct {
        const char *word;
        int power;
    } words[] = {{"thousand", 3}, {"million", 6}, {"billion", 9}, {"trillion", 12}};

    for (size_t k = 0; k < 4; k++)
        if ((*len = spoken_is_word(s, i, words[k].word)))
            return words[k].power;
    return 0;
}

static int scale_letter(const struct spoken *s, size_t i, const struct amount *a, size_t *len)
{
    uint32_t c = spoken_at(s, i);
    int power = 0;

    *len = 2;
    if (spoken_is_word(s, i, "bn"))
        return 9;
    if (spoken_is_word(s, i, "mn"))
        return 6;
    if (spoken_is_word(s, i, "tn"))
        return 12;
    *len = 1;
    if (spoken_is_alnum(spoken_at(s, i + 1)) || spoken_at(s, i + 1) == '/')
        return 0;
    if (c == 'k' || (c == 'K' && (a->money || (a->a.n_whole > 1 && a->a.n_whole < 4))))
        power = 3;
    else if ((c == 'M' && !s->zh) || (c == 'm' && a->money) || (c == 'M' && a->money))
        power = 6;
    else if ((c == 'B' || c == 'b') && (a->money || (c == 'B' && !s->zh)))
        power = 9;
    else if (c == 'T' && a->money)
        power = 12;
    return power;
}

/* Scale, unit or currency behind the number. */
static void read_tail(const struct spoken *s, struct amount *a)
{
    size_t at = spoken_past_blank(s, a->end), len;

    a->scale = scale_word(s, at, &len);
    if (a->scale && !a->money && !s->zh) { /* "150 million km": else the word says itself */
        size_t n, behind = spoken_past_blank(s, at + len);
        if (!spoken_unit_at(s, behind, &n) && !spoken_money_at(s, behind, false, &n))
            a->scale = 0;
    }
    if (!a->scale) {
        at = a->end;
        a->scale = scale_letter(s, at, a, &len);
    }
    if (a->scale)
        a->end = at + len;
    if (s->zh && a->money)
        return;
    at = spoken_past_blank(s, a->end);
    if (!s->zh && !a->money && !a->scale && (len = spoken_am_pm(s, at, &a->pm))) {
        a->am_pm = true;
        a->end = at + len;
    } else if (a->money) {
        const struct spoken_money *again = spoken_money_at(s, at, false, &len);
        if (again && again != a->money && !strcmp(again->zh, a->money->zh)) /* $5 USD */
            a->end = at + len;
    } else if ((a->unit = spoken_unit_at(s, at, &len)) || (a->money = spoken_money_at(s, at, false, &len))) {
        bool front = a->money && spoken_is_digit(spoken_at(s, at + len)); /* the next number's own */
        if (front)
            a->money = NULL;
        else
            a->end = at + len;
    } else if (spoken_at(s, a->end) == '-' && (a->unit = spoken_unit_at(s, a->end + 1, &len))) {
        a->hyphen = len > 1;
        a->unit = a->hyphen ? a->unit : NULL;
        a->end += a->hyphen ? 1 + len : 0;
    }
}

static size_t shift(struct spoken_number *num, int power)
{
    for (int k = 0; k < power && num->n_whole < SPOKEN_DIGITS; k++) {
        num->whole[num->n_whole++] = num->n_part ? num->part[0] : '0';
        if (num->n_part)
            memmove(num->part, num->part + 1, --num->n_part);
    }
    return num->n_whole;
}

/* ---- in English ---- */

static const char *power_name(int power)
{
    return power == 3 ? "thousand" : power == 6 ? "million" : power == 9 ? "billion" : "trillion";
}

static bool is_four_digits(const struct spoken_number *num)
{
    return num->n_whole == 4 && !num->n_part && !num->grouped;
}

static int value_of(const struct spoken_number *num)
{
    int value = 0;

    for (size_t i = 0; i < num->n_whole && i < 9; i++)
        value = value * 10 + num->whole[i] - '0';
    return value;
}

/* A bare number of four digits is a year where the words around say so, or where it is one of our times and
 * nothing is counted by it. */
static bool is_year(const struct spoken *s, const struct amount *a)
{
    static const char cues[] =
        "in since by until till from year during before after around circa early late mid spring summer fall "
        "autumn winter january february march april may june july august september october november december "
        "between of year class vintage copyright";
    char before[SPOKEN_WORD], after[SPOKEN_WORD];
    int value = value_of(&a->a);

    if (!is_four_digits(&a->a) || value < 1000 || value > 2099)
        return false;
    spoken_word_before(s, a->from, before);
    size_t next = a->end;
    spoken_word_at(s, spoken_at(s, next) == ' ' ? next + 1 : next, after);
    size_t n = strlen(after);
    bool counted = n > 3 && after[n - 1] == 's' && after[n - 2] != 's' &&
                   !spoken_listed(after, "this census crisis olympics series elections was paris games") &&
                   spoken_is_lower(spoken_at(s, next + 1));
    counted = counted || spoken_listed(after, "people men women children of");
    if (counted)
        return false;
    return value >= 1900 || spoken_listed(before, cues);
}

/* "1990s", "90s" */
static bool decade(struct spoken *s, const struct amount *a, struct ac_str *w)
{
    const struct spoken_number *num = &a->a;
    char before[SPOKEN_WORD];

    if (spoken_at(s, num->end) == '\'' ? !spoken_is_word(s, num->end, "'s")
                                       : !spoken_is_word(s, num->end, "s"))
        return false;
    if (num->n_part || num->grouped || num->whole[num->n_whole - 1] != '0')
        return false;
    if (num->n_whole == 4 && value_of(num) >= 1100 && value_of(num) < 2100) {
        spoken_en_year(w, value_of(num));
    } else {
        uint32_t prev = a->from ? spoken_at(s, a->from - 1) : 0;
        spoken_word_before(s, a->from, before);
        if (num->n_whole != 2 || num->whole[0] < '2' ||
            !(prev == '\'' || prev == 0x2019 || prev == '-' ||
              spoken_listed(before, "the early late mid my your his her our their")))
            return false;
        spoken_en_cardinal(w, num->whole, 2);
    }
    spoken_en_plural(w);
    return true;
}

/* Ordinals and decades: where they end, or 0. */
static size_t suffixed(struct spoken *s, const struct amount *a)
{
    struct ac_str w = {0};
    char after[SPOKEN_WORD];

    if (decade(s, a, &w))
        return spoken_say(s, a->from, a->a.end + (spoken_at(s, a->a.end) == 's' ? 1 : 2), &w);
    spoken_word_at(s, a->a.end, after);
    if (a->a.n_part || a->sign != NO_SIGN || !spoken_listed(after, "st nd rd th"))
        return 0;
    spoken_en_ordinal(&w, a->a.whole, a->a.n_whole);
    return spoken_say(s, a->from, a->a.end + 2, &w);
}

static void say_money_en(struct ac_str *w, const struct amount *a, bool attribute)
{
    const struct spoken_money *m = a->money;
    int cents = a->a.n_part == 2 ? (a->a.part[0] - '0') * 10 + a->a.part[1] - '0' : -1;
    bool dollars = a->a.n_whole > 1 || a->a.whole[0] != '0';

    if (a->range || a->scale || !m->cent || cents < 0) {
        spoken_en_number(w, &a->a);
        if (a->range) {
            spoken_en_add(w, "to");
            spoken_en_number(w, &a->b);
        }
        if (a->scale)
            spoken_en_add(w, power_name(a->scale));
        bool one = attribute || (!a->range && !a->scale && spoken_is_one(&a->a));
        spoken_en_add(w, one ? m->one : m->many);
        return;
    }
    if (dollars || !cents) {
        spoken_en_cardinal(w, a->a.whole, a->a.n_whole);
        spoken_en_add(w, a->a.n_whole == 1 && a->a.whole[0] == '1' ? m->one : m->many);
    }
    if (cents && dollars && cents < 10)
        spoken_en_add(w, "and");
    if (cents)
        spoken_en_int(w, cents);
    if (cents && (!dollars || cents < 10))
        spoken_en_add(w, cents == 1 ? m->cent : m->cents);
}

/* The second side of "1920x1080". */
static bool is_side(const struct spoken *s, const struct amount *a)
{
    return is_four_digits(&a->a) && a->from > 1 && spoken_in(s->c[a->from - 1], "x×") &&
           spoken_is_digit(s->c[a->from - 2]);
}

static void say_plain_en(const struct spoken *s, struct ac_str *w, const struct amount *a)
{
    bool bare = !a->unit && !a->scale && a->sign == NO_SIGN && !a->about;
    int v = value_of(&a->a), v2 = value_of(&a->b);
    bool years = bare && a->range && is_four_digits(&a->a) && v >= 1100 && v <= 2099;

    if (years && is_four_digits(&a->b) && v2 >= v && v2 <= 2199) {
        spoken_en_year(w, v);
        spoken_en_add(w, "to");
        spoken_en_year(w, v2);
    } else if (years && a->b.n_whole == 2 && !a->b.n_part && v2 > v % 100) {
        spoken_en_year(w, v);
        spoken_en_add(w, "to");
        spoken_en_int(w, v2);
    } else if (bare && !a->range && is_year(s, a)) {
        spoken_en_year(w, v);
    } else if (bare && !a->range && (is_side(s, a) || spoken_is_word(s, a->end, "p"))) { /* 1080p */
        spoken_en_code(w, a->a.whole, a->a.n_whole);
    } else {
        spoken_en_number(w, &a->a);
        if (a->range) {
            spoken_en_add(w, "to");
            spoken_en_number(w, &a->b);
        }
    }
}

static size_t say_en(struct spoken *s, const struct amount *a)
{
    static const char *const signs[] = {"", "minus", "plus", "plus or minus"};
    struct ac_str w = {0};
    char before[SPOKEN_WORD];

    spoken_word_before(s, a->from, before);
    bool attribute = spoken_listed(before, "a an");
    if (a->about)
        spoken_en_add(&w, "about");
    if (a->sign != NO_SIGN)
        spoken_en_add(&w, signs[a->sign]);
    if (a->money) {
        say_money_en(&w, a, attribute);
        return spoken_say(s, a->from, a->end, &w);
    }
    say_plain_en(s, &w, a);
    if (a->scale)
        spoken_en_add(&w, power_name(a->scale));
    if (a->hyphen)
        ac_str_add(&w, "-");
    bool one = (!a->range && !a->scale && spoken_is_one(&a->a)) || attribute || a->hyphen;
    const char *unit = !a->unit ? NULL : one ? a->unit->one : a->unit->many;
    if (unit && a->hyphen)
        ac_str_add(&w, unit);
    else if (unit)
        spoken_en_add(&w, unit);
    if (a->am_pm)
        spoken_en_add(&w, a->pm ? "P M" : "A M");
    return spoken_say(s, a->from, a->end, &w);
}

/* ---- in Chinese ---- */

/* A number before 年 that names a year: 2024年, 98年; 10年, 5000年, 20年前 count. */
static bool is_year_zh(const struct spoken *s, const struct spoken_number *num, size_t end)
{
    uint32_t after = spoken_at(s, end + 1);

    if (spoken_at(s, end) != 0x5e74 || num->n_part || num->grouped)
        return false;
    if (num->n_whole == 4)
        return num->whole[0] == '1' || num->whole[0] == '2';
    return num->n_whole == 2 && num->whole[0] == '9' && !spoken_in(after, "前后来间代历以之");
}

static bool is_years_range(const struct spoken *s, const struct amount *a)
{
    int from = value_of(&a->a), to = value_of(&a->b);

    if (!is_four_digits(&a->a) || a->b.n_part || a->b.grouped || from < 1100 || from > 2199 || a->unit ||
        a->money)
        return false;
    if (a->b.n_whole == 2) /* 2023-24赛季 */
        return to > from % 100 && spoken_any(s, a->end, "年 赛季 学年 财年");
    return is_four_digits(&a->b) && to > from && to < 2200;
}

static void say_one_zh(const struct spoken *s, struct ac_str *w, const struct amount *a,
                       const struct spoken_number *num)
{
    bool percent = a->unit && a->unit->zh_before[0] && !a->unit->zh[0];
    uint32_t before = a->from ? spoken_at(s, a->from - 1) : 0;
    bool counts = a->money || (a->unit && !percent && !spoken_unit_is_degree(a->unit)) ||
                  (!a->unit && before != 0x7b2c && spoken_zh_measure(s, a->end));

    bool lines = num->n_whole == 4 && (spoken_is_word(s, a->end, "P") || spoken_is_word(s, a->end, "p"));
    if (lines || (a->range ? is_years_range(s, a) : is_year_zh(s, num, a->end)))
        spoken_zh_digits(w, num->whole, num->n_whole, false);
    else if (counts)
        spoken_zh_count(w, num);
    else
        spoken_zh_number(w, num);
}

/* 万, 亿 and the like behind a sum: "$3.5亿". */
static size_t zh_scale(const struct spoken *s, size_t i)
{
    size_t n = 0;

    while (n < 3 && spoken_in(spoken_at(s, i + n), "百千万亿萬億"))
        n++;
    return n;
}

static size_t say_zh(struct spoken *s, struct amount *a)
{
    struct ac_str w = {0};
    bool cold = a->unit && spoken_unit_is_degree(a->unit);

    while (a->money && a->a.n_part && a->a.part[a->a.n_part - 1] == '0')
        a->a.n_part--; /* ¥3.50 */
    if (a->scale)
        shift(a->range ? &a->b : &a->a, a->scale);
    if (a->scale && a->range)
        shift(&a->a, a->scale);
    if (a->about)
        ac_str_add(&w, "约");
    if (a->sign == MINUS)
        ac_str_add(&w, cold ? "零下" : "负");
    else if (a->sign != NO_SIGN)
        ac_str_add(&w, a->sign == PLUS ? "正" : "正负");
    if (a->unit && !(a->from > 1 && spoken_is(s, a->from - 2, "时速")))
        ac_str_add(&w, a->unit->zh_before);
    say_one_zh(s, &w, a, &a->a);
    if (a->range) {
        size_t short_digits = a->a.n_whole == 1 && a->b.n_whole == 1 && !a->a.n_part && !a->b.n_part;
        bool score = short_digits && a->a.whole[0] > a->b.whole[0] && !a->unit && !a->money;
        ac_str_add(&w, score ? "比" : "到");
        say_one_zh(s, &w, a, &a->b);
    }
    size_t n = a->money && !a->scale ? zh_scale(s, a->end) : 0;
    for (size_t k = 0; k < n; k++)
        ac_utf8_add(&w, spoken_at(s, a->end + k));
    a->end += n;
    if (a->unit)
        ac_str_add(&w, a->unit->zh);
    if (a->money)
        ac_str_add(&w, a->money->zh);
    if (a->money && spoken_is(s, a->end, "元") && spoken_is(s, a->from, "¥") + spoken_is(s, a->from, "￥"))
        a->end++; /* ¥100元 */
    return spoken_say(s, a->from, a->end, &w);
}

/* 5'10" */
static size_t feet(struct spoken *s, const struct amount *a)
{
    size_t at = a->end + 1, n = spoken_digits(s, at);
    struct ac_str w = {0};

    if (a->a.n_part || a->a.n_whole > 2 || !n || n > 2 || spoken_value(s, at, n) > 11 ||
        !spoken_in(spoken_at(s, at + n), "\"″”"))
        return 0;
    if (s->zh) {
        spoken_zh_count(&w, &a->a);
        ac_str_add(&w, "英尺");
        spoken_zh_int(&w, spoken_value(s, at, n));
        ac_str_add(&w, "英寸");
    } else {
        spoken_en_number(&w, &a->a);
        spoken_en_add(&w, "foot");
        spoken_en_int(&w, spoken_value(s, at, n));
    }
    return spoken_say(s, a->from, at + n + 1, &w);
}

/* "2x" is twice as much, "1e6" a power of ten, "18+" at least. */
static size_t factor(struct spoken *s, const struct amount *a)
{
    size_t i = a->end;
    struct ac_str w = {0};
    uint32_t c = spoken_at(s, i);

    if ((c | 0x20) == 'x' && !spoken_is_alnum(spoken_at(s, i + 1)) && !spoken_equation_near(s, i)) {
        if (s->zh)
            spoken_zh_count(&w, &a->a);
        else
            spoken_en_number(&w, &a->a);
        if (s->zh)
            ac_str_add(&w, "倍");
        else
            spoken_en_add(&w, "times");
        return spoken_say(s, a->from, i + 1, &w);
    }
    if (c == '\'' || c == 0x2032)
        return feet(s, a);
    if ((c | 0x20) != 'e')
        return 0;
    size_t minus = spoken_at(s, i + 1) == '-', plus = spoken_at(s, i + 1) == '+';
    size_t at = i + 1 + minus + plus, n = spoken_digits(s, at);
    if (!n || n > 3 || spoken_is_alnum(spoken_at(s, at + n)))
        return 0;
    if (s->zh) {
        spoken_zh_number(&w, &a->a);
        ac_str_add(&w, minus ? "乘以十的负" : "乘以十的");
        spoken_zh_int(&w, spoken_value(s, at, n));
        ac_str_add(&w, "次方");
    } else {
        spoken_en_number(&w, &a->a);
        spoken_en_add(&w, minus ? "times ten to the minus" : "times ten to the");
        spoken_en_int(&w, spoken_value(s, at, n));
    }
    return spoken_say(s, a->from, at + n, &w);
}

size_t spoken_amount(struct spoken *s, size_t i)
{
    struct amount a = {.from = i};
    size_t at = read_front(s, i, &a), end;

    if (!at && !(spoken_is_digit(spoken_at(s, i))))
        return 0;
    if (!spoken_number_at(s, at, &a.a))
        return 0;
    a.end = a.a.end;
    if (!a.money && a.sign == NO_SIGN && !s->zh && (end = suffixed(s, &a)))
        return end;
    if (!a.money && (end = factor(s, &a)))
        return end;
    read_range(s, &a);
    read_tail(s, &a);
    return s->zh ? say_zh(s, &a) : say_en(s, &a);
}
