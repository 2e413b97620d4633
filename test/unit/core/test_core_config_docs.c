/* The sample file and the reference that are in the repository are those that the option tables give. */
#include "core/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_same(const char *file, const char *command, void (*make)(struct ac_str *out))
{
    struct ac_str made = {0};
    char *committed;
    size_t len;

    make(&made);
    if (ac_read_file(file, 1 << 20, &committed, &len) != 0)
        fail_msg("%s is missing: avatar-chat config %s > %s", file, command, file);
    if (len != made.len || memcmp(committed, made.p, len) != 0)
        fail_msg("%s is not up to date: avatar-chat config %s > %s", file, command, file);
    free(committed);
    ac_str_free(&made);
}

static void test_sample(void **state)
{
    (void)state;
    expect_same(AC_SOURCE_DIR "/config/avatar-chat.sample.yaml", "sample", ac_config_sample);
}

static void test_reference(void **state)
{
    (void)state;
    expect_same(AC_SOURCE_DIR "/docs/configuration.md", "reference", ac_config_reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sample), cmocka_unit_test(test_reference)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
