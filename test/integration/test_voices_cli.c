/* `avatar-chat voices`, `say` by a voice over the network, and `animate`: the real program, spawned. */
#include "base/mem.h"
#include "base/str.h"
#include "command.h"
#include "fake/fake_edge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

static char dir[] = "/tmp/avatar-voices-XXXXXX";
static char set_url[200], set_knowledge[160], video[64];

static void run(struct command_result *r, const char *const *words)
{
    command_run(r, words, NULL, 0);
}

static void expect(const char *const *words, int status, const char *out, const char *err)
{
    struct command_result r;

    run(&r, words);
    if (r.status != status || !strstr(r.out, out) || !strstr(r.err, err))
        fail_msg("%s …: status %d\n%s\n%s", words[0], r.status, r.out, r.err);
    command_result_free(&r);
}

/* ---- voices ---- */

static void test_list(void **state)
{
    static const char *const offline = "tts.edge.list_url=http://127.0.0.1:1/";

    (void)state;
    expect((const char *[]){"voices", NULL}, 0, "slt ", "");
    expect((const char *[]){"voices", "--lang", "zh", NULL}, 0, "espeak:cmn", "");
    expect((const char *[]){"voices", "RMS", NULL}, 0, "rms ", "");
    expect((const char *[]){"voices", "nothing-like-it", NULL}, 1, "", "no voice fits");
    expect((const char *[]){"voices", "--engine", "edge", "--lang", "zh-TW", "--set", offline, NULL}, 0,
           "zh-TW-HsiaoChenNeural", "");
    expect((const char *[]){"voices", "--engine", "openai", NULL}, 1, "", "tts.openai.base_url is not set");
    expect((const char *[]){"voices", "--engine", "egde", NULL}, 2, "",
           "there are flite, espeak, edge, openai");
    expect((const char *[]){"voices", "--prepare", "--json", NULL}, 2, "", "--prepare goes with no other");
    expect((const char *[]){"voices", "--prepare", NULL}, 1, "", "comes over the network");
}

/* What says nothing of the network is not used unless it is named. */
static void test_default_is_offline(void **state)
{
    struct command_result r;
    json_t *list, *v;
    size_t i;

    (void)state;
    run(&r, (const char *[]){"voices", "--json", NULL});
    assert_int_equal(r.status, 0);
    list = json_loads(r.out, 0, NULL);
    assert_true(json_array_size(list) > 20);
    json_array_foreach(list, i, v)
    {
        const char *engine = json_string_value(json_object_get(v, "engine"));
        assert_true(strcmp(engine, "flite") == 0 || strcmp(engine, "espeak") == 0);
        assert_true(json_is_string(json_object_get(v, "id")) && json_is_string(json_object_get(v, "lang")));
    }
    json_decref(list);
    command_result_free(&r);
}

/* ---- speaking ahead ---- */

static void test_prepare(void **state)
{
    const char *const words[] = {
        "voices", "--prepare",     "--set", set_url,       "--set", "tts.use=[edge, flite]",
        "--set",  "llm.use=[faq]", "--set", set_knowledge, NULL};
    struct fake_edge *service = fake_edge_start(&(struct fake_edge_config){0});
    char url[160];

    (void)state;
    fake_edge_url(service, url, sizeof url);
    snprintf(set_url, sizeof set_url, "tts.edge.url=%s", url);
    expect(words, 0, "", "4 of 4 phrases");
    size_t first = fake_edge_requests(service);
    assert_int_equal(first, 4);
    expect(words, 0, "", "4 of 4 phrases"); /* all from the cache */
    assert_int_equal(fake_edge_requests(service), first);
    char *ssml = fake_edge_ssml(service);
    assert_non_null(strstr(ssml, ">My name is Lin.<"));
    assert_non_null(strstr(ssml, ">I am Lin, an avatar.<"));
    assert_non_null(
        strstr(ssml, "XiaoxiaoNeural)'><prosody pitch='+0Hz' rate='+0%' volume='+0%'>我叫小林。<"));
    free(ssml);
    char *problems = fake_edge_problems(service);
    assert_string_equal(problems, "");
    free(problems);
    fake_edge_stop(service);
}

static void test_prepare_fails(void **state)
{
    static const int faults[] = {FAKE_EDGE_BUSY};
    const char *const words[] = {
        "voices", "--prepare",     "--set", set_url,       "--set", "tts.use=[edge, flite]",
        "--set",  "llm.use=[faq]", "--set", set_knowledge, "--set", "tts.edge.cache_mb=0",
        NULL};
    struct fake_edge *service = fake_edge_start(&(struct fake_edge_config){.faults = faults, .n_faults = 1});
    char url[160];

    (void)state;
    fake_edge_url(service, url, sizeof url);
    snprintf(set_url, sizeof set_url, "tts.edge.url=%s", url);
    expect(words, 1, "", "3 phrases in a row failed");
    fake_edge_stop(service);
}

/* ---- animate ---- */

static void test_animate_errors(void **state)
{
    (void)state;
    expect((const char *[]){"animate", NULL}, 2, "", "name the sound file");
    expect((const char *[]){"animate", "/nonexistent.wav", NULL}, 1, "", "No such file");
    expect((const char *[]){"animate", "README.md", NULL}, 1, "", "README.md: ");
    expect((const char *[]){"animate", "--size", "big", "test/data/jfk.wav", NULL}, 2, "", "--size big");
    expect((const char *[]){"animate", "-o", "/nonexistent/a.mp4", "test/data/jfk.wav", NULL}, 1, "",
           "/nonexistent/a.mp4");
}

/* Output of a command line, malloc'ed. */
static char *output_of(const char *command, size_t *len)
{
    struct ac_str out = {0};
    char block[65536];
    FILE *f = popen(command, "r");

    assert_non_null(f);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        ac_str_add_n(&out, block, n);
    assert_int_equal(pclose(f), 0);
    *len = out.len;
    return ac_str_steal(&out);
}

/* Seconds of the file's picture and sound, which must be there. */
static double seconds_of(const char *file, const char *stream)
{
    char command[200];
    size_t len;

    snprintf(command, sizeof command,
             "ffprobe -v error -select_streams %s:0 -show_entries stream=duration -of csv=p=0 %s", stream,
             file);
    char *text = output_of(command, &len);
    double seconds = atof(text);
    free(text);
    return seconds;
}

/* The sound of the video is that of the recording, at its time. */
static void check_sound(const char *recording)
{
    static const char *const format = "ffmpeg -v error -i %s -t 4 -ac 1 -ar 8000 -f s16le -";
    char command[200];
    size_t n_in, n_out;
    double best = 0, at = 0;

    snprintf(command, sizeof command, format, recording);
    char *in = output_of(command, &n_in);
    snprintf(command, sizeof command, format, video);
    char *out = output_of(command, &n_out);
    const int16_t *a = (const int16_t *)(void *)in, *b = (const int16_t *)(void *)out;
    for (int lag = -800; lag <= 800; lag++) {
        double sum = 0;
        for (int i = 1000; i < 28000; i++)
            sum += (double)a[i] * b[i + lag];
        if (sum > best) {
            best = sum;
            at = lag;
        }
    }
    if (at < -16 || at > 16)
        fail_msg("the sound is %.1f ms late", at / 8);
    free(in);
    free(out);
}

static void test_animate(void **state)
{
    (void)state;
    expect((const char *[]){"animate", "test/data/jfk.wav", "-o", video, "--size", "128", NULL}, 0, "",
           "11.4 s of video");
    assert_true(seconds_of(video, "v") > 11 && seconds_of(video, "v") < 11.6);
    assert_true(seconds_of(video, "a") > 11 && seconds_of(video, "a") < 11.6);
    check_sound("test/data/jfk.wav");
}

/* Longer than what may wait to be drawn: the recording waits. */
static void test_animate_long(void **state)
{
    char file[96], command[200];
    size_t len;

    (void)state;
    snprintf(file, sizeof file, "%s/long.wav", dir);
    snprintf(command, sizeof command, "ffmpeg -v error -stream_loop 12 -i test/data/jfk.wav -y %s", file);
    free(output_of(command, &len));
    expect((const char *[]){"animate", file, "-o", video, "--size", "64", "--fps", "10", NULL}, 0, "",
           "s of video");
    assert_true(seconds_of(video, "a") > 143);
}

/* ---- say ---- */

static void test_say(void **state)
{
    static const int faults[] = {FAKE_EDGE_FINE, FAKE_EDGE_BUSY};
    struct fake_edge *service = fake_edge_start(&(struct fake_edge_config){.faults = faults, .n_faults = 2});
    const char *const words[] = {"say",
                                 "-o",
                                 video,
                                 "--size",
                                 "128",
                                 "--voice",
                                 "en-GB-SoniaNeural",
                                 "--set",
                                 set_url,
                                 "--set",
                                 "tts.use=[edge, flite]",
                                 "Hello there.",
                                 NULL};
    const char *const more[] = {"say",
                                "-o",
                                video,
                                "--size",
                                "128",
                                "--voice",
                                "en-GB-SoniaNeural",
                                "--set",
                                set_url,
                                "--set",
                                "tts.use=[edge, flite]",
                                "Something else.",
                                NULL};
    char url[160];

    (void)state;
    fake_edge_url(service, url, sizeof url);
    snprintf(set_url, sizeof set_url, "tts.edge.url=%s", url);
    expect(words, 0, "", "s of video");
    assert_true(seconds_of(video, "v") > 3);
    char *ssml = fake_edge_ssml(service);
    assert_non_null(strstr(ssml, "(en-GB, SoniaNeural)"));
    free(ssml);
    expect(words, 0, "", "s of video"); /* from the cache, though the service is busy now */
    expect(more, 0, "", "from=edge to=flite");
    assert_true(seconds_of(video, "v") < 3);
    fake_edge_stop(service);
}

static void write_knowledge(void)
{
    char path[96];

    snprintf(path, sizeof path, "%s/knowledge", dir);
    mkdir(path, 0700);
    snprintf(set_knowledge, sizeof set_knowledge, "llm.faq.path=%s", path);
    snprintf(path, sizeof path, "%s/knowledge/k.md", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(
        "---\nlang: en\n---\n## What is your name?\ntopic: my name\n\nMy name is Lin.\n\n***\n\nI am Lin, an "
        "avatar.\n\n## How old are you?\n\nThat is not told ahead: it is not suggested.\n\n## What do you "
        "do?\n"
        "topic: my work\n\nI answer questions, as well as I can.\n",
        f);
    fclose(f);
    snprintf(path, sizeof path, "%s/knowledge/z.md", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("---\nlang: zh-CN\n---\n## 你叫什么名字？\ntopic: 名字\n\n我叫小林。\n", f);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),           cmocka_unit_test(test_default_is_offline),
        cmocka_unit_test(test_prepare),        cmocka_unit_test(test_prepare_fails),
        cmocka_unit_test(test_animate_errors), cmocka_unit_test(test_animate),
        cmocka_unit_test(test_animate_long),   cmocka_unit_test(test_say),
    };
    char command[96];

    if (!mkdtemp(dir))
        return 1;
    setenv("XDG_CACHE_HOME", dir, 1);
    snprintf(video, sizeof video, "%s/out.mp4", dir);
    write_knowledge();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command) || failed;
}
