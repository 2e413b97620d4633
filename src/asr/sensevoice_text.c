/* SenseVoice's output as text (sensevoice_text.h). */
#include "asr/sensevoice_text.h"

#include <math.h>
#include <string.h>

#define WORD_START "\xE2\x96\x81" /* ▁, SentencePiece's blank */

struct word {
    struct ac_str bytes;
    int64_t start_us, end_us;
};

static size_t likeliest(const float *row, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

static float probability(const float *row, size_t n, size_t best)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += row[i] > row[best] - 20 ? expf(row[i] - row[best]) : 0;
    return 1 / sum;
}

static void flush(struct word *w, struct ac_utterance *u)
{
    struct ac_str text = {0};

    ac_tokens_add_utf8(&text, w->bytes.p, w->bytes.len);
    if (text.len)
        ac_utterance_say(u, text.p, text.len, w->start_us, w->end_us);
    ac_str_free(&text);
    ac_str_clear(&w->bytes);
}

/* A piece begins a word when a blank is in front of it, or when it or what stands before is written densely.
 */
static bool begins(const struct word *w, const char *bytes, size_t len)
{
    const char *p = bytes, *last = w->bytes.p;
    uint32_t cp = 0;

    if (w->bytes.len == 0)
        return false;
    for (const char *q = last; q < w->bytes.p + w->bytes.len;)
        cp = ac_utf8_next(&q, w->bytes.p + w->bytes.len);
    bool whole = ac_utf8_valid(w->bytes.p, w->bytes.len) && ac_utf8_valid(bytes, len); /* bytes come singly */
    return whole && (ac_asr_is_dense(cp) || ac_asr_is_dense(ac_utf8_next(&p, bytes + len)));
}

static void add(struct word *w, const char *bytes, size_t len, int64_t start_us, int64_t end_us,
                struct ac_utterance *u)
{
    size_t blank = strlen(WORD_START);
    bool blank_before = len >= blank && memcmp(bytes, WORD_START, blank) == 0;

    if (blank_before) {
        bytes += blank;
        len -= blank;
    }
    if (blank_before || begins(w, bytes, len))
        flush(w, u);
    if (w->bytes.len == 0)
        w->start_us = start_us;
    w->end_us = end_us;
    if (blank_before)
        ac_str_add(&w->bytes, " ");
    ac_str_add_n(&w->bytes, bytes, len);
}

/* The language in the first tag, "<|zh|>"; "" = nobody speaks, or not known. */
static bool read_lang(const struct ac_sensevoice_output *o, const struct ac_tokens *tokens, char *lang,
                      size_t size)
{
    size_t len;
    const char *tag = ac_tokens_bytes(tokens, likeliest(o->logits, o->n_vocab), &len);

    *lang = '\0';
    if (!tag || len < 5 || len - 4 >= size || memcmp(tag, "<|", 2) != 0 ||
        memcmp(tag + len - 2, "|>", 2) != 0)
        return true;
    memcpy(lang, tag + 2, len - 4);
    lang[len - 4] = '\0';
    return strcmp(lang, "nospeech") != 0;
}

/* Tags may stand between the words too. */
static bool is_tag(const char *bytes, size_t len)
{
    return (len >= 4 && memcmp(bytes, "<|", 2) == 0 && memcmp(bytes + len - 2, "|>", 2) == 0) ||
           (len == 3 && memcmp(bytes, "<s>", 3) == 0) || (len == 4 && memcmp(bytes, "</s>", 4) == 0) ||
           (len == 5 && memcmp(bytes, "<unk>", 5) == 0);
}

void ac_sensevoice_say(const struct ac_sensevoice_output *o, const struct ac_tokens *tokens, size_t n,
                       struct ac_utterance *u)
{
    struct word word = {0};
    size_t before = (size_t)o->blank, count = 0;
    double certain = 0;
    char lang[16];

    if (o->n_frames < AC_SENSEVOICE_TAGS || !read_lang(o, tokens, lang, sizeof lang))
        return;
    for (size_t t = AC_SENSEVOICE_TAGS; t < o->n_frames; t++) {
        const float *row = o->logits + t * o->n_vocab;
        size_t best = likeliest(row, o->n_vocab), len;
        bool again = best == before;
        before = best;
        if (best == (size_t)o->blank)
            continue;
        int64_t start_us = (int64_t)(t - AC_SENSEVOICE_TAGS) * o->frame_us;
        word.end_us = again ? start_us + o->frame_us : word.end_us;
        const char *bytes = again ? NULL : ac_tokens_bytes(tokens, best, &len);
        if (!bytes || is_tag(bytes, len))
            continue;
        add(&word, bytes, len, start_us, start_us + o->frame_us, u);
        certain += (double)probability(row, o->n_vocab, best);
        count++;
    }
    flush(&word, u);
    ac_str_free(&word.bytes);
    ac_utterance_judge(u, n, count ? (float)(certain / (double)count) : 0, lang);
}
