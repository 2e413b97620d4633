/*
 * For the openai engine's tests: drives the handler as the framework does, against the fake server, and
 * collects what it pushes.
 */
#ifndef TEST_OPENAI_ENGINE_H
#define TEST_OPENAI_ENGINE_H

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
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake/fake_openai.h"

#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

extern const struct ac_handler_info ac_handler_llm_openai;

#define CHAT "POST /v1/chat/completions"

/* A server, an engine that talks to it, one instance, and what it said last. */
struct world {
    struct ac_sink sink; /* first */
    struct fake_openai *server;
    const struct ac_handler_info *info;
    char *cfg, *model, *inst;
    struct ac_env env;
    struct ac_cancel *cancel, *confirmed;
    bool summarize;
    const char *lang;

    struct ac_str text, asides;
    size_t n_pieces, n_asides;
    char aside_lang[16];
    int64_t aside_us, first_us; /* after the question */
    int64_t asked_us;
    size_t cancel_after; /* pieces; 0 = never */
    int refuse_with;     /* given back by push */
};

static inline void set_option(struct world *w, const char *name, const char *value)
{
    for (const struct ac_option *o = w->info->options; o->type; o++) {
        void *field = w->cfg + o->offset;
        if (strcmp(o->name, name) != 0)
            continue;
        if (o->type == AC_OPT_INT) {
            *(int *)field = atoi(value);
        } else if (o->type == AC_OPT_FLOAT) {
            *(double *)field = atof(value);
        } else if (o->type == AC_OPT_CHOICE) {
            for (*(int *)field = 0; strcmp(o->choices[*(int *)field], value) != 0; ++*(int *)field) {
            }
        } else {
            free(*(char **)field);
            *(char **)field = ac_strdup(value);
        }
        return;
    }
    fail_msg("no option %s", name);
}

static inline int on_push(struct ac_sink *sink, struct ac_frame *f)
{
    struct world *w = (struct world *)sink;
    size_t n = strlen(f->text.text);
    int err = w->refuse_with;

    assert_int_equal(f->type, AC_FRAME_TEXT);
    assert_int_equal(f->turn, 7);
    assert_true(n > 0 && ac_utf8_valid(f->text.text, n));
    if (f->text.aside) {
        ac_str_add(&w->asides, f->text.text);
        snprintf(w->aside_lang, sizeof w->aside_lang, "%s", f->text.lang);
        w->aside_us = ac_now_us() - w->asked_us;
        w->n_asides++;
    } else {
        if (!w->n_pieces)
            w->first_us = ac_now_us() - w->asked_us;
        ac_str_add(&w->text, f->text.text);
        w->n_pieces++;
    }
    if (w->cancel_after && w->n_pieces == w->cancel_after)
        ac_cancel_trigger(w->cancel);
    ac_frame_unref(f);
    return err;
}

/* Before open: options may be set. */
static inline void world_prepare(struct world *w, const struct fake_openai_config *config)
{
    static const char *const no_dirs[] = {NULL};

    *w = (struct world){.sink.push = on_push, .info = &ac_handler_llm_openai, .lang = ""};
    w->env = (struct ac_env){.log_name = "llm.openai", .data_dirs = no_dirs, .threads = 1};
    w->cfg = ac_zalloc(w->info->cfg_size);
    w->model = ac_zalloc(w->info->model_size);
    w->inst = ac_zalloc(w->info->inst_size);
    w->cancel = ac_cancel_new(NULL);
    for (const struct ac_option *o = w->info->options; o->type; o++)
        set_option(w, o->name, o->def);
    set_option(w, "model", "test");
    set_option(w, "api_key_env", "TEST_LLM_KEY");
    set_option(w, "retries", "0");
    if (config) {
        w->server = fake_openai_start(config);
        assert_non_null(w->server);
        set_option(w, "base_url", fake_openai_url(w->server));
    }
}

static inline int world_open(struct world *w)
{
    int err = w->info->model_open(w->model, w->cfg, &w->env);

    return err ? err : w->info->open(w->inst, w->model, w->cfg, &w->env);
}

static inline void world_start(struct world *w, const struct fake_openai_reply *replies, size_t n)
{
    world_prepare(w, &(struct fake_openai_config){.replies = replies, .n = n});
    assert_int_equal(world_open(w), 0);
}

static inline void world_stop(struct world *w)
{
    w->info->model_close(w->model);
    for (const struct ac_option *o = w->info->options; o->type; o++)
        if (o->type == AC_OPT_STRING || o->type == AC_OPT_PATH)
            free(*(char **)(w->cfg + o->offset));
    free(w->cfg);
    free(w->model);
    free(w->inst);
    if (w->server)
        fake_openai_stop(w->server);
    ac_cancel_unref(w->cancel);
    ac_cancel_unref(w->confirmed);
    ac_str_free(&w->text);
    ac_str_free(&w->asides);
}

/* A CHAT frame of "role: text" lines. */
static inline struct ac_frame *chat_frame(const struct world *w, const char *const *lines, size_t n)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_CHAT);

    f->turn = 7;
    snprintf(f->chat.lang, sizeof f->chat.lang, "%s", w->lang);
    f->chat.summarize = w->summarize;
    f->chat.confirmed = w->confirmed ? ac_cancel_ref(w->confirmed) : NULL;
    f->chat.messages = ac_zalloc((n + 1) * sizeof *f->chat.messages);
    f->chat.n_messages = n;
    for (size_t i = 0; i < n; i++) {
        const char *colon = strchr(lines[i], ':');
        f->chat.messages[i].role = ac_strndup(lines[i], (size_t)(colon - lines[i]));
        f->chat.messages[i].text = ac_strdup(colon + 2);
    }
    return f;
}

static inline int ask_lines(struct world *w, const char *const *lines, size_t n)
{
    struct ac_frame *f = chat_frame(w, lines, n);

    ac_str_clear(&w->text);
    ac_str_clear(&w->asides);
    ac_str_add(&w->text, "");
    ac_str_add(&w->asides, "");
    w->n_pieces = w->n_asides = 0;
    w->aside_us = w->first_us = 0;
    w->env.reason[0] = '\0';
    w->asked_us = ac_now_us();
    int err = w->info->process(w->inst, f, &w->sink, w->cancel);
    ac_frame_unref(f);
    if (err == 0)
        assert_int_equal(w->info->process(w->inst, NULL, &w->sink, w->cancel), 0);
    assert_true(strlen(w->env.reason) < 240 && ac_utf8_valid(w->env.reason, strlen(w->env.reason)));
    return err;
}

static inline int ask(struct world *w, const char *question)
{
    char *line = ac_asprintf("user: %s", question);
    const char *lines[] = {line};
    int err = ask_lines(w, lines, 1);

    free(line);
    return err;
}

/* The body of the i-th chat request; json_decref it. */
static inline json_t *body_of(struct world *w, size_t i)
{
    struct fake_openai_request r;

    assert_true(fake_openai_get(w->server, CHAT, i, &r));
    json_t *body = json_loads(r.body, 0, NULL);
    assert_non_null(body);
    return body;
}

static inline const char *text_at(const json_t *body, size_t message, const char *key)
{
    const char *s =
        json_string_value(json_object_get(json_array_get(json_object_get(body, "messages"), message), key));

    return s ? s : "";
}

/* ---- triggering a token later ---- */

struct later {
    struct ac_cancel *token;
    int ms;
    struct world *w;
    size_t n_requests; /* that the server had got before */
    pthread_t thread;
};

static inline void *trigger_later(void *arg)
{
    struct later *l = arg;

    ac_sleep_us(l->ms * INT64_C(1000));
    l->n_requests = fake_openai_count(l->w->server, "");
    ac_cancel_trigger(l->token);
    return NULL;
}

static inline void later_start(struct later *l, struct world *w, struct ac_cancel *token, int ms)
{
    *l = (struct later){.w = w, .token = token, .ms = ms};
    assert_int_equal(pthread_create(&l->thread, NULL, trigger_later, l), 0);
}

#endif
