/*
 * bench_encode: what encoding costs in process, and beside it in an ffmpeg child process, on the same
 * pictures and sound in the same run. The pictures are those of a sentence, spoken and drawn by the real
 * engines. Both ways take turns, round by round, so that a busy machine is busy for both. Prints JSON.
 *
 *     bench_encode [--rounds N]
 */
#include "avatarchat/err.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/bench_stats.h"
#include "clip.h"
#include "media/fmp4.h"
#include "pipe_baseline.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const SENTENCES[] = {
    "Hello, I am glad that you are here today.",
    "This is a longer answer, of the kind that people ask for when they want to understand how a thing "
    "works. It "
    "has several sentences. Each of them takes a moment to say, and all of them together last about ten "
    "seconds.",
};

enum { N_SENTENCES = sizeof SENTENCES / sizeof *SENTENCES, FRAGMENT = 5 };

struct in_process {
    struct ac_samples open_ms, video_ms, audio_ms, mux_ms,
        total_ms; /* CPU; all but the first are a picture's */
    struct ac_samples cpu_ms, wall_ms, first_ms;
    size_t bytes;
};

struct in_pipe {
    struct ac_samples cpu_ms, child_ms, wall_ms;
    size_t bytes;
};

static double ms(int64_t us)
{
    return (double)us / 1000;
}

/* One sentence through our encoder, as the speaker does it. */
static int run_in_process(const struct clip *c, const struct ac_fmp4_config *cfg, struct in_process *r)
{
    int64_t wall0 = ac_now_us(), cpu0 = ac_thread_cpu_us(), video = 0, audio = 0, mux = 0, first = 0;
    size_t samples = c->pcm.len / sizeof(int16_t), fed = 0, per_picture = samples / c->n_pictures;
    struct ac_str out = {0};
    struct ac_fmp4 *m = NULL;
    int err = ac_fmp4_open(&m, cfg);
    int64_t opened = ac_thread_cpu_us();

    for (size_t i = 0; !err && i < c->n_pictures; i += FRAGMENT) {
        size_t until = (i + FRAGMENT) * per_picture + AC_FMP4_AUDIO_LEAD;
        int64_t t0 = ac_thread_cpu_us();

        if (until > samples)
            until = samples;
        err = ac_fmp4_audio(m, (const int16_t *)c->pcm.p + fed, until - fed);
        fed = until;
        int64_t t1 = ac_thread_cpu_us();
        for (size_t k = i; !err && k < i + FRAGMENT && k < c->n_pictures; k++)
            err = ac_fmp4_video(m, &c->pictures[k]->picture, k == 0);
        int64_t t2 = ac_thread_cpu_us();
        if (!err)
            err = ac_fmp4_flush(m, &out);
        audio += t1 - t0;
        video += t2 - t1;
        mux += ac_thread_cpu_us() - t2;
        if (!first)
            first = ac_now_us();
    }
    if (!err)
        err = ac_fmp4_finish(m, &out);
    if (!err) {
        double n = (double)c->n_pictures;

        ac_samples_add(&r->open_ms, ms(opened - cpu0));
        ac_samples_add(&r->video_ms, ms(video) / n);
        ac_samples_add(&r->audio_ms, ms(audio) / n);
        ac_samples_add(&r->mux_ms, ms(mux) / n);
        ac_samples_add(&r->total_ms, ms(video + audio + mux) / n);
        ac_samples_add(&r->first_ms, ms(first - wall0));
        r->bytes = out.len;
    }
    ac_fmp4_close(m);
    ac_samples_add(&r->cpu_ms, ms(ac_thread_cpu_us() - cpu0));
    ac_samples_add(&r->wall_ms, ms(ac_now_us() - wall0));
    ac_str_free(&out);
    return err;
}

static int run_pipe(const struct pipe_job *job, struct in_pipe *r)
{
    struct pipe_result one;
    int err = pipe_baseline_run(job, &one);

    if (err)
        return err;
    ac_samples_add(&r->cpu_ms, ms(one.cpu_us));
    ac_samples_add(&r->child_ms, ms(one.child_us));
    ac_samples_add(&r->wall_ms, ms(one.wall_us));
    r->bytes = one.bytes;
    return AC_OK;
}

static json_t *ratio(struct ac_samples *pipe, struct ac_samples *ours)
{
    double d = ac_samples_quantile(ours, 0.5);

    return json_real(d > 0 ? round(100 * ac_samples_quantile(pipe, 0.5) / d) / 100 : 0);
}

static json_t *report(const char *text, const struct clip *c, struct in_process *a, struct in_pipe *b)
{
    json_t *ours =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "open_cpu_ms",
                  ac_samples_json(&a->open_ms), "x264_cpu_ms_per_frame", ac_samples_json(&a->video_ms),
                  "aac_cpu_ms_per_frame", ac_samples_json(&a->audio_ms), "mux_cpu_ms_per_frame",
                  ac_samples_json(&a->mux_ms), "cpu_ms_per_frame", ac_samples_json(&a->total_ms), "cpu_ms",
                  ac_samples_json(&a->cpu_ms), "wall_ms", ac_samples_json(&a->wall_ms), "first_bytes_ms",
                  ac_samples_json(&a->first_ms), "bytes", (json_int_t)a->bytes);
    json_t *pipe =
        json_pack("{s:o, s:o, s:o, s:o, s:I}", "cpu_ms", ac_samples_json(&b->cpu_ms), "child_cpu_ms",
                  ac_samples_json(&b->child_ms), "wall_ms", ac_samples_json(&b->wall_ms), "first_bytes_ms",
                  ac_samples_json(&b->wall_ms), "bytes", (json_int_t)b->bytes);
    json_t *ratios =
        json_pack("{s:o, s:o, s:o}", "cpu", ratio(&b->cpu_ms, &a->cpu_ms), "wall",
                  ratio(&b->wall_ms, &a->wall_ms), "first_bytes", ratio(&b->wall_ms, &a->first_ms));

    return json_pack("{s:s, s:I, s:f, s:o, s:o, s:o}", "text", text, "frames", (json_int_t)c->n_pictures,
                     "seconds", (double)c->n_pictures / c->fps, "in_process", ours, "ffmpeg_pipe", pipe,
                     "pipe_to_in_process", ratios);
}

static void free_samples(struct in_process *a, struct in_pipe *b)
{
    struct ac_samples *all[] = {&a->open_ms,  &a->video_ms, &a->audio_ms, &a->mux_ms,
                                &a->total_ms, &a->cpu_ms,   &a->wall_ms,  &a->first_ms,
                                &b->cpu_ms,   &b->child_ms, &b->wall_ms,  NULL};

    for (size_t i = 0; all[i]; i++)
        ac_samples_free(all[i]);
}

static int bench_sentence(const char *text, struct ac_models *models, const struct ac_config *cfg, int rounds,
                          json_t *results)
{
    const struct ac_video_config *v = ac_config_video(cfg);
    struct ac_fmp4_config mux = {
        .width = v->width, .height = v->height, .fps = v->fps, .crf = v->crf, .audio_kbps = v->audio_kbps};
    struct in_process ours = {0};
    struct in_pipe pipe = {0};
    struct clip c;
    char reason[256] = "";
    uint8_t *bgr = NULL;
    int err = clip_make(&c, models, cfg, text, reason);

    if (err) {
        fprintf(stderr, "bench_encode: the pictures could not be made: %s (%s)\n", ac_err_text(err), reason);
        goto out;
    }
    bgr = clip_to_bgr(&c);
    err = bgr ? AC_OK : AC_ENOMEM;
    const struct pipe_job job = {.bgr = bgr,
                                 .n_pictures = c.n_pictures,
                                 .width = c.width,
                                 .height = c.height,
                                 .fps = c.fps,
                                 .crf = v->crf,
                                 .audio_kbps = v->audio_kbps,
                                 .pcm = (const int16_t *)c.pcm.p,
                                 .n_samples = c.pcm.len / sizeof(int16_t),
                                 .rate_hz = AC_FMP4_AUDIO_RATE};
    for (int i = 0; !err && i < rounds; i++) {
        err = run_in_process(&c, &mux, &ours);
        if (!err)
            err = run_pipe(&job, &pipe);
    }
    if (err == AC_ENOENT)
        fprintf(stderr, "bench_encode: there is no ffmpeg to compare with: apt-get install ffmpeg\n");
    else if (err)
        fprintf(stderr, "bench_encode: a run failed: %s\n", ac_err_text(err));
    else
        json_array_append_new(results, report(text, &c, &ours, &pipe));
out:
    free_samples(&ours, &pipe);
    free(bgr);
    clip_free(&c);
    return err;
}

int main(int argc, char **argv)
{
    int rounds = argc == 3 && !strcmp(argv[1], "--rounds") ? atoi(argv[2]) : 7, err;
    struct ac_config *cfg = NULL;
    struct ac_str errors = {0};

    if ((argc != 1 && argc != 3) || rounds < 1 || rounds > 1000) {
        fprintf(stderr, "usage: bench_encode [--rounds 1…1000]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    ac_log_setup(AC_LOG_WARN, AC_LOG_LOGFMT, 2);
    err = ac_config_load(&cfg, NULL, NULL, 0, &errors);
    if (err) {
        fprintf(stderr, "%s", errors.p ? errors.p : "bench_encode: bad configuration\n");
        ac_str_free(&errors);
        return 1;
    }
    const struct ac_video_config *v = ac_config_video(cfg);
    struct ac_models *models = ac_models_new(cfg);
    json_t *results = json_array();
    json_t *all = json_pack("{s:i, s:i, s:i, s:i, s:i, s:o}", "width", v->width, "height", v->height, "fps",
                            v->fps, "crf", v->crf, "rounds", rounds, "sentences", results);

    for (int i = 0; !err && i < N_SENTENCES; i++)
        err = bench_sentence(SENTENCES[i], models, cfg, rounds, results);
    if (!err) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
    }
    json_decref(all);
    ac_models_free(models);
    ac_config_free(cfg);
    ac_str_free(&errors);
    return err ? 1 : 0;
}
