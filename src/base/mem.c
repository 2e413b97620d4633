/* Memory: wrappers that abort, and the resident size. */
#include "base/mem.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Larger than a picture of 512 x 512, of which many come and go a second: the system's pages cost time. */
enum { LARGE_BLOCK = 512 << 10 };

_Noreturn static void die(size_t size)
{
    fprintf(stderr,
            "avatar-chat: out of memory (%zu bytes wanted): lower the number of sessions or add memory\n",
            size);
    abort();
}

void *ac_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        die(size);
    return p;
}

void *ac_zalloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        die(size);
    return p;
}

void *ac_realloc_array(void *p, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size)
        die(SIZE_MAX);
    size_t total = n * size;
    void *q = realloc(p, total ? total : 1);
    if (!q)
        die(total);
    return q;
}

void *ac_try_alloc(size_t size)
{
    return malloc(size ? size : 1);
}

char *ac_strdup(const char *s)
{
    return s ? ac_strndup(s, strlen(s)) : NULL;
}

char *ac_strndup(const char *s, size_t n)
{
    if (!s)
        return NULL;
    n = strnlen(s, n);
    char *copy = ac_alloc(n + 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *ac_asprintf(const char *fmt, ...)
{
    char *s = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&s, fmt, args);
    va_end(args);
    if (n < 0)
        die(0);
    return s;
}

void ac_mem_settle(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK); /* and it stays there: by itself it rises to 32 MB */
#endif
}

size_t ac_rss_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    uintmax_t total = 0, resident = 0;
    int n = fscanf(f, "%" SCNuMAX " %" SCNuMAX, &total, &resident);
    fclose(f);
    return n == 2 ? (size_t)resident * (size_t)sysconf(_SC_PAGESIZE) : 0;
}
