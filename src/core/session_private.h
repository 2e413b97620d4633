/*
 * Inside of a session, shared by hub*.c (what sessions share) and session*.c.
 *
 * Who may touch what: "strand" members only on the session's strand; "out_lock" members under out_lock, which
 * is held over every call of the port as well. The sinks of answer and speaker run on their own strands: they
 * send under out_lock at once (no detour by the session's strand, which keeps the first fragment fast) and
 * post what changes the session's state. "hub" members are under the hub's lock, which is taken before
 * out_lock where both are.
 */
#ifndef AC_CORE_SESSION_PRIVATE_H
#define AC_CORE_SESSION_PRIVATE_H

#include "core/answer.h"
#include "core/history.h"
#include "core/hub.h"
#include "core/listener.h"
#include "core/protocol.h"
#include "core/session.h"
#include "core/summarizer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

enum { WHY_SIZE = 256, MAX_ASIDES = 8, NAME_SIZE = 64, BUCKETS = 256 };

/* Which engines listen, and in which languages. Found out once a process, when the first session opens. */
struct listen_info {
    bool known, available;
    char vad[32], asr[32]; /* the first of each stage that works */
    char reason[WHY_SIZE]; /* why not available */
    json_t *languages;     /* array of tags; empty: the engine does not say */
};

/* One who wants to be told when it is known. */
struct listen_waiter {
    struct listen_waiter *next;
    struct ac_session *s;
};

/* What an avatar is called. */
struct avatar_name {
    struct avatar_name *next;
    char id[NAME_SIZE], name[NAME_SIZE];
};

TAILQ_HEAD(session_list, ac_session);
LIST_HEAD(session_bucket, ac_session);

/* An id that was promised to somebody who has not come yet. */
struct reservation {
    struct reservation *next;
    char id[AC_TOKEN_SIZE], token[AC_TOKEN_SIZE];
    char language[16], avatar[64], voice[64];
    int64_t until_us;
};

/* Configurations that were replaced while running: what works with one goes on with it. */
struct old_config {
    struct old_config *next;
    struct ac_config *cfg;
};

struct ac_hub {
    _Atomic(const struct ac_config *) cfg; /* the running one */
    pthread_mutex_t reload_lock;           /* one at a time */
    struct old_config *loaded;             /* reload_lock: all that were loaded while running */
    struct ac_metrics *metrics;
    struct ac_load *load;
    struct ac_pool *pool;
    struct ac_models *models;
    struct ac_cancel *cancel; /* root of all */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t sessions;                        /* lock: open ones and those that end */
    size_t open;                            /* lock: not yet closed by the transport, without those in line */
    size_t detached;                        /* lock: of these, without a client */
    struct session_list all;                /* lock: not yet closed, in the order of their coming */
    struct session_bucket buckets[BUCKETS]; /* lock: the same by id */
    struct session_list line;               /* lock: those that wait for a session */
    struct session_list talk_line;          /* lock: those that wait for room to talk */
    size_t n_line, n_talk_line, talkers;    /* lock */
    bool lines_watched;                     /* lock: the lines' task is posted */
    struct reservation *reserved;           /* lock */
    size_t n_reserved;                      /* lock */
    bool draining;                          /* lock */
    enum ac_memory_state memory;            /* lock: as of the last second */
    uint64_t rss_bytes;                     /* lock */
    int64_t trimmed_us;                     /* keeper */
    struct ac_strand *lines;                /* looks after those in line */
    atomic_size_t talking;
    atomic_int starting; /* turns with leave to talk of which nothing was sent yet */
    atomic_uint_fast64_t turns, turns_done, turns_interrupted, errors;
    struct ac_strand *probe;       /* loads what will be needed, finds out what listens */
    struct ac_strand *keeper;      /* closes models that nobody uses */
    struct listen_info listen;     /* lock */
    bool probing;                  /* lock */
    struct avatar_name *avatars;   /* lock: the configured one first; NULL = not known yet */
    struct listen_waiter *waiters; /* lock */
    struct ac_store *store;        /* NULL: conversations are not kept */
    char store_reason[AC_STORE_REASON];
    struct ac_strand *history; /* writes and reads the store; NULL without one */
    size_t history_tasks;      /* lock: posted there and not yet done */
};

/*
 * Head of what is posted to a session's strand with memory of its own. Listed in the session, so that what a
 * closing strand drops is freed with it.
 */
struct session_task {
    struct session_task *prev, *next;
    struct session_task *kept; /* the next of those that wait until the session is let in */
    struct ac_session *s;
};

/*
 * Times of the turn in progress, monotonic µs; 0 = not yet. begin: the question came, or the end of speech;
 * endpoint and asr_final: of a spoken question.
 */
struct marks {
    int64_t begin, endpoint, asr_final, first_token, first_sentence, first_fragment;
};

/*
 * What the person hears of the avatar: fragments are sent ahead of their time, and the page says now and then
 * how far it has come.
 */
struct audible {
    int64_t play_us;  /* when the end of what was sent is played */
    int64_t until_us; /* the avatar may be heard until then */
    int64_t media_us; /* media time of that end */
    bool stopped;     /* it was interrupted: the page throws the rest away */
    int64_t idle_us;  /* phase of the idle motion at idle_at_us */
    int64_t idle_at_us;
};

/* Leave of the hub to talk. */
enum floor { FLOOR_NONE = 0, FLOOR_WAITS, FLOOR_HELD };

/* What is told of a session to those who look after the server. */
struct profile {
    char language[16], avatar[64], voice[64], address[64];
    char client[AC_CLIENT_ID_MAX + 1];            /* its own name, "" = not told */
    struct ac_turn_info turns[AC_TIMELINE_TURNS]; /* a ring */
    size_t n_turns;                               /* that ever began */
};

struct ac_session {
    struct ac_hub *hub;
    char id[65];
    char token[AC_TOKEN_SIZE];
    int64_t opened_ms; /* Unix time */
    struct ac_strand *strand;
    struct ac_cancel *cancel;
    atomic_int parts;    /* strand, speakers and answers that still run something */
    atomic_int messages; /* posted, not yet handled */

    /* hub */
    TAILQ_ENTRY(ac_session) in_all, in_line, in_talk_line;
    LIST_ENTRY(ac_session) in_bucket;
    bool queued;         /* in the hub's line */
    bool detached;       /* without a client */
    int64_t came_us;     /* into the line, or into that of those who want to talk */
    int64_t detached_us; /* since when */
    int64_t told_us;     /* when it was told its place in a line last */
    size_t told_position;
    enum floor floor;

    /* any thread */
    _Atomic int64_t used_us; /* last use */
    atomic_bool busy;        /* a turn runs */
    atomic_bool worth;       /* there is something to come back to */
    atomic_bool mic_on;
    atomic_uint_fast64_t turns, bytes_in, bytes_out, frames, late_frames;
    atomic_int shown; /* frames that a picture stands for, as of the last slice */

    pthread_mutex_t out_lock;
    struct session_task *tasks; /* out_lock: posted and not yet freed */
    struct ac_port port;        /* out_lock */
    bool port_open;             /* out_lock */
    bool ending;                /* out_lock: the port's `end` was called */
    struct profile profile;     /* out_lock */
    bool starting;              /* out_lock: counted in the hub */
    bool turn_failed;           /* out_lock: an error of the running turn was told */
    struct marks marks;         /* out_lock */
    struct audible audible;     /* out_lock */
    bool turn_runs;             /* out_lock: `running` and not held, for other strands */
    json_t *held;          /* out_lock: [[type, data], …] of a turn that is held back; NULL = none is */
    struct ac_heard heard; /* out_lock: sentences of the turn with their media times */
    uint32_t asides[MAX_ASIDES]; /* out_lock: numbers of the sentences that are no part of the answer */
    size_t n_asides;             /* out_lock */

    /* strand */
    bool opened;                 /* it has its engines; false while it waits in line */
    bool resumed;                /* the next `session_ready` says so */
    struct session_task *kept;   /* messages that came while it waited, the newest first */
    char *floor_text;            /* the turn waits for leave to talk: its question or text … */
    struct ac_frame *floor_chat; /* … and what the language model is asked; NULL: the text is said */
    struct ac_answer *answer;
    struct ac_speaker *speaker;
    struct ac_speaker_config choices;
    char language[16];
    struct ac_history *history;
    struct session_record *record;    /* of session_history.c: which conversation is kept */
    char *persona;                    /* of the choices; NULL = to be loaded */
    struct ac_summarizer *summarizer; /* NULL = none is possible */
    uint64_t summary_tag;             /* of the one that is being made */
    size_t summary_n;                 /* messages it stands for; 0 = none is being made */
    size_t summary_failed;            /* messages there were when one failed; 0 = the last one did not */
    bool verbatim;                    /* the running turn says a given text: no part of the conversation */
    struct ac_cancel *turn_cancel;
    uint32_t turn;               /* number of the last turn that began */
    bool running;                /* a turn runs */
    bool answering, speaking;    /* what the running turn waits for */
    char *answer_text;           /* the whole answer, once it is complete */
    char *held_question;         /* the turn is begun on trial: nothing of it is sent yet */
    struct ac_cancel *confirmed; /* of that turn: triggered when it is no trial any more */
    bool held_done;              /* it is complete already: there was nothing to speak */
    struct ac_speaker_times held_times;
    bool in_history; /* the answer of this turn stands in the history */

    struct ac_listener *listener;
    struct ac_audio_stream mic;  /* mode 0 = off */
    atomic_size_t audio_waiting; /* bytes of binary messages posted, not yet handled */
    atomic_bool audio_lost;      /* some were not taken */
    bool told_no_mic;            /* that binary messages were wrong */
    double threshold;            /* of this session; 0 = the configured one */
    uint32_t speaking_now;       /* utterance that the person is in; 0 = none */
    char *unanswered;            /* said before it, not yet answered */
};

/* ---- session.c: out ---- */
/* Sends a server message; takes the reference to data. Any thread. Result as of the port. */
int session_send(struct ac_session *s, const char *type, json_t *data);
void session_error(struct ac_session *s, int err, const char *message, uint32_t turn);
void session_state(struct ac_session *s, const char *state);
/* Counts it, too. */
json_t *session_degraded_data(struct ac_session *s, enum ac_stage stage, const char *from, const char *to,
                              const char *reason);
/* Posts fn to the session's strand; arg is the session or a session_task. */
void session_post(struct ac_session *s, ac_task_fn *fn, void *arg);
/* A zeroed struct of `size` bytes that begins with a session_task; session_task_free ends it. Any thread. */
void *session_task_new(struct ac_session *s, size_t size);
void session_task_free(void *task);
void session_part_gone(void *arg);
void session_send_ready(struct ac_session *s);
/* Handles a message that was kept; takes the task over. Strand. */
void session_handle_kept(struct session_task *task);
/* To the port, with out_lock held, and counted. */
int session_port_send(struct ac_session *s, const char *text, size_t len, const char *binary,
                      size_t binary_len);
/* As session_send with out_lock held. */
int session_send_locked(struct ac_session *s, const char *type, json_t *data);

/* ---- session_open.c ---- */
/* Engines and ears, and `session_ready`: it has been let in. A task; arg is the session. */
void session_admit(void *arg);
/* It waits in line: `error` busy with its place. */
void session_send_busy(struct ac_session *s, size_t position);
/* 128 random bits as 32 hex digits. */
void session_random_name(char name[AC_TOKEN_SIZE]);
bool session_language_valid(const char *tag);
void session_set_language(struct ac_session *s, const char *tag);
/* Ends the session for its port, with a reason. Its owner closes it then. False: it has no port. Hub's lock.
 */
bool session_end(struct ac_session *s, enum ac_end why, const char *message);
/* Ends it in the background. It is not in the hub's lists any more. */
void session_finish(struct ac_session *s);

/* ---- session_info.c ---- */
/* Notes what was chosen, for those who ask. Strand. */
void session_note_choices(struct ac_session *s);
void session_note_client(struct ac_session *s, const char *client);
/* A turn begins, with this question; it ended, with these marks. Strand. */
void session_note_turn(struct ac_session *s, uint32_t turn, const char *question);
void session_note_end(struct ac_session *s, enum ac_turn_result result,
                      const int64_t marks_us[AC_TURN_MARKS]);
/* Fills in what is known; turns may be NULL. Hub's lock. */
void session_inform(struct ac_session *s, struct ac_session_info *info, struct ac_turn_info *turns,
                    size_t *n_turns);

/* ---- session_turn.c ---- */
int session_open_engines(struct ac_session *s);
/*
 * Begins a turn with a question (text) or with text to say as it is. heard: the question was spoken (NULL: it
 * was typed). Strand.
 */
void session_begin_turn(struct ac_session *s, const char *text, bool verbatim,
                        const struct ac_listened *heard);
/* Ends the turn's state; the turn is complete, and that is sent. Strand. */
void session_end_turn(struct ac_session *s);
void session_turn_done(struct ac_session *s, const struct ac_speaker_times *times);
/* Makes the answer and has it spoken: the turn's number, cancel token and marks are set. Strand. */
void session_run_turn(struct ac_session *s, const char *text, bool verbatim);
/* The hub gives leave to talk. A task; arg is the session. */
void session_floor_given(void *arg);
/*
 * Stops the turn that runs, or of one that is done the rest that is still to be heard, and says why it is
 * `interrupted` (reason NULL: nothing is said). Strand.
 */
void session_stop_turn(struct ac_session *s, const char *reason);
/* The client's `playback`. */
void session_heard(struct ac_session *s, uint32_t turn, int64_t heard_us);
/* The state between turns: listening or idle. */
void session_rest(struct ac_session *s);
bool session_is_audible(struct ac_session *s);
/* Where the page's idle motion is now. Any thread. */
void session_set_idle(struct ac_session *s, double idle_ms);

/* ---- session_held.c ---- */
/*
 * Begins a turn on trial: the answer is made, but nothing of it is sent before session_release_turn says that
 * this was the question. session_drop_held makes it unseen. Strand.
 */
void session_guess_turn(struct ac_session *s, const char *question, const struct ac_listened *heard);
void session_release_turn(struct ac_session *s, const struct ac_listened *heard);
void session_drop_held(struct ac_session *s);
/* Sends what belongs to a turn, now or when it is released; takes the reference to data. Any thread. */
void session_send_of_turn(struct ac_session *s, const char *type, json_t *data);

/* ---- session_listen.c ---- */
void session_open_listener(struct ac_session *s);
void session_use_language(struct ac_session *s, double threshold);
void session_audio_start(struct ac_session *s, const struct ac_client_message *m);
void session_audio_end(struct ac_session *s);
void session_audio_whole(struct ac_session *s, const struct ac_client_message *m);
/* Looks after the listener: one that is stuck is left behind. Strand. */
void session_watch_listener(struct ac_session *s);

/* The microphone is off, whatever the page thinks. Strand. */
void session_mic_off(struct ac_session *s);

/* ---- session_context.c ---- */
/* The choices have changed: another person answers, or in another language. Strand. */
void session_forget_persona(struct ac_session *s);
/* What the language model is asked: the persona, what was said before, the question. Strand. */
struct ac_frame *session_ask(struct ac_session *s, const char *question);
/* Has the oldest part of a long conversation summed up. Strand. */
void session_shorten(struct ac_session *s);
/* The history was replaced: a summary that is being made is of another conversation. Strand. */
void session_forget_summary(struct ac_session *s);

/* ---- session_history.c ---- */
void session_history_open(struct ac_session *s);
/* Nothing is sent or posted to the session any more. */
void session_history_close(struct ac_session *s);
/*
 * Keeps what is said, where the client has given its name. All on the strand, and the question after it was
 * added to the history. The answer is that of the question remembered last, else nothing happens; it replaces
 * what was kept of it before. text "": nothing of it was heard.
 */
void session_remember_question(struct ac_session *s, const char *text);
void session_remember_answer(struct ac_session *s, uint32_t turn, const char *text, bool interrupted);
/* What was folded into this summary, as the history now is. */
void session_remember_summary(struct ac_session *s, const char *summary);
/* The client has heard less of a turn that was stopped than was thought. */
void session_heard_less(struct ac_session *s, uint32_t turn, int64_t heard_us);
/* `client` and `conversation` of a hello; NULL = not given. */
void session_choose_conversation(struct ac_session *s, const char *client, const char *conversation);
/* Goes on with a conversation of the store (there is one): it is loaded, then `conversation` is sent. */
void session_open_conversation(struct ac_session *s, const char *client, const char *id);
/* While one is loaded: true, and fn(arg) is called when it is there. */
bool session_defer(struct ac_session *s, ac_task_fn *fn, void *arg);
/* ---- hub_sessions.c ---- */
/*
 * Takes the session in, or puts it into the line (s->queued). Results as of ac_session_open. Choices of a
 * reservation are given to it.
 */
int hub_take_in(struct ac_hub *hub, struct ac_session *s);
/* It is over: takes it out of all lists; who waited comes in. Any thread. */
void hub_forget(struct ac_hub *hub, struct ac_session *s);
void hub_forget_locked(struct ac_hub *hub, struct ac_session *s);
struct ac_session *hub_find(struct ac_hub *hub, const char *id); /* lock held */
/* The session that was used least recently of those without a client (attached: with one too); lock held. */
struct ac_session *hub_oldest(struct ac_hub *hub, bool attached, int64_t idle_us);
/* Is there such an avatar or voice? Otherwise AC_ENOENT and a sentence that names some. May wait for a model.
 */
int hub_check_item(struct ac_hub *hub, enum ac_stage stage, const char *what, const char *id, char *why);
void hub_forget_reservations(struct ac_hub *hub); /* at the end */
/* Ends sessions whose client did not come back, forgets old reservations. */
void hub_expire(struct ac_hub *hub);

/* ---- hub_lines.c ---- */
/* Leave to talk: true at once, else the session waits in line and session_floor_given is posted. Strand. */
bool hub_floor_take(struct ac_hub *hub, struct ac_session *s);
/* Whether it would be given at once. */
bool hub_floor_free(struct ac_hub *hub);
/* Gives it back, or leaves the line. Any thread. */
void hub_floor_give(struct ac_hub *hub, struct ac_session *s);
/* A session has ended: who waits comes in. Lock held. */
void hub_admit(struct ac_hub *hub);
/* Sees to it that the lines move on and are told their places. Lock held. */
void hub_watch_lines(struct ac_hub *hub);
int hub_talk_limit(struct ac_hub *hub);

/* ---- hub_memory.c ---- */
/* Once a second, on the keeper strand. */
void hub_watch_memory(struct ac_hub *hub);
uint64_t hub_soft_bytes(struct ac_hub *hub);
uint64_t hub_hard_bytes(struct ac_hub *hub);
/* Whether memory is too short for another session, as of now where the last look said so. */
bool hub_memory_hard(struct ac_hub *hub);

/* ---- hub.c ---- */
/* What an avatar is called ("" = the configured one); its id where that is not known (yet). */
void hub_avatar_name(struct ac_hub *hub, const char *id, char name[NAME_SIZE]);

/* ---- hub_history.c ---- */
/* Opens the configured store. At the start. */
void hub_history_open(struct ac_hub *hub);
/* Posts to the strand that may wait for the store, in order; there is one. Any thread. */
void hub_history_post(struct ac_hub *hub, ac_task_fn *fn, void *arg);

/* ---- hub_listen.c ---- */
/* Data of `listen`: as far as it is known; `waiter`, if any, is sent it when it is. */
json_t *hub_listen_info(struct ac_hub *hub, struct ac_session *waiter, char vad[32], char asr[32]);
void hub_listen_forget(struct ac_hub *hub, struct ac_session *waiter);
void hub_listen_free(struct ac_hub *hub);

#endif
