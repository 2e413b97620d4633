/*
 * One thread, one curl multi handle with the connections of the process (http_loop.h). Owners put jobs that
 * want something in a list and wake the thread; it alone touches the multi handle and the easy handles in it.
 *
 * Transfers do not share a connection, even where HTTP/2 could: a reader that is slow would hold up the
 * others of its connection. What HTTP/2 gives nonetheless is that a transfer can be broken off without losing
 * the connection.
 *
 * The thread ends in an exit handler, which runs before those of the TLS library; it ends what still runs.
 */
#include "net/http_loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "avatarchat/err.h"

enum { MAX_CONNECTIONS = 100, MAX_KEPT = 20, IDLE_POLL_MS = 60000 };

static struct {
    CURLM *multi;
    pthread_t thread;
    int err;                     /* of the start */
    struct ac_http_job *running; /* the thread's */

    pthread_mutex_t lock; /* for what follows, and for asked, queued, over of all jobs */
    struct ac_http_job *asked, **asked_tail;
    bool stop;
} loop = {.lock = PTHREAD_MUTEX_INITIALIZER, .asked_tail = &loop.asked};

/* ---- the thread ---- */

/* The next job that wants something, NULL when none does. */
static struct ac_http_job *take_asked(unsigned *asked)
{
    pthread_mutex_lock(&loop.lock);
    struct ac_http_job *job = loop.asked;
    if (job) {
        loop.asked = job->next_asked;
        if (!loop.asked)
            loop.asked_tail = &loop.asked;
        *asked = job->asked;
        job->asked = 0;
        job->queued = false;
    }
    pthread_mutex_unlock(&loop.lock);
    return job;
}

/* From here on nothing can be asked for, so that the owner may let go of the job. */
static void close_job(struct ac_http_job *job)
{
    pthread_mutex_lock(&loop.lock);
    job->over = true;
    if (job->queued) {
        struct ac_http_job **at = &loop.asked;
        while (*at != job)
            at = &(*at)->next_asked;
        *at = job->next_asked;
        if (!*at)
            loop.asked_tail = at;
    }
    pthread_mutex_unlock(&loop.lock);
}

static void finish(struct ac_http_job *job, CURLcode code)
{
    if (job->running) {
        curl_multi_remove_handle(loop.multi, job->easy);
        if (job->previous)
            job->previous->next = job->next;
        else
            loop.running = job->next;
        if (job->next)
            job->next->previous = job->previous;
    }
    close_job(job);
    job->finished(job, code);
}

static void add(struct ac_http_job *job)
{
    curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job);
    if (curl_multi_add_handle(loop.multi, job->easy) != CURLM_OK) {
        finish(job, CURLE_FAILED_INIT);
        return;
    }
    job->running = true;
    job->next = loop.running;
    if (job->next)
        job->next->previous = job;
    loop.running = job;
}

static void do_asked(void)
{
    struct ac_http_job *job;
    unsigned asked;

    while ((job = take_asked(&asked))) {
        if (asked & AC_HTTP_JOB_ABORT)
            finish(job, CURLE_ABORTED_BY_CALLBACK);
        else if (asked & AC_HTTP_JOB_ADD)
            add(job);
        else
            curl_easy_pause(job->easy, CURLPAUSE_CONT);
    }
}

static void end_finished(void)
{
    const CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(loop.multi, &left))) {
        CURLcode code = m->data.result; /* the message goes with the handle */
        char *job = NULL;

        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &job);
        finish((struct ac_http_job *)(void *)job, code);
    }
}

static bool stopped(void)
{
    pthread_mutex_lock(&loop.lock);
    bool stop = loop.stop;
    pthread_mutex_unlock(&loop.lock);
    return stop;
}

static void *run(void *arg)
{
    int running;

    (void)arg;
    while (!stopped()) {
        do_asked();
        curl_multi_perform(loop.multi, &running);
        end_finished();
        curl_multi_poll(loop.multi, NULL, 0, IDLE_POLL_MS, NULL);
    }
    do_asked();
    while (loop.running)
        finish(loop.running, CURLE_ABORTED_BY_CALLBACK);
    return NULL;
}

/* ---- start and end ---- */

static void end(void)
{
    pthread_mutex_lock(&loop.lock);
    loop.stop = true;
    pthread_mutex_unlock(&loop.lock);
    curl_multi_wakeup(loop.multi);
    pthread_join(loop.thread, NULL);
    curl_multi_cleanup(loop.multi);
}

static void start(void)
{
    sigset_t all, before;

    loop.err = AC_ENOMEM;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(loop.multi = curl_multi_init()))
        return;
    curl_multi_setopt(loop.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(loop.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)MAX_CONNECTIONS);
    curl_multi_setopt(loop.multi, CURLMOPT_MAXCONNECTS, (long)MAX_KEPT);
    sigfillset(&all); /* signals are for the main thread, and SIGPIPE for none */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&loop.thread, NULL, run, NULL) == 0)
        loop.err = atexit(end) == 0 ? 0 : AC_ENOMEM;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int ac_http_loop_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start);
    if (loop.err)
        return loop.err;
    return stopped() ? AC_ECLOSED : 0;
}

void ac_http_loop_ask(struct ac_http_job *job, enum ac_http_job_ask ask)
{
    bool refused = false;

    pthread_mutex_lock(&loop.lock);
    if (loop.stop && ask == AC_HTTP_JOB_ADD) {
        job->over = refused = true;
    } else if (!job->over) {
        job->asked |= ask;
        if (!job->queued) {
            job->queued = true;
            job->next_asked = NULL;
            *loop.asked_tail = job;
            loop.asked_tail = &job->next_asked;
        }
    }
    /* Under the lock, so that the handle is there. */
    if (!loop.stop)
        curl_multi_wakeup(loop.multi);
    pthread_mutex_unlock(&loop.lock);
    if (refused)
        job->finished(job, CURLE_ABORTED_BY_CALLBACK);
}
