/* Programs of others. See service.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "integration/service.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

const char *service_program(const char *name)
{
    static char path[4][128];
    static int next;
    const char *env = getenv("PATH");
    char *all = ac_asprintf("%s:/usr/sbin:/usr/local/sbin", env ? env : "/usr/bin"), *rest = all, *folder;
    char *found = path[next++ % 4];

    while ((folder = strsep(&rest, ":"))) {
        snprintf(found, sizeof *path, "%s/%s", folder, name);
        if (*folder && access(found, X_OK) == 0) {
            free(all);
            return found;
        }
    }
    free(all);
    print_message("SKIPPED: %s is not installed (tools/setup.sh test installs it)\n", name);
    exit(SERVICE_SKIPPED);
}

static int loopback(int port, bool connecting)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && !(connecting ? connect(fd, (struct sockaddr *)&addr, sizeof addr)
                                : bind(fd, (struct sockaddr *)&addr, sizeof addr)))
        return fd;
    close(fd);
    return -1;
}

static int free_port(void)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    int fd = loopback(0, false);

    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    close(fd);
    return ntohs(addr.sin_port);
}

int service_free_port(void)
{
    static int given[32];
    static size_t n;
    int port = free_port();

    for (size_t i = 0; i < n && i < 32; i++) { /* the system may give it again */
        if (given[i] != port)
            continue;
        port = free_port();
        i = (size_t)-1;
    }
    given[n++ % 32] = port;
    return port;
}

void service_prepare(struct service *s)
{
    *s = (struct service){.port = service_free_port()};
    strcpy(s->folder, "/tmp/avatar-chat-service-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
}

void service_file(const struct service *s, const char *name, const char *text)
{
    char *path = ac_asprintf("%s/%s", s->folder, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(path);
}

char *service_source(const char *path)
{
    char *text = NULL;
    size_t len;

    assert_int_equal(ac_read_file(path, 1 << 20, &text, &len), 0);
    return text;
}

char *service_replace(char *text, const char *from, const char *to)
{
    struct ac_str s = {0};
    const char *p = text, *at;

    if (!strstr(text, from))
        fail_msg("there is no '%s'", from);
    for (; (at = strstr(p, from)); p = at + strlen(from)) {
        ac_str_add_n(&s, p, (size_t)(at - p));
        ac_str_add(&s, to);
    }
    ac_str_add(&s, p);
    free(text);
    return ac_str_steal(&s);
}

static pid_t spawn(const char *log, const char *const *argv)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no test that was killed leaves it behind */
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

static void print_file(const char *path)
{
    char *text;
    size_t len;

    if (ac_read_file(path, 1 << 24, &text, &len))
        return;
    print_error("%s\n", text);
    free(text);
}

void service_start(struct service *s, const char *const *argv)
{
    char *log = ac_asprintf("%s/log", s->folder);
    int64_t until = ac_now_us() + 20000000;

    s->pid = spawn(log, argv);
    while (ac_now_us() < until && waitpid(s->pid, NULL, WNOHANG) == 0) {
        int fd = loopback(s->port, true);
        if (fd >= 0) {
            close(fd);
            free(log);
            return;
        }
        ac_sleep_us(20000);
    }
    print_file(log);
    free(log);
    fail_msg("%s does not listen on port %d", argv[0], s->port);
}

void service_stop(struct service *s, int sig)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, sig);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void service_clean(struct service *s)
{
    service_stop(s, SIGKILL);
    if (s->folder[0]) {
        char *command = ac_asprintf("rm -rf %s", s->folder);
        assert_int_equal(system(command), 0);
        free(command);
    }
    *s = (struct service){0};
}

int service_run(const char *const *argv)
{
    char log[] = "/tmp/avatar-chat-run-XXXXXX";
    int status, fd = mkstemp(log);

    assert_true(fd >= 0);
    close(fd);
    pid_t pid = spawn(log, argv);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (status)
        print_file(log);
    unlink(log);
    return status;
}

void service_start_redis(struct service *s, const char *password)
{
    char port[16];
    const char *argv[] = {service_program("redis-server"),
                          "--port",
                          port,
                          "--bind",
                          "127.0.0.1",
                          "--save",
                          "",
                          "--appendonly",
                          "no",
                          "--dir",
                          s->folder,
                          password ? "--requirepass" : NULL,
                          password,
                          NULL};

    snprintf(port, sizeof port, "%d", s->port);
    service_start(s, argv);
}
