/*
 * Reads a net. Shapes of all tensors first, then the operators in their order: each may use only what is
 * there by then, and what it makes must have the shape that the file names. Constants become floats at once;
 * DEQUANTIZE of a half precision constant is no work then, its result borrows the constant.
 */
#include "face/tflite_private.h"

#include "avatarchat/err.h"
#include "base/mem.h"
#include "face/flat.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIM = 1 << 16, MAX_TENSORS = 4096, MAX_WINDOW = 64 };
enum { TYPE_F32 = 0, TYPE_F16 = 1, TYPE_I32 = 2 };
enum { PADDING_SAME = 0, PADDING_VALID = 1 };
enum { ACTIVATION_NONE = 0, ACTIVATION_RELU = 1, ACTIVATION_RELU6 = 3 };

struct reader {
    struct ac_flat file;
    struct ac_tflite *net;
    struct ac_tflite_limits left;
    char *reason;
};

static int fail(struct reader *r, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct reader *r, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(r->reason, AC_TFLITE_REASON, fmt, args);
    va_end(args);
    return err;
}

static int broken(struct reader *r)
{
    return fail(r, AC_EMODEL, "an offset in it points out of it");
}

static int new_floats(struct reader *r, size_t n, float **data)
{
    if (n > r->left.bytes / sizeof **data)
        return fail(r, AC_ELIMIT, "it wants too much memory");
    r->left.bytes -= n * sizeof **data;
    *data = ac_try_alloc(n * sizeof **data);
    return *data ? 0 : fail(r, AC_ENOMEM, "there is no memory for it");
}

/* IEEE 754 half precision. */
static float from_half(uint16_t h)
{
    float magnitude = (float)(h & 0x3ff);
    int exponent = h >> 10 & 0x1f;

    if (exponent == 31)
        magnitude = magnitude > 0 ? NAN : INFINITY;
    else
        magnitude = exponent ? ldexpf(magnitude + 1024, exponent - 25) : ldexpf(magnitude, -24);
    return h & 0x8000 ? -magnitude : magnitude;
}

/* ---- tensors ---- */

static int read_shape(struct reader *r, const struct ac_flat_table *t, struct ac_tflite_tensor *shape)
{
    struct ac_flat_vector dims = ac_flat_get_vector(&r->file, t, 0, 4);

    if (dims.n > AC_TFLITE_RANK)
        return fail(r, AC_EMODEL, "a tensor has %zu dimensions", dims.n);
    shape->rank = (int)dims.n;
    shape->n = 1;
    for (size_t d = 0; d < dims.n; d++) {
        int32_t dim = ac_flat_i32(&r->file, dims.at + 4 * d);
        if (dim < 1 || dim > MAX_DIM)
            return fail(r, AC_EMODEL, "a dimension of a tensor is %d", dim);
        shape->dim[d] = dim;
        if (shape->n > r->left.bytes / (size_t)dim)
            return fail(r, AC_ELIMIT, "it wants too much memory");
        shape->n *= (size_t)dim;
    }
    return 0;
}

static int read_constant(struct reader *r, struct ac_tflite_value *v)
{
    size_t width = v->type == TYPE_F16 ? 2 : 4;

    if (v->file_n != v->t.n * width)
        return fail(r, AC_EMODEL, "a constant has %zu bytes instead of %zu", v->file_n, v->t.n * width);
    v->ready = true;
    if (v->type == TYPE_I32)
        return 0;
    int err = new_floats(r, v->t.n, &v->t.data);
    for (size_t i = 0; i < v->t.n && !err; i++) {
        if (v->type == TYPE_F16) {
            v->t.data[i] = from_half(ac_flat_u16(&r->file, v->file_at + 2 * i));
        } else {
            uint32_t bits = ac_flat_u32(&r->file, v->file_at + 4 * i);
            memcpy(&v->t.data[i], &bits, sizeof bits);
        }
    }
    return err;
}

static int read_tensor(struct reader *r, const struct ac_flat_table *t, const struct ac_flat_vector *buffers,
                       struct ac_tflite_value *v)
{
    int err = read_shape(r, t, &v->t);
    size_t buffer = (uint32_t)ac_flat_get_i32(&r->file, t, 2, 0);

    v->type = ac_flat_get_u8(&r->file, t, 1, 0);
    if (err)
        return err;
    if (v->type > TYPE_I32)
        return fail(r, AC_EMODEL, "a tensor is of type %d, which is not supported", v->type);
    if (buffer >= buffers->n)
        return fail(r, AC_EMODEL, "a tensor names buffer %zu of %zu", buffer, buffers->n);
    struct ac_flat_table b = ac_flat_table_of(&r->file, buffers, buffer);
    struct ac_flat_vector data = ac_flat_get_vector(&r->file, &b, 0, 1);
    v->file_at = data.at;
    v->file_n = data.n;
    if (r->file.broken)
        return broken(r);
    return data.n ? read_constant(r, v) : 0;
}

/* ---- operators ---- */

static struct ac_tflite_value *input_of(struct reader *r, const struct ac_tflite_op *op, size_t i)
{
    return &r->net->tensors[op->in[i]];
}

static int wrong_shape(struct reader *r, const struct ac_tflite_op *op)
{
    return fail(r, AC_EMODEL, "shapes of operator %zu, of kind %d, do not fit", (size_t)(op - r->net->ops),
                op->code);
}

static bool same_shape(const struct ac_tflite_tensor *a, const struct ac_tflite_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, sizeof a->dim) == 0;
}

static int read_activation(struct reader *r, struct ac_tflite_op *op, int kind)
{
    if (kind == ACTIVATION_NONE)
        return 0;
    if (kind != ACTIVATION_RELU && kind != ACTIVATION_RELU6)
        return fail(r, AC_EMODEL, "activation %d is not supported", kind);
    op->bounded = true;
    op->low = 0;
    op->high = kind == ACTIVATION_RELU6 ? 6 : INFINITY;
    return 0;
}

/* How many windows fit along one side, and how far the first one stands out of the picture. */
static void slide(int in, int k, int stride, int dilation, int padding, int *out, int *before)
{
    int span = (k - 1) * dilation + 1;

    *before = 0;
    *out = (in - span) / stride + 1;
    if (padding == PADDING_VALID) {
        if (in < span)
            *out = 0;
        return;
    }
    *out = (in + stride - 1) / stride;
    int outside = (*out - 1) * stride + span - in;
    if (outside > 0)
        *before = outside / 2;
}

/* Completes the window, whose kernel, strides and dilation are there, and compares with the shapes. */
static int fit_window(struct reader *r, struct ac_tflite_op *op, int padding)
{
    struct ac_tflite_window *g = &op->window;
    const struct ac_tflite_tensor *in = &input_of(r, op, 0)->t, *out = &r->net->tensors[op->out].t;
    const int sizes[] = {g->k_h, g->k_w, g->stride_h, g->stride_w, g->dilation_h, g->dilation_w};
    int h, w;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] < 1 || sizes[i] > MAX_WINDOW)
            return fail(r, AC_EMODEL, "a window has a size or step of %d", sizes[i]);
    if (padding != PADDING_SAME && padding != PADDING_VALID)
        return fail(r, AC_EMODEL, "padding %d is not supported", padding);
    if (in->rank != 4 || out->rank != 4 || in->dim[0] != 1 || out->dim[0] != 1)
        return wrong_shape(r, op);
    g->in_h = in->dim[1];
    g->in_w = in->dim[2];
    g->in_c = in->dim[3];
    g->out_h = out->dim[1];
    g->out_w = out->dim[2];
    g->out_c = out->dim[3];
    slide(g->in_h, g->k_h, g->stride_h, g->dilation_h, padding, &h, &g->top);
    slide(g->in_w, g->k_w, g->stride_w, g->dilation_w, padding, &w, &g->left);
    return h == g->out_h && w == g->out_w ? 0 : wrong_shape(r, op);
}

static int count_steps(struct reader *r, uint64_t n)
{
    if (n > r->left.steps)
        return fail(r, AC_ELIMIT, "it wants too much work");
    r->left.steps -= n;
    return 0;
}

/* Options of both kinds: padding, stride w, stride h, [multiplier,] activation, dilation w, dilation h. */
static int read_conv(struct reader *r, struct ac_tflite_op *op, const struct ac_flat_table *options)
{
    bool depthwise = op->code == AC_TFLITE_DEPTHWISE_CONV_2D;
    int shift = depthwise ? 1 : 0;
    struct ac_tflite_window *g = &op->window;

    if (op->n_in != 3)
        return fail(r, AC_EMODEL, "a convolution has %zu inputs instead of 3", op->n_in);
    const struct ac_tflite_value *w = input_of(r, op, 1), *bias = input_of(r, op, 2);
    if (!w->file_n || !bias->file_n || w->t.rank != 4)
        return fail(r, AC_EMODEL, "a convolution's weights are not constant");
    g->k_h = w->t.dim[1];
    g->k_w = w->t.dim[2];
    g->stride_w = ac_flat_get_i32(&r->file, options, 1, 0);
    g->stride_h = ac_flat_get_i32(&r->file, options, 2, 0);
    g->dilation_w = ac_flat_get_i32(&r->file, options, 4 + shift, 1);
    g->dilation_h = ac_flat_get_i32(&r->file, options, 5 + shift, 1);
    int err = read_activation(r, op, ac_flat_get_u8(&r->file, options, 3 + shift, 0));
    if (!err)
        err = fit_window(r, op, ac_flat_get_u8(&r->file, options, 0, 0));
    if (err)
        return err;
    size_t n_in = (size_t)g->in_c, n_out = (size_t)g->out_c, taps = (size_t)g->k_h * (size_t)g->k_w;
    bool fits = depthwise ? g->in_c == g->out_c && w->t.dim[0] == 1 && w->t.dim[3] == g->out_c
                          : w->t.dim[0] == g->out_c && w->t.dim[3] == g->in_c;
    if (!fits || bias->t.n != n_out)
        return wrong_shape(r, op);
    err = count_steps(r, (uint64_t)r->net->tensors[op->out].t.n * taps * (depthwise ? 1 : n_in));
    if (!err)
        err = new_floats(r, w->t.n, &op->weights);
    if (err)
        return err;
    if (depthwise) {
        memcpy(op->weights, w->t.data, w->t.n * sizeof *op->weights);
        return 0;
    }
    for (size_t o = 0; o < n_out; o++) /* from out × taps × in to taps × in × out */
        for (size_t i = 0; i < taps * n_in; i++)
            op->weights[i * n_out + o] = w->t.data[o * taps * n_in + i];
    return 0;
}

static int read_pool(struct reader *r, struct ac_tflite_op *op, const struct ac_flat_table *options)
{
    struct ac_tflite_window *g = &op->window;

    g->stride_w = ac_flat_get_i32(&r->file, options, 1, 0);
    g->stride_h = ac_flat_get_i32(&r->file, options, 2, 0);
    g->k_w = ac_flat_get_i32(&r->file, options, 3, 0);
    g->k_h = ac_flat_get_i32(&r->file, options, 4, 0);
    g->dilation_w = g->dilation_h = 1;
    int err = read_activation(r, op, ac_flat_get_u8(&r->file, options, 5, 0));
    if (!err)
        err = fit_window(r, op, ac_flat_get_u8(&r->file, options, 0, 0));
    if (err)
        return err;
    return g->in_c != g->out_c
               ? wrong_shape(r, op)
               : count_steps(r, (uint64_t)r->net->tensors[op->out].t.n * (uint64_t)(g->k_h * g->k_w));
}

static int read_pad(struct reader *r, struct ac_tflite_op *op)
{
    const struct ac_tflite_tensor *in = &input_of(r, op, 0)->t, *out = &r->net->tensors[op->out].t;

    if (op->n_in != 2)
        return fail(r, AC_EMODEL, "PAD has %zu inputs instead of 2", op->n_in);
    const struct ac_tflite_value *by = input_of(r, op, 1);
    if (by->type != TYPE_I32 || !by->file_n || by->t.n != 8 || in->rank != 4 || out->rank != 4)
        return wrong_shape(r, op);
    for (int d = 0; d < 4; d++) {
        op->before[d] = ac_flat_i32(&r->file, by->file_at + 8 * (size_t)d);
        op->after[d] = ac_flat_i32(&r->file, by->file_at + 8 * (size_t)d + 4);
        if (op->before[d] < 0 || op->before[d] > MAX_DIM || op->after[d] < 0 || op->after[d] > MAX_DIM ||
            in->dim[d] + op->before[d] + op->after[d] != out->dim[d])
            return wrong_shape(r, op);
    }
    return 0;
}

static int read_concatenation(struct reader *r, struct ac_tflite_op *op, const struct ac_flat_table *options)
{
    const struct ac_tflite_tensor *out = &r->net->tensors[op->out].t;
    int sum = 0;

    op->axis = ac_flat_get_i32(&r->file, options, 0, 0);
    if (op->axis < 0)
        op->axis += out->rank;
    if (op->axis < 0 || op->axis >= out->rank)
        return wrong_shape(r, op);
    for (size_t i = 0; i < op->n_in; i++) {
        struct ac_tflite_tensor in = input_of(r, op, i)->t;
        sum += in.dim[op->axis];
        in.dim[op->axis] = out->dim[op->axis];
        if (!same_shape(&in, out))
            return wrong_shape(r, op);
    }
    if (sum != out->dim[op->axis])
        return wrong_shape(r, op);
    return read_activation(r, op, ac_flat_get_u8(&r->file, options, 1, 0));
}

static int read_prelu(struct reader *r, struct ac_tflite_op *op)
{
    const struct ac_tflite_tensor *in = &input_of(r, op, 0)->t, *out = &r->net->tensors[op->out].t;

    if (op->n_in != 2 || in->rank < 1 || !same_shape(in, out) ||
        input_of(r, op, 1)->t.n != (size_t)in->dim[in->rank - 1])
        return wrong_shape(r, op);
    return 0;
}

static int read_dequantize(struct reader *r, struct ac_tflite_op *op)
{
    const struct ac_tflite_value *in = input_of(r, op, 0);
    struct ac_tflite_value *out = &r->net->tensors[op->out];

    if (in->type != TYPE_F16)
        return fail(r, AC_EMODEL, "only constants of half precision can be dequantized");
    if (!same_shape(&in->t, &out->t))
        return wrong_shape(r, op);
    out->t.data = in->t.data;
    out->borrowed = true;
    out->file_n = in->file_n;
    return 0;
}

static int read_options(struct reader *r, struct ac_tflite_op *op, const struct ac_flat_table *options)
{
    const struct ac_tflite_tensor *a = &input_of(r, op, 0)->t, *out = &r->net->tensors[op->out].t;

    switch (op->code) {
    case AC_TFLITE_CONV_2D:
    case AC_TFLITE_DEPTHWISE_CONV_2D:
        return read_conv(r, op, options);
    case AC_TFLITE_MAX_POOL_2D:
        return read_pool(r, op, options);
    case AC_TFLITE_PAD:
        return read_pad(r, op);
    case AC_TFLITE_CONCATENATION:
        return read_concatenation(r, op, options);
    case AC_TFLITE_PRELU:
        return read_prelu(r, op);
    case AC_TFLITE_DEQUANTIZE:
        return read_dequantize(r, op);
    case AC_TFLITE_ADD:
        if (op->n_in != 2 || !same_shape(a, out) || !same_shape(&input_of(r, op, 1)->t, out))
            return wrong_shape(r, op);
        return read_activation(r, op, ac_flat_get_u8(&r->file, options, 0, 0));
    case AC_TFLITE_RELU:
        return same_shape(a, out) ? read_activation(r, op, ACTIVATION_RELU) : wrong_shape(r, op);
    case AC_TFLITE_RESHAPE: /* the shape that it names is that of its result */
        return a->n == out->n ? 0 : wrong_shape(r, op);
    default:
        return fail(r, AC_EMODEL, "operator %d is not supported", op->code);
    }
}

/* Which tensors the operator reads and makes: those that are there, and one that is not. */
static int connect(struct reader *r, const struct ac_flat_table *t, struct ac_tflite_op *op)
{
    struct ac_flat_vector in = ac_flat_get_vector(&r->file, t, 1, 4),
                          out = ac_flat_get_vector(&r->file, t, 2, 4);

    if (r->file.broken)
        return broken(r);
    if (in.n < 1 || in.n > AC_TFLITE_MAX_IN || out.n != 1)
        return fail(r, AC_EMODEL, "an operator of kind %d has %zu inputs, %zu outputs", op->code, in.n,
                    out.n);
    op->n_in = in.n;
    for (size_t i = 0; i < in.n; i++) {
        op->in[i] = ac_flat_u32(&r->file, in.at + 4 * i);
        if (op->in[i] >= r->net->n_tensors || !r->net->tensors[op->in[i]].ready)
            return fail(r, AC_EMODEL, "an operator uses a tensor that is not there yet");
        /* integers are constants that PAD and RESHAPE have in second place */
        bool integers = i == 1 && (op->code == AC_TFLITE_PAD || op->code == AC_TFLITE_RESHAPE);
        if (!integers && !r->net->tensors[op->in[i]].t.data)
            return fail(r, AC_EMODEL, "an operator of kind %d does not work on floats", op->code);
    }
    op->out = ac_flat_u32(&r->file, out.at);
    if (op->out >= r->net->n_tensors || r->net->tensors[op->out].ready)
        return fail(r, AC_EMODEL, "an operator writes where something is already");
    if (r->net->tensors[op->out].type != TYPE_F32)
        return fail(r, AC_EMODEL, "an operator of kind %d does not make floats", op->code);
    return 0;
}

static int read_op(struct reader *r, const struct ac_flat_table *t, const struct ac_flat_vector *codes,
                   struct ac_tflite_op *op)
{
    size_t kind = (uint32_t)ac_flat_get_i32(&r->file, t, 0, 0);

    if (kind >= codes->n)
        return fail(r, AC_EMODEL, "an operator names kind %zu of %zu", kind, codes->n);
    struct ac_flat_table c = ac_flat_table_of(&r->file, codes, kind);
    /* the old field holds numbers below 127, the new one all */
    int old = ac_flat_get_u8(&r->file, &c, 0, 0), new = ac_flat_get_i32(&r->file, &c, 3, 0);
    op->code = old > new ? old : new;
    int err = connect(r, t, op);
    if (err)
        return err;
    struct ac_flat_table options = ac_flat_get_table(&r->file, t, 4);
    err = r->file.broken ? broken(r) : read_options(r, op, &options);
    if (!err && r->file.broken)
        err = broken(r);
    struct ac_tflite_value *out = &r->net->tensors[op->out];
    if (!err && !out->borrowed)
        err = new_floats(r, out->t.n, &out->t.data);
    if (!err && !out->borrowed)
        err = count_steps(r, out->t.n);
    out->ready = true;
    return err;
}

/* ---- the whole ---- */

/* A list of tables becomes an array of n zeroed elements. */
static int new_list(struct reader *r, size_t n, size_t size, void **list)
{
    if (n > MAX_TENSORS)
        return fail(r, AC_ELIMIT, "it has %zu tensors or operators, more than %d", n, MAX_TENSORS);
    *list = ac_zalloc((n ? n : 1) * size);
    return 0;
}

static int read_input(struct reader *r, const struct ac_flat_table *graph)
{
    struct ac_flat_vector in = ac_flat_get_vector(&r->file, graph, 1, 4);

    if (r->file.broken || in.n != 1)
        return fail(r, AC_EMODEL, "it has %zu inputs instead of one", in.n);
    r->net->input = ac_flat_u32(&r->file, in.at);
    struct ac_tflite_value *v = r->net->input < r->net->n_tensors ? &r->net->tensors[r->net->input] : NULL;
    if (!v || v->ready || v->type != TYPE_F32)
        return fail(r, AC_EMODEL, "its input is no tensor of floats");
    v->ready = true;
    int err = new_floats(r, v->t.n, &v->t.data);
    if (!err)
        memset(v->t.data, 0, v->t.n * sizeof *v->t.data);
    return err;
}

static int read_outputs(struct reader *r, const struct ac_flat_table *graph)
{
    struct ac_flat_vector out = ac_flat_get_vector(&r->file, graph, 2, 4);
    void *list = NULL;

    if (r->file.broken || out.n < 1)
        return fail(r, AC_EMODEL, "it has no outputs");
    int err = new_list(r, out.n, sizeof *r->net->outputs, &list);
    r->net->outputs = list;
    for (size_t i = 0; i < out.n && !err; i++) {
        size_t o = ac_flat_u32(&r->file, out.at + 4 * i);
        if (o >= r->net->n_tensors || !r->net->tensors[o].ready || !r->net->tensors[o].t.data)
            return fail(r, AC_EMODEL, "one of its outputs is never made");
        r->net->outputs[r->net->n_outputs++] = o;
    }
    return err;
}

static int read_graph(struct reader *r, const struct ac_flat_table *model, const struct ac_flat_table *graph)
{
    struct ac_flat *f = &r->file;
    struct ac_flat_vector codes = ac_flat_get_vector(f, model, 1, 4),
                          buffers = ac_flat_get_vector(f, model, 4, 4),
                          tensors = ac_flat_get_vector(f, graph, 0, 4),
                          ops = ac_flat_get_vector(f, graph, 3, 4);
    void *list = NULL;

    if (f->broken)
        return broken(r);
    int err = new_list(r, tensors.n, sizeof *r->net->tensors, &list);
    if (err)
        return err;
    r->net->tensors = list;
    r->net->n_tensors = tensors.n;
    for (size_t i = 0; i < tensors.n && !err; i++) {
        struct ac_flat_table t = ac_flat_table_of(f, &tensors, i);
        err = f->broken ? broken(r) : read_tensor(r, &t, &buffers, &r->net->tensors[i]);
    }
    if (!err)
        err = read_input(r, graph);
    if (!err)
        err = new_list(r, ops.n, sizeof *r->net->ops, &list);
    if (err)
        return err;
    r->net->ops = list;
    r->net->n_ops = ops.n;
    for (size_t i = 0; i < ops.n && !err; i++) {
        struct ac_flat_table t = ac_flat_table_of(f, &ops, i);
        err = f->broken ? broken(r) : read_op(r, &t, &codes, &r->net->ops[i]);
    }
    return err ? err : read_outputs(r, graph);
}

int ac_tflite_open(struct ac_tflite **net, const void *file, size_t size,
                   const struct ac_tflite_limits *limits, char reason[AC_TFLITE_REASON])
{
    struct reader r = {.file = {.data = file, .size = size}, .left = *limits, .reason = reason};

    *net = NULL;
    reason[0] = '\0';
    if (size < 8 || memcmp(r.file.data + 4, "TFL3", 4) != 0)
        return fail(&r, AC_EMODEL, "it is no .tflite file");
    struct ac_flat_table model = ac_flat_root(&r.file);
    struct ac_flat_vector graphs = ac_flat_get_vector(&r.file, &model, 2, 4);
    if (r.file.broken || graphs.n != 1)
        return r.file.broken ? broken(&r) : fail(&r, AC_EMODEL, "it has %zu graphs instead of one", graphs.n);
    struct ac_flat_table graph = ac_flat_table_of(&r.file, &graphs, 0);
    if (r.file.broken)
        return broken(&r);
    r.net = ac_zalloc(sizeof *r.net);
    int err = read_graph(&r, &model, &graph);
    if (err)
        ac_tflite_close(r.net);
    else
        *net = r.net;
    return err;
}
