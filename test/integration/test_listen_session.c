/*
 * Speaking to a session, with ears that behave (test/fake): hands-free, push to talk, recordings, every
 * format; recognition begun on trial; interruption by speech. Trouble: test_listen_trouble.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "integration/microphone.h"

#include <libavutil/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    assert_true(mark(c, done, "first_fragment") >= mark(c, done, "first_token"));
    assert_true(mark(c, done, "first_fragment") >= mark(c, done, "asr_final"));
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

/* The answer is begun at "silence?", too, but nothing of it is sent before the end is decided. */
static void test_think_ahead(void **state)
{
    static const char *const sets[] = {"listen.think_ahead=true", "listen.think_ahead=false"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct scene s;
        struct fake_client *c = &s.c;
        open_scene(&s, sets[i]);
        mic_on(c, "");
        int finals = fake_finals();
        size_t from = fake_client_total(c);
        say(c, "echo Ahead of time. And more.");
        hush(c, 200);
        while (fake_finals() == finals)
            ac_sleep_us(1000);
        ac_sleep_us(300000); /* time to begin, and to give something away */
        size_t to = fake_client_total(c);
        for (size_t k = from; k < to; k++)
            if (strcmp(c->messages[k].type, "vad") != 0 && strcmp(c->messages[k].type, "asr_partial") != 0 &&
                strcmp(c->messages[k].type, "listen") != 0)
                fail_msg("%s before the end of speech", c->messages[k].type);
        hush(c, 500);
        int at = wait_for(c, "asr_result", from), done = wait_for(c, "turn_done", from);
        assert_string_equal(fake_string(&c->messages[wait_for(c, "state", (size_t)at)], "state"), "thinking");
        assert_true((mark(c, done, "first_token") < mark(c, done, "endpoint")) == (i == 0));
        assert_string_equal(text_of(c, wait_for(c, "text_done", (size_t)at)), "Ahead of time. And more.");
        assert_int_equal(fake_client_count(c, "sentence", (size_t)at), 2);
        double end_ms = 0;
        for (int k = at; k < done; k++) {
            if (strcmp(c->messages[k].type, "video_chunk_meta") != 0)
                continue;
            assert_true(fake_number(&c->messages[k], "start_ms") == end_ms);
            end_ms += fake_number(&c->messages[k], "duration_ms");
        }
        assert_true(end_ms > 1000);
        ac_sleep_us(400000);
        from = fake_client_total(c);
        fake_client_send(c, "{\"type\":\"text\",\"text\":\"count\"}"); /* question, answer, question */
        assert_string_equal(text_of(c, wait_for(c, "text_done", from)), "3 messages.");
        close_scene(&s);
    }
}

/*
 * When somebody begins to speak the language model prepares; what changes something outside waits until the
 * question is certain.
 */
static void test_warm_and_confirm(void **state)
{
    struct scene s;
    struct fake_client *c = &s.c;
    int warm = fake_warm_count();

    (void)state;
    open_scene(&s, NULL);
    mic_on(c, "");
    int finals = fake_finals();
    size_t from = fake_client_total(c);
    say(c, "act It ");
    for (int i = 0; i < 1000 && fake_warm_count() == warm; i++)
        ac_sleep_us(1000);
    assert_int_equal(fake_warm_count(), warm + 1);
    say(c, "is done.");
    hush(c, 200);
    while (fake_finals() == finals)
        ac_sleep_us(1000);
    ac_sleep_us(300000); /* time to act too early */
    hush(c, 500);
    int at = wait_for(c, "asr_result", from), done = wait_for(c, "turn_done", from);
    assert_string_equal(text_of(c, wait_for(c, "text_done", (size_t)at)), "It is done.");
    assert_true(mark(c, done, "first_token") >= mark(c, done, "endpoint"));
    from = fake_client_total(c); /* what is typed is certain */
    fake_client_send(c, "{\"type\":\"text\",\"text\":\"act At once.\"}");
    assert_string_equal(text_of(c, wait_for(c, "text_done", from)), "At once.");
    close_scene(&s);
}

/* Of an answer begun on trial that was void nothing is seen or remembered, whatever it does. */
static void test_void_answers(void **state)
{
    static const char *const questions[] = {"hang on", "echo much", "fail", "failafter some",
                                            "slow one two three"};

    (void)state;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        struct scene s;
        struct fake_client *c = &s.c;
        open_scene(&s, NULL);
        mic_on(c, "");
        int finals = fake_finals();
        say(c, questions[i]);
        say(c, "      ");
        hush(c, 250);
        while (fake_finals() == finals)
            ac_sleep_us(1000);
        ac_sleep_us(100000);
        say(c, " recall more");
        fake_client_send(c, "{\"type\":\"audio_end\"}");
        int at = wait_for(c, "asr_result", 0);
        for (int k = 0; k < at; k++)
            if (!strcmp(c->messages[k].type, "text_chunk") || !strcmp(c->messages[k].type, "error") ||
                !strcmp(c->messages[k].type, "degraded") || !strcmp(c->messages[k].type, "interrupted"))
                fail_msg("%s: %s of a void answer", questions[i], c->messages[k].type);
        fake_client_send(c, "{\"type\":\"text\",\"text\":\"count\"}");
        int done = wait_for(c, "text_done", (size_t)at);
        while (!strstr(text_of(c, done), "messages"))
            done = wait_for(c, "text_done", (size_t)done + 1);
        assert_true(!strncmp(text_of(c, done), "2", 1) || !strncmp(text_of(c, done), "3", 1));
        close_scene(&s);
    }
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
        assert_int_equal(fake_client_count(c, "text_done", from), 1); /* nor of what was answered on trial */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hands_free),
        cmocka_unit_test(test_push_to_talk),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_webm),
        cmocka_unit_test(test_recording),
        cmocka_unit_test(test_trial_is_used),
        cmocka_unit_test(test_think_ahead),
        cmocka_unit_test(test_warm_and_confirm),
        cmocka_unit_test(test_void_answers),
        cmocka_unit_test(test_trial_is_void),
        cmocka_unit_test(test_barge_in),
        cmocka_unit_test(test_no_barge_in),
        cmocka_unit_test(test_speech_while_thinking),
        cmocka_unit_test(test_barge_in_after_done),
        cmocka_unit_test(test_going_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
