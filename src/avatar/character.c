/*
 * The avatar engine `character`: a drawn person, POSE in, PICTURE out.
 *
 * A person is a folder avatars/ID with a rig (avatar.yaml, character_rig.h) and a drawing (character.svg).
 * For each size that sessions ask for the drawing is rasterised once into a sheet (character_sheet.h), shared
 * by all of them. A frame then takes about half a millisecond: character_motion.h turns the pose into a face,
 * character_face.h warps the sheet's still picture and draws eyes and mouth on it.
 *
 * The model holds the sheets, counted, under a lock; one that nobody uses stays as long as it is the only
 * one. An instance holds its sheet, the motion's memory and, while it is drawing, the last picture.
 */
#include "avatar/character_motion.h"
#include "avatar/folders.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_FPS = 25 };

struct config {
    char *id;
};

struct shared_sheet {
    struct shared_sheet *next;
    struct ac_char_rig *rig;
    struct ac_char_sheet *sheet;
    int users;
};

struct model {
    pthread_mutex_t lock;
    bool have_lock;
    struct shared_sheet *sheets;
};

struct instance {
    struct model *model;
    struct shared_sheet *shared;
    struct ac_char_motion motion;
    int frame_us;
    struct ac_frame *last; /* the picture before, while a turn goes on, and where its head was */
    float last_head[AC_CHAR_RIGID];
};

static const struct ac_option OPTIONS[] = {
    AC_OPTION_STRING(struct config, id, "id", "lin", 0,
                     "The person shown when a session names none: a folder in avatars/."),
    AC_OPTIONS_END,
};

static int no_such(struct ac_env *env, const char *id)
{
    struct ac_folders names;
    struct ac_str list = {0};
    int err;
    ac_folders_find(&names, env, AC_PERSON_DRAWN, "");
    for (size_t i = 0; i < names.n; i++)
        ac_str_addf(&list, "%s%s", i ? ", " : "", names.name[i]);
    if (names.n)
        err = ac_env_fail(env, AC_ENOENT, "no avatar '%.64s': avatars are %s", id, list.p);
    else
        err = ac_env_fail(env, AC_ENOENT,
                          "no avatar '%.64s': there is no avatars/ID/avatar.yaml below this folder "
                          "or a data directory",
                          id);
    ac_str_free(&list);
    ac_folders_free(&names);
    return err;
}

/* ---- sheets, shared ---- */

static void free_shared(struct shared_sheet *s)
{
    if (!s)
        return;
    ac_char_sheet_free(s->sheet);
    ac_char_rig_free(s->rig);
    free(s);
}

/* With the lock held. */
static void drop_unused(struct model *m)
{
    for (struct shared_sheet **p = &m->sheets; *p;) {
        struct shared_sheet *s = *p;
        if (s->users) {
            p = &s->next;
            continue;
        }
        *p = s->next;
        free_shared(s);
    }
}

/* Drawing takes some ten megabytes for a moment, which the allocator would keep. */
static void give_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static int make_shared(struct shared_sheet **out, const char *id, int width, int height, struct ac_env *env)
{
    enum ac_person kind;
    char *folder = ac_folders_of(env, id, &kind);
    if (!folder)
        return no_such(env, id);
    if (kind == AC_PERSON_REAL) { /* another engine's */
        free(folder);
        return ac_env_fail(env, AC_ENOTSUP, "avatar '%.64s' is a real face, which the engine wav2lip shows",
                           id);
    }
    struct shared_sheet *s = ac_zalloc(sizeof *s);
    int err = ac_char_rig_load(&s->rig, folder, id, env);
    if (!err)
        err = ac_char_sheet_new(&s->sheet, s->rig, width, height, env);
    free(folder);
    give_back();
    if (err)
        free_shared(s);
    else
        *out = s;
    return err;
}

/* The lock is held while a sheet is made, so that two sessions that start together do not make it twice. */
static int take_sheet(struct model *m, struct shared_sheet **out, const char *id, int width, int height,
                      struct ac_env *env)
{
    int err = 0;
    pthread_mutex_lock(&m->lock);
    struct shared_sheet *s = m->sheets;
    while (s && (strcmp(s->rig->id, id) != 0 || s->sheet->width != width || s->sheet->height != height))
        s = s->next;
    if (!s) {
        drop_unused(m);
        err = make_shared(&s, id, width, height, env);
        if (!err) {
            s->next = m->sheets;
            m->sheets = s;
            ac_log_info("avatar", "drawn", AC_S("avatar", id), AC_I("width", width), AC_I("height", height));
        }
    }
    if (!err) {
        s->users++;
        *out = s;
    }
    pthread_mutex_unlock(&m->lock);
    return err;
}

/* ---- the handler ---- */

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct model *m = model;
    (void)cfg;
    if (pthread_mutex_init(&m->lock, NULL) != 0)
        return ac_env_fail(env, AC_ENOMEM, "no lock to be had: the system is short of memory");
    m->have_lock = true;
    return 0;
}

static void model_close(void *model)
{
    struct model *m = model;
    if (!m->have_lock)
        return;
    drop_unused(m);
    pthread_mutex_destroy(&m->lock);
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *s = inst;
    const struct config *c = cfg;
    const struct ac_prefs *p = &env->prefs;
    const char *id = p->avatar[0] ? p->avatar : c->id;
    int w = 0, h = 0;

    s->model = model;
    int err = ac_folders_size(env, &w, &h);
    if (err)
        return err;
    s->frame_us = 1000000 / (p->fps > 0 ? p->fps : DEFAULT_FPS);
    return take_sheet(s->model, &s->shared, id, w, h, env);
}

static void forget_last(struct instance *s)
{
    ac_frame_unref(s->last);
    s->last = NULL;
}

static void close_instance(void *inst)
{
    struct instance *s = inst;
    forget_last(s);
    if (!s->shared)
        return;
    pthread_mutex_lock(&s->model->lock);
    s->shared->users--;
    if (s->model->sheets->next) { /* not the only one: a poster's, say */
        drop_unused(s->model);
        give_back();
    }
    pthread_mutex_unlock(&s->model->lock);
}

/* Is the head where it was in the last picture? */
static bool same_head(const struct instance *s, const struct ac_char_face *face)
{
    for (size_t i = 0; i < sizeof s->last_head / sizeof *s->last_head; i++)
        if (s->last_head[i] != face->motion[i])
            return false;
    return s->last != NULL;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *s = inst;
    struct ac_char_face face;

    if (!in) {
        forget_last(s);
        return 0;
    }
    if (ac_cancelled(cancel))
        return AC_ECANCELED;
    const struct ac_char_sheet *sheet = s->shared->sheet;
    struct ac_frame *pic = ac_frame_new_picture(sheet->width, sheet->height);
    if (!pic)
        return AC_ENOMEM;
    pic->turn = in->turn;
    pic->picture.frame = in->pose.frame;
    ac_char_motion_step(&s->motion, s->shared->rig, &in->pose, s->frame_us, &face);
    ac_char_face_draw(sheet, &face, &pic->picture, same_head(s, &face) ? &s->last->picture : NULL);
    forget_last(s);
    s->last = ac_frame_ref(pic);
    memcpy(s->last_head, face.motion, sizeof s->last_head);
    return out->push(out, pic);
}

static void reset(void *inst)
{
    struct instance *s = inst;
    forget_last(s);
    memset(&s->motion, 0, sizeof s->motion);
}

static int list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    struct ac_folders names;
    const struct config *c = cfg;
    (void)model;
    ac_folders_find(&names, env, AC_PERSON_DRAWN, c->id);
    for (size_t i = 0; i < names.n; i++) {
        struct ac_char_rig *rig = NULL;
        char *folder = ac_folders_of(env, names.name[i], NULL);
        if (folder && ac_char_rig_load(&rig, folder, names.name[i], env) == 0)
            fn(arg, &(struct ac_item){.id = rig->id,
                                      .name = rig->name,
                                      .lang = "",
                                      .gender = rig->gender,
                                      .detail = rig->detail,
                                      .is_default = !strcmp(rig->id, c->id)});
        else
            ac_log_warn("avatar", "left_out", AC_S("avatar", names.name[i]), AC_S("reason", env->reason));
        ac_char_rig_free(rig);
        free(folder);
    }
    ac_folders_free(&names);
    return 0;
}

const struct ac_handler_info ac_handler_avatar_character = {
    .name = "character",
    .help = "A drawn person from avatars/, animated by the processor alone.",
    .stage = AC_STAGE_AVATAR,
    .in = AC_FRAME_POSE,
    .out = AC_FRAME_PICTURE,
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
};
