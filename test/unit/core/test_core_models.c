/*
 * The model cache with engines of its own: one model for all users, failures that can be tried again, opening
 * one that does not hold up another, many threads at once (meant for TSan too).
 */
#include "core/models.h"
#include "core/registry.h"
#include "core/session.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- fake engines ---- */

struct fake_cfg {
    int n;
};
struct fake_model {
    int open; /* plain on purpose: TSan sees when the cache does not order its openers and users */
    char *heap;
};
struct fake_inst {
    struct fake_model *model;
    struct ac_env *env;
    int calls;
};

static atomic_int models_opened, models_closed, opens, closes, fail_models, fail_opens;
static sem_t slow_entered, slow_go;

static int fake_model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct fake_model *m = model;

    assert_int_equal(((const struct fake_cfg *)cfg)->n, 5);
    assert_int_equal(m->open, 0);
    m->heap = strdup("weights");
    if (atomic_load(&fail_models) > 0) {
        atomic_fetch_sub(&fail_models, 1);
        return ac_env_fail(env, AC_EMODEL, "no weights in %s; pull them", env->log_name);
    }
    m->open = 1;
    atomic_fetch_add(&models_opened, 1);
    return 0;
}

static void fake_model_close(void *model)
{
    struct fake_model *m = model;

    if (m->open)
        atomic_fetch_add(&models_closed, 1);
    free(m->heap);
}

static int slow_model_open(void *model, const void *cfg, struct ac_env *env)
{
    sem_post(&slow_entered);
    sem_wait(&slow_go);
    return fake_model_open(model, cfg, env);
}

static int fake_open(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct fake_inst *i = inst;

    (void)cfg;
    i->model = model;
    i->env = env;
    atomic_fetch_add(&opens, 1);
    if (atomic_load(&fail_opens) > 0) {
        atomic_fetch_sub(&fail_opens, 1);
        return AC_EBUSY; /* and says nothing */
    }
    if (strcmp(env->prefs.voice, "nobody") == 0)
        return ac_env_fail(env, AC_ENOENT, "no voice '%s'; there is anna", env->prefs.voice);
    return 0;
}

static void fake_close(void *inst)
{
    (void)inst;
    atomic_fetch_add(&closes, 1);
}

static int fake_process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct fake_inst *i = inst;

    (void)out, (void)cancel;
    assert_int_equal(i->model->open, 1);
    i->calls++;
    return in ? 0 : ac_env_fail(i->env, AC_EENGINE, "call %d failed", i->calls);
}

static void fake_reset(void *inst)
{
    ((struct fake_inst *)inst)->calls = 0;
}

static bool list_more;

static int fake_list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    (void)cfg;
    assert_int_equal(((struct fake_model *)model)->open, 1);
    fn(arg, &(struct ac_item){
                .id = "anna", .name = env->log_name, .lang = "en", .gender = "female", .detail = ""});
    fn(arg,
       &(struct ac_item){.id = "ben", .name = env->log_name, .lang = "en", .gender = "male", .detail = ""});
    if (list_more) {
        fn(arg, &(struct ac_item){.id = "cleo", .name = "c", .lang = "en", .is_default = true});
        fn(arg, &(struct ac_item){.id = "dora", .name = "d", .lang = "en", .is_default = true});
    }
    return 0;
}

static const struct ac_option options[] = {
    AC_OPTION_INT(struct fake_cfg, n, "n", "5", 0, 9, 0, "A number."),
    AC_OPTIONS_END,
};
#define FAKE(NAME, OPEN)                                                                                     \
    {                                                                                                        \
        .name = NAME, .help = "Fake.", .stage = AC_STAGE_TTS, .in = AC_FRAME_TEXT, .out = AC_FRAME_SPEECH,   \
        .cfg_size = sizeof(struct fake_cfg), .model_size = sizeof(struct fake_model),                        \
        .inst_size = sizeof(struct fake_inst), .options = options, .model_open = OPEN,                       \
        .model_close = fake_model_close, .open = fake_open, .close = fake_close, .process = fake_process,    \
        .reset = fake_reset, .list = fake_list,                                                              \
    }
static const struct ac_handler_info quick = FAKE("quick", fake_model_open);
static const struct ac_handler_info slow = FAKE("slow", slow_model_open);
static const struct ac_handler_info bare = {
    .name = "bare", .help = "Nothing optional.", .stage = AC_STAGE_LLM, .process = fake_process};
static const struct ac_handler_info stranger = FAKE("stranger", fake_model_open);
static const struct ac_handler_info *const engines[] = {&bare, &quick, &slow, NULL};

/* ---- fixture ---- */

struct fixture {
    struct ac_config *cfg;
    struct ac_models *models;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct ac_str errors = {0};
    const char *sets[] = {"tts.use=quick", "server.model_idle_s=1", "history.store=none"};

    ac_registry_set(engines);
    ac_log_setup(0, AC_LOG_LOGFMT, 2); /* failures are asked for here */
    models_opened = models_closed = opens = closes = fail_models = fail_opens = 0;
    sem_init(&slow_entered, 0, 0);
    sem_init(&slow_go, 0, 0);
    if (ac_config_load(&f->cfg, NULL, sets, 3, &errors) != 0)
        return -1;
    f->models = ac_models_new(f->cfg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ac_models_free(f->models);
    ac_config_free(f->cfg);
    free(f);
    sem_destroy(&slow_entered);
    sem_destroy(&slow_go);
    ac_registry_set(NULL);
    return models_opened == models_closed && opens == closes ? 0 : -1;
}

static void test_shared(void **state)
{
    struct fixture *f = *state;
    struct ac_instance *a, *b;
    struct ac_frame in = {.type = AC_FRAME_TEXT};

    assert_int_equal(models_opened, 0);
    assert_int_equal(ac_instance_open(&a, f->models, &quick, NULL, NULL), 0);
    assert_int_equal(ac_instance_open(&b, f->models, &quick, NULL, NULL), 0);
    assert_int_equal(models_opened, 1);
    assert_ptr_equal(ac_instance_info(a), &quick);
    assert_int_equal(ac_models_trim(f->models, 0), 0);

    assert_int_equal(ac_instance_process(a, &in, NULL, NULL), 0);
    assert_int_equal(ac_instance_process(a, NULL, NULL, NULL), AC_EENGINE);
    assert_string_equal(ac_instance_reason(a), "call 2 failed");
    assert_int_equal(ac_instance_process(b, NULL, NULL, NULL), AC_EENGINE);
    assert_string_equal(ac_instance_reason(b), "call 1 failed");
    ac_instance_reset(a);
    assert_int_equal(ac_instance_process(a, &in, NULL, NULL), 0);
    assert_string_equal(ac_instance_reason(a), "");

    ac_instance_close(a);
    assert_int_equal(ac_models_trim(f->models, 0), 0);
    ac_instance_close(b);
    ac_instance_close(NULL);
    assert_int_equal(models_closed, 0);
    assert_int_equal(ac_models_trim(f->models, 60000000), 0); /* not idle for so long */
    assert_int_equal(ac_models_trim(f->models, 0), 1);
    assert_int_equal(models_closed, 1);
    assert_int_equal(ac_models_trim(f->models, 0), 0);
    assert_int_equal(ac_instance_open(&a, f->models, &quick, NULL, NULL), 0);
    assert_int_equal(models_opened, 2);
    ac_models_close_unused(f->models, &quick);
    assert_int_equal(models_closed, 1); /* it is used */
    ac_instance_close(a);
    ac_models_close_unused(f->models, &bare); /* another one */
    assert_int_equal(models_closed, 1);
    ac_models_close_unused(f->models, &quick);
    assert_int_equal(models_closed, 2);
}

static void test_bare(void **state)
{
    struct fixture *f = *state;
    struct ac_instance *a;

    assert_int_equal(ac_instance_open(&a, f->models, &bare, NULL, NULL), 0);
    ac_instance_reset(a);
    ac_instance_close(a);
}

static void test_failures(void **state)
{
    struct fixture *f = *state;
    struct ac_prefs prefs = {.voice = "nobody"};
    struct ac_instance *a = NULL;
    char reason[256];

    fail_models = 2;
    assert_int_equal(ac_instance_open(&a, f->models, &quick, NULL, reason), AC_EMODEL);
    assert_string_equal(reason, "no weights in tts.quick; pull them");
    assert_int_equal(ac_instance_open(&a, f->models, &quick, NULL, NULL), AC_EMODEL);
    assert_null(a);

    assert_int_equal(ac_instance_open(&a, f->models, &quick, &prefs, reason), AC_ENOENT);
    assert_string_equal(reason, "no voice 'nobody'; there is anna");
    fail_opens = 1;
    assert_int_equal(ac_instance_open(&a, f->models, &quick, NULL, reason), AC_EBUSY);
    assert_string_equal(reason, ac_err_text(AC_EBUSY));
    assert_int_equal(ac_instance_open(&a, f->models, &stranger, NULL, reason), AC_EINVAL);
    assert_non_null(strstr(reason, "not in the registry"));
    assert_null(a);

    assert_int_equal(ac_instance_open(&a, f->models, &quick, NULL, reason), 0);
    assert_string_equal(reason, "");
    assert_int_equal(models_opened, 1);
    ac_instance_close(a);
    assert_int_equal(ac_models_trim(f->models, 0), 1);
}

static void *open_slow(void *arg)
{
    struct fixture *f = arg;
    struct ac_instance *a = NULL;

    if (ac_instance_open(&a, f->models, &slow, NULL, NULL) != 0)
        return NULL;
    ac_instance_close(a);
    return f;
}

/* While one model is being opened another is used; and two who want the slow one get the same one. */
static void test_slow_open(void **state)
{
    struct fixture *f = *state;
    struct ac_instance *a;
    pthread_t t[2];
    void *ok;

    pthread_create(&t[0], NULL, open_slow, f);
    sem_wait(&slow_entered);
    pthread_create(&t[1], NULL, open_slow, f);
    assert_int_equal(ac_instance_open(&a, f->models, &quick, NULL, NULL), 0);
    ac_instance_close(a);
    assert_int_equal(ac_models_trim(f->models, 0), 1); /* the quick one; does not wait for the slow one */
    sem_post(&slow_go);
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], &ok);
        assert_ptr_equal(ok, f);
    }
    assert_int_equal(models_opened, 2);
}

struct names {
    char text[128];
};

static void add_name(void *arg, const struct ac_item *item)
{
    struct names *n = arg;
    size_t len = strlen(n->text);

    snprintf(n->text + len, sizeof n->text - len, "%s/%s ", item->id, item->name);
}

static void test_list(void **state)
{
    struct fixture *f = *state;
    struct names n = {{0}};

    assert_int_equal(ac_models_list(f->models, AC_STAGE_TTS, add_name, &n), 2);
    assert_string_equal(n.text, "anna/tts.quick ben/tts.quick ");
    assert_int_equal(ac_models_list(f->models, AC_STAGE_TTS, NULL, NULL), 2);
    n.text[0] = '\0'; /* the default of the first engine that has one comes first */
    list_more = true;
    assert_int_equal(ac_models_list(f->models, AC_STAGE_TTS, add_name, &n), 4);
    list_more = false;
    assert_string_equal(n.text, "cleo/c anna/tts.quick ben/tts.quick dora/d ");
    assert_int_equal(ac_models_list(f->models, AC_STAGE_LLM, add_name, &n), 0);
    assert_int_equal(ac_models_list(f->models, AC_STAGE_VAD, add_name, &n), 0);
    assert_int_equal(ac_models_trim(f->models, 0), 1);
    fail_models = 1;
    assert_int_equal(ac_models_list(f->models, AC_STAGE_TTS, add_name, &n), 0);
}

static void *hammer(void *arg)
{
    struct fixture *f = arg;
    struct ac_frame in = {.type = AC_FRAME_TEXT};

    for (int i = 0; i < 300; i++) {
        struct ac_instance *a = NULL;
        if (ac_instance_open(&a, f->models, &quick, NULL, NULL) == 0) {
            if (ac_instance_process(a, &in, NULL, NULL) != 0)
                return NULL;
            ac_instance_close(a);
        }
        if (i % 7 == 0)
            ac_models_trim(f->models, 0);
        if (i % 11 == 0)
            ac_models_list(f->models, AC_STAGE_TTS, NULL, NULL);
    }
    return f;
}

static void test_many_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t t[8];
    void *ok;

    fail_models = 50;
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, hammer, f);
    for (int i = 0; i < 8; i++) {
        pthread_join(t[i], &ok);
        assert_ptr_equal(ok, f);
    }
    assert_true(models_opened > 0);
    ac_models_trim(f->models, 0);
    assert_int_equal(models_opened, models_closed);
}

/* The hub closes what nobody has used for a second here; what is in use stays. */
static void test_idle(void **state)
{
    struct fixture *f = *state;
    struct ac_instance *a, *b;
    struct ac_hub *hub;

    assert_int_equal(ac_hub_new(&hub, f->cfg), 0);
    sem_post(&slow_go);
    assert_int_equal(ac_instance_open(&a, ac_hub_models(hub), &quick, NULL, NULL), 0);
    assert_int_equal(ac_instance_open(&b, ac_hub_models(hub), &slow, NULL, NULL), 0);
    ac_instance_close(a);
    for (int i = 0; i < 500 && !atomic_load(&models_closed); i++)
        ac_sleep_us(20000);
    assert_int_equal(models_closed, 1);
    assert_int_equal(models_opened, 2);
    ac_instance_close(b);
    ac_hub_free(hub, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bare, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
