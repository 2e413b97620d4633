/* Collecting an utterance and cutting what is too long for one look (utterance.h). */
#include "asr/utterance.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    HUSH = AC_LISTEN_RATE_HZ / 10,     /* samples of the quietest place that is looked for */
    CUT_RANGE = 5 * AC_LISTEN_RATE_HZ, /* at most so far before the end */
    GROW = 4 * AC_LISTEN_RATE_HZ,      /* not twice as much: every session holds one */
    MAX_TEXT_BYTES = 1 << 20,
};

static int add_pcm(struct ac_utterance *u, const int16_t *pcm, size_t n)
{
    if (u->n + n > u->cap) {
        size_t cap = u->n + n + GROW;
        int16_t *more = realloc(u->pcm, cap * sizeof *more);
        if (!more)
            return AC_ENOMEM;
        u->pcm = more;
        u->cap = cap;
    }
    memcpy(u->pcm + u->n, pcm, n * sizeof *pcm);
    u->n += n;
    return 0;
}

/* The middle of the quietest tenth of a second in the last part of the window. */
static size_t quietest(const int16_t *pcm, size_t window)
{
    size_t from = window > 2 * CUT_RANGE ? window - CUT_RANGE : window / 2, best = from;
    double sum = 0, least = 0;

    for (size_t i = from; i < window; i++) {
        sum += (double)pcm[i] * pcm[i];
        if (i < from + HUSH) {
            least = sum;
            continue;
        }
        sum -= (double)pcm[i - HUSH] * pcm[i - HUSH];
        if (sum < least) {
            least = sum;
            best = i - HUSH + 1;
        }
    }
    return best + HUSH / 2;
}

static int give(const struct ac_utterance *u, bool final, struct ac_sink *out)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_TRANSCRIPT);
    struct ac_transcript *t = &f->transcript;

    t->text = ac_strdup(u->text.len ? u->text.p : "");
    memcpy(t->lang, u->lang, sizeof t->lang);
    t->final = final;
    t->confidence = u->done && u->text.len ? (float)(u->certain / (double)u->done) : 0;
    if (u->n_words) {
        t->words = ac_alloc(u->n_words * sizeof *t->words);
        memcpy(t->words, u->words, u->n_words * sizeof *t->words);
        t->n_words = u->n_words;
    }
    return out->push(out, f);
}

static int recognise(struct ac_utterance *u, size_t n, ac_recognise_fn *fn, void *arg,
                     struct ac_cancel *cancel)
{
    int err = fn(arg, u, u->pcm, n, cancel);

    if (err)
        return err;
    u->done += (int64_t)n;
    u->joint = true;
    u->n -= n;
    memmove(u->pcm, u->pcm + n, u->n * sizeof *u->pcm);
    return u->text.len > MAX_TEXT_BYTES ? AC_ELIMIT : 0;
}

int ac_utterance_process(struct ac_utterance *u, const struct ac_frame *in, size_t window,
                         ac_recognise_fn *fn, void *arg, struct ac_sink *out, struct ac_cancel *cancel)
{
    size_t taken = 0;
    int err = 0;

    while (in && taken < in->audio.n_samples && !err) {
        size_t n = in->audio.n_samples - taken;
        n = n < window - u->n ? n : window - u->n;
        memcpy(u->asked, in->audio.lang, sizeof u->asked);
        err = add_pcm(u, in->audio.pcm + taken, n);
        taken += n;
        if (!err && u->n >= window) {
            err = recognise(u, quietest(u->pcm, window), fn, arg, cancel);
            err = err ? err : give(u, false, out);
        }
    }
    if (in || err)
        return err;
    if (u->n)
        err = recognise(u, u->n, fn, arg, cancel);
    err = err ? err : give(u, true, out);
    ac_utterance_reset(u);
    return err;
}

bool ac_asr_is_dense(uint32_t cp)
{
    bool hangul =
        (cp >= 0x1100 && cp < 0x1200) || (cp >= 0x3130 && cp < 0x3190) || (cp >= 0xAC00 && cp < 0xD7B0);

    return ac_cp_is_cjk(cp) && !hangul;
}

/* Where two parts meet, a blank is due unless one is there or the script has none. */
static bool wants_blank(const struct ac_utterance *u, const char *text, size_t len)
{
    const char *end = u->text.p + u->text.len, *last = end - 1;

    if (u->text.len == 0 || *last == ' ' || *text == ' ')
        return false;
    while (last > u->text.p && (*last & 0xC0) == 0x80)
        last--;
    return !ac_asr_is_dense(ac_utf8_next(&text, text + len)) && !ac_asr_is_dense(ac_utf8_next(&last, end));
}

void ac_utterance_say(struct ac_utterance *u, const char *text, size_t len, int64_t start_us, int64_t end_us)
{
    int64_t base_us = u->done * 1000000 / AC_LISTEN_RATE_HZ;

    while (len && *text == ' ' && (u->text.len == 0 || u->text.p[u->text.len - 1] == ' ')) {
        text++;
        len--;
    }
    if (len == 0)
        return;
    if (u->joint && wants_blank(u, text, len))
        ac_str_add(&u->text, " ");
    u->joint = false;
    if (end_us > 0 && base_us + end_us <= INT32_MAX) { /* later than 35 minutes has no place in a word */
        size_t skip = *text == ' ';
        u->words = ac_realloc_array(u->words, u->n_words + 1, sizeof *u->words);
        u->words[u->n_words++] = (struct ac_word){
            .start_us = (int32_t)(base_us + start_us),
            .end_us = (int32_t)(base_us + end_us),
            .text_start = (uint32_t)(u->text.len + skip),
            .text_len = (uint32_t)(len - skip),
        };
    }
    ac_str_add_n(&u->text, text, len);
}

void ac_utterance_judge(struct ac_utterance *u, size_t n, float confidence, const char *lang)
{
    u->certain += (double)confidence * (double)n;
    if (*lang) {
        size_t len = strnlen(lang, sizeof u->lang - 1);
        memcpy(u->lang, lang, len);
        u->lang[len] = '\0';
    }
}

void ac_utterance_reset(struct ac_utterance *u)
{
    u->n = 0;
    u->done = 0;
    u->joint = false;
    u->asked[0] = u->lang[0] = '\0';
    ac_str_clear(&u->text);
    u->n_words = 0;
    u->certain = 0;
}

void ac_utterance_free(struct ac_utterance *u)
{
    free(u->pcm);
    free(u->words);
    ac_str_free(&u->text);
    *u = (struct ac_utterance){0};
}
