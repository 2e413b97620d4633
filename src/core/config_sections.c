/* The product's own sections of the configuration: one option table each, the one place of their defaults. */
#include "core/config_private.h"

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};

enum { R = AC_OPT_RUNTIME };

static const char *const upload_rights[] = {"none", "admin", "clients", NULL};

#define S struct ac_server_config
static const struct ac_option server_options[] = {
    AC_OPTION_STRING(S, host, "host", "127.0.0.1", 0,
                     "Address to listen on; 0.0.0.0 for every network of this machine."),
    AC_OPTION_INT(S, port, "port", "8000", 0, 65535, 0, "Port to listen on; 0 takes a free one."),
    AC_OPTION_PATH(S, web_dir, "web_dir", "", 0,
                   "Folder of the chat page; empty for the one that was built or installed."),
    AC_OPTION_INT(S, max_message_kb, "max_message_kb", "2048", 1, 65536, R,
                  "Largest message of a client; half a minute of sound in base64 takes 1300."),
    AC_OPTION_INT(S, max_text_chars, "max_text_chars", "4000", 1, 1000000, R,
                  "Longest question or text to say, in characters."),
    AC_OPTION_INT(S, max_messages_per_s, "max_messages_per_s", "50", 1, 100000, R,
                  "Messages a second that one client may send."),
    AC_OPTION_INT(S, max_audio_messages_per_s, "max_audio_messages_per_s", "500", 1, 100000, R,
                  "Pieces of sound a second that one client may send besides."),
    AC_OPTION_INT(S, max_sessions, "max_sessions", "200", 1, 100000, R, "Sessions at the same time."),
    AC_OPTION_INT(S, max_queue, "max_queue", "100", 0, 100000, R,
                  "Connections that wait in line for a free session; more are refused."),
    AC_OPTION_INT(S, queue_wait_s, "queue_wait_s", "30", 0, 3600, R,
                  "How long one waits there; 0 refuses at once."),
    AC_OPTION_INT(S, max_talking, "max_talking", "0", 0, 100000, R,
                  "Answers that are spoken at the same time, others wait in line; 0 for as many as the "
                  "machine can draw, which is measured."),
    AC_OPTION_INT(S, resume_s, "resume_s", "60", 0, 86400, R,
                  "So long a session waits for a client that has lost its connection; 0 for not at all."),
    AC_OPTION_INT(S, memory_soft_mb, "memory_soft_mb", "0", 0, 16777216, R,
                  "With more memory than this taken, unused models are closed and the sessions that were not "
                  "used for longest end; 0 for 70 % of what the process may take."),
    AC_OPTION_INT(S, memory_hard_mb, "memory_hard_mb", "0", 0, 16777216, R,
                  "With more than this no session is opened; 0 for 85 %."),
    AC_OPTION_INT(S, idle_timeout_s, "idle_timeout_s", "600", 1, 604800, R,
                  "A session that was not used for so long is closed."),
    AC_OPTION_INT(S, out_soft_kb, "out_soft_kb", "4096", 64, 1048576, R,
                  "From so much unread output on, a client gets no more video until it has caught up."),
    AC_OPTION_INT(S, out_hard_kb, "out_hard_kb", "16384", 64, 1048576, R,
                  "With so much unread output a client is closed."),
    AC_OPTION_INT(S, workers, "workers", "0", 0, 256, 0, "Threads that compute; 0 for one a core."),
    AC_OPTION_INT(
        S, model_idle_s, "model_idle_s", "1800", 0, 604800, R,
        "A model that nobody has used for so long is closed until it is wanted again; 0 for never."),
    AC_OPTION_STRING(
        S, allowed_origins, "allowed_origins", "", 0,
        "Origins of other pages that may use the server (https://chat.example), between commas."),
    AC_OPTION_STRING(S, frame_ancestors, "frame_ancestors", "self", 0,
                     "Whose pages may show this one in a frame: self, none, or origins between commas."),
    AC_OPTION_STRING(S, trusted_proxies, "trusted_proxies", "", 0,
                     "Addresses (10.0.0.5, 10.0.0.0/8), between commas, of proxies whose X-Forwarded-For and "
                     "X-Forwarded-Proto are believed."),
    AC_OPTION_PATH(S, client_tokens_file, "client_tokens_file", "", 0,
                   "File of tokens, one a line: only who has one may talk; also "
                   "AVATAR_CHAT_CLIENT_TOKENS. Read again on SIGHUP."),
    AC_OPTION_STRING(S, admin_token_env, "admin_token_env", "AVATAR_CHAT_ADMIN_TOKEN", 0,
                     "Variable of the environment that holds the administrator's token."),
    AC_OPTION_PATH(S, admin_token_file, "admin_token_file", "", 0,
                   "File that holds it, instead. Without a token only this machine itself may administer."),
    AC_OPTION_BOOL(S, metrics_open, "metrics_open", "false", R,
                   "Everybody may read /metrics; else this machine and the administrator."),
    AC_OPTION_INT(S, max_connections_per_address, "max_connections_per_address", "50", 1, 100000, R,
                  "Connections that one address may have; this machine itself may have any number."),
    AC_OPTION_INT(S, max_requests_per_s_per_address, "max_requests_per_s_per_address", "100", 1, 100000, R,
                  "Requests a second that one address may send; likewise."),
    AC_OPTION_INT(S, request_timeout_s, "request_timeout_s", "10", 1, 600, 0,
                  "A request must have come whole within so long."),
    AC_OPTION_PATH(S, tls_cert, "tls_cert", "", 0,
                   "Certificate chain (PEM): the server speaks https. Read again on SIGHUP."),
    AC_OPTION_PATH(S, tls_key, "tls_key", "", 0, "Its private key (PEM), without a passphrase."),
    AC_OPTION_CHOICE(S, avatar_uploads, "avatar_uploads", "admin", upload_rights, R,
                     "Who may make avatars of photos and videos in the page: the administrator (without an "
                     "admin token this machine itself), or everybody who may talk."),
    AC_OPTION_INT(S, max_upload_mb, "max_upload_mb", "100", 1, 4096, R,
                  "Largest photo or video for an avatar."),
    AC_OPTION_INT(S, upload_timeout_s, "upload_timeout_s", "300", 1, 86400, R,
                  "It must have come whole within so long."),
    AC_OPTIONS_END,
};
#undef S

#define S struct ac_log_config
static const struct ac_option log_options[] = {
    AC_OPTION_CHOICE(S, level, "level", "info", log_levels, R, "What is logged, up to which detail."),
    AC_OPTION_CHOICE(S, format, "format", "logfmt", log_formats, 0, "How a line of the log is written."),
    AC_OPTIONS_END,
};
#undef S

#define S struct ac_session_config
static const struct ac_option session_options[] = {
    AC_OPTION_INT(S, turn_timeout_s, "turn_timeout_s", "300", 1, 86400, R,
                  "Longest time for a whole answer."),
    AC_OPTION_INT(S, stage_timeout_s, "stage_timeout_s", "30", 1, 86400, R,
                  "Longest time for one call of an engine."),
    AC_OPTION_STRING(S, language, "language", "auto", R,
                     "Language of the answers (en, zh-CN …); auto for that of the question."),
    AC_OPTION_INT(S, history_turns, "history_turns", "20", 0, 1000, R,
                  "Turns of the conversation that the language model is given."),
    AC_OPTION_INT(
        S, context_tokens, "context_tokens", "3000", 200, 1000000, R,
        "What a question may take with all before it, in tokens (estimated); older turns are summed up."),
    AC_OPTION_STRING(S, system_prompt, "system_prompt", "", R,
                     "What the language model is told first, with {name}, {language}, {date} and {time}; "
                     "empty for the built-in text."),
    AC_OPTION_PATH(S, system_prompt_file, "system_prompt_file", "", R,
                   "File that holds it, instead; an avatar's own persona.md is put behind either."),
    AC_OPTION_INT(S, first_clause_words, "first_clause_words", "6", 1, 100, R,
                  "The first piece of an answer may end at a comma once it has so many words."),
    AC_OPTION_INT(S, first_clause_cjk, "first_clause_cjk", "12", 1, 200, R,
                  "The same for Chinese, Japanese and Korean, in characters."),
    AC_OPTIONS_END,
};
#undef S

#define S struct ac_listen_config
static const struct ac_option listen_options[] = {
    AC_OPTION_FLOAT(S, threshold, "threshold", "0.5", 0.01, 0.99, R,
                    "Probability of speech from which on somebody speaks; lower hears more."),
    AC_OPTION_FLOAT(S, threshold_low, "threshold_low", "0.35", 0.01, 0.99, R,
                    "Speech that has begun lasts while its probability stays above this."),
    AC_OPTION_FLOAT(S, threshold_speaking, "threshold_speaking", "0.7", 0.01, 0.99, R,
                    "The threshold while the avatar is heard, whose echo may reach the microphone."),
    AC_OPTION_INT(S, speech_ms, "speech_ms", "250", 0, 5000, R, "So much speech begins an utterance."),
    AC_OPTION_INT(S, pause_ms, "pause_ms", "100", 0, 5000, R,
                  "After so much silence recognition begins on trial."),
    AC_OPTION_INT(S, silence_ms, "silence_ms", "500", 50, 10000, R, "So much silence ends an utterance."),
    AC_OPTION_INT(S, preroll_ms, "preroll_ms", "300", 0, 2000, R,
                  "What was heard so long before the first speech belongs to the utterance."),
    AC_OPTION_INT(S, max_utterance_s, "max_utterance_s", "30", 1, 300, R,
                  "An utterance is cut here, and longer recordings are refused."),
    AC_OPTION_BOOL(S, think_ahead, "think_ahead", "true", R,
                   "The answer is begun on trial while the end of speech is not yet decided."),
    AC_OPTION_BOOL(S, barge_in, "barge_in", "true", R, "Speech interrupts the avatar."),
    AC_OPTION_INT(S, barge_in_ms, "barge_in_ms", "300", 0, 5000, R,
                  "So much speech interrupts the avatar; a shorter \"mm-hm\" does not."),
    AC_OPTION_INT(S, stall_ms, "stall_ms", "1500", 200, 60000, R,
                  "A microphone that sends nothing for so long ends the utterance."),
    AC_OPTION_INT(S, queue_ms, "queue_ms", "5000", 200, 60000, R,
                  "So much sound may wait to be listened to; past it the oldest is dropped."),
    AC_OPTIONS_END,
};
#undef S

#define S struct ac_history_config
static const char *const history_stores[] = {"sqlite", "redis", "none", NULL};
static const struct ac_option history_options[] = {
    AC_OPTION_CHOICE(
        S, store, "store", "sqlite", history_stores, 0,
        "Where past conversations are kept; redis: in a server that several of these share, none: "
        "they end with the session."),
    AC_OPTION_STRING(
        S, path, "path", "data/history.db", 0,
        "The SQLite file, made when it is missing; a relative one is below the working directory."),
    AC_OPTION_STRING(S, redis_url, "redis_url", "", AC_OPT_SECRET,
                     "The Redis or Valkey server: redis://[user:password@]host[:port][/database]; empty for "
                     "redis://127.0.0.1:6379/0."),
    AC_OPTION_STRING(S, redis_password_env, "redis_password_env", "AVATAR_CHAT_REDIS_PASSWORD", 0,
                     "Variable of the environment that holds the password, instead."),
    AC_OPTION_STRING(S, redis_prefix, "redis_prefix", "avatar-chat:", 0,
                     "What all keys there begin with; \"{avatar-chat}:\" for a cluster."),
    AC_OPTION_INT(S, keep_days, "keep_days", "90", 0, 36500, 0,
                  "A conversation that was not continued for so long is deleted; 0 for never."),
    AC_OPTION_INT(S, keep_conversations, "keep_conversations", "200", 1, 100000, 0,
                  "Conversations kept of one person; the oldest go first."),
    AC_OPTIONS_END,
};
#undef S

#define S struct ac_video_config
static const struct ac_option video_options[] = {
    AC_OPTION_INT(S, width, "width", "512", 64, 1920, 0, "Width of the picture in pixels, even."),
    AC_OPTION_INT(S, height, "height", "512", 64, 1920, 0, "Height of the picture in pixels, even."),
    AC_OPTION_INT(S, fps, "fps", "25", 5, 60, 0, "Pictures a second."),
    AC_OPTION_INT(S, crf, "crf", "23", 0, 51, R, "Quality of H.264: lower is better and larger."),
    AC_OPTION_INT(S, audio_kbps, "audio_kbps", "64", 16, 320, R, "Bit rate of the speech."),
    AC_OPTION_INT(S, fragment_frames, "fragment_frames", "5", 1, 250, R,
                  "Pictures in one fragment; five at 25 a second are 200 ms."),
    AC_OPTION_INT(S, first_frames, "first_frames", "7", 1, 250, R,
                  "Pictures in an answer's first fragment; browsers play once they have 200 ms of sound."),
    AC_OPTION_INT(S, burst_ms, "burst_ms", "400", 0, 10000, R,
                  "How much of an answer is sent at once at its start."),
    AC_OPTION_INT(S, lead_ms, "lead_ms", "1000", 100, 60000, R,
                  "How far the server runs ahead of what is being played."),
    AC_OPTIONS_END,
};
#undef S

const struct ac_config_part ac_config_parts[AC_PART_COUNT] = {
    [AC_PART_SERVER] = {"server", "The web server and its limits.", server_options,
                        sizeof(struct ac_server_config)},
    [AC_PART_LOG] = {"log", "The log, on standard error.", log_options, sizeof(struct ac_log_config)},
    [AC_PART_SESSION] = {"session", "The conversation.", session_options, sizeof(struct ac_session_config)},
    [AC_PART_LISTEN] = {"listen", "How the microphone is listened to.", listen_options,
                        sizeof(struct ac_listen_config)},
    [AC_PART_VIDEO] = {"video", "The talking picture as it is encoded.", video_options,
                       sizeof(struct ac_video_config)},
    [AC_PART_HISTORY] = {"history", "Past conversations.", history_options, sizeof(struct ac_history_config)},
};
