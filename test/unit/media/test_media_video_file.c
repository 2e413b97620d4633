/*
 * Videos from outside: files that ffmpeg makes here come out with as many pictures as they are long, at the
 * right times, upright and in the right colours; what is no video, too long, too large, HDR or damaged is
 * named.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avatarchat/err.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "media/video_file.h"
#include "media_util.h"

static char dir[] = "/tmp/ac-video-XXXXXX";

struct seen {
    size_t n;
    int width, height, out_width, out_height;
    uint8_t level[512]; /* mean brightness of the pictures */
    struct ac_rgb at;   /* a copy of picture `copy` */
    size_t copy;
    int give_up_at, with; /* returns that at picture give_up_at */
    struct ac_cancel *cancel_at_3;
};

static int see(void *arg, const struct ac_video_frame *f)
{
    struct seen *s = arg;
    double sum = 0;

    assert_int_equal(f->number, s->n);
    assert_true(f->done >= 0 && f->done <= 1);
    s->width = f->width;
    s->height = f->height;
    s->out_width = f->pic->width;
    s->out_height = f->pic->height;
    for (int y = 0; y < f->pic->height; y++)
        for (int x = 0; x < f->pic->width; x++)
            sum += ac_rgb_at(f->pic, x, y)[1];
    if (s->n < sizeof s->level)
        s->level[s->n] = (uint8_t)lrint(sum / (f->pic->width * f->pic->height));
    if (s->n == s->copy && !s->at.data) {
        assert_int_equal(ac_rgb_new(&s->at, f->pic->width, f->pic->height), 0);
        for (int y = 0; y < f->pic->height; y++)
            memcpy(ac_rgb_at(&s->at, 0, y), ac_rgb_at(f->pic, 0, y), 3 * (size_t)f->pic->width);
    }
    if (s->n == 3 && s->cancel_at_3)
        ac_cancel_trigger(s->cancel_at_3);
    return s->n++ == (size_t)s->give_up_at && s->with ? s->with : 0;
}

/* Makes dir/name: the options say input, filters and codec. */
static const char *make(const char *name, const char *options)
{
    static char path[96];
    char *command;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    command = ac_asprintf("ffmpeg -v error -nostdin -y %s %s", options, path);
    if (system(command) != 0)
        fail_msg("%s failed", command);
    free(command);
    return path;
}

static int read_video(const char *path, struct seen *s, char *reason)
{
    const struct ac_video_wish wish = {.fps = 25, .max_s = 8, .max_side = 320};

    return ac_video_file_read(path, &wish, see, s, s->cancel_at_3, NULL, reason);
}

/* A grey that rises by one level every picture of 25 a second, from 40 on; FPS can be changed after it. */
#define RAMP(s) "-f lavfi -i color=black:s=96x64:r=25:d=" s
#define GREY    "geq=lum='40+2*N':cb=128:cr=128"
#define X264    "-c:v libx264 -preset ultrafast -qp 4 -pix_fmt yuv420p"

/* ---- rates and kinds ---- */

/* Grey 40 + 2 N in limited range is seen as (24 + 2 N) × 255 / 219. */
static double level_at(double picture)
{
    return (24 + 2 * picture) * 255 / 219;
}

static void test_rates(void **state)
{
    static const struct {
        const char *name, *options;
        double off; /* how far the picture seen may be off, in pictures of 25 a second */
    } cases[] = {
        {"25.mp4", RAMP("2") " -vf " GREY " " X264, 0.1},
        {"25.mkv", RAMP("2") " -vf " GREY " " X264, 0.1},
        {"50.mp4", RAMP("2") " -vf " GREY ",fps=50 " X264, 1.0},
        {"60.mov", RAMP("2") " -vf " GREY ",fps=60 " X264, 1.0},
        {"30.mp4", RAMP("2") " -vf " GREY ",fps=30 " X264, 1.0},
        {"10.mp4", RAMP("2") " -vf " GREY ",fps=10 " X264, 3.0},
        {"vp8.webm", RAMP("2") " -vf " GREY " -c:v libvpx -b:v 4M -deadline realtime", 0.6},
        {"late.mp4", RAMP("2") " -vf " GREY " " X264 " -output_ts_offset 100", 0.1},
        {"bframes.mp4", RAMP("2") " -vf " GREY " -c:v libx264 -preset fast -bf 3 -qp 4 -pix_fmt yuv420p",
         0.6},
        {"10bit.mp4", RAMP("2") " -vf " GREY ",format=yuv420p10le -c:v libx264 -preset ultrafast -qp 4", 0.6},
        {"mjpeg.mov", RAMP("2") " -vf " GREY ",format=yuvj420p -c:v mjpeg -q:v 2", 0.6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen s = {0};
        char reason[AC_VIDEO_REASON];

        if (read_video(make(cases[i].name, cases[i].options), &s, reason) != 0)
            fail_msg("%s: %s", cases[i].name, reason);
        if (s.n < 48 || s.n > 51 || s.width != 96 || s.height != 64)
            fail_msg("%s: %zu pictures of %dx%d", cases[i].name, s.n, s.width, s.height);
        for (size_t k = 0; k < s.n - 2; k++) {
            double off = (s.level[k] - level_at((double)k)) / (2 * 255.0 / 219);
            if (fabs(off) > cases[i].off + 0.5)
                fail_msg("%s: picture %zu is %.1f pictures off", cases[i].name, k, off);
        }
        ac_rgb_free(&s.at);
    }
}

/* ---- shape and colour ---- */

/* Quarters: red, green / blue, white. */
#define QUARTERS                                                                                             \
    "-f lavfi -i color=red:s=80x48:r=25:d=0.4 -f lavfi -i color=lime:s=80x48:r=25:d=0.4 "                    \
    "-f lavfi -i color=blue:s=80x48:r=25:d=0.4 -f lavfi -i color=white:s=80x48:r=25:d=0.4 "                  \
    "-filter_complex '[0][1]hstack[a];[2][3]hstack[b];[a][b]vstack"

static char quarter(const char *name, const struct ac_rgb *p, int right, int low)
{
    const uint8_t *c = ac_rgb_at(p, p->width / 4 + right * p->width / 2, p->height / 4 + low * p->height / 2);

    for (int k = 0; k < 3; k++)
        if (c[k] > 25 && c[k] < 230)
            fail_msg("%s: colour %d %d %d", name, c[0], c[1], c[2]);
    return c[0] > 128 ? (c[1] > 128 ? 'w' : 'r') : c[1] > 128 ? 'g' : 'b';
}

static void test_shape(void **state)
{
    char turned[3][256];
    const struct {
        const char *name, *options;
        int width, height, out_width;
        const char *quarters;
    } cases[] = {
        {"plain.mp4", QUARTERS "' " X264, 160, 96, 160, "rgbw"},
        {"bt709.mp4", QUARTERS ",scale=out_color_matrix=bt709' -colorspace bt709 " X264, 160, 96, 160,
         "rgbw"},
        {"full.mp4", QUARTERS ",scale=out_range=full' -color_range pc " X264, 160, 96, 160, "rgbw"},
        /* does not say its matrix: that of HD */
        {"large.mp4", QUARTERS ",scale=1280:768:out_color_matrix=bt709' " X264, 1280, 768, 320, "rgbw"},
        {"thin.mp4", QUARTERS ",scale=80:96,setsar=2' " X264, 160, 96, 160, "rgbw"},
        {"turn90.mp4", turned[0], 96, 160, 96, "gwrb"},
        {"turn180.mp4", turned[1], 160, 96, 160, "wbgr"},
        {"turn270.mp4", turned[2], 96, 160, 96, "brwg"},
    };

    (void)state;
    for (int i = 0; i < 3;
         i++) /* the display matrix, which phones write; this option counts counter-clockwise */
        snprintf(turned[i], sizeof turned[i], "-i %s/plain.mp4 -c copy -metadata:s:v rotate=%d", dir,
                 90 * (i + 1));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen s = {.copy = 3};
        char reason[AC_VIDEO_REASON], q[5] = "";

        if (read_video(make(cases[i].name, cases[i].options), &s, reason) != 0)
            fail_msg("%s: %s", cases[i].name, reason);
        for (int k = 0; k < 4; k++)
            q[k] = quarter(cases[i].name, &s.at, k % 2, k / 2);
        if (s.width != cases[i].width || s.height != cases[i].height || s.out_width != cases[i].out_width ||
            strcmp(q, cases[i].quarters) != 0)
            fail_msg("%s: %dx%d, given %dx%d, %s", cases[i].name, s.width, s.height, s.out_width,
                     s.out_height, q);
        ac_rgb_free(&s.at);
    }
}

/* ---- wrong ones ---- */

static void expect_refused(const char *path, int err, const char *why)
{
    struct seen s = {0};
    char reason[AC_VIDEO_REASON] = "";
    int got = read_video(path, &s, reason);

    if (got != err || !strstr(reason, why))
        fail_msg("%s: %s, not %s; %s", path, ac_err_name(got), ac_err_name(err), reason);
    ac_rgb_free(&s.at);
}

static const char *write_bytes(const char *name, const char *bytes, size_t n)
{
    static char path[96];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    return path;
}

static void test_refused(void **state)
{
    const char *const list = "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n";

    (void)state;
    expect_refused(make("sound.mp4", "-f lavfi -i sine=d=1"), AC_EINVAL, "no video in it");
    expect_refused(make("sound.mp3", "-f lavfi -i sine=d=1"), AC_EINVAL, "no video file");
    expect_refused(make("cover.mp4", "-f lavfi -i sine=d=1 -i test/fuzz/corpus/photo/exif.jpg -map 0 -map 1 "
                                     "-c:v mjpeg -disposition:v attached_pic"),
                   AC_EINVAL, "no video in it");
    expect_refused(make("long.mp4", RAMP("10") " " X264), AC_ELIMIT, "10 seconds long, 8 are allowed");
    /* one that does not say how long it is */
    expect_refused(make("live.webm", RAMP("10") " -c:v libvpx -live 1 -deadline realtime"), AC_ELIMIT,
                   "longer than the 8 seconds");
    expect_refused(make("large.mp4", "-f lavfi -i color=blue:s=5120x2880:r=25:d=0.1 " X264), AC_ELIMIT,
                   "5120 x 2880 pixels");
    expect_refused(make("pq.mp4", RAMP("0.4") " " X264 " -color_trc smpte2084"), AC_ENOTSUP,
                   "HDR video (PQ)");
    expect_refused(make("hlg.mp4", RAMP("0.4") " " X264 " -color_trc arib-std-b67"), AC_ENOTSUP,
                   "HDR video (HLG)");
    expect_refused(write_bytes("text.mp4", "just some words, no video", 25), AC_EINVAL, "no video file");
    expect_refused(write_bytes("list.mp4", list, strlen(list)), AC_EINVAL, "no video file");
    expect_refused(write_bytes("none.mp4", "", 0), AC_EINVAL, "no video file");
    expect_refused("test/fuzz/corpus/photo/rgb.png", AC_EINVAL, "no video file");
    expect_refused("/tmp/no-such-file.mp4", AC_ENOENT, "No such file");
    expect_refused(dir, AC_EIO, "no file");
    expect_refused("/dev/zero", AC_EIO, "no file");
}

/* Cut anywhere and with bytes changed: an error with a reason, or pictures. */
static void test_damaged(void **state)
{
    static const char *const files[] = {"25.mkv", "25.mp4", "vp8.webm"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char from[96], *data, *changed;
        size_t len;
        unsigned seed = 7;

        snprintf(from, sizeof from, "%s/%s", dir, files[i]);
        assert_int_equal(ac_read_file(from, 4 << 20, &data, &len), 0);
        changed = ac_alloc(len);
        for (int k = 0; k < 24; k++) {
            struct seen s = {0};
            char reason[AC_VIDEO_REASON] = "";
            size_t n = k < 8 ? len * (size_t)k / 8 : len;
            memcpy(changed, data, len);
            for (int b = 0; k >= 8 && b < 20; b++)
                changed[(size_t)rand_r(&seed) % len] ^= (char)(1 << rand_r(&seed) % 8);
            int err = read_video(write_bytes("damaged", changed, n), &s, reason);
            if (err ? !reason[0] : s.n == 0)
                fail_msg("%s, change %d: %s, %zu pictures, '%s'", files[i], k, ac_err_name(err), s.n, reason);
            ac_rgb_free(&s.at);
        }
        free(changed);
        free(data);
    }
}

/* ---- ending early ---- */

static void test_endings(void **state)
{
    char path[96];
    struct seen s = {.give_up_at = 5, .with = AC_VIDEO_ENOUGH};

    (void)state;
    snprintf(path, sizeof path, "%s/25.mp4", dir);
    assert_int_equal(read_video(path, &s, NULL), 0);
    assert_int_equal(s.n, 6);
    ac_rgb_free(&s.at);
    s = (struct seen){.give_up_at = 5, .with = AC_EIO};
    assert_int_equal(read_video(path, &s, NULL), AC_EIO);
    assert_int_equal(s.n, 6);
    ac_rgb_free(&s.at);
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    s = (struct seen){.cancel_at_3 = cancel};
    assert_int_equal(read_video(path, &s, NULL), AC_ECANCELED);
    assert_int_equal(s.n, 4);
    ac_rgb_free(&s.at);
    ac_cancel_unref(cancel);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),   cmocka_unit_test(test_shape),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged), cmocka_unit_test(test_endings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
