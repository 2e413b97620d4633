/* For the tests of the character engine: an instance that is opened, posed and looked at. */
#ifndef TEST_AVATAR_PUPPET_H
#define TEST_AVATAR_PUPPET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avatar/character_rig.h"
#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "puppet_hash.h"

extern const struct ac_handler_info ac_handler_avatar_character;

struct puppet_config {
    char *id; /* the engine's only option */
};

struct puppet {
    struct ac_sink sink; /* first: push gets it back */
    struct ac_env env;
    struct puppet_config cfg;
    void *model, *inst;
    bool owns_model;
    struct ac_cancel *cancel;
    struct ac_frame *shown;
    int pushed;
};

static inline int puppet_push(struct ac_sink *sink, struct ac_frame *f)
{
    struct puppet *p = (struct puppet *)(void *)sink;
    ac_frame_unref(p->shown);
    p->shown = f;
    p->pushed++;
    return 0;
}

/* model: of another puppet, or NULL for one of its own. Gives what open gives; close in any case. */
static inline int puppet_open(struct puppet *p, void *model, const char *avatar, int width, int height,
                              const char *const *dirs)
{
    const struct ac_handler_info *h = &ac_handler_avatar_character;
    memset(p, 0, sizeof *p);
    p->sink.push = puppet_push;
    p->cancel = ac_cancel_new(NULL);
    p->cfg.id = (char *)(uintptr_t)h->options[0].def;
    p->env = (struct ac_env){.log_name = "avatar.character", .data_dirs = dirs, .threads = 1};
    snprintf(p->env.prefs.avatar, sizeof p->env.prefs.avatar, "%s", avatar);
    p->env.prefs.width = width;
    p->env.prefs.height = height;
    p->env.prefs.fps = 25;
    p->inst = ac_zalloc(h->inst_size);
    p->model = model;
    if (!model) {
        p->model = ac_zalloc(h->model_size);
        p->owns_model = true;
        int err = h->model_open(p->model, &p->cfg, &p->env);
        if (err)
            return err;
    }
    return h->open(p->inst, p->model, &p->cfg, &p->env);
}

static inline void puppet_close(struct puppet *p)
{
    const struct ac_handler_info *h = &ac_handler_avatar_character;
    h->close(p->inst);
    if (p->owns_model) {
        h->model_close(p->model);
        free(p->model);
    }
    free(p->inst);
    ac_frame_unref(p->shown);
    ac_cancel_unref(p->cancel);
}

/* The picture of the pose, valid until the next one. */
static inline const struct ac_picture *puppet_show(struct puppet *p, const struct ac_pose *pose)
{
    struct ac_frame *in = ac_frame_new(AC_FRAME_POSE);
    in->pose = *pose;
    int err = ac_handler_avatar_character.process(p->inst, in, &p->sink, p->cancel);
    ac_frame_unref(in);
    return err ? NULL : &p->shown->picture;
}

/* The rig of a shipped avatar; free with ac_char_rig_free. */
static inline struct ac_char_rig *puppet_rig(const char *id)
{
    struct ac_env env = {.log_name = "test"};
    struct ac_char_rig *rig = NULL;
    char *folder = ac_asprintf("avatars/%s", id);
    assert_int_equal(ac_char_rig_load(&rig, folder, id, &env), 0);
    free(folder);
    return rig;
}

#endif
