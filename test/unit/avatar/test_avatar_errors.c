/* What the engine refuses, and how it says so: sizes, unknown people, broken rigs and drawings; and the list.
 */
#include "puppet.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

static void test_sizes(void **state)
{
    static const struct {
        int width, height;
    } CASES[] = {{511, 512}, {512, 511}, {62, 62}, {1922, 1922}, {512, 200}, {200, 512}, {-512, -512}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct puppet p;
        assert_int_equal(puppet_open(&p, NULL, "lin", CASES[i].width, CASES[i].height, NULL), AC_EINVAL);
        assert_non_null(strstr(p.env.reason, "even"));
        puppet_close(&p);
    }
}

static void test_unknown_avatar(void **state)
{
    static const char *const CASES[] = {"nobody", "../lin", "lin/../david", "/etc", "draw", "LIN", "."};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct puppet p;
        assert_int_equal(puppet_open(&p, NULL, CASES[i], 256, 256, NULL), AC_ENOENT);
        assert_non_null(strstr(p.env.reason, CASES[i]));
        assert_non_null(strstr(p.env.reason, "david, lin"));
        puppet_close(&p);
    }
}

/* ---- broken folders, made from Lin's ---- */

struct folder {
    char root[64], *rig, *drawing;
    const char *dirs[2];
};

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static int folder_setup(void **state)
{
    struct folder *f = ac_zalloc(sizeof *f);
    snprintf(f->root, sizeof f->root, "/tmp/avatar-test-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    char *a = ac_asprintf("%s/avatars", f->root), *b = ac_asprintf("%s/avatars/bad", f->root);
    assert_int_equal(mkdir(a, 0700) | mkdir(b, 0700), 0);
    f->rig = ac_asprintf("%s/avatar.yaml", b);
    f->drawing = ac_asprintf("%s/character.svg", b);
    f->dirs[0] = f->root;
    free(a);
    free(b);
    *state = f;
    return 0;
}

static int folder_teardown(void **state)
{
    struct folder *f = *state;
    unlink(f->rig);
    unlink(f->drawing);
    *strrchr(f->rig, '/') = '\0';
    rmdir(f->rig);
    *strrchr(f->rig, '/') = '\0';
    rmdir(f->rig);
    rmdir(f->root);
    free(f->rig);
    free(f->drawing);
    free(f);
    return 0;
}

/* Writes from's text with the first `old` replaced; with old NULL, `new` alone. */
static void write_changed(const char *to, const char *from, const char *old, const char *new)
{
    char *text = NULL;
    size_t len = 0;
    struct ac_str out = {0};
    assert_int_equal(ac_read_file(from, 1 << 24, &text, &len), 0);
    if (old) {
        char *at = strstr(text, old);
        assert_non_null(at);
        ac_str_add_n(&out, text, (size_t)(at - text));
        ac_str_add(&out, new);
        ac_str_add(&out, at + strlen(old));
    } else {
        ac_str_add(&out, new);
    }
    write_file(to, out.p, out.len);
    ac_str_free(&out);
    free(text);
}

static void test_broken_rig(void **state)
{
    static const struct {
        const char *old, *new, *want;
    } CASES[] = {
        {"gender: female", "gender: robot", "avatar.yaml:3: 'gender' must be female or male"},
        {"gender: female", "gendre: female", "avatar.yaml:3: unknown key 'gendre', did you mean gender"},
        {"gender: female\n", "", "the key 'gender' is missing"},
        {"drawing: character.svg", "drawing: ../lin/character.svg", "same folder"},
        {"iris: [", "iris: [1, ", "'iris' must hold 3 numbers, not 4"},
        {"iris: [", "iris: [x", "'iris' must hold numbers"},
        {"closed: [", "closed: [900, 1, ", "from left to right"},
        {"seam: \"#", "seam: \"", "'seam' must be a colour"},
        {"center: [", "center: [.nan, ", "'center' must hold"},
        {"name: {", "name: [{", "not YAML"},
        {"base: [", "base: [nothing, ", "no layer with the id 'nothing'"},
        {"box: [", "box: [0, 0, 4000, 20] #", "'box' must be x, y, width, height"},
        {NULL, "", "the file is empty"},
        {NULL, "just words", "expected keys"},
        {NULL, "[1, 2", "not YAML"},
    };
    struct folder *f = *state;
    write_changed(f->drawing, "avatars/lin/character.svg", "<svg", "<svg");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct puppet p;
        write_changed(f->rig, "avatars/lin/avatar.yaml", CASES[i].old, CASES[i].new);
        int err = puppet_open(&p, NULL, "bad", 128, 128, f->dirs);
        if (err != AC_ECONFIG || !strstr(p.env.reason, CASES[i].want))
            fail_msg("case %zu: %d '%s', wanted '%s'", i, err, p.env.reason, CASES[i].want);
        puppet_close(&p);
    }
}

static void test_broken_drawing(void **state)
{
    static const struct {
        const char *old, *new, *want;
    } CASES[] = {
        {"viewBox=", "viewbox=", "needs a viewBox"},
        {"id=\"iris\"", "id=\"isir\"", "no layer with the id 'iris'"},
        {"</svg>", "", "not a drawing"},
        {NULL, "<svg viewBox=\"0 0 1 1\"", "not a drawing"},
    };
    struct folder *f = *state;
    write_changed(f->rig, "avatars/lin/avatar.yaml", "name", "name");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct puppet p;
        write_changed(f->drawing, "avatars/lin/character.svg", CASES[i].old, CASES[i].new);
        int err = puppet_open(&p, NULL, "bad", 128, 128, f->dirs);
        if (err != AC_ECONFIG || !strstr(p.env.reason, CASES[i].want))
            fail_msg("case %zu: %d '%s', wanted '%s'", i, err, p.env.reason, CASES[i].want);
        puppet_close(&p);
    }
    unlink(f->drawing);
    struct puppet p;
    assert_int_equal(puppet_open(&p, NULL, "bad", 128, 128, f->dirs), AC_ENOENT);
    assert_non_null(strstr(p.env.reason, "character.svg"));
    puppet_close(&p);
}

/* ---- the list ---- */

struct seen {
    int n;
    char text[512];
};

static void note(void *arg, const struct ac_item *item)
{
    struct seen *s = arg;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%s=%s/%s ", item->id, item->name, item->gender);
    assert_true(item->detail[0] != '\0');
    s->n++;
}

static void test_list(void **state)
{
    struct folder *f = *state;
    struct seen seen = {0};
    struct puppet p;
    write_file(f->rig, "broken", 6); /* left out of the list, hiding nobody */
    assert_int_equal(puppet_open(&p, NULL, "lin", 128, 128, f->dirs), 0);
    assert_int_equal(ac_handler_avatar_character.list(p.model, &p.cfg, &p.env, note, &seen), 0);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.text, "lin=Lin 林/female david=David 大卫/male "); /* the configured one first */
    static char david[] = "david";
    p.cfg.id = david;
    seen = (struct seen){0};
    assert_int_equal(ac_handler_avatar_character.list(p.model, &p.cfg, &p.env, note, &seen), 0);
    assert_string_equal(seen.text, "david=David 大卫/male lin=Lin 林/female ");
    puppet_close(&p);
}

/* A real face is another engine's: not listed, not drawn, and no failure of this one. */
static void test_template(void **state)
{
    static const char yaml[] = "engine: wav2lip\nversion: 1\n";
    struct folder *f = *state;
    struct seen seen = {0};
    struct puppet p;
    write_file(f->rig, yaml, strlen(yaml));
    assert_int_equal(puppet_open(&p, NULL, "bad", 128, 128, f->dirs), AC_ENOTSUP);
    assert_non_null(strstr(p.env.reason, "wav2lip"));
    puppet_close(&p);
    assert_int_equal(puppet_open(&p, NULL, "lin", 128, 128, f->dirs), 0);
    assert_int_equal(ac_handler_avatar_character.list(p.model, &p.cfg, &p.env, note, &seen), 0);
    assert_string_equal(seen.text, "lin=Lin 林/female david=David 大卫/male ");
    puppet_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_unknown_avatar),
        cmocka_unit_test_setup_teardown(test_broken_rig, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_broken_drawing, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_template, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_list, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
