/* History: limits, what a model is given, and what of an interrupted answer is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_trim(void **state)
{
    struct ac_history *h = ac_history_new(2);
    char text[16];

    (void)state;
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "q%d", i);
        ac_history_add(h, "user", text);
        snprintf(text, sizeof text, "a%d", i);
        ac_history_add(h, "assistant", text);
    }
    struct ac_frame *f = ac_history_chat(h, "en");
    static const char *const want[] = {"q3", "a3", "q4", "a4"};
    assert_int_equal(f->chat.n_messages, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(f->chat.messages[i].text, want[i]);
        assert_string_equal(f->chat.messages[i].role, i % 2 ? "assistant" : "user");
    }
    assert_string_equal(f->chat.lang, "en");
    ac_frame_unref(f);
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
    struct ac_frame *f = ac_history_chat(h, "");
    assert_string_equal(f->chat.messages[0].text, "one");
    assert_string_equal(f->chat.messages[1].text, "first.");
    ac_frame_unref(f);
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
    assert_int_equal(ac_history_count(h), 2);
    ac_history_add(h, "user", "three");
    struct ac_frame *f = ac_history_chat(h, NULL);
    assert_int_equal(f->chat.n_messages, 1);
    assert_string_equal(f->chat.messages[0].text, "three");
    ac_frame_unref(f);
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
        cmocka_unit_test(test_amend),
        cmocka_unit_test(test_begins_with_question),
        cmocka_unit_test(test_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
