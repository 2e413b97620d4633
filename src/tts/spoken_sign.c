/*
 * Normaliser: signs that are words when they are said: operators, dashes, powers, # and @, Greek letters. See
 * spoken_private.h.
 */
#include "tts/spoken_private.h"

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
