/* Whisper's decoding rules, token tables, and the cutting of long utterances, without a model. */
#include "asr_engine.h"

#include "asr/utterance.h"
#include "asr/whisper_rules.h"

#include <stdio.h>
#include <unistd.h>

enum {
    EOT = 10,
    SOT,
    EN,
    ZH,
    TRANSCRIBE,
    NO_SPEECH,
    NO_TIMESTAMPS,
    TIME,
    VOCAB = TIME + 101,
    BLANK = 8,
    NOTE = 9
};

static bool never[VOCAB];
static int32_t lang_token[] = {EN, ZH};
static const struct ac_whisper_spec spec = {
    .n_vocab = VOCAB,
    .eot = EOT,
    .sot = SOT,
    .no_speech = NO_SPEECH,
    .no_timestamps = NO_TIMESTAMPS,
    .blank = BLANK,
    .never = never,
    .n_langs = 2,
    .lang_token = lang_token,
};

static int setup(void **state)
{
    (void)state;
    never[NOTE] = true;
    for (int i = EOT + 1; i <= NO_TIMESTAMPS; i++)
        never[i] = true;
    return 0;
}

/* Which token is picked, where some are likely (all others have the value 0). */
static void test_pick(void **state)
{
    static const struct {
        const char *what;
        bool timestamps;
        int32_t before[6];
        size_t n;
        struct {
            int32_t token;
            float value;
        } likely[3];
        int32_t picked;
    } cases[] = {
        {"the likeliest", false, {1}, 1, {{3, 5}, {4, 6}}, 4},
        {"no blank first", false, {0}, 0, {{3, 5}, {BLANK, 6}}, 3},
        {"a blank later", false, {1}, 1, {{3, 5}, {BLANK, 6}}, BLANK},
        {"no end first", false, {0}, 0, {{3, 5}, {EOT, 6}}, 3},
        {"an end later", false, {1}, 1, {{3, 5}, {EOT, 6}}, EOT},
        {"no notes", false, {1}, 1, {{3, 5}, {NOTE, 6}}, 3},
        {"no language", false, {1}, 1, {{3, 5}, {ZH, 6}, {SOT, 7}}, 3},
        {"no timestamps", false, {1}, 1, {{3, 5}, {TIME + 9, 6}, {NO_TIMESTAMPS, 7}}, 3},
        {"a timestamp first", true, {0}, 0, {{3, 9}, {TIME + 9, 5}}, TIME + 9},
        {"within a second", true, {0}, 0, {{TIME + 51, 9}, {TIME + 50, 5}}, TIME + 50},
        {"then text", true, {TIME}, 1, {{TIME + 9, 9}, {3, 5}}, 3},
        {"an end closes", true, {TIME, 3}, 2, {{TIME + 9, 9}, {3, 5}}, TIME + 9},
        {"a pair: no text between", true, {TIME, 3, TIME + 9}, 3, {{3, 9}, {TIME + 9, 5}}, TIME + 9},
        {"or the end", true, {TIME, 3, TIME + 9}, 3, {{3, 9}, {EOT, 7}}, EOT},
        {"text after a pair", true, {TIME, 3, TIME + 9, TIME + 9}, 4, {{TIME + 20, 9}, {3, 7}}, 3},
        {"never back", true, {TIME, 3, TIME + 9}, 3, {{TIME + 8, 9}, {TIME + 11, 7}}, TIME + 11},
        {"a piece has a length", true, {TIME + 9, 3}, 2, {{TIME + 9, 9}, {TIME + 10, 8}}, TIME + 10},
        {"many unlikely timestamps outweigh a word", true, {TIME, 3}, 2, {{4, 3}, {5, 2}}, TIME + 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float logits[VOCAB] = {0}, logprob = 1;
        for (int k = 0; k < 3 && cases[i].likely[k].value > 0; k++)
            logits[cases[i].likely[k].token] = cases[i].likely[k].value;
        int32_t picked =
            ac_whisper_pick(&spec, logits, cases[i].before, cases[i].n, cases[i].timestamps, &logprob);
        if (picked != cases[i].picked)
            fail_msg("%s: %d, not %d", cases[i].what, picked, cases[i].picked);
        assert_true(logprob <= 0 && logprob > -6);
    }
}

/* Log-probabilities are those of what is allowed. */
static void test_logprob(void **state)
{
    float logits[VOCAB] = {0}, logprob;

    (void)state;
    logits[3] = 2;
    assert_int_equal(ac_whisper_pick(&spec, logits, NULL, 0, false, &logprob), 3);
    /* allowed at first: 0 … 7, one of them with the weight e² */
    assert_float_equal(logprob, 2 - log(7 + exp(2)), 1e-5);
    float all[VOCAB] = {0};
    all[NO_SPEECH] = 3;
    assert_float_equal(ac_whisper_probability(all, VOCAB, NO_SPEECH), exp(3) / (exp(3) + VOCAB - 1), 1e-5);
    all[ZH] = 1;
    assert_int_equal(ac_whisper_likeliest_lang(&spec, all), 1);
    all[EN] = 2;
    assert_int_equal(ac_whisper_likeliest_lang(&spec, all), 0);
}

static void test_unrepeated(void **state)
{
    static const struct {
        const char *tokens; /* a letter each; digits are timestamps */
        size_t keep;
    } cases[] = {
        {"", 0},
        {"a", 1},
        {"aaaaaaaa", 8},  /* "no no no …" may be meant */
        {"aaaaaaaaa", 1}, /* nine times is not */
        {"bcaaaaaaaaa", 3},
        {"abababab", 8},
        {"ababababab", 2},
        {"abcabc", 6}, /* twice is nothing */
        {"abcabcabc", 3},
        {"dabcabcabc", 4},
        {"abcabcabd", 9},
        {"abcdefghabcdefghabcdefgh", 8},
        {"0abc12abc34abc", 14},      /* not yet three times */
        {"0abc12abc34abc56abc7", 5}, /* timestamps are equal */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t tokens[64];
        size_t n = strlen(cases[i].tokens);
        for (size_t k = 0; k < n; k++) {
            char c = cases[i].tokens[k];
            tokens[k] = c >= 'a' ? (c - 'a') % EOT : TIME + c - '0';
        }
        size_t keep = ac_whisper_unrepeated(&spec, tokens, n);
        if (keep != cases[i].keep)
            fail_msg("\"%s\": %zu, not %zu", cases[i].tokens, keep, cases[i].keep);
    }
}

static void test_tokens(void **state)
{
    static const struct {
        enum ac_tokens_kind kind;
        const char *text, *reason; /* NULL: fine */
    } cases[] = {
        {AC_TOKENS_BASE64, "IEhlbGxv 0\nIQ== 7\n", NULL},
        {AC_TOKENS_BASE64, "IEhlbGxv 0\r\nIQ== 7\r\n", NULL},
        {AC_TOKENS_BASE64, "= 3\nIEhlbGxv 0\nIQ== 7", NULL},
        {AC_TOKENS_PIECES, " Hello 0\n! 7\n", NULL},
        {AC_TOKENS_BASE64, "IQ==\n", "line 1"},
        {AC_TOKENS_BASE64, "IQ== x\n", "line 1"},
        {AC_TOKENS_BASE64, "IQ== -1\n", "line 1"},
        {AC_TOKENS_BASE64, "IQ== 8\n", "line 1"},
        {AC_TOKENS_BASE64, "IQ== 0\n? 1\n", "line 2"},
        {AC_TOKENS_BASE64, "\n\n", "empty"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[] = "/tmp/test_asr_tokens_XXXXXX";
        struct ac_env env = make_env("asr.test");
        struct ac_tokens *t;
        size_t len;
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i].text, strlen(cases[i].text)), strlen(cases[i].text));
        close(fd);
        int err = ac_tokens_open(&t, path, cases[i].kind, 8, "do something", &env);
        unlink(path);
        if (cases[i].reason) {
            assert_int_equal(err, AC_EMODEL);
            assert_null(t);
            assert_non_null(strstr(env.reason, cases[i].reason));
            assert_non_null(strstr(env.reason, "do something"));
            continue;
        }
        assert_int_equal(err, 0);
        assert_memory_equal(ac_tokens_bytes(t, 0, &len), " Hello", 6);
        assert_int_equal(len, 6);
        assert_memory_equal(ac_tokens_bytes(t, 7, &len), "!", 1);
        assert_null(ac_tokens_bytes(t, 1, &len));
        assert_null(ac_tokens_bytes(t, 1000, &len));
        ac_tokens_free(t);
    }
}

static void test_utf8(void **state)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"plain", "plain"}, {"\xE4\xBD\xA0\xE5\xA5\xBD", "你好"}, {"\xE4\xBD\xA0\xE5\xA5", "你"},
        {"\xBD\xA0x", "x"}, {"a\xF0\x9F\x98\x80z\xFF", "a😀z"},    {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_str s = {0};
        ac_str_add(&s, "");
        ac_tokens_add_utf8(&s, cases[i].bytes, strlen(cases[i].bytes));
        assert_string_equal(s.p, cases[i].text);
        ac_str_free(&s);
    }
}

/* What was given to the recogniser. */
struct given {
    size_t n[8], count;
    const char *say;
    int err;
};

static int record(void *arg, struct ac_utterance *u, const int16_t *pcm, size_t n, struct ac_cancel *cancel)
{
    struct given *g = arg;

    (void)cancel;
    assert_int_equal(pcm[0], g->count ? 0 : 1000); /* cuts are in the silence */
    g->n[g->count++] = n;
    if (!g->err) {
        ac_utterance_say(u, g->say, strlen(g->say), 0, 1000000);
        ac_utterance_judge(u, n, 0.5F, "en");
    }
    return g->err;
}

/* A window of ten seconds over sound with pauses at 7 … 7.5 s and 15 … 15.5 s. */
static void test_cut(void **state)
{
    static const struct {
        const char *say, *text;
    } cases[] = {
        {" one", "one one one"}, {"one", "one one one"}, {"好", "好好好"}, {"안녕", "안녕 안녕 안녕"}};
    enum { SECONDS = 20 };
    static int16_t sound[SECONDS * RATE];

    (void)state;
    for (size_t i = 0; i < SECONDS * RATE; i++) {
        size_t ms = i / (RATE / 1000);
        sound[i] = (ms >= 7000 && ms < 7500) || (ms >= 15000 && ms < 15500) ? 0 : 1000;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct given g = {.say = cases[i].say};
        struct ac_utterance u = {0};
        struct ear ear = {.sink = {ear_push}};
        struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);
        f->audio.n_samples = SECONDS * RATE;
        f->audio.pcm = ac_alloc(sizeof sound);
        memcpy(f->audio.pcm, sound, sizeof sound);
        assert_int_equal(ac_utterance_process(&u, f, 10 * RATE, record, &g, &ear.sink, NULL), 0);
        assert_int_equal(ear.partials, 2);
        assert_int_equal(ac_utterance_process(&u, NULL, 10 * RATE, record, &g, &ear.sink, NULL), 0);
        assert_int_equal(g.count, 3);
        assert_true(g.n[0] >= 7 * RATE && g.n[0] < 7.5 * RATE);
        assert_true(g.n[0] + g.n[1] >= 15 * RATE && g.n[0] + g.n[1] < 15.5 * RATE);
        assert_int_equal(g.n[0] + g.n[1] + g.n[2], SECONDS * RATE); /* nothing is lost */
        const struct ac_transcript *t = &ear.last->transcript;
        assert_string_equal(t->text, cases[i].text);
        assert_float_equal(t->confidence, 0.5, 1e-6);
        assert_int_equal(t->n_words, 3);
        for (size_t w = 0; w < 3; w++)
            assert_true(t->text[t->words[w].text_start] != ' ');
        assert_int_equal(t->words[2].start_us, (int64_t)(g.n[0] + g.n[1]) * 1000000 / RATE);
        ac_frame_unref(ear.last);
        ac_frame_unref(f);
        ac_utterance_free(&u);
    }
}

/* A failing recogniser: its error comes back, and after reset all is new. */
static void test_failure(void **state)
{
    struct given g = {.say = "x", .err = AC_EENGINE};
    struct ac_utterance u = {0};
    struct ear ear = {.sink = {ear_push}};
    struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);

    (void)state;
    f->audio.n_samples = RATE;
    f->audio.pcm = ac_alloc(RATE * sizeof(int16_t));
    for (size_t i = 0; i < RATE; i++)
        f->audio.pcm[i] = 1000;
    assert_int_equal(ac_utterance_process(&u, f, 10 * RATE, record, &g, &ear.sink, NULL), 0);
    assert_int_equal(ac_utterance_process(&u, NULL, 10 * RATE, record, &g, &ear.sink, NULL), AC_EENGINE);
    assert_int_equal(ear.finals, 0);
    ac_utterance_reset(&u);
    g = (struct given){.say = "x"};
    assert_int_equal(ac_utterance_process(&u, f, 10 * RATE, record, &g, &ear.sink, NULL), 0);
    assert_int_equal(ac_utterance_process(&u, NULL, 10 * RATE, record, &g, &ear.sink, NULL), 0);
    assert_int_equal(g.n[0], RATE);
    assert_string_equal(ear.last->transcript.text, "x");
    ac_frame_unref(ear.last);
    ac_frame_unref(f);
    ac_utterance_free(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pick),    cmocka_unit_test(test_logprob), cmocka_unit_test(test_unrepeated),
        cmocka_unit_test(test_tokens),  cmocka_unit_test(test_utf8),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
