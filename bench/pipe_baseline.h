/*
 * What our encoder is compared with: the customary way of making a talking video from pictures, an ffmpeg
 * child process for each sentence. The sound goes to a WAV file, the pictures as BGR24 through a pipe, and
 * one MP4 with its index in front comes back as a file, with the same codec settings (libx264 ultrafast
 * zerolatency, AAC).
 */
#ifndef BENCH_PIPE_BASELINE_H
#define BENCH_PIPE_BASELINE_H

#include <stddef.h>
#include <stdint.h>

struct pipe_job {
    const uint8_t *bgr; /* n_pictures of them, packed */
    size_t n_pictures;
    int width, height, fps, crf, audio_kbps;
    const int16_t *pcm;
    size_t n_samples;
    int rate_hz;
};

struct pipe_result {
    int64_t wall_us;  /* until the MP4 is in memory: before that there are no bytes to send */
    int64_t cpu_us;   /* ours and the child's */
    int64_t child_us; /* the child's alone */
    size_t bytes;
};

/* AC_ENOENT without ffmpeg, AC_EIO where a file or the child fails. */
int pipe_baseline_run(const struct pipe_job *job, struct pipe_result *result);

#endif
