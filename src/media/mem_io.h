/*
 * A muxer's output in memory: an AVIOContext over a growable buffer. Sequential for fragments; with seeking
 * and reading back for the muxer's faststart pass. Internal to src/media.
 */
#ifndef AC_MEDIA_MEM_IO_H
#define AC_MEDIA_MEM_IO_H

#include "base/str.h"
#include <libavformat/avformat.h>
#include <stdbool.h>

struct ac_mem_io {
    AVIOContext *pb; /* the muxer's */
    struct ac_str bytes;
    size_t pos;      /* of the next write */
    size_t read_pos; /* of the muxer's second look */
};

/* Makes mux write to io, which must stay where it is until detached. AC_ENOMEM. */
int ac_mem_io_attach(struct ac_mem_io *io, AVFormatContext *mux, bool seekable);
/* Frees the buffers, also when never attached; the muxer may not write any more. */
void ac_mem_io_detach(struct ac_mem_io *io);
/* Appends all that was written to out and begins again (never in the middle of a seekable file). */
void ac_mem_io_take(struct ac_mem_io *io, struct ac_str *out);

#endif
