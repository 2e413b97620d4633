/*
 * A template of a video. The file is read twice, so that memory stays small whatever its size: first in
 * small, to follow the face and judge each picture; then, once the loop is chosen (template_loop.h), the
 * loop's pictures alone, cut and encoded one at a time.
 */
#include "avatar/template_make_private.h"

#include "avatar/template_loop.h"
#include "base/mem.h"
#include "media/video_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_S = 60,
    MAX_FRAMES = (MAX_S + 1) * AC_TEMPLATE_FPS,
    LOOK_SIDE = 1280, /* of the pictures in which the face is followed */
    OUT_WIDTH = 1080,
    OUT_HEIGHT = 810,
    RIVALS_EVERY = 25, /* pictures from one look for further persons to the next */
    LOST_EVERY = 10,   /* the same for the face itself, while there is none */
    GRID_X = 48,
    GRID_Y = 27,
    MIN_PICTURES = 16,
};
static const float JUMP = 0.15f;      /* heights of the face, from one picture to the next */
static const float GRID_JUMP = 28.0f; /* mean change of brightness over the picture, of 255 */

struct video {
    struct ac_maker *m;
    struct ac_face *faces; /* one a picture, in pixels of the small ones; presence 0 where there is none */
    struct ac_loop_frame *frames;
    struct ac_template_refusal *refusal;
    size_t n, n_faces;
    struct ac_face last;
    uint8_t grid[GRID_X * GRID_Y];
    int width, height;             /* of the file's pictures */
    int small_width, small_height; /* of those that were looked at */
    struct ac_loop loop;
    struct ac_template_crop crop;
    struct ac_face *loop_faces; /* smoothed, borrowed from faces */
};

/* ---- first look ---- */

/* How much the picture changed since the one before. */
static float grid_change(struct video *v, const struct ac_rgb *pic)
{
    float sum = 0;

    for (int gy = 0; gy < GRID_Y; gy++) {
        for (int gx = 0; gx < GRID_X; gx++) {
            const uint8_t *p = ac_rgb_at(pic, gx * pic->width / GRID_X, gy * pic->height / GRID_Y);
            uint8_t *was = &v->grid[gy * GRID_X + gx], is = (uint8_t)((p[0] + 2 * p[1] + p[2]) / 4);
            sum += fabsf((float)is - (float)*was);
            *was = is;
        }
    }
    return sum / (GRID_X * GRID_Y);
}

/*
 * Finds the face that was followed, or, when there was none, the largest. n: how many there are where all
 * were looked for, else 1; the one that counts is the first.
 */
static int find_face(struct video *v, const struct ac_rgb *pic, struct ac_face faces[AC_FACE_MAX], size_t *n)
{
    bool had = v->last.presence > 0, found = false;
    int err = 0;

    *n = 0;
    if (v->n % RIVALS_EVERY == 0 || (!had && v->n % LOST_EVERY == 0)) {
        err = ac_faces_find(v->m->faces, pic, faces, AC_FACE_MAX, n, v->m->cancel);
        *n = ac_template_face_sure(faces, *n);
    }
    if (err || !had)
        return err;
    struct ac_face face = v->last;
    err = ac_faces_follow(v->m->faces, pic, &face, &found, v->m->cancel);
    if (!err && found && *n < 2) { /* of several the largest stays, and they are refused anyway */
        faces[0] = face;
        *n = 1;
    }
    return err;
}

static int judge_picture(struct video *v, const struct ac_rgb *pic, const struct ac_face *faces, size_t n)
{
    struct ac_loop_frame *f = &v->frames[v->n];
    const struct ac_face *face = &faces[0];
    float sharpness = 0;
    int err = n ? ac_template_face_sharpness(pic, face, &sharpness) : 0;

    if (err)
        return err;
    ac_template_face_judge(faces, n, pic->width, pic->height, (double)v->width / pic->width, sharpness,
                           &v->refusal[v->n]);
    f->bad = v->refusal[v->n].code != NULL;
    if (n == 0)
        return 0;
    v->n_faces++;
    v->faces[v->n] = *face;
    f->x = (face->x + face->width / 2) / face->height;
    f->y = (face->y + face->height / 2) / face->height;
    f->open = ac_template_face_open(face);
    f->turn = hypotf(face->yaw, face->pitch);
    f->quality = sharpness;
    if (v->last.presence > 0) {
        float dx = face->x + face->width / 2 - v->last.x - v->last.width / 2;
        float dy = face->y + face->height / 2 - v->last.y - v->last.height / 2;
        f->cut = f->cut || hypotf(dx, dy) > JUMP * face->height;
    }
    v->last = *face;
    return 0;
}

static int look(void *arg, const struct ac_video_frame *in)
{
    struct video *v = arg;
    struct ac_face faces[AC_FACE_MAX];
    size_t n = 0;

    if (v->n == MAX_FRAMES)
        return AC_VIDEO_ENOUGH;
    v->width = in->width;
    v->height = in->height;
    v->small_width = in->pic->width;
    v->small_height = in->pic->height;
    v->frames[v->n].cut = grid_change(v, in->pic) > GRID_JUMP;
    if (v->frames[v->n].cut)
        v->last.presence = 0;
    int err = find_face(v, in->pic, faces, &n);
    if (!err)
        err = judge_picture(v, in->pic, faces, n);
    if (n == 0 && !err)
        v->last = (struct ac_face){0};
    v->n++;
    ac_maker_progress(v->m, 0.02 + 0.7 * in->done, "looking at the video");
    return err;
}

/* Pictures between two looks for further persons are judged as those looks are. */
static void spread_rivals(struct video *v)
{
    for (size_t at = 0; at < v->n; at += RIVALS_EVERY) {
        const struct ac_template_refusal r = v->refusal[at];
        if (!r.code || strcmp(r.code, "face_many") != 0)
            continue;
        size_t first = at < RIVALS_EVERY ? 0 : at - RIVALS_EVERY + 1;
        for (size_t i = first; i < at + RIVALS_EVERY && i < v->n; i++) {
            v->frames[i].bad = true;
            v->refusal[i] = r;
        }
    }
}

static void compare_quality(struct video *v)
{
    float best = 0;

    for (size_t i = 0; i < v->n; i++)
        best = fmaxf(best, v->frames[i].quality);
    for (size_t i = 0; best > 0 && i < v->n; i++)
        v->frames[i].quality /= best;
}

/* ---- refusing ---- */

/* No loop: says what stood against it most often. */
static int refuse(const struct video *v)
{
    size_t most = 0, bad = 0;
    const struct ac_template_refusal *worst = NULL;

    for (size_t i = 0; i < v->n; i++) {
        size_t same = 0;
        const char *code = v->refusal[i].code;
        bad += code != NULL;
        for (size_t k = 0; code && k < v->n; k++)
            same += v->refusal[k].code && strcmp(v->refusal[k].code, code) == 0;
        if (same > most) {
            most = same;
            worst = &v->refusal[i];
        }
    }
    if (v->n_faces == 0)
        return ac_maker_refuse(v->m, AC_EINVAL, "face_none", "%s",
                               worst ? worst->why : "there is no face in it");
    if (v->n < MIN_PICTURES)
        return ac_maker_refuse(
            v->m, AC_EINVAL, "video_short",
            "the video is %.1f seconds long: 3 seconds or more are needed, with the mouth closed",
            (double)v->n / AC_TEMPLATE_FPS);
    if (worst && strcmp(worst->code, "face_none") == 0)
        return ac_maker_refuse(v->m, AC_EINVAL, "face_lost",
                               "the face is missing from %zu of %zu pictures: it must be seen all the time",
                               most, v->n);
    if (worst && bad * 4 > v->n)
        return ac_maker_refuse(v->m, AC_EINVAL, worst->code, "in %zu of %zu pictures %s", most, v->n,
                               worst->why);
    return ac_maker_refuse(
        v->m, AC_EINVAL, "face_lost",
        "no second of it can be shown as a loop: hold camera and head still for some seconds, "
        "without cuts");
}

/* ---- second look ---- */

static struct ac_template_box mean_face(const struct ac_face *faces, size_t n, double scale)
{
    struct ac_template_box b = {0};
    float share = (float)scale / (float)n;

    for (size_t i = 0; i < n; i++) {
        b.x += faces[i].x * share;
        b.y += faces[i].y * share;
        b.width += faces[i].width * share;
        b.height += faces[i].height * share;
    }
    return b;
}

/* The part of pic that is kept: a window into it, nothing is copied. */
static struct ac_rgb window(const struct video *v, const struct ac_rgb *pic, int *x, int *y)
{
    int w = v->crop.out_width < pic->width ? v->crop.out_width : pic->width & ~1;
    int h = v->crop.out_height < pic->height ? v->crop.out_height : pic->height & ~1;

    *x = (int)lrint(v->crop.x * v->crop.scale);
    *y = (int)lrint(v->crop.y * v->crop.scale);
    *x = *x + w > pic->width ? pic->width - w : *x;
    *y = *y + h > pic->height ? pic->height - h : *y;
    return (struct ac_rgb){.width = w, .height = h, .stride = pic->stride, .data = ac_rgb_at(pic, *x, *y)};
}

static int keep(void *arg, const struct ac_video_frame *in)
{
    struct video *v = arg;
    size_t i = in->number - v->loop.first, end = v->loop.first + v->loop.n;

    ac_maker_progress(v->m, 0.72 + 0.26 * (double)in->number / (double)end, "writing the avatar");
    if (in->number < v->loop.first)
        return 0;
    if (in->number >= end)
        return AC_VIDEO_ENOUGH;
    int x, y;
    struct ac_rgb part = window(v, in->pic, &x, &y);
    struct ac_face *face = &v->loop_faces[i];
    double scale = (double)in->pic->width / v->small_width;
    ac_template_face_move(face, x / scale, y / scale, scale);
    int err = ac_template_writer_add(&v->m->writer, &part, face, true);
    /* last, because it draws on the picture, which may be shown again */
    if (!err && in->number == end - 1)
        err = ac_template_writer_preview(&v->m->writer, &part, face, i);
    return err ? err : in->number == end - 1 ? AC_VIDEO_ENOUGH : 0;
}

static int write_loop(struct video *v, const struct ac_video_wish *look_wish)
{
    struct ac_video_wish wish = *look_wish;
    double to_file = (double)v->width / v->small_width;
    char reason[AC_VIDEO_REASON], detail[80];

    v->loop_faces = v->faces + v->loop.first;
    ac_face_smooth(v->loop_faces, v->loop.n);
    struct ac_template_box face = mean_face(v->loop_faces, v->loop.n, to_file);
    if (!ac_template_crop(&face, v->width, v->height, OUT_WIDTH, OUT_HEIGHT, &v->crop))
        return ac_maker_refuse(v->m, AC_EINVAL, "face_cut",
                               "there is too little round the face: use a video with head and shoulders");
    wish.max_side = (int)lrint((v->width > v->height ? v->width : v->height) * v->crop.scale);
    int err = ac_video_file_read(v->m->make->file, &wish, keep, v, v->m->cancel, NULL, reason);
    if (!err && v->m->writer.n != v->loop.n)
        err = ac_maker_refuse(v->m, AC_EIO, NULL, "the file changed while it was read; try again");
    else if (err && !v->m->env->reason[0])
        ac_env_fail(v->m->env, err, "%s", reason);
    if (err)
        return err;
    const struct ac_template_writer *w = &v->m->writer;
    ac_maker_found(v->m, "kept: %zu pictures of %d x %d pixels, from second %.1f on, shown forth and back",
                   w->n, w->width, w->height, (double)v->loop.first / AC_TEMPLATE_FPS);
    snprintf(detail, sizeof detail, "video, %d x %d, %.1f s", w->width, w->height,
             (double)w->n / AC_TEMPLATE_FPS);
    return ac_template_writer_finish(&v->m->writer, true, detail);
}

/* ---- all ---- */

static void tell_face(const struct video *v)
{
    const struct ac_face *f = &v->faces[v->loop.first + v->loop.n / 2];
    double scale = (double)v->width / v->small_width;
    char gaze[80];

    ac_maker_found(v->m, "video: %d x %d pixels, %.1f seconds", v->width, v->height,
                   (double)v->n / AC_TEMPLATE_FPS);
    ac_maker_found(v->m, "face: %.0f x %.0f pixels, %s, in %zu of %zu pictures that were looked at",
                   f->width * scale, f->height * scale, ac_maker_gaze(f, gaze), v->n_faces, v->n);
    if (!v->loop.closed)
        ac_maker_found(v->m,
                       "the mouth is open in %zu of the %zu best pictures: the lips move best where they are "
                       "closed",
                       v->loop.open, v->loop.n);
}

static const char *file_code(int err, bool long_one)
{
    return err == AC_ELIMIT    ? (long_one ? "video_long" : "file_large")
           : err == AC_ENOTSUP ? "file_kind"
           : err == AC_EINVAL  ? "file_broken"
                               : NULL;
}

int ac_maker_video(struct ac_maker *m)
{
    const struct ac_video_wish wish = {
        .fps = AC_TEMPLATE_FPS, .max_s = MAX_S, .max_side = LOOK_SIDE, .threads = m->env->threads};
    struct video *v = ac_zalloc(sizeof *v);
    char reason[AC_VIDEO_REASON];
    bool damaged = false;
    int err = 0;

    v->m = m;
    v->faces = ac_try_alloc(MAX_FRAMES * sizeof *v->faces);
    v->frames = ac_try_alloc(MAX_FRAMES * sizeof *v->frames);
    v->refusal = ac_try_alloc(MAX_FRAMES * sizeof *v->refusal);
    if (!v->faces || !v->frames || !v->refusal) {
        err = AC_ENOMEM;
        goto out;
    }
    memset(v->faces, 0, MAX_FRAMES * sizeof *v->faces);
    memset(v->frames, 0, MAX_FRAMES * sizeof *v->frames);
    memset(v->refusal, 0, MAX_FRAMES * sizeof *v->refusal);
    ac_maker_progress(m, 0, "looking at the video");
    err = ac_video_file_read(m->make->file, &wish, look, v, m->cancel, &damaged, reason);
    if (err && !m->env->reason[0])
        ac_maker_refuse(m, err, file_code(err, strstr(reason, "long") != NULL), "%s", reason);
    if (err)
        goto out;
    if (damaged)
        ac_maker_found(m, "parts of the video are damaged");
    spread_rivals(v);
    compare_quality(v);
    if (!ac_template_loop(v->frames, v->n, AC_TEMPLATE_CLOSED_PERMILLE / 1000.0f, &v->loop)) {
        err = refuse(v);
        goto out;
    }
    tell_face(v);
    err = write_loop(v, &wish);
out:
    free(v->faces);
    free(v->frames);
    free(v->refusal);
    free(v);
    return err;
}
