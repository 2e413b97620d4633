/* The calls of the store as scripts in a Redis server. See store_redis.h. */
#include "core/store_redis.h"

#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 86400000, PAGE = 500, NUMBER = 24 };

static struct store_redis *as_redis(struct ac_store *base)
{
    return (struct store_redis *)base;
}

/* ---- calls ---- */

/* A call's keys and those words that are made for it. Start with begin, end with end. */
struct made {
    struct redis_call call;
    char *mine, *one, *conversations; /* conversations: prefix of those of the client */
    char numbers[4][NUMBER];
    int n_numbers;
};

static void word(struct made *m, const char *text)
{
    m->call.words[m->call.n++] = text;
}

static void number(struct made *m, int64_t value)
{
    char *text = m->numbers[m->n_numbers++];

    snprintf(text, NUMBER, "%" PRId64, value);
    word(m, text);
}

/* client, conversation: "" where the call is about none. */
static void begin(struct made *m, const struct store_redis *st, enum redis_script script, const char *client,
                  const char *conversation)
{
    *m = (struct made){.call = {.script = script}};
    m->mine = ac_asprintf("%sclient:%s", st->prefix, client);
    m->conversations = ac_asprintf("%sconversation:%s%s", st->prefix, client, *client ? ":" : "");
    m->one = ac_asprintf("%s%s", m->conversations, conversation);
    word(m, st->all);
    word(m, m->mine);
    word(m, m->one);
}

static void end(struct made *m)
{
    free(m->mine);
    free(m->one);
    free(m->conversations);
}

/* ---- what is written ---- */

static char *message_json(const struct ac_stored_message *m)
{
    json_t *j = json_pack("{s:s, s:I}", "text", m->text, "at_ms", (json_int_t)m->at_ms);

    if (m->interrupted)
        json_object_set_new(j, "interrupted", json_true());
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    return text;
}

static int add(struct ac_store *base, const char *client, const char *conversation,
               const struct ac_stored_message *m, bool question, const char *title)
{
    struct store_redis *st = as_redis(base);
    char *json = message_json(m);
    struct made c;

    if (!json)
        return AC_ENOMEM;
    begin(&c, st, REDIS_ADD, client, conversation);
    word(&c, client);
    word(&c, conversation);
    number(&c, m->turn);
    word(&c, question ? "q" : "a");
    number(&c, m->at_ms);
    word(&c, json);
    word(&c, title ? title : "");
    number(&c, base->keep_conversations);
    number(&c, (int64_t)base->keep_days * DAY_MS);
    word(&c, c.conversations);
    int err = redis_change_later(st, &c.call);
    end(&c);
    free(json);
    return err;
}

static int remove_answer(struct ac_store *base, const char *client, const char *conversation, uint32_t turn)
{
    struct store_redis *st = as_redis(base);
    struct made c;

    begin(&c, st, REDIS_REMOVE_ANSWER, client, conversation);
    number(&c, turn);
    int err = redis_change_later(st, &c.call);
    end(&c);
    return err;
}

static int summarize(struct ac_store *base, const char *client, const char *conversation, const char *summary,
                     uint32_t turns)
{
    struct store_redis *st = as_redis(base);
    struct made c;

    begin(&c, st, REDIS_SET, client, conversation);
    word(&c, "summary");
    word(&c, summary);
    word(&c, "summary_turns");
    number(&c, turns);
    int err = redis_change_later(st, &c.call);
    end(&c);
    return err;
}

static int rename_conversation(struct ac_store *base, const char *client, const char *conversation,
                               const char *title)
{
    struct store_redis *st = as_redis(base);
    struct made c;
    int64_t done;

    begin(&c, st, REDIS_SET, client, conversation);
    word(&c, "title");
    word(&c, title);
    int err = redis_change(st, &c.call, &done);
    end(&c);
    return err;
}

/* ---- deleting ---- */

static int remove_conversation(struct ac_store *base, const char *client, const char *conversation)
{
    struct store_redis *st = as_redis(base);
    struct made c;
    int64_t done;

    begin(&c, st, REDIS_DELETE, client, conversation);
    word(&c, client);
    word(&c, conversation);
    int err = redis_change(st, &c.call, &done);
    end(&c);
    return err;
}

static int remove_client(struct ac_store *base, const char *client, size_t *n)
{
    struct store_redis *st = as_redis(base);
    struct made c;
    int64_t done;

    begin(&c, st, REDIS_DELETE_CLIENT, client, "");
    word(&c, client);
    word(&c, c.conversations);
    int err = redis_change(st, &c.call, &done);
    end(&c);
    *n = (size_t)done;
    return err == AC_ENOENT ? 0 : err; /* there was nothing to delete */
}

/* In pages, so that the server never stands still for long. */
static int prune(struct ac_store *base, size_t *n)
{
    struct store_redis *st = as_redis(base);
    char *clients = ac_asprintf("%sclient:", st->prefix), cursor[NUMBER] = "0";
    int64_t cutoff = base->keep_days ? ac_unix_ms() - (int64_t)base->keep_days * DAY_MS : 0;
    int err;

    do {
        struct made c;
        redisReply *r;
        begin(&c, st, REDIS_PRUNE, "", "");
        word(&c, cursor);
        number(&c, cutoff);
        number(&c, base->keep_conversations);
        word(&c, clients);
        word(&c, c.conversations);
        err = redis_ask(st, &c.call, &r);
        end(&c);
        *n += (size_t)redis_number(r, 0);
        bool more = r && r->type == REDIS_REPLY_ARRAY && r->elements == 3 &&
                    r->element[2]->type == REDIS_REPLY_STRING;
        snprintf(cursor, sizeof cursor, "%s", more ? r->element[2]->str : "0");
        freeReplyObject(r);
    } while (!err && strcmp(cursor, "0") != 0);
    free(clients);
    return err;
}

/* ---- what is read ---- */

static const char *text_at(const redisReply *r, size_t i)
{
    return r->element[i]->type == REDIS_REPLY_STRING ? r->element[i]->str : "";
}

static int64_t number_at(const redisReply *r, size_t i)
{
    return strtoll(text_at(r, i), NULL, 10);
}

/* "12:q" → a message; false where the field is none. */
static bool read_message(const char *field, const char *value, struct ac_stored_message *m)
{
    char *colon;
    unsigned long turn = strtoul(field, &colon, 10);

    if (!turn || (strcmp(colon, ":q") && strcmp(colon, ":a")))
        return false;
    json_t *j = json_loads(value, 0, NULL);
    *m = (struct ac_stored_message){
        .role = ac_strdup(colon[1] == 'q' ? "user" : "assistant"),
        .text = ac_strdup(json_string_value(json_object_get(j, "text"))),
        .turn = (uint32_t)turn,
        .at_ms = (int64_t)json_integer_value(json_object_get(j, "at_ms")),
        .interrupted = json_is_true(json_object_get(j, "interrupted")),
    };
    json_decref(j);
    if (m->text)
        return true;
    free(m->role); /* somebody else wrote there */
    return false;
}

static int by_turn(const void *a, const void *b)
{
    const struct ac_stored_message *x = a, *y = b;

    if (x->turn != y->turn)
        return x->turn < y->turn ? -1 : 1;
    return strcmp(y->role, x->role); /* user before assistant */
}

static void read_conversation(const redisReply *r, const char *id, struct ac_stored_conversation *c)
{
    snprintf(c->id, sizeof c->id, "%s", id);
    c->messages = ac_realloc_array(NULL, r->elements / 2, sizeof *c->messages);
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        const char *field = text_at(r, i), *value = text_at(r, i + 1);
        if (!strcmp(field, "title"))
            c->title = ac_strdup(value);
        else if (!strcmp(field, "created"))
            c->created_ms = number_at(r, i + 1);
        else if (!strcmp(field, "updated"))
            c->updated_ms = number_at(r, i + 1);
        else if (!strcmp(field, "turns"))
            c->turns = (uint32_t)number_at(r, i + 1);
        else if (!strcmp(field, "summary"))
            c->summary = ac_strdup(value);
        else if (!strcmp(field, "summary_turns"))
            c->summary_turns = (uint32_t)number_at(r, i + 1);
        else
            c->n_messages += read_message(field, value, &c->messages[c->n_messages]);
    }
    qsort(c->messages, c->n_messages, sizeof *c->messages, by_turn);
    if (!c->title)
        c->title = ac_strdup("");
}

static int load(struct ac_store *base, const char *client, const char *conversation,
                struct ac_stored_conversation *out)
{
    struct store_redis *st = as_redis(base);
    redisReply *r;
    struct made c;

    begin(&c, st, REDIS_LOAD, client, conversation);
    int err = redis_ask(st, &c.call, &r);
    end(&c);
    if (!err && (r->type != REDIS_REPLY_ARRAY || !r->elements))
        err = AC_ENOENT;
    if (!err)
        read_conversation(r, conversation, out);
    freeReplyObject(r);
    return err;
}

static int list(struct ac_store *base, const char *client, size_t max, struct ac_stored_conversation **out,
                size_t *n)
{
    enum { FIELDS = 5 };
    struct store_redis *st = as_redis(base);
    redisReply *r;
    struct made c;

    begin(&c, st, REDIS_LIST, client, "");
    word(&c, client);
    number(&c, (int64_t)max);
    word(&c, c.conversations);
    int err = redis_ask(st, &c.call, &r);
    end(&c);
    if (err)
        return err;
    size_t rows = r->type == REDIS_REPLY_ARRAY ? r->elements / FIELDS : 0;
    *out = ac_realloc_array(NULL, rows + 1, sizeof **out);
    for (size_t i = 0; i < rows * FIELDS; i += FIELDS) {
        struct ac_stored_conversation *one = &(*out)[(*n)++];
        *one = (struct ac_stored_conversation){
            .title = ac_strdup(text_at(r, i + 1)),
            .created_ms = number_at(r, i + 2),
            .updated_ms = number_at(r, i + 3),
            .turns = (uint32_t)number_at(r, i + 4),
        };
        snprintf(one->id, sizeof one->id, "%s", text_at(r, i));
    }
    freeReplyObject(r);
    return 0;
}

static int count(struct ac_store *base, size_t *conversations, size_t *messages)
{
    struct store_redis *st = as_redis(base);
    int64_t first = 0, rows = PAGE;
    int err = 0;

    for (; !err && rows == PAGE; first += PAGE) {
        struct made c;
        redisReply *r;
        begin(&c, st, REDIS_COUNT, "", "");
        number(&c, first);
        number(&c, first + PAGE - 1);
        word(&c, c.conversations);
        err = redis_ask(st, &c.call, &r);
        end(&c);
        rows = redis_number(r, 0);
        *conversations += (size_t)redis_number(r, 1);
        *messages += (size_t)redis_number(r, 2);
        freeReplyObject(r);
    }
    return err;
}

/* ---- life ---- */

static void close_store(struct ac_store *base)
{
    struct store_redis *st = as_redis(base);

    redis_link_close(st);
    redis_place_clear(&st->place);
    free(st->prefix);
    free(st->all);
    free(st->password_env);
    store_end(base);
    free(st);
}

static const struct store_ops ops = {
    .close = close_store,
    .add = add,
    .remove_answer = remove_answer,
    .summarize = summarize,
    .load = load,
    .list = list,
    .rename = rename_conversation,
    .remove = remove_conversation,
    .remove_client = remove_client,
    .prune = prune,
    .count = count,
};

int store_redis_open(struct ac_store **out, const struct ac_history_config *cfg, char *reason)
{
    const char *password = *cfg->redis_password_env ? getenv(cfg->redis_password_env) : NULL;
    struct redis_place place;
    size_t n = 0;
    int err = redis_place_parse(&place, *cfg->redis_url ? cfg->redis_url : "redis://127.0.0.1", reason);

    if (err)
        return err;
    if (password && *password) {
        free(place.password);
        place.password = ac_strdup(password);
    }
    struct store_redis *st = ac_zalloc(sizeof *st);
    store_init(&st->base, &ops, cfg);
    st->place = place;
    st->base.where = ac_asprintf("%s:%d", place.host, place.port);
    st->prefix = ac_strdup(cfg->redis_prefix);
    st->all = ac_asprintf("%sall", st->prefix);
    st->password_env = ac_strdup(cfg->redis_password_env);
    err = redis_link_open(st);
    if (err) {
        snprintf(reason, AC_STORE_REASON, "the thread for Redis cannot be started");
        close_store(&st->base);
        return err;
    }
    prune(&st->base, &n); /* a server that is not there yet is pruned later */
    *out = &st->base;
    return 0;
}

int store_redis_examine(const struct ac_history_config *cfg, size_t *conversations, size_t *messages,
                        char *reason)
{
    struct ac_store *base;
    struct ac_store_state state;
    int err = store_redis_open(&base, cfg, reason);

    if (err)
        return err;
    err = count(base, conversations, messages);
    if (err) {
        ac_store_state(base, &state);
        snprintf(reason, AC_STORE_REASON, "%s", state.reason);
    }
    close_store(base);
    return err;
}
