/* The persona: which text it is, the avatar's own words, and what is filled in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/persona.h"
#include "core/registry.h"
#include "fake/fake_engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void write_file(const char *name, const char *text)
{
    char path[160];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_folder(void **state)
{
    char path[160];

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ac-persona-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/avatars", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/avatars/mo", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file("avatars/mo/persona.md", "Mo likes tea.\n");
    write_file("avatars/mo/persona.zh.md", "莫喜欢茶。\n\n");
    write_file("prompt.txt", "From a file, {name}.");
    write_file("bad.txt", "\xff\xfe");
    setenv("AVATAR_CHAT_DATA", folder, 1);
    return 0;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static char *load(const char *const *sets, size_t n, const char *avatar, const char *lang)
{
    struct ac_config *cfg;
    struct ac_str errors = {0};

    assert_int_equal(ac_config_load(&cfg, NULL, sets, n, &errors), 0);
    char *text = ac_persona_load(cfg, avatar, lang);
    ac_config_free(cfg);
    ac_str_free(&errors);
    return text;
}

static void check(const char *const *sets, size_t n, const char *avatar, const char *lang, const char *want)
{
    char *text = load(sets, n, avatar, lang);

    assert_string_equal(text, want);
    free(text);
}

static void test_load(void **state)
{
    static const char *const own[] = {"session.system_prompt=Own words."};
    static const char *const file[] = {"session.system_prompt=Own words.",
                                       "session.system_prompt_file=prompt.txt"};
    static const char *const bad[] = {"session.system_prompt=Own words.",
                                      "session.system_prompt_file=bad.txt"};

    (void)state;
    check(own, 1, "nobody", "en", "Own words.");
    check(own, 1, "mo", "en", "Own words.\n\nMo likes tea.");
    check(own, 1, "mo", "zh-CN", "Own words.\n\n莫喜欢茶。");
    check(own, 1, "mo", "", "Own words.\n\nMo likes tea.");
    check(own, 1, "../avatars/mo", "en", "Own words.");
    check(file, 2, "", "en", "From a file, {name}.");
    check(bad, 2, "", "en", "Own words.");
    char *en = load(NULL, 0, "", "en"), *zh = load(NULL, 0, "", "zh-TW");
    assert_non_null(strstr(en, "{name}"));
    assert_non_null(strstr(en, "[happy]"));
    assert_non_null(strstr(zh, "你是{name}"));
    assert_true(ac_utf8_valid(zh, strlen(zh)));
    free(en);
    free(zh);
}

/* A named file that is not there is a fault of the configuration. */
static void test_missing_file(void **state)
{
    static const char *const sets[] = {"session.system_prompt_file=none.txt"};
    struct ac_config *cfg = NULL;
    struct ac_str errors = {0};

    (void)state;
    assert_int_equal(ac_config_load(&cfg, NULL, sets, 1, &errors), AC_ECONFIG);
    assert_non_null(strstr(errors.p, "session.system_prompt_file"));
    assert_non_null(strstr(errors.p, "none.txt"));
    ac_config_free(cfg);
    ac_str_free(&errors);
}

static void test_fill(void **state)
{
    static const struct {
        const char *text, *lang, *want;
    } cases[] = {
        {"{name} and {name}", "en", "Lin and Lin"},
        {"{language}|{date}|{time}", "en-US", "English|Thursday, 2026-11-26|14:05"},
        {"{language}|{date}|{time}", "zh-CN", "中文|2026年11月26日，星期四|14:05"},
        {"{language}", "", "the language of the question"},
        {"{language}", "eo", "the language with the tag eo"},
        {"{language}", "de", "German"},
        {"{\"json\": {}} {nam} {", "en", "{\"json\": {}} {nam} {"},
        {"", "en", ""},
    };
    struct tm tm = {.tm_year = 126, .tm_mon = 10, .tm_mday = 26, .tm_hour = 14, .tm_min = 5, .tm_isdst = -1};
    time_t now = mktime(&tm);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = ac_persona_fill(cases[i].text, "Lin", cases[i].lang, now);
        assert_string_equal(text, cases[i].want);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_fill),
    };

    ac_registry_set(fake_registry);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
