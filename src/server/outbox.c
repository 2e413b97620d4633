/*
 * The outbox of one WebSocket: a list under a mutex, with byte counts. See outbox.h.
 */
#include "server/outbox.h"

#include "avatarchat/err.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void ac_outbox_init(struct ac_outbox *o, size_t soft_bytes, size_t hard_bytes)
{
    memset(o, 0, sizeof *o);
    pthread_mutex_init(&o->lock, NULL);
    o->soft_bytes = soft_bytes;
    o->hard_bytes = hard_bytes > soft_bytes ? hard_bytes : soft_bytes;
}

void ac_outbox_item_free(struct ac_outbox_item *item)
{
    free(item);
}

/* Item and bytes in one block; NULL when memory is short. */
static struct ac_outbox_item *item_new(const char *bytes, size_t len, bool binary)
{
    struct ac_outbox_item *item = ac_try_alloc(sizeof *item + AC_OUTBOX_PRE + len);
    if (!item)
        return NULL;
    item->next = NULL;
    item->binary = binary;
    item->len = len;
    item->data = (unsigned char *)(item + 1) + AC_OUTBOX_PRE;
    memcpy(item->data, bytes, len);
    return item;
}

static void append(struct ac_outbox *o, struct ac_outbox_item *item)
{
    if (o->tail)
        o->tail->next = item;
    else
        o->head = item;
    o->tail = item;
    o->bytes += item->len;
}

static void drop_list(struct ac_outbox *o)
{
    while (o->head) {
        struct ac_outbox_item *next = o->head->next;
        ac_outbox_item_free(o->head);
        o->head = next;
    }
    o->tail = NULL;
    o->bytes = 0;
}

void ac_outbox_destroy(struct ac_outbox *o)
{
    drop_list(o);
    pthread_mutex_destroy(&o->lock);
}

static void fall_behind(struct ac_outbox *o, bool *fell_behind)
{
    if (o->behind_since_us)
        return;
    o->behind_since_us = ac_now_us();
    if (fell_behind)
        *fell_behind = true;
}

int ac_outbox_put(struct ac_outbox *o, const char *text, size_t text_len, const char *binary,
                  size_t binary_len, bool *fell_behind)
{
    int err = 0;
    struct ac_outbox_item *media = NULL, *item = item_new(text, text_len, false);
    if (!item)
        return AC_ENOMEM;
    if (binary) {
        media = item_new(binary, binary_len, true);
        if (!media) {
            ac_outbox_item_free(item);
            return AC_ENOMEM;
        }
    }
    pthread_mutex_lock(&o->lock);
    if (o->closed || o->overrun) {
        err = AC_ECLOSED;
    } else if (media && o->bytes && o->bytes + text_len + binary_len > o->soft_bytes) {
        /* an empty outbox takes any message, else one above the limit would be stuck for ever */
        fall_behind(o, fell_behind);
        o->refused = true;
        err = AC_EFULL;
    } else if (!media && o->bytes + text_len > o->hard_bytes) {
        fall_behind(o, fell_behind);
        o->overrun = true;
        err = AC_ECLOSED;
    } else {
        append(o, item);
        if (media)
            append(o, media);
        item = media = NULL;
    }
    pthread_mutex_unlock(&o->lock);
    if (item)
        ac_outbox_item_free(item);
    if (media)
        ac_outbox_item_free(media);
    return err;
}

struct ac_outbox_item *ac_outbox_take(struct ac_outbox *o, bool *room)
{
    pthread_mutex_lock(&o->lock);
    struct ac_outbox_item *item = o->head;
    if (item) {
        o->head = item->next;
        if (!o->head)
            o->tail = NULL;
        o->bytes -= item->len;
        if (o->bytes <= o->soft_bytes / 2 && !o->overrun) {
            o->behind_since_us = 0;
            if (o->refused && !o->closed)
                *room = true;
            o->refused = false;
        }
    }
    pthread_mutex_unlock(&o->lock);
    return item;
}

bool ac_outbox_empty(struct ac_outbox *o)
{
    pthread_mutex_lock(&o->lock);
    bool empty = !o->head;
    pthread_mutex_unlock(&o->lock);
    return empty;
}

size_t ac_outbox_bytes(struct ac_outbox *o)
{
    pthread_mutex_lock(&o->lock);
    size_t bytes = o->bytes;
    pthread_mutex_unlock(&o->lock);
    return bytes;
}

bool ac_outbox_overrun(struct ac_outbox *o, int64_t now_us, int64_t slow_us)
{
    pthread_mutex_lock(&o->lock);
    if (o->behind_since_us && now_us - o->behind_since_us > slow_us)
        o->overrun = true;
    bool overrun = o->overrun;
    pthread_mutex_unlock(&o->lock);
    return overrun;
}

void ac_outbox_close(struct ac_outbox *o, const char *text, size_t text_len, bool drop)
{
    struct ac_outbox_item *last = text ? item_new(text, text_len, false) : NULL;
    pthread_mutex_lock(&o->lock);
    if (drop) {
        struct ac_outbox_item *keep = o->head && o->head->binary ? o->head : NULL;
        if (keep)
            o->head = keep->next;
        drop_list(o);
        if (keep) {
            keep->next = NULL;
            append(o, keep);
        }
    }
    if (last && !o->closed) {
        append(o, last);
        last = NULL;
    }
    o->closed = true;
    pthread_mutex_unlock(&o->lock);
    if (last)
        ac_outbox_item_free(last);
}
