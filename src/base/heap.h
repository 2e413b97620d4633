/*
 * Binary min-heap of nodes embedded in their owners, ordered by key, then by seq. Inserting, removing
 * any node and changing a key are O(log n). Not locked: the owner of the heap does that.
 */
#ifndef AC_BASE_HEAP_H
#define AC_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct ac_heap_node {
    int64_t key;
    uint64_t seq; /* orders equal keys */
    size_t pos;   /* 1 + index in the heap, 0 = in none */
};

struct ac_heap {
    struct ac_heap_node **nodes;
    size_t n, cap;
};

void ac_heap_push(struct ac_heap *h, struct ac_heap_node *node);
void ac_heap_remove(struct ac_heap *h, struct ac_heap_node *node); /* not in the heap: nothing happens */
void ac_heap_moved(struct ac_heap *h, struct ac_heap_node *node);  /* after key or seq changed */
struct ac_heap_node *ac_heap_top(const struct ac_heap *h);         /* NULL when empty */
void ac_heap_free(struct ac_heap *h);                              /* the array, not the nodes */

#endif
