/* Recognition by a web service, against one that answers by a script and fails in every way that services do.
 */
#include "asr_engine.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake/fake_http.h"

extern const struct ac_handler_info ac_handler_asr_openai;

static const char OK[] = "{\"text\": \" Who are you? \"}";
static int16_t pcm[RATE];

struct service {
    struct fake_http *http;
    struct engine engine;
    struct ear ear;
};

static void prepare(struct engine *e, const char *base_url)
{
    *e = (struct engine){.info = &ac_handler_asr_openai, .env = make_env("asr.openai")};
    e->cfg = ac_zalloc(e->info->cfg_size);
    e->model = ac_zalloc(e->info->model_size);
    for (const struct ac_option *o = e->info->options; o->type; o++)
        set_option(e, o->name, o->def);
    set_option(e, "base_url", base_url);
    set_option(e, "api_key_env", "TEST_ASR_KEY");
}

static void start(struct service *s, const struct fake_reply *script, size_t n)
{
    char url[80];

    s->http = fake_http_start(script, n);
    snprintf(url, sizeof url, "%s/v1/", fake_http_url(s->http));
    prepare(&s->engine, url);
    assert_int_equal(engine_open(&s->engine), 0);
    ear_open(&s->ear, &s->engine);
}

static void stop(struct service *s)
{
    ear_close(&s->ear);
    engine_close(&s->engine);
    fake_http_stop(s->http);
}

static bool has(const char *text, size_t len, const char *what)
{
    return memmem(text, len, what, strlen(what)) != NULL;
}

static void test_request(void **state)
{
    static const struct {
        const char *lang, *field; /* of the form; NULL = none */
    } cases[] = {{"", NULL}, {"auto", NULL}, {"en", "\r\n\r\nen\r\n"}, {"zh-CN", "\r\n\r\nzh\r\n"}};
    const struct fake_reply reply = {.status = 200, .body = OK};

    (void)state;
    setenv("TEST_ASR_KEY", "sk-secret", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service s;
        size_t len;
        start(&s, &reply, 1);
        set_option(&s.engine, "prompt", "avatar");
        const struct ac_transcript *t = ear_recognise(&s.ear, pcm, RATE, cases[i].lang);
        assert_string_equal(t->text, "Who are you?");
        const char *r = fake_http_request(s.http, 0, &len);
        assert_memory_equal(r, "POST /v1/audio/transcriptions HTTP/1.1\r\n", 40);
        assert_true(has(r, len, "Authorization: Bearer sk-secret\r\n"));
        assert_true(has(r, len, "name=\"model\"\r\n\r\nwhisper-1\r\n"));
        assert_true(has(r, len, "name=\"prompt\"\r\n\r\navatar\r\n"));
        assert_true(
            has(r, len, "name=\"file\"; filename=\"speech.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF"));
        assert_int_equal(has(r, len, "name=\"language\""), cases[i].field != NULL);
        if (cases[i].field)
            assert_true(has(r, len, cases[i].field));
        const char *data = memmem(r, len, "data\x00\x7d\x00\x00", 8); /* a second of sound */
        assert_non_null(data);
        assert_memory_equal(data + 8, pcm, sizeof pcm);
        stop(&s);
    }
    unsetenv("TEST_ASR_KEY");
}

static void test_answers(void **state)
{
    static const struct {
        const char *what;
        struct fake_reply script[3];
        size_t n, requests;
        int err;
        const char *said; /* the text, or the reason */
    } cases[] = {
        {"busy, then well",
         {{.status = 429, .head = "Retry-After: 0\r\n", .body = "{}"}, {.status = 200, .body = OK}},
         2,
         2,
         0,
         "Who are you?"},
        {"breaks, then well", {{.status = 0}, {.status = 200, .body = OK}}, 2, 2, 0, "Who are you?"},
        {"breaks off",
         {{.status = 200, .body = OK, .break_at = 9}, {.status = 200, .body = OK}},
         2,
         2,
         0,
         "Who are you?"},
        {"502 for ever",
         {{.status = 502, .body = "<h1>Bad gateway</h1>"}},
         1,
         3,
         AC_EENGINE,
         "HTTP 502: <h1>Bad gateway"},
        {"no quota",
         {{.status = 429, .body = "{\"error\": {\"message\": \"You exceeded your quota\"}}"}},
         1,
         3,
         AC_EBUSY,
         "You exceeded your quota"},
        {"no key",
         {{.status = 401, .body = "{\"error\": {\"message\": \"bad key\"}}"}},
         1,
         1,
         AC_ECONFIG,
         "refuses the key (HTTP 401): put one into TEST_ASR_KEY"},
        {"no such path",
         {{.status = 404, .body = "{\"detail\":\"Not Found\"}"}},
         1,
         1,
         AC_ECONFIG,
         "check asr.openai.base_url"},
        {"too large", {{.status = 413, .body = "too large"}}, 1, 1, AC_EENGINE, "HTTP 413: too large"},
        {"a web page",
         {{.status = 200, .head = "Content-Type: text/html\r\n", .body = "<!doctype html>\n<title>x"}},
         1,
         1,
         AC_EENGINE,
         "answers with text/html, not JSON (<!doctype html> <title>x)"},
        {"other JSON", {{.status = 200, .body = "{\"answer\": 42}"}}, 1, 1, AC_EENGINE, "has no text"},
        {"text is no text", {{.status = 200, .body = "{\"text\": null}"}}, 1, 1, AC_EENGINE, "has no text"},
        {"half of JSON", {{.status = 200, .body = "{\"text\": \"Wh"}}, 1, 1, AC_EENGINE, "not JSON"},
        {"nothing said", {{.status = 200, .body = "{\"text\": \"\", \"language\": \"de\"}"}}, 1, 1, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service s;
        start(&s, cases[i].script, cases[i].n);
        int err = ear_hear(&s.ear, pcm, RATE, 1600, "");
        err = err ? err : ear_finish(&s.ear, NULL);
        const char *said = err ? s.ear.env.reason : s.ear.last->transcript.text;
        if (err != cases[i].err || (*cases[i].said ? !strstr(said, cases[i].said) : *said != 0))
            fail_msg("%s: %s: %s", cases[i].what, ac_err_name(err), said);
        if (fake_http_count(s.http) != cases[i].requests)
            fail_msg("%s: %zu requests", cases[i].what, fake_http_count(s.http));
        s.engine.info->reset(s.ear.inst);
        stop(&s);
    }
}

static void test_too_short_is_not_sent(void **state)
{
    const struct fake_reply reply = {.status = 200, .body = OK};
    struct service s;

    (void)state;
    start(&s, &reply, 1);
    assert_string_equal(ear_recognise(&s.ear, pcm, 1000, "")->text, "");
    assert_int_equal(fake_http_count(s.http), 0);
    stop(&s);
}

static void *trigger_soon(void *cancel)
{
    ac_sleep_us(100000);
    ac_cancel_trigger(cancel);
    return NULL;
}

/* Interrupted while it waits for the answer, and while it waits to ask again. */
static void test_interruption(void **state)
{
    const struct fake_reply scripts[] = {{.status = 200, .body = OK, .delay_ms = 3000},
                                         {.status = 503, .head = "Retry-After: 8\r\n", .body = "later"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ac_cancel *cancel = ac_cancel_new(NULL);
        struct service s;
        pthread_t thread;
        start(&s, &scripts[i], 1);
        assert_int_equal(ear_hear(&s.ear, pcm, RATE, RATE, ""), 0);
        int64_t begun_us = ac_now_us();
        pthread_create(&thread, NULL, trigger_soon, cancel);
        assert_int_equal(ear_finish(&s.ear, cancel), AC_ECANCELED);
        assert_true(ac_now_us() - begun_us < 2500000); /* not as long as the server takes */
        pthread_join(thread, NULL);
        assert_int_equal(s.ear.finals, 0);
        ac_cancel_unref(cancel);
        stop(&s);
    }
}

/* Five failures in a row, and it is not asked any more. */
static void test_left_alone(void **state)
{
    const struct fake_reply down = {
        .status = 503, .head = "Retry-After: 0\r\n", .body = "down", .keep = true};
    struct service s;

    (void)state;
    start(&s, &down, 1);
    set_option(&s.engine, "retries", "0");
    for (int i = 1; i <= 7; i++) {
        assert_int_equal(ear_hear(&s.ear, pcm, RATE, RATE, ""), 0);
        assert_int_equal(ear_finish(&s.ear, NULL), i <= 5 ? AC_EENGINE : AC_EBUSY);
        assert_int_equal(fake_http_count(s.http), i <= 5 ? i : 5);
        s.engine.info->reset(s.ear.inst);
    }
    assert_non_null(strstr(s.ear.env.reason, "failed 5 times in a row and is left alone for"));
    stop(&s);
}

static void test_no_answer_in_time(void **state)
{
    const struct fake_reply slow = {.status = 200, .body = OK, .delay_ms = 2500};
    struct service s;

    (void)state;
    start(&s, &slow, 1);
    set_option(&s.engine, "timeout_s", "1");
    set_option(&s.engine, "retries", "0");
    assert_int_equal(ear_hear(&s.ear, pcm, RATE, RATE, ""), 0);
    assert_int_equal(ear_finish(&s.ear, NULL), AC_ETIMEDOUT);
    assert_non_null(strstr(s.ear.env.reason, "no answer came in time"));
    stop(&s);
}

static void test_unreachable(void **state)
{
    struct engine e;
    struct ear ear;

    (void)state;
    prepare(&e, "http://127.0.0.1:9/v1");
    set_option(&e, "retries", "1");
    assert_int_equal(engine_open(&e), 0);
    ear_open(&ear, &e);
    assert_int_equal(ear_hear(&ear, pcm, RATE, RATE, ""), 0);
    assert_int_equal(ear_finish(&ear, NULL), AC_EIO);
    assert_non_null(strstr(ear.env.reason, "http://127.0.0.1:9/v1/audio/transcriptions: "));
    ear_close(&ear);
    engine_close(&e);
}

static void test_configuration(void **state)
{
    static const char key_file[] = "/tmp/ac-test-asr-key";
    static const struct {
        const char *base_url, *key,
            *file; /* content of the key file; NULL = option not set, "" = no such file */
        int err;
        const char *said;
    } cases[] = {
        {"", NULL, NULL, AC_ECONFIG, "base_url is not set"},
        {"localhost:8000/v1", NULL, NULL, AC_ECONFIG, "does not begin with http://"},
        {"http://localhost/v1", "a\nb", NULL, AC_ECONFIG, "the key in TEST_ASR_KEY has characters"},
        {"http://localhost/v1", NULL, "", AC_ECONFIG, "api_key_file '/tmp/ac-test-asr-key' cannot be read"},
        {"http://localhost/v1", NULL, "two words\n", AC_ECONFIG,
         "the key in /tmp/ac-test-asr-key has characters"},
        {"http://localhost/v1", NULL, "sk-good\n", 0, ""},
        {"https://localhost/v1", "sk-good", NULL, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine e;
        prepare(&e, cases[i].base_url);
        unsetenv("TEST_ASR_KEY");
        if (cases[i].key)
            setenv("TEST_ASR_KEY", cases[i].key, 1);
        unlink(key_file);
        if (cases[i].file && *cases[i].file) {
            FILE *f = fopen(key_file, "w");
            fputs(cases[i].file, f);
            fclose(f);
        }
        if (cases[i].file)
            set_option(&e, "api_key_file", key_file);
        int err = engine_open(&e);
        if (err != cases[i].err || !strstr(e.env.reason, cases[i].said) || strstr(e.env.reason, "sk-"))
            fail_msg("%zu: %s: %s", i, ac_err_name(err), e.env.reason);
        engine_close(&e);
    }
    unlink(key_file);
    unsetenv("TEST_ASR_KEY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),      cmocka_unit_test(test_answers),
        cmocka_unit_test(test_interruption), cmocka_unit_test(test_too_short_is_not_sent),
        cmocka_unit_test(test_left_alone),   cmocka_unit_test(test_no_answer_in_time),
        cmocka_unit_test(test_unreachable),  cmocka_unit_test(test_configuration),
    };

    unsetenv("http_proxy");
    unsetenv("TEST_ASR_KEY");
    make_noise(pcm, RATE, 1000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
