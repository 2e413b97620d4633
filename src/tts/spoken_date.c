/*
 * Normaliser: dates, times, and what is written like a time but is a ratio or score. See spoken_private.h.
 *
 * 3/15/2024 has the month first unless that cannot be; 15.03.2024 and 15-03-2024 have the day first.
 */
#include "tts/spoken_private.h"

#include <string.h>

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

struct date {
    int year, month, day; /* 0 = not named */
};

static bool is_valid(const struct date *d)
{
    return d->month >= 1 && d->month <= 12 && d->day >= 1 && d->day <= 31;
}

static void say_month_day(struct ac_str *w, const struct date *d)
{
    spoken_en_add(w, months[d->month - 1]);
    if (d->day)
        spoken_en_int_ordinal(w, d->day);
}

static void add_year(struct ac_str *w, int year)
{
    if (!year)
        return;
    ac_str_add(w, ", ");
    spoken_en_year(w, year);
}

static size_t say_date(struct spoken *s, size_t from, size_t to, const struct date *d)
{
    struct ac_str w = {0};

    if (!s->zh) {
        say_month_day(&w, d);
        if (d->day)
            add_year(&w, d->year);
        else
            spoken_en_year(&w, d->year);
        return spoken_say(s, from, to, &w);
    }
    if (d->year) {
        char digits[4] = {(char)('0' + d->year / 1000 % 10), (char)('0' + d->year / 100 % 10),
                          (char)('0' + d->year / 10 % 10), (char)('0' + d->year % 10)};
        spoken_zh_digits(&w, digits, 4, false);
        ac_str_add(&w, "年");
    }
    spoken_zh_int(&w, d->month);
    ac_str_add(&w, "月");
    if (d->day) {
        spoken_zh_int(&w, d->day);
        ac_str_add(&w, "日");
    }
    return spoken_say(s, from, to, &w);
}

/* Which of three numbers is what. */
static bool arrange(struct date *d, char sep, const int v[3], const size_t len[3])
{
    if (len[0] == 4) {
        *d = (struct date){v[0], v[1], v[2]};
        return len[1] <= 2 && len[2] <= 2 && is_valid(d);
    }
    if (len[0] > 2 || len[1] > 2 || !(len[2] == 4 || (len[2] == 2 && sep == '/')))
        return false;
    int year = len[2] == 4 ? v[2] : v[2] < 70 ? 2000 + v[2] : 1900 + v[2];
    *d = (struct date){year, v[0], v[1]};
    if (sep != '/' || !is_valid(d))
        *d = (struct date){year, v[1], v[0]};
    if (!is_valid(d) && sep == '-')
        *d = (struct date){year, v[0], v[1]};
    return is_valid(d);
}

static size_t numeric_date(const struct spoken *s, size_t i, struct date *d)
{
    char sep = 0;
    int v[3] = {0};
    size_t len[3] = {0}, at = i;

    for (int k = 0; k < 3; k++) {
        if (k && (spoken_at(s, at) != (uint32_t)sep))
            return 0;
        at += k > 0;
        len[k] = spoken_digits(s, at);
        if (!len[k] || len[k] > 4)
            return 0;
        v[k] = spoken_value(s, at, len[k]);
        at += len[k];
        if (k == 0) {
            uint32_t c = spoken_at(s, at);
            if (c != '-' && c != '/' && c != '.')
                return 0;
            sep = (char)c;
        } else if (k == 1 && sep == '-' && len[0] == 4 && len[1] == 2 && spoken_at(s, i + 5) == '0' &&
                   spoken_at(s, at) != '-') {
            *d = (struct date){v[0], v[1], 0}; /* 2024-03 */
            return v[1] >= 1 && !spoken_is_alnum(spoken_at(s, at)) ? at : 0;
        }
    }
    uint32_t next = spoken_at(s, at);
    if (spoken_is_digit(next) || (next == (uint32_t)sep && spoken_is_digit(spoken_at(s, at + 1))))
        return 0;
    return arrange(d, sep, v, len) ? at : 0;
}

static bool ends_text(const struct spoken *s, size_t i)
{
    while (i < s->n && !spoken_is_alnum(s->c[i]) && s->c[i] < 0x80)
        i++;
    return i >= s->n;
}

/* The month named at i, 1 … 12, or 0; its length, with the stop of an abbreviation unless a sentence ends
 * there. */
static int month_at(const struct spoken *s, size_t i, size_t *len, bool *dotted)
{
    char word[SPOKEN_WORD];

    *dotted = false;
    if (!spoken_is_upper(spoken_at(s, i)) || !spoken_is_lower(spoken_at(s, i + 1)))
        return 0;
    spoken_word_at(s, i, word);
    size_t n = strlen(word);
    for (int m = 0; m < 12 && n >= 3; m++) {
        bool full = n == strlen(months[m]);
        bool same = (months[m][0] | 0x20) == word[0] && !strncmp(months[m] + 1, word + 1, n - 1);
        if (!same || !(full || n == 3 || (m == 8 && n == 4)))
            continue;
        *len = n;
        if (!full && spoken_at(s, i + n) == '.') {
            *dotted = true;
            *len += !ends_text(s, i + n);
        }
        return spoken_is_alnum(spoken_at(s, i + *len)) ? 0 : m + 1;
    }
    return 0;
}

static size_t ordinal_suffix(const struct spoken *s, size_t i)
{
    char word[SPOKEN_WORD];

    spoken_word_at(s, i, word);
    return spoken_listed(word, "st nd rd th") ? 2 : 0;
}

/* ", 2024" or " 2024" at i: where it ends, else i. */
static size_t year_after(const struct spoken *s, size_t i, int *year)
{
    size_t at = i + (spoken_at(s, i) == ',');

    if (spoken_at(s, at) != ' ' || spoken_digits(s, at + 1) != 4)
        return i;
    uint32_t next = spoken_at(s, at + 5);
    if (spoken_is_letter(next) || next == ':' || next == '%' ||
        (spoken_in(next, ".,-") && spoken_is_digit(spoken_at(s, at + 6))))
        return i;
    *year = spoken_value(s, at + 1, 4);
    return *year >= 1000 && *year < 3000 ? at + 5 : i;
}

/* "15 March 2024", "15th of March": the day comes first and is said so. */
static size_t day_month(struct spoken *s, size_t i)
{
    size_t n = spoken_digits(s, i), len;
    int day = spoken_value(s, i, n), year = 0;
    bool dotted;

    if (s->zh || !n || n > 2 || day < 1 || day > 31)
        return 0;
    size_t at = i + n + ordinal_suffix(s, i + n);
    bool suffixed = at > i + n;
    if (spoken_at(s, at) != ' ')
        return 0;
    at++;
    if (suffixed)
        at += spoken_is(s, at, "of ");
    int month = month_at(s, at, &len, &dotted);
    if (!month)
        return 0;
    at += len;
    size_t end = year_after(s, at, &year);
    char before[SPOKEN_WORD];
    struct ac_str w = {0};
    spoken_word_before(s, i, before);
    if (strcmp(before, "the") != 0)
        spoken_en_add(&w, "the");
    spoken_en_int_ordinal(&w, day);
    spoken_en_add(&w, "of");
    spoken_en_add(&w, months[month - 1]);
    add_year(&w, year);
    return spoken_say(s, i, end, &w);
}

size_t spoken_date(struct spoken *s, size_t i)
{
    struct date d;
    size_t end = numeric_date(s, i, &d);

    if (!end)
        return day_month(s, i);
    if (spoken_at(s, end) == 'T' && spoken_digits(s, end + 1) == 2 && spoken_at(s, end + 3) == ':')
        end++;
    return say_date(s, i, end, &d);
}

/* "March 15, 2024", "Mar. 3", "March 3–5", "March 2024", "Jan." */
size_t spoken_month(struct spoken *s, size_t i)
{
    size_t len, n;
    bool dotted;
    struct date d = {0};
    struct ac_str w = {0};

    d.month = month_at(s, i, &len, &dotted);
    if (!d.month)
        return 0;
    size_t at = i + len, end = at;
    if (spoken_at(s, at) == ' ')
        at++;
    n = spoken_digits(s, at);
    uint32_t next = spoken_at(s, at + n);
    bool goes_on = next == ':' || next == '%' || next == '/' ||
                   (spoken_in(next, ".,") && spoken_is_digit(spoken_at(s, at + n + 1)));
    if (n && n <= 2 && !goes_on && spoken_value(s, at, n) >= 1 && spoken_value(s, at, n) <= 31) {
        d.day = spoken_value(s, at, n);
        at += n + ordinal_suffix(s, at + n);
        say_month_day(&w, &d);
        n = spoken_is_dash(spoken_at(s, at)) ? spoken_digits(s, at + 1) : 0;
        if (n == 1 || n == 2) {
            spoken_en_add(&w, "to");
            spoken_en_int_ordinal(&w, spoken_value(s, at + 1, n));
            at += 1 + n + ordinal_suffix(s, at + 1 + n);
        }
        end = year_after(s, at, &d.year);
        add_year(&w, d.year);
        return spoken_say(s, i, end, &w);
    }
    if ((end = year_after(s, i + len, &d.year)) > i + len)
        return say_date(s, i, end, &d);
    if (!dotted)
        return 0;
    say_month_day(&w, &d);
    return spoken_say(s, i, i + len, &w);
}

/* ---- times ---- */

size_t spoken_am_pm(const struct spoken *s, size_t i, bool *pm)
{
    uint32_t c = spoken_at(s, i), m;

    if ((c | 0x20) != 'a' && (c | 0x20) != 'p')
        return 0;
    *pm = (c | 0x20) == 'p';
    size_t n = 1 + (spoken_at(s, i + 1) == '.');
    m = spoken_at(s, i + n);
    if ((m | 0x20) != 'm' || spoken_is_alnum(spoken_at(s, i + n + 1)) || spoken_at(s, i + n + 1) == '\'')
        return 0;
    n++;
    if (n == 3 && spoken_at(s, i + 3) == '.' && !ends_text(s, i + 4))
        n++;
    return n;
}

struct clock {
    int h, m, s;
    bool has_m, has_s, half, am_pm, pm; /* half: a clock of twelve hours may be meant */
};

static void say_clock_en(struct ac_str *w, const struct clock *t)
{
    bool full = !t->m && !t->has_s && !t->am_pm;

    if (full && t->h % 24 == 0) {
        spoken_en_add(w, "midnight");
        return;
    }
    spoken_en_int(w, t->h);
    if (full)
        spoken_en_add(w, t->h <= 12 ? "o'clock" : "hundred");
    if (t->m && t->m < 10)
        spoken_en_add(w, "oh");
    if (t->m)
        spoken_en_int(w, t->m);
    if (t->has_s && t->s) {
        if (!t->m)
            spoken_en_add(w, "hundred");
        spoken_en_add(w, "and");
        spoken_en_int(w, t->s);
        spoken_en_add(w, t->s == 1 ? "second" : "seconds");
    }
    if (t->am_pm)
        spoken_en_add(w, t->pm ? "P M" : "A M");
}

static void say_clock_zh(struct ac_str *w, const struct clock *t)
{
    if (t->am_pm && t->pm)
        ac_str_add(w, t->h >= 6 && t->h < 12 ? "晚上" : "下午");
    else if (t->am_pm)
        ac_str_add(w, t->h < 6 || t->h == 12 ? "凌晨" : "上午");
    if (t->h == 2)
        ac_str_add(w, "两");
    else
        spoken_zh_int(w, t->h);
    ac_str_add(w, "点");
    if (t->half && t->m == 30 && !t->has_s) {
        ac_str_add(w, "半");
        return;
    }
    if (t->m || t->has_s) {
        if (t->m < 10)
            ac_str_add(w, "零");
        if (t->m)
            spoken_zh_int(w, t->m);
        ac_str_add(w, "分");
    }
    if (t->has_s) {
        if (t->s < 10)
            ac_str_add(w, "零");
        if (t->s)
            spoken_zh_int(w, t->s);
        ac_str_add(w, "秒");
    }
}

/* 3:2, 16:9, 1:2:3 */
static size_t ratio(struct spoken *s, size_t i)
{
    struct ac_str w = {0};
    struct spoken_number num;
    size_t at = i;

    for (int k = 0; k < 4; k++) {
        if (!spoken_is_digit(spoken_at(s, at)) || !spoken_number_at(s, at, &num))
            break;
        if (k && s->zh)
            ac_str_add(&w, "比");
        else if (k)
            spoken_en_add(&w, "to");
        if (s->zh)
            spoken_zh_number(&w, &num);
        else
            spoken_en_number(&w, &num);
        at = num.end;
        if (spoken_at(s, at) != ':' || !spoken_is_digit(spoken_at(s, at + 1)))
            return spoken_say(s, i, at, &w);
        at++;
    }
    ac_str_free(&w);
    return 0;
}

static bool is_score(const struct spoken *s, size_t i)
{
    char before[SPOKEN_WORD];

    if (s->zh)
        return spoken_cue(s, i, 6, "比分 比例 以 胜 负 赢 输 击败 战平");
    spoken_word_before(s, i, before);
    return spoken_listed(before, "score scored ratio won lost beat scale led aspect odds");
}

/* Reads hh:mm[:ss] [am|pm] or h am|pm. */
static size_t clock_at(const struct spoken *s, size_t i, struct clock *t)
{
    size_t n = spoken_digits(s, i), at = i + n;

    *t = (struct clock){.h = spoken_value(s, i, n)};
    if (!n || n > 2 || t->h > 24)
        return 0;
    t->half = t->h <= 12 && t->h > 0 && spoken_at(s, i) != '0';
    for (int k = 0; k < 2 && spoken_at(s, at) == ':' && spoken_digits(s, at + 1) == 2; k++) {
        int value = spoken_value(s, at + 1, 2);
        if (value > 59)
            return 0;
        if (k)
            t->s = value, t->has_s = true;
        else
            t->m = value, t->has_m = true;
        at += 3;
    }
    size_t gap = spoken_past_blank(s, at), len = t->h <= 12 ? spoken_am_pm(s, gap, &t->pm) : 0;
    if (len) {
        t->am_pm = true;
        at = gap + len;
    }
    return t->has_m || t->am_pm ? at : 0;
}

size_t spoken_time(struct spoken *s, size_t i)
{
    struct clock t;
    struct ac_str w = {0};
    size_t end = clock_at(s, i, &t);
    end += end && spoken_at(s, end) == 'Z' && !spoken_is_alnum(spoken_at(s, end + 1)); /* UTC */
    uint32_t next = spoken_at(s, end);

    if (!end || next == ':' || spoken_is_digit(next) || (!t.am_pm && is_score(s, i))) {
        size_t n = spoken_digits(s, i);
        return n && spoken_at(s, i + n) == ':' && spoken_is_digit(spoken_at(s, i + n + 1)) ? ratio(s, i) : 0;
    }
    if (s->zh)
        say_clock_zh(&w, &t);
    else
        say_clock_en(&w, &t);
    return spoken_say(s, i, end, &w);
}
