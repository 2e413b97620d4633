/*
 * The speaker: turns, life and the calls that both strands share. The work itself is in speaker_voice.c and
 * speaker_render.c; the picture of the whole is in speaker.h, the locking in speaker_private.h.
 */
#include "core/speaker_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SENTENCES = 2048, MORE_URGENT_US = 20000, BEGIN_WITHIN_US = 500000 };

struct turn *turn_ref(struct turn *t)
{
    if (t)
        atomic_fetch_add(&t->refs, 1);
    return t;
}

void turn_unref(struct turn *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    for (struct utterance *u = t->first, *next; u; u = next) {
        next = u->next;
        ac_queue_free(u->speech);
        free(u->sentence.text);
        free(u);
    }
    ac_cancel_unref(t->cancel);
    free(t);
}

struct turn *speaker_turn(struct ac_speaker *sp)
{
    pthread_mutex_lock(&sp->lock);
    struct turn *t = turn_ref(sp->turn);
    pthread_mutex_unlock(&sp->lock);
    return t;
}

/*
 * Posts under the lock: the strands are freed one after the other, and the one that still runs must not post
 * to the one that is gone. What is posted already is posted again only where it has become more urgent: it
 * pulls the first one forward.
 */
static void post_kick(struct ac_speaker *sp, struct ac_strand *strand, struct kick *k, int64_t deadline_us,
                      ac_task_fn *fn, bool always)
{
    if (sp->closing || (!always && k->pending && deadline_us > k->deadline_us - MORE_URGENT_US))
        return;
    k->pending++;
    k->deadline_us = deadline_us;
    ac_strand_post(strand, 0, deadline_us, fn, sp);
}

void kick_voice(struct ac_speaker *sp)
{
    pthread_mutex_lock(&sp->lock);
    post_kick(sp, sp->voice_strand, &sp->voice_kick, pace_deadline_us(sp, &sp->dry_us), voice_task, false);
    pthread_mutex_unlock(&sp->lock);
}

void kick_render(struct ac_speaker *sp)
{
    int64_t deadline = pace_deadline_us(sp, &sp->due_us);

    pthread_mutex_lock(&sp->lock);
    post_kick(sp, sp->render_strand, &sp->render_kick, deadline, render_task, false);
    pthread_mutex_unlock(&sp->lock);
}

void post_render(struct ac_speaker *sp, int64_t start_us)
{
    int64_t deadline = pace_deadline_us(sp, &sp->due_us);

    pthread_mutex_lock(&sp->lock);
    if (!start_us)
        post_kick(sp, sp->render_strand, &sp->render_kick, deadline, render_task, true);
    else if (!sp->closing)
        ac_strand_post(sp->render_strand, start_us, deadline, render_wake, sp);
    pthread_mutex_unlock(&sp->lock);
}

bool kick_is_last(struct ac_speaker *sp, struct kick *k)
{
    pthread_mutex_lock(&sp->lock);
    bool last = --k->pending == 0;
    pthread_mutex_unlock(&sp->lock);
    return last;
}

void engines_close(struct engines *e)
{
    for (size_t i = 0; i < MAX_ENGINES; i++) {
        ac_instance_close(e->inst[i]);
        e->inst[i] = NULL;
        e->failed[i] = false;
    }
}

struct ac_instance *engines_get(struct ac_speaker *sp, struct engines *e, size_t i,
                                const struct ac_prefs *prefs, char *reason, int *err)
{
    const struct ac_handler_info *const *list;

    *err = 0;
    if (i >= ac_config_use(sp->cfg, e->stage, &list) || i >= MAX_ENGINES)
        return NULL;
    if (!e->inst[i])
        *err = ac_instance_open(&e->inst[i], sp->models, list[i], prefs, reason);
    return *err ? NULL : e->inst[i];
}

void engines_mark_failed(struct engines *e, size_t i, const char *name, const char *reason)
{
    e->failed[i] = true;
    ac_log_warn("speaker", "engine_failed", AC_S("stage", ac_stage_name(e->stage)), AC_S("engine", name),
                AC_S("reason", reason));
}

void engines_fail(struct ac_speaker *sp, struct engines *e, struct turn *t, size_t i, const char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(sp->cfg, e->stage, &list);

    engines_mark_failed(e, i, list[i]->name, reason);
    if (i + 1 < n)
        tell_degraded(sp, t, e->stage, list[i]->name, list[i + 1]->name, reason);
}

int timed_process(struct ac_speaker *sp, _Atomic int64_t *busy_us, struct turn *t, struct ac_instance *inst,
                  const struct ac_frame *in, struct ac_sink *out)
{
    struct ac_cancel *c = ac_cancel_new(t->cancel);
    int64_t now = ac_now_us();

    ac_cancel_set_deadline(c, now + ac_config_session(sp->cfg)->stage_timeout_s * INT64_C(1000000));
    atomic_store(busy_us, now);
    int err = ac_instance_process(inst, in, out, c);
    atomic_store(busy_us, 0);
    if (err == AC_ECANCELED && ac_cancel_reason(c) == AC_ETIMEDOUT)
        err = AC_ETIMEDOUT;
    ac_cancel_unref(c);
    return err;
}

void tell_error(struct ac_speaker *sp, struct turn *t, int err, const char *reason)
{
    pthread_mutex_lock(&sp->sink_lock);
    if (sp->turn == t && sp->sink.error)
        sp->sink.error(sp->sink.arg, t->number, err, reason);
    pthread_mutex_unlock(&sp->sink_lock);
}

void tell_degraded(struct ac_speaker *sp, struct turn *t, enum ac_stage stage, const char *from,
                   const char *to, const char *reason)
{
    pthread_mutex_lock(&sp->sink_lock);
    if (sp->turn == t && sp->sink.degraded)
        sp->sink.degraded(sp->sink.arg, stage, from, to, reason);
    pthread_mutex_unlock(&sp->sink_lock);
}

/* ---- who speaks ---- */

struct find_gender {
    const char *avatar; /* "" = the first of the list, which is the default */
    bool found;
    char gender[8];
};

static void match_avatar(void *arg, const struct ac_item *item)
{
    struct find_gender *f = arg;

    if (f->found || (f->avatar[0] && strcmp(f->avatar, item->id) != 0))
        return;
    f->found = true;
    snprintf(f->gender, sizeof f->gender, "%s", item->gender ? item->gender : "");
}

/* The choices, with the gender of their avatar, so that a man does not get a woman's voice. */
static struct ac_speaker_config with_gender(struct ac_models *models, const struct ac_speaker_config *scfg)
{
    struct ac_speaker_config c = *scfg;
    struct find_gender f = {.avatar = c.prefs.avatar};

    ac_models_list(models, AC_STAGE_AVATAR, match_avatar, &f);
    snprintf(c.prefs.gender, sizeof c.prefs.gender, "%s", f.gender);
    return c;
}

int ac_speaker_new(struct ac_speaker **spp, struct ac_pool *pool, struct ac_models *models,
                   const struct ac_config *cfg, const struct ac_speaker_config *scfg,
                   const struct ac_speaker_sink *sink)
{
    struct ac_speaker *sp = ac_zalloc(sizeof *sp);

    sp->pool = pool;
    sp->models = models;
    atomic_init(&sp->cfg, cfg);
    atomic_init(&sp->within_us, BEGIN_WITHIN_US);
    sp->scfg = with_gender(models, scfg);
    sp->sink = *sink;
    pthread_mutex_init(&sp->sink_lock, NULL);
    pthread_mutex_init(&sp->lock, NULL);
    sp->voices.stage = AC_STAGE_TTS;
    sp->r.lipsync.stage = AC_STAGE_LIPSYNC;
    sp->r.avatar.stage = AC_STAGE_AVATAR;

    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(cfg, AC_STAGE_TTS, &list);
    bool waits = false;
    for (size_t i = 0; i < n; i++)
        waits |= (list[i]->flags & AC_HANDLER_WAITS) != 0;
    sp->voice_waits = waits;
    sp->voice_strand = ac_strand_new(pool, "voice", waits);
    sp->render_strand = ac_strand_new(pool, "render", false);
    sp->strands_left = 2;
    *spp = sp;
    return 0;
}

int ac_speaker_begin(struct ac_speaker *sp, uint32_t number, struct ac_cancel *cancel, int64_t idle_us)
{
    struct turn *t = ac_zalloc(sizeof *t);

    atomic_init(&t->refs, 1);
    t->number = number;
    t->cancel = ac_cancel_ref(cancel);
    t->begin_us = ac_now_us();
    t->idle_us = idle_us;
    ac_speaker_stop(sp);
    pthread_mutex_lock(&sp->sink_lock);
    pthread_mutex_lock(&sp->lock);
    t->cfg = sp->scfg;
    sp->turn = t;
    pthread_mutex_unlock(&sp->lock);
    pthread_mutex_unlock(&sp->sink_lock);
    kick_voice(sp);
    kick_render(sp);
    return 0;
}

int ac_speaker_say(struct ac_speaker *sp, const struct ac_sentence *sentence, uint32_t seq)
{
    static const struct ac_queue_limits limits = {
        .max_bytes = 8 << 20, .max_duration_us = INT64_C(120000000), .policy = AC_QUEUE_REFUSE};
    struct utterance *u = ac_zalloc(sizeof *u);
    int err = 0;

    u->sentence = *sentence;
    u->sentence.text = ac_strdup(sentence->text);
    u->seq = seq;
    u->speech = ac_queue_new(&limits);
    pthread_mutex_lock(&sp->lock);
    struct turn *t = sp->turn;
    if (!t || t->ended) {
        err = AC_ECANCELED;
    } else if (t->n_said - t->n_rendered >= MAX_SENTENCES) {
        err = AC_EFULL;
        ac_metrics_add(ac_models_metrics(sp->models), AC_COUNT_DROPPED_SENTENCES, 1);
    } else {
        if (t->last)
            t->last->next = u;
        else
            t->first = u;
        t->last = u;
        if (!t->n_said++)
            t->times.sentence_us = ac_now_us();
    }
    pthread_mutex_unlock(&sp->lock);
    if (err) {
        ac_queue_free(u->speech);
        free(u->sentence.text);
        free(u);
        return err;
    }
    kick_voice(sp);
    return 0;
}

void ac_speaker_end(struct ac_speaker *sp)
{
    pthread_mutex_lock(&sp->lock);
    if (sp->turn)
        sp->turn->ended = true;
    pthread_mutex_unlock(&sp->lock);
    kick_render(sp);
}

void ac_speaker_stop(struct ac_speaker *sp)
{
    pthread_mutex_lock(&sp->sink_lock);
    pthread_mutex_lock(&sp->lock);
    struct turn *t = sp->turn;
    sp->turn = NULL;
    pthread_mutex_unlock(&sp->lock);
    pthread_mutex_unlock(&sp->sink_lock);
    if (!t)
        return;
    ac_cancel_trigger(t->cancel);
    turn_unref(t);
    kick_render(sp); /* closes the encoder: no memory is held between turns */
}

void ac_speaker_retry(struct ac_speaker *sp)
{
    kick_render(sp);
}

void ac_speaker_begin_within(struct ac_speaker *sp, int64_t us)
{
    atomic_store(&sp->within_us, us);
}

void ac_speaker_configure(struct ac_speaker *sp, const struct ac_config *cfg)
{
    atomic_store(&sp->cfg, cfg);
}

void ac_speaker_set(struct ac_speaker *sp, const struct ac_speaker_config *scfg)
{
    struct ac_speaker_config c = with_gender(sp->models, scfg);

    pthread_mutex_lock(&sp->lock);
    sp->scfg = c;
    pthread_mutex_unlock(&sp->lock);
}

int64_t ac_speaker_busy_us(struct ac_speaker *sp)
{
    int64_t voice = atomic_load(&sp->voice_busy_us), render = atomic_load(&sp->render_busy_us);
    int64_t since = voice && (!render || voice < render) ? voice : render;

    return since ? ac_now_us() - since : 0;
}

static void strand_gone(void *arg)
{
    struct ac_speaker *sp = arg;

    pthread_mutex_lock(&sp->lock);
    int left = --sp->strands_left;
    pthread_mutex_unlock(&sp->lock);
    if (left)
        return;
    ac_task_fn *done = sp->done;
    void *done_arg = sp->done_arg;
    engines_close(&sp->voices);
    turn_unref(sp->voice_turn);
    render_clear(sp);
    engines_close(&sp->r.lipsync);
    avatar_close(&sp->r);
    ac_frame_unref(sp->r.picture);
    ac_resampler_close(sp->r.resampler);
    free(sp->r.poses);
    free(sp->r.words);
    ac_str_free(&sp->r.pcm);
    ac_str_free(&sp->r.out);
    pthread_mutex_destroy(&sp->lock);
    pthread_mutex_destroy(&sp->sink_lock);
    free(sp);
    if (done)
        done(done_arg);
}

void ac_speaker_free(struct ac_speaker *sp, ac_task_fn *done, void *arg)
{
    if (!sp) {
        if (done)
            done(arg);
        return;
    }
    ac_speaker_stop(sp);
    sp->done = done;
    sp->done_arg = arg;
    pthread_mutex_lock(&sp->lock);
    sp->closing = true;
    pthread_mutex_unlock(&sp->lock);
    struct ac_strand *voice = sp->voice_strand, *render = sp->render_strand;
    ac_strand_free(voice, strand_gone, sp);
    ac_strand_free(render, strand_gone, sp);
}
