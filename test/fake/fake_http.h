/*
 * A web server for tests that answers by a script and fails on command: one reply a request, the last one for
 * all that follow. It listens on the loopback and remembers what it was asked. Connections are served side by
 * side, and closed after a reply that does not keep them.
 */
#ifndef TEST_FAKE_HTTP_H
#define TEST_FAKE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

/* A part of a body that is sent at its own time. */
struct fake_piece {
    int after_ms; /* since the piece before */
    const char *data;
    size_t len; /* 0: strlen(data) */
};

struct fake_reply {
    int status;       /* 0: closes the connection without a word */
    const char *head; /* further header lines, each with its \r\n; NULL = none */
    const char *body;
    size_t len;      /* 0: strlen(body) */
    size_t break_at; /* > 0: closes after so many bytes of the body, with the length of all announced */
    bool ranges;     /* honours Range: bytes=N- with 206, or 416 */
    int delay_ms;    /* before the reply */
    const struct fake_piece *pieces; /* the body, instead of `body` */
    size_t n_pieces;
    bool chunked; /* in chunks, a piece each, without a length */
    bool keep;    /* the connection stays open for the next request */
};

struct fake_http;

/* The script is borrowed until the stop. */
struct fake_http *fake_http_start(const struct fake_reply *script, size_t n);
/* Ends at once, whatever is being sent. */
void fake_http_stop(struct fake_http *s);
const char *fake_http_url(const struct fake_http *s); /* "http://127.0.0.1:1234" */
size_t fake_http_count(struct fake_http *s);          /* requests so far */
size_t fake_http_connections(struct fake_http *s);    /* connections so far */
/* Head and body of a request, NUL-terminated behind its bytes; NULL when there was none. Until the stop. */
const char *fake_http_request(struct fake_http *s, size_t i, size_t *len);

#endif
