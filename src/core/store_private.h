/*
 * Inside of the store: what its kinds (store_sqlite.h, store_redis.h) give to store.c, and what it does for
 * them. A kind's record begins with struct ac_store.
 */
#ifndef AC_CORE_STORE_PRIVATE_H
#define AC_CORE_STORE_PRIVATE_H

#include "core/store.h"

#include <pthread.h>

/* The calls of store.h with arguments that were checked: ids are valid, texts are UTF-8 and not empty. */
struct store_ops {
    void (*close)(struct ac_store *st);
    /* title: for a conversation that this message makes; question: else it is an answer */
    int (*add)(struct ac_store *st, const char *client, const char *conversation,
               const struct ac_stored_message *m, bool question, const char *title);
    int (*remove_answer)(struct ac_store *st, const char *client, const char *conversation, uint32_t turn);
    int (*summarize)(struct ac_store *st, const char *client, const char *conversation, const char *summary,
                     uint32_t turns);
    int (*load)(struct ac_store *st, const char *client, const char *conversation,
                struct ac_stored_conversation *out);
    int (*list)(struct ac_store *st, const char *client, size_t max, struct ac_stored_conversation **list,
                size_t *n);
    int (*rename)(struct ac_store *st, const char *client, const char *conversation, const char *title);
    int (*remove)(struct ac_store *st, const char *client, const char *conversation);
    int (*remove_client)(struct ac_store *st, const char *client, size_t *n);
    int (*prune)(struct ac_store *st, size_t *n);
    int (*count)(struct ac_store *st, size_t *conversations, size_t *messages);
};

struct ac_store {
    const struct store_ops *ops;
    char *where; /* for log and messages: a path, a host; no secrets */
    int keep_days, keep_conversations;
    pthread_mutex_t state_lock; /* held for moments */
    struct ac_store_state state;
    int64_t told_us; /* state_lock: when a failure was last logged */
};

void store_init(struct ac_store *st, const struct store_ops *ops, const struct ac_history_config *cfg);
void store_end(struct ac_store *st);
/* Notes how a call went (reason: of err, "" = none), and logs it when that is news. */
void store_note(struct ac_store *st, int err, const char *reason);
void store_note_size(struct ac_store *st, size_t conversations, size_t pending);

/* ---- the kinds; errors and reason as in store.h, *reason is "" before ---- */

int store_sqlite_open(struct ac_store **st, const struct ac_history_config *cfg, char *reason);
int store_sqlite_examine(const struct ac_history_config *cfg, size_t *conversations, size_t *messages,
                         char *reason);
int store_redis_open(struct ac_store **st, const struct ac_history_config *cfg, char *reason);
int store_redis_examine(const struct ac_history_config *cfg, size_t *conversations, size_t *messages,
                        char *reason);

#endif
