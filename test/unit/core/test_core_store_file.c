/*
 * The file of the store: its rights, the steps of its schema, files that are none of ours or damaged, disks
 * that are full or read-only, a killed process, two programs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "unit/core/store_world.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- the file ---- */

static void test_rights(void **state)
{
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1], *dir = ac_asprintf("%s/data", folder);
    char *wal = ac_asprintf("%s-wal", path);
    struct stat info;

    (void)state;
    make(st, ANNA, id, "Hello", 0);
    assert_int_equal(stat(dir, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(wal, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    ac_store_close(st);
    free(dir);
    free(wal);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    char *message = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message))
        fail_msg("%s", message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t sql_number(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

/* A file of version 1 as it was, with a conversation in it. */
static const char version_1[] =
    "CREATE TABLE conversation (key INTEGER PRIMARY KEY, client TEXT NOT NULL, id TEXT NOT NULL,"
    " title TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, UNIQUE (client, id));"
    "CREATE INDEX conversation_by_client ON conversation (client, updated_ms);"
    "CREATE INDEX conversation_by_age ON conversation (updated_ms);"
    "CREATE TABLE message (conversation INTEGER NOT NULL REFERENCES conversation (key) ON DELETE CASCADE,"
    " turn INTEGER NOT NULL, role TEXT NOT NULL CHECK (role IN ('user', 'assistant')), text TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, interrupted INTEGER NOT NULL, PRIMARY KEY (conversation, turn, role));"
    "INSERT INTO conversation VALUES (1, '" ANNA
    "', '0123456789abcdef0123456789abcdef', 'Old title', 1000, 4102444800000);"
    "INSERT INTO message VALUES (1, 1, 'user', 'Old question', 1000, 0);"
    "PRAGMA application_id = 1094936694; PRAGMA user_version = 1;";

static void make_folder(void)
{
    char *dir = ac_asprintf("%s/data", folder);

    assert_int_equal(mkdir(dir, 0700), 0);
    free(dir);
}

static void test_upgrade(void **state)
{
    static const char id[] = "0123456789abcdef0123456789abcdef";
    struct ac_stored_conversation c;

    (void)state;
    make_folder();
    run_sql(version_1);
    struct ac_store *st = open_default();
    assert_int_equal(ac_store_summarize(st, ANNA, id, "New summary", 1), 0); /* of version 2 */
    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    assert_string_equal(c.title, "Old title");
    assert_string_equal(c.messages[0].text, "Old question");
    assert_string_equal(c.summary, "New summary");
    ac_stored_clear(&c);
    ac_store_close(st);
    assert_int_equal(sql_number("PRAGMA user_version"), 2);
}

static void refused(int err, const char *why)
{
    struct ac_history_config cfg = config();
    struct ac_store *st = NULL;
    char reason[AC_STORE_REASON] = "";
    size_t c, m;
    int got = ac_store_open(&st, &cfg, reason);

    if (got != err || !strstr(reason, why))
        fail_msg("%d (%s), not %d with '%s'", got, reason, err, why);
    assert_null(st);
    assert_int_equal(ac_store_examine(&cfg, &c, &m, reason), err);
    if (!strstr(reason, why))
        fail_msg("examine: %s, not '%s'", reason, why);
}

/* A step that fails leaves the file as it was. */
static void test_upgrade_fails(void **state)
{
    struct ac_history_config cfg = config();
    struct ac_store *st = NULL;
    char reason[AC_STORE_REASON] = "";

    (void)state;
    make_folder();
    run_sql(version_1);
    run_sql("ALTER TABLE conversation ADD COLUMN summary_turns TEXT"); /* stands in the way of step 2 */
    assert_int_not_equal(ac_store_open(&st, &cfg, reason), 0);
    assert_non_null(strstr(reason, "summary_turns"));
    assert_int_equal(sql_number("PRAGMA user_version"), 1);
    assert_int_equal(sql_number("SELECT COUNT(*) FROM pragma_table_info('conversation')"), 7);
}

static void test_newer(void **state)
{
    (void)state;
    ac_store_close(open_default());
    run_sql("PRAGMA user_version = 99");
    refused(AC_ECONFIG, "newer avatar-chat (its version is 99");
}

static void test_foreign(void **state)
{
    (void)state;
    make_folder();
    run_sql("CREATE TABLE bookmarks (url TEXT)");
    refused(AC_ECONFIG, "another program");
    assert_int_equal(sql_number("SELECT COUNT(*) FROM sqlite_schema"), 1); /* nothing was put into it */
    run_sql("DROP TABLE bookmarks; PRAGMA application_id = 77");
    refused(AC_ECONFIG, "another program");
}

static void write_at(const char *mode, long at, const char *bytes, size_t n)
{
    FILE *f = fopen(path, mode);

    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void test_no_database(void **state)
{
    static const char text[] = "Dear diary, this is a text and no database at all. ";

    (void)state;
    make_folder();
    for (int i = 0; i < 100; i++) {
        write_at(i ? "a" : "w", 0, text, strlen(text));
        if (i == 0 || i == 99)
            refused(AC_ECONFIG, "no SQLite database");
    }
}

/* Pages overwritten with rubbish: an error here and there, never a crash. */
static void test_damaged(void **state)
{
    char rubbish[4096], id[AC_CONVERSATION_ID_MAX + 1], reason[AC_STORE_REASON] = "";
    struct ac_history_config cfg = config();
    struct ac_store *st = open_default();
    size_t c, m;

    (void)state;
    memset(rubbish, 0xA5, sizeof rubbish);
    for (int i = 0; i < 300; i++)
        make(st, ANNA, id, "A question with a good many letters in it, so that pages fill up", 0);
    ac_store_close(st);
    int64_t pages = sql_number("PRAGMA page_count");
    int failures = 0;
    for (int64_t page = 1; page < pages; page++) {
        struct ac_stored_conversation *list, one;
        size_t n;
        write_at("r+", (long)(page * 4096), rubbish, sizeof rubbish);
        st = NULL;
        failures += ac_store_open(&st, &cfg, reason) != 0;
        if (!st)
            continue;
        failures += ac_store_list(st, ANNA, 1000, &list, &n) != 0;
        ac_stored_list_free(list, n);
        failures += ac_store_load(st, ANNA, id, &one) != 0;
        ac_stored_clear(&one);
        failures += add(st, ANNA, id, "user", 2, "More", 0) != 0;
        ac_store_close(st);
    }
    assert_true(failures > 0);
    assert_int_equal(ac_store_examine(&cfg, &c, &m, reason), AC_EIO);
    assert_non_null(strstr(reason, "is damaged"));
}

/* Rights do not bind root: as somebody else. */
static bool leave_root(void)
{
    return geteuid() != 0 || (chown(folder, 65534, 65534) == 0 && seteuid(65534) == 0);
}

static void back_to_root(void)
{
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    prctl(PR_SET_DUMPABLE, 1); /* the leak checker looks at the process from outside */
}

static void test_read_only(void **state)
{
    char *dir = ac_asprintf("%s/data", folder);

    (void)state;
    assert_true(leave_root());
    assert_int_equal(chmod(folder, 0500), 0);
    refused(AC_EIO, "Permission denied"); /* the folder cannot be made */
    assert_int_equal(chmod(folder, 0700), 0);
    ac_store_close(open_default());
    assert_int_equal(chmod(path, 0400), 0);
    refused(AC_EIO, "Permission denied");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chmod(dir, 0500), 0); /* no place for the log beside it */
    struct ac_history_config cfg = config();
    struct ac_store *st = NULL;
    char reason[AC_STORE_REASON] = "";
    assert_int_equal(ac_store_open(&st, &cfg, reason), AC_EIO);
    assert_non_null(strstr(reason, "cannot be"));
    assert_int_equal(chmod(dir, 0700), 0);
    back_to_root();
    free(dir);
}

static void test_bad_paths(void **state)
{
    static char in_proc[] = "/proc/avatar-chat/history.db", empty[] = "";
    struct ac_history_config cfg = config();
    struct ac_store *st = NULL;
    char reason[AC_STORE_REASON] = "", home[256];
    struct stat info;

    (void)state;
    cfg.path = in_proc;
    assert_int_equal(ac_store_open(&st, &cfg, reason), AC_EIO);
    assert_non_null(strstr(reason, "/proc/avatar-chat"));
    cfg.path = folder; /* a folder */
    assert_int_equal(ac_store_open(&st, &cfg, reason), AC_EIO);
    assert_non_null(strstr(reason, "Is a directory"));
    cfg.path = empty;
    assert_int_equal(ac_store_open(&st, &cfg, reason), AC_ECONFIG);
    assert_non_null(strstr(reason, "history.path is empty"));
    assert_non_null(getcwd(home, sizeof home));
    assert_int_equal(chdir(folder), 0);
    cfg.path = (char[]){":memory:"}; /* a file like any other */
    st = open_store(&cfg);
    assert_int_equal(stat(":memory:", &info), 0);
    ac_store_close(st);
    assert_int_equal(chdir(home), 0);
}

static void test_examine(void **state)
{
    struct ac_history_config cfg = config();
    char reason[AC_STORE_REASON], id[AC_CONVERSATION_ID_MAX + 1];
    size_t c, m;

    (void)state;
    assert_int_equal(ac_store_examine(&cfg, &c, &m, reason), AC_ENOENT);
    assert_string_equal(reason, "");
    assert_int_not_equal(access(path, F_OK), 0);
    struct ac_store *st = open_default();
    make(st, ANNA, id, "Hello", 0);
    assert_int_equal(ac_store_examine(&cfg, &c, &m, reason), 0); /* beside a running one */
    assert_int_equal(c, 1);
    assert_int_equal(m, 1);
    assert_string_equal(reason, "");
    ac_store_close(st);
}

/* The disk is full: the call fails, says so, changes nothing; with room again all goes on. */
static void test_disk_full(void **state)
{
    struct ac_store *st = open_default();
    struct ac_store_state how;
    struct rlimit old, little;
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct ac_str big = {0};
    int err = 0;

    (void)state;
    for (int i = 0; i < 3000; i++)
        ac_str_add(&big, "more and more ");
    make(st, ANNA, id, "Hello", 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    little = old;
    little.rlim_cur = 200000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    uint32_t turn = 1;
    while (!err && turn < 1000) {
        err = add(st, ANNA, id, "user", turn + 1, big.p, 0);
        turn += !err;
    }
    assert_int_equal(err, AC_EIO);
    ac_store_state(st, &how);
    assert_int_equal(how.err, AC_EIO);
    assert_non_null(strstr(how.reason, path));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    count_is(st, 1, turn);
    assert_int_equal(add(st, ANNA, id, "user", turn + 1, big.p, 0), 0);
    count_is(st, 1, turn + 1);
    ac_store_close(st);
    ac_str_free(&big);
}

/* A killed process loses at most the call in progress. */
static void test_killed(void **state)
{
    char id[] = "0123456789abcdef0123456789abcdef";
    int done[2];
    uint32_t told = 0, turn;

    (void)state;
    assert_int_equal(pipe(done), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct ac_store *st = open_default();
        for (turn = 1;; turn++)
            if (add(st, ANNA, id, "user", turn, "Is it kept?", 0) ||
                write(done[1], &turn, sizeof turn) != sizeof turn)
                _exit(1);
    }
    close(done[1]);
    while (told < 100 && read(done[0], &turn, sizeof turn) == sizeof turn)
        told = turn;
    kill(pid, SIGKILL);
    while (read(done[0], &turn, sizeof turn) == sizeof turn)
        told = turn;
    close(done[0]);
    waitpid(pid, NULL, 0);
    assert_true(told >= 100);
    struct ac_store *st = open_default();
    struct ac_stored_conversation c;
    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    assert_true(c.n_messages == told || c.n_messages == told + 1);
    ac_stored_clear(&c);
    ac_store_close(st);
}

/* Two programs on one file. */
static void test_two_programs(void **state)
{
    struct ac_store *a = open_default(), *b = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(a, ANNA, id, "Hello", 0);
    for (uint32_t i = 1; i < 50; i++) {
        assert_int_equal(add(b, ANNA, id, "assistant", i, "Hi", 0), 0);
        assert_int_equal(add(a, ANNA, id, "user", i + 1, "And?", 0), 0);
    }
    count_is(b, 1, 99);
    ac_store_close(a);
    ac_store_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_rights),      T(test_upgrade), T(test_upgrade_fails), T(test_newer),     T(test_foreign),
        T(test_no_database), T(test_damaged), T(test_read_only),     T(test_bad_paths), T(test_examine),
        T(test_disk_full),   T(test_killed),  T(test_two_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
