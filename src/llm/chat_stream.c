/* Events and their JSON (chat_stream.h). The repair of JSON's text is in chat_text.c. */
#include "llm/chat_stream.h"

#include "avatarchat/err.h"
#include "llm/chat_text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REASONING = 64 << 10, MAX_ARGUMENTS = 64 << 10, MAX_NAME = 256 };

__attribute__((format(printf, 3, 4))) static int fail(struct ac_chat_stream *s, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(s->reason, sizeof s->reason, fmt, args);
    va_end(args);
    return err;
}

void ac_chat_stream_init(struct ac_chat_stream *s, int (*text)(void *arg, const char *text, size_t n),
                         void *arg)
{
    *s = (struct ac_chat_stream){.text = text, .arg = arg, .tokens_in = -1, .tokens_out = -1};
    s->sse.max_bytes = AC_CHAT_MAX_LINE;
}

void ac_chat_stream_free(struct ac_chat_stream *s)
{
    for (size_t i = 0; i < s->n_calls; i++) {
        ac_str_free(&s->calls[i].id);
        ac_str_free(&s->calls[i].name);
        ac_str_free(&s->calls[i].arguments);
    }
    ac_str_free(&s->reasoning);
    ac_str_free(&s->body);
    ac_str_free(&s->joined);
    ac_sse_free(&s->sse);
}

/* ---- text ---- */

static int give_text(struct ac_chat_stream *s, const char *text, size_t n)
{
    ac_str_clear(&s->joined);
    ac_chat_join(text, n, &s->held, &s->joined);
    if (n)
        s->alive = true;
    if (!s->joined.len)
        return 0;
    s->n_text += s->joined.len;
    return s->text(s->arg, s->joined.p, s->joined.len);
}

static void note_reasoning(struct ac_chat_stream *s, const json_t *text)
{
    size_t n = json_string_length(text);

    if (!n)
        return;
    s->alive = true;
    s->n_reasoning += n;
    if (s->reasoning.len + n <= MAX_REASONING)
        ac_str_add_n(&s->reasoning, json_string_value(text), n);
}

/* A text, or a list of parts of which those that are text are said. */
static int take_content(struct ac_chat_stream *s, const json_t *content)
{
    const json_t *part;
    size_t i;
    int err = 0;

    if (json_is_string(content))
        return give_text(s, json_string_value(content), json_string_length(content));
    json_array_foreach(content, i, part)
    {
        const json_t *text = json_object_get(part, "text");
        if (!err && json_is_string(text))
            err = give_text(s, json_string_value(text), json_string_length(text));
        note_reasoning(s, json_object_get(part, "thinking"));
    }
    return err;
}

/* ---- calls of tools ---- */

/* The call that a piece belongs to: some servers leave the index out or always send 0, so that a new id
 * counts. */
static struct ac_chat_call *call_of(struct ac_chat_stream *s, const json_t *index, const char *id)
{
    struct ac_chat_call *last = s->n_calls ? &s->calls[s->n_calls - 1] : NULL;

    for (size_t i = s->n_calls; i-- > 0;) {
        struct ac_chat_call *c = &s->calls[i];
        bool same_id = !*id || !c->id.len || strcmp(c->id.p, id) == 0;
        if (json_is_integer(index) && c->index == json_integer_value(index) && same_id)
            return c;
    }
    if (!json_is_integer(index) && last && (!*id || (last->id.len && strcmp(last->id.p, id) == 0)))
        return last;
    if (s->n_calls == AC_CHAT_MAX_CALLS)
        return NULL;
    struct ac_chat_call *c = &s->calls[s->n_calls++];
    *c = (struct ac_chat_call){.index = json_is_integer(index) ? (long)json_integer_value(index)
                                                               : (long)s->n_calls - 1};
    return c;
}

static int take_call(struct ac_chat_stream *s, const json_t *piece)
{
    const json_t *function = json_object_get(piece, "function"), *given;
    const char *id = json_string_value(json_object_get(piece, "id"));
    const char *name = json_string_value(json_object_get(function, "name"));

    if (!json_is_object(function))
        return 0;
    struct ac_chat_call *c = call_of(s, json_object_get(piece, "index"), id ? id : "");
    if (!c)
        return fail(s, AC_ELIMIT, "the model calls more than %d tools at once", AC_CHAT_MAX_CALLS);
    s->alive = true;
    if (id && !c->id.len)
        ac_str_add(&c->id, id);
    if (name && !(c->name.len && strcmp(c->name.p, name) == 0)) /* some repeat it in every piece */
        ac_str_add(&c->name, name);
    given = json_object_get(function, "arguments");
    if (json_is_string(given)) {
        ac_str_add_n(&c->arguments, json_string_value(given), json_string_length(given));
    } else if (json_is_object(given)) { /* not as text, but as it is */
        char *text = json_dumps(given, JSON_COMPACT);
        ac_str_add(&c->arguments, text ? text : "");
        free(text);
    }
    if (c->name.len > MAX_NAME || c->id.len > MAX_NAME || c->arguments.len > MAX_ARGUMENTS)
        return fail(s, AC_ELIMIT, "the model's call of a tool is longer than %d kB", MAX_ARGUMENTS >> 10);
    return 0;
}

/* ---- one object ---- */

static void note_usage(struct ac_chat_stream *s, const json_t *root)
{
    const json_t *usage = json_object_get(root, "usage");
    const json_t *in = json_object_get(usage, "prompt_tokens"),
                 *out = json_object_get(usage, "completion_tokens");
    const char *model = json_string_value(json_object_get(root, "model"));

    if (json_is_integer(in))
        s->tokens_in = (long)json_integer_value(in);
    if (json_is_integer(out))
        s->tokens_out = (long)json_integer_value(out);
    if (model && !s->model[0])
        ac_chat_one_line(model, strlen(model), s->model, sizeof s->model);
}

static int take_object(struct ac_chat_stream *s, const json_t *root)
{
    const json_t *choice = json_array_get(json_object_get(root, "choices"), 0), *piece;
    const json_t *delta = json_object_get(choice, "delta"), *calls;
    const char *finish = json_string_value(json_object_get(choice, "finish_reason"));
    size_t i;

    if (!json_is_object(delta))
        delta = json_object_get(choice, "message");
    note_usage(s, root);
    note_reasoning(s, json_object_get(delta, "reasoning_content"));
    if (!json_is_string(json_object_get(delta, "reasoning_content")))
        note_reasoning(s, json_object_get(delta, "reasoning"));
    int err = take_content(s, json_object_get(delta, "content"));
    if (!err)
        err = take_content(s, json_object_get(delta, "refusal"));
    calls = json_object_get(delta, "tool_calls");
    json_array_foreach(calls, i, piece)
    {
        if (!err)
            err = take_call(s, piece);
    }
    if (finish)
        ac_chat_one_line(finish, strlen(finish), s->finish, sizeof s->finish);
    return err;
}

static bool is_error(const json_t *root, const char *event)
{
    const json_t *error = json_object_get(root, "error");
    const char *object = json_string_value(json_object_get(root, "object"));

    return (error && !json_is_null(error)) || strcmp(event, "error") == 0 ||
           (object && strcmp(object, "error") == 0) ||
           (!json_object_get(root, "choices") &&
            (json_object_get(root, "message") || json_object_get(root, "detail")));
}

/* data is one JSON text of an answer. */
static int take_json(struct ac_chat_stream *s, const char *event, const char *data, size_t len)
{
    struct ac_str text = {0};
    char said[120];
    int err;

    ac_chat_repair(data, len, &text);
    json_t *root = json_loadb(text.p ? text.p : "", text.len, 0, NULL);
    if (json_is_object(root) && !is_error(root, event)) {
        err = take_object(s, root);
    } else if (root || strcmp(event, "error") == 0) {
        ac_chat_error_text(text.p ? text.p : "", text.len, said, sizeof said);
        err = fail(s, AC_EENGINE, "the service broke off with an error: %s",
                   said[0] ? said : "it does not say which");
    } else {
        ac_chat_one_line(data, len, said, 80);
        err = fail(s, AC_EPROTO, "the service sent something that is not JSON: %s", said);
    }
    json_decref(root);
    ac_str_free(&text);
    return err;
}

static int on_event(void *arg, const char *event, const char *data, size_t len)
{
    struct ac_chat_stream *s = arg;

    while (len && (data[len - 1] == ' ' || data[len - 1] == '\t'))
        len--;
    if (s->done || !len)
        return 0;
    if (len == 6 && memcmp(data, "[DONE]", 6) == 0) {
        s->done = true;
        return 0;
    }
    return take_json(s, event, data, len);
}

/* ---- the stream ---- */

/* Skips what may stand before (byte-order mark, blank lines) and looks what begins then. */
static size_t find_kind(struct ac_chat_stream *s, const char *bytes, size_t n)
{
    size_t i = 0;

    while (i < n && (bytes[i] == ' ' || bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == '\t' ||
                     (unsigned char)bytes[i] == 0xEF || (unsigned char)bytes[i] == 0xBB ||
                     (unsigned char)bytes[i] == 0xBF))
        i++;
    if (i < n)
        s->kind = bytes[i] == '{' ? AC_CHAT_JSON : bytes[i] == '<' ? AC_CHAT_OTHER : AC_CHAT_EVENTS;
    return i;
}

int ac_chat_stream_feed(struct ac_chat_stream *s, const char *bytes, size_t n)
{
    size_t skip = s->kind ? 0 : find_kind(s, bytes, n);
    int err;

    bytes += skip;
    n -= skip;
    if (!n)
        return 0;
    if (s->kind == AC_CHAT_EVENTS) {
        err = ac_sse_feed(&s->sse, bytes, n, on_event, s);
        return err == AC_ELIMIT && !s->reason[0]
                   ? fail(s, err, "the service sent a line longer than %d kB", AC_CHAT_MAX_LINE >> 10)
                   : err;
    }
    if (s->body.len + n > AC_CHAT_MAX_JSON)
        return fail(s, AC_ELIMIT, "the service's answer is longer than %d MB", AC_CHAT_MAX_JSON >> 20);
    ac_str_add_n(&s->body, bytes, n);
    return 0;
}

int ac_chat_stream_finish(struct ac_chat_stream *s)
{
    int err = 0;

    if (s->kind == AC_CHAT_EVENTS) {
        err = ac_sse_finish(&s->sse, on_event, s);
        if (err == AC_EPROTO) /* the last event without its empty line may be half of one */
            err = s->alive && s->finish[0] ? 0 : AC_EIO;
    } else if (s->kind == AC_CHAT_JSON) {
        err = take_json(s, "", s->body.p, s->body.len);
    } else if (s->kind == AC_CHAT_OTHER) {
        return fail(s, AC_EPROTO, "the service answers with a web page, not with JSON or events");
    }
    if (!err && s->held) { /* nothing follows: it stays alone */
        s->held = 0;
        s->n_text += 3;
        err = s->text(s->arg, "\xEF\xBF\xBD", 3);
    }
    if (err == AC_EIO || (!err && !s->alive && !s->finish[0] && !s->done))
        return fail(s, AC_EIO, "the answer broke off");
    return err;
}
