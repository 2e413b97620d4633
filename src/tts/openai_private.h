/* What the parts of the openai speech engine share: its options, the model, its voices. */
#ifndef AC_TTS_OPENAI_PRIVATE_H
#define AC_TTS_OPENAI_PRIVATE_H

#include "net/breaker.h"
#include "tts/cache.h"
#include "tts/text.h"

#include <jansson.h>

enum { OPENAI_MAX_VOICE = 64 };
#define OPENAI_VOICE_PREFIX "openai:" /* of voice ids, so that nobody else's is taken for one */

struct openai_tts_config {
    char *base_url, *model, *voice, *voices, *instructions, *extra_body, *api_key_env, *api_key_file, *proxy,
        *ca_file, *cache_dir;
    int response_format, pcm_rate_hz, connect_timeout_ms, first_timeout_ms, stall_timeout_ms, timeout_s,
        retries, cache_mb;
};

struct openai_tts_model {
    const struct openai_tts_config *cfg;
    char *url, *list_url;
    char *authorization; /* header, NULL = no key; never logged */
    json_t *extra;       /* NULL = none */
    struct ac_tts_cache *cache;
    struct ac_breaker breaker;
};

/* ---- openai_voices.c ---- */

/* The configured voice for the sentence. */
void openai_tts_choose_voice(const struct openai_tts_config *c, const struct ac_text *in,
                             const struct ac_tts_text *clean, char out[OPENAI_MAX_VOICE]);
/* The engine's `list`. */
int openai_tts_list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg);

#endif
