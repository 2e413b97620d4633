/*
 * Making templates: the astronaut becomes one, by photo and by video, with a box that goes with the face;
 * what cannot be used is refused by its code and a sentence, and leaves nothing behind.
 */
#include <dirent.h>
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

#include "avatar/template_face.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "base/str.h"
#include "media/photo.h"

#define FACE "test/data/face/"

static char dir[] = "/tmp/ac-make-XXXXXX";
static struct ac_faces *faces;

struct made {
    int err;
    char code[32], reason[256], found[2000];
    double done;
    struct ac_cancel *cancel;
    double cancel_at;
};

static void on_progress(void *arg, double done, const char *step)
{
    struct made *m = arg;

    assert_true(done >= m->done - 1e-9 && done <= 1 && *step);
    m->done = done;
    if (m->cancel && done >= m->cancel_at)
        ac_cancel_trigger(m->cancel);
}

static void on_found(void *arg, const char *line)
{
    struct made *m = arg;
    size_t n = strlen(m->found);

    snprintf(m->found + n, sizeof m->found - n, "%s\n", line);
}

static void on_refused(void *arg, const char *code)
{
    struct made *m = arg;

    assert_string_equal(m->code, ""); /* once */
    snprintf(m->code, sizeof m->code, "%s", code);
}

static struct ac_make wish_for(struct made *m, const char *file, const char *id)
{
    return (struct ac_make){.file = file,
                            .folder = dir,
                            .id = id,
                            .name = "Eileen \"E\" \\ 艾琳",
                            .licence = "public domain",
                            .gender = "female",
                            .progress = on_progress,
                            .found = on_found,
                            .refused = on_refused,
                            .arg = m};
}

static void run(struct made *m, const struct ac_make *make)
{
    struct ac_env env = {.threads = 1};

    m->err = ac_template_make(make, &env, m->cancel);
    snprintf(m->reason, sizeof m->reason, "%s", env.reason);
}

static size_t count_entries(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - (d ? 2 : 0);
}

static char *path_of(const char *name)
{
    return ac_asprintf("%s/%s", dir, name);
}

/* Runs a command whose %s is the folder; its last word names what it makes there. */
static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *fmt, ...)
{
    char command[1200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    if (system(command) != 0)
        fail_msg("%s failed", command);
}

/* Below the astronaut, filtered, as a picture or video `name` in the folder; malloc'ed path. */
static char *filtered(const char *name, const char *options)
{
    char *path = path_of(name);

    shell("ffmpeg -v error -nostdin -y %s %s", options, path);
    return path;
}

static struct ac_template *load(const char *id)
{
    struct ac_template *t;
    struct ac_env env = {0};
    char *folder = path_of(id);

    if (ac_template_load(&t, folder, id, &env) != 0)
        fail_msg("%s: %s", folder, env.reason);
    free(folder);
    return t;
}

/* ---- a photo ---- */

static void test_photo(void **state)
{
    struct made m = {0};
    struct ac_make make = wish_for(&m, FACE "astronaut.jpg", "astronaut");
    struct ac_env env = {0};
    struct ac_rgb pic;
    struct ac_template_box b;
    size_t n;
    struct ac_face f[AC_FACE_MAX];
    struct stat st;

    (void)state;
    run(&m, &make);
    if (m.err)
        fail_msg("%s", m.reason);
    assert_true(m.done == 1 && strstr(m.found, "photo: 512 x 512") && strstr(m.found, "face: "));
    struct ac_template *t = load("astronaut");
    assert_string_equal(t->name, "Eileen \"E\" \\ 艾琳");
    assert_string_equal(t->licence, "public domain");
    assert_string_equal(t->gender, "female");
    assert_true(!t->video && t->n == 1 && strstr(t->detail, "photo"));
    /* the box is where the face is in the picture that was kept */
    assert_int_equal(ac_template_picture(t, 0, &pic, &env), 0);
    assert_int_equal(ac_faces_find(faces, &pic, f, AC_FACE_MAX, &n, NULL), 0);
    assert_int_equal(n, 1);
    ac_template_face_box(f, &b);
    assert_true(fabsf(b.x - t->box[0].x) < 3 && fabsf(b.y - t->box[0].y) < 3 &&
                fabsf(b.width - t->box[0].width) < 4 && fabsf(b.height - t->box[0].height) < 4);
    ac_rgb_free(&pic);
    char *preview = path_of("astronaut/preview.jpg");
    assert_int_equal(ac_photo_file(preview, NULL, &pic, NULL), 0);
    assert_true(pic.width == t->width && pic.height == t->height);
    const uint8_t *edge = ac_rgb_at(&pic, (int)(t->box[0].x + 10), (int)t->box[0].y);
    assert_true(edge[0] > 180 && edge[1] > 140 && edge[2] < 110); /* the box's yellow */
    assert_int_equal(stat(preview, &st), 0);
    ac_rgb_free(&pic);
    ac_template_free(t);
    free(preview);

    /* there already; again with replace, under another name; the drawn ones are not replaced */
    m = (struct made){0};
    run(&m, &make);
    assert_int_equal(m.err, AC_EBUSY);
    assert_non_null(strstr(m.reason, "already"));
    m = (struct made){0};
    make.replace = true;
    make.name = "Other";
    run(&m, &make);
    assert_int_equal(m.err, 0);
    t = load("astronaut");
    assert_string_equal(t->name, "Other");
    ac_template_free(t);
    shell("mkdir %s/drawn && cp avatars/lin/avatar.yaml %s/drawn/", dir, dir);
    m = (struct made){0};
    make.id = "drawn";
    run(&m, &make);
    assert_int_equal(m.err, AC_EBUSY);
    assert_non_null(strstr(m.reason, "choose another id"));
    shell("rm -r %s/drawn", dir);
    assert_int_equal(count_entries(dir), 1);
    shell("rm -r %s/astronaut", dir);
}

/* A photo that lies on its side, says EXIF, gives the same as the one that stands. */
static void test_formats(void **state)
{
    static const char *const files[][2] = {
        {"a.png", "-i " FACE "astronaut.jpg"},
        {"a.webp", "-i " FACE "astronaut.jpg -c:v libwebp -quality 90"},
        {"leans.png", "-i " FACE "astronaut.jpg -vf rotate=-0.35"}, /* which the detector sees twice */
        {"big.png", "-i " FACE "astronaut.jpg -vf scale=1400:1400:flags=lanczos"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct made m = {0};
        char *path = filtered(files[i][0], files[i][1]);
        struct ac_make make = wish_for(&m, path, "x");
        run(&m, &make);
        if (m.err)
            fail_msg("%s: %s", path, m.reason);
        struct ac_template *t = load("x");
        assert_true(t->width <= AC_TEMPLATE_MAX_SIDE && t->height <= 1080);
        /* the face takes its part of the height, whatever the size */
        double part = (double)t->box[0].height / t->height;
        if (part < 0.3 || part > 0.45)
            fail_msg("%s: the box has %.2f of the height", path, part);
        ac_template_free(t);
        shell("rm -r %s/x %s", dir, path);
        free(path);
    }
}

/* ---- refusals ---- */

static void expect_refused(const char *file, int err, const char *code, const char *why)
{
    struct made m = {0};
    struct ac_make make = wish_for(&m, file, "refused");
    size_t before = count_entries(dir);

    run(&m, &make);
    if (m.err != err || strcmp(m.code, code) != 0 || !strstr(m.reason, why))
        fail_msg("%s: %s, code '%s': %s", file, ac_err_name(m.err), m.code, m.reason);
    assert_int_equal(count_entries(dir), before); /* nothing is left */
}

static void test_refused_photos(void **state)
{
    static const struct {
        const char *name, *options;
        int err;
        const char *code, *why;
    } cases[] = {
        {"small.jpg", "-i " FACE "astronaut.jpg -vf scale=380:380", AC_EINVAL, "face_small", "pixels wide"},
        {"blurred.png", "-i " FACE "astronaut.jpg -vf gblur=sigma=2.5", AC_EINVAL, "face_blurred",
         "in focus"},
        {"left.png", "-i " FACE "astronaut.jpg -vf crop=312:512:205:0", AC_EINVAL, "face_cut", "left edge"},
        {"top.png", "-i " FACE "astronaut.jpg -vf crop=512:400:0:100", AC_EINVAL, "face_cut", "upper edge"},
        {"leans.png", "-i " FACE "astronaut.jpg -vf rotate=0.75", AC_EINVAL, "face_turned", "leans"},
        {"down.png", "-i " FACE "astronaut.jpg -vf vflip,hflip", AC_EINVAL, "face_none", "no face in it"},
        {"flat.png", "-f lavfi -i color=gray:s=300x300 -frames:v 1", AC_EINVAL, "face_none", "no face in it"},
        {"gif.gif", "-i " FACE "astronaut.jpg", AC_ENOTSUP, "file_kind", "GIF"},
    };

    (void)state;
    expect_refused(FACE "cat.jpg", AC_EINVAL, "face_none", "there is no face in it");
    expect_refused(FACE "landscape.jpg", AC_EINVAL, "face_none", "there is no face in it");
    expect_refused(FACE "two_faces.jpg", AC_EINVAL, "face_many", "there are 2 faces in it");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = filtered(cases[i].name, cases[i].options);
        expect_refused(path, cases[i].err, cases[i].code, cases[i].why);
        unlink(path);
        free(path);
    }
}

static char *write_bytes(const char *name, const char *bytes, size_t n)
{
    char *path = path_of(name);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    return path;
}

static void test_refused_files(void **state)
{
    static const char huge[] =
        "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x4e\x20\0\0\x4e\x20\x08\x02\0\0\0crc!\0\0\0\0IENDcrc!";
    static const char zip[] = "PK\x03\x04 a zip that is called a photo";
    static const char text[] = "just some words, longer than a header of any file would be";
    static const struct {
        const char *name, *bytes;
        size_t n;
        int err;
        const char *code, *why;
    } cases[] = {
        {"huge.png", huge, sizeof huge - 1, AC_ELIMIT, "file_large", "20000 x 20000 pixels"},
        {"zip.jpg", zip, sizeof zip - 1, AC_ENOTSUP, "file_kind", "ZIP"},
        {"text.jpg", text, sizeof text - 1, AC_EINVAL, "file_broken", "no video file"},
        {"empty.mp4", "", 0, AC_EINVAL, "file_broken", "no video file"},
        {"cut.jpg", "\xff\xd8\xff\xe0", 4, AC_EINVAL, "file_broken", "cut off"},
    };
    char *data, *path;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        path = write_bytes(cases[i].name, cases[i].bytes, cases[i].n);
        expect_refused(path, cases[i].err, cases[i].code, cases[i].why);
        unlink(path);
        free(path);
    }
    assert_int_equal(ac_read_file(FACE "astronaut.jpg", 1 << 20, &data, &len), 0);
    path = write_bytes("half.jpg", data, len / 2);
    expect_refused(path, AC_EINVAL, "file_broken", "ends in the middle");
    unlink(path);
    free(path);
    free(data);
    path = filtered("one.png", "-f lavfi -i color=red:s=16x16 -vf scale=1:1 -frames:v 1");
    expect_refused(path, AC_EINVAL, "face_none", "no face");
    unlink(path);
    free(path);
    expect_refused("/tmp/no-such-file.jpg", AC_ENOENT, "", "cannot be read");
    expect_refused(dir, AC_EIO, "", "it is no file");
}

static void test_refused_wishes(void **state)
{
    static const struct {
        const char *id, *name, *licence, *gender;
        int err;
        const char *why;
    } cases[] = {
        {"", "n", "", "", AC_EINVAL, "the id must"},
        {"../x", "n", "", "", AC_EINVAL, "the id must"},
        {"Upper", "n", "", "", AC_EINVAL, "the id must"},
        {"ok", "two\nlines", "", "", AC_EINVAL, "the name holds control characters"},
        {"ok", "n", "bad \xff", "", AC_EINVAL, "the licence is no valid UTF-8"},
        {"ok", "n", "", "x", AC_EINVAL, "the gender must"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made m = {0};
        struct ac_make make = wish_for(&m, FACE "astronaut.jpg", cases[i].id);
        make.name = cases[i].name;
        make.licence = cases[i].licence;
        make.gender = cases[i].gender;
        run(&m, &make);
        if (m.err != cases[i].err || !strstr(m.reason, cases[i].why))
            fail_msg("case %zu: %s: %s", i, ac_err_name(m.err), m.reason);
    }
    struct made m = {0};
    struct ac_make make = wish_for(&m, FACE "astronaut.jpg", "ok");
    make.folder = "/tmp/no-such-folder";
    run(&m, &make);
    assert_int_equal(m.err, AC_ENOENT);
    assert_int_equal(count_entries(dir), 0);
}

static void test_cancel(void **state)
{
    static const double at[] = {0, 0.3, 0.5};

    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct made m = {.cancel = ac_cancel_new(NULL), .cancel_at = at[i]};
        struct ac_make make = wish_for(&m, FACE "astronaut.jpg", "x");
        run(&m, &make);
        assert_int_equal(m.err, AC_ECANCELED);
        assert_int_equal(count_entries(dir), 0);
        ac_cancel_unref(m.cancel);
    }
}

/* ---- a video ---- */

/* Two and a half seconds of the astronaut, shifted a little from picture to picture. */
#define SWAY                                                                                                 \
    "-vf \"pad=560:560:24:24,crop=512:512:'24+8*sin(n/12)':'24+5*cos(n/9)'\" -c:v libx264 -preset "          \
    "ultrafast "                                                                                             \
    "-pix_fmt yuv420p"

static void test_video(void **state)
{
    struct made m = {0};
    char *path = filtered("sway.mp4", "-loop 1 -framerate 25 -t 2.1 -i " FACE "astronaut.jpg " SWAY);
    struct ac_make make = wish_for(&m, path, "sway");
    struct ac_env env = {0};

    (void)state;
    run(&m, &make);
    if (m.err)
        fail_msg("%s", m.reason);
    assert_true(m.done == 1 && strstr(m.found, "the mouth is open in"));
    struct ac_template *t = load("sway");
    assert_true(t->video && t->n == 51 && strstr(t->detail, "video"));
    /* box and face go together over the whole loop, without trembling */
    struct ac_face f = {0};
    for (size_t i = 0; i < t->n; i += 7) {
        struct ac_rgb pic;
        struct ac_template_box b;
        bool found;
        assert_int_equal(ac_template_picture(t, i, &pic, &env), 0);
        assert_int_equal(ac_faces_follow(faces, &pic, &f, &found, NULL), 0);
        assert_true(found);
        ac_template_face_box(&f, &b);
        if (fabsf(b.x - t->box[i].x) > 4 || fabsf(b.y - t->box[i].y) > 4)
            fail_msg("picture %zu: box %.1f %.1f, face %.1f %.1f", i, (double)t->box[i].x,
                     (double)t->box[i].y, (double)b.x, (double)b.y);
        ac_rgb_free(&pic);
    }
    for (size_t i = 1; i < t->n; i++)
        assert_true(fabsf(t->box[i].x - t->box[i - 1].x) < 3 && fabsf(t->box[i].y - t->box[i - 1].y) < 3);
    ac_template_free(t);
    shell("rm -r %s/sway", dir);

    /* the same on its side, as a phone writes it */
    char *side = path_of("side.mp4");
    shell("ffmpeg -v error -nostdin -y -i %s -vf transpose=1 -c:v libx264 -preset ultrafast %s/t.mp4 && "
          "ffmpeg -v error -nostdin -y -i %s/t.mp4 -c copy -metadata:s:v rotate=90 %s",
          path, dir, dir, side);
    m = (struct made){0};
    make.file = side;
    run(&m, &make);
    if (m.err)
        fail_msg("turned: %s", m.reason);
    m = (struct made){.cancel = ac_cancel_new(NULL), .cancel_at = 0.8};
    make.id = "cancelled";
    run(&m, &make);
    assert_int_equal(m.err, AC_ECANCELED);
    ac_cancel_unref(m.cancel);
    shell("rm -r %s/sway %s/t.mp4 %s/side.mp4 %s/sway.mp4", dir, dir, dir, dir);
    assert_int_equal(count_entries(dir), 0);
    free(side);
    free(path);
}

static void test_refused_videos(void **state)
{
    static const struct {
        const char *name, *options, *code, *why;
        int err;
    } cases[] = {
        {"two.mp4",
         "-loop 1 -framerate 25 -t 1.2 -i " FACE
         "two_faces.jpg -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
         "face_many", "there are 2 faces in it", AC_EINVAL},
        {"cat.mp4",
         "-loop 1 -framerate 25 -t 1.2 -i " FACE
         "cat.jpg -vf crop=450:300:0:0 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
         "face_none", "there is no face in it", AC_EINVAL},
        {"short.mp4", "-loop 1 -framerate 25 -t 0.4 -i " FACE "astronaut.jpg " SWAY, "video_short",
         "0.4 seconds long", AC_EINVAL},
        {"long.mp4", "-f lavfi -i color=red:s=64x64:r=5:d=62 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
         "video_long", "62 seconds long, 60 are allowed", AC_ELIMIT},
        {"sound.mp4", "-f lavfi -i sine=d=1", "file_broken", "no video in it", AC_EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = filtered(cases[i].name, cases[i].options);
        expect_refused(path, cases[i].err, cases[i].code, cases[i].why);
        unlink(path);
        free(path);
    }
    /* she goes after half of the time */
    char *path = path_of("gone.mp4");
    shell("ffmpeg -v error -nostdin -y -loop 1 -framerate 25 -t 0.4 -i " FACE "astronaut.jpg "
          "-f lavfi -t 1.6 -i color=gray:s=512x512:r=25 -filter_complex '[0][1]concat' -c:v libx264 "
          "-preset ultrafast -pix_fmt yuv420p %s",
          path);
    expect_refused(path, AC_EINVAL, "face_lost", "the face is missing from");
    unlink(path);
    free(path);
}

static int set_up(void **state)
{
    struct ac_env env = {0};

    (void)state;
    if (mkdtemp(dir) && ac_faces_open(&faces, &env) == 0)
        return 0;
    fprintf(stderr, "%s\n", env.reason);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    ac_faces_close(faces);
    shell("rm -rf %s", dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_wishes), cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_photo),          cmocka_unit_test(test_formats),
        cmocka_unit_test(test_refused_photos), cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_video),          cmocka_unit_test(test_refused_videos),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
