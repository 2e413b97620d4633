/*
 * Making a model quicker (models_optimize.h): collects what the engine measures with, its avatars and some
 * speech, and shows how it goes. Speech that is not given is made by the voices of this machine.
 */
#include "cli/models_optimize.h"
#include "cli/cli.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "core/models.h"
#include "media/decode.h"
#include "media/resample.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SPEECH_S = 120 };

#define COMMAND "models optimize"

static const struct {
    const char *lang, *text;
} sentences[] = {
    {"en", "My mother makes the best blueberry pancakes in Maine, and five of us always want more."},
    {"en", "Would you please show us how this works? Of course, it is very easy: watch my lips."},
    {"zh", "你好，很高兴认识你。今天天气不错，我们一起出去走走，好不好？"},
};
enum { N_SENTENCES = sizeof sentences / sizeof *sentences };

struct choices {
    struct ac_cli_list avatars, speech, sets;
    const char *precision, *psnr, *file;
    bool percent; /* something stands in the progress line */
};

static struct ac_cancel *cancel;

static void interrupt(void)
{
    ac_cancel_trigger(cancel);
}

/* ---- speech ---- */

struct voice {
    struct ac_sink sink;
    struct ac_str *pcm;
    struct ac_resampler *resampler;
    int rate_hz;
};

/* Pieces of a sentence may come at different rates, though no engine of ours does that. */
static int take_speech(struct ac_sink *sink, struct ac_frame *f)
{
    struct voice *v = (struct voice *)sink;
    const struct ac_speech *s = &f->speech;
    int err = 0;

    if (s->n_samples && s->rate_hz != v->rate_hz) {
        ac_resampler_close(v->resampler);
        v->resampler = NULL;
        v->rate_hz = s->rate_hz;
        err = ac_resampler_open(&v->resampler, s->rate_hz, AC_LISTEN_RATE_HZ);
    }
    if (!err && s->n_samples)
        err = ac_resampler_run(v->resampler, s->pcm, s->n_samples, v->pcm);
    ac_frame_unref(f);
    return err;
}

/* Says one sentence by the first voice of this machine that can; false where none can. */
static bool say(const struct ac_config *cfg, struct ac_models *models, size_t sentence, struct ac_str *pcm)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, AC_STAGE_TTS, &engines);
    struct ac_prefs prefs = {0};
    bool said = false;

    snprintf(prefs.lang, sizeof prefs.lang, "%s", sentences[sentence].lang);
    for (size_t i = 0; i < n && !said && !ac_cancelled(cancel); i++) {
        struct voice v = {.sink = {take_speech}, .pcm = pcm};
        struct ac_instance *inst = NULL;
        size_t before = pcm->len;
        if (engines[i]->flags & AC_HANDLER_WAITS || /* not of this machine */
            ac_instance_open(&inst, models, engines[i], &prefs, NULL) != 0)
            continue;
        struct ac_frame *f = ac_frame_new_text(sentences[sentence].text, strlen(sentences[sentence].text));
        snprintf(f->text.lang, sizeof f->text.lang, "%s", prefs.lang);
        said = ac_instance_process(inst, f, &v.sink, cancel) == 0 && pcm->len > before;
        ac_frame_unref(f);
        ac_instance_close(inst);
        ac_resampler_close(v.resampler);
    }
    return said;
}

static int read_speech(const struct ac_cli_list *files, struct ac_str *pcm)
{
    char reason[AC_DECODE_REASON];

    for (size_t i = 0; i < files->n; i++) {
        struct ac_pcm one;
        if (ac_decode_file(files->items[i], MAX_SPEECH_S, &one, reason) != 0)
            return ac_cli_fail(COMMAND, "%s: %s", files->items[i], reason);
        ac_str_add_n(pcm, (const char *)one.samples, one.n * sizeof *one.samples);
        free(one.samples);
    }
    return AC_CLI_GO;
}

static int find_speech(const struct choices *c, const struct ac_config *cfg, struct ac_models *models,
                       struct ac_str *pcm)
{
    bool any = false;

    if (c->speech.n)
        return read_speech(&c->speech, pcm);
    for (size_t i = 0; i < N_SENTENCES; i++)
        any = say(cfg, models, i, pcm) || any;
    return any ? AC_CLI_GO
               : ac_cli_fail(COMMAND, "no voice of tts.use speaks on this machine: name a recording with "
                                      "--speech");
}

/* ---- showing how it goes ---- */

static void end_line(struct choices *c)
{
    if (c->percent)
        fputc('\n', stderr);
    c->percent = false;
}

static void on_progress(void *arg, double done, const char *step)
{
    struct choices *c = arg;

    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r%3.0f %%  %s\033[K", done * 100, step);
    c->percent = true;
}

static void on_found(void *arg, const char *line)
{
    end_line(arg);
    printf("%s\n", line);
    fflush(stdout);
}

/* ---- the command ---- */

static void add_id(void *arg, const struct ac_item *item)
{
    ac_cli_list_add(arg, ac_strdup(item->id));
}

static int optimize(struct choices *c, const char *file, struct ac_models *models,
                    const struct ac_cli_list *ids, const struct ac_str *pcm, double psnr_db)
{
    const char **names = ac_zalloc((ids->n + 1) * sizeof *names);
    struct ac_optimize how = {.file = file,
                              .choices = names,
                              .speech = (const int16_t *)pcm->p,
                              .n_speech = pcm->len / sizeof(int16_t),
                              .precision = c->precision,
                              .psnr_db = psnr_db,
                              .progress = on_progress,
                              .found = on_found,
                              .arg = c};
    char reason[256] = "";

    if (ids->n)
        memcpy(names, ids->items, ids->n * sizeof *names);
    int err = ac_models_optimize(models, AC_STAGE_AVATAR, &how, cancel, reason);
    end_line(c);
    free(names);
    return err ? ac_cli_fail(COMMAND, "%s", *reason ? reason : ac_err_text(err)) : AC_EXIT_OK;
}

static int run(struct choices *c, const char *file, double psnr_db)
{
    struct ac_cli_list found = {0};
    struct ac_config *cfg = NULL;
    struct ac_str pcm = {0};
    bool floats = strcmp(c->precision, "fp32") == 0; /* nothing to measure with then */

    int status = ac_cli_load(COMMAND, &cfg, c->file, &c->sets, true);
    if (status != AC_CLI_GO)
        return status;
    struct ac_models *models = ac_models_new(cfg);
    const struct ac_handler_info *engine = ac_models_optimizer(models, AC_STAGE_AVATAR);
    cancel = ac_cancel_new(NULL);
    ac_cli_on_signal(interrupt);
    if (!engine)
        status = ac_cli_fail(COMMAND, "no engine of avatar.use has a model that can be made quicker: add "
                                      "wav2lip there");
    if (status == AC_CLI_GO && !floats)
        status = find_speech(c, cfg, models, &pcm);
    if (status == AC_CLI_GO) {
        if (!floats && c->avatars.n == 0)
            ac_models_list_engine(models, engine, add_id, &found);
        status = optimize(c, file, models, c->avatars.n ? &c->avatars : &found, &pcm, psnr_db);
    }
    for (size_t i = 0; i < found.n; i++)
        free((char *)found.items[i]);
    ac_cli_list_free(&found);
    ac_str_free(&pcm);
    ac_models_free(models);
    ac_config_free(cfg);
    ac_cancel_unref(cancel);
    cancel = NULL;
    return status;
}

static int check(const struct choices *c, const struct ac_cli_list *words, double *psnr_db)
{
    static const char *const known[] = {"auto", "int8", "fp32"};
    char *end;
    bool ok = false;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ok = ok || strcmp(c->precision, known[i]) == 0;
    if (words->n != 1)
        return ac_cli_usage_error(COMMAND, "name the model's file");
    if (!ok)
        return ac_cli_usage_error(COMMAND, "--precision is auto, int8 or fp32, not '%s'", c->precision);
    *psnr_db = strtod(c->psnr, &end);
    if (end == c->psnr || *end || !(*psnr_db >= 10 && *psnr_db <= 140))
        return ac_cli_usage_error(COMMAND, "--psnr is a number of decibels from 10 to 140, not '%s'",
                                  c->psnr);
    return AC_CLI_GO;
}

int ac_cli_models_optimize(int argc, char **argv)
{
    struct choices c = {.precision = "auto", .psnr = "40"};
    struct ac_cli_list words = {0};
    double psnr_db = 0;
    const struct ac_cli_option options[] = {
        {0, "precision", "HOW",
         "auto: 8 bits where that is near enough; int8: 8 bits wherever possible; fp32: floats.", NULL,
         &c.precision, NULL},
        {0, "psnr", "DB", "auto: how near to the original the face has to be (40).", NULL, &c.psnr, NULL},
        {0, "avatar", "ID", "Measure with this face and not with all; may be given again.", NULL, NULL,
         &c.avatars},
        {0, "speech", "FILE", "Measure with this recording and not with voices; may be given again.", NULL,
         NULL, &c.speech},
        AC_CLI_OPTION_FILE(&c.file),
        AC_CLI_OPTION_SET(&c.sets),
    };
    const struct ac_cli_spec spec = {
        .command = COMMAND,
        .usage = "[options] FILE.onnx",
        .help =
            "Makes Wav2Lip's generator quick on this machine, once: makes a folder beside the file, "
            "which\nis used from then on. How far it is from the original is measured on your own avatars "
            "and on speech,\nand printed.",
        .notes = "example: avatar-chat models optimize models/wav2lip/wav2lip.onnx",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 1,
    };

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO)
        status = check(&c, &words, &psnr_db);
    if (status == AC_CLI_GO)
        status = run(&c, words.items[0], psnr_db);
    ac_cli_list_free(&c.avatars);
    ac_cli_list_free(&c.speech);
    ac_cli_list_free(&c.sets);
    ac_cli_list_free(&words);
    return status;
}
