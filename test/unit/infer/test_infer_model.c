/* Models: files that are none, what a file says of itself, running, feeding back, cancelling, many threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "infer/infer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tiny_onnx.h"

static char folder[] = "/tmp/ac-infer-XXXXXX";
static char path[64];
static const char *const dirs[] = {".", NULL};
static struct ac_env env = {.data_dirs = dirs, .threads = 2};

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_model(const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* double[n] = x[n] + x[n], next[2] = state[2] + state[2], count = count + count; one = (i32)count */
static void make_adder(struct ac_str *model)
{
    struct ac_str graph = {0};
    const int64_t free_size[] = {-1}, two[] = {2};

    tiny_node(&graph, "Add", "x x", "double", NULL, 0);
    tiny_node(&graph, "Add", "state state", "next", NULL, 0);
    tiny_node(&graph, "Add", "count count", "more", NULL, 0);
    tiny_node(&graph, "Cast", "count", "small", "to", TINY_I32);
    tiny_value(&graph, false, "x", TINY_F32, free_size, 1);
    tiny_value(&graph, false, "state", TINY_F32, two, 1);
    tiny_value(&graph, false, "count", TINY_I64, NULL, 0);
    tiny_value(&graph, true, "double", TINY_F32, free_size, 1);
    tiny_value(&graph, true, "next", TINY_F32, two, 1);
    tiny_value(&graph, true, "more", TINY_I64, NULL, 0);
    tiny_value(&graph, true, "small", TINY_I32, NULL, 0);
    tiny_model(model, &graph);
    tiny_meta(model, "n_mels", "80");
    tiny_meta(model, "name", "adder");
    tiny_meta(model, "huge", "99999999999999999999");
}

static struct ac_infer *open_adder(unsigned flags)
{
    struct ac_str model = {0};
    struct ac_infer *m;

    make_adder(&model);
    write_model(model.p, model.len);
    ac_str_free(&model);
    if (ac_infer_open(&m, path, "make it again", flags, &env) != 0)
        fail_msg("%s", env.reason);
    return m;
}

/* ---- files ---- */

static void refused(const char *what, const char *said)
{
    struct ac_infer *m;

    env.reason[0] = '\0';
    assert_int_equal(ac_infer_open(&m, path, "fetch it again", 0, &env), AC_EMODEL);
    assert_null(m);
    if (!strstr(env.reason, said) || !strstr(env.reason, "fetch it again") || !strstr(env.reason, path))
        fail_msg("%s: %s", what, env.reason);
}

static void test_files(void **state)
{
    static const struct {
        const char *data, *said;
    } cases[] = {
        {"", "is empty"},
        {"<!DOCTYPE html><html><body>404 Not Found</body></html>", "is not an ONNX model"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 2327524\n", "is not an ONNX model"},
        {"\x89PNG\r\n\x1a\n....", "is not an ONNX model"},
        {"\x08", "is not an ONNX model"},
        {"\x08\x08", "it has no graph"},
        {"\x08\x08\x3a\x7f graph", "is cut short"},
    };
    struct ac_str model = {0};

    (void)state;
    unlink(path);
    refused("missing", "is missing");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_model(cases[i].data, strlen(cases[i].data));
        refused(cases[i].said, cases[i].said);
    }
    make_adder(&model);
    write_model(model.p, model.len / 2);
    refused("half of it", "is cut short");
    write_model(model.p, model.len - 3);
    refused("all but the end", "is cut short");
    for (size_t i = 40; i < 120; i++) /* whole from outside, rubbish inside */
        model.p[i] = (char)0xFF;
    write_model(model.p, model.len);
    refused("rubbish inside", "does not load");
    ac_str_free(&model);
}

/* Cut anywhere, or with any byte changed, it is refused or opens; nothing crashes (meant for ASan too). */
static void test_damaged(void **state)
{
    struct ac_str model = {0};
    struct ac_infer *m;

    (void)state;
    make_adder(&model);
    for (size_t n = 0; n < model.len; n += 7) {
        write_model(model.p, n);
        ac_infer_close(ac_infer_open(&m, path, "", 0, &env) == 0 ? m : NULL);
    }
    for (size_t at = 0; at < model.len; at += 5) {
        model.p[at] ^= 0x15;
        write_model(model.p, model.len);
        ac_infer_close(ac_infer_open(&m, path, "", 0, &env) == 0 ? m : NULL);
        model.p[at] ^= 0x15;
    }
    ac_str_free(&model);
}

/* ---- what a file says ---- */

static void test_metadata(void **state)
{
    struct ac_infer *m = open_adder(0);
    int64_t v = 0;
    char *name = ac_infer_meta(m, "name");

    (void)state;
    assert_string_equal(name, "adder");
    free(name);
    assert_null(ac_infer_meta(m, "nothing"));
    assert_int_equal(ac_infer_meta_int(m, "n_mels", 1, 128, &v, &env), 0);
    assert_int_equal(v, 80);
    static const struct {
        const char *key, *said;
    } cases[] = {{"n_mels", "'80', not a number from 100"},
                 {"name", "'adder', not a number"},
                 {"huge", "not a number"},
                 {"nothing", "lack 'nothing'"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ac_infer_meta_int(m, cases[i].key, 100, 128, &v, &env), AC_EMODEL);
        if (!strstr(env.reason, cases[i].said))
            fail_msg("%s: %s", cases[i].key, env.reason);
    }
    ac_infer_close(m);
}

static void test_expect(void **state)
{
    static const struct ac_tensor_info in[] = {
        {"x", AC_TENSOR_F32, 1, {-1}}, {"state", AC_TENSOR_F32, 1, {2}}, {"count", AC_TENSOR_I64, 0, {0}}};
    static const struct {
        struct ac_tensor_info out;
        size_t n_in;
        const char *said;
    } cases[] = {
        {{"more", AC_TENSOR_I64, 0, {0}}, 3, NULL},
        {{"double", AC_TENSOR_F32, 1, {17}}, 3, NULL}, /* the file leaves it open */
        {{"more", AC_TENSOR_I64, 0, {0}}, 2, "it has 3 inputs, not 2"},
        {{"logits", AC_TENSOR_F32, 1, {-1}}, 3, "it has no output 'logits'"},
        {{"more", AC_TENSOR_F32, 0, {0}}, 3, "its output 'more' is i64 with 0 dimensions, not f32 with 0"},
        {{"more", AC_TENSOR_I64, 1, {1}}, 3, "not i64 with 1"},
        {{"next", AC_TENSOR_F32, 1, {3}}, 3, "dimension 0 of its output 'next' is 2, not 3"},
    };
    struct ac_infer *m = open_adder(0);
    struct ac_tensor_info info;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int err = ac_infer_expect(m, in, cases[i].n_in, &cases[i].out, 1, &env);
        assert_int_equal(err, cases[i].said ? AC_EMODEL : 0);
        if (cases[i].said && !strstr(env.reason, cases[i].said))
            fail_msg("%s", env.reason);
    }
    assert_true(ac_infer_find(m, false, "x", &info));
    assert_true(info.type == AC_TENSOR_F32 && info.rank == 1 && info.shape[0] == -1);
    assert_false(ac_infer_find(m, true, "x", &info));
    ac_infer_close(m);
}

/* ---- running ---- */

/* Runs the adder on n values from `first` on and checks the answer. state doubles from run to run. */
static int add_once(struct ac_infer *m, int n, float first, int64_t count, struct ac_tensor *state,
                    struct ac_env *e)
{
    float *x = ac_alloc((size_t)n * sizeof *x + 1);
    struct ac_tensor in[] = {AC_TENSOR("x", AC_TENSOR_F32, x, n),
                             *state,
                             {.name = "count", .type = AC_TENSOR_I64, .data = &count}};
    struct ac_tensor out[] = {{.name = "more"}, {.name = "next"}, {.name = "double"}, {.name = "small"}};
    int wrong = 0;

    for (int i = 0; i < n; i++)
        x[i] = first + (float)i;
    int err = ac_infer_run(m, in, 3, out, 4, NULL, e);
    if (!err) {
        wrong += out[0].type != AC_TENSOR_I64 || out[0].rank != 0 || *(int64_t *)out[0].data != 2 * count;
        wrong += out[2].rank != 1 || out[2].shape[0] != n || ac_tensor_count(&out[2]) != (size_t)n;
        for (int i = 0; !wrong && i < n; i++)
            wrong += ((float *)out[2].data)[i] != 2 * x[i];
        wrong += out[3].type != AC_TENSOR_I32 || *(int32_t *)out[3].data != (int32_t)count;
        ac_tensor_free(state);
        *state = out[1]; /* fed back without a copy */
        state->name = "state";
    }
    ac_tensor_free(&out[0]);
    ac_tensor_free(&out[2]);
    ac_tensor_free(&out[3]);
    free(x);
    return err ? err : wrong ? AC_EINTERNAL : 0;
}

static void test_run(void **state)
{
    static const unsigned flags[] = {0, AC_INFER_ONE_THREAD, AC_INFER_NO_ARENA,
                                     AC_INFER_ONE_THREAD | AC_INFER_NO_ARENA};

    (void)state;
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
        struct ac_infer *m = open_adder(flags[k]);
        float begin[2] = {1, 3};
        struct ac_tensor fed = AC_TENSOR("state", AC_TENSOR_F32, begin, 2);

        for (int i = 0; i < 10; i++) {
            if (add_once(m, 1 + 37 * i, (float)i, INT64_C(5000000) + i, &fed, &env) != 0)
                fail_msg("run %d: %s", i, env.reason);
        }
        assert_true(((float *)fed.data)[0] == 1024 && ((float *)fed.data)[1] == 3072);
        ac_tensor_free(&fed);
        assert_null(fed.data);
        ac_infer_close(m);
    }
}

static void test_wrong_inputs(void **state)
{
    static const struct {
        struct ac_tensor second;
        const char *out;
        int err;
    } cases[] = {
        {{.name = "state", .type = AC_TENSOR_F32, .rank = 1, .shape = {3}}, "next", AC_EENGINE},
        {{.name = "state", .type = AC_TENSOR_I32, .rank = 1, .shape = {2}}, "next", AC_EENGINE},
        {{.name = "status", .type = AC_TENSOR_F32, .rank = 1, .shape = {2}}, "next", AC_EENGINE},
        {{.name = "state", .type = AC_TENSOR_F32, .rank = 1, .shape = {2}}, "previous", AC_EENGINE},
        {{.name = "state", .type = AC_TENSOR_F32, .rank = 1, .shape = {-2}}, "next", AC_EINVAL},
        {{.name = "state", .type = AC_TENSOR_F32, .rank = 7}, "next", AC_EINVAL},
        {{.name = "state", .rank = 1, .shape = {2}}, "next", AC_EINVAL},
    };
    struct ac_infer *m = open_adder(0);
    float zero[4] = {0};
    int64_t count = 1;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_tensor in[] = {AC_TENSOR("x", AC_TENSOR_F32, zero, 2),
                                 cases[i].second,
                                 {.name = "count", .type = AC_TENSOR_I64, .data = &count}};
        struct ac_tensor out[] = {{.name = cases[i].out}};
        in[1].data = zero;
        env.reason[0] = '\0';
        assert_int_equal(ac_infer_run(m, in, 3, out, 1, NULL, &env), cases[i].err);
        assert_non_null(strstr(env.reason, path));
        assert_null(out[0].data);
    }
    /* the model is none the worse */
    struct ac_tensor fed = AC_TENSOR("state", AC_TENSOR_F32, zero, 2);
    assert_int_equal(add_once(m, 5, 1, 2, &fed, &env), 0);
    ac_tensor_free(&fed);
    ac_infer_close(m);
}

/* ---- cancelling ---- */

enum { SIDE = 512, PRODUCTS = 400 };

/* Some seconds of work: a chain of matrix products. */
static struct ac_infer *open_slow(void)
{
    struct ac_str graph = {0}, model = {0};
    const int64_t shape[] = {SIDE, SIDE};
    char in[32] = "x x", out[32];
    struct ac_infer *m;

    for (int i = 0; i < PRODUCTS; i++) {
        snprintf(out, sizeof out, i == PRODUCTS - 1 ? "y" : "m%d", i);
        tiny_node(&graph, "MatMul", in, out, NULL, 0);
        snprintf(in, sizeof in, "x m%d", i);
    }
    tiny_value(&graph, false, "x", TINY_F32, shape, 2);
    tiny_value(&graph, true, "y", TINY_F32, shape, 2);
    tiny_model(&model, &graph);
    write_model(model.p, model.len);
    ac_str_free(&model);
    if (ac_infer_open(&m, path, "", 0, &env) != 0)
        fail_msg("%s", env.reason);
    return m;
}

static void *trigger_soon(void *arg)
{
    ac_sleep_us(30000);
    ac_cancel_trigger(arg);
    return NULL;
}

static void test_cancel(void **state)
{
    struct ac_infer *m = open_slow();
    float *x = ac_zalloc(sizeof *x * SIDE * SIDE);
    struct ac_tensor in[] = {AC_TENSOR("x", AC_TENSOR_F32, x, SIDE, SIDE)}, out[] = {{.name = "y"}};
    struct ac_cancel *c = ac_cancel_new(NULL);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, trigger_soon, c), 0);
    assert_int_equal(ac_infer_run(m, in, 1, out, 1, c, &env), AC_ECANCELED);
    assert_null(out[0].data);
    pthread_join(thread, NULL);
    assert_int_equal(ac_infer_run(m, in, 1, out, 1, c, &env), AC_ECANCELED); /* before it begins */
    ac_cancel_unref(c);
    c = ac_cancel_new(NULL);
    ac_cancel_set_deadline(c, ac_now_us() + 20000);
    assert_int_equal(ac_infer_run(m, in, 1, out, 1, c, &env), AC_ETIMEDOUT);
    ac_cancel_unref(c);
    free(x);
    ac_infer_close(m);
}

/* ---- threads ---- */

enum { THREADS = 4 };

static void *run_many(void *arg)
{
    struct ac_infer *m = arg;
    struct ac_env own = {.data_dirs = dirs, .threads = 2};
    float begin[2] = {0, 0};
    struct ac_tensor fed = AC_TENSOR("state", AC_TENSOR_F32, begin, 2);
    int err = 0;

    for (int i = 0; !err && i < 100; i++)
        err = add_once(m, 1 + i * 13 % 50, (float)i, i, &fed, &own);
    ac_tensor_free(&fed);
    return err ? arg : NULL;
}

/* One model in several threads, and others that are opened and closed meanwhile. */
static void *open_many(void *arg)
{
    void *failed = NULL;

    for (int i = 0; i < 5; i++) {
        struct ac_env own = {.data_dirs = dirs, .threads = 2};
        struct ac_infer *m;
        if (ac_infer_open(&m, path, "", AC_INFER_ONE_THREAD, &own) != 0)
            failed = arg;
        ac_infer_close(m);
    }
    return failed;
}

static void test_threads(void **state)
{
    struct ac_infer *m = open_adder(0);
    pthread_t threads[2 * THREADS];
    void *failed;

    (void)state;
    for (int i = 0; i < 2 * THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? run_many : open_many, m), 0);
    for (int i = 0; i < 2 * THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    ac_infer_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),  cmocka_unit_test(test_damaged), cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_expect), cmocka_unit_test(test_run),     cmocka_unit_test(test_wrong_inputs),
        cmocka_unit_test(test_cancel), cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
