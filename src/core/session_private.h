/*
 * Inside of a session, shared by hub.c (what sessions share), session.c (life, messages, choices) and
 * session_turn.c (turns).
 *
 * Who may touch what: "strand" members only on the session's strand; "out_lock" members under out_lock, which
 * is held over every call of the port as well. The sinks of answer and speaker run on their own strands: they
 * send under out_lock at once (no detour by the session's strand, which keeps the first fragment fast) and
 * post what changes the session's state.
 */
#ifndef AC_CORE_SESSION_PRIVATE_H
#define AC_CORE_SESSION_PRIVATE_H

#include "core/answer.h"
#include "core/history.h"
#include "core/protocol.h"
#include "core/session.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WHY_SIZE = 256 };

struct ac_hub {
    const struct ac_config *cfg;
    struct ac_pool *pool;
    struct ac_models *models;
    struct ac_cancel *cancel; /* root of all */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t sessions; /* lock: open ones and those that end */
    size_t open;     /* lock: not yet closed by the transport */
    atomic_size_t talking;
    atomic_uint_fast64_t turns, turns_done, turns_interrupted, errors;
};

/*
 * Head of what is posted to a session's strand with memory of its own. Listed in the session, so that what a
 * closing strand drops is freed with it.
 */
struct session_task {
    struct session_task *prev, *next;
    struct ac_session *s;
};

/* Times of the turn in progress, monotonic µs; 0 = not yet. */
struct marks {
    int64_t begin, first_token, first_sentence, first_fragment;
};

struct ac_session {
    struct ac_hub *hub;
    char id[65];
    struct ac_strand *strand;
    struct ac_cancel *cancel;
    atomic_int parts;    /* strand, speakers and answers that still run something */
    atomic_int messages; /* posted, not yet handled */

    pthread_mutex_t out_lock;
    struct session_task *tasks; /* out_lock: posted and not yet freed */
    struct ac_port port;        /* out_lock */
    bool port_open;             /* out_lock */
    struct marks marks;         /* out_lock */
    struct ac_heard heard;      /* out_lock: sentences of the turn with their media times */

    /* strand */
    struct ac_answer *answer;
    struct ac_speaker *speaker;
    struct ac_speaker_config choices;
    char language[16];
    struct ac_history *history;
    struct ac_cancel *turn_cancel;
    uint32_t turn;             /* number of the last turn that began */
    bool running;              /* a turn runs */
    bool answering, speaking;  /* what the running turn waits for */
    char *answer_text;         /* the whole answer, once it is complete */
    int64_t reported_heard_us; /* by the client's `playback` for this turn */
};

/* ---- session.c: out ---- */
/* Sends a server message; takes the reference to data. Any thread. Result as of the port. */
int session_send(struct ac_session *s, const char *type, json_t *data);
void session_error(struct ac_session *s, int err, const char *message, uint32_t turn);
void session_state(struct ac_session *s, const char *state);
/* Posts fn to the session's strand; arg is the session or a session_task. */
void session_post(struct ac_session *s, ac_task_fn *fn, void *arg);
/* A zeroed struct of `size` bytes that begins with a session_task; session_task_free ends it. Any thread. */
void *session_task_new(struct ac_session *s, size_t size);
void session_task_free(void *task);
void session_part_gone(void *arg);

/* ---- session_turn.c ---- */
int session_open_engines(struct ac_session *s);
/* Begins a turn with a question (text) or with text to say as it is. Strand. */
void session_begin_turn(struct ac_session *s, const char *text, bool verbatim, int64_t idle_us);
/* Stops the turn that runs, if any, and says so when `tell`. Strand. */
void session_stop_turn(struct ac_session *s, bool tell);

#endif
