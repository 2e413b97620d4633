/* Models: opening a file, its metadata, running it (infer.h). */
#include "infer/private.h"

#include "base/cancel.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY_SIZE = 200 };

struct ac_infer {
    const struct ac_ort *ort;
    OrtSession *session;
    OrtAllocator *allocator; /* ONNX Runtime's default one, not ours to free */
    OrtModelMetadata *metadata;
    struct ac_tensor_info *in, *out; /* names are ours */
    size_t n_in, n_out;
    char *path;
};

/* ---- tensors ---- */

static const struct {
    enum ac_tensor_type type;
    ONNXTensorElementDataType ort;
    size_t bytes;
    const char *name;
} types[] = {
    {AC_TENSOR_F32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, 4, "f32"},
    {AC_TENSOR_I32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, 4, "i32"},
    {AC_TENSOR_I64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, 8, "i64"},
    {AC_TENSOR_U8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, 1, "u8"},
};
enum { N_TYPES = sizeof types / sizeof *types };

static int type_index(enum ac_tensor_type type)
{
    for (int i = 0; i < N_TYPES; i++) {
        if (types[i].type == type)
            return i;
    }
    return -1;
}

static const char *type_name(enum ac_tensor_type type)
{
    int i = type_index(type);
    return i < 0 ? "another type" : types[i].name;
}

static enum ac_tensor_type type_of_ort(ONNXTensorElementDataType type)
{
    for (int i = 0; i < N_TYPES; i++) {
        if (types[i].ort == type)
            return types[i].type;
    }
    return AC_TENSOR_OTHER;
}

size_t ac_tensor_count(const struct ac_tensor *t)
{
    size_t n = 1;

    for (size_t i = 0; i < t->rank; i++)
        n *= (size_t)t->shape[i];
    return n;
}

void ac_tensor_free(struct ac_tensor *t)
{
    if (t->value)
        ac_ort_api()->ReleaseValue(t->value);
    *t = (struct ac_tensor){.name = t->name};
}

/* Type and shape of what the file or a value says; api: the loaded one. */
static int read_shape(const struct ac_ort *ort, const OrtTensorTypeAndShapeInfo *from,
                      struct ac_tensor_info *info, char *why)
{
    ONNXTensorElementDataType type;

    int err = ac_ort_status(ort, ort->api->GetTensorElementType(from, &type), why, WHY_SIZE);
    if (!err)
        err = ac_ort_status(ort, ort->api->GetDimensionsCount(from, &info->rank), why, WHY_SIZE);
    if (err)
        return err;
    info->type = type_of_ort(type);
    if (info->rank > AC_TENSOR_MAX_RANK) {
        snprintf(why, WHY_SIZE, "a tensor has %zu dimensions, at most %d are possible", info->rank,
                 AC_TENSOR_MAX_RANK);
        return AC_EENGINE;
    }
    return ac_ort_status(ort, ort->api->GetDimensions(from, info->shape, info->rank), why, WHY_SIZE);
}

/* ---- opening ---- */

static int describe(const struct ac_infer *m, bool output, size_t i, struct ac_tensor_info *info, char *why)
{
    const OrtApi *api = m->ort->api;
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    OrtTypeInfo *type = NULL;
    char *name = NULL;

    int err = ac_ort_status(m->ort,
                            output ? api->SessionGetOutputName(m->session, i, m->allocator, &name)
                                   : api->SessionGetInputName(m->session, i, m->allocator, &name),
                            why, WHY_SIZE);
    if (err)
        return err;
    info->name = ac_strdup(name);
    ac_ort_status(m->ort, api->AllocatorFree(m->allocator, name), NULL, 0);
    err = ac_ort_status(m->ort,
                        output ? api->SessionGetOutputTypeInfo(m->session, i, &type)
                               : api->SessionGetInputTypeInfo(m->session, i, &type),
                        why, WHY_SIZE);
    if (!err)
        err = ac_ort_status(m->ort, api->CastTypeInfoToTensorInfo(type, &shape), why, WHY_SIZE);
    if (!err && shape) /* NULL: a sequence or map, which stays AC_TENSOR_OTHER */
        err = read_shape(m->ort, shape, info, why);
    if (type)
        api->ReleaseTypeInfo(type);
    return err;
}

static int describe_all(struct ac_infer *m, char *why)
{
    const OrtApi *api = m->ort->api;

    int err = ac_ort_status(m->ort, api->SessionGetInputCount(m->session, &m->n_in), why, WHY_SIZE);
    if (!err)
        err = ac_ort_status(m->ort, api->SessionGetOutputCount(m->session, &m->n_out), why, WHY_SIZE);
    if (err) {
        m->n_in = m->n_out = 0;
        return err;
    }
    m->in = ac_zalloc((m->n_in + 1) * sizeof *m->in);
    m->out = ac_zalloc((m->n_out + 1) * sizeof *m->out);
    for (size_t i = 0; !err && i < m->n_in; i++)
        err = describe(m, false, i, &m->in[i], why);
    for (size_t i = 0; !err && i < m->n_out; i++)
        err = describe(m, true, i, &m->out[i], why);
    return err;
}

static int make_options(const struct ac_ort *ort, unsigned flags, OrtSessionOptions **options, char *why)
{
    const OrtApi *api = ort->api;

    int err = ac_ort_status(ort, api->CreateSessionOptions(options), why, WHY_SIZE);
    if (!err && flags & AC_INFER_ONE_THREAD)
        err = ac_ort_status(ort, api->SetIntraOpNumThreads(*options, 1), why, WHY_SIZE);
    else if (!err)
        err = ac_ort_status(ort, api->DisablePerSessionThreads(*options), why, WHY_SIZE);
    if (!err && flags & AC_INFER_NO_ARENA)
        err = ac_ort_status(ort, api->DisableCpuMemArena(*options), why, WHY_SIZE);
    if (!err && flags & AC_INFER_STEPS) /* the fused product pads the one column to sixteen */
        err = ac_ort_status(ort,
                            api->AddSessionConfigEntry(*options, "optimization.disable_specified_optimizers",
                                                       "MatmulTransposeFusion"),
                            why, WHY_SIZE);
    if (!err && flags & AC_INFER_EXACT_INT8)
        err = ac_ort_status(ort, api->AddSessionConfigEntry(*options, "session.x64quantprecision", "1"), why,
                            WHY_SIZE);
    if (!err) /* patterns are kept for each shape seen, and utterances have all lengths */
        err = ac_ort_status(ort, api->DisableMemPattern(*options), why, WHY_SIZE);
    return err;
}

static int open_session(struct ac_infer *m, unsigned flags, char *why)
{
    const OrtApi *api = m->ort->api;
    OrtSessionOptions *options = NULL;

    int err = make_options(m->ort, flags, &options, why);
    if (!err)
        err = ac_ort_status(m->ort, api->CreateSession(m->ort->env, m->path, options, &m->session), why,
                            WHY_SIZE);
    if (!err)
        err = ac_ort_status(m->ort, api->GetAllocatorWithDefaultOptions(&m->allocator), why, WHY_SIZE);
    if (!err)
        err = ac_ort_status(m->ort, api->SessionGetModelMetadata(m->session, &m->metadata), why, WHY_SIZE);
    if (!err)
        err = describe_all(m, why);
    if (options)
        api->ReleaseSessionOptions(options);
    return err;
}

int ac_infer_open(struct ac_infer **out, const char *path, const char *remedy, unsigned flags,
                  struct ac_env *env)
{
    const struct ac_ort *ort;
    char why[WHY_SIZE] = "", *found = ac_env_path(env, path);

    *out = NULL;
    if (!found)
        return ac_env_fail(env, AC_EMODEL, "the model '%s' is missing: %s", path, remedy);
    const char *fault = ac_onnx_file_fault(found, why, sizeof why);
    if (fault) {
        ac_env_fail(env, AC_EMODEL, "the model '%s' %s; %s", found, fault, remedy);
        free(found);
        return AC_EMODEL;
    }
    if (ac_ort_get(&ort, env) != 0) {
        free(found);
        return AC_EMODEL;
    }
    struct ac_infer *m = ac_zalloc(sizeof *m);
    m->ort = ort;
    m->path = found;
    if (open_session(m, flags, why) != 0) {
        ac_env_fail(env, AC_EMODEL, "the model '%s' does not load; %s (ONNX Runtime says: %s)", found, remedy,
                    why);
        ac_infer_close(m);
        return AC_EMODEL;
    }
    *out = m;
    return 0;
}

static void free_infos(struct ac_tensor_info *infos, size_t n)
{
    for (size_t i = 0; infos && i < n; i++)
        free((char *)infos[i].name);
    free(infos);
}

void ac_infer_close(struct ac_infer *m)
{
    if (!m)
        return;
    if (m->metadata)
        m->ort->api->ReleaseModelMetadata(m->metadata);
    if (m->session)
        m->ort->api->ReleaseSession(m->session);
    free_infos(m->in, m->n_in);
    free_infos(m->out, m->n_out);
    free(m->path);
    free(m);
    ac_ort_put();
}

/* ---- what the file says ---- */

char *ac_infer_meta(const struct ac_infer *m, const char *key)
{
    char *value = NULL, *copy;

    ac_ort_status(m->ort,
                  m->ort->api->ModelMetadataLookupCustomMetadataMap(m->metadata, m->allocator, key, &value),
                  NULL, 0);
    if (!value)
        return NULL;
    copy = ac_strdup(value);
    ac_ort_status(m->ort, m->ort->api->AllocatorFree(m->allocator, value), NULL, 0);
    return copy;
}

int ac_infer_meta_int(const struct ac_infer *m, const char *key, int64_t min, int64_t max, int64_t *value,
                      struct ac_env *env)
{
    char *text = ac_infer_meta(m, key), *end;
    int err = 0;

    if (!text)
        return ac_env_fail(env, AC_EMODEL, "'%s' is another model than expected: its metadata lack '%s'",
                           m->path, key);
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < min || v > max)
        err = ac_env_fail(
            env, AC_EMODEL,
            "'%s' is another model than expected: its '%s' is '%.40s', not a number from %lld to %lld",
            m->path, key, text, (long long)min, (long long)max);
    *value = v;
    free(text);
    return err;
}

bool ac_infer_find(const struct ac_infer *m, bool output, const char *name, struct ac_tensor_info *info)
{
    const struct ac_tensor_info *all = output ? m->out : m->in;

    for (size_t i = 0; i < (output ? m->n_out : m->n_in); i++) {
        if (strcmp(all[i].name, name) == 0) {
            *info = all[i];
            return true;
        }
    }
    return false;
}

bool ac_infer_at(const struct ac_infer *m, bool output, size_t i, struct ac_tensor_info *info)
{
    if (i >= (output ? m->n_out : m->n_in))
        return false;
    *info = output ? m->out[i] : m->in[i];
    return true;
}

static int expect_one(const struct ac_infer *m, bool output, const struct ac_tensor_info *want,
                      struct ac_env *env)
{
    const char *kind = output ? "output" : "input";
    struct ac_tensor_info has;

    if (!ac_infer_find(m, output, want->name, &has))
        return ac_env_fail(env, AC_EMODEL, "'%s' is another model than expected: it has no %s '%s'", m->path,
                           kind, want->name);
    if (has.type != want->type || has.rank != want->rank)
        return ac_env_fail(
            env, AC_EMODEL,
            "'%s' is another model than expected: its %s '%s' is %s with %zu dimensions, not %s with %zu",
            m->path, kind, want->name, type_name(has.type), has.rank, type_name(want->type), want->rank);
    for (size_t i = 0; i < want->rank; i++) {
        if (want->shape[i] >= 0 && has.shape[i] >= 0 && want->shape[i] != has.shape[i])
            return ac_env_fail(
                env, AC_EMODEL,
                "'%s' is another model than expected: dimension %zu of its %s '%s' is %lld, not %lld",
                m->path, i, kind, want->name, (long long)has.shape[i], (long long)want->shape[i]);
    }
    return 0;
}

int ac_infer_expect(const struct ac_infer *m, const struct ac_tensor_info *in, size_t n_in,
                    const struct ac_tensor_info *out, size_t n_out, struct ac_env *env)
{
    int err = 0;

    if (m->n_in != n_in)
        return ac_env_fail(env, AC_EMODEL, "'%s' is another model than expected: it has %zu inputs, not %zu",
                           m->path, m->n_in, n_in);
    for (size_t i = 0; !err && i < n_in; i++)
        err = expect_one(m, false, &in[i], env);
    for (size_t i = 0; !err && i < n_out; i++)
        err = expect_one(m, true, &out[i], env);
    return err;
}

/* ---- running ---- */

/* The values of one run; those of inputs that came as tensors with a value are borrowed. */
struct run {
    const char **in_names, **out_names;
    OrtValue **in, **out;
    size_t n_in, n_out;
};

static int make_input(const struct ac_infer *m, const struct ac_tensor *t, OrtValue **value, char *why)
{
    int type = type_index(t->type);

    if (type < 0 || t->rank > AC_TENSOR_MAX_RANK) {
        snprintf(why, WHY_SIZE, "input '%s' has no type or too many dimensions", t->name);
        return AC_EINVAL;
    }
    for (size_t i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0) {
            snprintf(why, WHY_SIZE, "dimension %zu of input '%s' is negative", i, t->name);
            return AC_EINVAL;
        }
    }
    return ac_ort_status(m->ort,
                         m->ort->api->CreateTensorWithDataAsOrtValue(
                             m->ort->memory, t->data, ac_tensor_count(t) * types[type].bytes, t->shape,
                             t->rank, types[type].ort, value),
                         why, WHY_SIZE);
}

static int run_begin(const struct ac_infer *m, struct run *r, const struct ac_tensor *in, size_t n_in,
                     const struct ac_tensor *out, size_t n_out, char *why)
{
    int err = 0;

    r->in_names = ac_zalloc((n_in + n_out) * sizeof *r->in_names);
    r->out_names = r->in_names + n_in;
    r->in = ac_zalloc((n_in + n_out) * sizeof *r->in);
    r->out = r->in + n_in;
    r->n_in = n_in;
    r->n_out = n_out;
    for (size_t i = 0; !err && i < n_in; i++) {
        r->in_names[i] = in[i].name;
        if (in[i].value)
            r->in[i] = in[i].value;
        else
            err = make_input(m, &in[i], &r->in[i], why);
    }
    for (size_t i = 0; i < n_out; i++)
        r->out_names[i] = out[i].name;
    return err;
}

static void run_end(const struct ac_infer *m, struct run *r, const struct ac_tensor *in)
{
    for (size_t i = 0; i < r->n_in; i++) {
        if (r->in[i] && !in[i].value)
            m->ort->api->ReleaseValue(r->in[i]);
    }
    for (size_t i = 0; i < r->n_out; i++) {
        if (r->out[i])
            m->ort->api->ReleaseValue(r->out[i]);
    }
    free(r->in);
    free(r->in_names);
}

/* Fills the tensor, which then holds the value. */
static int take_output(const struct ac_infer *m, struct ac_tensor *t, OrtValue **value, char *why)
{
    const OrtApi *api = m->ort->api;
    OrtTensorTypeAndShapeInfo *shape = NULL;
    struct ac_tensor_info info = {0};
    void *data = NULL;

    int err = ac_ort_status(m->ort, api->GetTensorTypeAndShape(*value, &shape), why, WHY_SIZE);
    if (!err)
        err = read_shape(m->ort, shape, &info, why);
    if (!err)
        err = ac_ort_status(m->ort, api->GetTensorMutableData(*value, &data), why, WHY_SIZE);
    if (shape)
        api->ReleaseTensorTypeAndShapeInfo(shape);
    if (err)
        return err;
    *t = (struct ac_tensor){
        .name = t->name, .type = info.type, .rank = info.rank, .data = data, .value = *value};
    memcpy(t->shape, info.shape, sizeof t->shape);
    *value = NULL;
    return 0;
}

static int run_watched(const struct ac_infer *m, struct run *r, struct ac_cancel *cancel, char *why)
{
    const OrtApi *api = m->ort->api;
    struct ac_infer_watch watch = {.ort = m->ort, .cancel = cancel};
    bool watched = false;

    int err = cancel ? ac_ort_status(m->ort, api->CreateRunOptions(&watch.options), why, WHY_SIZE) : 0;
    if (!err && cancel) {
        err = ac_infer_watch_begin(&watch);
        watched = !err;
    }
    if (!err)
        err = ac_ort_status(m->ort,
                            api->Run(m->session, watch.options, r->in_names, (const OrtValue *const *)r->in,
                                     r->n_in, r->out_names, r->n_out, r->out),
                            why, WHY_SIZE);
    if (watched)
        ac_infer_watch_end(&watch);
    if (watch.options)
        api->ReleaseRunOptions(watch.options);
    return err;
}

int ac_infer_run(struct ac_infer *m, const struct ac_tensor *in, size_t n_in, struct ac_tensor *out,
                 size_t n_out, struct ac_cancel *cancel, struct ac_env *env)
{
    char why[WHY_SIZE] = "";
    struct run r = {0};
    int canceled = ac_cancel_reason(cancel);

    int err = canceled ? canceled : run_begin(m, &r, in, n_in, out, n_out, why);
    if (!err)
        err = run_watched(m, &r, cancel, why);
    if (err)
        canceled = ac_cancel_reason(cancel);
    for (size_t i = 0; !err && i < n_out; i++)
        err = take_output(m, &out[i], &r.out[i], why);
    for (size_t i = 0; err && i < n_out; i++)
        ac_tensor_free(&out[i]);
    run_end(m, &r, in);
    if (canceled)
        return ac_env_fail(env, canceled, "%s", ac_err_text(canceled));
    return err ? ac_env_fail(env, err, "the model '%s' failed: %s", m->path, why) : 0;
}
