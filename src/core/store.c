/*
 * The store of conversations, whatever keeps them: ids and titles, arguments checked, how it goes. See
 * store.h; what keeps them is in store_sqlite.c and store_redis.c.
 */
#include "core/store_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { FIRST_TITLE_CHARS = 60, TELL_AGAIN_US = 60000000 };

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

/* ---- how it goes ---- */

void store_init(struct ac_store *st, const struct store_ops *ops, const struct ac_history_config *cfg)
{
    st->ops = ops;
    st->keep_days = cfg->keep_days;
    st->keep_conversations = cfg->keep_conversations;
    pthread_mutex_init(&st->state_lock, NULL);
}

void store_end(struct ac_store *st)
{
    pthread_mutex_destroy(&st->state_lock);
    free(st->where);
}

void store_note(struct ac_store *st, int err, const char *reason)
{
    int64_t now = ac_now_us();

    pthread_mutex_lock(&st->state_lock);
    struct ac_store_state *s = &st->state;
    bool news = s->err != err || (err && now - st->told_us > TELL_AGAIN_US);
    s->err = err;
    snprintf(s->reason, sizeof s->reason, "%s", reason);
    if (news)
        st->told_us = now;
    pthread_mutex_unlock(&st->state_lock);
    if (news && err)
        ac_log_warn("store", "failed", AC_S("error", ac_err_name(err)), AC_S("reason", reason));
    else if (news)
        ac_log_info("store", "recovered", AC_S("store", st->where));
}

void store_note_size(struct ac_store *st, size_t conversations, size_t pending)
{
    pthread_mutex_lock(&st->state_lock);
    st->state.conversations = conversations;
    st->state.pending = pending;
    pthread_mutex_unlock(&st->state_lock);
}

void ac_store_state(struct ac_store *st, struct ac_store_state *state)
{
    pthread_mutex_lock(&st->state_lock);
    *state = st->state;
    pthread_mutex_unlock(&st->state_lock);
}

/* ---- opening ---- */

int ac_store_open(struct ac_store **st, const struct ac_history_config *cfg, char *reason)
{
    reason[0] = '\0';
    return cfg->store == AC_STORE_REDIS ? store_redis_open(st, cfg, reason)
                                        : store_sqlite_open(st, cfg, reason);
}

void ac_store_close(struct ac_store *st)
{
    if (st)
        st->ops->close(st);
}

int ac_store_examine(const struct ac_history_config *cfg, size_t *conversations, size_t *messages,
                     char *reason)
{
    *conversations = *messages = 0;
    reason[0] = '\0';
    return cfg->store == AC_STORE_REDIS ? store_redis_examine(cfg, conversations, messages, reason)
                                        : store_sqlite_examine(cfg, conversations, messages, reason);
}

const char *ac_store_where(const struct ac_store *st)
{
    return st->where;
}

/* ---- what is written ---- */

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

int ac_store_add(struct ac_store *st, const char *client, const char *conversation,
                 const struct ac_stored_message *m)
{
    bool question = m->role && !strcmp(m->role, "user"), answer = m->role && !strcmp(m->role, "assistant");
    int err = check_ids(client, conversation);

    if (!err)
        err = check_text(m->text);
    if (!err && ((!question && !answer) || !m->turn))
        err = AC_EINVAL;
    if (err)
        return err;
    char *title = question && m->turn == 1 ? ac_store_title(m->text) : NULL;
    err = st->ops->add(st, client, conversation, m, question, title);
    free(title);
    return err;
}

int ac_store_remove_answer(struct ac_store *st, const char *client, const char *conversation, uint32_t turn)
{
    int err = check_ids(client, conversation);

    return err ? err : st->ops->remove_answer(st, client, conversation, turn);
}

int ac_store_summarize(struct ac_store *st, const char *client, const char *conversation, const char *summary,
                       uint32_t turns)
{
    int err = check_ids(client, conversation);

    if (!err)
        err = check_text(summary);
    return err ? err : st->ops->summarize(st, client, conversation, summary, turns);
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
    err = more || !folded[0] ? AC_EINVAL : st->ops->rename(st, client, conversation, folded);
    free(folded);
    return err;
}

int ac_store_delete(struct ac_store *st, const char *client, const char *conversation)
{
    int err = check_ids(client, conversation);

    return err ? err : st->ops->remove(st, client, conversation);
}

int ac_store_delete_client(struct ac_store *st, const char *client, size_t *n)
{
    size_t gone = 0;
    int err = ac_client_id_valid(client) ? st->ops->remove_client(st, client, &gone) : AC_EINVAL;

    if (n)
        *n = err ? 0 : gone;
    return err;
}

int ac_store_prune(struct ac_store *st, size_t *n)
{
    *n = 0;
    return st->ops->prune(st, n);
}

/* ---- what is read ---- */

int ac_store_load(struct ac_store *st, const char *client, const char *conversation,
                  struct ac_stored_conversation *out)
{
    int err = check_ids(client, conversation);

    memset(out, 0, sizeof *out);
    return err ? err : st->ops->load(st, client, conversation, out);
}

int ac_store_list(struct ac_store *st, const char *client, size_t max, struct ac_stored_conversation **list,
                  size_t *n)
{
    *list = NULL;
    *n = 0;
    int err = ac_client_id_valid(client) ? st->ops->list(st, client, max, list, n) : AC_EINVAL;
    if (!err)
        return 0;
    ac_stored_list_free(*list, *n);
    *list = NULL;
    *n = 0;
    return err;
}

int ac_store_count(struct ac_store *st, size_t *conversations, size_t *messages)
{
    *conversations = *messages = 0;
    return st->ops->count(st, conversations, messages);
}

void ac_stored_clear(struct ac_stored_conversation *c)
{
    for (size_t i = 0; i < c->n_messages; i++) {
        free(c->messages[i].role);
        free(c->messages[i].text);
    }
    free(c->messages);
    free(c->title);
    free(c->summary);
    memset(c, 0, sizeof *c);
}

void ac_stored_list_free(struct ac_stored_conversation *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ac_stored_clear(&list[i]);
    free(list);
}
