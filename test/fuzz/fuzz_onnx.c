/*
 * ONNX files: any bytes are read or refused with a word; what is read can be walked to its end, and what is
 * made of it stays near the size of the file.
 */
#include "fuzz.h"

#include <string.h>

#include "base/mem.h"
#include "infer/onnx_graph.h"

static uint64_t sum; /* so that reading every byte is not left out */

static void walk_tensor(const struct ac_onnx_tensor *t)
{
    size_t bytes = t->n * ac_onnx_type_size(t->type);

    fuzz_check(t->rank <= AC_ONNX_MAX_RANK && (t->data || bytes == 0));
    sum += strlen(t->name);
    for (size_t i = 0; i < bytes; i++)
        sum += ((const uint8_t *)t->data)[i];
    if (t->type == AC_ONNX_F32 || t->type == AC_ONNX_F16) {
        float *f = ac_alloc(t->n * sizeof *f);
        fuzz_check(ac_onnx_floats(t, f, t->n) == 0);
        free(f);
    }
}

static void walk_node(const struct ac_onnx_node *n)
{
    sum += strlen(n->op) + strlen(n->name) + strlen(n->domain);
    for (size_t i = 0; i < n->n_in; i++)
        sum += strlen(n->in[i]);
    for (size_t i = 0; i < n->n_out; i++)
        sum += strlen(n->out[i]);
    for (size_t i = 0; i < n->n_attrs; i++) {
        const struct ac_onnx_attr *a = &n->attrs[i];
        sum += strlen(a->name) + strlen(a->s);
        for (size_t k = 0; a->kind == AC_ONNX_ATTR_INTS && k < a->n; k++)
            sum += (uint64_t)a->ints[k];
        for (size_t k = 0; a->kind == AC_ONNX_ATTR_FLOATS && k < a->n; k++)
            sum += a->floats[k] > 0;
        if (a->kind == AC_ONNX_ATTR_TENSOR)
            walk_tensor(a->t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[160] = "", *copy = ac_alloc(size);
    struct ac_onnx *g;

    if (size)
        memcpy(copy, data, size);
    int err = ac_onnx_parse(&g, copy, size, why, sizeof why);
    fuzz_check(err == 0 ? g && !why[0] : err == AC_EMODEL && !g && why[0]);
    if (err)
        return 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        walk_node(g->nodes[i]);
    for (size_t i = 0; i < g->n_inits; i++)
        walk_tensor(g->inits[i]);
    for (size_t i = 0; i < g->n_in + g->n_out; i++) {
        const struct ac_onnx_value *v = i < g->n_in ? g->in[i] : g->out[i - g->n_in];
        fuzz_check(v->rank <= AC_ONNX_MAX_RANK);
        sum += strlen(v->name);
    }
    for (size_t i = 0; i < g->n_meta; i++)
        sum += strlen(g->meta[i].key) + strlen(g->meta[i].value);
    ac_onnx_free(g);
    return 0;
}
