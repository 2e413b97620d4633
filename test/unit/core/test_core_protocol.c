/* Protocol messages: what is built is what docs/protocol.md says. Refusals of client messages:
 * test_session.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/protocol.h"

#include <stdlib.h>
#include <string.h>

static void test_client_fields(void **state)
{
    static const char *const forms[] = {
        "{\"type\":\"text\",\"text\":\"Hi\",\"idle_ms\":40.5,\"streaming\":true}",
        "{\"type\":\"text\",\"data\":{\"text\":\"Hi\",\"idle_ms\":40.5}}",
    };
    struct ac_client_message m;
    char why[256];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ac_client_parse(forms[i], strlen(forms[i]), &m, why), 0);
        assert_int_equal(m.type, AC_CLIENT_TEXT);
        assert_string_equal(m.text, "Hi");
        assert_true(m.idle_ms == 40.5);
        ac_client_clear(&m);
    }
    const char *hello =
        "{\"type\":\"hello\",\"data\":{\"language\":\"zh-CN\",\"delivery\":\"clip\",\"rate\":1.5,"
        "\"voice\":null}}";
    assert_int_equal(ac_client_parse(hello, strlen(hello), &m, why), 0);
    assert_string_equal(m.choices.language, "zh-CN");
    assert_int_equal(m.choices.delivery, AC_DELIVERY_CLIP);
    assert_true(m.choices.rate == 1.5);
    assert_null(m.choices.voice);
    assert_null(m.choices.avatar);
    ac_client_clear(&m);
}

/* What audio messages mean, and what each mistake is called. */
static void test_audio_fields(void **state)
{
    static const struct {
        const char *message;
        int err, mode, format, rate_hz;
        size_t len; /* of decoded sound */
    } cases[] = {
        {"{\"type\":\"audio_start\"}", 0, AC_LISTEN_HANDS_FREE, AC_AUDIO_PCM_S16LE, 16000, 0},
        {"{\"type\":\"audio_start\",\"data\":{\"mode\":\"push_to_talk\",\"format\":\"webm\"}}", 0,
         AC_LISTEN_PUSH_TO_TALK, AC_AUDIO_WEBM, 16000, 0},
        {"{\"type\":\"audio_start\",\"sample_rate\":44100}", 0, AC_LISTEN_HANDS_FREE, AC_AUDIO_PCM_S16LE,
         44100, 0},
        {"{\"type\":\"audio_start\",\"sample_rate\":0}", AC_EINVAL, 0, 0, 0, 0},
        {"{\"type\":\"audio_start\",\"sample_rate\":\"16k\"}", AC_EPROTO, 0, 0, 0, 0},
        {"{\"type\":\"audio_start\",\"format\":\"wav\"}", AC_EINVAL, 0, 0, 0, 0},
        {"{\"type\":\"audio_start\",\"mode\":\"loud\"}", AC_EINVAL, 0, 0, 0, 0},
        {"{\"type\":\"audio_start\",\"mode\":7}", AC_EPROTO, 0, 0, 0, 0},
        {"{\"type\":\"audio_end\"}", 0, 0, 0, 0, 0},
        {"{\"type\":\"audio\",\"audio\":\"AAECAw==\"}", 0, 0, AC_AUDIO_FILE, 16000, 4},
        {"{\"type\":\"audio\",\"audio\":\"data:audio/webm;base64,AAECAw==\",\"format\":\"webm\"}", 0, 0,
         AC_AUDIO_FILE, 16000, 4},
        {"{\"type\":\"audio\",\"audio\":\"AAEC\",\"format\":\"pcm_s16le\"}", AC_EINVAL, 0, 0, 0, 0},
        {"{\"type\":\"audio\",\"audio\":\"\"}", AC_EINVAL, 0, 0, 0, 0},
        {"{\"type\":\"audio\",\"audio\":\"?!\"}", AC_EINVAL, 0, 0, 0, 0},
        {"{\"type\":\"audio\"}", AC_EPROTO, 0, 0, 0, 0},
        {"{\"type\":\"audio\",\"audio\":[1,2]}", AC_EPROTO, 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_client_message m;
        char why[256] = "";
        int err = ac_client_parse(cases[i].message, strlen(cases[i].message), &m, why);
        if (err != cases[i].err || (err && !why[0]))
            fail_msg("%s: %s \"%s\"", cases[i].message, ac_err_name(err), why);
        if (!err) {
            assert_int_equal(m.stream.mode, cases[i].mode);
            assert_int_equal(m.stream.format, cases[i].format);
            assert_int_equal(m.stream.rate_hz, cases[i].rate_hz);
            assert_int_equal(m.audio_len, cases[i].len);
            if (m.audio_len)
                assert_memory_equal(m.audio, "\0\1\2\3", 4);
        }
        ac_client_clear(&m);
    }
}

static void test_deep_json(void **state)
{
    enum { DEPTH = 100000 };
    struct ac_client_message m;
    char why[256];
    char *deep = malloc(DEPTH);

    (void)state;
    memset(deep, '[', DEPTH);
    assert_int_equal(ac_client_parse(deep, DEPTH, &m, why), AC_EPROTO);
    ac_client_clear(&m);
    free(deep);
}

/* Word ranges come in bytes and leave in UTF-16 units, as a page counts. */
static void test_sentence_units(void **state)
{
    /*                      bytes: a=1, space, 你好=6, space, 😀=4, space, b */
    const char *text = "a 你好 😀 b";
    const struct ac_word words[] = {
        {0, 100000, 0, 1},       {100000, 300000, 2, 6},   {300000, 400000, 9, 4},
        {400000, 500000, 14, 1}, {500000, 600000, 14, 99}, /* out of the text: left out */
    };
    static const int want[][4] = {{0, 100, 0, 1}, {100, 200, 2, 2}, {300, 100, 5, 2}, {400, 100, 8, 1}};
    json_t *data = ac_sentence_data(3, 1, text, words, 5, 2000000, 700000);
    json_t *list = json_object_get(data, "words");

    (void)state;
    assert_int_equal(json_array_size(list), 4);
    for (size_t i = 0; i < 4; i++) {
        json_t *w = json_array_get(list, i);
        static const char *const keys[] = {"t", "d", "s", "n"};
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(json_integer_value(json_object_get(w, keys[k])), want[i][k]);
    }
    assert_int_equal(json_integer_value(json_object_get(data, "start_ms")), 2000);
    json_decref(data);
}

static void test_error(void **state)
{
    size_t len;
    char *text = ac_server_message("error", ac_error_data(AC_ETIMEDOUT, "the \"thing\" hung", 7), &len);

    (void)state;
    json_t *root = json_loads(text, 0, NULL), *data = json_object_get(root, "data");
    assert_string_equal(json_string_value(json_object_get(root, "type")), "error");
    assert_string_equal(json_string_value(json_object_get(data, "code")), "timed_out");
    assert_string_equal(json_string_value(json_object_get(data, "message")), "the \"thing\" hung");
    assert_true(json_is_true(json_object_get(data, "retryable")));
    assert_int_equal(json_integer_value(json_object_get(data, "turn")), 7);
    assert_int_equal(len, strlen(text));
    json_decref(root);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_fields), cmocka_unit_test(test_audio_fields),
        cmocka_unit_test(test_deep_json),     cmocka_unit_test(test_sentence_units),
        cmocka_unit_test(test_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
