/*
 * The configuration tree: built with its defaults from the option tables, then overlaid by the file
 * (config_yaml.c), the environment and --set, in that order; then checked as a whole. Whatever is wrong is
 * noted and the rest goes on, so that one run shows every error.
 */
#include "core/config_private.h"

#include "base/installed.h"
#include "base/mem.h"
#include "core/options.h"
#include "core/registry.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENV_PREFIX   "AVATAR_CHAT_"
#define DEFAULT_FILE "avatar-chat.yaml"

/* ---- building ---- */

static char *env_name(const char *path)
{
    char *name = ac_asprintf(ENV_PREFIX "%s", path);

    for (char *p = name; *p; p++)
        *p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
    return name;
}

static void add_entry(struct ac_config *cfg, char *path, const struct config_section *section,
                      const struct ac_option *option, enum ac_stage stage)
{
    cfg->entries = ac_realloc_array(cfg->entries, cfg->n_entries + 1, sizeof *cfg->entries);
    cfg->entries[cfg->n_entries++] = (struct config_entry){
        .path = path, .env = env_name(path), .section = section, .option = option, .stage = stage};
}

static int add_section(struct ac_config *cfg, char *name, const struct ac_config_part *part,
                       const struct ac_handler_info *info, struct ac_str *errors)
{
    struct config_section *s = &cfg->sections[cfg->n_sections++];
    size_t size = part ? part->size : info->cfg_size;
    struct ac_str why = {0};

    *s = (struct config_section){.name = name,
                                 .help = part ? part->help : info->help,
                                 .info = info,
                                 .options = part ? part->options : info->options,
                                 .values = ac_zalloc(size ? size : 1)};
    int err = ac_options_defaults(s->options, s->values, &why);
    if (err)
        ac_str_addf(errors, "%s: %s", name, why.p);
    ac_str_free(&why);
    for (const struct ac_option *o = s->options; o && o->type != AC_OPT_END; o++)
        add_entry(cfg, ac_asprintf("%s.%s", name, o->name), s, o, info ? info->stage : AC_STAGE_INVALID);
    return err;
}

static size_t count_engines(void)
{
    size_t n = 0;

    while (ac_registry()[n])
        n++;
    return n;
}

/* Room for every engine that there is. */
static const struct ac_handler_info **new_engine_list(void)
{
    return ac_zalloc((count_engines() + 1) * sizeof(void *));
}

/* Engines that cannot do anything without settings are used where somebody asks for them. */
static void drop_unset(struct config_use *use)
{
    size_t n = 0;

    for (size_t i = 0; i < use->n; i++) {
        if (!(use->engines[i]->flags & AC_HANDLER_NEEDS_CONFIG))
            use->engines[n++] = use->engines[i];
    }
    use->n = n ? n : use->n;
}

/* The stage's `use` (its engines, in the registry's order) and a section an engine. */
static int add_stage(struct ac_config *cfg, enum ac_stage stage, struct ac_str *errors)
{
    struct config_use *use = &cfg->use[stage];
    int err = 0;

    use->engines = new_engine_list();
    for (const struct ac_handler_info *const *h = ac_registry(); *h; h++) {
        if ((*h)->stage == stage)
            use->engines[use->n++] = *h;
    }
    if (use->n == 0)
        return 0;
    add_entry(cfg, ac_asprintf("%s.use", ac_stage_name(stage)), NULL, NULL, stage);
    for (size_t i = 0; i < use->n; i++) {
        const struct ac_handler_info *info = use->engines[i];
        char *name = ac_asprintf("%s.%s", ac_stage_name(stage), info->name);
        int r = add_section(cfg, name, NULL, info, errors);
        err = err ? err : r;
    }
    drop_unset(use);
    return err;
}

int config_new(struct ac_config **out, struct ac_str *errors)
{
    struct ac_config *cfg = ac_zalloc(sizeof *cfg);
    int err = 0;

    /* entries point to sections: the array is never moved */
    cfg->sections = ac_zalloc((AC_PART_COUNT + count_engines()) * sizeof *cfg->sections);
    for (int i = 0; i < AC_PART_COUNT; i++) {
        int r = add_section(cfg, ac_strdup(ac_config_parts[i].name), &ac_config_parts[i], NULL, errors);
        err = err ? err : r;
    }
    for (int stage = AC_STAGE_INVALID + 1; stage < AC_STAGE_COUNT; stage++) {
        int r = add_stage(cfg, stage, errors);
        err = err ? err : r;
    }
    if (err)
        ac_config_free(cfg);
    else
        *out = cfg;
    return err;
}

void ac_config_free(struct ac_config *cfg)
{
    if (!cfg)
        return;
    for (size_t i = 0; i < cfg->n_sections; i++) {
        ac_options_free(cfg->sections[i].options, cfg->sections[i].values);
        free(cfg->sections[i].values);
        free(cfg->sections[i].name);
    }
    free(cfg->sections);
    for (size_t i = 0; i < cfg->n_entries; i++) {
        free(cfg->entries[i].path);
        free(cfg->entries[i].env);
        free(cfg->entries[i].where);
    }
    free(cfg->entries);
    for (int stage = 0; stage < AC_STAGE_COUNT; stage++)
        free(cfg->use[stage].engines);
    for (char **d = cfg->data_dirs; d && *d; d++)
        free(*d);
    free(cfg->data_dirs);
    for (size_t i = 0; i < cfg->n_sets; i++)
        free(cfg->sets[i]);
    free(cfg->sets);
    free(cfg->file);
    free(cfg->file_dir);
    free(cfg);
}

/* ---- looking up ---- */

struct config_entry *config_find(struct ac_config *cfg, const char *path)
{
    for (size_t i = 0; i < cfg->n_entries; i++) {
        if (strcmp(cfg->entries[i].path, path) == 0)
            return &cfg->entries[i];
    }
    return NULL;
}

/* What follows "GROUP." in path; NULL when path is not below the group. "" is the group of all. */
static const char *below(const char *path, const char *group)
{
    size_t n = strlen(group);

    if (n == 0)
        return path;
    return strncmp(path, group, n) == 0 && path[n] == '.' ? path + n + 1 : NULL;
}

bool config_is_group(const struct ac_config *cfg, const char *path)
{
    for (size_t i = 0; i < cfg->n_sections; i++) {
        if (strcmp(cfg->sections[i].name, path) == 0 || below(cfg->sections[i].name, path))
            return true;
    }
    return false;
}

static void add_child(char ***names, size_t *n, const char *rest)
{
    size_t len = strcspn(rest, ".");

    for (size_t i = 0; i < *n; i++) {
        if (strlen((*names)[i]) == len && strncmp((*names)[i], rest, len) == 0)
            return;
    }
    *names = ac_realloc_array(*names, *n + 1, sizeof **names);
    (*names)[(*n)++] = ac_strndup(rest, len);
}

size_t config_children(const struct ac_config *cfg, const char *group, char ***names)
{
    size_t n = 0;
    const char *rest;

    *names = NULL;
    for (size_t i = 0; i < cfg->n_entries; i++) {
        if ((rest = below(cfg->entries[i].path, group)) != NULL)
            add_child(names, &n, rest);
    }
    for (size_t i = 0; i < cfg->n_sections; i++) { /* those without options, too */
        if ((rest = below(cfg->sections[i].name, group)) != NULL)
            add_child(names, &n, rest);
    }
    return n;
}

void config_names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

void config_suggest(struct ac_str *errors, const char *name, const char *const *names, size_t n)
{
    const char *near = ac_nearest(name, names, n);

    if (near) {
        ac_str_addf(errors, "; did you mean '%s'?\n", near);
        return;
    }
    if (n == 0)
        ac_str_add(errors, "; there is nothing to set here");
    for (size_t i = 0; i < n; i++)
        ac_str_addf(errors, "%s%s", i == 0 ? "; there is " : i + 1 == n ? " and " : ", ", names[i]);
    ac_str_add(errors, "\n");
}

/* ---- setting ---- */

static void set_origin(struct config_entry *e, enum ac_origin origin, const char *where)
{
    e->origin = origin;
    free(e->where);
    e->where = ac_strdup(where);
}

/* A path from the file that exists beside the file; malloc'ed, NULL otherwise. */
static char *path_beside_file(const struct ac_config *cfg, const char *path)
{
    if (*path == '\0' || *path == '/' || !cfg->file_dir)
        return NULL;
    char *joined = ac_asprintf("%s/%s", cfg->file_dir, path);
    if (access(joined, F_OK) == 0)
        return joined;
    free(joined);
    return NULL;
}

int config_set(struct ac_config *cfg, struct config_entry *e, const char *text, enum ac_origin origin,
               const char *where, struct ac_str *errors)
{
    struct ac_str why = {0};
    char *joined = NULL;

    if (!e->option) {
        char *copy = ac_strdup(text), *save = NULL;
        const char **names = NULL;
        size_t n = 0;
        for (char *p = strtok_r(copy, ", []", &save); p; p = strtok_r(NULL, ", []", &save)) {
            names = ac_realloc_array(names, n + 1, sizeof *names);
            names[n++] = p;
        }
        int err = config_set_use(cfg, e, names, n, origin, where, errors);
        free(names);
        free(copy);
        return err;
    }
    if (e->option->type == AC_OPT_PATH && origin == AC_ORIGIN_FILE)
        joined = path_beside_file(cfg, text);
    int err = ac_option_parse(e->option, e->section->values, joined ? joined : text, &why);
    if (err)
        ac_str_addf(errors, "%s: %s: %s\n", where, e->path, why.p);
    else
        set_origin(e, origin, where);
    free(joined);
    ac_str_free(&why);
    return err ? AC_ECONFIG : 0;
}

static int unknown_engine(enum ac_stage stage, const char *name, const char *where, struct ac_str *errors)
{
    const char **names = ac_zalloc((count_engines() + 1) * sizeof *names);
    size_t n = 0;

    for (const struct ac_handler_info *const *h = ac_registry(); *h; h++) {
        if ((*h)->stage == stage)
            names[n++] = (*h)->name;
    }
    ac_str_addf(errors, "%s: %s.use: no engine '%s' is built in", where, ac_stage_name(stage), name);
    config_suggest(errors, name, names, n);
    free(names);
    return AC_ECONFIG;
}

int config_set_use(struct ac_config *cfg, struct config_entry *e, const char *const *names, size_t n,
                   enum ac_origin origin, const char *where, struct ac_str *errors)
{
    struct config_use *use = &cfg->use[e->stage];
    const struct ac_handler_info **engines = new_engine_list();
    size_t n_engines = 0;
    int err = 0;

    for (size_t i = 0; i < n; i++) {
        const struct ac_handler_info *info = ac_registry_find(e->stage, names[i]);
        bool twice = false;
        for (size_t k = 0; k < n_engines; k++)
            twice = twice || engines[k] == info;
        if (!info) {
            err = unknown_engine(e->stage, names[i], where, errors);
        } else if (twice) {
            ac_str_addf(errors, "%s: %s: '%s' is named twice; name each engine once\n", where, e->path,
                        names[i]);
            err = AC_ECONFIG;
        } else {
            engines[n_engines++] = info;
        }
    }
    if (n == 0) {
        ac_str_addf(errors, "%s: %s: no engine is named; name at least one, or leave the option out\n", where,
                    e->path);
        err = AC_ECONFIG;
    }
    if (err) {
        free(engines);
        return err;
    }
    free(use->engines);
    use->engines = engines;
    use->n = n_engines;
    set_origin(e, origin, where);
    return 0;
}

/* ---- environment and --set ---- */

/* Variables that are no options. */
static bool is_other_variable(const char *name)
{
    static const char *const others[] = {"DATA", "BIN", "ONNXRUNTIME", "ADMIN_TOKEN", "CLIENT_TOKENS"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name + strlen(ENV_PREFIX), others[i]) == 0)
            return true;
    return false;
}

static int read_env_one(struct ac_config *cfg, const char *assignment, struct ac_str *errors)
{
    const char *value = strchr(assignment, '=');
    char *name = ac_strndup(assignment, value ? (size_t)(value - assignment) : strlen(assignment));
    int err = 0;

    if (!value || is_other_variable(name))
        goto out;
    for (size_t i = 0; i < cfg->n_entries; i++) {
        if (strcmp(cfg->entries[i].env, name) == 0) {
            err = config_set(cfg, &cfg->entries[i], value + 1, AC_ORIGIN_ENV, name, errors);
            goto out;
        }
    }
    const char **names = ac_zalloc((cfg->n_entries + 1) * sizeof *names);
    for (size_t i = 0; i < cfg->n_entries; i++)
        names[i] =
            cfg->entries[i].env + strlen(ENV_PREFIX); /* which all share: it would make all look near */
    const char *near = ac_nearest(name + strlen(ENV_PREFIX), names, cfg->n_entries);
    free(names);
    ac_str_addf(errors, "%s: this variable of the environment matches no option; ", name);
    if (near)
        ac_str_addf(errors, "did you mean '" ENV_PREFIX "%s'?\n", near);
    else
        ac_str_add(errors, "unset it, or see 'avatar-chat config reference' for the options\n");
    err = AC_ECONFIG;
out:
    free(name);
    return err;
}

static int read_env(struct ac_config *cfg, struct ac_str *errors)
{
    int err = 0;

    for (char **p = environ; p && *p; p++) {
        if (strncmp(*p, ENV_PREFIX, strlen(ENV_PREFIX)) == 0 && read_env_one(cfg, *p, errors) != 0)
            err = AC_ECONFIG;
    }
    return err;
}

static int read_set(struct ac_config *cfg, const char *assignment, struct ac_str *errors)
{
    const char *value = strchr(assignment, '=');
    int err = 0;

    if (!value) {
        ac_str_addf(errors, "--set %s: '=' is missing; write --set %s=VALUE\n", assignment, assignment);
        return AC_ECONFIG;
    }
    char *path = ac_strndup(assignment, (size_t)(value - assignment));
    struct config_entry *e = config_find(cfg, path);
    if (e) {
        err = config_set(cfg, e, value + 1, AC_ORIGIN_SET, "--set", errors);
    } else {
        const char **names = ac_zalloc((cfg->n_entries + 1) * sizeof *names);
        for (size_t i = 0; i < cfg->n_entries; i++)
            names[i] = cfg->entries[i].path;
        const char *near = ac_nearest(path, names, cfg->n_entries);
        free(names);
        ac_str_addf(errors, "--set: unknown option '%s'; ", path);
        if (near)
            ac_str_addf(errors, "did you mean '%s'?\n", near);
        else
            ac_str_add(errors, "see 'avatar-chat config reference' for the options\n");
        err = AC_ECONFIG;
    }
    free(path);
    return err;
}

/* ---- data directories ---- */

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int set_data_dirs(struct ac_config *cfg, struct ac_str *errors)
{
    const char *env = getenv(ENV_PREFIX "DATA");
    size_t n = 0;

    cfg->data_dirs = ac_zalloc(5 * sizeof *cfg->data_dirs);
    if (env && *env)
        cfg->data_dirs[n++] = ac_strdup(env);
    if (cfg->file_dir)
        cfg->data_dirs[n++] = ac_strdup(cfg->file_dir);
    char *installed = ac_installed_path("share/avatar-chat");
    if (installed)
        cfg->data_dirs[n++] = installed;
    cfg->data_dirs[n++] = ac_strdup(AC_SOURCE_DIR);
    if (env && *env && !is_dir(env)) {
        ac_str_addf(errors,
                    ENV_PREFIX "DATA: '%s' is not a folder; name one that holds avatars/ and knowledge/\n",
                    env);
        return AC_ECONFIG;
    }
    return 0;
}

/* The page that was built (a source tree) or installed, else where a build would put it. */
static char *find_web_dir(const struct ac_config *cfg)
{
    static const char *const places[] = {"web/apps/chat/dist", "web"};

    for (char **d = cfg->data_dirs; *d; d++) {
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            char *index = ac_asprintf("%s/%s/index.html", *d, places[i]);
            bool found = access(index, R_OK) == 0;
            free(index);
            if (found)
                return ac_asprintf("%s/%s", *d, places[i]);
        }
    }
    return ac_asprintf("%s/%s", AC_SOURCE_DIR, places[0]);
}

static void resolve_web_dir(struct ac_config *cfg)
{
    struct ac_server_config *server = cfg->sections[AC_PART_SERVER].values;

    if (*server->web_dir)
        return;
    free(server->web_dir);
    server->web_dir = find_web_dir(cfg);
}

/* ---- checks that need more than one option ---- */

static int complain(struct ac_config *cfg, const char *path, const char *what, struct ac_str *errors)
{
    const struct config_entry *e = config_find(cfg, path);

    ac_str_addf(errors, "%s%s%s: %s\n", e->where ? e->where : "", e->where ? ": " : "", path, what);
    return AC_ECONFIG;
}

/* The prompt's file, where one is named, is there. */
static int check_prompt(struct ac_config *cfg, struct ac_str *errors)
{
    const char *file = ac_config_session(cfg)->system_prompt_file;
    struct ac_env env = {.data_dirs = ac_config_data_dirs(cfg)};
    char *found = *file ? ac_env_path(&env, file) : NULL, what[200];

    snprintf(what, sizeof what, "there is no file '%.120s'; name one, or leave it empty", file);
    int err = *file && !found ? complain(cfg, "session.system_prompt_file", what, errors) : 0;
    free(found);
    return err;
}

static int check_whole(struct ac_config *cfg, struct ac_str *errors)
{
    const struct ac_server_config *server = ac_config_server(cfg);
    const struct ac_video_config *video = ac_config_video(cfg);
    const struct ac_listen_config *listen = ac_config_listen(cfg);
    const char *lang = ac_config_session(cfg)->language;
    size_t n_lang = strlen(lang);
    int err = 0;

    if (!*server->host)
        err = complain(cfg, "server.host", "it is empty; write 127.0.0.1, or 0.0.0.0 for every network",
                       errors);
    if (server->out_soft_kb > server->out_hard_kb) {
        const struct config_entry *hard = config_find(cfg, "server.out_hard_kb");
        err = complain(cfg, hard->where ? hard->path : "server.out_soft_kb",
                       "out_soft_kb must not be larger than out_hard_kb", errors);
    }
    if (listen->threshold_low > listen->threshold)
        err = complain(cfg, "listen.threshold_low", "it must not be above listen.threshold", errors);
    if (listen->threshold_speaking < listen->threshold)
        err = complain(cfg, "listen.threshold_speaking", "it must not be below listen.threshold", errors);
    if (listen->pause_ms > listen->silence_ms)
        err = complain(cfg, "listen.pause_ms", "it must not be longer than listen.silence_ms", errors);
    if (video->width % 2)
        err = complain(cfg, "video.width", "it is odd; H.264 wants an even number of pixels", errors);
    if (video->height % 2)
        err = complain(cfg, "video.height", "it is odd; H.264 wants an even number of pixels", errors);
    if (n_lang < 2 || n_lang > 15 ||
        strspn(lang, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != n_lang)
        err = complain(cfg, "session.language", "it is not a language tag; write auto, en, zh-CN or the like",
                       errors);
    return check_prompt(cfg, errors) ? AC_ECONFIG : err;
}

/* ---- loading ---- */

static char *dir_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? ac_strndup(file, slash == file ? 1 : (size_t)(slash - file)) : ac_strdup(".");
}

int ac_config_load(struct ac_config **out, const char *file, const char *const *sets, size_t n_sets,
                   struct ac_str *errors)
{
    struct ac_config *cfg;
    int err = config_new(&cfg, errors), r;

    if (err)
        return err;
    cfg->file_named = file != NULL;
    if (!file && access(DEFAULT_FILE, F_OK) == 0)
        file = DEFAULT_FILE;
    if (file) {
        cfg->file = ac_strdup(file);
        cfg->file_dir = dir_of(file);
        err = config_read_yaml(cfg, errors);
    }
    r = read_env(cfg, errors);
    err = err ? err : r;
    cfg->sets = ac_zalloc((n_sets + 1) * sizeof *cfg->sets);
    for (size_t i = 0; i < n_sets; i++) {
        cfg->sets[cfg->n_sets++] = ac_strdup(sets[i]);
        r = read_set(cfg, sets[i], errors);
        err = err ? err : r;
    }
    r = set_data_dirs(cfg, errors);
    err = err ? err : r;
    r = check_whole(cfg, errors);
    err = err ? err : r;
    if (err) {
        ac_config_free(cfg);
        return err;
    }
    resolve_web_dir(cfg);
    *out = cfg;
    return 0;
}

/* ---- reading ---- */

const struct ac_server_config *ac_config_server(const struct ac_config *cfg)
{
    return cfg->sections[AC_PART_SERVER].values;
}

const struct ac_log_config *ac_config_log(const struct ac_config *cfg)
{
    return cfg->sections[AC_PART_LOG].values;
}

const struct ac_session_config *ac_config_session(const struct ac_config *cfg)
{
    return cfg->sections[AC_PART_SESSION].values;
}

const struct ac_video_config *ac_config_video(const struct ac_config *cfg)
{
    return cfg->sections[AC_PART_VIDEO].values;
}

const struct ac_listen_config *ac_config_listen(const struct ac_config *cfg)
{
    return cfg->sections[AC_PART_LISTEN].values;
}

const struct ac_history_config *ac_config_history(const struct ac_config *cfg)
{
    return cfg->sections[AC_PART_HISTORY].values;
}

size_t ac_config_use(const struct ac_config *cfg, enum ac_stage stage,
                     const struct ac_handler_info *const **engines)
{
    *engines = cfg->use[stage].engines;
    return cfg->use[stage].n;
}

const void *ac_config_engine(const struct ac_config *cfg, const struct ac_handler_info *info)
{
    for (size_t i = 0; i < cfg->n_sections; i++) {
        if (cfg->sections[i].info == info)
            return cfg->sections[i].values;
    }
    return NULL;
}

const char *const *ac_config_data_dirs(const struct ac_config *cfg)
{
    return (const char *const *)cfg->data_dirs;
}
