/* Time. Monotonic microseconds for all scheduling; wall-clock only for logs. Any thread. */
#ifndef AC_BASE_CLOCK_H
#define AC_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t ac_now_us(void);
int64_t ac_thread_cpu_us(void);  /* CPU time of the calling thread */
int64_t ac_process_cpu_us(void); /* CPU time of the process, all threads */
void ac_sleep_us(int64_t us);
/* Wall-clock time as RFC 3339 in UTC with milliseconds; buf of at least 32 bytes; returns buf. */
char *ac_time_rfc3339(char *buf, size_t size);

#endif
