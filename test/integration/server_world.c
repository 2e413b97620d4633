/* Servers for tests. See server_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "integration/server_world.h"

#include "base/clock.h"
#include "base/str.h"
#include "core/registry.h"
#include "fake/fake_engines.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *run(void *arg)
{
    struct world *w = arg;
    w->result = ac_server_run(w->server);
    return NULL;
}

void world_open(struct world *w, const char *const *more, const struct ac_server_tuning *tuning)
{
    const char *sets[24] = {
        "video.width=128",   "video.height=128", "session.stage_timeout_s=1", "session.turn_timeout_s=20",
        "server.port=0",     "server.workers=2", "server.max_sessions=8",     "server.web_dir=test/data/page",
        "history.store=none"};
    size_t n = 9;
    struct ac_str errors = {0};
    char reason[256] = "";
    memset(w, 0, sizeof *w);
    for (; more && *more; more++)
        sets[n++] = *more;
    ac_registry_set(fake_registry);
    int err = ac_config_load(&w->cfg, NULL, sets, n, &errors);
    if (err)
        print_error("%s\n", errors.p);
    assert_int_equal(err, 0);
    ac_str_free(&errors);
    assert_int_equal(ac_hub_new(&w->hub, w->cfg), 0);
    err = ac_server_start(&w->server, w->hub, tuning, reason);
    if (err)
        print_error("%s\n", reason);
    assert_int_equal(err, 0);
    w->port = ac_server_port(w->server);
    assert_true(w->port > 0);
    assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

void world_close(struct world *w)
{
    ac_server_stop(w->server);
    pthread_join(w->thread, NULL);
    assert_int_equal(w->result, 0);
    ac_server_free(w->server);
    fake_release(true);
    ac_hub_free(w->hub, 10000);
    ac_config_free(w->cfg);
    ac_registry_set(NULL);
    assert_int_equal(fake_open_count(), 0);
    fake_release(false);
}

/* ---- the real program ---- */

static const char *binary(void)
{
    const char *path = getenv("AVATAR_CHAT_BIN");
    return path ? path : "";
}

bool program_exists(void)
{
    return access(binary(), X_OK) == 0;
}

char *program_log(const struct program *p)
{
    char *text = NULL;
    size_t len;
    if (ac_read_file(p->log_path, 16 << 20, &text, &len))
        return strdup("");
    return text;
}

static bool find_port(struct program *p)
{
    char *log = program_log(p);
    const char *line = strstr(log, "event=ready"), *at = line ? strstr(line, " port=") : NULL;
    bool whole = at && strchr(at, '\n');
    if (whole)
        p->port = atoi(at + 6);
    free(log);
    return whole;
}

static void spawn(struct program *p, const char *const *args)
{
    const char *argv[32] = {binary(), "serve", "--set", "server.port=0", "--set", "history.store=none"};
    int n = 6;
    for (; args && *args && n < 31; args++)
        argv[n++] = *args;
    memset(p, 0, sizeof *p);
    strcpy(p->log_path, "/tmp/avatar-chat-test-XXXXXX");
    int fd = mkstemp(p->log_path);
    assert_true(fd >= 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        dup2(fd, 2);
        close(fd);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(fd);
}

bool program_start(struct program *p, const char *const *args)
{
    spawn(p, args);
    for (int i = 0; i < 6000; i++) {
        int status;
        if (find_port(p))
            return true;
        if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
            p->pid = 0;
            break;
        }
        ac_sleep_us(10000);
    }
    char *log = program_log(p);
    print_error("the program did not get ready:\n%s\n", log);
    free(log);
    return false;
}

static void check_log(const struct program *p)
{
    static const char *const bad[] = {"AddressSanitizer", "LeakSanitizer", "ThreadSanitizer",
                                      "runtime error:"};
    char *log = program_log(p);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strstr(log, bad[i])) {
            print_error("%s\n", log);
            fail_msg("the program reported %s", bad[i]);
        }
    free(log);
}

static int wait_for(struct program *p, int timeout_ms)
{
    int status = 0;
    for (int i = 0; i <= timeout_ms / 10; i++) {
        if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
            p->pid = 0;
            check_log(p);
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
        ac_sleep_us(10000);
    }
    kill(p->pid, SIGKILL);
    waitpid(p->pid, &status, 0);
    p->pid = 0;
    return -1;
}

int program_run(struct program *p, const char *const *args)
{
    spawn(p, args);
    return wait_for(p, 60000);
}

int program_stop(struct program *p, int sig)
{
    int status = -1;
    if (p->pid > 0) {
        kill(p->pid, sig);
        status = wait_for(p, 20000);
    }
    unlink(p->log_path);
    return status;
}
