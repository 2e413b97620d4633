/* Whole files: the decoder's run with a file or a block of memory as source and one growing array as sink. */
#include "media/decode.h"
#include "avatarchat/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "media/decode_run.h"

#include <errno.h>
#include <fcntl.h>
#include <libavformat/avformat.h>
#include <libavutil/intreadwrite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct whole {
    int fd; /* -1: data */
    const char *data;
    size_t len, pos;
    struct ac_pcm *out;
    size_t cap;
    int read_errno;
};

static int read_file(void *arg, uint8_t *data, int size)
{
    struct whole *w = arg;
    ssize_t n;

    do
        n = read(w->fd, data, (size_t)size);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        w->read_errno = errno;
        return AC_EIO;
    }
    return (int)n;
}

static int read_memory(void *arg, uint8_t *data, int size)
{
    struct whole *w = arg;
    size_t left = w->len - w->pos, n = left < (size_t)size ? left : (size_t)size;

    if (n > 0)
        memcpy(data, w->data + w->pos, n);
    w->pos += n;
    return (int)n;
}

static int64_t seek_memory(void *arg, int64_t offset, int whence)
{
    struct whole *w = arg;
    int64_t to = offset;

    if (whence == AVSEEK_SIZE)
        return (int64_t)w->len;
    if (whence == SEEK_CUR)
        to += (int64_t)w->pos;
    else if (whence == SEEK_END)
        to += (int64_t)w->len;
    if (to < 0 || to > (int64_t)w->len)
        return AVERROR(EINVAL);
    w->pos = (size_t)to;
    return to;
}

static int64_t seek_file(void *arg, int64_t offset, int whence)
{
    struct whole *w = arg;
    struct stat st;

    if (whence == AVSEEK_SIZE)
        return fstat(w->fd, &st) == 0 ? st.st_size : AVERROR(errno);
    off_t to = lseek(w->fd, offset, whence);
    return to < 0 ? AVERROR(errno) : to;
}

static int collect(void *arg, const int16_t *pcm, size_t n)
{
    struct whole *w = arg;

    if (w->out->n + n > w->cap) {
        size_t cap = (w->out->n + n) * 3 / 2;
        int16_t *grown = realloc(w->out->samples, cap * sizeof *grown);
        if (!grown)
            return AC_ENOMEM;
        w->out->samples = grown;
        w->cap = cap;
    }
    memcpy(w->out->samples + w->out->n, pcm, n * sizeof *pcm);
    w->out->n += n;
    return AC_OK;
}

/* n bytes from there on, without moving; false where the source is shorter or cannot be read twice. */
static bool peek(const struct whole *w, int64_t at, uint8_t *data, size_t n)
{
    if (w->fd >= 0)
        return pread(w->fd, data, n, at) == (ssize_t)n;
    if (at < 0 || (uint64_t)at > w->len || w->len - (size_t)at < n)
        return false;
    memcpy(data, w->data + at, n);
    return true;
}

/*
 * True where the header of a WAV file promises more sound than the file has: libav takes what there is and
 * says nothing. Sizes of 0 and all ones are written by programs that do not know it yet.
 */
static bool wav_is_cut(struct whole *w)
{
    uint8_t head[12];
    int64_t at = sizeof head, end = w->fd >= 0 ? seek_file(w, 0, AVSEEK_SIZE) : (int64_t)w->len;

    if (!peek(w, 0, head, 12) || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0)
        return false;
    while (peek(w, at, head, 8)) {
        int64_t size = AV_RL32(head + 4);
        if (memcmp(head, "data", 4) == 0)
            return size != UINT32_MAX && size > end - at - 8;
        at += 8 + size + (size & 1); /* chunks begin at even places */
    }
    return false;
}

static int decode_whole(struct whole *w, int rate_hz, int max_s, char *reason)
{
    struct ac_decode_run run = {.read = w->fd >= 0 ? read_file : read_memory,
                                .seek = w->fd < 0                        ? seek_memory
                                        : lseek(w->fd, 0, SEEK_CUR) >= 0 ? seek_file
                                                                         : NULL,
                                .pcm = collect,
                                .arg = w,
                                .rate_hz = rate_hz,
                                .max_s = max_s};

    *w->out = (struct ac_pcm){0};
    int err = ac_decode_run(&run);
    w->out->damaged = run.damaged || wav_is_cut(w);
    if (err) {
        free(w->out->samples);
        *w->out = (struct ac_pcm){0};
    }
    if (reason && w->read_errno)
        snprintf(reason, AC_DECODE_REASON, "reading failed: %s", strerror(w->read_errno));
    else if (reason)
        snprintf(reason, AC_DECODE_REASON, "%s", run.reason);
    return err;
}

int ac_decode_file(const char *path, int max_s, struct ac_pcm *out, char *reason)
{
    return ac_decode_file_at(path, 0, max_s, out, reason);
}

int ac_decode_file_at(const char *path, int rate_hz, int max_s, struct ac_pcm *out, char *reason)
{
    struct whole w = {.out = out};
    struct stat st;
    bool is_stdin = strcmp(path, "-") == 0;

    *out = (struct ac_pcm){0};
    w.fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (w.fd < 0) {
        if (reason)
            snprintf(reason, AC_DECODE_REASON, "%s", strerror(errno));
        return errno == ENOENT ? AC_ENOENT : AC_EIO;
    }
    int err;
    if (fstat(w.fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (reason)
            snprintf(reason, AC_DECODE_REASON, "it is a folder; name a file");
        err = AC_EIO;
    } else {
        err = decode_whole(&w, rate_hz, max_s, reason);
    }
    if (!is_stdin)
        close(w.fd);
    return err;
}

int ac_decode_memory(const void *data, size_t len, int max_s, struct ac_pcm *out, char *reason)
{
    struct whole w = {.fd = -1, .data = data, .len = len, .out = out};

    return decode_whole(&w, 0, max_s, reason);
}
