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

/*
 * Reads the start of the text; *logits gets what follows its last token. The values behind its first token,
 * which knows only the sound, tell the language and whether anybody speaks; a language that was guessed wrong
 * is put right and read again.
 */
static int read_start(const struct ac_whisper *w, struct ac_whisper_run *r, const struct ac_whisper_ask *ask,
                      struct ac_whisper_heard *heard, size_t *n, float **logits, struct ac_cancel *cancel,
                      struct ac_env *env)
{
    const struct ac_whisper_spec *s = &w->spec;
    int64_t tokens[AC_WHISPER_MAX_PROMPT];
    bool find = s->multilingual && ask->lang < 0;

    heard->lang = find ? ask->lang_guess : ask->lang;
    *n = prompt(s, heard->lang, ask->timestamps, tokens);
    int err = ac_whisper_step(w, r, tokens, *n, 0, logits, cancel, env);
    if (err)
        return err;
    heard->no_speech = ac_whisper_probability(*logits, s->n_vocab, s->no_speech);
    int likeliest = find ? ac_whisper_likeliest_lang(s, *logits) : heard->lang;
    if (likeliest != heard->lang) {
        heard->lang = likeliest;
        *n = prompt(s, heard->lang, ask->timestamps, tokens);
        err = ac_whisper_step(w, r, tokens, *n, 0, logits, cancel, env);
    }
    if (!err)
        *logits += (*n - 1) * s->n_vocab;
    return err;
}

int ac_whisper_decode(const struct ac_whisper *w, struct ac_whisper_run *r, const struct ac_whisper_ask *ask,
                      struct ac_whisper_heard *heard, struct ac_cancel *cancel, struct ac_env *env)
{
    const struct ac_whisper_spec *s = &w->spec;
    float *logits = NULL, logprob = 0, sum = 0;
    size_t max = ask->max_tokens < AC_WHISPER_MAX_TOKENS ? ask->max_tokens : AC_WHISPER_MAX_TOKENS;
    size_t n_start = 0, picked = 0;

    max = max < s->n_text_ctx / 2 ? max : s->n_text_ctx / 2;
    *heard = (struct ac_whisper_heard){.lang = -1};
    int err = read_start(w, r, ask, heard, &n_start, &logits, cancel, env);
    if (err)
        return err;
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
        int64_t next = token;
        err = ac_whisper_step(w, r, &next, 1, n_start + heard->n - 1, &logits, cancel, env);
        if (err)
            return err;
    }
    heard->logprob = sum / (float)picked;
    return 0;
}
