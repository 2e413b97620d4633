/*
 * Finds faces and follows one. A detection is only a hint where to look: the mesh is run on it, then again
 * on the region that its own points give, and says whether there is a face at all.
 */
#include "face/face_private.h"

#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>

#define DETECTOR "models/face_detection_short_range.tflite"
#define MESH     "models/face_landmark.tflite"

enum { MAX_FILE = 8 << 20, MAX_TRIED = 32, PASSES = 3 };
#define MAX_DRIFT 0.04F

static int open_net(struct ac_tflite **net, const char *name, struct ac_env *env)
{
    static const struct ac_tflite_limits limits = {.bytes = 64 << 20, .steps = 500000000};
    char reason[AC_TFLITE_REASON], *path = ac_env_path(env, name), *data;
    size_t size;

    if (!path)
        return ac_env_fail(env, AC_EMODEL, "%s is missing: run tools/fetch_models.sh", name);
    int err = ac_read_file(path, MAX_FILE, &data, &size);
    if (err) {
        err = ac_env_fail(env, AC_EMODEL, "%s cannot be read (%s): run tools/fetch_models.sh", path,
                          ac_err_text(err));
    } else {
        err = ac_tflite_open(net, data, size, &limits, reason);
        free(data);
        if (err)
            err = ac_env_fail(env, err == AC_ENOMEM ? err : AC_EMODEL,
                              "%s cannot be used: %s; run tools/fetch_models.sh", path, reason);
    }
    free(path);
    return err;
}

/* Which output has n values; false: none. */
static bool output_of(const struct ac_tflite *net, size_t n, size_t *which)
{
    for (*which = 0; *which < ac_tflite_outputs(net); ++*which)
        if (ac_tflite_output(net, *which)->n == n)
            return true;
    return false;
}

static bool takes_square(struct ac_tflite *net, int side)
{
    const struct ac_tflite_tensor *in = ac_tflite_input(net);

    return in->rank == 4 && in->dim[0] == 1 && in->dim[1] == side && in->dim[2] == side && in->dim[3] == 3;
}

int ac_faces_open(struct ac_faces **faces, struct ac_env *env)
{
    struct ac_faces *f = ac_zalloc(sizeof *f);

    *faces = NULL;
    int err = open_net(&f->detector, DETECTOR, env);
    if (!err)
        err = open_net(&f->mesh, MESH, env);
    if (err)
        goto out;
    if (!takes_square(f->detector, AC_FACE_DETECT_SIDE) ||
        !output_of(f->detector, (size_t)AC_FACE_ANCHORS * AC_FACE_RAW, &f->out_boxes) ||
        !output_of(f->detector, AC_FACE_ANCHORS, &f->out_scores))
        err = ac_env_fail(env, AC_EMODEL, DETECTOR " is another network: run tools/fetch_models.sh");
    else if (!takes_square(f->mesh, AC_FACE_MESH_SIDE) ||
             !output_of(f->mesh, (size_t)AC_FACE_POINTS * 3, &f->out_points) ||
             !output_of(f->mesh, 1, &f->out_presence))
        err = ac_env_fail(env, AC_EMODEL, MESH " is another network: run tools/fetch_models.sh");
out:
    if (err)
        ac_faces_close(f);
    else
        *faces = f;
    return err;
}

void ac_faces_close(struct ac_faces *f)
{
    if (!f)
        return;
    ac_tflite_close(f->detector);
    ac_tflite_close(f->mesh);
    free(f);
}

/* How far the points are apart on average, in widths of the face. */
static float drift(const struct ac_face *a, const struct ac_face *b)
{
    float sum = 0;

    for (int i = 0; i < AC_FACE_POINTS; i++)
        sum += hypotf(a->point[i][0] - b->point[i][0], a->point[i][1] - b->point[i][1]);
    return sum / AC_FACE_POINTS / b->width;
}

/*
 * The face at a detection, by three passes of the mesh. On a face the last two agree within a percent; on a
 * badge or a helmet that looks like one, points and presence change with every look.
 */
static bool face_at(struct ac_faces *f, const struct ac_rgb *pic, const struct ac_face_box *box,
                    struct ac_face *face)
{
    struct ac_face_region region = ac_face_region_of_box(box);
    struct ac_face before = {0};

    *face = (struct ac_face){.score = box->score};
    for (int pass = 0; pass < PASSES; pass++) {
        before = *face;
        if (!ac_face_mesh(f, pic, &region, face))
            return false;
        region = ac_face_region_of_points(face);
    }
    return drift(&before, face) < MAX_DRIFT;
}

/* No face is inside of another: a detection there is a part of it. */
static bool inside(const struct ac_face *face, float x, float y, float width)
{
    return x > face->x && x < face->x + face->width && y > face->y && y < face->y + face->height &&
           width < 1.5F * face->width;
}

static bool known(const struct ac_face *faces, size_t n, float x, float y, float width)
{
    for (size_t i = 0; i < n; i++)
        if (inside(&faces[i], x, y, width))
            return true;
    return false;
}

static int largest_first(const void *a, const void *b)
{
    const struct ac_face *x = a, *y = b;

    return (x->width < y->width) - (x->width > y->width);
}

int ac_faces_find(struct ac_faces *f, const struct ac_rgb *pic, struct ac_face *faces, size_t max, size_t *n,
                  struct ac_cancel *cancel)
{
    struct ac_face_boxes boxes = {0};
    struct ac_face *found = ac_try_alloc(MAX_TRIED * sizeof *found);
    size_t n_found = 0;

    *n = 0;
    int err = found ? ac_face_detect_all(f, pic, true, &boxes, cancel) : AC_ENOMEM;
    for (size_t i = 0; i < boxes.n && n_found < MAX_TRIED && !err; i++) {
        const struct ac_face_box *b = &boxes.list[i];
        if (ac_cancelled(cancel))
            err = AC_ECANCELED;
        else if (!known(found, n_found, (b->left + b->right) / 2, (b->top + b->bottom) / 2,
                        b->right - b->left) &&
                 face_at(f, pic, b, &found[n_found])) {
            const struct ac_face *new = &found[n_found];
            if (!known(found, n_found, new->x + new->width / 2, new->y + new->height / 2, new->width))
                n_found++;
        }
    }
    if (!err && n_found) {
        qsort(found, n_found, sizeof *found, largest_first);
        *n = n_found < max ? n_found : max;
        for (size_t i = 0; i < *n; i++)
            faces[i] = found[i];
    }
    free(found);
    free(boxes.list);
    return err;
}

/* How badly a detection fits the face that was followed, in its widths. */
static float strangeness(const struct ac_face_box *b, const struct ac_face *last)
{
    float x = (b->left + b->right) / 2 - last->x - last->width / 2,
          y = (b->top + b->bottom) / 2 - last->y - last->height / 2, w = b->right - b->left;

    return last->width > 0 ? hypotf(x, y) / last->width + fabsf(logf(w / last->width)) : -w;
}

/* Looks around the last place and in the whole picture; takes what is nearest to the last face. */
static int find_again(struct ac_faces *f, const struct ac_rgb *pic, struct ac_face *face, bool *found,
                      struct ac_cancel *cancel)
{
    struct ac_face_boxes boxes = {0};
    struct ac_face_region around = {.x = face->x + face->width / 2,
                                    .y = face->y + face->height / 2,
                                    .side = 3 * fmaxf(face->width, face->height)};

    if (face->width > 0)
        ac_face_detect(f, pic, &around, &boxes);
    int err = ac_face_detect_all(f, pic, false, &boxes, cancel);
    while (boxes.n && !*found && !err) {
        size_t best = 0;
        for (size_t i = 1; i < boxes.n; i++)
            if (strangeness(&boxes.list[i], face) < strangeness(&boxes.list[best], face))
                best = i;
        struct ac_face new;
        *found = face_at(f, pic, &boxes.list[best], &new);
        if (*found)
            *face = new;
        boxes.list[best] = boxes.list[--boxes.n];
        err = ac_cancelled(cancel) ? AC_ECANCELED : 0;
    }
    free(boxes.list);
    return err;
}

int ac_faces_follow(struct ac_faces *f, const struct ac_rgb *pic, struct ac_face *face, bool *found,
                    struct ac_cancel *cancel)
{
    *found = false;
    if (ac_cancelled(cancel))
        return AC_ECANCELED;
    if (face->width > 0) {
        struct ac_face_region region = ac_face_region_of_points(face);
        *found = ac_face_mesh(f, pic, &region, face);
    }
    return *found ? 0 : find_again(f, pic, face, found, cancel);
}
