/*
 * Sound as speech services send it, decoded while it arrives, however the bytes are cut: raw PCM (16 bit,
 * little endian, mono), WAV (16 or 32 bit integers, 32 bit floats, any number of channels, which are
 * averaged; lengths that were not known when the header was sent), MP3. What it is shows at its beginning;
 * bytes without a sign of their own are PCM.
 *
 * One sound an instance, one thread at a time. Start from {0} with pcm_rate_hz set.
 */
#ifndef AC_TTS_SOUND_H
#define AC_TTS_SOUND_H

#include "base/str.h"
#include "tts/mp3.h"

struct ac_tts_sound {
    int pcm_rate_hz; /* of bytes that are raw PCM */
    bool expect_mp3; /* no raw PCM: MP3 without a sign at its beginning, else it is refused */
    enum ac_tts_sound_kind { AC_TTS_SOUND_UNKNOWN = 0, AC_TTS_SOUND_PCM, AC_TTS_SOUND_MP3 } kind;
    int rate_hz, channels, bits;
    bool floats;
    uint64_t left;      /* bytes of the data chunk, UINT64_MAX = all that come */
    struct ac_str held; /* the beginning while it is not understood, then less than a sample */
    struct ac_mp3 *mp3;
    const char *what; /* after a failure: what is wrong with it, static */
};

/* AC_EPROTO with s->what, AC_ENOMEM, or what fn gave. */
int ac_tts_sound_feed(struct ac_tts_sound *s, const char *data, size_t n, ac_mp3_fn *fn, void *arg);
/* The end: AC_EPROTO where the beginning never became clear. */
int ac_tts_sound_finish(struct ac_tts_sound *s);
void ac_tts_sound_free(struct ac_tts_sound *s);

#endif
