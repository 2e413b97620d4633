/*
 * systemd's protocol: the program says that it is ready, reloads, stops and lives; a loop that stands still
 * is not said to live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/notify.h"
#include "integration/server_world.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

static int fd;

/* Listens where NOTIFY_SOCKET says; name begins with / or @. */
static void listen_at(const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(name);

    memcpy(addr.sun_path, name, n);
    if (*name == '@')
        addr.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

/* The next word, "" when none comes in time. */
static const char *hear(int timeout_ms)
{
    static char word[128];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = poll(&p, 1, timeout_ms) == 1 ? recv(fd, word, sizeof word - 1, 0) : 0;

    word[n > 0 ? n : 0] = '\0';
    return word;
}

static void expect_word(const char *word)
{
    int64_t until = ac_now_us() + WAIT_MS * 1000LL;
    const char *heard = "";

    while (ac_now_us() < until && strcmp(heard, word) != 0)
        heard = hear(1000);
    assert_string_equal(heard, word);
}

static int teardown(void **state)
{
    (void)state;
    close(fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static void test_nobody(void **state)
{
    (void)state;
    ac_notify("READY=1"); /* goes nowhere */
    setenv("NOTIFY_SOCKET", "relative", 1);
    ac_notify("READY=1");
    setenv("NOTIFY_SOCKET", "/tmp/avatar-chat-notify-nobody", 1);
    ac_notify("READY=1");
    assert_null(ac_watchdog_start(NULL, NULL)); /* no WATCHDOG_USEC */
}

static _Atomic int64_t alive;

static int64_t alive_us(void *arg)
{
    (void)arg;
    return atomic_load(&alive) ? ac_now_us() : 0;
}

static void test_watchdog(void **state)
{
    (void)state;
    listen_at("@avatar-chat-notify-test");
    setenv("WATCHDOG_USEC", "300000", 1);
    atomic_store(&alive, 1);
    struct ac_watchdog *w = ac_watchdog_start(alive_us, NULL);
    assert_non_null(w);
    for (int i = 0; i < 3; i++)
        expect_word("WATCHDOG=1");
    atomic_store(&alive, 0);
    while (*hear(0)) /* what was sent before */
        ;
    hear(150); /* and what was on its way */
    assert_string_equal(hear(1000), "");
    atomic_store(&alive, 1);
    expect_word("WATCHDOG=1");
    ac_watchdog_stop(w);
    setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
    assert_null(ac_watchdog_start(alive_us, NULL));
}

static void test_program(void **state)
{
    struct program p;
    char path[64];

    (void)state;
    snprintf(path, sizeof path, "/tmp/avatar-chat-notify-%d", (int)getpid());
    unlink(path);
    listen_at(path);
    setenv("WATCHDOG_USEC", "3000000", 1);
    assert_true(program_start(&p, (const char *const[]){"--set", "server.web_dir=test/data/page", NULL}));
    expect_word("READY=1");
    expect_word("WATCHDOG=1");
    expect_word("WATCHDOG=1");
    kill(p.pid, SIGHUP);
    expect_word("RELOADING=1");
    expect_word("READY=1");
    expect_word("WATCHDOG=1");
    assert_int_equal(program_stop(&p, SIGTERM), 0);
    expect_word("STOPPING=1");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nobody, teardown),
        cmocka_unit_test_teardown(test_watchdog, teardown),
        cmocka_unit_test_teardown(test_program, teardown),
    };

    if (!freopen("/dev/null", "r", stdin)) /* at a terminal a hangup is the end */
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
