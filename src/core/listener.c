/* The listener: life, queue and calls; the picture of the whole is in listener.h. */
#include "core/listener_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ITEMS_A_TASK = 64, /* then others of the strand get on */
    MAX_STREAM_BYTES = 1 << 20,
};

/* ---- the sink ---- */

void listener_tell_error(struct ac_listener *l, int err, const char *reason)
{
    pthread_mutex_lock(&l->sink_lock);
    if (!l->silenced)
        l->sink.error(l->sink.arg, err, reason && reason[0] ? reason : ac_err_text(err));
    pthread_mutex_unlock(&l->sink_lock);
}

void listener_tell_degraded(struct ac_listener *l, enum ac_stage stage, const char *from, const char *to,
                            const char *reason)
{
    pthread_mutex_lock(&l->sink_lock);
    if (!l->silenced)
        l->sink.degraded(l->sink.arg, stage, from, to, reason);
    pthread_mutex_unlock(&l->sink_lock);
}

/* ---- the queue ---- */

static void listener_task(void *arg);

/* Lock held. */
static void kick(struct ac_listener *l)
{
    if (l->posted || l->closing)
        return;
    l->posted = true;
    ac_strand_post(l->strand, 0, ac_now_us(), listener_task, l);
}

void listener_kick(struct ac_listener *l)
{
    pthread_mutex_lock(&l->lock);
    kick(l);
    pthread_mutex_unlock(&l->lock);
}

struct item *listener_item(enum item_kind kind, const void *bytes, size_t len)
{
    struct item *i = ac_zalloc(sizeof *i + len + 1);

    i->kind = kind;
    i->arrival_us = ac_now_us();
    i->len = len;
    if (len)
        memcpy(i->bytes, bytes, len);
    return i;
}

void listener_append(struct ac_listener *l, struct item *i)
{
    if (l->last)
        l->last->next = i;
    else
        l->first = i;
    l->last = i;
    l->queued_us += i->queue_us;
    ac_metrics_change(ac_models_metrics(l->models), AC_GAUGE_QUEUE_MICROPHONE, 1);
    if (i->kind == ITEM_BYTES && !i->queue_us)
        l->queued_bytes += i->len;
    kick(l);
}

/* Takes an item out of the queue; `at` points to its link. Lock held. */
static struct item *unlink_item(struct ac_listener *l, struct item **at, struct item *before)
{
    struct item *i = *at;

    *at = i->next;
    if (l->last == i)
        l->last = before;
    l->queued_us -= i->queue_us;
    ac_metrics_change(ac_models_metrics(l->models), AC_GAUGE_QUEUE_MICROPHONE, -1);
    if (i->kind == ITEM_BYTES && !i->queue_us)
        l->queued_bytes -= i->len;
    pthread_cond_broadcast(&l->room);
    return i;
}

/* Drops the oldest sound until the queue is within its limit. Lock held. */
static void drop_oldest(struct ac_listener *l)
{
    int64_t limit_us = ac_config_listen(l->cfg)->queue_ms * INT64_C(1000);
    struct item **at = &l->first, *before = NULL;

    while (l->queued_us > limit_us && *at) {
        if ((*at)->kind == ITEM_BYTES && (*at)->queue_us) {
            struct item *i = unlink_item(l, at, before);
            l->dropped_us += i->queue_us;
            ac_metrics_add(ac_models_metrics(l->models), AC_COUNT_DROPPED_MICROPHONE, 1);
            free(i);
        } else {
            before = *at;
            at = &before->next;
        }
    }
}

static struct item *pop(struct ac_listener *l)
{
    pthread_mutex_lock(&l->lock);
    struct item *i = l->first ? unlink_item(l, &l->first, NULL) : NULL;
    pthread_mutex_unlock(&l->lock);
    return i;
}

static void push(struct ac_listener *l, struct item *i)
{
    pthread_mutex_lock(&l->lock);
    listener_append(l, i);
    pthread_mutex_unlock(&l->lock);
}

/* ---- the strand's task ---- */

/* Says once a stream that sound was dropped. */
static void tell_dropped(struct ac_listener *l)
{
    char reason[REASON_SIZE];

    pthread_mutex_lock(&l->lock);
    int64_t dropped_us = l->dropped_us;
    pthread_mutex_unlock(&l->lock);
    if (!dropped_us || l->told_dropped)
        return;
    l->told_dropped = true;
    snprintf(
        reason, sizeof reason,
        "sound came faster than it could be listened to: the oldest was dropped (listen.queue_ms), %d ms "
        "so far",
        (int)(dropped_us / 1000));
    listener_tell_error(l, AC_EFULL, reason);
}

static void listener_task(void *arg)
{
    struct ac_listener *l = arg;
    struct item *i;
    int n = 0;

    pthread_mutex_lock(&l->lock);
    l->posted = false;
    pthread_mutex_unlock(&l->lock);
    while (n++ < MAX_ITEMS_A_TASK && !ac_cancelled(l->cancel) && (i = pop(l))) {
        listener_handle(l, i);
        free(i);
    }
    tell_dropped(l);
    utterance_deliver(l);
    pthread_mutex_lock(&l->lock);
    if (l->first && !ac_cancelled(l->cancel))
        kick(l);
    pthread_mutex_unlock(&l->lock);
}

/* ---- calls ---- */

struct ac_listener *ac_listener_new(struct ac_pool *pool, struct ac_models *models,
                                    const struct ac_config *cfg, struct ac_cancel *cancel,
                                    const struct ac_listener_sink *sink)
{
    struct ac_listener *l = ac_zalloc(sizeof *l);

    l->pool = pool;
    l->models = models;
    atomic_init(&l->cfg, cfg);
    l->cancel = ac_cancel_new(cancel);
    l->sink = *sink;
    pthread_mutex_init(&l->sink_lock, NULL);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->room, NULL);
    l->strand = ac_strand_new(pool, "listener", true);
    atomic_init(&l->parts, 1);
    ac_endpoint_init(&l->endpoint, ac_config_listen(cfg), utterance_on_endpoint, l);
    utterance_open_recognizer(l);
    return l;
}

void ac_listener_configure(struct ac_listener *l, const struct ac_config *cfg)
{
    atomic_store(&l->cfg, cfg);
}

void ac_listener_set(struct ac_listener *l, const char *lang, double threshold)
{
    pthread_mutex_lock(&l->lock);
    snprintf(l->lang, sizeof l->lang, "%s", lang);
    l->threshold = threshold;
    pthread_mutex_unlock(&l->lock);
}

void ac_listener_start(struct ac_listener *l, const struct ac_audio_stream *stream)
{
    struct item *i = listener_item(ITEM_START, NULL, 0);

    i->stream = *stream;
    pthread_mutex_lock(&l->lock);
    l->in = *stream;
    l->dropped_us = 0;
    listener_append(l, i);
    pthread_mutex_unlock(&l->lock);
}

void ac_listener_audio(struct ac_listener *l, const char *bytes, size_t len)
{
    struct item *i = listener_item(ITEM_BYTES, bytes, len);

    pthread_mutex_lock(&l->lock);
    bool pcm = l->in.format == AC_AUDIO_PCM_S16LE;
    if (pcm)
        i->queue_us = (int64_t)(len / sizeof(int16_t)) * 1000000 / l->in.rate_hz;
    bool wanted = l->in.mode && len && (pcm || l->queued_bytes + len <= MAX_STREAM_BYTES);
    if (wanted) {
        listener_append(l, i);
        drop_oldest(l);
    }
    pthread_mutex_unlock(&l->lock);
    if (!wanted)
        free(i);
}

void ac_listener_stop(struct ac_listener *l)
{
    struct item *i = listener_item(ITEM_STOP, NULL, 0);

    pthread_mutex_lock(&l->lock);
    l->in = (struct ac_audio_stream){0};
    listener_append(l, i);
    pthread_mutex_unlock(&l->lock);
}

void ac_listener_whole(struct ac_listener *l, enum ac_audio_format format, int rate_hz, const char *bytes,
                       size_t len)
{
    struct item *i = listener_item(ITEM_WHOLE, bytes, len);

    i->stream = (struct ac_audio_stream){.format = format, .rate_hz = rate_hz};
    push(l, i);
}

int64_t ac_listener_busy_us(struct ac_listener *l)
{
    int64_t since = atomic_load(&l->busy_us);

    return since ? ac_now_us() - since : 0;
}

void listener_part_gone(void *arg)
{
    struct ac_listener *l = arg;
    struct item *i;

    if (atomic_fetch_sub(&l->parts, 1) != 1)
        return;
    ac_task_fn *done = l->done;
    void *done_arg = l->done_arg;
    listener_close_decoder(l);
    while ((i = pop(l)))
        free(i);
    vad_close(l);
    utterance_clear(l);
    ac_resampler_close(l->resampler);
    ac_str_free(&l->pcm);
    ac_str_free(&l->past);
    ac_cancel_unref(l->cancel);
    pthread_cond_destroy(&l->room);
    pthread_mutex_destroy(&l->lock);
    pthread_mutex_destroy(&l->sink_lock);
    free(l);
    if (done)
        done(done_arg);
}

/* The strand is gone: nobody opens another recogniser now. */
static void strand_gone(void *arg)
{
    struct ac_listener *l = arg;

    ac_recognizer_free(l->recognizer, listener_part_gone, l);
    listener_part_gone(l);
}

void ac_listener_free(struct ac_listener *l, ac_task_fn *done, void *arg)
{
    if (!l) {
        if (done)
            done(arg);
        return;
    }
    l->done = done;
    l->done_arg = arg;
    ac_cancel_trigger(l->cancel);
    pthread_mutex_lock(&l->sink_lock);
    l->silenced = true;
    pthread_mutex_unlock(&l->sink_lock);
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    pthread_cond_broadcast(&l->room);
    pthread_mutex_unlock(&l->lock);
    ac_strand_free(l->strand, strand_gone, l);
}
