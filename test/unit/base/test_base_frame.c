/* Frames: contents, sizes, references, pictures, names. */
#include "wait.h"

#include <stdlib.h>
#include <string.h>

#include "avatarchat/frame.h"
#include "base/mem.h"

static void test_new_is_zeroed(void **state)
{
    (void)state;
    static const struct ac_frame zero;
    for (int type = AC_FRAME_CHAT; type <= AC_FRAME_TRANSCRIPT; type++) {
        struct ac_frame *f = ac_frame_new((enum ac_frame_type)type);
        assert_int_equal(f->type, type);
        f->type = AC_FRAME_INVALID;
        assert_int_equal(f->turn, 0);
        assert_memory_equal(&f->speech, &zero.speech, sizeof f->speech);
        f->type = (enum ac_frame_type)type;
        assert_true(ac_frame_bytes(f) == (type == AC_FRAME_POSE    ? sizeof f->pose
                                          : type == AC_FRAME_VOICE ? sizeof f->voice
                                                                   : 0));
        assert_int_equal(ac_frame_duration_us(f), 0);
        ac_frame_unref(f);
    }
    ac_frame_unref(NULL);
}

static void test_text(void **state)
{
    (void)state;
    struct ac_frame *f = ac_frame_new_text("hello world", 5);
    assert_int_equal(f->type, AC_FRAME_TEXT);
    assert_string_equal(f->text.text, "hello");
    assert_int_equal(ac_frame_bytes(f), 5);
    ac_frame_unref(f);
    f = ac_frame_new_text(NULL, 0);
    assert_string_equal(f->text.text, "");
    ac_frame_unref(f);
}

static void test_heard_content(void **state)
{
    (void)state; /* as below, LeakSanitizer judges the freeing */
    struct ac_frame *audio = ac_frame_new(AC_FRAME_AUDIO);
    audio->audio.n_samples = 512;
    audio->audio.pcm = ac_zalloc(512 * sizeof(int16_t));
    assert_int_equal(ac_frame_bytes(audio), 1024);
    ac_frame_unref(audio);

    struct ac_frame *f = ac_frame_new(AC_FRAME_TRANSCRIPT);
    f->transcript.text = ac_strdup("hello");
    f->transcript.n_words = 1;
    f->transcript.words = ac_zalloc(sizeof *f->transcript.words);
    assert_int_equal(ac_frame_bytes(f), 5 + sizeof *f->transcript.words);
    ac_frame_unref(f);
}

static void test_owned_content_is_freed(void **state)
{
    (void)state; /* LeakSanitizer is the judge of this one; sizes are checked here */
    struct ac_frame *chat = ac_frame_new(AC_FRAME_CHAT);
    chat->chat.messages = ac_zalloc(2 * sizeof *chat->chat.messages);
    chat->chat.n_messages = 2;
    for (int i = 0; i < 2; i++) {
        chat->chat.messages[i].role = ac_strdup("user");
        chat->chat.messages[i].text = ac_strdup("question");
    }
    assert_int_equal(ac_frame_bytes(chat), 2 * (4 + 8));
    ac_frame_unref(chat);

    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
    f->speech.n_samples = 16000;
    f->speech.pcm = ac_zalloc(16000 * sizeof(int16_t));
    f->speech.rate_hz = 16000;
    f->speech.n_phones = 3;
    f->speech.phones = ac_zalloc(3 * sizeof *f->speech.phones);
    f->speech.n_words = 2;
    f->speech.words = ac_zalloc(2 * sizeof *f->speech.words);
    assert_int_equal(ac_frame_bytes(f), 32000 + 3 * sizeof(struct ac_phone) + 2 * sizeof(struct ac_word));
    assert_int_equal(ac_frame_duration_us(f), 1000000);
    f->speech.rate_hz = 22050;
    assert_int_equal(ac_frame_duration_us(f), 725623);
    ac_frame_unref(f);
}

static void test_picture(void **state)
{
    (void)state;
    static const struct {
        int width, height;
        bool good;
    } cases[] = {{512, 512, true}, {2, 2, true},  {722, 406, true},  {0, 2, false},    {2, -2, false},
                 {3, 2, false},    {2, 5, false}, {20000, 2, false}, {2, 20000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_frame *f = ac_frame_new_picture(cases[i].width, cases[i].height);
        assert_int_equal(f != NULL, cases[i].good);
        if (!f)
            continue;
        const struct ac_picture *p = &f->picture;
        size_t total = 0;
        for (int plane = 0; plane < 3; plane++) {
            int w = plane ? p->width / 2 : p->width, h = plane ? p->height / 2 : p->height;
            assert_true(p->stride[plane] >= w && p->stride[plane] % 32 == 0);
            assert_int_equal((uintptr_t)p->data[plane] % 32, 0);
            /* every byte can be written (AddressSanitizer watches) and planes do not overlap */
            memset(p->data[plane], plane + 1, (size_t)p->stride[plane] * (size_t)h);
            total += (size_t)p->stride[plane] * (size_t)h;
        }
        assert_int_equal(p->data[0][p->stride[0] * p->height - 1], 1);
        assert_int_equal(p->data[1][p->stride[1] * p->height / 2 - 1], 2);
        assert_int_equal(p->data[2][0], 3);
        assert_int_equal(ac_frame_bytes(f), total);
        ac_frame_unref(f);
    }
}

static void *ref_and_unref(void *arg)
{
    for (int i = 0; i < 20000; i++)
        ac_frame_unref(ac_frame_ref(arg));
    ac_frame_unref(arg);
    return NULL;
}

static void test_references(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct ac_frame *f = ac_frame_new_text("x", 1);
    assert_true(ac_frame_is_unique(f));
    assert_ptr_equal(ac_frame_ref(f), f);
    assert_false(ac_frame_is_unique(f));
    ac_frame_unref(f);
    assert_true(ac_frame_is_unique(f));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, ac_frame_ref(f)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(ac_frame_is_unique(f));
    assert_string_equal(f->text.text, "x");
    ac_frame_unref(f);
    assert_null(ac_frame_ref(NULL));
}

static void test_names(void **state)
{
    (void)state;
    for (int e = 0; e < AC_EMOTION_COUNT; e++)
        assert_int_equal(ac_emotion_from_name(ac_emotion_name((enum ac_emotion)e)), e);
    assert_int_equal(ac_emotion_from_name("happy"), AC_EMOTION_HAPPY);
    assert_int_equal(ac_emotion_from_name("angry"), -1);
    assert_int_equal(ac_emotion_from_name(""), -1);
    assert_string_equal(ac_emotion_name((enum ac_emotion)99), "unknown");
    static const char *const visemes[] = {"sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS",
                                          "nn",  "RR", "aa", "E",  "ih", "oh", "ou"};
    assert_int_equal(sizeof visemes / sizeof *visemes, AC_VIS_COUNT);
    for (int v = 0; v < AC_VIS_COUNT; v++)
        assert_string_equal(ac_viseme_name((enum ac_viseme)v), visemes[v]);
    assert_string_equal(ac_viseme_name(AC_VIS_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_is_zeroed), cmocka_unit_test(test_text),
        cmocka_unit_test(test_heard_content), cmocka_unit_test(test_owned_content_is_freed),
        cmocka_unit_test(test_picture),       cmocka_unit_test(test_references),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
