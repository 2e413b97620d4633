/* `avatar-chat bench listen`: how long a spoken question waits for its answer on this machine. */
#ifndef AC_CLI_BENCH_LISTEN_H
#define AC_CLI_BENCH_LISTEN_H

#include "core/config.h"

/*
 * Speaks the question (NULL: a built-in one) `rounds` times to a session, as fast as a microphone gives it,
 * and prints how long after its last sound text, first token and first fragment came; gives the exit status.
 */
int ac_bench_listen(const struct ac_config *cfg, int rounds, const char *question, bool json);

#endif
