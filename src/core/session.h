/*
 * A session: one person's conversation. An actor: its messages are handled one at a time on its strand.
 *
 * The transport (server/ws.c, or a test) hands client messages in as JSON text and gives a port through which
 * server messages go out. The session owns its turn: question → llm → sentences → speaker → fragments,
 * numbered and cancellable; nothing of an interrupted turn is given to the port after `interrupted`.
 *
 * Protocol: docs/protocol.md.
 */
#ifndef AC_CORE_SESSION_H
#define AC_CORE_SESSION_H

#include "base/cancel.h"
#include "base/pool.h"
#include "core/config.h"
#include "core/models.h"
#include "core/speaker.h"
#include "core/store.h"

struct ac_session;

/*
 * Where a session's messages go. Called from worker threads, one call at a time for one session; must not
 * block. The port copies what it keeps. Results: 0; AC_EFULL: the reader is slow (the message was not taken);
 * AC_ECLOSED: it is gone (the session stops its turn). `binary` may be NULL; else text and binary are
 * delivered one after the other, never parted.
 */
enum ac_end {
    AC_END_ADMIN = 1, /* an administrator closed it */
    AC_END_REPLACED,  /* another connection has taken the session over */
    AC_END_IDLE,      /* it was not used for session idle time */
    AC_END_MEMORY,    /* memory is short */
    AC_END_WAITED,    /* no session became free while it waited in line */
};

struct ac_port {
    void *arg;
    int (*send)(void *arg, const char *text, size_t text_len, const char *binary, size_t binary_len);
    /*
     * The session is over for this port: say why (message: one sentence) and close. Called at most once, from
     * any thread, never with AC_END_REPLACED but within ac_session_resume. May be NULL. The port calls
     * ac_session_close in its own time, except after AC_END_REPLACED: there the session is not its own any
     * more.
     */
    void (*end)(void *arg, enum ac_end why, const char *message);
    const char *address; /* of the client, for the list of sessions; copied; may be NULL */
};

struct ac_session_stats {
    size_t sessions, talking;
    uint64_t turns, turns_done, turns_interrupted, errors;
};

struct ac_hub; /* what sessions share: pool, models, configuration, counters */

int ac_hub_new(struct ac_hub **hub, const struct ac_config *cfg);
/*
 * Cancels all turns, waits (grace_ms) for the sessions to end, frees. False: an engine did not end; hub and
 * configuration are left to it and must not be freed.
 */
bool ac_hub_free(struct ac_hub *hub, int grace_ms);
struct ac_pool *ac_hub_pool(struct ac_hub *hub);
struct ac_models *ac_hub_models(struct ac_hub *hub);
const struct ac_config *ac_hub_config(struct ac_hub *hub);
struct ac_session_stats ac_hub_stats(struct ac_hub *hub);
/* The store of conversations, the hub's; NULL: they are not kept. */
struct ac_store *ac_hub_store(struct ac_hub *hub);
/* Why the configured store could not be opened; "" = it could, or none is configured. */
const char *ac_hub_store_reason(struct ac_hub *hub);

/*
 * Opens a session and sends `session_ready`. id is copied. Where max_sessions are open (detached ones make
 * room) it waits in line, which the client is told (`error` busy, `queued`), and what it sends meanwhile is
 * kept; after server.queue_wait_s the port's `end` is called. Otherwise:
 * AC_ELIMIT the line is full too; AC_ENOMEM memory is short (memory_hard_mb); AC_EBUSY a session of this id
 * exists: resume it; AC_ECLOSED the server stops. ac_session_refusal has the sentence for the client.
 */
int ac_session_open(struct ac_session **s, struct ac_hub *hub, const char *id, const struct ac_port *port);
const char *ac_session_refusal(int err);
/* Whether a session of this id exists: then `hello` must carry its token before anything else. */
bool ac_session_exists(struct ac_hub *hub, const char *id);
/*
 * Takes over a session that has lost its connection, or has another one still (whose port's `end` is called
 * within). hello: the client's message of that type, which carries the token of `session_ready` as `resume`;
 * it is answered by `session_ready` with `resumed`. AC_ENOENT: there is none of this id (any more);
 * AC_EDENIED: it is no `hello`, or the token is not that session's.
 */
int ac_session_resume(struct ac_session **s, struct ac_hub *hub, const char *id, const char *hello,
                      size_t len, const struct ac_port *port);
/* How long since its last use: a message, sound, a turn. Any thread. */
int64_t ac_session_idle_us(struct ac_session *s);
/* Hands in one text message of the client (bytes are copied). AC_EFULL when too many wait. Any thread, never
 * blocks. */
int ac_session_message(struct ac_session *s, const char *text, size_t len);
/* Hands in one binary message (audio; bytes are copied). What is too much is dropped, which the client is
 * told. */
int ac_session_binary(struct ac_session *s, const char *data, size_t len);
/* There is room again at a port that had given AC_EFULL. Any thread. */
void ac_session_writable(struct ac_session *s);
/*
 * The connection is lost: a turn that runs is interrupted and kept as heard, and the session waits
 * server.resume_s for ac_session_resume, then ends. The port is not called after this returns, and s is not
 * the caller's any more. One that was never used, and all when resume_s is 0, end at once.
 */
void ac_session_detach(struct ac_session *s);
/* The client is gone. The port is not called after this returns; the rest ends in the background. */
void ac_session_close(struct ac_session *s);

#endif
