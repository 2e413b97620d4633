/*
 * The handler contract: what an engine of any stage is.
 *
 * An engine (flite, faq, character …) is one file that ends in one constant:
 *
 *     const struct ac_handler_info ac_handler_tts_flite = { .name = "flite", .stage = AC_STAGE_TTS, … };
 *
 * and one line in CMake (AC_ALL_ENGINES). The framework does the rest: options, help, loading, sharing,
 * threads, deadlines, fall-back. An engine uses no globals; it links to nothing of the framework but
 * base/, media/ and infer/.
 *
 * Life, and who calls when:
 *
 *     model_open ── once a process, on first use; shared, read-only afterwards (or locked by the engine)
 *       open     ── once a session (or whenever the session's choices change); AC_ENOTSUP: the choice is
 *                no business of this engine, the next one of the list is asked without further ado.
 *                AVATAR: other errors make the next one show its default person (prefs.avatar "")
 *         process(in) … process(NULL)   one unit of work: a question, a sentence, a piece of speech;
 *                                       NULL = the unit is complete, push what is held back
 *         reset  ── interruption: drop state, keep resources; afterwards as after open
 *       close
 *     model_close ── last session gone and memory wanted, or shutdown
 *
 * Threads: one instance is entered by one thread at a time, not always the same one. Different
 * instances of one model are entered at the same time. cancel may be triggered from any thread.
 *
 * One POSE gives exactly one PICTURE.
 *
 * Ownership: `in` is borrowed for the call (take a reference to keep it). out->push takes the frame
 * over, also when it fails. Anything pushed is a fresh frame.
 *
 * Errors: 0 or AC_E…. A non-zero result of out->push must be returned as it is (AC_ECANCELED: the
 * reader is gone). Failing leaves the instance ready for reset. The framework logs; the engine says
 * why with ac_env_fail(), in one sentence that names the cause and the remedy.
 *
 * Time: process looks at ac_cancelled(cancel) at least every 20 ms of work and returns AC_ECANCELED.
 * The framework puts a deadline on cancel. An engine that waits on something outside of the process
 * sets AC_HANDLER_WAITS and is run on a thread of its own instead of a core's worker.
 */
#ifndef AVATARCHAT_HANDLER_H
#define AVATARCHAT_HANDLER_H

#include "avatarchat/err.h"
#include "avatarchat/frame.h"

struct ac_cancel; /* base/cancel.h */
bool ac_cancelled(const struct ac_cancel *c);

enum ac_stage {
    AC_STAGE_INVALID = 0,
    AC_STAGE_VAD,
    AC_STAGE_ASR,
    AC_STAGE_LLM,
    AC_STAGE_TTS,
    AC_STAGE_LIPSYNC,
    AC_STAGE_AVATAR,
    AC_STAGE_COUNT
};

/* Where an engine's output goes. push takes the frame; non-zero means: stop, return this. */
struct ac_sink {
    int (*push)(struct ac_sink *sink, struct ac_frame *frame);
};

/* ---- options ---- */

enum ac_opt_type {
    AC_OPT_END = 0,
    AC_OPT_BOOL,   /* bool */
    AC_OPT_INT,    /* int, min…max */
    AC_OPT_FLOAT,  /* double, min…max */
    AC_OPT_STRING, /* char *, owned by the configuration */
    AC_OPT_PATH,   /* char *; relative to the file that sets it, or the data directories (see ac_env_path) */
    AC_OPT_CHOICE, /* int, index into choices */
};

enum { AC_OPT_RUNTIME = 1 /* may change while running */, AC_OPT_SECRET = 2 /* never shown */ };

struct ac_option {
    enum ac_opt_type type;
    const char *name;           /* lower_case, unit in the name where there is one */
    size_t offset;              /* in the engine's configuration struct */
    const char *def;            /* default, as one would write it in the file */
    double min, max;            /* INT, FLOAT */
    const char *const *choices; /* CHOICE: NULL-terminated */
    unsigned flags;
    const char *help; /* one line, a sentence */
};

/* offset of a field, checked against the C type that the option type stores */
#define AC_FIELD(T, f, ctype) (_Generic(&((T *)0)->f, ctype * : offsetof(T, f)))
#define AC_OPTION_BOOL(T, f, n, d, fl, h)                                                                    \
    {                                                                                                        \
        AC_OPT_BOOL, n, AC_FIELD(T, f, bool), d, 0, 0, NULL, fl, h                                           \
    }
#define AC_OPTION_INT(T, f, n, d, lo, hi, fl, h)                                                             \
    {                                                                                                        \
        AC_OPT_INT, n, AC_FIELD(T, f, int), d, lo, hi, NULL, fl, h                                           \
    }
#define AC_OPTION_FLOAT(T, f, n, d, lo, hi, fl, h)                                                           \
    {                                                                                                        \
        AC_OPT_FLOAT, n, AC_FIELD(T, f, double), d, lo, hi, NULL, fl, h                                      \
    }
#define AC_OPTION_STRING(T, f, n, d, fl, h)                                                                  \
    {                                                                                                        \
        AC_OPT_STRING, n, AC_FIELD(T, f, char *), d, 0, 0, NULL, fl, h                                       \
    }
#define AC_OPTION_PATH(T, f, n, d, fl, h)                                                                    \
    {                                                                                                        \
        AC_OPT_PATH, n, AC_FIELD(T, f, char *), d, 0, 0, NULL, fl, h                                         \
    }
#define AC_OPTION_CHOICE(T, f, n, d, ch, fl, h)                                                              \
    {                                                                                                        \
        AC_OPT_CHOICE, n, AC_FIELD(T, f, int), d, 0, 0, ch, fl, h                                            \
    }
#define AC_OPTIONS_END                                                                                       \
    {                                                                                                        \
        AC_OPT_END, NULL, 0, NULL, 0, 0, NULL, 0, NULL                                                       \
    }

/* ---- environment ---- */

/* What a session wants; set before open, constant while the instance is open. */
struct ac_prefs {
    char lang[16];          /* BCP 47, "" = automatic */
    char avatar[64];        /* avatar id, "" = the configured one */
    char voice[64];         /* voice id, "" = the default of each language */
    char gender[8];         /* of the avatar, "" = not told: which default voice suits */
    int width, height, fps; /* of the picture; 0 = engine's default */
    int still;              /* not 0: nothing will be said (an idle clip, a poster) */
};

/*
 * Handed to model_open, open and list; outlives the model or instance. Engines touch it only through
 * the members and functions named here.
 */
struct ac_env {
    const char *log_name;         /* "tts.flite" */
    const char *const *data_dirs; /* NULL-terminated: where avatars/, knowledge/ … are looked for */
    struct ac_prefs prefs;
    int threads;      /* how many threads of its own the engine may use */
    char reason[256]; /* filled by ac_env_fail */
};

/* Notes why the call fails ("no avatar 'x': avatars are anna, ben") and gives err back. */
int ac_env_fail(struct ac_env *env, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/*
 * Finds an existing file or folder: absolute as it is, else below the working directory, else below each
 * data directory. Result is malloc'ed, NULL when there is none.
 */
char *ac_env_path(const struct ac_env *env, const char *path);

/* What an engine offers, one at a time: a voice, an avatar. Strings are borrowed for the callback. */
struct ac_item {
    const char *id;
    const char *name;   /* for people, in its own language */
    const char *lang;   /* BCP 47 or "" */
    const char *gender; /* "female", "male" or "" */
    const char *detail; /* one line, or "" */
    const char *note;   /* why it cannot be used as it should, and the remedy; NULL or "": it can */
    bool is_default;    /* the engine shows this one where a session names none */
};
typedef void ac_item_fn(void *arg, const struct ac_item *item);

/* One thing that an engine found out about itself. remedy: "" where it is as it should be. */
typedef void ac_finding_fn(void *arg, const char *detail, const char *remedy);

/* ---- the vtable ---- */

enum {
    AC_HANDLER_WAITS = 1,      /* process waits on the network or another process */
    AC_HANDLER_SUMMARIZES = 2, /* LLM: can sum up a conversation (ac_chat.summarize) */
    /* does nothing without settings, or sends what is said to others: used only where `use` names it */
    AC_HANDLER_NEEDS_CONFIG = 4,
    /*
     * AVATAR: moves the lips by the sound. Gets, besides POSE, every SPEECH frame of the sentence, each
     * before the poses that need it: a pose comes when the speech reaches hear_ahead_ms beyond its time
     * (sentence_frame / fps), or is complete (ac_speech.last, which comes for every sentence that was not
     * interrupted, if need be with no samples). start_sample 0 begins a sentence; whoever takes over in the
     * middle gets all of it. Pieces may differ in rate_hz. Nothing is pushed for speech.
     */
    AC_HANDLER_HEARS = 8,
    AC_HANDLER_SAVES = 16 /* AVATAR: heeds ac_pose.save; asked to before pictures are left out */
};

/* What an engine is to make of a user's file (ac_handler_info.make). */
struct ac_make {
    const char *file;           /* photo or video; not trusted */
    const char *folder;         /* exists; FOLDER/ID is made, whole or not at all */
    const char *id;             /* checked: a-z 0-9 _ -, at most 63 */
    const char *name, *licence; /* for people, UTF-8; may be "" */
    const char *gender;         /* "female", "male", "" */
    bool replace;               /* FOLDER/ID may be there already */
    /* Tells how far it is, 0 … 1, and what is being done; may be NULL. */
    void (*progress)(void *arg, double done, const char *step);
    /* Tells what was found, one line at a time ("face 212x280 at (140, 96), 3 of 512 frames without"). */
    void (*found)(void *arg, const char *line);
    /*
     * Names a refusal for programs, before the sentence of ac_env_fail: one of file_kind, file_broken,
     * file_large, video_long, video_short, face_none, face_many, face_small, face_blurred, face_turned,
     * face_cut, face_lost (missing from too many pictures of a video); may be NULL.
     */
    void (*refused)(void *arg, const char *code);
    void *arg;
};

/* How an engine is to make its model quicker on this machine (ac_handler_info.optimize). */
struct ac_optimize {
    const char *file;           /* the model; found as ac_env_path finds it */
    const char *const *choices; /* NULL-terminated: ids to measure with (avatars) */
    const int16_t *speech;      /* to measure with, AC_LISTEN_RATE_HZ */
    size_t n_speech;
    const char *precision; /* "auto", "int8", "fp32" */
    double psnr_db;        /* auto: how near the result is to the original's, at least */
    void (*progress)(void *arg, double done, const char *step); /* as in ac_make; both may be NULL */
    void (*found)(void *arg, const char *line);
    void *arg;
};

struct ac_handler_info {
    const char *name; /* lower case, as in the configuration */
    const char *help; /* one line */
    enum ac_stage stage;
    enum ac_frame_type in, out;
    unsigned flags;
    int hear_ahead_ms;                      /* with AC_HANDLER_HEARS */
    size_t cfg_size, model_size, inst_size; /* structs the framework allocates, zeroed */
    const struct ac_option *options;        /* ends with AC_OPTIONS_END; NULL = none */

    int (*model_open)(void *model, const void *cfg, struct ac_env *env); /* optional */
    void (*model_close)(void *model);                                    /* optional; also after failure */
    int (*open)(void *inst, void *model, const void *cfg, struct ac_env *env); /* optional */
    void (*close)(void *inst); /* optional; also after failure */
    int (*process)(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel);
    void (*reset)(void *inst); /* optional */
    /*
     * optional: a unit of work is likely to follow within seconds (the person has begun to speak); prepares
     * what would cost time then, such as a connection. What goes wrong shows when it is needed.
     */
    void (*warm)(void *inst, struct ac_cancel *cancel);
    /* optional: what can be chosen (voices, avatars) */
    int (*list)(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg);
    /*
     * optional, for `doctor`: looks at what the engine needs (files, machine) and tells how it stands, where
     * opening it does not show that. May take a second.
     */
    void (*examine)(void *model, const void *cfg, struct ac_env *env, ac_finding_fn *fn, void *arg);
    /*
     * optional: makes one more choice (an avatar) of a file. Refusals (AC_EINVAL no face …, AC_ELIMIT,
     * AC_EBUSY: it is there already) say in env what is wrong and what would be right.
     */
    int (*make)(void *model, const void *cfg, struct ac_env *env, const struct ac_make *make,
                struct ac_cancel *cancel);
    /* optional: makes a quicker form of the model once, which is used from the next model_open on */
    int (*optimize)(struct ac_env *env, const struct ac_optimize *how, struct ac_cancel *cancel);
};

#endif
