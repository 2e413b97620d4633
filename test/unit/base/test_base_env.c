/* What engines get: reasons and paths. */
#include "wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avatarchat/handler.h"
#include "base/mem.h"

static void test_fail(void **state)
{
    (void)state;
    struct ac_env env = {.log_name = "x"};
    char long_name[1000];
    assert_int_equal(ac_env_fail(&env, AC_ENOENT, "no avatar '%s': avatars are %s", "x", "anna, ben"),
                     AC_ENOENT);
    assert_string_equal(env.reason, "no avatar 'x': avatars are anna, ben");
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(ac_env_fail(&env, AC_EMODEL, "%s", long_name), AC_EMODEL);
    assert_int_equal(strlen(env.reason), sizeof env.reason - 1);
}

static void make_file(const char *dir, const char *name)
{
    char *path = ac_asprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    free(path);
}

static void expect_path(const struct ac_env *env, const char *path, const char *expected)
{
    char *found = ac_env_path(env, path);
    if (expected) {
        assert_non_null(found);
        assert_string_equal(found, expected);
    } else {
        assert_null(found);
    }
    free(found);
}

static void test_path(void **state)
{
    (void)state;
    char root[] = "/tmp/avatar-chat-test-XXXXXX", a[64], b[64], cwd[4096], want[128];
    assert_non_null(mkdtemp(root));
    snprintf(a, sizeof a, "%s/a", root);
    snprintf(b, sizeof b, "%s/b", root);
    assert_int_equal(mkdir(a, 0700) | mkdir(b, 0700), 0);
    make_file(a, "both");
    make_file(b, "both");
    make_file(b, "only-b");
    make_file(root, "here");
    const char *const dirs[] = {a, b, NULL};
    struct ac_env env = {.data_dirs = dirs};

    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir(root), 0);
    expect_path(&env, "here", "here");
    expect_path(&env, "a", "a");
    snprintf(want, sizeof want, "%s/both", a);
    expect_path(&env, "both", want);
    snprintf(want, sizeof want, "%s/only-b", b);
    expect_path(&env, "only-b", want);
    expect_path(&env, want, want);
    expect_path(&env, "missing", NULL);
    expect_path(&env, "/missing/absolute", NULL);
    expect_path(&env, "", NULL);
    expect_path(&env, NULL, NULL);
    env.data_dirs = NULL;
    expect_path(&env, "both", NULL);
    assert_int_equal(unlink("a/both") | unlink("b/both") | unlink("b/only-b") | unlink("here"), 0);
    assert_int_equal(rmdir(a) | rmdir(b), 0);
    assert_int_equal(chdir(cwd), 0);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
