/*
 * What the files of the engine `openai` share: its options, its model, one answer in the making. Private to
 * openai*.c; see openai.c for what the engine does.
 */
#ifndef AC_LLM_OPENAI_H
#define AC_LLM_OPENAI_H

#include "avatarchat/handler.h"
#include "llm/chat_stream.h"
#include "llm/knowledge_base.h"
#include "llm/tools.h"
#include "net/breaker.h"
#include "net/http.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

struct openai_cfg {
    char *base_url, *model, *api_key_env, *api_key_file, *api_version;
    double temperature, top_p;
    int max_tokens, max_tokens_field;
    char *stop, *extra_body, *headers, *proxy, *ca_file;
    int connect_timeout_ms, first_token_timeout_s, idle_timeout_s, timeout_s, retries, max_answer_chars;
    int knowledge_passages;
    char *knowledge_path, *knowledge_extra_path;
    char *tools;
    int max_tool_rounds, filler_ms;
    char *filler_en, *filler_zh;
};

extern const struct ac_option openai_options[];

/* Shared by all sessions; after model_open only what stands under a lock changes. */
struct openai_model {
    const struct openai_cfg *cfg;
    char *base;       /* base_url without what is too much at its end */
    char *url;        /* of chat/completions */
    char *models_url; /* of models */
    char *key;        /* NULL = none; never logged, never in a message */
    char **headers;   /* NULL-terminated */
    json_t *extra_body;
    struct ac_knowledge_base *knowledge; /* NULL where nothing wants it */
    struct ac_tools *tools;              /* NULL = none */
    struct ac_breaker breaker;
    atomic_bool one_system; /* the model takes one system message, at the beginning: that has shown */
    bool has_locks;
    pthread_mutex_t lock;
    int64_t warmed_us; /* lock */
};

struct openai {
    struct ac_env *env;
    struct openai_model *model;
    const struct openai_cfg *cfg;
    unsigned n_fillers; /* said so far: they take turns */
};

/* One answer in the making: the call of process(). */
struct openai_answer {
    struct openai *o;
    const struct ac_frame *in;
    struct ac_sink *out;
    struct ac_cancel *cancel;
    int64_t begun_us;
    json_t *messages;
    size_t n_chars;  /* of the answer that were pushed */
    char last;       /* its last byte */
    bool new_round;  /* text that comes now follows a round of tools */
    bool full;       /* max_answer_chars is reached */
    bool tools_used; /* waiting is the tools' fault from now on */
    bool filled;     /* the filler was said */
    int push_err;    /* what the sink gave */
};

/* ---- openai_request.c ---- */

/* Adds the messages of the conversation, with passages of the knowledge base where they are asked for. */
json_t *openai_messages(struct openai *o, const struct ac_chat *chat);
/* Those that ask for a summary of it. */
json_t *openai_summary_messages(const struct ac_chat *chat);
/* The body of a request, malloc'ed. one_system: with one system message, at the beginning. */
char *openai_body(const struct openai_model *m, json_t *messages, bool offer_tools, bool one_system);
/* Adds what the model said and the calls that it made to the messages. Fills in ids that are missing. */
void openai_add_calls(json_t *messages, struct ac_chat_stream *s, const char *said, int round);
void openai_add_result(json_t *messages, const struct ac_chat_call *call, const struct ac_str *result);
/* The last question, "" when there is none. */
const char *openai_question(const struct ac_chat *chat);

/* ---- openai_call.c ---- */

/*
 * Sends the messages, pushes the text that comes (text gets it too); s is to be initialised and freed by the
 * caller. Repeats where that helps and nothing was pushed. Failing, the environment has the reason.
 */
int openai_call(struct openai_answer *a, bool offer_tools, struct ac_chat_stream *s, struct ac_str *text);
/* Called about every 20 ms while a tool or a model is waited for: says the filler when it is time. */
void openai_idle(struct openai_answer *a);

/* ---- openai_errors.c ---- */

/* How a request went, for its explanation. */
struct openai_trouble {
    int err;
    const struct ac_http_answer *answer;
    const struct ac_chat_stream *stream;
    int64_t took_us;  /* all of it */
    int64_t quiet_us; /* since the last byte of the body, -1 = none came */
};

/* Why it failed, as the reason of the environment: cause and remedy. Gives the code to return. */
int openai_explain(struct openai *o, const struct openai_trouble *t);

#endif
