/* See wav2lip_stage.h. */
#include "avatar/wav2lip_stage.h"

#include "avatar/character_warp.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* ---- decoding ---- */

void ac_w2l_decoder_clear(struct ac_w2l_decoder *d)
{
    if (d->have)
        ac_rgb_free(&d->rgb);
    d->have = false;
}

static int decode(struct ac_w2l_decoder *d, const struct ac_template *t, size_t i, struct ac_env *env)
{
    if (d->have && d->t == t && d->i == i)
        return 0;
    ac_w2l_decoder_clear(d);
    int err = ac_template_picture(t, i, &d->rgb, env);
    if (err)
        return err;
    d->t = t;
    d->i = i;
    d->have = true;
    return 0;
}

/* ---- what is shown ---- */

static int clamp(int v, int lo, int hi)
{
    return v > hi ? hi : v < lo ? lo : v;
}

struct ac_w2l_box ac_w2l_whole_box(const struct ac_template *t, size_t i)
{
    const struct ac_template_box *b = &t->box[i];
    int x0 = clamp((int)lrintf(b->x), 0, t->width - 2), y0 = clamp((int)lrintf(b->y), 0, t->height - 2);
    int x1 = clamp((int)lrintf(b->x + b->width), x0 + 2, t->width),
        y1 = clamp((int)lrintf(b->y + b->height), y0 + 2, t->height);

    return (struct ac_w2l_box){x0, y0, x1 - x0, y1 - y0};
}

void ac_w2l_stage_place(const struct ac_w2l_stage *s, size_t i, struct ac_w2l_place *place)
{
    struct ac_w2l_box b = ac_w2l_whole_box(s->t, i);
    double kx = (double)s->width / s->part.width, ky = (double)s->height / s->part.height;

    *place =
        (struct ac_w2l_place){(b.x - s->part.x) * kx, (b.y - s->part.y) * ky, b.width * kx, b.height * ky};
}

void ac_w2l_stage_box(const struct ac_w2l_stage *s, size_t i, struct ac_w2l_box *box)
{
    struct ac_w2l_place p;

    ac_w2l_stage_place(s, i, &p);
    int x0 = (int)lrint(p.x), y0 = (int)lrint(p.y), x1 = (int)lrint(p.x + p.width),
        y1 = (int)lrint(p.y + p.height);
    *box = (struct ac_w2l_box){x0, y0, x1 - x0, y1 - y0};
}

/* The largest part of the shape, the face in the middle and a little above it, all chins inside. */
static void choose_part(struct ac_w2l_stage *s)
{
    const struct ac_template *t = s->t;
    double shape = (double)s->width / s->height, x = 0, y = 0, chin = 0;
    double w = fmin(t->width, t->height * shape), h = w / shape;

    for (size_t i = 0; i < t->n; i++) {
        struct ac_w2l_box b = ac_w2l_whole_box(t, i);
        x += (b.x + 0.5 * b.width) / (double)t->n;
        y += (b.y + 0.5 * b.height) / (double)t->n;
        chin = fmax(chin, b.y + b.height);
    }
    s->part.width = clamp((int)lrint(w), 1, t->width);
    s->part.height = clamp((int)lrint(h), 1, t->height);
    s->part.x = clamp((int)lrint(x - 0.5 * w), 0, t->width - s->part.width);
    s->part.y = clamp((int)lrint(fmax(y - 0.45 * h, chin - h)), 0, t->height - s->part.height);
}

static int check_boxes(const struct ac_w2l_stage *s, struct ac_env *env)
{
    for (size_t i = 0; i < s->t->n; i++) {
        struct ac_w2l_box b;
        ac_w2l_stage_box(s, i, &b);
        if (b.x < 0 || b.x + b.width > s->width || b.y + b.height / 2 < 0 || b.y + b.height > s->height ||
            b.width < 8 || b.height < 8)
            return ac_env_fail(env, AC_EINVAL,
                               "the face of avatar '%s' does not fit into a picture of %dx%d: choose another "
                               "shape (video.width, video.height), or make the avatar of a picture with more "
                               "around the face",
                               s->t->id, s->width, s->height);
    }
    return 0;
}

/* Bytes of a picture frame's block. */
static size_t still_bytes(int width, int height, struct ac_frame **like)
{
    *like = ac_frame_new_picture(width, height);
    return *like ? ac_frame_bytes(*like) : 0;
}

int ac_w2l_stage_new(struct ac_w2l_stage **out, const char *folder, const char *id, int width, int height,
                     struct ac_env *env)
{
    struct ac_w2l_stage *s = ac_zalloc(sizeof *s);
    struct ac_frame *like = NULL;

    s->width = width;
    s->height = height;
    int err = ac_template_load(&s->t, folder, id, env);
    if (!err) {
        choose_part(s);
        err = check_boxes(s, env);
    }
    size_t bytes = err ? 0 : still_bytes(width, height, &like);
    if (!err && !bytes)
        err = ac_env_fail(env, AC_ENOMEM, "memory is too short for avatar '%s' at %dx%d", id, width, height);
    ac_frame_unref(like);
    if (err) {
        ac_w2l_stage_free(s);
        return err;
    }
    s->stills = ac_w2l_store_new(s->t->n, bytes);
    if (!s->t->video) {
        struct ac_w2l_box box;
        ac_w2l_stage_box(s, 0, &box);
        s->life = ac_w2l_life_new(width, height, &box);
    }
    *out = s;
    return 0;
}

void ac_w2l_stage_free(struct ac_w2l_stage *s)
{
    if (!s)
        return;
    ac_w2l_life_free(s->life);
    ac_w2l_store_free(s->stills);
    if (s->t)
        ac_template_free(s->t);
    free(s);
}

int ac_w2l_stage_still(const struct ac_w2l_stage *s, struct ac_w2l_decoder *d, size_t i,
                       struct ac_frame **still, struct ac_env *env)
{
    struct ac_frame *f = ac_frame_new_picture(s->width, s->height);

    if (!f)
        return ac_env_fail(env, AC_ENOMEM, "memory is too short for a picture");
    if (ac_w2l_store_get(s->stills, i, f->picture.data[0])) {
        *still = f;
        return 0;
    }
    int err = decode(d, s->t, i, env);
    if (!err)
        err = ac_rgb_to_picture(&f->picture, &d->rgb, &s->part);
    if (err) {
        ac_frame_unref(f);
        return err;
    }
    ac_w2l_store_put(s->stills, i, f->picture.data[0]);
    *still = f;
    return 0;
}

/* ---- faces ---- */

void ac_w2l_faces_open(struct ac_w2l_faces *f, const struct ac_template *t, struct ac_w2l_net *net)
{
    const struct ac_w2l_net_info *info = ac_w2l_net_info(net);

    f->t = t;
    f->net = net;
    f->faces = ac_w2l_store_new(t->n, 3 * (size_t)info->side * (size_t)info->side);
    f->maps = ac_w2l_store_new(t->n, info->maps_bytes);
}

void ac_w2l_faces_close(struct ac_w2l_faces *f)
{
    ac_w2l_store_free(f->faces);
    ac_w2l_store_free(f->maps);
    *f = (struct ac_w2l_faces){0};
}

int ac_w2l_faces_face(struct ac_w2l_faces *f, struct ac_w2l_decoder *d, size_t i, uint8_t *bgr,
                      struct ac_env *env)
{
    struct ac_w2l_box box = ac_w2l_whole_box(f->t, i);

    if (ac_w2l_store_get(f->faces, i, bgr))
        return 0;
    int err = decode(d, f->t, i, env);
    if (err)
        return err;
    ac_w2l_face_cut(&d->rgb, &box, ac_w2l_net_info(f->net)->side, bgr);
    ac_w2l_store_put(f->faces, i, bgr);
    return 0;
}

int ac_w2l_faces_maps(struct ac_w2l_faces *f, size_t i, const uint8_t *bgr, void *maps,
                      struct ac_cancel *cancel, struct ac_env *env)
{
    if (ac_w2l_store_get(f->maps, i, maps))
        return 0;
    int err = ac_w2l_net_face(f->net, bgr, maps, cancel, env);
    if (!err)
        ac_w2l_store_put(f->maps, i, maps);
    return err;
}
