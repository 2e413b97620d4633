/* flite: phones against the sound, words, voices, rate, pitch, streaming, what it leaves to others. */
#include "tts_engine.h"

#include "tts/flite_frames.h"

#include <flite/flite.h>
#include <pthread.h>

cst_voice *register_cmu_us_slt(const char *voxdir);
cst_voice *register_cmu_us_rms(const char *voxdir);

static void test_sentences(void **state)
{
    static const char *const texts[] = {
        "Hello.",
        "Mama papa.",
        "Hello, I am your digital assistant.",
        "In 2026, Dr. Smith's caf\xc3\xa9 costs $3.50, i.e. 25% more; \xe2\x80\x9cgreat\xe2\x80\x9d!",
        "42",
        "http://example.org/a/b?c=d&e=f mail me@example.org",
        ("AaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaA"
         "a"
         "Aa"),
        "<speak>a <break time=\"10s\"/> b</speak> [[x]] {%s} \\n",
    };
    struct speech s = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_flite);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(engine_say(&e, texts[i], NULL, &s), 0);
        speech_check(&s, texts[i]);
        assert_int_equal(s.first_phones, s.n_phones); /* all of them come with the first piece */
        assert_true(s.n_words > 0);
        speech_free(&s);
    }
    engine_close(&e);
}

/* Vowels are louder than pauses and than the closures of voiceless stops. */
static void test_phones_match_sound(void **state)
{
    static const char text[] = "Papa, take a cup of tea, keep it on top, and pack a big bag.";
    static const char *const voices[] = {"slt", "rms"};
    struct speech s = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_flite);
    for (size_t v = 0; v < 2; v++) {
        double vowels = 0, stops = 0, pauses = 0;
        int n_vowels = 0, n_stops = 0, n_pauses = 0;
        assert_int_equal(engine_say(&e, text, &(struct wish){.voice = voices[v]}, &s), 0);
        for (size_t i = 0; i < s.n_phones; i++) {
            const struct ac_phone *p = &s.phones[i];
            int64_t q = (p->end_us - p->start_us) / 4;
            if (p->openness > 0.3f) {
                vowels += speech_rms(&s, p->start_us + q, p->end_us - q);
                n_vowels++;
            } else if (strchr("ptk", p->name[0]) && !p->name[1]) {
                stops += speech_rms(&s, p->start_us + q, p->end_us - q);
                n_stops++;
            } else if (p->viseme == AC_VIS_SIL && q > 10000) {
                pauses += speech_rms(&s, p->start_us + q, p->end_us - q);
                n_pauses++;
            }
        }
        assert_true(n_vowels > 10 && n_stops > 8 && n_pauses > 0);
        assert_true(vowels / n_vowels > 4 * stops / n_stops);
        assert_true(vowels / n_vowels > 20 * pauses / n_pauses);
        speech_free(&s);
    }
    engine_close(&e);
}

/* The words of a sentence name the bytes of what was written, each once. */
static void check_words(struct engine *e, const char *text, const char *const *expected, size_t n)
{
    struct speech s = {0};

    assert_int_equal(engine_say(e, text, NULL, &s), 0);
    speech_check(&s, text);
    assert_int_equal(s.n_words, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(s.words[i].text_len, strlen(expected[i]));
        assert_memory_equal(text + s.words[i].text_start, expected[i], strlen(expected[i]));
        if (i == 3) /* the number: three point one four, three dollars fifty */
            assert_true(s.words[i].end_us - s.words[i].start_us > 500000);
    }
    speech_free(&s);
}

static void test_words(void **state)
{
    static const char *const cafe[] = {"Well", "caf\xc3\xa9", "number", "3.14", "opens", "at", "ten"};
    static const char *const price[] = {"It", "costs",          "about", "$3.50",
                                        "on", "March 15, 2024", "says",  "NASA"};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_flite);
    check_words(&e, "Well, caf\xc3\xa9 number 3.14 opens at ten.", cafe, sizeof cafe / sizeof *cafe);
    check_words(&e, "It costs about $3.50 on March 15, 2024, says NASA.", price,
                sizeof price / sizeof *price);
    engine_close(&e);
}

static void test_voice_rate_pitch(void **state)
{
    static const char text[] = "Far calm palms are large.";
    struct speech slt = {0}, rms = {0}, slow = {0}, high = {0}, rms_high = {0}, man = {0}, named = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_flite);
    assert_int_equal(engine_say(&e, text, &(struct wish){.lang = "en-US"}, &slt), 0);
    assert_int_equal(engine_say(&e, text, &(struct wish){.voice = "rms"}, &rms), 0);
    assert_int_equal(engine_say(&e, text, &(struct wish){.rate = 0.5f}, &slow), 0);
    assert_int_equal(engine_say(&e, text, &(struct wish){.pitch = 1.4f}, &high), 0);
    assert_int_equal(engine_say(&e, text, &(struct wish){.voice = "rms", .pitch = 1.4f}, &rms_high), 0);
    assert_int_equal(engine_say(&e, text, &(struct wish){.gender = "male"}, &man), 0);
    assert_int_equal(engine_say(&e, text, &(struct wish){.voice = "slt", .gender = "male"}, &named), 0);
    double ratio = (double)slow.n / (double)slt.n;
    assert_true(ratio > 1.7 && ratio < 2.1);
    double f_slt = speech_pitch_hz(&slt), f_rms = speech_pitch_hz(&rms), f_high = speech_pitch_hz(&high),
           f_rms_high = speech_pitch_hz(&rms_high);
    assert_true(f_rms < 0.75 * f_slt); /* a man's voice */
    assert_true(fabs(speech_pitch_hz(&man) - f_rms) < 0.02 * f_rms);
    assert_true(fabs(speech_pitch_hz(&named) - f_slt) < 0.02 * f_slt); /* who names a voice gets it */
    assert_true(f_high > 1.25 * f_slt && f_high < 1.55 * f_slt);
    assert_true(f_rms_high > 1.25 * f_rms && f_rms_high < 1.55 * f_rms);
    speech_free(&slt);
    speech_free(&rms);
    speech_free(&slow);
    speech_free(&high);
    speech_free(&rms_high);
    speech_free(&man);
    speech_free(&named);
    engine_close(&e);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        struct wish wish;
        int err;
        const char *says;
    } cases[] = {
        {"\xe4\xbd\xa0\xe5\xa5\xbd", {0}, AC_ENOTSUP, "Latin"},
        {"I like \xe5\x8c\x97\xe4\xba\xac.", {0}, AC_ENOTSUP, "Latin"},
        {"Guten Tag", {.lang = "de-DE"}, AC_ENOTSUP, "de-DE"},
        {"Hello", {.voice = "espeak:en-us+f2"}, AC_ENOTSUP, "slt and rms"},
        {"", {0}, AC_EEMPTY, ""},
        {" \t\n", {0}, AC_EEMPTY, ""},
        {"*** --- ...", {0}, AC_EEMPTY, ""},
        {"\xf0\x9f\x98\x80", {0}, AC_EEMPTY, ""},
        {"a\xff", {0}, AC_EUTF8, ""},
        {"a\xc3", {0}, AC_EUTF8, ""},
    };
    struct speech s = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_flite);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(engine_say(&e, cases[i].text, &cases[i].wish, &s), cases[i].err);
        assert_int_equal(s.pieces, 0);
        assert_non_null(strstr(e.env.reason, cases[i].says));
        speech_free(&s);
    }
    assert_int_equal(engine_say(&e, "Hello", &(struct wish){.lang = "auto"}, &s), 0);
    speech_free(&s);
    engine_close(&e);
}

static void test_interrupted(void **state)
{
    struct speech s = {.cancel_after = 2}, again = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_flite);
    assert_int_equal(engine_say(&e, "This sentence is cut off before it has come to its end.", NULL, &s),
                     AC_ECANCELED);
    assert_int_equal(s.pieces, 2);
    assert_int_equal(engine_say(&e, "Then the next one is whole.", NULL, &again), 0);
    speech_check(&again, "Then the next one is whole.");
    speech_free(&s);
    speech_free(&again);
    engine_close(&e);
}

static void test_long_text(void **state)
{
    struct ac_str text = {0};
    struct speech *s = ac_zalloc(sizeof *s);
    struct engine e;

    (void)state;
    for (int i = 0; i < 40; i++)
        ac_str_addf(&text, "Sentence number %d is not very long, but there are many of them. ", i);
    engine_open(&e, &ac_handler_tts_flite);
    assert_int_equal(engine_say(&e, text.p, &(struct wish){.rate = 2}, s), 0);
    speech_check(s, text.p);
    assert_true(s->n_words > 400);
    assert_true(s->first_phones < s->n_phones); /* it does not wait for the whole text */
    speech_free(s);
    free(s);
    ac_str_free(&text);
    engine_close(&e);
}

/* ---- against flite's own synthesis, which predicts the whole utterance first ---- */

static int keep_on(const cst_wave *w, int start, int size, int last, cst_audio_streaming_info *asi)
{
    (void)w, (void)start, (void)size, (void)last, (void)asi;
    return CST_AUDIO_STREAM_CONT;
}

/* The vocoder's noise is rand(): one call a sample, so `skip` calls put two sounds in step. */
static cst_utterance *synthesise(cst_voice *voice, const char *text, float rate, bool ours, int skip)
{
    cst_utterance *u = new_utterance();
    cst_audio_streaming_info *asi = new_audio_streaming_info();

    asi->min_buffsize = 240;
    asi->asc = keep_on;
    utt_set_input_text(u, text);
    utt_init(u, voice);
    feat_set(u->features, "streaming_info", audio_streaming_info_val(asi));
    feat_set_float(u->features, "duration_stretch", 1 / rate);
    if (ours)
        feat_set(u->features, "wave_synth_func", uttfunc_val(ac_flite_frames_synth));
    srand(1);
    while (skip-- > 0)
        rand();
    assert_non_null(utt_synth(u));
    return u;
}

static void compare(cst_voice *voice, const char *text, float rate)
{
    cst_utterance *whole = synthesise(voice, text, rate, false, 0);
    cst_utterance *ours = synthesise(voice, text, rate, true, 0);
    int left_out = utt_feat_int(ours, "samples_left_out");
    double signal = 0, noise = 0;

    delete_utterance(ours);
    ours = synthesise(voice, text, rate, true, left_out);
    const cst_wave *a = utt_wave(whole), *b = utt_wave(ours);
    const cst_item *p = relation_head(utt_relation(whole, "Segment")),
                   *q = relation_head(utt_relation(ours, "Segment"));
    for (; p && q; p = item_next(p), q = item_next(q)) {
        assert_string_equal(item_feat_string(p, "name"), item_feat_string(q, "name"));
        assert_true(item_feat_float(p, "end") == item_feat_float(q, "end"));
    }
    assert_true(!p && !q);
    assert_int_equal(a->num_samples, left_out + b->num_samples);
    assert_true(b->num_samples > 4000);
    for (int i = 0; i < b->num_samples; i++) {
        double v = a->samples[left_out + i], d = v - b->samples[i];
        signal += v * v;
        noise += d * d;
    }
    assert_true(signal > 1e6 * b->num_samples / 16.0);
    assert_true(10 * log10(signal / (noise + 1)) > 40);
    delete_utterance(whole);
    delete_utterance(ours);
}

static void test_same_sound_as_flite(void **state)
{
    static const char *const texts[] = {
        "Hi.",
        "Hello, I am glad that you are here. What would you like to know?",
        "In 2026, Doctor Smith's cafe costs $3.50, that is 25% more; great!",
    };
    static const float rates[] = {1, 1.7f, 0.6f};
    struct engine e; /* keeps the voices registered */

    (void)state;
    engine_open(&e, &ac_handler_tts_flite);
    cst_voice *voices[] = {register_cmu_us_slt(NULL), register_cmu_us_rms(NULL)};
    for (size_t v = 0; v < 2; v++) {
        assert_true(ac_flite_frames_fit(voices[v]));
        for (size_t t = 0; t < 3; t++)
            for (size_t r = 0; r < 3; r++)
                compare(voices[v], texts[t], rates[r]);
    }
    engine_close(&e);
}

/* ---- two threads ---- */

static const char *const parallel_texts[] = {"The quick brown fox jumps over the lazy dog.",
                                             "She sells sea shells by the sea shore, they say."};

struct worker {
    struct engine *e;
    int which;
    struct speech s;
    int err;
};

static void *work(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < 3 && !w->err; i++) {
        if (i)
            speech_free(&w->s);
        w->err = engine_say(w->e, parallel_texts[w->which], NULL, &w->s);
    }
    return NULL;
}

static void test_threads(void **state)
{
    static struct worker w[2];
    static struct speech alone;
    struct engine e[2];
    pthread_t t[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        engine_open(&e[i], &ac_handler_tts_flite);
        w[i] = (struct worker){.e = &e[i], .which = i};
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, work, &w[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(w[i].err, 0);
        assert_int_equal(engine_say(&e[0], parallel_texts[i], NULL, &alone), 0);
        assert_int_equal(alone.n, w[i].s.n);
        assert_int_equal(alone.n_phones, w[i].s.n_phones);
        assert_memory_equal(alone.phones, w[i].s.phones, alone.n_phones * sizeof *alone.phones);
        /* the vocoder's noise is random, its loudness is not */
        for (size_t k = 0; k < alone.n_phones; k++) {
            const struct ac_phone *p = &alone.phones[k];
            double a = speech_rms(&alone, p->start_us, p->end_us),
                   b = speech_rms(&w[i].s, p->start_us, p->end_us);
            assert_true(fabs(a - b) < 200 + 0.5 * a);
        }
        speech_free(&alone);
        speech_free(&w[i].s);
    }
    for (int i = 0; i < 2; i++)
        engine_close(&e[i]);
}

static void count_item(void *arg, const struct ac_item *item)
{
    assert_true(!strcmp(item->id, "slt") || !strcmp(item->id, "rms"));
    assert_string_equal(item->gender, strcmp(item->id, "rms") ? "female" : "male");
    ++*(int *)arg;
}

static void test_list(void **state)
{
    struct engine e;
    int n = 0;

    (void)state;
    engine_open(&e, &ac_handler_tts_flite);
    assert_int_equal(e.info->list(e.model, e.cfg, &e.env, count_item, &n), 0);
    assert_int_equal(n, 2);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences), cmocka_unit_test(test_phones_match_sound),
        cmocka_unit_test(test_words),     cmocka_unit_test(test_voice_rate_pitch),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_long_text), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_list),      cmocka_unit_test(test_same_sound_as_flite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
