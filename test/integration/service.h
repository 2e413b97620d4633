/*
 * Programs of others that tests run (redis-server, nginx, prometheus): on loopback, with a free port and a
 * folder of their own, ended with the test. Where a program is missing the test is skipped with a line.
 */
#ifndef AC_TEST_SERVICE_H
#define AC_TEST_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

enum { SERVICE_SKIPPED = 77 }; /* exit status; CTest knows it */

struct service {
    pid_t pid;
    int port;
    char folder[64]; /* of its own, "log" holds what it says */
};

/* Where the program is (PATH, /usr/sbin); ends the test as skipped where it is not. Static buffer. */
const char *service_program(const char *name);
/* A port that was free a moment ago. */
int service_free_port(void);
/* Makes the folder and takes a port. */
void service_prepare(struct service *s);
/* Writes text to folder/name. */
void service_file(const struct service *s, const char *name, const char *text);
/* A file of the source tree; malloc'ed. */
char *service_source(const char *path);
/* Every `from`, of which there must be one, as `to`; frees text, gives the new one. */
char *service_replace(char *text, const char *from, const char *to);
/* Starts it and waits (20 s) until something listens on its port; fails the test otherwise. */
void service_start(struct service *s, const char *const *argv);
/* Ends it by the signal and waits; the folder stays, so that it can be started again. */
void service_stop(struct service *s, int sig);
/* Deletes the folder. Fine for {0}. */
void service_clean(struct service *s);
/* Runs a program to its end; its exit status, what it said is printed when that is not 0. */
int service_run(const char *const *argv);

/* A Redis server that keeps nothing on disk, after service_prepare. password: NULL = none. */
void service_start_redis(struct service *s, const char *password);

#endif
