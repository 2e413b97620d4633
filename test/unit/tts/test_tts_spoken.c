/* The normaliser: which language where, the map back to the sentence, what is left alone. */
#include "spoken_cases.h"

static void test_languages(void **state)
{
    static const struct {
        const char *lang, *in, *spoken;
    } cases[] = {
        {"", "I have 3 apples", "I have three apples"},
        {"", "我有3个", "我有三个"},
        {"auto", "42", "forty-two"},
        {"", "Привет 5", "Привет 5"},
        {"", "日本語です2024年", "日本語です2024年"},
        {"de", "Es kostet 3,50 € am 5. Mai.", "Es kostet 3,50 € am 5. Mai."},
        {"de-DE", "**fett** und a_b", "fett und a b"},
        {"fr", "Il a 2 enfants", "Il a 2 enfants"},
        {"ja", "今日は3月です", "今日は3月です"},
        {"en", "In 北京 there are 3 rings", "In 北京 there are three rings"},
        {"en", "2024年", "二零二四年"},
        {"zh-CN", "It costs $3.50 today.", "It costs three dollars fifty today."},
        {"zh-CN", "他说 I have 3 apples today 然后走了。", "他说 I have three apples today 然后走了。"},
        {"zh-CN", "我用 iPhone 15 Pro 拍照。", "我用 iPhone 十五 Pro 拍照。"},
        {"zh-TW", "共2個", "共两個"},
        {"zh", "3.5 GB", "三点五 G B"},
        {"zh", "GPT-4", "G P T四"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_tts_text out = {0};
        const char *fault;
        assert_int_equal(say(&out, cases[i].in, cases[i].lang), 0);
        fault = map_fault(&out, cases[i].in);
        if (strcmp(out.s.p, cases[i].spoken) || fault)
            print_error("%s (%s): %s %s\n", cases[i].in, cases[i].lang, out.s.p, fault ? fault : "");
        assert_null(fault);
        assert_string_equal(out.s.p, cases[i].spoken);
        ac_tts_text_free(&out);
    }
}

/* Each word that is said names the bytes of what was written for it, and all words of a token the same. */
static void test_spans(void **state)
{
    static const struct {
        const char *lang, *in, *said, *written;
    } cases[] = {
        {"en", "It costs $3.50 now.", "three dollars fifty", "$3.50"},
        {"en", "It costs $3.50 now.", "costs", "costs"},
        {"en", "It costs $3.50 now.", "now", "now"},
        {"en", "On March 15, 2024 we met.", "March fifteenth, twenty twenty-four", "March 15, 2024"},
        {"en", "About 5 km away.", "five kilometers", "5 km"},
        {"en", "Meet at 2:30 p.m. today.", "two thirty P M", "2:30 p.m."},
        {"en", "The FBI came.", "F B I", "FBI"},
        {"en", "Dr. Smith", "Doctor", "Dr."},
        {"en", "Add 1½ cups.", "one and a half", "1½"},
        {"en", "Mail someone@example.com.", "someone at example dot com", "someone@example.com"},
        {"en", "From 3-5 days.", "three to five", "3-5"},
        {"en", "Call +1 (555) 123-4567.", "plus one, five five five, one two three, four five six seven",
         "+1 (555) 123-4567"},
        {"en", "x² is", "squared", "²"},
        {"zh", "卖¥100了", "一百元", "¥100"},
        {"zh", "占50%的人", "百分之五十", "50%"},
        {"zh", "是2024-03-15吗", "二零二四年三月十五日", "2024-03-15"},
        {"zh", "在14:30走", "十四点三十分", "14:30"},
        {"zh", "在2024年3月", "二零二四", "2024"},
        {"zh", "在2024年3月", "年", "年"},
        {"zh", "有２个", "两", "２"},
        {"zh", "电话138 0013 8000。", "幺三八，零零幺三，八零零零", "138 0013 8000"},
        {"zh", "用AI吧", "A I", "AI"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_tts_text out = {0};
        const char *written = strstr(cases[i].in, cases[i].written), *said, *end;
        assert_non_null(written);
        assert_int_equal(say(&out, cases[i].in, cases[i].lang), 0);
        said = strstr(out.s.p, cases[i].said);
        if (!said)
            print_error("%s: %s\n", cases[i].in, out.s.p);
        assert_non_null(said);
        end = said + strlen(cases[i].said);
        size_t first = 0;
        for (const char *p = out.s.p; p < said; p++)
            first += (*p & 0xc0) != 0x80;
        for (const char *p = said; p < end; first++) {
            uint32_t cp = ac_utf8_next(&p, end);
            struct ac_tts_span m = ac_tts_text_span(&out, first, 1);
            bool copied = strstr(cases[i].in, cases[i].said) != NULL; /* each character is its own */
            if (cp != ' ' && !copied) {
                assert_int_equal(m.start, written - cases[i].in);
                assert_int_equal(m.end, (size_t)(written - cases[i].in) + strlen(cases[i].written));
            }
            assert_true(m.start >= (size_t)(written - cases[i].in));
        }
        ac_tts_text_free(&out);
    }
}

static void test_nothing_to_say(void **state)
{
    static const char *const texts[] = {"{}*", "***", "_ _"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ac_tts_text in = {0}, out = {0};
        for (const char *p = texts[i]; *p; p++)
            ac_tts_text_add(&in, (unsigned char)*p,
                            (struct ac_tts_span){(uint32_t)(p - texts[i]), (uint32_t)(p - texts[i]) + 1});
        assert_int_equal(ac_tts_spoken(&out, &in, "en"), AC_EEMPTY);
        ac_tts_text_free(&in);
        ac_tts_text_free(&out);
    }
}

/* Long runs of what could begin a token: no crash, no lost characters, in a time that grows with the length.
 */
static void test_long_runs(void **state)
{
    static const char *const parts[] = {"1",   "1-", "1.", "1/",       "1:", "(1)",   "+1 ",    "$",
                                        "a.",  "a@", "A1", "http://a", "#",  "-",     "1,000,", "万",
                                        "2年", "½",  "²",  "^2",       "x",  "Jan. ", "¥"};

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (int zh = 0; zh < 2; zh++) {
            struct ac_str text = {0};
            struct ac_tts_text out = {0};
            while (text.len < 20000)
                ac_str_add(&text, parts[i]);
            if (zh)
                ac_str_add(&text, "中");
            int err = say(&out, text.p, zh ? "zh" : "en");
            assert_true(!err || err == AC_EEMPTY);
            if (!err)
                assert_null(map_fault(&out, text.p));
            ac_str_free(&text);
            ac_tts_text_free(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_nothing_to_say),
        cmocka_unit_test(test_long_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
