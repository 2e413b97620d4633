/*
 * Small networks from .tflite files: reads them and runs them, in floating point, on one thread.
 *
 * A file is a FlatBuffer of schema version 3 (tensorflow/compiler/mlir/lite/schema/schema.fbs). Read are the
 * operators of MediaPipe's face models: ADD, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE (of
 * constant half precision), MAX_POOL_2D, PAD, PRELU, RELU, RESHAPE; anything else is refused by its number.
 * No offset, count or shape of the file is trusted: what is inconsistent, or larger than the limits, is
 * refused, so that running a net that was read cannot fail.
 *
 * Threads: a net is used by one thread at a time.
 */
#ifndef AC_FACE_TFLITE_H
#define AC_FACE_TFLITE_H

#include <stddef.h>
#include <stdint.h>

enum { AC_TFLITE_REASON = 160, AC_TFLITE_RANK = 4 };

struct ac_tflite; /* weights and scratch memory */

struct ac_tflite_limits {
    size_t bytes;   /* of weights and activations together */
    uint64_t steps; /* multiplications, and values touched, in one run */
};

/* Values in order, the last dimension fastest; pictures are height × width × channels. */
struct ac_tflite_tensor {
    int rank, dim[AC_TFLITE_RANK];
    size_t n; /* product of dim */
    float *data;
};

/*
 * Reads a net of one input; the file is not needed afterwards. AC_EMODEL (reason says what is wrong, as the
 * rest of a sentence), AC_ELIMIT (a limit, in reason), AC_ENOMEM.
 */
int ac_tflite_open(struct ac_tflite **net, const void *file, size_t size,
                   const struct ac_tflite_limits *limits, char reason[AC_TFLITE_REASON]);
void ac_tflite_close(struct ac_tflite *net); /* NULL is fine */
/* Written before a run. The net owns it. */
struct ac_tflite_tensor *ac_tflite_input(struct ac_tflite *net);
size_t ac_tflite_outputs(const struct ac_tflite *net);
/* Valid after a run, until the next one. */
const struct ac_tflite_tensor *ac_tflite_output(const struct ac_tflite *net, size_t i);
void ac_tflite_run(struct ac_tflite *net);

#endif
