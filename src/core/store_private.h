/*
 * Inside of the store, shared by store_file.c (the file: opening, schema, errors), store_sql.c (statements
 * and transactions), store.c (what is written) and store_read.c (what is read).
 */
#ifndef AC_CORE_STORE_PRIVATE_H
#define AC_CORE_STORE_PRIVATE_H

#include "core/store.h"

#include <pthread.h>
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

struct ac_store {
    char *path;
    int keep_days, keep_conversations;
    pthread_mutex_t lock; /* held over each call */
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_N_STATEMENTS];
    char reason[AC_STORE_REASON]; /* lock: why the call in progress fails, "" = not the file's fault */
    pthread_mutex_t state_lock;   /* held for moments */
    struct ac_store_state state;
    int64_t told_us; /* state_lock: when a failure was last logged */
};

/* ---- store_file.c ---- */

/* AC_E… of a result of SQLite; 0 for OK, ROW, DONE. */
int store_error(int code);
/* What SQLite said last, as a sentence about the file; gives store_error(code). */
int store_explain(sqlite3 *db, const char *path, int code, char *reason);

/* ---- store_sql.c ---- */

/* Compiles all statements; the schema is up to date. */
int store_prepare(struct ac_store *st);
void store_finalize(struct ac_store *st);
/*
 * A call is one transaction: store_enter locks and begins, and is followed by store_leave in any case, which
 * commits, or rolls back where err is set, notes how it went, unlocks, and gives the call's result.
 */
int store_enter(struct ac_store *st, bool write);
int store_leave(struct ac_store *st, int err);
/*
 * Binds the parameters, one for each letter of kinds: 't' const char * (NULL is fine, it must last until the
 * statement is reset), 'i' int64_t.
 */
sqlite3_stmt *store_bind(struct ac_store *st, enum store_statement which, const char *kinds, ...);
/* Runs what was bound to its end. AC_ENOENT where it changed no row. */
int store_run(struct ac_store *st, sqlite3_stmt *s);
/* Next row: 1; the end or an error: 0 or negative, and it is reset. */
int store_step(struct ac_store *st, sqlite3_stmt *s);
/* Counts the conversations anew for the state. */
int store_recount(struct ac_store *st, size_t *conversations, size_t *messages);

#endif
