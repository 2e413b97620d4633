/* The configuration loaded anew, and listed. */
#include "core/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/ac-again-XXXXXX";

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct ac_config *load(const char *const *sets, size_t n)
{
    struct ac_config *cfg = NULL;
    struct ac_str errors = {0};

    if (ac_config_load(&cfg, path, sets, n, &errors))
        fail_msg("%s", errors.p);
    return cfg;
}

static void test_changes(void **state)
{
    static const char *const sets[] = {"server.max_sessions=7"}, *const more[] = {"server.max_sessions=9"};
    struct ac_config *a, *b, *c;
    struct ac_config_diff diff = {{0}, {0}};
    struct ac_str errors = {0};

    (void)state;
    write_file("server: {resume_s: 10}\nvideo: {lead_ms: 900}\n");
    a = load(sets, 1);
    assert_string_equal(ac_config_file(a), path);
    assert_int_equal(ac_config_load_again(&b, a, NULL, 0, &diff, &errors), 0);
    assert_null(diff.changed.p);
    assert_null(diff.restart.p);
    write_file("server: {resume_s: 20, port: 9000}\n");
    assert_int_equal(ac_config_load_again(&c, b, more, 1, &diff, &errors), 0);
    assert_string_equal(diff.changed.p, "server.max_sessions\nserver.resume_s\nvideo.lead_ms\n");
    assert_string_equal(diff.restart.p, "server.port\n");
    assert_int_equal(ac_config_server(c)->max_sessions, 9);
    ac_str_free(&diff.changed);
    ac_str_free(&diff.restart);
    ac_config_free(a);
    ac_config_free(b);
    /* what was set on top stays */
    assert_int_equal(ac_config_load_again(&a, c, NULL, 0, &diff, &errors), 0);
    assert_int_equal(ac_config_server(a)->max_sessions, 9);
    assert_null(diff.changed.p);
    ac_config_free(a);
    ac_config_free(c);
}

static void test_wrong(void **state)
{
    static const char *const unknown[] = {"server.max_sesions=9"};
    struct ac_config *a, *b = NULL;
    struct ac_config_diff diff = {{0}, {0}};
    struct ac_str errors = {0};

    (void)state;
    write_file("server: {resume_s: 10}\n");
    a = load(NULL, 0);
    assert_int_equal(ac_config_load_again(&b, a, unknown, 1, &diff, &errors), AC_ECONFIG);
    assert_non_null(strstr(errors.p, "max_sessions"));
    write_file("server: {resume_s: often}\n");
    assert_int_equal(ac_config_load_again(&b, a, NULL, 0, &diff, &errors), AC_ECONFIG);
    assert_non_null(strstr(errors.p, "often"));
    unlink(path);
    assert_int_equal(ac_config_load_again(&b, a, NULL, 0, &diff, &errors), AC_ENOENT);
    write_file("");
    assert_null(b);
    ac_str_free(&errors);
    ac_config_free(a);
}

static const struct ac_config_item *item(const struct ac_config_item *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i].path, name))
            return &list[i];
    fail_msg("no %s", name);
    return NULL;
}

static void test_list(void **state)
{
    static const char *const sets[] = {"server.max_sessions=7"};
    struct ac_config *a;
    struct ac_config_item *list;

    (void)state;
    write_file("log: {level: debug}\n");
    a = load(sets, 1);
    size_t n = ac_config_list(a, &list);
    assert_true(n > 50);
    const struct ac_config_item *i = item(list, n, "server.max_sessions");
    assert_string_equal(i->value, "7");
    assert_string_equal(i->def, "200");
    assert_string_equal(i->origin, "set");
    assert_string_equal(i->type, "int");
    assert_true(i->runtime && i->has_range && i->min == 1 && i->max == 100000);
    i = item(list, n, "log.level");
    assert_string_equal(i->value, "debug");
    assert_string_equal(i->origin, "file");
    assert_non_null(strstr(i->where, ":1"));
    assert_string_equal(i->choices[0], "error");
    assert_false(item(list, n, "server.port")->runtime);
    ac_config_list_free(list, n);
    ac_config_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes), cmocka_unit_test(test_wrong),
                                       cmocka_unit_test(test_list)};

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
