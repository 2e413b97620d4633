/*
 * A first look at a model file, before ONNX Runtime reads it: an HTML page, a pointer of a large-file store
 * or half a download gives "invalid protobuf" there, and a sentence that helps here.
 *
 * An ONNX file is one protobuf message, ModelProto: a row of fields, each a varint key (number << 3 | wire
 * type) and a varint or a counted block. Only this row is walked; the graph (field 7) is one block of it.
 */
#include "infer/private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BLOCK = 2, FIELD_GRAPH = 7 };

/* The numbers of ModelProto's fields (onnx.proto). */
static bool is_field(uint64_t number)
{
    return (number >= 1 && number <= 8) || number == 14 || number == 20 || number == 25 || number == 26;
}

/* False at the end of the file or where it is no varint. */
static bool read_varint(FILE *f, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        int c = getc(f);
        if (c == EOF)
            return false;
        *value |= (uint64_t)(c & 0x7F) << shift;
        if (!(c & 0x80))
            return true;
    }
    return false;
}

/*
 * What people have beside ONNX files under the same name. torch.save makes a ZIP archive whose first entry is
 * …/data.pkl, and made a pickle that begins with a number of its own before; NULL for anything else.
 */
static const char *other_format(FILE *f)
{
    char head[64] = "";
    size_t n = fread(head, 1, sizeof head - 1, f);
    bool zip = n > 4 && memcmp(head, "PK\3\4", 4) == 0;

    rewind(f);
    if ((zip && memmem(head, n, "/data.pkl", 9)) || (n > 4 && memcmp(head, "\x80\2\x8a\n", 4) == 0))
        return "is a PyTorch checkpoint: export it to ONNX first";
    return zip ? "is a ZIP archive: unpack it first" : NULL;
}

static const char *walk(FILE *f, int64_t size, char *text, size_t text_size)
{
    bool graph = false;
    uint64_t key, value;

    if (size == 0)
        return "is empty";
    const char *other = other_format(f);
    if (other)
        return other;
    while (ftello(f) < size) {
        if (!read_varint(f, &key) || !is_field(key >> 3) ||
            ((key & 7) != WIRE_VARINT && (key & 7) != WIRE_BLOCK))
            return graph ? "is damaged" : "is not an ONNX model";
        if (!read_varint(f, &value))
            return graph ? "is cut short" : "is not an ONNX model";
        if ((key & 7) == WIRE_VARINT)
            continue;
        int64_t left = size - ftello(f);
        if (value > (uint64_t)left) {
            snprintf(text, text_size, "is cut short: it has %lld bytes of at least %llu", (long long)size,
                     (unsigned long long)(size - left) + (unsigned long long)value);
            return key >> 3 == FIELD_GRAPH || graph ? text : "is not an ONNX model";
        }
        graph = graph || key >> 3 == FIELD_GRAPH;
        if (fseeko(f, (off_t)value, SEEK_CUR) != 0)
            return "cannot be read";
    }
    return graph ? NULL : "is not an ONNX model, or it is cut short: it has no graph";
}

const char *ac_onnx_file_fault(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "rbe");
    const char *fault;

    if (!f || fseeko(f, 0, SEEK_END) != 0) {
        snprintf(text, size, "cannot be read: %s", strerror(errno));
        fault = text;
    } else {
        int64_t length = ftello(f);
        rewind(f);
        fault = length < 0 || length > (INT64_MAX >> 1) ? "is not a file" : walk(f, length, text, size);
    }
    if (f)
        fclose(f);
    return fault;
}
