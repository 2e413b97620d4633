/*
 * Inside of the server, shared by server.c (life, listening, dispatch), http.c (requests and answers), api.c
 * (REST), api_conversations.c (the part of it about conversations), api_jobs.c (jobs) and ws.c (WebSockets).
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

#include <jansson.h>
#include <libwebsockets.h>
#include <stdatomic.h>

enum { CHUNK_BYTES = 64 << 10, MAX_JOBS = 64, MAX_BODY_BYTES = 4096, JOB_REASON_BYTES = 256 };

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
    struct ac_strand *lists, *pictures, *conversations;
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
    int method; /* LWSHUMETH_… */
    struct job *job;     /* somebody works on the answer */
    struct job *draft;   /* a job that waits for the request's body */
    struct ac_str given; /* the body so far */
    const char *body;    /* what is left to send */
    size_t left;
    char *owned; /* freed with the request; body may point into it */
};

/* What takes time: worked on by a strand, answered by the loop. */
struct job {
    struct job *next; /* loop */
    atomic_bool finished;
    struct ac_server *server;
    struct lws *wsi; /* loop: valid while pss is set */
    struct pss *pss; /* loop: NULL when nobody waits any more */
    void (*work)(struct job *job);
    /* inputs */
    char avatar[65], lang[16];
    int size;
    char client[AC_CLIENT_ID_MAX + 1], conversation[AC_CONVERSATION_ID_MAX + 1];
    char *title;
    bool markdown;
    /* results */
    int err;
    char reason[JOB_REASON_BYTES];
    char *text;                /* the answer, or NULL */
    const char *type;          /* of text; NULL = JSON */
    char *file_name;           /* value of Content-Disposition; NULL = none */
    bool nothing;              /* 204 */
    struct ac_content content; /* a picture: bytes are the idle cache's */
    bool idle;
};

/* ---- http.c ---- */

/* Callbacks of the library; the result is the callback's (non-zero closes). */
int http_request(struct ac_server *s, struct lws *wsi, struct pss *pss, const char *path);
int http_body(struct lws *wsi, struct pss *pss, const char *bytes, size_t len);
int http_body_complete(struct ac_server *s, struct lws *wsi, struct pss *pss);
int http_writable(struct lws *wsi, struct pss *pss);
void http_closed(struct pss *pss);
/* Answers. owned (may be NULL) is malloc'ed and freed after sending. */
int http_send_content(struct lws *wsi, struct pss *pss, const struct ac_content *c, const char *extra_name,
                      const char *extra_value, char *owned);
int http_send_text(struct lws *wsi, struct pss *pss, const char *type, char *owned_text);
/* The same as a file to save; disposition is the header's value. */
int http_send_file(struct lws *wsi, struct pss *pss, const char *type, const char *disposition,
                   char *owned_text);
/* 204 */
int http_send_nothing(struct lws *wsi, struct pss *pss);
int http_send_problem(struct lws *wsi, struct pss *pss, int status, const char *allow, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Refuses a WebSocket upgrade: 0 go on, else the result for the library. */
int http_check_upgrade(struct ac_server *s, struct lws *wsi);

/* ---- api.c ---- */

/* Answers a path below /api/ now or by a job. */
int api_request(struct ac_server *s, struct lws *wsi, struct pss *pss);
/* What the path takes ("GET, HEAD"); NULL where there is no such path. */
const char *api_methods(const char *path);

/* ---- api_conversations.c ---- */

/* As api_methods, of what lies at and below /api/conversations. */
const char *api_conversation_methods(const char *path);
int api_conversation_request(struct ac_server *s, struct lws *wsi, struct pss *pss);
/* The body of a request with a draft is there (pss->req->given). */
int api_conversation_body(struct ac_server *s, struct lws *wsi, struct pss *pss);

/* ---- api_jobs.c ---- */

/* Has the job worked on and answered; takes it over. */
int api_post_job(struct ac_server *s, struct lws *wsi, struct pss *pss, struct ac_strand *strand,
                 struct job *job);
void api_free_job(struct job *job); /* one that was not posted; NULL is fine */
/* The list (taken over) as the job's answer. */
void api_job_json(struct job *job, json_t *value, size_t flags);
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
