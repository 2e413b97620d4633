/*
 * A WebSocket server for tests, on the loopback, plain or with TLS and a certificate that is made at the
 * start. A thread for each connection; what is said is the test's: `accept` sees the request's head and may
 * refuse it, `talk` has the open connection. Bytes can be sent that break the protocol.
 */
#ifndef TEST_FAKE_WS_H
#define TEST_FAKE_WS_H

#include "base/str.h"

struct fake_ws;
struct fake_ws_peer;

struct fake_ws_config {
    bool tls;
    const char *name; /* in the certificate; NULL = "localhost" */
    /* Fills a whole HTTP answer to refuse; nothing added: the connection is opened. */
    void (*accept)(void *arg, const char *head, struct ac_str *refusal);
    void (*talk)(void *arg, struct fake_ws_peer *p);
    void *arg;
};

/* Starts it; never fails (aborts). */
struct fake_ws *fake_ws_start(const struct fake_ws_config *cfg);
/* Breaks what is open and waits for all threads. */
void fake_ws_stop(struct fake_ws *s);
int fake_ws_port(const struct fake_ws *s);
const char *fake_ws_ca_file(const struct fake_ws *s); /* PEM; removed at the stop */
size_t fake_ws_open_now(struct fake_ws *s);           /* connections that talk */
size_t fake_ws_open_most(struct fake_ws *s);          /* at once, so far */

/* The next text or binary message; false when the connection is over. *text: it was text. */
bool fake_ws_read(struct fake_ws_peer *p, struct ac_str *message, bool *text);
void fake_ws_write(struct fake_ws_peer *p, bool text, const void *data, size_t len);
void fake_ws_ping(struct fake_ws_peer *p);
/* In n fragments. */
void fake_ws_write_split(struct fake_ws_peer *p, bool text, const void *data, size_t len, size_t n);
void fake_ws_raw(struct fake_ws_peer *p, const void *data, size_t len); /* as it is */
void fake_ws_say_close(struct fake_ws_peer *p, int code);
/* Waits; false when the server stops meanwhile. */
bool fake_ws_sleep(struct fake_ws_peer *p, int ms);

#endif
