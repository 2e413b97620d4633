/*
 * The server: the chat page, the REST interface and the WebSocket protocol (docs/protocol.md) on one port.
 *
 * One thread, the caller of ac_server_run, owns the sockets (libwebsockets); it computes nothing and blocks
 * nowhere. Sessions run on the hub's pool and reach their sockets through bounded outboxes (ws.c). Host,
 * port, limits and the folder of the page come from the hub's configuration (section `server`).
 *
 *     ac_hub_new → ac_server_start → ac_server_run → ac_server_free → ac_hub_free
 */
#ifndef AC_SERVER_SERVER_H
#define AC_SERVER_SERVER_H

#include "core/session.h"

struct ac_server;

/* Times the configuration does not name; 0 = the default in brackets. */
struct ac_server_tuning {
    int ping_s;          /* a silent connection is asked for a sign of life (10) … */
    int hangup_s;        /* … and given up when it gave none for so long (25) */
    int slow_s;          /* a reader may stay behind the soft limit for so long (10) */
    int stop_ms;         /* how long a stopping server waits for clients to take their last message (500) */
    int hello_s;         /* who connects to a session that exists must say `hello` within so long (10) */
    int make_s;          /* an avatar must be made of an upload within so long (600) */
    bool limit_loopback; /* the limits of one address count for this machine's own too */
};

/*
 * Loads the page, binds the port and listens (port 0: a free one). Nothing is served before ac_server_run.
 * Logs at=server event=ready host=… port=… url=…. tuning may be NULL. On failure *server stays as it was and
 * reason (at least 256 bytes) holds one sentence with cause and remedy: AC_EADDRINUSE the port is in use,
 * AC_EINVAL the host is not an address of this machine, AC_EIO otherwise. hub is borrowed and outlives the
 * server.
 */
int ac_server_start(struct ac_server **server, struct ac_hub *hub, const struct ac_server_tuning *tuning,
                    char *reason);
/* The port it listens on. */
int ac_server_port(const struct ac_server *server);
/*
 * Serves until ac_server_stop, then refuses new connections, tells the clients (close code 1001), closes
 * their sessions and returns 0. Negative when the loop itself failed. Call once, from one thread.
 */
int ac_server_run(struct ac_server *server);
/* Makes ac_server_run return. Async-signal-safe, any thread, any number of times, also before ac_server_run.
 */
void ac_server_stop(struct ac_server *server);
/* Reads tokens and certificate again; what is wrong is logged and the old ones stay. As ac_server_stop. */
void ac_server_reload(struct ac_server *server);
/* When the loop last came round (it does so several times a second), as ac_now_us; 0 = not yet. Any thread.
 */
int64_t ac_server_alive_us(const struct ac_server *server);
/* Frees what ac_server_start made; ac_server_run has returned or was never called. NULL is fine. False: an
 * engine that makes an avatar did not stop; models and configuration must stay until the process ends. */
bool ac_server_free(struct ac_server *server);

#endif
