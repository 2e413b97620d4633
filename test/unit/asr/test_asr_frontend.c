/*
 * The front ends of Whisper and SenseVoice against the reference values of tools/asr_reference.py (an
 * implementation of its own in numpy, double precision) over a second of a real clip, and at their edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "asr/fbank.h"
#include "asr/mel.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLIP_FROM = 5600, CLIP_SAMPLES = AC_LISTEN_RATE_HZ };

static char *wav;
static const int16_t *clip;

static int setup(void **state)
{
    size_t len;

    (void)state;
    assert_int_equal(ac_read_file("test/data/jfk.wav", 1 << 20, &wav, &len), 0);
    char *data = memmem(wav, len, "data", 4); /* the chunk with the samples, then its length */
    assert_non_null(data);
    assert_true(data + 8 + 2 * (CLIP_FROM + CLIP_SAMPLES) <= wav + len);
    clip = (const int16_t *)(void *)(data + 8) + CLIP_FROM;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(wav);
    return 0;
}

/* The largest difference of n values from a file of float32. */
static double difference(const char *path, const float *values, size_t n)
{
    char *data;
    size_t len;
    double largest = 0;

    assert_int_equal(ac_read_file(path, 1 << 20, &data, &len), 0);
    assert_int_equal(len, n * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        float expected;
        memcpy(&expected, data + i * sizeof expected, sizeof expected);
        assert_true(isfinite(values[i]));
        largest = fmax(largest, fabs((double)values[i] - expected));
    }
    free(data);
    return largest;
}

static void test_mel_reference(void **state)
{
    static const struct {
        size_t bands;
        const char *path;
    } cases[] = {{80, "test/data/asr/mel80.f32"}, {128, "test/data/asr/mel128.f32"}};
    enum { FRAMES = 120 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_mel *m = ac_mel_new(cases[i].bands);
        float *out = ac_alloc(cases[i].bands * FRAMES * sizeof *out);
        assert_int_equal(ac_mel_compute(m, clip, CLIP_SAMPLES, FRAMES, out, NULL), 0);
        double d = difference(cases[i].path, out, cases[i].bands * FRAMES);
        print_message("mel %zu: largest difference %.2g\n", cases[i].bands, d);
        assert_true(d < 1e-4);
        free(out);
        ac_mel_free(m);
    }
}

static void test_fbank_reference(void **state)
{
    struct ac_lfr lfr = {.window = 7, .shift = 6};
    struct ac_fbank *f = ac_fbank_new();
    size_t n = ac_fbank_frames(CLIP_SAMPLES), dim = lfr.window * AC_FBANK_BANDS;
    float *frames = ac_alloc(n * AC_FBANK_BANDS * sizeof *frames);
    float *stacks = ac_alloc(ac_lfr_frames(&lfr, n) * dim * sizeof *stacks);

    (void)state;
    lfr.neg_mean = ac_zalloc(dim * sizeof(float));
    lfr.inv_stddev = ac_alloc(dim * sizeof(float));
    for (size_t i = 0; i < dim; i++)
        lfr.inv_stddev[i] = 1;
    assert_int_equal(ac_fbank_compute(f, clip, CLIP_SAMPLES, frames, NULL), 0);
    ac_lfr_stack(&lfr, frames, n, stacks);
    double d = difference("test/data/asr/lfr.f32", stacks, ac_lfr_frames(&lfr, n) * dim);
    print_message("fbank: largest difference %.2g\n", d);
    assert_true(d < 1e-3);

    for (size_t i = 0; i < dim; i++) { /* normalised: each value of a stack by its own constants */
        lfr.neg_mean[i] = -(float)i;
        lfr.inv_stddev[i] = 1.0F / (float)(i + 1);
    }
    float third = stacks[2 * dim + 3];
    ac_lfr_stack(&lfr, frames, n, stacks);
    assert_float_equal(stacks[2 * dim + 3], (third - 3) / 4, 1e-5);
    free(lfr.neg_mean);
    free(lfr.inv_stddev);
    free(stacks);
    free(frames);
    ac_fbank_free(f);
}

/* Silence is all floor; fewer samples than one window, and none, are heard as silence with a start. */
static void test_mel_edges(void **state)
{
    static const size_t lengths[] = {0, 1, 199, 200, 400, 1600};
    enum { FRAMES = 10, BANDS = 80 };
    static const int16_t zeros[1600];
    float out[FRAMES * BANDS];
    struct ac_mel *m = ac_mel_new(BANDS);

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(ac_mel_compute(m, zeros, lengths[i], FRAMES, out, NULL), 0);
        for (size_t k = 0; k < FRAMES * BANDS; k++)
            assert_float_equal(out[k], -1.5, 1e-6); /* (log10(1e-10) + 4) / 4 */
        assert_int_equal(ac_mel_compute(m, clip, lengths[i], FRAMES, out, NULL), 0);
        for (size_t k = 0; k < FRAMES * BANDS; k++)
            assert_true(isfinite(out[k]) && out[k] >= -1.5F);
    }
    ac_mel_free(m);
}

static void test_fbank_edges(void **state)
{
    static const struct {
        size_t samples, frames, stacks;
    } cases[] = {{0, 0, 0},   {399, 0, 0},  {400, 1, 1},  {559, 1, 1},
                 {560, 2, 1}, {1359, 6, 1}, {1360, 7, 2}, {16000, 98, 17}};
    struct ac_lfr lfr = {.window = 7, .shift = 6};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ac_fbank_frames(cases[i].samples), cases[i].frames);
        assert_int_equal(ac_lfr_frames(&lfr, cases[i].frames), cases[i].stacks);
    }
}

static void test_canceled(void **state)
{
    struct ac_cancel *c = ac_cancel_new(NULL);
    struct ac_mel *m = ac_mel_new(80);
    struct ac_fbank *f = ac_fbank_new();
    float *out = ac_alloc(100 * 80 * sizeof *out);

    (void)state;
    ac_cancel_trigger(c);
    assert_int_equal(ac_mel_compute(m, clip, CLIP_SAMPLES, 100, out, c), AC_ECANCELED);
    assert_int_equal(ac_fbank_compute(f, clip, CLIP_SAMPLES, out, c), AC_ECANCELED);
    free(out);
    ac_fbank_free(f);
    ac_mel_free(m);
    ac_cancel_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mel_reference), cmocka_unit_test(test_fbank_reference),
        cmocka_unit_test(test_mel_edges),     cmocka_unit_test(test_fbank_edges),
        cmocka_unit_test(test_canceled),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
