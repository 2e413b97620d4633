/*
 * Model cache: what engines share between sessions. A model is opened on first use, once a process, counted
 * by its users, and closed when nobody uses it and ac_models_trim asks (or at the end).
 *
 * Threads: any; opening one model holds up only those who want the same one.
 */
#ifndef AC_CORE_MODELS_H
#define AC_CORE_MODELS_H

#include "core/config.h"
#include "core/metrics.h"

struct ac_models;
struct ac_instance; /* an engine opened for one user: model reference + instance memory */

struct ac_models *ac_models_new(const struct ac_config *cfg);
void ac_models_free(struct ac_models *m); /* every instance must be closed */
/* Where loads and the time in engines are counted from now on (borrowed); NULL = nowhere. At the start. */
void ac_models_set_metrics(struct ac_models *m, struct ac_metrics *metrics);
struct ac_metrics *ac_models_metrics(const struct ac_models *m);
/*
 * Another configuration (borrowed, like the one before, until the end): instances that are opened from now on
 * take their options from it; models that are open stay as they are.
 */
void ac_models_configure(struct ac_models *m, const struct ac_config *cfg);
/* Closes models that nobody has used for so long (0: that nobody uses now); returns how many. */
size_t ac_models_trim(struct ac_models *m, int64_t idle_us);
/* Closes the model of one engine, where nobody uses it. */
void ac_models_close_unused(struct ac_models *m, const struct ac_handler_info *info);

/*
 * Opens an instance of an engine (its model too, on first use). reason (may be NULL, at least 256 bytes) gets
 * the engine's own sentence on failure.
 */
int ac_instance_open(struct ac_instance **inst, struct ac_models *m, const struct ac_handler_info *info,
                     const struct ac_prefs *prefs, char *reason);
void ac_instance_close(struct ac_instance *inst); /* NULL is fine */
/*
 * Closes those of the n that were opened with another configuration than is used now, and sets them NULL:
 * between two units of work, so that the next one has the new options.
 */
void ac_instances_close_old(struct ac_instance **inst, size_t n);
int ac_instance_process(struct ac_instance *inst, const struct ac_frame *in, struct ac_sink *out,
                        struct ac_cancel *c);
void ac_instance_reset(struct ac_instance *inst);
/* Tells the engine that work is likely to follow soon; nothing where it has no use for that. */
void ac_instance_warm(struct ac_instance *inst, struct ac_cancel *c);
const struct ac_handler_info *ac_instance_info(const struct ac_instance *inst);
/* The sentence of ac_env_fail of the last failed call, "" when none. */
const char *ac_instance_reason(const struct ac_instance *inst);

/* How the engines stand. Strings are static. */
struct ac_model_info {
    const struct ac_handler_info *engine;
    const char *name; /* "tts.flite" */
    bool open;
    bool tried; /* it was opened before, or that was tried */
    int err;    /* of the last try */
    size_t users;
    int64_t idle_us; /* since its last user, where it has none; 0 while it is used or not open */
    uint64_t loads;
    char reason[256]; /* of err */
};
/* One entry an engine of the registry; *list is the caller's (free). Waits for no model. */
size_t ac_models_infos(struct ac_models *m, struct ac_model_info **list);

/*
 * What the engines of a stage offer (voices, avatars): first what is taken where a session names none, then
 * the others in fall-back order. Returns how many.
 */
size_t ac_models_list(struct ac_models *m, enum ac_stage stage, ac_item_fn *fn, void *arg);
/* The same for one engine. */
size_t ac_models_list_engine(struct ac_models *m, const struct ac_handler_info *info, ac_item_fn *fn,
                             void *arg);
/* What the engine tells of how it stands (ac_handler_info.examine); false when it has nothing to tell. */
bool ac_models_examine(struct ac_models *m, const struct ac_handler_info *info, ac_finding_fn *fn, void *arg);
/*
 * Makes one more choice of a file (an avatar of a photo) by the first engine of the stage that can. Takes its
 * time on the calling thread. AC_ENOTSUP: none can. reason as in ac_instance_open.
 */
int ac_models_make(struct ac_models *m, enum ac_stage stage, const struct ac_make *make, struct ac_cancel *c,
                   char *reason);
/*
 * Makes a quicker form of a model's file, by the first engine of the stage that can; the same rules.
 */
int ac_models_optimize(struct ac_models *m, enum ac_stage stage, const struct ac_optimize *how,
                       struct ac_cancel *c, char *reason);
/* The first engine of the stage that can, NULL when none can. */
const struct ac_handler_info *ac_models_optimizer(struct ac_models *m, enum ac_stage stage);

#endif
