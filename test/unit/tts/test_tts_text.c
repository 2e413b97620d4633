/* Cleaning, scripts, runs, ASCII. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/err.h"
#include "base/mem.h"
#include "tts/text.h"

#include <stdlib.h>
#include <string.h>

static void test_clean(void **state)
{
    static const struct {
        const char *in;
        int err;
        const char *out;
    } cases[] = {
        {"Hello", 0, "Hello"},
        {"  a \t\n b ", 0, "a b "},
        {"a\x01\x7f"
         "b",
         0, "ab"},
        {"a\u200bb\ufeffc\u202e", 0, "abc"},
        {"<b>x</b>", 0, "b x /b "},
        {"ＡＢＣ１２３％", 0, "ABC123%"},
        {"你好\u3000世界", 0, "你好 世界"},
        {"%", 0, "%"},
        {"½", 0, "½"},
        {"5 < 6 and 7>3", 0, "5 ＜ 6 and 7＞3"},
        {"a<b and c>d", 0, "a b and c d"},
        {"!?.,", AC_EEMPTY, NULL},
        {"", AC_EEMPTY, NULL},
        {"\xed\xa0\x80", AC_EUTF8, NULL},
        {"\xc0\x80", AC_EUTF8, NULL},
        {"ok\xf4\x90\x80\x80", AC_EUTF8, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_tts_text t = {0};
        assert_int_equal(ac_tts_clean(&t, cases[i].in, strlen(cases[i].in)), cases[i].err);
        if (cases[i].out)
            assert_string_equal(t.s.p, cases[i].out);
        ac_tts_text_free(&t);
    }
}

/* Each code point knows its bytes in the sentence. */
static void test_map(void **state)
{
    static const char in[] = "a\x01 ü 你１";
    static const struct ac_tts_span spans[] = {{0, 1}, {2, 3}, {3, 5}, {5, 6}, {6, 9}, {9, 12}};
    struct ac_tts_text t = {0}, ascii = {0};

    (void)state;
    assert_int_equal(ac_tts_clean(&t, in, strlen(in)), 0);
    assert_int_equal(t.n, sizeof spans / sizeof *spans);
    for (size_t i = 0; i < t.n; i++) {
        assert_int_equal(t.map[i].start, spans[i].start);
        assert_int_equal(t.map[i].end, spans[i].end);
    }
    struct ac_tts_span all = ac_tts_text_span(&t, 2, 100);
    assert_int_equal(all.start, 3);
    assert_int_equal(all.end, 12);
    ac_tts_to_ascii(&ascii, &t, 2, 2); /* the ü */
    assert_string_equal(ascii.s.p, "u");
    assert_int_equal(ascii.map[0].start, 3);
    ac_tts_text_free(&t);
    ac_tts_text_free(&ascii);
}

static void test_ascii(void **state)
{
    static const char *const cases[][2] = {
        {"café naïve Ångström", "cafe naive Angstrom"},
        {"“quoted” ‘it’s’", "\"quoted\" 'it's'"},
        {"5 € or 7 £", "5  euro  or 7  pounds "},
        {"Straße — gut…", "Strasse ,  gut..."},
        {"A&B 50%", "A and B 50 percent "},
        {"①ﬁ", "1fi"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_tts_text t = {0}, ascii = {0};
        assert_int_equal(ac_tts_clean(&t, cases[i][0], strlen(cases[i][0])), 0);
        ac_tts_to_ascii(&ascii, &t, 0, t.s.len);
        assert_string_equal(ascii.s.p, cases[i][1]);
        assert_int_equal(ascii.n, strlen(cases[i][1]));
        ac_tts_text_free(&t);
        ac_tts_text_free(&ascii);
    }
}

static void test_runs(void **state)
{
    static const struct {
        const char *text, *runs; /* runs divided by | */
        bool merge;
    } cases[] = {
        {"Hello, world!", "Hello, world!", false},
        {"你好，世界。", "你好，世界。", false},
        {"我用iPhone聊天。", "我用|iPhone|聊天。", false},
        {"我有3个GPT-4o模型", "我有3个|GPT-4o|模型", false},
        {"价格是 $5 USD 左右", "价格是 $5 |USD |左右", false},
        {"用（API）吧", "用|（API）|吧", false},
        {"в Москве 5 людей", "в Москве 5 людей", false},
        {"日本語です", "日本語|です", false},
        {"日本語です", "日本語です", true},
        {"123", "123", false},
        {"版本3.14是π", "版本3.14是|π", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_tts_text t = {0};
        struct ac_str got = {0};
        struct ac_tts_run run;
        size_t at = 0;
        assert_int_equal(ac_tts_clean(&t, cases[i].text, strlen(cases[i].text)), 0);
        while (ac_tts_next_run(&t, &at, 1000, cases[i].merge, &run)) {
            ac_str_add(&got, got.len ? "|" : "");
            ac_str_add_n(&got, t.s.p + run.at, run.len);
        }
        assert_string_equal(got.p, cases[i].runs);
        ac_str_free(&got);
        ac_tts_text_free(&t);
    }
}

/* A long text is cut after a sentence, a clause, a word, and only then anywhere; nothing is lost. */
static void test_cuts(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *first;
    } cases[] = {
        {"One two. Three four five six.", 16, "One two."},
        {"One two, three four five six.", 16, "One two,"},
        {"One two three four five six.", 16, "One two three "},
        {"你好世界。你好世界", 20, "你好世界。"},
        {"你好世界你好世界你好世界", 20, "你好世界你好"},
        {"abcdefghijklmnop", 7, "abcdefg"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_tts_text t = {0};
        struct ac_str got = {0};
        struct ac_tts_run run;
        size_t at = 0, n = 0;
        assert_int_equal(ac_tts_clean(&t, cases[i].text, strlen(cases[i].text)), 0);
        while (ac_tts_next_run(&t, &at, cases[i].max, false, &run)) {
            assert_true(run.len > 0 && run.len <= cases[i].max);
            if (!n++) {
                assert_int_equal(run.len, strlen(cases[i].first));
                assert_memory_equal(t.s.p, cases[i].first, run.len);
            }
            ac_str_add_n(&got, t.s.p + run.at, run.len);
        }
        assert_string_equal(got.p, cases[i].text);
        ac_str_free(&got);
        ac_tts_text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean), cmocka_unit_test(test_map),  cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_runs),  cmocka_unit_test(test_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
