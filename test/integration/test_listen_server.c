/*
 * Speaking to the real program: a question spoken by flite goes over a WebSocket as fast as a microphone
 * would send it, is recognised and answered with video; a second one interrupts the answer. In push to talk,
 * too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/models.h"
#include "core/registry.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 16000, FRAME = RATE / 50 };

static struct program program;
static struct ac_str question, interruption; /* int16_t at RATE */

/* ---- a voice ---- */

struct pcm_sink {
    struct ac_sink sink;
    struct ac_str *pcm;
};

static int push_pcm(struct ac_sink *sink, struct ac_frame *f)
{
    struct pcm_sink *s = (struct pcm_sink *)sink;
    int err = f->speech.rate_hz == RATE ? 0 : AC_EINVAL;

    if (!err)
        ac_str_add_n(s->pcm, (const char *)f->speech.pcm, f->speech.n_samples * sizeof *f->speech.pcm);
    ac_frame_unref(f);
    return err;
}

static void add_silence(struct ac_str *pcm, int ms)
{
    for (int i = 0; i < RATE / 1000 * ms; i++)
        ac_str_add_n(pcm, "\0", 2);
}

static bool speak(struct ac_models *models, const char *text, struct ac_str *pcm)
{
    struct pcm_sink out = {{push_pcm}, pcm};
    struct ac_prefs prefs = {.lang = "en"};
    struct ac_frame *f = ac_frame_new_text(text, strlen(text));
    struct ac_instance *voice;
    char reason[256];
    int err = ac_instance_open(&voice, models, ac_registry_find(AC_STAGE_TTS, "flite"), &prefs, reason);

    if (err) {
        print_error("flite: %s\n", reason);
        return false;
    }
    snprintf(f->text.lang, sizeof f->text.lang, "en");
    add_silence(pcm, 300);
    err = ac_instance_process(voice, f, &out.sink, NULL);
    add_silence(pcm, 300);
    ac_frame_unref(f);
    ac_instance_close(voice);
    return !err;
}

static int setup(void **state)
{
    (void)state;
    static const char *const args[] = {"--set", "server.web_dir=test/data/page", "--set",
                                       "asr.use=pocketsphinx", NULL};
    struct ac_config *cfg;
    struct ac_str errors = {0};
    if (ac_config_load(&cfg, NULL, NULL, 0, &errors))
        return -1;
    struct ac_models *models = ac_models_new(cfg);
    bool ok =
        speak(models, "What can you do?", &question) && speak(models, "Stop, who are you?", &interruption);
    ac_models_free(models);
    ac_config_free(cfg);
    return ok && program_exists() && program_start(&program, args) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ac_str_free(&question);
    ac_str_free(&interruption);
    return program_stop(&program, SIGTERM);
}

/* ---- a microphone ---- */

/* Sends the sound in 20 ms pieces at their time; what comes meanwhile is read. */
static void send_sound(struct ws_client *c, const struct ac_str *pcm)
{
    int64_t begin = ac_now_us();

    for (size_t at = 0, n = 0; at < pcm->len; at += FRAME * 2, n++) {
        size_t left = pcm->len - at;
        assert_true(ws_frame(c, 2, true, pcm->p + at, left < FRAME * 2 ? left : FRAME * 2));
        int64_t wait_us = begin + (int64_t)(n + 1) * 20000 - ac_now_us();
        if (wait_us > 0)
            ws_read_for(c, (int)(wait_us / 1000));
    }
}

/* Goes on sending silence until the message comes. */
static int expect_in_silence(struct ws_client *c, const char *type, size_t from)
{
    struct ac_str quiet = {0};

    add_silence(&quiet, 100);
    for (int i = 0; i < 300; i++) {
        for (size_t k = from; k < c->n; k++)
            if (!strcmp(c->messages[k].type, type)) {
                ac_str_free(&quiet);
                return (int)k;
            }
        send_sound(c, &quiet);
    }
    ac_str_free(&quiet);
    return expect(c, type, from);
}

static bool says(const struct ws_message *m, const char *word)
{
    return strcasestr(ws_string(m, "text"), word) != NULL;
}

static double mark(const struct ws_message *m, const char *name)
{
    return json_number_value(json_object_get(json_object_get(m->data, "marks"), name));
}

/* ---- tests ---- */

static void test_hands_free(void **state)
{
    (void)state;
    struct ws_client c;
    open_client(&c, program.port, "/ws/hands_free");
    ws_text(&c, "{\"type\":\"hello\",\"language\":\"en\"}");
    int at = expect(&c, "listen", 0);
    if (!ws_bool(&c.messages[at], "available"))
        fail_msg("no ears: %s", ws_string(&c.messages[at], "reason"));
    ws_text(&c, "{\"type\":\"audio_start\",\"format\":\"pcm_s16le\",\"sample_rate\":16000}");
    send_sound(&c, &question);
    int result = expect_in_silence(&c, "asr_result", 0);
    print_message("heard: %s (endpoint %g ms, then %g ms)\n", ws_string(&c.messages[result], "text"),
                  ws_number(&c.messages[result], "endpoint_ms"), ws_number(&c.messages[result], "asr_ms"));
    assert_true(says(&c.messages[result], "what") && says(&c.messages[result], "you do"));
    assert_string_equal(ws_string(&c.messages[result], "engine"), "pocketsphinx");
    expect_in_silence(&c, "video_chunk_meta", (size_t)result);

    size_t from = c.n;
    send_sound(&c, &interruption);
    int stop = expect_in_silence(&c, "interrupted", from);
    assert_string_equal(ws_string(&c.messages[stop], "reason"), "speech");
    result = expect_in_silence(&c, "asr_result", (size_t)stop);
    print_message("heard: %s\n", ws_string(&c.messages[result], "text"));
    assert_true(says(&c.messages[result], "you"));
    int done = expect_in_silence(&c, "turn_done", (size_t)result);
    print_message(
        "ms after the end of speech: endpoint %.0f, text %.0f, first token %.0f, first fragment %.0f\n",
        mark(&c.messages[done], "endpoint"), mark(&c.messages[done], "asr_final"),
        mark(&c.messages[done], "first_token"), mark(&c.messages[done], "first_fragment"));
    assert_true(mark(&c.messages[done], "endpoint") >= 400);
    assert_true(mark(&c.messages[done], "first_fragment") > mark(&c.messages[done], "endpoint"));
    for (int i = stop; i < done; i++)
        if (!strcmp(c.messages[i].type, "video_chunk_meta"))
            assert_int_equal((int)ws_number(&c.messages[i], "turn"), 2);
    assert_int_equal(ws_count(&c, "error", 0), 0);
    ws_close(&c);
}

static void test_push_to_talk(void **state)
{
    (void)state;
    struct ws_client c;
    open_client(&c, program.port, "/ws/push_to_talk");
    ws_text(&c, "{\"type\":\"audio_start\",\"mode\":\"push_to_talk\"}");
    send_sound(&c, &question);
    ws_text(&c, "{\"type\":\"audio_end\"}");
    int result = expect(&c, "asr_result", 0);
    print_message("heard: %s\n", ws_string(&c.messages[result], "text"));
    assert_true(says(&c.messages[result], "you do"));
    int done = expect(&c, "turn_done", (size_t)result);
    check_media(&c, (size_t)result, (size_t)done, false);
    ws_close(&c);
}

/* A minute of a quiet room: nothing is heard. Sent faster than a microphone would. */
static void test_quiet_room(void **state)
{
    (void)state;
    struct ws_client c;
    struct ac_str noise = {0};
    uint32_t seed = 1;

    for (int i = 0; i < RATE; i++) {
        seed = seed * 1664525 + 1013904223;
        int16_t v = (int16_t)((int)(seed >> 24) - 128);
        ac_str_add_n(&noise, (const char *)&v, sizeof v);
    }
    open_client(&c, program.port, "/ws/quiet");
    ws_text(&c, "{\"type\":\"audio_start\"}");
    for (int s = 0; s < 60; s++) {
        ws_frame(&c, 2, true, noise.p, noise.len);
        ws_read_for(&c, 20);
    }
    ws_text(&c, "{\"type\":\"audio_end\"}");
    check_alive(&c);
    ws_read_for(&c, 500);
    assert_int_equal(ws_count(&c, "vad", 0), 0);
    ac_str_free(&noise);
    ws_close(&c);
}

/* `bench listen` measures what it says. */
static void test_bench(void **state)
{
    (void)state;
    static const char *const keys[] = {"endpoint_ms", "asr_result_ms", "first_token_ms", "first_fragment_ms"};
    char command[512];
    json_error_t e;
    double before = 0;

    snprintf(command, sizeof command,
             "%s bench listen --rounds 1 --json --set asr.use=pocketsphinx 2>/dev/null",
             getenv("AVATAR_CHAT_BIN"));
    FILE *out = popen(command, "r"); // NOLINT(cert-env33-c): the test names the program
    assert_non_null(out);
    json_t *all = json_loadf(out, 0, &e);
    assert_int_equal(pclose(out), 0);
    assert_non_null(all);
    assert_true(strcasestr(json_string_value(json_object_get(all, "heard")), "you do") != NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        double ms = json_number_value(json_object_get(json_object_get(all, keys[i]), "median"));
        if (ms < before - 50) /* endpoint_ms is the server's own count */
            fail_msg("%s: %g ms after %g", keys[i], ms, before);
        before = ms;
    }
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hands_free),
        cmocka_unit_test(test_push_to_talk),
        cmocka_unit_test(test_quiet_room),
        cmocka_unit_test(test_bench),
    };

    if (!ac_registry_find(AC_STAGE_ASR, "pocketsphinx")) {
        print_message("pocketsphinx is not built in: nothing to test\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
