/* Whisper's decoding loop (whisper_decode.h). */
#include "asr/whisper_decode.h"

#include "asr/whisper_rules.h"

/* The start of every text: language and task. Returns how many tokens it has. */
static size_t prompt(const struct ac_whisper_spec *s, int lang, bool timestamps, int64_t *tokens)
{
    size_t n = 0;

    tokens[n++] = s->sot;
    if (s->multilingual) {
        tokens[n++] = s->lang_token[lang];
        tokens[n++] = s->transcribe;
    }
    if (!timestamps)
        tokens[n++] = s->no_timestamps;
    return n;
}

/* Reads the start token alone: what follows it tells the language. */
static int find_lang(const struct ac_whisper *w, struct ac_whisper_run *r, int *lang,
                     struct ac_cancel *cancel, struct ac_env *env)
{
    int64_t sot = w->spec.sot;
    float *logits;
    int err = ac_whisper_step(w, r, &sot, 1, 0, &logits, cancel, env);

    if (!err)
        *lang = ac_whisper_likeliest_lang(&w->spec, logits);
    return err;
}

int ac_whisper_decode(const struct ac_whisper *w, struct ac_whisper_run *r, const struct ac_whisper_ask *ask,
                      struct ac_whisper_heard *heard, struct ac_cancel *cancel, struct ac_env *env)
{
    const struct ac_whisper_spec *s = &w->spec;
    int64_t start[AC_WHISPER_MAX_PROMPT], next;
    float *logits, logprob = 0, sum = 0;
    size_t max = s->n_text_ctx / 2 < ask->max_tokens ? s->n_text_ctx / 2 : ask->max_tokens, picked = 0;
    int err = 0;

    *heard = (struct ac_whisper_heard){.lang = s->multilingual ? ask->lang : -1};
    if (s->multilingual && ask->lang < 0)
        err = find_lang(w, r, &heard->lang, cancel, env);
    size_t n_start = prompt(s, heard->lang, ask->timestamps, start);
    err = err ? err : ac_whisper_step(w, r, start, n_start, 0, &logits, cancel, env);
    if (err)
        return err;
    heard->no_speech = ac_whisper_probability(logits, s->n_vocab, s->no_speech);
    logits += (n_start - 1) * s->n_vocab;
    for (;;) {
        int32_t token = ac_whisper_pick(s, logits, heard->tokens, heard->n, ask->timestamps, &logprob);
        sum += logprob;
        picked++;
        if (token == s->eot)
            break;
        heard->tokens[heard->n++] = token;
        size_t keep = ac_whisper_unrepeated(s, heard->tokens, heard->n);
        heard->repeated = keep < heard->n;
        heard->n = keep;
        if (heard->repeated || heard->n >= max)
            break;
        next = token;
        err = ac_whisper_step(w, r, &next, 1, n_start + heard->n - 1, &logits, cancel, env);
        if (err)
            return err;
    }
    heard->logprob = sum / (float)picked;
    return 0;
}
