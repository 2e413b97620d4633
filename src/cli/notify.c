/* The service manager is told how it goes. See notify.h. */
#include "cli/notify.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void ac_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET"); /* the environment does not change any more */
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    int old = errno;

    if (n < 2 || n >= sizeof addr.sun_path || (*path != '/' && *path != '@'))
        return;
    memcpy(addr.sun_path, path, n);
    if (*path == '@') /* of the abstract name space */
        addr.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr, len);
        close(fd);
    }
    errno = old;
}

struct ac_watchdog {
    int64_t (*alive_us)(void *arg);
    void *arg;
    int64_t limit_us;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending; /* lock */
};

static void *watch(void *arg)
{
    struct ac_watchdog *w = arg;

    pthread_mutex_lock(&w->lock);
    while (!w->ending) {
        int64_t now = ac_now_us(), until = now + w->limit_us / 3;
        struct timespec t = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
        if (now - w->alive_us(w->arg) < w->limit_us)
            ac_notify("WATCHDOG=1");
        pthread_cond_timedwait(&w->changed, &w->lock, &t);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* What the service manager wants, in microseconds; 0 = nothing, or not of this process. */
static int64_t wanted_us(void)
{
    const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (!us || !getenv("NOTIFY_SOCKET") || (pid && atoll(pid) != (long long)getpid()))
        return 0;
    return atoll(us) > 0 ? atoll(us) : 0;
}

struct ac_watchdog *ac_watchdog_start(int64_t (*alive_us)(void *arg), void *arg)
{
    int64_t limit_us = wanted_us();
    pthread_condattr_t attr;

    if (!limit_us)
        return NULL;
    struct ac_watchdog *w = ac_zalloc(sizeof *w);
    w->alive_us = alive_us;
    w->arg = arg;
    w->limit_us = limit_us;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (!pthread_create(&w->thread, NULL, watch, w))
        return w;
    free(w); /* the service manager will end us, and says so */
    return NULL;
}

void ac_watchdog_stop(struct ac_watchdog *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
