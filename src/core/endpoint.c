/* Where an utterance begins and ends; see endpoint.h. */
#include "core/endpoint.h"

enum {
    STEP = 512,   /* samples (32 ms): longer pieces are taken in steps, so that times are kept */
    GAP_MS = 100, /* so much quiet within the first syllables is that of a plosive */
};

void ac_endpoint_init(struct ac_endpoint *e, const struct ac_listen_config *cfg, ac_endpoint_fn *fn,
                      void *arg)
{
    *e = (struct ac_endpoint){.fn = fn, .arg = arg};
    ac_endpoint_configure(e, cfg);
}

void ac_endpoint_configure(struct ac_endpoint *e, const struct ac_listen_config *cfg)
{
    e->cfg = *cfg;
    if (e->cfg.threshold_low > e->cfg.threshold)
        e->cfg.threshold_low = e->cfg.threshold;
    if (e->cfg.threshold_speaking < e->cfg.threshold)
        e->cfg.threshold_speaking = e->cfg.threshold;
}

static void tell(struct ac_endpoint *e, enum ac_endpoint_type type, bool cut)
{
    const struct ac_endpoint_event event = {
        .type = type,
        .start_sample = e->start,
        .onset_sample = e->onset,
        .end_sample = cut ? e->at : e->voice_end,
        .at_sample = e->at,
        .cut = cut,
    };

    e->fn(e->arg, &event);
}

static void end(struct ac_endpoint *e, bool cut)
{
    e->state = AC_ENDPOINT_SILENT;
    e->floor = cut ? e->at : e->voice_end;
    tell(e, AC_ENDPOINT_END, cut);
}

static void begin_maybe(struct ac_endpoint *e, int64_t from)
{
    int64_t start = from - ac_listen_samples(e->cfg.preroll_ms);

    e->state = AC_ENDPOINT_MAYBE_SPEECH;
    e->onset = from;
    e->start = start > e->floor ? start : e->floor;
    e->voiced = 0;
    tell(e, AC_ENDPOINT_ONSET, false);
}

/* speech?: enough voice makes it speech, a little quiet ends it. */
static void step_maybe(struct ac_endpoint *e, int64_t n, double p, bool strict)
{
    const struct ac_listen_config *c = &e->cfg;

    if (p >= (strict ? c->threshold_speaking : c->threshold_low)) {
        e->voiced += n;
        e->voice_end = e->at;
    } else if (e->at - e->voice_end > ac_listen_samples(GAP_MS)) {
        e->state = AC_ENDPOINT_SILENT;
        tell(e, AC_ENDPOINT_DISMISS, false);
        return;
    }
    if (e->voiced >= ac_listen_samples(strict ? c->barge_in_ms : c->speech_ms)) {
        e->state = AC_ENDPOINT_IN_SPEECH;
        tell(e, AC_ENDPOINT_SPEECH, false);
    }
}

static void step_utterance(struct ac_endpoint *e, double p)
{
    const struct ac_listen_config *c = &e->cfg;

    if (p >= (e->state == AC_ENDPOINT_MAYBE_SILENCE ? c->threshold : c->threshold_low)) {
        e->voice_end = e->at;
        if (e->state == AC_ENDPOINT_MAYBE_SILENCE) {
            e->state = AC_ENDPOINT_IN_SPEECH;
            tell(e, AC_ENDPOINT_RESUME, false);
        }
    }
    int64_t quiet = e->at - e->voice_end;
    if (e->state == AC_ENDPOINT_IN_SPEECH && quiet >= ac_listen_samples(c->pause_ms)) {
        e->state = AC_ENDPOINT_MAYBE_SILENCE;
        tell(e, AC_ENDPOINT_PAUSE, false);
    }
    if (e->state == AC_ENDPOINT_MAYBE_SILENCE && quiet >= ac_listen_samples(c->silence_ms))
        end(e, false);
    else if (e->at - e->start >= ac_listen_samples(c->max_utterance_s * INT64_C(1000)))
        end(e, true);
}

static void step(struct ac_endpoint *e, int64_t from, int64_t n, double p, enum ac_ears ears)
{
    bool strict = ears == AC_EARS_STRICT;

    if (ears == AC_EARS_CLOSED)
        p = 0;
    e->at = from + n;
    if (e->state == AC_ENDPOINT_SILENT && p >= (strict ? e->cfg.threshold_speaking : e->cfg.threshold))
        begin_maybe(e, from);
    if (e->state == AC_ENDPOINT_MAYBE_SPEECH)
        step_maybe(e, n, p, strict);
    else if (e->state != AC_ENDPOINT_SILENT)
        step_utterance(e, p);
}

void ac_endpoint_feed(struct ac_endpoint *e, const struct ac_voice *v, enum ac_ears ears)
{
    int64_t from = v->start_sample, end = v->start_sample + (int64_t)v->n_samples;

    for (; from < end; from += STEP)
        step(e, from, end - from < STEP ? end - from : STEP, (double)v->probability, ears);
}

void ac_endpoint_finish(struct ac_endpoint *e)
{
    if (e->state == AC_ENDPOINT_MAYBE_SPEECH) {
        e->state = AC_ENDPOINT_SILENT;
        tell(e, AC_ENDPOINT_DISMISS, false);
    } else if (e->state != AC_ENDPOINT_SILENT) {
        end(e, false);
    }
    e->floor = e->at;
}
