/* `avatar-chat transcribe`, the real program: how many words it gets wrong, what it says of bad files. */
#include "base/mem.h"
#include "command.h"
#include "media/decode.h"
#include "unit/asr/word_errors.h"
#include "wav.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { RATE = 16000 };

static const char truth[] =
    "And so my fellow Americans ask not what your country can do for you, ask what you can do "
    "for your country";
static char folder[] = "/tmp/ac-transcribe-XXXXXX";
static char path[64];

static void write_sound(const struct ac_str *s)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(s->p ? s->p : "", 1, s->len, f), s->len);
    assert_int_equal(fclose(f), 0);
}

static json_t *transcribe(const char *file, const char *const *options)
{
    const char *words[12] = {"transcribe", "--json", file};
    struct command_result r;

    for (size_t n = 3; options && *options; options++)
        words[n++] = *options;
    command_run(&r, words, NULL, 0);
    if (r.status != 0)
        fail_msg("%s: %d: %s", file, r.status, r.err);
    json_t *root = json_loads(r.out, 0, NULL);
    assert_non_null(root);
    command_result_free(&r);
    return root;
}

static const char *text_of(const json_t *object)
{
    return json_string_value(json_object_get(object, "text"));
}

static void test_clip(void **state)
{
    json_t *root = transcribe("test/data/jfk.wav", (const char *const[]){"--lang", "en", NULL});
    const json_t *words;

    (void)state;
    double wrong = word_errors(truth, text_of(root));
    print_message("%s (%.1f %% wrong)\n", text_of(root), wrong);
    assert_true(wrong <= 25);
    assert_string_equal(json_string_value(json_object_get(root, "engine")), "pocketsphinx");
    assert_true(json_real_value(json_object_get(root, "duration_s")) == 11);
    words = json_object_get(json_array_get(json_object_get(root, "segments"), 0), "words");
    assert_true(json_array_size(words) > 15);
    const json_t *first = json_array_get(words, 0);
    assert_string_equal(json_string_value(json_object_get(first, "word")), "And");
    double start = json_real_value(json_object_get(first, "start_s"));
    assert_true(start > 0.2 && start < 0.5); /* where voice activity finds it, too */
    json_decref(root);
}

/* Standard input, a browser's format, plain text out. */
static void test_stdin(void **state)
{
    struct command_result r;
    char *data;
    size_t len;

    (void)state;
    assert_int_equal(ac_read_file("test/data/jfk3.webm", 1 << 20, &data, &len), 0);
    command_run(&r, (const char *const[]){"transcribe", "--engine", "pocketsphinx", "-", NULL}, data, len);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "my fellow"));
    assert_int_equal(r.out[r.out_len - 1], '\n');
    command_result_free(&r);
    free(data);
}

/* Half a minute of silence between two sentences: two segments, each with its own times. */
static void test_long_file_is_cut(void **state)
{
    enum { CLIP = 5 * RATE / 2, GAP = 30 * RATE, N = 2 * CLIP + GAP };
    struct ac_str wav = {0};
    struct ac_pcm clip;
    int16_t *pcm = ac_zalloc(N * sizeof *pcm);

    (void)state;
    assert_int_equal(ac_decode_file("test/data/jfk.wav", 60, &clip, NULL), 0);
    memcpy(pcm, clip.samples, CLIP * sizeof *pcm);
    memcpy(pcm + CLIP + GAP, clip.samples, CLIP * sizeof *pcm);
    wav_write(&wav, &(struct wav_form){16, 1, RATE, 0}, pcm, N);
    write_sound(&wav);
    json_t *root = transcribe(path, NULL), *segments = json_object_get(root, "segments");
    assert_int_equal(json_array_size(segments), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *s = json_array_get(segments, i);
        double start = json_real_value(json_object_get(s, "start_s")), from = i ? 32.5 : 0;
        assert_true(start >= from - 0.4 && start < from + 0.5);
        assert_non_null(strstr(text_of(s), "fellow"));
    }
    assert_non_null(strchr(text_of(root), '\n'));
    json_decref(root);
    ac_str_free(&wav);
    free(clip.samples);
    free(pcm);
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *what;
        struct wav_form form;
        size_t n;
        const char *text; /* instead of a WAV file */
        const char *said;
    } cases[] = {
        {"header only", {16, 1, RATE, 0}, 0, NULL, "no sound"},
        {"0 Hz", {16, 1, 0, 0}, 1000, NULL, "header is damaged"},
        {"text", {0}, 0, "This is not a sound, it only has the name of one.\n", "no audio file"},
        {"empty", {0}, 0, "", "no audio file"},
        {"a playlist", {0}, 0, "#EXTM3U\n#EXTINF:3,\n/etc/passwd\n", "no audio file"},
    };
    static const int16_t silence[1000];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_str s = {0};
        struct command_result r;
        if (cases[i].text)
            ac_str_add(&s, cases[i].text);
        else
            wav_write(&s, &cases[i].form, silence, cases[i].n);
        write_sound(&s);
        command_run(&r, (const char *const[]){"transcribe", path, NULL}, NULL, 0);
        if (r.status != 1 || *r.out || !strstr(r.err, path) || !strstr(r.err, cases[i].said))
            fail_msg("%s: %d '%s' '%s'", cases[i].what, r.status, r.out, r.err);
        command_result_free(&r);
        ac_str_free(&s);
    }
}

static void test_usage(void **state)
{
    static const struct {
        const char *words[6];
        int status;
        const char *said;
    } cases[] = {
        {{NULL}, 2, "name the file"},
        {{"test/data/none.wav"}, 1, "test/data/none.wav: No such file"},
        {{"test/data"}, 1, "it is a folder"},
        {{"--engine", "sphinx", "test/data/jfk3.ogg"}, 2, "--engine sphinx: there are pocketsphinx"},
        {{"--lang", "", "test/data/jfk3.ogg"}, 2, "give a language tag"},
        {{"--jsom", "x"}, 2, "did you mean '--json'?"},
        {{"--engine", "pocketsphinx", "--lang", "zh-CN", "test/data/jfk3.ogg"},
         1,
         "English only, not 'zh-CN'"},
        {{"--engine", "openai", "test/data/jfk3.ogg"}, 1, "asr.openai.base_url is not set"},
        {{"--set", "asr.pocketsphinx.dict=none", "--engine=pocketsphinx", "test/data/jfk3.ogg"},
         1,
         "install Debian's package pocketsphinx-en-us"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *words[8] = {"transcribe"};
        struct command_result r;
        for (size_t k = 0; k < 6; k++)
            words[k + 1] = cases[i].words[k];
        command_run(&r, words, NULL, 0);
        if (r.status != cases[i].status || !strstr(r.err, cases[i].said))
            fail_msg("%zu: %d '%s'", i, r.status, r.err);
        command_result_free(&r);
    }
}

static void test_doctor_says_who_listens(void **state)
{
    struct command_result r;

    (void)state;
    command_run(&r,
                (const char *const[]){"doctor", "--set", "asr.use=[openai, pocketsphinx]", "--set",
                                      "asr.openai.base_url=http://127.0.0.1:9/v1", NULL},
                NULL, 0);
    const char *listening = strstr(r.out, "\nlistening\n");
    if (!listening || !strstr(listening, "first: what its server understands") ||
        !strstr(listening, "then: en"))
        fail_msg("%s", r.out);
    command_result_free(&r);
}

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/sound.wav", mkdtemp(folder));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_stdin),
        cmocka_unit_test(test_long_file_is_cut),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_doctor_says_who_listens),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
