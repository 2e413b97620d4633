/* Runs a net: one operator after the other, each from its inputs into a tensor of its own. */
#include "face/tflite_private.h"

#include <stdlib.h>
#include <string.h>

void ac_tflite_close(struct ac_tflite *net)
{
    if (!net)
        return;
    for (size_t i = 0; i < net->n_tensors; i++)
        if (!net->tensors[i].borrowed)
            free(net->tensors[i].t.data);
    for (size_t i = 0; i < net->n_ops; i++)
        free(net->ops[i].weights);
    free(net->tensors);
    free(net->ops);
    free(net->outputs);
    free(net);
}

struct ac_tflite_tensor *ac_tflite_input(struct ac_tflite *net)
{
    return &net->tensors[net->input].t;
}

size_t ac_tflite_outputs(const struct ac_tflite *net)
{
    return net->n_outputs;
}

const struct ac_tflite_tensor *ac_tflite_output(const struct ac_tflite *net, size_t i)
{
    return &net->tensors[net->outputs[i]].t;
}

/* The result is `outer` times: a run of each input. */
static void concatenate(const struct ac_tflite *net, const struct ac_tflite_op *op,
                        const struct ac_tflite_tensor *out)
{
    size_t outer = 1;
    float *to = out->data;

    for (int d = 0; d < op->axis; d++)
        outer *= (size_t)out->dim[d];
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < op->n_in; i++) {
            const struct ac_tflite_tensor *in = &net->tensors[op->in[i]].t;
            size_t run = in->n / outer;
            memcpy(to, in->data + o * run, run * sizeof *to);
            to += run;
        }
}

static void run_op(const struct ac_tflite *net, const struct ac_tflite_op *op)
{
    const struct ac_tflite_tensor *a = &net->tensors[op->in[0]].t, *out = &net->tensors[op->out].t;
    const struct ac_tflite_tensor *b = op->n_in > 1 ? &net->tensors[op->in[1]].t : NULL;

    switch (op->code) {
    case AC_TFLITE_CONV_2D:
        ac_tflite_conv(&op->window, a->data, op->weights, net->tensors[op->in[2]].t.data, out->data);
        break;
    case AC_TFLITE_DEPTHWISE_CONV_2D:
        ac_tflite_depthwise(&op->window, a->data, op->weights, net->tensors[op->in[2]].t.data, out->data);
        break;
    case AC_TFLITE_MAX_POOL_2D:
        ac_tflite_max_pool(&op->window, a->data, out->data);
        break;
    case AC_TFLITE_ADD:
        ac_tflite_add(a->data, b->data, out->n, out->data);
        break;
    case AC_TFLITE_PRELU:
        ac_tflite_prelu(a->data, b->data, out->n, b->n, out->data);
        break;
    case AC_TFLITE_PAD:
        ac_tflite_pad(a->data, a->dim, op->before, op->after, out->data);
        break;
    case AC_TFLITE_CONCATENATION:
        concatenate(net, op, out);
        break;
    default: /* RELU: bounds; RESHAPE: the same values */
        memcpy(out->data, a->data, out->n * sizeof *out->data);
    }
    if (op->bounded)
        ac_tflite_clip(out->data, out->n, op->low, op->high);
}

void ac_tflite_run(struct ac_tflite *net)
{
    for (size_t i = 0; i < net->n_ops; i++)
        if (net->ops[i].code != AC_TFLITE_DEQUANTIZE)
            run_op(net, &net->ops[i]);
}
