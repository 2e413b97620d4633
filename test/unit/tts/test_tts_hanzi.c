/* Chinese text to pinyin: words with characters of several readings, tones. */
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
        {"三点一四", "san1 dian3 yi1 si4"},
        {"314", "san1yi1 si4"},
        {"二零一一年", "er4 ling2 yi1yi1 nian2"},
        {"三分之一", "san1fen1 zhi1yi1"},
        {"一个", "yi2ge5"},
        {"幺幺零", "yao1 yao1 ling2"},
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
        cmocka_unit_test(test_pinyin),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_coverage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
