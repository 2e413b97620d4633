/* An engine under test and the speech it gave, gathered over all pieces. */
#ifndef TEST_TTS_ENGINE_H
#define TEST_TTS_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct ac_handler_info ac_handler_tts_flite, ac_handler_tts_espeak;

struct engine {
    const struct ac_handler_info *info;
    struct ac_env env;
    void *cfg, *model, *inst;
};

/* The configuration with its defaults, written as the framework does it. */
static inline void engine_defaults(struct engine *e)
{
    for (const struct ac_option *o = e->info->options; o && o->type != AC_OPT_END; o++) {
        char *at = (char *)e->cfg + o->offset;
        if (o->type == AC_OPT_STRING || o->type == AC_OPT_PATH)
            *(char **)at = (char *)(uintptr_t)o->def;
        else if (o->type == AC_OPT_CHOICE)
            for (int i = 0; o->choices[i]; i++)
                if (!strcmp(o->choices[i], o->def))
                    *(int *)at = i;
    }
}

static inline void engine_open(struct engine *e, const struct ac_handler_info *info)
{
    static const char *const dirs[] = {NULL};

    *e = (struct engine){.info = info, .env = {.log_name = info->name, .data_dirs = dirs}};
    e->cfg = ac_zalloc(info->cfg_size + 1);
    e->model = ac_zalloc(info->model_size + 1);
    e->inst = ac_zalloc(info->inst_size + 1);
    engine_defaults(e);
    assert_int_equal(info->model_open(e->model, e->cfg, &e->env), 0);
    assert_int_equal(info->open(e->inst, e->model, e->cfg, &e->env), 0);
}

static inline void engine_close(struct engine *e)
{
    if (e->info->close)
        e->info->close(e->inst);
    e->info->model_close(e->model);
    free(e->inst);
    free(e->model);
    free(e->cfg);
}

struct speech {
    struct ac_sink sink;
    struct ac_cancel *cancel;
    int cancel_after; /* pieces; 0 = never */
    int pieces, lasts;
    struct ac_phone *phones;
    size_t n_phones, first_phones; /* first_phones: with the first piece */
    struct ac_word *words;
    size_t n_words;
    int16_t *pcm; /* of all pieces, whatever their rate */
    size_t n;
    struct {
        int rate_hz;
        int64_t start;
        size_t at, n; /* in pcm */
    } piece[4096];
    int64_t end_us;
    bool gap; /* a piece did not begin where the one before ended */
};

static inline int speech_push(struct ac_sink *sink, struct ac_frame *f)
{
    struct speech *s = (struct speech *)sink;
    const struct ac_speech *p = &f->speech;
    int64_t start = p->start_sample * 1000000 / p->rate_hz;

    assert_int_equal(f->type, AC_FRAME_SPEECH);
    assert_true(p->phones_known);
    assert_true(s->pieces < 4096);
    s->gap = s->gap || llabs(start - s->end_us) > 1 || s->lasts;
    s->end_us = (p->start_sample + (int64_t)p->n_samples) * 1000000 / p->rate_hz;
    s->piece[s->pieces].rate_hz = p->rate_hz;
    s->piece[s->pieces].start = p->start_sample;
    s->piece[s->pieces].at = s->n;
    s->piece[s->pieces].n = p->n_samples;
    s->phones = ac_realloc_array(s->phones, s->n_phones + p->n_phones + 1, sizeof *s->phones);
    s->words = ac_realloc_array(s->words, s->n_words + p->n_words + 1, sizeof *s->words);
    s->pcm = ac_realloc_array(s->pcm, s->n + p->n_samples + 1, sizeof *s->pcm);
    if (p->n_phones)
        memcpy(s->phones + s->n_phones, p->phones, p->n_phones * sizeof *s->phones);
    if (p->n_words)
        memcpy(s->words + s->n_words, p->words, p->n_words * sizeof *s->words);
    if (p->n_samples)
        memcpy(s->pcm + s->n, p->pcm, p->n_samples * sizeof *s->pcm);
    s->n_phones += p->n_phones;
    s->n_words += p->n_words;
    s->n += p->n_samples;
    s->lasts += p->last;
    if (!s->pieces++)
        s->first_phones = p->n_phones;
    if (s->cancel_after && s->pieces == s->cancel_after)
        ac_cancel_trigger(s->cancel);
    ac_frame_unref(f);
    return 0;
}

static inline void speech_free(struct speech *s)
{
    free(s->phones);
    free(s->words);
    free(s->pcm);
    ac_cancel_unref(s->cancel);
    *s = (struct speech){0};
}

struct wish {
    const char *lang, *voice, *gender;
    float rate, pitch;
};

static inline int engine_say_n(struct engine *e, const char *text, size_t len, const struct wish *w,
                               struct speech *s)
{
    struct ac_frame *f = ac_frame_new_text(text, len);
    int cancel_after = s->cancel_after;

    *s = (struct speech){.sink = {speech_push}, .cancel = ac_cancel_new(NULL), .cancel_after = cancel_after};
    if (w) {
        snprintf(f->text.lang, sizeof f->text.lang, "%s", w->lang ? w->lang : "");
        snprintf(f->text.voice, sizeof f->text.voice, "%s", w->voice ? w->voice : "");
        snprintf(f->text.gender, sizeof f->text.gender, "%s", w->gender ? w->gender : "");
        f->text.rate = w->rate;
        f->text.pitch = w->pitch;
    }
    int err = e->info->process(e->inst, f, &s->sink, s->cancel);
    if (!err)
        err = e->info->process(e->inst, NULL, &s->sink, s->cancel);
    ac_frame_unref(f);
    return err;
}

static inline int engine_say(struct engine *e, const char *text, const struct wish *w, struct speech *s)
{
    return engine_say_n(e, text, strlen(text), w, s);
}

/* Root mean square of the sound between two times of the sentence. */
static inline double speech_rms(const struct speech *s, int64_t from_us, int64_t to_us)
{
    double sum = 0;
    size_t n = 0;

    for (int i = 0; i < s->pieces; i++) {
        for (size_t k = 0; k < s->piece[i].n; k++) {
            int64_t t = (s->piece[i].start + (int64_t)k) * 1000000 / s->piece[i].rate_hz;
            if (t < from_us || t >= to_us)
                continue;
            double v = s->pcm[s->piece[i].at + k];
            sum += v * v;
            n++;
        }
    }
    return n ? sqrt(sum / (double)n) : 0;
}

/* The fundamental between two times, by autocorrelation; all pieces must be of one rate. 0: none found. */
static inline double speech_pitch_at(const struct speech *s, int64_t from_us, int64_t to_us)
{
    double sums[512] = {0}, top = 0;
    int rate_hz = s->piece[0].rate_hz, shortest = rate_hz / 400, longest = rate_hz / 61;
    size_t from = (size_t)(from_us * rate_hz / 1000000), to = (size_t)(to_us * rate_hz / 1000000);

    for (int l = shortest; l <= longest; l++) {
        for (size_t i = from; i < to && i + (size_t)l < s->n; i++)
            sums[l] += (double)s->pcm[i] * s->pcm[i + (size_t)l];
        top = sums[l] > top ? sums[l] : top;
    }
    for (int l = shortest + 1; l < longest; l++) /* the first high peak: later ones are its multiples */
        if (sums[l] > 0.9 * top && sums[l] >= sums[l - 1] && sums[l] >= sums[l + 1])
            return (double)rate_hz / l;
    return 0;
}

/* The mean over all open vowels, in octaves. */
static inline double speech_pitch_hz(const struct speech *s)
{
    double sum = 0;
    int n = 0;

    for (size_t i = 0; i < s->n_phones; i++) {
        const struct ac_phone *p = &s->phones[i];
        int64_t q = (p->end_us - p->start_us) / 5;
        double hz = p->openness > 0.3f && q >= 12000 ? speech_pitch_at(s, p->start_us + q, p->end_us - q) : 0;
        sum += hz > 0 ? log2(hz) : 0;
        n += hz > 0;
    }
    assert_true(n > 0);
    return exp2(sum / n);
}

/* What is true of every sentence. */
static inline void speech_check(const struct speech *s, const char *text)
{
    size_t first = 0, last = s->n_phones;

    assert_true(s->pieces > 1);
    assert_false(s->gap);
    assert_int_equal(s->lasts, 1);
    assert_true(s->n_phones > 0);
    assert_int_equal(s->phones[0].start_us, 0);
    for (size_t i = 1; i < s->n_phones; i++)
        assert_int_equal(s->phones[i].start_us, s->phones[i - 1].end_us);
    assert_int_equal(s->phones[s->n_phones - 1].end_us, s->end_us);
    while (first < last && s->phones[first].viseme == AC_VIS_SIL)
        first++;
    while (last > first && s->phones[last - 1].viseme == AC_VIS_SIL)
        last--;
    assert_true(first < last);
    assert_true(s->phones[first].start_us <= 30000);
    assert_true(s->end_us - s->phones[last - 1].end_us <= 140000);
    for (size_t i = 0; i < s->n_words; i++) {
        const struct ac_word *w = &s->words[i];
        assert_true(w->start_us < w->end_us && w->end_us <= s->end_us);
        assert_true(w->text_len > 0 && w->text_start + w->text_len <= strlen(text));
        if (i) {
            assert_true(w->start_us >= s->words[i - 1].end_us);
            assert_true(w->text_start >= s->words[i - 1].text_start + s->words[i - 1].text_len);
        }
    }
}

#endif
