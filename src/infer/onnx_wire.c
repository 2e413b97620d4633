/*
 * Protobuf's wire format, read: a cursor walks a message field by field and never leaves it. Repeated numbers
 * come packed (one block of them) or one by one, and both at once; they are gathered from all occurrences.
 */
#include "infer/onnx_private.h"

#include <stdio.h>
#include <string.h>

enum {
    MAX_ITEMS = 1 << 18,   /* names, nodes, attributes, tensors, together */
    MAX_NUMBERS = 1 << 23, /* that are stored one by one */
};

int ac_onnx_fault(struct ac_onnx_reading *r, const char *what)
{
    snprintf(r->why, r->why_size, "%s", what);
    return AC_EMODEL;
}

int ac_onnx_damaged(struct ac_onnx_reading *r, const char *where)
{
    snprintf(r->why, r->why_size, "is damaged: %s makes no sense", where);
    return AC_EMODEL;
}

bool ac_onnx_too_many(struct ac_onnx_reading *r)
{
    if (++r->items <= MAX_ITEMS)
        return false;
    ac_onnx_fault(r, "has more nodes, tensors and names than this program reads");
    return true;
}

/* ---- the wire ---- */

static bool take_varint(struct ac_pb *c, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 64 && c->p < c->end; shift += 7) {
        uint8_t byte = *c->p++;
        *v |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool take_fixed(struct ac_pb *c, size_t n, uint64_t *v)
{
    if ((size_t)(c->end - c->p) < n)
        return false;
    *v = 0;
    for (size_t i = 0; i < n; i++)
        *v |= (uint64_t)c->p[i] << 8 * i;
    c->p += n;
    return true;
}

int ac_pb_next(struct ac_pb *c, struct ac_pb_field *f)
{
    uint64_t key;

    if (c->p == c->end)
        return 0;
    *f = (struct ac_pb_field){0};
    if (!take_varint(c, &key) || key >> 3 == 0)
        return -1;
    f->number = key >> 3;
    f->wire = key & 7;
    switch (f->wire) {
    case AC_PB_VARINT:
        return take_varint(c, &f->value) ? 1 : -1;
    case AC_PB_FIXED64:
        return take_fixed(c, 8, &f->value) ? 1 : -1;
    case AC_PB_FIXED32:
        return take_fixed(c, 4, &f->value) ? 1 : -1;
    case AC_PB_BLOCK:
        if (!take_varint(c, &f->value) || f->value > (uint64_t)(c->end - c->p))
            return -1;
        f->block = (struct ac_pb){c->p, c->p + f->value};
        c->p += f->value;
        return 1;
    default: /* groups, long out of use */
        return -1;
    }
}

bool ac_pb_is_block(const struct ac_pb_field *f, unsigned number)
{
    return f->number == number && f->wire == AC_PB_BLOCK;
}

bool ac_pb_is_int(const struct ac_pb_field *f, unsigned number)
{
    return f->number == number && f->wire == AC_PB_VARINT;
}

const char *ac_onnx_text(struct ac_onnx_reading *r, const struct ac_pb_field *f)
{
    size_t n = (size_t)(f->block.end - f->block.p);

    return ac_onnx_too_many(r) || memchr(f->block.p, 0, n) ? ""
                                                           : ac_onnx_keep(r->g, (const char *)f->block.p, n);
}

float ac_pb_float(uint64_t v)
{
    uint32_t bits = (uint32_t)v;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* How many whole numbers a repeated field's occurrence holds (packed in a block, or one); -1: rubbish. */
static int64_t count_ints(const struct ac_pb_field *f)
{
    struct ac_pb c = f->block;
    int64_t n = 0;
    uint64_t v;

    if (f->wire != AC_PB_BLOCK)
        return f->wire == AC_PB_VARINT ? 1 : -1;
    while (c.p < c.end) {
        if (!take_varint(&c, &v))
            return -1;
        n++;
    }
    return n;
}

int ac_onnx_gather_ints(struct ac_onnx_reading *r, struct ac_pb message, unsigned number, int64_t **ints,
                        size_t *n)
{
    struct ac_pb c = message;
    struct ac_pb_field f;
    size_t total = 0;

    while (ac_pb_next(&c, &f) == 1) {
        int64_t k = f.number == number ? count_ints(&f) : 0;
        if (k < 0)
            return ac_onnx_damaged(r, "a row of numbers");
        total += (size_t)k;
    }
    if (total > MAX_NUMBERS - r->numbers)
        return ac_onnx_fault(r, "holds more single numbers than this program reads");
    r->numbers += total;
    *ints = ac_onnx_memory(r->g, total * sizeof **ints);
    *n = 0;
    c = message;
    while (ac_pb_next(&c, &f) == 1) {
        uint64_t v = f.value;
        if (f.number != number)
            continue;
        if (f.wire == AC_PB_VARINT)
            (*ints)[(*n)++] = (int64_t)v;
        while (f.wire == AC_PB_BLOCK && f.block.p < f.block.end && take_varint(&f.block, &v))
            (*ints)[(*n)++] = (int64_t)v;
    }
    return 0;
}

int ac_onnx_gather_floats(struct ac_onnx_reading *r, struct ac_pb message, unsigned number,
                          const void **floats, size_t *n)
{
    struct ac_pb c = message, block = {0};
    struct ac_pb_field f;
    size_t total = 0, blocks = 0;

    while (ac_pb_next(&c, &f) == 1) {
        if (f.number != number)
            continue;
        size_t bytes = f.wire == AC_PB_BLOCK ? (size_t)(f.block.end - f.block.p) : sizeof(float);
        if (bytes % sizeof(float) || (f.wire != AC_PB_BLOCK && f.wire != AC_PB_FIXED32))
            return ac_onnx_damaged(r, "a row of numbers");
        total += bytes / sizeof(float);
        block = f.block;
        blocks++;
    }
    *n = total;
    *floats = block.p;
    if (total == 0 || (blocks == 1 && block.p))
        return 0;
    if (total > MAX_NUMBERS - r->numbers)
        return ac_onnx_fault(r, "holds more single numbers than this program reads");
    r->numbers += total;
    char *out = ac_onnx_memory(r->g, total * sizeof(float));
    *floats = out;
    c = message;
    while (ac_pb_next(&c, &f) == 1) {
        float one = ac_pb_float(f.value);
        size_t bytes = f.wire == AC_PB_BLOCK ? (size_t)(f.block.end - f.block.p) : sizeof one;
        if (f.number != number)
            continue;
        if (bytes)
            memcpy(out, f.wire == AC_PB_BLOCK ? (const void *)f.block.p : &one, bytes);
        out += bytes;
    }
    return 0;
}
