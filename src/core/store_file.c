/*
 * The file of the SQLite store: made for this user alone, checked, brought up to date; what SQLite says as
 * sentences.
 *
 * The schema's version is in the file (PRAGMA user_version), with an application id that tells the file from
 * another program's. Each step of the table below leads from one version to the next; all that are missing
 * run in one transaction. A step that was released is never changed, a new one is added.
 */
#include "core/store_sqlite.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x41436876 /* "AChv" */, BUSY_MS = 5000 };

static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE conversation (key INTEGER PRIMARY KEY, client TEXT NOT NULL, id TEXT NOT NULL,"
    " title TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, UNIQUE (client, id));"
    "CREATE INDEX conversation_by_client ON conversation (client, updated_ms);"
    "CREATE INDEX conversation_by_age ON conversation (updated_ms);"
    "CREATE TABLE message (conversation INTEGER NOT NULL REFERENCES conversation (key) ON DELETE CASCADE,"
    " turn INTEGER NOT NULL, role TEXT NOT NULL CHECK (role IN ('user', 'assistant')), text TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, interrupted INTEGER NOT NULL, PRIMARY KEY (conversation, turn, role));",
    /* 2: what lies far back is summed up for the language model */
    "ALTER TABLE conversation ADD COLUMN summary TEXT;"
    "ALTER TABLE conversation ADD COLUMN summary_turns INTEGER NOT NULL DEFAULT 0;",
};

enum { VERSION = sizeof steps / sizeof *steps };

/* ---- errors ---- */

int store_error(int code)
{
    switch (code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_NOMEM:
        return AC_ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return AC_EBUSY;
    case SQLITE_NOTADB:
        return AC_ECONFIG;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
        return AC_EIO;
    default:
        return AC_EINTERNAL;
    }
}

int store_explain(sqlite3 *db, const char *path, int code, char *reason)
{
    const char *fmt = "%s cannot be used: %s";

    switch (code & 0xFF) {
    case SQLITE_NOTADB:
        fmt = "%s is no SQLite database: name another file in history.path (%s)";
        break;
    case SQLITE_CORRUPT:
        fmt = "%s is damaged: restore it from a backup, or move it away and a new one is made (%s)";
        break;
    case SQLITE_FULL:
        fmt = "the disk that holds %s is full: make room (%s)";
        break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        fmt = "%s cannot be written: give this user the right to write the file and its folder (%s)";
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        fmt = "another program holds %s: end it (%s)";
        break;
    default:
        break;
    }
    snprintf(reason, AC_STORE_REASON, fmt, path, db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    return store_error(code);
}

static int system_error(const char *what, const char *path, char *reason)
{
    int code = errno;

    snprintf(reason, AC_STORE_REASON, "%s %s: %s (history.path)", what, path, strerror(code));
    return AC_EIO;
}

/* ---- making file and folder ---- */

/* Every folder of the path that is missing, readable for this user alone. */
static int make_folders(const char *path, char *reason)
{
    char *folder = ac_strdup(path);
    int err = 0;

    for (char *slash = strchr(folder + 1, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) && errno != EEXIST)
            err = system_error("cannot make the folder", folder, reason);
        *slash = '/';
    }
    free(folder);
    return err;
}

static int make_file(const char *path, char *reason)
{
    int err = make_folders(path, reason);

    if (err)
        return err;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return system_error("cannot open", path, reason);
    close(fd);
    return 0;
}

/* ":memory:", "file:…" and "" mean something else to SQLite. */
static char *plain_path(const char *path)
{
    return path[0] == '/' ? ac_strdup(path) : ac_asprintf("./%s", path);
}

/* ---- schema ---- */

static int get_number(sqlite3 *db, const char *sql, int64_t *number)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

    if (!code)
        code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        *number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return code == SQLITE_ROW ? 0 : code ? code : SQLITE_ERROR;
}

/* Is it ours (or empty: version 0), and not of a later program? */
static int check(sqlite3 *db, const char *path, int64_t *version, char *reason)
{
    int64_t id = 0, objects = 0;
    int code = get_number(db, "PRAGMA application_id", &id);

    if (!code)
        code = get_number(db, "PRAGMA user_version", version);
    if (!code)
        code = get_number(db, "SELECT COUNT(*) FROM sqlite_schema", &objects);
    if (code)
        return store_explain(db, path, code, reason);
    if (id != APPLICATION_ID && (id || *version || objects)) {
        snprintf(reason, AC_STORE_REASON,
                 "%s is a database of another program: name another file in history.path", path);
        return AC_ECONFIG;
    }
    if (*version > VERSION) {
        snprintf(reason, AC_STORE_REASON,
                 "%s was written by a newer avatar-chat (its version is %d, this program knows %d): use that "
                 "one, or name another file in history.path",
                 path, (int)*version, VERSION);
        return AC_ECONFIG;
    }
    return 0;
}

static int migrate(sqlite3 *db, const char *path, char *reason)
{
    int64_t version = 0;
    char numbers[80];
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    int err = code ? store_explain(db, path, code, reason) : check(db, path, &version, reason);

    for (int64_t v = version; v < VERSION && !code && !err; v++)
        code = sqlite3_exec(db, steps[v], NULL, NULL, NULL);
    snprintf(numbers, sizeof numbers, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             APPLICATION_ID, VERSION);
    if (!code && !err)
        code = sqlite3_exec(db, numbers, NULL, NULL, NULL);
    if (code && !err)
        err = store_explain(db, path, code, reason);
    if (err && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    if (!err && version && version < VERSION)
        ac_log_info("store", "upgraded", AC_S("path", path), AC_I("from", version), AC_I("to", VERSION));
    return err;
}

/* ---- opening ---- */

static int open_database(struct store_sqlite *st, char *reason)
{
    static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                   "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
                                   "PRAGMA journal_size_limit = 4194304; PRAGMA trusted_schema = OFF";
    int64_t version;
    int code = sqlite3_open_v2(st->base.where, &st->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (code)
        return store_explain(st->db, st->base.where, code, reason);
    sqlite3_extended_result_codes(st->db, 1);
    sqlite3_busy_timeout(st->db, BUSY_MS);
    int err = check(st->db, st->base.where, &version, reason); /* before anything is written into it */
    if (err)
        return err;
    if (sqlite3_db_readonly(st->db, "main"))
        code = SQLITE_READONLY;
    else
        code = sqlite3_exec(st->db, settings, NULL, NULL, NULL);
    if (code)
        return store_explain(code == SQLITE_READONLY ? NULL : st->db, st->base.where, code, reason);
    err = migrate(st->db, st->base.where, reason);
    if (!err && store_prepare(st)) {
        err = AC_ECONFIG;
        memcpy(reason, st->reason, sizeof st->reason);
    }
    return err;
}

int store_sqlite_open(struct ac_store **out, const struct ac_history_config *cfg, char *reason)
{
    struct store_sqlite *st;
    size_t n;

    if (!cfg->path || !cfg->path[0]) {
        snprintf(reason, AC_STORE_REASON, "history.path is empty: name a file, or set history.store to none");
        return AC_ECONFIG;
    }
    st = ac_zalloc(sizeof *st);
    store_init(&st->base, &store_sqlite_ops, cfg);
    st->base.where = plain_path(cfg->path);
    pthread_mutex_init(&st->lock, NULL);
    int err = make_file(st->base.where, reason);
    if (!err)
        err = open_database(st, reason);
    if (!err && (err = store_sqlite_prune(&st->base, &n)))
        memcpy(reason, st->reason, sizeof st->reason);
    if (err) {
        store_sqlite_close(&st->base);
        return err;
    }
    *out = &st->base;
    return 0;
}

void store_sqlite_close(struct ac_store *base)
{
    struct store_sqlite *st = store_as_sqlite(base);

    store_finalize(st);
    sqlite3_close(st->db);
    pthread_mutex_destroy(&st->lock);
    store_end(base);
    free(st);
}

/* ---- looking only ---- */

static bool may_write(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

/* The file is not there: could it be made? */
static int could_be_made(const char *path, char *reason)
{
    char *folder = ac_strdup(path), *slash;
    struct stat info;
    int err = AC_ENOENT;

    while ((slash = strrchr(folder, '/'))) {
        slash[slash == folder] = '\0'; /* "/" stays */
        if (!stat(folder, &info)) {
            if (!S_ISDIR(info.st_mode))
                errno = ENOTDIR;
            if (!S_ISDIR(info.st_mode) || !may_write(folder))
                err = system_error("nothing can be made in", folder, reason);
            break;
        }
        if (errno != ENOENT) {
            err = system_error("cannot look into", folder, reason);
            break;
        }
    }
    free(folder);
    return err;
}

/* PRAGMA quick_check gives one row "ok". */
static int check_all(sqlite3 *db, const char *path, char *reason)
{
    sqlite3_stmt *s = NULL;
    int err = 0, code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL);

    if (!code)
        code = sqlite3_step(s);
    if (code != SQLITE_ROW)
        err = store_explain(db, path, code ? code : SQLITE_ERROR, reason);
    else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
        err = store_explain(NULL, path, SQLITE_CORRUPT, reason);
    sqlite3_finalize(s);
    return err;
}

int store_sqlite_examine(const struct ac_history_config *cfg, size_t *conversations, size_t *messages,
                         char *reason)
{
    int64_t version = 0, n[2] = {0};
    struct stat info;
    sqlite3 *db = NULL;
    char *path = plain_path(cfg->path ? cfg->path : "");
    int err = 0;

    if (stat(path, &info))
        err = errno == ENOENT ? could_be_made(path, reason) : system_error("cannot look at", path, reason);
    else if (!may_write(path))
        err = system_error("cannot write", path, reason);
    int code = err ? 0 : sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code)
        err = store_explain(db, path, code, reason);
    if (!err)
        sqlite3_busy_timeout(db, BUSY_MS);
    if (!err)
        err = check(db, path, &version, reason);
    if (!err)
        err = check_all(db, path, reason);
    if (!err && version) {
        code = get_number(db, "SELECT COUNT(*) FROM conversation", &n[0]);
        if (!code)
            code = get_number(db, "SELECT COUNT(*) FROM message", &n[1]);
        err = code ? store_explain(db, path, code, reason) : 0;
    }
    sqlite3_close(db);
    free(path);
    *conversations = (size_t)n[0];
    *messages = (size_t)n[1];
    return err;
}
