/*
 * What the fuzz targets share. A target is LLVMFuzzerTestOneInput: it runs one input and ends the program
 * through fuzz_check when a promise of the code under test is broken; memory errors are the sanitizers'.
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(cond)                                                                                     \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #cond);                               \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
