/*
 * The voice strand of the speaker: sentences become speech, one sentence ahead of the rendering, by the first
 * engine that can say them. AC_ENOTSUP and AC_ENOENT-free: an engine that cannot say a language passes the
 * sentence on in silence; one that fails is replaced by the next and the client is told.
 */
#include "core/speaker_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOICED_AHEAD = 2 /* sentences: the one that is rendered and the next */ };

struct speech_sink {
    struct ac_sink sink;
    struct ac_speaker *sp;
    struct turn *turn;
    struct utterance *u;
    uint64_t pushed;
};

static int push_speech(struct ac_sink *sink, struct ac_frame *f)
{
    struct speech_sink *s = (struct speech_sink *)sink;

    if (ac_cancelled(s->turn->cancel)) {
        ac_frame_unref(f);
        return AC_ECANCELED;
    }
    f->turn = s->turn->number;
    int err = ac_queue_push(s->u->speech, f);
    if (err) {
        ac_frame_unref(f);
        return err;
    }
    if (!s->pushed++) {
        pthread_mutex_lock(&s->sp->lock);
        if (!s->turn->times.first_audio_us)
            s->turn->times.first_audio_us = ac_now_us();
        pthread_mutex_unlock(&s->sp->lock);
    }
    kick_render(s->sp);
    return 0;
}

static struct ac_frame *sentence_frame(const struct turn *t, const struct utterance *u)
{
    struct ac_frame *f = ac_frame_new_text(u->sentence.text, strlen(u->sentence.text));

    f->turn = t->number;
    f->text.seq = u->seq;
    f->text.emotion = u->sentence.emotion;
    f->text.rate = t->cfg.rate;
    f->text.pitch = t->cfg.pitch;
    snprintf(f->text.voice, sizeof f->text.voice, "%s", t->cfg.prefs.voice);
    snprintf(f->text.gender, sizeof f->text.gender, "%s", t->cfg.prefs.gender);
    snprintf(f->text.lang, sizeof f->text.lang, "%s",
             u->sentence.lang[0] ? u->sentence.lang : t->cfg.prefs.lang);
    return f;
}

/* Says a sentence by the first engine that can. */
static int voice_sentence(struct ac_speaker *sp, struct turn *t, struct utterance *u,
                          const struct ac_frame *f, char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(sp->cfg, AC_STAGE_TTS, &list);
    int err = AC_EENGINE;

    snprintf(reason, REASON_SIZE, "no speech engine is configured (tts.use)");
    for (size_t i = 0; i < n && i < MAX_ENGINES; i++) {
        struct speech_sink out = {{push_speech}, sp, t, u, 0};
        if (sp->voices.failed[i])
            continue;
        struct ac_instance *inst = engines_get(sp, &sp->voices, i, &t->cfg.prefs, reason, &err);
        if (inst) {
            err = timed_process(sp, &sp->voice_busy_us, t, inst, f, &out.sink);
            if (!err)
                break;
            snprintf(reason, REASON_SIZE, "%s",
                     ac_instance_reason(inst)[0] ? ac_instance_reason(inst) : ac_err_text(err));
            ac_instance_reset(inst);
        }
        if (err == AC_ECANCELED || err == AC_EEMPTY || err == AC_EUTF8 || err == AC_ENOENT || out.pushed)
            break; /* no other engine would do better, or the sentence has begun */
        if (err != AC_ENOTSUP)
            engines_fail(sp, &sp->voices, t, i, reason);
    }
    return err;
}

static bool any_failed(const struct engines *e)
{
    for (size_t i = 0; i < MAX_ENGINES; i++) {
        if (e->failed[i])
            return true;
    }
    return false;
}

static void voice_utterance(struct ac_speaker *sp, struct turn *t, struct utterance *u)
{
    struct ac_frame *f = sentence_frame(t, u);
    char reason[REASON_SIZE];

    int err = voice_sentence(sp, t, u, f, reason);
    if ((err == AC_ENOTSUP || err == AC_ENOENT) && f->text.voice[0] && any_failed(&sp->voices)) {
        f->text.voice[0] = '\0'; /* it went with its engine: better another voice than none */
        err = voice_sentence(sp, t, u, f, reason);
    }
    ac_frame_unref(f);
    if (err == AC_EEMPTY) /* "***" or the like: nothing to hear, nothing to complain of */
        ac_log_debug("speaker", "silent_sentence", AC_I("turn", t->number), AC_I("seq", u->seq));
    else if (err && err != AC_ECANCELED)
        tell_error(sp, t, err, reason);
}

/* The next sentence without speech, unless enough is ready; NULL when there is nothing to do. */
static struct utterance *next_to_voice(struct ac_speaker *sp, struct turn *t)
{
    struct utterance *u = NULL;

    pthread_mutex_lock(&sp->lock);
    if (t->n_voiced < t->n_said && t->n_voiced < t->n_rendered + VOICED_AHEAD) {
        u = t->first;
        for (size_t i = 0; i < t->n_voiced; i++)
            u = u->next;
    }
    pthread_mutex_unlock(&sp->lock);
    return u;
}

static void change_turn(struct ac_speaker *sp, struct turn *t)
{
    bool same = sp->voice_turn && !memcmp(&sp->voice_turn->cfg.prefs, &t->cfg.prefs, sizeof t->cfg.prefs);

    if (!same) {
        engines_close(&sp->voices);
    } else {
        ac_instances_close_old(sp->voices.inst, MAX_ENGINES);
        for (size_t i = 0; i < MAX_ENGINES; i++) {
            if (sp->voices.inst[i])
                ac_instance_reset(sp->voices.inst[i]);
            sp->voices.failed[i] = false; /* each turn tries the preferred engine again */
        }
    }
    turn_unref(sp->voice_turn);
    sp->voice_turn = turn_ref(t);
}

void voice_task(void *arg)
{
    struct ac_speaker *sp = arg;

    if (!kick_is_last(sp, &sp->voice_kick))
        return;
    struct turn *t = speaker_turn(sp);
    if (!t)
        return;
    if (sp->voice_turn != t) {
        char reason[REASON_SIZE];
        int err;
        change_turn(sp, t);
        /* ahead of the first sentence */
        struct ac_instance *inst = engines_get(sp, &sp->voices, 0, &t->cfg.prefs, reason, &err);
        if (inst && !next_to_voice(sp, t))
            ac_instance_warm(inst, t->cancel);
    }
    struct utterance *u = next_to_voice(sp, t);
    if (u) {
        int64_t cpu = ac_thread_cpu_us(), begin = ac_now_us();
        voice_utterance(sp, t, u);
        if (!sp->voice_waits)
            atomic_fetch_add(&sp->voice_us, ac_now_us() - begin);
        pthread_mutex_lock(&sp->lock);
        u->voiced = true;
        t->n_voiced++;
        t->times.tts_cpu_us += ac_thread_cpu_us() - cpu;
        pthread_mutex_unlock(&sp->lock);
        kick_render(sp);
        kick_voice(sp); /* the next sentence in a task of its own, so that renderings come between */
    }
    turn_unref(t);
}
