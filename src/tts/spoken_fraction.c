/* Normaliser: fractions, and what is written like one. See spoken_private.h. */
#include "tts/spoken_private.h"

#include <string.h>

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
        struct ac_str w = {0};
        spoken_en_add(&w, spoken_en_month(over));
        spoken_en_int_ordinal(&w, under);
        return spoken_say(s, i, i + n, &w);
    }
    return n ? say_mixed(s, i, 0, i + n, over, under) : digits ? out_of(s, i) : 0;
}
