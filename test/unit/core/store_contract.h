/*
 * What store.h promises of every kind of store, as tests on the store of store_world.h. Included
 * once a test.
 */
#ifndef AC_TEST_STORE_CONTRACT_H
#define AC_TEST_STORE_CONTRACT_H

#include "unit/core/store_world.h"

#include "base/str.h"

#include <pthread.h>

static void test_conversation(void **state)
{
    struct ac_store *st = open_default();
    struct ac_stored_conversation c;
    char id[AC_CONVERSATION_ID_MAX + 1];
    int64_t now = ac_unix_ms();

    (void)state;
    make(st, ANNA, id, "What is\n  the time?", now);
    assert_int_equal(add(st, ANNA, id, "assistant", 1, "Half past ten.", now + 1000), 0);
    assert_int_equal(add(st, ANNA, id, "user", 2, "你好 😀 \"quoted\" '); DROP TABLE message; --", now + 2000),
                     0);
    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    assert_string_equal(c.id, id);
    assert_string_equal(c.title, "What is the time?");
    assert_int_equal(c.created_ms, now);
    assert_int_equal(c.updated_ms, now + 2000);
    assert_int_equal(c.turns, 2);
    assert_null(c.summary);
    assert_int_equal(c.n_messages, 3);
    assert_string_equal(c.messages[0].role, "user");
    assert_string_equal(c.messages[0].text, "What is\n  the time?");
    assert_string_equal(c.messages[1].role, "assistant");
    assert_string_equal(c.messages[1].text, "Half past ten.");
    assert_int_equal(c.messages[1].turn, 1);
    assert_int_equal(c.messages[1].at_ms, now + 1000);
    assert_false(c.messages[1].interrupted);
    assert_string_equal(c.messages[2].text, "你好 😀 \"quoted\" '); DROP TABLE message; --");
    ac_stored_clear(&c);
    count_is(st, 1, 3);
    ac_store_close(st);
    st = open_default(); /* and all of it is there the next time */
    count_is(st, 1, 3);
    ac_store_close(st);
}

static void test_interrupted(void **state)
{
    struct ac_store *st = open_default();
    struct ac_stored_conversation c;
    struct ac_stored_message heard = {
        .role = "assistant", .text = "One.", .turn = 1, .at_ms = 5, .interrupted = true};
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(st, ANNA, id, "Count", 0);
    assert_int_equal(add(st, ANNA, id, "assistant", 1, "One. Two. Three.", 0), 0);
    assert_int_equal(ac_store_add(st, ANNA, id, &heard), 0); /* replaces */
    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    assert_int_equal(c.n_messages, 2);
    assert_string_equal(c.messages[1].text, "One.");
    assert_true(c.messages[1].interrupted);
    ac_stored_clear(&c);
    assert_int_equal(ac_store_remove_answer(st, BEN, id, 1), AC_ENOENT);
    assert_int_equal(ac_store_remove_answer(st, ANNA, id, 1), 0);
    assert_int_equal(ac_store_remove_answer(st, ANNA, id, 1), AC_ENOENT);
    count_is(st, 1, 1);
    ac_store_close(st);
}

/* Nothing is made by an answer, nor by a later question: what was deleted stays so. */
static void test_not_revived(void **state)
{
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(st, ANNA, id, "Hello", 0);
    assert_int_equal(add(st, ANNA, id, "assistant", 2, "An answer to no question", 0), AC_ENOENT);
    assert_int_equal(ac_store_delete(st, ANNA, id), 0);
    assert_int_equal(add(st, ANNA, id, "assistant", 1, "Late", 0), AC_ENOENT);
    assert_int_equal(add(st, ANNA, id, "user", 2, "Later", 0), AC_ENOENT);
    count_is(st, 0, 0);
    ac_store_close(st);
}

static void test_bad_arguments(void **state)
{
    struct ac_store *st = open_default();
    struct ac_stored_conversation c, *list;
    char id[AC_CONVERSATION_ID_MAX + 1];
    size_t n;

    (void)state;
    make(st, ANNA, id, "Hello", 0);
    assert_int_equal(add(st, "short", id, "user", 2, "x", 0), AC_EINVAL);
    assert_int_equal(add(st, ANNA, "short", "user", 2, "x", 0), AC_EINVAL);
    assert_int_equal(add(st, ANNA, id, "system", 2, "x", 0), AC_EINVAL);
    assert_int_equal(add(st, ANNA, id, "user", 0, "x", 0), AC_EINVAL);
    assert_int_equal(add(st, ANNA, id, "user", 2, "", 0), AC_EINVAL);
    assert_int_equal(add(st, ANNA, id, "user", 2, "a\xFFz", 0), AC_EUTF8);
    assert_int_equal(ac_store_load(st, ANNA, "x", &c), AC_EINVAL);
    assert_int_equal(ac_store_list(st, "x", 10, &list, &n), AC_EINVAL);
    assert_int_equal(ac_store_delete(st, "x", id), AC_EINVAL);
    assert_int_equal(ac_store_delete_client(st, "x", NULL), AC_EINVAL);
    assert_int_equal(ac_store_rename(st, ANNA, id, " \n "), AC_EINVAL);
    count_is(st, 1, 1);
    ac_store_close(st);
}

static void test_rename(void **state)
{
    struct ac_store *st = open_default();
    struct ac_stored_conversation c;
    struct ac_str longest = {0};
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(st, ANNA, id, "Hello", 0);
    assert_int_equal(ac_store_rename(st, ANNA, id, "  A \n new  title "), 0);
    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    assert_string_equal(c.title, "A new title");
    ac_stored_clear(&c);
    for (int i = 0; i < AC_TITLE_MAX_CHARS; i++)
        ac_str_add(&longest, "字");
    assert_int_equal(ac_store_rename(st, ANNA, id, longest.p), 0);
    ac_str_add(&longest, "字");
    assert_int_equal(ac_store_rename(st, ANNA, id, longest.p), AC_EINVAL);
    assert_int_equal(ac_store_rename(st, BEN, id, "Mine"), AC_ENOENT);
    ac_str_free(&longest);
    ac_store_close(st);
}

static void test_summary(void **state)
{
    struct ac_store *st = open_default();
    struct ac_stored_conversation c;
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(st, ANNA, id, "Hello", 0);
    assert_int_equal(ac_store_summarize(st, BEN, id, "stolen", 1), AC_ENOENT);
    assert_int_equal(ac_store_summarize(st, ANNA, id, "They said hello.", 1), 0);
    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    assert_string_equal(c.summary, "They said hello.");
    assert_int_equal(c.summary_turns, 1);
    ac_stored_clear(&c);
    ac_store_close(st);
}

/* What belongs to another client is as if it did not exist, also under the same id. */
static void test_others(void **state)
{
    struct ac_store *st = open_default();
    struct ac_stored_conversation c, *list;
    char id[AC_CONVERSATION_ID_MAX + 1];
    size_t n;

    (void)state;
    make(st, ANNA, id, "A secret", 0);
    assert_int_equal(ac_store_load(st, BEN, id, &c), AC_ENOENT);
    ac_stored_clear(&c);
    assert_int_equal(ac_store_delete(st, BEN, id), AC_ENOENT);
    assert_int_equal(add(st, BEN, id, "user", 2, "x", 0), AC_ENOENT);
    assert_int_equal(ac_store_list(st, BEN, 10, &list, &n), 0);
    assert_int_equal(n, 0);
    ac_stored_list_free(list, n);
    assert_int_equal(ac_store_delete_client(st, BEN, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(add(st, BEN, id, "user", 1, "My own", 0), 0);
    assert_int_equal(ac_store_delete_client(st, BEN, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    assert_string_equal(c.title, "A secret");
    ac_stored_clear(&c);
    ac_store_close(st);
}

static void test_list(void **state)
{
    struct ac_store *st = open_default();
    struct ac_stored_conversation *list;
    char ids[3][AC_CONVERSATION_ID_MAX + 1];
    int64_t now = ac_unix_ms();
    size_t n;

    (void)state;
    for (int i = 0; i < 3; i++)
        make(st, ANNA, ids[i], i == 1 ? "Middle" : "Other", now + i * 10);
    assert_int_equal(add(st, ANNA, ids[0], "user", 2, "Again", now + 100), 0);
    assert_int_equal(ac_store_list(st, ANNA, 2, &list, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].id, ids[0]); /* the latest */
    assert_int_equal(list[0].turns, 2);
    assert_int_equal(list[0].updated_ms, now + 100);
    assert_string_equal(list[1].id, ids[2]);
    assert_null(list[0].messages);
    ac_stored_list_free(list, n);
    ac_store_close(st);
}

static void test_number(void **state)
{
    struct ac_history_config cfg = config();
    struct ac_stored_conversation *list;
    char id[AC_CONVERSATION_ID_MAX + 1];
    int64_t now = ac_unix_ms();
    size_t n;

    (void)state;
    cfg.keep_conversations = 3;
    struct ac_store *st = open_store(&cfg);
    make(st, BEN, id, "Ben's", now - 1000);
    for (int i = 0; i < 5; i++)
        make(st, ANNA, id, "Anna's", now + i);
    count_is(st, 4, 4); /* three and Ben's */
    make(st, ANNA, id, "From a clock that was wrong", now - 5000);
    assert_int_equal(add(st, ANNA, id, "assistant", 1, "Still there.", now - 5000), 0);
    count_is(st, 4, 5);
    ac_store_close(st);
    cfg.keep_conversations = 1;
    st = open_store(&cfg);
    assert_int_equal(ac_store_list(st, ANNA, 10, &list, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(list[0].updated_ms, now + 4);
    ac_stored_list_free(list, n);
    count_is(st, 2, 2);
    ac_store_close(st);
}

/* ---- threads ---- */

enum { THREADS = 8, ROUNDS = 40 };

struct worker {
    struct ac_store *st;
    int number, failures;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    char client[32], id[AC_CONVERSATION_ID_MAX + 1];

    snprintf(client, sizeof client, "client-number-%04d", w->number);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct ac_stored_conversation *list, one;
        size_t n;
        if (i % 10 == 0)
            ac_store_new_id(id);
        uint32_t turn = i % 10 + 1;
        w->failures += add(w->st, client, id, "user", turn, "question", 0) != 0;
        w->failures += add(w->st, client, id, "assistant", turn, "answer", 0) != 0;
        w->failures += ac_store_load(w->st, client, id, &one) != 0 || one.n_messages != 2 * turn;
        ac_stored_clear(&one);
        w->failures += ac_store_list(w->st, client, 100, &list, &n) != 0 || n != i / 10 + 1;
        ac_stored_list_free(list, n);
        struct ac_store_state state;
        ac_store_state(w->st, &state);
        w->failures += state.err != 0;
    }
    w->failures += ac_store_delete(w->st, client, id) != 0;
    return NULL;
}

static void test_threads(void **state)
{
    struct ac_store *st = open_default();
    pthread_t threads[THREADS];
    struct worker workers[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.st = st, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failures, 0);
    }
    count_is(st, THREADS * 3, THREADS * 3 * 20);
    ac_store_close(st);
}

#define STORE_CONTRACT                                                                                       \
    T(test_conversation), T(test_interrupted), T(test_not_revived), T(test_bad_arguments), T(test_rename),   \
        T(test_summary), T(test_others), T(test_list), T(test_number), T(test_threads)

#endif
