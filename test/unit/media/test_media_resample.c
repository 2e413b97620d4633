/* Sample-rate conversion: pitch, level, aliases and length of sines against what arithmetic says. */
#include "avatarchat/err.h"
#include "media/resample.h"
#include "media_util.h"

/* Converts n samples in chunks (0: all at once), drains, returns floats of ±1. */
static float *convert(int in_hz, int out_hz, const int16_t *pcm, size_t n, size_t chunk, size_t *n_out)
{
    struct ac_resampler *r;
    struct ac_str out = {0};

    assert_int_equal(ac_resampler_open(&r, in_hz, out_hz), AC_OK);
    for (size_t i = 0; i < n;) {
        size_t take = chunk == 0 || chunk > n - i ? n - i : chunk;

        assert_int_equal(ac_resampler_run(r, pcm + i, take, &out), AC_OK);
        i += take;
        if (chunk)
            chunk = chunk * 7 % 1009 + 1; /* odd sizes of 1…1009 */
    }
    assert_int_equal(ac_resampler_run(r, NULL, 0, &out), AC_OK);
    ac_resampler_close(r);
    assert_int_equal(out.len % sizeof(int16_t), 0);
    *n_out = out.len / sizeof(int16_t);
    float *x = malloc((*n_out + 1) * sizeof *x);
    for (size_t i = 0; i < *n_out; i++)
        x[i] = ((const int16_t *)out.p)[i] / 32768.0f;
    ac_str_free(&out);
    return x;
}

static void test_sines(void **state)
{
    static const struct {
        int in_hz, out_hz;
        double hz;
    } cases[] = {
        {16000, 24000, 440},  {16000, 24000, 6000}, {22050, 24000, 440},  {22050, 24000, 8000},
        {24000, 24000, 1000}, {48000, 24000, 3000}, {24000, 16000, 5000}, {8000, 24000, 2500},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = (size_t)cases[i].in_hz + 17, n_out; /* a second, not a round number */
        int16_t *pcm = make_tone(n, cases[i].in_hz, cases[i].hz, 16384);
        float *x = convert(cases[i].in_hz, cases[i].out_hz, pcm, n, 0, &n_out);
        double want = (double)n * cases[i].out_hz / cases[i].in_hz;

        assert_float_equal((double)n_out, want, 1);
        assert_float_equal(tone_level(x, n_out, cases[i].out_hz, cases[i].hz), 0.5, 0.005);
        /* away from the edges every sample is where the sine is: nothing is shifted, nothing else is in it */
        for (size_t k = 2000; k < n_out - 2000; k++) {
            double should = 0.5 * sin(2 * M_PI * cases[i].hz * (double)k / cases[i].out_hz);

            if (fabs(x[k] - should) > 0.0006)
                fail_msg("%d to %d Hz, %g Hz: sample %zu is %f, not %f", cases[i].in_hz, cases[i].out_hz,
                         cases[i].hz, k, x[k], should);
        }
        free(pcm);
        free(x);
    }
}

static void test_aliases(void **state)
{
    static const struct {
        int in_hz, out_hz;
        double hz, alias_hz;
    } cases[] = {
        {48000, 24000, 15000, 9000}, /* above the new limit: must go */
        {48000, 24000, 20000, 4000}, {24000, 16000, 10000, 6000},
        {16000, 24000, 6000, 10000}, /* image above the old limit: must not come */
        {8000, 24000, 3000, 5000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = (size_t)cases[i].in_hz, n_out;
        int16_t *pcm = make_tone(n, cases[i].in_hz, cases[i].hz, 16384);
        float *x = convert(cases[i].in_hz, cases[i].out_hz, pcm, n, 0, &n_out);
        double level = tone_level(x + 2000, n_out - 4000, cases[i].out_hz, cases[i].alias_hz);

        if (20 * log10(level / 0.5 + 1e-12) > -60)
            fail_msg("%d to %d Hz: %g Hz is heard at %g Hz, %.1f dB", cases[i].in_hz, cases[i].out_hz,
                     cases[i].hz, cases[i].alias_hz, 20 * log10(level / 0.5));
        free(pcm);
        free(x);
    }
}

static void test_chunks_make_no_difference(void **state)
{
    static const int rates[] = {8000, 16000, 22050, 24000, 44100, 48000};

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        size_t n = (size_t)rates[i] / 2 + 3, whole_n, parts_n;
        int16_t *pcm = make_tone(n, rates[i], 700, 9000);
        float *whole = convert(rates[i], 24000, pcm, n, 0, &whole_n);
        float *parts = convert(rates[i], 24000, pcm, n, 1, &parts_n);

        assert_int_equal(whole_n, parts_n);
        assert_memory_equal(whole, parts, whole_n * sizeof *whole);
        free(pcm);
        free(whole);
        free(parts);
    }
}

static void test_reset_forgets(void **state)
{
    static const int rates[] = {16000, 24000};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int16_t *pcm = make_tone(8000, rates[i], 500, 20000), *other = make_tone(8000, rates[i], 90, 30000);
        struct ac_str fresh = {0}, again = {0}, junk = {0};
        struct ac_resampler *r;

        assert_int_equal(ac_resampler_open(&r, rates[i], 24000), AC_OK);
        ac_resampler_run(r, pcm, 8000, &fresh);
        ac_resampler_run(r, NULL, 0, &fresh);
        ac_resampler_reset(r); /* after the end */
        ac_resampler_run(r, other, 5000, &junk);
        ac_resampler_reset(r); /* in the middle */
        ac_resampler_run(r, pcm, 8000, &again);
        ac_resampler_run(r, NULL, 0, &again);
        assert_int_equal(fresh.len, again.len);
        assert_memory_equal(fresh.p, again.p, fresh.len);
        ac_resampler_close(r);
        ac_str_free(&fresh);
        ac_str_free(&again);
        ac_str_free(&junk);
        free(pcm);
        free(other);
    }
}

static void test_refusals(void **state)
{
    static const int cases[][2] = {{3999, 24000},   {24000, 3999}, {192001, 24000},
                                   {24000, 192001}, {0, 24000},    {-1, -1}};
    struct ac_resampler *r = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ac_resampler_open(&r, cases[i][0], cases[i][1]), AC_EINVAL);
        assert_null(r);
    }
    ac_resampler_close(NULL);
}

static void test_nothing_in_nothing_out(void **state)
{
    struct ac_str out = {0};
    struct ac_resampler *r;

    (void)state;
    assert_int_equal(ac_resampler_open(&r, 16000, 24000), AC_OK);
    assert_int_equal(ac_resampler_run(r, NULL, 0, &out), AC_OK);
    assert_int_equal(out.len, 0);
    ac_resampler_close(r);
    ac_str_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sines),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_chunks_make_no_difference),
        cmocka_unit_test(test_reset_forgets),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nothing_in_nothing_out),
    };

    return cmocka_run_group_tests_name("media/resample", tests, NULL, NULL);
}
