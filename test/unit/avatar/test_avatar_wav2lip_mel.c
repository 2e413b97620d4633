/*
 * Wav2Lip's mel spectrogram against the reference values of tools/wav2lip_reference.py (an implementation of
 * its own in double precision), and its promises about pieces, windows and silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatar/wav2lip_mel.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 16000, HOP = 200, JFK_SAMPLES = 176000, REFERENCE = 2 * RATE + 137 };

static int16_t jfk[JFK_SAMPLES];

static int setup(void **state)
{
    char *wav, *data;
    size_t len;

    (void)state;
    assert_int_equal(ac_read_file("test/data/jfk.wav", 1 << 20, &wav, &len), 0);
    data = memmem(wav, len, "data", 4); /* the chunk with the samples, then its length */
    assert_non_null(data);
    assert_true(data + 8 + sizeof jfk <= wav + len);
    memcpy(jfk, data + 8, sizeof jfk);
    free(wav);
    return 0;
}

static struct ac_w2l_mel *mel_of(const int16_t *pcm, size_t n)
{
    struct ac_w2l_mel *m = ac_w2l_mel_new();

    ac_w2l_mel_add(m, pcm, n);
    ac_w2l_mel_end(m);
    return m;
}

/* Column by column, through windows that begin at each: 80 pictures a second are one column each. */
static void assert_columns(struct ac_w2l_mel *m, const int16_t *expected, size_t columns, float *worst)
{
    float window[AC_W2L_WINDOW];

    for (size_t t = 0; t < columns; t++) {
        assert_true(ac_w2l_mel_window(m, (int64_t)t, 80, 0, window));
        for (size_t b = 0; b < AC_W2L_BANDS; b++) {
            float value = window[b * AC_W2L_COLUMNS];
            assert_true(value >= -4 && value <= 4);
            *worst = fmaxf(*worst, fabsf(value - (float)expected[t * AC_W2L_BANDS + b] / 8000));
        }
    }
}

static void test_reference(void **state)
{
    static const struct {
        const char *what;
        size_t samples; /* columns: silence follows */
    } clips[] = {{"speech", REFERENCE}, {"sweep", 8000},    {"loud tone", 2000},
                 {"faint tone", 1200},  {"impulses", 3001}, {"faint noise", 2000},
                 {"799", 799},          {"401", 401},       {"400", 400},
                 {"100", 100},          {"1", 1},           {"nothing", 0}};
    char *sounds, *mels;
    size_t size, at = 0, column = 0;

    (void)state;
    assert_int_equal(ac_read_file("test/data/wav2lip/clips.s16", 1 << 20, &sounds, &size), 0);
    assert_int_equal(ac_read_file("test/data/wav2lip/mel.s16", 1 << 20, &mels, &size), 0);
    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++) {
        size_t n = clips[i].samples, columns = 1 + n / HOP + AC_W2L_COLUMNS;
        const int16_t *pcm = i == 0 ? jfk : (const int16_t *)(void *)sounds + at;
        struct ac_w2l_mel *m = mel_of(pcm, n);
        float worst = 0;
        assert_true((column + columns) * AC_W2L_BANDS * sizeof(int16_t) <= size);
        assert_columns(m, (const int16_t *)(void *)mels + column * AC_W2L_BANDS, columns, &worst);
        print_message("%s: largest difference %.1e\n", clips[i].what, worst);
        assert_true(worst < 1e-3F);
        ac_w2l_mel_free(m);
        at += i == 0 ? 0 : n;
        column += columns;
    }
    assert_int_equal(column * AC_W2L_BANDS * sizeof(int16_t), size);
    free(sounds);
    free(mels);
}

/* However the sound is cut, and whenever windows are asked for, each is the same to the bit. */
static void test_pieces(void **state)
{
    static const size_t pieces[] = {1, 7, 199, 200, 201, 320, 799, 5000, 65536};
    float expected[AC_W2L_WINDOW], window[AC_W2L_WINDOW];

    (void)state;
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        struct ac_w2l_mel *whole = mel_of(jfk, REFERENCE), *cut = ac_w2l_mel_new();
        int64_t frame = 0;
        for (size_t i = 0; i < REFERENCE; i += pieces[p]) {
            size_t n = pieces[p] < REFERENCE - i ? pieces[p] : REFERENCE - i;
            ac_w2l_mel_add(cut, jfk + i, n);
            if (i + n == REFERENCE)
                ac_w2l_mel_end(cut);
            for (; frame < 50 && ac_w2l_mel_window(cut, frame, 25, 0, window); frame++) {
                assert_true(ac_w2l_mel_window(whole, frame, 25, 0, expected));
                assert_memory_equal(window, expected, sizeof window);
            }
        }
        assert_int_equal(frame, 50);
        ac_w2l_mel_free(whole);
        ac_w2l_mel_free(cut);
    }
}

/* A picture's window needs 212.5 ms of sound from its time on, and not a sample more. */
static void test_final(void **state)
{
    struct ac_w2l_mel *m = ac_w2l_mel_new();
    float window[AC_W2L_WINDOW] = {7};

    (void)state;
    for (size_t n = 0; n < 2000; n++) {
        assert_int_equal(ac_w2l_mel_columns(m), n < 401 ? 0 : 1 + (n - 400) / 200);
        ac_w2l_mel_add(m, jfk + n, 1);
    }
    ac_w2l_mel_add(m, jfk + 2000, 4039 - 2000);
    assert_false(ac_w2l_mel_window(m, 1, 25, 1, window)); /* columns 4 … 19: 640 + 200 + 3400 samples − 240 */
    assert_false(ac_w2l_mel_window(m, 2, 25, 0, window));
    assert_true(window[0] == 7);
    assert_true(ac_w2l_mel_window(m, 1, 25, 0, window));
    ac_w2l_mel_end(m);
    assert_true(ac_w2l_mel_columns(m) == SIZE_MAX);
    assert_true(ac_w2l_mel_window(m, 2, 25, 0, window));
    ac_w2l_mel_free(m);
}

/* The first column of a picture's window. */
static void test_windows(void **state)
{
    static const struct {
        int fps, offset;
        int64_t frame, column;
    } cases[] = {{25, 0, 0, 0},   {25, 0, 1, 3},     {25, 0, 2, 6},    {25, 0, 3, 9},    {25, 0, 4, 12},
                 {25, 0, 5, 16},  {25, 0, 10, 32},   {30, 0, 1, 2},    {30, 0, 2, 5},    {30, 0, 4, 10},
                 {30, 0, 5, 13},  {50, 0, 5, 8},     {24, 0, 7, 23},   {25, -4, 0, -4},  {25, -3, 4, 9},
                 {25, 0, -1, -4}, {25, 0, -5, -16},  {30, 0, -1, -3},  {25, 0, -9, -29}, {25, 5, 5, 21},
                 {12, 0, 7, 46},  {25, -16, 0, -16}, {25, -40, 1, -37}};
    struct ac_w2l_mel *m = mel_of(jfk, JFK_SAMPLES), *single = mel_of(jfk, JFK_SAMPLES);
    float window[AC_W2L_WINDOW], one[AC_W2L_WINDOW];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(ac_w2l_mel_window(m, cases[i].frame, cases[i].fps, cases[i].offset, window));
        for (int64_t c = 0; c < AC_W2L_COLUMNS; c++) {
            int64_t column = cases[i].column + c;
            assert_true(ac_w2l_mel_window(single, column > 0 ? column : 0, 80, 0, one));
            for (size_t b = 0; b < AC_W2L_BANDS; b++) {
                float expected = column < 0 ? -4 : one[b * AC_W2L_COLUMNS];
                assert_true(window[b * AC_W2L_COLUMNS + (size_t)c] == expected);
            }
        }
    }
    ac_w2l_mel_free(m);
    ac_w2l_mel_free(single);
}

/* Minutes of speech take no memory; two seconds back can be asked for, earlier windows are refused. */
static void test_long(void **state)
{
    struct ac_w2l_mel *m = ac_w2l_mel_new(), *start = mel_of(jfk, JFK_SAMPLES);
    float window[AC_W2L_WINDOW], expected[AC_W2L_WINDOW];
    size_t before = 0;

    (void)state;
    for (int64_t round = 0, frame = 0; round < 60; round++) { /* 11 minutes */
        ac_w2l_mel_add(m, jfk, JFK_SAMPLES);
        while (ac_w2l_mel_window(m, frame, 25, 0, window))
            frame++;
        if (round == 1)
            before = ac_rss_bytes();
    }
    assert_true(ac_rss_bytes() < before + (4U << 20)); /* all of it would be 21 MB */
    ac_w2l_mel_end(m);
    int64_t last = 60 * 275 - 1, back = last - 50;
    assert_true(ac_w2l_mel_window(m, last, 25, 0, window));
    assert_true(ac_w2l_mel_window(m, back, 25, 0, window));
    assert_true(ac_w2l_mel_window(start, back - 59 * 275, 25, 0, expected));
    assert_memory_equal(window, expected, sizeof window);
    assert_false(ac_w2l_mel_window(m, 100, 25, 0, window));
    assert_true(ac_w2l_mel_window(m, last + 100000, 25, 0, window)); /* silence after it */
    assert_true(window[0] == -4 && ac_w2l_mel_silent(window));
    ac_w2l_mel_begin(m);
    assert_false(ac_w2l_mel_window(m, 0, 25, 0, window));
    ac_w2l_mel_add(m, jfk, JFK_SAMPLES);
    assert_true(ac_w2l_mel_window(m, 20, 25, 0, window));
    assert_true(ac_w2l_mel_window(start, 20, 25, 0, expected) == false); /* forgotten: it is 10 s on */
    ac_w2l_mel_free(start);
    start = mel_of(jfk, JFK_SAMPLES);
    assert_true(ac_w2l_mel_window(start, 20, 25, 0, expected));
    assert_memory_equal(window, expected, sizeof window);
    ac_w2l_mel_free(m);
    ac_w2l_mel_free(start);
}

/* Noise of a level in dBFS, white (the mean of twelve uniform numbers), or what lies above 4 kHz of it. */
static void noise(int16_t *pcm, size_t n, double level, bool hiss)
{
    uint32_t seed = 1;
    double rms = pow(10, level / 20) * 32768, last[2] = {0};

    for (size_t i = 0; i < n; i++) {
        double sum = 0, high;
        for (int k = 0; k < 12; k++) {
            seed = seed * 1664525 + 1013904223;
            sum += seed / 4294967296.0 - 0.5;
        }
        high = (sum - 2 * last[0] + last[1]) / 2.449; /* rises with frequency, no low bands */
        last[1] = last[0];
        last[0] = sum;
        pcm[i] = (int16_t)lrint((hiss ? high : sum) * rms);
    }
}

static size_t silent_windows(const int16_t *pcm, size_t n, int64_t from, int64_t to)
{
    struct ac_w2l_mel *m = mel_of(pcm, n);
    float window[AC_W2L_WINDOW];
    size_t silent = 0;

    for (int64_t frame = from; frame < to; frame++) {
        assert_true(ac_w2l_mel_window(m, frame, 25, 0, window));
        silent += ac_w2l_mel_silent(window);
    }
    ac_w2l_mel_free(m);
    return silent;
}

static void test_silent(void **state)
{
    static int16_t pcm[RATE];

    (void)state;
    assert_int_equal(silent_windows(pcm, RATE, 0, 25), 25);
    noise(pcm, RATE, -60, false);
    assert_int_equal(silent_windows(pcm, RATE, 0, 20), 20);
    noise(pcm, RATE, -48, false);
    assert_int_equal(silent_windows(pcm, RATE, 0, 20), 0);
    noise(pcm, RATE, -52, true); /* a quiet s */
    assert_int_equal(silent_windows(pcm, RATE, 0, 20), 0);
    /* the pause of an old recording with hum and hiss, from 2.4 s to 3.3 s; before and after it speech
     */
    assert_int_equal(silent_windows(jfk, JFK_SAMPLES, 62, 78), 16);
    assert_int_equal(silent_windows(jfk, JFK_SAMPLES, 5, 55), 0);
    assert_int_equal(silent_windows(jfk, JFK_SAMPLES, 78, 105), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_pieces), cmocka_unit_test(test_final),
        cmocka_unit_test(test_windows),   cmocka_unit_test(test_long),   cmocka_unit_test(test_silent),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
