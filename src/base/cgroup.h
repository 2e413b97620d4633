/*
 * What the control group allows this process: containers and services are bounded by it, and neither the
 * number of processors nor the size of memory that the system reports tells. Version 2, and version 1 where
 * that is mounted. Read anew with each call; any thread.
 */
#ifndef AC_BASE_CGROUP_H
#define AC_BASE_CGROUP_H

#include <stdint.h>

/* Whole processors' worth of time, rounded up; 0 = not bounded. */
int ac_cgroup_cpus(void);
/* Bytes that this process may take: the control group's bound, else the machine's memory. Never 0. */
uint64_t ac_memory_bytes(void);

#endif
