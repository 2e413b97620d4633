/*
 * The avatar of the render strand: which engine draws, what it hears, and who takes over when it fails.
 *
 * Engines are asked in fall-back order. One that has no such person (AC_ENOTSUP) is passed over in silence.
 * After one that failed the next ones are opened without a person's id and show their own default: better
 * another person than none. It stays failed until the choices or the configuration change, so the person
 * does not change back and forth, and the client is told once. An engine that fails in mid-turn is replaced
 * at that very picture; where nobody can take over, the sentence is lost and the next one tries it again.
 *
 * An engine that hears (AC_HANDLER_HEARS) gets each piece of speech as it is taken from the voice; its poses
 * are ready when the speech is hear_ahead_ms further. Pieces are kept where a later engine hears, so that it
 * can take over in mid-sentence.
 */
#include "core/speaker_private.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TELL_SAVED = 15 /* slices: 3 s of speech */ };

struct picture_sink {
    struct ac_sink sink;
    struct render *r;
};

static int push_picture(struct ac_sink *sink, struct ac_frame *f)
{
    struct render *r = ((struct picture_sink *)sink)->r;

    ac_frame_unref(r->picture);
    r->picture = f;
    return 0;
}

static int process(struct ac_speaker *sp, struct render *r, const struct ac_frame *in)
{
    struct picture_sink out = {{push_picture}, r};

    return timed_process(sp, &sp->render_busy_us, r->turn, r->drawing, in, &out.sink);
}

static bool hears(const struct render *r)
{
    return r->drawing && ac_instance_info(r->drawing)->flags & AC_HANDLER_HEARS;
}

bool avatar_can_save(const struct render *r)
{
    return r->drawing && ac_instance_info(r->drawing)->flags & AC_HANDLER_SAVES;
}

/* ---- which engine ---- */

/* Place of the engine that draws; MAX_ENGINES: none does. */
static size_t drawing_at(const struct render *r)
{
    size_t i = 0;

    while (i < MAX_ENGINES && (!r->drawing || r->avatar.inst[i] != r->drawing))
        i++;
    return i;
}

/*
 * Finds who draws. from: name of the engine whose place is to be taken, with what it failed of in why
 * (REASON_SIZE bytes), or NULL. On failure nobody draws.
 */
static int choose(struct ac_speaker *sp, struct render *r, const char *from, char *why, char *reason)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(sp->cfg, AC_STAGE_AVATAR, &list);
    struct ac_prefs prefs = r->prefs;
    char said[REASON_SIZE];
    int err = AC_EENGINE;

    r->drawing = NULL;
    snprintf(reason, REASON_SIZE, "no avatar engine is configured (avatar.use)");
    for (size_t i = 0; i < n && i < MAX_ENGINES; i++) {
        int e = 0;
        if (!r->avatar.failed[i])
            r->drawing = engines_get(sp, &r->avatar, i, &prefs, said, &e);
        if (r->drawing) {
            if (from)
                tell_degraded(sp, r->turn, AC_STAGE_AVATAR, from, list[i]->name, why);
            return 0;
        }
        if (e && e != AC_ENOTSUP) {
            engines_mark_failed(&r->avatar, i, list[i]->name, said);
            if (!from)
                snprintf(why, REASON_SIZE, "%s", said);
            from = from ? from : list[i]->name;
        }
        if (e && (e != AC_ENOTSUP || !from)) { /* why nobody could: a failure rather than "not mine" */
            err = e;
            snprintf(reason, REASON_SIZE, "%s", said);
        }
        if (r->avatar.failed[i])
            prefs.avatar[0] = '\0';
    }
    return err;
}

int avatar_open(struct ac_speaker *sp, struct render *r, char *reason)
{
    char why[REASON_SIZE];

    return choose(sp, r, NULL, why, reason);
}

void avatar_close(struct render *r)
{
    avatar_begin_sentence(r);
    r->drawing = NULL;
    r->saving = (struct saving){0};
    engines_close(&r->avatar);
}

/* The engine that draws failed with err: another one takes over (0), or it goes on with the next sentence. */
static int replace(struct ac_speaker *sp, struct render *r, int err, char *reason)
{
    struct ac_instance *bad = r->drawing;
    const char *name = ac_instance_info(bad)->name, *said = ac_instance_reason(bad);
    char why[REASON_SIZE], ignored[REASON_SIZE];
    size_t i = drawing_at(r);

    snprintf(why, sizeof why, "%s", said[0] ? said : ac_err_text(err));
    snprintf(reason, REASON_SIZE, "%s", why);
    engines_mark_failed(&r->avatar, i, name, why);
    if (!choose(sp, r, name, why, ignored)) {
        r->avatar.inst[i] = NULL;
        ac_instance_close(bad);
        return 0;
    }
    r->avatar.failed[i] = false;
    r->drawing = bad;
    r->hearing.all = true; /* it hears no more of this sentence */
    ac_instance_reset(bad);
    return err;
}

/* ---- hearing ---- */

/* Whether an engine that comes after the one that draws would have to know the speech so far. */
static bool later_hears(const struct ac_speaker *sp, const struct render *r)
{
    const struct ac_handler_info *const *list;
    size_t n = ac_config_use(sp->cfg, AC_STAGE_AVATAR, &list);

    for (size_t i = drawing_at(r) + 1; i < n && i < MAX_ENGINES; i++) {
        if (!r->avatar.failed[i] && list[i]->flags & AC_HANDLER_HEARS)
            return true;
    }
    return false;
}

/*
 * Replaces the engine that failed with err, until one has heard the sentence so far. The result is 0, or
 * what the sentence fails of.
 */
static int take_over(struct ac_speaker *sp, struct render *r, int err, char *reason)
{
    while (err && err != AC_ECANCELED) {
        int e = replace(sp, r, err, reason);
        if (e)
            return e;
        err = 0;
        for (size_t i = 0; hears(r) && !err && i < r->hearing.n; i++)
            err = process(sp, r, r->hearing.pieces[i]);
    }
    return err;
}

void avatar_begin_sentence(struct render *r)
{
    for (size_t i = 0; i < r->hearing.n; i++)
        ac_frame_unref(r->hearing.pieces[i]);
    free(r->hearing.pieces);
    r->hearing = (struct hearing){0};
}

int avatar_hear(struct ac_speaker *sp, struct render *r, struct ac_frame *speech, char *reason)
{
    struct hearing *h = &r->hearing;
    const struct ac_speech *s = &speech->speech;

    if (h->all)
        return 0;
    if (later_hears(sp, r)) {
        if (h->n == h->cap) {
            h->cap = h->cap ? 2 * h->cap : 16;
            h->pieces = ac_realloc_array(h->pieces, h->cap, sizeof(struct ac_frame *));
        }
        h->pieces[h->n++] = ac_frame_ref(speech);
    }
    h->us += ac_frame_duration_us(speech);
    h->next_sample = s->start_sample + (int64_t)s->n_samples;
    h->rate_hz = s->rate_hz;
    h->all = s->last;
    return hears(r) ? take_over(sp, r, process(sp, r, speech), reason) : 0;
}

int avatar_hear_end(struct ac_speaker *sp, struct render *r, char *reason)
{
    if (!r->hearing.rate_hz || r->hearing.all)
        return 0;
    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
    f->turn = r->turn->number;
    f->speech.rate_hz = r->hearing.rate_hz;
    f->speech.start_sample = r->hearing.next_sample;
    f->speech.seq = r->cur->seq;
    f->speech.emotion = r->cur->sentence.emotion;
    f->speech.last = true;
    int err = avatar_hear(sp, r, f, reason);
    ac_frame_unref(f);
    return err;
}

size_t avatar_ready(const struct ac_speaker *sp, const struct render *r)
{
    size_t ready = r->n_poses - r->pose_at;

    if (!hears(r) || r->hearing.all || r->complete)
        return ready;
    int64_t us = r->hearing.us - ac_instance_info(r->drawing)->hear_ahead_ms * INT64_C(1000);
    int64_t heard = us < 0 ? 0 : us * fps_of(sp, r) / 1000000 + 1 - (int64_t)r->pose_at;
    return heard <= 0 ? 0 : (size_t)heard < ready ? (size_t)heard : ready;
}

/* ---- drawing ---- */

int avatar_draw(struct ac_speaker *sp, struct render *r, const struct ac_frame *pose, char *reason)
{
    int err;

    do {
        err = process(sp, r, pose);
        if (!err && !r->picture)
            err = AC_EENGINE; /* it gave none */
        if (!err)
            return 0;
        err = take_over(sp, r, err, reason);
    } while (!err);
    return err;
}

void avatar_note_saving(struct ac_speaker *sp, struct render *r)
{
    const char *name = ac_instance_info(r->drawing)->name;
    char reason[REASON_SIZE];

    if (r->saved > TELL_SAVED || ++r->saved <= TELL_SAVED)
        return;
    snprintf(reason, sizeof reason,
             "this machine cannot draw %d pictures a second: every second one is interpolated",
             fps_of(sp, r));
    tell_degraded(sp, r->turn, AC_STAGE_AVATAR, name, name, reason);
}
