/* Normaliser: numbers in English words, the American way (one hundred five). See spoken_private.h. */
#include "tts/spoken_private.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DIGITS = 18 };

static const char *const ones[] = {"zero",    "one",     "two",       "three",    "four",
                                   "five",    "six",     "seven",     "eight",    "nine",
                                   "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                   "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};

void spoken_en_add(struct ac_str *w, const char *word)
{
    if (w->len && w->p[w->len - 1] != ' ')
        ac_str_add(w, " ");
    ac_str_add(w, word);
}

static void below_100(struct ac_str *w, int value)
{
    char both[24];

    if (value >= 20 && value % 10) {
        snprintf(both, sizeof both, "%s-%s", tens[value / 10], ones[value % 10]);
        spoken_en_add(w, both);
    } else {
        spoken_en_add(w, value < 20 ? ones[value] : tens[value / 10]);
    }
}

static void below_1000(struct ac_str *w, int value)
{
    if (value >= 100) {
        spoken_en_add(w, ones[value / 100]);
        spoken_en_add(w, "hundred");
    }
    if (value % 100 || !value)
        below_100(w, value % 100);
}

void spoken_en_digits(struct ac_str *w, const char *digits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        spoken_en_add(w, ones[digits[i] - '0']);
}

void spoken_en_cardinal(struct ac_str *w, const char *digits, size_t n)
{
    static const char *const powers[] = {"", "thousand", "million", "billion", "trillion", "quadrillion"};
    int groups[MAX_DIGITS / 3] = {0};
    bool any = false;

    while (n > 1 && *digits == '0')
        digits++, n--;
    if (n > MAX_DIGITS) {
        spoken_en_digits(w, digits, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        groups[(n - 1 - i) / 3] = groups[(n - 1 - i) / 3] * 10 + (digits[i] - '0');
    for (int g = MAX_DIGITS / 3 - 1; g >= 0; g--) {
        if (!groups[g] && (g || any))
            continue;
        below_1000(w, groups[g]);
        if (g)
            spoken_en_add(w, powers[g]);
        any = true;
    }
}

void spoken_en_number(struct ac_str *w, const struct spoken_number *num)
{
    spoken_en_cardinal(w, num->whole, num->n_whole);
    if (num->n_part) {
        spoken_en_add(w, "point");
        spoken_en_digits(w, num->part, num->n_part);
    }
}

/* Replaces the end of the last word. */
static void set_end(struct ac_str *w, size_t drop, const char *end)
{
    w->len -= drop;
    ac_str_add(w, end);
}

static bool ends_in(const struct ac_str *w, const char *word)
{
    size_t n = strlen(word);

    return w->len >= n && !memcmp(w->p + w->len - n, word, n);
}

void spoken_en_ordinal(struct ac_str *w, const char *digits, size_t n)
{
    static const char *const odd[][2] = {{"one", "first"},     {"two", "second"},   {"three", "third"},
                                         {"five", "fifth"},    {"eight", "eighth"}, {"nine", "ninth"},
                                         {"twelve", "twelfth"}};

    spoken_en_cardinal(w, digits, n);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        if (ends_in(w, odd[i][0])) {
            set_end(w, strlen(odd[i][0]), odd[i][1]);
            return;
        }
    }
    if (ends_in(w, "y"))
        set_end(w, 1, "ieth");
    else
        ac_str_add(w, "th");
}

void spoken_en_plural(struct ac_str *w)
{
    if (ends_in(w, "y"))
        set_end(w, 1, "ies");
    else
        ac_str_add(w, ends_in(w, "x") || ends_in(w, "s") ? "es" : "s");
}

void spoken_en_int(struct ac_str *w, int value)
{
    char digits[16];

    spoken_en_cardinal(w, digits, (size_t)snprintf(digits, sizeof digits, "%d", value));
}

void spoken_en_int_ordinal(struct ac_str *w, int value)
{
    char digits[16];

    spoken_en_ordinal(w, digits, (size_t)snprintf(digits, sizeof digits, "%d", value));
}

/* The second half of a year or the like: hundred, oh five, eighty. */
static void second_pair(struct ac_str *w, int value)
{
    if (!value) {
        spoken_en_add(w, "hundred");
        return;
    }
    if (value < 10)
        spoken_en_add(w, "oh");
    below_100(w, value);
}

void spoken_en_year(struct ac_str *w, int year)
{
    if (year < 1000 || year > 9999 || (year % 1000 < 10)) { /* 2000 … 2009 are thousands */
        spoken_en_int(w, year);
        return;
    }
    below_100(w, year / 100);
    second_pair(w, year % 100);
}

void spoken_en_code(struct ac_str *w, const char *digits, size_t n)
{
    if (n == 3 && digits[0] != '0') {
        spoken_en_add(w, ones[digits[0] - '0']);
        second_pair(w, (digits[1] - '0') * 10 + digits[2] - '0');
    } else if (n == 4 && digits[0] != '0' && memcmp(digits + 1, "000", 3) != 0) {
        below_100(w, (digits[0] - '0') * 10 + digits[1] - '0');
        second_pair(w, (digits[2] - '0') * 10 + digits[3] - '0');
    } else if (n <= 2 && digits[0] != '0') {
        spoken_en_cardinal(w, digits, n);
    } else if (n == 4 && digits[0] != '0') {
        spoken_en_cardinal(w, digits, n);
    } else {
        spoken_en_digits(w, digits, n);
    }
}
