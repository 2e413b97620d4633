/*
 * A server of /v1/chat/completions for tests, that behaves and misbehaves like the real ones: streams in
 * pieces of any size and speed, thinks, calls tools, stalls, hangs up, refuses. It listens on the loopback,
 * serves any number of connections at once, keeps them open, and remembers what it was asked.
 *
 *     static const struct fake_openai_reply replies[] = {{.text = "Hello there."}};
 *     struct fake_openai *s = fake_openai_start(&(struct fake_openai_config){.replies = replies, .n = 1});
 *     … llm.openai.base_url = fake_openai_url(s) …
 *     fake_openai_stop(s);
 *
 * POST …/chat/completions is answered by the script, one reply a request, the last one for all that follow;
 * without a script by "N: the last question". GET …/models lists the model. Further paths are the routes'.
 * Else 404.
 */
#ifndef TEST_FAKE_OPENAI_H
#define TEST_FAKE_OPENAI_H

#include <stdbool.h>
#include <stddef.h>

/* A call of a tool that the model makes. */
struct fake_openai_call {
    const char *id, *name, *arguments;
};

enum fake_openai_fault {
    FAKE_OPENAI_FINE = 0,
    FAKE_OPENAI_ERROR_DATA,  /* data: {"error": {"message": …}} */
    FAKE_OPENAI_ERROR_EVENT, /* event: error, data: {"message": …} */
    FAKE_OPENAI_MALFORMED,   /* data that is no JSON */
    FAKE_OPENAI_STALL,       /* sends nothing more, keeps the connection */
    FAKE_OPENAI_COMMENTS,    /* sends nothing but comments any more */
    FAKE_OPENAI_HANG_UP,     /* closes in the middle of the chunked body */
    FAKE_OPENAI_BREAK_OFF,   /* ends the body properly, without finish_reason and [DONE] */
    FAKE_OPENAI_ENDLESS,     /* never stops talking */
    FAKE_OPENAI_LONG_LINE,   /* a line of 1 MB */
};

struct fake_openai_reply {
    int status;       /* 0 = 200 */
    const char *head; /* further header lines, each with its \r\n */
    const char *type; /* Content-Type; NULL = what fits */
    const char *body; /* sent as it is, in chunks of `wire`, instead of an answer */

    const char *text;      /* of the answer; NULL = none with calls, else the echo of the last question */
    const char *reasoning; /* reasoning_content, before the text */
    const struct fake_openai_call *calls; /* after the text */
    size_t n_calls;
    const char *finish; /* finish_reason; NULL = "stop" or "tool_calls", "" = none */

    size_t piece;     /* characters of text, or of arguments, in an event; 0 = a word, or all */
    size_t wire;      /* bytes in a chunk of the body; 0 = an event */
    int delay_ms;     /* before the answer's head */
    int first_ms;     /* between head and first event */
    int piece_ms;     /* before each further piece of text */
    bool comments;    /* a comment before each event */
    bool crlf;        /* lines end in CRLF */
    bool usage;       /* a chunk with usage and no choices */
    bool no_done;     /* no [DONE] */
    bool linger;      /* the connection stays open after [DONE], the body not ended */
    bool no_stream;   /* one JSON object, whatever was asked for */
    bool split_pairs; /* surrogate pairs are cut in two events */
    bool no_index;    /* calls of tools without index, all in one event each */
    enum fake_openai_fault fault;
    void (*sent)(void *arg, size_t piece); /* called when a piece of text, from 0, has gone to the socket */
    void *sent_arg;
    size_t fault_after;     /* pieces of text before it */
    const char *fault_text; /* the error's message */
};

/* What another path answers, for tools and the like. */
struct fake_openai_route {
    const char *request; /* how its first line begins: "GET /weather" */
    int status;          /* 0 = 200 */
    const char *head, *body;
    int delay_ms;
};

struct fake_openai_config {
    const struct fake_openai_reply *replies;
    size_t n;
    /* instead of the script: the reply to the i-th chat request (from 0), whose body is given */
    const struct fake_openai_reply *(*choose)(void *arg, size_t i, const char *body);
    void *arg;
    const struct fake_openai_route *routes;
    size_t n_routes;
    const char *key;   /* NULL = any; else 401 without "Authorization: Bearer KEY" or "api-key: KEY" */
    const char *model; /* NULL = any; else 404 for another */
    int port;          /* 0 = a free one */
};

/* What was asked. Strings last until the stop. */
struct fake_openai_request {
    const char *head; /* first line and headers */
    const char *body;
    size_t connection; /* number of the connection it came on, from 0 */
};

struct fake_openai;

/* The configuration's pointers are borrowed until the stop. NULL where the port is taken. */
struct fake_openai *fake_openai_start(const struct fake_openai_config *config);
/* Closes all connections and ends all threads. */
void fake_openai_stop(struct fake_openai *s);
const char *fake_openai_url(const struct fake_openai *s);    /* "http://127.0.0.1:1234/v1" */
const char *fake_openai_origin(const struct fake_openai *s); /* "http://127.0.0.1:1234" */
/* Requests so far whose first line begins so: "POST /v1/chat/completions", "GET /v1/models", "" = all. */
size_t fake_openai_count(struct fake_openai *s, const char *request);
/* The i-th of them; false where there is none (yet). */
bool fake_openai_get(struct fake_openai *s, const char *request, size_t i, struct fake_openai_request *out);

#endif
