/*
 * Another configuration while the server runs. The hub's pointer changes at once; what was handed the old one
 * goes on with it until its next turn or stream, and so no configuration is freed before the end: they are
 * small, and seldom.
 */
#include "core/session_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void ac_config_change_free(struct ac_config_change *change)
{
    ac_str_free(&change->changed);
    ac_str_free(&change->restart);
    ac_str_free(&change->errors);
}

/* Puts it in the place of the running one. */
static void use(struct ac_hub *hub, struct ac_config *cfg)
{
    struct old_config *o = ac_zalloc(sizeof *o);
    int level_before = ac_config_log(hub->cfg)->level, level = ac_config_log(cfg)->level;

    o->cfg = cfg;
    o->next = hub->loaded;
    hub->loaded = o;
    atomic_store(&hub->cfg, cfg);
    ac_models_configure(hub->models, cfg);
    if (level != level_before)
        ac_log_set_level((enum ac_log_level)(level + 1));
    pthread_mutex_lock(&hub->lock);
    hub_admit(hub); /* max_sessions may be larger now */
    pthread_mutex_unlock(&hub->lock);
}

static void log_lines(const char *event, const char *key, const struct ac_str *text)
{
    char *copy = ac_strdup(text->p ? text->p : ""), *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        ac_log_warn("config", event, AC_S(key, line));
    free(copy);
}

int ac_hub_reload(struct ac_hub *hub, const char *const *sets, size_t n, struct ac_config_change *change)
{
    struct ac_config_diff diff = {{0}, {0}};
    struct ac_config *cfg = NULL;

    *change = (struct ac_config_change){{0}, {0}, {0}};
    pthread_mutex_lock(&hub->reload_lock);
    int err = ac_config_load_again(&cfg, hub->cfg, sets, n, &diff, &change->errors);
    change->changed = diff.changed;
    change->restart = diff.restart;
    if (err) {
        err = AC_ECONFIG;
        log_lines("refused", "error", &change->errors);
    } else if (change->restart.len) {
        err = AC_ENOTSUP;
        log_lines("needs_restart", "option", &change->restart);
    } else if (change->changed.len || n) {
        use(hub, cfg);
        cfg = NULL;
        ac_log_info("config", "reloaded", AC_S("changed", change->changed.p));
    }
    pthread_mutex_unlock(&hub->reload_lock);
    ac_config_free(cfg);
    return err;
}
