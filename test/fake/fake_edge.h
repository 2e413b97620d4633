/*
 * Microsoft's read-aloud service, as far as it is known, on the loopback: checks every header, the token and
 * both messages of a request, answers with real MP3 frames (test/data/speech.mp3, 3.2 s, whatever is said)
 * and the words of the text spread evenly over them, and fails on command.
 */
#ifndef TEST_FAKE_EDGE_H
#define TEST_FAKE_EDGE_H

#include "base/str.h"

enum fake_edge_fault {
    FAKE_EDGE_FINE = 0,
    FAKE_EDGE_BUSY,         /* 429 */
    FAKE_EDGE_DOWN,         /* 503 */
    FAKE_EDGE_SHUT_OUT,     /* 403 without a date */
    FAKE_EDGE_NO_SOUND,     /* turn.end, and nothing before */
    FAKE_EDGE_BROKEN_FRAME, /* a header longer than its message */
    FAKE_EDGE_NOT_MP3,      /* another type of sound */
    FAKE_EDGE_NO_PATH,      /* a message of a path that nobody knows */
    FAKE_EDGE_STALL_FIRST,  /* silence instead of sound */
    FAKE_EDGE_STALL,        /* silence after a second */
    FAKE_EDGE_CLOSE,        /* closes after a second */
    FAKE_EDGE_BREAK_FIRST,  /* breaks before the first sound */
    FAKE_EDGE_PAIRS,        /* two words in a message */
};

struct fake_edge_config {
    bool tls;
    int clock_s;       /* its clock goes so much ahead of ours */
    int frame_ms;      /* pause between pieces of sound (120 ms each) */
    int accept_ms;     /* pause before a connection is opened */
    const int *faults; /* fake_edge_fault of one request after the other, the last one for all that follow */
    size_t n_faults;   /* 0: all are fine */
};

struct fake_edge;

struct fake_edge *fake_edge_start(const struct fake_edge_config *cfg);
void fake_edge_stop(struct fake_edge *e);
void fake_edge_url(const struct fake_edge *e, char *out, size_t size);
const char *fake_edge_ca_file(const struct fake_edge *e);
size_t fake_edge_requests(struct fake_edge *e);  /* handshakes, refused ones too */
size_t fake_edge_most(struct fake_edge *e);      /* connections at once */
int64_t fake_edge_first_us(struct fake_edge *e); /* monotonic: when the last request's first sound was sent */
/* What was wrong with what came, "" = nothing; malloc'ed. The SSML of all requests, a line each; malloc'ed.
 */
char *fake_edge_problems(struct fake_edge *e);
char *fake_edge_ssml(struct fake_edge *e);

#endif
