/*
 * The registry of engines: the generated table (registry_table.c.in), or the list that a test puts in its
 * place, looked up by stage and name; and the check that every entry keeps the contract.
 */
#include "core/registry.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/options.h"
#include "core/registry_table.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_HEAR_AHEAD_MS = 1000 };

static const char *const stage_names[AC_STAGE_COUNT] = {
    [AC_STAGE_INVALID] = "",      [AC_STAGE_VAD] = "vad", [AC_STAGE_ASR] = "asr",
    [AC_STAGE_LLM] = "llm",       [AC_STAGE_TTS] = "tts", [AC_STAGE_LIPSYNC] = "lipsync",
    [AC_STAGE_AVATAR] = "avatar",
};

/* What a stage takes and gives; AC_FRAME_INVALID: not laid down. */
static const struct {
    enum ac_frame_type in, out;
} stage_frames[AC_STAGE_COUNT] = {
    [AC_STAGE_VAD] = {AC_FRAME_AUDIO, AC_FRAME_VOICE},
    [AC_STAGE_ASR] = {AC_FRAME_AUDIO, AC_FRAME_TRANSCRIPT},
    [AC_STAGE_LLM] = {AC_FRAME_CHAT, AC_FRAME_TEXT},
    [AC_STAGE_TTS] = {AC_FRAME_TEXT, AC_FRAME_SPEECH},
    [AC_STAGE_LIPSYNC] = {AC_FRAME_SPEECH, AC_FRAME_POSE},
    [AC_STAGE_AVATAR] = {AC_FRAME_POSE, AC_FRAME_PICTURE},
};

/* Set before threads start, only read afterwards. */
static const struct ac_handler_info *const *registry_override;

const struct ac_handler_info *const *ac_registry(void)
{
    return registry_override ? registry_override : ac_registry_table;
}

void ac_registry_set(const struct ac_handler_info *const *handlers)
{
    registry_override = handlers;
}

const struct ac_handler_info *ac_registry_find(enum ac_stage stage, const char *name)
{
    for (const struct ac_handler_info *const *h = ac_registry(); *h; h++) {
        if ((*h)->stage == stage && strcmp((*h)->name, name) == 0)
            return *h;
    }
    return NULL;
}

const char *ac_stage_name(enum ac_stage s)
{
    return (unsigned)s < AC_STAGE_COUNT ? stage_names[s] : "";
}

int ac_stage_from_name(const char *name)
{
    for (int s = AC_STAGE_INVALID + 1; s < AC_STAGE_COUNT; s++) {
        if (strcmp(stage_names[s], name) == 0)
            return s;
    }
    return AC_STAGE_INVALID;
}

/* ---- verification ---- */

static bool is_name(const char *name)
{
    return name && *name >= 'a' && *name <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static bool fault(const struct ac_handler_info *h, const char *what, const char *option)
{
    ac_log_error("registry", "bad_engine", AC_S("stage", ac_stage_name(h->stage)),
                 AC_S("engine", h->name ? h->name : "(no name)"), AC_S("option", option),
                 AC_S("fault", what));
    return false;
}

static size_t field_size(enum ac_opt_type type)
{
    switch (type) {
    case AC_OPT_BOOL:
        return sizeof(bool);
    case AC_OPT_INT:
    case AC_OPT_CHOICE:
        return sizeof(int);
    case AC_OPT_FLOAT:
        return sizeof(double);
    case AC_OPT_STRING:
    case AC_OPT_PATH:
        return sizeof(char *);
    case AC_OPT_END:
        break;
    }
    return 0;
}

static bool verify_option(const struct ac_handler_info *h, const struct ac_option *o)
{
    bool ok = true;

    if (!is_name(o->name))
        return fault(h, "an option's name is not of the form [a-z][a-z0-9_]*", o->name);
    if (strcmp(o->name, "use") == 0)
        ok = fault(h, "'use' is taken by the stage", o->name);
    if (!o->help || !*o->help)
        ok = fault(h, "help is missing", o->name);
    if (o->type == AC_OPT_CHOICE && (!o->choices || !o->choices[0]))
        ok = fault(h, "choices are missing", o->name);
    if ((o->type == AC_OPT_INT || o->type == AC_OPT_FLOAT) && o->min >= o->max)
        ok = fault(h, "the range is empty", o->name);
    if (field_size(o->type) == 0 || o->offset + field_size(o->type) > h->cfg_size)
        return fault(h, "the field is not inside of cfg_size", o->name);
    for (const struct ac_option *p = h->options; p < o; p++) {
        if (strcmp(p->name, o->name) == 0)
            ok = fault(h, "two options have this name", o->name);
    }
    return ok;
}

static bool verify_options(const struct ac_handler_info *h)
{
    bool ok = true;

    for (const struct ac_option *o = h->options; o && o->type != AC_OPT_END; o++)
        ok = verify_option(h, o) && ok;
    if (!ok || !h->options)
        return ok;
    void *cfg = ac_zalloc(h->cfg_size);
    struct ac_str why = {0};
    if (ac_options_defaults(h->options, cfg, &why) != 0)
        ok = fault(h, why.p, NULL);
    ac_options_free(h->options, cfg);
    ac_str_free(&why);
    free(cfg);
    return ok;
}

static bool verify_handler(const struct ac_handler_info *h)
{
    bool ok = true;

    if (h->stage <= AC_STAGE_INVALID || h->stage >= AC_STAGE_COUNT)
        return fault(h, "the stage is not set", NULL);
    if (!is_name(h->name))
        return fault(h, "the name is not of the form [a-z][a-z0-9_]*", NULL);
    if (strcmp(h->name, "use") == 0)
        ok = fault(h, "the name 'use' is taken by the stage", NULL);
    if (!h->help || !*h->help)
        ok = fault(h, "help is missing", NULL);
    if (!h->process)
        ok = fault(h, "process is missing", NULL);
    if (stage_frames[h->stage].in != AC_FRAME_INVALID &&
        (h->in != stage_frames[h->stage].in || h->out != stage_frames[h->stage].out))
        ok = fault(h, "the frame types are not those of the stage", NULL);
    if (h->flags & (AC_HANDLER_HEARS | AC_HANDLER_SAVES) && h->stage != AC_STAGE_AVATAR)
        ok = fault(h, "only avatars hear speech or save work", NULL);
    if (h->hear_ahead_ms < 0 || h->hear_ahead_ms > MAX_HEAR_AHEAD_MS)
        ok = fault(h, "hear_ahead_ms is not from 0 to 1000", NULL);
    return verify_options(h) && ok;
}

int ac_registry_verify(void)
{
    bool ok = true;

    for (const struct ac_handler_info *const *h = ac_registry(); *h; h++) {
        if (!verify_handler(*h))
            ok = false;
        else if (ac_registry_find((*h)->stage, (*h)->name) != *h)
            ok = fault(*h, "two engines of the stage have this name", NULL);
    }
    return ok ? 0 : AC_EINTERNAL;
}
