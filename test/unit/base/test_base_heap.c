/* The heap against sorting, with removals and moved keys in between. */
#include "wait.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"

enum { N = 500 };

static int compare(const void *a, const void *b)
{
    const struct ac_heap_node *x = *(struct ac_heap_node *const *)a, *y = *(struct ac_heap_node *const *)b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void test_against_sorting(void **state)
{
    (void)state;
    struct ac_heap h = {0};
    struct ac_heap_node nodes[N], *expected[N];
    unsigned seed = 12345;
    size_t n = 0;

    memset(nodes, 0, sizeof nodes);
    assert_null(ac_heap_top(&h));
    for (size_t i = 0; i < N; i++) {
        nodes[i].key = rand_r(&seed) % 50; /* many equal ones */
        nodes[i].seq = i;
        ac_heap_push(&h, &nodes[i]);
    }
    for (size_t i = 0; i < N; i++) {
        if (i % 3 == 0) {
            ac_heap_remove(&h, &nodes[i]);
            ac_heap_remove(&h, &nodes[i]); /* twice is harmless */
            assert_int_equal(nodes[i].pos, 0);
            continue;
        }
        if (i % 3 == 1) {
            nodes[i].key = rand_r(&seed) % 50;
            ac_heap_moved(&h, &nodes[i]);
        }
        expected[n++] = &nodes[i];
    }
    assert_int_equal(h.n, n);
    qsort(expected, n, sizeof(struct ac_heap_node *), compare);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(ac_heap_top(&h), expected[i]);
        ac_heap_remove(&h, expected[i]);
    }
    assert_null(ac_heap_top(&h));
    ac_heap_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_sorting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
