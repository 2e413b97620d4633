/*
 * Uploads whose body is not as announced: it stops, trickles, is larger or longer than it says; and one that
 * takes too long to be made. Nothing half-made is left in the folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "integration/upload_world.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_cut_off(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) { /* more than may be under way */
        int fd = dial();
        put(fd, upload_half);
        ac_sleep_us(20000);
        close(fd);
    }
    for (int i = 0;; i++) { /* the server sees the ends in its own time */
        int status;
        json_decref(upload(GOOD "After", NULL, "face", 4, &status));
        if (status == 202)
            break;
        assert_true(status == 429 && i < 200);
        ac_sleep_us(10000);
    }
    await_listed("after");
    tell("DELETE", "/api/avatars/after", NULL, 204);
    assert_int_equal(upload_settle(), 0);
}

static int open_quick(void **state)
{
    static const char *const sets[] = {"server.request_timeout_s=1", "server.upload_timeout_s=2",
                                       "server.max_upload_mb=1", NULL};
    static const struct ac_server_tuning tuning = {.make_s = 1};
    (void)state;
    world_open(&world, sets, &tuning);
    return 0;
}

/* Half an upload, and then a byte at a time until there is an answer; its status, 0 where it was lost. */
static int trickle(void)
{
    char c;
    int fd = dial();
    put(fd, upload_half);
    for (int i = 0; i < 60 && recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0; i++) {
        ac_sleep_us(200000);
        if (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
            send(fd, "x", 1, MSG_NOSIGNAL);
    }
    return read_status(fd);
}

static void test_slow_and_large(void **state)
{
    (void)state;
    int fd = dial();
    put(fd, upload_half); /* and then nothing: closed */
    assert_int_equal(read_status(fd), 0);

    /* a byte now and then: told, when the whole has taken too long, unless a byte crosses the answer */
    int status = 0;
    for (int i = 0; status != 408 && i < 5; i++)
        status = trickle();
    assert_int_equal(status, 408);

    fd = dial(); /* refused for what is announced, before it comes */
    put(fd, "POST " GOOD "X HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000001\r\n\r\n");
    assert_int_equal(read_status(fd), 413);
    fd = dial();
    put(fd, "POST " GOOD "X HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n");
    assert_int_equal(read_status(fd), 413);
    fd = dial();
    put(fd, "POST " GOOD "X HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n");
    status = read_status(fd);
    assert_true(status == 400 || status == 413 || status == 0);

    fd = dial(); /* more comes than was announced: that is another request, and no good one */
    put(fd, "POST " GOOD "Exact HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nfaceGARBAGE\r\n\r\n");
    assert_int_equal(read_status(fd), 202);
    await_listed("exact");
    tell("DELETE", "/api/avatars/exact", NULL, 204);
    assert_int_equal(upload_settle(), 0);
}

static void test_made_too_slowly(void **state)
{
    (void)state;
    char job[96];
    begin(GOOD "Hang", NULL, "hang", job);
    json_t *j = wait_job(job, NULL, "failed"), *p = json_object_get(j, "problem");
    assert_string_equal(member(p, "code"), "slow");
    assert_non_null(strstr(member(p, "detail"), "within 1 s"));
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest plain[] = {CLEARED(test_cut_off)};
    const struct CMUnitTest quick[] = {CLEARED(test_slow_and_large), CLEARED(test_made_too_slowly)};
    if (!upload_begin_all())
        return 1;
    int failed = cmocka_run_group_tests(plain, upload_open_plain, upload_close);
    failed += cmocka_run_group_tests(quick, open_quick, upload_close);
    upload_end_all();
    return failed;
}
