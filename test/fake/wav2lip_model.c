/* Writing Wav2Lip generators with random weights (wav2lip_model.h). */
#include "fake/wav2lip_model.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CONVS = 8, MAX_BLOCKS = 8 };

/*
 * Convolutions: kind, inputs, outputs, kernel, stride down and along, padding. C changes the size, R keeps
 * it and adds its input, T is transposed (with an output padding of 1 where its stride is 2), P has no ReLU.
 */
struct layer {
    char kind;
    int in, out, kernel, down, along, pad;
};

struct part {
    struct layer layers[MAX_CONVS];
};

#define R(c)                                                                                                 \
    {                                                                                                        \
        'R', c, c, 3, 1, 1, 1                                                                                \
    }

static const struct layer audio[] = {{'C', 1, 32, 3, 1, 1, 1},    R(32),  R(32),
                                     {'C', 32, 64, 3, 3, 1, 1},   R(64),  R(64),
                                     {'C', 64, 128, 3, 3, 3, 1},  R(128), R(128),
                                     {'C', 128, 256, 3, 3, 2, 1}, R(256), {'C', 256, 512, 3, 1, 1, 0},
                                     {'C', 512, 512, 1, 1, 1, 0}, {0}};

static const struct part face96[] = {{{{'C', 6, 16, 7, 1, 1, 3}}},
                                     {{{'C', 16, 32, 3, 2, 2, 1}, R(32), R(32)}},
                                     {{{'C', 32, 64, 3, 2, 2, 1}, R(64), R(64), R(64)}},
                                     {{{'C', 64, 128, 3, 2, 2, 1}, R(128), R(128)}},
                                     {{{'C', 128, 256, 3, 2, 2, 1}, R(256), R(256)}},
                                     {{{'C', 256, 512, 3, 2, 2, 1}, R(512)}},
                                     {{{'C', 512, 512, 3, 1, 1, 0}, {'C', 512, 512, 1, 1, 1, 0}}}};

static const struct part face256[] = {{{{'C', 6, 16, 7, 1, 1, 3}}},
                                      {{{'C', 16, 32, 3, 2, 2, 1}, R(32), R(32)}},
                                      {{{'C', 32, 64, 3, 2, 2, 1}, R(64), R(64), R(64)}},
                                      {{{'C', 64, 128, 3, 2, 2, 1}, R(128), R(128)}},
                                      {{{'C', 128, 256, 3, 2, 2, 1}, R(256), R(256)}},
                                      {{{'C', 256, 512, 3, 2, 2, 1}, R(512)}},
                                      {{{'C', 512, 512, 3, 2, 2, 1}, R(512)}},
                                      {{{'C', 512, 512, 4, 1, 1, 0}, {'C', 512, 512, 1, 1, 1, 0}}}};

static const struct part decoder96[] = {{{{'C', 512, 512, 1, 1, 1, 0}}},
                                        {{{'T', 1024, 512, 3, 1, 1, 0}, R(512)}},
                                        {{{'T', 1024, 512, 3, 2, 2, 1}, R(512), R(512)}},
                                        {{{'T', 768, 384, 3, 2, 2, 1}, R(384), R(384)}},
                                        {{{'T', 512, 256, 3, 2, 2, 1}, R(256), R(256)}},
                                        {{{'T', 320, 128, 3, 2, 2, 1}, R(128), R(128)}},
                                        {{{'T', 160, 64, 3, 2, 2, 1}, R(64), R(64)}}};

static const struct part decoder256[] = {{{{'C', 512, 512, 1, 1, 1, 0}}},
                                         {{{'T', 1024, 512, 4, 1, 1, 0}, R(512)}},
                                         {{{'T', 1024, 512, 3, 2, 2, 1}, R(512)}},
                                         {{{'T', 1024, 512, 3, 2, 2, 1}, R(512), R(512)}},
                                         {{{'T', 768, 384, 3, 2, 2, 1}, R(384), R(384)}},
                                         {{{'T', 512, 256, 3, 2, 2, 1}, R(256), R(256)}},
                                         {{{'T', 320, 128, 3, 2, 2, 1}, R(128), R(128)}},
                                         {{{'T', 160, 64, 3, 2, 2, 1}, R(64), R(64)}}};

static const struct layer output[] = {{'C', 80, 32, 3, 1, 1, 1}, {'P', 32, 3, 1, 1, 1, 0}, {0}};

/* ---- weights ---- */

static const float zeros[1024 * 512 * 4 * 4]; /* what WAV2LIP_EMPTY shares: the most weights there are */

struct maker {
    struct ac_onnx *g;
    unsigned form;
    uint32_t random, norm_random; /* two rows: a form that has no normalisation gets the same weights */
    int count;                    /* of nodes, for their names */
    struct layer layer;           /* the one being made */
};

/* Marsaglia, "Xorshift RNGs", 2003: evenly from -1 to 1. */
static float even(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return (float)(int32_t)*x / 2147483648.0f;
}

static void fill(uint32_t *random, float *out, size_t n, float middle, float reach)
{
    for (size_t i = 0; i < n; i++)
        out[i] = middle + reach * even(random);
}

static uint16_t to_half(float f)
{
    uint32_t bits, sign;

    memcpy(&bits, &f, sizeof bits);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7FFFFFFF;
    if (bits < 0x38800000) /* below the normal halves: a multiple of 2^-24 */
        return (uint16_t)(sign | (uint32_t)(fabsf(f) * 16777216.0f + 0.5f));
    return (uint16_t)(sign | ((bits - 0x38000000 + 0x0FFF + (bits >> 13 & 1)) >> 13));
}

static const char *next_name(struct maker *m, const char *op)
{
    return ac_onnx_name(m->g, "/%s_%d_output_0", op, ++m->count);
}

/* An array in the form that is asked for; gives the name to read it by. Takes data over. */
static const char *array(struct maker *m, const char *what, float *data, size_t rank, const int64_t *dims)
{
    const char *name = ac_onnx_name(m->g, "layer.%d.%s", m->count, what), *to;
    struct ac_onnx_tensor t = {.name = "", .type = AC_ONNX_F32, .rank = rank, .n = 1, .data = data};
    uint16_t *halves = NULL;

    for (size_t i = 0; i < rank; i++) {
        t.dims[i] = dims[i];
        t.n *= (size_t)dims[i];
    }
    if (m->form & WAV2LIP_EMPTY)
        return ac_onnx_init_borrowed(m->g, name, AC_ONNX_F32, zeros, rank, dims);
    if (m->form & WAV2LIP_HALF) {
        halves = ac_alloc(t.n * sizeof *halves);
        for (size_t i = 0; i < t.n; i++)
            halves[i] = to_half(data[i]);
        t.type = AC_ONNX_F16;
        t.data = halves;
    }
    if (m->form & WAV2LIP_CONSTANTS)
        ac_onnx_attr_tensor(ac_onnx_node(m->g, "Constant", name, NULL), "value", &t);
    else
        ac_onnx_init(m->g, name, t.type, t.data, rank, dims);
    free(halves);
    free(data);
    if (m->form & WAV2LIP_HALF) {
        to = next_name(m, "Cast");
        ac_onnx_attr_int(ac_onnx_node(m->g, "Cast", to, name, NULL), "to", AC_ONNX_F32);
        name = to;
    }
    if (m->form & WAV2LIP_IDENTITIES && rank == 1) {
        to = next_name(m, "Identity");
        ac_onnx_node(m->g, "Identity", to, name, NULL);
        name = to;
    }
    return name;
}

/*
 * How far a layer's weights reach: He's rule, with gains that keep the picture in the middle of the Sigmoid,
 * and large on the way up so that the mel, which enters at its start, shows beside the face.
 */
static float reach(const struct layer *l)
{
    float fan = (float)(l->in * l->kernel * l->kernel), gain = 0.95f;

    if (l->kind == 'T') {
        fan /= (float)(l->down * l->along);
        gain = 1.2f;
    } else if (l->kind == 'R') {
        gain = 0.3f;
    } else if (l->kind == 'P') {
        gain = 0.4f;
    }
    return gain * sqrtf(3 * 2 / fan); /* evenly spread: √3 times the deviation */
}

/* Weights and bias as they are after folding. */
static void make_weights(struct maker *m, float **w, float **b)
{
    const struct layer *l = &m->layer;
    size_t n = (size_t)l->in * (size_t)l->out * (size_t)l->kernel * (size_t)l->kernel;

    *w = *b = NULL;
    if (m->form & WAV2LIP_EMPTY)
        return;
    *w = ac_alloc(n * sizeof **w);
    *b = ac_alloc((size_t)l->out * sizeof **b);
    fill(&m->random, *w, n, 0, reach(l));
    fill(&m->random, *b, (size_t)l->out, 0, 0.1f);
}

/*
 * Normalisation by random numbers after a convolution whose weights are changed so that both together
 * compute what the folded one would.
 */
static const char *normalise(struct maker *m, const char *value, float *norm[4])
{
    const char *to, *names[4];
    static const char *const what[] = {"gamma", "beta", "mean", "variance"};

    for (size_t i = 0; i < 4; i++)
        names[i] = array(m, what[i], norm[i], 1, (int64_t[]){m->layer.out});
    to = next_name(m, "BatchNormalization");
    struct ac_onnx_node *n =
        ac_onnx_node(m->g, "BatchNormalization", to, value, names[0], names[1], names[2], names[3], NULL);
    ac_onnx_attr_float(n, "epsilon", 1e-5f);
    ac_onnx_attr_float(n, "momentum", 0.9f);
    return to;
}

/* Unfolds w and b: fills the four rows of a normalisation that undoes the change. */
static void unfold(struct maker *m, float *w, float *b, float *norm[4])
{
    size_t out = (size_t)m->layer.out, in = (size_t)m->layer.in;
    size_t taps = (size_t)m->layer.kernel * (size_t)m->layer.kernel;

    for (size_t i = 0; i < 4; i++)
        norm[i] = m->form & WAV2LIP_EMPTY ? NULL : ac_alloc(out * sizeof(float));
    if (m->form & WAV2LIP_EMPTY)
        return;
    fill(&m->norm_random, norm[0], out, 1, 0.3f);
    fill(&m->norm_random, norm[2], out, 0, 0.3f);
    fill(&m->norm_random, norm[3], out, 1.2f, 0.8f);
    for (size_t o = 0; o < out; o++) {
        double scale = norm[0][o] / sqrt(norm[3][o] + 1e-5);
        for (size_t i = 0; i < in; i++) {
            float *k = w + (m->layer.kind == 'T' ? i * out + o : o * in + i) * taps;
            for (size_t t = 0; t < taps; t++)
                k[t] = (float)(k[t] / scale);
        }
        float bias = 0.2f * even(&m->norm_random);
        norm[1][o] = (float)(b[o] - ((double)bias - norm[2][o]) * scale);
        b[o] = bias;
    }
}

/* ---- nodes ---- */

static const char *make_conv(struct maker *m, const struct layer *l, const char *input)
{
    const char *op = l->kind == 'T' ? "ConvTranspose" : "Conv", *value, *to;
    int64_t k = l->kernel, p = l->pad, first = l->kind == 'T' ? l->in : l->out,
            second = l->kind == 'T' ? l->out : l->in;
    bool norm = l->kind != 'P' && (m->form & WAV2LIP_BN || (m->form & WAV2LIP_TORCH && l->kind == 'T'));
    float *w, *b, *rows[4];

    m->layer = *l;
    make_weights(m, &w, &b);
    if (norm)
        unfold(m, w, b, rows);
    const char *weight = array(m, "weight", w, 4, (int64_t[]){first, second, k, k});
    const char *bias = array(m, "bias", b, 1, (int64_t[]){l->out});
    value = next_name(m, op);
    struct ac_onnx_node *n = ac_onnx_node(m->g, op, value, input, weight, bias, NULL);
    AC_ONNX_ATTR_INTS(n, "dilations", 1, 1);
    ac_onnx_attr_int(n, "group", 1);
    AC_ONNX_ATTR_INTS(n, "kernel_shape", k, k);
    if (l->kind == 'T' && l->down == 2)
        AC_ONNX_ATTR_INTS(n, "output_padding", 1, 1);
    AC_ONNX_ATTR_INTS(n, "pads", p, p, p, p);
    AC_ONNX_ATTR_INTS(n, "strides", l->down, l->along);
    if (norm)
        value = normalise(m, value, rows);
    if (l->kind == 'R') {
        to = next_name(m, "Add");
        ac_onnx_node(m->g, "Add", to, value, input, NULL);
        value = to;
    }
    if (l->kind == 'P')
        return value;
    to = next_name(m, "Relu");
    ac_onnx_node(m->g, "Relu", to, value, NULL);
    return to;
}

static const char *make_block(struct maker *m, const struct layer *layers, size_t max, const char *value)
{
    for (size_t i = 0; i < max && layers[i].kind; i++)
        value = make_conv(m, &layers[i], value);
    return value;
}

static void make_ends(struct maker *m, int side, const char *mel, const char *face, const char *picture)
{
    int64_t batch = m->form & WAV2LIP_FIXED ? 1 : AC_ONNX_ANY;

    for (int i = 0; i < 2; i++) {
        if ((i == 0) == !(m->form & WAV2LIP_SWAPPED))
            ac_onnx_input(m->g, mel, AC_ONNX_F32, 4, (int64_t[]){batch, 1, 80, 16});
        else
            ac_onnx_input(m->g, face, AC_ONNX_F32, 4, (int64_t[]){batch, 6, side, side});
    }
    ac_onnx_output(m->g, picture, AC_ONNX_F32, 4, (int64_t[]){batch, 3, side, side});
}

struct ac_onnx *wav2lip_model(int side, unsigned form, uint32_t seed)
{
    struct ac_onnx *g = ac_onnx_new("main_graph", 13);
    struct maker m = {
        .g = g, .form = form, .random = seed * 2654435761U + 1, .norm_random = seed * 40503U + 7};
    bool swapped = form & WAV2LIP_SWAPPED;
    const char *mel = swapped ? "onnx::Conv_0" : "mel_spectrogram",
               *face = swapped ? "input.1" : "video_frames";
    const char *picture = swapped ? "431" : "predicted_frames", *maps[MAX_BLOCKS], *value;
    const struct part *encoder = side == 256 ? face256 : face96,
                      *decoder = side == 256 ? decoder256 : decoder96;
    size_t n = side == 256 ? 8 : 7;

    make_ends(&m, side, mel, face, picture);
    for (size_t i = 0; i < n; i++)
        maps[i] = make_block(&m, encoder[i].layers, MAX_CONVS, i ? maps[i - 1] : face);
    value = make_block(&m, audio, sizeof audio / sizeof *audio, mel);
    for (size_t i = 0; i < n; i++) {
        const char *to;
        value = make_block(&m, decoder[i].layers, MAX_CONVS, value);
        to = next_name(&m, "Concat");
        ac_onnx_attr_int(ac_onnx_node(g, "Concat", to, value, maps[n - 1 - i], NULL), "axis", 1);
        value = to;
    }
    value = make_block(&m, output, sizeof output / sizeof *output, value);
    ac_onnx_node(g, "Sigmoid", picture, value, NULL);
    return g;
}

int wav2lip_model_write(const char *path, int side, unsigned form, uint32_t seed, struct ac_env *env)
{
    struct ac_onnx *g = wav2lip_model(side, form, seed);
    int err = ac_onnx_write(g, path, env);

    ac_onnx_free(g);
    return err;
}
