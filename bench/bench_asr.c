/*
 * bench_asr: what recognition costs for an utterance of a given length. Of Whisper, in parts: spectrogram,
 * encoder, reading the start of the text, each further token; of SenseVoice (a folder with a model.int8.onnx)
 * as a whole. Prints JSON.
 *
 *     bench_asr FOLDER [SECONDS [TOKENS [THREADS [ROUNDS]]]]
 *
 * FOLDER holds a model: a real one, or one of true size with random weights (tools/asr_bench_models.py). The
 * text of such a one is nothing, so TOKENS tokens are read, whatever comes out (3 s of fluent English are
 * about 12).
 */
#include "asr/whisper_rules.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct ac_handler_info ac_handler_asr_sensevoice;

enum { PADDING_FRAMES = 100, MAX_SECONDS = 29 };

static const char *const parts[] = {"mel", "encode", "prompt", "token", "total"};
enum { MEL, ENCODE, PROMPT, TOKEN, TOTAL, N_PARTS };

struct clock {
    int64_t wall_us, cpu_us; /* of the process: all its threads */
};

struct bench {
    struct ac_whisper whisper;
    struct ac_env env;
    int16_t *pcm;
    size_t n, tokens;
    struct ac_samples wall_ms[N_PARTS], cpu_ms[N_PARTS];
};

static struct clock now(void)
{
    return (struct clock){.wall_us = ac_now_us(), .cpu_us = ac_process_cpu_us()};
}

/* Adds the time since *at and moves it on. */
static void lap(struct bench *b, int part, struct clock *at)
{
    struct clock end = now();

    ac_samples_add(&b->wall_ms[part], (double)(end.wall_us - at->wall_us) / 1000);
    ac_samples_add(&b->cpu_ms[part], (double)(end.cpu_us - at->cpu_us) / 1000);
    *at = end;
}

static int steps(struct bench *b, struct ac_whisper_run *r)
{
    const struct ac_whisper_spec *s = &b->whisper.spec;
    int64_t text[AC_WHISPER_MAX_TOKENS] = {s->sot, s->lang_token[0], s->transcribe, s->no_timestamps};
    int32_t picked[AC_WHISPER_MAX_TOKENS];
    struct clock at = now();
    float *logits, logprob;
    int err = ac_whisper_step(&b->whisper, r, text, 4, 0, &logits, NULL, &b->env);

    lap(b, PROMPT, &at);
    for (size_t i = 0; i < b->tokens && !err; i++) {
        int64_t next = picked[i] =
            ac_whisper_pick(s, logits + (i ? 0 : 3 * s->n_vocab), picked, i, false, &logprob);
        err = ac_whisper_step(&b->whisper, r, &next, 1, 4 + i, &logits, NULL, &b->env);
        lap(b, TOKEN, &at);
    }
    return err;
}

static int once(struct bench *b)
{
    size_t frames = b->n / AC_MEL_HOP + PADDING_FRAMES;
    float *mel = ac_alloc(b->whisper.spec.n_mels * frames * sizeof *mel);
    struct ac_whisper_run r = {0};
    struct clock at = now(), start;

    int err = ac_mel_compute(b->whisper.mel, b->pcm, b->n, frames, mel, NULL);
    lap(b, MEL, &at);
    free(mel);
    start = at = now();
    err = err ? err : ac_whisper_encode(&b->whisper, &r, b->pcm, b->n, frames, NULL, &b->env);
    lap(b, ENCODE, &at); /* with the spectrogram */
    err = err ? err : steps(b, &r);
    lap(b, TOTAL, &start);
    ac_whisper_run_free(&r);
    return err;
}

static int whisper(struct bench *b, const char *folder, int rounds, int64_t *load_us)
{
    int64_t start_us = ac_now_us();
    int err = ac_whisper_open(&b->whisper, folder, &b->env);

    *load_us = ac_now_us() - start_us;
    for (int i = 0; i < rounds && !err; i++)
        err = once(b);
    return err;
}

/* The options' defaults, with the folder as the model. */
static void *make_config(const struct ac_handler_info *info, const char *folder)
{
    char *cfg = ac_zalloc(info->cfg_size);

    for (const struct ac_option *o = info->options; o->type; o++) {
        if (o->type == AC_OPT_INT)
            *(int *)(void *)(cfg + o->offset) = atoi(o->def);
        else if (o->type == AC_OPT_BOOL)
            *(bool *)(cfg + o->offset) = strcmp(o->def, "true") == 0;
        else
            *(const char **)(void *)(cfg + o->offset) = strcmp(o->name, "model") ? o->def : folder;
    }
    return cfg;
}

static int ignore(struct ac_sink *sink, struct ac_frame *f)
{
    (void)sink;
    ac_frame_unref(f);
    return 0;
}

/* An engine as a whole, from the end of the sound to the text; *load_us: opening its model. */
static int whole(struct bench *b, const struct ac_handler_info *info, const char *folder, int rounds,
                 int64_t *load_us)
{
    void *cfg = make_config(info, folder), *model = ac_zalloc(info->model_size),
         *inst = ac_zalloc(info->inst_size);
    struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);
    struct ac_sink sink = {ignore};
    int64_t start_us = ac_now_us();

    f->audio.pcm = b->pcm;
    f->audio.n_samples = b->n;
    b->pcm = NULL;
    int err = info->model_open(model, cfg, &b->env);
    *load_us = ac_now_us() - start_us;
    err = err ? err : info->open(inst, model, cfg, &b->env);
    for (int i = 0; i < rounds && !err; i++) {
        err = info->process(inst, f, &sink, NULL);
        struct clock at = now();
        err = err ? err : info->process(inst, NULL, &sink, NULL);
        lap(b, TOTAL, &at);
    }
    info->close(inst);
    info->model_close(model);
    ac_frame_unref(f);
    free(inst);
    free(model);
    free(cfg);
    return err;
}

static void report(struct bench *b, const char *folder, double seconds, int64_t load_us)
{
    json_t *o = json_pack("{s:s, s:f, s:i, s:i, s:f, s:i}", "model", folder, "seconds", seconds, "tokens",
                          (int)b->tokens, "threads", b->env.threads, "load_ms", (double)load_us / 1000,
                          "rss_mb", (int)(ac_rss_bytes() >> 20));

    for (int i = 0; i < N_PARTS; i++) {
        if (b->wall_ms[i].n == 0)
            continue;
        json_object_set_new(o, parts[i],
                            json_pack("{s:o, s:o}", "wall_ms", ac_samples_json(&b->wall_ms[i]), "cpu_ms",
                                      ac_samples_json(&b->cpu_ms[i])));
    }
    json_dumpf(o, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(5));
    putchar('\n');
    json_decref(o);
}

int main(int argc, char **argv)
{
    static const char *const dirs[] = {AC_SOURCE_DIR, NULL};
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    int rounds = argc > 5 ? atoi(argv[5]) : 10;
    struct bench b = {
        .env = {.log_name = "bench", .data_dirs = dirs, .threads = argc > 4 ? atoi(argv[4]) : 2},
        .tokens = argc > 3 ? (size_t)atoi(argv[3]) : 12,
        .n = (size_t)(seconds * AC_LISTEN_RATE_HZ),
    };

    if (argc < 2 || seconds <= 0 || seconds > MAX_SECONDS || b.tokens > 200) {
        fprintf(stderr, "usage: bench_asr FOLDER [SECONDS [TOKENS [THREADS [ROUNDS]]]]\n");
        return 2;
    }
    b.pcm = ac_alloc(b.n * sizeof *b.pcm);
    for (size_t i = 0; i < b.n; i++)
        b.pcm[i] = (int16_t)(i * 7919 % 4001 - 2000);
    int64_t load_us;
    char *sensevoice = ac_asprintf("%s/model.int8.onnx", argv[1]);
    int err = access(sensevoice, F_OK) == 0 ? whole(&b, &ac_handler_asr_sensevoice, argv[1], rounds, &load_us)
                                            : whisper(&b, argv[1], rounds, &load_us);
    free(sensevoice);
    if (err)
        fprintf(stderr, "bench_asr: %s\n", b.env.reason);
    else
        report(&b, argv[1], seconds, load_us);
    for (int i = 0; i < N_PARTS; i++) {
        ac_samples_free(&b.wall_ms[i]);
        ac_samples_free(&b.cpu_ms[i]);
    }
    ac_whisper_close(&b.whisper);
    free(b.pcm);
    return err ? 1 : 0;
}
