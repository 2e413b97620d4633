/*
 * Writing ONNX files.
 *
 * A protobuf message stands in its parent as its length and its bytes, so lengths must be known before what
 * they measure is written. Each message is a function that puts its fields into a sink; run into a sink that
 * only counts it gives the length, run into one with a file it writes. Tensor data goes from where it stands
 * to the file.
 */
#include "infer/onnx_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sink {
    FILE *f; /* NULL: count only */
    uint64_t n;
};

typedef void message_fn(struct sink *s, const void *what);

static void put(struct sink *s, const void *bytes, size_t n)
{
    if (s->f && n)
        fwrite(bytes, 1, n, s->f); /* what fails is seen by ferror at the end */
    s->n += n;
}

static void put_varint(struct sink *s, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;

    do {
        bytes[n++] = (uint8_t)((v & 0x7F) | (v > 0x7F ? 0x80 : 0));
        v >>= 7;
    } while (v);
    put(s, bytes, n);
}

static void put_key(struct sink *s, unsigned field, unsigned wire)
{
    put_varint(s, field << 3 | wire);
}

static void put_int(struct sink *s, unsigned field, int64_t v)
{
    put_key(s, field, AC_PB_VARINT);
    put_varint(s, (uint64_t)v);
}

static void put_float(struct sink *s, unsigned field, float v)
{
    put_key(s, field, AC_PB_FIXED32);
    put(s, &v, sizeof v);
}

static void put_block(struct sink *s, unsigned field, const void *bytes, size_t n)
{
    put_key(s, field, AC_PB_BLOCK);
    put_varint(s, n);
    put(s, bytes, n);
}

static void put_text(struct sink *s, unsigned field, const char *text)
{
    put_block(s, field, text, strlen(text));
}

static void put_message(struct sink *s, unsigned field, message_fn *message, const void *what)
{
    struct sink count = {0};

    message(&count, what);
    put_key(s, field, AC_PB_BLOCK);
    put_varint(s, count.n);
    if (s->f)
        message(s, what);
    else
        s->n += count.n;
}

/* ---- messages ---- */

static void tensor(struct sink *s, const void *what)
{
    const struct ac_onnx_tensor *t = what;

    for (size_t i = 0; i < t->rank; i++)
        put_int(s, TENSOR_DIMS, t->dims[i]);
    put_int(s, TENSOR_TYPE, t->type);
    if (t->name[0])
        put_text(s, TENSOR_NAME, t->name);
    put_block(s, TENSOR_RAW, t->data, t->n * ac_onnx_type_size(t->type));
}

static void attribute(struct sink *s, const void *what)
{
    const struct ac_onnx_attr *a = what;

    put_text(s, ATTR_NAME, a->name);
    if (a->kind == AC_ONNX_ATTR_FLOAT)
        put_float(s, ATTR_F, a->f);
    else if (a->kind == AC_ONNX_ATTR_INT)
        put_int(s, ATTR_I, a->i);
    else if (a->kind == AC_ONNX_ATTR_TEXT)
        put_text(s, ATTR_S, a->s);
    else if (a->kind == AC_ONNX_ATTR_TENSOR)
        put_message(s, ATTR_T, tensor, a->t);
    for (size_t i = 0; a->kind == AC_ONNX_ATTR_FLOATS && i < a->n; i++)
        put_float(s, ATTR_FLOATS, a->floats[i]);
    for (size_t i = 0; a->kind == AC_ONNX_ATTR_INTS && i < a->n; i++)
        put_int(s, ATTR_INTS, a->ints[i]);
    put_int(s, ATTR_TYPE, a->kind);
}

static void node(struct sink *s, const void *what)
{
    const struct ac_onnx_node *n = what;

    for (size_t i = 0; i < n->n_in; i++)
        put_text(s, NODE_IN, n->in[i]);
    for (size_t i = 0; i < n->n_out; i++)
        put_text(s, NODE_OUT, n->out[i]);
    put_text(s, NODE_NAME, n->name[0] || n->n_out == 0 ? n->name : n->out[0]);
    put_text(s, NODE_OP, n->op);
    for (size_t i = 0; i < n->n_attrs; i++)
        put_message(s, NODE_ATTR, attribute, &n->attrs[i]);
    if (n->domain[0])
        put_text(s, NODE_DOMAIN, n->domain);
}

static void dimension(struct sink *s, const void *what)
{
    const int64_t *size = what;

    if (*size == AC_ONNX_ANY)
        put_text(s, DIM_PARAM, "batch");
    else
        put_int(s, DIM_VALUE, *size);
}

static void shape(struct sink *s, const void *what)
{
    const struct ac_onnx_value *v = what;

    for (size_t i = 0; i < v->rank; i++)
        put_message(s, SHAPE_DIM, dimension, &v->dims[i]);
}

static void tensor_type(struct sink *s, const void *what)
{
    const struct ac_onnx_value *v = what;

    put_int(s, TYPE_TENSOR_ELEMENT, v->type);
    if (v->has_shape)
        put_message(s, TYPE_TENSOR_SHAPE, shape, v);
}

static void type(struct sink *s, const void *what)
{
    put_message(s, TYPE_TENSOR, tensor_type, what);
}

static void value(struct sink *s, const void *what)
{
    put_text(s, VALUE_NAME, ((const struct ac_onnx_value *)what)->name);
    put_message(s, VALUE_TYPE, type, what);
}

static void graph(struct sink *s, const void *what)
{
    const struct ac_onnx *g = what;

    for (size_t i = 0; i < g->n_nodes; i++)
        put_message(s, GRAPH_NODE, node, g->nodes[i]);
    put_text(s, GRAPH_NAME, g->name);
    for (size_t i = 0; i < g->n_inits; i++)
        put_message(s, GRAPH_INIT, tensor, g->inits[i]);
    for (size_t i = 0; i < g->n_in; i++)
        put_message(s, GRAPH_INPUT, value, g->in[i]);
    for (size_t i = 0; i < g->n_out; i++)
        put_message(s, GRAPH_OUTPUT, value, g->out[i]);
}

static void opset(struct sink *s, const void *what)
{
    put_int(s, OPSET_VERSION, ((const struct ac_onnx *)what)->opset);
}

static void meta(struct sink *s, const void *what)
{
    const struct ac_onnx_meta *m = what;

    put_text(s, META_KEY, m->key);
    put_text(s, META_VALUE, m->value);
}

static void model(struct sink *s, const void *what)
{
    const struct ac_onnx *g = what;

    put_int(s, MODEL_IR_VERSION, g->ir_version);
    put_text(s, MODEL_PRODUCER, "avatar-chat");
    put_message(s, MODEL_GRAPH, graph, g);
    put_message(s, MODEL_OPSET, opset, g);
    for (size_t i = 0; i < g->n_meta; i++)
        put_message(s, MODEL_META, meta, &g->meta[i]);
}

int ac_onnx_write(const struct ac_onnx *g, const char *path, struct ac_env *env)
{
    struct sink s = {0};
    struct stat st;

    model(&s, g);
    if (s.n > INT32_MAX) /* protobuf's own limit */
        return ac_env_fail(env, AC_ELIMIT, "'%s' would be a model of %llu bytes, and 2 GB is the most", path,
                           (unsigned long long)s.n);
    s = (struct sink){.f = fopen(path, "wbe")};
    if (!s.f)
        return ac_env_fail(env, AC_EIO, "cannot write '%s': %s", path, strerror(errno));
    bool is_file = fstat(fileno(s.f), &st) == 0 && S_ISREG(st.st_mode);
    model(&s, g);
    bool failed = fflush(s.f) != 0 || ferror(s.f);
    int why = errno;
    if (fclose(s.f) != 0 && !failed) {
        failed = true;
        why = errno;
    }
    if (!failed)
        return 0;
    if (is_file)
        unlink(path);
    return ac_env_fail(env, AC_EIO, "cannot write '%s': %s", path, strerror(why));
}
