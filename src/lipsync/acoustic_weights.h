/* The bytes of acoustic.weights, part of the program: constant, any thread. Read by acoustic_net.c. */
#ifndef AC_LIPSYNC_ACOUSTIC_WEIGHTS_H
#define AC_LIPSYNC_ACOUSTIC_WEIGHTS_H

extern const unsigned char ac_acoustic_weights[], ac_acoustic_weights_end[];

#endif
