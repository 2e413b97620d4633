/*
 * WebSocket client (RFC 6455) for threads that may wait: connect, send text, receive messages, each with a
 * deadline and a cancel token.
 *
 * libwebsockets does the protocol, for all connections of the process on one thread that starts with the
 * first of them; a connection's messages wait in its own queue until they are asked for. Names are resolved
 * on a thread for each connection, since a resolver may hang for long. TLS is checked against the system's
 * authorities and those of ca_file. Proxies (HTTP, by CONNECT) are taken from the environment: https_proxy
 * for wss:, http_proxy for ws:, else all_proxy, unless no_proxy names the host.
 *
 * Threads: any; one connection is used by one thread at a time. Calls end within 20 ms of the cancel token.
 */
#ifndef AC_NET_WS_H
#define AC_NET_WS_H

#include "avatarchat/handler.h"

struct ac_ws;

struct ac_ws_request {
    const char *url; /* ws:// or wss:// */
    const char *const
        *headers;        /* NULL-terminated "Name: value", besides those of the handshake; NULL = none */
    int connect_ms;      /* longest time until the connection is open; 0 = 10 s */
    size_t max_bytes;    /* of one message, and of all that wait to be received; 0 = 4 MB */
    const char *proxy;   /* "http://[user:password@]host:port"; NULL or "": that of the environment */
    const char *ca_file; /* further certificates to trust (PEM); NULL or "": the system's alone */
};

/* Why there is no connection. */
struct ac_ws_refusal {
    int status;       /* of the HTTP answer that refused, 0 = there was none */
    char date[64];    /* its Date header, "" = none */
    bool untrusted;   /* the server's certificate was refused: repeating does not help */
    char reason[256]; /* one sentence */
};

struct ac_ws_message {
    bool binary;
    char *data; /* the receiver's, NUL-terminated past len */
    size_t len;
};

/*
 * Opens a connection. AC_ECANCELED, AC_ETIMEDOUT, AC_EINVAL (the address), AC_ENOTSUP (the proxy), AC_EIO
 * (refused, or no way there); refusal is filled with each. End with ac_ws_close.
 */
int ac_ws_connect(struct ac_ws **ws, const struct ac_ws_request *request, struct ac_ws_refusal *refusal,
                  struct ac_cancel *cancel);
/* Queues a text message (copied); never waits. AC_ECLOSED when the connection is over. */
int ac_ws_send(struct ac_ws *ws, const char *text, size_t len);
/*
 * The next message, waited for at most wait_ms. AC_ETIMEDOUT, AC_ECANCELED; when all messages are received,
 * AC_ECLOSED (the other side closed in order), AC_EIO (it broke), AC_ELIMIT (more than max_bytes).
 */
int ac_ws_receive(struct ac_ws *ws, struct ac_ws_message *m, int wait_ms, struct ac_cancel *cancel);
/* True while nothing is known to be wrong with it. */
bool ac_ws_is_open(struct ac_ws *ws);
/* Closes in the background and frees. NULL is fine. */
void ac_ws_close(struct ac_ws *ws);

#endif
