/* Opening and running a Whisper export (whisper_model.h). */
#include "asr/whisper_model.h"

#include "asr/find.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LANGS = 256, MAX_LIST = 4096 };

/* A whole number of the encoder's metadata, as the spec's fields hold them. */
static int meta(const struct ac_whisper *w, const char *key, int64_t min, int64_t max, size_t *value,
                struct ac_env *env)
{
    int64_t v = 0;
    int err = ac_infer_meta_int(w->encoder, key, min, max, &v, env);

    *value = (size_t)v;
    return err;
}

static int meta_token(const struct ac_whisper *w, const char *key, int32_t *token, struct ac_env *env)
{
    int64_t v = 0;
    int err = ac_infer_meta_int(w->encoder, key, 0, (int64_t)w->spec.n_vocab - 1, &v, env);

    *token = (int32_t)v;
    return err;
}

/* A list of tokens ("1,2,7") from the metadata; returns how many, or AC_EMODEL. */
static int meta_tokens(const struct ac_whisper *w, const char *key, int32_t *list, struct ac_env *env)
{
    char *text = ac_infer_meta(w->encoder, key), *rest = text;
    int n = 0;

    for (char *item; text && (item = strsep(&rest, ","));) {
        char *end;
        long v = strtol(item, &end, 10);
        if (end == item || *end || v < 0 || v >= (long)w->spec.n_vocab || n == MAX_LIST) {
            n = ac_env_fail(env, AC_EMODEL, "the model's metadata '%s' is no list of its tokens", key);
            break;
        }
        list[n++] = (int32_t)v;
    }
    free(text);
    return n;
}

static int read_langs(struct ac_whisper *w, const int32_t *tokens, size_t n, struct ac_env *env)
{
    struct ac_whisper_spec *s = &w->spec;
    char *text = ac_infer_meta(w->encoder, "all_language_codes"), *rest = text;

    s->lang_token = ac_zalloc((n + 1) * sizeof *s->lang_token);
    s->lang = ac_zalloc((n + 1) * sizeof *s->lang);
    for (char *item; text && s->n_langs < n && (item = strsep(&rest, ","));) {
        s->lang_token[s->n_langs] = tokens[s->n_langs];
        s->lang[s->n_langs++] = ac_strdup(item);
    }
    free(text);
    if (s->multilingual && (s->n_langs == 0 || s->n_langs != n))
        return ac_env_fail(env, AC_EMODEL, "the model names %zu languages and has %zu tokens for them",
                           s->n_langs, n);
    return 0;
}

/* Which tokens are never text: the model's list, and all between the end of the text and the timestamps. */
static int read_suppressed(struct ac_whisper *w, int32_t *list, struct ac_env *env)
{
    struct ac_whisper_spec *s = &w->spec;
    int n = meta_tokens(w, "non_speech_tokens", list, env);

    if (n < 0)
        return n;
    if (s->no_timestamps <= s->eot || s->no_speech <= s->eot || s->sot <= s->eot)
        return ac_env_fail(env, AC_EMODEL, "the model's special tokens do not follow its end of text");
    s->never = ac_zalloc(s->n_vocab * sizeof *s->never);
    for (int i = 0; i < n; i++)
        s->never[list[i]] = true;
    for (int32_t t = s->eot + 1; t <= s->no_timestamps; t++)
        s->never[t] = true;
    return 0;
}

static int read_spec(struct ac_whisper *w, struct ac_env *env)
{
    struct ac_whisper_spec *s = &w->spec;
    int32_t *list = ac_alloc(MAX_LIST * sizeof *list);
    size_t multilingual = 0;
    int err = meta(w, "n_mels", 1, 256, &s->n_mels, env);

    err = err ? err : meta(w, "n_audio_ctx", 2, 1 << 16, &s->n_audio_ctx, env);
    err = err ? err : meta(w, "n_text_layer", 1, 256, &s->n_layers, env);
    err = err ? err : meta(w, "n_text_ctx", 2 * AC_WHISPER_MAX_PROMPT, 1 << 16, &s->n_text_ctx, env);
    err = err ? err : meta(w, "n_text_state", 1, 1 << 16, &s->n_state, env);
    err = err ? err : meta(w, "n_vocab", 8, 1 << 20, &s->n_vocab, env);
    err = err ? err : meta(w, "is_multilingual", 0, 1, &multilingual, env);
    s->multilingual = multilingual != 0;
    err = err ? err : meta_token(w, "sot", &s->sot, env);
    err = err ? err : meta_token(w, "eot", &s->eot, env);
    err = err ? err : meta_token(w, "transcribe", &s->transcribe, env);
    err = err ? err : meta_token(w, "no_speech", &s->no_speech, env);
    err = err ? err : meta_token(w, "no_timestamps", &s->no_timestamps, env);
    err = err ? err : meta_token(w, "blank_id", &s->blank, env);
    err = err ? err : read_suppressed(w, list, env);
    int n = err ? err : meta_tokens(w, "all_language_tokens", list, env);
    err = n < 0 ? n : read_langs(w, list, (size_t)n, env);
    free(list);
    return err;
}

/* Encoder and decoder must fit the metadata and each other. */
static int check(struct ac_whisper *w, struct ac_env *env)
{
    const struct ac_whisper_spec *s = &w->spec;
    int64_t layers = (int64_t)s->n_layers, ctx = (int64_t)s->n_text_ctx, state = (int64_t)s->n_state;
    const struct ac_tensor_info mel = {"mel", AC_TENSOR_F32, 3, {-1, (int64_t)s->n_mels, -1}};
    const struct ac_tensor_info cross[] = {
        {"n_layer_cross_k", AC_TENSOR_F32, 4, {layers, -1, -1, state}},
        {"n_layer_cross_v", AC_TENSOR_F32, 4, {layers, -1, -1, state}},
    };
    const struct ac_tensor_info in[] = {
        {"tokens", AC_TENSOR_I64, 2, {-1, -1}},
        {"in_n_layer_self_k_cache", AC_TENSOR_F32, 4, {layers, -1, ctx, state}},
        {"in_n_layer_self_v_cache", AC_TENSOR_F32, 4, {layers, -1, ctx, state}},
        cross[0],
        cross[1],
        {"offset", AC_TENSOR_I64, 1, {1}},
    };
    const struct ac_tensor_info out[] = {
        {"logits", AC_TENSOR_F32, 3, {-1, -1, (int64_t)s->n_vocab}},
        {"out_n_layer_self_k_cache", AC_TENSOR_F32, 4, {layers, -1, ctx, state}},
        {"out_n_layer_self_v_cache", AC_TENSOR_F32, 4, {layers, -1, ctx, state}},
    };
    struct ac_tensor_info found = {0};
    int err = ac_infer_expect(w->encoder, &mel, 1, cross, 2, env);

    err = err ? err : ac_infer_expect(w->decoder, in, 6, out, 3, env);
    if (!err && ac_infer_find(w->encoder, false, "mel", &found) && found.shape[2] > 0)
        w->fixed_frames = (size_t)found.shape[2];
    if (!err && (w->fixed_frames % 2 || w->fixed_frames > 2 * s->n_audio_ctx))
        err = ac_env_fail(env, AC_EMODEL, "the encoder wants %zu mel frames, which does not fit its metadata",
                          w->fixed_frames);
    return err;
}

int ac_whisper_open(struct ac_whisper *w, const char *name, struct ac_env *env)
{
    char *remedy = ac_asr_remedy("whisper", name), *folder = NULL, *encoder = NULL, *decoder = NULL,
         *tokens = NULL;
    int err = ac_asr_find_folder(&folder, "whisper", name, remedy, env);

    err = err ? err : ac_asr_find_file(&encoder, folder, "*encoder.int8.onnx", "*encoder.onnx", remedy, env);
    err = err ? err : ac_asr_find_file(&decoder, folder, "*decoder.int8.onnx", "*decoder.onnx", remedy, env);
    err = err ? err : ac_asr_find_file(&tokens, folder, "*tokens.txt", NULL, remedy, env);
    err = err ? err : ac_infer_open(&w->encoder, encoder, remedy, 0, env);
    err = err ? err : ac_infer_open(&w->decoder, decoder, remedy, AC_INFER_STEPS, env);
    err = err ? err : read_spec(w, env);
    err = err ? err : check(w, env);
    err = err ? err : ac_tokens_open(&w->tokens, tokens, AC_TOKENS_BASE64, w->spec.n_vocab, remedy, env);
    if (!err)
        w->mel = ac_mel_new(w->spec.n_mels);
    free(tokens);
    free(decoder);
    free(encoder);
    free(folder);
    free(remedy);
    return err;
}

void ac_whisper_close(struct ac_whisper *w)
{
    struct ac_whisper_spec *s = &w->spec;

    for (size_t i = 0; i < s->n_langs; i++)
        free(s->lang[i]);
    free(s->lang);
    free(s->lang_token);
    free(s->never);
    ac_mel_free(w->mel);
    ac_tokens_free(w->tokens);
    ac_infer_close(w->decoder);
    ac_infer_close(w->encoder);
    *w = (struct ac_whisper){0};
}

int ac_whisper_lang(const struct ac_whisper *w, const char *code)
{
    for (size_t i = 0; i < w->spec.n_langs; i++)
        if (strcmp(w->spec.lang[i], code) == 0)
            return (int)i;
    return -1;
}

int ac_whisper_encode(const struct ac_whisper *w, struct ac_whisper_run *r, const int16_t *pcm, size_t n,
                      size_t n_frames, struct ac_cancel *cancel, struct ac_env *env)
{
    float *mel = ac_try_alloc(w->spec.n_mels * n_frames * sizeof *mel);
    struct ac_tensor in = AC_TENSOR("mel", AC_TENSOR_F32, mel, 1, (int64_t)w->spec.n_mels, (int64_t)n_frames);
    int err = mel ? ac_mel_compute(w->mel, pcm, n, n_frames, mel, cancel) : AC_ENOMEM;

    r->cross[0] = (struct ac_tensor){.name = "n_layer_cross_k"};
    r->cross[1] = (struct ac_tensor){.name = "n_layer_cross_v"};
    if (err)
        ac_env_fail(env, err, "%s", ac_err_text(err));
    else
        err = ac_infer_run(w->encoder, &in, 1, r->cross, 2, cancel, env);
    free(mel);
    return err;
}

/* The cache of an empty text. */
static int cache_start(const struct ac_whisper *w, struct ac_tensor *cache, float **zeros)
{
    const struct ac_whisper_spec *s = &w->spec;

    *zeros = calloc(s->n_layers * s->n_text_ctx * s->n_state, sizeof **zeros);
    for (int i = 0; i < 2; i++) {
        ac_tensor_free(&cache[i]);
        cache[i] = (struct ac_tensor){
            .type = AC_TENSOR_F32,
            .rank = 4,
            .shape = {(int64_t)s->n_layers, 1, (int64_t)s->n_text_ctx, (int64_t)s->n_state},
            .data = *zeros,
        };
    }
    return *zeros ? 0 : AC_ENOMEM;
}

int ac_whisper_step(const struct ac_whisper *w, struct ac_whisper_run *r, const int64_t *tokens, size_t n,
                    size_t offset, float **logits, struct ac_cancel *cancel, struct ac_env *env)
{
    int64_t at = (int64_t)offset;
    float *zeros = NULL;
    struct ac_tensor out[3] = {
        {.name = "logits"}, {.name = "out_n_layer_self_k_cache"}, {.name = "out_n_layer_self_v_cache"}};

    ac_tensor_free(&r->logits);
    if (offset == 0 && cache_start(w, r->cache, &zeros))
        return ac_env_fail(env, AC_ENOMEM, "%s", ac_err_text(AC_ENOMEM));
    struct ac_tensor in[6] = {
        AC_TENSOR("tokens", AC_TENSOR_I64, (int64_t *)tokens, 1, (int64_t)n),
        r->cache[0],
        r->cache[1],
        r->cross[0],
        r->cross[1],
        AC_TENSOR("offset", AC_TENSOR_I64, &at, 1),
    };
    in[1].name = "in_n_layer_self_k_cache";
    in[2].name = "in_n_layer_self_v_cache";
    int err = ac_infer_run(w->decoder, in, 6, out, 3, cancel, env);
    for (int i = 0; i < 2; i++) {
        ac_tensor_free(&r->cache[i]);
        r->cache[i] = out[1 + i];
    }
    free(zeros);
    r->logits = out[0];
    if (!err && ac_tensor_count(&r->logits) != n * w->spec.n_vocab)
        err = ac_env_fail(env, AC_EMODEL, "the decoder gave %zu values for %zu tokens",
                          ac_tensor_count(&r->logits), n);
    *logits = err ? NULL : r->logits.data;
    return err;
}

void ac_whisper_run_free(struct ac_whisper_run *r)
{
    for (int i = 0; i < 2; i++) {
        ac_tensor_free(&r->cross[i]);
        ac_tensor_free(&r->cache[i]);
    }
    ac_tensor_free(&r->logits);
}
