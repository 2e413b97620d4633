/*
 * Avatars by upload, on the wire: the whole way, ids, what is refused and with which words, progress and
 * cancelling. The others of this name: bodies that are not as announced (_bodies), who may, and ends
 * (_rights).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "integration/upload_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned sum_of(const char *bytes, size_t len)
{
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + (unsigned char)bytes[i];
    return sum;
}

static void test_whole_way(void **state)
{
    (void)state;
    char job[96], line[64];
    begin(GOOD "Eileen%20Collins&gender=female&licence=Public%20domain%2C%20NASA", ME, "face of a person",
          job);
    json_t *j = wait_job(job, NULL, "done"), *avatar = json_object_get(j, "avatar");
    assert_string_equal(member(j, "id"), "eileen-collins");
    assert_string_equal(member(avatar, "id"), "eileen-collins");
    assert_string_equal(member(avatar, "name"), "Eileen Collins");
    assert_string_equal(member(avatar, "preview"), "/api/avatars/eileen-collins/preview.jpg");
    assert_true(json_is_null(json_object_get(j, "problem")));
    assert_float_equal(json_real_value(json_object_get(j, "progress")), 1, 0);
    snprintf(line, sizeof line, "16 bytes, sum %u", sum_of("face of a person", 16));
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "found"), 0)), line);
    json_decref(j);

    json_t *one = listed("eileen-collins", ME);
    assert_non_null(one);
    assert_string_equal(member(one, "engine"), "fake");
    assert_string_equal(member(one, "gender"), "female");
    assert_string_equal(member(one, "note"), "");
    assert_true(json_is_true(json_object_get(one, "removable")));
    json_decref(one);

    struct http_response r;
    assert_true(http_request_to(world.port, "GET", "/api/avatars/eileen-collins/preview.jpg", NULL, &r));
    assert_int_equal(r.status, 200);
    assert_string_equal(http_header(&r, "content-type"), "image/jpeg");
    assert_int_equal(r.len, 15);
    http_free(&r);
    tell("GET", "/api/avatars/eileen-collins/poster.jpg?size=256", NULL, 200);
    tell("GET", "/api/avatars/fake/preview.jpg", NULL, 404); /* it was not uploaded */
    tell("GET", "/api/avatars/nobody/preview.jpg", NULL, 404);

    tell("DELETE", "/api/avatars/eileen-collins", NULL, 204);
    assert_null(listed("eileen-collins", NULL));
    tell("DELETE", "/api/avatars/eileen-collins", NULL, 404);
    tell("GET", "/api/avatars/eileen-collins/preview.jpg", NULL, 404);
    assert_int_equal(upload_files(), 0);
}

/* Far more than is held at a time: every byte arrives, in order. */
static void test_large_file(void **state)
{
    (void)state;
    enum { LEN = 30000000 };
    char *bytes = ac_alloc(LEN), line[64];
    unsigned x = 7;
    for (size_t i = 0; i < LEN; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = i < 5 ? "face "[i] : (char)(x >> 24);
    }
    int status;
    json_t *j = upload(GOOD "Large", NULL, bytes, LEN, &status);
    assert_int_equal(status, 202);
    char job[96];
    snprintf(job, sizeof job, "/api/avatars/jobs/%s", member(j, "job"));
    json_decref(j);
    j = wait_job(job, NULL, "done");
    snprintf(line, sizeof line, "%d bytes, sum %u", LEN, sum_of(bytes, LEN));
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "found"), 0)), line);
    json_decref(j);
    free(bytes);
}

static void test_ids(void **state)
{
    (void)state;
    char long_query[40 * 12 + 1] = "", long_name[40 * 4 + 1] = ""; /* as long as one can be, in bytes too */
    for (int i = 0; i < 40; i++) {
        strcat(long_query, "%F0%9F%98%80");
        strcat(long_name, "\xf0\x9f\x98\x80");
    }
    const struct {
        const char *query, *id, *name;
    } cases[] = {
        {"Ann%20%26%20Bob%3D2", "ann-bob-2", "Ann & Bob=2"},
        {"ANN+BOB%3D2", "ann-bob-2-2", NULL},
        {"%E6%9F%AF%E6%9E%97%E6%96%AF", "avatar", "\xe6\x9f\xaf\xe6\x9e\x97\xe6\x96\xaf"},
        {"%E6%9D%8E", "avatar-2", NULL},
        {"fake", "fake-2", "fake"}, /* one that is no upload */
        {"..%2F..%2Fetc", "etc", "../../etc"},
        {"X&id=my_own-1", "my_own-1", "X"},
        {long_query, "avatar-3", long_name},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = ac_asprintf(GOOD "%s", cases[i].query), job[96];
        begin(path, NULL, "face", job);
        json_t *j = wait_job(job, NULL, "done"), *avatar = json_object_get(j, "avatar");
        assert_string_equal(member(avatar, "id"), cases[i].id);
        if (cases[i].name)
            assert_string_equal(member(avatar, "name"), cases[i].name);
        json_decref(j);
        free(path);
    }
    refused(GOOD "X&id=my_own-1", NULL, "face", 409, "id_taken");
    refused(GOOD "X&id=fake", NULL, "face", 409, "id_taken");
}

/* ---- refusals ---- */

static void test_fields(void **state)
{
    (void)state;
    char *long_name = ac_asprintf(GOOD "%041d", 0), *long_value = ac_asprintf(GOOD "X&licence=%0600d", 0),
         *huge_value = ac_asprintf(GOOD "X&licence=%02000d", 0),
         *huge_field = ac_asprintf(GOOD "X&%01500d=1", 0);
    const struct {
        const char *path, *headers;
        int status;
        const char *code;
    } cases[] = {
        {"/api/avatars", NULL, 422, "name"},
        {"/api/avatars?consent=true", NULL, 422, "name"},
        {GOOD, NULL, 422, "name"},
        {GOOD "%20%20", NULL, 422, "name"},
        {GOOD "a%09b", NULL, 422, "name"},
        {GOOD "%FF%FE", NULL, 422, "name"},
        {long_name, NULL, 422, "name"},
        {"/api/avatars?name=X", NULL, 422, "consent"},
        {"/api/avatars?name=X&consent=false", NULL, 422, "consent"},
        {"/api/avatars?name=X&consent", NULL, 422, "consent"},
        {GOOD "X&gender=other", NULL, 422, "gender"},
        {GOOD "X&id=..", NULL, 422, "id"},
        {GOOD "X&id=A", NULL, 422, "id"},
        {GOOD "X&id=-a", NULL, 422, "id"},
        {GOOD "X&licence=a%7Fb", NULL, 422, "licence"},
        {long_value, NULL, 422, "licence"},
        {huge_value, NULL, 422, "field"},
        {huge_field, NULL, 422, "field"},
        {GOOD "X&colour=red", NULL, 400, "field"},
        {GOOD "X", "Content-Type: multipart/form-data; boundary=x\r\n", 415, "form"},
        {GOOD "X", "Content-Type: Multipart/Form-Data\r\n", 415, "form"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].path, cases[i].headers, "face", cases[i].status, cases[i].code);
    refused(GOOD "X", NULL, "", 400, "empty");
    free(long_name);
    free(long_value);
    free(huge_value);
    free(huge_field);
    tell("POST", "/api/avatars?name=X&consent=true", "Transfer-Encoding: chunked\r\n", 411);
    tell("POST", "/api/avatars?name=X&consent=true", "Origin: https://evil.example\r\nContent-Length: 4\r\n",
         403);
    assert_int_equal(upload_files(), 0);
}

static void test_maker_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
        const char *code, *sentence;
    } cases[] = {
        {"nobody here", 422, "face_none", "there is no face"},
        {"break", 503, "engine_failed", "told to break"},
    };
    for (size_t i = 0; i < 2; i++) {
        char job[96];
        begin(GOOD "X", NULL, cases[i].text, job);
        json_t *j = wait_job(job, NULL, "failed"), *p = json_object_get(j, "problem");
        assert_int_equal(json_integer_value(json_object_get(p, "status")), cases[i].status);
        assert_string_equal(member(p, "code"), cases[i].code);
        assert_non_null(strstr(member(p, "detail"), cases[i].sentence));
        assert_true(json_is_null(json_object_get(j, "avatar")));
        json_decref(j);
        tell("DELETE", job, NULL, 204); /* forgotten */
        tell("GET", job, NULL, 404);
        assert_null(listed("x", NULL));
    }
    assert_int_equal(upload_files(), 0);
}

static void test_progress_and_cancel(void **state)
{
    (void)state;
    char job[96];
    double before = 0;
    begin(GOOD "Slow", NULL, "slow", job);
    json_decref(wait_job(job, NULL, "running"));
    for (int i = 0; i < 10; i++) {
        json_t *j = ask("GET", job, NULL, 200);
        double now = json_real_value(json_object_get(j, "progress"));
        assert_true(now >= before && now <= 1);
        if (!strcmp(member(j, "state"), "running") && now > 0)
            assert_true(strlen(member(j, "step")) > 0);
        before = now;
        json_decref(j);
        ac_sleep_us(20000);
    }
    assert_true(before > 0);
    json_decref(wait_job(job, NULL, "done"));
    tell("DELETE", "/api/avatars/slow", NULL, 204);

    begin(GOOD "Hang", NULL, "hang", job);
    await_job(job, "running");
    refused(GOOD "Second", NULL, "face", 429, "one_at_a_time");
    tell("DELETE", job, NULL, 204);
    await_job(job, "cancelled");
    assert_null(listed("hang", NULL));
    tell("DELETE", "/api/avatars/jobs/0123456789abcdef0123456789abcdef", NULL, 404);
    assert_int_equal(upload_files(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEARED(test_whole_way), CLEARED(test_large_file),    CLEARED(test_ids),
        CLEARED(test_fields),    CLEARED(test_maker_refuses), CLEARED(test_progress_and_cancel),
    };
    if (!upload_begin_all())
        return 1;
    int failed = cmocka_run_group_tests(tests, upload_open_plain, upload_close);
    upload_end_all();
    return failed;
}
