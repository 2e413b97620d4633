/*
 * Decoding with PocketSphinx in steps (sphinx.h): samples → cepstra (sphinxbase's front end) → minus their
 * mean → search, a few frames at a time.
 */
#include "asr/sphinx_private.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"

#include <sphinxbase/fe.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_CEP = 13,
    STEP_FRAMES = 2, /* searched between two looks at the cancel token; a frame takes up to 8 ms */
    FRAME_US = 10000,
    TELL_FRAMES = 20, /* between two texts of a live decode */
    LIVE_FIRST = 100, /* frames from which a live decode knows a mean good enough to begin with */
    LIVE_AGAIN = 300, /* … and from which it is worth to begin anew with a better one */
};

/* The same sound gives the same result, whatever was heard before: noise estimates are forgotten. */
static void begin_sound(fe_t *fe)
{
    fe_start_stream(fe);
    fe_start_utt(fe);
}

/* Cepstra of an utterance, as the front end makes them. */
struct cepstra {
    mfcc_t (*frames)[N_CEP];
    size_t n, cap;
};

static int grow(struct cepstra *c, size_t n)
{
    if (n <= c->cap)
        return AC_OK;
    void *more = realloc(c->frames, n * 2 * sizeof *c->frames);
    if (!more)
        return AC_ENOMEM;
    c->frames = more;
    c->cap = n * 2;
    return AC_OK;
}

/* Appends the cepstra of further samples; *used says how many of them were taken (all but under a frame). */
static int add_cepstra(struct cepstra *c, fe_t *fe, const int16_t *pcm, size_t n, size_t *used)
{
    const int16 *at = pcm;
    size_t left = n, room = n / (AC_LISTEN_RATE_HZ / 100) + 2;

    if (grow(c, c->n + room))
        return AC_ENOMEM;
    mfcc_t **rows = ac_alloc(room * sizeof *rows);
    for (size_t i = 0; i < room; i++)
        rows[i] = c->frames[c->n + i];
    int32 got = (int32)room;
    int bad = fe_process_frames(fe, &at, &left, rows, &got, NULL);
    free(rows);
    if (bad < 0)
        return AC_EENGINE;
    c->n += (size_t)got;
    *used = n - left;
    return AC_OK;
}

/* Mean of the frames that have any energy, as sphinxbase's batch normalisation takes it. */
static void mean_of(const struct cepstra *c, mfcc_t mean[N_CEP])
{
    double sum[N_CEP] = {0};
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (c->frames[i][0] < 0)
            continue;
        for (int k = 0; k < N_CEP; k++)
            sum[k] += (double)c->frames[i][k];
        n++;
    }
    for (int k = 0; k < N_CEP; k++)
        mean[k] = n ? (mfcc_t)(sum[k] / (double)n) : 0;
}

/* Searches n frames from the given one on. */
static int search(struct ac_sphinx_decoder *d, const struct cepstra *c, size_t from, size_t n,
                  const mfcc_t mean[N_CEP])
{
    mfcc_t step[STEP_FRAMES][N_CEP], *rows[STEP_FRAMES];

    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < N_CEP; k++)
            step[i][k] = c->frames[from + i][k] - mean[k];
        rows[i] = step[i];
    }
    return ps_process_cep(d->ps, rows, (int)n, FALSE, FALSE) < 0 ? AC_EENGINE : AC_OK;
}

static int begin(struct ac_sphinx_decoder *d)
{
    if (d->in_utterance)
        ps_end_utt(d->ps);
    d->in_utterance = ps_start_utt(d->ps) == 0;
    return d->in_utterance ? AC_OK : AC_EENGINE;
}

/* "<s>", "<sil>", "[NOISE]" and the like are no words. */
static bool is_filler(const char *word)
{
    return !*word || *word == '<' || *word == '[' || *word == '+';
}

/* Tells the words of the best hypothesis; the dictionary's "read(2)" is "read". */
static void tell(struct ac_sphinx_decoder *d, ac_sphinx_word_fn *fn, void *arg)
{
    for (ps_seg_t *seg = ps_seg_iter(d->ps); seg; seg = ps_seg_next(seg)) {
        const char *name = ps_seg_word(seg);
        int from, to;
        if (is_filler(name))
            continue;
        char *word = ac_strndup(name, strcspn(name, "("));
        ps_seg_frames(seg, &from, &to);
        double sure = logmath_exp(ps_get_logmath(d->ps), ps_seg_prob(seg, NULL, NULL, NULL));
        fn(arg, word, (int64_t)from * FRAME_US, (int64_t)(to + 1) * FRAME_US, (float)(sure < 1 ? sure : 1));
        free(word);
    }
}

/* ---- a whole utterance ---- */

static int search_all(struct ac_sphinx_decoder *d, const struct cepstra *c, struct ac_cancel *cancel)
{
    mfcc_t mean[N_CEP];
    int err = begin(d);

    mean_of(c, mean);
    for (size_t at = 0; at < c->n && !err; at += STEP_FRAMES) {
        err = search(d, c, at, c->n - at < STEP_FRAMES ? c->n - at : STEP_FRAMES, mean);
        if (!err)
            err = ac_cancel_reason(cancel);
    }
    return err;
}

int ac_sphinx_recognise(struct ac_sphinx *s, const int16_t *pcm, size_t n, struct ac_cancel *cancel,
                        ac_sphinx_word_fn *fn, void *arg)
{
    struct ac_sphinx_decoder *d;
    struct cepstra c = {0};
    size_t used;
    int err = ac_sphinx_take(s, cancel, &d);

    if (err)
        return err;
    fe_t *fe = ps_get_fe(d->ps);
    begin_sound(fe);
    err = add_cepstra(&c, fe, pcm, n, &used);
    if (!err && grow(&c, c.n + 1) == AC_OK) { /* the last, incomplete frame */
        int32 got = 0;
        fe_end_utt(fe, c.frames[c.n], &got);
        c.n += (size_t)got;
    }
    if (!err && c.n > 0)
        err = search_all(d, &c, cancel);
    if (d->in_utterance)
        ps_end_utt(d->ps);
    d->in_utterance = false;
    if (!err && c.n > 0)
        tell(d, fn, arg);
    ac_sphinx_give(d);
    free(c.frames);
    return err;
}

/* ---- while it is spoken ---- */

struct ac_sphinx_live {
    struct ac_sphinx *pool;
    struct ac_sphinx_decoder *d; /* NULL = none */
    fe_t *fe;
    struct cepstra c;
    size_t used;     /* samples that are cepstra */
    size_t searched; /* frames */
    size_t told;     /* frames of which the text was told; after a new beginning it has to get there again */
    size_t began_at; /* frames that the mean is made of; 0 = not begun */
    mfcc_t mean[N_CEP];
    struct ac_str text; /* said last */
};

struct ac_sphinx_live *ac_sphinx_live_new(struct ac_sphinx *s)
{
    struct ac_sphinx_live *l = ac_zalloc(sizeof *l);

    l->pool = s;
    l->fe = fe_init_auto_r(s->live.config);
    return l;
}

void ac_sphinx_live_free(struct ac_sphinx_live *l)
{
    if (!l)
        return;
    ac_sphinx_live_stop(l);
    fe_free(l->fe);
    free(l->c.frames);
    ac_str_free(&l->text);
    free(l);
}

void ac_sphinx_live_stop(struct ac_sphinx_live *l)
{
    if (l->d)
        ac_sphinx_give(l->d);
    l->d = NULL;
    l->c.n = l->used = l->searched = l->told = l->began_at = 0;
    ac_str_clear(&l->text);
}

/* Goes on until the thread has used so much of the processor. False on failure. */
static bool catch_up(struct ac_sphinx_live *l, int64_t until_us, struct ac_cancel *cancel)
{
    if (l->began_at == 0 ? l->c.n >= LIVE_FIRST : l->began_at < LIVE_AGAIN && l->c.n >= LIVE_AGAIN) {
        if (begin(l->d))
            return false;
        mean_of(&l->c, l->mean);
        l->began_at = l->c.n;
        l->searched = 0;
    }
    while (l->began_at && l->searched < l->c.n) {
        size_t n = l->c.n - l->searched < STEP_FRAMES ? l->c.n - l->searched : STEP_FRAMES;
        if (search(l->d, &l->c, l->searched, n, l->mean))
            return false;
        l->searched += n;
        if (ac_thread_cpu_us() > until_us || ac_cancelled(cancel))
            break;
    }
    return true;
}

static void add_word(void *arg, const char *word, int64_t start_us, int64_t end_us, float sure)
{
    struct ac_str *text = arg;

    (void)start_us, (void)end_us, (void)sure;
    ac_str_addf(text, "%s%s", text->len ? " " : "", word);
}

bool ac_sphinx_live_run(struct ac_sphinx_live *l, const int16_t *pcm, size_t n, int64_t budget_us,
                        struct ac_cancel *cancel, struct ac_str *text)
{
    int64_t until_us = ac_thread_cpu_us() + budget_us;
    size_t used = 0;

    if (l->fe && !l->d)
        l->d = ac_sphinx_take_live(l->pool);
    if (!l->d)
        return false;
    if (l->used == 0)
        begin_sound(l->fe);
    bool changed = false;
    if (add_cepstra(&l->c, l->fe, pcm + l->used, n - l->used, &used) == AC_OK) {
        l->used += used;
        if (catch_up(l, until_us, cancel) && l->searched >= l->told + TELL_FRAMES) {
            l->told = l->searched;
            ac_str_clear(text);
            tell(l->d, add_word, text);
            changed =
                text->len > 0 && (l->text.len != text->len || memcmp(l->text.p, text->p, text->len) != 0);
        }
    }
    if (changed) {
        ac_str_clear(&l->text);
        ac_str_add_n(&l->text, text->p, text->len);
    }
    return changed;
}
