/* An ffmpeg child process a sentence; see the header. */
#include "pipe_baseline.h"
#include "avatarchat/err.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_MP4_BYTES = 64 << 20, WAV_HEAD = 44 };

static void put_le(uint8_t *to, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(v >> 8 * i);
}

static int write_wav(const char *path, const struct pipe_job *job)
{
    uint32_t bytes = (uint32_t)(job->n_samples * sizeof *job->pcm);
    uint8_t head[] = "RIFF....WAVEfmt ....................data....";
    FILE *f = fopen(path, "wb");
    bool ok;

    if (!f)
        return AC_EIO;
    put_le(head + 4, 36 + bytes, 4);
    put_le(head + 16, 16, 4);
    put_le(head + 20, 1, 2); /* PCM */
    put_le(head + 22, 1, 2);
    put_le(head + 24, (uint32_t)job->rate_hz, 4);
    put_le(head + 28, (uint32_t)job->rate_hz * 2, 4);
    put_le(head + 32, 2, 2);
    put_le(head + 34, 16, 2);
    put_le(head + 40, bytes, 4);
    ok = fwrite(head, WAV_HEAD, 1, f) == 1 && fwrite(job->pcm, 1, bytes, f) == bytes;
    return fclose(f) == 0 && ok ? AC_OK : AC_EIO;
}

/* Starts ffmpeg with the read end of a pipe as its input; *fd is ours to write to. */
static int start(const struct pipe_job *job, const char *wav, const char *mp4, pid_t *pid, int *fd)
{
    char size[32], fps[16], crf[16], kbps[16];
    char *argv[] = {"ffmpeg",    "-y",         "-loglevel", "error",       "-f",   "rawvideo",
                    "-pix_fmt",  "bgr24",      "-s",        size,          "-r",   fps,
                    "-i",        "-",          "-i",        (char *)wav,   "-c:v", "libx264",
                    "-preset",   "ultrafast",  "-tune",     "zerolatency", "-crf", crf,
                    "-pix_fmt",  "yuv420p",    "-c:a",      "aac",         "-b:a", kbps,
                    "-movflags", "+faststart", (char *)mp4, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];

    snprintf(size, sizeof size, "%dx%d", job->width, job->height);
    snprintf(fps, sizeof fps, "%d", job->fps);
    snprintf(crf, sizeof crf, "%d", job->crf);
    snprintf(kbps, sizeof kbps, "%dk", job->audio_kbps);
    if (pipe2(ends, 0) < 0)
        return AC_EIO;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int ret = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    *fd = ends[1];
    if (ret == 0)
        return AC_OK;
    close(ends[1]);
    return ret == ENOENT ? AC_ENOENT : AC_EIO;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno != EINTR)
            return AC_EIO;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return AC_OK;
}

static int64_t rusage_us(const struct rusage *u)
{
    return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * INT64_C(1000000) + u->ru_utime.tv_usec +
           u->ru_stime.tv_usec;
}

static int run_in(const char *dir, const struct pipe_job *job, struct pipe_result *result)
{
    char *wav = ac_asprintf("%s/speech.wav", dir), *mp4 = ac_asprintf("%s/out.mp4", dir), *data = NULL;
    size_t picture = (size_t)job->width * (size_t)job->height * 3, len = 0;
    int64_t wall = ac_now_us(), cpu = ac_thread_cpu_us();
    struct rusage usage = {0};
    int fd, status = 0, err;
    pid_t pid;

    err = write_wav(wav, job);
    if (!err)
        err = start(job, wav, mp4, &pid, &fd);
    if (err)
        goto out;
    for (size_t i = 0; !err && i < job->n_pictures; i++) /* as they would come from a renderer */
        err = write_all(fd, job->bgr + i * picture, picture);
    close(fd);
    if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        err = AC_EIO;
    if (!err)
        err = ac_read_file(mp4, MAX_MP4_BYTES, &data, &len);
    result->wall_us = ac_now_us() - wall;
    result->child_us = rusage_us(&usage);
    result->cpu_us = ac_thread_cpu_us() - cpu + result->child_us;
    result->bytes = len;
    if (!err && (len < 8 || memcmp(data + 4, "ftyp", 4) != 0))
        err = AC_EIO;
out:
    unlink(wav);
    unlink(mp4);
    free(wav);
    free(mp4);
    free(data);
    return err;
}

int pipe_baseline_run(const struct pipe_job *job, struct pipe_result *result)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = ac_asprintf("%s/avatar-chat-bench-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    int err = AC_EIO;

    if (mkdtemp(dir)) {
        err = run_in(dir, job, result);
        rmdir(dir);
    }
    free(dir);
    return err;
}
