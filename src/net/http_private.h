/* One call of ac_http_run, shared by the files of the HTTP client. Private to src/net/. */
#ifndef AC_NET_HTTP_PRIVATE_H
#define AC_NET_HTTP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/http.h"
#include "net/http_loop.h"

enum { AC_HTTP_CONNECT_MS = 10000 };

struct ac_http_call {
    struct ac_http_job job; /* the first: finished gets a pointer to it */
    const struct ac_http_request *request;
    struct ac_http_answer *answer; /* the caller's thread's */
    struct curl_slist *headers;
    curl_mime *form;
    struct ac_str trusted; /* certificates, where there is a ca_file */
    char error[CURL_ERROR_SIZE];
    int64_t begun_us;
    _Atomic int64_t heard_us; /* when the last byte came or went */
    curl_off_t moved;         /* the loop's */
    bool strayed;             /* the loop's until done: a redirect to where the headers must not go */

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    struct ac_str arrived; /* not yet looked at by the caller */
    long status;
    int64_t total, first_us;
    bool handed; /* it goes to take */
    bool paused, too_large, done;
    CURLcode code;
};

/* Notes why there is no answer and gives err back. */
int ac_http_fail(struct ac_http_call *c, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The result of a transfer that is done: an error code and its reason. */
int ac_http_judge(struct ac_http_call *c);
/* "host" or "host:port" of an address, for a message: nothing in it is secret. Gives out back. */
char *ac_http_host(const char *url, char *out, size_t size);
/* Whether headers meant for one address may go to the other: the same server, no less safe. */
bool ac_http_same_server(const char *from, const char *to);
bool ac_http_proxy_valid(const char *proxy);

#endif
