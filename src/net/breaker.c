/* The three states of a breaker: closed, open until a time, open with its one trial under way (breaker.h). */
#include "net/breaker.h"

#include "base/clock.h"

enum { MOST_TIMES = 8 };

void ac_breaker_init(struct ac_breaker *b, int max_failures, int open_ms)
{
    *b = (struct ac_breaker){.max_failures = max_failures, .open_ms = open_ms};
    pthread_mutex_init(&b->lock, NULL);
}

void ac_breaker_destroy(struct ac_breaker *b)
{
    pthread_mutex_destroy(&b->lock);
}

bool ac_breaker_allow(struct ac_breaker *b, int *wait_ms)
{
    int64_t left_us = 0;

    pthread_mutex_lock(&b->lock);
    bool allowed = true;
    if (b->open) {
        left_us = b->until_us - ac_now_us();
        allowed = left_us <= 0 && !b->trial;
        if (left_us <= 0) /* until the trial has ended, which nobody knows: look again then */
            left_us = (int64_t)b->open_ms * 1000;
        b->trial = b->trial || allowed;
    }
    pthread_mutex_unlock(&b->lock);
    if (wait_ms)
        *wait_ms = allowed ? 0 : (int)((left_us + 999) / 1000);
    return allowed;
}

static void open_for(struct ac_breaker *b, int ms)
{
    b->open = true;
    b->wait_ms = ms;
    b->until_us = ac_now_us() + (int64_t)ms * 1000;
}

void ac_breaker_report(struct ac_breaker *b, enum ac_breaker_result result)
{
    pthread_mutex_lock(&b->lock);
    if (result == AC_BREAKER_OK) {
        b->open = false;
        b->failures = 0;
    } else if (result == AC_BREAKER_FAILED && !b->open) {
        if (++b->failures >= b->max_failures)
            open_for(b, b->open_ms);
    } else if (result == AC_BREAKER_FAILED && b->trial) { /* else of a call from before it opened */
        open_for(b, b->wait_ms * 2 < b->open_ms * MOST_TIMES ? b->wait_ms * 2 : b->open_ms * MOST_TIMES);
    }
    b->trial = false;
    pthread_mutex_unlock(&b->lock);
}
