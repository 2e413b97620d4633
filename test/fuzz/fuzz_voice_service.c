/*
 * What speech services send: messages of the read-aloud service (first byte even: text, or binary where the
 * second bit is set) and sound of any form (first byte odd), which, but for MP3, gives the same samples whole
 * and cut.
 */
#include "fuzz.h"

#include <string.h>

#include "avatarchat/err.h"
#include "tts/edge_wire.h"
#include "tts/sound.h"

enum { MAX_SIZE = 4096 };

static void note_word(void *arg, int64_t start_us, int64_t end_us, const char *text)
{
    (void)arg;
    fuzz_check(start_us >= 0 && end_us >= start_us && text);
}

static void try_message(bool binary, const char *data, size_t size)
{
    struct ac_edge_message m;
    const char *what = NULL;
    int err = ac_edge_parse(binary, data, size, &m, &what);

    fuzz_check(err == 0 || (err == AC_EPROTO && what));
    if (err)
        return;
    fuzz_check(m.body >= data && m.body + m.len == data + size);
    if (m.kind == AC_EDGE_METADATA) {
        err = ac_edge_words(m.body, m.len, note_word, NULL, &what);
        fuzz_check(err == 0 || (err == AC_EPROTO && what));
    }
}

static int note_pcm(void *arg, const int16_t *pcm, size_t n, int rate_hz)
{
    fuzz_check(n > 0 && rate_hz > 0);
    ac_str_add_n(arg, (const char *)pcm, n * sizeof *pcm);
    return 0;
}

/* *exact: the samples do not depend on how it is cut; libmpg123 looks for its first frame in what it has. */
static int decode(const char *data, size_t size, size_t piece, bool mp3, struct ac_str *pcm, bool *exact)
{
    struct ac_tts_sound s = {.pcm_rate_hz = 24000, .expect_mp3 = mp3};
    int err = 0;

    for (size_t at = 0; at < size && !err; at += piece)
        err = ac_tts_sound_feed(&s, data + at, size - at < piece ? size - at : piece, note_pcm, pcm);
    if (!err)
        err = ac_tts_sound_finish(&s);
    fuzz_check(err == 0 || (err == AC_EPROTO && s.what));
    *exact = s.kind != AC_TTS_SOUND_MP3;
    ac_tts_sound_free(&s);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > MAX_SIZE)
        return 0;
    const char *rest = (const char *)data + 1;
    if (!(data[0] & 1)) {
        try_message(data[0] & 2, rest, size - 1);
        return 0;
    }
    struct ac_str whole = {0}, cut = {0};
    bool exact;
    int err = decode(rest, size - 1, size, data[0] & 2, &whole, &exact);
    int cut_err = decode(rest, size - 1, 1, data[0] & 2, &cut, &exact);
    fuzz_check(!exact || cut_err == err);
    fuzz_check(!exact || err ||
               (whole.len == cut.len && (!whole.len || memcmp(whole.p, cut.p, whole.len) == 0)));
    ac_str_free(&whole);
    ac_str_free(&cut);
    return 0;
}
