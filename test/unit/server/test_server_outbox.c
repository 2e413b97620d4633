/* The outbox: order, pairs, limits, catching up, closing, and many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/err.h"
#include "base/clock.h"
#include "server/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put(struct ac_outbox *o, const char *text, size_t binary_len)
{
    static char bytes[100000];
    return ac_outbox_put(o, text, strlen(text), binary_len ? bytes : NULL, binary_len, NULL);
}

/* Takes one and checks what it is; binary messages by their length. */
static bool take(struct ac_outbox *o, const char *text, size_t binary_len)
{
    bool room = false;
    struct ac_outbox_item *item = ac_outbox_take(o, &room);
    assert_non_null(item);
    assert_int_equal(item->binary, binary_len > 0);
    assert_int_equal(item->len, binary_len ? binary_len : strlen(text));
    if (!binary_len)
        assert_memory_equal(item->data, text, item->len);
    memset(item->data - AC_OUTBOX_PRE, 0xff, AC_OUTBOX_PRE); /* ours to write to */
    ac_outbox_item_free(item);
    return room;
}

static void test_order(void **state)
{
    (void)state;
    struct ac_outbox o;
    bool room = false;
    ac_outbox_init(&o, 1000, 2000);
    assert_true(ac_outbox_empty(&o));
    assert_null(ac_outbox_take(&o, &room));
    assert_int_equal(put(&o, "a", 0), 0);
    assert_int_equal(put(&o, "meta", 10), 0);
    assert_int_equal(put(&o, "b", 0), 0);
    assert_int_equal(put(&o, "", 0), 0);
    assert_int_equal(ac_outbox_bytes(&o), 16);
    take(&o, "a", 0);
    take(&o, "meta", 0);
    take(&o, "", 10);
    take(&o, "b", 0);
    take(&o, "", 0);
    assert_true(ac_outbox_empty(&o));
    assert_int_equal(ac_outbox_bytes(&o), 0);
    ac_outbox_destroy(&o);
}

static void test_soft_limit(void **state)
{
    (void)state;
    struct ac_outbox o;
    bool behind = false;
    ac_outbox_init(&o, 1000, 2000);
    assert_int_equal(put(&o, "big", 5000), 0); /* an empty one takes anything */
    take(&o, "big", 0);
    take(&o, "", 5000);
    assert_int_equal(put(&o, "m1", 600), 0);
    assert_int_equal(ac_outbox_put(&o, "m2", 2, "bytes", 5, &behind), 0);
    assert_false(behind);
    assert_int_equal(put(&o, "m3", 600), AC_EFULL);
    char bytes[600] = {0};
    assert_int_equal(ac_outbox_put(&o, "m4", 2, bytes, 600, &behind), AC_EFULL);
    assert_false(behind); /* told once only */
    assert_int_equal(put(&o, "text goes on", 0), 0);
    assert_false(take(&o, "m1", 0));
    assert_true(take(&o, "", 600)); /* less than half is left: there is room again, told once */
    assert_false(take(&o, "m2", 0));
    take(&o, "", 5);
    assert_int_equal(ac_outbox_put(&o, "m5", 2, bytes, 600, &behind), 0);
    assert_int_equal(ac_outbox_put(&o, "m6", 2, bytes, 600, &behind), AC_EFULL);
    assert_true(behind); /* it had kept up in between */
    ac_outbox_destroy(&o);
}

static void test_hard_limit(void **state)
{
    (void)state;
    struct ac_outbox o;
    char text[1501];
    memset(text, 'x', 1500);
    text[1500] = '\0';
    ac_outbox_init(&o, 1000, 2000);
    assert_int_equal(put(&o, text, 0), 0);
    assert_false(ac_outbox_overrun(&o, ac_now_us(), 1000000));
    assert_int_equal(put(&o, text, 0), AC_ECLOSED);
    assert_true(ac_outbox_overrun(&o, ac_now_us(), 1000000));
    assert_int_equal(put(&o, "a", 0), AC_ECLOSED);
    ac_outbox_close(&o, "bye", 3, true);
    take(&o, "bye", 0);
    assert_true(ac_outbox_empty(&o));
    ac_outbox_destroy(&o);
}

static void test_behind_for_too_long(void **state)
{
    (void)state;
    struct ac_outbox o;
    ac_outbox_init(&o, 1000, 2000);
    put(&o, "m", 900);
    assert_int_equal(put(&o, "m", 900), AC_EFULL);
    int64_t now = ac_now_us();
    assert_false(ac_outbox_overrun(&o, now, 1000000));
    assert_true(ac_outbox_overrun(&o, now + 1100000, 1000000));
    assert_true(ac_outbox_overrun(&o, now, 1000000)); /* stays */
    ac_outbox_destroy(&o);
}

static void test_close(void **state)
{
    (void)state;
    struct ac_outbox o;
    ac_outbox_init(&o, 10000, 20000);
    put(&o, "meta", 10);
    put(&o, "later", 0);
    take(&o, "meta", 0);
    ac_outbox_close(&o, "bye", 3, true); /* the bytes of the announced message still go */
    take(&o, "", 10);
    take(&o, "bye", 0);
    assert_true(ac_outbox_empty(&o));
    assert_int_equal(put(&o, "a", 0), AC_ECLOSED);
    ac_outbox_destroy(&o);

    ac_outbox_init(&o, 10000, 20000);
    put(&o, "meta", 10);
    ac_outbox_close(&o, NULL, 0, true); /* nothing announced: nothing goes */
    assert_true(ac_outbox_empty(&o));
    ac_outbox_destroy(&o);

    ac_outbox_init(&o, 10000, 20000);
    put(&o, "a", 0);
    ac_outbox_close(&o, "bye", 3, false);
    ac_outbox_close(&o, "again", 5, false);
    take(&o, "a", 0);
    take(&o, "bye", 0);
    assert_true(ac_outbox_empty(&o));
    ac_outbox_destroy(&o);
}

enum { WRITERS = 4, EACH = 2000 };

static void *writer(void *arg)
{
    struct ac_outbox *o = arg;
    for (int i = 0; i < EACH;) {
        int err = i % 2 ? ac_outbox_put(o, "meta", 4, "12345", 5, NULL)
                        : ac_outbox_put(o, "text!", 5, NULL, 0, NULL);
        if (!err)
            i++;
        else if (err != AC_EFULL)
            break;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct ac_outbox o;
    pthread_t threads[WRITERS];
    size_t texts = 0, pairs = 0;
    bool room;
    ac_outbox_init(&o, 300, 100000000);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, writer, &o), 0);
    while (texts + pairs < WRITERS * EACH) {
        struct ac_outbox_item *item = ac_outbox_take(&o, &room);
        if (!item)
            continue;
        assert_false(item->binary); /* never without its text before it */
        if (item->len == 5) {
            texts++;
        } else {
            struct ac_outbox_item *media = ac_outbox_take(&o, &room);
            assert_non_null(media);
            assert_true(media->binary);
            ac_outbox_item_free(media);
            pairs++;
        }
        ac_outbox_item_free(item);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(texts, pairs);
    assert_true(ac_outbox_empty(&o));
    assert_int_equal(ac_outbox_bytes(&o), 0);
    ac_outbox_destroy(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),      cmocka_unit_test(test_soft_limit),
        cmocka_unit_test(test_hard_limit), cmocka_unit_test(test_behind_for_too_long),
        cmocka_unit_test(test_close),      cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
