/*
 * Making a template: what the file is (by its content), the parts that photo and video share, and the photo:
 * read → find the face → judge it → cut head and shoulders out → write. template_make_video.c has the video.
 */
#include "avatar/template_make_private.h"

#include "base/mem.h"
#include "media/photo.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PHOTO_MAX_SIDE = 3840, OUT_WIDTH = 1920, OUT_HEIGHT = 1080 };

/* ---- telling ---- */

void ac_maker_progress(const struct ac_maker *m, double done, const char *step)
{
    if (m->make->progress)
        m->make->progress(m->make->arg, done < 0 ? 0 : done > 1 ? 1 : done, step);
}

void ac_maker_found(const struct ac_maker *m, const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (m->make->found)
        m->make->found(m->make->arg, line);
}

int ac_maker_refuse(const struct ac_maker *m, int err, const char *code, const char *fmt, ...)
{
    char why[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (code && m->make->refused)
        m->make->refused(m->make->arg, code);
    return ac_env_fail(m->env, err, "%s", why);
}

const char *ac_maker_gaze(const struct ac_face *f, char text[80])
{
    const float degree = (float)M_PI / 180;
    int yaw = (int)lrintf(f->yaw / degree), pitch = (int)lrintf(f->pitch / degree);

    if (abs(yaw) < 8 && abs(pitch) < 15)
        snprintf(text, 80, "looks into the camera");
    else
        snprintf(text, 80, "turned %d degrees %s, %d degrees %s", abs(yaw),
                 yaw > 0 ? "to the picture's right" : "to the picture's left", abs(pitch),
                 pitch > 0 ? "up" : "down");
    return text;
}

/* ---- composition ---- */

/* Where a stretch of `length` goes that should be centred on `centre`, kept inside of 0 … side. */
static double place(double centre, double length, double side)
{
    return fmin(fmax(centre - length / 2, 0), side - length);
}

bool ac_template_crop(const struct ac_template_box *face, int width, int height, int max_width,
                      int max_height, struct ac_template_crop *c)
{
    /* A portrait: the face takes 31 % of the height, its middle a little above the picture's. */
    const double faces_high = 3.2, face_at = 0.43, widest = (double)max_width / max_height;
    double mid_x = (double)(face->x + face->width / 2), mid_y = (double)(face->y + face->height / 2);
    double h = fmin(faces_high * (double)face->height, height), w = fmin(h * widest, width);

    h = fmin(h, w * 16 / 9); /* of a very narrow picture nothing higher could be shown */
    c->scale = fmin(1, fmin(max_width / w, max_height / h));
    c->out_width = (int)(w * c->scale) & ~1;
    c->out_height = (int)(h * c->scale) & ~1;
    c->width = c->out_width / c->scale;
    c->height = c->out_height / c->scale;
    c->x = place(mid_x, c->width, width);
    c->y = place(mid_y + (0.5 - face_at) * c->height, c->height, height);
    return c->out_width >= AC_TEMPLATE_MIN_SIDE && c->out_height >= AC_TEMPLATE_MIN_SIDE;
}

/* ---- a photo ---- */

static int judge_photo(struct ac_maker *m, const struct ac_rgb *pic, struct ac_face *face)
{
    struct ac_face faces[AC_FACE_MAX];
    struct ac_template_refusal refusal;
    float sharpness = 0;
    size_t n = 0;
    char gaze[80];
    int err = ac_faces_find(m->faces, pic, faces, AC_FACE_MAX, &n, m->cancel);

    n = ac_template_face_sure(faces, n);
    if (!err && n)
        err = ac_template_face_sharpness(pic, &faces[0], &sharpness);
    if (err)
        return err;
    ac_template_face_judge(faces, n, pic->width, pic->height, 1, sharpness, &refusal);
    if (refusal.code)
        return ac_maker_refuse(m, AC_EINVAL, refusal.code, "%s", refusal.why);
    *face = faces[0];
    float open = ac_template_face_open(face);
    ac_maker_found(m, "face: %.0f x %.0f pixels at (%.0f, %.0f), %s, sharpness %.2f", (double)face->width,
                   (double)face->height, (double)face->x, (double)face->y, ac_maker_gaze(face, gaze),
                   (double)sharpness);
    if (open * 1000 > AC_TEMPLATE_CLOSED_PERMILLE)
        ac_maker_found(m, "the mouth is open: the lips move best where they are closed at rest");
    return 0;
}

static int write_photo(struct ac_maker *m, const struct ac_rgb *pic, struct ac_face *face)
{
    struct ac_template_box where = {face->x, face->y, face->width, face->height};
    struct ac_template_crop crop;
    struct ac_rgb out = {0};
    char detail[80];

    if (!ac_template_crop(&where, pic->width, pic->height, OUT_WIDTH, OUT_HEIGHT, &crop))
        return ac_maker_refuse(m, AC_EINVAL, "face_cut",
                               "there is too little round the face: use a picture with head and shoulders");
    int err = ac_rgb_new(&out, crop.out_width, crop.out_height);
    if (!err)
        err = ac_rgb_cut(pic, crop.x, crop.y, crop.width, crop.height, &out);
    ac_template_face_move(face, crop.x, crop.y, crop.scale);
    if (!err)
        err = ac_template_writer_add(&m->writer, &out, face, false);
    if (!err)
        err = ac_template_writer_preview(&m->writer, &out, face, 0);
    ac_rgb_free(&out);
    ac_maker_found(m, "kept: %d x %d pixels round the face", crop.out_width, crop.out_height);
    snprintf(detail, sizeof detail, "photo, %d x %d", crop.out_width, crop.out_height);
    if (!err && ac_cancelled(m->cancel))
        err = AC_ECANCELED;
    return err ? err : ac_template_writer_finish(&m->writer, false, detail);
}

static const char *file_code(int err)
{
    return err == AC_ELIMIT    ? "file_large"
           : err == AC_ENOTSUP ? "file_kind"
           : err == AC_EINVAL  ? "file_broken"
                               : NULL;
}

int ac_maker_photo(struct ac_maker *m)
{
    const struct ac_photo_limits limits = {.max_side = PHOTO_MAX_SIDE};
    char reason[AC_PHOTO_REASON];
    struct ac_rgb pic;
    struct ac_face face;

    ac_maker_progress(m, 0, "reading the photo");
    int err = ac_photo_file(m->make->file, &limits, &pic, reason);
    if (err)
        return ac_maker_refuse(m, err, file_code(err), "%s", reason);
    ac_maker_found(m, "photo: %d x %d pixels", pic.width, pic.height);
    ac_maker_progress(m, 0.3, "looking for the face");
    err = ac_cancelled(m->cancel) ? AC_ECANCELED : judge_photo(m, &pic, &face);
    ac_maker_progress(m, 0.8, "writing the avatar");
    if (!err)
        err = write_photo(m, &pic, &face);
    ac_rgb_free(&pic);
    return err;
}

/* ---- either ---- */

/* What the file's first bytes say it is. */
static int look_at_file(struct ac_maker *m, enum ac_photo_kind *kind, const char **name)
{
    struct stat st;
    char head[64];

    if (stat(m->make->file, &st) == 0 && !S_ISREG(st.st_mode))
        return ac_env_fail(m->env, AC_EIO, "it is no file: name a photo or a video");
    FILE *f = fopen(m->make->file, "rb");
    if (!f)
        return ac_env_fail(m->env, errno == ENOENT ? AC_ENOENT : AC_EIO, "the file cannot be read: %s",
                           strerror(errno));
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    *kind = ac_photo_sniff(head, n, name);
    return 0;
}

int ac_template_make(const struct ac_make *make, struct ac_env *env, struct ac_cancel *cancel)
{
    struct ac_maker m = {.make = make, .env = env, .cancel = cancel};
    enum ac_photo_kind kind = AC_PHOTO_UNKNOWN;
    const char *name = "";
    int err;

    env->reason[0] = '\0';
    err = look_at_file(&m, &kind, &name);
    if (!err && kind == AC_PHOTO_OTHER)
        err =
            ac_maker_refuse(&m, AC_ENOTSUP, "file_kind",
                            "it is a %s file: give a photo (JPEG, PNG, WebP) or a video (MP4, WebM …)", name);
    if (!err)
        err = ac_template_writer_begin(&m.writer, make, env);
    if (!err)
        err = ac_faces_open(&m.faces, env);
    if (!err)
        err = kind == AC_PHOTO_UNKNOWN ? ac_maker_video(&m) : ac_maker_photo(&m);
    ac_faces_close(m.faces);
    ac_template_writer_end(&m.writer);
    if (!err)
        ac_maker_progress(&m, 1, "done");
    else if (!env->reason[0])
        ac_env_fail(env, err, "%s", ac_err_text(err));
    return err;
}
