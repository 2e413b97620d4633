/*
 * bench_faces: what it costs to find the faces of a picture and to follow one. The picture is a PPM file
 * (P6); its first face is followed in the same picture, which is what a still head costs. Prints JSON.
 *
 *     bench_faces PICTURE.ppm [ROUNDS]        (ffmpeg -i PHOTO PICTURE.ppm)
 */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_stats.h"
#include "face/face.h"
#include "media/photo.h"

#include <stdio.h>
#include <stdlib.h>

static double ms_since(int64_t cpu_us)
{
    return (double)(ac_thread_cpu_us() - cpu_us) / 1000;
}

int main(int argc, char **argv)
{
    struct ac_env env = {0};
    struct ac_faces *faces;
    struct ac_rgb pic = {0};
    struct ac_samples open_ms = {0}, find_ms = {0}, follow_ms = {0};
    struct ac_face *found = ac_alloc(AC_FACE_MAX * sizeof *found);
    int rounds = argc > 2 ? atoi(argv[2]) : 10;
    size_t n = 0;
    bool there = false;
    char reason[AC_PHOTO_REASON];

    if (argc < 2 || rounds < 1) {
        fprintf(stderr, "usage: bench_faces PHOTO [ROUNDS]\n");
        return 2;
    }
    if (ac_photo_file(argv[1], NULL, &pic, reason) != 0) {
        fprintf(stderr, "bench_faces: %s: %s\n", argv[1], reason);
        return 1;
    }
    for (int i = 0; i < rounds; i++) {
        int64_t start = ac_thread_cpu_us();
        if (ac_faces_open(&faces, &env) != 0) {
            fprintf(stderr, "bench_faces: %s\n", env.reason);
            return 1;
        }
        ac_samples_add(&open_ms, ms_since(start));
        start = ac_thread_cpu_us();
        ac_faces_find(faces, &pic, found, AC_FACE_MAX, &n, NULL);
        ac_samples_add(&find_ms, ms_since(start));
        for (int k = 0; k < 10 && n; k++) {
            start = ac_thread_cpu_us();
            ac_faces_follow(faces, &pic, found, &there, NULL);
            ac_samples_add(&follow_ms, ms_since(start));
        }
        ac_faces_close(faces);
    }
    json_t *out = json_pack("{s:[i,i], s:i, s:o, s:o, s:o}", "picture", pic.width, pic.height, "faces",
                            (int)n, "open_cpu_ms", ac_samples_json(&open_ms), "find_cpu_ms",
                            ac_samples_json(&find_ms), "follow_cpu_ms", ac_samples_json(&follow_ms));
    json_dumpf(out, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(out);
    ac_samples_free(&open_ms);
    ac_samples_free(&find_ms);
    ac_samples_free(&follow_ms);
    free(found);
    ac_rgb_free(&pic);
    return 0;
}
