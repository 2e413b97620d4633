/* PCM, WAV and MP3 that arrive bit by bit (sound.h). */
#include "tts/sound.h"

#include "avatarchat/err.h"

#include <string.h>

enum { MAX_HEAD = 65536, BLOCK = 1024, MAX_CHANNELS = 8, MIN_HZ = 8000, MAX_HZ = 96000 };

static int refuse(struct ac_tts_sound *s, const char *what)
{
    s->what = what;
    return AC_EPROTO;
}

static uint32_t get16(const char *p)
{
    return (uint32_t)(unsigned char)p[0] | (uint32_t)(unsigned char)p[1] << 8;
}

static uint32_t get32(const char *p)
{
    return get16(p) | get16(p + 2) << 16;
}

/* ---- samples ---- */

static int16_t to_16(const struct ac_tts_sound *s, const char *p)
{
    if (s->bits == 16)
        return (int16_t)get16(p);
    uint32_t u = get32(p);
    if (!s->floats)
        return (int16_t)(u >> 16);
    float f;
    memcpy(&f, &u, sizeof f);
    f = f > 1 ? 1 : f >= -1 ? f : -1; /* what is no number as well */
    return (int16_t)(f * 32767);
}

/* Whole frames of the bytes; *used: how many bytes they were. */
static int give(struct ac_tts_sound *s, const char *data, size_t n, size_t *used, ac_mp3_fn *fn, void *arg)
{
    size_t width = (size_t)s->bits / 8, frame = width * (size_t)s->channels, frames = n / frame;
    int16_t block[BLOCK];
    int err = 0;

    *used = frames * frame;
    for (size_t at = 0; !err && at < frames;) {
        size_t k = 0;
        for (; k < BLOCK && at < frames; k++, at++) {
            int sum = 0;
            for (int c = 0; c < s->channels; c++)
                sum += to_16(s, data + at * frame + (size_t)c * width);
            block[k] = (int16_t)(sum / s->channels);
        }
        err = fn(arg, block, k, s->rate_hz);
    }
    return err;
}

static int feed_pcm(struct ac_tts_sound *s, const char *data, size_t n, ac_mp3_fn *fn, void *arg)
{
    size_t frame = (size_t)s->bits / 8 * (size_t)s->channels, used = 0;
    int err = 0;

    n = n < s->left ? n : (size_t)s->left;
    if (s->left != UINT64_MAX)
        s->left -= n;
    if (s->held.len) { /* a frame that was cut in two */
        size_t k = frame - s->held.len < n ? frame - s->held.len : n;
        ac_str_add_n(&s->held, data, k);
        data += k;
        n -= k;
        if (s->held.len < frame)
            return 0;
        err = give(s, s->held.p, frame, &used, fn, arg);
        ac_str_clear(&s->held);
    }
    if (!err)
        err = give(s, data, n, &used, fn, arg);
    if (!err && used < n)
        ac_str_add_n(&s->held, data + used, n - used);
    return err;
}

/* ---- what it is ---- */

static int read_format(struct ac_tts_sound *s, const char *p, uint32_t size)
{
    enum { INTEGERS = 1, FLOATS = 3, EXTENSIBLE = 0xfffe };

    if (size < 16)
        return refuse(s, "a WAV header that is cut short");
    uint32_t format = get16(p);
    if (format == EXTENSIBLE && size >= 26)
        format = get16(p + 24);
    s->channels = (int)get16(p + 2);
    s->rate_hz = (int)(get32(p + 4) & INT32_MAX);
    s->bits = (int)get16(p + 14);
    s->floats = format == FLOATS;
    bool known = (format == INTEGERS && (s->bits == 16 || s->bits == 32)) || (s->floats && s->bits == 32);
    if (!known || s->channels < 1 || s->channels > MAX_CHANNELS || s->rate_hz < MIN_HZ || s->rate_hz > MAX_HZ)
        return refuse(s, "WAV of a kind that is not understood: 16 bit PCM is");
    return 0;
}

/* The WAV header in s->held; *at: where the sound begins, 0 = it is not complete. */
static int read_wav(struct ac_tts_sound *s, size_t *at)
{
    size_t pos = 12;

    for (*at = 0; pos + 8 <= s->held.len;) {
        const char *chunk = s->held.p + pos;
        uint32_t size = get32(chunk + 4);
        if (memcmp(chunk, "data", 4) == 0) {
            if (!s->channels)
                return refuse(s, "a WAV file without a format");
            s->left = size == 0 || size >= 0x7fffff00 ? UINT64_MAX : size; /* not known when it was sent */
            *at = pos + 8;
            return 0;
        }
        if (size > MAX_HEAD || pos + size > MAX_HEAD)
            return refuse(s, "a WAV header that has no end");
        if (pos + 8 + size > s->held.len)
            return 0;
        int err = memcmp(chunk, "fmt ", 4) == 0 ? read_format(s, chunk + 8, size) : 0;
        if (err)
            return err;
        pos += 8 + size + (size & 1);
    }
    return 0;
}

static int begin_mp3(struct ac_tts_sound *s)
{
    s->mp3 = ac_mp3_open();
    s->kind = AC_TTS_SOUND_MP3;
    return s->mp3 ? 0 : AC_ENOMEM;
}

/* Looks at what is held; *at: how much of it was the header. */
static int recognise(struct ac_tts_sound *s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s->held.p;
    size_t n = s->held.len;

    *at = 0;
    if (n >= 4 && memcmp(p, "RIFF", 4) == 0) {
        int err = n < 12 ? 0 : read_wav(s, at);
        if (!err && *at)
            s->kind = AC_TTS_SOUND_PCM;
        return err;
    }
    if (n >= 3 && memcmp(p, "ID3", 3) == 0)
        return begin_mp3(s);
    if (s->expect_mp3 && p[0] == 0xff && (n < 2 || (p[1] & 0xe0) == 0xe0))
        return begin_mp3(s);
    if (n < 4)
        return 0;
    if (memcmp(p, "OggS", 4) == 0 || memcmp(p, "fLaC", 4) == 0)
        return refuse(s, "Ogg or FLAC: set response_format to pcm, wav or mp3");
    if (s->expect_mp3)
        return refuse(s, "something that is no MP3");
    s->kind = AC_TTS_SOUND_PCM;
    s->rate_hz = s->pcm_rate_hz;
    s->channels = 1;
    s->bits = 16;
    s->left = UINT64_MAX;
    return 0;
}

int ac_tts_sound_feed(struct ac_tts_sound *s, const char *data, size_t n, ac_mp3_fn *fn, void *arg)
{
    struct ac_str begin = {0};
    size_t at;

    if (s->kind == AC_TTS_SOUND_MP3) {
        int err = ac_mp3_feed(s->mp3, data, n, fn, arg);
        return err == AC_EENGINE ? refuse(s, "MP3 that cannot be decoded") : err;
    }
    if (s->kind == AC_TTS_SOUND_PCM)
        return feed_pcm(s, data, n, fn, arg);
    if (n == 0)
        return 0;
    ac_str_add_n(&s->held, data, n);
    int err = recognise(s, &at);
    if (err || s->kind == AC_TTS_SOUND_UNKNOWN)
        return err;
    begin = s->held;
    s->held = (struct ac_str){0};
    err = ac_tts_sound_feed(s, begin.p + at, begin.len - at, fn, arg);
    ac_str_free(&begin);
    return err;
}

int ac_tts_sound_finish(struct ac_tts_sound *s)
{
    if (s->kind == AC_TTS_SOUND_UNKNOWN && s->held.len)
        return refuse(s, "less than a header");
    return 0;
}

void ac_tts_sound_free(struct ac_tts_sound *s)
{
    ac_str_free(&s->held);
    ac_mp3_close(s->mp3);
    s->mp3 = NULL;
}
