/*
 * flite: English speech with the voices slt (female) and rms (male), 16 kHz, streaming, with the time of
 * every phone and word. Text in other scripts, other languages and other engines' voices are left to the next
 * engine (AC_ENOTSUP).
 *
 *     tts: {use: [flite, espeak]}
 */
#include "avatarchat/handler.h"
#include "tts/flite_synth.h"
#include "tts/spoken.h"
#include "tts/text.h"
#include "tts/voices.h"

#include <string.h>

struct model {
    bool acquired;
};

struct instance {
    struct ac_env *env;
};

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct model *m = model;
    int err = ac_flite_acquire();

    (void)cfg;
    if (err)
        return ac_env_fail(env, err,
                           "flite has no voices slt and rms in the format of flite 2.2: install flite 2.2");
    m->acquired = true;
    return 0;
}

static void model_close(void *model)
{
    struct model *m = model;

    if (m->acquired)
        ac_flite_release();
    m->acquired = false;
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    (void)model;
    (void)cfg;
    ((struct instance *)inst)->env = env;
    return 0;
}

/* English by the language tag or, without one, by the letters. */
static int check(struct instance *i, const struct ac_text *t, const struct ac_tts_text *text)
{
    const char *p = text->s.p, *end = p + text->s.len;

    if (t->lang[0] && !ac_tts_lang_is(t->lang, "en") && strcmp(t->lang, "auto") != 0)
        return ac_env_fail(i->env, AC_ENOTSUP, "flite speaks English only, not '%s': add espeak to tts.use",
                           t->lang);
    while (p < end) {
        enum ac_script s = ac_tts_script(ac_utf8_next(&p, end));
        if (s != AC_SCRIPT_NONE && s != AC_SCRIPT_LATIN)
            return ac_env_fail(i->env, AC_ENOTSUP, "flite reads Latin letters only: add espeak to tts.use");
    }
    if (t->voice[0] && strcmp(t->voice, "slt") != 0 && strcmp(t->voice, "rms") != 0)
        return ac_env_fail(i->env, AC_ENOTSUP, "flite has no voice '%s': its voices are slt and rms",
                           t->voice);
    return 0;
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
        err = check(i, &in->text, &text);
    enum ac_flite_voice voice =
        ac_tts_voice_is_male(ac_tts_voice_wanted(&in->text)) ? AC_FLITE_RMS : AC_FLITE_SLT;
    while (!err && ac_tts_next_run(&text, &at, AC_TTS_MAX_RUN, false, &run)) {
        if (o.pos_us > AC_TTS_MAX_US)
            err = ac_env_fail(i->env, AC_ELIMIT, "the sentence is longer than %d minutes",
                              AC_TTS_MAX_US / 60000000);
        else
            err = ac_flite_say(voice, &text, run.at, run.len, ac_tts_factor(in->text.rate),
                               ac_tts_factor(in->text.pitch), AC_TTS_TAIL_MS, &o);
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
    static const char detail[] = "flite clustergen, 16 kHz";
    static const struct ac_item voices[] = {
        {.id = "slt", .name = "SLT (US English)", .lang = "en-US", .gender = "female", .detail = detail},
        {.id = "rms", .name = "RMS (US English)", .lang = "en-US", .gender = "male", .detail = detail},
    };

    (void)model;
    (void)cfg;
    (void)env;
    for (size_t i = 0; i < sizeof voices / sizeof *voices; i++)
        fn(arg, &voices[i]);
    return 0;
}

const struct ac_handler_info ac_handler_tts_flite = {
    .name = "flite",
    .help = "natural English voices slt and rms, in process",
    .stage = AC_STAGE_TTS,
    .in = AC_FRAME_TEXT,
    .out = AC_FRAME_SPEECH,
    .model_size = sizeof(struct model),
    .inst_size = sizeof(struct instance),
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .process = process,
    .list = list,
};
