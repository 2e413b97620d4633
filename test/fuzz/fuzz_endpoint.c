/*
 * Where utterances begin and end: whatever the numbers of the configuration and the probabilities, events
 * come in an order that makes sense, and utterances follow each other without overlap and within their limit.
 */
#include "fuzz.h"

#include "core/endpoint.h"

struct seen {
    bool maybe, speech, pause;
    int64_t start, last_end, max;
};

static void check(void *arg, const struct ac_endpoint_event *e)
{
    struct seen *s = arg;

    switch (e->type) {
    case AC_ENDPOINT_ONSET:
        fuzz_check(!s->maybe && !s->speech && e->start_sample >= s->last_end);
        s->maybe = true;
        s->start = e->start_sample;
        break;
    case AC_ENDPOINT_DISMISS:
        fuzz_check(s->maybe && !s->speech);
        s->maybe = false;
        break;
    case AC_ENDPOINT_SPEECH:
        fuzz_check(s->maybe && !s->speech && e->start_sample == s->start);
        s->maybe = false;
        s->speech = true;
        break;
    case AC_ENDPOINT_PAUSE:
        fuzz_check(s->speech && !s->pause);
        s->pause = true;
        break;
    case AC_ENDPOINT_RESUME:
        fuzz_check(s->speech && s->pause);
        s->pause = false;
        break;
    case AC_ENDPOINT_END:
        fuzz_check(s->speech && e->end_sample >= e->start_sample && e->end_sample <= e->at_sample);
        fuzz_check(e->at_sample - e->start_sample <= s->max);
        s->speech = s->pause = false;
        s->last_end = e->end_sample;
        break;
    }
}

/* Bytes: the numbers of the configuration, then pieces of (length, probability, ears). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ac_endpoint e;
    struct seen seen = {0};
    int64_t at = 0;

    if (size < 10)
        return 0;
    const struct ac_listen_config cfg = {
        .threshold = data[0] / 256.0,
        .threshold_low = data[1] / 256.0,
        .threshold_speaking = data[2] / 256.0,
        .speech_ms = data[3] * 4,
        .pause_ms = data[4],
        .silence_ms = data[4] + data[5] * 4,
        .preroll_ms = data[6] * 4,
        .max_utterance_s = 1 + data[7] % 30,
        .barge_in_ms = data[8] * 4,
    };
    /* the end is decided in steps of 32 ms, and an utterance may be that long before it is one */
    seen.max = ac_listen_samples(cfg.max_utterance_s * 1000 + cfg.preroll_ms + 64 +
                                 (cfg.speech_ms > cfg.barge_in_ms ? cfg.speech_ms : cfg.barge_in_ms) * 8);
    ac_endpoint_init(&e, &cfg, check, &seen);
    for (size_t i = 9; i + 3 <= size; i += 3) {
        struct ac_voice v = {
            .start_sample = at, .n_samples = (size_t)data[i] * 64, .probability = data[i + 1] / 255.0f};
        ac_endpoint_feed(&e, &v, (enum ac_ears)(AC_EARS_OPEN + data[i + 2] % 3));
        at += (int64_t)v.n_samples;
        if (data[i + 2] == 255)
            ac_endpoint_finish(&e);
    }
    ac_endpoint_finish(&e);
    fuzz_check(!seen.maybe && !seen.speech);
    return 0;
}
