/* A speaker with a stop-watch; see the header. */
#include "cli/bench_talk.h"
#include "base/clock.h"
#include "base/mem.h"
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FINISH_S = 60 };

struct ac_bench_talk {
    struct ac_speaker *speaker;
    struct ac_cancel *cancel; /* of the turn */
    char lang[16];
    uint32_t turn, seq;
    sem_t done, freed;
    pthread_mutex_t lock;
    struct ac_bench_result result; /* lock */
    int64_t first_us;              /* lock: when the turn's first fragment came */
};

static int on_fragment(void *arg, const struct ac_fragment *f)
{
    struct ac_bench_talk *t = arg;
    int64_t now = ac_now_us();

    pthread_mutex_lock(&t->lock);
    if (!t->first_us)
        t->first_us = now;
    int64_t late = now - t->first_us - f->start_us;
    if (late > t->result.late_us)
        t->result.late_us = late;
    t->result.bytes += f->size;
    t->result.fragments++;
    t->result.media_us = f->start_us + f->duration_us;
    pthread_mutex_unlock(&t->lock);
    return AC_OK;
}

static void on_error(void *arg, uint32_t turn, int err, const char *reason)
{
    struct ac_bench_talk *t = arg;

    (void)turn;
    pthread_mutex_lock(&t->lock);
    if (t->result.errors++ == 0)
        snprintf(t->result.reason, sizeof t->result.reason, "%s: %s", ac_err_text(err), reason ? reason : "");
    pthread_mutex_unlock(&t->lock);
}

/* A fall-back engine would be measured in place of the one that was meant. */
static void on_degraded(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason)
{
    struct ac_bench_talk *t = arg;

    (void)stage;
    pthread_mutex_lock(&t->lock);
    if (t->result.errors++ == 0)
        snprintf(t->result.reason, sizeof t->result.reason, "%s was replaced by %s: %s", from, to, reason);
    pthread_mutex_unlock(&t->lock);
}

static void on_done(void *arg, uint32_t turn, const struct ac_speaker_times *times)
{
    struct ac_bench_talk *t = arg;

    (void)turn;
    pthread_mutex_lock(&t->lock);
    t->result.times = *times;
    pthread_mutex_unlock(&t->lock);
    sem_post(&t->done);
}

static void on_freed(void *arg)
{
    struct ac_bench_talk *t = arg;

    sem_post(&t->freed);
}

int ac_bench_talk_open(struct ac_bench_talk **out, const struct ac_config *cfg, struct ac_models *models,
                       struct ac_pool *pool, const char *lang, bool paced)
{
    const struct ac_video_config *v = ac_config_video(cfg);
    struct ac_speaker_config scfg = {.delivery = AC_DELIVERY_STREAM, .paced = paced};
    struct ac_bench_talk *t = ac_zalloc(sizeof *t);
    struct ac_speaker_sink sink = {
        .arg = t, .fragment = on_fragment, .error = on_error, .degraded = on_degraded, .done = on_done};

    scfg.prefs.width = v->width;
    scfg.prefs.height = v->height;
    scfg.prefs.fps = v->fps;
    snprintf(t->lang, sizeof t->lang, "%s", lang);
    snprintf(scfg.prefs.lang, sizeof scfg.prefs.lang, "%s", lang);
    sem_init(&t->done, 0, 0);
    sem_init(&t->freed, 0, 0);
    pthread_mutex_init(&t->lock, NULL);
    int err = ac_speaker_new(&t->speaker, pool, models, cfg, &scfg, &sink);
    if (err)
        ac_bench_talk_close(t);
    else
        *out = t;
    return err;
}

int ac_bench_talk_begin(struct ac_bench_talk *t)
{
    ac_cancel_unref(t->cancel);
    t->cancel = ac_cancel_new(NULL);
    t->seq = 0;
    t->first_us = 0;
    memset(&t->result, 0, sizeof t->result);
    return ac_speaker_begin(t->speaker, ++t->turn, t->cancel, 0);
}

int ac_bench_talk_say(struct ac_bench_talk *t, const char *text)
{
    struct ac_sentence sentence = {.text = ac_strdup(text)};

    snprintf(sentence.lang, sizeof sentence.lang, "%s", t->lang);
    int err = ac_speaker_say(t->speaker, &sentence, t->seq++);

    free(sentence.text);
    return err;
}

static void take_result(struct ac_bench_talk *t, struct ac_bench_result *result)
{
    pthread_mutex_lock(&t->lock);
    *result = t->result;
    pthread_mutex_unlock(&t->lock);
}

int ac_bench_talk_finish(struct ac_bench_talk *t, struct ac_bench_result *result)
{
    struct timespec until;

    ac_speaker_end(t->speaker);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FINISH_S;
    while (sem_timedwait(&t->done, &until) != 0) {
        if (errno != EINTR) {
            ac_bench_talk_stop(t, result);
            return AC_ETIMEDOUT;
        }
    }
    take_result(t, result);
    return result->errors || result->fragments == 0 ? AC_EENGINE : AC_OK;
}

void ac_bench_talk_stop(struct ac_bench_talk *t, struct ac_bench_result *result)
{
    ac_speaker_stop(t->speaker);
    take_result(t, result);
}

void ac_bench_talk_close(struct ac_bench_talk *t)
{
    if (!t)
        return;
    if (t->speaker) {
        ac_speaker_free(t->speaker, on_freed, t);
        while (sem_wait(&t->freed) != 0)
            ;
    }
    ac_cancel_unref(t->cancel);
    sem_destroy(&t->done);
    sem_destroy(&t->freed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
