/*
 * For the tests of recognisers: drives a handler as the framework does (defaults from its option table),
 * feeds it sound and collects its transcripts. Sounds: noise, tones, silence.
 */
#ifndef TEST_ASR_ENGINE_H
#define TEST_ASR_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the above, as it asks for them */
#include <cmocka.h>

#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/mem.h"

#include <math.h>

#define ASR_UTIL static inline __attribute__((unused))

enum { RATE = AC_LISTEN_RATE_HZ };

struct engine {
    const struct ac_handler_info *info;
    char *cfg, *model;
    struct ac_env env;
};

/* One session of an engine, and what it pushed last. */
struct ear {
    struct ac_sink sink; /* first */
    struct engine *engine;
    void *inst;
    struct ac_env env;
    struct ac_frame *last; /* TRANSCRIPT */
    size_t partials, finals;
    int refuse_with;
};

ASR_UTIL void set_option(struct engine *e, const char *name, const char *value)
{
    for (const struct ac_option *o = e->info->options; o->type; o++) {
        void *field = e->cfg + o->offset;
        if (strcmp(o->name, name))
            continue;
        if (o->type == AC_OPT_INT)
            *(int *)field = atoi(value);
        else if (o->type == AC_OPT_FLOAT)
            *(double *)field = atof(value);
        else if (o->type == AC_OPT_BOOL)
            *(bool *)field = !strcmp(value, "true");
        else {
            free(*(char **)field);
            *(char **)field = ac_strdup(value);
        }
        return;
    }
    fail_msg("no option %s", name);
}

ASR_UTIL struct ac_env make_env(const char *log_name)
{
    static const char *const dirs[] = {AC_SOURCE_DIR, NULL};

    return (struct ac_env){.log_name = log_name, .data_dirs = dirs, .threads = 2};
}

ASR_UTIL void engine_init(struct engine *e, const struct ac_handler_info *info, const char *model)
{
    *e = (struct engine){.info = info, .env = make_env("asr.test")};
    e->cfg = ac_zalloc(info->cfg_size);
    e->model = ac_zalloc(info->model_size);
    for (const struct ac_option *o = info->options; o->type; o++)
        set_option(e, o->name, o->def);
    set_option(e, "model", model);
}

ASR_UTIL int engine_open(struct engine *e)
{
    return e->info->model_open(e->model, e->cfg, &e->env);
}

ASR_UTIL void engine_close(struct engine *e)
{
    e->info->model_close(e->model);
    for (const struct ac_option *o = e->info->options; o->type; o++)
        if (o->type == AC_OPT_STRING || o->type == AC_OPT_PATH)
            free(*(char **)(e->cfg + o->offset));
    free(e->cfg);
    free(e->model);
}

ASR_UTIL int ear_push(struct ac_sink *sink, struct ac_frame *f)
{
    struct ear *ear = (struct ear *)sink;

    assert_int_equal(f->type, AC_FRAME_TRANSCRIPT);
    assert_non_null(f->transcript.text);
    ear->partials += !f->transcript.final;
    ear->finals += f->transcript.final;
    ac_frame_unref(ear->last);
    ear->last = f;
    return ear->refuse_with;
}

ASR_UTIL void ear_open(struct ear *ear, struct engine *e)
{
    *ear = (struct ear){.sink = {ear_push}, .engine = e, .env = make_env("asr.test")};
    ear->inst = ac_zalloc(e->info->inst_size);
    assert_int_equal(e->info->open(ear->inst, e->model, e->cfg, &ear->env), 0);
}

ASR_UTIL void ear_close(struct ear *ear)
{
    ear->engine->info->close(ear->inst);
    free(ear->inst);
    ac_frame_unref(ear->last);
}

/* Feeds n samples in pieces of `piece`. */
ASR_UTIL int ear_hear(struct ear *ear, const int16_t *pcm, size_t n, size_t piece, const char *lang)
{
    for (size_t at = 0; at < n; at += piece) {
        struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);
        f->audio.n_samples = n - at < piece ? n - at : piece;
        f->audio.pcm = ac_alloc(f->audio.n_samples * sizeof *pcm);
        memcpy(f->audio.pcm, pcm + at, f->audio.n_samples * sizeof *pcm);
        f->audio.start_sample = (int64_t)at;
        strncpy(f->audio.lang, lang, sizeof f->audio.lang - 1);
        int err = ear->engine->info->process(ear->inst, f, &ear->sink, NULL);
        ac_frame_unref(f);
        if (err)
            return err;
    }
    return 0;
}

ASR_UTIL int ear_finish(struct ear *ear, struct ac_cancel *cancel)
{
    return ear->engine->info->process(ear->inst, NULL, &ear->sink, cancel);
}

/* Hears all of it and gives the final transcript (borrowed). */
ASR_UTIL const struct ac_transcript *ear_recognise(struct ear *ear, const int16_t *pcm, size_t n,
                                                   const char *lang)
{
    size_t finals = ear->finals;
    int err = ear_hear(ear, pcm, n, 1600, lang);

    err = err ? err : ear_finish(ear, NULL);
    if (err)
        fail_msg("%s: %s", ac_err_name(err), ear->env.reason);
    assert_int_equal(ear->finals, finals + 1);
    assert_true(ear->last->transcript.final);
    return &ear->last->transcript;
}

/* White noise, the same every time. */
ASR_UTIL void make_noise(int16_t *pcm, size_t n, int amplitude)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        pcm[i] = (int16_t)((int)(seed >> 16) % (2 * amplitude + 1) - amplitude);
    }
}

ASR_UTIL void make_tone(int16_t *pcm, size_t n, double hz)
{
    for (size_t i = 0; i < n; i++)
        pcm[i] = (int16_t)lrint(8000 * sin(2 * M_PI * hz * (double)i / RATE));
}

#endif
