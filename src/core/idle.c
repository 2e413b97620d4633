/* Idle clips and posters, made once and kept; see idle.h. */
#include "core/idle.h"

#include "base/mem.h"
#include "media/fmp4.h"
#include "media/image.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REASON = 256,
    KEY = 80 /* an id, or "?" and an engine */,
    POSTER_QUALITY = 88,
    CRF = 20 /* it is made once and looked at for long */
};

struct idle_entry {
    struct idle_entry *next;
    char avatar[KEY];
    int size;
    struct ac_idle_media *clip, *poster;
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

static struct ac_idle_media *media_new(struct ac_str *bytes)
{
    struct ac_idle_media *m = ac_zalloc(sizeof *m);

    m->len = bytes->len;
    m->data = ac_str_steal(bytes);
    atomic_init(&m->users, 1);
    return m;
}

void ac_idle_media_unref(struct ac_idle_media *m)
{
    if (!m || atomic_fetch_sub(&m->users, 1) > 1)
        return;
    free(m->data);
    free(m);
}

static void entry_free(struct idle_entry *e)
{
    ac_idle_media_unref(e->clip);
    ac_idle_media_unref(e->poster);
    free(e);
}

void ac_idle_free(struct ac_idle *idle)
{
    if (!idle)
        return;
    for (struct idle_entry *e = idle->entries, *next; e; e = next) {
        next = e->next;
        entry_free(e);
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
    pose->pose.sentence_frame = -1;
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

static struct idle_entry *find(struct ac_idle *idle, const char *avatar, int size)
{
    struct idle_entry *e = idle->entries;

    while (e && (e->size != size || strcmp(e->avatar, avatar) != 0))
        e = e->next;
    return e;
}

static bool has(const struct idle_entry *e, bool clip)
{
    return e && (clip ? e->clip : e->poster);
}

/* Keeps what was made; takes `data` over. */
static struct idle_entry *store(struct ac_idle *idle, const char *avatar, int size, bool clip,
                                struct ac_str *data)
{
    struct idle_entry *e = find(idle, avatar, size);

    if (!e) {
        e = ac_zalloc(sizeof *e);
        snprintf(e->avatar, sizeof e->avatar, "%s", avatar);
        e->size = size;
        e->next = idle->entries;
        idle->entries = e;
    }
    *(clip ? &e->clip : &e->poster) = media_new(data);
    return e;
}

/*
 * Makes it by one engine. stand_in: for another person's engine that failed; such a picture is not kept as
 * that person's, who may be shown again later, but as the engine's.
 */
static int make(struct ac_idle *idle, const struct ac_handler_info *engine, const struct ac_prefs *prefs,
                bool stand_in, bool clip, struct idle_entry **made, char *reason)
{
    char key[KEY];
    struct ac_instance *inst = NULL;
    struct ac_str out = {0};

    snprintf(key, sizeof key, "%s%s", stand_in ? "?" : "", stand_in ? engine->name : prefs->avatar);
    int err = ac_instance_open(&inst, idle->models, engine, prefs, reason);
    *made = err ? NULL : find(idle, key, prefs->width);
    if (!err && !has(*made, clip)) {
        err = clip ? make_clip(inst, prefs, &out, reason) : make_poster(inst, &out, reason);
        if (!err)
            *made = store(idle, key, prefs->width, clip, &out);
    }
    ac_instance_close(inst);
    ac_str_free(&out);
    return err;
}

/* Makes it by the engine that would speak: the order and the fall-back are the speaker's (speaker_avatar.c).
 */
static int make_by_first(struct ac_idle *idle, struct ac_prefs *prefs, bool clip, struct idle_entry **made,
                         char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(idle->cfg, AC_STAGE_AVATAR, &list);
    bool failed = false;
    char said[REASON];
    int err = AC_EENGINE;

    snprintf(reason, REASON, "no avatar engine is configured (avatar.use)");
    for (size_t i = 0; i < n; i++) {
        said[0] = '\0';
        int e = make(idle, list[i], prefs, failed, clip, made, said);
        if (!e)
            return 0;
        if (e != AC_ENOTSUP || !failed) {
            err = e;
            snprintf(reason, REASON, "%s", said);
        }
        if (e != AC_ENOTSUP) {
            failed = true;
            prefs->avatar[0] = '\0';
        }
    }
    return err;
}

/* Few sizes: each is kept in memory, and anybody may ask. */
static bool known_size(int size)
{
    return size == 256 || size == 360 || size == 512 || size == 720 || size == 1080;
}

static int get(struct ac_idle *idle, const char *avatar, int size, bool clip, struct ac_idle_media **media,
               char *reason)
{
    char dummy[REASON];
    struct ac_prefs prefs = {
        .width = size, .height = size, .fps = ac_config_video(idle->cfg)->fps, .still = 1};
    int err = 0;

    *media = NULL;
    reason = reason ? reason : dummy;
    reason[0] = '\0';
    if (!known_size(size)) {
        snprintf(reason, REASON, "the size must be 256, 360, 512, 720 or 1080");
        return AC_EINVAL;
    }
    snprintf(prefs.avatar, sizeof prefs.avatar, "%s", avatar);
    pthread_mutex_lock(&idle->lock);
    struct idle_entry *e = find(idle, prefs.avatar, size);
    ac_metrics_cache(ac_models_metrics(idle->models), clip ? "idle" : "poster", has(e, clip));
    if (!has(e, clip))
        err = make_by_first(idle, &prefs, clip, &e, reason);
    if (!err) {
        *media = clip ? e->clip : e->poster;
        atomic_fetch_add(&(*media)->users, 1);
    }
    pthread_mutex_unlock(&idle->lock);
    return err;
}

int ac_idle_clip(struct ac_idle *idle, const char *avatar, int size, struct ac_idle_media **media,
                 char *reason)
{
    return get(idle, avatar, size, true, media, reason);
}

int ac_idle_poster(struct ac_idle *idle, const char *avatar, int size, struct ac_idle_media **media,
                   char *reason)
{
    return get(idle, avatar, size, false, media, reason);
}

void ac_idle_forget(struct ac_idle *idle, const char *avatar)
{
    pthread_mutex_lock(&idle->lock);
    for (struct idle_entry **at = &idle->entries, *e; (e = *at);) {
        if (strcmp(e->avatar, avatar) != 0) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        entry_free(e);
    }
    pthread_mutex_unlock(&idle->lock);
}
