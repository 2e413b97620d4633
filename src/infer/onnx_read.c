/*
 * Reading ONNX files.
 *
 * The whole file is in memory, and tensors point into it where they can (raw_data, which is what exporters
 * write). Each message is a function that walks its fields; one that does not end where its parent says is
 * damage. Names are copied, as they have no terminator in the file.
 *
 * Memory: what is made for a node, a tensor or a number is larger than the bytes that ask for it, so their
 * counts are limited (onnx_wire.c), far above what any model for a CPU has.
 */
#include "infer/onnx_private.h"

#include "base/mem.h"
#include "base/str.h"
#include "infer/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tensors ---- */

/* Sets dims and n. AC_EMODEL for sizes below 0, too many dimensions, or more elements than can be. */
static int tensor_shape(struct ac_onnx_reading *r, struct ac_pb message, struct ac_onnx_tensor *t)
{
    int64_t *dims;
    size_t rank;
    uint64_t n = 1;
    bool empty = false;

    int err = ac_onnx_gather_ints(r, message, TENSOR_DIMS, &dims, &rank);
    if (err)
        return err;
    if (rank > AC_ONNX_MAX_RANK)
        return ac_onnx_fault(
            r, "holds a tensor of more than eight dimensions, which this program does not read");
    t->rank = rank;
    for (size_t i = 0; i < rank; i++) {
        t->dims[i] = dims[i];
        if (dims[i] < 0 || dims[i] > INT32_MAX)
            return ac_onnx_damaged(r, "the shape of a tensor");
        empty = empty || dims[i] == 0;
        n = n > INT32_MAX ? n : n * (uint64_t)dims[i];
    }
    if (!empty && n > INT32_MAX)
        return ac_onnx_damaged(r, "the shape of a tensor");
    t->n = empty ? 0 : (size_t)n;
    return 0;
}

/* Numbers that stand in int32_data or int64_data instead of raw_data, each a varint of its own. */
static int tensor_ints(struct ac_onnx_reading *r, struct ac_pb message, struct ac_onnx_tensor *t, size_t *n)
{
    int64_t *ints;
    size_t size = ac_onnx_type_size(t->type);

    int err =
        ac_onnx_gather_ints(r, message, t->type == AC_ONNX_I64 ? TENSOR_INT64S : TENSOR_INT32S, &ints, n);
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

static int tensor_data(struct ac_onnx_reading *r, struct ac_pb message, struct ac_onnx_tensor *t,
                       const struct ac_pb *raw)
{
    size_t size = ac_onnx_type_size(t->type), n;
    int err = 0;

    if (size == 0) { /* text, or a type nothing here needs */
        t->n = 0;
        return 0;
    }
    if (raw->p && raw->end > raw->p) {
        if ((size_t)(raw->end - raw->p) != t->n * size)
            return ac_onnx_damaged(r, "the size of a tensor");
        t->data = raw->p;
        return 0;
    }
    if (t->type == AC_ONNX_F32)
        err = ac_onnx_gather_floats(r, message, TENSOR_FLOATS, &t->data, &n);
    else
        err = tensor_ints(r, message, t, &n);
    if (!err && n != t->n)
        return ac_onnx_damaged(r, "the size of a tensor");
    if (t->n == 0)
        t->data = NULL;
    return err;
}

static int read_tensor(struct ac_onnx_reading *r, struct ac_pb message, struct ac_onnx_tensor **out)
{
    struct ac_onnx_tensor *t = ac_onnx_memory(r->g, sizeof *t);
    struct ac_pb c = message, raw = {0};
    struct ac_pb_field f;
    int more;

    if (ac_onnx_too_many(r))
        return AC_EMODEL;
    t->name = "";
    while ((more = ac_pb_next(&c, &f)) == 1) {
        if (ac_pb_is_int(&f, TENSOR_TYPE))
            t->type = f.value > INT32_MAX ? 0 : (int)f.value;
        else if (ac_pb_is_block(&f, TENSOR_NAME))
            t->name = ac_onnx_text(r, &f);
        else if (ac_pb_is_block(&f, TENSOR_RAW))
            raw = f.block;
        else if (ac_pb_is_block(&f, TENSOR_EXTERNAL) || (ac_pb_is_int(&f, TENSOR_LOCATION) && f.value == 1))
            r->external = true;
    }
    if (more < 0)
        return ac_onnx_damaged(r, "a tensor");
    *out = t;
    if (r->external)
        return ac_onnx_fault(
            r, "keeps its weights in a file of its own, and this program reads them from the model "
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

static int read_attr(struct ac_onnx_reading *r, struct ac_pb message, struct ac_onnx_attr *a)
{
    struct ac_pb c = message;
    const void *floats = NULL;
    uint64_t type = 0;
    unsigned seen = 0;
    struct ac_pb_field f;
    int more, err = 0;

    *a = (struct ac_onnx_attr){.name = "", .s = ""};
    while (!err && (more = ac_pb_next(&c, &f)) == 1) {
        if (f.number >= ATTR_F && f.number <= ATTR_INTS && f.number != 6)
            seen = (unsigned)f.number;
        if (ac_pb_is_block(&f, ATTR_NAME))
            a->name = ac_onnx_text(r, &f);
        else if (f.number == ATTR_F && f.wire == AC_PB_FIXED32)
            a->f = ac_pb_float(f.value);
        else if (ac_pb_is_int(&f, ATTR_I))
            a->i = (int64_t)f.value;
        else if (ac_pb_is_block(&f, ATTR_S))
            a->s = ac_onnx_text(r, &f);
        else if (ac_pb_is_block(&f, ATTR_T))
            err = read_tensor(r, f.block, &a->t);
        else if (ac_pb_is_int(&f, ATTR_TYPE))
            type = f.value;
    }
    if (err)
        return err;
    if (more < 0)
        return ac_onnx_damaged(r, "an attribute");
    a->kind = attr_kind(type, seen);
    if (a->kind == AC_ONNX_ATTR_TENSOR && !a->t)
        return ac_onnx_damaged(r, "an attribute");
    if (a->kind == AC_ONNX_ATTR_INTS)
        return ac_onnx_gather_ints(r, message, ATTR_INTS, &a->ints, &a->n);
    if (a->kind != AC_ONNX_ATTR_FLOATS)
        return 0;
    err = ac_onnx_gather_floats(r, message, ATTR_FLOATS, &floats, &a->n);
    if (!err) { /* in the file they may stand anywhere */
        a->floats = ac_onnx_memory(r->g, a->n * sizeof *a->floats);
        if (a->n)
            memcpy(a->floats, floats, a->n * sizeof *a->floats);
    }
    return err;
}

static int read_node(struct ac_onnx_reading *r, struct ac_pb message)
{
    struct ac_onnx_node *node = ac_onnx_memory(r->g, sizeof *node);
    struct ac_pb c = message;
    struct ac_pb_field f;
    int more, err = 0;

    *node = (struct ac_onnx_node){.graph = r->g, .op = "", .name = "", .domain = ""};
    while (!err && (more = ac_pb_next(&c, &f)) == 1) {
        if (f.wire != AC_PB_BLOCK)
            continue;
        if (ac_onnx_too_many(r))
            return AC_EMODEL;
        if (f.number == NODE_IN) {
            node->in = ac_onnx_more(r->g, node->in, node->n_in, sizeof *node->in);
            node->in[node->n_in++] = ac_onnx_text(r, &f);
        } else if (f.number == NODE_OUT) {
            node->out = ac_onnx_more(r->g, node->out, node->n_out, sizeof *node->out);
            node->out[node->n_out++] = ac_onnx_text(r, &f);
        } else if (f.number == NODE_ATTR) {
            node->attrs = ac_onnx_more(r->g, node->attrs, node->n_attrs, sizeof *node->attrs);
            err = read_attr(r, f.block, &node->attrs[node->n_attrs++]);
        } else if (f.number == NODE_OP) {
            node->op = ac_onnx_text(r, &f);
        } else if (f.number == NODE_NAME) {
            node->name = ac_onnx_text(r, &f);
        } else if (f.number == NODE_DOMAIN) {
            node->domain = ac_onnx_text(r, &f);
        }
    }
    if (err)
        return err;
    if (more < 0)
        return ac_onnx_damaged(r, "a node");
    r->g->nodes = ac_onnx_more(r->g, r->g->nodes, r->g->n_nodes, sizeof(struct ac_onnx_node *));
    r->g->nodes[r->g->n_nodes++] = node;
    return 0;
}

/* ---- inputs and outputs ---- */

static int read_shape(struct ac_onnx_reading *r, struct ac_pb c, struct ac_onnx_value *v)
{
    struct ac_pb_field dim, f;
    int more, inner = 0;

    v->has_shape = true;
    while ((more = ac_pb_next(&c, &dim)) == 1) {
        if (!ac_pb_is_block(&dim, SHAPE_DIM))
            continue;
        if (v->rank == AC_ONNX_MAX_RANK) { /* said of no input that matters here */
            v->has_shape = false;
            v->rank = 0;
            return 0;
        }
        int64_t size = AC_ONNX_ANY;
        while ((inner = ac_pb_next(&dim.block, &f)) == 1) {
            if (ac_pb_is_int(&f, DIM_VALUE) && f.value <= INT64_MAX)
                size = (int64_t)f.value;
        }
        if (inner < 0)
            break;
        v->dims[v->rank++] = size;
    }
    return more < 0 || inner < 0 ? ac_onnx_damaged(r, "the shape of an input or output") : 0;
}

/* TypeProto, of which only tensors matter. */
static int read_type(struct ac_onnx_reading *r, struct ac_pb c, struct ac_onnx_value *v)
{
    struct ac_pb_field tensor, f;
    int more, inner = 0, err = 0;

    while (!err && (more = ac_pb_next(&c, &tensor)) == 1) {
        if (!ac_pb_is_block(&tensor, TYPE_TENSOR))
            continue;
        while (!err && (inner = ac_pb_next(&tensor.block, &f)) == 1) {
            if (ac_pb_is_int(&f, TYPE_TENSOR_ELEMENT))
                v->type = f.value > INT32_MAX ? 0 : (int)f.value;
            else if (ac_pb_is_block(&f, TYPE_TENSOR_SHAPE) && v->rank == 0)
                err = read_shape(r, f.block, v);
        }
        if (inner < 0)
            break;
    }
    if (err)
        return err;
    return more < 0 || inner < 0 ? ac_onnx_damaged(r, "the type of an input or output") : 0;
}

static int read_value(struct ac_onnx_reading *r, bool output, struct ac_pb c)
{
    struct ac_onnx_value *v = ac_onnx_memory(r->g, sizeof *v);
    struct ac_pb_field f;
    int more, err = 0;

    v->name = "";
    while (!err && (more = ac_pb_next(&c, &f)) == 1) {
        if (ac_pb_is_block(&f, VALUE_NAME))
            v->name = ac_onnx_text(r, &f);
        else if (ac_pb_is_block(&f, VALUE_TYPE))
            err = read_type(r, f.block, v);
    }
    if (err)
        return err;
    if (more < 0)
        return ac_onnx_damaged(r, "an input or output");
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

static int read_graph(struct ac_onnx_reading *r, struct ac_pb c)
{
    struct ac_onnx *g = r->g;
    struct ac_onnx_tensor *t;
    struct ac_pb_field f;
    int more, err = 0;

    while (!err && (more = ac_pb_next(&c, &f)) == 1) {
        if (f.wire != AC_PB_BLOCK)
            continue;
        if (ac_onnx_too_many(r))
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
            g->name = ac_onnx_text(r, &f);
        }
    }
    if (err)
        return err;
    if (more < 0)
        return ac_onnx_damaged(r, "the graph");
    return 0;
}

static int read_opset(struct ac_onnx_reading *r, struct ac_pb c)
{
    const char *domain = "";
    int64_t version = 0;
    struct ac_pb_field f;
    int more;

    while ((more = ac_pb_next(&c, &f)) == 1) {
        if (ac_pb_is_block(&f, OPSET_DOMAIN))
            domain = ac_onnx_text(r, &f);
        else if (ac_pb_is_int(&f, OPSET_VERSION))
            version = (int64_t)f.value;
    }
    if (more < 0)
        return ac_onnx_damaged(r, "the operator set");
    if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
        r->g->opset = version;
    return 0;
}

static int read_meta(struct ac_onnx_reading *r, struct ac_pb c)
{
    const char *key = "", *value = "";
    struct ac_pb_field f;
    int more;

    while ((more = ac_pb_next(&c, &f)) == 1) {
        if (ac_pb_is_block(&f, META_KEY))
            key = ac_onnx_text(r, &f);
        else if (ac_pb_is_block(&f, META_VALUE))
            value = ac_onnx_text(r, &f);
    }
    if (more < 0)
        return ac_onnx_damaged(r, "the metadata");
    ac_onnx_add_meta(r->g, key, value);
    return 0;
}

static int read_model(struct ac_onnx_reading *r, struct ac_pb c)
{
    struct ac_pb_field f;
    bool graph = false;
    int more, err = 0;

    while (!err && (more = ac_pb_next(&c, &f)) == 1) {
        if (ac_onnx_too_many(r))
            return AC_EMODEL;
        if (ac_pb_is_int(&f, MODEL_IR_VERSION))
            r->g->ir_version = (int64_t)f.value;
        else if (ac_pb_is_block(&f, MODEL_GRAPH) && graph)
            return ac_onnx_damaged(r, "a second graph");
        else if (ac_pb_is_block(&f, MODEL_GRAPH))
            err = read_graph(r, f.block);
        else if (ac_pb_is_block(&f, MODEL_OPSET))
            err = read_opset(r, f.block);
        else if (ac_pb_is_block(&f, MODEL_META))
            err = read_meta(r, f.block);
        graph = graph || ac_pb_is_block(&f, MODEL_GRAPH);
    }
    if (err)
        return err;
    if (more < 0)
        return ac_onnx_fault(r,
                             graph ? "is damaged or cut short" : "is not an ONNX model, or it is cut short");
    if (!graph)
        return ac_onnx_fault(r, "is not an ONNX model: it has no graph");
    drop_given_inputs(r->g);
    return ac_onnx_too_many(r) ? AC_EMODEL : 0;
}

int ac_onnx_parse(struct ac_onnx **g, char *data, size_t n, char *why, size_t why_size)
{
    struct ac_onnx_reading r = {.g = ac_onnx_empty(data), .why = why, .why_size = why_size};
    struct ac_pb c = {(const uint8_t *)data, (const uint8_t *)data + n};

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
