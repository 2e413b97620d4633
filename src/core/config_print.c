/*
 * What the configuration says about itself: the effective values with their origins, the commented sample
 * file, the reference in Markdown. All three walk the same tree.
 */
#include "core/config_private.h"

#include "base/mem.h"
#include "core/options.h"
#include "core/registry.h"

#include <stdlib.h>
#include <string.h>

enum { ORIGIN_COLUMN = 44 };

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? dot + 1 : path;
}

static const struct config_entry *entry_of(const struct ac_config *cfg, const char *path)
{
    for (size_t i = 0; i < cfg->n_entries; i++) {
        if (strcmp(cfg->entries[i].path, path) == 0)
            return &cfg->entries[i];
    }
    return NULL;
}

static void add_use(const struct ac_config *cfg, enum ac_stage stage, struct ac_str *out)
{
    ac_str_add(out, "[");
    for (size_t i = 0; i < cfg->use[stage].n; i++)
        ac_str_addf(out, "%s%s", i ? ", " : "", cfg->use[stage].engines[i]->name);
    ac_str_add(out, "]");
}

static void print_entry(const struct ac_config *cfg, const struct config_entry *e, int indent,
                        struct ac_str *out)
{
    struct ac_str line = {0};

    ac_str_addf(&line, "%*s%s: ", indent, "", last_part(e->path));
    if (e->option)
        ac_option_print(e->option, e->section->values, &line);
    else
        add_use(cfg, e->stage, &line);
    int pad = line.len < ORIGIN_COLUMN ? ORIGIN_COLUMN - (int)line.len : 1;
    ac_str_addf(out, "%s%*s# %s\n", line.p, pad, "", e->where ? e->where : "default");
    ac_str_free(&line);
}

static void print_section(const struct ac_config *cfg, const struct config_section *s, struct ac_str *out)
{
    int indent = s->info ? 2 : 0;

    if (ac_options_count(s->options) == 0)
        return;
    ac_str_addf(out, "%*s%s:\n", indent, "", last_part(s->name));
    for (size_t i = 0; i < cfg->n_entries; i++) {
        if (cfg->entries[i].section == s)
            print_entry(cfg, &cfg->entries[i], indent + 2, out);
    }
}

/* The `use` entry of a stage, NULL where no engine of it is built in. */
static const struct config_entry *use_entry(const struct ac_config *cfg, enum ac_stage stage)
{
    char *path = ac_asprintf("%s.use", ac_stage_name(stage));
    const struct config_entry *e = entry_of(cfg, path);

    free(path);
    return e;
}

void ac_config_print(const struct ac_config *cfg, struct ac_str *out)
{
    ac_str_addf(out, "# configuration file: %s\n", cfg->file ? cfg->file : "none");
    for (char **d = cfg->data_dirs; *d; d++)
        ac_str_addf(out, "# data folder: %s\n", *d);
    for (size_t i = 0; i < AC_PART_COUNT; i++)
        print_section(cfg, &cfg->sections[i], out);
    for (int stage = AC_STAGE_INVALID + 1; stage < AC_STAGE_COUNT; stage++) {
        const struct config_entry *use = use_entry(cfg, stage);
        if (!use)
            continue;
        ac_str_addf(out, "%s:\n", ac_stage_name(stage));
        print_entry(cfg, use, 2, out);
        for (size_t i = 0; i < cfg->n_sections; i++) {
            if (cfg->sections[i].info && cfg->sections[i].info->stage == (enum ac_stage)stage)
                print_section(cfg, &cfg->sections[i], out);
        }
    }
}

/* ---- sample and reference: the tree as it is before anything was set ---- */

static const char *const stage_help[AC_STAGE_COUNT] = {
    [AC_STAGE_VAD] = "Finds where speech begins and ends.",
    [AC_STAGE_ASR] = "Speech to text.",
    [AC_STAGE_LLM] = "Answers questions.",
    [AC_STAGE_TTS] = "Text to speech.",
    [AC_STAGE_LIPSYNC] = "Speech to the movements of the mouth.",
    [AC_STAGE_AVATAR] = "Draws the person.",
};

static void sample_section(const struct config_section *s, struct ac_str *out)
{
    int indent = s->info ? 2 : 0;

    if (ac_options_count(s->options) == 0)
        return;
    ac_str_addf(out, "\n%*s# %s\n%*s%s:\n", indent, "", s->help, indent, "", last_part(s->name));
    for (const struct ac_option *o = s->options; o->type != AC_OPT_END; o++)
        ac_option_sample(o, indent + 2, out);
}

void ac_config_sample(struct ac_str *out)
{
    struct ac_config *cfg;

    if (config_new(&cfg, out) != 0) /* then out says which default is wrong */
        return;
    ac_str_add(
        out,
        "# Configuration of avatar-chat: every option with its default. Take the # off a line to change it.\n"
        "# Use it with `avatar-chat serve -c FILE`; without -c, ./avatar-chat.yaml is read when it is "
        "there.\n"
        "# This file is made by `avatar-chat config sample`.\n");
    for (size_t i = 0; i < AC_PART_COUNT; i++)
        sample_section(&cfg->sections[i], out);
    for (int stage = AC_STAGE_INVALID + 1; stage < AC_STAGE_COUNT; stage++) {
        if (!use_entry(cfg, stage))
            continue;
        ac_str_addf(out, "\n# %s\n%s:\n  # Engines in the order in which they are tried.\n  #use: ",
                    stage_help[stage], ac_stage_name(stage));
        add_use(cfg, stage, out);
        ac_str_add(out, "\n");
        for (size_t i = 0; i < cfg->n_sections; i++) {
            if (cfg->sections[i].info && cfg->sections[i].info->stage == (enum ac_stage)stage)
                sample_section(&cfg->sections[i], out);
        }
    }
    ac_config_free(cfg);
}

static const char reference_head[] =
    "<!-- Made by `avatar-chat config reference`; change the option tables, not this file. -->\n"
    "# Configuration\n\n"
    "Everything works without a configuration file. To change something, print the commented sample\n"
    "(`avatar-chat config sample > avatar-chat.yaml`), edit it and start `avatar-chat serve -c "
    "avatar-chat.yaml`;\n"
    "`./avatar-chat.yaml` is read without `-c`.\n\n"
    "An option can be given in four ways, the later one wins:\n\n"
    "1. its default,\n"
    "2. the file: `server: {port: 9000}`,\n"
    "3. the environment: `AVATAR_CHAT_SERVER_PORT=9000`,\n"
    "4. the command line: `--set server.port=9000`.\n\n"
    "`avatar-chat serve --print-config` shows every value and where it comes from; `--check` only checks. "
    "Unknown\n"
    "and duplicate keys are errors that name the file, the line and the nearest valid key. A path in the "
    "file is\n"
    "looked for beside the file first, then below the working directory and the data folders: "
    "`$AVATAR_CHAT_DATA`,\n"
    "the folder of the file, `PREFIX/share/avatar-chat`, the source tree.\n\n"
    "Each stage has `use`, the list of its engines in the order in which they are tried: `tts: {use: "
    "[espeak]}`.\n\n"
    "Engines that run neural networks load ONNX Runtime: the file that `$AVATAR_CHAT_ONNXRUNTIME` names, "
    "else\n"
    "the installed one, that of the source tree (`lib/`), the system's; `avatar-chat doctor` says which.\n";

static const char table_head[] = "\n| option | takes | default | meaning |\n|---|---|---|---|\n";

static void reference_section(const struct config_section *s, struct ac_str *out)
{
    ac_str_addf(out, "\n%s `%s`\n\n%s\n", s->info ? "###" : "##", s->name, s->help);
    if (ac_options_count(s->options) == 0) {
        ac_str_add(out, "\nIt has nothing to set.\n");
        return;
    }
    ac_str_add(out, table_head);
    for (const struct ac_option *o = s->options; o->type != AC_OPT_END; o++)
        ac_option_markdown(o, s->name, out);
}

void ac_config_reference(struct ac_str *out)
{
    struct ac_config *cfg;

    if (config_new(&cfg, out) != 0)
        return;
    ac_str_add(out, reference_head);
    for (size_t i = 0; i < AC_PART_COUNT; i++)
        reference_section(&cfg->sections[i], out);
    for (int stage = AC_STAGE_INVALID + 1; stage < AC_STAGE_COUNT; stage++) {
        if (!use_entry(cfg, stage))
            continue;
        ac_str_addf(out, "\n## `%s`\n\n%s\n%s| `%s.use` | list of engines | `", ac_stage_name(stage),
                    stage_help[stage], table_head, ac_stage_name(stage));
        add_use(cfg, stage, out);
        ac_str_add(out, "` | Engines in the order in which they are tried. |\n");
        for (size_t i = 0; i < cfg->n_sections; i++) {
            if (cfg->sections[i].info && cfg->sections[i].info->stage == (enum ac_stage)stage)
                reference_section(&cfg->sections[i], out);
        }
    }
    ac_config_free(cfg);
}
