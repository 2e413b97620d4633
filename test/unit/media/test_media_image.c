/* A JPEG shows the colours of the picture: both are turned into RGB by the book, and compared. */
#include "avatarchat/err.h"
#include "media/image.h"
#include "media_util.h"

/* RGB of one pixel from Y'CbCr with luma weights kr, kb; full or limited range. */
static void to_rgb(double y, double cb, double cr, double kr, double kb, bool full, double rgb[3])
{
    double kg = 1 - kr - kb;

    y = full ? y : (y - 16) * 255 / 219;
    cb = (cb - 128) * (full ? 1 : 255.0 / 224);
    cr = (cr - 128) * (full ? 1 : 255.0 / 224);
    rgb[0] = y + 2 * (1 - kr) * cr;
    rgb[2] = y + 2 * (1 - kb) * cb;
    rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / kg;
    for (int i = 0; i < 3; i++)
        rgb[i] = fmin(255, fmax(0, rgb[i]));
}

static AVFrame *decode_jpeg(const struct ac_str *jpeg)
{
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
    AVPacket *pkt = av_packet_alloc();
    AVFrame *f = av_frame_alloc();

    assert_int_equal(avcodec_open2(c, NULL, NULL), 0);
    assert_int_equal(av_new_packet(pkt, (int)jpeg->len), 0);
    memcpy(pkt->data, jpeg->p, jpeg->len);
    assert_int_equal(avcodec_send_packet(c, pkt), 0);
    assert_int_equal(avcodec_receive_frame(c, f), 0);
    av_packet_free(&pkt);
    avcodec_free_context(&c);
    return f;
}

static double rgb_psnr(const struct ac_picture *p, const AVFrame *f)
{
    double sum = 0;

    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            double a[3], b[3];

            to_rgb(p->data[0][y * p->stride[0] + x], p->data[1][y / 2 * p->stride[1] + x / 2],
                   p->data[2][y / 2 * p->stride[2] + x / 2], 0.2126, 0.0722, false, a);
            to_rgb(f->data[0][y * f->linesize[0] + x], f->data[1][y / 2 * f->linesize[1] + x / 2],
                   f->data[2][y / 2 * f->linesize[2] + x / 2], 0.299, 0.114, true, b);
            for (int i = 0; i < 3; i++)
                sum += (a[i] - b[i]) * (a[i] - b[i]);
        }
    return 10 * log10(255.0 * 255.0 * 3 * p->width * p->height / sum);
}

static void test_colours_stay(void **state)
{
    static const struct {
        int width, height, quality;
        double min_db;
    } cases[] = {
        {64, 64, 95, 38}, {512, 512, 90, 38}, {130, 98, 75, 33}, {256, 256, 20, 26}, {128, 128, 100, 40}};
    size_t last = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_frame *pic = make_picture(cases[i].width, cases[i].height, 3);
        struct ac_str jpeg = {0};

        ac_str_add(&jpeg, "");
        assert_int_equal(ac_image_jpeg(&pic->picture, cases[i].quality, &jpeg), AC_OK);
        assert_true(jpeg.len > 100);
        assert_memory_equal(jpeg.p, "\xff\xd8", 2);
        assert_memory_equal(jpeg.p + jpeg.len - 2, "\xff\xd9", 2);
        AVFrame *f = decode_jpeg(&jpeg);

        assert_int_equal(f->width, cases[i].width);
        assert_int_equal(f->height, cases[i].height);
        assert_int_equal(f->format, AV_PIX_FMT_YUVJ420P);
        double db = rgb_psnr(&pic->picture, f);

        if (db < cases[i].min_db)
            fail_msg("%dx%d at quality %d: %.1f dB", cases[i].width, cases[i].height, cases[i].quality, db);
        last = jpeg.len;
        av_frame_free(&f);
        ac_str_free(&jpeg);
        ac_frame_unref(pic);
    }
    assert_true(last > 0);
}

/* Quality means something: better is larger. The bytes are appended. */
static void test_quality_orders_sizes(void **state)
{
    struct ac_frame *pic = make_picture(256, 256, 1);
    struct ac_str s = {0};
    size_t before = 0;

    (void)state;
    ac_str_add(&s, "head");
    for (int quality = 10; quality <= 100; quality += 30) {
        size_t start = s.len;

        assert_int_equal(ac_image_jpeg(&pic->picture, quality, &s), AC_OK);
        assert_true(s.len - start > before);
        before = s.len - start;
    }
    assert_memory_equal(s.p, "head\xff\xd8", 6);
    ac_str_free(&s);
    ac_frame_unref(pic);
}

static void test_refusals(void **state)
{
    struct ac_frame *pic = make_picture(64, 64, 0);
    struct ac_str s = {0};

    (void)state;
    assert_int_equal(ac_image_jpeg(&pic->picture, 0, &s), AC_EINVAL);
    assert_int_equal(ac_image_jpeg(&pic->picture, 101, &s), AC_EINVAL);
    assert_int_equal(s.len, 0);
    ac_frame_unref(pic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colours_stay),
        cmocka_unit_test(test_quality_orders_sizes),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests_name("media/image", tests, NULL, NULL);
}
