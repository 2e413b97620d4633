/* The pool of PocketSphinx decoders: opening them, and who has which (sphinx.h). */
#include "asr/sphinx_private.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <sphinxbase/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_US = 10000 }; /* how often a wait looks at its cancel token */

/* ---- PocketSphinx's log, which is the whole process's ---- */

static void forward_log(void *arg, err_lvl_t level, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    (void)arg;
    if (level < ERR_WARN || !ac_log_enabled(AC_LOG_DEBUG))
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    line[strcspn(line, "\n")] = '\0';
    ac_log_debug("asr", "pocketsphinx_says", AC_S("text", line));
}

static void set_log(void)
{
    err_set_logfp(NULL);
    err_set_callback(forward_log, NULL);
}

/* ---- decoders ---- */

static struct ac_sphinx_decoder *decoder_new(struct ac_sphinx *s, const struct ac_sphinx_kind *kind)
{
    ps_decoder_t *ps = kind->config ? ps_init(kind->config) : NULL;

    if (!ps)
        return NULL;
    ps_get_feat(ps)->cmn = CMN_NONE; /* the mean is taken off before */
    struct ac_sphinx_decoder *d = ac_zalloc(sizeof *d);
    d->pool = s;
    d->ps = ps;
    return d;
}

/*
 * Opens the first of its kind. Silence is left in: cutting it out would move the times of the words. At most
 * 8000 states and 30 words a frame: noise, which fits everything badly, then takes half of the time, and
 * speech is understood as well as without a bound.
 */
static bool kind_open(struct ac_sphinx *s, struct ac_sphinx_kind *kind, const struct ac_sphinx_config *cfg,
                      int max, const char *second_pass)
{
    kind->max = max;
    kind->decoders = ac_zalloc((size_t)max * sizeof(struct ac_sphinx_decoder *) + 1);
    kind->config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", cfg->acoustic, "-lm", cfg->lm, "-dict",
                               cfg->dict, "-remove_silence", "no", "-maxhmmpf", "8000", "-maxwpf", "30",
                               "-fwdflat", second_pass, NULL);
    if (max > 0)
        kind->decoders[0] = decoder_new(s, kind);
    kind->n = max > 0 && kind->decoders[0];
    return kind->config && kind->n == (max > 0);
}

static void kind_close(struct ac_sphinx_kind *kind)
{
    for (int i = 0; i < kind->n; i++) {
        ps_free(kind->decoders[i]->ps);
        free(kind->decoders[i]);
    }
    free(kind->decoders);
    if (kind->config)
        cmd_ln_free_r(kind->config);
}

static bool is_there(const char *path, const char *what, char *why)
{
    if (access(path, R_OK) == 0)
        return true;
    snprintf(why, 256,
             "PocketSphinx's %s '%s' cannot be read (%s): install Debian's package pocketsphinx-en-us, or "
             "name another model in asr.pocketsphinx",
             what, path, strerror(errno));
    return false;
}

int ac_sphinx_open(struct ac_sphinx **out, const struct ac_sphinx_config *cfg, char *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (!is_there(cfg->acoustic, "acoustic model", why) || !is_there(cfg->lm, "language model", why) ||
        !is_there(cfg->dict, "dictionary", why))
        return AC_EMODEL;
    pthread_once(&once, set_log);
    struct ac_sphinx *s = ac_zalloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->freed, NULL);
    /* The second pass finds a good part of the words; following what is being said does without, because it
     * comes in one piece at the end of an utterance. */
    if (!kind_open(s, &s->whole, cfg, cfg->decoders, "yes") ||
        !kind_open(s, &s->live, cfg, cfg->live_decoders, "no")) {
        snprintf(
            why, 256,
            "PocketSphinx cannot load its model from '%s': a file is damaged or of another kind; install "
            "Debian's package pocketsphinx-en-us again",
            cfg->acoustic);
        ac_sphinx_close(s);
        return AC_EMODEL;
    }
    *out = s;
    return AC_OK;
}

void ac_sphinx_close(struct ac_sphinx *s)
{
    if (!s)
        return;
    kind_close(&s->whole);
    kind_close(&s->live);
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- who has which ---- */

/* Lock held, given up while another one is opened. NULL when none is free; *err when that fails. */
static struct ac_sphinx_decoder *take_free(struct ac_sphinx *s, struct ac_sphinx_kind *kind, int *err)
{
    struct ac_sphinx_decoder *d = NULL;

    for (int i = 0; i < kind->n && !d; i++) {
        if (!kind->decoders[i]->taken)
            d = kind->decoders[i];
    }
    if (!d && kind->n < kind->max && !kind->opening) {
        kind->opening = true;
        pthread_mutex_unlock(&s->lock);
        d = decoder_new(s, kind);
        pthread_mutex_lock(&s->lock);
        kind->opening = false;
        if (d)
            kind->decoders[kind->n++] = d;
        else
            *err = AC_EMODEL;
    }
    if (d)
        d->taken = true;
    return d;
}

/* Lock held. */
static void wait_a_moment(struct ac_sphinx *s)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_US * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&s->freed, &s->lock, &until);
}

int ac_sphinx_take(struct ac_sphinx *s, struct ac_cancel *cancel, struct ac_sphinx_decoder **d)
{
    int err = ac_cancel_reason(cancel);

    *d = NULL;
    pthread_mutex_lock(&s->lock);
    while (!err) {
        *d = take_free(s, &s->whole, &err);
        if (*d || err)
            break;
        wait_a_moment(s);
        err = ac_cancel_reason(cancel);
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

struct ac_sphinx_decoder *ac_sphinx_take_live(struct ac_sphinx *s)
{
    int err = AC_OK;

    pthread_mutex_lock(&s->lock);
    struct ac_sphinx_decoder *d = take_free(s, &s->live, &err);
    pthread_mutex_unlock(&s->lock);
    return d;
}

void ac_sphinx_give(struct ac_sphinx_decoder *d)
{
    pthread_mutex_lock(&d->pool->lock);
    d->taken = false;
    pthread_cond_signal(&d->pool->freed);
    pthread_mutex_unlock(&d->pool->lock);
}
