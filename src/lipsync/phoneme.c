/*
 * Lip sync `phoneme`: SPEECH with phoneme times → one POSE a video frame.
 *
 *     lipsync:
 *       use: [phoneme]
 *       phoneme: {strength: 1.0}
 *
 * The whole sentence's mouth movement is computed when its phonemes come (with the first piece, from flite
 * and eSpeak), so that look-ahead costs no delay; poses leave as their sound comes. Speech without phoneme
 * times gets AC_ENOTSUP: the next engine listens to the sound.
 */
#include "lipsync/mouth_track.h"

#include "avatarchat/handler.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SENTENCE_US = 600000000 };

struct phoneme_config {
    double strength;
};

struct phoneme {
    struct ac_env *env;
    const struct phoneme_config *cfg;
    int fps;
    /* of the sentence in progress */
    struct ac_phone *phones;
    size_t n_phones;
    struct ac_mouth *mouth; /* n_frames */
    float *stress;
    size_t n_frames, next; /* next: first pose not yet pushed */
    int64_t heard_us;      /* speech so far: base_us and heard_samples at rate_hz */
    int64_t base_us, heard_samples;
    int rate_hz;
    double power; /* of the frame in progress: sum of squares, and how many samples */
    size_t power_n;
    float *energy; /* of whole frames */
    size_t n_energy, cap_energy;
    enum ac_emotion emotion;
};

static const struct ac_option options[] = {
    AC_OPTION_FLOAT(struct phoneme_config, strength, "strength", "1.0", 0.3, 1.5, 0,
                    "How far the mouth moves: 1 is natural, more is easier to read from a distance."),
    AC_OPTIONS_END,
};

static int phoneme_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct phoneme *p = inst;

    (void)model;
    p->env = env;
    p->cfg = cfg;
    p->fps = env->prefs.fps ? env->prefs.fps : 25;
    if (p->fps < 5 || p->fps > 120)
        return ac_env_fail(env, AC_EINVAL, "%d frames a second: 5 to 120 are possible", p->fps);
    return 0;
}

static void phoneme_reset(void *inst)
{
    struct phoneme *p = inst;

    free(p->phones);
    free(p->mouth);
    free(p->stress);
    free(p->energy);
    *p = (struct phoneme){.env = p->env, .cfg = p->cfg, .fps = p->fps};
}

/* Adds phonemes and computes the movement anew; poses already pushed stay as they were. */
static int add_phones(struct phoneme *p, const struct ac_speech *sp)
{
    if (!sp->n_phones)
        return 0;
    p->phones = ac_realloc_array(p->phones, p->n_phones + sp->n_phones, sizeof *p->phones);
    memcpy(p->phones + p->n_phones, sp->phones, sp->n_phones * sizeof *p->phones);
    p->n_phones += sp->n_phones;
    int64_t total = p->phones[p->n_phones - 1].end_us;
    if (total < 0 || total > MAX_SENTENCE_US)
        return ac_env_fail(p->env, AC_EINVAL, "phoneme times out of range (%lld us)", (long long)total);
    p->n_frames = (size_t)((total * p->fps + 999999) / 1000000);
    p->mouth = ac_realloc_array(p->mouth, p->n_frames + 1, sizeof *p->mouth);
    p->stress = ac_realloc_array(p->stress, p->n_frames + 1, sizeof *p->stress);
    ac_mouth_track(p->phones, p->n_phones, total, p->fps, p->mouth, p->stress, p->n_frames);
    return 0;
}

/* Loudness of one frame, 0 at -45 dB of full scale and below, 1 at -12 dB and above. */
static float loudness(double mean_square)
{
    double db = 10 * log10(mean_square / (32768.0 * 32768.0) + 1e-10);

    return (float)fmin(fmax((db + 45) / 33, 0), 1);
}

static void end_energy_frame(struct phoneme *p)
{
    if (p->n_energy == p->cap_energy) {
        p->cap_energy = p->cap_energy ? p->cap_energy * 2 : 64;
        p->energy = ac_realloc_array(p->energy, p->cap_energy, sizeof *p->energy);
    }
    p->energy[p->n_energy++] = p->power_n ? loudness(p->power / (double)p->power_n) : 0;
    p->power = 0;
    p->power_n = 0;
}

static void add_sound(struct phoneme *p, const struct ac_speech *sp)
{
    if (sp->rate_hz != p->rate_hz) {
        p->base_us = p->heard_us;
        p->heard_samples = 0;
        p->rate_hz = sp->rate_hz;
    }
    for (size_t i = 0; i < sp->n_samples; i++) {
        int64_t t = p->base_us + (p->heard_samples + (int64_t)i) * 1000000 / sp->rate_hz;
        if (t * p->fps >= (int64_t)(p->n_energy + 1) * 1000000)
            end_energy_frame(p);
        p->power += (double)sp->pcm[i] * sp->pcm[i];
        p->power_n++;
    }
    p->heard_samples += (int64_t)sp->n_samples;
    p->heard_us = p->base_us + p->heard_samples * 1000000 / sp->rate_hz;
    if (p->power_n && p->heard_us * p->fps >= (int64_t)(p->n_energy + 1) * 1000000)
        end_energy_frame(p);
}

static int push_pose(struct phoneme *p, struct ac_sink *out)
{
    size_t i = p->next++;
    struct ac_frame *f = ac_frame_new(AC_FRAME_POSE);
    struct ac_pose *pose = &f->pose;

    pose->speaking = true;
    pose->emotion = p->emotion;
    pose->energy = i < p->n_energy ? p->energy[i] : 0;
    if (i < p->n_frames) {
        struct ac_mouth *m = &pose->mouth;
        *m = p->mouth[i];
        /* louder is wider, a little; closed stays closed */
        m->jaw = fminf(m->jaw * (float)p->cfg->strength * (0.88f + 0.24f * pose->energy), 1);
        pose->stress = p->stress[i];
    }
    return out->push(out, f);
}

/* Pushes the poses whose whole frame has been heard; with `all` the one that is cut short as well. */
static int push_poses(struct phoneme *p, struct ac_sink *out, struct ac_cancel *cancel, bool all)
{
    int64_t frames = p->heard_us * p->fps / 1000000;
    int err = 0;

    if (all)
        frames = (p->heard_us * p->fps + 999999) / 1000000;
    while (!err && (int64_t)p->next < frames)
        err = ac_cancelled(cancel) ? AC_ECANCELED : push_pose(p, out);
    return err;
}

static int phoneme_process(void *inst, const struct ac_frame *in, struct ac_sink *out,
                           struct ac_cancel *cancel)
{
    struct phoneme *p = inst;
    int err;

    if (!in) {
        if (p->power_n)
            end_energy_frame(p);
        err = push_poses(p, out, cancel, true);
        phoneme_reset(p);
        return err;
    }
    const struct ac_speech *sp = &in->speech;
    if (!sp->phones_known)
        return ac_env_fail(p->env, AC_ENOTSUP,
                           "this voice gives no phoneme times; use a lip-sync engine that listens");
    if (sp->n_samples && (sp->rate_hz < 4000 || sp->rate_hz > 192000))
        return ac_env_fail(p->env, AC_EINVAL, "a sample rate of %d Hz is out of range", sp->rate_hz);
    p->emotion = sp->emotion;
    err = add_phones(p, sp);
    if (err)
        return err;
    add_sound(p, sp);
    return push_poses(p, out, cancel, false);
}

const struct ac_handler_info ac_handler_lipsync_phoneme = {
    .name = "phoneme",
    .help = "Lips from the phoneme times that flite and eSpeak NG give.",
    .stage = AC_STAGE_LIPSYNC,
    .in = AC_FRAME_SPEECH,
    .out = AC_FRAME_POSE,
    .cfg_size = sizeof(struct phoneme_config),
    .inst_size = sizeof(struct phoneme),
    .options = options,
    .open = phoneme_open,
    .close = phoneme_reset,
    .process = phoneme_process,
    .reset = phoneme_reset,
};
