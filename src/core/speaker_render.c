/*
 * The render strand of the speaker: speech becomes poses, pictures, H.264 and AAC, a fragment at a time.
 *
 * One task is one slice: take the speech that is there, and when a fragment's worth of poses and sound is
 * complete, draw, encode, give it to the sink, and post the next slice with the time by which it must be
 * played as its deadline. When rendering is lead_ms ahead of playing, the slice waits for its time.
 *
 * Where the poses and the sound come from: speaker_speech.c.
 */
#include "core/speaker_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_US = 40000 /* a slow reader is tried again */ };

/* ---- pictures and encoding ---- */

static int64_t idle_phase(const struct render *r, int64_t frames, int fps)
{
    int64_t us = (r->idle0_us + frames_us(frames, fps)) % AC_IDLE_PERIOD_US;

    return us < 0 ? us + AC_IDLE_PERIOD_US : us;
}

/* Draws the next pose. */
static int draw(struct ac_speaker *sp, struct render *r, struct ac_frame *pose, char *reason)
{
    int fps = fps_of(sp, r);

    pose->pose = r->poses[r->pose_at];
    pose->pose.frame = r->frames;
    pose->pose.sentence_frame = (int64_t)r->pose_at;
    pose->pose.save = pace_saves(r);
    pose->pose.idle_us = idle_phase(r, r->frames, fps);
    pose->pose.emotion = r->cur->sentence.emotion;
    if (r->complete && r->pose_at + 1 > r->n_poses - r->relax)
        pose->pose.emotion = AC_EMOTION_NEUTRAL;
    return avatar_draw(sp, r, pose, reason);
}

static int open_mux(struct ac_speaker *sp, struct render *r)
{
    const struct ac_video_config *v = ac_config_video(sp->cfg);
    struct ac_fmp4_config cfg = {
        .width = r->prefs.width,
        .height = r->prefs.height,
        .fps = fps_of(sp, r),
        .crf = v->crf,
        .audio_kbps = v->audio_kbps,
        .faststart = is_clip(r),
    };

    return ac_fmp4_open(&r->mux, &cfg);
}

static int encode_sound(struct ac_speaker *sp, struct render *r, size_t n)
{
    int64_t want = frame_samples(r->frames + (int64_t)n, fps_of(sp, r)) - r->samples + AC_FMP4_AUDIO_LEAD;
    int64_t have = (int64_t)(r->pcm.len / sizeof(int16_t));
    int64_t take = want < have ? want : have;

    if (take <= 0)
        return 0;
    int err = ac_fmp4_audio(r->mux, (const int16_t *)r->pcm.p, (size_t)take);
    size_t bytes = (size_t)take * sizeof(int16_t);
    memmove(r->pcm.p, r->pcm.p + bytes, r->pcm.len - bytes);
    r->pcm.len -= bytes;
    r->samples += take;
    return err;
}

/* Draws and encodes the pictures of n frames. */
static int render_pictures(struct ac_speaker *sp, struct render *r, size_t n, char *reason)
{
    struct ac_frame *pose = ac_frame_new(AC_FRAME_POSE);
    int64_t begin = ac_now_us(), first = 0;
    bool redraw;
    int step = pace_shown(r, n, &redraw), err = 0;

    for (size_t i = 0; !err && i < n;) {
        int64_t cpu = ac_thread_cpu_us();
        int shown = n - i < (size_t)step ? (int)(n - i) : step;
        if (redraw || !r->picture)
            err = draw(sp, r, pose, reason);
        r->slice.render_cpu_us += ac_thread_cpu_us() - cpu;
        if (err)
            break;
        if (!first)
            first = ac_now_us();
        err = ac_fmp4_video_long(r->mux, &r->picture->picture, r->first_fragment && !i, shown);
        r->slice.pictures++;
        r->pose_at += (size_t)shown;
        r->frames += shown;
        r->clip_frames += shown;
        i += (size_t)shown;
    }
    ac_frame_unref(pose);
    r->slice.picture_us = ac_now_us() - begin;
    pthread_mutex_lock(&sp->lock);
    if (!r->turn->times.first_frame_us)
        r->turn->times.first_frame_us = first;
    pthread_mutex_unlock(&sp->lock);
    return err;
}

/* Draws and encodes n frames of the sentence; what comes out stands in r->out. */
static int render_frames(struct ac_speaker *sp, struct render *r, size_t n, bool end_turn, char *reason)
{
    int64_t cpu0 = ac_thread_cpu_us();
    int err = 0;

    ac_str_clear(&r->out);
    if (!r->mux)
        err = open_mux(sp, r);
    if (!err)
        err = encode_sound(sp, r, n);
    if (!err)
        err = render_pictures(sp, r, n, reason);
    bool end = r->complete && r->pose_at == r->n_poses;
    if (!err && is_clip(r) && end) {
        err = ac_fmp4_finish(r->mux, &r->out);
        ac_fmp4_close(r->mux);
        r->mux = NULL;
    } else if (!err && !is_clip(r)) {
        err = end_turn ? ac_fmp4_finish(r->mux, &r->out) : ac_fmp4_flush(r->mux, &r->out);
    }
    r->slice.encode_cpu_us = ac_thread_cpu_us() - cpu0 - r->slice.render_cpu_us;
    pthread_mutex_lock(&sp->lock);
    struct ac_speaker_times *t = &r->turn->times;
    t->render_cpu_us += r->slice.render_cpu_us;
    t->encode_cpu_us += r->slice.encode_cpu_us;
    t->frames += n;
    pthread_mutex_unlock(&sp->lock);
    return err;
}

/*
 * Hands r->out to the sink; r->held is how many of the turn's last frames it holds. AC_EFULL (a slow reader):
 * it stays held for another try.
 */
static int deliver(struct ac_speaker *sp, struct render *r)
{
    int64_t frames = r->held;
    int fps = fps_of(sp, r), err = AC_ECANCELED;
    bool clip = is_clip(r);
    struct ac_fragment f = {
        .turn = r->turn->number,
        .seq = r->cur->seq,
        .chunk = r->chunks,
        .init = clip || !r->chunks,
        .first = r->first_fragment,
        .last = r->complete && r->pose_at == r->n_poses,
        .start_us = frames_us(r->frames - frames, fps),
        .duration_us = frames_us(r->frames, fps) - frames_us(r->frames - frames, fps),
        .idle_us = idle_phase(r, r->frames, fps),
        .mime = "video/mp4",
        .codecs = "",
        .text = r->cur->sentence.text,
    };
    struct ac_str whole = {0};

    if (!clip) {
        f.codecs = ac_fmp4_codecs(r->mux);
        if (f.init) {
            size_t len;
            const char *init = ac_fmp4_init_segment(r->mux, &len);
            ac_str_add_n(&whole, init, len);
            ac_str_add_n(&whole, r->out.p, r->out.len);
        }
    }
    f.data = whole.p ? whole.p : r->out.p;
    f.size = whole.p ? whole.len : r->out.len;
    pthread_mutex_lock(&sp->sink_lock);
    if (sp->turn == r->turn)
        err = sp->sink.fragment(sp->sink.arg, &f);
    pthread_mutex_unlock(&sp->sink_lock);
    if (!err) {
        pthread_mutex_lock(&sp->lock);
        if (!r->turn->times.first_fragment_us)
            r->turn->times.first_fragment_us = ac_now_us();
        pthread_mutex_unlock(&sp->lock);
        r->chunks++;
        r->first_fragment = false;
    }
    if (err != AC_EFULL)
        r->held = 0;
    ac_str_free(&whole);
    return err;
}

/* ---- the turn ---- */

void render_clear(struct ac_speaker *sp)
{
    struct render *r = &sp->r;

    ac_fmp4_close(r->mux);
    r->mux = NULL;
    turn_unref(r->turn);
    r->turn = NULL;
    r->cur = NULL;
    ac_str_free(&r->pcm);
    ac_str_free(&r->out);
    ac_frame_unref(r->picture);
    r->picture = NULL;
    free(r->poses);
    r->poses = NULL;
    free(r->words);
    r->words = NULL;
    r->n_words = 0;
    avatar_begin_sentence(r); /* forgets the one before */
    r->cap_poses = r->n_poses = r->pose_at = 0;
    r->frames = r->clip_frames = r->samples = r->pcm_in = r->held = 0;
    r->chunks = 0;
    r->play_us = 0;
    r->pace = (struct pace){0};
    atomic_store(&sp->due_us, 0);
    atomic_store(&sp->dry_us, 0);
    r->broken = false;
    if (r->resampler)
        ac_resampler_reset(r->resampler);
    for (size_t i = 0; i < MAX_ENGINES; i++) {
        if (r->lipsync.inst[i])
            ac_instance_reset(r->lipsync.inst[i]);
        if (r->avatar.inst[i])
            ac_instance_reset(r->avatar.inst[i]);
    }
}

/* Opens avatar and encoder for a turn, before its first sentence where time allows. */
static void render_begin(struct ac_speaker *sp, struct render *r)
{
    const struct ac_video_config *v = ac_config_video(sp->cfg);
    struct ac_prefs prefs = r->turn->cfg.prefs;
    const struct ac_config *cfg = sp->cfg;
    char reason[REASON_SIZE] = "";

    if (!prefs.width || !prefs.height) {
        prefs.width = v->width;
        prefs.height = v->height;
    }
    prefs.fps = fps_of(sp, r);
    if (!r->opened || r->cfg != cfg || memcmp(&prefs, &r->prefs, sizeof prefs)) {
        engines_close(&r->lipsync); /* with its failures: they may be mended, or of no matter now */
        avatar_close(r);
        r->prefs = prefs;
        r->cfg = cfg;
        r->opened = true;
    }
    int err = avatar_open(sp, r, reason);
    if (!err) {
        err = open_mux(sp, r);
        snprintf(reason, sizeof reason, "the video encoder could not be opened (libx264, AAC)");
    }
    if (err) {
        r->broken = true;
        r->opened = false;
        tell_error(sp, r->turn, err, reason);
    }
    r->idle0_us = r->turn->idle_us;
}

static void begin_sentence(struct render *r, struct utterance *u)
{
    r->cur = u;
    r->announced = r->complete = false;
    r->n_words = 0;
    r->relax = 0;
    r->pcm_in = 0;
    r->n_poses = r->pose_at = 0;
    r->clip_frames = 0;
    r->first_fragment = true;
    r->lipsync_used = 0;
    avatar_begin_sentence(r);
}

static void end_sentence(struct ac_speaker *sp, struct render *r)
{
    pthread_mutex_lock(&sp->lock);
    r->turn->n_rendered++;
    pthread_mutex_unlock(&sp->lock);
    ac_queue_clear(r->cur->speech);
    kick_voice(sp);
}

/* The sentence cannot be rendered: what was not given out is dropped, the turn goes on. */
static void skip_sentence(struct ac_speaker *sp, struct render *r, int err, const char *reason)
{
    char ignored[REASON_SIZE];

    if (err != AC_ECANCELED) {
        tell_error(sp, r->turn, err, reason[0] ? reason : ac_err_text(err));
        avatar_hear_end(sp, r, ignored);
    }
    ac_queue_close(r->cur->speech);
    ac_queue_clear(r->cur->speech);
    ac_str_clear(&r->pcm);
    r->samples = frame_samples(r->frames, fps_of(sp, r));
    r->n_poses = r->pose_at = 0;
    r->complete = true;
    r->pace.known = false;
    if (r->resampler)
        ac_resampler_reset(r->resampler);
}

static struct utterance *next_to_render(struct ac_speaker *sp, struct render *r, bool *finished)
{
    pthread_mutex_lock(&sp->lock);
    struct turn *t = r->turn;
    struct utterance *u = r->cur ? r->cur->next : t->first;
    *finished = !u && t->ended;
    pthread_mutex_unlock(&sp->lock);
    return u;
}

static void finish_turn(struct ac_speaker *sp, struct render *r)
{
    pthread_mutex_lock(&sp->sink_lock);
    if (sp->turn == r->turn) {
        pthread_mutex_lock(&sp->lock);
        struct ac_speaker_times times = sp->turn->times;
        struct turn *t = sp->turn;
        sp->turn = NULL;
        pthread_mutex_unlock(&sp->lock);
        if (sp->sink.done)
            sp->sink.done(sp->sink.arg, t->number, &times);
        turn_unref(t);
    }
    pthread_mutex_unlock(&sp->sink_lock);
    render_clear(sp);
}

/* A sentence waits to be said, or is being said: how urgent that is may have changed. */
static bool voice_waits(struct ac_speaker *sp)
{
    pthread_mutex_lock(&sp->lock);
    bool waits = sp->voice_kick.pending > 0;
    pthread_mutex_unlock(&sp->lock);
    return waits;
}

/* Tells what the slice has cost. */
static void tell_slice(struct ac_speaker *sp, struct render *r, int64_t begin_us)
{
    struct ac_slice *s = &r->slice;
    bool redraw;

    s->media_us = frames_us(s->frames, fps_of(sp, r));
    s->other_us = ac_now_us() - begin_us - s->picture_us + atomic_exchange(&sp->voice_us, 0);
    if (sp->sink.slice)
        sp->sink.slice(sp->sink.arg, s, pace_shown(r, (size_t)s->frames, &redraw));
}

/* Draws, encodes and gives out a fragment of n frames. On failure the sentence is to be skipped. */
static int make_fragment(struct ac_speaker *sp, struct render *r, size_t n, char *reason)
{
    bool anchored = pace_begin(sp, r), end = r->complete && r->pose_at + n == r->n_poses;
    if (pace_saves(r))
        avatar_note_saving(sp, r);
    int err = render_frames(sp, r, n, end && render_is_last(sp, r), reason);

    if (!err && r->out.len) {
        r->held = is_clip(r) ? r->clip_frames : (int64_t)n;
        err = deliver(sp, r);
    }
    if (!err)
        pace_end(sp, r, n, anchored);
    if (err == AC_ECLOSED) /* nobody reads: the rest would be lost as well */
        ac_cancel_trigger(r->turn->cancel);
    return err == AC_ECLOSED || err == AC_EFULL ? 0 : err;
}

/* One slice of the current sentence. Returns true when the next may follow at once. */
static bool render_slice(struct ac_speaker *sp, struct render *r)
{
    char reason[REASON_SIZE] = "";
    int64_t begin_us = ac_now_us();
    size_t n = pace_frames(sp, r);
    int fps = fps_of(sp, r);
    int err = render_fill(sp, r, n, reason);

    r->slice = (struct ac_slice){0};
    if (!err) {
        size_t ready = avatar_ready(sp, r);
        bool sound = (int64_t)(r->pcm.len / sizeof(int16_t)) + r->samples >=
                     frame_samples(r->frames + (int64_t)n, fps);
        if (!r->complete && (ready < n || !sound)) {
            r->pace.known = false; /* the voice is slow, not the drawing */
            pace_note(sp, r);
            if (voice_waits(sp))
                kick_voice(sp);
            return false; /* it kicks us */
        }
        if (n > ready)
            n = ready;
        if (n) {
            r->slice.frames = (int)n;
            err = make_fragment(sp, r, n, reason);
            tell_slice(sp, r, begin_us);
        }
    }
    if (err)
        skip_sentence(sp, r, err, reason);
    if (r->complete && r->pose_at == r->n_poses && !r->held)
        end_sentence(sp, r);
    return true;
}

/* Tries again to give out what a slow reader did not take. Returns true when it is gone. */
static bool deliver_held(struct ac_speaker *sp, struct render *r)
{
    int err = deliver(sp, r);

    if (err == AC_EFULL)
        return false;
    if (err == AC_ECLOSED)
        ac_cancel_trigger(r->turn->cancel);
    if (r->complete && r->pose_at == r->n_poses)
        end_sentence(sp, r);
    return true;
}

/* Posts the next slice for its time, unless such a wake-up is on its way. */
static void post_slice(struct ac_speaker *sp, struct render *r, int64_t start_us)
{
    pace_note(sp, r);
    if (voice_waits(sp))
        kick_voice(sp);
    if (start_us) {
        if (r->wake_us > ac_now_us() && r->wake_us <= start_us)
            return;
        r->wake_us = start_us;
    }
    post_render(sp, start_us);
}

static void render_work(struct ac_speaker *sp)
{
    struct render *r = &sp->r;
    struct turn *t = speaker_turn(sp);

    if (r->turn != t) {
        if (r->turn)
            render_clear(sp);
        r->turn = turn_ref(t);
        if (t)
            render_begin(sp, r);
    }
    turn_unref(t);
    if (!t || ac_cancelled(r->turn->cancel))
        return;
    if (r->held && !deliver_held(sp, r)) {
        r->pace.known = false;
        post_slice(sp, r, ac_now_us() + RETRY_US);
        return;
    }
    if (!r->cur || (r->complete && r->pose_at == r->n_poses)) {
        bool finished;
        struct utterance *u = r->broken ? NULL : next_to_render(sp, r, &finished);
        if (r->broken || (!u && finished)) {
            finish_turn(sp, r);
            return;
        }
        if (!u) {
            r->pace.known = false;
            return;
        }
        begin_sentence(r, u);
    }
    int64_t at = pace_due_us(sp, r);
    if (at)
        post_slice(sp, r, at);
    else if (render_slice(sp, r))
        post_slice(sp, r, 0);
}

void render_task(void *arg)
{
    struct ac_speaker *sp = arg;

    if (kick_is_last(sp, &sp->render_kick))
        render_work(sp);
}

/* The time has come; who kicked meanwhile comes at once. */
void render_wake(void *arg)
{
    struct ac_speaker *sp = arg;

    pthread_mutex_lock(&sp->lock);
    bool kicked = sp->render_kick.pending > 0;
    pthread_mutex_unlock(&sp->lock);
    if (!kicked)
        render_work(sp);
}
