/*
 * The handler contract and the pipeline, proven with engines that behave and misbehave (test/fake): order,
 * pairing, interruption, fall-back, time-outs, floods, slow and vanished readers, and that nothing leaks or
 * disturbs others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fake/fake_client.h"
#include "fake/fake_engines.h"
#include "fake/fake_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void world_open(struct fake_world *w, const char *const *more, size_t n_more)
{
    fake_world_open(w, more, n_more);
}

static void world_close(struct fake_world *w)
{
    assert_true(fake_world_close(w));
}

static void ask(struct fake_client *c, const char *text)
{
    assert_int_equal(fake_client_send(c, "{\"type\":\"text\",\"text\":\"%s\"}", text), 0);
}

/* The last turn's messages, from its `thinking`, once its end has come. */
static size_t wait_done(struct fake_client *c, size_t from)
{
    int at = fake_client_wait(c, "turn_done", from);

    assert_true(at >= 0);
    return (size_t)at;
}

static void check_media(struct fake_client *c, size_t from, size_t to, bool clip)
{
    double chunk = 0, end_ms = 0, seq = 0;

    for (size_t i = from; i < to; i++) {
        struct fake_message *m = &c->messages[i];
        if (strcmp(m->type, "video_chunk_meta") != 0) {
            assert_int_equal(m->binary_len, 0);
            continue;
        }
        assert_int_equal((size_t)fake_number(m, "size"), m->binary_len);
        assert_true(fake_number(m, "chunk") == chunk++);
        assert_true(fake_number(m, "start_ms") == end_ms);
        end_ms = fake_number(m, "start_ms") + fake_number(m, "duration_ms");
        assert_true(fake_number(m, "seq") == seq || fake_number(m, "seq") == seq + 1);
        seq = fake_number(m, "seq");
        bool init = json_is_true(json_object_get(m->data, "init"));
        assert_int_equal(init, clip || chunk == 1);
        assert_memory_equal(m->binary_head + 4, init ? "ftyp" : "moof", 4);
    }
    assert_true(chunk > 0);
}

static void test_turn(void **state)
{
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    assert_true(fake_client_wait(&c, "session_ready", 0) >= 0);
    ask(&c, "echo Hello dear world. This is it.");
    size_t end = wait_done(&c, 0);
    assert_string_equal(fake_string(&c.messages[fake_client_wait(&c, "state", 0)], "state"), "thinking");
    assert_true(fake_client_count(&c, "text_chunk", 0) >= 5);
    assert_string_equal(fake_string(&c.messages[fake_client_wait(&c, "text_done", 0)], "text"),
                        "Hello dear world. This is it.");
    assert_int_equal(fake_client_count(&c, "sentence", 0), 2);
    check_media(&c, 0, end, false);
    int idle = fake_client_wait(&c, "state", end);
    assert_string_equal(fake_string(&c.messages[idle], "state"), "idle");
    assert_int_equal(fake_client_count(&c, "error", 0), 0);
    fake_client_close(&c);
    world_close(&w);
}

/* An emotion tag moves the face and is neither shown nor spoken. */
static void test_emotion_tag(void **state)
{
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    ask(&c, "echo [happy] Glad to see you. [sad] Bye [now].");
    wait_done(&c, 0);
    assert_string_equal(fake_string(&c.messages[fake_client_wait(&c, "text_done", 0)], "text"),
                        "Glad to see you. Bye [now].");
    assert_string_equal(fake_string(&c.messages[fake_client_wait(&c, "sentence", 0)], "text"),
                        "Glad to see you.");
    fake_client_close(&c);
    world_close(&w);
}

static void test_clips(void **state)
{
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    fake_client_send(&c, "{\"type\":\"hello\",\"delivery\":\"clip\",\"language\":\"en\"}");
    fake_client_send(&c, "{\"type\":\"say\",\"data\":{\"text\":\"One two. Three four. Five.\"}}");
    size_t end = wait_done(&c, 0);
    assert_int_equal(fake_client_count(&c, "video_chunk_meta", 0), 3);
    check_media(&c, 0, end, true);
    fake_client_close(&c);
    world_close(&w);
}

static void test_fallback(void **state)
{
    static const struct {
        const char *question;
        const char *said; /* the whole answer */
        size_t degraded, errors, sentences;
    } cases[] = {
        {"fail", "second engine.", 1, 0, 1},
        {"failafter Half an answer.", "Half an answer.", 0, 1, 1},
        {"echo The ttsfail word.", "The ttsfail word.", 1, 0, 1},
        {"echo The ttsnot word.", "The ttsnot word.", 0, 0, 1},
        {"echo ttsempty. Rest.", "ttsempty. Rest.", 0, 0, 1},
        {"echo ttshang now. Then on.", "ttshang now. Then on.", 1, 0, 2}, /* the deadline ends it */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_world w;
        struct fake_client c;
        world_open(&w, NULL, 0);
        fake_client_open(&c, w.hub, "one");
        ask(&c, cases[i].question);
        wait_done(&c, 0);
        assert_string_equal(fake_string(&c.messages[fake_client_wait(&c, "text_done", 0)], "text"),
                            cases[i].said);
        if (fake_client_count(&c, "degraded", 0) != cases[i].degraded ||
            fake_client_count(&c, "error", 0) != cases[i].errors ||
            fake_client_count(&c, "sentence", 0) != cases[i].sentences)
            fail_msg("case \"%s\": degraded %zu, errors %zu, sentences %zu", cases[i].question,
                     fake_client_count(&c, "degraded", 0), fake_client_count(&c, "error", 0),
                     fake_client_count(&c, "sentence", 0));
        fake_client_close(&c);
        world_close(&w);
    }
}

/* After `interrupted` nothing of the turn comes, in whatever state it was. */
static void test_interrupt(void **state)
{
    static const char *const questions[] = {
        "hang", "slow one two three. Four five six. Seven eight nine ten eleven twelve. And so on and on.",
        ("echo A long sentence of many letters that takes a while. And another one just as long as it. And "
         "more."),
        "echo ttshang."};
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    assert_true(fake_client_wait(&c, "listen", 0) >= 0); /* or it would come in between */
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        for (int delay_ms = 0; delay_ms <= 300; delay_ms += 100) {
            size_t from = fake_client_total(&c);
            ask(&c, questions[i]);
            ac_sleep_us(delay_ms * 1000);
            fake_client_send(&c, "{\"type\":\"interrupt\"}");
            int at = fake_client_wait(&c, "interrupted", from);
            assert_true(at >= 0);
            int turn = (int)fake_number(&c.messages[at], "turn");
            assert_true(turn > 0);
            ac_sleep_us(50000);
            pthread_mutex_lock(&c.lock);
            for (size_t k = (size_t)at + 1; k < c.n; k++)
                if (strcmp(c.messages[k].type, "state") != 0)
                    fail_msg("%s after interrupted", c.messages[k].type);
            pthread_mutex_unlock(&c.lock);
        }
    }
    size_t from = fake_client_total(&c);
    fake_client_send(&c, "{\"type\":\"interrupt\"}"); /* nothing runs */
    int at = fake_client_wait(&c, "interrupted", from);
    assert_true(json_is_null(json_object_get(c.messages[at].data, "turn")));
    from = fake_client_total(&c);
    ask(&c, "echo Still here.");
    wait_done(&c, from);
    fake_client_close(&c);
    world_close(&w);
}

/* A new question interrupts the running turn; of the old answer the history keeps what was heard. */
static void test_new_question(void **state)
{
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    ask(&c, "hang");
    ask(&c, "count");
    assert_true(fake_client_wait(&c, "interrupted", 0) >= 0);
    wait_done(&c, 0);
    /* the question that hung and this one, no answer in between */
    assert_string_equal(fake_string(&c.messages[fake_client_wait(&c, "text_done", 0)], "text"),
                        "2 messages.");
    size_t from = fake_client_total(&c);
    ask(&c, "count");
    wait_done(&c, from);
    assert_string_equal(fake_string(&c.messages[fake_client_wait(&c, "text_done", from)], "text"),
                        "4 messages.");
    fake_client_close(&c);
    world_close(&w);
}

static const char *answer_of(struct fake_client *c, const char *question)
{
    size_t from = fake_client_total(c);

    ask(c, question);
    wait_done(c, from);
    return fake_string(&c->messages[fake_client_wait(c, "text_done", from)], "text");
}

/* What is said meanwhile is spoken, but is no part of the answer, nor of what is remembered. */
static void test_aside(void **state)
{
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    assert_string_equal(answer_of(&c, "aside The answer is four."), "The answer is four.");
    assert_int_equal(fake_client_count(&c, "sentence", 0), 2);
    int at = fake_client_wait(&c, "sentence", 0);
    assert_string_equal(fake_string(&c.messages[at], "text"), "One moment please.");
    at = fake_client_wait(&c, "sentence", (size_t)at + 1);
    assert_string_equal(fake_string(&c.messages[at], "text"), "The answer is four.");
    assert_true(fake_number(&c.messages[at], "seq") == 1);
    assert_string_equal(answer_of(&c, "recall"), "The answer is four.");
    size_t from = fake_client_total(&c); /* interrupted in the middle of the aside: nothing was heard */
    ask(&c, "aside slow");
    assert_true(fake_client_wait(&c, "sentence", from) >= 0);
    fake_client_send(&c, "{\"type\":\"interrupt\"}");
    assert_true(fake_client_wait(&c, "interrupted", from) >= 0);
    assert_string_equal(answer_of(&c, "recall"), "The answer is four.");
    fake_client_close(&c);
    world_close(&w);
}

/* The model is told who it is, with the avatar's name, in the language of the session. */
static void test_persona(void **state)
{
    static const char *const more[] = {"session.system_prompt=You are {name} and speak {language}."};
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, more, 1);
    fake_client_open(&c, w.hub, "one");
    assert_true(fake_client_wait(&c, "session_ready", 0) >= 0);
    for (int i = 0;
         i < 200 && strcmp(answer_of(&c, "system"), "You are Fake and speak the language of the question.");
         i++)
        ac_sleep_us(10000); /* the avatars' names are learnt in the background */
    assert_string_equal(answer_of(&c, "system"), "You are Fake and speak the language of the question.");
    fake_client_send(&c, "{\"type\":\"config\",\"language\":\"zh-CN\"}");
    assert_string_equal(answer_of(&c, "system"), "You are Fake and speak 中文.");
    fake_client_close(&c);
    world_close(&w);
}

/* A long conversation is summed up in the background; the summary takes the place of its oldest half. */
static void test_summary(void **state)
{
    static const char *const more[] = {"session.history_turns=4", "session.system_prompt=Be short."};
    struct fake_world w;
    struct fake_client c;
    int before = fake_summary_count();

    (void)state;
    world_open(&w, more, 2);
    fake_client_open(&c, w.hub, "one");
    for (int i = 0; i < 4; i++)
        answer_of(&c, "echo Yes.");
    assert_int_equal(fake_summary_count(), before);
    assert_string_equal(answer_of(&c, "count"), "9 messages.");
    for (int i = 0; i < 1000 && fake_summary_count() == before; i++)
        ac_sleep_us(5000);
    assert_int_equal(fake_summary_count(), before + 1);
    char want[80];
    snprintf(want, sizeof want, "Be short.\n\nWhat was said before, in short: Summary %d of 6 messages.",
             before + 1);
    for (int i = 0; i < 100 && strcmp(answer_of(&c, "system"), want) != 0; i++)
        ac_sleep_us(5000); /* it is on its way from the one strand to the other */
    assert_string_equal(answer_of(&c, "system"), want);
    fake_client_close(&c);
    world_close(&w);
}

/* Where nobody can sum up the oldest turns are dropped. */
static void test_no_summary(void **state)
{
    static const char *const more[] = {"session.history_turns=4", "llm.use=[fake2]"};
    struct fake_world w;
    struct fake_client c;
    int before = fake_summary_count();

    (void)state;
    world_open(&w, more, 2);
    fake_client_open(&c, w.hub, "one");
    for (int i = 0; i < 5; i++)
        answer_of(&c, "echo Yes.");
    assert_string_equal(answer_of(&c, "count"), "5 messages."); /* two turns and the question */
    assert_int_equal(fake_summary_count(), before);
    fake_client_close(&c);
    world_close(&w);
}

/* An engine that stays down is told of once, and again after it has worked. */
static void test_degraded_once(void **state)
{
    static const char *const questions[] = {"fail", "fail", "echo Fine.", "fail"};
    static const size_t told[] = {1, 1, 1, 2};
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(answer_of(&c, questions[i]), i == 2 ? "Fine." : "second engine.");
        assert_int_equal(fake_client_count(&c, "degraded", 0), told[i]);
    }
    fake_client_close(&c);
    world_close(&w);
}

/* An engine that ignores its cancel token costs its session a time-out, and nobody else anything. */
static void test_stuck(void **state)
{
    static const char *const questions[] = {"echo ttsstuck here.", "stuck"};
    static const char *const more[] = {"session.turn_timeout_s=2"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fake_world w;
        struct fake_client bad, good;
        world_open(&w, more, i == 1);
        fake_client_open(&bad, w.hub, "bad");
        fake_client_open(&good, w.hub, "good");
        ask(&bad, questions[i]);
        while (!fake_stuck_count())
            ac_sleep_us(1000);
        for (int k = 0; k < 3; k++) {
            size_t from = fake_client_total(&good);
            ask(&good, "echo All well.");
            wait_done(&good, from);
        }
        int at = fake_client_wait(&bad, "error", 0);
        assert_true(at >= 0);
        assert_string_equal(fake_string(&bad.messages[at], "code"), "timed_out");
        assert_true(fake_client_wait(&bad, "interrupted", 0) >= 0);
        size_t from = fake_client_total(&bad);
        ask(&bad, "echo Fresh engines.");
        wait_done(&bad, from);
        assert_int_equal(fake_stuck_count(), 1);
        assert_int_equal(fake_client_count(&good, "error", 0), 0);
        fake_client_close(&bad);
        fake_client_close(&good);
        world_close(&w);
    }
}

static void test_flood(void **state)
{
    static const struct {
        const char *question, *code;
    } cases[] = {{"flood", "limit_exceeded"}, {"echo A ttsflood word.", "queue_full"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fake_world w;
        struct fake_client c, other;
        world_open(&w, NULL, 0);
        fake_client_open(&c, w.hub, "one");
        fake_client_open(&other, w.hub, "other");
        ask(&c, cases[i].question);
        int at = fake_client_wait(&c, "error", 0);
        assert_true(at >= 0);
        assert_string_equal(fake_string(&c.messages[at], "code"), cases[i].code);
        ask(&other, "echo Not my flood.");
        wait_done(&other, 0);
        fake_client_send(&c, "{\"type\":\"interrupt\"}");
        assert_true(fake_client_wait(&c, "interrupted", 0) >= 0);
        fake_client_close(&c);
        fake_client_close(&other);
        world_close(&w);
    }
}

static void test_slow_reader(void **state)
{
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    fake_client_set(&c, true, false);
    ask(&c, "echo Some words to hear. And some more of them.");
    assert_true(fake_client_wait(&c, "text_done", 0) >= 0); /* text still flows */
    ac_sleep_us(300000);
    assert_int_equal(fake_client_count(&c, "video_chunk_meta", 0), 0);
    fake_client_set(&c, false, false);
    size_t end = wait_done(&c, 0);
    check_media(&c, 0, end, false); /* nothing was lost */
    fake_client_close(&c);
    world_close(&w);
}

static void test_gone_reader(void **state)
{
    struct fake_world w;
    struct fake_client c, other;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    fake_client_open(&other, w.hub, "other");
    ask(&c, "echo Some words to hear. And some more of them.");
    assert_true(fake_client_wait(&c, "video_chunk_meta", 0) >= 0);
    fake_client_set(&c, false, true);
    ask(&other, "echo I listen.");
    wait_done(&other, 0);
    fake_client_close(&c); /* in mid-answer */
    fake_client_close(&other);
    world_close(&w);
}

static void test_bad_messages(void **state)
{
    static const struct {
        const char *message, *code;
    } cases[] = {
        {"", "bad_message"},
        {"nonsense", "bad_message"},
        {"[1,2]", "bad_message"},
        {"{\"type\":\"sing\"}", "bad_message"},
        {"{\"text\":\"no type\"}", "bad_message"},
        {"{\"type\":\"text\"}", "bad_message"},
        {"{\"type\":\"text\",\"text\":17}", "bad_message"},
        {"{\"type\":\"text\",\"text\":\"  \\n \"}", "invalid_argument"},
        {"{\"type\":\"text\",\"text\":\"hi\",\"idle_ms\":-1}", "invalid_argument"},
        {"{\"type\":\"say\",\"text\":\"\\ud83d\\ude00\"}", "nothing_to_say"},
        {"{\"type\":\"hello\",\"delivery\":\"tape\"}", "invalid_argument"},
        {"{\"type\":\"hello\",\"rate\":9}", "invalid_argument"},
        {"{\"type\":\"hello\",\"language\":\"../etc\"}", "invalid_argument"},
        {"{\"type\":\"hello\",\"avatar\":\"nobody\"}", "not_found"},
        {"{\"type\":\"config\",\"voice\":\"nobody\"}", "not_found"},
    };
    struct fake_world w;
    struct fake_client c;

    (void)state;
    world_open(&w, NULL, 0);
    fake_client_open(&c, w.hub, "one");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t from = fake_client_total(&c);
        fake_client_send(&c, "%s", cases[i].message);
        int at = fake_client_wait(&c, "error", from);
        if (at < 0 || strcmp(fake_string(&c.messages[at], "code"), cases[i].code) != 0)
            fail_msg("%s gave %s", cases[i].message,
                     at < 0 ? "no error" : fake_string(&c.messages[at], "code"));
        assert_true(strlen(fake_string(&c.messages[at], "message")) > 10);
    }
    size_t from = fake_client_total(&c);
    char *text = malloc(5001);
    memset(text, 'a', 5000);
    text[5000] = 0;
    ask(&c, text);
    free(text);
    int at = fake_client_wait(&c, "error", from);
    assert_string_equal(fake_string(&c.messages[at], "code"), "limit_exceeded");
    ask(&c, "echo Alive.");
    wait_done(&c, from);
    fake_client_close(&c);
    world_close(&w);
}

static int refuse(void *arg, const char *text, size_t len, const char *binary, size_t n)
{
    (void)arg, (void)text, (void)len, (void)binary, (void)n;
    return 0;
}

static void test_session_limit(void **state)
{
    struct fake_world w;
    struct fake_client c[4];
    struct ac_session *fifth;
    struct ac_port port = {.send = refuse};
    static const char *const ids[] = {"s1", "s2", "s3", "s4"}, *const more[] = {"server.queue_wait_s=0"};

    (void)state;
    world_open(&w, more, 1);
    for (size_t i = 0; i < 4; i++)
        fake_client_open(&c[i], w.hub, ids[i]);
    assert_int_equal(ac_session_open(&fifth, w.hub, "s5", &port), AC_ELIMIT);
    fake_client_close(&c[0]);
    assert_int_equal(ac_session_open(&fifth, w.hub, "s5", &port), 0);
    ac_session_close(fifth);
    for (size_t i = 1; i < 4; i++)
        fake_client_close(&c[i]);
    world_close(&w);
}

/* Many sessions talk at once and are closed at odd moments: no leak, no crash, no mix-up. */
static void test_many(void **state)
{
    static const char *const more[] = {"server.max_sessions=64"};
    static struct fake_client c[12];
    struct fake_world w;
    char id[16];
    enum { N = sizeof c / sizeof *c };

    (void)state;
    world_open(&w, more, 1);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            snprintf(id, sizeof id, "many%zu", i);
            fake_client_open(&c[i], w.hub, id);
            ask(&c[i], i % 3 ? "echo Words of mine. More words." : "slow A few words. And others.");
        }
        for (size_t i = 0; i < N; i++) {
            if (i % 2)
                check_media(&c[i], 0, wait_done(&c[i], 0), false);
            fake_client_close(&c[i]);
        }
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn),          cmocka_unit_test(test_clips),
        cmocka_unit_test(test_emotion_tag),   cmocka_unit_test(test_fallback),
        cmocka_unit_test(test_interrupt),     cmocka_unit_test(test_new_question),
        cmocka_unit_test(test_aside),         cmocka_unit_test(test_persona),
        cmocka_unit_test(test_summary),       cmocka_unit_test(test_no_summary),
        cmocka_unit_test(test_degraded_once), cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_flood),         cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_gone_reader),   cmocka_unit_test(test_bad_messages),
        cmocka_unit_test(test_session_limit), cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
