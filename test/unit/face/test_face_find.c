/*
 * Faces in pictures: the photo of an astronaut against points that tools/face_reference.py computed; its
 * turned, scaled and mirrored copies against geometry; pictures with two faces, with small ones and with
 * none; following.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "face_world.h"

static struct ac_env env;
static struct ac_faces *faces;
static struct ac_rgb photo;
static struct ac_face in_photo;

static size_t find(const struct ac_rgb *pic, struct ac_face *found, size_t max)
{
    size_t n = 99;

    assert_int_equal(ac_faces_find(faces, pic, found, max, &n, NULL), 0);
    assert_true(n <= max);
    return n;
}

/* The same with one look at the whole picture: enough where the face is large. */
static bool find_large(const struct ac_rgb *pic, struct ac_face *face)
{
    bool found;

    memset(face, 0, sizeof *face);
    assert_int_equal(ac_faces_follow(faces, pic, face, &found, NULL), 0);
    return found;
}

static int setup(void **state)
{
    (void)state;
    if (ac_faces_open(&faces, &env) != 0)
        fail_msg("%s", env.reason);
    photo = read_photo(FACE_DATA "astronaut.jpg");
    assert_int_equal(find(&photo, &in_photo, 1), 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ac_faces_close(faces);
    ac_rgb_free(&photo);
    return 0;
}

/* How far the points are on average from where they should be, in widths of the face. */
static float distance(const struct ac_face *face, const struct ac_face *from, const struct placing *p)
{
    float sum = 0;

    for (int i = 0; i < AC_FACE_POINTS; i++) {
        float x, y;
        place(p, from->point[i][0], from->point[i][1], &x, &y);
        sum += hypotf(face->point[i][0] - x, face->point[i][1] - y);
    }
    return sum / AC_FACE_POINTS / (from->width * p->scale);
}

static void test_reference(void **state)
{
    float *want = read_floats(FACE_DATA "astronaut.f32", (size_t)AC_FACE_POINTS * 3);
    /* pixels of 512: the copies of the picture that the nets see are sampled differently; depth is the least
     * sure */
    static const float within[] = {1, 1, 3};

    (void)state;
    for (int i = 0; i < AC_FACE_POINTS; i++)
        for (int k = 0; k < 3; k++) {
            float off = fabsf(in_photo.point[i][k] - want[3 * i + k]);
            if (!(off < within[k]))
                fail_msg("coordinate %d of point %d is %.2f pixels away", k, i, (double)off);
        }
    free(want);
    assert_true(in_photo.score > 0.8F && in_photo.presence > 0.95F);
    assert_true(fabsf(in_photo.yaw) < 0.1F && fabsf(in_photo.pitch) < 0.25F && fabsf(in_photo.roll) < 0.1F);
}

/* All that is in the picture's data may be what it likes beyond the row. */
static void test_stride(void **state)
{
    struct ac_rgb wide = {
        .width = photo.width, .height = photo.height, .stride = 3 * (size_t)photo.width + 100};
    struct ac_face *found = ac_alloc(sizeof *found), *again = ac_alloc(sizeof *again);

    (void)state;
    wide.data = ac_alloc(wide.stride * (size_t)wide.height);
    memset(wide.data, 77, wide.stride * (size_t)wide.height);
    for (int y = 0; y < photo.height; y++)
        memcpy(wide.data + (size_t)y * wide.stride, photo.data + (size_t)y * photo.stride,
               3 * (size_t)photo.width);
    assert_true(find_large(&photo, found) && find_large(&wide, again));
    assert_memory_equal(found, again, sizeof *found);
    free(again);
    free(wide.data);
    free(found);
}

static void test_turned_and_scaled(void **state)
{
    static const struct {
        int width, height;
        float scale, degrees;
        float within; /* widths of the face */
        bool small;
    } cases[] = {
        {512, 512, 1, 20, 0.03F, false},   {512, 512, 1, -35, 0.03F, false},
        {512, 512, 1, 70, 0.04F, false},   {900, 700, 1.5F, 0, 0.02F, false},
        {700, 1000, 2, 10, 0.03F, false},  {512, 512, 0.6F, 0, 0.03F, false},
        {400, 400, 0.35F, 0, 0.04F, true}, {900, 300, 0.5F, 0, 0.03F, true},
    };
    struct ac_face *found = ac_alloc(2 * sizeof *found);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_rgb pic = new_picture(cases[i].width, cases[i].height, 128);
        struct placing p = {.scale = cases[i].scale, .angle = cases[i].degrees / 57.29578F};
        /* the face's middle into the picture's */
        float x, y;
        place(&p, in_photo.x + in_photo.width / 2, in_photo.y + in_photo.height / 2, &x, &y);
        p.x = (float)pic.width / 2 - x;
        p.y = (float)pic.height / 2 - y;
        draw(&pic, &photo, &p);
        if (!(cases[i].small ? find(&pic, found, 2) == 1 : find_large(&pic, found)))
            fail_msg("case %zu: the face was not found", i);
        float off = distance(found, &in_photo, &p);
        if (!(off < cases[i].within))
            fail_msg("case %zu: the points are %.3f of the face's width away", i, (double)off);
        if (!(fabsf(found->roll - in_photo.roll - p.angle) < 0.06F &&
              fabsf(found->yaw - in_photo.yaw) < 0.08F && fabsf(found->pitch - in_photo.pitch) < 0.08F))
            fail_msg("case %zu: yaw %.2f pitch %.2f roll %.2f", i, (double)found->yaw, (double)found->pitch,
                     (double)found->roll);
        ac_rgb_free(&pic);
    }
    free(found);
}

static void test_mirrored(void **state)
{
    /* left and right of the face: corners of eyes and mouth, cheeks, nostrils; what is in the middle */
    static const int pairs[][2] = {{33, 263},  {133, 362}, {61, 291},  {234, 454},
                                   {129, 358}, {1, 1},     {152, 152}, {10, 10}};
    struct ac_rgb pic = new_picture(photo.width, photo.height, 128);
    struct placing p = {.x = (float)photo.width, .scale = 1, .mirrored = true};
    struct ac_face *found = ac_alloc(sizeof *found);

    (void)state;
    draw(&pic, &photo, &p);
    assert_true(find_large(&pic, found));
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (int turn = 0; turn < 2; turn++) {
            const float *a = in_photo.point[pairs[i][turn]], *b = found->point[pairs[i][1 - turn]];
            float off = hypotf((float)photo.width - a[0] - b[0], a[1] - b[1]) / in_photo.width;
            if (!(off < 0.05F))
                fail_msg("point %d is %.3f of the face's width away", pairs[i][turn], (double)off);
        }
    assert_true(fabsf(found->yaw + in_photo.yaw) < 0.08F && fabsf(found->roll + in_photo.roll) < 0.06F);
    ac_rgb_free(&pic);
    free(found);
}

static void test_none(void **state)
{
    struct ac_face *found = ac_alloc(AC_FACE_MAX * sizeof *found);
    static const char *const names[] = {FACE_DATA "cat.jpg", FACE_DATA "landscape.jpg"};
    static const int sizes[][2] = {{130, 90}, {1, 1}, {1, 300}, {300, 1}, {2000, 3}};
    unsigned seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct ac_rgb pic = read_photo(names[i]);
        assert_int_equal(find(&pic, found, AC_FACE_MAX), 0);
        ac_rgb_free(&pic);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct ac_rgb pic = new_picture(sizes[i][0], sizes[i][1], 200);
        assert_int_equal(find(&pic, found, AC_FACE_MAX), 0);
        ac_rgb_free(&pic);
    }
    struct ac_rgb noise = new_picture(150, 150, 0);
    for (size_t i = 0; i < noise.stride * (size_t)noise.height; i++)
        noise.data[i] = (uint8_t)rand_r(&seed);
    assert_int_equal(find(&noise, found, AC_FACE_MAX), 0);
    ac_rgb_free(&noise);
    free(found);
}

static void test_two(void **state)
{
    struct ac_rgb pic = read_photo(FACE_DATA "two_faces.jpg");
    struct ac_face *found = ac_alloc(AC_FACE_MAX * sizeof *found);

    (void)state;
    assert_int_equal(find(&pic, found, AC_FACE_MAX), 2);
    assert_true(found[0].width >= found[1].width);
    assert_true(fabsf(found[0].x + found[0].width / 2 - found[1].x - found[1].width / 2) > 200);
    struct ac_face *one = ac_alloc(sizeof *one);
    assert_int_equal(find(&pic, one, 1), 1);
    assert_memory_equal(one, found, sizeof *one);
    free(one);
    free(found);
    ac_rgb_free(&pic);
}

/* Two people far from the camera, each face 6 % of the picture's shorter side wide, and one near it. */
static void test_small(void **state)
{
    static const struct placing placings[] = {{.x = 60, .y = 120, .scale = 0.42F},
                                              {.x = 780, .y = 60, .scale = 0.42F},
                                              {.x = 300, .y = 250, .scale = 0.8F}};
    struct ac_rgb pic = new_picture(1000, 650, 90);
    struct ac_face *found = ac_alloc(AC_FACE_MAX * sizeof *found);

    (void)state;
    for (size_t i = 0; i < 3; i++)
        draw(&pic, &photo, &placings[i]);
    assert_int_equal(find(&pic, found, AC_FACE_MAX), 3);
    assert_true(distance(&found[0], &in_photo, &placings[2]) < 0.03F);
    for (size_t i = 0; i < 2; i++)
        assert_true(fminf(distance(&found[1], &in_photo, &placings[i]),
                          distance(&found[2], &in_photo, &placings[i])) < 0.05F);
    free(found);
    ac_rgb_free(&pic);
}

static void test_follow(void **state)
{
    struct ac_rgb pic = new_picture(512, 512, 128), empty = new_picture(512, 512, 128);
    struct ac_face *face = ac_zalloc(sizeof *face), *kept = ac_alloc(sizeof *kept);
    bool found;

    (void)state;
    for (int t = 0; t < 6; t++) { /* it comes out of nowhere, goes right, turns */
        struct placing p = {.x = 8.0F * (float)t, .y = -30, .scale = 1, .angle = 0.04F * (float)t};
        draw(&pic, &photo, &p);
        assert_int_equal(ac_faces_follow(faces, &pic, face, &found, NULL), 0);
        assert_true(found && face->presence > 0.9F);
        assert_true(distance(face, &in_photo, &p) < 0.04F);
    }
    *kept = *face;
    assert_int_equal(ac_faces_follow(faces, &empty, face, &found, NULL), 0);
    assert_false(found);
    assert_memory_equal(face, kept, sizeof *face);
    struct placing far = {.x = 250, .y = 200, .scale = 0.8F}; /* found again, elsewhere */
    draw(&empty, &photo, &far);
    assert_int_equal(ac_faces_follow(faces, &empty, face, &found, NULL), 0);
    assert_true(found && distance(face, &in_photo, &far) < 0.04F);
    free(face);
    free(kept);
    ac_rgb_free(&pic);
    ac_rgb_free(&empty);
}

/* Of two faces it stays with its own. */
static void test_follow_one_of_two(void **state)
{
    struct ac_rgb pic = read_photo(FACE_DATA "two_faces.jpg");
    struct ac_face *both = ac_alloc(2 * sizeof *both);
    bool found;

    (void)state;
    assert_int_equal(find(&pic, both, 2), 2);
    for (int i = 0; i < 2; i++) {
        float x = both[i].x;
        both[i].x += 60; /* a jump that its own mesh cannot follow */
        for (int k = 0; k < AC_FACE_POINTS; k++)
            both[i].point[k][1] += 170;
        assert_int_equal(ac_faces_follow(faces, &pic, &both[i], &found, NULL), 0);
        assert_true(found && fabsf(both[i].x - x) < 10);
    }
    free(both);
    ac_rgb_free(&pic);
}

static void test_cancel(void **state)
{
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    struct ac_face *face = ac_zalloc(sizeof *face);
    bool found = true;
    size_t n = 9;

    (void)state;
    ac_cancel_trigger(cancel);
    assert_int_equal(ac_faces_find(faces, &photo, face, 1, &n, cancel), AC_ECANCELED);
    assert_int_equal(n, 0);
    assert_int_equal(ac_faces_follow(faces, &photo, face, &found, cancel), AC_ECANCELED);
    assert_false(found);
    ac_cancel_unref(cancel);
    free(face);
}

static void write_file(const char *path, const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void test_models(void **state)
{
    static const char detector[] = "models/face_detection_short_range.tflite",
                      mesh[] = "models/face_landmark.tflite";
    char folder[] = "/tmp/test_face_XXXXXX", here[4096], *data;
    struct ac_env other = {0};
    struct ac_faces *f;
    size_t size, mesh_size;

    (void)state;
    assert_int_equal(ac_read_file(detector, 8 << 20, &data, &size), 0);
    char *mesh_data;
    assert_int_equal(ac_read_file(mesh, 8 << 20, &mesh_data, &mesh_size), 0);
    assert_non_null(getcwd(here, sizeof here));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(ac_faces_open(&f, &other), AC_EMODEL);
    assert_null(f);
    assert_string_equal(other.reason,
                        "models/face_detection_short_range.tflite is missing: run tools/fetch_models.sh");
    assert_int_equal(mkdir("models", 0700), 0);
    write_file(detector, data, size);
    write_file(mesh, mesh_data, mesh_size / 2);
    assert_int_equal(ac_faces_open(&f, &other), AC_EMODEL);
    assert_non_null(strstr(other.reason, "face_landmark.tflite cannot be used"));
    write_file(mesh, data, size); /* a net, but not that one */
    assert_int_equal(ac_faces_open(&f, &other), AC_EMODEL);
    assert_non_null(strstr(other.reason, "is another network"));
    /* the folder of data serves as well as the working directory */
    write_file(mesh, mesh_data, mesh_size);
    const char *dirs[] = {folder, NULL};
    other.data_dirs = dirs;
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(ac_faces_open(&f, &other), 0);
    ac_faces_close(f);
    assert_int_equal(chdir(folder), 0);
    unlink(detector);
    unlink(mesh);
    rmdir("models");
    assert_int_equal(chdir(here), 0);
    rmdir(folder);
    free(data);
    free(mesh_data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_stride),
        cmocka_unit_test(test_turned_and_scaled),
        cmocka_unit_test(test_mirrored),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_follow_one_of_two),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_models),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
