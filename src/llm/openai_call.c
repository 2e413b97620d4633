/*
 * One request and its answer (openai.h): sends it, repeats it, watches the limits while the answer comes,
 * hands the text on. The limits of silence are looked at here, not by the HTTP client, as a service may send
 * comments for as long as it likes before it begins to answer.
 */
#include "llm/openai.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "llm/terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 20,
    AFTER_DONE_US = 60000,     /* the stream is complete: so long for the connection to be free again */
    AFTER_FINISH_US = 1000000, /* the answer is complete: so long for the usage and [DONE] */
    LONGEST_RETRY_AFTER_S = 8,
    MAX_ERROR_BYTES = 64 << 10,
};

struct attempt {
    struct openai_answer *a;
    struct ac_chat_stream *s;
    struct ac_str *text;
    struct ac_cancel *stop; /* triggered to end the request */
    int64_t begun_us, heard_us, alive_us;
    bool complete; /* ended because the answer is complete */
    bool late;     /* ended because of a limit */
};

/* ---- pushing ---- */

static int push(struct openai_answer *a, const char *text, size_t n, bool aside, const char *lang)
{
    struct ac_frame *f = ac_frame_new_text(text, n);

    f->turn = a->in->turn;
    f->text.aside = aside;
    snprintf(f->text.lang, sizeof f->text.lang, "%s", lang);
    return a->push_err = a->out->push(a->out, f);
}

/* Bytes of the text's first `max` characters; *n becomes how many those are. */
static size_t first_chars(const char *text, size_t len, size_t max, size_t *n)
{
    const char *p = text, *end = text + len;

    for (*n = 0; p < end && *n < max; ++*n)
        (void)ac_utf8_next(&p, end);
    return (size_t)(p - text);
}

static int on_text(void *arg, const char *text, size_t n)
{
    struct attempt *t = arg;
    struct openai_answer *a = t->a;
    size_t chars, max = (size_t)a->o->cfg->max_answer_chars, fit;
    int err = 0;

    if (a->new_round && a->n_chars && a->last != '\n' && a->n_chars < max) {
        err = push(a, "\n", 1, false, a->in->chat.lang);
        a->n_chars++;
    }
    a->new_round = false;
    fit = first_chars(text, n, max - a->n_chars, &chars);
    if (!err && fit) {
        a->n_chars += chars;
        a->last = text[fit - 1];
        ac_str_add_n(t->text, text, fit);
        err = push(a, text, fit, false, a->in->chat.lang);
    }
    if (!err && fit < n) {
        a->full = true;
        err = AC_ELIMIT;
    }
    return err;
}

/* The `n`th of the phrases that | parts; its length. */
static size_t phrase(const char **list, unsigned n)
{
    const char *p = *list;
    unsigned count = 1;

    for (const char *c = p; *c; c++)
        count += *c == '|';
    for (n %= count; n > 0; n--)
        p += strcspn(p, "|") + 1;
    *list = p;
    return strcspn(p, "|");
}

void openai_idle(struct openai_answer *a)
{
    const struct openai_cfg *c = a->o->cfg;
    const struct ac_chat *chat = &a->in->chat;

    if (!a->tools_used || a->filled || a->n_chars || !c->filler_ms || chat->summarize ||
        ac_now_us() - a->begun_us < c->filler_ms * INT64_C(1000))
        return;
    a->filled = true;
    const char *script = ac_terms_script_lang(openai_question(chat));
    const char *lang = *script ? script : chat->lang[0] ? chat->lang : "en";
    const char *text = strncmp(lang, "zh", 2) == 0   ? c->filler_zh
                       : strncmp(lang, "en", 2) == 0 ? c->filler_en
                                                     : "";
    size_t n = phrase(&text, a->o->n_fillers);
    if (n) {
        a->o->n_fillers++;
        push(a, text, n, true, lang);
    }
}

/* ---- while it comes ---- */

static int on_data(void *arg, long status, int64_t total, const char *data, size_t n)
{
    struct attempt *t = arg;

    (void)status, (void)total;
    t->heard_us = ac_now_us();
    int err = ac_chat_stream_feed(t->s, data, n);
    if (t->s->alive && !t->alive_us)
        t->alive_us = t->heard_us;
    return err;
}

static void on_idle(void *arg)
{
    struct attempt *t = arg;
    const struct openai_cfg *c = t->a->o->cfg;
    const struct ac_chat_stream *s = t->s;
    int64_t now = ac_now_us(), quiet = now - (t->heard_us ? t->heard_us : t->begun_us);

    openai_idle(t->a);
    if (s->done || s->finish[0])
        t->complete = quiet > (s->done ? AFTER_DONE_US : AFTER_FINISH_US);
    else if (!s->alive)
        t->late = now - t->begun_us > c->first_token_timeout_s * INT64_C(1000000);
    else
        t->late = quiet > c->idle_timeout_s * INT64_C(1000000);
    if (t->complete || t->late || t->a->push_err)
        ac_cancel_trigger(t->stop);
}

/* What came of it: 0 where the answer is complete. */
static int judge(struct attempt *t, int err, const struct ac_http_answer *answer)
{
    struct openai_answer *a = t->a;

    if (a->push_err)
        return a->push_err;
    if (a->full) {
        ac_log_info(a->o->env->log_name, "answer ended at max_answer_chars",
                    AC_I("chars", a->o->cfg->max_answer_chars));
        return 0;
    }
    if (t->late)
        return AC_ETIMEDOUT;
    if (err && ac_cancel_reason(a->cancel))
        return ac_cancel_reason(a->cancel);
    if (t->complete || (!err && answer->status == 200) || (err == AC_EIO && t->s->finish[0]))
        return ac_chat_stream_finish(t->s);
    return err;
}

static enum ac_breaker_result result_of(const struct openai_answer *a, int err,
                                        const struct ac_http_answer *answer)
{
    if (a->push_err || ac_cancel_reason(a->cancel))
        return AC_BREAKER_UNKNOWN;
    return err == AC_EIO || err == AC_ETIMEDOUT || (!err && ac_http_retryable(0, answer)) ? AC_BREAKER_FAILED
                                                                                          : AC_BREAKER_OK;
}

static int send_once(struct attempt *t, const char *body, struct ac_http_answer *answer)
{
    const struct openai_model *m = t->a->o->model;
    const struct openai_cfg *c = m->cfg;
    struct ac_http_request r = {.url = m->url,
                                .headers = (const char *const *)m->headers,
                                .body = body,
                                .body_len = strlen(body),
                                .connect_ms = c->connect_timeout_ms,
                                .total_ms = c->timeout_s * 1000,
                                .max_bytes = MAX_ERROR_BYTES,
                                .no_redirect = true,
                                .proxy = c->proxy,
                                .ca_file = c->ca_file,
                                .take = on_data,
                                .idle = on_idle,
                                .arg = t};

    ac_chat_stream_init(t->s, on_text, t);
    t->stop = ac_cancel_new(t->a->cancel);
    t->begun_us = ac_now_us();
    int err = judge(t, ac_http_run(&r, answer, t->stop), answer);
    ac_cancel_unref(t->stop);
    return err;
}

/* ---- repeating ---- */

static bool is_worth_repeating(const struct attempt *t, int err, const struct ac_http_answer *answer,
                               size_t n_before)
{
    if (t->a->push_err || ac_cancel_reason(t->a->cancel) || t->a->n_chars > n_before || err == AC_ETIMEDOUT ||
        answer->untrusted || answer->retry_after_s > LONGEST_RETRY_AFTER_S)
        return false; /* whoever has waited for a time-out waits no second time */
    if (answer->status == 429 && answer->body.p &&
        (strstr(answer->body.p, "insufficient_quota") || strstr(answer->body.p, "billing")))
        return false;
    return ac_http_retryable(err, answer);
}

/* Newer models' templates of a conversation refuse system messages but at the beginning. */
static bool wants_one_system(const struct ac_http_answer *answer)
{
    return answer->status >= 400 && answer->body.p &&
           strcasestr(answer->body.p, "system message must be at the beginning");
}

static int wait_before(struct openai_answer *a, int attempt, int retry_after_s)
{
    int64_t until_us = ac_now_us() + ac_http_backoff_ms(attempt, retry_after_s) * INT64_C(1000);
    int err = 0;

    while (!err && ac_now_us() < until_us) {
        openai_idle(a);
        err = a->push_err ? a->push_err : ac_http_wait(LOOK_MS, a->cancel);
    }
    return err;
}

static void log_answer(const struct attempt *t)
{
    const struct ac_chat_stream *s = t->s;

    ac_log_debug(t->a->o->env->log_name, "answered", AC_S("model", s->model), AC_S("finish", s->finish),
                 AC_I("first_ms", t->alive_us ? (t->alive_us - t->begun_us) / 1000 : -1),
                 AC_I("took_ms", (ac_now_us() - t->begun_us) / 1000), AC_I("text_bytes", s->n_text),
                 AC_I("reasoning_bytes", s->n_reasoning), AC_I("calls", s->n_calls),
                 AC_I("tokens_in", s->tokens_in), AC_I("tokens_out", s->tokens_out));
}

static int explain(const struct attempt *t, int err, const struct ac_http_answer *answer)
{
    int64_t now = ac_now_us();
    struct openai_trouble trouble = {.err = err,
                                     .answer = answer,
                                     .stream = t->s,
                                     .took_us = now - t->begun_us,
                                     .quiet_us = t->heard_us ? now - t->heard_us : -1};

    if (t->a->push_err)
        return t->a->push_err;
    if (err && ac_cancel_reason(t->a->cancel))
        return ac_env_fail(t->a->o->env, err, "%s", ac_err_text(err));
    return openai_explain(t->a->o, &trouble);
}

int openai_call(struct openai_answer *a, bool offer_tools, struct ac_chat_stream *s, struct ac_str *text)
{
    struct ac_breaker *breaker = &a->o->model->breaker;
    bool one_system = atomic_load(&a->o->model->one_system);
    char *body = openai_body(a->o->model, a->messages, offer_tools, one_system);
    size_t n_before = a->n_chars;
    int err = 0, wait_ms = 0;

    for (int n = 1;; n++) {
        struct attempt t = {.a = a, .s = s, .text = text};
        struct ac_http_answer answer;
        if (!ac_breaker_allow(breaker, &wait_ms)) {
            if (n == 1) /* else the reason stands already */
                err = ac_env_fail(
                    a->o->env, AC_EBUSY,
                    "the service failed several times in a row and is left alone for another %d s",
                    (wait_ms + 999) / 1000);
            break;
        }
        ac_chat_stream_free(s);
        err = send_once(&t, body, &answer);
        ac_breaker_report(breaker, result_of(a, err, &answer));
        bool good = !err && (answer.status == 200 || t.complete || a->full);
        if (!good && !one_system && wants_one_system(&answer)) {
            one_system = true;
            atomic_store(&a->o->model->one_system, true);
            free(body);
            body = openai_body(a->o->model, a->messages, offer_tools, true);
            ac_http_answer_free(&answer);
            n--; /* it is asked otherwise, not again */
            continue;
        }
        bool again = !good && n <= a->o->cfg->retries && is_worth_repeating(&t, err, &answer, n_before);
        int after_s = answer.retry_after_s;
        if (good)
            log_answer(&t);
        else
            err = explain(&t, err, &answer);
        ac_http_answer_free(&answer);
        if (!again)
            break;
        ac_log_debug(a->o->env->log_name, "repeated", AC_I("attempt", n), AC_S("reason", a->o->env->reason));
        int stopped = wait_before(a, n, after_s);
        if (stopped) {
            err = stopped;
            break;
        }
    }
    free(body);
    return err;
}
