/* Speech by a web service, against one that answers by a script and fails in every way that services do. */
#include "remote_engine.h"

#include "fake/fake_http.h"

#include <pthread.h>

extern const struct ac_handler_info ac_handler_tts_openai;

enum { N = 24000 };
static const char TEXT[] = "It costs $3.50, my friend.";
static char pcm[2 * N];

struct service {
    struct fake_http *http;
    struct remote engine;
    char url[80], dir[64];
};

static void start_with(struct service *s, const struct fake_reply *script, size_t n,
                       const char *const *options)
{
    *s = (struct service){.http = fake_http_start(script, n)};
    snprintf(s->url, sizeof s->url, "%s/v1/", fake_http_url(s->http));
    remote_make_dir(s->dir, sizeof s->dir);
    remote_prepare(&s->engine, &ac_handler_tts_openai);
    remote_set(&s->engine, "base_url", s->url);
    remote_set(&s->engine, "api_key_env", "TEST_TTS_KEY");
    remote_set(&s->engine, "cache_mb", "0");
    remote_set(&s->engine, "cache_dir", s->dir);
    for (; options && *options; options += 2)
        remote_set(&s->engine, options[0], options[1]);
    int err = remote_open(&s->engine);
    if (err)
        fail_msg("%s", s->engine.env.reason);
}

static void stop(struct service *s)
{
    remote_close(&s->engine);
    fake_http_stop(s->http);
    remote_remove_dir(s->dir);
}

static bool has(struct service *s, size_t i, const char *what)
{
    size_t len;
    const char *r = fake_http_request(s->http, i, &len);

    return r && strstr(r, what);
}

static struct fake_reply good(void)
{
    return (struct fake_reply){
        .status = 200, .head = "Content-Type: audio/pcm\r\n", .body = pcm, .len = sizeof pcm};
}

/* ---- what is asked ---- */

static void test_request(void **state)
{
    static const char *const options[] = {"voices",
                                          "en=emma zh=xiao zh/male=yun, zh-TW=mei de/male=max",
                                          "instructions",
                                          "Be \"kind\".",
                                          "extra_body",
                                          "{\"volume\": 2, \"model\": \"m\"}",
                                          NULL};
    static const struct {
        const char *text;
        struct ac_text how;
        const char *want[3];
    } cases[] = {
        {"Hi there.", {.lang = ""}, {"\"voice\":\"emma\"", "\"input\":\"Hi there.\"", "\"volume\":2"}},
        {"你好。",
         {.gender = "male"},
         {"\"voice\":\"yun\"", "\"response_format\":\"pcm\"", "\"model\":\"m\""}},
        {"你好。", {.gender = "female"}, {"\"voice\":\"xiao\"", "\"instructions\":\"Be \\\"kind\\\".\"", ""}},
        {"你好。", {.lang = "zh-TW", .gender = "male"}, {"\"voice\":\"mei\"", "", ""}},
        {"Hallo.",
         {.lang = "de", .gender = "male", .rate = 1.25f},
         {"\"voice\":\"max\"", "\"speed\":1.25", ""}},
        {"Hallo.", {.lang = "de"}, {"\"voice\":\"alloy\"", "", ""}},
        {"Hi.", {.voice = "openai:nova"}, {"\"voice\":\"nova\"", "", ""}},
        {TEXT, {.lang = "en"}, {"three dollars fifty", "", ""}},
    };
    const struct fake_reply reply = good();

    (void)state;
    setenv("TEST_TTS_KEY", "sk-secret", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service s;
        struct heard h = {0};
        start_with(&s, &reply, 1, options);
        assert_int_equal(remote_say_as(&s.engine, cases[i].text, &cases[i].how, &h), 0);
        assert_true(has(&s, 0, "POST /v1/audio/speech HTTP/1.1\r\n"));
        assert_true(has(&s, 0, "Authorization: Bearer sk-secret\r\n"));
        assert_true(has(&s, 0, "Content-Type: application/json\r\n"));
        for (size_t k = 0; k < 3; k++) {
            if (!has(&s, 0, cases[i].want[k]))
                fail_msg("case %zu: no %s", i, cases[i].want[k]);
        }
        if (cases[i].how.rate == 0)
            assert_false(has(&s, 0, "\"speed\""));
        assert_int_equal(h.rate_hz, 24000);
        assert_int_equal(h.n, N);
        assert_memory_equal(h.pcm, pcm, sizeof pcm);
        heard_check(&h, cases[i].text);
        heard_free(&h);
        stop(&s);
    }
    unsetenv("TEST_TTS_KEY");
}

/* ---- what is answered ---- */

static void add32(struct ac_str *s, uint32_t v)
{
    char b[4] = {(char)v, (char)(v >> 8), (char)(v >> 16), (char)(v >> 24)};

    ac_str_add_n(s, b, 4);
}

static void test_forms(void **state)
{
    struct ac_str wav = {0};
    char *mp3;
    size_t mp3_len;

    (void)state;
    ac_str_add_n(&wav, "RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0", 24);
    add32(&wav, 22050);
    add32(&wav, 44100);
    ac_str_add_n(&wav, "\2\0\x10\0data\xff\xff\xff\xff", 12);
    ac_str_add_n(&wav, pcm, sizeof pcm);
    assert_int_equal(ac_read_file("test/data/speech.mp3", 1 << 20, &mp3, &mp3_len), 0);
    const struct {
        const char *format;
        struct fake_reply reply;
        int rate_hz;
        size_t least;
    } cases[] = {
        {"wav", {.status = 200, .body = wav.p, .len = wav.len}, 22050, N},
        {"pcm", {.status = 200, .body = wav.p, .len = wav.len}, 22050, N}, /* a server that knows better */
        {"mp3", {.status = 200, .body = mp3, .len = mp3_len}, 24000, 2 * N},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const options[] = {"response_format", cases[i].format, NULL};
        struct service s;
        struct heard h = {0};
        start_with(&s, &cases[i].reply, 1, options);
        assert_int_equal(remote_say(&s.engine, TEXT, &h), 0);
        heard_check(&h, TEXT);
        assert_int_equal(h.rate_hz, cases[i].rate_hz);
        assert_true(h.n >= cases[i].least);
        heard_free(&h);
        stop(&s);
    }
    ac_str_free(&wav);
    free(mp3);
}

/* The first sound goes on before the last has come. */
static void test_streams(void **state)
{
    const struct fake_piece pieces[] = {{0, pcm, 9601}, {0, pcm + 9601, 14399}, {300, pcm + 24000, 24000}};
    const struct fake_reply reply = {.status = 200, .pieces = pieces, .n_pieces = 3, .chunked = true};
    struct service s;
    struct heard h = {0};

    (void)state;
    start_with(&s, &reply, 1, NULL);
    assert_int_equal(remote_say(&s.engine, TEXT, &h), 0);
    assert_true(ac_now_us() - h.first_us > 200000);
    assert_int_equal(h.n, N);
    assert_memory_equal(h.pcm, pcm, sizeof pcm);
    heard_free(&h);
    stop(&s);
}

static void test_faults(void **state)
{
    static char half[sizeof pcm];
    const struct fake_reply ok = good();
    const struct {
        struct fake_reply script[2];
        int err;
        size_t requests;
        const char *said;
    } cases[] = {
        {{{.status = 429, .head = "Retry-After: 0\r\n", .body = "{}"}, ok}, 0, 2, ""},
        {{{.status = 429, .head = "Retry-After: 60\r\n", .body = "slow down"}, ok},
         AC_EENGINE,
         1,
         "slow down"},
        {{{.status = 500, .body = "{\"error\": {\"message\": \"out of memory\"}}"},
          {.status = 500, .body = "{\"error\": {\"message\": \"out of memory\"}}"}},
         AC_EENGINE,
         2,
         "500 (voice 'alloy'): out of memory"},
        {{{.status = 401, .body = "{\"error\": {\"message\": \"bad key\"}}"}, ok},
         AC_EENGINE,
         1,
         "TEST_TTS_KEY: bad key"},
        {{{.status = 404, .body = "{\"detail\": \"Not Found\"}"}, ok}, AC_EENGINE, 1, "Not Found"},
        {{{.status = 400,
           .body = "{\"detail\": {\"error\": \"x\", \"message\": \"Voice 'alloy' not found\"}}"},
          ok},
         AC_EENGINE,
         1,
         "Voice 'alloy' not found"},
        {{{.status = 400, .body = "no such voice"}, ok}, AC_EENGINE, 1, "no such voice"},
        {{{.status = 200, .body = "{\"error\": \"busy\"}"}, ok}, AC_EENGINE, 1, "instead of sound: busy"},
        {{{.status = 200, .body = "OggS\1\2\3\4"}, ok}, AC_EENGINE, 1, "Ogg"},
        {{{.status = 200, .body = ""}, ok}, AC_EENGINE, 1, "no sound"},
        {{{.status = 200, .body = half, .len = sizeof half}, ok}, AC_EENGINE, 1, "no sound"}, /* silence */
        {{{.status = 0}, ok}, 0, 2, ""},
        {{{.status = 0}, {.status = 0}}, AC_EIO, 2, "/v1/audio/speech: "},
        {{{.status = 200, .body = pcm, .len = sizeof pcm, .break_at = 20000}, ok},
         AC_EIO,
         1,
         "/v1/audio/speech: "},
        {{{.status = 200, .body = pcm, .len = sizeof pcm, .delay_ms = 600}, ok}, 0, 2, ""},
    };
    static const char *const options[] = {"first_timeout_ms", "300", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service s;
        struct heard h = {0};
        start_with(&s, cases[i].script, 2, options);
        int err = remote_say(&s.engine, TEXT, &h);
        if (err != cases[i].err || fake_http_count(s.http) != cases[i].requests ||
            (err && !strstr(s.engine.env.reason, cases[i].said)))
            fail_msg("case %zu: %s, %zu requests: %s", i, ac_err_name(err), fake_http_count(s.http),
                     s.engine.env.reason);
        if (!err)
            assert_int_equal(h.n, N);
        heard_free(&h);
        stop(&s);
    }
}

static void test_stall(void **state)
{
    const struct fake_piece pieces[] = {{0, pcm, 9600}, {30000, pcm, 9600}};
    const struct fake_reply reply = {.status = 200, .pieces = pieces, .n_pieces = 2, .chunked = true};
    static const char *const options[] = {"stall_timeout_ms", "200", NULL};
    struct service s;
    struct heard h = {0};

    (void)state;
    start_with(&s, &reply, 1, options);
    assert_int_equal(remote_say(&s.engine, TEXT, &h), AC_ETIMEDOUT);
    assert_true(h.pieces > 0);
    assert_int_equal(h.lasts, 0);
    heard_free(&h);
    stop(&s);
}

static void test_breaker(void **state)
{
    const struct fake_reply reply = {.status = 503, .body = "down"};
    static const char *const options[] = {"retries", "0", NULL};
    struct service s;

    (void)state;
    start_with(&s, &reply, 1, options);
    for (int i = 0; i < 5; i++) {
        struct heard h = {0};
        assert_int_equal(remote_say(&s.engine, TEXT, &h), AC_EENGINE);
        heard_free(&h);
    }
    assert_non_null(strstr(s.engine.env.reason, "left alone"));
    assert_int_equal(fake_http_count(s.http), 3);
    stop(&s);
}

static void test_not_its_own(void **state)
{
    static const struct {
        const char *text;
        struct ac_text how;
        int err;
    } cases[] = {{"Hi.", {.voice = "slt"}, AC_ENOTSUP},
                 {"Hi.", {.voice = "zh-CN-YunxiNeural"}, AC_ENOTSUP},
                 {"***", {.lang = ""}, AC_EEMPTY},
                 {"\xff", {.lang = ""}, AC_EUTF8}};
    const struct fake_reply reply = good();
    struct service s;

    (void)state;
    start_with(&s, &reply, 1, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard h = {0};
        assert_int_equal(remote_say_as(&s.engine, cases[i].text, &cases[i].how, &h), cases[i].err);
        heard_free(&h);
    }
    assert_int_equal(fake_http_count(s.http), 0);
    stop(&s);
}

static void test_cancel(void **state)
{
    const struct fake_piece pieces[] = {{0, pcm, 9600}, {30000, pcm, 9600}};
    const struct fake_reply reply = {.status = 200, .pieces = pieces, .n_pieces = 2, .chunked = true};
    struct service s;
    struct heard h = {.cancel_after = 1};
    int64_t start_us = ac_now_us();

    (void)state;
    start_with(&s, &reply, 1, NULL);
    assert_int_equal(remote_say(&s.engine, TEXT, &h), AC_ECANCELED);
    assert_true(ac_now_us() - start_us < 5000000);
    heard_free(&h);
    stop(&s);
}

static void test_cache(void **state)
{
    static const char *const options[] = {"cache_mb", "1", NULL};
    const struct fake_reply reply = good();
    struct service s;

    (void)state;
    start_with(&s, &reply, 1, options);
    for (int i = 0; i < 3; i++) {
        struct heard h = {0};
        assert_int_equal(remote_say(&s.engine, TEXT, &h), 0);
        heard_check(&h, TEXT);
        assert_memory_equal(h.pcm, pcm, sizeof pcm);
        heard_free(&h);
    }
    assert_int_equal(fake_http_count(s.http), 1);
    stop(&s);
}

/* ---- options and voices ---- */

static void test_options(void **state)
{
    static const struct {
        const char *name, *value, *said;
    } cases[] = {
        {"base_url", "", "tts.openai.base_url is not set"},
        {"base_url", "ftp://x", "does not begin with http"},
        {"extra_body", "{", "no JSON object"},
        {"extra_body", "[1]", "no JSON object"},
        {"api_key_file", "/nonexistent", "api_key_file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct remote r;
        remote_prepare(&r, &ac_handler_tts_openai);
        remote_set(&r, "base_url", "http://127.0.0.1:1/v1");
        remote_set(&r, "cache_mb", "0");
        remote_set(&r, cases[i].name, cases[i].value);
        assert_int_equal(remote_open(&r), AC_ECONFIG);
        assert_non_null(strstr(r.env.reason, cases[i].said));
        remote_close(&r);
    }
}

static void note_item(void *arg, const struct ac_item *item)
{
    ac_str_addf(arg, "%s(%s) ", item->id, item->lang);
}

static void test_list(void **state)
{
    static const char *const options[] = {"voices", "en=emma zh/male=yun", NULL};
    static const struct {
        struct fake_reply reply;
        const char *voices;
    } cases[] = {
        {{.status = 200,
          .body = "{\"voices\": [\"af_heart\", {\"id\": \"zf_xiaobei\", \"language\": \"zh\"}, {\"name\": "
                  "\"x\"}]}"},
         "openai:af_heart() openai:zf_xiaobei(zh) openai:x() "},
        {{.status = 404, .body = "no"}, "openai:alloy() openai:emma(en) openai:yun(zh) "},
        {{.status = 200, .body = "<html>"}, "openai:alloy() openai:emma(en) openai:yun(zh) "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service s;
        struct ac_str all = {0};
        start_with(&s, &cases[i].reply, 1, options);
        assert_int_equal(s.engine.info->list(s.engine.model, s.engine.cfg, &s.engine.env, note_item, &all),
                         0);
        assert_string_equal(all.p, cases[i].voices);
        assert_true(has(&s, 0, "GET /v1/audio/voices"));
        ac_str_free(&all);
        stop(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request), cmocka_unit_test(test_forms),       cmocka_unit_test(test_streams),
        cmocka_unit_test(test_faults),  cmocka_unit_test(test_stall),       cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_cancel),  cmocka_unit_test(test_not_its_own), cmocka_unit_test(test_cache),
        cmocka_unit_test(test_options), cmocka_unit_test(test_list),
    };

    for (int i = 0; i < N; i++) { /* loud at both ends, so that nothing is trimmed */
        int v = i % 100 < 50 ? 5000 + i % 7 : -5000;
        pcm[2 * i] = (char)v;
        pcm[2 * i + 1] = (char)(v >> 8);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
