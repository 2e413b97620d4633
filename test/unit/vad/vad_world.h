/* What the tests of the voice activity engines share: opening one, feeding it, sounds to feed. */
#ifndef AC_TEST_VAD_WORLD_H
#define AC_TEST_VAD_WORLD_H

#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = AC_LISTEN_RATE_HZ, WINDOW = 512, MAX_VOICES = 4096 };

struct engine {
    const struct ac_handler_info *info;
    struct ac_env env;
    void *model, *inst;
};

static const char *const vad_dirs[] = {".", NULL};

static inline int engine_open(struct engine *e, const struct ac_handler_info *info, const void *cfg)
{
    *e = (struct engine){.info = info, .env = {.data_dirs = vad_dirs, .threads = 2}};
    e->model = ac_zalloc(info->model_size + 1);
    e->inst = ac_zalloc(info->inst_size);
    int err = info->model_open ? info->model_open(e->model, cfg, &e->env) : 0;
    return err ? err : info->open(e->inst, e->model, cfg, &e->env);
}

static inline void engine_close(struct engine *e)
{
    if (e->info->close)
        e->info->close(e->inst);
    if (e->info->model_close)
        e->info->model_close(e->model);
    free(e->inst);
    free(e->model);
}

/* Keeps the probabilities; checks that the stream is covered without a hole. */
struct voices {
    struct ac_sink sink;
    float p[MAX_VOICES];
    size_t n;
    int64_t covered;
};

static inline int keep(struct ac_sink *sink, struct ac_frame *f)
{
    struct voices *v = (struct voices *)sink;

    assert_int_equal(f->type, AC_FRAME_VOICE);
    assert_int_equal(f->voice.start_sample, v->covered);
    assert_true(f->voice.n_samples > 0 && f->voice.n_samples <= WINDOW);
    assert_true(f->voice.probability >= 0 && f->voice.probability <= 1);
    assert_true(v->n < MAX_VOICES);
    v->p[v->n++] = f->voice.probability;
    v->covered += (int64_t)f->voice.n_samples;
    ac_frame_unref(f);
    return 0;
}

static inline int feed(struct engine *e, void *inst, const int16_t *pcm, size_t n, int64_t at,
                       struct voices *v, struct ac_cancel *cancel)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);

    f->audio.pcm = ac_alloc(n * sizeof *pcm + 1);
    if (n)
        memcpy(f->audio.pcm, pcm, n * sizeof *pcm);
    f->audio.n_samples = n;
    f->audio.start_sample = at;
    int err = e->info->process(inst, f, &v->sink, cancel);
    ac_frame_unref(f);
    return err;
}

/* The whole sound in pieces, and its end. */
static inline void hear(struct engine *e, const int16_t *pcm, size_t n, size_t piece, struct voices *v)
{
    *v = (struct voices){.sink = {keep}};
    for (size_t at = 0; at < n; at += piece)
        assert_int_equal(feed(e, e->inst, pcm + at, n - at < piece ? n - at : piece, (int64_t)at, v, NULL),
                         0);
    assert_int_equal(v->n, n / WINDOW); /* nothing is held back that is complete */
    assert_int_equal(e->info->process(e->inst, NULL, &v->sink, NULL), 0);
    assert_int_equal(v->covered, n);
}

/* The samples of a 16 kHz mono WAV file; malloc'ed. */
static inline int16_t *read_wav(const char *path, size_t *n)
{
    char *data;
    size_t len, at = 12;
    uint32_t size = 0;

    assert_int_equal(ac_read_file(path, 1 << 20, &data, &len), 0);
    for (; at + 8 <= len; at += 8 + size) {
        memcpy(&size, data + at + 4, 4);
        if (memcmp(data + at, "data", 4) == 0)
            break;
    }
    assert_true(size && at + 8 + size <= len);
    memmove(data, data + at + 8, size);
    *n = size / 2;
    return (int16_t *)(void *)data;
}

/* Uniform white noise of the level in dB of full scale, from a generator of its own: the same everywhere. */
static inline void add_noise(int16_t *pcm, size_t n, double level_db)
{
    double gain = 32768 * pow(10, level_db / 20) * sqrt(3);
    uint32_t x = 2463534242U;

    for (size_t i = 0; i < n; i++) {
        x ^= x << 13; /* xorshift32: G. Marsaglia, "Xorshift RNGs", 2003 */
        x ^= x >> 17;
        x ^= x << 5;
        double v = pcm[i] + gain * ((double)x / 2147483648.0 - 1);
        pcm[i] = (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : lrint(v));
    }
}

#endif
