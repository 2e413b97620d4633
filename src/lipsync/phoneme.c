/*
 * phoneme: lip sync from the phoneme times that the speech engine gives.
 *
 * Pose n shows the mouth at (n + 0.5) / fps, the middle of its video frame; a sentence of length T has ceil(T
 * · fps) poses. A pose leaves as soon as the sound of its frame is there and the phonemes of the next
 * AC_MOUTH_REACH_US are known, so it does not depend on how the speech is cut in pieces. The loudness of each
 * frame is gathered sample by sample as the pieces pass; their sound is not kept.
 */
#include "avatarchat/handler.h"
#include "base/mem.h"
#include "lipsync/loudness.h"
#include "lipsync/mouth.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_FPS = 25 };

struct config {
    double strength;
};

static const struct ac_option options[] = {
    AC_OPTION_FLOAT(struct config, strength, "strength", "1.0", 0.3, 1.5, AC_OPT_RUNTIME,
                    "How far the mouth moves: 1 is natural, more is easier to read from a distance."),
    AC_OPTIONS_END,
};

struct instance {
    struct ac_env *env;
    float strength;
    /* the sentence */
    struct ac_phone *phones;
    size_t n_phones, cap_phones, first; /* first: earlier ones are out of reach */
    struct ac_loudness loudness;
    int64_t next; /* pose to push */
    enum ac_emotion emotion;
    uint32_t turn;
    bool complete;
};

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *i = inst;

    (void)model;
    i->env = env;
    i->strength = (float)((const struct config *)cfg)->strength;
    i->loudness.fps = env->prefs.fps ? env->prefs.fps : DEFAULT_FPS;
    if (i->loudness.fps < 5 || i->loudness.fps > 120)
        return ac_env_fail(env, AC_EINVAL, "%d frames a second: 5 to 120 are possible", i->loudness.fps);
    return 0;
}

static void close_instance(void *inst)
{
    struct instance *i = inst;

    free(i->phones);
    ac_loudness_free(&i->loudness);
    i->phones = NULL;
    i->cap_phones = 0;
}

/* Ready for the next sentence; the buffers stay. */
static void reset(void *inst)
{
    struct instance *i = inst;

    i->n_phones = i->first = 0;
    i->next = 0;
    i->complete = false;
    ac_loudness_reset(&i->loudness);
}

static void take_phones(struct instance *i, const struct ac_speech *s)
{
    size_t need = i->n_phones + s->n_phones;

    if (need > i->cap_phones) {
        i->cap_phones = need < 128 ? 128 : 2 * need;
        i->phones = ac_realloc_array(i->phones, i->cap_phones, sizeof *i->phones);
    }
    if (s->n_phones)
        memcpy(i->phones + i->n_phones, s->phones, s->n_phones * sizeof *i->phones);
    i->n_phones = need;
}

static int push_pose(struct instance *i, struct ac_sink *out)
{
    int64_t t = ac_loudness_time_us(&i->loudness, i->next);
    struct ac_mouth_track track = {
        .phones = i->phones,
        .n = i->n_phones,
        .complete = i->complete,
        .rest_us = ac_loudness_time_us(&i->loudness, i->loudness.total - 1),
        .frame_us = 1000000 / i->loudness.fps,
        .strength = i->strength,
    };
    struct ac_frame *f = ac_frame_new(AC_FRAME_POSE);

    while (i->first < i->n_phones && i->phones[i->first].end_us <= t - AC_MOUTH_REACH_US)
        i->first++;
    float before = ac_loudness_at(&i->loudness, i->next - 1), now = ac_loudness_at(&i->loudness, i->next);
    f->turn = i->turn;
    ac_mouth_at(&track, i->first, t, (before + now) / 2, &f->pose.mouth);
    f->pose.emotion = i->emotion;
    f->pose.stress = ac_mouth_stress(&track, i->first, t);
    f->pose.energy = now;
    f->pose.speaking = true;
    i->next++;
    return out->push(out, f);
}

/* Pushes all poses that can be known. */
static int push_poses(struct instance *i, struct ac_sink *out, struct ac_cancel *cancel)
{
    int64_t known = i->n_phones ? i->phones[i->n_phones - 1].end_us : 0;

    while (i->next < (i->complete ? i->loudness.total : i->loudness.covered)) {
        if (!i->complete && ac_loudness_time_us(&i->loudness, i->next) + AC_MOUTH_REACH_US > known)
            return 0;
        int err = ac_cancelled(cancel) ? AC_ECANCELED : push_pose(i, out);
        if (err)
            return err;
    }
    return 0;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;
    int err;

    if (!in) {
        i->complete = true;
        err = push_poses(i, out, cancel);
        reset(i);
        return err;
    }
    const struct ac_speech *s = &in->speech;
    if (!s->phones_known)
        return ac_env_fail(i->env, AC_ENOTSUP,
                           "the speech has no phoneme times: lip sync 'phoneme' needs a speech "
                           "engine that gives them (flite, espeak)");
    if (s->n_samples && s->rate_hz <= 0)
        return ac_env_fail(i->env, AC_EINVAL, "a piece of speech has no sample rate");
    if (i->complete)
        reset(i); /* the sentence before was ended by its last piece */
    i->emotion = s->emotion;
    i->turn = in->turn;
    take_phones(i, s);
    if (s->n_samples)
        ac_loudness_add(&i->loudness, s);
    i->complete = s->last;
    return push_poses(i, out, cancel);
}

const struct ac_handler_info ac_handler_lipsync_phoneme = {
    .name = "phoneme",
    .help = "mouth shapes from the phoneme times of the speech engine, with coarticulation",
    .stage = AC_STAGE_LIPSYNC,
    .in = AC_FRAME_SPEECH,
    .out = AC_FRAME_POSE,
    .cfg_size = sizeof(struct config),
    .inst_size = sizeof(struct instance),
    .options = options,
    .open = open_instance,
    .close = close_instance,
    .process = process,
    .reset = reset,
};
