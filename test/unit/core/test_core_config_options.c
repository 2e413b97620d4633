/* The option-table engine: parsing of each type with its errors, printing, help, sample and reference rows.
 */
#include "core/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct cfg {
    bool b;
    int i;
    double f;
    char *s;
    char *p;
    int c;
    char *key;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

#define S struct cfg
static const struct ac_option options[] = {
    AC_OPTION_BOOL(S, b, "b", "true", 0, "A switch."),
    AC_OPTION_INT(S, i, "i", "42", -10, 100, AC_OPT_RUNTIME, "A number."),
    AC_OPTION_FLOAT(S, f, "f", "0.5", 0, 2, 0, "A share."),
    AC_OPTION_STRING(S, s, "s", "", 0, "A text | with a bar."),
    AC_OPTION_PATH(S, p, "p", "data/x y", 0, "A path."),
    AC_OPTION_CHOICE(S, c, "c", "green", colours, 0, "A colour."),
    AC_OPTION_STRING(S, key, "key", "", AC_OPT_SECRET, "A key."),
    AC_OPTIONS_END,
};
#undef S
enum { OPT_B, OPT_I, OPT_F, OPT_S, OPT_P, OPT_C, OPT_KEY };

static void set_defaults(struct cfg *cfg)
{
    struct ac_str why = {0};

    memset(cfg, 0, sizeof *cfg);
    assert_int_equal(ac_options_defaults(options, cfg, &why), 0);
    assert_int_equal(why.len, 0);
    ac_str_free(&why);
}

static void test_defaults(void **state)
{
    struct cfg cfg;

    (void)state;
    set_defaults(&cfg);
    assert_true(cfg.b);
    assert_int_equal(cfg.i, 42);
    assert_true(cfg.f == 0.5);
    assert_string_equal(cfg.s, "");
    assert_string_equal(cfg.p, "data/x y");
    assert_int_equal(cfg.c, 1);
    ac_options_free(options, &cfg);
    assert_null(cfg.s);
    assert_int_equal(ac_options_count(options), 7);
    assert_int_equal(ac_options_count(NULL), 0);
}

static void test_wrong_default_is_named(void **state)
{
#define S struct cfg
    static const struct ac_option bad[] = {
        AC_OPTION_INT(S, i, "first", "101", -10, 100, 0, "Out of its own range."),
        AC_OPTION_INT(S, i, "second", "7", -10, 100, 0, "Fine."),
        AC_OPTIONS_END,
    };
#undef S
    struct cfg cfg = {0};
    struct ac_str why = {0};

    (void)state;
    assert_int_equal(ac_options_defaults(bad, &cfg, &why), AC_EINTERNAL);
    assert_non_null(strstr(why.p, "'first'"));
    assert_null(strstr(why.p, "'second'"));
    assert_int_equal(cfg.i, 7);
    ac_str_free(&why);
}

/* printed: what a good text prints as; NULL: it is refused with `error` in the reason. */
static const struct {
    int option;
    const char *text, *printed, *error;
} parse_cases[] = {
    {OPT_B, "true", "true", NULL},
    {OPT_B, "no", "false", NULL},
    {OPT_B, "ON", "true", NULL},
    {OPT_B, "1", NULL, "'1' is neither true nor false"},
    {OPT_B, "", NULL, "neither true nor false"},
    {OPT_I, "-10", "-10", NULL},
    {OPT_I, "100", "100", NULL},
    {OPT_I, "101", NULL, "101 is out of range: -10 to 100"},
    {OPT_I, "-11", NULL, "out of range"},
    {OPT_I, "99999999999999999999", NULL, "out of range"},
    {OPT_I, "4294967338", NULL, "out of range"}, /* 42 when cut to 32 bits */
    {OPT_I, "12x", NULL, "'12x' is not a whole number"},
    {OPT_I, "1.5", NULL, "not a whole number"},
    {OPT_I, "", NULL, "not a whole number"},
    {OPT_F, "0.25", "0.25", NULL},
    {OPT_F, "2", "2", NULL},
    {OPT_F, "1e-3", "0.001", NULL},
    {OPT_F, "2.01", NULL, "2.01 is out of range: 0 to 2"},
    {OPT_F, "nan", NULL, "out of range"},
    {OPT_F, "inf", NULL, "out of range"},
    {OPT_F, "half", NULL, "'half' is not a number"},
    {OPT_S, "hello", "hello", NULL},
    {OPT_S, "", "\"\"", NULL},
    {OPT_S, "no", "\"no\"", NULL},
    {OPT_S, "0.0.0.0", "\"0.0.0.0\"", NULL},
    {OPT_S, "a \"b\"\\\n", "\"a \\\"b\\\"\\\\\\x0A\"", NULL},
    {OPT_S, "你好", "\"你好\"", NULL},
    {OPT_S, "a\xff", NULL, "not valid UTF-8"},
    {OPT_P, "/usr/share", "/usr/share", NULL},
    {OPT_C, "blue", "blue", NULL},
    {OPT_C, "Blue", NULL, "'Blue' is not one of red, green or blue; did you mean 'blue'?"},
    {OPT_C, "gren", NULL, "did you mean 'green'?"},
    {OPT_C, "octarine", NULL, "'octarine' is not one of red, green or blue"},
    {OPT_KEY, "hush", "\"***\"", NULL},
    {OPT_KEY, "", "\"\"", NULL},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof parse_cases / sizeof *parse_cases; i++) {
        const struct ac_option *o = &options[parse_cases[i].option];
        struct cfg cfg;
        struct ac_str before = {0}, after = {0}, why = {0};

        set_defaults(&cfg);
        ac_option_print(o, &cfg, &before);
        int err = ac_option_parse(o, &cfg, parse_cases[i].text, &why);
        ac_option_print(o, &cfg, &after);
        if (parse_cases[i].printed) {
            assert_int_equal(err, 0);
            assert_string_equal(after.p, parse_cases[i].printed);
        } else {
            assert_int_equal(err, AC_EINVAL);
            assert_non_null(why.p);
            if (!strstr(why.p, parse_cases[i].error))
                fail_msg("'%s': '%s' lacks '%s'", parse_cases[i].text, why.p, parse_cases[i].error);
            assert_string_equal(after.p, before.p);
        }
        ac_str_free(&before);
        ac_str_free(&after);
        ac_str_free(&why);
        ac_options_free(options, &cfg);
    }
}

static void expect_row(void (*row)(const struct ac_option *, const char *, struct ac_str *), int option,
                       const char *expected)
{
    struct ac_str out = {0};

    row(&options[option], "tts.x", &out);
    assert_string_equal(out.p, expected);
    ac_str_free(&out);
}

static void test_rows(void **state)
{
    struct ac_str out = {0};

    (void)state;
    expect_row(ac_option_markdown, OPT_I,
               "| `tts.x.i` | whole number, -10 to 100 | `42` | A number. May change while running. |\n");
    expect_row(ac_option_markdown, OPT_S, "| `tts.x.s` | text | `\"\"` | A text \\| with a bar. |\n");
    expect_row(ac_option_markdown, OPT_KEY,
               "| `tts.x.key` | text | `\"\"` | A key. Secret: never shown. |\n");
    expect_row(ac_option_help, OPT_C, "  tts.x.c=green  (red, green or blue)\n      A colour.\n");
    expect_row(ac_option_help, OPT_F, "  tts.x.f=0.5  (number, 0 to 2)\n      A share.\n");
    ac_option_sample(&options[OPT_P], 2, &out);
    assert_string_equal(out.p, "  # A path. (path)\n  #p: \"data/x y\"\n");
    ac_str_clear(&out);
    ac_option_takes(&options[OPT_B], &out);
    assert_string_equal(out.p, "true or false");
    ac_str_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_wrong_default_is_named),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
