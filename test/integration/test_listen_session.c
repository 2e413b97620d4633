/*
 * Speaking to a session, with ears that behave and misbehave (test/fake): hands-free, push to talk,
 * recordings; recognition begun on trial; interruption by speech; floods, stalls and endless sound; engines
 * that fail, hang and never come back; and that one session's trouble is not another's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake/fake_client.h"
#include "fake/fake_engines.h"
#include "fake/fake_world.h"

#include <libavutil/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 16000, LETTER_MS = 40, FRAME = RATE / 50 };

/* ---- a microphone ---- */

static void send_pcm(struct fake_client *c, const int16_t *pcm, size_t n, int rate_hz)
{
    size_t frame = (size_t)rate_hz / 50;

    for (size_t at = 0; at < n; at += frame)
        assert_int_equal(ac_session_binary(c->session, (const char *)(pcm + at),
                                           (n - at < frame ? n - at : frame) * sizeof *pcm),
                         0);
}

static void say_at(struct fake_client *c, const char *text, int rate_hz)
{
    size_t n = fake_code(text, rate_hz, LETTER_MS, NULL);
    int16_t *pcm = ac_alloc(n * sizeof *pcm);

    fake_code(text, rate_hz, LETTER_MS, pcm);
    send_pcm(c, pcm, n, rate_hz);
    free(pcm);
}

static void say(struct fake_client *c, const char *text)
{
    say_at(c, text, RATE);
}

static void send_level(struct fake_client *c, int16_t level, int ms, int rate_hz)
{
    size_t n = (size_t)rate_hz / 1000 * (size_t)ms;
    int16_t *pcm = ac_alloc(n * sizeof *pcm);

    for (size_t i = 0; i < n; i++)
        pcm[i] = level;
    send_pcm(c, pcm, n, rate_hz);
    free(pcm);
}

static void hush(struct fake_client *c, int ms)
{
    send_level(c, 0, ms, RATE);
}

static int wait_for(struct fake_client *c, const char *type, size_t from)
{
    int at = fake_client_wait(c, type, from);

    if (at < 0)
        fail_msg("no `%s` came", type);
    return at;
}

static int wait_state(struct fake_client *c, const char *state, size_t from)
{
    int at = wait_for(c, "state", from);

    while (strcmp(fake_string(&c->messages[at], "state"), state) != 0)
        at = wait_for(c, "state", (size_t)at + 1);
    return at;
}

static void mic_on(struct fake_client *c, const char *fields)
{
    size_t from = fake_client_total(c);

    assert_int_equal(fake_client_send(c, "{\"type\":\"audio_start\"%s%s}", *fields ? "," : "", fields), 0);
    wait_state(c, "listening", from);
}

/* Says a question hands-free, faster than real time, and waits for its result; gives its index. */
static int ask_aloud(struct fake_client *c, const char *text)
{
    size_t from = fake_client_total(c);

    hush(c, 320);
    say(c, text);
    hush(c, 640);
    int at = fake_client_wait(c, "asr_result", from);
    assert_true(at >= 0);
    return at;
}

static const char *text_of(struct fake_client *c, int at)
{
    return fake_string(&c->messages[at], "text");
}

static double mark(struct fake_client *c, int at, const char *name)
{
    json_t *v = json_object_get(json_object_get(c->messages[at].data, "marks"), name);

    assert_true(json_is_number(v));
    return json_number_value(v);
}

struct scene {
    struct fake_world w;
    struct fake_client c;
};

static void open_scene(struct scene *s, const char *set)
{
    fake_world_open(&s->w, &set, set ? 1 : 0);
    fake_client_open(&s->c, s->w.hub, "one");
}

static void close_scene(struct scene *s)
{
    fake_client_close(&s->c);
    assert_true(fake_world_close(&s->w));
}

/* ---- the way it should be ---- */

static void test_hands_free(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    int at = wait_for(c, "listen", 0);
    assert_true(json_is_true(json_object_get(c->messages[at].data, "available")));
    assert_string_equal(fake_string(&c->messages[at], "asr"), "fake");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(c->messages[at].data, "languages"), 0)), "en");
    mic_on(c, "");
    at = ask_aloud(c, "echo Hello there.");
    assert_string_equal(text_of(c, at), "echo Hello there.");
    assert_true(fake_number(&c->messages[at], "confidence") == 0.75);
    assert_string_equal(fake_string(&c->messages[at], "engine"), "fake");
    assert_true(fake_client_count(c, "asr_partial", 0) >= 1);
    assert_int_equal(fake_client_count(c, "vad", 0), 2);
    assert_true(json_is_true(json_object_get(c->messages[wait_for(c, "vad", 0)].data, "speech")));
    int done = wait_for(c, "turn_done", (size_t)at);
    assert_string_equal(text_of(c, wait_for(c, "text_done", (size_t)at)), "Hello there.");
    assert_true(mark(c, done, "endpoint") >= 0);
    assert_true(mark(c, done, "asr_final") >= mark(c, done, "endpoint"));
    assert_true(mark(c, done, "first_token") >= mark(c, done, "asr_final"));
    assert_true(mark(c, done, "first_fragment") >= mark(c, done, "first_token"));
    at = wait_for(c, "state", (size_t)done);
    assert_string_equal(fake_string(&c->messages[at], "state"), "listening");
    fake_client_send(c, "{\"type\":\"audio_end\"}");
    at = wait_for(c, "state", (size_t)at + 1);
    assert_string_equal(fake_string(&c->messages[at], "state"), "idle");
    assert_int_equal(fake_client_count(c, "error", 0) + fake_client_count(c, "degraded", 0), 0);
    close_scene(&s);
}

static void test_push_to_talk(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    mic_on(c, "\"mode\":\"push_to_talk\"");
    say(c, "echo Yes.");
    fake_client_send(c, "{\"type\":\"audio_end\"}"); /* no silence is needed */
    int at = wait_for(c, "asr_result", 0);
    assert_string_equal(text_of(c, at), "echo Yes.");
    wait_for(c, "turn_done", (size_t)at);
    size_t from = fake_client_total(c);
    mic_on(c, "\"mode\":\"push_to_talk\""); /* pressed for nothing */
    fake_client_send(c, "{\"type\":\"audio_end\"}");
    at = wait_for(c, "asr_result", from);
    assert_string_equal(text_of(c, at), "");
    at = wait_for(c, "state", (size_t)at);
    assert_string_equal(fake_string(&c->messages[at], "state"), "idle");
    assert_int_equal(fake_client_count(c, "text_done", from), 0);
    close_scene(&s);
}

/* Every rate gives the same length; the letters survive resampling where they are long enough. */
static void test_rates(void **state)
{
    static const int rates[] = {8000, 16000, 24000, 44100, 48000};
    struct scene s;
    struct fake_client *c = &s.c;
    char fields[80];

    (void)state;
    open_scene(&s, NULL);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        size_t from = fake_client_total(c);
        snprintf(fields, sizeof fields, "\"mode\":\"push_to_talk\",\"sample_rate\":%d", rates[i]);
        fake_client_send(c, "{\"type\":\"audio_start\",%s}", fields);
        say_at(c, "echo Rates.", rates[i]);
        fake_client_send(c, "{\"type\":\"audio_end\"}");
        int at = wait_for(c, "asr_result", from);
        double ms = fake_number(&c->messages[at], "duration_ms");
        if (ms < 11 * LETTER_MS - 5 || ms > 11 * LETTER_MS + 5)
            fail_msg("%d Hz: %g ms", rates[i], ms);
        assert_string_equal(text_of(c, at), "echo Rates.");
        wait_for(c, "turn_done", (size_t)at);
    }
    close_scene(&s);
}

static void send_file(struct fake_client *c, const char *path, size_t piece)
{
    char *data;
    size_t len;

    assert_int_equal(ac_read_file(path, 1 << 20, &data, &len), 0);
    for (size_t at = 0; at < len; at += piece)
        ac_session_binary(c->session, data + at, len - at < piece ? len - at : piece);
    free(data);
}

static void test_webm(void **state)
{
    static const size_t pieces[] = {100000, 1000, 37};
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t from = fake_client_total(c);
        mic_on(c, "\"mode\":\"push_to_talk\",\"format\":\"webm\"");
        send_file(c, "test/data/jfk3.webm", pieces[i]);
        fake_client_send(c, "{\"type\":\"audio_end\"}");
        int at = wait_for(c, "asr_result", from);
        double ms = fake_number(&c->messages[at], "duration_ms");
        if (ms < 2900 || ms > 3100)
            fail_msg("pieces of %zu: %g ms", pieces[i], ms);
    }
    size_t from = fake_client_total(c);
    mic_on(c, "\"format\":\"webm\"");
    send_file(c, "test/data/README.md", 1000);
    fake_client_send(c, "{\"type\":\"audio_end\"}");
    wait_for(c, "error", from);
    mic_on(c, "");
    assert_string_equal(text_of(c, ask_aloud(c, "echo Alive.")), "echo Alive.");
    close_scene(&s);
}

/* Sends a recording in base64 as `audio`. */
static void send_whole(struct fake_client *c, const void *data, size_t len, const char *fields)
{
    size_t size = AV_BASE64_SIZE(len);
    char *text = ac_alloc(size);
    struct ac_str message = {0};

    assert_non_null(av_base64_encode(text, (int)size, data, (int)len));
    ac_str_addf(&message, "{\"type\":\"audio\",%s,\"audio\":\"%s\"}", fields, text);
    assert_int_equal(ac_session_message(c->session, message.p, message.len), 0);
    ac_str_free(&message);
    free(text);
}

static void test_recording(void **state)
{
    static int16_t pcm[RATE * 31];
    struct scene s;
    struct fake_client *c = &s.c;
    char *data;
    size_t len;

    (void)state;
    open_scene(&s, NULL);
    size_t n = fake_code("echo At once.", RATE, LETTER_MS, pcm);
    send_whole(c, pcm, n * sizeof *pcm, "\"format\":\"pcm_s16le\"");
    int at = wait_for(c, "asr_result", 0);
    assert_string_equal(text_of(c, at), "echo At once.");
    wait_for(c, "turn_done", (size_t)at);

    size_t from = fake_client_total(c);
    assert_int_equal(ac_read_file("test/data/jfk3.webm", 1 << 20, &data, &len), 0);
    send_whole(c, data, len, "\"format\":\"webm\"");
    free(data);
    at = wait_for(c, "asr_result", from);
    assert_true(fake_number(&c->messages[at], "duration_ms") > 2900);

    static const struct {
        const char *fields, *code;
        size_t bytes;
    } bad[] = {
        {"\"format\":\"pcm_s16le\"", "limit_exceeded", sizeof pcm},
        {"\"format\":\"pcm_s16le\"", "invalid_argument", 3},
        {"\"format\":\"pcm_s16le\",\"sample_rate\":1", "invalid_argument", 4},
        {"\"format\":\"tape\"", "invalid_argument", 4},
        {"\"format\":\"wav\"", "invalid_argument", 400},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        from = fake_client_total(c);
        send_whole(c, pcm, bad[i].bytes, bad[i].fields);
        at = wait_for(c, "error", from);
        if (strcmp(fake_string(&c->messages[at], "code"), bad[i].code) != 0)
            fail_msg("case %zu: %s: %s", i, fake_string(&c->messages[at], "code"),
                     fake_string(&c->messages[at], "message"));
    }
    close_scene(&s);
}

/* ---- recognition on trial ---- */

static void test_trial_is_used(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    mic_on(c, "");
    int finals = fake_finals();
    say(c, "echo Once only.");
    hush(c, 200); /* silence? */
    while (fake_finals() == finals)
        ac_sleep_us(1000);
    assert_int_equal(fake_client_count(c, "asr_result", 0), 0);
    hush(c, 500);
    assert_string_equal(text_of(c, wait_for(c, "asr_result", 0)), "echo Once only.");
    assert_int_equal(fake_finals(), finals + 1);
    close_scene(&s);
}

static void test_trial_is_void(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    mic_on(c, "");
    for (int slow = 0; slow < 2; slow++) { /* void when it is there, and while it is being made */
        size_t from = fake_client_total(c);
        int finals = fake_finals();
        say(c, slow ? "asrslow one" : "echo one");
        hush(c, 250);
        while (!slow && fake_finals() == finals)
            ac_sleep_us(1000);
        ac_sleep_us(50000);
        say(c, " two");
        hush(c, 640);
        int at = wait_for(c, "asr_result", from);
        assert_string_equal(text_of(c, at), slow ? "asrslow one two" : "echo one two");
        assert_int_equal(fake_client_count(c, "vad", from), 2);
        wait_for(c, "turn_done", (size_t)at);
        ac_sleep_us(2600000); /* until it is no more heard */
        assert_int_equal(fake_client_count(c, "asr_result", from), 1);
    }
    close_scene(&s);
}

/* ---- interruption ---- */

static const char long_answer[] =
    "echo A long answer of many words. And a second sentence of it. And a third one.";

static void test_barge_in(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    mic_on(c, "");
    fake_client_send(c, "{\"type\":\"text\",\"text\":\"%s\"}", long_answer);
    int at = wait_for(c, "video_chunk_meta", 0);
    hush(c, 100);
    send_level(c, 9000, 200, RATE); /* mm-hm */
    hush(c, 300);
    send_level(c, 6500, 800, RATE); /* an echo: below the stricter threshold */
    hush(c, 640);
    wait_for(c, "video_chunk_meta", (size_t)at + 3); /* it talks on */
    ac_sleep_us(100000);
    assert_int_equal(fake_client_count(c, "interrupted", 0) + fake_client_count(c, "vad", 0), 0);

    size_t from = fake_client_total(c);
    say(c, "echo Stop now.");
    at = wait_for(c, "interrupted", from);
    assert_string_equal(fake_string(&c->messages[at], "reason"), "speech");
    assert_true(fake_number(&c->messages[at], "turn") == 1);
    hush(c, 640);
    int result = wait_for(c, "asr_result", from);
    assert_string_equal(text_of(c, result), "echo Stop now.");
    int done = wait_for(c, "turn_done", from);
    for (int i = at; i < done; i++) /* nothing of the first turn comes any more */
        assert_true(strcmp(c->messages[i].type, "video_chunk_meta") != 0 ||
                    fake_number(&c->messages[i], "turn") == 2);
    close_scene(&s);
}

static void test_no_barge_in(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, "listen.barge_in=false");
    mic_on(c, "");
    fake_client_send(c, "{\"type\":\"text\",\"text\":\"%s\"}", long_answer);
    wait_for(c, "video_chunk_meta", 0);
    say(c, "echo Stop now.");
    hush(c, 640);
    wait_for(c, "turn_done", 0);
    assert_int_equal(fake_client_count(c, "interrupted", 0) + fake_client_count(c, "vad", 0), 0);
    close_scene(&s);
}

/* Speech while it thinks takes the question back, too; a new one is asked. */
static void test_speech_while_thinking(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    mic_on(c, "");
    ask_aloud(c, "hang on for ever");
    size_t from = fake_client_total(c);
    int at = ask_aloud(c, "count them all");
    assert_true(wait_for(c, "interrupted", from) < at);
    assert_string_equal(text_of(c, wait_for(c, "text_done", from)), "2 messages.");
    close_scene(&s);
}

/*
 * The server is done, the page still plays: speech interrupts that too, and the history keeps what was heard.
 */
static void test_barge_in_after_done(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, "video.lead_ms=60000");
    mic_on(c, "");
    fake_client_send(c, "{\"type\":\"text\",\"text\":\"%s\"}", long_answer);
    int done = wait_for(c, "turn_done", 0);
    fake_client_send(c, "{\"type\":\"playback\",\"turn\":1,\"heard_ms\":300}");
    size_t from = fake_client_total(c);
    say(c, "recall it");
    hush(c, 640);
    int at = wait_for(c, "interrupted", (size_t)done);
    assert_true(fake_number(&c->messages[at], "turn") == 1);
    assert_string_equal(text_of(c, wait_for(c, "text_done", from)), "A long answer of many words.");
    close_scene(&s);
}

/* What was said while the person already goes on is answered with the rest. */
static void test_going_on(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    mic_on(c, "");
    say(c, "echo asrslow one");
    hush(c, 540);
    say(c, "and two");
    int at = wait_for(c, "asr_result", 0);
    assert_string_equal(text_of(c, at), "echo asrslow one");
    ac_sleep_us(50000);
    assert_int_equal(fake_client_count(c, "text_done", 0), 0);
    hush(c, 640);
    assert_string_equal(text_of(c, wait_for(c, "text_done", 0)), "asrslow one and two");
    close_scene(&s);
}

/* ---- strange sound ---- */

static void test_bad_sound(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    hush(c, 200); /* without audio_start */
    int at = wait_for(c, "error", 0);
    assert_string_equal(fake_string(&c->messages[at], "code"), "bad_message");
    mic_on(c, "");
    assert_int_equal(fake_client_count(c, "error", 0), 1); /* told once */
    ac_session_binary(c->session, "abc", 3);
    wait_for(c, "error", (size_t)at + 1);
    ac_session_binary(c->session, "", 0);
    assert_string_equal(text_of(c, ask_aloud(c, "echo Alive.")), "echo Alive.");
    close_scene(&s);
}

static void test_stall(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, "listen.stall_ms=300");
    mic_on(c, "");
    say(c, "echo And then"); /* the line is cut */
    assert_string_equal(text_of(c, wait_for(c, "asr_result", 0)), "echo And then");
    size_t from = fake_client_total(c);
    mic_on(c, "\"mode\":\"push_to_talk\"");
    say(c, "echo Held");
    assert_string_equal(text_of(c, wait_for(c, "asr_result", from)), "echo Held");
    close_scene(&s);
}

static void test_endless(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, "listen.max_utterance_s=1");
    mic_on(c, "");
    for (int i = 0; i < 45; i++) {
        send_level(c, 8970, 100, RATE); /* aaaa… */
        ac_sleep_us(5000);
    }
    hush(c, 640);
    int at = -1;
    for (int i = 0; i < 5; i++) {
        at = wait_for(c, "asr_result", (size_t)(at + 1));
        assert_int_equal(json_is_true(json_object_get(c->messages[at].data, "cut")), i < 4);
    }
    wait_for(c, "turn_done", (size_t)at); /* answered once it was over */
    size_t from = fake_client_total(c);
    mic_on(c, "\"mode\":\"push_to_talk\"");
    send_level(c, 8970, 1500, RATE);
    at = wait_for(c, "asr_result", from); /* the button is still held */
    assert_true(json_is_true(json_object_get(c->messages[at].data, "cut")));
    close_scene(&s);
}

/* Much more sound than can be listened to: the oldest goes, it is told once, and listening goes on. */
static void test_overflow(void **state)
{
    static const int16_t hang = FAKE_VAD_HANG;
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, "listen.queue_ms=2000");
    mic_on(c, "");
    for (int i = 0; i < 512; i++)
        ac_session_binary(c->session, (const char *)&hang,
                          sizeof hang); /* nothing is taken for two seconds */
    for (int i = 0; i < 40; i++) {
        hush(c, 100);
        ac_sleep_us(1000);
    }
    wait_for(c, "degraded", 0);
    int at = wait_for(c, "error", 0);
    assert_string_equal(fake_string(&c->messages[at], "code"), "queue_full");
    assert_string_equal(text_of(c, ask_aloud(c, "echo Over.")), "echo Over.");
    assert_int_equal(fake_client_count(c, "error", 0), 1);
    close_scene(&s);
}

/* ---- engines in trouble ---- */

static void test_asr_trouble(void **state)
{
    static const struct {
        const char *said, *lang, *text, *code;
        size_t degraded;
    } cases[] = {
        {"echo asrfail.", "auto", "echo asrfail.", NULL, 1},
        {"echo asrmute.", "auto", "echo asrmute.", NULL, 1},
        {"echo asrhang.", "auto", "echo asrhang.", NULL, 1}, /* the deadline ends it */
        {"echo asrflood.", "auto", "echo asrflood.", NULL, 1},
        {"echo asrnot.", "auto", "echo asrnot.", NULL, 0},
        {"echo Other.", "xx", "echo Other.", NULL, 0},
        {"echo Unknown.", "yy", "", "not_supported", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene s;
        struct fake_client *c = &s.c;
        open_scene(&s, NULL);
        fake_client_send(c, "{\"type\":\"config\",\"language\":\"%s\"}", cases[i].lang);
        mic_on(c, "");
        int at = ask_aloud(c, cases[i].said);
        if (strcmp(text_of(c, at), cases[i].text) != 0 ||
            fake_client_count(c, "degraded", 0) != cases[i].degraded)
            fail_msg("%s: \"%s\", degraded %zu", cases[i].said, text_of(c, at),
                     fake_client_count(c, "degraded", 0));
        assert_int_equal(fake_client_count(c, "error", 0), cases[i].code != NULL);
        if (cases[i].code)
            assert_string_equal(fake_string(&c->messages[wait_for(c, "error", 0)], "code"), cases[i].code);
        close_scene(&s);
    }
}

/* A recogniser that ignores its cancel token costs its session one utterance, and nobody else anything. */
static void test_asr_stuck(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c, good;

    (void)state;
    open_scene(&s, NULL);
    fake_client_open(&good, s.w.hub, "good");
    mic_on(c, "");
    mic_on(&good, "");
    say(c, "echo asrstuck");
    hush(c, 640);
    while (!fake_stuck_count())
        ac_sleep_us(1000);
    for (int k = 0; k < 2; k++) {
        int at = ask_aloud(&good, "echo Well.");
        assert_string_equal(text_of(&good, at), "echo Well.");
        wait_for(&good, "turn_done", (size_t)at);
        ac_sleep_us(1000000);
    }
    int at = wait_for(c, "error", 0);
    assert_string_equal(fake_string(&c->messages[at], "code"), "timed_out");
    assert_string_equal(text_of(c, wait_for(c, "asr_result", 0)), "");
    assert_string_equal(text_of(c, ask_aloud(c, "echo Fresh.")), "echo Fresh.");
    assert_int_equal(fake_stuck_count(), 1);
    assert_int_equal(fake_client_count(&good, "error", 0), 0);
    fake_client_close(&good);
    close_scene(&s);
}

static void test_vad_trouble(void **state)
{
    static const int16_t orders[] = {FAKE_VAD_FAIL, FAKE_VAD_HANG, FAKE_VAD_FLOOD};

    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct scene s;
        struct fake_client *c = &s.c;
        open_scene(&s, NULL);
        mic_on(c, "");
        say(c, "echo be"); /* in mid-utterance */
        send_level(c, orders[i], 40, RATE);
        int at = wait_for(c, "degraded", 0);
        assert_string_equal(fake_string(&c->messages[at], "stage"), "vad");
        hush(c, 640);
        wait_for(c, "asr_result", 0);
        assert_string_equal(text_of(c, ask_aloud(c, "echo Still here.")), "echo Still here.");
        assert_int_equal(fake_client_count(c, "error", 0), 0);
        close_scene(&s);
    }
}

/* The only detector fails: it is said, and push to talk still works. */
static void test_no_vad(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, "vad.use=fake");
    mic_on(c, "");
    send_level(c, FAKE_VAD_FAIL, 40, RATE);
    wait_for(c, "error", 0);
    mic_on(c, "\"mode\":\"push_to_talk\"");
    say(c, "echo By hand.");
    fake_client_send(c, "{\"type\":\"audio_end\"}");
    assert_string_equal(text_of(c, wait_for(c, "asr_result", 0)), "echo By hand.");
    close_scene(&s);
}

static void test_vad_stuck(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, NULL);
    mic_on(c, "");
    send_level(c, FAKE_VAD_STUCK, 40, RATE);
    while (!fake_stuck_count())
        ac_sleep_us(1000);
    while (!fake_client_count(c, "error", 0)) {
        hush(c, 20);
        ac_sleep_us(20000);
    }
    int at = wait_for(c, "error", 0);
    assert_string_equal(fake_string(&c->messages[at], "code"), "timed_out");
    mic_on(c, "");
    assert_string_equal(text_of(c, ask_aloud(c, "echo Fresh ears.")), "echo Fresh ears.");
    close_scene(&s);
}

/* ---- many ---- */

/* Sessions that come and go in the middle of everything: what the sanitisers look at. */
static void test_coming_and_going(void **state)
{
    enum { N = 4 };
    struct fake_world w;

    (void)state;
    fake_world_open(&w, NULL, 0);
    for (int round = 0; round < 6; round++) {
        struct fake_client c[N];
        for (size_t i = 0; i < N; i++) {
            fake_client_open(&c[i], w.hub, "many");
            fake_client_send(&c[i], "{\"type\":\"audio_start\",\"format\":\"%s\"}",
                             i == 3 ? "webm" : "pcm_s16le");
            if (i == 3)
                send_file(&c[i], "test/data/jfk3.webm", 500);
            else
                say(&c[i], i ? "echo Words of mine, many of them." : "asrslow and more.");
            hush(&c[i], i == 2 ? 640 : 200);
        }
        ac_sleep_us(round * 40000);
        for (size_t i = 0; i < N; i++)
            fake_client_close(&c[i]);
    }
    assert_true(fake_world_close(&w));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hands_free),
        cmocka_unit_test(test_push_to_talk),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_webm),
        cmocka_unit_test(test_recording),
        cmocka_unit_test(test_trial_is_used),
        cmocka_unit_test(test_trial_is_void),
        cmocka_unit_test(test_barge_in),
        cmocka_unit_test(test_no_barge_in),
        cmocka_unit_test(test_speech_while_thinking),
        cmocka_unit_test(test_barge_in_after_done),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_bad_sound),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_asr_trouble),
        cmocka_unit_test(test_asr_stuck),
        cmocka_unit_test(test_vad_trouble),
        cmocka_unit_test(test_no_vad),
        cmocka_unit_test(test_vad_stuck),
        cmocka_unit_test(test_coming_and_going),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
