/*
 * bench_wav2lip: what Wav2Lip's network costs. Prints JSON. Times do not depend on the weights, so that
 * build/fake-wav2lip's stand in for the real ones.
 *
 *     bench_wav2lip ms EXPORT.onnx [ROUNDS]                 ms a picture by precision, region and threads
 *     bench_wav2lip streams EXPORT.onnx [STREAMS [SECONDS]] so many talk at once at 25 pictures a second
 *
 * ms: the export as it is, and graphs made of it, take turns; `ratio` is to the export on one thread. streams
 * uses what `models optimize` made beside the export, where it is there: a picture is late when it is not
 * ready one picture's time after it was due.
 */
#include "avatar/wav2lip_calibrate.h"
#include "avatar/wav2lip_mel.h"
#include "avatar/wav2lip_net.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_stats.h"
#include "infer/infer.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_MAPS = AC_W2L_MAX_BLOCKS, MAX_STREAMS = 64, FRAME_US = 40000, N_WINDOWS = 8 };

static const char *const dirs[] = {".", NULL};

static void check(int err, const struct ac_env *env)
{
    if (!err)
        return;
    fprintf(stderr, "bench_wav2lip: %s\n", *env->reason ? env->reason : ac_err_text(err));
    exit(1);
}

/* Something smooth; no two alike. */
static void fill(float *v, size_t n, float low, float high, size_t seed)
{
    for (size_t i = 0; i < n; i++)
        v[i] = low + (high - low) * (0.5F + 0.5F * sinf((float)(i * (seed + 3)) * 0.007F));
}

/* ---- ms ---- */

/* One way to make a mouth. */
struct way {
    const char *precision, *region;
    int threads;
    struct ac_env env; /* its threads */
    struct ac_infer *infer;
    struct ac_tensor in[MAX_MAPS + 1], out;
    size_t n_in;
    struct ac_samples ms;
};

struct ms_bench {
    struct ac_env env;
    struct ac_w2l_weights *weights;
    struct ac_w2l_plan plan; /* with ranges */
    struct ac_w2l_samples samples;
    char folder[32], face[64], mouth[64];
    double psnr_db;
};

/* The export: both inputs by their shapes. */
static void open_export(struct way *w, struct ms_bench *b, const char *path)
{
    struct ac_tensor_info info;
    int side = b->weights->side;

    check(ac_infer_open(&w->infer, path, "-", w->threads == 1 ? AC_INFER_ONE_THREAD : 0, &w->env), &w->env);
    for (; ac_infer_at(w->infer, false, w->n_in, &info) && w->n_in < 2; w->n_in++)
        w->in[w->n_in] = info.shape[1] == AC_W2L_FACE_PLANES
                             ? (struct ac_tensor)AC_TENSOR(info.name, AC_TENSOR_F32, b->samples.planes, 1,
                                                           AC_W2L_FACE_PLANES, side, side)
                             : (struct ac_tensor)AC_TENSOR(info.name, AC_TENSOR_F32, b->samples.windows, 1, 1,
                                                           AC_W2L_BANDS, AC_W2L_COLUMNS);
    ac_infer_at(w->infer, true, 0, &info);
    w->out.name = info.name;
}

static void open_split(struct way *w, struct ms_bench *b)
{
    int side = b->weights->side;
    struct ac_tensor face =
        AC_TENSOR("face", AC_TENSOR_F32, b->samples.planes, 1, AC_W2L_FACE_PLANES, side, side);
    struct ac_w2l_plan plan = b->plan;
    struct ac_w2l_graphs graphs;
    struct ac_tensor_info info;
    struct ac_infer *encoder;

    for (size_t i = 0; i < AC_W2L_MAX_PARTS; i++)
        plan.int8[i] = strcmp(w->precision, "int8") == 0;
    plan.whole = strcmp(w->region, "whole") == 0;
    ac_w2l_graphs_make(&graphs, b->weights, &plan);
    check(ac_onnx_write(graphs.face, b->face, &b->env), &b->env);
    check(ac_onnx_write(graphs.mouth, b->mouth, &b->env), &b->env);
    ac_w2l_graphs_free(&graphs);
    check(ac_infer_open(&encoder, b->face, "-", AC_INFER_ONE_THREAD, &b->env), &b->env);
    check(ac_infer_open(&w->infer, b->mouth, "-", w->threads == 1 ? AC_INFER_ONE_THREAD : 0, &w->env),
          &w->env);
    w->in[0] = (struct ac_tensor)AC_TENSOR("mel", AC_TENSOR_F32, b->samples.windows, 1, 1, AC_W2L_BANDS,
                                           AC_W2L_COLUMNS);
    for (w->n_in = 1; ac_infer_at(encoder, true, w->n_in - 1, &info); w->n_in++)
        w->in[w->n_in].name = strdup(info.name);
    check(ac_infer_run(encoder, &face, 1, w->in + 1, w->n_in - 1, NULL, &b->env), &b->env);
    ac_infer_close(encoder); /* what it gave stays */
    w->out.name = "mouth";
}

static void run_once(struct way *w, bool count)
{
    int64_t begin = ac_now_us();

    check(ac_infer_run(w->infer, w->in, w->n_in, &w->out, 1, NULL, &w->env), &w->env);
    if (count)
        ac_samples_add(&w->ms, (double)(ac_now_us() - begin) / 1000);
    ac_tensor_free(&w->out);
}

/* The ranges, and how far all parts in 8 bits are from floats. */
static void calibrate(struct ms_bench *b)
{
    struct ac_w2l_tests *tests;
    struct ac_w2l_trial trial;
    struct ac_w2l_plan all;
    size_t floats = AC_W2L_FACE_PLANES * (size_t)b->weights->side * (size_t)b->weights->side;

    b->samples = (struct ac_w2l_samples){.side = b->weights->side, .n_faces = 1, .n_windows = N_WINDOWS};
    b->samples.planes = ac_alloc(floats * sizeof(float));
    b->samples.windows = ac_alloc((size_t)N_WINDOWS * AC_W2L_WINDOW * sizeof(float));
    fill(b->samples.planes, floats, 0.1F, 0.9F, 1);
    for (size_t i = 0; i < N_WINDOWS; i++)
        fill(b->samples.windows + i * AC_W2L_WINDOW, AC_W2L_WINDOW, -4, 4, i);
    b->plan.weight_max = ac_w2l_weight_max();
    check(ac_w2l_tests_new(&tests, b->weights, &b->samples, b->folder, &b->plan, NULL, NULL, NULL, &b->env),
          &b->env);
    all = b->plan;
    for (size_t i = 0; i < AC_W2L_MAX_PARTS; i++)
        all.int8[i] = true;
    check(ac_w2l_tests_try(tests, &all, &trial, NULL, &b->env), &b->env);
    b->psnr_db = trial.psnr_db;
    ac_w2l_tests_free(tests);
}

static json_t *way_json(struct way *w, double least)
{
    double ms = ac_samples_quantile(&w->ms, 0);

    return json_pack("{s:s, s:s, s:i, s:o, s:f}", "precision", w->precision, "region", w->region, "threads",
                     w->threads, "ms", ac_samples_json(&w->ms), "ratio", round(ms / least * 1000) / 1000);
}

static json_t *bench_ms(const char *path, int rounds)
{
    static struct way ways[] = {{.precision = "export", .region = "whole", .threads = 1},
                                {.precision = "export", .region = "whole", .threads = 2},
                                {.precision = "fp32", .region = "whole", .threads = 1},
                                {.precision = "fp32", .region = "lower half", .threads = 1},
                                {.precision = "fp32", .region = "lower half", .threads = 2},
                                {.precision = "int8", .region = "whole", .threads = 1},
                                {.precision = "int8", .region = "whole", .threads = 2},
                                {.precision = "int8", .region = "lower half", .threads = 1},
                                {.precision = "int8", .region = "lower half", .threads = 2}};
    enum { N_WAYS = sizeof ways / sizeof *ways };
    struct ms_bench b = {.env = {.data_dirs = dirs, .threads = 2}, .folder = "/tmp/bench-wav2lip-XXXXXX"};
    json_t *list = json_array();

    check(mkdtemp(b.folder) ? 0 : AC_EIO, &b.env);
    snprintf(b.face, sizeof b.face, "%s/face.onnx", b.folder);
    snprintf(b.mouth, sizeof b.mouth, "%s/mouth.onnx", b.folder);
    check(ac_w2l_weights_load(&b.weights, path, "make one with build/fake-wav2lip", &b.env), &b.env);
    calibrate(&b);
    for (size_t i = 0; i < N_WAYS; i++) {
        ways[i].env = b.env;
        if (strcmp(ways[i].precision, "export") == 0)
            open_export(&ways[i], &b, path);
        else
            open_split(&ways[i], &b);
    }
    for (int r = -1; r < rounds; r++) {
        for (size_t i = 0; i < N_WAYS; i++)
            run_once(&ways[i], r >= 0);
    }
    double least = ac_samples_quantile(&ways[0].ms, 0);
    for (size_t i = 0; i < N_WAYS; i++)
        json_array_append_new(list, way_json(&ways[i], least));
    unlink(b.face);
    unlink(b.mouth);
    rmdir(b.folder);
    return json_pack("{s:i, s:b, s:f, s:o}", "side", b.weights->side, "vnni", ac_w2l_weight_max() == 127,
                     "int8_psnr_db", round(b.psnr_db * 10) / 10, "ways", list);
}

/* ---- streams ---- */

struct stream {
    struct ac_w2l_net *net;
    struct ac_env env;
    const void *maps;
    int64_t begin_us;
    int frames, late;
    struct ac_samples ms;
};

static void *talk(void *arg)
{
    struct stream *s = arg;
    size_t side = (size_t)ac_w2l_net_info(s->net)->side;
    uint8_t *bgr = ac_alloc(side * side * 3);
    float window[AC_W2L_WINDOW];

    for (int i = 0; i < s->frames; i++) {
        int64_t due = s->begin_us + (int64_t)i * FRAME_US, now = ac_now_us();
        if (now < due)
            ac_sleep_us(due - now);
        fill(window, AC_W2L_WINDOW, -4, 4, (size_t)i);
        now = ac_now_us();
        check(ac_w2l_net_mouth(s->net, window, s->maps, bgr, NULL, &s->env), &s->env);
        ac_samples_add(&s->ms, (double)(ac_now_us() - now) / 1000);
        s->late += ac_now_us() > due + FRAME_US;
    }
    free(bgr);
    return NULL;
}

static json_t *bench_streams(const char *path, int n, int seconds)
{
    static struct stream streams[MAX_STREAMS];
    pthread_t threads[MAX_STREAMS];
    struct ac_env env = {.data_dirs = dirs, .threads = 1};
    struct ac_w2l_net *net;
    struct ac_samples ms = {0};
    int late = 0;
    size_t peak = 0;

    size_t before = ac_rss_bytes();
    check(ac_w2l_net_open(&net, path, &env), &env);
    const struct ac_w2l_net_info *info = ac_w2l_net_info(net);
    uint8_t *face = ac_zalloc((size_t)info->side * (size_t)info->side * 3);
    void *maps = ac_alloc(info->maps_bytes);
    check(ac_w2l_net_face(net, face, maps, NULL, &env), &env);
    int64_t begin = ac_now_us() + FRAME_US, cpu = ac_process_cpu_us();
    for (int i = 0; i < n; i++) {
        streams[i] = (struct stream){.net = net,
                                     .env = env,
                                     .maps = maps,
                                     .begin_us = begin,
                                     .frames = seconds * (1000000 / FRAME_US)};
        check(pthread_create(&threads[i], NULL, talk, &streams[i]) ? AC_ENOMEM : 0, &env);
    }
    for (int64_t end = begin + (int64_t)seconds * 1000000; ac_now_us() < end; ac_sleep_us(100000)) {
        /* not while the face encoder is still there: it goes three seconds after its last use */
        if (ac_now_us() > begin + 4000000)
            peak = ac_rss_bytes() > peak ? ac_rss_bytes() : peak;
    }
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        late += streams[i].late;
        for (size_t k = 0; k < streams[i].ms.n; k++)
            ac_samples_add(&ms, streams[i].ms.v[k]);
    }
    double took = (double)(ac_now_us() - begin) / 1e6;
    return json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:o, s:f, s:f}", "precision", info->precision, "note",
                     info->note, "streams", n, "late", late, "pictures_a_second",
                     round(10 * (double)ms.n / n / took) / 10, "cores_used",
                     round((double)(ac_process_cpu_us() - cpu) / took / 1e4) / 100, "ms",
                     ac_samples_json(&ms), "rss_mb_at_start", round((double)before / 1e5) / 10, "rss_mb",
                     round((double)peak / 1e5) / 10);
}

int main(int argc, char **argv)
{
    json_t *result = NULL;

    if (argc > 2 && strcmp(argv[1], "ms") == 0)
        result = bench_ms(argv[2], argc > 3 ? atoi(argv[3]) : 30);
    else if (argc > 2 && strcmp(argv[1], "streams") == 0 && (argc < 4 || atoi(argv[3]) <= MAX_STREAMS))
        result = bench_streams(argv[2], argc > 3 ? atoi(argv[3]) : 3, argc > 4 ? atoi(argv[4]) : 10);
    if (!result) {
        fprintf(stderr, "usage: bench_wav2lip ms EXPORT.onnx [ROUNDS] | streams EXPORT.onnx [STREAMS "
                        "[SECONDS]]\n");
        return 2;
    }
    json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
    putchar('\n');
    json_decref(result);
    return 0;
}
