/*
 * The caller's side of a request (http.h): it sets the transfer up, has the loop's thread run it, and takes
 * what arrives. The two meet in `arrived`: the loop's thread adds to it and pauses the transfer when there is
 * a lot, the caller takes all of it at once and has the transfer resumed. All limits but that of connecting
 * are watched by the caller, which looks at its cancel token anyway.
 */
#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "net/http_private.h"

enum {
    LOOK_US = 10000,
    MAX_REDIRECTS = 5,
    MAX_ARRIVED = 256 << 10,
    MAX_CERTIFICATES = 8 << 20,
    TCP_IDLE_S = 30,
};

/* ---- on the loop's thread ---- */

static void begin_body(struct ac_http_call *c)
{
    curl_off_t length = -1;

    c->first_us = ac_now_us();
    curl_easy_getinfo(c->job.easy, CURLINFO_RESPONSE_CODE, &c->status);
    curl_easy_getinfo(c->job.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    c->handed = c->request->take && (c->status == 200 || c->status == 206);
    c->total = length >= 0 && c->status == 206 ? length + c->request->resume_from : length;
}

static size_t on_body(char *data, size_t one, size_t n, void *arg)
{
    struct ac_http_call *c = arg;

    n *= one;
    pthread_mutex_lock(&c->lock);
    if (!c->first_us)
        begin_body(c);
    if (c->handed && c->arrived.len >= MAX_ARRIVED)
        c->paused = true;
    else if (!c->handed && c->arrived.len + n > c->request->max_bytes)
        c->too_large = true;
    else
        ac_str_add_n(&c->arrived, data, n);
    size_t taken = c->paused ? CURL_WRITEFUNC_PAUSE : c->too_large ? CURL_WRITEFUNC_ERROR : n;
    if (c->handed)
        pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return taken;
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct ac_http_call *c = arg;

    (void)down_all, (void)up_all;
    if (down + up != c->moved) {
        c->moved = down + up;
        atomic_store_explicit(&c->heard_us, ac_now_us(), memory_order_relaxed);
    }
    return 0;
}

/* Connected and about to send: the last moment to keep headers from a server they are not meant for. */
static int on_connected(void *arg, char *to_address, char *from_address, int to_port, int from_port)
{
    struct ac_http_call *c = arg;
    char *url = NULL;
    long redirects = 0;

    (void)to_address, (void)from_address, (void)to_port, (void)from_port;
    curl_easy_getinfo(c->job.easy, CURLINFO_REDIRECT_COUNT, &redirects);
    if (redirects == 0)
        return CURL_PREREQFUNC_OK;
    curl_easy_getinfo(c->job.easy, CURLINFO_EFFECTIVE_URL, &url);
    c->strayed = !url || !ac_http_same_server(c->request->url, url);
    return c->strayed ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void finished(struct ac_http_job *job, CURLcode code)
{
    struct ac_http_call *c = (struct ac_http_call *)job;

    pthread_mutex_lock(&c->lock);
    c->code = code;
    c->done = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

/* ---- setting up ---- */

static curl_mime *make_form(CURL *easy, const struct ac_http_request *r)
{
    curl_mime *form = curl_mime_init(easy);

    for (size_t i = 0; form && i < r->n_parts; i++) {
        curl_mimepart *part = curl_mime_addpart(form);
        curl_mime_name(part, r->parts[i].name);
        curl_mime_data(part, r->parts[i].data, r->parts[i].len);
        if (r->parts[i].file_name)
            curl_mime_filename(part, r->parts[i].file_name);
        if (r->parts[i].type)
            curl_mime_type(part, r->parts[i].type);
    }
    return form;
}

/* What is sent: method, headers, body. */
static void set_content(struct ac_http_call *c)
{
    const struct ac_http_request *r = c->request;
    CURL *e = c->job.easy;
    bool sends = r->n_parts || r->body || (r->method && strcmp(r->method, "POST") == 0);
    char range[32];

    for (const char *const *h = r->headers; h && *h; h++)
        c->headers = curl_slist_append(c->headers, *h);
    if (r->n_parts) {
        c->form = make_form(e, r);
        curl_easy_setopt(e, CURLOPT_MIMEPOST, c->form);
    } else if (sends) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(r->body ? r->body_len : 0));
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body ? r->body : "");
    }
    if (sends) {
        c->headers = curl_slist_append(c->headers, "Expect:"); /* no waiting for "100 Continue" */
        curl_easy_setopt(e, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_301 | CURL_REDIR_POST_302);
    }
    if (r->method && strcmp(r->method, "HEAD") == 0)
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    else if (r->method && strcmp(r->method, sends ? "POST" : "GET") != 0)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
    if (r->resume_from > 0) { /* as a range: libcurl's own resuming fails where the server sends all again */
        snprintf(range, sizeof range, "%lld-", (long long)r->resume_from);
        curl_easy_setopt(e, CURLOPT_RANGE, range);
    }
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers);
}

/* Where to: redirects, proxy, connection. */
static void set_route(struct ac_http_call *c)
{
    const struct ac_http_request *r = c->request;
    CURL *e = c->job.easy;

    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, r->no_redirect ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    if (r->headers && *r->headers) {
        curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected);
        curl_easy_setopt(e, CURLOPT_PREREQDATA, c);
    }
    if (r->proxy && *r->proxy)
        curl_easy_setopt(e, CURLOPT_PROXY, r->proxy);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(r->connect_ms ? r->connect_ms : AC_HTTP_CONNECT_MS));
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, (long)TCP_IDLE_S);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, (long)TCP_IDLE_S);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* An unfinished look-up of a name ends on its own: waiting for it would hold up all transfers. */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "avatar-chat/" AC_VERSION);
}

static void set_callbacks(struct ac_http_call *c)
{
    CURL *e = c->job.easy;

    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    if (c->request->stall_ms) {
        curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(e, CURLOPT_XFERINFODATA, c);
        curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    }
}

/* The certificates of ca_file and of the system, as one; where the system has them in one file only. */
static void add_system(struct ac_http_call *c, const char *system)
{
    struct curl_blob blob = {.flags = CURL_BLOB_NOCOPY};
    char *data;
    size_t len;

    if (system && ac_read_file(system, MAX_CERTIFICATES, &data, &len) == 0) {
        ac_str_add(&c->trusted, "\n");
        ac_str_add_n(&c->trusted, data, len);
        free(data);
    }
    blob.data = c->trusted.p;
    blob.len = c->trusted.len;
    curl_easy_setopt(c->job.easy, CURLOPT_CAINFO_BLOB, &blob);
}

/*
 * Reading all of the system's certificates takes tens of milliseconds of the loop's thread. libcurl does it
 * once a day as long as it is asked for nothing else; beside a ca_file they are looked up in their folder.
 */
static int set_trust(struct ac_http_call *c)
{
    const char *file = c->request->ca_file;
    const curl_version_info_data *known = curl_version_info(CURLVERSION_NOW);
    char *data;
    size_t len;

    if (!file || !*file) {
        if (known->cainfo && access(known->cainfo, R_OK) == 0)
            curl_easy_setopt(c->job.easy, CURLOPT_CAPATH, NULL);
        return 0;
    }
    int err = ac_read_file(file, MAX_CERTIFICATES, &data, &len);
    if (err)
        return ac_http_fail(c, AC_EINVAL, "ca_file '%.150s' cannot be read: %s", file, ac_err_text(err));
    ac_str_add_n(&c->trusted, data, len);
    free(data);
    if (!strstr(c->trusted.p, "-----BEGIN"))
        return ac_http_fail(c, AC_EINVAL, "no certificate in ca_file '%.150s': it must be a PEM file", file);
    if (known->capath && access(known->capath, R_OK | X_OK) == 0)
        curl_easy_setopt(c->job.easy, CURLOPT_CAINFO, file);
    else
        add_system(c, known->cainfo);
    return 0;
}

static int set_up(struct ac_http_call *c)
{
    const struct ac_http_request *r = c->request;
    int err = ac_http_loop_start();

    if (err)
        return ac_http_fail(c, err, err == AC_ECLOSED ? "the program ends" : "no thread can be started");
    if (r->proxy && *r->proxy && !ac_http_proxy_valid(r->proxy))
        return ac_http_fail(c, AC_EINVAL,
                            "the proxy's address is none: it is as http://host:port, or socks5h://");
    c->job.easy = curl_easy_init();
    if (!c->job.easy)
        return AC_ENOMEM;
    set_route(c);
    set_content(c);
    set_callbacks(c);
    return set_trust(c);
}

/* ---- waiting ---- */

/* Which limit was passed; with the lock held. */
static int over_time(struct ac_http_call *c, int64_t now_us)
{
    const struct ac_http_request *r = c->request;
    bool first_rules = r->first_ms && !c->first_us;

    if (r->total_ms && now_us - c->begun_us > (int64_t)r->total_ms * 1000)
        return ac_http_fail(c, AC_ETIMEDOUT,
                            c->first_us ? "the answer was not complete within %d ms"
                                        : "no answer came in time, within %d ms",
                            r->total_ms);
    if (first_rules && now_us - c->begun_us > (int64_t)r->first_ms * 1000)
        return ac_http_fail(c, AC_ETIMEDOUT, "no answer began within %d ms", r->first_ms);
    if (r->stall_ms && !first_rules && !c->paused &&
        now_us - atomic_load_explicit(&c->heard_us, memory_order_relaxed) > (int64_t)r->stall_ms * 1000)
        return ac_http_fail(c, AC_ETIMEDOUT, "nothing came any more for %d ms", r->stall_ms);
    return 0;
}

static void wait_a_little(struct ac_http_call *c)
{
    int64_t until_us = ac_now_us() + LOOK_US;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};

    pthread_cond_timedwait(&c->changed, &c->lock, &until);
    if (!c->request->idle || c->arrived.len)
        return;
    pthread_mutex_unlock(&c->lock);
    c->request->idle(c->request->arg);
    pthread_mutex_lock(&c->lock);
}

/* Hands over what arrived; the lock is free meanwhile. block: an empty buffer to exchange. */
static int hand_over(struct ac_http_call *c, struct ac_str *block)
{
    struct ac_str full = c->arrived;
    bool paused = c->paused;

    c->arrived = *block;
    c->paused = false;
    pthread_mutex_unlock(&c->lock);
    if (paused)
        ac_http_loop_ask(&c->job, AC_HTTP_JOB_RESUME);
    c->answer->taken = true;
    int err = c->request->take(c->request->arg, c->status, c->total, full.p, full.len);
    ac_str_clear(&full);
    *block = full;
    atomic_store_explicit(&c->heard_us, ac_now_us(), memory_order_relaxed); /* it was us who were slow */
    pthread_mutex_lock(&c->lock);
    return err;
}

/* Runs the transfer; when it returns the loop's thread has let go of it. */
static int run(struct ac_http_call *c, struct ac_cancel *cancel)
{
    struct ac_str block = {0};
    int err = ac_cancel_reason(cancel);

    if (err)
        return ac_http_fail(c, err, "%s", ac_err_text(err));
    c->begun_us = ac_now_us();
    atomic_store_explicit(&c->heard_us, c->begun_us, memory_order_relaxed);
    ac_http_loop_ask(&c->job, AC_HTTP_JOB_ADD);
    pthread_mutex_lock(&c->lock);
    for (;;) {
        if ((err = ac_cancel_reason(cancel))) {
            ac_http_fail(c, err, "%s", ac_err_text(err));
            break;
        }
        if (!c->done && (err = over_time(c, ac_now_us())))
            break;
        if (c->handed && c->arrived.len) {
            if ((err = hand_over(c, &block)))
                break;
            continue;
        }
        if (c->done)
            break;
        wait_a_little(c);
    }
    if (!c->done) {
        pthread_mutex_unlock(&c->lock);
        ac_http_loop_ask(&c->job, AC_HTTP_JOB_ABORT);
        pthread_mutex_lock(&c->lock);
        while (!c->done)
            pthread_cond_wait(&c->changed, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    ac_str_free(&block);
    return err;
}

static void note_answer(struct ac_http_call *c)
{
    struct ac_http_answer *a = c->answer;
    const char *type = NULL, *location = NULL;
    curl_off_t after = 0;

    curl_easy_getinfo(c->job.easy, CURLINFO_RESPONSE_CODE, &a->status);
    curl_easy_getinfo(c->job.easy, CURLINFO_CONTENT_TYPE, &type);
    snprintf(a->type, sizeof a->type, "%s", type ? type : "");
    curl_easy_getinfo(c->job.easy, CURLINFO_RETRY_AFTER, &after);
    a->retry_after_s = after > 0 && after < 3600 ? (int)after : -1;
    curl_easy_getinfo(c->job.easy, CURLINFO_REDIRECT_URL, &location);
    if (location && strlen(location) < sizeof a->location)
        strcpy(a->location, location);
    a->first_byte_us = c->first_us;
    if (!c->handed) {
        a->body = c->arrived;
        c->arrived = (struct ac_str){0};
    }
}

int ac_http_run(const struct ac_http_request *request, struct ac_http_answer *answer,
                struct ac_cancel *cancel)
{
    struct ac_http_call c = {.request = request, .answer = answer, .job.finished = finished, .total = -1};
    pthread_condattr_t attr;

    *answer = (struct ac_http_answer){.retry_after_s = -1};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c.changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&c.lock, NULL);
    int err = set_up(&c);
    if (!err) {
        err = run(&c, cancel);
        note_answer(&c);
        if (!err)
            err = ac_http_judge(&c);
    }
    if (err && !answer->reason[0])
        ac_http_fail(&c, err, "%s", ac_err_text(err));
    curl_easy_cleanup(c.job.easy);
    curl_mime_free(c.form);
    curl_slist_free_all(c.headers);
    ac_str_free(&c.trusted);
    ac_str_free(&c.arrived);
    pthread_cond_destroy(&c.changed);
    pthread_mutex_destroy(&c.lock);
    return err;
}

void ac_http_answer_free(struct ac_http_answer *a)
{
    ac_str_free(&a->body);
}
