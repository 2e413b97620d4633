/* The bounded queue: limits, both policies, counting, closing, many threads. */
#include "wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avatarchat/err.h"
#include "base/mem.h"
#include "base/queue.h"

static struct ac_frame *numbered(int n)
{
    char text[16];
    snprintf(text, sizeof text, "%06d", n);
    return ac_frame_new_text(text, strlen(text)); /* 6 bytes each */
}

static struct ac_frame *speech_ms(int ms)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
    f->speech.rate_hz = 16000;
    f->speech.n_samples = (size_t)ms * 16;
    f->speech.pcm = ac_zalloc(f->speech.n_samples * sizeof(int16_t));
    return f;
}

static void expect_pop(struct ac_queue *q, int n)
{
    struct ac_frame *f = ac_queue_pop(q);
    assert_non_null(f);
    assert_int_equal(atoi(f->text.text), n);
    assert_true(ac_frame_is_unique(f));
    ac_frame_unref(f);
}

static void test_fifo(void **state)
{
    (void)state;
    struct ac_queue *q = ac_queue_new(&(struct ac_queue_limits){.policy = AC_QUEUE_REFUSE});
    assert_null(ac_queue_pop(q));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            assert_int_equal(ac_queue_push(q, numbered(i)), 0);
        assert_false(ac_queue_full(q)); /* no limits */
        for (int i = 0; i < 100; i++)
            expect_pop(q, i);
        assert_null(ac_queue_pop(q));
    }
    ac_queue_free(q);
    ac_queue_free(NULL);
}

static void test_refuse(void **state)
{
    (void)state;
    static const struct {
        struct ac_queue_limits limits;
        int fit;
    } cases[] = {
        {{.max_items = 3, .policy = AC_QUEUE_REFUSE}, 3},
        {{.max_bytes = 25, .policy = AC_QUEUE_REFUSE}, 4},
        {{.max_bytes = 24, .policy = AC_QUEUE_REFUSE}, 4},
        {{.max_bytes = 5, .policy = AC_QUEUE_REFUSE}, 1}, /* one alone is let in */
        {{.max_items = 9, .max_bytes = 13, .policy = AC_QUEUE_REFUSE}, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_queue *q = ac_queue_new(&cases[i].limits);
        for (int k = 0; k < cases[i].fit; k++)
            assert_int_equal(ac_queue_push(q, numbered(k)), 0);
        struct ac_frame *extra = numbered(99);
        assert_int_equal(ac_queue_push(q, extra), AC_EFULL);
        assert_true(ac_frame_is_unique(extra)); /* still ours */
        struct ac_queue_stats st = ac_queue_stats(q);
        assert_int_equal(st.items, cases[i].fit);
        assert_int_equal(st.bytes, cases[i].fit * 6);
        assert_int_equal(st.refused, 1);
        assert_int_equal(st.dropped, 0);
        expect_pop(q, 0);
        assert_int_equal(ac_queue_push(q, extra), 0);
        ac_queue_free(q);
    }
}

static void test_drop_oldest(void **state)
{
    (void)state;
    struct ac_queue *q =
        ac_queue_new(&(struct ac_queue_limits){.max_items = 3, .policy = AC_QUEUE_DROP_OLDEST});
    for (int i = 0; i < 10; i++)
        assert_int_equal(ac_queue_push(q, numbered(i)), 0);
    struct ac_queue_stats st = ac_queue_stats(q);
    assert_int_equal(st.items, 3);
    assert_int_equal(st.pushed, 10);
    assert_int_equal(st.dropped, 7);
    for (int i = 7; i < 10; i++)
        expect_pop(q, i);
    ac_queue_free(q);
}

static void test_duration(void **state)
{
    (void)state;
    struct ac_queue *q =
        ac_queue_new(&(struct ac_queue_limits){.max_duration_us = 500000, .policy = AC_QUEUE_DROP_OLDEST});
    for (int i = 0; i < 5; i++)
        assert_int_equal(ac_queue_push(q, speech_ms(100)), 0);
    assert_true(ac_queue_full(q));
    assert_int_equal(ac_queue_stats(q).duration_us, 500000);
    assert_int_equal(ac_queue_push(q, speech_ms(250)), 0); /* three must go */
    assert_int_equal(ac_queue_stats(q).items, 3);
    assert_int_equal(ac_queue_stats(q).duration_us, 450000);
    assert_int_equal(ac_queue_stats(q).dropped, 3);
    assert_int_equal(ac_queue_push(q, speech_ms(900)), 0); /* alone, though over the limit */
    assert_int_equal(ac_queue_stats(q).items, 1);
    ac_queue_clear(q);
    struct ac_queue_stats st = ac_queue_stats(q);
    assert_true(st.items == 0 && st.bytes == 0 && st.duration_us == 0);
    assert_false(ac_queue_full(q));
    assert_int_equal(ac_queue_push(q, speech_ms(10)), 0);
    ac_queue_free(q);
}

static void test_close(void **state)
{
    (void)state;
    struct ac_queue *q = ac_queue_new(&(struct ac_queue_limits){.max_items = 3, .policy = AC_QUEUE_REFUSE});
    struct ac_frame *f = numbered(2);
    assert_int_equal(ac_queue_push(q, numbered(1)), 0);
    ac_queue_close(q);
    assert_int_equal(ac_queue_push(q, f), AC_ECLOSED);
    assert_true(ac_frame_is_unique(f));
    ac_frame_unref(f);
    expect_pop(q, 1);
    ac_queue_free(q);
}

/* ---- several makers, several takers ---- */

enum { MAKERS = 4, TAKERS = 3, EACH = 5000 };

struct traffic {
    struct ac_queue *q;
    int first;
    struct counter *taken;
    unsigned char *seen;
};

static void *make(void *arg)
{
    struct traffic *t = arg;
    for (int i = 0; i < EACH;) {
        struct ac_frame *f = numbered(t->first + i);
        if (ac_queue_push(t->q, f)) {
            ac_frame_unref(f);
            sched_yield();
            continue;
        }
        i++;
    }
    return NULL;
}

static void *take(void *arg)
{
    struct traffic *t = arg;
    int last[MAKERS] = {-1, -1, -1, -1};
    while (counter_get(t->taken) < MAKERS * EACH) {
        struct ac_frame *f = ac_queue_pop(t->q);
        if (!f) {
            sched_yield();
            continue;
        }
        int n = atoi(f->text.text);
        t->seen[n]++;
        if (n % EACH <= last[n / EACH])
            t->seen[n] = 100; /* out of order */
        last[n / EACH] = n % EACH;
        ac_frame_unref(f);
        counter_add(t->taken, 1);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    pthread_t threads[MAKERS + TAKERS];
    struct traffic t[MAKERS + TAKERS];
    struct counter taken = COUNTER_INIT;
    unsigned char *seen = ac_zalloc(MAKERS * EACH);
    struct ac_queue *q = ac_queue_new(&(struct ac_queue_limits){.max_items = 50, .policy = AC_QUEUE_REFUSE});
    for (int i = 0; i < MAKERS + TAKERS; i++) {
        t[i] = (struct traffic){q, i * EACH, &taken, seen};
        assert_int_equal(pthread_create(&threads[i], NULL, i < MAKERS ? make : take, &t[i]), 0);
    }
    for (int i = 0; i < MAKERS + TAKERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < MAKERS * EACH; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(ac_queue_stats(q).pushed, MAKERS * EACH);
    assert_int_equal(ac_queue_stats(q).items, 0);
    ac_queue_free(q);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fifo),     cmocka_unit_test(test_refuse), cmocka_unit_test(test_drop_oldest),
        cmocka_unit_test(test_duration), cmocka_unit_test(test_close),  cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
