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
#include "lipsync/mouth.h"

#include <math.h>
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

struct loudness {
    double sum;
    uint32_t n;
};

struct instance {
    struct ac_env *env;
    float strength;
    int fps;
    /* the sentence */
    struct ac_phone *phones;
    size_t n_phones, cap_phones, first; /* first: earlier ones are out of reach */
    struct loudness *frames;
    size_t cap_frames;
    int64_t covered; /* frames whose sound is complete */
    int64_t total;   /* frames that have sound */
    int64_t next;    /* pose to push */
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
    i->fps = env->prefs.fps ? env->prefs.fps : DEFAULT_FPS;
    if (i->fps < 5 || i->fps > 120)
        return ac_env_fail(env, AC_EINVAL, "%d frames a second: 5 to 120 are possible", i->fps);
    return 0;
}

static void close_instance(void *inst)
{
    struct instance *i = inst;

    free(i->phones);
    free(i->frames);
    i->phones = NULL;
    i->frames = NULL;
    i->cap_phones = i->cap_frames = 0;
}

/* Ready for the next sentence; the buffers stay. */
static void reset(void *inst)
{
    struct instance *i = inst;

    i->n_phones = i->first = 0;
    i->covered = i->total = i->next = 0;
    i->complete = false;
    if (i->frames)
        memset(i->frames, 0, i->cap_frames * sizeof *i->frames);
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

static void take_sound(struct instance *i, const struct ac_speech *s)
{
    int64_t end = s->start_sample + (int64_t)s->n_samples;
    size_t need = (size_t)(end * i->fps / s->rate_hz + 1);

    if (need > i->cap_frames) {
        size_t cap = need < 256 ? 256 : 2 * need;
        i->frames = ac_realloc_array(i->frames, cap, sizeof *i->frames);
        memset(i->frames + i->cap_frames, 0, (cap - i->cap_frames) * sizeof *i->frames);
        i->cap_frames = cap;
    }
    for (size_t k = 0; k < s->n_samples; k++) {
        struct loudness *l = &i->frames[(s->start_sample + (int64_t)k) * i->fps / s->rate_hz];
        l->sum += (double)s->pcm[k] * s->pcm[k];
        l->n++;
    }
    if (s->n_samples) {
        i->covered = end * i->fps / s->rate_hz;
        i->total = (end * i->fps + s->rate_hz - 1) / s->rate_hz;
    }
}

/* 0 at -45 dB of full scale and below, 1 at -12 dB, about what vowels have. */
static float energy_of(const struct instance *i, int64_t frame)
{
    if (frame < 0 || (size_t)frame >= i->cap_frames || !i->frames[frame].n)
        return 0;
    double db = 10 * log10(i->frames[frame].sum / i->frames[frame].n / (32768.0 * 32768.0) + 1e-12);
    double e = (db + 45) / 33;
    return (float)(e < 0 ? 0 : e > 1 ? 1 : e);
}

static int64_t time_of(const struct instance *i, int64_t frame)
{
    return (2 * frame + 1) * 1000000 / (2 * i->fps);
}

static int push_pose(struct instance *i, struct ac_sink *out)
{
    int64_t t = time_of(i, i->next);
    struct ac_mouth_track track = {
        .phones = i->phones,
        .n = i->n_phones,
        .complete = i->complete,
        .rest_us = time_of(i, i->total - 1),
        .frame_us = 1000000 / i->fps,
        .strength = i->strength,
    };
    struct ac_frame *f = ac_frame_new(AC_FRAME_POSE);

    while (i->first < i->n_phones && i->phones[i->first].end_us <= t - AC_MOUTH_REACH_US)
        i->first++;
    float before = energy_of(i, i->next - 1), now = energy_of(i, i->next);
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

    while (i->next < (i->complete ? i->total : i->covered)) {
        if (!i->complete && time_of(i, i->next) + AC_MOUTH_REACH_US > known)
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
        take_sound(i, s);
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
