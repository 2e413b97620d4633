/* See wav2lip_store.h. A record is marked as there once it is written whole. */
#include "avatar/wav2lip_store.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IN_MEMORY = 4 << 20, MOST_BYTES = 768 << 20 };

struct ac_w2l_store {
    size_t n, bytes;
    uint8_t *memory; /* NULL: in the file */
    int fd;          /* -1: nothing can be kept */
    atomic_bool *there;
    pthread_mutex_t lock; /* of those who put */
};

static int open_file(void)
{
    const char *const dirs[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};

    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        if (!dirs[i] || !*dirs[i])
            continue;
        int fd = open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0)
            return fd;
        char *name = ac_asprintf("%s/avatar-chat-XXXXXX", dirs[i]); /* file systems without O_TMPFILE */
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0)
            unlink(name);
        free(name);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

struct ac_w2l_store *ac_w2l_store_new(size_t n, size_t bytes)
{
    struct ac_w2l_store *s = ac_zalloc(sizeof *s);

    s->n = n;
    s->bytes = bytes;
    s->fd = -1;
    s->there = ac_zalloc(n * sizeof *s->there);
    pthread_mutex_init(&s->lock, NULL);
    if (n * bytes <= IN_MEMORY) {
        s->memory = ac_try_alloc(n * bytes);
        return s;
    }
    s->fd = n * bytes <= MOST_BYTES ? open_file() : -1;
    if (s->fd < 0)
        ac_log_warn("avatar", "not_kept", AC_I("bytes", n * bytes),
                    AC_S("reason", n * bytes <= MOST_BYTES
                                       ? "no temporary file can be made (set TMPDIR): pictures are made anew"
                                       : "too large for a temporary file: pictures are made anew"));
    return s;
}

void ac_w2l_store_free(struct ac_w2l_store *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->memory);
    free(s->there);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Reads or writes record i of the file; false when that fails. */
static bool transfer(struct ac_w2l_store *s, size_t i, uint8_t *to, const uint8_t *from)
{
    for (size_t done = 0; done < s->bytes;) {
        off_t at = (off_t)(i * s->bytes + done);
        ssize_t n = to ? pread(s->fd, to + done, s->bytes - done, at)
                       : pwrite(s->fd, from + done, s->bytes - done, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool ac_w2l_store_get(struct ac_w2l_store *s, size_t i, void *out)
{
    if (!atomic_load_explicit(&s->there[i], memory_order_acquire))
        return false;
    if (s->memory) {
        memcpy(out, s->memory + i * s->bytes, s->bytes);
        return true;
    }
    return transfer(s, i, out, NULL);
}

void ac_w2l_store_put(struct ac_w2l_store *s, size_t i, const void *record)
{
    pthread_mutex_lock(&s->lock);
    if (!atomic_load_explicit(&s->there[i], memory_order_relaxed)) {
        bool kept = s->memory || (s->fd >= 0 && transfer(s, i, NULL, record));
        if (s->memory)
            memcpy(s->memory + i * s->bytes, record, s->bytes);
        atomic_store_explicit(&s->there[i], kept, memory_order_release);
    }
    pthread_mutex_unlock(&s->lock);
}
