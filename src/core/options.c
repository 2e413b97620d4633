/*
 * The option-table engine (options.h): one switch over the option types for each thing that can be done with
 * an option.
 */
#include "core/options.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void *field_of(const struct ac_option *o, void *cfg)
{
    return (char *)cfg + o->offset;
}

static const void *const_field_of(const struct ac_option *o, const void *cfg)
{
    return (const char *)cfg + o->offset;
}

size_t ac_options_count(const struct ac_option *options)
{
    size_t n = 0;

    while (options && options[n].type != AC_OPT_END)
        n++;
    return n;
}

int ac_options_defaults(const struct ac_option *options, void *cfg, struct ac_str *why)
{
    int err = 0;

    for (const struct ac_option *o = options; o && o->type != AC_OPT_END; o++) {
        struct ac_str text = {0};
        if (ac_option_parse(o, cfg, o->def ? o->def : "", &text) != 0) {
            ac_str_addf(why, "the default of option '%s' is wrong: %s\n", o->name, text.p);
            err = AC_EINTERNAL;
        }
        ac_str_free(&text);
    }
    return err;
}

void ac_options_free(const struct ac_option *options, void *cfg)
{
    for (const struct ac_option *o = options; o && o->type != AC_OPT_END; o++) {
        if (o->type != AC_OPT_STRING && o->type != AC_OPT_PATH)
            continue;
        char **field = field_of(o, cfg);
        free(*field);
        *field = NULL;
    }
}

static int parse_bool(const struct ac_option *o, void *cfg, const char *text, struct ac_str *why)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *(bool *)field_of(o, cfg) = i % 2 == 1;
            return 0;
        }
    }
    ac_str_addf(why, "'%s' is neither true nor false", text);
    return AC_EINVAL;
}

static int parse_int(const struct ac_option *o, void *cfg, const char *text, struct ac_str *why)
{
    char *end;

    errno = 0;
    long v = strtol(text, &end, 10);
    if (end == text || *end) {
        ac_str_addf(why, "'%s' is not a whole number", text);
        return AC_EINVAL;
    }
    if (errno == ERANGE || (double)v < o->min || (double)v > o->max) {
        ac_str_addf(why, "%s is out of range: %.0f to %.0f", text, o->min, o->max);
        return AC_EINVAL;
    }
    *(int *)field_of(o, cfg) = (int)v;
    return 0;
}

static int parse_float(const struct ac_option *o, void *cfg, const char *text, struct ac_str *why)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end) {
        ac_str_addf(why, "'%s' is not a number", text);
        return AC_EINVAL;
    }
    if (!(v >= o->min && v <= o->max)) { /* so written, it refuses NaN too */
        ac_str_addf(why, "%s is out of range: %g to %g", text, o->min, o->max);
        return AC_EINVAL;
    }
    *(double *)field_of(o, cfg) = v;
    return 0;
}

static int parse_string(const struct ac_option *o, void *cfg, const char *text, struct ac_str *why)
{
    char **field = field_of(o, cfg);

    if (!ac_utf8_valid(text, strlen(text))) {
        ac_str_add(why, "the text is not valid UTF-8");
        return AC_EINVAL;
    }
    char *copy = ac_strdup(text);
    free(*field);
    *field = copy;
    return 0;
}

static size_t choices_count(const struct ac_option *o)
{
    size_t n = 0;

    while (o->choices && o->choices[n])
        n++;
    return n;
}

/* "a, b or c" */
static void add_choices(const struct ac_option *o, struct ac_str *out)
{
    size_t n = choices_count(o);

    for (size_t i = 0; i < n; i++)
        ac_str_addf(out, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", o->choices[i]);
}

static int parse_choice(const struct ac_option *o, void *cfg, const char *text, struct ac_str *why)
{
    size_t n = choices_count(o);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(text, o->choices[i]) == 0) {
            *(int *)field_of(o, cfg) = (int)i;
            return 0;
        }
    }
    ac_str_addf(why, "'%s' is not one of ", text);
    add_choices(o, why);
    const char *near = ac_nearest(text, o->choices, n);
    if (near)
        ac_str_addf(why, "; did you mean '%s'?", near);
    return AC_EINVAL;
}

int ac_option_parse(const struct ac_option *o, void *cfg, const char *text, struct ac_str *why)
{
    switch (o->type) {
    case AC_OPT_BOOL:
        return parse_bool(o, cfg, text, why);
    case AC_OPT_INT:
        return parse_int(o, cfg, text, why);
    case AC_OPT_FLOAT:
        return parse_float(o, cfg, text, why);
    case AC_OPT_STRING:
    case AC_OPT_PATH:
        return parse_string(o, cfg, text, why);
    case AC_OPT_CHOICE:
        return parse_choice(o, cfg, text, why);
    case AC_OPT_END:
        break;
    }
    ac_str_add(why, "the option has no type");
    return AC_EINVAL;
}

/* Plain in YAML only what cannot be read as anything but text. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-";

    if (!*text || !strchr(letters, *text) || strspn(text, others) != strlen(text))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0)
            return false;
    }
    return true;
}

void ac_yaml_scalar(struct ac_str *out, const char *text)
{
    if (is_plain(text)) {
        ac_str_add(out, text);
        return;
    }
    ac_str_add(out, "\"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            ac_str_addf(out, "\\%c", *p);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            ac_str_addf(out, "\\x%02X", (unsigned char)*p);
        else
            ac_str_add_n(out, p, 1);
    }
    ac_str_add(out, "\"");
}

void ac_option_print(const struct ac_option *o, const void *cfg, struct ac_str *out)
{
    const void *field = const_field_of(o, cfg);

    switch (o->type) {
    case AC_OPT_BOOL:
        ac_str_add(out, *(const bool *)field ? "true" : "false");
        break;
    case AC_OPT_INT:
        ac_str_addf(out, "%d", *(const int *)field);
        break;
    case AC_OPT_FLOAT:
        ac_str_addf(out, "%.10g", *(const double *)field);
        break;
    case AC_OPT_STRING:
    case AC_OPT_PATH: {
        const char *text = *(char *const *)field;
        if (!text)
            text = "";
        ac_yaml_scalar(out, (o->flags & AC_OPT_SECRET) && *text ? "***" : text);
        break;
    }
    case AC_OPT_CHOICE:
        ac_str_add(out, o->choices[*(const int *)field]);
        break;
    case AC_OPT_END:
        break;
    }
}

void ac_option_takes(const struct ac_option *o, struct ac_str *out)
{
    switch (o->type) {
    case AC_OPT_BOOL:
        ac_str_add(out, "true or false");
        break;
    case AC_OPT_INT:
        ac_str_addf(out, "whole number, %.0f to %.0f", o->min, o->max);
        break;
    case AC_OPT_FLOAT:
        ac_str_addf(out, "number, %g to %g", o->min, o->max);
        break;
    case AC_OPT_STRING:
        ac_str_add(out, "text");
        break;
    case AC_OPT_PATH:
        ac_str_add(out, "path");
        break;
    case AC_OPT_CHOICE:
        add_choices(o, out);
        break;
    case AC_OPT_END:
        break;
    }
}

/* The default as a YAML scalar: numbers and words as they stand in the table, text quoted when needed. */
static void add_default(const struct ac_option *o, struct ac_str *out)
{
    const char *def = o->def ? o->def : "";

    if (o->type == AC_OPT_STRING || o->type == AC_OPT_PATH)
        ac_yaml_scalar(out, def);
    else
        ac_str_add(out, def);
}

void ac_option_help(const struct ac_option *o, const char *prefix, struct ac_str *out)
{
    ac_str_addf(out, "  %s%s%s=", prefix, *prefix ? "." : "", o->name);
    add_default(o, out);
    ac_str_add(out, "  (");
    ac_option_takes(o, out);
    ac_str_addf(out, ")\n      %s\n", o->help);
}

/* The text of a table's cell: a bar would end it. */
static void add_cell(const char *text, struct ac_str *out)
{
    for (const char *p = text; *p; p++) {
        if (*p == '|')
            ac_str_add(out, "\\");
        ac_str_add_n(out, p, 1);
    }
}

void ac_option_markdown(const struct ac_option *o, const char *prefix, struct ac_str *out)
{
    struct ac_str def = {0};

    ac_str_addf(out, "| `%s%s%s` | ", prefix, *prefix ? "." : "", o->name);
    ac_option_takes(o, out);
    ac_str_add(out, " | `");
    add_default(o, &def);
    add_cell(def.p ? def.p : "", out);
    ac_str_add(out, "` | ");
    add_cell(o->help, out);
    ac_str_free(&def);
    if (o->flags & AC_OPT_RUNTIME)
        ac_str_add(out, " May change while running.");
    if (o->flags & AC_OPT_SECRET)
        ac_str_add(out, " Secret: never shown.");
    ac_str_add(out, " |\n");
}

void ac_option_sample(const struct ac_option *o, int indent, struct ac_str *out)
{
    ac_str_addf(out, "%*s# %s (", indent, "", o->help);
    ac_option_takes(o, out);
    ac_str_addf(out, ")\n%*s#%s: ", indent, "", o->name);
    add_default(o, out);
    ac_str_add(out, "\n");
}
