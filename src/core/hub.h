/*
 * The session manager: what the hub tells and does for those who look after the server (REST, the panel, the
 * command line). Sessions themselves: core/session.h.
 *
 * Every call gives a copy made under the hub's lock: nothing of it moves afterwards, and nothing waits for a
 * session's work. Threads: any.
 */
#ifndef AC_CORE_HUB_H
#define AC_CORE_HUB_H

#include "core/metrics.h"
#include "core/session.h"

/* ---- sessions ---- */

enum ac_session_state {
    AC_SESSION_IDLE = 1,
    AC_SESSION_LISTENING,
    AC_SESSION_THINKING, /* with waiting for room to talk */
    AC_SESSION_SPEAKING,
    AC_SESSION_DETACHED, /* its client has lost the connection and may come back */
    AC_SESSION_QUEUED,   /* waits for a free session */
};
const char *ac_session_state_name(enum ac_session_state state);

struct ac_session_info {
    char id[65];
    enum ac_session_state state;
    int64_t opened_ms;  /* Unix time */
    int64_t idle_ms;    /* since it was last used: a message, a turn */
    int64_t waiting_ms; /* QUEUED: since it came */
    uint32_t turn;      /* number of the last turn that began */
    uint64_t turns;     /* that ended */
    char language[16], avatar[64], voice[64];
    char address[64];                  /* of the client, "" = not known */
    char client[AC_CLIENT_ID_MAX + 1]; /* its own name, a secret between it and the server; "" = not told */
    uint64_t bytes_in, bytes_out, frames, late_frames;
    double fps;     /* pictures a second at present: lower than configured while the machine is busy */
    size_t history; /* messages in memory */
};

enum ac_turn_result { AC_TURN_RUNNING = 0, AC_TURN_DONE, AC_TURN_INTERRUPTED, AC_TURN_FAILED };
const char *ac_turn_result_name(enum ac_turn_result result);

/* One turn of a session's time-line. Marks: enum ac_timing AC_TIME_ENDPOINT … AC_TIME_DONE. */
enum { AC_TIMELINE_TURNS = 20, AC_TURN_MARKS = AC_TIME_DONE + 1 };
struct ac_turn_info {
    uint32_t turn;
    size_t question_chars;
    int64_t started_ms;          /* Unix time */
    double marks[AC_TURN_MARKS]; /* ms since the turn began */
    bool has_mark[AC_TURN_MARKS];
    enum ac_turn_result result;
};

/* All sessions, those in line too (state QUEUED, in their order, last). *list is the caller's (free). */
size_t ac_hub_sessions(struct ac_hub *hub, struct ac_session_info **list);
/* One of them; turns (may be NULL, room for AC_TIMELINE_TURNS) gets the last turns, oldest first. AC_ENOENT.
 */
int ac_hub_session(struct ac_hub *hub, const char *id, struct ac_session_info *info,
                   struct ac_turn_info *turns, size_t *n_turns);
/* What was said in it, as far as it is in memory. Free with ac_said_free. AC_ENOENT. */
struct ac_said {
    char *role, *text;
    uint32_t turn;
};
int ac_hub_session_history(struct ac_hub *hub, const char *id, struct ac_said **list, size_t *n);
void ac_said_free(struct ac_said *list, size_t n);
/* Ends a session: its port's `end` is called with AC_END_ADMIN. AC_ENOENT. */
int ac_hub_close_session(struct ac_hub *hub, const char *id);

/*
 * Reserves an id for a minute: unguessable, like the token. The choices (NULL or "" = none) are those of the
 * session that opens with it. AC_EFULL: too many are reserved; AC_EINVAL, AC_ENOENT with reason (256 bytes):
 * a choice that cannot be (avatars and voices are looked up: may wait for a model, never on the loop thread).
 */
enum { AC_RESERVE_S = 60, AC_TOKEN_SIZE = 33 };
struct ac_reserve {
    const char *language, *avatar, *voice;
};
int ac_hub_reserve(struct ac_hub *hub, const struct ac_reserve *choices, char id[AC_TOKEN_SIZE],
                   char token[AC_TOKEN_SIZE], char *reason);

/* ---- the whole ---- */

enum ac_memory_state { AC_MEMORY_OK = 0, AC_MEMORY_SOFT, AC_MEMORY_HARD };
const char *ac_memory_state_name(enum ac_memory_state state); /* "ok", "soft", "hard" */

struct ac_hub_status {
    size_t sessions, detached, queued; /* sessions: with the detached ones, without the queued */
    size_t talking, waiting_turns;
    int max_sessions, max_talking; /* max_talking: as it is now, measured where the option is 0 */
    uint64_t rss_bytes, soft_bytes, hard_bytes; /* rss as of the last second */
    enum ac_memory_state memory;
    bool draining;
};
struct ac_hub_status ac_hub_status(struct ac_hub *hub);
/* No new sessions from now on: the server is about to end. */
void ac_hub_drain(struct ac_hub *hub);
/*
 * Whether the engines of the stages that an answer needs (llm, tts, avatar) can be loaded, as far as is known
 * without trying. Otherwise reasons gets one sentence a line.
 */
bool ac_hub_ready(struct ac_hub *hub, struct ac_str *reasons);
/* Loads the engines of the first answer in the background. */
void ac_hub_warm_up(struct ac_hub *hub);

/* The hub's metrics; gauges are as of this call. */
struct ac_metrics *ac_hub_metrics(struct ac_hub *hub);

/* ---- configuration ---- */

/*
 * Loads the configuration anew (its file, the environment, --set) with `sets` ("a.b.c=value") on top, which
 * stay for later reloads, and puts it in the place of the running one. All or nothing:
 *   0           changed holds the paths that are different now, one a line ("" = none)
 *   AC_ECONFIG  errors holds the lines, as at start
 *   AC_ENOTSUP  restart holds the paths that changed and cannot while running, one a line
 * What sessions do goes on with what they have; their next turn takes the new one. Reads files: not on the
 * loop thread.
 */
struct ac_config_change {
    struct ac_str changed, restart, errors;
};
int ac_hub_reload(struct ac_hub *hub, const char *const *sets, size_t n, struct ac_config_change *change);
void ac_config_change_free(struct ac_config_change *change);

#endif
