/* The real server with the real engines in this process, for benchmarks over a WebSocket. */
#ifndef BENCH_LIVE_SERVER_H
#define BENCH_LIVE_SERVER_H

#include "server/server.h"

#include <pthread.h>

struct live_server {
    struct ac_config *cfg;
    struct ac_hub *hub;
    struct ac_server *server;
    pthread_t thread;
    int port;
};

/* Starts on a free port, with nothing kept; sets: "a.b=c" (at most 12). 0, or 1 with the reason on stderr. */
int live_server_start(struct live_server *s, const char *const *sets, size_t n);
void live_server_stop(struct live_server *s);

#endif
