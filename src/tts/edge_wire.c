/* Messages of the read-aloud service (edge_wire.h). */
#include "tts/edge_wire.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <ctype.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* ---- token, ids, dates ---- */

void ac_edge_token(char out[AC_EDGE_TOKEN], int64_t unix_s, const char *trusted)
{
    int64_t t = unix_s + 11644473600; /* seconds since 1601 */
    unsigned char digest[32];

    t -= t % 300;
    char *text = ac_asprintf("%lld%s", (long long)t * 10000000, trusted);
    EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
    free(text);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02X", digest[i]);
}

void ac_edge_random_id(char out[AC_EDGE_ID], bool upper)
{
    unsigned char bytes[16];

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        memset(bytes, 0, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, upper ? "%02X" : "%02x", bytes[i]);
}

/* As JavaScript writes it, whatever the locale. */
static void add_date(struct ac_str *out, int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm tm;

    gmtime_r(&t, &tm);
    ac_str_addf(out, "%s %s %02d %d %02d:%02d:%02d GMT+0000 (Coordinated Universal Time)", days[tm.tm_wday],
                months[tm.tm_mon], tm.tm_mday, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

bool ac_edge_parse_date(const char *text, int64_t *unix_s)
{
    struct tm tm = {0};
    char month[4];
    int end = 0;

    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT%n", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &end) != 6 ||
        !end || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_year < 1970 || tm.tm_hour > 23 || tm.tm_min > 59)
        return false;
    while (tm.tm_mon < 12 && strcmp(months[tm.tm_mon], month) != 0)
        tm.tm_mon++;
    tm.tm_year -= 1900;
    *unix_s = tm.tm_mon < 12 ? (int64_t)timegm(&tm) : 0;
    return tm.tm_mon < 12;
}

/* ---- voices ---- */

bool ac_edge_is_voice(const char *id)
{
    size_t len = strlen(id), lang = strcspn(id, "-"), parts = 0;

    if (lang < 2 || lang > 3 || len < 14 || strcmp(id + len - 6, "Neural") != 0)
        return false;
    for (const char *p = id; *p; p++) {
        parts += *p == '-';
        if (!isalnum((unsigned char)*p) && *p != '-')
            return false;
    }
    return parts >= 2;
}

/* The long name: the last part is the voice's, all before it the locale's. */
static void add_voice(struct ac_str *out, const char *id)
{
    const char *name = strrchr(id, '-');

    ac_str_addf(out, "Microsoft Server Speech Text to Speech Voice (%.*s, %s)", (int)(name - id), id,
                name + 1);
}

/* ---- what is sent ---- */

void ac_edge_add_config(struct ac_str *out, int64_t unix_s)
{
    ac_str_add(out, "X-Timestamp:");
    add_date(out, unix_s);
    ac_str_add(out,
               "\r\nContent-Type:application/json; charset=utf-8\r\nPath:speech.config\r\n\r\n"
               "{\"context\":{\"synthesis\":{\"audio\":{\"metadataoptions\":{\"sentenceBoundaryEnabled\":"
               "\"false\",\"wordBoundaryEnabled\":\"true\"},\"outputFormat\":"
               "\"audio-24khz-48kbitrate-mono-mp3\"}}}}\r\n");
}

static const char *escaped(char c)
{
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : NULL;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

void ac_edge_add_ssml(struct ac_str *out, int64_t unix_s, const struct ac_edge_how *how, const char *text,
                      size_t len)
{
    char id[AC_EDGE_ID];

    ac_edge_random_id(id, false);
    ac_str_addf(out, "X-RequestId:%s\r\nContent-Type:application/ssml+xml\r\nX-Timestamp:", id);
    add_date(out, unix_s);
    ac_str_add(out, "Z\r\nPath:ssml\r\n\r\n" /* the Z is expected */
                    "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='en-US'>"
                    "<voice name='");
    add_voice(out, how->voice);
    ac_str_addf(out, "'><prosody pitch='%+dHz' rate='%+d%%' volume='%+d%%'>", how->pitch_hz,
                how->rate_percent, how->volume_percent);
    for (size_t i = 0; i < len; i++) {
        const char *entity = escaped(text[i]);
        if (entity)
            ac_str_add(out, entity);
        else
            ac_str_add_n(out, is_control(text[i]) ? " " : text + i, 1);
    }
    ac_str_add(out, "</prosody></voice></speak>");
}

/* How good it is to cut after the code point: 0 = not between words. */
static int cut_rank(uint32_t cp)
{
    static const uint32_t sentence[] = {0x3002, 0xFF01, 0xFF1F, '.', '!', '?'}, /* 。！？ */
        clause[] = {0xFF0C, 0xFF1B, 0xFF1A, 0x3001, ',', ';', ':'};             /* ，；：、 */

    if (cp == '\n')
        return 4;
    for (size_t i = 0; i < sizeof sentence / sizeof *sentence; i++) {
        if (cp == sentence[i])
            return cp < 0x80 ? 0 : 3; /* a full stop may be a decimal point: the blank after it counts */
    }
    for (size_t i = 0; i < sizeof clause / sizeof *clause; i++) {
        if (cp == clause[i])
            return cp < 0x80 ? 0 : 2;
    }
    return cp == ' ' || cp == 0x3000 ? 1 : 0;
}

/* After a blank, it counts what stands before the blank. */
static int blank_rank(char before)
{
    return strchr(".!?", before) ? 3 : strchr(",;:", before) ? 2 : 1;
}

size_t ac_edge_chunk(const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    size_t best[5] = {0}, room = AC_EDGE_MAX_TEXT;

    while (p < end) {
        const char *from = p;
        uint32_t cp = ac_utf8_next(&p, end);
        const char *entity = p - from == 1 ? escaped(*from) : NULL;
        size_t n = entity ? strlen(entity) : (size_t)(p - from);
        if (n > room) {
            for (int rank = 4; rank > 0; rank--) { /* a good place early is worse than a fair one late */
                if (best[rank] > AC_EDGE_MAX_TEXT / 4)
                    return best[rank];
            }
            return best[1] ? best[1] : (size_t)(from - text);
        }
        room -= n;
        int rank = cut_rank(cp);
        if (rank == 1 && from > text && cp == ' ')
            rank = blank_rank(from[-1]);
        best[rank] = (size_t)(p - text);
    }
    return len;
}

/* ---- what comes ---- */

/* The value of a header among the lines [head, head + len); false when it is not there. */
static bool header(const char *head, size_t len, const char *name, const char **value, size_t *n)
{
    const char *end = head + len;
    size_t name_len = strlen(name);

    while (head < end) {
        const char *line_end = memmem(head, (size_t)(end - head), "\r\n", 2);
        size_t line = line_end ? (size_t)(line_end - head) : (size_t)(end - head);
        if (line > name_len && memcmp(head, name, name_len) == 0 && head[name_len] == ':') {
            *value = head + name_len + 1;
            *n = line - name_len - 1;
            return true;
        }
        head += line + (line_end ? 2 : 0);
    }
    return false;
}

static bool header_is(const char *head, size_t len, const char *name, const char *want)
{
    const char *value;
    size_t n;

    return header(head, len, name, &value, &n) && n == strlen(want) && memcmp(value, want, n) == 0;
}

static int bad(const char **what, const char *why)
{
    *what = why;
    return AC_EPROTO;
}

static int parse_binary(const char *data, size_t len, struct ac_edge_message *m, const char **what)
{
    const char *type;
    size_t n;

    if (len < 2)
        return bad(what, "a binary message without a header");
    size_t head = (size_t)(unsigned char)data[0] << 8 | (unsigned char)data[1];
    if (head + 2 > len)
        return bad(what, "a binary message shorter than its header");
    if (!header_is(data + 2, head, "Path", "audio"))
        return bad(what, "a binary message that is no audio");
    *m = (struct ac_edge_message){AC_EDGE_SOUND, data + 2 + head, len - 2 - head};
    if (!header(data + 2, head, "Content-Type", &type, &n)) {
        m->kind = AC_EDGE_NOTHING; /* the end of the sound */
        return m->len ? bad(what, "sound without a type") : 0;
    }
    if (n != 10 || memcmp(type, "audio/mpeg", 10) != 0)
        return bad(what, "sound that is not MP3");
    return m->len ? 0 : bad(what, "a piece of sound that is empty");
}

int ac_edge_parse(bool binary, const char *data, size_t len, struct ac_edge_message *m, const char **what)
{
    static const struct {
        const char *path;
        enum ac_edge_kind kind;
    } paths[] = {{"response", AC_EDGE_NOTHING},
                 {"turn.start", AC_EDGE_NOTHING},
                 {"audio.metadata", AC_EDGE_METADATA},
                 {"turn.end", AC_EDGE_END}};

    if (binary)
        return parse_binary(data, len, m, what);
    const char *gap = memmem(data, len, "\r\n\r\n", 4);
    size_t head = gap ? (size_t)(gap - data) : len, body = gap ? head + 4 : len;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (header_is(data, head, "Path", paths[i].path)) {
            *m = (struct ac_edge_message){paths[i].kind, data + body, len - body};
            return 0;
        }
    }
    return bad(what, "a message of an unknown kind");
}

/* &amp; &lt; &gt; as one would read them. malloc'ed. */
static char *unescape(const char *text)
{
    struct ac_str s = {0};

    while (*text) {
        size_t n = 1;
        char c = *text;
        if (strncmp(text, "&amp;", 5) == 0)
            n = 5, c = '&';
        else if (strncmp(text, "&lt;", 4) == 0)
            n = 4, c = '<';
        else if (strncmp(text, "&gt;", 4) == 0)
            n = 4, c = '>';
        ac_str_add_n(&s, &c, 1);
        text += n;
    }
    return ac_str_steal(&s);
}

int ac_edge_words(const char *text, size_t len, ac_edge_word_fn *fn, void *arg, const char **what)
{
    json_t *root = json_loadb(text, len, 0, NULL), *list = json_object_get(root, "Metadata"), *item;
    size_t i;
    int err = json_is_array(list) ? 0 : bad(what, "metadata that is not understood");

    json_array_foreach(list, i, item)
    {
        const char *type = json_string_value(json_object_get(item, "Type"));
        json_t *data = json_object_get(item, "Data");
        json_t *start = json_object_get(data, "Offset"), *duration = json_object_get(data, "Duration");
        const char *word = json_string_value(json_object_get(json_object_get(data, "text"), "Text"));
        if (type && (strcmp(type, "SessionEnd") == 0 || strcmp(type, "SentenceBoundary") == 0))
            continue;
        if (!type || strcmp(type, "WordBoundary") != 0 || !json_is_integer(start) ||
            !json_is_integer(duration) || !word) {
            err = bad(what, "metadata of an unknown kind");
            break;
        }
        int64_t from = json_integer_value(start) / 10, us = json_integer_value(duration) / 10;
        char *plain = unescape(word);
        if (from >= 0 && us >= 0 && from < INT64_C(1800000000) && us < INT64_C(1800000000))
            fn(arg, from, from + us, plain);
        free(plain);
    }
    json_decref(root);
    return err;
}
