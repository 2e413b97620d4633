/*
 * MP3 to PCM while it arrives, by libmpg123: mono, whatever rate the stream has. The 529 samples by which
 * every decoder of Layer III lags behind are dropped, so that times count from the stream's first sample.
 *
 * One stream an instance; one thread at a time.
 */
#ifndef AC_TTS_MP3_H
#define AC_TTS_MP3_H

#include <stddef.h>
#include <stdint.h>

struct ac_mp3;

/* Takes decoded samples; non-zero ends the feeding with it. */
typedef int ac_mp3_fn(void *arg, const int16_t *pcm, size_t n, int rate_hz);

struct ac_mp3 *ac_mp3_open(void); /* NULL: no memory */
/*
 * Decodes all that the bytes, cut anywhere, make possible. What is no MP3 in between is skipped. AC_EENGINE
 * when the decoder gives up, or what fn gave.
 */
int ac_mp3_feed(struct ac_mp3 *m, const void *data, size_t n, ac_mp3_fn *fn, void *arg);
void ac_mp3_close(struct ac_mp3 *m); /* NULL is fine */

#endif
