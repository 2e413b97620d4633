/* eSpeak NG: languages, Mandarin, mixed sentences, voices, phoneme coverage, threads. */
#include "tts_engine.h"

#include "tts/shapes.h"

#include <pthread.h>

static void test_languages(void **state)
{
    static const struct {
        const char *lang, *text;
    } cases[] = {
        {"zh-CN", "你好，我是数字人，很高兴认识你。"},
        {"", "今天是2026年11月24日，气温-5℃。"},
        {"en", "Mama papa, what is five times three?"},
        {"de-DE", "Schöne Grüße aus Köln."},
        {"fr", "Ça va très bien, merci."},
        {"es", "¿Cómo estás? ¡Muy bien!"},
        {"ru", "Привет, как дела?"},
        {"", "Привет"},
        {"uk", "Добрий день"},
        {"ja", "こんにちは、わたしです。"},
        {"", "コンピューター"},
        {"ko", "안녕하세요, 반갑습니다."},
        {"zh-HK", "你好，我係香港人。"},
        {"ar", "مرحبا بكم"},
        {"hi", "नमस्ते दुनिया"},
        {"el", "Καλημέρα"},
        {"ka", "გამარჯობა"},
        {"auto", "42"},
    };
    struct speech s = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_espeak);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(engine_say(&e, cases[i].text, &(struct wish){.lang = cases[i].lang}, &s), 0);
        speech_check(&s, cases[i].text);
        assert_int_equal(s.first_phones, s.n_phones);
        assert_true(s.n_words > 0);
        speech_free(&s);
    }
    engine_close(&e);
}

/* The names of the phonemes, joined. */
static void phone_names(const struct speech *s, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < s->n_phones; i++)
        if (s->phones[i].viseme != AC_VIS_SIL)
            snprintf(out + strlen(out), size - strlen(out), "%s ", s->phones[i].name);
}

/* What is heard for Chinese is Mandarin: the phonemes of the pinyin, not of "Chinese letter". */
static void test_mandarin(void **state)
{
    static const char text[] = "银行的行长。";
    static const char *const words[] = {"银行", "的", "行长"};
    struct speech s = {0};
    struct engine e;
    char names[256];

    (void)state;
    engine_open(&e, &ac_handler_tts_espeak);
    assert_int_equal(engine_say(&e, text, NULL, &s), 0);
    phone_names(&s, names, sizeof names);
    assert_non_null(strstr(names, "χ")); /* hang, twice */
    assert_non_null(strstr(strstr(names, "χ") + 1, "χ"));
    assert_null(strstr(names, "ɕ")); /* not xing */
    assert_null(strstr(names, "ʃ"));
    for (size_t i = 0, at = 0; i < 3 && s.n_words >= 3; i++) {
        const char *found = strstr(text + at, words[i]);
        assert_non_null(found);
        at = (size_t)(found - text);
        assert_int_equal(s.words[i].text_start, at);
        at += strlen(words[i]);
    }
    assert_true(s.n_words == 3);
    speech_free(&s);
    engine_close(&e);
}

static void test_mixed(void **state)
{
    static const char text[] = "我用iPhone和你聊天。";
    struct speech s = {0};
    struct engine e;
    bool rates[2] = {0};
    size_t w;

    (void)state;
    engine_open(&e, &ac_handler_tts_espeak);
    assert_int_equal(engine_say(&e, text, &(struct wish){.lang = "zh-CN"}, &s), 0);
    speech_check(&s, text);
    for (int i = 0; i < s.pieces; i++) {
        rates[0] = rates[0] || s.piece[i].rate_hz == 22050;
        rates[1] = rates[1] || s.piece[i].rate_hz == 16000; /* English by flite */
    }
    assert_true(rates[0] && rates[1]);
    for (w = 0; w < s.n_words; w++)
        if (s.words[w].text_start == strlen("我用"))
            break;
    assert_true(w > 0 && w + 1 < s.n_words);
    assert_int_equal(s.words[w].text_len, strlen("iPhone"));
    /* the sound of each word is there */
    for (w = 0; w < s.n_words; w++)
        assert_true(speech_rms(&s, s.words[w].start_us, s.words[w].end_us) > 500);
    speech_free(&s);
    /* chosen otherwise: one engine, one rate */
    ((int *)e.cfg)[ac_handler_tts_espeak.options[0].offset / sizeof(int)] = 1;
    assert_int_equal(engine_say(&e, text, &(struct wish){.lang = "zh-CN"}, &s), 0);
    speech_check(&s, text);
    for (int i = 0; i < s.pieces; i++)
        assert_int_equal(s.piece[i].rate_hz, 22050);
    speech_free(&s);
    engine_close(&e);
}

static size_t vowels_stressed(const struct speech *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_phones; i++) {
        n += s->phones[i].stressed;
        assert_true(!s->phones[i].stressed || s->phones[i].openness > 0);
    }
    return n;
}

static void test_rate_pitch_voice(void **state)
{
    static const char text[] = "今天天气很好，我们去公园。";
    static const struct wish wishes[] = {
        {0},
        {.rate = 0.6f},
        {.rate = 1.8f},
        {.pitch = 1.4f},
        {.voice = "rms"},
        {.voice = "espeak:cmn+f4"},
        {.voice = "espeak:de+m1"},
        {.gender = "male"},
    };
    struct speech s[8] = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_espeak);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(engine_say(&e, text, &wishes[i], &s[i]), 0);
        speech_check(&s[i], text);
        assert_true(vowels_stressed(&s[i]) >= 2);
    }
    assert_true(s[1].end_us > 1.3 * (double)s[0].end_us);
    assert_true(s[2].end_us < 0.75 * (double)s[0].end_us);
    for (size_t i = 3; i < 6; i++) /* another sound */
        assert_true(s[i].n != s[0].n || memcmp(s[i].pcm, s[0].pcm, s[0].n * sizeof *s[0].pcm) != 0);
    /* a voice of another language: the man's default, as for rms */
    assert_in_range(s[6].n + 2205, s[4].n, s[4].n + 4410); /* its flutter is worth up to 100 ms */
    assert_in_range(s[7].n + 2205, s[4].n, s[4].n + 4410); /* and where the avatar is a man */
    for (size_t i = 0; i < 8; i++)
        speech_free(&s[i]);
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
        {"สวัสดี", {0}, AC_ENOTSUP, "'th'"},
        {"ᏣᎳᎩ", {.lang = "chr"}, AC_ENOTSUP, "'chr'"},
        {"日本語です", {.lang = "ja"}, AC_ENOTSUP, "kanji"},
        {"日本語です", {0}, AC_ENOTSUP, "kanji"},
        {"ᚠᚢᚦ", {0}, AC_ENOTSUP, "set the language"},
        {"Hello", {.voice = "slt2"}, AC_ENOENT, "espeak:cmn+f2"},
        {"Hello", {.voice = "espeak:dee"}, AC_ENOENT, "nearest is 'de"},
        {"Hello", {.voice = "espeak:de+f9"}, AC_ENOENT, "nearest is 'f"},
        {"", {0}, AC_EEMPTY, ""},
        {"。。。", {0}, AC_EEMPTY, ""},
        {"你\xff", {0}, AC_EUTF8, ""},
    };
    struct speech s = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_espeak);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(engine_say(&e, cases[i].text, &cases[i].wish, &s), cases[i].err);
        assert_int_equal(s.pieces, 0);
        assert_non_null(strstr(e.env.reason, cases[i].says));
        speech_free(&s);
    }
    engine_close(&e);
}

/* Markup is text, never a command: no break of ten seconds, no phoneme input. */
static void test_markup(void **state)
{
    static const char text[] = "<speak>one<break time=\"10s\"/>two</speak> [[h@loU]]";
    struct speech s = {0};
    struct engine e;

    (void)state;
    engine_open(&e, &ac_handler_tts_espeak);
    assert_int_equal(engine_say(&e, text, &(struct wish){.lang = "en"}, &s), 0);
    speech_check(&s, text);
    assert_true(s.n_words > 5);
    for (size_t i = 0; i < s.n_phones; i++)
        assert_true(s.phones[i].viseme != AC_VIS_SIL || s.phones[i].end_us - s.phones[i].start_us < 2000000);
    speech_free(&s);
    engine_close(&e);
}

static void test_long_and_interrupted(void **state)
{
    struct ac_str text = {0};
    struct speech *s = ac_zalloc(sizeof *s);
    struct engine e;

    (void)state;
    for (int i = 0; i < 30; i++)
        ac_str_addf(&text, "这是第%d个句子，后面还有很多。And number %d in English. ", i, i);
    engine_open(&e, &ac_handler_tts_espeak);
    assert_int_equal(engine_say(&e, text.p, &(struct wish){.lang = "zh"}, s), 0);
    speech_check(s, text.p);
    speech_free(s);
    s->cancel_after = 3;
    assert_int_equal(engine_say(&e, text.p, &(struct wish){.lang = "zh"}, s), AC_ECANCELED);
    assert_int_equal(s->pieces, 3);
    speech_free(s);
    assert_int_equal(engine_say(&e, "好的。", NULL, s), 0);
    speech_check(s, "好的。");
    speech_free(s);
    free(s);
    ac_str_free(&text);
    engine_close(&e);
}

/* ---- every phoneme has a mouth ---- */

struct voices {
    size_t n;
    char id[400][64];
    char lang[400][32];
    char gender[400][8];
    char name[400][224];
};

static void keep_voice(void *arg, const struct ac_item *item)
{
    struct voices *v = arg;

    assert_true(v->n < 400);
    snprintf(v->id[v->n], 64, "%s", item->id);
    snprintf(v->lang[v->n], 32, "%s", item->lang);
    snprintf(v->gender[v->n], 8, "%s", item->gender);
    snprintf(v->name[v->n++], 224, "%s", item->name);
    assert_true(item->name[0] && item->lang[0]);
}

static void check_shapes(const struct speech *s, size_t *vowels)
{
    for (size_t i = 0; i < s->n_phones; i++) {
        const struct ac_phone *p = &s->phones[i];
        struct ac_shapes shapes = ac_shapes_ipa(p->name, sizeof p->name);
        if (!shapes.n)
            fail_msg("no mouth shape for the phoneme '%s'", p->name);
        *vowels += p->openness > 0;
    }
}

/* Texts that use every sound of English and Mandarin, and every listed voice on its name and the digits. */
static void test_every_phoneme(void **state)
{
    static const char english[] = "The quick brown fox jumps over the lazy dog. Measure the judge's church "
                                  "bells through thin thick feathers. "
                                  "Little bottles, buttons, cotton and better water. Fire, hour, poor, near, "
                                  "hair, bird, further, about. "
                                  "Boy, how now, say go see too, put good books, father, caught, hot, cup, "
                                  "bed, sat, sit. Uh-oh, singing, whale.";
    static const char mandarin[] =
        "八百标兵奔北坡，炮兵并排北边跑。四是四，十是十，十四是十四，四十是四十。吃葡萄不吐葡萄皮。"
        "知吃师日资此思，居区须女律，挖我外为万问王翁，呀也要有烟因央英，月元云用，儿耳二，哪儿玩儿。"
        "机器家桥秋先心香星，公空红，风朋梦，波坡摸佛，得特呢了，哥科喝，夺拖挪罗，窗双光黄，穷兄。";
    static struct voices v;
    struct speech s = {0};
    struct engine e;
    size_t vowels = 0;

    (void)state;
    engine_open(&e, &ac_handler_tts_espeak);
    assert_int_equal(engine_say(&e, english, &(struct wish){.lang = "en", .voice = "espeak:en-us+f2"}, &s),
                     0);
    check_shapes(&s, &vowels);
    speech_free(&s);
    assert_int_equal(engine_say(&e, english, &(struct wish){.lang = "en-gb", .voice = "espeak:en-gb"}, &s),
                     0);
    check_shapes(&s, &vowels);
    speech_free(&s);
    assert_int_equal(engine_say(&e, mandarin, NULL, &s), 0);
    check_shapes(&s, &vowels);
    speech_free(&s);
    assert_true(vowels > 300);
    assert_int_equal(e.info->list(e.model, e.cfg, &e.env, keep_voice, &v), 0);
    assert_true(v.n > 200);
    for (size_t i = 0; i < v.n; i++) {
        assert_true(!strcmp(v.gender[i], strchr(v.id[i], '+')[1] == 'm' ? "male" : "female"));
        /* some languages have no words for digits, so with them the language's name in itself */
        char text[300];
        const char *name = strcmp(v.lang[i], "ja") ? v.name[i] : "にほんご";
        snprintf(text, sizeof text, "%.*s: 0 1 2 3 4 5 6 7 8 9", (int)strcspn(name, "("), name);
        int err = engine_say(&e, text, &(struct wish){.lang = v.lang[i], .voice = v.id[i]}, &s);
        if (err)
            fail_msg("voice %s, '%s': %s, %s", v.id[i], text, ac_err_text(err), e.env.reason);
        check_shapes(&s, &vowels);
        speech_free(&s);
    }
    engine_close(&e);
}

/* ---- threads: the library has one voice for all, the lock keeps them apart ---- */

static const struct {
    const char *text;
    struct wish wish;
} parallel[] = {
    {"你好，我是你的助手。", {.lang = "zh"}},
    {"Hello, my name is Ben.", {.lang = "en", .voice = "espeak:en-us+m1", .rate = 1.2f}},
};

struct worker {
    struct engine *e;
    int which;
    int err;
    const char *other; /* in what this sound is not like the one that was made alone */
    const struct speech *alone;
};

static const struct ac_phone *sounding(const struct speech *s, size_t *i)
{
    while (*i < s->n_phones && s->phones[*i].viseme == AC_VIS_SIL)
        ++*i;
    return *i < s->n_phones ? &s->phones[(*i)++] : NULL;
}

/*
 * In what two takes of one text differ more than eSpeak NG's own takes do (see espeak_synth.h): a vowel by a
 * pitch period or so, a pause by a closure. A speed of 1.2 instead of 1 takes 17 ms of a vowel of 100 ms, and
 * the other's voice would name other phonemes.
 */
static const char *difference(const struct speech *a, const struct speech *b)
{
    size_t i = 0, k = 0, n = 0;
    int64_t apart_us = 0;

    for (;; n++) {
        const struct ac_phone *p = sounding(a, &i), *q = sounding(b, &k);
        if (!p && !q)
            break;
        if (!p || !q || strcmp(p->name, q->name) != 0)
            return "other phonemes";
        int64_t d = abs((p->end_us - p->start_us) - (q->end_us - q->start_us));
        if (d > 15000)
            return "another length of a phoneme";
        apart_us += d;
    }
    if (apart_us > (int64_t)n * 5000)
        return "another speed";
    if (a->n_words != b->n_words || llabs(a->end_us - b->end_us) > 150000)
        return "other words or pauses";
    return NULL;
}

static void *work(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < 20 && !w->err; i++) {
        static _Thread_local struct speech s;
        s = (struct speech){0};
        w->err = engine_say(w->e, parallel[w->which].text, &parallel[w->which].wish, &s);
        if (!w->err && !w->other)
            w->other = difference(&s, w->alone);
        speech_free(&s);
    }
    return NULL;
}

static void test_threads(void **state)
{
    static struct speech alone[2];
    struct engine e[2];
    struct worker w[2];
    pthread_t t[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        engine_open(&e[i], &ac_handler_tts_espeak);
        assert_int_equal(engine_say(&e[i], parallel[i].text, &parallel[i].wish, &alone[i]), 0);
        w[i] = (struct worker){.e = &e[i], .which = i, .alone = &alone[i]};
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, work, &w[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(w[i].err, 0);
        if (w[i].other)
            fail_msg("'%s' with another thread beside it: %s", parallel[i].text, w[i].other);
        speech_free(&alone[i]);
        engine_close(&e[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_languages),     cmocka_unit_test(test_mandarin),
        cmocka_unit_test(test_mixed),         cmocka_unit_test(test_rate_pitch_voice),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_markup),
        cmocka_unit_test(test_every_phoneme), cmocka_unit_test(test_long_and_interrupted),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
