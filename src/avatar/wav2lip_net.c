/*
 * Running Wav2Lip's generator (wav2lip_net.h).
 *
 * An export is run whole for every picture: what is kept of a template picture is its face as 8-bit pixels.
 * Its inputs and outputs are known by their shapes, since names and order are the exporter's.
 *
 * Of an optimised folder (wav2lip_folder.h) the mouth's graph is open all the time, the face encoder's only
 * when it is asked for: a template's maps are made once, and it takes more memory than the mouth. What is
 * kept of a template picture are the maps, one after the other, each from a multiple of 64 bytes on.
 */
#include "avatar/wav2lip_net.h"

#include "avatar/wav2lip_calibrate.h"
#include "avatar/wav2lip_face.h"
#include "avatar/wav2lip_folder.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "infer/infer.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REMEDY "docs/wav2lip.md#weights tells how to get one"
#define AGAIN  "run 'avatar-chat models optimize' again"

enum {
    FACE_PLANES = AC_W2L_FACE_PLANES,
    COLOURS = AC_W2L_COLOURS,
    ALIGN = 64,
    FACE_IDLE_US = 3000000,
    TRIES = 4
};

struct map {
    struct ac_tensor_info info; /* the name is the mouth's */
    size_t offset, bytes;
};

struct ac_w2l_net {
    struct ac_w2l_net_info info;
    /* an export */
    struct ac_infer *whole;
    const char *face_in, *mel_in, *out; /* names, of `whole` */
    /* an optimised folder */
    struct ac_infer *mouth;
    struct map maps[AC_W2L_MAX_BLOCKS];
    size_t n_maps;
    unsigned flags;  /* how its models are opened */
    char *face_path; /* for people */
    int face_fd;     /* this very file, also when `models optimize` has replaced the folder meanwhile */
    pthread_mutex_t lock;
    struct ac_infer *face; /* lock; NULL while nobody asks */
    size_t face_users;     /* lock */
    int64_t face_used_us;  /* lock */
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

/* ---- opening an optimised folder ---- */

static size_t map_bytes(const struct ac_tensor_info *t)
{
    size_t n = t->type == AC_TENSOR_U8 ? 1 : sizeof(float);

    for (size_t i = 0; i < t->rank; i++)
        n *= (size_t)t->shape[i];
    return n;
}

static bool has_shape(const struct ac_tensor_info *t, int64_t b, int64_t c, int64_t d)
{
    return t->type == AC_TENSOR_F32 && t->rank == 4 && t->shape[0] == 1 && t->shape[1] == b &&
           t->shape[2] == c && t->shape[3] == d;
}

static bool is_map(const struct ac_tensor_info *t)
{
    return (t->type == AC_TENSOR_U8 || t->type == AC_TENSOR_F32) && t->rank == 4 && t->shape[0] == 1 &&
           t->shape[1] > 0 && t->shape[2] > 0 && t->shape[3] > 0;
}

/* The inputs of the mouth besides mel are the maps. */
static int find_maps(struct ac_w2l_net *n, struct ac_env *env)
{
    struct ac_tensor_info t;
    bool fits = ac_infer_find(n->mouth, true, "mouth", &t) &&
                has_shape(&t, COLOURS, n->info.side / 2, n->info.side) &&
                ac_infer_find(n->mouth, false, "mel", &t) && has_shape(&t, 1, AC_W2L_BANDS, AC_W2L_COLUMNS);

    for (size_t i = 0; fits && ac_infer_at(n->mouth, false, i, &t); i++) {
        if (strcmp(t.name, "mel") == 0)
            continue;
        fits = is_map(&t) && n->n_maps < AC_W2L_MAX_BLOCKS;
        if (!fits)
            break;
        struct map *map = &n->maps[n->n_maps++];
        *map = (struct map){.info = t, .offset = n->info.maps_bytes, .bytes = map_bytes(&t)};
        n->info.maps_bytes += (map->bytes + ALIGN - 1) / ALIGN * ALIGN;
    }
    return fits ? 0 : ac_env_fail(env, AC_EMODEL, "the optimised mouth.onnx is another model: " AGAIN);
}

/* AC_ENOENT: there is none, or none that fits (info.note says why). */
static int open_folder(struct ac_w2l_net *n, const char *path, struct ac_env *env)
{
    struct ac_w2l_folder f;
    char why[128] = "", *folder = ac_w2l_folder_of(path);

    int err = ac_w2l_folder_read(&f, path, why, sizeof why);
    if (err == AC_EMODEL) {
        snprintf(
            n->info.note, sizeof n->info.note,
            "the optimised form %s, so the export itself runs, slower: run 'avatar-chat models optimize' "
            "again",
            why);
        err = AC_ENOENT;
    }
    if (!err) {
        char *mouth = ac_asprintf("%s/mouth.onnx", folder);
        n->info.side = f.side;
        n->info.optimized = true;
        memcpy(n->info.maps_id, f.face_sha256, sizeof n->info.maps_id);
        snprintf(n->info.precision, sizeof n->info.precision, "%s", f.precision);
        n->face_path = ac_asprintf("%s/face.onnx", folder);
        n->face_fd = open(n->face_path, O_RDONLY | O_CLOEXEC);
        n->flags = AC_INFER_ONE_THREAD | AC_INFER_NO_ARENA;
        if (f.weight_max > ac_w2l_weight_max()) /* made on a better processor */
            n->flags |= AC_INFER_EXACT_INT8;
        err = ac_infer_open(&n->mouth, mouth, AGAIN, n->flags, env);
        free(mouth);
    }
    if (!err)
        err = find_maps(n, env);
    malloc_trim(0); /* what reading and packing the weights took for a while */
    free(folder);
    return err;
}

static int open_net(struct ac_w2l_net **out, const char *path, bool plain, struct ac_env *env)
{
    struct ac_w2l_net *n = ac_zalloc(sizeof *n);
    char *found = ac_env_path(env, path);

    *out = NULL;
    n->face_fd = -1;
    pthread_mutex_init(&n->lock, NULL);
    int err = found && !plain ? open_folder(n, found, env) : AC_ENOENT;
    if (err == AC_ENOENT) {
        err = open_whole(n, path, env);
        if (!err && (!found || ac_sha256_file(found, n->info.maps_id) != 0))
            err = ac_env_fail(env, AC_EMODEL, "the model '%s' cannot be read; " REMEDY, path);
    }
    free(found);
    if (err)
        ac_w2l_net_close(n);
    else
        *out = n;
    return err;
}

int ac_w2l_net_open(struct ac_w2l_net **net, const char *path, struct ac_env *env)
{
    return open_net(net, path, false, env);
}

int ac_w2l_net_open_plain(struct ac_w2l_net **net, const char *path, struct ac_env *env)
{
    return open_net(net, path, true, env);
}

void ac_w2l_net_close(struct ac_w2l_net *n)
{
    if (!n)
        return;
    ac_infer_close(n->whole);
    ac_infer_close(n->mouth);
    ac_infer_close(n->face);
    if (n->face_fd >= 0)
        close(n->face_fd);
    free(n->face_path);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

const struct ac_w2l_net_info *ac_w2l_net_info(const struct ac_w2l_net *n)
{
    return &n->info;
}

/* ---- the face ---- */

/* The face encoder, opened by the first who asks. Each use is given back. */
static int take_face(struct ac_w2l_net *n, struct ac_infer **face, struct ac_env *env)
{
    char sum[65] = "", path[32];
    int err = 0;

    snprintf(path, sizeof path, "/proc/self/fd/%d", n->face_fd);
    pthread_mutex_lock(&n->lock);
    if (!n->face) {
        if (ac_sha256_file(path, sum) != 0 || strcmp(sum, n->info.maps_id) != 0)
            err = ac_env_fail(env, AC_EMODEL, "'%s' is damaged: " AGAIN, n->face_path);
        else
            err = ac_infer_open(&n->face, path, AGAIN, n->flags, env);
    }
    if (!err)
        n->face_users++;
    *face = n->face;
    pthread_mutex_unlock(&n->lock);
    return err;
}

static void give_face(struct ac_w2l_net *n)
{
    pthread_mutex_lock(&n->lock);
    n->face_users--;
    n->face_used_us = ac_now_us();
    pthread_mutex_unlock(&n->lock);
}

/* Closes the face encoder where nobody has asked for it for a while. */
static void rest_face(struct ac_w2l_net *n)
{
    struct ac_infer *unused = NULL;

    if (pthread_mutex_trylock(&n->lock) != 0)
        return; /* somebody is busy with it */
    if (n->face && n->face_users == 0 && ac_now_us() - n->face_used_us > FACE_IDLE_US) {
        unused = n->face;
        n->face = NULL;
    }
    pthread_mutex_unlock(&n->lock);
    if (!unused)
        return;
    ac_infer_close(unused);
    malloc_trim(0);
}

static int copy_maps(const struct ac_w2l_net *n, const struct ac_tensor *out, void *maps, struct ac_env *env)
{
    for (size_t i = 0; i < n->n_maps; i++) {
        const struct map *map = &n->maps[i];
        if (out[i].type != map->info.type ||
            ac_tensor_count(&out[i]) * (out[i].type == AC_TENSOR_U8 ? 1 : sizeof(float)) != map->bytes)
            return ac_env_fail(env, AC_EMODEL, "'%s' does not belong to its mouth.onnx: " AGAIN,
                               n->face_path);
        memcpy((char *)maps + map->offset, out[i].data, map->bytes);
    }
    return 0;
}

static int encode_face(struct ac_w2l_net *n, const uint8_t *bgr, void *maps, struct ac_cancel *cancel,
                       struct ac_env *env)
{
    int side = n->info.side;
    float *planes = ac_alloc(FACE_PLANES * (size_t)side * (size_t)side * sizeof *planes);
    struct ac_tensor in = AC_TENSOR("face", AC_TENSOR_F32, planes, 1, FACE_PLANES, side, side);
    struct ac_tensor out[AC_W2L_MAX_BLOCKS] = {{0}};
    struct ac_infer *face;

    for (size_t i = 0; i < n->n_maps; i++)
        out[i].name = n->maps[i].info.name;
    ac_w2l_face_planes(bgr, side, planes);
    int err = take_face(n, &face, env);
    if (!err) {
        err = ac_infer_run(face, &in, 1, out, n->n_maps, cancel, env);
        if (!err)
            err = copy_maps(n, out, maps, env);
        for (size_t i = 0; i < n->n_maps; i++)
            ac_tensor_free(&out[i]);
        give_face(n);
    }
    free(planes);
    return err;
}

int ac_w2l_net_face(struct ac_w2l_net *n, const uint8_t *bgr, void *maps, struct ac_cancel *cancel,
                    struct ac_env *env)
{
    if (n->mouth)
        return encode_face(n, bgr, maps, cancel, env);
    memcpy(maps, bgr, n->info.maps_bytes);
    return 0;
}

/* ---- the mouth ---- */

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

static int run_whole(struct ac_w2l_net *n, const float window[AC_W2L_WINDOW], const void *maps, uint8_t *bgr,
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

static int run_mouth(struct ac_w2l_net *n, const float window[AC_W2L_WINDOW], const void *maps, uint8_t *bgr,
                     struct ac_cancel *cancel, struct ac_env *env)
{
    struct ac_tensor out = {.name = "mouth"};
    /* inputs are only read, but have one type with outputs */
    struct ac_tensor in[AC_W2L_MAX_BLOCKS + 1] = {
        AC_TENSOR("mel", AC_TENSOR_F32, (void *)window, 1, 1, AC_W2L_BANDS, AC_W2L_COLUMNS)};

    for (size_t i = 0; i < n->n_maps; i++) {
        const struct map *map = &n->maps[i];
        in[i + 1] = (struct ac_tensor){.name = map->info.name,
                                       .type = map->info.type,
                                       .rank = map->info.rank,
                                       .data = (char *)maps + map->offset};
        memcpy(in[i + 1].shape, map->info.shape, sizeof in[i + 1].shape);
    }
    int err = ac_infer_run(n->mouth, in, n->n_maps + 1, &out, 1, cancel, env);
    if (!err)
        ac_w2l_face_bytes(out.data, n->info.side / 2, n->info.side, bgr);
    ac_tensor_free(&out);
    rest_face(n);
    return err;
}

int ac_w2l_net_mouth(struct ac_w2l_net *n, const float window[AC_W2L_WINDOW], const void *maps, uint8_t *bgr,
                     struct ac_cancel *cancel, struct ac_env *env)
{
    return n->mouth ? run_mouth(n, window, maps, bgr, cancel, env)
                    : run_whole(n, window, maps, bgr, cancel, env);
}

int ac_w2l_net_measure(struct ac_w2l_net *n, double *ms, struct ac_env *env)
{
    uint8_t *maps = ac_zalloc(n->info.maps_bytes),
            *bgr = ac_alloc((size_t)n->info.side * (size_t)n->info.side * COLOURS);
    float window[AC_W2L_WINDOW] = {0};
    int err = 0;

    *ms = 0;
    for (int i = 0; !err && i < TRIES; i++) {
        int64_t begin = ac_now_us();
        err = ac_w2l_net_mouth(n, window, maps, bgr, NULL, env);
        double took = (double)(ac_now_us() - begin) / 1000;
        *ms = i == 0 || took < *ms ? took : *ms;
    }
    free(maps);
    free(bgr);
    return err;
}
