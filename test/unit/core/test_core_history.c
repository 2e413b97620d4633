/* History: limits, what a model is given, and what of an interrupted answer is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ac_frame *ask(const struct ac_history *h, const char *question)
{
    const struct ac_ask ask = {.lang = "en"};

    return ac_history_ask(h, &ask, question);
}

static void add_turns(struct ac_history *h, int from, int to)
{
    char text[64];

    for (int i = from; i < to; i++) {
        snprintf(text, sizeof text, "q%d", i);
        ac_history_add(h, "user", text);
        snprintf(text, sizeof text, "a%d", i);
        ac_history_add(h, "assistant", text);
    }
}

/* The texts of a CHAT frame, joined by blanks; the frame goes. */
static const char *texts(struct ac_frame *f)
{
    static char joined[512];
    size_t n = 0;

    joined[0] = 0;
    for (size_t i = 0; i < f->chat.n_messages; i++)
        n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%s:%s", i ? " " : "",
                              f->chat.messages[i].role, f->chat.messages[i].text);
    ac_frame_unref(f);
    return joined;
}

/* A model is given the latest turns only, and the question. */
static void test_trim(void **state)
{
    struct ac_history *h = ac_history_new(2);

    (void)state;
    add_turns(h, 0, 5);
    assert_int_equal(ac_history_count(h), 10);
    assert_int_equal(ac_history_turns(h), 5);
    assert_string_equal(texts(ask(h, "now")), "user:q3 assistant:a3 user:q4 assistant:a4 user:now");
    add_turns(h, 5, 40); /* held up to a limit, whatever happens */
    assert_int_equal(ac_history_count(h), 16);
    assert_int_equal(ac_history_turns(h), 40);
    assert_int_equal(ac_history_folded(h), 32);
    ac_history_free(h);
}

/* What a model is given fits the budget: the oldest turns go, prompt and question stay. */
static void test_budget(void **state)
{
    struct ac_history *h = ac_history_new(20);
    static const char forty[] = "0123456789012345678901234567890123456789"; /* 10 tokens, 14 as a message */
    struct ac_ask how = {.lang = "", .system = "Be kind to all", .max_tokens = 0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        ac_history_add(h, "user", forty);
        ac_history_add(h, "assistant", forty);
    }
    static const struct {
        size_t max, messages;
    } cases[] = {{0, 22}, {1000, 22}, {100, 8}, {70, 6}, {42, 4}, {41, 2}, {5, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        how.max_tokens = cases[i].max;
        struct ac_frame *f = ac_history_ask(h, &how, "and now");
        if (f->chat.n_messages != cases[i].messages)
            fail_msg("%zu tokens: %zu messages, not %zu", cases[i].max, f->chat.n_messages,
                     cases[i].messages);
        assert_string_equal(f->chat.messages[0].text, "Be kind to all");
        if (f->chat.n_messages > 2)
            assert_string_equal(f->chat.messages[1].role, "user");
        assert_string_equal(f->chat.messages[f->chat.n_messages - 1].text, "and now");
        ac_frame_unref(f);
    }
    ac_history_free(h);
}

static void test_tokens(void **state)
{
    static const struct {
        const char *text;
        size_t tokens;
    } cases[] = {{"", 0},         {"a", 1},       {"word", 1}, {"hello there", 3},
                 {"你好世界", 4}, {"GPT模型", 3}, {"ñññ", 2}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ac_estimate_tokens(cases[i].text), cases[i].tokens);
}

/* Folding: when, what is summed up, and what a model is told of it afterwards. */
static void test_fold(void **state)
{
    struct ac_history *h = ac_history_new(4);

    (void)state;
    add_turns(h, 0, 4);
    assert_int_equal(ac_history_excess(h, 0), 0);
    add_turns(h, 4, 5);
    assert_int_equal(ac_history_excess(h, 0), 6); /* two turns stay */
    struct ac_frame *f = ac_history_to_fold(h, 6, "en");
    assert_true(f->chat.summarize);
    assert_string_equal(texts(f), "user:q0 assistant:a0 user:q1 assistant:a1 user:q2 assistant:a2");
    add_turns(h, 5, 6); /* the conversation goes on meanwhile */
    ac_history_fold(h, 6, "They counted to two.");
    assert_int_equal(ac_history_folded(h), 3);
    assert_int_equal(ac_history_turns(h), 6);
    assert_string_equal(texts(ask(h, "now")),
                        "system:What was said before, in short: They counted to two. user:q3 assistant:a3 "
                        "user:q4 assistant:a4 user:q5 assistant:a5 user:now");
    f = ac_history_to_fold(h, 2, "en"); /* the next summary takes the one before in */
    assert_string_equal(texts(f), "system:They counted to two. user:q3 assistant:a3");
    ac_history_fold(h, 2, NULL);
    assert_int_equal(ac_history_folded(h), 4);
    f = ask(h, "now");
    assert_non_null(strstr(f->chat.messages[0].text, "They counted to two."));
    ac_frame_unref(f);
    ac_history_restart(h, "Of old.", 17);
    assert_int_equal(ac_history_count(h), 0);
    assert_int_equal(ac_history_turns(h), 17);
    const struct ac_ask zh = {.lang = "zh-CN", .system = "你是林。"};
    assert_string_equal(texts(ac_history_ask(h, &zh, "好")),
                        "system:你是林。\n\n此前对话的摘要：Of old. user:好");
    ac_history_free(h);
}

/* By tokens: folded at three quarters of the budget down to a half; the last turn stays, however long. */
static void test_fold_tokens(void **state)
{
    struct ac_history *h = ac_history_new(20);
    char forty[] = "0123456789012345678901234567890123456789", *huge = test_malloc(5000);

    (void)state;
    for (int i = 0; i < 5; i++) { /* 28 a turn */
        ac_history_add(h, "user", forty);
        ac_history_add(h, "assistant", forty);
        assert_int_equal(ac_history_excess(h, 140), i == 3 ? 4 : i == 4 ? 6 : 0);
    }
    ac_history_restart(h, NULL, 0);
    memset(huge, 'x', 4999);
    huge[4999] = 0;
    add_turns(h, 0, 1);
    ac_history_add(h, "user", huge);
    assert_int_equal(ac_history_excess(h, 140), 2);
    ac_history_fold(h, 2, NULL);
    assert_int_equal(ac_history_excess(h, 140), 0);
    assert_int_equal(ac_history_count(h), 1);
    test_free(huge);
    ac_history_free(h);
}

/* An answer that was cut short after it had been given keeps what was heard, or goes. */
static void test_amend(void **state)
{
    struct ac_history *h = ac_history_new(5);

    (void)state;
    ac_history_amend(h, "nothing is there");
    ac_history_add(h, "user", "one");
    ac_history_amend(h, "no answer yet");
    assert_int_equal(ac_history_count(h), 1);
    ac_history_add(h, "assistant", "first. second.");
    ac_history_amend(h, "first.");
    assert_string_equal(texts(ask(h, "two")), "user:one assistant:first. user:two");
    ac_history_amend(h, "");
    assert_int_equal(ac_history_count(h), 1);
    ac_history_free(h);
}

/* A conversation never begins with an answer, also when a question had none. */
static void test_begins_with_question(void **state)
{
    struct ac_history *h = ac_history_new(1);

    (void)state;
    ac_history_add(h, "user", "one");
    ac_history_add(h, "user", "two");
    ac_history_add(h, "assistant", "answer to two");
    assert_string_equal(texts(ask(h, "three")), "user:two assistant:answer to two user:three");
    ac_history_fold(h, 1, NULL);
    ac_history_fold(h, 1, NULL);
    ac_history_add(h, "user", "four");
    assert_string_equal(texts(ask(h, "five")), "user:four user:five");
    ac_history_add(h, "assistant", "");
    assert_int_equal(ac_history_count(h), 1);
    ac_history_free(h);
}

static void test_heard(void **state)
{
    static const struct {
        int64_t heard_us;
        const char *text;
    } cases[] = {
        {0, ""},
        {1, "One two."},
        {1000000, "One two."},
        {1000001, "One two.三四。"}, /* no space before Chinese */
        {9000000, "One two.三四。 Five."},
    };
    struct ac_heard h = {0};

    (void)state;
    ac_heard_add(&h, 0, "One two.");
    ac_heard_add(&h, 1000000, "三四。");
    ac_heard_add(&h, 2000000, "Five.");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = ac_heard_text(&h, cases[i].heard_us);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
    ac_heard_clear(&h);
    assert_int_equal(h.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_fold_tokens),
        cmocka_unit_test(test_amend),
        cmocka_unit_test(test_begins_with_question),
        cmocka_unit_test(test_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
