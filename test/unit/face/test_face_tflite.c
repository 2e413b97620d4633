/*
 * The reader and the arithmetic of .tflite files, against values that tools/face_reference.py computed with
 * numpy: each operator by itself, and MediaPipe's two nets on pieces of a photo. Damaged files and limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "avatarchat/err.h"
#include "face/tflite.h"
#include "face_world.h"

static const struct ac_tflite_limits plenty = {.bytes = 64 << 20, .steps = 500000000};
static char reason[AC_TFLITE_REASON];

static char *read_net(const char *path, size_t *size)
{
    char *data;

    if (ac_read_file(path, 8 << 20, &data, size) != 0)
        fail_msg("%s cannot be read: run tools/fetch_models.sh", path);
    return data;
}

static struct ac_tflite *open_net(const char *path)
{
    struct ac_tflite *net;
    size_t size;
    char *data = read_net(path, &size);

    if (ac_tflite_open(&net, data, size, &plenty, reason) != 0)
        fail_msg("%s: %s", path, reason);
    free(data); /* a net must not need it any more */
    return net;
}

static float difference(const struct ac_tflite_tensor *t, const float *want)
{
    float worst = 0;

    for (size_t i = 0; i < t->n; i++)
        worst = fmaxf(worst, fabsf(t->data[i] - want[i]) / fmaxf(1, fabsf(want[i])));
    return worst;
}

static void test_operators(void **state)
{
    static const char *const names[] = {"conv_same",
                                        "conv_even",
                                        "conv_valid",
                                        "conv_dilated",
                                        "conv_half",
                                        "depthwise",
                                        "depthwise_step",
                                        "max_pool_same",
                                        "max_pool_valid",
                                        "prelu",
                                        "relu",
                                        "pad",
                                        "add",
                                        "concatenate",
                                        "reshape",
                                        "deep"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *net_path = ac_asprintf(FACE_DATA "ops/%s.tflite", names[i]),
             *path = ac_asprintf(FACE_DATA "ops/%s.f32", names[i]);
        struct ac_tflite *net = open_net(net_path);
        struct ac_tflite_tensor *in = ac_tflite_input(net);
        assert_int_equal(ac_tflite_outputs(net), 1);
        const struct ac_tflite_tensor *out = ac_tflite_output(net, 0);
        float *values = read_floats(path, in->n + out->n);
        for (int again = 0; again < 2; again++) { /* nothing may be left of the run before */
            memcpy(in->data, values, in->n * sizeof *values);
            ac_tflite_run(net);
            float worst = difference(out, values + in->n);
            if (!(worst < 2e-5F))
                fail_msg("%s differs by %g", names[i], (double)worst);
        }
        ac_tflite_close(net);
        free(values);
        free(net_path);
        free(path);
    }
}

/* One of MediaPipe's nets on side × side pixels, whose bytes become low … high. */
static void check_net(const char *model, const char *name, size_t side, float low, float high,
                      const size_t sizes[2])
{
    struct ac_tflite *net = open_net(model);
    char *pixels_path = ac_asprintf(FACE_DATA "%s.rgb", name), *path = ac_asprintf(FACE_DATA "%s.f32", name);
    float *want = read_floats(path, sizes[0] + sizes[1]);
    struct ac_tflite_tensor *in = ac_tflite_input(net);
    size_t n;
    char *pixels = read_net(pixels_path, &n);

    assert_int_equal(n, side * side * 3);
    assert_int_equal(in->n, n);
    for (size_t i = 0; i < n; i++)
        in->data[i] = low + (high - low) * (float)(uint8_t)pixels[i] / 255;
    ac_tflite_run(net);
    for (size_t o = 0; o < 2; o++) {
        assert_int_equal(ac_tflite_output(net, o)->n, sizes[o]);
        float worst = difference(ac_tflite_output(net, o), want + (o ? sizes[0] : 0));
        if (!(worst < 1e-4F))
            fail_msg("output %zu of %s differs by %g", o, model, (double)worst);
    }
    ac_tflite_close(net);
    free(pixels);
    free(want);
    free(pixels_path);
    free(path);
}

static void test_detector(void **state)
{
    (void)state;
    check_net("models/face_detection_short_range.tflite", "detector", 128, -1, 1, (size_t[]){896 * 16, 896});
}

static void test_mesh(void **state)
{
    (void)state;
    check_net("models/face_landmark.tflite", "mesh", 192, 0, 1, (size_t[]){1404, 1});
}

static void test_limits(void **state)
{
    static const struct {
        struct ac_tflite_limits limits;
        const char *said;
    } cases[] = {
        {{.bytes = 2000, .steps = 100000}, "memory"},
        {{.bytes = 1 << 20, .steps = 1000}, "work"},
    };
    struct ac_tflite *net;
    size_t size;
    char *data = read_net(FACE_DATA "ops/deep.tflite", &size);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ac_tflite_open(&net, data, size, &cases[i].limits, reason), AC_ELIMIT);
        assert_null(net);
        assert_non_null(strstr(reason, cases[i].said));
    }
    free(data);
}

/* Every cut of a file is refused with a reason, as is one whose numbers are anything else. */
static void test_damage(void **state)
{
    struct ac_tflite *net;
    size_t size, refused = 0;
    char *data = read_net(FACE_DATA "ops/deep.tflite", &size);

    (void)state;
    for (size_t n = 0; n < size; n++) {
        char *exact = ac_alloc(n ? n : 1);
        memcpy(exact, data, n);
        int err = ac_tflite_open(&net, exact, n, &plenty, reason);
        if (err)
            refused++;
        assert_true(err ? !net && reason[0] : net != NULL);
        ac_tflite_close(net);
        free(exact);
    }
    assert_true(refused >= size - 4); /* the last bytes may be padding */
    for (size_t at = 0; at < size; at++) {
        char kept = data[at];
        data[at] = (char)~kept;
        if (ac_tflite_open(&net, data, size, &plenty, reason) == 0) {
            ac_tflite_run(net); /* a changed weight: whatever it gives, it gives it */
            ac_tflite_close(net);
        } else {
            assert_true(reason[0]);
        }
        data[at] = kept;
    }
    free(data);
}

static void test_refusals(void **state)
{
    static const struct {
        int kind; /* that operator RELU, 19, becomes */
        const char *said;
    } cases[] = {{20, "operator 20 is not supported"},
                 {6, "only constants of half precision can be dequantized"},
                 {34, "PAD has 1 inputs instead of 2"},
                 {3, "a convolution has 1 inputs instead of 3"}};
    struct ac_tflite *net;

    (void)state;
    assert_int_equal(ac_tflite_open(&net, "not a net at all", 16, &plenty, reason), AC_EMODEL);
    assert_string_equal(reason, "it is no .tflite file");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size, changed = 0;
        char *data = read_net(FACE_DATA "ops/relu.tflite", &size);
        for (size_t at = 8; at + 4 <= size; at += 4)
            if (data[at] == 19 && !data[at + 1] && !data[at + 2] && !data[at + 3]) {
                data[at] = (char)cases[i].kind;
                changed++;
            }
        assert_true(changed > 0);
        assert_int_equal(ac_tflite_open(&net, data, size, &plenty, reason), AC_EMODEL);
        assert_string_equal(reason, cases[i].said);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators), cmocka_unit_test(test_detector), cmocka_unit_test(test_mesh),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_damage),   cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
