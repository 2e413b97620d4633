/* `avatar-chat avatar`: listing and making persons with the real program, spawned. */
#include "base/mem.h"
#include "base/str.h"
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

static char dir[] = "/tmp/avatar-cli-XXXXXX", avatars[64];

static void expect(const char *const *words, int status, const char *out, const char *err)
{
    struct command_result r;

    command_run(&r, words, NULL, 0);
    if (r.status != status || !strstr(r.out, out) || !strstr(r.err, err))
        fail_msg("%s %s …: status %d\n%s\n%s", words[0], words[1], r.status, r.out, r.err);
    command_result_free(&r);
}

static bool is_there(const char *name)
{
    char *path = ac_asprintf("%s/%s", avatars, name);
    bool yes = access(path, F_OK) == 0;

    free(path);
    return yes;
}

#define CREATE    "avatar", "create", "--folder", avatars
#define ASTRONAUT "test/data/face/astronaut.jpg"

static void test_usage(void **state)
{
    (void)state;
    expect((const char *[]){"avatar", "--help", NULL}, 0, "--photo FILE", "");
    expect((const char *[]){"help", "avatar", NULL}, 0, "create --id ID", "");
    expect((const char *[]){"avatar", NULL}, 2, "", "say list or create");
    expect((const char *[]){"avatar", "make", NULL}, 2, "", "say list or create, not 'make'");
    expect((const char *[]){CREATE, "--photo", ASTRONAUT, NULL}, 2, "", "with --id");
    expect((const char *[]){CREATE, "--id", "x", NULL}, 2, "", "either a photo");
    expect((const char *[]){CREATE, "--id", "x", "--photo", "a", "--video", "b", NULL}, 2, "",
           "either a photo");
    expect((const char *[]){CREATE, "--id", "../x", "--photo", ASTRONAUT, NULL}, 2, "", "letters a-z");
    expect((const char *[]){CREATE, "--id", "x", "--photo", ASTRONAUT, "--gender", "man", NULL}, 2, "",
           "female or male");
    expect((const char *[]){"avatar", "list", "--id", "x", NULL}, 2, "", "belong to create");
    expect((const char *[]){CREATE, "--id", "x", "--phto", ASTRONAUT, NULL}, 2, "", "photo");
}

static void test_list(void **state)
{
    struct command_result r;
    json_t *list, *a;
    size_t i, drawn = 0;

    (void)state;
    expect((const char *[]){"avatar", "list", NULL}, 0, "lin", "");
    command_run(&r, (const char *[]){"avatar", "list", "--json", NULL}, NULL, 0);
    assert_int_equal(r.status, 0);
    list = json_loads(r.out, 0, NULL);
    assert_non_null(list);
    json_array_foreach(list, i, a)
    {
        drawn += strcmp(json_string_value(json_object_get(a, "engine")), "character") == 0;
        assert_true(*json_string_value(json_object_get(a, "id")));
    }
    assert_int_equal(drawn, 2);
    json_decref(list);
    command_result_free(&r);
}

static void test_create(void **state)
{
    struct command_result r;

    (void)state;
    expect((const char *[]){CREATE, "--id", "eileen", "--photo", ASTRONAUT, "--name", "Eileen", "--gender",
                            "female", "--licence", "public domain", NULL},
           0, "eileen is ready", "face: ");
    assert_true(is_there("eileen/avatar.yaml") && is_there("eileen/preview.jpg") &&
                is_there("eileen/masks.png"));
    /* again: only when asked */
    expect((const char *[]){CREATE, "--id", "eileen", "--photo", ASTRONAUT, NULL}, 1, "", "already");
    expect((const char *[]){CREATE, "--id", "eileen", "--photo", ASTRONAUT, "--replace", NULL}, 0, "ready",
           "");
    /* the list has it, and only the engine that shows it does */
    setenv("AVATAR_CHAT_DATA", dir, 1);
    command_run(&r, (const char *[]){"avatar", "list", NULL}, NULL, 0);
    unsetenv("AVATAR_CHAT_DATA");
    const char *line = strstr(r.out, "eileen");
    if (r.status != 0 || !line || strncmp(line + strlen("eileen"), "  wav2lip", 9) != 0 ||
        strstr(line + 1, "eileen "))
        fail_msg("status %d\n%s\n%s", r.status, r.out, r.err);
    command_result_free(&r);
}

/* Lin speaks, then holds her mouth shut: that is the part which is shown. A drawn face will do. */
static void test_video(void **state)
{
    struct command_result r;
    char *video = ac_asprintf("%s/lin.mp4", dir);

    (void)state;
    command_run(&r,
                (const char *[]){"say", "--avatar", "lin", "-o", video, "Hello, how are you today?", NULL},
                NULL, 0);
    assert_int_equal(r.status, 0);
    command_result_free(&r);
    command_run(&r, (const char *[]){CREATE, "--id", "lin2", "--video", video, NULL}, NULL, 0);
    const char *kept = strstr(r.err, "from second 1.");
    if (r.status != 0 || !kept || strstr(r.err, "mouth is open") || !strstr(r.err, "kept: "))
        fail_msg("status %d\n%s\n%s", r.status, r.out, r.err);
    command_result_free(&r);
    assert_true(is_there("lin2/picture-015.jpg"));
    expect((const char *[]){CREATE, "--id", "lin3", "--photo", video, NULL}, 1, "",
           "a video is named with --video");
    free(video);
}

static void test_refused(void **state)
{
    (void)state;
    expect((const char *[]){CREATE, "--id", "x", "--photo", "test/data/face/cat.jpg", NULL}, 1, "",
           "no face in it");
    expect((const char *[]){CREATE, "--id", "x", "--photo", "test/data/face/two_faces.jpg", NULL}, 1, "",
           "2 faces");
    expect((const char *[]){CREATE, "--id", "x", "--video", ASTRONAUT, NULL}, 1, "",
           "a JPEG picture, no video; name it with --photo");
    expect((const char *[]){CREATE, "--id", "x", "--photo", "test/data/jfk.wav", NULL}, 1, "", "no photo");
    expect((const char *[]){CREATE, "--id", "x", "--video", "test/data/jfk3.mp4", NULL}, 1, "",
           "no video in it");
    expect((const char *[]){CREATE, "--id", "x", "--photo", "no-such.jpg", NULL}, 1, "", "No such file");
    expect((const char *[]){"avatar", "create", "--folder", "/proc/no/such", "--id", "x", "--photo",
                            ASTRONAUT, NULL},
           1, "", "/proc/no/such");
    expect(
        (const char *[]){CREATE, "--id", "x", "--photo", ASTRONAUT, "--set", "avatar.use=[character]", NULL},
        1, "", "no engine of avatar.use can make one");
    assert_false(is_there("x"));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(avatars, sizeof avatars, "%s/avatars", dir);
    return 0;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage), cmocka_unit_test(test_list),    cmocka_unit_test(test_create),
        cmocka_unit_test(test_video), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
