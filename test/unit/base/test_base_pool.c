/* The worker pool and its strands: order, exclusion, delays, closing, stuck tasks, many threads. */
#include "wait.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "avatarchat/err.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"

static struct ac_pool *new_pool(int workers, int stall_ms)
{
    struct ac_pool *pool;
    struct ac_pool_config cfg = {.workers = workers, .stall_ms = stall_ms};
    assert_int_equal(ac_pool_new(&pool, &cfg), 0);
    return pool;
}

static void free_pool(struct ac_pool *pool)
{
    assert_int_equal(ac_pool_free(pool, 20000), 0);
}

static void bump(void *counter)
{
    counter_add(counter, 1);
}

/* A task that says that it runs, then waits until it is let go. */
struct blocker {
    struct counter started, let_go;
};

#define BLOCKER_INIT                                                                                         \
    {                                                                                                        \
        COUNTER_INIT, COUNTER_INIT                                                                           \
    }

static void block(void *arg)
{
    struct blocker *b = arg;
    counter_add(&b->started, 1);
    counter_reaches(&b->let_go, 1);
}

/* Records the order in which tasks run. */
struct record {
    struct counter done;
    char order[64];
};

struct step {
    struct record *record;
    char name;
};

static void take_note(void *arg)
{
    struct step *s = arg;
    s->record->order[counter_get(&s->record->done)] = s->name;
    counter_add(&s->record->done, 1);
}

static void test_edf_order(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(1, 0);
    struct record r = {.done = COUNTER_INIT};
    struct blocker b = BLOCKER_INIT;
    struct ac_strand *first = ac_strand_new(pool, "first", false);
    struct ac_strand *strands[6];
    /* deadline 0 goes last, equal deadlines in the order of their posts */
    const int64_t deadlines[6] = {500, 0, 100, 300, 100, 0};
    struct step steps[6];

    assert_int_equal(ac_strand_post(first, 0, 0, block, &b), 0);
    counter_wait(&b.started, 1);
    for (int i = 0; i < 6; i++) {
        steps[i] = (struct step){&r, (char)('a' + i)};
        strands[i] = ac_strand_new(pool, "edf", false);
        assert_int_equal(ac_strand_post(strands[i], 0, deadlines[i], take_note, &steps[i]), 0);
    }
    assert_int_equal(ac_pool_stats(pool).ready, 6);
    counter_add(&b.let_go, 1);
    counter_wait(&r.done, 6);
    assert_string_equal(r.order, "cedabf");
    for (int i = 0; i < 6; i++)
        ac_strand_free(strands[i], NULL, NULL);
    ac_strand_free(first, NULL, NULL);
    free_pool(pool);
}

/* Within a strand posts keep their order, whatever the deadlines; an urgent one pulls those before it. */
static void test_strand_order(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(1, 0);
    struct record r = {.done = COUNTER_INIT};
    struct blocker b = BLOCKER_INIT;
    struct ac_strand *first = ac_strand_new(pool, "first", false);
    struct ac_strand *x = ac_strand_new(pool, "x", false), *y = ac_strand_new(pool, "y", false);
    struct step a = {&r, 'a'}, c = {&r, 'c'}, d = {&r, 'd'}, e = {&r, 'e'};

    ac_strand_post(first, 0, 0, block, &b);
    counter_wait(&b.started, 1);
    ac_strand_post(y, 0, 50, take_note, &e);
    ac_strand_post(x, 0, 900, take_note, &a);
    ac_strand_post(x, 0, 10, take_note, &c); /* pulls a before e */
    ac_strand_post(x, 0, 800, take_note, &d);
    counter_add(&b.let_go, 1);
    counter_wait(&r.done, 4);
    assert_string_equal(r.order, "aced");
    ac_strand_free(first, NULL, NULL);
    ac_strand_free(x, NULL, NULL);
    ac_strand_free(y, NULL, NULL);
    free_pool(pool);
}

/* ---- exclusion, under load from several threads ---- */

enum { POSTERS = 4, STRANDS = 16, POSTS = 500 };

struct exclusive {
    struct ac_strand *strand;
    struct counter *done;
    atomic_int inside;
    atomic_int overlaps;
    int plain; /* not atomic on purpose: a strand needs no lock (and TSan would see a race) */
};

static void exclusive_task(void *arg)
{
    struct exclusive *x = arg;
    if (atomic_fetch_add(&x->inside, 1) != 0)
        atomic_fetch_add(&x->overlaps, 1);
    if (!ac_strand_is_current(x->strand))
        atomic_fetch_add(&x->overlaps, 1);
    x->plain++;
    atomic_fetch_sub(&x->inside, 1);
    counter_add(x->done, 1);
}

static void *poster(void *arg)
{
    struct exclusive *all = arg;
    for (int i = 0; i < POSTS; i++)
        for (int s = 0; s < STRANDS; s++) {
            int64_t start_us = i % 7 == 0 ? ac_now_us() + i : 0;
            if (ac_strand_post(all[s].strand, start_us, i % 3 ? i : 0, exclusive_task, &all[s]))
                abort();
        }
    return NULL;
}

static void test_strand_never_overlaps(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(4, 0);
    struct counter done = COUNTER_INIT;
    struct exclusive x[STRANDS];
    pthread_t threads[POSTERS];

    memset(x, 0, sizeof x);
    for (int s = 0; s < STRANDS; s++) {
        x[s].strand = ac_strand_new(pool, "exclusive", s % 4 == 0);
        x[s].done = &done;
    }
    assert_false(ac_strand_is_current(x[0].strand));
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, poster, x), 0);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    counter_wait(&done, POSTERS * POSTS * STRANDS);
    for (int s = 0; s < STRANDS; s++)
        ac_strand_free(x[s].strand, NULL, NULL);
    free_pool(pool);
    for (int s = 0; s < STRANDS; s++) {
        assert_int_equal(x[s].overlaps, 0);
        assert_int_equal(x[s].plain, POSTERS * POSTS);
    }
}

/* ---- time ---- */

struct stamped {
    struct step step;
    int64_t ran_us;
};

static void stamp(void *arg)
{
    struct stamped *s = arg;
    s->ran_us = ac_now_us();
    take_note(&s->step);
}

static void test_delayed_start(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(2, 0);
    struct record r = {.done = COUNTER_INIT};
    struct ac_strand *s = ac_strand_new(pool, "later", false);
    struct stamped a = {{&r, 'a'}, 0}, b = {{&r, 'b'}, 0}, c = {{&r, 'c'}, 0};
    int64_t now_us = ac_now_us();

    ac_strand_post(s, now_us + 120000, 0, stamp, &a);
    ac_strand_post(s, now_us + 60000, 0, stamp, &b);
    ac_strand_post(s, 0, 0, stamp, &c);
    counter_wait(&r.done, 3);
    assert_string_equal(r.order, "cba");
    assert_true(a.ran_us >= now_us + 120000);
    assert_true(b.ran_us >= now_us + 60000);
    assert_int_equal(ac_pool_stats(pool).delayed, 0);
    ac_strand_free(s, NULL, NULL);
    free_pool(pool);
}

/* Tasks whose start has come while the strand was busy run in the order of their posts. */
static void test_due_tasks_keep_post_order(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(2, 0);
    struct record r = {.done = COUNTER_INIT};
    struct blocker b = BLOCKER_INIT;
    struct ac_strand *s = ac_strand_new(pool, "due", false);
    struct step steps[4] = {{&r, 'a'}, {&r, 'b'}, {&r, 'c'}, {&r, 'd'}};
    int64_t now_us = ac_now_us();

    ac_strand_post(s, 0, 0, block, &b);
    counter_wait(&b.started, 1);
    ac_strand_post(s, now_us + 30000, 0, take_note, &steps[0]);
    ac_strand_post(s, now_us + 20000, 0, take_note, &steps[1]);
    ac_strand_post(s, 0, 0, take_note, &steps[2]);
    ac_sleep_us(40000);
    ac_strand_post(s, 0, 0, take_note, &steps[3]);
    counter_add(&b.let_go, 1);
    counter_wait(&r.done, 4);
    assert_string_equal(r.order, "abcd");
    ac_strand_free(s, NULL, NULL);
    free_pool(pool);
}

/* ---- closing and freeing ---- */

static void test_close_drops_not_started(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(1, 0);
    struct counter ran = COUNTER_INIT, other = COUNTER_INIT;
    struct blocker b = BLOCKER_INIT;
    struct ac_strand *s = ac_strand_new(pool, "closed", false);
    struct ac_strand *o = ac_strand_new(pool, "other", false);

    ac_strand_post(s, 0, 0, block, &b);
    counter_wait(&b.started, 1);
    ac_strand_post(s, 0, 1, bump, &ran);
    ac_strand_post(s, 0, 0, bump, &ran);
    ac_strand_post(s, ac_now_us() + 1000, 0, bump, &ran);
    ac_strand_post(s, ac_now_us() + 3600 * (int64_t)1000000, 0, bump, &ran);
    ac_strand_post(o, 0, 0, bump, &other);
    ac_strand_close(s);
    assert_int_equal(ac_strand_post(s, 0, 0, bump, &ran), AC_ECLOSED);
    assert_int_equal(ac_pool_stats(pool).delayed, 0);
    assert_int_equal(ac_pool_stats(pool).ready, 1);
    counter_add(&b.let_go, 1);
    counter_wait(&other, 1);
    assert_int_equal(counter_get(&ran), 0);
    ac_strand_free(s, NULL, NULL);
    ac_strand_free(o, NULL, NULL);
    free_pool(pool);
    assert_int_equal(counter_get(&ran), 0);
}

static void test_free_idle_calls_done_within(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(1, 0);
    struct counter done = COUNTER_INIT;
    struct ac_strand *s = ac_strand_new(pool, "idle", false);
    ac_strand_post(s, ac_now_us() + 3600 * (int64_t)1000000, 0, bump, &done);
    ac_strand_free(s, bump, &done);
    assert_int_equal(counter_get(&done), 1);
    ac_strand_free(NULL, NULL, NULL);
    free_pool(pool);
    assert_int_equal(counter_get(&done), 1);
}

static void test_free_running_calls_done_after(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(2, 0);
    struct counter done = COUNTER_INIT, ran = COUNTER_INIT;
    struct blocker b = BLOCKER_INIT;
    struct ac_strand *s = ac_strand_new(pool, "running", false);
    ac_strand_post(s, 0, 0, block, &b);
    counter_wait(&b.started, 1);
    ac_strand_post(s, 0, 0, bump, &ran);
    ac_strand_free(s, bump, &done);
    assert_int_equal(counter_get(&done), 0);
    counter_add(&b.let_go, 1);
    counter_wait(&done, 1);
    free_pool(pool);
    assert_int_equal(counter_get(&done), 1);
    assert_int_equal(counter_get(&ran), 0);
}

struct own_end {
    struct ac_strand *strand;
    struct counter done;
    int done_before_return;
};

static void free_own_strand(void *arg)
{
    struct own_end *e = arg;
    ac_strand_free(e->strand, bump, &e->done);
    e->done_before_return = counter_get(&e->done);
}

static void test_free_from_own_task(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(2, 0);
    struct own_end e = {.done = COUNTER_INIT};
    e.strand = ac_strand_new(pool, "own", false);
    ac_strand_post(e.strand, 0, 0, free_own_strand, &e);
    counter_wait(&e.done, 1);
    free_pool(pool);
    assert_int_equal(counter_get(&e.done), 1);
    assert_int_equal(e.done_before_return, 0);
}

/* Many strands are posted to and freed at the same time: done comes exactly once each. */
enum { CHURN = 2000 };

static void test_free_under_load(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(3, 0);
    struct counter done = COUNTER_INIT, ran = COUNTER_INIT;
    for (int i = 0; i < CHURN; i++) {
        struct ac_strand *s = ac_strand_new(pool, "churn", i % 5 == 0);
        for (int k = 0; k < 3; k++)
            ac_strand_post(s, k == 2 ? ac_now_us() + 200 : 0, i, bump, &ran);
        if (i % 3 == 0)
            sched_yield();
        ac_strand_free(s, bump, &done);
    }
    counter_wait(&done, CHURN);
    free_pool(pool);
    assert_int_equal(counter_get(&done), CHURN);
    assert_true(counter_get(&ran) <= 3 * CHURN);
}

/* ---- waiting strands, stuck tasks ---- */

static void test_waiting_strands_hold_no_worker(void **state)
{
    (void)state;
    enum { WAITERS = 12 };
    struct ac_pool *pool = new_pool(1, 0);
    struct blocker b = BLOCKER_INIT;
    struct counter ran = COUNTER_INIT;
    struct ac_strand *waiting[WAITERS], *s = ac_strand_new(pool, "compute", false);
    for (int i = 0; i < WAITERS; i++) {
        waiting[i] = ac_strand_new(pool, "wait", true);
        ac_strand_post(waiting[i], 0, 0, block, &b);
    }
    counter_wait(&b.started, WAITERS); /* all at once, though there is one worker */
    assert_int_equal(ac_pool_stats(pool).waiting_threads, WAITERS);
    ac_strand_post(s, 0, 0, bump, &ran);
    counter_wait(&ran, 1);
    counter_add(&b.let_go, 1);
    for (int i = 0; i < WAITERS; i++)
        ac_strand_free(waiting[i], NULL, NULL);
    ac_strand_free(s, NULL, NULL);
    free_pool(pool);
}

static void test_waiting_threads_are_limited(void **state)
{
    (void)state;
    struct ac_pool *pool;
    struct ac_pool_config cfg = {.workers = 1, .max_waiting = 2};
    assert_int_equal(ac_pool_new(&pool, &cfg), 0);
    struct blocker b = BLOCKER_INIT;
    struct ac_strand *s[4];
    for (int i = 0; i < 4; i++) {
        s[i] = ac_strand_new(pool, "wait", true);
        ac_strand_post(s[i], 0, 0, block, &b);
    }
    counter_wait(&b.started, 2);
    assert_int_equal(ac_pool_stats(pool).waiting_threads, 2);
    assert_int_equal(ac_pool_stats(pool).ready, 2);
    counter_add(&b.let_go, 1);
    counter_wait(&b.started, 4);
    for (int i = 0; i < 4; i++)
        ac_strand_free(s[i], NULL, NULL);
    free_pool(pool);
}

static void test_stall_starts_a_spare(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(2, 20);
    struct blocker b = BLOCKER_INIT;
    struct counter ran = COUNTER_INIT;
    struct ac_strand *stuck[2], *s = ac_strand_new(pool, "other", false);
    for (int i = 0; i < 2; i++) {
        stuck[i] = ac_strand_new(pool, "stuck", false);
        ac_strand_post(stuck[i], 0, 0, block, &b);
    }
    counter_wait(&b.started, 2);
    ac_strand_post(s, 0, 0, bump, &ran);
    counter_wait(&ran, 1); /* both workers are stuck: a spare ran it */
    struct ac_pool_stats stats = ac_pool_stats(pool);
    assert_int_equal(stats.workers, 2);
    assert_true(stats.spares >= 1 && stats.spares <= 2);
    assert_true(stats.stalls >= 1 && stats.stalls <= 2); /* once a task */
    counter_add(&b.let_go, 1);
    for (int i = 0; i < 2; i++)
        ac_strand_free(stuck[i], bump, &ran);
    counter_wait(&ran, 3);
    /* spares or those they stood in for end, as soon as they have run something */
    for (int i = 0; ac_pool_stats(pool).spares > 0 && i < 3000; i++)
        ac_sleep_us(10000);
    assert_int_equal(ac_pool_stats(pool).spares, 0);
    ac_strand_free(s, NULL, NULL);
    free_pool(pool);
}

static struct ac_pool *left_behind; /* leaked by design; reachable, so that LeakSanitizer knows */

static void test_free_with_a_stuck_task(void **state)
{
    (void)state;
    static struct blocker b = BLOCKER_INIT;
    static struct counter gone = COUNTER_INIT;
    left_behind = new_pool(1, 0);
    struct ac_strand *s = ac_strand_new(left_behind, "stuck", false);
    ac_strand_post(s, 0, 0, block, &b);
    counter_wait(&b.started, 1);
    ac_strand_free(s, bump, &gone);
    /* comes back although the task does not: it is let go only below */
    assert_int_equal(ac_pool_free(left_behind, 50), AC_EBUSY);
    assert_int_equal(counter_get(&gone), 0);
    counter_add(&b.let_go, 1);
    counter_wait(&gone, 1);
}

static void test_free_runs_what_is_ready(void **state)
{
    (void)state;
    struct ac_pool *pool = new_pool(1, 0);
    struct blocker b = BLOCKER_INIT;
    struct counter ran = COUNTER_INIT;
    struct ac_strand *first = ac_strand_new(pool, "first", false), *s = ac_strand_new(pool, "s", false);
    ac_strand_post(first, 0, 0, block, &b);
    counter_wait(&b.started, 1);
    for (int i = 0; i < 10; i++)
        ac_strand_post(s, 0, 0, bump, &ran);
    counter_add(&b.let_go, 1);
    counter_wait(&ran, 10);
    ac_strand_free(first, NULL, NULL);
    ac_strand_free(s, NULL, NULL);
    free_pool(pool);
}

static void test_config(void **state)
{
    (void)state;
    struct ac_pool *pool = NULL;
    struct ac_pool_config bad = {.workers = -1};
    assert_int_equal(ac_pool_new(&pool, &bad), AC_EINVAL);
    assert_null(pool);
    assert_int_equal(ac_pool_new(&pool, NULL), 0);
    assert_true(ac_pool_stats(pool).workers >= 1);
    free_pool(pool);
    assert_int_equal(ac_pool_free(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edf_order),
        cmocka_unit_test(test_strand_order),
        cmocka_unit_test(test_strand_never_overlaps),
        cmocka_unit_test(test_delayed_start),
        cmocka_unit_test(test_due_tasks_keep_post_order),
        cmocka_unit_test(test_close_drops_not_started),
        cmocka_unit_test(test_free_idle_calls_done_within),
        cmocka_unit_test(test_free_running_calls_done_after),
        cmocka_unit_test(test_free_from_own_task),
        cmocka_unit_test(test_free_under_load),
        cmocka_unit_test(test_waiting_strands_hold_no_worker),
        cmocka_unit_test(test_waiting_threads_are_limited),
        cmocka_unit_test(test_stall_starts_a_spare),
        cmocka_unit_test(test_free_with_a_stuck_task),
        cmocka_unit_test(test_free_runs_what_is_ready),
        cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
