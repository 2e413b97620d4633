/* `avatar-chat models`: which bigger models there are, fetching and checking them, making one quicker. */
#include "cli/cli.h"
#include "cli/models_files.h"
#include "cli/models_optimize.h"
#include "cli/models_pull.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct choices {
    const char *list_file, *dir, *mirror;
    bool yes, accept_unverified, json;
};

static char *folder_of(const struct choices *c, const struct ac_model_entry *e)
{
    return ac_asprintf("%s/%s", c->dir, e->name);
}

static bool is_there(const struct choices *c, const struct ac_model_entry *e)
{
    char *folder = folder_of(c, e);
    bool yes = access(folder, F_OK) == 0;

    free(folder);
    return yes;
}

/* ---- list ---- */

static int list_models(const struct choices *c, const struct ac_model_list *models)
{
    struct ac_str out = {0};
    json_t *all = json_array();

    for (size_t i = 0; i < models->n; i++) {
        const struct ac_model_entry *e = &models->items[i];
        bool here = is_there(c, e);
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b}", "name", e->name,
                                             "engine", e->engine, "help", e->help, "license", e->license,
                                             "license_url", e->license_url, "url", e->url, "sha256",
                                             e->sha256, "bytes", (json_int_t)e->bytes, "installed", here));
        if (c->json)
            continue;
        ac_str_addf(&out, "%-18s %-16s %-10s %s (%s", e->name, e->engine, here ? "installed" : "", e->help,
                    e->license);
        if (e->bytes)
            ac_str_addf(&out, ", %.0f MB", (double)e->bytes / 1e6);
        ac_str_add(&out, *e->sha256 ? ")\n" : ", no checksum known)\n");
    }
    if (c->json) {
        char *text = json_dumps(all, JSON_INDENT(2));
        ac_str_addf(&out, "%s\n", text);
        free(text);
    }
    json_decref(all);
    int status = out.len ? ac_cli_print("models", &out) : AC_EXIT_OK;
    ac_str_free(&out);
    return status;
}

/* ---- pull ---- */

static bool confirmed(const struct choices *c, const struct ac_model_entry *e)
{
    char answer[16];

    fprintf(stderr, "%s (%s)\n  from     %s%s\n  licence  %s, %s\n  into     %s/%s\n", e->name, e->help,
            c->mirror ? c->mirror : e->url, c->mirror ? " (mirror)" : "", e->license, e->license_url, c->dir,
            e->name);
    if (e->bytes)
        fprintf(stderr, "  size     %.0f MB\n", (double)e->bytes / 1e6);
    if (c->yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        ac_cli_fail("models", "nobody is there to agree to the licence: read it, then say --yes");
        return false;
    }
    fprintf(stderr, "Fetch it under this licence? [y/N] ");
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Whether a file is there that would be replaced, and is the user's own. */
static bool is_own(const struct ac_model_entry *e, const char *folder)
{
    char *sums = ac_asprintf("%s/" AC_MODEL_SUMS, folder);
    bool own = false;

    for (size_t i = 0; i < e->n_files && access(sums, F_OK) != 0; i++) {
        char *file = ac_asprintf("%s/%s", folder, e->files[i]);
        own = own || access(file, F_OK) == 0;
        free(file);
    }
    free(sums);
    return own;
}

static int pull(const struct choices *c, const struct ac_model_entry *e)
{
    struct ac_model_pull how = {.dir = c->dir,
                                .mirror = c->mirror,
                                .accept_unverified = c->accept_unverified,
                                .bar = isatty(STDERR_FILENO) == 1};
    struct ac_str why = {0};
    char *folder = folder_of(c, e);
    int status = AC_EXIT_OK;

    if (ac_model_verify(e, folder, &why) == 0) {
        fprintf(stderr, "avatar-chat models: %s is there already, and whole\n", folder);
    } else if (is_own(e, folder)) {
        status = ac_cli_fail("models", "%s has files that 'models pull' did not bring: move them away first",
                             folder);
    } else if (!confirmed(c, e)) {
        status = AC_EXIT_FAILED;
    } else {
        ac_str_clear(&why);
        if (ac_model_pull(e, &how, &why) != 0)
            status = ac_cli_fail("models", "%s", why.p ? why.p : e->name);
        else
            fprintf(stderr, "avatar-chat models: %s is ready\n", folder);
    }
    free(folder);
    ac_str_free(&why);
    return status;
}

/* ---- verify ---- */

static int verify(const struct choices *c, const struct ac_model_entry *e, bool named)
{
    struct ac_str why = {0};
    char *folder = folder_of(c, e);
    int err = ac_model_verify(e, folder, &why), status = AC_EXIT_OK;

    if (!err)
        printf("%s: ok\n", e->name);
    else if (err != AC_ENOENT)
        status = ac_cli_fail("models", "%s; remove the folder and pull it again", why.p ? why.p : folder);
    else if (named)
        status = ac_cli_fail("models", "%s is not there: run 'avatar-chat models pull %s'", folder, e->name);
    free(folder);
    ac_str_free(&why);
    return status;
}

/* ---- the command ---- */

static int unknown_model(const struct ac_model_list *models, const char *name)
{
    const char **names = ac_zalloc((models->n + 1) * sizeof *names);

    for (size_t i = 0; i < models->n; i++)
        names[i] = models->items[i].name;
    const char *near = ac_nearest(name, names, models->n);
    int status =
        near ? ac_cli_usage_error("models", "there is no model '%s': did you mean '%s'?", name, near)
             : ac_cli_usage_error("models", "there is no model '%s': see 'avatar-chat models list'", name);
    free(names);
    return status;
}

static int run(const struct choices *c, const struct ac_model_list *models, const struct ac_cli_list *words)
{
    const char *verb = words->items[0];
    bool pulls = strcmp(verb, "pull") == 0, verifies = strcmp(verb, "verify") == 0;
    int status = AC_EXIT_OK;

    if (strcmp(verb, "list") == 0 && words->n == 1)
        return list_models(c, models);
    if (!pulls && !verifies)
        return ac_cli_usage_error("models", "say list, pull NAME…, verify [NAME…] or optimize FILE");
    if (pulls && words->n == 1)
        return ac_cli_usage_error("models", "name the model to pull: see 'avatar-chat models list'");
    for (size_t i = 1; i < words->n; i++) {
        if (!ac_model_list_find(models, words->items[i]))
            return unknown_model(models, words->items[i]);
    }
    for (size_t i = 0; i < models->n; i++) {
        const struct ac_model_entry *e = &models->items[i];
        bool named = false;
        for (size_t k = 1; k < words->n; k++)
            named = named || strcmp(words->items[k], e->name) == 0;
        int one = pulls && named                         ? pull(c, e)
                  : verifies && (named || words->n == 1) ? verify(c, e, named)
                                                         : AC_EXIT_OK;
        status = one > status ? one : status;
    }
    return status;
}

/* The list that comes with the program, wherever its data is. */
static char *find_list(const struct choices *c, struct ac_config **cfg)
{
    struct ac_cli_list none = {0};
    struct ac_env env = {0};

    if (c->list_file)
        return ac_strdup(c->list_file);
    if (ac_cli_load("models", cfg, NULL, &none, true) != AC_CLI_GO)
        return NULL;
    env.data_dirs = ac_config_data_dirs(*cfg);
    return ac_env_path(&env, "config/models.yaml");
}

static int models_command(const struct choices *c, const struct ac_cli_list *words)
{
    struct ac_model_list models = {0};
    struct ac_str why = {0};
    struct ac_config *cfg = NULL;
    char *path = find_list(c, &cfg);
    int status;

    if (!path)
        status =
            ac_cli_fail("models", "there is no config/models.yaml: start from the project's folder, or set "
                                  "AVATAR_CHAT_DATA");
    else if (ac_model_list_read(&models, path, &why) != 0)
        status = ac_cli_fail("models", "%s", why.p);
    else
        status = run(c, &models, words);
    ac_model_list_free(&models);
    ac_str_free(&why);
    ac_config_free(cfg);
    free(path);
    return status;
}

int ac_cli_models(int argc, char **argv)
{
    struct choices c = {.dir = "models"};
    struct ac_cli_list words = {0};
    const struct ac_cli_option options[] = {
        {0, "dir", "DIR", "Where models are, each in its folder; else ./models.", NULL, &c.dir, NULL},
        {0, "list", "FILE", "Another list of models than config/models.yaml.", NULL, &c.list_file, NULL},
        {0, "mirror", "URL", "Fetch from this address, where the archives have their usual names.", NULL,
         &c.mirror, NULL},
        {'y', "yes", NULL, "Agree to the licence without being asked.", &c.yes, NULL, NULL},
        {0, "accept-unverified", NULL, "Use an archive for which the list has no checksum.",
         &c.accept_unverified, NULL, NULL},
        {0, "json", NULL, "list: print JSON.", &c.json, NULL, NULL},
    };
    const struct ac_cli_spec spec = {
        .command = "models",
        .usage = "list | pull NAME… | verify [NAME…] | optimize FILE [options]",
        .help =
            "Lists the bigger models that are no part of the program, fetches them (going on where a "
            "download "
            "broke\noff, checking the checksum, showing the licence) and checks that their files are whole.",
        .notes = "A proxy is taken from http_proxy, https_proxy and no_proxy. 'avatar-chat models optimize "
                 "--help' "
                 "tells of that.",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 64,
    };

    if (argc > 1 && strcmp(argv[1], "optimize") == 0)
        return ac_cli_models_optimize(argc - 1, argv + 1);
    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO && words.n == 0)
        status = ac_cli_usage_error("models", "say list, pull NAME…, verify [NAME…] or optimize FILE");
    if (status == AC_CLI_GO)
        status = models_command(&c, &words);
    ac_cli_list_free(&words);
    return status;
}
