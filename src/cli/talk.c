/* Says a text from beginning to end (talk.h): the caller's thread feeds sentences and waits, workers do the
 * rest. */
#include "cli/talk.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t ac_talk_pieces(const char *text, size_t len)
{
    struct ac_splitter *splitter = ac_splitter_new(&(struct ac_splitter_config){0});
    struct ac_sentence s;
    size_t n = 0;

    ac_splitter_feed(splitter, text, len);
    ac_splitter_finish(splitter);
    for (; ac_splitter_next(splitter, &s); n++)
        free(s.text);
    ac_splitter_free(splitter);
    return n;
}

struct talk {
    ac_talk_write *write;
    void *arg;
    struct ac_talk_result *result; /* lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t fragments; /* lock */
    bool over, freed;   /* lock */
    int err;            /* lock: of write */
};

static int on_fragment(void *arg, const struct ac_fragment *f)
{
    struct talk *t = arg;
    int err = t->write(t->arg, f->data, f->size);

    pthread_mutex_lock(&t->lock);
    t->fragments++;
    t->result->bytes += f->size;
    if (f->start_us + f->duration_us > t->result->duration_us)
        t->result->duration_us = f->start_us + f->duration_us;
    if (err) {
        t->err = err;
        t->over = true;
    }
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    return err;
}

static void on_error(void *arg, uint32_t turn, int err, const char *reason)
{
    struct talk *t = arg;

    (void)turn;
    pthread_mutex_lock(&t->lock);
    if (t->result->errors++ == 0)
        snprintf(t->result->reason, sizeof t->result->reason, "%s",
                 reason && *reason ? reason : ac_err_text(err));
    pthread_mutex_unlock(&t->lock);
}

static void on_degraded(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason)
{
    (void)arg, (void)stage;
    ac_log_warn("talk", "engine_replaced", AC_S("from", from), AC_S("to", to), AC_S("reason", reason));
}

static void on_done(void *arg, uint32_t turn, const struct ac_speaker_times *times)
{
    struct talk *t = arg;

    (void)turn;
    pthread_mutex_lock(&t->lock);
    t->result->times = *times;
    t->over = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static void on_freed(void *arg)
{
    struct talk *t = arg;

    pthread_mutex_lock(&t->lock);
    t->freed = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* Gives one sentence to the speaker, waiting for room when too many wait. */
static int give(struct talk *t, struct ac_speaker *sp, const struct ac_sentence *s, uint32_t seq)
{
    for (;;) {
        pthread_mutex_lock(&t->lock);
        uint64_t seen = t->fragments;
        bool over = t->over;
        pthread_mutex_unlock(&t->lock);
        int err = over ? AC_ECLOSED : ac_speaker_say(sp, s, seq);
        if (err != AC_EFULL)
            return err;
        pthread_mutex_lock(&t->lock);
        while (t->fragments == seen && !t->over)
            pthread_cond_wait(&t->changed, &t->lock);
        pthread_mutex_unlock(&t->lock);
    }
}

/* Splits the text and gives it away; stops early when the talk is over. */
static int give_all(struct talk *t, struct ac_speaker *sp, const struct ac_config *cfg, const char *lang,
                    const char *text, size_t len)
{
    const struct ac_session_config *session = ac_config_session(cfg);
    struct ac_splitter_config split = {.first_words = session->first_clause_words,
                                       .first_cjk = session->first_clause_cjk};
    snprintf(split.lang, sizeof split.lang, "%s", lang);
    struct ac_splitter *splitter = ac_splitter_new(&split);
    struct ac_sentence s;
    uint32_t seq = 0;
    int err = 0;

    ac_splitter_feed(splitter, text, len);
    ac_splitter_finish(splitter);
    t->result->begin_us = ac_now_us();
    while (!err && ac_splitter_next(splitter, &s)) {
        err = give(t, sp, &s, seq++);
        free(s.text);
    }
    t->result->sentences = seq;
    ac_splitter_free(splitter);
    return err;
}

static void wait_until(struct talk *t, const bool *what)
{
    pthread_mutex_lock(&t->lock);
    while (!*what)
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

/* With the speaker open: from the first sentence to the last fragment. */
static int run(struct talk *t, struct ac_speaker *sp, const struct ac_config *cfg, const char *lang,
               const char *text, size_t len)
{
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    int err = ac_speaker_begin(sp, 1, cancel, 0);

    if (err)
        goto out;
    err = give_all(t, sp, cfg, lang, text, len);
    ac_speaker_end(sp);
    if (!err && t->result->sentences == 0)
        err = AC_EEMPTY;
    if (!err)
        wait_until(t, &t->over);
    pthread_mutex_lock(&t->lock);
    if (t->err)
        err = t->err;
    else if (!err && t->result->bytes == 0)
        err = t->result->errors ? AC_EENGINE : AC_EEMPTY;
    pthread_mutex_unlock(&t->lock);
out:
    ac_cancel_trigger(cancel);
    ac_cancel_unref(cancel);
    return err;
}

int ac_talk(const struct ac_config *cfg, struct ac_models *models, struct ac_pool *pool,
            const struct ac_speaker_config *scfg, const char *text, size_t len, ac_talk_write *write,
            void *arg, struct ac_talk_result *result)
{
    struct talk t = {.write = write, .arg = arg, .result = result};
    struct ac_speaker_sink sink = {
        .arg = &t, .fragment = on_fragment, .error = on_error, .degraded = on_degraded, .done = on_done};
    struct ac_speaker *sp;

    *result = (struct ac_talk_result){0};
    if (!ac_utf8_valid(text, len))
        return AC_EUTF8;
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.changed, NULL);
    int err = ac_speaker_new(&sp, pool, models, cfg, scfg, &sink);
    if (!err) {
        err = run(&t, sp, cfg, scfg->prefs.lang, text, len);
        ac_speaker_free(sp, on_freed, &t);
        wait_until(&t, &t.freed);
    }
    pthread_cond_destroy(&t.changed);
    pthread_mutex_destroy(&t.lock);
    return err;
}
