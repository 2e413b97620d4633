/* The real program takes a changed configuration while it runs, and keeps the old one where the new one is
 * wrong. */
#include "base/clock.h"
#include "server_world.h"
#include "ws_client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/ac-reload-XXXXXX";

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Waits until the log holds the text so many times. */
static void wait_log(const struct program *p, const char *text, int times)
{
    for (int i = 0; i < 400; i++) {
        char *log = program_log(p), *at = log;
        int n = 0;
        while ((at = strstr(at, text))) {
            at += strlen(text);
            n++;
        }
        free(log);
        if (n >= times)
            return;
        ac_sleep_us(50000);
    }
    char *log = program_log(p);
    fail_msg("'%s' did not come %d times: %s", text, times, log);
    free(log);
}

static double limit_of_text(int port)
{
    struct ws_client c;

    assert_int_equal(ws_connect(&c, port, "/ws", NULL), 101);
    int at = ws_wait(&c, "session_ready", 0, 20000);
    assert_true(at >= 0);
    double max = ws_number(&c.messages[at], "max_text_chars");
    ws_close(&c);
    return max;
}

static void test_reload(void **state)
{
    const char *const args[] = {"-c", path, NULL};
    struct program p;

    (void)state;
    if (!program_exists())
        skip();
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_file("server: {max_text_chars: 100}\n");
    assert_true(program_start(&p, args));
    assert_true(limit_of_text(p.port) == 100);
    write_file("server: {max_text_chars: 2000}\n"); /* seen by itself */
    wait_log(&p, "event=reloaded changed=\"server.max_text_chars\\n\"", 1);
    assert_true(limit_of_text(p.port) == 2000);
    write_file("server: {max_text_chars: many, max_sesions: 3}\n");
    wait_log(&p, "event=refused", 2); /* each line */
    wait_log(&p, "max_sessions", 1);  /* the nearest name */
    write_file("server: {max_text_chars: 50, web_dir: /tmp}\n");
    wait_log(&p, "event=needs_restart option=server.web_dir", 1);
    assert_true(limit_of_text(p.port) == 2000);
    kill(p.pid, SIGHUP);
    wait_log(&p, "event=needs_restart option=server.web_dir", 2);
    write_file("server: {max_text_chars: 50}\n");
    wait_log(&p, "event=reloaded changed=", 2);
    assert_true(limit_of_text(p.port) == 50);
    assert_int_equal(program_stop(&p, SIGTERM), 0);
    unlink(p.log_path);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reload)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
