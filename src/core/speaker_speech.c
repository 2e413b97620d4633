/*
 * The first half of the render strand: speech is taken from the voice and becomes sound at the encoder's rate
 * and poses, a sentence at a time, until a fragment's worth is there.
 *
 * Sound and picture keep one clock: a sentence is padded to whole frames, so sample = frame × rate / fps
 * holds at every sentence's start. Rest frames follow each sentence: the mouth is closed and the motion runs
 * out.
 */
#include "core/speaker_private.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GAP_FRAMES = 4,   /* rest between sentences */
    TAIL_FRAMES = 10, /* rest after the last sentence: the avatar is back in its idle motion */
    MAX_POSES = 25 * 60 * 10,
};

/* ---- poses ---- */

struct pose_sink {
    struct ac_sink sink;
    struct render *r;
};

static void add_pose(struct render *r, const struct ac_pose *pose)
{
    if (r->n_poses == r->cap_poses) {
        r->cap_poses = r->cap_poses ? r->cap_poses * 2 : 64;
        r->poses = ac_realloc_array(r->poses, r->cap_poses, sizeof *r->poses);
    }
    r->poses[r->n_poses++] = *pose;
}

static int push_pose(struct ac_sink *sink, struct ac_frame *f)
{
    struct render *r = ((struct pose_sink *)sink)->r;
    int err = r->n_poses - r->pose_at < MAX_POSES ? 0 : AC_EFULL;

    if (!err)
        add_pose(r, &f->pose);
    ac_frame_unref(f);
    return err;
}

/* Gives one piece of speech (NULL: the end) to lip sync; at a sentence's first piece the engine is chosen. */
static int run_lipsync(struct ac_speaker *sp, struct render *r, const struct ac_frame *speech, char *reason)
{
    struct pose_sink out = {{push_pose}, r};
    bool choosing = speech && !r->announced;
    int err = AC_EENGINE;

    snprintf(reason, REASON_SIZE, "no lip-sync engine is configured (lipsync.use)");
    for (size_t i = choosing ? 0 : r->lipsync_used; i < MAX_ENGINES; i++) {
        if (r->lipsync.failed[i])
            continue;
        struct ac_instance *inst = engines_get(sp, &r->lipsync, i, &r->prefs, reason, &err);
        if (!inst && !err)
            return AC_EENGINE; /* end of the list: the last engine's reason stands */
        if (inst) {
            err = timed_process(sp, &sp->render_busy_us, r->turn, inst, speech, &out.sink);
            r->lipsync_used = i;
            if (!err || err == AC_ECANCELED)
                return err;
            snprintf(reason, REASON_SIZE, "%s",
                     ac_instance_reason(inst)[0] ? ac_instance_reason(inst) : ac_err_text(err));
            ac_instance_reset(inst);
        }
        if (!choosing)
            return err;
        if (err != AC_ENOTSUP)
            engines_fail(sp, &r->lipsync, r->turn, i, reason);
    }
    return err;
}

/* ---- sound ---- */

static int add_sound(struct render *r, const struct ac_speech *speech)
{
    int err = 0;
    size_t before = r->pcm.len;

    if (r->resampler_hz != speech->rate_hz) {
        if (r->resampler)
            err = ac_resampler_run(r->resampler, NULL, 0, &r->pcm);
        ac_resampler_close(r->resampler);
        r->resampler = NULL;
        r->resampler_hz = 0;
        if (!err)
            err = ac_resampler_open(&r->resampler, speech->rate_hz, AC_FMP4_AUDIO_RATE);
        if (err)
            return err;
        r->resampler_hz = speech->rate_hz;
    }
    if (speech->n_samples)
        err = ac_resampler_run(r->resampler, speech->pcm, speech->n_samples, &r->pcm);
    r->pcm_in += (int64_t)((r->pcm.len - before) / sizeof(int16_t));
    return err;
}

static void add_silence(struct render *r, int64_t samples)
{
    static const int16_t zeros[1024];

    r->pcm_in += samples;
    for (; samples > 0; samples -= 1024)
        ac_str_add_n(&r->pcm, (const char *)zeros, sizeof *zeros * (size_t)(samples < 1024 ? samples : 1024));
}

/* ---- sentences ---- */

/*
 * Tells the sink of the sentence at its first piece, and again whenever more of its words are known: voices
 * that come over the network learn them as they go.
 */
static void announce(struct ac_speaker *sp, struct render *r, const struct ac_speech *speech)
{
    int64_t duration = speech->n_phones ? speech->phones[speech->n_phones - 1].end_us : 0;

    if (r->announced && !speech->n_words)
        return;
    if (!r->announced)
        r->begin_us = frames_us(r->frames, fps_of(sp, r));
    r->announced = true;
    if (speech->n_words) {
        r->words = ac_realloc_array(r->words, r->n_words + speech->n_words, sizeof *r->words);
        memcpy(r->words + r->n_words, speech->words, speech->n_words * sizeof *r->words);
        r->n_words += speech->n_words;
    }
    pthread_mutex_lock(&sp->sink_lock);
    if (sp->turn == r->turn && sp->sink.sentence)
        sp->sink.sentence(sp->sink.arg, r->turn->number, r->cur->seq, r->cur->sentence.text, r->words,
                          r->n_words, r->begin_us, duration);
    pthread_mutex_unlock(&sp->sink_lock);
}

bool render_is_last(struct ac_speaker *sp, const struct render *r)
{
    pthread_mutex_lock(&sp->lock);
    bool last = r->turn->ended && !r->cur->next;
    pthread_mutex_unlock(&sp->lock);
    return last;
}

/* All speech of the sentence has come: flush lip sync and resampler, pad to whole frames, add the rest. */
static int complete_sentence(struct ac_speaker *sp, struct render *r, char *reason)
{
    int fps = fps_of(sp, r), err = 0;
    static const struct ac_pose rest;

    if (r->announced) { /* some speech came */
        err = run_lipsync(sp, r, NULL, reason);
        if (!err)
            err = avatar_hear_end(sp, r, reason);
    }
    if (!err && r->resampler) {
        size_t before = r->pcm.len;
        err = ac_resampler_run(r->resampler, NULL, 0, &r->pcm);
        r->pcm_in += (int64_t)((r->pcm.len - before) / sizeof(int16_t));
        ac_resampler_reset(r->resampler);
    }
    if (err)
        return err;
    if (r->announced) {
        bool last = render_is_last(sp, r);
        int rests = last ? TAIL_FRAMES : GAP_FRAMES;
        r->relax = last ? TAIL_FRAMES : 0;
        while (frame_samples((int64_t)r->n_poses, fps) < r->pcm_in)
            add_pose(r, &rest);
        for (int i = 0; i < rests; i++)
            add_pose(r, &rest);
        /* rounded on the turn's clock, so that no drift builds up at rates that fps does not divide */
        int64_t begin = r->frames - (int64_t)r->pose_at;
        int64_t want = frame_samples(begin + (int64_t)r->n_poses, fps) - frame_samples(begin, fps);
        add_silence(r, want - r->pcm_in);
    }
    r->complete = true;
    return 0;
}

int render_fill(struct ac_speaker *sp, struct render *r, size_t n, char *reason)
{
    int fps = fps_of(sp, r);

    while (!r->complete &&
           (avatar_ready(sp, r) < n ||
            (int64_t)(r->pcm.len / sizeof(int16_t)) < frame_samples((int64_t)n, fps) + AC_FMP4_AUDIO_LEAD)) {
        pthread_mutex_lock(&sp->lock);
        bool voiced = r->cur->voiced; /* before the pop: what was voiced by now is in the queue */
        pthread_mutex_unlock(&sp->lock);
        struct ac_frame *f = ac_queue_pop(r->cur->speech);
        int err = 0;
        if (f) {
            err = run_lipsync(sp, r, f, reason);
            if (!err)
                announce(sp, r, &f->speech);
            if (!err)
                err = add_sound(r, &f->speech);
            if (!err)
                err = avatar_hear(sp, r, f, reason);
            ac_frame_unref(f);
        } else if (voiced) {
            err = complete_sentence(sp, r, reason);
        } else {
            break;
        }
        if (err)
            return err;
    }
    return 0;
}
