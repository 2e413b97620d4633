/*
 * The store in a Redis or Valkey server: store_redis.c (the calls of the store), store_redis_link.c (the
 * connection and what waits for it), store_redis_place.c (the URL), store_redis_scripts.c (what runs in the
 * server).
 *
 * Keys, behind history.redis_prefix ("avatar-chat:"):
 *   all                       sorted set of CLIENT:ID, by updated_ms
 *   client:CLIENT             sorted set of ID, by updated_ms
 *   conversation:CLIENT:ID    hash: title, created, updated, turns, summary, summary_turns, and for each
 *                             message TURN:q or TURN:a → {"text", "at_ms", "interrupted"?}
 * The last two expire by themselves keep_days after their last change. Each call is one script, so it is done
 * whole or not at all, whoever else writes. A cluster wants all keys in one slot: a prefix in braces.
 */
#ifndef AC_CORE_STORE_REDIS_H
#define AC_CORE_STORE_REDIS_H

#include "core/store_private.h"

#include <hiredis/hiredis.h>
#include <sys/queue.h>

/* ---- store_redis_place.c ---- */

/* Where the server is. Free with redis_place_clear. */
struct redis_place {
    char *host, *user, *password; /* user, password: NULL = none */
    int port, db;
};

/* redis://[[user]:password@]host[:port][/db]; AC_ECONFIG with reason (AC_STORE_REASON bytes, no password). */
int redis_place_parse(struct redis_place *p, const char *url, char *reason);
void redis_place_clear(struct redis_place *p);

/* ---- store_redis_scripts.c ---- */

enum redis_script {
    REDIS_ADD,
    REDIS_REMOVE_ANSWER,
    REDIS_SET,
    REDIS_LOAD,
    REDIS_LIST,
    REDIS_DELETE,
    REDIS_DELETE_CLIENT,
    REDIS_PRUNE,
    REDIS_COUNT,
    REDIS_N_SCRIPTS
};
/* Lua; what each takes and gives stands there. */
extern const char *const redis_scripts[REDIS_N_SCRIPTS];

/* ---- store_redis_link.c ---- */

/* A script with its words: three keys, then arguments. Strings are borrowed. */
enum { REDIS_KEYS = 3, REDIS_WORDS = 16 };
struct redis_call {
    enum redis_script script;
    int n;
    const char *words[REDIS_WORDS];
};

/* A call that waits for the server, its words behind each other. */
struct redis_pending {
    STAILQ_ENTRY(redis_pending) link;
    enum redis_script script;
    int n;
    size_t bytes;
    char words[];
};

struct store_redis {
    struct ac_store base; /* where: host and port */
    struct redis_place place;
    char *prefix, *all, *password_env;
    pthread_t thread; /* connects, writes what waits, asks for a sign of life */
    bool running;
    pthread_mutex_t lock;   /* held over an exchange with the server: a second at most */
    pthread_cond_t changed; /* any of the following */
    redisContext *link;     /* NULL = not connected */
    bool tried;             /* the first attempt is over */
    bool ending;
    int64_t retry_us, backoff_us;
    STAILQ_HEAD(, redis_pending) pending;
    size_t n_pending, pending_bytes, conversations;
    bool full;                    /* and something was refused since it was last empty */
    char reason[AC_STORE_REASON]; /* why it is not connected, or refuses */
};

/* Starts the thread and waits for the first attempt to connect. */
int redis_link_open(struct store_redis *st);
/* Writes what waits, as far as that goes within a second. */
void redis_link_close(struct store_redis *st);
/*
 * Connects once. NULL: err and reason say why, AC_ECONFIG where the server refuses user, password or
 * database.
 */
redisContext *redis_link_connect(const struct store_redis *st, int *err, char *reason);
/*
 * Runs a call once all that waits is written, and gives its answer (freeReplyObject), never an error's.
 * AC_EIO: the server is not to be had; AC_EINTERNAL: it does not understand. The answer of a script that
 * writes is {done, conversations}; AC_ENOENT where done is 0.
 */
int redis_ask(struct store_redis *st, const struct redis_call *call, redisReply **reply);
int redis_change(struct store_redis *st, const struct redis_call *call, int64_t *done);
/* The same, but while the server is not to be had the call waits for it, and 0 is given. AC_EFULL. */
int redis_change_later(struct store_redis *st, const struct redis_call *call);
/* The answer's number at an index, 0 where there is none. */
int64_t redis_number(const redisReply *r, size_t i);

#endif
