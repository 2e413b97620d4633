/*
 * The store in one SQLite file, shared by store_file.c (the file: opening, schema, errors), store_sql.c
 * (statements and transactions), store_sqlite.c (what is written) and store_read.c (what is read).
 */
#ifndef AC_CORE_STORE_SQLITE_H
#define AC_CORE_STORE_SQLITE_H

#include "core/store_private.h"

#include <sqlite3.h>

enum store_statement {
    STORE_BEGIN_READ,
    STORE_BEGIN_WRITE,
    STORE_COMMIT,
    STORE_ROLLBACK,
    STORE_FIND,
    STORE_CREATE,
    STORE_MAKE_ROOM,
    STORE_PUT_QUESTION,
    STORE_PUT_ANSWER,
    STORE_TOUCH,
    STORE_REMOVE_ANSWER,
    STORE_SUMMARIZE,
    STORE_RENAME,
    STORE_DELETE,
    STORE_DELETE_CLIENT,
    STORE_PRUNE_AGE,
    STORE_PRUNE_COUNT,
    STORE_LOAD,
    STORE_MESSAGES,
    STORE_LIST,
    STORE_COUNT,
    STORE_N_STATEMENTS
};

struct store_sqlite {
    struct ac_store base; /* where: the path */
    pthread_mutex_t lock; /* held over each call */
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_N_STATEMENTS];
    char reason[AC_STORE_REASON]; /* lock: why the call in progress fails, "" = not the file's fault */
};

static inline struct store_sqlite *store_as_sqlite(struct ac_store *base)
{
    return (struct store_sqlite *)base;
}

/* ---- store_file.c ---- */

/* AC_E… of a result of SQLite; 0 for OK, ROW, DONE. */
int store_error(int code);
/* What SQLite said last, as a sentence about the file; gives store_error(code). */
int store_explain(sqlite3 *db, const char *path, int code, char *reason);

/* ---- store_sql.c ---- */

/* Compiles all statements; the schema is up to date. */
int store_prepare(struct store_sqlite *st);
void store_finalize(struct store_sqlite *st);
/*
 * A call is one transaction: store_enter locks and begins, and is followed by store_leave in any case, which
 * commits, or rolls back where err is set, notes how it went, unlocks, and gives the call's result.
 */
int store_enter(struct store_sqlite *st, bool write);
int store_leave(struct store_sqlite *st, int err);
/*
 * Binds the parameters, one for each letter of kinds: 't' const char * (NULL is fine, it must last until the
 * statement is reset), 'i' int64_t.
 */
sqlite3_stmt *store_bind(struct store_sqlite *st, enum store_statement which, const char *kinds, ...);
/* Runs what was bound to its end. AC_ENOENT where it changed no row. */
int store_run(struct store_sqlite *st, sqlite3_stmt *s);
/* Next row: 1; the end or an error: 0 or negative, and it is reset. */
int store_step(struct store_sqlite *st, sqlite3_stmt *s);
/* Counts the conversations anew for the state. */
int store_recount(struct store_sqlite *st, size_t *conversations, size_t *messages);

/* ---- store_read.c ---- */

int store_sqlite_load(struct ac_store *base, const char *client, const char *conversation,
                      struct ac_stored_conversation *out);
int store_sqlite_list(struct ac_store *base, const char *client, size_t max,
                      struct ac_stored_conversation **list, size_t *n);
int store_sqlite_count(struct ac_store *base, size_t *conversations, size_t *messages);

/* ---- store_sqlite.c ---- */

extern const struct store_ops store_sqlite_ops;
int store_sqlite_prune(struct ac_store *base, size_t *n);
void store_sqlite_close(struct ac_store *base);

#endif
