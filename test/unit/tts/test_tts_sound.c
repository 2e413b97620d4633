/* Sound from services: PCM, WAV, MP3 cut anywhere; then its trimming and cutting into pieces. */
#include "remote_engine.h"

#include "tts/remote.h"
#include "tts/sound.h"

#include <math.h>

struct got {
    struct ac_str pcm;
    int rate_hz;
};

static int take(void *arg, const int16_t *pcm, size_t n, int rate_hz)
{
    struct got *g = arg;

    assert_true(n > 0);
    g->rate_hz = rate_hz;
    ac_str_add_n(&g->pcm, (const char *)pcm, n * sizeof *pcm);
    return 0;
}

/* Decodes in pieces of `step` bytes. */
static int decode(const char *data, size_t len, size_t step, bool mp3, struct got *g, const char **what)
{
    struct ac_tts_sound s = {.pcm_rate_hz = 24000, .expect_mp3 = mp3};
    int err = 0;

    *g = (struct got){0};
    for (size_t at = 0; !err && at < len; at += step)
        err = ac_tts_sound_feed(&s, data + at, len - at < step ? len - at : step, take, g);
    if (!err)
        err = ac_tts_sound_finish(&s);
    *what = s.what;
    ac_tts_sound_free(&s);
    return err;
}

static void add32(struct ac_str *s, uint32_t v)
{
    char b[4] = {(char)v, (char)(v >> 8), (char)(v >> 16), (char)(v >> 24)};

    ac_str_add_n(s, b, 4);
}

static void add16(struct ac_str *s, uint32_t v)
{
    char b[2] = {(char)v, (char)(v >> 8)};

    ac_str_add_n(s, b, 2);
}

static void add_head(struct ac_str *s, uint32_t format, uint32_t channels, uint32_t rate, uint32_t bits,
                     uint32_t size)
{
    ac_str_add_n(s, "RIFF", 4);
    add32(s, size == UINT32_MAX ? size : size + 50);
    ac_str_add_n(s, "WAVEfmt ", 8);
    add32(s, 16);
    add16(s, format);
    add16(s, channels);
    add32(s, rate);
    add32(s, rate * channels * bits / 8);
    add16(s, channels * bits / 8);
    add16(s, bits);
    ac_str_add_n(s, "LIST\x05\0\0\0abcde\0", 14); /* odd length, padded */
    ac_str_add_n(s, "data", 4);
    add32(s, size);
}

enum { N = 3000 };

static int16_t sample(int i)
{
    return (int16_t)(i * 37 % 60000 - 30000);
}

static void check(const char *data, size_t len, const char *name, int rate_hz, int tolerance)
{
    static const size_t steps[] = {1, 2, 3, 7, 44, 1000, SIZE_MAX};

    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        struct got g;
        const char *what;
        int err = decode(data, len, steps[k] < len ? steps[k] : len, false, &g, &what);
        if (err)
            fail_msg("%s: %s", name, what);
        assert_int_equal(g.rate_hz, rate_hz);
        assert_int_equal(g.pcm.len, N * sizeof(int16_t));
        for (int i = 0; i < N; i++) {
            int16_t is;
            memcpy(&is, g.pcm.p + (size_t)i * 2, 2);
            assert_in_range(is - sample(i) + tolerance, 0, 2 * tolerance);
        }
        ac_str_free(&g.pcm);
    }
}

static void test_forms(void **state)
{
    struct ac_str s = {0};

    (void)state;
    for (int i = 0; i < N; i++)
        add16(&s, (uint16_t)sample(i));
    check(s.p, s.len, "pcm", 24000, 0);
    struct ac_str pcm = s;
    static const uint32_t sizes[] = {N * 2, UINT32_MAX, 0, 0x7fffffff};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        s = (struct ac_str){0};
        add_head(&s, 1, 1, 22050, 16, sizes[k]);
        ac_str_add_n(&s, pcm.p, pcm.len);
        if (k == 0)
            ac_str_add(&s, "LIST and more"); /* what comes after the sound is none */
        check(s.p, s.len, "wav", 22050, 0);
        ac_str_free(&s);
    }
    add_head(&s, 1, 2, 44100, 16, UINT32_MAX);
    for (int i = 0; i < N; i++) {
        add16(&s, (uint16_t)(sample(i) - 100));
        add16(&s, (uint16_t)(sample(i) + 100));
    }
    check(s.p, s.len, "stereo", 44100, 0);
    ac_str_free(&s);
    add_head(&s, 3, 1, 24000, 32, UINT32_MAX);
    for (int i = 0; i < N; i++) {
        float f = (float)sample(i) / 32767;
        uint32_t u;
        memcpy(&u, &f, 4);
        add32(&s, u);
    }
    check(s.p, s.len, "float", 24000, 1);
    ac_str_free(&s);
    add_head(&s, 1, 1, 24000, 32, UINT32_MAX);
    for (int i = 0; i < N; i++)
        add32(&s, (uint32_t)((uint32_t)sample(i) << 16));
    check(s.p, s.len, "32 bit", 24000, 0);
    ac_str_free(&s);
    ac_str_free(&pcm);
}

static void test_refused(void **state)
{
    static const char huge[] = "RIFF\0\0\0\0WAVEjunk\xff\xff\xff\x7f";
    struct ac_str s[6] = {{0}};
    struct got g;
    const char *what;

    (void)state;
    add_head(&s[0], 1, 1, 24000, 8, 10);
    add_head(&s[1], 1, 0, 24000, 16, 10);
    add_head(&s[2], 1, 1, 1, 16, 10);
    add_head(&s[3], 2, 1, 24000, 16, 10); /* ADPCM */
    ac_str_add_n(&s[4], huge, sizeof huge - 1);
    ac_str_add(&s[5], "OggS and so on");
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(decode(s[i].p, s[i].len, 5, false, &g, &what), AC_EPROTO);
        assert_non_null(what);
        ac_str_free(&s[i]);
        ac_str_free(&g.pcm);
    }
    assert_int_equal(decode("RIFF....WAVEdata\1\0\0\0x", 21, 21, false, &g, &what), AC_EPROTO);
    assert_int_equal(decode("RIFF", 4, 4, false, &g, &what), AC_EPROTO);
    assert_int_equal(decode("hello, this is no MP3", 21, 3, true, &g, &what), AC_EPROTO);
}

/* By how much 24 kHz sound lags behind test/data/jfk.wav, from which it was made: where both correlate best.
 */
static double lateness_ms(const int16_t *pcm)
{
    enum { AT_8_KHZ = 16000, FROM = 2400, LAGS = 1600 };
    char *wav;
    size_t len;
    double best = 0, at = 0;

    assert_int_equal(ac_read_file("test/data/jfk.wav", 1 << 20, &wav, &len), 0);
    const int16_t *before = (const int16_t *)(void *)(wav + 44);
    for (int lag = -LAGS / 2; lag < LAGS; lag++) {
        double sum = 0;
        for (int i = FROM; i < AT_8_KHZ; i++)
            sum += (double)before[2 * i] * pcm[3 * (i + lag)];
        if (sum > best) {
            best = sum;
            at = lag;
        }
    }
    free(wav);
    return at / 8;
}

static void test_mp3(void **state)
{
    static const size_t steps[] = {1, 100, 144, 720, 100000};
    char *data;
    size_t len;
    struct got whole;
    const char *what;

    (void)state;
    assert_int_equal(ac_read_file("test/data/speech.mp3", 1 << 20, &data, &len), 0);
    assert_int_equal(decode(data, len, len, true, &whole, &what), 0);
    assert_int_equal(whole.rate_hz, 24000);
    /* 136 frames of 576 samples, of which the decoder may keep the last */
    assert_in_range(whole.pcm.len / 2, 134 * 576 - 529, 136 * 576 - 529);
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        struct got g;
        assert_int_equal(decode(data, len, steps[k], true, &g, &what), 0);
        assert_int_equal(g.pcm.len, whole.pcm.len);
        assert_memory_equal(g.pcm.p, whole.pcm.p, g.pcm.len);
        ac_str_free(&g.pcm);
    }
    /* a broken frame in the middle costs that frame, not the rest */
    memset(data + 7200, 0x55, 300);
    struct got g;
    assert_int_equal(decode(data, len, 720, true, &g, &what), 0);
    assert_true(g.pcm.len > whole.pcm.len * 8 / 10);
    ac_str_free(&g.pcm);
    double late_ms = lateness_ms((const int16_t *)(void *)whole.pcm.p);
    /* the decoder's delay is gone; what is left is the encoder's, which nobody names: 576 samples with LAME
     */
    if (late_ms < 21 || late_ms > 25)
        fail_msg("the sound is %.1f ms late", late_ms);
    free(data);
    ac_str_free(&whole.pcm);
}

/* ---- pieces ---- */

static int16_t *tone(size_t n)
{
    int16_t *pcm = ac_alloc(n * sizeof *pcm);

    for (size_t i = 0; i < n; i++)
        pcm[i] = (int16_t)(8000 * sin((double)i * 0.2));
    return pcm;
}

/* Silence, sound, a pause, sound, silence, given in steps. */
static void speak(struct heard *h, size_t step, size_t before, size_t pause, size_t after)
{
    enum { SOUND = 24000 };
    size_t n = before + 2 * SOUND + pause + after;
    int16_t *pcm = ac_zalloc(n * sizeof *pcm), *sound = tone(SOUND);
    struct ac_frame *in = ac_frame_new_text("a b", 3);
    struct ac_tts_remote o;

    memcpy(pcm + before, sound, SOUND * sizeof *sound);
    memcpy(pcm + before + SOUND + pause, sound, SOUND * sizeof *sound);
    *h = (struct heard){.sink = {heard_push}};
    in->text.seq = 7;
    ac_tts_remote_init(&o, &h->sink, in, NULL);
    ac_tts_remote_word(&o, &(struct ac_word){(int32_t)(before * 1000 / 24), 900000, 0, 1});
    for (size_t at = 0; at < n; at += step)
        assert_int_equal(ac_tts_remote_pcm(&o, pcm + at, n - at < step ? n - at : step, 24000), 0);
    ac_tts_remote_word(&o, &(struct ac_word){(int32_t)((before + SOUND + pause) * 1000 / 24), 5000000, 2, 1});
    assert_int_equal(ac_tts_remote_finish(&o), 0);
    ac_tts_remote_free(&o);
    ac_frame_unref(in);
    free(sound);
    free(pcm);
}

static void test_trimming(void **state)
{
    static const size_t steps[] = {64, 576, 2880, 1000000};

    (void)state;
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        struct heard h;
        speak(&h, steps[k], 12000, 24000, 24000);
        assert_false(h.gap);
        assert_int_equal(h.lasts, 1);
        /* half a second of silence becomes 60 ms, the pause stays, a second at the end becomes 200 ms */
        assert_in_range(h.n, 1440 + 72000 + 4800 - 4, 1440 + 72000 + 4800 + 4);
        assert_int_equal(h.n_words, 2);
        assert_in_range(h.words[0].start_us, 60000 - 200, 60000 + 200);
        assert_in_range(h.words[1].start_us, 2060000 - 200, 2060000 + 200);
        heard_free(&h);
        speak(&h, steps[k], 100, 10, 100); /* nothing to cut */
        assert_in_range(h.n, 48210 - 4, 48210);
        heard_free(&h);
    }
}

static void test_silence(void **state)
{
    struct heard h = {.sink = {heard_push}};
    struct ac_frame *in = ac_frame_new_text("a", 1);
    struct ac_tts_remote o;
    int16_t zeros[480] = {0};

    (void)state;
    ac_tts_remote_init(&o, &h.sink, in, NULL);
    for (int i = 0; i < 200; i++)
        assert_int_equal(ac_tts_remote_pcm(&o, zeros, 480, 24000), 0);
    assert_int_equal(ac_tts_remote_finish(&o), AC_EENGINE);
    assert_int_equal(h.pieces, 0);
    ac_tts_remote_free(&o);
    ac_tts_remote_init(&o, &h.sink, in, NULL);
    zeros[3] = 5000;
    assert_int_equal(ac_tts_remote_pcm(&o, zeros, 480, 24000), 0);
    assert_int_equal(ac_tts_remote_pcm(&o, zeros, 480, 22050), AC_EENGINE); /* it changes its rate */
    ac_tts_remote_free(&o);
    ac_frame_unref(in);
    heard_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),    cmocka_unit_test(test_refused), cmocka_unit_test(test_mp3),
        cmocka_unit_test(test_trimming), cmocka_unit_test(test_silence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
