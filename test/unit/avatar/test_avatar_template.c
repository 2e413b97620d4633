/*
 * The reader of templates against folders that are right, and against each way in which one can be wrong; the
 * order in which a loop is shown; the choice of a loop.
 */
#include <math.h>
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

#include "avatar/template.h"
#include "avatar/template_loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "media/image.h"

enum { W = 128, H = 96 };

static char dir[] = "/tmp/ac-template-XXXXXX";

/* ---- folders ---- */

static void put(const char *name, const char *bytes, size_t n)
{
    char *path = ac_asprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    free(path);
}

static void put_picture(const char *name, int width, int height, int level)
{
    struct ac_rgb pic;
    struct ac_str jpeg = {0};

    assert_int_equal(ac_rgb_new(&pic, width, height), 0);
    memset(pic.data, level, pic.stride * (size_t)height);
    assert_int_equal(ac_image_jpeg_rgb(&pic, 95, true, &jpeg), 0);
    put(name, jpeg.p, jpeg.len);
    ac_str_free(&jpeg);
    ac_rgb_free(&pic);
}

/* Mask i is i + 1 everywhere but for its first pixel, 255. */
static void put_masks(size_t n)
{
    uint8_t *grey = ac_alloc(n * AC_TEMPLATE_MASK_BYTES);
    struct ac_str png = {0};

    for (size_t i = 0; i < n; i++) {
        memset(grey + i * AC_TEMPLATE_MASK_BYTES, (int)i + 1, AC_TEMPLATE_MASK_BYTES);
        grey[i * AC_TEMPLATE_MASK_BYTES] = 255;
    }
    assert_int_equal(ac_image_png_grey(grey, AC_TEMPLATE_MASK, AC_TEMPLATE_MASK * (int)n, &png), 0);
    put("masks.png", png.p, png.len);
    ac_str_free(&png);
    free(grey);
}

static const char PHOTO[] = "# a comment\n"
                            "engine: wav2lip\n"
                            "version: 1\n"
                            "kind: photo\n"
                            "name: \"Mei \\\"M\\\" 梅\"\n"
                            "detail: \"photo\"\n"
                            "gender: female\n"
                            "licence: \"with her consent\"\n"
                            "size: [128, 96]\n"
                            "pictures: 1\n"
                            "boxes:\n"
                            "  - [30, 20.5, 60, 70]\n";

static void put_photo(void)
{
    put("avatar.yaml", PHOTO, strlen(PHOTO));
    put_picture("picture-000.jpg", W, H, 77);
    put_masks(1);
}

static int load(struct ac_template **t, struct ac_env *env)
{
    *env = (struct ac_env){0};
    return ac_template_load(t, dir, "mei", env);
}

static void test_photo(void **state)
{
    struct ac_template *t;
    struct ac_env env;
    struct ac_rgb pic;
    uint8_t mask[AC_TEMPLATE_MASK_BYTES];

    (void)state;
    put_photo();
    assert_true(ac_template_is(dir));
    assert_int_equal(load(&t, &env), 0);
    assert_string_equal(t->id, "mei");
    assert_string_equal(t->name, "Mei \"M\" 梅");
    assert_string_equal(t->gender, "female");
    assert_string_equal(t->licence, "with her consent");
    assert_true(!t->video && t->n == 1 && t->width == W && t->height == H);
    assert_true(t->box[0].x == 30 && t->box[0].y == 20.5f && t->box[0].width == 60 && t->box[0].height == 70);
    assert_int_equal(ac_template_picture(t, 0, &pic, &env), 0);
    assert_true(pic.width == W && abs(*ac_rgb_at(&pic, 50, 50) - 77) <= 2);
    ac_template_mask(t, 0, mask);
    assert_true(mask[0] == 255 && mask[1] == 1);
    assert_int_equal(ac_template_at(t, 7654321), 0);
    ac_rgb_free(&pic);
    ac_template_free(t);
}

static void put_video(size_t n)
{
    struct ac_str yaml = {0};

    ac_str_addf(&yaml,
                "engine: wav2lip\nversion: 1\nkind: video\nname: \"\"\ndetail: \"\"\ngender: \"\"\n"
                "licence: \"\"\nsize: [128, 96]\npictures: %zu\nboxes:\n",
                n);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        ac_str_addf(&yaml, "  - [%zu, 2, 40, 50]\n", i);
        snprintf(name, sizeof name, "picture-%03zu.jpg", i);
        put_picture(name, W, H, (int)(40 + 5 * i));
    }
    put("avatar.yaml", yaml.p, yaml.len);
    put_masks(n);
    ac_str_free(&yaml);
}

/* Forth and back, one picture every 40 ms, the same at both ends of the period. */
static void test_video(void **state)
{
    struct ac_template *t;
    struct ac_env env;
    struct ac_rgb pic;
    uint8_t mask[AC_TEMPLATE_MASK_BYTES];

    (void)state;
    put_video(16);
    assert_int_equal(load(&t, &env), 0);
    assert_true(t->video && t->n == 16);
    assert_string_equal(t->name, "mei");
    for (size_t i = 0; i < t->n; i++) {
        assert_true(t->box[i].x == (float)i);
        ac_template_mask(t, i, mask);
        assert_int_equal(mask[9], i + 1);
    }
    assert_int_equal(ac_template_picture(t, 9, &pic, &env), 0);
    assert_true(abs(*ac_rgb_at(&pic, 50, 50) - 85) <= 2);
    ac_rgb_free(&pic);
    ac_template_free(t);
}

static void test_order(void **state)
{
    static const size_t lengths[] = {2, 11, 16, 26, 31, 51, 76, 151};

    (void)state;
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        const struct ac_template t = {.n = lengths[k]};
        size_t before = ac_template_at(&t, 0);
        assert_int_equal(before, 0);
        for (int64_t i = 1; i <= 300; i++) {
            size_t at = ac_template_at(&t, i * 40000);
            assert_true(at < t.n && (at == before + 1 || at + 1 == before));
            assert_int_equal(ac_template_at(&t, i * 40000 - 1), at); /* cut to whole microseconds */
            assert_int_equal(ac_template_at(&t, i * 40000 + 38000), at);
            before = at;
        }
        assert_int_equal(before, 0); /* after the period */
        assert_int_equal(ac_template_at(&t, (int64_t)(t.n - 1) * 40000), t.n - 1);
    }
}

/* ---- what is wrong ---- */

/* The photo's avatar.yaml with one line in place of another. */
static void put_changed(const char *line, const char *by)
{
    const char *at = strstr(PHOTO, line);
    struct ac_str s = {0};

    assert_non_null(at);
    ac_str_add_n(&s, PHOTO, (size_t)(at - PHOTO));
    ac_str_add(&s, by);
    ac_str_add(&s, at + strlen(line));
    put("avatar.yaml", s.p, s.len);
    ac_str_free(&s);
}

static void expect_refused(const char *what, int err, const char *why, const char *remedy)
{
    struct ac_template *t;
    struct ac_env env;
    int got = load(&t, &env);

    if (got != err || t || !strstr(env.reason, why) || !strstr(env.reason, remedy))
        fail_msg("%s: %d; %s", what, got, env.reason);
}

static void test_wrong_yaml(void **state)
{
    static const struct {
        const char *line, *by, *why;
    } cases[] = {
        {"engine: wav2lip", "engine: character", "avatar.yaml:2: 'engine' must be wav2lip"},
        {"engine: wav2lip", "engines: wav2lip", "unknown key 'engines', did you mean engine"},
        {"version: 1", "version: 2", ":3: version 2 is not known to this program: make it again"},
        {"version: 1\n", "", "the key 'version' is missing"},
        {"kind: photo", "kind: film", ":4: 'kind' must be photo or video"},
        {"kind: photo", "kind: video", ":10: 'pictures' must be one of"},
        {"gender: female", "gender: robot", ":7: 'gender' must be"},
        {"name: \"Mei \\\"M\\\" 梅\"", "name: [a]", ":5: 'name' must be a plain value"},
        {"[128, 96]", "[128, 95]", ":9: 'size' must be"},
        {"[128, 96]", "[100000, 96]", "'size' must"},
        {"[128, 96]", "[10000, 96]", ":9: 'size' must be width and height of the pictures, even, 64 to 1920"},
        {"[128, 96]", "[128]", ":9: 'size' must hold 2 numbers, not 1"},
        {"[128, 96]", "[nan, 96]", ":9: 'size' must hold numbers"},
        {"pictures: 1", "pictures: 2", ":10: 'pictures' must be 1 for a photo"},
        {"pictures: 1", "pictures: 1e9", ":10: 'pictures' must"},
        {"pictures: 1", "pictures: -1", ":10: 'pictures' must be between"},
        {"  - [30, 20.5, 60, 70]\n", "  - [1, 2, 60, 70]\n  - [1, 2, 60, 70]\n", "'boxes' must hold 1 boxes"},
        {"  - [30, 20.5, 60, 70]\n", "  []\n", "'boxes' must hold 1 boxes"},
        {"[30, 20.5, 60, 70]", "[30, 20.5, 60]", ":12: 'boxes' must hold 4 numbers, not 3"},
        {"[30, 20.5, 60, 70]", "[-1, 20.5, 60, 70]", ":12: a box is x, y, width, height inside"},
        {"[30, 20.5, 60, 70]", "[30, 27, 60, 70]", ":12: a box is"},
        {"[30, 20.5, 60, 70]", "[30, 20, 2, 2]", ":12: a box is"},
        {"[30, 20.5, 60, 70]", "{a: b}", ":12: 'boxes' must be a list"},
        {"kind: photo", "kind: [", "not YAML"},
    };

    (void)state;
    put_photo();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_changed(cases[i].line, cases[i].by);
        expect_refused(cases[i].by, AC_ECONFIG, cases[i].why, "");
    }
    put("avatar.yaml", "", 0);
    expect_refused("empty", AC_ECONFIG, "the file is empty", "");
}

static void test_wrong_files(void **state)
{
    struct ac_template *t;
    struct ac_env env;
    struct ac_rgb pic;
    char *path = ac_asprintf("%s/picture-000.jpg", dir), *masks = ac_asprintf("%s/masks.png", dir);

    (void)state;
    put_photo();
    unlink(path);
    expect_refused("no picture", AC_ENOENT, "picture-000.jpg is missing", "avatar create --replace");
    put_photo();
    unlink(masks);
    expect_refused("no masks", AC_ENOENT, "masks.png", "avatar create --replace");
    put("masks.png", "no picture", 10);
    expect_refused("bad masks", AC_ECONFIG, "masks.png: it is no photo", "avatar create --replace");
    put_masks(2);
    expect_refused("more masks", AC_ECONFIG, "masks.png", "avatar create --replace");
    put_photo();
    put_picture("picture-000.jpg", 64, 64, 9); /* seen when it is needed */
    assert_int_equal(load(&t, &env), 0);
    assert_int_equal(ac_template_picture(t, 0, &pic, &env), AC_ECONFIG);
    assert_non_null(strstr(env.reason, "64x64 pixels, not 128x96"));
    assert_null(pic.data);
    put_picture("picture-000.jpg", 512, 512, 9);
    assert_int_equal(ac_template_picture(t, 0, &pic, &env), AC_ECONFIG);
    put("picture-000.jpg", "\xff\xd8\xff", 3);
    assert_int_equal(ac_template_picture(t, 0, &pic, &env), AC_ECONFIG);
    assert_non_null(strstr(env.reason, "picture-000.jpg"));
    ac_template_free(t);
    free(path);
    free(masks);
    assert_int_equal(ac_template_load(&t, "/tmp/no-such-folder", "x", &env), AC_ENOENT);
}

static void test_is_template(void **state)
{
    static const struct {
        const char *yaml;
        bool is;
    } cases[] = {
        {"engine: wav2lip\n", true},
        {"# x\n\nengine:   wav2lip # yes\nrubbish: [", true},
        {"engine: \"wav2lip\"\r\n", true},
        {"engine: 'wav2lip'", true},
        {"engine: wav2lip2\n", false},
        {"engine: character\nengine: wav2lip\n", false},
        {"name: x\n  engine: y\n", false},
        {"engin: wav2lip\n", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("avatar.yaml", cases[i].yaml, strlen(cases[i].yaml));
        if (ac_template_is(dir) != cases[i].is)
            fail_msg("case %zu: %s", i, cases[i].yaml);
    }
    assert_false(ac_template_is("avatars/lin"));
    assert_false(ac_template_is("/tmp/no-such-folder"));
}

/* ---- the loop ---- */

enum { COUNT = 500 };

/* A calm face with the mouth open but for the pictures from `first` on. */
static void make_track(struct ac_loop_frame *f, size_t first, size_t closed)
{
    for (size_t i = 0; i < COUNT; i++)
        f[i] = (struct ac_loop_frame){.x = 5 + 0.01f * (float)(i % 2),
                                      .y = 4,
                                      .open = i >= first && i < first + closed ? 0.01f : 0.3f,
                                      .turn = 0.05f,
                                      .quality = 0.9f};
}

static void test_loop_is_closed(void **state)
{
    static const struct {
        size_t first, closed, n;
    } cases[] = {{0, COUNT, 151}, {100, 160, 151}, {100, 149, 151}, {100, 100, 76}, {420, 80, 76},
                 {7, 60, 51},     {300, 40, 31},   {33, 26, 26},    {480, 17, 16},  {0, 16, 16}};
    struct ac_loop_frame f[COUNT];
    struct ac_loop loop;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_track(f, cases[i].first, cases[i].closed);
        assert_true(ac_template_loop(f, COUNT, 0.06f, &loop));
        if (loop.n != cases[i].n || !loop.closed)
            fail_msg("case %zu: %zu pictures from %zu on, %zu open", i, loop.n, loop.first, loop.open);
        assert_true(loop.open * 50 <= loop.n); /* 2 % may be open */
        assert_true(loop.first + loop.n <= COUNT);
        assert_true(loop.first + loop.open >= cases[i].first &&
                    loop.first + loop.n <= cases[i].first + cases[i].closed + loop.open);
    }
    make_track(f, 0, 0); /* open in all */
    for (size_t i = 200; i < 280; i++)
        f[i].open = 0.1f;
    assert_true(ac_template_loop(f, COUNT, 0.06f, &loop));
    assert_true(!loop.closed && loop.n == 76 && loop.open == 76 && loop.first >= 200 && loop.first <= 204);
}

static void test_loop_avoids(void **state)
{
    struct ac_loop_frame f[COUNT];
    struct ac_loop loop;

    (void)state;
    make_track(f, 0, COUNT); /* cuts: the longest between two of them */
    for (size_t i = 40; i < COUNT; i += i < 200 ? 60 : 90)
        f[i].cut = true;
    assert_true(ac_template_loop(f, COUNT, 0.06f, &loop) && loop.n == 76);
    for (size_t i = loop.first + 1; i < loop.first + loop.n; i++)
        assert_false(f[i].cut);

    make_track(f, 0, COUNT); /* no face in the first part, now and then in the second */
    for (size_t i = 0; i < COUNT; i++)
        f[i].bad = i < 250 || i % 40 == 0;
    assert_true(ac_template_loop(f, COUNT, 0.06f, &loop) && loop.n == 151 && loop.first >= 250);
    assert_true(loop.bad * 20 <= loop.n && !f[loop.first].bad && !f[loop.first + loop.n - 1].bad);
    for (size_t i = 0; i < COUNT; i++)
        f[i].bad = i % 10 == 0; /* more than 5 % */
    assert_false(ac_template_loop(f, COUNT, 0.06f, &loop));

    make_track(f, 0, COUNT); /* walks past */
    for (size_t i = 0; i < COUNT; i++)
        f[i].x = 0.02f * (float)i;
    assert_true(ac_template_loop(f, COUNT, 0.06f, &loop) && loop.n == 51);

    make_track(f, 0, COUNT); /* swings: turns round where the head does */
    for (size_t i = 0; i < COUNT; i++)
        f[i].x = 0.3f * sinf((float)i * 2 * (float)M_PI / 100);
    assert_true(ac_template_loop(f, COUNT, 0.06f, &loop) && loop.n == 151);
    for (int end = 0; end < 2; end++) {
        size_t i = end ? loop.first + loop.n - 1 : loop.first;
        float at = f[i].x;
        if (fabsf(at) < 0.27f)
            fail_msg("turns round at %.2f of the swing", (double)at / 0.3);
    }

    make_track(f, 0, COUNT); /* looks away, then not; blurred, then not */
    for (size_t i = 0; i < 300; i++) {
        f[i].turn = 0.5f;
        f[i].quality = 0.4f;
    }
    assert_true(ac_template_loop(f, COUNT, 0.06f, &loop) && loop.n == 151 && loop.first >= 300);

    for (size_t n = 0; n < 16; n++)
        assert_false(ac_template_loop(f, n, 0.06f, &loop));
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
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
        cmocka_unit_test(test_photo),          cmocka_unit_test(test_video),
        cmocka_unit_test(test_order),          cmocka_unit_test(test_wrong_yaml),
        cmocka_unit_test(test_wrong_files),    cmocka_unit_test(test_is_template),
        cmocka_unit_test(test_loop_is_closed), cmocka_unit_test(test_loop_avoids),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
