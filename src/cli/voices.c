/* `avatar-chat voices`: which voices there are; with --prepare, speaks what is often said ahead. */
#include "cli/cli.h"
#include "cli/voices_prepare.h"

#include "base/mem.h"
#include "core/registry.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct wish {
    const char *lang, *engine, *search; /* NULL = any */
    bool json, prepare;
};

struct listing {
    const struct wish *wish;
    const char *engine;
    json_t *list;
};

/* "zh" is zh-CN too, "zh-CN" is not zh-TW; voices of every language have no tag. */
static bool fits_language(const char *tag, const char *want)
{
    size_t n = strlen(want);

    return !*tag || (strncasecmp(tag, want, n) == 0 && (!tag[n] || tag[n] == '-'));
}

static void add_voice(void *arg, const struct ac_item *item)
{
    struct listing *l = arg;
    const struct wish *w = l->wish;

    if (w->lang && !fits_language(item->lang, w->lang))
        return;
    if (w->search && !strcasestr(item->id, w->search) && !strcasestr(item->name, w->search) &&
        !strcasestr(item->detail, w->search))
        return;
    json_array_append_new(l->list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", item->id, "name",
                                             item->name, "lang", item->lang, "gender", item->gender, "detail",
                                             item->detail, "engine", l->engine));
}

static json_t *gather(const struct ac_config *cfg, struct ac_models *models, const struct wish *w)
{
    const struct ac_handler_info *const *engines, *only = NULL;
    size_t n = ac_config_use(cfg, AC_STAGE_TTS, &engines);
    struct listing l = {.wish = w, .list = json_array()};

    if (w->engine) {
        only = ac_registry_find(AC_STAGE_TTS, w->engine);
        engines = &only;
        n = 1;
    }
    for (size_t i = 0; i < n; i++) {
        l.engine = engines[i]->name;
        ac_models_list_engine(models, engines[i], add_voice, &l);
    }
    return l.list;
}

static void print_table(json_t *list, struct ac_str *out)
{
    int id_width = ac_cli_id_width(list);
    json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
    {
        const char *id = ac_cli_text(v, "id"), *name = ac_cli_text(v, "name"),
                   *detail = ac_cli_text(v, "detail");
        bool named = strcmp(id, name) != 0;
        ac_str_addf(out, "%-*s  %-8s %-7s %-7s %s%s%s\n", id_width, id, ac_cli_text(v, "lang"),
                    ac_cli_text(v, "gender"), ac_cli_text(v, "engine"), named ? name : "",
                    named && *detail ? "; " : "", detail);
    }
}

static int print(json_t *list, bool json)
{
    struct ac_str out = {0};

    if (json) {
        char *dump = json_dumps(list, JSON_INDENT(2));
        ac_str_addf(&out, "%s\n", dump ? dump : "[]");
        free(dump);
    } else {
        print_table(list, &out);
    }
    int status = out.len ? ac_cli_print("voices", &out) : AC_EXIT_OK;
    ac_str_free(&out);
    if (status == AC_EXIT_OK && json_array_size(list) == 0)
        status =
            ac_cli_fail("voices", "no voice fits; without --lang and a word to search for, all are listed");
    return status;
}

static int check_wish(const struct wish *w)
{
    struct ac_str names = {0};
    int status = AC_CLI_GO;

    for (const struct ac_handler_info *const *h = ac_registry(); *h; h++) {
        if ((*h)->stage == AC_STAGE_TTS)
            ac_str_addf(&names, "%s%s", names.len ? ", " : "", (*h)->name);
    }
    if (w->engine && !ac_registry_find(AC_STAGE_TTS, w->engine))
        status = ac_cli_usage_error("voices", "--engine %s: there are %s", w->engine,
                                    names.p ? names.p : "none built in");
    else if (w->prepare && (w->json || w->lang || w->engine || w->search))
        status =
            ac_cli_usage_error("voices", "--prepare goes with no other choice: the voices are those of the "
                                         "configuration");
    ac_str_free(&names);
    return status;
}

int ac_cli_voices(int argc, char **argv)
{
    struct wish w = {0};
    const char *file = NULL;
    struct ac_cli_list sets = {0}, words = {0};
    struct ac_config *cfg = NULL;
    const struct ac_cli_option options[] = {
        {0, "lang", "TAG", "Only those of the language (en, zh-CN …).", NULL, &w.lang, NULL},
        {0, "engine", "NAME", "Those of this engine, instead of those in tts.use.", NULL, &w.engine, NULL},
        {0, "json", NULL, "Print JSON.", &w.json, NULL, NULL},
        {0, "prepare", NULL,
         "Speak the answers to the suggested questions into the phrase cache of the voice that comes over "
         "the "
         "network.",
         &w.prepare, NULL, NULL},
        AC_CLI_OPTION_FILE(&file),
        AC_CLI_OPTION_SET(&sets),
    };
    const struct ac_cli_spec spec = {
        .command = "voices",
        .usage = "[--lang TAG] [--engine NAME] [--json] [options] [SEARCH]",
        .help = "Lists the voices of the configured engines: id, language, gender, engine, name. With "
                "SEARCH, those "
                "with the\nword in id, name or description.",
        .notes = "example: avatar-chat voices --engine edge --lang zh",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 1,
    };

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO && words.n)
        w.search = words.items[0];
    if (status == AC_CLI_GO)
        status = check_wish(&w);
    if (status == AC_CLI_GO && w.prepare && ac_registry_find(AC_STAGE_LLM, "faq"))
        ac_cli_list_add(&sets, "llm.faq.stream_delay_ms=0");
    if (status == AC_CLI_GO)
        status = ac_cli_load("voices", &cfg, file, &sets, true);
    if (status == AC_CLI_GO) {
        struct ac_models *models = ac_models_new(cfg);
        json_t *list = w.prepare ? NULL : gather(cfg, models, &w);
        status = w.prepare ? ac_voices_prepare(cfg, models) : print(list, w.json);
        json_decref(list);
        ac_models_free(models);
    }
    ac_config_free(cfg);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    return status;
}
