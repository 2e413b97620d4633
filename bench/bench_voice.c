/*
 * bench_voice: what a voice that comes over the network costs here, with the service on the loopback (the
 * edge engine, 3.2 s of speech a sentence, every token and message checked). Prints JSON:
 *
 *   open_ms        from the call to the first sound leaving the service: name, connection, handshake, request
 *   first_piece_ms from there to the first SPEECH frame: receiving, decoding, trimming
 *   cached_ms      from the call to the first SPEECH frame of a phrase that is in the cache
 *   cpu_ms_per_s   CPU time of the whole process (the fake service's too) for a second of speech
 *
 *     bench_voice [ROUNDS]
 */
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_stats.h"
#include "fake/fake_edge.h"

#include "avatarchat/handler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct ac_handler_info ac_handler_tts_edge;

struct ear {
    struct ac_sink sink;
    int64_t first_us;
    double seconds;
};

static int push(struct ac_sink *sink, struct ac_frame *f)
{
    struct ear *e = (struct ear *)sink;

    if (!e->first_us)
        e->first_us = ac_now_us();
    e->seconds += (double)f->speech.n_samples / f->speech.rate_hz;
    ac_frame_unref(f);
    return 0;
}

struct bench {
    struct fake_edge *service;
    struct ac_env env;
    void *cfg, *model, *inst;
    struct ac_samples open_ms, first_ms, cached_ms, cpu_ms, cached_cpu_ms;
};

/* The engine's options: their defaults, but for the address and the cache. */
static void fill_config(void *cfg, const char *url, const char *dir)
{
    for (const struct ac_option *o = ac_handler_tts_edge.options; o->type; o++) {
        char *at = (char *)cfg + o->offset;
        const char *value = strcmp(o->name, "url") == 0         ? url
                            : strcmp(o->name, "cache_dir") == 0 ? dir
                                                                : o->def;
        if (o->type == AC_OPT_STRING || o->type == AC_OPT_PATH)
            *(const char **)at = value;
        else
            *(int *)at = atoi(value);
    }
}

/* Says it once; returns false on failure. */
static bool say(struct bench *b, const char *text, struct ear *ear, int64_t *cpu_us)
{
    struct ac_frame *f = ac_frame_new_text(text, strlen(text));
    int64_t cpu = ac_process_cpu_us();

    *ear = (struct ear){.sink = {push}};
    int err = ac_handler_tts_edge.process(b->inst, f, &ear->sink, NULL);
    *cpu_us = ac_process_cpu_us() - cpu;
    ac_frame_unref(f);
    if (err)
        fprintf(stderr, "bench_voice: %s: %s\n", ac_err_name(err), b->env.reason);
    return !err;
}

static bool measure(struct bench *b, int round)
{
    char *text = ac_asprintf("This is sentence number %d of those that are spoken here.", round);
    struct ear ear;
    int64_t cpu_us, begin_us = ac_now_us();

    bool good = say(b, text, &ear, &cpu_us);
    int64_t sent_us = fake_edge_first_us(b->service);
    if (good && round > 0) { /* the first one warms up */
        ac_samples_add(&b->open_ms, (double)(sent_us - begin_us) / 1e3);
        ac_samples_add(&b->first_ms, (double)(ear.first_us - sent_us) / 1e3);
        ac_samples_add(&b->cpu_ms, (double)cpu_us / 1e3 / ear.seconds);
    }
    begin_us = ac_now_us();
    good = good && say(b, text, &ear, &cpu_us);
    if (good && round > 0) {
        ac_samples_add(&b->cached_ms, (double)(ear.first_us - begin_us) / 1e3);
        ac_samples_add(&b->cached_cpu_ms, (double)cpu_us / 1e3 / ear.seconds);
    }
    free(text);
    return good;
}

static bool open_engine(struct bench *b, const char *dir)
{
    static char url[160];

    b->service = fake_edge_start(&(struct fake_edge_config){0});
    fake_edge_url(b->service, url, sizeof url);
    b->env.log_name = "tts.edge";
    b->cfg = ac_zalloc(ac_handler_tts_edge.cfg_size);
    b->model = ac_zalloc(ac_handler_tts_edge.model_size);
    b->inst = ac_zalloc(ac_handler_tts_edge.inst_size);
    fill_config(b->cfg, url, dir);
    return ac_handler_tts_edge.model_open(b->model, b->cfg, &b->env) == 0 &&
           ac_handler_tts_edge.open(b->inst, b->model, b->cfg, &b->env) == 0;
}

static void close_engine(struct bench *b)
{
    ac_handler_tts_edge.model_close(b->model);
    fake_edge_stop(b->service);
    free(b->cfg);
    free(b->model);
    free(b->inst);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 50;
    char dir[] = "/tmp/avatar-bench-XXXXXX";
    struct bench b = {0};

    if (!mkdtemp(dir))
        return 1;
    bool good = open_engine(&b, dir);
    for (int i = 0; good && i <= rounds; i++)
        good = measure(&b, i);
    close_engine(&b);
    char *command = ac_asprintf("rm -r '%s'", dir);
    good = system(command) == 0 && good;
    free(command);
    if (good) {
        json_t *o =
            json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o}", "bench", "voice", "rounds", rounds, "open_ms",
                      ac_samples_json(&b.open_ms), "first_piece_ms", ac_samples_json(&b.first_ms),
                      "cpu_ms_per_s", ac_samples_json(&b.cpu_ms), "cached_ms", ac_samples_json(&b.cached_ms),
                      "cached_cpu_ms_per_s", ac_samples_json(&b.cached_cpu_ms));
        json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(o);
    }
    ac_samples_free(&b.open_ms);
    ac_samples_free(&b.first_ms);
    ac_samples_free(&b.cpu_ms);
    ac_samples_free(&b.cached_ms);
    ac_samples_free(&b.cached_cpu_ms);
    return !good;
}
