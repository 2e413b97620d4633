/*
 * edge: natural voices in some eighty languages by the service with which Microsoft Edge reads pages aloud.
 * No account and no key; every sentence goes to Microsoft. It is nobody's promise: the service may turn
 * anyone away, so other engines belong behind it.
 *
 *     tts: {use: [edge, flite, espeak], edge: {voice: zh-CN-XiaoxiaoNeural}}
 *
 * One WebSocket a sentence (edge_link.c), sound passed on while it arrives (edge_take.c). What is tried again
 * is tried again before the first sound only. A phrase that was spoken before comes from the cache.
 */
#include "net/http.h"
#include "tts/edge_private.h"
#include "tts/edge_voices.h"
#include "tts/voices.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#define HOST   "speech.platform.bing.com/consumer/speech/synthesize/readaloud"

/* as Edge writes it, odd blank and brand included */
#define BRANDS "Sec-CH-UA: \" Not;A Brand\";v=\"99\", \"Microsoft Edge\";v=\"143\", \"Chromium\";v=\"143\""

enum {
    MAX_FAILURES = 3,
    LEFT_ALONE_MS = 30000,
    MAX_LIST = 4 << 20,
    LIST_MS = 5000,
    LIST_AGE_S = 86400,
    LIST_AGAIN_US = 60000000,
    FEMALE_HZ = 200, /* usual pitch: a factor becomes a difference to it */
    MALE_HZ = 115,
};

#define S struct edge_config
static const struct ac_option options[] = {
    AC_OPTION_STRING(
        S, voice, "voice", "", AC_OPT_RUNTIME,
        "Voice for its language (all, if it is multilingual) where the session names none; empty: "
        "one that suits language and person."),
    AC_OPTION_INT(S, volume_percent, "volume_percent", "0", -90, 100, 0,
                  "Louder or softer than it is by itself."),
    AC_OPTION_INT(S, max_connections, "max_connections", "4", 1, 32, 0,
                  "Sentences that are fetched at once; the service turns those away who ask for too much."),
    AC_OPTION_INT(S, connect_timeout_ms, "connect_timeout_ms", "3000", 100, 60000, 0,
                  "Longest time to reach the service."),
    AC_OPTION_INT(S, first_timeout_ms, "first_timeout_ms", "3000", 100, 60000, 0,
                  "Longest time to the first sound of a sentence, connecting included."),
    AC_OPTION_INT(S, stall_timeout_ms, "stall_timeout_ms", "5000", 100, 60000, 0,
                  "Longest pause in the middle of a sentence."),
    AC_OPTION_INT(S, retries, "retries", "1", 0, 10, 0,
                  "How often a sentence is tried again before the next engine says it."),
    AC_OPTION_INT(S, cache_mb, "cache_mb", "64", 0, 100000, 0,
                  "Size of the cache of spoken phrases on the disk; 0 = none."),
    AC_OPTION_STRING(S, cache_dir, "cache_dir", "", 0,
                     "Folder of the cache; empty: avatar-chat/phrases in the user's cache folder."),
    AC_OPTION_STRING(S, proxy, "proxy", "", AC_OPT_SECRET,
                     "HTTP proxy (http://host:port); empty: that of the environment."),
    AC_OPTION_PATH(S, ca_file, "ca_file", "", 0, "Further certificates to trust (PEM)."),
    AC_OPTION_STRING(S, url, "url", "wss://" HOST "/edge/v1", 0, "Address of the service."),
    AC_OPTION_STRING(S, list_url, "list_url", "https://" HOST "/voices/list", 0,
                     "Address of the list of voices."),
    AC_OPTION_STRING(S, trusted_client_token, "trusted_client_token", "6A5AA1D4EAFF4E9FB37E23D68491D6F4", 0,
                     "What Edge calls itself to the service; the same everywhere."),
    AC_OPTION_STRING(S, gec_version, "gec_version", "1-143.0.3650.75", 0, "Version of Edge that is named."),
    AC_OPTION_STRING(S, user_agent, "user_agent",
                     "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                     "Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0",
                     0, "The browser's name for itself."),
    AC_OPTION_STRING(S, origin, "origin", "chrome-extension://jdiccldimpdaibmpdkjnbmckianbfold", 0,
                     "The page that asks, as Edge names it."),
    AC_OPTIONS_END,
};
#undef S

struct instance {
    struct ac_env *env;
    struct edge_model *model;
};

/* ---- life ---- */

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct edge_model *m = model;

    m->cfg = cfg;
    edge_line_init(m);
    ac_breaker_init(&m->breaker, MAX_FAILURES, LEFT_ALONE_MS);
    if (*m->cfg->voice && !ac_edge_is_voice(m->cfg->voice))
        return ac_env_fail(
            env, AC_ECONFIG,
            "tts.edge.voice '%s' is none of its voices, as en-US-AriaNeural: see avatar-chat voices",
            m->cfg->voice);
    m->cache = ac_tts_cache_open(m->cfg->cache_dir, m->cfg->cache_mb, "tts.edge");
    return 0;
}

static void model_close(void *model)
{
    struct edge_model *m = model;

    ac_tts_cache_close(m->cache);
    ac_breaker_destroy(&m->breaker);
    edge_line_destroy(m);
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    (void)cfg;
    *(struct instance *)inst = (struct instance){env, model};
    return 0;
}

static void warm(void *inst, struct ac_cancel *cancel)
{
    edge_link_warm(((struct instance *)inst)->model, cancel);
}

/* ---- which voice ---- */

/* The voice's short name; NULL: no voice is known for the language. */
static const char *choose_voice(const struct edge_config *c, const struct ac_text *t,
                                const struct ac_tts_text *clean)
{
    const char *lang = ac_tts_remote_language(t->lang, clean);
    bool male = t->gender[0] ? strcmp(t->gender, "male") == 0 : strcmp(ac_edge_gender(c->voice), "male") == 0;

    if (t->voice[0])
        return t->voice;
    if (*c->voice && ac_edge_speaks(c->voice, lang))
        return c->voice;
    return ac_edge_default_voice(lang, male);
}

static int prepare(struct instance *i, const struct ac_text *t, const struct ac_tts_text *clean,
                   struct ac_edge_how *how)
{
    if (t->voice[0] && !ac_edge_is_voice(t->voice))
        return ac_env_fail(i->env, AC_ENOTSUP, "edge has no voice '%s'", t->voice);
    how->voice = choose_voice(i->model->cfg, t, clean);
    if (!how->voice)
        return ac_env_fail(i->env, AC_ENOTSUP,
                           "edge has no default voice for '%s': name one (avatar-chat voices)", t->lang);
    const char *gender = ac_edge_gender(how->voice);
    bool male = strcmp(*gender ? gender : t->gender, "male") == 0;
    float rate = ac_tts_factor(t->rate), pitch = ac_tts_factor(t->pitch);
    how->rate_percent = (int)((rate - 1) * 100 + (rate < 1 ? -0.5f : 0.5f));
    how->pitch_hz = (int)((pitch - 1) * (float)(male ? MALE_HZ : FEMALE_HZ) + (pitch < 1 ? -0.5f : 0.5f));
    how->volume_percent = i->model->cfg->volume_percent;
    return 0;
}

/* ---- speaking ---- */

static void make_key(struct ac_str *key, const struct edge_take *t)
{
    ac_str_addf(key, "edge\n%s\n%d %d %d\n", t->how.voice, t->how.rate_percent, t->how.pitch_hz,
                t->how.volume_percent);
    ac_str_add_n(key, t->clean->s.p, t->clean->s.len);
}

static struct edge_outcome attempt(struct edge_take *t)
{
    struct edge_model *m = t->model;
    int wait_ms;

    int err = edge_line_enter(m, &t->spare, t->cancel);
    if (err)
        return (struct edge_outcome){.err = AC_ECANCELED};
    if (!ac_breaker_allow(&m->breaker, &wait_ms)) {
        edge_line_leave(m);
        ac_env_fail(t->env, AC_EENGINE, "the speech service failed several times and is left alone for %d s",
                    (wait_ms + 999) / 1000);
        return (struct edge_outcome){.err = AC_EENGINE};
    }
    struct edge_outcome o = edge_take_run(t);
    edge_line_leave(m);
    ac_breaker_report(&m->breaker, !o.err      ? AC_BREAKER_OK
                                   : o.service ? AC_BREAKER_FAILED
                                               : AC_BREAKER_UNKNOWN);
    return o;
}

static int speak(struct edge_take *t, struct ac_sink *out, const struct ac_frame *in)
{
    struct edge_outcome o;

    for (int n = 1;; n++) {
        edge_take_begin(t, out, in);
        o = attempt(t);
        if (!o.err || !o.again || t->out.pushed || n > t->model->cfg->retries)
            break;
        ac_log_debug("tts.edge", "again", AC_S("reason", t->env->reason));
        edge_take_free(t);
        if (ac_http_wait(ac_http_backoff_ms(n, -1), t->cancel) != 0)
            return AC_ECANCELED;
    }
    return o.err;
}

static int say(struct edge_take *t, struct ac_sink *out, const struct ac_frame *in)
{
    struct ac_str key = {0}, notes = {0}, sound = {0};
    int err = AC_EENGINE;

    make_key(&key, t);
    if (ac_tts_cache_get(t->model->cache, &key, &notes, &sound)) {
        edge_take_begin(t, out, in);
        err = edge_take_replay(t, &notes, &sound);
        if (err == AC_EENGINE && !t->out.pushed)
            edge_take_free(t);
        else
            goto out;
    }
    err = speak(t, out, in);
    if (!err) {
        ac_str_clear(&notes);
        edge_take_notes(t, &notes);
        ac_tts_cache_put(t->model->cache, &key, &notes, &t->sound);
    }
out:
    edge_take_free(t);
    ac_str_free(&key);
    ac_str_free(&notes);
    ac_str_free(&sound);
    return err;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;
    struct ac_tts_text clean = {0};
    struct edge_take t = {.model = i->model, .env = i->env, .cancel = cancel, .clean = &clean};

    if (!in)
        return 0; /* a sentence is complete when it comes */
    int err = ac_tts_clean(&clean, in->text.text, strlen(in->text.text));
    if (err)
        ac_env_fail(i->env, err, "%s", ac_err_text(err));
    else
        err = prepare(i, &in->text, &clean, &t.how);
    if (!err)
        err = say(&t, out, in);
    ac_tts_text_free(&clean);
    return err;
}

/* ---- the list of voices ---- */

static int fetch_list(struct edge_model *m, struct ac_str *json)
{
    const struct edge_config *c = m->cfg;
    char token[AC_EDGE_TOKEN], muid[AC_EDGE_ID];
    struct ac_http_answer a;

    ac_edge_token(token, edge_now_s(m), c->trusted_client_token);
    ac_edge_random_id(muid, true);
    char *url = ac_asprintf("%s?trustedclienttoken=%s&Sec-MS-GEC=%s&Sec-MS-GEC-Version=%s", c->list_url,
                            c->trusted_client_token, token, c->gec_version);
    char *agent = ac_asprintf("User-Agent: %s", c->user_agent),
         *cookie = ac_asprintf("Cookie: muid=%s;", muid);
    const char *const headers[] = {agent,
                                   cookie,
                                   "Authority: speech.platform.bing.com",
                                   BRANDS,
                                   "Sec-CH-UA-Mobile: ?0",
                                   "Accept: */*",
                                   "Accept-Language: en-US,en;q=0.9",
                                   "Sec-Fetch-Site: none",
                                   "Sec-Fetch-Mode: cors",
                                   "Sec-Fetch-Dest: empty",
                                   NULL};
    int err = ac_http_run(&(struct ac_http_request){.url = url,
                                                    .headers = headers,
                                                    .connect_ms = c->connect_timeout_ms,
                                                    .total_ms = LIST_MS,
                                                    .max_bytes = MAX_LIST,
                                                    .proxy = c->proxy,
                                                    .ca_file = c->ca_file},
                          &a, NULL);
    if (!err && a.status == 200)
        ac_str_add_n(json, a.body.p ? a.body.p : "", a.body.len);
    else
        ac_log_warn("tts.edge", "no_list_of_voices", AC_I("status", a.status), AC_S("reason", a.reason));
    err = err ? err : a.status == 200 ? 0 : AC_EENGINE;
    ac_http_answer_free(&a);
    free(url);
    free(agent);
    free(cookie);
    return err;
}

static void skip_item(void *arg, const struct ac_item *item)
{
    (void)arg, (void)item;
}

/* Asks the service, at most once a minute while it fails. */
static bool renew_list(struct edge_model *m, const char *file, struct ac_str *json)
{
    pthread_mutex_lock(&m->lock);
    bool ask = ac_now_us() >= m->list_after_us;
    m->list_after_us = ac_now_us() + LIST_AGAIN_US;
    pthread_mutex_unlock(&m->lock);
    if (!ask || fetch_list(m, json) != 0 || ac_edge_parse_list(json->p, json->len, skip_item, NULL) < 0)
        return false;
    if (file && ac_tts_write_file(file, json) != 0)
        ac_log_warn("tts.edge", "list_not_kept", AC_S("file", file));
    return true;
}

static int list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    struct edge_model *m = model;
    char *home = ac_tts_cache_home(), *kept = NULL;
    char *file = home && ac_tts_make_folder(home) == 0 ? ac_asprintf("%s/edge-voices.json", home) : NULL;
    struct ac_str json = {0};
    struct stat st;
    size_t len = 0;
    int n = -1;

    (void)cfg;
    (void)env;
    bool fresh = file && stat(file, &st) == 0 && time(NULL) - st.st_mtime < LIST_AGE_S;
    if (!fresh && renew_list(m, file, &json))
        n = ac_edge_parse_list(json.p, json.len, fn, arg);
    if (n < 0 && file && ac_read_file(file, MAX_LIST, &kept, &len) == 0)
        n = ac_edge_parse_list(kept, len, fn, arg);
    if (n < 0)
        ac_edge_built_in(fn, arg);
    free(kept);
    free(file);
    free(home);
    ac_str_free(&json);
    return 0;
}

const struct ac_handler_info ac_handler_tts_edge = {
    .name = "edge",
    .help = "natural voices of Microsoft's read-aloud service, over the network, without a key",
    .stage = AC_STAGE_TTS,
    .in = AC_FRAME_TEXT,
    .out = AC_FRAME_SPEECH,
    .flags = AC_HANDLER_WAITS | AC_HANDLER_NEEDS_CONFIG,
    .cfg_size = sizeof(struct edge_config),
    .model_size = sizeof(struct edge_model),
    .inst_size = sizeof(struct instance),
    .options = options,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .process = process,
    .warm = warm,
    .list = list,
};
