/*
 * Voice activity and end-point rules together, as a session has them: noise of all colours has no segment,
 * the clip has those of its real pauses, the loudness gate stands in where the model is missing.
 */
#include "base/mem.h"
#include "core/endpoint.h"
#include "core/models.h"
#include "core/registry.h"
#include "media/decode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_SEGMENTS = 64, PIECE = 320 };

struct heard {
    struct ac_sink sink;
    struct ac_endpoint endpoint;
    struct {
        double start_s, end_s;
    } segments[MAX_SEGMENTS];
    size_t n, onsets;
    float highest;
};

static struct ac_config *cfg;
static struct ac_models *models;

static int setup(void **state)
{
    struct ac_str errors = {0};

    (void)state;
    assert_int_equal(ac_config_load(&cfg, NULL, NULL, 0, &errors), 0);
    models = ac_models_new(cfg);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ac_models_free(models);
    ac_config_free(cfg);
    return 0;
}

static void note(void *arg, const struct ac_endpoint_event *e)
{
    struct heard *h = arg;

    h->onsets += e->type == AC_ENDPOINT_ONSET;
    if (e->type != AC_ENDPOINT_END)
        return;
    assert_true(h->n < MAX_SEGMENTS);
    h->segments[h->n].start_s = (double)e->onset_sample / AC_LISTEN_RATE_HZ;
    h->segments[h->n++].end_s = (double)e->end_sample / AC_LISTEN_RATE_HZ;
}

static int take_voice(struct ac_sink *sink, struct ac_frame *f)
{
    struct heard *h = (struct heard *)sink;

    h->highest = fmaxf(h->highest, f->voice.probability);
    ac_endpoint_feed(&h->endpoint, &f->voice, AC_EARS_OPEN);
    ac_frame_unref(f);
    return 0;
}

static void hear(struct heard *h, const char *engine, const int16_t *pcm, size_t n)
{
    struct ac_instance *inst;
    char reason[256];

    *h = (struct heard){.sink = {take_voice}};
    ac_endpoint_init(&h->endpoint, ac_config_listen(cfg), note, h);
    if (ac_instance_open(&inst, models, ac_registry_find(AC_STAGE_VAD, engine), NULL, reason) != 0)
        fail_msg("%s", reason);
    for (size_t at = 0; at < n; at += PIECE) {
        struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);
        f->audio.n_samples = n - at < PIECE ? n - at : PIECE;
        f->audio.start_sample = (int64_t)at;
        f->audio.pcm = ac_alloc(f->audio.n_samples * sizeof *pcm);
        memcpy(f->audio.pcm, pcm + at, f->audio.n_samples * sizeof *pcm);
        assert_int_equal(ac_instance_process(inst, f, &h->sink, NULL), 0);
        ac_frame_unref(f);
    }
    assert_int_equal(ac_instance_process(inst, NULL, &h->sink, NULL), 0);
    ac_endpoint_finish(&h->endpoint);
    ac_instance_close(inst);
}

/* ---- noise ---- */

enum colour { SILENCE, WHITE, PINK, BROWN };

static double gaussian(uint64_t *seed)
{
    double u[2];

    for (int i = 0; i < 2; i++) {
        *seed = *seed * 6364136223846793005U + 1442695040888963407U;
        u[i] = ((double)(*seed >> 11) + 0.5) / 9007199254740992.0;
    }
    return sqrt(-2 * log(u[0])) * cos(2 * M_PI * u[1]);
}

/* Pink: P. Kellet's filter of white noise, -3 dB an octave. Brown: a leaky integral, -6 dB. */
static double next_value(enum colour colour, uint64_t *seed, double b[7])
{
    double w = gaussian(seed);

    if (colour == WHITE)
        return w;
    if (colour == BROWN)
        return b[0] = 0.998 * b[0] + w;
    b[0] = 0.99886 * b[0] + w * 0.0555179;
    b[1] = 0.99332 * b[1] + w * 0.0750759;
    b[2] = 0.96900 * b[2] + w * 0.1538520;
    b[3] = 0.86650 * b[3] + w * 0.3104856;
    b[4] = 0.55000 * b[4] + w * 0.5329522;
    b[5] = -0.7616 * b[5] - w * 0.0168980;
    double pink = b[0] + b[1] + b[2] + b[3] + b[4] + b[5] + b[6] + w * 0.5362;
    b[6] = w * 0.115926;
    return pink;
}

static int16_t *make_noise(enum colour colour, double level_db, size_t n)
{
    double *v = ac_alloc(n * sizeof *v), b[7] = {0}, sum = 0;
    int16_t *pcm = ac_zalloc(n * sizeof *pcm);
    uint64_t seed = 42;

    for (size_t i = 0; colour != SILENCE && i < n; i++) {
        v[i] = next_value(colour, &seed, b);
        sum += v[i] * v[i];
    }
    for (size_t i = 0; colour != SILENCE && i < n; i++) {
        double gain = 32768 * pow(10, level_db / 20) / sqrt(sum / (double)n);
        pcm[i] = (int16_t)lrint(fmax(-32768, fmin(32767, gain * v[i])));
    }
    free(v);
    return pcm;
}

static void test_noise(void **state)
{
    static const struct {
        enum colour colour;
        double level_db;
        const char *name;
    } cases[] = {
        {SILENCE, 0, "silence"},   {WHITE, -20, "white, loud"}, {WHITE, -45, "white"},
        {PINK, -20, "pink, loud"}, {PINK, -45, "pink"},         {BROWN, -20, "brown, loud"},
        {BROWN, -45, "brown"},
    };
    size_t n = 60 * AC_LISTEN_RATE_HZ;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int16_t *pcm = make_noise(cases[i].colour, cases[i].level_db, n);
        struct heard h;
        hear(&h, "silero", pcm, n);
        print_message("%-12s highest probability %.3f, %zu onsets, %zu segments\n", cases[i].name,
                      (double)h.highest, h.onsets, h.n);
        assert_int_equal(h.n, 0);
        assert_int_equal(h.onsets, 0);
        free(pcm);
    }
}

/* ---- speech ---- */

/*
 * "And so, my fellow Americans, | ask not | what your country can do for you, | ask what you can do for your
 * country." The times were read off the waveform and its spectrogram, to within a tenth of a second.
 */
static const double said[][2] = {{0.33, 2.2}, {3.3, 4.3}, {5.4, 7.6}, {8.15, 10.6}};
enum { N_SAID = sizeof said / sizeof *said };

static void test_clip(void **state)
{
    struct ac_pcm pcm;
    struct heard h;

    (void)state;
    assert_int_equal(ac_decode_file("test/data/jfk.wav", 60, &pcm, NULL), 0);
    hear(&h, "silero", pcm.samples, pcm.n);
    assert_int_equal(h.n, N_SAID);
    for (size_t i = 0; i < N_SAID; i++) {
        print_message("%.2f … %.2f s\n", h.segments[i].start_s, h.segments[i].end_s);
        assert_true(fabs(h.segments[i].start_s - said[i][0]) < 0.15);
        if (i + 1 < N_SAID) /* the clip ends before the last one's silence does */
            assert_true(fabs(h.segments[i].end_s - said[i][1]) < 0.2);
    }
    free(pcm.samples);
}

/* The gate does not know a hall's noise from speech, but what was said is within what it hears. */
static void test_gate(void **state)
{
    struct ac_pcm pcm;
    struct heard h;

    (void)state;
    assert_int_equal(ac_decode_file("test/data/jfk.wav", 60, &pcm, NULL), 0);
    hear(&h, "energy", pcm.samples, pcm.n);
    assert_true(h.n >= 1);
    for (size_t i = 0; i < N_SAID; i++) {
        bool heard = false;
        for (size_t k = 0; k < h.n; k++)
            heard = heard ||
                    (h.segments[k].start_s <= said[i][0] + 0.2 && h.segments[k].end_s >= said[i][1] - 0.2);
        assert_true(heard);
    }
    free(pcm.samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_noise), cmocka_unit_test(test_clip),
                                       cmocka_unit_test(test_gate)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
