/*
 * The messages of Microsoft's read-aloud service: the token that lets one in, what is sent, and the parts of
 * what comes back. Nothing here touches the network; any thread.
 */
#ifndef AC_TTS_EDGE_WIRE_H
#define AC_TTS_EDGE_WIRE_H

#include "base/str.h"

enum { AC_EDGE_TOKEN = 65, AC_EDGE_ID = 33, AC_EDGE_MAX_TEXT = 4096 /* bytes of escaped text a request */ };

/* The token Sec-MS-GEC of the five minutes that the Unix time lies in. */
void ac_edge_token(char out[AC_EDGE_TOKEN], int64_t unix_s, const char *trusted_client_token);
/* 32 random hex digits, lower case or upper. */
void ac_edge_random_id(char out[AC_EDGE_ID], bool upper);
/* "Sun, 06 Nov 1994 08:49:37 GMT" as Unix time; false where it is none. */
bool ac_edge_parse_date(const char *text, int64_t *unix_s);

/* "zh-CN-XiaoxiaoNeural", "zh-CN-liaoning-XiaobeiNeural": looks like a voice of the service. */
bool ac_edge_is_voice(const char *id);

struct ac_edge_how {
    const char *voice; /* short name */
    int rate_percent, volume_percent, pitch_hz;
};

/* The two messages of a request, appended: what is wanted, and (text of a chunk, not escaped) what is said.
 */
void ac_edge_add_config(struct ac_str *out, int64_t unix_s);
void ac_edge_add_ssml(struct ac_str *out, int64_t unix_s, const struct ac_edge_how *how, const char *text,
                      size_t len);

/*
 * The length of the next chunk of the text, whose escaped form is not larger than the service takes: all, or
 * up to the last line end, mark of a sentence or clause, or blank that fits, else up to a character's border.
 */
size_t ac_edge_chunk(const char *text, size_t len);

enum ac_edge_kind {
    AC_EDGE_NOTHING = 1, /* said for the record */
    AC_EDGE_SOUND,       /* body: MP3 */
    AC_EDGE_METADATA,    /* body: JSON */
    AC_EDGE_END,
};

struct ac_edge_message {
    enum ac_edge_kind kind;
    const char *body; /* in the message */
    size_t len;
};

/* Takes a message apart. AC_EPROTO with what (static text) where it breaks the protocol. */
int ac_edge_parse(bool binary, const char *data, size_t len, struct ac_edge_message *m, const char **what);

/* One word that the service has said: times from the beginning of the chunk's sound, its text unescaped. */
typedef void ac_edge_word_fn(void *arg, int64_t start_us, int64_t end_us, const char *text);
/* All words of a METADATA body. AC_EPROTO with what. */
int ac_edge_words(const char *json, size_t len, ac_edge_word_fn *fn, void *arg, const char **what);

#endif
