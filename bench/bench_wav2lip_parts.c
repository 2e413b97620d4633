/*
 * bench_wav2lip_parts: what a picture of Wav2Lip costs beside its network, in microseconds of CPU: the window
 * of mel, cutting a face out, its planes, the network's answer as bytes, matching colours, pasting. Prints
 * JSON. The figures do not depend on what is heard or seen.
 *
 *     bench_wav2lip_parts [ROUNDS]
 */
#include "avatar/wav2lip_face.h"
#include "avatar/wav2lip_mel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATED = 20, RATE = 16000, FPS = 25, WIDTH = 1280, HEIGHT = 720, MASK = 96, MAX_SIDE = 256 };

static const struct ac_w2l_box boxes[] = {{101, 51, 110, 140}, {101, 51, 220, 280}, {301, 11, 440, 560}};

struct bench {
    struct ac_w2l_mel *mel;
    int64_t frame;
    struct ac_rgb photo;
    struct ac_frame *picture;
    const struct ac_w2l_box *box;
    struct ac_w2l_mouth mouth;
    uint8_t face[MAX_SIDE * MAX_SIDE * 3], half[MAX_SIDE * MAX_SIDE * 3 / 2], mask[MASK * MASK];
    float planes[6 * MAX_SIDE * MAX_SIDE], window[AC_W2L_WINDOW];
};

static void mel(struct bench *b)
{
    if (!ac_w2l_mel_window(b->mel, b->frame++, FPS, 0, b->window) || ac_w2l_mel_silent(b->window))
        abort();
}

static void cut(struct bench *b)
{
    ac_w2l_face_cut(&b->photo, b->box, b->mouth.side, b->face);
}

static void planes(struct bench *b)
{
    ac_w2l_face_planes(b->face, b->mouth.side, b->planes);
}

static void bytes(struct bench *b)
{
    ac_w2l_face_bytes(b->planes, b->mouth.side / 2, b->mouth.side, b->half);
}

static void match(struct bench *b)
{
    ac_w2l_face_match(b->face, &b->mouth, b->mouth.match);
}

static void paste(struct bench *b)
{
    struct ac_w2l_place place = {b->box->x, b->box->y, b->box->width, b->box->height};

    ac_w2l_face_paste(&b->picture->picture, &place, &b->mouth);
}

static void measure(struct bench *b, json_t *into, const char *name, void (*part)(struct bench *), int rounds)
{
    struct ac_samples s = {0};

    for (int i = 0; i < rounds; i++) {
        int64_t start_us = ac_thread_cpu_us();
        for (int k = 0; k < REPEATED; k++)
            part(b);
        ac_samples_add(&s, (double)(ac_thread_cpu_us() - start_us) / REPEATED);
    }
    json_object_set_new(into, name, ac_samples_json(&s));
    ac_samples_free(&s);
}

/* Speech-like: noise whose loudness rises and falls. */
static void hear(struct bench *b, size_t n)
{
    int16_t *pcm = ac_alloc(n * sizeof *pcm);
    uint32_t seed = 1;

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        pcm[i] = (int16_t)((int)(seed >> 18) * (int)(1 + i / 1000 % 4) / 4 - 4096);
    }
    b->mel = ac_w2l_mel_new();
    ac_w2l_mel_add(b->mel, pcm, n);
    ac_w2l_mel_end(b->mel);
    free(pcm);
}

static int see(struct bench *b)
{
    b->picture = ac_frame_new_picture(WIDTH, HEIGHT);
    if (!b->picture || ac_rgb_new(&b->photo, WIDTH, HEIGHT) != 0)
        return 1;
    for (size_t i = 0; i < (size_t)HEIGHT * b->photo.stride; i++)
        b->photo.data[i] = (uint8_t)(i * 2654435761U >> 24);
    memset(b->picture->picture.data[0], 128, (size_t)HEIGHT * (size_t)b->picture->picture.stride[0]);
    for (size_t i = 0; i < sizeof b->mask; i++)
        b->mask[i] = i > sizeof b->mask / 2 ? (uint8_t)(i % MASK * 2) : 0;
    return 0;
}

static json_t *run(struct bench *b, int rounds)
{
    json_t *all = json_object();

    measure(b, all, "mel", mel, rounds);
    for (int side = 96; side <= MAX_SIDE; side += MAX_SIDE - 96)
        for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
            json_t *o = json_object();
            char name[64];
            b->box = &boxes[i];
            b->mouth = (struct ac_w2l_mouth){b->half, side, b->mask, MASK, {0}, 1};
            measure(b, o, "cut", cut, rounds);
            measure(b, o, "planes", planes, rounds);
            measure(b, o, "bytes", bytes, rounds);
            measure(b, o, "match", match, rounds);
            measure(b, o, "paste", paste, rounds);
            snprintf(name, sizeof name, "side %d, box %d x %d", side, b->box->width, b->box->height);
            json_object_set_new(all, name, o);
        }
    return all;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 50;
    struct bench *b = ac_zalloc(sizeof *b);
    int err = 1;

    if (rounds < 1 || rounds > 1000) {
        fprintf(stderr, "usage: bench_wav2lip_parts [ROUNDS]\n");
        free(b);
        return 2;
    }
    hear(b, (size_t)rounds * REPEATED * RATE / FPS);
    if (see(b) == 0) {
        json_t *o = run(b, rounds);
        json_dumpf(o, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(5));
        putchar('\n');
        json_decref(o);
        err = 0;
    }
    ac_w2l_mel_free(b->mel);
    ac_rgb_free(&b->photo);
    ac_frame_unref(b->picture);
    free(b);
    return err;
}
