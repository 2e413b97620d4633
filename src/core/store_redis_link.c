/*
 * The connection to the Redis server, and what waits for it. See store_redis.h.
 *
 * Only the store's own thread connects (a second at most an attempt, then after 0.1 s, 0.2 s … 10 s), so
 * no caller ever waits for a server that is not there. Callers use the connection that stands; one that fails
 * them is closed. What a failed exchange did is not known, so it is done again: every script may be run
 * twice.
 */
#include "core/store_redis.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DEADLINE_US = 1000000,
    BACKOFF_US = 100000,
    MAX_BACKOFF_US = 10000000,
    ALIVE_US = 2000000, /* a connection that rests is tried so often */
    TURN_US = 50000,    /* writing what waits gives way to callers after so long */
    MAX_PENDING = 10000,
    MAX_PENDING_BYTES = 16 << 20,
};

/* ---- waiting; lock held ---- */

/* False once the time has come. */
static bool wait_until(struct store_redis *st, int64_t until_us)
{
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};

    return pthread_cond_timedwait(&st->changed, &st->lock, &until) != ETIMEDOUT;
}

static void note(struct store_redis *st)
{
    store_note_size(&st->base, st->conversations, st->n_pending);
    store_note(&st->base, st->link ? 0 : AC_EIO, st->link ? "" : st->reason);
}

/* ---- connecting ---- */

static void explain(const struct store_redis *st, const char *what, const char *detail, char *reason)
{
    snprintf(reason, AC_STORE_REASON, "Redis at %s %s: %.120s", st->base.where, what, detail);
}

/* One command of the greeting; its answer is "OK". */
static int greet(const struct store_redis *st, redisContext *c, int n, const char **words, char *reason)
{
    redisReply *r = redisCommandArgv(c, n, words, NULL);
    int err = 0;

    if (!r) {
        explain(st, "ended the connection", c->errstr, reason);
        err = AC_EIO;
    } else if (r->type == REDIS_REPLY_ERROR) {
        bool auth = !strcmp(words[0], "AUTH");
        char *what = auth ? ac_asprintf("refuses user or password (history.redis_url, %s)", st->password_env)
                          : ac_strdup("refuses the database (history.redis_url)");
        explain(st, what, r->str, reason);
        free(what);
        err = AC_ECONFIG;
    }
    freeReplyObject(r);
    return err;
}

redisContext *redis_link_connect(const struct store_redis *st, int *err, char *reason)
{
    const struct timeval deadline = {.tv_sec = DEADLINE_US / 1000000};
    const struct redis_place *p = &st->place;
    redisContext *c = redisConnectWithTimeout(p->host, p->port, deadline);
    char db[16];

    *err = 0;
    if (!c || c->err) {
        explain(st, "cannot be reached (history.redis_url)", c ? c->errstr : "memory is short", reason);
        *err = AC_EIO;
    } else {
        fcntl(c->fd, F_SETFD, FD_CLOEXEC);
        redisSetTimeout(c, deadline);
    }
    if (!*err && p->password && p->user)
        *err = greet(st, c, 3, (const char *[]){"AUTH", p->user, p->password}, reason);
    else if (!*err && p->password)
        *err = greet(st, c, 2, (const char *[]){"AUTH", p->password}, reason);
    snprintf(db, sizeof db, "%d", p->db);
    if (!*err)
        *err = greet(st, c, 2, (const char *[]){"SELECT", db}, reason);
    if (*err) {
        redisFree(c);
        return NULL;
    }
    return c;
}

static void disconnect(struct store_redis *st)
{
    redisFree(st->link);
    st->link = NULL;
    st->retry_us = ac_now_us() + st->backoff_us;
    note(st);
    pthread_cond_broadcast(&st->changed);
}

static void back_off(struct store_redis *st)
{
    int64_t us = st->backoff_us * 2;

    st->backoff_us = us < BACKOFF_US ? BACKOFF_US : us > MAX_BACKOFF_US ? MAX_BACKOFF_US : us;
    /* several servers do not come back all at once */
    st->retry_us = ac_now_us() + st->backoff_us - ac_now_us() % (st->backoff_us / 4);
}

/* ---- exchanges; lock held ---- */

/* Will the same call do later? The server starts, is full, is a replica, knows us no longer … */
static bool is_passing(const char *error)
{
    static const char *const kinds[] = {"LOADING",    "BUSY",       "OOM",         "MISCONF",
                                        "READONLY",   "NOAUTH",     "CLUSTERDOWN", "TRYAGAIN",
                                        "MASTERDOWN", "NOREPLICAS", "NOPERM"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strncmp(error, kinds[i], strlen(kinds[i])))
            return true;
    return false;
}

/* Sends words and takes the answer. */
static int exchange(struct store_redis *st, int n, const char **words, redisReply **reply)
{
    redisReply *r = redisCommandArgv(st->link, n, words, NULL);

    *reply = NULL;
    if (!r) {
        explain(st, "does not answer",
                st->link->err == REDIS_ERR_IO && errno == EAGAIN ? "timed out" : st->link->errstr,
                st->reason);
        disconnect(st);
        return AC_EIO;
    }
    if (r->type == REDIS_REPLY_ERROR) {
        bool passing = is_passing(r->str);
        explain(st, "refuses", r->str, st->reason);
        freeReplyObject(r);
        if (passing) {
            back_off(st);
            disconnect(st);
            return AC_EIO;
        }
        ac_log_error("store", "redis_refused", AC_S("reason", st->reason));
        return AC_EINTERNAL;
    }
    *reply = r;
    st->backoff_us = BACKOFF_US;
    return 0;
}

int64_t redis_number(const redisReply *r, size_t i)
{
    return r && r->type == REDIS_REPLY_ARRAY && i < r->elements && r->element[i]->type == REDIS_REPLY_INTEGER
               ? (int64_t)r->element[i]->integer
               : 0;
}

/* Its answer begins with {done, conversations}. */
static bool writes(enum redis_script script)
{
    return script != REDIS_LOAD && script != REDIS_LIST && script != REDIS_COUNT;
}

static int run(struct store_redis *st, const struct redis_call *call, redisReply **reply)
{
    const char *words[REDIS_WORDS + 3] = {"EVAL", redis_scripts[call->script], "3"};

    memcpy(words + 3, call->words, (size_t)call->n * sizeof *words);
    int err = exchange(st, call->n + 3, words, reply);
    if (!err && writes(call->script)) {
        st->conversations = (size_t)redis_number(*reply, 1);
        note(st);
    }
    return err;
}

static int run_change(struct store_redis *st, const struct redis_call *call, int64_t *done)
{
    redisReply *r;
    int err = run(st, call, &r);

    *done = redis_number(r, 0);
    freeReplyObject(r);
    return err ? err : *done ? 0 : AC_ENOENT;
}

/* ---- what waits; lock held ---- */

static int put_off(struct store_redis *st, const struct redis_call *call)
{
    size_t bytes = 0;

    for (int i = 0; i < call->n; i++)
        bytes += strlen(call->words[i]) + 1;
    if (st->n_pending >= MAX_PENDING || st->pending_bytes + bytes > MAX_PENDING_BYTES) {
        if (!st->full)
            ac_log_warn("store", "queue_full", AC_I("messages", st->n_pending),
                        AC_S("remedy", "what is said from here on is not kept until Redis is back"));
        st->full = true;
        return AC_EFULL;
    }
    struct redis_pending *p = ac_zalloc(sizeof *p + bytes);
    *p = (struct redis_pending){.script = call->script, .n = call->n, .bytes = bytes};
    char *at = p->words;
    for (int i = 0; i < call->n; i++)
        at = stpcpy(at, call->words[i]) + 1;
    STAILQ_INSERT_TAIL(&st->pending, p, link);
    st->n_pending++;
    st->pending_bytes += bytes;
    note(st);
    pthread_cond_broadcast(&st->changed);
    return 0;
}

static void forget_first(struct store_redis *st)
{
    struct redis_pending *p = STAILQ_FIRST(&st->pending);

    STAILQ_REMOVE_HEAD(&st->pending, link);
    st->n_pending--;
    st->pending_bytes -= p->bytes;
    free(p);
}

/* Writes what waits, in order, for a while. */
static void catch_up(struct store_redis *st)
{
    int64_t until = ac_now_us() + TURN_US, done;

    while (st->link && st->n_pending && ac_now_us() < until) {
        const struct redis_pending *p = STAILQ_FIRST(&st->pending);
        struct redis_call call = {.script = p->script, .n = p->n};
        const char *at = p->words;
        for (int i = 0; i < p->n; i++) {
            call.words[i] = at;
            at += strlen(at) + 1;
        }
        if (run_change(st, &call, &done) != AC_EIO) /* what was deleted meanwhile is not revived */
            forget_first(st);
    }
    if (!st->n_pending) {
        st->full = false;
        pthread_cond_broadcast(&st->changed);
    }
    note(st);
}

/* ---- the thread ---- */

static void connect_once(struct store_redis *st)
{
    char reason[AC_STORE_REASON] = "";
    int err;

    pthread_mutex_unlock(&st->lock);
    redisContext *c = redis_link_connect(st, &err, reason);
    pthread_mutex_lock(&st->lock);
    st->link = c;
    if (c) {
        catch_up(st);
    } else {
        memcpy(st->reason, reason, sizeof reason);
        back_off(st);
        note(st);
    }
}

/* A sign of life, and how many there are. */
static void look(struct store_redis *st)
{
    redisReply *r;

    if (!exchange(st, 2, (const char *[]){"ZCARD", st->all}, &r) && r->type == REDIS_REPLY_INTEGER)
        st->conversations = (size_t)r->integer;
    freeReplyObject(r);
    note(st);
}

static void *thread_main(void *arg)
{
    struct store_redis *st = arg;
    int64_t last_us = INT64_MAX;

    pthread_mutex_lock(&st->lock);
    while (!st->ending || (st->link && st->n_pending && ac_now_us() < last_us)) {
        if (st->ending && last_us == INT64_MAX)
            last_us = ac_now_us() + DEADLINE_US;
        if (!st->link && ac_now_us() >= st->retry_us) {
            connect_once(st);
            if (st->link)
                look(st);
            st->tried = true;
            pthread_cond_broadcast(&st->changed);
        } else if (!st->link) {
            wait_until(st, st->retry_us);
        } else if (st->n_pending) {
            catch_up(st);
            pthread_mutex_unlock(&st->lock); /* gives way */
            ac_sleep_us(1000);
            pthread_mutex_lock(&st->lock);
        } else if (!wait_until(st, ac_now_us() + ALIVE_US) && st->link && !st->ending) {
            look(st);
        }
    }
    pthread_mutex_unlock(&st->lock);
    return NULL;
}

int redis_link_open(struct store_redis *st)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&st->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&st->changed, &attr);
    pthread_condattr_destroy(&attr);
    STAILQ_INIT(&st->pending);
    st->backoff_us = BACKOFF_US;
    if (pthread_create(&st->thread, NULL, thread_main, st))
        return AC_ENOMEM;
    st->running = true;
    int64_t until = ac_now_us() + DEADLINE_US + DEADLINE_US / 5;
    pthread_mutex_lock(&st->lock);
    while (!st->tried && wait_until(st, until))
        ;
    pthread_mutex_unlock(&st->lock);
    return 0;
}

void redis_link_close(struct store_redis *st)
{
    pthread_mutex_lock(&st->lock);
    st->ending = true;
    pthread_cond_broadcast(&st->changed);
    pthread_mutex_unlock(&st->lock);
    if (st->running)
        pthread_join(st->thread, NULL);
    if (st->n_pending)
        ac_log_warn("store", "lost", AC_I("messages", st->n_pending), AC_S("reason", st->reason));
    while (st->n_pending)
        forget_first(st);
    redisFree(st->link);
    pthread_cond_destroy(&st->changed);
    pthread_mutex_destroy(&st->lock);
}

/* ---- calls ---- */

/* Everything that waits is written, so that what follows sees it; AC_EIO where that takes too long. */
static int enter(struct store_redis *st)
{
    int64_t until = ac_now_us() + DEADLINE_US;

    pthread_mutex_lock(&st->lock);
    while (st->link && st->n_pending && wait_until(st, until))
        ;
    return st->link && !st->n_pending ? 0 : AC_EIO;
}

int redis_ask(struct store_redis *st, const struct redis_call *call, redisReply **reply)
{
    int err = enter(st);

    *reply = NULL;
    if (!err)
        err = run(st, call, reply);
    pthread_mutex_unlock(&st->lock);
    return err;
}

int redis_change(struct store_redis *st, const struct redis_call *call, int64_t *done)
{
    int err = enter(st);

    *done = 0;
    if (!err)
        err = run_change(st, call, done);
    pthread_mutex_unlock(&st->lock);
    return err;
}

int redis_change_later(struct store_redis *st, const struct redis_call *call)
{
    int64_t done;

    pthread_mutex_lock(&st->lock);
    int err = st->link && !st->n_pending ? run_change(st, call, &done) : AC_EIO;
    if (err == AC_EIO)
        err = put_off(st, call);
    pthread_mutex_unlock(&st->lock);
    return err;
}
