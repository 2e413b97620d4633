/* Error codes: names, texts, retryability; nothing twice. */
#include "wait.h"

#include <string.h>

#include "avatarchat/err.h"

#define X(sym, num, name, text, retry) {sym, num, name, text, retry},
static const struct {
    int code, number;
    const char *name, *text;
    bool retryable;
} table[] = {AC_ERR_MAP(X)};
#undef X

enum { N = sizeof table / sizeof *table };

static void test_every_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(table[i].code, -table[i].number);
        assert_true(table[i].code < 0);
        assert_string_equal(ac_err_name(table[i].code), table[i].name);
        assert_string_equal(ac_err_text(table[i].code), table[i].text);
        assert_int_equal(ac_err_retryable(table[i].code), table[i].retryable);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(table[i].code, table[j].code);
            assert_string_not_equal(table[i].name, table[j].name);
        }
    }
}

static void test_known_values(void **state)
{
    (void)state;
    assert_string_equal(ac_err_name(AC_ETIMEDOUT), "timed_out");
    assert_string_equal(ac_err_text(AC_ECLOSED), "the other side is gone");
    assert_true(ac_err_retryable(AC_EFULL));
    assert_false(ac_err_retryable(AC_EINVAL));
}

static void test_ok_and_unknown(void **state)
{
    (void)state;
    const int unknown[] = {1, -1000, 12345, -2147483647 - 1};
    assert_string_equal(ac_err_name(AC_OK), "ok");
    assert_false(ac_err_retryable(AC_OK));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(ac_err_name(unknown[i]), "internal_error");
        assert_string_equal(ac_err_text(unknown[i]), ac_err_text(AC_EINTERNAL));
        assert_false(ac_err_retryable(unknown[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code),
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_ok_and_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
