/*
 * What voice activity detection costs, an engine at a time: opening it, the memory it takes, and the time for
 * a window of 32 ms, window by window as the microphone gives them. The sound is made: an engine's work does
 * not depend on what it hears.
 */
#include "cli/bench_vad.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_stats.h"
#include "cli/cli.h"
#include "core/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW = 512, SECONDS = 10, N_WINDOWS = SECONDS * AC_LISTEN_RATE_HZ / WINDOW };

struct costs {
    double open_ms, memory_mb;
    struct ac_samples cpu_ms, wall_ms; /* a window's */
};

static int throw_away(struct ac_sink *sink, struct ac_frame *f)
{
    (void)sink;
    ac_frame_unref(f);
    return 0;
}

/* A window of something like a vowel that comes and goes, over noise. */
static struct ac_frame *make_window(int64_t start)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);

    f->audio.start_sample = start;
    f->audio.n_samples = WINDOW;
    f->audio.pcm = ac_alloc(WINDOW * sizeof *f->audio.pcm);
    for (int i = 0; i < WINDOW; i++) {
        double t = (double)(start + i) / AC_LISTEN_RATE_HZ;
        double vowel =
            sin(2 * M_PI * 150 * t) + 0.7 * sin(2 * M_PI * 600 * t) + 0.4 * sin(2 * M_PI * 1200 * t);
        double noise = (double)((uint32_t)(start + i) * 2654435761U) / 4294967296.0 - 0.5;
        f->audio.pcm[i] = (int16_t)(6000 * vowel * fmax(0, sin(2 * M_PI * 0.7 * t)) + 200 * noise);
    }
    return f;
}

static int one_round(struct ac_instance *inst, struct costs *c)
{
    struct ac_sink sink = {throw_away};
    int err = 0;

    for (int i = 0; !err && i < N_WINDOWS; i++) {
        struct ac_frame *f = make_window((int64_t)i * WINDOW);
        int64_t wall_us = ac_now_us(), cpu_us = ac_thread_cpu_us();
        err = ac_instance_process(inst, f, &sink, NULL);
        cpu_us = ac_thread_cpu_us() - cpu_us;
        wall_us = ac_now_us() - wall_us;
        ac_samples_add(&c->cpu_ms, (double)cpu_us / 1e3);
        ac_samples_add(&c->wall_ms, (double)wall_us / 1e3);
        ac_frame_unref(f);
    }
    ac_instance_reset(inst);
    return err;
}

static int measure(const struct ac_config *cfg, const struct ac_handler_info *info, int rounds,
                   struct costs *c, char *reason)
{
    struct ac_models *models = ac_models_new(cfg);
    struct ac_instance *inst = NULL;
    size_t before = ac_rss_bytes();
    int64_t start_us = ac_now_us();

    int err = ac_instance_open(&inst, models, info, NULL, reason);
    c->open_ms = (double)(ac_now_us() - start_us) / 1e3;
    for (int i = 0; !err && i < rounds; i++) {
        err = one_round(inst, c);
        if (err)
            snprintf(reason, 256, "%s", ac_instance_reason(inst));
    }
    c->memory_mb = fmax(0, (double)ac_rss_bytes() - (double)before) / 1024 / 1024;
    ac_instance_close(inst);
    ac_models_free(models);
    return err;
}

static void print_row(const char *name, struct costs *c)
{
    printf("%-10s %8.1f %9.1f %11.3f %8.3f %8.3f\n", name, c->open_ms, c->memory_mb,
           ac_samples_quantile(&c->cpu_ms, 0), ac_samples_quantile(&c->cpu_ms, 0.5),
           ac_samples_quantile(&c->cpu_ms, 0.9));
}

static json_t *costs_json(const char *name, struct costs *c)
{
    return json_pack("{s:s, s:f, s:f, s:o, s:o}", "engine", name, "open_ms", c->open_ms, "memory_mb",
                     c->memory_mb, "cpu_ms_per_window", ac_samples_json(&c->cpu_ms), "wall_ms_per_window",
                     ac_samples_json(&c->wall_ms));
}

static int print_json(json_t *engines)
{
    struct ac_str out = {0};
    json_t *all = json_pack("{s:s, s:i, s:o}", "version", AC_VERSION, "window_ms",
                            WINDOW * 1000 / AC_LISTEN_RATE_HZ, "engines", engines);
    char *text = json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

    ac_str_addf(&out, "%s\n", text);
    int status = ac_cli_print("bench vad", &out);
    free(text);
    ac_str_free(&out);
    json_decref(all);
    return status;
}

int ac_bench_vad(const struct ac_config *cfg, int rounds, bool json)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, AC_STAGE_VAD, &engines);
    json_t *list = json_array();
    int status = AC_EXIT_OK;
    char reason[256];

    if (!json)
        printf("%-10s %8s %9s %11s %8s %8s\n", "engine", "open ms", "memory MB", "ms a window", "median",
               "p90");
    for (size_t i = 0; i < n; i++) {
        struct costs c = {0};
        if (measure(cfg, engines[i], rounds, &c, reason) != 0)
            status = ac_cli_fail("bench vad", "vad.%s: %s", engines[i]->name, reason);
        else if (json)
            json_array_append_new(list, costs_json(engines[i]->name, &c));
        else
            print_row(engines[i]->name, &c);
        ac_samples_free(&c.cpu_ms);
        ac_samples_free(&c.wall_ms);
    }
    if (!json) {
        json_decref(list);
        return status;
    }
    int printed = print_json(list);
    return status ? status : printed;
}
