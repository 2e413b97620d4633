/*
 * The sensevoice engine on the small model of tools/asr_test_models.py, in which tones in the middle of mel
 * bands are tokens: from sound through features, tags and CTC to words with times.
 */
#include "asr_engine.h"

#include <stdio.h>

extern const struct ac_handler_info ac_handler_asr_sensevoice;

#define MODEL "test/data/asr/sensevoice"

/* Tones of the model, by what they say. */
enum { PAUSE = 0, HELLO = 20, WOR = 28, LD = 36, NI = 44, HAO = 52, BYTE1 = 58, BYTE2 = 64, BYTE3 = 70 };

/* The middle of a band of the filter bank. */
static double band_hz(int band)
{
    double low = 1127 * log(1 + 20.0 / 700), high = 1127 * log(1 + 8000.0 / 700);

    return 700 * (exp((low + (high - low) / 81 * (band + 1)) / 1127) - 1);
}

/* Tones of 0.24 s each (four frames of the model); returns how many samples. */
static size_t play(int16_t *pcm, const int *tones, size_t n)
{
    enum { LENGTH = 24 * RATE / 100 };

    for (size_t i = 0; i < n; i++) {
        memset(pcm + i * LENGTH, 0, LENGTH * sizeof *pcm);
        if (tones[i] != PAUSE)
            make_tone(pcm + i * LENGTH, LENGTH, band_hz(tones[i]));
    }
    return n * LENGTH;
}

static void open_all(struct engine *e, struct ear *ear, const char *option, const char *value)
{
    engine_init(e, &ac_handler_asr_sensevoice, MODEL);
    if (option)
        set_option(e, option, value);
    int err = engine_open(e);
    if (err)
        fail_msg("%s: %s", ac_err_name(err), e->env.reason);
    ear_open(ear, e);
}

static void close_all(struct engine *e, struct ear *ear)
{
    ear_close(ear);
    engine_close(e);
}

static void test_texts(void **state)
{
    static const struct {
        int tones[8];
        size_t n;
        const char *lang, *itn, *text, *heard_lang;
        size_t n_words;
    } cases[] = {
        {{PAUSE, HELLO, PAUSE, WOR, LD, PAUSE}, 6, "", "false", "hello world", "en", 2},
        {{PAUSE, HELLO, PAUSE, WOR, LD, PAUSE}, 6, "", "true", "hello world。", "en", 3},
        {{HELLO, HELLO, PAUSE, HELLO}, 4, "en-US", "false", "hello hello", "en", 2}, /* neighbours are one */
        {{NI, HAO, PAUSE, PAUSE}, 4, "zh-CN", "true", "你好。", "zh", 3},
        {{NI, PAUSE, NI}, 3, "cmn", "false", "你你", "zh", 2},
        {{HELLO, NI, HAO, HELLO}, 4, "", "false", "hello你好 hello", "en", 4},
        {{BYTE1, BYTE2, BYTE3}, 3, "", "false", "好", "en", 1}, /* in bytes */
        {{BYTE1, BYTE2, PAUSE}, 3, "", "false", "", "en", 0},   /* not a character */
        {{PAUSE, PAUSE, PAUSE}, 3, "", "false", "", "", 0},
        {{PAUSE}, 1, "", "true", "", "", 0}, /* nobody speaks: no full stop */
    };
    static int16_t sound[4 * RATE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine e;
        struct ear ear;
        open_all(&e, &ear, "itn", cases[i].itn);
        const struct ac_transcript *t =
            ear_recognise(&ear, sound, play(sound, cases[i].tones, cases[i].n), cases[i].lang);
        if (strcmp(t->text, cases[i].text) || strcmp(t->lang, cases[i].heard_lang) ||
            t->n_words != cases[i].n_words)
            fail_msg("case %zu: \"%s\" (%s, %zu words), not \"%s\" (%s, %zu words)", i, t->text, t->lang,
                     t->n_words, cases[i].text, cases[i].heard_lang, cases[i].n_words);
        assert_true(*t->text ? t->confidence > 0.3F && t->confidence <= 1 : t->confidence == 0);
        close_all(&e, &ear);
    }
}

static void test_times(void **state)
{
    static const int tones[] = {PAUSE, HELLO, PAUSE, WOR, LD, PAUSE};
    static const struct {
        const char *text;
        int32_t start_us, end_us;
    } words[] = {{"hello", 240000, 480000}, {"world", 720000, 1200000}};
    static int16_t sound[2 * RATE];
    struct engine e;
    struct ear ear;

    (void)state;
    open_all(&e, &ear, "itn", "false");
    const struct ac_transcript *t = ear_recognise(&ear, sound, play(sound, tones, 6), "");
    assert_int_equal(t->n_words, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct ac_word *w = &t->words[i];
        assert_int_equal(w->text_len, strlen(words[i].text));
        assert_memory_equal(t->text + w->text_start, words[i].text, w->text_len);
        assert_true(abs(w->start_us - words[i].start_us) <= 60000); /* a frame */
        assert_true(abs(w->end_us - words[i].end_us) <= 60000);
    }
    close_all(&e, &ear);
}

/* Longer than the window: cut in a pause, times go on. */
static void test_long(void **state)
{
    static int16_t sound[45 * RATE];
    static const int hello[] = {HELLO};
    struct engine e;
    struct ear ear;

    (void)state;
    memset(sound, 0, sizeof sound);
    for (int s = 1; s < 45; s += 4)
        play(sound + s * RATE, hello, 1);
    open_all(&e, &ear, "itn", "false");
    const struct ac_transcript *t = ear_recognise(&ear, sound, 45 * RATE, "en");
    assert_string_equal(t->text, "hello hello hello hello hello hello hello hello hello hello hello");
    assert_int_equal(t->n_words, 11);
    for (size_t i = 0; i < 11; i++)
        assert_true(abs(t->words[i].start_us - (int)(1 + 4 * i) * 1000000) <= 60000);
    assert_int_equal(ear.partials, 1);
    close_all(&e, &ear);
}

static void test_refused(void **state)
{
    static const char *const langs[] = {"fr", "zho", "e", "-"};
    static int16_t sound[RATE];
    struct engine e;
    struct ear ear;
    struct ac_cancel *c = ac_cancel_new(NULL);

    (void)state;
    open_all(&e, &ear, NULL, NULL);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ear_hear(&ear, sound, RATE, RATE, langs[i]), AC_ENOTSUP);
        assert_non_null(strstr(ear.env.reason, langs[i]));
    }
    for (size_t n = 0; n < 1700; n += 100)
        assert_string_equal(ear_recognise(&ear, sound, n, "")->text, "");
    assert_int_equal(ear_hear(&ear, sound, RATE, RATE, ""), 0);
    ac_cancel_trigger(c);
    assert_int_equal(ear_finish(&ear, c), AC_ECANCELED);
    ac_cancel_unref(c);
    close_all(&e, &ear);

    engine_init(&e, &ac_handler_asr_sensevoice, "small");
    e.env.data_dirs = (const char *const[]){"/nonexistent", NULL};
    set_option(&e, "model", "none-such");
    assert_int_equal(engine_open(&e), AC_EMODEL);
    assert_non_null(strstr(e.env.reason, "avatar-chat models pull sensevoice-none-such"));
    engine_close(&e);
    engine_init(&e, &ac_handler_asr_sensevoice, "test/data/asr/whisper"); /* another model's folder */
    assert_int_equal(engine_open(&e), AC_EMODEL);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
