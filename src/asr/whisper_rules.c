/* Whisper's decoding rules (whisper_rules.h). What is not allowed gets the value -infinity. */
#include "asr/whisper_rules.h"

#include <math.h>

enum {
    MAX_FIRST_TIMESTAMP = 50, /* the first timestamp is within a second, as in the published rules */
    MAX_NGRAM = 64,
    MIN_REPEATS = 3,
    MIN_REPEATED_TOKENS = 9,
};

static void forbid(float *logits, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        logits[i] = -INFINITY;
}

static size_t likeliest(const float *logits, size_t from, size_t to)
{
    size_t best = from;

    for (size_t i = from + 1; i < to; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* log of the sum of the exponentials; what is far below the largest does not count. */
static float log_sum(const float *logits, size_t from, size_t to)
{
    float top = logits[likeliest(logits, from, to)], sum = 0;

    if (top == -INFINITY)
        return -INFINITY;
    for (size_t i = from; i < to; i++)
        if (logits[i] > top - 20)
            sum += expf(logits[i] - top);
    return top + logf(sum);
}

/* Timestamps stand in pairs (end of a piece, start of the next), never go back, and are put where likely. */
static void timestamp_rules(const struct ac_whisper_spec *s, float *logits, const int32_t *tokens, size_t n)
{
    size_t begin = (size_t)s->no_timestamps + 1, eot = (size_t)s->eot, last = 0;
    bool after = n >= 1 && tokens[n - 1] > s->no_timestamps;
    bool paired = n < 2 || tokens[n - 2] > s->no_timestamps;

    if (n == 0) {
        forbid(logits, 0, begin);
        if (begin + MAX_FIRST_TIMESTAMP + 1 < s->n_vocab)
            forbid(logits, begin + MAX_FIRST_TIMESTAMP + 1, s->n_vocab);
        return;
    }
    if (after && paired)
        forbid(logits, begin, s->n_vocab);
    else if (after)
        forbid(logits, 0, eot);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] > s->no_timestamps)
            last = (size_t)tokens[i];
    if (last)
        forbid(logits, begin, after && !paired ? last : last + 1); /* a piece has a length */
    if (log_sum(logits, begin, s->n_vocab) > logits[likeliest(logits, 0, begin)])
        forbid(logits, 0, begin);
}

int32_t ac_whisper_pick(const struct ac_whisper_spec *s, float *logits, const int32_t *tokens, size_t n,
                        bool timestamps, float *logprob)
{
    for (size_t i = 0; i <= (size_t)s->no_timestamps; i++)
        if (s->never[i])
            logits[i] = -INFINITY;
    if (timestamps)
        timestamp_rules(s, logits, tokens, n);
    else
        forbid(logits, (size_t)s->no_timestamps + 1, s->n_vocab);
    if (n == 0) {
        logits[s->blank] = -INFINITY;
        logits[s->eot] = -INFINITY;
    }
    size_t best = likeliest(logits, 0, s->n_vocab);
    *logprob = logits[best] - log_sum(logits, 0, s->n_vocab);
    return (int32_t)best;
}

float ac_whisper_probability(const float *logits, size_t n_vocab, int32_t token)
{
    return expf(logits[token] - log_sum(logits, 0, n_vocab));
}

int ac_whisper_likeliest_lang(const struct ac_whisper_spec *s, const float *logits)
{
    size_t best = 0;

    for (size_t i = 1; i < s->n_langs; i++)
        if (logits[s->lang_token[i]] > logits[s->lang_token[best]])
            best = i;
    return (int)best;
}

static bool same(const struct ac_whisper_spec *s, int32_t a, int32_t b)
{
    return a == b || (a > s->no_timestamps && b > s->no_timestamps);
}

size_t ac_whisper_unrepeated(const struct ac_whisper_spec *s, const int32_t *tokens, size_t n)
{
    for (size_t gram = 1; gram <= MAX_NGRAM; gram++) {
        size_t repeats = (MIN_REPEATED_TOKENS + gram - 1) / gram, run = 0;
        repeats = repeats < MIN_REPEATS ? MIN_REPEATS : repeats;
        if (gram * repeats > n)
            continue;
        while (run + gram < n && same(s, tokens[n - 1 - run], tokens[n - 1 - run - gram]))
            run++;
        if (run + gram >= gram * repeats)
            return n - run;
    }
    return n;
}
