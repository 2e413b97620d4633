/*
 * A voice that comes over the network, in the speaker: words that are learnt late are told late, an engine
 * that fails gives way to the next one whatever voice was asked for, an interruption does not wait for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/registry.h"
#include "core/speaker.h"
#include "fake/fake_edge.h"
#include "fake/fake_engines.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct ac_handler_info ac_handler_tts_edge, ac_handler_tts_flite;

static const char TEXT[] = "Hello, my friend, how are you today?";

struct stage {
    struct fake_edge *service;
    struct ac_config *cfg;
    struct ac_models *models;
    struct ac_pool *pool;
    struct ac_speaker *speaker;
    struct ac_cancel *cancel;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* lock */
    bool done, freed;
    size_t told, words, fragments;
    int64_t start_us;
    char from[32], to[32], error[256];
};

static void on_sentence(void *arg, uint32_t turn, uint32_t seq, const char *text, const struct ac_word *words,
                        size_t n, int64_t start_us, int64_t duration_us)
{
    struct stage *s = arg;

    (void)turn, (void)duration_us;
    pthread_mutex_lock(&s->lock);
    assert_int_equal(seq, 0);
    assert_string_equal(text, TEXT);
    assert_true(n >= s->words);
    for (size_t i = 0; i < n; i++)
        assert_true(words[i].text_start + words[i].text_len <= sizeof TEXT - 1);
    if (s->told++)
        assert_int_equal(start_us, s->start_us);
    s->start_us = start_us;
    s->words = n;
    pthread_mutex_unlock(&s->lock);
}

static int on_fragment(void *arg, const struct ac_fragment *f)
{
    struct stage *s = arg;

    (void)f;
    pthread_mutex_lock(&s->lock);
    s->fragments++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return 0;
}

static void on_error(void *arg, uint32_t turn, int err, const char *reason)
{
    struct stage *s = arg;

    (void)turn, (void)err;
    pthread_mutex_lock(&s->lock);
    snprintf(s->error, sizeof s->error, "%s", reason);
    pthread_mutex_unlock(&s->lock);
}

static void on_degraded(void *arg, enum ac_stage stage, const char *from, const char *to, const char *reason)
{
    struct stage *s = arg;

    (void)stage, (void)reason;
    pthread_mutex_lock(&s->lock);
    snprintf(s->from, sizeof s->from, "%s", from);
    snprintf(s->to, sizeof s->to, "%s", to);
    pthread_mutex_unlock(&s->lock);
}

static void set(struct stage *s, bool *what)
{
    pthread_mutex_lock(&s->lock);
    *what = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void on_done(void *arg, uint32_t turn, const struct ac_speaker_times *times)
{
    (void)turn, (void)times;
    set(arg, &((struct stage *)arg)->done);
}

static void on_freed(void *arg)
{
    set(arg, &((struct stage *)arg)->freed);
}

static void wait_for(struct stage *s, const bool *what)
{
    pthread_mutex_lock(&s->lock);
    while (!*what)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static const struct ac_handler_info *fake(enum ac_stage stage)
{
    for (const struct ac_handler_info *const *h = fake_registry; *h; h++) {
        if ((*h)->stage == stage)
            return *h;
    }
    return NULL;
}

static void open_stage(struct stage *s, const struct fake_edge_config *cfg, const char *voice)
{
    static const struct ac_handler_info *registry[8];
    char url[160], set_url[200];
    struct ac_str errors = {0};
    size_t n = 0;

    *s = (struct stage){.service = fake_edge_start(cfg), .cancel = ac_cancel_new(NULL)};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    registry[n++] = &ac_handler_tts_edge;
    registry[n++] = &ac_handler_tts_flite;
    for (int stage = AC_STAGE_VAD; stage < AC_STAGE_COUNT; stage++) {
        if (stage != AC_STAGE_TTS)
            registry[n++] = fake((enum ac_stage)stage);
    }
    ac_registry_set(registry);
    fake_edge_url(s->service, url, sizeof url);
    snprintf(set_url, sizeof set_url, "tts.edge.url=%s", url);
    const char *sets[] = {"tts.use=[edge, flite]", set_url,          "tts.edge.cache_mb=0", "video.width=128",
                          "video.height=128",      "log.level=error"};
    if (ac_config_load(&s->cfg, NULL, sets, sizeof sets / sizeof *sets, &errors))
        fail_msg("%s", errors.p);
    s->models = ac_models_new(s->cfg);
    assert_int_equal(ac_pool_new(&s->pool, &(struct ac_pool_config){.workers = 2}), 0);
    struct ac_speaker_sink sink = {.arg = s,
                                   .sentence = on_sentence,
                                   .fragment = on_fragment,
                                   .error = on_error,
                                   .degraded = on_degraded,
                                   .done = on_done};
    struct ac_speaker_config scfg = {.delivery = AC_DELIVERY_STREAM,
                                     .prefs = {.width = 128, .height = 128, .fps = 25}};
    snprintf(scfg.prefs.voice, sizeof scfg.prefs.voice, "%s", voice);
    assert_int_equal(ac_speaker_new(&s->speaker, s->pool, s->models, s->cfg, &scfg, &sink), 0);
    assert_int_equal(ac_speaker_begin(s->speaker, 1, s->cancel, 0), 0);
    assert_int_equal(
        ac_speaker_say(s->speaker, &(struct ac_sentence){.text = (char *)(uintptr_t)TEXT, .lang = "en"}, 0),
        0);
    ac_speaker_end(s->speaker);
}

static void close_stage(struct stage *s)
{
    ac_speaker_free(s->speaker, on_freed, s);
    wait_for(s, &s->freed);
    ac_pool_free(s->pool, 10000);
    ac_models_free(s->models);
    ac_config_free(s->cfg);
    ac_registry_set(NULL);
    char *problems = fake_edge_problems(s->service);
    if (*problems)
        fail_msg("%s", problems);
    free(problems);
    fake_edge_stop(s->service);
    ac_cancel_unref(s->cancel);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

static void test_words(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, &(struct fake_edge_config){.frame_ms = 5}, "en-US-AriaNeural");
    wait_for(&s, &s.done);
    assert_string_equal(s.error, "");
    assert_string_equal(s.from, "");
    assert_true(s.told > 1);
    assert_int_equal(s.words, 7);
    assert_true(s.fragments > 10);
    close_stage(&s);
}

static void test_voice_goes_with_its_engine(void **state)
{
    static const int faults[] = {FAKE_EDGE_BUSY};
    struct stage s;

    (void)state;
    open_stage(&s, &(struct fake_edge_config){.faults = faults, .n_faults = 1}, "en-US-AriaNeural");
    wait_for(&s, &s.done);
    assert_string_equal(s.error, "");
    assert_string_equal(s.from, "edge");
    assert_string_equal(s.to, "flite");
    assert_int_equal(s.words, 7);
    assert_true(s.fragments > 3);
    close_stage(&s);
}

/* Without a failure, a voice that nobody has is an error. */
static void test_unknown_voice(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, &(struct fake_edge_config){0}, "nobody");
    wait_for(&s, &s.done);
    assert_non_null(strstr(s.error, "no voice 'nobody'"));
    assert_int_equal(s.fragments, 0);
    close_stage(&s);
}

static void test_interruption(void **state)
{
    static const int faults[] = {FAKE_EDGE_STALL};
    struct stage s;

    (void)state;
    open_stage(&s, &(struct fake_edge_config){.faults = faults, .n_faults = 1}, "");
    pthread_mutex_lock(&s.lock);
    while (!s.fragments)
        pthread_cond_wait(&s.changed, &s.lock);
    pthread_mutex_unlock(&s.lock);
    ac_cancel_trigger(s.cancel);
    ac_speaker_stop(s.speaker);
    size_t before = s.fragments;
    ac_sleep_us(100000);
    assert_int_equal(s.fragments, before);
    int64_t start_us = ac_now_us();
    close_stage(&s); /* the engine lets go at once */
    assert_true(ac_now_us() - start_us < 3000000);
    assert_false(s.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_voice_goes_with_its_engine),
        cmocka_unit_test(test_unknown_voice),
        cmocka_unit_test(test_interruption),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
