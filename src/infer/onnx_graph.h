/*
 * ONNX files as plain C: a graph of nodes, initialisers, inputs and outputs, read from a file, taken apart or
 * put together here, and written to one.
 *
 *     struct ac_onnx *g = ac_onnx_new("mouth", 13);
 *     ac_onnx_input(g, "x", AC_ONNX_F32, 4, (int64_t[]){1, 3, 8, 8});
 *     ac_onnx_init_f32(g, "w", w, 4, (int64_t[]){16, 3, 3, 3});
 *     struct ac_onnx_node *conv = ac_onnx_node(g, "Conv", "y", "x", "w", NULL);
 *     AC_ONNX_ATTR_INTS(conv, "pads", 1, 1, 1, 1);
 *     ac_onnx_output(g, "y", AC_ONNX_F32, 4, (int64_t[]){1, 16, 8, 8});
 *     err = ac_onnx_write(g, "mouth.onnx", env);
 *
 * The wire format is protobuf's. The fifteen messages that matter here take fewer lines to read and write
 * than a schema compiler, its runtime and the code it makes would add, and reading them by hand keeps every
 * size in check: a damaged or hostile file is refused, never crashed on, and nothing larger than a few times
 * the file is allocated. Not read: sub-graphs, functions, sparse tensors, text tensors (all are skipped).
 *
 * Ownership: everything belongs to the graph and lives until ac_onnx_free; names and data handed in are
 * copied, but for ac_onnx_init_borrowed. Threads: one at a time.
 */
#ifndef AC_INFER_ONNX_GRAPH_H
#define AC_INFER_ONNX_GRAPH_H

#include "avatarchat/handler.h"

/* The numbers of TensorProto.DataType. Others may stand in a file: a size of 0 is told of them. */
enum ac_onnx_type {
    AC_ONNX_F32 = 1,
    AC_ONNX_U8 = 2,
    AC_ONNX_S8 = 3,
    AC_ONNX_I32 = 6,
    AC_ONNX_I64 = 7,
    AC_ONNX_F16 = 10,
};

enum { AC_ONNX_MAX_RANK = 8, AC_ONNX_ANY = -1 /* a dimension of any size */ };

/* data: little-endian, dense; read from a file it may stand at any address (memcpy, or ac_onnx_floats). */
struct ac_onnx_tensor {
    const char *name;
    int type; /* enum ac_onnx_type */
    size_t rank;
    int64_t dims[AC_ONNX_MAX_RANK];
    size_t n;         /* elements */
    const void *data; /* NULL: n is 0, or of a type that is not read */
};

enum ac_onnx_attr_kind {
    AC_ONNX_ATTR_OTHER = 0,
    AC_ONNX_ATTR_FLOAT = 1, /* the numbers of AttributeProto.AttributeType */
    AC_ONNX_ATTR_INT = 2,
    AC_ONNX_ATTR_TEXT = 3,
    AC_ONNX_ATTR_TENSOR = 4,
    AC_ONNX_ATTR_FLOATS = 6,
    AC_ONNX_ATTR_INTS = 7,
};

struct ac_onnx_attr {
    const char *name;
    enum ac_onnx_attr_kind kind;
    float f;
    int64_t i;
    const char *s;
    struct ac_onnx_tensor *t;
    size_t n; /* of floats, ints */
    float *floats;
    int64_t *ints;
};

struct ac_onnx_node {
    struct ac_onnx *graph;
    const char *op, *name, *domain; /* name, domain: "" when there is none */
    size_t n_in, n_out, n_attrs;
    const char **in, **out; /* an optional input left out is "" */
    struct ac_onnx_attr *attrs;
};

/* An input or output of the graph. */
struct ac_onnx_value {
    const char *name;
    int type;       /* 0: not told, or no tensor */
    bool has_shape; /* false: rank is 0 and says nothing */
    size_t rank;
    int64_t dims[AC_ONNX_MAX_RANK]; /* AC_ONNX_ANY where free */
};

struct ac_onnx_meta {
    const char *key, *value;
};

struct ac_onnx {
    const char *name;
    int64_t ir_version, opset; /* opset: of the default domain; 0 = not told */
    size_t n_nodes, n_inits, n_in, n_out, n_meta;
    struct ac_onnx_node **nodes; /* in the file's order */
    struct ac_onnx_tensor **inits;
    struct ac_onnx_value **in, **out; /* `in` without those that initialisers give a value to */
    struct ac_onnx_meta *meta;
    void *priv; /* the memory all of it stands in */
};

/* ---- reading ---- */

/*
 * Reads a file of at most 2 GB. AC_EMODEL with "the model 'path' …; remedy" in env: missing, no ONNX, cut
 * short, damaged, weights in a file of their own.
 */
int ac_onnx_read(struct ac_onnx **g, const char *path, const char *remedy, struct ac_env *env);
/*
 * The same from memory: takes data (malloc'ed, n bytes) over, also when it fails. AC_EMODEL with the fault
 * as the end of a sentence ("is damaged: …") in why.
 */
int ac_onnx_parse(struct ac_onnx **g, char *data, size_t n, char *why, size_t why_size);

const struct ac_onnx_tensor *ac_onnx_find_init(const struct ac_onnx *g, const char *name); /* or NULL */
const char *ac_onnx_find_meta(const struct ac_onnx *g, const char *key);                   /* or NULL */
const struct ac_onnx_attr *ac_onnx_find_attr(const struct ac_onnx_node *node, const char *name);
/* The attribute as a whole number or number; def where it is missing or of another kind. */
int64_t ac_onnx_attr_int_or(const struct ac_onnx_node *node, const char *name, int64_t def);
float ac_onnx_attr_float_or(const struct ac_onnx_node *node, const char *name, float def);
/* All elements of an F32 or F16 tensor as floats; AC_EINVAL for another type or where n is not t->n. */
int ac_onnx_floats(const struct ac_onnx_tensor *t, float *out, size_t n);
/* Bytes an element takes, 0 for types that are not read. */
size_t ac_onnx_type_size(int type);

/* ---- making ---- */

/* opset: 13 is the first with scales for each channel (QuantizeLinear's axis). */
struct ac_onnx *ac_onnx_new(const char *name, int opset);
void ac_onnx_free(struct ac_onnx *g); /* NULL is fine */

/* A name made of a format, kept by the graph: ac_onnx_name(g, "d%d.conv%d", i, k). */
const char *ac_onnx_name(struct ac_onnx *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds a node with one output; the inputs' names follow, the last is NULL ("" leaves an optional one out). */
struct ac_onnx_node *ac_onnx_node(struct ac_onnx *g, const char *op, const char *out, ...)
    __attribute__((sentinel));
/* The same with the names in arrays. */
struct ac_onnx_node *ac_onnx_node_n(struct ac_onnx *g, const char *op, size_t n_in, const char *const *in,
                                    size_t n_out, const char *const *out);

void ac_onnx_attr_int(struct ac_onnx_node *node, const char *name, int64_t value);
void ac_onnx_attr_float(struct ac_onnx_node *node, const char *name, float value);
void ac_onnx_attr_text(struct ac_onnx_node *node, const char *name, const char *value);
void ac_onnx_attr_ints(struct ac_onnx_node *node, const char *name, size_t n, const int64_t *values);
/* t: name and data are copied. */
void ac_onnx_attr_tensor(struct ac_onnx_node *node, const char *name, const struct ac_onnx_tensor *t);
#define AC_ONNX_ATTR_INTS(node, name, ...)                                                                   \
    ac_onnx_attr_ints(node, name, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                        \
                      (int64_t[]){__VA_ARGS__})

/*
 * Adds an initialiser (rank 0: a scalar; dims may be NULL then) and gives its name as the graph keeps it.
 * type: one with a size; data: as many elements as dims say, copied.
 */
const char *ac_onnx_init(struct ac_onnx *g, const char *name, int type, const void *data, size_t rank,
                         const int64_t *dims);
/* The same without a copy: data stays the caller's and where it is until the graph is freed. */
const char *ac_onnx_init_borrowed(struct ac_onnx *g, const char *name, int type, const void *data,
                                  size_t rank, const int64_t *dims);
static inline const char *ac_onnx_init_f32(struct ac_onnx *g, const char *name, const float *data,
                                           size_t rank, const int64_t *dims)
{
    return ac_onnx_init(g, name, AC_ONNX_F32, data, rank, dims);
}
/* A row of whole numbers, as Slice, Reshape … take them. */
#define AC_ONNX_INIT_I64(g, name, ...)                                                                       \
    ac_onnx_init(g, name, AC_ONNX_I64, (int64_t[]){__VA_ARGS__}, 1,                                          \
                 (int64_t[]){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)})

void ac_onnx_input(struct ac_onnx *g, const char *name, int type, size_t rank, const int64_t *dims);
void ac_onnx_output(struct ac_onnx *g, const char *name, int type, size_t rank, const int64_t *dims);
void ac_onnx_meta(struct ac_onnx *g, const char *key, const char *value);

/*
 * Writes the file, straight from where the data stands. An existing file is replaced, a failed one removed.
 * AC_EIO (with the reason in env), AC_ELIMIT (a model is at most 2 GB).
 */
int ac_onnx_write(const struct ac_onnx *g, const char *path, struct ac_env *env);

#endif
