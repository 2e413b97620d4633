/* Conversations written to the file: messages, titles, deleting. See store_sqlite.h. */
#include "core/store_sqlite.h"

enum { DAY_MS = 86400000 };

/* ---- adding ---- */

/* For calls that made or deleted conversations. */
static int count_anew(struct store_sqlite *st)
{
    size_t conversations, messages;

    return store_recount(st, &conversations, &messages);
}

static int create(struct store_sqlite *st, const char *client, const char *conversation,
                  const struct ac_stored_message *m, const char *title, int64_t *key)
{
    int err = store_run(
        st, store_bind(st, STORE_MAKE_ROOM, "ti", client, (int64_t)st->base.keep_conversations - 1));

    if (err == AC_ENOENT) /* there is room */
        err = 0;
    if (!err)
        err = store_run(st, store_bind(st, STORE_CREATE, "ttti", client, conversation, title, m->at_ms));
    *key = sqlite3_last_insert_rowid(st->db);
    return err ? err : count_anew(st);
}

/* The key of the conversation; made where this may be its first message (it has a title then). */
static int find_or_create(struct store_sqlite *st, const char *client, const char *conversation,
                          const struct ac_stored_message *m, const char *title, int64_t *key)
{
    sqlite3_stmt *s = store_bind(st, STORE_FIND, "tt", client, conversation);
    int row = store_step(st, s);

    if (row < 0)
        return row;
    if (row) {
        *key = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
        return 0;
    }
    return title ? create(st, client, conversation, m, title, key) : AC_ENOENT;
}

static int add(struct ac_store *base, const char *client, const char *conversation,
               const struct ac_stored_message *m, bool question, const char *title)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int64_t key = 0;
    int err = store_enter(st, true);

    if (!err)
        err = find_or_create(st, client, conversation, m, title, &key);
    if (!err)
        err = store_run(st, store_bind(st, question ? STORE_PUT_QUESTION : STORE_PUT_ANSWER, "iitii", key,
                                       (int64_t)m->turn, m->text, m->at_ms, (int64_t)m->interrupted));
    if (!err)
        err = store_run(st, store_bind(st, STORE_TOUCH, "ii", key, m->at_ms));
    return store_leave(st, err);
}

/* ---- changing ---- */

static int remove_answer(struct ac_store *base, const char *client, const char *conversation, uint32_t turn)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, true);

    if (!err)
        err = store_run(st, store_bind(st, STORE_REMOVE_ANSWER, "tti", client, conversation, (int64_t)turn));
    return store_leave(st, err);
}

static int summarize(struct ac_store *base, const char *client, const char *conversation, const char *summary,
                     uint32_t turns)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, true);

    if (!err)
        err = store_run(
            st, store_bind(st, STORE_SUMMARIZE, "ttti", client, conversation, summary, (int64_t)turns));
    return store_leave(st, err);
}

static int rename_conversation(struct ac_store *base, const char *client, const char *conversation,
                               const char *title)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, true);

    if (!err)
        err = store_run(st, store_bind(st, STORE_RENAME, "ttt", client, conversation, title));
    return store_leave(st, err);
}

/* ---- deleting ---- */

/* What was deleted stands in the log of the file (WAL) still: moves the log into the file and empties it. */
static int leave_emptied(struct store_sqlite *st, int err)
{
    err = store_leave(st, err);
    if (err)
        return err;
    pthread_mutex_lock(&st->lock);
    sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL); /* else a later one */
    pthread_mutex_unlock(&st->lock);
    return 0;
}

static int remove_conversation(struct ac_store *base, const char *client, const char *conversation)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, true);

    if (!err)
        err = store_run(st, store_bind(st, STORE_DELETE, "tt", client, conversation));
    if (!err)
        err = count_anew(st);
    return leave_emptied(st, err);
}

static int remove_client(struct ac_store *base, const char *client, size_t *n)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, true);

    if (!err)
        err = store_run(st, store_bind(st, STORE_DELETE_CLIENT, "t", client));
    if (!err)
        *n = (size_t)sqlite3_changes(st->db);
    if (!err)
        err = count_anew(st);
    err = leave_emptied(st, err);
    return err == AC_ENOENT ? 0 : err; /* there was nothing to delete */
}

/* Deletes by a statement with one number and adds to *n how many went. */
static int delete_past(struct store_sqlite *st, enum store_statement which, int64_t limit, size_t *n)
{
    int err = store_run(st, store_bind(st, which, "i", limit));

    if (!err)
        *n += (size_t)sqlite3_changes(st->db);
    return err == AC_ENOENT ? 0 : err;
}

int store_sqlite_prune(struct ac_store *base, size_t *n)
{
    struct store_sqlite *st = store_as_sqlite(base);
    int err = store_enter(st, true);

    if (!err && base->keep_days)
        err = delete_past(st, STORE_PRUNE_AGE, ac_unix_ms() - (int64_t)base->keep_days * DAY_MS, n);
    if (!err)
        err = delete_past(st, STORE_PRUNE_COUNT, base->keep_conversations, n);
    if (!err)
        err = count_anew(st);
    return store_leave(st, err);
}

const struct store_ops store_sqlite_ops = {
    .close = store_sqlite_close,
    .add = add,
    .remove_answer = remove_answer,
    .summarize = summarize,
    .load = store_sqlite_load,
    .list = store_sqlite_list,
    .rename = rename_conversation,
    .remove = remove_conversation,
    .remove_client = remove_client,
    .prune = store_sqlite_prune,
    .count = store_sqlite_count,
};
