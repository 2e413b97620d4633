/* Idle connections; see load_idle.h. The handshake is RFC 6455's, written out; frames are counted, not read.
 */
#include "load_idle.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGS = 80, READY_S = 60, SETTLE_US = 4000000, MAX_LINE = 4096 };

struct program {
    pid_t pid;
    int log; /* reading end of its standard error */
    int port;
};

static pid_t spawn(const char *path, char **sets, int n_sets, int log)
{
    static const char *const own[] = {"server.port=0", "history.store=none", "server.max_sessions=20000",
                                      "server.max_connections_per_address=20000"};
    const char *args[MAX_ARGS] = {path, "serve"};
    int n = 2;

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        args[n++] = "--set";
        args[n++] = own[i];
    }
    for (int i = 0; i < n_sets && n + 2 < MAX_ARGS; i++) {
        args[n++] = "--set";
        args[n++] = sets[i];
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(log, STDERR_FILENO);
        execv(path, (char **)(uintptr_t)args);
        _exit(127);
    }
    return pid;
}

/* Reads the log until the line that tells the port. */
static int read_port(int log)
{
    char line[MAX_LINE];
    size_t n = 0;

    while (n < sizeof line - 1 && read(log, line + n, 1) == 1) {
        if (line[n++] != '\n')
            continue;
        line[n] = '\0';
        const char *at = strstr(line, "event=ready") ? strstr(line, " port=") : NULL;
        if (at)
            return atoi(at + 6);
        n = 0;
    }
    return 0;
}

static uint64_t rss_of(pid_t pid)
{
    char *path = ac_asprintf("/proc/%d/statm", (int)pid), *text = NULL;
    unsigned long long pages = 0;
    size_t len;

    if (!ac_read_file(path, MAX_LINE, &text, &len))
        sscanf(text, "%*u %llu", &pages);
    free(text);
    free(path);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* An open WebSocket, its handshake done; -1 when that failed. */
static int connect_one(int port)
{
    static const char request[] = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char answer[MAX_LINE];
    size_t n = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return -1;
    if (!connect(fd, (struct sockaddr *)&to, sizeof to) &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1) {
        while (n < sizeof answer - 1 && recv(fd, answer + n, 1, 0) == 1) {
            answer[++n] = '\0';
            if (n >= 4 && !strcmp(answer + n - 4, "\r\n\r\n"))
                break;
        }
        if (n && !strncmp(answer, "HTTP/1.1 101", 12))
            return fd;
    }
    close(fd);
    return -1;
}

static void report(int n, int open, uint64_t before, uint64_t after, int64_t us)
{
    printf("{\"connections\": %d, \"open\": %d, \"rss_before_mb\": %.1f, \"rss_mb\": %.1f, "
           "\"kb_a_connection\": %.1f, \"opened_in_s\": %.2f}\n",
           n, open, (double)before / 1048576, (double)after / 1048576,
           open ? (double)(after - before) / 1024 / open : 0, (double)us / 1e6);
}

int load_idle(int n, const char *program, char **sets, int n_sets)
{
    struct rlimit files = {(rlim_t)n + 100, (rlim_t)n + 100};
    int pipes[2], *fds = ac_zalloc((size_t)n * sizeof *fds), open = 0;

    setrlimit(RLIMIT_NOFILE, &files);
    if (pipe(pipes))
        return 1;
    struct program p = {.pid = spawn(program, sets, n_sets, pipes[1]), .log = pipes[0]};
    close(pipes[1]);
    p.port = read_port(p.log);
    if (!p.port) {
        fprintf(stderr, "%s did not begin to serve\n", program);
        return 1;
    }
    pid_t drain = fork(); /* its log is read on, or it would stand still */
    if (drain == 0) {
        char text[MAX_LINE];
        while (read(p.log, text, sizeof text) > 0)
            ;
        _exit(0);
    }
    ac_sleep_us(SETTLE_US);
    uint64_t before = rss_of(p.pid);
    int64_t begin = ac_now_us();
    for (int i = 0; i < n; i++) {
        fds[i] = connect_one(p.port);
        open += fds[i] >= 0;
    }
    int64_t us = ac_now_us() - begin;
    ac_sleep_us(SETTLE_US);
    report(n, open, before, rss_of(p.pid), us);
    for (int i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    kill(p.pid, SIGTERM);
    waitpid(p.pid, NULL, 0);
    close(p.log);
    waitpid(drain, NULL, 0);
    free(fds);
    return open == n ? 0 : 1;
}
