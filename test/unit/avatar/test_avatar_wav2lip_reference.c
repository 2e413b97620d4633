/*
 * From speech and a face to the generated face, whole: our spectrogram and tensors through ONNX Runtime,
 * against tools/wav2lip_reference.py, which shares nothing with it. Where Debian's python3-torch is installed
 * the reference runs now, else its stored answer counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatar/wav2lip_face.h"
#include "avatar/wav2lip_net.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake/wav2lip_model.h"
#include "infer/infer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 96, PIXELS = SIDE * SIDE, HALF = PIXELS / 2, PICTURE = 20, SEED = 1 };

static char folder[] = "/tmp/ac-w2l-XXXXXX";
static char model[64];
static const char *const dirs[] = {".", NULL};
static struct ac_env env = {.data_dirs = dirs, .threads = 1};
static uint8_t face[PIXELS * 3];
static float window[AC_W2L_WINDOW], planes[6 * PIXELS];

/* The same as the reference's `picture`. */
static void fill_face(void)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                face[3 * (y * SIDE + x) + c] = (uint8_t)((7 * x * x + 3 * y * y + 5 * x * y + 91 * c +
                                                          (131 * x + 71 * y + 37 * c + 9) % 97) %
                                                         256);
}

static void fill_window(void)
{
    struct ac_w2l_mel *m = ac_w2l_mel_new();
    char *wav, *data;
    size_t len;

    assert_int_equal(ac_read_file("test/data/jfk.wav", 1 << 20, &wav, &len), 0);
    data = memmem(wav, len, "data", 4); /* the chunk with the samples, then its length */
    assert_non_null(data);
    ac_w2l_mel_add(m, (const int16_t *)(void *)(data + 8), (len - (size_t)(data + 8 - wav)) / 2);
    ac_w2l_mel_end(m);
    assert_true(ac_w2l_mel_window(m, PICTURE, 25, 0, window));
    ac_w2l_mel_free(m);
    free(wav);
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(model, sizeof model, "%s/wav2lip.onnx", folder);
    assert_int_equal(wav2lip_model_write(model, SIDE, 0, SEED, &env), 0);
    fill_face();
    fill_window();
    ac_w2l_face_planes(face, SIDE, planes);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(model);
    return rmdir(folder);
}

/* What ONNX Runtime makes of our tensors, 3 × PIXELS; the caller's. */
static float *generated(void)
{
    struct ac_infer *m;
    struct ac_tensor in[] = {
        AC_TENSOR("mel_spectrogram", AC_TENSOR_F32, window, 1, 1, AC_W2L_BANDS, AC_W2L_COLUMNS),
        AC_TENSOR("video_frames", AC_TENSOR_F32, planes, 1, 6, SIDE, SIDE)};
    struct ac_tensor out = {.name = "predicted_frames"};
    float *values = ac_alloc(3 * PIXELS * sizeof *values);

    assert_int_equal(ac_infer_open(&m, model, "", AC_INFER_ONE_THREAD, &env), 0);
    assert_int_equal(ac_infer_run(m, in, 2, &out, 1, NULL, &env), 0);
    assert_int_equal(ac_tensor_count(&out), 3 * PIXELS);
    memcpy(values, out.data, 3 * PIXELS * sizeof *values);
    ac_tensor_free(&out);
    ac_infer_close(m);
    return values;
}

/* The reference's tensor, computed now; NULL where there is no PyTorch. */
static float *reference(void)
{
    char *path = ac_asprintf("%s/face.bgr", folder), *out = ac_asprintf("%s/out.f32", folder), *command,
         *data;
    size_t len;
    FILE *f;

    if (system("/usr/bin/python3 -c 'import torch, numpy' 2>/dev/null") != 0) {
        free(path);
        free(out);
        return NULL;
    }
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(face, 1, sizeof face, f), sizeof face);
    assert_int_equal(fclose(f), 0);
    command = ac_asprintf("/usr/bin/python3 tools/wav2lip_reference.py net %s test/data/jfk.wav %d %s %s",
                          model, PICTURE, path, out);
    assert_int_equal(system(command), 0);
    assert_int_equal(ac_read_file(out, 1 << 20, &data, &len), 0);
    assert_int_equal(len, 3 * PIXELS * sizeof(float));
    unlink(path);
    unlink(out);
    free(path);
    free(out);
    free(command);
    return (float *)(void *)data;
}

static void test_reference(void **state)
{
    float *values = generated(), *expected = reference(), worst = 0;

    (void)state;
    for (size_t i = 0; expected && i < 3 * PIXELS; i++)
        worst = fmaxf(worst, fabsf(values[i] - expected[i]));
    if (expected)
        print_message("PyTorch: largest difference %.1e\n", worst);
    assert_true(worst < 1e-4F);
    free(values);
    free(expected);
    if (!expected)
        skip();
}

static void test_stored(void **state)
{
    float *values = generated(), worst = 0;
    char *data;
    size_t len;

    (void)state;
    assert_int_equal(ac_read_file("test/data/wav2lip/net.u16", 1 << 20, &data, &len), 0);
    assert_int_equal(len, 3 * HALF * sizeof(uint16_t));
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < HALF; i++) {
            float expected = ((const uint16_t *)(void *)data)[c * HALF + i] / 65535.0F;
            worst = fmaxf(worst, fabsf(values[c * PIXELS + HALF + i] - expected));
        }
    print_message("stored answer: largest difference %.1e\n", worst);
    assert_true(worst < 1e-4F);
    free(values);
    free(data);
}

/* The bytes that come out of the net as the engine runs it: those of the reference, cut, or one beside. */
static void test_net(void **state)
{
    struct ac_w2l_net *net;
    uint8_t *maps, bgr[3 * HALF];
    char *data;
    size_t len, beside = 0;

    (void)state;
    assert_int_equal(ac_w2l_net_open(&net, model, &env), 0);
    maps = ac_alloc(ac_w2l_net_info(net)->maps_bytes);
    assert_int_equal(ac_w2l_net_face(net, face, maps, NULL, &env), 0);
    assert_int_equal(ac_w2l_net_mouth(net, window, maps, bgr, NULL, &env), 0);
    assert_int_equal(ac_read_file("test/data/wav2lip/net.u16", 1 << 20, &data, &len), 0);
    assert_int_equal(len, 3 * HALF * sizeof(uint16_t));
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < HALF; i++) {
            int expected = ((const uint16_t *)(void *)data)[c * HALF + i] / 257;
            assert_true(abs(bgr[3 * i + c] - expected) <= 1);
            beside += bgr[3 * i + c] != expected;
        }
    assert_true(beside * 100 < sizeof bgr);
    ac_w2l_net_close(net);
    free(maps);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_stored),
        cmocka_unit_test(test_net),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
