/*
 * Conversations in a real Redis server: what every store promises, what expires, two programs with one
 * server, a server that is away for a while, refuses, or never was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "integration/service.h"
#include "unit/core/store_contract.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/socket.h>

static struct service redis;

static void use(const char *login)
{
    snprintf(redis_url, sizeof redis_url, "redis://%s127.0.0.1:%d/3", login, redis.port);
}

static redisReply *ask(const char *fmt, ...)
{
    redisContext *c = redisConnect("127.0.0.1", redis.port);
    va_list ap;

    assert_non_null(c);
    assert_int_equal(c->err, 0);
    freeReplyObject(redisCommand(c, "SELECT 3"));
    va_start(ap, fmt);
    redisReply *r = redisvCommand(c, fmt, ap);
    va_end(ap);
    redisFree(c);
    assert_non_null(r);
    return r;
}

static int64_t ask_number(const char *fmt, const char *word)
{
    redisReply *r = ask(fmt, word);
    int64_t n = r->integer;

    freeReplyObject(r);
    return n;
}

static int redis_setup(void **state)
{
    if (!redis.pid) {
        service_prepare(&redis);
        service_start_redis(&redis, NULL);
    }
    freeReplyObject(ask("FLUSHALL"));
    use("");
    return setup(state);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, redis_setup, teardown)

/* ---- helpers ---- */

static void wait_state(struct ac_store *st, bool good, size_t pending)
{
    struct ac_store_state s;
    int64_t until = ac_now_us() + 20000000;

    do {
        ac_store_state(st, &s);
        if (!s.err == good && s.pending == pending)
            return;
        ac_sleep_us(5000);
    } while (ac_now_us() < until);
    fail_msg("err %d, %zu pending, %s", s.err, s.pending, s.reason);
}

static void texts_are(struct ac_store *st, const char *id, const char *const *texts)
{
    struct ac_stored_conversation c;
    size_t n = 0;

    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    for (; texts[n]; n++) {
        assert_true(n < c.n_messages);
        assert_string_equal(c.messages[n].text, texts[n]);
    }
    assert_int_equal(c.n_messages, n);
    ac_stored_clear(&c);
}

/* ---- what expires ---- */

static void test_expires(void **state)
{
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1], old[AC_CONVERSATION_ID_MAX + 1], key[160];
    int64_t now = ac_unix_ms(), day = 86400000;
    struct ac_stored_conversation *list;
    size_t n;

    (void)state;
    make(st, ANNA, id, "New", now);
    snprintf(key, sizeof key, "test:conversation:%s:%s", ANNA, id);
    int64_t left = ask_number("PTTL %s", key);
    assert_true(left > 89 * day && left <= 90 * day);
    left = ask_number("PTTL %s", "test:client:" ANNA);
    assert_true(left > 89 * day && left <= 90 * day);
    make(st, ANNA, old, "Old", now - 91 * day); /* the server drops it by itself */
    assert_int_equal(ask_number("ZCARD %s", "test:all"), 2);
    assert_int_equal(ac_store_list(st, ANNA, 10, &list, &n), 0);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].id, id);
    ac_stored_list_free(list, n);
    assert_int_equal(ask_number("ZCARD %s", "test:all"), 1);
    make(st, BEN, old, "Old", now - 91 * day);
    assert_int_equal(ac_store_prune(st, &n), 0);
    assert_int_equal(n, 1);
    count_is(st, 1, 1);
    ac_store_close(st);
}

static void test_for_ever(void **state)
{
    struct ac_history_config cfg = config();
    char id[AC_CONVERSATION_ID_MAX + 1], key[160];
    size_t n;

    (void)state;
    cfg.keep_days = 0;
    struct ac_store *st = open_store(&cfg);
    make(st, ANNA, id, "Very old", 1);
    snprintf(key, sizeof key, "test:conversation:%s:%s", ANNA, id);
    assert_int_equal(ask_number("PTTL %s", key), -1);
    assert_int_equal(ac_store_prune(st, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(ac_store_summarize(st, ANNA, id, "Short.", 1), 0);
    count_is(st, 1, 1);
    ac_store_close(st);
}

/* Past one page of pruning and counting. */
static void test_many(void **state)
{
    struct ac_history_config cfg = config();
    struct ac_store *st = open_store(&cfg);
    char id[AC_CONVERSATION_ID_MAX + 1], client[32];
    int64_t now = ac_unix_ms();
    size_t n;

    (void)state;
    for (int i = 0; i < 1200; i++) {
        snprintf(client, sizeof client, "client-number-%04d", i / 4);
        make(st, client, id, "Hello", now + i);
    }
    count_is(st, 1200, 1200);
    ac_store_close(st);
    cfg.keep_conversations = 1;
    st = open_store(&cfg);
    count_is(st, 300, 300);
    assert_int_equal(ac_store_prune(st, &n), 0);
    assert_int_equal(n, 0);
    ac_store_close(st);
}

/* ---- several programs ---- */

static void test_shared(void **state)
{
    struct ac_store *one = open_default(), *two = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(one, ANNA, id, "Hello", 0);
    texts_are(two, id, (const char *const[]){"Hello", NULL});
    assert_int_equal(add(two, ANNA, id, "assistant", 1, "Hi.", 0), 0);
    texts_are(one, id, (const char *const[]){"Hello", "Hi.", NULL});
    assert_int_equal(ac_store_delete(one, ANNA, id), 0);
    assert_int_equal(add(two, ANNA, id, "user", 2, "Still there?", 0), AC_ENOENT);
    ac_store_close(one);
    ac_store_close(two);
}

/* ---- a server that is away ---- */

static void test_away(void **state)
{
    struct ac_store *st = open_default();
    struct ac_stored_conversation c;
    struct ac_store_state s;
    char id[AC_CONVERSATION_ID_MAX + 1], other[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(st, ANNA, id, "One", 0);
    service_stop(&redis, SIGKILL);
    assert_int_equal(add(st, ANNA, id, "assistant", 1, "Two", 0), 0);
    make(st, ANNA, other, "Elsewhere", 0);
    assert_int_equal(add(st, ANNA, other, "assistant", 1, "Not heard", 0), 0);
    assert_int_equal(ac_store_remove_answer(st, ANNA, other, 1), 0);
    assert_int_equal(ac_store_summarize(st, ANNA, other, "Short.", 1), 0);
    assert_int_equal(ac_store_load(st, ANNA, id, &c), AC_EIO);
    assert_int_equal(ac_store_delete(st, ANNA, id), AC_EIO);
    assert_int_equal(ac_store_rename(st, ANNA, id, "New"), AC_EIO);
    ac_store_state(st, &s);
    assert_int_equal(s.err, AC_EIO);
    assert_int_equal(s.pending, 5);
    assert_non_null(strstr(s.reason, "Redis at 127.0.0.1"));
    service_start_redis(&redis, NULL); /* and it has forgotten all */
    wait_state(st, true, 0);
    assert_int_equal(ac_store_load(st, ANNA, id, &c), AC_ENOENT); /* an answer alone revives nothing */
    assert_int_equal(ac_store_load(st, ANNA, other, &c), 0);
    assert_int_equal(c.n_messages, 1);
    assert_string_equal(c.summary, "Short.");
    ac_stored_clear(&c);
    ac_store_close(st);
}

/* It answers no more, and comes back: nothing is lost, nothing twice, and nobody waits long. */
static void test_hangs(void **state)
{
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct ac_stored_conversation c;

    (void)state;
    make(st, ANNA, id, "One", 0);
    kill(redis.pid, SIGSTOP);
    for (uint32_t turn = 2; turn < 50; turn++)
        assert_int_equal(add(st, ANNA, id, "user", turn, "More", 0), 0);
    kill(redis.pid, SIGCONT);
    wait_state(st, true, 0);
    assert_int_equal(ac_store_load(st, ANNA, id, &c), 0);
    assert_int_equal(c.n_messages, 49);
    for (size_t i = 0; i < c.n_messages; i++)
        assert_int_equal(c.messages[i].turn, i + 1);
    ac_stored_clear(&c);
    ac_store_close(st);
}

static void test_full(void **state)
{
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1], *large = malloc((1 << 20) + 1);
    struct ac_store_state s;
    size_t n = 0;

    (void)state;
    memset(large, 'x', 1 << 20);
    large[1 << 20] = '\0';
    make(st, ANNA, id, "One", 0);
    service_stop(&redis, SIGKILL);
    while (n < 100 && !add(st, ANNA, id, "user", (uint32_t)n + 2, large, 0))
        n++;
    assert_int_equal(n, 15); /* 16 MB, with what belongs to them */
    assert_int_equal(add(st, ANNA, id, "user", 2, large, 0), AC_EFULL);
    assert_int_equal(add(st, ANNA, id, "user", 2, "small", 0), 0);
    service_start_redis(&redis, NULL);
    wait_state(st, true, 0);
    service_stop(&redis, SIGKILL);
    for (n = 0; n < 20000 && !add(st, ANNA, id, "assistant", 1, "x", 0);)
        n++;
    assert_int_equal(n, 10000);
    ac_store_state(st, &s);
    assert_int_equal(s.pending, 10000);
    ac_store_close(st);
    free(large);
}

/* What waits at the end is written while there is time. */
static void test_closing(void **state)
{
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    make(st, ANNA, id, "One", 0);
    service_stop(&redis, SIGKILL);
    assert_int_equal(add(st, ANNA, id, "user", 1, "One again", 0), 0);
    service_start_redis(&redis, NULL);
    ac_store_close(st); /* in the worst case what waits is lost, which is logged, and nothing hangs */
    st = open_default();
    for (uint32_t i = 0; i < 500; i++)
        make(st, ANNA, id, "One", 0);
    ac_store_close(st);
    assert_int_equal(ask_number("ZCARD %s", "test:client:" ANNA), 200);
}

/* Not there at the start: all the same it begins, and is written later. */
static void test_never_there(void **state)
{
    char id[AC_CONVERSATION_ID_MAX + 1];
    size_t c, m;
    char reason[AC_STORE_REASON];
    struct ac_history_config cfg = config();

    (void)state;
    service_stop(&redis, SIGKILL);
    struct ac_store *st = open_default();
    wait_state(st, false, 0);
    assert_int_equal(ac_store_examine(&cfg, &c, &m, reason), AC_EIO);
    assert_non_null(strstr(reason, "history.redis_url"));
    make(st, ANNA, id, "One", 0);
    service_start_redis(&redis, NULL);
    wait_state(st, true, 0);
    texts_are(st, id, (const char *const[]){"One", NULL});
    assert_int_equal(ac_store_examine(&cfg, &c, &m, reason), 0);
    assert_int_equal(c, 1);
    assert_int_equal(m, 1);
    ac_store_close(st);
}

/* Something listens, but never says a word. */
static void test_silent(void **state)
{
    struct ac_history_config cfg = config();
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct service mute;

    (void)state;
    service_prepare(&mute);
    service_start_redis(&mute, NULL);
    kill(mute.pid, SIGSTOP);
    snprintf(redis_url, sizeof redis_url, "redis://127.0.0.1:%d", mute.port);
    struct ac_store *st = open_store(&cfg);
    wait_state(st, false, 0);
    make(st, ANNA, id, "One", 0);
    wait_state(st, false, 1);
    ac_store_close(st);
    service_clean(&mute);
}

/* ---- a server that refuses ---- */

static void test_memory_short(void **state)
{
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1];
    struct ac_store_state s;

    (void)state;
    make(st, ANNA, id, "One", 0);
    freeReplyObject(ask("CONFIG SET maxmemory 1"));
    assert_int_equal(add(st, ANNA, id, "assistant", 1, "Two", 0), 0);
    wait_state(st, false, 1);
    ac_store_state(st, &s);
    assert_non_null(strstr(s.reason, "OOM"));
    freeReplyObject(ask("CONFIG SET maxmemory 0"));
    wait_state(st, true, 0);
    texts_are(st, id, (const char *const[]){"One", "Two", NULL});
    ac_store_close(st);
}

static void test_password(void **state)
{
    struct ac_store_state s;
    struct ac_store *st;

    (void)state;
    freeReplyObject(ask("CONFIG SET requirepass open-sesame"));
    use(":wrong@");
    st = open_default();
    wait_state(st, false, 0);
    ac_store_state(st, &s);
    assert_non_null(strstr(s.reason, "AVATAR_CHAT_TEST_REDIS_PASSWORD"));
    assert_null(strstr(s.reason, "wrong@"));
    ac_store_close(st);
    use("default:open%2Dsesame@");
    st = open_default();
    wait_state(st, true, 0);
    ac_store_close(st);
    setenv("AVATAR_CHAT_TEST_REDIS_PASSWORD", "open-sesame", 1);
    use("");
    st = open_default();
    wait_state(st, true, 0);
    ac_store_close(st);
    unsetenv("AVATAR_CHAT_TEST_REDIS_PASSWORD");
    service_stop(&redis, SIGKILL);
    service_start_redis(&redis, NULL);
}

/* Something else stands at a key. */
static void test_wrong_type(void **state)
{
    struct ac_store *st = open_default();
    char id[AC_CONVERSATION_ID_MAX + 1];

    (void)state;
    freeReplyObject(ask("SET test:client:%s x", ANNA));
    ac_store_new_id(id);
    assert_int_equal(add(st, ANNA, id, "user", 1, "One", 0), AC_EINTERNAL);
    make(st, BEN, id, "All others go on", 0);
    wait_state(st, true, 0);
    ac_store_close(st);
}

static int stop_redis(void **state)
{
    (void)state;
    service_clean(&redis);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_CONTRACT, T(test_expires),      T(test_for_ever), T(test_many),       T(test_shared),
        T(test_away),   T(test_hangs),        T(test_full),     T(test_closing),    T(test_never_there),
        T(test_silent), T(test_memory_short), T(test_password), T(test_wrong_type),
    };

    service_program("redis-server");
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, NULL, stop_redis);
}
