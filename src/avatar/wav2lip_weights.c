/*
 * Taking Wav2Lip's weights out of an export (wav2lip_weights.h).
 *
 * Exports differ in names, in the order of inputs and nodes, in where weights stand (initialisers, Constant
 * nodes, half precision behind a Cast, one for several behind Identity), and in whether the exporter folded
 * batch normalisation: all, none, or, as PyTorch's does, that of convolutions but not of transposed ones. So
 * nothing is looked up by name or place: the walk begins at the two inputs, told by their shapes, goes from
 * each value to the node that reads it, and asks at every step for what the topology has there.
 */
#include "avatar/wav2lip_weights.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "infer/onnx_graph.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 2000, MAX_HOPS = 8, WHY_SIZE = 192 };

struct walk {
    const struct ac_onnx *g;
    struct ac_w2l_weights *w;
    const char *part; /* "face encoder" */
    int nth;          /* convolution of it, from 1 */
    char why[WHY_SIZE];
};

__attribute__((format(printf, 2, 3))) static int differs(struct walk *w, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(w->why, sizeof w->why, fmt, args);
    va_end(args);
    return AC_EMODEL;
}

static const char *nth(const struct walk *w)
{
    static const char *const words[] = {
        "zeroth",     "first",     "second",    "third",       "fourth",     "fifth",      "sixth",
        "seventh",    "eighth",    "ninth",     "tenth",       "eleventh",   "twelfth",    "thirteenth",
        "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"};

    return w->nth < (int)(sizeof words / sizeof *words) ? words[w->nth] : "next";
}

/* "the third convolution of the face encoder" as printf's arguments */
#define PLACE    "the %s convolution of the %s"
#define AT(walk) nth(walk), (walk)->part

/* ---- values and who reads them ---- */

static bool is(const struct ac_onnx_node *n, const char *op)
{
    return strcmp(n->op, op) == 0;
}

/* Hands its input on unchanged. */
static bool is_transparent(const struct ac_onnx_node *n)
{
    return n->n_in >= 1 && n->n_out >= 1 && (is(n, "Identity") || is(n, "Cast") || is(n, "Dropout"));
}

static const struct ac_onnx_node *maker(const struct ac_onnx *g, const char *value)
{
    for (size_t i = 0; *value && i < g->n_nodes; i++) {
        if (g->nodes[i]->n_out >= 1 && strcmp(g->nodes[i]->out[0], value) == 0)
            return g->nodes[i];
    }
    return NULL;
}

/* The value behind nodes that change nothing. */
static const char *root(const struct ac_onnx *g, const char *value)
{
    for (int hop = 0; hop < MAX_HOPS; hop++) {
        const struct ac_onnx_node *n = maker(g, value);
        if (!n || !is_transparent(n))
            break;
        value = n->in[0];
    }
    return value;
}

/* Lets every node read what it reads in the end: transparent nodes are by-passed. */
static void bypass(struct ac_onnx *g)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct ac_onnx_node *n = g->nodes[i];
        for (size_t k = 0; !is_transparent(n) && k < n->n_in; k++)
            n->in[k] = root(g, n->in[k]);
    }
}

static bool reads(const struct ac_onnx_node *n, const char *value)
{
    for (size_t k = 0; k < n->n_in; k++) {
        if (*value && strcmp(n->in[k], value) == 0)
            return true;
    }
    return false;
}

/* How many nodes read the value; the last of them in *reader. */
static size_t readers(const struct walk *w, const char *value, const struct ac_onnx_node **reader)
{
    size_t n = 0;

    *reader = NULL;
    for (size_t i = 0; i < w->g->n_nodes; i++) {
        const struct ac_onnx_node *node = w->g->nodes[i];
        if (!is_transparent(node) && node->n_out >= 1 && reads(node, value)) {
            *reader = node;
            n++;
        }
    }
    return n;
}

static const char *op_name(const struct ac_onnx_node *n)
{
    return n ? n->op : "nothing";
}

/* The only reader, which must be an `op` of one output. what: as the message calls it. */
static int expect(struct walk *w, const char *value, const char *op, const char *what,
                  const struct ac_onnx_node **node)
{
    size_t n = readers(w, value, node);

    if (n > 1)
        return differs(w, "%zu nodes follow " PLACE ", where %s alone is expected", n, AT(w), what);
    if (n == 0 || !is(*node, op))
        return differs(w, "%s follows " PLACE ", where %s is expected", op_name(*node), AT(w), what);
    return 0;
}

/* A weight: an initialiser, or a Constant node's tensor. */
static const struct ac_onnx_tensor *weight(const struct walk *w, const struct ac_onnx_node *n, size_t k)
{
    const char *name = k < n->n_in ? n->in[k] : "";
    const struct ac_onnx_tensor *t = *name ? ac_onnx_find_init(w->g, name) : NULL;
    const struct ac_onnx_node *constant = t ? NULL : maker(w->g, name);

    if (constant && is(constant, "Constant")) {
        const struct ac_onnx_attr *a = ac_onnx_find_attr(constant, "value");
        t = a && a->kind == AC_ONNX_ATTR_TENSOR ? a->t : NULL;
    }
    return t;
}

static int floats(struct walk *w, const struct ac_onnx_tensor *t, float *out, size_t n, const char *what)
{
    if (!t)
        return differs(w, "%s of " PLACE " is not stored but computed: export with do_constant_folding=True",
                       what, AT(w));
    if (ac_onnx_floats(t, out, n) != 0)
        return differs(w, "%s of " PLACE " has %zu numbers of type %d, %zu floats expected", what, AT(w),
                       t->n, t->type, n);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(out[i]))
            return differs(w, "%s of " PLACE " holds a value that is no number", what, AT(w));
    }
    return 0;
}

/* ---- one convolution ---- */

/* Compares a pair of an attribute (or what its absence means) with the expected pair. */
static int same_pair(struct walk *w, const struct ac_onnx_node *n, const char *name, const char *what,
                     int def, const int want[2])
{
    const struct ac_onnx_attr *a = ac_onnx_find_attr(n, name);
    bool given = a && a->kind == AC_ONNX_ATTR_INTS && a->n >= 2;
    int64_t h = given ? a->ints[0] : def, v = given ? a->ints[1] : def;

    if (h != want[0] || v != want[1])
        return differs(w, PLACE " has %s of %lld and %lld, %d and %d expected", AT(w), what, (long long)h,
                       (long long)v, want[0], want[1]);
    if (given && a->n == 4 && (a->ints[2] != h || a->ints[3] != v))
        return differs(w, PLACE " has different %s at its ends", AT(w), what);
    return 0;
}

static int check_sizes(struct walk *w, const struct ac_w2l_conv *want, const struct ac_onnx_node *n,
                       const struct ac_onnx_tensor *t)
{
    if (is(n, "ConvTranspose") != want->transposed)
        return differs(w, "%s is " PLACE ", where %s is expected", n->op, AT(w),
                       want->transposed ? "ConvTranspose" : "Conv");
    if (!t)
        return differs(
            w, "the weights of " PLACE " are not stored but computed: export with do_constant_folding=True",
            AT(w));
    if (t->rank != 4)
        return differs(w, "the weights of " PLACE " have %zu dimensions, 4 expected", AT(w), t->rank);
    int64_t out = t->dims[want->transposed ? 1 : 0], in = t->dims[want->transposed ? 0 : 1];
    if (out != want->out || in != want->in)
        return differs(w, PLACE " has %lld %s, %d expected", AT(w), (long long)(out != want->out ? out : in),
                       out != want->out ? "outputs" : "inputs", out != want->out ? want->out : want->in);
    if (t->dims[2] != want->kernel[0] || t->dims[3] != want->kernel[1])
        return differs(w, PLACE " is of %lld by %lld points, %d by %d expected", AT(w), (long long)t->dims[2],
                       (long long)t->dims[3], want->kernel[0], want->kernel[1]);
    return 0;
}

static int check_conv(struct walk *w, const struct ac_w2l_conv *want, const struct ac_onnx_node *n,
                      const struct ac_onnx_tensor *t)
{
    static const int ones[2] = {1, 1};
    const struct ac_onnx_attr *automatic = ac_onnx_find_attr(n, "auto_pad");
    int err = check_sizes(w, want, n, t);

    if (err)
        return err;
    if ((automatic && strcmp(automatic->s, "NOTSET") != 0) || ac_onnx_find_attr(n, "output_shape"))
        return differs(w, PLACE " leaves its padding to the runtime", AT(w));
    if (ac_onnx_attr_int_or(n, "group", 1) != 1)
        return differs(w, PLACE " works in groups", AT(w));
    if ((err = same_pair(w, n, "strides", "steps", 1, want->stride)) != 0 ||
        (err = same_pair(w, n, "pads", "padding", 0, want->pad)) != 0 ||
        (err = same_pair(w, n, "dilations", "dilations", 1, ones)) != 0)
        return err;
    return want->transposed ? same_pair(w, n, "output_padding", "output padding", 0, want->out_pad) : 0;
}

static size_t weight_count(const struct ac_w2l_conv *c)
{
    return (size_t)c->in * (size_t)c->out * (size_t)c->kernel[0] * (size_t)c->kernel[1];
}

static int take_weights(struct walk *w, struct ac_w2l_conv *c, const struct ac_onnx_node *n,
                        const struct ac_onnx_tensor *t)
{
    size_t count = weight_count(c);

    c->w = ac_alloc(count * sizeof *c->w);
    c->b = ac_zalloc((size_t)c->out * sizeof *c->b);
    int err = floats(w, t, c->w, count, "the weight");
    if (!err && n->n_in >= 3 && n->in[2][0])
        err = floats(w, weight(w, n, 2), c->b, (size_t)c->out, "the bias");
    return err;
}

/*
 * y = γ (conv(x) - μ) / √(σ² + ε) + β: each output's weights and bias are scaled, in double precision (Ioffe,
 * Szegedy: Batch Normalization, 2015).
 */
static int fold(struct walk *w, struct ac_w2l_conv *c, const struct ac_onnx_node *n)
{
    static const char *const names[] = {"the scale", "the offset", "the mean", "the variance"};
    size_t out = (size_t)c->out, taps = (size_t)c->kernel[0] * (size_t)c->kernel[1];
    double epsilon = ac_onnx_attr_float_or(n, "epsilon", 1e-5f);
    float *p = ac_alloc(4 * out * sizeof *p);
    int err = 0;

    if (n->n_out > 1 || ac_onnx_attr_int_or(n, "training_mode", 0) != 0)
        err = differs(w, "the normalisation after " PLACE " is exported for training: call eval() first",
                      AT(w));
    for (size_t i = 0; !err && i < 4; i++)
        err = floats(w, weight(w, n, i + 1), p + i * out, out, names[i]);
    for (size_t o = 0; !err && o < out; o++) {
        double scale = p[o] / sqrt(p[3 * out + o] + epsilon);
        if (!isfinite(scale))
            err = differs(w, "the variance after " PLACE " is below 0", AT(w));
        c->b[o] = (float)((c->b[o] - (double)p[2 * out + o]) * scale + p[out + o]);
        for (size_t i = 0; i < (size_t)c->in; i++) {
            float *k = c->w + (c->transposed ? i * out + o : o * (size_t)c->in + i) * taps;
            for (size_t t = 0; t < taps; t++)
                k[t] = (float)(k[t] * scale);
        }
    }
    free(p);
    return err;
}

/* The one convolution that reads the value. */
static int find_conv(struct walk *w, const char *value, const struct ac_onnx_node **conv)
{
    const struct ac_onnx_node *other = NULL;
    size_t n = 0;

    *conv = NULL;
    for (size_t i = 0; i < w->g->n_nodes; i++) {
        const struct ac_onnx_node *node = w->g->nodes[i];
        if (is_transparent(node) || !reads(node, value))
            continue;
        if ((is(node, "Conv") || is(node, "ConvTranspose")) && strcmp(node->in[0], value) == 0 &&
            node->n_out == 1) {
            *conv = node;
            n++;
        } else if (!other) {
            other = node;
        }
    }
    if (n > 1)
        return differs(w, "%zu convolutions stand where " PLACE " is expected", n, AT(w));
    if (n == 0)
        return differs(w, "%s stands where " PLACE " is expected", op_name(other), AT(w));
    return 0;
}

/* Walks from *value over a convolution and what belongs to it to the value that it gives. */
static int walk_conv(struct walk *w, struct ac_w2l_conv *c, const char **value)
{
    const struct ac_onnx_node *n, *next;
    const char *input = *value;

    w->nth++;
    int err = find_conv(w, input, &n);
    if (err)
        return err;
    const struct ac_onnx_tensor *t = weight(w, n, 1);
    err = check_conv(w, c, n, t);
    if (!err)
        err = take_weights(w, c, n, t);
    if (!err && readers(w, n->out[0], &next) == 1 && is(next, "BatchNormalization")) {
        n = next;
        err = fold(w, c, n);
    }
    if (!err && c->residual) {
        err = expect(w, n->out[0], "Add", "Add, of its input,", &next);
        if (!err && (next->n_in != 2 || !reads(next, input)))
            err = differs(w, "what is added after " PLACE " is not its input", AT(w));
        n = err ? n : next;
    }
    if (!err && c->relu) {
        err = expect(w, n->out[0], "Relu", "Relu", &next);
        n = err ? n : next;
    }
    *value = n->out[0];
    return err;
}

static int walk_block(struct walk *w, struct ac_w2l_block *b, const char **value)
{
    int err = 0;

    for (int i = 0; !err && i < b->n; i++)
        err = walk_conv(w, &b->conv[i], value);
    return err;
}

static void begin(struct walk *w, const char *part)
{
    w->part = part;
    w->nth = 0;
}

/* ---- the whole ---- */

static bool fits(int64_t has, int64_t want)
{
    return has == want || has == AC_ONNX_ANY;
}

/* How many planes an input has: as its shape says, else as the convolution that reads it takes. */
static int64_t planes(struct walk *w, const struct ac_onnx_value *v)
{
    const struct ac_onnx_node *conv;

    if (v->has_shape && v->dims[1] != AC_ONNX_ANY)
        return v->dims[1];
    const struct ac_onnx_tensor *t = find_conv(w, v->name, &conv) == 0 ? weight(w, conv, 1) : NULL;
    return t && t->rank == 4 ? t->dims[1] : 0;
}

static size_t count_transposed(const struct ac_onnx *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->n_nodes; i++)
        n += is(g->nodes[i], "ConvTranspose");
    return n;
}

/* The face's side, as the input's shape says, or where it leaves that open, as the number of levels does. */
static int face_side(struct walk *w, const struct ac_onnx_value *v, int *side)
{
    int64_t h = v->has_shape ? v->dims[2] : AC_ONNX_ANY, x = v->has_shape ? v->dims[3] : AC_ONNX_ANY;

    if (h == AC_ONNX_ANY)
        h = x;
    if (h == AC_ONNX_ANY)
        h = count_transposed(w->g) == 7 ? 256 : 96;
    if (!fits(x, h) || (h != 96 && h != 256))
        return differs(
            w, "it is for faces of %lld by %lld pixels, and those of 96 by 96 and 256 by 256 are known",
            (long long)h, (long long)(x == AC_ONNX_ANY ? h : x));
    *side = (int)h;
    return 0;
}

static int find_inputs(struct walk *w, const char **mel, const char **face, int *side)
{
    const struct ac_onnx *g = w->g;
    int err = 0;

    begin(w, "network");
    *mel = *face = "";
    for (size_t i = 0; !err && i < g->n_in; i++) {
        const struct ac_onnx_value *v = g->in[i];
        if (v->has_shape && v->rank == 5)
            return differs(w,
                           "its input '%.40s' has five dimensions, as for training: export it with inputs of "
                           "1×1×80×16 and 1×6×96×96",
                           v->name);
        int64_t n = !v->has_shape || v->rank == 4 ? planes(w, v) : 0;
        if (n == 1 && (!v->has_shape || (fits(v->dims[2], 80) && fits(v->dims[3], 16))) && !**mel) {
            *mel = v->name;
        } else if (n == 6 && !**face) {
            *face = v->name;
            err = face_side(w, v, side);
        } else {
            return differs(w,
                           "its input '%.40s' is neither a mel spectrogram (1×80×16) nor a face (6×96×96 or "
                           "6×256×256)",
                           v->name);
        }
    }
    if (!err && (!**mel || !**face))
        err = differs(w, "it has no input for %s",
                      **mel ? "a face (6×96×96 or 6×256×256)" : "a mel spectrogram (1×80×16)");
    return err;
}

/* The decoder's value with a map of the encoder appended. */
static int join(struct walk *w, const char **value, const char *map)
{
    const struct ac_onnx_node *n;

    int err = expect(w, *value, "Concat", "Concat", &n);
    if (err)
        return err;
    int64_t axis = ac_onnx_attr_int_or(n, "axis", 0);
    if (n->n_in != 2 || strcmp(n->in[0], *value) != 0 || strcmp(n->in[1], map) != 0 ||
        (axis != 1 && axis != -3))
        return differs(w, "what " PLACE " gives is not followed by the encoder's map of its size", AT(w));
    *value = n->out[0];
    return 0;
}

static int walk_end(struct walk *w, const char *value)
{
    const struct ac_onnx_node *n;

    int err = expect(w, value, "Sigmoid", "Sigmoid", &n);
    if (err)
        return err;
    for (size_t i = 0; i < w->g->n_out; i++) {
        if (strcmp(root(w->g, w->g->out[i]->name), n->out[0]) == 0)
            return 0;
    }
    readers(w, n->out[0], &n);
    return differs(w, "%s follows its last Sigmoid, which is expected to give the picture", op_name(n));
}

static int walk_all(struct walk *w)
{
    const char *mel, *face, *maps[AC_W2L_MAX_BLOCKS];
    int side = 0, err = find_inputs(w, &mel, &face, &side);

    if (err)
        return err;
    ac_w2l_topology(w->w, side);
    begin(w, "face encoder");
    for (int i = 0; !err && i < w->w->n_face; i++) {
        err = walk_block(w, &w->w->face[i], &face);
        maps[i] = face;
    }
    begin(w, "audio encoder");
    if (!err)
        err = walk_block(w, &w->w->audio, &mel);
    begin(w, "face decoder");
    for (int i = 0; !err && i < w->w->n_decoder; i++) {
        err = walk_block(w, &w->w->decoder[i], &mel);
        if (!err)
            err = join(w, &mel, maps[w->w->n_face - 1 - i]);
    }
    begin(w, "output block");
    if (!err)
        err = walk_block(w, &w->w->output, &mel);
    return err ? err : walk_end(w, mel);
}

static void free_block(struct ac_w2l_block *b)
{
    for (int i = 0; i < b->n; i++) {
        free(b->conv[i].w);
        free(b->conv[i].b);
    }
}

void ac_w2l_weights_free(struct ac_w2l_weights *w)
{
    if (!w)
        return;
    for (int i = 0; i < AC_W2L_MAX_BLOCKS; i++) {
        free_block(&w->face[i]);
        free_block(&w->decoder[i]);
    }
    free_block(&w->audio);
    free_block(&w->output);
    free(w);
}

int ac_w2l_weights_take(struct ac_w2l_weights **out, struct ac_onnx *g, char *why, size_t why_size)
{
    struct walk walk = {.g = g, .w = ac_zalloc(sizeof *walk.w)};
    int err;

    *out = NULL;
    if (g->n_nodes > MAX_NODES || g->n_inits > MAX_NODES) {
        err = differs(&walk, "it has %zu nodes, far too many", g->n_nodes);
    } else {
        bypass(g);
        err = walk_all(&walk);
    }
    if (err) {
        snprintf(why, why_size, "%s", walk.why);
        ac_w2l_weights_free(walk.w);
        return err;
    }
    *out = walk.w;
    return 0;
}

int ac_w2l_weights_load(struct ac_w2l_weights **out, const char *path, const char *remedy, struct ac_env *env)
{
    char why[WHY_SIZE], *found;
    struct ac_onnx *g;

    *out = NULL;
    int err = ac_onnx_read(&g, path, remedy, env);
    if (err)
        return err;
    err = ac_w2l_weights_take(out, g, why, sizeof why);
    ac_onnx_free(g);
    if (err)
        return ac_env_fail(env, err, "'%s' is no Wav2Lip generator: %s; %s", path, why, remedy);
    found = ac_env_path(env, path);
    if (!found || ac_sha256_file(found, (*out)->sha256) != 0) {
        err = ac_env_fail(env, AC_EMODEL, "the model '%s' cannot be read; %s", path, remedy);
        ac_w2l_weights_free(*out);
        *out = NULL;
    }
    free(found);
    return err;
}
