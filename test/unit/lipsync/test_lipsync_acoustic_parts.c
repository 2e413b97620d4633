/* The parts of lip sync from the sound: features and network against their reference, the change of rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lipsync/acoustic_net.h"
#include "lipsync/acoustic_rate.h"
#include "media/decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RATE = 16000, REFERENCE_ROWS = 100, OUT = AC_VIS_COUNT + 10 };

static struct ac_pcm jfk(void)
{
    struct ac_pcm pcm = {0};

    assert_int_equal(ac_decode_file("test/data/jfk.wav", 60, &pcm, NULL), 0);
    return pcm;
}

static void read_floats(const char *path, float *out, size_t n)
{
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    assert_int_equal(fread(out, sizeof *out, n, f), n);
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
}

/* Features and network are those that Python computed (tools/lips_train.py export). */
static void test_reference(void **state)
{
    static float rows[REFERENCE_ROWS][AC_ACOUSTIC_BANDS], answers[REFERENCE_ROWS][OUT];
    struct ac_acoustic_tables tables;
    struct ac_acoustic_mel mel;
    struct ac_acoustic_net net;
    struct ac_acoustic_state s = {0};
    struct ac_pcm pcm = jfk();
    float row[AC_ACOUSTIC_IN], sound[AC_ACOUSTIC_HOP], worst_row = 0, worst_answer = 0;

    (void)state;
    read_floats("test/data/lips/features.f32", rows[0], sizeof rows / sizeof(float));
    read_floats("test/data/lips/outputs.f32", answers[0], sizeof answers / sizeof(float));
    ac_acoustic_tables_init(&tables);
    assert_int_equal(ac_acoustic_mel_open(&mel), 0);
    assert_int_equal(ac_acoustic_net_load(&net), 0);
    for (size_t k = 0; k < 2 * REFERENCE_ROWS; k++) {
        float *half = row + k % 2 * AC_ACOUSTIC_BANDS;
        struct ac_acoustic_out out;
        for (size_t i = 0; i < AC_ACOUSTIC_HOP; i++)
            sound[i] = (float)pcm.samples[k * AC_ACOUSTIC_HOP + i] / 32768;
        ac_acoustic_mel_step(&mel, &tables, sound, half);
        for (size_t b = 0; b < AC_ACOUSTIC_BANDS && k < REFERENCE_ROWS; b++)
            worst_row = fmaxf(worst_row, fabsf(half[b] - rows[k][b]));
        if (k % 2 == 0)
            continue;
        ac_acoustic_net_step(&net, &s, row, &out);
        assert_int_equal(sizeof out, sizeof answers[0]);
        for (size_t i = 0; i < OUT; i++)
            worst_answer = fmaxf(worst_answer, fabsf(((const float *)&out)[i] - answers[k / 2][i]));
    }
    print_message("largest difference: features %.1e, answers %.1e\n", worst_row, worst_answer);
    assert_true(worst_row < 1e-3f);
    assert_true(worst_answer < 1e-3f);
    ac_acoustic_net_free(&net);
    ac_acoustic_mel_close(&mel);
    ac_acoustic_tables_free(&tables);
    free(pcm.samples);
}

/* A tone keeps its phase and level at any rate; one above 8 kHz is gone; little is held back. */
static void test_rate(void **state)
{
    static const int rates[] = {4000,  8000,  11025, 12000, 16000, 22050,
                                22051, 24000, 32000, 44100, 48000, 192000};
    static int16_t in[192000];
    static float out[RATE + 8];

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct ac_acoustic_rate r = {0};
        size_t n = (size_t)rates[i] / 2, made = 0;
        double hz = 500, high = 0, wrong = 0;
        for (int pass = 0; pass < 2; pass++, hz = 11000) {
            for (size_t k = 0; k < n; k++)
                in[k] = (int16_t)lrint(20000 * sin(2 * M_PI * hz * (double)k / rates[i]));
            ac_acoustic_rate_start(&r, rates[i]);
            made = 0;
            for (size_t at = 0; at < n; at += 999) {
                ac_acoustic_rate_add(&r, in + at, n - at < 999 ? n - at : 999);
                made += ac_acoustic_rate_take(&r, out + made, RATE);
            }
            for (size_t k = 200; k < made; k++) {
                double want = 20000.0 / 32768 * sin(2 * M_PI * hz * (double)k / RATE);
                wrong = pass ? wrong : fmax(wrong, fabs(out[k] - want));
                high = pass ? fmax(high, fabs(out[k])) : high;
            }
            assert_in_range(made, RATE / 2 - 50, RATE / 2);
        }
        assert_true(wrong < 0.01);
        assert_true(rates[i] < 24000 || high < 0.01);
        ac_acoustic_rate_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
