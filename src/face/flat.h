/*
 * FlatBuffers (https://flatbuffers.dev/internals/), read with care: bytes in little-endian order, tables
 * whose fields are found through offsets. Every offset is checked against the size of the file. What lies
 * outside marks the file as broken and reads as 0, so that a reader can go on and ask once, at the end of a
 * step.
 */
#ifndef AC_FACE_FLAT_H
#define AC_FACE_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ac_flat {
    const uint8_t *data; /* borrowed */
    size_t size;
    bool broken;
};

struct ac_flat_table {
    size_t at, fields, n_fields; /* byte positions in the file; n_fields 0: every field is absent */
};

struct ac_flat_vector {
    size_t at, n; /* of the first element; how many: all inside of the file */
};

uint16_t ac_flat_u16(struct ac_flat *f, size_t at);
uint32_t ac_flat_u32(struct ac_flat *f, size_t at);
int32_t ac_flat_i32(struct ac_flat *f, size_t at);
struct ac_flat_table ac_flat_root(struct ac_flat *f);
/* Fields by their number in the schema; what is absent is the default. */
uint8_t ac_flat_get_u8(struct ac_flat *f, const struct ac_flat_table *t, int field, uint8_t absent);
int32_t ac_flat_get_i32(struct ac_flat *f, const struct ac_flat_table *t, int field, int32_t absent);
struct ac_flat_table ac_flat_get_table(struct ac_flat *f, const struct ac_flat_table *t, int field);
/* element: bytes of one, for vectors of tables (offsets) 4. */
struct ac_flat_vector ac_flat_get_vector(struct ac_flat *f, const struct ac_flat_table *t, int field,
                                         size_t element);
/* Table i of a vector of tables; i is less than v->n. */
struct ac_flat_table ac_flat_table_of(struct ac_flat *f, const struct ac_flat_vector *v, size_t i);

#endif
