/*
 * Inside of the server, shared by server.c (life, listening, dispatch), http.c (requests and answers), api.c
 * (REST, jobs) and ws.c (WebSockets).
 *
 * Everything here belongs to the loop thread but for what is marked `lock` or atomic, the outbox of a
 * connection, and a job's inputs and results, which are the worker's from its post until it is marked
 * finished.
 */
#ifndef AC_SERVER_PRIVATE_H
#define AC_SERVER_PRIVATE_H

#include "base/str.h"
#include "core/idle.h"
#include "server/assets.h"
#include "server/outbox.h"
#include "server/rules.h"
#include "server/server.h"

#include <libwebsockets.h>
#include <stdatomic.h>

enum { CHUNK_BYTES = 64 << 10, MAX_JOBS = 64 };

/* Names of this product's own WebSocket close codes. */
enum { WS_CLOSE_REPLACED = 4001 };

struct conn;
struct job;

struct ac_server {
    struct ac_hub *hub;
    const struct ac_server_config *cfg;
    struct ac_server_tuning tuning;
    struct ac_assets *assets; /* NULL: there is no page */
    struct ac_content no_page;
    struct ac_idle *idle;
    struct ac_strand *lists, *pictures;
    int64_t start_us;

    struct lws_context *lws;
    struct lws_vhost *vhost;
    struct lws *listener;
    lws_retry_bo_t liveness;
    struct lws_protocols protocols[2];
    int listen_fd;
    bool adopted; /* the library closes listen_fd */
    int spare_fd; /* given up for a moment when no descriptors are left */
    int port;
    atomic_bool stopping, woken;

    struct conn *conns;
    size_t n_conns, n_jobs;
    struct job *jobs;
    unsigned char chunk[LWS_PRE + CHUNK_BYTES];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    int strands_left; /* lock */
};

/* What hangs on one connection of the library: a request at a time, or a WebSocket. */
struct pss {
    struct request *req;
    struct conn *conn;
};

/* One HTTP request being answered. */
struct request {
    struct ac_server *server;
    bool head;
    char path[512];
    char if_none_match[512], range[128], if_range[64], accept_encoding[256];
    struct job *job;  /* somebody works on the answer */
    const char *body; /* what is left to send */
    size_t left;
    char *owned; /* freed with the request; body may point into it */
};

/* ---- http.c ---- */

/* Callbacks of the library; the result is the callback's (non-zero closes). */
int http_request(struct ac_server *s, struct lws *wsi, struct pss *pss, const char *path);
int http_writable(struct lws *wsi, struct pss *pss);
void http_closed(struct pss *pss);
/* Answers. owned (may be NULL) is malloc'ed and freed after sending. */
int http_send_content(struct lws *wsi, struct pss *pss, const struct ac_content *c, const char *extra_name,
                      const char *extra_value, char *owned);
int http_send_text(struct lws *wsi, struct pss *pss, const char *type, char *owned_text);
int http_send_problem(struct lws *wsi, struct pss *pss, int status, const char *allow, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Refuses a WebSocket upgrade: 0 go on, else the result for the library. */
int http_check_upgrade(struct ac_server *s, struct lws *wsi);

/* ---- api.c ---- */

/* Answers a path below /api/ now or by a job. */
int api_request(struct ac_server *s, struct lws *wsi, struct pss *pss);
/* True where the path exists at all (for 405 instead of 404). */
bool api_knows(const char *path);
/* Sends the answers of finished jobs. */
void api_finish_jobs(struct ac_server *s);
/* The request is gone, the job goes on for nobody. */
void api_forget(struct job *job);
/* Frees all jobs; no worker runs any more. */
void api_drop_jobs(struct ac_server *s);

/* ---- ws.c ---- */

int ws_open(struct ac_server *s, struct lws *wsi, struct pss *pss);
int ws_receive(struct lws *wsi, struct pss *pss, const char *bytes, size_t len);
int ws_writable(struct lws *wsi, struct pss *pss);
int ws_timer(struct pss *pss);
void ws_closed(struct pss *pss);
/* Workers have put something into outboxes. */
void ws_woken(struct ac_server *s);
/* Says goodbye to all (1001). */
void ws_goodbye(struct ac_server *s);

/* Makes the loop look at outboxes and finished jobs. Any thread. */
void server_wake(struct ac_server *s);

#endif
