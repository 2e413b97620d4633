/*
 * What a template knows of a face: Wav2Lip's box and the mask are where they belong on the astronaut, and go
 * with her wherever she is; head and shoulders are cut out well; blur is measured.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "avatar/template_make_private.h"
#include "media/photo.h"

#define FACE "test/data/face/"

static struct ac_rgb astronaut;
static struct ac_face face;

static int mask_at(const uint8_t *mask, const struct ac_template_box *b, const float *point)
{
    int col = (int)((point[0] - b->x) / b->width * AC_TEMPLATE_MASK);
    int row = (int)((point[1] - b->y) / b->height * AC_TEMPLATE_MASK);

    assert_true(col >= 0 && row >= 0 && col < AC_TEMPLATE_MASK && row < AC_TEMPLATE_MASK);
    return mask[row * AC_TEMPLATE_MASK + col];
}

static void test_box(void **state)
{
    struct ac_template_box b;
    const float *chin = face.point[152], *forehead = face.point[10], *brow = face.point[105];

    (void)state;
    ac_template_face_box(&face, &b);
    assert_true(b.x <= face.point[234][0] && b.x + b.width >= face.point[454][0]); /* cheek to cheek */
    assert_true(b.y < brow[1] && b.y > forehead[1] - 0.1f * b.height);
    assert_true(b.y + b.height > chin[1] && b.y + b.height < chin[1] + 0.12f * b.height);
    for (int i = 0; i < AC_FACE_POINTS; i++) { /* the mouth with a margin */
        static const int lips[] = {0, 13, 14, 17, 61, 291, 37, 267, 84, 314};
        if (i < 10)
            assert_true(face.point[lips[i]][1] > b.y + 0.55f * b.height);
    }
    /* as wide as S3FD's boxes are for their height */
    assert_true(b.width / b.height > 0.65f && b.width / b.height < 0.95f);

    struct ac_face open = face; /* a chin that drops takes the box along */
    open.point[152][1] += 0.3f * b.height;
    struct ac_template_box o;
    ac_template_face_box(&open, &o);
    assert_true(o.y + o.height > open.point[152][1] && open.point[0][1] > o.y + 0.55f * o.height);
}

static void test_mask(void **state)
{
    static const int inside[] = {13, 14, 17, 61, 291, 200, 199, 50 + 150},
                     outside[] = {1, 4, 33, 263, 10, 168, 6};
    uint8_t mask[AC_TEMPLATE_MASK_BYTES];
    struct ac_template_box b;
    double total = 0;

    (void)state;
    ac_template_face_box(&face, &b);
    ac_template_face_mask(&face, &b, mask);
    for (int i = 0; i < AC_TEMPLATE_MASK_BYTES; i++) {
        int row = i / AC_TEMPLATE_MASK, col = i % AC_TEMPLATE_MASK;
        if (row < 48 || row == 95 || col == 0 || col == 95)
            assert_int_equal(mask[i], 0);
        /* feathered: nowhere a step that would be seen */
        if (col < 95)
            assert_true(abs(mask[i] - mask[i + 1]) < 90);
        if (row < 95)
            assert_true(abs(mask[i] - mask[i + AC_TEMPLATE_MASK]) < 90);
        total += mask[i] / 255.0;
    }
    assert_true(total > 0.12 * AC_TEMPLATE_MASK_BYTES && total < 0.45 * AC_TEMPLATE_MASK_BYTES);
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (mask_at(mask, &b, face.point[inside[i]]) < 230)
            fail_msg("point %d: %d", inside[i], mask_at(mask, &b, face.point[inside[i]]));
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_int_equal(mask_at(mask, &b, face.point[outside[i]]), 0);
    float low[2] = {face.point[152][0], face.point[152][1] + 0.02f * b.height}; /* where an opened jaw goes */
    assert_true(mask_at(mask, &b, low) > 100);
}

/* Box and mask go with the face wherever it is and however large. */
static void test_moved(void **state)
{
    struct ac_face moved = face;
    struct ac_template_box a, b;
    uint8_t mask_a[AC_TEMPLATE_MASK_BYTES], mask_b[AC_TEMPLATE_MASK_BYTES];

    (void)state;
    ac_template_face_move(&moved, 37, -20, 2.5);
    ac_template_face_box(&face, &a);
    ac_template_face_box(&moved, &b);
    assert_true(fabsf(b.x - (a.x - 37) * 2.5f) < 0.05f && fabsf(b.y - (a.y + 20) * 2.5f) < 0.05f);
    assert_true(fabsf(b.width - a.width * 2.5f) < 0.05f && fabsf(b.height - a.height * 2.5f) < 0.05f);
    ac_template_face_mask(&face, &a, mask_a);
    ac_template_face_mask(&moved, &b, mask_b);
    for (int i = 0; i < AC_TEMPLATE_MASK_BYTES; i++)
        assert_true(abs(mask_a[i] - mask_b[i]) <= 2);
    assert_true(fabsf(ac_template_face_open(&face) - ac_template_face_open(&moved)) < 1e-4f);
}

static void test_composition(void **state)
{
    static const struct {
        float x, y, side; /* of the face */
        int width, height;
        double most_w, most_h; /* what may be kept, in faces */
    } cases[] = {
        {400, 200, 200, 1920, 1080, 5.7, 3.21}, {10, 300, 200, 1920, 1080, 5.7, 3.21},
        {200, 300, 300, 720, 1280, 2.41, 3.21}, {1500, 1200, 900, 4000, 3000, 5.7, 3.21},
        {30, 30, 90, 150, 150, 1.67, 1.67},     {50, 900, 200, 300, 2000, 1.51, 2.68},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_template_box f = {cases[i].x, cases[i].y, cases[i].side, cases[i].side};
        struct ac_template_crop c;
        assert_true(ac_template_crop(&f, cases[i].width, cases[i].height, 1920, 1080, &c));
        assert_true(c.x >= 0 && c.y >= 0 && c.x + c.width <= cases[i].width + 1e-6 &&
                    c.y + c.height <= cases[i].height + 1e-6);
        assert_true(c.out_width % 2 == 0 && c.out_height % 2 == 0 && c.out_width <= 1920 &&
                    c.out_height <= 1080);
        assert_true(c.scale <= 1 && fabs(c.out_width / c.scale - c.width) < 1e-6);
        /* the face is in it, and not small */
        assert_true(c.x <= f.x && c.y <= f.y && c.x + c.width >= f.x + f.width &&
                    c.y + c.height >= f.y + f.height);
        if (c.width > cases[i].most_w * cases[i].side || c.height > cases[i].most_h * cases[i].side)
            fail_msg("case %zu: %.2f x %.2f faces", i, c.width / cases[i].side, c.height / cases[i].side);
    }
    struct ac_template_box f = {5, 5, 20, 20};
    struct ac_template_crop c;
    assert_false(ac_template_crop(&f, 40, 40, 1920, 1080, &c));
}

/* The astronaut through a filter of ffmpeg's. */
static void filter(const char *how, struct ac_rgb *pic)
{
    char command[200];
    struct ac_str png = {0};
    char buf[4096];
    size_t n;

    snprintf(command, sizeof command,
             "ffmpeg -v error -nostdin -i " FACE "astronaut.jpg -vf %s -c:v png -f image2pipe -", how);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while ((n = fread(buf, 1, sizeof buf, f)) > 0)
        ac_str_add_n(&png, buf, n);
    assert_int_equal(pclose(f), 0);
    assert_int_equal(ac_photo_memory(png.p, png.len, NULL, pic, NULL), 0);
    ac_str_free(&png);
}

/* Blurring makes it less sharp, at any size; contrast and brightness do not. */
static void test_sharpness(void **state)
{
    static const struct {
        const char *filter;
        float least, most;
    } cases[] = {
        {"copy", 0.3f, 0.6f},
        {"eq=contrast=0.4:brightness=-0.2", 0.28f, 0.6f},
        {"gblur=sigma=0.5", 0.2f, 0.4f},
        {"gblur=sigma=2", 0, 0.12f},
        {"gblur=sigma=4", 0, 0.08f},
        {"scale=1024:1024", 0.28f, 0.6f},
        {"scale=1024:1024,gblur=sigma=4", 0, 0.12f},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_rgb pic;
        struct ac_face same = face;
        float sharpness;
        filter(cases[i].filter, &pic);
        ac_template_face_move(&same, 0, 0, (double)pic.width / astronaut.width);
        assert_int_equal(ac_template_face_sharpness(&pic, &same, &sharpness), 0);
        if (sharpness < cases[i].least || sharpness > cases[i].most)
            fail_msg("%s: %.3f", cases[i].filter, (double)sharpness);
        ac_rgb_free(&pic);
    }
}

static int set_up(void **state)
{
    struct ac_env env = {0};
    struct ac_faces *faces = NULL;
    struct ac_face found[AC_FACE_MAX];
    size_t n = 0;

    (void)state;
    int err = ac_faces_open(&faces, &env);
    if (!err)
        err = ac_photo_file(FACE "astronaut.jpg", NULL, &astronaut, env.reason);
    if (!err)
        err = ac_faces_find(faces, &astronaut, found, AC_FACE_MAX, &n, NULL);
    ac_faces_close(faces);
    if (err || n != 1) {
        fprintf(stderr, "%zu faces: %s\n", n, env.reason);
        return -1;
    }
    face = found[0];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ac_rgb_free(&astronaut);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_box),         cmocka_unit_test(test_mask),      cmocka_unit_test(test_moved),
        cmocka_unit_test(test_composition), cmocka_unit_test(test_sharpness),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
