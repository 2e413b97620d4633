/*
 * Inside of the server, shared by server.c (life, listening, dispatch), http.c (requests), answer.c
 * (answers), routes.c (which path is whose), guard.c (who may), tls.c, api*.c (REST, and the jobs it runs)
 * and ws.c (WebSockets).
 *
 * Everything here belongs to the loop thread but for what is marked `lock` or atomic, the outbox of a
 * connection, and a job's inputs and results, which are the worker's from its post until it is marked
 * finished.
 */
#ifndef AC_SERVER_PRIVATE_H
#define AC_SERVER_PRIVATE_H

#include "base/log.h"
#include "base/str.h"
#include "core/hub.h"
#include "core/idle.h"
#include "core/studio.h"
#include "server/access.h"
#include "server/assets.h"
#include "server/outbox.h"
#include "server/rules.h"
#include "server/server.h"
#include "server/visitors.h"

#include <jansson.h>
#include <libwebsockets.h>
#include <stdatomic.h>

enum { CHUNK_BYTES = 64 << 10, MAX_JOBS = 64, MAX_BODY_BYTES = 4096, JOB_REASON_BYTES = 256 };
enum { MAX_CONFIG_BODY_BYTES = 65536, LOOP_PROBE_US = 250000 };

/* Names of this product's own WebSocket close codes. */
enum { WS_CLOSE_REPLACED = 4001 };

struct conn;
struct job;
struct upload;
struct tls_files;

/* What guard.c and the headers of every answer need. Built at the start. */
struct guard {
    struct ac_token_set *tokens; /* loop: replaced by a reload */
    struct ac_prefixes *proxies;
    struct ac_visitors *visitors;
    char csp[1024];
    const char *x_frame_options; /* "" = none */
    bool told_proxy;             /* that one is not trusted */
};

struct ac_server {
    struct ac_hub *hub;
    struct ac_metrics *metrics;         /* the hub's */
    const struct ac_server_config *cfg; /* as of the start; server_config() is the present one */
    struct guard guard;
    struct ssl_ctx_st *ssl;            /* the library's; NULL: no TLS */
    struct tls_files *tls;             /* until ssl has them */
    struct lws_sorted_usec_list probe; /* the loop's own delay */
    int64_t probe_due_us;
    _Atomic int64_t alive_us; /* when the loop last came round */
    atomic_bool reload;
    struct ac_server_tuning tuning;
    struct ac_assets *assets; /* NULL: there is no page */
    struct ac_content no_page, description;
    size_t max_descriptors;
    struct ac_idle *idle;
    struct ac_studio *studio;
    struct ac_strand *lists, *pictures, *conversations, *admin, *writing;
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
    struct upload *uploads;
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

/* Who asks. */
struct who {
    unsigned char peer[AC_ADDRESS_BYTES]; /* the client, not a trusted proxy */
    char address[AC_ADDRESS_TEXT];        /* the same */
    bool limited;                         /* the limits of one address count */
    bool proxied;                         /* it came by way of a trusted proxy */
    bool local;                           /* from this machine, by its own name, by way of no proxy */
    bool secure;                          /* over TLS, as far as the browser is concerned */
};

/* Why not; status 0: nothing is against it. */
struct refusal {
    int status;
    const char *detail;
};

/* The same of an upload. */
struct upload_refusal {
    int status;
    const char *code; /* for programs */
    const char *detail;
};

enum access {
    ACCESS_OPEN = 1, /* everybody */
    ACCESS_CLIENT,   /* who has a client token, where there are any */
    ACCESS_ADMIN,    /* who has the admin token; without one this machine */
    ACCESS_AVATARS,  /* the admin, or clients, as server.avatar_uploads says */
    ACCESS_OWNER,    /* the admin, or who names the client that the thing belongs to: the handler looks */
    ACCESS_METRICS,  /* the admin, this machine, or everybody where server.metrics_open is set */
};

struct route {
    const char *method;  /* GET is HEAD too */
    const char *pattern; /* "/api/sessions/{id}": {…} is 1 to 64 of A-Z a-z 0-9 _ - */
    enum access access;
    int (*handle)(struct ac_server *s, struct lws *wsi, struct pss *pss);
    /* The body of a request with a draft is there (pss->req->given). */
    int (*body)(struct ac_server *s, struct lws *wsi, struct pss *pss);
};

/* One HTTP request being answered. */
struct request {
    struct ac_server *server;
    const struct route *route; /* NULL: a file of the page, or nothing */
    struct who who;
    bool head;
    bool close; /* the connection ends with the answer */
    bool admin; /* it has the administrator's rights */
    bool hsts;  /* the browser is to use TLS from now on */
    char path[512];
    char id[65];      /* what {…} of the pattern is */
    char origin[256]; /* one of server.allowed_origins, "" = none */
    char if_none_match[512], range[128], if_range[64], accept_encoding[256];
    int method; /* LWSHUMETH_… */
    int64_t start_us;
    struct job *job;       /* somebody works on the answer */
    struct upload *upload; /* the body is an upload's */
    struct job *draft;     /* a job that waits for the request's body */
    size_t max_body;
    struct ac_str given; /* the body so far */
    json_t *extra;       /* further members of a problem */
    const char *body;    /* what is left to send */
    size_t left;
    char *owned; /* freed with the request; body may point into it, or into media */
    struct ac_idle_media *media;
};

/* What takes time: worked on by a strand, answered by the loop. */
struct job {
    struct job *next; /* loop */
    atomic_bool finished;
    struct ac_server *server;
    struct lws *wsi; /* loop: valid while pss is set */
    struct pss *pss; /* loop: NULL when nobody waits any more */
    void (*work)(struct job *job);
    void (*apply)(struct job *job); /* loop, when the work is done; NULL = nothing is to be done */
    /* inputs */
    char avatar[65], lang[16];
    int size;
    char client[AC_CLIENT_ID_MAX + 1], conversation[AC_CONVERSATION_ID_MAX + 1];
    char session[65];
    char *title;
    bool markdown, admin;
    bool may_make; /* who asks may upload avatars */
    struct upload *upload;
    json_t *given; /* the body */
    uint64_t since;
    enum ac_log_level level;
    size_t limit;
    /* results */
    int err;
    int status; /* of the answer; 0 = 200, or as err says */
    char reason[JOB_REASON_BYTES];
    json_t *extra;               /* further members of the problem */
    char *text;                  /* the answer, or NULL */
    const char *type;            /* of text; NULL = JSON */
    char *file_name;             /* value of Content-Disposition; NULL = none */
    bool nothing;                /* 204 */
    struct ac_content content;   /* a picture */
    struct ac_idle_media *media; /* that content's bytes are of, or NULL … */
    char *bytes;                 /* … or these */
    bool idle;
    struct ac_token_set *tokens;
    struct tls_files *tls;
};

/* ---- http.c ---- */

/* Callbacks of the library; the result is the callback's (non-zero closes). */
int http_request(struct ac_server *s, struct lws *wsi, struct pss *pss, const char *path);
int http_body(struct lws *wsi, struct pss *pss, const char *bytes, size_t len);
int http_body_complete(struct ac_server *s, struct lws *wsi, struct pss *pss);
/* A body of at most max bytes comes: the route's `body` is called when it is there. Takes the job over. */
int http_await_body(struct lws *wsi, struct pss *pss, struct job *job, size_t max);
/* Refuses a WebSocket upgrade: 0 go on, else the result for the library. */
int http_check_upgrade(struct ac_server *s, struct lws *wsi);
/* Copies a header; "" where it is absent or longer than any that could matter. */
void http_copy_header(struct lws *wsi, char *buf, int size, enum lws_token_indexes token);

/* ---- answer.c ---- */

int http_writable(struct lws *wsi, struct pss *pss);
void http_closed(struct pss *pss);
/* Answers. owned (may be NULL) is malloc'ed and freed after sending. */
int http_send_content(struct lws *wsi, struct pss *pss, const struct ac_content *c, const char *extra_name,
                      const char *extra_value, char *owned);
int http_send_text(struct lws *wsi, struct pss *pss, int status, const char *type, char *owned_text);
/* The same as a file to save; disposition is the header's value. */
int http_send_file(struct lws *wsi, struct pss *pss, const char *type, const char *disposition,
                   char *owned_text);
/* 204 */
int http_send_nothing(struct lws *wsi, struct pss *pss);
/* 204 to a page of an allowed origin that asks what it may send. */
int http_send_preflight(struct lws *wsi, struct pss *pss, const char *methods);
/* allow: the header of that name, or NULL. */
const char *http_status_title(int status);
int http_send_problem(struct lws *wsi, struct pss *pss, int status, const char *allow, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* ---- routes.c ---- */

/* All of them; an answer depends on nothing but the row. */
const struct route *server_routes(size_t *n);
/* The row of a path and a method (LWSHUMETH_…); id gets what {…} is. NULL: none of this method. */
const struct route *route_find(const char *path, int method, char id[65]);
/* The methods that a path takes ("GET, HEAD, DELETE"); false where there is no such path. */
bool route_methods(const char *path, char methods[64]);

/* ---- guard.c ---- */

/* Reads tokens, proxies, rules. On failure reason (256 bytes) says which option is wrong. */
int guard_open(struct ac_server *s, char *reason);
void guard_close(struct ac_server *s);
/* A connection was accepted (its descriptor): its visitor, NULL where it is not counted; *drop: too many. */
struct ac_visitor *guard_accept(struct ac_server *s, int fd, bool *drop);
void guard_identify(struct ac_server *s, struct lws *wsi, struct who *who);
/* Whether one more request of this address is within the limits. */
struct refusal guard_visit(struct ac_server *s, struct lws *wsi, const struct who *who);
/* One more WebSocket of a client behind a proxy: its visitor, NULL where it is not counted. */
struct ac_visitor *guard_proxied(struct ac_server *s, const struct who *who, struct refusal *no);
/* Whether a page of another site stands behind it. */
struct refusal guard_origin(struct ac_server *s, struct lws *wsi);
/* admin: set where the administrator asks. */
struct refusal guard_access(struct ac_server *s, struct lws *wsi, const struct who *who, enum access access,
                            bool *admin);

/* ---- tls.c ---- */

/* Reads certificate and key as configured; *tls NULL: none are. Any thread. reason: 256 bytes. */
int tls_load(const struct ac_server_config *cfg, struct tls_files **tls, char *reason);
void tls_free(struct tls_files *tls);
/* New connections are served with these from now on. */
int tls_use(struct ssl_ctx_st *ssl, const struct tls_files *tls, char *reason);

/* ---- api.c and its parts: handlers of routes ---- */

int api_get_status(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_voices(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_topics(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_poster(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_idle(struct ac_server *s, struct lws *wsi, struct pss *pss);
void api_read_status(struct job *job);
/* api_avatars.c */
int api_get_avatars(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_post_avatar(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_making(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_delete_making(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_preview(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_delete_avatar(struct ac_server *s, struct lws *wsi, struct pss *pss);
/* What a job of the studio is at, as the answer; job->session is its name. */
void api_look_making(struct job *job);
/* Whether who asks may upload avatars, and how large. */
json_t *api_uploads_json(const struct job *job);
/* api_conversations.c */
int api_conversations(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_export_conversation(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_rename_body(struct ac_server *s, struct lws *wsi, struct pss *pss);
/* api_sessions.c */
int api_post_session(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_post_session_body(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_sessions(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_session(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_session_history(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_delete_session(struct ac_server *s, struct lws *wsi, struct pss *pss);
/* api_admin.c */
int api_get_config(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_put_config(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_put_config_body(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_logs(struct ac_server *s, struct lws *wsi, struct pss *pss);
/* api_monitor.c */
int api_get_monitor(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_metrics(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_health(struct ac_server *s, struct lws *wsi, struct pss *pss);
int api_get_ready(struct ac_server *s, struct lws *wsi, struct pss *pss);
json_t *api_memory_json(const struct ac_hub_status *st);
/* The value of a query argument ("lang="), copied; "" where it is absent. */
void api_query(struct lws *wsi, const char *name, char *buf, int size);

/* ---- api_jobs.c ---- */

/* Has the job worked on and answered; takes it over. */
int api_post_job(struct ac_server *s, struct lws *wsi, struct pss *pss, struct ac_strand *strand,
                 struct job *job);
/* A new job with the work, of this request. */
struct job *api_new_job(struct pss *pss, void (*work)(struct job *job));
void api_free_job(struct job *job); /* one that was not posted; NULL is fine */
/* The body of the request as a JSON object: the caller's; else NULL and it was answered with *result. */
json_t *api_body_object(struct lws *wsi, struct pss *pss, int *result);
/* The value (taken over) as the job's answer. */
void api_job_json(struct job *job, json_t *value, size_t flags);
/* Sends the answers of finished jobs. */
void api_finish_jobs(struct ac_server *s);
/* The request is gone, the job goes on for nobody. */
void api_forget(struct job *job);
/* Frees all jobs; no worker runs any more. */
void api_drop_jobs(struct ac_server *s);
/* Tokens and certificate are read again. */
void api_reload(struct ac_server *s);

/* ---- uploads.c ---- */

/* The body of the request is a file for the studio; no: what is wrong with the request, told at its end. */
int upload_begin(struct ac_server *s, struct lws *wsi, struct pss *pss, const struct ac_studio_wish *wish,
                 const struct upload_refusal *no);
int upload_body(struct upload *u, const char *bytes, size_t len);
int upload_complete(struct ac_server *s, struct lws *wsi, struct pss *pss);
int upload_refuse(struct lws *wsi, struct pss *pss, const struct upload_refusal *no);
/* The request is gone. */
void upload_ended(struct upload *u);
/* The strand has written something. */
void uploads_woken(struct ac_server *s);
/* Frees all; no worker runs any more, no connection is left. */
void uploads_drop(struct ac_server *s);

/* ---- ws.c ---- */

int ws_open(struct ac_server *s, struct lws *wsi, struct pss *pss);
int ws_receive(struct lws *wsi, struct pss *pss, const char *bytes, size_t len);
int ws_writable(struct lws *wsi, struct pss *pss);
int ws_timer(struct pss *pss);
void ws_closed(struct pss *pss);
/* The client closes; payload: of its close frame. */
void ws_goodbye_of_peer(struct pss *pss, const unsigned char *payload, size_t len);
/* Workers have put something into outboxes. */
void ws_woken(struct ac_server *s);
/* Says goodbye to all (1001). */
void ws_goodbye(struct ac_server *s);

/* ---- server.c ---- */

/* Makes the loop look at outboxes and finished jobs. Any thread. */
void server_wake(struct ac_server *s);
/* The section `server` of the running configuration; it lives as long as the hub. */
const struct ac_server_config *server_config(const struct ac_server *s);

#endif
