/* What the parts of the edge engine share: its options, the model, one request. */
#ifndef AC_TTS_EDGE_PRIVATE_H
#define AC_TTS_EDGE_PRIVATE_H

#include "net/breaker.h"
#include "net/ws.h"
#include "tts/cache.h"
#include "tts/edge_wire.h"
#include "tts/mp3.h"
#include "tts/remote.h"
#include "tts/text.h"

#include <jansson.h>
#include <pthread.h>

struct edge_config {
    char *voice, *url, *list_url, *trusted_client_token, *gec_version, *user_agent, *origin, *ca_file, *proxy,
        *cache_dir;
    int volume_percent, max_connections, connect_timeout_ms, first_timeout_ms, stall_timeout_ms, retries,
        cache_mb;
};

/* Who waits for a connection, in line. */
struct edge_waiter {
    struct edge_waiter *next;
};

struct edge_model {
    const struct edge_config *cfg;
    struct ac_tts_cache *cache;
    struct ac_breaker breaker;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    int64_t skew_s;                   /* lock: the service's clock against ours */
    int used;                         /* lock: connections */
    struct edge_waiter *first, *last; /* lock */
    struct ac_ws *spare;              /* lock: opened ahead, one of used; NULL = none */
    int64_t spare_since_us;           /* lock */
    int64_t list_after_us;            /* lock: the list is not asked for before */
};

/* One sentence on its way: kept over a request's chunks. */
struct edge_take {
    struct edge_model *model;
    struct ac_env *env;
    struct ac_cancel *cancel;
    const struct ac_tts_text *clean;
    struct ac_edge_how how;
    struct ac_ws *spare; /* a connection for the first chunk that was opened ahead; NULL = none */
    struct ac_tts_remote out;
    struct ac_mp3 *mp3;
    size_t word_at, word_cp; /* where in the clean text the next word is looked for: byte, code point */
    int64_t base_us;         /* where the chunk begins on the sentence's clock */
    bool got_sound;          /* of this chunk */
    struct ac_str sound;     /* all that came, for the cache */
    json_t *words;           /* [start_us, end_us, text] */
};

/* Where the breaker and the retries go from here. */
struct edge_outcome {
    int err;
    bool service; /* the service's failure, and not the request's */
    bool again;   /* the same may go well when repeated */
};

/* ---- edge_link.c: connections ---- */

void edge_line_init(struct edge_model *m);
void edge_line_destroy(struct edge_model *m);
/* Waits for one of the connections that may be open at once. *spare: it was opened ahead, the caller's. */
int edge_line_enter(struct edge_model *m, struct ac_ws **spare, struct ac_cancel *cancel);
void edge_line_leave(struct edge_model *m);
/* Opens one ahead, where one is free. */
void edge_link_warm(struct edge_model *m, struct ac_cancel *cancel);
struct edge_outcome edge_link_open(struct edge_model *m, struct ac_env *env, struct ac_ws **ws,
                                   struct ac_cancel *cancel);
/* Now, by the service's clock. */
int64_t edge_now_s(struct edge_model *m);

/* ---- edge_take.c: one sentence ---- */

void edge_take_begin(struct edge_take *t, struct ac_sink *sink, const struct ac_frame *in);
void edge_take_free(struct edge_take *t);
/* Speaks all chunks of the sentence. */
struct edge_outcome edge_take_run(struct edge_take *t);
/* Speaks it from what the cache had. AC_EENGINE when that is of no use. */
int edge_take_replay(struct edge_take *t, const struct ac_str *notes, const struct ac_str *sound);
/* The words for the cache. */
void edge_take_notes(const struct edge_take *t, struct ac_str *notes);

#endif
