/* One run of the decoder over a source of bytes: what files and streams share. Internal to src/media. */
#ifndef AC_MEDIA_DECODE_RUN_H
#define AC_MEDIA_DECODE_RUN_H

#include "media/decode.h"

struct ac_decode_run {
    /* The next bytes: how many (1…size), 0 at the end, or a negative AC_E…. */
    int (*read)(void *arg, uint8_t *data, int size);
    /* As lseek, with AVSEEK_SIZE; NULL: the bytes come once. */
    int64_t (*seek)(void *arg, int64_t offset, int whence);
    /* Takes samples at rate_hz; non-zero ends the run with it. */
    int (*pcm)(void *arg, const int16_t *pcm, size_t n);
    void *arg;
    const char *format; /* libav's name of the container; NULL: found by the content */
    int rate_hz;        /* 0 = AC_LISTEN_RATE_HZ */
    int max_s;          /* 0 = no limit */
    bool damaged;       /* out: a part could not be decoded */
    char reason[AC_DECODE_REASON];
};

/* Blocks until the end. 0, or the error with r->reason set. */
int ac_decode_run(struct ac_decode_run *r);

#endif
