/* Lip sync from the sound: real speech, streaming, rates, odd input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "media/decode.h"
#include "media/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct ac_handler_info ac_handler_lipsync_acoustic, ac_handler_lipsync_phoneme;

enum { FPS = 25, RATE = 16000, MAX_POSES = 2000 };

static const struct ac_mouth rest;

struct poses {
    struct ac_sink sink;
    struct ac_pose pose[MAX_POSES];
    size_t n;
    struct ac_cancel *cancel_at_first; /* triggered by the first pose */
};

static int keep(struct ac_sink *sink, struct ac_frame *f)
{
    struct poses *p = (struct poses *)sink;

    assert_int_equal(f->type, AC_FRAME_POSE);
    assert_true(p->n < MAX_POSES);
    p->pose[p->n++] = f->pose;
    ac_frame_unref(f);
    if (p->cancel_at_first)
        ac_cancel_trigger(p->cancel_at_first);
    return 0;
}

static struct poses *new_poses(void)
{
    struct poses *p = ac_zalloc(sizeof *p);

    p->sink.push = keep;
    return p;
}

struct engine {
    struct ac_env env;
    double strength;
    void *model, *inst;
};

static const struct ac_handler_info *const acoustic = &ac_handler_lipsync_acoustic;

static void engine_open(struct engine *e, int fps)
{
    static const char *const dirs[] = {NULL};

    *e = (struct engine){.env = {.data_dirs = dirs, .prefs = {.fps = fps}}, .strength = 1};
    assert_int_equal(acoustic->cfg_size, sizeof e->strength);
    e->model = ac_zalloc(acoustic->model_size);
    e->inst = ac_zalloc(acoustic->inst_size);
    assert_int_equal(acoustic->model_open(e->model, &e->strength, &e->env), 0);
    assert_int_equal(acoustic->open(e->inst, e->model, &e->strength, &e->env), 0);
}

static void engine_close(struct engine *e)
{
    acoustic->close(e->inst);
    acoustic->model_close(e->model);
    free(e->inst);
    free(e->model);
}

static struct ac_frame *new_speech(const int16_t *pcm, size_t at, size_t n, int rate_hz, bool last)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);

    f->turn = 7;
    f->speech = (struct ac_speech){.rate_hz = rate_hz,
                                   .start_sample = (int64_t)at,
                                   .n_samples = n,
                                   .last = last,
                                   .emotion = AC_EMOTION_HAPPY};
    f->speech.pcm = ac_alloc((n + 1) * sizeof *pcm);
    if (n)
        memcpy(f->speech.pcm, pcm + at, n * sizeof *pcm);
    return f;
}

static int give(struct engine *e, const int16_t *pcm, size_t at, size_t n, int rate_hz, bool last,
                struct poses *out)
{
    struct ac_frame *f = new_speech(pcm, at, n, rate_hz, last);
    int err = acoustic->process(e->inst, f, &out->sink, NULL);

    ac_frame_unref(f);
    return err;
}

/* A sentence in pieces, its end told by the last of them or (ends false) by NULL. The caller's. */
static struct poses *run(struct engine *e, const int16_t *pcm, size_t n, int rate_hz, size_t piece, bool ends)
{
    struct poses *out = new_poses();

    for (size_t at = 0; at < n; at += piece) {
        size_t k = n - at < piece ? n - at : piece;
        assert_int_equal(give(e, pcm, at, k, rate_hz, ends && at + k == n, out), 0);
    }
    if (!ends)
        assert_int_equal(acoustic->process(e->inst, NULL, &out->sink, NULL), 0);
    assert_int_equal(out->n, (n * (size_t)e->env.prefs.fps + (size_t)rate_hz - 1) / (size_t)rate_hz);
    return out;
}

static void assert_same(const struct poses *a, const struct poses *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t k = 0; k < a->n; k++) {
        assert_memory_equal(&a->pose[k].mouth, &b->pose[k].mouth, sizeof rest);
        assert_true(a->pose[k].energy == b->pose[k].energy && a->pose[k].stress == b->pose[k].stress);
    }
}

/* Every value is in its range, and the sentence ends at rest. */
static void assert_sane(const struct poses *p)
{
    for (size_t k = 0; k < p->n; k++) {
        const struct ac_mouth *m = &p->pose[k].mouth;
        const float *v = (const float *)m;
        for (size_t i = 0; i < sizeof *m / sizeof *v; i++)
            assert_true(isfinite(v[i]) && v[i] <= 1 && v[i] >= (&v[i] == &m->width ? -1 : 0));
        assert_true(p->pose[k].stress >= 0 && p->pose[k].stress <= 1);
        assert_true(p->pose[k].energy >= 0 && p->pose[k].energy <= 1);
        assert_true(p->pose[k].speaking);
    }
    assert_memory_equal(&p->pose[p->n - 1].mouth, &rest, sizeof rest);
}

static struct ac_pcm jfk(void)
{
    struct ac_pcm pcm = {0};

    assert_int_equal(ac_decode_file("test/data/jfk.wav", 60, &pcm, NULL), 0);
    return pcm;
}

static struct ac_str at_rate(const int16_t *pcm, size_t n, int rate_hz)
{
    struct ac_resampler *r;
    struct ac_str out = {0};

    assert_int_equal(ac_resampler_open(&r, RATE, rate_hz), 0);
    assert_int_equal(ac_resampler_run(r, pcm, n, &out), 0);
    assert_int_equal(ac_resampler_run(r, NULL, 0, &out), 0);
    ac_resampler_close(r);
    return out;
}

/* ---- real speech ---- */

static float most(const struct poses *p, size_t offset, double from_s, double to_s)
{
    float value = 0;

    for (size_t k = (size_t)(from_s * FPS); k < (size_t)(to_s * FPS) && k < p->n; k++)
        value = fmaxf(value, *(const float *)(const void *)((const char *)&p->pose[k].mouth + offset));
    return value;
}
#define MOST(p, field, from, to) most(p, offsetof(struct ac_mouth, field), from, to)

/* "And so, my fellow Americans, ask not what your country can do for you": what the spectrogram shows. */
static void test_real_speech(void **state)
{
    static const double pauses[][2] = {{2.6, 3.16}, {4.76, 5.28}, {7.88, 8.04}};
    static const double vowels[][2] = {{0.34, 0.5},  {1.04, 1.2},  {3.3, 3.6},
                                       {4.04, 4.24}, {5.68, 5.84}, {8.24, 8.44}};
    struct ac_pcm pcm = jfk();
    struct engine e;

    (void)state;
    engine_open(&e, FPS);
    struct poses *p = run(&e, pcm.samples, pcm.n, RATE, 1600, true);
    assert_sane(p);
    assert_true(MOST(p, press, 0.92, 1.04) > 0.9f); /* m of "my" */
    assert_true(MOST(p, press, 1.64, 1.76) > 0.9f); /* m of "Americans" */
    for (size_t i = 0; i < sizeof vowels / sizeof *vowels; i++) {
        assert_true(MOST(p, jaw, vowels[i][0], vowels[i][1]) > 0.3f);
        assert_true(MOST(p, press, vowels[i][0] + 0.06, vowels[i][1] - 0.04) < 0.1f);
    }
    assert_true(MOST(p, round, 6.76, 6.92) > 0.5f); /* "do" */
    assert_true(MOST(p, round, 7.32, 7.5) > 0.5f);  /* "you" */
    assert_true(MOST(p, round, 3.3, 3.6) < 0.2f);   /* "ask" */
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++)
        for (size_t k = (size_t)(pauses[i][0] * FPS); k < (size_t)(pauses[i][1] * FPS); k++)
            assert_memory_equal(&p->pose[k].mouth, &rest, sizeof rest);
    assert_int_equal(p->pose[10].emotion, AC_EMOTION_HAPPY);
    assert_float_equal(p->pose[20].energy, 1, 0.3); /* "so" */
    free(p);
    engine_close(&e);
    free(pcm.samples);
}

/* ---- streaming ---- */

static void test_pieces(void **state)
{
    static const size_t pieces[] = {1, 7, 160, 641, 16000};
    static const int rates[] = {16000, 22050, 24000};
    struct ac_pcm pcm = jfk();
    struct engine e;

    (void)state;
    engine_open(&e, FPS);
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        struct ac_str s = at_rate(pcm.samples, 2 * RATE + 321, rates[r]);
        const int16_t *sound = (const int16_t *)(const void *)s.p;
        size_t n = s.len / sizeof *sound;
        struct poses *whole = run(&e, sound, n, rates[r], n, true);
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            struct poses *out = run(&e, sound, n, rates[r], pieces[i], i % 2);
            assert_same(out, whole);
            free(out);
        }
        free(whole);
        ac_str_free(&s);
    }
    engine_close(&e);
    free(pcm.samples);
}

/* A pose leaves at most 120 ms of sound after its time. */
static void test_look_ahead(void **state)
{
    static const int rates[] = {8000, 16000, 24000, 48000}, fps[] = {25, 30, 60, 100};
    static int16_t sound[48000];
    struct engine e;

    (void)state;
    for (size_t k = 0; k < sizeof sound / sizeof *sound; k++)
        sound[k] = (int16_t)(k * 7919 % 4001 - 2000);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct poses *out = new_poses();
        size_t piece = (size_t)rates[i] / 200;
        engine_open(&e, fps[i]);
        for (size_t at = 0; at + piece <= (size_t)rates[i]; at += piece) {
            assert_int_equal(give(&e, sound, at, piece, rates[i], false, out), 0);
            double heard_s = (double)(at + piece) / rates[i], next_s = ((double)out->n + 0.5) / fps[i];
            assert_true(heard_s - next_s < 0.12);
        }
        assert_true(out->n > 0);
        free(out);
        engine_close(&e);
    }
}

/* The same speech at other rates moves the mouth alike; a sentence may change its rate at a piece. */
static void test_rates(void **state)
{
    static const int rates[] = {8000, 22050, 24000, 44100, 48000};
    struct ac_pcm pcm = jfk();
    struct engine e;
    size_t n = 5 * RATE;

    (void)state;
    engine_open(&e, FPS);
    struct poses *base = run(&e, pcm.samples, n, RATE, 1600, true);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct ac_str s = at_rate(pcm.samples, n, rates[i]);
        const int16_t *sound = (const int16_t *)(const void *)s.p;
        size_t half = (size_t)rates[i] * 2, end = s.len / sizeof *sound;
        struct poses *out = run(&e, sound, end, rates[i], 4800, true), *mixed = new_poses();
        assert_int_equal(give(&e, pcm.samples, 0, (size_t)2 * RATE, RATE, false, mixed), 0);
        assert_int_equal(give(&e, sound, half, end - half, rates[i], true, mixed), 0);
        assert_int_equal(mixed->n, base->n);
        double wrong = 0, wrong_mixed = 0;
        for (size_t k = 0; k < base->n; k++) {
            wrong += fabsf(out->pose[k].mouth.jaw - base->pose[k].mouth.jaw) / (double)base->n;
            wrong_mixed += fabsf(mixed->pose[k].mouth.jaw - base->pose[k].mouth.jaw) / (double)base->n;
        }
        print_message("%d Hz: jaw differs by %.4f, mixed %.4f\n", rates[i], wrong, wrong_mixed);
        assert_true(wrong < (rates[i] < RATE ? 0.05 : 0.01));
        assert_true(wrong_mixed < (rates[i] < RATE ? 0.05 : 0.01));
        free(out);
        free(mixed);
        ac_str_free(&s);
    }
    free(base);
    engine_close(&e);
    free(pcm.samples);
}

static void test_frame_rates(void **state)
{
    static const int fps[] = {5, 12, 24, 30, 60, 120};
    struct ac_pcm pcm = jfk();
    struct engine e;

    (void)state;
    for (size_t i = 0; i < sizeof fps / sizeof *fps; i++) {
        engine_open(&e, fps[i]);
        struct poses *p = run(&e, pcm.samples, 3 * RATE, RATE, 1000, true), *whole;
        assert_sane(p);
        whole = run(&e, pcm.samples, 3 * RATE, RATE, 3 * RATE, false);
        assert_same(p, whole);
        float press = 0;
        for (int k = fps[i] * 92 / 100; k <= fps[i] * 104 / 100; k++)
            press = fmaxf(press, p->pose[k].mouth.press);
        assert_true(fps[i] < 24 || press > 0.8f); /* the m of "my" does not fall between poses */
        free(p);
        free(whole);
        engine_close(&e);
    }
    free(pcm.samples);
}

/* ---- odd input ---- */

static void test_silence(void **state)
{
    static int16_t zeros[3 * RATE], hiss[3 * RATE];
    struct engine e;
    uint32_t seed = 1;

    (void)state;
    for (size_t k = 0; k < sizeof hiss / sizeof *hiss; k++) {
        seed = seed * 1664525 + 1013904223;
        hiss[k] = (int16_t)((int)(seed >> 28) - 8); /* a quiet room: -76 dB */
    }
    engine_open(&e, FPS);
    struct poses *p = run(&e, zeros, 3 * RATE, RATE, 1600, true);
    for (size_t k = 0; k < p->n; k++) {
        assert_memory_equal(&p->pose[k].mouth, &rest, sizeof rest);
        assert_true(p->pose[k].energy == 0 && p->pose[k].stress == 0);
    }
    free(p);
    p = run(&e, hiss, 3 * RATE, RATE, 1600, true);
    for (size_t k = 0; k < p->n; k++)
        assert_memory_equal(&p->pose[k].mouth, &rest, sizeof rest);
    free(p);
    engine_close(&e);
}

static void test_odd_sound(void **state)
{
    static int16_t sound[2 * RATE];
    struct ac_pcm pcm = jfk();
    struct engine e;
    uint32_t seed = 1;

    (void)state;
    engine_open(&e, FPS);
    for (int kind = 0; kind < 5; kind++) {
        for (size_t k = 0; k < sizeof sound / sizeof *sound; k++) {
            seed = seed * 1664525 + 1013904223;
            int noise = (int)(seed >> 16) - 32768, loud = 40 * pcm.samples[k];
            sound[k] = (int16_t)(kind == 0   ? noise
                                 : kind == 1 ? (k / 40 % 2 ? 32767 : -32768)
                                 : kind == 2 ? 32767
                                 : kind == 3 ? (loud > 32767    ? 32767
                                                : loud < -32768 ? -32768
                                                                : loud)
                                             : (k == RATE ? 32767 : 0));
        }
        struct poses *p = run(&e, sound, 2 * RATE, RATE, 1600, true);
        assert_sane(p);
        if (kind == 3) /* speech that is cut off hard is still speech */
            assert_true(MOST(p, jaw, 1.04, 1.2) > 0.2f);
        free(p);
    }
    engine_close(&e);
    free(pcm.samples);
}

static void test_short(void **state)
{
    static const size_t lengths[] = {1, 3, 100, 319, 320, 639, 641, 1000, 2000};
    static const int rates[] = {8000, 16000, 48000};
    struct ac_pcm pcm = jfk();
    struct poses none = {.sink = {keep}};
    struct engine e;

    (void)state;
    engine_open(&e, FPS);
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            struct poses *p = run(&e, pcm.samples + RATE, lengths[i], rates[r], 1000, i % 2);
            assert_sane(p);
            free(p);
        }
    }
    /* nothing at all, with an end or without */
    assert_int_equal(give(&e, pcm.samples, 0, 0, 0, true, &none), 0);
    assert_int_equal(acoustic->process(e.inst, NULL, &none.sink, NULL), 0);
    assert_int_equal(acoustic->process(e.inst, NULL, &none.sink, NULL), 0);
    assert_int_equal(none.n, 0);
    engine_close(&e);
    free(pcm.samples);
}

/* A sentence is untouched by the one before it, whole, interrupted or cancelled. */
static void test_again(void **state)
{
    struct ac_pcm pcm = jfk();
    struct ac_cancel *c = ac_cancel_new(NULL);
    struct poses *broken = new_poses();
    struct engine e;

    (void)state;
    engine_open(&e, FPS);
    struct poses *first = run(&e, pcm.samples, 2 * RATE, RATE, 1600, true);
    struct poses *second = run(&e, pcm.samples, 2 * RATE, RATE, 1600, false);
    assert_same(first, second);
    free(second);
    assert_int_equal(give(&e, pcm.samples + RATE, 0, RATE, 24000, false, broken), 0);
    assert_true(broken->n > 0);
    acoustic->reset(e.inst);
    second = run(&e, pcm.samples, 2 * RATE, RATE, 1600, true);
    assert_same(first, second);
    free(second);
    broken->n = 0;
    broken->cancel_at_first = c;
    struct ac_frame *f = new_speech(pcm.samples, 0, 2 * RATE, RATE, true);
    assert_int_equal(acoustic->process(e.inst, f, &broken->sink, c), AC_ECANCELED);
    assert_in_range(broken->n, 1, 2);
    ac_frame_unref(f);
    acoustic->reset(e.inst);
    second = run(&e, pcm.samples, 2 * RATE, RATE, 1600, true);
    assert_same(first, second);
    free(first);
    free(second);
    free(broken);
    engine_close(&e);
    ac_cancel_unref(c);
    free(pcm.samples);
}

static int refuse(struct ac_sink *sink, struct ac_frame *f)
{
    (void)sink;
    ac_frame_unref(f);
    return AC_EFULL;
}

static void test_errors(void **state)
{
    static const int bad[] = {-1, 0, 3999, 192001};
    struct ac_pcm pcm = jfk();
    struct ac_sink full = {refuse};
    struct poses *out = new_poses();
    struct engine e;

    (void)state;
    engine_open(&e, FPS);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(give(&e, pcm.samples, 0, 100, bad[i], false, out), AC_EINVAL);
        assert_non_null(strstr(e.env.reason, "4000 to 192000"));
    }
    struct ac_frame *f = new_speech(pcm.samples, 0, RATE, RATE, false);
    assert_int_equal(acoustic->process(e.inst, f, &full, NULL), AC_EFULL);
    /* what sends it here: phoneme does not take speech without phonemes, and says so */
    e.env.prefs.fps = FPS;
    void *inst = ac_zalloc(ac_handler_lipsync_phoneme.inst_size);
    assert_int_equal(ac_handler_lipsync_phoneme.open(inst, NULL, &e.strength, &e.env), 0);
    assert_int_equal(ac_handler_lipsync_phoneme.process(inst, f, &out->sink, NULL), AC_ENOTSUP);
    ac_handler_lipsync_phoneme.close(inst);
    free(inst);
    ac_frame_unref(f);
    engine_close(&e);
    for (int fps = 4; fps <= 121; fps += 117) {
        e.env.prefs.fps = fps;
        e.inst = ac_zalloc(acoustic->inst_size);
        assert_int_equal(acoustic->open(e.inst, NULL, &e.strength, &e.env), AC_EINVAL);
        acoustic->close(e.inst);
        free(e.inst);
    }
    assert_int_equal(out->n, 0);
    free(out);
    free(pcm.samples);
}

static void test_strength(void **state)
{
    struct ac_pcm pcm = jfk();
    struct engine e;

    (void)state;
    engine_open(&e, FPS);
    struct poses *natural = run(&e, pcm.samples, 2 * RATE, RATE, 1600, true);
    e.strength = 0.5;
    acoustic->close(e.inst);
    memset(e.inst, 0, acoustic->inst_size);
    assert_int_equal(acoustic->open(e.inst, e.model, &e.strength, &e.env), 0);
    struct poses *little = run(&e, pcm.samples, 2 * RATE, RATE, 1600, true);
    for (size_t k = 0; k < natural->n; k++) {
        assert_true(little->pose[k].mouth.press == natural->pose[k].mouth.press);
        if (natural->pose[k].mouth.jaw < 1)
            assert_float_equal(little->pose[k].mouth.jaw, natural->pose[k].mouth.jaw / 2, 1e-5);
    }
    free(natural);
    free(little);
    engine_close(&e);
    free(pcm.samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {

        cmocka_unit_test(test_real_speech), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_look_ahead),  cmocka_unit_test(test_rates),
        cmocka_unit_test(test_frame_rates), cmocka_unit_test(test_silence),
        cmocka_unit_test(test_odd_sound),   cmocka_unit_test(test_short),
        cmocka_unit_test(test_again),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_strength),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
