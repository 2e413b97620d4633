/*
 * Voice activity of the listener: the first engine of vad.use that works judges the stream, piece by piece;
 * one that fails is replaced by the next, which begins where the piece does.
 */
#include "core/listener_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"

#include <stdio.h>
#include <string.h>

enum { VAD_DEADLINE_US = 2000000 /* for a piece of 32 ms */ };

struct voice_sink {
    struct ac_sink sink;
    struct ac_listener *l;
    enum ac_ears ears;
};

/* The stream's clock is kept here: an engine says how much it has judged, in its order, and no more. */
static int push_voice(struct ac_sink *sink, struct ac_frame *f)
{
    struct voice_sink *v = (struct voice_sink *)sink;
    struct ac_listener *l = v->l;
    struct ac_voice voice = f->voice;
    int64_t left = l->at - l->vad.covered, voice_end = l->endpoint.voice_end;

    ac_frame_unref(f);
    if (voice.n_samples == 0 || (int64_t)voice.n_samples > left + PIECE || left <= 0 ||
        !(voice.probability >= 0 && voice.probability <= 1))
        return AC_EENGINE;
    if ((int64_t)voice.n_samples > left) /* the end, filled up with silence */
        voice.n_samples = (size_t)left;
    voice.start_sample = l->vad.covered;
    l->vad.covered += (int64_t)voice.n_samples;
    ac_endpoint_feed(&l->endpoint, &voice, v->ears);
    if (l->endpoint.voice_end != voice_end)
        l->voice_end_us = l->arrival_us;
    return 0;
}

static int run_engine(struct ac_listener *l, size_t i, const struct ac_handler_info *info,
                      const struct ac_frame *audio, char *reason)
{
    struct ac_prefs prefs = {.lang = ""};
    int err = 0;

    if (!l->vad.inst[i])
        err = ac_instance_open(&l->vad.inst[i], l->models, info, &prefs, reason);
    if (err)
        return err;
    pthread_mutex_lock(&l->sink_lock);
    enum ac_ears ears = l->silenced ? AC_EARS_CLOSED : l->sink.ears(l->sink.arg);
    pthread_mutex_unlock(&l->sink_lock);
    struct voice_sink out = {{push_voice}, l, ears};
    struct ac_cancel *c = ac_cancel_new(l->cancel);
    ac_cancel_set_deadline(c, ac_now_us() + VAD_DEADLINE_US);
    err = ac_instance_process(l->vad.inst[i], audio, &out.sink, c);
    if (err == AC_ECANCELED && !ac_cancelled(l->cancel))
        err = ac_cancel_reason(c) == AC_ETIMEDOUT ? AC_ETIMEDOUT : AC_EENGINE;
    ac_cancel_unref(c);
    if (err) {
        const char *why = ac_instance_reason(l->vad.inst[i]);
        snprintf(reason, REASON_SIZE, "%s", why[0] ? why : ac_err_text(err));
        ac_instance_reset(l->vad.inst[i]);
    }
    return err;
}

static struct ac_frame *audio_frame(const struct ac_listener *l, const int16_t *pcm, size_t n)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);

    f->audio.pcm = ac_realloc_array(NULL, n, sizeof *pcm);
    memcpy(f->audio.pcm, pcm, n * sizeof *pcm);
    f->audio.n_samples = n;
    f->audio.start_sample = l->at - (int64_t)n - l->vad.base;
    return f;
}

/* No engine is left: hands-free listening ends with the reason of the last one. */
static void give_up(struct ac_listener *l, int err, const char *reason)
{
    l->vad.none = true;
    ac_endpoint_finish(&l->endpoint);
    listener_tell_error(l, err, reason);
}

void vad_hear(struct ac_listener *l, const int16_t *pcm, size_t n)
{
    const struct ac_handler_info *const *list;
    size_t n_list = ac_config_use(l->cfg, AC_STAGE_VAD, &list);
    char reason[REASON_SIZE] = "no voice activity detector is configured (vad.use)";
    int err = AC_ECONFIG;

    n_list = n_list < MAX_ENGINES ? n_list : MAX_ENGINES;
    for (; !l->vad.none && l->vad.used < n_list; l->vad.used++) {
        size_t i = l->vad.used;
        if (l->vad.failed[i])
            continue;
        struct ac_frame *f = pcm ? audio_frame(l, pcm, n) : NULL;
        err = run_engine(l, i, list[i], f, reason);
        ac_frame_unref(f);
        if (!err || err == AC_ECANCELED)
            return;
        l->vad.failed[i] = true;
        l->vad.base = l->vad.covered = l->at - (int64_t)n;
        ac_log_warn("listener", "engine_failed", AC_S("stage", "vad"), AC_S("engine", list[i]->name),
                    AC_S("error", ac_err_name(err)), AC_S("reason", reason));
        if (i + 1 < n_list)
            listener_tell_degraded(l, AC_STAGE_VAD, list[i]->name, list[i + 1]->name, reason);
        if (!pcm)
            return; /* the next one has nothing to flush */
    }
    if (!l->vad.none)
        give_up(l, err, reason);
}

void vad_begin(struct ac_listener *l)
{
    struct vad *v = &l->vad;

    v->used = 0;
    v->none = false;
    memset(v->failed, 0, sizeof v->failed); /* each stream tries the preferred engine again */
    v->base = v->covered = l->at;
    ac_instances_close_old(v->inst, MAX_ENGINES);
    for (size_t i = 0; i < MAX_ENGINES; i++)
        if (v->inst[i])
            ac_instance_reset(v->inst[i]);
}

void vad_close(struct ac_listener *l)
{
    for (size_t i = 0; i < MAX_ENGINES; i++) {
        ac_instance_close(l->vad.inst[i]);
        l->vad.inst[i] = NULL;
    }
}
