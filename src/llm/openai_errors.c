/* Why a request failed and what to do, in one sentence (openai.h). */
#include "llm/openai.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SAID = 110, SHOWN_URL = 80 };

/* What the service says, the key out of it. */
static void service_says(const struct openai *o, const struct ac_http_answer *a, char out[SAID])
{
    const char *key = o->model->key;
    char *at;

    ac_chat_error_text(a->body.p ? a->body.p : "", a->body.len, out, SAID);
    while (key && strlen(key) >= 4 && (at = strstr(out, key))) {
        memset(at, '*', strlen(key));
    }
    if (!out[0])
        snprintf(out, SAID, "it does not say why");
}

static const char *key_place(const struct openai_cfg *c)
{
    return *c->api_key_file ? c->api_key_file : *c->api_key_env ? c->api_key_env : "llm.openai.api_key_env";
}

static bool mentions(const struct ac_http_answer *a, const char *what)
{
    return a->body.p && strcasestr(a->body.p, what);
}

static int redirected(struct openai *o, const struct ac_http_answer *a)
{
    static const char tail[] = "/chat/completions";
    const char *query = strchr(a->location, '?');
    size_t n = query ? (size_t)(query - a->location) : strlen(a->location), t = sizeof tail - 1;

    if (!n)
        return ac_env_fail(o->env, AC_ECONFIG,
                           "the service redirects (HTTP %ld) and does not say where to: "
                           "check llm.openai.base_url",
                           a->status);
    if (n > t && memcmp(a->location + n - t, tail, t) == 0)
        return ac_env_fail(o->env, AC_ECONFIG,
                           "the service redirects to another address: set "
                           "llm.openai.base_url to %.*s",
                           (int)(n - t < 140 ? n - t : 140), a->location);
    return ac_env_fail(o->env, AC_ECONFIG,
                       "the service redirects to %.120s: llm.openai.base_url is not the "
                       "address of its API",
                       a->location);
}

/* An answer with a status that is no success. */
static int refused(struct openai *o, const struct ac_http_answer *a)
{
    const struct openai_cfg *c = o->cfg;
    char said[SAID];

    service_says(o, a, said);
    if (a->status >= 300 && a->status < 400)
        return redirected(o, a);
    if (a->status == 401 || a->status == 403)
        return ac_env_fail(o->env, AC_ECONFIG, "the service refuses the key (HTTP %ld): %s %.60s: %s",
                           a->status, o->model->key ? "check the one in" : "put one into", key_place(c),
                           said);
    if (a->status == 404)
        return ac_env_fail(o->env, AC_ECONFIG, "HTTP 404: check llm.openai.base_url and model '%.40s': %s",
                           c->model, said);
    if (a->status == 429 && a->retry_after_s > 8)
        return ac_env_fail(o->env, AC_EBUSY, "the service asks to wait %d s (HTTP 429): %s", a->retry_after_s,
                           said);
    if (a->status == 429)
        return ac_env_fail(o->env, AC_EBUSY,
                           "too many requests for the service, or its quota is used up (HTTP 429): %s", said);
    if (a->status == 413 || mentions(a, "context_length") || mentions(a, "context length") ||
        mentions(a, "context size") || mentions(a, "maximum context"))
        return ac_env_fail(o->env, AC_EENGINE,
                           "the conversation is too long for the model: lower "
                           "session.history_turns or knowledge_passages: %s",
                           said);
    if (a->status >= 500 && a->retry_after_s > 8)
        return ac_env_fail(o->env, AC_EBUSY, "the service asks to wait %d s (HTTP %ld): %s", a->retry_after_s,
                           a->status, said);
    if (a->status >= 500)
        return ac_env_fail(o->env, AC_EENGINE, "the service fails (HTTP %ld), try later: %s", a->status,
                           said);
    return ac_env_fail(o->env, AC_EENGINE, "the service refuses the request (HTTP %ld): %s", a->status, said);
}

/* Which of the limits it was. */
static int timed_out(struct openai *o, const struct openai_trouble *t)
{
    const struct openai_cfg *c = o->cfg;

    if (t->took_us >= c->timeout_s * INT64_C(1000000))
        return ac_env_fail(o->env, AC_ETIMEDOUT, "the answer takes longer than llm.openai.timeout_s (%d s)",
                           c->timeout_s);
    if (t->stream->alive)
        return ac_env_fail(o->env, AC_ETIMEDOUT,
                           "the answer has stalled: nothing came for llm.openai.idle_timeout_s (%d s)",
                           c->idle_timeout_s);
    if (t->took_us >= c->first_token_timeout_s * INT64_C(1000000) || t->quiet_us >= 0)
        return ac_env_fail(
            o->env, AC_ETIMEDOUT,
            "the service has not begun to answer within llm.openai.first_token_timeout_s (%d s): is "
            "the model loaded?",
            c->first_token_timeout_s);
    return ac_env_fail(
        o->env, AC_ETIMEDOUT,
        "no connection to %.*s within llm.openai.connect_timeout_ms (%d ms): is the server running?",
        SHOWN_URL, o->model->base, c->connect_timeout_ms);
}

static int broken(struct openai *o, const struct openai_trouble *t)
{
    const struct ac_http_answer *a = t->answer;

    if (a->untrusted)
        return ac_env_fail(o->env, AC_ECONFIG,
                           "the certificate of %.*s is not trusted: is it self-signed? Name it in "
                           "llm.openai.ca_file (PEM)",
                           SHOWN_URL, o->model->base);
    if (a->status == 0)
        return ac_env_fail(o->env, t->err, "no connection to %.*s: is the server running? (%.70s)", SHOWN_URL,
                           o->model->base, a->reason);
    return ac_env_fail(o->env, t->err,
                       "the answer broke off in the middle%s%.90s%s: the service or the line to it "
                       "failed",
                       t->stream->reason[0] || !a->reason[0] ? "" : " (",
                       t->stream->reason[0] ? "" : a->reason,
                       t->stream->reason[0] || !a->reason[0] ? "" : ")");
}

int openai_explain(struct openai *o, const struct openai_trouble *t)
{
    if (t->err == AC_ETIMEDOUT)
        return timed_out(o, t);
    if (t->err == AC_EIO)
        return broken(o, t);
    if (t->err == AC_EPROTO)
        return ac_env_fail(o->env, AC_EENGINE, "%.120s: check llm.openai.base_url %.*s", t->stream->reason,
                           SHOWN_URL, o->model->base);
    if (t->err)
        return ac_env_fail(o->env, t->err, "%.200s",
                           t->stream->reason[0]   ? t->stream->reason
                           : t->answer->reason[0] ? t->answer->reason
                                                  : ac_err_text(t->err));
    return refused(o, t->answer);
}
