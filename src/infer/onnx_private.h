/* What the files onnx_*.c share: a graph's memory, its lists, protobuf's wire format and ONNX's numbers. */
#ifndef AC_INFER_ONNX_PRIVATE_H
#define AC_INFER_ONNX_PRIVATE_H

#include "infer/onnx_graph.h"

/* Protobuf's wire types. */
enum { AC_PB_VARINT = 0, AC_PB_FIXED64 = 1, AC_PB_BLOCK = 2, AC_PB_FIXED32 = 5 };

/* Field numbers, by message (onnx.proto3). */
enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_META = 14,
    OPSET_DOMAIN = 1,
    OPSET_VERSION = 2,
    META_KEY = 1,
    META_VALUE = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INIT = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_IN = 1,
    NODE_OUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTR = 5,
    NODE_DOMAIN = 7,
    ATTR_NAME = 1,
    ATTR_F = 2,
    ATTR_I = 3,
    ATTR_S = 4,
    ATTR_T = 5,
    ATTR_FLOATS = 7,
    ATTR_INTS = 8,
    ATTR_TYPE = 20,
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S = 5,
    TENSOR_INT64S = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_TENSOR_ELEMENT = 1,
    TYPE_TENSOR_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_PARAM = 2,
};

/* A graph without anything; takes over the file's bytes (malloc'ed, or NULL). */
struct ac_onnx *ac_onnx_empty(char *file);
/* Zeroed memory that lives as long as the graph; aborts when there is none. */
void *ac_onnx_memory(struct ac_onnx *g, size_t size);
/* A copy of n characters, terminated. */
const char *ac_onnx_keep(struct ac_onnx *g, const char *text, size_t n);
/* Room for one more item in a list of n that grew by this function alone (or is NULL with n = 0). */
void *ac_onnx_more(struct ac_onnx *g, void *list, size_t n, size_t item_size);

/* Append what is in the graph's memory already. */
void ac_onnx_add_init(struct ac_onnx *g, struct ac_onnx_tensor *t);
void ac_onnx_add_value(struct ac_onnx *g, bool output, struct ac_onnx_value *v);
void ac_onnx_add_meta(struct ac_onnx *g, const char *key, const char *value);

/* ---- reading ---- */

/* What is left of a message. */
struct ac_pb {
    const uint8_t *p, *end;
};

struct ac_pb_field {
    uint64_t number;
    unsigned wire;
    uint64_t value;     /* varint, fixed */
    struct ac_pb block; /* block */
};

/* 1: a field, 0: the end, -1: rubbish. */
int ac_pb_next(struct ac_pb *c, struct ac_pb_field *f);
bool ac_pb_is_block(const struct ac_pb_field *f, unsigned number);
bool ac_pb_is_int(const struct ac_pb_field *f, unsigned number);
float ac_pb_float(uint64_t bits); /* of a fixed 32-bit field */

/* What goes on while a file is read. */
struct ac_onnx_reading {
    struct ac_onnx *g;
    size_t items, numbers; /* so far */
    char *why;             /* what is wrong, as the end of a sentence */
    size_t why_size;
    bool external;
};

/* Note what is wrong and give AC_EMODEL. */
int ac_onnx_fault(struct ac_onnx_reading *r, const char *what);
int ac_onnx_damaged(struct ac_onnx_reading *r, const char *where);
/* Called in every loop whose turns make something; notes the fault. */
bool ac_onnx_too_many(struct ac_onnx_reading *r);
/* A name; "" where it holds a NUL, which would cut it, or there are too many (the caller's loop tells). */
const char *ac_onnx_text(struct ac_onnx_reading *r, const struct ac_pb_field *f);
/* Puts the whole numbers of all occurrences of a field of a message into a new array. */
int ac_onnx_gather_ints(struct ac_onnx_reading *r, struct ac_pb message, unsigned number, int64_t **ints,
                        size_t *n);
/* The same with floats; one packed block, the rule, is used where it stands, at any address. */
int ac_onnx_gather_floats(struct ac_onnx_reading *r, struct ac_pb message, unsigned number,
                          const void **floats, size_t *n);

#endif
