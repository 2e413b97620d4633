/* The part of bench_load that counts what idle WebSocket connections cost the program. */
#ifndef AC_BENCH_LOAD_IDLE_H
#define AC_BENCH_LOAD_IDLE_H

/*
 * Starts `program serve` with the settings ("a.b=c"), opens n connections, waits until every session is
 * there, and prints the program's memory before and after as JSON. Gives the exit status.
 */
int load_idle(int n, const char *program, char **sets, int n_sets);

#endif
