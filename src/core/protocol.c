/* Client messages in, server messages out; see protocol.h. */
#include "core/protocol.h"

#include "base/mem.h"
#include "media/base64.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum ac_client_type type;
} client_types[] = {
    {"hello", AC_CLIENT_HELLO}, {"config", AC_CLIENT_CONFIG},           {"text", AC_CLIENT_TEXT},
    {"say", AC_CLIENT_SAY},     {"interrupt", AC_CLIENT_INTERRUPT},     {"playback", AC_CLIENT_PLAYBACK},
    {"ping", AC_CLIENT_PING},   {"audio_start", AC_CLIENT_AUDIO_START}, {"audio_end", AC_CLIENT_AUDIO_END},
    {"audio", AC_CLIENT_AUDIO},
};

enum { N_TYPES = sizeof client_types / sizeof *client_types, WHY = 256 };

/* A field of the message: in `data`, or at the top level. */
static json_t *field(const struct ac_client_message *m, const char *name)
{
    json_t *data = json_object_get(m->root, "data");
    json_t *v = json_is_object(data) ? json_object_get(data, name) : NULL;

    if (!v)
        v = json_object_get(m->root, name);
    return json_is_null(v) ? NULL : v;
}

static int get_string(const struct ac_client_message *m, const char *name, const char **out, char *why)
{
    json_t *v = field(m, name);

    if (!v)
        return 0;
    if (!json_is_string(v)) {
        snprintf(why, WHY, "`%s` must be a string", name);
        return AC_EPROTO;
    }
    *out = json_string_value(v);
    return 0;
}

static int get_number(const struct ac_client_message *m, const char *name, double lo, double hi, double *out,
                      char *why)
{
    json_t *v = field(m, name);

    if (!v)
        return 0;
    if (!json_is_number(v)) {
        snprintf(why, WHY, "`%s` must be a number", name);
        return AC_EPROTO;
    }
    double d = json_number_value(v);
    if (!(d >= lo && d <= hi)) {
        snprintf(why, WHY, "`%s` must be between %g and %g", name, lo, hi);
        return AC_EINVAL;
    }
    *out = d;
    return 0;
}

/* Whose conversations, and which one. */
static int parse_conversation(struct ac_client_message *m, char *why)
{
    struct ac_client_choices *c = &m->choices;
    int err = get_string(m, "resume", &c->resume, why);

    if (!err)
        err = get_string(m, "client", &c->client, why);

    if (!err)
        err = get_string(m, "conversation", &c->conversation, why);
    if (err)
        return err;
    if (c->client && !ac_client_id_valid(c->client)) {
        snprintf(why, WHY, "`client` must be 16 to 64 of A-Z a-z 0-9 _ -");
        return AC_EINVAL;
    }
    if (c->conversation && strcmp(c->conversation, "new") != 0 &&
        !ac_conversation_id_valid(c->conversation)) {
        snprintf(why, WHY, "`conversation` must be \"new\" or the id of one (32 hex digits)");
        return AC_EINVAL;
    }
    return 0;
}

static int parse_choices(struct ac_client_message *m, char *why)
{
    struct ac_client_choices *c = &m->choices;
    const char *delivery = NULL;
    int err = get_string(m, "language", &c->language, why);

    if (!err)
        err = get_string(m, "avatar", &c->avatar, why);
    if (!err)
        err = get_string(m, "voice", &c->voice, why);
    if (!err)
        err = get_string(m, "delivery", &delivery, why);
    if (!err)
        err = get_number(m, "rate", 0.5, 2, &c->rate, why);
    if (!err)
        err = get_number(m, "pitch", 0.5, 2, &c->pitch, why);
    if (!err)
        err = get_number(m, "threshold", 0.01, 0.99, &c->threshold, why);
    if (!err)
        err = parse_conversation(m, why);
    if (err || !delivery)
        return err;
    if (!strcmp(delivery, "stream"))
        c->delivery = AC_DELIVERY_STREAM;
    else if (!strcmp(delivery, "clip"))
        c->delivery = AC_DELIVERY_CLIP;
    else {
        snprintf(why, WHY, "`delivery` must be \"stream\" or \"clip\"");
        return AC_EINVAL;
    }
    return 0;
}

static int parse_text(struct ac_client_message *m, char *why)
{
    int err = get_string(m, "text", &m->text, why);

    if (!err && !m->text) {
        snprintf(why, WHY, "`text` is missing");
        err = AC_EPROTO;
    }
    if (!err)
        err = get_number(m, "idle_ms", 0, 1e9, &m->idle_ms, why);
    return err;
}

static int parse_playback(struct ac_client_message *m, char *why)
{
    double turn = 0;
    int err = get_number(m, "turn", 0, UINT32_MAX, &turn, why);

    if (!err)
        err = get_number(m, "heard_ms", 0, 1e9, &m->heard_ms, why);
    if (!err)
        err = get_number(m, "idle_ms", 0, 1e9, &m->idle_ms, why);
    m->turn = (uint32_t)turn;
    return err;
}

/* `format` and `sample_rate`: of a stream, or of a whole recording. */
static int parse_format(struct ac_client_message *m, bool whole, char *why)
{
    static const struct {
        const char *name;
        enum ac_audio_format stream, whole;
    } formats[] = {
        {"pcm_s16le", AC_AUDIO_PCM_S16LE, AC_AUDIO_PCM_S16LE},
        {"webm", AC_AUDIO_WEBM, AC_AUDIO_FILE},
        {"wav", 0, AC_AUDIO_FILE},
        {"ogg", 0, AC_AUDIO_FILE},
        {"mp3", 0, AC_AUDIO_FILE},
        {"mp4", 0, AC_AUDIO_FILE},
        {"flac", 0, AC_AUDIO_FILE},
    };
    const char *format = whole ? "wav" : "pcm_s16le";
    double rate_hz = AC_LISTEN_RATE_HZ;
    int err = get_string(m, "format", &format, why);

    if (!err)
        err = get_number(m, "sample_rate", 8000, 96000, &rate_hz, why);
    if (!err)
        err = get_number(m, "idle_ms", 0, 1e9, &m->idle_ms, why);
    if (err)
        return err;
    m->stream.rate_hz = (int)rate_hz;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(format, formats[i].name))
            m->stream.format = whole ? formats[i].whole : formats[i].stream;
    if (m->stream.format)
        return 0;
    snprintf(why, WHY, "`format` must be %s",
             whole ? "\"wav\", \"webm\", \"ogg\", \"mp3\", \"mp4\", \"flac\" or \"pcm_s16le\""
                   : "\"pcm_s16le\" or \"webm\"");
    return AC_EINVAL;
}

static int parse_audio_start(struct ac_client_message *m, char *why)
{
    const char *mode = "hands_free";
    int err = get_string(m, "mode", &mode, why);

    if (err)
        return err;
    if (!strcmp(mode, "hands_free"))
        m->stream.mode = AC_LISTEN_HANDS_FREE;
    else if (!strcmp(mode, "push_to_talk"))
        m->stream.mode = AC_LISTEN_PUSH_TO_TALK;
    else {
        snprintf(why, WHY, "`mode` must be \"hands_free\" or \"push_to_talk\"");
        return AC_EINVAL;
    }
    return parse_format(m, false, why);
}

static int parse_audio(struct ac_client_message *m, char *why)
{
    const char *text = NULL;
    int err = get_string(m, "audio", &text, why);

    if (!err && !text) {
        snprintf(why, WHY, "`audio` is missing: the recording in base64");
        err = AC_EPROTO;
    }
    if (!err)
        err = parse_format(m, true, why);
    if (err)
        return err;
    if (!strncmp(text, "data:", 5) && strchr(text, ','))
        text = strchr(text, ',') + 1;
    err = ac_base64_decode(text, &m->audio, &m->audio_len);
    if (!err && m->stream.format == AC_AUDIO_PCM_S16LE && m->audio_len % 2)
        err = AC_EINVAL;
    if (err || !m->audio_len) {
        snprintf(why, WHY, "`audio` must be base64 of at least one whole sample");
        return AC_EINVAL;
    }
    return 0;
}

static int parse_type(struct ac_client_message *m, char *why)
{
    const char *type = json_string_value(json_object_get(m->root, "type"));

    if (!type) {
        snprintf(why, WHY, "the message has no `type`");
        return AC_EPROTO;
    }
    for (size_t i = 0; i < N_TYPES; i++)
        if (!strcmp(type, client_types[i].name))
            m->type = client_types[i].type;
    if (m->type)
        return 0;
    int n = snprintf(why, WHY, "unknown type \"%.40s\"; known are", type);
    for (size_t i = 0; i < N_TYPES; i++)
        n += snprintf(why + n, (size_t)(WHY - n), "%s %s", i ? "," : "", client_types[i].name);
    return AC_EPROTO;
}

int ac_client_parse(const char *bytes, size_t len, struct ac_client_message *m, char *why)
{
    json_error_t e;

    memset(m, 0, sizeof *m);
    m->idle_ms = -1;
    m->root = json_loadb(bytes, len, 0, &e);
    if (!m->root) {
        snprintf(why, WHY, "not JSON: %.180s (at byte %d)", e.text, e.position);
        return AC_EPROTO;
    }
    if (!json_is_object(m->root)) {
        snprintf(why, WHY, "a message is a JSON object with a `type`");
        return AC_EPROTO;
    }
    int err = parse_type(m, why);
    if (err)
        return err;
    switch (m->type) {
    case AC_CLIENT_HELLO:
    case AC_CLIENT_CONFIG:
        return parse_choices(m, why);
    case AC_CLIENT_TEXT:
    case AC_CLIENT_SAY:
        return parse_text(m, why);
    case AC_CLIENT_PLAYBACK:
        return parse_playback(m, why);
    case AC_CLIENT_AUDIO_START:
        return parse_audio_start(m, why);
    case AC_CLIENT_AUDIO:
        return parse_audio(m, why);
    case AC_CLIENT_PING:
        m->data = json_object_get(m->root, "data");
        return 0;
    default:
        return 0;
    }
}

void ac_client_clear(struct ac_client_message *m)
{
    json_decref(m->root);
    m->root = NULL;
    free(m->audio);
    m->audio = NULL;
}

char *ac_server_message(const char *type, json_t *data, size_t *len)
{
    json_t *root = json_pack("{s:s, s:o}", "type", type, "data", data ? data : json_object());
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

    json_decref(root);
    if (!text) /* only when data holds malformed UTF-8, which no caller gives */
        text = ac_strdup("{\"type\":\"error\",\"data\":{\"code\":\"internal_error\"}}");
    *len = strlen(text);
    return text;
}

json_t *ac_error_data(int err, const char *message, uint32_t turn)
{
    json_t *data =
        json_pack("{s:s, s:s, s:b}", "code", ac_err_name(err), "message",
                  message && message[0] ? message : ac_err_text(err), "retryable", ac_err_retryable(err));

    if (!data)
        data = json_pack("{s:s, s:s, s:b}", "code", ac_err_name(err), "message", ac_err_text(err),
                         "retryable", ac_err_retryable(err));
    if (turn)
        json_object_set_new(data, "turn", json_integer(turn));
    return data;
}

/* UTF-16 units of the first n bytes of well-formed UTF-8. */
static size_t utf16_units(const char *s, size_t n)
{
    size_t units = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        units += c < 0x80 || c >= 0xC0;
        units += c >= 0xF0; /* a surrogate pair */
    }
    return units;
}

json_t *ac_sentence_data(uint32_t turn, uint32_t seq, const char *text, const struct ac_word *words, size_t n,
                         int64_t start_us, int64_t duration_us)
{
    json_t *list = json_array();
    size_t len = strlen(text);

    for (size_t i = 0; i < n; i++) {
        const struct ac_word *w = &words[i];
        if (w->text_start > len || w->text_len > len - w->text_start)
            continue;
        json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:i}", "t", w->start_us / 1000, "d",
                                              (w->end_us - w->start_us) / 1000, "s",
                                              (int)utf16_units(text, w->text_start), "n",
                                              (int)utf16_units(text + w->text_start, w->text_len)));
    }
    return json_pack("{s:i, s:i, s:s, s:I, s:I, s:o}", "turn", (int)turn, "seq", (int)seq, "text", text,
                     "start_ms", (json_int_t)(start_us / 1000), "duration_ms",
                     (json_int_t)(duration_us / 1000), "words", list);
}

json_t *ac_messages_data(const struct ac_stored_conversation *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->n_messages; i++) {
        const struct ac_stored_message *m = &c->messages[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:b}", "role", m->role, "text", m->text,
                                              "turn", (json_int_t)m->turn, "at_ms", (json_int_t)m->at_ms,
                                              "interrupted", m->interrupted));
    }
    return list;
}

json_t *ac_fragment_data(const struct ac_fragment *f)
{
    json_t *data =
        json_pack("{s:i, s:i, s:i, s:I, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:I}", "turn", (int)f->turn, "seq",
                  (int)f->seq, "chunk", (int)f->chunk, "size", (json_int_t)f->size, "mime", f->mime, "codecs",
                  f->codecs, "init", f->init, "first", f->first, "last", f->last, "start_ms",
                  (json_int_t)(f->start_us / 1000), "duration_ms", (json_int_t)(f->duration_us / 1000),
                  "idle_ms", (json_int_t)(f->idle_us / 1000));

    if (f->first)
        json_object_set_new(data, "text", json_string(f->text));
    return data;
}
