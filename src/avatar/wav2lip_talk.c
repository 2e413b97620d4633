/* See wav2lip_talk.h. Mouths are kept by the number of their picture in the sentence. */
#include "avatar/wav2lip_talk.h"

#include "base/mem.h"
#include "media/resample.h"

#include <stdlib.h>
#include <string.h>

enum { RATE_HZ = 16000, KEPT = 2 };

static const float FADE = 1.0f / 3; /* a picture */
static const float SETTLE = 0.25f;  /* of the colour's difference, a picture */
enum { MOST_LEFT_OUT = 10 };

struct made {
    bool there;
    int64_t frame; /* in the sentence */
    uint8_t *bgr;
};

struct ac_w2l_talk {
    struct ac_w2l_faces *faces;
    int fps, av_offset, side;
    size_t half; /* bytes of a lower half */

    struct ac_w2l_mel *mel; /* NULL until something is said */
    struct ac_resampler *resampler;
    int rate_hz; /* it was opened for; 0 = not */
    struct ac_str pcm;

    struct made made[KEPT]; /* the latest first */
    uint8_t *shown, *face, *maps;
    bool talking;   /* the last picture's window held speech */
    float strength; /* of what is shown */
    float match[3];
    bool matched;
    bool drawn;         /* there was a picture before … */
    int64_t last_frame; /* … this one of the turn */
};

struct ac_w2l_talk *ac_w2l_talk_new(struct ac_w2l_faces *faces, int fps, int av_offset)
{
    struct ac_w2l_talk *t = ac_zalloc(sizeof *t);

    t->faces = faces;
    t->fps = fps;
    t->av_offset = av_offset;
    t->side = ac_w2l_net_info(faces->net)->side;
    t->half = 3 * (size_t)t->side * (size_t)t->side / 2;
    return t;
}

void ac_w2l_talk_reset(struct ac_w2l_talk *t)
{
    ac_w2l_mel_free(t->mel);
    t->mel = NULL;
    ac_resampler_close(t->resampler);
    t->resampler = NULL;
    t->rate_hz = 0;
    ac_str_free(&t->pcm);
    for (size_t k = 0; k < KEPT; k++) {
        free(t->made[k].bgr);
        t->made[k] = (struct made){0};
    }
    free(t->shown);
    free(t->face);
    free(t->maps);
    t->shown = t->face = NULL;
    t->maps = NULL;
    t->talking = t->matched = t->drawn = false;
    t->strength = 0;
}

void ac_w2l_talk_free(struct ac_w2l_talk *t)
{
    if (!t)
        return;
    ac_w2l_talk_reset(t);
    free(t);
}

/* ---- hearing ---- */

static void begin_sentence(struct ac_w2l_talk *t)
{
    if (!t->mel)
        t->mel = ac_w2l_mel_new();
    ac_w2l_mel_begin(t->mel);
    if (t->resampler)
        ac_resampler_reset(t->resampler);
    for (size_t k = 0; k < KEPT; k++)
        t->made[k].there = false;
}

/* Resamples (NULL: what is left) and hears it. */
static int hear(struct ac_w2l_talk *t, const int16_t *pcm, size_t n)
{
    ac_str_clear(&t->pcm);
    int err = ac_resampler_run(t->resampler, pcm, n, &t->pcm);
    if (!err)
        ac_w2l_mel_add(t->mel, (const int16_t *)t->pcm.p, t->pcm.len / sizeof(int16_t));
    return err;
}

/* Pieces of a sentence may differ in their rate. */
static int set_rate(struct ac_w2l_talk *t, int rate_hz)
{
    int err = 0;

    if (t->rate_hz == rate_hz)
        return 0;
    if (t->resampler)
        err = hear(t, NULL, 0);
    ac_resampler_close(t->resampler);
    t->resampler = NULL;
    t->rate_hz = 0;
    if (!err)
        err = ac_resampler_open(&t->resampler, rate_hz, RATE_HZ);
    if (!err)
        t->rate_hz = rate_hz;
    return err;
}

int ac_w2l_talk_hear(struct ac_w2l_talk *t, const struct ac_speech *speech, struct ac_env *env)
{
    int err = 0;

    if (!speech->start_sample || !t->mel)
        begin_sentence(t);
    if (speech->n_samples)
        err = set_rate(t, speech->rate_hz);
    if (!err && speech->n_samples)
        err = hear(t, speech->pcm, speech->n_samples);
    if (!err && speech->last && t->resampler) {
        err = hear(t, NULL, 0);
        ac_resampler_reset(t->resampler);
    }
    if (!err && speech->last)
        ac_w2l_mel_end(t->mel);
    if (err)
        ac_env_fail(env, err, "speech of %d Hz cannot be brought to 16000 Hz for the lips", speech->rate_hz);
    return err;
}

static bool window_of(struct ac_w2l_talk *t, int64_t frame, float window[AC_W2L_WINDOW])
{
    return ac_w2l_mel_window(t->mel, frame + t->av_offset, t->fps, 0, window);
}

/* ---- mouths ---- */

static struct made *find_made(struct ac_w2l_talk *t, int64_t frame)
{
    for (size_t k = 0; k < KEPT; k++)
        if (t->made[k].there && t->made[k].frame == frame)
            return &t->made[k];
    return NULL;
}

/* Generates the mouth of a picture in the sentence, of template picture i, in the place of the oldest. */
static int make(struct ac_w2l_talk *t, const float window[AC_W2L_WINDOW], int64_t frame, size_t i,
                struct ac_w2l_decoder *d, struct ac_cancel *cancel, struct ac_env *env)
{
    struct made oldest = t->made[KEPT - 1];

    if (!oldest.bgr)
        oldest.bgr = ac_alloc(t->half);
    if (!t->maps)
        t->maps = ac_alloc(ac_w2l_net_info(t->faces->net)->maps_bytes);
    memmove(t->made + 1, t->made, (KEPT - 1) * sizeof *t->made);
    t->made[0] = (struct made){.bgr = oldest.bgr};
    int err = ac_w2l_faces_face(t->faces, d, i, t->face, env);
    if (!err)
        err = ac_w2l_faces_maps(t->faces, i, t->face, t->maps, cancel, env);
    if (!err)
        err = ac_w2l_net_mouth(t->faces->net, window, t->maps, t->made[0].bgr, cancel, env);
    t->made[0].frame = frame;
    t->made[0].there = !err;
    return err;
}

static void show_mean(struct ac_w2l_talk *t, const uint8_t *a, const uint8_t *b)
{
    for (size_t k = 0; k < t->half; k++)
        t->shown[k] = (uint8_t)((a[k] + b[k] + 1) / 2);
}

/* Sets what is shown at the pose, whose window it is. */
static int produce(struct ac_w2l_talk *t, const struct ac_pose *pose, const float window[AC_W2L_WINDOW],
                   size_t i, size_t next, struct ac_w2l_decoder *d, struct ac_cancel *cancel,
                   struct ac_env *env)
{
    int64_t frame = pose->sentence_frame;
    float ahead[AC_W2L_WINDOW];
    int err = 0;

    if (pose->save && frame % 2 && find_made(t, frame - 1) && !find_made(t, frame) &&
        window_of(t, frame + 1, ahead)) {
        if (!find_made(t, frame + 1))
            err = make(t, ahead, frame + 1, next, d, cancel, env);
        if (!err)
            show_mean(t, find_made(t, frame - 1)->bgr, find_made(t, frame + 1)->bgr);
        return err;
    }
    if (!find_made(t, frame))
        err = make(t, window, frame, i, d, cancel, env);
    if (!err)
        memcpy(t->shown, find_made(t, frame)->bgr, t->half);
    return err;
}

/* How many pictures since the last one. */
static int pictures_since(struct ac_w2l_talk *t, int64_t frame)
{
    int64_t n = t->drawn ? frame - t->last_frame : 1;

    t->drawn = true;
    t->last_frame = frame;
    return n < 1 ? 1 : n > MOST_LEFT_OUT ? MOST_LEFT_OUT : (int)n;
}

/* The colour's difference to the template follows slowly: it must not flicker. */
static void settle_match(struct ac_w2l_talk *t, struct ac_w2l_mouth *mouth)
{
    float now[3];

    ac_w2l_face_match(t->face, mouth, now);
    for (int c = 0; c < 3; c++)
        t->match[c] = t->matched ? t->match[c] + SETTLE * (now[c] - t->match[c]) : now[c];
    t->matched = true;
    memcpy(mouth->match, t->match, sizeof mouth->match);
}

int ac_w2l_talk_show(struct ac_w2l_talk *t, const struct ac_pose *pose, size_t i, size_t next,
                     struct ac_w2l_decoder *d, struct ac_w2l_mouth *mouth, struct ac_cancel *cancel,
                     struct ac_env *env)
{
    int passed = pictures_since(t, pose->frame), err = 0;
    float window[AC_W2L_WINDOW];
    bool known = t->mel && pose->sentence_frame >= 0 && window_of(t, pose->sentence_frame, window);

    if (known)
        t->talking = !ac_w2l_mel_silent(window);
    else if (!t->mel || pose->sentence_frame < 0)
        t->talking = false;
    t->strength += (t->talking ? FADE : -FADE) * (float)passed;
    t->strength = t->strength > 1 ? 1 : t->strength < FADE / 2 ? 0 : t->strength;
    mouth->strength = t->strength;
    if (t->strength == 0) {
        t->matched = false;
        return 0;
    }
    if (!t->shown) {
        t->shown = ac_alloc(t->half);
        t->face = ac_alloc(2 * t->half);
        memset(t->shown, 0, t->half);
    }
    if (known)
        err = produce(t, pose, window, i, next, d, cancel, env);
    if (!err)
        err = ac_w2l_faces_face(t->faces, d, i, t->face, env);
    if (err)
        return err;
    mouth->bgr = t->shown;
    mouth->side = t->side;
    settle_match(t, mouth);
    return 0;
}
