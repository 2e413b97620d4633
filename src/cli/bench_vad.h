/* `avatar-chat bench vad`: what voice activity detection costs on this machine. */
#ifndef AC_CLI_BENCH_VAD_H
#define AC_CLI_BENCH_VAD_H

#include "core/config.h"

/* Measures each engine of vad.use over `rounds` times ten seconds of sound and prints; gives the exit status.
 */
int ac_bench_vad(const struct ac_config *cfg, int rounds, bool json);

#endif
