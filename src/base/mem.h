/*
 * Memory. Small allocations abort when there is none (a process that cannot get 100 bytes cannot report
 * it either); sizes that come from outside use ac_try_alloc and get AC_ENOMEM. Any thread.
 */
#ifndef AC_BASE_MEM_H
#define AC_BASE_MEM_H

#include <stddef.h>

void *ac_alloc(size_t size);                            /* not zeroed; aborts */
void *ac_zalloc(size_t size);                           /* zeroed; aborts */
void *ac_realloc_array(void *p, size_t n, size_t size); /* aborts, also on overflow */
void *ac_try_alloc(size_t size);                        /* NULL when there is none */
char *ac_strdup(const char *s);                         /* NULL gives NULL */
char *ac_strndup(const char *s, size_t n);
char *ac_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * Sets the allocator up for a program that lives long and holds many large blocks for a short time; at the
 * start of main, before threads. Without it glibc takes ever larger blocks from its heaps, where they leave
 * holes: twenty who talk take 9 MB each instead of 4.
 */
void ac_mem_settle(void);
/* Resident size of the process in bytes (from /proc), 0 when unknown. */
size_t ac_rss_bytes(void);

#endif
