/* text ─> tts ─> lip sync ─> avatar, all in one go, keeping every picture. */
#include "clip.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "media/fmp4.h"
#include "media/resample.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chain {
    struct ac_sink speech, pose, picture;
    struct ac_instance *tts, *lipsync, *avatar;
    struct ac_cancel *cancel;
    struct ac_resampler *resampler;
    struct clip *clip;
};

static struct chain *chain_of(struct ac_sink *s, size_t offset)
{
    return (struct chain *)(void *)((char *)s - offset);
}

static int push_picture(struct ac_sink *s, struct ac_frame *f)
{
    struct clip *c = chain_of(s, offsetof(struct chain, picture))->clip;

    if (c->n_pictures == c->cap_pictures) {
        c->cap_pictures = c->cap_pictures ? 2 * c->cap_pictures : 64;
        c->pictures = ac_realloc_array(c->pictures, c->cap_pictures, sizeof(struct ac_frame *));
    }
    c->pictures[c->n_pictures++] = f;
    return AC_OK;
}

static int push_pose(struct ac_sink *s, struct ac_frame *f)
{
    struct chain *ch = chain_of(s, offsetof(struct chain, pose));
    struct ac_frame *pose = ac_frame_new(AC_FRAME_POSE);

    pose->pose = f->pose;
    pose->pose.frame = (int64_t)ch->clip->n_pictures;
    pose->pose.idle_us = pose->pose.frame * 1000000 / ch->clip->fps % AC_IDLE_PERIOD_US;
    int err = ac_instance_process(ch->avatar, pose, &ch->picture, ch->cancel);
    ac_frame_unref(pose);
    ac_frame_unref(f);
    return err;
}

static int push_speech(struct ac_sink *s, struct ac_frame *f)
{
    struct chain *ch = chain_of(s, offsetof(struct chain, speech));
    int err = AC_OK;

    if (!ch->resampler)
        err = ac_resampler_open(&ch->resampler, f->speech.rate_hz, AC_FMP4_AUDIO_RATE);
    if (!err && f->speech.n_samples)
        err = ac_resampler_run(ch->resampler, f->speech.pcm, f->speech.n_samples, &ch->clip->pcm);
    if (!err)
        err = ac_instance_process(ch->lipsync, f, &ch->pose, ch->cancel);
    ac_frame_unref(f);
    return err;
}

/* Cuts or pads the sound to the length of the pictures. */
static void fit_sound(struct clip *c)
{
    size_t want = c->n_pictures * (size_t)(AC_FMP4_AUDIO_RATE / c->fps) * sizeof(int16_t);
    static const char zeros[4096];

    while (c->pcm.len < want)
        ac_str_add_n(&c->pcm, zeros, want - c->pcm.len < sizeof zeros ? want - c->pcm.len : sizeof zeros);
    c->pcm.len = want;
}

static int open_first(struct ac_instance **inst, struct ac_models *models, const struct ac_config *cfg,
                      enum ac_stage stage, const struct ac_prefs *prefs, char *reason)
{
    const struct ac_handler_info *const *engines;

    if (ac_config_use(cfg, stage, &engines) == 0) {
        snprintf(reason, 256, "a stage has no engine in the configuration");
        return AC_ECONFIG;
    }
    return ac_instance_open(inst, models, engines[0], prefs, reason);
}

int clip_make(struct clip *c, struct ac_models *models, const struct ac_config *cfg, const char *text,
              char *reason)
{
    const struct ac_video_config *v = ac_config_video(cfg);
    struct ac_prefs prefs = {.lang = "en", .width = v->width, .height = v->height, .fps = v->fps};
    struct chain ch = {.speech = {push_speech}, .pose = {push_pose}, .picture = {push_picture}, .clip = c};
    struct ac_frame *in = ac_frame_new_text(text, strlen(text));
    int err;

    memset(c, 0, sizeof *c);
    c->width = v->width;
    c->height = v->height;
    c->fps = v->fps;
    ch.cancel = ac_cancel_new(NULL);
    err = open_first(&ch.tts, models, cfg, AC_STAGE_TTS, &prefs, reason);
    if (!err)
        err = open_first(&ch.lipsync, models, cfg, AC_STAGE_LIPSYNC, &prefs, reason);
    if (!err)
        err = open_first(&ch.avatar, models, cfg, AC_STAGE_AVATAR, &prefs, reason);
    if (err)
        goto out;
    err = ac_instance_process(ch.tts, in, &ch.speech, ch.cancel);
    if (!err && ch.resampler)
        err = ac_resampler_run(ch.resampler, NULL, 0, &c->pcm);
    if (!err)
        err = ac_instance_process(ch.lipsync, NULL, &ch.pose, ch.cancel);
    if (err)
        snprintf(reason, 256, "%s; %s; %s", ac_instance_reason(ch.tts), ac_instance_reason(ch.lipsync),
                 ac_instance_reason(ch.avatar));
    else
        fit_sound(c);
out:
    ac_instance_close(ch.tts);
    ac_instance_close(ch.lipsync);
    ac_instance_close(ch.avatar);
    ac_resampler_close(ch.resampler);
    ac_cancel_unref(ch.cancel);
    ac_frame_unref(in);
    return err;
}

void clip_free(struct clip *c)
{
    for (size_t i = 0; i < c->n_pictures; i++)
        ac_frame_unref(c->pictures[i]);
    free(c->pictures);
    ac_str_free(&c->pcm);
    memset(c, 0, sizeof *c);
}

static uint8_t byte(double v)
{
    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)lrint(v);
}

uint8_t *clip_to_bgr(const struct clip *c)
{
    size_t picture = (size_t)c->width * (size_t)c->height * 3;
    uint8_t *all = ac_try_alloc(picture * c->n_pictures), *to = all;

    for (size_t i = 0; all && i < c->n_pictures; i++) {
        const struct ac_picture *p = &c->pictures[i]->picture;

        for (int y = 0; y < c->height; y++)
            for (int x = 0; x < c->width; x++, to += 3) {
                double luma = 1.164 * (p->data[0][y * p->stride[0] + x] - 16);
                int cx = x / 2, cy = y / 2;
                double cb = p->data[1][cy * p->stride[1] + cx] - 128;
                double cr = p->data[2][cy * p->stride[2] + cx] - 128;

                to[0] = byte(luma + 2.112 * cb);
                to[1] = byte(luma - 0.213 * cb - 0.533 * cr);
                to[2] = byte(luma + 1.793 * cr);
            }
    }
    return all;
}
