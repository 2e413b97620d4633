/*
 * The store of conversations: what was said outlives its session, so that a person can come back to it.
 *
 * A conversation belongs to a client: an unguessable name that the page makes for its browser. Every call
 * names the client, and a conversation of another client is as one that does not exist. SQLite in WAL mode,
 * one file; each call is one transaction, so that a killed process loses at most the call in progress.
 *
 * Threads: any (calls are serialised). Calls may wait for the disk: never from the loop thread or a session's
 * strand.
 */
#ifndef AC_CORE_STORE_H
#define AC_CORE_STORE_H

#include "core/config.h"

struct ac_store;

enum { AC_CLIENT_ID_MAX = 64, AC_CONVERSATION_ID_MAX = 36, AC_TITLE_MAX_CHARS = 120 };

/* One message as it was said; strings are owned by whoever holds the list. */
struct ac_stored_message {
    char *role; /* "user", "assistant" */
    char *text;
    uint32_t turn;    /* number of the turn in the conversation, from 1 */
    int64_t at_ms;    /* Unix time */
    bool interrupted; /* text is what was heard of it */
};

struct ac_stored_conversation {
    char id[AC_CONVERSATION_ID_MAX + 1];
    char *title;
    int64_t created_ms, updated_ms; /* Unix time */
    uint32_t turns;
    char *summary; /* of the messages up to and with turn summary_turns; NULL = none */
    uint32_t summary_turns;
    struct ac_stored_message *messages; /* NULL in lists */
    size_t n_messages;
};

/*
 * Opens the file (and makes it, with its folder), brings its schema up to date, and deletes what is past its
 * age. AC_EIO, AC_ECONFIG, AC_EMODEL (the file is none of ours, or of a newer version) with reason (at least
 * 256 bytes).
 */
int ac_store_open(struct ac_store **st, const struct ac_history_config *cfg, char *reason);
void ac_store_close(struct ac_store *st);

/* A new id: 32 hex digits, unguessable. */
void ac_store_new_id(char id[AC_CONVERSATION_ID_MAX + 1]);
/*
 * Adds a message; the conversation is made with its first one, whose beginning is its title. An assistant's
 * message of a turn that has one already replaces it.
 */
int ac_store_add(struct ac_store *st, const char *client, const char *conversation,
                 const struct ac_stored_message *m);
/* Takes the assistant's message of a turn away: nothing of it was heard. */
int ac_store_remove_answer(struct ac_store *st, const char *client, const char *conversation, uint32_t turn);
int ac_store_summarize(struct ac_store *st, const char *client, const char *conversation, const char *summary,
                       uint32_t turns);
/* AC_ENOENT where the client has no such conversation. Free with ac_stored_clear. */
int ac_store_load(struct ac_store *st, const char *client, const char *conversation,
                  struct ac_stored_conversation *out);
/* The latest first, at most max. */
int ac_store_list(struct ac_store *st, const char *client, size_t max, struct ac_stored_conversation **list,
                  size_t *n);
int ac_store_rename(struct ac_store *st, const char *client, const char *conversation, const char *title);
int ac_store_delete(struct ac_store *st, const char *client, const char *conversation);
/* Everything of a client; *n (may be NULL): how many conversations. */
int ac_store_delete_client(struct ac_store *st, const char *client, size_t *n);
/* Deletes what is past its age (keep_days), and of each client what is past keep_conversations. */
int ac_store_prune(struct ac_store *st, size_t *n);
/* The whole file in numbers, for the status. */
int ac_store_count(struct ac_store *st, size_t *conversations, size_t *messages);

void ac_stored_clear(struct ac_stored_conversation *c);
void ac_stored_list_free(struct ac_stored_conversation *list, size_t n);
/* 16 to 64 of A-Z a-z 0-9 _ - */
bool ac_client_id_valid(const char *id);
/* 32 hex digits */
bool ac_conversation_id_valid(const char *id);

#endif
