/* The store of conversations: every call, what belongs to others, retention, eight threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "unit/core/store_contract.h"

/* ---- calls ---- */

static void test_ids(void **state)
{
    static const char *const clients[] = {"0123456789abcdef", "AZaz09_-AZaz09_-",
                                          "0123456789012345678901234567890123456789012345678901234567890123"};
    static const char *const wrong[] = {"",
                                        "0123456789abcde",
                                        "0123456789abcde/",
                                        "0123456789abcde ",
                                        "0123456789abcd\xC3\xA4",
                                        NULL,
                                        "01234567890123456789012345678901234567890123456789012345678901234"};
    static const char *const conversations[] = {"",
                                                "0123456789abcdef0123456789abcde",
                                                "0123456789abcdef0123456789abcdef0",
                                                "0123456789ABCDEF0123456789abcdef",
                                                "0123456789abcdef0123456789abcde/",
                                                NULL};
    char a[AC_CONVERSATION_ID_MAX + 1], b[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++)
        assert_true(ac_client_id_valid(clients[i]));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(ac_client_id_valid(wrong[i]));
    for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++)
        assert_false(ac_conversation_id_valid(conversations[i]));
    ac_store_new_id(a);
    ac_store_new_id(b);
    assert_true(ac_conversation_id_valid(a));
    assert_string_not_equal(a, b);
}

static void test_titles(void **state)
{
    static const char forty[] = "1234567890123456789012345678901234567890";
    struct {
        const char *question;
        const char *title;
    } cases[] = {
        {"Hello", "Hello"},
        {"  What \t\r\n is　this\xC2\xA0?  ", "What is this ?"},
        {"1234567890123456789012345678901234567890 1234567890123456789",
         "1234567890123456789012345678901234567890 1234567890123456789"}, /* 60 */
        {"1234567890123456789012345678901234567890 12345678901234567890",
         "1234567890123456789012345678901234567890 123456789012345678…"},
        {"一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九"
         "十一"
         "二三四五六七八九十一",
         "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九"
         "十一"
         "二三四五六七八九…"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *title = ac_store_title(cases[i].question);
        assert_string_equal(title, cases[i].title);
        free(title);
    }
    /* whatever is cut off, the rest is whole characters */
    for (size_t i = 0; i < 70; i++) {
        char *text = ac_asprintf("%.*s%s%s%s", (int)(i % 40), forty, "äöü😀😀😀", forty, "éé");
        char *title = ac_store_title(text);
        assert_true(ac_utf8_valid(title, strlen(title)));
        free(title);
        free(text);
    }
}

static void test_age(void **state)
{
    struct ac_history_config cfg = config();
    struct ac_store *st = open_store(&cfg);
    char old[AC_CONVERSATION_ID_MAX + 1], kept[AC_CONVERSATION_ID_MAX + 1];
    int64_t now = ac_unix_ms(), day = 86400000;
    size_t n;

    (void)state;
    make(st, ANNA, old, "Old", now - 91 * day);
    make(st, ANNA, kept, "Continued", now - 91 * day);
    assert_int_equal(add(st, ANNA, kept, "user", 2, "Now", now - 89 * day), 0);
    assert_int_equal(ac_store_prune(st, &n), 0);
    assert_int_equal(n, 1);
    count_is(st, 1, 2); /* its messages went with it */
    ac_store_close(st);
    cfg.keep_days = 0; /* for ever */
    st = open_store(&cfg);
    make(st, BEN, old, "Very old", 1);
    assert_int_equal(ac_store_prune(st, &n), 0);
    assert_int_equal(n, 0);
    ac_store_close(st);
    st = open_default(); /* at the start too */
    count_is(st, 1, 2);
    ac_store_close(st);
}

/* What was deleted cannot be read out of the files. */
static void test_overwritten(void **state)
{
    static const char *const endings[] = {"", "-wal"};
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(st, ANNA, id, "The treasure is under the old oak", 0);
    assert_int_equal(ac_store_delete(st, ANNA, id), 0);
    for (size_t i = 0; i < 2; i++) {
        char *name = ac_asprintf("%s%s", path, endings[i]), *data;
        size_t len;
        assert_int_equal(ac_read_file(name, 1 << 24, &data, &len), 0);
        assert_null(memmem(data, len, "under the old oak", 17));
        free(data);
        free(name);
    }
    ac_store_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_ids), T(test_titles), STORE_CONTRACT, T(test_age), T(test_overwritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
