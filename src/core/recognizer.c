/*
 * Sound of utterances in, their texts out; see recognizer.h.
 *
 * A job is an utterance. Its `round` counts how often it was resumed after the engine had been told that it
 * is complete; the strand compares it with the round it works in and begins again where they differ.
 * Everything of a job is under the lock; the strand copies out what it gives to the engine.
 */
#include "core/recognizer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ENGINES = 8, REASON = 256, MAX_TEXT_BYTES = 64 * 1024, PARTIAL_US = 100000 };

struct job {
    struct job *next;
    uint32_t utterance;
    struct ac_prefs prefs;
    struct ac_cancel *cancel; /* of this round */
    struct ac_str pcm;
    unsigned round;
    bool finish;  /* no more sound is expected */
    bool closing; /* the engine has been told so in this round */
    bool ready;
    struct ac_recognized result;
};

/* What the strand is at. */
struct work {
    uint32_t utterance;
    unsigned round;
    size_t fed;    /* samples the engine has */
    size_t engine; /* index in the configured list */
};

struct ac_recognizer {
    struct ac_models *models;
    _Atomic(const struct ac_config *) cfg;
    struct ac_cancel *cancel;
    struct ac_recognizer_sink sink;
    struct ac_strand *strand;
    _Atomic int64_t busy_us;
    atomic_bool retry;

    pthread_mutex_t lock;
    struct job *jobs; /* lock: in the order of their beginning */
    bool posted;      /* lock */
    bool prepare;     /* lock: the first engine is to be opened */
    bool closed;      /* lock: nothing reaches the sink any more */

    /* strand */
    struct ac_instance *inst[MAX_ENGINES];
    bool failed[MAX_ENGINES];
    int why_err; /* of the last engine that failed; 0 = none */
    char why[REASON];
    char lang[16]; /* the instances were opened with */
    struct work w;
    int64_t partial_us;
    ac_task_fn *done;
    void *done_arg;
};

/* ---- jobs; the lock is held ---- */

static struct job *find(struct ac_recognizer *r, uint32_t utterance)
{
    struct job *j = r->jobs;

    while (j && j->utterance != utterance)
        j = j->next;
    return j;
}

static void clear_result(struct job *j)
{
    ac_frame_unref(j->result.frame);
    j->result = (struct ac_recognized){0};
    j->ready = false;
}

static void job_free(struct ac_recognizer *r, struct job *j)
{
    ac_metrics_change(ac_models_metrics(r->models), AC_GAUGE_QUEUE_RECOGNIZER, -1);
    ac_cancel_trigger(j->cancel);
    ac_cancel_unref(j->cancel);
    clear_result(j);
    ac_str_free(&j->pcm);
    free(j);
}

static void recognize_task(void *arg);

static void kick(struct ac_recognizer *r)
{
    if (r->posted || r->closed)
        return;
    r->posted = true;
    ac_strand_post(r->strand, 0, ac_now_us(), recognize_task, r);
}

/* ---- the strand ---- */

/* What there is to do next. */
struct step {
    enum { STEP_NONE = 0, STEP_FEED, STEP_FINISH } what;
    struct ac_frame *audio;   /* FEED */
    struct ac_cancel *cancel; /* a reference */
    struct ac_prefs prefs;
};

/* The state of the work's job may have changed by now: is the work still that of its round? Lock held. */
static struct job *worked_job(struct ac_recognizer *r)
{
    struct job *j = find(r, r->w.utterance);

    return j && j->round == r->w.round && !r->closed ? j : NULL;
}

/* The instances are those of another language: others are opened as needed. */
static void use_language(struct ac_recognizer *r, const char *lang)
{
    bool same = !strcmp(r->lang, lang);

    if (!r->w.fed)
        ac_instances_close_old(r->inst, MAX_ENGINES);
    if (!same || atomic_exchange(&r->retry, false)) {
        memset(r->failed, 0, sizeof r->failed);
        r->why_err = 0;
    }
    if (same)
        return;
    for (size_t i = 0; i < MAX_ENGINES; i++) {
        ac_instance_close(r->inst[i]);
        r->inst[i] = NULL;
    }
    snprintf(r->lang, sizeof r->lang, "%s", lang);
}

static struct ac_frame *audio_frame(const struct job *j, size_t from)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);
    size_t n = j->pcm.len / sizeof(int16_t) - from;

    f->audio.pcm = ac_realloc_array(NULL, n, sizeof(int16_t));
    memcpy(f->audio.pcm, j->pcm.p + from * sizeof(int16_t), n * sizeof(int16_t));
    f->audio.n_samples = n;
    f->audio.start_sample = (int64_t)from;
    snprintf(f->audio.lang, sizeof f->audio.lang, "%s", j->prefs.lang);
    return f;
}

static struct step next_step(struct ac_recognizer *r)
{
    struct step s = {0};

    pthread_mutex_lock(&r->lock);
    r->posted = false;
    struct job *j = r->closed ? NULL : r->jobs;
    while (j && j->ready)
        j = j->next;
    if (j && ac_cancelled(j->cancel)) /* the session ends */
        j = NULL;
    if (j && (j->utterance != r->w.utterance || j->round != r->w.round)) {
        r->w = (struct work){.utterance = j->utterance, .round = j->round};
        r->partial_us = 0;
    }
    if (j && j->pcm.len / sizeof(int16_t) > r->w.fed) {
        s.what = STEP_FEED;
        s.audio = audio_frame(j, r->w.fed);
    } else if (j && j->finish) {
        s.what = STEP_FINISH;
        j->closing = true;
    }
    if (s.what) {
        s.cancel = ac_cancel_ref(j->cancel);
        s.prefs = j->prefs;
    }
    pthread_mutex_unlock(&r->lock);
    return s;
}

struct transcript_sink {
    struct ac_sink sink;
    struct ac_recognizer *r;
    struct ac_cancel *cancel;
    struct ac_frame *final;
};

static void tell_partial(struct ac_recognizer *r, const struct ac_frame *f)
{
    int64_t now = ac_now_us();

    if (!f->transcript.text[0] || now - r->partial_us < PARTIAL_US)
        return;
    r->partial_us = now;
    pthread_mutex_lock(&r->lock);
    bool wanted = worked_job(r) != NULL;
    pthread_mutex_unlock(&r->lock);
    if (wanted)
        r->sink.partial(r->sink.arg, r->w.utterance, &f->transcript);
}

static int push_transcript(struct ac_sink *sink, struct ac_frame *f)
{
    struct transcript_sink *t = (struct transcript_sink *)sink;
    size_t len = f->transcript.text ? strlen(f->transcript.text) : 0;
    int err = 0;

    if (ac_cancelled(t->cancel))
        err = AC_ECANCELED;
    else if (!f->transcript.text || !ac_utf8_valid(f->transcript.text, len))
        err = AC_EUTF8;
    else if (len > MAX_TEXT_BYTES)
        err = AC_ELIMIT;
    if (!err && f->transcript.final) {
        ac_frame_unref(t->final);
        t->final = ac_frame_ref(f);
    } else if (!err) {
        tell_partial(t->r, f);
    }
    ac_frame_unref(f);
    return err;
}

/* Has engine i do one step. Its result, if any, is in *final. */
static int run_engine(struct ac_recognizer *r, size_t i, const struct ac_handler_info *info,
                      const struct step *s, struct ac_frame **final, char *reason)
{
    int err = 0;

    if (!r->inst[i])
        err = ac_instance_open(&r->inst[i], r->models, info, &s->prefs, reason);
    if (err)
        return err;
    struct ac_cancel *c = ac_cancel_new(s->cancel);
    struct transcript_sink out = {.sink = {push_transcript}, .r = r, .cancel = c};
    int64_t now = ac_now_us();
    ac_cancel_set_deadline(c, now + ac_config_session(r->cfg)->stage_timeout_s * INT64_C(1000000));
    atomic_store(&r->busy_us, now);
    err = ac_instance_process(r->inst[i], s->audio, &out.sink, c);
    atomic_store(&r->busy_us, 0);
    if (err == AC_ECANCELED && !ac_cancelled(s->cancel))
        err = ac_cancel_reason(c) == AC_ETIMEDOUT ? AC_ETIMEDOUT : AC_EENGINE;
    ac_cancel_unref(c);
    if (!err && !s->audio && !out.final)
        err = AC_EENGINE;
    if (err) {
        const char *why = ac_instance_reason(r->inst[i]);
        snprintf(reason, REASON, "%s", why[0] ? why : ac_err_text(err));
        ac_instance_reset(r->inst[i]);
        ac_frame_unref(out.final);
        out.final = NULL;
    }
    *final = out.final;
    return err;
}

/* Notes the result of the utterance that is worked on, unless it is void by now. */
static void set_result(struct ac_recognizer *r, struct ac_frame *final, int err, const char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(r->cfg, AC_STAGE_ASR, &list);

    pthread_mutex_lock(&r->lock);
    struct job *j = worked_job(r);
    if (j) {
        clear_result(j);
        j->ready = true;
        j->result.frame = ac_frame_ref(final);
        j->result.err = err;
        j->result.engine = r->w.engine < n ? list[r->w.engine]->name : "";
        j->result.at_us = ac_now_us();
        snprintf(j->result.reason, sizeof j->result.reason, "%s", reason);
    }
    pthread_mutex_unlock(&r->lock);
    if (j)
        r->sink.ready(r->sink.arg);
}

/* The engine of the work failed: which is next? The utterance begins again there. */
static void next_engine(struct ac_recognizer *r, int err, const char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(r->cfg, AC_STAGE_ASR, &list), from = r->w.engine;

    r->w.engine++;
    r->w.fed = 0;
    if (err == AC_ENOTSUP)
        return;
    r->failed[from] = true;
    r->why_err = err;
    snprintf(r->why, sizeof r->why, "%s", reason);
    ac_log_warn("recognizer", "engine_failed", AC_S("engine", list[from]->name),
                AC_S("error", ac_err_name(err)), AC_S("reason", reason));
    pthread_mutex_lock(&r->lock);
    bool wanted = worked_job(r) != NULL;
    pthread_mutex_unlock(&r->lock);
    if (wanted && from + 1 < n)
        r->sink.degraded(r->sink.arg, AC_STAGE_ASR, list[from]->name, list[from + 1]->name, reason);
}

/* No engine is left for the utterance: err and reason are those of the last one. */
static void give_up(struct ac_recognizer *r, int err, const char *reason)
{
    if (err == AC_ENOTSUP && r->why_err) /* the engine for this language is broken, the others lack it */
        set_result(r, NULL, r->why_err, r->why);
    else
        set_result(r, NULL, err, reason);
}

/* One step by the engine of the work. */
static void do_step(struct ac_recognizer *r, const struct step *s)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(r->cfg, AC_STAGE_ASR, &list);
    char reason[REASON] = "no speech recogniser is configured (asr.use)";
    struct ac_frame *final = NULL;

    n = n < MAX_ENGINES ? n : MAX_ENGINES;
    use_language(r, s->prefs.lang);
    while (r->w.engine + 1 < n && r->failed[r->w.engine])
        r->w.engine++;
    if (!n) {
        set_result(r, NULL, AC_ECONFIG, reason);
        return;
    }
    if (!r->w.fed && r->inst[r->w.engine]) /* it holds another utterance, or a void round of this one */
        ac_instance_reset(r->inst[r->w.engine]);
    int err = run_engine(r, r->w.engine, list[r->w.engine], s, &final, reason);
    if (!err && s->audio) {
        r->w.fed += s->audio->audio.n_samples;
    } else if (!err) {
        set_result(r, final, 0, "");
        r->w = (struct work){0};
    } else if (err == AC_ECANCELED) {
        r->w = (struct work){0};
    } else if (r->w.engine + 1 < n) {
        next_engine(r, err, reason);
    } else {
        give_up(r, err, reason);
    }
    ac_frame_unref(final);
}

/* Opens the first engine ahead of its use. That it fails is told when an utterance needs it. */
static void open_first(struct ac_recognizer *r)
{
    const struct ac_handler_info *const *list;
    struct ac_prefs prefs = {.lang = ""};

    snprintf(prefs.lang, sizeof prefs.lang, "%s", r->lang);
    if (ac_config_use(r->cfg, AC_STAGE_ASR, &list) && !r->inst[0])
        ac_instance_open(&r->inst[0], r->models, list[0], &prefs, NULL);
}

static void recognize_task(void *arg)
{
    struct ac_recognizer *r = arg;
    struct step s = next_step(r);

    pthread_mutex_lock(&r->lock);
    bool prepare = r->prepare;
    r->prepare = false;
    pthread_mutex_unlock(&r->lock);
    if (prepare)
        open_first(r);
    if (!s.what)
        return;
    do_step(r, &s);
    ac_frame_unref(s.audio);
    ac_cancel_unref(s.cancel);
    pthread_mutex_lock(&r->lock);
    kick(r);
    pthread_mutex_unlock(&r->lock);
}

/* ---- calls ---- */

struct ac_recognizer *ac_recognizer_new(struct ac_pool *pool, struct ac_models *models,
                                        const struct ac_config *cfg, struct ac_cancel *cancel,
                                        const struct ac_recognizer_sink *sink)
{
    struct ac_recognizer *r = ac_zalloc(sizeof *r);

    r->models = models;
    atomic_init(&r->cfg, cfg);
    r->cancel = ac_cancel_ref(cancel);
    r->sink = *sink;
    pthread_mutex_init(&r->lock, NULL);
    r->strand = ac_strand_new(pool, "recognizer", true);
    return r;
}

void ac_recognizer_configure(struct ac_recognizer *r, const struct ac_config *cfg)
{
    atomic_store(&r->cfg, cfg);
}

void ac_recognizer_begin(struct ac_recognizer *r, uint32_t utterance, const struct ac_prefs *prefs)
{
    struct job *j = ac_zalloc(sizeof *j), **end = &r->jobs;

    j->utterance = utterance;
    snprintf(j->prefs.lang, sizeof j->prefs.lang, "%s", prefs->lang);
    j->cancel = ac_cancel_new(r->cancel);
    pthread_mutex_lock(&r->lock);
    while (*end)
        end = &(*end)->next;
    *end = j;
    pthread_mutex_unlock(&r->lock);
    ac_metrics_change(ac_models_metrics(r->models), AC_GAUGE_QUEUE_RECOGNIZER, 1);
}

void ac_recognizer_add(struct ac_recognizer *r, uint32_t utterance, const int16_t *pcm, size_t n)
{
    pthread_mutex_lock(&r->lock);
    struct job *j = find(r, utterance);
    if (j && n) {
        ac_str_add_n(&j->pcm, (const char *)pcm, n * sizeof *pcm);
        kick(r);
    }
    pthread_mutex_unlock(&r->lock);
}

void ac_recognizer_finish(struct ac_recognizer *r, uint32_t utterance)
{
    pthread_mutex_lock(&r->lock);
    struct job *j = find(r, utterance);
    if (j && !j->finish) {
        j->finish = true;
        kick(r);
    }
    pthread_mutex_unlock(&r->lock);
}

void ac_recognizer_resume(struct ac_recognizer *r, uint32_t utterance)
{
    pthread_mutex_lock(&r->lock);
    struct job *j = find(r, utterance);
    if (j)
        j->finish = false;
    if (j && (j->closing || j->ready)) {
        j->round++;
        j->closing = false;
        clear_result(j);
        ac_cancel_trigger(j->cancel);
        ac_cancel_unref(j->cancel);
        j->cancel = ac_cancel_new(r->cancel);
        kick(r);
    }
    pthread_mutex_unlock(&r->lock);
}

bool ac_recognizer_take(struct ac_recognizer *r, uint32_t utterance, struct ac_recognized *result)
{
    pthread_mutex_lock(&r->lock);
    struct job *j = find(r, utterance);
    bool ready = j && j->ready;
    if (ready) {
        *result = j->result;
        ac_frame_ref(result->frame);
    }
    pthread_mutex_unlock(&r->lock);
    return ready;
}

void ac_recognizer_drop(struct ac_recognizer *r, uint32_t utterance)
{
    pthread_mutex_lock(&r->lock);
    for (struct job **at = &r->jobs; *at; at = &(*at)->next) {
        if ((*at)->utterance != utterance)
            continue;
        struct job *j = *at;
        *at = j->next;
        job_free(r, j);
        break;
    }
    kick(r); /* the next one may have waited for this one */
    pthread_mutex_unlock(&r->lock);
}

void ac_recognizer_prepare(struct ac_recognizer *r)
{
    atomic_store(&r->retry, true);
    pthread_mutex_lock(&r->lock);
    r->prepare = true;
    kick(r);
    pthread_mutex_unlock(&r->lock);
}

int64_t ac_recognizer_busy_us(struct ac_recognizer *r)
{
    int64_t since = atomic_load(&r->busy_us);

    return since ? ac_now_us() - since : 0;
}

static void recognizer_gone(void *arg)
{
    struct ac_recognizer *r = arg;
    ac_task_fn *done = r->done;
    void *done_arg = r->done_arg;

    for (size_t i = 0; i < MAX_ENGINES; i++)
        ac_instance_close(r->inst[i]);
    ac_cancel_unref(r->cancel);
    pthread_mutex_destroy(&r->lock);
    free(r);
    if (done)
        done(done_arg);
}

void ac_recognizer_free(struct ac_recognizer *r, ac_task_fn *done, void *arg)
{
    if (!r) {
        if (done)
            done(arg);
        return;
    }
    r->done = done;
    r->done_arg = arg;
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    while (r->jobs) {
        struct job *j = r->jobs;
        r->jobs = j->next;
        job_free(r, j);
    }
    pthread_mutex_unlock(&r->lock);
    ac_strand_free(r->strand, recognizer_gone, r);
}
