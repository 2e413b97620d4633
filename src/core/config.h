/*
 * Configuration: one tree of options, from built-in defaults, a YAML file, the environment and --set, the
 * stronger winning in that order; every value knows its origin.
 *
 * Sections of the product itself (server, log, limits, session …) and of the engines ("tts.flite.voice") are
 * described by the same option table (avatarchat/handler.h), from which come parsing, range checks, help, the
 * sample file and the reference in docs/. Each stage has `use`: the engines in fall-back order.
 *
 * Errors are collected as text, one a line, "FILE:LINE: what is wrong; nearest valid name".
 * Threads: built at start, read-only afterwards.
 */
#ifndef AC_CORE_CONFIG_H
#define AC_CORE_CONFIG_H

#include "avatarchat/handler.h"
#include "base/str.h"

struct ac_config;

/* The product's own sections; each one is a struct with an option table in core/config_sections.c. */
enum { AC_UPLOADS_NONE, AC_UPLOADS_ADMIN, AC_UPLOADS_CLIENTS }; /* server.avatar_uploads */
struct ac_server_config {
    char *host;
    int port;
    char *web_dir;      /* static files of the chat page */
    int max_message_kb; /* one WebSocket message from a client */
    int max_text_chars; /* characters of one question or `say` */
    int max_messages_per_s;
    int max_audio_messages_per_s; /* binary ones */
    int max_sessions;
    int max_queue, queue_wait_s;        /* those who wait for one of them, and how long */
    int max_talking;                    /* turns at the same time; 0 = as many as the machine can draw */
    int resume_s;                       /* a session waits so long for its client to come back; 0 = not */
    int memory_soft_mb, memory_hard_mb; /* 0 = 70 and 85 % of what the process may take */
    int idle_timeout_s;                 /* a session that is not used */
    int out_soft_kb, out_hard_kb;       /* bytes waiting for a slow reader: warn, then close (1013) */
    int workers;                        /* 0 = one a core */
    int model_idle_s;                   /* 0 = models stay open */
    char *allowed_origins;              /* further origins of pages, between commas */
    char *frame_ancestors;              /* who may frame the page: self, none or origins */
    char *trusted_proxies;              /* addresses and prefixes, between commas */
    char *client_tokens_file, *admin_token_env, *admin_token_file;
    bool metrics_open; /* GET /metrics for everybody */
    int max_connections_per_address, max_requests_per_s_per_address;
    int request_timeout_s;    /* a request must be there within so long */
    char *tls_cert, *tls_key; /* PEM files; "" = no TLS */
    int avatar_uploads;       /* who may make avatars */
    int max_upload_mb, upload_timeout_s;
};
struct ac_log_config {
    int level;  /* index of: error, warn, info, debug */
    int format; /* index of: logfmt, json */
};
struct ac_session_config {
    int turn_timeout_s;                       /* whole turn */
    int stage_timeout_s;                      /* one process call of an engine */
    char *language;                           /* default language: "auto", "en", "zh-CN" … */
    int history_turns;                        /* turns kept as context */
    int context_tokens;                       /* what a question takes at most with all before it */
    char *system_prompt;                      /* "" = the built-in one */
    char *system_prompt_file;                 /* instead */
    int first_clause_words, first_clause_cjk; /* first piece may end at a comma from here on */
};
struct ac_video_config {
    int width, height, fps;
    int crf;
    int audio_kbps;
    int fragment_frames; /* 5 = 200 ms */
    int first_frames;    /* at least, in a fragment that is played from a standstill */
    int burst_ms;        /* sent at once at the start of a turn */
    int lead_ms;         /* how far the server runs ahead of the playing */
};

/* How the microphone is listened to; see core/endpoint.h. */
struct ac_listen_config {
    double threshold, threshold_low; /* probability of speech at which it begins, and below which it ends */
    double threshold_speaking;       /* where it begins while the avatar is heard */
    int speech_ms, pause_ms, silence_ms;
    int preroll_ms;
    int max_utterance_s;
    bool think_ahead; /* the answer is begun on trial at "silence?" */
    bool barge_in;    /* speech interrupts the avatar */
    int barge_in_ms;
    int stall_ms; /* a microphone that sends nothing for so long ends the utterance */
    int queue_ms; /* sound that may wait to be listened to */
};

/* Where conversations are kept; see core/store.h. */
struct ac_history_config {
    int store;       /* index of: sqlite, redis, none */
    char *path;      /* the SQLite file */
    char *redis_url; /* "" = this machine's */
    char *redis_password_env, *redis_prefix;
    int keep_days;          /* 0 = for ever */
    int keep_conversations; /* of one client */
};

/* Where a value comes from. */
enum ac_origin { AC_ORIGIN_DEFAULT = 0, AC_ORIGIN_FILE, AC_ORIGIN_ENV, AC_ORIGIN_SET };

/*
 * Loads: file may be NULL (then ./avatar-chat.yaml when it exists). sets: "a.b.c=value" strings. Reads the
 * environment AVATAR_CHAT_…. On failure AC_ECONFIG (or AC_ENOENT for a named file) and *errors holds the
 * lines. The configuration is the caller's, freed with ac_config_free.
 */
int ac_config_load(struct ac_config **cfg, const char *file, const char *const *sets, size_t n_sets,
                   struct ac_str *errors);
void ac_config_free(struct ac_config *cfg);
/*
 * The same again, from the same file and --set, with `more` on top of them (they are kept for the next time).
 * diff: which options are different now.
 */
struct ac_config_diff {
    struct ac_str changed, restart; /* paths, one a line; restart: those that may not change while running */
};
int ac_config_load_again(struct ac_config **cfg, const struct ac_config *now, const char *const *more,
                         size_t n_more, struct ac_config_diff *diff, struct ac_str *errors);
/* The file it was read from, NULL: none was there. */
const char *ac_config_file(const struct ac_config *cfg);

/* One option as it stands. Strings are borrowed from cfg or static, except value (free). */
struct ac_config_item {
    const char *path;
    char *value; /* as one would write it in the file; a secret that is set is "***" */
    const char *def, *help;
    const char *origin; /* "default", "file", "environment", "set" */
    const char *where;  /* "FILE:LINE", the variable's name, "--set"; "" = default */
    bool runtime, secret;
    const char *type; /* "bool", "int", "float", "string", "path", "choice", "engines" */
    bool has_range;
    double min, max;
    const char *const *choices; /* NULL-terminated; NULL = any */
};
/* Every option, in the order of the reference. Free with ac_config_list_free. */
size_t ac_config_list(const struct ac_config *cfg, struct ac_config_item **list);
void ac_config_list_free(struct ac_config_item *list, size_t n);

const struct ac_server_config *ac_config_server(const struct ac_config *cfg);
const struct ac_log_config *ac_config_log(const struct ac_config *cfg);
const struct ac_session_config *ac_config_session(const struct ac_config *cfg);
const struct ac_video_config *ac_config_video(const struct ac_config *cfg);
const struct ac_listen_config *ac_config_listen(const struct ac_config *cfg);
const struct ac_history_config *ac_config_history(const struct ac_config *cfg);

/* Engines of a stage in fall-back order; n may be 0. The arrays live as long as cfg. */
size_t ac_config_use(const struct ac_config *cfg, enum ac_stage stage,
                     const struct ac_handler_info *const **engines);
/* The engine's own configuration struct (info->cfg_size), filled. Never NULL for a registered engine with
 * options. */
const void *ac_config_engine(const struct ac_config *cfg, const struct ac_handler_info *info);
/* Data directories, NULL-terminated: $AVATAR_CHAT_DATA, folder of the configuration file, install and source
 * data. */
const char *const *ac_config_data_dirs(const struct ac_config *cfg);

/* The effective configuration as YAML, each line with its origin as a comment; secrets as ***. */
void ac_config_print(const struct ac_config *cfg, struct ac_str *out);
/* The commented sample file with every option, its range and default (config/avatar-chat.sample.yaml). */
void ac_config_sample(struct ac_str *out);
/* The reference in Markdown (docs/configuration.md). */
void ac_config_reference(struct ac_str *out);

#endif
