/*
 * What a server of /v1/chat/completions answers, understood while it arrives, however the bytes are cut.
 *
 * Server-Sent Events with `choices[0].delta`, or, from a server that knows no streaming, one JSON object with
 * `choices[0].message`; which of them it is shows in the first byte. Reasoning is counted and kept, not given
 * out. Calls of tools arrive in pieces and are put together by their index. Halves of surrogate pairs, which
 * a JSON parser refuses, are joined with the half that the next event brings; what stays alone is U+FFFD.
 *
 * One instance an answer, one thread. Start with ac_chat_stream_init.
 */
#ifndef AC_LLM_CHAT_STREAM_H
#define AC_LLM_CHAT_STREAM_H

#include "net/sse.h"

enum { AC_CHAT_MAX_CALLS = 16, AC_CHAT_MAX_LINE = 512 << 10, AC_CHAT_MAX_JSON = 2 << 20 };

/* A call of a tool that the model asks for. */
struct ac_chat_call {
    long index;
    struct ac_str id, name, arguments; /* arguments: JSON as the model wrote it */
};

enum ac_chat_kind {
    AC_CHAT_UNKNOWN = 0,
    AC_CHAT_EVENTS,
    AC_CHAT_JSON,
    AC_CHAT_OTHER /* HTML and the like */
};

struct ac_chat_stream {
    /* set by init: takes the next piece of the answer, valid UTF-8, n > 0; non-zero ends the stream with it
     */
    int (*text)(void *arg, const char *text, size_t n);
    void *arg;

    enum ac_chat_kind kind;
    bool alive;                 /* something of the answer came: text, reasoning or a call */
    bool done;                  /* [DONE] was seen */
    size_t n_text;              /* bytes given to text */
    char finish[32];            /* finish_reason, "" = none yet */
    char model[64];             /* the service's name of it */
    long tokens_in, tokens_out; /* usage, -1 = not told */
    struct ac_str reasoning;    /* the end of it is dropped past 64 kB */
    size_t n_reasoning;         /* bytes of it */
    struct ac_chat_call calls[AC_CHAT_MAX_CALLS];
    size_t n_calls;
    char reason[160]; /* why it failed */

    struct ac_sse sse;
    struct ac_str body, joined; /* of the JSON answer; of a text with its surrogates joined */
    uint32_t held;              /* first half of a pair at the end of the last text, 0 = none */
};

void ac_chat_stream_init(struct ac_chat_stream *s, int (*text)(void *arg, const char *text, size_t n),
                         void *arg);
/* 0; AC_ELIMIT, AC_EPROTO (no JSON), AC_EENGINE (an error of the service), with reason; or what text gave. */
int ac_chat_stream_feed(struct ac_chat_stream *s, const char *bytes, size_t n);
/* The bytes have ended. AC_EIO: in the middle of the answer. */
int ac_chat_stream_finish(struct ac_chat_stream *s);
void ac_chat_stream_free(struct ac_chat_stream *s);

/*
 * What a service says in the body of an error, in any of the shapes there are ({"error": {"message"}},
 * {"error": text}, {"message"}, {"detail"}, …), as one line of valid UTF-8, cut; "" where it says nothing.
 */
void ac_chat_error_text(const char *body, size_t len, char *out, size_t size);
/* Text as one line: control characters out, cut at a whole character with "…" to fit into size. */
void ac_chat_one_line(const char *text, size_t len, char *out, size_t size);

#endif
