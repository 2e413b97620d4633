/* Each read goes through bytes(), which knows the size of the file. */
#include "face/flat.h"

static const uint8_t *bytes(struct ac_flat *f, size_t at, size_t n)
{
    if (at <= f->size && n <= f->size - at)
        return f->data + at;
    f->broken = true;
    return NULL;
}

uint16_t ac_flat_u16(struct ac_flat *f, size_t at)
{
    const uint8_t *b = bytes(f, at, 2);

    return b ? (uint16_t)(b[0] | b[1] << 8) : 0;
}

uint32_t ac_flat_u32(struct ac_flat *f, size_t at)
{
    const uint8_t *b = bytes(f, at, 4);

    return b ? b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24 : 0;
}

int32_t ac_flat_i32(struct ac_flat *f, size_t at)
{
    return (int32_t)ac_flat_u32(f, at);
}

/* A table begins with the distance, backwards, to its list of fields; the list with its length in bytes. */
static struct ac_flat_table table(struct ac_flat *f, size_t at)
{
    int64_t list = (int64_t)at - ac_flat_i32(f, at);

    if (f->broken || list < 0 || list > (int64_t)f->size) {
        f->broken = true;
        return (struct ac_flat_table){0};
    }
    size_t length = ac_flat_u16(f, (size_t)list);
    if (length < 4 || !bytes(f, (size_t)list, length)) {
        f->broken = true;
        return (struct ac_flat_table){0};
    }
    return (struct ac_flat_table){.at = at, .fields = (size_t)list + 4, .n_fields = (length - 4) / 2};
}

struct ac_flat_table ac_flat_root(struct ac_flat *f)
{
    return table(f, ac_flat_u32(f, 0));
}

/* Where the field's value is, 0: absent. */
static size_t field_at(struct ac_flat *f, const struct ac_flat_table *t, int field)
{
    if ((size_t)field >= t->n_fields)
        return 0;
    size_t offset = ac_flat_u16(f, t->fields + 2 * (size_t)field);
    return offset ? t->at + offset : 0;
}

uint8_t ac_flat_get_u8(struct ac_flat *f, const struct ac_flat_table *t, int field, uint8_t absent)
{
    size_t at = field_at(f, t, field);
    const uint8_t *b = at ? bytes(f, at, 1) : NULL;

    return b ? *b : absent;
}

int32_t ac_flat_get_i32(struct ac_flat *f, const struct ac_flat_table *t, int field, int32_t absent)
{
    size_t at = field_at(f, t, field);

    return at ? ac_flat_i32(f, at) : absent;
}

struct ac_flat_table ac_flat_get_table(struct ac_flat *f, const struct ac_flat_table *t, int field)
{
    size_t at = field_at(f, t, field);

    return at ? table(f, at + ac_flat_u32(f, at)) : (struct ac_flat_table){0};
}

struct ac_flat_vector ac_flat_get_vector(struct ac_flat *f, const struct ac_flat_table *t, int field,
                                         size_t element)
{
    size_t at = field_at(f, t, field);

    if (!at)
        return (struct ac_flat_vector){0};
    at += ac_flat_u32(f, at);
    size_t n = ac_flat_u32(f, at);
    at += 4;
    if (!bytes(f, at, n * element)) /* 32-bit count times a few bytes: fits */
        return (struct ac_flat_vector){0};
    return (struct ac_flat_vector){.at = at, .n = n};
}

struct ac_flat_table ac_flat_table_of(struct ac_flat *f, const struct ac_flat_vector *v, size_t i)
{
    size_t at = v->at + 4 * i;

    return table(f, at + ac_flat_u32(f, at));
}
