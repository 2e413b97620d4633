/*
 * pocketsphinx: recognition of English with PocketSphinx and Debian's en-us model, in process: the recogniser
 * that needs no download. What it says so far comes while somebody speaks, when a decoder is free; the result
 * is made of the whole utterance, which it understands much better (its cepstral mean is known then).
 *
 *     asr: {use: [pocketsphinx], pocketsphinx: {decoders: 2, live_decoders: 1}}
 */
#include "asr/sphinx.h"
#include "asr/utterance.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    WINDOW = 60 * AC_LISTEN_RATE_HZ, /* longer utterances are recognised in parts */
    LIVE_BUDGET_US = 40000,          /* so long a call may follow what is being said: a result waits for it */
};

struct config {
    char *acoustic, *lm, *dict;
    int decoders, live_decoders;
};

#define S struct config
static const struct ac_option options[] = {
    AC_OPTION_PATH(S, acoustic, "acoustic", "/usr/share/pocketsphinx/model/en-us/en-us", 0,
                   "Folder of the acoustic model."),
    AC_OPTION_PATH(S, lm, "lm", "/usr/share/pocketsphinx/model/en-us/en-us.lm.bin", 0,
                   "Language model, .lm.bin or ARPA."),
    AC_OPTION_PATH(S, dict, "dict", "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict", 0,
                   "Dictionary: the words it can hear and how they are pronounced."),
    AC_OPTION_INT(S, decoders, "decoders", "2", 1, 64, 0,
                  "How many utterances are decoded at the same time; each takes 100 MB once it is needed."),
    AC_OPTION_INT(S, live_decoders, "live_decoders", "1", 0, 64, 0,
                  "How many people are followed word by word while they speak; 100 MB each, 0 = none."),
    AC_OPTIONS_END,
};
#undef S

struct model {
    struct ac_sphinx *sphinx;
};

struct instance {
    struct ac_env *env;
    struct model *model;
    struct ac_sphinx_live *live; /* NULL: no partial results */
    struct ac_utterance utterance;
    double sure, sure_us; /* of the words so far: sum over their time, and that time */
};

/* ---- model ---- */

static char *find(struct ac_env *env, const char *path)
{
    char *found = ac_env_path(env, path);

    return found ? found : ac_strdup(path); /* opening says that it is missing */
}

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct model *m = model;
    const struct config *c = cfg;
    char *acoustic = find(env, c->acoustic), *lm = find(env, c->lm), *dict = find(env, c->dict);
    struct ac_sphinx_config sphinx = {.acoustic = acoustic,
                                      .lm = lm,
                                      .dict = dict,
                                      .decoders = c->decoders,
                                      .live_decoders = c->live_decoders};
    char why[256] = "";
    int err = ac_sphinx_open(&m->sphinx, &sphinx, why);

    free(acoustic);
    free(lm);
    free(dict);
    return err ? ac_env_fail(env, err, "%s", why) : 0;
}

static void model_close(void *model)
{
    ac_sphinx_close(((struct model *)model)->sphinx);
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *i = inst;

    i->env = env;
    i->model = model;
    if (((const struct config *)cfg)->live_decoders > 0)
        i->live = ac_sphinx_live_new(i->model->sphinx);
    return 0;
}

static void close_instance(void *inst)
{
    struct instance *i = inst;

    ac_sphinx_live_free(i->live);
    ac_utterance_free(&i->utterance);
}

static void reset(void *inst)
{
    struct instance *i = inst;

    if (i->live)
        ac_sphinx_live_stop(i->live);
    ac_utterance_reset(&i->utterance);
}

/* ---- text ---- */

/* The dictionary is in lower case: "i", "i'm" and the first word of all get their capital back. */
static void set_capital(char *word, bool first)
{
    if (first || (word[0] == 'i' && (word[1] == '\0' || word[1] == '\'')))
        word[0] = (char)toupper((unsigned char)word[0]);
}

static void say_word(void *arg, const char *word, int64_t start_us, int64_t end_us, float sure)
{
    struct instance *i = arg;
    struct ac_str text = {0};

    ac_str_addf(&text, " %s", word);
    set_capital(text.p + 1, i->utterance.text.len == 0);
    ac_utterance_say(&i->utterance, text.p, text.len, start_us, end_us);
    ac_str_free(&text);
    i->sure += (double)sure * (double)(end_us - start_us);
    i->sure_us += (double)(end_us - start_us);
}

static int recognise(void *arg, struct ac_utterance *u, const int16_t *pcm, size_t n,
                     struct ac_cancel *cancel)
{
    struct instance *i = arg;

    if (i->live)
        ac_sphinx_live_stop(i->live);
    i->sure = i->sure_us = 0;
    int err = ac_sphinx_recognise(i->model->sphinx, pcm, n, cancel, say_word, i);
    if (err == AC_EMODEL)
        return ac_env_fail(i->env, err,
                           "PocketSphinx cannot open a further decoder: memory is short (100 MB); set "
                           "asr.pocketsphinx.decoders lower");
    if (err == AC_EENGINE)
        return ac_env_fail(i->env, err, "PocketSphinx failed on %.1f s of sound",
                           (double)n / AC_LISTEN_RATE_HZ);
    if (!err)
        ac_utterance_judge(u, n, i->sure_us > 0 ? (float)(i->sure / i->sure_us) : 0, "en");
    return err;
}

/* What is understood so far, where there is something new. */
static int tell_partial(struct instance *i, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct ac_utterance *u = &i->utterance;
    struct ac_str said = {0}, text = {0};
    int err = 0;

    if (ac_sphinx_live_run(i->live, u->pcm, u->n, LIVE_BUDGET_US, cancel, &said)) {
        struct ac_frame *f = ac_frame_new(AC_FRAME_TRANSCRIPT);
        char *rest = said.p;
        ac_str_add_n(&text, u->text.p ? u->text.p : "", u->text.len); /* of the parts before */
        for (char *word; (word = strsep(&rest, " "));) {
            set_capital(word, text.len == 0);
            ac_str_addf(&text, "%s%s", text.len ? " " : "", word);
        }
        f->transcript.text = ac_str_steal(&text);
        strcpy(f->transcript.lang, "en");
        err = out->push(out, f);
    }
    ac_str_free(&said);
    return err;
}

static bool is_english(const char *lang)
{
    return !*lang || strcasecmp(lang, "auto") == 0 ||
           (strncasecmp(lang, "en", 2) == 0 && (!lang[2] || lang[2] == '-' || lang[2] == '_'));
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;

    if (in && !is_english(in->audio.lang))
        return ac_env_fail(
            i->env, AC_ENOTSUP,
            "pocketsphinx understands English only, not '%s': add whisper or sensevoice to asr.use",
            in->audio.lang);
    int err = ac_utterance_process(&i->utterance, in, WINDOW, recognise, i, out, cancel);
    if (!err && in && i->live)
        err = tell_partial(i, out, cancel);
    return err;
}

static int list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    const struct config *c = cfg;

    (void)model;
    (void)env;
    fn(arg,
       &(struct ac_item){.id = "en", .name = "English", .lang = "en", .gender = "", .detail = c->acoustic});
    return 0;
}

const struct ac_handler_info ac_handler_asr_pocketsphinx = {
    .name = "pocketsphinx",
    .help = "English, in process, with Debian's en-us model; results while somebody speaks",
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
