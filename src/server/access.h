/*
 * Who may do what: tokens, addresses and prefixes, what a proxy says about its client, origins, the header
 * that says who may frame the page. Rules without sockets; what they are applied to is in guard.c.
 *
 * An address is kept as 16 bytes, IPv4 as ::ffff:a.b.c.d.
 * Threads: what is built is read-only afterwards.
 */
#ifndef AC_SERVER_ACCESS_H
#define AC_SERVER_ACCESS_H

#include "core/config.h"

enum { AC_ADDRESS_BYTES = 16, AC_ADDRESS_TEXT = 64, AC_ACCESS_REASON = 256 };

/* ---- tokens ---- */

struct ac_token_set;
/*
 * Client tokens of server.client_tokens_file (one a line; empty lines and those with # do not count) and
 * $AVATAR_CHAT_CLIENT_TOKENS (between commas), the admin token of the variable server.admin_token_env or the
 * file server.admin_token_file. Reads files. AC_ECONFIG with reason: a file cannot be read, or a token is
 * shorter than 16 characters or has others than A-Z a-z 0-9 . _ ~ -.
 */
int ac_token_set_load(struct ac_token_set **tokens, const struct ac_server_config *cfg, char *reason);
void ac_token_set_free(struct ac_token_set *tokens); /* wipes them */
/* Whether any is configured. */
bool ac_token_set_for_clients(const struct ac_token_set *tokens);
bool ac_token_set_for_admin(const struct ac_token_set *tokens);
/* Whether this is one; how much of it is right does not show in the time it takes. */
bool ac_token_set_client(const struct ac_token_set *tokens, const char *given);
bool ac_token_set_admin(const struct ac_token_set *tokens, const char *given);
/* The token of an Authorization header ("Bearer T"), NULL when it has none. */
const char *ac_bearer(const char *authorization);
/* The token among WebSocket subprotocols ("avatar-chat, token.T"), copied; false when there is none. */
bool ac_protocol_token(const char *protocols, char *token, size_t size);

/* ---- addresses ---- */

/* Of "192.0.2.1", "::1", "[::1]:80", "192.0.2.1:80", an IPv6 zone left out. */
bool ac_address_parse(const char *text, size_t len, unsigned char address[AC_ADDRESS_BYTES]);
void ac_address_print(const unsigned char address[AC_ADDRESS_BYTES], char text[AC_ADDRESS_TEXT]);
bool ac_address_loopback(const unsigned char address[AC_ADDRESS_BYTES]);

struct ac_prefixes;
/* Of "127.0.0.1, 10.0.0.0/8, fd00::/8"; "" is none. AC_ECONFIG with reason. */
int ac_prefixes_parse(struct ac_prefixes **prefixes, const char *list, char *reason);
void ac_prefixes_free(struct ac_prefixes *prefixes);
bool ac_prefixes_match(const struct ac_prefixes *prefixes, const unsigned char address[AC_ADDRESS_BYTES]);
/*
 * Who really asks, where peer is a trusted proxy: the last address in X-Forwarded-For that is not a trusted
 * proxy itself. What stands before it anybody may have written. peer becomes that address; it stays as it is
 * where the header says nothing that can be read.
 */
void ac_forwarded_peer(const struct ac_prefixes *proxies, const char *x_forwarded_for,
                       unsigned char peer[AC_ADDRESS_BYTES]);

/* ---- pages ---- */

/* True for "localhost", 127.0.0.0/8 and [::1], with or without a port. */
bool ac_host_is_loopback(const char *host);
/* AC_ECONFIG with reason where the list is not one of "https://host[:port]" between commas ("" is none). */
int ac_origins_check(const char *list, char *reason);
/* Whether the origin stands in the list, port and scheme included. */
bool ac_origin_listed(const char *list, const char *origin);
/*
 * The sources of frame-ancestors for "self", "none" or a list of origins, and the older X-Frame-Options that
 * says the same ("" where it cannot). AC_ECONFIG with reason.
 */
int ac_frame_rule(const char *list, char *sources, size_t size, const char **x_frame_options, char *reason);

#endif
