/* The arithmetic of tflite.h: operators over plain arrays, whose sizes the reader has checked. */
#ifndef AC_FACE_TFLITE_OPS_H
#define AC_FACE_TFLITE_OPS_H

#include <stddef.h>

/* A window that slides over a picture of height × width × channels; outside of the picture is nothing. */
struct ac_tflite_window {
    int in_h, in_w, in_c, out_h, out_w, out_c;
    int k_h, k_w, stride_h, stride_w, dilation_h, dilation_w;
    int top, left; /* how far the first window stands out of the picture */
};

/* w: k_h × k_w × in_c × out_c; bias: out_c. */
void ac_tflite_conv(const struct ac_tflite_window *g, const float *x, const float *w, const float *bias,
                    float *y);
/* Each channel by itself. w: k_h × k_w × in_c; in_c = out_c. */
void ac_tflite_depthwise(const struct ac_tflite_window *g, const float *x, const float *w, const float *bias,
                         float *y);
/* in_c = out_c. A window without any pixel gives 0. */
void ac_tflite_max_pool(const struct ac_tflite_window *g, const float *x, float *y);
/* Negative values times slope[channel]; n is a multiple of n_c. */
void ac_tflite_prelu(const float *x, const float *slope, size_t n, size_t n_c, float *y);
void ac_tflite_clip(float *y, size_t n, float low, float high); /* in place */
void ac_tflite_add(const float *a, const float *b, size_t n, float *y);
/* Zeroes around x. in: its 4 dimensions, before and after: how much is added to each. */
void ac_tflite_pad(const float *x, const int in[4], const int before[4], const int after[4], float *y);

#endif
