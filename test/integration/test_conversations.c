/*
 * Conversations that are kept, with the fake engines: what stands in the store is what was said and heard,
 * whatever interrupts; an old one goes on in a new session; what is deleted meanwhile, what is asked while
 * one is loaded, long ones that are summed up, disks that are full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fake/fake_client.h"
#include "fake/fake_engines.h"
#include "fake/fake_world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ANNA "anna-anna-anna-anna"
#define BEN  "ben_ben_ben_ben_ben_ben"

static char folder[64];
static char path[128], path_set[160];
static struct fake_world world;

/* A hub that keeps conversations and sends whole answers at once; more settings, at most four. */
static void open_hub(const char *const *more, size_t n)
{
    const char *sets[8] = {"history.store=sqlite", path_set, "video.lead_ms=60000", "video.burst_ms=10000"};

    for (size_t i = 0; i < n; i++)
        sets[4 + i] = more[i];
    fake_world_open(&world, sets, 4 + n);
}

static void close_hub(void)
{
    assert_true(fake_world_close(&world));
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/avatar-chat-talk-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/history.db", folder);
    snprintf(path_set, sizeof path_set, "history.path=%s", path);
    return 0;
}

static void forget_said(void);

static int teardown(void **state)
{
    char *command = ac_asprintf("rm -rf %s", folder);

    (void)state;
    int status = system(command);
    free(command);
    forget_said();
    return status;
}

/* ---- a client ---- */

static void open_client(struct fake_client *c, const char *conversation)
{
    fake_client_open(c, world.hub, "one");
    fake_client_send(c, "{\"type\":\"hello\",\"client\":\"" ANNA "\",\"conversation\":\"%s\"}", conversation);
    assert_true(fake_client_wait(c, "listen", 0) >= 0); /* or it would come in between */
}

static size_t wait_for(struct fake_client *c, const char *type, size_t from)
{
    int at = fake_client_wait(c, type, from);

    if (at < 0)
        fail_msg("no %s came", type);
    return (size_t)at;
}

/* A copy, of the last eight asked for: the list itself may be moved while messages come. */
static struct fake_message *message_at(struct fake_client *c, size_t at)
{
    static struct fake_message copies[8];
    static size_t n;
    struct fake_message *copy = &copies[n++ % 8];

    pthread_mutex_lock(&c->lock);
    *copy = c->messages[at];
    pthread_mutex_unlock(&c->lock);
    return copy;
}

static size_t ask(struct fake_client *c, const char *text)
{
    size_t from = fake_client_total(c);

    assert_int_equal(fake_client_send(c, "{\"type\":\"text\",\"text\":\"%s\"}", text), 0);
    return from;
}

static void playback(struct fake_client *c, uint32_t turn, double heard_ms)
{
    fake_client_send(c, "{\"type\":\"playback\",\"turn\":%u,\"heard_ms\":%.1f}", turn, heard_ms);
}

/* Asks, waits for the whole answer, which is given, and has heard it to its end. */
static const char *answer(struct fake_client *c, const char *text)
{
    size_t from = ask(c, text), done = wait_for(c, "turn_done", from);

    playback(c, (uint32_t)fake_number(message_at(c, done), "turn"), 1e6);
    return fake_string(message_at(c, wait_for(c, "text_done", from)), "text");
}

static void id_of(struct fake_client *c, size_t from, char id[AC_CONVERSATION_ID_MAX + 1])
{
    snprintf(id, AC_CONVERSATION_ID_MAX + 1, "%s",
             fake_string(message_at(c, wait_for(c, "conversation", from)), "id"));
    assert_true(ac_conversation_id_valid(id));
}

/* Waits until the store holds so many messages. */
static void wait_kept(size_t messages)
{
    size_t c, m = 0;

    for (int i = 0; i < 1000 && m != messages; i++) {
        assert_int_equal(ac_store_count(ac_hub_store(world.hub), &c, &m), 0);
        ac_sleep_us(10000);
    }
    assert_int_equal(m, messages);
}

/* ---- what should be kept ---- */

enum { MAX_SAID = 128 };

static struct {
    char *role, *text;
    bool interrupted;
} said[MAX_SAID];
static size_t n_said;

static void expect_said(const char *role, const char *text, bool interrupted)
{
    assert_true(n_said < MAX_SAID);
    said[n_said].role = ac_strdup(role);
    said[n_said].text = ac_strdup(text);
    said[n_said++].interrupted = interrupted;
}

static void forget_said(void)
{
    while (n_said) {
        free(said[--n_said].role);
        free(said[n_said].text);
    }
}

static void check_said(struct ac_store *st, const char *id)
{
    struct ac_stored_conversation c;
    uint32_t turn = 0;

    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    for (size_t i = 0; i < n_said && i < c.n_messages; i++) {
        const struct ac_stored_message *m = &c.messages[i];
        turn += !strcmp(said[i].role, "user");
        if (strcmp(m->role, said[i].role) != 0 || strcmp(m->text, said[i].text) != 0 ||
            m->interrupted != said[i].interrupted || m->turn != turn)
            fail_msg("message %zu, turn %u (%u): %s '%s' %d, not %s '%s' %d", i, m->turn, turn, m->role,
                     m->text, m->interrupted, said[i].role, said[i].text, said[i].interrupted);
    }
    assert_int_equal(c.n_messages, n_said);
    ac_stored_clear(&c);
}

/* Reads the file after the hub has ended: all of it must be there then. */
static void check_file(const char *id)
{
    struct ac_history_config cfg = {.path = path, .keep_days = 90, .keep_conversations = 200};
    char reason[AC_STORE_REASON];
    struct ac_store *st;

    assert_int_equal(ac_store_open(&st, &cfg, reason), 0);
    check_said(st, id);
    ac_store_close(st);
}

/* ---- fifty turns ---- */

static const char *const parts[] = {"One two three four.", "Five six seven eight.",
                                    "Nine ten eleven twelve."};
static const char whole[] = "One two three four. Five six seven eight. Nine ten eleven twelve.";
static const char *const heard[] = {"", "One two three four.", "One two three four. Five six seven eight.",
                                    whole};

/* Waits until sentence n (from 0) of the turn begins to be sent; a time in the middle of it, and the turn. */
static double in_sentence(struct fake_client *c, size_t from, size_t n, uint32_t *turn)
{
    for (size_t at = from;; at++) {
        at = wait_for(c, "sentence", at);
        struct fake_message *m = message_at(c, at);
        if ((size_t)fake_number(m, "seq") != n)
            continue;
        assert_string_equal(fake_string(m, "text"), parts[n]);
        *turn = (uint32_t)fake_number(m, "turn");
        double middle = fake_number(m, "start_ms") + fake_number(m, "duration_ms") / 2;
        for (;; at++) { /* nothing is heard that was not sent */
            at = wait_for(c, "video_chunk_meta", at);
            m = message_at(c, at);
            if (fake_number(m, "start_ms") + fake_number(m, "duration_ms") > middle)
                return middle;
        }
    }
}

/* One turn, in one of the ways in which a turn can go. */
static void one_turn(struct fake_client *c, int i)
{
    char *question = ac_asprintf("%s %s", i % 8 == 1 ? "slow" : "echo", whole);
    size_t from = ask(c, i % 8 == 3 ? "hang" : question), n = (size_t)i % 3;
    uint32_t turn = 0;
    double ms;

    expect_said("user", i % 8 == 3 ? "hang" : question, false);
    switch (i % 8) {
    case 0: /* to its end */
    case 4:
        wait_for(c, "turn_done", from);
        expect_said("assistant", whole, false);
        break;
    case 3: /* before anything came */
        ac_sleep_us(20000);
        fake_client_send(c, "{\"type\":\"interrupt\"}");
        wait_for(c, "interrupted", from);
        break;
    case 5: /* all of it is sent, a part is heard */
        wait_for(c, "turn_done", from);
        ms = in_sentence(c, from, n, &turn);
        playback(c, turn, ms);
        fake_client_send(c, "{\"type\":\"interrupt\"}");
        wait_for(c, "interrupted", from);
        expect_said("assistant", heard[n + 1], true);
        break;
    case 6: /* the page had less of it than the server thought; n sentences */
        in_sentence(c, from, 2, &turn);
        playback(c, turn, in_sentence(c, from, 2, &turn));
        fake_client_send(c, "{\"type\":\"interrupt\"}");
        wait_for(c, "interrupted", from);
        playback(c, turn, n ? in_sentence(c, from, n - 1, &turn) : 0);
        if (n)
            expect_said("assistant", heard[n], true);
        break;
    case 7: /* another question comes */
        ms = in_sentence(c, from, n, &turn);
        wait_for(c, "turn_done", from); /* it only stops what runs: this one is said to its end */
        expect_said("assistant", whole, false);
        playback(c, turn, ms);
        break;
    default: /* in the middle */
        ms = in_sentence(c, from, n, &turn);
        playback(c, turn, ms);
        fake_client_send(c, "{\"type\":\"interrupt\"}");
        wait_for(c, "interrupted", from);
        expect_said("assistant", heard[n + 1], true);
        break;
    }
    free(question);
}

static void test_fifty_turns(void **state)
{
    static const char *const limits[] = {"session.history_turns=1000", "session.context_tokens=1000000"};
    char id[AC_CONVERSATION_ID_MAX + 1], expected[64];
    struct fake_client c;

    (void)state;
    open_hub(limits, 2);
    open_client(&c, "new");
    for (int i = 0; i < 50; i++)
        one_turn(&c, i);
    id_of(&c, 0, id);
    assert_string_equal(fake_string(message_at(&c, wait_for(&c, "conversation", 0)), "title"),
                        "echo One two three four. Five six seven eight. Nine ten ele…");
    assert_int_equal(fake_client_count(&c, "conversation", 0), 1);
    assert_int_equal(fake_client_count(&c, "error", 0), 0);
    fake_client_send(&c, "{\"type\":\"say\",\"text\":\"Said as it is.\"}"); /* no part of it */
    /* the session itself remembers the same */
    snprintf(expected, sizeof expected, "%zu messages.", n_said + 1);
    assert_string_equal(answer(&c, "count"), expected);
    expect_said("user", "count", false);
    expect_said("assistant", expected, false);
    fake_client_close(&c);
    close_hub();
    check_file(id);

    /* it goes on, the language model knows all of it */
    open_hub(limits, 2);
    open_client(&c, id);
    struct fake_message *m = message_at(&c, wait_for(&c, "conversation", 0));
    assert_true(wait_for(&c, "conversation", 0) > wait_for(&c, "session_ready", 0));
    json_t *list = json_object_get(m->data, "messages");
    assert_int_equal(json_array_size(list), n_said);
    for (size_t i = 0; i < n_said; i++) {
        json_t *one = json_array_get(list, i);
        assert_string_equal(json_string_value(json_object_get(one, "role")), said[i].role);
        assert_string_equal(json_string_value(json_object_get(one, "text")), said[i].text);
        assert_int_equal(json_is_true(json_object_get(one, "interrupted")), said[i].interrupted);
    }
    assert_string_equal(answer(&c, "recall"), said[n_said - 1].text);
    expect_said("user", "recall", false);
    expect_said("assistant", said[n_said - 2].text, false);
    snprintf(expected, sizeof expected, "%zu messages.", n_said + 1);
    assert_string_equal(answer(&c, "count"), expected);
    assert_int_equal(fake_client_count(&c, "conversation", 0), 1);
    fake_client_send(&c, "{\"type\":\"interrupt\"}");
    fake_client_close(&c);
    close_hub();
}

/* The page vanishes in mid-answer. */
static void test_vanished(void **state)
{
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct fake_client c;
    uint32_t turn;

    (void)state;
    open_hub(NULL, 0);
    open_client(&c, "new");
    size_t from = ask(&c, "echo One two three four. Five six seven eight. Nine ten eleven twelve.");
    expect_said("user", "echo One two three four. Five six seven eight. Nine ten eleven twelve.", false);
    playback(&c, 1, in_sentence(&c, from, 1, &turn));
    expect_said("assistant", heard[2], true);
    id_of(&c, 0, id);
    fake_client_close(&c);
    close_hub();
    check_file(id);
}

/* ---- which conversation ---- */

/* What is asked right behind the hello waits until the conversation is there. */
static void test_asked_at_once(void **state)
{
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct fake_client c;

    (void)state;
    open_hub(NULL, 0);
    open_client(&c, "new");
    answer(&c, "echo The old answer.");
    id_of(&c, 0, id);
    fake_client_close(&c);
    for (int i = 0; i < 20; i++) {
        fake_client_open(&c, world.hub, "two");
        fake_client_send(&c, "{\"type\":\"hello\",\"client\":\"" ANNA "\",\"conversation\":\"new\"}");
        fake_client_send(&c, "{\"type\":\"config\",\"conversation\":\"%s\"}", id);
        fake_client_send(&c, "{\"type\":\"ping\",\"data\":1}");
        assert_string_equal(answer(&c, "recall"), "The old answer.");
        assert_true(wait_for(&c, "conversation", 0) < wait_for(&c, "pong", 0));
        assert_true(wait_for(&c, "pong", 0) < wait_for(&c, "text_done", 0));
        fake_client_close(&c);
    }
    close_hub();
}

static void test_new(void **state)
{
    char first[AC_CONVERSATION_ID_MAX + 1], second[AC_CONVERSATION_ID_MAX + 1];
    struct fake_client c;

    (void)state;
    open_hub(NULL, 0);
    open_client(&c, "new");
    answer(&c, "echo First.");
    id_of(&c, 0, first);
    fake_client_send(&c, "{\"type\":\"config\",\"rate\":1.1}"); /* other choices: the same conversation */
    assert_string_equal(answer(&c, "recall"), "First.");
    size_t from = fake_client_total(&c);
    fake_client_send(&c, "{\"type\":\"config\",\"conversation\":\"new\"}");
    assert_string_equal(answer(&c, "recall"), "nothing.");
    id_of(&c, from, second);
    assert_string_not_equal(first, second);
    from = fake_client_total(&c);
    fake_client_send(&c, "{\"type\":\"config\",\"conversation\":\"%s\"}", first); /* and back */
    wait_for(&c, "conversation", from);
    assert_string_equal(answer(&c, "recall"), "First.");
    fake_client_close(&c);
    close_hub();
}

/* Another one is opened while an answer runs: that one ends, and is kept where it belongs. */
static void test_opened_in_mid_answer(void **state)
{
    char first[AC_CONVERSATION_ID_MAX + 1], second[AC_CONVERSATION_ID_MAX + 1];
    struct fake_client c;
    uint32_t turn;

    (void)state;
    open_hub(NULL, 0);
    open_client(&c, "new");
    answer(&c, "echo First.");
    id_of(&c, 0, first);
    fake_client_send(&c, "{\"type\":\"config\",\"conversation\":\"new\"}");
    size_t from = ask(&c, "slow One two three four. Five six seven eight. Nine ten eleven twelve.");
    expect_said("user", "slow One two three four. Five six seven eight. Nine ten eleven twelve.", false);
    id_of(&c, from, second);
    double ms = in_sentence(&c, from, 0, &turn);
    playback(&c, turn, ms);
    expect_said("assistant", heard[1], true);
    fake_client_send(&c, "{\"type\":\"config\",\"conversation\":\"%s\"}", first);
    size_t at = wait_for(&c, "interrupted", from);
    wait_for(&c, "conversation", at);
    playback(&c, turn, 0); /* too late to change it */
    assert_string_equal(answer(&c, "recall"), "First.");
    fake_client_close(&c);
    close_hub();
    check_file(second);
}

/* Deleted while it is open: the next question begins another one. */
static void test_deleted(void **state)
{
    char first[AC_CONVERSATION_ID_MAX + 1], second[AC_CONVERSATION_ID_MAX + 1];
    struct ac_stored_conversation *list;
    struct fake_client c;
    size_t n;

    (void)state;
    open_hub(NULL, 0);
    open_client(&c, "new");
    answer(&c, "echo First.");
    answer(&c, "echo Second.");
    id_of(&c, 0, first);
    wait_kept(4);
    assert_int_equal(ac_store_delete(ac_hub_store(world.hub), ANNA, first), 0);
    size_t from = ask(&c, "echo Third.");
    id_of(&c, from, second);
    assert_string_not_equal(first, second);
    playback(&c, (uint32_t)fake_number(message_at(&c, wait_for(&c, "turn_done", from)), "turn"), 1e6);
    expect_said("user", "echo Third.", false);
    expect_said("assistant", "Third.", false);
    answer(&c, "echo Fourth.");
    expect_said("user", "echo Fourth.", false);
    expect_said("assistant", "Fourth.", false);
    assert_int_equal(fake_client_count(&c, "error", 0), 0);
    fake_client_close(&c);
    close_hub();
    check_file(second);
    open_hub(NULL, 0);
    assert_int_equal(ac_store_list(ac_hub_store(world.hub), ANNA, 10, &list, &n), 0);
    assert_int_equal(n, 1);
    ac_stored_list_free(list, n);
    close_hub();
}

static void test_wrong_names(void **state)
{
    static const struct {
        const char *hello, *code, *message;
    } cases[] = {
        {"\"client\":\"short\"", "invalid_argument", "`client` must be"},
        {"\"client\":5", "bad_message", "`client`"},
        {"\"conversation\":\"abc\"", "invalid_argument", "`conversation` must be"},
        {"\"conversation\":\"0123456789abcdef0123456789abcdef\"", "invalid_argument", "needs `client`"},
        {"\"client\":\"" ANNA "\",\"conversation\":\"0123456789abcdef0123456789abcdef\"", "not_found",
         "no such conversation"},
    };
    struct fake_client c;

    (void)state;
    open_hub(NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake_client_open(&c, world.hub, "one");
        fake_client_send(&c, "{\"type\":\"hello\",%s}", cases[i].hello);
        struct fake_message *m = message_at(&c, wait_for(&c, "error", 0));
        assert_string_equal(fake_string(m, "code"), cases[i].code);
        if (!strstr(fake_string(m, "message"), cases[i].message))
            fail_msg("'%s' is not in '%s'", cases[i].message, fake_string(m, "message"));
        answer(&c, "echo Hello.");
        if (i == 4) /* a new one begins */
            wait_for(&c, "conversation", 0);
        else
            assert_int_equal(fake_client_count(&c, "conversation", 0), 0);
        fake_client_close(&c);
    }
    close_hub();
}

/* Anna's is not Ben's, and who gives no name leaves nothing. */
static void test_whose(void **state)
{
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct fake_client c;
    size_t n, messages;

    (void)state;
    open_hub(NULL, 0);
    open_client(&c, "new");
    answer(&c, "echo A secret.");
    id_of(&c, 0, id);
    fake_client_send(&c, "{\"type\":\"config\",\"client\":\"" BEN "\",\"conversation\":\"%s\"}", id);
    struct fake_message *m = message_at(&c, wait_for(&c, "error", 0));
    assert_string_equal(fake_string(m, "code"), "not_found");
    assert_string_equal(answer(&c, "recall"), "nothing.");
    fake_client_close(&c);
    fake_client_open(&c, world.hub, "two");
    answer(&c, "echo Nobody said this.");
    assert_int_equal(fake_client_count(&c, "conversation", 0), 0);
    fake_client_close(&c);
    close_hub();
    open_hub(NULL, 0);
    assert_int_equal(ac_store_count(ac_hub_store(world.hub), &n, &messages), 0);
    assert_int_equal(n, 2);
    assert_int_equal(messages, 4);
    close_hub();
}

/* ---- trouble ---- */

/* The disk is full: the client is told once, the talk goes on, and so does the keeping when there is room. */
static void test_disk_full(void **state)
{
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct fake_client c;
    struct rlimit old, little;

    (void)state;
    open_hub(NULL, 0);
    open_client(&c, "new");
    answer(&c, "echo First.");
    id_of(&c, 0, id);
    wait_kept(2);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    little = old;
    little.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_string_equal(answer(&c, "echo Second."), "Second.");
    assert_string_equal(answer(&c, "echo Third."), "Third.");
    size_t at = wait_for(&c, "error", 0);
    assert_string_equal(fake_string(message_at(&c, at), "code"), "io_error");
    assert_non_null(strstr(fake_string(message_at(&c, at), "message"), "not kept"));
    assert_int_equal(fake_client_count(&c, "error", 0), 1);
    ac_sleep_us(200000); /* the last answer was tried, too */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    answer(&c, "echo Fourth.");
    assert_string_equal(answer(&c, "recall"), "Fourth.");
    fake_client_close(&c);
    close_hub();
    open_hub(NULL, 0);
    struct ac_stored_conversation one;
    assert_int_equal(ac_store_load(ac_hub_store(world.hub), ANNA, id, &one), 0);
    assert_int_equal(one.turns, 5);
    assert_int_equal(one.n_messages, 6);
    assert_string_equal(one.messages[2].text, "echo Fourth.");
    ac_stored_clear(&one);
    close_hub();
}

/* A long conversation is summed up; going on with it the model is given the summary and what came after it.
 */
static void test_summed_up(void **state)
{
    static const char *const limits[] = {"session.history_turns=4"};
    char id[AC_CONVERSATION_ID_MAX + 1], text[64];
    struct ac_stored_conversation one = {0};
    struct fake_client c;

    (void)state;
    open_hub(limits, 1);
    open_client(&c, "new");
    for (int i = 0; i < 9; i++) {
        snprintf(text, sizeof text, "echo Number %d.", i);
        answer(&c, text);
        ac_sleep_us(50000);
    }
    id_of(&c, 0, id);
    for (int i = 0; i < 200 && !one.summary; i++) {
        ac_stored_clear(&one);
        ac_sleep_us(20000);
        assert_int_equal(ac_store_load(ac_hub_store(world.hub), ANNA, id, &one), 0);
    }
    fake_client_close(&c);
    close_hub();
    open_hub(limits, 1);
    ac_stored_clear(&one);
    assert_int_equal(ac_store_load(ac_hub_store(world.hub), ANNA, id, &one), 0);
    assert_non_null(one.summary);
    assert_int_equal(one.turns, 9);
    assert_int_equal(one.n_messages, 18); /* nothing of it is lost */
    assert_true(one.summary_turns > 0 && one.summary_turns < 9);
    open_client(&c, id);
    struct fake_message *m = message_at(&c, wait_for(&c, "conversation", 0));
    assert_int_equal(json_array_size(json_object_get(m->data, "messages")), 18);
    snprintf(text, sizeof text, "%u messages.", 2 * (9 - one.summary_turns) + 1);
    assert_string_equal(answer(&c, "count"), text);
    assert_non_null(strstr(answer(&c, "system"), one.summary));
    fake_client_close(&c);
    close_hub();
    ac_stored_clear(&one);
}

/* Clients that come and go while their conversations are loaded. */
static void test_gone_while_loading(void **state)
{
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct fake_client c;

    (void)state;
    open_hub(NULL, 0);
    open_client(&c, "new");
    answer(&c, "echo First.");
    id_of(&c, 0, id);
    fake_client_close(&c);
    for (int i = 0; i < 50; i++) {
        fake_client_open(&c, world.hub, "two");
        fake_client_send(&c, "{\"type\":\"hello\",\"client\":\"" ANNA "\",\"conversation\":\"%s\"}", id);
        fake_client_send(&c, "{\"type\":\"text\",\"text\":\"echo Second.\"}");
        fake_client_send(&c, "{\"type\":\"hello\",\"conversation\":\"%s\"}", id);
        fake_client_send(&c, "{\"type\":\"text\",\"text\":\"echo Third.\"}");
        if (i % 3)
            ac_sleep_us(i * 200);
        fake_client_close(&c);
    }
    close_hub();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_fifty_turns),
        T(test_vanished),
        T(test_asked_at_once),
        T(test_new),
        T(test_opened_in_mid_answer),
        T(test_deleted),
        T(test_wrong_names),
        T(test_whose),
        T(test_disk_full),
        T(test_summed_up),
        T(test_gone_while_loading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
