/* What the files onnx_*.c share: the memory of a graph, its lists, and the numbers of the wire format. */
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

#endif
