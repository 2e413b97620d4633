/* The faq engine: languages, the unknown, follow-ups, reloading, broken files, streaming, cancelling,
 * threads. */
#include "faq_engine.h"

#include <pthread.h>

static const char basics_en[] =
    "## When do you open?\n## Opening hours\ntopic: our opening hours\n\nWe open at nine.\n\n"
    "## Where is the toilet?\ntopic: the toilet\n\nIt is on the left.\n\n"
    "## Do you sell coffee?\ntopic: coffee\nkeywords: espresso\n\nYes, one.\n\n***\n\nYes, two.\n";
static const char basics_zh[] = "## 几点开门？\n## 营业时间\ntopic: 营业时间\n\n我们九点开门。\n\n"
                                "## 厕所在哪里？\ntopic: 厕所\n\n在左边。\n";

static void expect(struct engine *e, const char *lang, const char *question, const char *want,
                   const char *want_lang)
{
    char got_lang[16];
    char *got = ask(e, lang, question, got_lang);
    if (!strstr(got, want))
        fail_msg("%s: want %s in: %s", question, want, got);
    if (want_lang)
        assert_string_equal(got_lang, want_lang);
    free(got);
}

static char *two_languages(struct engine *e)
{
    char *folder = new_folder();
    write_file(folder, "en", "a.md", basics_en);
    write_file(folder, "zh-CN", "a.md", basics_zh);
    engine_init(e, folder);
    assert_int_equal(engine_open(e), 0);
    return folder;
}

static void the_question_tells_the_language(void **state)
{
    (void)state;
    struct engine e;
    char *folder = two_languages(&e);
    expect(&e, "", "When do you open?", "We open at nine.", "en");
    expect(&e, "", "几点开门", "我们九点开门。", "zh-CN");
    expect(&e, "en", "营业时间？", "我们九点开门。", "zh-CN");
    expect(&e, "zh-CN", "what are your opening hours?", "We open at nine.", "en");
    /* only English has it, and that is said */
    expect(&e, "", "有 coffee 吗", "另一种语言", NULL);
    expect(&e, "", "有 coffee 吗", "Yes, one.", NULL);
    /* a language without a knowledge base */
    expect(&e, "fr", "Opening hours", "We open at nine.", "en");
    expect(&e, "", "営業時間は？", "", NULL);
    engine_close(&e);
    remove_folder(folder);
}

static void the_unknown_is_admitted(void **state)
{
    (void)state;
    struct engine e;
    char *folder = two_languages(&e);
    static const char *const questions[] = {
        "What is the weather on Mars?",
        "",
        "   ",
        "!!!",
        "\"AND OR NEAR(*",
        "'; DROP TABLE idx; --",
        "xyzzy",
        "\xF0\x9F\x98\x80",
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        expect(&e, "en", questions[i], "I do not know", "en");
        expect(&e, "en", questions[i], "the toilet", "en");
        expect(&e, "en", questions[i], "built-in responder", "en");
    }
    expect(&e, "", "火星上的天气怎么样？", "不知道", "zh-CN");
    expect(&e, "", "火星上的天气怎么样？", "营业时间和厕所", "zh-CN");
    write_file(folder, "en", "b.md", "## *\n\nNo idea, but ask for {topics}!\n");
    expect(&e, "", "What is the weather on Mars?",
           "No idea, but ask for our opening hours, the toilet and coffee!", "en");
    engine_close(&e);
    remove_folder(folder);
}

static void alternatives_take_turns(void **state)
{
    (void)state;
    struct engine e;
    char *folder = two_languages(&e);
    void *inst = calloc(1, e.info->inst_size);
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    assert_int_equal(e.info->open(inst, e.model, e.cfg, &e.env), 0);
    static const char *const want[] = {"Yes, one.", "Yes, two.", "Yes, one."},
                             *question[] = {"Do you sell coffee?"};
    for (size_t i = 0; i < 3; i++) {
        struct collector c = {0};
        assert_int_equal(ask_with(&e, inst, "", question, 1, &c, cancel), 0);
        assert_string_equal(c.text.p, want[i]);
        ac_str_free(&c.text);
    }
    free(inst);
    ac_cancel_unref(cancel);
    engine_close(&e);
    remove_folder(folder);
}

static void follow_ups_use_the_question_before(void **state)
{
    (void)state;
    struct engine e;
    char *folder = two_languages(&e);
    static const struct {
        const char *texts[3], *want;
    } cases[] = {
        {{"Where is the toilet?", "It is on the left.", "where?"}, "It is on the left."},
        {{"Where is the toilet?", "It is on the left.", "and coffee?"}, "Yes, one."},
        {{"Where is the toilet?", "It is on the left.", "Who won the football match?"}, "do not know"},
        {{"厕所在哪里？", "在左边。", "在哪？"}, "在左边。"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct collector c = {0};
        struct ac_cancel *cancel = ac_cancel_new(NULL);
        void *inst = calloc(1, e.info->inst_size);
        assert_int_equal(e.info->open(inst, e.model, e.cfg, &e.env), 0);
        assert_int_equal(ask_with(&e, inst, "", cases[i].texts, 3, &c, cancel), 0);
        if (!strstr(c.text.p, cases[i].want))
            fail_msg("%s: got %s", cases[i].texts[2], c.text.p);
        ac_str_free(&c.text);
        free(inst);
        ac_cancel_unref(cancel);
    }
    engine_close(&e);
    remove_folder(folder);
}

static void changed_files_are_read_again(void **state)
{
    (void)state;
    struct engine e;
    char *folder = two_languages(&e);
    expect(&e, "", "When do you open?", "We open at nine.", "en");
    write_file(folder, "en", "a.md", "## When do you open?\n\nWe open at half past ten from now on.\n");
    expect(&e, "", "When do you open?", "We open at half past ten", "en");
    write_file(folder, "de", "neu.md", "## Wann wird geschlossen?\n\nUm sechs.\n");
    expect(&e, "de", "Wann wird geschlossen?", "Um sechs.", "de");
    expect(&e, "", "Wann wird geschlossen?", "Um sechs.", "de");
    /* broken in the meantime: that file alone is left out */
    write_file(folder, "en", "a.md", "## When do you open?\n");
    expect(&e, "", "When do you open?", "do not know", NULL);
    expect(&e, "", "几点开门？", "我们九点开门。", "zh-CN");
    /* all gone: the last good state stays */
    char *away = ac_asprintf("%s-away", folder);
    assert_int_equal(rename(folder, away), 0);
    expect(&e, "", "几点开门？", "我们九点开门。", "zh-CN");
    assert_int_equal(rename(away, folder), 0);
    free(away);
    engine_close(&e);
    remove_folder(folder);
}

static void files_are_not_looked_at_all_the_time(void **state)
{
    (void)state;
    struct engine e;
    char *folder = two_languages(&e);
    set_option(&e, "check_ms", "3600000");
    write_file(folder, "en", "a.md", "## When do you open?\n\nNever.\n");
    expect(&e, "", "When do you open?", "We open at nine.", "en");
    engine_close(&e);
    remove_folder(folder);
}

static void bad_folders_are_named(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, "/nonexistent/knowledge");
    assert_int_equal(engine_open(&e), AC_ENOENT);
    assert_non_null(strstr(e.env.reason, "/nonexistent/knowledge"));
    engine_close(&e);

    char *folder = new_folder();
    engine_init(&e, folder);
    assert_int_equal(engine_open(&e), AC_EMODEL);
    assert_non_null(strstr(e.env.reason, folder));
    engine_close(&e);

    write_file(folder, "en", "broken.md", "\xFF\xFE not text");
    engine_init(&e, folder);
    assert_int_equal(engine_open(&e), AC_EMODEL);
    engine_close(&e);

    write_file(folder, "en", "good.md", basics_en);
    engine_init(&e, folder);
    assert_int_equal(engine_open(&e), 0);
    expect(&e, "", "When do you open?", "We open at nine.", "en");
    engine_close(&e);
    remove_folder(folder);
}

static void a_second_folder_adds_to_the_first(void **state)
{
    (void)state;
    struct engine e;
    char *folder = new_folder();
    write_file(folder, "en", "own.md", "## Where do I park my zeppelin?\n\nOn the roof.\n");
    engine_init(&e, "knowledge");
    set_option(&e, "extra_path", folder);
    assert_int_equal(engine_open(&e), 0);
    expect(&e, "", "Where can I park the zeppelin?", "On the roof.", "en");
    expect(&e, "", "Who are you?", "digital human", "en");
    engine_close(&e);
    remove_folder(folder);
}

static void cancel_stops_in_the_middle(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, "knowledge");
    assert_int_equal(engine_open(&e), 0);
    static const char *const question[] = {"What is this?"};
    void *inst = calloc(1, e.info->inst_size);
    assert_int_equal(e.info->open(inst, e.model, e.cfg, &e.env), 0);

    struct ac_cancel *cancel = ac_cancel_new(NULL);
    struct collector c = {.cancel_after = cancel};
    assert_int_equal(ask_with(&e, inst, "", question, 1, &c, cancel), AC_ECANCELED);
    assert_int_equal(c.pieces, 3);
    ac_str_free(&c.text);
    ac_cancel_unref(cancel);

    /* also while it waits between pieces */
    set_option(&e, "stream_delay_ms", "1000");
    cancel = ac_cancel_new(NULL);
    ac_cancel_trigger(cancel);
    c = (struct collector){0};
    assert_int_equal(ask_with(&e, inst, "", question, 1, &c, cancel), AC_ECANCELED);
    assert_int_equal(c.pieces, 0);
    ac_cancel_unref(cancel);
    set_option(&e, "stream_delay_ms", "0");

    /* what the sink says is given back as it is; afterwards the instance is as good as new */
    cancel = ac_cancel_new(NULL);
    c = (struct collector){.refuse_with = AC_EFULL};
    assert_int_equal(ask_with(&e, inst, "", question, 1, &c, cancel), AC_EFULL);
    assert_int_equal(c.pieces, 2);
    ac_str_free(&c.text);
    c = (struct collector){0};
    assert_int_equal(ask_with(&e, inst, "", question, 1, &c, cancel), 0);
    assert_non_null(strstr(c.text.p, "This is Avatar Chat."));
    assert_true(c.pieces > 5);
    ac_str_free(&c.text);

    /* no question at all */
    c = (struct collector){0};
    assert_int_equal(ask_with(&e, inst, "", question, 0, &c, cancel), AC_EINVAL);
    assert_non_null(strstr(e.env.reason, "no question"));
    ac_cancel_unref(cancel);
    free(inst);
    engine_close(&e);
}

static void huge_questions_are_taken(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, "knowledge");
    assert_int_equal(engine_open(&e), 0);
    enum { N = 100000 };
    char *huge = malloc(N + 1);
    for (int kind = 0; kind < 3; kind++) {
        static const char *const units[] = {"a", "\" OR ", "问"};
        size_t len = 0, n = strlen(units[kind]);
        while (len + n <= N) {
            memcpy(huge + len, units[kind], n);
            len += n;
        }
        huge[len] = 0;
        expect(&e, "", huge, "", NULL);
    }
    free(huge);
    engine_close(&e);
}

static void count_item(void *arg, const struct ac_item *item)
{
    size_t *n = arg;
    assert_true(*item->id && *item->name && *item->lang);
    n[!strncmp(item->lang, "zh", 2)]++;
}

static void topics_are_listed(void **state)
{
    (void)state;
    struct engine e;
    size_t n[2] = {0};
    engine_init(&e, "knowledge");
    assert_int_equal(engine_open(&e), 0);
    assert_int_equal(e.info->list(e.model, e.cfg, &e.env, count_item, n), 0);
    assert_true(n[0] >= 8 && n[1] >= 8);
    engine_close(&e);
}

static void *ask_often(void *arg)
{
    struct engine *e = arg;
    for (int i = 0; i < 40; i++) {
        char *text = ask(e, "", i % 2 ? "When do you open?" : "几点开门？", NULL);
        bool good = strstr(text, "nine") || strstr(text, "ten") || strstr(text, "九点");
        free(text);
        if (!good)
            return "wrong answer";
    }
    return NULL;
}

static void threads_share_a_model(void **state)
{
    (void)state;
    struct engine e;
    char *folder = two_languages(&e);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &e), 0);
    for (int i = 0; i < 5; i++) /* the files change under them */
        write_file(folder, "en", "b.md",
                   i % 2 ? "## Is it far?\n\nNo.\n" : "## Is it very far?\n\nNot at all.\n");
    for (int i = 0; i < 3; i++) {
        void *result;
        pthread_join(threads[i], &result);
        if (result)
            fail_msg("%s", (const char *)result);
    }
    engine_close(&e);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_question_tells_the_language),
        cmocka_unit_test(the_unknown_is_admitted),
        cmocka_unit_test(alternatives_take_turns),
        cmocka_unit_test(follow_ups_use_the_question_before),
        cmocka_unit_test(changed_files_are_read_again),
        cmocka_unit_test(files_are_not_looked_at_all_the_time),
        cmocka_unit_test(bad_folders_are_named),
        cmocka_unit_test(a_second_folder_adds_to_the_first),
        cmocka_unit_test(cancel_stops_in_the_middle),
        cmocka_unit_test(huge_questions_are_taken),
        cmocka_unit_test(topics_are_listed),
        cmocka_unit_test(threads_share_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
