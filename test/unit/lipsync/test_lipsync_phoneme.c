/* Lip sync from phonemes: closures, silence, rest, coarticulation, streaming in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "lipsync/mouth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct ac_handler_info ac_handler_lipsync_phoneme;

enum { FPS = 25, RATE = 16000, MAX_POSES = 600 };

/* One phoneme a letter, for readable tests. Lengths in ms follow in `ms`. */
static size_t spell(const char *letters, const int *ms, struct ac_phone *out)
{
    static const struct {
        char letter;
        enum ac_viseme viseme;
        float open, round;
    } table[] = {{'_', AC_VIS_SIL, 0, 0},    {'m', AC_VIS_PP, 0, 0},  {'p', AC_VIS_PP, 0, 0},
                 {'f', AC_VIS_FF, 0, 0},     {'s', AC_VIS_SS, 0, 0},  {'t', AC_VIS_DD, 0, 0},
                 {'k', AC_VIS_KK, 0, 0},     {'a', AC_VIS_AA, 1, 0},  {'i', AC_VIS_IH, 0.1f, 0},
                 {'u', AC_VIS_OU, 0.15f, 1}, {'e', AC_VIS_E, 0.5f, 0}};
    int64_t t = 0;
    size_t n = strlen(letters);

    for (size_t i = 0; i < n; i++) {
        struct ac_phone *p = &out[i];
        memset(p, 0, sizeof *p);
        for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
            if (table[k].letter == letters[i]) {
                p->viseme = table[k].viseme;
                p->openness = table[k].open;
                p->rounding = table[k].round;
            }
        }
        p->name[0] = letters[i];
        p->stressed = strchr("ae", letters[i]) != NULL;
        p->start_us = (int32_t)t;
        t += ms[i] * 1000;
        p->end_us = (int32_t)t;
    }
    return n;
}

struct poses {
    struct ac_sink sink;
    struct ac_pose pose[MAX_POSES];
    size_t n;
};

static int keep(struct ac_sink *sink, struct ac_frame *f)
{
    struct poses *p = (struct poses *)sink;

    assert_int_equal(f->type, AC_FRAME_POSE);
    assert_true(p->n < MAX_POSES);
    p->pose[p->n++] = f->pose;
    ac_frame_unref(f);
    return 0;
}

struct engine {
    struct ac_env env;
    void *cfg, *inst;
};

static void engine_open(struct engine *e, int fps)
{
    static const char *const dirs[] = {NULL};
    double strength = 1;

    memset(e, 0, sizeof *e);
    e->env.data_dirs = dirs;
    e->env.prefs.fps = fps;
    assert_int_equal(ac_handler_lipsync_phoneme.cfg_size, sizeof strength);
    e->cfg = ac_zalloc(sizeof strength);
    memcpy(e->cfg, &strength, sizeof strength);
    e->inst = ac_zalloc(ac_handler_lipsync_phoneme.inst_size);
    assert_int_equal(ac_handler_lipsync_phoneme.open(e->inst, NULL, e->cfg, &e->env), 0);
}

static void engine_close(struct engine *e)
{
    ac_handler_lipsync_phoneme.close(e->inst);
    free(e->inst);
    free(e->cfg);
}

/* Feeds a sentence of a constant tone in pieces of `piece` samples and keeps the poses. */
static void run(struct engine *e, const struct ac_phone *phones, size_t n, size_t piece, struct poses *out)
{
    struct ac_cancel *c = ac_cancel_new(NULL);
    size_t total = (size_t)phones[n - 1].end_us * RATE / 1000000;

    memset(out, 0, sizeof *out);
    out->sink.push = keep;
    for (size_t at = 0; at < total; at += piece) {
        struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
        struct ac_speech *sp = &f->speech;
        sp->rate_hz = RATE;
        sp->start_sample = (int64_t)at;
        sp->n_samples = total - at < piece ? total - at : piece;
        sp->pcm = ac_alloc(sp->n_samples * sizeof *sp->pcm);
        for (size_t i = 0; i < sp->n_samples; i++)
            sp->pcm[i] = (int16_t)(6000 * sin(0.1 * (double)(at + i)));
        sp->phones_known = true;
        if (!at) {
            sp->phones = ac_alloc(n * sizeof *sp->phones);
            memcpy(sp->phones, phones, n * sizeof *sp->phones);
            sp->n_phones = n;
        }
        assert_int_equal(ac_handler_lipsync_phoneme.process(e->inst, f, &out->sink, c), 0);
        /* what has been heard is out, except where a phoneme to come might still change it */
        size_t heard = (at + sp->n_samples) * FPS / RATE, sure = 0;
        while ((2 * sure + 1) * 500000 / FPS + AC_MOUTH_REACH_US <= (size_t)phones[n - 1].end_us)
            sure++;
        assert_int_equal(out->n, heard < sure ? heard : sure);
        ac_frame_unref(f);
    }
    assert_int_equal(ac_handler_lipsync_phoneme.process(e->inst, NULL, &out->sink, c), 0);
    assert_int_equal(out->n, (total * FPS + RATE - 1) / RATE);
    ac_cancel_unref(c);
}

static const struct ac_mouth *at_ms(const struct poses *p, int ms)
{
    return &p->pose[ms * FPS / 1000].mouth;
}

static void test_closures(void **state)
{
    /*                      _   m    a    m   a    p   a    p   a    _ */
    static const int ms[] = {60, 80, 140, 70, 140, 60, 140, 30, 140, 120};
    struct ac_phone ph[16];
    struct poses out;
    struct engine e;
    size_t n = spell("_mamapapa_", ms, ph);

    (void)state;
    engine_open(&e, FPS);
    run(&e, ph, n, 1600, &out);
    for (size_t i = 0; i < n; i++) {
        const struct ac_mouth *m = at_ms(&out, (ph[i].start_us + ph[i].end_us) / 2000);
        if (ph[i].viseme == AC_VIS_PP) {
            assert_true(m->press >= 0.95f);
            assert_true(m->jaw <= 0.06f);
            assert_true(m->upper == 0 && m->lower == 0);
        } else if (ph[i].viseme == AC_VIS_AA) {
            assert_true(m->jaw >= 0.35f);
            assert_true(m->press <= 0.1f);
        }
    }
    engine_close(&e);
}

static void test_bite_and_teeth(void **state)
{
    static const int ms[] = {50, 90, 150, 110, 120, 140};
    struct ac_phone ph[8];
    struct poses out;
    struct engine e;
    size_t n = spell("_fasi_", ms, ph);

    (void)state;
    engine_open(&e, FPS);
    run(&e, ph, n, 4000, &out);
    assert_true(at_ms(&out, 95)->bite >= 0.95f);
    assert_true(at_ms(&out, 95)->press < 0.2f);
    assert_true(at_ms(&out, 345)->teeth > 0.6f); /* s: teeth nearly closed */
    assert_true(at_ms(&out, 345)->jaw < 0.3f);
    assert_true(at_ms(&out, 460)->width > 0.2f); /* i: spread */
    engine_close(&e);
}

static void test_silence(void **state)
{
    static const int ms[] = {200, 160, 400, 160, 200};
    static const struct ac_mouth rest;
    struct ac_phone ph[8];
    struct poses out;
    struct engine e;
    size_t n = spell("_a_a_", ms, ph);

    (void)state;
    engine_open(&e, FPS);
    run(&e, ph, n, 777, &out);
    for (int t = 0; t <= 100; t += 40)
        assert_memory_equal(at_ms(&out, t), &rest, sizeof rest); /* nothing moves before it must */
    for (int t = 360 + 140; t < 760 - 100; t += 40) {
        const float *v = (const float *)at_ms(&out, t);
        for (size_t k = 0; k < sizeof rest / sizeof *v; k++)
            assert_true(fabsf(v[k]) < 0.02f);
    }
    assert_true(at_ms(&out, 280)->jaw > 0.5f);
    assert_true(at_ms(&out, 840)->jaw > 0.5f);
    assert_memory_equal(&out.pose[out.n - 1].mouth, &rest, sizeof rest);
    engine_close(&e);
}

/* One mouth of a track that lasts to the end of its last phone. */
static struct ac_mouth mouth_at(const struct ac_phone *ph, size_t n, int64_t t_us)
{
    struct ac_mouth_track track = {.phones = ph,
                                   .n = n,
                                   .complete = true,
                                   .rest_us = ph[n - 1].end_us,
                                   .frame_us = 40000,
                                   .strength = 1};
    struct ac_mouth m;

    ac_mouth_at(&track, 0, t_us, 0.5f, &m);
    return m;
}

/* The formula of docs/lipsync.md, worked out by hand for a point between two vowels. */
static void test_dominance(void **state)
{
    static const int ms[] = {400, 120, 400, 200};
    struct ac_phone ph[4];
    size_t n = spell("aka_", ms, ph);
    /* 460 ms: the middle of k, whose full part is 430 … 490; the full part of the first a ends at 300 and
     * that of the second begins at 620: 160 ms away on either side. Jaw: a 0.85 (strength 1), k 0.22 (0.3),
     * decay 40 ms; energy 0.5 scales by 0.7 + 0.35 / 2. */
    double far = exp(-160.0 / 40) * pow(1 - 160.0 / 250, 2);
    double jaw = (0.3 * 0.22 + 2 * far * 0.85) / (0.3 + 2 * far) * 0.875;
    /* round: a 0 … k 0; width: a 0.15 (0.9; after 55, ahead 70 ms), k 0.05 (0.1) */
    double back = 0.9 * exp(-160.0 / 55) * pow(1 - 160.0 / 250, 2);
    double ahead = 0.9 * exp(-160.0 / 70) * pow(1 - 160.0 / 250, 2);
    double width = (0.1 * 0.05 + (back + ahead) * 0.15) / (0.1 + back + ahead);

    (void)state;
    struct ac_mouth m = mouth_at(ph, n, 460000);
    assert_float_equal(m.jaw, jaw, 1e-3);
    assert_float_equal(m.width, width, 1e-3);
}

/* Lips round for a u before it begins, more and more. */
static void test_anticipation(void **state)
{
    static const int ms[] = {120, 90, 90, 200, 140};
    struct ac_phone ph[8];
    size_t n = spell("_ktu_", ms, ph);

    (void)state;
    float before = mouth_at(ph, n, 140000).round, near = mouth_at(ph, n, 260000).round;
    assert_true(near > before + 0.05f);
    assert_true(near > 0.2f);
    assert_true(mouth_at(ph, n, 380000).round > 0.85f);
}

/* No parameter moves faster than a bound, but for lips that close or open again. */
static void test_steps(void **state)
{
    static const int ms[] = {40, 50, 60, 40, 60, 40, 60, 60, 60, 50, 60, 40, 60, 60, 150};
    struct ac_phone ph[16];
    size_t n = spell("_kasauifemakip_", ms, ph);
    struct ac_mouth last = mouth_at(ph, n, 20000);

    (void)state;
    for (int64_t t = 60000; t < ph[n - 1].end_us; t += 40000) {
        struct ac_mouth m = mouth_at(ph, n, t);
        const float *a = (const float *)&last, *b = (const float *)&m;
        bool closure = m.press > 0.3f || m.bite > 0.3f || last.press > 0.3f || last.bite > 0.3f;
        for (size_t k = 0; k < sizeof m / sizeof *a; k++) {
            assert_true(isfinite(b[k]) && b[k] >= -1 && b[k] <= 1);
            if (!closure)
                assert_true(fabsf(b[k] - a[k]) <= 0.65f);
        }
        last = m;
    }
}

static void test_strength(void **state)
{
    static const int ms[] = {200, 200};
    struct ac_phone ph[2];
    struct ac_mouth m[2];
    size_t n = spell("a_", ms, ph);
    struct ac_mouth_track track = {
        .phones = ph, .n = n, .complete = true, .rest_us = 400000, .frame_us = 40000, .strength = 1};

    (void)state;
    ac_mouth_at(&track, 0, 100000, 0, &m[0]);
    track.strength = 0.5f;
    ac_mouth_at(&track, 0, 100000, 0, &m[1]);
    assert_float_equal(m[1].jaw, m[0].jaw / 2, 1e-4);
    assert_true(m[0].jaw > 0.4f);
}

/* A sentence in two runs, phonemes of the second coming with its sound, moves as if all had been known. */
static void test_phones_later(void **state)
{
    static const int ms[] = {80, 160, 300, 80, 160, 300};
    static struct poses whole, out;
    struct ac_phone ph[8];
    struct engine e;
    size_t n = spell("mampap", ms, ph), split = 3;
    struct ac_cancel *c = ac_cancel_new(NULL);

    (void)state;
    ph[n - 1].viseme = ph[2].viseme = AC_VIS_SIL;
    engine_open(&e, FPS);
    run(&e, ph, n, 1 << 20, &whole);
    memset(&out, 0, sizeof out);
    out.sink.push = keep;
    for (size_t half = 0; half < 2; half++) {
        struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
        size_t from = half ? (size_t)ph[split].start_us * RATE / 1000000 : 0;
        size_t to = (size_t)(half ? ph[n - 1].end_us : ph[split].start_us) * RATE / 1000000;
        f->speech = (struct ac_speech){.rate_hz = RATE, .phones_known = true, .last = half == 1};
        f->speech.start_sample = (int64_t)from;
        f->speech.n_samples = to - from;
        f->speech.pcm = ac_alloc((to - from) * sizeof(int16_t));
        for (size_t i = from; i < to; i++)
            f->speech.pcm[i - from] = (int16_t)(6000 * sin(0.1 * (double)i));
        f->speech.n_phones = half ? n - split : split;
        f->speech.phones = ac_alloc(f->speech.n_phones * sizeof *ph);
        memcpy(f->speech.phones, ph + (half ? split : 0), f->speech.n_phones * sizeof *ph);
        assert_int_equal(ac_handler_lipsync_phoneme.process(e.inst, f, &out.sink, c), 0);
        ac_frame_unref(f);
    }
    assert_int_equal(out.n, whole.n); /* the last piece is enough, NULL is not waited for */
    for (size_t k = 0; k < out.n; k++)
        assert_memory_equal(&out.pose[k].mouth, &whole.pose[k].mouth, sizeof out.pose[k].mouth);
    /* reset in the middle: the next sentence is untouched by the broken one */
    run(&e, ph, 2, 1600, &out);
    ac_handler_lipsync_phoneme.reset(e.inst);
    run(&e, ph, n, 1600, &out);
    for (size_t k = 0; k < out.n; k++)
        assert_memory_equal(&out.pose[k].mouth, &whole.pose[k].mouth, sizeof out.pose[k].mouth);
    engine_close(&e);
    ac_cancel_unref(c);
}

static void test_pieces(void **state)
{
    static const int ms[] = {60, 80, 140, 70, 140, 90, 140, 30, 140, 120};
    static const size_t pieces[] = {1, 7, 160, 641, 16000};
    static struct poses whole, out;
    struct ac_phone ph[16];
    struct engine e;
    size_t n = spell("_mamifapa_", ms, ph);

    (void)state;
    engine_open(&e, FPS);
    run(&e, ph, n, 1 << 20, &whole);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        run(&e, ph, n, pieces[i], &out);
        assert_int_equal(out.n, whole.n);
        for (size_t k = 0; k < out.n; k++) {
            assert_memory_equal(&out.pose[k].mouth, &whole.pose[k].mouth, 9 * sizeof(float));
            assert_true(out.pose[k].energy == whole.pose[k].energy);
            assert_true(out.pose[k].stress == whole.pose[k].stress);
        }
    }
    engine_close(&e);
}

static void test_stress_and_energy(void **state)
{
    static const int ms[] = {80, 160, 80, 160, 200};
    struct ac_phone ph[8];
    struct poses out;
    struct engine e;
    size_t n = spell("_eki_", ms, ph);

    (void)state;
    engine_open(&e, FPS);
    run(&e, ph, n, 1600, &out);
    assert_true(out.pose[4].stress > 0.95f); /* 180 ms: in the stressed e */
    assert_true(out.pose[10].stress < 0.1f);
    assert_float_equal(out.pose[5].energy, (10 * log10(6000.0 * 6000 / 2 / 32768 / 32768) + 45) / 33, 0.02);
    engine_close(&e);
}

static void test_errors(void **state)
{
    struct engine e;
    struct poses out = {.sink = {keep}};
    struct ac_cancel *c = ac_cancel_new(NULL);
    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);

    (void)state;
    engine_open(&e, 30);
    f->speech.rate_hz = RATE;
    assert_int_equal(ac_handler_lipsync_phoneme.process(e.inst, f, &out.sink, c), AC_ENOTSUP);
    f->speech.phones_known = true;
    f->speech.rate_hz = 0;
    f->speech.n_samples = 1;
    f->speech.pcm = ac_zalloc(2);
    assert_int_equal(ac_handler_lipsync_phoneme.process(e.inst, f, &out.sink, c), AC_EINVAL);
    ac_handler_lipsync_phoneme.reset(e.inst);
    /* interrupted: no pose comes */
    static const int ms[] = {400};
    struct ac_phone ph[1];
    size_t n = spell("a", ms, ph);
    ac_cancel_trigger(c);
    struct ac_frame *g = ac_frame_new(AC_FRAME_SPEECH);
    g->speech = (struct ac_speech){.rate_hz = RATE, .phones_known = true, .n_samples = 6400};
    g->speech.pcm = ac_zalloc(6400 * sizeof(int16_t));
    g->speech.phones = ac_alloc(sizeof *ph);
    memcpy(g->speech.phones, ph, sizeof *ph);
    g->speech.n_phones = n;
    assert_int_equal(ac_handler_lipsync_phoneme.process(e.inst, g, &out.sink, c), AC_ECANCELED);
    assert_int_equal(out.n, 0);
    ac_frame_unref(f);
    ac_frame_unref(g);
    engine_close(&e);
    ac_cancel_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closures),     cmocka_unit_test(test_bite_and_teeth),
        cmocka_unit_test(test_silence),      cmocka_unit_test(test_dominance),
        cmocka_unit_test(test_anticipation), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_pieces),       cmocka_unit_test(test_stress_and_energy),
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_strength),
        cmocka_unit_test(test_phones_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
