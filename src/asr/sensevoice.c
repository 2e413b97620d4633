/*
 * sensevoice: recognition of Mandarin, Cantonese, English, Japanese and Korean with SenseVoice-Small (the
 * k2-fsa ONNX export) on ONNX Runtime, in process. One pass over the whole utterance (CTC), so it is fast and
 * does not invent text. Source of the model: K. An et al., "FunAudioLLM: Voice Understanding and Generation
 * Foundation Models for Natural Interaction Between Humans and LLMs" (2024).
 *
 *     asr: {use: [sensevoice], sensevoice: {language: auto, itn: true}}
 *
 * The first four frames of its output are tags: language, emotion, event, text norm. Each of the others
 * covers 60 ms and names a token or none; equal neighbours are one.
 */
#include "asr/fbank.h"
#include "asr/find.h"
#include "asr/gate.h"
#include "asr/sensevoice_text.h"
#include "asr/tokens.h"
#include "asr/utterance.h"
#include "base/mem.h"
#include "infer/infer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MIN_SAMPLES = AC_LISTEN_RATE_HZ / 10, /* no word is shorter */
    WINDOW = 30 * AC_LISTEN_RATE_HZ,
    MAX_VOCAB = 1 << 20,
};

struct config {
    char *model, *language;
    bool itn;
    int parallel;
};

/* The languages, as the metadata has them behind "lang_". */
static const char *const lang_codes[] = {"auto", "zh", "yue", "en", "ja", "ko"};
enum { N_LANGS = sizeof lang_codes / sizeof *lang_codes };

struct model {
    struct ac_infer *infer;
    struct ac_tokens *tokens;
    struct ac_fbank *fbank;
    struct ac_lfr lfr;
    int32_t lang[N_LANGS], with_itn, without_itn;
    size_t n_vocab;
    int32_t blank;
    struct ac_gate gate;
    bool open;
};

struct instance {
    struct model *model;
    const struct config *cfg;
    struct ac_env *env;
    size_t lang; /* asked for; 0 = auto */
    struct ac_utterance utterance;
};

static int meta_i32(const struct model *m, const char *key, int64_t min, int64_t max, int32_t *value,
                    struct ac_env *env)
{
    int64_t v = 0;
    int err = ac_infer_meta_int(m->infer, key, min, max, &v, env);

    *value = (int32_t)v;
    return err;
}

/* n numbers ("0.1,-2,3e-1") of the metadata, malloc'ed. */
static int meta_floats(const struct model *m, const char *key, float **values, size_t n, struct ac_env *env)
{
    char *text = ac_infer_meta(m->infer, key), *rest = text;
    size_t found = 0;

    *values = ac_zalloc(n * sizeof **values);
    for (char *item; text && (item = strsep(&rest, ","));) {
        char *end;
        float v = strtof(item, &end);
        if (end == item || found == n)
            break;
        (*values)[found++] = v;
    }
    bool whole = text && !rest && found == n;
    free(text);
    return whole ? 0
                 : ac_env_fail(env, AC_EMODEL,
                               "the model's metadata '%s' are not %zu numbers: it is another model", key, n);
}

static int read_meta(struct model *m, struct ac_env *env)
{
    int32_t window = 0, shift = 0, vocab = 0;
    int err = meta_i32(m, "lfr_window_size", 1, 64, &window, env);

    err = err ? err : meta_i32(m, "lfr_window_shift", 1, 64, &shift, env);
    err = err ? err : meta_i32(m, "vocab_size", 8, MAX_VOCAB, &vocab, env);
    err = err ? err : meta_i32(m, "with_itn", 0, INT32_MAX, &m->with_itn, env);
    err = err ? err : meta_i32(m, "without_itn", 0, INT32_MAX, &m->without_itn, env);
    for (size_t i = 0; i < N_LANGS && !err; i++) {
        char key[16] = "lang_";
        strcat(key, lang_codes[i]);
        err = meta_i32(m, key, 0, INT32_MAX, &m->lang[i], env);
    }
    if (err)
        return err;
    m->n_vocab = (size_t)vocab;
    m->blank = 0;
    m->lfr.window = (size_t)window;
    m->lfr.shift = (size_t)shift;
    size_t dim = m->lfr.window * AC_FBANK_BANDS;
    err = meta_floats(m, "neg_mean", &m->lfr.neg_mean, dim, env);
    return err ? err : meta_floats(m, "inv_stddev", &m->lfr.inv_stddev, dim, env);
}

static int check(const struct model *m, struct ac_env *env)
{
    const struct ac_tensor_info in[] = {
        {"x", AC_TENSOR_F32, 3, {-1, -1, (int64_t)(m->lfr.window * AC_FBANK_BANDS)}},
        {"x_length", AC_TENSOR_I32, 1, {-1}},
        {"language", AC_TENSOR_I32, 1, {-1}},
        {"text_norm", AC_TENSOR_I32, 1, {-1}},
    };
    const struct ac_tensor_info out = {"logits", AC_TENSOR_F32, 3, {-1, -1, (int64_t)m->n_vocab}};

    return ac_infer_expect(m->infer, in, 4, &out, 1, env);
}

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    const struct config *c = cfg;
    struct model *m = model;
    char *remedy = ac_asr_remedy("sensevoice", c->model), *folder = NULL, *file = NULL, *tokens = NULL;
    int err = ac_asr_find_folder(&folder, "sensevoice", c->model, remedy, env);

    ac_gate_init(&m->gate, c->parallel);
    m->open = true;
    m->fbank = ac_fbank_new();
    err = err ? err : ac_asr_find_file(&file, folder, "model.int8.onnx", "model.onnx", remedy, env);
    err = err ? err : ac_asr_find_file(&tokens, folder, "*tokens.txt", NULL, remedy, env);
    err = err ? err : ac_infer_open(&m->infer, file, remedy, 0, env);
    err = err ? err : read_meta(m, env);
    err = err ? err : check(m, env);
    err = err ? err : ac_tokens_open(&m->tokens, tokens, AC_TOKENS_PIECES, m->n_vocab, remedy, env);
    free(tokens);
    free(file);
    free(folder);
    free(remedy);
    return err;
}

static void model_close(void *model)
{
    struct model *m = model;

    if (!m->open)
        return;
    ac_infer_close(m->infer);
    ac_tokens_free(m->tokens);
    ac_fbank_free(m->fbank);
    free(m->lfr.neg_mean);
    free(m->lfr.inv_stddev);
    ac_gate_destroy(&m->gate);
    *m = (struct model){0};
}

/* The language of the frame, else the configured one. cmn is zh. */
static int choose_lang(struct instance *i, const char *asked)
{
    const char *tag = *asked && strcasecmp(asked, "auto") != 0 ? asked : i->cfg->language;
    size_t len = strcspn(tag, "-_");

    i->lang = 0;
    if (len == 3 && strncasecmp(tag, "cmn", 3) == 0) {
        tag = "zh";
        len = 2;
    }
    for (size_t k = 0; k < N_LANGS && len; k++) {
        if (strlen(lang_codes[k]) == len && strncasecmp(tag, lang_codes[k], len) == 0) {
            i->lang = k;
            return 0;
        }
    }
    return len == 0 ? 0
                    : ac_env_fail(i->env, AC_ENOTSUP,
                                  "sensevoice hears zh, yue, en, ja and ko, not '%s': add whisper to asr.use",
                                  tag);
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

/* Features of the sound, *n_stacks rows, malloc'ed. */
static int features(const struct model *m, const int16_t *pcm, size_t n, float **stacks, size_t *n_stacks,
                    const struct ac_cancel *cancel)
{
    size_t n_frames = ac_fbank_frames(n), dim = m->lfr.window * AC_FBANK_BANDS;
    float *frames = ac_try_alloc(n_frames * AC_FBANK_BANDS * sizeof *frames);

    *n_stacks = ac_lfr_frames(&m->lfr, n_frames);
    *stacks = ac_try_alloc(*n_stacks * dim * sizeof **stacks);
    int err = frames && *stacks ? ac_fbank_compute(m->fbank, pcm, n, frames, cancel) : AC_ENOMEM;
    if (!err)
        ac_lfr_stack(&m->lfr, frames, n_frames, *stacks);
    free(frames);
    return err;
}

static int run(const struct instance *i, const int16_t *pcm, size_t n, struct ac_tensor *logits,
               struct ac_cancel *cancel)
{
    const struct model *m = i->model;
    float *stacks = NULL;
    size_t n_stacks = 0;
    int err = features(m, pcm, n, &stacks, &n_stacks, cancel);
    int32_t length = (int32_t)n_stacks, lang = m->lang[i->lang],
            norm = i->cfg->itn ? m->with_itn : m->without_itn;
    const struct ac_tensor in[] = {
        AC_TENSOR("x", AC_TENSOR_F32, stacks, 1, length, (int64_t)(m->lfr.window * AC_FBANK_BANDS)),
        AC_TENSOR("x_length", AC_TENSOR_I32, &length, 1),
        AC_TENSOR("language", AC_TENSOR_I32, &lang, 1),
        AC_TENSOR("text_norm", AC_TENSOR_I32, &norm, 1),
    };

    if (err)
        ac_env_fail(i->env, err, "%s", ac_err_text(err));
    else
        err = ac_infer_run(m->infer, in, 4, logits, 1, cancel, i->env);
    free(stacks);
    if (!err && ac_tensor_count(logits) != (n_stacks + AC_SENSEVOICE_TAGS) * m->n_vocab)
        err = ac_env_fail(i->env, AC_EMODEL, "the model gave %zu values for %zu frames: it is another model",
                          ac_tensor_count(logits), n_stacks);
    return err;
}

static int recognise(void *arg, struct ac_utterance *u, const int16_t *pcm, size_t n,
                     struct ac_cancel *cancel)
{
    struct instance *i = arg;
    const struct model *m = i->model;
    struct ac_tensor logits = {.name = "logits"};

    if (n < MIN_SAMPLES)
        return 0;
    int err = ac_gate_enter(&i->model->gate, cancel);
    if (err)
        return ac_env_fail(i->env, err, "%s", ac_err_text(err));
    err = run(i, pcm, n, &logits, cancel);
    ac_gate_leave(&i->model->gate);
    if (!err) {
        const struct ac_sensevoice_output o = {
            .logits = logits.data,
            .n_frames = ac_tensor_count(&logits) / m->n_vocab,
            .n_vocab = m->n_vocab,
            .blank = m->blank,
            .frame_us = (int64_t)m->lfr.shift * AC_FBANK_HOP * 1000000 / AC_LISTEN_RATE_HZ,
        };
        ac_sensevoice_say(&o, m->tokens, n, u);
    }
    ac_tensor_free(&logits);
    return err;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;
    int err = in ? choose_lang(i, in->audio.lang) : 0;

    return err ? err : ac_utterance_process(&i->utterance, in, WINDOW, recognise, i, out, cancel);
}

static void reset(void *inst)
{
    struct instance *i = inst;

    ac_utterance_reset(&i->utterance);
}

static int list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    static const char *const names[] = {"", "普通话", "粵語", "English", "日本語", "한국어"};

    (void)model;
    (void)cfg;
    (void)env;
    for (size_t k = 1; k < N_LANGS; k++)
        fn(arg,
           &(struct ac_item){
               .id = lang_codes[k], .name = names[k], .lang = lang_codes[k], .gender = "", .detail = ""});
    return 0;
}

static const struct ac_option options[] = {
    AC_OPTION_STRING(struct config, model, "model", "small", 0,
                     "small (see `avatar-chat models list`), or a folder that holds model.int8.onnx and "
                     "tokens.txt."),
    AC_OPTION_STRING(
        struct config, language, "language", "auto", AC_OPT_RUNTIME,
        "Language that is spoken (zh, yue, en, ja, ko) where the session does not say; auto = the "
        "model finds out."),
    AC_OPTION_BOOL(struct config, itn, "itn", "true", AC_OPT_RUNTIME,
                   "Write numbers as digits, and punctuation."),
    AC_OPTION_INT(struct config, parallel, "parallel", "2", 1, 64, 0,
                  "Utterances recognised at the same time; further ones wait."),
    AC_OPTIONS_END,
};

const struct ac_handler_info ac_handler_asr_sensevoice = {
    .name = "sensevoice",
    .help = "SenseVoice on ONNX Runtime: Mandarin, Cantonese, English, Japanese, Korean; in process",
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
