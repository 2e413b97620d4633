/*
 * `avatar-chat doctor`: looks at everything an answer needs and tries it: libraries, data folders, engines
 * (each is really opened), voices, avatars, the page, the port, and the speed of a spoken sentence. Findings
 * are collected, then printed as text or JSON.
 */
#include "cli/doctor.h"
#include "cli/cli.h"
#include "cli/talk.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"
#include "core/store.h"
#include "face/face.h"
#include "infer/infer.h"

#include <jansson.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GRACE_MS = 5000, MAX_LISTED = 12 };

/* ---- findings ---- */

void ac_doctor_add(struct ac_doctor *d, const char *group, const char *name, enum ac_doctor_status status,
                   const char *remedy, const char *fmt, ...)
{
    va_list ap;
    struct ac_doctor_finding *f;

    d->findings = ac_realloc_array(d->findings, d->n + 1, sizeof *d->findings);
    f = &d->findings[d->n++];
    *f = (struct ac_doctor_finding){
        .group = group, .name = ac_strdup(name), .status = status, .remedy = ac_strdup(remedy ? remedy : "")};
    va_start(ap, fmt);
    if (vasprintf(&f->detail, fmt, ap) < 0)
        f->detail = ac_strdup("");
    va_end(ap);
    if (status == AC_DOCTOR_PROBLEM)
        d->problems++;
}

static void doctor_free(struct ac_doctor *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->findings[i].name);
        free(d->findings[i].detail);
        free(d->findings[i].remedy);
    }
    free(d->findings);
}

/* ---- data, page, port ---- */

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void look_at_data(struct ac_doctor *d, const struct ac_config *cfg)
{
    static const char *const needed[] = {"avatars", "knowledge"};
    const char *const *dirs = ac_config_data_dirs(cfg);

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct ac_env env = {.data_dirs = dirs};
        char *found = ac_env_path(&env, needed[i]);
        if (found)
            ac_doctor_add(d, "data", needed[i], AC_DOCTOR_OK, NULL, "%s", found);
        else
            ac_doctor_add(
                d, "data", needed[i], AC_DOCTOR_NOTE,
                "start from the project's folder, or set AVATAR_CHAT_DATA to a folder that holds it",
                "not found in the working directory or a data folder");
        free(found);
    }
    for (; *dirs; dirs++)
        ac_doctor_add(d, "data", "folder", AC_DOCTOR_OK, NULL, "%s%s", *dirs,
                      is_dir(*dirs) ? "" : " (not there)");
}

static void look_at_page(struct ac_doctor *d, const struct ac_config *cfg)
{
    const char *dir = ac_config_server(cfg)->web_dir;
    char *index = ac_asprintf("%s/index.html", dir);

    if (access(index, R_OK) == 0)
        ac_doctor_add(d, "server", "page", AC_DOCTOR_OK, NULL, "%s", dir);
    else
        ac_doctor_add(d, "server", "page", AC_DOCTOR_NOTE,
                      "build it with 'make build', or set server.web_dir", "no index.html in %s", dir);
    free(index);
}

static bool port_is_free(const struct addrinfo *a)
{
    int one = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool ok = bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 1) == 0;
    close(fd);
    return ok;
}

static void look_at_port(struct ac_doctor *d, const struct ac_config *cfg)
{
    const struct ac_server_config *s = ac_config_server(cfg);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list;
    char port[8];

    snprintf(port, sizeof port, "%d", s->port);
    int err = getaddrinfo(s->host, port, &hints, &list);
    if (err) {
        ac_doctor_add(d, "server", "host", AC_DOCTOR_PROBLEM,
                      "set server.host to 127.0.0.1, or to 0.0.0.0 for every network", "%s: %s", s->host,
                      gai_strerror(err));
        return;
    }
    if (port_is_free(list))
        ac_doctor_add(d, "server", "port", AC_DOCTOR_OK, NULL, "%s:%s is free", s->host, port);
    else
        ac_doctor_add(
            d, "server", "port", AC_DOCTOR_NOTE,
            "end the program that listens there (perhaps avatar-chat itself), or choose another with --port",
            "%s:%s cannot be taken", s->host, port);
    freeaddrinfo(list);
}

/* Past conversations: without them all else works. */
static void look_at_history(struct ac_doctor *d, const struct ac_config *cfg)
{
    const struct ac_history_config *h = ac_config_history(cfg);
    size_t conversations, messages;
    char reason[AC_STORE_REASON];

    if (h->store == AC_STORE_NONE) {
        ac_doctor_add(d, "server", "history", AC_DOCTOR_OK, NULL, "not kept (history.store is none)");
        return;
    }
    int err = ac_store_examine(h, &conversations, &messages, reason);
    if (!err)
        ac_doctor_add(d, "server", "history", AC_DOCTOR_OK, NULL, "%zu conversations, %zu messages in %s",
                      conversations, messages, h->store == AC_STORE_REDIS ? "Redis" : h->path);
    else if (err == AC_ENOENT)
        ac_doctor_add(d, "server", "history", AC_DOCTOR_OK, NULL, "will be made at %s", h->path);
    else
        ac_doctor_add(d, "server", "history", AC_DOCTOR_NOTE,
                      h->store == AC_STORE_REDIS
                          ? "start it, correct history.redis_url, or set history.store to sqlite"
                          : "mend it, name another file in history.path, or set history.store to none",
                      "conversations will not be kept: %s", reason);
}

/* ---- engines ---- */

/* The one library that is loaded only when an engine wants it. */
static void look_at_runtime(struct ac_doctor *d, const struct ac_config *cfg)
{
    struct ac_env env = {.data_dirs = ac_config_data_dirs(cfg)};
    struct ac_infer_runtime runtime;

    if (ac_infer_runtime(&runtime, &env) == 0)
        ac_doctor_add(d, "libraries", "onnxruntime", AC_DOCTOR_OK, NULL, "%s (%s)", runtime.version,
                      runtime.path);
    else
        ac_doctor_add(d, "libraries", "onnxruntime", AC_DOCTOR_NOTE, NULL, "%s", env.reason);
}

struct engine_name {
    struct ac_doctor *doctor;
    const char *name;
};

static void add_finding(void *arg, const char *detail, const char *remedy)
{
    struct engine_name *e = arg;

    ac_doctor_add(e->doctor, "engines", e->name, *remedy ? AC_DOCTOR_NOTE : AC_DOCTOR_OK, remedy, "%s",
                  detail);
}

/* What makes avatars of photos and videos; conversations do not need it. */
static void look_at_faces(struct ac_doctor *d, const struct ac_config *cfg)
{
    struct ac_env env = {.data_dirs = ac_config_data_dirs(cfg)};
    struct ac_faces *faces;
    int64_t start_us = ac_now_us();

    if (ac_faces_open(&faces, &env) == 0)
        ac_doctor_add(d, "data", "face models", AC_DOCTOR_OK, NULL, "BlazeFace, Face Mesh; open in %.1f ms",
                      (double)(ac_now_us() - start_us) / 1e3);
    else
        ac_doctor_add(d, "data", "face models", AC_DOCTOR_NOTE, NULL,
                      "no avatar can be made of a photo or video: %s", env.reason);
    ac_faces_close(faces);
}

static void look_at_stage(struct ac_doctor *d, const struct ac_config *cfg, struct ac_models *models,
                          enum ac_stage stage, bool needed)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, stage, &engines);
    bool used = false;

    for (size_t i = 0; i < n; i++) {
        struct ac_instance *inst;
        char reason[256], name[64];
        int64_t start_us = ac_now_us();
        snprintf(name, sizeof name, "%s.%s", ac_stage_name(stage), engines[i]->name);
        ac_models_examine(models, engines[i], add_finding, &(struct engine_name){d, name});
        int err = ac_instance_open(&inst, models, engines[i], NULL, reason);
        if (err == AC_ENOTSUP &&
            stage == AC_STAGE_AVATAR) /* it has persons of its own, and only when asked for */
            continue;
        if (err) {
            ac_doctor_add(d, "engines", name, AC_DOCTOR_NOTE, NULL, "does not open: %s", reason);
            continue;
        }
        ac_instance_close(inst);
        ac_doctor_add(d, "engines", name, AC_DOCTOR_OK, NULL, "%s; opens in %.1f ms",
                      used ? "fall-back" : "used", (double)(ac_now_us() - start_us) / 1e3);
        used = true;
    }
    if (!used && needed)
        ac_doctor_add(d, "engines", ac_stage_name(stage), AC_DOCTOR_PROBLEM,
                      n ? "see why its engines do not open"
                        : "name an engine of it in AC_ENGINES and build again",
                      n ? "no engine of this stage opens" : "no engine of this stage is built in");
}

struct listing {
    struct ac_doctor *doctor;
    const char *group;
};

static void add_item(void *arg, const struct ac_item *item)
{
    struct listing *l = arg;

    ac_doctor_add(l->doctor, l->group, item->id, AC_DOCTOR_OK, NULL, "%s%s%s%s%s",
                  item->name ? item->name : "", item->lang && *item->lang ? ", " : "",
                  item->lang ? item->lang : "", item->gender && *item->gender ? ", " : "",
                  item->gender ? item->gender : "");
}

struct voices {
    size_t n, n_langs;
    char lang[40], first[80];
};

static void count_voice(void *arg, const struct ac_item *item)
{
    struct voices *v = arg;
    const char *lang = item->lang ? item->lang : "";

    if (v->n++ == 0)
        snprintf(v->first, sizeof v->first, "%s", item->id);
    if (v->n_langs == 0 || strcmp(v->lang, lang) != 0) /* a language's voices come together */
        v->n_langs++;
    snprintf(v->lang, sizeof v->lang, "%s", lang);
}

/* Every voice, or one line an engine that has many. */
static void look_at_voices(struct ac_doctor *d, const struct ac_config *cfg, struct ac_models *models,
                           bool all)
{
    const struct ac_handler_info *const *engines;
    size_t n_engines = ac_config_use(cfg, AC_STAGE_TTS, &engines), n = 0;

    for (size_t i = 0; i < n_engines; i++) {
        struct voices v = {0};
        n += ac_models_list_engine(models, engines[i], count_voice, &v);
        if (all || v.n <= MAX_LISTED)
            ac_models_list_engine(models, engines[i], add_item, &(struct listing){d, "voices"});
        else
            ac_doctor_add(d, "voices", engines[i]->name, AC_DOCTOR_OK, NULL,
                          "%zu voices in %zu languages, first %s; 'avatar-chat doctor --json' lists them",
                          v.n, v.n_langs, v.first);
    }
    if (n == 0)
        ac_doctor_add(d, "voices", "(none)", AC_DOCTOR_PROBLEM, "see the engines of stage tts",
                      "no voice was found");
}

struct languages {
    struct ac_str names;
    size_t n;
};

enum { NAMED_LANGUAGES = 12 };

static void add_language(void *arg, const struct ac_item *item)
{
    struct languages *l = arg;

    if (l->n++ < NAMED_LANGUAGES)
        ac_str_addf(&l->names, "%s%s", l->n > 1 ? ", " : "", item->lang);
}

/* Which recognisers listen, in the order in which they are asked, and in which languages. */
static void look_at_listening(struct ac_doctor *d, const struct ac_config *cfg, struct ac_models *models)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, AC_STAGE_ASR, &engines), listening = 0;

    for (size_t i = 0; i < n; i++) {
        struct languages l = {0};
        struct ac_instance *inst;
        if (ac_instance_open(&inst, models, engines[i], NULL, NULL) != 0)
            continue;
        ac_instance_close(inst);
        ac_models_list_engine(models, engines[i], add_language, &l);
        if (l.n == 0)
            ac_str_add(&l.names, "what its server understands");
        else if (l.n > NAMED_LANGUAGES)
            ac_str_addf(&l.names, " and %zu more", l.n - NAMED_LANGUAGES);
        ac_doctor_add(d, "listening", engines[i]->name, AC_DOCTOR_OK, NULL, "%s: %s",
                      listening++ ? "then" : "first", l.names.p);
        ac_str_free(&l.names);
    }
    if (!listening)
        ac_doctor_add(d, "listening", "(none)", AC_DOCTOR_NOTE, "see the engines of stage asr",
                      "no recogniser opens: people can only type");
}

static void look_at_engines(struct ac_doctor *d, const struct ac_config *cfg, struct ac_models *models)
{
    for (int stage = AC_STAGE_INVALID + 1; stage < AC_STAGE_COUNT; stage++)
        look_at_stage(d, cfg, models, stage, stage >= AC_STAGE_LLM);
    look_at_listening(d, cfg, models);
    if (ac_models_list(models, AC_STAGE_AVATAR, add_item, &(struct listing){d, "avatars"}) == 0)
        ac_doctor_add(
            d, "avatars", "(none)", AC_DOCTOR_PROBLEM,
            "start from the project's folder, or set AVATAR_CHAT_DATA to a folder that holds avatars/",
            "no avatar was found");
}

/* ---- speed ---- */

static int throw_away(void *arg, const char *data, size_t n)
{
    (void)arg, (void)data, (void)n;
    return 0;
}

static void report_speed(struct ac_doctor *d, const struct ac_config *cfg, const struct ac_talk_result *r)
{
    const struct ac_speaker_times *t = &r->times;
    double frames = t->frames ? (double)t->frames : 1;
    double render_ms = (double)t->render_cpu_us / 1e3 / frames,
           encode_ms = (double)t->encode_cpu_us / 1e3 / frames;
    double budget_ms = 1e3 / ac_config_video(cfg)->fps;
    bool slow = render_ms + encode_ms > budget_ms;

    d->render_ms = render_ms;
    d->encode_ms = encode_ms;
    d->first_audio_ms = (double)(t->first_audio_us - t->sentence_us) / 1e3;
    d->first_fragment_ms = (double)(t->first_fragment_us - t->sentence_us) / 1e3;
    ac_doctor_add(d, "speed", "frame", slow ? AC_DOCTOR_PROBLEM : AC_DOCTOR_OK,
                  slow ? "make the picture smaller (video.width, video.height) or slower (video.fps)" : NULL,
                  "%.2f ms to draw, %.2f ms to encode, %dx%d (%.0f ms are allowed)", render_ms, encode_ms,
                  ac_config_video(cfg)->width, ac_config_video(cfg)->height, budget_ms);
    ac_doctor_add(d, "speed", "first audio", AC_DOCTOR_OK, NULL, "%.1f ms after the sentence",
                  d->first_audio_ms);
    ac_doctor_add(d, "speed", "first video", AC_DOCTOR_OK, NULL, "%.1f ms after the sentence",
                  d->first_fragment_ms);
}

static void measure(struct ac_doctor *d, const struct ac_config *cfg, struct ac_models *models)
{
    static const char text[] = "Hello, this sentence shows how fast this machine can speak.";
    struct ac_pool_config pcfg = {.workers = ac_config_server(cfg)->workers};
    struct ac_speaker_config scfg = {.delivery = AC_DELIVERY_STREAM,
                                     .prefs = {.width = ac_config_video(cfg)->width,
                                               .height = ac_config_video(cfg)->height,
                                               .fps = ac_config_video(cfg)->fps}};
    struct ac_talk_result r = {0};
    struct ac_pool *pool;

    int err = ac_pool_new(&pool, &pcfg);
    if (err) {
        ac_doctor_add(d, "speed", "pool", AC_DOCTOR_PROBLEM, "free memory or threads", "%s",
                      ac_err_text(err));
        return;
    }
    for (int i = 0; i < 2 && !err; i++) /* the second time is warm, as in a server */
        err = ac_talk(cfg, models, pool, &scfg, text, strlen(text), throw_away, NULL, &r);
    if (err || r.errors)
        ac_doctor_add(d, "speed", "sentence", AC_DOCTOR_PROBLEM, NULL, "a sentence could not be spoken: %s",
                      r.reason[0] ? r.reason : ac_err_text(err));
    else
        report_speed(d, cfg, &r);
    ac_pool_free(pool, GRACE_MS);
}

/* ---- printing ---- */

static const char *const status_names[] = {"ok", "note", "problem"};

static void print_text(const struct ac_doctor *d, struct ac_str *out)
{
    const char *group = "";

    ac_str_add(out, "avatar-chat " AC_VERSION "\n");
    for (size_t i = 0; i < d->n; i++) {
        const struct ac_doctor_finding *f = &d->findings[i];
        if (strcmp(group, f->group) != 0)
            ac_str_addf(out, "\n%s\n", f->group);
        group = f->group;
        ac_str_addf(out, "  %-8s %-18s %s\n", f->status == AC_DOCTOR_OK ? "" : status_names[f->status],
                    f->name, f->detail);
        if (f->remedy[0])
            ac_str_addf(out, "  %-8s %-18s → %s\n", "", "", f->remedy);
    }
    if (d->problems)
        ac_str_addf(out, "\n%zu problem%s: see above.\n", d->problems, d->problems == 1 ? "" : "s");
    else
        ac_str_add(out, "\nEverything that is needed is there.\n");
}

static void print_json(const struct ac_doctor *d, struct ac_str *out)
{
    json_t *findings = json_array();

    for (size_t i = 0; i < d->n; i++) {
        const struct ac_doctor_finding *f = &d->findings[i];
        json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:s, s:s}", "group", f->group, "name",
                                                  f->name, "status", status_names[f->status], "detail",
                                                  f->detail, "remedy", f->remedy));
    }
    json_t *root = json_pack("{s:s, s:b, s:{s:f, s:f, s:f, s:f}, s:o}", "version", AC_VERSION, "ok",
                             d->problems == 0, "speed", "render_ms_per_frame", d->render_ms,
                             "encode_ms_per_frame", d->encode_ms, "first_audio_ms", d->first_audio_ms,
                             "first_fragment_ms", d->first_fragment_ms, "findings", findings);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    ac_str_addf(out, "%s\n", text);
    free(text);
    json_decref(root);
}

static int examine(const struct ac_config *cfg, bool json)
{
    struct ac_doctor d = {0};
    struct ac_str text = {0};
    struct ac_models *models = ac_models_new(cfg);

    ac_log_setup(AC_LOG_ERROR, (enum ac_log_format)(ac_config_log(cfg)->format + 1),
                 2); /* the findings say the rest */
    ac_doctor_libraries(&d);
    look_at_runtime(&d, cfg);
    look_at_data(&d, cfg);
    look_at_faces(&d, cfg);
    look_at_page(&d, cfg);
    look_at_port(&d, cfg);
    look_at_history(&d, cfg);
    look_at_engines(&d, cfg, models);
    ac_doctor_answers(&d, cfg, models);
    look_at_voices(&d, cfg, models, json);
    if (d.problems == 0)
        measure(&d, cfg, models);
    ac_models_free(models);
    if (json)
        print_json(&d, &text);
    else
        print_text(&d, &text);
    int status = ac_cli_print("doctor", &text);
    if (status == AC_EXIT_OK && d.problems)
        status = AC_EXIT_FAILED;
    ac_str_free(&text);
    doctor_free(&d);
    return status;
}

int ac_cli_doctor(int argc, char **argv)
{
    const char *file = NULL;
    bool json = false;
    struct ac_cli_list sets = {0}, words = {0};
    struct ac_config *cfg = NULL;
    const struct ac_cli_option options[] = {
        {0, "json", NULL, "Print the findings as JSON.", &json, NULL, NULL},
        AC_CLI_OPTION_FILE(&file),
        AC_CLI_OPTION_SET(&sets),
    };
    const struct ac_cli_spec spec = {
        .command = "doctor",
        .usage = "[--json] [-c FILE] [--set KEY=VALUE]…",
        .help = "Shows what is installed, which engine each stage will use, whether a language model that is "
                "configured\n"
                "answers (a short question is put to it), the avatars and voices, and how fast this machine "
                "is. Each problem comes with its remedy; the exit status is 1 when something needed "
                "is missing.",
        .options = options,
        .n_options = sizeof options / sizeof *options,
    };

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO)
        status = ac_cli_load("doctor", &cfg, file, &sets, true);
    if (status == AC_CLI_GO)
        status = examine(cfg, json);
    ac_config_free(cfg);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    return status;
}
