/*
 * openai: speech by any server that has OpenAI's `/v1/audio/speech`: the service itself, or a server of one's
 * own (Kokoro-FastAPI, LocalAI, openedai-speech). A sentence is a request; its sound is passed on while it
 * arrives. What is tried again is tried again before the first sound only. A phrase that was spoken before
 * comes from the cache.
 *
 *     tts: {use: [openai, flite, espeak], openai: {base_url: "http://127.0.0.1:8880/v1", model: kokoro}}
 */
#include "net/http.h"
#include "net/service_error.h"
#include "tts/openai_private.h"
#include "tts/remote.h"
#include "tts/sound.h"
#include "tts/spoken.h"
#include "tts/voices.h"

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_FAILURES = 3,
    LEFT_ALONE_MS = 15000,
    MAX_ERROR = 16384,
    LONGEST_WAIT_S = 2, /* that a service may ask for before the sentence is tried again: somebody waits */
};
enum { FORMAT_PCM, FORMAT_WAV, FORMAT_MP3 };
static const char *const formats[] = {"pcm", "wav", "mp3", NULL};

#define S struct openai_tts_config
static const struct ac_option options[] = {
    AC_OPTION_STRING(S, base_url, "base_url", "", 0,
                     "Address of the service, up to and with /v1; without one the engine is off."),
    AC_OPTION_STRING(S, model, "model", "tts-1", 0, "Model that the service is asked for."),
    AC_OPTION_STRING(S, voice, "voice", "alloy", AC_OPT_RUNTIME, "Voice where nothing else is said."),
    AC_OPTION_STRING(
        S, voices, "voices", "", AC_OPT_RUNTIME,
        "Voices by language, and gender where it matters: en=af_heart en/male=am_adam zh=zf_xiaobei."),
    AC_OPTION_STRING(S, instructions, "instructions", "", AC_OPT_RUNTIME,
                     "How to speak, in words, for models that take it."),
    AC_OPTION_STRING(S, extra_body, "extra_body", "", 0,
                     "Further members of the request, as a JSON object; they win over the usual ones."),
    AC_OPTION_CHOICE(S, response_format, "response_format", "pcm", formats, 0,
                     "Form of the sound: pcm is there first, mp3 takes the least of the line."),
    AC_OPTION_INT(S, pcm_rate_hz, "pcm_rate_hz", "24000", 8000, 96000, 0, "Samples a second of pcm."),
    AC_OPTION_STRING(S, api_key_env, "api_key_env", "OPENAI_API_KEY", 0,
                     "Variable of the environment that holds the key."),
    AC_OPTION_PATH(S, api_key_file, "api_key_file", "", 0, "File that holds the key, instead."),
    AC_OPTION_INT(S, connect_timeout_ms, "connect_timeout_ms", "3000", 100, 60000, 0,
                  "Longest time to reach the service."),
    AC_OPTION_INT(S, first_timeout_ms, "first_timeout_ms", "8000", 100, 600000, 0,
                  "Longest time to the first sound of a sentence."),
    AC_OPTION_INT(S, stall_timeout_ms, "stall_timeout_ms", "8000", 100, 600000, 0,
                  "Longest pause in the middle of a sentence."),
    AC_OPTION_INT(S, timeout_s, "timeout_s", "120", 1, 3600, 0, "Longest time for a sentence."),
    AC_OPTION_INT(S, retries, "retries", "1", 0, 10, 0,
                  "How often a sentence is tried again before the next engine says it."),
    AC_OPTION_INT(S, cache_mb, "cache_mb", "64", 0, 100000, 0,
                  "Size of the cache of spoken phrases on the disk; 0 = none."),
    AC_OPTION_STRING(S, cache_dir, "cache_dir", "", 0,
                     "Folder of the cache; empty: avatar-chat/phrases in the user's cache folder."),
    AC_OPTION_STRING(S, proxy, "proxy", "", AC_OPT_SECRET,
                     "Proxy (http://host:port); empty: that of the environment."),
    AC_OPTION_PATH(S, ca_file, "ca_file", "", 0, "Further certificates to trust (PEM)."),
    AC_OPTIONS_END,
};
#undef S

struct instance {
    struct ac_env *env;
    struct openai_tts_model *model;
};

/* One sentence on its way. */
struct take {
    struct instance *i;
    struct ac_cancel *cancel;
    char voice[OPENAI_MAX_VOICE];
    const struct ac_str *text;
    double speed;
    struct ac_tts_remote out;
    struct ac_tts_sound sound;
    struct ac_str raw; /* all that came, for the cache */
    int err;           /* of the sound */
};

/* ---- life ---- */

static int read_extra(struct openai_tts_model *m, struct ac_env *env)
{
    json_error_t why;

    if (!*m->cfg->extra_body)
        return 0;
    m->extra = json_loads(m->cfg->extra_body, 0, &why);
    return json_is_object(m->extra)
               ? 0
               : ac_env_fail(env, AC_ECONFIG, "tts.openai.extra_body is no JSON object: %.120s",
                             m->extra ? "it is something else" : why.text);
}

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct openai_tts_model *m = model;
    const struct openai_tts_config *c = cfg;
    size_t len = strlen(c->base_url);
    char *key;

    m->cfg = c;
    ac_breaker_init(&m->breaker, MAX_FAILURES, LEFT_ALONE_MS);
    if (len == 0)
        return ac_env_fail(env, AC_ECONFIG,
                           "tts.openai.base_url is not set: name a service, as http://127.0.0.1:8880/v1");
    if (strncasecmp(c->base_url, "http://", 7) != 0 && strncasecmp(c->base_url, "https://", 8) != 0)
        return ac_env_fail(env, AC_ECONFIG,
                           "tts.openai.base_url '%s' does not begin with http:// or https://", c->base_url);
    while (len > 0 && c->base_url[len - 1] == '/')
        len--;
    m->url = ac_asprintf("%.*s/audio/speech", (int)len, c->base_url);
    m->list_url = ac_asprintf("%.*s/audio/voices", (int)len, c->base_url);
    int err = read_extra(m, env);
    if (!err)
        err = ac_http_find_key("tts.openai", c->api_key_file, c->api_key_env, env, &key);
    if (err)
        return err;
    if (key)
        m->authorization = ac_asprintf("Authorization: Bearer %s", key);
    free(key);
    m->cache = ac_tts_cache_open(c->cache_dir, c->cache_mb, "tts.openai");
    return 0;
}

static void model_close(void *model)
{
    struct openai_tts_model *m = model;

    ac_tts_cache_close(m->cache);
    ac_breaker_destroy(&m->breaker);
    json_decref(m->extra);
    free(m->url);
    free(m->list_url);
    free(m->authorization);
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    (void)cfg;
    *(struct instance *)inst = (struct instance){env, model};
    return 0;
}

/* ---- one request ---- */

static char *make_body(const struct take *t)
{
    const struct openai_tts_config *c = t->i->model->cfg;
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "model", c->model, "input", t->text->p, "voice", t->voice,
                          "response_format", formats[c->response_format]);

    if (t->speed < 0.995 || t->speed > 1.005)
        json_object_set_new(o, "speed", json_real(t->speed));
    if (*c->instructions)
        json_object_set_new(o, "instructions", json_string(c->instructions));
    if (t->i->model->extra)
        json_object_update(o, t->i->model->extra);
    char *body = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(4));
    json_decref(o);
    return body ? body : ac_strdup("{}");
}

static int on_pcm(void *arg, const int16_t *pcm, size_t n, int rate_hz)
{
    return ac_tts_remote_pcm(&((struct take *)arg)->out, pcm, n, rate_hz);
}

static int on_bytes(void *arg, long status, int64_t total, const char *data, size_t n)
{
    struct take *t = arg;

    (void)status, (void)total;
    if (!t->raw.len && n && *data == '{') /* an error that is called a success */
        t->err = AC_EPROTO;
    ac_str_add_n(&t->raw, data, n);
    if (!t->err)
        t->err = ac_tts_sound_feed(&t->sound, data, n, on_pcm, t);
    return t->err;
}

static void begin(struct take *t, struct ac_sink *sink, const struct ac_frame *in)
{
    const struct openai_tts_config *c = t->i->model->cfg;

    ac_tts_remote_init(&t->out, sink, in, t->cancel);
    t->sound =
        (struct ac_tts_sound){.pcm_rate_hz = c->pcm_rate_hz, .expect_mp3 = c->response_format == FORMAT_MP3};
    t->err = 0;
}

static void end(struct take *t)
{
    ac_tts_remote_free(&t->out);
    ac_tts_sound_free(&t->sound);
    ac_str_free(&t->raw);
}

/* What the service says is wrong, from the usual places of an error. */
static void error_text(const char *body, size_t len, char *out, size_t size)
{
    json_t *root = json_loadb(body, len, 0, NULL);
    const char *text = ac_service_error(root);

    if (text)
        snprintf(out, size, "%s", text);
    json_decref(root);
}

static int refused(struct take *t, const struct ac_http_answer *a)
{
    const struct openai_tts_config *c = t->i->model->cfg;
    char said[120] = "";

    error_text(a->body.p ? a->body.p : "", a->body.len, said, sizeof said);
    if (!*said)
        ac_http_excerpt(a, said, sizeof said);
    if (a->status == 401 || a->status == 403)
        return ac_env_fail(t->i->env, AC_EENGINE,
                           "the service refuses the key (%ld): check the one in %.60s: %s", a->status,
                           *c->api_key_file ? c->api_key_file : c->api_key_env, said);
    if (a->status == 404)
        return ac_env_fail(t->i->env, AC_EENGINE,
                           "the service has no such address or model (404): check "
                           "tts.openai.base_url and model: %s",
                           said);
    return ac_env_fail(t->i->env, AC_EENGINE, "the service answers %ld (voice '%.40s'): %s", a->status,
                       t->voice, said);
}

/* What became of a request whose sound could not be used, or that had none. */
static int no_sound(struct take *t, const struct ac_http_answer *a, int err)
{
    char said[120] = "";

    if (err == AC_EPROTO && t->raw.len && t->raw.p[0] == '{') {
        error_text(t->raw.p, t->raw.len, said, sizeof said);
        return ac_env_fail(t->i->env, AC_EENGINE, "the service sent an error instead of sound: %s",
                           *said ? said : "JSON");
    }
    if (err == AC_EPROTO)
        return ac_env_fail(t->i->env, AC_EENGINE, "the service sent %s (%.40s)", t->sound.what, a->type);
    if (err == AC_ELIMIT)
        return ac_env_fail(t->i->env, err, "the sentence is longer than %d minutes",
                           AC_TTS_MAX_US / 60000000);
    return ac_env_fail(t->i->env, AC_EENGINE, "the service sent no sound for the voice '%.40s'", t->voice);
}

static int conclude(struct take *t, const struct ac_http_answer *a, int err)
{
    if (t->err == AC_EPROTO || t->err == AC_ELIMIT || t->err == AC_EENGINE)
        return no_sound(t, a, t->err);
    if (t->err)
        return t->err; /* the reader is gone */
    if (err)
        return ac_env_fail(t->i->env, err, "%.100s: %.120s", t->i->model->url, a->reason);
    if (a->status != 200)
        return refused(t, a);
    err = ac_tts_sound_finish(&t->sound);
    if (!err)
        err = ac_tts_remote_finish(&t->out);
    return err == AC_EPROTO || err == AC_EENGINE ? no_sound(t, a, err) : err;
}

static enum ac_breaker_result health(int err, const struct ac_http_answer *a, const struct take *t)
{
    if (ac_cancelled(t->cancel) || (t->err && t->err != AC_EPROTO))
        return AC_BREAKER_UNKNOWN;
    if (err || a->status == 429 || a->status >= 500)
        return AC_BREAKER_FAILED;
    return AC_BREAKER_OK;
}

/* Sends the request once; *again: it may go well when repeated, after so many milliseconds. */
static int ask(struct take *t, const char *body, bool *again, int *after_s)
{
    const struct openai_tts_model *m = t->i->model;
    const struct openai_tts_config *c = m->cfg;
    const char *const headers[] = {"Content-Type: application/json", m->authorization, NULL};
    struct ac_http_answer a;
    struct ac_http_request r = {.url = m->url,
                                .headers = headers,
                                .body = body,
                                .body_len = strlen(body),
                                .connect_ms = c->connect_timeout_ms,
                                .first_ms = c->first_timeout_ms,
                                .stall_ms = c->stall_timeout_ms,
                                .total_ms = c->timeout_s * 1000,
                                .max_bytes = MAX_ERROR,
                                .proxy = c->proxy,
                                .ca_file = c->ca_file,
                                .take = on_bytes,
                                .arg = t};

    int err = ac_http_run(&r, &a, t->cancel);
    ac_breaker_report(&t->i->model->breaker, health(err, &a, t));
    *again = !t->err && !t->out.pushed && ac_http_retryable(err, &a) && !a.untrusted &&
             a.retry_after_s <= LONGEST_WAIT_S;
    *after_s = a.retry_after_s;
    err = ac_cancelled(t->cancel) ? AC_ECANCELED : conclude(t, &a, err);
    ac_http_answer_free(&a);
    return err;
}

static int speak(struct take *t, struct ac_sink *sink, const struct ac_frame *in)
{
    char *body = make_body(t);
    int err, wait_ms;

    for (int n = 1;; n++) {
        bool again = false;
        int after_s = -1;
        begin(t, sink, in);
        if (!ac_breaker_allow(&t->i->model->breaker, &wait_ms)) {
            err = ac_env_fail(t->i->env, AC_EENGINE,
                              "the service failed several times and is left alone for %d s",
                              (wait_ms + 999) / 1000);
            break;
        }
        err = ask(t, body, &again, &after_s);
        if (!err || !again || n > t->i->model->cfg->retries)
            break;
        end(t);
        err = ac_http_wait(ac_http_backoff_ms(n, after_s), t->cancel) ? AC_ECANCELED : 0;
        if (err)
            break;
    }
    free(body);
    return err;
}

/* ---- with the cache ---- */

static void make_key(struct ac_str *key, const struct take *t)
{
    const struct openai_tts_config *c = t->i->model->cfg;

    ac_str_addf(key, "openai\n%s\n%s\n%s\n%s %d %.3f\n%s\n%s\n", t->i->model->url, c->model, t->voice,
                formats[c->response_format], c->pcm_rate_hz, t->speed, c->instructions, c->extra_body);
    ac_str_add_n(key, t->text->p, t->text->len);
}

static int replay(struct take *t, const struct ac_str *sound)
{
    enum { STEP = 16384 };
    int err = 0;

    for (size_t at = 0; !err && at < sound->len; at += STEP)
        err = ac_tts_sound_feed(&t->sound, sound->p + at, sound->len - at < STEP ? sound->len - at : STEP,
                                on_pcm, t);
    return err ? err : ac_tts_remote_finish(&t->out);
}

static int say(struct take *t, struct ac_sink *sink, const struct ac_frame *in)
{
    struct ac_tts_cache *cache = t->i->model->cache;
    struct ac_str key = {0}, notes = {0}, kept = {0};
    int err;

    make_key(&key, t);
    if (ac_tts_cache_get(cache, &key, &notes, &kept)) {
        begin(t, sink, in);
        err = replay(t, &kept);
    } else {
        err = speak(t, sink, in);
        if (!err)
            ac_tts_cache_put(cache, &key, &notes, &t->raw);
    }
    end(t);
    ac_str_free(&key);
    ac_str_free(&notes);
    ac_str_free(&kept);
    return err;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;
    struct ac_tts_text clean = {0}, text = {0};
    struct take t = {.i = i, .cancel = cancel, .text = &text.s};

    if (!in)
        return 0; /* a sentence is complete when it comes */
    const char *voice = in->text.voice;
    if (*voice && strncmp(voice, OPENAI_VOICE_PREFIX, sizeof OPENAI_VOICE_PREFIX - 1) != 0)
        return ac_env_fail(i->env, AC_ENOTSUP, "openai has no voice '%s': its voices begin with %s", voice,
                           OPENAI_VOICE_PREFIX);
    int err = ac_tts_clean(&clean, in->text.text, strlen(in->text.text));
    if (!err) /* few of these models read numbers and dates well */
        err = ac_tts_spoken(&text, &clean, in->text.lang);
    if (err) {
        ac_env_fail(i->env, err, "%s", ac_err_text(err));
    } else {
        if (*voice)
            snprintf(t.voice, sizeof t.voice, "%s", voice + sizeof OPENAI_VOICE_PREFIX - 1);
        else
            openai_tts_choose_voice(i->model->cfg, &in->text, &clean, t.voice);
        t.speed = (double)ac_tts_factor(in->text.rate);
        err = say(&t, out, in);
    }
    ac_tts_text_free(&clean);
    ac_tts_text_free(&text);
    return err;
}

const struct ac_handler_info ac_handler_tts_openai = {
    .name = "openai",
    .help = "any server with OpenAI's /v1/audio/speech",
    .stage = AC_STAGE_TTS,
    .in = AC_FRAME_TEXT,
    .out = AC_FRAME_SPEECH,
    .flags = AC_HANDLER_WAITS | AC_HANDLER_NEEDS_CONFIG,
    .cfg_size = sizeof(struct openai_tts_config),
    .model_size = sizeof(struct openai_tts_model),
    .inst_size = sizeof(struct instance),
    .options = options,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .process = process,
    .list = openai_tts_list,
};
