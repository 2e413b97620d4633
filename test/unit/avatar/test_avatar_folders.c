/* People in folders: which ids are safe, whose a person is, the order of a list, sizes of pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "avatar/folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char first[] = "/tmp/ac-people-XXXXXX", second[] = "/tmp/ac-people-XXXXXX";
static const char *dirs[] = {first, second, NULL};
static struct ac_env env = {.log_name = "test", .data_dirs = dirs};

static void add(const char *data, const char *id, const char *yaml)
{
    char path[160];

    snprintf(path, sizeof path, "%s/avatars", data);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/avatars/%s", data, id);
    assert_int_equal(mkdir(path, 0755), 0);
    if (!yaml)
        return;
    snprintf(path, sizeof path, "%s/avatars/%s/avatar.yaml", data, id);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(yaml, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(first) || !mkdtemp(second))
        return -1;
    add(first, "zz-drawn", "name: Z\n");
    add(first, "zz-real", "engine: wav2lip\n");
    add(first, "zz-both", "engine: wav2lip\n");
    add(first, "zz-empty", NULL);
    add(first, "Zz-Large", "engine: wav2lip\n");
    add(second, "zz-both", "name: Z\n"); /* hidden by the first folder's */
    add(second, "zz-other", "engine: wav2lip\n");
    add(second, "zz-real", "engine: wav2lip\n");
    return 0;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s %s", first, second);
    return system(command);
}

static void test_ids(void **state)
{
    static const struct {
        const char *id;
        bool safe;
    } cases[] = {
        {"lin", true},  {"a", true},    {"a_b-9", true},   {"", false},
        {".", false},   {"..", false},  {"../lin", false}, {"a/b", false},
        {"Lin", false}, {"a.b", false}, {"li n", false},   {"\xc3\xa4", false},
    };
    char id[AC_FOLDERS_MAX_ID + 2];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ac_folders_id_is_safe(cases[i].id) != cases[i].safe)
            fail_msg("'%s'", cases[i].id);
    memset(id, 'a', sizeof id);
    id[AC_FOLDERS_MAX_ID + 1] = '\0';
    assert_false(ac_folders_id_is_safe(id));
    id[AC_FOLDERS_MAX_ID] = '\0';
    assert_true(ac_folders_id_is_safe(id));
}

static void test_of(void **state)
{
    char want[96];
    enum ac_person kind;
    char *folder;

    (void)state;
    assert_null(ac_folders_of(&env, "zz-none", &kind));
    assert_null(ac_folders_of(&env, "zz-empty", &kind));
    assert_null(ac_folders_of(&env, "../avatars/zz-real", &kind));
    folder = ac_folders_of(&env, "zz-both", &kind);
    snprintf(want, sizeof want, "%s/avatars/zz-both", first);
    assert_string_equal(folder, want);
    assert_int_equal(kind, AC_PERSON_REAL);
    free(folder);
    folder = ac_folders_of(&env, "zz-drawn", &kind);
    assert_non_null(folder);
    assert_int_equal(kind, AC_PERSON_DRAWN);
    free(folder);
}

/* The names that this test made, with a space between them: the working directory may have more. */
static void expect(enum ac_person kind, const char *head, const char *want)
{
    struct ac_folders names;
    char got[256] = "";

    ac_folders_find(&names, &env, kind, head);
    for (size_t i = 0; i < names.n; i++) {
        size_t n = strlen(got);
        if (!strncmp(names.name[i], "zz-", 3))
            snprintf(got + n, sizeof got - n, "%s%s", n ? " " : "", names.name[i]);
    }
    assert_string_equal(got, want);
    if (strstr(want, head) && *head)
        assert_string_equal(names.name[0], head);
    ac_folders_free(&names);
}

static void test_find(void **state)
{
    (void)state;
    expect(AC_PERSON_DRAWN, "", "zz-drawn");
    expect(AC_PERSON_REAL, "", "zz-both zz-other zz-real");
    expect(AC_PERSON_REAL, "zz-real", "zz-real zz-both zz-other");
    expect(AC_PERSON_REAL, "zz-drawn", "zz-both zz-other zz-real");
}

static void test_sizes(void **state)
{
    static const struct {
        int ask_width, ask_height, width, height; /* 0: refused */
    } cases[] = {
        {0, 0, 512, 512}, {320, 0, 320, 320}, {360, 640, 360, 640}, {64, 64, 64, 64},
        {62, 62, 0, 0},   {1922, 1922, 0, 0}, {321, 320, 0, 0},     {640, 318, 0, 0},
    };
    struct ac_env e = {.log_name = "test"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int w = -1, h = -1;
        e.prefs.width = cases[i].ask_width;
        e.prefs.height = cases[i].ask_height;
        if (!cases[i].width) {
            assert_int_equal(ac_folders_size(&e, &w, &h), AC_EINVAL);
            assert_non_null(strstr(e.reason, "even"));
            continue;
        }
        assert_int_equal(ac_folders_size(&e, &w, &h), 0);
        assert_int_equal(w, cases[i].width);
        assert_int_equal(h, cases[i].height);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_of),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
