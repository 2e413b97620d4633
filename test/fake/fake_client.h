/*
 * A session's client for tests: a port that records every server message and can be slow or gone, and waiting
 * for a message with a generous time limit.
 */
#ifndef AC_TEST_FAKE_CLIENT_H
#define AC_TEST_FAKE_CLIENT_H

#include "core/session.h"

#include <jansson.h>
#include <pthread.h>

struct fake_message {
    char type[24];
    json_t *data;
    size_t binary_len;
    char binary_head[8]; /* bytes 4 to 7 are the first MP4 box */
    int64_t at_us;
};

struct fake_client {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fake_message *messages;
    size_t n, cap;
    bool full;         /* refuse media: a slow reader */
    bool gone;         /* refuse everything */
    enum ac_end ended; /* why the session was ended; 0 = it was not */
    char end_message[160];
    struct ac_session *session;
};

/* Opens a session of the hub with this client; gives its result. Free with fake_client_free where it failed.
 */
int fake_client_try(struct fake_client *c, struct ac_hub *hub, const char *id);
/* The same with a `hello` that carries the token of a session that exists. */
int fake_client_resume(struct fake_client *c, struct ac_hub *hub, const char *id, const char *token);
/* Loses the connection; the messages stay until fake_client_free. */
void fake_client_lose(struct fake_client *c);
void fake_client_free(struct fake_client *c);
/* Waits (20 s at most) until the session was ended. */
enum ac_end fake_client_wait_end(struct fake_client *c);
/* Opens a session of the hub with this client; must succeed. */
void fake_client_open(struct fake_client *c, struct ac_hub *hub, const char *id);
void fake_client_close(struct fake_client *c);
/* Sends a text message (a printf format). Returns the session's result. */
int fake_client_send(struct fake_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Waits (20 s at most) for a message of the type at index `from` or later; gives its index, or -1 when the
 * time is over. The message stays in the list.
 */
int fake_client_wait(struct fake_client *c, const char *type, size_t from);
/* Number of messages of a type so far, from index `from`. */
size_t fake_client_count(struct fake_client *c, const char *type, size_t from);
size_t fake_client_total(struct fake_client *c);
void fake_client_set(struct fake_client *c, bool full, bool gone);
const char *fake_string(const struct fake_message *m, const char *key);
double fake_number(const struct fake_message *m, const char *key);

#endif
