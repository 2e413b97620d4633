/*
 * A stream that comes in pieces: bytes wait in one buffer; a thread runs the decoder, whose read sleeps until
 * there are some. The buffer gives what it has, never waits for more than one byte, so that a packet is
 * decoded as soon as it is complete.
 */
#include "avatarchat/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "media/decode_run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ac_decode_stream {
    struct ac_decode_sink sink;
    struct ac_decode_run run;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ac_str waiting; /* lock */
    size_t taken;          /* lock: of waiting */
    bool ended;            /* lock: no more comes */
    bool closed;           /* lock: stop at once */
    bool over;             /* lock: the thread takes no more */
};

static int read_waiting(void *arg, uint8_t *data, int size)
{
    struct ac_decode_stream *s = arg;
    int n = AC_ECANCELED;

    pthread_mutex_lock(&s->lock);
    while (s->taken == s->waiting.len && !s->ended && !s->closed)
        pthread_cond_wait(&s->changed, &s->lock);
    if (!s->closed) {
        size_t left = s->waiting.len - s->taken;
        n = left < (size_t)size ? (int)left : size;
        if (n > 0)
            memcpy(data, s->waiting.p + s->taken, (size_t)n);
        s->taken += (size_t)n;
        if (s->taken == s->waiting.len) {
            ac_str_clear(&s->waiting);
            s->taken = 0;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

static int give(void *arg, const int16_t *pcm, size_t n)
{
    struct ac_decode_stream *s = arg;

    pthread_mutex_lock(&s->lock);
    bool closed = s->closed;
    pthread_mutex_unlock(&s->lock);
    return closed ? AC_ECANCELED : s->sink.pcm(s->sink.arg, pcm, n);
}

static void *decode(void *arg)
{
    struct ac_decode_stream *s = arg;
    int err = ac_decode_run(&s->run);

    pthread_mutex_lock(&s->lock);
    s->over = true;
    bool closed = s->closed;
    pthread_mutex_unlock(&s->lock);
    if (!closed)
        s->sink.done(s->sink.arg, err, err ? s->run.reason : "");
    return NULL;
}

int ac_decode_stream_open(struct ac_decode_stream **out, const char *format, int max_s,
                          const struct ac_decode_sink *sink)
{
    static const struct {
        const char *name, *libav;
    } formats[] = {{"webm", "matroska"}, {"ogg", "ogg"}, {"mp4", "mov"}};
    const char *libav = NULL;

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, format) == 0)
            libav = formats[i].libav;
    }
    if (!libav)
        return AC_ENOTSUP;
    struct ac_decode_stream *s = ac_zalloc(sizeof *s);
    s->sink = *sink;
    s->run =
        (struct ac_decode_run){.read = read_waiting, .pcm = give, .arg = s, .format = libav, .max_s = max_s};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (pthread_create(&s->thread, NULL, decode, s) != 0) {
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return AC_ENOMEM;
    }
    *out = s;
    return AC_OK;
}

/* Lock held. What was taken goes first, so that the buffer never grows past the limit's double. */
static void append(struct ac_decode_stream *s, const void *data, size_t n)
{
    if (s->taken > s->waiting.len / 2) {
        memmove(s->waiting.p, s->waiting.p + s->taken, s->waiting.len - s->taken);
        s->waiting.len -= s->taken;
        s->taken = 0;
    }
    ac_str_add_n(&s->waiting, data, n);
}

int ac_decode_stream_write(struct ac_decode_stream *s, const void *data, size_t n)
{
    int err = AC_OK;

    pthread_mutex_lock(&s->lock);
    if (s->over || s->ended)
        err = AC_ECLOSED;
    else if (s->waiting.len - s->taken + n > AC_DECODE_QUEUE_BYTES)
        err = AC_EFULL;
    else
        append(s, data, n);
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return err;
}

void ac_decode_stream_end(struct ac_decode_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void ac_decode_stream_close(struct ac_decode_stream *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    ac_str_free(&s->waiting);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
