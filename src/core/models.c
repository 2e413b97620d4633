/*
 * The model cache (models.h): one slot an engine of the registry, fixed when the cache is made, each with a
 * lock of its own. The lock is held while its model is opened or closed, so that whoever wants the same model
 * waits for it and nobody else does. A model that failed to open leaves its slot empty: the next one who asks
 * tries again.
 */
#include "core/models.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "core/registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_SIZE = 256 };

struct slot {
    /* immutable */
    const struct ac_handler_info *info;
    char log_name[64];
    _Atomic(const void *) cfg; /* any thread; what a model was opened with lives on */
    pthread_mutex_t lock;
    /* lock */
    struct ac_env env; /* of the model; outlives it */
    void *model;
    bool open;
    int64_t idle_since_us; /* where there are no users */
    /* state_lock, held for moments, inside of lock: for those who do not wait for a model */
    pthread_mutex_t state_lock;
    struct ac_model_info state;
};

struct ac_models {
    _Atomic(const struct ac_config *) cfg;
    struct ac_metrics *metrics;
    struct slot *slots;
    size_t n;
};

struct ac_instance {
    struct slot *slot;
    struct ac_metrics *metrics;
    const void *cfg; /* it was opened with */
    struct ac_env env;
    void *mem;
};

struct ac_models *ac_models_new(const struct ac_config *cfg)
{
    struct ac_models *m = ac_zalloc(sizeof *m);

    atomic_init(&m->cfg, cfg);
    while (ac_registry()[m->n])
        m->n++;
    m->slots = ac_zalloc((m->n + 1) * sizeof *m->slots);
    for (size_t i = 0; i < m->n; i++) {
        struct slot *s = &m->slots[i];
        s->info = ac_registry()[i];
        atomic_init(&s->cfg, ac_config_engine(cfg, s->info));
        snprintf(s->log_name, sizeof s->log_name, "%s.%s", ac_stage_name(s->info->stage), s->info->name);
        pthread_mutex_init(&s->lock, NULL);
        pthread_mutex_init(&s->state_lock, NULL);
        s->state.engine = s->info;
        s->state.name = s->log_name;
    }
    return m;
}

void ac_models_set_metrics(struct ac_models *m, struct ac_metrics *metrics)
{
    m->metrics = metrics;
}

struct ac_metrics *ac_models_metrics(const struct ac_models *m)
{
    return m->metrics;
}

void ac_models_configure(struct ac_models *m, const struct ac_config *cfg)
{
    for (size_t i = 0; i < m->n; i++)
        atomic_store(&m->slots[i].cfg, ac_config_engine(cfg, m->slots[i].info));
    atomic_store(&m->cfg, cfg);
}

/* How many use the model; `by` more from now on. */
static size_t change_users(struct slot *s, int by)
{
    pthread_mutex_lock(&s->state_lock);
    size_t n = s->state.users += (size_t)by;
    pthread_mutex_unlock(&s->state_lock);
    return n;
}

/* Notes that the model is open (err 0), could not be opened, or (opened false) was closed. */
static void note_state(struct ac_models *m, struct slot *s, bool opened, int err)
{
    pthread_mutex_lock(&s->state_lock);
    struct ac_model_info *st = &s->state;
    ac_metrics_change(m->metrics, AC_GAUGE_MODELS_OPEN, (opened && !err) - st->open);
    st->open = opened && !err;
    if (opened) {
        st->tried = true;
        st->err = err;
        st->loads += !err;
        snprintf(st->reason, sizeof st->reason, "%s",
                 !err               ? ""
                 : s->env.reason[0] ? s->env.reason
                                    : ac_err_text(err));
    }
    pthread_mutex_unlock(&s->state_lock);
    if (opened && !err)
        ac_metrics_model_load(m->metrics, s->log_name);
}

size_t ac_models_infos(struct ac_models *m, struct ac_model_info **list)
{
    int64_t now = ac_now_us();

    *list = ac_zalloc((m->n + 1) * sizeof **list);
    for (size_t i = 0; i < m->n; i++) {
        struct slot *s = &m->slots[i];
        struct ac_model_info *info = &(*list)[i];
        pthread_mutex_lock(&s->state_lock);
        *info = s->state;
        pthread_mutex_unlock(&s->state_lock);
        int64_t since = info->idle_us; /* there: since when */
        info->idle_us = info->open && !info->users && since ? now - since : 0;
    }
    return m->n;
}

/* Lock held. */
static void model_close(struct slot *s)
{
    if (s->info->model_close)
        s->info->model_close(s->model);
    free(s->model);
    s->model = NULL;
    s->open = false;
}

void ac_models_free(struct ac_models *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        struct slot *s = &m->slots[i];
        size_t users = change_users(s, 0);
        if (users) { /* closing it under its users' feet would be worse than a leak */
            ac_log_error("models", "still_in_use", AC_S("engine", s->log_name), AC_I("users", users));
            return;
        }
    }
    for (size_t i = 0; i < m->n; i++) {
        if (m->slots[i].open)
            model_close(&m->slots[i]);
        pthread_mutex_destroy(&m->slots[i].lock);
        pthread_mutex_destroy(&m->slots[i].state_lock);
    }
    free(m->slots);
    free(m);
}

/* Closes a model nobody has used for so long; true when it did. */
static bool close_idle(struct ac_models *m, struct slot *s, int64_t idle_us)
{
    if (pthread_mutex_trylock(&s->lock) != 0) /* it is being opened: in use */
        return false;
    bool idle = s->open && !change_users(s, 0) && ac_now_us() - s->idle_since_us >= idle_us;
    if (idle) {
        ac_log_debug("models", "closed", AC_S("engine", s->log_name));
        model_close(s);
        note_state(m, s, false, 0);
    }
    pthread_mutex_unlock(&s->lock);
    return idle;
}

size_t ac_models_trim(struct ac_models *m, int64_t idle_us)
{
    size_t closed = 0;

    for (size_t i = 0; i < m->n; i++)
        closed += close_idle(m, &m->slots[i], idle_us);
    return closed;
}

void ac_models_close_unused(struct ac_models *m, const struct ac_handler_info *info)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->slots[i].info == info)
            close_idle(m, &m->slots[i], 0);
}

static void env_init(struct ac_env *env, const struct ac_models *m, const struct slot *s,
                     const struct ac_prefs *prefs)
{
    int workers = ac_config_server(m->cfg)->workers;

    *env = (struct ac_env){.log_name = s->log_name, .data_dirs = ac_config_data_dirs(m->cfg)};
    env->threads =
        workers ? workers : ac_cores(); /* one budget: what is drawn and what is heard share the cores */
    if (prefs)
        env->prefs = *prefs;
}

/* Gives the engine's sentence, or the error's own where the engine said nothing. */
static void give_reason(char *reason, const struct ac_env *env, int err)
{
    if (reason)
        snprintf(reason, REASON_SIZE, "%s", env->reason[0] ? env->reason : ac_err_text(err));
}

/* Lock held. */
static int model_open(struct ac_models *m, struct slot *s, char *reason)
{
    int64_t start_us = ac_now_us();
    int err = 0;

    env_init(&s->env, m, s, NULL);
    s->model = ac_zalloc(s->info->model_size ? s->info->model_size : 1);
    if (s->info->model_open)
        err = s->info->model_open(s->model, s->cfg, &s->env);
    if (err) {
        give_reason(reason, &s->env, err);
        ac_log_warn("models", "open_failed", AC_S("engine", s->log_name), AC_S("error", ac_err_name(err)),
                    AC_S("reason", s->env.reason));
        note_state(m, s, true, err);
        model_close(s);
        return err;
    }
    s->open = true;
    note_state(m, s, true, 0);
    ac_log_debug("models", "opened", AC_S("engine", s->log_name), AC_I("took_us", ac_now_us() - start_us));
    return 0;
}

/* Takes a reference on the slot's model, opening it when it is not. */
static int slot_get(struct ac_models *m, struct slot *s, char *reason)
{
    int err = 0;

    pthread_mutex_lock(&s->lock);
    if (!s->open)
        err = model_open(m, s, reason);
    if (!err)
        change_users(s, 1);
    pthread_mutex_unlock(&s->lock);
    return err;
}

static void slot_put(struct slot *s)
{
    pthread_mutex_lock(&s->lock);
    change_users(s, -1);
    s->idle_since_us = ac_now_us();
    pthread_mutex_lock(&s->state_lock);
    s->state.idle_us = s->idle_since_us;
    pthread_mutex_unlock(&s->state_lock);
    pthread_mutex_unlock(&s->lock);
}

static struct slot *slot_of(struct ac_models *m, const struct ac_handler_info *info)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->slots[i].info == info)
            return &m->slots[i];
    }
    return NULL;
}

int ac_instance_open(struct ac_instance **out, struct ac_models *m, const struct ac_handler_info *info,
                     const struct ac_prefs *prefs, char *reason)
{
    struct slot *s = slot_of(m, info);

    if (reason)
        reason[0] = '\0';
    if (!s) {
        if (reason)
            snprintf(reason, REASON_SIZE,
                     "the engine is not in the registry; add it to AC_ENGINES and build again");
        return AC_EINVAL;
    }
    int err = slot_get(m, s, reason);
    if (err)
        return err;
    struct ac_instance *inst = ac_zalloc(sizeof *inst);
    inst->slot = s;
    inst->metrics = m->metrics;
    inst->cfg = s->cfg;
    inst->mem = ac_zalloc(info->inst_size ? info->inst_size : 1);
    env_init(&inst->env, m, s, prefs);
    if (info->open)
        err = info->open(inst->mem, s->model, inst->cfg, &inst->env);
    if (err) {
        give_reason(reason, &inst->env, err);
        ac_instance_close(inst);
        return err;
    }
    *out = inst;
    return 0;
}

void ac_instance_close(struct ac_instance *inst)
{
    if (!inst)
        return;
    if (inst->slot->info->close)
        inst->slot->info->close(inst->mem);
    free(inst->mem);
    slot_put(inst->slot);
    free(inst);
}

void ac_instances_close_old(struct ac_instance **inst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!inst[i] || inst[i]->cfg == atomic_load(&inst[i]->slot->cfg))
            continue;
        ac_instance_close(inst[i]);
        inst[i] = NULL;
    }
}

int ac_instance_process(struct ac_instance *inst, const struct ac_frame *in, struct ac_sink *out,
                        struct ac_cancel *c)
{
    int64_t begin = ac_now_us();

    inst->env.reason[0] = '\0';
    int err = inst->slot->info->process(inst->mem, in, out, c);
    ac_metrics_busy(inst->metrics, inst->slot->info->stage, ac_now_us() - begin);
    return err;
}

void ac_instance_reset(struct ac_instance *inst)
{
    if (inst->slot->info->reset)
        inst->slot->info->reset(inst->mem);
}

void ac_instance_warm(struct ac_instance *inst, struct ac_cancel *c)
{
    if (inst->slot->info->warm)
        inst->slot->info->warm(inst->mem, c);
}

const struct ac_handler_info *ac_instance_info(const struct ac_instance *inst)
{
    return inst->slot->info;
}

const char *ac_instance_reason(const struct ac_instance *inst)
{
    return inst->env.reason;
}

/* ---- listing ---- */

struct counted {
    ac_item_fn *fn;
    void *arg;
    size_t n;
};

static void count_item(void *arg, const struct ac_item *item)
{
    struct counted *c = arg;

    c->n++;
    if (c->fn)
        c->fn(c->arg, item);
}

size_t ac_models_list_engine(struct ac_models *m, const struct ac_handler_info *info, ac_item_fn *fn,
                             void *arg)
{
    struct counted counted = {.fn = fn, .arg = arg};
    struct slot *s = slot_of(m, info);
    if (!s || !info->list || slot_get(m, s, NULL) != 0)
        return 0;
    struct ac_env env;
    env_init(&env, m, s, NULL);
    int err = info->list(s->model, s->cfg, &env, count_item, &counted);
    if (err)
        ac_log_warn("models", "list_failed", AC_S("engine", s->log_name), AC_S("error", ac_err_name(err)),
                    AC_S("reason", env.reason));
    slot_put(s);
    return counted.n;
}

struct kept {
    struct ac_item *items; /* with strings of their own */
    size_t n, first;
};

static char *copy_of(const char *s)
{
    return s ? ac_strdup(s) : NULL;
}

static void keep_item(void *arg, const struct ac_item *item)
{
    struct kept *k = arg;

    k->items = ac_realloc_array(k->items, k->n + 1, sizeof *k->items);
    k->items[k->n] = (struct ac_item){.id = copy_of(item->id),
                                      .name = copy_of(item->name),
                                      .lang = copy_of(item->lang),
                                      .gender = copy_of(item->gender),
                                      .detail = copy_of(item->detail),
                                      .note = copy_of(item->note),
                                      .is_default = item->is_default};
    if (item->is_default && !k->items[k->first].is_default)
        k->first = k->n;
    k->n++;
}

static void free_item(struct ac_item *item)
{
    free((char *)item->id);
    free((char *)item->name);
    free((char *)item->lang);
    free((char *)item->gender);
    free((char *)item->detail);
    free((char *)item->note);
}

size_t ac_models_list(struct ac_models *m, enum ac_stage stage, ac_item_fn *fn, void *arg)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(m->cfg, stage, &engines);
    struct kept k = {0};

    for (size_t i = 0; i < n; i++)
        ac_models_list_engine(m, engines[i], keep_item, &k);
    if (fn && k.n)
        fn(arg, &k.items[k.first]);
    for (size_t i = 0; fn && i < k.n; i++)
        if (i != k.first)
            fn(arg, &k.items[i]);
    for (size_t i = 0; i < k.n; i++)
        free_item(&k.items[i]);
    free(k.items);
    return k.n;
}

bool ac_models_examine(struct ac_models *m, const struct ac_handler_info *info, ac_finding_fn *fn, void *arg)
{
    struct slot *s = slot_of(m, info);
    struct ac_env env;

    if (!s || !info->examine || slot_get(m, s, NULL) != 0)
        return false;
    env_init(&env, m, s, NULL);
    info->examine(s->model, s->cfg, &env, fn, arg);
    slot_put(s);
    return true;
}

int ac_models_make(struct ac_models *m, enum ac_stage stage, const struct ac_make *make, struct ac_cancel *c,
                   char *reason)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(m->cfg, stage, &engines), i = 0;

    while (i < n && !engines[i]->make)
        i++;
    struct slot *s = i < n ? slot_of(m, engines[i]) : NULL;
    if (!s) {
        if (reason)
            snprintf(reason, REASON_SIZE, "no engine of %s.use can make one", ac_stage_name(stage));
        return AC_ENOTSUP;
    }
    int err = slot_get(m, s, reason);
    if (err)
        return err;
    struct ac_env env;
    env_init(&env, m, s, NULL);
    err = s->info->make(s->model, s->cfg, &env, make, c);
    if (err)
        give_reason(reason, &env, err);
    slot_put(s);
    return err;
}

const struct ac_handler_info *ac_models_optimizer(struct ac_models *m, enum ac_stage stage)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(m->cfg, stage, &engines);

    for (size_t i = 0; i < n; i++) {
        if (engines[i]->optimize)
            return engines[i];
    }
    return NULL;
}

int ac_models_optimize(struct ac_models *m, enum ac_stage stage, const struct ac_optimize *how,
                       struct ac_cancel *c, char *reason)
{
    const struct ac_handler_info *engine = ac_models_optimizer(m, stage);
    struct slot *s = engine ? slot_of(m, engine) : NULL;
    struct ac_env env;

    if (!s) {
        if (reason)
            snprintf(reason, REASON_SIZE, "no engine of %s.use has a model that can be made quicker",
                     ac_stage_name(stage));
        return AC_ENOTSUP;
    }
    env_init(&env, m, s, NULL);
    int err = engine->optimize(&env, how, c);
    if (err)
        give_reason(reason, &env, err);
    return err;
}
