/* `models optimize` for Wav2Lip (wav2lip_optimize.h). */
#include "avatar/wav2lip_optimize.h"

#include "avatar/wav2lip_folder.h"
#include "avatar/wav2lip_mel.h"
#include "avatar/wav2lip_net.h"
#include "base/cancel.h"
#include "base/mem.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define REMEDY "docs/wav2lip.md#weights tells how to get one"

/* Where the steps stand between 0 and 1. */
static const double at_samples = 0.05, at_ranges = 0.1, at_choice = 0.5, at_end = 0.95;

struct job {
    const struct ac_optimize *how;
    struct ac_env *env;
    struct ac_cancel *cancel;
    struct ac_w2l_weights *weights;
    const struct ac_w2l_samples *samples;
    struct ac_w2l_tests *tests;
    char *path, *folder, *fresh;
    struct ac_w2l_plan plan;
    struct ac_w2l_trial trial; /* of the plan */
    double ms_before;
};

static void progress(const struct job *j, double done, const char *step)
{
    if (j->how->progress)
        j->how->progress(j->how->arg, done, step);
}

static void found(const struct job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void found(const struct job *j, const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (j->how->found)
        j->how->found(j->how->arg, line);
}

static bool wants(const struct job *j, const char *precision)
{
    return strcmp(j->how->precision, precision) == 0;
}

/* ---- which parts in floats ---- */

/* "int8", "fp32", "int8, d6 and output fp32" … */
static void describe(const struct job *j, char text[AC_W2L_PRECISION])
{
    size_t n = ac_w2l_parts(j->weights), floats = 0, at;
    char name[AC_W2L_PART_NAME];

    for (size_t i = 0; i < n; i++)
        floats += !j->plan.int8[i];
    at = (size_t)snprintf(text, AC_W2L_PRECISION, "%s", floats == n ? "fp32" : "int8");
    for (size_t i = 0; floats < n && i < n && at < AC_W2L_PRECISION; i++) {
        if (j->plan.int8[i])
            continue;
        ac_w2l_part_name(j->weights, i, name);
        at += (size_t)snprintf(text + at, AC_W2L_PRECISION - at, ", %s fp32", name);
    }
}

static int try_plan(struct job *j, const struct ac_w2l_plan *plan, struct ac_w2l_trial *trial)
{
    return ac_w2l_tests_try(j->tests, plan, trial, j->cancel, j->env);
}

/*
 * Finds the part in 8 bits whose floats gain the most decibels for a millisecond. *best: SIZE_MAX when there
 * is none left.
 */
static int best_part(struct job *j, size_t *best, struct ac_w2l_trial *with)
{
    const double least_ms = 0.1; /* what is not measurable */
    double most = 0;
    int err = 0;

    *best = SIZE_MAX;
    for (size_t i = 0; !err && i < ac_w2l_parts(j->weights); i++) {
        struct ac_w2l_plan plan = j->plan;
        struct ac_w2l_trial trial;
        if (!plan.int8[i])
            continue;
        plan.int8[i] = false;
        err = try_plan(j, &plan, &trial);
        double cost = trial.ms - j->trial.ms > least_ms ? trial.ms - j->trial.ms : least_ms;
        double gain = (trial.psnr_db - j->trial.psnr_db) / cost;
        if (!err && (*best == SIZE_MAX || gain > most)) {
            *best = i;
            *with = trial;
            most = gain;
        }
    }
    return err;
}

static int choose(struct job *j)
{
    size_t n = ac_w2l_parts(j->weights), best;
    struct ac_w2l_trial with;
    char name[AC_W2L_PART_NAME];

    for (size_t i = 0; i < n; i++)
        j->plan.int8[i] = true;
    int err = try_plan(j, &j->plan, &j->trial);
    if (!err)
        found(j, "all parts in 8 bits: %.1f dB, %.1f ms a picture", j->trial.psnr_db, j->trial.ms);
    for (size_t i = 0; !err && wants(j, "auto") && j->trial.psnr_db < j->how->psnr_db; i++) {
        progress(j, at_choice + (at_end - at_choice) * (double)i / (double)n,
                 "choosing what stays in floats");
        err = best_part(j, &best, &with);
        if (err || best == SIZE_MAX)
            break;
        j->plan.int8[best] = false;
        j->trial = with;
        ac_w2l_part_name(j->weights, best, name);
        found(j, "%s in floats: %.1f dB, %.1f ms a picture", name, with.psnr_db, with.ms);
    }
    /* its files lie in the folder where nothing was tried after it */
    return err ? err : try_plan(j, &j->plan, &j->trial);
}

/* ---- the steps ---- */

static void on_calibration(void *arg, double share)
{
    progress(arg, at_ranges + (at_choice - at_ranges) * share, "measuring with faces and speech");
}

static int measure_export(struct job *j)
{
    struct ac_w2l_net *net;

    int err = ac_w2l_net_open_plain(&net, j->path, j->env);
    if (!err) {
        err = ac_w2l_net_measure(net, &j->ms_before, j->env);
        ac_w2l_net_close(net);
    }
    return err;
}

/* Floats need no ranges: the samples are there for their time alone. */
static int make_floats(struct job *j)
{
    size_t floats = AC_W2L_FACE_PLANES * (size_t)j->weights->side * (size_t)j->weights->side;
    struct ac_w2l_samples nothing = {.side = j->weights->side, .n_faces = 1, .n_windows = 4};

    nothing.planes = ac_zalloc(floats * sizeof *nothing.planes);
    nothing.windows = ac_zalloc(nothing.n_windows * AC_W2L_WINDOW * sizeof *nothing.windows);
    int err =
        ac_w2l_tests_new(&j->tests, j->weights, &nothing, j->fresh, NULL, NULL, NULL, j->cancel, j->env);
    if (!err)
        err = try_plan(j, &j->plan, &j->trial);
    j->trial.psnr_db = 0;
    ac_w2l_tests_free(j->tests);
    j->tests = NULL;
    ac_w2l_samples_free(&nothing);
    return err;
}

static int make_graphs(struct job *j)
{
    j->plan.weight_max = ac_w2l_weight_max();
    if (wants(j, "fp32"))
        return make_floats(j);
    int err = ac_w2l_tests_new(&j->tests, j->weights, j->samples, j->fresh, &j->plan, on_calibration, j,
                               j->cancel, j->env);
    return err ? err : choose(j);
}

static int finish(struct job *j)
{
    struct ac_w2l_folder f = {.side = j->weights->side,
                              .weight_max = j->plan.weight_max,
                              .psnr_db = j->trial.psnr_db,
                              .ms_before = j->ms_before,
                              .ms = j->trial.ms,
                              .bytes = (int64_t)j->trial.bytes};

    progress(j, at_end, "writing");
    memcpy(f.source_sha256, j->weights->sha256, sizeof f.source_sha256);
    describe(j, f.precision);
    int err = ac_w2l_folder_source(&f, j->path);
    if (err)
        return ac_env_fail(j->env, err, "'%s' cannot be read: %s", j->path, strerror(errno));
    err = ac_w2l_folder_write(&f, j->fresh, j->env);
    if (!err && ac_cancelled(j->cancel))
        err = AC_ECANCELED;
    if (!err)
        err = ac_w2l_folder_replace(j->fresh, j->folder, j->env);
    if (err)
        return err;
    if (f.psnr_db > 0)
        found(j, "%s: %.1f dB from the original, %.0f MB", f.precision, f.psnr_db, (double)f.bytes / 1e6);
    else
        found(j, "%s: as the original, %.0f MB", f.precision, (double)f.bytes / 1e6);
    found(j, "%.1f ms a picture on one core instead of %.1f", f.ms, f.ms_before);
    found(j, "in %s", j->folder);
    progress(j, 1, "done");
    return 0;
}

static int run(struct job *j)
{
    const struct ac_optimize *how = j->how;
    struct ac_w2l_samples own = {0};

    progress(j, 0, "reading the weights");
    int err = ac_w2l_weights_load(&j->weights, j->path, REMEDY, j->env);
    if (!err)
        err = measure_export(j);
    progress(j, at_samples, "collecting faces and speech");
    if (!err && !j->samples && !wants(j, "fp32")) {
        err = ac_w2l_samples_make(&own, j->weights->side, how->choices, how->speech, how->n_speech, j->cancel,
                                  j->env);
        j->samples = &own;
        if (!err)
            found(j, "measured with %zu face%s and %zu moments of speech", own.n_faces,
                  own.n_faces == 1 ? "" : "s", own.n_windows);
    }
    if (!err && !mkdtemp(j->fresh))
        err = ac_env_fail(j->env, AC_EIO, "cannot make a folder beside '%s': %s", j->path, strerror(errno));
    if (!err)
        err = chmod(j->fresh, 0755) == 0 ? make_graphs(j) : AC_EIO;
    if (!err)
        err = finish(j);
    ac_w2l_tests_free(j->tests);
    if (err)
        ac_w2l_folder_remove(j->fresh);
    ac_w2l_samples_free(&own);
    ac_w2l_weights_free(j->weights);
    return err;
}

enum { STALE_S = 3600 };

/* Folders of runs that were killed; those of one that runs are younger. */
static void remove_stale(const char *folder)
{
    char *pattern = ac_asprintf("%s.??????", folder);
    struct stat st;
    glob_t g;

    if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++)
            if (stat(g.gl_pathv[i], &st) == 0 && st.st_mtime < time(NULL) - STALE_S)
                ac_w2l_folder_remove(g.gl_pathv[i]);
        globfree(&g);
    }
    free(pattern);
}

int ac_w2l_optimize_with(struct ac_env *env, const struct ac_optimize *how,
                         const struct ac_w2l_samples *samples, struct ac_cancel *cancel)
{
    struct job j = {.how = how, .env = env, .cancel = cancel, .samples = samples};

    if (!wants(&j, "auto") && !wants(&j, "int8") && !wants(&j, "fp32"))
        return ac_env_fail(env, AC_EINVAL, "precision is auto, int8 or fp32, not '%.40s'", how->precision);
    j.path = ac_env_path(env, how->file);
    if (!j.path)
        return ac_env_fail(env, AC_EMODEL, "the model '%s' is missing: " REMEDY, how->file);
    j.folder = ac_w2l_folder_of(j.path);
    j.fresh = ac_asprintf("%s.XXXXXX", j.folder);
    remove_stale(j.folder);
    int err = run(&j);
    free(j.fresh);
    free(j.folder);
    free(j.path);
    return err;
}

int ac_w2l_optimize(struct ac_env *env, const struct ac_optimize *how, struct ac_cancel *cancel)
{
    return ac_w2l_optimize_with(env, how, NULL, cancel);
}
