/*
 * The real program speaks by a voice over the network (TLS): a question, a stop in mid-sentence, and the day
 * on which the service turns it away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fake/fake_edge.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct program program;
static struct fake_edge *service;

static int setup(void **state)
{
    static const int faults[] = {FAKE_EDGE_FINE, FAKE_EDGE_FINE, FAKE_EDGE_FINE, FAKE_EDGE_BUSY};
    static char set_url[200], set_ca[120];
    char url[160];

    (void)state;
    service = fake_edge_start(
        &(struct fake_edge_config){.tls = true, .frame_ms = 10, .faults = faults, .n_faults = 4});
    fake_edge_url(service, url, sizeof url);
    snprintf(set_url, sizeof set_url, "tts.edge.url=%s", url);
    snprintf(set_ca, sizeof set_ca, "tts.edge.ca_file=%s", fake_edge_ca_file(service));
    const char *const args[] = {"--set", "server.web_dir=test/data/page",
                                "--set", "tts.use=[edge, flite, espeak]",
                                "--set", "tts.edge.cache_mb=0",
                                "--set", set_url,
                                "--set", set_ca,
                                NULL};
    return program_exists() && program_start(&program, args) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    int bad = program_stop(&program, SIGTERM);
    char *problems = fake_edge_problems(service);
    if (*problems)
        print_error("%s\n", problems);
    bad = bad || *problems;
    free(problems);
    fake_edge_stop(service);
    return bad;
}

static void say(struct ws_client *c, const char *text)
{
    char *m = ac_asprintf("{\"type\":\"say\",\"text\":\"%s\"}", text);

    ws_frame(c, 1, true, m, strlen(m));
    free(m);
}

/* In order: each test needs the service at its place in the script. */
static void test_turns(void **state)
{
    struct ws_client c;
    size_t words = 0;

    (void)state;
    open_client(&c, program.port, "/ws/voice");
    size_t from = c.n;
    say(&c, "Hello, my friend, how are you?");
    size_t done = (size_t)expect(&c, "turn_done", from);
    check_media(&c, from, done, false);
    assert_int_equal(ws_count(&c, "error", from) + ws_count(&c, "degraded", from), 0);
    assert_true(ws_count(&c, "sentence", from) > 1); /* words come as they are known */
    for (size_t i = from; i < done; i++) {
        if (strcmp(c.messages[i].type, "sentence") == 0) {
            json_t *list = json_object_get(c.messages[i].data, "words");
            assert_true(json_array_size(list) >= words);
            words = json_array_size(list);
        }
    }
    assert_int_equal(words, 6);

    from = c.n;
    say(&c, "This is stopped in the middle of it.");
    expect(&c, "video_chunk_meta", from);
    ws_frame(&c, 1, true, "{\"type\":\"interrupt\"}", 20);
    size_t stopped = (size_t)expect(&c, "interrupted", from);
    expect(&c, "state", stopped);

    from = c.n; /* the connection that is opened ahead takes the third place, or the sentence does */
    say(&c, "And now once more, please.");
    done = (size_t)expect(&c, "turn_done", from);
    from = c.n;
    say(&c, "Another voice says this.");
    done = (size_t)expect(&c, "turn_done", from);
    from = c.n;
    say(&c, "And this.");
    done = (size_t)expect(&c, "turn_done", from);
    check_media(&c, from, done, false);
    assert_true(ws_count(&c, "degraded", 0) > 0);
    assert_int_equal(ws_count(&c, "error", 0), 0);
    ws_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
