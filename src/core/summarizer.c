/* Summaries in the background; see summarizer.h. The lock guards what start, free and the strand share. */
#include "core/summarizer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_SUMMARY_BYTES = 16 << 10, REASON = 256 };

struct ac_summarizer {
    struct ac_models *models;
    const struct ac_config *cfg;
    struct ac_cancel *cancel; /* of the session */
    struct ac_strand *strand;
    ac_summary_fn *fn;
    void *arg;

    pthread_mutex_t lock;
    struct ac_frame *chat;    /* lock: to be summed up; NULL = nothing */
    struct ac_cancel *worked; /* lock: the work in progress */
    uint64_t tag;             /* lock */
    struct ac_prefs prefs;    /* lock */
    bool closed;              /* lock */

    ac_task_fn *done;
    void *done_arg;
};

struct summary_sink {
    struct ac_sink sink;
    struct ac_str text;
    struct ac_cancel *cancel;
};

static int push_summary(struct ac_sink *sink, struct ac_frame *f)
{
    struct summary_sink *s = (struct summary_sink *)sink;
    int err = ac_cancelled(s->cancel) ? AC_ECANCELED : 0;

    if (!err && f->text.text && !f->text.aside)
        ac_str_add(&s->text, f->text.text);
    if (!err && s->text.len > MAX_SUMMARY_BYTES)
        err = AC_ELIMIT;
    ac_frame_unref(f);
    return err;
}

static const struct ac_handler_info *engine_at(const struct ac_config *cfg, size_t *i)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(cfg, AC_STAGE_LLM, &list);

    for (; *i < n; ++*i)
        if (list[*i]->flags & AC_HANDLER_SUMMARIZES)
            return list[*i];
    return NULL;
}

bool ac_summarizer_possible(const struct ac_config *cfg)
{
    size_t i = 0;

    return engine_at(cfg, &i) != NULL;
}

/* Has the engines that can do it try in turn. */
static int sum_up(struct ac_summarizer *z, const struct ac_frame *chat, const struct ac_prefs *prefs,
                  struct summary_sink *out, char *reason)
{
    const struct ac_handler_info *info;
    int err = AC_ENOTSUP;

    snprintf(reason, REASON, "no language model that can sum up is configured (llm.use)");
    for (size_t i = 0; (info = engine_at(z->cfg, &i)) && !ac_cancelled(out->cancel); i++) {
        struct ac_instance *inst = NULL;
        ac_str_clear(&out->text);
        err = ac_instance_open(&inst, z->models, info, prefs, reason);
        if (!err) {
            err = ac_instance_process(inst, chat, &out->sink, out->cancel);
            if (err)
                snprintf(reason, REASON, "%s",
                         ac_instance_reason(inst)[0] ? ac_instance_reason(inst) : ac_err_text(err));
        }
        ac_instance_close(inst);
        if (!err)
            break;
    }
    return err;
}

static void summary_task(void *arg)
{
    struct ac_summarizer *z = arg;
    struct summary_sink out = {.sink = {push_summary}};
    struct ac_prefs prefs;
    char reason[REASON];

    pthread_mutex_lock(&z->lock);
    struct ac_frame *chat = z->chat;
    uint64_t tag = z->tag;
    prefs = z->prefs;
    z->chat = NULL;
    if (chat) {
        out.cancel = z->worked = ac_cancel_new(z->cancel);
        ac_cancel_ref(out.cancel);
    }
    pthread_mutex_unlock(&z->lock);
    if (!chat)
        return;
    ac_cancel_set_deadline(out.cancel,
                           ac_now_us() + ac_config_session(z->cfg)->turn_timeout_s * INT64_C(1000000));
    int err = sum_up(z, chat, &prefs, &out, reason);
    if (!err && !out.text.len) {
        err = AC_EENGINE;
        snprintf(reason, sizeof reason, "the summary is empty");
    }
    pthread_mutex_lock(&z->lock);
    bool wanted = !z->closed && !z->chat && err != AC_ECANCELED;
    ac_cancel_unref(z->worked);
    z->worked = NULL;
    if (wanted)
        z->fn(z->arg, tag, err, err ? reason : out.text.p);
    pthread_mutex_unlock(&z->lock);
    ac_frame_unref(chat);
    ac_cancel_unref(out.cancel);
    ac_str_free(&out.text);
}

struct ac_summarizer *ac_summarizer_new(struct ac_pool *pool, struct ac_models *models,
                                        const struct ac_config *cfg, struct ac_cancel *cancel,
                                        ac_summary_fn *fn, void *arg)
{
    struct ac_summarizer *z = ac_zalloc(sizeof *z);

    z->models = models;
    z->cfg = cfg;
    z->cancel = ac_cancel_ref(cancel);
    z->fn = fn;
    z->arg = arg;
    pthread_mutex_init(&z->lock, NULL);
    z->strand = ac_strand_new(pool, "summarizer", true);
    return z;
}

/* Under the lock. */
static void drop_work(struct ac_summarizer *z)
{
    ac_frame_unref(z->chat);
    z->chat = NULL;
    if (z->worked)
        ac_cancel_trigger(z->worked);
}

void ac_summarizer_start(struct ac_summarizer *z, uint64_t tag, struct ac_frame *chat,
                         const struct ac_prefs *prefs)
{
    pthread_mutex_lock(&z->lock);
    drop_work(z);
    z->chat = chat;
    z->tag = tag;
    z->prefs = *prefs;
    pthread_mutex_unlock(&z->lock);
    ac_strand_post(z->strand, 0, 0, summary_task, z); /* nobody waits for it */
}

static void summarizer_gone(void *arg)
{
    struct ac_summarizer *z = arg;
    ac_task_fn *done = z->done;
    void *done_arg = z->done_arg;

    ac_cancel_unref(z->cancel);
    pthread_mutex_destroy(&z->lock);
    free(z);
    if (done)
        done(done_arg);
}

void ac_summarizer_free(struct ac_summarizer *z, ac_task_fn *done, void *arg)
{
    if (!z) {
        if (done)
            done(arg);
        return;
    }
    pthread_mutex_lock(&z->lock);
    z->closed = true;
    drop_work(z);
    pthread_mutex_unlock(&z->lock);
    z->done = done;
    z->done_arg = arg;
    ac_strand_free(z->strand, summarizer_gone, z);
}
