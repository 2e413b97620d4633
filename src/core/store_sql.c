/* The store's statements, and each call as one transaction; see store_sqlite.h. */
#include "core/store_sqlite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INSERT_MESSAGE "INSERT INTO message (conversation, turn, role, text, at_ms, interrupted) "
#define REPLACE_MESSAGE                                                                                      \
    "ON CONFLICT (conversation, turn, role) DO UPDATE "                                                      \
    "SET text = excluded.text, at_ms = excluded.at_ms, interrupted = excluded.interrupted"
#define LAST_TURN "(SELECT COALESCE(MAX(turn), 0) FROM message WHERE conversation = key)"

static const char *const texts[STORE_N_STATEMENTS] = {
    [STORE_BEGIN_READ] = "BEGIN",
    [STORE_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [STORE_COMMIT] = "COMMIT",
    [STORE_ROLLBACK] = "ROLLBACK",
    [STORE_FIND] = "SELECT key FROM conversation WHERE client = ?1 AND id = ?2",
    [STORE_CREATE] = "INSERT INTO conversation (client, id, title, created_ms, updated_ms) "
                     "VALUES (?1, ?2, ?3, ?4, ?4)",
    [STORE_MAKE_ROOM] = "DELETE FROM conversation WHERE key IN (SELECT key FROM conversation "
                        "WHERE client = ?1 ORDER BY updated_ms DESC, key DESC LIMIT -1 OFFSET ?2)",
    [STORE_PUT_QUESTION] = INSERT_MESSAGE "VALUES (?1, ?2, 'user', ?3, ?4, ?5) " REPLACE_MESSAGE,
    [STORE_PUT_ANSWER] = INSERT_MESSAGE
    "SELECT ?1, ?2, 'assistant', ?3, ?4, ?5 WHERE EXISTS "
    "(SELECT 1 FROM message WHERE conversation = ?1 AND turn = ?2 AND role = 'user') " REPLACE_MESSAGE,
    [STORE_TOUCH] = "UPDATE conversation SET updated_ms = MAX(updated_ms, ?2) WHERE key = ?1",
    [STORE_REMOVE_ANSWER] = "DELETE FROM message WHERE turn = ?3 AND role = 'assistant' AND conversation = "
                            "(SELECT key FROM conversation WHERE client = ?1 AND id = ?2)",
    [STORE_SUMMARIZE] =
        "UPDATE conversation SET summary = ?3, summary_turns = ?4 WHERE client = ?1 AND id = ?2",
    [STORE_RENAME] = "UPDATE conversation SET title = ?3 WHERE client = ?1 AND id = ?2",
    [STORE_DELETE] = "DELETE FROM conversation WHERE client = ?1 AND id = ?2",
    [STORE_DELETE_CLIENT] = "DELETE FROM conversation WHERE client = ?1",
    [STORE_PRUNE_AGE] = "DELETE FROM conversation WHERE updated_ms < ?1",
    [STORE_PRUNE_COUNT] = "DELETE FROM conversation WHERE key IN (SELECT key FROM (SELECT key, ROW_NUMBER() "
                          "OVER (PARTITION BY client ORDER BY updated_ms DESC, key DESC) AS place "
                          "FROM conversation) WHERE place > ?1)",
    [STORE_LOAD] = "SELECT key, title, created_ms, updated_ms, " LAST_TURN ", summary, summary_turns "
                   "FROM conversation WHERE client = ?1 AND id = ?2",
    [STORE_MESSAGES] = "SELECT role, text, turn, at_ms, interrupted FROM message WHERE conversation = ?1 "
                       "ORDER BY turn, role DESC", /* user before assistant */
    [STORE_LIST] = "SELECT id, title, created_ms, updated_ms, " LAST_TURN " FROM conversation "
                   "WHERE client = ?1 ORDER BY updated_ms DESC, key DESC LIMIT ?2",
    [STORE_COUNT] = "SELECT (SELECT COUNT(*) FROM conversation), (SELECT COUNT(*) FROM message)",
};

int store_prepare(struct store_sqlite *st)
{
    for (int i = 0; i < STORE_N_STATEMENTS; i++) {
        int code =
            sqlite3_prepare_v3(st->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &st->statements[i], NULL);
        if (code)
            return store_explain(st->db, st->base.where, code, st->reason);
    }
    return 0;
}

void store_finalize(struct store_sqlite *st)
{
    for (int i = 0; i < STORE_N_STATEMENTS; i++)
        sqlite3_finalize(st->statements[i]);
}

sqlite3_stmt *store_bind(struct store_sqlite *st, enum store_statement which, const char *kinds, ...)
{
    sqlite3_stmt *s = st->statements[which];
    va_list ap;

    va_start(ap, kinds);
    for (int i = 0; kinds[i]; i++) { /* binding can fail for want of memory alone, and then stepping does */
        if (kinds[i] == 'i')
            sqlite3_bind_int64(s, i + 1, va_arg(ap, int64_t));
        else
            sqlite3_bind_text(s, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
    }
    va_end(ap);
    return s;
}

int store_step(struct store_sqlite *st, sqlite3_stmt *s)
{
    int code = sqlite3_step(s), err = 0;

    if (code == SQLITE_ROW)
        return 1;
    if (code != SQLITE_DONE)
        err = store_explain(st->db, st->base.where, code, st->reason);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

int store_run(struct store_sqlite *st, sqlite3_stmt *s)
{
    int err = store_step(st, s);

    return err || sqlite3_changes(st->db) ? err : AC_ENOENT;
}

int store_enter(struct store_sqlite *st, bool write)
{
    pthread_mutex_lock(&st->lock);
    st->reason[0] = '\0';
    return store_step(st, st->statements[write ? STORE_BEGIN_WRITE : STORE_BEGIN_READ]);
}

int store_leave(struct store_sqlite *st, int err)
{
    if (!err)
        err = store_step(st, st->statements[STORE_COMMIT]);
    if (err && !sqlite3_get_autocommit(st->db)) {
        char reason[AC_STORE_REASON];
        memcpy(reason, st->reason, sizeof reason); /* what went wrong before counts */
        store_step(st, st->statements[STORE_ROLLBACK]);
        memcpy(st->reason, reason, sizeof reason);
    }
    store_note(&st->base, st->reason[0] ? err : 0, st->reason);
    pthread_mutex_unlock(&st->lock);
    return err;
}

int store_recount(struct store_sqlite *st, size_t *conversations, size_t *messages)
{
    sqlite3_stmt *s = st->statements[STORE_COUNT];
    int row = store_step(st, s);

    if (row < 0)
        return row;
    *conversations = (size_t)sqlite3_column_int64(s, 0);
    *messages = (size_t)sqlite3_column_int64(s, 1);
    sqlite3_reset(s);
    store_note_size(&st->base, *conversations, 0);
    return 0;
}
