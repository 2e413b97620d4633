/*
 * Optimised Wav2Lip: in floats the two graphs compute what the export computes, in 8 bits the error is what
 * is reported; the folder is used only where it is whole and of this export; cancelling leaves nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatar/wav2lip_face.h"
#include "avatar/wav2lip_folder.h"
#include "avatar/wav2lip_net.h"
#include "avatar/wav2lip_optimize.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake/wav2lip_forward.h"
#include "fake/wav2lip_model.h"
#include "infer/infer.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 96, PIXELS = SIDE * SIDE, N_FACES = 2, N_WINDOWS = 8, SEED = 7, MOUTH = 3 * PIXELS / 2 };

static char folder[] = "/tmp/ac-w2lopt-XXXXXX";
static char path[64], optimized[64];
static const char *const dirs[] = {".", NULL};
static struct ac_env env = {.data_dirs = dirs, .threads = 1};
static uint8_t faces[N_FACES][3 * PIXELS];
static float windows[N_WINDOWS][AC_W2L_WINDOW];
static float planes[N_FACES][6 * PIXELS];
static const struct ac_w2l_samples samples = {
    .side = SIDE, .n_faces = N_FACES, .n_windows = N_WINDOWS, .planes = planes[0], .windows = windows[0]};
static struct ac_str said; /* what optimising has found */

/* Smooth, with edges: no two faces and windows alike. */
static void make_samples(void)
{
    for (int f = 0; f < N_FACES; f++) {
        for (int i = 0; i < 3 * PIXELS; i++)
            faces[f][i] = (uint8_t)(128 + 90 * sinf((float)(i * (f + 1)) * 0.013f) + (i / 900 % 2 ? 20 : 0));
        ac_w2l_face_planes(faces[f], SIDE, planes[f]);
    }
    for (int w = 0; w < N_WINDOWS; w++) {
        for (int i = 0; i < AC_W2L_WINDOW; i++) {
            int band = i / AC_W2L_COLUMNS;
            windows[w][i] = 3 * sinf((float)band * 0.1f * (float)(w + 1)) + cosf((float)(i * w));
        }
    }
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/wav2lip.onnx", folder);
    snprintf(optimized, sizeof optimized, "%s/wav2lip.optimized", folder);
    make_samples();
    return wav2lip_model_write(path, SIDE, WAV2LIP_TORCH, SEED, &env);
}

static int teardown(void **state)
{
    (void)state;
    ac_w2l_folder_remove(optimized);
    unlink(path);
    ac_str_free(&said);
    return rmdir(folder);
}

static void on_found(void *arg, const char *line)
{
    (void)arg;
    ac_str_addf(&said, "%s\n", line);
}

static int optimize(const char *precision, double psnr_db, struct ac_cancel *cancel)
{
    const struct ac_optimize how = {
        .file = path, .precision = precision, .psnr_db = psnr_db, .found = on_found};

    ac_str_clear(&said);
    ac_str_add(&said, "");
    env.reason[0] = '\0';
    return ac_w2l_optimize_with(&env, &how, &samples, cancel);
}

static struct ac_w2l_net *open_net(void)
{
    struct ac_w2l_net *net;

    if (ac_w2l_net_open(&net, path, &env) != 0)
        fail_msg("%s", env.reason);
    return net;
}

/* ---- the same in floats ---- */

static struct ac_infer *open_graph(const struct ac_onnx *g)
{
    char file[80];
    struct ac_infer *m;

    snprintf(file, sizeof file, "%s/graph.onnx", folder);
    assert_int_equal(ac_onnx_write(g, file, &env), 0);
    if (ac_infer_open(&m, file, "-", AC_INFER_ONE_THREAD, &env) != 0)
        fail_msg("%s", env.reason);
    unlink(file);
    return m;
}

/* Runs both graphs of a plan in floats. mouth: 3 × side / 2 × side. */
static void run_split(const struct ac_w2l_weights *w, const float *mel, const float *face, float *mouth)
{
    struct ac_w2l_plan floats = {.weight_max = 0};
    struct ac_tensor maps[AC_W2L_MAX_BLOCKS] = {{0}}, in[AC_W2L_MAX_BLOCKS + 1], out = {.name = "mouth"};
    struct ac_tensor x = AC_TENSOR("face", AC_TENSOR_F32, (void *)face, 1, 6, w->side, w->side);
    struct ac_tensor_info info;
    struct ac_w2l_graphs graphs;
    size_t n = 0;

    ac_w2l_graphs_make(&graphs, w, &floats);
    struct ac_infer *encoder = open_graph(graphs.face), *generator = open_graph(graphs.mouth);
    ac_w2l_graphs_free(&graphs);
    for (; ac_infer_at(encoder, true, n, &info); n++)
        maps[n].name = info.name;
    assert_int_equal(n, w->n_face);
    if (ac_infer_run(encoder, &x, 1, maps, n, NULL, &env) != 0)
        fail_msg("%s", env.reason);
    in[0] = (struct ac_tensor)AC_TENSOR("mel", AC_TENSOR_F32, (void *)mel, 1, 1, 80, 16);
    memcpy(in + 1, maps, n * sizeof *in);
    if (ac_infer_run(generator, in, n + 1, &out, 1, NULL, &env) != 0)
        fail_msg("%s", env.reason);
    assert_int_equal(ac_tensor_count(&out), 3 * w->side * w->side / 2);
    memcpy(mouth, out.data, ac_tensor_count(&out) * sizeof *mouth);
    ac_tensor_free(&out);
    for (size_t i = 0; i < n; i++)
        ac_tensor_free(&maps[i]);
    ac_infer_close(encoder);
    ac_infer_close(generator);
}

/* How far a mouth is from the lower half of a picture; spread: of the values, so that flat ones show. */
static double farthest(const float *mouth, const float *picture, int side, double *spread)
{
    size_t half = (size_t)side * (size_t)side / 2;
    double far = 0, least = 1, most = 0;

    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < half; i++) {
            double v = mouth[c * half + i];
            far = fmax(far, fabs(v - (double)picture[(2 * c + 1) * half + i]));
            least = fmin(least, v);
            most = fmax(most, v);
        }
    }
    *spread = most - least;
    return far;
}

/* The export itself on ONNX Runtime. */
static void run_export(const char *file, int side, const float *mel, const float *face, float *picture)
{
    struct ac_infer *m;
    struct ac_tensor in[2];
    struct ac_tensor_info info;

    if (ac_infer_open(&m, file, "-", AC_INFER_ONE_THREAD, &env) != 0)
        fail_msg("%s", env.reason);
    for (size_t i = 0; i < 2; i++) {
        assert_true(ac_infer_at(m, false, i, &info));
        in[i] = info.shape[1] == 6
                    ? (struct ac_tensor)AC_TENSOR(info.name, AC_TENSOR_F32, (void *)face, 1, 6, side, side)
                    : (struct ac_tensor)AC_TENSOR(info.name, AC_TENSOR_F32, (void *)mel, 1, 1, 80, 16);
    }
    assert_true(ac_infer_at(m, true, 0, &info));
    struct ac_tensor out = {.name = info.name};
    if (ac_infer_run(m, in, 2, &out, 1, NULL, &env) != 0)
        fail_msg("%s", env.reason);
    memcpy(picture, out.data, (size_t)3 * (size_t)side * (size_t)side * sizeof *picture);
    ac_tensor_free(&out);
    ac_infer_close(m);
}

static struct ac_w2l_weights *load(const char *file)
{
    struct ac_w2l_weights *w;

    if (ac_w2l_weights_load(&w, file, "-", &env) != 0)
        fail_msg("%s", env.reason);
    return w;
}

static void test_floats(void **state)
{
    float *picture = ac_alloc(2 * 3 * PIXELS * sizeof *picture), *plain = picture + 3 * PIXELS;
    float *mouth = ac_alloc(MOUTH * sizeof *mouth);
    struct ac_w2l_weights *w = load(path);
    double spread;

    (void)state;
    run_split(w, windows[1], planes[1], mouth);
    run_export(path, SIDE, windows[1], planes[1], plain);
    assert_true(farthest(mouth, plain, SIDE, &spread) < 1e-4);
    assert_true(spread > 0.1);
    wav2lip_forward(w, windows[1], planes[1], picture, NULL); /* not by ONNX Runtime */
    assert_true(farthest(mouth, picture, SIDE, &spread) < 1e-4);
    ac_w2l_weights_free(w);
    free(mouth);
    free(picture);
}

static void test_floats_256(void **state)
{
    enum { BIG = 256, N = BIG * BIG };
    char file[80];
    float *face = ac_alloc((6 + 3 + 3) * N * sizeof *face), *picture = face + 6 * N, *mouth = face + 9 * N;
    double spread;

    (void)state;
    snprintf(file, sizeof file, "%s/wav2lip256.onnx", folder);
    assert_int_equal(wav2lip_model_write(file, BIG, 0, SEED, &env), 0);
    for (int i = 0; i < 6 * N; i++)
        face[i] = 0.5f + 0.4f * sinf((float)i * 0.01f);
    struct ac_w2l_weights *w = load(file);
    run_split(w, windows[2], face, mouth);
    ac_w2l_weights_free(w);
    run_export(file, BIG, windows[2], face, picture);
    unlink(file);
    assert_true(farthest(mouth, picture, BIG, &spread) < 1e-4);
    assert_true(spread > 0.1);
    free(face);
}

/* ---- nets ---- */

/* All windows' mouths, as a net gives them. */
static void speak(struct ac_w2l_net *net, uint8_t (*mouths)[MOUTH])
{
    void *maps[N_FACES];

    for (int f = 0; f < N_FACES; f++) {
        maps[f] = ac_alloc(ac_w2l_net_info(net)->maps_bytes);
        if (ac_w2l_net_face(net, faces[f], maps[f], NULL, &env) != 0)
            fail_msg("%s", env.reason);
    }
    for (int w = 0; w < N_WINDOWS; w++) {
        if (ac_w2l_net_mouth(net, windows[w], maps[w % N_FACES], mouths[w], NULL, &env) != 0)
            fail_msg("%s", env.reason);
    }
    for (int f = 0; f < N_FACES; f++)
        free(maps[f]);
}

/* Of the odd windows, those that the error was measured with; in decibels, of bytes. */
static double psnr(uint8_t (*a)[MOUTH], uint8_t (*b)[MOUTH])
{
    double sum = 0;

    for (int w = 1; w < N_WINDOWS; w += 2) {
        for (int i = 0; i < MOUTH; i++)
            sum += (a[w][i] - b[w][i]) * (a[w][i] - b[w][i]);
    }
    const int compared = N_WINDOWS / 2;
    double mean = sum / (compared * (double)MOUTH);
    return 10 * log10(255 * 255 / mean);
}

static uint8_t plain_mouths[N_WINDOWS][MOUTH], mouths[N_WINDOWS][MOUTH];

static int setup_plain(void **state)
{
    struct ac_w2l_net *net;

    (void)state;
    assert_int_equal(ac_w2l_net_open_plain(&net, path, &env), 0);
    assert_false(ac_w2l_net_info(net)->optimized);
    assert_string_equal(ac_w2l_net_info(net)->precision, "fp32");
    speak(net, plain_mouths);
    ac_w2l_net_close(net);
    return 0;
}

static void test_precisions(void **state)
{
    struct ac_w2l_folder f;
    char why[128];

    (void)state;
    assert_int_equal(optimize("fp32", 0, NULL), 0);
    struct ac_w2l_net *net = open_net();
    assert_true(ac_w2l_net_info(net)->optimized);
    assert_string_equal(ac_w2l_net_info(net)->precision, "fp32");
    speak(net, mouths);
    ac_w2l_net_close(net);
    assert_true(psnr(mouths, plain_mouths) > 60); /* here and there a byte is cut otherwise */

    assert_int_equal(optimize("int8", 0, NULL), 0); /* in the other one's place */
    assert_int_equal(ac_w2l_folder_read(&f, path, why, sizeof why), 0);
    assert_non_null(strstr(said.p, "all parts in 8 bits"));
    net = open_net();
    assert_string_equal(ac_w2l_net_info(net)->precision, "int8");
    assert_int_equal(ac_w2l_net_info(net)->side, SIDE);
    assert_true(ac_w2l_net_info(net)->maps_bytes < 200000);
    assert_string_equal(ac_w2l_net_info(net)->maps_id, f.face_sha256);
    speak(net, mouths);
    ac_w2l_net_close(net);
    double heard = psnr(mouths, plain_mouths);
    assert_true(f.psnr_db > 25 && heard < 60);
    /* bytes are cut off, which adds an error of its own */
    assert_true(heard > fmin(f.psnr_db, 48) - 3 && heard < f.psnr_db + 3);

    /* the folder is replaced while one is open: that one goes on with what it has */
    net = open_net();
    double before = f.psnr_db;
    assert_int_equal(optimize("fp32", 0, NULL), 0);
    uint8_t(*again)[MOUTH] = ac_alloc(sizeof mouths);
    speak(net, again);
    ac_w2l_net_close(net);
    assert_memory_equal(again, mouths, sizeof mouths);
    free(again);

    /* more is wanted: a part goes back to floats, and that is nearer */
    assert_int_equal(optimize("auto", before + 0.2, NULL), 0);
    assert_int_equal(ac_w2l_folder_read(&f, path, why, sizeof why), 0);
    assert_true(f.psnr_db >= before + 0.2);
    assert_non_null(strstr(f.precision, " fp32"));
    assert_non_null(strstr(said.p, "in floats: "));
    net = open_net();
    speak(net, mouths);
    ac_w2l_net_close(net);
    assert_true(psnr(mouths, plain_mouths) > heard - 0.5);

    assert_int_equal(optimize("int4", 0, NULL), AC_EINVAL);
    assert_non_null(strstr(env.reason, "auto, int8 or fp32"));
}

struct speaker {
    struct ac_w2l_net *net;
    uint8_t mouths[N_WINDOWS][MOUTH];
};

static void *speak_in_thread(void *arg)
{
    struct speaker *s = arg;

    speak(s->net, s->mouths);
    return NULL;
}

static void test_threads(void **state)
{
    struct speaker *s = ac_zalloc(2 * sizeof *s);
    pthread_t thread[2];

    (void)state;
    s[0].net = s[1].net = open_net();
    speak(s[0].net, mouths);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, speak_in_thread, &s[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(s[i].mouths, mouths, sizeof mouths);
    ac_w2l_net_close(s[0].net);
    free(s);
}

static void test_cancel(void **state)
{
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    struct ac_w2l_net *net = open_net();
    void *maps = ac_zalloc(ac_w2l_net_info(net)->maps_bytes);
    size_t n = 0;

    (void)state;
    ac_cancel_trigger(cancel);
    assert_int_equal(ac_w2l_net_face(net, faces[0], maps, cancel, &env), AC_ECANCELED);
    assert_int_equal(ac_w2l_net_mouth(net, windows[0], maps, mouths[0], cancel, &env), AC_ECANCELED);
    ac_w2l_net_close(net);
    free(maps);
    assert_int_equal(optimize("int8", 0, cancel), AC_ECANCELED);
    ac_cancel_unref(cancel);
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    assert_int_equal(n, 2); /* the export and the folder of before */
    net = open_net();
    assert_true(ac_w2l_net_info(net)->optimized);
    ac_w2l_net_close(net);
}

/* ---- folders that do not fit ---- */

static void not_used(const char *because)
{
    struct ac_w2l_net *net = open_net();
    const struct ac_w2l_net_info *info = ac_w2l_net_info(net);

    if (info->optimized || !strstr(info->note, because) || !strstr(info->note, "models optimize"))
        fail_msg("%s: %s", because, info->note);
    assert_int_equal(info->maps_bytes, 3 * PIXELS);
    ac_w2l_net_close(net);
}

/* The file's text with one thing replaced; gives the old text (malloc'ed). */
static char *edit(const char *file, const char *from, const char *to)
{
    char *data;
    size_t n;

    assert_int_equal(ac_read_file(file, 1 << 20, &data, &n), 0);
    char *at = strstr(data, from);
    assert_non_null(at);
    FILE *f = fopen(file, "wb");
    fprintf(f, "%.*s%s%s", (int)(at - data), data, to, at + strlen(from));
    assert_int_equal(fclose(f), 0);
    return data;
}

static void put_back(const char *file, char *data)
{
    FILE *f = fopen(file, "wb");

    fputs(data, f);
    assert_int_equal(fclose(f), 0);
    free(data);
}

/* In the middle, where the weights are. */
static void flip_byte(const char *file)
{
    FILE *f = fopen(file, "r+b");

    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    long middle = ftell(f) / 2;
    fseek(f, middle, SEEK_SET);
    int c = getc(f);
    fseek(f, middle, SEEK_SET);
    putc(c ^ 0x40, f);
    assert_int_equal(fclose(f), 0);
}

static void unfit(const char *because)
{
    struct ac_w2l_folder f;
    char why[128] = "";

    assert_int_equal(ac_w2l_folder_read(&f, path, why, sizeof why), AC_EMODEL);
    if (!strstr(why, because))
        fail_msg("%s: %s", because, why);
}

static void test_folders(void **state)
{
    static const struct {
        const char *from, *to, *because;
    } cases[] = {{"\"format\": 1", "\"format\": 2", "of another version"},
                 {"\"side\"", "\"size\"", "damaged"},
                 {"{", "", "damaged"},
                 {"\"bytes\": 1", "\"bytes\": 2", "of another export"}};
    char json[80], mouth[80];

    (void)state;
    snprintf(json, sizeof json, "%s/optimized.json", optimized);
    snprintf(mouth, sizeof mouth, "%s/mouth.onnx", optimized);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *old = edit(json, cases[i].from, cases[i].to);
        unfit(cases[i].because);
        put_back(json, old);
    }
    flip_byte(mouth);
    not_used("damaged");
    flip_byte(mouth);

    /* an export of the same size with another content, and back */
    flip_byte(path);
    unfit("of another export");
    flip_byte(path);
    struct ac_w2l_net *net = open_net(); /* its time is another one, its content is not */
    assert_true(ac_w2l_net_info(net)->optimized);
    assert_string_equal(ac_w2l_net_info(net)->note, "");
    ac_w2l_net_close(net);
}

static void test_damaged_face(void **state)
{
    char face[80];

    (void)state;
    snprintf(face, sizeof face, "%s/face.onnx", optimized);
    flip_byte(face);
    struct ac_w2l_net *net = open_net();
    void *maps = ac_zalloc(ac_w2l_net_info(net)->maps_bytes);
    assert_int_equal(ac_w2l_net_face(net, faces[0], maps, NULL, &env), AC_EMODEL);
    assert_non_null(strstr(env.reason, "models optimize"));
    flip_byte(face);
    assert_int_equal(ac_w2l_net_face(net, faces[0], maps, NULL, &env), 0);
    ac_w2l_net_close(net);
    free(maps);
}

static void test_refusals(void **state)
{
    static const char *const nobody[] = {"nobody", NULL}, *const none[] = {NULL};
    static const int16_t silence[32000];
    struct ac_optimize how = {.file = "missing.onnx", .precision = "auto", .psnr_db = 40};
    struct ac_w2l_samples s;

    (void)state;
    assert_int_equal(ac_w2l_optimize(&env, &how, NULL), AC_EMODEL);
    assert_non_null(strstr(env.reason, "missing.onnx"));
    assert_int_equal(ac_w2l_samples_make(&s, SIDE, none, silence, 32000, NULL, &env), AC_EINVAL);
    assert_non_null(strstr(env.reason, "avatar create"));
    assert_int_equal(ac_w2l_samples_make(&s, SIDE, nobody, silence, 32000, NULL, &env), AC_ENOENT);
    assert_non_null(strstr(env.reason, "nobody"));
}

/* Weights that are numbers, but so large that what they make is none. */
static void test_overflow(void **state)
{
    struct ac_w2l_weights *w = load(path);
    struct ac_w2l_conv *c = &w->face[0].conv[0];
    struct ac_w2l_samples s = {
        .side = SIDE, .n_faces = 1, .n_windows = 2, .planes = planes[0], .windows = windows[0]};
    struct ac_w2l_plan plan = {.weight_max = 127};
    struct ac_w2l_tests *t;
    char fresh[80];

    (void)state;
    snprintf(fresh, sizeof fresh, "%s/overflow", folder);
    assert_int_equal(mkdir(fresh, 0755), 0);
    for (size_t i = 0; i < (size_t)c->in * (size_t)c->out * (size_t)c->kernel[0] * (size_t)c->kernel[1]; i++)
        c->w[i] = (i % 2 ? 1 : -1) * 1e38f;
    for (int i = 0; i < 2; i++) { /* ranges are wanted, or not */
        env.reason[0] = '\0';
        assert_int_equal(ac_w2l_tests_new(&t, w, &s, fresh, i ? NULL : &plan, NULL, NULL, NULL, &env),
                         AC_EMODEL);
        assert_null(t);
        assert_non_null(strstr(env.reason, "no numbers"));
    }
    ac_w2l_folder_remove(fresh);
    ac_w2l_weights_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_floats_256),
        cmocka_unit_test_setup(test_precisions, setup_plain),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_damaged_face),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_overflow),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
