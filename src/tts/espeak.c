/*
 * eSpeak NG: speech in a hundred languages, 22,050 Hz, with the time of every phoneme and word. Mandarin goes
 * through pinyin. A sentence that mixes scripts is cut into runs, each said by a voice of its language;
 * English words inside of other languages are said by flite, which sounds better, unless `english` says
 * otherwise.
 *
 *     tts: {use: [flite, espeak], espeak: {english: flite}}
 */
#include "avatarchat/handler.h"
#include "base/mem.h"
#include "tts/espeak_synth.h"
#include "tts/flite_synth.h"
#include "tts/hanzi.h"
#include "tts/spoken.h"
#include "tts/voices.h"

#include <string.h>

/* flite's voices are 2 dB louder than eSpeak NG's. */
#define ESPEAK_GAIN 1.0f

enum english { ENGLISH_FLITE, ENGLISH_ESPEAK };
static const char *const english_names[] = {"flite", "espeak", NULL};

struct config {
    char *data_path;
    int english;
};

static const struct ac_option options[] = {
    AC_OPTION_CHOICE(struct config, english, "english", "flite", english_names, AC_OPT_RUNTIME,
                     "Which engine says English words inside of other languages."),
    AC_OPTION_STRING(struct config, data_path, "data_path", "", 0,
                     "Folder that holds espeak-ng-data; empty: the system's."),
    AC_OPTIONS_END,
};

struct model {
    bool hanzi, flite;
};

struct instance {
    struct ac_env *env;
    const struct config *cfg;
};

static void model_close(void *model)
{
    struct model *m = model;

    if (m->flite)
        ac_flite_release();
    if (m->hanzi)
        ac_hanzi_release();
    *m = (struct model){0};
}

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct model *m = model;
    const struct config *c = cfg;

    int err = ac_espeak_start(c->data_path);
    if (err)
        return ac_env_fail(env, err,
                           "eSpeak NG found no voices%s%s: install espeak-ng-data or set "
                           "tts.espeak.data_path",
                           *c->data_path ? " in " : "", c->data_path);
    err = ac_hanzi_acquire();
    if (err)
        return ac_env_fail(env, err, "ICU has no Han-Latin transform: install ICU with its full data");
    m->hanzi = true;
    err = ac_flite_acquire();
    if (err)
        return ac_env_fail(env, err,
                           "flite has no voices slt and rms in the format of flite 2.2: install flite 2.2");
    m->flite = true;
    return 0;
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *i = inst;

    (void)model;
    i->env = env;
    i->cfg = cfg;
    return 0;
}

/* What the scripts of a sentence tell. */
struct scripts {
    bool mixed, japanese;
};

static struct scripts scan(const struct ac_tts_text *t, const char *lang)
{
    const char *p = t->s.p, *end = p + t->s.len;
    enum ac_script first = AC_SCRIPT_NONE;
    bool kana = false, mixed = false;

    while (p < end) {
        enum ac_script s = ac_tts_script(ac_utf8_next(&p, end));
        if (s == AC_SCRIPT_NONE)
            continue;
        kana = kana || s == AC_SCRIPT_KANA;
        mixed = mixed || (first != AC_SCRIPT_NONE && s != first);
        first = s;
    }
    bool any = !*lang || !strcmp(lang, "auto");
    return (struct scripts){mixed, ac_tts_lang_is(lang, "ja") || (any && kana)};
}

static bool has_han(const struct ac_tts_text *t, const struct ac_tts_run *run)
{
    const char *p = t->s.p + run->at, *end = p + run->len;

    while (p < end)
        if (ac_tts_script(ac_utf8_next(&p, end)) == AC_SCRIPT_HAN)
            return true;
    return false;
}

static int say_run(struct instance *i, const struct ac_text *in, const struct ac_tts_text *text,
                   const struct ac_tts_run *run, const struct scripts *scripts, struct ac_tts_out *out)
{
    bool last = run->at + run->len >= text->s.len;
    int tail = last ? AC_TTS_TAIL_MS : AC_TTS_INNER_TAIL_MS;
    enum ac_script script = run->script;
    struct ac_tts_voice v;

    if (scripts->japanese && script == AC_SCRIPT_HAN && !has_han(text, run))
        script = AC_SCRIPT_KANA;
    const char *lang = scripts->japanese ? "ja" : in->lang;
    int err = ac_tts_voice_for(&v, ac_tts_voice_wanted(in), lang, script,
                               scripts->mixed && i->cfg->english == ENGLISH_FLITE, i->env);
    if (err)
        return err;
    float rate = ac_tts_factor(in->rate), pitch = ac_tts_factor(in->pitch);
    if (v.flite)
        return ac_flite_say(v.male ? AC_FLITE_RMS : AC_FLITE_SLT, text, run->at, run->len, rate, pitch, tail,
                            out);
    struct ac_tts_text part = {0};
    if (v.pinyin)
        ac_hanzi_to_pinyin(&part, text, run->at, run->len);
    else
        ac_tts_text_add_part(&part, text, run->at, run->len);
    struct ac_espeak_how how = {v.espeak, rate, pitch, ESPEAK_GAIN, tail};
    err = ac_espeak_say(&how, &part, out);
    ac_tts_text_free(&part);
    if (err == AC_ENOENT)
        ac_env_fail(i->env, err, "eSpeak NG has no voice '%s': see /api/voices for those it has", v.espeak);
    else if (err == AC_EENGINE)
        ac_env_fail(i->env, err, "eSpeak NG failed in the middle of the sentence");
    return err;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;
    struct ac_tts_text clean = {0}, text = {0};
    struct ac_tts_out o;
    struct ac_tts_run run;
    size_t at = 0;

    if (!in)
        return 0; /* a sentence is complete when it comes */
    ac_tts_out_init(&o, out, in, cancel);
    int err = ac_tts_clean(&clean, in->text.text, strlen(in->text.text));
    if (!err)
        err = ac_tts_spoken(&text, &clean, in->text.lang);
    if (err)
        ac_env_fail(i->env, err, "%s", ac_err_text(err));
    else
        err = ac_tts_voice_check(in->text.voice, i->env);
    struct scripts scripts = err ? (struct scripts){0} : scan(&text, in->text.lang);
    while (!err && ac_tts_next_run(&text, &at, AC_TTS_MAX_RUN, scripts.japanese, &run)) {
        if (o.pos_us > AC_TTS_MAX_US)
            err = ac_env_fail(i->env, AC_ELIMIT, "the sentence is longer than %d minutes",
                              AC_TTS_MAX_US / 60000000);
        else
            err = ac_cancelled(cancel) ? AC_ECANCELED : say_run(i, &in->text, &text, &run, &scripts, &o);
    }
    if (!err)
        err = ac_tts_out_finish(&o);
    ac_tts_out_free(&o);
    ac_tts_text_free(&clean);
    ac_tts_text_free(&text);
    return err;
}

static int list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    (void)model;
    (void)cfg;
    (void)env;
    ac_tts_voice_list(fn, arg);
    return 0;
}

const struct ac_handler_info ac_handler_tts_espeak = {
    .name = "espeak",
    .help = "a hundred languages, in process; Mandarin through pinyin",
    .stage = AC_STAGE_TTS,
    .in = AC_FRAME_TEXT,
    .out = AC_FRAME_SPEECH,
    .cfg_size = sizeof(struct config),
    .model_size = sizeof(struct model),
    .inst_size = sizeof(struct instance),
    .options = options,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .process = process,
    .list = list,
};
