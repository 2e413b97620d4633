/*
 * The configuration loaded anew while the program runs, compared with the one before; and the list of all
 * options with their values.
 */
#include "core/config_private.h"

#include "base/mem.h"
#include "core/options.h"

#include <stdlib.h>
#include <string.h>

/* The entry's value as text. secret: a secret's too, to compare. */
static char *value_text(const struct ac_config *cfg, const struct config_entry *e, bool secret)
{
    struct ac_str text = {0};

    if (!e->option) {
        for (size_t i = 0; i < cfg->use[e->stage].n; i++)
            ac_str_addf(&text, "%s%s", i ? ", " : "", cfg->use[e->stage].engines[i]->name);
    } else if (e->option->type == AC_OPT_STRING || e->option->type == AC_OPT_PATH) {
        const char *s = *(char *const *)((const char *)e->section->values + e->option->offset);
        bool hide = !secret && (e->option->flags & AC_OPT_SECRET) && s && *s;
        ac_str_add(&text, hide ? "***" : s ? s : "");
    } else {
        ac_option_print(e->option, e->section->values, &text);
    }
    return ac_str_steal(&text);
}

/* Both are made from the same tables: entries stand at the same places. */
static void compare(const struct ac_config *a, const struct ac_config *b, struct ac_config_diff *diff)
{
    for (size_t i = 0; i < b->n_entries; i++) {
        const struct config_entry *e = &b->entries[i];
        char *before = value_text(a, &a->entries[i], true), *now = value_text(b, e, true);
        if (strcmp(before, now) != 0) {
            bool runtime = e->option && (e->option->flags & AC_OPT_RUNTIME);
            ac_str_addf(runtime ? &diff->changed : &diff->restart, "%s\n", e->path);
        }
        free(before);
        free(now);
    }
}

/* Whether a later assignment sets the same option. */
static bool set_again(const char *assignment, const char *const *more, size_t n)
{
    size_t len = strcspn(assignment, "=") + 1;

    for (size_t i = 0; i < n; i++)
        if (!strncmp(assignment, more[i], len))
            return true;
    return false;
}

int ac_config_load_again(struct ac_config **cfg, const struct ac_config *now, const char *const *more,
                         size_t n_more, struct ac_config_diff *diff, struct ac_str *errors)
{
    const char **sets = ac_zalloc((now->n_sets + n_more + 1) * sizeof *sets);
    size_t n = 0;

    for (size_t i = 0; i < now->n_sets; i++)
        if (!set_again(now->sets[i], more, n_more))
            sets[n++] = now->sets[i];
    for (size_t i = 0; i < n_more; i++)
        sets[n++] = more[i];
    int err = ac_config_load(cfg, now->file_named ? now->file : NULL, sets, n, errors);
    free(sets);
    if (!err)
        compare(now, *cfg, diff);
    return err;
}

const char *ac_config_file(const struct ac_config *cfg)
{
    return cfg->file;
}

/* ---- listing ---- */

static const char *type_name(const struct ac_option *o)
{
    static const char *const names[] = {"", "bool", "int", "float", "string", "path", "choice"};

    return o ? names[o->type] : "engines";
}

static void fill(const struct ac_config *cfg, const struct config_entry *e, struct ac_config_item *item)
{
    static const char *const origins[] = {"default", "file", "environment", "set"};
    const struct ac_option *o = e->option;

    *item = (struct ac_config_item){
        .path = e->path,
        .value = value_text(cfg, e, false),
        .def = o && o->def ? o->def : "",
        .help = o ? o->help : "Engines in the order in which they are tried.",
        .origin = origins[e->origin],
        .where = e->where ? e->where : "",
        .runtime = o && (o->flags & AC_OPT_RUNTIME),
        .secret = o && (o->flags & AC_OPT_SECRET),
        .type = type_name(o),
        .has_range = o && (o->type == AC_OPT_INT || o->type == AC_OPT_FLOAT),
        .choices = o && o->type == AC_OPT_CHOICE ? o->choices : NULL,
    };
    if (item->has_range) {
        item->min = o->min;
        item->max = o->max;
    }
}

size_t ac_config_list(const struct ac_config *cfg, struct ac_config_item **list)
{
    *list = ac_zalloc((cfg->n_entries + 1) * sizeof **list);
    for (size_t i = 0; i < cfg->n_entries; i++)
        fill(cfg, &cfg->entries[i], &(*list)[i]);
    return cfg->n_entries;
}

void ac_config_list_free(struct ac_config_item *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i].value);
    free(list);
}
