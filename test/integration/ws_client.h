/*
 * A scripted client for tests: HTTP requests and WebSockets on plain blocking sockets, written from the RFCs
 * (9112, 6455) and not on the server's own library, so that a misreading there does not hide here.
 *
 * A WebSocket records every message in order; a test waits for one, with a time limit, and looks at the list.
 */
#ifndef AC_TEST_WS_CLIENT_H
#define AC_TEST_WS_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- HTTP ---- */

struct http_response {
    int status;
    char *head; /* status line and header lines, NUL-terminated */
    char *body; /* NUL-terminated past len */
    size_t len;
};

/*
 * One request on a connection of its own. headers: further lines, each ending in \r\n, or NULL. False when no
 * whole answer came within 20 s. Free with http_free.
 */
bool http_request_to(int port, const char *method, const char *path, const char *headers,
                     struct http_response *r);
/* Sends the bytes as they are and reads until the server closes or, unless they ask to close, a whole
 * answer is there. bytes end with NUL past len. */
bool http_raw(int port, const char *bytes, size_t len, struct http_response *r);
/* Value of a header, "" when absent; in a static buffer. */
const char *http_header(const struct http_response *r, const char *name);
void http_free(struct http_response *r);

/* ---- WebSocket ---- */

struct ws_message {
    char type[24]; /* "" for a binary message */
    json_t *data;
    char *bytes; /* of a binary message */
    size_t len;
    int64_t at_us;
};

struct ws_client {
    int fd;
    int status; /* of the handshake: 101 = open */
    char *buf;  /* read but not yet decoded */
    size_t len, cap;
    struct ws_message *messages;
    size_t n, cap_messages;
    bool closed;    /* the server has closed */
    int close_code; /* 0 = without a close frame */
    bool mute;      /* do not answer pings */
};

/* Connects; gives the handshake's status, -1 when there was none. headers as above. */
int ws_connect(struct ws_client *c, int port, const char *path, const char *headers);
/* Drops the connection without a goodbye. */
void ws_drop(struct ws_client *c);
/* Says goodbye (1000), waits for the answer, drops. */
void ws_close(struct ws_client *c);
/* One text message from a printf format. */
void ws_text(struct ws_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One frame: opcode 0 continuation, 1 text, 2 binary, 9 ping. False when the socket refuses. */
bool ws_frame(struct ws_client *c, int opcode, bool fin, const char *bytes, size_t len);
/* Waits for a message of the type ("" binary) at index from or later; its index, or -1 after timeout_ms or at
 * the end. */
int ws_wait(struct ws_client *c, const char *type, size_t from, int timeout_ms);
/* Waits until the server closes; false after timeout_ms. */
bool ws_wait_closed(struct ws_client *c, int timeout_ms);
/* Reads what comes within the time. */
void ws_read_for(struct ws_client *c, int ms);
size_t ws_count(const struct ws_client *c, const char *type, size_t from);
const char *ws_string(const struct ws_message *m, const char *key);
double ws_number(const struct ws_message *m, const char *key);
bool ws_bool(const struct ws_message *m, const char *key);

#endif
