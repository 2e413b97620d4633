/*
 * openai: answers by any server that has OpenAI's `/v1/chat/completions` with streaming: the service itself,
 * Azure, DashScope, DeepSeek and others, or a server of one's own (llama.cpp's, vLLM, Ollama, LM Studio).
 *
 *     llm: {use: [openai, faq], openai: {base_url: "http://127.0.0.1:8080/v1", model: qwen3}}
 *
 * An answer is one request (openai_call.c), or several where the model calls tools (tools.h): what it called
 * is run, the results are put to the messages, and it is asked again, until it answers without. Each piece of
 * text is pushed as it comes. The conversation may also be summed up. docs/llm.md tells how to set it up.
 *
 * Threads: the model is read-only but for the breaker, the knowledge base and the time of the last warming
 * up, each with its lock; answers run at the same time.
 */
#include "llm/openai.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_FAILURES = 5, OPEN_MS = 10000, WARM_EVERY_US = 20000000, WARM_MS = 5000, MAX_HEADERS = 32 };

/* ---- model ---- */

/* base_url without slashes and the path of the request at its end. */
static int set_urls(struct openai_model *m, struct ac_env *env)
{
    static const char path[] = "/chat/completions";
    const struct openai_cfg *c = m->cfg;
    size_t len = strlen(c->base_url), p = sizeof path - 1;

    if (len == 0)
        return ac_env_fail(env, AC_ECONFIG,
                           "llm.openai.base_url is not set: name a service, as http://127.0.0.1:8080/v1");
    if (strncasecmp(c->base_url, "http://", 7) != 0 && strncasecmp(c->base_url, "https://", 8) != 0)
        return ac_env_fail(env, AC_ECONFIG,
                           "llm.openai.base_url '%.100s' does not begin with http:// or https://",
                           c->base_url);
    if (strpbrk(c->base_url, "?#@ "))
        return ac_env_fail(
            env, AC_ECONFIG,
            "llm.openai.base_url holds more than an address: a key belongs into api_key_env, a version "
            "into api_version");
    while (len > 0 && c->base_url[len - 1] == '/')
        len--;
    if (len > p && memcmp(c->base_url + len - p, path, p) == 0)
        len -= p;
    m->base = ac_strndup(c->base_url, len);
    for (const char *v = c->api_version; *v; v++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", *v))
            return ac_env_fail(env, AC_ECONFIG,
                               "llm.openai.api_version '%.60s' is none: they look like 2024-10-21",
                               c->api_version);
    m->url = ac_asprintf("%s%s%s%s", m->base, path, *c->api_version ? "?api-version=" : "", c->api_version);
    m->models_url =
        ac_asprintf("%s/models%s%s", m->base, *c->api_version ? "?api-version=" : "", c->api_version);
    return 0;
}

static json_t *parse_object(const char *text, const char *option, struct ac_env *env, int *err)
{
    json_error_t why;
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &why);

    if (json_is_object(o))
        return o;
    *err = ac_env_fail(env, AC_ECONFIG, "llm.openai.%s is no JSON object, as {\"name\": \"value\"}: %.80s",
                       option, o ? "it is something else" : why.text);
    json_decref(o);
    return NULL;
}

static bool is_header(const char *name, const char *value)
{
    if (!*name || !value || strcspn(value, "\r\n") != strlen(value))
        return false;
    for (; *name; name++)
        if (*name <= ' ' || *name > '~' || *name == ':')
            return false;
    return true;
}

static int set_headers(struct openai_model *m, struct ac_env *env)
{
    const char *name;
    json_t *value, *more = NULL;
    int err = 0;
    size_t n = 0;

    m->headers = ac_zalloc((MAX_HEADERS + 4) * sizeof *m->headers);
    m->headers[n++] = ac_strdup("Content-Type: application/json");
    m->headers[n++] = ac_strdup("Accept: text/event-stream, application/json");
    if (m->key)
        m->headers[n++] =
            ac_asprintf(*m->cfg->api_version ? "api-key: %s" : "Authorization: Bearer %s", m->key);
    if (*m->cfg->headers)
        more = parse_object(m->cfg->headers, "headers", env, &err);
    if (json_object_size(more) > MAX_HEADERS)
        err = ac_env_fail(env, AC_ECONFIG, "llm.openai.headers has more than %d headers", MAX_HEADERS);
    json_object_foreach(more, name, value)
    {
        if (!err && !is_header(name, json_string_value(value)))
            err = ac_env_fail(env, AC_ECONFIG, "llm.openai.headers: '%.60s' cannot be a header", name);
        if (!err)
            m->headers[n++] = ac_asprintf("%s: %s", name, json_string_value(value));
    }
    json_decref(more);
    return err;
}

static int open_knowledge(struct openai_model *m, struct ac_env *env)
{
    const struct openai_cfg *c = m->cfg;
    struct ac_knowledge_base_options o = {c->knowledge_path, c->knowledge_extra_path,
                                          "llm.openai.knowledge_path"};

    if (c->knowledge_passages == 0 && !(m->tools && ac_tools_want_knowledge(m->tools)))
        return 0;
    return ac_knowledge_base_open(&m->knowledge, &o, env);
}

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct openai_model *m = model;
    int err;

    m->cfg = cfg;
    pthread_mutex_init(&m->lock, NULL);
    ac_breaker_init(&m->breaker, MAX_FAILURES, OPEN_MS);
    m->has_locks = true;
    if ((err = set_urls(m, env)))
        return err;
    if (!*m->cfg->model)
        return ac_env_fail(env, AC_ECONFIG, "llm.openai.model is not set: name a model that the service has");
    if ((err = ac_http_find_key("llm.openai", m->cfg->api_key_file, m->cfg->api_key_env, env, &m->key)) ||
        (err = set_headers(m, env)))
        return err;
    if (*m->cfg->extra_body && !(m->extra_body = parse_object(m->cfg->extra_body, "extra_body", env, &err)))
        return err;
    if (*m->cfg->tools && (err = ac_tools_load(&m->tools, m->cfg->tools, env)))
        return err;
    return open_knowledge(m, env);
}

static void model_close(void *model)
{
    struct openai_model *m = model;

    ac_knowledge_base_close(m->knowledge);
    ac_tools_free(m->tools);
    json_decref(m->extra_body);
    for (char **h = m->headers; h && *h; h++)
        free(*h);
    free(m->headers);
    free(m->key);
    free(m->base);
    free(m->url);
    free(m->models_url);
    if (m->has_locks) {
        ac_breaker_destroy(&m->breaker);
        pthread_mutex_destroy(&m->lock);
    }
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    *(struct openai *)inst = (struct openai){.model = model, .cfg = cfg, .env = env};
    return 0;
}

/* ---- the answer ---- */

static void on_tool_idle(void *arg)
{
    openai_idle(arg);
}

static int run_tools(struct openai_answer *a, struct ac_chat_stream *s)
{
    const struct openai_model *m = a->o->model;
    const struct ac_tool_world world = {.knowledge = m->knowledge,
                                        .proxy = m->cfg->proxy,
                                        .ca_file = m->cfg->ca_file,
                                        .confirmed = a->in->chat.confirmed,
                                        .idle = on_tool_idle,
                                        .arg = a,
                                        .log_name = a->o->env->log_name};
    int err = 0;

    a->tools_used = true;
    for (size_t i = 0; i < s->n_calls && !err; i++) {
        struct ac_str result = {0};
        const struct ac_chat_call *c = &s->calls[i];
        err = ac_tools_call(m->tools, c->name.p ? c->name.p : "", c->arguments.p ? c->arguments.p : "",
                            &world, a->cancel, &result);
        if (a->push_err)
            err = a->push_err;
        openai_add_result(a->messages, c, &result);
        ac_str_free(&result);
    }
    return err;
}

/* The end of an answer without calls: what it means that there is no more text. */
static int check_end(struct openai_answer *a, const struct ac_chat_stream *s)
{
    struct ac_env *env = a->o->env;

    if (strcmp(s->finish, "content_filter") == 0)
        return ac_env_fail(env, AC_EENGINE, "the service's content filter %s the answer: ask in other words",
                           a->n_chars ? "cut off" : "withheld");
    if (strcmp(s->finish, "length") == 0)
        ac_log_info(env->log_name, "answer cut off by the service's limit of tokens",
                    AC_I("max_tokens", a->o->cfg->max_tokens), AC_I("reasoning_bytes", s->n_reasoning));
    if (a->n_chars)
        return 0;
    if (s->n_calls)
        return ac_env_fail(env, AC_EENGINE,
                           "the model only calls tools and does not answer: check their descriptions, "
                           "or raise llm.openai.max_tool_rounds");
    if (s->n_reasoning)
        return ac_env_fail(env, AC_EENGINE,
                           "the model only thought and did not answer: raise llm.openai.max_tokens or "
                           "turn its thinking off (docs/llm.md)");
    return ac_env_fail(env, AC_EENGINE,
                       "the model gave an empty answer: try again, or check its chat template");
}

static int answer(struct openai_answer *a)
{
    const struct openai_model *m = a->o->model;
    int rounds = m->tools && !a->in->chat.summarize ? m->cfg->max_tool_rounds : 0, err = 0;
    bool done = false;

    for (int round = 0; !err && !done; round++) {
        struct ac_chat_stream s = {0};
        struct ac_str text = {0};
        bool offer = round < rounds;
        err = openai_call(a, offer, &s, &text);
        done = a->full || !s.n_calls || !offer;
        if (!err && done && !a->full)
            err = check_end(a, &s);
        if (!err && !done) {
            openai_add_calls(a->messages, &s, text.p ? text.p : "", round);
            err = run_tools(a, &s);
            a->new_round = true;
        }
        ac_chat_stream_free(&s);
        ac_str_free(&text);
    }
    return err;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct openai *o = inst;
    struct openai_answer a = {.o = o, .in = in, .out = out, .cancel = cancel, .begun_us = ac_now_us()};

    if (!in)
        return 0;
    if (in->type != AC_FRAME_CHAT)
        return ac_env_fail(o->env, AC_EINVAL, "openai takes conversations, not frames of type %d",
                           (int)in->type);
    if (!*openai_question(&in->chat) && !in->chat.summarize)
        return ac_env_fail(o->env, AC_EINVAL, "the conversation holds no question of the user");
    a.messages = in->chat.summarize ? openai_summary_messages(&in->chat) : openai_messages(o, &in->chat);
    int err = answer(&a);
    json_decref(a.messages);
    return err;
}

/* A connection that stands when the question comes. Whatever is answered: the question will show it. */
static void warm(void *inst, struct ac_cancel *cancel)
{
    struct openai_model *m = ((struct openai *)inst)->model;
    int64_t now = ac_now_us();

    pthread_mutex_lock(&m->lock);
    bool due = !m->warmed_us || now - m->warmed_us >= WARM_EVERY_US;
    if (due)
        m->warmed_us = now;
    pthread_mutex_unlock(&m->lock);
    if (!due)
        return;
    struct ac_http_request r = {.url = m->models_url,
                                .headers = (const char *const *)m->headers + 1, /* no body: no Content-Type */
                                .connect_ms = m->cfg->connect_timeout_ms,
                                .total_ms = WARM_MS,
                                .max_bytes = AC_CHAT_MAX_JSON,
                                .no_redirect = true,
                                .proxy = m->cfg->proxy,
                                .ca_file = m->cfg->ca_file};
    struct ac_http_answer a;
    int err = ac_http_run(&r, &a, cancel);
    ac_log_debug(((struct openai *)inst)->env->log_name, "warmed",
                 AC_S("result", err ? ac_err_name(err) : "ok"), AC_I("status", a.status),
                 AC_I("took_ms", (ac_now_us() - now) / 1000));
    ac_http_answer_free(&a);
}

const struct ac_handler_info ac_handler_llm_openai = {
    .name = "openai",
    .help = "any server with OpenAI's /v1/chat/completions: hosted, or one of your own",
    .stage = AC_STAGE_LLM,
    .in = AC_FRAME_CHAT,
    .out = AC_FRAME_TEXT,
    .flags = AC_HANDLER_WAITS | AC_HANDLER_SUMMARIZES,
    .cfg_size = sizeof(struct openai_cfg),
    .model_size = sizeof(struct openai_model),
    .inst_size = sizeof(struct openai),
    .options = openai_options,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .process = process,
    .warm = warm,
};
