/*
 * whisper: recognition in 99 languages with the Whisper models tiny, base and small on ONNX Runtime, in
 * process. The utterance is heard whole once it is complete; the encoder's context is cut to it. What sounds
 * like nobody speaking is answered by an empty text.
 *
 *     asr: {use: [whisper, pocketsphinx], whisper: {model: base, language: auto}}
 *
 * The models' languages are asked for by their codes; a tag like zh-CN or cmn is translated. Every run has
 * caches and scratch of its own; asr.whisper.parallel bounds how many there are.
 */
#include "asr/gate.h"
#include "asr/utterance.h"
#include "asr/whisper_decode.h"
#include "base/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MIN_SAMPLES = AC_LISTEN_RATE_HZ / 10, /* no word is shorter */
    MEL_FRAMES_S = AC_LISTEN_RATE_HZ / AC_MEL_HOP,
    TOKENS_S = 8, /* the fastest speech */
    TOKENS_MORE = 16,
    TIMESTAMP_US = 20000,
};

struct config {
    char *model, *language;
    bool timestamps;
    int padding_ms, parallel;
    double no_speech_max, logprob_min;
};

struct model {
    struct ac_whisper whisper;
    struct ac_gate gate;
    bool open;
};

struct instance {
    struct model *model;
    const struct config *cfg;
    struct ac_env *env;
    int lang;       /* asked for, -1 = find out */
    int lang_heard; /* the last time: people seldom change it */
    struct ac_utterance utterance;
};

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    const struct config *c = cfg;
    struct model *m = model;

    ac_gate_init(&m->gate, c->parallel);
    m->open = true;
    return ac_whisper_open(&m->whisper, c->model, env);
}

static void model_close(void *model)
{
    struct model *m = model;

    if (!m->open)
        return;
    ac_whisper_close(&m->whisper);
    ac_gate_destroy(&m->gate);
    m->open = false;
}

/* BCP 47 → the code Whisper has for it: the first part of the tag, under its name of 2022. */
static int find_lang(const struct ac_whisper *w, const char *tag)
{
    static const char *const names[][2] = {{"cmn", "zh"}, {"nb", "no"}, {"iw", "he"}, {"in", "id"},
                                           {"fil", "tl"}, {"jv", "jw"}, {"yue", "zh"}};
    char code[16] = "";
    size_t len = strcspn(tag, "-_");

    for (size_t i = 0; i < len && i < sizeof code - 1; i++)
        code[i] = (char)(tag[i] | 0x20); /* letters to lower case */
    int lang = ac_whisper_lang(w, code);
    for (size_t i = 0; i < sizeof names / sizeof *names && lang < 0; i++)
        if (strcmp(names[i][0], code) == 0)
            lang = ac_whisper_lang(w, names[i][1]);
    return lang;
}

/* Says which languages there are, as many as a sentence holds. */
static int no_lang(struct instance *i, const char *tag)
{
    const struct ac_whisper_spec *s = &i->model->whisper.spec;
    struct ac_str codes = {0};

    size_t k = 0;
    for (; k < s->n_langs && codes.len < 64; k++)
        ac_str_addf(&codes, "%s%s", k ? ", " : "", s->lang[k]);
    ac_env_fail(i->env, AC_ENOTSUP, "%s has no language '%s'; it has %s%s", i->cfg->model, tag, codes.p,
                k < s->n_langs ? " …" : "");
    ac_str_free(&codes);
    return AC_ENOTSUP;
}

/* The language of the frame, else the configured one. */
static int choose_lang(struct instance *i, const char *asked)
{
    const struct ac_whisper *w = &i->model->whisper;
    const char *tag = *asked && strcasecmp(asked, "auto") != 0 ? asked : i->cfg->language;

    i->lang = -1;
    if (!*tag || strcasecmp(tag, "auto") == 0)
        return 0;
    if (!w->spec.multilingual && (strncasecmp(tag, "en", 2) != 0 || (tag[2] && tag[2] != '-')))
        return ac_env_fail(
            i->env, AC_ENOTSUP,
            "whisper %s hears English only, not '%s': set asr.whisper.model to one without .en",
            i->cfg->model, tag);
    if (!w->spec.multilingual)
        return 0;
    i->lang = find_lang(w, tag);
    return i->lang < 0 ? no_lang(i, tag) : 0;
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *i = inst;

    *i = (struct instance){.model = model, .cfg = cfg, .env = env};
    return choose_lang(i, "") ? AC_ECONFIG : 0;
}

static void close_instance(void *inst)
{
    struct instance *i = inst;

    ac_utterance_free(&i->utterance);
}

/* The text of tokens first … end; a character may be spread over several. */
static void say(const struct ac_whisper *w, struct ac_utterance *u, const int32_t *tokens, size_t n,
                int64_t start_us, int64_t end_us)
{
    struct ac_str bytes = {0}, text = {0};

    for (size_t k = 0; k < n; k++) {
        size_t len;
        const char *p = ac_tokens_bytes(w->tokens, (size_t)tokens[k], &len);
        ac_str_add_n(&bytes, p ? p : "", len);
    }
    ac_tokens_add_utf8(&text, bytes.p, bytes.len);
    if (text.len)
        ac_utterance_say(u, text.p, text.len, start_us, end_us);
    ac_str_free(&text);
    ac_str_free(&bytes);
}

/* Cuts at the timestamps, if there are any. */
static void say_all(const struct ac_whisper *w, struct ac_utterance *u, const struct ac_whisper_heard *h,
                    int64_t length_us)
{
    int64_t start_us = 0;
    size_t first = 0;
    bool timed = false;

    for (size_t k = 0; k < h->n; k++) {
        int64_t at_us = (int64_t)(h->tokens[k] - w->spec.no_timestamps - 1) * TIMESTAMP_US;
        if (at_us < 0)
            continue;
        at_us = at_us < length_us ? at_us : length_us;
        say(w, u, h->tokens + first, k - first, start_us, at_us);
        start_us = at_us;
        first = k + 1;
        timed = true;
    }
    say(w, u, h->tokens + first, h->n - first, start_us, timed ? length_us : 0);
}

static bool nobody_speaks(const struct config *c, const struct ac_whisper_heard *h)
{
    return !isfinite(h->logprob) || (h->no_speech > c->no_speech_max && h->logprob < c->logprob_min);
}

/* How many mel frames the encoder hears: the sound, then silence, since a close cut makes it stammer. */
static size_t context(const struct instance *i, size_t n)
{
    const struct ac_whisper *w = &i->model->whisper;
    size_t frames = (n + AC_MEL_HOP - 1) / AC_MEL_HOP + (size_t)i->cfg->padding_ms * MEL_FRAMES_S / 1000;
    size_t most = 2 * w->spec.n_audio_ctx;

    if (w->fixed_frames)
        return w->fixed_frames;
    frames += frames % 2;
    return frames < most ? frames : most;
}

static size_t window(const struct instance *i)
{
    size_t frames = i->model->whisper.fixed_frames ? i->model->whisper.fixed_frames
                                                   : 2 * i->model->whisper.spec.n_audio_ctx;
    size_t padding = (size_t)i->cfg->padding_ms * MEL_FRAMES_S / 1000;

    return (frames > 2 * padding ? frames - padding : frames) * AC_MEL_HOP;
}

static int hear(struct instance *i, const int16_t *pcm, size_t n, struct ac_whisper_heard *heard,
                struct ac_cancel *cancel)
{
    const struct ac_whisper *w = &i->model->whisper;
    const struct ac_whisper_ask ask = {
        .lang = i->lang,
        .lang_guess = i->lang_heard,
        .timestamps = i->cfg->timestamps,
        .max_tokens = TOKENS_MORE + TOKENS_S * n / AC_LISTEN_RATE_HZ,
    };
    struct ac_whisper_run run = {0};
    int err = ac_gate_enter(&i->model->gate, cancel);

    if (err)
        return ac_env_fail(i->env, err, "%s", ac_err_text(err));
    err = ac_whisper_encode(w, &run, pcm, n, context(i, n), cancel, i->env);
    err = err ? err : ac_whisper_decode(w, &run, &ask, heard, cancel, i->env);
    ac_whisper_run_free(&run);
    ac_gate_leave(&i->model->gate);
    return err;
}

static int recognise(void *arg, struct ac_utterance *u, const int16_t *pcm, size_t n,
                     struct ac_cancel *cancel)
{
    struct instance *i = arg;
    const struct ac_whisper *w = &i->model->whisper;
    struct ac_whisper_heard heard = {.lang = -1};

    if (n < MIN_SAMPLES)
        return 0;
    int err = hear(i, pcm, n, &heard, cancel);
    if (err)
        return err;
    ac_log_debug(i->env->log_name, "heard", AC_I("tokens", heard.n), AC_F("logprob", heard.logprob),
                 AC_F("no_speech", heard.no_speech), AC_B("repeated", heard.repeated));
    if (nobody_speaks(i->cfg, &heard))
        return 0;
    i->lang_heard = heard.lang < 0 ? 0 : heard.lang;
    say_all(w, u, &heard, (int64_t)n * 1000000 / AC_LISTEN_RATE_HZ);
    ac_utterance_judge(u, n, expf(heard.logprob), heard.lang < 0 ? "en" : w->spec.lang[heard.lang]);
    return 0;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;
    int err = in ? choose_lang(i, in->audio.lang) : 0;

    return err ? err : ac_utterance_process(&i->utterance, in, window(i), recognise, i, out, cancel);
}

static void reset(void *inst)
{
    struct instance *i = inst;

    ac_utterance_reset(&i->utterance);
}

/* The languages the model hears. */
static int list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    const struct ac_whisper_spec *s = &((struct model *)model)->whisper.spec;

    (void)cfg;
    (void)env;
    for (size_t i = 0; i < (s->multilingual ? s->n_langs : 1); i++) {
        const char *code = s->multilingual ? s->lang[i] : "en";
        fn(arg, &(struct ac_item){.id = code, .name = code, .lang = code, .gender = "", .detail = ""});
    }
    return 0;
}

static const struct ac_option options[] = {
    AC_OPTION_STRING(
        struct config, model, "model", "base", 0,
        "tiny, base, small, tiny.en … (see `avatar-chat models list`), or a folder that holds an "
        "encoder, a decoder and tokens."),
    AC_OPTION_STRING(
        struct config, language, "language", "auto", AC_OPT_RUNTIME,
        "Language that is spoken (en, zh, de …) where the session does not say; auto = the model "
        "finds out."),
    AC_OPTION_BOOL(struct config, timestamps, "timestamps", "false", AC_OPT_RUNTIME,
                   "Give the start and end of each phrase; costs a little time."),
    AC_OPTION_INT(struct config, padding_ms, "padding_ms", "1000", 0, 10000, AC_OPT_RUNTIME,
                  "Silence added behind the utterance; with little of it the model may repeat itself."),
    AC_OPTION_FLOAT(struct config, no_speech_max, "no_speech_max", "0.6", 0, 1, AC_OPT_RUNTIME,
                    "Text is dropped when nobody speaks with more than this probability and logprob_min is "
                    "missed."),
    AC_OPTION_FLOAT(struct config, logprob_min, "logprob_min", "-1", -20, 0, AC_OPT_RUNTIME,
                    "Least mean log-probability of a text that may be silence."),
    AC_OPTION_INT(struct config, parallel, "parallel", "2", 1, 64, 0,
                  "Utterances recognised at the same time; further ones wait."),
    AC_OPTIONS_END,
};

const struct ac_handler_info ac_handler_asr_whisper = {
    .name = "whisper",
    .help = "Whisper models on ONNX Runtime, 99 languages, in process",
    .stage = AC_STAGE_ASR,
    .in = AC_FRAME_AUDIO,
    .out = AC_FRAME_TRANSCRIPT,
    .flags = AC_HANDLER_WAITS,
    .cfg_size = sizeof(struct config),
    .model_size = sizeof(struct model),
    .inst_size = sizeof(struct instance),
    .options = options,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .close = close_instance,
    .process = process,
    .reset = reset,
    .list = list,
};
