/*
 * The JSON side of the WebSocket protocol (docs/protocol.md): client messages parsed and checked, server
 * messages built. No state; any thread.
 */
#ifndef AC_CORE_PROTOCOL_H
#define AC_CORE_PROTOCOL_H

#include "core/listener.h"
#include "core/speaker.h"
#include "core/store.h"

#include <jansson.h>

enum ac_client_type {
    AC_CLIENT_INVALID = 0,
    AC_CLIENT_HELLO,
    AC_CLIENT_CONFIG,
    AC_CLIENT_TEXT,
    AC_CLIENT_SAY,
    AC_CLIENT_INTERRUPT,
    AC_CLIENT_PLAYBACK,
    AC_CLIENT_PING,
    AC_CLIENT_AUDIO_START,
    AC_CLIENT_AUDIO_END,
    AC_CLIENT_AUDIO,
};

/* Choices of `hello` and `config`; what is not given stays NULL or 0. Strings point into the message's JSON.
 */
struct ac_client_choices {
    const char *language, *avatar, *voice;
    const char *resume; /* token of the session that is taken over; acted on before the session sees it */
    const char *client, *conversation; /* names that are well-formed; conversation: an id or "new" */
    enum ac_delivery delivery;
    double rate, pitch;
    double threshold; /* listen.threshold of this session; 0 = not given */
};

struct ac_client_message {
    enum ac_client_type type;
    json_t *root; /* owner of everything below */
    const char *text;
    double idle_ms; /* -1 = not given */
    struct ac_client_choices choices;
    uint32_t turn;
    double heard_ms;
    struct ac_audio_stream stream; /* of audio_start and audio (without mode) */
    char *audio;                   /* of audio: the bytes, decoded; owned */
    size_t audio_len;
    json_t *data; /* of ping; may be NULL */
};

/*
 * Parses one text message. On failure AC_EPROTO (not JSON, unknown type, wrong field), AC_EINVAL (a value out
 * of range) and why (at least 256 bytes) says what and what is right. m is to be cleared in either case.
 */
int ac_client_parse(const char *bytes, size_t len, struct ac_client_message *m, char *why);
void ac_client_clear(struct ac_client_message *m);

/* {"type": type, "data": data} as text, malloc'ed; takes the reference to data (NULL: an empty object). */
char *ac_server_message(const char *type, json_t *data, size_t *len);
/* Data of `error`; turn 0 = none. */
json_t *ac_error_data(int err, const char *message, uint32_t turn);
/* Data of `sentence` with word times in UTF-16 units. */
json_t *ac_sentence_data(uint32_t turn, uint32_t seq, const char *text, const struct ac_word *words, size_t n,
                         int64_t start_us, int64_t duration_us);
/* The `messages` of a conversation. */
json_t *ac_messages_data(const struct ac_stored_conversation *c);
/* Data of `video_chunk_meta`. */
json_t *ac_fragment_data(const struct ac_fragment *f);

#endif
