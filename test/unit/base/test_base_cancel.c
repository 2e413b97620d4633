/* Cancel tokens: the tree, deadlines, lifetimes, many threads. */
#include "wait.h"

#include <stdatomic.h>

#include "base/cancel.h"
#include "base/clock.h"

static void test_tree(void **state)
{
    (void)state;
    struct ac_cancel *process = ac_cancel_new(NULL);
    struct ac_cancel *a = ac_cancel_new(process), *b = ac_cancel_new(process);
    struct ac_cancel *turn = ac_cancel_new(a);
    struct ac_cancel *all[] = {process, a, b, turn};
    for (int i = 0; i < 4; i++) {
        assert_false(ac_cancelled(all[i]));
        assert_int_equal(ac_cancel_reason(all[i]), AC_OK);
    }
    ac_cancel_trigger(a);
    assert_false(ac_cancelled(process));
    assert_false(ac_cancelled(b));
    assert_true(ac_cancelled(a));
    assert_int_equal(ac_cancel_reason(turn), AC_ECANCELED);
    ac_cancel_trigger(process);
    assert_true(ac_cancelled(b));
    struct ac_cancel *born_late = ac_cancel_new(b);
    assert_true(ac_cancelled(born_late));
    ac_cancel_unref(born_late);
    for (int i = 0; i < 4; i++)
        ac_cancel_unref(all[i]);
    assert_false(ac_cancelled(NULL));
    ac_cancel_unref(NULL);
}

static void test_deadline(void **state)
{
    (void)state;
    struct ac_cancel *parent = ac_cancel_new(NULL), *child = ac_cancel_new(parent);
    int64_t far_us = ac_now_us() + (int64_t)3600 * 1000000;

    ac_cancel_set_deadline(child, far_us);
    assert_false(ac_cancelled(child));
    ac_cancel_set_deadline(parent, ac_now_us()); /* the earlier one counts */
    assert_int_equal(ac_cancel_reason(child), AC_ETIMEDOUT);
    assert_int_equal(ac_cancel_reason(parent), AC_ETIMEDOUT);
    ac_cancel_set_deadline(parent, 0);
    assert_false(ac_cancelled(child));
    ac_cancel_set_deadline(child, ac_now_us());
    assert_true(ac_cancelled(child));
    assert_false(ac_cancelled(parent));
    ac_cancel_trigger(parent); /* an interruption outranks a deadline */
    assert_int_equal(ac_cancel_reason(child), AC_ECANCELED);
    ac_cancel_unref(parent);
    ac_cancel_unref(child);
}

static void test_child_holds_parent(void **state)
{
    (void)state;
    struct ac_cancel *parent = ac_cancel_new(NULL), *child = ac_cancel_new(parent);
    ac_cancel_trigger(parent);
    ac_cancel_unref(parent);
    assert_true(ac_cancelled(child));
    assert_ptr_equal(ac_cancel_ref(child), child);
    ac_cancel_unref(child);
    assert_true(ac_cancelled(child));
    ac_cancel_unref(child);
}

/* A value written before the trigger is seen after it; references go and come meanwhile. */
struct shared {
    struct ac_cancel *root;
    struct counter ready;
    int message;
};

static void *watch(void *arg)
{
    struct shared *s = arg;
    struct ac_cancel *mine = ac_cancel_new(s->root);
    counter_add(&s->ready, 1);
    while (!ac_cancelled(mine)) {
        struct ac_cancel *turn = ac_cancel_new(mine);
        ac_cancel_set_deadline(turn, ac_now_us() + 1);
        (void)ac_cancelled(turn);
        ac_cancel_unref(turn);
    }
    ac_cancel_unref(mine);
    return s->message == 42 ? s : NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    struct shared s = {.root = ac_cancel_new(NULL), .ready = COUNTER_INIT};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch, &s), 0);
    counter_wait(&s.ready, THREADS);
    ac_sleep_us(5000);
    s.message = 42;
    ac_cancel_trigger(s.root);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, &s);
    }
    ac_cancel_unref(s.root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_child_holds_parent),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
