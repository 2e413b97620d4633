/* The answer to a chat request: events in chunks, one JSON object, or what a script says (fake_openai.h). */
#include "base/mem.h"
#include "base/str.h"
#include "fake/fake_openai_private.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_LINE_BYTES = 1 << 20 };

/* An answer on its way. */
struct stream {
    struct fake_conn *c;
    const struct fake_openai_reply *r;
    size_t n_pieces;
    bool over; /* a fault has ended it */
};

/* ---- chunks ---- */

static void send_chunks(struct stream *s, const char *data, size_t n)
{
    size_t wire = s->r->wire ? s->r->wire : n;

    for (size_t i = 0; i < n && !s->c->broken; i += wire) {
        size_t part = n - i < wire ? n - i : wire;
        struct ac_str chunk = {0};
        ac_str_addf(&chunk, "%zx\r\n", part);
        ac_str_add_n(&chunk, data + i, part);
        ac_str_add(&chunk, "\r\n");
        fake_conn_send(s->c, chunk.p, chunk.len);
        ac_str_free(&chunk);
    }
}

static void send_event(struct stream *s, const char *name, const char *data)
{
    const char *eol = s->r->crlf ? "\r\n" : "\n";
    struct ac_str e = {0};

    if (s->r->comments)
        ac_str_addf(&e, ": PROCESSING%s%s", eol, eol);
    if (name)
        ac_str_addf(&e, "event: %s%s", name, eol);
    ac_str_addf(&e, "data: %s%s%s", data, eol, eol);
    send_chunks(s, e.p, e.len);
    ac_str_free(&e);
}

/* delta is taken over; pairs: its text is written in escapes, so that a pair can be cut. */
static void send_delta(struct stream *s, json_t *delta, const char *finish)
{
    json_t *o = json_pack("{s:s, s:s, s:i, s:s, s:[{s:i, s:o, s:o}]}", "id", "chatcmpl-1", "object",
                          "chat.completion.chunk", "created", 1700000000, "model", "test", "choices", "index",
                          0, "delta", delta, "finish_reason", finish ? json_string(finish) : json_null());
    char *text = json_dumps(o, JSON_COMPACT);

    send_event(s, NULL, text);
    free(text);
    json_decref(o);
}

static void send_raw_content(struct stream *s, const char *escaped)
{
    char *text = ac_asprintf(
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"finish_reason\":null}]}", escaped);

    send_event(s, NULL, text);
    free(text);
}

/* ---- faults ---- */

static void long_line(struct stream *s)
{
    char *line = ac_alloc(LONG_LINE_BYTES);

    memset(line, 'x', LONG_LINE_BYTES);
    memcpy(line, "data: ", 6);
    for (size_t i = 0; i < LONG_LINE_BYTES; i += 16384)
        send_chunks(s, line + i, 16384);
    free(line);
}

static void misbehave(struct stream *s)
{
    const char *said = s->r->fault_text ? s->r->fault_text : "the engine is overloaded";
    char *error =
        ac_asprintf("{\"error\": {\"message\": \"%s\", \"type\": \"server_error\", \"code\": 500}}", said);
    char *event = ac_asprintf("{\"message\": \"%s\"}", said);

    s->over = true;
    if (s->r->fault == FAKE_OPENAI_ERROR_DATA)
        send_event(s, NULL, error);
    else if (s->r->fault == FAKE_OPENAI_ERROR_EVENT)
        send_event(s, "error", event);
    else if (s->r->fault == FAKE_OPENAI_MALFORMED)
        send_event(s, NULL, "{\"choices\": [{\"delta\"");
    else if (s->r->fault == FAKE_OPENAI_STALL)
        fake_conn_wait(s->c, INT_MAX / 2);
    else if (s->r->fault == FAKE_OPENAI_LONG_LINE)
        long_line(s);
    while (s->r->fault == FAKE_OPENAI_COMMENTS && fake_conn_wait(s->c, 50))
        send_chunks(s, ": keep-alive\n\n", 14);
    while (s->r->fault == FAKE_OPENAI_ENDLESS && fake_conn_wait(s->c, 1) && !s->c->broken)
        send_delta(s, json_pack("{s:s}", "content", "and so on "), NULL);
    if (s->r->fault == FAKE_OPENAI_STALL || s->r->fault == FAKE_OPENAI_COMMENTS ||
        s->r->fault == FAKE_OPENAI_HANG_UP)
        s->c->broken = true;
    free(error);
    free(event);
}

/* ---- pieces ---- */

/* Bytes of the next piece: n characters, or to the end of a word. */
static size_t piece_of(const char *text, size_t n)
{
    const char *p = text, *end = text + strlen(text);

    if (n == 0) {
        p += strspn(p, " \n");
        p += strcspn(p, " \n");
        return (size_t)(p - text);
    }
    for (; n > 0 && p < end; n--)
        (void)ac_utf8_next(&p, end);
    return (size_t)(p - text);
}

static void before_piece(struct stream *s)
{
    if (s->n_pieces == s->r->fault_after && s->r->fault)
        misbehave(s);
    else if (!fake_conn_wait(s->c, s->n_pieces ? s->r->piece_ms : s->r->first_ms))
        s->over = true;
    s->n_pieces++;
}

/* A character beyond the first plane as two events, each with half of its surrogate pair. */
static void send_halves(struct stream *s, uint32_t cp)
{
    char half[16];

    snprintf(half, sizeof half, "\\u%04x", 0xD800 + ((cp - 0x10000) >> 10));
    send_raw_content(s, half);
    snprintf(half, sizeof half, "\\u%04x", 0xDC00 + ((cp - 0x10000) & 0x3FF));
    send_raw_content(s, half);
}

static void send_text(struct stream *s, const char *text, const char *field)
{
    while (*text && !s->over && !s->c->broken) {
        size_t n = piece_of(text, s->r->split_pairs ? 1 : s->r->piece);
        const char *p = text;
        uint32_t cp = ac_utf8_next(&p, text + n);
        before_piece(s);
        if (s->over)
            return;
        if (s->r->split_pairs && cp >= 0x10000)
            send_halves(s, cp);
        else
            send_delta(s, json_pack("{s:s%}", field, text, n), NULL);
        if (s->r->sent)
            s->r->sent(s->r->sent_arg, s->n_pieces - 1);
        text += n;
    }
}

static json_t *call_delta(const struct fake_openai_call *call, size_t i, bool first, const char *arguments,
                          size_t n, bool with_index)
{
    json_t *o = json_pack("{s:{s:s%}}", "function", "arguments", arguments, n);

    if (with_index)
        json_object_set_new(o, "index", json_integer((json_int_t)i));
    if (first) {
        if (call->id)
            json_object_set_new(o, "id", json_string(call->id));
        json_object_set_new(o, "type", json_string("function"));
        json_object_set_new(json_object_get(o, "function"), "name", json_string(call->name));
    }
    return json_pack("{s:[o]}", "tool_calls", o);
}

static void send_calls(struct stream *s)
{
    for (size_t i = 0; i < s->r->n_calls && !s->over; i++) {
        const struct fake_openai_call *call = &s->r->calls[i];
        const char *rest = call->arguments;
        size_t n = s->r->no_index ? strlen(rest) : 0;
        send_delta(s, call_delta(call, i, true, rest, n, !s->r->no_index), NULL);
        for (rest += n; *rest; rest += n) {
            n = s->r->piece ? piece_of(rest, s->r->piece) : strlen(rest);
            send_delta(s, call_delta(call, i, false, rest, n, true), NULL);
        }
    }
}

/* ---- the whole ---- */

static char *echo_of(const char *body, size_t i)
{
    json_t *root = json_loads(body, 0, NULL), *messages = json_object_get(root, "messages");
    const char *question = "";

    for (size_t k = json_array_size(messages); k-- > 0 && !*question;) {
        json_t *m = json_array_get(messages, k);
        const char *role = json_string_value(json_object_get(m, "role"));
        if (role && strcmp(role, "user") == 0)
            question = json_string_value(json_object_get(m, "content"));
    }
    char *echo = ac_asprintf("%zu: %s", i + 1, question ? question : "");
    json_decref(root);
    return echo;
}

static const char *finish_of(const struct fake_openai_reply *r)
{
    return r->finish ? r->finish : r->n_calls ? "tool_calls" : "stop";
}

static void send_object(struct fake_conn *c, const struct fake_openai_reply *r, const char *text)
{
    json_t *calls = json_array(), *message = json_pack("{s:s, s:s}", "role", "assistant", "content", text);

    for (size_t i = 0; i < r->n_calls; i++)
        json_array_append_new(calls, json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", r->calls[i].id, "type",
                                               "function", "function", "name", r->calls[i].name, "arguments",
                                               r->calls[i].arguments));
    if (r->n_calls)
        json_object_set(message, "tool_calls", calls);
    if (r->reasoning)
        json_object_set_new(message, "reasoning_content", json_string(r->reasoning));
    json_t *o = json_pack("{s:s, s:s, s:[{s:i, s:o, s:s}], s:{s:i, s:i}}", "object", "chat.completion",
                          "model", "test", "choices", "index", 0, "message", message, "finish_reason",
                          finish_of(r), "usage", "prompt_tokens", 11, "completion_tokens", 7);
    char *body = json_dumps(o, JSON_INDENT(2));
    fake_conn_reply(c, r->status ? r->status : 200, r->type ? r->type : "application/json", r->head, body);
    free(body);
    json_decref(o);
    json_decref(calls);
}

static void send_head(struct stream *s)
{
    const struct fake_openai_reply *r = s->r;
    struct ac_str head = {0};

    ac_str_addf(&head, "HTTP/1.1 %d Scripted\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n%s\r\n",
                r->status ? r->status : 200, r->type ? r->type : "text/event-stream", r->head ? r->head : "");
    fake_conn_send(s->c, head.p, head.len);
    ac_str_free(&head);
}

static void send_end(struct stream *s)
{
    const char *finish = finish_of(s->r);

    if (*finish)
        send_delta(s, json_object(), finish);
    if (s->r->usage)
        send_event(s, NULL, "{\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7}}");
    if (!s->r->no_done)
        send_event(s, NULL, "[DONE]");
    if (s->r->linger) {
        fake_conn_wait(s->c, INT_MAX / 2);
        s->c->broken = true;
    }
}

static void send_stream(struct stream *s, const char *text)
{
    send_delta(s, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), NULL);
    if (s->r->reasoning)
        send_delta(s, json_pack("{s:s}", "reasoning_content", s->r->reasoning), NULL);
    send_text(s, text, "content");
    if (!s->over && s->r->fault)
        misbehave(s);
    if (!s->over)
        send_calls(s);
    if (!s->over)
        send_end(s);
}

void fake_openai_answer(struct fake_conn *c, const struct fake_openai_reply *r, const char *body, size_t i)
{
    struct stream s = {.c = c, .r = r};
    char *echo = r->text || r->n_calls ? NULL : echo_of(body, i);
    const char *text = r->text ? r->text : echo ? echo : "";

    if (!fake_conn_wait(c, r->delay_ms)) {
        c->broken = true;
    } else if (r->body && !r->wire) {
        fake_conn_reply(c, r->status ? r->status : 200, r->type ? r->type : "application/json", r->head,
                        r->body);
    } else if (r->no_stream && !r->body) {
        send_object(c, r, text);
    } else {
        send_head(&s);
        if (r->body)
            send_chunks(&s, r->body, strlen(r->body));
        else
            send_stream(&s, text);
        if (!c->broken)
            fake_conn_send(c, "0\r\n\r\n", 5);
    }
    free(echo);
}
