/*
 * acoustic: lip sync from the sound alone, for speech engines that give no phoneme times and for recordings.
 *
 * The sound goes to 16 kHz (acoustic_rate.c), becomes features every 10 ms (acoustic_mel.c), and a small
 * causal network (acoustic_net.c) answers every 20 ms what the mouth did 80 ms before. Pose n shows the mouth
 * at (n + 0.5) / fps as in phoneme.c; it leaves once the answers reach the end of its frame, so it does not
 * depend on how the speech is cut in pieces. What must not be blurred is laid over the network's mean
 * opinion: lips that touch touch fully, and a mouth at rest is at rest. Method, training and figures:
 * docs/lipsync.md.
 */
#include "avatarchat/handler.h"
#include "lipsync/acoustic_net.h"
#include "lipsync/acoustic_rate.h"
#include "lipsync/loudness.h"

#include <math.h>
#include <string.h>

enum {
    DEFAULT_FPS = 25,
    STEP_US = 20000,
    RING = 32,         /* answers kept; a pose at 5 frames a second looks at 11 */
    PEAK_US = 20000,   /* how far beside its time a pose looks for lips that touch */
    FINALE_US = 80000, /* closing at the end: what the delay leaves time for */
    BLOCK_SAMPLES = 2048
};

struct config {
    double strength;
};

static const struct ac_option options[] = {
    AC_OPTION_FLOAT(struct config, strength, "strength", "1.0", 0.3, 1.5, 0,
                    "How far the mouth moves: 1 is natural, more is easier to read from a distance."),
    AC_OPTIONS_END,
};

struct model {
    struct ac_acoustic_tables tables;
    struct ac_acoustic_net net;
};

struct instance {
    struct ac_env *env;
    const struct model *model;
    float strength;
    /* the sentence */
    struct ac_acoustic_rate rate;
    int64_t heard; /* samples at 16 kHz */
    float sound[AC_ACOUSTIC_STEP];
    size_t n_sound;
    struct ac_acoustic_mel mel;
    struct ac_acoustic_state state;
    struct ac_acoustic_out answers[RING];
    int64_t n_answers;
    struct ac_loudness loudness;
    int64_t next; /* pose to push */
    enum ac_emotion emotion;
    uint32_t turn;
    bool begun, complete;
};

static int model_open(void *model, const void *cfg, struct ac_env *env)
{
    struct model *m = model;

    (void)cfg;
    ac_acoustic_tables_init(&m->tables);
    int err = ac_acoustic_net_load(&m->net);
    if (err)
        return ac_env_fail(env, err,
                           "the weights of lip sync 'acoustic' do not fit this program: build it anew");
    return 0;
}

static void model_close(void *model)
{
    struct model *m = model;

    ac_acoustic_net_free(&m->net);
    ac_acoustic_tables_free(&m->tables);
}

/* Ready for the next sentence; the buffers stay. */
static void reset(void *inst)
{
    struct instance *i = inst;

    ac_acoustic_mel_reset(&i->mel);
    ac_loudness_reset(&i->loudness);
    memset(&i->state, 0, sizeof i->state);
    i->heard = i->n_answers = i->next = 0;
    i->n_sound = 0;
    i->begun = i->complete = false;
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *i = inst;
    int fps = env->prefs.fps ? env->prefs.fps : DEFAULT_FPS;

    i->env = env;
    i->model = model;
    i->strength = (float)((const struct config *)cfg)->strength;
    i->loudness.fps = fps;
    if (fps < 5 || fps > 120)
        return ac_env_fail(env, AC_EINVAL, "%d frames a second: 5 to 120 are possible", fps);
    if (ac_acoustic_mel_open(&i->mel))
        return ac_env_fail(env, AC_ENOMEM, "%s", ac_err_text(AC_ENOMEM));
    reset(i);
    return 0;
}

static void close_instance(void *inst)
{
    struct instance *i = inst;

    ac_acoustic_mel_close(&i->mel);
    ac_acoustic_rate_free(&i->rate);
    ac_loudness_free(&i->loudness);
}

/* ---- from answers to a mouth ---- */

static float smooth(float x)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    return x * x * (3 - 2 * x);
}

static float clampf(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* Time that answer k is for. */
static int64_t answer_us(int64_t k)
{
    return (k + 1 - AC_ACOUSTIC_DELAY_STEPS) * STEP_US;
}

/* The answer at t_us, between the two nearest. */
static struct ac_acoustic_out answer_at(const struct instance *i, int64_t t_us)
{
    int64_t k = t_us / STEP_US + AC_ACOUSTIC_DELAY_STEPS - 1;
    const float *a = (const float *)&i->answers[k % RING], *b = (const float *)&i->answers[(k + 1) % RING];
    float part = (float)(t_us - answer_us(k)) / STEP_US;
    struct ac_acoustic_out out;

    for (size_t n = 0; n < sizeof out / sizeof *a; n++)
        ((float *)&out)[n] = part > 0 ? a[n] + part * (b[n] - a[n]) : a[n];
    return out;
}

/*
 * How much the lips touch when the network takes it for so likely: a pose must not show lips that nearly
 * touch. Each is half closed where the share of wrong and of missed closures is least (docs/lipsync.md).
 */
static float press_of(const struct ac_acoustic_out *o)
{
    return smooth((o->mouth.press - 0.38f) / 0.35f);
}

static float bite_of(const struct ac_acoustic_out *o)
{
    return smooth((o->mouth.bite - 0.25f) / 0.35f);
}

/* The strongest contacts around t_us, so that none falls between two poses; each belongs to one pose. */
static void contacts(const struct instance *i, const struct ac_acoustic_out *at, int64_t t_us,
                     int64_t half_us, float *press, float *bite)
{
    int64_t reach = half_us < PEAK_US ? half_us : PEAK_US;

    *press = press_of(at);
    *bite = bite_of(at);
    for (int64_t k = 0; k < RING && k < i->n_answers; k++) {
        int64_t number = i->n_answers - 1 - k;
        const struct ac_acoustic_out *o = &i->answers[number % RING];
        if (answer_us(number) <= t_us - reach)
            break;
        if (answer_us(number) > t_us + reach)
            continue;
        *press = fmaxf(*press, press_of(o));
        *bite = fmaxf(*bite, bite_of(o));
    }
}

static void fill_mouth(const struct instance *i, int64_t t_us, struct ac_pose *pose)
{
    struct ac_acoustic_out o = answer_at(i, t_us);
    int64_t rest_us = ac_loudness_time_us(&i->loudness, i->loudness.total - 1);
    float end = i->complete ? smooth((float)(rest_us - t_us) / FINALE_US) : 1;
    float awake = end * (1 - smooth((o.viseme[AC_VIS_SIL] - 0.45f) / 0.4f));
    float press, bite, move = awake * i->strength;
    const struct ac_mouth *m = &o.mouth;

    if (awake <= 0)
        return; /* at rest, as the new frame is */
    contacts(i, &o, t_us, 500000 / i->loudness.fps, &press, &bite);
    bite *= 1 - press;
    float free = move * (1 - press); /* closed lips leave nothing of the opening */
    pose->mouth = (struct ac_mouth){
        .jaw = clampf(m->jaw * free, 0, 1),
        .width = clampf(m->width * move, -1, 1),
        .round = clampf(m->round * move, 0, 1),
        .upper = clampf(m->upper * free, 0, 1),
        .lower = clampf(m->lower * free * (1 - 0.8f * bite), 0, 1),
        .press = press * awake,
        .bite = bite * awake,
        .teeth = clampf(m->teeth * free, 0, 1),
        .tongue = clampf(m->tongue * free, 0, 1),
    };
    pose->stress = o.stress * awake;
}

static int push_pose(struct instance *i, struct ac_sink *out)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_POSE);

    f->turn = i->turn;
    fill_mouth(i, ac_loudness_time_us(&i->loudness, i->next), &f->pose);
    f->pose.emotion = i->emotion;
    f->pose.energy = ac_loudness_at(&i->loudness, i->next);
    f->pose.speaking = true;
    i->next++;
    return out->push(out, f);
}

/* Pushes all poses whose frames the answers cover. */
static int push_poses(struct instance *i, struct ac_sink *out)
{
    int64_t half_us = 500000 / i->loudness.fps;
    int err = 0;

    while (!err && i->next < (i->complete ? i->loudness.total : i->loudness.covered) &&
           ac_loudness_time_us(&i->loudness, i->next) + half_us <= answer_us(i->n_answers - 1))
        err = push_pose(i, out);
    return err;
}

/* ---- from sound to answers ---- */

static int step(struct instance *i, struct ac_sink *out, struct ac_cancel *cancel)
{
    float rows[AC_ACOUSTIC_IN];

    if (ac_cancelled(cancel))
        return AC_ECANCELED;
    for (int n = 0; n < 2; n++)
        ac_acoustic_mel_step(&i->mel, &i->model->tables, i->sound + (ptrdiff_t)n * AC_ACOUSTIC_HOP,
                             rows + (ptrdiff_t)n * AC_ACOUSTIC_BANDS);
    ac_acoustic_net_step(&i->model->net, &i->state, rows, &i->answers[i->n_answers % RING]);
    i->n_answers++;
    i->n_sound = 0;
    return push_poses(i, out);
}

/* Takes what is there at 16 kHz, at most up to sample `end`. */
static int listen(struct instance *i, int64_t end, struct ac_sink *out, struct ac_cancel *cancel)
{
    int err = 0;

    while (!err) {
        size_t want = AC_ACOUSTIC_STEP - i->n_sound;
        want = end - i->heard < (int64_t)want ? (size_t)(end - i->heard) : want;
        size_t n = ac_acoustic_rate_take(&i->rate, i->sound + i->n_sound, want);
        if (!n)
            break;
        i->n_sound += n;
        i->heard += (int64_t)n;
        if (i->n_sound == AC_ACOUSTIC_STEP)
            err = step(i, out, cancel);
    }
    return err;
}

/* Starts the rate of a piece; what the filter holds of the rate before fills up to where the piece begins. */
static int change_rate(struct instance *i, const struct ac_speech *s, struct ac_sink *out,
                       struct ac_cancel *cancel)
{
    int64_t at = s->start_sample * AC_LISTEN_RATE_HZ / s->rate_hz;
    int err = 0;

    while (!err && i->begun && i->heard < at) {
        ac_acoustic_rate_add(&i->rate, NULL, (size_t)i->rate.in_hz / 100);
        err = listen(i, at, out, cancel);
    }
    i->begun = true;
    ac_acoustic_rate_start(&i->rate, s->rate_hz);
    return err;
}

static int take_sound(struct instance *i, const struct ac_speech *s, struct ac_sink *out,
                      struct ac_cancel *cancel)
{
    int err = 0;

    ac_loudness_add(&i->loudness, s);
    if (!i->begun || i->rate.in_hz != s->rate_hz)
        err = change_rate(i, s, out, cancel);
    for (size_t at = 0; at < s->n_samples && !err; at += BLOCK_SAMPLES) {
        size_t n = s->n_samples - at < BLOCK_SAMPLES ? s->n_samples - at : BLOCK_SAMPLES;
        ac_acoustic_rate_add(&i->rate, s->pcm + at, n);
        err = listen(i, INT64_MAX, out, cancel);
    }
    return err;
}

/* The sentence is complete: silence follows until its last pose is known. */
static int finish(struct instance *i, struct ac_sink *out, struct ac_cancel *cancel)
{
    int err = 0;

    i->complete = true;
    if (i->begun)
        err = push_poses(i, out);
    while (!err && i->next < i->loudness.total) {
        ac_acoustic_rate_add(&i->rate, NULL, (size_t)i->rate.in_hz / 100);
        err = listen(i, INT64_MAX, out, cancel);
    }
    return err;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;
    int err = 0;

    if (!in) {
        if (!i->complete)
            err = finish(i, out, cancel);
        reset(i);
        return err;
    }
    const struct ac_speech *s = &in->speech;
    if (s->n_samples && (s->rate_hz < AC_ACOUSTIC_MIN_HZ || s->rate_hz > AC_ACOUSTIC_MAX_HZ))
        return ac_env_fail(i->env, AC_EINVAL,
                           "a piece of speech has a sample rate of %d Hz: %d to %d are possible", s->rate_hz,
                           AC_ACOUSTIC_MIN_HZ, AC_ACOUSTIC_MAX_HZ);
    if (i->complete)
        reset(i); /* the sentence before was ended by its last piece */
    i->emotion = s->emotion;
    i->turn = in->turn;
    if (s->n_samples)
        err = take_sound(i, s, out, cancel);
    return err || !s->last ? err : finish(i, out, cancel);
}

const struct ac_handler_info ac_handler_lipsync_acoustic = {
    .name = "acoustic",
    .help = "mouth shapes from the sound alone, by a small network: for speech without phoneme times",
    .stage = AC_STAGE_LIPSYNC,
    .in = AC_FRAME_SPEECH,
    .out = AC_FRAME_POSE,
    .cfg_size = sizeof(struct config),
    .model_size = sizeof(struct model),
    .inst_size = sizeof(struct instance),
    .options = options,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .close = close_instance,
    .process = process,
    .reset = reset,
};
