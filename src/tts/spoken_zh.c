/* Normaliser: numbers in Chinese characters. See spoken_private.h. */
#include "tts/spoken_private.h"

#include <stdio.h>
#include <string.h>

enum { MAX_INTEGER_DIGITS = 16 };

static const char *const names[] = {"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"};

void spoken_zh_digits(struct ac_str *w, const char *digits, size_t n, bool phone)
{
    for (size_t i = 0; i < n; i++)
        ac_str_add(w, phone && digits[i] == '1' ? "幺" : names[digits[i] - '0']);
}

/* Four digits or fewer, value > 0. `inner`: higher digits came before. */
static void add_group(struct ac_str *w, int value, bool inner)
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
            ac_str_add(w, "零");
        zero = false;
        if (digit == 2 && i == 0)
            ac_str_add(w, "两");
        else if (!(digit == 1 && i == 2 && !begun)) /* 十二, but 一百一十二 */
            ac_str_add(w, names[digit]);
        ac_str_add(w, units[i]);
        begun = true;
    }
}

void spoken_zh_integer(struct ac_str *w, const char *digits, size_t n)
{
    static const char *const units[] = {"", "万", "亿", "万亿"};
    int groups[4] = {0};
    bool begun = false, zero = false;

    while (n > 1 && *digits == '0')
        digits++, n--;
    if (n > MAX_INTEGER_DIGITS) {
        spoken_zh_digits(w, digits, n, false);
        return;
    }
    for (size_t i = 0; i < n; i++)
        groups[(n - 1 - i) / 4] = groups[(n - 1 - i) / 4] * 10 + (digits[i] - '0');
    for (int g = 3; g >= 0; g--) {
        if (!groups[g]) {
            zero = begun;
            continue;
        }
        if (zero && groups[g] >= 1000)
            ac_str_add(w, "零");
        if (groups[g] == 2 && g > 0 && !begun)
            ac_str_add(w, "两");
        else
            add_group(w, groups[g], begun);
        ac_str_add(w, g == 3 && groups[2] ? "万" : units[g]); /* 一万二千亿: the 亿 comes once */
        begun = true;
        zero = false;
    }
    if (!begun)
        ac_str_add(w, "零");
}

void spoken_zh_number(struct ac_str *w, const struct spoken_number *num)
{
    spoken_zh_integer(w, num->whole, num->n_whole);
    if (num->n_part) {
        ac_str_add(w, "点");
        spoken_zh_digits(w, num->part, num->n_part, false);
    }
}

void spoken_zh_count(struct ac_str *w, const struct spoken_number *num)
{
    if (num->n_whole == 1 && num->whole[0] == '2' && !num->n_part)
        ac_str_add(w, "两");
    else
        spoken_zh_number(w, num);
}

void spoken_zh_int(struct ac_str *w, int value)
{
    char digits[16];

    spoken_zh_integer(w, digits, (size_t)snprintf(digits, sizeof digits, "%d", value));
}

bool spoken_zh_measure(const struct spoken *s, size_t i)
{
    static const char words[] = "个位名次种条件只张本天周年岁元块倍万亿百千家台部辆把双对层项场段分秒小口头杯"
                                "瓶盒袋片颗棵粒支枝根幅首篇"
                                "章节课句页册座栋间套架艘匹群排组批份趟遍回届轮点公吨升斤克毫厘英平方门款扇道"
                                "步声眼碗盘夜晚省市县国队党"
                                "者倍颗匙勺滴滩串束堆包箱桶罐壶锅吋英里米寸尺丈亩顷個種條張歲塊萬億臺輛雙對層"
                                "項場隻頭顆幅課頁冊棟間艘羣組趟輪點噸門夜國縣隊黨";

    i = spoken_past_blank(s, i);
    if (spoken_is(s, i, "年级") || spoken_is(s, i, "者"))
        return false;
    return spoken_in(spoken_at(s, i), words);
}
