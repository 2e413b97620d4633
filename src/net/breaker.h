/*
 * Circuit breaker: a service that failed several times in a row is left alone for a while, so that nobody
 * waits for what is known to be down (closed → open → half-open, as in Nygard, "Release It!").
 *
 * Closed: calls go through. `failures` in a row open it: calls are refused at once for open_ms. Then one call
 * is let through as a trial; it closes the breaker or opens it again, each time for twice as long, at most
 * eight times open_ms. Only failures of the service count (no connection, time-outs, 5xx, 429), not those of
 * a request.
 *
 * Threads: any.
 */
#ifndef AC_NET_BREAKER_H
#define AC_NET_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ac_breaker {
    pthread_mutex_t lock;
    int max_failures, open_ms;
    /* lock */
    int failures, wait_ms;
    bool open, trial;
    int64_t until_us;
};

void ac_breaker_init(struct ac_breaker *b, int max_failures, int open_ms);
void ac_breaker_destroy(struct ac_breaker *b);
/* May a call be made? Each true is followed by one ac_breaker_report. False: for how long it is refused (or
 * NULL, where that is of no interest). */
bool ac_breaker_allow(struct ac_breaker *b, int *wait_ms);
enum ac_breaker_result { AC_BREAKER_OK, AC_BREAKER_FAILED, AC_BREAKER_UNKNOWN /* canceled: says nothing */ };
void ac_breaker_report(struct ac_breaker *b, enum ac_breaker_result result);

#endif
