/*
 * Inside of the configuration, shared by config.c (tree, environment, --set), config_yaml.c (the file),
 * config_print.c (printing, sample, reference), config_again.c (loading anew, listing) and config_sections.c
 * (the product's own options).
 *
 * The tree is kept flat: sections ("server", "tts.flite") hold the structs, entries ("server.port",
 * "tts.flite.voice", "tts.use") are the leaves that a file, the environment or --set may give.
 */
#ifndef AC_CORE_CONFIG_PRIVATE_H
#define AC_CORE_CONFIG_PRIVATE_H

#include "core/config.h"

/* One of the product's own sections. */
struct ac_config_part {
    const char *name, *help;
    const struct ac_option *options;
    size_t size;
};
enum {
    AC_PART_SERVER,
    AC_PART_LOG,
    AC_PART_SESSION,
    AC_PART_LISTEN,
    AC_PART_VIDEO,
    AC_PART_HISTORY,
    AC_PART_COUNT
};
extern const struct ac_config_part ac_config_parts[AC_PART_COUNT];

struct config_section {
    char *name;
    const char *help;
    const struct ac_handler_info *info; /* NULL: one of the product's own */
    const struct ac_option *options;
    void *values;
};

struct config_entry {
    char *path;                           /* "tts.flite.voice" */
    char *env;                            /* "AVATAR_CHAT_TTS_FLITE_VOICE" */
    const struct config_section *section; /* NULL: `use` of the stage */
    const struct ac_option *option;
    enum ac_stage stage;
    enum ac_origin origin;
    char *where; /* "FILE:LINE", the variable or "--set"; NULL: the default */
};

struct config_use {
    const struct ac_handler_info **engines;
    size_t n;
};

struct ac_config {
    struct config_section *sections;
    size_t n_sections;
    struct config_entry *entries;
    size_t n_entries;
    struct config_use use[AC_STAGE_COUNT];
    char *file, *file_dir; /* NULL: no file */
    bool file_named;       /* the file was asked for, not merely found */
    char **sets;           /* --set, and what was set while running */
    size_t n_sets;
    char **data_dirs;
};

/* The tree with its defaults. AC_EINTERNAL where a default is wrong. */
int config_new(struct ac_config **cfg, struct ac_str *errors);
struct config_entry *config_find(struct ac_config *cfg, const char *path);
/* True where the path is that of a group of options ("server", "tts", "tts.flite"). */
bool config_is_group(const struct ac_config *cfg, const char *path);
/*
 * Names directly below the group ("" = the top); *names is the caller's to free, with its strings
 * (config_names_free).
 */
size_t config_children(const struct ac_config *cfg, const char *group, char ***names);
void config_names_free(char **names, size_t n);
/* "; did you mean 'x'?" or "; there are a, b and c" and a new line. */
void config_suggest(struct ac_str *errors, const char *name, const char *const *names, size_t n);
/*
 * Sets an entry from text (`use`: names between commas). where is copied. Errors go to errors as
 * "WHERE: …".
 */
int config_set(struct ac_config *cfg, struct config_entry *e, const char *text, enum ac_origin origin,
               const char *where, struct ac_str *errors);
int config_set_use(struct ac_config *cfg, struct config_entry *e, const char *const *names, size_t n,
                   enum ac_origin origin, const char *where, struct ac_str *errors);
/* Reads the YAML file cfg->file into the tree. AC_ENOENT, AC_EIO, AC_ECONFIG with lines in errors. */
int config_read_yaml(struct ac_config *cfg, struct ac_str *errors);

#endif
