/* Conversations read from the file. See store_sqlite.h. */
#include "core/store_sqlite.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *column_text(sqlite3_stmt *s, int column)
{
    return ac_strdup((const char *)sqlite3_column_text(s, column));
}

/* ---- one ---- */

static int read_messages(struct store_sqlite *st, int64_t key, struct ac_stored_conversation *c)
{
    sqlite3_stmt *s = store_bind(st, STORE_MESSAGES, "i", key);
    size_t cap = 0;
    int row;

    while ((row = store_step(st, s)) > 0) {
        if (c->n_messages == cap) {
            cap = cap ? cap * 2 : 32;
            c->messages = ac_realloc_array(c->messages, cap, sizeof *c->messages);
        }
        c->messages[c->n_messages++] = (struct ac_stored_message){
            .role = column_text(s, 0),
            .text = column_text(s, 1),
            .turn = (uint32_t)sqlite3_column_int64(s, 2),
            .at_ms = sqlite3_column_int64(s, 3),
            .interrupted = sqlite3_column_int(s, 4) != 0,
        };
    }
    return row;
}

static int read_conversation(struct store_sqlite *st, const char *client, const char *conversation,
                             struct ac_stored_conversation *c)
{
    sqlite3_stmt *s = store_bind(st, STORE_LOAD, "tt", client, conversation);
    int row = store_step(st, s);

    if (row <= 0)
        return row ? row : AC_ENOENT;
    int64_t key = sqlite3_column_int64(s, 0);
    snprintf(c->id, sizeof c->id, "%s", conversation);
    c->title = column_text(s, 1);
    c->created_ms = sqlite3_column_int64(s, 2);
    c->updated_ms = sqlite3_column_int64(s, 3);
    c->turns = (uint32_t)sqlite3_column_int64(s, 4);
    c->summary = column_text(s, 5);
    c->summary_turns = (uint32_t)sqlite3_column_int64(s, 6);
    sqlite3_reset(s);
    return read_messages(st, key, c);
}

int store_sqlite_load(struct ac_store *base, const char *client, const char *conversation,
                      struct ac_stored_conversation *out)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, false);
    if (!err)
        err = read_conversation(st, client, conversation, out);
    return store_leave(st, err);
}

/* ---- many ---- */

static int read_list(struct store_sqlite *st, const char *client, size_t max,
                     struct ac_stored_conversation **list, size_t *n)
{
    sqlite3_stmt *s = store_bind(st, STORE_LIST, "ti", client, (int64_t)max);
    size_t cap = 0;
    int row;

    while ((row = store_step(st, s)) > 0) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 16;
            *list = ac_realloc_array(*list, cap, sizeof **list);
        }
        struct ac_stored_conversation *c = &(*list)[(*n)++];
        *c = (struct ac_stored_conversation){
            .title = column_text(s, 1),
            .created_ms = sqlite3_column_int64(s, 2),
            .updated_ms = sqlite3_column_int64(s, 3),
            .turns = (uint32_t)sqlite3_column_int64(s, 4),
        };
        snprintf(c->id, sizeof c->id, "%s", (const char *)sqlite3_column_text(s, 0));
    }
    return row;
}

int store_sqlite_list(struct ac_store *base, const char *client, size_t max,
                      struct ac_stored_conversation **list, size_t *n)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, false);

    if (!err)
        err = read_list(st, client, max, list, n);
    return store_leave(st, err);
}

/* ---- numbers ---- */

int store_sqlite_count(struct ac_store *base, size_t *conversations, size_t *messages)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, false);

    if (!err)
        err = store_recount(st, conversations, messages);
    return store_leave(st, err);
}
