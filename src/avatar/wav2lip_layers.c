/*
 * Layers (wav2lip_layers.h). 8-bit layers are written as QuantizeLinear and DequantizeLinear around ordinary
 * operators, which ONNX Runtime turns into integer ones; the values are what the ONNX standard says they are
 * on every runtime.
 */
#include "avatar/wav2lip_layers.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTE_MAX = 255 };

struct scale {
    float step;
    uint8_t zero;
};

static struct scale scale_of(const struct ac_w2l_builder *b, int point)
{
    const struct ac_w2l_range *r = &b->plan->range[point];
    float lo = fminf(r->lo, 0), hi = fmaxf(r->hi, lo + 1e-6F);
    struct scale s = {.step = (hi - lo) / BYTE_MAX};

    s.zero = (uint8_t)fminf(fmaxf(roundf(-lo / s.step), 0), BYTE_MAX);
    return s;
}

const char *ac_w2l_fresh(struct ac_w2l_builder *b, const char *stem)
{
    return ac_onnx_name(b->g, "%s_%d", stem, b->n_names++);
}

/* ---- floats and bytes ---- */

/* op: QuantizeLinear or DequantizeLinear, with the step and the zero of the point. */
static const char *convert(struct ac_w2l_builder *b, const char *op, const char *stem, const char *name,
                           int point)
{
    struct scale s = scale_of(b, point);
    const char *step = ac_onnx_init(b->g, ac_w2l_fresh(b, "step"), AC_ONNX_F32, &s.step, 0, NULL);
    const char *zero = ac_onnx_init(b->g, ac_w2l_fresh(b, "zero"), AC_ONNX_U8, &s.zero, 0, NULL);
    const char *out = ac_w2l_fresh(b, stem);

    ac_onnx_node(b->g, op, out, name, step, zero, NULL);
    return out;
}

static const char *quantize(struct ac_w2l_builder *b, const char *name, int point)
{
    return convert(b, "QuantizeLinear", "q", name, point);
}

static const char *dequantize(struct ac_w2l_builder *b, const char *name, int point)
{
    return convert(b, "DequantizeLinear", "dq", name, point);
}

const char *ac_w2l_floats(struct ac_w2l_builder *b, const struct ac_w2l_value *v)
{
    return v->bytes ? dequantize(b, v->name, v->point) : v->name;
}

struct ac_w2l_value ac_w2l_enter(struct ac_w2l_builder *b, const struct ac_w2l_value *v)
{
    struct ac_w2l_value same = *v;

    if (v->bytes != b->int8)
        same.name = v->bytes ? dequantize(b, v->name, v->point) : quantize(b, v->name, v->point);
    same.bytes = b->int8;
    return same;
}

void ac_w2l_point(struct ac_w2l_builder *b, struct ac_w2l_value *v)
{
    v->point = b->n_points++;
    b->points[v->point] = v->name;
    if (b->plan->watch)
        ac_onnx_output(b->g, v->name, AC_ONNX_F32, 4, (int64_t[]){1, v->channels, v->rows, v->columns});
    v->bytes = b->int8;
    if (b->int8)
        v->name = quantize(b, v->name, v->point);
}

/* ---- weights ---- */

/* A convolution ready to be written: w is [out][in][kernel], ours. */
struct kernel {
    int out, in, size[2];
    float *w, *bias;
};

static void kernel_free(struct kernel *k)
{
    free(k->w);
    free(k->bias);
}

static const char *floats_init(struct ac_w2l_builder *b, const float *data, size_t rank, const int64_t *dims)
{
    return ac_onnx_init(b->g, ac_w2l_fresh(b, "w"), AC_ONNX_F32, data, rank, dims);
}

/*
 * The step of an output channel's weights; not so small that its bias does not fit into 32 bits.
 */
static float weight_step(const struct ac_w2l_builder *b, const float *w, size_t n, float bias, float in_step)
{
    float largest = 0;

    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(w[i]));
    float step = fmaxf(largest / (float)b->plan->weight_max, fabsf(bias) / in_step / (float)(1 << 30));
    return step > 0 ? step : 1;
}

static const char *dequantized_init(struct ac_w2l_builder *b, int type, const void *data, size_t rank,
                                    const int64_t *dims, const float *steps)
{
    const char *out = ac_w2l_fresh(b, "dq");
    int32_t *zeros = ac_zalloc((size_t)dims[0] * sizeof *zeros);
    const char *zero = ac_onnx_init(b->g, ac_w2l_fresh(b, "zeros"), type, zeros, 1, dims);
    const char *values = ac_onnx_init(b->g, ac_w2l_fresh(b, "w"), type, data, rank, dims);
    const char *scales = ac_onnx_init(b->g, ac_w2l_fresh(b, "steps"), AC_ONNX_F32, steps, 1, dims);

    ac_onnx_attr_int(ac_onnx_node(b->g, "DequantizeLinear", out, values, scales, zero, NULL), "axis", 0);
    free(zeros);
    return out;
}

/* Weights and bias as 8 and 32 bits; in_step: of the input. */
static void write_int8(struct ac_w2l_builder *b, const struct kernel *k, float in_step, const char *names[2])
{
    size_t n = (size_t)k->in * (size_t)k->size[0] * (size_t)k->size[1], out = (size_t)k->out;
    const int64_t dims[] = {k->out, k->in, k->size[0], k->size[1]};
    int8_t *w = ac_alloc(out * n);
    int32_t *bias = ac_alloc(out * sizeof *bias);
    float *steps = ac_alloc(2 * out * sizeof *steps), *bias_steps = steps + out;

    for (size_t o = 0; o < out; o++) {
        const float *from = k->w + o * n;
        steps[o] = weight_step(b, from, n, k->bias[o], in_step);
        bias_steps[o] = steps[o] * in_step;
        for (size_t i = 0; i < n; i++)
            w[o * n + i] = (int8_t)lrintf(from[i] / steps[o]);
        bias[o] = (int32_t)lrintf(k->bias[o] / bias_steps[o]);
    }
    names[0] = dequantized_init(b, AC_ONNX_S8, w, 4, dims, steps);
    names[1] = dequantized_init(b, AC_ONNX_I32, bias, 1, dims, bias_steps);
    free(steps);
    free(bias);
    free(w);
}

static void write_weights(struct ac_w2l_builder *b, const struct kernel *k, int in_point,
                          const char *names[2])
{
    const int64_t dims[] = {k->out, k->in, k->size[0], k->size[1]};

    if (b->int8) {
        write_int8(b, k, scale_of(b, in_point).step, names);
        return;
    }
    names[0] = floats_init(b, k->w, 4, dims);
    names[1] = floats_init(b, k->bias, 1, dims);
}

/* The ratio goes into the weights of the channels from `first` on (wav2lip_graph.h). */
static void scale_inputs(struct kernel *k, int first, float ratio)
{
    size_t n = (size_t)k->size[0] * (size_t)k->size[1];

    for (int o = 0; o < k->out; o++) {
        float *w = k->w + ((size_t)o * (size_t)k->in + (size_t)first) * n;
        for (size_t i = 0; i < (size_t)(k->in - first) * n; i++)
            w[i] *= ratio;
    }
}

static struct kernel kernel_of(const struct ac_w2l_conv *c)
{
    size_t n = (size_t)c->in * (size_t)c->kernel[0] * (size_t)c->kernel[1] * (size_t)c->out;
    struct kernel k = {.out = c->out, .in = c->in, .size = {c->kernel[0], c->kernel[1]}};

    k.w = ac_alloc(n * sizeof *k.w);
    k.bias = ac_alloc((size_t)c->out * sizeof *k.bias);
    memcpy(k.w, c->w, n * sizeof *k.w);
    memcpy(k.bias, c->b, (size_t)c->out * sizeof *k.bias);
    return k;
}

/* ---- joining ---- */

/*
 * The two inputs as one, in the form of the part. In bytes their steps may differ: *ratio is that of the
 * second to the first, and the result has the first one's. Both have no values below zero.
 */
static struct ac_w2l_value join(struct ac_w2l_builder *b, const struct ac_w2l_value *first,
                                const struct ac_w2l_value *second, float *ratio)
{
    struct ac_w2l_value one = ac_w2l_enter(b, first), two = ac_w2l_enter(b, second), both = one;

    both.name = ac_w2l_fresh(b, "joined");
    both.channels += two.channels;
    ac_onnx_attr_int(ac_onnx_node(b->g, "Concat", both.name, one.name, two.name, NULL), "axis", 1);
    *ratio = b->int8 ? scale_of(b, two.point).step / scale_of(b, one.point).step : 1;
    return both;
}

void ac_w2l_drop_rows(struct ac_w2l_builder *b, int rows, struct ac_w2l_value *v)
{
    if (rows == 0)
        return;
    const char *out = ac_w2l_fresh(b, "lower");
    const char *from = AC_ONNX_INIT_I64(b->g, ac_w2l_fresh(b, "from"), rows);
    const char *to = AC_ONNX_INIT_I64(b->g, ac_w2l_fresh(b, "to"), v->rows);
    const char *axis = AC_ONNX_INIT_I64(b->g, ac_w2l_fresh(b, "axis"), 2);
    ac_onnx_node(b->g, "Slice", out, v->name, from, to, axis, NULL);
    v->name = out;
    v->rows -= rows;
}

/* ---- convolutions ---- */

static const char *conv_node(struct ac_w2l_builder *b, const struct kernel *k, const char *x, int in_point,
                             const int stride[2], const int64_t pads[4])
{
    const char *out = ac_w2l_fresh(b, "conv"), *weights[2];

    write_weights(b, k, in_point, weights);
    struct ac_onnx_node *node = ac_onnx_node(b->g, "Conv", out, x, weights[0], weights[1], NULL);
    AC_ONNX_ATTR_INTS(node, "kernel_shape", k->size[0], k->size[1]);
    AC_ONNX_ATTR_INTS(node, "strides", stride[0], stride[1]);
    ac_onnx_attr_ints(node, "pads", 4, pads);
    return out;
}

/* In 8 bits ReLU is in the point's range, which begins at 0; where it is watched, that must be so already. */
static const char *relu(struct ac_w2l_builder *b, const char *x, bool wanted)
{
    if (!wanted || b->int8)
        return x;
    const char *out = ac_w2l_fresh(b, "relu");
    ac_onnx_node(b->g, "Relu", out, x, NULL);
    return out;
}

/* Adds the layer's input to its output. The sum before it is a point of its own. */
static const char *add_input(struct ac_w2l_builder *b, struct ac_w2l_value *sum, const struct ac_w2l_value *x)
{
    const char *out = ac_w2l_fresh(b, "add");

    ac_w2l_point(b, sum);
    const char *one = ac_w2l_floats(b, sum), *two = ac_w2l_floats(b, x);
    ac_onnx_node(b->g, "Add", out, one, two, NULL);
    return out;
}

/* x: in the part's form. */
static void convolve(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, const struct kernel *k,
                     int pad_top, const struct ac_w2l_value *x, struct ac_w2l_value *v)
{
    const int64_t pads[] = {pad_top, c->pad[1], c->pad[0], c->pad[1]};
    struct ac_w2l_value y = {
        .channels = c->out,
        .rows = (x->rows + pad_top + c->pad[0] - k->size[0]) / c->stride[0] + 1,
        .columns = (x->columns + 2 * c->pad[1] - k->size[1]) / c->stride[1] + 1,
    };

    y.name = conv_node(b, k, ac_w2l_floats(b, x), x->point, c->stride, pads);
    if (c->residual)
        y.name = add_input(b, &y, x);
    y.name = relu(b, y.name, c->relu);
    ac_w2l_point(b, &y);
    *v = y;
}

void ac_w2l_conv(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, int pad_top, struct ac_w2l_value *v)
{
    struct kernel k = kernel_of(c);
    struct ac_w2l_value x = ac_w2l_enter(b, v);

    convolve(b, c, &k, pad_top, &x, v);
    kernel_free(&k);
}

void ac_w2l_conv_joined(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, int pad_top,
                        const struct ac_w2l_value *other, struct ac_w2l_value *v)
{
    struct kernel k = kernel_of(c);
    float ratio;
    struct ac_w2l_value x = join(b, v, other, &ratio);

    scale_inputs(&k, v->channels, ratio);
    convolve(b, c, &k, pad_top, &x, v);
    kernel_free(&k);
}

/* ---- transposed convolutions ---- */

/* From one pixel: each output pixel is a product of its own; all of them are one 1 × 1 convolution. */
static const char *up_from_one(struct ac_w2l_builder *b, const struct ac_w2l_conv *c,
                               const struct ac_w2l_value *x, float ratio, int first)
{
    int pixels = c->kernel[0] * c->kernel[1];
    size_t out = (size_t)c->out * (size_t)pixels, in = (size_t)c->in;
    struct kernel k = {.out = (int)out, .in = c->in, .size = {1, 1}};

    k.w = ac_alloc(out * in * sizeof *k.w);
    k.bias = ac_alloc(out * sizeof *k.bias);
    for (size_t o = 0; o < out; o++) {
        k.bias[o] = c->b[o / (size_t)pixels];
        for (size_t i = 0; i < in; i++)
            k.w[o * in + i] = c->w[i * out + o];
    }
    scale_inputs(&k, first, ratio);
    const char *y = conv_node(b, &k, ac_w2l_floats(b, x), x->point, (int[]){1, 1}, (int64_t[]){0, 0, 0, 0});
    kernel_free(&k);
    return y;
}

/*
 * One of the four: out(2i + dy, 2j + dx). An even row comes of row i by the middle row of the kernel, an odd
 * one of row i by the last and of row i + 1 by the first; columns likewise.
 */
static struct kernel quarter(const struct ac_w2l_conv *c, int dy, int dx)
{
    struct kernel k = {.out = c->out, .in = c->in, .size = {1 + dy, 1 + dx}};
    size_t out = (size_t)c->out, in = (size_t)c->in, at = 0;

    k.w = ac_alloc(out * in * (size_t)(k.size[0] * k.size[1]) * sizeof *k.w);
    k.bias = ac_alloc(out * sizeof *k.bias);
    memcpy(k.bias, c->b, out * sizeof *k.bias);
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            for (int y = 0; y <= dy; y++) {
                for (int x = 0; x <= dx; x++) {
                    size_t row = (size_t)(dy ? 2 - 2 * y : 1), column = (size_t)(dx ? 2 - 2 * x : 1);
                    k.w[at++] = c->w[((i * out + o) * 3 + row) * 3 + column];
                }
            }
        }
    }
    return k;
}

static const char *transpose(struct ac_w2l_builder *b, const char *x, size_t rank, const int64_t *order)
{
    const char *out = ac_w2l_fresh(b, "turned");

    ac_onnx_attr_ints(ac_onnx_node(b->g, "Transpose", out, x, NULL), "perm", rank, order);
    return out;
}

static const char *reshape(struct ac_w2l_builder *b, const char *x, int64_t rank, const int64_t *dims)
{
    const char *out = ac_w2l_fresh(b, "shaped");
    const char *shape = ac_onnx_init(b->g, ac_w2l_fresh(b, "shape"), AC_ONNX_I64, dims, 1, &rank);

    ac_onnx_node(b->g, "Reshape", out, x, shape, NULL);
    return out;
}

/*
 * Interleaves the four. It is DepthToSpace, written for a layout with the channels last, in which ONNX
 * Runtime has 8-bit convolutions: only whole rows of channels move, and the turns at both ends meet those of
 * its own and vanish.
 */
static void weave(struct ac_w2l_builder *b, const char *joined, const struct ac_w2l_value *x, int channels,
                  const char *out)
{
    const int64_t h = x->rows, w = x->columns, n = channels;
    const char *last = transpose(b, joined, 4, (int64_t[]){0, 2, 3, 1});
    const char *apart = reshape(b, last, 5, (int64_t[]){h, w, 2, 2, n});

    const char *woven = transpose(b, apart, 5, (int64_t[]){0, 2, 1, 3, 4});
    const char *whole = reshape(b, woven, 4, (int64_t[]){1, 2 * h, 2 * w, n});
    ac_onnx_attr_ints(ac_onnx_node(b->g, "Transpose", out, whole, NULL), "perm", 4, (int64_t[]){0, 3, 1, 2});
}

static void up_in_bytes(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, const struct ac_w2l_value *x,
                        float ratio, int first, struct ac_w2l_value *y)
{
    const char *four[4], *joined = ac_w2l_fresh(b, "four"), *out = ac_w2l_fresh(b, "woven");

    y->point = b->n_points++;
    b->points[y->point] = out;
    for (int i = 0; i < 4; i++) {
        int dy = i / 2, dx = i % 2;
        struct kernel k = quarter(c, dy, dx);
        scale_inputs(&k, first, ratio);
        const char *sum =
            conv_node(b, &k, ac_w2l_floats(b, x), x->point, (int[]){1, 1}, (int64_t[]){0, 0, dy, dx});
        four[i] = quantize(b, sum, y->point);
        kernel_free(&k);
    }
    ac_onnx_attr_int(ac_onnx_node_n(b->g, "Concat", 4, four, 1, &joined), "axis", 1);
    weave(b, joined, x, c->out, out);
    y->name = out;
    y->bytes = true;
}

static const char *up_in_floats(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, const char *x)
{
    const char *out = ac_w2l_fresh(b, "up");
    const char *w = floats_init(b, c->w, 4, (int64_t[]){c->in, c->out, c->kernel[0], c->kernel[1]});
    const char *bias = floats_init(b, c->b, 1, (int64_t[]){c->out});
    struct ac_onnx_node *node = ac_onnx_node(b->g, "ConvTranspose", out, x, w, bias, NULL);

    AC_ONNX_ATTR_INTS(node, "kernel_shape", c->kernel[0], c->kernel[1]);
    AC_ONNX_ATTR_INTS(node, "strides", c->stride[0], c->stride[1]);
    AC_ONNX_ATTR_INTS(node, "pads", c->pad[0], c->pad[1], c->pad[0], c->pad[1]);
    AC_ONNX_ATTR_INTS(node, "output_padding", c->out_pad[0], c->out_pad[1]);
    return out;
}

void ac_w2l_up(struct ac_w2l_builder *b, const struct ac_w2l_conv *c, const struct ac_w2l_value *other,
               struct ac_w2l_value *v)
{
    float ratio;
    int first = v->channels;
    struct ac_w2l_value x = join(b, v, other, &ratio);
    bool one = x.rows == 1;
    struct ac_w2l_value y = {.channels = c->out,
                             .rows = one ? c->kernel[0] : 2 * x.rows,
                             .columns = one ? c->kernel[1] : 2 * x.columns};

    if (b->int8 && !one) {
        up_in_bytes(b, c, &x, ratio, first, &y);
    } else if (one) {
        const char *shape =
            AC_ONNX_INIT_I64(b->g, ac_w2l_fresh(b, "shape"), 1, y.channels, y.rows, y.columns);
        y.name = relu(b, up_from_one(b, c, &x, ratio, first), true);
        const char *flat = y.name;
        y.name = ac_w2l_fresh(b, "up");
        ac_onnx_node(b->g, "Reshape", y.name, flat, shape, NULL);
        ac_w2l_point(b, &y);
    } else {
        y.name = relu(b, up_in_floats(b, c, x.name), true);
        ac_w2l_point(b, &y);
    }
    *v = y;
}
