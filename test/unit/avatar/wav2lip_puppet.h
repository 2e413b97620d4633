/*
 * For the tests of the engine wav2lip: folders with templates and a small model, an instance that hears, is
 * posed and looked at. The model has the generator's inputs and output but only darkens the reference face
 * around the mouth, the more the louder the window is: what must be seen can be computed.
 */
#ifndef TEST_AVATAR_WAV2LIP_PUPPET_H
#define TEST_AVATAR_WAV2LIP_PUPPET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avatar/template.h"
#include "avatar/wav2lip_mel.h"
#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "base/str.h"
#include "infer/onnx_graph.h"
#include "media/image.h"
#include "puppet_hash.h"

#include <ftw.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct ac_handler_info ac_handler_avatar_wav2lip;

enum { PUPPET_WIDTH = 480, PUPPET_HEIGHT = 520, PUPPET_PICTURES = 11, PUPPET_RATE = 16000, PUPPET_FPS = 25 };

/* ---- files ---- */

struct puppet_files {
    char dir[64];
    const char *dirs[2];
    char *model;
};

static inline void puppet_write(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static inline struct ac_template_box puppet_box(size_t i)
{
    return (struct ac_template_box){160 + 2 * (float)i, 150 + (float)i, 150, 190};
}

/* Background, and a face that moves with its box. */
static inline void puppet_paint(struct ac_rgb *rgb, size_t i)
{
    struct ac_template_box b = puppet_box(i);
    for (int y = 0; y < rgb->height; y++)
        for (int x = 0; x < rgb->width; x++) {
            uint8_t *p = ac_rgb_at(rgb, x, y);
            float u = ((float)x - b.x) / b.width, v = ((float)y - b.y) / b.height;
            bool face = hypotf(2 * u - 1, 2 * v - 1) < 1;
            p[0] = face ? (uint8_t)(190 + 30 * sinf(6 * u)) : (uint8_t)(60 + x / 8);
            p[1] = face ? (uint8_t)(140 + 20 * sinf(5 * v)) : (uint8_t)(80 + y / 8);
            p[2] = face ? (uint8_t)(120 + 20 * u) : 110;
        }
}

static inline void puppet_template(const struct puppet_files *files, const char *id, size_t n)
{
    char *folder = ac_asprintf("%s/avatars/%s", files->dir, id), *path;
    struct ac_str yaml = {0}, file = {0};
    uint8_t *masks = ac_alloc(n * AC_TEMPLATE_MASK_BYTES);
    struct ac_rgb rgb;

    assert_int_equal(mkdir(folder, 0700), 0);
    ac_str_addf(
        &yaml,
        "engine: wav2lip\nversion: 1\nkind: %s\nname: Face %s\ndetail: test\ngender: female\nlicence: "
        "none\nsize: [%d, %d]\npictures: %zu\nboxes:\n",
        n > 1 ? "video" : "photo", id, PUPPET_WIDTH, PUPPET_HEIGHT, n);
    assert_int_equal(ac_rgb_new(&rgb, PUPPET_WIDTH, PUPPET_HEIGHT), 0);
    for (size_t i = 0; i < n; i++) {
        struct ac_template_box b = puppet_box(i);
        ac_str_addf(&yaml, "  - [%g, %g, %g, %g]\n", (double)b.x, (double)b.y, (double)b.width,
                    (double)b.height);
        puppet_paint(&rgb, i);
        ac_str_clear(&file);
        assert_int_equal(ac_image_jpeg_rgb(&rgb, 95, true, &file), 0);
        path = ac_asprintf("%s/picture-%03zu.jpg", folder, i);
        puppet_write(path, file.p, file.len);
        free(path);
        for (int y = 0; y < AC_TEMPLATE_MASK; y++)
            for (int x = 0; x < AC_TEMPLATE_MASK; x++) {
                double r = hypot((x - 47.5) / 36, (y - 70) / 20.0), m = r < 0.7 ? 1
                                                                        : r < 1 ? (1 - r) / 0.3
                                                                                : 0;
                masks[i * AC_TEMPLATE_MASK_BYTES + (size_t)(y * AC_TEMPLATE_MASK + x)] = (uint8_t)(m * 255);
            }
    }
    ac_str_clear(&file);
    assert_int_equal(ac_image_png_grey(masks, AC_TEMPLATE_MASK, AC_TEMPLATE_MASK * (int)n, &file), 0);
    path = ac_asprintf("%s/masks.png", folder);
    puppet_write(path, file.p, file.len);
    free(path);
    path = ac_asprintf("%s/avatar.yaml", folder);
    puppet_write(path, yaml.p, yaml.len);
    free(path);
    ac_rgb_free(&rgb);
    ac_str_free(&yaml);
    ac_str_free(&file);
    free(masks);
    free(folder);
}

/* How much darker the middle of the mouth gets, 0 … 1, for a window. */
static inline double puppet_darker(const float window[AC_W2L_WINDOW])
{
    double sum = 0;
    for (int i = 0; i < AC_W2L_WINDOW; i++)
        sum += (double)window[i];
    return 0.5 / (1 + exp(-sum / AC_W2L_WINDOW));
}

/* reference − 0.5 · sigmoid(mean of the window) · a soft spot at the mouth */
static inline void puppet_model(const char *path, int side)
{
    struct ac_env env = {.log_name = "test"};
    struct ac_onnx *g = ac_onnx_new("puppet", 13);
    float *spot = ac_alloc((size_t)side * (size_t)side * sizeof *spot);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            double u = ((x + 0.5) / side - 0.5) / 0.14, v = ((y + 0.5) / side - 0.73) / 0.09;
            spot[y * side + x] = (float)(-0.5 * exp(-0.5 * (u * u + v * v)));
        }
    ac_onnx_input(g, "mel_spectrogram", AC_ONNX_F32, 4, (int64_t[]){1, 1, 80, 16});
    ac_onnx_input(g, "video_frames", AC_ONNX_F32, 4, (int64_t[]){1, 6, side, side});
    AC_ONNX_INIT_I64(g, "from", 3);
    AC_ONNX_INIT_I64(g, "to", 6);
    AC_ONNX_INIT_I64(g, "axis", 1);
    ac_onnx_init_f32(g, "spot", spot, 4, (int64_t[]){1, 1, side, side});
    ac_onnx_node(g, "Slice", "reference", "video_frames", "from", "to", "axis", NULL);
    struct ac_onnx_node *mean = ac_onnx_node(g, "ReduceMean", "mean", "mel_spectrogram", NULL);
    AC_ONNX_ATTR_INTS(mean, "axes", 2, 3);
    ac_onnx_node(g, "Sigmoid", "loud", "mean", NULL);
    ac_onnx_node(g, "Mul", "dark", "spot", "loud", NULL);
    ac_onnx_node(g, "Add", "sum", "reference", "dark", NULL);
    ac_onnx_node(g, "Relu", "predicted_frames", "sum", NULL);
    ac_onnx_output(g, "predicted_frames", AC_ONNX_F32, 4, (int64_t[]){1, 3, side, side});
    assert_int_equal(ac_onnx_write(g, path, &env), 0);
    ac_onnx_free(g);
    free(spot);
}

/* `face` is a photo, `video` a video. */
static inline int puppet_files_make(struct puppet_files *f)
{
    memset(f, 0, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/avatar-chat-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->dirs[0] = f->dir;
    char *avatars = ac_asprintf("%s/avatars", f->dir);
    assert_int_equal(mkdir(avatars, 0700), 0);
    free(avatars);
    puppet_template(f, "face", 1);
    puppet_template(f, "video", PUPPET_PICTURES);
    f->model = ac_asprintf("%s/wav2lip.onnx", f->dir);
    puppet_model(f->model, 96);
    return 0;
}

static inline int puppet_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void puppet_files_remove(struct puppet_files *f)
{
    nftw(f->dir, puppet_remove, 8, FTW_DEPTH | FTW_PHYS);
    free(f->model);
}

/* ---- the engine ---- */

struct puppet_config {
    char *id, *model;
    int av_offset;
    double max_ms;
    /* not the engine's: */
    bool still;
};

struct puppet {
    struct ac_sink sink; /* first: push gets it back */
    struct ac_env env;
    struct puppet_config cfg;
    void *model, *inst;
    bool owns_model;
    struct ac_cancel *cancel;
    struct ac_frame *shown;
    int pushed, err;
};

static inline int puppet_push(struct ac_sink *sink, struct ac_frame *f)
{
    struct puppet *p = (struct puppet *)(void *)sink;
    ac_frame_unref(p->shown);
    p->shown = f;
    p->pushed++;
    return 0;
}

/* share: whose model to use, or NULL for one of its own. Gives what open gives; close in any case. */
static inline int puppet_open_cfg(struct puppet *p, const struct puppet *share,
                                  const struct puppet_files *files, const char *avatar, int width, int height,
                                  struct puppet_config cfg)
{
    const struct ac_handler_info *h = &ac_handler_avatar_wav2lip;
    memset(p, 0, sizeof *p);
    p->sink.push = puppet_push;
    p->cancel = ac_cancel_new(NULL);
    p->cfg = cfg;
    p->env = (struct ac_env){.log_name = "avatar.wav2lip", .data_dirs = files->dirs, .threads = 1};
    snprintf(p->env.prefs.avatar, sizeof p->env.prefs.avatar, "%s", avatar);
    p->env.prefs.width = width;
    p->env.prefs.height = height;
    p->env.prefs.fps = PUPPET_FPS;
    p->env.prefs.still = cfg.still;
    p->inst = ac_zalloc(h->inst_size);
    p->model = share ? share->model : ac_zalloc(h->model_size);
    p->owns_model = !share;
    p->err = share ? 0 : h->model_open(p->model, &p->cfg, &p->env);
    if (!p->err)
        p->err = h->open(p->inst, p->model, &p->cfg, &p->env);
    return p->err;
}

static inline void puppet_open(struct puppet *p, const struct puppet *share, const struct puppet_files *files,
                               const char *avatar, int width, int height)
{
    struct puppet_config cfg = {.id = "", .model = files->model};
    if (puppet_open_cfg(p, share, files, avatar, width, height, cfg) != 0)
        fail_msg("%s", p->env.reason);
}

static inline void puppet_close(struct puppet *p)
{
    const struct ac_handler_info *h = &ac_handler_avatar_wav2lip;
    h->close(p->inst);
    if (p->owns_model) {
        h->model_close(p->model);
        free(p->model);
    }
    free(p->inst);
    ac_frame_unref(p->shown);
    ac_cancel_unref(p->cancel);
}

static inline int puppet_hear(struct puppet *p, const int16_t *pcm, size_t n, int64_t start, int rate,
                              bool last)
{
    struct ac_frame *in = ac_frame_new(AC_FRAME_SPEECH);
    in->speech.pcm = ac_alloc(n * sizeof *pcm + 1);
    if (n)
        memcpy(in->speech.pcm, pcm, n * sizeof *pcm);
    in->speech.n_samples = n;
    in->speech.rate_hz = rate;
    in->speech.start_sample = start;
    in->speech.last = last;
    int err = ac_handler_avatar_wav2lip.process(p->inst, in, &p->sink, p->cancel);
    ac_frame_unref(in);
    return err;
}

/* The picture of the pose, valid until the next one; NULL when it failed (p->err). */
static inline const struct ac_picture *puppet_show(struct puppet *p, const struct ac_pose *pose)
{
    struct ac_frame *in = ac_frame_new(AC_FRAME_POSE);
    in->pose = *pose;
    p->err = ac_handler_avatar_wav2lip.process(p->inst, in, &p->sink, p->cancel);
    ac_frame_unref(in);
    return p->err ? NULL : &p->shown->picture;
}

static inline struct ac_pose puppet_pose(int64_t frame, int64_t sentence_frame)
{
    return (struct ac_pose){.frame = frame,
                            .sentence_frame = sentence_frame,
                            .speaking = sentence_frame >= 0,
                            .idle_us = frame * 40000 % AC_IDLE_PERIOD_US};
}

/* Speech-like noise that swells and fades three times a second, and silence where `loud` is 0. */
static inline void puppet_speech(int16_t *pcm, size_t n, int rate, double loud)
{
    uint32_t seed = 12345;
    double low = 0;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        low += 0.2 * ((double)(seed >> 8) / (1 << 24) - 0.5 - low);
        double swell = 0.5 - 0.5 * cos(6.2831853 * 3 * (double)i / rate);
        pcm[i] = (int16_t)(32000 * loud * swell * low);
    }
}

struct difference {
    int most;           /* of a sample */
    double mean;        /* over luma */
    int x0, y0, x1, y1; /* luma pixels that hold all */
};

/* Over all three planes. */
static inline struct difference compare(const struct ac_picture *a, const struct ac_picture *b)
{
    struct difference d = {0, 0, a->width, a->height, 0, 0};
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < a->height >> (p > 0); y++)
            for (int x = 0; x < a->width >> (p > 0); x++) {
                int v = abs(a->data[p][y * a->stride[p] + x] - b->data[p][y * b->stride[p] + x]);
                if (!v)
                    continue;
                int k = p > 0 ? 2 : 1;
                d.most = v > d.most ? v : d.most;
                d.mean += p ? 0 : v;
                d.x0 = x * k < d.x0 ? x * k : d.x0;
                d.y0 = y * k < d.y0 ? y * k : d.y0;
                d.x1 = x * k + k > d.x1 ? x * k + k : d.x1;
                d.y1 = y * k + k > d.y1 ? y * k + k : d.y1;
            }
    d.mean /= a->width * a->height;
    return d;
}

#endif
