/*
 * Running Wav2Lip's generator (wav2lip_net.h).
 *
 * An export is run whole for every picture: what is kept of a template picture is its face as 8-bit pixels.
 * Its inputs and outputs are known by their shapes, since names and order are the exporter's.
 */
#include "avatar/wav2lip_net.h"

#include "avatar/wav2lip_face.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "infer/infer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REMEDY "docs/wav2lip.md#weights tells how to get one"

enum { FACE_PLANES = 6, COLOURS = 3 };

struct ac_w2l_net {
    struct ac_w2l_net_info info;
    struct ac_infer *whole;
    const char *face_in, *mel_in, *out; /* names, of `whole` */
};

static bool fits(int64_t has, int64_t want)
{
    return has == want || has < 0;
}

/* The face's side, 0 where the input is no face. */
static int face_side(const struct ac_tensor_info *t)
{
    if (t->type != AC_TENSOR_F32 || t->rank != 4 || !fits(t->shape[0], 1) || t->shape[1] != FACE_PLANES ||
        t->shape[2] != t->shape[3] || (t->shape[2] != 96 && t->shape[2] != 256))
        return 0;
    return (int)t->shape[2];
}

static bool is_mel(const struct ac_tensor_info *t)
{
    return t->type == AC_TENSOR_F32 && t->rank == 4 && fits(t->shape[0], 1) && t->shape[1] == 1 &&
           t->shape[2] == AC_W2L_BANDS && t->shape[3] == AC_W2L_COLUMNS;
}

static int recognise(struct ac_w2l_net *n, const char *path, struct ac_env *env)
{
    struct ac_tensor_info t;

    for (size_t i = 0; ac_infer_at(n->whole, false, i, &t); i++) {
        int side = face_side(&t);
        if (side) {
            n->info.side = side;
            n->face_in = t.name;
        } else if (is_mel(&t)) {
            n->mel_in = t.name;
        } else {
            return ac_env_fail(env, AC_EMODEL,
                               "'%s' is no Wav2Lip generator: its input '%s' is neither a mel spectrogram "
                               "(1, 80, 16) nor a face (6, 96, 96 or 6, 256, 256); " REMEDY,
                               path, t.name);
        }
    }
    bool out = ac_infer_at(n->whole, true, 0, &t) && t.type == AC_TENSOR_F32 && t.rank == 4;
    if (!n->face_in || !n->mel_in || !out)
        return ac_env_fail(env, AC_EMODEL, "'%s' is no Wav2Lip generator: it has no %s; " REMEDY, path,
                           !n->face_in  ? "input for a face"
                           : !n->mel_in ? "input for a mel spectrogram"
                                        : "output with a face");
    n->out = t.name;
    return 0;
}

static int open_whole(struct ac_w2l_net *n, const char *path, struct ac_env *env)
{
    int err = ac_infer_open(&n->whole, path, REMEDY, AC_INFER_ONE_THREAD | AC_INFER_NO_ARENA, env);

    if (!err)
        err = recognise(n, path, env);
    if (err)
        return err;
    snprintf(n->info.precision, sizeof n->info.precision, "fp32");
    n->info.maps_bytes = (size_t)n->info.side * (size_t)n->info.side * COLOURS;
    return 0;
}

int ac_w2l_net_open(struct ac_w2l_net **out, const char *path, struct ac_env *env)
{
    struct ac_w2l_net *n = ac_zalloc(sizeof *n);
    char *found = ac_env_path(env, path);

    *out = NULL;
    int err = open_whole(n, path, env);
    if (!err && (!found || ac_sha256_file(found, n->info.source_sha256) != 0))
        err = ac_env_fail(env, AC_EMODEL, "the model '%s' cannot be read; " REMEDY, path);
    free(found);
    if (err)
        ac_w2l_net_close(n);
    else
        *out = n;
    return err;
}

void ac_w2l_net_close(struct ac_w2l_net *n)
{
    if (!n)
        return;
    ac_infer_close(n->whole);
    free(n);
}

const struct ac_w2l_net_info *ac_w2l_net_info(const struct ac_w2l_net *n)
{
    return &n->info;
}

int ac_w2l_net_face(struct ac_w2l_net *n, const uint8_t *bgr, void *maps, struct ac_cancel *cancel,
                    struct ac_env *env)
{
    (void)cancel, (void)env;
    memcpy(maps, bgr, n->info.maps_bytes);
    return 0;
}

/* The lower half of three planes, as bytes. */
static void lower_half(const float *planes, int side, uint8_t *bgr)
{
    size_t half = (size_t)side * (size_t)side / 2;
    float *lower = ac_alloc(COLOURS * half * sizeof *lower);

    for (size_t c = 0; c < COLOURS; c++)
        memcpy(lower + c * half, planes + (2 * c + 1) * half, half * sizeof *lower);
    ac_w2l_face_bytes(lower, side / 2, side, bgr);
    free(lower);
}

int ac_w2l_net_mouth(struct ac_w2l_net *n, const float window[AC_W2L_WINDOW], const void *maps, uint8_t *bgr,
                     struct ac_cancel *cancel, struct ac_env *env)
{
    int side = n->info.side;
    size_t pixels = (size_t)side * (size_t)side;
    float *planes = ac_alloc(FACE_PLANES * pixels * sizeof *planes);
    /* inputs are only read, but have one type with outputs */
    struct ac_tensor in[] = {
        AC_TENSOR(n->face_in, AC_TENSOR_F32, planes, 1, FACE_PLANES, side, side),
        AC_TENSOR(n->mel_in, AC_TENSOR_F32, (void *)window, 1, 1, AC_W2L_BANDS, AC_W2L_COLUMNS)};
    struct ac_tensor out = {.name = n->out};

    ac_w2l_face_planes(maps, side, planes);
    int err = ac_infer_run(n->whole, in, 2, &out, 1, cancel, env);
    free(planes);
    if (!err && (out.type != AC_TENSOR_F32 || ac_tensor_count(&out) != COLOURS * pixels))
        err = ac_env_fail(env, AC_EMODEL,
                          "the model is no Wav2Lip generator: its output is no face of %d pixels; " REMEDY,
                          side);
    if (!err)
        lower_half(out.data, side, bgr);
    ac_tensor_free(&out);
    return err;
}
