/* Fake avatars that hear; see fake_hearing.h. */
#include "fake/fake_hearing.h"

#include "base/clock.h"
#include "fake/fake_private.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fake_ear_event noted[FAKE_EAR_EVENTS]; /* lock */
static size_t n_noted;                               /* lock */
static atomic_bool mended;

struct ear_cfg {
    int picture_ms;
};

struct ear {
    struct ac_env *env;
    int engine, picture_ms, pieces;
    bool open;
};

static const struct ac_option options[] = {
    AC_OPTION_INT(struct ear_cfg, picture_ms, "picture_ms", "0", 0, 1000, 0, "Milliseconds a picture takes."),
    AC_OPTIONS_END,
};

void fake_ear_clear(void)
{
    pthread_mutex_lock(&lock);
    n_noted = 0;
    pthread_mutex_unlock(&lock);
}

size_t fake_ear_events(struct fake_ear_event *events)
{
    pthread_mutex_lock(&lock);
    size_t n = n_noted;
    memcpy(events, noted, n * sizeof *events);
    pthread_mutex_unlock(&lock);
    return n;
}

void fake_ear_mend(bool on)
{
    atomic_store(&mended, on);
}

static void note(const struct fake_ear_event *event)
{
    pthread_mutex_lock(&lock);
    if (n_noted < FAKE_EAR_EVENTS)
        noted[n_noted++] = *event;
    pthread_mutex_unlock(&lock);
}

static int open_ear(struct ear *e, const struct ear_cfg *cfg, struct ac_env *env, int engine)
{
    struct fake_ear_event event = {.what = FAKE_EAR_OPEN, .engine = engine};

    e->env = env;
    e->engine = engine;
    e->picture_ms = cfg->picture_ms;
    e->open = true;
    fake_opened(1);
    snprintf(event.avatar, sizeof event.avatar, "%.15s", env->prefs.avatar);
    note(&event);
    return 0;
}

static int hears_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    (void)model;
    if (strncmp(env->prefs.avatar, "ear", 3) != 0)
        return AC_ENOTSUP;
    if (strcmp(env->prefs.avatar, "earless") == 0 && !atomic_load(&mended))
        return ac_env_fail(env, AC_EMODEL, "the ears are not there: put them on");
    return open_ear(inst, cfg, env, 1);
}

static int hears2_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    (void)model;
    return open_ear(inst, cfg, env, 2);
}

static void ear_close(void *inst)
{
    if (((struct ear *)inst)->open)
        fake_opened(-1);
}

static void ear_reset(void *inst)
{
    struct ear *e = inst;

    e->pieces = 0;
    note(&(struct fake_ear_event){.what = FAKE_EAR_RESET, .engine = e->engine});
}

static bool is_avatar(const struct ear *e, const char *id)
{
    return e->engine == 1 && strcmp(e->env->prefs.avatar, id) == 0;
}

static int hear(struct ear *e, const struct ac_speech *s)
{
    note(&(struct fake_ear_event){.what = FAKE_EAR_SPEECH,
                                  .engine = e->engine,
                                  .start_sample = s->start_sample,
                                  .n_samples = s->n_samples,
                                  .rate_hz = s->rate_hz,
                                  .last = s->last});
    if (++e->pieces == 2 && is_avatar(e, "eardeaf"))
        return ac_env_fail(e->env, AC_EENGINE, "the fake went deaf");
    return 0;
}

static int draw(struct ear *e, const struct ac_pose *pose, struct ac_sink *out)
{
    const struct ac_prefs *p = &e->env->prefs;

    if (pose->sentence_frame == FAKE_EAR_BREAKS && is_avatar(e, "earbreak"))
        return ac_env_fail(e->env, AC_EENGINE, "the fake broke in mid-sentence");
    note(&(struct fake_ear_event){.what = FAKE_EAR_POSE,
                                  .engine = e->engine,
                                  .frame = pose->frame,
                                  .sentence_frame = pose->sentence_frame,
                                  .save = pose->save});
    ac_sleep_us(e->picture_ms * (pose->save ? 250 : 1000));
    struct ac_frame *f = ac_frame_new_picture(p->width, p->height);
    struct ac_picture *pic = &f->picture;
    pic->frame = pose->frame;
    memset(pic->data[0], 100 + 50 * e->engine, (size_t)pic->stride[0] * (size_t)pic->height);
    memset(pic->data[1], 128, (size_t)pic->stride[1] * (size_t)pic->height / 2);
    memset(pic->data[2], 128, (size_t)pic->stride[2] * (size_t)pic->height / 2);
    return out->push(out, f);
}

static int ear_process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct ear *e = inst;

    (void)cancel;
    if (!in)
        return 0;
    return in->type == AC_FRAME_SPEECH ? hear(e, &in->speech) : draw(e, &in->pose, out);
}

static int ear_list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    static const char *const ids[] = {"ear", "earless", "earbreak", "eardeaf"};

    (void)model;
    (void)cfg;
    (void)env;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        fn(arg, &(struct ac_item){.id = ids[i], .name = ids[i], .lang = "", .gender = "", .detail = ""});
    return 0;
}

#define EAR(id, name_, flags_, ahead_ms, ...)                                                                \
    const struct ac_handler_info id = {.name = name_,                                                        \
                                       .help = "A fake for tests.",                                          \
                                       .stage = AC_STAGE_AVATAR,                                             \
                                       .in = AC_FRAME_POSE,                                                  \
                                       .out = AC_FRAME_PICTURE,                                              \
                                       .flags = AC_HANDLER_NEEDS_CONFIG | AC_HANDLER_HEARS | (flags_),       \
                                       .hear_ahead_ms = ahead_ms,                                            \
                                       .cfg_size = sizeof(struct ear_cfg),                                   \
                                       .inst_size = sizeof(struct ear),                                      \
                                       .options = options,                                                   \
                                       .close = ear_close,                                                   \
                                       .process = ear_process,                                               \
                                       .reset = ear_reset,                                                   \
                                       __VA_ARGS__}

EAR(fake_hears, "hears", AC_HANDLER_SAVES, FAKE_HEAR_AHEAD_MS, .open = hears_open, .list = ear_list);
EAR(fake_hears2, "hears2", 0, 0, .open = hears2_open);
