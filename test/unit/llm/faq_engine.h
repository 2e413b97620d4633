/*
 * For the faq engine's tests: drives the handler as the framework does (defaults from its option table), over
 * a knowledge folder of the test's own, and collects what it pushes.
 */
#ifndef TEST_FAQ_ENGINE_H
#define TEST_FAQ_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above, as it asks for them */
#include <cmocka.h>

#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "base/str.h"

#include <sys/stat.h>
#include <unistd.h>

extern const struct ac_handler_info ac_handler_llm_faq;

struct engine {
    const struct ac_handler_info *info;
    char *cfg, *model;
    struct ac_env env;
    bool open;
};

struct collector {
    struct ac_sink sink; /* first */
    struct ac_str text;
    char lang[16];
    uint32_t turn;
    size_t pieces, longest;
    struct ac_cancel *cancel_after; /* triggered at the third piece */
    int refuse_with;                /* given back from the second piece on */
};

static inline void set_option(struct engine *e, const char *name, const char *value)
{
    for (const struct ac_option *o = e->info->options; o->type; o++) {
        if (strcmp(o->name, name))
            continue;
        void *field = e->cfg + o->offset;
        if (o->type == AC_OPT_INT)
            *(int *)field = atoi(value);
        else if (o->type == AC_OPT_FLOAT)
            *(double *)field = atof(value);
        else if (o->type == AC_OPT_BOOL)
            *(bool *)field = !strcmp(value, "true");
        else {
            free(*(char **)field);
            *(char **)field = strdup(value);
        }
        return;
    }
    fail_msg("no option %s", name);
}

static inline void engine_init(struct engine *e, const char *path)
{
    static const char *const no_dirs[] = {NULL};
    *e = (struct engine){.info = &ac_handler_llm_faq,
                         .env = {.log_name = "llm.faq", .data_dirs = no_dirs, .threads = 1}};
    e->cfg = calloc(1, e->info->cfg_size);
    e->model = calloc(1, e->info->model_size);
    for (const struct ac_option *o = e->info->options; o->type; o++)
        set_option(e, o->name, o->def);
    set_option(e, "check_ms", "0");
    set_option(e, "path", path);
}

static inline int engine_open(struct engine *e)
{
    return e->info->model_open(e->model, e->cfg, &e->env);
}

static inline void engine_close(struct engine *e)
{
    e->info->model_close(e->model);
    for (const struct ac_option *o = e->info->options; o->type; o++)
        if (o->type == AC_OPT_STRING || o->type == AC_OPT_PATH)
            free(*(char **)(e->cfg + o->offset));
    free(e->cfg);
    free(e->model);
}

static inline int collect(struct ac_sink *sink, struct ac_frame *f)
{
    struct collector *c = (struct collector *)sink;
    assert_int_equal(f->type, AC_FRAME_TEXT);
    size_t n = strlen(f->text.text);
    assert_true(n > 0 && ac_utf8_valid(f->text.text, n));
    ac_str_add(&c->text, f->text.text);
    snprintf(c->lang, sizeof c->lang, "%s", f->text.lang);
    c->turn = f->turn;
    c->pieces++;
    c->longest = n > c->longest ? n : c->longest;
    ac_frame_unref(f);
    if (c->cancel_after && c->pieces == 3)
        ac_cancel_trigger(c->cancel_after);
    return c->pieces > 1 ? c->refuse_with : 0;
}

/* A CHAT frame of user and assistant messages in turn, the last one the user's. */
static inline struct ac_frame *chat_frame(const char *lang, const char *const *texts, size_t n)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_CHAT);
    f->turn = 7;
    snprintf(f->chat.lang, sizeof f->chat.lang, "%s", lang);
    f->chat.messages = ac_zalloc((n + 1) * sizeof *f->chat.messages);
    f->chat.n_messages = n;
    for (size_t i = 0; i < n; i++) {
        f->chat.messages[i].role = ac_strdup((n - i) % 2 ? "user" : "assistant");
        f->chat.messages[i].text = ac_strdup(texts[i]);
    }
    return f;
}

static inline int ask_with(struct engine *e, void *inst, const char *lang, const char *const *texts, size_t n,
                           struct collector *c, struct ac_cancel *cancel)
{
    struct ac_frame *f = chat_frame(lang, texts, n);
    c->sink.push = collect;
    int err = e->info->process(inst, f, &c->sink, cancel);
    ac_frame_unref(f);
    return err ? err : e->info->process(inst, NULL, &c->sink, cancel);
}

/* One question in a fresh instance; gives the answer (malloc'ed) and its language. */
static inline char *ask(struct engine *e, const char *lang, const char *question, char out_lang[16])
{
    struct collector c = {0};
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    void *inst = calloc(1, e->info->inst_size);
    assert_int_equal(e->info->open(inst, e->model, e->cfg, &e->env), 0);
    assert_int_equal(ask_with(e, inst, lang, &question, 1, &c, cancel), 0);
    assert_int_equal(c.turn, 7);
    assert_true(c.longest <= 80);
    if (e->info->close)
        e->info->close(inst);
    free(inst);
    ac_cancel_unref(cancel);
    if (out_lang)
        snprintf(out_lang, 16, "%s", c.lang);
    return ac_str_steal(&c.text);
}

/* ---- a folder of its own ---- */

static inline char *new_folder(void)
{
    char template[] = "/tmp/faq-test-XXXXXX";
    assert_non_null(mkdtemp(template));
    return strdup(template);
}

static inline void write_file(const char *folder, const char *lang, const char *name, const char *text)
{
    char *dir = ac_asprintf("%s/%s", folder, lang), *path = ac_asprintf("%s/%s", dir, name);
    mkdir(dir, 0755);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(dir);
    free(path);
}

static inline void remove_folder(char *folder)
{
    char *command = ac_asprintf("rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
    free(command);
    free(folder);
}

#endif
