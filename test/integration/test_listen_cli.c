/*
 * What listens on the command line, run as the real program: every kind of WAV file, good and bad.
 */
#include "command.h"
#include "media/decode.h"
#include "wav.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 3 * 16000 };

static const char CLIP[] = "test/data/jfk.wav";
static char folder[] = "/tmp/ac-listen-XXXXXX";
static char path[64];
static struct ac_pcm clip;

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sound.wav", folder);
    assert_int_equal(ac_decode_file(CLIP, 60, &clip, NULL), 0);
    assert_true(clip.n > N);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(clip.samples);
    unlink(path);
    return rmdir(folder);
}

static void write_sound(const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void run(struct command_result *r, const char *command, const char *file, const char *option)
{
    const char *const words[] = {command, file, option, NULL};

    command_run(r, words, NULL, 0);
}

/* ---- vad ---- */

/* The first three seconds of the clip have one segment, in any form. */
static void is_first_segment(const char *what, const struct command_result *r)
{
    double start = 0, end = 0;
    int used = 0;

    if (r->status != 0 || sscanf(r->out, "%lf %lf %n", &start, &end, &used) != 2 || r->out[used] ||
        fabs(start - 0.35) > 0.1 || fabs(end - 2.24) > 0.15)
        fail_msg("%s: %d '%s' '%s'", what, r->status, r->out, r->err);
}

static void test_vad_forms(void **state)
{
    static const struct {
        const char *what;
        struct wav_form form;
        const char *said; /* on standard error; NULL = nothing */
    } cases[] = {
        {"16 bit", {16, 1, 16000, 0}, NULL},        {"8 bit", {8, 1, 16000, 0}, NULL},
        {"24 bit", {24, 1, 16000, 0}, NULL},        {"32 bit", {32, 1, 16000, 0}, NULL},
        {"float", {-32, 1, 16000, 0}, NULL},        {"stereo", {16, 2, 16000, 0}, NULL},
        {"8 channels", {16, 8, 16000, 0}, NULL},    {"48 kHz", {16, 1, 48000, 0}, NULL},
        {"96 kHz stereo", {24, 2, 96000, 0}, NULL}, {"cut short", {16, 1, 16000, 11 * 16000}, "missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_str wav = {0};
        struct command_result r;
        wav_write(&wav, &cases[i].form, clip.samples, N);
        write_sound(wav.p, wav.len);
        run(&r, "vad", path, NULL);
        is_first_segment(cases[i].what, &r);
        if (cases[i].said ? !strstr(r.err, cases[i].said) || !strstr(r.err, path) : *r.err)
            fail_msg("%s: %s", cases[i].what, r.err);
        command_result_free(&r);
        ac_str_free(&wav);
    }
}

static void test_vad_bad_files(void **state)
{
    static const struct {
        const char *what;
        struct wav_form form;
        size_t n;         /* samples in it */
        const char *text; /* instead of a WAV file */
        const char *said;
    } cases[] = {
        {"header only", {16, 1, 16000, 0}, 0, NULL, "no sound"},
        {"header only, promises more", {16, 1, 16000, 16000}, 0, NULL, "no sound"},
        {"0 Hz", {16, 1, 0, 0}, N, NULL, "header is damaged"},
        {"0 channels", {16, 0, 16000, 0}, 0, NULL, "no sound in it"},
        {"text", {0}, 0, "This is not a sound, it only has the name of one.\n", "no audio file"},
        {"text that begins like one", {0}, 0, "RIFF....WAVEfmt and then nothing of use", "header is damaged"},
        {"empty", {0}, 0, "", "no audio file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_str wav = {0};
        struct command_result r;
        if (cases[i].text)
            ac_str_add(&wav, cases[i].text);
        else
            wav_write(&wav, &cases[i].form, clip.samples, cases[i].n);
        write_sound(wav.p, wav.len);
        run(&r, "vad", path, NULL);
        if (r.status != 1 || *r.out || !strstr(r.err, path) || !strstr(r.err, cases[i].said))
            fail_msg("%s: %d '%s' '%s'", cases[i].what, r.status, r.out, r.err);
        command_result_free(&r);
        ac_str_free(&wav);
    }
}

static void test_vad_usage(void **state)
{
    static const struct {
        const char *file, *option;
        int status;
        const char *said;
    } cases[] = {
        {NULL, NULL, 2, "name the file"},
        {"test/data/none.wav", NULL, 1, "test/data/none.wav"},
        {"test/data", NULL, 1, "test/data"},
        {"test/data/jfk.wav", "--jsom", 2, "did you mean '--json'"},
        {"test/data/jfk.wav", "--set=listen.silence_ms=-1", 2, "listen.silence_ms"},
        {"test/data/jfk.wav", "--set=vad.silero.model=none.onnx", 0, "energy stands in"},
        {"test/data/jfk.wav", "--set=vad.use=[fast]", 2, "fast"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_result r;
        run(&r, "vad", cases[i].file, cases[i].option);
        if (r.status != cases[i].status || !strstr(r.err, cases[i].said))
            fail_msg("%zu: %d '%s'", i, r.status, r.err);
        command_result_free(&r);
    }
}

/* JSON says the same as the columns, standard input the same as the file. */
static void test_vad_json(void **state)
{
    struct command_result r;
    char *data;
    size_t len, i;
    json_t *item;

    (void)state;
    assert_int_equal(ac_read_file(CLIP, 1 << 20, &data, &len), 0);
    command_run(&r, (const char *const[]){"vad", "--json", "-", NULL}, data, len);
    free(data);
    assert_int_equal(r.status, 0);
    json_t *root = json_loads(r.out, 0, NULL);
    command_result_free(&r);
    assert_string_equal(json_string_value(json_object_get(root, "file")), "-");
    assert_string_equal(json_string_value(json_object_get(root, "engine")), "silero");
    assert_true(json_real_value(json_object_get(root, "duration_s")) == 11);
    run(&r, "vad", CLIP, NULL);
    const char *line = r.out;
    json_array_foreach(json_object_get(root, "segments"), i, item)
    {
        double start, end;
        int used;
        assert_int_equal(sscanf(line, "%lf %lf %n", &start, &end, &used), 2);
        assert_true(fabs(start - json_real_value(json_object_get(item, "start_s"))) < 0.0006);
        assert_true(fabs(end - json_real_value(json_object_get(item, "end_s"))) < 0.0006);
        assert_true(json_is_false(json_object_get(item, "cut")));
        line += used;
    }
    assert_int_equal(i, 4);
    assert_int_equal(*line, '\0');
    json_decref(root);
    command_result_free(&r);
}

/* Silence has no segment and that is no error; speech that never pauses is cut. */
static void test_vad_extremes(void **state)
{
    static const int16_t silence[2 * 16000];
    struct ac_str wav = {0};
    struct command_result r;
    double start, end;

    (void)state;
    wav_write(&wav, &(struct wav_form){16, 1, 16000, 0}, silence, sizeof silence / sizeof *silence);
    write_sound(wav.p, wav.len);
    run(&r, "vad", path, NULL);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "");
    assert_non_null(strstr(r.err, "nobody speaks"));
    command_result_free(&r);
    ac_str_free(&wav);

    run(&r, "vad", CLIP, "--set=listen.max_utterance_s=1");
    assert_int_equal(r.status, 0);
    assert_int_equal(sscanf(r.out, "%lf %lf", &start, &end), 2);
    assert_true(end - start <= 1.01);
    command_result_free(&r);
}

/* Figures are there and possible; how good they are is for people to judge. */
static void test_bench_vad(void **state)
{
    struct command_result r;
    size_t i;
    json_t *engine;

    (void)state;
    command_run(&r, (const char *const[]){"bench", "vad", "--json", "--rounds=1", NULL}, NULL, 0);
    assert_int_equal(r.status, 0);
    json_t *root = json_loads(r.out, 0, NULL);
    command_result_free(&r);
    json_t *engines = json_object_get(root, "engines");
    assert_int_equal(json_array_size(engines), 2);
    json_array_foreach(engines, i, engine)
    {
        const json_t *cpu = json_object_get(engine, "cpu_ms_per_window");
        double min = json_real_value(json_object_get(cpu, "min")),
               median = json_real_value(json_object_get(cpu, "median"));
        assert_true(min >= 0 && median >= min && median < 1000);
    }
    assert_string_equal(json_string_value(json_object_get(json_array_get(engines, 0), "engine")), "silero");
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vad_forms),    cmocka_unit_test(test_vad_bad_files),
        cmocka_unit_test(test_vad_usage),    cmocka_unit_test(test_vad_json),
        cmocka_unit_test(test_vad_extremes), cmocka_unit_test(test_bench_vad),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
