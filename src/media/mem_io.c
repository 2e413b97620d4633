/* Muxer output in memory; see the header. */
#include "media/mem_io.h"
#include "avatarchat/err.h"
#include <limits.h>
#include <string.h>

enum { BUFFER_BYTES = 16384 };

static int write_bytes(void *opaque, uint8_t *data, int n)
{
    struct ac_mem_io *io = opaque;
    size_t over = io->bytes.len - io->pos; /* what is written a second time */

    if (over > (size_t)n)
        over = (size_t)n;
    if (over > 0)
        memcpy(io->bytes.p + io->pos, data, over);
    ac_str_add_n(&io->bytes, (const char *)data + over, (size_t)n - over);
    io->pos += (size_t)n;
    return n;
}

static int64_t seek_to(struct ac_mem_io *io, size_t *pos, int64_t offset, int whence)
{
    int64_t to = offset;

    if (whence & AVSEEK_SIZE)
        return (int64_t)io->bytes.len;
    if ((whence & ~AVSEEK_FORCE) == SEEK_CUR)
        to += (int64_t)*pos;
    else if ((whence & ~AVSEEK_FORCE) == SEEK_END)
        to += (int64_t)io->bytes.len;
    if (to < 0 || to > (int64_t)io->bytes.len)
        return AVERROR(EINVAL);
    *pos = (size_t)to;
    return to;
}

static int64_t seek_write(void *opaque, int64_t offset, int whence)
{
    struct ac_mem_io *io = opaque;

    return seek_to(io, &io->pos, offset, whence);
}

static int read_bytes(void *opaque, uint8_t *data, int n)
{
    struct ac_mem_io *io = opaque;
    size_t left = io->bytes.len - io->read_pos;

    if (left == 0)
        return AVERROR_EOF;
    if (left > (size_t)n)
        left = (size_t)n;
    memcpy(data, io->bytes.p + io->read_pos, left);
    io->read_pos += left;
    return (int)left;
}

static int64_t seek_read(void *opaque, int64_t offset, int whence)
{
    struct ac_mem_io *io = opaque;

    return seek_to(io, &io->read_pos, offset, whence);
}

static AVIOContext *new_context(struct ac_mem_io *io, bool writer, bool seekable)
{
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    AVIOContext *pb = NULL;

    if (buffer)
        pb = avio_alloc_context(buffer, BUFFER_BYTES, writer, io, writer ? NULL : read_bytes,
                                writer ? write_bytes : NULL,
                                !seekable ? NULL
                                : writer  ? seek_write
                                          : seek_read);
    if (!pb)
        av_free(buffer);
    return pb;
}

static void free_context(AVIOContext **pb)
{
    if (*pb)
        av_freep(&(*pb)->buffer);
    avio_context_free(pb);
}

/* With faststart the muxer opens its own output to read it back while it moves the data behind the index. */
static int open_again(AVFormatContext *mux, AVIOContext **pb, const char *url, int flags, AVDictionary **opts)
{
    struct ac_mem_io *io = mux->opaque;

    (void)url;
    (void)opts;
    if (flags & AVIO_FLAG_WRITE)
        return AVERROR(ENOSYS);
    io->read_pos = 0;
    *pb = new_context(io, false, true);
    return *pb ? 0 : AVERROR(ENOMEM);
}

static int close_again(AVFormatContext *mux, AVIOContext *pb)
{
    (void)mux;
    free_context(&pb);
    return 0;
}

int ac_mem_io_attach(struct ac_mem_io *io, AVFormatContext *mux, bool seekable)
{
    io->pb = new_context(io, true, seekable);
    if (!io->pb)
        return AC_ENOMEM;
    mux->pb = io->pb;
    mux->flags |= AVFMT_FLAG_CUSTOM_IO;
    mux->opaque = io;
    mux->io_open = open_again;
    mux->io_close2 = close_again;
    return AC_OK;
}

void ac_mem_io_detach(struct ac_mem_io *io)
{
    free_context(&io->pb);
    ac_str_free(&io->bytes);
}

void ac_mem_io_take(struct ac_mem_io *io, struct ac_str *out)
{
    avio_flush(io->pb);
    ac_str_add_n(out, io->bytes.p, io->bytes.len);
    ac_str_clear(&io->bytes);
    io->pos = 0;
}
