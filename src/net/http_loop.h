/*
 * The thread on which all transfers of the process run (http_loop.c). Private to src/net/.
 *
 * A job is one transfer. Its owner fills in easy and finished, submits it with AC_HTTP_JOB_ADD, and keeps it
 * where it is until finished was called: that is the thread's last touch.
 */
#ifndef AC_NET_HTTP_LOOP_H
#define AC_NET_HTTP_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>

enum ac_http_job_ask {
    AC_HTTP_JOB_ADD = 1,    /* begin */
    AC_HTTP_JOB_RESUME = 2, /* go on after the write function paused it */
    AC_HTTP_JOB_ABORT = 4,  /* end now; finished is called with CURLE_ABORTED_BY_CALLBACK */
};

struct ac_http_job {
    CURL *easy;
    /* On the loop's thread, once, after the handle was taken out. */
    void (*finished)(struct ac_http_job *job, CURLcode code);

    /* the loop's */
    struct ac_http_job *next_asked, *previous, *next;
    unsigned asked;
    bool queued, over, running;
};

/* Starts the thread on first use. 0, AC_ENOMEM (no thread), AC_ECLOSED (the process ends). */
int ac_http_loop_start(void);
/* Asks the thread for something; of no effect on a job that has ended. Any thread. */
void ac_http_loop_ask(struct ac_http_job *job, enum ac_http_job_ask ask);

#endif
