/* Chinese text to pinyin: numbers, words with characters of several readings, tones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tts/hanzi.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *text, *said;
};

/* What is said for a text, as characters. */
static void check_numbers(const struct row *rows, size_t n)
{
    for (size_t r = 0; r < n; r++) {
        struct ac_hanzi_list in = {0}, out = {0};
        struct ac_str got = {0};
        const char *p = rows[r].text, *end = p + strlen(p);
        while (p < end) {
            uint32_t at = (uint32_t)(p - rows[r].text);
            uint32_t cp = ac_utf8_next(&p, end);
            ac_hanzi_add(&in, cp, (struct ac_tts_span){at, (uint32_t)(p - rows[r].text)}, false);
        }
        for (size_t i = 0; i < in.n;) {
            size_t taken = ac_hanzi_number(&in, i, &out);
            if (!taken)
                ac_hanzi_add(&out, in.v[i].cp, in.v[i].span, false);
            i += taken ? taken : 1;
        }
        for (size_t i = 0; i < out.n; i++) {
            assert_true(out.v[i].span.start < out.v[i].span.end && out.v[i].span.end <= strlen(rows[r].text));
            ac_utf8_add(&got, out.v[i].cp);
        }
        assert_string_equal(got.p, rows[r].said);
        ac_str_free(&got);
        free(in.v);
        free(out.v);
    }
}

static void test_numbers(void **state)
{
    static const struct row rows[] = {
        {"0", "零"},
        {"5", "五"},
        {"10", "十"},
        {"12", "十二"},
        {"20", "二十"},
        {"101", "一百零一"},
        {"110", "一百一十"},
        {"112", "一百一十二"},
        {"999", "九百九十九"},
        {"1000", "一千"},
        {"1001", "一千零一"},
        {"1010", "一千零一十"},
        {"2000", "两千"},
        {"10000", "一万"},
        {"10001", "一万零一"},
        {"20000", "两万"},
        {"1,234,567", "一百二十三万四千五百六十七"},
        {"100000000", "一亿"},
        {"3.14", "三点一四"},
        {"0.05", "零点零五"},
        {"1.2.3版", "一点二点三版"},
        {"25%", "百分之二十五"},
        {"99.9%的", "百分之九十九点九的"},
        {"-5度", "负五度"},
        {"2026年", "二零二六年"},
        {"98年", "九八年"},
        {"10年", "十年"},
        {"2个", "两个"},
        {"12个", "十二个"},
        {"2月", "二月"},
        {"10:30", "十点三十分"},
        {"8:00", "八点"},
        {"2:05", "两点零五分"},
        {"2026-11-24", "二零二六年十一月二十四日"},
        {"2026/1/2", "二零二六年一月二日"},
        {"1/2", "二分之一"},
        {"3-5个", "三到五个"},
        {"3~5", "三到五"},
        {"2020-2026年", "二零二零到二零二六年"},
        {"13800138000", "幺三八零零幺三八零零零"},
        {"010-12345678", "零幺零幺二三四五六七八"},
        {"007", "零零七"},
        {"¥100", "一百元"},
        {"$3.5", "三点五美元"},
        {"有3个和4个", "有三个和四个"},
        {"12345678901234567890", "一二三四五六七八九零一二三四五六七八九零"},
        {"没有", "没有"},
    };

    (void)state;
    check_numbers(rows, sizeof rows / sizeof *rows);
}

static void check_pinyin(const struct row *rows, size_t n)
{
    for (size_t r = 0; r < n; r++) {
        struct ac_tts_text clean = {0}, out = {0};
        assert_int_equal(ac_tts_clean(&clean, rows[r].text, strlen(rows[r].text)), 0);
        ac_hanzi_to_pinyin(&out, &clean, 0, clean.s.len);
        assert_string_equal(out.s.p, rows[r].said);
        assert_int_equal(out.n, out.s.len);
        ac_tts_text_free(&clean);
        ac_tts_text_free(&out);
    }
}

static void test_pinyin(void **state)
{
    static const struct row rows[] = {
        {"你好", "ni3hao3"},
        {"银行", "yin2hang2"},
        {"行长", "hang2zhang3"},
        {"重庆", "chong2qing4"},
        {"重要", "zhong4yao4"},
        {"长大", "zhang3da4"},
        {"还有", "hai2you3"},
        {"音乐", "yin1yue4"},
        {"快乐", "kuai4le4"},
        {"了解", "liao3jie3"},
        {"觉得", "jue2de5"},
        {"为什么", "wei4shen2me5"},
        {"我的", "wo3de5"},
        {"旅行", "lv3xing2"},
        {"哪儿", "nar3"},
        {"不是", "bu2shi4"},
        {"不好", "bu4hao3"},
        {"一起", "yi4qi3"},
        {"一样", "yi2yang4"},
        {"第一", "di4yi1"},
        {"一月", "yi1yue4"},
        {"一百", "yi4bai3"},
        {"3.14", "san1 dian3 yi1 si4"},
        {"对，好。", "dui4, hao3. "},
    };

    (void)state;
    assert_int_equal(ac_hanzi_acquire(), 0);
    check_pinyin(rows, sizeof rows / sizeof *rows);
    ac_hanzi_release();
}

/* The table is sorted (it is searched by halves), and each row is well-formed: valid syllables, one a
 * character. */
static void test_table(void **state)
{
    size_t n;
    const struct ac_hanzi_word *w = ac_hanzi_words(&n);

    (void)state;
    assert_true(n > 800);
    for (size_t i = 0; i < n; i++) {
        size_t chars = 0, syllables = 1, len = strlen(w[i].pinyin);
        if (i)
            assert_true(strcmp(w[i - 1].word, w[i].word) < 0);
        for (const char *p = w[i].word; *p; p++)
            chars += (*p & 0xc0) != 0x80;
        for (size_t k = 0; k < len; k++) {
            char c = w[i].pinyin[k];
            assert_true((c >= 'a' && c <= 'z') || (c >= '1' && c <= '5') || c == ' ');
            if (c == ' ' || k + 1 == len)
                assert_true(w[i].pinyin[c == ' ' ? k - 1 : k] <= '5'); /* a syllable ends with its tone */
            syllables += c == ' ';
        }
        assert_true(chars <= 5);
        assert_true(syllables == chars || (syllables + 1 == chars && strstr(w[i].word, "儿")));
    }
}

/* Every character of the common range is readable, and each syllable is one that eSpeak's rules know. */
static void test_coverage(void **state)
{
    struct ac_tts_text in = {0}, out = {0};
    size_t syllables = 0;

    (void)state;
    assert_int_equal(ac_hanzi_acquire(), 0);
    for (uint32_t cp = 0x4e00; cp < 0x4e00 + 400; cp++) {
        ac_tts_text_add(&in, cp, (struct ac_tts_span){0, 3});
        ac_tts_text_add(&in, 0xff0c, (struct ac_tts_span){3, 6});
    }
    ac_hanzi_to_pinyin(&out, &in, 0, in.s.len);
    for (size_t i = 0; i < out.s.len; i++)
        syllables += out.s.p[i] >= '1' && out.s.p[i] <= '5';
    assert_true(syllables > 390);
    ac_tts_text_free(&in);
    ac_tts_text_free(&out);
    ac_hanzi_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_pinyin),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_coverage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
