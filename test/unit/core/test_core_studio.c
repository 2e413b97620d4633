/*
 * The studio: ids, whose an avatar is, that only uploads are removed, how many jobs are remembered, and that
 * its end waits for nobody. The way over the network is in integration/test_server_upload.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/registry.h"
#include "core/studio.h"
#include "core/studio_private.h"
#include "fake/fake_engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char data[] = "/tmp/avatar-chat-studio-XXXXXX";
static struct ac_config *cfg;
static struct ac_models *models;
static struct ac_studio *studio;

static int setup(void **state)
{
    (void)state;
    struct ac_str errors = {0};
    const char *sets[] = {"log.level=error"};
    char reason[256];
    assert_non_null(mkdtemp(data));
    setenv("AVATAR_CHAT_DATA", data, 1);
    ac_registry_set(fake_registry);
    assert_int_equal(ac_config_load(&cfg, NULL, sets, 1, &errors), 0);
    models = ac_models_new(cfg);
    studio = ac_studio_new(models, cfg, 60);
    assert_int_equal(ac_studio_folder(studio, reason), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[64];
    ac_studio_free(studio);
    ac_models_free(models);
    ac_config_free(cfg);
    ac_registry_set(NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", data);
    return system(command);
}

static int add(const char *name, const char *owner, const char *text, char job[AC_STUDIO_JOB])
{
    struct ac_studio_wish wish = {0};
    char reason[256] = "";
    snprintf(wish.name, sizeof wish.name, "%s", name);
    snprintf(wish.owner, sizeof wish.owner, "%s", owner);
    snprintf(wish.visitor, sizeof wish.visitor, "somebody");
    int fd = ac_studio_file(studio);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    int err = ac_studio_add(studio, &wish, fd, job, reason);
    assert_int_equal(err != 0, reason[0] != '\0');
    return err;
}

static void await(const char *job, enum ac_making state)
{
    struct ac_studio_job j;
    for (int i = 0; i < 2000; i++) {
        assert_true(ac_studio_look(studio, job, &j));
        if (j.state == state)
            return;
        ac_sleep_us(2000);
    }
    fail_msg("it is %s and not %s", ac_making_name(j.state), ac_making_name(state));
}

static void test_slugs(void **state)
{
    (void)state;
    static const struct {
        const char *name, *slug;
    } cases[] = {
        {"Ann", "ann"},
        {"  Ann -- Lee!  ", "ann-lee"},
        {"J\xc3\xb6rg", "j-rg"},
        {"\xe6\x9d\x8e", "avatar"},
        {"...", "avatar"},
        {"", "avatar"},
        {"x_y", "x-y"},
        {"0123456789012345678901234567890123456789abc", "0123456789012345678901234567890123456789"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char slug[41];
        studio_slug(cases[i].name, slug);
        assert_string_equal(slug, cases[i].slug);
        assert_true(ac_studio_id_valid(slug));
    }
    static const char *const wrong[] = {
        "",    "-a",       "A",
        "a/b", ".",        "..",
        "a.b", "\xc3\xb6", "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(ac_studio_id_valid(wrong[i]));
}

static void test_whose(void **state)
{
    (void)state;
    char job[AC_STUDIO_JOB], owner[AC_STUDIO_OWNER], path[128];
    assert_int_equal(add("Ann", "me", "face", job), 0);
    await(job, AC_MAKING_DONE);
    assert_true(ac_studio_uploaded(studio, "ann", owner));
    assert_string_equal(owner, "me");
    /* what came another way stays */
    snprintf(path, sizeof path, "%s/avatars/other", data);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_false(ac_studio_uploaded(studio, "other", owner));
    assert_string_equal(owner, "");
    assert_int_equal(ac_studio_remove(studio, "other"), AC_ENOENT);
    assert_int_equal(ac_studio_remove(studio, "../avatars/ann"), AC_ENOENT);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(ac_studio_remove(studio, "ann"), 0);
    assert_false(ac_studio_uploaded(studio, "ann", NULL));
}

/* An engine that was done when it was cancelled: nothing stays all the same. */
static void test_cancelled_too_late(void **state)
{
    (void)state;
    char job[AC_STUDIO_JOB], path[128];
    assert_int_equal(add("Late", "me", "late", job), 0);
    await(job, AC_MAKING_CANCELLED);
    assert_false(ac_studio_uploaded(studio, "late", NULL));
    snprintf(path, sizeof path, "%s/avatars/late", data);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_few_wait(void **state)
{
    (void)state;
    char job[AC_STUDIO_WAITING][AC_STUDIO_JOB], more[AC_STUDIO_JOB];
    for (int i = 0; i < AC_STUDIO_WAITING; i++)
        assert_int_equal(add("X", "", "hang", job[i]), 0);
    assert_int_equal(add("X", "", "face", more), AC_EFULL);
    assert_int_equal(ac_studio_busy(studio, NULL), AC_STUDIO_WAITING);
    assert_int_equal(ac_studio_busy(studio, "somebody"), AC_STUDIO_WAITING);
    assert_int_equal(ac_studio_busy(studio, "somebody else"), 0);
    await(job[0], AC_MAKING_RUNNING);
    for (int i = AC_STUDIO_WAITING; i--;) /* those that wait are forgotten at once */
        assert_true(ac_studio_cancel(studio, job[i]));
    await(job[0], AC_MAKING_CANCELLED);
    assert_int_equal(ac_studio_busy(studio, NULL), 0);
    assert_true(ac_studio_cancel(studio, job[0]));
    assert_false(ac_studio_cancel(studio, job[0]));
}

static void test_last_are_remembered(void **state)
{
    (void)state;
    char first[AC_STUDIO_JOB], second[AC_STUDIO_JOB], job[AC_STUDIO_JOB];
    struct ac_studio_job j;
    for (int i = 0; i < 33; i++) {
        assert_int_equal(add("X", "", "nobody", i == 0 ? first : i == 1 ? second : job), 0);
        await(i == 0 ? first : i == 1 ? second : job, AC_MAKING_FAILED);
    }
    assert_false(ac_studio_look(studio, first, &j));
    assert_true(ac_studio_look(studio, second, &j));
    assert_string_equal(j.code, "face_none");
}

static void test_end(void **state)
{
    (void)state;
    char running[AC_STUDIO_JOB], waiting[AC_STUDIO_JOB];
    assert_int_equal(add("X", "", "hang", running), 0);
    assert_int_equal(add("Y", "", "face", waiting), 0);
    await(running, AC_MAKING_RUNNING);
    ac_studio_free(studio);
    assert_int_equal(fake_hang_count(), 0);
    studio = ac_studio_new(models, cfg, 60);
    assert_false(ac_studio_uploaded(studio, "y", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slugs),
        cmocka_unit_test(test_whose),
        cmocka_unit_test(test_cancelled_too_late),
        cmocka_unit_test(test_few_wait),
        cmocka_unit_test(test_last_are_remembered),
        cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
