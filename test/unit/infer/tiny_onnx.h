/* Writes small ONNX models for the tests: protobuf by hand, the few messages that are needed. */
#ifndef AC_TEST_TINY_ONNX_H
#define AC_TEST_TINY_ONNX_H

#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { TINY_F32 = 1, TINY_I32 = 6, TINY_I64 = 7 }; /* TensorProto.DataType */

static inline void pb_varint(struct ac_str *s, uint64_t v)
{
    do {
        char c = (char)((v & 0x7F) | (v > 0x7F ? 0x80 : 0));
        ac_str_add_n(s, &c, 1);
        v >>= 7;
    } while (v);
}

static inline void pb_int(struct ac_str *s, int field, uint64_t v)
{
    pb_varint(s, (uint64_t)field << 3);
    pb_varint(s, v);
}

static inline void pb_bytes(struct ac_str *s, int field, const char *data, size_t n)
{
    pb_varint(s, (uint64_t)field << 3 | 2);
    pb_varint(s, n);
    ac_str_add_n(s, data, n);
}

static inline void pb_text(struct ac_str *s, int field, const char *text)
{
    pb_bytes(s, field, text, strlen(text));
}

/* Adds the message and frees it. */
static inline void pb_message(struct ac_str *s, int field, struct ac_str *message)
{
    pb_bytes(s, field, message->p ? message->p : "", message->len);
    ac_str_free(message);
}

/* NodeProto; names separated by blanks. attribute (may be NULL): an integer one. */
static inline void tiny_node(struct ac_str *graph, const char *op, const char *in, const char *out,
                             const char *attribute, uint64_t value)
{
    struct ac_str node = {0}, attr = {0};
    char names[128], *save = NULL;

    for (int field = 1; field <= 2; field++) {
        snprintf(names, sizeof names, "%s", field == 1 ? in : out);
        for (char *n = strtok_r(names, " ", &save); n; n = strtok_r(NULL, " ", &save))
            pb_text(&node, field, n);
    }
    pb_text(&node, 4, op);
    if (attribute) {
        pb_text(&attr, 1, attribute);
        pb_int(&attr, 3, value);
        pb_int(&attr, 20, 2); /* INT */
        pb_message(&node, 5, &attr);
    }
    pb_message(graph, 1, &node);
}

/* ValueInfoProto; a dimension below 0 is free. */
static inline void tiny_value(struct ac_str *graph, bool output, const char *name, int type,
                              const int64_t *shape, size_t rank)
{
    struct ac_str value = {0}, type_proto = {0}, tensor = {0}, dims = {0};

    for (size_t i = 0; i < rank; i++) {
        struct ac_str dim = {0};
        if (shape[i] < 0)
            pb_text(&dim, 2, "N");
        else
            pb_int(&dim, 1, (uint64_t)shape[i]);
        pb_message(&dims, 1, &dim);
    }
    pb_int(&tensor, 1, (uint64_t)type);
    pb_message(&tensor, 2, &dims);
    pb_message(&type_proto, 1, &tensor);
    pb_text(&value, 1, name);
    pb_message(&value, 2, &type_proto);
    pb_message(graph, output ? 12 : 11, &value);
}

static inline void tiny_meta(struct ac_str *model, const char *key, const char *value)
{
    struct ac_str entry = {0};

    pb_text(&entry, 1, key);
    pb_text(&entry, 2, value);
    pb_message(model, 14, &entry);
}

/* ModelProto of the graph, which is freed. */
static inline void tiny_model(struct ac_str *model, struct ac_str *graph)
{
    struct ac_str opset = {0};

    pb_text(graph, 2, "tiny");
    pb_int(model, 1, 8); /* ir_version */
    pb_text(model, 2, "avatar-chat tests");
    pb_message(model, 7, graph);
    pb_int(&opset, 2, 13);
    pb_message(model, 8, &opset);
}

#endif
