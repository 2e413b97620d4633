/*
 * Fake ears: a detector and a recogniser that read a code in the sound (fake_code in fake_engines.h), so that
 * a test says what is "spoken" and how the engines behave by the samples it sends.
 */
#include "fake/fake_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BASE = 8000, STEP = 10, RUN = 160 /* samples a letter lasts at least */, WINDOW = 512, LOUD = 10000 };

static atomic_int finals;

int fake_finals(void)
{
    return atomic_load(&finals);
}

size_t fake_code(const char *text, int rate_hz, int letter_ms, int16_t *pcm)
{
    size_t letter = (size_t)(rate_hz / 1000) * (size_t)letter_ms, n = 0;

    for (size_t i = 0; text[i]; i++) {
        int16_t level = (int16_t)(BASE + STEP * (unsigned char)text[i]);
        for (size_t k = 0; k < letter; k++, n++)
            if (pcm) /* the last tenth parts equal letters */
                pcm[n] = k < letter - letter / 10 ? level : BASE;
    }
    return n;
}

/* ---- vad ---- */

struct vad {
    struct ac_env *env;
    bool open;
    int16_t held[WINDOW];
    size_t n_held;
    int64_t at;
};

static int vad_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct vad *v = inst;

    (void)model;
    (void)cfg;
    v->env = env;
    v->open = true;
    fake_opened(1);
    return 0;
}

static void vad_close(void *inst)
{
    if (((struct vad *)inst)->open)
        fake_opened(-1);
}

static void vad_reset(void *inst)
{
    struct vad *v = inst;

    v->n_held = 0;
    v->at = 0;
}

static int push_voice(struct vad *v, struct ac_sink *out)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_VOICE);
    float sum = 0;

    for (size_t i = 0; i < v->n_held; i++)
        sum += v->held[i] > 0 ? v->held[i] : 0;
    f->voice.start_sample = v->at;
    f->voice.n_samples = v->n_held;
    f->voice.probability = sum / (float)v->n_held / LOUD;
    if (f->voice.probability > 1)
        f->voice.probability = 1;
    v->at += (int64_t)v->n_held;
    v->n_held = 0;
    return out->push(out, f);
}

static int vad2_process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct vad *v = inst;
    int err = 0;

    (void)cancel;
    if (!in)
        return v->n_held ? push_voice(v, out) : 0;
    for (size_t i = 0; i < in->audio.n_samples && !err; i++) {
        v->held[v->n_held++] = in->audio.pcm[i];
        if (v->n_held == WINDOW)
            err = push_voice(v, out);
    }
    return err;
}

static int vad_process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct vad *v = inst;
    int err = 0;

    switch (in && in->audio.n_samples ? in->audio.pcm[in->audio.n_samples - 1] : 0) {
    case FAKE_VAD_FAIL:
        return ac_env_fail(v->env, AC_EENGINE, "the fake ear was told to fail");
    case FAKE_VAD_HANG:
        return fake_hang(cancel);
    case FAKE_VAD_STUCK:
        return fake_stuck();
    case FAKE_VAD_FLOOD:
        while (!err) {
            v->n_held = WINDOW;
            err = push_voice(v, out);
        }
        return err;
    default:
        return vad2_process(inst, in, out, cancel);
    }
}

/* ---- asr ---- */

struct asr {
    struct ac_env *env;
    bool open;
    struct ac_str text;
    int letter; /* of the run */
    size_t run;
};

static int open_asr(struct asr *a, struct ac_env *env)
{
    a->env = env;
    a->open = true;
    fake_opened(1);
    return strcmp(env->prefs.lang, "yy") == 0 ? AC_ENOTSUP : 0;
}

static int asr_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    (void)model;
    (void)cfg;
    int err = open_asr(inst, env);
    return strcmp(env->prefs.lang, "xx") == 0 ? AC_ENOTSUP : err;
}

static int asr2_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    (void)model;
    (void)cfg;
    return open_asr(inst, env);
}

static void asr_reset(void *inst)
{
    struct asr *a = inst;

    ac_str_clear(&a->text);
    a->letter = 0;
    a->run = 0;
}

static void asr_close(void *inst)
{
    struct asr *a = inst;

    ac_str_free(&a->text);
    if (a->open)
        fake_opened(-1);
}

static int push_text(struct asr *a, struct ac_sink *out, bool final)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_TRANSCRIPT);

    f->transcript.text = ac_strdup(a->text.p ? a->text.p : "");
    f->transcript.final = final;
    f->transcript.confidence = 0.75f;
    memcpy(f->transcript.lang, "en", 3);
    if (final)
        atomic_fetch_add(&finals, 1);
    return out->push(out, f);
}

static void hear(struct asr *a, const struct ac_audio *audio)
{
    for (size_t i = 0; i < audio->n_samples; i++) {
        int letter = (audio->pcm[i] - BASE + STEP / 2) / STEP;
        if (audio->pcm[i] < BASE || letter < ' ' || letter > '~')
            letter = 0;
        a->run = letter == a->letter ? a->run + 1 : 1;
        a->letter = letter;
        if (letter && a->run == RUN)
            ac_str_add_n(&a->text, &(char){(char)letter}, 1);
    }
}

static int asr2_process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct asr *a = inst;

    if (ac_cancelled(cancel))
        return AC_ECANCELED;
    if (in)
        hear(a, &in->audio);
    return push_text(a, out, !in);
}

static int asr_process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct asr *a = inst;
    const char *text = a->text.p ? a->text.p : "";
    int err = 0;

    if (in)
        return asr2_process(inst, in, out, cancel);
    if (strstr(text, "asrfail"))
        return ac_env_fail(a->env, AC_EENGINE, "the fake recogniser was told to fail");
    if (strstr(text, "asrnot"))
        return AC_ENOTSUP;
    if (strstr(text, "asrmute"))
        return 0;
    if (strstr(text, "asrhang"))
        return fake_hang(cancel);
    if (strstr(text, "asrstuck"))
        return fake_stuck();
    while (strstr(text, "asrflood") && !err)
        err = push_text(a, out, false);
    for (int ms = 0; strstr(text, "asrslow") && ms < 300 && !err; ms += 10) {
        ac_sleep_us(10000);
        err = ac_cancelled(cancel) ? AC_ECANCELED : 0;
    }
    return err ? err : asr2_process(inst, in, out, cancel);
}

static int asr_list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    struct ac_item item = {.id = "en", .name = "English", .lang = "en", .gender = "", .detail = ""};

    (void)model;
    (void)cfg;
    (void)env;
    fn(arg, &item);
    return 0;
}

#define FAKE_EAR(id, stage_, name_, out_, inst_, open_, close_, reset_, process_, list_)                     \
    const struct ac_handler_info id = {                                                                      \
        .name = name_,                                                                                       \
        .help = "A fake for tests.",                                                                         \
        .stage = stage_,                                                                                     \
        .in = AC_FRAME_AUDIO,                                                                                \
        .out = out_,                                                                                         \
        .inst_size = sizeof(struct inst_),                                                                   \
        .open = open_,                                                                                       \
        .close = close_,                                                                                     \
        .reset = reset_,                                                                                     \
        .process = process_,                                                                                 \
        .list = list_,                                                                                       \
    }

FAKE_EAR(fake_vad_a, AC_STAGE_VAD, "fake", AC_FRAME_VOICE, vad, vad_open, vad_close, vad_reset, vad_process,
         NULL);
FAKE_EAR(fake_vad_b, AC_STAGE_VAD, "fake2", AC_FRAME_VOICE, vad, vad_open, vad_close, vad_reset, vad2_process,
         NULL);
FAKE_EAR(fake_asr_a, AC_STAGE_ASR, "fake", AC_FRAME_TRANSCRIPT, asr, asr_open, asr_close, asr_reset,
         asr_process, asr_list);
FAKE_EAR(fake_asr_b, AC_STAGE_ASR, "fake2", AC_FRAME_TRANSCRIPT, asr, asr2_open, asr_close, asr_reset,
         asr2_process, asr_list);
