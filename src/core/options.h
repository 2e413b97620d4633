/*
 * The option-table engine: everything that is known about an option comes from its row in a table
 * (struct ac_option): default, parsing, range check, printing, help, the sample file and the reference.
 *
 * cfg is the struct that the table's offsets point into; it starts zeroed. Strings in it are owned by it
 * (ac_options_free). No global state; one thread at a time on one cfg.
 */
#ifndef AC_CORE_OPTIONS_H
#define AC_CORE_OPTIONS_H

#include "avatarchat/handler.h"
#include "base/str.h"

/* Rows before AC_OPTIONS_END; options may be NULL. */
size_t ac_options_count(const struct ac_option *options);
/* Sets every field to its default. AC_EINTERNAL where a default is wrong (why names it); others are set. */
int ac_options_defaults(const struct ac_option *options, void *cfg, struct ac_str *why);
/* Frees the strings in cfg and sets them NULL, not cfg itself. */
void ac_options_free(const struct ac_option *options, void *cfg);
/*
 * Sets one field from text. AC_EINVAL leaves the field as it was and appends a clause to why ("70000 is out
 * of range: 0 to 65535"), without the option's name and without a new line.
 */
int ac_option_parse(const struct ac_option *o, void *cfg, const char *text, struct ac_str *why);
/* The field's value as a YAML scalar; a secret that is set prints as "***". */
void ac_option_print(const struct ac_option *o, const void *cfg, struct ac_str *out);
/* Appends text as a YAML scalar, quoted where it has to be. */
void ac_yaml_scalar(struct ac_str *out, const char *text);

/* What the option takes: "whole number, 0 to 65535", "error, warn or info", "path". */
void ac_option_takes(const struct ac_option *o, struct ac_str *out);
/* One row of `--help`: two lines, name with default and range, then the help text. */
void ac_option_help(const struct ac_option *o, const char *prefix, struct ac_str *out);
/* One row of the Markdown table "| option | takes | default | meaning |". */
void ac_option_markdown(const struct ac_option *o, const char *prefix, struct ac_str *out);
/* The option in the sample file: a comment, then the row itself commented out, with its default. */
void ac_option_sample(const struct ac_option *o, int indent, struct ac_str *out);

#endif
