/*
 * `avatar-chat bench vad`: see bench_vad.c. `avatar-chat bench say`: what a spoken answer costs on this
 * machine, through the real speaker.
 *
 * Time: from a sentence's text to its first sound, picture and fragment; once with the speaker prepared (its
 * turn begun while the question is being answered, as in a conversation) and once with the text at the same
 * moment as the turn. CPU: of drawing and of encoding, a picture. Memory: with the engines loaded, and with
 * several sessions talking at once, paced as a player wants it. How encoding compares with an ffmpeg child
 * process: bench/bench_encode.c.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_listen.h"
#include "cli/bench_stats.h"
#include "cli/bench_talk.h"
#include "cli/bench_vad.h"
#include "cli/cli.h"
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PREPARE_US = 100000, /* from a turn's begin to its sentence */
    TALK_US = 4000000,   /* how long the sessions talk at once */
    SAMPLE_US = 50000,
    MAX_SESSIONS = 64,
    GRACE_MS = 5000,
};

struct language {
    const char *lang, *text;
};

static const struct language LANGUAGES[] = {
    {"en", "Hello, I am glad that you are here. What would you like to know?"},
    {"zh-CN", "你好，很高兴见到你。你想知道什么？"},
};

/* What talks in the memory measurement: long enough for TALK_US. */
static const struct language SPEECHES[] = {
    {"en",
     "This is a longer answer, of the kind that people ask for when they want to understand how a thing "
     "works, and it takes a while to say all of it, so that several people can talk at the same time."},
    {"zh-CN", "这是一个比较长的回答，人们想要了解一件事情的原理时就会这样提问，"
              "把它全部说完需要一些时间，这样几个人就可以同时说话，我们也就可以测量内存了。"},
};

struct bench {
    const struct ac_config *cfg;
    struct ac_models *models;
    struct ac_pool *pool;
    int rounds, sessions;
};

/* One way of giving a sentence to a speaker. */
struct timing {
    struct ac_samples audio_ms, frame_ms, fragment_ms;
};

struct costs {
    struct ac_samples render_ms, encode_ms, all_ms, tts_ms; /* CPU; a picture's, but tts: a sentence's */
    struct timing prepared, at_once;
    double first_ever_ms;
    struct ac_bench_result last;
};

static double ms(int64_t us)
{
    return (double)us / 1000;
}

static double mb(size_t bytes)
{
    return round((double)bytes / 1024 / 1024 * 100) / 100;
}

static int failed(const char *what, int err, const struct ac_bench_result *r)
{
    return ac_cli_fail("bench say", "%s: %s", what, r->reason[0] ? r->reason : ac_err_text(err));
}

/* ---- time and CPU ---- */

static int one_turn(struct ac_bench_talk *t, const char *text, bool prepared, struct ac_bench_result *r)
{
    int err = ac_bench_talk_begin(t);

    if (!err && prepared)
        ac_sleep_us(PREPARE_US);
    if (!err)
        err = ac_bench_talk_say(t, text);
    return err ? err : ac_bench_talk_finish(t, r);
}

static void note(struct costs *c, struct timing *how, const struct ac_bench_result *r)
{
    const struct ac_speaker_times *t = &r->times;
    double n = (double)t->frames;

    ac_samples_add(&how->audio_ms, ms(t->first_audio_us - t->sentence_us));
    ac_samples_add(&how->frame_ms, ms(t->first_frame_us - t->sentence_us));
    ac_samples_add(&how->fragment_ms, ms(t->first_fragment_us - t->sentence_us));
    ac_samples_add(&c->render_ms, ms(t->render_cpu_us) / n);
    ac_samples_add(&c->encode_ms, ms(t->encode_cpu_us) / n);
    ac_samples_add(&c->all_ms, ms(t->render_cpu_us + t->encode_cpu_us) / n);
    ac_samples_add(&c->tts_ms, ms(t->tts_cpu_us));
    c->last = *r;
}

static json_t *timing_json(struct timing *t)
{
    return json_pack("{s:o, s:o, s:o}", "first_audio_ms", ac_samples_json(&t->audio_ms), "first_frame_ms",
                     ac_samples_json(&t->frame_ms), "first_fragment_ms", ac_samples_json(&t->fragment_ms));
}

static json_t *costs_json(const struct language *l, struct costs *c)
{
    return json_pack("{s:s, s:s, s:I, s:f, s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "lang", l->lang, "text",
                     l->text, "frames", (json_int_t)c->last.times.frames, "seconds",
                     (double)c->last.media_us / 1e6, "bytes", (json_int_t)c->last.bytes,
                     "first_ever_fragment_ms", round(c->first_ever_ms * 1000) / 1000, "tts_cpu_ms",
                     ac_samples_json(&c->tts_ms), "render_cpu_ms_per_frame", ac_samples_json(&c->render_ms),
                     "encode_cpu_ms_per_frame", ac_samples_json(&c->encode_ms), "cpu_ms_per_frame",
                     ac_samples_json(&c->all_ms), "prepared", timing_json(&c->prepared), "at_once",
                     timing_json(&c->at_once));
}

static void costs_free(struct costs *c)
{
    struct ac_samples *all[] = {&c->render_ms,
                                &c->encode_ms,
                                &c->all_ms,
                                &c->tts_ms,
                                &c->prepared.audio_ms,
                                &c->prepared.frame_ms,
                                &c->prepared.fragment_ms,
                                &c->at_once.audio_ms,
                                &c->at_once.frame_ms,
                                &c->at_once.fragment_ms,
                                NULL};

    for (size_t i = 0; all[i]; i++)
        ac_samples_free(all[i]);
}

/* The rounds of one language; the first turn, in which models are loaded, counts for itself. */
static int bench_language(struct bench *b, const struct language *l, json_t *results)
{
    struct costs c = {0};
    struct ac_bench_talk *t = NULL;
    struct ac_bench_result r = {0};
    int err = ac_bench_talk_open(&t, b->cfg, b->models, b->pool, l->lang, false);

    if (!err)
        err = one_turn(t, l->text, false, &r);
    if (!err)
        c.first_ever_ms = ms(r.times.first_fragment_us - r.times.sentence_us);
    for (int i = 0; !err && i < 2 * b->rounds; i++) {
        bool prepared = i % 2 == 0;

        err = one_turn(t, l->text, prepared, &r);
        if (!err)
            note(&c, prepared ? &c.prepared : &c.at_once, &r);
    }
    int status = err ? failed(l->text, err, &r) : AC_EXIT_OK;

    if (!err)
        json_array_append_new(results, costs_json(l, &c));
    ac_bench_talk_close(t);
    costs_free(&c);
    return status;
}

/* ---- memory, and several at once ---- */

/* Highest resident size while they talk. */
static size_t watch(void)
{
    int64_t begin = ac_now_us();
    size_t peak = 0;

    while (ac_now_us() - begin < TALK_US) {
        size_t now = ac_rss_bytes();

        if (now > peak)
            peak = now;
        ac_sleep_us(SAMPLE_US);
    }
    return peak;
}

static int start_talking(struct bench *b, struct ac_bench_talk **t)
{
    int err = 0;

    for (int i = 0; !err && i < b->sessions; i++)
        err = ac_bench_talk_open(&t[i], b->cfg, b->models, b->pool, SPEECHES[i % 2].lang, true);
    for (int i = 0; !err && i < b->sessions; i++) {
        err = ac_bench_talk_begin(t[i]);
        if (!err)
            err = ac_bench_talk_say(t[i], SPEECHES[i % 2].text);
    }
    return err;
}

static int bench_sessions(struct bench *b, size_t start_bytes, json_t **memory, json_t **talking)
{
    struct ac_bench_talk *t[MAX_SESSIONS] = {NULL};
    struct ac_bench_result r = {0};
    int64_t cpu_us = ac_process_cpu_us(), media_us = 0, late_us = 0;
    size_t before, peak = 0;

    malloc_trim(0); /* what earlier turns left behind must not hide what these sessions take */
    before = ac_rss_bytes();
    int err = start_talking(b, t);
    if (!err)
        peak = watch();
    for (int i = 0; !err && i < b->sessions; i++) {
        ac_bench_talk_stop(t[i], &r);
        if (r.errors || !r.fragments)
            err = AC_EENGINE;
        if (r.late_us > late_us)
            late_us = r.late_us;
        media_us += r.media_us;
    }
    cpu_us = ac_process_cpu_us() - cpu_us;
    int status = err ? failed("talking at once", err, &r) : AC_EXIT_OK;
    for (int i = 0; i < b->sessions; i++)
        ac_bench_talk_close(t[i]);
    if (err)
        return status;
    double grown = peak > before ? mb(peak - before) : 0, n = b->sessions;
    *memory = json_pack("{s:f, s:f, s:f, s:f}", "start_mb", mb(start_bytes), "engines_loaded_mb", mb(before),
                        "talking_mb", mb(peak), "per_session_mb", round(grown / n * 100) / 100);
    *talking = json_pack("{s:i, s:f, s:f, s:f}", "sessions", b->sessions, "media_s", (double)media_us / 1e6,
                         "cpu_percent_per_session", round((double)cpu_us / (double)media_us * 1e4) / 100,
                         "latest_ms", ms(late_us));
    return AC_EXIT_OK;
}

/* ---- output ---- */

static void print_row(const char *name, const json_t *value, const char *unit)
{
    printf("  %-34s %9.2f %9.2f %9.2f  %s\n", name, json_real_value(json_object_get(value, "min")),
           json_real_value(json_object_get(value, "median")), json_real_value(json_object_get(value, "p90")),
           unit);
}

static void print_table(const json_t *all)
{
    const json_t *l, *memory = json_object_get(all, "memory"), *talking = json_object_get(all, "talking");
    size_t i;

    json_array_foreach(json_object_get(all, "languages"), i, l)
    {
        const json_t *prepared = json_object_get(l, "prepared"), *at_once = json_object_get(l, "at_once");

        printf("%s: %s (%.2f s)\n  %-34s %9s %9s %9s\n", json_string_value(json_object_get(l, "lang")),
               json_string_value(json_object_get(l, "text")), json_real_value(json_object_get(l, "seconds")),
               "", "min", "median", "p90");
        print_row("text to first sound", json_object_get(prepared, "first_audio_ms"), "ms");
        print_row("text to first picture", json_object_get(prepared, "first_frame_ms"), "ms");
        print_row("text to first fragment", json_object_get(prepared, "first_fragment_ms"), "ms");
        print_row("the same, turn begun with the text", json_object_get(at_once, "first_fragment_ms"), "ms");
        print_row("speech, CPU a sentence", json_object_get(l, "tts_cpu_ms"), "ms");
        print_row("drawing, CPU a picture", json_object_get(l, "render_cpu_ms_per_frame"), "ms");
        print_row("encoding, CPU a picture", json_object_get(l, "encode_cpu_ms_per_frame"), "ms");
        print_row("both", json_object_get(l, "cpu_ms_per_frame"), "ms");
    }
    printf("memory: %.1f MB at the start, %.1f MB with the engines loaded, %.1f MB a talking session\n",
           json_real_value(json_object_get(memory, "start_mb")),
           json_real_value(json_object_get(memory, "engines_loaded_mb")),
           json_real_value(json_object_get(memory, "per_session_mb")));
    printf("%d sessions talking at once: %.1f %% of a core each, latest fragment %.0f ms late\n",
           (int)json_integer_value(json_object_get(talking, "sessions")),
           json_real_value(json_object_get(talking, "cpu_percent_per_session")),
           json_real_value(json_object_get(talking, "latest_ms")));
}

static int print_json(const json_t *all)
{
    struct ac_str out = {0};
    char *text = json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    int status;

    ac_str_add(&out, text);
    ac_str_add(&out, "\n");
    status = ac_cli_print("bench say", &out);
    free(text);
    ac_str_free(&out);
    return status;
}

/* ---- the command ---- */

static int run(struct bench *b, const char *sentence, bool json)
{
    const struct ac_video_config *v = ac_config_video(b->cfg);
    const struct language own = {"", sentence};
    const struct language *list = sentence ? &own : LANGUAGES;
    size_t n = sentence ? 1 : sizeof LANGUAGES / sizeof *LANGUAGES, start_bytes = ac_rss_bytes();
    json_t *results = json_array(), *memory = NULL, *talking = NULL, *all;
    int status = AC_EXIT_OK;

    for (size_t i = 0; status == AC_EXIT_OK && i < n; i++)
        status = bench_language(b, &list[i], results);
    if (status == AC_EXIT_OK)
        status = bench_sessions(b, start_bytes, &memory, &talking);
    all = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:o, s:o*, s:o*}", "version", AC_VERSION, "width",
                    v->width, "height", v->height, "fps", v->fps, "workers", ac_pool_stats(b->pool).workers,
                    "rounds", b->rounds, "languages", results, "memory", memory, "talking", talking);
    if (status == AC_EXIT_OK && json)
        status = print_json(all);
    else if (status == AC_EXIT_OK)
        print_table(all);
    json_decref(all);
    return status;
}

static int parse_count(const char *name, const char *text, int max, int *out)
{
    char *end;

    if (!text)
        return AC_CLI_GO;
    long v = strtol(text, &end, 10);
    if (end == text || *end || v < 1 || v > max)
        return ac_cli_usage_error("bench say", "--%s %s: give a number from 1 to %d", name, text, max);
    *out = (int)v;
    return AC_CLI_GO;
}

static int bench_with(struct bench *b, const char *file, const struct ac_cli_list *sets, const char *sentence,
                      bool json)
{
    struct ac_config *cfg = NULL;
    struct ac_pool_config pcfg = {0};
    int status = ac_cli_load("bench say", &cfg, file, sets, true);

    if (status != AC_CLI_GO)
        return status;
    b->cfg = cfg;
    b->models = ac_models_new(cfg);
    pcfg.workers = ac_config_server(cfg)->workers;
    int err = ac_pool_new(&b->pool, &pcfg);

    if (err) {
        status = ac_cli_fail("bench say", "no workers: %s", ac_err_text(err));
    } else {
        status = run(b, sentence, json);
        ac_pool_free(b->pool, GRACE_MS);
    }
    ac_models_free(b->models);
    ac_config_free(cfg);
    return status;
}

/* vad and listen need no speaker. */
static int listen_with(const char *what, const char *file, const struct ac_cli_list *sets, int rounds,
                       const char *question, bool json)
{
    struct ac_config *cfg = NULL;
    struct ac_cli_list all = {0};
    bool vad = strcmp(what, "vad") == 0;

    for (size_t i = 0; i < sets->n; i++)
        ac_cli_list_add(&all, sets->items[i]);
    ac_cli_list_add(&all, "history.store=none"); /* nobody comes back to what is measured here */
    int status = ac_cli_load(vad ? "bench vad" : "bench listen", &cfg, file, &all, true);

    if (status == AC_CLI_GO)
        status = vad ? ac_bench_vad(cfg, rounds, json) : ac_bench_listen(cfg, rounds, question, json);
    ac_config_free(cfg);
    ac_cli_list_free(&all);
    return status;
}

int ac_cli_bench(int argc, char **argv)
{
    struct bench b = {.rounds = 10, .sessions = 8};
    struct ac_cli_list sets = {0}, words = {0};
    const char *file = NULL, *sentence = NULL, *rounds = NULL, *sessions = NULL;
    bool json = false;
    const struct ac_cli_option options[] = {
        {0, "json", NULL, "Print JSON instead of a table.", &json, NULL, NULL},
        {0, "sentence", "TEXT", "Speak this instead of the built-in sentences.", NULL, &sentence, NULL},
        {0, "rounds", "N", "Turns that are measured, of each kind; vad: times ten seconds (10).", NULL,
         &rounds, NULL},
        {0, "sessions", "N", "Sessions that talk at once (8).", NULL, &sessions, NULL},
        AC_CLI_OPTION_FILE(&file),
        AC_CLI_OPTION_SET(&sets),
    };
    const struct ac_cli_spec spec = {
        .command = "bench",
        .usage = "say | vad | listen [options]",
        .help = "Measures on this machine.\n"
                "  say     what a spoken answer costs: time to the first sound, picture and fragment, CPU a "
                "picture,\n"
                "          memory a talking session\n"
                "  vad     what it costs to find out whether somebody speaks\n"
                "  listen  how long a spoken question waits for the text, first token and first fragment",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 1,
    };
    int status = ac_cli_parse(&spec, argc, argv, &words);

    const char *what = words.n == 1 ? words.items[0] : "";
    bool listen = strcmp(what, "vad") == 0 || strcmp(what, "listen") == 0;
    if (status == AC_CLI_GO && !listen && strcmp(what, "say") != 0)
        status = ac_cli_usage_error("bench", "name what is to be measured: say, vad or listen");
    if (status == AC_CLI_GO)
        status = parse_count("rounds", rounds, 1000, &b.rounds);
    if (status == AC_CLI_GO)
        status = parse_count("sessions", sessions, MAX_SESSIONS, &b.sessions);
    if (status == AC_CLI_GO && listen)
        status = listen_with(what, file, &sets, b.rounds, sentence, json);
    else if (status == AC_CLI_GO)
        status = bench_with(&b, file, &sets, sentence, json);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    return status;
}
