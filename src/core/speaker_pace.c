/*
 * How the render strand keeps up with the playing: when a slice may begin, when it is late, and how many of
 * its pictures are drawn.
 *
 * In good times a slice is begun lead_ms before it is played. Where the workers have more to do than they
 * can, slices begin later and later, all talkers' alike, since the one that is due first goes first. The lead
 * is there to be used up: pictures are left out only where a slice would soon not be ready in time, should it
 * go on falling back as fast as from the last slice to this one. They come back step by step when there is
 * time again, and more slowly each time that proves to be too early. Sound is made in any case.
 *
 * An avatar that can make pictures with less work (AC_HANDLER_SAVES) is asked to first. That ends after two
 * seconds without trouble, twice as long each time it had to come back: a machine that is too slow for full
 * work does not go to and fro.
 */
#include "core/speaker_private.h"

#include "base/clock.h"

enum {
    CLIP_LEAD_US = 2000000, /* delivery clip: a sentence is begun so long before its time */
    SHOW_DELAY_US = 80000,  /* from rendering a turn's first frame to its showing, for the idle phase */
    LEVELS = 3,
    /* % of the lead, before its time: */
    READY = 30,              /* a slice is to be ready */
    EASY = 50,               /* it is begun so early: pictures may come back */
    ALL_IS_WELL = 75,        /* … and it was not too early */
    MOST_PATIENCE = 15,      /* slices */
    SAVING_CALM = 10,        /* slices of five frames: 2 s … */
    SAVING_CALM_MOST = 1280, /* … 4 min */
};

int64_t pace_due_us(struct ac_speaker *sp, struct render *r)
{
    const struct ac_video_config *v = ac_config_video(sp->cfg);
    int64_t media = frames_us(r->frames, fps_of(sp, r)), now = ac_now_us();

    if (!r->turn->cfg.paced || !r->play_us || media < v->burst_ms * INT64_C(1000))
        return 0;
    if (is_clip(r) && r->clip_frames) /* a clip that was begun is wanted whole */
        return 0;
    int64_t lead = is_clip(r) ? CLIP_LEAD_US : v->lead_ms * INT64_C(1000);
    int64_t at = r->play_us + media - lead;
    return at > now ? at : 0;
}

int64_t pace_deadline_us(struct ac_speaker *sp, const _Atomic int64_t *when_us)
{
    int64_t us = atomic_load(when_us);

    return us ? us : ac_now_us() + atomic_load(&sp->within_us);
}

void pace_note(struct ac_speaker *sp, struct render *r)
{
    int fps = fps_of(sp, r);
    int64_t due = r->play_us ? r->play_us + frames_us(r->frames, fps) : 0;
    int64_t ready = frames_us((int64_t)avatar_ready(sp, r), fps);

    atomic_store(&sp->due_us, due);
    if (due && r->cur)
        ready += ac_queue_stats(r->cur->speech).duration_us;
    atomic_store(&sp->dry_us, due ? due + ready : 0);
}

/*
 * Pictures in the next fragment. From a standstill a browser begins to play when it has 200 ms of sound, and
 * AAC holds 43 ms back: a first fragment of 200 ms would leave the picture standing until the second.
 */
size_t pace_frames(struct ac_speaker *sp, struct render *r)
{
    const struct ac_video_config *v = ac_config_video(sp->cfg);
    bool standing = !r->play_us || r->play_us + frames_us(r->frames, fps_of(sp, r)) < ac_now_us();

    return (size_t)(standing && v->first_frames > v->fragment_frames ? v->first_frames : v->fragment_frames);
}

static bool is_live(const struct render *r)
{
    return r->turn->cfg.paced && !is_clip(r);
}

bool pace_saves(const struct render *r)
{
    return r->saving.on && is_live(r) && avatar_can_save(r);
}

/* Asks for less work, or leaves out more pictures; twice as many more where it is late for that. */
static void save_more(struct render *r, bool late)
{
    struct pace *p = &r->pace;
    struct saving *s = &r->saving;

    p->calm = s->calm = 0;
    if (!s->on && avatar_can_save(r)) {
        s->on = true;
        s->calm_wanted = s->calm_wanted ? 2 * s->calm_wanted : SAVING_CALM;
        if (s->calm_wanted > SAVING_CALM_MOST)
            s->calm_wanted = SAVING_CALM_MOST;
        return;
    }
    if (p->came_back)
        p->patience = p->patience < MOST_PATIENCE / 2 ? 2 * p->patience + 1 : MOST_PATIENCE;
    p->came_back = false;
    p->level += late ? 2 : 1;
    if (p->level > LEVELS)
        p->level = LEVELS;
}

static void save_less(struct render *r)
{
    struct pace *p = &r->pace;
    struct saving *s = &r->saving;

    if (p->level && ++p->calm > p->patience) {
        p->level--;
        p->calm = 0;
        p->came_back = true;
    } else if (!p->level && s->on && ++s->calm >= s->calm_wanted) {
        s->on = false;
    }
}

/* A slice is begun slack_us before its time: finds out how much work there is time for. */
static void adapt(struct render *r, int64_t slack_us, int64_t lead_us)
{
    struct pace *p = &r->pace;
    int64_t fall_us = p->known ? p->slack_us - slack_us : 0;
    int64_t spare_us = slack_us - p->took_us - lead_us * READY / 100;

    if (fall_us > 0 && spare_us < fall_us)
        save_more(r, spare_us < 0);
    else if (slack_us > lead_us * EASY / 100)
        save_less(r);
    if (slack_us > lead_us * ALL_IS_WELL / 100)
        p->patience = 0;
    p->slack_us = slack_us;
    p->known = true;
}

bool pace_begin(struct ac_speaker *sp, struct render *r)
{
    int64_t now = ac_now_us(), media = frames_us(r->frames, fps_of(sp, r));

    r->pace.begin_us = now;
    if (r->play_us && r->play_us + media >= now) {
        if (is_live(r))
            adapt(r, r->play_us + media - now, ac_config_video(sp->cfg)->lead_ms * INT64_C(1000));
        return false;
    }
    if (r->play_us && r->pace.known && is_live(r)) /* speech was there, only time was not */
        r->slice.late = r->slice.frames;
    r->play_us = now - media;
    r->pace.known = false;
    if (r->turn->cfg.paced && r->first_fragment) /* the idle clip was on the screen meanwhile */
        r->idle0_us = r->turn->idle_us + now - r->turn->begin_us + SHOW_DELAY_US - media;
    return true;
}

void pace_end(struct ac_speaker *sp, struct render *r, size_t n, bool anchored)
{
    int64_t now = ac_now_us();
    int fps = fps_of(sp, r);

    if (anchored) { /* it is played from now on and not from when it was begun */
        r->play_us = now - frames_us(r->frames - (int64_t)n, fps);
        return;
    }
    if (!is_live(r))
        return;
    r->pace.took_us = now - r->pace.begin_us;
    for (int64_t f = r->frames - (int64_t)n; f < r->frames; f++)
        r->slice.late += r->play_us + frames_us(f, fps) < now;
}

int pace_shown(const struct render *r, size_t n, bool *redraw)
{
    *redraw = r->pace.level < LEVELS;
    switch (r->pace.level) {
    case 0:
        return 1;
    case 1:
        return 2;
    default:
        return n ? (int)n : 1;
    }
}
