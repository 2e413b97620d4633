/* libcurl's multi interface with one transfer, so that the wait can look at the cancel token (http.h). */
#include "net/http.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"

#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 20, CONNECT_MS = 10000, MAX_REDIRECTS = 5, FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 8000 };

struct transfer {
    const struct ac_http_request *request;
    struct ac_http_answer *answer;
    CURL *easy;
    int err;          /* why the body was refused */
    int64_t heard_us; /* when the last byte came or went */
    curl_off_t moved;
};

static void setup(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_body(char *data, size_t one, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct ac_http_answer *a = t->answer;
    curl_off_t length = -1;

    n *= one;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a->status);
    if (t->request->take && (a->status == 200 || a->status == 206)) {
        curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        if (length >= 0 && a->status == 206)
            length += t->request->resume_from;
        t->err = t->request->take(t->request->arg, a->status, length, data, n);
    } else if (a->body.len + n > t->request->max_bytes) {
        t->err = AC_ELIMIT;
    } else {
        ac_str_add_n(&a->body, data, n);
    }
    return t->err ? 0 : n;
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct transfer *t = arg;

    (void)down_all, (void)up_all;
    if (down + up != t->moved) {
        t->moved = down + up;
        t->heard_us = ac_now_us();
    }
    return 0;
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

static void set_options(struct transfer *t, struct curl_slist *headers, curl_mime *form)
{
    const struct ac_http_request *r = t->request;
    CURL *e = t->easy;

    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "avatar-chat/" AC_VERSION);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(r->connect_ms ? r->connect_ms : CONNECT_MS));
    if (r->total_ms)
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->total_ms);
    if (r->resume_from > 0) { /* as a range: libcurl's own resuming fails where the server sends all again */
        char range[32];
        snprintf(range, sizeof range, "%lld-", (long long)r->resume_from);
        curl_easy_setopt(e, CURLOPT_RANGE, range);
    }
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    if (form)
        curl_easy_setopt(e, CURLOPT_MIMEPOST, form);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
}

/* ---- running ---- */

static int give_reason(struct transfer *t, int err, const char *fmt, const char *what)
{
    snprintf(t->answer->reason, sizeof t->answer->reason, fmt, what);
    return err;
}

static int judge(struct transfer *t, CURLcode code)
{
    if (t->err == AC_ELIMIT)
        return give_reason(t, AC_ELIMIT, "the answer is larger than is allowed%s", "");
    if (t->err)
        return t->err;
    switch (code) {
    case CURLE_OK:
        return AC_OK;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return give_reason(t, AC_EINVAL, "the address '%s' is not a web address", t->request->url);
    case CURLE_OPERATION_TIMEDOUT:
        return give_reason(t, AC_ETIMEDOUT,
                           t->answer->status ? "the answer took too long%s" : "no answer came in time%s", "");
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
        t->answer->cut = t->answer->status != 0;
        return give_reason(t, AC_EIO, "the connection broke: %s", curl_easy_strerror(code));
    default:
        return give_reason(t, AC_EIO, "%s", curl_easy_strerror(code));
    }
}

static int run(struct transfer *t, CURLM *multi, struct ac_cancel *cancel)
{
    int running = 1, left;

    t->heard_us = ac_now_us();
    while (running) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return give_reason(t, AC_EINTERNAL, "libcurl failed%s", "");
        int err = ac_cancel_reason(cancel);
        if (err)
            return give_reason(t, err, "%s", ac_err_text(err));
        if (t->request->stall_ms && ac_now_us() - t->heard_us > (int64_t)t->request->stall_ms * 1000)
            return give_reason(t, AC_ETIMEDOUT, "nothing came any more%s", "");
        if (running)
            curl_multi_poll(multi, NULL, 0, LOOK_MS, NULL);
    }
    const CURLMsg *m = curl_multi_info_read(multi, &left);
    return judge(t, m ? m->data.result : CURLE_FAILED_INIT);
}

static void note_answer(struct transfer *t)
{
    const char *type = NULL;
    curl_off_t after = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->answer->status);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    snprintf(t->answer->type, sizeof t->answer->type, "%s", type ? type : "");
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
    t->answer->retry_after_s = after > 0 && after < 3600 ? (int)after : -1;
}

int ac_http_run(const struct ac_http_request *request, struct ac_http_answer *answer,
                struct ac_cancel *cancel)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct transfer t = {.request = request, .answer = answer};
    struct curl_slist *headers = NULL;
    curl_mime *form = NULL;
    int err = AC_ENOMEM;

    pthread_once(&once, setup);
    *answer = (struct ac_http_answer){.retry_after_s = -1};
    CURLM *multi = curl_multi_init();
    t.easy = curl_easy_init();
    for (const char *const *h = request->headers; h && *h; h++)
        headers = curl_slist_append(headers, *h);
    if (!multi || !t.easy)
        goto out;
    if (request->n_parts)
        form = make_form(t.easy, request);
    set_options(&t, headers, form);
    if (curl_multi_add_handle(multi, t.easy) != CURLM_OK)
        goto out;
    err = run(&t, multi, cancel);
    note_answer(&t);
    curl_multi_remove_handle(multi, t.easy);
out:
    curl_easy_cleanup(t.easy);
    curl_mime_free(form);
    curl_slist_free_all(headers);
    curl_multi_cleanup(multi);
    if (err && !answer->reason[0])
        snprintf(answer->reason, sizeof answer->reason, "%s", ac_err_text(err));
    return err;
}

void ac_http_answer_free(struct ac_http_answer *a)
{
    ac_str_free(&a->body);
}

/* ---- repeating ---- */

int ac_http_backoff_ms(int attempt, int retry_after_s)
{
    static _Thread_local unsigned seed;
    int wait = FIRST_WAIT_MS;

    if (retry_after_s >= 0)
        return retry_after_s * 1000 < LONGEST_WAIT_MS ? retry_after_s * 1000 : LONGEST_WAIT_MS;
    while (--attempt > 0 && wait < LONGEST_WAIT_MS)
        wait *= 2;
    if (wait > LONGEST_WAIT_MS)
        wait = LONGEST_WAIT_MS;
    if (!seed)
        seed = (unsigned)ac_now_us();
    return wait / 2 + rand_r(&seed) % (wait / 2 + 1);
}

bool ac_http_retryable(int err, const struct ac_http_answer *a)
{
    if (err)
        return err == AC_EIO || err == AC_ETIMEDOUT;
    return a->status == 408 || a->status == 429 || a->status == 500 || (a->status >= 502 && a->status <= 504);
}

void ac_http_excerpt(const struct ac_http_answer *a, char *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < a->body.len && n + 1 < max && n < 120; i++) {
        unsigned char c = (unsigned char)a->body.p[i];
        if (isspace(c)) {
            if (n && out[n - 1] != ' ')
                out[n++] = ' ';
        } else {
            out[n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
        }
    }
    out[n] = '\0';
}
