/* MP3 by libmpg123's feeding interface (mp3.h). */
#include "tts/mp3.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <mpg123.h>
#include <pthread.h>
#include <stdlib.h>

enum { DECODER_DELAY = 529 };

struct ac_mp3 {
    mpg123_handle *handle;
    size_t delay_left;
    int rate_hz;
};

static void setup(void)
{
    mpg123_init();
}

struct ac_mp3 *ac_mp3_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const long *rates;
    size_t n_rates;

    pthread_once(&once, setup);
    mpg123_handle *h = mpg123_new(NULL, NULL);
    if (!h)
        return NULL;
    /* Gapless decoding would drop the delay of streams that name it, and of no others. */
    mpg123_param(h, MPG123_REMOVE_FLAGS, MPG123_GAPLESS, 0);
    mpg123_param(h, MPG123_ADD_FLAGS, MPG123_QUIET | MPG123_FORCE_MONO, 0);
    mpg123_param(h, MPG123_RESYNC_LIMIT, -1, 0);
    mpg123_format_none(h);
    mpg123_rates(&rates, &n_rates);
    for (size_t i = 0; i < n_rates; i++)
        mpg123_format(h, rates[i], MPG123_MONO, MPG123_ENC_SIGNED_16);
    if (mpg123_open_feed(h) != MPG123_OK) {
        mpg123_delete(h);
        return NULL;
    }
    struct ac_mp3 *m = ac_zalloc(sizeof *m);
    m->handle = h;
    m->delay_left = DECODER_DELAY;
    return m;
}

static int give(struct ac_mp3 *m, const unsigned char *audio, size_t bytes, ac_mp3_fn *fn, void *arg)
{
    const int16_t *pcm = (const int16_t *)(const void *)audio; /* libmpg123's buffer is aligned for it */
    size_t n = bytes / sizeof *pcm, skip = m->delay_left < n ? m->delay_left : n;

    m->delay_left -= skip;
    return n > skip ? fn(arg, pcm + skip, n - skip, m->rate_hz) : 0;
}

int ac_mp3_feed(struct ac_mp3 *m, const void *data, size_t n, ac_mp3_fn *fn, void *arg)
{
    if (mpg123_feed(m->handle, data, n) != MPG123_OK)
        return AC_EENGINE;
    for (int err = 0; !err;) {
        unsigned char *audio = NULL;
        size_t bytes = 0;
        long rate = 0;
        int channels = 0, encoding = 0;
        int result = mpg123_decode_frame(m->handle, NULL, &audio, &bytes);
        if (result == MPG123_NEW_FORMAT) {
            mpg123_getformat(m->handle, &rate, &channels, &encoding);
            m->rate_hz = (int)rate;
        }
        if (bytes && m->rate_hz)
            err = give(m, audio, bytes, fn, arg);
        if (err)
            return err;
        if (result == MPG123_NEED_MORE)
            return 0;
        if (result != MPG123_OK && result != MPG123_NEW_FORMAT)
            return AC_EENGINE;
    }
    return 0;
}

void ac_mp3_close(struct ac_mp3 *m)
{
    if (m)
        mpg123_delete(m->handle);
    free(m);
}
