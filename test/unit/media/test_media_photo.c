/*
 * Photos from outside. Pictures of every kind of pixel are encoded here and must come out as they went in,
 * the right way up; what is no photo, too large, cut off or damaged is named.
 */
#include <stdio.h>
#include <unistd.h>

#include "avatarchat/err.h"
#include "media/image.h"
#include "media/photo.h"
#include "media_util.h"

enum { W = 48, H = 32 };

/* No two corners alike, so that every turn shows. */
static void colour_at(int x, int y, uint8_t rgb[3])
{
    rgb[0] = (uint8_t)(x * 255 / (W - 1));
    rgb[1] = (uint8_t)(y * 255 / (H - 1));
    rgb[2] = (uint8_t)(x < W / 2 && y < H / 2 ? 220 : 40);
}

static void make_rgb(struct ac_rgb *pic)
{
    assert_int_equal(ac_rgb_new(pic, W, H), 0);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            colour_at(x, y, ac_rgb_at(pic, x, y));
}

/* Encodes the test picture with libav. alpha: of every pixel where the format has it, 0 … 1. */
static void encode(struct ac_str *out, enum AVCodecID id, enum AVPixelFormat format, double alpha)
{
    const AVCodec *codec = avcodec_find_encoder(id);
    assert_non_null(codec);
    AVCodecContext *c = avcodec_alloc_context3(codec);
    AVFrame *f = av_frame_alloc();
    AVPacket *pkt = av_packet_alloc();
    uint8_t rgb[3];

    c->width = f->width = W;
    c->height = f->height = H;
    c->pix_fmt = f->format = format;
    c->time_base = (AVRational){1, 25};
    assert_int_equal(avcodec_open2(c, codec, NULL), 0);
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            uint8_t *row = f->data[0] + (ptrdiff_t)y * f->linesize[0];
            colour_at(x, y, rgb);
            switch (format) {
            case AV_PIX_FMT_RGB48BE: /* 16 bits: the byte twice is the same brightness */
                for (int k = 0; k < 6; k++)
                    row[6 * x + k] = rgb[k / 2];
                break;
            case AV_PIX_FMT_GRAY16BE:
                row[2 * x] = row[2 * x + 1] = rgb[0];
                break;
            case AV_PIX_FMT_GRAY8:
                row[x] = rgb[0];
                break;
            case AV_PIX_FMT_RGBA:
                memcpy(row + 4 * x, rgb, 3);
                row[4 * x + 3] = (uint8_t)lrint(255 * alpha);
                break;
            default:
                memcpy(row + 3 * x, rgb, 3);
            }
        }
    }
    assert_int_equal(avcodec_send_frame(c, f), 0);
    assert_int_equal(avcodec_receive_packet(c, pkt), 0);
    ac_str_add_n(out, (const char *)pkt->data, (size_t)pkt->size);
    av_packet_free(&pkt);
    av_frame_free(&f);
    avcodec_free_context(&c);
}

/* ---- right ones ---- */

static void expect_near(const char *what, const struct ac_rgb *pic, int x, int y, const int want[3],
                        int tolerance)
{
    const uint8_t *got = ac_rgb_at(pic, x, y);

    for (int k = 0; k < 3; k++)
        if (abs(got[k] - want[k]) > tolerance)
            fail_msg("%s: (%d, %d) is %d %d %d, not %d %d %d", what, x, y, got[0], got[1], got[2], want[0],
                     want[1], want[2]);
}

static void test_kinds_of_pixels(void **state)
{
    static const struct {
        const char *name;
        enum AVPixelFormat format;
        double alpha;
        bool grey;
    } cases[] = {
        {"8 bits", AV_PIX_FMT_RGB24, 1, false},
        {"16 bits", AV_PIX_FMT_RGB48BE, 1, false},
        {"grey", AV_PIX_FMT_GRAY8, 1, true},
        {"grey, 16 bits", AV_PIX_FMT_GRAY16BE, 1, true},
        {"opaque", AV_PIX_FMT_RGBA, 1, false},
        {"half transparent", AV_PIX_FMT_RGBA, 0.5, false},
        {"quite transparent", AV_PIX_FMT_RGBA, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_str png = {0};
        struct ac_rgb pic;
        char reason[AC_PHOTO_REASON];
        double a = cases[i].alpha;

        encode(&png, AV_CODEC_ID_PNG, cases[i].format, a);
        if (ac_photo_memory(png.p, png.len, NULL, &pic, reason) != 0)
            fail_msg("%s: %s", cases[i].name, reason);
        assert_true(pic.width == W && pic.height == H);
        for (int y = 0; y < H; y++) {
            for (int x = 0; x < W; x++) {
                uint8_t rgb[3];
                int want[3];
                colour_at(x, y, rgb);
                for (int k = 0; k < 3; k++)
                    want[k] = (int)lrint(rgb[cases[i].grey ? 0 : k] * a + 255 * (1 - a));
                expect_near(cases[i].name, &pic, x, y, want, 1);
            }
        }
        ac_rgb_free(&pic);
        ac_str_free(&png);
    }
}

/* CMYK, progressive, palette, black and white, WebP: files that other programs wrote; see the fuzz corpus. */
static void test_files_of_others(void **state)
{
    static const struct {
        const char *name;
        bool turned;
        int red_step; /* how much redder the right side is than the left one, about */
    } cases[] = {
        {"exif.jpg", true, 0},         {"progressive.jpg", false, 200},
        {"cmyk.jpg", false, 200},      {"grey.jpg", false, 60},
        {"rgb.png", true, 0},          {"palette.png", false, 240},
        {"alpha.png", false, 200},     {"bits.png", false, 0},
        {"grey16.png", false, 200},    {"lossy.webp", true, 0},
        {"lossless.webp", false, 200}, {"alpha.webp", false, 70},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_rgb pic;
        char path[96], reason[AC_PHOTO_REASON];

        snprintf(path, sizeof path, "test/fuzz/corpus/photo/%s", cases[i].name);
        if (ac_photo_file(path, NULL, &pic, reason) != 0)
            fail_msg("%s: %s", path, reason);
        assert_int_equal(pic.width, cases[i].turned ? 24 : 32);
        assert_int_equal(pic.height, cases[i].turned ? 32 : 24);
        int step = *ac_rgb_at(&pic, pic.width - 2, 12) - *ac_rgb_at(&pic, 1, 12);
        if (cases[i].red_step && abs(step - cases[i].red_step) > 40)
            fail_msg("%s: red rises by %d, not %d", path, step, cases[i].red_step);
        ac_rgb_free(&pic);
    }
}

/* ---- orientation ---- */

static void put(struct ac_str *s, uint32_t v, int bytes, bool little)
{
    for (int i = 0; i < bytes; i++)
        ac_str_add_n(s, (const char[]){(char)(v >> 8 * (little ? i : bytes - 1 - i))}, 1);
}

/* A JPEG of the picture with an EXIF block that holds the orientation after another entry. */
static void make_exif_jpeg(struct ac_str *out, const struct ac_rgb *pic, int orientation, bool little)
{
    struct ac_str jpeg = {0};

    assert_int_equal(ac_image_jpeg_rgb(pic, 100, true, &jpeg), 0);
    ac_str_add_n(out, jpeg.p, 2);
    ac_str_add_n(out, "\xff\xe1", 2);
    put(out, 2 + 6 + 8 + 2 + 24 + 4, 2, false);
    ac_str_add_n(out, "Exif\0\0", 6);
    ac_str_add_n(out, little ? "II*\0" : "MM\0*", 4);
    put(out, 8, 4, little);
    put(out, 2, 2, little);
    for (int i = 0; i < 2; i++) {
        put(out, i ? 0x112 : 0x100, 2, little);
        put(out, 3, 2, little);
        put(out, 1, 4, little);
        put(out, i ? (uint32_t)orientation : 7, 2, little);
        put(out, 0, 2, little);
    }
    put(out, 0, 4, little);
    ac_str_add_n(out, jpeg.p + 2, jpeg.len - 2);
    ac_str_free(&jpeg);
}

/* Where the upright picture's pixel (x, y) is stored, as the EXIF standard draws the eight ways. */
static void stored_at(int orientation, int x, int y, int *u, int *v)
{
    const int right = W - 1 - x, low = H - 1 - y;
    const int places[8][2] = {{x, y}, {right, y}, {right, low}, {x, low},
                              {y, x}, {y, right}, {low, right}, {low, x}};

    *u = places[orientation - 1][0];
    *v = places[orientation - 1][1];
}

static void test_orientation(void **state)
{
    struct ac_rgb upright;

    (void)state;
    make_rgb(&upright);
    for (int o = 1; o <= 8; o++) {
        struct ac_rgb stored, back;
        struct ac_str jpeg = {0};
        char what[32];
        int u, v;

        assert_int_equal(ac_rgb_new(&stored, o >= 5 ? H : W, o >= 5 ? W : H), 0);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                stored_at(o, x, y, &u, &v);
                memcpy(ac_rgb_at(&stored, u, v), ac_rgb_at(&upright, x, y), 3);
            }
        make_exif_jpeg(&jpeg, &stored, o, o % 2);
        assert_int_equal(ac_photo_memory(jpeg.p, jpeg.len, NULL, &back, NULL), 0);
        assert_true(back.width == W && back.height == H);
        snprintf(what, sizeof what, "orientation %d", o);
        for (int y = 2; y < H; y += 5)
            for (int x = 2; x < W; x += 5) {
                const uint8_t *p = ac_rgb_at(&upright, x, y);
                const int want[3] = {p[0], p[1], p[2]};
                if (abs(x - W / 2) > 3 && abs(y - H / 2) > 3)
                    expect_near(what, &back, x, y, want, 12);
            }
        ac_rgb_free(&back);
        ac_rgb_free(&stored);
        ac_str_free(&jpeg);
    }
    ac_rgb_free(&upright);
}

/* ---- wrong ones ---- */

static void expect_refused(const char *name, const void *data, size_t len,
                           const struct ac_photo_limits *limits, int err, const char *why)
{
    struct ac_rgb pic;
    char reason[AC_PHOTO_REASON] = "";
    int got = ac_photo_memory(data, len, limits, &pic, reason);

    if (got != err || !strstr(reason, why) || pic.data)
        fail_msg("%s: %s, not %s; reason: %s", name, ac_err_name(got), ac_err_name(err), reason);
}

/* The header of a PNG of such a size, and its end: decoding it would fail otherwise. */
static void make_png_header(struct ac_str *s, uint32_t width, uint32_t height, int bits, int type)
{
    ac_str_add_n(s, "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16);
    put(s, width, 4, false);
    put(s, height, 4, false);
    put(s, (uint32_t)bits << 8 | (uint32_t)type, 2, false);
    ac_str_add_n(s, "\0\0\0crc!\0\0\0\0IENDcrc!", 19);
}

static void test_sizes(void **state)
{
    static const struct {
        uint32_t width, height;
        int bits, type, err;
        const char *why;
    } cases[] = {
        {20000, 20000, 8, 2, AC_ELIMIT, "20000 x 20000 pixels, more than the 50 million"},
        {0x7fffffff, 0x7fffffff, 8, 2, AC_ELIMIT, "more than the 50 million"},
        {0xffffffff, 1, 8, 0, AC_ELIMIT, "more than the 50 million"},
        {70000, 1, 8, 0, AC_ELIMIT, "make it smaller"},
        {7000, 7000, 16, 6, AC_ELIMIT, "8 bits a colour"},
        {0, 5, 8, 2, AC_EINVAL, "header is damaged"},
        {5, 0, 8, 2, AC_EINVAL, "header is damaged"},
        {5, 5, 8, 7, AC_EINVAL, "header is damaged"},
        {5, 5, 8, 2, AC_EINVAL, "damaged and cannot be decoded"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_str s = {0};
        char name[48];

        make_png_header(&s, cases[i].width, cases[i].height, cases[i].bits, cases[i].type);
        snprintf(name, sizeof name, "%u x %u", cases[i].width, cases[i].height);
        expect_refused(name, s.p, s.len, NULL, cases[i].err, cases[i].why);
        ac_str_free(&s);
    }
}

static void test_limits(void **state)
{
    struct ac_str png = {0};
    struct ac_rgb pic;

    (void)state;
    encode(&png, AV_CODEC_ID_PNG, AV_PIX_FMT_RGB24, 1);
    expect_refused("a pixel too many", png.p, png.len, &(struct ac_photo_limits){.max_pixels = W * H - 1},
                   AC_ELIMIT, "make it smaller");
    assert_int_equal(ac_photo_memory(png.p, png.len,
                                     &(struct ac_photo_limits){.max_pixels = W * H, .max_side = W / 2}, &pic,
                                     NULL),
                     0);
    assert_true(pic.width == W / 2 && pic.height == H / 2);
    const int want[3] = {128, 128, 40}; /* area means of the ramps */
    expect_near("half as large", &pic, W / 4, H / 4, want, 8);
    ac_rgb_free(&pic);
    ac_str_free(&png);
}

static void test_other_files(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
        int err;
        const char *why;
    } cases[] = {
        {"nothing", "", 0, AC_EINVAL, "no photo"},
        {"text", "hello there, I am text", 22, AC_EINVAL, "no photo"},
        {"zip.jpg", "PK\x03\x04\x14\0\0\0\x08\0abcdefgh", 18, AC_ENOTSUP, "a ZIP file"},
        {"gif", "GIF89a\x01\0\x01\0\x80\0\0", 13, AC_ENOTSUP, "a GIF file"},
        {"phone",
         "\0\0\0\x18"
         "ftypheic\0\0\0\0mif1heic",
         24, AC_ENOTSUP, "a HEIC file; save it as JPEG"},
        {"avif",
         "\0\0\0\x18"
         "ftypavif\0\0\0\0",
         16, AC_ENOTSUP, "an AVIF file"},
        {"pdf", "%PDF-1.7\n", 9, AC_ENOTSUP, "a PDF file"},
        {"start of a JPEG", "\xff\xd8\xff", 3, AC_EINVAL, "cut off"},
        {"start of a PNG", "\x89PNG\r\n\x1a\n", 8, AC_EINVAL, "cut off"},
        {"start of a WebP", "RIFF\x10\0\0\0WEBPVP8 ", 16, AC_EINVAL, "cut off"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(cases[i].name, cases[i].bytes, cases[i].n, NULL, cases[i].err, cases[i].why);
}

/* Cut anywhere, a photo is refused; it never becomes half a picture. */
static void test_cut_off(void **state)
{
    static const char *const files[] = {"exif.jpg", "progressive.jpg", "rgb.png", "lossy.webp",
                                        "lossless.webp"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[96], *data, reason[AC_PHOTO_REASON];
        struct ac_rgb pic;
        size_t len;

        snprintf(path, sizeof path, "test/fuzz/corpus/photo/%s", files[i]);
        assert_int_equal(ac_read_file(path, 1 << 20, &data, &len), 0);
        for (size_t n = 0; n < len - 2; n += 1 + n / 60) {
            reason[0] = '\0';
            if (ac_photo_memory(data, n, NULL, &pic, reason) == 0 || !reason[0])
                fail_msg("%s: %zu of %zu bytes pass", path, n, len);
        }
        free(data);
    }
}

static void test_paths(void **state)
{
    struct ac_rgb pic;
    char reason[AC_PHOTO_REASON];

    (void)state;
    assert_int_equal(ac_photo_file("test/data/no-such.jpg", NULL, &pic, reason), AC_ENOENT);
    assert_null(pic.data);
    assert_int_equal(ac_photo_file("test/data", NULL, &pic, reason), AC_EIO);
    assert_non_null(strstr(reason, "no file"));
    assert_int_equal(ac_photo_file("/dev/zero", NULL, &pic, reason), AC_EIO);
}

/* ---- encoding and cutting ---- */

static void test_round_trip(void **state)
{
    struct ac_rgb pic, back;
    uint8_t grey[W * H];

    (void)state;
    make_rgb(&pic);
    for (int full = 0; full < 2; full++) {
        struct ac_str jpeg = {0};
        double sum = 0;
        assert_int_equal(ac_image_jpeg_rgb(&pic, 97, full, &jpeg), 0);
        assert_int_equal(ac_photo_memory(jpeg.p, jpeg.len, NULL, &back, NULL), 0);
        for (int y = 0; y < H; y++)
            for (int k = 0; k < 3 * W; k++) {
                double d = ac_rgb_at(&pic, 0, y)[k] - ac_rgb_at(&back, 0, y)[k];
                sum += d * d;
            }
        if (10 * log10(255.0 * 255 * 3 * W * H / sum) < (full ? 40 : 30))
            fail_msg("JPEG %d: %.1f dB", full, 10 * log10(255.0 * 255 * 3 * W * H / sum));
        ac_rgb_free(&back);
        ac_str_free(&jpeg);
    }
    struct ac_str png = {0};
    for (int i = 0; i < W * H; i++)
        grey[i] = (uint8_t)(i * 7);
    assert_int_equal(ac_image_png_grey(grey, W, H, &png), 0);
    assert_int_equal(ac_photo_memory(png.p, png.len, NULL, &back, NULL), 0);
    for (int i = 0; i < W * H; i++)
        assert_int_equal(*ac_rgb_at(&back, i % W, i / W), grey[i]);
    assert_int_equal(ac_image_jpeg_rgb(&pic, 0, true, &png), AC_EINVAL);
    ac_rgb_free(&back);
    ac_rgb_free(&pic);
    ac_str_free(&png);
}

/* A ramp stays a ramp whatever it is scaled by; a part that is copied stays as it is. */
static void test_cut(void **state)
{
    static const struct {
        double x, y, w, h;
        int out_w, out_h;
    } cases[] = {{0, 0, W, H, W, H},          {4, 6, 20, 12, 20, 12}, {0, 0, W, H, 12, 8},
                 {3.5, 2.25, 30, 20, 90, 60}, {1, 1, 40, 30, 13, 29}, {10, 10, 1, 1, 5, 5}};
    struct ac_rgb pic;

    (void)state;
    make_rgb(&pic);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_rgb out;
        assert_int_equal(ac_rgb_new(&out, cases[i].out_w, cases[i].out_h), 0);
        assert_int_equal(ac_rgb_cut(&pic, cases[i].x, cases[i].y, cases[i].w, cases[i].h, &out), 0);
        double sx = cases[i].w / cases[i].out_w, sy = cases[i].h / cases[i].out_h;
        for (int y = 0; y < out.height; y++) {
            for (int x = 0; x < out.width; x++) {
                double u = cases[i].x + (x + 0.5) * sx - 0.5, v = cases[i].y + (y + 0.5) * sy - 0.5;
                bool inner = u > sx && v > sy && u < W - 1 - sx && v < H - 1 - sy;
                double du = *ac_rgb_at(&out, x, y) - u * 255 / (W - 1);
                double dv = ac_rgb_at(&out, x, y)[1] - v * 255 / (H - 1);
                if (inner && (fabs(du) > 1.5 || fabs(dv) > 1.5))
                    fail_msg("case %zu (%d, %d): off by %f, %f", i, x, y, du, dv);
            }
        }
        ac_rgb_free(&out);
    }
    /* beyond the edges the edge goes on */
    struct ac_rgb out;
    assert_int_equal(ac_rgb_new(&out, 8, 8), 0);
    assert_int_equal(ac_rgb_cut(&pic, -100, -100, 50, 50, &out), 0);
    assert_memory_equal(ac_rgb_at(&out, 3, 3), ac_rgb_at(&pic, 0, 0), 3);
    assert_int_equal(ac_rgb_cut(&pic, 500, 500, 50, 50, &out), 0);
    assert_memory_equal(ac_rgb_at(&out, 3, 3), ac_rgb_at(&pic, W - 1, H - 1), 3);
    ac_rgb_free(&out);
    ac_rgb_free(&pic);
    assert_int_equal(ac_rgb_new(&out, 0, 5), AC_EINVAL);
    assert_int_equal(ac_rgb_new(&out, 1 << 20, 5), AC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_of_pixels), cmocka_unit_test(test_files_of_others),
        cmocka_unit_test(test_orientation),     cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_cut_off),         cmocka_unit_test(test_paths),
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
