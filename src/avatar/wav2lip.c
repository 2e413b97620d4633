/*
 * The avatar engine `wav2lip`: a real face from a photo or a video, POSE and SPEECH in, PICTURE out.
 *
 * A face is a template (template.h): a folder avatars/ID that `avatar-chat avatar create` makes. For each
 * pose the template's picture at that phase of the idle motion is taken; while somebody speaks, Wav2Lip's
 * generator (wav2lip_net.h) makes the lower half of the face out of it and of the speech, and that is laid
 * over the picture. A photo is moved a little as a whole then (wav2lip_life.h), so that the mouth moves with
 * the head.
 *
 * The generator's weights are the user's own; without them the engine refuses, and the next one of avatar.use
 * shows its own person. Ids that are no templates are no business of this engine (AC_ENOTSUP).
 *
 * The model holds what sessions share (wav2lip_share.h), an instance what it has heard (wav2lip_talk.h).
 */
#include "avatar/folders.h"
#include "avatar/wav2lip_optimize.h"
#include "avatar/wav2lip_share.h"
#include "avatar/wav2lip_talk.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_FPS = 25 };

struct config {
    char *id, *model;
    int av_offset;
    double max_ms;
};

struct model {
    struct ac_w2l_share share;
};

struct instance {
    struct model *model;
    struct ac_env *env;
    struct ac_w2l_role role;
    struct ac_w2l_talk *talk; /* NULL: nothing is said */
    int frame_us;
    struct ac_w2l_decoder decoder;
    void *scratch; /* of the photo's life, while pictures are drawn */
};

static const struct ac_option OPTIONS[] = {
    AC_OPTION_STRING(struct config, id, "id", "", 0,
                     "The face shown when a session names none: a template in avatars/; empty for the next "
                     "engine's person."),
    AC_OPTION_PATH(
        struct config, model, "model", "models/wav2lip/wav2lip.onnx", 0,
        "Wav2Lip's generator as an ONNX file (docs/wav2lip.md#weights); what `models optimize` made "
        "of it is used where it is there."),
    AC_OPTION_INT(struct config, av_offset, "av_offset", "0", -10, 0, 0,
                  "Pictures by which the mouth hears earlier sound; -1 is how Wav2Lip was trained."),
    AC_OPTION_FLOAT(
        struct config, max_ms, "max_ms", "64", 0, 10000, 0,
        "A generator of 256 pixels is refused where a mouth takes longer than this, in milliseconds "
        "(every second one interpolated, 25 pictures a second leave 80); 0 for never."),
    AC_OPTIONS_END,
};

/* The template's folder, malloc'ed; NULL where the id is none. */
static char *folder_of(const struct ac_env *env, const char *id)
{
    enum ac_person kind;
    char *folder = ac_folders_of(env, id, &kind);

    if (folder && kind != AC_PERSON_REAL) {
        free(folder);
        folder = NULL;
    }
    return folder;
}

/* ---- the handler ---- */

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct model *m = model;
    (void)cfg;
    return ac_w2l_share_open(&m->share, env);
}

static void model_close(void *model)
{
    struct model *m = model;
    ac_w2l_share_close(&m->share);
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *s = inst;
    const struct config *c = cfg;
    const struct ac_prefs *p = &env->prefs;
    const char *id = p->avatar[0] ? p->avatar : c->id;
    int w = 0, h = 0;
    int fps = p->fps > 0 ? p->fps : DEFAULT_FPS;
    char *folder = folder_of(env, id);

    if (!folder)
        return id == c->id && *id
                   ? ac_env_fail(env, AC_ENOENT,
                                 "no face '%.64s' (avatar.wav2lip.id): make it with 'avatar-chat "
                                 "avatar create', or leave the option empty",
                                 id)
                   : AC_ENOTSUP;
    s->model = model;
    s->env = env;
    s->frame_us = 1000000 / fps;
    int err = ac_folders_size(env, &w, &h);
    if (!err)
        err = ac_w2l_role_take(&s->model->share, &s->role, folder, id, w, h, c->model, !p->still, c->max_ms,
                               env);
    if (!err && s->role.faces)
        s->talk = ac_w2l_talk_new(s->role.faces, fps, c->av_offset);
    free(folder);
    return err;
}

static void reset(void *inst)
{
    struct instance *s = inst;

    if (s->talk)
        ac_w2l_talk_reset(s->talk);
    ac_w2l_decoder_clear(&s->decoder);
    free(s->scratch);
    s->scratch = NULL;
}

static void close_instance(void *inst)
{
    struct instance *s = inst;

    reset(s);
    ac_w2l_talk_free(s->talk);
    if (s->model)
        ac_w2l_role_drop(&s->model->share, &s->role);
}

/* Lays the mouth over the still picture, where there is something to lay. */
static int add_mouth(struct instance *s, const struct ac_pose *pose, struct ac_frame *still, size_t i,
                     struct ac_cancel *cancel)
{
    const struct ac_w2l_stage *stage = s->role.stage;
    int64_t next_us = (pose->idle_us + s->frame_us) % AC_IDLE_PERIOD_US;
    uint8_t mask[AC_TEMPLATE_MASK * AC_TEMPLATE_MASK];
    struct ac_w2l_mouth mouth = {.mask = mask, .mask_side = AC_TEMPLATE_MASK};
    struct ac_w2l_place place;

    ac_template_mask(stage->t, i, mask);
    int err = ac_w2l_talk_show(s->talk, pose, i, ac_template_at(stage->t, next_us), &s->decoder, &mouth,
                               cancel, s->env);
    if (!err && mouth.strength > 0) {
        ac_w2l_stage_place(stage, i, &place);
        ac_w2l_face_paste(&still->picture, &place, &mouth);
    }
    return err;
}

/* The picture as a photo's life has it at the phase; takes it over. */
static int add_life(struct instance *s, int64_t idle_us, struct ac_frame **picture)
{
    const struct ac_w2l_stage *stage = s->role.stage;
    struct ac_frame *moved = ac_frame_new_picture(stage->width, stage->height);

    if (!s->scratch)
        s->scratch = ac_try_alloc(ac_w2l_life_scratch(stage->life));
    if (!moved || !s->scratch) {
        ac_frame_unref(moved);
        return ac_env_fail(s->env, AC_ENOMEM, "memory is too short for a picture");
    }
    ac_w2l_life_show(stage->life, &(*picture)->picture, idle_us, s->scratch, &moved->picture);
    ac_frame_unref(*picture);
    *picture = moved;
    return 0;
}

static int show(struct instance *s, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    const struct ac_w2l_stage *stage = s->role.stage;
    size_t i = ac_template_at(stage->t, in->pose.idle_us);
    struct ac_frame *picture = NULL;

    int err = ac_w2l_stage_still(stage, &s->decoder, i, &picture, s->env);
    if (!err && s->talk)
        err = add_mouth(s, &in->pose, picture, i, cancel);
    if (!err && stage->life)
        err = add_life(s, in->pose.idle_us, &picture);
    ac_w2l_decoder_clear(&s->decoder);
    if (err) {
        ac_frame_unref(picture);
        return err;
    }
    picture->turn = in->turn;
    picture->picture.frame = in->pose.frame;
    return out->push(out, picture);
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *s = inst;

    if (!in) {
        reset(s);
        return 0;
    }
    if (ac_cancelled(cancel))
        return AC_ECANCELED;
    if (in->type == AC_FRAME_SPEECH)
        return s->talk ? ac_w2l_talk_hear(s->talk, &in->speech, s->env) : 0;
    return show(s, in, out, cancel);
}

static int list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    struct model *m = model;
    const struct config *c = cfg;
    struct ac_folders names;
    char note[sizeof env->reason] = "";

    if (ac_w2l_share_check(&m->share, c->model, env) != 0)
        snprintf(note, sizeof note, "%s", env->reason);
    ac_folders_find(&names, env, AC_PERSON_REAL, c->id);
    for (size_t i = 0; i < names.n; i++) {
        struct ac_template *t = NULL;
        char *folder = folder_of(env, names.name[i]);
        if (folder && ac_template_load(&t, folder, names.name[i], env) == 0) {
            fn(arg, &(struct ac_item){.id = t->id,
                                      .name = t->name[0] ? t->name : t->id,
                                      .lang = "",
                                      .gender = t->gender,
                                      .detail = t->detail,
                                      .note = note,
                                      .is_default = !strcmp(t->id, c->id)});
            ac_template_free(t);
        } else if (folder) {
            ac_log_warn("avatar", "left_out", AC_S("avatar", names.name[i]), AC_S("reason", env->reason));
        }
        free(folder);
    }
    ac_folders_free(&names);
    return 0;
}

/* For `doctor`. Weights are asked for only where there is a face that needs them. */
static void examine(void *model, const void *cfg, struct ac_env *env, ac_finding_fn *fn, void *arg)
{
    struct model *m = model;
    const struct config *c = cfg;
    struct ac_folders names;
    struct ac_w2l_net_info info;
    char detail[sizeof env->reason];

    ac_folders_find(&names, env, AC_PERSON_REAL, c->id);
    size_t n = names.n;
    ac_folders_free(&names);
    int err = ac_w2l_share_check(&m->share, c->model, env);
    if (err == AC_EMODEL && !n) {
        fn(arg, "no faces, no weights: 'avatar-chat avatar create' makes a face of a photo or a video", "");
        return;
    }
    if (!err)
        err = ac_w2l_share_net_info(&m->share, c->model, c->max_ms, &info, env);
    if (err) {
        snprintf(detail, sizeof detail, "%zu face%s, but no mouth for %s", n, n == 1 ? "" : "s",
                 n == 1 ? "it" : "them");
        fn(arg, detail, env->reason);
        return;
    }
    snprintf(detail, sizeof detail, "%zu face%s; weights of %d pixels, %s, %s", n, n == 1 ? "" : "s",
             info.side, info.precision, info.optimized ? "optimised" : "not optimised");
    fn(arg, detail,
       info.note[0]     ? info.note
       : info.optimized ? ""
                        : "'avatar-chat models optimize' makes it several times as fast");
}

static int make(void *model, const void *cfg, struct ac_env *env, const struct ac_make *make,
                struct ac_cancel *cancel)
{
    (void)model, (void)cfg;
    return ac_template_make(make, env, cancel);
}

const struct ac_handler_info ac_handler_avatar_wav2lip = {
    .name = "wav2lip",
    .help = "A real face from a photo or a video, its mouth made by Wav2Lip from the speech.",
    .stage = AC_STAGE_AVATAR,
    .in = AC_FRAME_POSE,
    .out = AC_FRAME_PICTURE,
    .flags = AC_HANDLER_HEARS | AC_HANDLER_SAVES,
    .hear_ahead_ms = AC_W2L_HEAR_AHEAD_MS,
    .cfg_size = sizeof(struct config),
    .model_size = sizeof(struct model),
    .inst_size = sizeof(struct instance),
    .options = OPTIONS,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .close = close_instance,
    .process = process,
    .reset = reset,
    .list = list,
    .examine = examine,
    .make = make,
    .optimize = ac_w2l_optimize,
};
