/* Ranges and measuring (wav2lip_calibrate.h). */
#include "avatar/wav2lip_calibrate.h"

#include "avatar/wav2lip_mel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "infer/infer.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REMEDY  "run 'avatar-chat models optimize' again"
#define WEIGHTS "docs/wav2lip.md#weights tells how to get them"

enum { BINS = 2048, CUTS = 60 /* ranges that are tried, down to a fifth */, MAX_MAPS = AC_W2L_MAX_BLOCKS };

struct count {
    float lo, hi;
    uint32_t bin[BINS];
    uint64_t zeros; /* exact in any range */
};

struct ac_w2l_tests {
    const struct ac_w2l_weights *weights;
    const struct ac_w2l_samples *samples;
    char *face_path, *mouth_path;
    float *truth; /* mouths of the odd windows, in floats */
    size_t mouth_floats;
};

int ac_w2l_weight_max(void)
{
#if defined(__x86_64__)
    unsigned a = 0, b, c = 0, d;
    bool vnni = __get_cpuid_count(7, 0, &a, &b, &c, &d) && c & 1U << 11;     /* AVX512_VNNI */
    vnni = vnni || (__get_cpuid_count(7, 1, &a, &b, &c, &d) && a & 1U << 4); /* AVX_VNNI */
    return vnni ? 127 : 63;
#else
    return 127;
#endif
}

/* ---- running the two graphs ---- */

struct pair {
    struct ac_infer *face, *mouth;
    size_t n_maps;
    struct ac_tensor maps[MAX_MAPS];
    size_t face_of_maps; /* whose maps they are */
};

static void pair_close(struct pair *p)
{
    for (size_t i = 0; i < MAX_MAPS; i++)
        ac_tensor_free(&p->maps[i]);
    ac_infer_close(p->face);
    ac_infer_close(p->mouth);
}

static int pair_open(struct pair *p, struct ac_w2l_tests *t, const struct ac_w2l_graphs *graphs,
                     struct ac_env *env)
{
    struct ac_tensor_info info;

    *p = (struct pair){.face_of_maps = SIZE_MAX};
    int err = ac_onnx_write(graphs->face, t->face_path, env);
    if (!err)
        err = ac_onnx_write(graphs->mouth, t->mouth_path, env);
    if (!err)
        err = ac_infer_open(&p->face, t->face_path, REMEDY, AC_INFER_ONE_THREAD, env);
    if (!err)
        err = ac_infer_open(&p->mouth, t->mouth_path, REMEDY, AC_INFER_ONE_THREAD, env);
    for (; !err && p->n_maps < MAX_MAPS && ac_infer_at(p->face, true, p->n_maps, &info); p->n_maps++)
        p->maps[p->n_maps].name = info.name;
    return err;
}

static int find_maps(struct pair *p, const struct ac_w2l_samples *s, size_t face, struct ac_cancel *cancel,
                     struct ac_env *env)
{
    size_t floats = AC_W2L_FACE_PLANES * (size_t)s->side * (size_t)s->side;
    struct ac_tensor in =
        AC_TENSOR("face", AC_TENSOR_F32, s->planes + face * floats, 1, AC_W2L_FACE_PLANES, s->side, s->side);

    if (p->face_of_maps == face)
        return 0;
    for (size_t i = 0; i < p->n_maps; i++)
        ac_tensor_free(&p->maps[i]);
    p->face_of_maps = face;
    return ac_infer_run(p->face, &in, 1, p->maps, p->n_maps, cancel, env);
}

/* out: n_out tensors with names. */
static int run_window(struct pair *p, const struct ac_w2l_samples *s, size_t window, struct ac_tensor *out,
                      size_t n_out, double *ms, struct ac_cancel *cancel, struct ac_env *env)
{
    struct ac_tensor in[MAX_MAPS + 1] = {AC_TENSOR("mel", AC_TENSOR_F32, s->windows + window * AC_W2L_WINDOW,
                                                   1, 1, AC_W2L_BANDS, AC_W2L_COLUMNS)};

    int err = find_maps(p, s, window % s->n_faces, cancel, env);
    if (err)
        return err;
    memcpy(in + 1, p->maps, p->n_maps * sizeof *in);
    int64_t begin = ac_now_us();
    err = ac_infer_run(p->mouth, in, p->n_maps + 1, out, n_out, cancel, env);
    *ms = (double)(ac_now_us() - begin) / 1000;
    return err;
}

/* ---- ranges ---- */

static bool widen(struct count *c, const float *x, size_t n)
{
    bool finite = true;

    for (size_t i = 0; i < n; i++) {
        c->lo = fminf(c->lo, x[i]);
        c->hi = fmaxf(c->hi, x[i]);
        finite = finite && isfinite(x[i]);
    }
    return finite && isfinite(c->hi - c->lo);
}

static int no_numbers(struct ac_env *env)
{
    return ac_env_fail(env, AC_EMODEL,
                       "the network gives values that are no numbers, so its weights are damaged; " WEIGHTS);
}

static void fill(struct count *c, const float *x, size_t n)
{
    float scale = c->hi > c->lo ? (BINS - 1) / (c->hi - c->lo) : 0;

    for (size_t i = 0; i < n; i++) {
        if (x[i] == 0)
            c->zeros++;
        else
            c->bin[(size_t)((x[i] - c->lo) * scale)]++;
    }
}

/* The expected squared error where the range is cut to lo … hi. */
static double cut_error(const struct count *c, double lo, double hi)
{
    double width = (double)(c->hi - c->lo) / (BINS - 1), step = (hi - lo) / 255, sum = 0;

    for (size_t i = 0; i < BINS; i++) {
        double x = c->lo + ((double)i + 0.5) * width, over = x > hi ? x - hi : x < lo ? lo - x : 0;
        sum += c->bin[i] * (over > step / 2 ? over * over : step * step / 12);
    }
    return sum;
}

static struct ac_w2l_range best_range(const struct count *c)
{
    struct ac_w2l_range best = {c->lo, c->hi};
    double least = cut_error(c, c->lo, c->hi);

    for (int i = 1; i < CUTS; i++) {
        double share = 1 - 0.8 * i / CUTS, error = cut_error(c, c->lo * share, c->hi * share);
        if (error < least) {
            least = error;
            best = (struct ac_w2l_range){(float)(c->lo * share), (float)(c->hi * share)};
        }
    }
    return best;
}

/* The points of one window: their extremes in the first pass, all values in the second. */
static int watch_window(struct pair *p, const struct ac_w2l_graphs *graphs, const struct ac_w2l_samples *s,
                        size_t window, bool second, struct count *counts, struct ac_cancel *cancel,
                        struct ac_env *env)
{
    struct ac_tensor out[AC_W2L_MAX_POINTS] = {{0}};
    double ms;

    for (size_t i = 0; i < graphs->n_points; i++)
        out[i].name = graphs->point[i];
    int err = run_window(p, s, window, out, graphs->n_points, &ms, cancel, env);
    for (size_t i = 0; !err && i < graphs->n_points; i++) {
        if (second)
            fill(&counts[i], out[i].data, ac_tensor_count(&out[i]));
        else if (!widen(&counts[i], out[i].data, ac_tensor_count(&out[i])))
            err = no_numbers(env);
    }
    for (size_t i = 0; i < graphs->n_points; i++)
        ac_tensor_free(&out[i]);
    return err;
}

struct watcher {
    void (*done)(void *arg, double share);
    void *arg;
};

static int watch(struct ac_w2l_tests *t, struct ac_w2l_plan *plan, const struct watcher *who,
                 struct ac_cancel *cancel, struct ac_env *env)
{
    const struct ac_w2l_samples *s = t->samples;
    struct ac_w2l_plan floats = {.watch = true};
    struct ac_w2l_graphs graphs;
    struct count *counts = ac_zalloc(AC_W2L_MAX_POINTS * sizeof *counts);
    struct pair p;

    ac_w2l_graphs_make(&graphs, t->weights, &floats);
    int err = pair_open(&p, t, &graphs, env);
    for (int second = 0; second < 2; second++) {
        for (size_t w = 0; !err && w < s->n_windows; w += 2) {
            err = watch_window(&p, &graphs, s, w, second, counts, cancel, env);
            if (who->done)
                who->done(who->arg, 0.4 * second + 0.4 * (double)w / (double)s->n_windows);
        }
    }
    for (size_t i = 0; !err && i < graphs.n_points; i++)
        plan->range[i] = best_range(&counts[i]);
    pair_close(&p);
    ac_w2l_graphs_free(&graphs);
    free(counts);
    return err;
}

/* ---- trials ---- */

/* The odd windows' mouths: kept as the truth where there is none yet, else compared with it. */
static int run_all(struct ac_w2l_tests *t, struct pair *p, struct ac_w2l_trial *trial,
                   struct ac_cancel *cancel, struct ac_env *env)
{
    size_t n = t->samples->n_windows, size = t->mouth_floats;
    double sum = 0, ms;
    int err = 0;

    trial->ms = INFINITY;
    bool first = !t->truth;
    if (first)
        t->truth = ac_alloc(n / 2 * size * sizeof *t->truth);
    for (size_t w = 1; !err && w < n; w += 2) {
        struct ac_tensor out = {.name = "mouth"};
        float *truth = t->truth + w / 2 * size;
        err = run_window(p, t->samples, w, &out, 1, &ms, cancel, env);
        if (!err && first)
            memcpy(truth, out.data, size * sizeof *truth);
        for (size_t i = 0; !err && i < size; i++) {
            double d = (double)((float *)out.data)[i] - (double)truth[i];
            sum += d * d;
        }
        trial->ms = !err && ms < trial->ms ? ms : trial->ms;
        ac_tensor_free(&out);
    }
    size_t values = n / 2 * size;
    double mean = sum / (double)values;
    if (!err && !isfinite(mean))
        err = no_numbers(env);
    trial->psnr_db = fmin(-10 * log10(mean), 150); /* no error at all is infinitely good, and no number */
    return err;
}

static size_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

int ac_w2l_tests_try(struct ac_w2l_tests *t, const struct ac_w2l_plan *plan, struct ac_w2l_trial *trial,
                     struct ac_cancel *cancel, struct ac_env *env)
{
    struct ac_w2l_graphs graphs;
    struct pair p;

    ac_w2l_graphs_make(&graphs, t->weights, plan);
    int err = pair_open(&p, t, &graphs, env);
    ac_w2l_graphs_free(&graphs);
    if (!err)
        err = run_all(t, &p, trial, cancel, env);
    pair_close(&p);
    trial->bytes = size_of(t->face_path) + size_of(t->mouth_path);
    return err;
}

int ac_w2l_tests_new(struct ac_w2l_tests **out, const struct ac_w2l_weights *weights,
                     const struct ac_w2l_samples *samples, const char *folder, struct ac_w2l_plan *plan,
                     void (*done)(void *arg, double share), void *arg, struct ac_cancel *cancel,
                     struct ac_env *env)
{
    struct ac_w2l_tests *t = ac_zalloc(sizeof *t);
    struct ac_w2l_plan floats = {.weight_max = 0};
    struct ac_w2l_trial trial;

    t->weights = weights;
    t->samples = samples;
    t->face_path = ac_asprintf("%s/face.onnx", folder);
    t->mouth_path = ac_asprintf("%s/mouth.onnx", folder);
    t->mouth_floats = AC_W2L_COLOURS * (size_t)samples->side * (size_t)samples->side / 2;
    int err = plan ? watch(t, plan, &(struct watcher){done, arg}, cancel, env) : 0;
    if (!err)
        err = ac_w2l_tests_try(t, &floats, &trial, cancel, env);
    if (err) {
        ac_w2l_tests_free(t);
        t = NULL;
    }
    *out = t;
    return err;
}

void ac_w2l_tests_free(struct ac_w2l_tests *t)
{
    if (!t)
        return;
    free(t->face_path);
    free(t->mouth_path);
    free(t->truth);
    free(t);
}
