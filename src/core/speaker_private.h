/*
 * Inside of the speaker, shared by speaker.c (turns, life), speaker_voice.c (the voice strand), and
 * speaker_render.c, speaker_speech.c, speaker_avatar.c and speaker_pace.c (the render strand).
 *
 * A turn is one object, counted by whoever works on it; sp->turn is the one whose output may reach the sink.
 * Tasks are mere kicks: each looks up the current turn and does the next piece of its work, so a kick too
 * many does no harm and a kick for a stopped turn finds nothing to do.
 *
 * Locks: sp->lock guards what is marked so; sp->sink_lock is held over every call of the sink and taken
 * before sp->lock.
 */
#ifndef AC_CORE_SPEAKER_PRIVATE_H
#define AC_CORE_SPEAKER_PRIVATE_H

#include "base/queue.h"
#include "core/speaker.h"
#include "media/fmp4.h"
#include "media/resample.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MAX_ENGINES = 8, REASON_SIZE = 256 };

/* One sentence on its way. Owned by its turn's list. */
struct utterance {
    struct utterance *next;
    struct ac_sentence sentence;
    uint32_t seq;
    struct ac_queue *speech; /* voice strand → render strand */
    bool voiced;             /* lock: no more speech comes */
};

struct turn {
    atomic_int refs;
    /* immutable */
    uint32_t number;
    struct ac_cancel *cancel;
    struct ac_speaker_config cfg;
    int64_t begin_us, idle_us;
    /* lock */
    struct utterance *first, *last;
    size_t n_said, n_voiced, n_rendered;
    bool ended;
    struct ac_speaker_times times;
};

/* Engines of one stage in fall-back order, opened when they are first needed. One strand only. */
struct engines {
    enum ac_stage stage;
    struct ac_instance *inst[MAX_ENGINES];
    bool failed[MAX_ENGINES]; /* replaced by the next one until the choices change */
};

/* How the render strand keeps up with the playing (speaker_pace.c). */
struct pace {
    int level;        /* of saving pictures: 0 = all are drawn */
    int calm;         /* slices with time to spare since it changed */
    int patience;     /* so many more than one bring the next pictures back */
    bool came_back;   /* pictures have, since time was short last */
    int64_t slack_us; /* how long before its time the last slice was begun */
    int64_t begin_us; /* when that was … */
    int64_t took_us;  /* … and how long it took */
    bool known;       /* slack_us is of this stretch of playing */
};

/* An avatar that is asked to do with less work; lives as long as the choices (speaker_pace.c). */
struct saving {
    bool on;
    int calm;        /* slices in a row with time to spare */
    int calm_wanted; /* so many end it; 0 = it has not begun yet */
};

/* What an avatar that hears was given of the current sentence (speaker_avatar.c). */
struct hearing {
    int64_t us;          /* length of the speech so far */
    int64_t next_sample; /* where it goes on, at rate_hz, that of the last piece */
    int rate_hz;
    bool all;                 /* it is complete */
    struct ac_frame **pieces; /* kept for an engine that would have to take over */
    size_t n, cap;
};

/* What the render strand works with. */
struct render {
    struct turn *turn; /* own reference */
    struct engines lipsync, avatar;
    struct ac_prefs prefs;       /* what the engines are to show */
    const struct ac_config *cfg; /* they were chosen by */
    bool opened, broken;
    struct ac_instance *drawing; /* of avatar: the one that draws */
    struct hearing hearing;
    struct saving saving;
    int saved; /* slices with less work in this session */
    struct ac_fmp4 *mux;
    struct ac_resampler *resampler;
    int resampler_hz;
    size_t lipsync_used; /* engine of the current sentence */

    struct utterance *cur;
    bool announced, complete; /* cur: told to the sink; all its speech is in pcm and poses */
    int64_t begin_us;         /* of cur, on the turn's media clock */
    struct ac_word *words;    /* of cur, so far */
    size_t n_words;
    struct ac_str pcm;     /* int16_t at AC_FMP4_AUDIO_RATE, not yet encoded */
    int64_t pcm_in;        /* samples of cur so far */
    struct ac_pose *poses; /* of cur, not yet drawn: [pose_at, n_poses) */
    size_t n_poses, cap_poses, pose_at;
    size_t relax; /* of cur's last frames: the face is neutral again, for the idle picture that follows */
    struct ac_frame *picture;
    bool first_fragment; /* of cur */

    int64_t frames;      /* drawn in this turn */
    int64_t clip_frames; /* drawn in this clip */
    int64_t samples;     /* encoded in this turn */
    uint32_t chunks;
    int64_t play_us; /* monotonic time at which media time 0 is played; 0 = not begun */
    struct pace pace;
    struct ac_slice slice; /* the one that is being made */
    int64_t wake_us;       /* last timed wake-up that was posted */
    int64_t idle0_us;      /* idle phase at media time 0 */
    struct ac_str out;     /* the fragment */
    int64_t held;          /* frames in `out` that the sink did not take yet */
};

/*
 * Tasks of a strand that are on their way: several where the work has become more urgent, or less. Only the
 * last one works, for its deadline is the right one; were each to do a piece of work, one would do that of
 * the next one's time, and so on for ever, before what is due elsewhere.
 */
struct kick {
    int pending;
    int64_t deadline_us; /* of the last one */
};

struct ac_speaker {
    struct ac_pool *pool;
    struct ac_models *models;
    _Atomic(const struct ac_config *) cfg;
    struct ac_speaker_sink sink;
    struct ac_strand *voice_strand, *render_strand;
    _Atomic int64_t voice_busy_us, render_busy_us; /* when the engine call in progress began; 0 = none */

    _Atomic int64_t due_us;    /* when the next slice is to be played; 0 = nothing plays yet */
    _Atomic int64_t dry_us;    /* when all speech that is there has been played; 0 likewise */
    _Atomic int64_t within_us; /* a turn that begins wants to be heard so soon */
    bool voice_waits;          /* immutable: speech is made outside of the workers */
    _Atomic int64_t voice_us;  /* time that speech has taken since the last slice */

    pthread_mutex_t sink_lock;
    pthread_mutex_t lock;
    struct turn *turn;                   /* lock (and sink_lock to change it) */
    struct ac_speaker_config scfg;       /* lock */
    struct kick voice_kick, render_kick; /* lock */
    bool closing;                        /* lock: nothing is posted any more */
    int strands_left;
    ac_task_fn *done;
    void *done_arg;

    struct engines voices;   /* voice strand only */
    struct turn *voice_turn; /* voice strand only: last turn worked for, own reference */
    struct render r;         /* render strand only */
};

struct turn *turn_ref(struct turn *t);
void turn_unref(struct turn *t);
struct turn *speaker_turn(struct ac_speaker *sp); /* a reference, or NULL */
void kick_voice(struct ac_speaker *sp);
void kick_render(struct ac_speaker *sp);
/* The next slice: at a time, or (0) now by a deadline of its own, whatever is on its way. */
void post_render(struct ac_speaker *sp, int64_t start_us);
/* A task begins: whether it is to work. */
bool kick_is_last(struct ac_speaker *sp, struct kick *k);
void voice_task(void *arg);
void render_task(void *arg);
void render_wake(void *arg);
void render_clear(struct ac_speaker *sp); /* render strand, or nobody else left */
void engines_close(struct engines *e);

/*
 * Engine i of the stage, opened when needed; NULL with reason when it cannot be. n engines are configured.
 */
struct ac_instance *engines_get(struct ac_speaker *sp, struct engines *e, size_t i,
                                const struct ac_prefs *prefs, char *reason, int *err);
/* Marks engine i as failed and tells the sink which one takes over, when there is one. */
void engines_fail(struct ac_speaker *sp, struct engines *e, struct turn *t, size_t i, const char *reason);
/* The first half of that. */
void engines_mark_failed(struct engines *e, size_t i, const char *name, const char *reason);

/* Runs process with the stage's deadline below the turn's cancel; a passed deadline reads as AC_ETIMEDOUT. */
int timed_process(struct ac_speaker *sp, _Atomic int64_t *busy_us, struct turn *t, struct ac_instance *inst,
                  const struct ac_frame *in, struct ac_sink *out);

/* ---- the render strand ---- */
/*
 * Takes speech until n frames and their sound are ready or the sentence is complete; AC_OK also when the
 * voice is not that far yet. On failure reason (REASON_SIZE bytes) says why.
 */
int render_fill(struct ac_speaker *sp, struct render *r, size_t n, char *reason);
bool render_is_last(struct ac_speaker *sp, const struct render *r);

/* ---- speaker_avatar.c ---- */
/*
 * Opens the first avatar engine that shows the person of r->prefs; 0 also when another one stands in for it,
 * which the sink is told. On failure reason says why.
 */
int avatar_open(struct ac_speaker *sp, struct render *r, char *reason);
void avatar_close(struct render *r);
/* A sentence begins. */
void avatar_begin_sentence(struct render *r);
/* Gives it the next piece of the sentence's speech, where it hears. */
int avatar_hear(struct ac_speaker *sp, struct render *r, struct ac_frame *speech, char *reason);
/* There is no more of it: tells that where the last piece did not. */
int avatar_hear_end(struct ac_speaker *sp, struct render *r, char *reason);
/* How many of the poses may be drawn by now. */
size_t avatar_ready(const struct ac_speaker *sp, const struct render *r);
/* Draws a pose into r->picture; where the engine fails, with the next one. */
int avatar_draw(struct ac_speaker *sp, struct render *r, const struct ac_frame *pose, char *reason);
bool avatar_can_save(const struct render *r);
/* A slice is made with less work: tells the sink, once a session, when that is more than a hiccup. */
void avatar_note_saving(struct ac_speaker *sp, struct render *r);

/* ---- speaker_pace.c ---- */
/* When the next slice may be rendered; 0 = now. Keeps the lead over the playing. */
int64_t pace_due_us(struct ac_speaker *sp, struct render *r);
/* How many frames the next slice has. */
size_t pace_frames(struct ac_speaker *sp, struct render *r);
/*
 * A slice begins: sets or, after a dry spell, moves the clock (true), and finds out how many
 * pictures there is time for.
 */
bool pace_begin(struct ac_speaker *sp, struct render *r);
/* It was given out. anchored: as pace_begin said. */
void pace_end(struct ac_speaker *sp, struct render *r, size_t n, bool anchored);
/* Frames that each picture of the slice is shown for; redraw: it is drawn anew and not the last one again. */
int pace_shown(const struct render *r, size_t n, bool *redraw);
/* Whether the next picture is to be made with less work. */
bool pace_saves(const struct render *r);
/* Notes when the next slice, and the next speech, are wanted. */
void pace_note(struct ac_speaker *sp, struct render *r);
/* A deadline for what is wanted by then (due_us, dry_us). Any thread. */
int64_t pace_deadline_us(struct ac_speaker *sp, const _Atomic int64_t *when_us);

static inline int fps_of(const struct ac_speaker *sp, const struct render *r)
{
    return r->turn && r->turn->cfg.prefs.fps ? r->turn->cfg.prefs.fps : ac_config_video(sp->cfg)->fps;
}

static inline int64_t frames_us(int64_t frames, int fps)
{
    return frames * 1000000 / fps;
}

static inline int64_t frame_samples(int64_t frames, int fps)
{
    return frames * AC_FMP4_AUDIO_RATE / fps;
}

static inline bool is_clip(const struct render *r)
{
    return r->turn->cfg.delivery == AC_DELIVERY_CLIP;
}

/* Calls of the sink; nothing happens when t is not the current turn any more. */
void tell_error(struct ac_speaker *sp, struct turn *t, int err, const char *reason);
void tell_degraded(struct ac_speaker *sp, struct turn *t, enum ac_stage stage, const char *from,
                   const char *to, const char *reason);

#endif
