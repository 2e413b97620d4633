/* The front half of a turn; see answer.h. Locking as in the speaker: sink_lock over every call of the sink.
 */
#include "core/answer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ENGINES = 8,
    REASON = 256,
    MAX_ASIDES = 8,    /* of one answer; an engine that goes on is not listened to */
    WARM_US = 10000000 /* longest time that warming may take */
};

struct question {
    atomic_int refs;
    uint32_t turn;
    struct ac_cancel *cancel;
    struct ac_frame *chat;
    struct ac_prefs prefs;
};

struct ac_answer {
    struct ac_models *models;
    _Atomic(const struct ac_config *) cfg;
    struct ac_answer_sink sink;
    struct ac_strand *strand;
    _Atomic int64_t busy_us;

    pthread_mutex_t sink_lock;  /* guards `current` too */
    struct question *current;   /* what may reach the sink */
    struct ac_cancel *warming;  /* sink_lock: of the warming that waits or runs; NULL = none does */
    struct ac_prefs warm_prefs; /* sink_lock */

    /* strand only */
    atomic_bool untold;     /* a question was stopped: what was told with it may not have been seen */
    bool told[MAX_ENGINES]; /* that this one is replaced, since it last worked */
    struct ac_instance *inst[MAX_ENGINES];
    struct ac_prefs prefs;
    struct question *worked; /* the last one that was worked on, own reference */
    ac_task_fn *done;
    void *done_arg;
};

static void question_unref(struct question *q)
{
    if (!q || atomic_fetch_sub(&q->refs, 1) != 1)
        return;
    ac_cancel_unref(q->cancel);
    ac_frame_unref(q->chat);
    free(q);
}

/* Where an engine's text goes: to the sink as it is, and through the splitter as sentences. */
struct text_sink {
    struct ac_sink sink;
    struct ac_answer *a;
    struct question *q;
    struct ac_splitter *splitter;
    struct ac_shown shown; /* takes the emotion tags out of what is shown */
    struct ac_str text;    /* the answer as it is shown */
    size_t received;       /* bytes from the engine */
    char lang[16];
    uint32_t seq;
    int asides;
};

/* Gives one piece to speak to the sink. */
static void give_sentence(struct text_sink *t, struct ac_sentence *s)
{
    struct ac_answer *a = t->a;

    if (!s->lang[0])
        snprintf(s->lang, sizeof s->lang, "%s", t->lang);
    pthread_mutex_lock(&a->sink_lock);
    if (a->current == t->q)
        a->sink.sentence(a->sink.arg, t->q->turn, s, t->seq);
    pthread_mutex_unlock(&a->sink_lock);
    t->seq++;
}

static void give_sentences(struct text_sink *t)
{
    struct ac_sentence s;

    while (ac_splitter_next(t->splitter, &s)) {
        give_sentence(t, &s);
        free(s.text);
    }
}

/* Something to say meanwhile: spoken between the answer's sentences, not shown as a part of it. */
static void give_aside(struct text_sink *t, const struct ac_text *text)
{
    struct ac_sentence s = {.text = text->text, .emotion = text->emotion, .aside = true};

    if (!text->text[0] || t->asides++ >= MAX_ASIDES)
        return;
    snprintf(s.lang, sizeof s.lang, "%s", text->lang);
    give_sentence(t, &s);
}

/* Gives what the answer grew by since it was `before` bytes long to the sink. */
static int show(struct text_sink *t, size_t before)
{
    struct ac_answer *a = t->a;
    int err = 0;

    if (t->text.len == before)
        return 0;
    pthread_mutex_lock(&a->sink_lock);
    if (a->current == t->q)
        a->sink.chunk(a->sink.arg, t->q->turn, t->text.p + before, t->text.len - before);
    else
        err = AC_ECANCELED;
    pthread_mutex_unlock(&a->sink_lock);
    return err;
}

static int push_text(struct ac_sink *sink, struct ac_frame *f)
{
    struct text_sink *t = (struct text_sink *)sink;
    size_t len = f->text.text ? strlen(f->text.text) : 0;
    int err = ac_cancelled(t->q->cancel) ? AC_ECANCELED : 0;

    if (!err && t->received + len > AC_ANSWER_MAX_BYTES)
        err = AC_ELIMIT;
    if (!err && f->text.aside) {
        if (len)
            give_aside(t, &f->text);
    } else if (!err && len) {
        t->received += len;
        if (f->text.lang[0])
            snprintf(t->lang, sizeof t->lang, "%s", f->text.lang);
        size_t before = t->text.len;
        ac_shown_feed(&t->shown, f->text.text, len, &t->text);
        err = show(t, before);
        ac_splitter_feed(t->splitter, f->text.text, len);
        give_sentences(t);
    }
    ac_frame_unref(f);
    return err;
}

static int run_engine(struct ac_answer *a, size_t i, const struct ac_handler_info *info,
                      struct text_sink *out, char *reason)
{
    struct question *q = out->q;
    int err = 0;

    if (!a->inst[i])
        err = ac_instance_open(&a->inst[i], a->models, info, &q->prefs, reason);
    if (err)
        return err;
    struct ac_cancel *c = ac_cancel_new(q->cancel);
    int64_t now = ac_now_us();
    ac_cancel_set_deadline(c, now + ac_config_session(a->cfg)->turn_timeout_s * INT64_C(1000000));
    atomic_store(&a->busy_us, now);
    err = ac_instance_process(a->inst[i], q->chat, &out->sink, c);
    atomic_store(&a->busy_us, 0);
    if (err == AC_ECANCELED && ac_cancel_reason(c) == AC_ETIMEDOUT)
        err = AC_ETIMEDOUT;
    ac_cancel_unref(c);
    if (!err)
        a->told[i] = false;
    if (err) {
        const char *why = ac_instance_reason(a->inst[i]);
        snprintf(reason, REASON, "%s",
                 why[0]             ? why
                 : err == AC_ELIMIT ? "the answer was cut off: it is too long to speak"
                                    : ac_err_text(err));
        ac_instance_reset(a->inst[i]);
    }
    return err;
}

static int run_engines(struct ac_answer *a, struct text_sink *out, char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(a->cfg, AC_STAGE_LLM, &list);
    int err = AC_EENGINE;

    snprintf(reason, REASON, "no language model is configured (llm.use)");
    for (size_t i = 0; i < n && i < MAX_ENGINES; i++) {
        err = run_engine(a, i, list[i], out, reason);
        if (!err || err == AC_ECANCELED || out->received)
            break;
        ac_log_warn("answer", "engine_failed", AC_S("engine", list[i]->name), AC_S("error", ac_err_name(err)),
                    AC_S("reason", reason));
        if (i + 1 < n && !a->told[i]) { /* once, not with each question until it is back */
            pthread_mutex_lock(&a->sink_lock);
            a->told[i] = a->current == out->q;
            if (a->told[i])
                a->sink.degraded(a->sink.arg, AC_STAGE_LLM, list[i]->name, list[i + 1]->name, reason);
            pthread_mutex_unlock(&a->sink_lock);
        }
    }
    return err;
}

static void use_prefs(struct ac_answer *a, const struct ac_prefs *prefs)
{
    ac_instances_close_old(a->inst, MAX_ENGINES);
    if (!memcmp(&a->prefs, prefs, sizeof *prefs))
        return;
    for (size_t i = 0; i < MAX_ENGINES; i++) {
        ac_instance_close(a->inst[i]);
        a->inst[i] = NULL;
        a->told[i] = false;
    }
    a->prefs = *prefs;
}

/* ---- warming ---- */

static void warm_task(void *arg)
{
    struct ac_answer *a = arg;
    const struct ac_handler_info *const *list;
    struct ac_prefs prefs;

    pthread_mutex_lock(&a->sink_lock);
    struct ac_cancel *c = a->warming;
    prefs = a->warm_prefs;
    pthread_mutex_unlock(&a->sink_lock);
    if (!c)
        return;
    if (!ac_cancelled(c) && ac_config_use(a->cfg, AC_STAGE_LLM, &list)) {
        use_prefs(a, &prefs);
        if (!a->inst[0])
            ac_instance_open(&a->inst[0], a->models, list[0], &prefs, NULL);
        if (a->inst[0])
            ac_instance_warm(a->inst[0], c);
    }
    pthread_mutex_lock(&a->sink_lock);
    a->warming = NULL;
    pthread_mutex_unlock(&a->sink_lock);
    ac_cancel_unref(c);
}

void ac_answer_warm(struct ac_answer *a, struct ac_cancel *cancel, const struct ac_prefs *prefs)
{
    pthread_mutex_lock(&a->sink_lock);
    bool begin = !a->warming && !a->current;
    if (begin) {
        a->warming = ac_cancel_new(cancel);
        ac_cancel_set_deadline(a->warming, ac_now_us() + WARM_US);
        a->warm_prefs = *prefs;
    }
    pthread_mutex_unlock(&a->sink_lock);
    if (begin)
        ac_strand_post(a->strand, 0, ac_now_us(), warm_task, a);
}

static void answer_task(void *arg)
{
    struct ac_answer *a = arg;
    const struct ac_session_config *sc = ac_config_session(a->cfg);
    struct ac_splitter_config split = {.first_words = sc->first_clause_words,
                                       .first_cjk = sc->first_clause_cjk};
    char reason[REASON] = "";

    pthread_mutex_lock(&a->sink_lock);
    struct question *q = a->current;
    if (q)
        atomic_fetch_add(&q->refs, 1);
    pthread_mutex_unlock(&a->sink_lock);
    if (!q || q == a->worked) {
        question_unref(q);
        return;
    }
    question_unref(a->worked);
    a->worked = q;
    use_prefs(a, &q->prefs);
    snprintf(split.lang, sizeof split.lang, "%s", q->prefs.lang);
    if (atomic_exchange(&a->untold, false))
        memset(a->told, 0, sizeof a->told);
    struct text_sink out = {.sink = {push_text}, .a = a, .q = q, .splitter = ac_splitter_new(&split)};
    int err = run_engines(a, &out, reason);
    if (err != AC_ECANCELED) {
        size_t before = out.text.len;
        ac_shown_finish(&out.shown, &out.text);
        show(&out, before);
        ac_splitter_finish(out.splitter);
        give_sentences(&out);
    }
    pthread_mutex_lock(&a->sink_lock);
    if (a->current == q) {
        if (err && err != AC_ECANCELED)
            a->sink.error(a->sink.arg, q->turn, err, reason);
        a->sink.done(a->sink.arg, q->turn, out.text.p ? out.text.p : "");
        a->current = NULL;
        question_unref(q); /* the reference of `current`; `worked` holds on */
    }
    pthread_mutex_unlock(&a->sink_lock);
    ac_splitter_free(out.splitter);
    ac_str_free(&out.text);
}

int ac_answer_new(struct ac_answer **ap, struct ac_pool *pool, struct ac_models *models,
                  const struct ac_config *cfg, const struct ac_answer_sink *sink)
{
    struct ac_answer *a = ac_zalloc(sizeof *a);
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(cfg, AC_STAGE_LLM, &list);
    bool waits = false;

    for (size_t i = 0; i < n; i++)
        waits |= (list[i]->flags & AC_HANDLER_WAITS) != 0;
    a->models = models;
    atomic_init(&a->cfg, cfg);
    a->sink = *sink;
    pthread_mutex_init(&a->sink_lock, NULL);
    a->strand = ac_strand_new(pool, "answer", waits);
    *ap = a;
    return 0;
}

void ac_answer_configure(struct ac_answer *a, const struct ac_config *cfg)
{
    atomic_store(&a->cfg, cfg);
}

void ac_answer_ask(struct ac_answer *a, uint32_t turn, struct ac_cancel *cancel, struct ac_frame *chat,
                   const struct ac_prefs *prefs)
{
    struct question *q = ac_zalloc(sizeof *q);

    atomic_init(&q->refs, 1);
    q->turn = turn;
    q->cancel = ac_cancel_ref(cancel);
    q->chat = chat;
    q->prefs = *prefs;
    ac_answer_stop(a);
    pthread_mutex_lock(&a->sink_lock);
    a->current = q;
    if (a->warming) /* the question must not wait for what was to make it quicker */
        ac_cancel_trigger(a->warming);
    pthread_mutex_unlock(&a->sink_lock);
    ac_strand_post(a->strand, 0, ac_now_us(), answer_task, a);
}

void ac_answer_stop(struct ac_answer *a)
{
    pthread_mutex_lock(&a->sink_lock);
    struct question *q = a->current;
    a->current = NULL;
    pthread_mutex_unlock(&a->sink_lock);
    if (q) {
        ac_cancel_trigger(q->cancel);
        atomic_store(&a->untold, true);
    }
    question_unref(q);
}

int64_t ac_answer_busy_us(struct ac_answer *a)
{
    int64_t since = atomic_load(&a->busy_us);

    return since ? ac_now_us() - since : 0;
}

static void answer_gone(void *arg)
{
    struct ac_answer *a = arg;
    ac_task_fn *done = a->done;
    void *done_arg = a->done_arg;

    for (size_t i = 0; i < MAX_ENGINES; i++)
        ac_instance_close(a->inst[i]);
    question_unref(a->worked);
    ac_cancel_unref(a->warming); /* of a warming that was dropped with the strand */
    pthread_mutex_destroy(&a->sink_lock);
    free(a);
    if (done)
        done(done_arg);
}

void ac_answer_free(struct ac_answer *a, ac_task_fn *done, void *arg)
{
    if (!a) {
        if (done)
            done(arg);
        return;
    }
    ac_answer_stop(a);
    pthread_mutex_lock(&a->sink_lock);
    if (a->warming)
        ac_cancel_trigger(a->warming);
    pthread_mutex_unlock(&a->sink_lock);
    a->done = done;
    a->done_arg = arg;
    ac_strand_free(a->strand, answer_gone, a);
}
