/*
 * Normaliser: what is read digit by digit: telephone numbers, addresses of machines, versions, codes. See
 * spoken_private.h.
 *
 * A telephone number is a row of groups with the lengths of one; the pauses are where it is written apart.
 */
#include "tts/spoken_private.h"

#include <string.h>

enum { MAX_GROUPS = 8 };

struct groups {
    size_t at[MAX_GROUPS], len[MAX_GROUPS], end[MAX_GROUPS]; /* end: behind it and its bracket */
    uint32_t sep[MAX_GROUPS];                                /* before it */
    size_t n;
    bool plus, bracket;
};

static void collect(const struct spoken *s, size_t i, struct groups *g)
{
    *g = (struct groups){0};
    if (spoken_at(s, i) == '+') {
        g->plus = true;
        i++;
    }
    for (uint32_t sep = 0; g->n < MAX_GROUPS;) {
        bool bracket = spoken_at(s, i) == '(';
        size_t at = i + bracket, n = spoken_digits(s, at);
        if (!n || (bracket && spoken_at(s, at + n) != ')'))
            return;
        g->bracket = g->bracket || bracket;
        g->at[g->n] = at;
        g->len[g->n] = n;
        g->sep[g->n] = sep;
        i = at + n + bracket;
        g->end[g->n++] = i;
        sep = spoken_at(s, i);
        if (sep == ' ' || sep == '-' || sep == '.' || sep == 0x2011)
            i++;
        else if (!bracket && sep != '(')
            return;
    }
}

static bool has_lengths(const struct groups *g, size_t k, const char *lengths)
{
    if (strlen(lengths) != k)
        return false;
    for (size_t i = 0; i < k; i++)
        if (g->len[i] != (size_t)(lengths[i] - '0'))
            return false;
    return true;
}

static bool same_seps(const struct groups *g, size_t k, uint32_t sep)
{
    for (size_t i = 1; i < k; i++)
        if (g->sep[i] != sep)
            return false;
    return true;
}

static bool phone_cue(const struct spoken *s, size_t i, size_t end)
{
    char before[SPOKEN_WORD];

    if (s->zh)
        return spoken_cue(s, i, 8, "电话 热线 拨 致电 手机 传真 客服 请打 打给 拨打 短信 短号") ||
               spoken_any(s, end, "报警 急救 热线 电话 火警 客服");
    spoken_word_before(s, i, before);
    return spoken_listed(before, "call calling dial dialing phone telephone tel mobile cell fax whatsapp "
                                 "hotline");
}

/* The first k groups are a telephone number. */
static bool fits(const struct spoken *s, const struct groups *g, size_t i, size_t k)
{
    size_t total = 0;
    uint32_t first = spoken_at(s, g->at[0]);

    for (size_t n = 0; n < k; n++)
        total += g->len[n];
    if (g->plus)
        return total >= 8 && total <= 15 && (k > 1 || total >= 10);
    if (g->bracket)
        return k > 1 && total >= 9 && total <= 12 && spoken_at(s, i) == '(';
    if (k == 1 && total == 11 && first == '1' && spoken_at(s, i + 1) >= '3')
        return true;
    if (k == 2 && g->sep[1] == '-' && first == '0' && g->len[0] >= 3 && g->len[1] >= 7 && g->len[1] <= 8)
        return true;
    if (has_lengths(g, k, "34") && g->sep[1] == '-' && first >= '2')
        return spoken_value(s, g->at[0], 3) % 100 || phone_cue(s, i, g->end[1]);
    if (has_lengths(g, k, "344") && first == '1')
        return true;
    if (has_lengths(g, k, "334") || has_lengths(g, k, "1334"))
        return !same_seps(g, k, ' ') || phone_cue(s, i, g->end[k - 1]);
    if (k >= 3 && same_seps(g, k, '-'))
        return true;
    return phone_cue(s, i, g->end[k - 1]) && total >= 3 && total <= 15 && (k == 1 || total >= 7);
}

static void say_group(const struct spoken *s, struct ac_str *w, size_t at, size_t n)
{
    char digits[SPOKEN_DIGITS];

    for (size_t k = 0; k < n; k++)
        digits[k] = (char)spoken_at(s, at + k);
    if (s->zh)
        spoken_zh_digits(w, digits, n, true);
    else
        spoken_en_digits(w, digits, n);
}

static size_t say_phone(struct spoken *s, const struct groups *g, size_t i, size_t k)
{
    struct ac_str w = {0};
    const char *pause = s->zh ? "，" : ", ";

    if (g->plus)
        ac_str_add(&w, s->zh ? "加" : "plus ");
    for (size_t n = 0; n < k; n++) {
        if (n)
            ac_str_add(&w, pause);
        if (k == 1 && g->len[0] == 11) { /* as people say a mobile number */
            say_group(s, &w, i, 3);
            ac_str_add(&w, pause);
            say_group(s, &w, i + 3, 4);
            ac_str_add(&w, pause);
            say_group(s, &w, i + 7, 4);
        } else {
            say_group(s, &w, g->at[n], g->len[n]);
        }
    }
    return spoken_say(s, i, g->end[k - 1], &w);
}

size_t spoken_phone(struct spoken *s, size_t i)
{
    struct groups g;

    if (i && (spoken_is_alnum(spoken_at(s, i - 1)) || spoken_in(spoken_at(s, i - 1), ".,-/$€£¥#")))
        return 0;
    collect(s, i, &g);
    for (size_t k = g.n; k; k--) {
        uint32_t next = spoken_at(s, g.end[k - 1]);
        if (spoken_is_letter(next) ||
            (spoken_in(next, ".,-/:%") && spoken_is_digit(spoken_at(s, g.end[k - 1] + 1))))
            continue;
        if (fits(s, &g, i, k))
            return say_phone(s, &g, i, k);
    }
    return 0;
}

/* ---- versions and addresses ---- */

/* Python 3.11 is three point eleven. */
static bool is_version_of(const struct spoken *s, size_t i)
{
    char before[SPOKEN_WORD];

    spoken_word_before(s, i, before);
    return spoken_listed(before, "version python java ubuntu node django php ruby release kubernetes perl "
                                 "postgres mysql kernel debian swift");
}

size_t spoken_dotted(struct spoken *s, size_t i)
{
    struct ac_str w = {0};
    size_t at = i, parts = 0;
    bool address = true;

    for (;;) {
        size_t n = spoken_digits(s, at);
        if (!n)
            break;
        parts++;
        address = address && n <= 3;
        at += n;
        if (spoken_at(s, at) != '.' || !spoken_is_digit(spoken_at(s, at + 1)))
            break;
        at++;
    }
    if (parts < 2 || (parts == 2 && (s->zh || !is_version_of(s, i))))
        return 0;
    address = address && parts == 4;
    for (size_t from = i, k = 0; k < parts; k++) {
        char digits[SPOKEN_DIGITS];
        size_t n = spoken_digits(s, from);
        for (size_t d = 0; d < n; d++)
            digits[d] = (char)spoken_at(s, from + d);
        if (k && s->zh)
            ac_str_add(&w, "点");
        else if (k)
            spoken_en_add(&w, address ? "dot" : "point");
        bool singly = address || (n > 1 && digits[0] == '0');
        if (s->zh && singly)
            spoken_zh_digits(&w, digits, n, false);
        else if (s->zh)
            spoken_zh_integer(&w, digits, n);
        else if (singly)
            spoken_en_digits(&w, digits, n);
        else
            spoken_en_cardinal(&w, digits, n);
        from += n + 1;
    }
    return spoken_say(s, i, at, &w);
}

/* ---- codes ---- */

static bool is_code_zh(const struct spoken *s, size_t i, size_t n)
{
    if (n >= 3 && spoken_any(s, i + n, "房 室 号房 号室 医院 高校 工程 航班 次列车 工作制"))
        return true;
    bool standard = n >= 3 && n <= 5 && i > 2 && spoken_at(s, i - 1) == ' ' &&
                    spoken_is_upper(spoken_at(s, i - 2)) &&
                    (spoken_is_upper(spoken_at(s, i - 3)) || spoken_at(s, i - 3) == '/') &&
                    !spoken_is_letter(spoken_at(s, i + n)) && !spoken_zh_measure(s, i + n); /* ISO 9001 */
    if (standard)
        return true;
    return n >= 3 && spoken_cue(s, i, 7,
                                "验证码 密码 编号 学号 工号 邮编 卡号 账号 订单号 尾号 QQ 微信号 房间号 "
                                "车牌 代码 身份证 序列号 航班");
}

/* en: 1 digit by digit, 2 by pairs. */
static int is_code_en(const struct spoken *s, size_t i, size_t n)
{
    char before[SPOKEN_WORD];

    if (n < 3)
        return 0;
    spoken_word_before(s, i, before);
    if (i > 3 && spoken_listed(before, "is no number")) /* "your code is 4821" */
        spoken_word_before(s, i - 1 - strlen(before), before);
    if (spoken_listed(
            before, "room suite apartment apt flight gate boeing highway bus train unit rtx gtx http error"))
        return 2;
    return spoken_listed(before, "pin code id password passcode zip extension ext account order serial otp "
                                 "passport license postcode");
}

size_t spoken_code(struct spoken *s, size_t i)
{
    struct ac_str w = {0};
    char digits[SPOKEN_DIGITS];
    size_t n = spoken_digits(s, i);
    uint32_t next = spoken_at(s, i + n);

    if (n < 2 || (spoken_in(next, ".,/:%-") && spoken_is_digit(spoken_at(s, i + n + 1))) || next == '%')
        return 0;
    for (size_t k = 0; k < n; k++)
        digits[k] = (char)spoken_at(s, i + k);
    bool long_one = n >= 8 && memcmp(digits + n - 3, "000", 3) != 0;
    bool zero = digits[0] == '0';
    if (s->zh) {
        bool service = n == 5 && spoken_any(s, i, "12306 12315 10086") && !spoken_zh_measure(s, i + n);
        if (!zero && !long_one && !service && !is_code_zh(s, i, n))
            return 0;
        spoken_zh_digits(&w, digits, n, service || (zero && n >= 10));
        return spoken_say(s, i, i + n, &w);
    }
    int code = is_code_en(s, i, n);
    if (code == 2 && n <= 4)
        spoken_en_code(&w, digits, n);
    else if (code || zero || long_one)
        spoken_en_digits(&w, digits, n);
    else
        return 0;
    return spoken_say(s, i, i + n, &w);
}
