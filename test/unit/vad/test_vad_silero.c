/* Silero on ONNX Runtime against an independent computation of the same network; streaming; faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "../infer/tiny_onnx.h"
#include "vad_world.h"

extern const struct ac_handler_info ac_handler_vad_silero;

static char model_path[] = "models/silero_vad_v6.onnx";
static struct {
    char *model;
} cfg = {model_path};

static int16_t *clip;
static size_t clip_n;

static int setup(void **state)
{
    (void)state;
    clip = read_wav("test/data/jfk.wav", &clip_n);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(clip);
    return 0;
}

static void open_silero(struct engine *e)
{
    if (engine_open(e, &ac_handler_vad_silero, &cfg) != 0)
        fail_msg("%s", e->env.reason);
}

/* Written by tools/vad_reference.py, in double precision and without ONNX Runtime. */
static void test_reference(void **state)
{
    static struct voices v;
    struct engine e;
    FILE *f = fopen("test/data/vad/silero_jfk.txt", "r");
    double want, worst = 0;
    size_t n = 0;

    (void)state;
    assert_non_null(f);
    open_silero(&e);
    hear(&e, clip, clip_n, 1600, &v);
    for (; fscanf(f, "%lf", &want) == 1; n++) {
        assert_true(n < v.n);
        worst = fmax(worst, fabs(want - (double)v.p[n]));
    }
    assert_int_equal(n, v.n);
    print_message("largest difference of %zu windows: %.2g\n", n, worst);
    assert_true(worst < 1e-3);
    fclose(f);
    engine_close(&e);
}

/* However the stream is cut, and again after its end or a reset, the answers are the same. */
static void test_pieces(void **state)
{
    static const size_t pieces[] = {1, 37, 160, 512, 513, 4096, SIZE_MAX / 2};
    static struct voices whole, v;
    struct engine e;

    (void)state;
    open_silero(&e);
    hear(&e, clip, clip_n, 1600, &whole);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        hear(&e, clip, clip_n, pieces[i], &v);
        assert_int_equal(v.n, whole.n);
        assert_memory_equal(v.p, whole.p, whole.n * sizeof *whole.p);
        v = (struct voices){.sink = {keep}};
        assert_int_equal(feed(&e, e.inst, clip + 30000, 1000, 0, &v, NULL), 0);
        e.info->reset(e.inst);
    }
    engine_close(&e);
}

/* Two sessions share the weights and nothing else. */
static void test_sessions(void **state)
{
    static struct voices whole, v[2];
    struct engine e;
    enum { PIECE = 700 };

    (void)state;
    open_silero(&e);
    void *other = ac_zalloc(e.info->inst_size);
    assert_int_equal(e.info->open(other, e.model, &cfg, &e.env), 0);
    hear(&e, clip, clip_n, PIECE, &whole);
    v[0] = v[1] = (struct voices){.sink = {keep}};
    for (size_t at = 0; at + PIECE <= clip_n; at += PIECE) {
        assert_int_equal(feed(&e, e.inst, clip + at, PIECE, (int64_t)at, &v[0], NULL), 0);
        assert_int_equal(feed(&e, other, clip + clip_n - PIECE - at, PIECE, (int64_t)at, &v[1], NULL), 0);
    }
    assert_memory_equal(v[0].p, whole.p, v[0].n * sizeof *whole.p);
    assert_memory_not_equal(v[1].p, whole.p, v[0].n * sizeof *whole.p);
    free(other);
    engine_close(&e);
}

static void test_faults(void **state)
{
    static struct voices v;
    struct engine e;
    struct ac_cancel *c = ac_cancel_new(NULL);

    (void)state;
    open_silero(&e);
    v = (struct voices){.sink = {keep}};
    assert_int_equal(feed(&e, e.inst, clip, 1000, 0, &v, NULL), 0);
    assert_int_equal(feed(&e, e.inst, clip, 1000, 1001, &v, NULL), AC_EINVAL);
    assert_non_null(strstr(e.env.reason, "gap"));
    ac_cancel_trigger(c);
    assert_int_equal(feed(&e, e.inst, clip, 23, 1000, &v, c), 0);
    assert_int_equal(feed(&e, e.inst, clip, 1, 1023, &v, c), AC_ECANCELED);
    e.info->reset(e.inst);
    hear(&e, clip, 5000, 5000, &v); /* and goes on */
    hear(&e, clip, 0, 1, &v);       /* the end of nothing */
    ac_cancel_unref(c);
    engine_close(&e);
}

/* A stream that does not begin at 0 keeps its numbers. */
static void test_offset(void **state)
{
    static struct voices v;
    struct engine e;

    (void)state;
    open_silero(&e);
    v = (struct voices){.sink = {keep}, .covered = 160000};
    assert_int_equal(feed(&e, e.inst, clip, 1000, 160000, &v, NULL), 0);
    assert_int_equal(e.info->process(e.inst, NULL, &v.sink, NULL), 0);
    assert_int_equal(v.covered, 161000);
    engine_close(&e);
}

static char other_model[] = "/tmp/ac-vad-XXXXXX";

static void write_other_model(void)
{
    struct ac_str graph = {0}, model = {0};
    int fd = mkstemp(other_model);

    tiny_node(&graph, "Identity", "input", "output", NULL, 0);
    tiny_value(&graph, false, "input", TINY_F32, (int64_t[]){1, 576}, 2);
    tiny_value(&graph, true, "output", TINY_F32, (int64_t[]){1, 576}, 2);
    tiny_model(&model, &graph);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, model.p, model.len), model.len);
    close(fd);
    ac_str_free(&model);
}

static void test_model(void **state)
{
    static const struct {
        const char *path, *said;
    } cases[] = {
        {"models/none.onnx", "is missing: run tools/fetch_models.sh"},
        {"test/data/jfk.wav", "is not an ONNX model"},
        {other_model, "is another model than expected"},
    };

    (void)state;
    write_other_model();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct {
            char *model;
        } other = {ac_strdup(cases[i].path)};
        struct engine e;
        assert_int_equal(engine_open(&e, &ac_handler_vad_silero, &other), AC_EMODEL);
        if (!strstr(e.env.reason, cases[i].said))
            fail_msg("%s", e.env.reason);
        engine_close(&e);
        free(other.model);
    }
    unlink(other_model);
}

/* Without any voice there is nothing to hear, however loud. */
static void test_noise(void **state)
{
    static const double levels_db[] = {-200, -60, -40, -20, -6};
    static struct voices v;
    struct engine e;
    size_t n = 10 * RATE;

    (void)state;
    open_silero(&e);
    for (size_t i = 0; i < sizeof levels_db / sizeof *levels_db; i++) {
        int16_t *pcm = ac_zalloc(n * sizeof *pcm);
        float highest = 0;
        add_noise(pcm, n, levels_db[i]);
        hear(&e, pcm, n, 512, &v);
        for (size_t k = 0; k < v.n; k++)
            highest = fmaxf(highest, v.p[k]);
        print_message("white noise of %.0f dB: highest probability %.3f\n", levels_db[i], (double)highest);
        assert_true(highest < 0.3F);
        free(pcm);
    }
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_pieces), cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_faults),    cmocka_unit_test(test_offset), cmocka_unit_test(test_model),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
