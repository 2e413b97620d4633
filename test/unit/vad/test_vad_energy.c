/* The loudness gate: tones over noise of any level, a noise that sets in, bridging, hum, streaming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vad_world.h"

extern const struct ac_handler_info ac_handler_vad_energy;

static struct {
    double margin_db, least_db;
} cfg = {9, -55};

static void open_energy(struct engine *e)
{
    assert_int_equal(ac_handler_vad_energy.cfg_size, sizeof cfg);
    assert_int_equal(engine_open(e, &ac_handler_vad_energy, &cfg), 0);
}

/* A tone of the level and frequency between two times. */
static void add_tone(int16_t *pcm, double from_s, double to_s, double hz, double level_db)
{
    double gain = 32768 * pow(10, level_db / 20) * sqrt(2);

    for (size_t i = (size_t)(from_s * RATE); i < (size_t)(to_s * RATE); i++)
        pcm[i] =
            (int16_t)lrint(fmax(-32768, fmin(32767, pcm[i] + gain * sin(2 * M_PI * hz * (double)i / RATE))));
}

static float at(const struct voices *v, double s)
{
    return v->p[(size_t)(s * RATE / WINDOW)];
}

static float highest(const struct voices *v, double from_s, double to_s)
{
    float p = 0;

    for (size_t k = (size_t)(from_s * RATE / WINDOW); k < (size_t)(to_s * RATE / WINDOW); k++)
        p = fmaxf(p, v->p[k]);
    return p;
}

static void test_over_noise(void **state)
{
    static const struct {
        double noise_db, tone_db, hz;
        bool heard;
    } cases[] = {
        {-200, -30, 500, true},  {-70, -30, 500, true},  {-50, -30, 1000, true},
        {-30, -12, 500, true},   {-30, -26, 500, false}, /* within the margin */
        {-200, -60, 500, false},                         /* too quiet to be meant for us */
        {-50, -36, 50, false},                           /* mains hum: the high-pass takes 12 dB of it */
    };
    static struct voices v;
    struct engine e;
    size_t n = 8 * RATE;

    (void)state;
    open_energy(&e);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int16_t *pcm = ac_zalloc(n * sizeof *pcm);
        add_noise(pcm, n, cases[i].noise_db);
        add_tone(pcm, 2, 4, cases[i].hz, cases[i].tone_db);
        hear(&e, pcm, n, 480, &v);
        assert_true(highest(&v, 0, 1.9) < 0.35F);
        if (cases[i].heard != (at(&v, 2.5) > 0.8F) || cases[i].heard != (at(&v, 3.9) > 0.8F) ||
            (!cases[i].heard && highest(&v, 2, 4) >= 0.35F))
            fail_msg("case %zu: %.2f %.2f %.2f", i, (double)at(&v, 2.5), (double)at(&v, 3.9),
                     (double)highest(&v, 2, 4));
        assert_true(highest(&v, 4.4, 7.9) < 0.35F); /* over soon after its end */
        free(pcm);
    }
    engine_close(&e);
}

/* A fan that is switched on is taken for speech, but not for long; speech over it is heard again. */
static void test_noise_sets_in(void **state)
{
    static struct voices v;
    struct engine e;
    size_t n = 12 * RATE;
    int16_t *pcm = ac_zalloc(n * sizeof *pcm);

    (void)state;
    add_noise(pcm, n, -70);
    add_noise(pcm + 3 * RATE, n - 3 * RATE, -30);
    add_tone(pcm, 9, 10, 700, -14);
    open_energy(&e);
    hear(&e, pcm, n, 480, &v);
    assert_true(highest(&v, 0, 2.9) < 0.35F);
    assert_true(highest(&v, 7, 8.9) < 0.35F);
    assert_true(at(&v, 9.5) > 0.8F);
    free(pcm);
    engine_close(&e);
}

/* Gaps as between the syllables of a word do not end it; those between sentences do. */
static void test_bridges(void **state)
{
    static struct voices v;
    struct engine e;
    size_t n = 4 * RATE;
    int16_t *pcm = ac_zalloc(n * sizeof *pcm);

    (void)state;
    add_noise(pcm, n, -60);
    add_tone(pcm, 1, 1.3, 300, -25);
    add_tone(pcm, 1.42, 1.8, 300, -25);
    add_tone(pcm, 2.4, 2.8, 300, -25);
    open_energy(&e);
    hear(&e, pcm, n, 480, &v);
    for (double s = 1.05; s < 1.8; s += 0.032)
        assert_true(at(&v, s) >= 0.35F);
    assert_true(at(&v, 2.2) < 0.35F);
    assert_true(at(&v, 2.6) > 0.8F);
    free(pcm);
    engine_close(&e);
}

static void test_pieces(void **state)
{
    static const size_t pieces[] = {1, 37, 512, 513, SIZE_MAX / 2};
    static struct voices whole, v;
    struct engine e;
    size_t n;
    int16_t *clip = read_wav("test/data/jfk.wav", &n);
    struct ac_cancel *c = ac_cancel_new(NULL);

    (void)state;
    open_energy(&e);
    hear(&e, clip, n, 1600, &whole);
    assert_true(at(&whole, 1) > 0.8F && at(&whole, 6) > 0.8F);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        hear(&e, clip, n, pieces[i], &v);
        assert_memory_equal(v.p, whole.p, whole.n * sizeof *whole.p);
    }
    v = (struct voices){.sink = {keep}};
    assert_int_equal(feed(&e, e.inst, clip, 100, 0, &v, NULL), 0);
    assert_int_equal(feed(&e, e.inst, clip, 100, 50, &v, NULL), AC_EINVAL);
    ac_cancel_trigger(c);
    assert_int_equal(feed(&e, e.inst, clip, 512, 100, &v, c), AC_ECANCELED);
    e.info->reset(e.inst);
    hear(&e, clip, n, 1600, &v);
    assert_memory_equal(v.p, whole.p, whole.n * sizeof *whole.p);
    ac_cancel_unref(c);
    free(clip);
    engine_close(&e);
}

/* Longer than the memory of levels, which goes round. */
static void test_long(void **state)
{
    static struct voices v;
    struct engine e;
    size_t n = 120 * RATE;
    int16_t *pcm = ac_zalloc(n * sizeof *pcm);

    (void)state;
    add_noise(pcm, n, -45);
    for (int s = 5; s < 119; s += 6)
        add_tone(pcm, s, s + 1, 400, -25);
    open_energy(&e);
    hear(&e, pcm, n, 4096, &v);
    for (int s = 5; s < 119; s += 6) {
        assert_true(at(&v, s + 0.5) > 0.8F);
        assert_true(highest(&v, s + 1.5, s + 5.9) < 0.35F);
    }
    free(pcm);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_over_noise), cmocka_unit_test(test_noise_sets_in),
        cmocka_unit_test(test_bridges),    cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
