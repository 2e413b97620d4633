/* ONNX graphs: what is put together runs in ONNX Runtime, reads back as it was, and damage is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "infer/infer.h"
#include "infer/onnx_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tiny_onnx.h"

static char folder[] = "/tmp/ac-onnx-XXXXXX";
static char path[64];
static const char *const dirs[] = {".", NULL};
static struct ac_env env = {.data_dirs = dirs, .threads = 1};

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static const int64_t picture[] = {AC_ONNX_ANY, 1, 3, 3}, taps[] = {2, 1, 2, 2}, two[] = {2};
static const float weights[] = {1, 2, 3, 4, -1, 0, 0, 1}, bias[] = {0.5f, -0.5f};

/* One of everything: a convolution with each kind of attribute beside it, a constant node, a borrowed array.
 */
static struct ac_onnx *make(void)
{
    struct ac_onnx *g = ac_onnx_new("test", 13);
    const struct ac_onnx_tensor one = {
        .name = "", .type = AC_ONNX_F32, .rank = 1, .dims = {1}, .n = 1, .data = &(float){10}};
    const char *halves[] = {"low", "high"}, *split[] = {"sum", "sizes"};

    ac_onnx_input(g, "x", AC_ONNX_F32, 4, picture);
    ac_onnx_init_f32(g, "w", weights, 4, taps);
    ac_onnx_init_borrowed(g, "b", AC_ONNX_F32, bias, 1, two);
    struct ac_onnx_node *conv = ac_onnx_node(g, "Conv", "y", "x", "w", "b", NULL);
    AC_ONNX_ATTR_INTS(conv, "pads", 0, 0, 0, 0);
    AC_ONNX_ATTR_INTS(conv, "strides", 1, 1);
    ac_onnx_attr_text(conv, "auto_pad", "NOTSET");
    ac_onnx_attr_tensor(ac_onnx_node(g, "Constant", "ten", NULL), "value", &one);
    ac_onnx_node(g, "Add", ac_onnx_name(g, "su%c", 'm'), "y", "ten", NULL);
    AC_ONNX_INIT_I64(g, "sizes", 1, 1);
    ac_onnx_attr_int(ac_onnx_node_n(g, "Split", 2, split, 2, halves), "axis", 1);
    ac_onnx_attr_float(ac_onnx_node(g, "LeakyRelu", "small", "high", NULL), "alpha", 0.25f);
    ac_onnx_output(g, "low", AC_ONNX_F32, 4, (int64_t[]){AC_ONNX_ANY, 1, 2, 2});
    ac_onnx_output(g, "small", AC_ONNX_F32, 4, (int64_t[]){AC_ONNX_ANY, 1, 2, 2});
    ac_onnx_meta(g, "what", "a test");
    return g;
}

static void write_made(void)
{
    struct ac_onnx *g = make();

    if (ac_onnx_write(g, path, &env) != 0)
        fail_msg("%s", env.reason);
    ac_onnx_free(g);
}

/* ---- writing ---- */

static void test_runs(void **state)
{
    float x[9] = {1, 2, 3, 4, 5, 6, 7, 8, -90};
    struct ac_tensor in = AC_TENSOR("x", AC_TENSOR_F32, x, 1, 1, 3, 3),
                     out[2] = {{.name = "low"}, {.name = "small"}};
    /* by hand: 1·a + 2·b + 3·c + 4·d + 0.5 + 10; −a + d − 0.5 + 10, a quarter of it below 0 */
    const float low[] = {47.5f, 57.5f, 77.5f, -308.5f}, small[] = {13.5f, 13.5f, 13.5f, -21.375f};
    struct ac_infer *m;

    (void)state;
    write_made();
    if (ac_infer_open(&m, path, "make it again", AC_INFER_ONE_THREAD, &env) != 0)
        fail_msg("%s", env.reason);
    char *meta = ac_infer_meta(m, "what");
    assert_string_equal(meta, "a test");
    free(meta);
    if (ac_infer_run(m, &in, 1, out, 2, NULL, &env) != 0)
        fail_msg("%s", env.reason);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabsf(((float *)out[0].data)[i] - low[i]) < 1e-4f);
        assert_true(fabsf(((float *)out[1].data)[i] - small[i]) < 1e-4f);
    }
    ac_tensor_free(&out[0]);
    ac_tensor_free(&out[1]);
    ac_infer_close(m);
}

static void test_cannot_write(void **state)
{
    static float little[4];
    struct ac_onnx *g = make();

    (void)state;
    assert_int_equal(ac_onnx_write(g, "/tmp/no/such/folder/x.onnx", &env), AC_EIO);
    assert_non_null(strstr(env.reason, "/tmp/no/such/folder/x.onnx"));
    assert_int_equal(ac_onnx_write(g, "/dev/full", &env), AC_EIO);
    assert_non_null(strstr(env.reason, "No space left"));
    /* never looked at: the size alone is refused */
    ac_onnx_init_borrowed(g, "huge", AC_ONNX_F32, little, 2, (int64_t[]){1 << 15, 1 << 14});
    assert_int_equal(ac_onnx_write(g, path, &env), AC_ELIMIT);
    assert_non_null(strstr(env.reason, "2 GB"));
    ac_onnx_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_cannot_write),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
