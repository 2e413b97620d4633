/*
 * The rules of HTTP that need no socket: which form of a content answers a request (RFC 9110: conditional
 * requests, ranges, content codings), what an id and an origin may look like. No state; any thread.
 */
#ifndef AC_SERVER_RULES_H
#define AC_SERVER_RULES_H

#include "server/assets.h"

/* Request headers that matter; "" when absent. */
struct ac_conditions {
    const char *if_none_match, *range, *if_range, *accept_encoding;
    bool head;
};

struct ac_reply {
    int status; /* 200, 206, 304, 416 */
    const char *body;
    size_t len;             /* of Content-Length; HEAD: as if the body were sent */
    bool gzip;              /* Content-Encoding: gzip */
    char tag[28];           /* with its quotes */
    char content_range[80]; /* "" = none */
};

void ac_reply_choose(const struct ac_content *content, const struct ac_conditions *when,
                     struct ac_reply *reply);

/* 1 to 64 of A-Z a-z 0-9 _ - */
bool ac_session_id_valid(const char *id);
/* 128 random bits as 32 hex digits. */
void ac_session_id_random(char id[33]);
/*
 * Whether a page of this origin may open a WebSocket at this host: same host name, or both names of this
 * machine. An absent origin (not a browser) may. Ports are not compared, so that a development server can
 * proxy.
 */
bool ac_origin_allowed(const char *origin, const char *host);

#endif
