/*
 * The whisper engine on the small models of tools/asr_test_models.py, which say what they should only to a
 * caller that keeps caches and offsets, finds the language, suppresses what is no text, and ends in time.
 */
#include "asr_engine.h"

#include "base/str.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct ac_handler_info ac_handler_asr_whisper;

#define MODEL    "test/data/asr/whisper"
#define MODEL_EN "test/data/asr/whisper.en"

enum { LOUD = 20000, SOFT = 300 }; /* amplitudes; the models hear Chinese in what is loud */

static int16_t sound[70 * RATE];

struct option {
    const char *name, *value;
};

static void open_all(struct engine *e, struct ear *ear, const char *model, const struct option *options,
                     size_t n)
{
    engine_init(e, &ac_handler_asr_whisper, model);
    for (size_t i = 0; i < n && options[i].name; i++)
        set_option(e, options[i].name, options[i].value);
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
        const char *what, *model, *lang;
        int amplitude;
        struct option options[2];
        const char *text, *heard_lang;
    } cases[] = {
        {"soft: English, found", MODEL, "", SOFT, {{0}}, "Hello world!", "en"},
        {"loud: Chinese, found, characters put together", MODEL, "", LOUD, {{0}}, "你好，世界。", "zh"},
        {"asked for, against the sound", MODEL, "en", LOUD, {{0}}, "Hello world!", "en"},
        {"tags with regions and other names", MODEL, "zh-Hans-CN", SOFT, {{0}}, "你好，世界。", "zh"},
        {"", MODEL, "CMN", SOFT, {{0}}, "你好，世界。", "zh"},
        {"auto is no language", MODEL, "auto", LOUD, {{0}}, "你好，世界。", "zh"},
        {"configured", MODEL, "", LOUD, {{"language", "en"}}, "Hello world!", "en"},
        {"asked for, against the configured", MODEL, "zh", SOFT, {{"language", "en"}}, "你好，世界。", "zh"},
        {"in circles: once", MODEL, "ja", SOFT, {{0}}, "la li lu", "ja"},
        {"English only", MODEL_EN, "", LOUD, {{0}}, "Hello world!", "en"},
        {"English only, asked for", MODEL_EN, "en-GB", LOUD, {{0}}, "Hello world!", "en"},
        {"silence", MODEL, "", 0, {{0}}, "", ""},
        {"", MODEL, "zh", 0, {{0}}, "", ""},
        {"a long silence behind", MODEL, "", SOFT, {{"padding_ms", "10000"}}, "Hello world!", "en"},
        {"nothing behind", MODEL, "", SOFT, {{"padding_ms", "0"}}, "Hello world!", "en"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine e;
        struct ear ear;
        if (cases[i].amplitude)
            make_noise(sound, 2 * RATE, cases[i].amplitude);
        else
            memset(sound, 0, 2 * RATE * sizeof *sound);
        open_all(&e, &ear, cases[i].model, cases[i].options, 2);
        for (int round = 0; round < 2; round++) { /* the second utterance knows nothing of the first */
            const struct ac_transcript *t = ear_recognise(&ear, sound, 2 * RATE, cases[i].lang);
            if (strcmp(t->text, cases[i].text) || strcmp(t->lang, cases[i].heard_lang))
                fail_msg("%s: \"%s\" (%s), not \"%s\" (%s)", cases[i].what, t->text, t->lang, cases[i].text,
                         cases[i].heard_lang);
            assert_true(*t->text ? t->confidence > 0.3F && t->confidence <= 1 : t->confidence == 0);
            assert_int_equal(t->n_words, 0);
        }
        close_all(&e, &ear);
    }
}

/* The gate can be opened: then the model invents a text for silence. */
static void test_gate(void **state)
{
    struct engine e;
    struct ear ear;

    (void)state;
    memset(sound, 0, RATE * sizeof *sound);
    open_all(&e, &ear, MODEL, (struct option[]){{"no_speech_max", "1"}}, 1);
    assert_string_not_equal(ear_recognise(&ear, sound, RATE, "en")->text, "");
    close_all(&e, &ear);
    open_all(&e, &ear, MODEL, (struct option[]){{"logprob_min", "-20"}}, 1);
    assert_string_not_equal(ear_recognise(&ear, sound, RATE, "en")->text, "");
    close_all(&e, &ear);
}

/* A text that never ends is capped by the length of the sound, and by half of the model's text. */
static void test_cap(void **state)
{
    static const struct {
        double seconds;
        size_t tokens;
    } cases[] = {{0.5, 20}, {1, 24}, {10, 32}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine e;
        struct ear ear;
        struct ac_str expected = {0};
        size_t n = (size_t)(cases[i].seconds * RATE);
        make_noise(sound, n, SOFT);
        open_all(&e, &ear, MODEL, NULL, 0);
        for (size_t k = 0; k < cases[i].tokens; k++)
            ac_str_addf(&expected, "%sw%zu", k ? " " : "", 20 + k);
        assert_string_equal(ear_recognise(&ear, sound, n, "ko")->text, expected.p);
        ac_str_free(&expected);
        close_all(&e, &ear);
    }
}

static void test_timestamps(void **state)
{
    static const struct {
        const char *text;
        int32_t start_us, end_us;
    } words[] = {{"Hello world", 0, 500000}, {", there", 500000, 960000}};
    struct engine e;
    struct ear ear;

    (void)state;
    make_noise(sound, RATE, SOFT);
    open_all(&e, &ear, MODEL, (struct option[]){{"timestamps", "true"}}, 1);
    const struct ac_transcript *t = ear_recognise(&ear, sound, RATE, "en");
    assert_string_equal(t->text, "Hello world, there");
    assert_int_equal(t->n_words, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct ac_word *w = &t->words[i];
        assert_int_equal(w->text_len, strlen(words[i].text));
        assert_memory_equal(t->text + w->text_start, words[i].text, w->text_len);
        assert_int_equal(w->start_us, words[i].start_us);
        assert_int_equal(w->end_us, words[i].end_us);
    }
    close_all(&e, &ear);
}

/* More than the encoder's 30 s: cut, recognised part by part, nothing held; times go on. */
static void test_long(void **state)
{
    struct engine e;
    struct ear ear;

    (void)state;
    make_noise(sound, 70 * RATE, SOFT);
    open_all(&e, &ear, MODEL, (struct option[]){{"timestamps", "true"}}, 1);
    const struct ac_transcript *t = ear_recognise(&ear, sound, 70 * RATE, "en");
    assert_string_equal(t->text, "Hello world, there Hello world, there Hello world, there");
    assert_int_equal(ear.partials, 2);
    assert_int_equal(t->n_words, 6);
    for (size_t i = 1; i < 6; i++)
        assert_true(t->words[i].start_us >= t->words[i - 1].end_us);
    assert_true(t->words[4].start_us > 40000000);
    close_all(&e, &ear);

    open_all(&e, &ear, MODEL, NULL, 0);
    make_noise(sound, 70 * RATE, LOUD); /* a script without blanks is joined without */
    assert_string_equal(ear_recognise(&ear, sound, 70 * RATE, "")->text,
                        "你好，世界。你好，世界。你好，世界。");
    close_all(&e, &ear);
}

static void test_short_and_reset(void **state)
{
    static const size_t lengths[] = {0, 1, 160, 1599, 1600, 1601};
    struct engine e;
    struct ear ear;

    (void)state;
    make_noise(sound, RATE, SOFT);
    open_all(&e, &ear, MODEL, NULL, 0);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_string_equal(ear_recognise(&ear, sound, lengths[i], "")->text,
                            lengths[i] < 1600 ? "" : "Hello world!");
    assert_int_equal(ear_hear(&ear, sound, RATE, 512, ""), 0);
    e.info->reset(ear.inst);
    assert_string_equal(ear_recognise(&ear, sound, 0, "")->text, "");
    ear.refuse_with = AC_ECANCELED; /* the reader is gone */
    assert_int_equal(ear_hear(&ear, sound, RATE, RATE, ""), 0);
    assert_int_equal(ear_finish(&ear, NULL), AC_ECANCELED);
    e.info->reset(ear.inst);
    ear.refuse_with = 0;
    assert_string_equal(ear_recognise(&ear, sound, RATE, "")->text, "Hello world!");
    close_all(&e, &ear);
}

static void test_languages(void **state)
{
    static const struct {
        const char *model, *lang, *reason;
    } cases[] = {
        {MODEL, "fr", "no language 'fr'"},
        {MODEL, "english", "no language 'english'"},
        {MODEL, "-", "no language '-'"},
        {MODEL_EN, "zh", "English only, not 'zh'"},
        {MODEL_EN, "enm", "English only, not 'enm'"},
    };

    (void)state;
    make_noise(sound, RATE, SOFT);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine e;
        struct ear ear;
        open_all(&e, &ear, cases[i].model, NULL, 0);
        assert_int_equal(ear_hear(&ear, sound, RATE, RATE, cases[i].lang), AC_ENOTSUP);
        if (!strstr(ear.env.reason, cases[i].reason))
            fail_msg("%s", ear.env.reason);
        close_all(&e, &ear);
    }
    struct engine e;
    struct ear ear = {.env = make_env("asr.test")};
    engine_init(&e, &ac_handler_asr_whisper, MODEL);
    set_option(&e, "language", "klingon");
    assert_int_equal(engine_open(&e), 0);
    ear.inst = ac_zalloc(e.info->inst_size);
    assert_int_equal(e.info->open(ear.inst, e.model, e.cfg, &ear.env), AC_ECONFIG);
    assert_non_null(strstr(ear.env.reason, "klingon"));
    e.info->close(ear.inst);
    free(ear.inst);
    engine_close(&e);
}

static void test_canceled(void **state)
{
    struct ac_cancel *c = ac_cancel_new(NULL);
    struct engine e;
    struct ear ear;

    (void)state;
    make_noise(sound, RATE, SOFT);
    open_all(&e, &ear, MODEL, NULL, 0);
    assert_int_equal(ear_hear(&ear, sound, RATE, RATE, ""), 0);
    ac_cancel_trigger(c);
    assert_int_equal(ear_finish(&ear, c), AC_ECANCELED);
    assert_int_equal(ear.finals, 0);
    e.info->reset(ear.inst);
    assert_string_equal(ear_recognise(&ear, sound, RATE, "")->text, "Hello world!");
    ac_cancel_unref(c);
    close_all(&e, &ear);
}

static void *hear_often(void *arg)
{
    struct ear *ear = arg;

    for (int i = 0; i < 4; i++)
        ear_recognise(ear, sound, RATE, ear->refuse_with ? "zh" : "en");
    return NULL;
}

/* Sessions of one model at the same time, more than may recognise at once. */
static void test_sessions(void **state)
{
    enum { N = 4 };
    struct engine e;
    struct ear ears[N];
    pthread_t threads[N];

    (void)state;
    make_noise(sound, RATE, SOFT);
    open_all(&e, &ears[0], MODEL, NULL, 0);
    for (int i = 1; i < N; i++)
        ear_open(&ears[i], &e);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hear_often, &ears[i]), 0);
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(ears[i].finals, 4);
        assert_string_equal(ears[i].last->transcript.text, "Hello world!");
        ear_close(&ears[i]);
    }
    engine_close(&e);
}

/* Copies the model's files into a folder of its own, one of them cut or replaced. */
static void spoil(const char *folder, const char *file, long keep, const char *instead)
{
    static const char *const files[] = {"test-encoder.int8.onnx", "test-decoder.int8.onnx",
                                        "test-tokens.txt"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *from = ac_asprintf(MODEL "/%s", files[i]), *to = ac_asprintf("%s/%s", folder, files[i]);
        char *data;
        size_t len;
        assert_int_equal(ac_read_file(from, 1 << 20, &data, &len), 0);
        unlink(to);
        if (strcmp(file, files[i]) != 0 || keep >= 0 || instead) {
            FILE *f = fopen(to, "wb");
            bool this = strcmp(file, files[i]) == 0;
            assert_non_null(f);
            if (this && instead)
                fputs(instead, f);
            else
                fwrite(data, 1, this ? (size_t)keep : len, f);
            fclose(f);
        }
        free(data);
        free(from);
        free(to);
    }
}

static void test_broken_models(void **state)
{
    static const struct {
        const char *file;
        long keep; /* bytes; -1 = the file is missing */
        const char *instead, *reason;
    } cases[] = {
        {"test-encoder.int8.onnx", -1, NULL, "there is no *encoder.int8.onnx in"},
        {"test-decoder.int8.onnx", -1, NULL, "there is no *decoder.int8.onnx in"},
        {"test-tokens.txt", -1, NULL, "there is no *tokens.txt in"},
        {"test-encoder.int8.onnx", 500, NULL, "encoder"},
        {"test-decoder.int8.onnx", 9000, NULL, "decoder"},
        {"test-encoder.int8.onnx", 0, NULL, "encoder"},
        {"test-encoder.int8.onnx", 0, "<html>not found</html>", "encoder"},
        {"test-tokens.txt", 0, NULL, "is empty"},
        {"test-tokens.txt", 0, "IQ== 0\nIg==\n", "line 2"},
        {"test-tokens.txt", 0, "IQ== 0\nIg== 999999\n", "line 2"},
        {"test-tokens.txt", 0, "IQ== 0\nIg== 0\n", "line 2"},
        {"test-tokens.txt", 0, "!!!! 0\n", "line 1"},
    };
    char folder[] = "/tmp/test_asr_whisper_XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine e;
        spoil(folder, cases[i].file, cases[i].keep, cases[i].instead);
        engine_init(&e, &ac_handler_asr_whisper, folder);
        assert_int_equal(engine_open(&e), AC_EMODEL);
        if (!strstr(e.env.reason, cases[i].reason))
            fail_msg("case %zu: %s", i, e.env.reason);
        engine_close(&e);
    }
    char *command = ac_asprintf("rm -r %s", folder);
    assert_int_equal(system(command), 0);
    free(command);
    struct engine e;
    engine_init(&e, &ac_handler_asr_whisper, "none-such");
    assert_int_equal(engine_open(&e), AC_EMODEL);
    assert_non_null(strstr(e.env.reason, "avatar-chat models pull whisper-none-such"));
    engine_close(&e);
    engine_init(&e, &ac_handler_asr_whisper, "test/data/asr/sensevoice"); /* another model's folder */
    assert_int_equal(engine_open(&e), AC_EMODEL);
    engine_close(&e);
}

static void count_item(void *arg, const struct ac_item *item)
{
    assert_string_equal(item->lang, ((const char *[]){"en", "zh", "ja", "ko"})[*(size_t *)arg]);
    ++*(size_t *)arg;
}

static void test_list(void **state)
{
    struct engine e;
    struct ear ear;
    size_t n = 0;

    (void)state;
    open_all(&e, &ear, MODEL, NULL, 0);
    e.info->list(e.model, e.cfg, &e.env, count_item, &n);
    assert_int_equal(n, 4);
    close_all(&e, &ear);
    n = 0;
    open_all(&e, &ear, MODEL_EN, NULL, 0);
    e.info->list(e.model, e.cfg, &e.env, count_item, &n);
    assert_int_equal(n, 1);
    close_all(&e, &ear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),     cmocka_unit_test(test_gate),
        cmocka_unit_test(test_cap),       cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_long),      cmocka_unit_test(test_short_and_reset),
        cmocka_unit_test(test_languages), cmocka_unit_test(test_canceled),
        cmocka_unit_test(test_sessions),  cmocka_unit_test(test_broken_models),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
