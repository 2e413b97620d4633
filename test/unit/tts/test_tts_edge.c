/* The edge engine against a service that checks everything it is asked and fails in every way it can. */
#include "remote_engine.h"

#include "fake/fake_edge.h"
#include "fake/fake_http.h"

#include <pthread.h>

extern const struct ac_handler_info ac_handler_tts_edge;

static const char TEXT[] = "Hello, my friend! 3.5 & more: how are you?";

struct world {
    struct fake_edge *service;
    struct remote engine;
    char url[160], dir[64];
};

static void start_with(struct world *w, const struct fake_edge_config *cfg, const char *const *options)
{
    *w = (struct world){.service = fake_edge_start(cfg)};
    fake_edge_url(w->service, w->url, sizeof w->url);
    remote_make_dir(w->dir, sizeof w->dir);
    setenv("XDG_CACHE_HOME", w->dir, 1);
    remote_prepare(&w->engine, &ac_handler_tts_edge);
    remote_set(&w->engine, "url", w->url);
    remote_set(&w->engine, "cache_mb", "0");
    if (cfg->tls)
        remote_set(&w->engine, "ca_file", fake_edge_ca_file(w->service));
    for (; options && *options; options += 2)
        remote_set(&w->engine, options[0], options[1]);
    assert_int_equal(remote_open(&w->engine), 0);
}

static void start(struct world *w, const int *faults, size_t n)
{
    start_with(w, &(struct fake_edge_config){.faults = faults, .n_faults = n}, NULL);
}

static void stop(struct world *w)
{
    remote_close(&w->engine);
    char *problems = fake_edge_problems(w->service);
    if (*problems)
        fail_msg("%s", problems);
    free(problems);
    fake_edge_stop(w->service);
    remote_remove_dir(w->dir);
}

static void expect_well(struct world *w, const char *text, struct heard *h)
{
    int err = remote_say(&w->engine, text, h);

    if (err) {
        char *problems = fake_edge_problems(w->service);
        fail_msg("%s: %s\n%s", ac_err_name(err), w->engine.env.reason, problems);
        free(problems);
    }
    heard_check(h, text);
}

/* ---- speaking ---- */

static void check_words(const struct heard *h, const char *text, const char *const *want)
{
    size_t n = 0;

    for (; want[n]; n++) {
        assert_true(n < h->n_words);
        const struct ac_word *w = &h->words[n];
        if (strlen(want[n]) != w->text_len || strncmp(text + w->text_start, want[n], w->text_len) != 0)
            fail_msg("word %zu is '%.*s', not '%s'", n, (int)w->text_len, text + w->text_start, want[n]);
    }
    assert_int_equal(n, h->n_words);
}

static void speak(bool tls)
{
    static const char *const words[] = {"Hello", "my",  "friend", "3",   "5", "&",
                                        "more",  "how", "are",    "you", NULL};
    struct world w;
    struct heard h = {0};

    start_with(&w, &(struct fake_edge_config){.tls = tls}, NULL);
    expect_well(&w, TEXT, &h);
    assert_int_equal(h.rate_hz, 24000);
    check_words(&h, TEXT, words);
    /* 3.26 s came; of the silence at both ends a little is left */
    assert_in_range(h.n, 24000 * 2, 24000 * 33 / 10);
    char *ssml = fake_edge_ssml(w.service);
    assert_non_null(strstr(ssml,
                           "(en-US, EmmaMultilingualNeural)'><prosody pitch='+0Hz' rate='+0%' volume='+0%'>"
                           "Hello, my friend! 3.5 &amp; more: how are you?</prosody>"));
    free(ssml);
    heard_free(&h);
    stop(&w);
}

static void test_speaks(void **state)
{
    (void)state;
    speak(false);
}

static void test_speaks_over_tls(void **state)
{
    (void)state;
    speak(true);
}

static void test_chinese(void **state)
{
    static const char text[] = "你好，我是小林。";
    static const char *const words[] = {"你好", "我是", "小林", NULL};
    struct world w;
    struct heard h = {0};

    (void)state;
    start(&w, NULL, 0);
    expect_well(&w, text, &h);
    check_words(&h, text, words);
    char *ssml = fake_edge_ssml(w.service);
    assert_non_null(strstr(ssml, "(zh-CN, XiaoxiaoNeural)"));
    free(ssml);
    heard_free(&h);
    stop(&w);
}

/* Two words in a message are two words. */
static void test_pairs(void **state)
{
    static const int faults[] = {FAKE_EDGE_PAIRS};
    struct world w;
    struct heard h = {0};

    (void)state;
    start(&w, faults, 1);
    expect_well(&w, "one two three four five", &h);
    assert_int_equal(h.n_words, 5);
    heard_free(&h);
    stop(&w);
}

static void test_voices_and_prosody(void **state)
{
    static const struct {
        const char *option, *text;
        struct ac_text how;
        const char *ssml;
    } cases[] = {
        {"", "Hi.", {.gender = "male"}, "(en-US, AndrewMultilingualNeural)"},
        {"", "Hi.", {.lang = "en-GB", .gender = "male"}, "(en-GB, RyanNeural)"},
        {"",
         "你好。",
         {.gender = "male", .rate = 1.25f, .pitch = 2},
         "(zh-CN, YunxiNeural)'><prosody pitch='+115Hz' rate='+25%'"},
        {"",
         "你好。",
         {.lang = "zh-TW", .rate = 0.5f, .pitch = 0.5f},
         "(zh-TW, HsiaoChenNeural)'><prosody pitch='-100Hz' rate='-50%'"},
        {"", "日本語です。", {.gender = ""}, "(ja-JP, NanamiNeural)"},
        {"", "Hi.", {.voice = "zh-CN-liaoning-XiaobeiNeural"}, "(zh-CN-liaoning, XiaobeiNeural)"},
        {"zh-CN-YunxiNeural", "你好。", {.gender = "female"}, "(zh-CN, YunxiNeural)"},
        {"zh-CN-YunxiNeural", "Hi.", {.lang = "en"}, "(en-US, AndrewMultilingualNeural)"},
        {"en-US-EmmaMultilingualNeural", "你好。", {.gender = "male"}, "(en-US, EmmaMultilingualNeural)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const options[] = {"voice", cases[i].option, NULL};
        struct world w;
        struct heard h = {0};
        start_with(&w, &(struct fake_edge_config){0}, options);
        assert_int_equal(remote_say_as(&w.engine, cases[i].text, &cases[i].how, &h), 0);
        char *ssml = fake_edge_ssml(w.service);
        if (!strstr(ssml, cases[i].ssml))
            fail_msg("%zu: no %s in %s", i, cases[i].ssml, ssml);
        free(ssml);
        heard_free(&h);
        stop(&w);
    }
}

static void test_not_its_own(void **state)
{
    static const struct {
        const char *text;
        struct ac_text how;
        int err;
    } cases[] = {{"Hi.", {.voice = "slt"}, AC_ENOTSUP},
                 {"Hi.", {.voice = "x' or '1-2-Neural"}, AC_ENOTSUP},
                 {"Hi.", {.lang = "tlh"}, AC_ENOTSUP},
                 {"***", {.lang = ""}, AC_EEMPTY},
                 {"\xff", {.lang = ""}, AC_EUTF8}};
    struct world w;

    (void)state;
    start(&w, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard h = {0};
        assert_int_equal(remote_say_as(&w.engine, cases[i].text, &cases[i].how, &h), cases[i].err);
        assert_int_equal(h.pieces, 0);
        heard_free(&h);
    }
    assert_int_equal(fake_edge_requests(w.service), 0);
    stop(&w);
}

/* Sound goes on while it comes: the first piece is there long before the last. */
static void test_streams(void **state)
{
    struct world w;
    struct heard h = {0};

    (void)state;
    start_with(&w, &(struct fake_edge_config){.frame_ms = 20}, NULL);
    expect_well(&w, TEXT, &h);
    assert_true(ac_now_us() - h.first_us > 200000); /* 28 pieces of sound, 20 ms apart */
    heard_free(&h);
    stop(&w);
}

/* 40 kB of Chinese without a blank: many requests, one sentence, words in step. */
static void test_long_text(void **state)
{
    struct world w;
    struct heard h = {0};
    struct ac_str text = {0};

    (void)state;
    while (text.len < 40000)
        ac_str_add(&text, "天地玄黄宇宙洪荒日月盈昃辰宿列张，寒来暑往秋收冬藏&闰余成岁律吕调阳。");
    start(&w, NULL, 0);
    expect_well(&w, text.p, &h);
    size_t requests = fake_edge_requests(w.service);
    assert_in_range(requests, 10, 14);
    assert_in_range(h.n, requests * 24000 * 3, requests * 24000 * 34 / 10);
    assert_true(h.n_words > 3000);
    for (size_t i = 1; i < h.n_words; i++)
        assert_true(h.words[i].start_us >= h.words[i - 1].start_us);
    assert_true(h.words[h.n_words - 1].start_us > (int64_t)(requests - 1) * 3000000);
    heard_free(&h);
    ac_str_free(&text);
    stop(&w);
}

/* ---- trouble ---- */

static void test_clock(void **state)
{
    static const int skews[] = {3600 * 5, -3600};

    (void)state;
    for (size_t i = 0; i < sizeof skews / sizeof *skews; i++) {
        struct world w;
        struct heard h = {0};
        start_with(&w, &(struct fake_edge_config){.clock_s = skews[i]}, NULL);
        expect_well(&w, TEXT, &h);
        assert_int_equal(fake_edge_requests(w.service), 2);
        heard_free(&h);
        expect_well(&w, TEXT, &h); /* the correction lasts */
        assert_int_equal(fake_edge_requests(w.service), 3);
        heard_free(&h);
        stop(&w);
    }
}

static void test_faults(void **state)
{
    enum { F = FAKE_EDGE_FINE };
    static const struct {
        int faults[2];
        int err;
        size_t requests;
        const char *said;
    } cases[] = {
        {{FAKE_EDGE_BUSY, F}, AC_EENGINE, 1, "too many requests"},
        {{FAKE_EDGE_DOWN, F}, 0, 2, ""},
        {{FAKE_EDGE_DOWN, FAKE_EDGE_DOWN}, AC_EIO, 2, "answers 503"},
        {{FAKE_EDGE_SHUT_OUT, F}, AC_EENGINE, 1, "gec_version"},
        {{FAKE_EDGE_NO_SOUND, F}, 0, 2, ""},
        {{FAKE_EDGE_NO_SOUND, FAKE_EDGE_NO_SOUND}, AC_EENGINE, 2, "gave no sound"},
        {{FAKE_EDGE_BROKEN_FRAME, F}, AC_EPROTO, 1, "shorter than its header"},
        {{FAKE_EDGE_NOT_MP3, F}, AC_EPROTO, 1, "not MP3"},
        {{FAKE_EDGE_NO_PATH, F}, AC_EPROTO, 1, "unknown kind"},
        {{FAKE_EDGE_STALL_FIRST, F}, 0, 2, ""},
        {{FAKE_EDGE_STALL_FIRST, FAKE_EDGE_STALL_FIRST}, AC_ETIMEDOUT, 2, "nothing for 300 ms"},
        {{FAKE_EDGE_BREAK_FIRST, F}, 0, 2, ""},
        {{FAKE_EDGE_BREAK_FIRST, FAKE_EDGE_BREAK_FIRST}, AC_EIO, 2, "broke off before"},
        {{FAKE_EDGE_STALL, F}, AC_ETIMEDOUT, 1, "nothing for 200 ms"},
        {{FAKE_EDGE_CLOSE, F}, AC_EIO, 1, "in the middle"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const options[] = {"first_timeout_ms", "300", "stall_timeout_ms", "200", NULL};
        struct world w;
        struct heard h = {0};
        start_with(&w, &(struct fake_edge_config){.faults = cases[i].faults, .n_faults = 2}, options);
        int err = remote_say(&w.engine, TEXT, &h);
        if (err != cases[i].err || !strstr(w.engine.env.reason, cases[i].said) ||
            fake_edge_requests(w.service) != cases[i].requests)
            fail_msg("case %zu: %s, %zu requests: %s", i, ac_err_name(err), fake_edge_requests(w.service),
                     w.engine.env.reason);
        if (err && cases[i].requests == 1 && h.pieces) /* it had begun */
            assert_int_equal(h.lasts, 0);
        heard_free(&h);
        stop(&w);
    }
}

static void test_breaker(void **state)
{
    static const int faults[] = {FAKE_EDGE_BUSY};
    struct world w;

    (void)state;
    start(&w, faults, 1);
    for (int i = 0; i < 5; i++) {
        struct heard h = {0};
        assert_int_equal(remote_say(&w.engine, TEXT, &h), AC_EENGINE);
        heard_free(&h);
    }
    assert_non_null(strstr(w.engine.env.reason, "left alone"));
    assert_int_equal(fake_edge_requests(w.service), 3);
    stop(&w);
}

static void test_unreachable(void **state)
{
    struct remote r;
    struct heard h = {0};

    (void)state;
    remote_prepare(&r, &ac_handler_tts_edge);
    remote_set(&r, "url", "ws://127.0.0.1:1/x");
    remote_set(&r, "cache_mb", "0");
    assert_int_equal(remote_open(&r), 0);
    assert_int_equal(remote_say(&r, TEXT, &h), AC_EIO);
    assert_non_null(strstr(r.env.reason, "cannot be reached"));
    heard_free(&h);
    remote_close(&r);
}

static void test_untrusted(void **state)
{
    static const char *const options[] = {"ca_file", "", NULL};
    struct world w;
    struct heard h = {0};

    (void)state;
    start_with(&w, &(struct fake_edge_config){.tls = true}, options);
    assert_int_equal(remote_say(&w.engine, TEXT, &h), AC_EIO);
    assert_non_null(strstr(w.engine.env.reason, "not trusted"));
    heard_free(&h);
    stop(&w);
}

/* ---- interruption ---- */

static void *trigger_soon(void *cancel)
{
    ac_sleep_us(100000);
    ac_cancel_trigger(cancel);
    return NULL;
}

static void test_cancel(void **state)
{
    static const int faults[] = {FAKE_EDGE_STALL_FIRST, FAKE_EDGE_FINE};
    struct world w;
    struct heard h = {.sink = {heard_push}, .cancel = ac_cancel_new(NULL)};
    struct ac_frame *f = ac_frame_new_text(TEXT, sizeof TEXT - 1);
    pthread_t thread;

    (void)state;
    start(&w, faults, 2);
    assert_int_equal(pthread_create(&thread, NULL, trigger_soon, h.cancel), 0);
    assert_int_equal(w.engine.info->process(w.engine.inst, f, &h.sink, h.cancel), AC_ECANCELED);
    pthread_join(thread, NULL);
    assert_int_equal(h.pieces, 0);
    ac_frame_unref(f);
    heard_free(&h);
    h.cancel_after = 3;
    assert_int_equal(remote_say(&w.engine, TEXT, &h), AC_ECANCELED);
    assert_int_equal(h.pieces, 3);
    heard_free(&h);
    expect_well(&w, TEXT, &h); /* it is as before */
    heard_free(&h);
    stop(&w);
}

/* ---- many at once ---- */

struct speaker {
    struct world *w;
    struct remote r;
    int err;
};

static void *say_one(void *arg)
{
    struct speaker *s = arg;
    struct heard h = {0};

    s->err = remote_say(&s->r, TEXT, &h);
    if (!s->err && (h.lasts != 1 || h.n_words != 10))
        s->err = AC_EINTERNAL;
    heard_free(&h);
    return NULL;
}

static void test_line(void **state)
{
    enum { N = 12 };
    static const char *const options[] = {"max_connections", "3", NULL};
    struct world w;
    struct speaker s[N];
    pthread_t threads[N];

    (void)state;
    start_with(&w, &(struct fake_edge_config){.frame_ms = 2}, options);
    for (size_t i = 0; i < N; i++) {
        s[i] = (struct speaker){.w = &w, .r = w.engine};
        s[i].r.inst = ac_zalloc(w.engine.info->inst_size);
        w.engine.info->open(s[i].r.inst, w.engine.model, w.engine.cfg, &s[i].r.env);
        assert_int_equal(pthread_create(&threads[i], NULL, say_one, &s[i]), 0);
    }
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        if (s[i].err)
            fail_msg("%s: %s", ac_err_name(s[i].err), s[i].r.env.reason);
        free(s[i].r.inst);
    }
    assert_in_range(fake_edge_most(w.service), 2, 5); /* those that are being closed are seen for a moment */
    assert_int_equal(fake_edge_requests(w.service), N);
    stop(&w);
}

/* One that is opened ahead is used, and is one of those that may be open. */
static void test_warm(void **state)
{
    static const char *const options[] = {"max_connections", "1", NULL};
    struct world w;
    struct heard h = {0};

    (void)state;
    start_with(&w, &(struct fake_edge_config){0}, options);
    w.engine.info->warm(w.engine.inst, NULL);
    w.engine.info->warm(w.engine.inst, NULL);
    assert_int_equal(fake_edge_requests(w.service), 1);
    expect_well(&w, TEXT, &h);
    heard_free(&h);
    assert_int_equal(fake_edge_requests(w.service), 1);
    expect_well(&w, TEXT, &h);
    heard_free(&h);
    assert_int_equal(fake_edge_requests(w.service), 2);
    w.engine.info->warm(w.engine.inst, NULL); /* left open at the end */
    stop(&w);
}

/* One that was opened ahead and broke meanwhile costs nothing but the time to open another. */
static void test_warm_broken(void **state)
{
    static const int faults[] = {FAKE_EDGE_BREAK_FIRST, FAKE_EDGE_FINE};
    static const char *const options[] = {"retries", "0", NULL};
    struct world w;
    struct heard h = {0};

    (void)state;
    start_with(&w, &(struct fake_edge_config){.faults = faults, .n_faults = 2}, options);
    w.engine.info->warm(w.engine.inst, NULL);
    expect_well(&w, TEXT, &h);
    assert_int_equal(fake_edge_requests(w.service), 2);
    heard_free(&h);
    stop(&w);
}

/* ---- the cache ---- */

static void test_cache(void **state)
{
    static const char *const options[] = {"cache_mb", "1", NULL};
    struct world w;
    struct heard a = {0}, b = {0}, c = {0};

    (void)state;
    start_with(&w, &(struct fake_edge_config){0}, options);
    expect_well(&w, TEXT, &a);
    expect_well(&w, TEXT, &b);
    assert_int_equal(fake_edge_requests(w.service), 1);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.pcm, b.pcm, a.n * sizeof *a.pcm);
    assert_int_equal(a.n_words, b.n_words);
    assert_memory_equal(a.words, b.words, a.n_words * sizeof *a.words);
    assert_int_equal(remote_say_as(&w.engine, TEXT, &(struct ac_text){.rate = 1.5f}, &c), 0);
    assert_int_equal(fake_edge_requests(w.service), 2); /* another speed is another phrase */
    heard_free(&a);
    heard_free(&b);
    heard_free(&c);
    stop(&w);
}

/* ---- voices ---- */

struct listed {
    size_t n, built_in;
    char first[64], lang[16], gender[8];
};

static void note_item(void *arg, const struct ac_item *item)
{
    struct listed *l = arg;

    if (!l->n++) {
        snprintf(l->first, sizeof l->first, "%s", item->id);
        snprintf(l->lang, sizeof l->lang, "%s", item->lang);
        snprintf(l->gender, sizeof l->gender, "%s", item->gender);
    }
    l->built_in += strstr(item->detail, "built-in") != NULL;
}

static struct listed list(struct remote *r)
{
    struct listed l = {0};

    assert_int_equal(r->info->list(r->model, r->cfg, &r->env, note_item, &l), 0);
    return l;
}

static void test_list(void **state)
{
    static const char json[] =
        "[{\"Name\": \"Microsoft Server Speech Text to Speech Voice (af-ZA, AdriNeural)\", \"ShortName\": "
        "\"af-ZA-AdriNeural\", \"Gender\": \"Female\", \"Locale\": \"af-ZA\", \"FriendlyName\": \"Adri\", "
        "\"Status\": \"GA\", \"VoiceTag\": {\"VoicePersonalities\": [\"Friendly\"]}},"
        "{\"ShortName\": \"zu-ZA-ThembaNeural\", \"Gender\": \"Male\", \"Locale\": \"zu-ZA\"}]";
    static const struct fake_reply replies[] = {{.status = 200, .body = json}, {.status = 500, .body = "no"}};
    struct world w;
    struct fake_http *http = fake_http_start(replies, 2);
    size_t len;

    (void)state;
    start(&w, NULL, 0);
    remote_set(&w.engine, "list_url", fake_http_url(http));
    struct listed l = list(&w.engine);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.built_in, 0);
    assert_string_equal(l.first, "af-ZA-AdriNeural");
    assert_string_equal(l.lang, "af-ZA");
    assert_string_equal(l.gender, "female");
    const char *r = fake_http_request(http, 0, &len);
    assert_non_null(strstr(r, "GET /?trustedclienttoken=6A5AA1D4EAFF4E9FB37E23D68491D6F4&Sec-MS-GEC="));
    assert_non_null(strstr(r, "\r\nSec-CH-UA-Mobile: ?0\r\n"));
    assert_int_equal(list(&w.engine).n, 2); /* from the file */
    assert_int_equal(fake_http_count(http), 1);
    stop(&w);

    start(&w, NULL, 0); /* a service that does not answer: the table, said so; and not asked each time */
    remote_set(&w.engine, "list_url", fake_http_url(http));
    l = list(&w.engine);
    assert_true(l.n > 20);
    assert_int_equal(l.built_in, l.n);
    assert_string_equal(l.first, "zh-CN-XiaoxiaoNeural");
    list(&w.engine);
    assert_int_equal(fake_http_count(http), 2);
    stop(&w);
    fake_http_stop(http);
}

static void test_options(void **state)
{
    struct remote r;

    (void)state;
    remote_prepare(&r, &ac_handler_tts_edge);
    remote_set(&r, "voice", "Xiaoxiao");
    assert_int_equal(remote_open(&r), AC_ECONFIG);
    assert_non_null(strstr(r.env.reason, "tts.edge.voice"));
    remote_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speaks),      cmocka_unit_test(test_speaks_over_tls),
        cmocka_unit_test(test_chinese),     cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_streams),     cmocka_unit_test(test_voices_and_prosody),
        cmocka_unit_test(test_long_text),   cmocka_unit_test(test_not_its_own),
        cmocka_unit_test(test_clock),       cmocka_unit_test(test_faults),
        cmocka_unit_test(test_breaker),     cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_untrusted),   cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_line),        cmocka_unit_test(test_warm),
        cmocka_unit_test(test_warm_broken), cmocka_unit_test(test_cache),
        cmocka_unit_test(test_list),        cmocka_unit_test(test_options),
    };

    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
