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
    const char *const say[] = {"say",
                               "-o",
                               video,
                               "--lang",
                               "en",
                               "--size",
                               "128",
                               "--set",
                               set_url,
                               "--set",
                               "tts.use=[edge]",
                               "--set",
                               "lipsync.use=[phoneme]",
                               "My name is Lin.",
                               NULL};
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
    (void)say;
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
        cmocka_unit_test(test_animate_errors),
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
