/* A net as the reader (tflite_read.c) leaves it and as it is run (tflite.c). */
#ifndef AC_FACE_TFLITE_PRIVATE_H
#define AC_FACE_TFLITE_PRIVATE_H

#include <stdbool.h>

#include "face/tflite.h"
#include "face/tflite_ops.h"

/* Numbers of the schema's enum BuiltinOperator. */
enum ac_tflite_code {
    AC_TFLITE_ADD = 0,
    AC_TFLITE_CONCATENATION = 2,
    AC_TFLITE_CONV_2D = 3,
    AC_TFLITE_DEPTHWISE_CONV_2D = 4,
    AC_TFLITE_DEQUANTIZE = 6,
    AC_TFLITE_MAX_POOL_2D = 17,
    AC_TFLITE_RELU = 19,
    AC_TFLITE_RESHAPE = 22,
    AC_TFLITE_PAD = 34,
    AC_TFLITE_PRELU = 54
};

enum { AC_TFLITE_MAX_IN = 4 };

struct ac_tflite_op {
    int code;
    size_t in[AC_TFLITE_MAX_IN], n_in, out; /* tensors */
    struct ac_tflite_window window;
    float *weights;  /* convolutions: in the order that tflite_ops.h wants; owned */
    float low, high; /* bounds of the result */
    bool bounded;
    int before[AC_TFLITE_RANK], after[AC_TFLITE_RANK]; /* PAD */
    int axis;                                          /* CONCATENATION */
};

struct ac_tflite_value {
    struct ac_tflite_tensor t;
    int type;
    size_t file_at, file_n; /* bytes of a constant in the file; 0, 0: computed */
    bool ready;             /* constant, input, or output of an operator before */
    bool borrowed;          /* data belongs to another tensor */
};

struct ac_tflite {
    struct ac_tflite_value *tensors;
    size_t n_tensors;
    struct ac_tflite_op *ops;
    size_t n_ops;
    size_t input, *outputs, n_outputs; /* tensors */
};

#endif
