/*
 * PocketSphinx behind the contract, on a real clip: how many words it gets wrong, what comes while somebody
 * speaks, and what happens when it is interrupted, asked for another language, short of decoders, or when its
 * model is missing.
 */
#include "asr_engine.h"
#include "word_errors.h"

#include <pthread.h>

#include "base/clock.h"
#include "media/decode.h"

extern const struct ac_handler_info ac_handler_asr_pocketsphinx;

static const char jfk_text[] =
    "And so my fellow Americans ask not what your country can do for you, ask what you "
    "can do for your country";
static struct ac_pcm jfk;
static struct engine engine; /* with two decoders, open for all tests */

enum { SHORT = 2 * RATE }; /* "And so my fellow" */

static void engine_prepare(struct engine *e, const char *decoders)
{
    *e = (struct engine){.info = &ac_handler_asr_pocketsphinx, .env = make_env("asr.pocketsphinx")};
    e->cfg = ac_zalloc(e->info->cfg_size);
    e->model = ac_zalloc(e->info->model_size);
    for (const struct ac_option *o = e->info->options; o->type; o++)
        set_option(e, o->name, o->def);
    set_option(e, "decoders", decoders);
}

static void test_clip(void **state)
{
    struct ear ear;

    (void)state;
    ear_open(&ear, &engine);
    const struct ac_transcript *t = ear_recognise(&ear, jfk.samples, jfk.n, "en-US");
    double wrong = word_errors(jfk_text, t->text);
    print_message("%s (%.1f %% wrong, confidence %.2f, %zu partials)\n", t->text, wrong, t->confidence,
                  ear.partials);
    assert_true(wrong <= 25);
    assert_true(ear.partials >= 2);
    assert_string_equal(t->lang, "en");
    assert_true(t->confidence > 0 && t->confidence <= 1);
    assert_true(t->n_words > 15);
    for (size_t i = 0; i < t->n_words; i++) {
        const struct ac_word *w = &t->words[i];
        assert_true(w->start_us < w->end_us && w->end_us <= 11000000);
        assert_true(i == 0 || (w->start_us >= w[-1].end_us && w->text_start > w[-1].text_start));
        assert_true(w->text_start + w->text_len <= strlen(t->text));
        assert_true(i == 0 || t->text[w->text_start - 1] == ' ');
    }
    /* "ask not" follows the long pause at 3.3 s */
    const struct ac_word *last = &t->words[t->n_words - 1];
    assert_true(last->end_us > 9500000);
    assert_int_equal(last->text_start + last->text_len, strlen(t->text));
    ear_close(&ear);
}

static void test_nothing_said(void **state)
{
    static int16_t pcm[2 * RATE];
    struct ear ear;

    (void)state;
    ear_open(&ear, &engine);
    assert_string_equal(ear_recognise(&ear, pcm, 0, "")->text, "");
    assert_string_equal(ear_recognise(&ear, pcm, 100, "")->text, "");
    assert_string_equal(ear_recognise(&ear, pcm, 2 * RATE, "")->text, "");
    make_noise(pcm, 2 * RATE, 200);
    assert_true(strlen(ear_recognise(&ear, pcm, 2 * RATE, "")->text) < 12);
    ear_close(&ear);
}

static void test_languages(void **state)
{
    static const struct {
        const char *lang;
        int err;
    } cases[] = {{"", 0},
                 {"en", 0},
                 {"en-GB", 0},
                 {"EN_us", 0},
                 {"auto", 0},
                 {"zh-CN", AC_ENOTSUP},
                 {"eng", AC_ENOTSUP},
                 {"de", AC_ENOTSUP}};
    static const int16_t pcm[160];
    struct ear ear;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ear_open(&ear, &engine);
        assert_int_equal(ear_hear(&ear, pcm, 160, 160, cases[i].lang), cases[i].err);
        if (cases[i].err)
            assert_non_null(strstr(ear.env.reason, "English only"));
        ear_close(&ear);
    }
}

static void *trigger_soon(void *cancel)
{
    ac_sleep_us(100000);
    ac_cancel_trigger(cancel);
    return NULL;
}

static void test_interruption(void **state)
{
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    pthread_t thread;
    struct ear ear;

    (void)state;
    ear_open(&ear, &engine);
    assert_int_equal(ear_hear(&ear, jfk.samples, jfk.n, jfk.n, "en"), 0);
    pthread_create(&thread, NULL, trigger_soon, cancel);
    assert_int_equal(ear_finish(&ear, cancel), AC_ECANCELED);
    pthread_join(thread, NULL);
    assert_int_equal(ear.finals, 0);
    ear.engine->info->reset(ear.inst);
    assert_string_equal(ear_recognise(&ear, jfk.samples, 0, "en")->text, ""); /* it is forgotten */
    ac_cancel_unref(cancel);

    ear.refuse_with = AC_ECLOSED; /* the reader is gone */
    assert_int_equal(ear_finish(&ear, NULL), AC_ECLOSED);
    ear_close(&ear);
}

/* ---- few decoders, many speakers ---- */

static void *recognise_short(void *arg)
{
    struct ear ear;

    ear_open(&ear, arg);
    char *text = strdup(ear_recognise(&ear, jfk.samples, SHORT, "en")->text);
    ear_close(&ear);
    return text;
}

static void test_one_decoder_for_many(void **state)
{
    struct engine e;
    struct ear speaking;
    pthread_t threads[2];
    char *text[2];

    (void)state;
    engine_prepare(&e, "1");
    assert_int_equal(engine_open(&e), 0);
    ear_open(&speaking, &e); /* has the only live decoder, as long as its utterance lasts */
    assert_int_equal(ear_hear(&speaking, jfk.samples, SHORT, 1600, "en"), 0);
    assert_true(speaking.partials > 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, recognise_short, &e);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], (void **)&text[i]);
    assert_int_equal(ear_finish(&speaking, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(text[i], speaking.last->transcript.text);
        free(text[i]);
    }
    assert_true(strlen(speaking.last->transcript.text) > 5);
    ear_close(&speaking);
    engine_close(&e);
}

static void test_missing_model(void **state)
{
    static const struct {
        const char *option, *value, *why;
    } cases[] = {
        {"acoustic", "/nowhere/en-us", "acoustic model '/nowhere/en-us' cannot be read"},
        {"lm", "/nowhere/en.lm", "language model '/nowhere/en.lm'"},
        {"dict", "/nowhere/en.dict", "install Debian's package pocketsphinx-en-us"},
        {"acoustic", "test/data", "cannot load its model from 'test/data'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine e;
        engine_prepare(&e, "1");
        set_option(&e, cases[i].option, cases[i].value);
        assert_int_equal(engine_open(&e), AC_EMODEL);
        if (!strstr(e.env.reason, cases[i].why))
            fail_msg("%s", e.env.reason);
        engine_close(&e);
    }
}

static int group_setup(void **state)
{
    (void)state;
    engine_prepare(&engine, "2");
    return ac_decode_file("test/data/jfk.wav", 60, &jfk, NULL) || engine_open(&engine);
}

static int group_teardown(void **state)
{
    (void)state;
    engine_close(&engine);
    free(jfk.samples);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_nothing_said),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_interruption),
        cmocka_unit_test(test_one_decoder_for_many),
        cmocka_unit_test(test_missing_model),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
