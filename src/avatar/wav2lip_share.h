/*
 * What the sessions of `wav2lip` share: stages (a template at a size), generators, and the faces of a stage
 * for a generator. Counted by their users. A stage that nobody uses stays as long as it is the only one; the
 * last generator stays until ac_w2l_share_close. A file that changed counts as another one.
 *
 * Threads: any; making one holds up those who want another.
 */
#ifndef AC_AVATAR_WAV2LIP_SHARE_H
#define AC_AVATAR_WAV2LIP_SHARE_H

#include "avatar/wav2lip_stage.h"

#include <pthread.h>

struct ac_w2l_share {
    pthread_mutex_t lock;
    bool open;
    struct ac_w2l_shared_net *nets;
    struct ac_w2l_shared_stage *stages;
};

/* What one session uses. Zeroed: nothing. */
struct ac_w2l_role {
    struct ac_w2l_shared_stage *shared_stage;
    struct ac_w2l_shared_net *shared_net;
    const struct ac_w2l_stage *stage;
    struct ac_w2l_faces *faces; /* NULL without a generator */
};

int ac_w2l_share_open(struct ac_w2l_share *s, struct ac_env *env);
void ac_w2l_share_close(struct ac_w2l_share *s); /* no role may be taken */
/*
 * Takes a template at a size. model: the generator's file, as ac_w2l_net_open takes it; it is opened when
 * `speaks`, else it only has to be there and not to be known as unusable. max_ms: how long a mouth of a
 * larger generator than the usual one may take here; 0: however long. AC_EMODEL, and what ac_w2l_stage_new
 * gives.
 */
int ac_w2l_role_take(struct ac_w2l_share *s, struct ac_w2l_role *role, const char *folder, const char *id,
                     int width, int height, const char *model, bool speaks, double max_ms,
                     struct ac_env *env);
void ac_w2l_role_drop(struct ac_w2l_share *s, struct ac_w2l_role *role); /* a zeroed one is fine */
/* Opens the generator, where it is not, and tells about it; it stays open as for roles. */
int ac_w2l_share_net_info(struct ac_w2l_share *s, const char *model, double max_ms,
                          struct ac_w2l_net_info *info, struct ac_env *env);
/* Whether the generator's file is there and not known as unusable, without opening it; the reason in env. */
int ac_w2l_share_check(struct ac_w2l_share *s, const char *model, struct ac_env *env);

#endif
