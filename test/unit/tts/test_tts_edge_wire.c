/* Messages of the read-aloud service: token vectors, dates, SSML, cutting of long texts, what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/err.h"
#include "base/mem.h"
#include "tts/edge_voices.h"
#include "tts/edge_wire.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_token(void **state)
{
    static const struct {
        int64_t unix_s;
        const char *token;
    } cases[] = {
        {0, "7ECB79D14E3AA576D2D79E6D487A1388156D91E614B1BE11C64226A29BC8DD8C"},
        {1700000000, "42301B335578FEFDAE2637DED1ABD614505D432559EC08032B82048483726AFF"},
        {1764201600, "9967C6DC2D0FE7F7A33115F2D6EF1575DF501D067C213AAEE26240E57929EC4D"},
        {1764201600 + 299, "9967C6DC2D0FE7F7A33115F2D6EF1575DF501D067C213AAEE26240E57929EC4D"},
    };
    char token[AC_EDGE_TOKEN];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ac_edge_token(token, cases[i].unix_s, "6A5AA1D4EAFF4E9FB37E23D68491D6F4");
        assert_string_equal(token, cases[i].token);
    }
    ac_edge_token(token, 1767510600, "6A5AA1D4EAFF4E9FB37E23D68491D6F4"); /* one that was seen in the wild */
    assert_memory_equal(token, "BD243588", 8);
    assert_string_equal(token + 59, "AC75F");
}

static void test_ids(void **state)
{
    char a[AC_EDGE_ID], b[AC_EDGE_ID];

    (void)state;
    ac_edge_random_id(a, false);
    ac_edge_random_id(b, true);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_int_equal(strspn(b, "0123456789ABCDEF"), 32);
    assert_int_not_equal(strcasecmp(a, b), 0);
}

static void test_dates(void **state)
{
    static const char *const bad[] = {"",
                                      "now",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nix 1994 08:49:37 GMT",
                                      "Sun, 99 Nov 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT"};
    int64_t t;
    struct ac_str s = {0};

    (void)state;
    assert_true(ac_edge_parse_date("Sun, 06 Nov 1994 08:49:37 GMT", &t));
    assert_int_equal(t, 784111777);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ac_edge_parse_date(bad[i], &t));
    ac_edge_add_config(&s, 1764231330);
    assert_memory_equal(s.p, "X-Timestamp:Thu Nov 27 2025 08:15:30 GMT+0000 (Coordinated Universal Time)\r\n",
                        76);
    assert_non_null(strstr(s.p, "\"wordBoundaryEnabled\":\"true\""));
    ac_str_free(&s);
}

static void test_voices(void **state)
{
    static const struct {
        const char *lang;
        bool male;
        const char *voice;
    } cases[] = {{"zh-CN", false, "zh-CN-XiaoxiaoNeural"},
                 {"zh", true, "zh-CN-YunxiNeural"},
                 {"zh-TW", false, "zh-TW-HsiaoChenNeural"},
                 {"zh-Hant", true, "zh-TW-YunJheNeural"},
                 {"EN", false, "en-US-EmmaMultilingualNeural"},
                 {"en-gb", true, "en-GB-RyanNeural"},
                 {"de-AT", true, "de-DE-ConradNeural"},
                 {"xx", true, NULL},
                 {"e", true, NULL},
                 {"", true, NULL}};
    static const char *const ids[] = {"slt",         "espeak:en",      "openai:alloy",    "Neural", "aNeural",
                                      "en-USNeural", "en-US-A'Neural", "en-US-<b>Neural", ""};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *is = ac_edge_default_voice(cases[i].lang, cases[i].male);
        assert_int_equal(is != NULL, cases[i].voice != NULL);
        if (is)
            assert_string_equal(is, cases[i].voice);
    }
    assert_true(ac_edge_is_voice("en-US-AriaNeural"));
    assert_true(ac_edge_is_voice("zh-CN-liaoning-XiaobeiNeural"));
    assert_true(ac_edge_is_voice("iu-Latn-CA-SiqiniqNeural"));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        assert_false(ac_edge_is_voice(ids[i]));
    assert_string_equal(ac_edge_gender("en-US-GuyNeural"), "male");
    assert_string_equal(ac_edge_gender("en-US-NobodyNeural"), "");
}

static void test_ssml(void **state)
{
    struct ac_str s = {0};
    struct ac_edge_how how = {.voice = "zh-CN-liaoning-XiaobeiNeural", .rate_percent = 25, .pitch_hz = -40};
    static const char text[] = "a < b & c > \"d\" 'e'\x01";

    (void)state;
    ac_edge_add_ssml(&s, 1764231330, &how, text, sizeof text - 1);
    assert_memory_equal(s.p, "X-RequestId:", 12);
    assert_non_null(
        strstr(s.p, "\r\nContent-Type:application/ssml+xml\r\nX-Timestamp:Thu Nov 27 2025 08:15:30 GMT+0000 "
                    "(Coordinated Universal Time)Z\r\nPath:ssml\r\n\r\n<speak version='1.0' "
                    "xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='en-US'><voice "
                    "name='Microsoft Server Speech Text to Speech Voice (zh-CN-liaoning, "
                    "XiaobeiNeural)'><prosody pitch='-40Hz' rate='+25%' volume='+0%'>a &lt; b &amp; c &gt; "
                    "\"d\" 'e' </prosody></voice></speak>"));
    ac_str_free(&s);
}

static size_t escaped_len(const char *p, size_t n)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        len += p[i] == '&' ? 5 : p[i] == '<' || p[i] == '>' ? 4 : 1;
    return len;
}

/* Every chunk fits, none is cut inside of a character, together they are the text; *n: how many. */
static void check_chunks(const char *text, const char *ends, size_t *n)
{
    size_t len = strlen(text);

    for (*n = 0; len; (*n)++) {
        size_t k = ac_edge_chunk(text, len);
        assert_true(k > 0 && k <= len);
        assert_true(escaped_len(text, k) <= AC_EDGE_MAX_TEXT);
        assert_true(ac_utf8_valid(text, k));
        if (ends && k < len) {
            size_t e = strlen(ends);
            assert_true(k >= e);
            assert_memory_equal(text + k - e, ends, e);
        }
        text += k;
        len -= k;
    }
}

static char *repeat(const char *what, size_t bytes)
{
    struct ac_str s = {0};

    while (s.len < bytes)
        ac_str_add(&s, what);
    return ac_str_steal(&s);
}

static void test_chunks(void **state)
{
    static const struct {
        const char *what, *ends;
        size_t bytes, chunks;
    } cases[] = {
        {"short", NULL, 5, 1},
        {"a word and another, then more. ", ". ", 12000, 3},
        {"天地玄黄宇宙洪荒，日月盈昃辰宿列张。", "。", 9000, 3},
        {"天地玄黄", NULL, 9000, 3},
        {"&&&&&&&&&&", NULL, 4000, 5},
        {"3.14159", NULL, 9000, 3},
        {"one line\n", "\n", 9000, 3},
        {"x", NULL, 40000, 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = repeat(cases[i].what, cases[i].bytes);
        size_t n;
        check_chunks(text, cases[i].ends, &n);
        assert_int_equal(n, cases[i].chunks);
        free(text);
    }
}

static void test_parse(void **state)
{
    static const struct {
        bool binary;
        const char *data;
        size_t len;
        enum ac_edge_kind kind; /* 0: it must be refused */
        const char *body;
    } cases[] = {
        {false, "X-RequestId:1\r\nPath:turn.start\r\n\r\n{}", 36, AC_EDGE_NOTHING, "{}"},
        {false, "Path:response\r\n\r\n", 17, AC_EDGE_NOTHING, ""},
        {false, "Path:turn.end\r\n\r\n{}", 19, AC_EDGE_END, "{}"},
        {false, "Path:audio.metadata\r\n\r\n{\"a\"}", 28, AC_EDGE_METADATA, "{\"a\"}"},
        {false, "Path:turn.end", 13, AC_EDGE_END, ""},
        {false, "Path:turn.endless\r\n\r\n", 21, 0, NULL},
        {false, "path:turn.end\r\n\r\n", 17, 0, NULL}, /* keys are case-sensitive */
        {false, "\r\n\r\nPath:turn.end\r\n\r\n", 21, 0, NULL},
        {false, "", 0, 0, NULL},
        {true, "\0\x2bX: y\r\nContent-Type:audio/mpeg\r\nPath:audio\r\nmp3", 48, AC_EDGE_SOUND, "mp3"},
        {true, "\0\x0cPath:audio\r\n", 14, AC_EDGE_NOTHING, ""},
        {true, "\0\x0cPath:audio\r\nx", 15, 0, NULL},
        {true,
         "\0\x25"
         "Content-Type:audio/mpeg\r\nPath:audio\r\n",
         39, 0, NULL},
        {true, "\0\x0cPath:video\r\n", 14, 0, NULL},
        {true, "\0\x0dPath:audio\r\n", 14, 0, NULL},
        {true, "\xff", 1, 0, NULL},
        {true, "", 0, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_edge_message m = {0};
        const char *what = NULL;
        char *data = ac_alloc(cases[i].len + 1); /* so that the sanitizer sees a read past the end */
        data = ac_realloc_array(data, cases[i].len ? cases[i].len : 1, 1);
        memcpy(data, cases[i].data, cases[i].len);
        int err = ac_edge_parse(cases[i].binary, data, cases[i].len, &m, &what);
        if (err != (cases[i].kind ? 0 : AC_EPROTO) || m.kind != cases[i].kind) {
            if (cases[i].kind || !err)
                fail_msg("case %zu: %s %s", i, ac_err_name(err), what ? what : "");
        }
        if (cases[i].kind) {
            assert_int_equal(m.len, strlen(cases[i].body));
            assert_memory_equal(m.body, cases[i].body, m.len);
        } else {
            assert_non_null(what);
        }
        free(data);
    }
}

struct words {
    size_t n;
    int64_t start_us[4], end_us[4];
    char text[4][32];
};

static void note_word(void *arg, int64_t start_us, int64_t end_us, const char *text)
{
    struct words *w = arg;

    assert_true(w->n < 4);
    w->start_us[w->n] = start_us;
    w->end_us[w->n] = end_us;
    snprintf(w->text[w->n++], sizeof w->text[0], "%s", text);
}

static void test_words(void **state)
{
    static const char json[] =
        "{\"Metadata\": [{\"Type\": \"WordBoundary\", \"Data\": {\"Offset\": 1000000, \"Duration\": 3750000, "
        "\"text\": {\"Text\": \"R&amp;D &lt;b&gt;\", \"Length\": 5, \"BoundaryType\": \"WordBoundary\"}}}, "
        "{\"Type\": \"SentenceBoundary\", \"Data\": {}}, {\"Type\": \"SessionEnd\"}, "
        "{\"Type\": \"WordBoundary\", \"Data\": {\"Offset\": 5000000, \"Duration\": 10, \"text\": {\"Text\": "
        "\"二\"}}}]}";
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "{\"Metadata\": 1}",
        "{\"Metadata\": [{}]}",
        "{\"Metadata\": [{\"Type\": \"Viseme\"}]}",
        "{\"Metadata\": [{\"Type\": \"WordBoundary\"}]}",
        ("{\"Metadata\": [{\"Type\": \"WordBoundary\", \"Data\": {\"Offset\": \"1\", "
         "\"Duration\": 1, \"text\": {\"Text\": \"a\"}}}]}")};
    struct words w = {0};
    const char *what;

    (void)state;
    assert_int_equal(ac_edge_words(json, sizeof json - 1, note_word, &w, &what), 0);
    assert_int_equal(w.n, 2);
    assert_string_equal(w.text[0], "R&D <b>");
    assert_int_equal(w.start_us[0], 100000);
    assert_int_equal(w.end_us[0], 475000);
    assert_string_equal(w.text[1], "二");
    assert_int_equal(w.end_us[1], 500001);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ac_edge_words(bad[i], strlen(bad[i]), note_word, &w, &what), AC_EPROTO);
    assert_int_equal(w.n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),  cmocka_unit_test(test_ids),   cmocka_unit_test(test_dates),
        cmocka_unit_test(test_voices), cmocka_unit_test(test_ssml),  cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
