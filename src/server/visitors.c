/*
 * The table of visitors: hashed chains, and a list in the order of last use. See visitors.h.
 */
#include "server/visitors.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

enum { CHAINS = 4096 };

struct ac_visitor {
    LIST_ENTRY(ac_visitor) in_chain;
    TAILQ_ENTRY(ac_visitor) in_order; /* without a connection */
    struct ac_visitors *all;
    unsigned char address[AC_ADDRESS_BYTES];
    int connections;
    bool known; /* the bucket has begun */
    struct ac_bucket requests;
};
LIST_HEAD(chain, ac_visitor);
TAILQ_HEAD(order, ac_visitor);

struct ac_visitors {
    struct chain chains[CHAINS];
    struct order order; /* those without a connection, last used last */
    size_t n, max;
    uint64_t seed; /* or somebody could choose addresses that share a chain */
};

bool ac_bucket_take(struct ac_bucket *b, int rate, int64_t now_us)
{
    b->tokens += (double)(now_us - b->at_us) / 1e6 * rate;
    if (b->tokens > rate)
        b->tokens = rate;
    b->at_us = now_us;
    if (b->tokens < 1)
        return false;
    b->tokens -= 1;
    return true;
}

struct ac_visitors *ac_visitors_new(size_t max)
{
    struct ac_visitors *v = ac_zalloc(sizeof *v);

    v->max = max ? max : 1;
    TAILQ_INIT(&v->order);
    if (getrandom(&v->seed, sizeof v->seed, 0) != (ssize_t)sizeof v->seed)
        v->seed = (uint64_t)(uintptr_t)v;
    return v;
}

void ac_visitors_free(struct ac_visitors *v)
{
    struct ac_visitor *one;

    if (!v)
        return;
    for (size_t i = 0; i < CHAINS; i++)
        while ((one = LIST_FIRST(&v->chains[i]))) {
            LIST_REMOVE(one, in_chain);
            free(one);
        }
    free(v);
}

static struct chain *chain_of(struct ac_visitors *v, const unsigned char key[AC_ADDRESS_BYTES])
{
    uint64_t h = v->seed;

    for (size_t i = 0; i < AC_ADDRESS_BYTES; i++)
        h = (h ^ key[i]) * 0x9E3779B97F4A7C15u ^ h >> 29;
    return &v->chains[(h >> 32) % CHAINS];
}

/* Gives up the one that was quiet for longest; false: all have a connection. */
static bool make_room(struct ac_visitors *v)
{
    struct ac_visitor *one = TAILQ_FIRST(&v->order);

    if (!one)
        return false;
    TAILQ_REMOVE(&v->order, one, in_order);
    LIST_REMOVE(one, in_chain);
    free(one);
    v->n--;
    return true;
}

struct ac_visitor *ac_visitors_find(struct ac_visitors *v, const unsigned char address[AC_ADDRESS_BYTES])
{
    static const unsigned char v4_head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    unsigned char key[AC_ADDRESS_BYTES];
    struct ac_visitor *one;

    memcpy(key, address, sizeof key);
    if (memcmp(key, v4_head, sizeof v4_head) != 0)
        memset(key + 8, 0, 8);
    LIST_FOREACH(one, chain_of(v, key), in_chain)
    if (!memcmp(one->address, key, sizeof key)) {
        if (!one->connections) {
            TAILQ_REMOVE(&v->order, one, in_order);
            TAILQ_INSERT_TAIL(&v->order, one, in_order);
        }
        return one;
    }
    if (v->n >= v->max && !make_room(v))
        return NULL;
    one = ac_zalloc(sizeof *one);
    one->all = v;
    memcpy(one->address, key, sizeof key);
    LIST_INSERT_HEAD(chain_of(v, key), one, in_chain);
    TAILQ_INSERT_TAIL(&v->order, one, in_order);
    v->n++;
    return one;
}

size_t ac_visitors_count(const struct ac_visitors *v)
{
    return v->n;
}

void ac_visitor_join(struct ac_visitor *one)
{
    if (!one->connections)
        TAILQ_REMOVE(&one->all->order, one, in_order);
    one->connections++;
}

int ac_visitor_connections(const struct ac_visitor *one)
{
    return one->connections;
}

void ac_visitor_leave(struct ac_visitor *one)
{
    if (!--one->connections)
        TAILQ_INSERT_TAIL(&one->all->order, one, in_order);
}

bool ac_visitor_request(struct ac_visitor *one, int rate, int64_t now_us)
{
    if (!one->known) {
        one->known = true;
        one->requests = (struct ac_bucket){rate, now_us};
    }
    return ac_bucket_take(&one->requests, rate, now_us);
}
