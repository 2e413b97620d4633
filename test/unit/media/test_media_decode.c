/*
 * Sound from outside: WAV files of every sample format are made here and must come out as the sine that went
 * in; files that browsers and phones write come out like the clip they were made of; what is broken is named;
 * a stream cut anywhere gives the same samples as the whole file.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "avatarchat/err.h"
#include "base/clock.h"
#include "media/decode.h"
#include "media_util.h"

enum { MAX_S = 60, OUT_HZ = AC_LISTEN_RATE_HZ, PCM = 1, FLOAT = 3, ALAW = 6, MULAW = 7 };

/* ---- WAV files ---- */

struct wav {
    int tag, channels, rate_hz, bits;
    double seconds;
};

static void put(struct ac_str *s, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        ac_str_add_n(s, (const char[]){(char)(v >> 8 * i)}, 1);
}

static void put_sample(struct ac_str *s, const struct wav *w, double x)
{
    float f = (float)x;
    uint32_t raw;

    if (w->tag == FLOAT && w->bits == 64) {
        uint64_t raw64;
        memcpy(&raw64, &x, sizeof raw64);
        put(s, raw64, 8);
    } else if (w->tag == FLOAT) {
        memcpy(&raw, &f, sizeof raw);
        put(s, raw, 4);
    } else if (w->bits == 8) {
        put(s, (uint64_t)lrint(x * 127 + 128), 1);
    } else {
        put(s, (uint64_t)llrint(x * (double)((INT64_C(1) << (w->bits - 1)) - 1)), w->bits / 8);
    }
}

/* A sine of 440 Hz at half of full scale, the same in every channel. */
static void make_wav(struct ac_str *s, const struct wav *w)
{
    size_t n = (size_t)(w->seconds * w->rate_hz);
    size_t frame = (size_t)w->channels * (size_t)w->bits / 8, bytes = n * frame;

    ac_str_add(s, "RIFF");
    put(s, 36 + bytes, 4);
    ac_str_add(s, "WAVEfmt ");
    put(s, 16, 4);
    put(s, (uint64_t)w->tag, 2);
    put(s, (uint64_t)w->channels, 2);
    put(s, (uint64_t)w->rate_hz, 4);
    put(s, (uint64_t)w->rate_hz * frame, 4);
    put(s, frame, 2);
    put(s, (uint64_t)w->bits, 2);
    ac_str_add(s, "data");
    put(s, bytes, 4);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < w->channels; c++)
            put_sample(s, w, 0.5 * sin(2 * M_PI * 440 * (double)i / w->rate_hz));
}

static const struct wav kinds[] = {
    {PCM, 1, 16000, 16, 1},   {PCM, 1, 16000, 8, 1},     {PCM, 1, 16000, 24, 1}, {PCM, 1, 16000, 32, 1},
    {FLOAT, 1, 16000, 32, 1}, {FLOAT, 2, 44100, 64, 1},  {PCM, 2, 48000, 16, 1}, {PCM, 8, 48000, 16, 1},
    {PCM, 6, 44100, 24, 1},   {FLOAT, 8, 48000, 32, 1},  {PCM, 3, 16000, 16, 1}, {PCM, 16, 16000, 16, 1},
    {PCM, 32, 16000, 16, 1},  {PCM, 1, 8000, 16, 1},     {PCM, 1, 11025, 8, 1},  {PCM, 1, 4000, 16, 1},
    {PCM, 2, 192000, 24, 1},  {PCM, 1, 22050, 16, 12.5},
};

static void test_wav_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct wav *w = &kinds[i];
        struct ac_str s = {0};
        struct ac_pcm pcm;
        char reason[AC_DECODE_REASON], what[96];

        make_wav(&s, w);
        snprintf(what, sizeof what, "tag %d, %d channels, %d Hz, %d bits", w->tag, w->channels, w->rate_hz,
                 w->bits);
        if (ac_decode_memory(s.p, s.len, MAX_S, &pcm, reason) != 0)
            fail_msg("%s: %s", what, reason);
        if (fabs((double)pcm.n - w->seconds * OUT_HZ) > 2 || pcm.damaged)
            fail_msg("%s: %zu samples, damaged %d", what, pcm.n, pcm.damaged);
        double tolerance = w->bits == 8 ? 0.012 : 0.001;
        for (size_t k = 1000; k < pcm.n - 1000; k++) {
            double should = 0.5 * sin(2 * M_PI * 440 * (double)k / OUT_HZ);
            if (fabs(pcm.samples[k] / 32768.0 - should) > tolerance)
                fail_msg("%s: sample %zu is %f, not %f", what, k, pcm.samples[k] / 32768.0, should);
        }
        free(pcm.samples);
        ac_str_free(&s);
    }
}

/* What is only in one channel is heard, at its share. */
static void test_channels_are_averaged(void **state)
{
    struct ac_str s = {0};
    struct ac_pcm pcm;
    struct wav w = {PCM, 4, 16000, 16, 0.5};

    (void)state;
    make_wav(&s, &w);
    for (size_t i = 44; i + 8 <= s.len; i += 8)
        memset(s.p + i + 2, 0, 6);
    assert_int_equal(ac_decode_memory(s.p, s.len, MAX_S, &pcm, NULL), 0);
    for (size_t k = 0; k < pcm.n; k++)
        assert_true(fabs(pcm.samples[k] / 32768.0 - 0.125 * sin(2 * M_PI * 440 * (double)k / OUT_HZ)) < 1e-3);
    free(pcm.samples);
    ac_str_free(&s);
}

/* ---- what is wrong ---- */

static void expect_error(const char *name, const struct ac_str *s, int err, const char *why)
{
    struct ac_pcm pcm = {0};
    char reason[AC_DECODE_REASON] = "";
    int got = ac_decode_memory(s->p, s->len, MAX_S, &pcm, reason);

    if (got != err || !strstr(reason, why) || pcm.samples || pcm.n)
        fail_msg("%s: %s, not %s; reason: %s", name, ac_err_name(got), ac_err_name(err), reason);
}

static void test_bad_wavs(void **state)
{
    static const struct {
        const char *name;
        struct wav wav;
        size_t cut; /* bytes that are left, 0 = all */
        int err;
        const char *why;
    } cases[] = {
        {"header only", {PCM, 1, 16000, 16, 1}, 44, AC_EINVAL, "no sound in it"},
        {"half a header", {PCM, 1, 16000, 16, 1}, 20, AC_EINVAL, "no audio file of a known format"},
        {"nothing", {PCM, 1, 16000, 16, 1}, 1, AC_EINVAL, "no audio file of a known format"},
        {"no seconds", {PCM, 1, 16000, 16, 0}, 0, AC_EINVAL, "no sound in it"},
        {"0 Hz", {PCM, 1, 0, 16, 0}, 0, AC_EINVAL, "header"},
        {"300 Hz", {PCM, 1, 300, 16, 1}, 0, AC_ENOTSUP, "its sample rate is 300 Hz, 4000 to 192000"},
        {"768 kHz", {PCM, 1, 768000, 16, 0.1}, 0, AC_ENOTSUP, "its sample rate is 768000 Hz"},
        {"33 channels", {PCM, 33, 16000, 16, 0.1}, 0, AC_ENOTSUP, "it has 33 channels, 1 to 32"},
        {"61 seconds", {PCM, 1, 8000, 8, 61}, 0, AC_ELIMIT, "longer than the 60 seconds"},
        {"unknown code", {0x1234, 1, 16000, 16, 1}, 0, AC_ENOTSUP, "decoder"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_str s = {0};
        make_wav(&s, &cases[i].wav);
        if (cases[i].cut)
            s.len = cases[i].cut;
        expect_error(cases[i].name, &s, cases[i].err, cases[i].why);
        ac_str_free(&s);
    }
}

static void test_no_audio(void **state)
{
    static const struct {
        const char *name, *content, *why;
    } cases[] = {
        {"text", "This is a text file that somebody called speech.wav.\nIt has lines.\n", "no audio file"},
        {"playlist", "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nfile:///etc/passwd\n", "no audio file"},
        {"concat", "ffconcat version 1.0\nfile /etc/passwd\n", "no audio file"},
        {"html", "<!doctype html><html><body>404</body></html>", "no audio file"},
    };
    struct ac_str s = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ac_str_add(&s, cases[i].content);
        expect_error(cases[i].name, &s, AC_EINVAL, cases[i].why);
        ac_str_clear(&s);
    }
    for (unsigned i = 0, x = 1; i < 20000; i++)
        put(&s, (x = x * 1103515245u + 12345u) >> 16, 1);
    expect_error("noise", &s, AC_EINVAL, "");
    ac_str_free(&s);
    assert_int_equal(ac_read_file("test/data/page/clip.mp4", 1 << 24, &s.p, &s.len), 0);
    struct ac_pcm pcm;
    if (ac_decode_memory(s.p, s.len, MAX_S, &pcm, NULL) == 0) /* a film has sound, too */
        free(pcm.samples);
    ac_str_free(&s);
}

static void test_truncated_is_said(void **state)
{
    struct ac_str s = {0};
    struct ac_pcm pcm;
    struct wav w = {PCM, 1, 16000, 16, 10};

    (void)state;
    make_wav(&s, &w);
    s.len = 44 + (s.len - 44) / 2 + 1;
    assert_int_equal(ac_decode_memory(s.p, s.len, MAX_S, &pcm, NULL), 0);
    assert_true(pcm.damaged);
    assert_true(pcm.n >= 5 * OUT_HZ - 2 && pcm.n <= 5 * OUT_HZ + 2);
    free(pcm.samples);
    ac_str_free(&s);
}

static void test_paths(void **state)
{
    struct ac_pcm pcm;
    char reason[AC_DECODE_REASON];

    (void)state;
    assert_int_equal(ac_decode_file("test/data/none.wav", MAX_S, &pcm, reason), AC_ENOENT);
    assert_string_equal(reason, "No such file or directory");
    assert_int_equal(ac_decode_file("test/data", MAX_S, &pcm, reason), AC_EIO);
    assert_non_null(strstr(reason, "folder"));
    assert_int_equal(ac_decode_file("test/data/jfk.wav", MAX_S, &pcm, NULL), 0);
    assert_int_equal(pcm.n, 176000);
    free(pcm.samples);
}

/* ---- files of other kinds, and streams ---- */

static const struct {
    const char *file, *format;
} clips[] = {{"test/data/jfk3.webm", "webm"}, {"test/data/jfk3.ogg", "ogg"}, {"test/data/jfk3.mp4", "mp4"}};
enum { N_CLIPS = sizeof clips / sizeof *clips, CLIP_SAMPLES = 3 * OUT_HZ };

/* How alike two signals are where they line up best within ±max_shift: 1 = the same but for the level. */
static double likeness(const int16_t *a, const int16_t *b, int n, int max_shift)
{
    double best = 0;

    for (int shift = -max_shift; shift <= max_shift; shift++) {
        double ab = 0, aa = 0, bb = 0;
        for (int i = max_shift; i < n - max_shift; i++) {
            ab += (double)a[i] * b[i + shift];
            aa += (double)a[i] * a[i];
            bb += (double)b[i + shift] * b[i + shift];
        }
        if (aa > 0 && bb > 0 && ab / sqrt(aa * bb) > best)
            best = ab / sqrt(aa * bb);
    }
    return best;
}

static void test_clips_sound_like_the_original(void **state)
{
    struct ac_pcm original, pcm;
    char reason[AC_DECODE_REASON];

    (void)state;
    assert_int_equal(ac_decode_file("test/data/jfk.wav", MAX_S, &original, NULL), 0);
    for (size_t i = 0; i < N_CLIPS; i++) {
        if (ac_decode_file(clips[i].file, MAX_S, &pcm, reason) != 0)
            fail_msg("%s: %s", clips[i].file, reason);
        assert_true(pcm.n > CLIP_SAMPLES - 1600 && pcm.n < CLIP_SAMPLES + 3200);
        double alike = likeness(original.samples, pcm.samples, CLIP_SAMPLES - 1600, 1200);
        if (alike < 0.9)
            fail_msg("%s: only %.2f like the original", clips[i].file, alike);
        free(pcm.samples);
    }
    free(original.samples);
}

struct heard {
    pthread_mutex_t lock;
    struct ac_str pcm;
    int pcm_err, done, err;
    char reason[AC_DECODE_REASON];
};

static int hear(void *arg, const int16_t *pcm, size_t n)
{
    struct heard *h = arg;

    pthread_mutex_lock(&h->lock);
    ac_str_add_n(&h->pcm, (const char *)pcm, n * sizeof *pcm);
    int err = h->pcm_err;
    pthread_mutex_unlock(&h->lock);
    return err;
}

static void hear_end(void *arg, int err, const char *reason)
{
    struct heard *h = arg;

    pthread_mutex_lock(&h->lock);
    h->done++;
    h->err = err;
    snprintf(h->reason, sizeof h->reason, "%s", reason);
    pthread_mutex_unlock(&h->lock);
}

static bool wait_for(struct heard *h, bool (*what)(const struct heard *))
{
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&h->lock);
        bool yes = what(h);
        pthread_mutex_unlock(&h->lock);
        if (yes)
            return true;
        ac_sleep_us(1000);
    }
    return false;
}

static bool is_done(const struct heard *h)
{
    return h->done > 0;
}

static bool has_second(const struct heard *h)
{
    return h->pcm.len >= OUT_HZ * sizeof(int16_t);
}

static struct ac_decode_stream *open_stream(struct heard *h, const char *format, int max_s)
{
    struct ac_decode_sink sink = {.arg = h, .pcm = hear, .done = hear_end};
    struct ac_decode_stream *s;

    *h = (struct heard){.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(ac_decode_stream_open(&s, format, max_s, &sink), 0);
    return s;
}

static void test_streams(void **state)
{
    static const size_t pieces[] = {1, 7, 500, 100000};

    (void)state;
    for (size_t i = 0; i < N_CLIPS * 4; i++) {
        struct heard h;
        struct ac_pcm whole;
        struct ac_str s = {0};
        size_t piece = pieces[i % 4];

        assert_int_equal(ac_decode_file(clips[i / 4].file, MAX_S, &whole, NULL), 0);
        assert_int_equal(ac_read_file(clips[i / 4].file, 1 << 20, &s.p, &s.len), 0);
        struct ac_decode_stream *stream = open_stream(&h, clips[i / 4].format, MAX_S);
        for (size_t at = 0; at < s.len; at += piece)
            assert_int_equal(
                ac_decode_stream_write(stream, s.p + at, s.len - at < piece ? s.len - at : piece), 0);
        ac_decode_stream_end(stream);
        assert_int_equal(ac_decode_stream_write(stream, "x", 1), AC_ECLOSED);
        assert_true(wait_for(&h, is_done));
        ac_decode_stream_close(stream);
        assert_int_equal(h.done, 1);
        if (h.err)
            fail_msg("%s in pieces of %zu: %s", clips[i / 4].file, piece, h.reason);
        if (h.pcm.len != whole.n * sizeof(int16_t) || memcmp(h.pcm.p, whole.samples, h.pcm.len) != 0)
            fail_msg("%s in pieces of %zu: %zu samples, not the file's %zu", clips[i / 4].file, piece,
                     h.pcm.len / 2, whole.n);
        free(whole.samples);
        ac_str_free(&h.pcm);
        ac_str_free(&s);
    }
}

/* Samples come while the stream goes on, and closing it in the middle is quiet. */
static void test_stream_is_live(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CLIPS; i++) {
        struct heard h;
        struct ac_str s = {0};

        assert_int_equal(ac_read_file(clips[i].file, 1 << 20, &s.p, &s.len), 0);
        struct ac_decode_stream *stream = open_stream(&h, clips[i].format, 0);
        assert_int_equal(ac_decode_stream_write(stream, s.p, s.len / 2), 0);
        if (!wait_for(&h, has_second)) /* of the 1.5 that it has been given */
            fail_msg("%s: only %zu samples came", clips[i].file, h.pcm.len / 2);
        ac_decode_stream_close(stream);
        assert_int_equal(h.done, 0);
        ac_str_free(&h.pcm);
        ac_str_free(&s);
    }
    ac_decode_stream_close(NULL);
}

static void test_bad_streams(void **state)
{
    static const struct {
        const char *name;
        size_t skip;
        int max_s, pcm_err, err;
        const char *why;
    } cases[] = {
        {"the header is missing", 1000, MAX_S, 0, AC_EINVAL, "known format"},
        {"too long", 0, 1, 0, AC_ELIMIT, "longer than the 1 seconds"},
        {"the reader is gone", 0, MAX_S, AC_ECLOSED, AC_ECLOSED, ""},
    };
    struct ac_str s = {0};
    struct ac_decode_stream *stream;
    struct heard h;

    (void)state;
    assert_int_equal(ac_decode_stream_open(&stream, "mkv", 0, &(struct ac_decode_sink){0}), AC_ENOTSUP);
    assert_int_equal(ac_read_file(clips[0].file, 1 << 20, &s.p, &s.len), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stream = open_stream(&h, "webm", cases[i].max_s);
        h.pcm_err = cases[i].pcm_err;
        assert_int_equal(ac_decode_stream_write(stream, s.p + cases[i].skip, s.len - cases[i].skip), 0);
        ac_decode_stream_end(stream);
        assert_true(wait_for(&h, is_done));
        assert_int_equal(ac_decode_stream_write(stream, "x", 1), AC_ECLOSED);
        ac_decode_stream_close(stream);
        if (h.err != cases[i].err || !strstr(h.reason, cases[i].why))
            fail_msg("%s: %s: %s", cases[i].name, ac_err_name(h.err), h.reason);
        ac_str_free(&h.pcm);
    }
    ac_str_free(&s);
}

/* Nobody takes what is written: the queue says so and loses nothing that it took. */
static void test_stream_is_bounded(void **state)
{
    static char zeros[AC_DECODE_QUEUE_BYTES / 2];
    struct heard h;
    struct ac_decode_stream *stream = open_stream(&h, "webm", 0);

    (void)state;
    assert_int_equal(ac_decode_stream_write(stream, zeros, AC_DECODE_QUEUE_BYTES / 2), 0);
    int err = 0;
    for (int i = 0; i < 3 && !err; i++)
        err = ac_decode_stream_write(stream, zeros, sizeof zeros);
    assert_true(err == AC_EFULL || err == 0 || err == AC_ECLOSED); /* the thread may be quick */
    static char huge[AC_DECODE_QUEUE_BYTES + 1];
    err = ac_decode_stream_write(stream, huge, sizeof huge);
    assert_true(err == AC_EFULL || err == AC_ECLOSED);
    ac_decode_stream_close(stream);
    ac_str_free(&h.pcm);
}

/* At another rate than listening wants it: as many samples more, the same sound. */
static void test_other_rate(void **state)
{
    struct ac_pcm low, high;
    double low_sum = 0, high_sum = 0;

    (void)state;
    assert_int_equal(ac_decode_file("test/data/jfk.wav", MAX_S, &low, NULL), 0);
    assert_int_equal(ac_decode_file_at("test/data/jfk.wav", 24000, MAX_S, &high, NULL), 0);
    assert_in_range(high.n, low.n * 3 / 2 - 100, low.n * 3 / 2 + 100);
    for (size_t i = 0; i < low.n; i++)
        low_sum += (double)low.samples[i] * low.samples[i];
    for (size_t i = 0; i < high.n; i++)
        high_sum += (double)high.samples[i] * high.samples[i];
    assert_true(fabs(high_sum / (double)high.n / (low_sum / (double)low.n) - 1) < 0.02);
    free(low.samples);
    free(high.samples);
    assert_int_equal(ac_decode_file_at("test/data/jfk.wav", 24000, 5, &high, NULL), AC_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_rate),
        cmocka_unit_test(test_wav_kinds),
        cmocka_unit_test(test_channels_are_averaged),
        cmocka_unit_test(test_bad_wavs),
        cmocka_unit_test(test_no_audio),
        cmocka_unit_test(test_truncated_is_said),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_clips_sound_like_the_original),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_stream_is_live),
        cmocka_unit_test(test_bad_streams),
        cmocka_unit_test(test_stream_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
