/* Running tools (tools.h). Whatever goes wrong is told to the model, which can say so or try otherwise. */
#include "llm/tools.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "llm/chat_stream.h"
#include "llm/tools_private.h"
#include "net/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LOOK_MS = 20, MAX_REDIRECTS = 5, CONNECT_MS = 3000, KNOWLEDGE_CHECK_MS = 1000, MAX_QUERY = 500 };

/* One call at work. */
struct call {
    const struct tool *tool;
    const struct ac_tool_world *world;
    struct ac_cancel *cancel;
    json_t *arguments;
    struct ac_str *result;
    bool failed;
};

bool ac_tools_want_knowledge(const struct ac_tools *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->tools[i].knowledge)
            return true;
    return false;
}

json_t *ac_tools_offer(const struct ac_tools *t)
{
    return t->offer;
}

/* The result is {"error": …}; 0. */
__attribute__((format(printf, 2, 3))) static int tell_error(struct call *c, const char *fmt, ...)
{
    char text[256], line[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ac_chat_one_line(text, strlen(text), line, sizeof line);
    json_t *o = json_pack("{s:s}", "error", line);
    char *json = json_dumps(o, JSON_COMPACT);
    ac_str_clear(c->result);
    ac_str_add(c->result, json);
    free(json);
    json_decref(o);
    c->failed = true;
    return 0;
}

char *tool_host(const char *url, bool *is_https)
{
    CURLU *u = curl_url();
    char *host = NULL, *scheme = NULL, *copy = NULL;

    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)) {
        copy = ac_strdup(host);
        *is_https = strcmp(scheme, "https") == 0;
        for (char *p = copy; *p; p++)
            *p = (char)tolower((unsigned char)*p);
    }
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(u);
    return copy;
}

/* ---- the address ---- */

static void add_encoded(struct ac_str *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (isalnum(c) || (c && strchr("-._~", c)))
            ac_str_add_n(s, text + i, 1);
        else
            ac_str_addf(s, "%%%02X", c);
    }
}

/* An argument's text in an address; false for one that would leave its place in the path. */
static bool add_argument(struct ac_str *url, const json_t *v, bool in_path)
{
    char *json = NULL;
    const char *text = json_string_value(v);
    bool good = true;

    if (!v || json_is_null(v))
        return true;
    if (!text)
        text = json = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    if (in_path && (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || !*text))
        good = false;
    else
        add_encoded(url, text, strlen(text));
    free(json);
    return good;
}

static bool fill_url(struct call *c, struct ac_str *url)
{
    const char *template = c->tool->url;
    bool in_path = true;

    for (const char *p = template; *p;) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (end) {
            char *name = ac_strndup(p + 1, (size_t)(end - p - 1));
            bool good = add_argument(url, json_object_get(c->arguments, name), in_path);
            free(name);
            if (!good)
                return false;
            p = end + 1;
            continue;
        }
        in_path = in_path && *p != '?';
        ac_str_add_n(url, p++, 1);
    }
    return true;
}

/* ---- the request ---- */

static bool may_reach(const struct tool *t, const char *host)
{
    for (char *const *h = t->hosts; *h; h++)
        if (strcmp(*h, host) == 0)
            return true;
    return false;
}

/* Arguments that are not in the address, as the body. */
static char *make_body(const struct call *c)
{
    json_t *rest = json_deep_copy(c->arguments);

    for (const char *p = c->tool->url; (p = strchr(p, '{'));) {
        size_t n = strcspn(++p, "}");
        char *name = ac_strndup(p, n);
        json_object_del(rest, name);
        free(name);
    }
    char *body = json_dumps(rest, JSON_COMPACT);
    json_decref(rest);
    return body;
}

static bool is_get(const struct tool *t)
{
    return strcmp(t->method, "GET") == 0;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/*
 * Follows a redirect where it may: url becomes the new address, and headers (they may hold keys) are not
 * sent to another host. False: the call is over, the model is told why.
 */
static bool follow(struct call *c, const struct ac_http_answer *a, struct ac_str *url, bool *with_headers)
{
    bool was_https = false, is_https = false;
    char *from = tool_host(url->p, &was_https),
         *to = a->location[0] ? tool_host(a->location, &is_https) : NULL;
    bool allowed = to && is_get(c->tool) && may_reach(c->tool, to) && (is_https || !was_https);

    if (!allowed) {
        tell_error(c, "the tool's service redirects to %s, which is not allowed",
                   to ? to : "another address");
    } else {
        *with_headers = *with_headers && from && strcmp(from, to) == 0;
        ac_str_clear(url);
        ac_str_add(url, a->location);
    }
    free(from);
    free(to);
    return allowed;
}

static void judge(struct call *c, int err, const struct ac_http_answer *a)
{
    const struct tool *t = c->tool;
    char said[100];

    if (err == AC_ETIMEDOUT) {
        tell_error(c, "the tool did not answer within %d ms", t->timeout_ms);
    } else if (err == AC_ELIMIT) {
        tell_error(c, "the tool's answer is larger than %zu bytes", t->max_bytes);
    } else if (err) {
        tell_error(c, "the tool cannot be reached: %.120s", a->reason);
    } else if (a->status < 200 || a->status > 299) {
        ac_chat_error_text(a->body.p ? a->body.p : "", a->body.len, said, sizeof said);
        tell_error(c, "the tool's service says HTTP %ld%s%s", a->status, said[0] ? ": " : "", said);
    } else {
        ac_str_add_n(c->result, a->body.len ? a->body.p : "(empty answer)", a->body.len ? a->body.len : 14);
    }
}

static int fetch(struct call *c, struct ac_str *url, const char *body)
{
    const struct tool *t = c->tool;
    int64_t until_us = ac_now_us() + t->timeout_ms * INT64_C(1000);
    bool with_headers = true;

    for (int hop = 0;; hop++) {
        int left_ms = (int)((until_us - ac_now_us()) / 1000);
        struct ac_http_request r = {.url = url->p,
                                    .headers = with_headers ? (const char *const *)t->headers : NULL,
                                    .method = t->method,
                                    .body = body,
                                    .body_len = body ? strlen(body) : 0,
                                    .connect_ms = CONNECT_MS,
                                    .total_ms = left_ms > 0 ? left_ms : 1,
                                    .max_bytes = t->max_bytes,
                                    .no_redirect = true,
                                    .proxy = c->world->proxy,
                                    .ca_file = c->world->ca_file,
                                    .idle = c->world->idle,
                                    .arg = c->world->arg};
        struct ac_http_answer a;
        int err = ac_http_run(&r, &a, c->cancel), stopped = err ? ac_cancel_reason(c->cancel) : 0;
        bool again = !err && is_redirect(a.status) && hop < MAX_REDIRECTS;
        if (again)
            again = follow(c, &a, url, &with_headers);
        else if (!stopped)
            judge(c, err, &a);
        ac_http_answer_free(&a);
        if (stopped || !again)
            return stopped;
    }
}

/* What changes something outside is done only once the question is certain. */
static int wait_confirmed(const struct call *c)
{
    int err = ac_cancel_reason(c->cancel);

    while (!err && c->world->confirmed && !ac_cancelled(c->world->confirmed)) {
        if (c->world->idle)
            c->world->idle(c->world->arg);
        err = ac_http_wait(LOOK_MS, c->cancel);
    }
    return err;
}

static int call_service(struct call *c)
{
    struct ac_str url = {0};
    char *body = NULL;
    int err = is_get(c->tool) ? 0 : wait_confirmed(c);

    if (!err && !fill_url(c, &url)) {
        tell_error(c, "an argument that stands in the address is empty, '.' or '..'");
    } else if (!err) {
        if (!is_get(c->tool))
            body = make_body(c);
        err = fetch(c, &url, body);
    }
    free(body);
    ac_str_free(&url);
    return err;
}

static int search(struct call *c)
{
    const char *query = json_string_value(json_object_get(c->arguments, "query"));
    char *cut = ac_asprintf("%.*s", MAX_QUERY, query ? query : "");

    if (!ac_knowledge_base_search(c->world->knowledge, KNOWLEDGE_CHECK_MS, cut, (size_t)c->tool->passages,
                                  c->result))
        ac_str_add(c->result, "Nothing about that is in the knowledge base.");
    free(cut);
    return 0;
}

/* ---- one call ---- */

static const struct tool *find(const struct ac_tools *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->tools[i].name, name) == 0)
            return &t->tools[i];
    return NULL;
}

static int run(struct call *c, const struct ac_tools *t, const char *name, const char *arguments)
{
    char why[200];
    json_error_t where;

    c->tool = find(t, name);
    if (!c->tool)
        return tell_error(c, "there is no tool '%.60s'", name);
    c->arguments = json_loads(*arguments ? arguments : "{}", 0, &where);
    if (!c->arguments)
        return tell_error(c, "the arguments are no JSON: %.120s", where.text);
    if (!json_is_object(c->arguments))
        return tell_error(c, "the arguments are no JSON object");
    if (!ac_tool_fits(c->tool->schema, c->arguments, why, sizeof why))
        return tell_error(c, "the arguments do not fit: %s", why);
    return c->tool->knowledge ? search(c) : call_service(c);
}

int ac_tools_call(const struct ac_tools *t, const char *name, const char *arguments,
                  const struct ac_tool_world *world, struct ac_cancel *cancel, struct ac_str *result)
{
    struct call c = {.world = world, .cancel = cancel, .result = result};
    int64_t begun_us = ac_now_us();
    int err = run(&c, t, name, arguments);

    ac_log_debug(world->log_name, "tool arguments", AC_S("tool", name), AC_S("arguments", arguments),
                 AC_S("failed", c.failed ? result->p : ""));
    ac_log_info(world->log_name, "tool called", AC_S("tool", c.tool ? c.tool->name : "unknown"),
                AC_S("result", err        ? ac_err_name(err)
                               : c.failed ? "failed"
                                          : "ok"),
                AC_I("took_ms", (ac_now_us() - begun_us) / 1000), AC_I("bytes", result->len));
    json_decref(c.arguments);
    return err;
}
