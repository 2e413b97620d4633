/*
 * HTTP client for threads that may wait: one request, its answer whole in memory or handed on piece by piece.
 *
 * All transfers of the process run on one thread (libcurl's multi interface) over one pool of connections
 * that are kept open between requests: 100 in all, 20 kept, HTTP/2 where offered. A call waits for its own
 * transfer; what arrives is handed to the caller's thread, so `take` may wait or compute without holding
 * others up; where it is slow the server is made to wait. TLS is checked, redirects are followed (to http and
 * https only) unless refused, but never to another server with headers that were meant for the first. Proxies
 * are taken from the environment (http_proxy, https_proxy, no_proxy) unless one is named.
 *
 * Threads: any. Ends within 20 ms of the cancel token. Headers, and passwords in addresses, are in no
 * message.
 */
#ifndef AC_NET_HTTP_H
#define AC_NET_HTTP_H

#include "avatarchat/handler.h"
#include "base/str.h"

/* A field of a form, or a file where file_name is set. Borrowed. */
struct ac_http_part {
    const char *name;
    const char *data;
    size_t len;
    const char *file_name, *type;
};

struct ac_http_request {
    const char *url;
    const char *const *headers; /* NULL-terminated "Name: value"; NULL = none */
    const char *method;         /* NULL: POST where there is something to send, else GET */
    const char *body;           /* sent as it is; its Content-Type is one of the headers */
    size_t body_len;
    const struct ac_http_part *parts;
    size_t n_parts;   /* > 0: POST multipart/form-data, instead of body */
    int connect_ms;   /* longest time to get a connection; 0 = 10 s */
    int first_ms;     /* longest time from the beginning to the first byte of the answer's body; 0 = none */
    int total_ms;     /* longest time for all of it; 0 = none */
    int stall_ms;     /* longest time without a byte, where first_ms is set from the first one on; 0 = none */
    size_t max_bytes; /* of an answer in memory, and of an error's text */
    int64_t resume_from; /* > 0: only the bytes from here on */
    bool no_redirect;    /* a redirect is an answer like any other; `location` says where to */
    const char *proxy;   /* NULL or "": that of the environment */
    const char *ca_file; /* further certificates to trust (PEM); NULL or "": the system's alone */

    /*
     * Takes the next bytes of a successful answer (200, 206) instead of `body`; non-zero ends the request
     * with it. status and total (bytes of the whole file, -1 = not known) are those of the answer. Called on
     * the thread of ac_http_run.
     */
    int (*take)(void *arg, long status, int64_t total, const char *data, size_t n);
    /* Called about every 10 ms while nothing comes, on the same thread. NULL = none. */
    void (*idle)(void *arg);
    void *arg; /* of both */
};

struct ac_http_answer {
    long status; /* 0: there was none */
    char type[64];
    int retry_after_s;  /* -1 = not said */
    char location[256]; /* where a redirect that was not followed leads, absolute; "" = not said, too long */
    struct ac_str body;
    bool taken;            /* take was given something */
    bool cut;              /* it broke off in the middle */
    bool untrusted;        /* the server's certificate was refused: repeating does not help */
    int64_t first_byte_us; /* monotonic; when the body's first byte came, 0 = never */
    char reason[256];      /* why there is no answer, one sentence */
};

/*
 * Sends the request and waits for the answer, of any status. AC_ECANCELED, AC_ETIMEDOUT, AC_EINVAL (the
 * address, proxy or ca_file), AC_EIO (no connection, or it broke), AC_ELIMIT, AC_ECLOSED (the process ends),
 * or what take gave. The answer is to be freed with ac_http_answer_free in any case.
 */
int ac_http_run(const struct ac_http_request *request, struct ac_http_answer *answer,
                struct ac_cancel *cancel);
void ac_http_answer_free(struct ac_http_answer *a);
/*
 * Milliseconds to wait before attempt n (from 1) is repeated: what the server asked for, else 0.25 s doubled
 * each time, at most 8 s, half of it at random so that many clients do not come back at once.
 */
int ac_http_backoff_ms(int attempt, int retry_after_s);
/* Waits that long; 0, or the reason of the cancel token within 20 ms of it. */
int ac_http_wait(int ms, struct ac_cancel *cancel);
/* Whether the same request may succeed when repeated: 408, 429, 500, 502, 503, 504, or none at all. */
bool ac_http_retryable(int err, const struct ac_http_answer *a);
/* The first line of an answer's text, cut short, for an error message: never more than max bytes. */
void ac_http_excerpt(const struct ac_http_answer *a, char *out, size_t max);

/*
 * The API key that a service's engine is configured with, malloc'ed, NULL without one: from the file, else
 * from the variable of the environment. option names the setting in messages ("llm.openai"). AC_ECONFIG with
 * ac_env_fail for a file that cannot be read or characters that no key has.
 */
int ac_http_find_key(const char *option, const char *key_file, const char *key_env, struct ac_env *env,
                     char **key);

#endif
