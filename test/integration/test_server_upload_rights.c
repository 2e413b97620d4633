/*
 * Who may upload and remove avatars, one at a time of each visitor; and the ends of a server in between: what
 * a stopped or killed one leaves, a folder that cannot be written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "integration/upload_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One at a time of each, and few of all. */
static void test_how_many(void **state)
{
    (void)state;
    static const char *const from[] = {FROM("192.0.2.1"), FROM("192.0.2.2"), FROM("192.0.2.3"),
                                       FROM("192.0.2.4"), FROM("192.0.2.5")};
    char job[4][96];
    for (size_t i = 0; i < 4; i++)
        begin(GOOD "X", from[i], "hang", job[i]);
    refused(GOOD "X", from[0], "face", 429, "one_at_a_time");
    refused(GOOD "X", from[4], "face", 503, "busy");
    json_decref(wait_job(job[0], NULL, "running"));
    json_t *j = ask("GET", job[2], NULL, 200);
    assert_string_equal(member(j, "state"), "waiting");
    json_decref(j);
    tell("DELETE", job[2], from[2], 204); /* it never began */
    tell("GET", job[2], NULL, 404);
    for (size_t i = 0; i < 4; i++)
        if (i != 2)
            tell("DELETE", job[i], NULL, 204);
    json_decref(wait_job(job[0], NULL, "cancelled"));
}

/* Whose it is: another client may look, but not remove. */
static void test_whose(void **state)
{
    (void)state;
    char job[96];
    begin(GOOD "Mine", FROM("192.0.2.1") ME, "face", job);
    await_job(job, "done");
    json_t *one = listed("mine", FROM("192.0.2.2") HER);
    assert_true(json_is_false(json_object_get(one, "removable")));
    json_decref(one);
    one = listed("mine", FROM("192.0.2.2") ME); /* the name counts, not the place */
    assert_true(json_is_true(json_object_get(one, "removable")));
    json_decref(one);
    json_t *j = ask("DELETE", "/api/avatars/mine", FROM("192.0.2.2") HER, 403);
    assert_string_equal(member(j, "code"), "not_yours");
    json_decref(j);
    tell("DELETE", "/api/avatars/mine", FROM("192.0.2.1"), 403);
    tell("DELETE", "/api/avatars/fake", FROM("192.0.2.1") ME, 404);

    char path[200];
    upload_path(path, "mine/upload.json"); /* the name itself is told to nobody */
    char *text;
    size_t len;
    assert_int_equal(ac_read_file(path, 4096, &text, &len), 0);
    assert_null(strstr(text, "mine"));
    free(text);

    struct ws_client c; /* not while it is shown */
    open_client(&c, world.port, "/ws/shown");
    size_t from = c.n;
    ws_text(&c, "{\"type\":\"hello\",\"avatar\":\"mine\"}");
    expect(&c, "session_ready", from);
    j = ask("DELETE", "/api/avatars/mine", FROM("192.0.2.1") ME, 409);
    assert_string_equal(member(j, "code"), "shown");
    json_decref(j);
    ws_close(&c);
    for (int i = 0;; i++) {
        struct http_response r;
        assert_true(http_request_to(world.port, "DELETE", "/api/avatars/mine", FROM("192.0.2.1") ME, &r));
        int status = r.status;
        http_free(&r);
        if (status == 204)
            break;
        assert_true(status == 409 && i < 200);
        ac_sleep_us(10000);
    }
}

struct right {
    const char *setting;
    bool tokens;
    const char *headers;
    int status;
};

static void test_rights(void **state)
{
    (void)state;
    static const struct right cases[] = {
        {"server.avatar_uploads=admin", false, "", 202},
        {"server.avatar_uploads=admin", false, FROM("192.0.2.1"), 403},
        {"server.avatar_uploads=clients", false, FROM("192.0.2.1"), 202},
        {"server.avatar_uploads=none", false, "", 403},
        {"server.avatar_uploads=admin", true, "", 401},
        {"server.avatar_uploads=admin", true, BEARER(CLIENT_TOKEN), 401},
        {"server.avatar_uploads=admin", true, BEARER(ADMIN_TOKEN), 202},
        {"server.avatar_uploads=clients", true, "", 401},
        {"server.avatar_uploads=clients", true, BEARER(CLIENT_TOKEN), 202},
        {"server.avatar_uploads=clients", true, BEARER(ADMIN_TOKEN), 202},
        {"server.avatar_uploads=none", true, BEARER(ADMIN_TOKEN), 403},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct right *c = &cases[i];
        const char *sets[] = {c->setting, "server.trusted_proxies=127.0.0.1", NULL};
        if (c->tokens) {
            setenv("AVATAR_CHAT_CLIENT_TOKENS", CLIENT_TOKEN, 1);
            setenv("AVATAR_CHAT_ADMIN_TOKEN", ADMIN_TOKEN, 1);
        }
        world_open(&world, sets, NULL);
        unsetenv("AVATAR_CHAT_CLIENT_TOKENS");
        unsetenv("AVATAR_CHAT_ADMIN_TOKEN");
        json_t *s = ask("GET", "/api/status", c->headers, 200), *u = json_object_get(s, "uploads");
        assert_int_equal(json_is_true(json_object_get(u, "allowed")), c->status == 202);
        assert_int_equal(json_integer_value(json_object_get(u, "max_bytes")), 100000000);
        json_decref(s);
        int status;
        json_t *j = upload(GOOD "X", c->headers, "face", 4, &status);
        if (status != c->status)
            fail_msg("case %zu: %d", i, status);
        if (status != 202)
            tell("DELETE", "/api/avatars/fake", c->headers, c->status);
        if (status != 202)
            tell("GET", "/api/avatars/jobs/x", c->headers, c->status);
        json_decref(j);
        world_close(&world);
        upload_clear();
    }
}

/* ---- ends ---- */

static void test_stop_in_between(void **state)
{
    (void)state;
    char job[96], path[200];
    upload_open_behind_proxy(NULL);
    begin(GOOD "A", FROM("192.0.2.1"), "hang", job);
    await_job(job, "running");
    begin(GOOD "B", FROM("192.0.2.2"), "face", job);
    int fd = dial();
    put(fd, upload_half);
    ac_sleep_us(50000);
    world_close(&world);
    close(fd);
    assert_int_equal(upload_files(), 0);
    /* and what a killed server left is gone after the next start */
    upload_path(path, ".upload-a1B2c3");
    FILE *g = fopen(path, "w");
    assert_non_null(g);
    fclose(g);
    upload_path(path, ".removed-x-1");
    assert_int_equal(mkdir(path, 0755), 0);
    upload_path(path, ".removed-x-1/a.jpg");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    upload_open_behind_proxy(NULL);
    assert_int_equal(upload_files(), 0);
    world_close(&world);
}

static void test_folder_cannot_be(void **state)
{
    (void)state;
    char path[200];
    upload_clear();
    upload_path(path, "");
    path[strlen(path) - 1] = '\0'; /* the folder itself, as a file */
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    world_open(&world, NULL, NULL);
    int status;
    json_t *j = upload(GOOD "X", NULL, "face", 4, &status);
    assert_int_equal(status, 503);
    assert_non_null(strstr(member(j, "detail"), "Not a directory"));
    json_decref(j);
    world_close(&world);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest proxied[] = {CLEARED(test_how_many), CLEARED(test_whose)};
    const struct CMUnitTest own[] = {CLEARED(test_rights), CLEARED(test_stop_in_between),
                                     CLEARED(test_folder_cannot_be)};
    if (!upload_begin_all())
        return 1;
    int failed = cmocka_run_group_tests(proxied, upload_open_behind_proxy, upload_close);
    failed += cmocka_run_group_tests(own, NULL, NULL);
    upload_end_all();
    return failed;
}
