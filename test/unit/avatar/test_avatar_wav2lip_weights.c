/*
 * Wav2Lip's weights: every form of an export gives the same ones, what they compute is what ONNX Runtime
 * computes from the export itself, and another model is refused with the first difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatar/wav2lip_weights.h"
#include "base/mem.h"
#include "fake/wav2lip_forward.h"
#include "fake/wav2lip_model.h"
#include "infer/infer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 96, PIXELS = SIDE * SIDE, MEL = 80 * 16, SEED = 5 };

static char folder[] = "/tmp/ac-w2l-XXXXXX";
static char path[64];
static const char *const dirs[] = {".", NULL};
static struct ac_env env = {.data_dirs = dirs, .threads = 1};
static float mel[MEL], face[6 * PIXELS];

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/wav2lip.onnx", folder);
    for (int i = 0; i < MEL; i++)
        mel[i] = 3 * sinf((float)i * 0.3f);
    for (int i = 0; i < 6 * PIXELS; i++) {
        bool masked = i / PIXELS < 3 && i % PIXELS >= PIXELS / 2;
        face[i] = masked ? 0 : 0.5f + 0.4f * sinf((float)i * 0.01f);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static struct ac_w2l_weights *load(void)
{
    struct ac_w2l_weights *w;

    if (ac_w2l_weights_load(&w, path, "fetch it", &env) != 0)
        fail_msg("%s", env.reason);
    return w;
}

/* ---- the same weights ---- */

static double farthest(const float *a, const float *b, size_t n)
{
    double far = 0;

    for (size_t i = 0; i < n; i++)
        far = fmax(far, fabs((double)a[i] - (double)b[i]));
    return far;
}

static void same_block(const struct ac_w2l_block *a, const struct ac_w2l_block *b, double tolerance)
{
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        const struct ac_w2l_conv *x = &a->conv[i], *y = &b->conv[i];
        size_t n = (size_t)x->in * (size_t)x->out * (size_t)x->kernel[0] * (size_t)x->kernel[1];
        assert_true(farthest(x->w, y->w, n) <= tolerance);
        assert_true(farthest(x->b, y->b, (size_t)x->out) <= tolerance);
    }
}

static void same_weights(const struct ac_w2l_weights *a, const struct ac_w2l_weights *b, double tolerance)
{
    assert_int_equal(a->side, b->side);
    assert_int_equal(a->n_face, b->n_face);
    assert_int_equal(a->n_decoder, b->n_decoder);
    for (int i = 0; i < a->n_face; i++)
        same_block(&a->face[i], &b->face[i], tolerance);
    for (int i = 0; i < a->n_decoder; i++)
        same_block(&a->decoder[i], &b->decoder[i], tolerance);
    same_block(&a->audio, &b->audio, tolerance);
    same_block(&a->output, &b->output, tolerance);
}

static struct ac_w2l_weights *take(int side, unsigned form)
{
    struct ac_onnx *g = wav2lip_model(side, form, SEED);
    struct ac_w2l_weights *w;
    char why[256];

    if (ac_w2l_weights_take(&w, g, why, sizeof why) != 0)
        fail_msg("%s", why);
    ac_onnx_free(g);
    return w;
}

static void test_forms(void **state)
{
    static const struct {
        unsigned form;
        double tolerance;
    } cases[] = {
        {WAV2LIP_BN, 1e-6},
        {WAV2LIP_TORCH | WAV2LIP_SWAPPED | WAV2LIP_CONSTANTS | WAV2LIP_IDENTITIES | WAV2LIP_FIXED, 1e-6},
        {WAV2LIP_HALF | WAV2LIP_IDENTITIES, 5e-4}, /* 2^-11 of the largest weight, which is below 1 */
    };
    struct ac_w2l_weights *plain = take(SIDE, 0), *w;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w = take(SIDE, cases[i].form);
        same_weights(w, plain, cases[i].tolerance);
        ac_w2l_weights_free(w);
    }
    ac_w2l_weights_free(plain);
    w = take(256, WAV2LIP_EMPTY | WAV2LIP_BN);
    assert_int_equal(w->side, 256);
    assert_int_equal(w->n_face, 8);
    assert_int_equal(w->n_decoder, 8);
    assert_int_equal(w->face[7].conv[0].kernel[0], 4);
    assert_int_equal(w->decoder[1].conv[0].kernel[1], 4);
    ac_w2l_weights_free(w);
}

/* ---- the same picture ---- */

/* What ONNX Runtime gives for the file. */
static void run(float *picture)
{
    struct ac_infer *m;
    struct ac_tensor_info info;
    struct ac_tensor in[2], out = {0};

    if (ac_infer_open(&m, path, "fetch it", AC_INFER_ONE_THREAD | AC_INFER_NO_ARENA, &env) != 0)
        fail_msg("%s", env.reason);
    for (size_t i = 0; i < 2; i++) {
        struct ac_tensor mel_in = AC_TENSOR(NULL, AC_TENSOR_F32, mel, 1, 1, 80, 16);
        struct ac_tensor face_in = AC_TENSOR(NULL, AC_TENSOR_F32, face, 1, 6, SIDE, SIDE);
        assert_true(ac_infer_at(m, false, i, &info));
        in[i] = info.shape[1] == 6 ? face_in : mel_in;
        in[i].name = info.name;
    }
    assert_true(ac_infer_at(m, true, 0, &info));
    out.name = info.name;
    if (ac_infer_run(m, in, 2, &out, 1, NULL, &env) != 0)
        fail_msg("%s", env.reason);
    assert_int_equal(ac_tensor_count(&out), 3 * PIXELS);
    memcpy(picture, out.data, 3 * PIXELS * sizeof *picture);
    ac_tensor_free(&out);
    ac_infer_close(m);
}

static void test_pictures(void **state)
{
    static const unsigned forms[] = {WAV2LIP_TORCH | WAV2LIP_SWAPPED | WAV2LIP_IDENTITIES, WAV2LIP_BN};
    static float want[3 * PIXELS], has[3 * PIXELS];
    float low = 1, high = 0;

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (wav2lip_model_write(path, SIDE, forms[i], SEED, &env) != 0)
            fail_msg("%s", env.reason);
        if (i == 0) {
            struct ac_w2l_weights *w = load();
            assert_int_equal(strlen(w->sha256), 64);
            wav2lip_forward(w, mel, face, want, NULL);
            ac_w2l_weights_free(w);
        }
        run(has);
        assert_true(farthest(has, want, 3 * PIXELS) < 1e-4);
    }
    for (int i = 0; i < 3 * PIXELS; i++) {
        low = fminf(low, want[i]);
        high = fmaxf(high, want[i]);
    }
    assert_true(low > 0.002f && low < 0.3f && high > 0.7f && high < 0.998f); /* neither dead nor saturated */
    for (int i = 0; i < MEL; i++)
        mel[i] = -4;
    run(has); /* another mel, another mouth: more than ten steps of 255 somewhere */
    assert_true(farthest(has, want, 3 * PIXELS) > 10.0 / 255);
}

/* The stand-in that tools/wav2lip_model.py writes, independently of this one. */
static void test_python(void **state)
{
    static float want[3 * PIXELS], has[3 * PIXELS];
    struct ac_w2l_weights *folded, *w;
    char command[256];

    (void)state;
    if (system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) /* NOLINT(cert-env33-c) */
        skip();
    snprintf(command, sizeof command, "/usr/bin/python3 tools/wav2lip_model.py %s --seed 3", path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    folded = load();
    wav2lip_forward(folded, mel, face, want, NULL);
    run(has);
    assert_true(farthest(has, want, 3 * PIXELS) < 1e-4);
    snprintf(command, sizeof command, "/usr/bin/python3 tools/wav2lip_model.py %s --seed 3 --bn", path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    w = load();
    same_weights(w, folded, 1e-5);
    ac_w2l_weights_free(w);
    ac_w2l_weights_free(folded);
}

/* ---- other models ---- */

/* The k-th node of a kind, from 0. */
static struct ac_onnx_node *nth(struct ac_onnx *g, const char *op, int k)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        if (strcmp(g->nodes[i]->op, op) == 0 && k-- == 0)
            return g->nodes[i];
    }
    fail_msg("no node %s", op);
    return NULL;
}

static struct ac_onnx_tensor *tensor(struct ac_onnx *g, const char *name)
{
    return (struct ac_onnx_tensor *)(uintptr_t)ac_onnx_find_init(g, name); /* the graph is the test's own */
}

static void set_dim(struct ac_onnx_tensor *t, size_t i, int64_t size)
{
    t->n = t->n / (size_t)t->dims[i] * (size_t)size;
    t->dims[i] = size;
}

static struct ac_onnx_attr *attr(struct ac_onnx_node *n, const char *name)
{
    return (struct ac_onnx_attr *)(uintptr_t)ac_onnx_find_attr(n, name);
}

static void wide_third(struct ac_onnx *g)
{
    set_dim(tensor(g, nth(g, "Conv", 2)->in[1]), 0, 64);
}

static void narrow_input(struct ac_onnx *g)
{
    set_dim(tensor(g, nth(g, "ConvTranspose", 3)->in[1]), 0, 500);
}

static void larger_kernel(struct ac_onnx *g)
{
    set_dim(tensor(g, nth(g, "Conv", 1)->in[1]), 3, 5);
}

static void other_stride(struct ac_onnx *g)
{
    attr(nth(g, "Conv", 1), "strides")->ints[1] = 1;
}

static void uneven_pads(struct ac_onnx *g)
{
    attr(nth(g, "Conv", 0), "pads")->ints[3] = 2;
}

static void no_out_pad(struct ac_onnx *g)
{
    attr(nth(g, "ConvTranspose", 1), "output_padding")->ints[0] = 0;
}

static void groups(struct ac_onnx *g)
{
    attr(nth(g, "Conv", 4), "group")->i = 2;
}

static void automatic_pads(struct ac_onnx *g)
{
    ac_onnx_attr_text(nth(g, "Conv", 4), "auto_pad", "SAME_UPPER");
}

static void other_activation(struct ac_onnx *g)
{
    nth(g, "Relu", 1)->op = "LeakyRelu";
}

static void added_twice(struct ac_onnx *g)
{
    nth(g, "Add", 0)->in[1] = nth(g, "Add", 0)->in[0];
}

static void multiplied(struct ac_onnx *g)
{
    nth(g, "Conv", 0)->op = "MatMul";
}

static void quantized(struct ac_onnx *g)
{
    struct ac_onnx_node *first = nth(g, "Conv", 0);

    ac_onnx_node(g, "QuantizeLinear", "bytes", first->in[0], NULL);
    first->in[0] = "bytes";
}

static void encoder_first(struct ac_onnx *g)
{
    struct ac_onnx_node *join = nth(g, "Concat", 2);
    const char *first = join->in[0];

    join->in[0] = join->in[1];
    join->in[1] = first;
}

static void along_rows(struct ac_onnx *g)
{
    attr(nth(g, "Concat", 0), "axis")->i = 2;
}

static void scaled_end(struct ac_onnx *g)
{
    nth(g, "Sigmoid", 0)->out[0] = "between";
    ac_onnx_node(g, "Mul", "predicted_frames", "between", "scale", NULL);
}

static void training(struct ac_onnx *g)
{
    ac_onnx_attr_int(nth(g, "BatchNormalization", 2), "training_mode", 1);
}

static void computed(struct ac_onnx *g)
{
    ac_onnx_node(g, "Mul", "product", nth(g, "Conv", 0)->in[1], "scale", NULL);
    nth(g, "Conv", 0)->in[1] = "product";
}

static void not_a_number(struct ac_onnx *g)
{
    static const float values[32] = {[7] = NAN};

    tensor(g, nth(g, "Conv", 1)->in[2])->data = values;
}

static void below_zero(struct ac_onnx *g)
{
    static const float values[16] = {[3] = -2};

    tensor(g, nth(g, "BatchNormalization", 0)->in[4])->data = values;
}

static void of_288(struct ac_onnx *g)
{
    g->in[1]->dims[2] = g->in[1]->dims[3] = 288;
}

static void five_dimensions(struct ac_onnx *g)
{
    g->in[1]->rank = 5;
}

static void one_input(struct ac_onnx *g)
{
    g->n_in = 1;
}

static void third_input(struct ac_onnx *g)
{
    ac_onnx_input(g, "emotion", AC_ONNX_F32, 2, (int64_t[]){1, 8});
}

static void longer_mel(struct ac_onnx *g)
{
    g->in[0]->dims[3] = 20;
}

static void in_a_circle(struct ac_onnx *g)
{
    ac_onnx_node(g, "Identity", "a", "b", NULL);
    ac_onnx_node(g, "Identity", "b", "a", NULL);
    nth(g, "Relu", 0)->in[0] = "a";
}

static void many_nodes(struct ac_onnx *g)
{
    for (int i = 0; i < 2000; i++)
        ac_onnx_node(g, "Identity", "a", "b", NULL);
}

static void test_first_difference(void **state)
{
    static const struct {
        void (*change)(struct ac_onnx *g);
        const char *said;
    } cases[] = {
        {wide_third, "the third convolution of the face encoder has 64 outputs, 32 expected"},
        {narrow_input, "the tenth convolution of the face decoder has 500 inputs, 512 expected"},
        {larger_kernel, "the second convolution of the face encoder is of 3 by 5 points, 3 by 3 expected"},
        {other_stride, "the second convolution of the face encoder has steps of 2 and 1, 2 and 2 expected"},
        {uneven_pads, "the first convolution of the face encoder has different padding at its ends"},
        {no_out_pad, "the fourth convolution of the face decoder has output padding of 0 and 1, 1 and 1"},
        {groups, "the fifth convolution of the face encoder works in groups"},
        {automatic_pads, "the fifth convolution of the face encoder leaves its padding to the runtime"},
        {other_activation,
         "LeakyRelu follows the second convolution of the face encoder, where Relu is expected"},
        {added_twice, "what is added after the third convolution of the face encoder is not its input"},
        {multiplied, "MatMul stands where the first convolution of the face encoder is expected"},
        {quantized, "QuantizeLinear stands where the first convolution of the face encoder is expected"},
        {encoder_first, "gives is not followed by the encoder's map of its size"},
        {along_rows,
         "what the first convolution of the face decoder gives is not followed by the encoder's map"},
        {scaled_end, "Mul follows its last Sigmoid"},
        {training,
         "the normalisation after the third convolution of the face encoder is exported for training"},
        {computed, "the weights of the first convolution of the face encoder are not stored but computed"},
        {not_a_number,
         "the bias of the second convolution of the face encoder holds a value that is no number"},
        {below_zero, "the variance after the first convolution of the face encoder is below 0"},
        {of_288, "it is for faces of 288 by 288 pixels, and those of 96 by 96 and 256 by 256 are known"},
        {five_dimensions, "its input 'video_frames' has five dimensions, as for training"},
        {one_input, "it has no input for a face"},
        {third_input, "its input 'emotion' is neither a mel spectrogram"},
        {longer_mel, "its input 'mel_spectrogram' is neither a mel spectrogram"},
        {in_a_circle, "nothing follows the first convolution of the face encoder"},
        {many_nodes, "far too many"},
    };
    struct ac_w2l_weights *w;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool norm = cases[i].change == training || cases[i].change == below_zero;
        struct ac_onnx *g = wav2lip_model(SIDE, WAV2LIP_EMPTY | (norm ? WAV2LIP_BN : 0), SEED);
        char why[256] = "";
        cases[i].change(g);
        assert_int_equal(ac_w2l_weights_take(&w, g, why, sizeof why), AC_EMODEL);
        assert_null(w);
        if (!strstr(why, cases[i].said))
            fail_msg("case %zu: said '%s', not '%s'", i, why, cases[i].said);
        ac_onnx_free(g);
    }
}

static void write_file(const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void refused(const char *file, const char *said)
{
    struct ac_w2l_weights *w;

    assert_int_equal(ac_w2l_weights_load(&w, file, "docs/wav2lip.md tells how to get one", &env), AC_EMODEL);
    assert_null(w);
    if (!strstr(env.reason, said) || !strstr(env.reason, "docs/wav2lip.md"))
        fail_msg("said '%s', not '%s'", env.reason, said);
}

static void test_other_files(void **state)
{
    static const char zip[] =
        "PK\3\4\0\0\0\10\10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\22\0archive/data.pkl";
    static const char pickle[] = "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3.";

    (void)state;
    unlink(path);
    refused(path, "is missing");
    write_file("hello\n", 6);
    refused(path, "is not an ONNX model");
    write_file(zip, sizeof zip - 1);
    refused(path, "is a PyTorch checkpoint: export it to ONNX first");
    write_file(pickle, sizeof pickle - 1);
    refused(path, "is a PyTorch checkpoint: export it to ONNX first");
    write_file("PK\3\4and so on, or not", 22);
    refused(path, "is a ZIP archive: unpack it first");
    write_file("\x08\x08\x3a\x7f half a graph", 18);
    refused(path, "is cut short");
    if (access("models/silero_vad_v6.onnx", R_OK) == 0)
        refused("models/silero_vad_v6.onnx", "its input 'input' is neither a mel spectrogram");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),       cmocka_unit_test(test_first_difference),
        cmocka_unit_test(test_other_files), cmocka_unit_test(test_python),
        cmocka_unit_test(test_pictures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
