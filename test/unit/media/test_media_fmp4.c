/*
 * The MP4 that comes out of the encoder is taken apart with libav's demuxer and decoders and compared with
 * what went in: number, times and look of the pictures, pitch and place of the sound, structure of the boxes.
 */
#include "avatarchat/err.h"
#include "media/fmp4.h"
#include "media_util.h"

enum { FPS = 25, RATE = AC_FMP4_AUDIO_RATE, PER_FRAME = RATE / FPS, FRAGMENT = 5 };

static const struct ac_fmp4_config CONFIG = {
    .width = 128, .height = 96, .fps = FPS, .crf = 18, .audio_kbps = 64};

/* One turn being encoded: bytes so far, and where its fragments begin. */
struct turn {
    struct ac_fmp4 *m;
    struct ac_fmp4_config cfg;
    struct ac_str out;
    size_t fragments[MAX_DECODED / FRAGMENT], n_fragments;
    int picture;
    size_t sample;
};

static void turn_begin(struct turn *t, const struct ac_fmp4_config *cfg)
{
    size_t len;

    memset(t, 0, sizeof *t);
    t->cfg = *cfg;
    assert_int_equal(ac_fmp4_open(&t->m, cfg), AC_OK);
    if (cfg->faststart)
        return;
    const char *init = ac_fmp4_init_segment(t->m, &len);
    ac_str_add_n(&t->out, init, len);
}

/* Encodes a sentence of n pictures, fragment by fragment, with the sound running ahead by the coder's lead.
 */
static void turn_sentence(struct turn *t, int n, const int16_t *pcm)
{
    size_t fed = 0, samples = (size_t)n * PER_FRAME;

    for (int i = 0; i < n; i++) {
        if (i % FRAGMENT == 0 && pcm) {
            size_t until = (size_t)(i + FRAGMENT) * PER_FRAME + AC_FMP4_AUDIO_LEAD;

            if (until > samples)
                until = samples;
            assert_int_equal(ac_fmp4_audio(t->m, pcm + fed, until - fed), AC_OK);
            fed = until;
        }
        struct ac_frame *f = make_picture(t->cfg.width, t->cfg.height, t->picture++);

        assert_int_equal(ac_fmp4_video(t->m, &f->picture, i == 0), AC_OK);
        ac_frame_unref(f);
        if (!t->cfg.faststart && (i % FRAGMENT == FRAGMENT - 1 || i == n - 1)) {
            t->fragments[t->n_fragments++] = t->out.len;
            assert_int_equal(ac_fmp4_flush(t->m, &t->out), AC_OK);
            assert_true(t->out.len > t->fragments[t->n_fragments - 1]);
        }
    }
    t->sample += samples;
}

static void turn_end(struct turn *t)
{
    assert_int_equal(ac_fmp4_finish(t->m, &t->out), AC_OK);
}

static void turn_free(struct turn *t)
{
    ac_fmp4_close(t->m);
    ac_str_free(&t->out);
}

static void check_pictures(const struct decoded *d, const struct ac_fmp4_config *cfg, int n)
{
    assert_int_equal(d->n_pictures, n);
    assert_int_equal(d->width, cfg->width);
    assert_int_equal(d->height, cfg->height);
    assert_int_equal(d->pix_fmt, AV_PIX_FMT_YUV420P);
    assert_int_equal(d->range, AVCOL_RANGE_MPEG);
    assert_int_equal(d->space, AVCOL_SPC_BT709);
    assert_int_equal(d->primaries, AVCOL_PRI_BT709);
    assert_int_equal(d->trc, AVCOL_TRC_BT709);
    assert_float_equal(d->fps, cfg->fps, 0.01);
    for (int i = 0; i < n; i++) {
        struct ac_frame *f = make_picture(cfg->width, cfg->height, i);
        const AVFrame *got = d->pictures[i];

        assert_float_equal(d->picture_s[i], (double)i / cfg->fps, 1e-4);
        for (int c = 0; c < 3; c++) {
            double db = psnr(f->picture.data[c], f->picture.stride[c], got->data[c], got->linesize[c],
                             c ? cfg->width / 2 : cfg->width, c ? cfg->height / 2 : cfg->height);

            if (db < 35)
                fail_msg("picture %d, plane %d: %.1f dB", i, c, db);
        }
        ac_frame_unref(f);
    }
}

/* A tone of 440 Hz and the level, from 50 ms to the end of the pictures. */
static void check_tone(const struct decoded *d, double amplitude)
{
    size_t from = RATE / 20, end = (size_t)(d->video_end_s * RATE);

    assert_int_equal(d->rate_hz, RATE);
    assert_in_range(d->n_audio, end - RATE / 25, end + RATE / 20);
    if (end > d->n_audio)
        end = d->n_audio;
    const float *x = d->audio + from;
    size_t n = end - from - RATE / 25;

    assert_float_equal(crossing_hz(x, n, RATE), 440, 1);
    assert_float_equal(tone_level(x, n, RATE, 440), amplitude / 32768, 0.02 * amplitude / 32768);
}

/* Time of the first sample over the level, from the given time on. */
static double onset_s(const struct decoded *d, double from_s, double level)
{
    for (size_t i = (size_t)(from_s * RATE); i < d->n_audio; i++)
        if (fabsf(d->audio[i]) > level)
            return (double)i / RATE;
    return -1;
}

static void test_turn_comes_back(void **state)
{
    static const struct {
        int width, height, fps, pictures;
    } cases[] = {
        {64, 64, 25, 7}, {512, 512, 25, 30}, {720, 404, 25, 12}, {128, 96, 25, 120}, {1920, 1920, 25, 5}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_fmp4_config cfg = CONFIG;
        int16_t *pcm = make_tone((size_t)cases[i].pictures * PER_FRAME, RATE, 440, 12000);
        struct turn t;
        struct decoded d;

        cfg.width = cases[i].width;
        cfg.height = cases[i].height;
        turn_begin(&t, &cfg);
        turn_sentence(&t, cases[i].pictures, pcm);
        turn_end(&t);
        decode_mp4(&d, t.out.p, t.out.len);
        assert_int_equal(d.streams, 2);
        check_pictures(&d, &cfg, cases[i].pictures);
        check_tone(&d, 12000);
        assert_float_equal(d.audio_start_s, 0, 1e-6);
        assert_in_range(onset_s(&d, 0, 0.1) * 1e6, 0, 40000);
        assert_float_equal(d.video_end_s, (double)cases[i].pictures / FPS, 1e-3);
        assert_float_equal(d.audio_end_s, d.video_end_s, 0.040);
        decoded_free(&d);
        turn_free(&t);
        free(pcm);
    }
}

/* Sound that begins in the middle is heard when the picture of that time is shown. */
static void test_sound_is_in_place(void **state)
{
    (void)state;
    for (int faststart = 0; faststart < 2; faststart++) {
        enum { PICTURES = 50, ONSET = 29 * PER_FRAME + 123 };
        struct ac_fmp4_config cfg = CONFIG;
        int16_t *pcm = make_tone((size_t)PICTURES * PER_FRAME, RATE, 440, 16000);
        struct turn t;
        struct decoded d;

        memset(pcm, 0, ONSET * sizeof *pcm);
        cfg.faststart = faststart;
        turn_begin(&t, &cfg);
        turn_sentence(&t, PICTURES, pcm);
        turn_end(&t);
        decode_mp4(&d, t.out.p, t.out.len);
        assert_float_equal(onset_s(&d, 0, 0.2), (double)ONSET / RATE, 0.005);
        decoded_free(&d);
        turn_free(&t);
        free(pcm);
    }
}

/* What a player with only the first fragment has: whole pictures, and the sound for most of their time. */
static void test_first_fragment_plays_alone(void **state)
{
    int16_t *pcm = make_tone((size_t)20 * PER_FRAME, RATE, 440, 12000);
    struct turn t;
    struct decoded d;

    (void)state;
    turn_begin(&t, &CONFIG);
    turn_sentence(&t, 20, pcm);
    decode_mp4(&d, t.out.p, t.fragments[1]);
    assert_int_equal(d.n_pictures, FRAGMENT);
    assert_float_equal(d.video_end_s, 0.2, 1e-6);
    assert_in_range(d.n_audio, RATE / 5 - 1024, RATE / 5 + 1024);
    decoded_free(&d);
    turn_end(&t);
    turn_free(&t);
    free(pcm);
}

/* moof + mdat only, offsets relative to the moof, decode times of the first picture and within one AAC frame.
 */
static void check_fragment(const char *p, size_t len, int first_picture, int n_pictures)
{
    struct ac_str types = {0};
    size_t size, moof_size;
    const char *moof, *box;

    box_types(p, len, &types);
    assert_string_equal(types.p, "moof mdat ");
    ac_str_free(&types);
    moof = box_find(p, len, "moof", &moof_size);
    assert_non_null(moof);
    box = box_find(moof, moof_size, "traf/tfhd", &size);
    assert_non_null(box);
    assert_true(be32(box) & 0x020000);  /* default-base-is-moof */
    assert_false(be32(box) & 0x000001); /* base-data-offset-present */
    assert_int_equal(be32(box + 4), 1); /* the pictures' track comes first */
    box = box_find(moof, moof_size, "traf/tfdt", &size);
    assert_non_null(box);
    uint64_t at = box[0] == 1 ? (uint64_t)be32(box + 4) << 32 | be32(box + 8) : be32(box + 4);

    assert_int_equal(at % 512, 0); /* 12,800 ticks a second */
    assert_int_equal(at / 512, first_picture);
    box = box_find(moof, moof_size, "traf/trun", &size);
    assert_non_null(box);
    assert_int_equal(be32(box + 4), n_pictures);
}

static void test_boxes(void **state)
{
    enum { PICTURES = 23 };
    int16_t *pcm = make_tone((size_t)PICTURES * PER_FRAME, RATE, 440, 12000);
    struct ac_str types = {0};
    struct turn t;

    (void)state;
    turn_begin(&t, &CONFIG);
    box_types(t.out.p, t.out.len, &types);
    assert_string_equal(types.p, "ftyp moov ");
    turn_sentence(&t, PICTURES, pcm);
    assert_int_equal(t.n_fragments, 5);
    for (size_t i = 0; i < t.n_fragments; i++) {
        size_t end = i + 1 < t.n_fragments ? t.fragments[i + 1] : t.out.len;

        check_fragment(t.out.p + t.fragments[i], end - t.fragments[i], (int)i * FRAGMENT,
                       i + 1 < t.n_fragments ? FRAGMENT : PICTURES % FRAGMENT);
    }
    ac_str_free(&types);
    turn_end(&t);
    turn_free(&t);
    free(pcm);
}

/* Pictures that stand for several frames: the next ones, and the end of a fragment, are where they should be.
 */
static void test_held_pictures(void **state)
{
    static const int shown[] = {2, 2, 1, 5, 1, 1, 1, 1, 1}; /* three fragments */
    static const int starts[] = {0, 2, 4, 5, 10, 11, 12, 13, 14};
    enum { N = sizeof shown / sizeof *shown };
    int16_t *pcm = make_tone((size_t)20 * PER_FRAME, RATE, 440, 12000);
    struct ac_str out = {0};
    struct ac_fmp4 *m;
    struct decoded d;
    size_t len, second = 0;

    (void)state;
    assert_int_equal(ac_fmp4_open(&m, &CONFIG), 0);
    const char *init = ac_fmp4_init_segment(m, &len);
    ac_str_add_n(&out, init, len);
    assert_int_equal(ac_fmp4_audio(m, pcm, (size_t)20 * PER_FRAME), 0);
    for (int i = 0; i < N; i++) {
        struct ac_frame *f = make_picture(CONFIG.width, CONFIG.height, starts[i]);
        assert_int_equal(ac_fmp4_video_long(m, &f->picture, !i, shown[i]), 0);
        ac_frame_unref(f);
        if (i == 3)
            second = out.len;
        if (i == 2 || i == 3)
            assert_int_equal(ac_fmp4_flush(m, &out), 0);
    }
    struct ac_frame *f = make_picture(CONFIG.width, CONFIG.height, 0);
    assert_int_equal(ac_fmp4_video_long(m, &f->picture, false, 0), AC_EINVAL);
    ac_frame_unref(f);
    assert_int_equal(ac_fmp4_finish(m, &out), 0);
    /* what is there after two fragments plays to their end: the one picture of the second lasts for five */
    const char *moof = box_find(out.p + second, out.len - second, "moof", &len);
    const char *tfhd = moof ? box_find(moof, len, "traf/tfhd", &len) : NULL;
    assert_non_null(tfhd);
    assert_true(be32(tfhd) & 0x000008); /* default-sample-duration-present */
    assert_int_equal(be32(tfhd + 8), 5 * 512);
    decode_mp4(&d, out.p, out.len);
    assert_int_equal(d.n_pictures, N);
    for (int i = 0; i < N; i++)
        assert_float_equal(d.picture_s[i], (double)starts[i] / CONFIG.fps, 1e-6);
    assert_float_equal(d.video_end_s, 15.0 / CONFIG.fps, 1e-6);
    decoded_free(&d);
    ac_fmp4_close(m);
    ac_str_free(&out);
    free(pcm);
}

/* The codecs string is that of the avcC box, and of AAC-LC. */
static void test_codecs(void **state)
{
    static const struct {
        int width, height;
    } cases[] = {{64, 64}, {512, 512}, {1280, 720}, {1920, 1080}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_fmp4_config cfg = CONFIG;
        char want[64];
        struct turn t;
        size_t size, len;

        cfg.width = cases[i].width;
        cfg.height = cases[i].height;
        turn_begin(&t, &cfg);
        const char *init = ac_fmp4_init_segment(t.m, &len);
        const char *stsd = box_find(init, len, "moov/trak/mdia/minf/stbl/stsd", &size);

        assert_non_null(stsd);
        /* version, flags, count; then avc1: header and 78 bytes of fields before its boxes */
        const char *avcc = box_find(stsd + 8 + 86, size - 8 - 86, "avcC", &size);

        assert_non_null(avcc);
        snprintf(want, sizeof want, "avc1.%02X%02X%02X, mp4a.40.2", (uint8_t)avcc[1], (uint8_t)avcc[2],
                 (uint8_t)avcc[3]);
        assert_string_equal(ac_fmp4_codecs(t.m), want);
        assert_memory_equal(want, "avc1.42C0", 9); /* Constrained Baseline: every browser plays it */
        turn_free(&t);
    }
}

/* Two sentences; the second comes later, its time follows the first, it begins with a sync sample. */
static void test_two_sentences(void **state)
{
    enum { FIRST = 33, SECOND = 21 };
    int16_t *one = make_tone((size_t)FIRST * PER_FRAME, RATE, 440, 12000);
    int16_t *two = make_tone((size_t)SECOND * PER_FRAME, RATE, 880, 12000);
    struct turn t;
    struct decoded d;

    (void)state;
    memset(one + (FIRST - 6) * PER_FRAME, 0, (size_t)6 * PER_FRAME * sizeof *one); /* silence at its end */
    turn_begin(&t, &CONFIG);
    turn_sentence(&t, FIRST, one);
    size_t len = t.out.len;
    assert_int_equal(ac_fmp4_flush(t.m, &t.out), AC_OK); /* nothing waits: nothing comes */
    assert_int_equal(t.out.len, len);
    turn_sentence(&t, SECOND, two);
    turn_end(&t);
    decode_mp4(&d, t.out.p, t.out.len);
    check_pictures(&d, &CONFIG, FIRST + SECOND);
    assert_int_equal(d.n_keys, 2);
    assert_int_equal(d.keys[0], 0);
    assert_int_equal(d.keys[1], FIRST);
    assert_float_equal(onset_s(&d, (FIRST - 4) * 0.04, 0.1), FIRST * 0.04, 0.005);
    const float *x = d.audio + (FIRST + 2) * PER_FRAME;
    assert_float_equal(crossing_hz(x, (SECOND - 4) * PER_FRAME, RATE), 880, 2);
    assert_float_equal(d.audio_end_s, d.video_end_s, 0.040);
    decoded_free(&d);
    turn_free(&t);
    free(one);
    free(two);
}

static void test_key_only_where_asked(void **state)
{
    struct ac_fmp4_config cfg = CONFIG;
    struct turn t;
    struct decoded d;

    (void)state;
    cfg.silent = true;
    turn_begin(&t, &cfg);
    for (int i = 0; i < 4; i++)
        turn_sentence(&t, 10 + i, NULL);
    turn_end(&t);
    decode_mp4(&d, t.out.p, t.out.len);
    assert_int_equal(d.n_keys, 4);
    for (int i = 0, at = 0; i < 4; at += 10 + i++)
        assert_int_equal(d.keys[i], at);
    decoded_free(&d);
    turn_free(&t);
}

static void test_faststart(void **state)
{
    enum { PICTURES = 40 };
    struct ac_fmp4_config cfg = CONFIG;
    int16_t *pcm = make_tone((size_t)PICTURES * PER_FRAME, RATE, 440, 12000);
    struct ac_str types = {0};
    struct turn t;
    struct decoded d;

    (void)state;
    cfg.faststart = true;
    turn_begin(&t, &cfg);
    turn_sentence(&t, PICTURES, pcm);
    assert_int_equal(ac_fmp4_flush(t.m, &t.out), AC_EINVAL);
    turn_end(&t);
    box_types(t.out.p, t.out.len, &types);
    assert_memory_equal(types.p, "ftyp moov ", 10);
    assert_non_null(strstr(types.p, "mdat"));
    assert_null(strstr(types.p, "moof"));
    decode_mp4(&d, t.out.p, t.out.len);
    check_pictures(&d, &cfg, PICTURES);
    check_tone(&d, 12000);
    assert_in_range(onset_s(&d, 0, 0.1) * 1e6, 0, 40000);
    assert_float_equal(d.video_end_s, PICTURES * 0.04, 1e-3);
    assert_float_equal(d.audio_end_s, d.video_end_s, 0.040);
    decoded_free(&d);
    ac_str_free(&types);
    turn_free(&t);
    free(pcm);
}

static void test_silent(void **state)
{
    (void)state;
    for (int faststart = 0; faststart < 2; faststart++) {
        struct ac_fmp4_config cfg = CONFIG;
        int16_t pcm[10] = {0};
        struct turn t;
        struct decoded d;

        cfg.silent = true;
        cfg.audio_kbps = 0;
        cfg.faststart = faststart;
        turn_begin(&t, &cfg);
        assert_null(strstr(ac_fmp4_codecs(t.m), "mp4a"));
        assert_int_equal(ac_fmp4_audio(t.m, pcm, 10), AC_EINVAL);
        turn_sentence(&t, 30, NULL);
        turn_end(&t);
        decode_mp4(&d, t.out.p, t.out.len);
        assert_int_equal(d.streams, 1);
        check_pictures(&d, &cfg, 30);
        decoded_free(&d);
        turn_free(&t);
    }
}

static void test_refusals(void **state)
{
    static const struct ac_fmp4_config cases[] = {
        {.width = 62, .height = 64, .fps = 25, .crf = 23, .audio_kbps = 64},
        {.width = 65, .height = 64, .fps = 25, .crf = 23, .audio_kbps = 64},
        {.width = 64, .height = 65, .fps = 25, .crf = 23, .audio_kbps = 64},
        {.width = 1922, .height = 64, .fps = 25, .crf = 23, .audio_kbps = 64},
        {.width = 64, .height = -64, .fps = 25, .crf = 23, .audio_kbps = 64},
        {.width = 64, .height = 64, .fps = 0, .crf = 23, .audio_kbps = 64},
        {.width = 64, .height = 64, .fps = 25, .crf = 52, .audio_kbps = 64},
        {.width = 64, .height = 64, .fps = 25, .crf = -1, .audio_kbps = 64},
        {.width = 64, .height = 64, .fps = 25, .crf = 23, .audio_kbps = 0},
    };
    struct ac_fmp4 *m = NULL;
    struct turn t;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ac_fmp4_open(&m, &cases[i]), AC_EINVAL);
        assert_null(m);
    }
    ac_fmp4_close(NULL);

    struct ac_frame *good = make_picture(128, 96, 0), *wrong = make_picture(96, 128, 0);
    turn_begin(&t, &CONFIG);
    assert_int_equal(ac_fmp4_video(t.m, &wrong->picture, true), AC_EINVAL);
    assert_int_equal(ac_fmp4_video(t.m, &good->picture, true), AC_OK);
    turn_end(&t);
    assert_int_equal(ac_fmp4_video(t.m, &good->picture, true), AC_EINVAL);
    assert_int_equal(ac_fmp4_finish(t.m, &t.out), AC_EINVAL);
    turn_free(&t);
    ac_frame_unref(good);
    ac_frame_unref(wrong);
}

/* An interrupted turn: closed with pictures and sound inside. The sanitizers look for leaks. */
static void test_closed_in_the_middle(void **state)
{
    int16_t *pcm = make_tone((size_t)20 * PER_FRAME, RATE, 440, 12000);

    (void)state;
    for (int faststart = 0; faststart < 2; faststart++) {
        struct ac_fmp4_config cfg = CONFIG;
        struct turn t;

        cfg.faststart = faststart;
        turn_begin(&t, &cfg);
        turn_sentence(&t, 13, pcm);
        turn_free(&t);
    }
    free(pcm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn_comes_back),
        cmocka_unit_test(test_sound_is_in_place),
        cmocka_unit_test(test_first_fragment_plays_alone),
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_held_pictures),
        cmocka_unit_test(test_codecs),
        cmocka_unit_test(test_two_sentences),
        cmocka_unit_test(test_key_only_where_asked),
        cmocka_unit_test(test_faststart),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_closed_in_the_middle),
    };

    return cmocka_run_group_tests_name("media/fmp4", tests, NULL, NULL);
}
