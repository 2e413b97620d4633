/*
 * Takes the file acoustic.weights into the program as it is, so that it works from the build folder and
 * installed alike. CMake knows that this file depends on it.
 */
#include "lipsync/acoustic_weights.h"

__asm__(".section .rodata\n"
        ".global ac_acoustic_weights\n"
        ".global ac_acoustic_weights_end\n"
        ".balign 16\n"
        "ac_acoustic_weights:\n"
        ".incbin \"" AC_SOURCE_DIR "/src/lipsync/acoustic.weights\"\n"
        "ac_acoustic_weights_end:\n"
        ".byte 0\n"
        ".previous\n");
