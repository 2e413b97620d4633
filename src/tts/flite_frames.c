/*
 * Clustergen a few frames at a time. See flite_frames.h.
 *
 * An utterance's phones are cut into states, states into frames of 5 ms; all of these, and the pitch, which a
 * frame or three a syllable decide, are known at once. The costly part, a frame's spectrum (a tree's answer,
 * then smoothing), is made a block ahead of the vocoder: flite's vocoder reads a frame's row when it comes to
 * it, and calls back between rows.
 *
 * Smoothing solves a banded system over all frames; what is MARGIN frames away changes the sound by less than
 * a 200th, so each block is smoothed with so much of its neighbours. The relations "HMMstate", "segstate",
 * "mcep" and "mcep_link" are named as flite's trees ask for them.
 */
#include "tts/flite_frames.h"

#include "base/mem.h"

#include <flite/cst_cg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In flite's library, but in no header: the pitch of voices with accent and phrase trees (rms). */
cst_utterance *cst_spamf0(cst_utterance *u);

enum {
    MIN_BLOCK = 12,
    MAX_BLOCK = 120, /* frames that are made at once: small ones until sound has begun */
    MARGIN = 24,     /* frames on either side that take part in their smoothing */
    AHEAD = 8,       /* frames made beyond what has sounded: more than a callback lets pass */
    LEAD = 12,       /* frames of the leading silence that are made */
    BANDS = 5,       /* of mixed excitation */
};

struct frame {
    cst_item *item;
    int tree;
    bool pause, voiced; /* of its phone; other frames' voicing is the model's */
};

struct synth {
    cst_utterance *u;
    cst_cg_db *db;
    struct frame *frames;
    int n, cap;
    int first;               /* frame of the first sample */
    int predicted, smoothed; /* frames that are ready */
    cst_track *params;       /* pitch, then mean and deviation of each coefficient and its delta */
    cst_track *smooth;       /* pitch, then coefficients */
    cst_track *bands;
    cst_audio_streaming_info *user;
};

bool ac_flite_frames_fit(const cst_voice *voice)
{
    const cst_val *v = feat_present(voice->features, "cg_db") ? feat_val(voice->features, "cg_db") : NULL;
    const cst_cg_db *db = v ? val_cg_db(v) : NULL;

    return db && db->do_mlpg && db->mixed_excitation && db->num_f0_models == 1 && db->num_param_models == 1 &&
           db->model_shape == CST_CG_MODEL_SHAPE_BASE_MINRANGE;
}

/* ---- states and frames ---- */

/* Where the name is in a NULL-terminated list; 0, flite's choice, if it is not. */
static int find(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name))
            return i;
    return 0;
}

static const char *const *states_of(const cst_cg_db *db, const char *phone)
{
    for (int i = 0; db->phone_states[i]; i++)
        if (!strcmp(db->phone_states[i][0], phone))
            return db->phone_states[i];
    return db->phone_states[0];
}

static void make_states(struct synth *s)
{
    cst_relation *all = utt_relation_create(s->u, "HMMstate"),
                 *by_phone = utt_relation_create(s->u, "segstate");

    for (cst_item *seg = relation_head(utt_relation(s->u, "Segment")); seg; seg = item_next(seg)) {
        cst_item *parent = relation_append(by_phone, seg);
        const char *const *names = states_of(s->db, item_feat_string(seg, "name"));
        for (int i = 1; names[i]; i++) {
            cst_item *state = relation_append(all, NULL);
            item_add_daughter(parent, state);
            item_set_string(state, "name", names[i]);
            item_set_int(state, "statepos", i);
        }
    }
}

static float state_seconds(const cst_cg_db *db, cst_item *state)
{
    const dur_stat **stats = db->dur_stats[0];
    const char *name = item_feat_string(state, "name");
    float z = 0;
    int i = 0;

    for (int m = 0; m < db->num_dur_models; m++)
        z += val_float(cart_interpret(state, db->dur_cart[m]));
    z /= (float)db->num_dur_models;
    while (stats[i] && strcmp(stats[i]->phone, name) != 0)
        i++;
    const dur_stat *stat = stats[i] ? stats[i] : stats[0];
    return z * stat->stddev + stat->mean;
}

static void add_frame(struct synth *s, cst_relation *all, cst_item *parent, const struct frame *like)
{
    cst_item *item = relation_append(all, NULL);

    item_add_daughter(parent, item);
    item_set_int(item, "frame_number", s->n);
    item_set(item, "name", item_feat(parent, "name"));
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 1024;
        s->frames = ac_realloc_array(s->frames, (size_t)s->cap, sizeof *s->frames);
    }
    s->frames[s->n] = *like;
    s->frames[s->n++].item = item;
}

static void make_frames(struct synth *s)
{
    cst_relation *all = utt_relation_create(s->u, "mcep"), *link = utt_relation_create(s->u, "mcep_link");
    float stretch = get_param_float(s->u->features, "duration_stretch", 1), end = 0;

    for (cst_item *seg = relation_head(utt_relation(s->u, "Segment")); seg; seg = item_next(seg)) {
        struct frame like = {.pause = !strcmp(item_feat_string(seg, "name"), "pau"),
                             .voiced = !strcmp(ffeature_string(seg, "ph_vc"), "+")};
        cst_item *state = item_daughter(item_as(seg, "segstate"));
        for (; state; state = item_next(state)) {
            cst_item *whole = item_as(state, "HMMstate"), *parent = relation_append(link, whole);
            float seconds = stretch * state_seconds(s->db, whole);
            end += seconds < s->db->frame_advance ? s->db->frame_advance : seconds;
            item_set_float(state, "end", end);
            like.tree = find(s->db->types, item_feat_string(state, "name"));
            while ((float)s->n * s->db->frame_advance <= end)
                add_frame(s, all, parent, &like);
        }
        item_set_float(seg, "end", end);
    }
    utt_set_feat_int(s->u, "param_track_num_frames", s->n);
}

/* ---- pitch ---- */

static float tree_pitch(const struct synth *s, int i)
{
    const struct frame *f = &s->frames[i];
    float hz = val_float(cart_interpret(f->item, s->db->f0_trees[0][f->tree]));

    return hz < 50 ? 0 : hz;
}

#define FIRST_FRAME "R:SylStructure.daughter1.R:segstate.daughter1.R:mcep_link.daughter1.frame_number"
#define LAST_FRAME  "R:SylStructure.daughtern.R:segstate.daughtern.R:mcep_link.daughtern.frame_number"

/* A stretch of the contour from p1 to p2 (Catmull-Rom) over frames [from, to). */
static void spline(struct synth *s, int from, int to, const float p[4])
{
    for (int i = from; i < to; i++) {
        float t = (float)(i - from) / (float)(to - from);
        float a = p[2] - p[0], b = 2 * p[0] - 5 * p[1] + 4 * p[2] - p[3], c = 3 * (p[1] - p[2]) + p[3] - p[0];
        s->params->frames[i][0] = 0.5f * (2 * p[1] + t * (a + t * (b + t * c)));
    }
}

/* Through the pitch in the middle of each syllable and where syllables meet. */
static void make_contour(struct synth *s)
{
    float end_hz = -1, mid_hz = -1;

    for (cst_item *syl = relation_head(utt_relation(s->u, "Syllable")); syl; syl = item_next(syl)) {
        int start = ffeature_int(syl, FIRST_FRAME), end = ffeature_int(syl, LAST_FRAME);
        int mid = (start + end) / 2;
        if (end <= start)
            continue;
        float start_hz = end_hz > 0 ? end_hz : tree_pitch(s, start);
        float before_hz = mid_hz < 0 ? start_hz : mid_hz, after_hz;
        cst_item *next = item_next(syl);
        mid_hz = tree_pitch(s, mid);
        after_hz = end_hz = tree_pitch(s, end - 1);
        if (next) {
            end_hz = (end_hz + tree_pitch(s, end)) / 2;
            after_hz = tree_pitch(s, (ffeature_int(next, FIRST_FRAME) + ffeature_int(next, LAST_FRAME)) / 2);
        }
        spline(s, start, mid, (const float[]){before_hz, start_hz, mid_hz, end_hz});
        spline(s, mid, end, (const float[]){start_hz, mid_hz, end_hz, after_hz});
        s->params->frames[end][0] = tree_pitch(s, end); /* in no stretch */
    }
}

/* Moves a frame's pitch as the voice, or what the utterance asks for, wants it; 0 where it is not voiced. */
static float shift_pitch(const struct synth *s, float hz)
{
    const cst_features *f = s->u->features;
    float mean = get_param_float(f, "int_f0_target_mean", s->db->f0_mean) * get_param_float(f, "f0_shift", 1);
    float deviation = get_param_float(f, "int_f0_target_stddev", s->db->f0_stddev);

    hz = (hz - s->db->f0_mean) / s->db->f0_stddev * deviation + mean;
    return hz < 50 ? 50 : hz > 700 ? 700 : hz;
}

static void make_pitch(struct synth *s)
{
    if (!s->db->spamf0) {
        make_contour(s);
        return;
    }
    cst_spamf0(s->u);
    float shift = get_param_float(s->u->features, "f0_shift", 1); /* cst_spamf0 does not look at it */
    for (int i = 0; i < s->n; i++)
        s->params->frames[i][0] *= shift;
}

/* ---- spectrum ---- */

/* The model's number j of a row: 16 bits over its range. */
static float decode(const cst_cg_db *db, const unsigned short *row, int j)
{
    return db->model_min[j] + (float)(row[j] / 65535.0) * db->model_range[j];
}

static void predict(struct synth *s, int i)
{
    const cst_cg_db *db = s->db;
    const struct frame *f = &s->frames[i];
    const unsigned short *row =
        db->model_vectors[0][val_int(cart_interpret(f->item, db->param_trees[0][f->tree]))];
    float *out = s->params->frames[i];
    int channels = s->params->num_channels;

    for (int j = 2; j < channels; j++)
        out[j] = decode(db, row, j);
    for (int j = 0; j < BANDS; j++)
        s->bands->frames[i][j] = decode(db, row, channels + 2 * j);
    if (!db->spamf0) {
        bool voiced = !f->pause && (f->voiced || decode(db, row, db->num_channels[0] - 2) > 0.5f);
        out[0] = voiced ? shift_pitch(s, out[0]) : 0;
    }
}

/* The track without the frames before `first`; a view. */
static cst_track from_frame(const cst_track *t, int first)
{
    cst_track part = *t;

    part.frames += first;
    part.times += first;
    part.num_frames -= first;
    return part;
}

static void smooth(struct synth *s, int from, int to)
{
    int first = from - MARGIN > s->first ? from - MARGIN : s->first,
        last = to + MARGIN < s->n ? to + MARGIN : s->n;
    cst_track part = from_frame(s->params, first);

    part.num_frames = last - first;
    cst_track *done = mlpg(&part, s->db);
    for (int i = from; i < to; i++)
        memcpy(s->smooth->frames[i], done->frames[i - first],
               (size_t)done->num_channels * sizeof *done->frames[0]);
    delete_track(done);
}

/* Makes what the vocoder needs to go on to frame `to`. */
static void advance(struct synth *s, int to)
{
    while (s->smoothed < s->n && s->smoothed < to) {
        int block = (s->smoothed - s->first) / 2;
        block = block < MIN_BLOCK ? MIN_BLOCK : block > MAX_BLOCK ? MAX_BLOCK : block;
        int end = s->smoothed + block < s->n ? s->smoothed + block : s->n;
        int ahead = end + MARGIN < s->n ? end + MARGIN : s->n;
        while (s->predicted < ahead)
            predict(s, s->predicted++);
        smooth(s, s->smoothed, end);
        s->smoothed = end;
    }
}

/* ---- sound ---- */

static int frame_samples(const cst_cg_db *db)
{
    return (int)lroundf(db->frame_advance * (float)db->sample_rate);
}

static int on_sound(const cst_wave *w, int start, int size, int last, cst_audio_streaming_info *asi)
{
    struct synth *s = asi->userdata;
    int rc = s->user->asc(w, start, size, last, s->user);

    if (rc == CST_AUDIO_STREAM_CONT && !last)
        advance(s, s->first + (start + size) / frame_samples(s->db) + AHEAD);
    return rc;
}

/* Sound begins shortly before the first phone. */
static int first_sounding(const struct synth *s)
{
    int i = 0;

    while (i < s->n && s->frames[i].pause)
        i++;
    return i < s->n && i > LEAD ? i - LEAD : 0;
}

static void make_tracks(struct synth *s)
{
    int channels = s->db->num_channels[0] - 2 * (BANDS + 1); /* without bands and voicing */

    s->params = new_track();
    s->smooth = new_track();
    s->bands = new_track();
    cst_track_resize(s->params, s->n, channels);
    cst_track_resize(s->smooth, s->n, channels / 4 + 1);
    cst_track_resize(s->bands, s->n, BANDS);
    for (int i = 0; i < s->n; i++)
        s->params->times[i] = s->smooth->times[i] = (float)i * s->db->frame_advance;
    utt_set_feat(s->u, "param_track", track_val(s->params)); /* the utterance's from here on */
}

cst_utterance *ac_flite_frames_synth(cst_utterance *u)
{
    struct synth s = {.u = u,
                      .db = val_cg_db(utt_feat_val(u, "cg_db")),
                      .user = val_audio_streaming_info(utt_feat_val(u, "streaming_info"))};
    cst_audio_streaming_info mine = {
        .min_buffsize = s.user->min_buffsize, .asc = on_sound, .utt = u, .userdata = &s};

    s.user->utt = u;
    make_states(&s);
    make_frames(&s);
    s.first = s.predicted = s.smoothed = first_sounding(&s);
    utt_set_feat_int(u, "samples_left_out", s.first * frame_samples(s.db));
    make_tracks(&s);
    make_pitch(&s);
    advance(&s, s.first + AHEAD);
    cst_track spectrum = from_frame(s.smooth, s.first), bands = from_frame(s.bands, s.first);
    cst_wave *w = mlsa_resynthesis(&spectrum, &bands, s.db, &mine, 0);
    utt_set_wave(u, w ? w : new_wave());
    delete_track(s.smooth);
    delete_track(s.bands);
    free(s.frames);
    return u;
}
