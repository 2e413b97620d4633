/*
 * The store of conversations: what was said outlives its session, so that a person can come back to it.
 *
 * A conversation belongs to a client: an unguessable name that the page makes for its browser. Every call
 * names the client, and a conversation of another client is as one that does not exist. Two kinds:
 *
 *   sqlite  One file in WAL mode; each call is one transaction, so that a killed process loses at most the
 *           call in progress. What is deleted is overwritten in the file.
 *   redis   A Redis or Valkey server, which several avatar-chat servers may share. While it is not to be had
 *           messages wait in memory, in order, and are written when it is back: adding gives 0 then (AC_EFULL
 *           when too much waits), all other calls AC_EIO. What waits is lost when the process is killed.
 *
 * Threads: any. Calls may wait for the disk or the network (redis: a second at most): never from the loop
 * thread or a session's strand; ac_store_state alone waits for nothing.
 *
 * Errors, where nothing else is said: AC_EINVAL (an argument breaks the rules below), AC_EUTF8, AC_EIO (the
 * disk is full, the file cannot be written or is damaged; Redis cannot be reached or refuses), AC_EBUSY
 * (another program holds the file), AC_ENOMEM. A call that failed has changed nothing. Failures of the store
 * are logged here.
 */
#ifndef AC_CORE_STORE_H
#define AC_CORE_STORE_H

#include "core/config.h"

struct ac_store;

/* ac_history_config.store */
enum { AC_STORE_SQLITE, AC_STORE_REDIS, AC_STORE_NONE };
enum { AC_CLIENT_ID_MAX = 64, AC_CONVERSATION_ID_MAX = 36, AC_TITLE_MAX_CHARS = 120, AC_STORE_REASON = 256 };

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
    uint32_t turns;                 /* number of the last one */
    char *summary;                  /* of the messages up to and with turn summary_turns; NULL = none */
    uint32_t summary_turns;
    struct ac_stored_message *messages; /* NULL in lists; question before answer, by turn */
    size_t n_messages;
};

/*
 * Opens the file (and makes it, with its folder, for this user alone), brings its schema up to date, and
 * deletes what is past its age. AC_ECONFIG (the file is none of ours, or of a newer version; the URL is
 * wrong) or one of the above, with reason (AC_STORE_REASON bytes). A Redis that is not there yet is no
 * failure: the first attempt is waited for (a second), and goes on in the background.
 */
int ac_store_open(struct ac_store **st, const struct ac_history_config *cfg, char *reason);
void ac_store_close(struct ac_store *st); /* NULL is fine */
/* The file's path, the server's host and port. */
const char *ac_store_where(const struct ac_store *st);
/*
 * Looks at the file (or server) without changing or making anything; checks the whole of it. AC_ENOENT: it is
 * not there yet and can be made; else as ac_store_open. reason says in each case what is wrong, "" when
 * nothing is.
 */
int ac_store_examine(const struct ac_history_config *cfg, size_t *conversations, size_t *messages,
                     char *reason);

/* A new id: 32 hex digits, unguessable. */
void ac_store_new_id(char id[AC_CONVERSATION_ID_MAX + 1]);
/*
 * Adds a message. The question of turn 1 makes the conversation, its beginning is the title; past
 * keep_conversations the client's oldest one goes. Else AC_ENOENT without the conversation, and for an answer
 * without its question: what was deleted is not revived. A message of a turn that has one of its role already
 * replaces it.
 */
int ac_store_add(struct ac_store *st, const char *client, const char *conversation,
                 const struct ac_stored_message *m);
/* Takes the assistant's message of a turn away: nothing of it was heard. AC_ENOENT where there is none. */
int ac_store_remove_answer(struct ac_store *st, const char *client, const char *conversation, uint32_t turn);
/* Keeps the summary of the messages up to and with turn `turns`. AC_ENOENT. */
int ac_store_summarize(struct ac_store *st, const char *client, const char *conversation, const char *summary,
                       uint32_t turns);
/* AC_ENOENT where the client has no such conversation. Free with ac_stored_clear, also after a failure. */
int ac_store_load(struct ac_store *st, const char *client, const char *conversation,
                  struct ac_stored_conversation *out);
/* The latest first, at most max. Free with ac_stored_list_free. */
int ac_store_list(struct ac_store *st, const char *client, size_t max, struct ac_stored_conversation **list,
                  size_t *n);
/* A title of 1 to AC_TITLE_MAX_CHARS characters, white space folded. AC_ENOENT. */
int ac_store_rename(struct ac_store *st, const char *client, const char *conversation, const char *title);
int ac_store_delete(struct ac_store *st, const char *client, const char *conversation);
/* Everything of a client; *n (may be NULL): how many conversations. */
int ac_store_delete_client(struct ac_store *st, const char *client, size_t *n);
/* Deletes what is past its age (keep_days), and of each client what is past keep_conversations. */
int ac_store_prune(struct ac_store *st, size_t *n);
/* The whole store in numbers. */
int ac_store_count(struct ac_store *st, size_t *conversations, size_t *messages);

/* How it goes, as far as is known without looking. Waits for nothing. */
struct ac_store_state {
    size_t conversations;
    size_t pending;               /* redis: what waits to be written */
    int err;                      /* of the last call that touched the store; 0 = it went well */
    char reason[AC_STORE_REASON]; /* of err */
};
void ac_store_state(struct ac_store *st, struct ac_store_state *state);

void ac_stored_clear(struct ac_stored_conversation *c);
void ac_stored_list_free(struct ac_stored_conversation *list, size_t n);
/* The title that a first question gives: its first 60 characters, white space folded; malloc'ed. */
char *ac_store_title(const char *question);
/* 16 to 64 of A-Z a-z 0-9 _ - */
bool ac_client_id_valid(const char *id);
/* 32 hex digits, lower case */
bool ac_conversation_id_valid(const char *id);
/* Unix time, for at_ms. */
int64_t ac_unix_ms(void);

#endif
