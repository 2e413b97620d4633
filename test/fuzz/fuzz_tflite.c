/*
 * Any bytes as a .tflite file: they are a net that runs within its limits and gives what its tensors promise,
 * or are refused with a reason.
 */
#include "fuzz.h"

#include "avatarchat/err.h"
#include "face/tflite.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ac_tflite_limits limits = {.bytes = 1 << 20, .steps = 1000000};
    char reason[AC_TFLITE_REASON];
    struct ac_tflite *net;
    int err = ac_tflite_open(&net, data, size, &limits, reason);

    if (err) {
        fuzz_check(!net && reason[0] && (err == AC_EMODEL || err == AC_ELIMIT));
        return 0;
    }
    struct ac_tflite_tensor *in = ac_tflite_input(net);
    for (size_t i = 0; i < in->n; i++)
        in->data[i] = (float)(i % 7) - 3;
    ac_tflite_run(net);
    for (size_t o = 0; o < ac_tflite_outputs(net); o++) {
        const struct ac_tflite_tensor *out = ac_tflite_output(net, o);
        float *copy = malloc(out->n * sizeof *copy); /* every value is there, says AddressSanitizer */
        memcpy(copy, out->data, out->n * sizeof *copy);
        free(copy);
    }
    ac_tflite_close(net);
    return 0;
}
