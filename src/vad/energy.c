/*
 * energy: voice activity by loudness over an adaptive noise floor. It needs no model and knows nothing of
 * what it hears: it stands in where Silero's model is missing.
 *
 * Each window of 512 samples (32 ms) has a level in dB, after a high-pass at about 200 Hz that takes away hum
 * and rumble. The noise floor is the level that a tenth of the last four seconds' windows do not reach:
 * speech has gaps, so that is the level of the room even while somebody speaks, and a few windows of digital
 * silence, as at the start of many streams, do not pull it down. How far the level is above the floor gives
 * the probability, by a logistic curve. It falls slowly, to bridge the quiet consonants within a word.
 */
#include "avatarchat/handler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 512,
    MEMORY = 125, /* windows: 4 s */
    TENTH = 10,
};

static const double HIGH_PASS = 0.924; /* exp(-2π · 200 / 16000) */
static const double SLOPE_DB = 1.5;    /* of the logistic curve */
static const float FALL = 0.86F;       /* a window; 1 → 0.35 in 220 ms */
static const double SILENCE_DB = -96;  /* the least that 16 bits can hold */

struct config {
    double margin_db, least_db;
};

static const struct ac_option options[] = {
    AC_OPTION_FLOAT(struct config, margin_db, "margin_db", "9", 3, 40, AC_OPT_RUNTIME,
                    "How far above the noise speech has to be, in dB, to be as likely as not."),
    AC_OPTION_FLOAT(struct config, least_db, "least_db", "-55", -90, 0, AC_OPT_RUNTIME,
                    "What is quieter than this, in dB of full scale, is no speech."),
    AC_OPTIONS_END,
};

struct instance {
    struct ac_env *env;
    double margin_db, least_db;
    /* the window */
    double sum; /* of squares */
    size_t fill;
    int64_t start_sample;
    /* the stream */
    double x, y;           /* last sample before and after the high-pass */
    double levels[MEMORY]; /* a ring */
    size_t windows;        /* so far */
    float probability;
    bool begun;
    uint32_t turn;
};

static void reset(void *inst)
{
    struct instance *i = inst;

    i->sum = i->x = i->y = 0;
    i->fill = 0;
    i->windows = 0;
    i->probability = 0;
    i->begun = false;
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *i = inst;
    const struct config *c = cfg;

    (void)model;
    i->env = env;
    i->margin_db = c->margin_db;
    i->least_db = c->least_db;
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Notes the level and gives the floor, this one counted. */
static double track_floor(struct instance *i, double level_db)
{
    double sorted[MEMORY];

    i->levels[i->windows++ % MEMORY] = level_db;
    size_t n = i->windows < MEMORY ? i->windows : MEMORY;
    memcpy(sorted, i->levels, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    return sorted[n / TENTH];
}

static int finish_window(struct instance *i, struct ac_sink *out)
{
    double level_db = fmax(SILENCE_DB, 10 * log10(i->sum / (double)i->fill + 1e-12));
    double above_db = fmin(level_db - track_floor(i, level_db) - i->margin_db, level_db - i->least_db);
    float now = (float)(1 / (1 + exp(-above_db / SLOPE_DB)));

    i->probability = fmaxf(now, i->probability * FALL);
    struct ac_frame *f = ac_frame_new(AC_FRAME_VOICE);
    f->turn = i->turn;
    f->voice.start_sample = i->start_sample;
    f->voice.n_samples = i->fill;
    f->voice.probability = i->probability;
    i->start_sample += (int64_t)i->fill;
    i->fill = 0;
    i->sum = 0;
    return out->push(out, f);
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;

    if (!in) {
        int err = i->fill ? finish_window(i, out) : 0;
        reset(i);
        return err;
    }
    const struct ac_audio *a = &in->audio;
    if (!i->begun)
        i->start_sample = a->start_sample;
    else if (a->start_sample != i->start_sample + (int64_t)i->fill)
        return ac_env_fail(i->env, AC_EINVAL, "the sound has a gap: reset the detector first");
    if (!i->begun && a->n_samples)
        i->x = a->pcm[0] / 32768.0; /* an offset is no click */
    i->begun = i->begun || a->n_samples;
    i->turn = in->turn;
    for (size_t k = 0; k < a->n_samples; k++) {
        double x = a->pcm[k] / 32768.0;
        i->y = HIGH_PASS * (i->y + x - i->x);
        i->x = x;
        i->sum += i->y * i->y;
        if (++i->fill < WINDOW)
            continue;
        int err = ac_cancelled(cancel) ? AC_ECANCELED : finish_window(i, out);
        if (err) {
            reset(i);
            return err;
        }
    }
    return 0;
}

const struct ac_handler_info ac_handler_vad_energy = {
    .name = "energy",
    .help = "loudness above the noise of the room; needs no model, takes any loud noise for speech",
    .stage = AC_STAGE_VAD,
    .in = AC_FRAME_AUDIO,
    .out = AC_FRAME_VOICE,
    .cfg_size = sizeof(struct config),
    .inst_size = sizeof(struct instance),
    .options = options,
    .open = open_instance,
    .process = process,
    .reset = reset,
};
