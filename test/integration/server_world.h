/*
 * A server for tests: in this process with the fake engines of test/fake, or the real program as a child.
 * Both listen on a free port of their own.
 */
#ifndef AC_TEST_SERVER_WORLD_H
#define AC_TEST_SERVER_WORLD_H

#include "server/server.h"

#include <pthread.h>
#include <sys/types.h>

/* In this process. */
struct world {
    struct ac_config *cfg;
    struct ac_hub *hub;
    struct ac_server *server;
    pthread_t thread;
    int port;
    int result; /* of ac_server_run */
};

/* Starts, with nothing kept; settings ("a.b=c", NULL-terminated, may be NULL) follow the tests' own. Must
 * succeed. */
void world_open(struct world *w, const char *const *more, const struct ac_server_tuning *tuning);
/* Stops, frees, and checks that the loop ended well and every engine was closed. */
void world_close(struct world *w);

/* The real program. */
struct program {
    pid_t pid;
    int port;
    char log_path[64];
};

/* True where AVATAR_CHAT_BIN names a program that can be run. */
bool program_exists(void);
/*
 * Runs `avatar-chat serve --set server.port=0 --set history.store=none …` with further arguments
 * (NULL-terminated) and waits for the ready line; false when it ended or was not ready within 60 s.
 */
bool program_start(struct program *p, const char *const *args);
/* Sends the signal, waits (20 s); exit status, -1 when it did not exit. Fails the test on a sanitizer's
 * report. */
int program_stop(struct program *p, int sig);
/* Runs it until it ends by itself (60 s at most); exit status or -1. The caller unlinks log_path. */
int program_run(struct program *p, const char *const *args);
/* What it wrote to stderr so far; malloc'ed. */
char *program_log(const struct program *p);

#endif
