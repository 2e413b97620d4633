/* Checks of the protocol that several integration tests share; each fails the test with what came instead. */
#ifndef AC_TEST_TURN_CHECKS_H
#define AC_TEST_TURN_CHECKS_H

#include "integration/ws_client.h"

enum { WAIT = 60000 };

/* Connects and waits for session_ready. */
void open_client(struct ws_client *c, int port, const char *path);
/* Waits for a message of the type at index from or later; its index. */
int expect(struct ws_client *c, const char *type, size_t from);
/* Waits for an error with this code and a message. */
void expect_error(struct ws_client *c, const char *code, size_t from);
/* The connection lives and the session answers. */
void check_alive(struct ws_client *c);
/*
 * Messages [from, to): every meta has its bytes right behind it, which are whole MP4 boxes; chunks count up;
 * init, first and last are where they belong; times go forward.
 */
void check_media(const struct ws_client *c, size_t from, size_t to, bool clip);

#endif
