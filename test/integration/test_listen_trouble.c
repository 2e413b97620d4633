/*
 * A session's ears in trouble (test/fake): sound that makes no sense, floods, stalls, never ends; engines
 * that fail, hang and never come back; sessions that come and go. One session's trouble is not another's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "integration/microphone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    struct scene s;
    struct fake_client *c = &s.c;

    (void)state;
    open_scene(&s, "listen.queue_ms=2000");
    mic_on(c, "");
    send_level(c, FAKE_VAD_HANG, 40, RATE); /* nothing is taken for two seconds */
    while (!fake_hang_count())
        ac_sleep_us(1000);
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
    char id[16];

    (void)state;
    fake_world_open(&w, NULL, 0);
    for (int round = 0; round < 6; round++) {
        struct fake_client c[N];
        for (size_t i = 0; i < N; i++) {
            snprintf(id, sizeof id, "many%zu", i);
            fake_client_open(&c[i], w.hub, id);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_sound),   cmocka_unit_test(test_stall),
        cmocka_unit_test(test_endless),     cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_asr_trouble), cmocka_unit_test(test_asr_stuck),
        cmocka_unit_test(test_vad_trouble), cmocka_unit_test(test_no_vad),
        cmocka_unit_test(test_vad_stuck),   cmocka_unit_test(test_coming_and_going),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
