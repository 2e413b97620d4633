/*
 * Sound from outside, as listening wants it: any audio file or stream that libav reads, with any rate and any
 * number of channels, becomes 16 kHz mono (AC_LISTEN_RATE_HZ). Channels are averaged.
 *
 * What comes in is not trusted: it is read by a list of known audio and video containers only, can make libav
 * open nothing else (no playlists, no network), and has a limit of length. `reason` (may be NULL, else at
 * least AC_DECODE_REASON bytes) gets one sentence that says what is wrong with it, without the file's name.
 *
 * Errors: AC_ENOENT, AC_EIO; AC_EINVAL it is no audio, is damaged, or holds no sound; AC_ENOTSUP libav lacks
 * the decoder, or rate or channels are out of range; AC_ELIMIT it is too long; AC_ENOMEM.
 */
#ifndef AC_MEDIA_DECODE_H
#define AC_MEDIA_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AC_DECODE_REASON = 256 };

struct ac_pcm {
    int16_t *samples; /* malloc'ed, the caller's */
    size_t n;
    bool damaged; /* a part of it could not be decoded and is missing, or the end is */
};

/* Decodes a whole file ("-": standard input) of at most max_s seconds. Blocks; any thread. */
int ac_decode_file(const char *path, int max_s, struct ac_pcm *out, char *reason);
/* The same at another rate than AC_LISTEN_RATE_HZ. */
int ac_decode_file_at(const char *path, int rate_hz, int max_s, struct ac_pcm *out, char *reason);
/* The same as ac_decode_file for a file that is in memory. */
int ac_decode_memory(const void *data, size_t len, int max_s, struct ac_pcm *out, char *reason);

/*
 * A stream that comes in pieces cut anywhere, as a browser's MediaRecorder sends it. It is decoded by a
 * thread of its own, which sleeps while nothing comes, because libav's demuxers can only wait for bytes.
 */
struct ac_decode_stream;

/* Both are called from the stream's thread, which may not close the stream. */
struct ac_decode_sink {
    void *arg;
    /* The next samples; non-zero ends the stream with that error. */
    int (*pcm)(void *arg, const int16_t *pcm, size_t n);
    /* Called once, last: 0 after the end, else the error and its reason. Not called after close. */
    void (*done)(void *arg, int err, const char *reason);
};

/*
 * format: "webm" (Opus or Vorbis), "ogg" or "mp4" (fragmented); another gives AC_ENOTSUP. max_s: the limit of
 * length, 0 = none.
 */
int ac_decode_stream_open(struct ac_decode_stream **out, const char *format, int max_s,
                          const struct ac_decode_sink *sink);
/*
 * Gives the next bytes, copied. Never blocks. AC_EFULL when AC_DECODE_QUEUE_BYTES wait already (all or none
 * is taken); AC_ECLOSED after the end, or once done was called. One thread at a time.
 */
int ac_decode_stream_write(struct ac_decode_stream *s, const void *data, size_t n);
enum { AC_DECODE_QUEUE_BYTES = 1 << 20 };
/* No more bytes come: what is held back is decoded, then done is called. */
void ac_decode_stream_end(struct ac_decode_stream *s);
/* Stops at once and frees; no call to the sink after it returns. NULL is fine. */
void ac_decode_stream_close(struct ac_decode_stream *s);

#endif
