/*
 * What `avatar-chat say` writes: the streams by ffprobe, sound and picture in step, and, by decoding, lips
 * that close on m, b, p and open on vowels at the times that the phonemes give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "core/models.h"
#include "core/registry.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 512, FPS = 25, MAX_FRAMES = 500 };

static char dir[] = "/tmp/avatar-say-XXXXXX";

/* Runs a command line; its output is malloc'ed. */
static char *run(size_t *len, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static char *run(size_t *len, const char *fmt, ...)
{
    char cmd[1024], buf[65536];
    struct ac_str out = {0};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(cmd, sizeof cmd, fmt, ap);
    va_end(ap);
    FILE *f = popen(cmd, "r");
    assert_non_null(f);
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
        ac_str_add_n(&out, buf, n);
    if (pclose(f) != 0)
        fail_msg("failed: %s", cmd);
    if (len)
        *len = out.len;
    return ac_str_steal(&out);
}

static const char *program(void)
{
    const char *bin = getenv("AVATAR_CHAT_BIN");

    assert_non_null(bin);
    return bin;
}

static double seconds(json_t *stream, const char *key)
{
    const char *s = json_string_value(json_object_get(stream, key));

    assert_non_null(s);
    return atof(s);
}

static void check_streams(const char *file)
{
    char *text = run(NULL, "ffprobe -v error -show_streams -of json %s", file);
    json_t *root = json_loads(text, 0, NULL), *streams = json_object_get(root, "streams");
    json_t *v = json_array_get(streams, 0), *a = json_array_get(streams, 1);
    static const struct {
        int stream;
        const char *key, *value;
    } want[] = {{0, "codec_name", "h264"},     {0, "pix_fmt", "yuv420p"},   {0, "r_frame_rate", "25/1"},
                {0, "avg_frame_rate", "25/1"}, {0, "color_space", "bt709"}, {0, "color_range", "tv"},
                {1, "codec_name", "aac"},      {1, "sample_rate", "24000"}};

    assert_int_equal(json_array_size(streams), 2);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const char *is = json_string_value(json_object_get(want[i].stream ? a : v, want[i].key));
        assert_non_null(is);
        assert_string_equal(is, want[i].value);
    }
    assert_int_equal(json_integer_value(json_object_get(v, "width")), SIZE);
    double start = seconds(v, "start_time") - seconds(a, "start_time");
    double end =
        seconds(v, "start_time") + seconds(v, "duration") - seconds(a, "start_time") - seconds(a, "duration");
    if (fabs(start) > 0.040 || fabs(end) > 0.040)
        fail_msg("picture and sound are apart: %.3f s at the start, %.3f s at the end", start, end);
    json_decref(root);
    free(text);
}

static void test_streams(void **state)
{
    static const struct {
        const char *options, *text;
    } cases[] = {
        {"", "Hello! How are you today?"},
        {"--lang zh-CN", "你好，很高兴见到你。"},
        {"--avatar david --voice rms", "A man speaks; then he is silent."},
        {"", "Mixed 语言 in one 句子."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[256];
        snprintf(file, sizeof file, "%s/%zu.mp4", dir, i);
        free(run(NULL, "%s say %s -o %s '%s' 2>/dev/null", program(), cases[i].options, file, cases[i].text));
        check_streams(file);
    }
    /* standard input, standard output */
    size_t len;
    char *mp4 = run(&len, "printf 'From a pipe.' | %s say -o - 2>/dev/null", program());
    assert_true(len > 10000);
    assert_memory_equal(mp4 + 4, "ftyp", 4);
    free(mp4);
}

/* ---- lips ---- */

struct phones {
    struct ac_sink sink;
    struct ac_phone list[256];
    size_t n;
};

static int keep_phones(struct ac_sink *sink, struct ac_frame *f)
{
    struct phones *p = (struct phones *)sink;

    for (size_t i = 0; i < f->speech.n_phones && p->n < 256; i++)
        p->list[p->n++] = f->speech.phones[i];
    ac_frame_unref(f);
    return 0;
}

/* The phonemes of a sentence, from the same engine that `say` uses. */
static void phones_of(const char *text, struct phones *out)
{
    struct ac_str errors = {0};
    struct ac_config *cfg;
    struct ac_instance *inst;
    struct ac_prefs prefs = {.fps = FPS};
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    struct ac_frame *f = ac_frame_new_text(text, strlen(text));

    memset(out, 0, sizeof *out);
    out->sink.push = keep_phones;
    assert_int_equal(ac_config_load(&cfg, NULL, NULL, 0, &errors), 0);
    struct ac_models *models = ac_models_new(cfg);
    const struct ac_handler_info *flite = ac_registry_find(AC_STAGE_TTS, "flite");
    assert_non_null(flite);
    assert_int_equal(ac_instance_open(&inst, models, flite, &prefs, NULL), 0);
    assert_int_equal(ac_instance_process(inst, f, &out->sink, cancel), 0);
    ac_instance_close(inst);
    ac_models_free(models);
    ac_config_free(cfg);
    ac_frame_unref(f);
    ac_cancel_unref(cancel);
    ac_str_free(&errors);
}

/* How open the mouth is in a grey picture: dark pixels in the mouth's place (the depth behind the lips). */
static int openness(const unsigned char *grey)
{
    int dark = 0;

    for (int y = 284; y < 345; y++)
        for (int x = 222; x < 291; x++)
            dark += grey[y * SIZE + x] < 62;
    return dark;
}

static void test_lips(void **state)
{
    static const char text[] = "Mama may bake a big map for Papa";
    char file[256];
    size_t len;
    struct phones ph;
    int open[MAX_FRAMES], most = 0;

    (void)state;
    snprintf(file, sizeof file, "%s/lips.mp4", dir);
    free(run(NULL, "%s say -o %s '%s' 2>/dev/null", program(), file, text));
    char *video = run(&len, "ffmpeg -v error -i %s -f rawvideo -pix_fmt gray pipe:", file);
    size_t frames = len / (SIZE * SIZE);
    assert_true(frames > 20 && frames < MAX_FRAMES);
    for (size_t i = 0; i < frames; i++) {
        open[i] = openness((unsigned char *)video + i * SIZE * SIZE);
        most = open[i] > most ? open[i] : most;
    }
    free(video);
    phones_of(text, &ph);
    assert_true(most > 150);
    size_t closures = 0, vowels = 0, wide = 0;
    for (size_t i = 0; i < ph.n; i++) {
        size_t at = (size_t)((ph.list[i].start_us + (int64_t)ph.list[i].end_us) / 2 * FPS / 1000000);
        assert_true(at < frames);
        if (ph.list[i].viseme == AC_VIS_PP) {
            if (open[at] > most / 8)
                fail_msg("%s at %d us is open: %d dark pixels of %d", ph.list[i].name, ph.list[i].start_us,
                         open[at], most);
            closures++;
        } else if (ph.list[i].openness >= 0.7f && ph.list[i].end_us - ph.list[i].start_us > 50000) {
            vowels++;
            wide += open[at] > most / 4;
        }
    }
    assert_int_equal(closures, 9); /* m m m b b m p p p */
    assert_true(vowels >= 3);
    assert_int_equal(wide, vowels);
    /* and at rest before and after */
    assert_true(open[0] <= most / 8);
    assert_true(open[frames - 1] <= most / 8);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char cmd[64];

    (void)state;
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_lips),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
