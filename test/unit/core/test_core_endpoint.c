/*
 * The end-point state machine over scripts of probabilities: where utterances begin and end, what is too
 * short, hysteresis, the stricter set while the avatar speaks, the cut of endless speech, the forced end; and
 * that long pieces make no difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "core/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ac_listen_config defaults = {
    .threshold = 0.5,
    .threshold_low = 0.35,
    .threshold_speaking = 0.7,
    .speech_ms = 256, /* whole pieces of 32 ms, so that the expected times are round */
    .pause_ms = 96,
    .silence_ms = 512,
    .preroll_ms = 320,
    .max_utterance_s = 30,
    .barge_in_ms = 320,
};

/* Writes events as text: "speech@start", "end@end_sample", "cut@…" in ms; others by their first letters. */
static void note(void *arg, const struct ac_endpoint_event *e)
{
    struct ac_str *out = arg;
    static const char *const names[] = {"", "onset", "dismiss", "speech", "pause", "resume", "end"};
    int64_t at = e->type == AC_ENDPOINT_SPEECH  ? e->start_sample
                 : e->type == AC_ENDPOINT_END   ? e->end_sample
                 : e->type == AC_ENDPOINT_ONSET ? e->onset_sample
                                                : e->at_sample;

    ac_str_addf(out, "%s%s@%d", out->len ? " " : "", e->cut ? "cut" : names[e->type], (int)ac_listen_ms(at));
}

/*
 * Plays a script: "MS:PERCENT" pieces, a letter before one changes the ears (o open, s strict, c closed), "!"
 * finishes. Fed in pieces of `piece` samples.
 */
static void play(const char *script, const struct ac_listen_config *cfg, size_t piece, struct ac_str *out)
{
    struct ac_endpoint e;
    enum ac_ears ears = AC_EARS_OPEN;
    int64_t at = 0;

    ac_endpoint_init(&e, cfg, note, out);
    for (const char *p = script; *p; p += strspn(p, " ")) {
        if (*p == '!') {
            ac_endpoint_finish(&e);
            p++;
            continue;
        }
        if (strchr("osc", *p))
            ears = *p == 'o' ? AC_EARS_OPEN : *p == 's' ? AC_EARS_STRICT : AC_EARS_CLOSED;
        p += strchr("osc", *p) != NULL;
        char *end;
        long ms = strtol(p, &end, 10), percent = strtol(end + 1, &end, 10);
        p = end;
        for (int64_t left = ac_listen_samples(ms); left > 0;) {
            size_t n = left < (int64_t)piece ? (size_t)left : piece;
            struct ac_voice v = {.start_sample = at, .n_samples = n, .probability = (float)percent / 100};
            ac_endpoint_feed(&e, &v, ears);
            at += (int64_t)n;
            left -= (int64_t)n;
        }
    }
}

static void test_scripts(void **state)
{
    static const struct {
        const char *what, *script, *events;
    } cases[] = {
        {"silence", "60000:3", ""},
        {"an utterance", "640:2 960:90 640:2", "onset@640 speech@320 pause@1696 end@1600"},
        {"pre-roll at the start", "96:2 960:90 640:2", "onset@96 speech@0 pause@1152 end@1056"},
        {"too short", "640:2 192:90 640:2", "onset@640 dismiss@960"},
        {"just long enough", "640:2 256:90 640:2", "onset@640 speech@320 pause@992 end@896"},
        {"a plosive in the first syllable", "640:2 160:90 64:5 160:90 640:2",
         "onset@640 speech@320 pause@1120 end@1024"},
        {"a pause within", "640:2 640:90 320:2 640:90 640:2",
         "onset@640 speech@320 pause@1376 resume@1632 pause@2336 end@2240"},
        {"a dip shorter than a pause", "640:2 640:90 64:2 640:90 640:2",
         "onset@640 speech@320 pause@2080 end@1984"},
        {"hysteresis: below the first threshold nothing begins", "640:2 960:45 640:2", ""},
        {"hysteresis: above the second it lasts", "640:2 320:90 960:40 640:2",
         "onset@640 speech@320 pause@2016 end@1920"},
        {"hysteresis: it takes the first to resume", "640:2 320:90 192:2 960:40",
         "onset@640 speech@320 pause@1056 end@960"},
        {"the next one's pre-roll does not reach into the last", "640:2 640:90 544:2 640:90 640:2",
         "onset@640 speech@320 pause@1376 end@1280 onset@1824 speech@1504 pause@2560 end@2464"},
        {"strict: an echo", "s640:2 1600:65 640:2", ""},
        {"strict: mm-hm", "s640:2 288:95 640:2", "onset@640 dismiss@1056"},
        {"strict: speech", "s640:2 352:95 o320:95 640:2", "onset@640 speech@320 pause@1408 end@1312"},
        {"strict: dips do not count", "s640:2 160:95 64:60 128:95 640:2", "onset@640 dismiss@1120"},
        {"closed", "c640:2 2000:95 640:2", ""},
        {"closed in mid-utterance", "640:2 640:90 c960:95", "onset@640 speech@320 pause@1376 end@1280"},
        {"the end of the stream in speech", "640:2 640:90 ! 640:2", "onset@640 speech@320 end@1280"},
        {"the end of the stream in speech?", "640:2 96:90 ! 640:2", "onset@640 dismiss@736"},
        {"the end of the stream in silence", "640:2 !", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const size_t pieces[] = {512, 5120, 48000};
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
            struct ac_str out = {0};
            play(cases[i].script, &defaults, pieces[k], &out);
            if (strcmp(out.p ? out.p : "", cases[i].events) != 0)
                fail_msg("%s, pieces of %zu:\n  got  %s\n  want %s", cases[i].what, pieces[k],
                         out.p ? out.p : "", cases[i].events);
            ac_str_free(&out);
        }
    }
}

/* Endless speech is cut at the limit; nothing of it is lost and nothing is taken twice. */
struct cuts {
    int n;
    int64_t last_end;
    bool whole;
};

static void note_cut(void *arg, const struct ac_endpoint_event *e)
{
    struct cuts *c = arg;

    if (e->type == AC_ENDPOINT_SPEECH && c->n)
        c->whole &= e->start_sample == c->last_end;
    if (e->type == AC_ENDPOINT_END) {
        c->whole &= e->cut && e->end_sample - e->start_sample <= ac_listen_samples(30000 + 32);
        c->last_end = e->end_sample;
        c->n++;
    }
}

static void test_endless(void **state)
{
    struct ac_endpoint e;
    struct cuts cuts = {.whole = true};

    (void)state;
    ac_endpoint_init(&e, &defaults, note_cut, &cuts);
    for (int64_t at = 0; at < ac_listen_samples(3600000); at += 512) {
        struct ac_voice v = {.start_sample = at, .n_samples = 512, .probability = 0.99f};
        ac_endpoint_feed(&e, &v, AC_EARS_OPEN);
    }
    assert_true(cuts.whole);
    assert_in_range(cuts.n, 119, 120);
}

static void test_sensitivity(void **state)
{
    struct ac_listen_config cfg = defaults;
    struct ac_str out = {0};

    (void)state;
    cfg.threshold = 0.3; /* below threshold_low, which follows */
    play("640:2 960:32 640:2", &cfg, 512, &out);
    assert_string_equal(out.p, "onset@640 speech@320 pause@1696 end@1600");
    ac_str_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_sensitivity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
