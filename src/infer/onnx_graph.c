/*
 * ONNX graphs in memory: looking things up and putting graphs together.
 *
 * A graph takes its memory from a chain of blocks that is freed as a whole, so that nothing in it needs an
 * owner of its own. Lists grow by doubling; the list outgrown stays in the chain, at most as much again.
 */
#include "infer/onnx_private.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 32768, ALIGNMENT = 16, FIRST_ITEMS = 4, IR_VERSION = 8 };

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(ALIGNMENT) char bytes[];
};

/* What ac_onnx.priv points to. */
struct memory {
    struct block *blocks; /* the first one has room, perhaps */
    char *file;           /* malloc'ed: what was read */
};

struct ac_onnx *ac_onnx_empty(char *file)
{
    struct ac_onnx *g = ac_zalloc(sizeof *g);
    struct memory *m = ac_zalloc(sizeof *m);

    m->file = file;
    g->priv = m;
    g->name = "";
    return g;
}

struct ac_onnx *ac_onnx_new(const char *name, int opset)
{
    struct ac_onnx *g = ac_onnx_empty(NULL);

    g->name = ac_onnx_keep(g, name, strlen(name));
    g->ir_version = IR_VERSION;
    g->opset = opset;
    return g;
}

void ac_onnx_free(struct ac_onnx *g)
{
    if (!g)
        return;
    struct memory *m = g->priv;
    for (struct block *b = m->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(m->file);
    free(m);
    free(g);
}

/* ---- memory ---- */

void *ac_onnx_memory(struct ac_onnx *g, size_t size)
{
    struct memory *m = g->priv;
    struct block *b = m->blocks;

    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!b || size > b->size - b->used) {
        size_t bytes = size > BLOCK_BYTES / 4 ? size : BLOCK_BYTES;
        struct block *fresh = ac_alloc(sizeof *fresh + bytes);

        fresh->used = 0;
        fresh->size = bytes;
        if (b && bytes == size) { /* full at once: the one before keeps its room */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            m->blocks = fresh;
        }
        b = fresh;
    }
    void *p = b->bytes + b->used;
    b->used += size;
    return memset(p, 0, size);
}

const char *ac_onnx_keep(struct ac_onnx *g, const char *text, size_t n)
{
    char *copy = ac_onnx_memory(g, n + 1);

    memcpy(copy, text, n);
    return copy;
}

/* Lists double at 4, 8, 16 …: the count alone tells when there is no room. */
void *ac_onnx_more(struct ac_onnx *g, void *list, size_t n, size_t item_size)
{
    if (n != 0 && (n < FIRST_ITEMS || (n & (n - 1)) != 0))
        return list;
    void *bigger = ac_onnx_memory(g, (n == 0 ? FIRST_ITEMS : n * 2) * item_size);
    if (n)
        memcpy(bigger, list, n * item_size);
    return bigger;
}

static const char *keep(struct ac_onnx *g, const char *text)
{
    return ac_onnx_keep(g, text, strlen(text));
}

const char *ac_onnx_name(struct ac_onnx *g, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = ac_onnx_memory(g, (size_t)(n < 0 ? 0 : n) + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, fmt, args);
    va_end(args);
    return text;
}

/* ---- looking up ---- */

size_t ac_onnx_type_size(int type)
{
    switch (type) {
    case AC_ONNX_U8:
    case AC_ONNX_S8:
        return 1;
    case AC_ONNX_F16:
        return 2;
    case AC_ONNX_F32:
    case AC_ONNX_I32:
        return 4;
    case AC_ONNX_I64:
        return 8;
    default:
        return 0;
    }
}

const struct ac_onnx_tensor *ac_onnx_find_init(const struct ac_onnx *g, const char *name)
{
    for (size_t i = 0; i < g->n_inits; i++) {
        if (strcmp(g->inits[i]->name, name) == 0)
            return g->inits[i];
    }
    return NULL;
}

const char *ac_onnx_find_meta(const struct ac_onnx *g, const char *key)
{
    for (size_t i = 0; i < g->n_meta; i++) {
        if (strcmp(g->meta[i].key, key) == 0)
            return g->meta[i].value;
    }
    return NULL;
}

const struct ac_onnx_attr *ac_onnx_find_attr(const struct ac_onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attrs; i++) {
        if (strcmp(node->attrs[i].name, name) == 0)
            return &node->attrs[i];
    }
    return NULL;
}

int64_t ac_onnx_attr_int_or(const struct ac_onnx_node *node, const char *name, int64_t def)
{
    const struct ac_onnx_attr *a = ac_onnx_find_attr(node, name);

    return a && a->kind == AC_ONNX_ATTR_INT ? a->i : def;
}

float ac_onnx_attr_float_or(const struct ac_onnx_node *node, const char *name, float def)
{
    const struct ac_onnx_attr *a = ac_onnx_find_attr(node, name);

    return a && a->kind == AC_ONNX_ATTR_FLOAT ? a->f : def;
}

/* IEEE 754: half to single precision, exact. */
static float half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = h >> 10 & 31, fraction = h & 0x3FF, bits;
    float f;

    if (exponent == 0) { /* zero, or a subnormal: fraction × 2^-24 */
        f = (float)fraction / 16777216.0f;
        return sign ? -f : f;
    }
    bits = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
    memcpy(&f, &bits, sizeof f);
    return f;
}

int ac_onnx_floats(const struct ac_onnx_tensor *t, float *out, size_t n)
{
    if ((t->type != AC_ONNX_F32 && t->type != AC_ONNX_F16) || t->n != n)
        return AC_EINVAL;
    if (t->type == AC_ONNX_F32 && n)
        memcpy(out, t->data, n * sizeof *out);
    for (size_t i = 0; t->type == AC_ONNX_F16 && i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)t->data + i * sizeof h, sizeof h);
        out[i] = half(h);
    }
    return 0;
}

/* ---- nodes ---- */

struct ac_onnx_node *ac_onnx_node_n(struct ac_onnx *g, const char *op, size_t n_in, const char *const *in,
                                    size_t n_out, const char *const *out)
{
    struct ac_onnx_node *node = ac_onnx_memory(g, sizeof *node);

    *node = (struct ac_onnx_node){.graph = g, .op = keep(g, op), .name = "", .domain = ""};
    node->in = ac_onnx_memory(g, n_in * sizeof *in);
    node->out = ac_onnx_memory(g, n_out * sizeof *out);
    node->n_in = n_in;
    node->n_out = n_out;
    for (size_t i = 0; i < n_in; i++)
        node->in[i] = keep(g, in[i]);
    for (size_t i = 0; i < n_out; i++)
        node->out[i] = keep(g, out[i]);
    g->nodes = ac_onnx_more(g, g->nodes, g->n_nodes, sizeof *g->nodes);
    g->nodes[g->n_nodes++] = node;
    return node;
}

struct ac_onnx_node *ac_onnx_node(struct ac_onnx *g, const char *op, const char *out, ...)
{
    struct ac_onnx_node *node = ac_onnx_node_n(g, op, 0, NULL, 1, &out);
    const char *name;
    va_list args;

    node->in = NULL;
    va_start(args, out);
    while ((name = va_arg(args, const char *)) != NULL) {
        node->in = ac_onnx_more(g, node->in, node->n_in, sizeof *node->in);
        node->in[node->n_in++] = keep(g, name);
    }
    va_end(args);
    return node;
}

static struct ac_onnx_attr *add_attr(struct ac_onnx_node *node, const char *name, enum ac_onnx_attr_kind kind)
{
    node->attrs = ac_onnx_more(node->graph, node->attrs, node->n_attrs, sizeof *node->attrs);
    struct ac_onnx_attr *a = &node->attrs[node->n_attrs++];
    *a = (struct ac_onnx_attr){.name = keep(node->graph, name), .kind = kind};
    return a;
}

void ac_onnx_attr_int(struct ac_onnx_node *node, const char *name, int64_t value)
{
    add_attr(node, name, AC_ONNX_ATTR_INT)->i = value;
}

void ac_onnx_attr_float(struct ac_onnx_node *node, const char *name, float value)
{
    add_attr(node, name, AC_ONNX_ATTR_FLOAT)->f = value;
}

void ac_onnx_attr_text(struct ac_onnx_node *node, const char *name, const char *value)
{
    add_attr(node, name, AC_ONNX_ATTR_TEXT)->s = keep(node->graph, value);
}

void ac_onnx_attr_ints(struct ac_onnx_node *node, const char *name, size_t n, const int64_t *values)
{
    struct ac_onnx_attr *a = add_attr(node, name, AC_ONNX_ATTR_INTS);

    a->n = n;
    a->ints = ac_onnx_memory(node->graph, n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        a->ints[i] = values[i];
}

/* ---- tensors and values ---- */

static struct ac_onnx_tensor *make_tensor(struct ac_onnx *g, const char *name, int type, size_t rank,
                                          const int64_t *dims)
{
    struct ac_onnx_tensor *t = ac_onnx_memory(g, sizeof *t);

    t->name = keep(g, name);
    t->type = type;
    t->rank = rank;
    t->n = 1;
    for (size_t i = 0; i < rank; i++) {
        t->dims[i] = dims[i];
        t->n *= (size_t)dims[i];
    }
    return t;
}

static void copy_data(struct ac_onnx *g, struct ac_onnx_tensor *t, const void *data)
{
    size_t bytes = t->n * ac_onnx_type_size(t->type);
    void *copy = ac_onnx_memory(g, bytes);

    if (bytes)
        memcpy(copy, data, bytes);
    t->data = copy;
}

void ac_onnx_attr_tensor(struct ac_onnx_node *node, const char *name, const struct ac_onnx_tensor *t)
{
    struct ac_onnx_attr *a = add_attr(node, name, AC_ONNX_ATTR_TENSOR);

    a->t = make_tensor(node->graph, t->name ? t->name : "", t->type, t->rank, t->dims);
    copy_data(node->graph, a->t, t->data);
}

void ac_onnx_add_init(struct ac_onnx *g, struct ac_onnx_tensor *t)
{
    g->inits = ac_onnx_more(g, g->inits, g->n_inits, sizeof(struct ac_onnx_tensor *));
    g->inits[g->n_inits++] = t;
}

const char *ac_onnx_init_borrowed(struct ac_onnx *g, const char *name, int type, const void *data,
                                  size_t rank, const int64_t *dims)
{
    struct ac_onnx_tensor *t = make_tensor(g, name, type, rank, dims);

    t->data = data;
    ac_onnx_add_init(g, t);
    return t->name;
}

const char *ac_onnx_init(struct ac_onnx *g, const char *name, int type, const void *data, size_t rank,
                         const int64_t *dims)
{
    struct ac_onnx_tensor *t = make_tensor(g, name, type, rank, dims);

    copy_data(g, t, data);
    ac_onnx_add_init(g, t);
    return t->name;
}

void ac_onnx_add_value(struct ac_onnx *g, bool output, struct ac_onnx_value *v)
{
    struct ac_onnx_value ***list = output ? &g->out : &g->in;
    size_t *n = output ? &g->n_out : &g->n_in;

    *list = ac_onnx_more(g, *list, *n, sizeof(struct ac_onnx_value *));
    (*list)[(*n)++] = v;
}

static void add_value(struct ac_onnx *g, bool output, const char *name, int type, size_t rank,
                      const int64_t *dims)
{
    struct ac_onnx_value *v = ac_onnx_memory(g, sizeof *v);

    *v = (struct ac_onnx_value){.name = keep(g, name), .type = type, .has_shape = true, .rank = rank};
    for (size_t i = 0; i < rank; i++)
        v->dims[i] = dims[i];
    ac_onnx_add_value(g, output, v);
}

void ac_onnx_input(struct ac_onnx *g, const char *name, int type, size_t rank, const int64_t *dims)
{
    add_value(g, false, name, type, rank, dims);
}

void ac_onnx_output(struct ac_onnx *g, const char *name, int type, size_t rank, const int64_t *dims)
{
    add_value(g, true, name, type, rank, dims);
}

void ac_onnx_add_meta(struct ac_onnx *g, const char *key, const char *value)
{
    g->meta = ac_onnx_more(g, g->meta, g->n_meta, sizeof *g->meta);
    g->meta[g->n_meta++] = (struct ac_onnx_meta){key, value};
}

void ac_onnx_meta(struct ac_onnx *g, const char *key, const char *value)
{
    ac_onnx_add_meta(g, keep(g, key), keep(g, value));
}
