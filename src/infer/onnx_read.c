/*
 * Reading ONNX files.
 *
 * The whole file is in memory, and tensors point into it where they can (raw_data, which is what exporters
 * write). A cursor walks a message field by field and never leaves it; a message that does not end where its
 * parent says is damage. Names are copied, as they have no terminator in the file.
 *
 * Memory: what is made for a node, a tensor or a number is larger than the bytes that ask for it, so their
 * counts are limited (limits below), far above what any model for a CPU has.
 */
#include "infer/onnx_private.h"

#include "base/mem.h"
#include "base/str.h"
#include "infer/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ITEMS = 1 << 18,   /* names, nodes, attributes, tensors, together */
    MAX_NUMBERS = 1 << 23, /* that are stored one by one */
};

struct cursor {
    const uint8_t *p, *end;
};

struct field {
    uint64_t number;
    unsigned wire;
    uint64_t value;      /* varint, fixed */
    struct cursor block; /* block */
};

/* What goes on while a file is read. */
struct reading {
    struct ac_onnx *g;
    size_t items, numbers; /* so far */
    char *why;
    size_t why_size;
    bool external;
};

static int fault(struct reading *r, const char *what)
{
    snprintf(r->why, r->why_size, "%s", what);
    return AC_EMODEL;
}

static int damaged(struct reading *r, const char *where)
{
    snprintf(r->why, r->why_size, "is damaged: %s makes no sense", where);
    return AC_EMODEL;
}

/* Called in every loop whose turns make something. */
static bool too_many(struct reading *r)
{
    if (++r->items <= MAX_ITEMS)
        return false;
    fault(r, "has more nodes, tensors and names than this program reads");
    return true;
}

/* ---- the wire ---- */

static bool take_varint(struct cursor *c, uint64_t *v)
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

static bool take_fixed(struct cursor *c, size_t n, uint64_t *v)
{
    if ((size_t)(c->end - c->p) < n)
        return false;
    *v = 0;
    for (size_t i = 0; i < n; i++)
        *v |= (uint64_t)c->p[i] << 8 * i;
    c->p += n;
    return true;
}

/* 1: a field, 0: the end, -1: rubbish. */
static int next(struct cursor *c, struct field *f)
{
    uint64_t key;

    if (c->p == c->end)
        return 0;
    *f = (struct field){0};
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
        f->block = (struct cursor){c->p, c->p + f->value};
        c->p += f->value;
        return 1;
    default: /* groups, long out of use */
        return -1;
    }
}

static bool is_block(const struct field *f, unsigned number)
{
    return f->number == number && f->wire == AC_PB_BLOCK;
}

static bool is_int(const struct field *f, unsigned number)
{
    return f->number == number && f->wire == AC_PB_VARINT;
}

/* A name; "" where it holds a NUL, which would cut it, or there are too many (the caller's loop tells). */
static const char *text(struct reading *r, const struct field *f)
{
    size_t n = (size_t)(f->block.end - f->block.p);

    return too_many(r) || memchr(f->block.p, 0, n) ? "" : ac_onnx_keep(r->g, (const char *)f->block.p, n);
}

static float bits_to_float(uint64_t v)
{
    uint32_t bits = (uint32_t)v;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* How many whole numbers a repeated field's occurrence holds (packed in a block, or one); -1: rubbish. */
static int64_t count_ints(const struct field *f)
{
    struct cursor c = f->block;
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

/* Puts the whole numbers of all occurrences of a field of a message into a new array. */
static int gather_ints(struct reading *r, struct cursor message, unsigned number, int64_t **ints, size_t *n)
{
    struct cursor c = message;
    struct field f;
    size_t total = 0;

    while (next(&c, &f) == 1) {
        int64_t k = f.number == number ? count_ints(&f) : 0;
        if (k < 0)
            return damaged(r, "a row of numbers");
        total += (size_t)k;
    }
    if (total > MAX_NUMBERS - r->numbers)
        return fault(r, "holds more single numbers than this program reads");
    r->numbers += total;
    *ints = ac_onnx_memory(r->g, total * sizeof **ints);
    *n = 0;
    c = message;
    while (next(&c, &f) == 1) {
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

/* The same with floats of four bytes each. One packed block, the rule, is used where it stands. */
static int gather_floats(struct reading *r, struct cursor message, unsigned number, const void **floats,
                         size_t *n)
{
    struct cursor c = message, block = {0};
    struct field f;
    size_t total = 0, blocks = 0;

    while (next(&c, &f) == 1) {
        if (f.number != number)
            continue;
        size_t bytes = f.wire == AC_PB_BLOCK ? (size_t)(f.block.end - f.block.p) : sizeof(float);
        if (bytes % sizeof(float) || (f.wire != AC_PB_BLOCK && f.wire != AC_PB_FIXED32))
            return damaged(r, "a row of numbers");
        total += bytes / sizeof(float);
        block = f.block;
        blocks++;
    }
    *n = total;
    *floats = block.p;
    if (total == 0 || (blocks == 1 && block.p))
        return 0;
    if (total > MAX_NUMBERS - r->numbers)
        return fault(r, "holds more single numbers than this program reads");
    r->numbers += total;
    char *out = ac_onnx_memory(r->g, total * sizeof(float));
    *floats = out;
    c = message;
    while (next(&c, &f) == 1) {
        float one = bits_to_float(f.value);
        size_t bytes = f.wire == AC_PB_BLOCK ? (size_t)(f.block.end - f.block.p) : sizeof one;
        if (f.number != number)
            continue;
        if (bytes)
            memcpy(out, f.wire == AC_PB_BLOCK ? (const void *)f.block.p : &one, bytes);
        out += bytes;
    }
    return 0;
}

/* ---- tensors ---- */

/* Sets dims and n. AC_EMODEL for sizes below 0, too many dimensions, or more elements than can be. */
static int tensor_shape(struct reading *r, struct cursor message, struct ac_onnx_tensor *t)
{
    int64_t *dims;
    size_t rank;
    uint64_t n = 1;
    bool empty = false;

    int err = gather_ints(r, message, TENSOR_DIMS, &dims, &rank);
    if (err)
        return err;
    if (rank > AC_ONNX_MAX_RANK)
        return fault(r, "holds a tensor of more than eight dimensions, which this program does not read");
    t->rank = rank;
    for (size_t i = 0; i < rank; i++) {
        t->dims[i] = dims[i];
        if (dims[i] < 0 || dims[i] > INT32_MAX)
            return damaged(r, "the shape of a tensor");
        empty = empty || dims[i] == 0;
        n = n > INT32_MAX ? n : n * (uint64_t)dims[i];
    }
    if (!empty && n > INT32_MAX)
        return damaged(r, "the shape of a tensor");
    t->n = empty ? 0 : (size_t)n;
    return 0;
}

/* Numbers that stand in int32_data or int64_data instead of raw_data, each a varint of its own. */
static int tensor_ints(struct reading *r, struct cursor message, struct ac_onnx_tensor *t, size_t *n)
{
    int64_t *ints;
    size_t size = ac_onnx_type_size(t->type);

    int err = gather_ints(r, message, t->type == AC_ONNX_I64 ? TENSOR_INT64S : TENSOR_INT32S, &ints, n);
    if (err)
        return err;
    char *data = (char *)ints; /* narrowed in place, from the front: low bytes first */
    for (size_t i = 0; i < *n; i++) {
        int64_t v = ints[i];
        memcpy(data + i * size, &v, size);
    }
    t->data = data;
    return 0;
}

static int tensor_data(struct reading *r, struct cursor message, struct ac_onnx_tensor *t,
                       const struct cursor *raw)
{
    size_t size = ac_onnx_type_size(t->type), n;
    int err = 0;

    if (size == 0) { /* text, or a type nothing here needs */
        t->n = 0;
        return 0;
    }
    if (raw->p && raw->end > raw->p) {
        if ((size_t)(raw->end - raw->p) != t->n * size)
            return damaged(r, "the size of a tensor");
        t->data = raw->p;
        return 0;
    }
    if (t->type == AC_ONNX_F32)
        err = gather_floats(r, message, TENSOR_FLOATS, &t->data, &n);
    else
        err = tensor_ints(r, message, t, &n);
    if (!err && n != t->n)
        return damaged(r, "the size of a tensor");
    if (t->n == 0)
        t->data = NULL;
    return err;
}

static int read_tensor(struct reading *r, struct cursor message, struct ac_onnx_tensor **out)
{
    struct ac_onnx_tensor *t = ac_onnx_memory(r->g, sizeof *t);
    struct cursor c = message, raw = {0};
    struct field f;
    int more;

    if (too_many(r))
        return AC_EMODEL;
    t->name = "";
    while ((more = next(&c, &f)) == 1) {
        if (is_int(&f, TENSOR_TYPE))
            t->type = f.value > INT32_MAX ? 0 : (int)f.value;
        else if (is_block(&f, TENSOR_NAME))
            t->name = text(r, &f);
        else if (is_block(&f, TENSOR_RAW))
            raw = f.block;
        else if (is_block(&f, TENSOR_EXTERNAL) || (is_int(&f, TENSOR_LOCATION) && f.value == 1))
            r->external = true;
    }
    if (more < 0)
        return damaged(r, "a tensor");
    *out = t;
    if (r->external)
        return fault(r, "keeps its weights in a file of its own, and this program reads them from the model "
                        "alone: export it with external_data=False");
    int err = tensor_shape(r, message, t);
    return err ? err : tensor_data(r, message, t, &raw);
}

/* ---- nodes ---- */

/* Files made before attributes had a type leave it out: what is there tells it. */
static enum ac_onnx_attr_kind attr_kind(uint64_t type, unsigned seen)
{
    static const enum ac_onnx_attr_kind by_field[] = {
        [ATTR_F] = AC_ONNX_ATTR_FLOAT,  [ATTR_I] = AC_ONNX_ATTR_INT,         [ATTR_S] = AC_ONNX_ATTR_TEXT,
        [ATTR_T] = AC_ONNX_ATTR_TENSOR, [ATTR_FLOATS] = AC_ONNX_ATTR_FLOATS, [ATTR_INTS] = AC_ONNX_ATTR_INTS,
    };

    if (type == 0 && seen)
        return by_field[seen];
    return (type >= AC_ONNX_ATTR_FLOAT && type <= AC_ONNX_ATTR_TENSOR) || type == AC_ONNX_ATTR_FLOATS ||
                   type == AC_ONNX_ATTR_INTS
               ? (enum ac_onnx_attr_kind)type
               : AC_ONNX_ATTR_OTHER;
}

static int read_attr(struct reading *r, struct cursor message, struct ac_onnx_attr *a)
{
    struct cursor c = message;
    const void *floats = NULL;
    uint64_t type = 0;
    unsigned seen = 0;
    struct field f;
    int more, err = 0;

    *a = (struct ac_onnx_attr){.name = "", .s = ""};
    while (!err && (more = next(&c, &f)) == 1) {
        if (f.number >= ATTR_F && f.number <= ATTR_INTS && f.number != 6)
            seen = (unsigned)f.number;
        if (is_block(&f, ATTR_NAME))
            a->name = text(r, &f);
        else if (f.number == ATTR_F && f.wire == AC_PB_FIXED32)
            a->f = bits_to_float(f.value);
        else if (is_int(&f, ATTR_I))
            a->i = (int64_t)f.value;
        else if (is_block(&f, ATTR_S))
            a->s = text(r, &f);
        else if (is_block(&f, ATTR_T))
            err = read_tensor(r, f.block, &a->t);
        else if (is_int(&f, ATTR_TYPE))
            type = f.value;
    }
    if (err)
        return err;
    if (more < 0)
        return damaged(r, "an attribute");
    a->kind = attr_kind(type, seen);
    if (a->kind == AC_ONNX_ATTR_TENSOR && !a->t)
        return damaged(r, "an attribute");
    if (a->kind == AC_ONNX_ATTR_INTS)
        return gather_ints(r, message, ATTR_INTS, &a->ints, &a->n);
    if (a->kind != AC_ONNX_ATTR_FLOATS)
        return 0;
    err = gather_floats(r, message, ATTR_FLOATS, &floats, &a->n);
    if (!err) { /* in the file they may stand anywhere */
        a->floats = ac_onnx_memory(r->g, a->n * sizeof *a->floats);
        if (a->n)
            memcpy(a->floats, floats, a->n * sizeof *a->floats);
    }
    return err;
}

static int read_node(struct reading *r, struct cursor message)
{
    struct ac_onnx_node *node = ac_onnx_memory(r->g, sizeof *node);
    struct cursor c = message;
    struct field f;
    int more, err = 0;

    *node = (struct ac_onnx_node){.graph = r->g, .op = "", .name = "", .domain = ""};
    while (!err && (more = next(&c, &f)) == 1) {
        if (f.wire != AC_PB_BLOCK)
            continue;
        if (too_many(r))
            return AC_EMODEL;
        if (f.number == NODE_IN) {
            node->in = ac_onnx_more(r->g, node->in, node->n_in, sizeof *node->in);
            node->in[node->n_in++] = text(r, &f);
        } else if (f.number == NODE_OUT) {
            node->out = ac_onnx_more(r->g, node->out, node->n_out, sizeof *node->out);
            node->out[node->n_out++] = text(r, &f);
        } else if (f.number == NODE_ATTR) {
            node->attrs = ac_onnx_more(r->g, node->attrs, node->n_attrs, sizeof *node->attrs);
            err = read_attr(r, f.block, &node->attrs[node->n_attrs++]);
        } else if (f.number == NODE_OP) {
            node->op = text(r, &f);
        } else if (f.number == NODE_NAME) {
            node->name = text(r, &f);
        } else if (f.number == NODE_DOMAIN) {
            node->domain = text(r, &f);
        }
    }
    if (err)
        return err;
    if (more < 0)
        return damaged(r, "a node");
    r->g->nodes = ac_onnx_more(r->g, r->g->nodes, r->g->n_nodes, sizeof(struct ac_onnx_node *));
    r->g->nodes[r->g->n_nodes++] = node;
    return 0;
}

/* ---- inputs and outputs ---- */

static int read_shape(struct reading *r, struct cursor c, struct ac_onnx_value *v)
{
    struct field dim, f;
    int more, inner = 0;

    v->has_shape = true;
    while ((more = next(&c, &dim)) == 1) {
        if (!is_block(&dim, SHAPE_DIM))
            continue;
        if (v->rank == AC_ONNX_MAX_RANK) { /* said of no input that matters here */
            v->has_shape = false;
            v->rank = 0;
            return 0;
        }
        int64_t size = AC_ONNX_ANY;
        while ((inner = next(&dim.block, &f)) == 1) {
            if (is_int(&f, DIM_VALUE) && f.value <= INT64_MAX)
                size = (int64_t)f.value;
        }
        if (inner < 0)
            break;
        v->dims[v->rank++] = size;
    }
    return more < 0 || inner < 0 ? damaged(r, "the shape of an input or output") : 0;
}

/* TypeProto, of which only tensors matter. */
static int read_type(struct reading *r, struct cursor c, struct ac_onnx_value *v)
{
    struct field tensor, f;
    int more, inner = 0, err = 0;

    while (!err && (more = next(&c, &tensor)) == 1) {
        if (!is_block(&tensor, TYPE_TENSOR))
            continue;
        while (!err && (inner = next(&tensor.block, &f)) == 1) {
            if (is_int(&f, TYPE_TENSOR_ELEMENT))
                v->type = f.value > INT32_MAX ? 0 : (int)f.value;
            else if (is_block(&f, TYPE_TENSOR_SHAPE) && v->rank == 0)
                err = read_shape(r, f.block, v);
        }
        if (inner < 0)
            break;
    }
    if (err)
        return err;
    return more < 0 || inner < 0 ? damaged(r, "the type of an input or output") : 0;
}

static int read_value(struct reading *r, bool output, struct cursor c)
{
    struct ac_onnx_value *v = ac_onnx_memory(r->g, sizeof *v);
    struct field f;
    int more, err = 0;

    v->name = "";
    while (!err && (more = next(&c, &f)) == 1) {
        if (is_block(&f, VALUE_NAME))
            v->name = text(r, &f);
        else if (is_block(&f, VALUE_TYPE))
            err = read_type(r, f.block, v);
    }
    if (err)
        return err;
    if (more < 0)
        return damaged(r, "an input or output");
    ac_onnx_add_value(r->g, output, v);
    return 0;
}

/* ---- the whole ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Old files list initialisers among the inputs as well. */
static void drop_given_inputs(struct ac_onnx *g)
{
    size_t kept = 0;

    if (g->n_inits == 0 || g->n_in == 0)
        return;
    const char **names = ac_realloc_array(NULL, g->n_inits, sizeof *names);
    for (size_t i = 0; i < g->n_inits; i++)
        names[i] = g->inits[i]->name;
    qsort(names, g->n_inits, sizeof *names, by_name);
    for (size_t i = 0; i < g->n_in; i++) {
        if (!bsearch(&g->in[i]->name, names, g->n_inits, sizeof *names, by_name))
            g->in[kept++] = g->in[i];
    }
    g->n_in = kept;
    free(names);
}

static int read_graph(struct reading *r, struct cursor c)
{
    struct ac_onnx *g = r->g;
    struct ac_onnx_tensor *t;
    struct field f;
    int more, err = 0;

    while (!err && (more = next(&c, &f)) == 1) {
        if (f.wire != AC_PB_BLOCK)
            continue;
        if (too_many(r))
            return AC_EMODEL;
        if (f.number == GRAPH_NODE) {
            err = read_node(r, f.block);
        } else if (f.number == GRAPH_INIT) {
            err = read_tensor(r, f.block, &t);
            if (!err)
                ac_onnx_add_init(g, t);
        } else if (f.number == GRAPH_INPUT || f.number == GRAPH_OUTPUT) {
            err = read_value(r, f.number == GRAPH_OUTPUT, f.block);
        } else if (f.number == GRAPH_NAME) {
            g->name = text(r, &f);
        }
    }
    if (err)
        return err;
    if (more < 0)
        return damaged(r, "the graph");
    return 0;
}

static int read_opset(struct reading *r, struct cursor c)
{
    const char *domain = "";
    int64_t version = 0;
    struct field f;
    int more;

    while ((more = next(&c, &f)) == 1) {
        if (is_block(&f, OPSET_DOMAIN))
            domain = text(r, &f);
        else if (is_int(&f, OPSET_VERSION))
            version = (int64_t)f.value;
    }
    if (more < 0)
        return damaged(r, "the operator set");
    if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
        r->g->opset = version;
    return 0;
}

static int read_meta(struct reading *r, struct cursor c)
{
    const char *key = "", *value = "";
    struct field f;
    int more;

    while ((more = next(&c, &f)) == 1) {
        if (is_block(&f, META_KEY))
            key = text(r, &f);
        else if (is_block(&f, META_VALUE))
            value = text(r, &f);
    }
    if (more < 0)
        return damaged(r, "the metadata");
    ac_onnx_add_meta(r->g, key, value);
    return 0;
}

static int read_model(struct reading *r, struct cursor c)
{
    struct field f;
    bool graph = false;
    int more, err = 0;

    while (!err && (more = next(&c, &f)) == 1) {
        if (too_many(r))
            return AC_EMODEL;
        if (is_int(&f, MODEL_IR_VERSION))
            r->g->ir_version = (int64_t)f.value;
        else if (is_block(&f, MODEL_GRAPH) && graph)
            return damaged(r, "a second graph");
        else if (is_block(&f, MODEL_GRAPH))
            err = read_graph(r, f.block);
        else if (is_block(&f, MODEL_OPSET))
            err = read_opset(r, f.block);
        else if (is_block(&f, MODEL_META))
            err = read_meta(r, f.block);
        graph = graph || is_block(&f, MODEL_GRAPH);
    }
    if (err)
        return err;
    if (more < 0)
        return fault(r, graph ? "is damaged or cut short" : "is not an ONNX model, or it is cut short");
    if (!graph)
        return fault(r, "is not an ONNX model: it has no graph");
    drop_given_inputs(r->g);
    return too_many(r) ? AC_EMODEL : 0;
}

int ac_onnx_parse(struct ac_onnx **g, char *data, size_t n, char *why, size_t why_size)
{
    struct reading r = {.g = ac_onnx_empty(data), .why = why, .why_size = why_size};
    struct cursor c = {(const uint8_t *)data, (const uint8_t *)data + n};

    *g = NULL;
    int err = read_model(&r, c);
    if (err)
        ac_onnx_free(r.g);
    else
        *g = r.g;
    return err;
}

int ac_onnx_read(struct ac_onnx **g, const char *path, const char *remedy, struct ac_env *env)
{
    char why[160], *data, *found = ac_env_path(env, path);
    size_t n;

    *g = NULL;
    if (!found)
        return ac_env_fail(env, AC_EMODEL, "the model '%s' is missing: %s", path, remedy);
    const char *fault_found = ac_onnx_file_fault(found, why, sizeof why);
    int err = fault_found ? AC_EMODEL : ac_read_file(found, INT32_MAX, &data, &n);
    if (fault_found)
        ac_env_fail(env, err, "the model '%s' %s; %s", found, fault_found, remedy);
    else if (err)
        ac_env_fail(env, AC_EMODEL, "the model '%s' cannot be read: %s", found,
                    err == AC_ELIMIT ? "it is larger than 2 GB" : ac_err_text(err));
    else if ((err = ac_onnx_parse(g, data, n, why, sizeof why)) != 0)
        ac_env_fail(env, AC_EMODEL, "the model '%s' %s; %s", found, why, remedy);
    free(found);
    return err ? AC_EMODEL : 0;
}
