/*
 * openai: recognition by any server that has OpenAI's `/v1/audio/transcriptions`: the service itself, or a
 * server of one's own (faster-whisper servers, whisper.cpp's). The utterance is sent as a WAV file when it is
 * complete. Busy and broken answers are tried again, with jitter; a wrong key or address is said at once.
 *
 *     asr: {use: [openai, pocketsphinx], openai: {base_url: "http://127.0.0.1:8000/v1", model: whisper-1}}
 */
#include "asr/utterance.h"
#include "base/cancel.h"
#include "base/mem.h"
#include "net/breaker.h"
#include "net/http.h"
#include "net/service_error.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    WINDOW = 300 * AC_LISTEN_RATE_HZ,     /* 9.6 MB; services take up to 25 */
    MIN_SAMPLES = AC_LISTEN_RATE_HZ / 10, /* less is no word, and services refuse it */
    MAX_ANSWER = 1 << 20,
    MAX_FAILURES = 5,
    LEFT_ALONE_MS = 10000,
};

struct config {
    char *base_url, *model, *api_key_env, *api_key_file, *language, *prompt;
    int connect_timeout_ms, timeout_s, retries;
};

#define S struct config
static const struct ac_option options[] = {
    AC_OPTION_STRING(S, base_url, "base_url", "", 0,
                     "Address of the service, up to and with /v1; without one the engine is off."),
    AC_OPTION_STRING(S, model, "model", "whisper-1", 0, "Model that the service is asked for."),
    AC_OPTION_STRING(S, api_key_env, "api_key_env", "OPENAI_API_KEY", 0,
                     "Variable of the environment that holds the key."),
    AC_OPTION_PATH(S, api_key_file, "api_key_file", "", 0, "File that holds the key, instead."),
    AC_OPTION_STRING(
        S, language, "language", "auto", 0,
        "Language that is spoken (en, zh …) where the session does not say; auto = the service finds out."),
    AC_OPTION_STRING(S, prompt, "prompt", "", 0, "Names and words that are likely, for better spelling."),
    AC_OPTION_INT(S, connect_timeout_ms, "connect_timeout_ms", "3000", 100, 60000, 0,
                  "Longest time to reach the service."),
    AC_OPTION_INT(S, timeout_s, "timeout_s", "20", 1, 600, 0, "Longest time for an answer."),
    AC_OPTION_INT(S, retries, "retries", "2", 0, 10, 0, "How often a failed request is repeated."),
    AC_OPTIONS_END,
};
#undef S

struct model {
    const struct config *cfg;
    char *url;
    char *authorization; /* header, NULL = no key; never logged */
    struct ac_breaker breaker;
};

struct instance {
    struct ac_env *env;
    struct model *model;
    struct ac_utterance utterance;
};

/* ---- model ---- */

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct model *m = model;
    const struct config *c = cfg;
    size_t len = strlen(c->base_url);
    char *key;

    ac_breaker_init(&m->breaker, MAX_FAILURES, LEFT_ALONE_MS);
    m->cfg = c;
    if (len == 0)
        return ac_env_fail(env, AC_ECONFIG,
                           "asr.openai.base_url is not set: name a service, as http://127.0.0.1:8000/v1");
    if (strncasecmp(c->base_url, "http://", 7) != 0 && strncasecmp(c->base_url, "https://", 8) != 0)
        return ac_env_fail(env, AC_ECONFIG,
                           "asr.openai.base_url '%s' does not begin with http:// or https://", c->base_url);
    while (len > 0 && c->base_url[len - 1] == '/')
        len--;
    m->url = ac_asprintf("%.*s/audio/transcriptions", (int)len, c->base_url);
    int err = ac_http_find_key("asr.openai", c->api_key_file, c->api_key_env, env, &key);
    if (key)
        m->authorization = ac_asprintf("Authorization: Bearer %s", key);
    free(key);
    return err;
}

static void model_close(void *model)
{
    struct model *m = model;

    free(m->url);
    free(m->authorization);
    ac_breaker_destroy(&m->breaker);
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *i = inst;

    (void)cfg;
    i->env = env;
    i->model = model;
    return 0;
}

static void close_instance(void *inst)
{
    ac_utterance_free(&((struct instance *)inst)->utterance);
}

static void reset(void *inst)
{
    ac_utterance_reset(&((struct instance *)inst)->utterance);
}

/* ---- request ---- */

static void put(struct ac_str *s, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        ac_str_add_n(s, (const char[]){(char)(v >> 8 * i & 0xff)}, 1);
}

static void make_wav(struct ac_str *s, const int16_t *pcm, size_t n)
{
    uint32_t bytes = (uint32_t)(n * sizeof *pcm);

    ac_str_add(s, "RIFF");
    put(s, 36 + bytes, 4);
    ac_str_add(s, "WAVEfmt ");
    put(s, 16, 4);
    put(s, 1, 2); /* PCM */
    put(s, 1, 2); /* channel */
    put(s, AC_LISTEN_RATE_HZ, 4);
    put(s, AC_LISTEN_RATE_HZ * 2, 4);
    put(s, 2, 2);
    put(s, 16, 2);
    ac_str_add(s, "data");
    put(s, bytes, 4);
    for (size_t i = 0; i < n; i++)
        put(s, (uint16_t)pcm[i], 2);
}

/* "zh-CN" → "zh"; "" and "auto" → "". */
static void set_language(char out[16], const char *asked, const char *configured)
{
    const char *from = *asked && strcasecmp(asked, "auto") != 0 ? asked : configured;

    snprintf(out, 16, "%.*s", (int)strcspn(from, "-_"), strcasecmp(from, "auto") == 0 ? "" : from);
}

/* ---- answer ---- */

/* The service's own words, else the beginning of what it sent. */
static void service_says(const struct ac_http_answer *a, char *out, size_t size)
{
    json_t *root = json_loadb(a->body.p ? a->body.p : "", a->body.len, 0, NULL);
    const char *said = ac_service_error(root);

    if (said)
        snprintf(out, size, "%.120s", said);
    else
        ac_http_excerpt(a, out, size);
    json_decref(root);
}

static int refused(struct instance *i, const struct ac_http_answer *a)
{
    const struct model *m = i->model;
    const struct config *c = m->cfg;
    char said[128];

    service_says(a, said, sizeof said);
    if (a->status == 401 || a->status == 403)
        return ac_env_fail(i->env, AC_ECONFIG, "the service refuses the key (HTTP %ld): %s %s", a->status,
                           m->authorization ? "check the one in" : "put one into",
                           *c->api_key_file ? c->api_key_file : c->api_key_env);
    if (a->status == 404)
        return ac_env_fail(i->env, AC_ECONFIG,
                           "HTTP 404 from %.100s: check asr.openai.base_url and model: %.60s", m->url, said);
    if (a->status == 429)
        return ac_env_fail(i->env, AC_EBUSY,
                           "the service has too much to do or the quota is used up (HTTP 429): %s", said);
    return ac_env_fail(i->env, AC_EENGINE, "the service says HTTP %ld: %s", a->status, said);
}

static int understood(struct instance *i, const struct ac_http_answer *a, size_t n, const char *lang)
{
    json_error_t why;
    json_t *root = json_loadb(a->body.p ? a->body.p : "", a->body.len, 0, &why);
    const char *text = json_string_value(json_object_get(root, "text"));
    const char *heard = json_string_value(json_object_get(root, "language"));
    int err = 0;

    if (text) {
        size_t len = strlen(text);
        while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\n'))
            len--;
        ac_utterance_say(&i->utterance, text, len, 0, 0);
        ac_utterance_judge(&i->utterance, n, 0, heard && strlen(heard) < 4 ? heard : lang);
    } else if (root) {
        err = ac_env_fail(i->env, AC_EENGINE, "the service's answer has no text: is it %s?",
                          "an /audio/transcriptions address");
    } else {
        char said[64];
        ac_http_excerpt(a, said, sizeof said);
        err = ac_env_fail(i->env, AC_EENGINE,
                          "the service answers with %s, not JSON (%s): check asr.openai.base_url",
                          a->type[0] ? a->type : "something", said);
    }
    json_decref(root);
    return err;
}

/* What the outcome says of the service; a refused request (4xx) shows that it is well. */
static enum ac_breaker_result health(int err, const struct ac_http_answer *a, struct ac_cancel *cancel)
{
    if (err == AC_EIO || err == AC_ETIMEDOUT)
        return ac_cancel_reason(cancel) ? AC_BREAKER_UNKNOWN : AC_BREAKER_FAILED;
    if (err)
        return AC_BREAKER_UNKNOWN;
    return a->status >= 500 || a->status == 429 ? AC_BREAKER_FAILED : AC_BREAKER_OK;
}

static int ask(struct instance *i, const struct ac_http_request *r, size_t n, const char *lang,
               struct ac_cancel *cancel)
{
    struct ac_breaker *breaker = &i->model->breaker;
    int wait_ms;

    for (int attempt = 1;; attempt++) {
        struct ac_http_answer a;
        if (!ac_breaker_allow(breaker, &wait_ms))
            return ac_env_fail(i->env, AC_EBUSY,
                               "the service at %.100s failed %d times in a row and is left alone for %d s",
                               i->model->url, MAX_FAILURES, (wait_ms + 999) / 1000);
        int err = ac_http_run(r, &a, cancel), after = a.retry_after_s;
        bool again = ac_http_retryable(err, &a) && attempt <= i->model->cfg->retries;

        ac_breaker_report(breaker, health(err, &a, cancel));
        if (err == AC_ECANCELED || (err && ac_cancel_reason(cancel)))
            again = false;
        else if (err && !again)
            ac_env_fail(i->env, err, "%.80s: %.170s", i->model->url, a.reason);
        else if (!err && !again)
            err = a.status == 200 ? understood(i, &a, n, lang) : refused(i, &a);
        ac_http_answer_free(&a);
        if (!again)
            return err;
        err = ac_http_wait(ac_http_backoff_ms(attempt, after), cancel);
        if (err)
            return err;
    }
}

static int recognise(void *arg, struct ac_utterance *u, const int16_t *pcm, size_t n,
                     struct ac_cancel *cancel)
{
    struct instance *i = arg;
    const struct config *c = i->model->cfg;
    const char *const headers[] = {i->model->authorization, NULL};
    struct ac_http_part parts[5];
    struct ac_str wav = {0};
    char lang[16];
    size_t k = 0;

    if (n < MIN_SAMPLES)
        return ac_cancel_reason(cancel);
    set_language(lang, u->asked, c->language);
    make_wav(&wav, pcm, n);
    parts[k++] = (struct ac_http_part){"file", wav.p, wav.len, "speech.wav", "audio/wav"};
    parts[k++] = (struct ac_http_part){"model", c->model, strlen(c->model), NULL, NULL};
    parts[k++] = (struct ac_http_part){"response_format", "json", 4, NULL, NULL};
    if (*lang)
        parts[k++] = (struct ac_http_part){"language", lang, strlen(lang), NULL, NULL};
    if (*c->prompt)
        parts[k++] = (struct ac_http_part){"prompt", c->prompt, strlen(c->prompt), NULL, NULL};
    struct ac_http_request r = {.url = i->model->url,
                                .headers = headers,
                                .parts = parts,
                                .n_parts = k,
                                .connect_ms = c->connect_timeout_ms,
                                .total_ms = c->timeout_s * 1000,
                                .max_bytes = MAX_ANSWER};
    int err = ask(i, &r, n, lang, cancel);
    ac_str_free(&wav);
    return err;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;

    return ac_utterance_process(&i->utterance, in, WINDOW, recognise, i, out, cancel);
}

const struct ac_handler_info ac_handler_asr_openai = {
    .name = "openai",
    .help = "any server with OpenAI's /v1/audio/transcriptions, in all languages that it knows",
    .stage = AC_STAGE_ASR,
    .in = AC_FRAME_AUDIO,
    .out = AC_FRAME_TRANSCRIPT,
    .flags = AC_HANDLER_WAITS,
    .cfg_size = sizeof(struct config),
    .model_size = sizeof(struct model),
    .inst_size = sizeof(struct instance),
    .options = options,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .close = close_instance,
    .process = process,
    .reset = reset,
};
