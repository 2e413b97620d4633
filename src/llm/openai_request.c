/* What is sent: the body of a request and its messages (openai.h). */
#include "llm/openai.h"

#include "base/mem.h"
#include "llm/chat_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STOPS = 4, KNOWLEDGE_CHECK_MS = 1000, MAX_REASONING_ECHO = 64 << 10 };

/* A JSON string of any text: what is no UTF-8 becomes U+FFFD. */
static json_t *string_of(const char *text, size_t len)
{
    json_t *s = json_stringn(text, len);
    struct ac_str good = {0};
    uint32_t held = 0;

    if (s)
        return s;
    ac_chat_join(text, len, &held, &good);
    s = json_stringn(good.p ? good.p : "", good.len);
    ac_str_free(&good);
    return s;
}

static json_t *message(const char *role, const char *text)
{
    return json_pack("{s:s, s:o}", "role", role, "content", string_of(text, strlen(text)));
}

static size_t last_user(const struct ac_chat *chat)
{
    for (size_t i = chat->n_messages; i-- > 0;)
        if (chat->messages[i].role && !strcmp(chat->messages[i].role, "user") && chat->messages[i].text)
            return i;
    return chat->n_messages;
}

const char *openai_question(const struct ac_chat *chat)
{
    size_t i = last_user(chat);

    return i < chat->n_messages ? chat->messages[i].text : "";
}

json_t *openai_messages(struct openai *o, const struct ac_chat *chat)
{
    json_t *list = json_array();
    struct ac_str facts = {0};
    size_t question = last_user(chat);

    if (o->cfg->knowledge_passages > 0 && question < chat->n_messages)
        ac_knowledge_base_search(o->model->knowledge, KNOWLEDGE_CHECK_MS, chat->messages[question].text,
                                 (size_t)o->cfg->knowledge_passages, &facts);
    for (size_t i = 0; i < chat->n_messages; i++) {
        const struct ac_message *m = &chat->messages[i];
        if (i == question && facts.len) {
            char *text = ac_asprintf(
                "What is known and may help with the next question. Use what fits it, leave out the "
                "rest, and add nothing to these facts:\n\n%s",
                facts.p);
            json_array_append_new(list, message("system", text));
            free(text);
        }
        if (m->role && m->text)
            json_array_append_new(list, message(m->role, m->text));
    }
    ac_str_free(&facts);
    return list;
}

json_t *openai_summary_messages(const struct ac_chat *chat)
{
    struct ac_str task = {0}, talk = {0};
    json_t *list = json_array();

    ac_str_add(
        &task,
        "You keep the memory of a conversation. Sum up what the user sends, a conversation with what was "
        "noted of it before, so that it can go on later from your summary alone. Keep: who the persons "
        "are, facts that they told, what they wish and like, what was agreed, questions still open. "
        "Leave out greetings and what no longer matters. Invent nothing. At most 120 words (200 Chinese "
        "characters), plain text without headings or lists, nothing but the summary. ");
    if (chat->lang[0])
        ac_str_addf(&task, "Write in the language with the tag %s.", chat->lang);
    else
        ac_str_add(&task, "Write in the language of the conversation.");
    for (size_t i = 0; i < chat->n_messages; i++) {
        const struct ac_message *m = &chat->messages[i];
        if (!m->role || !m->text)
            continue;
        ac_str_addf(&talk, "%s: %s\n\n", strcmp(m->role, "system") ? m->role : "notes", m->text);
    }
    json_array_append_new(list, message("system", task.p));
    json_array_append_new(list, message("user", talk.p ? talk.p : ""));
    ac_str_free(&task);
    ac_str_free(&talk);
    return list;
}

/* The text of a message with another before it. */
static json_t *prefixed(const json_t *message, const struct ac_str *before)
{
    json_t *copy = json_copy((json_t *)message);
    const char *text = json_string_value(json_object_get(message, "content"));
    char *both = ac_asprintf("%s%s", before->p, text ? text : "");

    json_object_set_new(copy, "content", json_string(both));
    free(both);
    return copy;
}

static bool has_role(const json_t *message, const char *role)
{
    const char *own = json_string_value(json_object_get(message, "role"));

    return own && strcmp(own, role) == 0;
}

/*
 * The same messages for a model that takes one system message, at the beginning: the first ones are joined,
 * what a later one says stands at the head of the user's next message, so that what came before stays as it
 * was (servers keep its computation).
 */
static json_t *fold_system(const json_t *messages)
{
    json_t *list = json_array(), *m;
    struct ac_str held = {0};
    bool begun = false;
    size_t i;

    json_array_foreach(messages, i, m)
    {
        const char *text = json_string_value(json_object_get(m, "content"));
        if (has_role(m, "system")) {
            ac_str_addf(&held, "%s\n\n", text ? text : "");
            continue;
        }
        if (!begun && held.len)
            json_array_append_new(
                list, json_pack("{s:s, s:s%}", "role", "system", "content", held.p, held.len - 2));
        if (begun && held.len && has_role(m, "user"))
            json_array_append_new(list, prefixed(m, &held));
        else
            json_array_append(list, m);
        if (!begun || has_role(m, "user"))
            ac_str_clear(&held);
        begun = true;
    }
    if (held.len)
        json_array_append_new(list,
                              json_pack("{s:s, s:s%}", "role", "user", "content", held.p, held.len - 2));
    ac_str_free(&held);
    return list;
}

static json_t *stop_list(const char *stops)
{
    json_t *list = json_array();

    for (const char *p = stops; *p && json_array_size(list) < MAX_STOPS;) {
        size_t n = strcspn(p, "|");
        if (n)
            json_array_append_new(list, string_of(p, n));
        p += n + (p[n] == '|');
    }
    return list;
}

char *openai_body(const struct openai_model *m, json_t *messages, bool offer_tools, bool one_system)
{
    const struct openai_cfg *c = m->cfg;
    json_t *sent = one_system ? fold_system(messages) : json_incref(messages);
    json_t *body = json_pack("{s:o, s:o, s:b}", "model", string_of(c->model, strlen(c->model)), "messages",
                             sent, "stream", 1);

    if (c->temperature >= 0)
        json_object_set_new(body, "temperature", json_real(c->temperature));
    if (c->top_p > 0)
        json_object_set_new(body, "top_p", json_real(c->top_p));
    if (c->max_tokens > 0)
        json_object_set_new(body, c->max_tokens_field ? "max_completion_tokens" : "max_tokens",
                            json_integer(c->max_tokens));
    if (*c->stop)
        json_object_set_new(body, "stop", stop_list(c->stop));
    if (offer_tools && m->tools)
        json_object_set(body, "tools", ac_tools_offer(m->tools));
    if (m->extra_body)
        json_object_update(body, m->extra_body);
    char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(body);
    return text;
}

void openai_add_calls(json_t *messages, struct ac_chat_stream *s, const char *said, int round)
{
    json_t *calls = json_array(), *m = message("assistant", said);

    for (size_t i = 0; i < s->n_calls; i++) {
        struct ac_chat_call *c = &s->calls[i];
        json_t *checked = json_loadb(c->arguments.p ? c->arguments.p : "", c->arguments.len, 0, NULL);
        if (!c->id.len)
            ac_str_addf(&c->id, "call_%d_%zu", round, i);
        json_array_append_new(
            calls,
            json_pack("{s:o, s:s, s:{s:o, s:o}}", "id", string_of(c->id.p, c->id.len), "type", "function",
                      "function", "name", string_of(c->name.p ? c->name.p : "", c->name.len), "arguments",
                      /* servers parse it again and refuse what is no JSON */
                      checked ? string_of(c->arguments.p, c->arguments.len) : json_string("{}")));
        json_decref(checked);
    }
    json_object_set_new(m, "tool_calls", calls);
    /* some services that think want it back while tools are called; others never sent it */
    if (s->reasoning.len && s->reasoning.len <= MAX_REASONING_ECHO)
        json_object_set_new(m, "reasoning_content", string_of(s->reasoning.p, s->reasoning.len));
    json_array_append_new(messages, m);
}

void openai_add_result(json_t *messages, const struct ac_chat_call *call, const struct ac_str *result)
{
    json_array_append_new(messages, json_pack("{s:s, s:o, s:o}", "role", "tool", "tool_call_id",
                                              string_of(call->id.p, call->id.len), "content",
                                              string_of(result->p ? result->p : "", result->len)));
}
