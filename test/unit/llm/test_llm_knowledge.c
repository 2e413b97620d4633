/* Knowledge files and terms: what is read, what is refused and with which words; folding and segmentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above, as it asks for them */
#include <cmocka.h>

#include "avatarchat/err.h"
#include "llm/knowledge.h"
#include "llm/terms.h"

static void answers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lang, *answer;
    } cases[] = {
        {"## Q?\n\nA.\n", "en", "A."},
        {"## Q?\nA.", "en", "A."},
        {"\xEF\xBB\xBF# T\r\n\r\n## Q?\r\nA.\r\nB.\r\n", "en", "A. B."},
        {"## Q?\n\nA wrapped\nparagraph.\n\nNext\none.\n", "en", "A wrapped paragraph.\n\nNext one."},
        {"## Q?\n\n换行\n不加空格，\nbut here\n要加。\n", "zh-CN", "换行不加空格，but here 要加。"},
        {"## Q?\n\nList:\n- a\n- b\n  more\n1. c\n", "en", "List:\n- a\n- b more\n1. c"},
        {"## Q?\n\n**Bold** start\n*** not an alternative\n", "en", "**Bold** start *** not an alternative"},
        {"## Q?\n\nCode:\n```sh\n## no heading\n  indented\n```\nAfter.\n", "en",
         "Code:\n```sh\n## no heading\n  indented\n```\nAfter."},
        {"## Q?\n\n| a | b |\n|---|---|\n| 1 | 2 |\nAfter.\n", "en",
         "| a | b |\n|---|---|\n| 1 | 2 |\nAfter."},
        {"## Q?\ntopic: t\nkeywords: k\nA.\ntopic: not here\n", "en", "A. topic: not here"},
        {"---\nlang: de\ntitle: x\n---\n## Q?\nA.\n", "", "A."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_knowledge k = {0};
        char reason[256] = "";
        assert_int_equal(ac_knowledge_parse(&k, cases[i].text, strlen(cases[i].text), cases[i].lang, reason,
                                            sizeof reason),
                         0);
        assert_int_equal(k.n, 1);
        assert_string_equal(k.entries[0]->answers[0], cases[i].answer);
        assert_string_equal(k.entries[0]->lang, *cases[i].lang ? cases[i].lang : "de");
        ac_knowledge_free(&k);
    }
}

static void entries_have_all_their_parts(void **state)
{
    (void)state;
    static const char text[] = "# Title\nFor people.\n\n## One?\n## Uno?\n\n## Eins?\ntopic: the "
                               "one\nkeywords: 1 first\n\nA.\n\n***\n\nB.\n\n***\n"
                               "# Another part\n\n## Two?\nC.\n## *\nD.\n";
    struct ac_knowledge k = {0};
    char reason[256] = "";
    assert_int_equal(ac_knowledge_parse(&k, text, strlen(text), "en", reason, sizeof reason), 0);
    assert_int_equal(k.n, 3);
    const struct ac_entry *e = k.entries[0];
    assert_int_equal(e->line, 4);
    assert_int_equal(e->n_questions, 3);
    assert_string_equal(e->questions[2], "Eins?");
    assert_string_equal(e->topic, "the one");
    assert_string_equal(e->keywords, "1 first");
    assert_int_equal(e->n_answers, 2);
    assert_string_equal(e->answers[1], "B.");
    assert_string_equal(k.entries[1]->answers[0], "C.");
    assert_null(k.entries[1]->topic);
    assert_false(ac_entry_is_unknown(k.entries[1]));
    assert_true(ac_entry_is_unknown(k.entries[2]));
    ac_knowledge_free(&k);
}

static void broken_files_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lang;
        int err;
        const char *reason;
    } cases[] = {
        {"", "en", AC_ECONFIG, "no question"},
        {"Only text.\n", "en", AC_ECONFIG, "no question"},
        {"## Q?\n", "en", AC_ECONFIG, "line 1: this question has no answer"},
        {"## Q?\nA.\n\n## R?\ntopic: t\n", "en", AC_ECONFIG, "line 4: this question has no answer"},
        {"## Q?\n# Title\n", "en", AC_ECONFIG, "line 1: this question has no answer"},
        {"## Q?\nA.\n##\nB.\n", "en", AC_ECONFIG, "line 3: a question heading (##) without words"},
        {"## Q?\nA.\n```\n## code\n", "en", AC_ECONFIG, "not closed"},
        {"## Q?\nA.\n", "", AC_ECONFIG, "no language"},
        {"---\nlang: en\n## Q?\nA.\n", "", AC_ECONFIG, "front matter"},
        {"## Q?\n\xFF.\n", "en", AC_EUTF8, "UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_knowledge k = {0};
        char reason[256] = "";
        int err = ac_knowledge_parse(&k, cases[i].text, strlen(cases[i].text), cases[i].lang, reason,
                                     sizeof reason);
        assert_int_equal(err, cases[i].err);
        if (!strstr(reason, cases[i].reason))
            fail_msg("want '%s' in '%s'", cases[i].reason, reason);
        assert_int_equal(k.n, 0);
    }
}

static void terms_are_folded(void **state)
{
    (void)state;
    static const struct {
        const char *text, *terms;
    } cases[] = {
        {"Running runs RUN", "run"},
        {"The voices", "the voic"},
        {"Ｖｏｉｃｅ １２", "voic 12"},
        {"Café naïve", "cafe naiv"},
        {"声音", "声 音 声音"},
        {"換聲音", "换 声 换声 音 声音"},
        {"怎么换声音？", "怎么 换 声 换声 音 声音"},
        {"用Python写", "用 python 写"},
        {"don't", "don t"},
        {"", ""},
        {"!?。", ""},
        {"bad \xFF\xE4 bytes", "bad byte"},
    };
    sqlite3 *db = NULL;
    struct ac_terms *t = NULL;
    const char *reason = "";
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(ac_terms_new(&t, db, &reason), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_term_list list;
        struct ac_str got = {0};
        assert_int_equal(ac_terms_split(t, cases[i].text, 100, &list), 0);
        ac_str_add(&got, "");
        for (size_t k = 0; k < list.n; k++)
            ac_str_addf(&got, "%s%s", k ? " " : "", list.terms[k].text);
        assert_string_equal(got.p, cases[i].terms);
        ac_str_free(&got);
        ac_term_list_free(&list);
    }
    struct ac_term_list list;
    assert_int_equal(ac_terms_split(t, "a b c d e f g", 3, &list), 0);
    assert_int_equal(list.n, 3);
    ac_term_list_free(&list);
    ac_terms_free(t);
    sqlite3_close(db);
}

static void scripts_tell_languages(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Hello", ""},
        {"你好", "zh-CN"},
        {"こんにちは", "ja"},
        {"안녕하세요", "ko"},
        {"我用Python", "zh-CN"},
        {"what does 好 mean in English", ""},
        {"", ""},
        {"12 😀", ""},
        {"Привет", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(ac_terms_script_lang(cases[i][0]), cases[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read),       cmocka_unit_test(entries_have_all_their_parts),
        cmocka_unit_test(broken_files_say_where), cmocka_unit_test(terms_are_folded),
        cmocka_unit_test(scripts_tell_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
