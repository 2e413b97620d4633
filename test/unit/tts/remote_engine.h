/* An engine that speaks over the network under test, and the speech it gave, gathered over all pieces. */
#ifndef TEST_REMOTE_ENGINE_H
#define TEST_REMOTE_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct remote {
    const struct ac_handler_info *info;
    struct ac_env env;
    void *cfg, *model, *inst;
};

static inline void remote_set(struct remote *r, const char *name, const char *value)
{
    for (const struct ac_option *o = r->info->options; o->type; o++) {
        char *at = (char *)r->cfg + o->offset;
        if (strcmp(o->name, name) != 0)
            continue;
        if (o->type == AC_OPT_STRING || o->type == AC_OPT_PATH)
            *(const char **)at = value;
        else if (o->type == AC_OPT_INT)
            *(int *)at = atoi(value);
        else if (o->type == AC_OPT_CHOICE)
            for (int i = 0; o->choices[i]; i++)
                *(int *)at = strcmp(o->choices[i], value) == 0 ? i : *(int *)at;
        else if (o->type == AC_OPT_BOOL)
            *(bool *)at = strcmp(value, "true") == 0;
        else
            fail_msg("option %s: a type that the test does not know", name);
        return;
    }
    fail_msg("no option %s", name);
}

/* With the defaults; options are set between this and remote_open. */
static inline void remote_prepare(struct remote *r, const struct ac_handler_info *info)
{
    static const char *const dirs[] = {NULL};

    *r = (struct remote){.info = info, .env = {.log_name = info->name, .data_dirs = dirs}};
    r->cfg = ac_zalloc(info->cfg_size);
    r->model = ac_zalloc(info->model_size);
    r->inst = ac_zalloc(info->inst_size);
    for (const struct ac_option *o = info->options; o->type; o++)
        remote_set(r, o->name, o->def);
}

static inline int remote_open(struct remote *r)
{
    int err = r->info->model_open(r->model, r->cfg, &r->env);

    return err ? err : r->info->open(r->inst, r->model, r->cfg, &r->env);
}

static inline void remote_close(struct remote *r)
{
    if (r->info->close)
        r->info->close(r->inst);
    r->info->model_close(r->model);
    free(r->inst);
    free(r->model);
    free(r->cfg);
}

struct heard {
    struct ac_sink sink;
    struct ac_cancel *cancel;
    int cancel_after; /* pieces; 0 = never */
    int pieces, lasts, rate_hz;
    int16_t *pcm;
    size_t n, least; /* least: samples of the smallest piece but the last two */
    struct ac_word *words;
    size_t n_words;
    int64_t first_us; /* monotonic, of the first piece */
    bool gap, late_word;
};

static inline int heard_push(struct ac_sink *sink, struct ac_frame *f)
{
    struct heard *h = (struct heard *)sink;
    const struct ac_speech *s = &f->speech;

    assert_int_equal(f->type, AC_FRAME_SPEECH);
    assert_false(s->phones_known);
    if (!h->pieces++)
        h->first_us = ac_now_us();
    h->gap =
        h->gap || h->lasts || s->start_sample != (int64_t)h->n || (h->rate_hz && h->rate_hz != s->rate_hz);
    h->rate_hz = s->rate_hz;
    h->pcm = ac_realloc_array(h->pcm, h->n + s->n_samples + 1, sizeof *h->pcm);
    if (s->n_samples)
        memcpy(h->pcm + h->n, s->pcm, s->n_samples * sizeof *s->pcm);
    h->n += s->n_samples;
    h->words = ac_realloc_array(h->words, h->n_words + s->n_words + 1, sizeof *h->words);
    if (s->n_words)
        memcpy(h->words + h->n_words, s->words, s->n_words * sizeof *s->words);
    h->n_words += s->n_words;
    h->lasts += s->last;
    if (h->cancel_after && h->pieces == h->cancel_after)
        ac_cancel_trigger(h->cancel);
    ac_frame_unref(f);
    return 0;
}

static inline void heard_free(struct heard *h)
{
    free(h->pcm);
    free(h->words);
    ac_cancel_unref(h->cancel);
    *h = (struct heard){0};
}

static inline int remote_say_as(struct remote *r, const char *text, const struct ac_text *how,
                                struct heard *h)
{
    struct ac_frame *f = ac_frame_new_text(text, strlen(text));
    int cancel_after = h->cancel_after;

    *h = (struct heard){.sink = {heard_push}, .cancel = ac_cancel_new(NULL), .cancel_after = cancel_after};
    if (how) {
        char *own = f->text.text;
        f->text = *how;
        f->text.text = own;
    }
    r->env.reason[0] = '\0';
    int err = r->info->process(r->inst, f, &h->sink, h->cancel);
    if (!err)
        err = r->info->process(r->inst, NULL, &h->sink, h->cancel);
    ac_frame_unref(f);
    return err;
}

static inline int remote_say(struct remote *r, const char *text, struct heard *h)
{
    return remote_say_as(r, text, NULL, h);
}

/* What is true of every sentence. */
static inline void heard_check(const struct heard *h, const char *text)
{
    assert_true(h->pieces > 1);
    assert_false(h->gap);
    assert_int_equal(h->lasts, 1);
    for (size_t i = 0; i < h->n_words; i++) {
        const struct ac_word *w = &h->words[i];
        assert_true(w->start_us < w->end_us);
        assert_true((int64_t)(w->start_us - 300000) * h->rate_hz / 1000000 <
                    (int64_t)h->n); /* a silent word */
        assert_true(w->text_len > 0 && w->text_start + w->text_len <= strlen(text));
        if (i)
            assert_true(w->text_start >= h->words[i - 1].text_start + h->words[i - 1].text_len);
    }
}

/* A folder of its own, "/tmp/avatar-tts-…"; removed by remote_remove_dir. */
static inline void remote_make_dir(char *dir, size_t size)
{
    snprintf(dir, size, "/tmp/avatar-tts-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static inline void remote_remove_dir(const char *dir)
{
    char command[128];

    assert_memory_equal(dir, "/tmp/avatar-tts-", 16);
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    assert_int_equal(system(command), 0);
}

#endif
