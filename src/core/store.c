/* Conversations written: messages, titles, deleting. See store.h; the file itself is store_file.c's. */
#include "core/store_private.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { FIRST_TITLE_CHARS = 60, DAY_MS = 86400000 };

/* ---- ids and titles ---- */

bool ac_client_id_valid(const char *id)
{
    size_t n = id ? strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") : 0;

    return n >= 16 && n <= AC_CLIENT_ID_MAX && !id[n];
}

bool ac_conversation_id_valid(const char *id)
{
    return id && strspn(id, "0123456789abcdef") == 32 && !id[32];
}

void ac_store_new_id(char id[AC_CONVERSATION_ID_MAX + 1])
{
    unsigned char bits[16];
    size_t got = 0;

    while (got < sizeof bits) {
        ssize_t n = getrandom(bits + got, sizeof bits - got, 0);
        if (n < 0 && errno != EINTR)
            abort(); /* a guessable one would be somebody's else */
        if (n > 0)
            got += (size_t)n;
    }
    for (size_t i = 0; i < sizeof bits; i++)
        snprintf(id + 2 * i, 3, "%02x", bits[i]);
}

int64_t ac_unix_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_white(uint32_t cp)
{
    return cp <= 0x20 || (cp >= 0x7F && cp <= 0xA0) || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000 || cp == 0xFEFF;
}

/* The first max characters, white space folded; *more: there were more. */
static char *fold(const char *text, size_t max, bool *more)
{
    const char *p = text, *end = text + strlen(text);
    struct ac_str s = {0};
    bool space = false;
    size_t n = 0;

    *more = false;
    while (p < end) {
        uint32_t cp = ac_utf8_next(&p, end);
        if (is_white(cp)) {
            space = n > 0;
            continue;
        }
        if (n + space >= max) {
            *more = true;
            break;
        }
        if (space)
            ac_str_add(&s, " ");
        n += 1 + space;
        space = false;
        ac_utf8_add(&s, cp);
    }
    return ac_str_steal(&s);
}

char *ac_store_title(const char *question)
{
    bool more;
    char *title = fold(question, FIRST_TITLE_CHARS, &more);

    if (!more)
        return title;
    free(title);
    title = fold(question, FIRST_TITLE_CHARS - 1, &more);
    char *cut = ac_asprintf("%s…", title);
    free(title);
    return cut;
}

static int check_ids(const char *client, const char *conversation)
{
    return ac_client_id_valid(client) && ac_conversation_id_valid(conversation) ? 0 : AC_EINVAL;
}

static int check_text(const char *text)
{
    if (!text || !text[0])
        return AC_EINVAL;
    return ac_utf8_valid(text, strlen(text)) ? 0 : AC_EUTF8;
}

/* ---- adding ---- */

/* For calls that made or deleted conversations. */
static int count_anew(struct ac_store *st)
{
    size_t conversations, messages;

    return store_recount(st, &conversations, &messages);
}

static int create(struct ac_store *st, const char *client, const char *conversation,
                  const struct ac_stored_message *m, int64_t *key)
{
    char *title = ac_store_title(m->text);
    int err =
        store_run(st, store_bind(st, STORE_MAKE_ROOM, "ti", client, (int64_t)st->keep_conversations - 1));

    if (err == AC_ENOENT) /* there is room */
        err = 0;
    if (!err)
        err = store_run(st, store_bind(st, STORE_CREATE, "ttti", client, conversation, title, m->at_ms));
    *key = sqlite3_last_insert_rowid(st->db);
    free(title);
    return err ? err : count_anew(st);
}

/* The key of the conversation; made where this may be its first message. */
static int find_or_create(struct ac_store *st, const char *client, const char *conversation,
                          const struct ac_stored_message *m, bool question, int64_t *key)
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
    return question && m->turn == 1 ? create(st, client, conversation, m, key) : AC_ENOENT;
}

int ac_store_add(struct ac_store *st, const char *client, const char *conversation,
                 const struct ac_stored_message *m)
{
    bool question = m->role && !strcmp(m->role, "user"), answer = m->role && !strcmp(m->role, "assistant");
    int64_t key = 0;
    int err = check_ids(client, conversation);

    if (!err)
        err = check_text(m->text);
    if (!err && ((!question && !answer) || !m->turn))
        err = AC_EINVAL;
    if (err)
        return err;
    err = store_enter(st, true);
    if (!err)
        err = find_or_create(st, client, conversation, m, question, &key);
    if (!err)
        err = store_run(st, store_bind(st, question ? STORE_PUT_QUESTION : STORE_PUT_ANSWER, "iitii", key,
                                       (int64_t)m->turn, m->text, m->at_ms, (int64_t)m->interrupted));
    if (!err)
        err = store_run(st, store_bind(st, STORE_TOUCH, "ii", key, m->at_ms));
    return store_leave(st, err);
}

/* ---- changing ---- */

int ac_store_remove_answer(struct ac_store *st, const char *client, const char *conversation, uint32_t turn)
{
    int err = check_ids(client, conversation);

    if (err)
        return err;
    err = store_enter(st, true);
    if (!err)
        err = store_run(st, store_bind(st, STORE_REMOVE_ANSWER, "tti", client, conversation, (int64_t)turn));
    return store_leave(st, err);
}

int ac_store_summarize(struct ac_store *st, const char *client, const char *conversation, const char *summary,
                       uint32_t turns)
{
    int err = check_ids(client, conversation);

    if (!err)
        err = check_text(summary);
    if (err)
        return err;
    err = store_enter(st, true);
    if (!err)
        err = store_run(
            st, store_bind(st, STORE_SUMMARIZE, "ttti", client, conversation, summary, (int64_t)turns));
    return store_leave(st, err);
}

int ac_store_rename(struct ac_store *st, const char *client, const char *conversation, const char *title)
{
    bool more;
    int err = check_ids(client, conversation);

    if (!err)
        err = check_text(title);
    if (err)
        return err;
    char *folded = fold(title, AC_TITLE_MAX_CHARS, &more);
    if (more || !folded[0]) {
        free(folded);
        return AC_EINVAL;
    }
    err = store_enter(st, true);
    if (!err)
        err = store_run(st, store_bind(st, STORE_RENAME, "ttt", client, conversation, folded));
    err = store_leave(st, err);
    free(folded);
    return err;
}

/* ---- deleting ---- */

/* What was deleted stands in the log of the file (WAL) still: moves the log into the file and empties it. */
static int leave_emptied(struct ac_store *st, int err)
{
    err = store_leave(st, err);
    if (err)
        return err;
    pthread_mutex_lock(&st->lock);
    sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL); /* else a later one */
    pthread_mutex_unlock(&st->lock);
    return 0;
}

int ac_store_delete(struct ac_store *st, const char *client, const char *conversation)
{
    int err = check_ids(client, conversation);

    if (err)
        return err;
    err = store_enter(st, true);
    if (!err)
        err = store_run(st, store_bind(st, STORE_DELETE, "tt", client, conversation));
    if (!err)
        err = count_anew(st);
    return leave_emptied(st, err);
}

int ac_store_delete_client(struct ac_store *st, const char *client, size_t *n)
{
    if (n)
        *n = 0;
    if (!ac_client_id_valid(client))
        return AC_EINVAL;
    int err = store_enter(st, true);
    if (!err)
        err = store_run(st, store_bind(st, STORE_DELETE_CLIENT, "t", client));
    if (!err && n)
        *n = (size_t)sqlite3_changes(st->db);
    if (!err)
        err = count_anew(st);
    err = leave_emptied(st, err);
    return err == AC_ENOENT ? 0 : err; /* there was nothing to delete */
}

/* Deletes by a statement with one number and adds to *n how many went. */
static int delete_past(struct ac_store *st, enum store_statement which, int64_t limit, size_t *n)
{
    int err = store_run(st, store_bind(st, which, "i", limit));

    if (!err)
        *n += (size_t)sqlite3_changes(st->db);
    return err == AC_ENOENT ? 0 : err;
}

int ac_store_prune(struct ac_store *st, size_t *n)
{
    int err = store_enter(st, true);

    *n = 0;
    if (!err && st->keep_days)
        err = delete_past(st, STORE_PRUNE_AGE, ac_unix_ms() - (int64_t)st->keep_days * DAY_MS, n);
    if (!err)
        err = delete_past(st, STORE_PRUNE_COUNT, st->keep_conversations, n);
    if (!err)
        err = count_anew(st);
    return store_leave(st, err);
}
