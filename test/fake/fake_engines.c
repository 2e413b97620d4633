/* Fake engines; see fake_engines.h. */
#include "fake/fake_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fake/fake_hearing.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool released;
static atomic_int open_count, stuck_count, hang_count, warm_count, summary_count;

void fake_release(bool on)
{
    atomic_store(&released, on);
}

int fake_open_count(void)
{
    return atomic_load(&open_count);
}

int fake_hang_count(void)
{
    return atomic_load(&hang_count);
}

int fake_warm_count(void)
{
    return atomic_load(&warm_count);
}

int fake_summary_count(void)
{
    return atomic_load(&summary_count);
}

void fake_opened(int n)
{
    atomic_fetch_add(&open_count, n);
}

int fake_stuck_count(void)
{
    return atomic_load(&stuck_count);
}

struct fake_cfg {
    int step_ms;
    int picture_ms;
};

struct fake_model {
    bool open;
};

struct fake_inst {
    struct ac_env *env;
    struct ac_prefs prefs;
    bool open;
    float jaw;
    int picture_ms;
};

static const struct ac_option fake_options[] = {
    AC_OPTION_INT(struct fake_cfg, step_ms, "step_ms", "20", 0, 1000, 0,
                  "Milliseconds a word takes when slow."),
    AC_OPTION_INT(struct fake_cfg, picture_ms, "picture_ms", "0", 0, 1000, 0,
                  "Milliseconds a picture takes."),
    AC_OPTIONS_END,
};

static int fake_model_open(void *model, const void *cfg, struct ac_env *env)
{
    (void)cfg;
    (void)env;
    ((struct fake_model *)model)->open = true;
    atomic_fetch_add(&open_count, 1);
    return 0;
}

static void fake_model_close(void *model)
{
    if (((struct fake_model *)model)->open)
        atomic_fetch_sub(&open_count, 1);
}

static int fake_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct fake_inst *f = inst;

    (void)model;
    f->picture_ms = ((const struct fake_cfg *)cfg)->picture_ms;
    f->env = env;
    f->prefs = env->prefs;
    f->open = true;
    atomic_fetch_add(&open_count, 1);
    return 0;
}

static void fake_close(void *inst)
{
    if (((struct fake_inst *)inst)->open)
        atomic_fetch_sub(&open_count, 1);
}

int fake_hang(struct ac_cancel *cancel)
{
    atomic_fetch_add(&hang_count, 1);
    while (!ac_cancelled(cancel))
        ac_sleep_us(2000);
    atomic_fetch_sub(&hang_count, 1);
    return AC_ECANCELED;
}

int fake_stuck(void)
{
    atomic_fetch_add(&stuck_count, 1);
    while (!atomic_load(&released))
        ac_sleep_us(2000);
    atomic_fetch_sub(&stuck_count, 1);
    return AC_ECANCELED;
}

/* ---- llm ---- */

static int push_text(struct ac_sink *out, const char *text, size_t n)
{
    return out->push(out, ac_frame_new_text(text, n));
}

static int push_words(const char *text, struct ac_sink *out, struct ac_cancel *cancel, int delay_ms)
{
    int err = 0;

    while (*text && !err) {
        size_t n = strcspn(text, " ");
        n += strspn(text + n, " ");
        if (delay_ms)
            ac_sleep_us(delay_ms * 1000);
        err = ac_cancelled(cancel) ? AC_ECANCELED : push_text(out, text, n);
        text += n;
    }
    return err;
}

static const char *after(const char *text, const char *word)
{
    size_t n = strlen(word);

    return strncmp(text, word, n) == 0 ? text + n + (text[n] == ' ') : NULL;
}

/* "Summary N of M": the Nth of this process, of M messages. */
static int push_summary(const struct ac_chat *chat, struct ac_sink *out)
{
    char text[64];
    int n = snprintf(text, sizeof text, "Summary %d of %zu messages.",
                     atomic_fetch_add(&summary_count, 1) + 1, chat->n_messages);

    return push_text(out, text, (size_t)n);
}

/* As a tool that changes something: not before the question is certain. */
static int wait_confirmed(const struct ac_chat *chat, struct ac_cancel *cancel)
{
    while (chat->confirmed && !ac_cancelled(chat->confirmed)) {
        if (ac_cancelled(cancel))
            return AC_ECANCELED;
        ac_sleep_us(2000);
    }
    return 0;
}

static int push_aside(const char *text, struct ac_sink *out)
{
    struct ac_frame *f = ac_frame_new_text(text, strlen(text));

    f->text.aside = true;
    return out->push(out, f);
}

static void fake_warm(void *inst, struct ac_cancel *cancel)
{
    (void)inst;
    (void)cancel;
    atomic_fetch_add(&warm_count, 1);
}

static int llm_process(struct fake_inst *f, const struct ac_frame *in, struct ac_sink *out,
                       struct ac_cancel *cancel)
{
    const char *q = in->chat.messages[in->chat.n_messages - 1].text, *x;

    if (in->chat.summarize)
        return push_summary(&in->chat, out);
    if ((x = after(q, "aside"))) {
        int err = push_aside("One moment please.", out);
        return err ? err : push_words(x, out, cancel, 0);
    }
    if ((x = after(q, "act"))) {
        int err = wait_confirmed(&in->chat, cancel);
        return err ? err : push_words(x, out, cancel, 0);
    }
    if (after(q, "system")) { /* what was I told? */
        bool told = !strcmp(in->chat.messages[0].role, "system");
        return push_words(told ? in->chat.messages[0].text : "nothing.", out, cancel, 0);
    }
    if ((x = after(q, "echo")))
        return push_words(x, out, cancel, 0);
    if ((x = after(q, "slow")))
        return push_words(x, out, cancel, 20);
    if ((x = after(q, "failafter"))) {
        int err = push_words(x, out, cancel, 0);
        return err ? err : ac_env_fail(f->env, AC_EENGINE, "the fake broke in mid-answer");
    }
    if (after(q, "fail"))
        return ac_env_fail(f->env, AC_EENGINE, "the fake was told to fail");
    if (after(q, "hang"))
        return fake_hang(cancel);
    if (after(q, "stuck"))
        return fake_stuck();
    if (after(q, "count")) { /* how long is the history? */
        char text[64];
        size_t told = !strcmp(in->chat.messages[0].role, "system");
        int n = snprintf(text, sizeof text, "%zu messages.", in->chat.n_messages - told);
        return push_text(out, text, (size_t)n);
    }
    if (after(q, "recall")) { /* what does the history say I said? */
        for (size_t i = in->chat.n_messages; i--;)
            if (!strcmp(in->chat.messages[i].role, "assistant"))
                return push_words(in->chat.messages[i].text, out, cancel, 0);
        return push_text(out, "nothing.", 8);
    }
    if (after(q, "flood")) {
        int err = 0;
        while (!err)
            err = push_words("more and more words without any end ", out, cancel, 0);
        return err;
    }
    return push_words(q, out, cancel, 0);
}

static int fake_llm(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    return in ? llm_process(inst, in, out, cancel) : 0;
}

static int fake_llm2(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    if (in && strcmp(in->chat.messages[in->chat.n_messages - 1].text, "fail") == 0)
        return push_words("second engine.", out, cancel, 0);
    return fake_llm(inst, in, out, cancel);
}

/* ---- tts ---- */

enum { RATE = 16000, LETTER_MS = 50, LETTER = RATE * LETTER_MS / 1000 };

static void fill_phones(struct ac_speech *sp, const char *text, size_t letters)
{
    sp->phones = ac_realloc_array(NULL, letters, sizeof *sp->phones);
    memset(sp->phones, 0, letters * sizeof *sp->phones);
    for (size_t i = 0; i < letters; i++) {
        struct ac_phone *p = &sp->phones[sp->n_phones++];
        bool vowel = strchr("aeiou", text[i]) != NULL;
        p->start_us = (int32_t)(i * LETTER_MS * 1000);
        p->end_us = (int32_t)((i + 1) * LETTER_MS * 1000);
        p->name[0] = text[i];
        p->viseme = vowel ? AC_VIS_AA : AC_VIS_SIL;
        p->openness = vowel ? 1.0f : 0.0f;
    }
    sp->phones_known = true;
    sp->words = ac_realloc_array(NULL, 1, sizeof *sp->words);
    sp->words[0] = (struct ac_word){0, (int32_t)(letters * LETTER_MS * 1000), 0, (uint32_t)strlen(text)};
    sp->n_words = 1;
}

static int speak(const char *text, uint32_t seq, struct ac_sink *out, struct ac_cancel *cancel)
{
    size_t letters = strlen(text);

    for (size_t i = 0; i < letters; i += 4) {
        struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
        struct ac_speech *sp = &f->speech;
        size_t n = letters - i < 4 ? letters - i : 4;
        sp->rate_hz = RATE;
        sp->seq = seq;
        sp->start_sample = (int64_t)i * LETTER;
        sp->n_samples = n * LETTER;
        sp->pcm = ac_alloc(sp->n_samples * sizeof *sp->pcm);
        for (size_t k = 0; k < sp->n_samples; k++)
            sp->pcm[k] = (int16_t)(8000 * sin(2 * M_PI * 440 * (double)(i * LETTER + k) / RATE));
        if (!i)
            fill_phones(sp, text, letters);
        sp->last = i + n == letters && !strstr(text, "ttsnolast");
        int err = ac_cancelled(cancel) ? AC_ECANCELED : 0;
        if (err) {
            ac_frame_unref(f);
            return err;
        }
        err = out->push(out, f);
        if (err)
            return err;
    }
    return 0;
}

static int fake_tts(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct fake_inst *f = inst;

    if (!in)
        return 0;
    const char *text = in->text.text;
    if (strstr(text, "ttsfail"))
        return ac_env_fail(f->env, AC_EENGINE, "the fake voice was told to fail");
    if (strstr(text, "ttsnot"))
        return AC_ENOTSUP;
    if (strstr(text, "ttsempty"))
        return AC_EEMPTY;
    if (strstr(text, "ttshang"))
        return fake_hang(cancel);
    if (strstr(text, "ttsstuck"))
        return fake_stuck();
    if (strstr(text, "ttsbreak")) { /* in the middle of the sentence */
        int err = speak("sixteen letters.", in->text.seq, out, cancel);
        return err ? err : ac_env_fail(f->env, AC_EENGINE, "the fake voice broke");
    }
    if (strstr(text, "ttsslow"))
        ac_sleep_us(200000);
    int err = speak(text, in->text.seq, out, cancel);
    while (!err && strstr(text, "ttsflood"))
        err = speak(text, in->text.seq, out, cancel);
    return err;
}

static int fake_tts2(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    (void)inst;
    return in ? speak(in->text.text, in->text.seq, out, cancel) : 0;
}

/* ---- lip sync and avatar ---- */

static int fake_lipsync(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct fake_inst *f = inst;
    int fps = f->prefs.fps ? f->prefs.fps : 25;
    int err = 0;

    (void)cancel;
    if (!in)
        return 0;
    const struct ac_speech *sp = &in->speech;
    int64_t from = sp->start_sample * fps / RATE,
            to = (sp->start_sample + (int64_t)sp->n_samples) * fps / RATE;
    for (int64_t i = from; i < to && !err; i++) {
        struct ac_frame *pose = ac_frame_new(AC_FRAME_POSE);
        pose->pose.mouth.jaw = 0.5f;
        pose->pose.speaking = true;
        err = out->push(out, pose);
    }
    return err;
}

static int fake_avatar_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    if (strcmp(env->prefs.avatar, "none") == 0)
        return ac_env_fail(env, AC_ENOENT, "no avatar 'none': there is fake");
    return fake_open(inst, model, cfg, env);
}

static int fake_avatar(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct fake_inst *f = inst;

    (void)cancel;
    if (!in)
        return 0;
    struct ac_frame *p =
        ac_frame_new_picture(f->prefs.width ? f->prefs.width : 128, f->prefs.height ? f->prefs.height : 128);
    struct ac_picture *pic = &p->picture;
    if (f->picture_ms)
        ac_sleep_us(f->picture_ms * 1000);
    pic->frame = in->pose.frame;
    memset(pic->data[0], 40 + (int)(in->pose.mouth.jaw * 160), (size_t)pic->stride[0] * (size_t)pic->height);
    memset(pic->data[1], 128, (size_t)pic->stride[1] * (size_t)pic->height / 2);
    memset(pic->data[2], 128, (size_t)pic->stride[2] * (size_t)pic->height / 2);
    return out->push(out, p);
}

static int fake_list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    if (strcmp(env->log_name, "avatar.fake") == 0)
        return fake_avatar_list(model, cfg, env, fn, arg);
    struct ac_item item = {.id = "fake", .name = "Fake", .lang = "en", .gender = "", .detail = ""};

    fn(arg, &item);
    return 0;
}

#define FAKE(id, stage_, name_, in_, out_, open_, process_, ...)                                             \
    static const struct ac_handler_info id = {.name = name_,                                                 \
                                              .help = "A fake for tests.",                                   \
                                              .stage = stage_,                                               \
                                              .in = in_,                                                     \
                                              .out = out_,                                                   \
                                              .cfg_size = sizeof(struct fake_cfg),                           \
                                              .model_size = sizeof(struct fake_model),                       \
                                              .inst_size = sizeof(struct fake_inst),                         \
                                              .options = fake_options,                                       \
                                              .model_open = fake_model_open,                                 \
                                              .model_close = fake_model_close,                               \
                                              .open = open_,                                                 \
                                              .close = fake_close,                                           \
                                              .process = process_,                                           \
                                              .list = fake_list,                                             \
                                              __VA_ARGS__}

FAKE(llm_a, AC_STAGE_LLM, "fake", AC_FRAME_CHAT, AC_FRAME_TEXT, fake_open, fake_llm,
     .flags = AC_HANDLER_SUMMARIZES, .warm = fake_warm);
FAKE(llm_b, AC_STAGE_LLM, "fake2", AC_FRAME_CHAT, AC_FRAME_TEXT, fake_open, fake_llm2);
FAKE(tts_a, AC_STAGE_TTS, "fake", AC_FRAME_TEXT, AC_FRAME_SPEECH, fake_open, fake_tts);
FAKE(tts_b, AC_STAGE_TTS, "fake2", AC_FRAME_TEXT, AC_FRAME_SPEECH, fake_open, fake_tts2);
FAKE(lipsync_a, AC_STAGE_LIPSYNC, "fake", AC_FRAME_SPEECH, AC_FRAME_POSE, fake_open, fake_lipsync);
FAKE(avatar_a, AC_STAGE_AVATAR, "fake", AC_FRAME_POSE, AC_FRAME_PICTURE, fake_avatar_open, fake_avatar,
     .make = fake_make);

const struct ac_handler_info *const fake_registry[] = {
    &fake_vad_a, &fake_vad_b, &fake_asr_a, &fake_asr_b, &llm_a,       &llm_b, &tts_a,
    &tts_b,      &lipsync_a,  &avatar_a,   &fake_hears, &fake_hears2, NULL};
