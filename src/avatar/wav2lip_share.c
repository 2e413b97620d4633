/* See wav2lip_share.h. */
#include "avatar/wav2lip_share.h"

#include "avatar/wav2lip_folder.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { USUAL_SIDE = 96, RETRY_US = 600000000 };

/* Tells a file from what was there before under its name. */
struct stamp {
    uint64_t dev, ino, size;
    int64_t changed_ns;
};

struct ac_w2l_shared_net {
    struct ac_w2l_shared_net *next;
    char *path;
    struct stamp stamp[2];  /* of the export and of its optimised form */
    struct ac_w2l_net *net; /* NULL: it cannot be used, for this reason: */
    int err;
    char reason[sizeof((struct ac_env *)0)->reason];
    int64_t retry_us; /* it was too slow, which may have been the moment's; 0: it stays unusable */
    int users;
};

struct shared_faces {
    struct shared_faces *next;
    struct ac_w2l_shared_net *net;
    struct ac_w2l_faces faces;
};

struct ac_w2l_shared_stage {
    struct ac_w2l_shared_stage *next;
    char *folder;
    struct stamp stamp;
    struct ac_w2l_stage *stage;
    struct shared_faces *faces;
    int users;
};

static struct stamp stamp_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return (struct stamp){0};
    return (struct stamp){st.st_dev, st.st_ino, (uint64_t)st.st_size,
                          st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec};
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed_ns == b->changed_ns;
}

static void give_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* ---- generators ---- */

static void free_net(struct ac_w2l_shared_net *n)
{
    ac_w2l_net_close(n->net);
    free(n->path);
    free(n);
}

static bool has_faces_of(const struct ac_w2l_share *s, const struct ac_w2l_shared_net *net)
{
    for (const struct ac_w2l_shared_stage *g = s->stages; g; g = g->next)
        for (const struct shared_faces *f = g->faces; f; f = f->next)
            if (f->net == net)
                return true;
    return false;
}

/* Frees the faces that were made for it. */
static void forget_faces(struct ac_w2l_share *s, const struct ac_w2l_shared_net *net)
{
    for (struct ac_w2l_shared_stage *g = s->stages; g; g = g->next) {
        for (struct shared_faces **p = &g->faces; *p;) {
            struct shared_faces *f = *p;
            if (f->net != net) {
                p = &f->next;
                continue;
            }
            *p = f->next;
            ac_w2l_faces_close(&f->faces);
            free(f);
        }
    }
}

/* Drops all but the first (the latest) that nobody uses. */
static void drop_nets(struct ac_w2l_share *s, bool first_too)
{
    for (struct ac_w2l_shared_net **p = &s->nets; *p;) {
        struct ac_w2l_shared_net *n = *p;
        if (n->users || (n == s->nets && !first_too)) {
            p = &n->next;
            continue;
        }
        if (has_faces_of(s, n))
            forget_faces(s, n);
        *p = n->next;
        free_net(n);
    }
}

/*
 * The entry of the file as it is now, first in the list; a new one without a net where there is none yet.
 * AC_EMODEL: no such file.
 */
static int find_net(struct ac_w2l_share *s, const char *model, struct ac_w2l_shared_net **out,
                    struct ac_env *env)
{
    char *path = ac_env_path(env, model);

    if (!path)
        return ac_env_fail(
            env, AC_EMODEL,
            "the weights of Wav2Lip are not there ('%.100s'): docs/wav2lip.md#weights tells how to "
            "get them",
            model);
    char *folder = ac_w2l_folder_of(path);
    struct stamp stamp[2] = {stamp_of(path), stamp_of(folder)};
    free(folder);
    struct ac_w2l_shared_net **p = &s->nets;
    while (*p && !(strcmp((*p)->path, path) == 0 && same_stamp(&(*p)->stamp[0], &stamp[0]) &&
                   same_stamp(&(*p)->stamp[1], &stamp[1])))
        p = &(*p)->next;
    struct ac_w2l_shared_net *n = *p;
    if (n) {
        *p = n->next;
    } else {
        n = ac_zalloc(sizeof *n);
        n->path = ac_strdup(path);
        memcpy(n->stamp, stamp, sizeof stamp);
    }
    n->next = s->nets;
    s->nets = n;
    drop_nets(s, false);
    free(path);
    *out = n;
    if (n->retry_us && ac_now_us() >= n->retry_us)
        n->err = 0;
    return n->err ? ac_env_fail(env, n->err, "%s", n->reason) : 0;
}

/* Nobody expects the usual one to be too much (every second mouth can be left out); a larger one can be. */
static int check_speed(struct ac_w2l_shared_net *n, double max_ms, struct ac_env *env)
{
    double ms;

    if (max_ms <= 0 || ac_w2l_net_info(n->net)->side <= USUAL_SIDE)
        return 0;
    int err = ac_w2l_net_measure(n->net, &ms, env);
    if (err || ms <= max_ms)
        return err;
    return ac_env_fail(env, AC_EMODEL,
                       "the generator of %d pixels takes %.0f ms for a mouth here, %.0f are allowed "
                       "(avatar.wav2lip.max_ms): use the one of %d pixels, or 'avatar-chat models optimize'",
                       ac_w2l_net_info(n->net)->side, ms, max_ms, USUAL_SIDE);
}

static int open_net(struct ac_w2l_shared_net *n, double max_ms, struct ac_env *env)
{
    int64_t start_us = ac_now_us();
    int err = ac_w2l_net_open(&n->net, n->path, env);

    n->retry_us = 0;
    if (!err) {
        err = check_speed(n, max_ms, env);
        n->retry_us = err ? ac_now_us() + RETRY_US : 0;
    }
    if (err) {
        ac_w2l_net_close(n->net);
        n->net = NULL;
    }
    if (!err) {
        const struct ac_w2l_net_info *info = ac_w2l_net_info(n->net);
        ac_log_info("avatar", "wav2lip_opened", AC_S("model", n->path), AC_S("precision", info->precision),
                    AC_I("side", info->side), AC_B("optimized", info->optimized),
                    AC_I("took_us", ac_now_us() - start_us));
        if (info->note[0])
            ac_log_warn("avatar", "wav2lip_not_optimized", AC_S("reason", info->note));
    } else if (err == AC_EMODEL) { /* it will not get better until it changes */
        n->err = err;
        snprintf(n->reason, sizeof n->reason, "%s", env->reason);
    }
    return err;
}

/* ---- stages ---- */

static void free_stage(struct ac_w2l_shared_stage *g)
{
    for (struct shared_faces *f = g->faces, *next; f; f = next) {
        next = f->next;
        ac_w2l_faces_close(&f->faces);
        free(f);
    }
    ac_w2l_stage_free(g->stage);
    free(g->folder);
    free(g);
}

static void drop_stages(struct ac_w2l_share *s)
{
    for (struct ac_w2l_shared_stage **p = &s->stages; *p;) {
        struct ac_w2l_shared_stage *g = *p;
        if (g->users) {
            p = &g->next;
            continue;
        }
        *p = g->next;
        free_stage(g);
    }
}

static int get_stage(struct ac_w2l_share *s, struct ac_w2l_shared_stage **out, const char *folder,
                     const char *id, int width, int height, struct ac_env *env)
{
    char *file = ac_asprintf("%s/avatar.yaml", folder);
    struct stamp stamp = stamp_of(file);
    struct ac_w2l_shared_stage *g = s->stages;
    int err = 0;

    free(file);
    while (g && !(strcmp(g->folder, folder) == 0 && same_stamp(&g->stamp, &stamp) &&
                  g->stage->width == width && g->stage->height == height))
        g = g->next;
    if (!g) {
        struct ac_w2l_stage *stage;
        drop_stages(s);
        err = ac_w2l_stage_new(&stage, folder, id, width, height, env);
        if (err)
            return err;
        g = ac_zalloc(sizeof *g);
        g->folder = ac_strdup(folder);
        g->stamp = stamp;
        g->stage = stage;
        g->next = s->stages;
        s->stages = g;
    }
    *out = g;
    return 0;
}

static struct ac_w2l_faces *get_faces(struct ac_w2l_shared_stage *g, struct ac_w2l_shared_net *n)
{
    struct shared_faces *f = g->faces;

    while (f && f->net != n)
        f = f->next;
    if (!f) {
        f = ac_zalloc(sizeof *f);
        f->net = n;
        ac_w2l_faces_open(&f->faces, g->stage->t, n->net);
        f->next = g->faces;
        g->faces = f;
    }
    return &f->faces;
}

/* ---- roles ---- */

int ac_w2l_share_open(struct ac_w2l_share *s, struct ac_env *env)
{
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return ac_env_fail(env, AC_ENOMEM, "no lock to be had: the system is short of memory");
    s->open = true;
    return 0;
}

void ac_w2l_share_close(struct ac_w2l_share *s)
{
    if (!s->open)
        return;
    drop_stages(s);
    drop_nets(s, true);
    pthread_mutex_destroy(&s->lock);
    s->open = false;
}

int ac_w2l_share_net_info(struct ac_w2l_share *s, const char *model, double max_ms,
                          struct ac_w2l_net_info *info, struct ac_env *env)
{
    struct ac_w2l_shared_net *n;

    pthread_mutex_lock(&s->lock);
    int err = find_net(s, model, &n, env);
    if (!err && !n->net)
        err = open_net(n, max_ms, env);
    if (!err)
        *info = *ac_w2l_net_info(n->net);
    pthread_mutex_unlock(&s->lock);
    return err;
}

int ac_w2l_share_check(struct ac_w2l_share *s, const char *model, struct ac_env *env)
{
    struct ac_w2l_shared_net *n;

    pthread_mutex_lock(&s->lock);
    int err = find_net(s, model, &n, env);
    pthread_mutex_unlock(&s->lock);
    return err;
}

int ac_w2l_role_take(struct ac_w2l_share *s, struct ac_w2l_role *role, const char *folder, const char *id,
                     int width, int height, const char *model, bool speaks, double max_ms, struct ac_env *env)
{
    struct ac_w2l_shared_net *n = NULL;
    struct ac_w2l_shared_stage *g = NULL;

    pthread_mutex_lock(&s->lock);
    int err = find_net(s, model, &n, env);
    if (!err && speaks && !n->net)
        err = open_net(n, max_ms, env);
    if (!err)
        err = get_stage(s, &g, folder, id, width, height, env);
    if (!err) {
        *role = (struct ac_w2l_role){.shared_stage = g, .stage = g->stage};
        g->users++;
        if (speaks) {
            role->shared_net = n;
            n->users++;
            role->faces = get_faces(g, n);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

void ac_w2l_role_drop(struct ac_w2l_share *s, struct ac_w2l_role *role)
{
    if (!role->shared_stage)
        return;
    pthread_mutex_lock(&s->lock);
    role->shared_stage->users--;
    if (role->shared_net)
        role->shared_net->users--;
    drop_nets(s, false);
    if (s->stages->next) { /* not the only one: a poster's, say */
        drop_stages(s);
        give_back();
    }
    pthread_mutex_unlock(&s->lock);
    *role = (struct ac_w2l_role){0};
}
