/* Binary min-heap. Parent of index i is (i - 1) / 2. */
#include "base/heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

static bool before(const struct ac_heap_node *a, const struct ac_heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void put(struct ac_heap *h, size_t i, struct ac_heap_node *node)
{
    h->nodes[i] = node;
    node->pos = i + 1;
}

static size_t sift_up(struct ac_heap *h, size_t i, struct ac_heap_node *node)
{
    while (i > 0 && before(node, h->nodes[(i - 1) / 2])) {
        put(h, i, h->nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, node);
    return i;
}

static void sift_down(struct ac_heap *h, size_t i, struct ac_heap_node *node)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < h->n && before(h->nodes[child + 1], h->nodes[child]))
            child++;
        if (child >= h->n || !before(h->nodes[child], node))
            break;
        put(h, i, h->nodes[child]);
        i = child;
    }
    put(h, i, node);
}

void ac_heap_push(struct ac_heap *h, struct ac_heap_node *node)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 16;
        h->nodes = ac_realloc_array(h->nodes, h->cap, sizeof(struct ac_heap_node *));
    }
    h->n++;
    sift_up(h, h->n - 1, node);
}

void ac_heap_moved(struct ac_heap *h, struct ac_heap_node *node)
{
    size_t i = node->pos - 1;
    if (sift_up(h, i, node) == i)
        sift_down(h, i, node);
}

void ac_heap_remove(struct ac_heap *h, struct ac_heap_node *node)
{
    if (node->pos == 0)
        return;
    size_t i = node->pos - 1;
    struct ac_heap_node *last = h->nodes[--h->n];
    node->pos = 0;
    if (last != node) {
        put(h, i, last);
        ac_heap_moved(h, last);
    }
}

struct ac_heap_node *ac_heap_top(const struct ac_heap *h)
{
    return h->n ? h->nodes[0] : NULL;
}

void ac_heap_free(struct ac_heap *h)
{
    free(h->nodes);
    *h = (struct ac_heap){0};
}
