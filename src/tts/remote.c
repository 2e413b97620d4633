/* Trimming and cutting of sound that arrives bit by bit (remote.h). */
#include "tts/remote.h"

#include "base/mem.h"
#include "tts/voices.h"

#include <stdlib.h>
#include <string.h>

enum {
    QUIET = 164, /* -46 dB: what is below all through is no speech */
    LEAD_MS = 60,
    TAIL_MS = 200,
    LEAST_MS = 40,
    MOST_MS = 200,
    LEAST_WORD_US = 10000,
};

const char *ac_tts_remote_language(const char *asked, const struct ac_tts_text *clean)
{
    static const char *const of[AC_SCRIPT_COUNT] = {
        [AC_SCRIPT_HAN] = "zh-CN",   [AC_SCRIPT_KANA] = "ja",  [AC_SCRIPT_HANGUL] = "ko",
        [AC_SCRIPT_CYRILLIC] = "ru", [AC_SCRIPT_GREEK] = "el", [AC_SCRIPT_ARABIC] = "ar",
        [AC_SCRIPT_HEBREW] = "he",   [AC_SCRIPT_THAI] = "th",  [AC_SCRIPT_DEVANAGARI] = "hi"};
    const char *p = clean->s.p, *end = p + clean->s.len, *lang = "en";

    if (*asked && strcmp(asked, "auto") != 0)
        return asked;
    while (p < end) {
        enum ac_script s = ac_tts_script(ac_utf8_next(&p, end));
        if (of[s] && (strcmp(lang, "en") == 0 || s == AC_SCRIPT_KANA)) /* Japanese begins with Han, often */
            lang = of[s];
    }
    return lang;
}

void ac_tts_remote_init(struct ac_tts_remote *o, struct ac_sink *sink, const struct ac_frame *in,
                        struct ac_cancel *cancel)
{
    *o = (struct ac_tts_remote){.sink = sink, .in = in, .cancel = cancel};
}

static size_t to_samples(const struct ac_tts_remote *o, int ms)
{
    return (size_t)o->rate_hz * (size_t)ms / 1000;
}

int64_t ac_tts_remote_pos_us(const struct ac_tts_remote *o)
{
    return o->rate_hz ? o->n_in * 1000000 / o->rate_hz : 0;
}

void ac_tts_remote_word(struct ac_tts_remote *o, const struct ac_word *w)
{
    *ac_words_add(&o->words) = *w;
}

/* The words for the next piece: on the clock of what is given out, none before its beginning. */
static void place_words(struct ac_tts_remote *o, struct ac_speech *s)
{
    int32_t shift = (int32_t)(o->cut * 1000000 / o->rate_hz);

    for (size_t i = 0; i < o->words.n; i++) {
        struct ac_word *w = &o->words.v[i];
        w->start_us = w->start_us > shift ? w->start_us - shift : 0;
        w->end_us = w->end_us - shift > w->start_us ? w->end_us - shift : w->start_us + LEAST_WORD_US;
    }
    s->words = o->words.v;
    s->n_words = o->words.n;
    o->words = (struct ac_words){0};
}

/* Pushes the first n samples of the buffer. */
static int push(struct ac_tts_remote *o, size_t n, bool last)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
    struct ac_speech *s = &f->speech;

    f->turn = o->in->turn;
    s->seq = o->in->text.seq;
    s->emotion = o->in->text.emotion;
    s->rate_hz = o->rate_hz;
    s->start_sample = o->next_sample;
    s->n_samples = n;
    if (n) {
        s->pcm = ac_alloc(n * sizeof *s->pcm);
        memcpy(s->pcm, o->buf, n * sizeof *s->pcm);
        memmove(o->buf, o->buf + n, (o->n_buf - n) * sizeof *o->buf);
    }
    o->n_buf -= n;
    o->next_sample += (int64_t)n;
    place_words(o, s);
    s->last = last;
    o->pushed = true;
    return o->sink->push(o->sink, f);
}

/* Before the first sound: keeps the last LEAD_MS of the silence. */
static void cut_lead(struct ac_tts_remote *o, size_t sound_at)
{
    size_t lead = to_samples(o, LEAD_MS), n = sound_at > lead ? sound_at - lead : 0;

    memmove(o->buf, o->buf + n, (o->n_buf - n) * sizeof *o->buf);
    o->n_buf -= n;
    o->cut += (int64_t)n;
}

/* Samples of the buffer that may go out: not the silence that may prove to be the end. */
static size_t ready(const struct ac_tts_remote *o)
{
    size_t tail = to_samples(o, TAIL_MS), held = o->n_quiet > tail ? o->n_quiet - tail : 0;

    return held < o->n_buf ? o->n_buf - held : 0;
}

static int push_ready(struct ac_tts_remote *o, size_t least)
{
    int err = 0;

    for (size_t n; !err && (n = ready(o)) >= least && n > 0;) {
        size_t most = to_samples(o, MOST_MS);
        err = ac_cancelled(o->cancel) ? AC_ECANCELED : push(o, n < most ? n : most, false);
    }
    return err;
}

int ac_tts_remote_pcm(struct ac_tts_remote *o, const int16_t *pcm, size_t n, int rate_hz)
{
    if (ac_cancelled(o->cancel))
        return AC_ECANCELED;
    if (o->rate_hz && o->rate_hz != rate_hz)
        return AC_EENGINE;
    o->rate_hz = rate_hz;
    o->n_in += (int64_t)n;
    if (ac_tts_remote_pos_us(o) > AC_TTS_MAX_US)
        return AC_ELIMIT;
    if (o->n_buf + n > o->cap_buf) {
        o->cap_buf = (o->n_buf + n) * 2;
        o->buf = ac_realloc_array(o->buf, o->cap_buf, sizeof *o->buf);
    }
    size_t first = o->n_buf;
    memcpy(o->buf + first, pcm, n * sizeof *pcm);
    o->n_buf += n;
    size_t sound = n, sound_end = 0; /* the first sample that is not quiet, and the end of the last one */
    for (size_t i = 0; i < n; i++) {
        if (pcm[i] <= QUIET && pcm[i] >= -QUIET)
            continue;
        sound = i < sound ? i : sound;
        sound_end = i + 1;
    }
    if (!o->began) {
        cut_lead(o, first + sound);
        o->began = sound < n;
    }
    o->n_quiet = sound_end ? n - sound_end : o->n_quiet + n;
    return o->began ? push_ready(o, to_samples(o, LEAST_MS)) : 0;
}

int ac_tts_remote_finish(struct ac_tts_remote *o)
{
    if (!o->began)
        return AC_EENGINE;
    int err = push_ready(o, 1);

    return err ? err : push(o, 0, true);
}

void ac_tts_remote_free(struct ac_tts_remote *o)
{
    free(o->buf);
    free(o->words.v);
    *o = (struct ac_tts_remote){0};
}
