/*
 * `avatar-chat transcribe`: what is said in a sound file, with the recognisers of the configuration. A long
 * file is cut where nobody speaks, so that each part is an utterance as recognisers want it.
 */
#include "cli/cli.h"
#include "cli/segments.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "core/registry.h"
#include "media/decode.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_S = 4 * 3600,
    WHOLE_S = 30,                          /* up to so many seconds are one utterance */
    MARGIN = AC_LISTEN_RATE_HZ * 3 / 10,   /* samples that a part has around its voice, where there is room */
    JOIN = AC_LISTEN_RATE_HZ * WHOLE_S / 2 /* neighbouring segments become one part up to this length */
};

struct part {
    size_t start, end; /* samples */
    struct ac_frame *said;
};

struct job {
    const struct ac_config *cfg;
    struct ac_models *models;
    const char *engine, *lang; /* asked for; NULL = any, "" = find out */
    struct ac_pcm pcm;
    struct part *parts;
    size_t n_parts;
    const struct ac_handler_info *used; /* the engine in use */
    struct ac_instance *inst;
};

/* ---- parts ---- */

static void add_part(struct job *j, size_t start, size_t end)
{
    j->parts = ac_realloc_array(j->parts, j->n_parts + 1, sizeof *j->parts);
    j->parts[j->n_parts++] = (struct part){.start = start, .end = end};
}

/* Where the part i may reach to: half-way to its neighbours. */
static void widen(struct job *j)
{
    for (size_t i = 0; i < j->n_parts; i++) {
        struct part *p = &j->parts[i];
        size_t floor = i ? j->parts[i - 1].end : 0;
        size_t ceiling = i + 1 < j->n_parts ? (p->end + j->parts[i + 1].start) / 2 : j->pcm.n;
        p->start = p->start > floor + MARGIN ? p->start - MARGIN : floor;
        p->end = p->end + MARGIN < ceiling ? p->end + MARGIN : ceiling;
    }
}

static int cut(struct job *j)
{
    struct ac_segments s = {0};
    char reason[256];

    if (j->pcm.n <= WHOLE_S * AC_LISTEN_RATE_HZ) {
        add_part(j, 0, j->pcm.n);
        return AC_CLI_GO;
    }
    if (ac_segments_find(&s, j->cfg, j->models, j->pcm.samples, j->pcm.n, reason) != 0)
        return ac_cli_fail("transcribe", "it is longer than %d seconds and cannot be cut into parts: %s",
                           WHOLE_S, reason);
    for (size_t i = 0; i < s.n; i++) {
        size_t start = (size_t)s.items[i].start_sample, end = (size_t)s.items[i].end_sample;
        if (j->n_parts && end - j->parts[j->n_parts - 1].start <= JOIN)
            j->parts[j->n_parts - 1].end = end;
        else
            add_part(j, start, end);
    }
    ac_segments_free(&s);
    widen(j);
    return AC_CLI_GO;
}

/* ---- recognising ---- */

struct collector {
    struct ac_sink sink; /* first */
    struct ac_frame *final;
};

static int collect(struct ac_sink *sink, struct ac_frame *f)
{
    struct collector *c = (struct collector *)sink;

    if (f->transcript.final) {
        ac_frame_unref(c->final);
        c->final = f;
    } else {
        ac_frame_unref(f);
    }
    return 0;
}

static int recognise(struct job *j, struct part *p)
{
    struct collector c = {.sink = {collect}};
    struct ac_frame *in = ac_frame_new(AC_FRAME_AUDIO);
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    struct ac_audio *audio = &in->audio;

    audio->n_samples = p->end - p->start;
    audio->pcm = ac_alloc(audio->n_samples * sizeof *audio->pcm + 1);
    memcpy(audio->pcm, j->pcm.samples + p->start, audio->n_samples * sizeof *audio->pcm);
    snprintf(audio->lang, sizeof audio->lang, "%s", j->lang);
    int err = ac_instance_process(j->inst, in, &c.sink, cancel);
    if (!err)
        err = ac_instance_process(j->inst, NULL, &c.sink, cancel);
    if (!err && !c.final)
        err = AC_EENGINE;
    if (err) {
        fprintf(stderr, "avatar-chat transcribe: %s: %s\n", j->used->name,
                *ac_instance_reason(j->inst) ? ac_instance_reason(j->inst) : ac_err_text(err));
        ac_frame_unref(c.final);
    } else {
        p->said = c.final;
    }
    ac_cancel_unref(cancel);
    ac_frame_unref(in);
    return err;
}

static bool open_engine(struct job *j, const struct ac_handler_info *info)
{
    struct ac_prefs prefs = {0};
    char reason[256];

    snprintf(prefs.lang, sizeof prefs.lang, "%s", j->lang);
    j->used = info;
    if (ac_instance_open(&j->inst, j->models, info, &prefs, reason) == 0)
        return true;
    fprintf(stderr, "avatar-chat transcribe: %s: %s\n", info->name, reason);
    return false;
}

/* All parts, each with the first engine that can; one that fails is left for good. */
static int recognise_all(struct job *j)
{
    const struct ac_handler_info *const *engines, *only = NULL;
    size_t n = ac_config_use(j->cfg, AC_STAGE_ASR, &engines), next = 0;

    if (j->engine) {
        only = ac_registry_find(AC_STAGE_ASR, j->engine);
        engines = &only;
        n = 1;
    }
    for (size_t i = 0; i < j->n_parts;) {
        if (j->inst && recognise(j, &j->parts[i]) == 0) {
            i++;
            continue;
        }
        ac_instance_close(j->inst);
        j->inst = NULL;
        if (next == n)
            return ac_cli_fail("transcribe", "%s",
                               n ? "no recogniser could do it, see above"
                                 : "no recogniser is built in or named in asr.use");
        if (!open_engine(j, engines[next++]) && next == n)
            return ac_cli_fail("transcribe", "no recogniser opens, see above");
    }
    return AC_EXIT_OK;
}

/* ---- printing ---- */

static double seconds(size_t samples)
{
    return round((double)samples * 1000 / AC_LISTEN_RATE_HZ) / 1000;
}

static json_t *words_json(const struct part *p)
{
    const struct ac_transcript *t = &p->said->transcript;
    json_t *list = json_array();

    for (size_t i = 0; i < t->n_words; i++) {
        const struct ac_word *w = &t->words[i];
        json_t *word = json_stringn(t->text + w->text_start, w->text_len);
        json_array_append_new(list,
                              json_pack("{s:o, s:f, s:f}", "word", word ? word : json_string(""), "start_s",
                                        seconds(p->start) + round((double)w->start_us / 1e3) / 1e3, "end_s",
                                        seconds(p->start) + round((double)w->end_us / 1e3) / 1e3));
    }
    return list;
}

static void print_json(const char *file, const struct job *j, const struct ac_str *text, struct ac_str *out)
{
    json_t *list = json_array();

    for (size_t i = 0; i < j->n_parts; i++) {
        const struct part *p = &j->parts[i];
        const struct ac_transcript *t = &p->said->transcript;
        json_array_append_new(list, json_pack("{s:f, s:f, s:s, s:s, s:f, s:o}", "start_s", seconds(p->start),
                                              "end_s", seconds(p->end), "text", t->text, "language", t->lang,
                                              "confidence", round((double)t->confidence * 1000) / 1000,
                                              "words", words_json(p)));
    }
    json_t *root =
        json_pack("{s:s, s:s, s:f, s:s, s:o}", "file", file, "engine", j->used ? j->used->name : "",
                  "duration_s", seconds(j->pcm.n), "text", text->p ? text->p : "", "segments", list);
    char *dump = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
    ac_str_addf(out, "%s\n", dump ? dump : "");
    free(dump);
    json_decref(root);
}

static int print(const char *file, const struct job *j, bool json)
{
    struct ac_str text = {0}, out = {0};

    for (size_t i = 0; i < j->n_parts; i++) {
        const char *said = j->parts[i].said->transcript.text;
        if (*said)
            ac_str_addf(&text, "%s%s", text.len ? "\n" : "", said);
    }
    if (json)
        print_json(file, j, &text, &out);
    else if (text.len)
        ac_str_addf(&out, "%s\n", text.p);
    else
        fprintf(stderr, "avatar-chat transcribe: nothing was understood\n");
    int status = out.len ? ac_cli_print("transcribe", &out) : AC_EXIT_OK;
    ac_str_free(&text);
    ac_str_free(&out);
    return status;
}

static int transcribe(const struct ac_config *cfg, const char *file, const char *engine, const char *lang,
                      bool json)
{
    struct job j = {.cfg = cfg, .engine = engine, .lang = lang ? lang : ""};
    char reason[AC_DECODE_REASON];

    if (ac_decode_file(file, MAX_S, &j.pcm, reason) != 0)
        return ac_cli_fail("transcribe", "%s: %s", file, reason);
    if (j.pcm.damaged)
        fprintf(stderr,
                "avatar-chat transcribe: %s: a part of it is damaged or missing; this is what is left\n",
                file);
    j.models = ac_models_new(cfg);
    int status = cut(&j);
    if (status == AC_CLI_GO)
        status = recognise_all(&j);
    if (status == AC_EXIT_OK)
        status = print(file, &j, json);
    ac_instance_close(j.inst);
    for (size_t i = 0; i < j.n_parts; i++)
        ac_frame_unref(j.parts[i].said);
    free(j.parts);
    free(j.pcm.samples);
    ac_models_free(j.models);
    return status;
}

static int check_engine(const char *name)
{
    struct ac_str names = {0};

    if (!name || ac_registry_find(AC_STAGE_ASR, name))
        return AC_CLI_GO;
    for (const struct ac_handler_info *const *h = ac_registry(); *h; h++) {
        if ((*h)->stage == AC_STAGE_ASR)
            ac_str_addf(&names, "%s%s", names.len ? ", " : "", (*h)->name);
    }
    int status = ac_cli_usage_error("transcribe", "--engine %s: there are %s", name,
                                    names.p ? names.p : "none built in");
    ac_str_free(&names);
    return status;
}

int ac_cli_transcribe(int argc, char **argv)
{
    const char *file = NULL, *engine = NULL, *lang = NULL;
    bool json = false;
    struct ac_cli_list sets = {0}, words = {0};
    struct ac_config *cfg = NULL;
    const struct ac_cli_option options[] = {
        {0, "json", NULL, "Print JSON: text, segments, words with their times.", &json, NULL, NULL},
        {0, "engine", "NAME", "Recogniser to use, instead of those in asr.use.", NULL, &engine, NULL},
        {0, "lang", "TAG", "Language that is spoken (en, zh-CN …); else the recogniser finds out.", NULL,
         &lang, NULL},
        AC_CLI_OPTION_FILE(&file),
        AC_CLI_OPTION_SET(&sets),
    };
    const struct ac_cli_spec spec = {
        .command = "transcribe",
        .usage = "[--json] [--engine NAME] [--lang TAG] [options] FILE | -",
        .help = "Prints what is said in a sound or video file. Any format, rate and number of channels that "
                "libav\nreads; - is standard input. What is longer than 30 seconds is cut at its pauses, one "
                "line each.",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 1,
    };

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO && words.n != 1)
        status = ac_cli_usage_error("transcribe", "name the file");
    if (status == AC_CLI_GO)
        status = check_engine(engine);
    if (status == AC_CLI_GO && lang && (strlen(lang) > 15 || !*lang))
        status = ac_cli_usage_error("transcribe", "--lang %s: give a language tag, as en or zh-CN", lang);
    if (status == AC_CLI_GO)
        status = ac_cli_load("transcribe", &cfg, file, &sets, true);
    if (status == AC_CLI_GO)
        status = transcribe(cfg, words.items[0], engine, lang, json);
    ac_config_free(cfg);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    return status;
}
