/*
 * fake-wav2lip FILE [--side 96|256] [--bn] [--seed N]: writes a Wav2Lip generator with random weights, for
 * the page's tests and the benchmarks. --bn: with batch normalisation beside every convolution.
 */
#include "fake/wav2lip_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
    fprintf(stderr, "usage: fake-wav2lip FILE [--side 96|256] [--bn] [--seed N]\n");
    return 2;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    struct ac_env env = {0};
    unsigned form = 0;
    uint32_t seed = 1;
    int side = 96;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bn") == 0)
            form |= WAV2LIP_BN;
        else if (strcmp(argv[i], "--side") == 0 && i + 1 < argc)
            side = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (argv[i][0] != '-' && !path)
            path = argv[i];
        else
            return usage();
    }
    if (!path || (side != 96 && side != 256))
        return usage();
    if (wav2lip_model_write(path, side, form, seed, &env) != 0) {
        fprintf(stderr, "fake-wav2lip: %s\n", env.reason);
        return 1;
    }
    return 0;
}
