/*
 * How long a spoken question waits for its answer. The configured voice speaks it; a session of its own hears
 * it in pieces of 20 ms at their time, then silence, until the first fragment of the answer comes. Times are
 * those of the messages, counted from the moment when the last audible sample was given to the session: what
 * a page sees, without the network.
 */
#include "cli/bench_listen.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_stats.h"
#include "cli/cli.h"
#include "core/session.h"
#include "media/resample.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE = AC_LISTEN_RATE_HZ / 50,
    PIECE_US = 20000,
    AUDIBLE = 300, /* a sample of the voice that can be heard */
    WARM_UP_US =
        500000, /* silence before the question; engines are loaded by then in all but the first round */
    GIVE_UP_US = 20000000,
    GRACE_MS = 5000,
};

/* Which messages are waited for. */
enum { HEARD = 0, FIRST_TOKEN, FIRST_FRAGMENT, N_TIMES };
static const char *const names[N_TIMES] = {"asr_result", "text_chunk", "video_chunk_meta"};

struct round {
    pthread_mutex_t lock;
    int64_t at_us[N_TIMES]; /* lock: when each came first; 0 = not yet */
    double endpoint_ms;     /* lock: of asr_result */
    char text[256], error[256];
};

static void note(struct round *r, const char *type, json_t *data, int64_t now)
{
    for (int i = 0; i < N_TIMES; i++)
        if (!strcmp(type, names[i]) && !r->at_us[i])
            r->at_us[i] = now;
    if (!strcmp(type, names[HEARD])) {
        const char *text = json_string_value(json_object_get(data, "text"));
        snprintf(r->text, sizeof r->text, "%s", text ? text : "");
        r->endpoint_ms = json_number_value(json_object_get(data, "endpoint_ms"));
        if (!r->text[0])
            snprintf(r->error, sizeof r->error, "nothing was understood");
    } else if (!strcmp(type, "error")) {
        const char *why = json_string_value(json_object_get(data, "message"));
        snprintf(r->error, sizeof r->error, "%s", why ? why : type);
    }
}

static int on_message(void *arg, const char *text, size_t len, const char *binary, size_t binary_len)
{
    struct round *r = arg;
    int64_t now = ac_now_us();
    json_t *root = json_loadb(text, len, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "type"));

    (void)binary;
    (void)binary_len;
    pthread_mutex_lock(&r->lock);
    if (type)
        note(r, type, json_object_get(root, "data"), now);
    pthread_mutex_unlock(&r->lock);
    json_decref(root);
    return 0;
}

/* ---- the question ---- */

struct voice_sink {
    struct ac_sink sink;
    struct ac_resampler *resampler;
    struct ac_str pcm;
};

static int push_speech(struct ac_sink *sink, struct ac_frame *f)
{
    struct voice_sink *v = (struct voice_sink *)sink;
    int err = 0;

    if (!v->resampler)
        err = ac_resampler_open(&v->resampler, f->speech.rate_hz, AC_LISTEN_RATE_HZ);
    if (!err && f->speech.n_samples)
        err = ac_resampler_run(v->resampler, f->speech.pcm, f->speech.n_samples, &v->pcm);
    ac_frame_unref(f);
    return err;
}

/* The question as the first voice that can says it; pcm is the caller's to free. */
static int speak(const struct ac_config *cfg, struct ac_models *models, const char *text, struct ac_str *pcm,
                 char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(cfg, AC_STAGE_TTS, &list);
    struct ac_prefs prefs = {.lang = ""};
    int err = AC_ECONFIG;

    snprintf(reason, 256, "no voice is configured (tts.use)");
    for (size_t i = 0; i < n && err; i++) {
        struct voice_sink out = {.sink = {push_speech}};
        struct ac_frame *f = ac_frame_new_text(text, strlen(text));
        struct ac_instance *voice = NULL;
        err = ac_instance_open(&voice, models, list[i], &prefs, reason);
        if (!err) {
            err = ac_instance_process(voice, f, &out.sink, NULL);
            snprintf(reason, 256, "%s: %s", list[i]->name,
                     ac_instance_reason(voice)[0] ? ac_instance_reason(voice) : ac_err_text(err));
        }
        if (!err && out.resampler)
            err = ac_resampler_run(out.resampler, NULL, 0, &out.pcm);
        ac_resampler_close(out.resampler);
        ac_instance_close(voice);
        ac_frame_unref(f);
        ac_str_free(pcm);
        *pcm = out.pcm;
    }
    return err;
}

/* ---- a round ---- */

static bool is_over(struct round *r)
{
    pthread_mutex_lock(&r->lock);
    bool over = r->at_us[FIRST_FRAGMENT] || r->error[0];
    pthread_mutex_unlock(&r->lock);
    return over;
}

/* Gives the sound to the session, then silence until the answer comes; *end_us: the last audible sample. */
static void play(struct ac_session *s, struct round *r, const struct ac_str *pcm, int64_t *end_us)
{
    static const int16_t silence[PIECE];
    const int16_t *samples = (const int16_t *)(const void *)pcm->p;
    size_t n = pcm->len / sizeof *samples, last = n;
    int64_t begin = ac_now_us(), speech = begin + WARM_UP_US;

    while (last && abs(samples[last - 1]) < AUDIBLE)
        last--;
    for (int64_t at = begin; at < begin + GIVE_UP_US && !is_over(r); at += PIECE_US) {
        size_t from = at < speech ? n : (size_t)((at - speech) / PIECE_US) * PIECE;
        size_t len = from < n ? (n - from < PIECE ? n - from : PIECE) : PIECE;
        ac_session_binary(s, (const char *)(from < n ? samples + from : silence), len * sizeof *samples);
        if (from < last && from + len >= last)
            *end_us = ac_now_us();
        int64_t wait_us = at + PIECE_US - ac_now_us();
        if (wait_us > 0)
            ac_sleep_us(wait_us);
    }
}

static int one_round(struct ac_hub *hub, const struct ac_str *pcm, struct round *r, int64_t *end_us)
{
    static const char start[] = "{\"type\":\"audio_start\"}";
    struct ac_port port = {.arg = r, .send = on_message};
    struct ac_session *s;

    int err = ac_session_open(&s, hub, "bench", &port);
    if (err) {
        snprintf(r->error, sizeof r->error, "%s", ac_err_text(err));
        return err;
    }
    ac_session_message(s, start, sizeof start - 1);
    play(s, r, pcm, end_us);
    ac_session_close(s);
    if (!r->error[0] && !r->at_us[FIRST_FRAGMENT])
        snprintf(r->error, sizeof r->error, "no answer came within %d s", GIVE_UP_US / 1000000);
    return r->error[0] ? AC_EENGINE : 0;
}

/* ---- what is told ---- */

struct figures {
    struct ac_samples endpoint, times[N_TIMES]; /* ms */
    char text[256];
};

static void print_table(const char *question, struct figures *f)
{
    static const char *const labels[N_TIMES] = {"text", "first token", "first fragment"};

    printf("said: %s\nheard: %s\nms after the last sound   least   median      p90\n", question, f->text);
    printf("%-22s %8.0f %8.0f %8.0f\n", "end decided", ac_samples_quantile(&f->endpoint, 0),
           ac_samples_quantile(&f->endpoint, 0.5), ac_samples_quantile(&f->endpoint, 0.9));
    for (int i = 0; i < N_TIMES; i++)
        printf("%-22s %8.0f %8.0f %8.0f\n", labels[i], ac_samples_quantile(&f->times[i], 0),
               ac_samples_quantile(&f->times[i], 0.5), ac_samples_quantile(&f->times[i], 0.9));
}

static int print_json(const char *question, int rounds, struct figures *f)
{
    struct ac_str out = {0};
    json_t *all = json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "version", AC_VERSION, "rounds",
                            rounds, "said", question, "heard", f->text, "endpoint_ms",
                            ac_samples_json(&f->endpoint), "asr_result_ms", ac_samples_json(&f->times[HEARD]),
                            "first_token_ms", ac_samples_json(&f->times[FIRST_TOKEN]), "first_fragment_ms",
                            ac_samples_json(&f->times[FIRST_FRAGMENT]));
    char *text = json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

    ac_str_addf(&out, "%s\n", text);
    int status = ac_cli_print("bench listen", &out);
    free(text);
    ac_str_free(&out);
    json_decref(all);
    return status;
}

static int measure(struct ac_hub *hub, const struct ac_str *pcm, int rounds, struct figures *f)
{
    int err = 0;

    for (int i = -1; i < rounds && !err; i++) { /* the first one loads the engines and does not count */
        struct round r = {.lock = PTHREAD_MUTEX_INITIALIZER};
        int64_t end_us = 0;
        err = one_round(hub, pcm, &r, &end_us);
        if (err)
            return ac_cli_fail("bench listen", "%s", r.error);
        snprintf(f->text, sizeof f->text, "%s", r.text);
        if (i < 0)
            continue;
        ac_samples_add(&f->endpoint, r.endpoint_ms);
        for (int k = 0; k < N_TIMES; k++)
            ac_samples_add(&f->times[k], (double)(r.at_us[k] - end_us) / 1e3);
    }
    return AC_EXIT_OK;
}

int ac_bench_listen(const struct ac_config *cfg, int rounds, const char *question, bool json)
{
    struct figures f = {0};
    struct ac_str pcm = {0};
    struct ac_hub *hub;
    char reason[256];

    if (!question)
        question = "What can you do?";
    int err = ac_hub_new(&hub, cfg);
    if (err)
        return ac_cli_fail("bench listen", "no workers: %s", ac_err_text(err));
    int status = speak(cfg, ac_hub_models(hub), question, &pcm, reason)
                     ? ac_cli_fail("bench listen", "%s", reason)
                     : measure(hub, &pcm, rounds, &f);
    if (status == AC_EXIT_OK && json)
        status = print_json(question, rounds, &f);
    else if (status == AC_EXIT_OK)
        print_table(question, &f);
    ac_samples_free(&f.endpoint);
    for (int i = 0; i < N_TIMES; i++)
        ac_samples_free(&f.times[i]);
    ac_str_free(&pcm);
    ac_hub_free(hub, GRACE_MS);
    return status;
}
