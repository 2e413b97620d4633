/* Idle clips and posters, made once and kept; see idle.h. */
#include "core/idle.h"

#include "base/mem.h"
#include "media/fmp4.h"
#include "media/image.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON = 256, POSTER_QUALITY = 88, CRF = 20 /* it is made once and looked at for long */ };

struct idle_entry {
    struct idle_entry *next;
    char avatar[64];
    int size;
    char *clip, *poster;
    size_t clip_len, poster_len;
};

struct ac_idle {
    struct ac_models *models;
    const struct ac_config *cfg;
    pthread_mutex_t lock; /* held while a clip is made: two who want the same do not make it twice */
    struct idle_entry *entries;
};

struct ac_idle *ac_idle_new(struct ac_models *models, const struct ac_config *cfg)
{
    struct ac_idle *idle = ac_zalloc(sizeof *idle);

    idle->models = models;
    idle->cfg = cfg;
    pthread_mutex_init(&idle->lock, NULL);
    return idle;
}

void ac_idle_free(struct ac_idle *idle)
{
    if (!idle)
        return;
    for (struct idle_entry *e = idle->entries, *next; e; e = next) {
        next = e->next;
        free(e->clip);
        free(e->poster);
        free(e);
    }
    pthread_mutex_destroy(&idle->lock);
    free(idle);
}

struct keep_picture {
    struct ac_sink sink;
    struct ac_frame *picture;
};

static int keep(struct ac_sink *sink, struct ac_frame *f)
{
    struct keep_picture *k = (struct keep_picture *)sink;

    ac_frame_unref(k->picture);
    k->picture = f;
    return 0;
}

/* Draws the resting person at a phase of the idle motion into k->picture. */
static int draw_at(struct ac_instance *inst, struct keep_picture *k, int64_t frame, int64_t idle_us,
                   char *reason)
{
    struct ac_frame *pose = ac_frame_new(AC_FRAME_POSE);
    struct ac_cancel *cancel = NULL;

    pose->pose.frame = frame;
    pose->pose.idle_us = idle_us;
    int err = ac_instance_process(inst, pose, &k->sink, cancel);
    if (err)
        snprintf(reason, REASON, "%s", ac_instance_reason(inst));
    ac_frame_unref(pose);
    return err;
}

static int make_clip(struct ac_instance *inst, const struct ac_prefs *prefs, struct ac_str *out, char *reason)
{
    struct ac_fmp4_config cfg = {.width = prefs->width,
                                 .height = prefs->height,
                                 .fps = prefs->fps,
                                 .crf = CRF,
                                 .audio_kbps = 64,
                                 .silent = true,
                                 .faststart = true};
    int64_t n = AC_IDLE_PERIOD_US * (int64_t)prefs->fps / 1000000;
    struct keep_picture k = {{keep}, NULL};
    struct ac_fmp4 *m = NULL;
    int err = ac_fmp4_open(&m, &cfg);

    for (int64_t i = 0; !err && i < n; i++) {
        err = draw_at(inst, &k, i, i * 1000000 / prefs->fps, reason);
        if (!err)
            err = ac_fmp4_video(m, &k.picture->picture, i % prefs->fps == 0); /* the page seeks in it */
    }
    if (!err)
        err = ac_fmp4_finish(m, out);
    ac_fmp4_close(m);
    ac_frame_unref(k.picture);
    return err;
}

static int make_poster(struct ac_instance *inst, struct ac_str *out, char *reason)
{
    struct keep_picture k = {{keep}, NULL};
    int err = draw_at(inst, &k, 0, 0, reason);

    if (!err)
        err = ac_image_jpeg(&k.picture->picture, POSTER_QUALITY, out);
    ac_frame_unref(k.picture);
    return err;
}

static struct idle_entry *entry(struct ac_idle *idle, const char *avatar, int size)
{
    struct idle_entry *e = idle->entries;

    while (e && (e->size != size || strcmp(e->avatar, avatar) != 0))
        e = e->next;
    if (!e) {
        e = ac_zalloc(sizeof *e);
        snprintf(e->avatar, sizeof e->avatar, "%s", avatar);
        e->size = size;
        e->next = idle->entries;
        idle->entries = e;
    }
    return e;
}

static int open_avatar(struct ac_idle *idle, const struct ac_prefs *prefs, struct ac_instance **inst,
                       char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(idle->cfg, AC_STAGE_AVATAR, &list);
    int err = AC_EENGINE;

    snprintf(reason, REASON, "no avatar engine is configured (avatar.use)");
    for (size_t i = 0; i < n; i++) {
        err = ac_instance_open(inst, idle->models, list[i], prefs, reason);
        if (!err)
            break;
    }
    return err;
}

/* Few sizes: each is kept in memory, and anybody may ask. */
static bool known_size(int size)
{
    return size == 256 || size == 360 || size == 512 || size == 720 || size == 1080;
}

/* Takes the entry out again when nothing could be made for it (an unknown avatar). */
static void drop_empty(struct ac_idle *idle, struct idle_entry *e)
{
    if (e->clip || e->poster)
        return;
    for (struct idle_entry **p = &idle->entries; *p; p = &(*p)->next) {
        if (*p == e) {
            *p = e->next;
            free(e);
            return;
        }
    }
}

static int get(struct ac_idle *idle, const char *avatar, int size, bool clip, const char **data, size_t *len,
               char *reason)
{
    char dummy[REASON];
    struct ac_prefs prefs = {.width = size, .height = size, .fps = ac_config_video(idle->cfg)->fps};
    struct ac_instance *inst = NULL;
    struct ac_str out = {0};
    int err = 0;

    reason = reason ? reason : dummy;
    reason[0] = '\0';
    if (!known_size(size)) {
        snprintf(reason, REASON, "the size must be 256, 360, 512, 720 or 1080");
        return AC_EINVAL;
    }
    snprintf(prefs.avatar, sizeof prefs.avatar, "%s", avatar);
    pthread_mutex_lock(&idle->lock);
    struct idle_entry *e = entry(idle, prefs.avatar, size);
    ac_metrics_cache(ac_models_metrics(idle->models), clip ? "idle" : "poster", clip ? e->clip : e->poster);
    if (!(clip ? e->clip : e->poster)) {
        err = open_avatar(idle, &prefs, &inst, reason);
        if (!err)
            err = clip ? make_clip(inst, &prefs, &out, reason) : make_poster(inst, &out, reason);
        ac_instance_close(inst);
        if (!err && clip) {
            e->clip_len = out.len;
            e->clip = ac_str_steal(&out);
        } else if (!err) {
            e->poster_len = out.len;
            e->poster = ac_str_steal(&out);
        }
        ac_str_free(&out);
    }
    *data = clip ? e->clip : e->poster;
    *len = clip ? e->clip_len : e->poster_len;
    if (err)
        drop_empty(idle, e);
    pthread_mutex_unlock(&idle->lock);
    return err;
}

int ac_idle_clip(struct ac_idle *idle, const char *avatar, int size, const char **data, size_t *len,
                 char *reason)
{
    return get(idle, avatar, size, true, data, len, reason);
}

int ac_idle_poster(struct ac_idle *idle, const char *avatar, int size, const char **data, size_t *len,
                   char *reason)
{
    return get(idle, avatar, size, false, data, len, reason);
}
