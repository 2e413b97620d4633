/* What the callers' half (ws.c) and the thread's half (ws_loop.c) of the WebSocket client share. */
#ifndef AC_NET_WS_PRIVATE_H
#define AC_NET_WS_PRIVATE_H

#include "base/str.h"
#include "net/ws.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WS_MAX_ADDRESSES = 4, WS_MAX_HOST = 256 };

enum ws_state { WS_CONNECTING = 1, WS_OPEN, WS_OVER };

struct ws_packet {
    struct ws_packet *next;
    bool binary;
    size_t len;
    char *data; /* outgoing: behind the bytes that libwebsockets wants before it */
};

struct ws_packets {
    struct ws_packet *first, *last;
    size_t bytes;
};

/* An HTTP proxy; port 0 = none. */
struct ws_proxy {
    char host[WS_MAX_HOST], auth[WS_MAX_HOST];
    int port;
};

struct ac_ws {
    atomic_int refs; /* the caller, the resolver, the thread's list, libwebsockets */

    /* constant once the resolver has begun */
    char *host, *host_header, *path, *ca_file;
    char **headers;
    int port;
    bool tls;
    size_t max_bytes;
    struct ws_proxy proxy;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool was_open;                      /* lock */
    enum ws_state state;                /* lock */
    int err;                            /* lock: why it is over */
    bool closing;                       /* lock: nobody wants it any more */
    struct ac_ws_refusal refusal;       /* lock */
    struct ws_packets in, out;          /* lock */
    char address[WS_MAX_ADDRESSES][64]; /* lock: numeric, of the host or of the proxy */
    size_t n_addresses;                 /* lock */

    /* the thread's alone */
    size_t next_address;
    struct lws *wsi;
    bool open;                   /* the handshake is done */
    const char *bad_certificate; /* what is wrong with the server's, NULL = nothing */
    struct ws_packet *part;
    size_t part_cap;

    struct ac_ws *next_posted; /* the loop's lock */
    bool posted;               /* the loop's lock */
};

struct ac_ws *ws_ref(struct ac_ws *ws);
void ws_unref(struct ac_ws *ws);
void ws_packet_free(struct ws_packet *p);
/* The first packet, NULL when there is none. Under the lock. */
struct ws_packet *ws_take(struct ws_packets *list);
void ws_append(struct ws_packets *list, struct ws_packet *p);
/* Ends it, unless it is over already, with a reason where it was never open. */
void ws_finish(struct ac_ws *ws, int err, const char *reason);

/* Wakes the thread for this connection: to begin, to send, to close. AC_ENOMEM when there is no thread. */
int ws_post(struct ac_ws *ws);

/* "ws[s]://host[:port][/path]" into its parts; false where it is none. */
bool ws_parse_url(struct ac_ws *ws, const char *url);
/* The proxy for the connection: the one that is named, else that of the environment. AC_ENOTSUP for a kind
 * that is not spoken. */
int ws_find_proxy(struct ac_ws *ws, const char *named);

#endif
