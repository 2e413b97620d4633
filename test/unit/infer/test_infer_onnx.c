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

/* ---- reading ---- */

static char *file_bytes(size_t *n)
{
    char *data;

    assert_int_equal(ac_read_file(path, 1 << 20, &data, n), 0);
    return data;
}

static void test_round_trip(void **state)
{
    struct ac_onnx *g;
    size_t n, again;

    (void)state;
    write_made();
    char *before = file_bytes(&n);
    if (ac_onnx_read(&g, path, "make it again", &env) != 0)
        fail_msg("%s", env.reason);
    assert_string_equal(g->name, "test");
    assert_int_equal(g->opset, 13);
    assert_int_equal(g->n_nodes, 5);
    assert_int_equal(g->n_in, 1);
    assert_int_equal(g->in[0]->dims[0], AC_ONNX_ANY);
    assert_int_equal(g->in[0]->dims[3], 3);
    assert_string_equal(ac_onnx_find_meta(g, "what"), "a test");
    assert_null(ac_onnx_find_meta(g, "whatever"));
    const struct ac_onnx_node *conv = g->nodes[0];
    assert_string_equal(conv->op, "Conv");
    assert_string_equal(conv->in[2], "b");
    assert_int_equal(ac_onnx_find_attr(conv, "pads")->n, 4);
    assert_int_equal(ac_onnx_find_attr(conv, "strides")->ints[1], 1);
    assert_string_equal(ac_onnx_find_attr(conv, "auto_pad")->s, "NOTSET");
    assert_int_equal(ac_onnx_attr_int_or(conv, "group", 7), 7);
    assert_int_equal(ac_onnx_attr_int_or(g->nodes[3], "axis", 7), 1);
    assert_true(ac_onnx_attr_float_or(g->nodes[4], "alpha", 0) == 0.25f);
    float w[8], ten;
    assert_int_equal(ac_onnx_floats(ac_onnx_find_init(g, "w"), w, 8), 0);
    assert_memory_equal(w, weights, sizeof w);
    assert_int_equal(ac_onnx_floats(ac_onnx_find_init(g, "w"), w, 7), AC_EINVAL);
    assert_int_equal(ac_onnx_floats(ac_onnx_find_init(g, "sizes"), w, 2), AC_EINVAL);
    assert_int_equal(ac_onnx_floats(ac_onnx_find_attr(g->nodes[1], "value")->t, &ten, 1), 0);
    assert_true(ten == 10);
    assert_int_equal(ac_onnx_write(g, path, &env), 0);
    ac_onnx_free(g);
    char *after = file_bytes(&again);
    assert_int_equal(again, n);
    assert_memory_equal(after, before, n);
    free(before);
    free(after);
}

/* TensorProto: dims, type, one field of data (packed, or each on its own). */
static void tensor_with(struct ac_str *graph, const char *name, int type, int field, const char *data,
                        size_t n, uint64_t count)
{
    struct ac_str t = {0};

    pb_int(&t, 1, count); /* dims, one by one as old files have them */
    pb_int(&t, 2, (uint64_t)type);
    if (data)
        pb_bytes(&t, field, data, n);
    pb_text(&t, 8, name);
    pb_message(graph, 5, &t);
}

static int parse(const struct ac_str *model, struct ac_onnx **g, char *why)
{
    char *copy = ac_alloc(model->len);

    memcpy(copy, model->p, model->len);
    return ac_onnx_parse(g, copy, model->len, why, 160);
}

/* What exporters other than ours write: numbers in typed fields, initialisers as inputs, untyped attributes.
 */
static void test_other_forms(void **state)
{
    static const float numbers[] = {1, -2, 0.5f};
    static const uint16_t halves[] = {0x3C00, 0xC000, 0x0001, 0x7C00, 0x3555};
    static const char ints[] = "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x80\x01"; /* 5, -1, 128 */
    const int64_t three[] = {3};
    struct ac_str graph = {0}, model = {0}, node = {0}, attr = {0};
    char why[160] = "";
    struct ac_onnx *g;
    float f[5];

    (void)state;
    tensor_with(&graph, "f", TINY_F32, 4, (const char *)numbers, sizeof numbers, 3);
    tensor_with(&graph, "h", AC_ONNX_F16, 9, (const char *)halves, sizeof halves, 5);
    tensor_with(&graph, "i", TINY_I32, 5, ints, sizeof ints - 1, 3);
    tensor_with(&graph, "l", TINY_I64, 7, ints, sizeof ints - 1, 3);
    tensor_with(&graph, "u", AC_ONNX_U8, 5, ints, sizeof ints - 1, 3);
    tensor_with(&graph, "none", TINY_F32, 9, "", 0, 0);
    tensor_with(&graph, "texts", 8, 9, NULL, 0, 3);
    tiny_value(&graph, false, "x", TINY_F32, three, 1);
    tiny_value(&graph, false, "f", TINY_F32, three, 1);
    pb_text(&attr, 1, "axes");
    pb_int(&attr, 8, 4); /* no type told */
    pb_int(&attr, 8, (uint64_t)-1);
    pb_text(&node, 4, "Squeeze");
    pb_message(&node, 5, &attr);
    pb_message(&graph, 1, &node);
    tiny_model(&model, &graph);
    if (parse(&model, &g, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(g->n_in, 1);
    assert_string_equal(g->in[0]->name, "x");
    assert_int_equal(ac_onnx_floats(ac_onnx_find_init(g, "f"), f, 3), 0);
    assert_memory_equal(f, numbers, sizeof numbers);
    assert_int_equal(ac_onnx_floats(ac_onnx_find_init(g, "h"), f, 5), 0);
    assert_true(f[0] == 1 && f[1] == -2 && f[2] == 0x1p-24f && isinf(f[3]) && f[4] == 0x1.554p-2f);
    assert_memory_equal(ac_onnx_find_init(g, "i")->data, ((int32_t[]){5, -1, 128}), 12);
    assert_memory_equal(ac_onnx_find_init(g, "l")->data, ((int64_t[]){5, -1, 128}), 24);
    assert_memory_equal(ac_onnx_find_init(g, "u")->data, ((uint8_t[]){5, 255, 128}), 3);
    assert_int_equal(ac_onnx_find_init(g, "none")->n, 0);
    assert_null(ac_onnx_find_init(g, "texts")->data);
    assert_int_equal(ac_onnx_find_attr(g->nodes[0], "axes")->n, 2);
    assert_int_equal(ac_onnx_find_attr(g->nodes[0], "axes")->ints[1], -1);
    ac_onnx_free(g);
    ac_str_free(&model);
}

static void refused(struct ac_str *graph, const char *said)
{
    struct ac_str model = {0};
    struct ac_onnx *g;
    char why[160] = "";

    tiny_model(&model, graph);
    assert_int_equal(parse(&model, &g, why), AC_EMODEL);
    assert_null(g);
    if (!strstr(why, said))
        fail_msg("said '%s', not '%s'", why, said);
    ac_str_free(&model);
}

static void test_refused(void **state)
{
    struct ac_str graph = {0}, t = {0}, entry = {0};

    (void)state;
    tensor_with(&graph, "w", TINY_F32, 9, "12345678", 8, 3);
    refused(&graph, "is damaged: the size of a tensor");
    tensor_with(&graph, "w", TINY_F32, 4, "1234567", 7, 2);
    refused(&graph, "is damaged: a row of numbers");
    tensor_with(&graph, "w", TINY_F32, 9, NULL, 0, 1000000000);
    refused(&graph, "is damaged: the size of a tensor");
    tensor_with(&graph, "w", TINY_F32, 9, NULL, 0, (uint64_t)-5);
    refused(&graph, "is damaged: the shape of a tensor");
    for (int i = 0; i < 9; i++)
        pb_int(&t, 1, 1);
    pb_message(&graph, 5, &t);
    refused(&graph, "more than eight dimensions");
    for (int i = 0; i < 4; i++)
        pb_int(&t, 1, 65536);
    pb_int(&t, 2, TINY_F32);
    pb_message(&graph, 5, &t);
    refused(&graph, "is damaged: the shape of a tensor");
    pb_text(&entry, 1, "location");
    pb_text(&entry, 2, "weights.bin");
    pb_int(&t, 1, 3);
    pb_int(&t, 2, TINY_F32);
    pb_message(&t, 13, &entry);
    pb_int(&t, 14, 1);
    pb_message(&graph, 5, &t);
    refused(&graph, "export it with external_data=False");
    for (int i = 0; i < 300000; i++)
        pb_text(&graph, 1, "");
    refused(&graph, "more nodes, tensors and names");
    pb_bytes(&graph, 1, "\x2b", 1); /* a group, which protobuf gave up */
    refused(&graph, "is damaged: a node");
}

/* A file's faults are told with its path and the remedy. */
static void test_files(void **state)
{
    static const struct {
        const char *data, *said;
    } cases[] = {
        {"", "is empty"},
        {"just text", "is not an ONNX model"},
        {"\x08\x08\x3a\x02\x0a\x05", "is damaged"},
        {"\x08\x08\x3a\x7f graph", "is cut short"},
    };
    struct ac_onnx *g;

    (void)state;
    unlink(path);
    assert_int_equal(ac_onnx_read(&g, path, "fetch it", &env), AC_EMODEL);
    assert_non_null(strstr(env.reason, "is missing: fetch it"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *f = fopen(path, "wb");
        fputs(cases[i].data, f);
        fclose(f);
        assert_int_equal(ac_onnx_read(&g, path, "fetch it", &env), AC_EMODEL);
        assert_null(g);
        if (!strstr(env.reason, cases[i].said) || !strstr(env.reason, "fetch it") ||
            !strstr(env.reason, path))
            fail_msg("%s", env.reason);
    }
}

/* Cut anywhere, or with any byte changed, it reads or is refused with a word (meant for ASan too). */
static void test_damaged(void **state)
{
    char why[160], *whole, *copy;
    struct ac_onnx *g;
    size_t n, cut = 0;

    (void)state;
    write_made();
    whole = file_bytes(&n);
    for (size_t i = 0; i < 2 * n; i++) {
        bool change = i >= n;
        size_t size = change ? n : i;
        copy = ac_alloc(size);
        memcpy(copy, whole, size);
        if (change)
            copy[i - n] = (char)(copy[i - n] ^ (1 << i % 8));
        why[0] = '\0';
        int err = ac_onnx_parse(&g, copy, size, why, sizeof why);
        assert_true(err == 0 ? why[0] == '\0' : err == AC_EMODEL && why[0]);
        cut += !change && err == 0;
        ac_onnx_free(g);
    }
    assert_true(cut <= 3); /* only between what follows the graph: opset, metadata */
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),       cmocka_unit_test(test_cannot_write),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_other_forms),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_files),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
