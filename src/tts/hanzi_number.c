/*
 * Numbers in Chinese text, said as a reader would: 2026年 digit by digit, 3.14 with 点, 25% as 百分之二十五,
 * 10:30 as a time, ¥100 as 一百元, 13800138000 digit by digit with 幺 for 1, 2个 as 两个.
 *
 * The digits and signs that belong together are one token; what follows it (年, 个 …) decides how it is said.
 * All characters of the answer carry the span of the token.
 */
#include "tts/hanzi.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_INTEGER_DIGITS = 16, MAX_TOKEN = 64 };

/* The token: its characters are all ASCII. */
struct token {
    char s[MAX_TOKEN + 1];
    size_t n;
    struct ac_tts_span span;
    uint32_t before, after; /* neighbours, 0 at the ends */
    struct ac_hanzi_list *out;
};

void ac_hanzi_add(struct ac_hanzi_list *list, uint32_t cp, struct ac_tts_span span, bool plain_one)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 64;
        list->v = ac_realloc_array(list->v, list->cap, sizeof *list->v);
    }
    list->v[list->n++] = (struct ac_hanzi){cp, span, plain_one};
}

static void say(const struct token *t, const char *hanzi)
{
    const char *end = hanzi + strlen(hanzi);

    while (hanzi < end)
        ac_hanzi_add(t->out, ac_utf8_next(&hanzi, end), t->span, false);
}

static void say_digit(const struct token *t, char digit, bool phone)
{
    static const char *const names[] = {"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"};
    const char *name = phone && digit == '1' ? "幺" : names[digit - '0'];

    say(t, name);
    t->out->v[t->out->n - 1].plain_one = true;
}

static void say_digits(const struct token *t, const char *s, size_t n, bool phone)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] >= '0' && s[i] <= '9')
            say_digit(t, s[i], phone);
}

/* Four digits or fewer, value > 0. `inner`: higher digits came before. */
static void say_group(const struct token *t, int value, bool inner)
{
    static const char *const units[] = {"千", "百", "十", ""};
    bool zero = false, begun = inner;

    for (int i = 0, unit = 1000; i < 4; i++, unit /= 10) {
        int digit = value / unit % 10;
        if (!digit) {
            zero = begun;
            continue;
        }
        if (zero)
            say(t, "零");
        zero = false;
        if (digit == 2 && i == 0)
            say(t, "两");
        else if (!(digit == 1 && i == 2 && !begun)) /* 十二, but 一百一十二 */
            say_digit(t, (char)('0' + digit), false);
        if (digit == 1 && t->out->n && i < 2)
            t->out->v[t->out->n - 1].plain_one = false; /* 一百: the tone changes */
        say(t, units[i]);
        begun = true;
    }
}

static void say_integer(const struct token *t, const char *s, size_t n)
{
    static const char *const units[] = {"", "万", "亿", "万亿"};
    int groups[4] = {0};
    bool begun = false, zero = false;

    while (n > 1 && *s == '0')
        s++, n--;
    if (n > MAX_INTEGER_DIGITS) {
        say_digits(t, s, n, false);
        return;
    }
    for (size_t i = 0; i < n; i++)
        groups[(n - 1 - i) / 4] = groups[(n - 1 - i) / 4] * 10 + (s[i] - '0');
    for (int g = 3; g >= 0; g--) {
        if (!groups[g]) {
            zero = begun;
            continue;
        }
        if (zero && groups[g] >= 1000)
            say(t, "零");
        if (groups[g] == 2 && g > 0 && !begun) {
            say(t, "两");
        } else {
            say_group(t, groups[g], begun);
            if (groups[g] == 1 && g > 0)
                t->out->v[t->out->n - 1].plain_one = false;
        }
        say(t, units[g]);
        begun = true;
        zero = false;
    }
    if (!begun)
        say(t, "零");
}

/* "1,234.50": commas dropped, digits after the point one by one; more points (versions) likewise. */
static void say_decimal(const struct token *t, const char *s, size_t n)
{
    char plain[MAX_TOKEN] = "";
    size_t k = 0, i = 0;

    for (; i < n && s[i] != '.'; i++)
        if (s[i] != ',')
            plain[k++] = s[i];
    say_integer(t, plain, k);
    for (; i < n; i++) {
        if (s[i] == '.')
            say(t, "点");
        else
            say_digit(t, s[i], false);
    }
}

static size_t count(const struct token *t, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        n += t->s[i] == c;
    return n;
}

static bool one_of(uint32_t cp, const char *set)
{
    const char *end = set + strlen(set);

    while (set < end)
        if (ac_utf8_next(&set, end) == cp)
            return true;
    return false;
}

/* Splits at a sign into at most 4 parts; gives their number. */
static size_t split(const struct token *t, char sign, const char *part[4], size_t len[4])
{
    size_t n = 0, from = 0;

    for (size_t i = 0; i <= t->n && n < 4; i++) {
        if (i < t->n && t->s[i] != sign)
            continue;
        part[n] = t->s + from;
        len[n++] = i - from;
        from = i + 1;
    }
    return n;
}

static void say_time(const struct token *t)
{
    static const char *const units[] = {"点", "分", "秒"};
    const char *part[4];
    size_t len[4], n = split(t, ':', part, len);

    for (size_t i = 0; i < n && i < 3; i++) {
        if (i == 1 && n == 2 && len[1] == 2 && !memcmp(part[1], "00", 2))
            return; /* 八点 */
        if (i && len[i] == 2 && part[i][0] == '0')
            say(t, "零");
        if (i == 0 && len[0] == 1 && part[0][0] == '2')
            say(t, "两");
        else
            say_integer(t, part[i], len[i]);
        say(t, units[i]);
    }
}

/* "2026-11-24" or "2026/11/24". */
static bool say_date(const struct token *t, char sign)
{
    const char *part[4];
    size_t len[4];

    if (split(t, sign, part, len) != 3 || len[0] != 4 || len[1] > 2 || len[2] > 2 || !len[1] || !len[2])
        return false;
    say_digits(t, part[0], len[0], false);
    say(t, "年");
    say_integer(t, part[1], len[1]);
    say(t, "月");
    say_integer(t, part[2], len[2]);
    say(t, "日");
    return true;
}

/* Numbers that are named, not counted: telephone, postcode, room. */
static bool is_code(const char *s, size_t n)
{
    if (n > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9')
        return true;
    if (n == 11 && s[0] == '1') /* a mobile telephone */
        return true;
    return n >= 8 && strncmp(s + n - 3, "000", 3) != 0;
}

static void say_plain(const struct token *t)
{
    size_t digits = strspn(t->s, "0123456789");

    if (digits == t->n && t->after == 0x5e74 && (digits == 4 || digits == 2) &&
        !(digits == 2 && t->s[0] == '1')) {
        say_digits(t, t->s, t->n, false); /* 2026年, 98年 */
        return;
    }
    if (digits == t->n && is_code(t->s, t->n)) {
        say_digits(t, t->s, t->n, t->n == 11 || t->s[0] == '0');
        return;
    }
    if (t->n == 1 && t->s[0] == '2' &&
        one_of(t->after, "个位名次种条件只张本天周年岁元块倍万亿千家台部辆把双对层项场段分秒小口头")) {
        say(t, "两");
        return;
    }
    say_decimal(t, t->s, t->n);
}

static void say_list(const struct token *t, char sign, const char *between)
{
    const char *part[4];
    size_t len[4], n = split(t, sign, part, len);

    for (size_t i = 0; i < n; i++) {
        if (i)
            say(t, between);
        say_decimal(t, part[i], len[i]);
    }
}

/* "2020-2026" */
static bool is_years(const struct token *t)
{
    return t->n == 9 && t->s[4] == '-' && (!memcmp(t->s, "19", 2) || !memcmp(t->s, "20", 2)) &&
           (!memcmp(t->s + 5, "19", 2) || !memcmp(t->s + 5, "20", 2));
}

static void say_token(const struct token *t)
{
    const char *part[4];
    size_t len[4];

    if (count(t, ':')) {
        say_time(t);
    } else if (count(t, '/')) {
        if (say_date(t, '/'))
            return;
        size_t n = split(t, '/', part, len);
        if (n == 2) { /* 1/2 is 二分之一 */
            say_decimal(t, part[1], len[1]);
            say(t, "分之");
            say_decimal(t, part[0], len[0]);
        } else {
            say_list(t, '/', "，");
        }
    } else if (is_years(t)) {
        say_digits(t, t->s, 4, false);
        say(t, "到");
        say_digits(t, t->s + 5, 4, false);
    } else if (count(t, '-') == 1 && !is_code(t->s, t->n) && t->n < 11) {
        say_list(t, '-', "到");
    } else if (count(t, '-')) {
        if (!say_date(t, '-'))
            say_digits(t, t->s, t->n, true); /* 010-1234-5678 */
    } else if (count(t, '~')) {
        say_list(t, '~', "到");
    } else {
        say_plain(t);
    }
}

static bool is_digit(const struct ac_hanzi_list *in, size_t i)
{
    return i < in->n && in->v[i].cp >= '0' && in->v[i].cp <= '9';
}

/* End of the token that begins with a digit at i: digits, and single signs between digits. */
static size_t token_end(const struct ac_hanzi_list *in, size_t i)
{
    size_t first = i;

    while (i - first < MAX_TOKEN) {
        if (is_digit(in, i))
            i++;
        else if (i < in->n && in->v[i].cp < 0x80 && strchr(".,:-/~", (int)in->v[i].cp) && is_digit(in, i + 1))
            i++;
        else
            break;
    }
    return i;
}

static const struct {
    uint32_t sign;
    const char *unit;
} money[] = {{0xa5, "元"}, {0xffe5, "元"}, {'$', "美元"}, {0x20ac, "欧元"}, {0xa3, "英镑"}};

static const char *money_unit(uint32_t cp)
{
    for (size_t i = 0; i < sizeof money / sizeof *money; i++)
        if (money[i].sign == cp)
            return money[i].unit;
    return NULL;
}

size_t ac_hanzi_number(const struct ac_hanzi_list *in, size_t i, struct ac_hanzi_list *out)
{
    struct token t = {.out = out, .before = i ? in->v[i - 1].cp : 0};
    size_t at = i;
    const char *unit = money_unit(in->v[i].cp);
    bool minus = false;

    if (unit)
        at++;
    else if ((in->v[i].cp == '-' || in->v[i].cp == 0x2212) &&
             (!t.before || t.before == ' ' || one_of(t.before, "是为到至零（")))
        minus = true, at++;
    if (!is_digit(in, at))
        return 0;
    size_t end = token_end(in, at);
    for (size_t k = at; k < end; k++)
        t.s[t.n++] = (char)in->v[k].cp;
    uint32_t after = end < in->n ? in->v[end].cp : 0;
    bool percent = after == '%', permille = after == 0x2030;
    end += percent || permille;
    t.after = percent || permille ? 0 : after;
    t.span = (struct ac_tts_span){in->v[i].span.start, in->v[end - 1].span.end};
    if (minus)
        say(&t, "负");
    if (percent)
        say(&t, "百分之");
    if (permille)
        say(&t, "千分之");
    say_token(&t);
    if (unit)
        say(&t, unit);
    return end - i;
}
